"""What is said in the terminal, and how it is laid out there."""

import contextlib
import textwrap
import warnings

import click

WIDTH = 79


def _fill(text):
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def say(text, *, err=False):
    click.echo(_fill(text), err=err)


def say_written(folder, *names):
    there = [name for name in names if (folder / name).exists()]
    say(f"Written to {folder}: {', '.join(there)}.")


@contextlib.contextmanager
def plain_warnings():
    """Show what an evaluation warns of as a sentence, once, without the line of our code."""
    from sklearn.exceptions import FitFailedWarning

    from ..evaluation import LeakageWarning

    said = set()

    def show(message, category, *place, **more):
        if not issubclass(category, LeakageWarning | FitFailedWarning):
            show_others(message, category, *place, **more)
        elif str(message) not in said:
            said.add(str(message))
            say(f"Warning: {message}", err=True)

    with warnings.catch_warnings():
        for category in (LeakageWarning, FitFailedWarning):
            warnings.simplefilter("always", category)
        show_others, warnings.showwarning = warnings.showwarning, show
        yield


def scores_text(table, score):
    """Give compare's table the width of a terminal."""
    reference = table["estimator"].iloc[0]
    columns = {
        "n": table["n_subjects"].map(str),
        "mean": table["mean"].map(_two),
        "95 % interval": [
            f"{_two(low)} - {_two(high)}" if low == low else "-"
            for low, high in zip(table["low"], table["high"], strict=True)
        ],
        "chance": table["chance"].map(_two),
        "p chance": table["p_chance"].map(_p),
        "diff.": table["difference"].map(_signed),
        "effect": table["effect_size"].map(_signed),
        "p Holm": table["p_holm"].map(_p),
    }
    shown = table[[]].assign(**columns).set_axis(table["estimator"]).rename_axis(None)
    told = _fill(
        f"{score.replace('_', ' ').capitalize()}, mean over n subjects; chance is guessing; "
        f"diff. to {reference}, effect from -1 to 1, p corrected after Holm."
    )
    return f"{shown.to_string()}\n\n{told}\n"


def _two(value):
    return "-" if value != value else f"{value:z.2f}"


def _signed(value):
    return "-" if value != value else f"{value:+z.2f}"


def _p(value):
    if value != value:
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def leakage_text(report):
    """Give leakage_report's table the width of a terminal, and examples below it."""
    lines = [f"{'shared by both':15}{'folds':>7}{'tests':>7}  verdict"]
    for row in report.itertuples():
        folds = tests = "-"
        if row.test_share == row.test_share:
            folds, tests = f"{row.n_folds_shared}/{row.n_folds}", f"{100 * row.test_share:.0f} %"
        lines.append(f"{row.kind:15}{folds:>7}{tests:>7}  {row.verdict}")
    leaks = report[report["verdict"] == "leak"]
    lines += [f"{row.kind}, for example {row.example}" for row in leaks.itertuples()]
    return "\n".join(["", *lines])
