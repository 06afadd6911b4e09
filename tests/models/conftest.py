"""Published equations as loops over tensors, one window at a time."""

import math
from types import SimpleNamespace

import pytest
import torch


@pytest.fixture
def published():
    """Functions that compute the equations."""
    return SimpleNamespace(
        attention=attention,
        build=build,
        circular_convolution=circular_convolution,
        embedding=embedding,
        encoder_layer=encoder_layer,
        gelu=gelu,
        head=head,
        layer_norm=layer_norm,
        linear=linear,
        our_layer=our_layer,
        softmax=softmax,
    )


def build(network, n_chans, n_times, **options):
    """A network in float64 with biases other than 0 and scales other than 1, and windows."""
    torch.manual_seed(0)
    net = network(n_chans, 3, n_times, **options).double().eval()
    for weights in net.parameters():
        torch.nn.init.normal_(weights, std=0.4)
    return net, torch.randn(3, n_chans, n_times, dtype=torch.float64)


def layer_norm(tokens, norm):
    rows = []
    for token in tokens:
        centred = token - token.mean()
        rows.append(centred / torch.sqrt((centred**2).mean() + norm.eps) * norm.weight + norm.bias)
    return torch.stack(rows)


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def linear(tokens, layer):
    return tokens @ layer.weight.T + (0 if layer.bias is None else layer.bias)


def softmax(scores):
    powers = torch.stack([torch.exp(score - max(scores)) for score in scores])
    return powers / powers.sum()


def attention(queries, keys, values, tau=1.0, delta=None):
    """Attention of one head, query by query; tokens are rows."""
    mixed = []
    for query in queries:
        scores = [
            (tau * (query @ key) + (0 if delta is None else delta[place])) / math.sqrt(len(query))
            for place, key in enumerate(keys)
        ]
        shares = softmax(scores)
        mixed.append(sum(share * value for share, value in zip(shares, values, strict=True)))
    return torch.stack(mixed)


def encoder_layer(tokens, *, weight, bias, n_heads, attend, out, norms, feed_forward):
    """Attention, residual, LayerNorm, feed-forward net, residual, LayerNorm of one window."""
    d_model = tokens.shape[1]
    queries, keys, values = (
        tokens @ weight[start : start + d_model].T + bias[start : start + d_model]
        for start in range(0, 3 * d_model, d_model)
    )
    size = d_model // n_heads
    heads = [slice(start, start + size) for start in range(0, d_model, size)]
    mixed = [attend(queries[:, head], keys[:, head], values[:, head]) for head in heads]
    tokens = layer_norm(tokens + linear(torch.cat(mixed, dim=1), out), norms[0])
    inside = gelu(linear(tokens, feed_forward[0]))
    return layer_norm(tokens + linear(inside, feed_forward[1]), norms[1])


def our_layer(layer, tokens, attend):
    """The encoder layer with the weights of an ``EncoderLayer``."""
    return encoder_layer(
        tokens,
        weight=layer.in_proj.weight,
        bias=layer.in_proj.bias,
        n_heads=layer.n_heads,
        attend=attend,
        out=layer.out_proj,
        norms=(layer.norm_attention, layer.norm_feed_forward),
        feed_forward=(layer.feed_forward[0], layer.feed_forward[3]),
    )


def circular_convolution(x, conv):
    """Convolution of x (maps, places) with three taps, where the ends are adjacent."""
    n_places = x.shape[1]
    columns = []
    for place in range(n_places):
        total = torch.zeros(len(conv.weight), dtype=x.dtype)
        if conv.bias is not None:
            total = total + conv.bias
        for tap, shift in enumerate((-1, 0, 1)):
            total = total + conv.weight[:, :, tap] @ x[:, (place + shift) % n_places]
        columns.append(total)
    return torch.stack(columns, dim=1)


def embedding(x, embed, d_model):
    """Tokens (T, d_model) of a window (C, T): values plus sine and cosine of the time."""
    tokens = circular_convolution(x, embed.values).T.clone()
    for time in range(len(tokens)):
        for place in range(d_model):
            angle = time / 10_000 ** (2 * (place // 2) / d_model)
            tokens[time, place] += math.cos(angle) if place % 2 else math.sin(angle)
    return tokens


def head(tokens, net):
    return linear(gelu(tokens).flatten(), net.final_layer[-1])
