"""Load randomly damaged MATLAB files and count the outcomes.

``python benchmarks/fuzz_mat.py`` damages small files of each data set, reproducibly by a seed. Each
must load as trials of the right form or raise ``DataFormatError`` within ten seconds; anything
else ends with a non-zero status. The tests use the hostile files defined here.
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
HEADER_BYTES = 128
DOUBLES, TEXT, CELL, STRUCT = 6, 4, 1, 2
EDGES = (0, 1, 2, 7, 8, 9, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF)


OPTIONS = {"n_subjects": 1, "n_sessions": 1, "seconds": 0.05}


def write_dreamer(folder, compress):
    """Return a small file, a function that loads it, its shape and its labels."""
    options = {"n_subjects": 1, "n_films": 3, "seconds": 0.1, "baseline_seconds": 0.1}
    path = write_fake_dreamer(folder, compress=compress, **options)
    return path, lambda: load_dreamer(folder, seconds=0.1, baseline="subtract"), (3, 4, 13), {0, 1}


def write_seed(folder, compress):
    write_fake_seed(folder, compress=compress, **OPTIONS)
    path = Path(folder) / "1_20131027.mat"
    return path, lambda: load_seed(folder, seconds=0.05), (15, 4, 10), {-1, 0, 1}


def write_seed_iv(folder, compress):
    write_fake_seed_iv(folder, compress=compress, **OPTIONS)
    path = Path(folder) / "1/1_20160518.mat"
    return path, lambda: load_seed_iv(folder, seconds=0.05), (24, 4, 10), {0, 1, 2, 3}


FORMATS = {"dreamer": write_dreamer, "seed": write_seed, "seed-iv": write_seed_iv}


def header(version=0x0100, endian=b"IM"):
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", version) + endian


def element(kind, data, n_bytes=None):
    """Return an element; ``n_bytes`` is its declared length."""
    n_bytes = len(data) if n_bytes is None else n_bytes
    padding = bytes(-len(data) % 8) if kind != 15 else b""
    return struct.pack("<II", kind, n_bytes) + data + padding


def matrix(kind, shape, name, *parts, flags=0, n_bytes=None, dims_kind=5):
    """Return a matrix of any class, with any declared shape and length."""
    head = element(6, struct.pack("<II", kind | flags << 8, 0))
    head += element(dims_kind, struct.pack(f"<{len(shape)}i", *shape))
    head += element(1, name.encode())
    return element(14, head + b"".join(parts), n_bytes)


def numbers(shape, name="", kind=9, n_bytes=None):
    return matrix(DOUBLES, shape, name, element(kind, bytes(8 * math.prod(shape)), n_bytes))


def compress(part, n_bytes=None):
    return element(15, zlib.compress(part), n_bytes)


def make_bomb(start, n_blocks):
    """Compress ``start`` and 16 MiB of zeros per block, which take few bytes."""
    deflate = zlib.compressobj()
    first = deflate.compress(start) + deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(bytes(1 << 24)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return element(15, first + n_blocks * block)


def nested(depth, name):
    inner = numbers((1, 1))
    for i in range(depth):
        inner = matrix(CELL, (1, 1), name if i == depth - 1 else "", inner)
    return inner


def structure(name, fields, *parts, shape=(1, 1), width=32):
    names = b"".join(field.encode().ljust(max(width, 1), b"\0") for field in fields)
    small = struct.pack("<HHi", 5, 4, width)
    return matrix(STRUCT, shape, name, small, element(1, names), *parts)


@cache
def make_hostile_files(name):
    """Return files that declare the variable ``name``, by their defect."""
    big = 0x7FFFFFFF
    good = numbers((4, 3), name)
    # the start of 4 GiB of zeros, as a variable and as a part of one that is skipped
    start = matrix(DOUBLES, (1 << 14, 1 << 15), name, n_bytes=(1 << 32) - 8)
    long = start + struct.pack("<II", 9, (1 << 32) - 128)
    inside = structure(name, ["ECG"], struct.pack("<II", 14, (1 << 32) - 512))
    inside = struct.pack("<II", 14, (1 << 32) - 256) + inside[8:]
    files = {
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
    }
    variables = {
        "no such variable": numbers((4, 3), "other"),
        "the variable twice": good + good,
        "a variable without a name": numbers((4, 3), ""),
        "an element of an unknown type": element(77, bytes(64)),
        "a number at top level": element(9, bytes(64)),
        "a length beyond the file": good[:4] + struct.pack("<I", 1 << 30) + good[8:],
        "a length of nearly 4 GiB": good[:4] + struct.pack("<I", (1 << 32) - 1),
        "a length of 0": element(14, b""),
        "a variable that ends early": good[:-16],
        "half a tag": good + b"\x0e\0\0",
        "huge lengths": matrix(DOUBLES, (big, big), name, element(9, bytes(96))),
        "four huge lengths": matrix(DOUBLES, (big,) * 4, name, element(9, bytes(96))),
        "huge lengths and one 0": matrix(DOUBLES, (0, big, big), name, element(9, b"")),
        "a negative length": matrix(DOUBLES, (-4, -3), name, element(9, bytes(96))),
        "one length": matrix(DOUBLES, (12,), name, element(9, bytes(96))),
        "no lengths": matrix(DOUBLES, (), name, element(9, bytes(96))),
        "forty lengths": matrix(DOUBLES, (1,) * 40, name, element(9, bytes(8))),
        "data for another shape": matrix(DOUBLES, (5, 5), name, element(9, bytes(96))),
        "data longer than the variable": numbers((4, 3), name, n_bytes=1 << 20),
        "data of an unknown type": numbers((4, 3), name, kind=55),
        "no data": matrix(DOUBLES, (4, 3), name),
        "bytes after the data": matrix(DOUBLES, (4, 3), name, element(9, bytes(96)), bytes(8)),
        "bytes between tag and data": matrix(
            DOUBLES, (4, 3), name, bytes(8), element(9, bytes(96))
        ),
        "complex numbers": matrix(DOUBLES, (4, 3), name, *[element(9, bytes(96))] * 2, flags=8),
        "text for numbers": matrix(TEXT, (1, 4), name, element(16, b"text")),
        "text that is no text": matrix(TEXT, (1, 4), name, element(16, b"\xff" * 4)),
        "text longer than its shape": matrix(TEXT, (1, 2), name, element(16, b"abcd")),
        "text of many empty rows": matrix(TEXT, (big, 0), name, element(16, b"")),
        "an object": matrix(3, (1, 1), name, bytes(64)),
        "a sparse array": matrix(5, (4, 4), name, bytes(64)),
        "a function": matrix(16, (1, 1), name, good),
        "an opaque object": element(
            14,
            element(6, struct.pack("<II", 17, 0))
            + element(1, name.encode())
            + element(1, b"MCOS")
            + element(1, b"table"),
        ),
        "an unknown class": matrix(99, (1, 1), name, bytes(64)),
        "an object in a cell": matrix(CELL, (1, 1), name, matrix(3, (1, 1), "")),
        "a cell of nothing": matrix(CELL, (0, 0), name),
        "a cell of many": matrix(CELL, (big, 1), name),
        "a cell of many empty ones": compress(
            matrix(CELL, (1000, 1000), name, struct.pack("<II", 14, 0) * 1_000_000)
        ),
        "a cell with a number for a matrix": matrix(CELL, (1, 1), name, element(9, bytes(8))),
        "cells in cells": nested(2000, name),
        "cells in cells, compressed": compress(nested(3000, name)),
        "a struct of none": structure(name, []),
        "a struct of many": structure(name, [], shape=(big, 1)),
        "fields without names": structure(name, ["", ""], good, good),
        "two fields of one name": structure(name, ["Data", "Data"], good, good),
        "field names of length 0": structure(name, ["Data"], good, width=0),
        "field names of negative length": structure(name, ["Data"], good, width=-8),
        "a struct without its fields": structure(name, ["Data", "EEG"]),
        "a compressed element that is none": element(15, b"not compressed" * 9),
        "a compressed element cut short": compress(good)[:40],
        "a compressed element within another": compress(compress(good)),
        "a wrong checksum": element(15, zlib.compress(good)[:-4] + b"oops"),
        "a compressed empty element": compress(b""),
        "a bomb": make_bomb(long, 64),
        "a bomb in what is not wanted": make_bomb(inside, 256),
        "a bomb of names": compress(matrix(DOUBLES, (1, 1), "a" * (1 << 24), element(9, bytes(8)))),
        "a thousand and more variables": b"".join(numbers((1, 1), f"v{i}") for i in range(1200)),
    }
    return files | {defect: header() + data for defect, data in variables.items()}


def damage(data, rng):
    """Change bytes of a file, or bytes inside a compressed variable."""
    if rng.random() < 0.6:
        inner = damage_compressed(data, rng)
        if inner is not None:
            return inner
    return change_bytes(data, rng, HEADER_BYTES if rng.random() < 0.9 else 0)


def damage_compressed(data, rng):
    """Change bytes inside a compressed variable, so that its checksum is valid."""
    starts, start = [], HEADER_BYTES
    while start + 8 <= len(data):
        kind, n_bytes = struct.unpack("<II", data[start : start + 8])
        if kind == 15:
            starts.append((start, n_bytes))
        start += 8 + n_bytes
    if not starts:
        return None
    start, n_bytes = starts[rng.integers(len(starts))]
    inner = zlib.decompress(data[start + 8 : start + 8 + n_bytes])
    packed = zlib.compress(change_bytes(inner, rng, 0), 1)
    return data[:start] + struct.pack("<II", 15, len(packed)) + packed + data[start + 8 + n_bytes :]


def change_bytes(data, rng, first):
    """Flip, overwrite, delete, insert, truncate or copy bytes from ``first`` on."""
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


def load_damaged(load, shape, labels):
    """Return "loaded" or "rejected"; any other outcome is an AssertionError."""
    try:
        trials = load()
    except DataFormatError:
        return "rejected"
    except ValueError as error:  # a valid film that is now shorter
        assert str(error).startswith("seconds "), repr(error)
        return "rejected"
    assert trials.X.shape[1:] == shape[1:] and len(trials) <= shape[0], trials.X.shape
    assert trials.X.dtype == np.float32
    assert np.isfinite(trials.X).all()
    assert set(trials.y.tolist()) <= labels
    return "loaded"


def fuzz(name, n, seed):
    """Load ``n`` damaged files, half of them compressed; return counts and the slowest time."""
    counts, slowest = Counter(), 0.0
    with TemporaryDirectory() as folder:
        sources = []
        for compress_file in (False, True):
            path, *rest = FORMATS[name](Path(folder) / str(compress_file), compress_file)
            sources.append((path, path.read_bytes(), *rest))
            assert load_damaged(*rest) == "loaded"
        for i in range(n):
            path, data, *rest = sources[i % 2]
            path.write_bytes(damage(data, np.random.default_rng([seed, i])))
            start = perf_counter()
            try:
                with np.errstate(all="ignore"):
                    counts[load_damaged(*rest)] += 1
            except BaseException:
                print(f"{name}: file {i} of seed {seed}", file=sys.stderr)
                raise
            slowest = max(slowest, perf_counter() - start)
    return counts, slowest


def main():
    parser = ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-n", type=int, default=2000, help="damaged files of each format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=FORMATS, help="one format, in this process")
    options = parser.parse_args()
    if options.only:
        counts, slowest = fuzz(options.only, options.n, options.seed)
        print(f"{options.only}: {dict(counts)}, slowest {slowest:.2f} s")
        return int(slowest > SLOW)
    # one process per format, so that a crash is attributed to its format
    command = [sys.executable, __file__, "-n", str(options.n), "--seed", str(options.seed)]
    return max(abs(subprocess.run([*command, "--only", name]).returncode) for name in FORMATS)


if __name__ == "__main__":
    sys.exit(main())
