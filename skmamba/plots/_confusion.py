"""Which class is taken for which."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from ._axes import open_axes, tell_source

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


class ConfusionDisplay:
    """Confusion matrix of one estimator: share and number of trials in each cell.

    It is recommended to use :meth:`from_predictions`.

    Parameters
    ----------
    confusion_matrix : ndarray of shape (n_classes, n_classes)
        Number of trials; a row is a true class, a column a predicted one.
    labels : sequence of str
        Names of the classes.
    title : str, default=""
        Estimator, data set, protocol.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    ax_ : matplotlib.axes.Axes
        The axes.
    im_ : matplotlib.image.AxesImage
        The coloured cells.
    text_ : ndarray of shape (n_classes, n_classes)
        What is written in them.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : From labels instead of a table of predictions.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmamba import ConfusionDisplay
    >>> predictions = pd.DataFrame({
    ...     "estimator": "net", "y_true": [0, 0, 0, 1, 1], "y_pred": [0, 0, 1, 1, 1],
    ... })
    >>> display = ConfusionDisplay.from_predictions(predictions, label_names={0: "rest", 1: "task"})
    >>> display.confusion_matrix
    array([[2, 1],
           [0, 2]])
    """

    figure_: Figure
    ax_: Axes
    im_: AxesImage
    text_: NDArray[Any]

    def __init__(
        self, confusion_matrix: NDArray[Any], labels: Sequence[str], *, title: str = ""
    ) -> None:
        self.confusion_matrix = confusion_matrix
        self.labels = labels
        self.title = title

    @classmethod
    def from_predictions(
        cls,
        predictions: pd.DataFrame,
        estimator: str | None = None,
        *,
        label_names: Mapping[Any, str] | None = None,
        normalize: Literal["true"] | None = "true",
        cmap: str = "Blues",
        ax: Axes | None = None,
    ) -> Self:
        """Draw predictions of :func:`evaluate`.

        Parameters
        ----------
        predictions : DataFrame
            Second result of ``evaluate(..., return_predictions=True)``, or any table with
            columns ``y_true`` and ``y_pred``.
        estimator : str, default=None
            Whose predictions; may be left out if there is one estimator.
        label_names : dict, default=None
            Names of labels, such as ``trials.label_names``.
        normalize : {"true", None}, default="true"
            Whether cells are coloured by their share of the true class, or by number.
        cmap : str, default="Blues"
            Colour map of matplotlib, from light to dark.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : ConfusionDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If a column or the estimator is not there, or it is not told which of several.

        Warns
        -----
        UserWarning
            If predictions are missing, as those of a failed fold are.
        """
        rows = _rows_of(predictions, estimator)
        answered = rows["y_true"].notna() & rows["y_pred"].notna()
        if not answered.all():
            warnings.warn(
                f"{(~answered).sum()} of {len(rows)} predictions are missing and left out.",
                stacklevel=2,
            )
        rows = rows[answered]
        if rows.empty:
            raise ValueError("There are no predictions to draw.")
        y_true = rows["y_true"].to_numpy()
        y_pred = rows["y_pred"].to_numpy().astype(y_true.dtype)  # beside NaN, integers were floats
        labels = np.unique(np.concatenate([y_true, y_pred]))
        names = [str((label_names or {}).get(label, label)) for label in labels.tolist()]
        title = ", ".join([*tell_source(rows), f"{len(rows)} trials"])
        if "estimator" in rows:
            title = f"{rows['estimator'].iloc[0]}\n{title}"
        matrix = confusion_matrix(y_true, y_pred, labels=labels)
        return cls(matrix, names, title=title).plot(ax, normalize=normalize, cmap=cmap)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        normalize: Literal["true"] | None = "true",
        cmap: str = "Blues",
    ) -> Self:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.
        normalize : {"true", None}, default="true"
            Whether cells are coloured by their share of the true class, or by number.
        cmap : str, default="Blues"
            Colour map of matplotlib, from light to dark.

        Returns
        -------
        display : ConfusionDisplay
            Itself.

        Raises
        ------
        ValueError
            If ``normalize`` is neither.
        ImportError
            If matplotlib is not installed.
        """
        if normalize not in ("true", None):
            raise ValueError(f"normalize must be 'true' or None, got {normalize!r}.")
        counts = np.asarray(self.confusion_matrix)
        n_classes = len(counts)
        side = 2.6 + 0.6 * n_classes
        self.figure_, self.ax_ = open_axes(ax, (side, side), "ConfusionDisplay")
        in_class = counts.sum(axis=1, keepdims=True)
        shares = counts / np.maximum(in_class, 1)  # a class nobody is of has a row of zeros
        values, top = (counts, counts.max()) if normalize is None else (shares, 1)
        # Between a light and a dark end, black and white are both far enough from every cell.
        self.im_ = self.ax_.imshow(values, cmap=cmap, vmin=0, vmax=top)
        self.text_ = np.empty(counts.shape, dtype=object)
        for true, predicted in np.ndindex(counts.shape):
            count, share = counts[true, predicted], shares[true, predicted]
            self.text_[true, predicted] = self.ax_.text(
                predicted,
                true,
                str(count) if normalize is None else f"{100 * share:.0f} %\n({count})",
                ha="center",
                va="center",
                color="white" if values[true, predicted] > 0.55 * top else "black",
            )
        self.ax_.set_xticks(range(n_classes), self.labels)
        self.ax_.set_yticks(range(n_classes), self.labels)
        self.ax_.set(xlabel="predicted", ylabel="true")
        self.ax_.set_title(self.title, loc="left", fontsize="medium")
        self.ax_.spines[:].set_visible(False)
        self.ax_.tick_params(length=0)
        return self


def _rows_of(predictions, estimator):
    """Predictions of the estimator asked for, or of the only one."""
    missing = [name for name in ("y_true", "y_pred") if name not in predictions]
    if missing:
        raise ValueError(
            f"predictions must have columns 'y_true' and 'y_pred', as "
            f"evaluate(..., return_predictions=True) gives them; missing: {', '.join(missing)}."
        )
    if "estimator" not in predictions:
        if estimator is not None:
            raise ValueError(f"predictions have no column 'estimator' to find {estimator!r} in.")
        return predictions
    names = list(predictions["estimator"].unique())
    if estimator is None and len(names) > 1:
        raise ValueError(
            f"predictions are of {len(names)} estimators: give estimator, one of "
            f"{', '.join(map(str, names))}."
        )
    if estimator is not None and estimator not in names:
        raise ValueError(
            f"estimator must be one of {', '.join(map(str, names))}, got {estimator!r}."
        )
    return predictions if estimator is None else predictions[predictions["estimator"] == estimator]
