import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from skmamba.modules import InceptionConv2d, MultiScaleTemporalBlock, window_amplitudes

FORWARDS = ("forward", "forward_simple")
ACTIVATIONS = {torch.nn.GELU: F.gelu, torch.nn.Tanh: torch.tanh}


def make_eeg(n_windows=16, n_chans=4, n_times=512, seed=0):
    """1/f noise and an alpha oscillation, so that periods differ between windows."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(size=(n_windows, n_chans, n_times)))
    spectrum[..., 1:] /= np.sqrt(np.arange(1, spectrum.shape[-1]))
    noise = np.fft.irfft(spectrum, n=n_times)
    alpha = np.sin(2 * np.pi * 10 * np.arange(n_times) / 128)
    return torch.from_numpy(noise / noise.std() + rng.uniform(0, 1, (n_windows, 1, 1)) * alpha)


def make_block(n_chans, n_times, x=None, **options):
    """Return a block in float64; with ``x``, its frequencies are fixed to those of ``x``."""
    torch.manual_seed(0)
    options = {"d_hidden": 4, "period_selection": "window" if x is None else "fixed"} | options
    block = MultiScaleTemporalBlock(n_chans, n_times, **options).double()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    if x is not None:
        block.set_frequencies(window_amplitudes(x).mean(0))
    return block


def average_convolutions(module, x):
    outputs = [
        F.conv2d(x, kernel.weight, kernel.bias, padding=reach)
        for reach, kernel in enumerate(module.kernels)
    ]
    return torch.stack(outputs).mean(0)


def loop_block(block, x):
    """The equations, window by window and kernel by kernel."""
    outputs = []
    for window in x:  # (C, T)
        n_times = window.shape[1]
        amplitude = torch.fft.rfft(window).abs().mean(0)
        if block.period_selection == "fixed":
            frequencies = block.frequencies
        else:
            frequencies = amplitude[1:].topk(block.top_k).indices + 1
        chosen = amplitude[frequencies]
        weights = torch.softmax(chosen / chosen.mean(), 0)
        total = window.clone()
        for frequency, weight in zip(frequencies.tolist(), weights, strict=True):
            period = math.ceil(n_times / frequency)
            n_rows = math.ceil(n_times / period)
            grid = torch.zeros(len(window), n_rows * period, dtype=x.dtype)
            grid[:, :n_times] = window
            grid = grid.reshape(1, len(window), n_rows, period)
            grid = ACTIVATIONS[type(block.activation)](average_convolutions(block.widen, grid))
            view = average_convolutions(block.narrow, grid).reshape(len(window), -1)
            total = total + weight * view[:, :n_times]
        outputs.append(total)
    return torch.stack(outputs)


def assert_same_results_and_gradients(ours, theirs, leaves):
    torch.testing.assert_close(ours, theirs)
    upstream = torch.randn_like(ours)
    for our, their in zip(
        torch.autograd.grad(ours, leaves, upstream),
        torch.autograd.grad(theirs, leaves, upstream),
        strict=True,
    ):
        torch.testing.assert_close(our, their)


@pytest.mark.parametrize("fixed", [False, True], ids=["window", "fixed"])
@pytest.mark.parametrize(
    "options",
    [{}, {"top_k": 3, "n_kernels": 2}, {"n_kernels": 1}, {"activation": torch.nn.Tanh}],
    ids=repr,
)
@pytest.mark.parametrize(
    "shape", [(6, 4, 256), (6, 14, 128), (4, 2, 37), (5, 1, 4), (3, 1, 3), (3, 2, 2)], ids=repr
)
@pytest.mark.parametrize("forward", FORWARDS)
def test_results_and_gradients_equal_the_loop_over_windows(forward, shape, options, fixed):
    x = make_eeg(*shape)
    block = make_block(*shape[1:], x if fixed else None, **options)
    leaves = [x.requires_grad_(), *block.parameters()]
    assert_same_results_and_gradients(getattr(block, forward)(x), loop_block(block, x), leaves)


@pytest.mark.parametrize("forward", FORWARDS)
def test_frequencies_of_one_period_are_added(forward):
    x = make_eeg(3, 2, 20)
    block = make_block(2, 20, x, top_k=3)
    block.frequencies.copy_(torch.tensor([8, 9, 3]))  # periods of 3, 3 and 7 samples
    torch.testing.assert_close(getattr(block, forward)(x), loop_block(block, x))


def test_gradients_are_exact_in_float64():
    block = make_block(1, 7, d_hidden=2, n_kernels=2)
    x = make_eeg(2, 1, 7).requires_grad_()
    assert torch.autograd.gradcheck(block, x)
    assert torch.autograd.gradcheck(block.forward_simple, x)


@pytest.mark.parametrize("forward", FORWARDS)
def test_a_single_sample_passes_unchanged(forward):
    x = torch.randn(3, 2, 1)
    assert torch.equal(getattr(MultiScaleTemporalBlock(2, 1), forward)(x), x)


@pytest.mark.parametrize("forward", FORWARDS)
def test_constant_windows_have_finite_results_and_gradients(forward):
    block = MultiScaleTemporalBlock(2, 64, d_hidden=2)
    y = getattr(block, forward)(torch.zeros(3, 2, 64))
    y.sum().backward()
    assert y.isfinite().all()
    assert all(p.grad.isfinite().all() for p in block.parameters())


def test_results_are_independent_of_batch_composition():
    block, x = make_block(4, 512), make_eeg()
    together = block(x)
    for i in range(len(x)):
        torch.testing.assert_close(block(x[i : i + 1]), together[i : i + 1])


def test_each_window_of_a_batch_has_its_own_periods():
    time = torch.arange(256) / 256
    slow, fast = torch.sin(2 * torch.pi * 4 * time), torch.sin(2 * torch.pi * 32 * time)
    block = MultiScaleTemporalBlock(1, 256, top_k=1, d_hidden=2)
    frequencies, weights = block.scales(torch.stack([slow, fast])[:, None])
    assert frequencies.tolist() == [[4], [32]]
    assert weights.tolist() == [[1.0], [1.0]]


def test_weights_are_the_softmax_of_relative_amplitudes():
    time = torch.arange(64, dtype=torch.float64) / 64
    x = 3 * torch.sin(2 * torch.pi * 4 * time) + torch.sin(2 * torch.pi * 8 * time)
    frequencies, weights = MultiScaleTemporalBlock(1, 64, d_hidden=2).scales(x[None, None])
    assert frequencies.tolist() == [[4, 8]]
    # amplitudes 3 : 1 have a mean of 2, so the softmax is over 1.5 and 0.5
    assert weights[0, 0].item() == pytest.approx(1 / (1 + math.exp(-1)))


def test_no_view_has_all_the_weight_on_eeg():
    block = MultiScaleTemporalBlock(4, 512, top_k=3, d_hidden=2)
    raw = window_amplitudes(100 * make_eeg()).topk(3).values.softmax(1).amax(1)
    ours = block.scales(100 * make_eeg())[1].amax(1)
    assert (raw > 0.999).double().mean() > 0.5  # as with raw amplitudes
    assert ours.max() < math.exp(3) / (math.exp(3) + 2)


def test_fixed_frequencies_are_those_of_the_given_amplitudes():
    x = make_eeg()
    block = make_block(4, 512, x)
    expected = window_amplitudes(x).mean(0).topk(2).indices + 1
    assert (block.scales(x)[0] == expected).all()
    assert torch.equal(block.state_dict()["frequencies"], expected)


@pytest.mark.parametrize("forward", FORWARDS)
def test_fixed_frequencies_must_be_set_first(forward):
    block = MultiScaleTemporalBlock(1, 64, d_hidden=2, period_selection="fixed")
    with pytest.raises(RuntimeError, match="has no frequencies yet: call set_frequencies"):
        getattr(block, forward)(torch.randn(1, 1, 64))


@pytest.mark.parametrize("fixed", [False, True], ids=["window", "fixed"])
def test_the_exported_program_computes_the_same_for_any_batch_size(fixed):
    x = make_eeg(6, 3, 60)
    block = make_block(3, 60, x if fixed else None)
    dynamic_shapes = ({0: torch.export.Dim("batch", min=2)},)
    program = torch.export.export(block, (x,), dynamic_shapes=dynamic_shapes).module()
    torch.testing.assert_close(program(x), block(x))
    torch.testing.assert_close(program(x[:2]), block(x[:2]))


def test_a_second_derivative_raises():
    block = MultiScaleTemporalBlock(2, 64, d_hidden=2)
    loss = block(torch.randn(3, 2, 64)).square().sum()
    with pytest.raises(RuntimeError, match="MultiScaleTemporalBlock has no second derivative"):
        torch.autograd.grad(loss, list(block.parameters()), create_graph=True)


@pytest.mark.parametrize("n_chans, n_kernels", [(4, 3), (24, 6)])
def test_autocast_keeps_single_precision(n_chans, n_kernels):
    block = make_block(n_chans, 128, n_kernels=n_kernels, d_hidden=24).float()
    x = make_eeg(12, n_chans, 128).float().requires_grad_()
    leaves = [x, *block.parameters()]
    expected = block(x)
    expected_gradients = torch.autograd.grad(expected.square().sum(), leaves)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = block(x)
        gradients = torch.autograd.grad(y.square().sum(), leaves)
    torch.testing.assert_close(y, expected)  # checks the dtype
    for our, their in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(our, their)


def test_autocast_of_the_simple_form_keeps_the_type_of_the_windows():
    block, x = make_block(4, 128).float(), make_eeg(12, 4, 128).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = block.forward_simple(x)
    torch.testing.assert_close(y, block(x), atol=0.05, rtol=0.05)  # checks the dtype


@pytest.mark.parametrize("shape", [(2, 4, 65), (2, 3, 64), (4, 64)])
def test_windows_of_another_shape_raise(shape):
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 4, 64\), got \("):
        MultiScaleTemporalBlock(4, 64)(torch.zeros(shape))


def test_an_unknown_period_selection_raises():
    with pytest.raises(ValueError, match="period_selection must be one of 'window', 'fixed', got"):
        MultiScaleTemporalBlock(1, 64, period_selection="batch")


def test_amplitudes_exclude_0_hz():
    wave = torch.cos(2 * torch.pi * 2 * torch.arange(8) / 8)
    amplitudes = window_amplitudes(7 + wave[None, None])
    assert amplitudes[0].tolist() == pytest.approx([0, 4, 0, 0], abs=1e-5)


@pytest.mark.parametrize("grid", [(1, 1), (1, 9), (2, 30), (7, 7), (12, 3)])
def test_the_merged_kernel_equals_the_mean_of_convolutions(grid):
    torch.manual_seed(0)
    inception = InceptionConv2d(3, 5, n_kernels=4).double()
    for kernel in inception.kernels:
        torch.nn.init.normal_(kernel.bias)
    assert [kernel.weight.shape[2:] for kernel in inception.kernels] == [
        (side, side) for side in (1, 3, 5, 7)
    ]
    x = torch.randn(2, 3, *grid, dtype=torch.float64, requires_grad=True)
    leaves = [x, *inception.parameters()]
    assert_same_results_and_gradients(inception(x), average_convolutions(inception, x), leaves)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("shape", [(6, 4, 512), (6, 24, 256)])
def test_results_on_cuda_equal_those_on_the_cpu(shape):
    block, x, results = make_block(*shape[1:], n_kernels=6, d_hidden=24), make_eeg(*shape), {}
    for device in ("cpu", "cuda"):
        y = block.to(device)(x.to(device))
        gradients = torch.autograd.grad(y.square().sum(), list(block.parameters()))
        results[device] = [t.cpu() for t in (y, *gradients)]
    for ours, theirs in zip(results["cuda"], results["cpu"], strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(("n_times", "d_hidden"), [(4, 4), (4, 8), (12, 1), (36, 4), (64, 2)])
def test_one_channel_is_computed_like_the_simple_form_whatever_memory_contains(n_times, d_hidden):
    torch.manual_seed(0)
    block = MultiScaleTemporalBlock(1, n_times, d_hidden=d_hidden, n_kernels=2)
    x = torch.randn(256, 1, n_times)
    expected = block.forward_simple(x)
    for size in range(100, 100_000, 500):  # freed memory that contains NaN is used again
        torch.full((size,), torch.nan)
    torch.testing.assert_close(block(x), expected)
