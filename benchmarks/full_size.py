"""Time and memory of leave-one-subject-out on full-size data sets, extrapolated from small fits.

One fold is measured on few simulated trials of the real length, at the defaults, in two processes
of one thread that run at the same time, as ``evaluate(..., n_jobs=2)`` runs them. Time and memory
are linear in the number of windows. ``benchmarks/speed.py`` writes the table.
"""

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np
import torch
from measure import in_fresh_process, peak_bytes, resident_bytes
from sklearn.pipeline import make_pipeline

from skmamba import MSiMambaClassifier, SlidingWindows
from skmamba.datasets import simulate_trials

# Subjects, trials per subject, seconds, sampling frequency, channels: defaults of the loaders.
DATASETS = {
    "DEAP": (32, 40, 60, 128, (4, 32)),
    "DREAMER": (23, 18, 60, 128, (4, 14)),
    "SEED": (15, 45, 180, 200, (4, 62)),
}
WINDOW = 2.0
# Memory grows with X as with the default network, in a fraction of the time.
SMALL_NETWORK = {"n_members": 1, "embedding": "inverted", "module_params": {"use_mstb": False}}


def simulate(n_bytes, n_chans, seconds, sfreq):
    """Return trials of about that many bytes in total, and labels."""
    n_times = int(seconds * sfreq)
    n_trials = max(4, int(n_bytes / (4 * n_chans * n_times)))
    trials = simulate_trials(1, n_trials, n_chans, n_times, sfreq)
    return trials.X, trials.y


def fit(X, y, sfreq, **params):
    """Return a fitted pipeline."""
    classifier = MSiMambaClassifier(random_state=0, **params)
    return make_pipeline(SlidingWindows(WINDOW, sfreq=sfreq), classifier).fit(X, y)


def cost_of_trials(n_chans, seconds, sfreq):
    """Return seconds per trial of an epoch, of the rest of fit and of predict, and peak memory."""
    torch.set_num_threads(1)
    X, y = simulate(2e6 if n_chans < 10 else 2e7, n_chans, seconds, sfreq)
    fit(X[:2], [0, 1], sfreq, max_epochs=1)  # warm-up
    start = perf_counter()
    fit(X, y, sfreq, max_epochs=1)
    after_one = perf_counter()
    pipe = fit(X, y, sfreq, max_epochs=3)
    after_three = perf_counter()
    pipe.predict(X)
    one, three, predict = np.diff([start, after_one, after_three, perf_counter()])
    epoch = (three - one) / 2
    memory = resident_bytes() + peak_bytes(lambda: fit(X, y, sfreq, max_epochs=1), repeats=1)
    return np.array([epoch, max(one - epoch, 0), predict]) / len(X), memory


def growth_of_memory(n_chans, seconds, sfreq):
    """Return by how many bytes the peak memory of fit grows with each byte of X."""
    torch.set_num_threads(1)
    X, y = simulate(2e8, n_chans, seconds, sfreq)
    half = len(X) // 2
    peaks = [
        peak_bytes(lambda n=n: fit(X[:n], y[:n], sfreq, max_epochs=1, **SMALL_NETWORK), repeats=1)
        for n in (half, len(X))
    ]
    return (peaks[1] - peaks[0]) / X[half:].nbytes


def extrapolate(name, n_chans):
    """Return a row of the table."""
    n_subjects, n_per_subject, *recording, _ = DATASETS[name]
    seconds, sfreq = recording
    with ThreadPoolExecutor(2) as pool:  # each thread waits for a process
        runs = [
            pool.submit(in_fresh_process, cost_of_trials, n_chans, *recording) for _ in range(2)
        ]
        costs, memory = zip(*(run.result() for run in runs), strict=True)
    epoch, rest, predict = np.mean(costs, axis=0)
    n_train = (n_subjects - 1) * n_per_subject
    fold = n_train * (MSiMambaClassifier().max_epochs * epoch + rest) + n_per_subject * predict
    # A fold copies its training trials.
    growth = 1 + in_fresh_process(growth_of_memory, n_chans, *recording)
    n_bytes = 4 * n_chans * seconds * sfreq
    return {
        "data": f"{name}, {n_subjects} x {n_per_subject} trials of {seconds} s",
        "channels": n_chans,
        "one fold, minutes": f"{fold / 60:.0f}",
        "all folds on 2 cores, hours": f"{n_subjects * fold / 2 / 3600:.1f}",
        "X, GB": f"{1e-9 * n_subjects * n_per_subject * n_bytes:.2f}",
        "each process, GB": f"{1e-9 * (max(memory) + growth * n_train * n_bytes):.1f}",
    }


def full_size():
    """Return a row for each data set and number of channels."""
    return [extrapolate(name, n) for name, (*_, sizes) in DATASETS.items() for n in sizes]
