"""Protocols: who is held out when a score is taken."""

from __future__ import annotations

import difflib
import inspect
import numbers
import warnings
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

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
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples

from .._metadata import get_columns
from .._types import Epochs, Groups, Seed, Splitter
from .._validation import check_int

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
    """Training and test share what should be new in the test.

    Turn it into an error with ``warnings.simplefilter("error", LeakageWarning)``.

    Parameters
    ----------
    message : str
        What is shared, and by how much.

    See Also
    --------
    RandomWindowsKFold : Gives it, on every split.

    Examples
    --------
    >>> import warnings
    >>> from skmamba import LeakageWarning
    >>> with warnings.catch_warnings(action="ignore", category=LeakageWarning):
    ...     warnings.warn("not shown here", LeakageWarning)
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)


class _ProtocolSplitter(BaseCrossValidator):
    """A splitter that reads the metadata of trials, and asks for them when metadata are routed."""

    protocol = ""  # its name in PROTOCOLS
    __metadata_request__split = {"groups": True}

    def split(
        self, X: ArrayLike | Epochs | None, y: ArrayLike | None = None, groups: Groups | None = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Give the rows of each fold.

        Parameters
        ----------
        X : array-like of n_samples entries or None
            Trials. Nothing but their number is read.
        y : array-like of shape (n_samples,), default=None
            Labels, for splitters that stratify.
        groups : DataFrame or array-like of shape (n_samples,), default=None
            The metadata of the trials; the one column that is needed will do, where it is one.

        Yields
        ------
        train : ndarray of shape (n_train,)
            Rows to train on, ascending.
        test : ndarray of shape (n_test,)
            Rows to test on, ascending.

        Raises
        ------
        ValueError
            If metadata are missing, or do not allow this protocol.
        """
        check_consistent_length(X, y)
        yield from self._folds(X, y, groups)

    def __repr__(self):
        shown = [
            f"{name}={getattr(self, name)!r}"
            for name, parameter in inspect.signature(type(self)).parameters.items()
            if getattr(self, name) != parameter.default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _read(self, X, groups, *columns):
        """Columns of the metadata; one of another name must not pass for the one needed."""
        if isinstance(groups, pd.Series) and groups.name in set(COLUMNS) - set(columns):
            raise ValueError(
                f"{type(self).__name__} needs {' and '.join(map(repr, columns))}, but groups is "
                f"the column {groups.name!r}. Pass groups=metadata."
            )
        n_samples = None if X is None else _num_samples(X)
        values = get_columns(groups, *columns, asker=self, n_samples=n_samples)
        if not len(values[0]):
            raise ValueError(f"{type(self).__name__} needs samples to split, but there are none.")
        return values


class _HoldOutGroups(_ProtocolSplitter):
    """Leave one group out, or k-fold over groups."""

    _column = ""

    def __init__(
        self, n_splits: int | None = None, *, shuffle: bool = False, random_state: Seed = None
    ) -> None:
        if n_splits is not None:
            check_int("n_splits", n_splits, minimum=2)
        elif shuffle:
            raise ValueError(
                f"shuffle=True without n_splits has no effect: each {self._column} is held out "
                "alone, whatever the order."
            )
        if random_state is not None and not shuffle:
            raise ValueError("random_state has no effect without shuffle=True.")
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(
        self, X: ArrayLike | Epochs | None = None, y: object = None, groups: Groups | None = None
    ) -> int:
        """Count the folds.

        Parameters
        ----------
        X : array-like of n_samples entries, default=None
            Trials, to compare their number with that of groups.
        y : ignored
            Here because scikit-learn passes it.
        groups : DataFrame or array-like of shape (n_samples,), default=None
            As in :meth:`split`; not needed if ``n_splits`` is a number.

        Returns
        -------
        n_splits : int
            Number of folds.

        Raises
        ------
        ValueError
            If each group is a fold, and groups are missing or fewer than two.
        """
        if self.n_splits is not None:
            return self.n_splits
        return int(self._numbered(X, groups).max()) + 1

    def _folds(self, X, y, groups):
        numbered = self._numbered(X, groups)
        if self.n_splits is None:
            splitter = LeaveOneGroupOut()
        else:
            seed = _fresh(self.random_state) if self.shuffle else None
            splitter = GroupKFold(self.n_splits, shuffle=self.shuffle, random_state=seed)
        yield from splitter.split(numbered, groups=numbered)

    def _numbered(self, X, groups):
        """Group of each row, as a number."""
        (ids,) = self._read(X, groups, self._column)
        numbered, first = _number(ids)
        n_needed = self.n_splits or 2
        if len(first) < n_needed:
            raise ValueError(
                f"{self!r} needs at least {n_needed} different values of {self._column!r}, got "
                f"{len(first)} ({_list(ids[first])})."
            )
        return numbered


class CrossSubjectSplit(_HoldOutGroups):
    """Test on people who are not in training.

    The answer to "how well will this do on somebody new". Called inter-subject or
    subject-independent in papers, and LOSO if one person is held out at a time.

    Parameters
    ----------
    n_splits : int, default=None
        Number of folds, people shared out among them so that folds are of similar size; None
        holds out one person at a time, in sorted order.
    shuffle : bool, default=False
        Whether chance decides who shares a fold. Folds then hold similar numbers of people.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling; None takes fresh entropy.

    Raises
    ------
    ValueError
        If ``n_splits`` is below 2, or a parameter would have no effect.

    See Also
    --------
    WithinSubjectSplit : A model for each person, tested on the same person.
    CrossStimulusSplit : New films, sounds or tasks instead of new people.

    Notes
    -----
    ``groups`` is the metadata with ``subject``, or that column. Every trial is tested once.

    Examples
    --------
    >>> from skmamba import CrossSubjectSplit, simulate_trials
    >>> trials = simulate_trials(n_subjects=3, n_trials=4)
    >>> for train, test in CrossSubjectSplit().split(trials.X, trials.y, trials.metadata):
    ...     print(sorted(set(trials.metadata["subject"].iloc[test])), len(train), len(test))
    [0] 8 4
    [1] 8 4
    [2] 8 4
    >>> CrossSubjectSplit(5, shuffle=True, random_state=0)
    CrossSubjectSplit(n_splits=5, shuffle=True, random_state=0)
    """

    protocol = "cross_subject"
    _column = "subject"


class CrossStimulusSplit(_HoldOutGroups):
    """Test on films, sounds or tasks that are not in training.

    A film seen by everybody can be recognised as that film, and its label with it. Here it
    cannot; the same people are on both sides.

    Parameters
    ----------
    n_splits : int, default=None
        Number of folds, stimuli shared out among them so that folds are of similar size; None
        holds out one stimulus at a time, in sorted order.
    shuffle : bool, default=False
        Whether chance decides which stimuli share a fold. Folds then hold similar numbers of
        stimuli.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling; None takes fresh entropy.

    Raises
    ------
    ValueError
        If ``n_splits`` is below 2, or a parameter would have no effect.

    See Also
    --------
    CrossSubjectSplit : New people instead of new stimuli.
    WithinSubjectSplit : With ``CrossStimulusSplit`` inside, new stimuli for each person alone.

    Notes
    -----
    ``groups`` is the metadata with ``stimulus``, or that column. Every trial is tested once.

    Where a stimulus has one label, holding it out alone makes a test set of one class.

    Examples
    --------
    >>> from skmamba import CrossStimulusSplit
    >>> stimulus = [7, 7, 8, 8, 9, 9]
    >>> for train, test in CrossStimulusSplit().split(stimulus, groups=stimulus):
    ...     print(train, test)
    [2 3 4 5] [0 1]
    [0 1 4 5] [2 3]
    [0 1 2 3] [4 5]
    """

    protocol = "cross_stimulus"
    _column = "stimulus"


class _ByVisit(_ProtocolSplitter):
    """One fold for each session of each subject."""

    def get_n_splits(
        self, X: ArrayLike | Epochs | None = None, y: object = None, groups: Groups | None = None
    ) -> int:
        """Count the folds.

        Parameters
        ----------
        X : array-like of n_samples entries, default=None
            Trials, to compare their number with that of groups.
        y : ignored
            Here because scikit-learn passes it.
        groups : DataFrame, default=None
            As in :meth:`split`; needed here too.

        Returns
        -------
        n_splits : int
            Number of sessions, each of each subject.

        Raises
        ------
        ValueError
            If metadata are missing, or do not allow this protocol.
        """
        return sum(1 for _ in self._folds(X, y, groups))


class CrossSessionSplit(_ByVisit):
    """Test on a session of somebody, after training on the other sessions of that person.

    The answer to "how well will this do tomorrow". Each person has a model of their own.

    See Also
    --------
    FirstTrialsSplit : Later trials of the same session instead.
    CrossSubjectSplit : People who are not in training.

    Notes
    -----
    ``groups`` is the metadata with ``subject`` and ``session``. Every trial is tested once.
    Sessions are those of one person: the same number for two people means nothing.

    Where all sessions show the same films, as in SEED, films are the same on both sides.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmamba import CrossSessionSplit
    >>> metadata = pd.DataFrame({"subject": [1, 1, 1, 2, 2, 2], "session": [1, 1, 2, 1, 2, 2]})
    >>> for train, test in CrossSessionSplit().split(metadata, groups=metadata):
    ...     print(train, test)
    [2] [0 1]
    [0 1] [2]
    [4 5] [3]
    [3] [4 5]
    """

    protocol = "cross_session"

    def _folds(self, X, y, groups):
        ids, session = self._read(X, groups, "subject", "session")
        subject, first_of_subject = _number(ids)
        visit, first_of_visit = _number(ids, session)
        n_visits = np.bincount(subject[first_of_visit], minlength=len(first_of_subject))
        single = ids[first_of_subject[n_visits == 1]]
        if len(single):
            raise ValueError(
                "CrossSessionSplit needs at least 2 sessions of each subject, but there is only "
                f"one of subject{'s' if len(single) > 1 else ''} {_list(single)}. Leave out who "
                "has no other, or use another protocol."
            )
        for number, row in enumerate(first_of_visit):
            test = visit == number
            yield np.flatnonzero((subject == subject[row]) & ~test), np.flatnonzero(test)


class FirstTrialsSplit(_ByVisit):
    """Train on the first trials of a session, test on the later ones.

    The custom of papers on SEED, 9 trials and 6. Nothing of the future is used, but people,
    electrodes and mood of the day are the same on both sides. Without sense where ``trial`` does
    not count time, as in :func:`~skmamba.load_deap`, whose trials are in the order of videos.

    Parameters
    ----------
    n_train : int, default=9
        How many trials of each session to train on.

    Raises
    ------
    ValueError
        If ``n_train`` is below 1.

    See Also
    --------
    WithinSubjectSplit : Every trial is tested.
    CrossSessionSplit : A day of its own for the test.

    Notes
    -----
    ``groups`` is the metadata with ``subject``, ``session`` and ``trial``, whose order is that of
    time. There is one fold for each session of each subject. A trial is tested once if it is not
    among the first ``n_train``, else never. Windows follow their trial.

    Examples
    --------
    >>> from skmamba import FirstTrialsSplit, simulate_trials
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

    def _folds(self, X, y, groups):
        subject, session, trial = self._read(X, groups, "subject", "session", "trial")
        trial = pd.Series(trial).infer_objects().to_numpy()  # numbers may come as objects
        if trial.dtype.kind not in "iufM":
            raise ValueError(
                "FirstTrialsSplit takes the order of 'trial' for that of time, so they must be "
                f"numbers or dates, got {trial[0]!r}."
            )
        visit, first = _number(subject, session)
        names = [f"subject {subject[row]}, session {session[row]}" for row in first]
        trials = [np.unique(trial[visit == number]) for number in range(len(first))]
        short = [
            f"{name} (has {len(there)})"
            for name, there in zip(names, trials, strict=True)
            if len(there) <= self.n_train
        ]
        if short:
            raise ValueError(
                f"{self!r} needs more than {self.n_train} trials of each session, to have some "
                f"left for the test. Too few: {_list(short, '; ')}."
            )
        for number, there in enumerate(trials):
            early = np.isin(trial, there[: self.n_train])
            yield (
                np.flatnonzero((visit == number) & early),
                np.flatnonzero((visit == number) & ~early),
            )


class RandomWindowsKFold(_ProtocolSplitter):
    """Shuffle windows, whoever and whatever they come from: to show the leak, not for results.

    Windows of one trial land on both sides, so a classifier that recognises the trial knows the
    label. Many published scores were taken this way. It is here to reproduce them, and warns
    every time.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, stratified by label.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling; None takes fresh entropy.

    Raises
    ------
    ValueError
        If ``n_splits`` is below 2.

    Warns
    -----
    LeakageWarning
        Once a split, with the share of test windows that have a window of their trial in training.

    See Also
    --------
    Trials.as_windows : Makes windows the rows.
    leakage_gap : What such a split adds to the score of a model.
    CrossSubjectSplit : For results.

    Notes
    -----
    Rows must be windows. ``groups`` is their metadata with ``trial``, or that column. Every window
    is tested once.

    Examples
    --------
    >>> import warnings
    >>> from skmamba import LeakageWarning, RandomWindowsKFold, simulate_trials
    >>> windows = simulate_trials(n_subjects=2, n_trials=4).as_windows(128)
    >>> cv = RandomWindowsKFold(5, random_state=0)
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     folds = list(cv.split(windows.X, windows.y, windows.metadata))
    >>> print(caught[0].message)
    In 5 of 5 folds of RandomWindowsKFold, and for 100 % of the test windows, training holds \
windows of the same trial: ...
    """

    protocol = "random_windows"

    def __init__(self, n_splits: int = 5, random_state: Seed = None) -> None:
        check_int("n_splits", n_splits, minimum=2)
        self.n_splits = n_splits
        self.random_state = random_state

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Count the folds.

        Parameters
        ----------
        X, y, groups : ignored
            Here because scikit-learn passes them.

        Returns
        -------
        n_splits : int
            Number of folds.
        """
        return self.n_splits

    def _folds(self, X, y, groups):
        self._read(X, groups, "trial")
        trial, first = _number_trials(groups)
        if len(first) == len(trial):
            raise ValueError(
                "RandomWindowsKFold needs windows as rows, but no trial is there twice. Cut the "
                "trials first, with Trials.as_windows(size, stride)."
            )
        if y is None:
            raise ValueError("RandomWindowsKFold stratifies and needs y, but y is None.")
        seed = _fresh(self.random_state)
        splitter = StratifiedKFold(self.n_splits, shuffle=True, random_state=seed)
        folds = list(splitter.split(trial, y))
        n_shared = [np.isin(trial[test], trial[train]).sum() for train, test in folds]
        if any(n_shared):
            warnings.warn(
                f"In {np.count_nonzero(n_shared)} of {len(folds)} folds of RandomWindowsKFold, and "
                f"for {100 * np.sum(n_shared) / len(trial):.0f} % of the test windows, training "
                "holds windows of the same trial: the score measures memory of trials too. For "
                "results use CrossSubjectSplit() or WithinSubjectSplit().",
                LeakageWarning,
                stacklevel=3,
            )
        yield from folds


class _Subject(NamedTuple):
    """What an inner splitter sees of one person: samples, each of one or more rows."""

    name: Any
    rows: np.ndarray  # (n_rows,) of the whole table
    sample: np.ndarray  # (n_rows,) which sample a row belongs to
    n_samples: int
    y: np.ndarray | None  # (n_samples,)
    groups: Any


class WithinSubjectSplit(_ProtocolSplitter):
    """Train and test on trials of the same person, one person after the other.

    The answer to "how well will this do on somebody it was calibrated on". Called intra-subject
    or subject-dependent in papers. Each person has models of their own: there are folds for
    each, in sorted order.

    Parameters
    ----------
    inner : int or splitter, default=None
        What splits the trials of a person: a splitter of scikit-learn or of this package, or a
        number of stratified folds; None is ``StratifiedKFold(5)``.
    inner_groups : str, default=None
        The column of the metadata that ``inner`` gets as its groups. Splitters of this package
        get all columns without asking; a ``GroupKFold`` of scikit-learn needs one named.

    Raises
    ------
    ValueError
        If ``inner`` is no splitter, or ``inner_groups`` would have no effect.

    See Also
    --------
    CrossSubjectSplit : People who are not in training.
    CrossSessionSplit : Other sessions of the same person.
    FirstTrialsSplit : Later trials of the same session.

    Notes
    -----
    ``groups`` is the metadata with ``subject``, or that column. Every trial is tested as often as
    ``inner`` tests it: once with the default.

    Trials come to ``inner`` ordered by session and trial, and the default does not shuffle: a fold
    is a stretch of that order, class by class. Where the order is that of time, neighbours, who
    look alike, stay on one side but for the edges; shuffling would part them. In
    :func:`~skmamba.load_deap` the order is that of videos.

    Where rows are windows (a trial is there more than once) ``inner`` gets one sample a trial,
    and windows follow their trial. The column ``subject`` alone does not tell, so that each row is
    a trial then. Only :class:`RandomWindowsKFold` gets the windows; the protocol is then
    ``"random_windows"``.

    Examples
    --------
    >>> from skmamba import WithinSubjectSplit, simulate_trials
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

    Stimuli that are new to the person:

    >>> from sklearn.model_selection import GroupKFold
    >>> WithinSubjectSplit(GroupKFold(4), inner_groups="stimulus")
    WithinSubjectSplit(inner=GroupKFold(n_splits=4, random_state=None, shuffle=False), \
inner_groups='stimulus')
    """

    protocol = "within_subject"

    def __init__(
        self, inner: int | Splitter | None = None, *, inner_groups: str | None = None
    ) -> None:
        if isinstance(inner, numbers.Integral):
            check_int("inner", inner, minimum=2)
        elif inner is not None and not _is_splitter(inner):
            raise ValueError(
                "inner must be a splitter, such as StratifiedKFold(5), or a number of folds, got "
                f"{inner!r}."
            )
        if inner_groups is not None and _asks_for_groups(inner) is False:
            raise ValueError(
                f"inner_groups={inner_groups!r} has no effect: inner={inner!r} takes no groups."
            )
        self.inner = inner
        self.inner_groups = inner_groups
        if isinstance(inner, RandomWindowsKFold):  # what leaks must not go by the name of the rest
            self.protocol = inner.protocol

    def get_n_splits(
        self,
        X: ArrayLike | Epochs | None = None,
        y: ArrayLike | None = None,
        groups: Groups | None = None,
    ) -> int:
        """Count the folds.

        Parameters
        ----------
        X : array-like of n_samples entries, default=None
            Trials, to compare their number with that of groups.
        y : array-like of shape (n_samples,), default=None
            Labels, for inner splitters that ask for them.
        groups : DataFrame or array-like of shape (n_samples,), default=None
            As in :meth:`split`; needed here too.

        Returns
        -------
        n_splits : int
            Number of folds of all subjects.

        Raises
        ------
        ValueError
            If metadata are missing, or do not allow this protocol.
        """
        inner = self._make_inner()
        return sum(
            inner.get_n_splits(np.zeros(subject.n_samples), subject.y, subject.groups)
            for subject in self._subjects(inner, X, y, groups)
        )

    def _folds(self, X, y, groups):
        inner = self._make_inner()
        subjects = list(self._subjects(inner, X, y, groups))
        if isinstance(inner, StratifiedKFold):
            self._check_labels(inner, y, subjects)
        for subject in subjects:
            X = np.zeros(subject.n_samples)
            try:
                folds = list(inner.split(X, subject.y, subject.groups))
            except ValueError as error:
                raise ValueError(
                    f"WithinSubjectSplit cannot split subject {subject.name}: {error}"
                ) from error
            for fold in folds:
                yield tuple(subject.rows[np.isin(subject.sample, part)] for part in fold)

    def _make_inner(self):
        if self.inner is None:
            return StratifiedKFold(5)
        if isinstance(self.inner, numbers.Integral):
            return StratifiedKFold(self.inner)
        return self.inner

    def _subjects(self, inner, X, y, groups):
        (ids,) = self._read(X, groups, "subject")
        metadata = _as_frame(groups, subject=ids)
        number, first = _number(ids)
        y = None if y is None else np.asarray(y)
        for this, name in enumerate(ids[first]):
            rows = np.flatnonzero(number == this)
            own = metadata.iloc[rows]
            sample, first_row = self._samples(inner, own)
            yield _Subject(
                name=name,
                rows=rows,
                sample=sample,
                n_samples=len(first_row),
                y=None if y is None else y[rows[first_row]],
                groups=self._inner_groups(inner, own.iloc[first_row]),
            )

    def _samples(self, inner, metadata):
        """Sample of each row, and the first row of each sample."""
        if "trial" not in metadata or isinstance(inner, RandomWindowsKFold):
            rows = np.arange(len(metadata))
            return rows, rows
        self._read(None, metadata, "trial")
        return _number_trials(metadata)

    def _inner_groups(self, inner, metadata):
        if self.inner_groups is not None:
            return self._read(None, metadata, self.inner_groups)[0]
        if isinstance(inner, _ProtocolSplitter):
            return metadata
        if _asks_for_groups(inner):
            raise ValueError(
                f"{type(inner).__name__} inside WithinSubjectSplit needs to know its groups: name "
                "a column of the metadata, such as inner_groups='stimulus'."
            )
        return None

    def _check_labels(self, inner, y, subjects):
        """Make sure that each fold of each person can have each of the person's classes."""
        if y is None:
            raise ValueError(f"{self!r} stratifies and needs y, but y is None.")
        if type_of_target(y) not in ("binary", "multiclass"):
            return  # StratifiedKFold has an error for that
        lacking = []
        for subject in subjects:
            labels, counts = np.unique(subject.y, return_counts=True)
            if len(labels) == 1:
                lacking.append(f"subject {subject.name} (all {counts[0]} of class {labels[0]})")
            elif counts.min() < inner.n_splits:
                rarest = labels[counts.argmin()]
                lacking.append(f"subject {subject.name} ({counts.min()} of class {rarest})")
        if lacking:
            raise ValueError(
                f"{inner.n_splits} stratified folds within a subject need at least "
                f"{inner.n_splits} trials of each of two or more classes. Too few: "
                f"{_list(lacking, '; ')}. Use fewer folds, such as WithinSubjectSplit(2), or leave "
                "these subjects out and say so."
            )


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


def check_splitter(cv):
    """Return the splitter that a name stands for, or the splitter itself.

    Parameters
    ----------
    cv : str or splitter
        One of the names in ``PROTOCOLS``, also with hyphens, or any object with ``split``.

    Returns
    -------
    splitter : splitter
        With its default parameters, if it came by name.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(cv, str):
        name = cv.strip().lower().replace("-", "_").replace(" ", "_")
        if name in PROTOCOLS:
            return PROTOCOLS[name]()
        near = difflib.get_close_matches(name, PROTOCOLS, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"cv={cv!r} is no protocol.{hint} There are {_list(PROTOCOLS)}.")
    if isinstance(cv, numbers.Integral):
        raise ValueError(
            f"cv={cv} says nothing of who is held out: use CrossSubjectSplit({max(int(cv), 2)}), "
            "WithinSubjectSplit() or another protocol."
        )
    if not _is_splitter(cv):
        called = f" Did you mean {cv.__name__}()?" if isinstance(cv, type) else ""
        raise ValueError(
            f"cv must be the name of a protocol ({_list(PROTOCOLS)}) or a splitter, got "
            f"{cv!r}.{called}"
        )
    return cv


def _is_splitter(thing):
    return hasattr(thing, "split") and not isinstance(thing, (str, type))


def _asks_for_groups(splitter):
    """Tell what a splitter told scikit-learn; None if it is none of scikit-learn's kind."""
    if splitter is None or isinstance(splitter, numbers.Integral):
        return False
    if not hasattr(splitter, "get_metadata_routing"):
        return None
    return bool(get_routing_for_object(splitter).split.requests.get("groups"))


def _fresh(random_state):
    """Seed for scikit-learn, which takes None for numpy's global state."""
    return int(np.random.default_rng().integers(2**32)) if random_state is None else random_state


def _number(*columns):
    """Give the distinct rows of columns numbers, in sorted order; say where each is first."""
    codes = np.zeros(len(columns[0]), dtype=int)
    for column in columns:
        own, entries = pd.factorize(column, sort=True, use_na_sentinel=False)
        codes = codes * len(entries) + own
    _, first, codes = np.unique(codes, return_index=True, return_inverse=True)
    return codes, first


def _number_trials(groups):
    """Give trials numbers, also where their ids start anew with each subject or session."""
    frame = _as_frame(groups, trial=groups)
    known = [column for column in ("subject", "session", "trial") if column in frame]
    return _number(*(frame[column].to_numpy() for column in known))


def _as_frame(groups, **column):
    """Metadata as they are, or of one column."""
    return pd.DataFrame(groups if isinstance(groups, pd.DataFrame | dict) else column)


def _list(names, separator=", ", at_most=10):
    names = [str(name) for name in names]
    more = [f"{len(names) - at_most} more"] if len(names) > at_most else []
    return separator.join([*names[:at_most], *more])
