import math

import pytest
import torch

from skmamba.models import TimesNet

SMALL = {"d_model": 6, "d_hidden": 5, "n_layers": 2, "n_kernels": 2, "top_k": 2}


def inception(x, convolutions):
    """Mean of single convolutions of x (maps, rows, columns)."""
    return sum(convolution(x[None])[0] for convolution in convolutions) / len(convolutions)


def times_block(published, x, block, top_k):
    """Equations 1 to 6 for one window x (maps, times), at its own periods."""
    n_times = x.shape[1]
    amplitudes = []
    for frequency in range(1, n_times // 2 + 1):
        angles = [2 * math.pi * frequency * time / n_times for time in range(n_times)]
        wave = torch.tensor([[math.cos(a) for a in angles], [math.sin(a) for a in angles]])
        amplitudes.append((x @ wave.to(x.dtype).T).norm(dim=1).mean())
    strongest = sorted(range(len(amplitudes)), key=lambda place: -amplitudes[place])[:top_k]
    chosen = torch.stack([amplitudes[place] for place in strongest])
    total = x
    for place, share in zip(strongest, published.softmax(chosen / chosen.mean()), strict=True):
        period = math.ceil(n_times / (place + 1))
        n_rows = math.ceil(n_times / period)
        grid = torch.zeros(len(x), n_rows * period, dtype=x.dtype)
        grid[:, :n_times] = x
        grid = grid.reshape(len(x), n_rows, period)
        hidden = published.gelu(inception(grid, block.widen.kernels))
        grid = inception(hidden, block.narrow.kernels)
        total = total + share * grid.reshape(len(x), -1)[:, :n_times]
    return total


@pytest.mark.parametrize(("n_chans", "n_times"), [(3, 24), (1, 17)])
def test_logits_equal_the_equations_in_a_loop(published, n_chans, n_times):
    net, x = published.build(TimesNet, n_chans, n_times, **SMALL)
    for window, logits in zip(x, net(x), strict=True):
        tokens = published.embedding(window, net.embed, 6)
        for block in net.blocks:
            tokens = times_block(published, tokens.T, block, top_k=2).T
            tokens = published.layer_norm(tokens, net.norm)
        torch.testing.assert_close(published.head(tokens, net), logits)
