"""Axes, colours and labels shared by the displays."""

from textwrap import fill
from typing import TYPE_CHECKING, Any

from .._extras import require_extra
from .._format import SCORE_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
else:
    Axes = Any  # matplotlib is imported when it is used

# Colour-blind safe palette of Okabe and Ito; in greyscale, blue is darker than grey.
BLUE, ORANGE, GREY, DARK = "#0072B2", "#D55E00", "#999999", "#222222"


class Display:
    """Base class of the displays."""

    figure_: Any  # a Figure or a SubFigure
    ax_: Axes

    def _create_axes(self, ax: Axes | None, figsize: tuple[float, float]) -> Axes:
        """Set and return the axes: those given, or those of a new figure."""
        with require_extra("plot", type(self).__name__):
            import matplotlib.pyplot as plt
        if ax is None:
            _, ax = plt.subplots(figsize=figsize, layout="constrained")
        if not hasattr(ax, "spines"):
            raise ValueError(f"ax must be matplotlib Axes or None, got {ax!r}.")
        ax.spines[["top", "right"]].set_visible(False)
        self.figure_, self.ax_ = ax.figure, ax
        return ax

    def _label_rows(self, names):
        """Label rows from top to bottom, below the label of the chance level."""
        self.ax_.set_yticks(range(len(names)), names, parse_math=False)  # a $ is part of the name
        self.ax_.set_ylim(len(names) - 0.5, -0.8)
        self.ax_.tick_params(axis="y", length=0)

    def _annotate_row(self, text, row):
        """Write text to the right of a row."""
        coords = ("axes fraction", "data")
        self.ax_.annotate(text, (1.01, row), xycoords=coords, va="center", fontsize="small")

    def _draw_chance_level(self, chance_level):
        """Draw a vertical dashed line with a label, or nothing if the level is None."""
        if chance_level is None:
            return None
        style: Any = {"textcoords": "offset points", "va": "top", "fontsize": "small"}
        coords = ("data", "axes fraction")
        self.ax_.annotate("chance level", (chance_level, 1), (3, -3), coords, **style)
        return self.ax_.axvline(chance_level, color=DARK, linestyle="--", linewidth=1, zorder=0)


def wrap_name(name, width, max_length=48):
    """Break a name into lines, without the middle if it is long, so that names stay distinct."""
    half = max_length // 2 - 1
    return fill(name if len(name) <= max_length else f"{name[:half]}…{name[-half:]}", width)


def use_integers(axis):
    """Place ticks at integers, unless the axis has ticks or a scale of its own."""
    from matplotlib.ticker import MaxNLocator

    locator = axis.get_major_locator()
    if isinstance(locator, MaxNLocator):
        locator.set_params(integer=True)


def format_score_name(score):
    """Return the name of a score as written in text."""
    return SCORE_NAMES.get(score, score.replace("_", " "))


def format_source(frame):
    """Return data set and protocol of a table as strings, if it has one of each."""
    parts = []
    for column in ("dataset", "protocol"):
        values = frame[column].unique() if column in frame else []
        if len(values) == 1 and values[0]:
            parts.append(str(values[0]).replace("_", "-") if column == "protocol" else values[0])
    return parts
