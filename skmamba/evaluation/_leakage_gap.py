"""How much of a score comes from what a split shares."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils.parallel import Parallel, delayed

from .._progress import progress_bar
from ..trials import Trials
from ._chance import check_seed, fill_seeds, permute_labels
from ._leakage import number_things, trial_key


def leakage_gap(
    estimator: BaseEstimator,
    trials: Trials,
    *,
    window_size: float = 2.0,
    stride: float | None = None,
    window_size_samples: int | None = None,
    stride_samples: int | None = None,
    n_splits: int = 5,
    score: str | Callable[..., float] = "balanced_accuracy",
    n_jobs: int | None = None,
    random_state: int | None = None,
    verbose: bool | None = None,
) -> pd.DataFrame:
    """Score one model under splits that keep more and more apart, and with labels permuted.

    Windows are rows here, as in many published protocols, so that all splits see the same rows
    and differ only in what they keep together: nothing, trials, stimuli or subjects.

    Parameters
    ----------
    estimator : classifier
        Gets windows ``(n_windows, n_channels, size)``. A pipeline that cuts windows of the same
        ``size`` does too.
    trials : Trials
        One row a trial.
    window_size : float, default=2.0
        Window length in seconds.
    stride : float, default=None
        Distance between two window starts in seconds; None is the window length.
    window_size_samples, stride_samples : int, default=None
        The same in samples. They take precedence over the values in seconds.
    n_splits : int, default=5
        Folds of each split; fewer where there are fewer trials, stimuli or subjects.
    score : str or callable, default="balanced_accuracy"
        Any of scikit-learn's scorers; it is asked about windows.
    n_jobs : int, default=None
        Fits at the same time, as in scikit-learn.
    random_state : int or None, default=None
        Seed of the folds, of the permutation and of whatever the estimator leaves open.
    verbose : bool, default=None
        Whether to show a progress bar; None shows it if stderr is a terminal.

    Returns
    -------
    gap : DataFrame
        One row per split and labels:

        - ``split``: ``"random windows"``, ``"trials"``, ``"stimuli"``, ``"subjects"``; a split
          is left out where the metadata do not give it or a training set would lack a class;
        - ``labels``: ``"true"``, or ``"permuted"`` by trial;
        - ``mean``, ``std`` and ``n_folds``: the score over folds;
        - ``inflation``: points by which the mean exceeds that of the last split, by subject
          if there is one, with the same labels;
        - ``n_train``, ``n_test``: windows, mean over folds.

        The name of the score is in ``gap.attrs["score"]``.

    Raises
    ------
    ValueError
        If rows are windows already, or no split of trials is possible.

    See Also
    --------
    leakage_report : What a splitter's folds share.
    skmamba.plots.LeakageDisplay : Draws the result.

    Notes
    -----
    Permuted labels mean nothing, but all windows of a trial still share theirs. A score above
    chance can then only come from recognising trials. Labels are dealt out anew among the trials
    of each subject, before any split: had a subject more of one label than before, recognising
    the subject would do. Where each subject has one label only, they are dealt out among all.

    The difference between random windows and trials is the leak. That between trials and
    subjects is what the model knows of the people it met, which a within-subject question may
    use.

    By subject, permuted labels score chance, and scatter as the number of trials allows, not that
    of windows: with 40 trials of two classes, by a standard deviation of up to 0.08. By trial
    they may score less: of a subject with few trials, training holds more of the other labels
    than of the one held out, and a model that recognises the subject answers with those.

    All splits are stratified, so that a fold of few trials still has every class.

    Examples
    --------
    Trials that differ by an offset each, and labels that have nothing to do with it:

    >>> from dataclasses import replace
    >>> import numpy as np
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skmamba import leakage_gap, simulate_trials
    >>> trials = simulate_trials(n_subjects=5, n_trials=8, effect=0)
    >>> offsets = np.random.default_rng(0).normal(scale=30, size=(40, 4, 1))
    >>> trials = replace(trials, X=trials.X + offsets)
    >>> means = FunctionTransformer(lambda X: X.mean(axis=-1))
    >>> model = make_pipeline(means, KNeighborsClassifier(3))
    >>> gap = leakage_gap(model, trials, size=64, verbose=False)
    >>> gap.query("split == 'random windows'")[["labels", "mean"]].round(1)
         labels  mean
    0      true   1.0
    3  permuted   1.0
    """
    things = number_things(trials.metadata, trial_key(trials.metadata))
    if not things.unknown and len(np.unique(things.codes)) < len(trials):
        raise ValueError(
            f"trials must have one row a trial, got {len(trials)} rows of "
            f"{len(np.unique(things.codes))} trials: windows are cut here, by size."
        )
    seed = check_seed(random_state) % 2**32
    estimator = fill_seeds(estimator, seed)
    windows = trials.as_windows(
        window_size,
        stride,
        window_size_samples=window_size_samples,
        stride_samples=stride_samples,
    )
    trial = np.repeat(np.arange(len(trials)), len(windows) // len(trials))
    permuted = permute_labels(trials.y, trials.metadata, np.random.default_rng(seed))
    labels = {"true": windows.y, "permuted": permuted[trial]}
    folds = {
        (split, name): _make_folds(y, None if ids is None else ids[trial], n_splits, seed)
        for name, y in labels.items()
        for split, ids in _ids_to_keep_together(trials).items()
    }
    if not folds["trials", "true"]:
        raise ValueError(
            "Trials cannot be split: every class needs trials in two folds, got "
            f"{pd.Series(trials.y).value_counts().to_dict()}."
        )
    jobs = [(key, fold) for key in folds for fold in folds[key]]
    scorer = get_scorer(score)
    scores = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_fit_and_score)(estimator, windows.X, labels[name], *fold, scorer)
        for (_, name), fold in jobs
    )
    progress = progress_bar(scores, total=len(jobs), unit="fit", verbose=verbose)
    rows = [
        {
            "split": split,
            "labels": name,
            "score": value,
            "n_train": len(train_idx),
            "n_test": len(test_idx),
        }
        for ((split, name), (train_idx, test_idx)), value in zip(jobs, progress, strict=True)
    ]
    gap = _summarise_gap(pd.DataFrame(rows))
    gap.attrs["score"] = score if isinstance(score, str) else "score"
    if verbose:
        print(_put_in_words(gap, gap.attrs["score"]))
    return gap


def _ids_to_keep_together(trials):
    """Return what each split keeps together, one number a trial; None where there is nothing."""
    ids = {"random windows": None, "trials": np.arange(len(trials))}
    for split, column in (("stimuli", "stimulus"), ("subjects", "subject")):
        things = number_things(trials.metadata, [column])
        if not things.unknown:
            ids[split] = things.codes
    return ids


def _make_folds(y, ids, n_splits, seed):
    """Folds that keep rows of one id together; none if a training set would lack a class."""
    if ids is None:
        return list(StratifiedKFold(n_splits, shuffle=True, random_state=seed).split(y, y))
    n_splits = min(n_splits, len(np.unique(ids)))
    if n_splits < 2:
        return []
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    folds = [fold for fold in splitter.split(y, y, ids) if len(fold[1])]
    n_classes = len(np.unique(y))
    if any(len(np.unique(y[train_idx])) < n_classes for train_idx, _ in folds):
        return []
    return folds


def _fit_and_score(estimator, X, y, train_idx, test_idx, scorer):
    """Score of one fold."""
    fitted = clone(estimator).fit(X[train_idx], y[train_idx])
    return scorer(fitted, X[test_idx], y[test_idx])


def _summarise_gap(scores):
    """One row per split and labels, from one per fold."""
    gap = scores.groupby(["split", "labels"], sort=False, as_index=False).agg(
        mean=("score", "mean"),
        std=("score", "std"),
        n_folds=("score", "size"),
        n_train=("n_train", "mean"),
        n_test=("n_test", "mean"),
    )
    reference = gap.groupby("labels")["mean"].transform(lambda means: means.iloc[-1])
    gap.insert(5, "inflation", 100 * (gap["mean"] - reference))
    return gap.round({"n_train": 0, "n_test": 0}).astype({"n_train": int, "n_test": int})


def _put_in_words(gap, score):
    """Two sentences, and which splits there are none of."""
    means = {
        name: rows.set_index("split")["mean"] for name, rows in gap.groupby("labels", sort=False)
    }

    def list_means(name):
        return ", ".join(f"{split} {mean:.2f}" for split, mean in means[name].items())

    last = means["true"].index[-1]
    points = gap.groupby("labels")["inflation"].first().round()
    no_more = f"random windows score no more than {last}"
    lines = [
        f"{score}: {list_means('true')}. "
        + (
            f"{points['true']:.0f} points between random windows and {last} come from the split."
            if points["true"] > 0
            else f"Here {no_more}."
        ),
        f"With labels permuted by trial: {list_means('permuted')}. These labels mean nothing"
        + (
            ": what random windows score above chance is read from the trials."
            if points["permuted"] > 0
            else f", and {no_more.replace(last, list(means['permuted'].index)[-1])}: no sign that "
            "trials are recognised."
        ),
    ]
    left_out = [split for split in ("stimuli", "subjects") if split not in means["true"]]
    if left_out:
        lines.append(
            f"Not scored: {', '.join(left_out)}. The metadata do not tell, or a training set would "
            "lack a class."
        )
    return "\n".join(lines)
