"""Cutting windows: the one place that knows where they start."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def cut_windows(X, size, stride):
    """Look at trials through windows of equal length, without copying.

    Parameters
    ----------
    X : ndarray of shape (n_trials, n_channels, n_times)
        Trials.
    size, stride : int
        Length of a window and distance between two starts, in time points.

    Returns
    -------
    windows : ndarray of shape (n_trials, n_windows, n_channels, size)
        A read-only view of ``X``.
    """
    n_times = X.shape[-1]
    if n_times < size:
        raise ValueError(
            f"A trial of {n_times} time points is shorter than one window of size={size}."
        )
    return sliding_window_view(X, size, axis=-1)[:, :, ::stride].swapaxes(1, 2)


def whole_points(name, value, sfreq=None):
    """Turn a length in time points, or in seconds when ``sfreq`` is given, into time points."""
    points = value if sfreq is None else value * sfreq
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if sfreq is None and not is_whole:
        raise ValueError(
            f"{name} must be a whole number of time points, got {value!r}. "
            "Give sfreq to state it in seconds."
        )
    if round(points) < 1:
        unit = "time points" if sfreq is None else f"seconds at sfreq={sfreq:g}"
        raise ValueError(f"{name} must be at least one time point, got {value!r} {unit}.")
    return round(points)
