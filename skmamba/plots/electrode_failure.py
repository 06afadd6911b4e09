"""Display of the score over the number of failed electrodes."""

from dataclasses import dataclass
from typing import Any, Self

import pandas as pd

from .._results import check_table
from ._axes import BLUE, Axes, Display, format_score_name, use_integers


@dataclass(eq=False, repr=False)
class ElectrodeFailureDisplay(Display):
    """Score over the number of failed electrodes; use :meth:`from_curve` to create it.

    Parameters
    ----------
    curve : DataFrame
        Table of :func:`~skmamba.inspection.electrode_failure`; ``curve.attrs`` may have the name
        of the ``"score"`` and the kind of ``"failure"``.

    Attributes
    ----------
    figure_, ax_ : matplotlib.figure.Figure, matplotlib.axes.Axes
        Figure and axes.
    line_, dots_ : matplotlib.lines.Line2D, matplotlib.collections.PathCollection
        Mean over subsets of electrodes, and score of each subset.

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

    curve: pd.DataFrame

    @classmethod
    def from_curve(cls, curve: pd.DataFrame, *, ax: Axes | None = None) -> Self:
        """Create and draw a display from a table of scores.

        Parameters
        ----------
        curve : DataFrame
            Table of :func:`~skmamba.inspection.electrode_failure`.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a new figure.

        Returns
        -------
        display : ElectrodeFailureDisplay
            The display.
        """
        check_table("curve", curve, ["n_failed", "score"], "electrode_failure")
        return cls(curve).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw a dot for each subset of electrodes and a line through the means.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a new figure.
        """
        ax = self._create_axes(ax, (5.2, 3.4))
        means = self.curve.groupby("n_failed")["score"].mean()
        style: Any = {"s": 14, "color": BLUE, "alpha": 0.4, "linewidth": 0}
        self.dots_ = ax.scatter(
            "n_failed", "score", data=self.curve, label="one subset of electrodes", **style
        )
        (self.line_,) = ax.plot(means.index, means, color=BLUE, marker="D", label="mean")
        use_integers(ax.xaxis)
        score, failure = (self.curve.attrs.get(key, "") for key in ("score", "failure"))
        ax.set_xlabel("failed electrodes" + (f" ({failure})" if failure else ""))
        ax.set_ylabel(format_score_name(score or "score"))
        ax.legend(frameon=False)
        return self
