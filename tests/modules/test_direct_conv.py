from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from skmamba.modules import _direct_conv
from skmamba.modules._direct_conv import MIN_STACKED_POINTS, DirectConv, convolve, taps_inside

GRIDS = [(1, 1), (1, 23), (23, 1), (2, 30), (30, 2), (3, 5), (17, 19)]
SHAPES_OF_KERNELS = [(1, 1), (3, 3), (5, 3), (7, 11)]


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def reference(grids, weight):
    """The library's convolution, of grids with the channels last."""
    return F.conv2d(grids.movedim(3, 1), weight, padding="same").movedim(1, 3)


def gradients_of_reference(grids, weight, gradient):
    grids, weight = grids.clone().requires_grad_(), weight.clone().requires_grad_()
    return torch.autograd.grad(reference(grids, weight), [grids, weight], gradient)


@pytest.fixture
def stacked(monkeypatch):
    """Calls that computed several neighbours at a time."""
    calls, original = [], _direct_conv._convolve_stacked

    def spy(*args):
        calls.append(args)
        return original(*args)

    monkeypatch.setattr(_direct_conv, "_convolve_stacked", spy)
    return calls


@pytest.mark.parametrize("with_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("n_out", [1, 3, 4, 8, 14, 20])
@pytest.mark.parametrize("least_points", [1, MIN_STACKED_POINTS], ids=["large", "small"])
def test_convolve_equals_the_library_on_grids_of_any_form(
    stacked, monkeypatch, least_points, n_out, with_bias
):
    monkeypatch.setattr(_direct_conv, "MIN_STACKED_POINTS", least_points)
    for grid in GRIDS:
        for sides in SHAPES_OF_KERNELS:
            x, weight = normal(2, 3, *grid), normal(n_out, 3, *sides, seed=1)
            bias = normal(n_out, seed=2) if with_bias else None
            expected = F.conv2d(x, weight, bias, padding="same")
            torch.testing.assert_close(convolve(x, weight, bias), expected)
    narrow_and_large = least_points == 1 and n_out <= 8
    assert len(stacked) == narrow_and_large * len(GRIDS) * len(SHAPES_OF_KERNELS)


@pytest.mark.parametrize("n_out", [1, 3, 4, 8])
@pytest.mark.parametrize("grid", [(27, 41), (700, 2), (2, 700), (1, 1025), (1025, 1)])
def test_large_grids_are_stacked_and_equal_the_library(stacked, n_out, grid):
    x, weight, bias = normal(2, 3, *grid), normal(n_out, 3, 5, 5, seed=1), normal(n_out, seed=2)
    torch.testing.assert_close(convolve(x, weight, bias), F.conv2d(x, weight, bias, padding="same"))
    assert len(stacked) == 1


def test_small_grids_and_wide_outputs_are_not_stacked(stacked):
    convolve(normal(1, 2, 8, MIN_STACKED_POINTS // 8 - 1), normal(4, 2, 3, 3))
    convolve(normal(1, 2, 8, MIN_STACKED_POINTS // 8), normal(14, 2, 3, 3))
    assert not stacked
    convolve(normal(1, 2, 8, MIN_STACKED_POINTS // 8), normal(4, 2, 3, 3))
    assert stacked


@pytest.mark.parametrize(
    "grid, n_out, stride", [((300, 8), 4, (4, 1)), ((3, 800), 4, (1, 4)), ((3, 800), 8, (2, 1))]
)
def test_neighbours_along_rows_are_stacked_where_there_are_enough(monkeypatch, grid, n_out, stride):
    strides = []

    def conv2d(*args, stride, **kwargs):
        strides.append(stride)
        return F.conv2d(*args, stride=stride, **kwargs)

    monkeypatch.setattr(_direct_conv, "F", SimpleNamespace(conv2d=conv2d, pad=F.pad))
    convolve(normal(1, 3, *grid), normal(n_out, 3, 3, 3))
    assert strides == [stride]


def test_a_stacked_convolution_has_the_gradients_of_the_library(stacked):
    inputs = normal(2, 3, 45, 31), normal(4, 3, 5, 5, seed=1), normal(4, seed=2)
    x, weight, bias = (t.requires_grad_() for t in inputs)
    upstream = normal(2, 4, 45, 31, seed=3)
    ours = torch.autograd.grad(convolve(x, weight, bias), inputs, upstream)
    theirs = torch.autograd.grad(F.conv2d(x, weight, bias, padding="same"), inputs, upstream)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their)
    assert stacked


@pytest.mark.parametrize("least_points", [1, MIN_STACKED_POINTS], ids=["stacked", "plain"])
@pytest.mark.parametrize("n_in, n_out", [(3, 9), (9, 3), (4, 4), (1, 20), (20, 1)])
def test_forward_and_backward_equal_the_library(monkeypatch, least_points, n_in, n_out):
    monkeypatch.setattr(_direct_conv, "MIN_STACKED_POINTS", least_points)
    for grid in GRIDS:
        grids, weight = normal(2, *grid, n_in), normal(n_out, n_in, 5, 3, seed=1)
        bias, gradient = normal(n_out, seed=2), normal(2, *grid, n_out, seed=3)
        conv = DirectConv(weight, bias)
        torch.testing.assert_close(conv.forward(grids), reference(grids, weight) + bias)
        d_grids, d_weight = gradients_of_reference(grids, weight, gradient)
        torch.testing.assert_close(conv.backward(gradient), d_grids)
        torch.testing.assert_close(conv.weight_gradient, d_weight)


@pytest.mark.parametrize("n_in, n_out", [(3, 9), (9, 3)])
def test_the_wider_side_fills_the_lanes_of_a_kernel_gradient(monkeypatch, n_in, n_out):
    shapes, original = [], _direct_conv.conv2d_weight

    def conv2d_weight(x, shape, *args, **kwargs):
        shapes.append(tuple(shape))
        return original(x, shape, *args, **kwargs)

    monkeypatch.setattr(_direct_conv, "conv2d_weight", conv2d_weight)
    conv = DirectConv(normal(n_out, n_in, 3, 3))
    conv.see(normal(2, 6, 7, n_in))
    conv.backward(normal(2, 6, 7, n_out))
    assert shapes == [(9, 3, 3, 3)]


@pytest.mark.parametrize("n_in, n_out", [(2, 5), (5, 2)])
def test_kernel_gradients_of_two_batches_add_up(n_in, n_out):
    weight = normal(n_out, n_in, 3, 5)
    conv, expected = DirectConv(weight), torch.zeros_like(weight)
    for seed, n in [(1, 2), (2, 3)]:
        grids, gradient = normal(n, 6, 7, n_in, seed=seed), normal(n, 6, 7, n_out, seed=-seed)
        conv.see(grids)
        d_grids, d_weight = gradients_of_reference(grids, weight, gradient)
        torch.testing.assert_close(conv.backward(gradient), d_grids)
        expected += d_weight
    torch.testing.assert_close(conv.weight_gradient, expected)


def test_the_input_gradient_is_left_out_on_demand():
    grids, weight, gradient = normal(2, 6, 7, 3), normal(4, 3, 3, 3, seed=1), normal(2, 6, 7, 4)
    conv = DirectConv(weight)
    conv.see(grids)
    assert conv.backward(gradient, input_gradient=False) is None
    torch.testing.assert_close(
        conv.weight_gradient, gradients_of_reference(grids, weight, gradient)[1]
    )


def test_a_large_grid_meets_the_whole_kernel():
    weight = normal(2, 3, 5, 11)
    assert torch.equal(weight[taps_inside(weight.shape, (3, 6))], weight)
    assert torch.equal(weight[taps_inside(weight.shape, (100, 80))], weight)


@pytest.mark.parametrize(
    "grid, met", [((1, 1), (1, 1)), ((2, 40), (3, 9)), ((4, 1), (7, 1)), ((9, 3), (7, 5))]
)
def test_taps_that_meet_only_zeros_are_cut_off(grid, met):
    x, weight = normal(2, 3, *grid), normal(4, 3, 7, 9, seed=1)
    cropped = weight[taps_inside(weight.shape, grid)]
    assert cropped.shape == (4, 3, *met)
    torch.testing.assert_close(
        F.conv2d(x, cropped, padding="same"), F.conv2d(x, weight, padding="same")
    )


def test_no_tap_that_meets_a_point_is_cut_off():
    weight = torch.ones(1, 1, 7, 7)
    taps = taps_inside(weight.shape, (2, 3))
    weight.requires_grad_()
    met = torch.autograd.grad(F.conv2d(torch.ones(1, 1, 2, 3), weight, padding=3).sum(), weight)[0]
    assert (met[taps] > 0).all()
    assert met.count_nonzero() == met[taps].numel()
