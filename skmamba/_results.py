"""Results of an evaluation, and means and intervals of a table of scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd
from scipy import stats

# Columns that are numbers, but no scores.
NO_SCORES = {"fold", "subject", "n_train", "n_test", "fit_seconds", "predict_seconds", "seed"}
N_RESAMPLES = 9999
DECIMALS = 12  # 0.8 - 0.7 and 0.6 - 0.5 are ties, whatever floats say


@dataclass(frozen=True)
class EvaluationResults:
    """Scores and predictions of an evaluation.

    Parameters
    ----------
    scores : DataFrame
        One row per estimator and fold.
    predictions : DataFrame
        One row per estimator and tested trial; empty if they are not known.

    See Also
    --------
    skmamba.evaluate : Returns the results and describes the columns.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skmamba import evaluate
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=3, n_trials=4)
    >>> results = evaluate({"dummy": DummyClassifier()}, trials, baselines=[], verbose=False)
    >>> results
    <EvaluationResults: 1 estimator, 3 folds, 12 predictions>
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame

    @staticmethod
    def concatenate(parts: Iterable[EvaluationResults]) -> EvaluationResults:
        """Concatenate results, such as those of several seeds or protocols.

        Parameters
        ----------
        parts : iterable of EvaluationResults
            At least one.

        Returns
        -------
        results : EvaluationResults
            All rows, in the order of the parts.
        """
        parts = list(parts)
        return EvaluationResults(
            pd.concat([part.scores for part in parts], ignore_index=True),
            pd.concat([part.predictions for part in parts], ignore_index=True),
        )

    def __repr__(self) -> str:
        n_estimators = self.scores["estimator"].nunique()
        n_folds = self.scores["fold"].nunique() if "fold" in self.scores else 0
        return (
            f"<EvaluationResults: {n_estimators} estimator{'s' if n_estimators != 1 else ''}, "
            f"{n_folds} folds, {len(self.predictions)} predictions>"
        )

    def _repr_html_(self) -> str:
        return self.scores.to_html()


def check_results(results, score):
    """Complain unless this is a table with that score, of one data set under one protocol."""
    missing = [name for name in ("estimator", "kind", "subject") if name not in results]
    if missing:
        raise ValueError(
            f"results must have columns 'estimator', 'kind' and 'subject', as evaluate and "
            f"score_by_subject give them; missing: {', '.join(missing)}."
        )
    numbers = results.select_dtypes("number").columns
    scores = [name for name in numbers if name not in NO_SCORES]
    if score not in scores:
        near = get_close_matches(str(score), scores, 1)
        raise ValueError(
            f"score must be one of the columns {', '.join(scores) or '(there are none)'}, "
            f"got {score!r}{f': did you mean {near[0]!r}?' if near else '.'}"
        )
    if results.empty:
        raise ValueError("results has no rows.")
    for column, what in (("dataset", "data sets"), ("protocol", "protocols")):
        values = list(results[column].unique()) if column in results else []
        if len(values) > 1:
            raise ValueError(
                f"results are of {len(values)} {what}, {', '.join(map(str, values))}: take one "
                f"at a time, as in results[results[{column!r}] == {values[0]!r}]."
            )
    mixed = results.groupby("estimator")["kind"].nunique()
    if (mixed > 1).any():
        raise ValueError(f"{mixed.idxmax()!r} is both a model and a baseline in results.")


def average_by(results, unit, score):
    """Mean score, one row a subject or fold, one column an estimator, in the order they came.

    Where one fold of several failed, the mean of the rest would be over other trials than that of
    the other estimators, so all of the subject is missing. A fold whose score is undefined is only
    left out of the mean.
    """
    order = list(dict.fromkeys(results["estimator"]))
    if "fold" in results:  # then a row twice is a copy
        results = results.drop_duplicates()
    keys = [unit, "estimator"]
    means = results.groupby(keys)[score].mean()
    if "error" in results:
        failed = results[score].isna() & results["error"].notna() & results["error"].ne("")
        failed = failed.groupby([results[key] for key in keys]).any()
        means = means.mask(failed)
    return means.unstack("estimator")[order]


def find_chance_level(score, kinds, means, lows):
    """Name the better of two baselines that know nothing, None without the first.

    The majority is no chance where it is always wrong, as on held-out stimuli of one label each,
    nor for an F1, in which a class that is never said counts nothing: guessing is better there.
    ``kinds``, ``means`` and ``lows`` are by estimator: of intervals, the lower ends.
    """
    if kinds.get("majority") != "baseline":
        return None
    if kinds.get("stratified") != "baseline":
        return "majority"
    is_beaten = lows["stratified"] > means["majority"]
    return "stratified" if is_beaten or score.startswith("f1") else "majority"


def bootstrap_interval(scores, confidence, seed):
    """Interval of the mean: BCa, its level raised for small samples."""
    n_scores = len(scores)
    if n_scores < 2:
        return np.nan, np.nan
    if np.ptp(scores) < 10.0**-DECIMALS:  # nothing to resample, and BCa would be nan
        return scores.mean(), scores.mean()
    student = stats.t.ppf((1 + confidence) / 2, n_scores - 1)
    tails = 2 * stats.norm.sf(student * np.sqrt(n_scores / (n_scores - 1)))
    interval = stats.bootstrap(
        (np.sort(scores),),  # the order of people is of no interest
        np.mean,
        n_resamples=N_RESAMPLES,
        vectorized=True,
        confidence_level=1 - max(tails, 1 / N_RESAMPLES),  # no resample is further out
        method="BCa",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)
