"""Tables of the HTML report: DataFrames of text."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from .._format import MISSING, capitalize, format_number, join_words, summarize_gap
from .._results import average_by, has_ratings, list_scores
from ._text import name_score


def tabulate_scores(by_subject):
    """Return the mean over subjects of each score of each estimator."""
    means = {
        capitalize(name_score(name)): average_by(by_subject, "subject", name).mean()
        for name in list_scores(by_subject)
    }
    return pd.DataFrame(means).map(format_number).rename_axis("Estimator").reset_index()


def tabulate_subjects(by_subject, score):
    """Return the score of each subject, one column per estimator; the last row has the means."""
    values = average_by(by_subject, "subject", score)
    values = values.loc[pd.factorize(values.index, sort=True)[1]]  # sorts numbers beside texts
    values = pd.concat([values, values.mean().to_frame("mean").T]).map(format_number)
    return values.rename_axis("Subject").reset_index()


def count_confusions(predictions, models, label_names):
    """Return the confusion matrix of each model."""
    if predictions.empty or has_ratings(predictions):
        return []
    matrices = []
    for name in models:
        rows = predictions[predictions["estimator"] == name]
        labels = np.unique(np.concatenate([rows["y_true"], rows["y_pred"]])).tolist()
        counts = pd.crosstab(rows["y_true"], rows["y_pred"])
        counts = counts.reindex(index=labels, columns=labels, fill_value=0).to_numpy().tolist()
        names = [label_names.get(label, label) for label in labels]
        matrices.append({"estimator": name, "labels": names, "counts": counts})
    return matrices


def tabulate_folds(rows):
    first = rows[rows["estimator"] == rows["estimator"].iloc[0]]  # the same for all, if in one call
    folds = first[["fold", "held_out", "n_train", "n_test"]].drop_duplicates()  # of several seeds
    return folds.set_axis(["Fold", "Held out", "Trained on", "Tested on"], axis=1)


def tabulate_times(rows):
    rows = rows.assign(seconds=rows["fit_seconds"] + rows["predict_seconds"])
    times = rows.groupby("estimator", sort=False)
    means = times[["fit_seconds", "predict_seconds"]].mean().map(format_number)
    means.columns = ["Fit, s per fold", "Predict, s per fold"]
    means.insert(0, "Folds", times.size())
    means["All folds, s"] = times["seconds"].sum().map(format_number)
    return means.rename_axis("Estimator").reset_index()


def list_missing(rows, by_subject, score):
    """Return the folds without a score by estimator and error; "" is an undefined score."""
    n_folds = rows["estimator"].value_counts()
    is_missing = rows["error"] != ""
    if "fold" in by_subject:  # else predictions of several folds are scored together
        is_missing |= rows[score].isna()
    missing = rows[is_missing]
    folds = missing.groupby(["estimator", "error"], sort=False)["held_out"].agg(list)
    return [
        {"estimator": name, "error": error, "held_out": held_out, "n_folds": n_folds[name]}
        for (name, error), held_out in folds.items()
    ]


def describe_leakage(leakage):
    """Return heading, text and table of each table of ``leakage_report`` or ``leakage_gap``."""
    if leakage is None or isinstance(leakage, pd.DataFrame):
        leakage = [leakage]
    tables = leakage.items() if isinstance(leakage, Mapping) else [("", each) for each in leakage]
    return [_describe(heading, table) for heading, table in tables if table is not None]


def _describe(heading, table):
    columns = list(table.columns) if isinstance(table, pd.DataFrame) else []
    if {"kind", "verdict", "test_share"} <= set(columns):
        heading, gap = heading or "Shared by training and test data", None
        text, cells = _summarize_report(table), _tabulate_report(table)
    elif {"split", "labels", "inflation"} <= set(columns):
        heading, gap = heading or "Effect of the split on the score", table
        text, cells = summarize_gap(table), _tabulate_gap(table)
    else:
        raise ValueError(
            "leakage must be a table of leakage_report or leakage_gap, or several of these, got "
            f"{type(table).__name__}{f' with columns {columns}' if columns else ''}."
        )
    is_warning = gap is None and table["verdict"].str.match("leak$|predicted").any()
    return {"heading": heading, "text": text, "is_warning": is_warning, "table": cells, "gap": gap}


def _summarize_report(report):
    leaks = [
        f"{row.kind} ({100 * row.test_share:.0f}\xa0% of the test rows)"
        for row in report[report["verdict"] == "leak"].itertuples()
        if row.kind != "reference"
    ]
    late = report[(report["kind"] == "reference") & (report["verdict"] == "leak")]
    text = f"Training and test data share {join_words(leaks)}." if leaks else ""
    for share in late["test_share"]:
        text += f" References of trials leak ({100 * share:.0f}\xa0% of the test rows): they were "
        text += "recorded after or in test trials."
    text = text.strip() or "No leakage found."
    predicted = [
        f"{row.kind.removeprefix('label ')} with {row.verdict.removeprefix('predicted: ')}"
        for row in report[report["verdict"].str.startswith("predicted")].itertuples()
    ]
    if predicted:
        text += f" Labels are predicted without the time course of the EEG {join_words(predicted)}."
    unknown = report.loc[report["verdict"].str.startswith("unknown"), "kind"].tolist()
    return f"{text} Unknown: {join_words(unknown)}." if unknown else text


def _tabulate_report(report):
    shares = 100 * report["test_share"].astype(float)
    columns = {
        "Kind": report["kind"].map(capitalize),
        "Verdict": report["verdict"],
        "Folds": [
            MISSING if pd.isna(row.n_folds_shared) else f"{row.n_folds_shared:.0f} of {row.n_folds}"
            for row in report.itertuples()
        ],
        "Test rows, %": shares.map(partial(format_number, decimals=0)),
        "Example": report["example"].replace("", MISSING).fillna(MISSING),
    }
    return pd.DataFrame(columns)


def _tabulate_gap(gap):
    true = gap[gap["labels"] == "true"].set_index("split")
    permuted = gap[gap["labels"] == "permuted"].set_index("split").reindex(true.index)
    columns = {
        "Split by": true.index.map(capitalize),
        "Score": true["mean"].map(format_number),
        "SD over folds": true["std"].map(format_number),
        "Inflation, points": true["inflation"].map(partial(format_number, decimals=0, sign=True)),
        "Score, labels permuted": permuted["mean"].map(format_number),
        "SD, labels permuted": permuted["std"].map(format_number),
        "Training windows": true["n_train"].round().astype(int),
        "Test windows": true["n_test"].round().astype(int),
    }
    return pd.DataFrame(columns)
