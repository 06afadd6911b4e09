"""Killed at any moment, the same call goes on where it stopped."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.pipeline import make_pipeline

from skmamba import MSiMambaClassifier, SlidingWindows, evaluate
from skmamba.datasets import simulate_trials

TIMES = ["fit_seconds", "predict_seconds"]
N_MOMENTS = 20
N_FOLDS = 12
posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="SIGKILL and fork are of POSIX")


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Folder with the tables of calls that were killed once, and the story of each."""
    folder = tmp_path_factory.mktemp("killed")
    script = Path(__file__).with_name("killed_evaluation.py")
    subprocess.run([sys.executable, script, folder, str(N_MOMENTS)], check=True)
    return folder, json.loads((folder / "story.json").read_text())


def same_tables(one, other):
    for name in ("results.pkl", "predictions.pkl"):
        tables = [pd.read_pickle(folder / name) for folder in (one, other)]
        tables = [table.drop(columns=TIMES, errors="ignore") for table in tables]
        pd.testing.assert_frame_equal(*tables, check_exact=True)


@posix
def test_the_table_after_a_kill_is_that_of_an_undisturbed_call_bit_for_bit(killed):
    folder, _ = killed
    for moment in range(N_MOMENTS):
        same_tables(folder / "whole", folder / f"killed-{moment}")


@posix
def test_no_finished_fold_runs_again_after_a_kill(killed):
    _, story = killed
    for own in story:
        finished = min(own["kept"], N_FOLDS)  # the folds of the baseline come last
        assert own["begun"] == [str(fold) for fold in range(len(own["begun"]))]
        assert own["begun_after"] == [str(fold) for fold in range(finished, N_FOLDS)]


@posix
def test_kills_came_in_the_midst(killed):
    _, story = killed
    assert len({own["kept"] for own in story}) > 5
    assert sum(not own["ended"] for own in story) >= N_MOMENTS / 2


@posix
def test_what_a_kill_leaves_half_written_is_never_read(killed):
    folder, _ = killed
    for store in folder.glob("killed-*/store"):
        for record in store.glob("*.json"):
            json.loads(record.read_text())


def test_two_processes_share_a_store(tmp_path):
    code = (
        "import sys\n"
        "from sklearn.dummy import DummyClassifier\n"
        "from skmamba import evaluate, simulate_trials\n"
        "trials = simulate_trials(n_subjects=12, n_trials=4, n_times=64)\n"
        "model = {'guess': DummyClassifier(strategy='uniform')}\n"
        "results = evaluate(model, trials, store=sys.argv[1], progress=False)\n"
        "results.to_pickle(sys.argv[2])\n"
    )
    tables = [tmp_path / f"{name}.pkl" for name in ("one", "other", "alone")]
    stores = [tmp_path / "shared", tmp_path / "shared", tmp_path / "own"]
    processes = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", code, str(store), str(table)])
        for store, table in zip(stores, tables, strict=True)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    one, other, alone = (pd.read_pickle(table).drop(columns=TIMES) for table in tables)
    pd.testing.assert_frame_equal(one, alone, check_exact=True)
    pd.testing.assert_frame_equal(other, alone, check_exact=True)
    assert len(list((tmp_path / "shared").iterdir())) == len(list((tmp_path / "own").iterdir()))


@posix
def test_a_cluster_that_loses_a_worker_finishes_with_the_scores_of_one_process(tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs the extra 'dask'")
    trials = simulate_trials(n_subjects=6, n_trials=8, n_times=512)
    pipe = make_pipeline(
        SlidingWindows(window_size_samples=128), MSiMambaClassifier(n_members=1, max_epochs=10)
    )
    options = {"baselines": ["stratified"], "progress": False}
    serial = evaluate({"net": pipe}, trials, **options).scores
    killed = []
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        victim = next(iter(client.run(os.getpid).values()))

        def kill_after_the_first_fold():
            while not list(tmp_path.glob("*.json")):
                time.sleep(0.01)
            os.kill(victim, signal.SIGKILL)
            killed.append(len(list(tmp_path.glob("*.json"))))

        killer = threading.Thread(target=kill_after_the_first_fold, daemon=True)
        killer.start()
        with parallel_config(backend="dask"):
            results = evaluate({"net": pipe}, trials, cache_dir=tmp_path, **options).scores
        killer.join()
    assert killed[0] < 12  # in the midst
    assert results["error"].eq("").all()
    pd.testing.assert_frame_equal(
        serial.drop(columns=TIMES), results.drop(columns=TIMES), check_exact=True
    )
