"""Bags of windows for classifiers that know only windows."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, has_fit_parameter

from .._mne import as_array, count_dims
from .._types import Epochs
from .._validation import restore_on_error
from ._bags import TrialClassifier, check_bags, check_voting, vote
from ._validation import check_labels


class WindowVotingClassifier(MetaEstimatorMixin, TrialClassifier):
    """Let any classifier train on windows and answer by trial.

    Parameters
    ----------
    estimator : classifier
        What learns one window at a time, such as a pipeline of features and a linear model. It
        gets windows ``(n_windows, n_channels, n_times)``.
    voting : {"soft", "hard"}, default="soft"
        How the windows of a trial become one answer: the mean of their probabilities, or the
        share of windows that a class wins.

    Attributes
    ----------
    estimator_ : classifier
        The fitted clone.
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    n_chans_, n_times_ : int
        Size of a window.
    n_features_in_ : int
        Channels of a 3-D or 4-D X, columns of a 2-D one.

    See Also
    --------
    MSiMambaClassifier : Votes by itself.

    Notes
    -----
    X of three dimensions is taken as trials of one window, X of two as rows of features; both
    are passed on as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skmamba import SlidingWindows, WindowVotingClassifier, simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=10)
    >>> log_power = FunctionTransformer(lambda X: np.log(X.var(axis=-1)))
    >>> windowwise = make_pipeline(log_power, LogisticRegression())
    >>> pipe = make_pipeline(SlidingWindows(128), WindowVotingClassifier(windowwise))
    >>> pipe.fit(trials.X, trials.y).predict(trials.X).shape
    (40,)
    """

    estimator_: BaseEstimator
    classes_: NDArray[Any]
    n_chans_: int
    n_times_: int
    n_features_in_: int

    def __init__(self, estimator: BaseEstimator, voting: Literal["soft", "hard"] = "soft") -> None:
        self.estimator = estimator
        self.voting = voting

    def fit(
        self, X: ArrayLike | Epochs, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train the estimator on every window with the label of its trial.

        Parameters
        ----------
        X : ndarray or mne.Epochs
            Bags of windows ``(n_trials, n_windows, n_chans, n_times)``, windows
            ``(n_trials, n_chans, n_times)``, or features ``(n_trials, n_features)``.
        y : array-like of shape (n_trials,)
            Labels.
        sample_weight : array-like of shape (n_trials,), default=None
            Weights of trials, for estimators whose ``fit`` takes them.

        Returns
        -------
        self : WindowVotingClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If data or parameters do not fit, or weights come and the estimator takes none.
        """
        with restore_on_error(self):
            check_voting(self.voting)
            X = as_array(X)
            bags = check_bags(self, X, reset=True)
            y = check_labels(self, y)
            check_consistent_length(bags, y)
            n_windows = bags.shape[1]
            fit_params = {}
            if sample_weight is not None:
                if not has_fit_parameter(self.estimator, "sample_weight"):
                    raise ValueError(
                        f"sample_weight came, but fit of {type(self.estimator).__name__} takes "
                        "none."
                    )
                weight = _check_sample_weight(sample_weight, bags)
                fit_params["sample_weight"] = np.repeat(weight, n_windows)
            estimator = clone(self.estimator)
            estimator.fit(_unroll(bags, X), np.repeat(y, n_windows), **fit_params)
            self.estimator_ = estimator
            self.classes_ = estimator.classes_
        return self

    def predict_proba(self, X: ArrayLike | Epochs) -> NDArray[Any]:
        """Probability of each class for each trial.

        Parameters
        ----------
        X : ndarray or mne.Epochs
            As in :meth:`fit`; the number of windows may differ.

        Returns
        -------
        proba : ndarray of shape (n_trials, n_classes)
            The vote of a trial's windows, in the order of ``classes_``.

        Raises
        ------
        AttributeError
            With ``voting="soft"``, if the estimator gives no probabilities.
        """
        check_is_fitted(self)
        X = as_array(X)
        bags = check_bags(self, X, reset=False)
        windows = _unroll(bags, X)
        if self.voting == "hard":
            proba = (self.estimator_.predict(windows)[:, None] == self.classes_).astype(float)
        elif hasattr(self.estimator_, "predict_proba"):
            proba = self.estimator_.predict_proba(windows)
        else:
            raise AttributeError(
                "voting='soft' takes the mean of probabilities, and "
                f"{type(self.estimator).__name__} has no predict_proba: use voting='hard'."
            )
        return vote(proba.reshape(*bags.shape[:2], -1), self.voting)


def _unroll(bags, X):
    """Windows as rows; X of two dimensions stays rows of features."""
    if count_dims(X) < 3:
        return bags.reshape(len(bags), -1)
    return bags.reshape(-1, *bags.shape[2:])
