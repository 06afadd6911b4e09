"""Cross-validation splitters, one for each evaluation protocol."""

from __future__ import annotations

import copy
import difflib
import inspect
import numbers
import warnings
from collections.abc import Iterator
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import (
    BaseCrossValidator,
    GroupKFold,
    LeaveOneGroupOut,
    StratifiedKFold,
)
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples

from .._metadata import (
    TRIAL_COLUMNS,
    check_order,
    encode,
    encode_trials,
    get_columns,
    requests_groups,
    select_groups,
    to_rows,
)
from .._types import Epochs, Groups, Seed, Splitter
from .._validation import check_bool, check_fraction, check_int, make_random_state

ProtocolName: TypeAlias = Literal[
    "within_subject",
    "cross_subject",
    "cross_session",
    "cross_stimulus",
    "first_trials",
    "random_windows",
]
COLUMNS = ("subject", "session", "trial", "stimulus")  # of the metadata of Trials


class LeakageWarning(UserWarning):
    """Warning of test data in the training set, or in the reference of test trials."""


class _BaseProtocolSplit(BaseCrossValidator):
    """Base of splitters that read metadata and request ``groups`` in metadata routing."""

    protocol = ""  # key in PROTOCOLS
    __metadata_request__split = {"groups": True}

    def split(
        self, X: ArrayLike | Epochs | None, y: ArrayLike | None = None, groups: Groups | None = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Generate indices of training and test sets.

        Parameters
        ----------
        X : array-like of n_samples entries or None
            Trials. Only their number is used.
        y : array-like of shape (n_samples,), default=None
            Labels, required by splitters that stratify.
        groups : DataFrame or array-like of shape (n_samples,), default=None
            The metadata of the trials. Where the protocol requires one column only, that column
            is accepted too.

        Yields
        ------
        train : ndarray of shape (n_train,)
            Indices of the training set, ascending.
        test : ndarray of shape (n_test,)
            Indices of the test set, ascending.
        """
        check_consistent_length(X, y)
        yield from self._iter_folds(X, y, groups)

    def get_n_splits(
        self,
        X: ArrayLike | Epochs | None = None,
        y: ArrayLike | None = None,
        groups: Groups | None = None,
    ) -> int:
        """Return the number of cross-validation folds.

        Parameters
        ----------
        X, y, groups : as in :meth:`split`, default=None
            Labels are for inner splitters that require them. ``groups`` are not required if
            ``n_splits`` sets the number of folds.

        Returns
        -------
        n_splits : int
            Number of folds.
        """
        return getattr(self, "n_splits", None) or self._count_folds(X, y, groups)

    def _count_folds(self, X, y, groups):
        return sum(1 for _ in self._iter_folds(X, y, groups))

    def __repr__(self):
        params = [
            f"{name}={getattr(self, name)!r}"
            for name, parameter in inspect.signature(type(self)).parameters.items()
            if getattr(self, name) != parameter.default
        ]
        return f"{type(self).__name__}({', '.join(params)})"

    def _get_columns(self, X, groups, *columns):
        """Return columns of the metadata; reject a Series that is a different column."""
        if isinstance(groups, pd.Series) and groups.name in set(COLUMNS) - set(columns):
            raise ValueError(
                f"{type(self).__name__} requires {' and '.join(map(repr, columns))}, but groups is "
                f"the column {groups.name!r}. Pass groups=metadata."
            )
        n_samples = None if X is None else _num_samples(X)
        values = get_columns(groups, *columns, estimator=self, n_samples=n_samples)
        if not len(values[0]):
            raise ValueError(f"{type(self).__name__} requires at least 1 sample, got 0.")
        return values


class _GroupSplit(_BaseProtocolSplit):
    """Leave one group out, or k-fold over groups."""

    _column = ""

    def __init__(
        self, n_splits: int | None = None, *, shuffle: bool = False, random_state: Seed = None
    ) -> None:
        check_bool("shuffle", shuffle)
        if n_splits is not None:
            check_int("n_splits", n_splits, minimum=2)
        elif shuffle:
            raise ValueError("shuffle=True without n_splits has no effect: each group is a fold.")
        if random_state is not None and not shuffle:
            raise ValueError("random_state has no effect without shuffle=True.")
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def _iter_folds(self, X, y, groups):
        (ids,) = self._get_columns(X, groups, self._column)
        if "trial" in (metadata := _make_frame(groups, **{self._column: ids})):
            encode_trials(metadata, y)  # raises an error if rows of one trial differ
        codes, first = encode(ids)
        n_required = self.n_splits or 2
        if len(first) < n_required:
            raise ValueError(
                f"{self!r} requires at least {n_required} different values of "
                f"{self._column!r}, got {len(first)} ({_join(ids[first])})."
            )
        if self.n_splits is None:
            splitter = LeaveOneGroupOut()
        else:
            random_state = make_random_state(self.random_state) if self.shuffle else None
            splitter = GroupKFold(
                self.n_splits, shuffle=bool(self.shuffle), random_state=random_state
            )
        yield from splitter.split(codes, groups=codes)


class CrossSubjectSplit(_GroupSplit):
    """Cross-subject protocol: the test subjects are not in the training set.

    Also called inter-subject, subject-independent, or leave-one-subject-out (LOSO).

    Parameters
    ----------
    n_splits : int, default=None
        Number of folds of similar size, each a set of subjects. None holds out one subject per
        fold, in sorted order.
    shuffle : bool, default=False
        Whether to assign subjects to folds at random. Folds then have similar numbers of
        subjects.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling.
    calibration_trials : int, default=0
        Number of labelled trials of each class of each test subject that join the training set:
        the first by session, run and trial number, or in row order without ``trial``.
    max_calibration_trials : int, default=None
        Number of trials of each class of each test subject that are never tested. With a common
        value, the test trials are the same for every ``calibration_trials`` up to it. None sets
        aside ``calibration_trials``.

    Attributes
    ----------
    adaptation : str
        Labelled trials of the test subjects in training: "" for none, or "k labelled trials per
        class". :func:`~skmamba.evaluate` writes it to the results.

    See Also
    --------
    moabb.evaluations.CrossSubjectSplitter : Calibration on a share ``calibration_size`` of the
        trials of each test session, of any class, if ``calibration_labeled=True``.

    Notes
    -----
    ``groups`` is the metadata with ``subject``, or that column. Every trial is tested once, except
    those that are set aside for calibration. Calibration requires labels, and more trials of each
    class of each subject than are set aside. Windows are assigned with their trial.

    Examples
    --------
    >>> from skmamba.datasets import simulate_trials
    >>> from skmamba.evaluation import CrossSubjectSplit
    >>> trials = simulate_trials(n_subjects=3, n_trials=4)
    >>> for train, test in CrossSubjectSplit().split(trials.X, trials.y, trials.metadata):
    ...     print(sorted(set(trials.metadata["subject"].iloc[test])), len(train), len(test))
    [0] 8 4
    [1] 8 4
    [2] 8 4

    The first trial of each class of the test subject joins the training set:

    >>> cv = CrossSubjectSplit(calibration_trials=1)
    >>> for train, test in cv.split(trials.X, trials.y, trials.metadata):
    ...     print(len(train), test)
    10 [2 3]
    10 [5 7]
    10 [10 11]
    """

    protocol = "cross_subject"
    _column = "subject"

    def __init__(
        self,
        n_splits: int | None = None,
        *,
        shuffle: bool = False,
        random_state: Seed = None,
        calibration_trials: int = 0,
        max_calibration_trials: int | None = None,
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        check_int("calibration_trials", calibration_trials, minimum=0)
        if max_calibration_trials is not None:
            check_int("max_calibration_trials", max_calibration_trials, minimum=calibration_trials)
        self.calibration_trials = calibration_trials
        self.max_calibration_trials = max_calibration_trials

    @property
    def adaptation(self) -> str:
        """Labelled trials of the test subjects in training; see the class."""
        n_trials = self.calibration_trials
        plural = "" if n_trials == 1 else "s"
        return f"{n_trials} labelled trial{plural} per class" if n_trials else ""

    def _count_folds(self, X, y, groups):
        return sum(1 for _ in super()._iter_folds(X, y, groups))

    def _iter_folds(self, X, y, groups):
        folds = super()._iter_folds(X, y, groups)
        n_aside = self.max_calibration_trials or self.calibration_trials
        if not n_aside:
            yield from folds
            return
        rank = self._rank_in_class(X, y, groups, n_aside)
        for train, test in folds:
            first = test[rank[test] < self.calibration_trials]
            yield np.sort(np.concatenate([train, first])), test[rank[test] >= n_aside]

    def _rank_in_class(self, X, y, groups, n_aside):
        """Return the rank in time of each row's trial among the trials of its subject and class.

        Raise ValueError unless each subject has more than ``n_aside`` trials of each class.
        """
        if y is None:
            raise ValueError(f"{self!r} requires y, got None.")
        if pd.isna(np.asarray(y, dtype=object)).any():
            raise ValueError(f"{self!r} requires the class of each trial, got missing values in y.")
        (ids,) = self._get_columns(X, groups, "subject")
        metadata = _make_frame(groups, subject=ids)
        codes = first = np.arange(len(ids))
        if "trial" in metadata:
            self._get_columns(X, metadata, "trial")  # no missing values
            check_order(metadata, ids, estimator=self)
            codes, first = encode_trials(metadata, y)  # sorted in time within a subject
        subject, label = ids[first], np.asarray(y)[first]
        counts = pd.crosstab(subject, label).stack()
        short = [
            f"subject {name} (has {count} of class {of_class})"
            for (name, of_class), count in counts[counts <= n_aside].items()
        ]
        if short:
            raise ValueError(
                f"{self!r} requires more than {n_aside} trials of each class of each subject. Too "
                f"few: {_join(short, '; ')}."
            )
        return pd.Series(label).groupby([subject, label]).cumcount().to_numpy()[codes]


class CrossStimulusSplit(_GroupSplit):
    """Cross-stimulus protocol: the test stimuli are not in the training set.

    The same subjects are in both sets.

    Parameters
    ----------
    n_splits, shuffle, random_state
        As in :class:`CrossSubjectSplit`, with stimuli in place of subjects.

    Notes
    -----
    ``groups`` is the metadata with ``stimulus``, or that column. Every trial is tested once. If
    each stimulus has one label, a single held-out stimulus is a test set of one class.
    """

    protocol = "cross_stimulus"
    _column = "stimulus"


class CrossSessionSplit(_BaseProtocolSplit):
    """Cross-session protocol: train on the other sessions of the test subject.

    Each subject has separate folds, one per session.

    Notes
    -----
    ``groups`` is the metadata with ``subject`` and ``session``. Every trial is tested once.
    Session numbers are compared within a subject only. If all sessions present the same stimuli,
    as in SEED, the stimuli are in both sets.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmamba.evaluation import CrossSessionSplit
    >>> metadata = pd.DataFrame({"subject": [1, 1, 1, 2, 2, 2], "session": [1, 1, 2, 1, 2, 2]})
    >>> for train, test in CrossSessionSplit().split(metadata, groups=metadata):
    ...     print(train, test)
    [2] [0 1]
    [0 1] [2]
    [4 5] [3]
    [3] [4 5]
    """

    protocol = "cross_session"

    def _iter_folds(self, X, y, groups):
        ids, session = self._get_columns(X, groups, "subject", "session")
        subject, first_of_subject = encode(ids)
        visit, first_of_visit = encode(ids, session)
        n_visits = np.bincount(subject[first_of_visit], minlength=len(first_of_subject))
        single = ids[first_of_subject[n_visits == 1]]
        if len(single):
            raise ValueError(
                "CrossSessionSplit requires at least 2 sessions of each subject, got 1 of "
                f"subject{'s' if len(single) > 1 else ''} {_join(single)}. Leave out subjects with "
                "one session, or use a different protocol."
            )
        for code, row in enumerate(first_of_visit):
            test = visit == code
            yield np.flatnonzero((subject == subject[row]) & ~test), np.flatnonzero(test)


class FirstTrialsSplit(_BaseProtocolSplit):
    """First-trials protocol: train on the first trials of a session, test on the later ones.

    Common for SEED, with 9 training and 6 test trials per session.

    Parameters
    ----------
    n_train : int, default=9
        Number of training trials of each session.

    Notes
    -----
    ``groups`` is the metadata with ``subject``, ``session`` and ``trial``, where ``trial`` is
    ordered in time; if its numbers restart in each ``run``, trials are ordered by run first.
    :func:`~skmamba.load_deap` orders trials by video, so that the protocol does not apply there.
    There is one fold for each session of each subject. Windows are assigned with their trial.

    Examples
    --------
    >>> from skmamba.datasets import simulate_trials
    >>> from skmamba.evaluation import FirstTrialsSplit
    >>> trials = simulate_trials(n_subjects=2, n_trials=15)
    >>> for train, test in FirstTrialsSplit().split(trials.X, trials.y, trials.metadata):
    ...     print(test)
    [ 9 10 11 12 13 14]
    [24 25 26 27 28 29]
    """

    protocol = "first_trials"

    def __init__(self, n_train: int = 9) -> None:
        check_int("n_train", n_train, minimum=1)
        self.n_train = n_train

    def _iter_folds(self, X, y, groups):
        subject, session, trial = self._get_columns(X, groups, "subject", "session", "trial")
        codes, _ = encode_trials(_make_frame(groups), y)
        order = {"trial": trial}
        if codes.max() > encode(subject, session, trial)[0].max():  # numbers restart in each run
            order = {"run": self._get_columns(X, groups, "run")[0], **order}
        visit, first = encode(subject, session)
        check_order(order, visit, estimator=self)
        trial, _ = encode(*order.values(), natural=True)
        trials = [np.unique(trial[visit == code]) for code in range(len(first))]
        short = [
            f"subject {subject[row]}, session {session[row]} (has {len(own)})"
            for row, own in zip(first, trials, strict=True)
            if len(own) <= self.n_train
        ]
        if short:
            raise ValueError(
                f"{self!r} requires more than {self.n_train} trials of each session. Too few: "
                f"{_join(short, '; ')}."
            )
        for code, own in enumerate(trials):
            rows = np.flatnonzero(visit == code)
            is_first = np.isin(trial[rows], own[: self.n_train])
            yield rows[is_first], rows[~is_first]


class RandomWindowsKFold(_BaseProtocolSplit):
    """Stratified k-fold over shuffled windows, which leaks: windows of one trial are in both sets.

    A classifier that recognises a trial can infer its label. Many published scores use this
    split. It serves to reproduce them, and emits a warning each time.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, stratified by label.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling.

    Warns
    -----
    LeakageWarning
        Once per split, with the share of test windows whose trial is in the training set.

    Notes
    -----
    Rows must be windows. ``groups`` is their metadata with ``trial``, or that column. Every window
    is tested once. :func:`leakage_gap` measures what such a split adds to a score.
    """

    protocol = "random_windows"

    def __init__(self, n_splits: int = 5, random_state: Seed = None) -> None:
        check_int("n_splits", n_splits, minimum=2)
        self.n_splits = n_splits
        self.random_state = random_state

    def _iter_folds(self, X, y, groups):
        self._get_columns(X, groups, "trial")
        trial, first = encode_trials(_make_frame(groups, trial=groups), y)
        if len(first) == len(trial):
            raise ValueError(
                "RandomWindowsKFold requires windows as rows, got one row per trial. Cut windows "
                "with Trials.as_windows first."
            )
        _require_labels(self, y)
        splitter = StratifiedKFold(
            self.n_splits, shuffle=True, random_state=make_random_state(self.random_state)
        )
        folds = list(splitter.split(trial, y))
        n_shared = [np.isin(trial[test], trial[train]).sum() for train, test in folds]
        if any(n_shared):
            warnings.warn(
                f"RandomWindowsKFold leaks: in {np.count_nonzero(n_shared)} of {len(folds)} folds, "
                f"and for {100 * np.sum(n_shared) / len(trial):.0f} % of the test windows, the "
                "training set contains windows of the same trial, so scores include recognition "
                "of trials. For results use CrossSubjectSplit() or WithinSubjectSplit().",
                LeakageWarning,
                stacklevel=3,
            )
        yield from folds


class WithinSubjectSplit(_BaseProtocolSplit):
    """Within-subject protocol: train and test on trials of the same subject.

    Also called intra-subject or subject-dependent. Each subject has separate folds, in sorted
    order of subjects.

    Parameters
    ----------
    inner : int or splitter, default=None
        Splitter for the trials of one subject, of scikit-learn or of this package, or the number
        of stratified folds. None is ``StratifiedKFold(5)``.
    inner_groups : str, default=None
        Column of the metadata to pass to ``inner`` as groups. Splitters of this package receive
        all columns; a splitter of scikit-learn such as ``GroupKFold`` requires a column name.

    Notes
    -----
    ``groups`` is the metadata with ``subject``, or that column. Every trial is tested as often as
    ``inner`` tests it: once by default. ``inner`` receives the trials ordered by session, run and
    trial; :doc:`/user_guide/protocols` describes when to shuffle them. An integer seed of ``inner``
    gives each subject its own folds.

    If rows are windows, ``inner`` receives one sample per trial. This requires the column
    ``trial``; rows of one trial must have the same label, stimulus and ``inner_groups``. Only
    :class:`RandomWindowsKFold` receives the windows; the protocol is then ``"random_windows"``.

    Examples
    --------
    >>> from sklearn.model_selection import GroupKFold
    >>> from skmamba.datasets import simulate_trials
    >>> from skmamba.evaluation import WithinSubjectSplit
    >>> trials = simulate_trials(n_subjects=2, n_trials=6)
    >>> cv = WithinSubjectSplit(3)
    >>> for train, test in cv.split(trials.X, trials.y, trials.metadata):
    ...     print(sorted(set(trials.metadata["subject"].iloc[[*train, *test]])), test)
    [0] [0 1]
    [0] [2 4]
    [0] [3 5]
    [1] [6 8]
    [1] [7 9]
    [1] [10 11]
    >>> cv = WithinSubjectSplit(GroupKFold(4), inner_groups="stimulus")  # new stimuli
    """

    protocol = "within_subject"

    def __init__(
        self, inner: int | Splitter | None = None, *, inner_groups: str | None = None
    ) -> None:
        if isinstance(inner, numbers.Integral):
            check_int("inner", inner, minimum=2)
        elif inner is not None and not is_splitter(inner):
            raise ValueError(
                "inner must be a splitter, such as StratifiedKFold(5), or a number of folds, got "
                f"{inner!r}."
            )
        self.inner = inner
        self.inner_groups = inner_groups
        if inner_groups is not None and requests_groups(self._make_inner()) is False:
            raise ValueError(
                f"inner_groups={inner_groups!r} has no effect: inner={inner!r} uses no groups."
            )
        if isinstance(inner, RandomWindowsKFold):  # a leaking split is not within_subject
            self.protocol = inner.protocol

    def _count_folds(self, X, y, groups):
        inner = self._make_inner()
        subjects = self._iter_subjects(inner, X, y, groups)
        return sum(inner.get_n_splits(*arguments) for *_, arguments in subjects)

    def _iter_folds(self, X, y, groups):
        inner = self._make_inner()
        subjects = list(self._iter_subjects(inner, X, y, groups))
        if isinstance(inner, StratifiedKFold):
            self._check_labels(inner, y, subjects)
        for name, rows, sample, arguments in subjects:
            try:
                folds = list(
                    to_rows(_seed_subject(inner, name).split(*arguments), sample.max() + 1)
                )
            except ValueError as error:
                message = f"WithinSubjectSplit cannot split subject {name}: {error}"
                raise ValueError(message) from error
            for fold in folds:
                yield tuple(rows[np.isin(sample, part)] for part in fold)

    def _make_inner(self):
        if self.inner is None or isinstance(self.inner, numbers.Integral):
            return StratifiedKFold(self.inner or 5)
        return self.inner

    def _iter_subjects(self, inner, X, y, groups):
        """Yield name, rows, sample of each row, and the arguments of the inner splitter."""
        (ids,) = self._get_columns(X, groups, "subject")
        metadata = _make_frame(groups, subject=ids)
        codes, first = encode(ids)
        y = None if y is None else np.asarray(y)
        for code, name in enumerate(ids[first]):
            rows = np.flatnonzero(codes == code)
            own = metadata.iloc[rows]
            own_y = None if y is None else y[rows]
            sample, first_row = self._encode_samples(inner, own, own_y)
            own_groups = self._make_inner_groups(inner, own.iloc[first_row])
            first_y = None if own_y is None else own_y[first_row]
            yield name, rows, sample, (np.zeros(len(first_row)), first_y, own_groups)

    def _encode_samples(self, inner, metadata, y):
        """Return the sample of each row, and the first row of each sample."""
        if "trial" not in metadata or isinstance(inner, RandomWindowsKFold):
            rows = np.arange(len(metadata))
            return rows, rows
        self._get_columns(None, metadata, "trial")
        return encode_trials(metadata, y, *([self.inner_groups] if self.inner_groups else []))

    def _make_inner_groups(self, inner, metadata):
        if self.inner_groups is not None:
            return self._get_columns(None, metadata, self.inner_groups)[0]
        if isinstance(inner, _BaseProtocolSplit):
            return metadata
        if requests_groups(inner):
            raise ValueError(
                f"{type(inner).__name__} inside WithinSubjectSplit requires groups: pass a column "
                "of the metadata, such as inner_groups='stimulus'."
            )
        return None

    def _check_labels(self, inner, y, subjects):
        """Raise ValueError unless each fold of each subject can contain each of its classes."""
        _require_labels(self, y)
        short, fewest = [], inner.n_splits
        for name, _, _, (_, own_y, _) in subjects:
            labels, counts = np.unique(own_y, return_counts=True)
            if len(labels) == 1:
                short.append(f"subject {name} (all {counts[0]} of class {labels[0]})")
            elif counts.min() < inner.n_splits:
                rarest, fewest = labels[counts.argmin()], min(fewest, counts.min())
                short.append(f"subject {name} ({counts.min()} of class {rarest})")
        if short:
            fewer = f"Use fewer folds, such as WithinSubjectSplit({fewest}), or exclude"
            raise ValueError(
                f"{inner.n_splits} stratified folds within a subject require at least "
                f"{inner.n_splits} trials of each of two or more classes. Too few: "
                f"{_join(short, '; ')}. {fewer if fewest > 1 else 'Exclude'} these "
                "subjects."
            )


class PriorShiftSplit(_BaseProtocolSplit):
    """Folds of another splitter in which test trials of each subject are mostly of one class.

    Adaptation to unlabelled trials can fail under such a label shift (arXiv:2411.07249). The
    majority class alternates over the sorted subjects. Test trials of other classes are dropped,
    the last ones first; training sets are unchanged. ``groups`` is the metadata with ``subject``.

    Parameters
    ----------
    cv : splitter
        Splitter of this package.
    share : float, default=1.0
        Lowest share of the majority class, above 0 and at most 1, which drops all others.

    Examples
    --------
    >>> from skmamba.datasets import simulate_trials
    >>> from skmamba.evaluation import CrossSubjectSplit, PriorShiftSplit
    >>> trials, cv = simulate_trials(2, 8), PriorShiftSplit(CrossSubjectSplit(), share=0.8)
    >>> for _, test in cv.split(trials.X, trials.y, trials.metadata):
    ...     print(trials.y[test])
    [0 0 1 0 0]
    [1 0 1 1 1]
    """

    def __init__(self, cv: Splitter, share: float = 1.0) -> None:
        if not isinstance(cv, _BaseProtocolSplit):
            raise ValueError(f"cv must be a splitter of this package, got {cv!r}.")
        check_fraction("share", share, one=True)
        self.cv = cv
        self.share = share
        self.protocol = f"{cv.protocol}, {100 * share:g} % of one class"
        self.adaptation = getattr(cv, "adaptation", "")

    def _count_folds(self, X, y, groups):
        return self.cv.get_n_splits(X, y, groups)

    def _iter_folds(self, X, y, groups):
        if y is None:
            raise ValueError(f"{self!r} requires y, got None.")
        (ids,) = self._get_columns(X, groups, "subject")
        subject, metadata = encode(ids)[0], _make_frame(groups, subject=ids)
        columns = [metadata[name] for name in TRIAL_COLUMNS if name in metadata]
        if "trial" not in metadata:
            columns.append(np.arange(len(ids)))
        trial = encode(*columns, natural=True)[0]  # in time within a subject
        y = np.asarray(y)
        label, first = encode(y)
        prevails = label == subject % len(first)
        for row in np.flatnonzero(~np.isin(subject, subject[prevails])):
            raise ValueError(
                f"{self!r} requires trials of class {y[first[subject[row] % len(first)]]} of "
                f"subject {ids[row]}, got none."
            )
        for train, test in self.cv.split(X, y, groups):
            own, is_kept = subject[test], prevails[test]
            rank = pd.Series(trial[test]).groupby([own, is_kept]).rank("dense")  # of the trial
            n_kept = rank.where(is_kept).groupby(own).transform("max")  # NaN for none
            yield train, test[is_kept | (rank <= n_kept * (1 / self.share - 1) + 1e-9)]


PROTOCOLS = {
    splitter.protocol: splitter
    for splitter in (
        WithinSubjectSplit,
        CrossSubjectSplit,
        CrossSessionSplit,
        CrossStimulusSplit,
        FirstTrialsSplit,
        RandomWindowsKFold,
    )
}
SYNONYMS = {"loso": "cross_subject", "leave_one_subject_out": "cross_subject"}


def check_splitter(cv):
    """Return a splitter, given as such or by the name of its protocol."""
    if isinstance(cv, str):
        name = cv.strip().lower().replace("-", "_").replace(" ", "_")
        if name in PROTOCOLS:
            return PROTOCOLS[name]()
        near = difflib.get_close_matches(name, [*PROTOCOLS, *SYNONYMS], n=1, cutoff=0.5)
        hint = f" Did you mean {SYNONYMS.get(near[0], near[0])!r}?" if near else ""
        raise ValueError(
            f"cv must be one of {_join(PROTOCOLS)}, or a splitter such as CrossSubjectSplit(), got "
            f"{cv!r}.{hint}"
        )
    if isinstance(cv, numbers.Integral):
        raise ValueError(
            f"cv must be a protocol, got {cv}: a number of folds does not define which subjects "
            f"are held out. Use CrossSubjectSplit({max(int(cv), 2)}), WithinSubjectSplit() or a "
            "different splitter."
        )
    if not is_splitter(cv):
        name = cv.__name__ if isinstance(cv, type) else "CrossSubjectSplit"
        raise ValueError(
            f"cv must be the name of a protocol ({_join(PROTOCOLS)}) or a splitter, got "
            f"{cv!r}. Did you mean {name}()?"
        )
    return cv


def list_folds(cv, trials, groups=None):
    """Return the folds of a splitter, or of pairs of indices or masks, as pairs of index arrays.

    Of metadata, splitters of this package receive all columns as ``groups``, others ``subject``.
    """
    groups = trials.metadata if groups is None else groups
    if isinstance(groups, pd.DataFrame | dict) and not hasattr(cv, "protocol"):
        if requests_groups(cv):
            (groups,) = get_columns(groups, "subject", estimator=cv, n_samples=len(trials))
        else:
            groups = groups.get("subject")
    groups = select_groups(cv, groups)
    folds = cv.split(trials, trials.y, groups) if hasattr(cv, "split") else cv
    folds = list(to_rows(folds, len(trials)))
    if not folds:
        hint = "" if hasattr(cv, "split") else " An iterator can be used once."
        raise ValueError(f"cv must give at least one fold, got none of {cv!r}.{hint}")
    return folds


def _seed_subject(splitter, name):
    """Return a splitter whose integer seed, if it has one, is combined with a subject's name."""
    seed = getattr(splitter, "random_state", None)
    if not isinstance(seed, numbers.Integral):
        return splitter
    splitter = copy.copy(splitter)
    splitter.random_state = int(
        np.random.SeedSequence([seed, *str(name).encode()]).generate_state(1)[0]
    )
    return splitter


def is_splitter(obj):
    """Return whether an object, such as a parameter ``cv``, is a splitter."""
    return hasattr(obj, "split") and not isinstance(obj, (str, type))


def _require_labels(splitter, y):
    """Raise ValueError unless y has a label of every sample."""
    if y is None or pd.isna(y).any():
        got = "None" if y is None else f"{pd.isna(y).sum()} missing labels"
        raise ValueError(f"{splitter!r} stratifies and requires y, got {got}.")
    if (kind := type_of_target(y)) not in ("binary", "multiclass"):
        raise ValueError(f"{splitter!r} stratifies and requires y of classes, got {kind} values.")


def _make_frame(groups, **column):
    return pd.DataFrame(groups if isinstance(groups, pd.DataFrame | dict) else column)


def _join(names, separator=", ", at_most=10):
    names = [str(name) for name in names]
    rest = [f"{len(names) - at_most} more"] if len(names) > at_most else []
    return separator.join([*names[:at_most], *rest])
