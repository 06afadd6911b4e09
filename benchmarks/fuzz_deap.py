"""Load randomly damaged DEAP files and count the outcomes.

Each file must load as trials of the right form or raise ``DataFormatError``, and nothing in it may
be executed, which Python's audit events show. Run ``python benchmarks/fuzz_deap.py --n 2000``; a
seed reproduces the files.
"""

import resource
import sys
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from tqdm import trange

from skmamba.datasets import DataFormatError, load_deap, write_fake_deap

EVENTS = ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen")
PIECES = [
    b"cos\nsystem\n", b"cposix\nsystem\nU\x04true\x85R", b"(U\x04trueios\nsystem\n",
    b"cbuiltins\neval\n", b"cnumpy\nload\n", b"cnumpy\ndtype\n", b"cnumpy\nndarray\n",
    b"c_codecs\nencode\n", b"cnumpy.core.multiarray\n_reconstruct\n", b"\x8c\x02os\x8c\x06system",
    b"\x93", b"R", b"b", b"\x81", b"\x92", b"o", b"P1\n", b"Q", b"\x82\x01", b"\x84\1\0\0\0",
    b"T\xff\xff\xff\x7f", b"B\xff\xff\xff\xff", b"\x8e" + b"\xff" * 8, b"\x8b\xff\xff\xff\x7f",
    b"\x95" + b"\xff" * 8, b"r\xff\xff\xff\xff", b"j\xff\xff\xff\xff", b"q\x01", b"h\x01", b"h\x0d",
    b"(", b")", b"}", b"]", b"t", b"u", b"s", b"N", b"\x85", b"\x86", b"\x87", b"\x94", b".",
    b")" + b"\x85" * 5000, b"(" * 5000, b"K\x01" + b"q\x00h\x00\x86" * 400, b"U\x02O8", b"U\x02V8",
    b"J\xff\xff\xff\x7f", b"J\xff\xff\xff\xff", b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"\x80\x05",
]  # fmt: skip


def damage(data, rng):
    """Return the data with one to four changes, most of them where opcodes are."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        size = len(data)
        end = min(size, 450) if rng.random() < 0.8 else size
        place = int(rng.integers(end)) if size else 0
        length = int(rng.integers(1, 30))
        piece = PIECES[rng.integers(len(PIECES))]
        match rng.integers(8):
            case 0 if size:
                data[place] ^= 1 << int(rng.integers(8))
            case 1 if size:
                data[place] = rng.integers(256)
            case 2:
                data[place:place] = piece
            case 3:
                data[place : place + len(piece)] = piece
            case 4:
                del data[place : place + length]
            case 5:
                source = int(rng.integers(max(1, size - length)))
                data[place:place] = data[source : source + length]
            case 6 if rng.random() < 0.3:
                del data[place:]
            case 7:
                data += piece
    return bytes(data)


def load(folder, name):
    """Return the outcome of loading a damaged file."""
    try:
        trials = load_deap(folder)
    except DataFormatError as error:
        return "rejected" if name in str(error) else "REJECTED WITHOUT A NAME"
    except Exception as error:
        return f"UNEXPECTED {type(error).__name__}: {error}"
    valid = trials.X.shape[1] == 4 and np.isfinite(trials.X).all()
    return "loaded" if valid else "LOADED IN A WRONG FORM"


def main():
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=2000, help="number of damaged files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--matlab", action="store_true", help="damage s01.mat instead of s01.dat")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    counts, seconds, events = Counter(), [], []
    sys.addaudithook(lambda event, _: events.append(event) if event in EVENTS else None)
    with TemporaryDirectory() as folder:
        write_fake_deap(folder, n_subjects=1, n_trials=1, n_times=388, matlab=options.matlab)
        (path,) = Path(folder).iterdir()
        data = path.read_bytes()
        load_deap(folder)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in trange(options.n, unit="file"):
            path.write_bytes(damage(data, rng))
            start = perf_counter()
            counts[load(folder, path.name)] += 1
            seconds.append(perf_counter() - start)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(*(f"{n} {outcome}" for outcome, n in counts.most_common()), sep="\n")
    print(f"{len(events)} audit events {sorted(set(events))}")
    print(f"slowest call {1000 * max(seconds):.1f} ms, peak memory {peak:.0f} MB above start")
    if set(counts) - {"loaded", "rejected"} or events or max(seconds) > 10:
        sys.exit("A file was not handled correctly.")


if __name__ == "__main__":
    main()
