"""Tests of to_onnx."""

import copy
import json
import os
import shutil
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline

from skmamba import (
    BraindecodeClassifier,
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    load_eegmat,
)
from skmamba.datasets import simulate_trials
from skmamba.models import Informer
from skmamba.persistence import to_onnx
from skmamba.preprocessing import EuclideanAlignment

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

TINY = {"d_model": 8, "d_hidden": 4, "n_kernels": 2, "max_epochs": 1, "random_state": 0}
# A small graph, which is exported fast.
SMALL = {**TINY, "module_params": {"mixer": "none", "use_mstb": False}}
FIXED = {"period_selection": "fixed", "head": "mean", "spatial_whitening": True}
ATTENTION = {"mixer": "attention", "use_mstb": False}


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=2, n_trials=6, n_channels=4, n_times=100)


@pytest.fixture(scope="module")
def clf(trials):
    return MSiMambaClassifier(**SMALL).fit(trials.X, trials.y)


@pytest.fixture(scope="module")
def graph(clf, trials, tmp_path_factory):
    """File of a graph, with metadata of trials."""
    named = replace(trials, label_names={0: "rest", 1: "task"})
    return to_onnx(clf, tmp_path_factory.mktemp("graph") / "model.onnx", trials=named)


def run(path, windows, size=None):
    """Return the probabilities of windows, in batches of a size."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    size = size or len(windows)
    batches = [windows[start : start + size] for start in range(0, len(windows), size)]
    return np.concatenate(
        [session.run(["probabilities"], {"windows": batch})[0] for batch in batches]
    )


@pytest.mark.parametrize(
    "params",
    [
        {"embedding": "inverted", "scaling": None, "dtype": "float64", "module_params": FIXED},
        {"embedding": "temporal", "scaling": "standard", "module_params": ATTENTION},
        {**SMALL, "n_members": 2, "scaling": "window", "voting": "hard"},
    ],
    ids=repr,
)
def test_the_graph_equals_the_network(params, trials, tmp_path):
    clf = MSiMambaClassifier(**{**TINY, **params}).fit(trials.X, trials.y)
    module, before = clf.net_.module_, clf.predict_proba(trials.X)
    path = to_onnx(clf, tmp_path / "model.onnx")
    assert os.listdir(tmp_path) == ["model.onnx"]
    assert clf.net_.module_ is module
    assert np.array_equal(clf.predict_proba(trials.X), before)
    X = trials.X.copy()
    if clf.scaling == "window":
        X[0, 1] = 1e6  # has no variance
        X[1, 2] = 1 / 3  # whose mean is rounded
    expected = copy.copy(clf).set_params(voting="soft").predict_proba(X)
    np.testing.assert_allclose(run(path, X), expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(run(path, X[3:4]), expected[3:4], rtol=0, atol=1e-5)


def test_the_graph_of_a_network_that_was_trained_on_offsets_equals_it(trials, tmp_path):
    offset = np.random.default_rng(0).normal(scale=1000, size=(*trials.X.shape[:2], 1))
    X = (trials.X + offset).astype("float32")
    clf = MSiMambaClassifier(**SMALL).fit(X, trials.y)
    assert (clf.scale_ < clf.offset_scale_ / 10).all()
    path = to_onnx(clf, tmp_path / "model.onnx")
    X[0] += 1e5  # is bounded
    X[1, 1, 50] = 1e6  # is clipped
    np.testing.assert_allclose(run(path, X), clf.predict_proba(X), rtol=0, atol=1e-5)


@pytest.mark.parametrize("scaling", ["robust", "standard", "window"])
def test_networks_of_volts_are_exported_without_a_warning(scaling, trials, tmp_path):
    clf = MSiMambaClassifier(scaling=scaling, **SMALL).fit(1e-6 * trials.X, trials.y)
    with warnings.catch_warnings(action="error", category=UserWarning):
        path = to_onnx(clf, tmp_path / "model.onnx")
    windows = (1e-6 * trials.X).astype("float32")
    np.testing.assert_allclose(run(path, windows), clf.predict_proba(windows), atol=1e-5)


def test_the_graph_of_the_default_network_equals_it_on_windows_of_EEGMAT(tmp_path):
    trials = ChannelPicker("frontal4").fit_transform(load_eegmat())
    windows = trials.as_windows(2.0, stride=1.0)[::2][:1000]
    clf = MSiMambaClassifier(max_epochs=1, random_state=0).fit(windows[::10], windows.y[::10])
    path = to_onnx(clf, tmp_path / "model.onnx")
    expected = clf.predict_proba(windows)
    assert expected.shape == (1000, 2)
    for size, n_windows in ((1, 50), (63, 100), (1000, 1000)):
        proba = run(path, windows.X[:n_windows], size)
        np.testing.assert_allclose(proba, expected[:n_windows], rtol=0, atol=1e-5)


def test_the_graph_of_a_pipeline_starts_after_the_windows(trials, tmp_path):
    labels = np.array(["rest", "task"])[trials.y]
    picker = ChannelPicker(["F4", "Fp1"], ch_names=trials.ch_names)
    windows = SlidingWindows(window_size_samples=50)
    pipe = make_pipeline(picker, windows, MSiMambaClassifier(**SMALL)).fit(trials.X, labels)
    path = to_onnx(pipe, tmp_path / "model.onnx", trials=trials, opset=20)
    graph = onnx.load(path)
    assert [entry.version for entry in graph.opset_import if not entry.domain] == [20]
    assert b".py" not in path.read_bytes()  # no paths of the machine
    assert {entry.key: json.loads(entry.value) for entry in graph.metadata_props} == {
        "classes": ["rest", "task"],
        "label_names": {},
        "ch_names": ["F4", "Fp1"],
        "sfreq": 128.0,
        "n_chans": 2,
        "n_times": 50,
        "voting": "soft",
    }
    proba = run(path, pipe[:-1].transform(trials.X).reshape(-1, 2, 50))
    mean = proba.reshape(12, 2, 2).mean(1)
    np.testing.assert_allclose(mean, pipe.predict_proba(trials.X), rtol=0, atol=1e-5)


def test_the_graph_has_the_label_names_of_the_trials(graph):
    metadata = {entry.key: json.loads(entry.value) for entry in onnx.load(graph).metadata_props}
    assert metadata["classes"] == [0, 1]
    assert metadata["label_names"] == {"0": "rest", "1": "task"}


def test_a_braindecode_network_is_exported(trials, tmp_path):
    pytest.importorskip("braindecode")
    clf = BraindecodeClassifier("ShallowFBCSPNet", max_epochs=1, random_state=0)
    path = to_onnx(clf.fit(trials.X, trials.y), tmp_path / "model.onnx")
    np.testing.assert_allclose(run(path, trials.X), clf.predict_proba(trials.X), rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:EuclideanAlignment got no groups")
@pytest.mark.parametrize(
    "clf",
    [
        BraindecodeClassifier(Informer, {"d_model": 8, "n_heads": 2}, max_epochs=1, random_state=0),
        MSiMambaClassifier(**SMALL, dtype="bfloat16"),
    ],
    ids=["Informer", "bfloat16"],
)
def test_the_graph_has_any_number_of_windows_in_single_precision(clf, trials, tmp_path):
    path = to_onnx(clf.fit(trials.X, trials.y), tmp_path / "model.onnx")
    windows = trials.X.astype("float32")
    np.testing.assert_allclose(run(path, windows, 5), clf.predict_proba(windows), atol=1e-2)
    np.testing.assert_allclose(run(path, windows, 5), run(path, windows, 1), atol=1e-5)


def test_other_steps_and_old_opsets_are_refused(clf, trials, tmp_path):
    pipe = make_pipeline(EuclideanAlignment(), MSiMambaClassifier(**SMALL))
    with pytest.raises(ValueError, match=r"must be ChannelPicker or .* got EuclideanAlignment"):
        to_onnx(pipe.fit(trials.X, trials.y), tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="opset must be an integer of at least 18, got 11"):
        to_onnx(clf, tmp_path / "model.onnx", opset=11)


def test_a_missing_folder_is_reported_before_the_export(clf, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.onnx.export", None)
    with pytest.raises(FileNotFoundError, match=r"folder of path must exist, got .*absent"):
        to_onnx(clf, tmp_path / "absent" / "model.onnx")


def test_classifiers_that_use_other_windows_of_the_subject_are_refused(trials, tmp_path):
    clf = MSiMambaClassifier(adaptation="causal", **SMALL).fit(trials, trials.y)
    for copied in (clf, clf.for_subject(trials.X[0])):
        with pytest.raises(ValueError, match=r"requires adaptation=None, .* got adaptation='causa"):
            to_onnx(copied, tmp_path / "model.onnx")
    assert not os.listdir(tmp_path)


def test_a_graph_that_differs_from_the_network_is_not_written(clf, tmp_path, monkeypatch):
    monkeypatch.setattr("skmamba.persistence.onnx.CLIP", 0.5)
    with pytest.raises(RuntimeError, match=r"differ by at most 1e-05 .*Nothing was written"):
        to_onnx(clf, tmp_path / "model.onnx")
    assert not os.listdir(tmp_path)


def test_an_array_is_no_trials(clf, tmp_path):
    with pytest.raises(TypeError, match="trials must be Trials, got ndarray"):
        to_onnx(clf, tmp_path / "model.onnx", trials=np.zeros((2, 4, 128)))
    assert not os.listdir(tmp_path)


def test_only_graphs_are_replaced_on_request_and_none_on_errors(clf, graph, tmp_path, monkeypatch):
    path, export, programs = tmp_path / "model.onnx", torch.onnx.export, []

    def export_once(*args, **options):
        programs.append(programs[0] if programs else export(*args, **options))
        return programs[0]

    def appear(descriptor):
        path.write_text("of the user")

    monkeypatch.setattr(torch.onnx, "export", export_once)
    with monkeypatch.context() as patch, pytest.raises(FileExistsError):
        patch.setattr(os, "fsync", appear)
        to_onnx(clf, path)
    with pytest.raises(FileExistsError, match=r"model\.onnx exists: .* overwrite=True"):
        to_onnx(clf, path)
    with pytest.raises(FileExistsError, match=r"model\.onnx is not replaced, because it is not"):
        to_onnx(clf, path, overwrite=True)
    assert path.read_text() == "of the user"
    shutil.copy(graph, path)
    to_onnx(clf, path, overwrite=True)
    before = path.read_bytes()
    assert before != graph.read_bytes()

    def fail(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        to_onnx(clf, path, overwrite=True)
    assert os.listdir(tmp_path) == ["model.onnx"]
    assert path.read_bytes() == before


def test_a_missing_package_is_named_with_its_extra(clf, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"pip install 'skmamba\[onnx\]'"):
        to_onnx(clf, tmp_path / "model.onnx")
