"""Display of the training and validation loss over epochs."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._axes import BLUE, DARK, ORANGE, Axes, Display, use_integers


@dataclass(eq=False, repr=False)
class TrainingCurveDisplay(Display):
    """Loss of a network over epochs; use :meth:`from_estimator` to create it.

    Parameters
    ----------
    epochs : sequence of int
        Numbers of the epochs.
    train_loss : sequence of float
        Loss on the training windows, mean over the epoch.
    valid_loss : sequence of float, default=None
        Loss on the validation windows after the epoch.
    best_epoch : int, default=None
        Epoch whose weights the classifier has, if early stopping restored it.
    title : str, default=""
        Title of the axes.

    Attributes
    ----------
    figure_, ax_ : matplotlib.figure.Figure, matplotlib.axes.Axes
        Figure and axes.
    lines_ : list of matplotlib.lines.Line2D
        Training curve and, if there is one, validation curve.

    Notes
    -----
    The training loss is a mean over the epoch, during which the weights improve; it includes
    dropout and class weights. The validation loss is measured after the epoch without dropout.

    Examples
    --------
    >>> from skmamba import MSiMambaClassifier
    >>> from skmamba.datasets import simulate_trials
    >>> from skmamba.plots import TrainingCurveDisplay
    >>> trials = simulate_trials(n_subjects=4, n_trials=6, n_times=128)
    >>> clf = MSiMambaClassifier(d_model=8, max_epochs=3, early_stopping=True, random_state=0)
    >>> display = TrainingCurveDisplay.from_estimator(clf.fit(trials.X, trials.y))
    >>> len(display.valid_loss)
    3
    """

    epochs: Sequence[int]
    train_loss: Sequence[float]
    valid_loss: Sequence[float] | None = None
    _: KW_ONLY
    best_epoch: int | None = None
    title: str = ""

    @classmethod
    def from_estimator(cls, estimator: BaseEstimator, *, ax: Axes | None = None) -> Self:
        """Create and draw a display from a fitted network.

        Parameters
        ----------
        estimator : MSiMambaClassifier, BraindecodeClassifier or Pipeline
            A fitted network, or a fitted pipeline that ends in one.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a new figure.

        Returns
        -------
        display : TrainingCurveDisplay
            The display.
        """
        classifier = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
        check_is_fitted(classifier)
        name = type(classifier).__name__
        history = getattr(classifier, "history_", None)
        if not history:
            raise TypeError(
                "estimator must be MSiMambaClassifier, BraindecodeClassifier or a pipeline that "
                f"ends in one, got {name}, which has no `history_` of losses."
            )
        has_valid = all("valid_loss" in epoch for epoch in history)
        best_epoch = None
        if has_valid:
            stopping = dict(classifier.net_.callbacks_).get("early_stopping")  # None if loaded
            best_epoch = getattr(stopping, "best_epoch_", None)
        return cls(
            [epoch["epoch"] for epoch in history],
            [float(epoch["train_loss"]) for epoch in history],
            [float(epoch["valid_loss"]) for epoch in history] if has_valid else None,
            best_epoch=best_epoch,
            title=name,
        ).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None creates a new figure.
        """
        ax = self._create_axes(ax, (5.2, 3.4))
        style: dict[str, Any] = {"marker": "o" if len(self.epochs) <= 30 else "", "markersize": 3}
        self.lines_ = ax.plot(self.epochs, self.train_loss, color=BLUE, label="training", **style)
        if self.valid_loss is not None:
            self.lines_ += ax.plot(
                self.epochs, self.valid_loss, "--", color=ORANGE, label="validation", **style
            )
        if self.best_epoch is not None:
            label = f"restored weights: epoch {self.best_epoch}"
            ax.axvline(self.best_epoch, color=DARK, linestyle=":", linewidth=1, label=label)
        ax.legend(edgecolor="none")
        use_integers(ax.xaxis)
        ax.set(xlabel="epoch", ylabel="loss")
        ax.set_title(self.title, loc="left", fontsize="medium")
        return self
