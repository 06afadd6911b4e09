"""The comparison of models as text, for the page and for the manuscript."""

import pandas as pd

from ._words import NOTHING, number, p_value, signed

STATISTICS = (
    "A subject is one observation. Intervals are bootstrapped over subjects (BCa). "
    "Chance is the score of always answering the most frequent class, or of guessing each class "
    "as often as in training where that scores more; p against chance is one-sided, by flipping "
    "the signs of subjects' differences from it, and not corrected for the number of models. "
    "Difference is to {}, with the rank-biserial correlation as effect size "
    "(\N{MINUS SIGN}1 to 1) and p from Wilcoxon's signed-rank test, two-sided, "
    "Holm-corrected over models."
)


def describe_models(table):
    """Rows of what compare returns, as text."""
    reference = table["estimator"].iloc[0]
    return [
        {
            "estimator": row.estimator,
            "kind": row.kind,
            "is_reference": row.estimator == reference,
            "n_subjects": str(row.n_subjects),
            "mean": number(row.mean_score),
            "interval": _interval(row.low, row.high),
            "chance": number(row.chance),
            "p_chance": p_value(row.p_chance),
            "difference": signed(row.difference) if row.estimator != reference else NOTHING,
            "effect_size": signed(row.effect_size) if row.estimator != reference else NOTHING,
            "p_holm": p_value(row.p_holm) if row.estimator != reference else NOTHING,
        }
        for row in table.rename(columns={"mean": "mean_score"}).itertuples()
    ]


def _interval(low, high):
    return NOTHING if pd.isna(low) else f"{number(low)} to {number(high)}"
