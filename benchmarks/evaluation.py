"""What evaluate costs: two processes against one, and a second call that finds all folds kept.

Run ``python benchmarks/evaluation.py``; it prints seconds and ratios, and needs two free cores.
"""

import statistics
import tempfile
from time import perf_counter

from sklearn.pipeline import make_pipeline

from skmamba import MSiMambaClassifier, SlidingWindows, evaluate
from skmamba.datasets import simulate_trials

ROUNDS = 3


def seconds(**options):
    start = perf_counter()
    evaluate({"MS-iMamba": PIPE}, TRIALS, baselines=(), verbose=False, **options).scores
    return perf_counter() - start


TRIALS = simulate_trials(n_subjects=8, n_trials=40, n_times=1024)  # eight equal folds
PIPE = make_pipeline(
    SlidingWindows(window_size_samples=256), MSiMambaClassifier(max_epochs=20, random_state=0)
)


def main():
    seconds(n_jobs=2)  # workers start once and stay
    times = [(seconds(n_jobs=1), seconds(n_jobs=2)) for _ in range(ROUNDS)]
    one, two = map(statistics.median, zip(*times, strict=True))
    print(f"8 folds, n_jobs=1: {one:.1f} s; n_jobs=2: {two:.1f} s, {two / one:.2f} of it")
    with tempfile.TemporaryDirectory() as store:
        first, again = seconds(store=store), seconds(store=store)
    print(f"kept as they finish: {first:.1f} s; the same call again: {again:.2f} s")


if __name__ == "__main__":
    main()
