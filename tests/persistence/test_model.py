import builtins
import json
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

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

from skmamba import BraindecodeClassifier, ChannelPicker, MSiMambaClassifier, SlidingWindows, Trials
from skmamba.datasets import simulate_trials
from skmamba.models import DLinear
from skmamba.persistence import _folder, _model, load_model, save_model
from skmamba.persistence._card import digest_of, digest_of_trials
from skmamba.preprocessing import BandPower, EuclideanAlignment, SequentialChannelSelector

pytest.importorskip("safetensors")

TINY = {"d_model": 8, "d_hidden": 4, "n_kernels": 2, "max_epochs": 1, "random_state": 0}
TINY["n_members"] = 1
NAMES = ["Fp1", "Fp2", "F3", "F4"]


def make_pipe(*steps, **params):
    steps = steps or (
        ChannelPicker(["F3", "Fp1"], ch_names=NAMES),
        SlidingWindows(window_size_samples=64),
    )
    return make_pipeline(*steps, MSiMambaClassifier(**{**TINY, **params}))


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=2, n_trials=6, n_channels=4, n_times=128)


@pytest.fixture(scope="module")
def pipe(trials):
    return make_pipe().fit(trials.X, trials.y)


@pytest.fixture(scope="module")
def original(pipe, trials, tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "model"
    return save_model(pipe, path, trials=trials, scores={"accuracy": 0.5})


@pytest.fixture
def saved(original, tmp_path):
    """A copy of a saved model, to be damaged."""
    return shutil.copytree(original, tmp_path / "model")


def there_and_back(estimator, folder):
    return load_model(save_model(estimator, folder / "there")).estimator


def rewrite(folder, change, name="card.json"):
    """Change the card as somebody would who knows how digests are made."""
    card = json.loads((folder / name).read_text("utf-8"))
    change(card)
    card["sha256"] = digest_of(card)
    (folder / name).write_text(json.dumps(card, indent=2), "utf-8")


# There and back


def test_a_loaded_model_answers_as_before_to_the_bit(original, pipe, trials):
    model = load_model(original)
    assert np.array_equal(model.predict_proba(trials), pipe.predict_proba(trials.X))
    assert np.array_equal(model.predict(trials.X), pipe.predict(trials.X))
    assert repr(model) == "<SavedModel: MSiMambaClassifier, Fp1 Fp2 F3 F4 at 128 Hz -> 0, 1>"


@pytest.mark.parametrize(
    "params",
    [
        {"n_members": 2},
        {"dtype": "float64"},
        {"voting": "hard"},
        {"scaling": "standard"},
        {"scaling": "window"},
        {"scaling": None},
        {"class_weight": {0: 1.0, 1: 3.0}},
        {"class_weight": "balanced"},
        {"embedding": "inverted", "mixer": "attention", "head": "mean"},
        {"embedding": "normal", "mixer": "none"},
        {"use_mstb": False, "bidirectional": False},
        {"period_selection": "fixed"},
        {"early_stopping": True, "validation_fraction": 0.4},
        {"net_params": {"optimizer__betas": (0.9, 0.95)}, "optimizer": "adam"},
        {"batch_size": None, "n_threads": None, "callbacks": []},
        {"lr": np.float64(0.01), "d_model": np.int64(8)},
    ],
    ids=repr,
)
def test_parameters_and_what_fit_learned_come_back(params, trials, tmp_path):
    pipe = make_pipe(**params).fit(trials.X, trials.y)
    back = there_and_back(pipe, tmp_path)
    assert back.get_params(deep=False).keys() == pipe.get_params(deep=False).keys()
    for (name, step), (name_back, step_back) in zip(pipe.steps, back.steps, strict=True):
        assert name_back == name
        assert type(step_back) is type(step)
        assert step_back.get_params() == step.get_params()
        assert vars(step_back).keys() == vars(step).keys()
        for key in vars(step).keys() - {"net_"}:
            np.testing.assert_equal(vars(step_back)[key], vars(step)[key])
    weights, back_weights = (p[-1].net_.module_.state_dict() for p in (pipe, back))
    assert weights.keys() == back_weights.keys()
    for key, value in weights.items():
        assert back_weights[key].dtype == value.dtype
        assert torch.equal(back_weights[key], value)
    assert np.array_equal(back.predict_proba(trials.X), pipe.predict_proba(trials.X))


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
def test_labels_of_any_kind_come_back(labels, trials, tmp_path):
    clf = MSiMambaClassifier(**TINY).fit(trials.X, labels[trials.y])
    model = load_model(save_model(clf, tmp_path / "model"))
    np.testing.assert_array_equal(model.classes_, clf.classes_, strict=True)
    np.testing.assert_array_equal(model.predict(trials.X), clf.predict(trials.X), strict=True)


@pytest.mark.parametrize(
    "picks", ["frontal4", [2, 0], np.array([1, 3]), slice(0, 3), None, ("F4", "F3")], ids=repr
)
def test_channels_chosen_in_any_way_come_back(picks, trials, tmp_path):
    names = trials.ch_names
    pipe = make_pipe(ChannelPicker(picks, ch_names=names)).fit(trials.X, trials.y)
    back = there_and_back(pipe, tmp_path)
    np.testing.assert_equal(back[0].picks, picks)
    assert back[0].ch_names == names
    assert np.array_equal(back.predict_proba(trials.X), pipe.predict_proba(trials.X))


def test_bands_keep_their_order(trials, tmp_path):
    bands = {"theta": (4, 8), "alpha": (8, 13), "delta": (1, 4)}
    pipe = make_pipe(BandPower(trials.sfreq, bands)).fit(trials.X, trials.y)
    back = there_and_back(pipe, tmp_path)
    assert list(back[0].bands_) == ["theta", "alpha", "delta"]
    assert np.array_equal(back.predict_proba(trials.X), pipe.predict_proba(trials.X))


def test_found_channels_come_back(trials, tmp_path):
    selector = SequentialChannelSelector(2, sfreq=trials.sfreq, ch_names=trials.ch_names, cv=2)
    pipe = make_pipe(selector).fit(trials.X, trials.y)
    back = there_and_back(pipe, tmp_path)
    assert back[0].channels_ == pipe[0].channels_
    pd.testing.assert_frame_equal(back[0].scores_, pipe[0].scores_, check_dtype=False)
    assert np.array_equal(back.predict_proba(trials.X), pipe.predict_proba(trials.X))


def test_alignment_knows_its_subjects_again(trials, tmp_path):
    groups = trials.metadata
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = make_pipe(EuclideanAlignment(), SlidingWindows(window_size_samples=64))
        pipe.fit(trials.X, trials.y, groups=groups)
        known = pipe.predict_proba(trials.X, groups=groups)
        new = pipe.predict_proba(trials.X)
    model = load_model(save_model(pipe, tmp_path / "model", trials=trials))
    assert np.array_equal(model.predict_proba(trials, groups=groups), known)
    assert np.array_equal(model.predict_proba(trials), new)  # their subjects are not ours
    assert not np.array_equal(known, new)


def test_requests_for_metadata_come_back(trials, tmp_path):
    with sklearn.config_context(enable_metadata_routing=True):
        clf = MSiMambaClassifier(**TINY, early_stopping=True)
        clf.set_fit_request(groups=True, sample_weight="weight").fit(trials.X, trials.y)
        back = there_and_back(clf, tmp_path)
        assert back.get_metadata_routing().fit.requests == {
            "groups": True,
            "sample_weight": "weight",
        }


def test_a_network_of_braindecode_comes_back_by_its_name(trials, tmp_path):
    pytest.importorskip("braindecode")
    clf = BraindecodeClassifier(
        "ShallowFBCSPNet", {"n_filters_time": 4}, sfreq=128.0, max_epochs=1, random_state=0
    ).fit(trials.X, trials.y)
    model = load_model(save_model(clf, tmp_path / "model"))
    assert np.array_equal(model.predict_proba(trials.X), clf.predict_proba(trials.X))
    assert model.sfreq == 128
    assert model.card["model"]["network"] == "ShallowFBCSPNet"


def test_parameters_set_for_the_next_fit_do_not_change_the_network(pipe, trials, tmp_path):
    clf = MSiMambaClassifier(**TINY).fit(trials.X, trials.y)
    expected = clf.predict_proba(trials.X)
    back = there_and_back(clf.set_params(d_model=16), tmp_path)
    assert back.d_model == 16
    assert np.array_equal(back.predict_proba(trials.X), expected)


def test_a_loaded_model_trains_on_from_its_weights(trials, tmp_path):
    clf = MSiMambaClassifier(**{**TINY, "max_epochs": 2}, warm_start=True).fit(trials.X, trials.y)
    back = there_and_back(clf, tmp_path).fit(trials.X, trials.y)
    assert back.n_iter_ == 4
    assert back.history_[0] == clf.history_[0]
    assert back.history_[2]["train_loss"] < clf.history_[0]["train_loss"]


def test_the_callers_random_state_is_untouched(pipe, tmp_path):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    load_model(save_model(pipe, tmp_path / "model"))
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_equal(np.random.get_state(), numpy_state)


def test_a_saved_model_can_be_saved_again_to_the_same_bytes(original, trials, tmp_path):
    model = load_model(original)
    again = save_model(model.estimator, tmp_path / "model", trials=trials, scores={"accuracy": 0.5})
    for name in ("card.json", "weights.safetensors", "README.md"):
        assert (again / name).read_bytes() == (original / name).read_bytes()


# The card


def test_the_card_tells_what_the_model_is_and_comes_from(original, pipe, trials):
    card = json.loads((original / "card.json").read_text("utf-8"))
    assert card["input"] == {"n_channels": 4, "ch_names": NAMES, "sfreq": 128.0}
    assert card["model"] == {
        "network": "MSiMamba",
        "n_weights": sum(v.numel() for v in pipe[-1].net_.module_.state_dict().values()),
        "classes": [0, 1],
        "label_names": {},
        "channels": ["F3", "Fp1"],
        "window": {"n_times": 64, "stride": 64},
        "scaling": "robust",
        "voting": "soft",
    }
    assert card["training"]["data"] == {
        "name": "simulation",
        "n_trials": 12,
        "n_subjects": 2,
        "n_times": 128,
        "choices": {},
        "sha256": digest_of_trials(trials),
    }
    assert card["training"]["scores"] == {"accuracy": 0.5}
    assert card["versions"].keys() == {"skmamba", "torch", "numpy", "scikit-learn"}
    assert card["versions"]["numpy"] == np.__version__


def test_scores_may_be_a_table_and_notes_any_words(pipe, tmp_path):
    table = pd.DataFrame({"subject": ["a", "b"], "accuracy": [np.float32(0.5), np.nan]})
    path = save_model(
        pipe, tmp_path / "m", protocol={"cv": ("loso", 2)}, scores=table, notes="a | b\nc"
    )
    training = load_model(path).card["training"]
    assert training["scores"] == [
        {"subject": "a", "accuracy": 0.5},
        {"subject": "b", "accuracy": None},
    ]
    assert training["protocol"] == {"cv": ["loso", 2]}
    assert "| notes | a \\| b c |" in (path / "README.md").read_text("utf-8")


def test_the_digest_of_trials_sees_every_value_and_label(trials):
    X, y = trials.X.copy(), trials.y.copy()
    X[-1, -1, -1] = np.nextafter(X[-1, -1, -1], 0)
    y[0] = 1 - y[0]
    digests = {digest_of_trials(t) for t in (trials, replace(trials, X=X), replace(trials, y=y))}
    assert len(digests) == 3
    assert digest_of_trials(replace(trials, X=trials.X.copy(order="F"))) in digests


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sfreq": 256}, "sfreq must be one for all steps and trials, got 128 Hz and 256 Hz"),
        ({"ch_names": NAMES[::-1]}, "trials have the channels F4, F3, Fp2, Fp1, and the steps"),
    ],
)
def test_trials_that_contradict_the_steps_are_refused(changes, message, trials, tmp_path):
    windows = SlidingWindows(window_size=0.5, sfreq=trials.sfreq)
    pipe = make_pipe(ChannelPicker(ch_names=NAMES), windows).fit(trials.X, trials.y)
    with pytest.raises(ValueError, match=message):
        save_model(pipe, tmp_path / "model", trials=replace(trials, **changes))
    assert not os.listdir(tmp_path)


def test_trials_of_another_number_of_channels_are_refused(pipe, tmp_path):
    other = simulate_trials(n_subjects=1, n_trials=2, n_channels=3)
    with pytest.raises(ValueError, match="trials have 3 channels, and the model takes 4"):
        save_model(pipe, tmp_path / "model", trials=other)
    with pytest.raises(TypeError, match="trials must be Trials, got ndarray"):
        save_model(pipe, tmp_path / "model", trials=other.X)


# What cannot be saved


def nothing_is_written(estimator, folder, error, message, **more):
    with pytest.raises(error, match=message):
        save_model(estimator, folder / "model", **more)
    assert not os.listdir(folder)


def test_steps_of_others_are_refused_by_name(trials, tmp_path):
    foreign = make_pipe(FunctionTransformer()).fit(trials.X, trials.y)
    message = "one of BandPower, .*, got 'functiontransformer', a FunctionTransformer"
    nothing_is_written(foreign, tmp_path, TypeError, message)
    flat = trials.X.reshape(len(trials), -1)
    message = "last step must be one of .*, got 'classifier', a LogisticRegression"
    nothing_is_written(LogisticRegression().fit(flat, trials.y), tmp_path, TypeError, message)
    pipe = make_pipeline(SlidingWindows(window_size_samples=64)).fit(trials.X)
    nothing_is_written(pipe, tmp_path, TypeError, "got 'slidingwindows', a SlidingWindows")
    pipe = make_pipe("passthrough").fit(trials.X, trials.y)
    nothing_is_written(pipe, tmp_path, TypeError, "got 'passthrough', 'passthrough'")


def test_a_subclass_is_none_of_ours(trials, tmp_path):
    class Mine(MSiMambaClassifier):
        pass

    mine = Mine(**TINY).fit(trials.X, trials.y)
    nothing_is_written(mine, tmp_path, TypeError, "got 'classifier', a Mine")


def test_what_is_not_fitted_is_refused(tmp_path):
    nothing_is_written(make_pipe(), tmp_path, NotFittedError, "ChannelPicker")
    nothing_is_written(MSiMambaClassifier(), tmp_path, NotFittedError, "MSiMambaClassifier")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "callbacks",
            [LRScheduler("StepLR", step_size=1)],
            r"\.callbacks\[0\] is .*, and LRScheduler objects",
        ),
        ("optimizer", torch.optim.RMSprop, r"\.optimizer is .*RMSprop.*, and type objects"),
        ("random_state", np.random.RandomState(0), r"\.random_state is .*RandomState objects"),
    ],
)
def test_parameters_that_are_no_plain_things_are_named(name, value, message, trials, tmp_path):
    clf = MSiMambaClassifier(**{**TINY, name: value}).fit(trials.X, trials.y)
    nothing_is_written(clf, tmp_path, TypeError, f"classifier{message}")


def test_a_network_given_as_a_class_is_named(trials, tmp_path):
    clf = BraindecodeClassifier(DLinear, max_epochs=1).fit(trials.X, trials.y)
    nothing_is_written(clf, tmp_path, TypeError, r"classifier\.model is .*DLinear")


def test_an_attribute_of_ones_own_is_not_lost_in_silence(trials, tmp_path):
    clf = MSiMambaClassifier(**TINY).fit(trials.X, trials.y)
    clf.remark = "my best"
    nothing_is_written(clf, tmp_path, TypeError, r"classifier\.remark is neither a parameter nor")


def test_scores_that_cannot_be_said_are_named(pipe, tmp_path):
    message = r"scores\.model is .*, and object objects cannot be saved"
    nothing_is_written(pipe, tmp_path, TypeError, message, scores={"model": object()})


# Writing


@pytest.mark.parametrize("n_done", [0, 1, 2])
def test_a_crash_while_writing_leaves_nothing(n_done, pipe, tmp_path, monkeypatch):
    write, done = Path.write_bytes, []

    def fail_later(self, content):
        if len(done) == n_done:
            write(self, content[:7])
            raise OSError("No space left on device")
        done.append(self)
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", fail_later)
    nothing_is_written(pipe, tmp_path, OSError, "No space left")
    assert len(done) == n_done


def test_a_model_that_is_there_stays_unless_told(saved, pipe, trials):
    before = {file.name: file.read_bytes() for file in saved.iterdir()}
    with pytest.raises(FileExistsError, match=r"exists already: .* or overwrite=True"):
        save_model(pipe, saved)
    assert {file.name: file.read_bytes() for file in saved.iterdir()} == before
    other = make_pipe(random_state=1).fit(trials.X, trials.y)
    save_model(other, saved, overwrite=True)
    expected = other.predict_proba(trials.X)
    assert np.array_equal(load_model(saved).predict_proba(trials.X), expected)
    assert os.listdir(saved.parent) == ["model"]


@pytest.mark.parametrize("n_done", [0, 1])
def test_a_crash_while_replacing_leaves_the_old_model(n_done, saved, pipe, trials, monkeypatch):
    expected = load_model(saved).predict_proba(trials)
    other = make_pipe(random_state=1).fit(trials.X, trials.y)
    rename, calls = Path.rename, []

    def fail_once(self, target):
        calls.append(target)
        if len(calls) == n_done + 1:
            raise OSError("Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(OSError, match="Input/output error"):
        save_model(other, saved, overwrite=True)
    assert os.listdir(saved.parent) == ["model"]
    assert np.array_equal(load_model(saved).predict_proba(trials), expected)


def test_a_folder_of_other_things_is_never_replaced(pipe, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"is not replaced: thesis\.tex is no part"):
        save_model(pipe, tmp_path, overwrite=True)
    with pytest.raises(FileExistsError, match=r"is not replaced: thesis\.tex is no part"):
        save_model(pipe, tmp_path / "thesis.tex", overwrite=True)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_folder_that_is_not_there_is_not_made_up(pipe, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*absent to save model in"):
        save_model(pipe, tmp_path / "absent" / "model")


def test_saving_says_what_to_install(pipe, tmp_path, monkeypatch):
    import_any = builtins.__import__

    def no_safetensors(name, *args, **kwargs):
        if name.startswith("safetensors"):
            raise ImportError("No module named 'safetensors'")
        return import_any(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_safetensors)
    message = r"pip install 'skmamba\[saving\]'"
    nothing_is_written(pipe, tmp_path, ImportError, message)


# Damage


@pytest.mark.parametrize("place", [0.0, 0.05, 0.5, 0.999])
def test_a_flipped_bit_of_the_weights_is_seen(place, saved):
    file = saved / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.safetensors cannot be loaded: it was changed"):
        load_model(saved)


def test_every_changed_number_of_the_card_is_seen(saved):
    file = saved / "card.json"
    text = file.read_text("utf-8")
    places = [i for i, sign in enumerate(text) if sign in "123456789"]
    for place in places[:: len(places) // 40]:
        file.write_text(f"{text[:place]}0{text[place + 1 :]}", "utf-8")
        with pytest.raises(ValueError, match=r"card\.json cannot be loaded"):
            load_model(saved)
    file.write_text(text.replace('"F3"', '"F4"', 1), "utf-8")
    with pytest.raises(ValueError, match=r"card\.json cannot be loaded: it was changed after"):
        load_model(saved)


def test_other_spaces_and_line_ends_change_nothing(saved, trials):
    file = saved / "card.json"
    expected = load_model(saved).predict_proba(trials)
    file.write_text(json.dumps(json.loads(file.read_text("utf-8"))).replace(",", ",\r\n"))
    assert np.array_equal(load_model(saved).predict_proba(trials), expected)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("weights.safetensors", r"weights\.safetensors cannot be loaded: it is cut: it has .* of"),
        ("card.json", r"card\.json cannot be loaded: it is no JSON"),
    ],
)
@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_cut_files_are_named(name, message, share, saved):
    file = saved / name
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=message):
        load_model(saved)


@pytest.mark.parametrize("name", ["weights.safetensors", "card.json"])
def test_missing_files_are_named(name, saved):
    (saved / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"is no saved model: it has no {name}"):
        load_model(saved)


def test_a_folder_that_is_not_there_is_no_model(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent is no saved model: it has no card\.json"):
        load_model(tmp_path / "absent")


def test_files_that_are_too_large_are_not_read(saved, monkeypatch):
    with (saved / "weights.safetensors").open("ab") as file:
        file.truncate(1 << 40)  # a hole: no byte of it is there
    with pytest.raises(ValueError, match=r"has 1099511627776 bytes, where at most"):
        load_model(saved)
    with (saved / "card.json").open("ab") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match=r"card\.json has 1099511627776 bytes, where at most"):
        load_model(saved)


class Bomb:
    exploded = False

    def __reduce__(self):
        return setattr, (Bomb, "exploded", True)


@pytest.mark.parametrize("name", ["weights.safetensors", "card.json"])
def test_a_pickle_in_the_place_of_a_file_is_not_run(name, saved):
    pickled = pickle.dumps(Bomb())
    pickle.loads(pickled)
    assert Bomb.exploded  # it would
    Bomb.exploded = False
    (saved / name).write_bytes(pickled)
    with pytest.raises(ValueError, match=f"{name} cannot be loaded"):
        load_model(saved)
    if name == "weights.safetensors":
        told = {"bytes": len(pickled), "sha256": _folder.sha256(pickled)}
        rewrite(saved, lambda card: card["files"].update({name: told}))
        with pytest.raises(ValueError, match="it is no safetensors file"):
            load_model(saved)
    assert not Bomb.exploded


def step(card, number=-1):
    return card["steps"][number]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format="other"), "it does not say format 'skmamba model'"),
        (lambda c: c.update(format_version=2), "format_version 2, and this skmamba reads 1"),
        (
            lambda c: c.update(more=1),
            r"lacks the entries \[\] and has the unknown entries \['more'\]",
        ),
        (lambda c: c.pop("files"), r"lacks the entries \['files'\]"),
        (lambda c: c.update(files={}), r"weights\.safetensors cannot be loaded: card\.json says"),
        (lambda c: step(c).update({"class": "Popen"}), "of class 'Popen', and only BandPower"),
        (lambda c: step(c).update({"class": "os.system"}), "class 'os.system', and only"),
        (lambda c: step(c)["params"].update(shell=True), "has the unknown parameters shell"),
        (lambda c: step(c)["fitted"].update(predict=1), "has the unknown attributes predict"),
        (lambda c: step(c)["fitted"].update(__class__=1), "unknown attributes __class__"),
        (lambda c: step(c)["fitted"].pop("_saved_net"), r"weights hold the arrays|cannot be built"),
        (lambda c: step(c)["params"].update(callbacks=["print"]), "'msimambaclassifier' cannot be"),
        (lambda c: step(c).update(requests={"__init__": {}}), "unknown method '__init__'"),
        (
            lambda c: c["pipeline"].update(memory="here"),
            "the pipeline has the unknown options memory",
        ),
        (lambda c: c["steps"].pop(0), "weights hold the arrays .*picks_"),
        (lambda c: c.update(steps=[]), "weights hold the arrays"),
        (lambda c: c.update(steps="none"), "string indices"),
    ],
)
def test_a_card_that_was_changed_with_care_brings_nothing_else_to_life(change, message, saved):
    rewrite(saved, change)
    with pytest.raises(ValueError, match=message):
        load_model(saved)


def test_weights_must_fit_the_architecture(saved):
    def widen(card):
        step(card)["fitted"]["_saved_net"]["architecture"]["params"]["d_model"] = 16

    rewrite(saved, widen)
    with pytest.raises(ValueError, match=r"cannot be built: Error.* in loading state_dict"):
        load_model(saved)


def test_every_weight_must_be_there_and_none_more(saved):
    import safetensors.numpy

    file = saved / "weights.safetensors"
    arrays = safetensors.numpy.load_file(file)

    def store(arrays):
        content = safetensors.numpy.save(arrays)
        file.write_bytes(content)
        told = {"bytes": len(content), "sha256": _folder.sha256(content)}
        rewrite(saved, lambda card: card["files"].update({file.name: told}))

    store({**arrays, "more": np.zeros(1)})
    with pytest.raises(ValueError, match=r"weights hold the arrays \['more'\], which no step"):
        load_model(saved)
    some = next(name for name in arrays if name.endswith("head.bias"))
    store({name: arrays[name] for name in arrays if name != some})
    with pytest.raises(ValueError, match=r"malformed entry '\$array' .*head\.bias"):
        load_model(saved)


def test_parameters_that_came_later_have_their_defaults(saved, trials):
    rewrite(saved, lambda card: step(card)["params"].pop("patience"))
    assert load_model(saved).estimator[-1].patience == MSiMambaClassifier().patience


# What data a model takes


def test_trials_of_another_rate_are_refused(original, trials):
    with pytest.raises(ValueError, match="rate of 256 Hz, but the model expects 128 Hz"):
        load_model(original).predict(replace(trials, sfreq=256))


def test_trials_of_other_channels_are_refused(original, trials):
    model = load_model(original)
    swapped = replace(trials, ch_names=["Fp2", "Fp1", "F3", "F4"])
    with pytest.raises(
        ValueError, match="X has its channels in another order: Fp2, Fp1, F3, F4, but the model"
    ):
        model.predict(swapped)
    with pytest.raises(ValueError, match=r"X has other channels: O1, .* expects Fp1, Fp2, F3, F4"):
        model.predict_proba(replace(trials, ch_names=["O1", "Fp2", "F3", "F4"]))
    fewer = replace(trials, X=trials.X[:, :3], ch_names=trials.ch_names[:3])
    with pytest.raises(ValueError, match="3 channels, but the model expects 4: Fp1, Fp2, F3, F4"):
        model.predict(fewer)


def test_names_may_be_spelled_in_other_ways(trials, tmp_path):
    old = replace(trials, ch_names=["T3", "T4", "T5", "T6"])
    clf = MSiMambaClassifier(**TINY).fit(old.X, old.y)
    model = load_model(save_model(clf, tmp_path / "model", trials=old))
    model.predict(replace(old, ch_names=["T7", "T8", "p7", "P8"]))


def test_of_an_array_the_number_of_channels_is_checked_and_what_is_told(original, pipe, trials):
    model = load_model(original)
    assert np.array_equal(
        model.predict_proba(trials.X, sfreq=128, ch_names=NAMES), pipe.predict_proba(trials.X)
    )
    with pytest.raises(ValueError, match="X has 5 channels, but the model expects 4"):
        model.predict(np.zeros((2, 5, 128)))
    with pytest.raises(ValueError, match="rate of 100 Hz, but the model expects 128 Hz"):
        model.predict(trials.X, sfreq=100)
    with pytest.raises(ValueError, match="X has its channels in another order: F4, F3, Fp2, Fp1"):
        model.predict(trials.X, ch_names=NAMES[::-1])


def test_epochs_bring_their_rate_and_channels(make_epochs, trials, tmp_path):
    epochs = make_epochs(12, NAMES, n_times=128, other=["EOG"])
    clf = MSiMambaClassifier(**TINY).fit(epochs, trials.y)
    known = Trials.from_epochs(epochs, trials.y)
    model = load_model(save_model(clf, tmp_path / "model", trials=known))
    assert np.array_equal(model.predict_proba(epochs), clf.predict_proba(epochs))
    assert np.array_equal(model.predict([epochs[i] for i in (0, 1)]), clf.predict(epochs[:2]))
    with pytest.raises(ValueError, match="rate of 64 Hz, but the model expects 128 Hz"):
        model.predict(make_epochs(2, NAMES, sfreq=64.0, n_times=128))
    with pytest.raises(ValueError, match="X has its channels in another order: F4, F3, Fp2, Fp1"):
        model.predict(make_epochs(2, NAMES[::-1], n_times=128))
    with pytest.raises(ValueError, match="X has 3 channels, but the model expects 4"):
        model.predict(make_epochs(2, NAMES[:3], n_times=128))


def test_what_nobody_told_is_not_checked(trials, tmp_path):
    clf = MSiMambaClassifier(**TINY).fit(trials.X, trials.y)
    model = load_model(save_model(clf, tmp_path / "model"))
    assert (model.n_channels, model.ch_names, model.sfreq) == (4, None, None)
    model.predict(replace(trials, sfreq=256, ch_names=list("abcd")))
    assert repr(model) == "<SavedModel: MSiMambaClassifier, 4 channels -> 0, 1>"


def test_rows_of_one_channel_pass(trials, tmp_path):
    rows = trials.X[:, 0]
    clf = MSiMambaClassifier(**TINY).fit(rows, trials.y)
    model = load_model(save_model(clf, tmp_path / "model"))
    assert np.array_equal(model.predict_proba(rows), clf.predict_proba(rows))
    assert _model.LARGEST_CARD > 100 * (tmp_path / "model" / "card.json").stat().st_size
