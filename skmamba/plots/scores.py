"""Display of the scores of estimators by subject."""

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd

from .._results import EvaluationResults, get_scores, summarize
from .._validation import check_fraction
from ._axes import BLUE, DARK, GREY, Axes, Display, format_score_name, format_source, wrap_name

if TYPE_CHECKING:
    from matplotlib.collections import PathCollection


@dataclass(eq=False, repr=False)
class ScoresDisplay(Display):
    """Scores of estimators by subject; use :meth:`from_results` to create it.

    Parameters
    ----------
    scores : DataFrame
        One row per dot: ``estimator``, ``unit`` (the subject or fold) and ``score``.
    summary : DataFrame
        One row per estimator, from top to bottom: ``estimator``, ``kind`` (``"model"`` or
        ``"baseline"``), ``mean``, and the interval from ``low`` to ``high``, NaN for none.
    score : str, default="score"
        Name of the score.
    unit : {"subject", "fold"}, default="subject"
        What a dot represents.
    chance_level : float, default=None
        Chance level; None draws no line.
    confidence : float, default=0.95
        Confidence level of the interval.
    title : str, default=""
        Title of the axes.

    Attributes
    ----------
    figure_, ax_ : matplotlib.figure.Figure, matplotlib.axes.Axes
        Figure and axes.
    dots_ : dict of str to matplotlib.collections.PathCollection
        Dots of each estimator.
    chance_line_ : matplotlib.lines.Line2D or None
        Line of the chance level.

    Notes
    -----
    Mean, interval and chance level are those of :func:`~skmamba.compare`. Folds that test several
    subjects have no interval: they are not independent, since they share training trials.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmamba.plots import ScoresDisplay
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

    scores: pd.DataFrame
    summary: pd.DataFrame
    _: KW_ONLY
    score: str = "score"
    unit: Literal["subject", "fold"] = "subject"
    chance_level: float | None = None
    confidence: float = 0.95
    title: str = ""

    @classmethod
    def from_results(
        cls,
        results: EvaluationResults | pd.DataFrame,
        score: str = "balanced_accuracy",
        *,
        confidence: float = 0.95,
        random_state: int | np.random.Generator | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Create and draw a display from the results of an evaluation.

        Parameters
        ----------
        results : EvaluationResults or DataFrame
            Results of :func:`~skmamba.evaluate`, or a table of scores, of one data set and one
            protocol. Several scores of a subject are averaged. If folds test several subjects and
            the predictions are unavailable, dots are folds.
        score : str, default="balanced_accuracy"
            Score to draw.
        confidence, random_state
            As in :func:`~skmamba.compare`.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a new figure.

        Returns
        -------
        display : ScoresDisplay
            The display.
        """
        check_fraction("confidence", confidence)
        results = get_scores(results, score)
        unit: Literal["subject", "fold"] = "fold" if results["subject"].isna().any() else "subject"
        seed = np.random.default_rng(random_state).integers(2**32)  # as in compare
        by_unit, summary, chance = summarize(results, unit, score, confidence, seed)
        dots = by_unit.rename_axis("unit").melt(ignore_index=False, value_name="score").dropna()
        dots = dots.reset_index()[["estimator", "unit", "score"]]
        if unit == "fold":
            summary[["low", "high"]] = np.nan
        n_units = dots["unit"].nunique()
        counted = f"{n_units} {unit}{'s' if n_units != 1 else ''}"
        return cls(
            dots,
            summary.reset_index(),
            score=score,
            unit=unit,
            chance_level=None if chance is None else float(chance.mean()),
            confidence=confidence,
            title=", ".join([*format_source(results), counted]),
        ).plot(ax)

    def plot(self, ax: Axes | None = None, *, show_values: bool = True) -> Self:
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a new figure.
        show_values : bool, default=True
            Whether to write mean and interval beside each row.
        """
        ax = self._create_axes(ax, (6.4, 1.2 + 0.55 * len(self.summary)))
        self.dots_: dict[str, PathCollection] = {}
        row: Any
        for position, row in enumerate(self.summary.itertuples()):
            self._draw_row(row, position, BLUE if row.kind == "model" else GREY)
            if show_values:
                text = f"{row.mean:.2f}"
                text += "" if np.isnan(row.low) else f" [{row.low:.2f}, {row.high:.2f}]"
                self._annotate_row(text, position)
        self.chance_line_ = self._draw_chance_level(self.chance_level)
        self._label_rows([wrap_name(str(name), 24) for name in self.summary["estimator"]])
        mean = "diamond: mean"
        if self.summary["low"].notna().any():
            mean = f"diamond, bar: mean, {100 * self.confidence:g} % interval"
        score = format_score_name(self.score)
        ax.set_xlabel(f"{score} (dot: one {self.unit}; {mean})")
        ax.set_title(self.title, loc="left", fontsize="medium", parse_math=False)
        return self

    def _draw_row(self, row, position, color):
        """Draw the dots, mean and interval of one estimator."""
        scores = self.scores["score"]
        values = np.sort(scores[self.scores["estimator"] == row.estimator])
        offsets = _stack(values, width=(scores.max() - scores.min()) / 60)
        style = {"s": 14, "color": color, "alpha": 0.6, "linewidth": 0}
        self.dots_[row.estimator] = self.ax_.scatter(values, position - 0.1 + offsets, **style)
        below = position + 0.28  # not over the dots
        self.ax_.plot([row.low, row.high], [below, below], color=DARK, linewidth=1.8, zorder=3)
        mean = {"marker": "D", "markersize": 6, "color": color, "markeredgecolor": "white"}
        self.ax_.plot(row.mean, below, zorder=4, **mean)


def _stack(values, width):
    """Return vertical offsets for sorted values, so that close ones do not overlap."""
    offsets = np.zeros(len(values))
    start = 0
    while start < len(values):
        stop = np.searchsorted(values, values[start] + width, side="right")
        n_stacked = stop - start
        step = min(0.1, 0.5 / n_stacked)
        offsets[start:stop] = step * (np.arange(n_stacked) - (n_stacked - 1) / 2)
        start = stop
    return offsets
