"""Anonymous memory of one fold of leave-one-subject-out over a large memory map.

Writes simulated trials of the given size to a file in a folder, fits the default pipeline on all
subjects but one, predicts that subject, and prints the largest memory of the process beyond what it
had before, without the pages of the map. One epoch: memory does not grow with further epochs.

A part of this memory is oneDNN's cache of convolutions that are compiled for each shape, by default
up to 1,024; the environment variable limits their number.

    python benchmarks/memory_map.py FOLDER --gigabytes 6
    ONEDNN_PRIMITIVE_CACHE_CAPACITY=64 python benchmarks/memory_map.py FOLDER --gigabytes 6
"""

import argparse
import threading
from pathlib import Path

import numpy as np
import pandas as pd
from measure import resident_bytes
from sklearn.pipeline import make_pipeline

from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows, Trials
from skmamba.datasets import simulate_trials

N_CHANNELS, N_TIMES, SFREQ, N_SUBJECTS = 32, 7680, 128.0, 32
CH_NAMES = ["Fp1", "Fp2", "F3", "F4", *(f"E{i}" for i in range(N_CHANNELS - 4))]


def write_map(path, n_trials):
    """Write simulated trials, and return them as a memory map."""
    shape = (n_trials, N_CHANNELS, N_TIMES)
    X = np.lib.format.open_memmap(path, mode="w+", dtype="float32", shape=shape)
    for row in range(n_trials):
        X[row] = simulate_trials(1, 1, N_CHANNELS, N_TIMES, SFREQ, random_state=row).X[0]
    X.flush()
    return np.load(path, mmap_mode="r")


def measure_peak(function):
    """Return the largest anonymous memory while a function runs, beyond that before it."""
    before, peak, done = resident_bytes("RssAnon"), [0], threading.Event()

    def watch():
        while not done.wait(0.02):
            peak[0] = max(peak[0], resident_bytes("RssAnon") - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        function()
    finally:
        done.set()
        watcher.join()
    return peak[0]


def main():
    """Print the size of the map, and the peak of a fold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder for the map, which is deleted again")
    parser.add_argument("--gigabytes", type=float, default=6.0)
    options = parser.parse_args()
    n_trials = int(options.gigabytes * 1e9 / (4 * N_CHANNELS * N_TIMES)) // N_SUBJECTS * N_SUBJECTS
    path = options.folder / "trials.npy"
    try:
        subject = np.arange(n_trials) * N_SUBJECTS // n_trials
        X, y = write_map(path, n_trials), np.arange(n_trials) % 2
        trials = Trials(X, y, pd.DataFrame({"subject": subject}), SFREQ, CH_NAMES)
        train, test = np.flatnonzero(subject > 0), np.flatnonzero(subject == 0)

        def run_fold(pipe, train):
            pipe.fit(trials[train], trials.y[train]).predict(trials[test])

        def make_pipe():
            clf = MSiMambaClassifier(max_epochs=1, random_state=0)
            return make_pipeline(ChannelPicker(CH_NAMES[:4]), SlidingWindows(2.0), clf)

        run_fold(make_pipe(), train[:4])  # libraries allocate memory once
        peak = measure_peak(lambda: run_fold(make_pipe(), train))
        print(f"map of {X.nbytes / 1e9:.1f} GB, {len(train)} training trials: {peak / 1e6:.0f} MB")
    finally:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
