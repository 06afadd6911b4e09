"""Printing, writing and reading results."""

import contextlib
import io
import json
import platform
import shlex
import textwrap
import warnings

import click
import pandas as pd
from sklearn.exceptions import FitFailedWarning

from .. import _format
from .._io import read_table, write_atomically, write_table
from ..evaluation import EvaluationResults, LeakageWarning, compare
from ..plots import LeakageDisplay
from ..report import to_latex, write_report

WIDTH = 79
KEYS = ["dataset", "protocol"]
ASCII = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\xa0": ""})
HEAD = ["n", "mean", "95 % interval", "chance", "p chance", "diff.", "effect", "p Holm"]


def say(text, *, err=False):
    """Print text wrapped to the width of a terminal."""
    text = textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    click.echo(text, err=err)


@contextlib.contextmanager
def print_warnings():
    """Print each warning once, without the line of code."""
    printed = set()

    def show(message, *args, **kwargs):
        if str(message) not in printed:
            printed.add(str(message))
            say(f"Warning: {message}", err=True)

    with warnings.catch_warnings():
        for category in (LeakageWarning, FitFailedWarning):
            warnings.simplefilter("always", category)
        warnings.showwarning = show
        yield


def print_comparison(table, score):
    cells = pd.DataFrame(_format.format_comparison(table)).set_index("estimator").rename_axis(None)
    cells = cells.drop(columns="kind").map(lambda text: text.translate(ASCII))
    click.echo(f"{cells.set_axis(HEAD, axis=1).to_string()}\n")
    say(
        f"{score.replace('_', ' ').capitalize()}: mean over n subjects; chance: chance level; "
        f"diff.: difference to {table['estimator'].iloc[0]}; effect: from -1 to 1; p Holm: "
        "corrected for the number of models."
    )
    if std_seeds := _format.describe_std_seeds(table):
        say(std_seeds)
    uses = _format.describe_adaptations(table.set_index("estimator").get("adaptation", {}))
    if uses:
        say(f"Used of the test subjects: {uses}.")


def print_leakage(report):
    """Print a table of ``leakage_report``, and an example of each leak."""
    is_label = report["kind"].str.startswith(_format.LABEL_FROM)
    lines = [f"{'shared by both':15}{'folds':>7}{'tests':>7}  verdict"]
    for row in report[~is_label].itertuples():
        folds = tests = "-"
        if row.test_share == row.test_share:
            folds, tests = f"{row.n_folds_shared}/{row.n_folds}", f"{100 * row.test_share:.0f} %"
        lines.append(f"{row.kind:15}{folds:>7}{tests:>7}  {row.verdict}")
    leaks = report[report["verdict"] == "leak"]
    lines += [f"{row.kind}, for example {row.example}" for row in leaks.itertuples()]
    lines += ["", *(f"{row.kind:20}  {row.verdict}" for row in report[is_label].itertuples())]
    click.echo("\n".join(["", *lines]))


def write_results(out, results, leakage, score):
    """Write the tables of an evaluation, and its reports if a model has a score."""
    results.to_csv(out)
    write_table(out / "leakage.csv", leakage)
    scores = results.scores
    if scores.loc[scores["kind"] == "model", score.replace("-", "_")].isna().all():
        say("No report was written: no model has a score.", err=True)
        return
    write_reports(results, leakage, score, out / "report.html", out / "table.tex")


def write_reports(results, leakage, score, page, latex):
    """Print the comparisons; write the HTML page and the LaTeX table."""
    score = score.replace("-", "_")
    write_report(results, page, leakage=leakage, score=score)
    write_atomically(latex, to_latex(results, score=score))
    for names, scores in results.scores.groupby(KEYS, sort=False):
        predictions = results.predictions
        if not predictions.empty:
            predictions = predictions[(predictions[KEYS] == list(names)).all(axis=1)]
        click.echo(f"\n{', '.join(filter(None, names))}")
        part = EvaluationResults(scores, predictions)
        print_comparison(compare(part, score, random_state=0), score)
        click.echo()


def name_labels(predictions, label_names):
    """Replace labels by their names if each label has a name of its own."""
    labels = set(predictions.get("y_true", ())) | set(predictions.get("y_pred", ()))
    names = {label: label_names[label] for label in labels if label in label_names}
    if not labels or len(set(names.values())) < len(labels):
        return predictions
    columns = {f"proba_{label}": f"proba_{name}" for label, name in names.items()}
    named = {column: predictions[column].map(names) for column in ("y_true", "y_pred")}
    return predictions.assign(**named).rename(columns=columns)


def write_run(path, ctx, trials, versions=""):
    """Write the command with all options, the data and the versions as JSON."""
    words = ["skmamba", ctx.info_name]
    arguments = {option.name: ctx.params[option.name] for option in ctx.command.params}
    for name, value in arguments.items():
        if value is None or value is False:
            continue
        words.append(f"--{name}")
        if value is not True:
            words.append(",".join(map(str, value)) if isinstance(value, list) else str(value))
    run = {
        "note": _format.MARK,
        "command": shlex.join(words),
        "arguments": arguments,
        "trials": repr(trials),
        "versions": versions,
        "platform": platform.platform(),
    }
    write_atomically(path, json.dumps(run, indent=2, ensure_ascii=False) + "\n")


def report_gap(gap, out):
    """Print a table of ``leakage_gap``; write it and its figure to a folder, unless None."""
    table = gap.round({"mean": 3, "std": 3, "inflation": 1}).to_string(index=False)
    click.echo(f"\n{table}\n")
    say(_format.summarize_gap(gap))
    if out is None:
        return
    write_table(out / "gap.csv", gap)
    try:
        figure = LeakageDisplay.from_gap(gap).figure_
    except ImportError as error:
        say(f"gap.png was not written: {error}", err=True)
        return
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150)
    write_atomically(out / "gap.png", file.getvalue())


def read_results(paths):
    """Return the results in ``results.csv`` files and beside them, and their leakage tables."""
    parts: list[EvaluationResults] = []
    tables: dict[str, pd.DataFrame] = {}
    for path in {path.resolve(): path for path in paths}.values():
        part = EvaluationResults.from_csv(path)
        parts.append(part)
        beside = path.with_name("leakage.csv")
        if beside.exists():
            keys = part.scores[[key for key in KEYS if key in part.scores]].drop_duplicates()
            name = "; ".join(", ".join(map(str, key)) for key in keys.to_numpy())
            table, heading = read_table(beside), f"Shared by training and test data: {name}"
            is_other = heading in tables and not table.equals(tables[heading])
            tables[f"{heading} ({path.parent})" if is_other else heading] = table
    return EvaluationResults.concatenate(parts), tables if len(parts) > 1 else [*tables.values()]
