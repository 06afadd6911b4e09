"""Base class of transformers that whiten the trials of a subject."""

from __future__ import annotations

import copy
import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from .._metadata import check_order, encode, get_columns
from .._selection import Selection
from .._types import Epochs, Groups
from .._validation import check_reference, restore_on_error
from ..trials import Trials
from ._base import BaseTrialTransformer, add_channel_axis

HOW_TO_PASS_GROUPS = (
    "In a pipeline call sklearn.set_config(enable_metadata_routing=True), then fit(X, y, "
    "groups=metadata) and predict(X, groups=metadata), or cross_validate(..., params={'groups': "
    "metadata['subject']}); skmamba.evaluate passes them automatically. Trials contain them."
)


class BaseSubjectTransformer(BaseTrialTransformer):
    """Transformer that whitens trials by a statistic of unlabelled EEG of their subject.

    Subclasses define ``_measure`` (the statistic of one trial or recording), ``_make_whitener``
    (from a mean of statistics) and ``_whiten`` (one trial or recording).
    """

    # Requested by default, because without subjects there is no adaptation.
    __metadata_request__fit = {"groups": True}
    __metadata_request__transform = {"groups": True}

    mode: str
    whitener_: NDArray[Any]

    def fit(
        self, X: Trials | ArrayLike | Epochs, y: object = None, groups: Groups | None = None
    ) -> Self:
        """Validate the parameters, and compute the statistics of training subjects, if required.

        Parameters
        ----------
        X : Trials, ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials; two dimensions are trials of one channel.
        y : ignored
            For compatibility with scikit-learn.
        groups : DataFrame or array-like of shape (n_trials,), default=None
            The metadata with the column ``subject``, or that column; None uses the metadata of
            Trials.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        with restore_on_error(self):
            if hasattr(self, "whitener_"):
                del self.whitener_
            self._set_sfreq(X)
            self._check_params()
            self._validate_reference(X)
            self._validate_trials(X, reset=True, lazy=True)
            self._fit_subjects(X, groups)
        return self

    def transform(
        self, X: Trials | ArrayLike | Epochs, groups: Groups | None = None
    ) -> Trials | NDArray[Any]:
        """Whiten the trials of each subject.

        Parameters
        ----------
        X : Trials, ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials with the number of channels seen in fit, of any length.
        groups : DataFrame or array-like of shape (n_trials,), default=None
            As in :meth:`fit`; None for arrays of one new subject.

        Returns
        -------
        X_white : Trials or ndarray of shape (n_trials, n_channels, n_times)
            Whitened trials, float32 if X is; Trials, with their whitened reference, if X is.
        """
        check_is_fitted(self)
        self._check_params()
        self._validate_reference(X)
        array = self._validate_trials(X, reset=False)
        trials = add_channel_axis(array)
        whitened = np.empty(trials.shape, np.result_type(array.dtype, np.float32))
        whiteners: list[Any] = [None] * len(trials)
        for rows, whitener in self._iterate_whiteners(X, trials, groups):
            for row in rows:  # one trial at a time: its result is independent of other rows
                whitened[row] = self._whiten(trials[row], whitener)
                whiteners[row] = whitener
        if not isinstance(X, Trials):
            return whitened.reshape(array.shape)
        return X.derive(X=Selection(whitened), reference=self._whiten_reference(X, whiteners))

    def fit_transform(
        self, X: Trials | ArrayLike | Epochs, y: object = None, groups: Groups | None = None
    ) -> Trials | NDArray[Any]:
        """Fit to training subjects and whiten their trials.

        Parameters
        ----------
        X, y, groups
            As in :meth:`fit`.

        Returns
        -------
        X_white : Trials or ndarray of shape (n_trials, n_channels, n_times)
            Whitened trials.
        """
        return self.fit(X, y, groups=groups).transform(X, groups=groups)

    def for_subject(self, reference: ArrayLike) -> Self:
        """Return a copy for trials of one subject, which are whitened by its reference.

        Parameters
        ----------
        reference : array-like of shape (n_channels, n_reference_times)
            Unlabelled EEG of the subject, recorded before the trials.

        Returns
        -------
        step : object
            Fitted copy with ``mode="reference"``. It transforms arrays, and ignores the reference
            of Trials; its ``fit`` discards this one.
        """
        check_is_fitted(self)
        self._check_params()
        reference = check_reference(reference, self.n_features_in_).astype(float)
        step = copy.copy(self)
        step.mode = "reference"
        step.whitener_ = self._make_whitener(self._measure(reference))
        return step

    def _set_sfreq(self, X):
        """Set the sampling rate, where it is required."""

    def _fit_subjects(self, X, groups):
        """Compute the statistics of training subjects that the mode requires."""

    def _validate_reference(self, X):
        """Raise ValueError if the mode requires the reference of Trials, and X lacks it."""
        if self.mode != "reference" or hasattr(self, "whitener_"):
            return
        if isinstance(X, Trials) and X.reference_data is None:
            raise ValueError(
                f"{type(self).__name__}(mode='reference') requires Trials with a reference, of "
                "shape (n_trials, n_channels, n_reference_times): unlabelled EEG of the subject "
                "before each trial. Pass Trials(..., reference=...), or reference=True to a loader "
                "such as load_eegmat; got reference=None."
            )

    def _iterate_whiteners(self, X, trials, groups):
        """Yield rows of the trials, and their whitener."""
        if self.mode == "reference":
            yield from self._iterate_references(X, len(trials))
            return
        subjects, order = self._get_subjects(X, groups, len(trials))
        for subject in dict.fromkeys(subjects.tolist()):
            rows = np.flatnonzero(subjects == subject)
            for part, statistic in self._iterate_statistics(subject, trials, rows, order[rows]):
                yield part, self._make_whitener(statistic)

    def _iterate_references(self, X, n_trials):
        if hasattr(self, "whitener_"):
            yield np.arange(n_trials), self.whitener_
            return
        if not isinstance(X, Trials):
            raise ValueError(
                f"{type(self).__name__}(mode='reference') requires Trials with a reference, got "
                "an array or Epochs: pass Trials(..., reference=...), or transform the trials of "
                "one subject by step.for_subject(reference).transform(X)."
            )
        references, index = read_references(X)
        for number, reference in enumerate(references):
            whitener = self._make_whitener(self._measure(reference))
            yield np.flatnonzero(index == number), whitener

    def _iterate_statistics(self, subject, trials, rows, order):
        """Yield rows of a subject and their statistic, a mean over trials in the given order."""
        statistics = np.stack([self._measure(trials[row]) for row in rows])
        if self.mode == "unlabelled":
            yield rows, statistics.mean(0)
            return
        in_order = np.argsort(order, kind="stable")
        sums = np.cumsum(statistics[in_order], axis=0)
        for number in np.unique(order):  # rows of one number are windows of one trial
            n_seen = np.count_nonzero(order <= number)
            yield rows[order == number], sums[n_seen - 1] / n_seen

    def _get_subjects(self, X, groups, n_trials):
        """Return the subject of each row, and integers that increase with its time."""
        own = X.metadata if isinstance(X, Trials) else None
        groups = own if groups is None else groups
        if groups is None:
            return np.full(n_trials, None, dtype=object), np.arange(n_trials)
        (subjects,) = get_columns(groups, "subject", estimator=self, n_samples=n_trials)
        tables = [table for table in (groups, own) if isinstance(table, (dict, pd.DataFrame))]
        table = next((table for table in tables if "trial" in table), None)
        if table is None:
            return subjects, np.arange(n_trials)
        names = [name for name in ("session", "run", "trial") if name in table]
        columns = get_columns(table, *names, estimator=self, n_samples=n_trials)
        if self.mode in ("causal", "calibration"):
            check_order(dict(zip(names, columns, strict=True)), subjects, estimator=self)
        return subjects, encode(*columns, natural=True)[0]

    def _whiten_reference(self, X, whiteners):
        """Return the whitened reference of Trials with the given whitener of each trial."""
        if X.reference_data is None:
            return None
        references, index = read_references(X)
        if self.mode in ("causal", "unlabelled"):  # a reference precedes the trials
            own = [self._make_whitener(self._measure(reference)) for reference in references]
        else:
            own = [whiteners[row] for row in np.unique(index, return_index=True)[1]]
        whitened = np.empty(references.shape, np.result_type(references.dtype, np.float32))
        for row, (reference, whitener) in enumerate(zip(references, own, strict=True)):
            whitened[row] = self._whiten(reference, whitener)
        return Selection(whitened, index)

    def _warn_no_groups(self, method, n_trials, owner):
        warnings.warn(
            f"{type(self).__name__} got no groups in {method} and treats all {n_trials} trials as "
            f"trials of {owner}. {HOW_TO_PASS_GROUPS}",
            stacklevel=3,
        )


def read_references(trials):
    """Return the distinct references of Trials as an array, and the index of that of each trial."""
    data = trials.reference_data
    rows, index = np.unique(data.rows, return_inverse=True)
    references = Selection(data.array, rows, data.picks).gather()
    is_finite = np.isfinite(references).all(axis=(1, 2))
    if not is_finite.all():
        raise ValueError(
            "reference must not contain NaN or infinity, found in that of trial "
            f"{np.argmin(is_finite[index])}."
        )
    return references, index
