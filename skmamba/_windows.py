"""Conversion of window lengths to samples, and cutting of windows."""

from numpy.lib.stride_tricks import sliding_window_view

from ._validation import check_int, check_number


def cut_windows(X, window_size, stride):
    """Return a read-only view of windows, ``(n_trials, n_windows, n_channels, window_size)``."""
    n_times = X.shape[-1]
    if n_times < window_size:
        raise ValueError(
            f"window_size must be at most the length of a trial, {n_times} samples, got "
            f"{window_size} samples."
        )
    return sliding_window_view(X, window_size, axis=-1)[:, :, ::stride].swapaxes(1, 2)


def resolve_window(window_size, stride, window_size_samples, stride_samples, sfreq):
    """Return window length and stride in samples; values in samples precede those in seconds."""
    size = to_samples("window_size", window_size, window_size_samples, sfreq)
    if stride is None and stride_samples is None:
        return size, size
    return size, to_samples("stride", stride, stride_samples, sfreq)


def to_samples(name, seconds, samples, sfreq):
    """Return a duration in samples, given in samples or in seconds at a sampling rate."""
    if samples is not None:
        check_int(f"{name}_samples", samples)
        return int(samples)
    if sfreq is None:
        raise ValueError(
            f"{name}={seconds!r} is in seconds and requires sfreq, got sfreq=None. Pass sfreq in "
            f"hertz, or pass {name}_samples."
        )
    check_number(name, seconds)
    n_samples = round(float(seconds) * float(sfreq))  # 2 * np.uint8(250) would overflow
    if n_samples < 1:
        raise ValueError(
            f"{name} must be at least one sample long, got {seconds!r} seconds at sfreq={sfreq:g}."
        )
    return n_samples
