"""Whitening of the spectrum of subjects."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.ndimage import convolve1d
from scipy.signal import firwin2, get_window, welch

from .._mne import resolve_sfreq
from .._scaling import find_flat
from .._validation import ADAPTATIONS, check_number, check_option
from ..trials import Trials
from ._subjects import BaseSubjectTransformer


class SubjectWhitening(BaseSubjectTransformer):
    """Divide the spectrum of each channel by that of unlabelled EEG of the subject.

    A linear-phase filter for each channel removes differences between subjects in amplitude and
    spectrum; changes relative to this EEG remain. The transformer uses neither labels nor the EEG
    of the subjects in fit. It precedes :class:`SlidingWindows`.

    Parameters
    ----------
    mode : {"reference", "causal", "unlabelled"}, default="reference"
        EEG of the subject that sets the filter, as in :class:`EuclideanAlignment`: the reference
        of the trial; the trials of the subject in X up to and including the current one; or all
        trials of the subject in X, which is transductive.
    sfreq : float, default=None
        Sampling rate in hertz, required for arrays; Trials and ``mne.Epochs`` have their own.
    l_freq, h_freq : float, default=1.0, 45.0
        Pass band in hertz. ``h_freq`` is limited to half of the sampling rate.
    filter_size : float, default=1.0
        Length of the filter in seconds, rounded to an odd number of samples.
    segment_size : float, default=2.0
        Length of the segments of Welch's method in seconds. Shorter EEG is one segment.
    smoothing : float, default=1.5
        Width of the moving average over the spectrum, in hertz.
    floor : float, default=1e-4
        Smallest power density that is divided by, relative to the largest in the pass band.

    Attributes
    ----------
    sfreq_ : float
        Sampling rate in hertz.
    delay_ : int
        Delay of the causal filter in samples, half of its length. The output has no delay: it
        depends on ``delay_`` samples before and after each sample.
    whitener_ : ndarray of shape (n_channels, n_taps)
        Filters of the subject; of copies made by :meth:`for_subject`.
    n_features_in_, ch_names_in_, sfreq_in_
        As in :class:`ChannelPicker`.

    See Also
    --------
    EuclideanAlignment : Whitening across channels.

    Notes
    -----
    The power density is the mean of Welch's method over the recordings. The gain is its inverse
    square root in the pass band and 0 elsewhere, scaled such that the EEG that sets the filter has
    unit variance after filtering. A filter does not pass an offset, and a channel that is
    constant in this EEG becomes zero. Trials are extended at both ends by odd reflection.

    A reference of Trials is whitened too: with ``"reference"`` by the filter of its trials, with
    the other modes by its own spectrum.

    Examples
    --------
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=5)
    >>> whitened = SubjectWhitening("unlabelled").fit_transform(trials)
    >>> whitened.select(subject=2).X.std(axis=(0, 2)).round(1)
    array([1., 1., 1., 1.], dtype=float32)
    """

    sfreq_: float

    def __init__(
        self,
        mode: Literal["reference", "causal", "unlabelled"] = "reference",
        *,
        sfreq: float | None = None,
        l_freq: float = 1.0,
        h_freq: float = 45.0,
        filter_size: float = 1.0,
        segment_size: float = 2.0,
        smoothing: float = 1.5,
        floor: float = 1e-4,
    ) -> None:
        self.mode = mode
        self.sfreq = sfreq
        self.l_freq = l_freq
        self.h_freq = h_freq
        self.filter_size = filter_size
        self.segment_size = segment_size
        self.smoothing = smoothing
        self.floor = floor

    @property
    def adaptation(self) -> str:
        """EEG of the test subject that is used: the mode."""
        return self.mode

    def _set_sfreq(self, X):
        sfreq = resolve_sfreq(X, self.sfreq)
        check_number("sfreq", sfreq)
        self.sfreq_ = sfreq

    def _fit_subjects(self, X, groups):
        self.delay_ = max(1, round(self.filter_size * self.sfreq_ / 2))

    def _check_params(self):
        check_option("mode", self.mode, ADAPTATIONS)
        for name in ("h_freq", "filter_size", "segment_size", "floor"):
            check_number(name, getattr(self, name))
        for name in ("l_freq", "smoothing"):
            check_number(name, getattr(self, name), zero=True)
        nyquist = self.sfreq_ / 2
        if not self.l_freq < min(self.h_freq, nyquist):
            raise ValueError(
                f"l_freq must be less than h_freq and half of the sampling rate ({nyquist:g} Hz), "
                f"got l_freq={self.l_freq!r} and h_freq={self.h_freq!r}."
            )
        if not self._find_band().any():
            raise ValueError(
                f"segment_size must be longer for the pass band from {self.l_freq:g} to "
                f"{self.h_freq:g} Hz, got {self.segment_size!r}."
            )

    def _iterate_whiteners(self, X, trials, groups):
        if groups is None and self.mode != "reference" and not isinstance(X, Trials):
            self._warn_no_groups("transform", len(trials), "one subject")
        return super()._iterate_whiteners(X, trials, groups)

    def _find_freqs(self):
        """Return the frequencies of the spectrum, from 0 to half of the sampling rate."""
        n_bins = max(1, round(self.segment_size * self.sfreq_ / 2))
        return np.linspace(0, self.sfreq_ / 2, n_bins + 1)

    def _find_band(self):
        """Return a mask of the frequencies in the pass band."""
        freqs = self._find_freqs()
        return (freqs > 0) & (freqs >= self.l_freq) & (freqs <= self.h_freq)

    def _measure(self, x):
        """Return the power density of a trial or recording, (n_channels, n_freqs)."""
        size = 2 * (len(self._find_freqs()) - 1)
        x = np.asarray(x, dtype=float)
        _, density = welch(x, self.sfreq_, nperseg=min(size, x.shape[-1]), nfft=size)
        density[find_flat(x)] = 0  # without rounding errors
        return density

    def _make_whitener(self, statistic):
        """Return the filter of each channel, (n_channels, n_taps); 0 for a constant channel."""
        freqs, band = self._find_freqs(), self._find_band()
        width = 2 * round((self.smoothing / freqs[1] - 1) / 2) + 1  # odd number of bins
        smooth = convolve1d(statistic, np.full(max(1, width), 1 / max(1, width)), mode="nearest")
        largest = smooth[:, band].max(axis=1, keepdims=True)
        is_constant = largest[:, 0] <= 0
        largest[is_constant] = 1
        gain = np.zeros(statistic.shape)
        gain[:, band] = np.maximum(smooth[:, band] / largest, self.floor) ** -0.5
        unit_filters, cosines = _get_design(2 * self.delay_ + 1, len(freqs))
        taps = gain @ unit_filters
        variance = freqs[1] * ((taps @ cosines) ** 2 * statistic).sum(axis=1)
        is_constant |= variance <= 0
        taps /= np.sqrt(np.where(is_constant, 1, variance))[:, None]
        return np.where(is_constant[:, None], 0, taps)

    def _whiten(self, x, whitener):
        """Return one trial or recording (n_channels, n_times), filtered without delay."""
        pad = [(0, 0), (self.delay_, self.delay_)]
        padded = np.pad(np.asarray(x, float), pad, "reflect", reflect_type="odd")
        # Direct convolution: a sample does not depend on the length of x, bit for bit.
        pairs = zip(padded, whitener, strict=True)
        return np.stack([np.convolve(row, taps, mode="valid") for row, taps in pairs])


@lru_cache(maxsize=8)
def _get_design(n_taps, n_freqs):
    """Return the filter of each frequency alone, and the matrix from taps to zero-phase gains.

    A filter of the window method is linear in its gains: a sum of those of single frequencies.
    """
    freqs = np.linspace(0, 1, n_freqs)
    filters = np.stack([firwin2(n_taps, freqs, gain) for gain in np.eye(n_freqs)])
    window = get_window("hamming", n_taps, fftbins=False)
    filters -= filters.sum(axis=1, keepdims=True) * window / window.sum()  # no offset passes
    lags = np.arange(n_taps) - n_taps // 2
    return filters, np.cos(np.pi * np.outer(lags, freqs))
