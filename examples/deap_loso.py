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

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import LeaveOneGroupOut, cross_validate
from sklearn.pipeline import make_pipeline

from skmamba import MSiMambaClassifier, SlidingWindows, load_deap, write_fake_deap

SCORES = ["accuracy", "balanced_accuracy"]


def score(trials, max_epochs=20, n_jobs=None):
    """Scores of MS-iMamba and of the commonest class, one of each per left-out subject."""
    pipe = make_pipeline(
        SlidingWindows(size=2, sfreq=trials.sfreq),
        MSiMambaClassifier(max_epochs=max_epochs, random_state=0),
    )
    models = {"MS-iMamba": pipe, "majority": DummyClassifier(strategy="most_frequent")}
    subjects = trials.metadata["subject"]
    return {
        name: cross_validate(
            model,
            trials.X,
            trials.y,
            groups=subjects,
            cv=LeaveOneGroupOut(),
            scoring=SCORES,
            n_jobs=n_jobs,
        )
        for name, model in models.items()
    }


def main():
    """Load, leave each subject out once, print the scores."""
    parser = ArgumentParser(description="MS-iMamba on DEAP, leaving one subject out.")
    parser.add_argument("folder", nargs="?", help="where s01.dat or s01.mat and so on lie")
    parser.add_argument("--fake", action="store_true", help="invent a small set instead")
    parser.add_argument("--target", default="valence", help="or arousal, dominance, liking")
    parser.add_argument("--cache", help="folder for compact copies, read faster next time")
    parser.add_argument("--epochs", type=int, help="passes over the training data")
    parser.add_argument("--jobs", type=int, default=-1, help="subjects left out at a time")
    options = parser.parse_args()
    if bool(options.folder) == options.fake:
        parser.error("give the folder of DEAP, or --fake")
    max_epochs = options.epochs or (3 if options.fake else 20)
    with TemporaryDirectory() as temporary:
        if options.fake:
            write_fake_deap(temporary, n_subjects=4, n_trials=20, n_times=384 + 1280)
        trials = load_deap(
            options.folder or temporary, options.target, cache=options.cache, progress=True
        )
    print(trials)
    results = score(trials, max_epochs, options.jobs)
    print(f"\n{trials.metadata['subject'].nunique()} subjects, each left out once; mean ± sd:\n")
    for model, result in results.items():
        scores = (result[f"test_{name}"] for name in SCORES)
        accuracy, balanced = (f"{np.mean(s):.2f} ± {np.std(s, ddof=1):.2f}" for s in scores)
        print(f"{model:10} accuracy {accuracy}, balanced accuracy {balanced}")


if __name__ == "__main__":
    main()
