"""Power of EEG rhythms: the features that networks have to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from .._mne import count_dims, get_ch_names
from .._types import Epochs
from .._validation import restore_on_error
from ._input import TrialStep

BANDS = {"delta": (1, 4), "theta": (4, 8), "alpha": (8, 13), "beta": (13, 30), "gamma": (30, 45)}
FLOOR = 1e-30  # below the rounding of float32 for EEG in microvolt and in volt
ROWS_AT_ONCE = 512  # spectra are as large as the data: they are held for so many rows only


class BandPower(TrialStep):
    """Describe each window by the log power of frequency bands in each channel.

    With a linear model behind it, this is the classical rival of every network on EEG. To answer
    by trial, put both into a :class:`~skmamba.WindowVotingClassifier`.

    Parameters
    ----------
    sfreq : float
        Sampling rate in hertz.
    bands : dict of str to (float, float), default=None
        Name of each band, and the frequencies in hertz from which on and below which it is. None
        stands for delta 1-4, theta 4-8, alpha 8-13, beta 13-30 and gamma 30-45.
    ch_names : sequence of str, default=None
        Names of the channels of X, for the names of the features; mne.Epochs bring their own.

    Attributes
    ----------
    bands_ : dict of str to (float, float)
        The bands.
    ch_names_ : list of str
        Names of the channels: channel0, channel1, ... if X came without.
    n_features_in_ : int
        Number of channels seen in fit; of time points, if X had one channel and two dimensions.

    See Also
    --------
    WindowVotingClassifier : Gives a linear model on these features the vote of a trial's windows.
    make_models : Builds this pipeline by the name "band-power-LDA".

    Notes
    -----
    The power of a band is the mean of ``|rfft(x)| ** 2`` over its frequencies, from a plain
    periodogram of the whole window without its mean. For windows of n time points it is
    ``sfreq * n / 2`` times the power density; in a log that is one constant for all features.

    A window of n time points has one frequency every ``sfreq / n`` hertz, up to ``sfreq / 2``. A
    band that reaches higher ends there.

    Power below 1e-30 counts as 1e-30, so that a silent channel has a log.

    Examples
    --------
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=5)
    >>> step = BandPower(sfreq=trials.sfreq, ch_names=trials.ch_names)
    >>> step.fit_transform(trials.X).shape
    (20, 20)
    >>> step.get_feature_names_out()[:5].tolist()
    ['Fp1_delta', 'Fp2_delta', 'F3_delta', 'F4_delta', 'Fp1_theta']
    """

    def __init__(
        self,
        sfreq: float,
        bands: Mapping[str, tuple[float, float]] | None = None,
        ch_names: Sequence[str] | None = None,
    ) -> None:
        self.sfreq = sfreq
        self.bands = bands
        self.ch_names = ch_names

    def fit(self, X: ArrayLike | Epochs, y: object = None) -> Self:
        """Check that windows are long enough for the bands; nothing is learned from values.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_channels, n_times) or mne.Epochs
            Windows, or whole trials; with two dimensions, ``(n_windows, n_times)``, of one
            channel.
        y : ignored
            Here because scikit-learn passes it.

        Returns
        -------
        self : BandPower
            The fitted step.

        Raises
        ------
        ValueError
            If a band holds no frequency of so short a window, or an argument does not fit.
        """
        with restore_on_error(self):
            names = get_ch_names(X) or self.ch_names
            X = self._check_windows(X, reset=True)
            n_channels = X.shape[1] if X.ndim == 3 else 1
            if names is None:
                names = [f"channel{i}" for i in range(n_channels)]
            elif len(names) != n_channels:
                raise ValueError(
                    f"ch_names must name each channel: X has {n_channels} channels, "
                    f"got {len(names)} names."
                )
            bands = check_bands(self.bands)
            find_bins(X.shape[-1], check_sfreq(self.sfreq), bands)
            self.bands_ = bands
            self.ch_names_ = [str(name) for name in names]
        return self

    def transform(self, X: ArrayLike | Epochs) -> NDArray[Any]:
        """Compute the features.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_channels, n_times) or mne.Epochs
            Windows with as many channels as those seen in fit; with three dimensions of any
            length that the bands allow.

        Returns
        -------
        features : ndarray of shape (n_windows, n_bands * n_channels)
            Log power, all channels of the first band first; float32 if X is.

        Raises
        ------
        ValueError
            If X has another number of channels than in fit, or its windows are too short.
        """
        check_is_fitted(self)
        X = self._check_windows(X, reset=False)
        X = X[:, None] if X.ndim == 2 else X
        bins = find_bins(X.shape[-1], self.sfreq, self.bands_)
        batches = gen_batches(len(X), ROWS_AT_ONCE)
        return np.concatenate([log_band_power(X[rows], bins) for rows in batches])

    def get_feature_names_out(self, input_features: object = None) -> NDArray[Any]:
        """Name the features, such as ``Fp1_alpha``.

        Parameters
        ----------
        input_features : ignored
            Here because scikit-learn passes it.

        Returns
        -------
        names : ndarray of shape (n_bands * n_channels,)
            Channel and band of each feature.
        """
        check_is_fitted(self)
        names = [f"{name}_{band}" for band in self.bands_ for name in self.ch_names_]
        return np.asarray(names, dtype=object)

    def set_output(
        self, *, transform: Literal["default", "pandas", "polars"] | None = None
    ) -> Self:
        """Choose the form of the features: an array or a data frame.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            The form; None leaves it as it is.

        Returns
        -------
        self : BandPower
            The step.
        """
        return super(TrialStep, self).set_output(transform=transform)  # two axes fit a data frame

    def _check_windows(self, X, *, reset):
        if count_dims(X) == 4:
            raise ValueError(
                "BandPower takes windows of 3 dimensions, got bags of windows, of 4: put it inside "
                "of WindowVotingClassifier(make_pipeline(BandPower(...), ...))."
            )
        return self._check_trials(X, reset=reset)


def log_band_power(X, bins):
    """Log of the mean power in ranges of frequency bins.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_channels, n_times)
        Windows.
    bins : list of ndarray of int
        The frequencies of each band, as indices into what ``rfft`` gives.

    Returns
    -------
    features : ndarray of shape (n_windows, n_bands * n_channels)
        float32 for X of float32 or less.
    """
    X = X.astype(np.result_type(X.dtype, np.float32), copy=False)
    spectrum = np.fft.rfft(X - X.mean(-1, keepdims=True))
    power = spectrum.real**2 + spectrum.imag**2
    bands = np.concatenate([power[..., chosen].mean(-1) for chosen in bins], axis=-1)
    return np.log(np.maximum(bands, FLOOR))


def find_bins(n_times, sfreq, bands):
    """Which of the frequencies of a window each band holds."""
    hertz = np.fft.rfftfreq(n_times, 1 / sfreq)
    bins = [np.flatnonzero((low <= hertz) & (hertz < high)) for low, high in bands.values()]
    for (name, (low, high)), chosen in zip(bands.items(), bins, strict=True):
        if not len(chosen):
            raise ValueError(
                f"Band {name!r}, {low:g} to {high:g} Hz, holds no frequency of a window of "
                f"{n_times} time points at sfreq={sfreq:g}, which has one every "
                f"{sfreq / n_times:g} Hz up to {sfreq / 2:g} Hz. Longer windows have more; or "
                "choose other bands."
            )
    return bins


def check_bands(bands):
    """Return the bands, or those of everybody; complain about what are none."""
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


def check_sfreq(sfreq: float) -> float:
    """Return a sampling rate that can be one."""
    if not (isinstance(sfreq, Real) and sfreq > 0):
        raise ValueError(f"sfreq must be positive, in hertz, got {sfreq!r}.")
    return sfreq
