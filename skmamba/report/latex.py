"""Comparison of models as a LaTeX table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from .._format import CONTROL, MARK, MINUS, MISSING, capitalize, format_comparison
from .._results import EvaluationResults
from ._parts import make_parts
from ._text import FOOTNOTE_SIGN, STATISTICS, describe_sample, name_score, write_footnotes

ESCAPED = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    MINUS: "$-$",
    MISSING: "--",
    FOOTNOTE_SIGN: r"$\dagger$",
    "\xa0": "~",
    "\n": " ",
}


def to_latex(
    results: EvaluationResults | pd.DataFrame | Sequence[EvaluationResults | pd.DataFrame],
    *,
    score: str = "balanced_accuracy",
    caption: str | None = None,
    label: str | None = None,
) -> str:
    r"""Return the comparison of models as a LaTeX table.

    The numbers are those of :func:`~skmamba.compare`. Notes below the table state the numbers of
    subjects and seeds. The document requires ``\usepackage{booktabs}``.

    Parameters
    ----------
    results, score
        As in :func:`write_report`, or the table of :func:`~skmamba.evaluation.score_by_subject`.
        Predictions are required where a fold tests several subjects.
    caption : str, default=None
        Caption, in LaTeX; None is score, data set and protocol.
    label : str, default=None
        Label for ``\ref``.

    Returns
    -------
    table : str
        A ``table`` environment; special characters in names are escaped.

    Raises
    ------
    ValueError
        If ``results`` have no model, or no predictions where folds test several subjects.

    See Also
    --------
    write_report : Write an HTML report.
    skmamba.compare : Return the same numbers as a DataFrame.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skmamba import evaluate
    >>> from skmamba.datasets import simulate_trials
    >>> results = evaluate({"dummy": DummyClassifier()}, simulate_trials(), verbose=False)
    >>> to_latex(results).splitlines()[0]
    '\\begin{table}'
    """
    _, parts = make_parts(results, score, ["estimator", "kind", "subject"])
    name = capitalize(name_score(score))
    if caption is None:
        caption = _escape(f"{name}: {'; '.join(filter(None, (part.name for part in parts)))}.")
    head = [
        *("Estimator", f"{name}\n[95 % interval]", "Chance\nlevel", "p against\nchance level"),
        *("Difference", "Effect\nsize", "p\n(Holm)"),
    ]
    tables = [(part.name, format_comparison(part.comparison)) for part in parts]
    footnotes = [note for part in parts for note in write_footnotes(part.adaptations)]
    data = [f"Data: {text}." for part in parts for text in part.data]
    references = " or ".join(dict.fromkeys(rows[0]["estimator"] for _, rows in tables))
    samples = [
        f"{part.name}: " * (len(parts) > 1) + describe_sample(part.comparison, part.rows)
        for part in parts
    ]
    notes = dict.fromkeys([*footnotes, *data, *samples, STATISTICS.format(references)])
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            *([rf"\label{{{label}}}"] if label is not None else []),
            r"\begin{tabular}{lrrrrrr}",
            r"\toprule",
            " & ".join(map(_stack, head)) + r" \\",
            *_format_rows(tables),
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\smallskip{{\footnotesize {_escape(note)}\par}}" for note in notes),
            r"\end{table}",
            f"% {MARK}",
            "",
        ]
    )


def _format_rows(tables):
    """Yield the rows of each part, with rules between models and baselines."""
    for name, rows in tables:
        yield r"\midrule"
        if len(tables) > 1:
            yield rf"\multicolumn{{7}}{{l}}{{\emph{{{_escape(name)}}}}} \\"
        kind = "model"
        for row in rows:
            if row["kind"] != kind:
                yield r"\midrule"
            kind = row["kind"]
            interval = row["interval"].replace(" to ", ", ")
            mean = row["mean"] if interval == MISSING else f"{row['mean']} [{interval}]"
            rest = ("chance", "p_chance", "difference", "effect_size", "p_holm")
            yield _format_row([row["estimator"], mean, *(row[column] for column in rest)])


def _stack(text):
    """Return lines of text below each other, by which the table is narrower."""
    lines = r"\\{}".join(map(_escape, text.split("\n")))
    return rf"\shortstack{{{lines}}}"


def _format_row(cells):
    row = " & ".join(map(_escape, cells)) + r" \\"
    return f"{{}}{row}" if row[0] in "[*" else row  # else an argument of \\ above


def _escape(text):
    text = str(text).translate(CONTROL)
    return "".join(ESCAPED.get(sign, sign) for sign in text)
