"""What training and test trials share."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.utils.metadata_routing import get_routing_for_object

from .._types import Groups, Splitter
from ..trials import Trials
from ._splitters import LeakageWarning, ProtocolName, check_splitter

PLURALS = {"stimulus": "stimuli", "session": "sessions", "subject": "subjects"}
# What a protocol is meant to share. That all people saw the same films is meant by none of them.
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
    """Say what training and test sides of a splitter's folds share.

    Ask before the first model is fitted: a score from folds that share a trial measures memory,
    and one from folds that share a subject says nothing about new subjects.

    Parameters
    ----------
    cv : str, splitter or iterable of (train, test)
        Name of a protocol such as ``"cross_subject"``, any splitter, or pairs of indices.
    trials : Trials
        What is split; rows may be trials or windows.
    groups : str or array-like of shape (n_rows,), default=None
        What the splitter gets as ``groups``: a column of the metadata by its name, or anything
        else as it is. Without it our splitters get the metadata and others nothing.

    Returns
    -------
    report : DataFrame
        One row per kind of thing, from near copies to strangers: ``"identical data"`` (rows of
        X with the same bytes, unless all channels are silent), ``"window overlap"`` (windows of a
        trial with time points in common), ``"trial"``, ``"stimulus"``, ``"session"`` (one
        subject's) and ``"subject"``. Columns:

        - ``kind``;
        - ``shared``, whether any fold has some of it on both sides; missing if not known;
        - ``n_folds_shared`` and ``n_folds``, in how many folds, of how many;
        - ``test_share``, the share of test rows that met theirs in training, mean over folds;
        - ``example``, the first such row;
        - ``verdict``: ``"kept apart"``, ``"leak"``, ``"by design"`` where the protocol means to
          share it, ``"shared: scores say nothing about new subjects"`` (sessions, stimuli), or
          ``"unknown: ..."`` with what the metadata lack.

    Raises
    ------
    ValueError
        If the splitter needs groups and got none, or there are no folds.

    See Also
    --------
    leakage_gap : What sharing does to the score of a model.

    Notes
    -----
    A trial is known by its number, and by subject and session too where numbers start again.
    Rows with a missing entry are never counted as shared, so that shares are lower bounds there.

    What the metadata do not tell cannot be found: recordings that hold one class only, trials cut
    from one recording so that they overlap, changed copies, choices made on the test data, steps
    that saw all data before they were split, or steps that use the test data on purpose, as some
    modes of :class:`~skmamba.EuclideanAlignment` do; :func:`evaluate` marks those.

    Examples
    --------
    >>> from sklearn.model_selection import GroupKFold
    >>> from skmamba import RandomWindowsKFold, leakage_report, simulate_trials
    >>> windows = simulate_trials(n_subjects=4, n_trials=6).as_windows(size=128, stride=64)
    >>> report = leakage_report(RandomWindowsKFold(random_state=0), windows)
    >>> report[["kind", "test_share", "verdict"]].iloc[1:3].round(2)
                 kind  test_share verdict
    1  window overlap        0.91    leak
    2           trial        1.00    leak
    >>> report["example"][1]
    'fold 0: trial 0, windows at 384 and 320'
    >>> leakage_report(GroupKFold(4), windows, groups="subject")["verdict"].tolist()
    ['kept apart', 'kept apart', 'kept apart', "unknown: metadata has no column 'stimulus'", \
'kept apart', 'kept apart']
    """
    if isinstance(cv, str) or hasattr(cv, "split") or not isinstance(cv, Iterable):
        cv = check_splitter(cv)
    meters = _make_meters(trials)
    shares: dict[str, list[float]] = {kind: [] for kind in meters}
    examples = dict.fromkeys(meters, "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakageWarning)  # to say it is this function's task
        for fold, (train_idx, test_idx) in enumerate(_split(cv, trials, groups)):
            for kind, meter in meters.items():
                is_shared = meter.is_shared(train_idx, test_idx)
                shares[kind].append(is_shared.mean() if len(is_shared) else 0.0)
                if is_shared.any() and not examples[kind]:
                    row = test_idx[is_shared.argmax()]
                    examples[kind] = f"fold {fold}: {meter.tell(row, train_idx)}"
    if not shares["trial"]:
        raise ValueError("cv gave no folds: of pairs of indices, pass a list, not a used iterator.")
    protocol = getattr(cv, "protocol", None)
    rows = [
        _summarise(kind, meter, np.array(shares[kind]), examples[kind], protocol)
        for kind, meter in meters.items()
    ]
    report = pd.DataFrame(rows)
    return report.astype({"shared": "boolean", "n_folds_shared": "Int64"})


def _split(cv, trials, groups):
    """Yield the folds of anything that gives some, as indices."""
    folds = cv
    if hasattr(cv, "split"):
        folds = cv.split(trials.X, trials.y, _groups_for(cv, trials.metadata, groups))
    for fold in folds:
        yield tuple(map(_as_indices, fold))


def _groups_for(cv, metadata, groups):
    """Return what a splitter gets as groups; complain before the splitter does in fewer words."""
    if isinstance(groups, str):
        if groups not in metadata:
            raise ValueError(
                f"groups={groups!r} is no column of the metadata, which has "
                f"{', '.join(map(str, metadata)) or 'none'}."
            )
        return metadata[groups].to_numpy()
    if groups is None and hasattr(cv, "protocol"):
        return metadata
    with config_context(enable_metadata_routing=True):
        is_needed = get_routing_for_object(cv).consumes("split", ["groups"])
    if groups is None and is_needed:
        raise ValueError(
            f"{type(cv).__name__} needs groups, got None: name a column of the metadata, such as "
            "groups='subject'."
        )
    return groups


def _as_indices(rows):
    """Rows as indices, from indices or a mask."""
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.intp)


def _summarise(kind, meter, shares, example, protocol):
    """One row of the report."""
    is_shared = bool(shares.any())
    unknown = meter.unknown and not is_shared
    return {
        "kind": kind,
        "shared": None if unknown else is_shared,
        "n_folds_shared": None if unknown else np.count_nonzero(shares),
        "n_folds": len(shares),
        "test_share": np.nan if unknown else shares.mean(),
        "example": example,
        "verdict": _judge(kind, is_shared, meter.unknown, protocol),
    }


def _judge(kind, is_shared, unknown, protocol):
    """Put it in a word or two."""
    if not is_shared:
        return f"unknown: {unknown}" if unknown else "kept apart"
    if kind not in PLURALS:
        return "leak"
    if kind in BY_DESIGN.get(protocol, ()):
        return "by design"
    return f"shared: scores say nothing about new {PLURALS[kind]}"


class _Things:
    """Tells rows apart by the thing that they belong to.

    ``codes`` number the things, with -1 where it is not known; ``tell`` names the thing of a row.
    """

    def __init__(self, codes, tell, unknown=""):
        self.codes = codes
        self.tell = tell
        self.unknown = unknown

    def is_shared(self, train_idx, test_idx):
        """Whether the thing of each test row has rows in training."""
        is_in_training = np.zeros(self.codes.max(initial=-1) + 2, dtype=bool)
        is_in_training[self.codes[train_idx]] = True
        is_in_training[-1] = False  # where -1 leads
        return is_in_training[self.codes[test_idx]]


class _Overlap:
    """Tells whether windows have time points of their trial in common.

    Trials are laid out on one line, too far from each other for windows to touch.
    """

    def __init__(self, things, start, size):
        is_known = (things.codes >= 0) & ~np.isnan(start)
        self.start, self.size, self.unknown = start, size, things.unknown
        self.tell_trial = things.tell
        spacing = size
        if is_known.any():
            spacing += np.ptp(start[is_known])
        self.place = np.where(is_known, things.codes * spacing + start, np.nan)
        if not self.unknown and np.isnan(start).any():
            self.unknown = _count_missing(np.isnan(start), ["start"])

    def is_shared(self, train_idx, test_idx):
        """Whether each test window has time points in common with one of training."""
        place = self.place[test_idx]
        train_place = self.place[train_idx]
        train_place = np.sort(train_place[~np.isnan(train_place)])
        train_place = np.concatenate([[-np.inf], train_place, [np.inf]])
        after = np.searchsorted(train_place[1:-1], place) + 1
        gap = np.minimum(train_place[after] - place, place - train_place[after - 1])
        return gap < self.size  # never where the place is not known

    def tell(self, row, train_idx):
        gap = np.abs(self.place[train_idx] - self.place[row])
        starts = self.start[[row, train_idx[np.nanargmin(gap)]]]
        return f"{self.tell_trial(row, train_idx)}, windows at {starts[0]:g} and {starts[1]:g}"


def _make_meters(trials):
    """Make what looks for each kind of thing, from near copies to strangers."""
    metadata = trials.metadata
    trial = number_things(metadata, trial_key(metadata))
    return {
        "identical data": _number_rows(trials.X),
        "window overlap": _place_windows(trials, trial),
        "trial": trial,
        "stimulus": number_things(metadata, ["stimulus"]),
        "session": number_things(metadata, ["subject", "session"]),
        "subject": number_things(metadata, ["subject"]),
    }


def trial_key(metadata):
    """Columns that tell trials apart: owners too, where each of them counts from the start."""
    owners = [column for column in ("subject", "session") if column in metadata]
    if "trial" not in metadata or not owners:
        return ["trial"]
    n_owners = metadata.groupby("trial", observed=True)[owners].nunique()
    return [*owners, "trial"] if (n_owners > 1).any(axis=None) else ["trial"]


def number_things(metadata, columns):
    """Give each thing that rows belong to a number, by the columns that tell it."""
    absent = [column for column in columns if column not in metadata]
    codes = np.full(len(metadata), -1)
    if absent:
        return _Things(codes, None, f"metadata has no column {absent[0]!r}")
    is_known = metadata[columns].notna().all(axis=1).to_numpy()
    known = metadata.loc[is_known, columns]
    codes[is_known] = known.groupby(columns, sort=False, observed=True).ngroup()

    def tell(row, train_idx):
        return ", ".join(f"{column} {metadata[column].iloc[row]}" for column in columns)

    return _Things(codes, tell, "" if is_known.all() else _count_missing(~is_known, columns))


def _count_missing(is_missing, columns):
    return f"{' or '.join(columns)} is missing in {np.count_nonzero(is_missing)} rows"


def _number_rows(X):
    """Give rows numbers, the same to those of equal bytes."""
    codes = pd.factorize(np.array([hash(row.tobytes()) for row in X]))[0]
    codes[[not np.ptp(row, axis=-1).any() for row in X]] = -1  # padding is a copy of nothing

    def tell(row, train_idx):
        twin = train_idx[np.argmax(codes[train_idx] == codes[row])]
        return f"rows {row} and {twin}"

    return _Things(codes, tell)


def _place_windows(trials, trial):
    """Look for windows in common time points; where no trial has two rows, rows are no windows."""
    if trial.unknown and not (trial.codes >= 0).any():
        return trial
    if len(np.unique(trial.codes)) == len(trials):
        return _Things(np.full(len(trials), -1), None)
    if "start" not in trials.metadata:
        unknown = "metadata has no column 'start'"
        return _Things(np.full(len(trials), -1), None, unknown)
    start = trials.metadata["start"].to_numpy(dtype=float)
    return _Overlap(trial, start, trials.X.shape[-1])
