"""What the readers of MATLAB files make of broken ones.

``python benchmarks/fuzz_mat.py`` changes small files of each data set in ways given by a seed,
loads each, and counts what comes: the right kind of result, or ``DataFormatError``. Anything
else, a call of more than ten seconds or a crash ends with a non-zero status. The tests take the
files they call hostile from here.
"""

import math
import struct
import subprocess
import sys
import zlib
from argparse import ArgumentParser
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from skmamba.datasets import (
    DataFormatError,
    load_dreamer,
    load_seed,
    load_seed_iv,
    write_fake_dreamer,
    write_fake_seed,
    write_fake_seed_iv,
)

SLOW = 10  # seconds a call may take
HEADER = 128
DOUBLES, TEXT, CELL, STRUCT = 6, 4, 1, 2
EDGES = (0, 1, 2, 7, 8, 9, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF)


def write_dreamer(folder, compress):
    """A tiny DREAMER, what loads it, and the file to spoil."""
    path = write_fake_dreamer(
        folder, n_subjects=1, n_films=3, seconds=0.1, baseline_seconds=0.1, compress=compress
    )
    return path, lambda: load_dreamer(folder, seconds=0.1, baseline="subtract"), (3, 4, 13), {0, 1}


def write_seed(folder, compress):
    write_fake_seed(folder, n_subjects=1, n_sessions=1, seconds=0.05, compress=compress)
    load = lambda: load_seed(folder, seconds=0.05)  # noqa: E731
    return Path(folder) / "1_20131027.mat", load, (15, 4, 10), {-1, 0, 1}


def write_seed_iv(folder, compress):
    write_fake_seed_iv(folder, n_subjects=1, n_sessions=1, seconds=0.05, compress=compress)
    load = lambda: load_seed_iv(folder, seconds=0.05)  # noqa: E731
    return Path(folder) / "1/1_20160518.mat", load, (24, 4, 10), {0, 1, 2, 3}


FORMATS = {"dreamer": write_dreamer, "seed": write_seed, "seed-iv": write_seed_iv}
VARIABLES = {"dreamer": "DREAMER", "seed": "djc_eeg1", "seed-iv": "cz_eeg1"}


def header(version=0x0100, endian=b"IM"):
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", version) + endian


def element(kind, data, n_bytes=None):
    """An element, which may lie about its length."""
    n_bytes = len(data) if n_bytes is None else n_bytes
    padding = bytes(-len(data) % 8) if kind != 15 else b""
    return struct.pack("<II", kind, n_bytes) + data + padding


def matrix(kind, shape, name, *parts, flags=0, n_bytes=None, dims_kind=5):
    """A matrix of any class, which may lie about anything."""
    head = element(6, struct.pack("<II", kind | flags << 8, 0))
    head += element(dims_kind, struct.pack(f"<{len(shape)}i", *shape))
    head += element(1, name.encode())
    return element(14, head + b"".join(parts), n_bytes)


def numbers(shape, name="", kind=9, n_bytes=None):
    return matrix(DOUBLES, shape, name, element(kind, bytes(8 * math.prod(shape)), n_bytes))


def compressed(part, n_bytes=None):
    return element(15, zlib.compress(part), n_bytes)


def repeated_zeros(start, n_blocks):
    """Compressed ``start`` and then 16 MiB of zeros a block: few bytes, quickly made."""
    deflate = zlib.compressobj()
    first = deflate.compress(start) + deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(bytes(1 << 24)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return element(15, first + n_blocks * block)


def nested(depth, name):
    inner = numbers((1, 1))
    for i in range(depth):
        inner = matrix(CELL, (1, 1), name if i == depth - 1 else "", inner)
    return inner


def struct_of(name, fields, *parts, shape=(1, 1), width=32):
    names = b"".join(field.encode().ljust(max(width, 1), b"\0") for field in fields)
    small = struct.pack("<HHi", 5, 4, width)
    return matrix(STRUCT, shape, name, small, element(1, names), *parts)


@cache
def hostile_files(name):
    """Files that claim to hold the variable ``name``, by what is wrong with them."""
    big = 0x7FFFFFFF
    good = numbers((4, 3), name)
    # the start of 4 GiB of zeros as a variable, and as a part of one that nobody wants
    start = matrix(DOUBLES, (1 << 14, 1 << 15), name, n_bytes=(1 << 32) - 8)
    long = start + struct.pack("<II", 9, (1 << 32) - 128)
    inside = struct_of(name, ["ECG"], struct.pack("<II", 14, (1 << 32) - 512))
    inside = struct.pack("<II", 14, (1 << 32) - 256) + inside[8:]
    return {
        "an empty file": b"",
        "a short header": header()[:100],
        "nothing but a header": header(),
        "text": b"subject,film,rating\n" * 20,
        "zeros": bytes(4096),
        "version 7.3": header(0x0200) + bytes(384) + b"\x89HDF\r\n\x1a\n" + bytes(512),
        "version 7.3 without its first block": b"\x89HDF\r\n\x1a\n" + bytes(512),
        "version 4": struct.pack("<5i", 0, 4, 3, 0, 5) + b"data\0" + bytes(96) + bytes(128),
        "another version": header(0x0300) + good,
        "no byte order": header(endian=b"XX") + good,
        "the other byte order": header(endian=b"MI") + good,
        "no such variable": header() + numbers((4, 3), "other"),
        "the variable twice": header() + good + good,
        "a variable without a name": header() + numbers((4, 3), ""),
        "an element of an unknown type": header() + element(77, bytes(64)),
        "a number at top level": header() + element(9, bytes(64)),
        "a length beyond the file": header() + good[:4] + struct.pack("<I", 1 << 30) + good[8:],
        "a length of nearly 4 GiB": header() + good[:4] + struct.pack("<I", (1 << 32) - 1),
        "a length of 0": header() + element(14, b""),
        "a variable that ends early": header() + good[:-16],
        "half a tag": header() + good + b"\x0e\0\0",
        "huge lengths": header() + matrix(DOUBLES, (big, big), name, element(9, bytes(96))),
        "four huge lengths": header() + matrix(DOUBLES, (big,) * 4, name, element(9, bytes(96))),
        "huge lengths and one 0": header() + matrix(DOUBLES, (0, big, big), name, element(9, b"")),
        "a negative length": header() + matrix(DOUBLES, (-4, -3), name, element(9, bytes(96))),
        "one length": header() + matrix(DOUBLES, (12,), name, element(9, bytes(96))),
        "no lengths": header() + matrix(DOUBLES, (), name, element(9, bytes(96))),
        "forty lengths": header() + matrix(DOUBLES, (1,) * 40, name, element(9, bytes(8))),
        "data for another shape": header() + matrix(DOUBLES, (5, 5), name, element(9, bytes(96))),
        "data longer than the variable": header() + numbers((4, 3), name, n_bytes=1 << 20),
        "data of an unknown type": header() + numbers((4, 3), name, kind=55),
        "no data": header() + matrix(DOUBLES, (4, 3), name),
        "bytes after the data": header()
        + matrix(DOUBLES, (4, 3), name, element(9, bytes(96)), bytes(8)),
        "bytes between tag and data": header()
        + matrix(DOUBLES, (4, 3), name, bytes(8), element(9, bytes(96))),
        "complex numbers": header()
        + matrix(DOUBLES, (4, 3), name, *[element(9, bytes(96))] * 2, flags=8),
        "text for numbers": header() + matrix(TEXT, (1, 4), name, element(16, b"text")),
        "text that is no text": header() + matrix(TEXT, (1, 4), name, element(16, b"\xff" * 4)),
        "text longer than its shape": header() + matrix(TEXT, (1, 2), name, element(16, b"abcd")),
        "an object": header() + matrix(3, (1, 1), name, bytes(64)),
        "a sparse array": header() + matrix(5, (4, 4), name, bytes(64)),
        "a function": header() + matrix(16, (1, 1), name, good),
        "an opaque object": header()
        + element(
            14,
            element(6, struct.pack("<II", 17, 0))
            + element(1, name.encode())
            + element(1, b"MCOS")
            + element(1, b"table"),
        ),
        "an unknown class": header() + matrix(99, (1, 1), name, bytes(64)),
        "an object in a cell": header() + matrix(CELL, (1, 1), name, matrix(3, (1, 1), "")),
        "a cell of nothing": header() + matrix(CELL, (0, 0), name),
        "a cell of many": header() + matrix(CELL, (big, 1), name),
        "a cell of many empty ones": header()
        + compressed(matrix(CELL, (1000, 1000), name, struct.pack("<II", 14, 0) * 1_000_000)),
        "a cell with a number for a matrix": header()
        + matrix(CELL, (1, 1), name, element(9, bytes(8))),
        "cells in cells": header() + nested(2000, name),
        "cells in cells, compressed": header() + compressed(nested(3000, name)),
        "a struct of none": header() + struct_of(name, []),
        "a struct of many": header() + struct_of(name, [], shape=(big, 1)),
        "fields without names": header() + struct_of(name, ["", ""], good, good),
        "two fields of one name": header() + struct_of(name, ["Data", "Data"], good, good),
        "field names of length 0": header() + struct_of(name, ["Data"], good, width=0),
        "field names of negative length": header() + struct_of(name, ["Data"], good, width=-8),
        "a struct without its fields": header() + struct_of(name, ["Data", "EEG"]),
        "a compressed element that is none": header() + element(15, b"not compressed" * 9),
        "a compressed element cut short": header() + compressed(good)[:40],
        "a compressed element within another": header() + compressed(compressed(good)),
        "a wrong checksum": header() + element(15, zlib.compress(good)[:-4] + b"oops"),
        "a compressed empty element": header() + compressed(b""),
        "a bomb": header() + repeated_zeros(long, 64),
        "a bomb in what is not wanted": header() + repeated_zeros(inside, 256),
        "a bomb of names": header()
        + compressed(matrix(DOUBLES, (1, 1), "a" * (1 << 24), element(9, bytes(8)))),
        "a thousand and more variables": header()
        + b"".join(numbers((1, 1), f"v{i}") for i in range(1200)),
    }


def mutate(data, rng):
    """Spoil the bytes of a file in one of several ways, or within what it has compressed."""
    if rng.random() < 0.6:
        inner = _mutate_inflated(data, rng)
        if inner is not None:
            return inner
    return _spoil(data, rng, HEADER if rng.random() < 0.9 else 0)


def _mutate_inflated(data, rng):
    """Spoil one compressed element from within, so that its checksum still holds."""
    starts, start = [], HEADER
    while start + 8 <= len(data):
        kind, n_bytes = struct.unpack("<II", data[start : start + 8])
        if kind == 15:
            starts.append((start, n_bytes))
        start += 8 + n_bytes
    if not starts:
        return None
    start, n_bytes = starts[rng.integers(len(starts))]
    inner = zlib.decompress(data[start + 8 : start + 8 + n_bytes])
    packed = zlib.compress(_spoil(inner, rng, 0), 1)
    return data[:start] + struct.pack("<II", 15, len(packed)) + packed + data[start + 8 + n_bytes :]


def _spoil(data, rng, first):
    """Flip, overwrite, cut, insert, double or swap bytes from ``first`` on."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        if len(data) <= first + 16:
            break
        # half of all changes near the start, where lengths and names are
        end = len(data) if rng.random() < 0.5 else min(len(data), first + 600)
        at = int(rng.integers(first, end))
        n_bytes = int(rng.integers(1, 65))
        match rng.integers(8):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1 | 2:
                at -= at % 4
                data[at : at + 4] = struct.pack("<I", EDGES[rng.integers(len(EDGES))])
            case 3:
                data[at : at + n_bytes] = rng.bytes(n_bytes)
            case 4:
                del data[at : at + n_bytes]
            case 5:
                data[at:at] = rng.bytes(n_bytes)
            case 6:
                del data[at:]
            case 7:
                other = int(rng.integers(first, len(data)))
                data[at : at + n_bytes] = data[other : other + n_bytes]
    return bytes(data)


def load_spoilt(load, shape, labels):
    """Load and say what came: "loaded" or "refused"; anything else is an AssertionError."""
    try:
        trials = load()
    except DataFormatError:
        return "refused"
    except ValueError as error:  # a film that is whole, but now shorter
        assert str(error).startswith("seconds="), repr(error)
        return "refused"
    assert trials.X.shape[1:] == shape[1:] and len(trials) <= shape[0], trials.X.shape
    assert trials.X.dtype == np.float32
    assert np.isfinite(trials.X).all()
    assert set(trials.y.tolist()) <= labels
    return "loaded"


def fuzz(name, n, seed):
    """Load ``n`` spoilt files, compressed and not in turns; counts, and the slowest in seconds."""
    counts, slowest = Counter(), 0.0
    with TemporaryDirectory() as folder:
        sources = []
        for compress in (False, True):
            inner = Path(folder) / str(compress)
            path, load, shape, labels = FORMATS[name](inner, compress)
            sources.append((path, path.read_bytes(), load, shape, labels))
            assert load_spoilt(load, shape, labels) == "loaded"
        for i in range(n):
            path, data, load, shape, labels = sources[i % 2]
            path.write_bytes(mutate(data, np.random.default_rng([seed, i])))
            start = perf_counter()
            try:
                with np.errstate(all="ignore"):
                    counts[load_spoilt(load, shape, labels)] += 1
            except BaseException:
                print(f"{name}: mutation {i} of seed {seed}", file=sys.stderr)
                raise
            slowest = max(slowest, perf_counter() - start)
    return counts, slowest


def main():
    parser = ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-n", type=int, default=2000, help="changed files of each format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=FORMATS, help="one format, in this process")
    arguments = parser.parse_args()
    if arguments.only:
        import resource  # which Windows lacks, where the tests load this file too

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        counts, slowest = fuzz(arguments.only, arguments.n, arguments.seed)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(
            f"{arguments.only}: {arguments.n} files, {counts['refused']} refused, "
            f"{counts['loaded']} loaded; slowest {slowest:.2f} s, memory grew by {grown:.0f} MB"
        )
        return int(slowest > SLOW)
    # a process for each: a crash is then one format's, and is seen
    command = [sys.executable, __file__, "-n", str(arguments.n), "--seed", str(arguments.seed)]
    return max(abs(subprocess.run([*command, "--only", name]).returncode) for name in FORMATS)


if __name__ == "__main__":
    sys.exit(main())
