"""Trials: what every loader returns and every pipeline starts from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ._bids import find_recordings, read_recording
from ._mne import as_array, cut_recording, get_ch_names, is_raw, match_event
from ._types import Epochs, Raw, StrPath
from ._windows import cut_windows, resolve_window


@dataclass(frozen=True, repr=False, eq=False)
class Trials:
    """Labelled stretches of EEG: one stimulus, one label, one row.

    Parameters
    ----------
    X : ndarray of shape (n_trials, n_channels, n_times)
        EEG in microvolt.
    y : ndarray of shape (n_trials,)
        Labels.
    metadata : DataFrame of n_trials rows
        Who and when: ``subject``, ``session``, ``trial`` (a number of its own for every trial
        of a data set) and what else the data set knows, such as ``stimulus``. Its columns are
        the ``groups`` of splitters.
    sfreq : float
        Sampling rate in hertz.
    ch_names : sequence of str
        Channel names, in the order of ``X``.
    label_names : dict, default={}
        What the values of ``y`` stand for.
    name : str, default=""
        Name of the data set.
    loader_params : dict, default={}
        What was decided when the data were read and could have been decided otherwise, such as
        which rating is the label and from what value on it is high.

    Raises
    ------
    ValueError
        If the parts do not fit each other.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> Trials(
    ...     X=np.zeros((4, 2, 256), dtype="float32"),
    ...     y=np.array([0, 1, 0, 1]),
    ...     metadata=pd.DataFrame({"subject": [1, 1, 2, 2], "trial": range(4)}),
    ...     sfreq=128,
    ...     ch_names=["Fp1", "Fp2"],
    ...     label_names={0: "rest", 1: "task"},
    ... )
    <Trials: 4 trials x 2 channels x 256 time points (2 s at 128 Hz), 2 subjects; \
2 rest, 2 task (majority 50 %)>
    """

    X: np.ndarray
    y: np.ndarray
    metadata: pd.DataFrame
    sfreq: float
    ch_names: Sequence[str]
    label_names: dict[Any, str] = field(default_factory=dict)
    name: str = ""
    loader_params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "X", np.asarray(self.X))
        object.__setattr__(self, "y", np.asarray(self.y))
        if self.X.ndim != 3:
            raise ValueError(
                f"X must have shape (n_trials, n_channels, n_times), got {self.X.ndim} dimensions."
            )
        n_trials, n_channels, _ = self.X.shape
        for argument, length in (("y", len(self.y)), ("metadata", len(self.metadata))):
            if length != n_trials:
                raise ValueError(
                    f"{argument} must have one entry a trial: X has {n_trials} trials, "
                    f"{argument} has {length}."
                )
        if len(self.ch_names) != n_channels:
            raise ValueError(
                f"ch_names must name each channel: X has {n_channels} channels, "
                f"got {len(self.ch_names)} names."
            )
        if not self.sfreq > 0:
            raise ValueError(f"sfreq must be positive, in hertz, got {self.sfreq!r}.")
        object.__setattr__(self, "ch_names", tuple(str(name) for name in self.ch_names))
        object.__setattr__(self, "metadata", self.metadata.reset_index(drop=True))

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        n_trials, n_channels, n_times = self.X.shape
        labels, counts = np.unique(self.y, return_counts=True)
        balance = ", ".join(
            f"{n} {self.label_names.get(label, f'of class {label}')}"
            for label, n in zip(labels.tolist(), counts.tolist(), strict=True)
        )
        subjects = ""
        if "subject" in self.metadata:
            n_subjects = self.metadata["subject"].nunique()
            subjects = f", {n_subjects} subject{'s' if n_subjects != 1 else ''}"
        if n_trials:
            balance += f" (majority {100 * counts.max() / n_trials:.0f} %)"
        loader_params = ", ".join(f"{name} {value}" for name, value in self.loader_params.items())
        return (
            f"<Trials{f' of {self.name}' if self.name else ''}: {n_trials} trials x "
            f"{n_channels} channels x {n_times} time points "
            f"({n_times / self.sfreq:g} s at {self.sfreq:g} Hz){subjects}; {balance}"
            f"{f'; {loader_params}' if loader_params else ''}>"
        )

    def select(self, where: str | Iterable[int] | None = None, /, **columns: Any) -> Self:
        """Keep some of the trials.

        Parameters
        ----------
        where : str, bool mask or indices, default=None
            A condition on the metadata, as in :meth:`pandas.DataFrame.query`, or which rows.
        **columns : value or list of values
            What columns of the metadata must be, or be among.

        Returns
        -------
        trials : Trials
            The chosen trials, in the order they had, or in that of the indices.

        Raises
        ------
        ValueError
            If there is no such column, or nothing is left.

        Examples
        --------
        >>> from skmamba.datasets import simulate_trials
        >>> trials = simulate_trials(n_subjects=4, n_trials=6)
        >>> len(trials.select(subject=[0, 1])), len(trials.select("subject != 3"))
        (12, 18)
        >>> len(trials.select(trials.y == 1, subject=0))
        3
        """
        rows = np.arange(len(self))
        if isinstance(where, str):
            rows = rows[self._holds(where)]
        elif where is not None:
            rows = rows[list(where)]  # a list: an empty array would be one of floats
        for column, wanted in columns.items():
            if column not in self.metadata:
                raise ValueError(
                    f"metadata has no column {column!r}, only {', '.join(map(str, self.metadata))}."
                )
            wanted = [wanted] if np.isscalar(wanted) or wanted is None else list(wanted)
            rows = rows[self.metadata[column].iloc[rows].isin(wanted)]
        if not len(rows):
            raise ValueError(f"No trial is left after select({where!r}, {columns}).")
        return replace(self, X=self.X[rows], y=self.y[rows], metadata=self.metadata.iloc[rows])

    def _holds(self, condition):
        """For which trials a condition on the metadata holds."""
        try:
            holds = np.asarray(self.metadata.eval(condition))
        except Exception as error:  # pandas raises whatever the condition leads to
            holds, reason = None, f": {error}"
        else:
            reason = ", its values are not true or false"
        if holds is None or holds.dtype != bool or holds.shape != (len(self),):
            raise ValueError(
                f"select({condition!r}) is no condition on the columns "
                f"{', '.join(map(str, self.metadata))}{reason}."
            )
        return holds

    @staticmethod
    def concatenate(parts: Iterable[Trials]) -> Trials:
        """Put trials of several sources under each other.

        Subjects and trials keep their numbers: give people of different sources different ones
        first, or a splitter takes them for one person.

        Parameters
        ----------
        parts : sequence of Trials
            Same channels in the same order, same rate, same length.

        Returns
        -------
        trials : Trials
            All of them; columns that a part lacks are missing values there.

        Raises
        ------
        ValueError
            If there is nothing to concatenate, or the parts do not fit.

        Examples
        --------
        >>> from skmamba.datasets import simulate_trials
        >>> trials = simulate_trials(n_subjects=4, n_trials=5)
        >>> len(Trials.concatenate([trials.select(subject=3), trials.select(subject=0)]))
        10
        """
        parts = list(parts)
        if not parts:
            raise ValueError("concatenate needs at least one Trials, got none.")
        first = parts[0]
        for part in parts[1:]:
            for what, mine, theirs in (
                ("ch_names", first.ch_names, part.ch_names),
                ("sfreq", first.sfreq, part.sfreq),
                ("n_times", first.X.shape[2], part.X.shape[2]),
                ("label_names", first.label_names, part.label_names),
                ("loader_params", first.loader_params, part.loader_params),
            ):
                if mine != theirs:
                    raise ValueError(f"Trials differ in {what}: {mine} and {theirs}.")
        return replace(
            first,
            X=np.concatenate([part.X for part in parts]),
            y=np.concatenate([part.y for part in parts]),
            metadata=pd.concat([part.metadata for part in parts], ignore_index=True),
            name=" + ".join(dict.fromkeys(part.name for part in parts if part.name)),
        )

    @classmethod
    def from_epochs(
        cls,
        epochs: Epochs,
        y: Collection[Any] | None = None,
        metadata: pd.DataFrame | None = None,
        *,
        name: str = "",
    ) -> Self:
        """Take the EEG channels of ``mne.Epochs``.

        Parameters
        ----------
        epochs : mne.Epochs
            One epoch is one trial.
        y : array-like of shape (n_trials,), default=None
            Labels; without them, the event codes, named by ``epochs.event_id``.
        metadata : DataFrame, default=None
            Without it ``epochs.metadata``, else nothing but the trial's number.
        name : str, default=""
            Name of the data set.

        Returns
        -------
        trials : Trials
            ``X`` is float32, in microvolt.

        Examples
        --------
        >>> import mne, numpy as np
        >>> info = mne.create_info(["Fp1", "Fp2"], 128, "eeg")
        >>> events = [[0, 0, 1], [300, 0, 2]]
        >>> epochs = mne.EpochsArray(np.zeros((2, 2, 256)), info, events,
        ...                          event_id={"left": 1, "right": 2}, verbose=False)
        >>> Trials.from_epochs(epochs).label_names
        {1: 'left', 2: 'right'}
        """
        X = as_array(epochs).astype("float32")  # first: reading may drop epochs, with their events
        label_names = {}
        if y is None:
            y = epochs.events[:, 2]
            label_names = {code: label for label, code in epochs.event_id.items()}
        if metadata is None:
            metadata = epochs.metadata
        metadata = pd.DataFrame(index=range(len(y))) if metadata is None else metadata.copy()
        if "trial" not in metadata:
            metadata["trial"] = np.arange(len(y))
        return cls(
            X=X,
            y=y,  # type: ignore[arg-type]  # Trials makes it an array
            metadata=metadata,
            sfreq=epochs.info["sfreq"],
            ch_names=get_ch_names(epochs),
            label_names=label_names,
            name=name,
        )

    @classmethod
    def from_raws(
        cls,
        raws: Iterable[Raw | StrPath],
        tmin: float,
        tmax: float,
        *,
        events: Iterable[ArrayLike] | None = None,
        event_id: dict[str, Any] | Sequence[str] | Sequence[int] | None = None,
        y: Collection[Any] | None = None,
        metadata: pd.DataFrame | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        name: str = "",
    ) -> Self:
        """Cut recordings into trials around their events.

        Filter, resample and re-reference them with MNE before. Given as a generator that does
        so, they are read one at a time: memory holds one recording and the trials.

        Parameters
        ----------
        raws : iterable of mne.io.Raw or of paths
            One a recording; of files, those that :func:`mne.io.read_raw` opens, such as EDF,
            BDF, FIF, BrainVision and EEGLAB. They stay as they are. All have the same rate and
            the same EEG channels, which are put in the order of the first recording.
        tmin, tmax : float
            From where to where a trial goes, in seconds from its event. The end point is not
            part of it: 2 s at 128 Hz are 256 time points, where MNE makes it 257.
        events : sequence of int arrays of shape (n_events, 3), default=None
            One array a recording: sample, 0, code, as :func:`mne.find_events` gives them; who
            resamples the recording resamples them with it. Without it, the annotations are the
            events.
        event_id : dict or list, default=None
            Which events, and their labels; without it, all. Of annotations: a list of names,
            which become classes 0, 1, ... (without it, by alphabet), or a dict from name to
            label, where names may share a label. Names count, since MNE numbers them anew in
            each file; as in MNE, ``"film"`` stands for ``"film/1"`` too, unless that is asked
            for itself. Of ``events``: a list of codes or, as in MNE, a dict from name to code;
            the codes are the labels.
        y : array-like of shape (n_events,), default=None
            Labels of the chosen events, recording after recording, dropped ones included;
            without it, those of ``event_id``.
        metadata : DataFrame, dict of columns or list of dicts, default=None
            A row for each recording (``subject``, ``session``, age, ...), which its trials
            share, or a row for each chosen event.
        name : str, default=""
            Name of the data set.

        Returns
        -------
        trials : Trials
            ``X`` is float32, in microvolt, of EEG channels only, those marked bad included.
            Where ``metadata`` has no such columns, it gains ``recording`` (a number),
            ``trial``, ``onset`` (of the event, in seconds from the start of its recording) and,
            if the files name it, ``subject``.

        Raises
        ------
        ValueError
            If recordings differ, an event asked for is nowhere, two events share a sample, or
            no trial is left.

        Warns
        -----
        UserWarning
            If events are too near the edges of their recording for a whole trial. They are
            left out.

        See Also
        --------
        Trials.from_epochs : For recordings that are cut already.
        Trials.from_bids : For folders in the BIDS layout.

        Notes
        -----
        MNE does the cutting, without baseline correction and without rejection by amplitude.
        Annotations whose names start with BAD or EDGE are no events, and trials that overlap
        one that starts with BAD are left out.

        Examples
        --------
        >>> import mne, numpy as np
        >>> info = mne.create_info(["Fp1", "Fp2"], 128, "eeg")
        >>> raws = [mne.io.RawArray(np.zeros((2, 1280)), info, verbose=False) for _ in range(2)]
        >>> for raw in raws:
        ...     _ = raw.set_annotations(mne.Annotations([1, 5], [0, 0], ["rest", "task"]))
        >>> Trials.from_raws(raws, tmin=0, tmax=2, metadata={"subject": ["ann", "bob"]})
        <Trials: 4 trials x 2 channels x 256 time points (2 s at 128 Hz), 2 subjects; \
2 rest, 2 task (majority 50 %)>
        """
        if event_id is not None and not isinstance(event_id, dict):
            event_id = [event_id] if np.isscalar(event_id) else list(event_id)
        cuts = _cut_all(raws, tmin, tmax, events, event_id)
        for cut in cuts:
            if cut.n_at_edge:
                warnings.warn(
                    f"{cut.where}: {cut.n_at_edge} of {len(cut.events)} events are too near its "
                    f"edges for a trial from {tmin:g} to {tmax:g} s, and are left out.",
                    stacklevel=2,
                )
        kept = _rows_kept(cuts)
        found = [event for cut in cuts for event in cut.events]
        label_names = {}
        if y is None:
            y, label_names = _label(found, event_id, are_codes=events is not None)
        elif len(y) != len(found):
            raise ValueError(
                f"y must have one label for each chosen event, of which there are {len(found)}, "
                f"dropped ones included, got {len(y)}."
            )
        rows = _one_row_an_event(metadata, cuts).iloc[kept].reset_index(drop=True)
        if "trial" not in rows:
            rows["trial"] = np.arange(len(kept))
        return cls(
            X=np.concatenate([cut.X for cut in cuts]),
            y=np.asarray(y)[kept],
            metadata=rows,
            sfreq=cuts[0].sfreq,
            ch_names=cuts[0].ch_names,
            label_names=label_names,
            name=name,
        )

    @classmethod
    def from_bids(
        cls,
        root: StrPath,
        *,
        task: str,
        tmin: float,
        tmax: float,
        event_id: dict[str, Any] | Sequence[str] | None = None,
        subjects: str | Sequence[str] | None = None,
        sessions: str | Sequence[str] | None = None,
        runs: str | Sequence[str] | None = None,
        prepare: Callable[[Any], Any] | None = None,
        name: str = "",
    ) -> Self:
        """Cut the recordings of a BIDS folder into trials around their events.

        It needs mne-bids: ``pip install 'skmamba[bids]'``. The events are those of the
        ``events.tsv`` files, called by their ``trial_type``.

        Parameters
        ----------
        root : str or Path
            Folder of the data set, in which ``sub-...`` lie.
        task : str
            Label of the task, what follows ``task-`` in the file names.
        tmin, tmax : float
            From where to where a trial goes, in seconds from its event, without the end point.
        event_id : dict or list, default=None
            Names of the events to take, or a dict from name to label, as in
            :meth:`from_raws`; without it, all. Where a ``trial_type`` has several values in a
            file, mne-bids calls its events ``trial_type/value``: either name will do here.
        subjects, sessions, runs : str or list of str, default=None
            Labels as in the file names, such as ``"01"``; without them, all.
        prepare : callable, default=None
            What is done to each recording, an ``mne.io.Raw`` that is in memory, before it is
            cut: filters, resampling. It returns the recording.
        name : str, default=""
            Name of the data set.

        Returns
        -------
        trials : Trials
            As from :meth:`from_raws`. The metadata have ``subject``, ``session`` and ``run``,
            where the file names do, and the columns of ``participants.tsv``.

        Raises
        ------
        ImportError
            If mne-bids is missing.
        FileNotFoundError
            If there is no such folder.
        ValueError
            If nothing is there for the task or for something else asked for, and as
            :meth:`from_raws`.

        See Also
        --------
        Trials.from_raws : The same for recordings in any other layout.
        """
        paths, metadata = find_recordings(
            root, task=task, subjects=subjects, sessions=sessions, runs=runs
        )
        raws = map(read_recording, paths)
        if prepare is not None:
            raws = (prepare(raw.load_data(verbose="ERROR")) for raw in raws)
        return cls.from_raws(raws, tmin, tmax, event_id=event_id, metadata=metadata, name=name)

    def as_windows(
        self,
        window_size: float = 2.0,
        stride: float | None = None,
        *,
        window_size_samples: int | None = None,
        stride_samples: int | None = None,
    ) -> Self:
        """Return one row per window, for use outside the pipeline.

        Windows of one trial become separate samples, so a splitter needs
        ``groups=windows.metadata["trial"]`` or coarser groups to keep them on one side. In a
        pipeline use :class:`~skmamba.SlidingWindows`, which keeps them in one sample.

        Parameters
        ----------
        window_size : float, default=2.0
            Window length in seconds, rounded to whole samples.
        stride : float, default=None
            Distance between two window starts in seconds; None is the window length.
        window_size_samples, stride_samples : int, default=None
            The same in samples. They take precedence over the values in seconds.

        Returns
        -------
        windows : Trials of n_trials * n_windows rows
            Trial by trial. The metadata gain ``window`` (its number in the trial), ``start`` (its
            first sample), and ``trial`` where it was missing.

        Raises
        ------
        ValueError
            If a length is shorter than one sample, or trials are shorter than one window.

        Examples
        --------
        >>> from skmamba.datasets import simulate_trials
        >>> trials = simulate_trials(n_subjects=4, n_trials=5, n_channels=4, n_times=256)
        >>> trials.as_windows(1.0, stride=0.5).X.shape
        (60, 4, 128)
        """
        size, stride_samples = resolve_window(
            window_size, stride, window_size_samples, stride_samples, self.sfreq
        )
        bags = cut_windows(self.X, size, stride_samples)
        n_windows = bags.shape[1]
        metadata = self.metadata.copy()
        if "trial" not in metadata:
            metadata["trial"] = np.arange(len(self))
        metadata = metadata.loc[np.repeat(metadata.index, n_windows)]
        metadata["window"] = np.tile(np.arange(n_windows), len(self))
        metadata["start"] = metadata["window"] * stride_samples
        return replace(
            self,
            X=bags.reshape(-1, *bags.shape[2:]),
            y=np.repeat(self.y, n_windows),
            metadata=metadata,
        )


def _cut_all(raws, tmin, tmax, events, event_id):
    """Cut every recording, one at a time; make sure that they fit each other."""
    if is_raw(raws):
        raise ValueError("raws must be a sequence of recordings, got one: pass [raw].")
    wanted = event_id  # names, also if they are the keys of a dict
    if events is not None:
        events = list(events)
        wanted = event_id.values() if isinstance(event_id, dict) else event_id
    wanted = None if wanted is None else set(wanted)

    def cut(number, raw):
        if events is not None and number >= len(events):
            raise ValueError(f"events must have one array a recording, got only {len(events)}.")
        own = None if events is None else events[number]
        return cut_recording(raw, tmin, tmax, events=own, wanted=wanted, number=number)

    cuts: list[Any] = []
    for part in map(cut, count(), raws):  # map, unlike a loop, lets go of a recording at once
        cuts.append(_fit(part, cuts[0] if cuts else part))
    if events is not None and len(events) != len(cuts):
        raise ValueError(
            f"events must have one array a recording: there are {len(cuts)} recordings and "
            f"{len(events)} arrays."
        )
    if not cuts:
        raise ValueError("raws must hold at least one recording, got none.")
    if wanted is not None:
        _check_all_are_there(wanted, set().union(*(part.present for part in cuts)))
    return cuts


def _check_all_are_there(wanted, present):
    missing = wanted - {match_event(name, wanted) for name in present}
    if missing:
        raise ValueError(
            f"event_id asks for {sorted(missing, key=str)}, which no recording has; "
            f"there are {sorted(present)}."
        )


def _fit(cut, first):
    """Put channels in the order of the first recording, or say in what this one differs."""
    if not np.isclose(cut.sfreq, first.sfreq, rtol=1e-6, atol=0):
        raise ValueError(
            f"{cut.where} has {cut.sfreq:g} Hz, {first.where} {first.sfreq:g} Hz. "
            "Bring all to one rate first, with raw.resample(sfreq)."
        )
    missing = [name for name in first.ch_names if name not in cut.ch_names]
    extra = [name for name in cut.ch_names if name not in first.ch_names]
    if missing or extra:
        raise ValueError(
            f"{cut.where} differs from {first.where} in its EEG channels: it lacks {missing} and "
            f"adds {extra}. Make them the same first, with raw.pick([...]) or "
            "raw.rename_channels({...})."
        )
    order = [cut.ch_names.index(name) for name in first.ch_names]
    if order == sorted(order):
        return cut
    return cut._replace(X=cut.X[:, order], ch_names=first.ch_names)


def _rows_kept(cuts):
    """Which of all chosen events became trials."""
    n_events = [len(cut.events) for cut in cuts]
    starts = np.cumsum([0, *n_events])[:-1]
    kept = np.concatenate([start + cut.kept for start, cut in zip(starts, cuts, strict=True)])
    if not len(kept):
        n_at_edge = sum(cut.n_at_edge for cut in cuts)
        present = sorted(set().union(*(cut.present for cut in cuts)))
        raise ValueError(
            f"No trial is left: of {sum(n_events)} chosen events (the recordings have {present}), "
            f"{n_at_edge} are too near the edges and {sum(n_events) - n_at_edge} overlap BAD "
            "annotations."
        )
    return kept


def _label(found, event_id, *, are_codes):
    """Labels of events, and what they stand for."""
    if are_codes:
        names = event_id if isinstance(event_id, dict) else {}
        return found, {code: name for name, code in names.items()}
    if not isinstance(event_id, dict):
        names = sorted(set(found)) if event_id is None else event_id
        event_id = {name: number for number, name in enumerate(dict.fromkeys(names))}
    label_names: dict[Any, Any] = {}
    for name, label in event_id.items():
        if not isinstance(label, str):  # a word needs no name
            label_names[label] = f"{label_names[label]} or {name}" if label in label_names else name
    return [event_id[name] for name in found], label_names


def _one_row_an_event(metadata, cuts):
    """Metadata of all chosen events, from those of the recordings or of the events."""
    recording = np.repeat(np.arange(len(cuts)), [len(cut.events) for cut in cuts])
    if metadata is None:
        metadata = pd.DataFrame(index=range(len(cuts)))
    elif isinstance(metadata, dict) and all(map(np.isscalar, metadata.values())):
        metadata = pd.DataFrame([metadata] * len(cuts))
    metadata = pd.DataFrame(metadata)
    if len(metadata) == len(cuts):
        metadata = metadata.iloc[recording]
    elif len(metadata) != len(recording):
        raise ValueError(
            f"metadata must have one row a recording, of which there are {len(cuts)}, or one a "
            f"chosen event, {len(recording)}, got {len(metadata)}."
        )
    known = {"recording": recording, "onset": np.concatenate([cut.onsets for cut in cuts])}
    subjects = [cut.subject for cut in cuts]
    if any(subjects):
        known["subject"] = np.array(subjects, dtype=object)[recording]
    return metadata.assign(**{name: known[name] for name in known if name not in metadata})
