"""Settings of MS-iMamba on folds over the subjects of a data set, as used to choose the default.

Run ``python benchmarks/variants.py '{"top_k": 3}' '{"n_members": 3}'``. Each setting is a row:
means over seeds, each with its own folds, their range, and the scores of the mean probabilities of
all seeds. ``"model"`` selects a different model, ``"picks": null`` all channels; other keys are
parameters of the classifier or of its network. ``--set`` and ``--data`` select another data set,
see ``data_sets.py``.
"""

import json
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pandas as pd
from data_sets import DATA_SETS
from joblib import Parallel, delayed
from measure import to_markdown
from results import EXAMPLE
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import GroupKFold


def predict_windows(model, trials, n_folds, seed):
    """Return the probabilities of each window, by a model fitted to other subjects."""
    picker, windows, clf = model
    bags = windows.fit_transform(picker.fit_transform(trials.X))
    proba = np.empty((*bags.shape[:2], len(np.unique(trials.y))))
    cv = GroupKFold(n_folds, shuffle=True, random_state=seed)
    folds = cv.split(bags, groups=trials.metadata["subject"])
    for fold, (train, test) in enumerate(folds):
        fitted = (
            clone(clf).set_params(random_state=1000 * seed + fold).fit(bags[train], trials.y[train])
        )
        n_test, n_windows = bags[test].shape[:2]
        single = bags[test].reshape(n_test * n_windows, 1, *bags.shape[2:])
        proba[test] = fitted.predict_proba(single).reshape(n_test, n_windows, -1)
    return proba


def score(proba, y):
    """Return scores of windows and of trials."""
    scores = {}
    repeated = np.repeat(y, proba.shape[1])
    parts = {"windows": (proba.reshape(len(repeated), -1), repeated), "trials": (proba.mean(1), y)}
    for name, (own, labels) in parts.items():
        predicted = np.unique(y)[own.argmax(1)]
        scores[name] = balanced_accuracy_score(labels, predicted)
        own = own[:, 1] if own.shape[1] == 2 else own
        scores[f"AUC of {name}"] = roc_auc_score(labels, own, multi_class="ovr")
    return scores


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
    parser.add_argument("--subjects", type=int, help="number of subjects, by default all")
    parser.add_argument("--set", choices=DATA_SETS, default="EEGMAT")
    parser.add_argument("--data", type=Path, help="folder of data sets")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(argv)
    entry = DATA_SETS[options.set]
    trials = entry.load(options.data)
    trials = trials.select(subject=trials.metadata["subject"].unique()[: options.subjects])
    rows = []
    for setting in options.settings:
        changes = dict(setting)
        name = changes.pop("model", "MS-iMamba")
        picks = {"picks": changes.pop("picks")} if "picks" in changes else {}
        (model,) = entry.make_models(name, trials, **picks).values()
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
