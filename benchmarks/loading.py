"""Time and memory of loading DEAP, compared with ``np.load`` of the same bytes.

The rate counts all bytes of a file: ``load_deap`` maps the file and reads only the picked channels,
so that its rate can exceed that of the memory. Synthetic files of full size (103 MB a subject) are
loaded in a new process for each row. Run ``python benchmarks/loading.py --subjects 8`` (Linux).
"""

import pickle
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import pandas as pd
from measure import in_fresh_process, resident_bytes

from skmamba.datasets import load_deap, write_fake_deap


def load_npy(folder):
    """Return four channels of each file as float32."""
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
    "load_deap, all EEG channels": lambda folder: load_deap(folder, picks="all").X,
    "load_deap, writing a cache": lambda folder: load_deap(folder, cache=folder / "cache").X,
    "load_deap, from the cache": lambda folder: load_deap(folder, cache=folder / "cache").X,
}


def load_once(name, folder):
    """Return seconds, peak memory above the start, and size of the result, both in megabytes."""
    load_deap(folder / "small")  # imports and first calls are not measured
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before, start = resident_bytes(), perf_counter()
    X = ROWS[name](folder)
    seconds, peak = perf_counter() - start, resident_bytes("VmHWM")
    return seconds, (peak - before) / 1e6, X.nbytes / 1e6


def main():
    """Measure each row and print the table."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=8)
    parser.add_argument("--folder", help="parent of the temporary folder")
    options = parser.parse_args()
    rows = []
    with TemporaryDirectory(dir=options.folder) as folder:
        folder = Path(folder)
        write_fake_deap(folder, n_subjects=options.subjects)
        write_fake_deap(folder / "small", n_subjects=1, n_trials=1, n_times=385)
        for path in folder.glob("*.dat"):
            with path.open("rb") as file:
                np.save(path.with_suffix(".npy"), pickle.load(file, encoding="latin1")["data"])
        read_mb = sum(path.stat().st_size for path in folder.glob("*.dat")) / 1e6
        for name in ROWS:
            seconds, added, result = in_fresh_process(load_once, name, folder)
            rows.append((name, seconds, read_mb / seconds, added, result))
    columns = ["", "seconds", "MB/s of source", "peak MB above start", "MB of result"]
    table = pd.DataFrame(rows, columns=columns).set_index("")
    print(f"{options.subjects} subjects, {read_mb:.0f} MB, files in the page cache\n")
    print(table.to_string(formatters=["{:.2f}".format, *["{:.0f}".format] * 3]))


if __name__ == "__main__":
    main()
