"""Films of different length, cut to one."""

import numbers

import numpy as np

from ._files import DataFormatError

LIMIT = 1e9  # no amplifier's output in any unit, and float32 would hold it


def count_points(seconds, sfreq):
    """Turn a length into time points; None if the shortest film decides."""
    if seconds is None:
        return None
    if isinstance(seconds, numbers.Real) and not isinstance(seconds, bool):
        if 1 <= seconds * sfreq < float("inf"):
            return round(seconds * sfreq)
    raise ValueError(
        f"seconds must be a positive number, or None for the length of the shortest film, "
        f"got {seconds!r}."
    )


def cut(film, n_points, crop):
    """Take the first or last time points of a film of shape (n_channels, n_times)."""
    return film[:, :n_points] if crop == "first" else film[:, film.shape[1] - n_points :]


def check_length(seconds, n_points, shortest, which, sfreq):
    """Check that the shortest film is long enough."""
    if shortest < n_points:
        raise ValueError(
            f"seconds={seconds!r} is longer than the shortest film: {which} lasts "
            f"{shortest / sfreq:g} s. Take at most that, or seconds=None."
        )


def as_float32(path, what, recording):
    """Turn a recording into float32, if it holds numbers that can be EEG."""
    if np.abs(recording).max(initial=0) > LIMIT:
        largest = np.abs(recording).max()
        raise DataFormatError(path, f"{what} of numbers below {LIMIT:g}", f"{largest:g}")
    return recording.astype("float32", order="C")
