"""Log power of frequency bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from .._ch_names import check_ch_names
from .._mne import get_ch_names, resolve_sfreq
from .._types import Epochs
from .._validation import check_number
from ..trials import Trials
from ._base import BaseTrialTransformer, add_channel_axis

BANDS = {"delta": (1, 4), "theta": (4, 8), "alpha": (8, 13), "beta": (13, 30), "gamma": (30, 45)}
FLOOR = 1e-30  # below the rounding error of float32 for EEG in microvolts and in volts
BATCH_SIZE = 512  # limits the memory of spectra


class BandPower(BaseTrialTransformer):
    """Log power of frequency bands in each channel of each window.

    To predict by trial, use a pipeline with this transformer in a
    :class:`~skmamba.WindowVotingClassifier`.

    Parameters
    ----------
    sfreq : float, default=None
        Sampling rate in hertz, required for arrays; Trials and ``mne.Epochs`` have their own.
    bands : dict of str to (float, float), default=None
        Name, lower limit (inclusive) and upper limit (exclusive) of each band, in hertz. None is
        delta 1-4, theta 4-8, alpha 8-13, beta 13-30 and gamma 30-45.
    ch_names : sequence of str, default=None
        Channel names, for the names of the features; Trials and ``mne.Epochs`` have their own.

    Attributes
    ----------
    bands_ : dict of str to (float, float)
        The bands.
    ch_names_ : list of str
        Channel names; channel0, channel1, ... if X has no names.
    sfreq_ : float
        Sampling rate in hertz.
    n_features_in_, ch_names_in_, sfreq_in_
        As in :class:`ChannelPicker`.

    Notes
    -----
    The power of a band is the mean of ``|rfft(x - mean(x))| ** 2`` over its frequencies, which is
    the power spectral density times ``sfreq * n_times / 2``. Bands end at ``sfreq / 2``. Power
    below 1e-30 is set to 1e-30.

    Examples
    --------
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=5)
    >>> step = BandPower()
    >>> step.fit_transform(trials).shape
    (20, 20)
    >>> step.get_feature_names_out()[:5].tolist()
    ['Fp1_delta', 'Fp2_delta', 'F3_delta', 'F4_delta', 'Fp1_theta']
    """

    set_output = TransformerMixin.set_output  # features fit into a data frame
    _HINT = " Use WindowVotingClassifier(make_pipeline(BandPower(...), ...)) for bags of windows."

    def __init__(
        self,
        sfreq: float | None = None,
        bands: Mapping[str, tuple[float, float]] | None = None,
        ch_names: Sequence[str] | None = None,
    ) -> None:
        self.sfreq = sfreq
        self.bands = bands
        self.ch_names = ch_names

    def _fit(self, X):
        names, sfreq = get_ch_names(X) or self.ch_names, resolve_sfreq(X, self.sfreq)
        X = add_channel_axis(self._validate_trials(X, reset=True))
        names = check_ch_names(names, X.shape[1])
        if names is None:
            names = [f"channel{i}" for i in range(X.shape[1])]
        self.bands_ = _validate_bands(self.bands)
        check_number("sfreq", sfreq)
        _find_bins(X.shape[-1], sfreq, self.bands_)
        self.sfreq_ = sfreq
        self.ch_names_ = names

    def transform(self, X: Trials | ArrayLike | Epochs) -> NDArray[Any]:
        """Compute the log power of each band and channel.

        Parameters
        ----------
        X : Trials, ndarray of shape (n_windows, n_channels, n_times) or mne.Epochs
            Windows with the number of channels seen in fit, of any length that the bands allow.

        Returns
        -------
        features : ndarray of shape (n_windows, n_bands * n_channels)
            Log power, all channels of the first band first; float32 if X is.
        """
        check_is_fitted(self)
        X = add_channel_axis(self._validate_trials(X, reset=False))
        bins = _find_bins(X.shape[-1], self.sfreq_, self.bands_)
        batches = gen_batches(len(X), BATCH_SIZE)
        return np.concatenate([_log_band_power(X[rows], bins) for rows in batches])

    def get_feature_names_out(self, input_features: object = None) -> NDArray[Any]:
        """Return the names of the features, such as ``Fp1_alpha``.

        Parameters
        ----------
        input_features : ignored
            For compatibility with scikit-learn.

        Returns
        -------
        names : ndarray of shape (n_bands * n_channels,)
            Channel and band of each feature.
        """
        check_is_fitted(self)
        names = [f"{name}_{band}" for band in self.bands_ for name in self.ch_names_]
        return np.asarray(names, dtype=object)


def _log_band_power(X, bins):
    """Return features ``(n_windows, n_bands * n_channels)``, given the rfft bins of each band."""
    X = X.astype(np.result_type(X.dtype, np.float32), copy=False)
    spectrum = np.fft.rfft(X - X.mean(-1, keepdims=True))
    power = spectrum.real**2 + spectrum.imag**2
    bands = np.concatenate([power[..., indices].mean(-1) for indices in bins], axis=-1)
    return np.log(np.maximum(bands, FLOOR))


def _find_bins(n_times, sfreq, bands):
    """Return the rfft bins of each band."""
    frequencies = np.arange(n_times // 2 + 1) * sfreq / n_times  # exact at limits, unlike rfftfreq
    bins = []
    for name, (low, high) in bands.items():
        bins.append(np.flatnonzero((low <= frequencies) & (frequencies < high)))
        if not len(bins[-1]):
            raise ValueError(
                f"Band {name!r}, {low:g} to {high:g} Hz, contains no frequency of a window of "
                f"{n_times} samples at sfreq={sfreq:g}, with frequencies every "
                f"{sfreq / n_times:g} Hz up to {sfreq / 2:g} Hz. Use longer windows or different "
                "bands."
            )
    return bins


def _validate_bands(bands):
    bands = BANDS if bands is None else bands
    if not isinstance(bands, dict) or not bands:
        raise ValueError(f"bands must be a dict of name to (low, high) in hertz, got {bands!r}.")
    for name, limits in bands.items():
        limits = tuple(limits) if isinstance(limits, (tuple, list, np.ndarray)) else ()
        is_pair = len(limits) == 2 and all(isinstance(limit, Real) for limit in limits)
        if not (is_pair and 0 <= limits[0] < limits[1]):
            raise ValueError(
                f"Band {name!r} must be (low, high) in hertz with 0 <= low < high, got "
                f"{bands[name]!r}."
            )
    return {name: (low, high) for name, (low, high) in bands.items()}
