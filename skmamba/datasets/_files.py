"""Files of data sets: one error, order by number, subjects side by side, nothing overwritten."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from .._progress import progress_bar
from .._types import StrPath


class DataFormatError(ValueError):
    """A file is not what its data set says it is; nothing was loaded.

    Parameters
    ----------
    path : path-like
        The file.
    expected, came : str
        What should be there, and what is.

    Examples
    --------
    >>> raise DataFormatError("s01.dat", "'data' of shape (40, 40, 8064)", "shape (40, 40)")
    Traceback (most recent call last):
    skmamba.datasets._files.DataFormatError: s01.dat: expected 'data' of shape (40, 40, 8064), \
came shape (40, 40).
    """

    def __init__(self, path: StrPath, expected: str, came: str) -> None:
        super().__init__(path, expected, came)
        self.path, self.expected, self.came = Path(path), expected, came

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, came {self.came}."


def check_array(path, name, array, shape):
    """Check that an array read from a file holds finite real numbers in the given shape.

    Parameters
    ----------
    path : path-like
        The file.
    name : str
        What the array is.
    array : object
        What was read.
    shape : tuple of int or None
        Expected shape; None stands for any length.

    Raises
    ------
    DataFormatError
        If it does not.
    """
    expected = f"{name} of shape ({', '.join('any' if n is None else str(n) for n in shape)})"
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        kind = getattr(array, "dtype", type(array).__name__)
        raise DataFormatError(path, f"{expected} with real numbers", str(kind))
    if len(array.shape) != len(shape) or any(
        n not in (None, length) for n, length in zip(shape, array.shape, strict=True)
    ):
        raise DataFormatError(path, expected, f"shape {array.shape}")
    if not np.isfinite(array).all():
        n_bad = np.size(array) - np.isfinite(array).sum()
        raise DataFormatError(
            path, f"{name} of finite numbers", f"{n_bad} that are NaN or infinite"
        )


def number_in(name):
    """Order key that compares the numbers in a name as numbers: eeg2 before eeg10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def find_files(folder, pattern, what):
    """Files of a folder whose whole name matches, in the order of the numbers in their names.

    Parameters
    ----------
    folder : path-like
        Where the data set lies.
    pattern : str
        Regular expression for the file name.
    what : str
        Such a file in words, for the error.

    Returns
    -------
    paths : list of Path
        At least one.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no such file in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"path must be the folder of the data set: {folder} is not one.")
    paths = [path for path in folder.iterdir() if re.fullmatch(pattern, path.name)]
    if not paths:
        raise FileNotFoundError(f"No file of the data set in {folder}: expected {what}.")
    return sorted(paths, key=lambda path: number_in(path.name))


def read_each(read, arguments, *, n_jobs, verbose, unit):
    """Call ``read`` with each of the arguments, ``n_jobs`` at a time, and show how far it is.

    Parameters
    ----------
    read : callable
        Reads one file; an exception ends all.
    arguments : list of tuple
        Arguments of each call.
    n_jobs : int or None
        Number of processes, as in joblib.
    verbose : bool or None
        Whether to draw a bar.
    unit : str
        What one call reads.

    Returns
    -------
    results : list
        In the order of the arguments.
    """
    calls = (delayed(read)(*args) for args in arguments)
    results = Parallel(n_jobs=n_jobs, return_as="generator")(calls)
    return list(progress_bar(results, total=len(arguments), unit=unit, verbose=verbose))


def make_room(paths):
    """Make the folders of files that are about to be written, none of which is there yet.

    Parameters
    ----------
    paths : iterable of path-like
        The files.

    Raises
    ------
    FileExistsError
        If one is there: it may be a real one.
    """
    paths = [Path(path) for path in paths]
    for path in paths:
        if path.exists():
            raise FileExistsError(f"{path} is there already; invented files overwrite nothing.")
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
