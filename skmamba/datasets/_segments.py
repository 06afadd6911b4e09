"""Films of different length, cut to one; and arguments that say which and how much to read."""

import numbers

import numpy as np

from ._files import DataFormatError

LIMIT = 1e9  # no amplifier's output in any unit, and float32 would hold it


def check_choice(name, value, allowed):
    """Check an argument that is one of a few words."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}.")


def check_numbers(name, wanted, n_published):
    """Sort the numbers of the subjects or sessions wanted, and check that there are such.

    Parameters
    ----------
    name : str
        The argument.
    wanted : int, list of int or None
        What came.
    n_published : int
        The data set has 1 to this.

    Returns
    -------
    wanted : list of int or None
        None if all are wanted.

    Raises
    ------
    ValueError
        If a number is unknown or comes twice, or there is none.
    """
    if wanted is None:
        return None
    one = isinstance(wanted, numbers.Number | str)
    given = [wanted] if one else list(wanted)
    known = all(
        isinstance(number, numbers.Integral)
        and not isinstance(number, bool)
        and 1 <= number <= n_published
        for number in given
    )
    if not known or not given or len(set(given)) < len(given):
        raise ValueError(
            f"{name} must be one or several of the numbers 1 to {n_published}, each once, "
            f"got {wanted!r}."
        )
    return sorted(int(number) for number in given)


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


def cut(film, n_points, take):
    """Take the first or last time points of a film of shape (n_channels, n_times)."""
    return film[:, :n_points] if take == "first" else film[:, film.shape[1] - n_points :]


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
