"""How a network learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._axes import BLUE, DARK, ORANGE, clean, open_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


class TrainingCurveDisplay:
    """Loss over epochs, and which epoch early stopping kept.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    epochs : sequence of int
        Numbers of the epochs.
    train_loss : sequence of float
        Loss on the training windows, mean over the epoch.
    valid_loss : sequence of float, default=None
        Loss on held-out windows, after the epoch.
    kept_epoch : int, default=None
        Epoch whose weights the classifier has, if not the last.
    title : str, default=""
        Name of the classifier.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    ax_ : matplotlib.axes.Axes
        The axes.
    lines_ : list of matplotlib.lines.Line2D
        The curves.

    Notes
    -----
    The two losses are not of one moment: weights get better during an epoch, so the mean over it
    lags behind. Dropout and class weights act on the training loss, dropout not on the other.

    Examples
    --------
    >>> from skmamba import MSiMambaClassifier, TrainingCurveDisplay, simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=6, n_times=128)
    >>> clf = MSiMambaClassifier(max_epochs=3, early_stopping=True, random_state=0)
    >>> display = TrainingCurveDisplay.from_estimator(clf.fit(trials.X, trials.y))
    >>> len(display.valid_loss)
    3
    """

    figure_: Figure
    ax_: Axes
    lines_: list[Line2D]

    def __init__(
        self,
        epochs: Sequence[int],
        train_loss: Sequence[float],
        valid_loss: Sequence[float] | None = None,
        *,
        kept_epoch: int | None = None,
        title: str = "",
    ) -> None:
        self.epochs = epochs
        self.train_loss = train_loss
        self.valid_loss = valid_loss
        self.kept_epoch = kept_epoch
        self.title = title

    @classmethod
    def from_estimator(cls, estimator: BaseEstimator, *, ax: Axes | None = None) -> Self:
        """Draw what a fitted network recorded.

        Parameters
        ----------
        estimator : MSiMambaClassifier, BraindecodeClassifier or Pipeline
            A fitted network, or a pipeline that ends in one.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : TrainingCurveDisplay
            What was drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        TypeError
            If it recorded no losses, since it is no network.
        """
        classifier = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
        check_is_fitted(classifier)
        name = type(classifier).__name__
        history = getattr(classifier, "history_", None)
        if not history:
            raise TypeError(
                f"{name} has no history_ of losses: give MSiMambaClassifier, "
                "BraindecodeClassifier, or a pipeline that ends in one."
            )
        has_valid = all("valid_loss" in epoch for epoch in history)
        return cls(
            [epoch["epoch"] for epoch in history],
            [float(epoch["train_loss"]) for epoch in history],
            [float(epoch["valid_loss"]) for epoch in history] if has_valid else None,
            kept_epoch=_find_kept_epoch(classifier) if has_valid else None,
            title=name,
        ).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : TrainingCurveDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.figure_, self.ax_ = open_axes(ax, (5.2, 3.4), "TrainingCurveDisplay")
        ax = self.ax_
        marker = "o" if len(self.epochs) <= 30 else ""
        self.lines_ = ax.plot(
            self.epochs, self.train_loss, color=BLUE, marker=marker, markersize=3, label="training"
        )
        if self.valid_loss is not None:
            self.lines_ += ax.plot(
                self.epochs,
                self.valid_loss,
                color=ORANGE,
                linestyle="--",
                marker=marker,
                markersize=3,
                label="held-out trials",
            )
        if self.kept_epoch is not None:
            ax.axvline(
                self.kept_epoch,
                color=DARK,
                linestyle=":",
                linewidth=1,
                label=f"weights kept: epoch {self.kept_epoch}",
            )
        if self.valid_loss is not None:
            ax.legend(frameon=False)
        ax.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
        ax.set(xlabel="epoch", ylabel="training loss" if self.valid_loss is None else "loss")
        ax.set_title(self.title, loc="left", fontsize="medium")
        clean(ax)
        return self


def _find_kept_epoch(classifier):
    """Epoch that early stopping went back to; None where that is no longer known."""
    callbacks = dict(getattr(classifier.net_, "callbacks_", None) or [])
    return getattr(callbacks.get("early_stopping"), "best_epoch_", None)
