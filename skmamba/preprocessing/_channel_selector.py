"""Finding the electrodes that a task can be told from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import (
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed

from .._metadata import get_columns
from .._mne import get_ch_names
from .._types import Epochs, Groups, Splitter
from .._validation import check_int, check_option, restore_on_error
from ._band_power import BandPower
from ._channels import ChannelPicker

DIRECTIONS = ("forward", "backward")
SAME = 1e-12  # scores that differ by less are ties: means of the same numbers, rounded otherwise


class SequentialChannelSelector(ChannelPicker):
    """Find the k channels that together tell the classes apart best, one after the other.

    For the question which few electrodes are enough. As a step of a pipeline it learns from the
    training trials of each fold alone, and ``n_channels_to_select`` can be searched; choosing once on all trials, and
    cross-validating afterwards, would let the test trials have their say. To keep channels that are
    known beforehand, see :class:`~skmamba.ChannelPicker`.

    Parameters
    ----------
    n_channels_to_select : int, default=4
        How many channels to keep.
    estimator : classifier, default=None
        What tells how good a set of channels is. It gets trials ``(n_trials, n_chosen, n_times)``
        and may be a whole pipeline. None stands for a linear discriminant with shrinkage on the
        :class:`~skmamba.BandPower` of whole trials.
    sfreq : float, default=None
        Sampling rate in hertz, for ``estimator=None``.
    ch_names : sequence of str, default=None
        Names of the channels of X; mne.Epochs bring their own.
    cv : int or splitter, default=5
        Inner folds. A number means so many folds with classes in proportion: over subjects, if
        ``groups`` tell of several (at most one fold a subject), over trials otherwise.
    direction : {"forward", "backward"}, default="forward"
        Whether to add the best channel to none, or to take the least needed one from all, until
        there are ``n_channels_to_select``.
    scoring : str or callable, default="balanced_accuracy"
        The score of a fold, as in :func:`sklearn.model_selection.cross_val_score`.
    n_jobs : int, default=None
        How many sets of channels are scored at once.

    Attributes
    ----------
    support_ : ndarray of bool of shape (n_channels,)
        Which channels are kept.
    channels_ : list
        The kept channels in the order of X: their names, or indices if X came without names.
    scores_ : DataFrame
        One row a set of channels that was tried: ``n_channels`` of the set, ``channel`` that it
        adds, or lacks, compared with the step before (None: the set of all), ``score`` and
        ``std`` over the inner folds, and whether it was ``chosen``.
    picks_, ch_names_, n_features_in_
        As in :class:`~skmamba.ChannelPicker`.

    See Also
    --------
    ChannelPicker : Keeps channels by name.
    sklearn.feature_selection.SequentialFeatureSelector : The same search for columns of a table.

    Notes
    -----
    The search is greedy, as that of scikit-learn's SequentialFeatureSelector, which has no third
    axis. It takes ``folds * (n + (n - 1) + ... + (n - k + 1))`` fits forward for n channels: 350
    for 4 of 19 in 5 folds. Backward starts with all channels, so that those which are good only
    together stay together, and takes more fits of larger models if k is small.

    All sets are scored on the same folds. Of sets that score alike, the one with the earlier
    channels wins, so that the same data give the same channels.

    ``score`` of the chosen sets is the best of many, so it is too good: what the channels are worth
    is what folds around the whole pipeline say. On EEGMAT, with the default estimator and four channels, the
    path ended at 0.750; five folds over subjects around selector and estimator gave 0.625, with
    other channels in each, and 0.725 with all 19 channels. Whether the same ones come out in each
    fold says how much is known about them.

    Without ``groups`` a subject is on both sides of the inner folds, and channels win in which
    people differ. This costs accuracy on new subjects; it is no leak, as test trials never come
    here. Groups reach the step in a pipeline through metadata routing, as with
    :class:`~skmamba.EuclideanAlignment`; they are for the folds and do not reach ``estimator``.

    Examples
    --------
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=6, truth="agreement", effect=3.0)
    >>> step = ChannelSelector(2, sfreq=trials.sfreq, ch_names=trials.ch_names, cv=2)
    >>> step.fit_transform(trials.X, trials.y, groups=trials.metadata).shape
    (24, 2, 512)
    >>> step.scores_.columns.tolist()
    ['n_channels', 'channel', 'score', 'std', 'chosen']
    >>> len(step.channels_)
    2
    """

    # As with alignment: subjects make the step better, and nobody should have to ask for them.
    __metadata_request__fit = {"groups": True}

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

    # Choosing needs labels, picking does not.
    def fit(  # type: ignore[override]
        self, X: ArrayLike | Epochs, y: ArrayLike, groups: Groups | None = None
    ) -> Self:
        """Search the channels.

        Parameters
        ----------
        X : ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials; bags of windows ``(n_trials, n_windows, n_channels, size)`` will do for an
            ``estimator`` that takes them.
        y : array-like of shape (n_trials,)
            Labels.
        groups : DataFrame or array-like of shape (n_trials,), default=None
            The metadata with the column ``subject``, or that column. Splitters of this package
            get the metadata as they are.

        Returns
        -------
        self : ChannelSelector
            The fitted step.

        Raises
        ------
        ValueError
            If there are fewer than ``n_channels_to_select`` channels, or an argument does not fit. The step is then as
            it was before.
        """
        estimator = self._check_params()
        with restore_on_error(self):
            names = get_ch_names(X) or self.ch_names
            X = self._check_trials(X, reset=True, max_ndim=4)
            y = self._check_labels(y)
            check_consistent_length(X, y)
            self._check_channels(names)
            folds = self._split(X, y, groups)
            score = partial(_score, estimator, X, y, folds, self.scoring)
            channels, path = self._search(score)
            self.support_ = np.isin(np.arange(self.n_features_in_), channels)
            self.picks_ = np.flatnonzero(self.support_)
            self.ch_names_ = None if names is None else [names[i] for i in self.picks_]
            self.channels_ = self.picks_.tolist() if names is None else list(self.ch_names_)  # type: ignore[arg-type]
            self.scores_ = _tabulate(path, names)
        return self

    def transform(self, X: ArrayLike | Epochs) -> NDArray[Any]:
        """Keep the channels that were found.

        Parameters
        ----------
        X : ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials with the channels seen in fit.

        Returns
        -------
        X_selected : ndarray of shape (n_trials, n_channels_to_select, n_times)
            The kept channels, in the order of X.

        Raises
        ------
        ValueError
            If X has other channels than those seen in fit.
        """
        return super().transform(X)

    def _check_params(self):
        """Complain about parameters; return what scores a set of channels."""
        check_int("n_channels_to_select", self.n_channels_to_select)
        check_option("direction", self.direction, DIRECTIONS)
        if self.estimator is not None:
            return self.estimator
        if self.sfreq is None:
            raise ValueError(
                "sfreq must be given, in hertz, for the default estimator, which works on band "
                "power; or pass an estimator."
            )
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        return make_pipeline(BandPower(self.sfreq), lda)

    def _check_labels(self, y):
        if y is None:
            raise ValueError(
                "ChannelSelector requires y to be passed, but the target y is None: channels are "
                "good for telling labels apart."
            )
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        classes = np.unique(y).tolist()
        if len(classes) < 2:
            raise ValueError(f"y must hold at least 2 classes, got 1 class: {classes[0]!r}.")
        return y

    def _check_channels(self, names):
        n_channels = self.n_features_in_
        if names is not None and len(names) != n_channels:
            raise ValueError(
                f"ch_names must name each channel: X has {n_channels} channels, "
                f"got {len(names)} names."
            )
        if self.n_channels_to_select > n_channels:
            raise ValueError(
                "n_channels_to_select must not exceed the number of channels of X, "
                f"{n_channels}, got {self.n_channels_to_select}."
            )

    def _split(self, X, y, groups):
        """Cut the folds on which all sets of channels are scored."""
        whole = groups
        if groups is not None:
            (groups,) = get_columns(groups, "subject", asker=self, n_samples=len(X))
        if not isinstance(self.cv, Integral):
            cv = check_cv(self.cv, y, classifier=True)
            return list(cv.split(X, y, whole if hasattr(cv, "protocol") else groups))
        n_subjects = 1 if groups is None else len(np.unique(groups))
        if n_subjects == 1:
            return list(StratifiedKFold(self.cv).split(y, y))
        return list(StratifiedGroupKFold(min(self.cv, n_subjects)).split(y, y, groups))

    def _search(self, score):
        """Find k channels; list all that was tried on the way."""
        forward = self.direction == "forward"
        everything = list(range(self.n_features_in_))
        chosen = [] if forward else everything
        path: list[tuple[Any, ...]] = [] if forward else [(len(chosen), None, score(chosen), True)]
        while len(chosen) != self.n_channels_to_select:
            candidates = [i for i in everything if (i in chosen) != forward]
            subsets = [sorted({*chosen} ^ {candidate}) for candidate in candidates]
            scores = Parallel(n_jobs=self.n_jobs)(delayed(score)(subset) for subset in subsets)
            winner = _first_best([fold.mean() for fold in scores], last=not forward)
            path += [
                (len(subset), candidate, fold, number == winner)
                for number, (subset, candidate, fold) in enumerate(
                    zip(subsets, candidates, scores, strict=True)
                )
            ]
            chosen = subsets[winner]
        return chosen, path


def _score(estimator, X, y, folds, scoring, subset):
    """Score a set of channels in every inner fold."""
    part = X.take(subset, axis=max(1, X.ndim - 2))
    return cross_val_score(estimator, part, y, cv=folds, scoring=scoring, error_score="raise")


def _first_best(scores, *, last):
    """Place of the best score; of ties the first, or the last, where the first are to stay."""
    scores = np.asarray(scores)
    if np.isnan(scores).any():
        raise ValueError(
            "scoring gave NaN in some inner folds, perhaps for want of a class: choose another "
            "score, or fewer folds."
        )
    best = np.flatnonzero(scores >= scores.max() - SAME)
    return best[-1 if last else 0]


def _tabulate(path, names):
    n_channels, channels, folds, chosen = zip(*path, strict=True)
    if names is not None:
        channels = [None if channel is None else names[channel] for channel in channels]
    return pd.DataFrame(
        {
            "n_channels": n_channels,
            "channel": pd.Series(channels, dtype=object),  # or None would become NaN
            "score": [fold.mean() for fold in folds],
            "std": [fold.std() for fold in folds],
            "chosen": chosen,
        }
    )
