"""Compact copies of DEAP files: zip archives of arrays, of which single channels are read."""

import io
import os
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from .._io import write_atomically

VERSION = 2


def read_cached(path, folder, picks, read, pick):
    """Return channels and ratings from the cache; if needed, ``read(path)`` and write it."""
    path, status = Path(path).resolve(), os.stat(path)
    path_hash = sha256(str(path).encode()).hexdigest()
    file = Path(folder) / f"{path.name}-{path_hash[:12]}.npz"
    source = f"{VERSION} {path_hash} {status.st_size} {status.st_mtime_ns}"
    cached = _load(file, source, picks)
    if cached is None:
        data, ratings = read(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, _pack(source, data, ratings, pick))
        cached = pick(data, picks), ratings
    return cached


def _load(file, source, picks):
    """Return channels and ratings of a cache file; None if it is missing, outdated or damaged."""
    try:
        with np.load(file) as cached:  # compares the checksum of each array
            if cached["source"] == source:
                channels = [cached[f"channel{i}"] for i in picks]
                return np.concatenate(channels, axis=1), cached["ratings"]
    except Exception:  # zipfile and NumPy raise many kinds on damaged files
        pass
    return None


def _pack(source, data, ratings, pick):
    """Return the bytes of a cache file; channels are converted one at a time."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:

        def write(name, array):
            with archive.open(f"{name}.npy", "w") as member:
                np.save(member, array)

        write("source", source)
        write("ratings", ratings)
        for i in range(data.shape[1]):
            write(f"channel{i}", pick(data, [i]))
    return buffer.getbuffer()
