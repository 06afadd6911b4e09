"""Cutting trials into windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from .._mne import resolve_sfreq
from .._types import Epochs
from .._windows import cut_windows, resolve_window
from ..trials import Trials
from ._base import BaseTrialTransformer, add_channel_axis


class SlidingWindows(BaseTrialTransformer):
    """Cut each trial into windows of equal length, on a new second axis.

    A trial remains one row, so that labels, groups and cross-validation folds are unchanged.

    Parameters
    ----------
    window_size : float, default=2.0
        Window length in seconds, rounded to samples.
    stride : float, default=None
        Distance between two window starts in seconds. None is the window length: windows do not
        overlap.
    window_size_samples, stride_samples : int, default=None
        The same in samples. They take precedence over the values in seconds.
    sfreq : float, default=None
        Sampling rate in hertz, required for durations in seconds; Trials and ``mne.Epochs`` have
        their own.

    Attributes
    ----------
    window_size_samples_, stride_samples_ : int
        Window length and stride in samples.
    sfreq_ : float or None
        Sampling rate in hertz, if known.
    starts_ : ndarray of shape (n_windows,)
        First sample of each window, for trials as long as those seen in fit.
    n_features_in_, ch_names_in_, sfreq_in_
        As in :class:`ChannelPicker`.

    See Also
    --------
    skmamba.Trials.as_windows : The same windows as rows.

    Notes
    -----
    Samples after the last complete window are dropped. The output is a read-only view of X.

    Examples
    --------
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=5, n_channels=4, n_times=256)
    >>> SlidingWindows(1.0, 0.5).fit_transform(trials).shape
    (20, 3, 4, 128)
    >>> SlidingWindows(window_size_samples=64).fit_transform(trials.X).shape
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

    def _fit(self, X):
        self.sfreq_ = resolve_sfreq(X, self.sfreq)
        size, stride = resolve_window(
            self.window_size,
            self.stride,
            self.window_size_samples,
            self.stride_samples,
            self.sfreq_,
        )
        X = self._validate_trials(X, reset=True, lazy=True)
        self.window_size_samples_, self.stride_samples_ = size, stride
        self.starts_ = np.arange(_cut(X, size, stride).shape[1]) * stride

    def transform(self, X: Trials | ArrayLike | Epochs) -> Trials | NDArray[Any]:
        """Cut windows.

        Parameters
        ----------
        X : Trials, ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials with the number of channels and the sampling rate seen in fit, of any length.

        Returns
        -------
        windows : Trials or ndarray of shape (n_trials, n_windows, n_channels, n_samples)
            A read-only view of X; Trials if X is.
        """
        check_is_fitted(self)
        X = self._validate_trials(X, reset=False, lazy=True)
        return _cut(X, self.window_size_samples_, self.stride_samples_)


def _cut(X, size, stride):
    """Return the windows of Trials or of an array."""
    if isinstance(X, Trials):
        return X.derive(X=X.data.cut(size, stride))
    return cut_windows(add_channel_axis(X), size, stride)
