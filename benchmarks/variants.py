"""Settings of MS-iMamba on folds over the subjects of EEGMAT, as used to choose the default.

Run ``python benchmarks/variants.py '{"top_k": 3}' '{"n_members": 1}'``. Each setting is a row:
means over seeds, their range, and the scores of the mean probabilities of all seeds. ``"model"``
selects a different model, ``"picks": null`` all channels; other keys are parameters of the
classifier or of its network.
"""

import json
from argparse import ArgumentParser

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from results import EXAMPLE
from scores import to_markdown
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import GroupKFold

from skmamba import load_eegmat, make_models


def predict_windows(model, trials, n_folds, seed):
    """Return the probability of class 1 of each window, by a model fitted to other subjects."""
    picker, windows, clf = model
    bags = windows.fit_transform(picker.fit_transform(trials.X))
    proba = np.empty(bags.shape[:2])
    folds = GroupKFold(n_folds).split(bags, groups=trials.metadata["subject"])
    for fold, (train, test) in enumerate(folds):
        fitted = (
            clone(clf).set_params(random_state=1000 * seed + fold).fit(bags[train], trials.y[train])
        )
        n_test, n_windows = bags[test].shape[:2]
        single = bags[test].reshape(n_test * n_windows, 1, *bags.shape[2:])
        proba[test] = fitted.predict_proba(single)[:, 1].reshape(n_test, n_windows)
    return proba


def score(proba, y):
    of_windows, y_windows = proba.ravel(), np.repeat(y, proba.shape[1])
    return {
        "windows": balanced_accuracy_score(y_windows, of_windows > 0.5),
        "trials": balanced_accuracy_score(y, proba.mean(1) > 0.5),
        "AUC of windows": roc_auc_score(y_windows, of_windows),
        "AUC of trials": roc_auc_score(y, proba.mean(1)),
    }


def describe(setting, probas, y):
    """Return a row: means over seeds, range of trials, and scores of the mean probabilities."""
    by_seed = pd.DataFrame([score(proba, y) for proba in probas])
    row = {"setting": json.dumps(setting), **by_seed.mean().map("{:.3f}".format)}
    row["trials, seeds"] = f"{by_seed['trials'].min():.2f} to {by_seed['trials'].max():.2f}"
    mean = score(np.mean(probas, axis=0), y)
    row["all seeds as one"] = f"{mean['windows']:.3f} / {mean['trials']:.3f}"
    return row


def main(argv=None):
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="+", type=json.loads, metavar="JSON")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--subjects", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(argv)
    trials = load_eegmat()
    trials = trials.select(subject=trials.metadata["subject"].unique()[: options.subjects])
    rows = []
    for setting in options.settings:
        changes = dict(setting)
        name, picks = changes.pop("model", "MS-iMamba"), changes.pop("picks", "frontal4")
        (model,) = make_models(name, trials, picks=picks).values()
        EXAMPLE["set_params"](model[-1], changes)
        probas = Parallel(options.jobs)(
            delayed(predict_windows)(model, trials, options.folds, seed)
            for seed in range(options.seeds)
        )
        rows.append(describe(setting, probas, trials.y))
        print(rows[-1], flush=True)
    print(to_markdown(rows))


if __name__ == "__main__":
    main()
