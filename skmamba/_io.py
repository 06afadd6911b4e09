"""Atomic file writing, and tables as CSV files."""

import contextlib
import os
import re
import shutil
from pathlib import Path
from socket import gethostname
from uuid import uuid4

import pandas as pd

# Columns of text, and columns of identifiers and labels, which may be integers or text.
TEXTS = ("dataset", "protocol", "estimator", "kind", "held_out", "adaptation", "error")
TEXTS += ("data", "versions", "example", "verdict")
IDENTIFIERS = ("subject", "trial", "random_state")
LABELS = ["y_true", "y_pred"]


@contextlib.contextmanager
def replacing(path):
    """Yield a temporary path, which replaces ``path`` unless an error is raised."""
    temporary = make_temporary_path(path)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    remove_stale(path)


def write_atomically(path, content, *, overwrite=True):
    """Write text (UTF-8) or bytes to a file; on an error, leave an existing file unchanged."""
    path = Path(path)
    content = content.encode() if isinstance(content, str) else content
    with replacing(path) as temporary:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if not overwrite:
            path.open("xb").close()  # raises FileExistsError


def check_target(path, overwrite):
    """Raise an error unless a file or folder can be created, or may be replaced."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The parent folder of path must exist, got {path}.")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists: choose another path or set overwrite=True.")


def make_temporary_path(path):
    """Return a hidden path beside ``path`` that names the computer and the process."""
    return path.with_name(f"{_start_temporary(path)}{os.getpid()}-{uuid4().hex[:8]}.tmp")


def _start_temporary(path):
    return f".{path.name[:50]}.{gethostname()}-"  # file systems limit the length of names


def remove_stale(path):
    """Remove the temporary files and folders that killed processes left beside ``path``."""
    own = re.escape(_start_temporary(path))
    with contextlib.suppress(OSError):
        for other in path.parent.iterdir():
            match = re.fullmatch(rf"{own}(\d{{1,9}})-[0-9a-f]{{8}}\.tmp", other.name)
            if match and not _is_running(int(match[1])):
                shutil.rmtree(other) if other.is_dir() else other.unlink()


def _is_running(pid):
    """Return whether a process is running on this computer; True if this is unknown."""
    if os.name != "posix":  # there, os.kill would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def write_table(path, table):
    write_atomically(path, table.to_csv(index=False, lineterminator="\n"))


def read_table(path, required=()):
    """Read a table that skmamba wrote; texts and labels such as "01" remain text."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        reason = str(error).strip()
        raise ValueError(f"{path} must be a table written by skmamba: {reason}") from error
    missing = [name for name in required if name not in table]
    if missing:
        raise ValueError(
            f"{path} must be a table written by skmamba, missing columns: {', '.join(missing)}."
        )
    names = [name for name in table if name not in (*TEXTS, *LABELS)]
    columns = {name: _restore_numbers(table[name], name not in IDENTIFIERS) for name in names}
    if {*LABELS} <= {*table}:  # of one type, ratings if there are no probabilities
        has_ratings = not any(name.startswith("proba_") for name in names)
        both = _restore_numbers(table[LABELS].melt()["value"], has_ratings)
        columns |= zip(LABELS, both.to_numpy().reshape(2, -1), strict=True)
    return table.assign(**columns)


def _restore_numbers(texts, may_be_floats):
    """Convert texts to integers if all are, such as 1 but not 01, else to floats if allowed."""
    known = texts[texts != ""]
    if len(known) and known.str.fullmatch(r"0|-?[1-9]\d{0,17}").all():
        dtype = "int64" if len(known) == len(texts) else "Int64"
        return known.astype("Int64").reindex(texts.index).astype(dtype)
    if may_be_floats or known.empty:
        with contextlib.suppress(ValueError):
            return texts.replace("", "nan").astype(float)  # exact, unlike read_csv
    return texts.where(texts != "")
