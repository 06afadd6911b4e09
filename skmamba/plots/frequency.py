"""Display of the frequencies that the multi-scale block selects."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .._results import check_table
from .._validation import check_option
from ._axes import Axes, Display

YLABELS = {
    "share": "share of windows",
    "weight": "mean weight",
    "amplitude": "mean amplitude (scaled units)",
}


@dataclass(eq=False, repr=False)
class FrequencyDisplay(Display):
    """Selected frequencies of each class; use :meth:`from_profile` to create it.

    Parameters
    ----------
    frequencies : ndarray of shape (n_frequencies,)
        Frequencies in hertz, ascending.
    values : ndarray of shape (n_labels, n_frequencies)
        Values to draw.
    labels : sequence of str
        Names of the classes.
    value : {"share", "weight", "amplitude"}, default="share"
        Kind of the values.
    resolution : float, default=None
        Distance between bins in hertz; None is the smallest among ``frequencies`` and zero.
        Lines have a gap at bins without data.

    Attributes
    ----------
    figure_, ax_ : matplotlib.figure.Figure, matplotlib.axes.Axes
        Figure and axes.
    lines_ : list of matplotlib.lines.Line2D
        One line per class.

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

    frequencies: NDArray[Any]
    values: NDArray[Any]
    labels: Sequence[str]
    _: KW_ONLY
    value: Literal["share", "weight", "amplitude"] = "share"
    resolution: float | None = None

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
        """Create and draw a display from a frequency profile.

        Parameters
        ----------
        profile : DataFrame
            Table of :func:`~skmamba.inspection.frequency_profile`.
        value : {"share", "weight", "amplitude"}, default="share"
            Share of windows that selected a frequency, its mean weight, or its amplitude.
        channel : str or int, default=None
            Channel whose amplitude is drawn; None draws the mean over channels. Share and weight
            are equal for all channels.
        label_names : dict, default=None
            Names of the labels, such as ``trials.label_names``.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a new figure.

        Returns
        -------
        display : FrequencyDisplay
            The display.
        """
        check_option("value", value, YLABELS)
        columns = ["label", "channel", "frequency", value]
        check_table("profile", profile, columns, "frequency_profile")
        if channel is not None:
            channels = list(dict.fromkeys(profile["channel"]))
            if channel not in channels:
                raise ValueError(
                    f"channel must be one of {', '.join(map(str, channels))}, got {channel!r}."
                )
            profile = profile[profile["channel"] == channel]
        table = profile.pivot_table(index="label", columns="frequency", values=value, dropna=False)
        names = [str((label_names or {}).get(label, label)) for label in table.index]
        resolution = profile.attrs.get("resolution")
        frequencies, values = table.columns.to_numpy(), table.to_numpy()
        return cls(frequencies, values, names, value=value, resolution=resolution).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw one line per class.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a new figure.
        """
        ax = self._create_axes(ax, (6.4, 3.4))
        style: Any = {"marker": "o", "markersize": 3, "linewidth": 1.2}
        steps = np.diff(self.frequencies, prepend=0)
        gaps = np.flatnonzero(steps[1:] > 1.5 * (self.resolution or steps.min())) + 1
        frequencies = np.insert(np.asarray(self.frequencies, float), gaps, np.nan)
        values = np.insert(np.asarray(self.values, float), gaps, np.nan, axis=1)
        self.lines_ = ax.plot(frequencies, values.T, label=list(self.labels), **style)
        ax.set_ylim(bottom=0)
        ax.set(xlabel="frequency (Hz)", ylabel=YLABELS[self.value])
        for text in ax.legend(title="class", frameon=False).get_texts():
            text.set_parse_math(False)
        return self
