"""What speed is measured against must compute the same thing."""

import importlib.util
from pathlib import Path

import torch

from skmamba.modules import MSiMamba

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_network_and_plain_composition_agree_window_by_window():
    torch.manual_seed(0)
    sizes = {"d_model": 8, "top_k": 3, "n_kernels": 3, "d_hidden": 4}
    ours = MSiMamba(4, 2, 96, embedding="inverted", drop_prob=0.0, **sizes).double()
    plain = load("reference").ReferenceMSiMamba(4, 2, 96, periods="window", **sizes).double()
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(6, 4, 96, dtype=torch.float64)
    torch.testing.assert_close(ours(x), plain(x))
    for net in (ours, plain):
        net(x).logsumexp(1).sum().backward()
    for our, their in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(our.grad, their.grad)
