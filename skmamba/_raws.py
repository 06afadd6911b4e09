"""Cutting of mne.io.Raw recordings into trials around their events."""

from itertools import count
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._metadata import make_table
from ._mne import as_array, list_bads, pick_eeg


class CutRecording(NamedTuple):
    """Trials of one recording."""

    source: str  # name of the recording in messages
    X: np.ndarray  # (n_kept, n_channels, n_times), float32, microvolts
    events: list  # entry of event_id of each event: a name or a code
    onsets: np.ndarray  # (n_events,), seconds from the start of the recording
    kept: np.ndarray  # (n_kept,), indices of the events that became trials
    n_at_edge: int  # events dropped because the recording is too short
    present: set  # all event names or codes of the recording
    ch_names: list
    sfreq: float
    subject: str | None  # as given in the file
    bads: list  # names of dropped channels


def make_raw(volts, ch_names, sfreq, onsets, events):
    """Return a recording of EEG channels, with the events as annotations."""
    from mne import Annotations, create_info
    from mne.io import RawArray

    raw = RawArray(volts, create_info(ch_names, sfreq, "eeg"), verbose="ERROR")
    return raw.set_annotations(Annotations(onsets, 0, events))


def cut_recordings(raws, tmin, tmax, events, event_id, *, exclude_bads):
    """Return the CutRecording of each recording; raise ValueError if they do not match."""
    if isinstance(raws, (str, PathLike)) or hasattr(raws, "first_samp"):
        raise ValueError("raws must be a sequence of recordings, got one: pass [raw].")
    selected = None if event_id is None else set(event_id)
    if events is not None:
        events = list(events)
        if isinstance(event_id, dict):
            selected = set(event_id.values())

    def cut(number, raw):
        if events is not None and number >= len(events):
            raise ValueError(f"events must have one array per recording, got only {len(events)}.")
        own = None if events is None else events[number]
        return _cut_recording(raw, tmin, tmax, own, selected, number, exclude_bads)

    cuts: list[CutRecording] = []
    for part in map(cut, count(), raws):  # map, unlike a loop, frees each recording at once
        cuts.append(_match_channels(part, cuts[0] if cuts else part))
    if events is not None and len(events) != len(cuts):
        raise ValueError(
            f"events must have one array per recording: there are {len(cuts)} recordings and "
            f"{len(events)} arrays."
        )
    if not cuts:
        raise ValueError("raws must hold at least one recording, got none.")
    present = set().union(*(part.present for part in cuts))
    missing = (selected or set()) - {_match_event(name, selected) for name in present}
    if missing:
        raise ValueError(
            f"event_id must name events of the recordings, {sorted(present)}, got "
            f"{sorted(missing, key=str)}."
        )
    return cuts


def index_kept_events(cuts):
    """Return the indices, among all selected events, of those that became trials."""
    n_events = [len(cut.events) for cut in cuts]
    starts = np.cumsum([0, *n_events])[:-1]
    kept = np.concatenate([start + cut.kept for start, cut in zip(starts, cuts, strict=True)])
    if not len(kept):
        n_at_edge = sum(cut.n_at_edge for cut in cuts)
        present = sorted(set().union(*(cut.present for cut in cuts)))
        raise ValueError(
            f"No trial is left: of {sum(n_events)} selected events (the recordings have "
            f"{present}), {n_at_edge} are too near the edges and {sum(n_events) - n_at_edge} "
            "overlap BAD annotations."
        )
    return kept


def label_events(events, event_id, *, are_codes):
    """Return the labels of events, and the names of the labels."""
    if are_codes:
        names = event_id if isinstance(event_id, dict) else {}
        return events, {code: name for name, code in names.items()}
    if not isinstance(event_id, dict):
        names = sorted(set(events)) if event_id is None else event_id
        event_id = {name: number for number, name in enumerate(dict.fromkeys(names))}
    label_names: dict = {}
    for name, label in event_id.items():
        if not isinstance(label, str):  # a string is its own name
            label_names[label] = f"{label_names[label]} or {name}" if label in label_names else name
    return [event_id[name] for name in events], label_names


def make_event_metadata(metadata, cuts):
    """Return one row per selected event, from metadata of recordings or of events."""
    recording = np.repeat(np.arange(len(cuts)), [len(cut.events) for cut in cuts])
    metadata = make_table({} if metadata is None else metadata, len(cuts))
    if len(metadata) == len(cuts):
        metadata = metadata.iloc[recording]
    elif len(metadata) != len(recording):
        raise ValueError(
            f"metadata must have one row per recording ({len(cuts)}) or one per selected event "
            f"({len(recording)}), got {len(metadata)}."
        )
    known = {"recording": recording, "onset": np.concatenate([cut.onsets for cut in cuts])}
    subjects = [cut.subject for cut in cuts]
    if any(subjects):
        known["subject"] = np.array(subjects, dtype=object)[recording]
    return metadata.assign(**{name: known[name] for name in known if name not in metadata})


def _cut_recording(raw, tmin, tmax, events, selected, number, exclude_bads):
    raw, source = _load_raw(raw, number)
    events, names = _get_events(raw, events, source)
    entries = {code: _match_event(name, selected) for code, name in names.items()}
    events = events[[entries[code] is not None for code in events[:, 2]]]
    _check_distinct_samples(events, names, source)
    picks = pick_eeg(raw, source, exclude_bads=exclude_bads)
    subject = (raw.info["subject_info"] or {}).get("his_id")
    X, kept, n_at_edge = _cut_events(raw, events, tmin, tmax, picks)
    return CutRecording(
        source=source,
        X=X,
        events=[entries[code] for code in events[:, 2]],
        onsets=(events[:, 0] - raw.first_samp) / raw.info["sfreq"],
        kept=kept,
        n_at_edge=n_at_edge,
        present=set(names.values()),
        ch_names=[raw.ch_names[pick] for pick in picks],
        sfreq=raw.info["sfreq"],
        subject=None if subject in ("", "X") else subject,  # EDF writes X for no subject
        bads=list_bads(raw) if exclude_bads else [],
    )


def _load_raw(raw, number):
    """Return a recording in memory, and its name in messages."""
    from mne.io import BaseRaw, read_raw

    from_file = isinstance(raw, (str, PathLike))
    if from_file:
        raw = read_raw(raw, verbose="WARNING")
    elif not isinstance(raw, BaseRaw):
        raise ValueError(
            f"raws must hold mne.io.Raw objects or paths, got {type(raw).__name__} at index "
            f"{number}. Use Trials.from_epochs for mne.Epochs."
        )
    file = raw.filenames[0] if raw.filenames else None
    source = f"Recording {number}" + (f" ({Path(file).name})" if file is not None else "")
    # MNE resamples each part of a file of several sampling rates separately: read it as a whole.
    if not raw.preload:
        raw = (raw if from_file else raw.copy()).load_data(verbose="ERROR")
    return raw, source


def _get_events(raw, events, source):
    """Return an events array, and the name of each code."""
    from mne import events_from_annotations

    if events is None:  # codes differ between files: only names are shared
        events, codes = events_from_annotations(raw, event_id=None, verbose="ERROR")
        return events, {code: str(name) for name, code in codes.items()}
    events = np.asarray(events)
    if not events.size:
        events = np.empty((0, 3), int)
    if events.ndim != 2 or events.shape[1] != 3 or not np.issubdtype(events.dtype, np.integer):
        raise ValueError(
            f"{source}: events must be integers of shape (n_events, 3) as returned by "
            f"mne.find_events, got {events.dtype} of shape {events.shape}."
        )
    return events, {code: code for code in events[:, 2].tolist()}


def _match_event(name, selected):
    """Return the selected name that matches: the name itself or, of a/b/c, its longest prefix."""
    if selected is None or name in selected:
        return name
    prefix, slash, _ = name.rpartition("/") if isinstance(name, str) else ("", "", "")
    return _match_event(prefix, selected) if slash else None


def _check_distinct_samples(events, names, source):
    samples, counts = np.unique(events[:, 0], return_counts=True)
    if (counts > 1).any():
        sample = samples[counts.argmax()]
        shared = [names[code] for code in events[events[:, 0] == sample, 2]]
        raise ValueError(
            f"{source}: events {shared} share sample {sample}, so one trial would have several "
            "labels. Select among them with event_id."
        )


def _cut_events(raw, events, tmin, tmax, picks):
    """Return trials, the indices of their events, and the number of events at the edges."""
    from mne import Epochs

    sfreq = raw.info["sfreq"]
    first, n_times = round(tmin * sfreq), round((tmax - tmin) * sfreq)
    if n_times < 1:
        raise ValueError(f"tmax must be later than tmin, got tmin={tmin} and tmax={tmax}.")
    no_trials = np.empty((0, len(picks), n_times), "float32")
    if not len(events):
        return no_trials, np.arange(0), 0
    epochs = Epochs(
        raw,
        events,
        tmin=first / sfreq,
        tmax=(first + n_times - 1) / sfreq,  # MNE includes the end point
        baseline=None,
        picks=picks,
        preload=True,
        verbose="ERROR",
    )
    n_at_edge = sum("NO_DATA" in reason or "TOO_SHORT" in reason for reason in epochs.drop_log)
    X = as_array(epochs).astype("float32") if len(epochs) else no_trials
    return X, np.asarray(epochs.selection), n_at_edge


def _match_channels(cut, first):
    """Return the trials with channels in the order of the first recording."""
    if not np.isclose(cut.sfreq, first.sfreq, rtol=1e-6, atol=0):
        raise ValueError(
            f"Recordings must have one sampling rate, got {cut.sfreq:g} Hz in {cut.source} and "
            f"{first.sfreq:g} Hz in {first.source}. Resample with raw.resample(sfreq)."
        )
    missing = [name for name in first.ch_names if name not in cut.ch_names]
    extra = [name for name in cut.ch_names if name not in first.ch_names]
    if missing or extra:
        raise ValueError(
            f"Recordings must have the same EEG channels: compared with {first.source}, "
            f"{cut.source} lacks {missing} and adds {extra}. Use raw.pick([...]), "
            "raw.rename_channels({...}) or, for channels marked as bad "
            f"({sorted({*cut.bads, *first.bads})}), raw.interpolate_bads() or bads='keep'."
        )
    order = [cut.ch_names.index(name) for name in first.ch_names]
    return cut._replace(X=cut.X[:, order], ch_names=first.ch_names)
