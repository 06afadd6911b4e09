"""Report of an evaluation as one HTML file."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from .._format import CONTROL, MARK, capitalize, describe_std_seeds, format_comparison
from .._io import write_atomically
from .._results import EvaluationResults
from .._types import StrPath
from ..plots import LeakageDisplay, ScoresDisplay
from . import _tables, _text
from ._parts import make_parts

COLUMNS = [
    *("dataset", "protocol", "estimator", "kind", "fold", "held_out", "subject", "n_train"),
    *("n_test", "adaptation", "fit_seconds", "predict_seconds", "random_state", "error"),
    "versions",
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

    The page contains tables, figures and the scores as CSV files. Estimators that use data of
    the test subjects have a footnote in every table. The same results give the same page.
    Scores are rounded to two decimals, p-values to three. Without matplotlib, the page has no
    figures.

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

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.dummy import DummyClassifier
    >>> from skmamba import evaluate
    >>> from skmamba.datasets import simulate_trials
    >>> results = evaluate({"dummy": DummyClassifier()}, simulate_trials(), verbose=False)
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
    sections = _tables.describe_leakage(leakage)
    for section in sections:
        draw = partial(LeakageDisplay.from_gap, section["gap"])
        section["picture"] = None if section["gap"] is None else _draw_svg(draw, height=3.2)
    page = _load_template().render(
        title=title or ", and ".join(part["name"] for part in described),
        parts=described,
        leakage=sections,
        score=score,
        score_name=_text.name_score(score),
        versions=list(filter(None, scores["versions"].unique())),
        downloads=_embed_tables(scores, parts),
        mark=MARK,
    )
    write_atomically(path, page)
    return path


def _describe_part(part, score, label_names):
    """Return the variables of the template for one data set under one protocol."""
    table = part.comparison
    models = table.loc[table["kind"] == "model", "estimator"].tolist()
    draw = partial(ScoresDisplay.from_results, part.by_subject, score, random_state=0)
    return {
        **vars(part),
        "name": part.name or "Results",
        "protocol_name": _text.PROTOCOLS.get(part.protocol, part.protocol),
        "estimators": [name.removesuffix(_text.FOOTNOTE_MARK) for name in table["estimator"]],
        "calibration": _text.describe_calibration(part.adaptations),
        "row_word": "window" if _has_windows(part) else "trial",
        "n_subjects": int(table["n_subjects"].max()),
        "finding": _text.summarize_comparison(table, _text.name_score(score), part.protocol),
        "comparison": format_comparison(table),
        "statistics": _text.STATISTICS.format(models[0]),
        "footnotes": _text.write_footnotes(part.adaptations),
        "std_seeds": describe_std_seeds(table),
        "random_states": part.rows["random_state"].dropna().unique().tolist(),
        "picture": _draw_svg(draw, height=1 + 0.46 * len(table)),
        "scores": _tables.tabulate_scores(part.by_subject),
        "subjects": _tables.tabulate_subjects(part.by_subject, score),
        "confusions": _tables.count_confusions(part.predictions, models, label_names),
        "folds": _tables.tabulate_folds(part.rows),
        "times": _tables.tabulate_times(part.rows),
        "missing": _tables.list_missing(part.rows, part.by_subject, score),
    }


def _has_windows(part):
    """Return whether the evaluated rows were windows."""
    windows = part.predictions.get("window", pd.Series(dtype=object))  # may be of another part
    return part.protocol == "random_windows" or windows.notna().any()


def _draw_svg(draw, height):
    """Return a figure as a data URL, or None without matplotlib."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        return None
    # Without a date, and with this salt, equal numbers give equal files. Names may contain "$".
    settings: dict[Any, Any] = {"font.size": 9, "svg.fonttype": "path", "svg.hashsalt": "skmamba"}
    with rc_context(settings | {"text.parse_math": False}):
        figure = Figure(figsize=(7.6, height), layout="constrained")
        ax = figure.add_subplot()
        draw(ax=ax)
        ax.set_title("", loc="left")  # the page has a heading
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    svg = file.getvalue().decode().translate(CONTROL)  # XML may not contain them
    return _make_data_url("image/svg+xml", svg.encode())


def _embed_tables(scores, parts):
    """Return the scores of folds and of subjects as CSV files in data URLs."""
    tables = {"results.csv": scores}
    if any("fold" not in part.by_subject for part in parts):
        tables["scores_by_subject.csv"] = pd.concat([part.by_subject for part in parts])
    return [
        {"name": name, "url": _make_data_url("text/csv", table.to_csv(index=False).encode())}
        for name, table in tables.items()
    ]


def _make_data_url(media_type, content):
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


@cache
def _load_template():
    environment = Environment(
        loader=PackageLoader("skmamba.report", "data"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"capitalize_first": capitalize, "shorten": _text.shorten}
    return environment.get_template("report.html.j2")
