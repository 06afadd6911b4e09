"""Cutting of mne.io.Raw recordings into trials around their events."""

import re
import warnings
from collections.abc import Hashable, Mapping
from itertools import count
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._metadata import make_table, number_trials
from ._mne import as_array, list_bads, pick_eeg
from ._scaling import MAX_SPREAD_RATIO, measure_spread
from ._selection import Selection
from ._validation import as_labels, check_number

BOUNDARY = "BAD boundary"  # annotation of MNE where recordings are joined


class Channels(NamedTuple):
    """EEG channels of one recording."""

    source: str  # name of the recording in messages
    picks: np.ndarray
    names: list
    sfreq: float
    bads: list  # names of dropped channels
    reference: str  # EEG reference, in words


class CutRecording(NamedTuple):
    """Trials of one recording."""

    channels: Channels
    X: np.ndarray  # (n_kept, n_channels, n_times), float32, microvolts
    events: list  # entry of event_id of each event: a name or a code
    onsets: np.ndarray  # (n_events,), of trials, seconds from the start of the recording
    kept: np.ndarray  # (n_kept,), indices of the events that became trials
    at_edge: np.ndarray  # (n_events,), bool: dropped because the recording is too short
    present: set  # all event names or codes of the recording
    subject: str | None  # as given in the file
    reference: np.ndarray | None  # (n_kept, n_channels, n_times), or one row for all trials
    reference_onsets: np.ndarray  # (n_events,), like onsets; NaN if unknown
    rest: Channels | None  # of the reference, if it is another recording


def make_raw(volts, ch_names, sfreq, onsets, events):
    """Return a recording of EEG channels, with the events as annotations."""
    from mne import Annotations, create_info
    from mne.io import RawArray

    raw = RawArray(volts, create_info(ch_names, sfreq, "eeg"), verbose="ERROR")
    return raw.set_annotations(Annotations(onsets, 0, events))


def read_fif(path):
    """Return the recording of a FIF file."""
    from mne.io import read_raw_fif

    return read_raw_fif(path, preload=True, verbose="ERROR")


def find_further_parts(paths):
    """Return the FIF files that MNE reads as further parts of another file among ``paths``."""
    from mne.io import read_raw_fif

    paths = {Path(path).absolute(): Path(path) for path in paths}
    further = set()
    for path in paths:
        first = re.sub(r"-[0-9]+(\.fif(\.gz)?)$", r"\1", path.name)
        first = path.with_name(re.sub(r"_split-[0-9]+(_\w+\.fif)$", r"_split-01\1", first))
        if first != path and first in paths:
            raw = read_raw_fif(first, verbose="ERROR")
            further |= {*map(Path, raw.filenames[1:])} & {*paths}
    return {paths[path] for path in further}


def read_fif_events(path):
    """Return the events of a FIF file, (n_events, 3)."""
    from mne import read_events

    return read_events(path, verbose="ERROR")


def cut_recordings(raws, tmin, tmax, events, event_id, *, exclude_bads, reference):
    """Return the CutRecording of each recording; raise ValueError if they do not match."""
    if isinstance(raws, (str, Mapping)) or _is_recording(raws):
        got = "a dict" if isinstance(raws, Mapping) else "one: pass [raw]"
        raise ValueError(f"raws must be a sequence of recordings, got {got}.")
    check_number("tmin", tmin, negative=True)
    check_number("tmax", tmax, negative=True)
    labels = event_id.values() if isinstance(event_id, dict) else ()
    if not all(isinstance(label, Hashable) for label in labels):
        raise ValueError(f"event_id must have one hashable label per name, got {event_id!r}.")
    if isinstance(raws, list | tuple):
        further = find_further_parts(raw for raw in raws if isinstance(raw, str | PathLike))
        if further:
            raise ValueError(
                "raws must not hold further parts of a split file, which are read with the first: "
                f"leave out {', '.join(sorted(map(str, further)))}."
            )
    reference = _check_reference(reference)
    selected = None if event_id is None else set(event_id)
    if events is not None:
        events = list(events)
        if isinstance(event_id, dict):
            selected = set(event_id.values())

    cuts: list[CutRecording] = []

    def cut(number, raw):
        first = cuts[0].channels if cuts else None
        own_events = _get_part("events", "array", events, number)
        own_reference = _get_part("reference", "item", reference, number)
        return _cut_recording(
            raw, tmin, tmax, own_events, own_reference, selected, number, exclude_bads, first
        )

    for part in map(cut, count(), raws):  # map, unlike a loop, frees each recording at once
        cuts.append(part)
    for name, item, parts in (("events", "array", events), ("reference", "item", reference)):
        if isinstance(parts, list) and len(parts) != len(cuts):
            raise ValueError(
                f"{name} must have one {item} per recording: there are {len(cuts)} recordings and "
                f"{len(parts)} {item}s."
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
    _warn_of_missing_events(cuts)
    recorded: list = [(cut.channels, cut.X) for cut in cuts if len(cut.X)]
    recorded += [(cut.rest, cut.reference) for cut in cuts if cut.rest is not None]
    _warn_of_references([channels for channels, _ in recorded])
    _warn_of_units(recorded)
    return cuts


def _warn_of_missing_events(cuts):
    """Warn of recordings without a selected event."""
    without = [part for part in cuts if not part.events]
    if without and len(without) < len(cuts):
        source, found = without[0].channels.source, sorted(without[0].present, key=str)
        warnings.warn(
            f"{len(without)} of {len(cuts)} recordings have no selected event, and give no trial; "
            f"the first is {source}, with the events {found}.",
            stacklevel=4,
        )


def _warn_of_references(recordings):
    """Warn of recordings of which only some are re-referenced."""
    others = [own for own in recordings if own.reference != recordings[0].reference]
    if others:
        first, other = recordings[0], others[0]
        warnings.warn(
            f"Recordings differ in their EEG reference: {first.reference} in {first.source}, "
            f"{other.reference} in {other.source}. Apply raw.set_eeg_reference to all of them.",
            stacklevel=4,
        )


def _warn_of_units(recorded):
    """Warn of recordings, given with their EEG, whose standard deviations are of other units."""
    spreads = [(measure_spread(Selection(X).as_bags()), own.source) for own, X in recorded]
    spreads = sorted(spread for spread in spreads if spread[0])  # some may have no signal
    if spreads and spreads[-1][0] > MAX_SPREAD_RATIO * spreads[0][0]:
        (low, lowest), (high, highest) = spreads[0], spreads[-1]
        warnings.warn(
            "Recordings may differ in their unit, which must be volts in MNE: the standard "
            f"deviation is {low:.2g} microvolts in {lowest} and {high:.2g} in {highest}.",
            stacklevel=4,
        )


def join_cuts(cuts, y, event_id, metadata, *, are_codes):
    """Return the arguments of ``Trials`` for the trials of all recordings."""
    kept = _index_kept_events(cuts)
    events = [event for cut in cuts for event in cut.events]
    label_names = {}
    if y is None:
        y, label_names = _label_events(events, event_id, are_codes=are_codes)
    labels = as_labels(y)
    if len(labels) != len(events):
        raise ValueError(
            f"y must have one label per selected event ({len(events)}), dropped events included, "
            f"got {len(labels)}."
        )
    return {
        "X": np.concatenate([cut.X for cut in cuts]),
        "y": labels[kept],
        "metadata": number_trials(_make_metadata(metadata, cuts).iloc[kept]),
        "sfreq": cuts[0].channels.sfreq,
        "ch_names": cuts[0].channels.names,
        "label_names": label_names,
        "reference": _join_references(cuts),
    }


def _index_kept_events(cuts):
    """Return the indices, among all selected events, of those that became trials."""
    n_events = [len(cut.events) for cut in cuts]
    starts = np.cumsum([0, *n_events])[:-1]
    kept = np.concatenate([start + cut.kept for start, cut in zip(starts, cuts, strict=True)])
    if not len(kept):
        n_at_edge = sum(cut.at_edge.sum() for cut in cuts)
        present = sorted(set().union(*(cut.present for cut in cuts)))
        raise ValueError(
            f"No trial is left: of {sum(n_events)} selected events (the recordings have "
            f"{present}), {n_at_edge} are too near the edges and {sum(n_events) - n_at_edge} "
            "overlap BAD annotations."
        )
    return kept


def _label_events(events, event_id, *, are_codes):
    """Return the labels of events, and the names of the labels."""
    if are_codes:
        return events, join_names(event_id if isinstance(event_id, dict) else {})
    if not isinstance(event_id, dict):
        names = sorted(set(events)) if event_id is None else event_id
        has_parts = any(_match_event(name.rpartition("/")[0], names) for name in names)
        if event_id is None and has_parts:  # MNE-BIDS adds values where a recording has several
            raise ValueError(
                f"event_id must be given if a name is a prefix of another, got {names}: pass "
                "the prefixes, to combine their events in one class, or all names."
            )
        event_id = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return [event_id[name] for name in events], join_names(event_id)


def join_names(event_id):
    """Return the names of labels, such as "a or b" for two names of one label."""
    label_names: dict = {}
    for name, label in event_id.items():
        if not isinstance(label, str):  # a string is its own name
            label_names[label] = f"{label_names[label]} or {name}" if label in label_names else name
    return label_names


def _join_references(cuts):
    """Return the references of all trials, cut to the shortest; None if there are none."""
    cuts = [cut for cut in cuts if cut.reference is not None]
    if not cuts:
        return None
    n_times = min(cut.reference.shape[-1] for cut in cuts)
    starts = np.cumsum([0, *(len(cut.reference) for cut in cuts)])
    rows = [
        start + np.arange(len(cut.kept)) % len(cut.reference)
        for start, cut in zip(starts, cuts, strict=False)
    ]
    base = np.concatenate([cut.reference[..., :n_times] for cut in cuts])
    return Selection(base, np.concatenate(rows))


def _make_metadata(metadata, cuts):
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
    reference_onsets = np.concatenate([cut.reference_onsets for cut in cuts])
    if not np.isnan(reference_onsets).all():
        known["reference_onset"] = reference_onsets
    subjects = [cut.subject for cut in cuts]
    if any(subjects):
        known["subject"] = np.array(subjects, dtype=object)[recording]
    return metadata.assign(**{name: known[name] for name in known if name not in metadata})


def _is_recording(source):
    """Return whether an argument is one recording, not several."""
    return isinstance(source, PathLike) or hasattr(source, "first_samp")


def _check_reference(reference):
    """Return None, a tuple of seconds, a name, one recording or a list of recordings."""
    if reference is None or isinstance(reference, str) or _is_recording(reference):
        return reference
    if not np.iterable(reference):
        raise ValueError(
            "reference must be (tmin, tmax) in seconds, the name of an annotation, or recordings, "
            f"got {reference!r}."
        )
    parts = list(reference)
    if not parts or not all(isinstance(part, Real) for part in parts):
        return [Path(part) if isinstance(part, str) else part for part in parts]
    if len(parts) != 2 or not np.isfinite(parts).all() or not parts[0] < parts[1]:
        raise ValueError(
            f"reference must be (tmin, tmax) in seconds with tmin < tmax, got {reference!r}."
        )
    return tuple(parts)


def _get_part(argument, item, parts, number):
    """Return the item of a recording; a value that is not a list is used for all."""
    if not isinstance(parts, list):
        return parts
    if number >= len(parts):
        raise ValueError(f"{argument} must have one {item} per recording, got only {len(parts)}.")
    return parts[number]


def _cut_recording(raw, tmin, tmax, events, reference, selected, number, exclude_bads, first):
    raw, channels = _load_raw(raw, number, exclude_bads, first)
    events, names = _get_events(raw, events, channels.source)
    entries = {
        code: _match_event(name, selected)
        for code, name in names.items()
        if selected is not None or not _is_named(name, reference)
    }
    events = events[[entries.get(code) is not None for code in events[:, 2]]]
    _check_distinct_samples(events, names, channels.source)
    subject = (raw.info["subject_info"] or {}).get("his_id")
    X, kept, at_edge, onsets = _cut_events(raw, events, tmin, tmax, channels.picks)
    own, start, picked = None, np.nan, None  # the reference, unless there are no trials
    if len(kept) and isinstance(reference, tuple):
        begin, end = reference  # seconds from the event
        own, found, outside, start = _cut_events(raw, events, begin, end, channels.picks)
        X, own = X[np.isin(kept, found)], own[np.isin(found, kept)]
        kept, at_edge = np.intersect1d(kept, found), at_edge | outside
    elif len(kept) and isinstance(reference, str):
        own, start = _cut_annotation(raw, reference, channels)
    elif len(kept) and reference is not None:
        rest, picked = _load_raw(reference, number, exclude_bads, channels, "reference")
        own = _cut_span(rest, 0, rest.n_times, picked.picks)
    return CutRecording(
        channels=channels,
        X=X,
        events=[entries[code] for code in events[:, 2]],
        onsets=onsets,
        kept=kept,
        at_edge=at_edge,
        present=set(names.values()),
        subject=None if subject in ("", "X") else subject,  # EDF: X if unknown
        reference=own,
        reference_onsets=np.broadcast_to(start, len(events)),
        rest=picked,
    )


def _cut_annotation(raw, name, channels):
    """Return the span of the first annotation with this name, and its onset in seconds."""
    events, names = _get_events(raw, None, channels.source)
    starts = [sample for sample, _, code in events if _is_named(names[code], name)]
    if not starts:
        raise ValueError(
            f"{channels.source}: reference must name one of its annotations, "
            f"{sorted(names.values())}, got {name!r}."
        )
    durations = [
        part["duration"] for part in raw.annotations if _is_named(str(part["description"]), name)
    ]
    start = starts[0] - raw.first_samp
    n_times = min(round(durations[0] * channels.sfreq), raw.n_times - start)
    if n_times < 1:
        raise ValueError(
            f"{channels.source}: the annotation {name!r} for reference must have a duration."
        )
    return _cut_span(raw, start, n_times, channels.picks), start / channels.sfreq


def _load_raw(raw, number, exclude_bads, first, argument="raws"):
    """Return a recording in memory, and its Channels in the order of ``first``, if given."""
    from mne.io import BaseRaw

    from_file = isinstance(raw, (str, PathLike))
    if from_file:
        raw = _read(raw, f"{argument} must hold recordings that mne.io.read_raw can read")
    elif not isinstance(raw, BaseRaw):
        raise ValueError(
            f"{argument} must hold mne.io.Raw objects or paths, got {type(raw).__name__} at index "
            f"{number}. Use Trials.from_epochs for mne.Epochs."
        )
    file = raw.filenames[0] if raw.filenames else None
    source = f"{'Recording' if argument == 'raws' else 'Reference'} {number}"
    source += f" ({Path(file).name})" if file is not None else ""
    # MNE resamples each part of a file of several sampling rates separately: read it as a whole.
    if not raw.preload:
        raw = (raw if from_file else raw.copy()).load_data(verbose="ERROR")
    picks = pick_eeg(raw, source, exclude_bads=exclude_bads)
    names = [raw.ch_names[pick] for pick in picks]
    bads = list_bads(raw) if exclude_bads else []
    reference = _describe_reference(raw.info)
    channels = Channels(source, picks, names, raw.info["sfreq"], bads, reference)
    return raw, channels if first is None else _order_channels(channels, first)


def _describe_reference(info):
    """Return in words whether MNE has set the EEG reference, also by a projector."""
    from mne.io.constants import FIFF

    is_average = any(proj["kind"] == FIFF.FIFFV_PROJ_ITEM_EEG_AVREF for proj in info["projs"])
    return "set with MNE" if info["custom_ref_applied"] or is_average else "as recorded"


def _read(path, requirement):
    """Return the recording of a file; raise ValueError, which names the file, if it is damaged."""
    from mne.io import read_raw

    try:
        return read_raw(path, verbose="WARNING")
    except FileNotFoundError:
        raise
    except Exception as error:  # MNE raises any kind, also without a message
        got = f"{type(error).__name__}: {str(error).rstrip('.')}".rstrip(": ")
        raise ValueError(f"{requirement}, got {path}: {got}.") from error


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
    events = events.astype(np.int64)  # np.int16 would overflow
    return events, {code: code for code in events[:, 2].tolist()}


def _match_event(name, selected):
    """Return the name if selected, else its longest selected prefix (a/b of a/b/c), or None."""
    if selected is None or name in selected:
        return name
    prefix, slash, _ = name.rpartition("/") if isinstance(name, str) else ("", "", "")
    return _match_event(prefix, selected) if slash else None


def _is_named(name, reference):
    """Return whether an event name matches the reference, by the rules of event_id."""
    return isinstance(reference, str) and _match_event(name, {reference}) is not None


def _check_distinct_samples(events, names, source):
    samples, counts = np.unique(events[:, 0], return_counts=True)
    if (counts > 1).any():
        sample = samples[counts.argmax()]
        shared = [names[code] for code in events[events[:, 0] == sample, 2]]
        raise ValueError(
            f"{source}: events {shared} share sample {sample}, so one trial would have several "
            "labels. Select among them with event_id, or remove duplicates."
        )


def _cut_span(raw, start, n_times, picks):
    """Return a part of a recording, ``(1, n_channels, n_times)``, whether marked as BAD or not."""
    event = np.array([[raw.first_samp + start, 0, 1]])
    tmax = n_times / raw.info["sfreq"]
    return _cut_events(raw, event, 0, tmax, picks, reject_by_annotation=False)[0]


def _cut_events(raw, events, tmin, tmax, picks, **options):
    """Return trials and the indices of their events; at_edge and onsets of all events."""
    from mne import Epochs

    sfreq = raw.info["sfreq"]
    first, n_times = round(tmin * sfreq), round((tmax - tmin) * sfreq)
    if n_times < 1:
        raise ValueError(f"tmax must be later than tmin, got tmin={tmin} and tmax={tmax}.")
    onsets = (events[:, 0] - raw.first_samp + first) / sfreq
    no_trials = np.empty((0, len(picks), n_times), "float32")
    if not len(events):
        return no_trials, np.arange(0), np.zeros(0, bool), onsets
    epochs = Epochs(
        raw,
        events,
        tmin=first / sfreq,
        tmax=(first + n_times - 1) / sfreq,  # MNE includes the end point
        baseline=None,
        picks=picks,
        preload=True,
        verbose="ERROR",
        **options,
    )
    at_edge = [bool({"NO_DATA", "TOO_SHORT"} & set(reasons)) for reasons in epochs.drop_log]
    X = as_array(epochs).astype("float32") if len(epochs) else no_trials
    kept = np.asarray(epochs.selection, int)
    is_joined = ~_is_separated(raw, events, first, first + n_times)[kept]
    return X[is_joined], kept[is_joined], np.array(at_edge), onsets


def _is_separated(raw, events, first, stop):
    """Return whether recordings were joined between each event and its trial."""
    from mne import events_from_annotations

    is_separated = np.zeros(len(events), bool)
    if BOUNDARY not in raw.annotations.description:
        return is_separated
    found, _ = events_from_annotations(raw, {BOUNDARY: 1}, regexp=None, verbose="ERROR")
    event = events[:, 0]
    for boundary in found[:, 0]:
        is_separated |= (event < boundary) & (boundary <= event + first)
        is_separated |= (event + stop <= boundary) & (boundary <= event)
    return is_separated


def _order_channels(channels, first):
    """Return channels in the order of ``first``; raise ValueError if they differ."""
    if not np.isclose(channels.sfreq, first.sfreq, rtol=1e-6, atol=0):
        raise ValueError(
            f"Recordings must have one sampling rate, got {channels.sfreq:g} Hz in "
            f"{channels.source} and {first.sfreq:g} Hz in {first.source}. Resample with "
            "raw.resample(sfreq)."
        )
    missing = [name for name in first.names if name not in channels.names]
    extra = [name for name in channels.names if name not in first.names]
    if missing or extra:
        raise ValueError(
            f"Recordings must have the same EEG channels: compared with {first.source}, "
            f"{channels.source} lacks {missing} and adds {extra}. Use raw.pick([...]), "
            "raw.rename_channels({...}) or, for channels marked as bad "
            f"({sorted({*channels.bads, *first.bads})}), raw.interpolate_bads() or bads='keep'."
        )
    order = [channels.names.index(name) for name in first.names]
    return channels._replace(picks=channels.picks[order], names=first.names)
