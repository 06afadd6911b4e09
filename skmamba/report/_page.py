"""The page: all that results say, in one file that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from .._types import StrPath
from ..evaluation import compare
from ..plots import ScoresDisplay
from ._checks import FACTS, check_results
from ._comparison import STATISTICS, describe_models
from ._daggers import describe_daggers
from ._design import (
    describe_design,
    describe_failures,
    describe_timing,
    describe_undefined,
    list_folds,
)
from ._details import count_confusions, list_scores, list_subjects
from ._embedded import describe_downloads, draw_picture
from ._findings import tell_finding
from ._leaks import describe_leakage
from ._names import PROTOCOLS, score_words
from ._parts import split_into_parts
from ._words import capital


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
    results = check_results(results, score, FACTS)
    parts = split_into_parts(results, predictions, score)
    described = [_describe_part(part, score, label_names or {}) for part in parts]
    page = _template("report.html.j2").render(
        title=title or ", and ".join(part["name"] for part in described),
        parts=described,
        shared=describe_leakage(leakage),
        score=score,
        score_words=score_words(score),
        versions=[text.split(", ") for text in results["versions"].unique() if text],
        downloads=describe_downloads(results, [part.scored for part in parts]),
    )
    _write_whole(path, page)
    return path


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


def _describe_part(part, score, label_names):
    """All that the page says about one data set under one protocol."""
    table = compare(part.scored, score)
    models = table.loc[table["kind"] == "model", "estimator"].tolist()
    return {
        "name": part.name or "Results",
        "dataset": part.dataset,
        "protocol": part.protocol,
        "protocol_words": PROTOCOLS.get(part.protocol),
        "statistics": STATISTICS.format(models[0]),
        "finding": tell_finding(table, score_words(score)[0], part.protocol),
        "cells": describe_models(table),
        "n_subjects": int(table["n_subjects"].max()),
        "notes": describe_daggers(part.ways),
        "failed": describe_failures(part.rows),
        "undefined": describe_undefined(part.rows, score),
        "picture": draw_picture(
            lambda ax: _draw_scores(part.scored, score, ax),
            size=(7.6, 1 + 0.46 * len(table)),
        ),
        "all_scores": list_scores(part.scored),
        "subjects": list_subjects(part.scored, score),
        "confusion": count_confusions(part.predictions, models, label_names),
        "folds": list_folds(part.rows),
        "facts": describe_design(part.rows, part.row_word),
        "timing": describe_timing(part.rows),
        "row": part.row_word,
    }


def _draw_scores(scored, score, ax):
    ScoresDisplay.from_results(scored, score, ax=ax)
    ax.set_title("", loc="left")  # the page has said it


def _template(name):
    environment = Environment(
        loader=PackageLoader("skmamba.report", "data"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["capital"] = capital
    return environment.get_template(name)


def _write_whole(path, page):
    """Put the page there at once, or leave what is there."""
    draft = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        draft.write_text(page, encoding="utf-8", newline="\n")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
