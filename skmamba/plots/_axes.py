"""Axes, colours and labels shared by the displays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._format import SCORE_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colour-blind safe palette of Okabe and Ito; in greyscale, blue is darker than grey.
BLUE, ORANGE, GREY, DARK = "#0072B2", "#D55E00", "#999999", "#222222"


def create_axes(
    ax: Axes | None, figsize: tuple[float, float], display: object
) -> tuple[Figure, Axes]:
    """Return a figure and its axes: those given, or new ones."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__} requires matplotlib: pip install 'skmamba[plot]'."
        ) from error
    if ax is None:
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    figure: Any = ax.figure  # a Figure or a SubFigure
    return figure, ax


def draw_chance_level(ax, chance_level):
    """Draw a vertical dashed line with a label, or nothing if the level is None."""
    if chance_level is None:
        return None
    ax.annotate(
        "chance level",
        (chance_level, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, -3),
        textcoords="offset points",
        va="top",
        fontsize="small",
    )
    return ax.axvline(chance_level, color=DARK, linestyle="--", linewidth=1, zorder=0)


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


def check_columns(name, frame, columns, function):
    """Raise ValueError unless a table has the columns that a function returns."""
    missing = [column for column in columns if column not in frame]
    if missing:
        raise ValueError(
            f"`{name}` must have the columns {', '.join(columns)} that {function} returns; "
            f"missing: {', '.join(missing)}."
        )
