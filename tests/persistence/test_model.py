"""Tests of save_model, load_model and SavedModel, and of pickle, joblib and skops."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import joblib
import mne
import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import LRScheduler

from skmamba import (
    BraindecodeClassifier,
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    Trials,
    calibrate,
    fine_tune,
)
from skmamba.datasets import simulate_trials
from skmamba.models import DLinear
from skmamba.persistence import load_model, save_model
from skmamba.persistence._card import compute_card_checksum, compute_checksum, describe_input
from skmamba.preprocessing import (
    BandPower,
    EuclideanAlignment,
    SequentialChannelSelector,
    SubjectWhitening,
)

safetensors = pytest.importorskip("safetensors.numpy")

TINY = {"d_model": 8, "d_hidden": 4, "n_kernels": 2, "max_epochs": 1, "random_state": 0}
NAMES = ["Fp1", "Fp2", "F3", "F4"]


def make_pipe(*steps, **params):
    windows = SlidingWindows(window_size_samples=64)
    steps = steps or (ChannelPicker(["F3", "Fp1"], ch_names=NAMES), windows)
    return make_pipeline(*steps, MSiMambaClassifier(**{**TINY, **params}))


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=2, n_trials=6, n_channels=4, n_times=128)


@pytest.fixture(scope="module")
def pipe(trials):
    return make_pipe().fit(trials.X, trials.y)


@pytest.fixture(scope="module")
def clf(trials):
    return MSiMambaClassifier(**TINY).fit(trials.X, trials.y)


@pytest.fixture(scope="module")
def original(pipe, trials, tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "model"
    return save_model(pipe, path, trials=trials, scores={"accuracy": 0.5})


@pytest.fixture
def saved(original, tmp_path):
    """A copy of a saved model, which a test may damage."""
    return shutil.copytree(original, tmp_path / "model")


def save_and_load(estimator, folder):
    return load_model(save_model(estimator, folder / "saved")).estimator


def assert_restored(pipe, loaded, X):
    """Compare parameters, fitted attributes, weights and predictions of two pipelines."""
    assert [name for name, _ in loaded.steps] == [name for name, _ in pipe.steps]
    for step, step_loaded in zip(pipe, loaded, strict=True):
        assert type(step_loaded) is type(step)
        assert vars(step_loaded).keys() == vars(step).keys()
        for key in vars(step).keys() - {"net_"}:
            value, value_loaded = vars(step)[key], vars(step_loaded)[key]
            if isinstance(value, pd.DataFrame):
                pd.testing.assert_frame_equal(value_loaded, value, check_dtype=False)
                continue
            np.testing.assert_equal(value_loaded, value)
            assert type(value_loaded) is type(value) or np.isscalar(value)
            if isinstance(value, dict):
                assert list(value_loaded) == list(value)
    weights, weights_loaded = (p[-1].net_.module_.state_dict() for p in (pipe, loaded))
    torch.testing.assert_close(weights_loaded, weights, rtol=0, atol=0)
    assert np.array_equal(loaded.predict_proba(X), pipe.predict_proba(X))


def add_reference(trials):
    """Return trials with a reference, the first trial of their subject."""
    first = trials.metadata.groupby("subject")["trial"].transform("min")
    return replace(trials, reference=trials.X[first])


def read_files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def edit_card(folder, edit):
    """Change the card and renew its checksum."""
    card = json.loads((folder / "card.json").read_text("utf-8"))
    edit(card)
    card["sha256"] = compute_card_checksum(card)
    (folder / "card.json").write_text(json.dumps(card), "utf-8")


def replace_weights(folder, content):
    """Change the weights and renew their checksum."""
    (folder / "weights.safetensors").write_bytes(content)
    expected = {"bytes": len(content), "sha256": compute_checksum(content)}
    edit_card(folder, lambda card: card["files"].update({"weights.safetensors": expected}))


# Saving and loading


def test_a_loaded_model_predicts_bitwise_as_before(original, pipe, trials):
    model = load_model(original)
    assert np.array_equal(model.predict_proba(trials), pipe.predict_proba(trials.X))
    assert np.array_equal(model.predict(trials.X), pipe.predict(trials.X))
    assert repr(model) == "<SavedModel: MSiMambaClassifier, Fp1 Fp2 F3 F4 at 128 Hz -> 0, 1>"


@pytest.mark.parametrize(
    "params",
    [
        {"n_members": 2, "voting": "hard"},
        {"dtype": "float64", "scaling": None},
        {"scaling": "standard", "class_weight": {0: 1.0, 1: 3.0}},
        {"scaling": "window", "class_weight": "balanced"},
        {"embedding": "inverted", "module_params": {"mixer": "attention", "head": "mean"}},
        {"embedding": "temporal", "module_params": {"use_mstb": False, "mixer": "none"}},
        {"module_params": {"period_selection": "fixed", "bidirectional": False}},
        {"module_params": {"spatial_whitening": True}, "n_members": 2},
        {"early_stopping": True, "validation_fraction": 0.4},
        {"net_params": {"optimizer__betas": (0.9, 0.95)}, "optimizer": "adam"},
        {"batch_size": None, "n_threads": None, "net_params": {"callbacks": []}},
        {"lr": np.float64(0.01), "d_model": np.int64(8)},
    ],
    ids=repr,
)
def test_parameters_and_fitted_attributes_are_restored(params, trials, tmp_path):
    pipe = make_pipe(**params).fit(trials.X, trials.y)
    assert_restored(pipe, save_and_load(pipe, tmp_path), trials.X)


@pytest.mark.parametrize(
    "step",
    [
        *(
            ChannelPicker(picks, ch_names=NAMES)
            for picks in ("frontal4", [2, 0], np.array([1, 3]), slice(0, 3), None, ("F4", "F3"))
        ),
        BandPower(128.0, {"theta": (4, 8), "alpha": (8, 13), "delta": (1, 4)}),
        SequentialChannelSelector(2, sfreq=128.0, ch_names=NAMES, cv=2),
        SlidingWindows(0.5, stride=0.25, sfreq=128.0),
    ],
    ids=lambda step: type(step).__name__,
)
def test_transformers_are_restored(step, trials, tmp_path):
    pipe = make_pipe(step).fit(trials.X, trials.y)
    assert_restored(pipe, save_and_load(pipe, tmp_path), trials.X)


@pytest.mark.parametrize("mode", ["reference", "causal", "unlabelled"])
@pytest.mark.parametrize("n_members", [1, 2])
def test_a_loaded_model_keeps_the_adaptation(mode, n_members, trials, tmp_path):
    trials = add_reference(trials)
    pipe = make_pipe(adaptation=mode, n_members=n_members).fit(trials, trials.y)
    path = save_model(pipe, tmp_path / "model", trials=trials)
    model = load_model(path)
    assert_restored(pipe, model.estimator, trials)
    assert np.array_equal(model.predict_proba(trials), pipe.predict_proba(trials))
    message = "requires Trials with a reference as X" if mode == "reference" else "the subject of"
    with pytest.raises(ValueError, match=message):
        model.predict(trials.X)


@pytest.mark.parametrize("make", [make_pipe, lambda: MSiMambaClassifier(**TINY)])
def test_a_loaded_model_without_adaptation_refuses_subjects(make, trials, tmp_path):
    model = load_model(save_model(make().fit(trials.X, trials.y), tmp_path / "model"))
    with pytest.raises(ValueError, match="groups must be None, since no step of <SavedModel"):
        model.predict(trials.X, groups=trials.metadata)


@pytest.mark.parametrize("mode", ["causal", "unlabelled"])
def test_a_loaded_pipeline_accepts_the_subjects_of_arrays(mode, trials, tmp_path):
    pipe = make_pipe(adaptation=mode).fit(trials, trials.y)
    model = load_model(save_model(pipe, tmp_path / "model", trials=trials))
    groups, before = trials.metadata, vars(model.estimator[-1]).copy()
    for method in ("predict_proba", "predict"):
        expected = getattr(pipe, method)(trials.X, groups=groups)
        assert np.array_equal(getattr(model, method)(trials.X, groups=groups), expected)
    missing = trials.metadata.assign(subject=[None, *trials.metadata["subject"][1:]])
    with pytest.raises(ValueError, match="requires 'subject' of every sample, got missing values"):
        model.predict(trials.derive(metadata=missing))
    assert vars(model.estimator[-1]).keys() == before.keys()


def test_a_loaded_network_with_positions_of_electrodes_is_trained_further(trials, tmp_path):
    info = mne.create_info(NAMES, 128.0, "eeg")["chs"]  # positions are NaN
    clf = MSiMambaClassifier(module_params={"chs_info": info}, **TINY).fit(trials.X, trials.y)
    loaded = load_model(save_model(clf, tmp_path / "model")).estimator
    tuned, expected = (fine_tune(one, trials.X, trials.y) for one in (loaded, clf))
    assert np.array_equal(tuned.predict_proba(trials.X), expected.predict_proba(trials.X))


@pytest.mark.parametrize("mode", ["reference", "causal"])
def test_a_calibrated_model_is_restored(mode, trials, tmp_path):
    trials = add_reference(trials)
    picker, windows = ChannelPicker(["F3", "Fp1"]), SlidingWindows(window_size_samples=64)
    pipe = make_pipe(picker, SubjectWhitening(), EuclideanAlignment(mode), windows, adaptation=mode)
    calibrated = calibrate(pipe.fit(trials, trials.y), trials.reference[0])
    assert_restored(calibrated, save_and_load(calibrated, tmp_path), trials.X[:6])
    model = load_model(save_model(pipe, tmp_path / "model", trials=trials))
    proba = calibrate(model, trials.reference[0]).predict_proba(trials.X[:6])
    assert np.array_equal(proba, calibrated.predict_proba(trials.X[:6]))


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["rest", "task"]),
        np.array(["rest", "täsk"], dtype=object),
        np.array([True, False]),
        np.array([-1, 7], dtype="int8"),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_of_any_dtype_are_restored(labels, trials, tmp_path):
    clf = MSiMambaClassifier(**TINY).fit(trials.X, labels[trials.y])
    model = load_model(save_model(clf, tmp_path / "model"))
    np.testing.assert_array_equal(model.classes_, clf.classes_, strict=True)
    np.testing.assert_array_equal(model.predict(trials.X), clf.predict(trials.X), strict=True)


def test_alignment_of_training_subjects_is_restored(trials, tmp_path):
    groups = trials.metadata
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = make_pipe(EuclideanAlignment(), SlidingWindows(window_size_samples=64))
        pipe.fit(trials.X, trials.y, groups=groups)
        known = pipe.predict_proba(trials.X, groups=groups)
        new = pipe.predict_proba(trials.X)
    model = load_model(save_model(pipe, tmp_path / "model", trials=trials))
    assert np.array_equal(model.predict_proba(trials, groups=groups), known)
    assert np.array_equal(model.predict_proba(trials), new)  # metadata of Trials are not used
    assert not np.array_equal(known, new)


def test_metadata_requests_are_restored(trials, tmp_path):
    requests = {"groups": True, "sample_weight": "weight"}
    with sklearn.config_context(enable_metadata_routing=True):
        clf = MSiMambaClassifier(**TINY, early_stopping=True)
        clf.set_fit_request(**requests).fit(trials.X, trials.y)
        loaded = save_and_load(clf, tmp_path)
        assert loaded.get_metadata_routing().fit.requests == requests


def test_a_braindecode_network_is_restored_by_name(trials, tmp_path):
    pytest.importorskip("braindecode")
    clf = BraindecodeClassifier(
        "ShallowFBCSPNet", {"n_filters_time": 4}, sfreq=128.0, max_epochs=1, random_state=0
    ).fit(trials.X, trials.y)
    model = load_model(save_model(clf, tmp_path / "model"))
    assert np.array_equal(model.predict_proba(trials.X), clf.predict_proba(trials.X))
    assert model.sfreq == 128
    assert model.card["model"]["network"] == "ShallowFBCSPNet"


def test_a_model_is_loaded_from_its_folder_or_its_card(original):
    loaded, other = load_model(original), load_model(original / "card.json")
    assert other.card == loaded.card
    with pytest.raises(FileNotFoundError, match=r"absent/card\.json"):
        load_model(original / "absent" / "card.json")


def test_parameters_set_after_fit_do_not_change_the_saved_network(trials, tmp_path):
    clf = MSiMambaClassifier(**TINY).fit(trials.X, trials.y)
    expected = clf.predict_proba(trials.X)
    loaded = save_and_load(clf.set_params(d_model=16, optimizer="unknown"), tmp_path)
    assert loaded.d_model == 16
    assert np.array_equal(loaded.predict_proba(trials.X), expected)


def test_a_model_that_could_not_be_loaded_is_not_saved(trials, tmp_path):
    clf = MSiMambaClassifier(n_members=1, max_epochs=1, random_state=0).fit(trials, trials.y)
    clf.set_params(net_params={"unknown": 1})
    with pytest.raises(ValueError, match="estimator must have the parameters of its fit"):
        save_model(clf, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_warm_start_continues_from_loaded_weights(trials, tmp_path):
    clf = MSiMambaClassifier(**{**TINY, "max_epochs": 2}, warm_start=True).fit(trials.X, trials.y)
    loaded = save_and_load(clf, tmp_path).fit(trials.X, trials.y)
    assert loaded.n_iter_ == 4
    assert loaded.history_[0] == clf.history_[0]
    assert loaded.history_[2]["train_loss"] < clf.history_[0]["train_loss"]


def test_saving_and_loading_do_not_change_global_random_states(pipe, tmp_path):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    load_model(save_model(pipe, tmp_path / "model"))
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_equal(np.random.get_state(), numpy_state)


def test_saving_a_loaded_model_gives_identical_files(original, trials, tmp_path):
    model = load_model(original)
    again = save_model(model.estimator, tmp_path / "model", trials=trials, scores={"accuracy": 0.5})
    assert read_files(again) == read_files(original)


# Card


def test_the_card_describes_input_network_and_training_data(original, pipe, trials):
    card = json.loads((original / "card.json").read_text("utf-8"))
    assert card["input"] == {"n_channels": 4, "ch_names": NAMES, "sfreq": 128.0}
    assert card["model"] == {
        "network": "MSiMamba",
        "n_weights": sum(weights.numel() for weights in pipe[-1].net_.module_.parameters()),
        "classes": [0, 1],
        "label_names": {},
        "ch_names": ["F3", "Fp1"],
        "n_chans": 2,
        "n_times": 64,
        "stride": 64,
        "scaling": "robust",
        "voting": "soft",
    }
    data = card["training"]["data"]
    assert len(data.pop("sha256")) == 64
    sizes = {"n_trials": 12, "n_subjects": 2, "n_times": 128}
    assert data == {"name": "simulation", **sizes, "loader_params": {}}
    assert card["training"]["scores"] == {"accuracy": 0.5}
    assert card["versions"].keys() == {"skmamba", "torch", "numpy", "scikit-learn"}


def test_channels_picked_by_number_have_the_names_of_the_trials(trials, tmp_path):
    picker = ChannelPicker([2, 0])
    pipe = make_pipe(picker, SlidingWindows(window_size_samples=64)).fit(trials.X, trials.y)
    named = load_model(save_model(pipe, tmp_path / "named", trials=trials)).card
    assert (named["input"]["ch_names"], named["model"]["ch_names"]) == (NAMES, ["F3", "Fp1"])


def test_scores_and_protocol_are_saved_as_plain_json(clf, tmp_path):
    table = pd.DataFrame({"subject": ["a", "b"], "accuracy": [np.float32(0.5), np.nan]})
    protocol = {"cv": ("loso", 2), 3: np.arange(2)}
    path = save_model(clf, tmp_path / "m", protocol=protocol, scores=table, notes="a note")
    training = load_model(path).card["training"]
    first, second = training["scores"]
    assert first == {"subject": "a", "accuracy": 0.5}
    assert second == {"subject": "b", "accuracy": None}
    assert training["protocol"] == {"cv": ["loso", 2], "3": [0, 1]}
    assert "a note" in (path / "README.md").read_text("utf-8")
    path = save_model(clf, tmp_path / "named", scores=table.set_index("subject"))
    assert load_model(path).card["training"]["scores"] == training["scores"]


def test_the_checksum_of_trials_depends_on_every_value_and_label(clf, trials, tmp_path):
    X, y = trials.X.copy(), trials.y.copy()
    X[-1, -1, -1] = np.nextafter(X[-1, -1, -1], 0)
    y[0] = 1 - y[0]
    in_columns = replace(trials, X=trials.X.copy(order="F"))
    checksums = []
    for i, data in enumerate([trials, in_columns, replace(trials, X=X), replace(trials, y=y)]):
        model = load_model(save_model(clf, tmp_path / str(i), trials=data))
        checksums.append(model.card["training"]["data"]["sha256"])
    assert checksums[0] == checksums[1]
    assert len(set(checksums)) == 3


def test_trials_that_contradict_the_steps_are_refused(trials, tmp_path):
    windows = SlidingWindows(window_size=0.5, sfreq=trials.sfreq)
    pipe = make_pipe(ChannelPicker(ch_names=NAMES), windows).fit(trials.X, trials.y)
    fewer = replace(trials, X=trials.X[:, :3], ch_names=NAMES[:3])
    for other, error, message in [
        (replace(trials, sfreq=256), ValueError, "sfreq must be the same .*, got 128 Hz and 256"),
        (replace(trials, ch_names=NAMES[::-1]), ValueError, r"\(Fp1, .*\), got F4, F3, Fp2, Fp1"),
        (fewer, ValueError, r"trials must have the channels .*, got Fp1, Fp2, F3\."),
        (trials.X, TypeError, "trials must be Trials, got ndarray"),
    ]:
        assert_not_saved(pipe, tmp_path, error, message, trials=other)


# What cannot be saved


def assert_not_saved(estimator, folder, error, message, **options):
    with pytest.raises(error, match=message):
        save_model(estimator, folder / "model", **options)
    assert not os.listdir(folder)


def test_steps_of_other_classes_are_refused(pipe, trials, tmp_path):
    class Subclass(MSiMambaClassifier):
        pass

    flat = trials.X.reshape(len(trials), -1)
    for estimator, got in [
        (make_pipe(FunctionTransformer()).fit(trials.X, trials.y), r"FunctionTransformer\(\)"),
        (LogisticRegression().fit(flat, trials.y), "LogisticRegression"),
        (make_pipeline(SlidingWindows(window_size_samples=64)).fit(trials.X), "SlidingWindows"),
        (make_pipe("passthrough").fit(trials.X, trials.y), "'passthrough'"),
        (Subclass(**TINY).fit(trials.X, trials.y), "Subclass"),
    ]:
        message = f"(?s)Step '.*' must be an instance of .*, got {got}.* Use joblib or skops"
        assert_not_saved(estimator, tmp_path, TypeError, message)
    assert_not_saved(make_pipe(), tmp_path, NotFittedError, "ChannelPicker")
    with pytest.raises(TypeError, match="not be a SavedModel: pass its attribute 'estimator'"):
        save_model(load_model(save_model(pipe, tmp_path / "saved")), tmp_path / "again")


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (
            MSiMambaClassifier(
                **TINY, net_params={"callbacks": [LRScheduler("StepLR", step_size=1)]}
            ),
            r"net_params\.callbacks\[0\] must .* of type LRScheduler",
        ),
        (MSiMambaClassifier(**TINY, optimizer=torch.optim.RMSprop), "optimizer must .* of type ty"),
        (
            MSiMambaClassifier(**{**TINY, "random_state": np.random.RandomState(0)}),
            "random_state must .* of type RandomState",
        ),
        (BraindecodeClassifier(DLinear, max_epochs=1), "model must .*DLinear.* of type type"),
    ],
    ids=["callback", "optimizer", "random_state", "model"],
)
def test_parameters_that_are_objects_are_refused(estimator, message, trials, tmp_path):
    estimator.fit(trials.X, trials.y)
    assert_not_saved(estimator, tmp_path, TypeError, rf"(?s)classifier\.{message}")


def test_attributes_of_the_user_and_scores_that_are_objects_are_refused(trials, tmp_path):
    clf = MSiMambaClassifier(**TINY).fit(trials.X, trials.y)
    message = r"scores\.model\[0\] must consist of .* of type object"
    assert_not_saved(clf, tmp_path, TypeError, message, scores={"model": [object()]})
    message = "card must have at most 16777216 bytes, got .*: shorten protocol, scores or notes"
    assert_not_saved(clf, tmp_path, ValueError, message, notes="x" * (17 << 20))
    clf.remark = "mine"
    message = r"classifier\.remark must be a parameter or end in an underscore"
    assert_not_saved(clf, tmp_path, TypeError, message)


# Writing


def interfere(monkeypatch, holder, name, action, n_before=0):
    """Call an action once, before a later call of a function."""
    function, calls = getattr(holder, name), []

    def call(*args):
        calls.append(args)
        if len(calls) == n_before + 1:
            action(*args)
        return function(*args)

    monkeypatch.setattr(holder, name, call)


@pytest.mark.parametrize(
    ("holder", "name", "n_before", "is_new"),
    [(os, "fsync", n_before, is_new) for n_before in range(3) for is_new in (True, False)]
    + [(Path, "rename", 0, True), (Path, "rename", 0, False), (Path, "rename", 1, False)],
)
def test_an_error_while_writing_leaves_the_previous_model_or_nothing(
    holder, name, n_before, is_new, saved, clf, monkeypatch
):
    before = read_files(saved)
    if is_new:
        shutil.rmtree(saved)

    def fail(*args):
        raise OSError("No space left on device")

    interfere(monkeypatch, holder, name, fail, n_before)
    with pytest.raises(OSError, match="No space left"):
        save_model(clf, saved, overwrite=True)
    assert os.listdir(saved.parent) == ([] if is_new else ["model"])
    assert is_new or read_files(saved) == before


def test_a_model_is_replaced_with_overwrite_only(saved, clf, trials):
    before = read_files(saved)
    with pytest.raises(ValueError, match="overwrite must be True or False, got 'no'"):
        save_model(clf, saved, overwrite="no")
    with pytest.raises(FileExistsError, match=r"model exists: .* overwrite=True"):
        save_model(clf, saved)
    assert read_files(saved) == before
    save_model(clf, saved, overwrite=True)
    assert np.array_equal(load_model(saved).predict_proba(trials.X), clf.predict_proba(trials.X))
    assert os.listdir(saved.parent) == ["model"]


def test_other_files_are_never_replaced(clf, tmp_path):
    (tmp_path / "thesis.tex").write_text("text")
    for path in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(FileExistsError, match=r"is not replaced, because thesis\.tex is not"):
            save_model(clf, path, overwrite=True)
    assert os.listdir(tmp_path) == ["thesis.tex"]
    with pytest.raises(FileNotFoundError, match=r"parent folder .* must exist, got .*absent"):
        save_model(clf, tmp_path / "absent" / "model")


@pytest.mark.parametrize("card", [None, '{"format": "other"}', "folder"])
def test_a_folder_without_our_card_is_not_replaced(card, clf, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "README.md").write_text("of the user")
    if card == "folder":
        (folder / "card.json").mkdir()
    elif card:
        (folder / "card.json").write_text(card)
    with pytest.raises(FileExistsError, match=r"project is not replaced, because .*card\.json"):
        save_model(clf, folder, overwrite=True)
    assert (folder / "README.md").read_text() == "of the user"


def test_a_damaged_model_can_be_replaced(clf, saved):
    card = saved / "card.json"
    card.write_bytes(card.read_bytes()[:500])
    save_model(clf, saved, overwrite=True)
    load_model(saved)


@pytest.mark.parametrize(("holder", "name"), [(os, "fsync"), (Path, "rename")])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_appears_during_saving_is_kept(
    overwrite, holder, name, clf, tmp_path, monkeypatch
):
    target = tmp_path / "model"

    def appear(*args):
        target.mkdir()
        (target / "results.csv").write_text("1")

    interfere(monkeypatch, holder, name, appear)
    with pytest.raises(OSError, match=r"exists|is not replaced|not empty"):
        save_model(clf, target, overwrite=overwrite)
    assert (target / "results.csv").read_text() == "1"
    assert os.listdir(tmp_path) == ["model"]


def test_a_file_that_appears_in_a_replaced_model_is_kept(clf, saved, monkeypatch):
    def appear(folder, target):
        (folder / "results.csv").write_text("1")

    before = read_files(saved)
    interfere(monkeypatch, Path, "rename", appear)
    with pytest.raises(FileExistsError, match=r"because results\.csv is not part"):
        save_model(clf, saved, overwrite=True)
    assert read_files(saved) == {**before, "results.csv": b"1"}
    assert os.listdir(saved.parent) == ["model"]


def test_two_calls_at_once_do_not_remove_the_files_of_each_other(clf, tmp_path, monkeypatch):
    interfere(monkeypatch, os, "fsync", lambda descriptor: save_model(clf, tmp_path / "model"))
    with pytest.raises(FileExistsError, match=r"model exists: choose another path"):
        save_model(clf, tmp_path / "model")
    assert os.listdir(tmp_path) == ["model"]
    load_model(tmp_path / "model")


KILLED = """
import os, signal, sys
from pathlib import Path
from skmamba import load_model, save_model

estimator = load_model(sys.argv[1]).estimator
for path, (holder, name) in zip(sys.argv[1:], [(os, "fsync"), (Path, "rename")], strict=True):
    if not (process := os.fork()):
        function, calls = getattr(holder, name), []

        def kill(*args):
            calls.append(args)
            if len(calls) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args)

        setattr(holder, name, kill)
        save_model(estimator, path, overwrite=True)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL
"""


@pytest.mark.skipif(os.name != "posix", reason="a process cannot be killed with SIGKILL")
def test_folders_of_a_killed_process_are_removed_by_the_next(original, clf, trials, tmp_path):
    paths = [shutil.copytree(original, tmp_path / name / "model") for name in ("fsync", "rename")]
    subprocess.run([sys.executable, "-c", KILLED, *paths], timeout=120, check=True)
    for saved in paths:
        left = set(os.listdir(saved.parent))
        assert any(name.startswith(".model.") for name in left)
        save_model(clf, saved.with_name("other"))
        assert set(os.listdir(saved.parent)) == {*left, "other"}  # belongs to another path
        save_model(clf, saved, overwrite=True)
        assert set(os.listdir(saved.parent)) == {"model", "other"}
        proba = load_model(saved).predict_proba(trials.X)
        assert np.array_equal(proba, clf.predict_proba(trials.X))


def test_a_missing_package_is_named_with_its_extra(clf, saved, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for call in (lambda: save_model(clf, tmp_path / "new"), lambda: load_model(saved)):
        with pytest.raises(ImportError, match=r"pip install 'skmamba\[persistence\]'"):
            call()
    assert os.listdir(tmp_path) == ["model"]


# Damaged and hostile files


def test_a_changed_bit_of_the_weights_is_detected(saved):
    file = saved / "weights.safetensors"
    original = file.read_bytes()
    for position in (0, 100, len(original) // 2, len(original) - 1):
        content = bytearray(original)
        content[position] ^= 1
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"weights\.safetensors cannot .*: checksum mismatch"):
            load_model(saved)


def test_changed_digits_and_strings_of_the_card_are_detected(saved):
    file = saved / "card.json"
    text = file.read_text("utf-8")
    positions = [i for i, character in enumerate(text) if character in "123456789"]
    for i in positions[:: len(positions) // 40]:
        file.write_text(f"{text[:i]}0{text[i + 1 :]}", "utf-8")
        with pytest.raises(ValueError, match=r"card\.json cannot be loaded"):
            load_model(saved)
    file.write_text(text.replace('"F3"', '"F4"', 1), "utf-8")
    with pytest.raises(ValueError, match=r"card\.json cannot be loaded: checksum mismatch"):
        load_model(saved)


@pytest.mark.parametrize(
    ("name", "message"),
    [("weights.safetensors", "checksum mismatch"), ("card.json", "invalid JSON")],
)
def test_truncated_missing_and_too_large_files_are_refused(name, message, saved):
    file = saved / name
    content = file.read_bytes()
    for share in (0, 0.5, 0.99):
        file.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ValueError, match=f"{name} cannot be loaded: {message}"):
            load_model(saved)
    with file.open("ab") as stream:
        stream.truncate(1 << 40)  # sparse: uses no space
    with pytest.raises(ValueError, match=rf"{name} .* at most \d+ bytes, got 1099511627776"):
        load_model(saved)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=f"model is not a saved model: {name} is missing"):
        load_model(saved)


class Bomb:
    exploded = False

    def __reduce__(self):
        return setattr, (Bomb, "exploded", True)


def test_a_pickle_in_place_of_a_file_is_not_executed(saved):
    pickled = pickle.dumps(Bomb())
    pickle.loads(pickled)
    assert Bomb.exploded
    Bomb.exploded = False
    (saved / "weights.safetensors").write_bytes(pickled)
    with pytest.raises(ValueError, match=r"weights\.safetensors cannot be loaded: "):
        load_model(saved)
    replace_weights(saved, pickled)
    with pytest.raises(ValueError, match="invalid safetensors file"):
        load_model(saved)
    (saved / "card.json").write_bytes(pickled)
    with pytest.raises(ValueError, match=r"card\.json cannot be loaded: invalid JSON"):
        load_model(saved)
    assert not Bomb.exploded


def get_step(card):
    return card["steps"][-1]


def get_architecture(card):
    return get_step(card)["fitted"]["_saved_net"]["architecture"]


def edit_network(**params):
    return lambda card: get_architecture(card)["params"].update(params)


def edit_params(**params):
    return lambda card: get_step(card)["params"].update(params)


def edit_fitted(**attributes):
    return lambda card: get_step(card)["fitted"].update(attributes)


def make_labels(n_characters, n_labels):
    return {"$labels": [f"<U{n_characters}", [n_labels], ["a"] * n_labels]}


TOO_LARGE = "the network has more weights than the file"
HUGE = {
    "layers": (edit_network(n_layers=10**7), TOO_LARGE),
    "more layers": (edit_network(n_layers=10**9), "n_layers must be at most 10000000"),
    "members": (
        lambda c: get_architecture(c).update(
            name="MSiMambaEnsemble", params={**get_architecture(c)["params"], "n_members": 10**6}
        ),
        TOO_LARGE,
    ),
    "width": (edit_network(d_model=20000), TOO_LARGE),
    "buffers": (
        lambda c: (edit_network(n_times=10**6, filter_size=2)(c), edit_fitted(n_times_=10**6)(c)),
        TOO_LARGE,
    ),
    "overflow": (edit_network(d_model=10**30), "d_model must be at most"),
    "net_params": (edit_params(net_params={"module__d_model": 20000}), TOO_LARGE),
    "samples": (
        lambda c: (edit_network(n_times=10**9)(c), edit_fitted(n_times_=10**9)(c)),
        "n_times must be at most",
    ),
    "window": (
        lambda c: (edit_network(n_times=2 * 10**6)(c), edit_fitted(n_times_=2 * 10**6)(c)),
        "windows must have at most 2097152 numbers, got 2 channels x 2000000 samples",
    ),
    "threads": (edit_params(n_threads=10**6), "n_threads must be .* at most 512, got 1000000"),
    "workers": (
        edit_params(net_params={"iterator_valid__num_workers": 10**6}),
        "num_workers must be .* at most 512",
    ),
    "callbacks": (
        edit_params(net_params={"callbacks": ["x"] * 1000}),
        "callbacks cannot be built: they must",
    ),
    "labels": (
        edit_fitted(classes_=make_labels(500000000, 1)),
        "labels must have at most 67108864 bytes, got 2000000000",
    ),
    "many labels": (
        edit_params(class_weight=[make_labels(16000000, 1)] * 100),
        "labels must have at most 67108864 bytes",
    ),
    "no labels": (
        edit_params(class_weight=make_labels(500000000, 0)),
        "labels must have at most 67108864 bytes",
    ),
}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.update(format="other"), "format must be 'skmamba model'"),
        (lambda c: c.update(format_version=1), "format_version must be 2, got 1: .* another ver"),
        (lambda c: c.pop("files"), "missing entry 'files'"),
        (lambda c: c.update(files={}), "missing entry 'weights.safetensors'"),
        (lambda c: get_step(c).update({"class": "Popen"}), "one of BandPower, .* got 'Popen'"),
        (edit_params(shell=True), "unexpected keyword .*'shell'"),
        (edit_fitted(predict=1), r"in an underscore, got \['predict'\]"),
        (edit_fitted(__class__=1), r"got \['__class__'\]"),
        (edit_network(d_model=16), "Error.* loading state_dict"),
        (edit_network(top_k=-1), "top_k must be an integer of at least 1, got -1"),
        (lambda c: get_step(c)["fitted"].pop("_saved_net"), "no step uses|cannot be built"),
        (lambda c: get_step(c).update(requests={"__init__": {}}), "no attribute 'set___init__"),
        (lambda c: c["steps"].pop(0), r"no step uses the arrays .*picks_"),
        (lambda c: c.update(steps="none"), "string indices"),
        (lambda c: c["input"].update(ch_names=[1, 2, 3, 4]), "ch_names must be 4 strings"),
        (lambda c: c["input"].update(sfreq=-1), "sfreq must be a positive number, got -1"),
        (edit_fitted(n_times_=65), r"the sizes \[2, 65, 2\]"),
        *HUGE.values(),
    ],
)
def test_a_manipulated_card_cannot_load_other_objects(edit, message, saved):
    edit_card(saved, edit)
    with pytest.raises(ValueError, match=f"cannot be loaded: .*(?s:{message})"):
        load_model(saved)


def test_a_manipulated_card_that_loads_is_named_when_it_cannot_predict(saved, trials):
    edit_card(saved, lambda card: card["steps"][1]["fitted"].pop("stride_samples_"))
    with pytest.raises(
        ValueError, match=r"SavedModel: MSi.* has a damaged card: .*attribute 'stride_samples_'"
    ):
        load_model(saved).predict(trials)


LOAD_ALL = """
import resource
import sys
from pathlib import Path

from skmamba import load_model

load_model(sys.argv[2])
n_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (n_bytes + 2**29, n_bytes + 2**29))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for folder in sorted(Path(sys.argv[1]).iterdir()):
    try:
        load_model(folder)
    except ValueError as error:
        print("refused" if str(folder) in str(error) else error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) // 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the memory in /proc")
def test_huge_requests_of_a_card_take_little_memory(original, tmp_path):
    for name, (edit, _) in HUGE.items():
        edit_card(shutil.copytree(original, tmp_path / name), edit)
    call = [sys.executable, "-c", LOAD_ALL, tmp_path, original]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, check=True)
    *outcomes, peak_mb = done.stdout.splitlines()
    assert outcomes == ["refused"] * len(HUGE)
    assert int(peak_mb) < 200


def test_missing_and_unused_arrays_are_refused(saved):
    arrays = safetensors.load_file(saved / "weights.safetensors")
    replace_weights(saved, safetensors.save({**arrays, "more": np.zeros(1)}))
    with pytest.raises(ValueError, match=r"no step uses the arrays \['more'\]"):
        load_model(saved)
    bias = next(name for name in arrays if name.endswith("bias"))
    del arrays[bias]
    replace_weights(saved, safetensors.save(arrays))
    with pytest.raises(ValueError, match=f"missing entry '{bias}'"):
        load_model(saved)


def test_missing_parameters_have_defaults_and_the_memory_of_a_pipeline_is_ignored(saved):
    edit_card(saved, lambda card: get_step(card)["params"].pop("patience"))
    edit_card(saved, lambda card: card["pipeline"].update(memory="folder"))
    pipe = load_model(saved).estimator
    assert pipe[-1].patience == MSiMambaClassifier().patience
    assert pipe.memory is None


# Checks of X


def test_trials_with_another_rate_or_other_channels_are_refused(original, trials):
    model = load_model(original)
    with pytest.raises(ValueError, match="sampling rate of 128 Hz, got 256 Hz: resample"):
        model.predict(replace(trials, sfreq=256))
    expected = "X must have the 4 channels Fp1, Fp2, F3, F4 in this order, got"
    fewer = replace(trials, X=trials.X[:, :3], ch_names=trials.ch_names[:3])
    for other in (replace(trials, ch_names=NAMES[::-1]), fewer):
        with pytest.raises(ValueError, match=f"{expected} {', '.join(other.ch_names)}"):
            model.predict_proba(other)


def test_old_and_new_electrode_names_are_equal(trials, tmp_path, clf):
    old = replace(trials, ch_names=["T3", "T4", "T5", "T6"])
    model = load_model(save_model(clf, tmp_path / "model", trials=old))
    model.predict(replace(old, ch_names=["T7", "T8", "p7", "P8"]))


def test_arrays_are_checked_as_far_as_they_are_described(original, pipe, trials):
    model = load_model(original)
    proba = model.predict_proba(trials.X, sfreq=128, ch_names=NAMES)
    assert np.array_equal(proba, pipe.predict_proba(trials.X))
    for X, options, message in [
        (np.zeros((2, 5, 128)), {}, "X must have 4 channels, got 5"),
        (trials.X, {"sfreq": 100}, "rate of 128 Hz, got 100 Hz"),
        (trials.X, {"ch_names": NAMES[::-1]}, "F4 in this order, got F4, F3, Fp2, Fp1"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.predict(X, **options)


def test_epochs_are_checked(make_epochs, trials, tmp_path):
    epochs = make_epochs(12, NAMES, n_times=128, other=["EOG"])
    clf = MSiMambaClassifier(**TINY).fit(epochs, trials.y)
    known = Trials.from_epochs(epochs, trials.y)
    model = load_model(save_model(clf, tmp_path / "model", trials=known))
    assert np.array_equal(model.predict_proba(epochs), clf.predict_proba(epochs))
    assert np.array_equal(model.predict([epochs[i] for i in (0, 1)]), clf.predict(epochs[:2]))
    for other, message in [
        (make_epochs(2, NAMES, sfreq=64.0, n_times=128), "rate of 128 Hz, got 64 Hz"),
        (make_epochs(2, NAMES[::-1], n_times=128), "got F4, F3, Fp2, Fp1"),
        (make_epochs(2, NAMES[:3], n_times=128), "got Fp1, Fp2, F3"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.predict(other)


def test_an_unknown_rate_and_unknown_channels_are_not_checked(clf, trials, tmp_path):
    model = load_model(save_model(clf, tmp_path / "model"))
    assert (model.n_channels, model.ch_names, model.sfreq) == (4, None, None)
    model.predict(replace(trials, sfreq=256, ch_names=list("abcd")))
    assert repr(model) == "<SavedModel: MSiMambaClassifier, 4 channels -> 0, 1>"


# Other formats


@pytest.fixture(
    scope="module",
    params=[
        MSiMambaClassifier(**TINY),
        MSiMambaClassifier(**{**TINY, "n_members": 2}),
        MSiMambaClassifier(**TINY, dtype="float64", module_params={"period_selection": "fixed"}),
        BraindecodeClassifier("ShallowFBCSPNet", max_epochs=1, random_state=0),
    ],
    ids=["one member", "two members", "float64", "braindecode"],
)
def aligned_pipe(request, trials):
    if isinstance(request.param, BraindecodeClassifier):
        pytest.importorskip("braindecode")
    windows = SlidingWindows(window_size_samples=100)
    with pytest.warns(UserWarning, match="got no groups"):
        return make_pipeline(EuclideanAlignment(), windows, request.param).fit(trials.X, trials.y)


def through_joblib(pipe, folder):
    joblib.dump(pipe, folder / "pipe.joblib")
    return joblib.load(folder / "pipe.joblib")


def through_skops(pipe, folder):
    io = pytest.importorskip("skops.io")
    content = io.dumps(pipe)
    untrusted = io.get_untrusted_types(data=content)
    assert untrusted
    assert all(name.startswith("skmamba.") for name in untrusted)
    return io.loads(content, trusted=untrusted)


@pytest.mark.parametrize("save_and_load", [through_joblib, through_skops])
def test_joblib_and_skops_restore_pipelines(save_and_load, aligned_pipe, trials, tmp_path):
    assert_restored(aligned_pipe, save_and_load(aligned_pipe, tmp_path), trials.X)


def test_trials_of_other_channels_or_rates_are_an_error(trials, tmp_path):
    clf = make_pipe(SlidingWindows(0.5)).fit(trials, trials.y)
    for wrong in (replace(trials, ch_names=NAMES[::-1]), replace(trials, sfreq=250.0)):
        with pytest.raises(ValueError, match=r"trials must have the ch|sfreq must be the"):
            save_model(clf[1:], tmp_path / "model", trials=wrong)
    assert not (tmp_path / "model").exists()
    loaded = load_model(save_model(clf[-1], tmp_path / "model"))
    assert (loaded.ch_names, loaded.sfreq) == (NAMES, 128)


def test_names_of_channels_may_be_an_array(trials):
    step = BandPower(128, ch_names=np.array(NAMES)).fit(trials.X)
    assert describe_input([step])["ch_names"] == NAMES
    assert describe_input([BandPower().fit(trials)])["ch_names"] == NAMES
