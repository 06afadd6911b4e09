"""
Leave-one-subject-out on a cluster
==================================

The cross-validation folds of the bundled EEG run on Dask workers. Here, the cluster consists of two
processes on this machine; for an existing cluster, replace ``LocalCluster`` by the address of its
scheduler, ``Client("tcp://...:8786")``. X is sent to each worker once, and folds of a lost worker
are run again. Scores are bitwise equal to those of a single process. An interrupted evaluation
resumes from its cached folds.
"""

from argparse import ArgumentParser

from distributed import Client, LocalCluster
from joblib import parallel_config

from skmamba import compare, evaluate, load_eegmat, make_models


def main():
    """Score models on every subject, in parallel."""
    parser = ArgumentParser(description="Leave-one-subject-out on Dask workers.")
    parser.add_argument("--subjects", type=int, default=20, help="number of subjects, at most 20")
    parser.add_argument("--epochs", type=int, default=20, help="training epochs")
    parser.add_argument("--cache-dir", default="results/loso_on_dask", help="cached folds")
    options = parser.parse_args()

    trials = load_eegmat()
    subjects = trials.metadata["subject"].unique()[: options.subjects]
    trials = trials.select(subject=subjects)
    models = make_models(["MS-iMamba", "band-power-LDA"], trials, picks="frontal4")
    models["MS-iMamba"][-1].set_params(max_epochs=options.epochs)

    # One thread per worker: folds run in parallel.
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster), parallel_config(backend="dask"):
            results = evaluate(
                models, trials, "cross_subject", cache_dir=options.cache_dir, random_state=0
            )
    print(compare(results, random_state=0).round(3).to_string())


if __name__ == "__main__":
    main()
