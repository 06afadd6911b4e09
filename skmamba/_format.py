"""Text of numbers, lists and comparison tables for reports and the command line."""

import re

import pandas as pd

MARK = "Written by skmamba."  # in files that may be overwritten
# Characters that XML and TeX do not allow, and how they are shown.
CONTROL = {
    code: f"\\x{code:02x}"
    for code in (*range(9), 11, 12, *range(14, 32), *range(127, 160), 0xFFFE, 0xFFFF)
}
LABEL_FROM = "label from "  # kinds of ``leakage_report`` that are about labels
MISSING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
# What a model uses of the test subjects, besides the trial to predict.
USES = {
    "reference": "unlabelled EEG of each subject recorded before the trials",
    "causal": "trials of each subject up to the predicted one, without labels",
    "unlabelled": "all test trials, without labels",
}
LABELLED = re.compile(r"(\d+) labelled trials? per class")
SCORE_NAMES = {
    **{"f1": "F1", "kappa": "Cohen's kappa", "roc_auc": "ROC AUC", "r2": "R²", "ccc": "CCC"},
    "neg_mean_absolute_error": "negative mean absolute error",
}


def format_number(value, decimals=2, *, sign=False):
    """Round a number; ``sign`` adds a plus to positive numbers, zero has no sign."""
    if pd.isna(value):
        return MISSING
    text = f"{value:z.{decimals}f}"
    return "+" * (sign and float(text) > 0) + text.replace("-", MINUS)


def format_p_value(value):
    """Round to three decimals, or return the bound below 0.001."""
    if pd.isna(value):
        return MISSING
    return "<\xa00.001" if value < 0.001 else f"{value:.3f}"


def format_interval(low, high):
    return MISSING if pd.isna(low) else f"{format_number(low)} to {format_number(high)}"


def format_comparison(table):
    """Return the rows of a table of ``compare`` as dicts of text."""
    return [
        {
            "estimator": row["estimator"],
            "kind": row["kind"],
            "n_subjects": str(row["n_subjects"]),
            "mean": format_number(row["mean"]),
            "interval": format_interval(row["low"], row["high"]),
            "chance": format_number(row["chance"]),
            "p_chance": format_p_value(row["p_chance"]),
            "difference": format_number(row["difference"], sign=True),
            "effect_size": format_number(row["effect_size"], sign=True),
            "p_holm": format_p_value(row["p_holm"]),
        }
        for row in table.to_dict("records")
    ]


def describe_counts(counts, noun):
    """Return a count by estimator in words, such as "9 subjects (F: 8)" if only F has fewer."""
    most = counts.max()
    fewer = [f"{name}: {count}" for name, count in counts[counts < most].items()]
    return f"{most} {noun}{'' if most == 1 else 's'}" + (f" ({', '.join(fewer)})" if fewer else "")


def describe_std_seeds(table):
    """Return the standard deviations over seeds in a table of ``compare`` in words, or nothing."""
    known = table[table["std_seeds"].notna() & (table["kind"] == "model")]
    each = [f"{row.estimator} {format_number(row.std_seeds, 3)}" for row in known.itertuples()]
    return f"Standard deviation of the mean over seeds: {', '.join(each)}." if each else ""


def describe_adaptations(adaptations):
    """Return in words what estimators use of the test subjects; nothing for ``""``."""
    names: dict[str, list[str]] = {}
    for name, adaptation in adaptations.items():
        if adaptation:
            names.setdefault(adaptation, []).append(str(name))
    return "; ".join(
        f"{join_words(own)}: {join_words([_describe_use(use) for use in adaptation.split(', ')])}"
        for adaptation, own in names.items()
    )


def _describe_use(use):
    kind, _, n_trials = use.partition("=")
    if kind == "calibration":
        return f"the first {n_trials} trials of each subject, without labels"
    if labelled := LABELLED.fullmatch(use):
        first = "trial" if labelled[1] == "1" else f"{labelled[1]} trials"
        return f"the first {first} of each class of each subject, with labels"
    return USES.get(use, use)


def summarize_gap(gap):
    """Return one or two sentences on a table of ``leakage_gap``."""
    means = {labels: rows.set_index("split")["mean"] for labels, rows in gap.groupby("labels")}
    true, permuted = means["true"].map(format_number), means.get("permuted", {})
    first, last = true.index[[0, -1]]
    text = (
        f"The same model scores {true[first]} when split by {first} and {true[last]} when split "
        f"by {last}."
    )
    if first not in permuted:
        return text
    shared = [format_number(permuted[split]) for split in (first, last) if split in permuted]
    return (
        f"{text} With labels permuted by trial, it scores {' and '.join(shared)}: permuted labels "
        "carry no information, so a score above chance level shows that trials are recognised."
    )


def join_words(words):
    """Join words as in a sentence: ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def capitalize(text):
    """Return the text with a capital first letter and the rest unchanged."""
    return text[:1].upper() + text[1:]
