import pickle
import sys

import numpy as np
import pytest
import torch
from braindecode.models import EEGNet, ShallowFBCSPNet
from sklearn.base import clone

from skmamba import BraindecodeClassifier, MSiMambaClassifier, SlidingWindows
from skmamba.datasets import simulate_trials
from skmamba.models import DLinear, ITransformer, MSiMamba


def make_clf(*args, **params):
    return BraindecodeClassifier(*args, **{"max_epochs": 1, "random_state": 0, **params})


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=3, n_trials=8, n_times=512)


@pytest.fixture(scope="module")
def bags(trials):
    return SlidingWindows(window_size_samples=256, stride_samples=128).fit_transform(trials.X)


class LogPower(torch.nn.Module):
    """A user's network: linear map of the log power of channels."""

    def __init__(self, n_chans, n_outputs, n_times, *, width=None):
        super().__init__()
        if n_times < 8:
            raise ValueError("too short")
        self.linear = torch.nn.Linear(n_chans, width or n_outputs)

    def forward(self, x):
        return self.linear((x.var(2) + 1e-3).log())


@pytest.mark.filterwarnings("ignore:n_times .* is smaller than the minimum:UserWarning")
@pytest.mark.parametrize(
    "model",
    ["EEGNet", "ATCNet", "EEGConformer", "TSception", "Deep4Net", DLinear, MSiMamba, LogPower],
)
def test_networks_predict_trials_and_can_be_cloned_and_pickled(model, bags, trials):
    # not every network has a parameter for the sampling rate
    sfreq = None if model is LogPower else trials.sfreq
    clf = clone(make_clf(model, sfreq=sfreq))
    assert clf.get_params()["model"] is model
    proba = clf.fit(bags, trials.y).predict_proba(bags)
    assert proba.shape == (24, 2)
    assert proba.sum(1) == pytest.approx(np.ones(24), abs=1e-5)
    again = pickle.loads(pickle.dumps(clf))
    assert again.model == model
    assert np.array_equal(again.predict_proba(bags), proba)


@pytest.mark.parametrize("model", ["EEGNet", "ShallowFBCSPNet"])
def test_a_class_difference_is_found_in_new_subjects(model):
    trials = simulate_trials(n_subjects=8, n_trials=12, n_times=512, effect=1.5)
    bags = SlidingWindows(window_size_samples=256).fit_transform(trials.X)
    new = trials.metadata["subject"].to_numpy() >= 6
    clf = BraindecodeClassifier(model, random_state=0).fit(bags[~new], trials.y[~new])
    assert clf.score(bags[new], trials.y[new]) > 0.8


def test_refit_with_string_labels_and_another_window_length(trials):
    clf, words = make_clf(), np.array(["rest", "task"])[trials.y]
    for size in (256, 128):
        bags = SlidingWindows(window_size_samples=size).fit_transform(trials.X)
        assert set(clf.fit(bags, words).predict(bags)) <= {"rest", "task"}


def test_training_parameters_are_those_of_msimamba_but_for_three():
    msimamba, braindecode = MSiMambaClassifier().get_params(), BraindecodeClassifier().get_params()
    for name in ("model", "sfreq", "lr", "max_epochs", "average_weights"):
        del braindecode[name]
    assert braindecode == {name: msimamba[name] for name in braindecode}


def test_a_class_is_trained_as_its_name_is(bags, trials):
    by_name = make_clf("ShallowFBCSPNet", max_epochs=2)
    by_class = clone(by_name).set_params(model=ShallowFBCSPNet)
    probas = [clf.fit(bags, trials.y).predict_proba(bags) for clf in (by_name, by_class)]
    np.testing.assert_array_equal(*probas)
    assert type(by_class.net_.module_) is ShallowFBCSPNet


def test_a_class_does_not_require_braindecode(monkeypatch, bags, trials):
    monkeypatch.setitem(sys.modules, "braindecode", None)
    assert isinstance(make_clf(DLinear).fit(bags, trials.y).net_.module_, DLinear)


def test_module_params_and_sfreq_reach_the_network(bags, trials):
    clf = make_clf(ITransformer, {"d_model": 12, "n_heads": 3}, sfreq=128.0)
    net = clf.fit(bags, trials.y).net_.module_
    assert (net.n_chans, net.n_outputs, net.n_times, net.sfreq) == (4, 2, 256, 128.0)
    assert net.norm.normalized_shape == (12,)
    assert net.layers[0].self_attn.num_heads == 3


@pytest.mark.parametrize("sfreq", [None, 128.0])
def test_the_rate_of_trials_reaches_networks_that_take_one(sfreq, trials):
    windows = SlidingWindows(2.0).fit_transform(trials)
    clf = make_clf(ITransformer, {"d_model": 12}, sfreq=sfreq)
    assert clf.fit(windows, trials.y).net_.module_.sfreq == 128.0
    assert clf.partial_fit(windows, trials.y).n_iter_ == 2
    make_clf(LogPower).fit(windows, trials.y)
    with pytest.raises(ValueError, match="sfreq must be 128 Hz, the sampling rate of X, got 250"):
        clf.set_params(sfreq=250.0).fit(windows, trials.y)


def test_warm_start_requires_the_same_class(bags, trials):
    clf = make_clf(DLinear, warm_start=True)
    clf.fit(bags, trials.y).fit(bags, trials.y)
    assert clf.n_iter_ == 2
    with pytest.raises(ValueError, match="require the network of the earlier fit"):
        clf.set_params(model=LogPower).fit(bags, trials.y)


@pytest.mark.parametrize(
    ("model", "params", "message"),
    [
        ("EEGnet", None, r"model must be a network of braindecode, got 'EEGnet'\. Did .* EEGNet"),
        ("eegnet", None, r"got 'eegnet'\. Did you mean EEGNet, "),
        (None, None, "model must be the name of a braindecode network or a subclass of torch"),
        (dict, None, "model must be .*, got <class 'dict'>"),
        (torch.nn.Linear(2, 2), None, r"model must be .*, got Linear\("),
        (DLinear, {"sfreq": 128}, "must not contain 'sfreq', which BraindecodeClassifier sets"),
        (DLinear, {"n_times": 128}, "module_params must not contain 'n_times'"),
        (DLinear, {"d_model": 8}, r"parameters of DLinear \(.*kernel_size.*\), got 'd_model'"),
        (DLinear, {"kernel_size": 4}, r"^DLinear cannot classify windows of 4 .* must be odd"),
        (LogPower, {"width": 5}, r"^LogPower cannot classify windows .* shape .*\b5\b"),
        ("SignalJEPA", None, "^SignalJEPA cannot classify windows of 4 channels x 256 samples"),
    ],
)
def test_a_wrong_network_is_an_error(model, params, message, bags, trials):
    clf = make_clf(model, params)
    with pytest.raises(ValueError, match=message):
        clf.fit(bags, trials.y)
    assert not hasattr(clf, "classes_")


@pytest.mark.parametrize("model", [EEGNet, LogPower])
def test_windows_too_short_are_an_error(model, bags, trials):
    message = (
        f"^{model.__name__} cannot classify windows of 4 channels x 4 samples .* longer windows"
    )
    with pytest.raises(ValueError, match=message):
        make_clf(model).fit(bags[..., :4], trials.y)


def test_missing_braindecode_is_an_error_with_the_remedy(monkeypatch, bags, trials):
    monkeypatch.setitem(sys.modules, "braindecode", None)
    with pytest.raises(ImportError, match=r"pip install 'skmamba\[braindecode\]'"):
        BraindecodeClassifier().fit(bags, trials.y)


def test_a_broken_torchaudio_is_an_error_with_the_remedy(monkeypatch, bags, trials):
    class Broken:
        def find_spec(self, name, *rest):
            if name == "braindecode":
                raise OSError("libc10_cuda.so: cannot open shared object file")

    for name in [name for name in sys.modules if name.split(".")[0] == "braindecode"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(ImportError, match=r"remove torchaudio's file lib/_torchaudio\.abi3\.so"):
        BraindecodeClassifier().fit(bags, trials.y)
