"""
MS-iMamba on DEAP, leaving one subject out
==========================================

High or low valence from four frontal electrodes, in windows of two seconds, on people the model
has never met. DEAP's owners give the files out on request; say where yours lie::

    python examples/deap_loso.py DEAP/data_preprocessed_python --cache DEAP/cache

``--fake`` needs no files: it invents a small set of the same form and runs on that.
"""

from argparse import ArgumentParser
from tempfile import TemporaryDirectory

from skmamba import compare, evaluate, load_deap, make_models
from skmamba.datasets import write_fake_deap


def main():
    """Load, leave each subject out once, print the scores."""
    parser = ArgumentParser(description="MS-iMamba on DEAP, leaving one subject out.")
    parser.add_argument("folder", nargs="?", help="where s01.dat or s01.mat and so on lie")
    parser.add_argument("--fake", action="store_true", help="invent a small set instead")
    parser.add_argument("--target", default="valence", help="or arousal, dominance, liking")
    parser.add_argument("--cache", help="folder for compact copies, read faster next time")
    parser.add_argument("--epochs", type=int, help="passes over the training data")
    parser.add_argument("--jobs", type=int, default=-1, help="subjects left out at a time")
    parser.add_argument("--store", help="folder that keeps finished folds; run again to go on")
    options = parser.parse_args()
    if bool(options.folder) == options.fake:
        parser.error("give the folder of DEAP, or --fake")
    max_epochs = options.epochs or (3 if options.fake else 20)
    with TemporaryDirectory() as temporary:
        if options.fake:
            write_fake_deap(temporary, n_subjects=4, n_trials=20, n_times=384 + 1280)
        trials = load_deap(
            options.folder or temporary, options.target, cache=options.cache, verbose=True
        )
    print(trials)
    models = make_models("MS-iMamba", trials, picks=None, max_epochs=max_epochs)
    results = evaluate(
        models, trials, "cross_subject", n_jobs=options.jobs, cache_dir=options.store
    ).scores
    for score in ("accuracy", "balanced_accuracy"):
        print(
            f"\n{score} over {trials.metadata['subject'].nunique()} subjects, left out once each:\n"
        )
        print(compare(results, score).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
