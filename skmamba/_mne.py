"""The door for MNE: Epochs become arrays here, and recordings become trials."""

import sys
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np


def is_epochs(X):
    """Whether X is an ``mne.Epochs``, or a list of them.

    scikit-learn's indexing of Epochs makes a list of Epochs with one trial each.
    """
    if "mne" not in sys.modules:  # nobody holds Epochs who has not imported mne
        return False
    from mne import BaseEpochs

    first = X[0] if isinstance(X, (list, tuple)) and len(X) else X
    return isinstance(first, BaseEpochs)


def as_array(X):
    """Turn Epochs, or the list that indexing makes of them, into an array; pass anything else.

    Parameters
    ----------
    X : mne.Epochs, list of mne.Epochs, or anything
        Trials.

    Returns
    -------
    X : ndarray of shape (n_trials, n_channels, n_times)
        The EEG channels in microvolt, channels marked bad included, so that their number does
        not change with the recording; or what came, if it was no Epochs.

    Raises
    ------
    ValueError
        If there is no EEG channel, or the parts of a list differ in channels or rate.
    """
    if not is_epochs(X):
        return X
    if not isinstance(X, (list, tuple)):
        return X.get_data(picks=_eeg_picks(X), units="uV")
    names, sfreq = get_ch_names(X[0]), X[0].info["sfreq"]
    for part in X:
        if get_ch_names(part) != names or part.info["sfreq"] != sfreq:
            raise ValueError(
                "Epochs in one X must share channels and sampling rate, got "
                f"{names} at {sfreq:g} Hz and {get_ch_names(part)} at "
                f"{part.info['sfreq']:g} Hz. Use mne.concatenate_epochs to find out why."
            )
    return np.concatenate([as_array(part) for part in X])


def count_dims(X):
    """Dimensions of X, also where X is lists; what has none of its own is a table."""
    return np.ndim(X) if isinstance(X, (list, tuple)) else getattr(X, "ndim", 2)


def get_ch_names(X):
    """Names of the EEG channels of Epochs, or None if X is no Epochs."""
    if not is_epochs(X):
        return None
    epochs = X[0] if isinstance(X, (list, tuple)) else X
    return [epochs.ch_names[pick] for pick in _eeg_picks(epochs)]


def _eeg_picks(epochs, owner="Epochs hold", variable="epochs"):
    from mne import pick_types

    picks = pick_types(epochs.info, eeg=True, exclude=[])
    if not len(picks):
        raise ValueError(
            f"{owner} no EEG channel, only {sorted(set(epochs.get_channel_types()))}. "
            f"Set the types with {variable}.set_channel_types({{name: 'eeg', ...}})."
        )
    return picks


def make_channel_info(ch_names):
    """Find the places that the 10-05 system gives to channels.

    Parameters
    ----------
    ch_names : sequence of str
        Names of the channels; upper and lower case are one.

    Returns
    -------
    info : mne.Info
        With a montage.

    Raises
    ------
    ValueError
        If a name has no place, or there is one channel only.
    """
    from mne import create_info
    from mne.channels import get_builtin_montages, make_standard_montage

    # MNE 1.13 gave it a new name, and drops the old one in 1.14.
    new, old = "colin27_1005", "standard_1005"
    montage = make_standard_montage(new if new in get_builtin_montages() else old)
    placed = {name.lower() for name in montage.ch_names}
    lost = [str(name) for name in ch_names if str(name).lower() not in placed]
    if lost:
        raise ValueError(
            f"A head needs channels with a place in the 10-05 system, such as Fp1 or Cz, and has "
            f"none for {', '.join(lost)}. Draw bars instead, or rename the channels."
        )
    if len(ch_names) < 2:
        raise ValueError("A head needs two channels or more: one value has no map.")
    info = create_info(list(ch_names), 1.0, "eeg")
    info.set_montage(montage, match_case=False, verbose="ERROR")
    return info


def draw_topomap(values, info, ax, **options):
    """Draw one value a channel on a head, at the places of :func:`place_channels`."""
    from mne.viz import plot_topomap

    return plot_topomap(values, info, axes=ax, show=False, **options)[0]


class Cut(NamedTuple):
    """What one recording gave."""

    where: str  # how messages call the recording
    X: np.ndarray  # of shape (n_kept, n_channels, n_times): float32, in microvolt
    events: list  # the entry of event_id that each event falls under: a name, or a code
    onsets: np.ndarray  # of shape (n_events,): seconds from the start of the recording
    kept: np.ndarray  # of shape (n_kept,): which of the events became trials
    n_at_edge: int  # events dropped because the recording does not reach as far
    present: set  # all names or codes in the recording, wanted or not
    ch_names: list
    sfreq: float
    subject: str | None  # as the file says


def is_raw(raw):
    """Whether this is one recording, rather than a sequence of them."""
    if isinstance(raw, (str, PathLike)):
        return True
    return hasattr(raw, "annotations") and hasattr(raw, "first_samp")


def cut_recording(raw, tmin, tmax, *, events=None, wanted=None, number=0):
    """Cut one recording into trials around its events.

    Parameters
    ----------
    raw : mne.io.Raw or path
        The recording; it stays as it is.
    tmin, tmax : float
        First time of a trial, and the time it ends before, in seconds from the event.
    events : array-like of shape (n_events, 3), default=None
        Events as MNE has them; without them, the annotations are the events.
    wanted : set, default=None
        Names of annotations, or codes of events; without it, all. A name stands for all that
        it begins, up to a slash.
    number : int, default=0
        How many recordings came before, for messages.

    Returns
    -------
    cut : Cut
        The trials, and what is known of them.
    """
    raw, where = _open(raw, number)
    events, names = _events_of(raw, events, where)
    entries = {code: match_event(name, wanted) for code, name in names.items()}
    events = events[[entries[code] is not None for code in events[:, 2]]]
    _check_one_event_a_time(events, names, where)
    picks = _eeg_picks(raw, f"{where} holds", "raw")
    X, kept, n_at_edge = _cut_around(raw, events, tmin, tmax, picks)
    return Cut(
        where=where,
        X=X,
        events=[entries[code] for code in events[:, 2]],
        onsets=(events[:, 0] - raw.first_samp) / raw.info["sfreq"],
        kept=kept,
        n_at_edge=n_at_edge,
        present=set(names.values()),
        ch_names=[raw.ch_names[pick] for pick in picks],
        sfreq=raw.info["sfreq"],
        subject=_subject_of(raw),
    )


def match_event(name, wanted):
    """Which of the wanted names stands for a name: itself or, of a/b/c, its longest beginning."""
    if wanted is None or name in wanted:
        return name
    beginning, slash, _ = name.rpartition("/") if isinstance(name, str) else ("", "", "")
    return match_event(beginning, wanted) if slash else None


def _cut_around(raw, events, tmin, tmax, picks):
    """Trials, which of the events they belong to, and how many were too near the edges."""
    from mne import Epochs

    sfreq = raw.info["sfreq"]
    first, n_times = round(tmin * sfreq), round((tmax - tmin) * sfreq)
    if n_times < 1:
        raise ValueError(f"tmax must be later than tmin, got tmin={tmin} and tmax={tmax}.")
    nothing = np.empty((0, len(picks), n_times), "float32")
    if not len(events):
        return nothing, np.arange(0), 0
    epochs = Epochs(
        raw,
        events,
        tmin=first / sfreq,
        tmax=(first + n_times - 1) / sfreq,  # MNE takes the last point in
        baseline=None,
        picks=picks,
        preload=True,
        verbose="ERROR",
    )
    n_at_edge = sum("NO_DATA" in why or "TOO_SHORT" in why for why in epochs.drop_log)
    X = as_array(epochs).astype("float32") if len(epochs) else nothing
    return X, np.asarray(epochs.selection), n_at_edge


def _open(raw, number):
    """Give a recording whose samples are in memory, and how to call it in messages."""
    from mne.io import BaseRaw, read_raw

    from_file = isinstance(raw, (str, PathLike))
    if from_file:
        raw = read_raw(raw, verbose="WARNING")
    elif not isinstance(raw, BaseRaw):
        raise ValueError(
            f"raws must be mne.io.Raw objects or paths of files, got {type(raw).__name__} as "
            f"number {number}. For mne.Epochs there is Trials.from_epochs."
        )
    file = raw.filenames[0] if raw.filenames else None
    where = f"Recording {number}" + (f" ({Path(file).name})" if file is not None else "")
    # Read as a whole: of files with several rates, MNE resamples every piece that is read alone.
    if not raw.preload:
        raw = (raw if from_file else raw.copy()).load_data(verbose="ERROR")
    return raw, where


def _subject_of(raw):
    """Who the file says it is; in EDF an X means that nobody is to know."""
    subject = (raw.info["subject_info"] or {}).get("his_id")
    return None if subject in ("", "X") else subject


def _events_of(raw, events, where):
    """Events as MNE has them, and what their codes stand for."""
    from mne import events_from_annotations

    if events is None:  # the codes are of this file only: names are what recordings share
        events, codes = events_from_annotations(raw, event_id=None, verbose="ERROR")
        return events, {code: str(name) for name, code in codes.items()}
    events = np.asarray(events)
    if not events.size:
        events = np.empty((0, 3), int)
    if events.ndim != 2 or events.shape[1] != 3 or not np.issubdtype(events.dtype, np.integer):
        raise ValueError(
            f"{where}: events must be whole numbers of shape (n_events, 3), sample, 0, code, as "
            f"mne.find_events gives them, got {events.dtype} of shape {events.shape}."
        )
    return events, {code: code for code in events[:, 2].tolist()}


def _check_one_event_a_time(events, names, where):
    samples, counts = np.unique(events[:, 0], return_counts=True)
    if (counts > 1).any():
        sample = samples[counts.argmax()]
        there = [names[code] for code in events[events[:, 0] == sample, 2]]
        raise ValueError(
            f"{where}: events {there} share sample {sample}, so one trial would have several "
            "labels. Choose among them with event_id."
        )
