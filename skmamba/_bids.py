"""The door for MNE-BIDS: which recordings a BIDS folder holds, and what it knows of them."""

from pathlib import Path

import pandas as pd

EXTENSIONS = [".edf", ".bdf", ".vhdr", ".set"]  # BIDS allows no other for EEG


def find_recordings(root, *, task, subjects=None, sessions=None, runs=None):
    """Find recordings of a task.

    Parameters
    ----------
    root : str or Path
        Folder of the data set.
    task : str
        Its ``task-`` label.
    subjects, sessions, runs : str or list of str, default=None
        Labels without their ``sub-``, ``ses-`` and ``run-``; without them, all.

    Returns
    -------
    paths : list of BIDSPath
        Where the recordings are.
    metadata : DataFrame with a row a recording
        ``subject``, ``session`` and ``run``, where there are any, and what
        ``participants.tsv`` says about the subject.
    """
    mne_bids = _mne_bids()
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"root must be the folder of a BIDS data set, got {root}.")
    paths = mne_bids.find_matching_paths(
        root, datatypes="eeg", suffixes="eeg", extensions=EXTENSIONS
    )
    asked = {"task": task, "subjects": subjects, "sessions": sessions, "runs": runs}
    for argument, labels in asked.items():
        if labels is not None:
            paths = _choose(paths, argument, _labels(argument, labels), root)
    paths = sorted(paths, key=lambda path: path.basename)
    return paths, _describe(paths, root)


def read_recording(path):
    """Open a recording, with the events of its ``events.tsv`` as annotations."""
    return _mne_bids().read_raw_bids(path, verbose="ERROR")


def _mne_bids():
    try:
        import mne_bids
    except ImportError as error:
        raise ImportError(
            f"Trials.from_bids needs mne-bids ({error}): pip install 'skmamba[bids]'."
        ) from error
    return mne_bids


def _labels(argument, labels):
    """Labels as a list of str: 1 is not 01, so numbers are refused."""
    labels = [labels] if isinstance(labels, (str, int)) else list(labels)
    if not all(isinstance(label, str) for label in labels):
        raise ValueError(f"{argument} must be labels as in the file names, '01', got {labels}.")
    return labels


def _choose(paths, argument, labels, root):
    """Paths with one of the labels; each label must be there."""
    entity = argument.removesuffix("s")
    there = {getattr(path, entity) for path in paths} - {None}
    missing = [label for label in labels if label not in there]
    if missing:
        raise ValueError(
            f"{argument} asks for {missing}, which no EEG recording in {root} has; those with "
            f"what else is asked for have {sorted(there)}."
        )
    return [path for path in paths if getattr(path, entity) in labels]


def _describe(paths, root):
    """One row a recording: who and when, and the columns of participants.tsv."""
    rows = pd.DataFrame(
        {
            entity: [getattr(path, entity) for path in paths]
            for entity in ("subject", "session", "run")
        }
    ).dropna(axis="columns", how="all")
    table = root / "participants.tsv"
    if not table.is_file():
        return rows
    people = pd.read_csv(table, sep="\t", na_values="n/a", dtype={"participant_id": str})
    people["subject"] = people.pop("participant_id").str.removeprefix("sub-")
    new = ["subject", *people.columns.difference(rows.columns, sort=False)]
    return rows.merge(people[new], on="subject", how="left", validate="many_to_one")
