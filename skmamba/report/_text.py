"""Names of scores and protocols, and the sentences of the reports."""

import math
import re

from .._format import (
    SCORE_NAMES,
    describe_adaptations,
    describe_counts,
    describe_std_seeds,
    format_interval,
    format_number,
    format_p_value,
    join_words,
)

ALPHA = 0.05
FOOTNOTE_SIGN = "†"
FOOTNOTE_MARK = f"\N{NO-BREAK SPACE}{FOOTNOTE_SIGN}"
SCORES = SCORE_NAMES | {"f1": "macro F1"}
PROTOCOLS = {
    "within_subject": "within subject",
    "cross_subject": "cross-subject",
    "cross_session": "cross-session",
    "cross_stimulus": "cross-stimulus",
    "first_trials": "first trials train, later trials test",
    "random_windows": "random windows (leaky)",
}
OUTCOMES = {
    "higher": "{} scored higher.",
    "lower": "{} scored lower.",
    "inconsistent": "{} scored differently, but most subjects not in the direction of the mean.",
    "not significant": "No significant difference from {}.",
    "not tested": "The difference from {} was not tested.",
}
STATISTICS = (
    "Each subject is one observation. Intervals are over subjects: bootstrap (BCa), or Student's "
    "for up to 7 subjects. The chance level is the score of predicting the most frequent class, or "
    "of predicting at random with the class frequencies of training if that scores more, and at "
    "least that of random guessing with equal frequencies; for macro F1 it is 1 divided by the "
    "number of classes; for ratings it is the score of predicting the mean of the training "
    "ratings. Its p-value is from a one-sided sign-flip test, not corrected for the number of "
    "models. Differences are to {}, with the rank-biserial correlation as effect size "
    "(\N{MINUS SIGN}1 to 1) and p from Wilcoxon's signed-rank test, two-sided, Holm-corrected "
    "over models."
)


def name_score(score):
    name = score.removesuffix("_windows")
    return SCORES.get(name, name.replace("_", " ")) + " over windows" * (name != score)


def summarize_comparison(table, score, protocol):
    """Return sentences on the first model, the other models and the validity of the scores."""
    first, *others = table.to_dict("records")
    sentences = [_summarize_first(first, score)]
    for outcome, sentence in OUTCOMES.items():
        names = [
            f"{row['estimator']} ({_format_p(row['p_holm'])})".removesuffix(" ()")
            for row in others
            if row["kind"] == "model" and _classify(row) == outcome
        ]
        if names:
            sentences.append(sentence.format(join_words(names)))
    for row in others:
        name = row["estimator"].removesuffix(FOOTNOTE_MARK)
        if name.startswith("permuted labels") and row["p_chance"] < ALPHA:
            sentences.append(
                f"Trained on permuted labels, the first model reaches {format_number(row['mean'])} "
                f"({_format_p(row['p_chance'])}): check for data leakage."
            )
    if protocol == "random_windows":
        sentences.append(
            "Windows of one trial are in both training and test data, so the scores are no "
            "estimate for new trials, sessions or subjects."
        )
    return " ".join(sentences)


def _summarize_first(row, score):
    if not row["n_subjects"]:
        return f"{row['estimator']} has no {score}: its folds failed or the score is undefined."
    text = f"{row['estimator']}: {score} {format_number(row['mean'])} over {row['n_subjects']} "
    text += "subject" if row["n_subjects"] == 1 else "subjects"
    if not math.isnan(row["low"]):
        text += f" (95\xa0% interval {format_interval(row['low'], row['high'])})"
    if not math.isnan(row["chance"]):
        text += f"; chance level {format_number(row['chance'])}"
    if math.isnan(row["p_chance"]):
        return f"{text}. The score was not tested against chance level."
    text += f", {_format_p(row['p_chance'])}."
    if row["p_chance"] >= ALPHA:
        text += " The score is not significantly above chance level."
    elif row["low"] <= row["chance"]:
        text += " The interval includes the chance level."
    return text


def _classify(row):
    if math.isnan(row["p_holm"]):
        return "not tested"
    if row["p_holm"] >= ALPHA:
        return "not significant"
    # The test is of ranks: a few large gains may outweigh small losses of most subjects.
    if row["difference"] * row["effect_size"] <= 0:
        return "inconsistent"
    return "higher" if row["difference"] > 0 else "lower"


def _format_p(value):
    """Return a p-value for a sentence, without a line break in it; nothing for NaN."""
    if math.isnan(value):
        return ""
    return ("p " if value < 0.001 else "p = ").replace(" ", "\xa0") + format_p_value(value)


def describe_data(rows):
    """Return how the data of the models were read, as one text for all of them if it is equal."""
    rows = rows[(rows["kind"] == "model") & (rows["data"] != "")]
    texts = rows.groupby("data", sort=False)["estimator"].unique()
    if len(texts) == 1:
        return list(texts.index)
    return [f"{join_words(list(names))}: {text}" for text, names in texts.items()]


def write_footnotes(adaptations):
    """Return the footnotes on what estimators use of the test subjects; None: not recorded."""
    if adaptations is None:
        return ["Whether a model uses other data of the test subjects is not recorded."]
    if not adaptations:
        return []
    return [
        f"{FOOTNOTE_SIGN} Adaptation: uses data of the test subjects besides the trial to predict "
        f"({describe_adaptations(adaptations)}). Such scores do not measure strict transfer to "
        "new subjects."
    ]


def describe_sample(table, rows):
    """Return the numbers of subjects and of seeds, and the standard deviation over seeds."""
    by_subject = table.set_index("estimator")["n_subjects"]
    sample = describe_counts(by_subject, "subject")
    if "random_state" in rows and rows["random_state"].notna().any():
        seeds = rows.groupby("estimator", sort=False)["random_state"].nunique(dropna=False)
        sample += f", {describe_counts(seeds, 'seed')}"
    sentences = [f"{sample}."]
    if by_subject.nunique() > 1:
        sentences.append(
            "Subjects with a failed fold or without a score are left out of the mean and of "
            "differences."
        )
    return " ".join([*sentences, describe_std_seeds(table)]).strip()


def describe_calibration(adaptations):
    """Return which labelled trials of the test subjects estimators are trained on, or nothing."""
    labelled = {
        name: ", ".join(use for use in uses.split(", ") if re.search(r"\blabell?ed\b", use))
        for name, uses in adaptations.items()
    }
    return describe_adaptations(labelled)


def shorten(values):
    """Join up to five values; of more, the first two and the last."""
    if len(values) <= 5:
        return ", ".join(map(str, values))
    return f"{values[0]}, {values[1]}, … {values[-1]} ({len(values)} in total)"
