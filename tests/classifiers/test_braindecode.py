import pickle
import sys

import numpy as np
import pytest
import torch
from braindecode import EEGClassifier
from braindecode.models import ShallowFBCSPNet
from sklearn.base import clone

from skmamba import BraindecodeClassifier, MSiMambaClassifier, SlidingWindows
from skmamba.classifiers import _braindecode
from skmamba.datasets import simulate_trials
from skmamba.models import DLinear, ITransformer
from skmamba.modules import MSiMamba


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=3, n_trials=8, n_times=512)


@pytest.fixture(scope="module")
def bags(trials):
    return SlidingWindows(window_size_samples=256, stride_samples=128).fit_transform(trials.X)


@pytest.mark.parametrize(
    "model", ["EEGNet", "ShallowFBCSPNet", "ATCNet", "EEGConformer", "TSception", "Deep4Net"]
)
def test_models_answer_by_trial_and_survive_a_pickle(model, bags, trials):
    options = {"sfreq": trials.sfreq, "max_epochs": 1, "random_state": 0}
    params = None
    if model == "Deep4Net":
        params = {
            "filter_time_length": 3,
            "filter_length_2": 3,
            "filter_length_3": 3,
            "filter_length_4": 3,
            "pool_time_length": 2,
            "pool_time_stride": 2,
        }
    clf = BraindecodeClassifier(model, params, **options).fit(bags, trials.y)
    proba = clf.predict_proba(bags)
    assert proba.shape == (24, 2)
    assert proba.sum(1) == pytest.approx(np.ones(24), abs=1e-5)
    assert np.array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(bags), proba)


@pytest.mark.parametrize("model", ["EEGNet", "ShallowFBCSPNet"])
def test_a_planted_difference_is_found_in_new_subjects(model):
    trials = simulate_trials(n_subjects=8, n_trials=12, n_times=512, effect=1.5)
    bags = SlidingWindows(window_size_samples=256).fit_transform(trials.X)
    new = trials.metadata["subject"].to_numpy() >= 6
    clf = BraindecodeClassifier(model, random_state=0).fit(bags[~new], trials.y[~new])
    assert clf.score(bags[new], trials.y[new]) > 0.8


def test_string_labels_work(bags, trials):
    words = np.array(["rest", "task"])[trials.y]
    clf = BraindecodeClassifier(max_epochs=1, random_state=0).fit(bags, words)
    assert set(clf.predict(bags)) <= {"rest", "task"}


def test_refit_with_windows_of_another_length_works(trials):
    clf = BraindecodeClassifier(max_epochs=1, random_state=0)
    for size in (256, 128):
        bags = SlidingWindows(window_size_samples=size).fit_transform(trials.X)
        assert clf.fit(bags, trials.y).predict(bags).shape == (24,)


def test_the_callers_random_state_is_untouched(bags, trials):
    before = np.random.get_state()
    BraindecodeClassifier(max_epochs=1).fit(bags, trials.y)
    np.testing.assert_equal(np.random.get_state(), before)


def test_training_parameters_are_those_of_ms_imamba_but_for_rate_and_epochs():
    ours, theirs = MSiMambaClassifier().get_params(), BraindecodeClassifier().get_params()
    network = {"model", "model_params", "sfreq", "lr", "max_epochs"}
    assert set(theirs) - network <= set(ours)
    assert {name: ours[name] for name in set(theirs) - network} == {
        name: value for name, value in theirs.items() if name not in network
    }


def test_an_unknown_model_is_told_with_the_nearest(bags, trials):
    with pytest.raises(ValueError, match=r"^braindecode has no model 'EEGnet'\. Nearest: EEGNet"):
        BraindecodeClassifier("EEGnet").fit(bags, trials.y)


class LogPower(torch.nn.Module):
    """A network of one's own: power of channels, a linear map."""

    def __init__(self, n_chans, n_outputs, n_times, *, width=None):
        super().__init__()
        if n_times < 8:
            raise ValueError("too short")
        self.head = torch.nn.Linear(n_chans, width or n_outputs)

    def forward(self, x):
        return self.head((x.var(2) + 1e-3).log())


def test_a_class_is_trained_as_its_name_is(bags, trials):
    by_name = BraindecodeClassifier("ShallowFBCSPNet", max_epochs=2, random_state=0)
    by_class = clone(by_name).set_params(model=ShallowFBCSPNet)
    probas = [clf.fit(bags, trials.y).predict_proba(bags) for clf in (by_name, by_class)]
    np.testing.assert_array_equal(*probas)
    assert type(by_class.net_.module_) is ShallowFBCSPNet


def test_a_class_needs_no_braindecode(monkeypatch, bags, trials):
    monkeypatch.setitem(sys.modules, "braindecode", None)
    clf = BraindecodeClassifier(DLinear, max_epochs=1, random_state=0).fit(bags, trials.y)
    assert isinstance(clf.net_.module_, DLinear)


def test_a_class_gets_the_parameters_of_the_network(bags, trials):
    params = {"d_model": 12, "n_heads": 3}
    clf = BraindecodeClassifier(ITransformer, params, sfreq=128.0, max_epochs=1, random_state=0)
    net = clf.fit(bags, trials.y).net_.module_
    assert (net.n_chans, net.n_outputs, net.n_times, net.sfreq) == (4, 2, 256, 128.0)
    assert net.norm.normalized_shape == (12,)
    assert net.layers[0].self_attn.num_heads == 3


@pytest.mark.parametrize("model", [LogPower, DLinear])
def test_a_class_is_cloned_shown_and_pickled(model, bags, trials):
    clf = clone(BraindecodeClassifier(model, max_epochs=1, random_state=0))
    assert clf.get_params()["model"] is model
    assert model.__name__ in repr(clf)
    proba = clf.fit(bags, trials.y).predict_proba(bags)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(bags), proba)
    assert again.model is model


def test_a_warm_start_goes_on_with_the_same_class_only(bags, trials):
    clf = BraindecodeClassifier(DLinear, max_epochs=1, warm_start=True, random_state=0)
    clf.fit(bags, trials.y).fit(bags, trials.y)
    assert clf.n_iter_ == 2
    with pytest.raises(ValueError, match="warm_start goes on with the same network"):
        clf.set_params(model=LogPower).fit(bags, trials.y)


def test_a_class_that_does_not_take_the_windows_is_told_by_its_name(bags, trials):
    clf = BraindecodeClassifier(LogPower, max_epochs=1, random_state=0)
    with pytest.warns(UserWarning, match="^LogPower takes no windows of 4 time points: each is re"):
        clf.fit(bags[..., :4], trials.y)
    with pytest.raises(ValueError, match=r"^LogPower does not classify .*: 2 windows gave .*\b5\b"):
        clf.set_params(model_params={"width": 5}).fit(bags, trials.y)


@pytest.mark.parametrize("model", [None, 3, dict, torch.nn.Linear(2, 2)])
def test_what_is_neither_name_nor_class_is_refused(model, bags, trials):
    with pytest.raises(ValueError, match="model must be the name of a network or a class of torch"):
        BraindecodeClassifier(model).fit(bags, trials.y)


def test_windows_too_short_for_a_model_are_repeated_and_a_warning_says_so(bags, trials):
    short = bags[..., :8]
    clf = BraindecodeClassifier(max_epochs=1, random_state=0)
    with pytest.warns(UserWarning, match="EEGNet takes no windows of 8 time points: each is repe"):
        clf.fit(short, trials.y)
    scaled = ((short - clf.center_[:, None]) / clf.scale_[:, None]).clip(-8, 8)
    repeated = torch.from_numpy(np.tile(scaled.reshape(-1, 4, 8), 16)).float()
    with torch.no_grad():
        proba = clf.net_.module_.eval()(repeated).softmax(1).reshape(24, 3, 2).mean(1)
    np.testing.assert_allclose(clf.predict_proba(short), proba, atol=1e-5)


def test_windows_that_no_repetition_helps_are_told(bags, trials):
    clf = BraindecodeClassifier("HybridNet")
    with pytest.raises(ValueError, match="HybridNet does not classify windows of 4 channels x 256"):
        clf.fit(bags, trials.y)
    assert not hasattr(clf, "classes_")


def test_a_model_that_does_not_classify_windows_is_told(bags, trials):
    with pytest.raises(ValueError, match="SignalJEPA does not classify windows"):
        BraindecodeClassifier("SignalJEPA", sfreq=128).fit(bags, trials.y)


def test_missing_braindecode_is_told_with_the_remedy(monkeypatch, bags, trials):
    monkeypatch.setitem(sys.modules, "braindecode", None)
    with pytest.raises(ImportError, match=r"pip install 'skmamba\[braindecode\]'"):
        BraindecodeClassifier().fit(bags, trials.y)


def test_a_torchaudio_for_cuda_is_told_with_the_remedy(monkeypatch):
    class Broken:
        def find_spec(self, name, *rest):
            if name == "braindecode":
                raise OSError("libc10_cuda.so: cannot open shared object file")

    for name in [name for name in sys.modules if name.split(".")[0] == "braindecode"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(ImportError, match=r"remove torchaudio's file lib/_torchaudio\.abi3\.so"):
        _braindecode._braindecode_models()


def test_our_network_runs_in_braindecodes_classifier(trials):
    clf = EEGClassifier(
        MSiMamba,
        module__d_model=8,
        module__d_hidden=4,
        max_epochs=1,
        train_split=None,
        batch_size=8,
        verbose=0,
    )
    clf.fit(trials.X, trials.y)
    assert clf.module_.n_times == 512
    assert clf.predict(trials.X).shape == (24,)
