"""What the steps share: taking trials in, and letting pandas output pass by."""

from __future__ import annotations

from typing import Literal, Self

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, validate_data

from .._mne import as_array, count_dims


class TrialStep(TransformerMixin, BaseEstimator):
    """A step on trials, ``(n_trials, n_channels, n_times)``, or on mne.Epochs."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def set_output(
        self, *, transform: Literal["default", "pandas", "polars"] | None = None
    ) -> Self:
        """Do nothing: three axes have no form as a data frame.

        It is here so that ``pipeline.set_output(transform="pandas")`` still reaches the steps
        that can.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Ignored.

        Returns
        -------
        self : object
            The step.
        """
        return self

    def _check_trials(self, X, *, reset, max_ndim=3):
        """Validate trials; a wrong number of channels is told in channels."""
        X = as_array(X)
        ndim = count_dims(X)
        if ndim > max_ndim:
            raise ValueError(
                f"{type(self).__name__} takes X of at most {max_ndim} dimensions, got {ndim}."
            )
        if ndim < 3:
            return validate_data(self, X, reset=reset)
        X = check_array(X, allow_nd=True, input_name="X")
        n_channels = X.shape[-2]
        if reset:
            self.n_features_in_ = n_channels
        elif n_channels != self.n_features_in_:
            raise ValueError(
                f"X has {n_channels} channels, but {type(self).__name__} was fitted on "
                f"{self.n_features_in_}."
            )
        return X
