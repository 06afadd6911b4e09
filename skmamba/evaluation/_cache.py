"""Cache of finished folds on disk."""

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

    Files are written atomically, so a process may be killed at any time and several processes may
    use one folder.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"cache_dir must be a folder, got {self.folder}: {error}") from error
        if not os.access(self.folder, os.W_OK):
            raise ValueError(f"cache_dir must be writable, got {self.folder}.")

    def read(self, key):
        """Return the record of a fold; None if it is absent or, with a warning, corrupted."""
        path = self.folder / f"{key}.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["key"] != key:
                raise ValueError("it belongs to a different fold")
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            warnings.warn(f"{path} is corrupted, its fold is run again: {error}", stacklevel=2)
            return None
        return record

    def write(self, key, record):
        """Write the record of a fold, unless a valid one exists."""
        path = self.folder / f"{key}.json"
        if not path.exists() or self.read(key) is None:
            self.folder.mkdir(parents=True, exist_ok=True)  # on the disk of a worker
            write_atomically(path, json.dumps({"key": key, **record}))
