"""What came out, in a few plain sentences."""

import numpy as np

from ._daggers import unmarked
from ._words import listed, number, p_words

ALPHA = 0.05
# The test is of ranks: a few large gains may outweigh small losses of nearly everybody.
BOTH_WAYS = "{} scored differently{}, but higher or lower by the mean is not so in most subjects."


def tell_finding(table, score, protocol):
    """Sentences on a comparison: the first model, chance, the others, what to beware of."""
    first = table.iloc[0]
    sentences = [
        _first_score(first, score),
        _against_chance(first),
        *_against_others(table.iloc[1:]),
        _about_permuted(table),
    ]
    if protocol == "random_windows":
        sentences.append(
            "Windows of one trial were both trained on and tested, so these numbers are no "
            "estimate for new trials, sessions or people."
        )
    return " ".join(filter(None, sentences))


def _first_score(row, score):
    if not row["n_subjects"]:
        return f"{row['estimator']} has no {score}: its folds failed, or left it undefined."
    told = (
        f"{row['estimator']}: {score} {number(row['mean'])} over {row['n_subjects']} "
        f"subject{'s' if row['n_subjects'] != 1 else ''}"
    )
    if np.isfinite(row["low"]):
        told += f" (95\xa0% interval {number(row['low'])} to {number(row['high'])})"
    if np.isfinite(row["chance"]):
        told += f"; chance {number(row['chance'])}"
    return told + (f", {p_words(row['p_chance'])}." if np.isfinite(row["p_chance"]) else ".")


def _against_chance(row):
    if not np.isfinite(row["p_chance"]):
        return "Whether this is better than chance was not tested." if row["n_subjects"] else ""
    if row["p_chance"] >= ALPHA:
        return "That it is better than chance could not be shown."
    return "The interval includes chance." if row["low"] <= row["chance"] else ""


def _against_others(rows):
    """Yield how the other models compare with the first."""
    rows = rows[rows["kind"] == "model"]
    sure = rows["p_holm"] < ALPHA
    up, down = rows["difference"] > 0, rows["difference"] < 0
    ranks_up, ranks_down = rows["effect_size"] > 0, rows["effect_size"] < 0
    for fits, sentence, join in (
        (sure & up & ranks_up, "{} scored higher{}.", "and"),
        (sure & down & ranks_down, "{} scored lower{}.", "and"),
        (sure & ~(up & ranks_up) & ~(down & ranks_down), BOTH_WAYS, "and"),
        (rows["p_holm"] >= ALPHA, "No difference from {} could be shown{}.", "or"),
        (rows["p_holm"].isna(), "The difference from {} was not tested{}.", "or"),
    ):
        found = rows[fits]
        told = [f" ({p_words(p)})" if np.isfinite(p) else "" for p in found["p_holm"]]
        if len(found) == 1:
            yield sentence.format(found["estimator"].iloc[0], told[0])
        elif len(found):
            named = [name + p for name, p in zip(found["estimator"], told, strict=True)]
            yield sentence.format(listed(named, join), "")


def _about_permuted(table):
    """Warn where a model did well on labels that say nothing."""
    for row in table.to_dict("records"):
        if unmarked(row["estimator"]) == "permuted labels" and row["p_chance"] < ALPHA:
            return (
                f"Trained on shuffled labels it still reached {number(row['mean'])} "
                f"({p_words(row['p_chance'])}): look for a leak before believing the rest."
            )
    return ""
