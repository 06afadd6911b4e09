"""Validation of results, and their division by data set and protocol."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from .._results import EvaluationResults, check_has_subjects, check_table, get_scores
from ..evaluation import compare
from ._text import FOOTNOTE_MARK, PROTOCOLS, describe_data

CHANCE = ("majority", "stratified", "mean")  # compare finds them by name
TEXTS = ["dataset", "protocol", "adaptation", "data", "error", "versions", "held_out"]


@dataclass(frozen=True)
class Part:
    """Results of one data set under one protocol; adapted estimators have a footnote mark."""

    dataset: str
    protocol: str
    rows: pd.DataFrame
    predictions: pd.DataFrame
    by_subject: pd.DataFrame
    comparison: pd.DataFrame
    data: list[str]  # how the data of the models were read
    adaptations: dict[str, str] | None  # by estimator; None: not recorded

    @property
    def name(self):
        return ", ".join(filter(None, [self.dataset, PROTOCOLS.get(self.protocol, self.protocol)]))


def make_parts(results, score, columns):
    """Validate results; return their scores, models first, and one part per protocol."""
    results = _concatenate(results)
    check_table("results", results.scores, columns, "evaluate")
    if not (results.scores["kind"] == "model").any():
        raise ValueError("results must contain a model, got baselines only.")
    is_recorded = "adaptation" in results.scores
    scores = _fill(results.scores, TEXTS)
    scores = scores.sort_values(
        "kind", key=lambda kinds: kinds != "model", kind="stable", ignore_index=True
    )
    predictions = _fill(results.predictions, ["dataset", "protocol", "estimator"])
    groups = scores.groupby(["dataset", "protocol"], sort=False)
    parts = [
        _make_part(dataset, protocol, rows, predictions, score, is_recorded)
        for (dataset, protocol), rows in groups
    ]
    if all(part.comparison.query("kind == 'model'")["mean"].isna().all() for part in parts):
        raise ValueError(
            f"results must contain {score} of a model, but every fold failed or is undefined."
        )
    return scores, parts


def _concatenate(results):
    parts = []
    for each in results if isinstance(results, list | tuple) else [results]:
        if isinstance(each, pd.DataFrame):
            each = EvaluationResults(each, pd.DataFrame())
        if not isinstance(each, EvaluationResults):
            raise ValueError(
                "results must be EvaluationResults, a DataFrame of scores or a sequence of these, "
                f"got {type(each).__name__}."
            )
        parts.append(each)
    if all(each.scores.empty for each in parts):
        raise ValueError("results must have at least one row, got none.")
    return EvaluationResults.concatenate(parts)


def _fill(table, names):
    """Replace missing texts, such as those read from a CSV file, by empty ones."""
    texts = {name: table.get(name, pd.Series("", table.index)).astype(object) for name in names}
    texts = {name: text.where(text.notna(), "") for name, text in texts.items()}
    return table.assign(**texts).astype({"estimator": str})


def _make_part(dataset, protocol, rows, predictions, score, is_recorded):
    used = rows[rows["adaptation"] != ""].groupby("estimator", sort=False)["adaptation"]
    adaptations = used.first().to_dict()
    is_own = (predictions["dataset"] == dataset) & (predictions["protocol"] == protocol)
    marked = {name: f"{name}{FOOTNOTE_MARK}" for name in adaptations if name not in CHANCE}
    rows, predictions = (
        table.assign(estimator=table["estimator"].replace(marked))
        for table in (rows, predictions[is_own])
    )
    results = EvaluationResults(rows, predictions)
    by_subject = get_scores(results, score, with_defaults=True)
    check_has_subjects(results, by_subject, score)
    comparison = compare(by_subject, score, random_state=0)
    adaptations = adaptations if is_recorded else None
    tables = rows, predictions, by_subject, comparison
    return Part(dataset, protocol, *tables, describe_data(rows), adaptations)
