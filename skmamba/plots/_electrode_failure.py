"""What is left of a score when electrodes fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import pandas as pd

from ._axes import BLUE, clean, name_score, open_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


class ElectrodeFailureDisplay:
    """Score over the number of failed electrodes.

    It is recommended to use :meth:`from_curve`.

    Parameters
    ----------
    curve : DataFrame
        What :func:`~skmamba.inspection.electrode_failure` returns.
    score : str, default="score"
        Name of the score.
    failure : str, default=""
        What failed electrodes give.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    ax_ : matplotlib.axes.Axes
        The axes.
    line_ : matplotlib.lines.Line2D
        Mean over subsets of electrodes.
    dots_ : matplotlib.collections.PathCollection
        Scores of the subsets.

    See Also
    --------
    skmamba.inspection.electrode_failure : Makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmamba.plots import ElectrodeFailureDisplay
    >>> curve = pd.DataFrame({
    ...     "n_failed": [0, 1, 1, 2], "channels": ["", "Fp1", "Fp2", "Fp1, Fp2"],
    ...     "score": [0.9, 0.9, 0.6, 0.5],
    ... })
    >>> ElectrodeFailureDisplay.from_curve(curve).line_.get_ydata().tolist()
    [0.9, 0.75, 0.5]
    """

    figure_: Figure
    ax_: Axes
    line_: Line2D
    dots_: PathCollection

    def __init__(self, curve: pd.DataFrame, *, score: str = "score", failure: str = "") -> None:
        self.curve = curve
        self.score = score
        self.failure = failure

    @classmethod
    def from_curve(cls, curve: pd.DataFrame, *, ax: Axes | None = None) -> Self:
        """Draw what :func:`~skmamba.inspection.electrode_failure` returned.

        Parameters
        ----------
        curve : DataFrame
            Columns ``n_failed`` and ``score``.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : ElectrodeFailureDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If a column is missing.
        """
        missing = [column for column in ("n_failed", "score") if column not in curve]
        if missing:
            raise ValueError(
                f"curve must be what electrode_failure returns, but has no {', '.join(missing)}."
            )
        names = {key: curve.attrs[key] for key in ("score", "failure") if key in curve.attrs}
        return cls(curve, **names).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw a dot for each subset, and a line through the means.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : ElectrodeFailureDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.figure_, self.ax_ = open_axes(ax, (5.2, 3.4), "ElectrodeFailureDisplay")
        ax = self.ax_
        means = self.curve.groupby("n_failed")["score"].mean()
        self.dots_ = ax.scatter(
            self.curve["n_failed"],
            self.curve["score"],
            s=14,
            color=BLUE,
            alpha=0.4,
            linewidth=0,
            label="one subset",
        )
        (self.line_,) = ax.plot(means.index, means, color=BLUE, marker="D", label="mean")
        ax.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
        kind = f" ({self.failure})" if self.failure else ""
        ax.set(xlabel=f"failed electrodes{kind}", ylabel=name_score(self.score))
        ax.legend(frameon=False)
        clean(ax)
        return self
