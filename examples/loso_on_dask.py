"""
LOSO on a cluster of machines
=============================

Leave-one-subject-out over the bundled EEG, with the folds spread over Dask workers. Here the
cluster is two processes on this machine. For a real one, replace ``LocalCluster`` by the address of
its scheduler, ``Client("tcp://...:8786")``; nothing else changes. X is sent to each worker once, a
worker that is lost has its folds run again elsewhere, and the scores are those of a single process,
bit for bit. Folds are kept as they finish: stop it, run it again, and it goes on.
"""

from argparse import ArgumentParser

from distributed import Client, LocalCluster
from joblib import parallel_config

from skmamba import compare, evaluate, load_eegmat, make_models


def main():
    """Score models on every subject, side by side."""
    parser = ArgumentParser(description="Leave one subject out, on Dask workers.")
    parser.add_argument("--subjects", type=int, default=20, help="how many of the 20 people")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training data")
    parser.add_argument("--store", default="results/loso_on_dask", help="keeps finished folds")
    options = parser.parse_args()

    trials = load_eegmat()
    subjects = trials.metadata["subject"].unique()[: options.subjects]
    trials = trials.select(subject=subjects)
    models = make_models(["MS-iMamba", "band-power-LDA"], trials)
    models["MS-iMamba"][-1].set_params(max_epochs=options.epochs)

    # One thread a worker: folds are what runs side by side.
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster), parallel_config(backend="dask"):
            results = evaluate(models, trials, cv="cross_subject", cache_dir=options.store).scores
    print(compare(results).round(3).to_string())


if __name__ == "__main__":
    main()
