"""Report of an evaluation as one HTML file."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from .._format import capitalize, format_comparison
from .._io import write_atomically
from .._results import EvaluationResults
from .._types import StrPath
from ..evaluation import compare
from ..plots import LeakageDisplay, ScoresDisplay
from . import _tables, _text
from ._parts import make_parts

COLUMNS = [
    *("dataset", "protocol", "estimator", "kind", "fold", "held_out", "subject", "n_train"),
    *("n_test", "transductive", "fit_seconds", "predict_seconds", "seed", "error", "versions"),
]


def write_report(
    results: EvaluationResults | pd.DataFrame | Sequence[EvaluationResults | pd.DataFrame],
    path: StrPath,
    *,
    leakage: pd.DataFrame | Mapping[str, pd.DataFrame] | Sequence[pd.DataFrame] | None = None,
    score: str = "balanced_accuracy",
    label_names: Mapping[Any, str] | None = None,
    title: str | None = None,
) -> Path:
    """Write results as one HTML file, without external resources and scripts.

    The page contains tables, figures and the scores as CSV files. Estimators that use trials of
    the test subjects have a footnote in every table. The same results give the same page.

    Parameters
    ----------
    results : EvaluationResults, DataFrame or sequence of these
        Results of :func:`~skmamba.evaluate`, or their scores. Each data set and protocol becomes
        a part of the page. Predictions are required for confusion matrices, and where a fold
        tests several subjects.
    path : str or Path
        File to write, such as ``"report.html"``. An existing file is replaced atomically.
    leakage : DataFrame, dict or sequence of DataFrame, default=None
        Tables of :func:`~skmamba.leakage_report` or
        :func:`~skmamba.evaluation.leakage_gap`; the keys of a dict are headings.
    score : str, default="balanced_accuracy"
        Score to compare models by.
    label_names : dict, default=None
        Names of the classes in confusion matrices, such as ``trials.label_names``.
    title : str, default=None
        Heading of the page; None is data set and protocol.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If ``results`` have no model, or no predictions where folds test several subjects.

    See Also
    --------
    to_latex : Write the comparison as a LaTeX table.
    skmamba.compare : Compute the numbers of the first table.

    Notes
    -----
    Scores are rounded to two decimals, p-values to three. Without matplotlib, the page has no
    figures.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.dummy import DummyClassifier
    >>> from skmamba import evaluate
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=6, n_trials=4)
    >>> results = evaluate({"dummy": DummyClassifier()}, trials, verbose=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(results, f"{folder}/report.html").name
    'report.html'
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must be in an existing folder, got {str(path)!r}.")
    if path.is_dir():
        raise ValueError(f"path must be a file, got the folder {str(path)!r}.")
    scores, parts = make_parts(results, score, COLUMNS)
    described = [_describe_part(part, score, label_names or {}) for part in parts]
    page = _load_template("report.html.j2").render(
        title=title or ", and ".join(part["name"] for part in described),
        parts=described,
        leakage=[
            {**section, "picture": _draw_gap(section["gap"])}
            for section in _tables.describe_leakage(leakage)
        ],
        score=score,
        score_name=_text.name_score(score),
        versions=[text.split(", ") for text in scores["versions"].unique() if text],
        downloads=_embed_tables(scores, [part.by_subject for part in parts]),
    )
    write_atomically(path, page)
    return path


def _describe_part(part, score, label_names):
    """Return the variables of the template for one data set under one protocol."""
    table = compare(part.by_subject, score, random_state=0)
    models = table.loc[table["kind"] == "model", "estimator"].tolist()
    return {
        "name": part.name or "Results",
        "dataset": part.dataset,
        "protocol": part.protocol,
        "protocol_name": _text.PROTOCOLS.get(part.protocol, part.protocol),
        "estimators": [_text.remove_mark(name) for name in table["estimator"]],
        "row_word": part.row_word,
        "n_subjects": int(table["n_subjects"].max()),
        "finding": _text.summarize_comparison(table, _text.name_score(score), part.protocol),
        "comparison": format_comparison(table),
        "statistics": _text.STATISTICS.format(models[0]),
        "footnotes": _text.write_footnotes(part.transductive),
        "design": _text.describe_design(part.rows, part.row_word),
        "picture": _draw_svg(
            lambda ax: _draw_scores(part.by_subject, score, ax), size=(7.6, 1 + 0.46 * len(table))
        ),
        "scores": _tables.tabulate_scores(part.by_subject),
        "subjects": _tables.tabulate_subjects(part.by_subject, score),
        "confusions": _tables.count_confusions(part.predictions, models, label_names),
        "folds": _tables.tabulate_folds(part.rows),
        "times": _tables.tabulate_times(part.rows),
        "failures": _tables.list_failures(part.rows),
        "undefined": _tables.list_undefined(part.rows, score),
    }


def _draw_scores(by_subject, score, ax):
    ScoresDisplay.from_results(by_subject, score, random_state=0, ax=ax)
    ax.set_title("", loc="left")  # the page has a heading


def _draw_gap(gap):
    if gap is None:
        return None
    score = gap.attrs.get("score", "score")  # a CSV file does not contain it
    return _draw_svg(lambda ax: LeakageDisplay.from_gap(gap, score=score, ax=ax), size=(7.6, 3.2))


def _draw_svg(draw, size):
    """Return a figure as a data URL, or None without matplotlib."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        return None
    settings: dict[Any, Any] = {
        "font.size": 9,
        "svg.fonttype": "path",
        "svg.hashsalt": "skmamba",  # with no date, equal numbers give equal files
        "text.parse_math": False,  # names may contain dollar signs
    }
    with rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    return _make_data_url("image/svg+xml", file.getvalue())


def _embed_tables(scores, by_subject):
    """Return the scores as CSV files in data URLs."""
    tables = {"results.csv": scores}
    by_subject = [table for table in by_subject if "fold" not in table]
    if by_subject:
        tables["scores_by_subject.csv"] = pd.concat(by_subject)
    return [
        {"name": name, "url": _make_data_url("text/csv", table.to_csv(index=False).encode())}
        for name, table in tables.items()
    ]


def _make_data_url(media_type, content):
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _load_template(name):
    environment = Environment(
        loader=PackageLoader("skmamba.report", "data"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["capitalize_first"] = capitalize
    return environment.get_template(name)
