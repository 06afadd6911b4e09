"""Compact copies of DEAP files: npz archives, of which single channels are read."""

import os
from hashlib import sha256
from pathlib import Path

import numpy as np

from .._io import replacing

VERSION = 3


def read_cached(path, folder, picks, read, pick):
    """Return channels and ratings from the cache; if needed, read ``path`` and write it."""
    path, status = Path(path).resolve(), os.stat(path)
    path_hash = sha256(str(path).encode()).hexdigest()
    file = Path(folder) / f"{path.name}-{path_hash[:12]}.npz"
    source = f"{VERSION} {path_hash} {status.st_size} {status.st_mtime_ns}"
    cached = _load(file, source, picks)
    if cached is None:
        data, ratings = read(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        _save(file, source, data, ratings, pick)
        cached = pick(data, picks), ratings
    return cached


def _load(file, source, picks):
    """Return channels and ratings of a cache file; None if it is missing, outdated or damaged."""
    try:
        with np.load(file) as archive:  # reading compares checksums
            if sum(part.file_size for part in archive.zip.infolist()) > os.stat(file).st_size:
                return None  # compressed, so not written by _save
            if archive["source"] != source:
                return None
            X = np.stack([archive[f"channel{pick}"] for pick in picks], axis=1)
            return X, archive["ratings"]
    except Exception:  # zipfile raises many kinds on damaged files
        return None


def _save(file, source, data, ratings, pick):
    """Write all channels; a failure leaves the folder as before."""
    channels = {f"channel{i}": pick(data, [i])[:, 0] for i in range(data.shape[1])}
    with replacing(file) as temporary, temporary.open("xb") as opened:
        np.savez(opened, source=source, ratings=ratings, **channels)
