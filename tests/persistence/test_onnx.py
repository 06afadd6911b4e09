import builtins
import copy
import json
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skmamba import BraindecodeClassifier, ChannelPicker, MSiMambaClassifier, SlidingWindows
from skmamba.datasets import simulate_trials
from skmamba.persistence import _onnx, to_onnx
from skmamba.preprocessing import EuclideanAlignment

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

TINY = {"d_model": 8, "d_hidden": 4, "n_kernels": 2, "max_epochs": 1, "random_state": 0}
TINY.update(n_members=1, period_selection="fixed")
FAST = {**TINY, "mixer": "none", "use_mstb": False}  # a graph of little more than the ends


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=2, n_trials=6, n_channels=4, n_times=100)


def run(path, windows):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"windows": windows})[0]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_members": 2, "embedding": "inverted", "head": "mean", "bidirectional": False},
        {"embedding": "normal", "bidirectional": False},
        {"mixer": "attention", "scaling": "standard", "dtype": "float64"},
        {"mixer": "none", "scaling": "window", "voting": "hard"},
        {"use_mstb": False, "mixer": "none", "scaling": None, "period_selection": "window"},
    ],
    ids=repr,
)
def test_the_graph_gives_the_probabilities_of_raw_windows(params, trials, tmp_path):
    clf = MSiMambaClassifier(**{**TINY, **params}).fit(trials.X, trials.y)
    path = to_onnx(clf, tmp_path / "model.onnx")
    X = trials.X.copy()
    if clf.scaling in ("robust", "window"):
        X[0, 1] = 1e6  # to be clipped; and without variance, by which nothing can be divided
    expected = copy.copy(clf).set_params(voting="soft").predict_proba(X)
    np.testing.assert_allclose(run(path, X), expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(run(path, X[3:4]), expected[3:4], rtol=0, atol=1e-5)
    assert os.listdir(tmp_path) == ["model.onnx"]


def test_the_graph_begins_behind_the_steps_and_says_what_it_wants(trials, tmp_path):
    labels = np.array(["rest", "task"])[trials.y]
    picker = ChannelPicker(["F4", "Fp1"], ch_names=trials.ch_names)
    pipe = make_pipeline(picker, SlidingWindows(window_size_samples=50), MSiMambaClassifier(**FAST))
    path = to_onnx(pipe.fit(trials.X, labels), tmp_path / "model.onnx", trials=trials)
    graph = onnx.load(path)
    assert b".py" not in path.read_bytes()  # nothing of the machine that made it
    facts = {entry.key: json.loads(entry.value) for entry in graph.metadata_props}
    assert facts == {
        "classes": ["rest", "task"],
        "ch_names": ["F4", "Fp1"],
        "sfreq": 128.0,
        "n_chans": 2,
        "n_times": 50,
        "voting": "soft",
    }
    windows = pipe[:-1].transform(trials.X).reshape(-1, 2, 50)
    votes = run(path, windows).reshape(12, 2, 2).mean(1)
    np.testing.assert_allclose(votes, pipe.predict_proba(trials.X), rtol=0, atol=1e-5)


def test_the_wanted_opset_is_that_of_the_graph(trials, tmp_path):
    clf = MSiMambaClassifier(**FAST).fit(trials.X, trials.y)
    graph = onnx.load(to_onnx(clf, tmp_path / "new.onnx", opset=20))
    assert [entry.version for entry in graph.opset_import if not entry.domain] == [20]
    with pytest.raises(ValueError, match="opset must be a whole number of at least 18, got 11"):
        to_onnx(clf, tmp_path / "old.onnx", opset=11)


def test_a_network_of_braindecode_goes_into_a_graph(trials, tmp_path):
    pytest.importorskip("braindecode")
    clf = BraindecodeClassifier("ShallowFBCSPNet", max_epochs=1, random_state=0)
    path = to_onnx(clf.fit(trials.X, trials.y), tmp_path / "model.onnx")
    np.testing.assert_allclose(run(path, trials.X), clf.predict_proba(trials.X), rtol=0, atol=1e-5)


def test_windows_that_are_repeated_for_a_network_are_repeated_in_the_graph(trials, tmp_path):
    pytest.importorskip("braindecode")
    X = trials.X[..., :30]
    clf = BraindecodeClassifier("ShallowFBCSPNet", max_epochs=1, random_state=0)
    with pytest.warns(UserWarning, match="repeated end to end"):
        clf.fit(X, trials.y)
        path = to_onnx(clf, tmp_path / "model.onnx")
    np.testing.assert_allclose(run(path, X), clf.predict_proba(X), rtol=0, atol=1e-5)


def test_periods_of_each_window_are_no_graph(trials, tmp_path):
    clf = MSiMambaClassifier(**{**TINY, "period_selection": "window"}).fit(trials.X, trials.y)
    with pytest.raises(ValueError, match="fit the classifier again with period_selection='fixed'"):
        to_onnx(clf, tmp_path / "model.onnx")
    assert not os.listdir(tmp_path)


@pytest.mark.filterwarnings("ignore:EuclideanAlignment got no groups")
def test_a_step_that_changes_values_is_named(trials, tmp_path):
    pipe = make_pipeline(EuclideanAlignment(), MSiMambaClassifier(**FAST)).fit(trials.X, trials.y)
    message = "Step 'euclideanalignment', a EuclideanAlignment, changes values"
    with pytest.raises(ValueError, match=message):
        to_onnx(pipe, tmp_path / "model.onnx")


def test_a_graph_that_answers_otherwise_is_not_written(trials, tmp_path, monkeypatch):
    clf = MSiMambaClassifier(**FAST).fit(trials.X, trials.y)
    monkeypatch.setattr(_onnx, "CLIP", 0.5)
    with pytest.raises(RuntimeError, match=r"differs from the network by .*Nothing was written"):
        to_onnx(clf, tmp_path / "model.onnx")
    assert not os.listdir(tmp_path)


def test_a_file_that_is_there_stays_unless_told_and_until_the_new_one_is_whole(
    trials, tmp_path, monkeypatch
):
    path = tmp_path / "model.onnx"
    path.write_text("old")
    clf = MSiMambaClassifier(**FAST).fit(trials.X, trials.y)
    with pytest.raises(FileExistsError, match=r"model\.onnx exists already"):
        to_onnx(clf, path)

    def fail(self, content):
        self.touch()
        raise OSError("No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr(Path, "write_bytes", fail)
        to_onnx(clf, path, overwrite=True)
    assert path.read_text() == "old"
    to_onnx(clf, path, overwrite=True)
    assert os.listdir(tmp_path) == ["model.onnx"]
    assert run(path, trials.X).shape == (12, 2)


def test_the_fitted_classifier_stays_as_it_was(trials, tmp_path):
    clf = MSiMambaClassifier(**{**TINY, "mixer": "none"}).fit(trials.X, trials.y)
    before = clf.predict_proba(trials.X)
    module = clf.net_.module_
    to_onnx(clf, tmp_path / "model.onnx")
    assert clf.net_.module_ is module
    assert "Plain" not in repr(module)
    assert np.array_equal(clf.predict_proba(trials.X), before)


def test_exporting_says_what_to_install(trials, tmp_path, monkeypatch):
    clf = MSiMambaClassifier(**FAST).fit(trials.X, trials.y)
    import_any = builtins.__import__

    def no_onnxscript(name, *args, **kwargs):
        if name == "onnxscript":
            raise ImportError("No module named 'onnxscript'")
        return import_any(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_onnxscript)
    with pytest.raises(ImportError, match=r"pip install 'skmamba\[onnx\]'"):
        to_onnx(clf, tmp_path / "model.onnx")
