"""Prediction of labels from duration, amplitude and order, without the time course of the EEG."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from .._format import LABEL_FROM, format_p_value
from .._metadata import TRIAL_COLUMNS, describe_missing, encode, read_numbers
from ._baselines import group_exchangeable

N_PERMUTATIONS = 999
ALPHA = 0.01


def summarize_label_predictions(folds, trials, trial, unknown):
    """Return a row of the leakage report for each quantity that may predict the labels.

    ``trial`` has the number of the trial of each row; ``unknown`` is why some are -1, or empty.
    """
    unknown = unknown or _describe_labels(trials.y)
    if unknown:
        texts = dict.fromkeys(["duration", "amplitude", "order"], ("", f"unknown: {unknown}"))
    else:
        texts = _test_quantities(folds, trials, trial)
    return [make_row(LABEL_FROM + name, len(folds), *text) for name, text in texts.items()]


def make_row(kind, n_folds, example, verdict, **shared):
    """Return a row of the leakage report."""
    row = {"kind": kind, "shared": None, "n_folds_shared": None, "n_folds": n_folds}
    return row | {"test_share": np.nan, "example": example, "verdict": verdict} | shared


def _test_quantities(folds, trials, trial):
    """Return for each quantity its score and its verdict, as text."""
    metadata, first = trials.metadata, np.unique(trial, return_index=True)[1]
    y = pd.factorize(trials.y[first])[0]
    subject = _encode_columns(metadata.iloc[first], ["subject"])
    duration = read_numbers(metadata, "duration")
    no_duration = describe_missing(~np.isfinite(duration), metadata, ["duration"])
    quantities = {
        "duration": (_average(duration, trial), no_duration),
        "amplitude": (_measure_amplitude(trials, trial), ""),
        "order": _measure_order(metadata, trial),
    }
    return {
        name: ("", f"unknown: {unknown}")
        if unknown
        else _describe_prediction(_predict(values, y, trial, folds), y, subject)
        for name, (values, unknown) in quantities.items()
    }


def _describe_labels(y):
    """Return why labels are not classes to predict, or an empty text."""
    if y.ndim != 1:
        return "y has several columns"
    n_missing = np.count_nonzero(pd.isna(y))
    if n_missing:
        return f"y is missing in {n_missing} rows"
    if y.dtype.kind == "f" and (y % 1).any():
        return "y has ratings, not classes"
    return "y has one class" if len(pd.unique(y)) < 2 else ""


def _measure_amplitude(trials, trial):
    """Return the logarithm of the standard deviation of each channel, mean over windows."""
    smallest = np.finfo(float).tiny  # of flat channels
    with np.errstate(invalid="ignore"):  # infinite samples give NaN
        spread = [trials[row].std(axis=-1, dtype=float) for row in range(len(trials))]
    return _average(np.log(np.maximum(spread, smallest)), trial)


def _average(values, trial):
    """Return the mean of each trial over its rows, (n_trials, n_values)."""
    return pd.DataFrame(values).groupby(trial).mean().to_numpy()


def _measure_order(metadata, trial):
    """Return the relative ranks of each trial in its run and of the run in its subject.

    The second value is why they are unknown. Without runs, the sessions of a subject are ranked.
    """
    number, onset = (read_numbers(metadata, column) for column in ("trial", "onset"))
    recording = _encode_columns(metadata, ["recording"])
    in_time = [recording, onset] if np.isfinite(onset).all() else [number]
    unknown = describe_missing(np.isnan(in_time[-1]), metadata, ["trial"])
    codes = {
        "subject": _encode_columns(metadata, ["subject"]),
        "run": _encode_columns(metadata, TRIAL_COLUMNS[:-1]),
        "position": encode(*in_time)[0],
    }
    first = pd.DataFrame(codes).groupby(trial).min()
    in_run = first.groupby("run")["position"].rank(pct=True)
    in_subject = first.groupby("subject")["run"].rank("dense", pct=True)
    return np.column_stack([in_run, in_subject]), unknown


def _encode_columns(metadata, columns):
    """Return the rank of each row among the distinct values of the columns that exist."""
    known = [metadata[column] for column in columns if column in metadata]
    return encode(np.zeros(len(metadata)), *known, natural=True)[0]


def _predict(values, y, trial, folds):
    """Return the class of each trial predicted by the first fold that tests it, -1 for none."""
    predicted = np.full(len(y), -1)
    for train_idx, test_idx in folds:
        test = np.unique(trial[test_idx])
        train = np.setdiff1d(trial[train_idx], test)  # no trials with rows in both sets
        test = test[predicted[test] < 0]
        if len(test) and len(np.unique(y[train])) > 1:
            tree = DecisionTreeClassifier(max_depth=3, class_weight="balanced", random_state=0)
            predicted[test] = tree.fit(values[train], y[train]).predict(values[test])
    return predicted


def _describe_prediction(predicted, y, subject):
    """Return score and p of the predictions, and the verdict."""
    tested = predicted >= 0
    if not tested.any():
        return "", "unknown: no fold trains on other trials of two classes"
    if len(np.unique(y[tested])) < 2:
        return "", "unknown: the tested trials have one class"
    score, chance, permuted = _score_permutations(predicted[tested], y[tested], subject[tested])
    p = (1 + np.count_nonzero(permuted > score - 1e-9)) / (1 + N_PERMUTATIONS)
    text = f"balanced accuracy {score:.2f} (chance level {chance:.2f})"
    verdict = f"predicted: {text}" if p < ALPHA else "not predicted"
    return f"{text}, p = {format_p_value(p)}", verdict


def _score_permuted_subjects(predicted, y, subject):
    """Return the values of _score_permutations if each subject has one label; permute these."""
    names, first, subject = np.unique(subject, return_index=True, return_inverse=True)
    n_classes = max(y.max(), predicted.max()) + 1
    n_hits = np.zeros((len(names), n_classes))  # trials of a subject by predicted class
    np.add.at(n_hits, (subject, predicted), 1)
    sizes = n_hits.sum(1)
    rng, labels = np.random.default_rng(0), y[first]

    def score(labels):
        shares = [
            n_hits[labels == label, label].sum() / sizes[labels == label].sum()
            for label in np.unique(labels)
        ]
        return np.mean(shares)

    permuted = np.array([score(rng.permutation(labels)) for _ in range(N_PERMUTATIONS)])
    return score(labels), permuted.mean(), permuted


def _score_permutations(predicted, y, subject):
    """Return the balanced accuracy, its mean over permutations of labels, and those drawn."""
    of_subject = pd.Series(y).groupby(subject)
    if (of_subject.nunique() == 1).all():
        return _score_permuted_subjects(predicted, y, subject)
    counts = np.bincount(y, minlength=predicted.max() + 1)
    weights = 1 / np.maximum(counts, 1) / np.count_nonzero(counts)  # of a correct prediction
    weights = weights[predicted]
    chance, permuted, rng = 0.0, np.zeros(N_PERMUTATIONS), np.random.default_rng(0)
    for own in group_exchangeable(y, subject):
        shares = np.bincount(y[own], minlength=len(counts)) / len(own)
        chance += shares[predicted[own]] @ weights[own]
        labels = rng.permuted(np.tile(y[own], (N_PERMUTATIONS, 1)), axis=1)
        permuted += (labels == predicted[own]) @ weights[own]
    return (y == predicted) @ weights, chance, permuted
