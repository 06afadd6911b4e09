"""Which channels a score rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .._mne import draw_topomap, make_channel_info
from ._axes import BLUE, DARK, clean, name_score, open_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

KINDS = ("bar", "topomap")
TITLES = {"permutation": "channel permuted between trials", "drop": "trained without the channel"}


class ChannelImportanceDisplay:
    """By how much a score falls without each channel, as bars or on a head.

    It is recommended to use :meth:`from_importance`.

    Parameters
    ----------
    channels : sequence of str or int
        Names of the channels.
    importance : ndarray of shape (n_channels,)
        Mean over folds.
    spread : ndarray of shape (n_channels,), default=None
        Standard deviation over folds.
    score : str, default="score"
        Name of the score.
    method : str, default=""
        How channels were taken away.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    ax_ : matplotlib.axes.Axes
        The axes.
    bars_ : matplotlib.container.BarContainer or None
        The bars.
    im_ : matplotlib.image.AxesImage or None
        The map.

    See Also
    --------
    skmamba.inspection.channel_importance : Makes the table.

    Notes
    -----
    Bars show the standard deviation over folds. Folds share training trials, so it is no standard
    error. A map draws between electrodes what nobody measured: with few of them, prefer bars.
    Far from all electrodes it stays empty.

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

    figure_: Figure
    ax_: Axes
    bars_: BarContainer | None
    im_: AxesImage | None

    def __init__(
        self,
        channels: Sequence[str] | Sequence[int],
        importance: NDArray[Any],
        spread: NDArray[Any] | None = None,
        *,
        score: str = "score",
        method: str = "",
    ) -> None:
        self.channels = channels
        self.importance = importance
        self.spread = spread
        self.score = score
        self.method = method

    @classmethod
    def from_importance(
        cls,
        importance: pd.DataFrame,
        *,
        kind: Literal["bar", "topomap"] = "bar",
        cmap: str = "RdBu_r",
        ax: Axes | None = None,
    ) -> Self:
        """Draw what :func:`~skmamba.inspection.channel_importance` returned.

        Parameters
        ----------
        importance : DataFrame
            Columns ``channel``, ``fold`` and ``importance``.
        kind : {"bar", "topomap"}, default="bar"
            Bars, the most important channel on top; or a map on a head, if names have a place in
            the 10-05 system.
        cmap : str, default="RdBu_r"
            Colour map of matplotlib for the head, symmetric around zero.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : ChannelImportanceDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If a column is missing, there is nothing to draw, or a head has no place for a channel.
        """
        columns = ["channel", "fold", "importance"]
        missing = [column for column in columns if column not in importance]
        if missing:
            raise ValueError(
                f"importance must be what channel_importance returns, but has no "
                f"{', '.join(missing)}."
            )
        by_channel = importance.groupby("channel", sort=False)["importance"].agg(["mean", "std"])
        by_channel = by_channel.dropna(subset="mean")
        if by_channel.empty:
            raise ValueError("importance has no rows to draw.")
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
        """Draw the channels.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.
        kind : {"bar", "topomap"}, default="bar"
            Bars, or a map on a head.
        cmap : str, default="RdBu_r"
            Colour map of matplotlib for the head, symmetric around zero.

        Returns
        -------
        display : ChannelImportanceDisplay
            Itself.

        Raises
        ------
        ValueError
            If ``kind`` is neither, or a head has no place for a channel.
        ImportError
            If matplotlib is not installed.
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be 'bar' or 'topomap', got {kind!r}.")
        info = make_channel_info(self.channels) if kind == "topomap" else None  # or complain
        height = 1.2 + 0.28 * len(self.channels) if kind == "bar" else 3.6
        self.figure_, self.ax_ = open_axes(ax, (5.2, height), "ChannelImportanceDisplay")
        self.bars_ = self.im_ = None
        if kind == "bar":
            self._draw_bars()
        else:
            self._draw_map(info, cmap)
        self.ax_.set_title(TITLES.get(self.method, ""), loc="left", fontsize="medium")
        return self

    def _draw_bars(self):
        ax, places = self.ax_, range(len(self.channels))
        self.bars_ = ax.barh(
            places, self.importance, xerr=self.spread, color=BLUE, ecolor=DARK, height=0.7
        )
        ax.axvline(0, color=DARK, linewidth=1)
        ax.set_yticks(places, [str(name) for name in self.channels])
        ax.invert_yaxis()
        note = "" if self.spread is None else "\n(mean and standard deviation over folds)"
        ax.set_xlabel(f"loss of {name_score(self.score)}{note}")
        clean(ax)
        ax.tick_params(axis="y", length=0)

    def _draw_map(self, info, cmap):
        values = np.asarray(self.importance, dtype=float)
        most = np.abs(values).max() or 1.0
        self.im_ = draw_topomap(
            values,
            info,
            self.ax_,
            names=self.channels,
            cmap=cmap,
            vlim=(-most, most),
            extrapolate="local",  # frontal electrodes know nothing of the back of the head
        )
        label = f"loss of {name_score(self.score)}"
        self.figure_.colorbar(self.im_, ax=self.ax_, shrink=0.7, label=label)
