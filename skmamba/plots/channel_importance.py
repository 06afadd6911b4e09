"""Display of channel importance as bars or as a topographic map."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .._mne import draw_topomap, make_channel_info
from .._results import check_table
from .._validation import check_option
from ._axes import BLUE, DARK, Axes, Display, format_score_name

KINDS = ("bar", "topomap")
TITLES = {"permutation": "channel permuted between trials", "drop": "trained without the channel"}


@dataclass(eq=False, repr=False)
class ChannelImportanceDisplay(Display):
    """Decrease of a score without each channel; use :meth:`from_importance` to create it.

    Parameters
    ----------
    channels : sequence of str or int
        Names of the channels.
    importance : ndarray of shape (n_channels,)
        Mean over folds.
    std : ndarray of shape (n_channels,), default=None
        Standard deviation over folds.
    score : str, default="score"
        Name of the score.
    method : str, default=""
        Method of :func:`~skmamba.inspection.channel_importance`.

    Attributes
    ----------
    figure_, ax_ : matplotlib.figure.Figure, matplotlib.axes.Axes
        Figure and axes.
    bars_, im_ : matplotlib.container.BarContainer or None, matplotlib.image.AxesImage or None
        Bars or topographic map.

    Notes
    -----
    A map is interpolated between electrodes; with few electrodes, prefer bars.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmamba.plots import ChannelImportanceDisplay
    >>> importance = pd.DataFrame({
    ...     "channel": ["Fp1", "Cz", "O1"] * 2, "fold": [0, 0, 0, 1, 1, 1],
    ...     "importance": [0.0, 0.1, 0.3, -0.02, 0.12, 0.25],
    ... })
    >>> display = ChannelImportanceDisplay.from_importance(importance)
    >>> display.channels
    ['O1', 'Cz', 'Fp1']
    """

    channels: Sequence[str] | Sequence[int]
    importance: NDArray[Any]
    std: NDArray[Any] | None = None
    _: KW_ONLY
    score: str = "score"
    method: str = ""

    @classmethod
    def from_importance(
        cls,
        importance: pd.DataFrame,
        *,
        kind: Literal["bar", "topomap"] = "bar",
        cmap: str = "RdBu_r",
        ax: Axes | None = None,
    ) -> Self:
        """Create and draw a display from a table of importance.

        Parameters
        ----------
        importance : DataFrame
            Table of :func:`~skmamba.inspection.channel_importance`.
        kind : {"bar", "topomap"}, default="bar"
            Bars with the most important channel on top, or a topographic map, which requires
            channel names of the 10-05 system.
        cmap : str, default="RdBu_r"
            Colormap of the topographic map, symmetric around zero.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a new figure.

        Returns
        -------
        display : ChannelImportanceDisplay
            The display.
        """
        columns = ["channel", "fold", "importance"]
        check_table("importance", importance, columns, "channel_importance")
        by_channel = importance.groupby("channel", sort=False)["importance"].agg(["mean", "std"])
        by_channel = by_channel.dropna(subset="mean")
        if by_channel.empty:
            raise ValueError("importance must have rows to draw, got none.")
        by_channel = by_channel.sort_values("mean", ascending=False, kind="stable")
        return cls(
            by_channel.index.tolist(),
            by_channel["mean"].to_numpy(),
            by_channel["std"].fillna(0).to_numpy(),
            score=importance.attrs.get("score", "score"),
            method=importance.attrs.get("method", ""),
        ).plot(ax, kind=kind, cmap=cmap)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        kind: Literal["bar", "topomap"] = "bar",
        cmap: str = "RdBu_r",
    ) -> Self:
        """Draw bars or a topographic map.

        Parameters
        ----------
        ax, kind, cmap
            As in :meth:`from_importance`.
        """
        check_option("kind", kind, KINDS)
        label = f"decrease in {format_score_name(self.score)}"
        if kind == "bar":
            self._create_axes(ax, (5.2, 1.2 + 0.28 * len(self.channels)))
            self.bars_, self.im_ = self._draw_bars(label), None
        else:
            info = make_channel_info(self.channels)  # raises before a figure is created
            self._create_axes(ax, (5.2, 3.6))
            self.bars_, self.im_ = None, self._draw_topomap(label, info, cmap)
        self.ax_.set_title(TITLES.get(self.method, ""), loc="left", fontsize="medium")
        return self

    def _draw_bars(self, label):
        ax, positions = self.ax_, range(len(self.channels))
        bars = ax.barh(
            positions, self.importance, xerr=self.std, color=BLUE, ecolor=DARK, height=0.7
        )
        ax.axvline(0, color=DARK, linewidth=1)
        ax.set_yticks(positions, [str(name) for name in self.channels], parse_math=False)
        ax.invert_yaxis()
        note = "" if self.std is None else "\n(mean and standard deviation over folds)"
        ax.set_xlabel(f"{label}{note}")
        ax.tick_params(axis="y", length=0)
        return bars

    def _draw_topomap(self, label, info, cmap):
        from matplotlib.patheffects import withStroke

        values = np.asarray(self.importance, dtype=float)
        limit = np.abs(values).max() or 1.0
        options = {"names": self.channels, "cmap": cmap, "vlim": (-limit, limit)}
        # Local extrapolation yields no values far from all electrodes.
        image = draw_topomap(values, info, self.ax_, extrapolate="local", **options)
        for text in self.ax_.texts:  # readable on dark colors
            text.set(fontsize="small", path_effects=[withStroke(linewidth=2, foreground="white")])
        self.figure_.colorbar(image, ax=self.ax_, shrink=0.7, label=label)
        return image
