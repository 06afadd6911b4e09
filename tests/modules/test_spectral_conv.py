import pytest
import torch
import torch.nn.functional as F

from skmamba.modules._spectral_conv import Scratch, SpectralConv

GRIDS = [(5, 13), (13, 5), (7, 7), (6, 6), (3, 20), (30, 9)]


def normal(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def reference(grids, weight, bias=None):
    """The library's convolution, of grids with the channels last."""
    return F.conv2d(grids.movedim(3, 1), weight, bias, padding="same").movedim(1, 3)


def gradients_of_reference(grids, weight, gradient):
    grids, weight = grids.clone().requires_grad_(), weight.clone().requires_grad_()
    return torch.autograd.grad(reference(grids, weight), [grids, weight], gradient)


def kernel_sides(grid, most):
    """Odd sides that reach at most to the other end of a grid."""
    return [min(most, 2 * n - 1) for n in grid]


def distance(ours, theirs):
    return ((ours.double() - theirs).norm() / theirs.norm()).item()


@pytest.mark.parametrize("with_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("most", [1, 3, 11, 99])
@pytest.mark.parametrize("grid", GRIDS)
def test_forward_and_backward_equal_the_library(grid, most, with_bias):
    weight, bias = normal(4, 3, *kernel_sides(grid, most)), normal(4) if with_bias else None
    grids, gradient = normal(2, *grid, 3, seed=1), normal(2, *grid, 4, seed=2)
    conv = SpectralConv(Scratch(torch.float64), "conv", grid, weight, bias)
    torch.testing.assert_close(conv.forward(grids), reference(grids, weight, bias))
    d_grids, d_weight = gradients_of_reference(grids, weight, gradient)
    torch.testing.assert_close(conv.backward(gradient), d_grids)
    torch.testing.assert_close(conv.weight_gradient, d_weight)


@pytest.mark.parametrize("sides", [(1, 5), (5, 1), (9, 3)])
def test_kernels_need_not_be_square(sides):
    weight, grids, gradient = normal(2, 3, *sides), normal(2, 6, 8, 3), normal(2, 6, 8, 2)
    conv = SpectralConv(Scratch(torch.float64), "conv", (6, 8), weight)
    torch.testing.assert_close(conv.forward(grids), reference(grids, weight))
    d_grids, d_weight = gradients_of_reference(grids, weight, gradient)
    torch.testing.assert_close(conv.backward(gradient), d_grids)
    torch.testing.assert_close(conv.weight_gradient, d_weight)


@pytest.mark.parametrize("grid", GRIDS)
def test_single_precision_is_kept(grid):
    weight, bias = normal(4, 3, *kernel_sides(grid, 11)), normal(4)
    grids, gradient = normal(2, *grid, 3, seed=1), normal(2, *grid, 4, seed=2)
    conv = SpectralConv(Scratch(torch.float32), "conv", grid, weight.float(), bias.float())
    d_grids, d_weight = gradients_of_reference(grids, weight, gradient)
    pairs = [
        (conv.forward(grids.float()), reference(grids, weight, bias)),
        (conv.backward(gradient.float()), d_grids),
        (conv.weight_gradient, d_weight),
    ]
    for ours, theirs in pairs:
        assert ours.dtype == torch.float32
        assert distance(ours, theirs) < 1e-5


@pytest.mark.parametrize("sizes", [(2, 3), (3, 2)], ids=["growing", "shrinking"])
def test_kernel_gradients_of_two_batches_add_up(sizes):
    weight = normal(4, 3, 5, 5)
    conv, expected = SpectralConv(Scratch(torch.float64), "conv", (7, 9), weight), 0
    for seed, n in enumerate(sizes):
        grids, gradient = normal(n, 7, 9, 3, seed=seed), normal(n, 7, 9, 4, seed=seed + 2)
        torch.testing.assert_close(conv.forward(grids), reference(grids, weight))
        d_grids, d_weight = gradients_of_reference(grids, weight, gradient)
        torch.testing.assert_close(conv.backward(gradient), d_grids)
        expected = expected + d_weight
    torch.testing.assert_close(conv.weight_gradient, expected)


def test_an_input_that_was_only_seen_has_the_same_gradients():
    weight, grids, gradient = normal(4, 3, 5, 5), normal(2, 7, 9, 3), normal(2, 7, 9, 4)
    conv = SpectralConv(Scratch(torch.float64), "conv", (7, 9), weight)
    conv.see(grids)
    d_grids, d_weight = gradients_of_reference(grids, weight, gradient)
    torch.testing.assert_close(conv.backward(gradient), d_grids)
    torch.testing.assert_close(conv.weight_gradient, d_weight)


def test_two_convolutions_in_turns_do_not_disturb_each_other():
    grid, scratch = (7, 9), Scratch(torch.float64)
    # kernels of one shape, so that none gets memory of its own for being larger
    kernels = {"widen": normal(4, 4, 5, 5), "narrow": normal(4, 4, 5, 5, seed=1)}
    convs = {name: SpectralConv(scratch, name, grid, kernel) for name, kernel in kernels.items()}
    ours, theirs = [], []
    for n in (2, 4):
        inputs = {name: normal(n, *grid, w.shape[1], seed=n) for name, w in kernels.items()}
        inputs["narrow"] = inputs["narrow"].flip(0)
        upstreams = {name: normal(n, *grid, len(w), seed=n + 1) for name, w in kernels.items()}
        ours += [convs[name].forward(inputs[name]) for name in ("widen", "narrow")]
        ours += [convs[name].backward(upstreams[name]) for name in ("narrow", "widen")]
        theirs += [reference(inputs[name], kernels[name]) for name in ("widen", "narrow")]
        gradients = {
            name: gradients_of_reference(inputs[name], kernels[name], upstreams[name])
            for name in kernels
        }
        theirs += [gradients[name][0] for name in ("narrow", "widen")]
        if n == 2:
            totals = {name: d_weight for name, (_, d_weight) in gradients.items()}
    for name, conv in convs.items():
        ours.append(conv.weight_gradient)
        theirs.append(totals[name] + gradients[name][1])
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their)


def test_a_second_group_of_grids_starts_from_a_gradient_of_zero():
    scratch, weight = Scratch(torch.float64), normal(4, 3, 5, 5)
    for grid in [(7, 9), (6, 8)]:
        grids, gradient = normal(2, *grid, 3), normal(2, *grid, 4, seed=1)
        conv = SpectralConv(scratch, "conv", grid, weight)
        conv.see(grids)
        conv.backward(gradient)
        expected = gradients_of_reference(grids, weight, gradient)[1]
        torch.testing.assert_close(conv.weight_gradient, expected)


def test_the_input_gradient_is_left_out_on_demand():
    weight, grids, gradient = normal(4, 3, 5, 5), normal(2, 7, 9, 3), normal(2, 7, 9, 4)
    conv = SpectralConv(Scratch(torch.float64), "conv", (7, 9), weight)
    conv.see(grids)
    assert conv.backward(gradient, input_gradient=False) is None
    torch.testing.assert_close(
        conv.weight_gradient, gradients_of_reference(grids, weight, gradient)[1]
    )
