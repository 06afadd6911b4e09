"""Recordings of a BIDS data set, through MNE-BIDS."""

import os
from pathlib import Path

import pandas as pd

from ._extras import require_extra
from ._metadata import split_numbers

EXTENSIONS = [".edf", ".bdf", ".vhdr", ".set"]  # the EEG formats of BIDS


def find_recordings(root, selection):
    """Return the BIDSPaths of the selected recordings, and metadata with one row each."""
    with require_extra("bids", "Trials.from_bids"):
        import mne_bids
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"root must be the folder of a BIDS data set, got {root}.")
    paths = mne_bids.find_matching_paths(
        root, datatypes="eeg", suffixes="eeg", extensions=EXTENSIONS
    )
    # derivatives and sourcedata have copies
    paths = [path for path in paths if os.path.relpath(path.fpath, root).startswith("sub-")]
    for argument, labels in selection.items():
        if labels is not None:
            paths = _select_paths(paths, argument, labels, root)
    paths = sorted(paths, key=lambda path: split_numbers(path.basename))
    return paths, _make_metadata(paths, root)


def read_recording(path):
    """Open a recording, with the events of its ``events.tsv`` as annotations."""
    from mne_bids import read_raw_bids

    return read_raw_bids(path, verbose="ERROR")


def _select_paths(paths, argument, labels, root):
    labels = [labels] if isinstance(labels, (str, int)) else list(labels)
    if not all(isinstance(label, str) for label in labels):  # 1 is not "01"
        raise ValueError(f"{argument} must be str as in the file names, '01', got {labels}.")
    entity = argument.removesuffix("s")
    present = {getattr(path, entity) for path in paths} - {None}
    missing = [label for label in labels if label not in present]
    if missing:
        raise ValueError(
            f"{argument} must be among {sorted(present)}, those of the selected EEG recordings in "
            f"{root}, got {missing}."
        )
    return [path for path in paths if getattr(path, entity) in labels]


def _make_metadata(paths, root):
    entities = ["subject", "session", "run"]
    rows = pd.DataFrame([[getattr(path, entity) for entity in entities] for path in paths])
    rows = rows.set_axis(entities, axis="columns").dropna(axis="columns", how="all")
    table = root / "participants.tsv"
    if not table.is_file():
        return rows
    try:
        participants = pd.read_csv(table, sep="\t", na_values="n/a", dtype={"participant_id": str})
    except ValueError as error:  # ragged rows, or not UTF-8
        raise ValueError(f"{table} must be a table of tab-separated values: {error}.") from error
    if "participant_id" not in participants:
        raise ValueError(f"{table} must have a column participant_id, got {list(participants)}.")
    participants["subject"] = participants.pop("participant_id").str.removeprefix("sub-")
    if participants["subject"].duplicated().any():
        twice = participants["subject"][participants["subject"].duplicated()].tolist()
        raise ValueError(f"{table} must have one row per participant, got several of {twice}.")
    new = ["subject", *participants.columns.difference(rows.columns, sort=False)]
    return rows.merge(participants[new], on="subject", how="left")
