"""What the rivals share: windows in, a linear head on the flattened encoding, logits out."""

from __future__ import annotations

import torch
from torch import nn


class Rival(nn.Module):
    """Base of networks that encode windows and read the whole encoding with a linear head."""

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
            Softmax is left to the loss.
        """
        if x.shape[1:] != (self.n_chans, self.n_times):
            raise ValueError(
                f"x must have shape (batch, {self.n_chans}, {self.n_times}), got {tuple(x.shape)}."
            )
        return self.head(self._encode(x))

    def _encode(self, x):
        """Encode windows, for the head to flatten."""
        raise NotImplementedError


def build_head(n_features, n_outputs, drop_prob):
    """GELU, dropout and a linear map, as the encoders of the Time-Series-Library classify."""
    return nn.Sequential(
        nn.GELU(), nn.Dropout(drop_prob), nn.Flatten(), nn.Linear(n_features, n_outputs)
    )


def check_heads(d_model, n_heads):
    if d_model % n_heads:
        raise ValueError(f"n_heads must divide d_model={d_model}, got n_heads={n_heads}.")
