import math

import pytest
import torch
import torch.nn.functional as F

from skmamba.modules import _fold_groups, _folds, _spectral_conv
from skmamba.modules._fold_groups import FoldGroup, group_folds
from skmamba.modules._folds import _SumOfFolds, sum_of_folds

HUGE = 1 << 40
N_TIMES, N_CHANS, D_HIDDEN = 17, 2, 3


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def shares_of(logits, windows):
    """Softmax over the folds of each window."""
    weights = logits.exp()
    totals = weights.new_zeros(int(windows.max()) + 1).index_add(0, windows, weights)
    return weights / totals[windows]


def random_kernels(n_chans=N_CHANS, d_hidden=D_HIDDEN, side=3):
    widen = normal(d_hidden, n_chans, side, side, seed=1), normal(d_hidden, seed=2)
    return *widen, normal(n_chans, d_hidden, side, side, seed=3), normal(n_chans, seed=4)


def several_folds():
    """Neighbouring periods, a distant one, windows folded several times and in any order."""
    periods = torch.tensor([4] * 5 + [5] * 3 + [6] * 2 + [17])
    windows = torch.tensor([0, 1, 2, 3, 0, 3, 1, 2, 2, 0, 1])
    shares = shares_of(normal(len(periods), seed=5), windows)
    return normal(4, N_TIMES, N_CHANS), windows, periods, shares


def loop_over_folds(x, windows, periods, shares, widen, widen_bias, narrow, narrow_bias):
    """The sum as its definition says it, one fold at a time."""
    _, n_times, n_chans = x.shape
    total = [torch.zeros_like(window) for window in x]
    for i, period, share in zip(windows.tolist(), periods.tolist(), shares, strict=True):
        n_rows = math.ceil(n_times / period)
        filled = torch.cat([x[i], x.new_zeros(n_rows * period - n_times, n_chans)])
        grid = filled.reshape(1, n_rows, period, n_chans).permute(0, 3, 1, 2)
        hidden = F.gelu(F.conv2d(grid, widen, widen_bias, padding="same"))
        y = F.conv2d(hidden, narrow, narrow_bias, padding="same")
        total[i] = total[i] + share * y.flatten(2)[0].t()[:n_times]
    return torch.stack(total)


def results_and_gradients(function, x, windows, periods, shares, *kernels):
    """Gradients to shares go through a softmax: a window's shares add up to one."""
    leaves = [t.clone().requires_grad_() for t in (x, shares.log(), *kernels)]
    x, logits, *kernels = leaves
    y = function(x, windows, periods, shares_of(logits, windows), *kernels)
    return y, *torch.autograd.grad(y, leaves, normal(*y.shape, seed=6))


def ours(x, windows, periods, shares, *kernels):
    return sum_of_folds(x, windows, periods, shares, kernels[:2], kernels[2:])


def kept_by(y):
    """Hidden maps that the graph behind ``y`` keeps for its backward pass."""
    nodes = [y.grad_fn]
    while nodes:
        node = nodes.pop()
        if hasattr(node, "kept_starts"):
            return node.saved_tensors[4:]
        nodes += [following for following, _ in node.next_functions if following]


@pytest.fixture(params=["direct", "spectral"])
def method(request, monkeypatch):
    spectral = request.param == "spectral"
    monkeypatch.setattr(FoldGroup, "is_spectral", property(lambda self: spectral))
    return request.param


@pytest.fixture
def contexts(monkeypatch):
    """Contexts of all forward passes."""
    seen, original = [], _SumOfFolds.forward

    def forward(ctx, *args):
        seen.append(ctx)
        return original(ctx, *args)

    monkeypatch.setattr(_SumOfFolds, "forward", staticmethod(forward))
    return seen


@pytest.mark.parametrize("group_cost, n_groups", [(0, 4), (8000, 2), (3_000_000, 1)])
def test_sum_equals_the_loop_over_folds(monkeypatch, method, group_cost, n_groups):
    monkeypatch.setattr(_fold_groups, "GROUP_COST", group_cost)
    inputs = *several_folds(), *random_kernels()
    assert len(group_folds(inputs[2], N_TIMES, inputs[6].shape)) == n_groups
    pairs = zip(
        results_and_gradients(ours, *inputs),
        results_and_gradients(loop_over_folds, *inputs),
        strict=True,
    )
    for our, their in pairs:
        torch.testing.assert_close(our, their)


@pytest.mark.parametrize("group_cost, n_groups", [(0, 3), (3_000_000, 1)])
def test_gradients_are_exact_in_float64(monkeypatch, method, group_cost, n_groups):
    monkeypatch.setattr(_fold_groups, "GROUP_COST", group_cost)
    windows, periods = torch.tensor([0, 1, 1, 0, 1]), torch.tensor([2, 2, 3, 3, 5])
    kernels = random_kernels(n_chans=1, d_hidden=2)
    assert len(group_folds(periods, 7, kernels[2].shape)) == n_groups

    def function(x, logits, *kernels):
        return ours(x, windows, periods, shares_of(logits, windows), *kernels)

    inputs = [t.requires_grad_() for t in (normal(2, 7, 1), normal(5, seed=5), *kernels)]
    assert torch.autograd.gradcheck(function, inputs)


def test_the_same_fold_may_come_twice(method):
    x, kernels = normal(1, 7, N_CHANS), random_kernels()
    windows, periods = torch.zeros(2, dtype=torch.long), torch.tensor([3, 3])
    twice = ours(x, windows, periods, torch.tensor([0.25, 0.75]).double(), *kernels)
    once = ours(x, windows[:1], periods[:1], torch.ones(1).double(), *kernels)
    torch.testing.assert_close(twice, once)


@pytest.mark.parametrize("wanted", range(6), ids="x shares widen bias narrow bias2".split())
def test_a_gradient_wanted_alone_is_the_same(method, wanted):
    x, windows, periods, shares = several_folds()
    leaves = [x, shares, *random_kernels()]

    def gradients(leaves_wanted):
        x, *others = leaves
        for t in leaves:
            t.requires_grad_(any(t is leaf for leaf in leaves_wanted))
        y = ours(x, windows, periods, *others)
        return torch.autograd.grad(y, leaves_wanted, normal(*y.shape, seed=6))

    (alone,) = gradients([leaves[wanted]])
    torch.testing.assert_close(alone, gradients(leaves)[wanted])


@pytest.mark.parametrize("kept_bytes", [0, 15_000, HUGE])
@pytest.mark.parametrize("chunk_bytes", [1, 7000, HUGE])
def test_sizes_of_chunks_and_of_what_is_kept_change_nothing(
    monkeypatch, method, chunk_bytes, kept_bytes
):
    inputs = *several_folds(), *random_kernels()
    expected = results_and_gradients(loop_over_folds, *inputs)
    monkeypatch.setattr(_folds, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(_folds, "KEPT_BYTES", kept_bytes)
    for our, their in zip(results_and_gradients(ours, *inputs), expected, strict=True):
        torch.testing.assert_close(our, their)


def test_no_more_hidden_maps_are_kept_than_allowed(monkeypatch, method):
    x, *others = several_folds()
    monkeypatch.setattr(_folds, "CHUNK_BYTES", 1)
    n_kept = []
    for allowed in (0, 15_000, HUGE):
        monkeypatch.setattr(_folds, "KEPT_BYTES", allowed)
        kept = kept_by(ours(x.requires_grad_(), *others, *random_kernels()))
        assert sum(hidden.nbytes for hidden in kept) <= allowed
        n_kept.append(len(kept))
    assert n_kept[0] == 0 < n_kept[1] < n_kept[2] == len(others[0])


@pytest.mark.parametrize(
    "at_a_time, direct, spectral",
    [
        (0.1, [1] * 11, [1] * 11),
        (3, [3, 3, 3, 2], [3, 3, 3, 2]),
        (5, [6, 6], [4, 4, 3]),  # 6 is round, and the last fold a spare one
        (100, [12], [11]),
    ],
)
def test_as_many_folds_at_a_time_as_the_cache_holds(
    monkeypatch, method, at_a_time, direct, spectral
):
    x, windows, periods, *others = *several_folds(), *random_kernels()
    n_rows, n_columns = 5, 17
    fold_bytes = n_rows * n_columns * D_HIDDEN * x.element_size()
    monkeypatch.setattr(_folds, "CHUNK_BYTES", int(at_a_time * fold_bytes))
    monkeypatch.setattr(_folds, "KEPT_BYTES", HUGE)
    kept = kept_by(ours(x.requires_grad_(), windows, periods, *others))
    assert {hidden.shape[1:] for hidden in kept} == {(n_rows, n_columns, D_HIDDEN)}
    assert [len(hidden) for hidden in kept] == {
        "direct": direct,
        "spectral": spectral,
    }[method]


def test_what_is_kept_is_not_computed_again(monkeypatch, method):
    x, *others = several_folds()
    calls = []
    monkeypatch.setattr(_folds, "KEPT_BYTES", HUGE)
    y = ours(x.requires_grad_(), *others, *random_kernels())
    for conv in (_folds.DirectConv, _folds.SpectralConv):
        monkeypatch.setattr(conv, "forward", lambda self, grids: calls.append("convolved"))
    y.sum().backward()
    assert not calls


def test_no_hidden_maps_are_saved_past_those_kept(monkeypatch, method):
    monkeypatch.setattr(_folds, "CHUNK_BYTES", 1)
    monkeypatch.setattr(_folds, "KEPT_BYTES", 0)
    saved = []
    inputs = [*several_folds(), *random_kernels()]
    inputs[0].requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        y = ours(*inputs)
    assert not kept_by(y)
    assert sum(t.nbytes for t in saved) <= sum(t.nbytes for t in inputs)


def test_nothing_is_kept_where_no_gradient_is_wanted(contexts):
    x, *others = several_folds()
    ours(x, *others, *random_kernels())
    assert contexts[0].kept_starts == []
    with torch.no_grad():
        ours(x.requires_grad_(), *others, *random_kernels())
    assert len(contexts) == 1
    ours(x, *others, *random_kernels())
    assert contexts[1].kept_starts


def test_backward_twice_gives_the_same_gradients(monkeypatch, method):
    x, windows, periods, *others = several_folds()
    for kept_bytes in (0, 15_000, HUGE):
        monkeypatch.setattr(_folds, "CHUNK_BYTES", 7000)
        monkeypatch.setattr(_folds, "KEPT_BYTES", kept_bytes)
        leaves = [t.requires_grad_() for t in (x, *others, *random_kernels())]
        y = ours(x, windows, periods, *leaves[1:])
        first = torch.autograd.grad(y.square().sum(), leaves, retain_graph=True)
        second = torch.autograd.grad(y.square().sum(), leaves)
        for one, other in zip(first, second, strict=True):
            assert torch.equal(one, other)


def test_inputs_are_left_as_they_are(method):
    inputs = [*several_folds(), *random_kernels()]
    copies = [t.clone() for t in inputs]
    results_and_gradients(ours, *inputs)
    for t, copy in zip(inputs, copies, strict=True):
        assert torch.equal(t, copy)


def test_a_second_derivative_is_refused_and_not_wrong():
    x, *others = several_folds()
    y = ours(x.requires_grad_(), *others, *random_kernels())
    with pytest.raises(RuntimeError, match="MultiScaleTemporalBlock has no second derivative"):
        torch.autograd.grad(y.sum(), x, create_graph=True)


def test_a_batch_without_windows_has_no_folds():
    empty = torch.zeros(0, dtype=torch.long)
    x = normal(0, N_TIMES, N_CHANS)
    assert ours(x, empty, empty, normal(0), *random_kernels()).shape == x.shape


def test_kept_maps_are_freed_by_the_backward_pass():
    x, *others = several_folds()
    y = ours(x.requires_grad_(), *others, *random_kernels())
    assert kept_by(y)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="already been freed"):
        kept_by(y)


def test_the_default_device_changes_nothing(method):
    inputs = *several_folds(), *random_kernels()
    expected = ours(*inputs)
    _spectral_conv.axis_dft.cache_clear()
    with torch.device("meta"):
        torch.testing.assert_close(ours(*inputs), expected)
