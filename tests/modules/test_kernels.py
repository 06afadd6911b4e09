"""Fast paths: agreement with torch's operations and with loops, memory, and choice of paths."""

import itertools
import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from skmamba.modules import Mamba, MultiScaleTemporalBlock, PowerEmbedding, mamba, multiscale
from skmamba.modules._kernels import can_use_kernels, convolution, sum_of_views, views
from skmamba.modules._kernels.convolution import (
    MIN_STACKED_POINTS,
    convolve,
    input_gradient,
    kernel_gradient,
    taps_inside,
)

GRIDS = [(1, 1), (1, 23), (23, 1), (2, 30), (30, 2), (3, 5), (17, 19)]
HUGE = 1 << 40
N_TIMES, N_CHANS, D_HIDDEN = 17, 2, 3


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def stacked(monkeypatch):
    """Calls that compute several adjacent points at once."""
    calls, original = [], convolution._convolve_stacked

    def spy(*args):
        calls.append(args)
        return original(*args)

    monkeypatch.setattr(convolution, "_convolve_stacked", spy)
    return calls


# Convolution


@pytest.mark.parametrize("n_in, n_out", [(3, 9), (9, 3), (4, 4), (1, 20), (20, 1), (3, 8)])
@pytest.mark.parametrize("least_points", [1, HUGE], ids=["stacked", "plain"])
def test_convolution_and_gradients_equal_torch(stacked, monkeypatch, least_points, n_in, n_out):
    monkeypatch.setattr(convolution, "MIN_STACKED_POINTS", least_points)
    for grid, sides in itertools.product(GRIDS, [(1, 1), (5, 3), (7, 11)]):
        x, kernel = draw(2, n_in, *grid), draw(n_out, n_in, *sides, seed=1)
        bias, dy = draw(n_out, seed=2), draw(2, n_out, *grid, seed=3)
        leaves = x.requires_grad_(), kernel.requires_grad_()
        expected = F.conv2d(x, kernel, bias, padding="same")
        dx, d_kernel = torch.autograd.grad(expected, leaves, dy)
        with torch.no_grad():
            grids, dy, dx, expected = (t.movedim(1, 3) for t in (x, dy, dx, expected))
            torch.testing.assert_close(convolve(grids, kernel, bias), expected)
            torch.testing.assert_close(input_gradient(dy, kernel), dx)
            torch.testing.assert_close(kernel_gradient(grids, dy, kernel.shape), d_kernel)
    narrow = [n <= 8 for n in (n_in, n_out)]  # of the convolution back, and of that forward
    assert len(stacked) == (least_points == 1) * sum(narrow) * len(GRIDS) * 3


@pytest.mark.parametrize("n_out", [1, 3, 4, 8])
@pytest.mark.parametrize("grid", [(27, 41), (700, 2), (2, 700), (1, 1025), (1025, 1)])
def test_large_grids_are_stacked_and_equal_torch(stacked, n_out, grid):
    x, *kernel = draw(2, 3, *grid), draw(n_out, 3, 5, 5, seed=1), draw(n_out, seed=2)
    expected = F.conv2d(x, *kernel, padding="same").movedim(1, 3)
    torch.testing.assert_close(convolve(x.movedim(1, 3), *kernel), expected)
    assert len(stacked) == 1


@pytest.mark.parametrize(
    ("n_points", "n_out", "expected"),
    [(MIN_STACKED_POINTS - 8, 4, 0), (MIN_STACKED_POINTS, 14, 0), (MIN_STACKED_POINTS, 4, 1)],
)
def test_small_grids_and_many_outputs_are_not_stacked(stacked, n_points, n_out, expected):
    convolve(draw(1, 8, n_points // 8, 2), draw(n_out, 2, 3, 3))
    assert len(stacked) == expected


@pytest.mark.parametrize("grid", [*GRIDS, (4, 100)])
def test_taps_that_meet_only_padding_are_left_out(grid):
    x, kernel = draw(2, 3, *grid), draw(4, 3, 7, 9, seed=1).requires_grad_()
    taps = taps_inside(kernel, grid)
    y = F.conv2d(x, kernel, padding="same")
    torch.testing.assert_close(F.conv2d(x, kernel[taps], padding="same"), y)
    (met,) = torch.autograd.grad(F.conv2d(torch.ones_like(x), kernel, padding="same").sum(), kernel)
    assert (met[taps] > 0).all()
    assert met.count_nonzero() == met[taps].numel()


# Sum of views


def test_sizes_are_rounded_up_by_less_than_half():
    sizes = [views.round_size(n) for n in (1, 2, 3, 4, 5, 7, 9, 13, 64)]
    assert sizes == [1, 2, 3, 4, 6, 8, 12, 16, 64]


@pytest.fixture
def inputs():
    """Five windows with four periods; the first window has one of them twice."""
    periods = torch.tensor([[4, 4, 17], [5, 4, 6], [6, 5, 4], [4, 5, 17], [4, 6, 17]])
    kernels = (
        *(draw(D_HIDDEN, N_CHANS, 3, 3, seed=1), draw(D_HIDDEN, seed=2)),
        *(draw(N_CHANS, D_HIDDEN, 3, 3, seed=3), draw(N_CHANS, seed=4)),
    )
    leaves = draw(5, N_TIMES, N_CHANS), draw(5, 3, seed=5), *kernels  # weights before softmax
    return periods, [leaf.requires_grad_() for leaf in leaves]


def run(periods, leaves):
    x, logits, *kernels = leaves
    return sum_of_views(x, periods, logits.softmax(1), kernels[:2], kernels[2:])


def loop(periods, leaves):
    """The definition, one view at a time."""
    x, logits, widen, widen_bias, narrow, narrow_bias = leaves
    totals = []
    for window, own, weights in zip(x, periods.tolist(), logits.softmax(1), strict=True):
        total = torch.zeros_like(window)
        for period, weight in zip(own, weights, strict=True):
            n_rows = math.ceil(N_TIMES / period)
            grid = torch.cat([window, window.new_zeros(n_rows * period - N_TIMES, N_CHANS)])
            grid = grid.reshape(1, n_rows, period, N_CHANS).permute(0, 3, 1, 2)
            hidden = F.gelu(F.conv2d(grid, widen, widen_bias, padding="same"))
            view = F.conv2d(hidden, narrow, narrow_bias, padding="same").flatten(2)[0]
            total = total + weight * view.t()[:N_TIMES]
        totals.append(total)
    return torch.stack(totals)


def with_gradients(function, periods, leaves):
    y = function(periods, leaves)
    return y, *torch.autograd.grad(y, leaves, draw(*y.shape, seed=6))


def saved_by(y):
    """Hidden maps that the graph of ``y`` saves for its backward pass."""
    nodes = [y.grad_fn]
    while nodes:
        node = nodes.pop()
        if node.name() == "_SumOfViewsBackward":
            return node.saved_tensors[4:]
        nodes += [following for following, _ in node.next_functions if following]


@pytest.mark.parametrize("saved_bytes", [0, 3_000, HUGE])
@pytest.mark.parametrize("chunk_bytes", [1, 7000, HUGE])
def test_chunks_and_saved_maps_do_not_change_results(monkeypatch, inputs, chunk_bytes, saved_bytes):
    monkeypatch.setattr(views, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(views, "SAVED_BYTES", saved_bytes)
    copies = [leaf.clone() for leaf in inputs[1]]
    pairs = zip(with_gradients(run, *inputs), with_gradients(loop, *inputs), strict=True)
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs)
    assert all(torch.equal(leaf, copy) for leaf, copy in zip(inputs[1], copies, strict=True))


@pytest.mark.parametrize("wanted", range(6), ids="x weights widen bias narrow bias2".split())
def test_a_single_gradient_equals_that_of_all(inputs, wanted):
    periods, leaves = inputs
    expected = with_gradients(run, periods, leaves)[1 + wanted]
    for i, leaf in enumerate(leaves):
        leaf.requires_grad_(i == wanted)
    y = run(periods, leaves)
    (alone,) = torch.autograd.grad(y, leaves[wanted], draw(*y.shape, seed=6))
    torch.testing.assert_close(alone, expected)


def test_no_more_hidden_maps_are_saved_than_allowed(monkeypatch, inputs):
    monkeypatch.setattr(views, "CHUNK_BYTES", 1)
    n_saved = []
    for allowed in (0, 3_000, HUGE):
        monkeypatch.setattr(views, "SAVED_BYTES", allowed)
        saved = saved_by(run(*inputs))
        assert sum(hidden.nbytes for hidden in saved) <= allowed
        n_saved.append(len(saved))
    assert n_saved[0] == 0 < n_saved[1] < n_saved[2] == 14


@pytest.mark.parametrize(
    ("at_a_time", "sizes"),
    [(0.1, [1] * 14), (3, [3, 2, 3, 3, 3]), (100, [6, 3, 3, 3])],  # the six have a spare one
)
def test_chunks_have_the_size_of_the_cache(monkeypatch, inputs, at_a_time, sizes):
    monkeypatch.setattr(views, "CHUNK_BYTES", int(at_a_time * 20 * D_HIDDEN * 8))
    monkeypatch.setattr(views, "SAVED_BYTES", HUGE)
    saved = saved_by(run(*inputs))
    assert {hidden.shape[1:3] for hidden in saved} == {(5, 4), (4, 5), (3, 6), (1, 17)}
    assert [len(hidden) for hidden in saved] == sizes


def test_saved_maps_are_not_recomputed_and_are_freed(monkeypatch, inputs):
    y = run(*inputs)
    assert saved_by(y)
    monkeypatch.setattr(views, "convolve", None)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="already been freed"):
        saved_by(y)


def test_nothing_is_saved_without_a_gradient(monkeypatch, inputs):
    def fail(*args):
        raise AssertionError

    monkeypatch.setattr(views._SumOfViews, "forward", staticmethod(fail))
    with torch.no_grad():
        assert run(*inputs).grad_fn is None


def test_backward_twice_gives_the_same_gradients(inputs):
    y = run(*inputs)
    first = torch.autograd.grad(y.square().sum(), inputs[1], retain_graph=True)
    second = torch.autograd.grad(y.square().sum(), inputs[1])
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


# Choice of paths


@pytest.fixture
def network():
    torch.manual_seed(0)
    layers = (
        MultiScaleTemporalBlock(2, 65, d_hidden=2),
        PowerEmbedding(65, 16),
        Mamba(16, d_state=2),
    )
    return torch.nn.Sequential(*layers).eval()


def test_the_default_device_does_not_change_the_path_or_the_results(network):
    x = torch.randn(3, 2, 65)
    expected = network(x)
    with torch.device("meta"):
        torch.testing.assert_close(network(x), expected)


def test_gradients_of_a_checkpoint_are_those_without(network):
    gradients = []
    for run in (network, partial(checkpoint, network, use_reentrant=False)):
        x = torch.randn(3, 2, 65, generator=torch.Generator().manual_seed(0)).requires_grad_()
        run(x).square().sum().backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("eager", ["fused_scan"]),
        ("few windows, no gradients", ["scan_by_doubling"]),
        ("many windows, no gradients", ["fused_scan"]),
        ("exported", ["forward_simple", "scan_by_doubling"]),
        ("another device", ["forward_simple", "scan"]),
    ],
)
def test_kernels_run_on_the_cpu_unless_a_graph_is_traced(monkeypatch, network, case, expected):
    x, called = torch.randn(3, 2, 65), []
    y = network(x)
    for place, name in [
        (MultiScaleTemporalBlock, "forward_simple"),
        *((mamba, name) for name in ("fused_scan", "scan_by_doubling", "scan")),
    ]:
        original = getattr(place, name)
        monkeypatch.setattr(
            place, name, lambda *args, n=name, f=original: called.append(n) or f(*args)
        )
    if case.startswith("many"):
        monkeypatch.setattr(mamba, "FEW_STATES", 10)
    if case == "another device":
        for module in (mamba, multiscale):
            monkeypatch.setattr(module, "can_use_kernels", lambda x: can_use_kernels(x.to("meta")))
    run = torch.export.export(network, (x,)).module() if case == "exported" else network
    with torch.set_grad_enabled("no gradients" not in case):
        torch.testing.assert_close(run(x), y)
    assert called == expected
