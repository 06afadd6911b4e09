"""Display of the scores of one model under several splits."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from ._axes import (
    GREY,
    ORANGE,
    check_columns,
    create_axes,
    draw_chance_level,
    format_score_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ["split", "labels", "mean", "std", "inflation"]


@dataclass(eq=False, repr=False)
class LeakageDisplay:
    """Scores of one model under several splits; use :meth:`from_gap` to create it.

    With permuted labels, a score above the chance level measures data leakage.

    Parameters
    ----------
    gap : DataFrame
        Table of :func:`~skmamba.evaluation.leakage_gap`.
    score : str, default="balanced_accuracy"
        Name of the score.
    chance_level : float, default=None
        Known chance level of the score; None draws no line.

    Attributes
    ----------
    figure_, ax_ : matplotlib.figure.Figure, matplotlib.axes.Axes
        Figure and axes.
    chance_line_ : matplotlib.lines.Line2D or None
        Line of the chance level.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmamba.plots import LeakageDisplay
    >>> gap = pd.DataFrame({
    ...     "split": ["random windows", "subjects"] * 2,
    ...     "labels": ["true"] * 2 + ["permuted"] * 2,
    ...     "mean": [0.95, 0.64, 0.93, 0.50],
    ...     "std": [0.01, 0.08, 0.01, 0.06],
    ...     "inflation": [31.0, 0.0, 43.0, 0.0],
    ... })
    >>> [text.get_text() for text in LeakageDisplay.from_gap(gap).ax_.texts]
    ['over subjects:', '+31 points']
    """

    gap: pd.DataFrame
    _: KW_ONLY
    score: str = "balanced_accuracy"
    chance_level: float | None = None

    @classmethod
    def from_gap(
        cls,
        gap: pd.DataFrame,
        *,
        score: str | None = None,
        chance_level: float | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Create and draw a display from the table of a leakage gap.

        Parameters
        ----------
        gap : DataFrame
            Table of :func:`~skmamba.evaluation.leakage_gap`.
        score : str, default=None
            Name of the score; None takes it from ``gap.attrs``.
        chance_level : float, default=None
            Known chance level of the score; None draws no line.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a new figure.

        Returns
        -------
        display : LeakageDisplay
            The display.
        """
        check_columns("gap", gap, COLUMNS, "leakage_gap")
        if not (gap["labels"] == "true").any():
            raise ValueError("gap must have rows with true labels, got none.")
        score = score or gap.attrs.get("score", "score")
        return cls(gap, score=score, chance_level=chance_level).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the splits, the least strict one at the top.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a new figure.
        """
        splits = list(dict.fromkeys(self.gap["split"]))
        self.figure_, self.ax_ = create_axes(ax, (6.4, 1.6 + 0.6 * len(splits)), self)
        ax = self.ax_
        self._draw_scores("true", splits, -0.13, color=ORANGE)
        self._draw_scores("permuted", splits, 0.13, color=GREY, markerfacecolor="white")
        self._annotate_inflation(splits)
        self.chance_line_ = draw_chance_level(ax, self.chance_level)
        ax.set_yticks(range(len(splits)), splits)
        ax.set_ylim(len(splits) - 0.5, -0.8)
        score = format_score_name(self.score)
        ax.set_xlabel(f"{score} of windows (mean and standard deviation over folds)")
        ax.set_ylabel("split by")
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, ncols=2)
        ax.tick_params(axis="y", length=0)
        return self

    def _draw_scores(self, labels, splits, offset, **style):
        rows = self.gap[self.gap["labels"] == labels]
        positions = [splits.index(split) for split in rows["split"]]
        self.ax_.errorbar(
            rows["mean"],
            np.add(positions, offset),
            xerr=rows["std"].fillna(0),
            fmt="o",
            markersize=7,
            elinewidth=1.5,
            label=f"{labels} labels",
            **style,
        )

    def _annotate_inflation(self, splits):
        """Write beside each split by how many points it exceeds the strictest one."""
        strictest = splits[-1]
        rows = self.gap[(self.gap["labels"] == "true") & (self.gap["split"] != strictest)]
        if len(splits) > 1:
            heading = f"over {strictest}:"
            self.ax_.annotate(heading, (1.01, 1), xycoords="axes fraction", fontsize="small")
        for split, inflation in zip(rows["split"], rows["inflation"], strict=True):
            self.ax_.annotate(
                f"{inflation:+z.0f} points".replace("-", "\N{MINUS SIGN}"),
                (1.01, splits.index(split)),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize="small",
            )
