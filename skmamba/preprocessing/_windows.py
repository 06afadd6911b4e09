"""Windows inside trials."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from .._restore import restored_on_error
from .._types import Epochs
from .._windows import cut_windows, whole_points
from ._input import TrialStep


class SlidingWindows(TrialStep):
    """Cut every trial into windows of equal length.

    A trial stays one row, so labels, groups and folds keep their meaning; windows become a new
    second axis. To make windows the rows instead, see
    :meth:`Trials.as_windows <skmamba.Trials.as_windows>`.

    Parameters
    ----------
    size : int or float
        Length of a window in time points; in seconds if ``sfreq`` is given.
    stride : int or float, default=size
        Distance between two window starts, in the same unit.
    sfreq : float, default=None
        Sampling rate in hertz, to state ``size`` and ``stride`` in seconds. They are rounded to
        whole time points.

    Attributes
    ----------
    size_, stride_ : int
        The same in time points.
    starts_ : ndarray of shape (n_windows,)
        First time point of each window, for trials as long as those seen in fit.
    n_features_in_ : int
        Number of channels seen in fit; of time points, if X had one channel and two dimensions.

    See Also
    --------
    Trials.as_windows : The same cut with one row per window.

    Notes
    -----
    A rest shorter than ``size`` at the end of a trial is dropped.

    The result is a read-only view of X: overlapping windows cost no memory.

    Examples
    --------
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=5, n_channels=4, n_times=256)
    >>> SlidingWindows(size=128, stride=64).fit_transform(trials.X).shape
    (20, 3, 4, 128)
    >>> SlidingWindows(size=0.5, sfreq=trials.sfreq).fit_transform(trials.X).shape
    (20, 4, 4, 64)
    """

    def __init__(
        self, size: float, stride: float | None = None, sfreq: float | None = None
    ) -> None:
        self.size = size
        self.stride = stride
        self.sfreq = sfreq

    def fit(self, X: ArrayLike | Epochs, y: object = None) -> Self:
        """Check sizes, and learn where windows start.

        Parameters
        ----------
        X : ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials; with two dimensions, ``(n_trials, n_times)``, of one channel.
        y : ignored
            Here because scikit-learn passes it.

        Returns
        -------
        self : SlidingWindows
            The fitted step.

        Raises
        ------
        ValueError
            If a size is no whole number of time points, or a trial is shorter than a window.
        """
        size = whole_points("size", self.size, self.sfreq)
        stride = size
        if self.stride is not None:
            stride = whole_points("stride", self.stride, self.sfreq)
        with restored_on_error(self):
            X = self._check_trials(X, reset=True)
            n_windows = cut_windows(_with_channels(X), size, stride).shape[1]
            self.size_, self.stride_ = size, stride
            self.starts_ = np.arange(n_windows) * stride
        return self

    def transform(self, X: ArrayLike | Epochs) -> NDArray[Any]:
        """Cut the windows.

        Parameters
        ----------
        X : ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials with as many channels as those seen in fit; with three dimensions of any length.

        Returns
        -------
        windows : ndarray of shape (n_trials, n_windows, n_channels, size)
            A read-only view of X.

        Raises
        ------
        ValueError
            If X has another number of channels than in fit, or a trial is shorter than a
            window.
        """
        check_is_fitted(self)
        X = self._check_trials(X, reset=False)
        return cut_windows(_with_channels(X), self.size_, self.stride_)


def _with_channels(X):
    """Give trials of one channel, (n_trials, n_times), their axis of channels."""
    return X[:, None] if X.ndim == 2 else X
