"""Compact copies of DEAP files: zip archives, of which single channels are read."""

import os
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from .._io import replacing

VERSION = 2
N_RATINGS = 4


def read_cached(path, folder, picks, read, pick):
    """Return channels and ratings from the cache; if needed, read ``path`` and write it."""
    path, status = Path(path).resolve(), os.stat(path)
    path_hash = sha256(str(path).encode()).hexdigest()
    file = Path(folder) / f"{path.name}-{path_hash[:12]}.zip"
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
        with ZipFile(file) as archive:  # reading compares checksums
            if sum(part.file_size for part in archive.infolist()) > os.stat(file).st_size:
                return None  # compressed, so not written by _save
            if archive.read("source") != source.encode():
                return None
            ratings = np.frombuffer(archive.read("ratings"), "<f8").reshape(-1, N_RATINGS)
            n_times = archive.getinfo("channel0").file_size // (4 * len(ratings))
            X = np.empty((len(ratings), len(picks), n_times), "f4")
            for i, pick in enumerate(picks):
                channel = np.frombuffer(archive.read(f"channel{pick}"), "<f4")
                X[:, i] = channel.reshape(len(ratings), n_times)
            return X, ratings
    except Exception:  # zipfile raises many kinds on damaged files
        return None


def _save(file, source, data, ratings, pick):
    """Write all channels, converted one at a time; a failure leaves the folder as before."""
    with replacing(file) as temporary, ZipFile(temporary, "x") as archive:
        archive.writestr("source", source)
        archive.writestr("ratings", ratings.astype("<f8").tobytes())
        for i in range(data.shape[1]):
            archive.writestr(f"channel{i}", pick(data, [i]).astype("<f4").tobytes())
