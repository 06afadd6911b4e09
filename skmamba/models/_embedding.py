"""One token a time point: what the channels show there, and when it is."""

import math

import torch
from torch import nn


class SeriesEmbedding(nn.Module):
    """A convolution over three time points, on a circle, and the sine and cosine of the time."""

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
    """Sine and cosine of the time at ever lower frequencies, ``(n_times, d_model)``."""
    rates = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10_000) / d_model))
    angles = torch.arange(n_times)[:, None] * rates  # (T, d_model / 2, rounded up)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :d_model]
