"""What the page carries inside: pictures, and files to save."""

import base64
import io
from typing import Any

import pandas as pd


def draw_picture(draw, size):
    """Address that holds what is drawn, as SVG: sharp at any size, its text as outlines."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        return None  # a page without pictures still has every number

    looks: dict[Any, Any] = {
        "font.size": 9,
        "svg.fonttype": "path",
        "svg.hashsalt": "skmamba",  # and no date: the same numbers give the same picture
        "text.parse_math": False,  # names may hold dollars
    }
    with rc_context(looks):
        figure = Figure(figsize=size, layout="constrained")  # no pyplot: no window, no state
        draw(figure.add_subplot())
        drawn = io.BytesIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None}, transparent=True)
    return _address("image/svg+xml", drawn.getvalue())


def describe_downloads(results, scored):
    """Give the numbers in full, as addresses that hold them."""
    frames = {"results.csv": results}
    scored = [frame for frame in scored if "fold" not in frame]
    if scored:
        frames["scores_by_subject.csv"] = pd.concat(scored)
    return [
        {"name": name, "address": _address("text/csv", frame.to_csv(index=False).encode())}
        for name, frame in frames.items()
    ]


def _address(kind, content):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
