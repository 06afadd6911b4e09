"""Tests that an evaluation that is killed at any moment resumes from its cached folds."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import ExtraTreeClassifier

from skmamba import evaluate
from skmamba.datasets import simulate_trials
from skmamba.preprocessing import BandPower

TIMES = ["fit_seconds", "predict_seconds"]
N_KILLS = 8
N_FOLDS = 12
posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="requires SIGKILL and fork")
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="requires /proc")


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Folder with the results of calls that were killed once, and a summary of each call."""
    folder = tmp_path_factory.mktemp("killed")
    script = Path(__file__).with_name("killed_evaluation.py")
    subprocess.run([sys.executable, script, folder, str(N_KILLS)], check=True)
    return folder, json.loads((folder / "calls.json").read_text())


@posix
def test_results_after_a_kill_are_bitwise_those_of_an_undisturbed_call(killed):
    folder, _ = killed
    for path in folder.glob("killed-*/cache/*.json"):
        json.loads(path.read_text())  # every file is complete
    for kill in range(N_KILLS):
        for name in ("scores.pkl", "predictions.pkl"):
            tables = (
                pd.read_pickle(folder / run / name).drop(columns=TIMES, errors="ignore")
                for run in ("undisturbed", f"killed-{kill}")
            )
            pd.testing.assert_frame_equal(*tables, check_exact=True)


@posix
def test_no_finished_fold_is_fitted_again_after_a_kill(killed):
    _, calls = killed
    for own in calls:
        # The second fold is the first of the baseline, its others are the last.
        n_finished = min(own["n_cached"] - (own["n_cached"] > 1), N_FOLDS)
        assert own["begun"] == [str(fold) for fold in range(len(own["begun"]))]
        assert own["begun_after"] == [str(fold) for fold in range(n_finished, N_FOLDS)]


@posix
def test_kills_hit_running_evaluations(killed):
    _, calls = killed
    assert len({own["n_cached"] for own in calls}) > 4
    assert sum(not own["ended"] for own in calls) >= N_KILLS / 2


def test_two_processes_may_share_a_cache(tmp_path):
    trials = simulate_trials(n_subjects=12, n_trials=4, n_times=64)
    model = {"dummy": DummyClassifier(strategy="uniform")}
    options = {"random_state": 0, "scoring": "accuracy"}
    (tmp_path / "call.pkl").write_bytes(pickle.dumps((model, trials, options)))
    code = """
import pickle, sys
from pathlib import Path
from skmamba import evaluate
folder = Path(sys.argv[1])
model, trials, options = pickle.loads((folder / "call.pkl").read_bytes())
results = evaluate(model, trials, cache_dir=folder / "shared", verbose=False, **options)
results.scores.to_pickle(folder / sys.argv[2])
"""
    command = [sys.executable, "-W", "error", "-c", code, tmp_path]
    processes = [subprocess.Popen([*command, name]) for name in ("one", "two")]
    alone = evaluate(model, trials, cache_dir=tmp_path / "own", verbose=False, **options).scores
    assert [process.wait() for process in processes] == [0, 0]
    for name in ("one", "two"):
        scores = pd.read_pickle(tmp_path / name)
        expected = alone.drop(columns=TIMES)
        pd.testing.assert_frame_equal(scores.drop(columns=TIMES), expected, check_exact=True)
    assert len(list((tmp_path / "shared").iterdir())) == len(list((tmp_path / "own").iterdir()))


@linux
@pytest.mark.parametrize(
    ("call", "signal_number"),
    [
        (
            "evaluate({'model': Sleeps()}, simulate_trials(4, 4), n_jobs=2, verbose=False)",
            signal.SIGKILL,
        ),
        ("read_files(sleep, [(1,), (2,)], n_jobs=2, verbose=False, unit='file')", signal.SIGTERM),
    ],
    ids=["folds", "files"],
)
def test_workers_end_with_the_process_that_started_them(tmp_path, signal_number, call):
    code = (
        "import os, sys, time\n"
        "from sklearn.dummy import DummyClassifier\n"
        "from skmamba import evaluate\n"
        "from skmamba.datasets import simulate_trials\n"
        "from skmamba.datasets._io import read_files\n"
        "def sleep(number):\n"
        "    open(os.path.join(sys.argv[1], str(os.getpid())), 'w').close()\n"
        "    time.sleep(300)\n"
        "class Sleeps(DummyClassifier):\n"
        "    def fit(self, X, y):\n"
        "        sleep(0)\n"
        f"{call}\n"
    ).replace("sys.argv[1]", repr(str(tmp_path)))
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    process.send_signal(signal_number)
    process.wait()
    wait_until(lambda: not any(is_running(path.name) for path in tmp_path.iterdir()))


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def is_running(pid):
    """Return whether a process runs; an ended one may wait for a parent that reads its status."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@posix
@pytest.mark.parametrize("how_often", ["always", "once"])
def test_a_fold_whose_worker_is_killed_is_run_alone_and_the_others_go_on(
    numbered_trials, tmp_path, how_often
):
    class KillsItsWorker(DummyClassifier):
        def fit(self, X, y, sample_weight=None):
            if 1 not in X[:, 0, 0] and (how_often == "always" or not mark.exists()):
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().fit(X, y, sample_weight)

    mark = tmp_path / "mark"
    model = {"model": KillsItsWorker()}
    options = {"baselines": ["majority"], "scoring": "accuracy", "verbose": False}
    is_warned = pytest.warns(FitFailedWarning, match="1 of 8 fits failed.*unexpectedly terminated")
    with is_warned if how_often == "always" else nullcontext():
        results = evaluate(model, numbered_trials, n_jobs=2, **options)
    is_failed = results.scores["error"].str.contains("SIGKILL")
    assert is_failed.tolist() == [False, how_often == "always", *[False] * 6]
    assert results.scores["accuracy"].isna().tolist() == is_failed.tolist()
    if how_often == "always":
        with pytest.raises(RuntimeError, match="unexpectedly terminated"):
            two = numbered_trials.select("subject < 2")
            evaluate(model, two, n_jobs=2, error_score="raise", baselines=(), verbose=False)


@posix
def test_a_cluster_that_loses_a_worker_gives_the_scores_of_one_process(tmp_path):
    distributed = pytest.importorskip("distributed", reason="requires the extra 'dask'")
    main, trials = os.getpid(), simulate_trials(n_subjects=6, n_trials=8, n_times=256)

    def wait_in_workers(X):  # so that no worker has finished all folds before one is killed
        time.sleep(0.25 * (os.getpid() != main))
        return X

    pipe = make_pipeline(FunctionTransformer(wait_in_workers), BandPower(), ExtraTreeClassifier())
    options = {"baselines": ["stratified"], "random_state": 0, "verbose": False}
    options["scoring"] = "accuracy"
    serial = evaluate({"tree": pipe}, trials, **options).scores
    n_cached_at_kill = []
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        worker = next(iter(client.run(os.getpid).values()))

        def kill_after_the_first_folds():
            while not (any(tmp_path.glob("*.json")) and all(client.has_what().values())):
                time.sleep(0.01)  # until both workers have the data
            os.kill(worker, signal.SIGKILL)
            n_cached_at_kill.append(len(list(tmp_path.glob("*.json"))))

        killer = threading.Thread(target=kill_after_the_first_folds, daemon=True)
        killer.start()
        with parallel_config(backend="dask"):
            results = evaluate({"tree": pipe}, trials, cache_dir=tmp_path, **options)
        killer.join()
    assert n_cached_at_kill[0] < 12
    assert results.scores["error"].eq("").all()
    pd.testing.assert_frame_equal(
        serial.drop(columns=TIMES), results.scores.drop(columns=TIMES), check_exact=True
    )
