"""What a table of scores says about estimators: people are the sample."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from .._results import (
    DECIMALS,
    N_RESAMPLES,
    average_by,
    bootstrap_interval,
    check_results,
    find_chance_level,
)

# Up to here every pattern of signs is counted: two lists of 2**20 sums, 16 MB.
MAX_EXACT = 40
COLUMNS = [
    "estimator",
    "kind",
    "n_subjects",
    "mean",
    "low",
    "high",
    "chance",
    "p_chance",
    "difference",
    "effect_size",
    "p",
    "p_holm",
]


def compare(
    results: pd.DataFrame,
    score: str = "balanced_accuracy",
    *,
    reference: str | None = None,
    confidence: float = 0.95,
    random_state: int | np.random.Generator | None = 0,
) -> pd.DataFrame:
    """Compare estimators over subjects: intervals, tests against chance and each other.

    A subject is one observation, however many trials and windows it gave: trials of a person
    resemble each other, and a test that counts them finds significance in noise.

    Parameters
    ----------
    results : DataFrame
        What :func:`evaluate` returns, if each test fold is of one subject, or
        :func:`score_by_subject` makes of its predictions. Of one data set and one protocol.
        Several rows of a subject, such as folds or sessions, are averaged first.
    score : str, default="balanced_accuracy"
        Column to compare; more is better.
    reference : str, default=None
        Estimator that the others are compared with; by default the first.
    confidence : float, default=0.95
        Of the interval, between 0 and 1.
    random_state : int or numpy.random.Generator, default=0
        Seed of the bootstrap. None takes fresh entropy.

    Returns
    -------
    table : DataFrame
        One row an estimator, in order of appearance.

        - ``estimator``, ``kind``: name, and ``"model"`` or ``"baseline"``.
        - ``n_subjects``: subjects with a score.
        - ``mean``, ``low``, ``high``: mean over subjects, and its bootstrap interval.
        - ``chance``: mean of the baseline ``"majority"``, or of ``"stratified"`` where guessing
          scores more; NaN without ``"majority"``.
        - ``p_chance``: of the test that the estimator beats that baseline in the same subjects;
          one-sided, not corrected for the number of estimators.
        - ``difference``: mean of estimator minus reference over the subjects of both; NaN in the
          row of the reference, as are the next.
        - ``effect_size``: matched-pairs rank-biserial correlation [1]_, from -1 (worse in every
          subject) to 1 (better in every subject).
        - ``p``: of Wilcoxon's signed-rank test against the reference, two-sided.
        - ``p_holm``: the same after Holm's correction [2]_; NaN for baselines.

    Raises
    ------
    ValueError
        If a column, the score or the reference is not there, a row is of several subjects, or
        rows are of several data sets or protocols.

    See Also
    --------
    ScoresDisplay : The same as a picture.

    Notes
    -----
    *Missing scores.* A subject without a score is left out for that estimator, and for pairs
    with it; nothing is filled in. Where one fold of several failed, the mean of the rest would
    be over other trials than that of the reference: the whole subject is missing. A fold whose
    score is undefined, such as ROC AUC on one class, is left out of the mean.

    *Interval.* Bootstrap over subjects, 9999 resamples, bias-corrected and accelerated (BCa):
    scores end at 1, so their distribution is skewed. For few subjects a bootstrap interval is
    too narrow; its level is raised by the ratio of Student's to the normal quantile, as in the
    expanded interval of [3]_. Scores that are all the same give an interval of no width, one
    subject gives none.

    *Chance.* To answer always the same is not always the best that one can do without knowing
    anything. Macro F1 punishes it. If a fold holds out one class, as one film does, training has
    the fewest of just that class, and the majority is always wrong. So ``"stratified"`` is chance
    for scores whose name starts with ``"f1"``, and for others if its interval lies above the mean
    of ``"majority"``: ours.

    *Against chance.* Under the null hypothesis the sign of a subject's difference from chance
    is a coin toss. All patterns of signs are counted for up to 40 subjects, which is
    exact; beyond, 9999 random ones and the observed one. A small p says that there is something
    to decode in some of these people, not in everyone.

    *Against the reference.* Wilcoxon's test drops differences of zero; if there are no others,
    p is 1. Ties get the mean of their ranks. Its p is exact for up to 40 subjects, with ties
    too: scores of a few trials tie often. Beyond, it is that of :func:`scipy.stats.wilcoxon`.

    *Family.* Holm's correction counts the models but the reference. Baselines are no candidates:
    they would make the correction harsher without a hypothesis of their own. Choose the score
    and the reference before looking, else the family is larger than what is counted.

    All of it takes the trained models as given: how scores would change with another seed or
    other training data is not in the intervals.

    References
    ----------
    .. [1] D. S. Kerby, "The simple difference formula: an approach to teaching nonparametric
       correlation", Comprehensive Psychology 3, 2014, doi:10.2466/11.IT.3.1.
    .. [2] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
       Journal of Statistics 6, 1979.
    .. [3] T. C. Hesterberg, "What teachers should know about the bootstrap", The American
       Statistician 69, 2015, doi:10.1080/00031305.2015.1089789. It expands the percentile
       interval; we expand BCa, which covered better in our simulation of skewed scores.

    Examples
    --------
    >>> import pandas as pd
    >>> results = pd.DataFrame({
    ...     "estimator": ["net"] * 6 + ["lda"] * 6 + ["majority"] * 6,
    ...     "kind": ["model"] * 12 + ["baseline"] * 6,
    ...     "subject": [1, 2, 3, 4, 5, 6] * 3,
    ...     "accuracy": [.8, .7, .9, .6, .7, .8, .7, .7, .6, .5, .6, .6] + [.5] * 6,
    ... })
    >>> table = compare(results, "accuracy").set_index("estimator")
    >>> table[["n_subjects", "mean", "p_chance", "difference", "effect_size", "p"]].round(3)
               n_subjects   mean  p_chance  difference  effect_size      p
    estimator
    net                 6  0.750     0.016         NaN          NaN    NaN
    lda                 6  0.617     0.031      -0.133         -1.0  0.062
    majority            6  0.500       NaN      -0.250         -1.0  0.031
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}.")
    check_results(results, score)
    if results["subject"].isna().any():
        raise ValueError(
            "results have rows of several subjects (subject is None), but subjects are what is "
            "compared: use evaluate(..., return_predictions=True) and "
            "compare(score_by_subject(predictions))."
        )
    kinds = results.groupby("estimator", sort=False)["kind"].first()
    reference = kinds.index[0] if reference is None else reference
    if reference not in kinds.index:
        raise ValueError(
            f"reference must be one of the estimators {', '.join(map(str, kinds.index))}, "
            f"got {reference!r}."
        )
    by_subject = average_by(results, "subject", score)
    seed = np.random.default_rng(random_state).integers(2**32)  # one: rows then stand alone
    intervals = {
        name: bootstrap_interval(by_subject[name].dropna().to_numpy(), confidence, seed)
        for name in kinds.index
    }
    lows = {name: interval[0] for name, interval in intervals.items()}
    chance = find_chance_level(score, kinds, by_subject.mean(), lows)

    rows = []
    for name, kind in kinds.items():
        scores = by_subject[name].dropna().to_numpy()
        row = {"estimator": name, "kind": kind, "n_subjects": len(scores)}
        row["mean"] = scores.mean() if len(scores) else np.nan
        row["low"], row["high"] = intervals[name]
        if chance is not None:
            row["chance"] = by_subject[chance].mean()
            if name != chance:
                gain = _differences(by_subject, name, chance)
                row["p_chance"] = sign_flip_p(gain, seed)
        if name != reference:
            gain = _differences(by_subject, name, reference)
            row["difference"] = gain.mean() if len(gain) else np.nan
            row["effect_size"], row["p"] = compare_signed_ranks(gain)
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    table = table.astype(dict.fromkeys(COLUMNS[3:], float))
    family = table["kind"] == "model"  # the reference has no p and is not counted
    table.loc[family, "p_holm"] = adjust_holm(table.loc[family, "p"])
    return table


def _differences(by_subject, name, other):
    """Score of one estimator minus that of another, for subjects who have both."""
    return (by_subject[name] - by_subject[other]).dropna().to_numpy().round(DECIMALS)


def sign_flip_p(values, seed=None):
    """P value, one-sided, that the mean of values symmetric about zero is as high as this."""
    n_values = len(values)
    if not n_values:
        return np.nan
    reached = values.sum() - 1e-9  # sums of the same numbers in another order count
    if n_values > MAX_EXACT:
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(N_RESAMPLES, n_values))
        return (1 + np.count_nonzero(signs @ values >= reached)) / (1 + N_RESAMPLES)
    # Every pattern is one of the first half beside one of the second: sort the sums of each, and
    # 2**n patterns are counted in the time of 2**(n / 2).
    first = np.sort(_flipped_sums(values[: n_values // 2]))
    second = np.sort(_flipped_sums(values[n_values // 2 :]))
    n_below = int(np.searchsorted(first, reached - second).sum())
    return 1 - n_below / 2**n_values


def _flipped_sums(values):
    """Add the values up under every pattern of signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums - value, sums + value])
    return sums


def compare_signed_ranks(differences):
    """Rank-biserial correlation, and p of Wilcoxon's signed-rank test, two-sided."""
    if not len(differences):
        return np.nan, np.nan
    moved = differences[differences != 0]
    if not len(moved):
        return 0.0, 1.0
    ranks = np.sign(moved) * stats.rankdata(np.abs(moved))
    effect_size = ranks.sum() / np.abs(ranks).sum()
    if len(moved) > MAX_EXACT:
        return effect_size, float(stats.wilcoxon(moved).pvalue)
    # scipy's p is exact without ties, or up to 13 values: Wilcoxon's test is the same flip of
    # signs, of ranks.
    towards = ranks if effect_size > 0 else -ranks
    return effect_size, min(1.0, 2 * sign_flip_p(towards))


def adjust_holm(p):
    """P values of a family after Holm's step-down correction; NaN stays and is not counted."""
    p = np.asarray(p, float)
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN is last
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * p[order]))
    return adjusted
