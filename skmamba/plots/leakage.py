"""Display of the scores of one model under several splits."""

from dataclasses import KW_ONLY, dataclass
from itertools import chain
from typing import Any, Self

import numpy as np
import pandas as pd

from .._results import check_table
from ._axes import GREY, ORANGE, Axes, Display, format_score_name

COLUMNS = ["split", "labels", "mean", "std", "inflation"]


@dataclass(eq=False, repr=False)
class LeakageDisplay(Display):
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
        gap, score, chance_level
            As in :class:`LeakageDisplay`; ``score=None`` uses that in ``gap.attrs``.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a new figure.

        Returns
        -------
        display : LeakageDisplay
            The display.
        """
        check_table("gap", gap, COLUMNS, "leakage_gap")
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
        parts = [own.tolist() for _, own in self.gap.groupby("labels")["split"]]
        most, *others = sorted(parts, key=len, reverse=True)
        splits = list(dict.fromkeys(chain(most, *others)))
        ax = self._create_axes(ax, (6.4, 1.6 + 0.6 * len(splits)))
        style: Any = {"fmt": "o", "markersize": 7, "elinewidth": 1.5}
        for labels, offset, color, face in (
            ("true", -0.13, ORANGE, ORANGE),
            ("permuted", 0.13, GREY, "white"),
        ):
            rows = self.gap[self.gap["labels"] == labels]
            positions = np.add([splits.index(split) for split in rows["split"]], offset)
            style.update(xerr=rows["std"].fillna(0), color=color, markerfacecolor=face)
            ax.errorbar(rows["mean"], positions, label=f"{labels} labels", **style)
        self._annotate_inflation(splits)
        self.chance_line_ = self._draw_chance_level(self.chance_level)
        self._label_rows(splits)
        score = format_score_name(self.score)
        ax.set_xlabel(f"{score} of windows (mean and standard deviation over folds)")
        ax.set_ylabel("split by")
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, ncols=2)
        return self

    def _annotate_inflation(self, splits):
        """Write beside each split by how many points it exceeds the strictest one."""
        rows = self.gap[self.gap["labels"] == "true"]
        strictest = rows["split"].iloc[-1]
        rows = rows[rows["split"] != strictest]
        if len(rows):
            heading = f"over {strictest}:"
            self.ax_.annotate(heading, (1.01, 1), xycoords="axes fraction", fontsize="small")
        for split, inflation in zip(rows["split"], rows["inflation"], strict=True):
            text = f"{inflation:+z.0f} points".replace("-", "\N{MINUS SIGN}")
            self._annotate_row(text, splits.index(split))
