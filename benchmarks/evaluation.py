"""Time of evaluate: two processes against one, and a second call with all folds cached.

Run ``python benchmarks/evaluation.py`` on two free cores; it prints seconds and ratios.
"""

import tempfile
from argparse import ArgumentParser
from statistics import median
from time import perf_counter

from sklearn.pipeline import make_pipeline

from skmamba import MSiMambaClassifier, SlidingWindows, evaluate
from skmamba.datasets import simulate_trials


def main():
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20, help="training epochs")
    parser.add_argument("--repeats", type=int, default=3, help="measurements, of which the median")
    options = parser.parse_args()
    trials = simulate_trials(n_subjects=8, n_trials=40, n_times=1024)  # eight equal folds
    pipe = make_pipeline(
        SlidingWindows(2.0, sfreq=128), MSiMambaClassifier(max_epochs=options.epochs)
    )

    def measure(**params):
        start = perf_counter()
        params = {"baselines": (), "random_state": 0, "error_score": "raise", **params}
        evaluate({"MS-iMamba": pipe}, trials, verbose=False, **params)
        return perf_counter() - start

    measure(n_jobs=2)  # starts the workers
    times = [(measure(n_jobs=1), measure(n_jobs=2)) for _ in range(options.repeats)]
    one, two = map(median, zip(*times, strict=True))
    print(f"8 folds, n_jobs=1: {one:.1f} s; n_jobs=2: {two:.1f} s, ratio {two / one:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        first, second = measure(cache_dir=folder), measure(cache_dir=folder)
    print(f"with cache_dir: first call {first:.1f} s; second call {second:.2f} s")


if __name__ == "__main__":
    main()
