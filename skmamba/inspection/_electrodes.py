"""What is left of a score when electrodes fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from .._types import Epochs, Seed
from .._validation import check_int, check_option, draw_seed
from ..trials import Trials
from ._ask import (
    change_channels,
    channel_axis,
    heard_channels,
    name_channels,
    read_channels,
    score_quietly,
)

FAILURES = ("flat", "noise")
FEW = 10_000  # subsets that can be listed


def electrode_failure(
    estimator: BaseEstimator,
    X: Trials | Epochs | ArrayLike,
    y: ArrayLike | None = None,
    *,
    failure: Literal["flat", "noise"] = "flat",
    max_failed: int | None = None,
    n_subsets: int = 20,
    scoring: str | Callable[..., float] = "balanced_accuracy",
    ch_names: Sequence[str] | None = None,
    random_state: Seed = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Score a fitted classifier on trials in which more and more electrodes have failed.

    Parameters
    ----------
    estimator : classifier or Pipeline
        Fitted, on trials whose electrodes worked.
    X : Trials, mne.Epochs or ndarray of shape (n_trials, n_channels, n_times)
        Trials that it was not trained on, or bags of windows ``(n_trials, n_windows, n_channels,
        n_times)``.
    y : array-like of shape (n_trials,), default=None
        Labels; Trials bring theirs.
    failure : {"flat", "noise"}, default="flat"
        Whether a failed electrode gives zeros, or white noise with the mean and the deviation that
        it had over all these trials.
    max_failed : int, default=None
        Most electrodes to fail together; by default all that the estimator uses.
    n_subsets : int, default=20
        Most subsets of electrodes for each number, drawn at random; where there are fewer, each
        is taken once.
    scoring : str or callable, default="balanced_accuracy"
        Any of scikit-learn's scorers.
    ch_names : sequence of str, default=None
        Names of the channels of X. Trials, Epochs and a step that picks channels bring theirs;
        without names, channels are called by their index.
    random_state : int, RandomState instance or None, default=None
        Seed of subsets and noise; None takes fresh entropy.
    n_jobs : int, default=None
        Subsets at the same time, as in scikit-learn.

    Returns
    -------
    curve : DataFrame
        One row for each subset:

        - ``n_failed``: number of electrodes that failed, from 0;
        - ``channels``: which, such as ``"F3, Cz"``;
        - ``score``.

        ``curve.attrs`` holds ``"failure"`` and the name of the ``"score"``.

    Raises
    ------
    ValueError
        If an argument does not fit.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    skmamba.plots.ElectrodeFailureDisplay : Draws the result.
    channel_importance : What training without a channel costs.

    Notes
    -----
    Electrodes fail for all trials at once, in the data as they come to the pipeline, in the unit
    of X: before any filter, reference or alignment that the pipeline has. If the pipeline starts
    with a step that picks channels (``picks``), only those fail.

    Zero is what a dead channel gives after a high-pass filter. Where channels have an offset,
    zero is a value that never came in training.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows, simulate_trials
    >>> from skmamba.inspection import electrode_failure
    >>> trials = simulate_trials(n_subjects=4, n_trials=6, n_channels=3, n_times=256)
    >>> train, test = trials.select("subject < 3"), trials.select(subject=3)
    >>> clf = MSiMambaClassifier(d_model=8, d_hidden=4, max_epochs=2, random_state=0)
    >>> pipe = make_pipeline(SlidingWindows(128), clf).fit(train.X, train.y)
    >>> curve = electrode_failure(pipe, test)
    >>> curve.groupby("n_failed")["channels"].agg(list)[2]
    ['Fp1, Fp2', 'Fp1, F3', 'Fp2, F3']
    """
    check_option("failure", failure, FAILURES)
    check_int("n_subsets", n_subsets)
    estimator = getattr(estimator, "best_estimator_", estimator)
    check_is_fitted(estimator)
    asked = read_channels(X, y, ch_names, estimator)
    channels = heard_channels(estimator, asked.X)
    if max_failed is None:
        max_failed = len(channels)
    check_int("max_failed", max_failed)
    if max_failed > len(channels):
        raise ValueError(
            f"max_failed={max_failed}, but the estimator uses {len(channels)} channels."
        )
    seed = draw_seed(random_state)
    rng = np.random.default_rng(seed)
    subsets = [
        subset
        for n_failed in range(max_failed + 1)
        for subset in _draw_subsets(channels, n_failed, n_subsets, rng)
    ]
    scorer = check_scoring(estimator, scoring=scoring)
    scores = Parallel(n_jobs=n_jobs)(
        delayed(_score_without)(estimator, asked, list(subset), failure, scorer, [seed, i])
        for i, subset in enumerate(subsets)
    )
    names = [", ".join(map(str, name_channels(asked.ch_names, subset))) for subset in subsets]
    curve = pd.DataFrame({"n_failed": list(map(len, subsets)), "channels": names, "score": scores})
    name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
    curve.attrs = {"failure": failure, "score": name}
    return curve


def _draw_subsets(channels, n_failed, n_subsets, rng):
    """Different subsets of so many channels: all, or as many as wanted, at random."""
    n_all = comb(len(channels), n_failed)
    if n_all <= max(n_subsets, FEW):
        subsets = list(combinations(channels, n_failed))
        if n_all <= n_subsets:
            return subsets
        return [subsets[i] for i in np.sort(rng.choice(n_all, n_subsets, replace=False))]
    drawn: dict[tuple[Any, ...], bool] = {}
    while len(drawn) < n_subsets:
        places = np.sort(rng.choice(len(channels), n_failed, replace=False))
        drawn[tuple(channels[place] for place in places)] = True
    return list(drawn)


def _score_without(estimator, asked, failed, failure, scorer, seed):
    X = asked.X
    if failed:
        working = np.moveaxis(X, channel_axis(X), 0)[failed]
        values = np.zeros_like(working)
        if failure == "noise":
            axes = tuple(range(1, working.ndim))
            mean, std = (f(working, axis=axes, keepdims=True) for f in (np.mean, np.std))
            values = np.random.default_rng(seed).normal(mean, std, working.shape)
        X = change_channels(X, failed, values)
    return score_quietly(scorer, estimator, X, asked.y)
