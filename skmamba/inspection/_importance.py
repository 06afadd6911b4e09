"""Which channels a score rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed

from .._types import Epochs, Groups, Seed, Splitter
from .._validation import check_int, check_option, draw_seed
from ..trials import Trials
from ._ask import (
    change_channels,
    channel_axis,
    find_pickers,
    heard_channels,
    name_channels,
    read_channels,
    score_quietly,
)

METHODS = ("permutation", "drop")


def channel_importance(
    estimator: BaseEstimator,
    X: Trials | Epochs | ArrayLike,
    y: ArrayLike | None = None,
    *,
    groups: Groups | None = None,
    cv: int | Splitter | Iterable[tuple[ArrayLike, ArrayLike]] | None = None,
    method: Literal["permutation", "drop"] = "permutation",
    scoring: str | Callable[..., float] = "balanced_accuracy",
    ch_names: Sequence[str] | None = None,
    n_repeats: int = 10,
    random_state: Seed = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Measure by how much a score on held-out trials falls without each channel.

    A clone is trained in each fold, and a channel is taken from it in one of two ways: after
    training, by exchanging the channel between test trials, or before, by training anew without
    it.

    Parameters
    ----------
    estimator : classifier or Pipeline
        Any classifier of trials; it is cloned, and stays as it is.
    X : Trials, mne.Epochs or ndarray of shape (n_trials, n_channels, n_times)
        Trials, or bags of windows ``(n_trials, n_windows, n_channels, n_times)``.
    y : array-like of shape (n_trials,), default=None
        Labels; Trials bring theirs.
    groups : array-like of shape (n_trials,) or DataFrame, default=None
        What the splitter keeps together, such as subjects; whatever ``cv`` takes.
    cv : int, splitter or iterable of (train, test), default=None
        Folds; a number, or None for five, are stratified folds, which know no groups.
    method : {"permutation", "drop"}, default="permutation"
        Whether the channel is exchanged between the test trials of a fold, whole trials at a time,
        or left out before training.
    scoring : str or callable, default="balanced_accuracy"
        Any of scikit-learn's scorers; the higher, the better.
    ch_names : sequence of str, default=None
        Names of the channels of X. Trials, Epochs and a step that picks channels bring theirs;
        without names, channels are called by their index.
    n_repeats : int, default=10
        Permutations of each channel in each fold.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations; None takes fresh entropy. The estimator has a seed of its own.
    n_jobs : int, default=None
        Fits at the same time, as in scikit-learn.

    Returns
    -------
    importance : DataFrame
        One row for each channel and fold:

        - ``channel``, ``fold``;
        - ``importance``: by how much the score is lower without the channel; below zero, it is
          better without;
        - ``std``: over permutations, missing for ``"drop"``;
        - ``score``: of the fold with all channels;
        - ``n_test``: trials tested.

        ``importance.attrs`` holds ``"method"`` and the name of the ``"score"``.

    Raises
    ------
    ValueError
        If an argument does not fit; if a fold tests a single trial, which has none to exchange
        with; or if leaving one channel out leaves none, or is not told from which of several
        pickers.

    See Also
    --------
    skmamba.plots.ChannelImportanceDisplay : Draws the result.
    electrode_failure : What a fitted classifier loses when several channels fail.

    Notes
    -----
    The two answer different questions. Permutation asks what the trained model uses; two channels
    that tell the same share the importance, or one has all. Dropping asks what cannot be
    replaced; of two such channels neither is important. Permuting takes one fit a fold, dropping
    one for each channel more.

    A permuted channel keeps its distribution and, inside a trial, its course; lost is what it tells
    of the label and how it goes with the other channels. Trials of several subjects in a test set
    exchange channels between subjects.

    If the pipeline starts with a step that picks channels (``picks``), the others cannot matter
    and have no rows. To drop a channel, it is taken from X and from the picks of that step, and
    names that the step has are shortened; steps before a picker must leave the channels as they
    are. A picker without names gets those of X.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skmamba import simulate_trials
    >>> from skmamba.inspection import channel_importance
    >>> trials = simulate_trials(n_subjects=5, n_trials=8, n_channels=3, effect=2)
    >>> trials.X[:, [0, 2]] = simulate_trials(40, 1, 3, effect=0).X[:, [0, 2]]  # F3 is left
    >>> log_power = FunctionTransformer(lambda X: np.log(X.var(axis=-1)))
    >>> model = make_pipeline(log_power, LogisticRegression())
    >>> importance = channel_importance(model, trials, random_state=0)
    >>> importance.groupby("channel")["importance"].mean().idxmax()
    'Fp2'
    """
    check_option("method", method, METHODS)
    check_int("n_repeats", n_repeats)
    asked = read_channels(X, y, ch_names, estimator)
    estimator = _name_for_pickers(clone(estimator), asked.ch_names)
    channels = heard_channels(estimator, asked.X)
    scorer = check_scoring(estimator, scoring=scoring)
    cv = check_cv(cv, asked.y, classifier=is_classifier(estimator))
    folds = list(cv.split(asked.X, asked.y, groups))
    jobs = (
        _plan_permutations(estimator, asked, folds, channels, scorer, n_repeats, random_state)
        if method == "permutation"
        else _plan_drops(estimator, asked, folds, channels, scorer)
    )
    drops = Parallel(n_jobs=n_jobs)(jobs)
    if method == "drop":
        drops = _compare_with_all(drops, len(folds), len(channels))
    rows = [
        [name, fold, *drop, len(folds[fold][1])]
        for fold, of_fold in enumerate(drops)
        for name, drop in zip(name_channels(asked.ch_names, channels), of_fold, strict=True)
    ]
    columns = ["channel", "fold", "importance", "std", "score", "n_test"]
    importance = pd.DataFrame(rows, columns=columns)
    importance.attrs = {"method": method, "score": _name_of(scoring)}
    return importance


def _plan_permutations(estimator, asked, folds, channels, scorer, n_repeats, random_state):
    """One job a fold."""
    for fold, (_, test) in enumerate(folds):
        if len(test) < 2:
            raise ValueError(
                f"Fold {fold} tests {len(test)} trial, and there is none to exchange a channel "
                "with: take larger folds or method='drop'."
            )
    seed = draw_seed(random_state)
    return [
        delayed(_permute)(estimator, asked, train, test, channels, scorer, n_repeats, [seed, fold])
        for fold, (train, test) in enumerate(folds)
    ]


def _permute(estimator, asked, train, test, channels, scorer, n_repeats, seed):
    """Give importance, its deviation and the score of the fold, for each channel."""
    fitted = clone(estimator).fit(asked.X[train], asked.y[train])
    X, y = asked.X[test], asked.y[test]
    score = score_quietly(scorer, fitted, X, y)
    drops = []
    for channel in channels:
        rng = np.random.default_rng([*seed, channel])
        values = X.take(channel, axis=channel_axis(X))
        scores = [
            score_quietly(scorer, fitted, change_channels(X, channel, rng.permutation(values)), y)
            for _ in range(n_repeats)
        ]
        drops.append((score - np.mean(scores), np.std(scores), score))
    return drops


def _plan_drops(estimator, asked, folds, channels, scorer):
    """One job for each fold with all channels, then one for each fold and channel."""
    pickers = find_pickers(estimator)
    if len(pickers) > 1:
        raise ValueError(
            "method='drop' takes a channel from the step that picks channels, but there are "
            f"several: {', '.join(pickers)}. Leave one, or use method='permutation'."
        )
    if len(channels) < 2:
        raise ValueError("method='drop' needs two channels or more: without one, none is left.")
    versions = [(estimator, asked.X), *(_leave_out(estimator, asked, c) for c in channels)]
    return [
        delayed(_fit_and_score)(version, X, asked.y, train, test, scorer)
        for train, test in folds
        for version, X in versions
    ]


def _leave_out(estimator, asked, channel):
    """Estimator and data as if a channel had never been recorded."""
    X = np.delete(asked.X, channel, axis=channel_axis(asked.X))
    names = asked.ch_names
    names = None if names is None else [*names[:channel], *names[channel + 1 :]]
    estimator = clone(estimator)
    for step, picker in find_pickers(estimator).items():
        picks = clone(picker).fit(asked.X).picks_
        left = [int(pick - (pick > channel)) for pick in picks if pick != channel]
        estimator.set_params(**{f"{step}__picks": left, f"{step}__ch_names": names})
    return estimator, X


def _fit_and_score(estimator, X, y, train, test, scorer):
    fitted = clone(estimator).fit(X[train], y[train])
    return score_quietly(scorer, fitted, X[test], y[test])


def _compare_with_all(scores, n_folds, n_channels):
    """Turn scores, of all channels and without each, into rows as of permutations."""
    scores = np.reshape(scores, (n_folds, 1 + n_channels))
    return [[(all_ - one, np.nan, all_) for one in without] for all_, *without in scores.tolist()]


def _name_for_pickers(estimator, ch_names):
    """Give names to the picker that has none; trials reach it as an array."""
    pickers = find_pickers(estimator)
    if ch_names is not None and len(pickers) == 1:
        estimator.set_params(**{f"{name}__ch_names": list(ch_names) for name in pickers})
    return estimator


def _name_of(scoring):
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
