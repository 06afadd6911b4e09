"""Informer."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from ._base import EncoderClassifier, EncoderLayer, SeriesEmbedding, build_head

CHUNK_SIZE = 4  # windows whose attention scores fit into a core's cache


class Informer(EncoderClassifier):
    """Classify windows by ProbSparse attention over samples, halved layer by layer.

    Parameters
    ----------
    n_chans, n_outputs, n_times, sfreq
        See :class:`MSiMamba`.
    d_model, n_layers, n_heads, d_hidden : int, default=32, 2, 2, 64
        See :class:`NonstationaryTransformer`.
    factor : int, default=5
        Of ``L`` tokens, ``factor * ceil(log(L))`` queries attend; each query is rated on as many
        sampled keys.
    drop_prob : float, default=0.1
        Dropout probability after the embedding, in the layers and before the head.

    Notes
    -----
    The encoder of [1]_ with the head of Time-Series-Library. Where code and paper differ, this
    follows the paper: a query is rated by the largest of its sampled scores minus their mean
    (Algorithm 1), and there is no batch normalisation between layers. ``factor`` is the paper's;
    widths and depth are ours, chosen for a few EEG channels.

    In training, keys are sampled in each step from torch's generator. In evaluation mode, the
    keys sampled at construction are used, so that predictions are deterministic.

    References
    ----------
    .. [1] Zhou et al., "Informer: Beyond Efficient Transformer for Long Sequence Time-Series
       Forecasting", arXiv 2012.07436.
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
        super().__init__(locals())
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
        self.final_layer = build_head(n_tokens * d_model, n_outputs, drop_prob)

    def _encode(self, x):
        return self.norm(self.layers(self.embed(x)))  # (B, n_tokens, d_model)


class ProbSparseAttention(nn.Module):
    """Attention of the queries with the highest ratings; the others take the mean value."""

    sampled_keys: torch.Tensor

    def __init__(self, n_tokens, factor):
        super().__init__()
        self.n_chosen = min(n_tokens, max(1, factor * math.ceil(math.log(n_tokens))))
        self.register_buffer("sampled_keys", torch.empty(n_tokens, self.n_chosen, dtype=torch.long))
        self.sampled_keys.random_(n_tokens)

    def forward(self, queries, keys, values):  # 3 x (B, H, L, d_head) -> (B, H, L, d_head)
        """Mix the values."""
        chosen = self._choose(queries, keys)[..., None].expand(-1, -1, -1, queries.shape[-1])
        mixed = F.scaled_dot_product_attention(queries.gather(2, chosen), keys, values)
        return values.mean(2, keepdim=True).expand_as(values).scatter(2, chosen, mixed)

    @torch.no_grad()
    def _choose(self, queries, keys):
        """Return the queries with the highest ratings, (B, H, n_chosen)."""
        sampled = self.sampled_keys
        if self.training:
            sampled = torch.randint_like(sampled, len(sampled))
        if torch.jit.is_tracing() or torch.compiler.is_compiling():  # for any number of windows
            ratings = _rate_queries(queries, keys, sampled)  # (B, H, L)
        else:
            chunks = zip(queries.split(CHUNK_SIZE), keys.split(CHUNK_SIZE), strict=True)
            ratings = torch.cat([_rate_queries(*chunk, sampled) for chunk in chunks])
        return ratings.topk(self.n_chosen).indices


def _rate_queries(queries, keys, sampled):
    # For windows of EEG, all scores are faster than gathering the sampled keys of each query.
    scores = queries @ keys.transpose(2, 3)  # (B, H, L, L)
    scores = scores.gather(3, sampled.expand(*scores.shape[:2], -1, -1))  # (B, H, L, n_sampled)
    return scores.amax(3) - scores.mean(3)


class Distil(nn.Module):
    """Halve the number of tokens: circular convolution, ELU and max pooling."""

    def __init__(self, d_model):
        super().__init__()
        self.conv = nn.Conv1d(d_model, d_model, kernel_size=3, padding=1, padding_mode="circular")
        self.pool = nn.MaxPool1d(kernel_size=3, stride=2, padding=1)

    def forward(self, tokens):  # (B, L, d_model) -> (B, ceil(L / 2), d_model)
        """Halve the tokens."""
        return self.pool(F.elu(self.conv(tokens.transpose(1, 2)))).transpose(1, 2)
