"""Votes of windows for any scikit-learn classifier or regressor."""

from __future__ import annotations

import inspect
import warnings
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from .._mne import as_array, count_dims
from .._types import Epochs
from .._validation import check_option, restore_on_error
from ..trials import Trials
from ._docs import add_shared_docs
from .base import (
    BaseTrialClassifier,
    BaseTrialEstimator,
    BaseTrialRegressor,
    check_bags,
    resolve_dataset,
    vote,
)


class BaseWindowVoting(MetaEstimatorMixin, BaseTrialEstimator):
    """Base of meta-estimators that train an estimator on windows."""

    estimator: BaseEstimator
    voting: str
    estimator_: BaseEstimator

    def fit(
        self, X: Trials | ArrayLike | Epochs, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train the estimator on every window with the label of its trial.

        Parameters
        ----------
        X : Trials, ndarray, mne.Epochs or data set of braindecode
            Bags of windows ``(n_trials, n_windows, n_chans, n_times)``, windows
            ``(n_trials, n_chans, n_times)``, or features ``(n_trials, n_features)``. A
            ``WindowsDataset``, or ``BaseConcatDataset`` of them, has windows.
        y : array-like of shape (n_trials,) or (n_trials, n_targets)
            Labels, of shape (n_trials,); for a regressor, numbers of one or, if the estimator
            supports them, several targets.
        sample_weight : array-like of shape (n_trials,), default=None
            Weights of trials, if ``fit`` of the estimator accepts them; with metadata routing, also
            for pipelines.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid.
        TypeError
            If weights are given and the estimator does not accept them.
        """
        with restore_on_error(self):
            check_option("voting", self.voting, self._votings)
            is_estimator = hasattr(self.estimator, "fit") and not isinstance(self.estimator, type)
            if not is_estimator or is_classifier(self.estimator) != is_classifier(self):
                kind = "classifier" if is_classifier(self) else "regressor"
                raise ValueError(f"estimator must be a {kind}, got {self.estimator!r}.")
            X, y = resolve_dataset(X, y)
            bags = check_bags(self, X, reset=True).gather()
            windows = _flatten_bags(bags, X)
            check_consistent_length(bags, y)
            y = self._check_y(y)
            n_windows = bags.shape[1]
            fit_params = {}
            if sample_weight is not None:
                self._check_takes_weights()
                weight = _check_sample_weight(sample_weight, bags)
                fit_params["sample_weight"] = np.repeat(weight, n_windows)
            if n_windows > 1:
                self._warn_of_split_trials()
            estimator = clone(self.estimator)
            estimator.fit(windows, np.repeat(y, n_windows, axis=0), **fit_params)
            self.estimator_ = estimator
            if is_classifier(self):
                self.classes_ = estimator.classes_
        return self

    def predict(self, X: Trials | ArrayLike | Epochs) -> NDArray[Any]:
        """Predict the class, or for a regressor the ratings, of each trial.

        Parameters
        ----------
        X : Trials, ndarray or mne.Epochs
            As in :meth:`fit`; the number of windows may differ.

        Returns
        -------
        y : ndarray of shape (n_trials,) or (n_trials, n_targets)
            Labels, or aggregated predictions of the trial's windows.
        """
        return self._predict_labels(X)

    def _predict_trials(self, X):
        """Return the aggregated output of the estimator for each trial."""
        check_is_fitted(self)
        check_option("voting", self.voting, self._votings)
        X, _ = resolve_dataset(X)
        bags = check_bags(self, X, reset=False).gather()
        outputs = np.asarray(self._predict_windows(_flatten_bags(bags, X)))
        return vote(outputs.reshape(*bags.shape[:2], *outputs.shape[1:]), self.voting)

    def score(
        self, X: Trials | ArrayLike | Epochs, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the accuracy, or for a regressor the coefficient of determination, R^2.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.

        Returns
        -------
        score : float
            Weighted score of the predictions of trials.
        """
        X, y = resolve_dataset(X, y)
        return super().score(X, y, sample_weight)  # type: ignore[misc]

    def _check_takes_weights(self):
        if isinstance(self.estimator, Pipeline):
            takes_weights = get_config()["enable_metadata_routing"]
        else:  # meta-estimators accept them as **params
            parameters = inspect.signature(self.estimator.fit).parameters.values()
            takes_weights = any(
                parameter.name == "sample_weight" or parameter.kind is parameter.VAR_KEYWORD
                for parameter in parameters
            )
        if not takes_weights:
            raise TypeError(
                "sample_weight requires an estimator whose fit accepts it, got "
                f"{type(self.estimator).__name__}; a Pipeline accepts it with "
                "sklearn.set_config(enable_metadata_routing=True)."
            )

    def _warn_of_split_trials(self):
        """Warn of cross-validation inside the estimator, whose samples are windows."""
        for name, value in self.estimator.get_params().items():
            if name.split("__")[-1] == "cv" and not isinstance(value, str):  # "prefit" does not fit
                warnings.warn(
                    f"The cross-validation of the estimator ({name}={value!r}) places windows of "
                    "one trial in training and test. Cross-validate the vote, as in "
                    f"GridSearchCV({type(self).__name__}(...)).",
                    stacklevel=3,
                )


def _flatten_bags(bags, X):
    """Return the windows of bags, or the rows of features in a 2-D X."""
    if not isinstance(X, Trials) and count_dims(as_array(X)) < 3:
        return bags.reshape(len(bags), -1)
    return bags.reshape(-1, *bags.shape[2:])


@add_shared_docs()
class WindowVotingClassifier(BaseWindowVoting, BaseTrialClassifier):
    """Train any classifier on windows and predict each trial by the vote of its windows.

    Parameters
    ----------
    estimator : classifier
        Classifier of windows ``(n_windows, n_channels, n_times)``, such as a pipeline of features
        and a linear model.
    voting : {"soft", "hard"}, default="soft"
        Aggregation of a trial's windows: mean of their probabilities, or fraction of windows for
        which a class is the most probable one.

    Attributes
    ----------
    estimator_ : classifier
        The fitted clone.
    {target_attributes}
    {window_attributes}

    See Also
    --------
    MSiMambaClassifier : Includes the vote.

    Notes
    -----
    A 3-D X has trials of one window, a 2-D X has rows of features; both reach the estimator
    unchanged.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skmamba import SlidingWindows, WindowVotingClassifier
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=10)
    >>> log_power = FunctionTransformer(lambda X: np.log(X.var(axis=-1)))
    >>> voting = WindowVotingClassifier(make_pipeline(log_power, LogisticRegression()))
    >>> pipe = make_pipeline(SlidingWindows(1.0), voting)
    >>> pipe.fit(trials, trials.y).predict(trials).shape
    (40,)
    """

    def __init__(self, estimator: BaseEstimator, voting: Literal["soft", "hard"] = "soft") -> None:
        self.estimator = estimator
        self.voting = voting

    def predict_proba(self, X: Trials | ArrayLike | Epochs) -> NDArray[Any]:
        """Predict the probability of each class for each trial.

        Parameters
        ----------
        X
            As in :meth:`predict`.

        Returns
        -------
        proba : ndarray of shape (n_trials, n_classes)
            Vote of the trial's windows, in the order of ``classes_``.

        Raises
        ------
        AttributeError
            With ``voting="soft"``, if the estimator has no ``predict_proba``.
        """
        return self._predict_trials(X)

    def _predict_windows(self, windows):
        if self.voting == "hard":
            return (self.estimator_.predict(windows)[:, None] == self.classes_).astype(float)
        if hasattr(self.estimator_, "predict_proba"):
            return self.estimator_.predict_proba(windows)
        raise AttributeError(
            "voting='soft' requires an estimator with predict_proba, got "
            f"{type(self.estimator).__name__}. Set voting='hard'."
        )

    def _check_y(self, y):
        y = super()._check_y(y)
        self.classes_, y_index = np.unique(y, return_inverse=True)
        self._check_target(y_index, need_two=True)
        return y


@add_shared_docs()
class WindowVotingRegressor(BaseWindowVoting, BaseTrialRegressor):
    """Train any regressor on windows and predict each trial by the mean or median of its windows.

    Parameters
    ----------
    estimator : regressor
        Regressor of windows ``(n_windows, n_channels, n_times)``, such as a pipeline of features
        and a linear model.
    voting : {"mean", "median"}, default="mean"
        Aggregation of the predictions of a trial's windows.

    Attributes
    ----------
    estimator_ : regressor
        The fitted clone.
    {window_attributes}

    See Also
    --------
    MSiMambaRegressor : Includes the aggregation.
    WindowVotingClassifier : The same for classifiers, with notes on the shape of X.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skmamba import SlidingWindows
    >>> from skmamba.classifiers import WindowVotingRegressor
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=10)
    >>> log_power = FunctionTransformer(lambda X: np.log(X.var(axis=-1)))
    >>> voting = WindowVotingRegressor(make_pipeline(log_power, Ridge()))
    >>> pipe = make_pipeline(SlidingWindows(1.0), voting)
    >>> pipe.fit(trials, 1.0 + 8 * trials.y).predict(trials).shape
    (40,)
    """

    def __init__(
        self, estimator: BaseEstimator, voting: Literal["mean", "median"] = "mean"
    ) -> None:
        self.estimator = estimator
        self.voting = voting

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = get_tags(self.estimator).target_tags.multi_output
        return tags

    def _predict_windows(self, windows):
        return self.estimator_.predict(windows)

    def _predict_labels(self, X):
        return self._predict_trials(X)
