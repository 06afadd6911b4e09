"""An evaluation of twelve folds that is killed at random moments and called again.

Run as ``python killed_evaluation.py folder n_moments``. It forks for every call, so that a moment
costs no time to import; what the calls started and gave is left in the folder for the test.
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
    """Slow on purpose; notes which subject it is trained without when a fit begins."""

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
    """Call evaluate once, and leave its tables."""
    trials = simulate_trials(N_SUBJECTS, n_trials=4, n_times=64)
    trials.X[:, 0, 0] = trials.metadata["subject"]
    evaluated = evaluate(
        {"nearest mean": NearestMean(str(folder / "log"))},
        trials,
        baselines=["stratified"],
        cache_dir=folder / "store",
        verbose=False,
    )
    results, predictions = evaluated.scores, evaluated.predictions
    results.to_pickle(folder / "results.pkl")
    predictions.to_pickle(folder / "predictions.pkl")


def call_in_a_fork(folder, killed_after=None):
    """Call it in a process of its own; return whether it ended by itself."""
    process = os.fork()
    if not process:
        call(folder)
        os._exit(0)
    if killed_after is not None:
        time.sleep(killed_after)
        os.kill(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1] == 0


def main(folder, n_moments):
    """Kill and call again; tell for each moment what was finished and what began after it."""
    rng = random.Random(0)
    for name in ("warm-up", "whole"):
        (folder / name).mkdir()
        start = time.perf_counter()
        assert call_in_a_fork(folder / name)
        duration = time.perf_counter() - start
    story = []
    for moment in range(n_moments):
        own = folder / f"killed-{moment}"
        own.mkdir()
        (own / "log").touch()
        # A moment of each part of the duration, so that early and late ones are all there.
        ended = call_in_a_fork(own, killed_after=duration * (moment + rng.random()) / n_moments)
        begun = (own / "log").read_text().split()
        store = own / "store"
        kept = len(list(store.glob("*.json"))) if store.exists() else 0
        assert call_in_a_fork(own)
        begun_after = (own / "log").read_text().split()[len(begun) :]
        story.append({"ended": ended, "begun": begun, "kept": kept, "begun_after": begun_after})
    (folder / "story.json").write_text(json.dumps(story))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
