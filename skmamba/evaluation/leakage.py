"""Data leakage: what training and test sets share, what predicts labels, and the effect."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils.parallel import Parallel

from .._copies import encode_samples
from .._metadata import (
    TRIAL_COLUMNS,
    check_trials,
    describe_missing,
    encode,
    read_numbers,
)
from .._parallel import delayed
from .._progress import progress_bar
from .._types import Groups, Splitter
from .._validation import check_int, check_trial_labels
from ..trials import Trials
from ._baselines import check_seed, fill_seeds, permute_labels
from ._label_prediction import make_row, summarize_label_predictions
from .splitters import LeakageWarning, ProtocolName, check_splitter, list_folds

RUN = 32  # samples that a copy has in common with the original
TOLERANCE = 0.5  # samples, because onsets are rounded
# Verdicts on shared data that are not leaks
VERDICTS = {
    kind: f"shared: no estimate for new {kinds}"
    for kind, kinds in (("stimulus", "stimuli"), ("session", "sessions"), ("subject", "subjects"))
}
# What a protocol shares by definition
BY_DESIGN = {
    "within_subject": {"session", "subject"},
    "cross_session": {"subject"},
    "cross_stimulus": {"session", "subject"},
    "first_trials": {"session", "subject"},
}


def leakage_report(
    cv: ProtocolName | Splitter | Iterable[tuple[ArrayLike, ArrayLike]],
    trials: Trials,
    *,
    groups: str | Groups | None = None,
) -> pd.DataFrame:
    """List what training and test sets share, and what predicts labels besides the EEG.

    Parameters
    ----------
    cv : str, splitter or iterable of (train, test)
        Name of a protocol such as ``"cross_subject"``, any splitter, or pairs of index arrays or
        masks.
    trials : Trials
        The data to split; rows may be trials or windows.
    groups : str or array-like of shape (n_rows,), default=None
        Groups for the splitter: the name of a metadata column, or an array. By default, splitters
        of this package receive the metadata, others the column ``subject``.

    Returns
    -------
    report : DataFrame
        One row for each kind of shared data: ``"identical data"`` (rows of X with the same bytes,
        flat signals excepted), ``"window overlap"`` (windows of a trial, or trials of a recording,
        with samples in common), ``"reference"`` (if trials have one: it ends after the start of its
        test trial, or has samples in common with a test trial), ``"trial"``, ``"stimulus"``,
        ``"session"`` (of one subject) and ``"subject"``. Then one row for each quantity that may
        predict the labels without the time course of the EEG: ``"label from duration"`` (column
        ``duration`` of the metadata, in seconds), ``"label from amplitude"`` (logarithm of the
        standard deviation of each channel) and ``"label from order"`` (relative rank of the
        trial in its session and run, by ``onset`` if all rows have it, else by ``trial``; and of
        session and run in the subject).
        Columns:

        - ``kind``;
        - ``shared``, whether any fold shares it; missing if unknown, and for labels;
        - ``n_folds_shared`` and ``n_folds``;
        - ``test_share``, the share of test rows with a counterpart in the training set, mean over
          folds;
        - ``example``, the first such row; for labels, the balanced accuracy, that of permuted
          labels (chance level), and p;
        - ``verdict``: ``"not shared"``, ``"leak"``, ``"by design"`` if the protocol shares it by
          definition, ``"by design: k labelled trials per class"`` if it does for calibration,
          ``"shared: no estimate for new subjects"`` (sessions, stimuli), or
          ``"unknown: ..."`` with the missing metadata; for labels
          ``"predicted: balanced accuracy 0.74 (chance level 0.50)"`` where p < 0.01, else
          ``"not predicted"``, or ``"unknown: ..."``.

    Raises
    ------
    ValueError
        If rows of one trial have different labels, stimuli or recordings, ``cv`` gives no fold, or
        ``groups`` are missing.

    Notes
    -----
    Trials and recordings are identified by number, and by subject, session and run too where
    numbers restart. Overlap is computed from ``recording``, ``onset`` and ``reference_onset``
    (in seconds from the start of the recording) and, for windows, ``start`` (in samples). Rows
    with missing metadata never count as shared.

    Labels are predicted by a decision tree of depth 3 on the folds of ``cv``, by trial. p is
    approximate, from 999 permutations of the labels within subjects, without new fits. See
    :doc:`/user_guide/leakage` for the causes of predicted labels, and for leakage that the report
    cannot detect.

    Examples
    --------
    >>> from sklearn.model_selection import GroupKFold
    >>> from skmamba.datasets import simulate_trials
    >>> from skmamba.evaluation import RandomWindowsKFold, leakage_report
    >>> windows = simulate_trials(n_subjects=4, n_trials=6).as_windows(1.0, 0.5)
    >>> report = leakage_report(RandomWindowsKFold(random_state=0), windows)
    >>> report[["kind", "test_share", "verdict"]].iloc[1:3].round(2)
                 kind  test_share verdict
    1  window overlap        0.91    leak
    2           trial        1.00    leak
    >>> report["example"][1]
    'fold 0: trial 0, windows at 384 and 320'
    >>> verdicts = leakage_report(GroupKFold(4), windows)["verdict"].tolist()
    >>> verdicts[:4]
    ['not shared', 'not shared', 'not shared', "unknown: metadata has no column 'stimulus'"]
    >>> verdicts[7]  # the classes differ in alpha power
    'predicted: balanced accuracy 0.79 (chance level 0.50)'
    """
    trial = _group_trials(trials)
    if isinstance(cv, str) or hasattr(cv, "split") or not isinstance(cv, Iterable):
        cv = check_splitter(cv)
    with warnings.catch_warnings(action="ignore", category=LeakageWarning):  # the report has it
        folds = list_folds(cv, trials, _get_groups(trials.metadata, groups))
    shared = list_shared(folds, trials, cv)
    predicted = summarize_label_predictions(folds, trials, trial.codes, trial.unknown)
    report = pd.DataFrame([*shared, *predicted])
    return report.astype({"shared": "boolean", "n_folds_shared": "Int64"})


def list_shared(folds, trials, cv=None):
    """Return the rows of the report on shared data, as dicts; ``cv`` defines what is by design."""
    finders = _make_finders(trials)
    shares: dict[str, list[float]] = {kind: [] for kind in finders}
    examples = dict.fromkeys(finders, "")
    for fold, (train_idx, test_idx) in enumerate(folds):
        for kind, finder in finders.items():
            is_shared = finder.is_shared(train_idx, np.asarray(test_idx))
            shares[kind].append(is_shared.mean() if len(is_shared) else 0.0)
            if is_shared.any() and not examples[kind]:
                row = test_idx[is_shared.argmax()]
                examples[kind] = f"fold {fold}: {finder.describe(row, train_idx)}"
    if any(not finders[kind].unknown and not any(shares[kind]) for kind in ("session", "subject")):
        finders["window overlap"].unknown = ""  # other subjects and sessions are other recordings
    protocol, adaptation = getattr(cv, "protocol", ""), getattr(cv, "adaptation", "")
    by_design = dict.fromkeys(BY_DESIGN.get(protocol.partition(",")[0], ()), "by design")
    if adaptation:
        by_design |= dict.fromkeys(["session", "subject"], f"by design: {adaptation}")
    return [
        _summarize_kind(kind, finder.unknown, np.array(shares[kind]), examples[kind], by_design)
        for kind, finder in finders.items()
    ]


def leakage_gap(
    estimator: BaseEstimator,
    trials: Trials,
    *,
    window_size: float = 2.0,
    stride: float | None = None,
    window_size_samples: int | None = None,
    stride_samples: int | None = None,
    n_splits: int = 5,
    scoring: str | Callable[..., float] = "balanced_accuracy",
    n_jobs: int | None = None,
    random_state: int | None = None,
    verbose: bool | None = None,
) -> pd.DataFrame:
    """Score a model on the same windows under four splits, with true and with permuted labels.

    Rows are windows, as in many published protocols. The splits are of single windows, or
    of groups: the windows of a trial, of a stimulus, or of a subject.

    Parameters
    ----------
    estimator : classifier
        Classifier of windows ``(n_windows, n_channels, n_times)``, or a pipeline that cuts windows
        of the same length. It is fitted on Trials of which each row is a window.
    trials : Trials
        The data, one row per trial.
    window_size, stride, window_size_samples, stride_samples
        As in :class:`~skmamba.SlidingWindows`; by default 2 seconds without overlap.
    n_splits : int, default=5
        Number of folds of each split, at most the number of trials, stimuli or subjects.
    scoring : str or callable, default="balanced_accuracy"
        A scorer of scikit-learn, applied to windows.
    n_jobs : int, default=None
        Number of parallel fits.
    random_state : int or None, default=None
        Seed of folds, of the permutation, and of every ``random_state`` of the estimator that is
        None.
    verbose : bool, default=None
        Whether to show a progress bar; None shows it if stderr is a terminal.

    Returns
    -------
    gap : DataFrame
        One row per split and kind of labels:

        - ``split``: ``"random windows"``, ``"trials"``, ``"stimuli"``, ``"subjects"``; without
          splits whose metadata are missing or whose training sets lack a class;
        - ``labels``: ``"true"``, or ``"permuted"`` by trial;
        - ``mean``, ``std`` and ``n_folds``: the score over folds;
        - ``inflation``: difference of the mean to that of the last split with the same labels, in
          percentage points;
        - ``n_train``, ``n_test``: number of windows, mean over folds.

        ``gap.attrs["score"]`` is the name of the score.

    Raises
    ------
    ValueError
        If the estimator is a regressor, rows are not trials, labels are missing or of one class,
        or a class has too few trials for two folds.

    See Also
    --------
    leakage_report : What the folds of a splitter share.
    skmamba.plots.LeakageDisplay : Plot of the result.

    Notes
    -----
    Labels are permuted among the trials of each subject: a score above the chance level then
    measures recognition of trials only. All splits are stratified.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skmamba.datasets import simulate_trials
    >>> from skmamba.evaluation import leakage_gap
    >>> trials = simulate_trials(n_subjects=5, n_trials=8)
    >>> gap = leakage_gap(DummyClassifier(), trials, window_size=0.5, verbose=False)
    >>> gap["split"].unique().tolist()
    ['random windows', 'trials', 'subjects']
    """
    check_int("n_splits", n_splits, minimum=2)
    if hasattr(estimator, "__sklearn_tags__") and is_regressor(estimator):
        raise ValueError(f"estimator must be a classifier, got {estimator!r}.")
    trial = _group_trials(trials)
    check_trial_labels(trials.y)
    n_trials = len(np.unique(trial.codes))
    if not trial.unknown and n_trials < len(trials):
        raise ValueError(
            f"trials must have one row per trial, got {len(trials)} rows of {n_trials} trials."
        )
    seed = check_seed(random_state) % 2**32
    estimator = fill_seeds(estimator, seed)
    samples = {"window_size_samples": window_size_samples, "stride_samples": stride_samples}
    windows = trials.as_windows(window_size, stride, **samples)
    row = np.repeat(np.arange(len(trials)), len(windows) // len(trials))
    permuted = permute_labels(trials.y, trials.metadata, np.random.default_rng(seed))
    labels = {"true": windows.y, "permuted": permuted[row]}
    folds = {
        (split, name): _make_folds(y, None if ids is None else ids[row], n_splits, seed)
        for name, y in labels.items()
        for split, ids in _make_split_ids(trials).items()
    }
    if not folds["trials", "true"]:
        raise ValueError(
            "trials must have trials of every class in at least two folds, got "
            f"{pd.Series(trials.y).value_counts().to_dict()}."
        )
    jobs = [(key, fold) for key in folds for fold in folds[key]]
    scorer = get_scorer(scoring)
    scores = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_score_windows)(estimator, windows, labels[name], *fold, scorer)
        for (_, name), fold in jobs
    )
    bar = progress_bar(scores, total=len(jobs), unit="fit", verbose=verbose)
    rows = [
        (split, name, score, len(train_idx), len(test_idx))
        for ((split, name), (train_idx, test_idx)), score in zip(jobs, bar, strict=True)
    ]
    gap = _summarize_gap(rows)
    gap.attrs["score"] = scoring if isinstance(scoring, str) else "score"
    return gap


def _get_groups(metadata, groups):
    if not isinstance(groups, str):
        return groups
    if groups not in metadata:
        raise ValueError(
            "groups must be a column of the metadata, "
            f"{', '.join(map(str, metadata)) or 'none'}, got {groups!r}."
        )
    return metadata[groups].to_numpy()


def _summarize_kind(kind, unknown, shares, example, by_design):
    """Return one row of the report."""
    n_shared = np.count_nonzero(shares)
    if unknown and not n_shared:
        return make_row(kind, len(shares), example, f"unknown: {unknown}")
    verdict = by_design.get(kind, VERDICTS.get(kind, "leak")) if n_shared else "not shared"
    found = {"shared": n_shared > 0, "n_folds_shared": n_shared, "test_share": shares.mean()}
    return make_row(kind, len(shares), example, verdict, **found)


@dataclass
class _SharedGroups:
    """Finder of rows whose group is in the training set; code -1 is an unknown group."""

    codes: np.ndarray
    describe: Callable  # (row, train_idx) -> str
    unknown: str = ""  # why codes are missing

    def is_shared(self, train_idx, test_idx):
        """Return for each test row whether its group is in the training set."""
        train = self.codes[train_idx]
        return np.isin(self.codes[test_idx], train[train >= 0])


@dataclass
class _Finder:
    """Finder of test rows that are shared or leak in another way."""

    is_shared: Callable  # (train_idx, test_idx) -> bool array, one for each test row
    describe: Callable  # (row, train_idx) -> str
    unknown: str  # why some are not found, or empty


def _make_finders(trials):
    """Return the finder of each kind of shared data."""
    metadata = trials.metadata
    trial = _group_trials(trials)
    X, place = trials.X, _locate_rows(trials, trial)
    finders = {
        "identical data": _group_identical(X),
        "window overlap": _make_overlap_finder(trials, trial, place),
    }
    if trials.reference_data is not None:
        finders["reference"] = _make_reference_finder(trials, X, trial, place)
    return {
        **finders,
        "trial": trial,
        "stimulus": _group_by(metadata, ["stimulus"]),
        "session": _group_by(metadata, ["subject", "session"]),
        "subject": _group_by(metadata, ["subject"]),
    }


def _group_trials(trials):
    """Return the finder of shared trials; raise ValueError if rows of a trial are inconsistent."""
    if not isinstance(trials, Trials):
        raise ValueError(f"trials must be Trials, got {type(trials).__name__}.")
    trial = _group_by_number(trials.metadata, "trial")
    check_trials(trial.codes, trials.metadata, trials.y)
    return trial


def _group_by_number(metadata, column):
    """Return the finder of trials or recordings, whose numbers may restart in each run."""
    owners = [owner for owner in TRIAL_COLUMNS[:-1] if owner in metadata]
    if column not in metadata or not owners:
        return _group_by(metadata, [column])
    n_owners = metadata.groupby(column, observed=True)[owners].nunique(dropna=False)
    if (n_owners <= 1).all(axis=None):
        return _group_by(metadata, [column])
    return _group_by(metadata, [*owners, column], optional=("session", "run"))


def _group_by(metadata, columns, optional=()):
    """Return the finder of equal values; optional ones may be missing for all rows of a subject."""
    is_missing = metadata.reindex(columns=columns).isna()
    subject = metadata.reindex(columns=["subject"])["subject"]
    for column in {*optional} & {*columns}:
        by_subject = is_missing[column].groupby(subject, dropna=False, observed=True)
        is_missing[column] &= ~by_subject.transform("all")
    is_known = ~is_missing.any(axis=1).to_numpy()
    codes = np.full(len(metadata), -1)
    if is_known.any():
        codes[is_known] = encode(*(metadata.loc[is_known, column] for column in columns))[0]

    def describe(row, train_idx=None):
        values = {column: metadata[column].iloc[row] for column in columns}
        return ", ".join(f"{name} {value}" for name, value in values.items() if pd.notna(value))

    return _SharedGroups(codes, describe, describe_missing(~is_known, metadata, columns))


def _group_identical(X):
    codes = encode_samples(X)

    def describe(row, train_idx):
        copy = train_idx[np.argmax(codes[train_idx] == codes[row])]
        return f"rows {row} and {copy}"

    return _SharedGroups(codes, describe)


class _Place(NamedTuple):
    """Recording and start of each row, relative to its trial if the recording is unknown."""

    recording: _SharedGroups
    in_recording: np.ndarray
    position: np.ndarray  # in samples
    unknown: str  # why recording or onset are missing


def _locate_rows(trials, trial):
    """Return the place of each row."""
    metadata, sfreq = trials.metadata, trials.sfreq
    recording = _group_by_number(metadata, "recording")
    start, onset = read_numbers(metadata, "start"), read_numbers(metadata, "onset")
    onsets = pd.Series(onset).groupby(trial.codes)
    is_window = (trial.codes >= 0) & (onsets.transform("size") > 1)
    own_onset = is_window & (onsets.transform("nunique") > 1)  # not that of the trial
    if "start" not in metadata:
        start = np.where(own_onset, onset * sfreq, np.where(is_window, np.nan, 0))
    before = pd.Series(np.round(onset * sfreq - start)).groupby(trial.codes).transform("nunique")
    start_in_onset = own_onset & (before <= 1)
    in_recording = (recording.codes >= 0) & np.isfinite(onset)
    in_time = onset * sfreq + np.where(start_in_onset, 0, start)
    # If each trial starts at its onset by both columns, "start" is relative to the recording.
    own = np.where(trial.codes >= 0, trial.codes, -1 - np.arange(len(onset)))
    first = pd.Series(start).groupby(own).transform("min") - onset * sfreq
    if (first[in_recording].abs() <= 1).all():
        in_time = start
    position = np.where(in_recording, in_time, start)
    unknown = recording.unknown or describe_missing(~in_recording, metadata, ["onset"])
    return _Place(recording, in_recording, position, unknown)


def _make_overlap_finder(trials, trial, place):
    """Return the finder of rows with common samples of a recording or, without onset, a trial."""
    recording, in_recording, position, _ = place
    sfreq, size = trials.sfreq, trials.shape[-1]
    in_trial = np.where(trial.codes >= 0, trial.codes + len(trials), -1)
    codes = np.where(in_recording, recording.codes, in_trial)
    start = pd.Series(position).where((codes >= 0) & np.isfinite(position))
    start -= start.groupby(codes).transform("min")
    # On one time axis, on which rows of two recordings or trials never overlap.
    on_axis = (codes * (size + start.max()) + start).to_numpy()

    def is_shared(train_idx, test_idx):
        test, train = on_axis[test_idx], on_axis[train_idx]
        train = np.concatenate([[-np.inf], np.sort(train[~np.isnan(train)]), [np.inf]])
        after = np.searchsorted(train[1:-1], test) + 1
        distance = np.minimum(train[after] - test, test - train[after - 1])
        return distance < size - TOLERANCE  # False for NaN

    def describe(row, train_idx):
        other = train_idx[np.nanargmin(np.abs(on_axis[train_idx] - on_axis[row]))]
        first, second = position[row], position[other]
        if in_recording[row]:
            return f"{recording.describe(row)}, from {first / sfreq:g} s and {second / sfreq:g} s"
        return f"{trial.describe(row)}, windows at {first:g} and {second:g}"

    unknown = (
        describe_missing(np.isnan(position), trials.metadata, ["start"])
        or (not in_recording.all() and trial.unknown)
        or place.unknown
    )
    return _Finder(is_shared, describe, unknown)


def _make_reference_finder(trials, X, trial, place):
    """Return the finder of test rows whose reference ends after their start or is in a test row."""
    metadata, sfreq = trials.metadata, trials.sfreq
    reference = sfreq * read_numbers(metadata, "reference_onset")
    size, reference_size = X.shape[-1], trials.reference_data.shape[-1]
    start = np.where(place.in_recording, place.position, np.nan)
    unknown = place.unknown or describe_missing(np.isnan(reference), metadata, ["reference_onset"])
    times = np.nan_to_num([start, start + size, reference, reference + reference_size])
    shift = place.recording.codes * (np.ptp(times) + size)  # recordings do not overlap
    start, begin = start + shift, reference + shift
    end = begin + reference_size - TOLERANCE
    owners, holders = _find_copies(trials.reference_data, X)

    def is_shared(train_idx, test_idx):
        starts = np.append(np.sort(start[test_idx]), np.inf)  # NaN is after all times
        following = np.searchsorted(starts[:-1], begin[test_idx] - size + TOLERANCE)
        is_inside = starts[following] < end[test_idx]  # False for NaN
        is_late = start[test_idx] < end[test_idx]
        return is_inside | is_late | np.isin(test_idx, owners[np.isin(holders, test_idx)])

    def describe(row, train_idx):
        name = f"row {row}" if trial.codes[row] < 0 else trial.describe(row)
        return f"reference of {name}"

    return _Finder(is_shared, describe, unknown)


def _find_copies(reference, X):
    """Return rows of references, and the rows of X that contain a run of their samples."""
    sources, of_row = np.unique(reference.rows, return_inverse=True)
    first = [reference.take([np.argmax(of_row == code)]) for code in range(len(sources))]
    runs = [_hash_runs(own.gather()[0]) for own in first]
    source = np.repeat(np.arange(len(runs)), [len(own) for own in runs])
    hashes = np.concatenate(runs)
    known = np.append(np.unique(hashes), np.uint64(0))
    pairs = []
    for holder, x in enumerate(X):
        own = _hash_runs(x)
        common = own[known[np.searchsorted(known[:-1], own)] == own]
        if len(common):
            owners = np.isin(of_row, source[np.isin(hashes, common)]).nonzero()[0]
            pairs += [(owner, holder) for owner in owners]
    return np.array(pairs, int).reshape(-1, 2).T


def _hash_runs(x):
    """Return a hash of each run of samples of all channels, without flat runs."""
    if x.shape[-1] < RUN:
        return np.empty(0, np.uint64)
    factors = np.random.default_rng(0).integers(2**63, size=len(x) + RUN, dtype=np.uint64)
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    samples = factors[RUN:] @ bits
    samples ^= samples >> np.uint64(32)  # float32 integers end in zero bits
    runs = sliding_window_view(samples * factors[0], RUN)
    return (runs @ factors[:RUN])[(runs != runs[:, :1]).any(axis=1)]


def _make_split_ids(trials):
    """Return for each split the group of each trial to keep together; None for no groups."""
    ids = {"random windows": None, "trials": np.arange(len(trials))}
    for split, column in (("stimuli", "stimulus"), ("subjects", "subject")):
        finder = _group_by(trials.metadata, [column])
        if not finder.unknown:
            ids[split] = finder.codes
    return ids


def _make_folds(y, ids, n_splits, seed):
    """Return stratified folds by group, or no folds if a training set would lack a class."""
    n_most = len(np.unique(ids)) if ids is not None else np.unique(y, return_counts=True)[1].min()
    n_splits = min(n_splits, n_most)
    if n_splits < 2:
        return []
    if ids is None:
        return list(StratifiedKFold(n_splits, shuffle=True, random_state=seed).split(y, y))
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    folds = [fold for fold in splitter.split(y, y, ids) if len(fold[1])]
    n_classes = len(np.unique(y))
    if any(len(np.unique(y[train_idx])) < n_classes for train_idx, _ in folds):
        return []
    return folds


def _score_windows(estimator, windows, y, train_idx, test_idx, scorer):
    fitted = clone(estimator).fit(windows[train_idx], y[train_idx])
    return scorer(fitted, windows[test_idx], y[test_idx])


def _summarize_gap(rows):
    """Return one row per split and kind of labels, from one row per fold."""
    scores = pd.DataFrame(rows, columns=["split", "labels", "score", "n_train", "n_test"])
    gap = scores.groupby(["split", "labels"], sort=False, as_index=False).agg(
        mean=("score", "mean"),
        std=("score", "std"),
        n_folds=("score", "size"),
        n_train=("n_train", "mean"),
        n_test=("n_test", "mean"),
    )
    reference = gap.groupby("labels")["mean"].transform(lambda means: means.iloc[-1])
    gap.insert(5, "inflation", 100 * (gap["mean"] - reference))
    return gap.round({"n_train": 0, "n_test": 0}).astype({"n_train": int, "n_test": int})
