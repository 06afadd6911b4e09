"""Evaluation of twelve folds that is killed at random moments and called again.

Run as ``python killed_evaluation.py folder n_kills``. Each call is a fork, which costs no time for
imports. What the calls fitted and returned is written to the folder for the test.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from skmamba import evaluate
from skmamba.datasets import simulate_trials

N_SUBJECTS = 12


class NearestMean(ClassifierMixin, BaseEstimator):
    """Slow classifier that logs the subject that it is trained without when a fit begins."""

    def __init__(self, log="", seconds=0.03, random_state=None):
        self.log = log
        self.seconds = seconds
        self.random_state = random_state

    def fit(self, X, y):
        (missing,) = set(range(N_SUBJECTS)) - set(X[:, 0, 0].astype(int))
        with open(self.log, "a") as file:
            file.write(f"{missing}\n")
        time.sleep(self.seconds)
        noise = np.random.default_rng(self.random_state).normal(size=X.shape[1:])
        self.classes_ = np.unique(y)
        self.means_ = np.stack([X[y == label].mean(0) + noise for label in self.classes_])
        return self

    def predict_proba(self, X):
        distance = np.square(X[:, None] - self.means_).mean((2, 3))
        return distance / distance.sum(1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(1)]


def call(folder):
    """Call evaluate once and save its results."""
    trials = simulate_trials(N_SUBJECTS, n_trials=4, n_times=64)
    trials.X[:, 0, 0] = trials.metadata["subject"]
    results = evaluate(
        {"nearest mean": NearestMean(str(folder / "log"))},
        trials,
        baselines=["stratified"],
        cache_dir=folder / "cache",
        random_state=0,
        verbose=False,
    )
    results.scores.to_pickle(folder / "scores.pkl")
    results.predictions.to_pickle(folder / "predictions.pkl")


def call_in_a_fork(folder, killed_after=None):
    """Call it in a forked process; return whether it ended by itself."""
    process = os.fork()
    if not process:
        call(folder)
        os._exit(0)
    if killed_after is not None:
        time.sleep(killed_after)
        os.kill(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1] == 0


def main(folder, n_kills):
    """Kill and call again; save for each kill which folds were fitted and cached."""
    rng = random.Random(0)
    for name in ("warm-up", "undisturbed"):
        (folder / name).mkdir()
    call(folder / "warm-up")  # hashes the package once, as it may be edited during the test
    start = time.perf_counter()
    assert call_in_a_fork(folder / "undisturbed")
    duration = time.perf_counter() - start
    calls = []
    for kill in range(n_kills):
        own = folder / f"killed-{kill}"
        own.mkdir()
        (own / "log").touch()
        # One random moment in each part of the duration, so that all phases are covered.
        ended = call_in_a_fork(own, killed_after=duration * (kill + rng.random()) / n_kills)
        begun = (own / "log").read_text().split()
        n_cached = len(list((own / "cache").glob("*.json")))
        assert call_in_a_fork(own)
        begun_after = (own / "log").read_text().split()[len(begun) :]
        calls.append(
            {"ended": ended, "begun": begun, "n_cached": n_cached, "begun_after": begun_after}
        )
    (folder / "calls.json").write_text(json.dumps(calls))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
