"""Alignment of the covariance of subjects."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .._metadata import unify_types
from .._scaling import FLAT
from .._validation import check_int, check_option
from ..trials import Trials
from ._base import add_channel_axis
from ._subjects import BaseSubjectTransformer

MODES = ("source-only", "reference", "causal", "unlabelled", "calibration")
FLOOR = 1e-6  # of the largest eigenvalue: limits the relative gain of a direction to 1000


class EuclideanAlignment(BaseSubjectTransformer):
    """Whiten the trials of each subject by the mean covariance of the subject [1]_.

    The transformer uses no labels, and precedes :class:`SlidingWindows`.

    Parameters
    ----------
    mode : {"source-only", "reference", "causal", "unlabelled", "calibration"}, \
default="source-only"
        EEG of a new subject, one that was not in fit, that sets its reference matrix:

        - ``"source-only"``: none; the mean of the training matrices.
        - ``"reference"``: the reference of each trial, see :class:`~skmamba.Trials`.
        - ``"causal"``: its trials in X up to and including the current one, in the order of the
          columns ``session``, ``run`` and ``trial`` of the metadata, or in row order without
          ``trial``.
        - ``"unlabelled"``: all its trials in X, as in [1]_.
        - ``"calibration"``: its first ``n_calibration`` trials, in that order, of the first call
          of ``transform`` with trials of the subject. Later calls use the same matrix.

        Subjects in fit keep their matrix with ``"source-only"`` and ``"calibration"``.
        :func:`~skmamba.evaluate` marks scores by :attr:`adaptation`.
    n_calibration : int, default=5
        Number of calibration trials of a new subject.

    Attributes
    ----------
    subjects_ : list
        Subjects in fit; ``[None]`` without ``groups``, empty with ``mode="reference"``.
    references_ : ndarray of shape (n_subjects, n_channels, n_channels)
        Mean covariance of each subject; not with ``mode="reference"``.
    reference_ : ndarray of shape (n_channels, n_channels)
        Mean of ``references_``; not with ``mode="reference"``.
    calibrations_ : dict
        Mean covariance of the calibration trials of each new subject.
    whitener_ : ndarray of shape (n_channels, n_channels)
        ``R ** -0.5`` of the subject; of copies made by :meth:`for_subject`.
    n_features_in_, ch_names_in_, sfreq_in_
        As in :class:`ChannelPicker`.

    Notes
    -----
    A trial becomes ``R ** -0.5 @ X``, where ``R`` is the mean of ``X @ X.T / n_times`` over the
    trials of the subject. Departures from [1]_: the mean of each channel is removed for ``R``,
    ``R`` is divided by ``n_times``, its eigenvalues are at least 1e-6 of the largest, channels that
    are flat in ``R`` become zero, and ``"source-only"``.

    Trials have their subjects in the metadata. With arrays, groups in a pipeline require metadata
    routing. Without groups, all trials count as one subject; in transform, as a new one if fit
    had groups. A warning is emitted in fit, and in transform if it computes matrices from X.

    A reference of Trials is whitened too: as the trials with ``"source-only"``, ``"reference"``
    and ``"calibration"``, else by its own covariance.

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
    >>> aligned = EuclideanAlignment().fit_transform(trials)
    >>> mean_covariance = np.mean([np.cov(x, ddof=0) for x in aligned.X[:5]], axis=0)
    >>> np.allclose(mean_covariance, np.eye(4), atol=1e-5)
    True
    """

    def __init__(
        self,
        mode: Literal[
            "source-only", "reference", "causal", "unlabelled", "calibration"
        ] = "source-only",
        n_calibration: int = 5,
    ) -> None:
        self.mode = mode
        self.n_calibration = n_calibration

    @property
    def adaptation(self) -> str:
        """EEG of the test subject that is used: "" for none, the mode, or "calibration=k"."""
        if self.mode == "source-only":
            return ""
        return f"calibration={self.n_calibration}" if self.mode == "calibration" else self.mode

    def _check_params(self):
        check_option("mode", self.mode, MODES)
        check_int("n_calibration", self.n_calibration)

    def _fit_subjects(self, X, groups):
        self.calibrations_ = {}
        self.subjects_ = []
        if self.mode == "reference":
            return
        trials = add_channel_axis(self._validate_trials(X, reset=False))
        if groups is None and not isinstance(X, Trials):
            self._warn_no_groups("fit", len(trials), "one subject")
        subjects, _ = self._get_subjects(X, groups, len(trials))
        self.subjects_ = list(dict.fromkeys(subjects.tolist()))
        self.references_ = np.stack(
            [self._measure_mean(trials[subjects == subject]) for subject in self.subjects_]
        )
        self.reference_ = self.references_.mean(0)

    def _iterate_whiteners(self, X, trials, groups):
        if self.mode == "source-only" and not self.subjects_:
            raise ValueError(
                "mode must be 'reference', 'causal', 'unlabelled' or 'calibration' if it was "
                "'reference' in fit, got 'source-only': fit again."
            )
        uses_trials = self.mode not in ("source-only", "reference")
        has_groups = groups is not None or isinstance(X, Trials)
        if uses_trials and not has_groups and self.subjects_ != [None]:
            self._warn_no_groups("transform", len(trials), "one new subject")
        return super()._iterate_whiteners(X, trials, groups)

    def _iterate_statistics(self, subject, trials, rows, order):
        if self.mode in ("causal", "unlabelled"):
            yield from super()._iterate_statistics(subject, trials, rows, order)
        elif (number := _find_subject(subject, self.subjects_)) is not None:
            yield rows, self.references_[number]
        elif self.mode == "source-only":
            yield rows, self.reference_
        else:
            yield rows, self._calibrate(subject, trials, rows, order)

    def _calibrate(self, subject, trials, rows, order):
        """Return the reference of a new subject; that of its first call is kept."""
        number = _find_subject(subject, self.calibrations_)
        if number is not None:
            return [*self.calibrations_.values()][number]
        numbers = np.unique(order)  # rows may be windows of a trial
        if len(numbers) < self.n_calibration:
            name = "the new subject" if subject is None else f"subject {subject!r}"
            raise ValueError(
                f"X must have at least n_calibration={self.n_calibration} trials of each subject "
                f"that was not in fit, got {len(numbers)} of {name}."
            )
        reference = self._measure_mean(trials[rows[order <= numbers[self.n_calibration - 1]]])
        if subject is not None:  # without groups the next call may be of another subject
            self.calibrations_[subject] = reference
        return reference

    def _measure(self, x):
        """Return the covariance of a trial or recording (n_channels, n_times), in float64."""
        centered = x - x.mean(-1, keepdims=True, dtype=float)
        centered[np.ptp(x, axis=-1) == 0] = 0  # a constant, without rounding errors
        return centered @ centered.T / x.shape[-1]

    def _measure_mean(self, trials):
        return np.mean([self._measure(x) for x in trials], axis=0)

    def _make_whitener(self, statistic):
        """Return the symmetric ``R ** -0.5``, with eigenvalues of at least FLOOR of the largest.

        It is zero for flat channels, unless all are flat.
        """
        power = np.diag(statistic)
        used = np.flatnonzero(power > FLAT**2 * power.max())
        if not len(used):
            return np.eye(len(power))
        values, vectors = np.linalg.eigh(statistic[np.ix_(used, used)])
        whitener = np.zeros_like(statistic)
        scaled = vectors / np.sqrt(np.maximum(values, FLOOR * values[-1]))
        whitener[np.ix_(used, used)] = scaled @ vectors.T
        return whitener

    def _whiten(self, x, whitener):
        return whitener @ x


def _find_subject(subject, known):
    """Return the number of a subject among known ones, named 1 or "1"; None of a new one."""
    names = unify_types(np.array([*known, subject], dtype=object)).tolist()
    return names.index(names[-1]) if names[-1] in names[:-1] else None
