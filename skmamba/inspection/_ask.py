"""What is asked of trials and of estimators, whatever their classes."""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from .._mne import as_array, count_dims, get_ch_names, is_epochs
from ..trials import Trials


class Asked(NamedTuple):
    """Trials, and what is known of them."""

    X: object  # as it came; of Trials, their X
    y: np.ndarray | None
    sfreq: float | None
    ch_names: list | None


def read_trials(X, y=None, *, sfreq=None, ch_names=None):
    """Take apart Trials or Epochs; what is told beside them goes first."""
    if isinstance(X, Trials):
        y = X.y if y is None else y
        sfreq, ch_names = sfreq or X.sfreq, ch_names or X.ch_names
        X = X.X
    elif is_epochs(X):
        first = X[0] if isinstance(X, (list, tuple)) else X
        sfreq, ch_names = sfreq or first.info["sfreq"], ch_names or get_ch_names(X)
    if y is not None:
        y = column_or_1d(y)
        check_consistent_length(X, y)
        if pd.isna(y).any():
            raise ValueError(f"y must label every trial, but {pd.isna(y).sum()} are missing.")
    if not len(X):
        raise ValueError("X holds no trials.")
    return Asked(X, y, sfreq, None if ch_names is None else list(ch_names))


def read_channels(X, y, ch_names, estimator):
    """As :func:`read_trials`, with X as an array whose channels can be taken one by one."""
    asked = read_trials(X, y, ch_names=ch_names)
    if asked.y is None:
        raise ValueError("y must be given, unless X is Trials, which bring their labels.")
    array = np.asarray(as_array(asked.X))
    if array.ndim not in (3, 4):
        raise ValueError(
            "X must have an axis of channels, (n_trials, n_channels, n_times) or bags of windows "
            f"(n_trials, n_windows, n_channels, n_times), got shape {array.shape}."
        )
    names = _agree_on_names(asked.ch_names, estimator)
    n_channels = array.shape[channel_axis(array)]
    if names is not None and len(names) != n_channels:
        raise ValueError(
            f"ch_names must name each channel: X has {n_channels} channels, got {len(names)} names."
        )
    return asked._replace(X=array, ch_names=names)


def channel_axis(X):
    """Where the channels are, in trials and in bags of windows."""
    return X.ndim - 2


def change_channels(X, channels, values):
    """Copy X with other values in some channels; their axis is the first of ``values``."""
    changed = X.copy()
    np.moveaxis(changed, channel_axis(X), 0)[channels] = values
    return changed


def name_channels(ch_names, channels):
    """Names of channels, or their indices where they have none."""
    return [int(channel) if ch_names is None else ch_names[channel] for channel in channels]


def find_pickers(estimator):
    """Find the steps that pick channels, by their name as a parameter of the estimator."""
    params = estimator.get_params() if hasattr(estimator, "get_params") else {}
    return {
        name: step
        for name, step in params.items()
        if hasattr(step, "picks") and hasattr(step, "fit")
    }


def heard_channels(estimator, X):
    """Find the channels that can matter: those a picker at the front keeps, or all."""
    first = estimator.steps[0][1] if isinstance(estimator, Pipeline) else estimator
    if not hasattr(first, "picks"):
        return list(range(X.shape[channel_axis(X)]))
    return (first if hasattr(first, "picks_") else clone(first).fit(X)).picks_.tolist()


def take_apart(estimator):
    """Fitted steps before the classifier, and the classifier."""
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    if not isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
        return [], estimator
    *before, (_, last) = estimator.steps
    later, classifier = take_apart(last)
    return [step for _, step in before if step not in (None, "passthrough")] + later, classifier


def transform(steps, X):
    """Send trials through fitted steps."""
    for step in steps:
        X = step.transform(X)
    return X


def count_windows(windows):
    """Windows of a trial, as they reach a classifier."""
    return windows.shape[1] if count_dims(windows) == 4 else 1


def names_at_classifier(steps, ch_names, n_chans):
    """Names of the channels that reach a classifier; where there are none, indices in X."""
    names = None if ch_names is None else np.array(ch_names, dtype=object)
    for step in steps:
        picks = getattr(step, "picks_", None)
        if picks is None or (names is not None and len(names) == n_chans < step.n_features_in_):
            continue
        if names is None:
            own = getattr(step, "ch_names_", None)
            names = picks if own is None else np.array(own, dtype=object)
        elif len(names) == step.n_features_in_:
            names = names[picks]
    names = np.arange(n_chans) if names is None else names
    if len(names) != n_chans:
        raise ValueError(
            f"{n_chans} channels reach the classifier, but there are {len(names)} names: give "
            "ch_names of those that reach it."
        )
    return names.tolist()


def score_quietly(scorer, estimator, X, y):
    """Score, without a warning for each of many scores that a class is missing among the tested."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        warnings.filterwarnings("ignore", "A single label was found")
        return float(scorer(estimator, X, y))


def _agree_on_names(ch_names, estimator):
    """Names that came with the trials, or that the only picker has; both must be the same."""
    steps = list(find_pickers(estimator).values())
    own = getattr(steps[0], "ch_names", None) if len(steps) == 1 else None
    if own is None or ch_names is None:
        return ch_names if own is None else list(own)
    if list(own) != list(ch_names):
        raise ValueError(
            f"The channels of X are {', '.join(map(str, ch_names))}, but "
            f"{type(steps[0]).__name__} takes them for {', '.join(map(str, own))}."
        )
    return ch_names
