"""Scaling of channels with statistics of the training windows, and their standard deviation."""

import numpy as np

SCALINGS = ("robust", "standard", "window")
# Robust scaling clips at this many deviations: a blink on a frontal channel is larger than the EEG.
CLIP = 8.0
MAX_OFFSET = 4.0  # of the median of a window, in units of offset_scale
MAX_RATIO = 2.0  # of deviations with and without window medians; a larger one is due to offsets
MAD_TO_SD = 1.4826  # for a normal distribution
FLAT = 1e-6  # largest deviation of a flat channel, relative to the channel with the largest one
SPREADS = 1e-2, 1e4  # plausible standard deviations of EEG, in microvolts or standardised
MAX_SPREAD_RATIO = 100  # of data in the same unit; volts to microvolts is 1e6
MAX_VALUES = 2**22  # per channel in its statistics; larger data are subsampled


def find_flat(x):
    """Return a mask of the channels of ``(..., C, T)`` that are constant in each window.

    A constant channel of which a filter has removed the offset is so up to rounding errors.
    """
    std = _measure_std(x).reshape(-1, x.shape[-2]).max(0)  # (C,)
    return std <= FLAT * std.max()


def _measure_std(x):
    return np.std(x, -1, dtype=float) * (np.ptp(x, axis=-1) != 0)  # the mean may be rounded


def fit_scaling(scaling, bags, trials, weight):
    """Return center, scale and scale of offsets of each channel over windows of the given trials.

    ``bags`` is a Selection. A weight of two counts a trial twice. The values are 0, 1 and 1
    for scalings without such statistics.
    """
    _, n_windows, n_chans, n_times = bags.shape
    center, scale, offset_scale = np.zeros(n_chans), np.ones(n_chans), np.ones(n_chans)
    if scaling not in ("robust", "standard"):
        return center, scale, offset_scale
    step = -(-len(trials) * n_windows * n_times // MAX_VALUES)
    trial, window = np.divmod(np.arange(0, len(trials) * n_windows, step), n_windows)
    trial = trials[trial]
    w = None if weight is None else np.repeat(weight[trial], n_times)
    for chan in range(n_chans):  # one channel at a time: no second copy of X in memory
        x = bags.read(trial, window, chan).astype(float)
        if scaling == "robust":
            within = MAD_TO_SD * _median(np.abs(x - _window_medians(x)), w)
            center[chan] = _median(x, w)
            offset_scale[chan] = MAD_TO_SD * _median(np.abs(x - center[chan]), w)
            # if most windows are constant, the deviation about their medians is 0
            scale[chan] = min(offset_scale[chan], MAX_RATIO * within or np.inf)
        else:
            center[chan] = np.average(x.ravel(), weights=w)
            if np.ptp(x):  # the mean of a constant may be rounded
                scale[chan] = np.sqrt(np.average(np.square(x.ravel() - center[chan]), weights=w))
    # constant channels are not divided by zero
    return center, np.where(scale > 0, scale, 1.0), np.where(offset_scale > 0, offset_scale, 1.0)


def measure_spread(bags):
    """Return the median standard deviation of the non-constant channels of up to 512 windows."""
    n_trials, n_windows = bags.shape[:2]
    windows = np.arange(0, n_windows, -(-n_windows // 8))
    trials = np.arange(n_trials)[:: -(-n_trials // 64) or 1]
    sample = (bags.read(np.full_like(windows, trial), windows) for trial in trials)
    std = np.array([_measure_std(x) for x in sample])  # one trial at a time: little memory
    return float(np.median(std[std > 0])) if (std > 0).any() else 0.0


def is_plausible(spread):
    """Return whether a standard deviation in microvolts may be that of EEG; 0 is of constants."""
    return spread == 0 or SPREADS[0] < spread < SPREADS[1]


def scale_windows(x, scaling, center, scale, offset_scale):
    """Scale windows of shape ``(n_windows, n_chans, n_times)`` with the values of fit_scaling."""
    if scaling is None:
        return x
    if scaling == "window":
        is_constant = (x == x[..., :1]).all(-1, keepdims=True)  # its mean may be rounded
        center, scale = x.mean(-1, keepdims=True), x.std(-1, keepdims=True)
        return np.where(is_constant, 0, x - center) / np.where(scale > 0, scale, 1)
    dtype = x.dtype if x.dtype.kind == "f" else float  # float32 windows stay float32
    scaled = (x - center[:, None].astype(dtype)) / scale[:, None].astype(dtype)
    if scaling == "standard":
        return scaled
    offset = _window_medians(scaled)
    bounded = (offset * (scale / offset_scale)[:, None].astype(dtype)).clip(-MAX_OFFSET, MAX_OFFSET)
    return (scaled - (offset - bounded)).clip(-CLIP, CLIP)


def _window_medians(x):
    """Return the lower median of each channel of each window, of shape ``(..., 1)``."""
    middle = (x.shape[-1] - 1) // 2
    return np.partition(x, middle, axis=-1)[..., middle : middle + 1]


def _median(x, weight):
    """Return the lower median, for which integer weights equal repeated values exactly."""
    return np.quantile(x.ravel(), 0.5, weights=weight, method="inverted_cdf")
