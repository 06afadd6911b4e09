"""From ratings to classes: high or low, by a stated rule."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

TIES = ("high", "low", "drop")


def binarise(
    ratings: NDArray[Any],
    subjects: NDArray[Any],
    threshold: float | Literal["subject_median"],
    ties: Literal["high", "low", "drop"],
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Sort ratings into classes, and say which to keep.

    Parameters
    ----------
    ratings : ndarray of shape (n_trials,)
        Ratings.
    subjects : ndarray of shape (n_trials,)
        Who gave them.
    threshold : float or "subject_median"
        Above it a rating is high, below it low; ``"subject_median"`` is the median of each
        subject's own ratings.
    ties : {"high", "low", "drop"}
        What a rating equal to the threshold is.

    Returns
    -------
    y : ndarray of shape (n_trials,)
        1 high, 0 low.
    keep : ndarray of bool of shape (n_trials,)
        False where a tie is dropped.

    Raises
    ------
    ValueError
        If a rule is unknown.

    Examples
    --------
    >>> ratings, subjects = np.array([1, 5, 9, 5, 7]), np.array([1, 1, 1, 2, 2])
    >>> binarise(ratings, subjects, threshold=5, ties="low")[0].tolist()
    [0, 0, 1, 0, 1]
    >>> binarise(ratings, subjects, threshold="subject_median", ties="drop")[1].tolist()
    [True, False, True, True, True]
    """
    if ties not in TIES:
        raise ValueError(f"ties must be one of {', '.join(TIES)}, got {ties!r}.")
    by_subject = isinstance(threshold, str) and threshold == "subject_median"
    if not by_subject and not (isinstance(threshold, Real) and np.isfinite(threshold)):
        raise ValueError(f"threshold must be a number or 'subject_median', got {threshold!r}.")
    if by_subject:
        limits = np.empty(len(ratings))
        for subject in np.unique(subjects):
            limits[subjects == subject] = np.median(ratings[subjects == subject])
    else:
        limits = float(threshold)
    tied = ratings == limits
    high = ratings > limits
    if ties == "high":
        high |= tied
    return high.astype(int), ~tied if ties == "drop" else np.ones(len(ratings), dtype=bool)
