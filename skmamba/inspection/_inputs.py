"""Inputs of the inspection functions: trials, channels and pipelines."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from .._ch_names import check_ch_names
from .._mne import as_array, count_dims, get_ch_names, get_sfreq, is_epochs
from .._selection import Selection
from .._steps import list_steps
from .._validation import check_number
from ..trials import Trials


class Data(NamedTuple):
    """Trials with their labels, sampling rate and channel names."""

    X: Any
    y: np.ndarray | None
    sfreq: float | None
    ch_names: list | None

    def label_channels(self, channels):
        """Return the names of channels, or their indices without names."""
        names = self.ch_names
        return [int(channel) if names is None else names[channel] for channel in channels]

    def find_used_channels(self, estimator):
        """Return the channels that the first step picks, or all."""
        first = list_steps(estimator)[0]
        if not hasattr(first, "picks"):
            return list(range(self.X.shape[-2]))
        return (first if hasattr(first, "picks_") else clone(first).fit(self.X)).picks_.tolist()


def unpack_data(X, y=None, *, sfreq=None, ch_names=None):
    """Return Data of Trials, mne.Epochs or an array; arguments take precedence over X."""
    if sfreq is not None:
        check_number("sfreq", sfreq)
    sfreq = get_sfreq(X) if sfreq is None else sfreq
    ch_names = get_ch_names(X) if ch_names is None else check_ch_names(ch_names)
    if y is None and isinstance(X, Trials):
        y = X.y
    if y is not None:
        y = column_or_1d(y)
        check_consistent_length(X, y)
        if pd.isna(y).any():
            raise ValueError(f"y must label every trial, got {pd.isna(y).sum()} missing labels.")
    if not len(X):
        raise ValueError("`X` must contain at least one trial, got none.")
    return Data(X, y, sfreq, ch_names)


def unpack_labelled_data(X, y, ch_names, estimator):
    """Return Data whose X is Trials or an array with a channel axis, and whose y is not None."""
    data = unpack_data(X, y, ch_names=ch_names)
    if data.y is None:
        raise ValueError("y must be given unless X is Trials, got None.")
    X = data.X
    if is_epochs(X):
        own = pd.DataFrame(index=range(len(X)))
        X = Trials(np.asarray(as_array(X)), data.y, own, data.sfreq, tuple(data.ch_names))
    X = X if isinstance(X, Trials) else np.asarray(as_array(X))
    if X.ndim not in (3, 4):
        raise ValueError(
            "`X` must have shape (n_trials, n_channels, n_times) or (n_trials, n_windows, "
            f"n_channels, n_times), got {X.shape}."
        )
    names = _merge_ch_names(data.ch_names, estimator)
    check_ch_names(names, X.shape[-2])
    return data._replace(X=X, ch_names=names)


def _merge_ch_names(ch_names, estimator):
    """Return the names of the data, or of the only picker; both must be equal."""
    pickers = list(find_pickers(estimator).values())
    picker = pickers[0] if len(pickers) == 1 else None
    of_picker = getattr(picker, "ch_names", None)
    if ch_names is None:
        return getattr(picker, "ch_names_in_", None) if of_picker is None else of_picker
    if of_picker is not None and list(of_picker) != list(ch_names):
        raise ValueError(
            f"ch_names of {type(pickers[0]).__name__} must be the channels of X, "
            f"{', '.join(map(str, ch_names))}, got {', '.join(map(str, of_picker))}."
        )
    return ch_names


def replace_channels(X, channels, values):
    """Return a copy of X with other values in some channels, the first axis of ``values``."""
    changed = np.array(X, np.result_type(X.dtype, np.float32))  # integers would be rounded
    np.moveaxis(changed, -2, 0)[channels] = values
    return X.derive(X=Selection(changed)) if isinstance(X, Trials) else changed


def find_pickers(estimator):
    """Return the steps that pick channels, by their parameter name in the estimator."""
    params = estimator.get_params() if hasattr(estimator, "get_params") else {}
    return {
        name: step
        for name, step in params.items()
        if hasattr(step, "picks") and hasattr(step, "fit")
    }


def get_network_input(estimator, data):
    """Return the network at the end of a pipeline, its input and the names of its channels.

    The second and third value are the windows and their number per trial. Channels without names
    have their indices in X.
    """
    *steps, classifier = list_steps(estimator)
    check_is_fitted(classifier)
    if not hasattr(classifier, "net_") or not hasattr(classifier, "classes_"):
        raise TypeError(
            "estimator must be MSiMambaClassifier, BraindecodeClassifier or a pipeline that ends "
            f"in one, got {type(classifier).__name__}."
        )
    if classifier.adaptation is not None:
        raise ValueError(
            "estimator must have adaptation=None, since attributions and frequencies are of "
            f"single windows, got adaptation={classifier.adaptation!r}."
        )
    names = _pick_ch_names(steps, data.ch_names, classifier.n_chans_)
    windows = data.X
    for step in steps:
        windows = step.transform(windows)
    n_windows = windows.shape[1] if count_dims(windows) == 4 else 1
    return classifier, windows, n_windows, names


def _pick_ch_names(steps, names, n_chans):
    """Return the names of the channels that reach a classifier, given those or all of X."""
    for step in steps:
        picks = getattr(step, "picks_", None)
        if picks is None:
            continue
        if names is None:
            names = getattr(step, "ch_names_", None) or picks.tolist()
        elif len(names) == step.n_features_in_:
            names = [names[pick] for pick in picks]
    names = list(range(n_chans)) if names is None else names
    if len(names) != n_chans:
        raise ValueError(
            f"ch_names must name the {n_chans} channels that reach the classifier, got "
            f"{len(names)} names."
        )
    return names


def compute_score(scorer, estimator, X, y):
    """Return a score without warnings that a class is missing among the tested trials."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        warnings.filterwarnings("ignore", "A single label was found")
        return float(scorer(estimator, X, y))


def get_score_name(scoring):
    """Return the name of a scorer."""
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
