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

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from skmamba import evaluate
from skmamba.datasets import simulate_trials

N_SUBJECTS = 12


class Slow(DecisionTreeClassifier):
    """Slow classifier that logs the subject that it is trained without when a fit begins."""

    def __init__(self, log="", random_state=None):
        super().__init__(splitter="random", max_depth=1, random_state=random_state)
        self.log = log

    def fit(self, X, y, sample_weight=None, check_input=True):
        (missing,) = set(range(N_SUBJECTS)) - set(X[:, 0].astype(int))
        with open(self.log, "a") as file:
            file.write(f"{missing}\n")
        time.sleep(0.03)
        return super().fit(X, y)


def flatten(X):
    return X.reshape(len(X), -1)


def call(folder):
    """Call evaluate once and save its results."""
    trials = simulate_trials(N_SUBJECTS, n_trials=4, n_times=64)
    trials.X[:, 0, 0] = trials.metadata["subject"]
    results = evaluate(
        {"slow": make_pipeline(FunctionTransformer(flatten), Slow(str(folder / "log")))},
        trials,
        baselines=["stratified"],
        scoring="accuracy",
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
