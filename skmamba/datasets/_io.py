"""Errors, argument checks, file search and array helpers that the loaders share."""

import math
import os
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Number, Real
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.parallel import Parallel

from .._ch_names import canonical_name
from .._parallel import delayed
from .._progress import progress_bar
from .._types import StrPath
from .._validation import check_option

BASELINES = ("drop", "subtract", "keep", "reference")
CROPS = ("last", "first")
TIES = ("high", "low", "drop")
MAX_VALUE = 1e9  # larger than any amplifier's output in any unit, and float32 can represent it


class DataFormatError(ValueError):
    """A file does not have the format of its data set; nothing is loaded.

    Parameters
    ----------
    path : path-like or object
        The file.
    expected, got : str
        Required and present content.
    """

    def __init__(self, path: StrPath | object, expected: str, got: str) -> None:
        super().__init__(path, expected, got)
        self.path = Path(path) if isinstance(path, str | os.PathLike) else path
        self.expected, self.got = expected, got

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.got}."


def check_numbers(name, numbers, maximum):
    """Return subject or session numbers as a list in the given order; None selects all."""
    if numbers is None:
        return None
    given: list[Any] = [numbers] if isinstance(numbers, Number | str) else list(numbers)
    options = range(1, maximum + 1)
    valid = all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) and n in options for n in given
    )
    if not valid or not given or len(set(given)) < len(given):
        raise ValueError(
            f"{name} must be one or more of the numbers 1 to {maximum}, each once, got {numbers!r}."
        )
    return [int(n) for n in given]


def pick_indices(picks, available, four):
    """Return indices into ``available`` of "four", "all" or a list of names in any case."""
    if isinstance(picks, str) and picks in ("four", "all"):
        picks = four if picks == "four" else available
    if isinstance(picks, str) or not isinstance(picks, Iterable):
        raise ValueError(f"picks must be 'four', 'all' or a list of channels, got {picks!r}.")
    picks = list(picks)
    index = {canonical_name(name): i for i, name in enumerate(available)}
    for name in picks:
        if canonical_name(name) not in index:
            near = get_close_matches(canonical_name(name), index, n=1)
            hint = f" Did you mean {available[index[near[0]]]!r}?" if near else ""
            raise ValueError(
                f"picks must be channels of {', '.join(available)}, got {name!r}.{hint}"
            )
    indices = [index[canonical_name(name)] for name in picks]
    if not indices or len(set(indices)) < len(indices):
        raise ValueError(f"picks must name at least one channel, each once, got {picks!r}.")
    return indices


def count_times(seconds, sfreq, *, optional=True):
    """Convert a duration to samples; None, if optional, stands for that of the shortest film."""
    if seconds is None and optional:
        return None
    is_real = isinstance(seconds, Real) and not isinstance(seconds, bool)
    if not is_real or not 1 <= seconds * sfreq < float("inf"):
        alternative = ", or None for the length of the shortest film" if optional else ""
        raise ValueError(f"seconds must be a positive number{alternative}, got {seconds!r}.")
    return round(seconds * sfreq)


def check_rule(target, threshold, ties, default, names):
    """Validate the rule that turns ratings into labels; return it as loader parameters.

    Several targets are ratings, to which threshold and ties do not apply.
    """
    check_option("ties", ties, TIES)
    if not isinstance(target, str):
        if not isinstance(target, Iterable):
            raise ValueError(f"target must be a name or a list of names, got {target!r}.")
        targets = list(target)
        for name in targets:
            check_option("target", name, names)
        if not targets or len(set(targets)) < len(targets):
            raise ValueError(f"target must name at least one rating, each once, got {targets!r}.")
        if (threshold, ties) != (default, "high"):
            raise ValueError(
                "threshold and ties must have their defaults for a list of targets, whose ratings "
                f"are not turned into classes, got {threshold!r} and {ties!r}."
            )
        return {"target": targets}
    check_option("target", target, names)
    is_finite = isinstance(threshold, Real) and math.isfinite(threshold)
    if not is_finite and not (isinstance(threshold, str) and threshold == "subject_median"):
        raise ValueError(f"threshold must be a number or 'subject_median', got {threshold!r}.")
    return {"target": target, "threshold": threshold, "ties": ties}


def make_labels(metadata, rule, default):
    """Return y of the rule of :func:`check_rule`, a mask of the trials to keep, and label names.

    Several targets are ratings ``(n_trials, n_targets)``. Only the default threshold may leave one
    class: some subjects rate all films alike.
    """
    target, keep = rule["target"], np.ones(len(metadata), dtype=bool)
    if isinstance(target, list):
        return metadata[target].to_numpy(dtype=float), keep, {}
    threshold, ties = rule["threshold"], rule["ties"]
    ratings, limits = metadata[target].to_numpy(), threshold
    if threshold == "subject_median":
        limits = metadata.groupby("subject")[target].transform("median").to_numpy()
    high = (ratings >= limits) if ties == "high" else (ratings > limits)
    if ties == "drop":
        keep = ratings != limits
    if not keep.any():
        raise ValueError(f"ties='drop' excludes every trial: all ratings of {target} are tied.")
    n_low, n_high = np.bincount(high[keep], minlength=2)
    if threshold != default and not n_low * n_high:
        raise ValueError(
            f"threshold must leave trials of both classes, got {threshold!r} with ties={ties!r}: "
            f"{len(ratings)} ratings of {target} from {ratings.min():g} to {ratings.max():g} give "
            f"{n_low} low and {n_high} high."
        )
    return high.astype(int), keep, {0: "low", 1: "high"}


def name_with_target(name, target):
    """Return the name of a data set with its rating, which distinguishes evaluations."""
    return " ".join([name, target] if isinstance(target, str) else [name, *target])


def list_folder(folder):
    """Return the paths in a folder, none if there is no folder."""
    return sorted(folder.iterdir()) if folder.is_dir() else []


def fail_missing(requirement, path, source):
    """Raise FileNotFoundError for a path without the files of a data set."""
    got = "has none of them" if Path(path).exists() else "does not exist"
    got = "is a file" if Path(path).is_file() else got
    raise FileNotFoundError(
        f"path must {requirement}, got {path}, which {got}. Request the files at {source}."
    )


def check_present(subjects, present, path):
    """Raise FileNotFoundError if selected subjects are not among those of the files."""
    missing = sorted(set(subjects or []) - set(present))
    if missing:
        raise FileNotFoundError(f"path must contain subjects {missing}, got {path} without them.")


def read_files(read, arguments, *, n_jobs, verbose, unit):
    """Call ``read`` with each tuple of arguments in ``n_jobs`` processes; show progress."""
    calls = (delayed(read)(*args) for args in arguments)
    results = Parallel(n_jobs=n_jobs, return_as="generator")(calls)
    return list(progress_bar(results, total=len(arguments), unit=unit, verbose=verbose))


def pop_all(parts):
    """Yield the trials of a list of recordings, each of which is freed after its last trial."""
    while parts:
        yield from parts.pop(0)


def check_array(path, name, array, shape):
    """Require finite real numbers of the given shape, in which None is any length."""
    check_shape(path, name, array, shape)
    n_bad = array.size - np.isfinite(array).sum()
    if n_bad:
        raise DataFormatError(path, f"{name} of finite numbers", f"{n_bad} NaN or infinite")


def check_shape(path, name, array, shape):
    """Require real numbers of the given shape, in which None is any length."""
    expected = f"{name} of shape ({', '.join('any' if n is None else str(n) for n in shape)})"
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        got = getattr(array, "dtype", type(array).__name__)
        raise DataFormatError(path, f"{expected} with real numbers", str(got))
    if len(array.shape) != len(shape) or any(
        n not in (None, length) for n, length in zip(shape, array.shape, strict=True)
    ):
        raise DataFormatError(path, expected, f"shape {array.shape}")


def check_length(seconds, n_times, shortest, film, sfreq):
    """Require the shortest film to have the requested length."""
    if shortest < n_times:
        raise ValueError(
            f"seconds must be None or at most the length of the shortest film, got {seconds!r}: "
            f"{film} lasts {shortest / sfreq:g} s."
        )


def crop_film(film, n_times, crop):
    """Return the first or last samples of a film of shape (n_channels, n_times)."""
    return film[:, :n_times] if crop == "first" else film[:, film.shape[1] - n_times :]


def as_float32(path, name, film):
    """Convert picked channels of a film to float32; values that cannot be EEG are an error."""
    check_array(path, f"picked channels of {name}", film, (None, None))
    largest = np.abs(film).max(initial=0)
    if largest > MAX_VALUE:
        raise DataFormatError(path, f"{name} of numbers below {MAX_VALUE:g}", f"{largest:g}")
    return film.astype("float32", order="C")
