"""Finished folds on disk, each in a file of its own."""

import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4


@dataclass(frozen=True)
class FoldStore:
    """A folder of finished folds, each under the fingerprint of all that it depends on.

    A file appears whole or not at all, so that a process may be killed at any moment, and several
    may write at once: whoever comes second writes the same.

    Parameters
    ----------
    folder : str or Path
        It is made when the first fold is finished.
    """

    folder: Path

    def check(self):
        """Complain unless folds can be kept there."""
        folder = Path(self.folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"store must be a folder: {error}") from error
        if not os.access(folder, os.W_OK):
            raise ValueError(f"store must be a folder that can be written to, got {folder}.")

    def path(self, key):
        """File of a fold."""
        return Path(self.folder) / f"{key}.json"

    def read(self, key):
        """Record of a fold, or None if it is not finished."""
        path = self.path(key)
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["key"] == key:
                return record
            reason = "it is of another fold"
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error)
        warnings.warn(f"{path} cannot be used, so its fold is run again: {reason}", stacklevel=2)
        return None

    def write(self, key, record):
        """Keep the record of a fold, unless it is there already."""
        path = self.path(key)
        if path.exists() and self.read(key) is not None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{key[:8]}-{uuid4().hex}.draft")
        try:
            with draft.open("x", encoding="utf-8") as file:
                json.dump({"key": key, **record}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
