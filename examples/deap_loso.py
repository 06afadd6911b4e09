"""
DEAP, leave-one-subject-out
===========================

Classification of high and low valence from four frontal channels, with windows of two seconds. The
files of DEAP are available from its owners on request; pass their folder::

    python examples/deap_loso.py DEAP/data_preprocessed_python --cache DEAP/cache

``--fake`` uses a small synthetic data set of the same format.
"""

from argparse import ArgumentParser
from tempfile import TemporaryDirectory

from skmamba import compare, evaluate, load_deap, make_models
from skmamba.datasets import write_fake_deap


def main():
    """Load the data, evaluate, and print the scores."""
    parser = ArgumentParser(description="MS-iMamba on DEAP, leave-one-subject-out.")
    parser.add_argument("folder", nargs="?", help="folder of s01.dat ... or s01.mat ...")
    parser.add_argument("--fake", action="store_true", help="use a small synthetic data set")
    parser.add_argument("--target", default="valence", help="or arousal, dominance, liking")
    parser.add_argument("--cache", help="folder for compact copies, which load faster")
    parser.add_argument("--epochs", type=int, help="training epochs")
    parser.add_argument("--jobs", type=int, default=-1, help="parallel folds")
    parser.add_argument("--cache-dir", help="folder of cached folds, to resume from")
    options = parser.parse_args()
    if bool(options.folder) == options.fake:
        parser.error("pass the folder of DEAP, or --fake")
    max_epochs = options.epochs or (3 if options.fake else None)
    with TemporaryDirectory() as temporary:
        if options.fake:
            write_fake_deap(temporary, n_subjects=4, n_trials=20, n_times=384 + 1280)
        trials = load_deap(options.folder or temporary, options.target, cache=options.cache)
    print(trials)
    models = make_models("MS-iMamba", trials, max_epochs=max_epochs)
    results = evaluate(
        models,
        trials,
        "cross_subject",
        n_jobs=options.jobs,
        cache_dir=options.cache_dir,
        random_state=0,
    )
    for score in ("accuracy", "balanced_accuracy"):
        print(f"\n{score}, leave-one-subject-out:\n")
        print(compare(results, score, random_state=0).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
