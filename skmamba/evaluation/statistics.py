"""Statistical comparison of estimators over subjects."""

from __future__ import annotations

from textwrap import fill

import numpy as np
import pandas as pd
from scipy import stats

from .._format import describe_adaptations, describe_counts
from .._results import (
    DECIMALS,
    N_RESAMPLES,
    EvaluationResults,
    check_has_subjects,
    get_scores,
    summarize,
)
from .._validation import check_fraction

# Up to this number all sign patterns are counted: two arrays of 2**20 sums, 16 MB.
MAX_EXACT = 40
COLUMNS = [
    *("kind", "n_subjects", "mean", "low", "high", "std_seeds", "chance", "p_chance"),
    *("difference", "effect_size", "p", "p_holm"),
]
PRINTED = ["estimator", "mean", "low", "high", "chance", "p_chance", "difference", "p_holm"]


class _Comparison(pd.DataFrame):
    """Table of :func:`compare`, printed in 80 columns; selections of it are printed as usual."""

    def __repr__(self) -> str:
        has_seeds = "std_seeds" in self and self["std_seeds"].notna().any()
        printed = [*PRINTED[:4], *(["std_seeds"] if has_seeds else []), *PRINTED[4:]]
        text = self.filter(printed).round(3).to_string(index=False)
        hidden = ", ".join(map(str, self.columns.difference(printed, sort=False)))
        text += "\n\n" + fill(f"More columns in table.to_string(): {hidden}", 80)
        if {"estimator", "n_subjects"} <= set(self) and self["n_subjects"].nunique() > 1:
            counts = describe_counts(self.set_index("estimator")["n_subjects"], "subject")
            text += f"\n\n{fill(f'Scores of {counts}.', 80)}"
        if {"estimator", "adaptation"} <= set(self):
            uses = describe_adaptations(self.set_index("estimator")["adaptation"])
            text += f"\n\n{fill(f'Used of the test subjects: {uses}.', 80)}" if uses else ""
        return text


def compare(
    results: EvaluationResults | pd.DataFrame,
    score: str = "balanced_accuracy",
    *,
    reference: str | None = None,
    confidence: float = 0.95,
    random_state: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Compare estimators over subjects, with intervals and tests.

    A subject is one observation, for any number of trials and windows, because the trials
    of a subject are not independent.

    Parameters
    ----------
    results : EvaluationResults or DataFrame
        Results of :func:`evaluate`, of one data set and one protocol. If folds test several
        subjects, or lack classes of their subject, each subject is scored from the predictions, as
        by :func:`score_by_subject`. A DataFrame of scores must have one subject per row. Rows of
        one subject, such as folds, sessions or seeds, are averaged.
    score : str, default="balanced_accuracy"
        Column to compare; higher is better.
    reference : str, default=None
        Estimator with which the others are compared; None selects the first.
    confidence : float, default=0.95
        Confidence level of the interval, between 0 and 1.
    random_state : int, numpy.random.Generator or None, default=None
        Seed of the bootstrap interval, and of ``p_chance`` for more than 40 subjects. The other
        p-values do not depend on it.

    Returns
    -------
    table : DataFrame
        One row per estimator, in order of appearance. Printing shows the main columns, rounded,
        and the numbers of subjects if they differ.

        - ``estimator``, ``kind``: name, and ``"model"`` or ``"baseline"``.
        - ``adaptation``: what the estimator uses of the test subjects, if the results have it. An
          estimator with several values has one row for each, such as "net" and "net (reference)".
        - ``n_subjects``: subjects with a score.
        - ``mean``, ``low``, ``high``: mean over subjects, and its interval.
        - ``std_seeds``: standard deviation of the mean over the values of ``random_state``, of
          subjects tested with all of them; NaN for fewer than two values, or without this column.
        - ``chance``: chance level, the mean of the baseline ``"majority"``, in some cases of
          ``"stratified"``, for ratings of ``"mean"``; at least the expected score of random
          guessing; NaN without baselines. See :doc:`/user_guide/statistics`.
        - ``p_chance``: one-sided sign-flip test of the differences from that level, not
          corrected for the number of estimators.
        - ``difference``: mean of estimator minus reference over the subjects of both; NaN in the
          row of the reference, like the next columns.
        - ``effect_size``: matched-pairs rank-biserial correlation [1]_, from -1 (lower in every
          subject) to 1 (higher in every subject).
        - ``p``: two-sided Wilcoxon signed-rank test against the reference.
        - ``p_holm``: the same after Holm's correction [2]_ over the models; NaN for baselines.

    Raises
    ------
    ValueError
        If a column, the score or the reference is missing, a row is of several subjects, there
        are several data sets or protocols, or ``confidence`` is invalid.

    Warns
    -----
    UserWarning
        If subjects have trials of one class, and ``score`` is the balanced accuracy, which then is
        the accuracy, or a default score that is undefined then; or if estimators have different
        numbers of folds.

    Notes
    -----
    A subject without a score is left out for that estimator and for comparisons with it. If one
    fold of a subject failed, the whole subject is missing.

    The interval is Student's for up to 7 subjects, clipped to the range of default scores; for more
    a BCa bootstrap over subjects with 9999 resamples, expanded as in [3]_. Both tests are exact for
    up to 40 subjects, with ties too.

    References
    ----------
    .. [1] D. S. Kerby, "The simple difference formula: an approach to teaching nonparametric
       correlation", Comprehensive Psychology 3, 2014, doi:10.2466/11.IT.3.1.
    .. [2] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
       Journal of Statistics 6, 1979.
    .. [3] T. C. Hesterberg, "What teachers should know about the bootstrap", The American
       Statistician 69, 2015, doi:10.1080/00031305.2015.1089789.

    Examples
    --------
    >>> import pandas as pd
    >>> results = pd.DataFrame({
    ...     "estimator": ["net"] * 6 + ["lda"] * 6 + ["majority"] * 6,
    ...     "kind": ["model"] * 12 + ["baseline"] * 6,
    ...     "subject": [1, 2, 3, 4, 5, 6] * 3,
    ...     "accuracy": [.8, .7, .9, .6, .7, .8, .7, .7, .6, .5, .6, .6] + [.5] * 6,
    ... })
    >>> compare(results, "accuracy")
    estimator  mean   low  high  chance  p_chance  difference  p_holm
          net 0.750 0.640 0.860     0.5     0.016         NaN     NaN
          lda 0.617 0.538 0.696     0.5     0.031      -0.133   0.062
     majority 0.500 0.500 0.500     0.5       NaN      -0.250     NaN
    <BLANKLINE>
    More columns in table.to_string(): kind, n_subjects, std_seeds, effect_size, p
    """
    check_fraction("confidence", confidence)
    scores = get_scores(results, score)
    check_has_subjects(results, scores, score)
    estimators = list(dict.fromkeys(scores["estimator"]))
    reference = estimators[0] if reference is None else reference
    if reference not in estimators:
        raise ValueError(
            f"reference must be one of the estimators {', '.join(map(str, estimators))}, "
            f"got {reference!r}."
        )
    seed = np.random.default_rng(random_state).integers(2**32)  # the same for all rows
    by_subject, table, chance = summarize(scores, "subject", score, confidence, seed)
    table["n_subjects"] = by_subject.count()
    table["std_seeds"] = _measure_std_seeds(scores, by_subject, score)
    table = table.reindex(columns=COLUMNS)
    if chance is not None:
        table["chance"] = chance.mean()
    for name in estimators:
        if chance is not None and chance.name != name:
            table.loc[name, "p_chance"] = sign_flip_p(_subtract(by_subject[name], chance), seed)
        if name != reference:
            differences = _subtract(by_subject[name], by_subject[reference])
            table.loc[name, "difference"] = differences.mean() if len(differences) else np.nan
            table.loc[name, ["effect_size", "p"]] = signed_rank_test(differences)
    models = table["kind"] == "model"  # the reference has no p and is not counted
    table.loc[models, "p_holm"] = adjust_holm(table.loc[models, "p"])
    if "adaptation" in scores:
        table.insert(1, "adaptation", scores.groupby("estimator")["adaptation"].first().astype(str))
    return _Comparison(table.reset_index())


def _measure_std_seeds(scores, by_subject, score):
    """Return the standard deviation over seeds of the mean over subjects with all of them."""
    if "random_state" not in scores:
        return np.nan
    std_seeds = {}
    for name, own in scores.groupby("estimator"):
        own = own[own["subject"].isin(by_subject.index[by_subject[name].notna()])]
        by_seed = own.pivot_table(score, "subject", "random_state", sort=False).dropna()
        std_seeds[name] = by_seed.mean().std()
    return pd.Series(std_seeds)


def _subtract(scores, others):
    """Return the differences in subjects that have both scores."""
    return (scores - others).dropna().to_numpy().round(DECIMALS)


def sign_flip_p(values, seed=None):
    """Return the one-sided p-value of the mean of values that are symmetric about zero."""
    n_values = len(values)
    if not n_values:
        return np.nan
    # Rounding errors depend on the order of summation.
    threshold = values.sum() - 1e-9 * np.abs(values).sum()
    if n_values > MAX_EXACT:
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(N_RESAMPLES, n_values))
        return (1 + np.count_nonzero(signs @ values >= threshold)) / (1 + N_RESAMPLES)
    # A pattern of signs is one of the first half and one of the second: with the sums of each
    # half sorted, 2**n patterns are counted in the time of 2**(n / 2).
    first = np.sort(_sum_signs(values[: n_values // 2]))
    second = np.sort(_sum_signs(values[n_values // 2 :]))
    n_below = int(np.searchsorted(first, threshold - second).sum())
    return 1 - n_below / 2**n_values


def _sum_signs(values):
    """Return the sums of the values under all patterns of signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums - value, sums + value])
    return sums


def signed_rank_test(differences):
    """Return the rank-biserial correlation, and p of Wilcoxon's two-sided signed-rank test."""
    if not len(differences):
        return np.nan, np.nan
    nonzero = differences[differences != 0]
    if not len(nonzero):
        return 0.0, 1.0
    ranks = np.sign(nonzero) * stats.rankdata(np.abs(nonzero))
    effect_size = ranks.sum() / np.abs(ranks).sum()
    if len(nonzero) > MAX_EXACT:
        return effect_size, float(stats.wilcoxon(nonzero).pvalue)
    # SciPy's p is exact only without ties, or up to 13 values. The test flips signs of ranks.
    return effect_size, min(1.0, 2 * sign_flip_p(ranks if effect_size > 0 else -ranks))


def adjust_holm(p):
    """Return p-values after Holm's step-down correction; NaN stays and is not counted."""
    p = np.asarray(p, float)
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN is last
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * p[order]))
    return adjusted
