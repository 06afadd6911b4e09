"""The comparison of models as a LaTeX table."""

from __future__ import annotations

import pandas as pd

from ..evaluation import compare
from ._checks import check_results
from ._comparison import STATISTICS, describe_models
from ._daggers import DAGGER, describe_daggers
from ._names import score_words
from ._parts import split_into_parts
from ._words import MINUS, NOTHING, capital

NEEDED = ["estimator", "kind", "subject"]
ESCAPED = {
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
    can_mark = "transductive" in getattr(results, "columns", ())
    results = check_results(results, score, NEEDED)
    parts = split_into_parts(results, predictions, score)
    body = [(part.name, describe_models(compare(part.scored, score))) for part in parts]
    words = capital(score_words(score)[0])
    if caption is None:
        caption = _escape(f"{words}: {'; '.join(filter(None, (part.name for part in parts)))}.")
    head = [
        *("Estimator", f"{words} [95 % interval]", "Chance", "p against chance"),
        *("Difference", "Effect size", "p (Holm)"),
    ]
    notes = _notes(parts, body, can_mark)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            *([rf"\label{{{label}}}"] if label is not None else []),
            rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            _row(head),
            *_rows(body, len(head)),
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\smallskip{{\footnotesize {_escape(note)}\par}}" for note in notes),
            r"\end{table}",
            "",
        ]
    )


def _rows(body, n_columns):
    """Rows of each part, models above baselines, rules between."""
    for name, cells in body:
        yield r"\midrule"
        if len(body) > 1:
            yield rf"\multicolumn{{{n_columns}}}{{l}}{{\emph{{{_escape(name)}}}}} \\"
        for kind in ("model", "baseline"):
            rows = [row for row in cells if row["kind"] == kind]
            if kind == "baseline" and rows:
                yield r"\midrule"
            for row in rows:
                interval = row["interval"].replace(" to ", ", ")
                mean = row["mean"] if interval == NOTHING else f"{row['mean']} [{interval}]"
                rest = ("chance", "p_chance", "difference", "effect_size", "p_holm")
                yield _row([row["estimator"], mean, *(row[column] for column in rest)])


def _row(cells):
    row = " & ".join(map(_escape, cells)) + r" \\"
    return f"{{}}{row}" if row[0] in "[*" else row  # else the row above takes it for its own


def _notes(parts, body, can_mark):
    """Footnotes: daggers and how to read the numbers, each said once for all parts."""
    daggers = dict.fromkeys(note for part in parts for note in describe_daggers(part.ways))
    references = dict.fromkeys(rows[0]["estimator"] for _, rows in body)
    untold = "Which models used trials of the test subjects is not told."
    return [*daggers, *([] if can_mark else [untold]), STATISTICS.format(" or ".join(references))]


def _escape(text):
    return "".join(ESCAPED.get(sign, sign) for sign in str(text))
