"""Sequential selection of channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import check_consistent_length
from sklearn.utils.parallel import Parallel

from .._ch_names import check_ch_names
from .._metadata import infer_groups, make_folds
from .._mne import get_ch_names, resolve_sfreq
from .._parallel import delayed
from .._types import Epochs, Groups, Splitter
from .._validation import check_int, check_labels, check_option, restore_on_error
from ..trials import Trials
from .band_power import BandPower
from .channels import ChannelPicker

TOLERANCE = 1e-12  # scores that differ by less are equal: they differ by rounding only


class SequentialChannelSelector(ChannelPicker):
    """Select channels by greedy forward or backward search with cross-validation.

    As :class:`sklearn.feature_selection.SequentialFeatureSelector`, for channels. As a step of a
    pipeline it uses the training trials of each fold only.

    Parameters
    ----------
    n_channels_to_select : int, default=4
        Number of channels to select.
    estimator : classifier, default=None
        Classifier of trials ``(n_trials, n_selected, n_times)`` whose score is maximized; may be
        a pipeline. None is a linear discriminant with shrinkage on the :class:`BandPower` of
        trials.
    sfreq : float, default=None
        Sampling rate in hertz, required for ``estimator=None`` if X is an array.
    ch_names : sequence of str, default=None
        Channel names of X; Trials and ``mne.Epochs`` have their own.
    cv : int or splitter, default=5
        Inner cross-validation. An int (None: 5) is the number of stratified folds: over subjects if
        ``groups`` has several, with at most one fold per subject, else over trials.
    direction : {"forward", "backward"}, default="forward"
        Whether to add channels to none, or to remove channels from all.
    scoring : str or callable, default="balanced_accuracy"
        Score of a fold, as in :func:`sklearn.model_selection.cross_val_score`.
    n_jobs : int, default=None
        Number of channel sets to score in parallel.

    Attributes
    ----------
    support_ : ndarray of bool of shape (n_channels,)
        Mask of the selected channels.
    channels_ : list
        Names of the selected channels in the order of X, or indices if X has no names.
    scores_ : DataFrame
        One row per scored set of channels: ``n_channels`` of the set, ``channel`` that was added
        or removed (None: the set of all), ``score`` and ``std`` over the inner folds, and whether
        it was ``chosen``.
    picks_, ch_names_, n_features_in_, ch_names_in_, sfreq_in_
        As in :class:`ChannelPicker`.

    Notes
    -----
    All sets are scored on the same folds. Among equal scores, earlier channels are selected.
    ``scores_`` is optimistically biased: cross-validate the whole pipeline, in which the groups of
    arrays require metadata routing. Groups are not passed to ``estimator``.

    Examples
    --------
    >>> from skmamba.datasets import simulate_trials
    >>> from skmamba.preprocessing import SequentialChannelSelector
    >>> trials = simulate_trials(n_subjects=4, n_trials=6, signal="agreement", effect=3.0)
    >>> selector = SequentialChannelSelector(2, cv=2)
    >>> selector.fit_transform(trials, trials.y).shape
    (24, 2, 512)
    >>> selector.scores_.columns.tolist()
    ['n_channels', 'channel', 'score', 'std', 'chosen']
    """

    __metadata_request__fit = {"groups": True}  # as in EuclideanAlignment

    def __init__(
        self,
        n_channels_to_select: int = 4,
        estimator: BaseEstimator | None = None,
        *,
        sfreq: float | None = None,
        ch_names: Sequence[str] | None = None,
        cv: int | Splitter = 5,
        direction: Literal["forward", "backward"] = "forward",
        scoring: str | Callable[..., float] = "balanced_accuracy",
        n_jobs: int | None = None,
    ) -> None:
        self.n_channels_to_select = n_channels_to_select
        self.estimator = estimator
        self.sfreq = sfreq
        self.ch_names = ch_names
        self.cv = cv
        self.direction = direction
        self.scoring = scoring
        self.n_jobs = n_jobs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def fit(  # type: ignore[override]  # y is required
        self, X: Trials | ArrayLike | Epochs, y: ArrayLike, groups: Groups | None = None
    ) -> Self:
        """Select channels.

        Parameters
        ----------
        X : Trials, ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials, or windows ``(n_trials, n_windows, n_channels, n_times)`` for an ``estimator``
            of windows.
        y : array-like of shape (n_trials,)
            Labels.
        groups : DataFrame or array-like of shape (n_trials,), default=None
            The metadata with the column ``subject``, or that column; None uses the metadata of
            Trials. Splitters of this package receive the metadata.

        Returns
        -------
        self : SequentialChannelSelector
            The fitted transformer.
        """
        estimator = self._make_estimator(resolve_sfreq(X, self.sfreq))
        if groups is None and isinstance(X, Trials):
            groups = infer_groups(X.metadata, self.cv)
        with restore_on_error(self):
            names = get_ch_names(X) or self.ch_names
            X = self._validate_trials(X, reset=True, max_ndim=4)
            y = self._validate_labels(y)
            check_consistent_length(X, y)
            check_ch_names(names, self.n_features_in_)
            if self.n_channels_to_select > self.n_features_in_:
                raise ValueError(
                    "n_channels_to_select must not exceed the number of channels of X, "
                    f"{self.n_features_in_}, got {self.n_channels_to_select}."
                )
            folds = make_folds(self.cv, X, y, groups, estimator=self)
            for train, _ in folds:
                if len(np.unique(y[train])) < 2:
                    raise ValueError(
                        f"cv must give each training fold at least two classes, got {self.cv!r}, "
                        "with one class in a fold."
                    )
            score = partial(_score_channels, estimator, X, y, folds, self.scoring)
            selected, path = self._search(score)
            self.support_ = np.isin(np.arange(self.n_features_in_), selected)
            self._set_picks(np.flatnonzero(self.support_), names)
            self.channels_ = self.picks_.tolist() if self.ch_names_ is None else [*self.ch_names_]
            self.scores_ = _tabulate_path(path, names)
        return self

    def _make_estimator(self, sfreq):
        """Validate parameters and return the estimator that scores a set of channels."""
        check_int("n_channels_to_select", self.n_channels_to_select)
        check_option("direction", self.direction, ("forward", "backward"))
        if self.estimator is not None:
            return self.estimator
        if sfreq is None:
            raise ValueError("sfreq must be given, in hertz, if estimator is None, got None.")
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        return make_pipeline(BandPower(sfreq), lda)

    def _validate_labels(self, y):
        y = check_labels(y, self)
        classes = np.unique(y).tolist()
        if len(classes) < 2:
            raise ValueError(f"y must have at least 2 classes, got 1 class: {classes[0]!r}.")
        return y

    def _search(self, score):
        """Return the selected channels, and all sets that were scored."""
        forward = self.direction == "forward"
        channels = list(range(self.n_features_in_))
        selected = [] if forward else channels
        path: list[tuple[Any, ...]] = []
        if not forward:
            folds = score(channels)
            path.append((len(channels), None, folds.mean(), folds.std(), True))
        while len(selected) != self.n_channels_to_select:
            candidates = [i for i in channels if (i in selected) != forward]
            subsets = [sorted({*selected} ^ {candidate}) for candidate in candidates]
            scores = Parallel(n_jobs=self.n_jobs)(delayed(score)(subset) for subset in subsets)
            best = _argmax([folds.mean() for folds in scores], last=not forward)
            path += [
                (len(subsets[i]), candidates[i], folds.mean(), folds.std(), i == best)
                for i, folds in enumerate(scores)
            ]
            selected = subsets[best]
        return selected, path


def _score_channels(estimator, X, y, folds, scoring, channels):
    """Return the score of a set of channels in each inner fold."""
    X = X.take(channels, axis=max(1, X.ndim - 2))
    return cross_val_score(estimator, X, y, cv=folds, scoring=scoring, error_score="raise")


def _argmax(scores, *, last):
    """Return the first or the last index of the highest score, up to rounding."""
    scores = np.asarray(scores)
    if np.isnan(scores).any():
        raise ValueError(
            "scoring must be finite in all inner folds, got NaN. A fold may lack a class: use a "
            "different score or fewer folds."
        )
    best = np.flatnonzero(scores >= scores.max() - TOLERANCE)
    return best[-1 if last else 0]


def _tabulate_path(path, names):
    table = pd.DataFrame(path, columns=["n_channels", "channel", "score", "std", "chosen"])
    channels = [row[1] if names is None or row[1] is None else names[row[1]] for row in path]
    return table.assign(channel=pd.Series(channels, dtype=object))  # keeps None, which is not NaN
