import math
from functools import partial

import pytest
import torch

from skmamba.models import NonstationaryTransformer
from skmamba.models.nonstationary_transformer import destationary_attention

SMALL = {"d_model": 6, "n_heads": 2, "d_hidden": 10, "d_factors": 5, "n_layers": 2}


def build(published, n_chans, n_times):
    net, x = published.build(NonstationaryTransformer, n_chans, n_times, **SMALL)
    return net, 3 + 2 * x


def project(published, projector, window, statistic):
    """Factors from a statistic and the window, summed over time by a circular convolution."""
    summary = published.circular_convolution(window.T, projector.sum_up)[0]
    hidden = torch.cat([summary, statistic])
    for layer in projector.net[:-1:2]:
        hidden = published.linear(hidden, layer).clamp(min=0)
    return published.linear(hidden, projector.net[-1])


@pytest.mark.parametrize(("n_chans", "n_times"), [(3, 12), (1, 7)])
def test_logits_equal_the_equations_in_a_loop(published, n_chans, n_times):
    net, x = build(published, n_chans, n_times)
    for window, logits in zip(x, net(x), strict=True):
        mean = torch.stack([series.sum() / n_times for series in window])
        scale = torch.stack([
            torch.sqrt(((series - series.mean()) ** 2).sum() / n_times + 1e-5) for series in window
        ])  # fmt: skip
        tau = torch.exp(project(published, net.log_tau, window, scale))[0]
        delta = project(published, net.delta, window, mean)
        tokens = published.embedding((window - mean[:, None]) / scale[:, None], net.embed, 6)
        attend = partial(published.attention, tau=tau, delta=delta)
        for layer in net.layers:
            tokens = published.our_layer(layer, tokens, attend)
        tokens = published.layer_norm(tokens, net.norm)
        torch.testing.assert_close(published.head(tokens, net), logits)


def test_attention_of_two_keys_by_hand():
    # scores (2 * 1 * [1, 3] + [4, 0]) / sqrt(4) = [3, 3], so both values have the same weight
    keys = torch.tensor([[[[1.0, 0, 0, 0], [3.0, 0, 0, 0]]]])
    queries = torch.tensor([[[[1.0, 0, 0, 0], [0.0, 0, 0, 0]]]])
    values = torch.tensor([[[[1.0, 2, 3, 4], [3.0, 4, 5, 6]]]])
    mixed = destationary_attention(
        queries, keys, values, torch.tensor([[2.0]]), torch.tensor([[4.0, 0.0]])
    )
    share = 1 / (1 + math.exp(-2))  # the second query is zero: scores [2, 0]
    torch.testing.assert_close(mixed[0, 0, 0], torch.tensor([2.0, 3, 4, 5]))
    torch.testing.assert_close(mixed[0, 0, 1], 3 - 2 * share + torch.arange(4.0))


def test_factor_one_and_shift_zero_is_plain_attention():
    torch.manual_seed(0)
    queries, keys, values = torch.randn(3, 2, 2, 9, 4)
    mixed = destationary_attention(queries, keys, values, torch.ones(2, 1), torch.zeros(2, 9))
    plain = torch.nn.functional.scaled_dot_product_attention(queries, keys, values)
    torch.testing.assert_close(mixed, plain)


def test_logits_depend_on_mean_and_scale_and_tokens_do_not(published):
    net, x = build(published, 2, 16)
    embedded = []
    net.embed.register_forward_hook(lambda module, inputs, tokens: embedded.append(tokens))
    logits = [net(windows) for windows in (x, 100 + x, 2 * x)]
    torch.testing.assert_close(embedded[1], embedded[0])
    torch.testing.assert_close(embedded[2], embedded[0], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(logits[1], logits[0])
    assert not torch.allclose(logits[2], logits[0])
