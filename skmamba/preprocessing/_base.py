"""Base class of transformers of trials."""

from __future__ import annotations

from typing import Literal, Self

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import validate_data

from .._mne import as_array, check_recording, count_dims
from .._types import Epochs
from .._validation import check_finite, check_is_no_single_trial, restore_on_error
from ..trials import Trials


class BaseTrialTransformer(TransformerMixin, BaseEstimator):
    """Transformer of Trials, arrays ``(n_trials, n_channels, n_times)`` or ``mne.Epochs``.

    Subclasses define ``fit``, or ``_fit(X)``, which sets the fitted attributes.
    """

    n_features_in_: int
    _HINT = ""  # of the error for X of too many dimensions

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def fit(self, X: Trials | ArrayLike | Epochs, y: object = None) -> Self:
        """Validate the parameters and set the fitted attributes.

        Parameters
        ----------
        X : Trials, ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials or windows; two dimensions are trials of one channel. ChannelPicker also
            accepts windows ``(n_trials, n_windows, n_channels, n_times)``.
        y : ignored
            For compatibility with scikit-learn.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        with restore_on_error(self):
            self._fit(X)
        return self

    def set_output(
        self, *, transform: Literal["default", "pandas", "polars"] | None = None
    ) -> Self:
        """Do nothing: pipelines call this method, but the output has three dimensions.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Ignored.

        Returns
        -------
        self : object
            The transformer.
        """
        return self

    def _validate_trials(self, X, *, reset, max_ndim=3, lazy=False, any_channels=False):
        """Validate X and return it as an array; with ``reset``, store its properties, else compare.

        These are the number of channels, their names unless ``any_channels``, and the sampling
        rate. With ``lazy``, Trials are returned unchanged, and are not read.
        """
        check_recording(self, X, reset=reset, any_channels=any_channels)
        lazy = lazy and isinstance(X, Trials)
        is_rejected = getattr(X, "ndim", 0) > max_ndim  # before windows of Trials are copied
        X = X if lazy or is_rejected else as_array(X)
        ndim = count_dims(X)
        if ndim > max_ndim:
            raise ValueError(
                f"X must have at most {max_ndim} dimensions for {type(self).__name__}, got {ndim}."
                f"{self._HINT}"
            )
        if ndim < 3:
            if not reset:
                check_is_no_single_trial(X, self.n_features_in_)
            return validate_data(self, X, reset=reset)
        X = X if lazy else check_finite(X)
        if 0 in X.shape[1:]:
            raise ValueError(f"X must not be empty, got shape {X.shape}.")
        n_channels = X.shape[-2]
        if reset:
            self.n_features_in_ = n_channels
        elif n_channels != self.n_features_in_:
            raise ValueError(
                f"X has {n_channels} channels, but {type(self).__name__} was fitted on "
                f"{self.n_features_in_}."
            )
        return X


def add_channel_axis(X):
    """Return trials of one channel, ``(n_trials, n_times)``, as ``(n_trials, 1, n_times)``."""
    return X[:, None] if X.ndim == 2 else X
