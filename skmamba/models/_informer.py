"""Informer: attention for the few queries that are far from asking for everything alike."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from ._embedding import SeriesEmbedding
from ._encoder import EncoderLayer
from ._rival import Rival, build_head

AT_A_TIME = 4  # windows whose scores a core keeps in its cache


class Informer(Rival):
    """Classify windows by ProbSparse attention over time points, halved layer by layer.

    Parameters
    ----------
    n_chans, n_outputs, n_times : int
        Channels, classes and time points of a window.
    sfreq : float, default=None
        Sampling rate in hertz. The network works in time points; kept for its users.
    d_model : int, default=32
        Width of a time point.
    n_layers : int, default=2
        Encoder layers; between two of them the number of time points is halved.
    n_heads : int, default=2
        Heads of the attention; divides ``d_model``.
    d_hidden : int, default=64
        Width inside the feed-forward nets.
    factor : int, default=5
        Of ``L`` time points, ``factor * ceil(log(L))`` queries attend, and each query is judged
        by as many keys.
    drop_prob : float, default=0.1
        Dropout after the embedding, inside the layers and before the head.

    Raises
    ------
    ValueError
        If ``n_heads`` does not divide ``d_model``.

    Notes
    -----
    It is the paper's encoder with the head of the Time-Series-Library. Where code and paper
    differ this follows the paper: a query is judged by the largest of its sampled scores minus
    their mean (Algorithm 1; the code divides their sum by the number of all keys), halving has
    no batch normalisation, and a classifier halves too. ``factor`` is the paper's; widths and
    depth are ours, chosen for a few channels of EEG.

    Keys are sampled anew in every step of training, from torch's generator. A network that is not
    training uses those that were drawn when it was built: the same window always gets the same
    answer.

    References
    ----------
    .. [1] Zhou et al., "Informer: Beyond Efficient Transformer for Long Sequence Time-Series
       Forecasting", arXiv 2012.07436.

    Examples
    --------
    >>> import torch
    >>> Informer(n_chans=4, n_outputs=2, n_times=128)(torch.randn(3, 4, 128)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        n_chans: int,
        n_outputs: int,
        n_times: int,
        sfreq: float | None = None,
        *,
        d_model: int = 32,
        n_layers: int = 2,
        n_heads: int = 2,
        d_hidden: int = 64,
        factor: int = 5,
        drop_prob: float = 0.1,
    ) -> None:
        super().__init__(n_chans, n_outputs, n_times, sfreq)
        self.embed = SeriesEmbedding(n_chans, n_times, d_model, drop_prob)
        layers: list[nn.Module]
        layers, n_tokens = [], n_times
        for layer in range(n_layers):
            if layer:
                layers.append(Distil(d_model))
                n_tokens = -(-n_tokens // 2)
            attend = ProbSparseAttention(n_tokens, factor)
            layers.append(EncoderLayer(d_model, n_heads, d_hidden, drop_prob, attend))
        self.layers = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(d_model)
        self.head = build_head(n_tokens * d_model, n_outputs, drop_prob)

    def _encode(self, x):
        return self.norm(self.layers(self.embed(x)))  # (B, n_tokens, d_model)


class ProbSparseAttention(nn.Module):
    """Attention for the queries with the sharpest scores; the others get the mean value."""

    sampled_keys: torch.Tensor

    def __init__(self, n_tokens, factor):
        super().__init__()
        self.n_chosen = min(n_tokens, max(1, factor * math.ceil(math.log(n_tokens))))
        self.register_buffer("sampled_keys", torch.empty(n_tokens, self.n_chosen, dtype=torch.long))
        self.sampled_keys.random_(n_tokens)

    def forward(self, queries, keys, values):  # (B, H, L, d_head) in and out
        chosen = self._choose(queries, keys)[..., None].expand(-1, -1, -1, queries.shape[-1])
        mixed = F.scaled_dot_product_attention(queries.gather(2, chosen), keys, values)
        return values.mean(2, keepdim=True).expand_as(values).scatter(2, chosen, mixed)

    @torch.no_grad()
    def _choose(self, queries, keys):
        """Return the queries whose largest sampled score is most above the mean, (B, H, u)."""
        sampled = self.sampled_keys
        if self.training:
            sampled = torch.randint_like(sampled, len(sampled))
        chunks = zip(queries.split(AT_A_TIME), keys.split(AT_A_TIME), strict=True)
        sharpness = torch.cat([_sharpness(*chunk, sampled) for chunk in chunks])  # (B, H, L)
        return sharpness.topk(self.n_chosen).indices


def _sharpness(queries, keys, sampled):
    # All scores, of which the sampled ones are taken: for windows of EEG this is quicker than to
    # gather the keys of each query.
    scores = queries @ keys.transpose(2, 3)  # (B, H, L, L)
    scores = scores.gather(3, sampled.expand(*scores.shape[:2], -1, -1))  # (B, H, L, u)
    return scores.amax(3) - scores.mean(3)


class Distil(nn.Module):
    """Halve the number of tokens: convolution on a circle, ELU, the larger of neighbours."""

    def __init__(self, d_model):
        super().__init__()
        self.conv = nn.Conv1d(d_model, d_model, kernel_size=3, padding=1, padding_mode="circular")
        self.pool = nn.MaxPool1d(kernel_size=3, stride=2, padding=1)

    def forward(self, tokens):  # (B, L, d_model) -> (B, ceil(L / 2), d_model)
        return self.pool(F.elu(self.conv(tokens.transpose(1, 2)))).transpose(1, 2)
