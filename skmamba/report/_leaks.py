"""What training and test data share, and what that does to a score."""

from collections.abc import Mapping

import pandas as pd

from ..plots import LeakageDisplay
from ._embedded import draw_picture
from ._words import NOTHING, capital, listed, number, signed

SPLITS = {
    "random windows": "the trials trained on",
    "trials": "new trials of the same people",
    "stimuli": "new stimuli, the same people",
    "subjects": "new people",
}


def describe_leakage(leakage):
    """All that the page says about what leakage_report and leakage_gap found, one after another."""
    if leakage is None:
        return []
    if isinstance(leakage, pd.DataFrame):
        leakage = [leakage]
    if not isinstance(leakage, Mapping):
        leakage = [("", frame) for frame in leakage]
    else:
        leakage = leakage.items()
    return [_describe_leak(heading, frame) for heading, frame in leakage if frame is not None]


def _describe_leak(heading, frame):
    """Tell reports and gaps by their columns."""
    columns = frame.columns if isinstance(frame, pd.DataFrame) else ()
    if {"kind", "verdict", "test_share"} <= set(columns):
        return {"heading": heading or "What training and test share"} | _describe_shared(frame)
    if {"split", "labels", "inflation"} <= set(columns):
        return {"heading": heading or "What sharing does to a score"} | _describe_gap(frame)
    raise ValueError(
        "leakage must be what leakage_report or leakage_gap returned, or several of these, got "
        f"{type(frame).__name__}{f' with columns {list(columns)}' if len(columns) else ''}."
    )


def _describe_shared(report):
    """Put what leakage_report found into a sentence and a table."""
    return {
        "told": _tell_shared(report),
        "warns": bool((report["verdict"] == "leak").any()),
        "head": ["Shared", "Verdict", "Folds", "Test rows, %", "Example"],
        "texts": [0, 1, 4],
        "rows": [_shared_cells(row) for row in report.to_dict("records")],
        "picture": None,
    }


def _tell_shared(report):
    leaks = [
        f"{row['kind']} ({100 * row['test_share']:.0f}\xa0% of the test rows)"
        for row in report[report["verdict"] == "leak"].to_dict("records")
    ]
    unknown = report.loc[report["verdict"].str.startswith("unknown"), "kind"].tolist()
    told = (
        f"Both sides share what must be kept apart: {listed(leaks)}."
        if leaks
        else "Nothing was found on both sides that would tell the answers."
    )
    return told + (f" Not known for: {listed(unknown)}." if unknown else "")


def _shared_cells(row):
    folds = f"{row['n_folds_shared']} of {row['n_folds']}"
    return [
        capital(row["kind"]),
        row["verdict"],
        NOTHING if pd.isna(row["n_folds_shared"]) else folds,
        NOTHING if pd.isna(row["test_share"]) else f"{100 * row['test_share']:.0f}",
        row["example"] or NOTHING,
    ]


def _describe_gap(gap):
    """Put what leakage_gap measured into a sentence, a table and a picture."""
    true, permuted = (
        gap[gap["labels"] == labels].set_index("split") for labels in ("true", "permuted")
    )
    score = gap.attrs.get("score", "score")  # a file does not keep it
    return {
        "told": _tell_gap(true, permuted),
        "warns": False,
        "head": [
            *("Split by", "Test windows come from", "Score", "SD over folds"),
            *("Inflation, points", "Score, labels permuted", "SD over folds"),
            "Windows trained / tested",
        ],
        "texts": [0, 1],
        "rows": _gap_rows(true, permuted.reindex(true.index)),
        "picture": draw_picture(
            lambda ax: LeakageDisplay.from_gap(gap, score=score, ax=ax), size=(7.6, 3.2)
        ),
    }


def _tell_gap(true, permuted):
    first, last = true.iloc[0], true.iloc[-1]
    told = (
        f"The same model scores {number(first['mean'])} when split by {first.name}, and "
        f"{number(last['mean'])} when split by {last.name}."
    )
    if first.name not in permuted.index:
        return told
    told += (
        " With labels dealt out anew among trials, which then mean nothing, it scores "
        f"{number(permuted.loc[first.name, 'mean'])}"
    )
    if last.name in permuted.index:
        told += f" and {number(permuted.loc[last.name, 'mean'])}"
    return f"{told}."


def _gap_rows(true, permuted):
    return [
        [
            capital(split),
            SPLITS.get(split, NOTHING),
            number(row["mean"]),
            number(row["std"]),
            signed(row["inflation"], decimals=0),
            number(permuted.loc[split, "mean"]),
            number(permuted.loc[split, "std"]),
            f"{row['n_train']:.0f} / {row['n_test']:.0f}",
        ]
        for split, row in true.iterrows()
    ]
