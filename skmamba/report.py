"""Results as others get to see them: a page to send, a table for the manuscript."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from ._types import StrPath
from .evaluation import compare, score_by_subject
from .plots import LeakageDisplay, ScoresDisplay

__all__ = ["to_latex", "write_report"]

ALPHA = 0.05
FOLDED_FROM = 13  # rows from which on a table is folded away
NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
DAGGER = "†"
MARK = f"\N{NO-BREAK SPACE}{DAGGER}"

# What evaluate writes beside the scores.
COMPARED = ["estimator", "kind", "subject"]
FACTS = [
    *("dataset", "protocol", "estimator", "kind", "fold", "held_out", "subject", "n_train"),
    *("n_test", "transductive", "fit_seconds", "predict_seconds", "seed", "error", "versions"),
]

SCORES = {
    "accuracy": ("accuracy", "the share of trials answered rightly"),
    "balanced_accuracy": (
        "balanced accuracy",
        "the share of trials answered rightly, taken in each class and averaged over classes",
    ),
    "kappa": ("Cohen's kappa", "agreement beyond chance, where 0 is chance and 1 is perfect"),
    "f1": ("macro F1", "harmonic mean of precision and recall, averaged over classes"),
    "roc_auc": ("ROC AUC", "how often a trial of a class ranks above one of another class"),
}
PROTOCOLS = {
    "within_subject": (
        "within subject",
        "Training and test trials come from the same person. Nothing is said about new people.",
    ),
    "cross_subject": (
        "cross-subject",
        "The people tested are new to the model: it was trained on none of their trials.",
    ),
    "cross_session": (
        "cross-session",
        "The sessions tested are new to the model, the people are not: it was trained on their "
        "other sessions.",
    ),
    "cross_stimulus": (
        "cross-stimulus",
        "The stimuli tested are new to the model, the people are not: it was trained on what "
        "other stimuli did to them.",
    ),
    "first_trials": (
        "first trials train, later trials test",
        "The first trials of each person and session were trained on, the later ones tested. "
        "Nothing is said about new people.",
    ),
    "random_windows": (
        "random windows (leaky)",
        "Windows were shuffled before they were split, so that windows of one trial were both "
        "trained on and tested.",
    ),
}
BASELINES = {
    "majority": "always answers the most frequent class of its training trials",
    "stratified": "answers at random, each class as often as in training",
    "permuted labels": "the first model, trained on shuffled labels that leave nothing to learn",
}
TRANSDUCTIVE = {
    "unlabelled": "all of them, without labels",
    "calibration": "the first {} of each, without labels",
}
# The test is of ranks: a few large gains may outweigh small losses of nearly everybody.
BOTH_WAYS = "{} scored differently{}, but higher or lower by the mean is not so in most subjects."
SPLITS = {
    "random windows": "the trials trained on",
    "trials": "new trials of the same people",
    "stimuli": "new stimuli, the same people",
    "subjects": "new people",
}
STATISTICS = (
    "A subject is one observation. Intervals are bootstrapped over subjects (BCa). "
    "Chance is the score of always answering the most frequent class, or of guessing each class "
    "as often as in training where that scores more; p against chance is one-sided, by flipping "
    "the signs of subjects' differences from it, and not corrected for the number of models. "
    "Difference is to {}, with the rank-biserial correlation as effect size "
    "(\N{MINUS SIGN}1 to 1) and p from Wilcoxon's signed-rank test, two-sided, "
    "Holm-corrected over models."
)


def write_report(
    results: pd.DataFrame,
    path: StrPath,
    *,
    predictions: pd.DataFrame | None = None,
    leakage: pd.DataFrame | Mapping[str, pd.DataFrame] | Sequence[pd.DataFrame] | None = None,
    score: str = "balanced_accuracy",
    label_names: Mapping[Any, str] | None = None,
    title: str | None = None,
) -> Path:
    """Write results as one web page that needs nothing else.

    Made to be sent to a co-author or to become a supplement: pictures and numbers are inside the
    file, it loads nothing from elsewhere, runs no scripts and prints well. The same results give
    the same page. For the table alone, in a manuscript, see :func:`to_latex`.

    Parameters
    ----------
    results : DataFrame
        What :func:`evaluate` returns. Rows of several data sets or protocols may stand in it:
        each gets its own part of the page.
    path : str or Path
        Where the page goes, such as ``"report.html"``. A file that is there is replaced, once
        the new one is complete.
    predictions : DataFrame, default=None
        What :func:`evaluate` returns with ``return_predictions=True``. Gives confusion matrices,
        and is needed where a fold tests several subjects, to score each by itself.
    leakage : DataFrame, dict or sequence of DataFrame, default=None
        What :func:`leakage_report` or :func:`leakage_gap` returned, or both; the keys of a dict
        become headings. Without it, the page says that this was not looked at.
    score : str, default="balanced_accuracy"
        What models are compared by; a column of ``results``.
    label_names : dict, default=None
        What labels stand for, such as ``trials.label_names``; for confusion matrices.
    title : str, default=None
        Heading of the page; without it, data set and protocol.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    FileNotFoundError
        If the folder is not there.
    ValueError
        If results are empty, lack columns or hold no model, or if folds test several subjects
        and there are no predictions.

    See Also
    --------
    evaluate : Gives the results.
    compare : Gives the numbers of the first table.

    Notes
    -----
    Scores are rounded to two decimals and p-values to three, ours, because the intervals of a
    study of some twenty people leave no more standing. The page carries the results in full, as
    a CSV file to save. Estimators that used trials of the people they were tested on bear a
    dagger wherever they are named. Without matplotlib the page has no pictures.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.dummy import DummyClassifier
    >>> from skmamba import evaluate, simulate_trials
    >>> trials = simulate_trials(n_subjects=6, n_trials=4)
    >>> results = evaluate({"guess": DummyClassifier()}, trials, progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(results, f"{folder}/report.html").name
    'report.html'
    """
    path = _check_path(path)
    results = _check_results(results, score, FACTS)
    parts = [
        _describe_part(part, _rows_alike(predictions, part), score, label_names or {})
        for _, part in results.groupby(["dataset", "protocol"], sort=False)
    ]
    page = _template("report.html.j2").render(
        title=title or ", and ".join(part["name"] for part in parts),
        parts=parts,
        shared=_describe_leakage(leakage),
        score=score,
        score_words=_score_words(score),
        versions=[text.split(", ") for text in results["versions"].unique() if text],
        downloads=_describe_downloads(results, [part["scored"] for part in parts]),
    )
    _write_whole(path, page)
    return path


def to_latex(
    results: pd.DataFrame,
    *,
    predictions: pd.DataFrame | None = None,
    score: str = "balanced_accuracy",
    caption: str | None = None,
    label: str | None = None,
) -> str:
    r"""Write the comparison of models as a LaTeX table.

    The numbers are those of :func:`compare`. The manuscript needs ``\usepackage{booktabs}``;
    nothing has to be installed here. For a page to look at, see :func:`write_report`.

    Parameters
    ----------
    results : DataFrame
        What :func:`evaluate` returned. Rows of several data sets or protocols may stand in it.
        :func:`score_by_subject` will do.
    predictions : DataFrame, default=None
        As in :func:`write_report`.
    score : str, default="balanced_accuracy"
        What models are compared by; a column of ``results``.
    caption : str, default=None
        Caption, in LaTeX; without it, score, data set and protocol.
    label : str, default=None
        What ``\ref`` finds the table by.

    Returns
    -------
    table : str
        A ``table`` environment; special characters of names are escaped.

    Raises
    ------
    ValueError
        If results are empty, lack columns or hold no model, or if folds test several subjects
        and there are no predictions.

    See Also
    --------
    compare : The same table as a DataFrame.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skmamba import evaluate, simulate_trials
    >>> trials = simulate_trials(n_subjects=6, n_trials=4)
    >>> results = evaluate({"guess": DummyClassifier()}, trials, progress=False)
    >>> print(to_latex(results, label="tab:guess"))
    \begin{table}
    ...
    \label{tab:guess}
    ...
    \end{table}
    """
    columns = getattr(results, "columns", ())
    results = _check_results(results, score, COMPARED)
    head = [
        "Estimator",
        f"{_capital(_score_words(score)[0])} [95 % interval]",
        *("Chance", "p against chance", "Difference", "Effect size", "p (Holm)"),
    ]
    daggers: dict[str, Any]
    references: dict[str, Any]
    names, body, daggers, references = [], [], {}, {}
    for _, part in results.groupby(["dataset", "protocol"], sort=False):
        scored, ways = _score_part(part, _rows_alike(predictions, part), score)[::2]
        names.append(_part_name(part))
        body.append((names[-1], _table_cells(compare(scored, score))))
        daggers |= dict.fromkeys(_transductive_notes(ways))
        references[body[-1][1][0]["estimator"]] = None
    if "transductive" not in columns:
        daggers["Which models used trials of the test subjects is not told."] = None
    notes = [*daggers, STATISTICS.format(" or ".join(references))]
    if caption is None:
        caption = _latex(f"{_capital(_score_words(score)[0])}: {'; '.join(filter(None, names))}.")
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            *([rf"\label{{{label}}}"] if label is not None else []),
            rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            _latex_row(head),
            *_latex_body(body, len(head)),
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\smallskip{{\footnotesize {_latex(note)}\par}}" for note in notes),
            r"\end{table}",
            "",
        ]
    )


# What comes in


def _check_path(path):
    """Path of the page, in a folder that is there."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"path is {str(path)!r}, but there is no folder {str(path.parent)!r}: make it first."
        )
    if path.is_dir():
        raise ValueError(
            f"path must be a file, got the folder {str(path)!r}: give, for instance, "
            f"{str(path / 'report.html')!r}."
        )
    return path


def _check_results(results, score, columns):
    """Results with something to compare, as they were before they went through a file."""
    if not isinstance(results, pd.DataFrame):
        hint = (
            ": unpack it, results, predictions = evaluate(...)"
            if isinstance(results, tuple)
            else ""
        )
        raise ValueError(
            "results must be the DataFrame that evaluate returns, got "
            f"{type(results).__name__}{hint}."
        )
    missing = [column for column in columns if column not in results]
    if missing:
        raise ValueError(
            f"results must have the columns that evaluate writes, but {', '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} missing."
        )
    if results.empty:
        raise ValueError("results are empty: there is nothing to report.")
    scores = _score_columns(results)
    if score not in scores:
        raise ValueError(
            f"score must be a score in results, {', '.join(scores) or 'which have none'}; "
            f"got {score!r}."
        )
    if not (results["kind"] == "model").any():
        raise ValueError("results must hold a model: there are only baselines in it.")
    if results.loc[results["kind"] == "model", score].isna().all():
        raise ValueError(
            f"results have no {score} of any model: every fold failed, or has it undefined."
        )
    texts = ["dataset", "protocol", "transductive", "error", "versions", "held_out"]
    # Whoever sorted the rows: models are compared with a model, and the first one is it.
    results = results.sort_values("kind", key=lambda kinds: kinds != "model", kind="stable")
    return results.assign(
        **{text: _filled(results[text]) if text in results else "" for text in texts},
        estimator=results["estimator"].astype(str),
    ).reset_index(drop=True)


def _filled(texts):
    """Empty texts for missing ones, which is what a CSV file makes of them."""
    return texts.astype(object).where(texts.notna(), "")


def _score_columns(results):
    """Names of the columns that hold scores."""
    numbers = results.select_dtypes("number").columns
    return [column for column in numbers if column not in FACTS]


def _rows_alike(predictions, part):
    """Predictions of the same data set and protocol, or None."""
    if predictions is None:
        return None
    first = part.iloc[0]
    keys = ["dataset", "protocol"]
    predictions = predictions.assign(**{key: _filled(predictions[key]) for key in keys})
    rows = predictions[(predictions[keys] == first[keys]).all(axis=1)]
    return None if rows.empty else rows


# One data set under one protocol


def _describe_part(part, predictions, score, label_names):
    """All that the page says about one data set under one protocol."""
    scored, predictions, ways = _score_part(part, predictions, score)
    part, _ = _mark_transductive(part)
    table = compare(scored, score)
    models = table.loc[table["kind"] == "model", "estimator"].tolist()
    return {
        "name": _part_name(part) or "Results",
        "dataset": part["dataset"].iloc[0],
        "protocol": part["protocol"].iloc[0],
        "protocol_words": PROTOCOLS.get(part["protocol"].iloc[0]),
        "statistics": STATISTICS.format(models[0]),
        "finding": _finding(table, _score_words(score)[0], part["protocol"].iloc[0]),
        "reference": models[0],
        "cells": _table_cells(table),
        "n_subjects": int(table["n_subjects"].max()),
        "notes": _transductive_notes(ways),
        "failed": _describe_failures(part),
        "undefined": _describe_undefined(part, score),
        "picture": _picture(
            lambda ax: _draw_scores(scored, score, ax),
            size=(7.6, 1 + 0.46 * len(table)),
        ),
        "all_scores": _all_scores(scored),
        "subjects": _subject_table(scored, score),
        "confusion": _confusion_matrices(predictions, models, label_names),
        "folds": _describe_folds(part),
        "facts": _describe_design(part),
        "timing": _describe_timing(part),
        "row": _row_word(part),
        "scored": scored,
    }


def _score_part(part, predictions, score):
    """Scores of single subjects, and predictions, with the marks and what they stand for."""
    part, ways = _mark_transductive(part)
    if predictions is not None:
        predictions, _ = _mark_transductive(predictions, ways)
    return scored_by_subject(part, predictions, score), predictions, ways


def _part_name(part):
    protocol = part["protocol"].iloc[0]
    words = PROTOCOLS.get(protocol, (protocol,))[0]
    return ", ".join(filter(None, [part["dataset"].iloc[0], words]))


def _mark_transductive(rows, ways=None):
    """Put a dagger to the names of estimators that saw trials of the test subjects."""
    if ways is None:
        seen = rows[rows["transductive"] != ""]
        by_name = seen.groupby("estimator", sort=False)["transductive"]
        ways = {name: " and ".join(texts.unique()) for name, texts in by_name}
    marked = {name: f"{name}{MARK}" for name in ways}
    return rows.assign(estimator=rows["estimator"].astype(str).replace(marked)), ways


def _unmarked(name):
    return name.removesuffix(MARK)


def _transductive_notes(ways):
    """One footnote for all that bear the dagger, and how each came by it."""
    if not ways:
        return []
    by_way: dict[str, list[str]] = {}
    for name, way in ways.items():
        by_way.setdefault(way, []).append(name)
    how = "; ".join(f"{_and(names)}: {_way_words(way)}" for way, names in by_way.items())
    return [
        f"{DAGGER} Transductive: trials of the test subjects were used before they were "
        f"predicted ({how}). Such scores are not those of strict transfer to new subjects."
    ]


def _way_words(way):
    kind, _, number = way.partition("=")
    return TRANSDUCTIVE.get(kind, way).format(number).replace("first 1 of", "first of")


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
    columns = _score_columns(scored)
    return scored.assign(**{column: scored[column].mask(rows) for column in columns})


def _finding(table, score, protocol):
    """Tell what came out, in a few plain sentences."""
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
        f"{row['estimator']}: {score} {_two(row['mean'])} over {row['n_subjects']} "
        f"subject{'s' if row['n_subjects'] != 1 else ''}"
    )
    if np.isfinite(row["low"]):
        told += f" (95\xa0% interval {_two(row['low'])} to {_two(row['high'])})"
    if np.isfinite(row["chance"]):
        told += f"; chance {_two(row['chance'])}"
    return told + (f", {_p_words(row['p_chance'])}." if np.isfinite(row["p_chance"]) else ".")


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
        told = [f" ({_p_words(p)})" if np.isfinite(p) else "" for p in found["p_holm"]]
        if len(found) == 1:
            yield sentence.format(found["estimator"].iloc[0], told[0])
        elif len(found):
            named = [name + p for name, p in zip(found["estimator"], told, strict=True)]
            yield sentence.format(_and(named, join), "")


def _about_permuted(table):
    """Warn where a model did well on labels that say nothing."""
    for row in table.to_dict("records"):
        if _unmarked(row["estimator"]) == "permuted labels" and row["p_chance"] < ALPHA:
            return (
                f"Trained on shuffled labels it still reached {_two(row['mean'])} "
                f"({_p_words(row['p_chance'])}): look for a leak before believing the rest."
            )
    return ""


def _table_cells(table):
    """Rows of the first table, as text."""
    reference = table["estimator"].iloc[0]
    return [
        {
            "estimator": row.estimator,
            "kind": row.kind,
            "is_reference": row.estimator == reference,
            "n_subjects": str(row.n_subjects),
            "mean": _two(row.mean_score),
            "interval": f"{_two(row.low)} to {_two(row.high)}" if row.low == row.low else NOTHING,
            "chance": _two(row.chance),
            "p_chance": _p(row.p_chance),
            "difference": _signed(row.difference) if row.estimator != reference else NOTHING,
            "effect_size": _signed(row.effect_size) if row.estimator != reference else NOTHING,
            "p_holm": _p(row.p_holm) if row.estimator != reference else NOTHING,
        }
        for row in table.rename(columns={"mean": "mean_score"}).itertuples()
    ]


def _describe_failures(part):
    """Folds that ended in an error, those with the same one together."""
    n_folds = part.groupby("estimator")["fold"].size()
    failed = part[part["error"] != ""]
    return [
        {
            "estimator": name,
            "error": error,
            "where": _first_and_last(rows["held_out"].tolist()),
            "count": f"{len(rows)} of {n_folds[name]} folds",
        }
        for (name, error), rows in failed.groupby(["estimator", "error"], sort=False)
    ]


def _describe_undefined(part, score):
    """Folds that went well and have no score all the same."""
    folds = part.groupby("estimator", sort=False)
    undefined = part[(part["error"] == "") & part[score].isna()]
    return [
        f"{name}: {len(rows)} of {len(folds.get_group(name))} folds"
        for name, rows in undefined.groupby("estimator", sort=False)
    ]


def _draw_scores(scored, score, ax):
    ScoresDisplay.from_results(scored, score, ax=ax)
    ax.set_title("", loc="left")  # the page has said it


def _all_scores(scored):
    """Mean over subjects of each score of each estimator, as text."""
    columns = _score_columns(scored)
    by_subject = scored.groupby(["estimator", "subject"], sort=False)[columns].mean()
    means = by_subject.groupby(level=0, sort=False).mean()
    return {
        "head": [_capital(_score_words(column)[0]) for column in means],
        "rows": [(name, [_two(value) for value in row]) for name, row in means.iterrows()],
    }


def _subject_table(scored, score):
    """One row a subject, one column an estimator."""
    values = scored.pivot_table(
        index="subject", columns="estimator", values=score, sort=False, dropna=False
    )
    values = values[list(scored["estimator"].unique())]
    values = values.loc[pd.factorize(values.index, sort=True)[1]]  # numbers beside texts, too
    return {
        "head": list(values.columns),
        "rows": [(name, [_two(value) for value in row]) for name, row in values.iterrows()],
        "mean": [_two(value) for value in values.mean()],
        "folded": len(values) >= FOLDED_FROM,
    }


def _confusion_matrices(predictions, models, label_names):
    """How often each class was answered with which, for each model."""
    if predictions is None:
        return []
    found = []
    for name in models:
        rows = predictions[predictions["estimator"] == name]
        labels = np.unique(np.concatenate([rows["y_true"], rows["y_pred"]])).tolist()
        names = [label_names.get(label, label) for label in labels]
        counts = pd.crosstab(rows["y_true"], rows["y_pred"])
        counts = counts.reindex(index=labels, columns=labels, fill_value=0).to_numpy()
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        found.append(
            {
                "estimator": name,
                "labels": names,
                "rows": [
                    (label, list(zip(n.tolist(), share.tolist(), strict=True)))
                    for label, n, share in zip(names, counts, shares, strict=True)
                ],
            }
        )
    return found


def _describe_design(part):
    """Tell what was trained and tested, as pairs of a word and what there is to say."""
    first = part[part["estimator"] == part["estimator"].iloc[0]]
    rows = f"{_row_word(part)}s"
    held_out = first["held_out"].unique().tolist()
    facts = {
        "Folds": f"{len(first)}; held out: {_first_and_last(held_out)}",
        "Trained on": f"{_range(first['n_train'])} {rows} a fold",
        "Tested on": f"{_range(first['n_test'])} {rows} a fold, {first['n_test'].sum()} in all",
    }
    seeds = part["seed"].dropna().astype(int).unique().tolist()
    one_a_fold = f"{len(seeds)}, one a fold, told in results.csv"
    facts["Seeds"] = ", ".join(map(str, seeds)) if len(seeds) <= 5 else one_a_fold
    names = [_unmarked(name) for name in part["estimator"].unique()]
    facts |= {f"“{name}”": words for name, words in BASELINES.items() if name in names}
    return facts


def _row_word(part):
    return "window" if part["protocol"].iloc[0] == "random_windows" else "trial"


def _describe_folds(part):
    first = part[part["estimator"] == part["estimator"].iloc[0]]
    return first[["fold", "held_out", "n_train", "n_test"]].to_dict("records")


def _describe_timing(part):
    """Seconds of each estimator, as text."""
    times = part.groupby("estimator", sort=False)[["fit_seconds", "predict_seconds"]]
    return [
        {
            "estimator": name,
            "n_folds": len(rows),
            "fit": _two(rows["fit_seconds"].mean()),
            "predict": _two(rows["predict_seconds"].mean()),
            "total": _two((rows["fit_seconds"] + rows["predict_seconds"]).sum()),
        }
        for name, rows in times
    ]


# Leakage, downloads


def _describe_leakage(leakage):
    """Tell reports and gaps by their columns."""
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
    leaks = [
        f"{row['kind']} ({100 * row['test_share']:.0f}\xa0% of the test rows)"
        for row in report[report["verdict"] == "leak"].to_dict("records")
    ]
    unknown = report.loc[report["verdict"].str.startswith("unknown"), "kind"].tolist()
    told = (
        f"Both sides share what must be kept apart: {_and(leaks)}."
        if leaks
        else "Nothing was found on both sides that would tell the answers."
    )
    if unknown:
        told += f" Not known for: {_and(unknown)}."
    rows = [
        [
            _capital(row["kind"]),
            row["verdict"],
            NOTHING
            if pd.isna(row["n_folds_shared"])
            else f"{row['n_folds_shared']} of {row['n_folds']}",
            NOTHING if pd.isna(row["test_share"]) else f"{100 * row['test_share']:.0f}",
            row["example"] or NOTHING,
        ]
        for row in report.to_dict("records")
    ]
    head = ["Shared", "Verdict", "Folds", "Test rows, %", "Example"]
    return {
        "told": told,
        "warns": bool(leaks),
        "head": head,
        "texts": [0, 1, 4],
        "rows": rows,
        "picture": None,
    }


def _describe_gap(gap):
    """Put what leakage_gap measured into a sentence, a table and a picture."""
    true, permuted = (
        gap[gap["labels"] == labels].set_index("split") for labels in ("true", "permuted")
    )
    first, last = true.iloc[0], true.iloc[-1]
    told = (
        f"The same model scores {_two(first['mean'])} when split by {first.name}, and "
        f"{_two(last['mean'])} when split by {last.name}."
    )
    if first.name in permuted.index:
        told += (
            f" With labels dealt out anew among trials, which then mean nothing, it scores "
            f"{_two(permuted.loc[first.name, 'mean'])}"
        )
        told += (
            f" and {_two(permuted.loc[last.name, 'mean'])}." if last.name in permuted.index else "."
        )
    permuted = permuted.reindex(true.index)
    score = gap.attrs.get("score", "score")  # a file does not keep it
    rows = [
        [
            _capital(split),
            SPLITS.get(split, NOTHING),
            _two(row["mean"]),
            _two(row["std"]),
            _signed(row["inflation"], decimals=0),
            _two(permuted.loc[split, "mean"]),
            _two(permuted.loc[split, "std"]),
            f"{row['n_train']:.0f} / {row['n_test']:.0f}",
        ]
        for split, row in true.iterrows()
    ]
    head = [
        *("Split by", "Test windows come from", "Score", "SD over folds", "Inflation, points"),
        *("Score, labels permuted", "SD over folds", "Windows trained / tested"),
    ]
    return {
        "told": told,
        "warns": False,
        "head": head,
        "texts": [0, 1],
        "rows": rows,
        "picture": _picture(
            lambda ax: LeakageDisplay.from_gap(gap, score=score, ax=ax), size=(7.6, 3.2)
        ),
    }


def _describe_downloads(results, scored):
    """Give the numbers in full, as addresses that hold them."""
    frames = {"results.csv": results}
    scored = [frame for frame in scored if "fold" not in frame]
    if scored:
        frames["scores_by_subject.csv"] = pd.concat(scored)
    return [
        {"name": name, "address": _address("text/csv", frame.to_csv(index=False).encode())}
        for name, frame in frames.items()
    ]


# How it is written


def _template(name):
    environment = Environment(
        loader=PackageLoader("skmamba", "data"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["capital"] = _capital
    return environment.get_template(name)


def _picture(draw, size):
    """Address that holds what is drawn, as SVG: sharp at any size, its text as outlines."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        return None  # a page without pictures still has every number

    looks: dict[Any, Any] = {
        "font.size": 9,
        "svg.fonttype": "path",
        "svg.hashsalt": "skmamba",  # and no date: the same numbers give the same picture
        "text.parse_math": False,  # names may hold dollars
    }
    with rc_context(looks):
        figure = Figure(figsize=size, layout="constrained")  # no pyplot: no window, no state
        draw(figure.add_subplot())
        drawn = io.BytesIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None}, transparent=True)
    return _address("image/svg+xml", drawn.getvalue())


def _address(kind, content):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _write_whole(path, page):
    """Put the page there at once, or leave what is there."""
    draft = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        draft.write_text(page, encoding="utf-8", newline="\n")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _latex_body(body, n_columns):
    """Rows of each part, models above baselines, rules between."""
    for name, cells in body:
        yield r"\midrule"
        if len(body) > 1:
            yield rf"\multicolumn{{{n_columns}}}{{l}}{{\emph{{{_latex(name)}}}}} \\"
        for kind in ("model", "baseline"):
            rows = [row for row in cells if row["kind"] == kind]
            if kind == "baseline" and rows:
                yield r"\midrule"
            for row in rows:
                interval = row["interval"].replace(" to ", ", ")
                mean = row["mean"] if interval == NOTHING else f"{row['mean']} [{interval}]"
                rest = ("chance", "p_chance", "difference", "effect_size", "p_holm")
                yield _latex_row([row["estimator"], mean, *(row[column] for column in rest)])


def _latex_row(cells):
    row = " & ".join(map(_latex, cells)) + r" \\"
    return f"{{}}{row}" if row[0] in "[*" else row  # else the row above takes it for its own


LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    MINUS: "$-$",
    NOTHING: "--",
    DAGGER: r"$\dagger$",
    "\xa0": "~",
    "\n": " ",
}


def _latex(text):
    return "".join(LATEX.get(sign, sign) for sign in str(text))


# Words and numbers


def _score_words(score):
    """Name of a score in words, and what it is, if known."""
    if score.endswith("_windows"):
        words, meaning = _score_words(score.removesuffix("_windows"))
        return f"{words} over windows", meaning
    return SCORES.get(score, (score.replace("_", " "), ""))


def _capital(text):
    return text[:1].upper() + text[1:]


def _two(value, decimals=2):
    """Round, with a true minus and no negative zero."""
    if pd.isna(value):
        return NOTHING
    return f"{value:z.{decimals}f}".replace("-", MINUS)


def _signed(value, decimals=2):
    text = _two(value, decimals)
    return f"+{text}" if not pd.isna(value) and float(f"{value:z.{decimals}f}") > 0 else text


def _p(value):
    if pd.isna(value):
        return NOTHING
    return "<\xa00.001" if value < 0.001 else f"{value:.3f}"


def _p_words(value):
    return ("p " if value < 0.001 else "p = ").replace(" ", "\xa0") + _p(value)


def _and(names, join="and"):
    return f" {join} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _range(values):
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"


def _first_and_last(values):
    """All of a few, or both ends of many."""
    if len(values) <= 5:
        return ", ".join(map(str, values))
    return f"{values[0]}, {values[1]}, … {values[-1]} ({len(values)} in all)"
