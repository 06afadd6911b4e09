"""Recordings of a BIDS data set, through MNE-BIDS."""

import os
import warnings
from pathlib import Path

import pandas as pd

from ._extras import require_extra
from ._metadata import split_numbers

ENTITIES = ["subject", "session", "run", "acquisition", "processing"]  # columns of metadata
RESERVED = {"recording", "trial", "onset", "window", "start", "reference_onset", *ENTITIES[1:]}
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
    # derivatives and sourcedata contain copies
    paths = [path for path in paths if os.path.relpath(path.fpath, root).startswith("sub-")]
    for argument, labels in selection.items():
        if labels is not None:
            paths = _select_paths(paths, argument, labels, root)
    paths = sorted(paths, key=lambda path: split_numbers(path.basename))
    _check_distinct(paths)
    return paths, _make_metadata(paths, root)


def read_recording(path):
    """Open a recording, with the events of its ``events.tsv`` as annotations."""
    from mne_bids import read_raw_bids

    if path.find_matching_sidecar("events", ".tsv", on_error="ignore") is None:
        # MNE-BIDS would read the markers of the file, which may have other names.
        raise ValueError(
            f"{path.basename} must have events in an events.tsv file, got none. Read it with "
            "mne_bids.read_raw_bids, and pass the recordings to Trials.from_raws."
        )
    with warnings.catch_warnings(record=True, action="always") as caught:
        try:
            raw = read_raw_bids(path, verbose="WARNING")
        except (LookupError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"{path.basename} cannot be read: {str(error).rstrip('.')}. Read it with other "
                "options of mne_bids.read_raw_bids, and pass the recordings to Trials.from_raws."
            ) from error
    for warning in caught:
        if "outside" in str(warning.message):  # of the data: events that would be missed
            warnings.warn(f"{path.basename}: {warning.message}", UserWarning, stacklevel=2)
    return raw


def _check_distinct(paths):
    """Raise ValueError if two files are of one recording; warn if they are of one run."""
    table = pd.DataFrame([path.entities for path in paths], [path.basename for path in paths])
    same = table.index[table.duplicated(keep=False)]
    if len(same):
        raise ValueError(f"root must have each recording in one file, got {', '.join(same)}.")
    of_run = table.columns.intersection(["subject", "session", "task", "run"])
    same = table.index[table.duplicated(of_run, keep=False)] if len(table) else same
    if len(same):
        warnings.warn(
            f"{', '.join(same[:2])} are recordings of one run and may have the same EEG: select "
            "trials by metadata['acquisition'] or metadata['processing'].",
            stacklevel=4,
        )


def _select_paths(paths, argument, labels, root):
    labels = [labels] if isinstance(labels, (str, int)) else list(labels)
    if not all(isinstance(label, str) for label in labels):  # 1 is not "01"
        raise ValueError(f"{argument} must be str as in file names, such as '01', got {labels}.")
    if not labels:
        raise ValueError(f"{argument} must have at least one entry, got none.")
    entity = argument.removesuffix("s")
    present = {getattr(path, entity) for path in paths} - {None}
    missing = [label for label in labels if label not in present]
    if missing:
        raise ValueError(
            f"{argument} must be among {sorted(present)}, those of the selected EEG recordings "
            f"in {root}, got {missing}."
        )
    return [path for path in paths if getattr(path, entity) in labels]


def _make_metadata(paths, root):
    rows = pd.DataFrame([[getattr(path, entity) for entity in ENTITIES] for path in paths])
    rows = rows.set_axis(ENTITIES, axis="columns").dropna(axis="columns", how="all")
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
        raise ValueError(f"{table} must have one row per participant, got several for {twice}.")
    taken = RESERVED & {*participants}
    participants = participants.rename(columns={name: f"participant_{name}" for name in taken})
    return rows.merge(participants, on="subject", how="left")
