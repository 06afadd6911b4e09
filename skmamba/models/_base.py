"""Base class and layers that several networks share."""

from __future__ import annotations

import math

import torch
from torch import nn


class EncoderClassifier(nn.Module):
    """Base of networks that encode windows and classify the encoding with ``head``."""

    head: nn.Module

    def __init__(self, n_chans: int, n_outputs: int, n_times: int, sfreq: float | None) -> None:
        super().__init__()
        self.n_chans, self.n_outputs, self.n_times, self.sfreq = n_chans, n_outputs, n_times, sfreq

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits of windows.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows, scaled to about unit variance.

        Returns
        -------
        logits : Tensor of shape (batch, n_outputs)
            Logits; softmax is part of the loss.
        """
        check_windows(x, self.n_chans, self.n_times)
        return self.head(self._encode(x))

    def _encode(self, x):  # (B, C, T) -> (B, ...), flattened by the head
        raise NotImplementedError


def check_windows(x, n_chans, n_times):
    """Raise ValueError unless windows have the shape that the network was built for."""
    if x.shape[1:] != (n_chans, n_times):
        raise ValueError(f"x must have shape (batch, {n_chans}, {n_times}), got {tuple(x.shape)}.")


def check_option(name, value, options):
    """Raise ValueError unless the value is one of the options."""
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}.")


def check_heads(d_model, n_heads):
    """Raise ValueError unless the number of heads divides the width of a token."""
    if d_model % n_heads:
        raise ValueError(f"n_heads must divide d_model={d_model}, got n_heads={n_heads}.")


def build_head(n_features, n_outputs, drop_prob):
    """Return GELU, dropout and a linear map: the classification head of Time-Series-Library."""
    return nn.Sequential(
        nn.GELU(), nn.Dropout(drop_prob), nn.Flatten(), nn.Linear(n_features, n_outputs)
    )


class SeriesEmbedding(nn.Module):
    """One token per sample: a circular convolution of three samples plus a positional encoding."""

    def __init__(self, n_chans, n_times, d_model, drop_prob):
        super().__init__()
        self.values = nn.Conv1d(
            n_chans, d_model, kernel_size=3, padding=1, padding_mode="circular", bias=False
        )
        nn.init.kaiming_normal_(self.values.weight, nonlinearity="leaky_relu")
        self.register_buffer("times", encode_times(n_times, d_model), persistent=False)
        self.drop = nn.Dropout(drop_prob)

    def forward(self, x):  # (B, C, T) -> (B, T, d_model)
        return self.drop(self.values(x).transpose(1, 2) + self.times)


def encode_times(n_times, d_model):
    """Return the sinusoidal positional encoding of shape (n_times, d_model)."""
    rates = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10_000) / d_model))
    angles = torch.arange(n_times)[:, None] * rates  # (T, d_model / 2, rounded up)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :d_model]


class EncoderLayer(nn.Module):
    """Transformer encoder layer with a given attention; LayerNorm after each residual.

    Parameters
    ----------
    d_model, n_heads, d_hidden : int
        Width of a token, number of attention heads, hidden width of the feed-forward net.
    drop_prob : float
        Dropout probability after the attention and in the feed-forward net.
    attend : callable
        Maps queries, keys and values ``(batch, n_heads, n_tokens, d_head)``, and the further
        arguments of ``forward``, to mixed values of that shape.
    """

    def __init__(self, d_model, n_heads, d_hidden, drop_prob, attend):
        super().__init__()
        check_heads(d_model, n_heads)
        self.n_heads, self.attend = n_heads, attend
        self.in_proj = nn.Linear(d_model, 3 * d_model)
        self.out_proj = nn.Linear(d_model, d_model)
        self.norm_attention = nn.LayerNorm(d_model)
        self.feed_forward = nn.Sequential(
            nn.Linear(d_model, d_hidden),
            nn.GELU(),
            nn.Dropout(drop_prob),
            nn.Linear(d_hidden, d_model),
            nn.Dropout(drop_prob),
        )
        self.norm_feed_forward = nn.LayerNorm(d_model)
        self.drop = nn.Dropout(drop_prob)

    def forward(self, tokens, *factors):  # (B, L, d_model) -> (B, L, d_model)
        heads = self.in_proj(tokens).unflatten(2, (3, self.n_heads, -1))  # (B, L, 3, H, d_head)
        mixed = self.attend(*heads.permute(2, 0, 3, 1, 4), *factors)  # (B, H, L, d_head)
        mixed = self.out_proj(mixed.transpose(1, 2).flatten(2))  # (B, L, d_model)
        tokens = self.norm_attention(tokens + self.drop(mixed))
        return self.norm_feed_forward(tokens + self.feed_forward(tokens))
