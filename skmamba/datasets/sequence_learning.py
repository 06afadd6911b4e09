"""Loader of the Sequence-Learning data set."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from .._copies import warn_of_copies
from .._types import StrPath
from .._validation import check_option
from ..trials import Trials
from . import _io
from ._io import DataFormatError

SOURCE = "https://github.com/MikeMpapa/EEG-Dataset--Sequence-Learning"
SFREQ = 220
N_SUBJECTS = 69
CH_NAMES = "TP9 AF7 AF8 TP10".split()
MAX_BYTES = 1 << 23  # of a decompressed array; the longest round has 20 s, at most 1 MB
ROUND = r"(\d+)_(\d+)_(\d+)\.npz"  # subject, session, round
OUTCOMES = ["fail", "success"]
LABELS = {"load": {0: "low load", 1: "high load"}, "success": {0: "fail", 1: "success"}}
SHORT, LONG = 11.2, 13.6  # seconds: rounds of low load are shorter, of high load longer


def load_sequence_learning(
    path: StrPath,
    target: Literal["load", "success"] = "load",
    *,
    subjects: int | Iterable[int] | None = None,
    seconds: float = 6.8,
) -> Trials:
    """Load Sequence-Learning: 69 subjects with a Muse headband memorise sequences.

    A trial is a round of the task, which succeeds or fails. The files are at
    https://github.com/MikeMpapa/EEG-Dataset--Sequence-Learning (licence: MIT).

    Parameters
    ----------
    path : path-like
        Folder ``EEG_DATA``, or the one that contains it.
    target : {"load", "success"}, default="load"
        Label: whether the round lasts less than 11.2 s (low memory load) or more than 13.6 s (high;
        those between are left out), or whether the round succeeded.
    subjects : int or list of int, default=None
        Numbers from 1 to 69; None loads all in the folder.
    seconds : float, default=6.8
        Length of a trial: the end of the round, minus its mean. The length of a round alone
        predicts its success, so all trials have one length; shorter rounds are left out.

    Returns
    -------
    trials : Trials
        ``X`` of shape (n_trials, 4, n_times), channels TP9, AF7, AF8 and TP10, float32, in
        microvolts, 220 Hz. Metadata: ``subject``, ``session``, ``trial`` (number of the round),
        ``success`` and ``duration`` (of the whole round, in seconds).

    Raises
    ------
    FileNotFoundError, DataFormatError, ValueError
        As in :func:`~skmamba.load_deap`: nothing is loaded.

    References
    ----------
    .. [1] Papakostas, Tsiakas, Giannakopoulos and Makedon, "Towards predicting task performance
       from EEG signals", IEEE Big Data 2017, 4423-4425.

    Examples
    --------
    >>> from skmamba.datasets import load_sequence_learning
    >>> trials = load_sequence_learning("EEG-Dataset--Sequence-Learning")  # doctest: +SKIP
    """
    check_option("target", target, LABELS)
    subjects = _io.check_numbers("subjects", subjects, N_SUBJECTS)
    n_times = _io.count_times(seconds, SFREQ, optional=False)
    rounds = _find_rounds(Path(path), subjects)
    lengths, ends = zip(*(_read_round(file, n_times) for file in rounds["file"]), strict=True)
    rounds["duration"] = np.array(lengths) / SFREQ
    keep = rounds["duration"] >= n_times / SFREQ
    if not keep.any():
        raise ValueError(f"seconds must leave at least one round, got {seconds!r}.")
    if target == "load":
        keep &= ~rounds["duration"].between(SHORT, LONG)
        y = (rounds["duration"] > LONG).astype(int)
    else:
        y = rounds["success"]
    if not keep.any():
        raise ValueError(
            f"target='load' leaves out rounds of {SHORT:g} to {LONG:g} s, and no others have at "
            f"least {seconds:g} s: choose more subjects, or target='success'."
        )
    parts = [(rounds["file"][row], ends[row]) for row in np.flatnonzero(keep)]
    trials = Trials(
        X=np.stack([_io.as_float32(f, "raw", x - x.mean(1, keepdims=True)) for f, x in parts]),
        y=y[keep].to_numpy(),
        metadata=rounds.loc[keep, ["subject", "session", "trial", "success", "duration"]],
        sfreq=SFREQ,
        ch_names=CH_NAMES,
        label_names=LABELS[target],
        name="Sequence-Learning",
        loader_params={"target": target, "seconds": seconds},
    )
    return warn_of_copies(trials)


def _find_rounds(path, subjects):
    """Return a table of the files of one of the ten folders fold_*, which hold the same rounds."""
    folder = path / "EEG_DATA" if (path / "EEG_DATA").is_dir() else path
    fold = min(folder.glob("fold_*"), default=folder)
    rows = []
    for file in fold.glob("*/*/[!.]*.npz"):  # macOS adds files such as ._1_1_1.npz
        name, outcome = re.fullmatch(ROUND, file.name), file.parent.name
        if name is None or outcome not in OUTCOMES:
            expected = "success/ or fail/, and a name SUBJECT_SESSION_ROUND.npz"
            raise DataFormatError(file, expected, f"{outcome}/{file.name}")
        subject, session, trial = map(int, name.groups())
        rows.append((file, subject, session, trial, OUTCOMES.index(outcome)))
    if not rows:
        _io.fail_missing("contain EEG_DATA with fold_0 ...", path, SOURCE)
    table = pd.DataFrame(rows, columns=["file", "subject", "session", "trial", "success"])
    place = ["subject", "session", "trial"]
    if table.duplicated(place).any():
        file = table["file"][table.duplicated(place)].iloc[0]
        raise DataFormatError(file, "each round once", "another file of this round")
    _io.check_present(subjects, table["subject"], path)
    if subjects is not None:
        table = table[table["subject"].isin(subjects)]
    return table.sort_values(place, ignore_index=True)


def _read_round(file, n_times):
    """Return the number of samples of a file, and the last ones, (4, n_times), in microvolts."""
    try:
        with np.load(file, allow_pickle=False) as content:
            if content.zip.getinfo("raw.npy").file_size > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES} bytes")
            raw = content["raw"].astype(float)  # text
    except Exception as error:  # NumPy raises many kinds on damaged files
        raise DataFormatError(file, "an array 'raw' of numbers as text", str(error)) from error
    _io.check_shape(file, "raw", raw, (None, len(CH_NAMES)))
    return len(raw), raw[-n_times:].T.copy()
