"""Which rhythms windows are folded at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._axes import clean, open_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

VALUES = {
    "share": "share of windows",
    "weight": "mean weight",
    "amplitude": "mean amplitude, in scaled units",
}


class FrequencyDisplay:
    """How often each class's windows are folded at each frequency.

    It is recommended to use :meth:`from_profile`.

    Parameters
    ----------
    frequencies : ndarray of shape (n_frequencies,)
        In hertz, ascending.
    values : ndarray of shape (n_labels, n_frequencies)
        What is drawn.
    labels : sequence of str
        Names of the classes.
    value : {"share", "weight", "amplitude"}, default="share"
        What the values are.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    ax_ : matplotlib.axes.Axes
        The axes.
    lines_ : list of matplotlib.lines.Line2D
        One line a class.

    See Also
    --------
    skmamba.inspection.frequency_profile : Makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmamba.plots import FrequencyDisplay
    >>> profile = pd.DataFrame({
    ...     "label": [0, 0, 1, 1], "channel": "Fp1", "frequency": [1.0, 10.0] * 2,
    ...     "share": [1.0, 0.3, 0.9, 0.8],
    ... })
    >>> display = FrequencyDisplay.from_profile(profile, label_names={0: "task", 1: "rest"})
    >>> display.ax_.get_xlabel()
    'frequency (Hz)'
    """

    figure_: Figure
    ax_: Axes
    lines_: list[Line2D]

    def __init__(
        self,
        frequencies: NDArray[Any],
        values: NDArray[Any],
        labels: Sequence[str],
        *,
        value: Literal["share", "weight", "amplitude"] = "share",
    ) -> None:
        self.frequencies = frequencies
        self.values = values
        self.labels = labels
        self.value = value

    @classmethod
    def from_profile(
        cls,
        profile: pd.DataFrame,
        *,
        value: Literal["share", "weight", "amplitude"] = "share",
        channel: str | int | None = None,
        label_names: Mapping[Any, str] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw what :func:`~skmamba.inspection.frequency_profile` returned.

        Parameters
        ----------
        profile : DataFrame
            Columns ``label``, ``channel``, ``frequency`` and the one to draw.
        value : {"share", "weight", "amplitude"}, default="share"
            Share of windows folded at a frequency, its mean weight, or its amplitude.
        channel : str or int, default=None
            One channel, for the amplitude; by default the mean over channels. The others are the
            same for all.
        label_names : dict, default=None
            Names of labels, such as ``trials.label_names``.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : FrequencyDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If a column or the channel is not there, or there is no such value.
        """
        if value not in VALUES:
            raise ValueError(f"value must be one of {', '.join(map(repr, VALUES))}, got {value!r}.")
        columns = ["label", "channel", "frequency", value]
        missing = [column for column in columns if column not in profile]
        if missing:
            raise ValueError(
                f"profile must be what frequency_profile returns, but has no {', '.join(missing)}."
            )
        if channel is not None:
            channels = list(dict.fromkeys(profile["channel"]))
            if channel not in channels:
                raise ValueError(
                    f"channel must be one of {', '.join(map(str, channels))}, got {channel!r}."
                )
            profile = profile[profile["channel"] == channel]
        table = profile.pivot_table(index="label", columns="frequency", values=value)
        names = [str((label_names or {}).get(label, label)) for label in table.index]
        return cls(table.columns.to_numpy(), table.to_numpy(), names, value=value).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw a line for each class.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : FrequencyDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.figure_, self.ax_ = open_axes(ax, (6.4, 3.4), "FrequencyDisplay")
        self.lines_ = []
        for label, values in zip(self.labels, np.asarray(self.values), strict=True):
            self.lines_ += self.ax_.plot(
                self.frequencies, values, marker="o", markersize=3, linewidth=1.2, label=label
            )
        self.ax_.set_ylim(bottom=0)
        self.ax_.set(xlabel="frequency (Hz)", ylabel=VALUES[self.value])
        self.ax_.legend(title="class", frameon=False)
        clean(self.ax_)
        return self
