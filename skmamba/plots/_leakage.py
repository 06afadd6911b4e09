"""What a split by windows adds to a score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from ._axes import GREY, ORANGE, clean, draw_chance, name_score, open_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


class LeakageDisplay:
    """Score of one model under several splits, with true and with permuted labels.

    Permuted labels mean nothing. A split that scores above chance on them measures how well
    trials are recognised.

    It is recommended to use :meth:`from_gap`.

    Parameters
    ----------
    gap : DataFrame
        What :func:`leakage_gap` returns.
    score : str, default="balanced_accuracy"
        Name of the score.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    ax_ : matplotlib.axes.Axes
        The axes.
    chance_line_ : matplotlib.lines.Line2D or None
        Score of permuted labels under the last, strictest split.

    Notes
    -----
    The line of chance is itself measured: permuted labels, split by subject if there is such a
    row. It scatters as few trials do.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmamba import LeakageDisplay
    >>> gap = pd.DataFrame({
    ...     "split": ["random windows", "subjects"] * 2,
    ...     "labels": ["true"] * 2 + ["permuted"] * 2,
    ...     "mean": [0.95, 0.64, 0.93, 0.50],
    ...     "std": [0.01, 0.08, 0.01, 0.06],
    ...     "inflation": [31.0, 0.0, 43.0, 0.0],
    ... })
    >>> [text.get_text() for text in LeakageDisplay.from_gap(gap).ax_.texts]
    ['over subjects:', '+31 points', 'chance']
    """

    figure_: Figure
    ax_: Axes
    chance_line_: Line2D | None

    def __init__(self, gap: pd.DataFrame, *, score: str = "balanced_accuracy") -> None:
        self.gap = gap
        self.score = score

    @classmethod
    def from_gap(
        cls, gap: pd.DataFrame, *, score: str | None = None, ax: Axes | None = None
    ) -> Self:
        """Draw what :func:`leakage_gap` returned.

        Parameters
        ----------
        gap : DataFrame
            Columns ``split``, ``labels``, ``mean``, ``std`` and ``inflation``.
        score : str, default=None
            Name of the score, for the axis; by default the one that leakage_gap noted.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : LeakageDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If a column is missing or there are no rows with true labels.
        """
        missing = [
            name for name in ("split", "labels", "mean", "std", "inflation") if name not in gap
        ]
        if missing:
            raise ValueError(
                f"gap must be what leakage_gap returns, but has no {', '.join(missing)}."
            )
        if not (gap["labels"] == "true").any():
            raise ValueError("gap has no rows of true labels.")
        return cls(gap, score=score or gap.attrs.get("score", "score")).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the splits from the loosest at the top to the strictest.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : LeakageDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        splits = list(dict.fromkeys(self.gap["split"]))
        self.figure_, self.ax_ = open_axes(ax, (6.4, 1.6 + 0.6 * len(splits)), "LeakageDisplay")
        ax = self.ax_
        looks: dict[str, dict[str, Any]] = {
            "true": {"color": ORANGE, "marker": "o", "markersize": 8},
            "permuted": {"color": GREY, "marker": "o", "markersize": 7, "markerfacecolor": "white"},
        }
        for labels, look in looks.items():
            rows = self.gap[self.gap["labels"] == labels]
            places = [splits.index(split) for split in rows["split"]]
            shift = -0.13 if labels == "true" else 0.13
            ax.errorbar(
                rows["mean"],
                np.add(places, shift),
                xerr=rows["std"].fillna(0),
                linestyle="",
                elinewidth=1.5,
                label=f"{labels} labels",
                **look,
            )
            if labels == "true":
                self._annotate(rows, splits)
        permuted = self.gap.loc[self.gap["labels"] == "permuted"].set_index("split")["mean"]
        chance = permuted.get(splits[-1])
        self.chance_line_ = None if chance is None else draw_chance(ax, chance)
        ax.set_yticks(range(len(splits)), splits)
        ax.set_ylim(len(splits) - 0.5, -0.8)
        ax.set_xlabel(
            f"{name_score(self.score)} of windows (mean and standard deviation over folds)"
        )
        ax.set_ylabel("split by")
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, ncols=2)
        clean(ax)
        ax.tick_params(axis="y", length=0)
        return self

    def _annotate(self, rows, splits):
        """Write beside each split how many points more it gives than the strictest."""
        notes = [(f"over {splits[-1]}:", 1.0, "bottom")] if len(splits) > 1 else []
        for row in rows[rows["split"] != splits[-1]].itertuples():
            points = f"{row.inflation:+z.0f} points".replace("-", "\u2212")
            notes.append((points, splits.index(row.split), "center"))
        for text, place, va in notes:
            in_axes = va == "bottom"
            self.ax_.annotate(
                text,
                (1.01, place),
                xycoords="axes fraction" if in_axes else ("axes fraction", "data"),
                va=va,
                fontsize="small",
            )
