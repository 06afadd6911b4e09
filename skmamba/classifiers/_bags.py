"""What all classifiers share: trials in as bags of windows, answers out by vote."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_array, validate_data

from .._mne import as_array, count_dims
from .._types import Epochs

VOTINGS = ("soft", "hard")


class TrialClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of bags of windows that answers once a trial."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def predict(self, X: ArrayLike | Epochs) -> NDArray[Any]:
        """Most probable class of each trial.

        Parameters
        ----------
        X : ndarray or mne.Epochs
            As in :meth:`predict_proba`.

        Returns
        -------
        y : ndarray of shape (n_trials,)
            Labels.
        """
        proba = self.predict_proba(X)  # first: it complains where there are no classes_ yet
        return self.classes_[proba.argmax(1)]


def check_bags(estimator, X, *, n_chans=None, reset):
    """Validate X and look at it as bags of windows.

    Nothing is copied and no dtype is changed: windows may overlap in a view many times as long
    as the data, and are converted a batch at a time.

    Parameters
    ----------
    estimator : object
        Whose ``n_features_in_``, ``n_chans_`` and ``n_times_`` are set or compared.
    X : array-like or mne.Epochs
        ``(n_trials, n_windows, n_chans, n_times)``, ``(n_trials, n_chans, n_times)`` or
        ``(n_trials, n_times)``.
    n_chans : int, default=None
        Channels that stand one after the other in each row of a 2-D X; None means one.
    reset : bool
        Whether to set what to compare with.

    Returns
    -------
    bags : ndarray of shape (n_trials, n_windows, n_chans, n_times)
        The windows.
    """
    name = type(estimator).__name__
    X = as_array(X)
    ndim = count_dims(X)
    if ndim > 4:
        raise ValueError(
            f"{name} takes X of 2 dimensions (n_trials, n_times), 3 (n_trials, n_chans, n_times) "
            f"or 4 (n_trials, n_windows, n_chans, n_times), got {ndim}."
        )
    if ndim < 3:
        X = validate_data(estimator, X, reset=reset)
        n_chans = 1 if n_chans is None else n_chans
        if X.shape[1] % n_chans:
            raise ValueError(f"n_chans={n_chans} does not divide the {X.shape[1]} columns of X.")
        X = X.reshape(len(X), n_chans, -1)
    else:
        X = check_array(X, allow_nd=True, input_name="X")
    bags = X if X.ndim == 4 else X[:, None]
    _compare_shape(estimator, bags, ndim, reset)
    return bags


def vote(proba, voting):
    """Bring the probabilities of windows to one row a trial.

    Parameters
    ----------
    proba : ndarray of shape (n_trials, n_windows, n_classes)
        Probabilities of each window.
    voting : {"soft", "hard"}
        Mean of the windows' probabilities, or share of windows for which a class is the most
        probable.

    Returns
    -------
    proba : ndarray of shape (n_trials, n_classes)
        Rows add up to one.
    """
    if voting == "soft":
        return proba.mean(1)
    winners = proba.argmax(-1)[..., None] == np.arange(proba.shape[-1])
    return winners.mean(1, dtype=proba.dtype)


def check_voting(voting):
    """Complain about an unknown way to vote."""
    if voting not in VOTINGS:
        raise ValueError(f"voting must be one of {', '.join(VOTINGS)}, got {voting!r}.")


def _compare_shape(estimator, bags, ndim, reset):
    n_windows, n_chans, n_times = bags.shape[1:]
    if 0 in (n_windows, n_chans, n_times):
        raise ValueError(
            f"X holds no data: {n_windows} windows x {n_chans} channels x {n_times} time points."
        )
    if reset:
        if ndim > 2:
            estimator.n_features_in_ = n_chans
        estimator.n_chans_, estimator.n_times_ = n_chans, n_times
    elif (n_chans, n_times) != (estimator.n_chans_, estimator.n_times_):
        raise ValueError(
            f"X has windows of {n_chans} channels x {n_times} time points, but "
            f"{type(estimator).__name__} was fitted on {estimator.n_chans_} channels x "
            f"{estimator.n_times_} time points."
        )
