"""Cache of finished folds on disk."""

import hashlib
import json
import os
import warnings
from pathlib import Path

import numpy as np

from .._io import write_atomically


def check_values(name, values, shape):
    """Return values as an array; raise ValueError unless they have the shape and are finite."""
    values = np.asarray(values)
    if values.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {values.shape}.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, got {values[~np.isfinite(values)][0]}.")
    return values


class FoldCache:
    """Folder with one JSON file per finished fold, named after the hash of what it depends on.

    Files are written atomically and with a checksum, so a process may be killed at any time and
    several processes may use one folder.
    """

    def __init__(self, folder, n_classes):
        self.folder = Path(folder)
        self.n_classes = n_classes
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"cache_dir must be a folder, got {self.folder}: {error}") from error

    def check_writable(self):
        """Raise ValueError unless files can be written."""
        if not os.access(self.folder, os.W_OK):
            raise ValueError(f"cache_dir must be writable, got {self.folder}.")

    def read(self, key, n_test):
        """Return the record of a fold; None if it is absent or, with a warning, altered."""
        path = self.folder / f"{key}.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record.pop("checksum") != _compute_checksum(record):
                raise ValueError("checksum mismatch")
            if record["key"] != key:
                raise ValueError("it belongs to a different fold")
            _check_record(record, n_test, self.n_classes)
        except FileNotFoundError:
            return None
        except Exception as error:  # a file may contain anything
            reason = f"{type(error).__name__}: {error}"
            warnings.warn(f"{path} cannot be used, its fold is run again: {reason}", stacklevel=2)
            return None
        return record

    def write(self, key, record):
        """Write the record of a fold, unless a valid one exists."""
        path = self.folder / f"{key}.json"
        if not path.exists() or self.read(key, len(record["y_pred"])) is None:
            self.folder.mkdir(parents=True, exist_ok=True)  # may be missing on the disk of a worker
            record = {"key": key, **record}
            write_atomically(path, json.dumps(record | {"checksum": _compute_checksum(record)}))


def _compute_checksum(record):
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _check_record(record, n_rows, n_classes):
    """Raise ValueError unless a record has a prediction for each row."""
    shapes = {"y_pred": (n_rows,), "proba": (n_rows, n_classes), "decision": (n_rows,)}
    for name, shape in shapes.items():
        if name == "y_pred" or record[name] is not None:
            check_values(name, record[name], shape)
    if "of_windows" in record:
        windows = record["of_windows"]
        _check_record(windows, n_rows * windows["n_windows"], n_classes)
