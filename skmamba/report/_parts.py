"""Validation of results, and their division by data set and protocol."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from .._results import NO_SCORES, EvaluationResults, get_scores
from ._text import FOOTNOTE_MARK, PROTOCOLS

TEXTS = ["dataset", "protocol", "transductive", "error", "versions", "held_out"]


@dataclass(frozen=True)
class Part:
    """Results of one data set under one protocol; transductive estimators have a footnote mark."""

    dataset: str
    protocol: str
    rows: pd.DataFrame
    predictions: pd.DataFrame
    by_subject: pd.DataFrame
    transductive: dict[str, str] | None  # use of test trials by estimator; None: not recorded

    @property
    def name(self):
        return ", ".join(filter(None, [self.dataset, PROTOCOLS.get(self.protocol, self.protocol)]))

    @property
    def row_word(self):
        return "window" if self.protocol == "random_windows" else "trial"


def make_parts(results, score, columns):
    """Validate results; return their scores, models first, and one part per protocol."""
    scores, predictions = _concatenate(results)
    _validate_scores(scores, score, columns)
    is_recorded = "transductive" in scores
    scores = scores.sort_values("kind", key=lambda kinds: kinds != "model", kind="stable")
    scores = _fill(scores, TEXTS).astype({"estimator": str}).reset_index(drop=True)
    groups = scores.groupby(["dataset", "protocol"], sort=False)
    return scores, [
        _make_part(dataset, protocol, rows, predictions, score, is_recorded)
        for (dataset, protocol), rows in groups
    ]


def list_scores(table):
    """Return the names of the columns that hold scores."""
    return [name for name in table.select_dtypes("number") if name not in NO_SCORES]


def _concatenate(results):
    """Return all scores and all predictions."""
    several = results if isinstance(results, list | tuple) else [results]
    for each in several:
        if not isinstance(each, EvaluationResults | pd.DataFrame):
            raise ValueError(
                "results must be EvaluationResults, a DataFrame of scores or a sequence of these, "
                f"got {type(each).__name__}."
            )
    scores = [each if isinstance(each, pd.DataFrame) else each.scores for each in several]
    predictions = [each.predictions for each in several if isinstance(each, EvaluationResults)]
    predictions = [table for table in predictions if not table.empty]
    return tuple(
        pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
        for tables in (scores, predictions)
    )


def _validate_scores(scores, score, columns):
    if scores.empty:
        raise ValueError("results must have at least one row, got none.")
    missing = [name for name in columns if name not in scores]
    if missing:
        raise ValueError(
            f"results must have the columns that evaluate returns, missing: {', '.join(missing)}."
        )
    if not (scores["kind"] == "model").any():
        raise ValueError("results must contain a model, got baselines only.")
    if score in scores and scores.loc[scores["kind"] == "model", score].isna().all():
        raise ValueError(
            f"results must contain {score} of a model, but every fold failed or is undefined."
        )


def _fill(table, names):
    """Replace missing texts, such as those read from a CSV file, by empty ones."""
    texts = {name: table.get(name, pd.Series("", table.index)).astype(object) for name in names}
    return table.assign(**{name: text.where(text.notna(), "") for name, text in texts.items()})


def _make_part(dataset, protocol, rows, predictions, score, is_recorded):
    used = rows[rows["transductive"] != ""].groupby("estimator", sort=False)["transductive"]
    transductive = {name: " and ".join(texts.unique()) for name, texts in used}
    rows = _mark(rows, transductive)
    if not predictions.empty:
        predictions = _fill(predictions, ["dataset", "protocol"])
        is_own = (predictions["dataset"] == dataset) & (predictions["protocol"] == protocol)
        predictions = _mark(predictions[is_own], transductive)
    by_subject = _score_subjects(rows, predictions, score)
    transductive = transductive if is_recorded else None
    return Part(dataset, protocol, rows, predictions, by_subject, transductive)


def _mark(table, transductive):
    """Append the footnote mark to the names of transductive estimators."""
    marked = {name: f"{name}{FOOTNOTE_MARK}" for name in transductive}
    return table.assign(estimator=table["estimator"].astype(str).replace(marked))


def _score_subjects(rows, predictions, score):
    """Return scores of single subjects, NaN for subjects of which a fold failed."""
    by_subject = get_scores(EvaluationResults(rows, predictions), score)
    if by_subject["subject"].isna().any():
        raise ValueError(
            f"results must include predictions to compute {score} by subject, because folds test "
            "several subjects: pass the EvaluationResults of evaluate."
        )
    if "error" not in by_subject:
        return by_subject
    keys = [by_subject["estimator"], by_subject["subject"]]
    failed = (by_subject["error"] != "").groupby(keys).transform("any")
    return by_subject.assign(
        **{name: by_subject[name].mask(failed) for name in list_scores(by_subject)}
    )
