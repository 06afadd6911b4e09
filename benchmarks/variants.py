"""Settings of a network, compared on folds over people: how the default was chosen.

Run ``python benchmarks/variants.py '{"top_k": 3}' '{"n_members": 1}'``. Each setting is a row: its
means over seeds, the least and most of a seed, and what the mean of all seeds' probabilities
scores. ``"model"`` names another network of the registry, ``"channels": null`` takes them all.
"""

import json
from argparse import ArgumentParser

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import GroupKFold
from speed import to_markdown

from skmamba import load_eegmat, make_models


def predict_windows(model, trials, n_folds, seed):
    """Probability of class 1 of each window, by a model that has not seen the person."""
    picker, windows, clf = model
    bags = windows.fit_transform(picker.fit_transform(trials.X))
    proba = np.empty(bags.shape[:2])
    folds = GroupKFold(n_folds).split(bags, groups=trials.metadata["subject"])
    for fold, (train, test) in enumerate(folds):
        network = clone(clf).set_params(random_state=1000 * seed + fold)
        network.fit(bags[train], trials.y[train])
        n_test, n_windows = bags[test].shape[:2]
        single = bags[test].reshape(n_test * n_windows, 1, *bags.shape[2:])
        proba[test] = network.predict_proba(single)[:, 1].reshape(n_test, n_windows)
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
    """One row: means over seeds, their range for trials, and the mean of all seeds as a model."""
    by_seed = pd.DataFrame([score(proba, y) for proba in probas])
    row = {"setting": json.dumps(setting), **by_seed.mean().map("{:.3f}".format)}
    trials = by_seed["trials"]
    row["trials, seeds"] = f"{trials.min():.2f} to {trials.max():.2f}"
    together = score(np.mean(probas, axis=0), y)
    row["all seeds as one"] = f"{together['windows']:.3f} / {together['trials']:.3f}"
    return row


def main(argv=None):
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="+", type=json.loads, metavar="JSON")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(argv)
    trials = load_eegmat()
    trials = trials.select(subject=trials.metadata["subject"].unique()[: options.people])
    rows = []
    for setting in options.settings:
        changes = dict(setting)
        channels = {"channels": changes.pop("channels")} if "channels" in changes else {}
        (model,) = make_models(changes.pop("model", "MS-iMamba"), trials, **channels).values()
        model[-1].set_params(**changes)
        probas = Parallel(options.jobs)(
            delayed(predict_windows)(model, trials, options.folds, seed)
            for seed in range(options.seeds)
        )
        rows.append(describe(setting, probas, trials.y))
        print(rows[-1], flush=True)
    print(to_markdown(rows))


if __name__ == "__main__":
    main()
