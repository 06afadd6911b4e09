"""Scores of a fitted classifier when electrodes fail."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils.parallel import Parallel
from sklearn.utils.validation import check_is_fitted

from .._parallel import delayed
from .._types import Epochs, Seed
from .._validation import check_int, check_option, draw_seed
from ..trials import Trials
from ._inputs import compute_score, get_score_name, replace_channels, unpack_labelled_data


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
    """Score a fitted classifier on trials with an increasing number of failed electrodes.

    Parameters
    ----------
    estimator : classifier or Pipeline
        Fitted classifier of trials.
    X, y
        Held-out trials and labels, as in :func:`channel_importance`.
    failure : {"flat", "noise"}, default="flat"
        Signal of a failed electrode: zeros, or white noise with the mean and standard deviation of
        the channel over all trials.
    max_failed : int, default=None
        Largest number of electrodes that fail together; None is all that the estimator uses.
    n_subsets : int, default=20
        Largest number of subsets of electrodes for each number of failures, drawn at random
        without replacement.
    scoring, ch_names
        As in :func:`channel_importance`.
    random_state : int, RandomState instance or None, default=None
        Seed of subsets and noise; None draws fresh entropy.
    n_jobs : int, default=None
        Number of subsets scored in parallel.

    Returns
    -------
    curve : DataFrame
        One row per subset:

        - ``n_failed``: number of failed electrodes, from 0;
        - ``channels``: their names, such as ``"F3, Cz"``;
        - ``score``.

        ``curve.attrs`` contains ``"failure"`` and the name of the ``"score"``.

    Raises
    ------
    ValueError
        If the estimator is not fitted, or X, y or a parameter is invalid.

    See Also
    --------
    skmamba.plots.ElectrodeFailureDisplay : Draw the table.
    channel_importance : Decrease of a score without one channel.

    Notes
    -----
    The channels of all trials are replaced before the first step of the pipeline, in the unit of
    X. If the first step picks channels (``picks``), only those fail. Zeros are what a disconnected
    electrode yields after a high-pass filter.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows
    >>> from skmamba.datasets import simulate_trials
    >>> from skmamba.inspection import electrode_failure
    >>> trials = simulate_trials(n_subjects=4, n_trials=6, n_channels=3, n_times=256)
    >>> train, test = trials.select("subject < 3"), trials.select(subject=3)
    >>> clf = MSiMambaClassifier(d_model=8, d_hidden=4, max_epochs=2, random_state=0)
    >>> pipe = make_pipeline(SlidingWindows(1.0, sfreq=128), clf).fit(train.X, train.y)
    >>> curve = electrode_failure(pipe, test)
    >>> curve.groupby("n_failed")["channels"].agg(list)[2]
    ['Fp1, Fp2', 'Fp1, F3', 'Fp2, F3']
    """
    check_option("failure", failure, ("flat", "noise"))
    check_int("n_subsets", n_subsets)
    estimator = getattr(estimator, "best_estimator_", estimator)
    check_is_fitted(estimator)
    data = unpack_labelled_data(X, y, ch_names, estimator)
    channels = data.find_used_channels(estimator)
    max_failed = len(channels) if max_failed is None else max_failed
    check_int("max_failed", max_failed)
    if max_failed > len(channels):
        raise ValueError(
            f"max_failed must be at most {len(channels)}, the number of channels that the "
            f"estimator uses, got {max_failed}."
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
        delayed(_score_failure)(estimator, data, list(subset), failure, scorer, [seed, i])
        for i, subset in enumerate(subsets)
    )
    names = [", ".join(map(str, data.label_channels(subset))) for subset in subsets]
    curve = pd.DataFrame({"n_failed": list(map(len, subsets)), "channels": names, "score": scores})
    curve.attrs = {"failure": failure, "score": get_score_name(scoring)}
    return curve


def _draw_subsets(channels, n_failed, n_subsets, rng):
    """Return different subsets of one size: all, or at most ``n_subsets`` at random."""
    if comb(len(channels), n_failed) <= n_subsets:
        return list(combinations(channels, n_failed))
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < n_subsets:
        drawn.add(tuple(np.sort(rng.choice(len(channels), n_failed, replace=False))))
    return [tuple(channels[index] for index in indices) for indices in sorted(drawn)]


def _score_failure(estimator, data, failed, failure, scorer, seed):
    X = data.X
    if failed:
        signals = np.moveaxis(np.asarray(X), -2, 0)[failed]
        values = np.zeros_like(signals)
        if failure == "noise":
            axes = tuple(range(1, signals.ndim))
            mean = signals.mean(axis=axes, keepdims=True)
            std = signals.std(axis=axes, keepdims=True)
            values = np.random.default_rng(seed).normal(mean, std, signals.shape)
        X = replace_channels(X, failed, values)
    with warnings.catch_warnings():
        if failure == "flat":  # of all electrodes: X differs from the training data on purpose
            warnings.filterwarnings("ignore", "X has a standard deviation")
        return compute_score(scorer, estimator, X, data.y)
