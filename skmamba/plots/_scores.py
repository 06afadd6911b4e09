"""Scores of estimators, one dot a subject."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd

from .._results import average_by, bootstrap_interval, check_results, find_chance_level
from ._axes import BLUE, DARK, GREY, clean, draw_chance, name_score, open_axes, tell_source

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


class ScoresDisplay:
    """Scores of estimators, one dot a subject, with mean, interval and chance.

    Bars hide what matters here: how much people differ, and how few they are.

    It is recommended to use :meth:`from_results`.

    Parameters
    ----------
    scores : DataFrame
        One row a dot: ``estimator``, ``unit`` (which subject or fold) and ``score``.
    summary : DataFrame
        One row an estimator, from top to bottom: ``estimator``, ``kind`` (``"model"`` or
        ``"baseline"``), ``mean``, and the interval ``low`` to ``high``, NaN for none.
    score : str, default="score"
        Name of the score.
    unit : {"subject", "fold"}, default="subject"
        What a dot is.
    chance : float, default=None
        Where the line of chance is.
    confidence : float, default=0.95
        Of the interval.
    title : str, default=""
        Data set, protocol, number of subjects.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    ax_ : matplotlib.axes.Axes
        The axes.
    dots_ : dict of str to matplotlib.collections.PathCollection
        Dots of each estimator.
    chance_line_ : matplotlib.lines.Line2D or None
        Line of chance.

    See Also
    --------
    compare : The numbers, and tests.

    Notes
    -----
    Mean, interval and chance are those of :func:`compare`: a BCa bootstrap over subjects with a
    level raised for small samples. Folds that hold several subjects get no interval: they share
    their training data and are no sample of people.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmamba import ScoresDisplay
    >>> results = pd.DataFrame({
    ...     "estimator": ["net"] * 4 + ["majority"] * 4,
    ...     "kind": ["model"] * 4 + ["baseline"] * 4,
    ...     "subject": [1, 2, 3, 4] * 2,
    ...     "accuracy": [0.8, 0.7, 0.9, 0.6] + [0.5] * 4,
    ... })
    >>> display = ScoresDisplay.from_results(results, "accuracy")
    >>> display.ax_.get_xlabel()
    'accuracy (dot: one subject; diamond, bar: mean, 95 % interval)'
    """

    figure_: Figure
    ax_: Axes
    dots_: dict[str, PathCollection]
    chance_line_: Line2D | None

    def __init__(
        self,
        scores: pd.DataFrame,
        summary: pd.DataFrame,
        *,
        score: str = "score",
        unit: Literal["subject", "fold"] = "subject",
        chance: float | None = None,
        confidence: float = 0.95,
        title: str = "",
    ) -> None:
        self.scores = scores
        self.summary = summary
        self.score = score
        self.unit = unit
        self.chance = chance
        self.confidence = confidence
        self.title = title

    @classmethod
    def from_results(
        cls,
        results: pd.DataFrame,
        score: str = "balanced_accuracy",
        *,
        confidence: float = 0.95,
        random_state: int | np.random.Generator = 0,
        ax: Axes | None = None,
    ) -> Self:
        """Draw what :func:`evaluate` returned.

        Parameters
        ----------
        results : DataFrame
            What :func:`evaluate` or :func:`score_by_subject` returns, of one data set and one
            protocol. Several rows of a subject are averaged. If test folds are of several
            subjects, dots are folds.
        score : str, default="balanced_accuracy"
            Column to draw.
        confidence : float, default=0.95
            Of the interval.
        random_state : int or numpy.random.Generator, default=0
            Seed of the bootstrap.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : ScoresDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If the score is not there, or rows are of several data sets or protocols.
        """
        check_results(results, score)
        unit: Literal["subject", "fold"] = "fold" if results["subject"].isna().any() else "subject"
        kinds = results.groupby("estimator", sort=False)["kind"].first()
        by_unit = average_by(results, unit, score)
        dots = by_unit.rename_axis("unit").melt(ignore_index=False, value_name="score").dropna()
        dots = dots.reset_index()[["estimator", "unit", "score"]]
        seed = np.random.default_rng(random_state).integers(2**32)
        rows = []
        for name, kind in kinds.items():
            values = by_unit[name].dropna().to_numpy()
            mean = values.mean() if len(values) else np.nan
            rows.append([name, kind, mean, *bootstrap_interval(values, confidence, seed)])
        summary = pd.DataFrame(rows, columns=["estimator", "kind", "mean", "low", "high"])
        named = summary.set_index("estimator")
        chance = find_chance_level(score, kinds, named["mean"], named["low"])
        if unit == "fold":
            summary[["low", "high"]] = np.nan
        return cls(
            dots,
            summary,
            score=score,
            unit=unit,
            chance=None if chance is None else float(named["mean"][chance]),
            confidence=confidence,
            title=_make_title(results, dots["unit"].nunique(), unit),
        ).plot(ax)

    def plot(self, ax: Axes | None = None, *, show_values: bool = True) -> Self:
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.
        show_values : bool, default=True
            Whether to write mean and interval at the right.

        Returns
        -------
        display : ScoresDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        n_rows = len(self.summary)
        self.figure_, self.ax_ = open_axes(ax, (6.4, 1.2 + 0.55 * n_rows), "ScoresDisplay")
        ax = self.ax_
        width = np.ptp(self.scores["score"]) / 60 if len(self.scores) else 1.0
        self.dots_ = {}
        row: Any
        for place, row in enumerate(self.summary.itertuples()):
            colour = BLUE if row.kind == "model" else GREY
            values = np.sort(self.scores.loc[self.scores["estimator"] == row.estimator, "score"])
            self.dots_[row.estimator] = ax.scatter(
                values,
                place - 0.1 + _spread(values, width),
                s=14,
                color=colour,
                alpha=0.6,
                linewidth=0,
            )
            below = place + 0.28  # a lane of its own: over the dots the bar would hide them
            ax.plot([row.low, row.high], [below, below], color=DARK, linewidth=1.8, zorder=3)
            ax.plot(
                row.mean,
                below,
                marker="D",
                markersize=6,
                color=colour,
                markeredgecolor="white",
                zorder=4,
            )
            if show_values:
                ax.annotate(
                    _write(row.mean, row.low, row.high),
                    (1.01, place),
                    xycoords=("axes fraction", "data"),
                    va="center",
                    fontsize="small",
                )
        self.chance_line_ = None if self.chance is None else draw_chance(ax, self.chance)
        names = [fill(_cut(str(name)), 24) for name in self.summary["estimator"]]
        ax.set_yticks(range(n_rows), names, parse_math=False)  # a $ in a name is one
        ax.set_ylim(n_rows - 0.5, -0.8)  # first at the top; room for the word chance
        ax.set_xlabel(self._tell_marks())
        ax.set_title(self.title, loc="left", fontsize="medium")
        clean(ax)
        ax.tick_params(axis="y", length=0)
        return self

    def _tell_marks(self):
        """Label of the axis: the score, and what dots and bars are."""
        marks = f"dot: one {self.unit}; diamond"
        if self.summary["low"].notna().any():
            marks += f", bar: mean, {100 * self.confidence:g} % interval"
        else:
            marks += ": mean"
        return f"{name_score(self.score)} ({marks})"


def _make_title(results, n_units, unit):
    return ", ".join([*tell_source(results), f"{n_units} {unit}{'s' if n_units != 1 else ''}"])


def _cut(name, most=48):
    """Both ends of a name that would run into the next row: what tells names apart is there."""
    half = most // 2 - 1
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


def _write(mean, low, high):
    return f"{mean:.2f}" if np.isnan(low) else f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def _spread(values, width):
    """Offsets that stack sorted values closer than a width around their row, always the same."""
    offsets = np.zeros(len(values))
    start = 0
    while start < len(values):
        stop = np.searchsorted(values, values[start] + width, side="right")
        n_stacked = stop - start
        step = min(0.1, 0.5 / n_stacked)
        offsets[start:stop] = step * (np.arange(n_stacked) - (n_stacked - 1) / 2)
        start = stop
    return offsets
