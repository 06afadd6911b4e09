"""One data set under one protocol at a time, each subject scored by itself."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ..evaluation import score_by_subject
from ._checks import filled, score_columns
from ._daggers import find_ways, mark
from ._names import PROTOCOLS, SCORES


@dataclass(frozen=True)
class Part:
    """What there is of one data set under one protocol; estimators bear their daggers."""

    rows: pd.DataFrame
    predictions: pd.DataFrame | None
    scored: pd.DataFrame
    ways: dict[str, str]

    @property
    def dataset(self):
        return self.rows["dataset"].iloc[0]

    @property
    def protocol(self):
        return self.rows["protocol"].iloc[0]

    @property
    def name(self):
        words = PROTOCOLS.get(self.protocol, (self.protocol,))[0]
        return ", ".join(filter(None, [self.dataset, words]))

    @property
    def row_word(self):
        """What a row of the predictions is."""
        return "window" if self.protocol == "random_windows" else "trial"


def split_into_parts(results, predictions, score):
    """Parts of checked results, in the order they come in."""
    by_part = results.groupby(["dataset", "protocol"], sort=False)
    return [_make_part(rows, _rows_alike(predictions, rows), score) for _, rows in by_part]


def _rows_alike(predictions, rows):
    """Predictions of the same data set and protocol, or None."""
    if predictions is None:
        return None
    first = rows.iloc[0]
    keys = ["dataset", "protocol"]
    predictions = predictions.assign(**{key: filled(predictions[key]) for key in keys})
    alike = predictions[(predictions[keys] == first[keys]).all(axis=1)]
    return None if alike.empty else alike


def _make_part(rows, predictions, score):
    ways = find_ways(rows)
    rows = mark(rows, ways)
    if predictions is not None:
        predictions = mark(predictions, ways)
    return Part(rows, predictions, scored_by_subject(rows, predictions, score), ways)


def scored_by_subject(part, predictions, score):
    """Scores of one subject a row; none where some of what a subject is owed failed."""
    if part["subject"].notna().all():
        failed = (part["error"] != "").groupby([part["estimator"], part["subject"]])
        return _without_scores(part, failed.transform("any"))
    if predictions is None:
        raise ValueError(
            "results have folds that test several subjects; to score each subject by itself, "
            "give predictions= of evaluate(..., return_predictions=True)."
        )
    scored = score_by_subject(predictions, *([] if score in SCORES else [[score]]))
    keys = ["dataset", "protocol", "estimator", "kind"]
    # A failed fold leaves no predictions, and an estimator of which all failed not even its name.
    grid = part[keys].drop_duplicates().merge(scored[["subject"]].drop_duplicates(), how="cross")
    scored = grid.merge(scored, how="left", on=[*keys, "subject"]).fillna({"n_test": 0})
    owed = scored.groupby("subject")["n_test"].transform("max")
    return _without_scores(scored, scored["n_test"] < owed)


def _without_scores(scored, rows):
    columns = score_columns(scored)
    return scored.assign(**{column: scored[column].mask(rows) for column in columns})
