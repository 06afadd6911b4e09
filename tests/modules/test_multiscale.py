import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from skmamba.modules import MultiScaleTemporalBlock, window_amplitudes
from skmamba.modules._folds import round_size
from skmamba.modules._spectral_conv import SpectralConv


def eeg_like(n_windows=16, n_chans=4, n_times=512, seed=0):
    """1/f noise and an alpha rhythm: data on which averaging periods over a batch shows."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(size=(n_windows, n_chans, n_times)))
    spectrum[..., 1:] /= np.sqrt(np.arange(1, spectrum.shape[-1]))
    noise = np.fft.irfft(spectrum, n=n_times)
    alpha = np.sin(2 * np.pi * 10 * np.arange(n_times) / 128)
    return torch.from_numpy(noise / noise.std() + rng.uniform(0, 1, (n_windows, 1, 1)) * alpha)


def plain_block(block, x):
    """The block as its equations say it: window by window, kernel by kernel."""

    def inception(module, grid):
        return sum(
            F.conv2d(grid, kernel.weight, kernel.bias, padding=reach)
            for reach, kernel in enumerate(module.kernels)
        ) / len(module.kernels)

    outputs = []
    for window in x:  # (C, T)
        n_times = window.shape[1]
        amplitude = torch.fft.rfft(window).abs().mean(0)
        amplitude[0] = -1
        strongest, frequencies = amplitude.topk(block.top_k)
        weights = torch.softmax(strongest / strongest.mean(), 0)
        total = window.clone()
        for frequency, weight in zip(frequencies.tolist(), weights, strict=True):
            period = math.ceil(n_times / frequency)
            n_rows = math.ceil(n_times / period)
            grid = torch.zeros(len(window), n_rows * period, dtype=x.dtype)
            grid[:, :n_times] = window
            grid = grid.reshape(1, len(window), n_rows, period)
            fold = inception(block.narrow, F.gelu(inception(block.widen, grid)))
            total = total + weight * fold.reshape(len(window), -1)[:, :n_times]
        outputs.append(total)
    return torch.stack(outputs)


def assert_equal_to_the_loop(block, x):
    """Results, and gradients to the windows and to every parameter."""
    leaves = [x.requires_grad_(), *block.parameters()]
    ours, theirs = block(x), plain_block(block, x)
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn_like(ours)
    for our, their in zip(
        torch.autograd.grad((ours * weights).sum(), leaves),
        torch.autograd.grad((theirs * weights).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(our, their)


@pytest.mark.parametrize("shape", [(6, 4, 512), (6, 14, 256), (4, 2, 37), (3, 1, 3), (3, 2, 2)])
def test_block_equals_the_window_by_window_loop(shape):
    torch.manual_seed(0)
    block = MultiScaleTemporalBlock(shape[1], shape[2], n_kernels=3, d_hidden=6).double()
    assert_equal_to_the_loop(block, eeg_like(*shape))


def test_many_channels_and_large_kernels_are_convolved_by_their_spectra(monkeypatch):
    torch.manual_seed(0)
    n_windows, n_chans, n_times = 12, 24, 128
    seen, original = [], SpectralConv.see

    def see(self, grids):
        seen.append(grids.shape)
        original(self, grids)

    monkeypatch.setattr(SpectralConv, "see", see)
    block = MultiScaleTemporalBlock(n_chans, n_times, top_k=1, n_kernels=6, d_hidden=24).double()
    rhythm = torch.sin(2 * torch.pi * 10 * torch.arange(n_times) / n_times)
    assert_equal_to_the_loop(block, 0.1 * eeg_like(n_windows, n_chans, n_times) + rhythm)
    assert {shape[1:3] for shape in seen} == {(10, 13)}


def test_windows_of_a_batch_use_periods_of_their_own():
    time = torch.arange(256) / 256
    slow, fast = torch.sin(2 * torch.pi * 4 * time), torch.sin(2 * torch.pi * 32 * time)
    block = MultiScaleTemporalBlock(1, 256, top_k=1, d_hidden=2)
    frequencies, weights = block.scales(torch.stack([slow, fast])[:, None])
    assert frequencies.tolist() == [[4], [32]]
    assert weights.tolist() == [[1.0], [1.0]]


def test_a_window_comes_out_the_same_whatever_its_batch_mates():
    torch.manual_seed(0)
    block = MultiScaleTemporalBlock(4, 512, d_hidden=8).double()
    x = eeg_like()
    together = block(x)
    for i in range(len(x)):
        torch.testing.assert_close(block(x[i : i + 1]), together[i : i + 1])


def test_weights_are_the_softmax_of_relative_amplitudes():
    time = torch.arange(64, dtype=torch.float64) / 64
    x = 3 * torch.sin(2 * torch.pi * 4 * time) + torch.sin(2 * torch.pi * 8 * time)
    block = MultiScaleTemporalBlock(1, 64, top_k=2, d_hidden=2)
    frequencies, weights = block.scales(x[None, None])
    assert frequencies.tolist() == [[4, 8]]
    # amplitudes 3 : 1 have the mean 2, so the softmax is over 1.5 and 0.5
    assert weights[0, 0].item() == pytest.approx(1 / (1 + math.exp(-1)))


def test_no_scale_takes_all_the_weight_on_eeg():
    block = MultiScaleTemporalBlock(4, 512, d_hidden=2)
    raw = window_amplitudes(100 * eeg_like()).topk(3).values.softmax(1).amax(1)
    ours = block.scales(100 * eeg_like())[1].amax(1)
    assert (raw > 0.999).double().mean() > 0.5  # what the raw amplitudes would do
    assert ours.max() < math.exp(3) / (math.exp(3) + 2)


def test_a_silent_window_stays_finite_and_has_gradients():
    block = MultiScaleTemporalBlock(2, 64, d_hidden=2)
    y = block(torch.zeros(3, 2, 64))
    y.sum().backward()
    assert y.isfinite().all()
    assert all(p.grad.isfinite().all() for p in block.parameters())


def test_a_single_time_point_passes_unchanged():
    x = torch.randn(3, 2, 1)
    assert torch.equal(MultiScaleTemporalBlock(2, 1, d_hidden=2)(x), x)


def test_fixed_periods_are_used_by_every_window():
    torch.manual_seed(0)
    x = eeg_like()
    block = MultiScaleTemporalBlock(4, 512, top_k=2, d_hidden=4, period_selection="fixed").double()
    block.set_frequencies(window_amplitudes(x).mean(0))
    frequencies, _ = block.scales(x)
    expected = window_amplitudes(x).mean(0).topk(2).indices + 1
    assert (frequencies == expected).all()
    assert "frequencies" in block.state_dict()

    per_window = MultiScaleTemporalBlock(4, 512, top_k=2, d_hidden=4).double()
    per_window.load_state_dict(block.state_dict(), strict=False)
    agree = (per_window.scales(x)[0] == expected).all(1)
    assert agree.any()
    assert not agree.all()
    torch.testing.assert_close(block(x)[agree], per_window(x)[agree])


def test_fixed_periods_must_be_set_first():
    block = MultiScaleTemporalBlock(1, 64, d_hidden=2, period_selection="fixed")
    with pytest.raises(RuntimeError, match="has no frequencies yet: call set_frequencies"):
        block(torch.randn(1, 1, 64))


def test_a_second_derivative_is_refused_and_not_wrong():
    block = MultiScaleTemporalBlock(2, 64, d_hidden=2)
    loss = block(torch.randn(3, 2, 64)).square().sum()
    with pytest.raises(RuntimeError, match="MultiScaleTemporalBlock has no second derivative"):
        torch.autograd.grad(loss, list(block.parameters()), create_graph=True)


@pytest.mark.parametrize("n_chans, n_kernels", [(4, 3), (24, 6)])
def test_autocast_leaves_the_block_in_single_precision(n_chans, n_kernels):
    torch.manual_seed(0)
    block = MultiScaleTemporalBlock(n_chans, 128, n_kernels=n_kernels, d_hidden=24)
    x = eeg_like(12, n_chans, 128).float().requires_grad_()
    leaves = [x, *block.parameters()]
    expected = block(x)
    expected_gradients = torch.autograd.grad(expected.square().sum(), leaves)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = block(x)
        gradients = torch.autograd.grad(y.square().sum(), leaves)
    torch.testing.assert_close(y, expected)  # the dtype as well
    for our, their in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(our, their)


def test_unknown_period_selection_is_refused():
    with pytest.raises(ValueError, match="period_selection must be one of window, fixed, got 'b"):
        MultiScaleTemporalBlock(1, 64, period_selection="batch")


def test_group_sizes_are_rounded_up_by_less_than_half():
    assert [round_size(n) for n in (1, 2, 3, 4, 5, 7, 9, 13, 64)] == [1, 2, 3, 4, 6, 8, 12, 16, 64]


def test_amplitudes_leave_out_the_constant_part():
    amplitudes = window_amplitudes(
        7 + torch.cos(2 * torch.pi * 2 * torch.arange(8) / 8)[None, None]
    )
    assert amplitudes[0].tolist() == pytest.approx([0, 4, 0, 0], abs=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("shape", [(6, 4, 512), (6, 24, 256)])
def test_block_computes_the_same_on_cuda(shape):
    torch.manual_seed(0)
    block = MultiScaleTemporalBlock(shape[1], shape[2], n_kernels=6, d_hidden=24).double()
    x = eeg_like(*shape)
    results = {}
    for device in ("cpu", "cuda"):
        y = block.to(device)(x.to(device))
        gradients = torch.autograd.grad(y.square().sum(), list(block.parameters()))
        results[device] = [t.cpu() for t in (y, *gradients)]
    for ours, theirs in zip(results["cuda"], results["cpu"], strict=True):
        torch.testing.assert_close(ours, theirs)
