"""Bringing people onto one scale before one model learns from all of them."""

from __future__ import annotations

import warnings
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from .._metadata import get_columns
from .._types import Epochs, Groups
from .._validation import check_int, check_option, restore_on_error
from ._input import TrialStep

MODES = ("source-only", "unlabelled", "calibration")
FLOOR = 1e-6  # of the largest eigenvalue: a weak direction gains at most 1000 times a strong one
HOW_TO_PASS_GROUPS = (
    "In a pipeline call sklearn.set_config(enable_metadata_routing=True) first, then "
    "fit(X, y, groups=metadata) and predict(X, groups=metadata), or "
    "cross_validate(..., params={'groups': metadata['subject']}); skmamba.evaluate passes them by "
    "itself."
)


class EuclideanAlignment(TrialStep):
    """Give the trials of every subject the same mean covariance: the identity.

    People differ in amplitude and in how sources mix into electrodes, often more than classes do.
    Each subject's trials are multiplied by one matrix that takes such differences away, without a
    look at labels [1]_. The step comes before windows are cut.

    What it may know of a new subject is a matter of the protocol, so ``mode`` says it:

    ===================  ===========================================  ==========================
    mode                 reference of a subject not seen in fit       what it stands for
    ===================  ===========================================  ==========================
    ``"source-only"``    mean of the training subjects' references    nothing is known of them
    ``"unlabelled"``     all of their trials in the X to transform    all trials are there before
                                                                      the first answer, as in [1]_
    ``"calibration"``    their first ``n_calibration`` trials         a short recording goes first
    ===================  ===========================================  ==========================

    The last two use test trials, if no label of them: such scores are not those of strict
    cross-subject transfer, and :func:`~skmamba.evaluate` marks them by :attr:`transductive`.

    Parameters
    ----------
    mode : {"source-only", "unlabelled", "calibration"}, default="source-only"
        Where the reference of a new subject comes from. Subjects seen in fit keep the reference
        that their training trials gave; ``"unlabelled"`` takes that of the X to transform for
        them, too.
    n_calibration : int, default=5
        How many trials of a new subject ``mode="calibration"`` uses: the first by the columns
        ``session`` and ``trial`` of ``groups``, or in row order without ``trial``.

    Attributes
    ----------
    subjects_ : list
        Subjects seen in fit; ``[None]`` if they were not told.
    references_ : ndarray of shape (n_subjects, n_channels, n_channels)
        The mean covariance of each.
    reference_ : ndarray of shape (n_channels, n_channels)
        Mean of ``references_``.
    n_features_in_ : int
        Number of channels seen in fit; of time points, if X had one channel and two dimensions.

    See Also
    --------
    ChannelPicker : The step before: covariances are of the channels that stay.
    SlidingWindows : The step after.

    Notes
    -----
    The reference ``R`` of a subject is the mean of ``X @ X.T`` over trials, and a trial becomes
    ``R ** -0.5 @ X`` [1]_. Ours: each channel's mean over a trial is taken off for ``R`` alone,
    because recordings that were not high-pass filtered have offsets larger than their EEG; and
    ``R`` is divided by the number of time points, so that aligned channels have unit variance
    whatever the length of trials. On band-passed trials of one length both change nothing but one
    common factor.

    ``"source-only"`` is ours, for [1]_ always has the new subject's trials. The mean of the
    references is what all training subjects together would have, each with equal weight, and so
    the guess that needs nothing of the new one. It does not whiten the new subject exactly.

    Eigenvalues of ``R`` below 1e-6 of the largest count as that much: a constant channel, an
    average reference or fewer time points than channels leave directions of no variance. Trials
    of silence stay as they are.

    In ``"calibration"`` the first trials are answered like all others, and scored unless held out.
    Nothing is kept of them: every call of ``transform`` wants them in X.

    Groups reach the step in a pipeline through metadata routing. Without groups all trials are
    taken for those of one person. In ``fit`` that is right for recordings of one user and no leak
    in any case, but with several subjects it is no Euclidean alignment, so a warning says that it
    happened; an error would leave the step without ``fit(X, y)``, which scikit-learn expects to
    work. In ``transform`` that person is new, unless ``fit`` had no groups either; a warning comes
    if the mode takes a reference from X. In scikit-learn 1.9, scorers given by name call
    ``predict`` without groups, whatever is routed: cross-validation wants ``scoring=None``, or
    one subject a fold. Nor does ``GridSearchCV.predict`` pass any: ask its ``best_estimator_``.

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
    >>> step = EuclideanAlignment()
    >>> aligned = step.fit_transform(trials.X, groups=trials.metadata)
    >>> np.mean([np.cov(x, ddof=0) for x in aligned[:5]], axis=0).round(2) + 0.0
    array([[1., 0., 0., 0.],
           [0., 1., 0., 0.],
           [0., 0., 1., 0.],
           [0., 0., 0., 1.]])
    >>> EuclideanAlignment("calibration", n_calibration=3).transductive
    'calibration=3'
    """

    # Without subjects there is no alignment, so nobody has to ask for them.
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
        """What of the test subjects is used: "" for nothing, "unlabelled" or "calibration=k"."""
        if self.mode == "source-only":
            return ""
        return f"calibration={self.n_calibration}" if self.mode == "calibration" else self.mode

    def fit(self, X: ArrayLike | Epochs, y: object = None, groups: Groups | None = None) -> Self:
        """Learn the reference of every training subject.

        Parameters
        ----------
        X : ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials; with two dimensions, ``(n_trials, n_times)``, of one channel.
        y : ignored
            Here because scikit-learn passes it.
        groups : DataFrame or array-like of shape (n_trials,), default=None
            The metadata with the column ``subject``, or that column.

        Returns
        -------
        self : EuclideanAlignment
            The fitted step.

        Raises
        ------
        ValueError
            If a parameter or ``groups`` does not fit.

        Warns
        -----
        UserWarning
            If there are no groups.
        """
        self._check_params()
        with restore_on_error(self):
            X = _with_channels(self._check_trials(X, reset=True))
            subjects = self._read_subjects(groups, len(X))
            if groups is None:
                warnings.warn(
                    f"EuclideanAlignment got no groups in fit and takes all {len(X)} trials for "
                    f"those of one person. {HOW_TO_PASS_GROUPS}",
                    UserWarning,
                    stacklevel=2,
                )
            self.subjects_ = list(dict.fromkeys(subjects.tolist()))
            self.references_ = np.stack(
                [mean_covariance(X[subjects == subject]) for subject in self.subjects_]
            )
            self.reference_ = self.references_.mean(0)
        return self

    def transform(self, X: ArrayLike | Epochs, groups: Groups | None = None) -> NDArray[Any]:
        """Align the trials of every subject by a reference of their own, or the common one.

        Parameters
        ----------
        X : ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials with as many channels as those seen in fit; with three dimensions of any length.
        groups : DataFrame or array-like of shape (n_trials,), default=None
            As in :meth:`fit`; None if all are of one person whom fit has not seen.

        Returns
        -------
        X_aligned : ndarray of shape (n_trials, n_channels, n_times)
            Aligned trials; float32 if X is.

        Raises
        ------
        ValueError
            If X or ``groups`` does not fit, or a new subject has fewer than ``n_calibration``
            trials.

        Warns
        -----
        UserWarning
            If X is to give references, and groups came to fit but not here.
        """
        check_is_fitted(self)
        self._check_params()
        X = self._check_trials(X, reset=False)
        trials = _with_channels(X)
        subjects = self._read_subjects(groups, len(X))
        if groups is None and self.transductive and self.subjects_ != [None]:
            warnings.warn(
                f"EuclideanAlignment(mode={self.mode!r}) got no groups in transform and takes all "
                f"{len(X)} trials for those of one new person. {HOW_TO_PASS_GROUPS}",
                UserWarning,
                stacklevel=2,
            )
        order = self._read_order(groups, len(X))
        aligned = np.empty(trials.shape, np.result_type(X.dtype, np.float32))
        for subject in dict.fromkeys(subjects.tolist()):
            rows = np.flatnonzero(subjects == subject)
            whitener = inverse_sqrt(self._reference_of(subject, trials[rows], order[rows]))
            for row in rows:  # one at a time: in float64, and no second copy of the data
                aligned[row] = whitener @ trials[row]
        return aligned.reshape(X.shape)

    def fit_transform(
        self, X: ArrayLike | Epochs, y: object = None, groups: Groups | None = None
    ) -> NDArray[Any]:
        """Learn the references of the training subjects, and align them.

        Parameters
        ----------
        X : ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials, as in :meth:`fit`.
        y : ignored
            Here because scikit-learn passes it.
        groups : DataFrame or array-like of shape (n_trials,), default=None
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

    def _read_subjects(self, groups, n_trials):
        if groups is None:
            return np.full(n_trials, None, dtype=object)
        return get_columns(groups, "subject", asker=self, n_samples=n_trials)[0]

    def _read_order(self, groups, n_trials):
        """Numbers that rise from a subject's first trial to the last."""
        if not (isinstance(groups, dict) or hasattr(groups, "columns")) or "trial" not in groups:
            return np.arange(n_trials)
        names = [name for name in ("session", "trial") if name in groups]  # may start anew
        columns = get_columns(groups, *names, asker=self, n_samples=n_trials)
        return (
            pd.DataFrame(dict(zip(names, columns, strict=True))).groupby(names).ngroup().to_numpy()
        )

    def _reference_of(self, subject, X, order):
        """Choose the reference of a subject who has the trials X, in that order, to align."""
        if self.mode == "unlabelled":
            return mean_covariance(X)
        if subject in self.subjects_:
            return self.references_[self.subjects_.index(subject)]
        if self.mode == "source-only":
            return self.reference_
        trials = np.unique(order)  # rows may be windows, several a trial
        if len(trials) < self.n_calibration:
            whom = "The new person" if subject is None else f"Subject {subject!r}"
            raise ValueError(
                f"{whom} has {len(trials)} trials in X, and mode='calibration' needs "
                f"n_calibration={self.n_calibration} of everybody who was not in fit."
            )
        return mean_covariance(X[np.isin(order, trials[: self.n_calibration])])


def mean_covariance(X):
    """Mean over trials of the covariance of channels.

    Parameters
    ----------
    X : ndarray of shape (n_trials, n_channels, n_times)
        Trials.

    Returns
    -------
    reference : ndarray of shape (n_channels, n_channels)
        In float64.
    """
    reference = np.zeros((X.shape[1], X.shape[1]))
    for x in X:
        x = x - x.mean(-1, keepdims=True, dtype=float)
        reference += x @ x.T
    return reference / (len(X) * X.shape[-1])


def inverse_sqrt(reference):
    """Symmetric ``R ** -0.5``, with eigenvalues from FLOOR of the largest on."""
    values, vectors = np.linalg.eigh(reference)
    if values[-1] <= 0:  # silence
        return np.eye(len(values))
    return vectors / np.sqrt(np.maximum(values, FLOOR * values[-1])) @ vectors.T


def _with_channels(X):
    """Give trials of one channel, (n_trials, n_times), their axis of channels."""
    return X[:, None] if X.ndim == 2 else X
