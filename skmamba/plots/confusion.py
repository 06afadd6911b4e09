"""Display of a confusion matrix."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from .._results import EvaluationResults, check_is_one_part, check_table, get_table
from ._axes import Axes, Display, format_source, wrap_name


@dataclass(eq=False, repr=False)
class ConfusionDisplay(Display):
    """Confusion matrix of one estimator; use :meth:`from_results` to create it.

    Parameters
    ----------
    confusion_matrix : ndarray of shape (n_classes, n_classes)
        Number of trials by true class (rows) and predicted class (columns).
    display_labels : sequence of str
        Names of the classes.
    title : str, default=""
        Title of the axes.

    Attributes
    ----------
    figure_, ax_ : matplotlib.figure.Figure, matplotlib.axes.Axes
        Figure and axes.
    im_, text_ : matplotlib.image.AxesImage, ndarray of shape (n_classes, n_classes)
        Image of the matrix and texts of the cells.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmamba.plots import ConfusionDisplay
    >>> predictions = pd.DataFrame({
    ...     "estimator": "net", "y_true": [0, 0, 0, 1, 1], "y_pred": [0, 0, 1, 1, 1],
    ... })
    >>> display = ConfusionDisplay.from_results(predictions, label_names={0: "rest", 1: "task"})
    >>> display.confusion_matrix
    array([[2, 1],
           [0, 2]])
    """

    confusion_matrix: NDArray[Any]
    display_labels: Sequence[str]
    _: KW_ONLY
    title: str = ""

    @classmethod
    def from_results(
        cls,
        results: EvaluationResults | pd.DataFrame,
        estimator: str | None = None,
        *,
        label_names: Mapping[Any, str] | None = None,
        normalize: Literal["true"] | None = "true",
        cmap: str = "Blues",
        ax: Axes | None = None,
    ) -> Self:
        """Create and draw a display from the results of an evaluation.

        Parameters
        ----------
        results : EvaluationResults or DataFrame
            Results of :func:`~skmamba.evaluate`, or a table of predictions with the columns
            ``y_true`` and ``y_pred``.
        estimator : str, default=None
            Name of the estimator; None selects the only model.
        label_names : dict, default=None
            Names of the labels, such as ``trials.label_names``.
        normalize : {"true", None}, default="true"
            Whether a cell shows its share of the true class and the number of trials, or the
            number only.
        cmap : str, default="Blues"
            Colormap, from light to dark.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a new figure.

        Returns
        -------
        display : ConfusionDisplay
            The display.

        Warns
        -----
        UserWarning
            If predictions are missing, such as those of a failed fold.
        """
        rows = _select_predictions(results, estimator)
        y_true = rows["y_true"].to_numpy()
        y_pred = rows["y_pred"].to_numpy()
        if any(y.dtype.kind == "f" and (y % 1).any() for y in (y_true, y_pred)):
            raise ValueError("results must be predictions of classes, got ratings.")
        y_pred = y_pred.astype(y_true.dtype)  # NaN made integers floats
        labels = np.unique(np.concatenate([y_true, y_pred]))
        names = [str((label_names or {}).get(label, label)) for label in labels.tolist()]
        is_repeated = "random_state" in rows and rows["random_state"].nunique() > 1
        is_window = "window" in rows and rows["window"].notna().any()
        what = "predictions" if is_repeated else "windows" if is_window else "trials"
        title = ", ".join([*format_source(rows), f"{len(rows)} {what}"])
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
        ax, normalize, cmap
            As in :meth:`from_results`.
        """
        if normalize not in ("true", None):
            raise ValueError(f"normalize must be 'true' or None, got {normalize!r}.")
        counts = np.asarray(self.confusion_matrix)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        values, vmax = (counts, counts.max()) if normalize is None else (shares, 1)
        side = 2.6 + 0.6 * len(counts)
        ax = self._create_axes(ax, (side, side))
        self.im_ = ax.imshow(values, cmap=cmap, vmin=0, vmax=vmax)
        self.text_ = np.empty(counts.shape, dtype=object)
        for row, column in np.ndindex(counts.shape):
            count, share = counts[row, column], shares[row, column]
            self.text_[row, column] = ax.text(
                column,
                row,
                str(count) if normalize is None else f"{100 * share:.0f} %\n({count})",
                ha="center",
                va="center",
                color="white" if values[row, column] > 0.55 * vmax else "black",
            )
        ticks, names = range(len(counts)), [wrap_name(name, 12) for name in self.display_labels]
        ax.set_xticks(ticks, names, parse_math=False)
        ax.set_yticks(ticks, names, parse_math=False)
        ax.set(xlabel="predicted class", ylabel="true class")
        ax.set_title(self.title, loc="left", fontsize="medium", parse_math=False)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        return self


def _select_predictions(results, estimator):
    """Return the predictions of one estimator without missing values."""
    rows = get_table(results, "predictions")
    check_table("results", rows, ["y_true", "y_pred"], "evaluate")
    check_is_one_part(rows)
    names = list(rows["estimator"].unique()) if "estimator" in rows else []
    models = rows.query("kind == 'model'") if "kind" in rows else rows
    if names and estimator is None and models["estimator"].nunique() == 1:
        estimator = models["estimator"].iloc[0]
    if names or estimator is not None:
        if estimator not in names:
            raise ValueError(
                f"estimator must be one of {', '.join(map(str, names))}, got {estimator!r}."
            )
        rows = rows[rows["estimator"] == estimator]
    is_known = rows["y_true"].notna() & rows["y_pred"].notna()
    if not is_known.all():
        warnings.warn(
            f"{(~is_known).sum()} of {len(rows)} predictions are missing and left out.",
            stacklevel=3,
        )
    if not is_known.any():
        raise ValueError("results must have predictions to draw, got none.")
    return rows[is_known]
