"""Non-stationary Transformer."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from ._base import EncoderClassifier, EncoderLayer, SeriesEmbedding, build_head

EPS = 1e-5  # added to a variance, so that constant channels stay finite


class NonstationaryTransformer(EncoderClassifier):
    """Classify standardised windows by attention that is rescaled by their mean and scale.

    Each channel of a window is standardised over time. From the original window, its scales and
    its means, two small nets predict a factor ``tau`` and a shift ``delta`` of each key for all
    attentions: ``softmax((tau Q K' + 1 delta') / sqrt(d)) V``.

    Parameters
    ----------
    n_chans, n_outputs, n_times, sfreq
        See :class:`MSiMamba`.
    d_model : int, default=32
        Width of the embedding of a sample.
    n_layers : int, default=2
        Number of encoder layers.
    n_heads : int, default=2
        Number of attention heads; divides ``d_model``.
    d_hidden : int, default=64
        Hidden width of the feed-forward nets.
    d_factors : int, default=64
        Width of the two hidden layers of the nets that predict ``tau`` and ``delta``.
    drop_prob : float, default=0.1
        Dropout probability after the embedding, in the layers and before the head.

    Notes
    -----
    Windows are standardised before the embedding, as in [1]_; Time-Series-Library, whose head is
    used, omits this step for classification. Widths and depth are ours, chosen for a few EEG
    channels.

    References
    ----------
    .. [1] Liu et al., "Non-stationary Transformers: Exploring the Stationarity in Time Series
       Forecasting", arXiv 2205.14415.
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
        d_factors: int = 64,
        drop_prob: float = 0.1,
    ) -> None:
        super().__init__(locals())
        self.log_tau = Projector(n_chans, n_times, d_factors, 1)
        self.delta = Projector(n_chans, n_times, d_factors, n_times)
        self.embed = SeriesEmbedding(n_chans, n_times, d_model, drop_prob)
        self.layers = nn.ModuleList(
            EncoderLayer(d_model, n_heads, d_hidden, drop_prob, destationary_attention)
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(d_model)
        self.final_layer = build_head(n_times * d_model, n_outputs, drop_prob)

    def _encode(self, x):
        mean = x.mean(2, keepdim=True)  # (B, C, 1)
        scale = torch.sqrt(x.var(2, correction=0, keepdim=True) + EPS)  # (B, C, 1)
        tau = self.log_tau(x, scale).exp()  # (B, 1)
        delta = self.delta(x, mean)  # (B, T)
        tokens = self.embed((x - mean) / scale)  # (B, T, d_model)
        for layer in self.layers:
            tokens = layer(tokens, tau, delta)
        return self.norm(tokens)


class Projector(nn.Module):
    """Predict factors from a window, summed over time, and one statistic of each channel.

    As in the authors' code, the sum over time is a circular convolution along the channels.
    """

    def __init__(self, n_chans, n_times, d_hidden, n_factors):
        super().__init__()
        self.sum_up = nn.Conv1d(
            n_times, 1, kernel_size=3, padding=1, padding_mode="circular", bias=False
        )
        self.net = nn.Sequential(
            nn.Linear(2 * n_chans, d_hidden),
            nn.ReLU(),
            nn.Linear(d_hidden, d_hidden),
            nn.ReLU(),
            nn.Linear(d_hidden, n_factors, bias=False),
        )

    def forward(self, x, statistic):  # (B, C, T), (B, C, 1) -> (B, n_factors)
        """Predict the factors."""
        summary = self.sum_up(x.transpose(1, 2))  # (B, 1, C)
        return self.net(torch.cat([summary, statistic.transpose(1, 2)], dim=1).flatten(1))


def destationary_attention(queries, keys, values, tau, delta):
    """Attend with scores ``(tau Q K' + 1 delta') / sqrt(d)``."""
    # The shift is one more coordinate of the keys, where all queries are 1: as an attention mask,
    # its gradient takes three times as long.
    scale = 1 / math.sqrt(keys.shape[-1])
    shift = delta[:, None, :, None].expand(-1, keys.shape[1], -1, -1)  # (B, H, L, 1)
    keys = torch.cat([keys, shift], dim=3)
    queries = torch.cat([tau[..., None, None] * queries, torch.ones_like(shift)], dim=3)
    values = F.pad(values, (0, 1))  # as wide as the keys, required by the fused kernel
    return F.scaled_dot_product_attention(queries, keys, values, scale=scale)[..., :-1]
