"""Bringing channels to unit scale, with statistics of the training windows only."""

import numpy as np

SCALINGS = ("robust", "standard", "window", None)
# Robust scaling keeps artefacts as large as they are, up to this many deviations: a blink on a
# frontal channel is larger than everything the brain does.
CLIP = 8.0
MAD_TO_SD = 1.4826  # of a normal distribution


def fit_scaling(scaling, bags, trials, weight):
    """Learn what to subtract from, and divide by, each channel.

    Parameters
    ----------
    scaling : {"robust", "standard", "window", None}
        See :class:`skmamba.MSiMambaClassifier`.
    bags : ndarray of shape (n_trials, n_windows, n_chans, n_times)
        Windows.
    trials : ndarray of int
        Which trials to learn from.
    weight : ndarray of shape (n_trials,) or None
        Weight of each trial; a weight of two counts as the trial twice.

    Returns
    -------
    center, scale : ndarray of shape (n_chans,)
        In the unit of X; 0 and 1 where nothing is to learn.
    """
    n_chans = bags.shape[2]
    center, scale = np.zeros(n_chans), np.ones(n_chans)
    if scaling not in ("robust", "standard"):
        return center, scale
    for chan in range(n_chans):  # one channel at a time: never a second X in memory
        x = bags[trials, :, chan].astype(float)
        w = None
        if weight is not None:
            w = np.broadcast_to(weight[trials, None, None], x.shape).ravel()
        x = x.ravel()
        if scaling == "robust":
            center[chan] = _median(x, w)
            scale[chan] = MAD_TO_SD * _median(np.abs(x - center[chan]), w)
        else:
            center[chan] = np.average(x, weights=w)
            scale[chan] = np.sqrt(np.average(np.square(x - center[chan]), weights=w))
    # A channel that never changes stays as it is.
    return center, np.where(scale > 0, scale, 1.0)


def scale_windows(x, scaling, center, scale):
    """Scale windows.

    Parameters
    ----------
    x : ndarray of shape (n_windows, n_chans, n_times)
        Windows, in the unit of X.
    scaling, center, scale
        From :func:`fit_scaling`.

    Returns
    -------
    x : ndarray of shape (n_windows, n_chans, n_times)
        Scaled windows.
    """
    if scaling is None:
        return x
    if scaling == "window":
        center, scale = x.mean(-1, keepdims=True), x.std(-1, keepdims=True)
        return (x - center) / np.where(scale > 0, scale, 1)
    # In single precision X stays single: the statistics must not widen every batch.
    dtype = x.dtype if x.dtype.kind == "f" else float
    scaled = (x - center[:, None].astype(dtype)) / scale[:, None].astype(dtype)
    return scaled.clip(-CLIP, CLIP) if scaling == "robust" else scaled


def _median(x, weight):
    """Lower median: unlike the mean of the middle two, it knows whole-number weights exactly."""
    return np.quantile(x, 0.5, weights=weight, method="inverted_cdf")
