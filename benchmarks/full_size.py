"""Time and memory of leave-one-subject-out on full-size data sets, extrapolated from small fits.

One fold is measured on few simulated trials of the real length, at the defaults, in two processes
of one thread that run at the same time, as ``evaluate(..., n_jobs=2)`` runs them. Time and memory
are linear in the number of windows. Rows of Trials are not copied, and processes share X.
``benchmarks/speed.py`` writes the table.
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
# Its memory grows with X like that of the default network; it is faster.
SMALL_NETWORK = {"embedding": "inverted", "module_params": {"use_mstb": False}}


def simulate(n_bytes, n_chans, seconds, sfreq):
    """Return trials of about the given number of bytes in total."""
    n_times = int(seconds * sfreq)
    n_trials = max(4, int(n_bytes / (4 * n_chans * n_times)))
    return simulate_trials(1, n_trials, n_chans, n_times, sfreq)


def fit(trials, **params):
    """Return a pipeline, fitted for one epoch by default."""
    classifier = MSiMambaClassifier(random_state=0, **{"max_epochs": 1, **params})
    return make_pipeline(SlidingWindows(WINDOW), classifier).fit(trials, trials.y)


def cost_of_trials(n_chans, seconds, sfreq):
    """Return seconds per trial of an epoch, of the rest of fit and of predict, and peak memory."""
    torch.set_num_threads(1)
    trials = simulate(2e6 if n_chans < 10 else 2e7, n_chans, seconds, sfreq)
    fit(trials[:2])  # warm-up
    start = perf_counter()
    fit(trials)
    after_one = perf_counter()
    pipe = fit(trials, max_epochs=3)
    after_three = perf_counter()
    pipe.predict(trials)
    one, three, predict = np.diff([start, after_one, after_three, perf_counter()])
    epoch = (three - one) / 2
    memory = resident_bytes() - trials.X.nbytes + peak_bytes(lambda: fit(trials), repeats=1)
    return np.array([epoch, max(one - epoch, 0), predict]) / len(trials), memory


def growth_of_memory(n_chans, seconds, sfreq):
    """Return by how many bytes the peak memory of fit grows with each byte of X."""
    torch.set_num_threads(1)
    trials = simulate(2e8, n_chans, seconds, sfreq)
    half = len(trials) // 2
    peaks = [
        peak_bytes(lambda n=n: fit(trials[:n], **SMALL_NETWORK), repeats=1)
        for n in (half, len(trials))
    ]
    return max((peaks[1] - peaks[0]) / trials.X[half:].nbytes, 0)


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
    n_epochs = MSiMambaClassifier()._count_epochs(n_train * int(seconds / WINDOW))
    fold = n_train * (n_epochs * epoch + rest) + n_per_subject * predict
    growth = in_fresh_process(growth_of_memory, n_chans, *recording)
    n_bytes = 4 * n_chans * seconds * sfreq
    return {
        "data": f"{name}, {n_subjects} x {n_per_subject} trials of {seconds} s",
        "channels": n_chans,
        "one fold, minutes": f"{fold / 60:.0f}",
        "all folds on 2 cores, hours": f"{n_subjects * fold / 2 / 3600:.1f}",
        "X, GB": f"{1e-9 * n_subjects * n_per_subject * n_bytes:.2f}",
        "each process beyond X, GB": f"{1e-9 * (max(memory) + growth * n_train * n_bytes):.1f}",
    }


def full_size():
    """Return a row for each data set and number of channels."""
    return [extrapolate(name, n) for name, (*_, sizes) in DATASETS.items() for n in sizes]
