"""Windows inside trials."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from .._types import Epochs
from .._validation import restore_on_error
from .._windows import cut_windows, resolve_window
from ._input import TrialStep


class SlidingWindows(TrialStep):
    """Cut every trial into windows of equal length.

    A trial stays one row, so labels, groups and folds keep their meaning; windows become a new
    second axis. To make windows the rows instead, see
    :meth:`Trials.as_windows <skmamba.Trials.as_windows>`.

    Parameters
    ----------
    window_size : float, default=2.0
        Window length in seconds, rounded to whole samples. Requires ``sfreq``.
    stride : float, default=None
        Distance between two window starts in seconds. None is the window length: windows do not
        overlap.
    window_size_samples, stride_samples : int, default=None
        The same in samples. They take precedence over the values in seconds.
    sfreq : float, default=None
        Sampling rate in hertz.

    Attributes
    ----------
    window_size_samples_, stride_samples_ : int
        Window length and stride in samples.
    starts_ : ndarray of shape (n_windows,)
        First time point of each window, for trials as long as those seen in fit.
    n_features_in_ : int
        Number of channels seen in fit; of time points, if X had one channel and two dimensions.

    See Also
    --------
    Trials.as_windows : The same cut with one row per window.

    Notes
    -----
    A remainder shorter than a window at the end of a trial is dropped.

    The result is a read-only view of X: overlapping windows cost no memory.

    Examples
    --------
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=5, n_channels=4, n_times=256)
    >>> SlidingWindows(window_size_samples=128, stride_samples=64).fit_transform(trials.X).shape
    (20, 3, 4, 128)
    >>> SlidingWindows(0.5, sfreq=trials.sfreq).fit_transform(trials.X).shape
    (20, 4, 4, 64)
    """

    def __init__(
        self,
        window_size: float = 2.0,
        stride: float | None = None,
        *,
        window_size_samples: int | None = None,
        stride_samples: int | None = None,
        sfreq: float | None = None,
    ) -> None:
        self.window_size = window_size
        self.stride = stride
        self.window_size_samples = window_size_samples
        self.stride_samples = stride_samples
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
        size, stride = resolve_window(
            self.window_size,
            self.stride,
            self.window_size_samples,
            self.stride_samples,
            self.sfreq,
        )
        with restore_on_error(self):
            X = self._check_trials(X, reset=True)
            n_windows = cut_windows(_with_channels(X), size, stride).shape[1]
            self.window_size_samples_, self.stride_samples_ = size, stride
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
        return cut_windows(_with_channels(X), self.window_size_samples_, self.stride_samples_)


def _with_channels(X):
    """Give trials of one channel, (n_trials, n_times), their axis of channels."""
    return X[:, None] if X.ndim == 2 else X
