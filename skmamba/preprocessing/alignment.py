"""Alignment of the covariance of subjects."""

from __future__ import annotations

import warnings
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from .._metadata import encode, get_columns
from .._types import Epochs, Groups
from .._validation import check_int, check_option, restore_on_error
from ._base import BaseTrialTransformer, add_channel_axis

MODES = ("source-only", "unlabelled", "calibration")
FLOOR = 1e-6  # of the largest eigenvalue: limits the relative gain of a direction to 1000
HOW_TO_PASS_GROUPS = (
    "In a pipeline call sklearn.set_config(enable_metadata_routing=True), then fit(X, y, "
    "groups=metadata) and predict(X, groups=metadata), or cross_validate(..., params={'groups': "
    "metadata['subject']}); skmamba.evaluate passes them automatically."
)


class EuclideanAlignment(BaseTrialTransformer):
    """Whiten the trials of each subject by the mean covariance of the subject [1]_.

    The transformer uses no labels, and precedes :class:`SlidingWindows`.

    Parameters
    ----------
    mode : {"source-only", "unlabelled", "calibration"}, default="source-only"
        Reference of a new subject, one that was not in fit. ``"source-only"``: the mean of the
        training references, without any trial of the subject. ``"unlabelled"``: the mean
        covariance of all trials of the subject in X, as in [1]_. ``"calibration"``: that of the
        first ``n_calibration`` trials. The last two use unlabelled test trials, and
        :func:`~skmamba.evaluate` marks their scores by :attr:`transductive`. Subjects in fit keep
        their reference, except with ``"unlabelled"``.
    n_calibration : int, default=5
        Number of calibration trials: the first by the columns ``session``, ``run`` and ``trial``
        of ``groups``, or in row order without ``trial``.

    Attributes
    ----------
    subjects_ : list
        Subjects in fit; ``[None]`` without ``groups``.
    references_ : ndarray of shape (n_subjects, n_channels, n_channels)
        Mean covariance of each subject.
    reference_ : ndarray of shape (n_channels, n_channels)
        Mean of ``references_``.
    n_features_in_ : int
        Number of channels seen in fit; of samples, if X has two dimensions.

    Notes
    -----
    A trial becomes ``R ** -0.5 @ X``, where ``R`` is the mean of ``X @ X.T / n_times`` over the
    trials of the subject. Departures from [1]_: the mean of each channel is removed for ``R``,
    ``R`` is divided by ``n_times``, its eigenvalues are at least 1e-6 of the largest, and
    ``"source-only"``.

    In a pipeline, groups require metadata routing. Without groups, all trials belong to one
    subject; in transform, to a new one if fit had groups. A warning is emitted in fit, and in
    transform if it computes references from X.

    References
    ----------
    .. [1] He and Wu, "Transfer Learning for Brain-Computer Interfaces: A Euclidean Space Data
       Alignment Approach", IEEE Transactions on Biomedical Engineering 67(2):399-410, 2020.
       https://doi.org/10.1109/TBME.2019.2913914

    Examples
    --------
    >>> import numpy as np
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=5)
    >>> aligned = EuclideanAlignment().fit_transform(trials.X, groups=trials.metadata)
    >>> mean_covariance = np.mean([np.cov(x, ddof=0) for x in aligned[:5]], axis=0)
    >>> np.allclose(mean_covariance, np.eye(4), atol=1e-5)
    True
    """

    # Requested by default, because without subjects there is no alignment.
    __metadata_request__fit = {"groups": True}
    __metadata_request__transform = {"groups": True}

    def __init__(
        self,
        mode: Literal["source-only", "unlabelled", "calibration"] = "source-only",
        n_calibration: int = 5,
    ) -> None:
        self.mode = mode
        self.n_calibration = n_calibration

    @property
    def transductive(self) -> str:
        """Test trials that are used: "" for none, "unlabelled" or "calibration=k"."""
        if self.mode == "source-only":
            return ""
        return f"calibration={self.n_calibration}" if self.mode == "calibration" else self.mode

    def fit(self, X: ArrayLike | Epochs, y: object = None, groups: Groups | None = None) -> Self:
        """Compute the reference of each training subject.

        Parameters
        ----------
        X : ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials; two dimensions are trials of one channel.
        y : ignored
            For compatibility with scikit-learn.
        groups : DataFrame or array-like of shape (n_trials,), default=None
            The metadata with the column ``subject``, or that column.

        Returns
        -------
        self : EuclideanAlignment
            The fitted transformer.
        """
        self._check_params()
        with restore_on_error(self):
            X = add_channel_axis(self._validate_trials(X, reset=True))
            subjects = self._get_subjects(groups, len(X))
            if groups is None:
                _warn_no_groups("fit", len(X), "one subject")
            self.subjects_ = list(dict.fromkeys(subjects.tolist()))
            self.references_ = np.stack(
                [_mean_covariance(X[subjects == subject]) for subject in self.subjects_]
            )
            self.reference_ = self.references_.mean(0)
        return self

    def transform(self, X: ArrayLike | Epochs, groups: Groups | None = None) -> NDArray[Any]:
        """Whiten the trials of each subject.

        Parameters
        ----------
        X : ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials with the number of channels seen in fit, of any length.
        groups : DataFrame or array-like of shape (n_trials,), default=None
            As in :meth:`fit`; None for trials of one new subject.

        Returns
        -------
        X_aligned : ndarray of shape (n_trials, n_channels, n_times)
            Aligned trials; float32 if X is.
        """
        check_is_fitted(self)
        self._check_params()
        X = self._validate_trials(X, reset=False)
        trials = add_channel_axis(X)
        subjects = self._get_subjects(groups, len(X))
        if groups is None and self.transductive and self.subjects_ != [None]:
            _warn_no_groups("transform", len(X), "one new subject")
        order = self._get_order(groups, len(X))
        aligned = np.empty(trials.shape, np.result_type(X.dtype, np.float32))
        for subject in dict.fromkeys(subjects.tolist()):
            rows = np.flatnonzero(subjects == subject)
            whitener = _inverse_sqrt(self._get_reference(subject, trials[rows], order[rows]))
            for row in rows:  # float64 products without a second copy of the data
                aligned[row] = whitener @ trials[row]
        return aligned.reshape(X.shape)

    def fit_transform(
        self, X: ArrayLike | Epochs, y: object = None, groups: Groups | None = None
    ) -> NDArray[Any]:
        """Fit to training subjects and whiten their trials.

        Parameters
        ----------
        X, y, groups
            As in :meth:`fit`.

        Returns
        -------
        X_aligned : ndarray of shape (n_trials, n_channels, n_times)
            Aligned trials.
        """
        return self.fit(X, y, groups=groups).transform(X, groups=groups)

    def _check_params(self):
        check_option("mode", self.mode, MODES)
        check_int("n_calibration", self.n_calibration)

    def _get_subjects(self, groups, n_trials):
        if groups is None:
            return np.full(n_trials, None, dtype=object)
        return get_columns(groups, "subject", estimator=self, n_samples=n_trials)[0]

    def _get_order(self, groups, n_trials):
        """Return integers that increase with session, run and trial number of a subject."""
        if not (isinstance(groups, dict) or hasattr(groups, "columns")) or "trial" not in groups:
            return np.arange(n_trials)
        names = [name for name in ("session", "run", "trial") if name in groups]
        return encode(*get_columns(groups, *names, estimator=self, n_samples=n_trials))[0]

    def _get_reference(self, subject, X, order):
        """Return the reference of a subject with trials X in the given order."""
        if self.mode == "unlabelled":
            return _mean_covariance(X)
        if subject in self.subjects_:
            return self.references_[self.subjects_.index(subject)]
        if self.mode == "source-only":
            return self.reference_
        trials = np.unique(order)  # rows may be windows of a trial
        if len(trials) < self.n_calibration:
            name = "the new subject" if subject is None else f"subject {subject!r}"
            raise ValueError(
                f"X must have at least n_calibration={self.n_calibration} trials of each subject "
                f"that was not in fit, got {len(trials)} of {name}."
            )
        return _mean_covariance(X[np.isin(order, trials[: self.n_calibration])])


def _warn_no_groups(method, n_trials, owner):
    warnings.warn(
        f"EuclideanAlignment got no groups in {method} and treats all {n_trials} trials as trials "
        f"of {owner}. {HOW_TO_PASS_GROUPS}",
        UserWarning,
        stacklevel=3,
    )


def _mean_covariance(X):
    """Return the mean covariance of channels over trials, in float64."""
    reference = np.zeros((X.shape[1], X.shape[1]))
    for x in X:
        x = x - x.mean(-1, keepdims=True, dtype=float)
        reference += x @ x.T
    return reference / (len(X) * X.shape[-1])


def _inverse_sqrt(reference):
    """Return the symmetric ``R ** -0.5``, with eigenvalues of at least FLOOR of the largest."""
    values, vectors = np.linalg.eigh(reference)
    if values[-1] <= 0:  # constant signals
        return np.eye(len(values))
    return vectors / np.sqrt(np.maximum(values, FLOOR * values[-1])) @ vectors.T
