"""MSiMamba as a network of braindecode: arguments, methods, wrappers, compilation and export."""

import copy
import inspect
import json
import pickle
import shutil
from types import MethodType

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from skmamba.models import MSiMamba

SMALL = {"d_model": 8, "d_hidden": 4, "n_kernels": 2}
CHS_INFO = mne.create_info(["C3", "Cz", "C4"], 100.0, "eeg")["chs"]
CHANNELS = [{"n_chans": 3}, {"chs_info": CHS_INFO}, {"n_chans": 3, "chs_info": CHS_INFO}]
DURATIONS = [
    {"n_times": 200},
    {"n_times": 200, "sfreq": 100.0},
    {"sfreq": 100.0, "input_window_seconds": 2.0},
    {"n_times": 200, "input_window_seconds": 2.0},
    {"n_times": 200, "sfreq": 100.0, "input_window_seconds": 2.0},
]

DEPRECATED = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # also in torch


def build(**params):
    torch.manual_seed(0)
    return MSiMamba(**{"n_chans": 3, "n_outputs": 2, "n_times": 64, **SMALL, **params})


def make_windows(n_windows=3, n_times=64):
    return torch.randn(n_windows, 3, n_times, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("channels", CHANNELS, ids=list)
@pytest.mark.parametrize("duration", DURATIONS, ids=list)
def test_signal_arguments_determine_each_other(channels, duration):
    net = MSiMamba(n_outputs=2, **channels, **duration, **SMALL)
    assert (net.n_chans, net.n_outputs, net.n_times) == (3, 2, 200)
    rate, seconds = (100.0, 2.0) if len(duration) > 1 else (None, None)
    assert (net.sfreq, net.input_window_seconds) == (rate, seconds)
    assert net.chs_info is channels.get("chs_info")
    assert net(make_windows(n_times=200)).shape == (3, 2)


def test_a_window_that_is_no_whole_number_of_samples_is_rounded():
    assert build(n_times=None, sfreq=128, input_window_seconds=0.505).n_times == 65


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_outputs": None}, "n_outputs must be given, got None"),
        ({"n_chans": None}, "n_chans or chs_info must be given, got None for both"),
        ({"n_chans": 4, "chs_info": CHS_INFO}, "n_chans must be .* in chs_info, 3, got 4"),
        ({"n_times": None}, "n_times, or sfreq and input_window_seconds, must be given, got n_tim"),
        ({"n_times": None, "sfreq": 128}, "must be given, got n_times=None, sfreq=128 and input_w"),
        (
            {"sfreq": 100, "input_window_seconds": 2},
            r"n_times must be input_window_seconds \* sfreq, 2 \* 100 = 200, got 64",
        ),
        ({"sfreq": 0}, "sfreq must be a positive number, got 0"),
        ({"input_window_seconds": -1.0}, r"input_window_seconds must be a positive number, got -1"),
        ({"activation": nn.ReLU()}, r"activation must be a subclass of torch.nn.Module, got ReLU"),
    ],
)
def test_missing_and_contradictory_arguments_raise(params, message):
    with pytest.raises(ValueError, match=message):
        build(**params)


@pytest.fixture(params=["epochs", "array", "WindowsDataset", "BaseConcatDataset", "lazy"])
def data(request, tmp_path):
    """X and y for EEGClassifier, of 12 windows of 3 channels and 64 samples."""
    datasets = pytest.importorskip("braindecode.datasets")
    y = np.arange(12) % 2
    windowing = {"i_window_in_trial": 0, "i_start_in_trial": range(12), "i_stop_in_trial": 64}
    epochs = mne.EpochsArray(
        1e-6 * np.random.default_rng(0).standard_normal((12, 3, 64)),
        mne.create_info(["C3", "Cz", "C4"], 64.0, "eeg"),
        metadata=pd.DataFrame({**windowing, "target": y}),
        verbose=False,
    )
    if request.param == "epochs":
        return epochs, y
    if request.param == "array":
        return epochs.get_data(units="uV").astype("float32"), y
    if request.param == "lazy":
        epochs.save(tmp_path / "windows-epo.fif", verbose=False)
        epochs = mne.read_epochs(tmp_path / "windows-epo.fif", preload=False, verbose=False)
    windows = datasets.WindowsDataset(epochs, description={"subject": 1})
    if request.param == "WindowsDataset":
        return windows, None
    return datasets.BaseConcatDataset([windows]), None


def test_EEGClassifier_fits_the_class_without_sizes(data):
    from braindecode import EEGClassifier
    from skorch.dataset import ValidSplit

    X, y = data
    clf = EEGClassifier(
        MSiMamba,
        optimizer=torch.optim.Adam,
        batch_size=2,
        max_epochs=1,
        classes=[0, 1],
        train_split=ValidSplit(0.2, random_state=0),
        verbose=0,
    )
    net = clf.fit(X, y).module_
    assert (net.n_chans, net.n_outputs, net.n_times) == (3, 2, 64)
    if isinstance(X, mne.BaseEpochs):
        assert (net.sfreq, net.input_window_seconds) == (64, 1)
        assert [channel["ch_name"] for channel in net.chs_info] == ["C3", "Cz", "C4"]
    proba = clf.predict_proba(X)
    assert proba.shape == (12, 2)
    assert np.array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X), proba)


@pytest.mark.parametrize("activation", [nn.ELU, nn.PReLU])
def test_every_GELU_is_replaced_by_the_activation(activation):
    def count(net, kind):
        return sum(isinstance(module, kind) for module in net.modules())

    net = build(activation=activation, n_layers=2)
    assert count(net, nn.GELU) == 0
    assert count(net, activation) == count(build(n_layers=2), nn.GELU) == 3
    net(make_windows()).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_drop_prob_is_that_of_every_dropout():
    rates = [
        module.p for module in build(drop_prob=0.4).modules() if isinstance(module, nn.Dropout)
    ]
    assert set(rates) == {0.4}


def test_a_reset_head_has_new_outputs_behind_the_same_features():
    net = build().double().eval()
    weights = {name: weight.clone() for name, weight in net.state_dict().items()}
    net.reset_head(5)
    assert net.n_outputs == 5
    assert net(make_windows().double()).shape == (3, 5)
    assert [name for name, _ in net.named_children()][-1] == "final_layer"
    for name, weight in net.state_dict().items():
        assert name.startswith("final_layer.") or torch.equal(weight, weights[name])
    with pytest.raises(ValueError, match="n_outputs must be an integer of at least 1, got 0"):
        net.reset_head(0)


@pytest.mark.parametrize("n_outputs", [2, 5])
def test_the_output_shape_is_that_of_one_window(n_outputs):
    net = build(n_outputs=n_outputs)
    assert net.get_output_shape() == net(make_windows(1)).shape


def test_the_configuration_is_JSON_and_builds_the_network():
    net = build(n_chans=None, chs_info=CHS_INFO, activation=nn.ELU, drop_prob=0.25, n_layers=2)
    net.reset_head(4)
    config = json.loads(json.dumps(net.get_config()))
    assert config.keys() == inspect.signature(MSiMamba).parameters.keys()
    assert config["activation"] == "torch.nn.modules.activation.ELU"
    assert (config["drop_prob"], config["n_outputs"]) == (0.25, 4)
    assert [channel["ch_name"] for channel in config["chs_info"]] == ["C3", "Cz", "C4"]
    other = MSiMamba.from_config(config)
    other.load_state_dict(net.state_dict())
    x = make_windows()
    assert torch.equal(other.eval()(x), net.eval()(x))


def test_activations_outside_of_torch_are_not_imported_from_a_configuration():
    config = {**build().get_config(), "activation": "package.module.GELU"}
    with pytest.raises(ValueError, match=r"activation must be .* got 'package\.module"):
        MSiMamba.from_config(config)


@DEPRECATED
@pytest.mark.filterwarnings("ignore:Torchinductor does not support .* complex:UserWarning")
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile requires a C++ compiler")
def test_the_network_is_compiled():
    net = build(top_k=1, n_kernels=1, bidirectional=False).eval()  # compiled fast
    x = make_windows(1)
    torch.compiler.reset()
    compiled = torch.compile(net, mode="reduce-overhead", dynamic=False)
    torch.testing.assert_close(compiled(x), net(x), atol=1e-5, rtol=0)


def test_the_network_is_exported():
    net, x = build().eval(), make_windows(1)
    program = torch.export.export(net, args=(x,), strict=False)
    torch.testing.assert_close(program.module()(x), net(x), atol=1e-5, rtol=0)


@DEPRECATED
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"mixer": "attention", "activation": nn.ELU},
        {"mixer": "none", "use_mstb": False, "bidirectional": False},
        {"embedding": "inverted", "n_layers": 2, "spatial_whitening": True},
        {"embedding": "temporal", "head": "mean"},
    ],
    ids=repr,
)
def test_the_network_is_scripted(params, tmp_path):
    net = build(**params, drop_prob=0.0)
    torch.jit.script(net).save(tmp_path / "net.pt")
    scripted, again = torch.jit.load(tmp_path / "net.pt"), copy.deepcopy(net)
    for is_training in (True, False):
        for n_windows in (2, 7):
            x = make_windows(n_windows)
            outputs, expected = scripted.train(is_training)(x), again.train(is_training)(x)
            torch.testing.assert_close(outputs, expected, atol=1e-5, rtol=0)
    assert net.training


@DEPRECATED
@pytest.mark.parametrize(
    ("params", "inputs", "message"),
    [
        ({}, [torch.zeros(2, 3, 65)], r"x must have shape \(batch, n_chans, n_times\)"),
        (
            {"head": "mean", "use_mstb": False},
            [torch.zeros(2, 4, 64)],
            r"x must have shape \(batch, n_chans, n_times\)",
        ),
        ({}, [torch.zeros(2, 3, 64), torch.ones(2)], "weight must be None in a script"),
        ({"standardize": True}, [torch.zeros(2, 3, 64)], "standardize must be False in a script"),
    ],
)
def test_a_script_refuses_what_it_would_compute_wrongly(params, inputs, message):
    scripted = torch.jit.script(build(**params))
    with pytest.raises(torch.jit.Error, match=message):
        scripted(*inputs)


@DEPRECATED
def test_the_network_is_scripted_without_its_class():
    """braindecode's suite scripts a plain module with the layers and the public methods."""
    net, plain, x = build().eval(), nn.Module().eval(), make_windows(1)
    for name, layer in net.named_children():
        plain.add_module(name, layer)
    for name, value in vars(net).items():
        if name != "_modules":
            setattr(plain, name, value)
    plain.forward = MethodType(MSiMamba.forward, plain)
    assert torch.equal(plain(x), net(x))
    torch.testing.assert_close(torch.jit.script(plain)(x), net(x), atol=1e-5, rtol=0)
