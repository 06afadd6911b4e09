"""docs/upstream/msimamba.py, the network as one file for braindecode."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from skmamba.models import MSiMamba

pytest.importorskip("braindecode")
from braindecode import EEGClassifier

FILE = Path(__file__).parents[2] / "docs/upstream/msimamba.py"
Upstream = runpy.run_path(str(FILE))["MSiMamba"]


def make_windows(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("size", "params"),
    [
        ((4, 256), {}),
        ((3, 100), {"n_layers": 2, "top_k": 3, "n_kernels": 2, "activation": nn.ELU}),
        ((1, 20), {"d_model": 8, "d_hidden": 4, "n_averages": 5, "d_state": 8, "expand": 2}),
    ],
    ids=repr,
)
def test_it_loads_the_weights_and_predicts_and_learns_the_same(size, params):
    torch.manual_seed(0)
    n_chans, n_times = size
    ours = MSiMamba(n_chans, 3, n_times, **params, drop_prob=0.0)
    theirs = Upstream(n_chans, 3, n_times, **params, drop_prob=0.0)
    theirs.load_state_dict(ours.state_dict())
    x = make_windows(6, n_chans, n_times)
    for is_training in (True, False):
        outputs = [net.train(is_training)(x) for net in (ours, theirs)]
        torch.testing.assert_close(outputs[1], outputs[0], atol=1e-4, rtol=1e-4)
    gradients = [
        torch.autograd.grad(out.square().sum(), net.parameters())
        for net, out in zip((ours, theirs), outputs, strict=True)
    ]
    for our, their in zip(*gradients, strict=True):
        torch.testing.assert_close(their, our, atol=1e-3, rtol=1e-3)
    for name, values in theirs.named_buffers():  # running statistics
        torch.testing.assert_close(values, ours.get_buffer(name), atol=1e-4, rtol=1e-4)


def test_initial_weights_have_the_same_distribution():
    torch.manual_seed(0)
    nets = MSiMamba(4, 2, 256, d_hidden=64), Upstream(4, 2, 256, d_hidden=64)
    for (name, our), their in zip(nets[0].named_parameters(), nets[1].parameters(), strict=True):
        for moment in (torch.mean, torch.std):
            spread = float(our.std()) if our.numel() > 1 else 0.0
            difference = abs(float(moment(our)) - float(moment(their)))
            assert difference <= 8 * spread / our.numel() ** 0.5 + 1e-6, name


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_it_is_scripted_and_exported():
    torch.manual_seed(0)
    net, x = Upstream(3, 2, 64, d_hidden=4).eval(), make_windows(2, 3, 64)
    scripted = torch.jit.script(net)
    torch.testing.assert_close(scripted(x), net(x), atol=1e-5, rtol=0)
    program = torch.export.export(net, args=(x,), strict=False)
    torch.testing.assert_close(program.module()(x), net(x), atol=1e-5, rtol=0)


def test_it_has_the_contract_of_braindecode():
    net = Upstream(n_outputs=2, n_chans=3, sfreq=100, input_window_seconds=2.0)
    assert net.n_times == 200
    assert net.get_output_shape() == (1, 2)
    assert [name for name, _ in net.named_children()][-1] == "final_layer"
    net.reset_head(5)
    assert net(make_windows(2, 3, 200)).shape == (2, 5)
    assert ":bdg-success:`Convolution`" in Upstream.__doc__
    assert ".. figure::" in Upstream.__doc__


def test_EEGClassifier_fits_it():
    X = make_windows(12, 3, 64).numpy()
    clf = EEGClassifier(Upstream, max_epochs=1, train_split=None, classes=[0, 1], verbose=0)
    assert clf.fit(X, np.arange(12) % 2).predict(X).shape == (12,)
