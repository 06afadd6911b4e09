"""One compact file per subject, of which later loads read only the wanted channels.

A cache file is a head of fixed length, the ratings (float64) and the channels one after the
other (float32). The head tells the source it was made from and a checksum for each part, and is
written last; the file gets its name only once all of it is on the disk.
"""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from zlib import crc32

import numpy as np

VERSION = "skmamba DEAP cache 1"
HEAD_BYTES = 4096


def pick_cached(path, folder, picks, read, pick):
    """Take channels from the cache of a file; where it has none, make it.

    Parameters
    ----------
    path : Path
        The source.
    folder : path-like
        Where the cache lies or will lie.
    picks : list of int
        Wanted channels.
    read : callable
        ``read(path)`` gives data of shape (n_trials, n_channels, n_times) and ratings.
    pick : callable
        ``pick(data, picks)`` takes channels from data as float32.

    Returns
    -------
    X : ndarray of float32 of shape (n_trials, len(picks), n_times)
        The wanted channels.
    ratings : ndarray of shape (n_trials, n_ratings)
        Ratings.
    """
    path, status = Path(path).resolve(), os.stat(path)
    place = sha256(str(path).encode()).hexdigest()
    file = Path(folder) / f"{path.name}-{place[:12]}.cache"
    source = {"path": place, "size": status.st_size, "modified": status.st_mtime_ns}
    stored = load_cache(file, source, picks)
    if stored is None:
        data, ratings = read(path)
        store_cache(file, source, data, ratings, pick)
        stored = pick(data, picks), ratings
    return stored


def load_cache(file, source, picks):
    """Give channels and ratings of a cache file, or None if it is stale, broken or not there."""
    try:
        with open(file, "rb") as stream:
            check, _, text = stream.read(HEAD_BYTES).partition(b" ")
            if int(check, 16) != crc32(text):
                return None
            head = json.loads(text)
            if head["version"] != VERSION or head["source"] != source:
                return None
            ratings = _read_part(stream, HEAD_BYTES, "<f8", head["ratings"], head["check"])
            n_trials, n_times = head["trials"]
            start = HEAD_BYTES + ratings.nbytes
            X = np.empty((n_trials, len(picks), n_times), np.float32)
            for i, channel in enumerate(picks):
                offset = start + channel * n_trials * n_times * X.itemsize
                check = head["channel_checks"][channel]
                X[:, i] = _read_part(stream, offset, "<f4", head["trials"], check)
            return X, ratings
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _read_part(stream, offset, dtype, shape, check):
    stream.seek(offset)
    part: Any = np.fromfile(stream, dtype, shape[0] * shape[1])
    if crc32(part) != check:
        raise ValueError("a checksum differs")
    return part.reshape(shape)


def store_cache(file, source, data, ratings, pick):
    """Write all channels; on any failure the folder is as before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = NamedTemporaryFile(dir=file.parent, prefix=file.name, suffix=".part", delete=False)
    try:
        with temporary as stream:
            stream.write(bytes(HEAD_BYTES))
            check = _write_part(stream, ratings, "<f8")
            channel_checks = [
                _write_part(stream, pick(data, [channel]), "<f4")
                for channel in range(data.shape[1])
            ]
            head = {
                "version": VERSION,
                "source": source,
                "ratings": ratings.shape,
                "trials": (data.shape[0], data.shape[2]),
                "check": check,
                "channel_checks": channel_checks,
            }
            text = json.dumps(head).encode().ljust(HEAD_BYTES - 9)
            stream.flush()
            stream.seek(0)
            stream.write(b"%08x " % crc32(text) + text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary.name, file)
    except BaseException:
        Path(temporary.name).unlink(missing_ok=True)
        raise


def _write_part(stream, part, dtype):
    part = np.ascontiguousarray(part, dtype)
    stream.write(part)
    return crc32(part)  # type: ignore[arg-type]  # a Buffer from Python 3.12 on
