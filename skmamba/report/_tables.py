"""Tables of the HTML report: DataFrames of text."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from .._format import MISSING, capitalize, format_number, join_words, summarize_gap
from ._parts import list_scores
from ._text import name_score, shorten

# Scores


def tabulate_scores(by_subject):
    """Return the mean over subjects of each score of each estimator."""
    columns = list_scores(by_subject)
    means = by_subject.groupby(["estimator", "subject"], sort=False)[columns].mean()
    means = means.groupby(level=0, sort=False).mean().map(format_number)
    means = means.rename(columns=lambda name: capitalize(name_score(name)))
    return means.rename_axis("Estimator").reset_index()


def tabulate_subjects(by_subject, score):
    """Return the score of each subject, one column per estimator; the last row has the means."""
    values = by_subject.pivot_table(
        index="subject", columns="estimator", values=score, sort=False, dropna=False
    )
    values = values[list(by_subject["estimator"].unique())]
    values = values.loc[pd.factorize(values.index, sort=True)[1]]  # sorts numbers beside texts
    values = pd.concat([values, values.mean().to_frame("mean").T]).map(format_number)
    return values.rename_axis("Subject").reset_index()


def count_confusions(predictions, models, label_names):
    """Return a confusion matrix per model: counts, and proportions of the true class."""
    if predictions.empty:
        return []
    matrices = []
    for name in models:
        rows = predictions[predictions["estimator"] == name]
        labels = np.unique(np.concatenate([rows["y_true"], rows["y_pred"]])).tolist()
        counts = pd.crosstab(rows["y_true"], rows["y_pred"])
        counts = counts.reindex(index=labels, columns=labels, fill_value=0).to_numpy()
        matrices.append(
            {
                "estimator": name,
                "labels": [label_names.get(label, label) for label in labels],
                "counts": counts.tolist(),
                "shares": (counts / np.maximum(counts.sum(1, keepdims=True), 1)).tolist(),
            }
        )
    return matrices


# Folds


def tabulate_folds(rows):
    """Return the folds, which are the same for all estimators."""
    first = rows[rows["estimator"] == rows["estimator"].iloc[0]]
    folds = first[["fold", "held_out", "n_train", "n_test"]]
    return folds.set_axis(["Fold", "Held out", "Trained on", "Tested on"], axis=1)


def tabulate_times(rows):
    """Return the seconds of each estimator."""
    rows = rows.assign(seconds=rows["fit_seconds"] + rows["predict_seconds"])
    times = rows.groupby("estimator", sort=False)
    means = times[["fit_seconds", "predict_seconds"]].mean().map(format_number)
    means.columns = ["Fit, s per fold", "Predict, s per fold"]
    means.insert(0, "Folds", times.size())
    means["All folds, s"] = times["seconds"].sum().map(format_number)
    return means.rename_axis("Estimator").reset_index()


def list_failures(rows):
    """Return one dict per estimator and error message."""
    n_folds = rows["estimator"].value_counts()
    failed = rows[rows["error"] != ""].groupby(["estimator", "error"], sort=False)["held_out"]
    return [
        {
            "where": f"{name}, {len(folds)} of {n_folds[name]} folds: {shorten(folds.tolist())}",
            "error": error,
        }
        for (name, error), folds in failed
    ]


def list_undefined(rows, score):
    """Return the number of folds without an error and without a score, by estimator."""
    n_folds = rows["estimator"].value_counts()
    undefined = rows[(rows["error"] == "") & rows[score].isna()]
    counts = undefined.groupby("estimator", sort=False).size()
    return [f"{name}: {count} of {n_folds[name]} folds" for name, count in counts.items()]


# Data leakage


def describe_leakage(leakage):
    """Return heading, text and table of each table of ``leakage_report`` or ``leakage_gap``."""
    if leakage is None or isinstance(leakage, pd.DataFrame):
        leakage = [leakage]
    tables = leakage.items() if isinstance(leakage, Mapping) else [("", each) for each in leakage]
    return [_describe(heading, table) for heading, table in tables if table is not None]


def _describe(heading, table):
    columns = list(table.columns) if isinstance(table, pd.DataFrame) else []
    if {"kind", "verdict", "test_share"} <= set(columns):
        section = _describe_report(table)
    elif {"split", "labels", "inflation"} <= set(columns):
        section = _describe_gap(table)
    else:
        raise ValueError(
            "leakage must be a table of leakage_report or leakage_gap, or several of these, got "
            f"{type(table).__name__}{f' with columns {columns}' if columns else ''}."
        )
    return section | ({"heading": heading} if heading else {})


def _describe_report(report):
    is_leak, is_unknown = report["verdict"] == "leak", report["verdict"].str.startswith("unknown")
    shares = 100 * report["test_share"].astype(float)
    leaks = [
        f"{kind} ({share:.0f}\xa0% of the test rows)"
        for kind, share in zip(report.loc[is_leak, "kind"], shares[is_leak], strict=True)
    ]
    text = f"Training and test data share {join_words(leaks)}." if leaks else "No leakage found."
    if is_unknown.any():
        text += f" Unknown: {join_words(report.loc[is_unknown, 'kind'].tolist())}."
    n_shared = report["n_folds_shared"].astype(float).map(partial(format_number, decimals=0))
    table = {
        "Shared": report["kind"].map(capitalize),
        "Verdict": report["verdict"],
        "Folds": n_shared.where(
            n_shared == MISSING, n_shared + " of " + report["n_folds"].map(str)
        ),
        "Test rows, %": shares.map(partial(format_number, decimals=0)),
        "Example": report["example"].replace("", MISSING).fillna(MISSING),
    }
    return {
        "heading": "Shared by training and test data",
        "text": text,
        "is_warning": bool(leaks),
        "table": pd.DataFrame(table),
        "gap": None,
    }


def _describe_gap(gap):
    true, permuted = (
        gap[gap["labels"] == labels].set_index("split") for labels in ("true", "permuted")
    )
    permuted = permuted.reindex(true.index)
    table = {
        "Split by": true.index.map(capitalize),
        "Score": true["mean"].map(format_number),
        "SD over folds": true["std"].map(format_number),
        "Inflation, points": true["inflation"].map(partial(format_number, decimals=0, sign=True)),
        "Score, labels permuted": permuted["mean"].map(format_number),
        "SD, labels permuted": permuted["std"].map(format_number),
        "Training windows": true["n_train"].round().astype(int),
        "Test windows": true["n_test"].round().astype(int),
    }
    return {
        "heading": "Effect of the split on the score",
        "text": summarize_gap(gap),
        "is_warning": False,
        "table": pd.DataFrame(table),
        "gap": gap,
    }
