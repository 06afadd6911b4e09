"""Loader of the SSVEP-exoskeleton data set."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pandas as pd

from .._raws import read_fif, read_fif_events
from .._types import StrPath
from .._validation import check_option
from ..trials import Trials
from . import _io
from ._io import DataFormatError

SOURCE = "https://github.com/sylvchev/dataset-ssvep-exoskeleton"
SFREQ = 256
N_SUBJECTS = 12
N_CHANNELS = 8
SECONDS = 5  # from the cue to the end of a trial
CODES = {"rest": 1, "13 Hz": 2, "21 Hz": 3, "17 Hz": 4}
FILE = r"subject(\d\d)/record-\[\d{4}\.\d\d\.\d\d-\d\d\.\d\d\.\d\d\]_raw\.fif"
DUPLICATE = "record-[2012.07.11-15.33.08]"  # of subject 3 and of subject 7
EXCLUDED = {
    "record-[2013.04.06-16.22.32]",
    "record-[2014.02.26-15.10.48]",
    "record-[2014.02.26-15.50.09]",
    "record-[2014.02.24-17.56.37]",
    "record-[2014.02.24-18.02.40]",
}


def load_ssvep_exo(
    path: StrPath,
    *,
    subjects: int | Iterable[int] | None = None,
    records: Literal["unique", "published", "all"] = "unique",
    l_freq: float | None = 1.0,
    h_freq: float | None = 45.0,
) -> Trials:
    """Load SSVEP-exoskeleton: 12 subjects look at lights that flicker at 13, 17 or 21 Hz.

    A recording has 32 trials of 5 s: eight of each frequency, and eight at rest. The files are at
    https://github.com/sylvchev/dataset-ssvep-exoskeleton (licence: CC0).

    Parameters
    ----------
    path : path-like
        Folder with ``subject01`` to ``subject12``.
    subjects : int or list of int, default=None
        Numbers from 1 to 12; None loads all in the folder.
    records : {"unique", "published", "all"}, default="unique"
        ``"unique"``: all but the one recording that the data set has under two subjects;
        ``"published"``: also without the five that the authors excluded; ``"all"``: all.
    l_freq, h_freq : float, default=1.0, 45.0
        Limits of the band-pass in hertz, see :func:`mne.filter.filter_data`; None is no limit.
        Recordings are filtered as a whole.

    Returns
    -------
    trials : Trials
        ``X`` of shape (n_trials, 8, 1280), float32, 256 Hz. Labels: rest (1), 13 Hz (2), 21 Hz (3)
        and 17 Hz (4), the codes of the files. Metadata: ``subject``, ``session`` (day), ``run``,
        ``trial``, ``record`` (name of the file), ``recording`` and ``onset``.

    Raises
    ------
    FileNotFoundError, DataFormatError, ValueError
        As in :func:`~skmamba.load_deap`: nothing is loaded.

    Notes
    -----
    ``record-[2012.07.11-15.33.08]`` occurs as subject 3 and as subject 7. Its subject is unknown,
    so both copies are left out by default.

    The standard deviation of ``X``, about 8 mV, is too large for EEG: the unit is doubtful.

    References
    ----------
    .. [1] Kalunga et al., "Online SSVEP-based BCI using Riemannian geometry", Neurocomputing 2016,
       191:55-68, doi 10.1016/j.neucom.2016.01.007.

    Examples
    --------
    >>> from skmamba.datasets import load_ssvep_exo
    >>> trials = load_ssvep_exo("dataset-ssvep-exoskeleton", subjects=[2, 4])  # doctest: +SKIP
    """
    check_option("records", records, ("unique", "published", "all"))
    subjects = _io.check_numbers("subjects", subjects, N_SUBJECTS)
    files = _find_records(Path(path), subjects, records)
    events = [_read_events(file) for _, file in files]

    def read():
        for _, file in files:
            with _name_file(file):
                raw = read_fif(file)
            if raw.info["sfreq"] != SFREQ:
                raise DataFormatError(file, f"{SFREQ} Hz", f"{raw.info['sfreq']:g} Hz")
            n_channels = raw.get_channel_types().count("eeg")
            if n_channels != N_CHANNELS:
                raise DataFormatError(file, f"{N_CHANNELS} EEG channels", f"{n_channels}")
            yield raw.filter(l_freq, h_freq, verbose="ERROR")

    trials = Trials.from_raws(
        read(),
        tmin=0,
        tmax=SECONDS,
        events=events,
        event_id=CODES,
        metadata=_make_metadata(files),
        name="SSVEP-exoskeleton",
    )
    trials.loader_params.update(records=records, l_freq=l_freq, h_freq=h_freq)
    return trials


def _find_records(path, subjects, records):
    """Return (subject, file) of the recordings, in the order of subjects and dates."""
    files = [file for folder in path.glob("subject*") for file in _io.list_folder(folder)]
    matches = [(re.fullmatch(FILE, f"{file.parent.name}/{file.name}"), file) for file in files]
    found = sorted((int(match[1]), file) for match, file in matches if match)
    if not found:
        _io.fail_missing("contain subject01 ... with files record-[...]_raw.fif", path, SOURCE)
    _io.check_present(subjects, (subject for subject, _ in found), path)
    left_out = {"all": set(), "unique": {DUPLICATE}, "published": {DUPLICATE, *EXCLUDED}}[records]
    kept = [
        (subject, file)
        for subject, file in found
        if subjects is None or subject in subjects
        if _name_record(file) not in left_out
    ]
    lost = {*(subjects or [])} - {subject for subject, _ in kept}
    if lost or not kept:
        whose = f" of subjects {', '.join(map(str, sorted(lost)))}" if lost else ""
        raise ValueError(f"records={records!r} leaves out all recordings{whose} in {path}.")
    return kept


@contextlib.contextmanager
def _name_file(path):
    """Raise any error of MNE as a DataFormatError that names the file."""
    try:
        yield
    except Exception as error:
        got = f"{type(error).__name__}: {error}"
        raise DataFormatError(path, "a complete FIF file", got) from error


def _name_record(file):
    return file.name.removesuffix("_raw.fif")


def _read_events(file):
    """Return the events of a recording; each of the four codes must occur."""
    path = file.with_name(f"{_name_record(file)}-eve.fif")
    if not path.exists():
        raise DataFormatError(path, "events of the recording", "no file")
    with _name_file(path):
        events = read_fif_events(path)
    if set(events[:, 2]) != set(CODES.values()):
        raise DataFormatError(path, "codes 1, 2, 3 and 4", f"{sorted(set(events[:, 2].tolist()))}")
    return events


def _make_metadata(files):
    """Return a row for each recording: days are sessions, recordings of a day are runs."""
    subject = pd.Series([subject for subject, _ in files])
    record = pd.Series([_name_record(file) for _, file in files])
    day = record.str.extract(r"\[(.{10})", expand=False)
    session = day.groupby(subject).rank("dense").astype(int)
    run = record.groupby([subject, session]).cumcount() + 1
    return pd.DataFrame({"subject": subject, "session": session, "run": run, "record": record})
