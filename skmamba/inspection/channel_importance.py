"""Importance of channels for a score on held-out trials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils.parallel import Parallel

from .._metadata import infer_groups, make_folds
from .._parallel import delayed
from .._types import Epochs, Groups, Seed, Splitter
from .._validation import check_int, check_option, draw_seed
from ..trials import Trials
from ._inputs import (
    compute_score,
    find_pickers,
    get_score_name,
    replace_channels,
    unpack_labelled_data,
)


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
    """Measure the decrease of a score on held-out trials without each channel.

    Parameters
    ----------
    estimator : classifier or Pipeline
        Classifier of trials; a clone is trained in each fold.
    X : Trials, mne.Epochs or ndarray of shape (n_trials, n_channels, n_times)
        Trials, or bags of windows ``(n_trials, n_windows, n_channels, n_times)``.
    y : array-like of shape (n_trials,), default=None
        Labels; None uses those of Trials.
    groups : DataFrame or array-like of shape (n_trials,), default=None
        The metadata with the column ``subject``, or that column; None uses the metadata of
        Trials. Splitters of this package receive the metadata.
    cv : int, splitter or iterable of (train, test), default=None
        Cross-validation. An int, or None for five, is the number of stratified folds: over subjects
        if ``groups`` has several, with at most one fold per subject, else over trials.
    method : {"permutation", "drop"}, default="permutation"
        Permute the channel between the test trials of a fold after training, whole trials at a
        time, or leave it out before training, which requires one more fit for each channel.
    scoring : str or callable, default="balanced_accuracy"
        Scorer of scikit-learn; greater is better.
    ch_names : sequence of str, default=None
        Channel names; None uses those of X or of the step that picks channels, else indices.
    n_repeats : int, default=10
        Number of permutations of each channel in each fold.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations; None draws fresh entropy. The estimator has its own seed.
    n_jobs : int, default=None
        Number of fits in parallel.

    Returns
    -------
    importance : DataFrame
        One row per channel and fold:

        - ``channel``, ``fold``;
        - ``importance``: decrease of the score without the channel; negative if the score is
          better without it;
        - ``std``: standard deviation over permutations, NaN for ``"drop"``;
        - ``score``: score of the fold with all channels;
        - ``n_test``: number of test trials.

        ``importance.attrs`` contains ``"method"`` and the name of the ``"score"``.

    Raises
    ------
    ValueError
        If X, y, a fold or a parameter is invalid.

    See Also
    --------
    skmamba.plots.ChannelImportanceDisplay : Draw the table.
    electrode_failure : Score of a fitted classifier when several channels fail.

    Notes
    -----
    If the pipeline starts with a step that picks channels (``picks``), only those have rows. To
    drop a channel, it is removed from X and from the parameters of that step; steps before it must
    not change the channels. A picker without ``ch_names`` uses those of X.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skmamba.datasets import simulate_trials
    >>> from skmamba.inspection import channel_importance
    >>> trials = simulate_trials(n_subjects=5, n_trials=8, n_channels=3, effect=2)
    >>> trials.X[:, [0, 2]] = simulate_trials(40, 1, 3, effect=0).X[:, [0, 2]]  # effect in Fp2 only
    >>> log_power = FunctionTransformer(lambda X: np.log(X.var(axis=-1)))
    >>> model = make_pipeline(log_power, LogisticRegression())
    >>> importance = channel_importance(model, trials, random_state=0)
    >>> importance.groupby("channel")["importance"].mean().idxmax()
    'Fp2'
    """
    check_option("method", method, ("permutation", "drop"))
    check_int("n_repeats", n_repeats)
    data = unpack_labelled_data(X, y, ch_names, estimator)
    if isinstance(data.X, Trials):
        data = data._replace(X=data.X.derive(ch_names=tuple(data.ch_names)))
        groups = infer_groups(data.X.metadata, cv) if groups is None else groups
    estimator = clone(estimator)
    pickers = find_pickers(estimator)
    if data.ch_names is not None and len(pickers) == 1:  # X may be an array without names
        estimator.set_params(**{f"{name}__ch_names": list(data.ch_names) for name in pickers})
    channels = data.find_used_channels(estimator)
    scorer = check_scoring(estimator, scoring=scoring)
    options = {"estimator": channel_importance, "classifier": is_classifier(estimator)}
    folds = make_folds(cv, data.X, data.y, groups, **options)
    n_test = [len(test) for _, test in folds]
    if method == "permutation":
        if min(n_test) < 2:
            raise ValueError(
                f"cv must yield at least two test trials per fold for method='permutation', got "
                f"{min(n_test)} in fold {np.argmin(n_test)}."
            )
        seed = draw_seed(random_state)
        by_fold = Parallel(n_jobs=n_jobs)(
            delayed(_permute)(estimator, data, fold, channels, scorer, n_repeats, [seed, i])
            for i, fold in enumerate(folds)
        )
    else:
        versions = _make_versions(estimator, data, channels)
        scores = Parallel(n_jobs=n_jobs)(
            delayed(_fit_and_score)(version, X, data.y, *fold, scorer)
            for fold in folds
            for version, X in versions
        )
        by_fold = [
            [(full - without, np.nan, full) for without in others]
            for full, *others in np.reshape(scores, (len(folds), -1)).tolist()
        ]
    names = data.label_channels(channels)
    rows = [
        [name, i, *result, n_test[i]]
        for i, results in enumerate(by_fold)
        for name, result in zip(names, results, strict=True)
    ]
    columns = ["channel", "fold", "importance", "std", "score", "n_test"]
    importance = pd.DataFrame(rows, columns=columns)
    importance.attrs = {"method": method, "score": get_score_name(scoring)}
    return importance


def _permute(estimator, data, fold, channels, scorer, n_repeats, seed):
    """Return importance, standard deviation and score of the fold for each channel."""
    train, test = fold
    fitted = clone(estimator).fit(data.X[train], data.y[train])
    X, y = data.X[test], data.y[test]
    full = compute_score(scorer, fitted, X, y)
    results = []
    for channel in channels:
        rng = np.random.default_rng([*seed, channel])
        values = X.take(channel, axis=-2)
        scores = [
            compute_score(scorer, fitted, replace_channels(X, channel, rng.permutation(values)), y)
            for _ in range(n_repeats)
        ]
        results.append((full - np.mean(scores), np.std(scores), full))
    return results


def _make_versions(estimator, data, channels):
    """Return estimator and X with all channels, then without each."""
    pickers = find_pickers(estimator)
    if len(pickers) > 1:
        raise ValueError(
            "estimator must have at most one step that picks channels for method='drop', got "
            f"{', '.join(pickers)}."
        )
    if len(channels) < 2:
        raise ValueError(f"method='drop' requires at least two channels, got {len(channels)}.")
    return [(estimator, data.X), *(_drop_channel(estimator, data, c) for c in channels)]


def _drop_channel(estimator, data, channel):
    """Return the estimator and X as if a channel had not been recorded."""
    names, remaining = data.ch_names, np.delete(np.arange(data.X.shape[-2]), channel)
    X = data.X.pick(remaining) if isinstance(data.X, Trials) else data.X.take(remaining, axis=-2)
    names = None if names is None else [*names[:channel], *names[channel + 1 :]]
    estimator = clone(estimator)
    for step, picker in find_pickers(estimator).items():
        picks = clone(picker).fit(data.X).picks_
        picks = [int(pick - (pick > channel)) for pick in picks if pick != channel]
        estimator.set_params(**{f"{step}__picks": picks, f"{step}__ch_names": names})
    return estimator, X


def _fit_and_score(estimator, X, y, train, test, scorer):
    fitted = clone(estimator).fit(X[train], y[train])
    return compute_score(scorer, fitted, X[test], y[test])
