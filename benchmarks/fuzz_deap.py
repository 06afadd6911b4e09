"""Damage files of DEAP at random and count what ``load_deap`` makes of them.

Every file must be refused with ``DataFormatError``, or load as trials of the right form; nothing
in it may run. Python's audit events tell whether anything tried. Run
``python benchmarks/fuzz_deap.py --n 2000``; a seed gives the same files again.
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

N_TIMES = 384 + 4
ALARMS = ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen")
PIECES = [
    *(b"cos\nsystem\n", b"cposix\nsystem\nU\x04true\x85R", b"(U\x04trueios\nsystem\n"),
    *(b"cbuiltins\neval\n", b"cnumpy\nload\n", b"cnumpy\ndtype\n", b"cnumpy\nndarray\n"),
    *(
        b"c_codecs\nencode\n",
        b"cnumpy.core.multiarray\n_reconstruct\n",
        b"\x8c\x02os\x8c\x06system",
    ),
    *(b"\x93", b"R", b"b", b"\x81", b"\x92", b"o", b"P1\n", b"Q", b"\x82\x01", b"\x84\1\0\0\0"),
    *(b"T\xff\xff\xff\x7f", b"B\xff\xff\xff\xff", b"\x8e" + b"\xff" * 8, b"\x8b\xff\xff\xff\x7f"),
    *(
        b"\x95" + b"\xff" * 8,
        b"r\xff\xff\xff\xff",
        b"j\xff\xff\xff\xff",
        b"q\x01",
        b"h\x01",
        b"h\x0d",
    ),
    *(b"(", b")", b"}", b"]", b"t", b"u", b"s", b"N", b"\x85", b"\x86", b"\x87", b"\x94", b"."),
    *(
        b")" + b"\x85" * 5000,
        b"(" * 5000,
        b"K\x01" + b"q\x00h\x00\x86" * 400,
        b"U\x02O8",
        b"U\x02V8",
    ),
    *(b"J\xff\xff\xff\x7f", b"J\xff\xff\xff\xff", b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"\x80\x05"),
]


def damage(sound, rng):
    """One to four changes, most of them where the file is no mere row of numbers."""
    content = bytearray(sound)
    for _ in range(rng.integers(1, 5)):
        size = len(content)
        near_start = rng.random() < 0.8
        place = int(rng.integers(min(size, 450) if near_start else size)) if size else 0
        length = int(rng.integers(1, 30))
        piece = PIECES[rng.integers(len(PIECES))]
        kind = rng.choice(["bit", "byte", "insert", "replace", "delete", "copy", "cut", "extend"])
        if kind == "bit" and size:
            content[place] ^= 1 << int(rng.integers(8))
        elif kind == "byte" and size:
            content[place] = rng.integers(256)
        elif kind == "insert":
            content[place:place] = piece
        elif kind == "replace":
            content[place : place + len(piece)] = piece
        elif kind == "delete":
            del content[place : place + length]
        elif kind == "copy":
            source = int(rng.integers(max(1, size - length)))
            content[place:place] = content[source : source + length]
        elif kind == "cut" and rng.random() < 0.3:
            del content[place:]
        elif kind == "extend":
            content += piece
    return bytes(content)


def main():
    """Damage, load, count."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=2000, help="number of damaged files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--matlab", action="store_true", help="damage s01.mat, not s01.dat")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    counts, seconds, alarms = Counter(), [], []
    sys.addaudithook(lambda event, _: alarms.append(event) if event in ALARMS else None)
    with TemporaryDirectory() as folder:
        size = {"n_subjects": 1, "n_trials": 1, "n_times": N_TIMES, "matlab": options.matlab}
        write_fake_deap(folder, **size)
        (path,) = Path(folder).iterdir()
        sound = path.read_bytes()
        load_deap(folder)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in trange(options.n, unit="file"):
            path.write_bytes(damage(sound, rng))
            start = perf_counter()
            try:
                trials = load_deap(folder)
                of_form = trials.X.shape[1] == 4 and np.isfinite(trials.X).all()
                counts["loaded" if of_form else "LOADED IN A WRONG FORM"] += 1
            except DataFormatError as error:
                counts["refused" if path.name in str(error) else "REFUSED WITHOUT A NAME"] += 1
            except Exception as error:
                counts[f"ESCAPED {type(error).__name__}: {error}"] += 1
            seconds.append(perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(*(f"{n} {what}" for what, n in counts.most_common()), sep="\n")
    print(f"{len(alarms)} attempts to run something {sorted(set(alarms))}")
    print(
        f"slowest call {1000 * max(seconds):.1f} ms, peak memory {peak / 1024:.0f} MB above start"
    )
    if set(counts) - {"loaded", "refused"} or alarms or max(seconds) > 10:
        sys.exit("Something went wrong.")


if __name__ == "__main__":
    main()
