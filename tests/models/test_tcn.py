"""Agreement of braindecode's BDTCN, the baseline "TCN", with the network of Bai et al."""

import pytest
import torch

models = pytest.importorskip("braindecode.models")


def build(n_times=100, **options):
    torch.manual_seed(0)
    return models.BDTCN(n_chans=3, n_outputs=2, n_times=n_times, **options).double().eval()


def test_blocks_are_causal():
    blocks = build().base_tcn.temporal_blocks
    x = torch.randn(2, 3, 100, dtype=torch.float64)
    changed = x.clone()
    changed[..., 60] += 1
    same = (blocks(x) == blocks(changed)).all(1)
    assert same[:, :60].all()
    assert not same[:, 60].any()


def test_the_receptive_field_is_57_samples():
    blocks = build().base_tcn.temporal_blocks
    x = torch.randn(1, 3, 100, dtype=torch.float64, requires_grad=True)
    blocks(x)[..., 99].sum().backward()
    touched = x.grad.abs().sum((0, 1)).nonzero()[:, 0]
    # two convolutions of 5 taps in each block, 1, 2 and 4 samples apart
    assert touched.min() == 99 - 2 * (5 - 1) * (1 + 2 + 4)
    assert 1 + 2 * (5 - 1) * (1 + 2 + 4) == 57


def convolve_by_loop(x, convolution):
    """Weight-normalised causal convolution of x (maps, times), zero before the start."""
    direction = convolution.parametrizations.weight.original1
    length = convolution.parametrizations.weight.original0
    weight = length * direction / direction.norm(dim=(1, 2), keepdim=True)
    (apart,) = convolution.dilation
    n_taps = weight.shape[2]
    columns = []
    for time in range(x.shape[1]):
        total = convolution.bias
        for tap in range(n_taps):
            before = time - apart * (n_taps - 1 - tap)
            if before >= 0:
                total = total + weight[:, :, tap] @ x[:, before]
        columns.append(total)
    return torch.stack(columns, dim=1)


def test_logits_equal_the_equations_in_a_loop():
    net = build(n_times=62, n_filters=4)
    window = torch.randn(3, 62, dtype=torch.float64)
    maps = window
    for block in net.base_tcn.temporal_blocks:
        inside = convolve_by_loop(maps, block.conv1).clamp(min=0)
        inside = convolve_by_loop(inside, block.conv2).clamp(min=0)
        if block.downsample is not None:
            maps = block.downsample.weight[:, :, 0] @ maps + block.downsample.bias[:, None]
        maps = (inside + maps).clamp(min=0)
    head = net.base_tcn.final_layer.fc
    outputs = [head.weight @ maps[:, time] + head.bias for time in range(56, 62)]
    torch.testing.assert_close(net(window[None])[0], sum(outputs) / 6)


def test_parameter_count_is_that_of_the_equations():
    C, n, filters, taps, blocks = 3, 2, 30, 5, 3

    def convolution(n_in):
        return n_in * filters * taps + 2 * filters  # a length and a bias for each filter

    total = convolution(C) + (2 * blocks - 1) * convolution(filters)
    total += C * filters + filters + filters * n + n
    assert sum(p.numel() for p in build().parameters()) == total
