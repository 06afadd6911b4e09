"""How fast DEAP is read, and how much memory that takes, next to ``np.load`` of the same bytes.

A file's bytes count as read whether or not they were: ``load_deap`` maps the file and touches the
wanted channels only, so its megabytes a second can exceed what the machine could move.

Writes invented files of full size (103 MB a subject) into a temporary folder and reads them in
a new process for each row. Run ``python benchmarks/loading.py --subjects 8`` (Linux only).
"""

import multiprocessing
import pickle
from argparse import ArgumentParser
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import pandas as pd

from skmamba.datasets import load_deap, write_fake_deap
from skmamba.datasets._safe_pickle import read_arrays


def load_npy(folder):
    """Keep four of the channels of each file, as float32, with the rest let go."""
    picked = [np.load(path)[:, [0, 16, 1, 17], 384:] for path in sorted(folder.glob("*.npy"))]
    return np.concatenate(picked).astype("float32")


def load_pickle(folder):
    picked = []
    for path in sorted(folder.glob("*.dat")):
        with path.open("rb") as file:
            data = pickle.load(file, encoding="latin1")["data"]
        picked.append(data[:, [0, 16, 1, 17], 384:].astype("float32"))
    return np.concatenate(picked)


ROWS = {
    "np.load, then pick": load_npy,
    "pickle.load, then pick": load_pickle,
    "load_deap, four channels": lambda folder: load_deap(folder).X,
    "load_deap, all of EEG": lambda folder: load_deap(folder, picks="all").X,
    "load_deap, making a cache": lambda folder: load_deap(folder, cache=folder / "cache").X,
    "load_deap, from the cache": lambda folder: load_deap(folder, cache=folder / "cache").X,
}


def resident_mb(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(key))


def measure(name, folder):
    """Seconds, megabytes added at the highest, and megabytes of the result."""
    load_deap(folder / "small")  # imports and first calls are not what is measured
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before, start = resident_mb("VmRSS"), perf_counter()
    X = ROWS[name](folder)
    return perf_counter() - start, resident_mb("VmHWM") - before, X.nbytes / 1e6


def main():
    """Write, measure, print."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=8)
    parser.add_argument("--folder", help="where the temporary folder is made")
    options = parser.parse_args()
    rows = []
    with TemporaryDirectory(dir=options.folder) as folder:
        folder = Path(folder)
        write_fake_deap(folder, n_subjects=options.subjects)
        write_fake_deap(folder / "small", n_subjects=1, n_trials=1, n_times=385)
        for path in folder.glob("*.dat"):
            np.save(path.with_suffix(".npy"), read_arrays(path, "arrays")["data"])
        read_mb = sum(path.stat().st_size for path in folder.glob("*.dat")) / 1e6
        for name in ROWS:
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                seconds, added, result = pool.submit(measure, name, folder).result()
            rows.append((name, seconds, read_mb / seconds, added, result))
    columns = ["", "seconds", "MB/s of source", "peak MB above start", "MB of result"]
    table = pd.DataFrame(rows, columns=columns).set_index("")
    print(f"{options.subjects} subjects, {read_mb:.0f} MB, files in the page cache\n")
    print(table.to_string(formatters=["{:.2f}".format, *["{:.0f}".format] * 3]))


if __name__ == "__main__":
    main()
