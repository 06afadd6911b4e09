"""Tokens that carry power: what a linear map of raw samples cannot say."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ._batch_norm import WeightedBatchNorm1d

FLOOR = 1e-6  # of a power; inputs have about unit variance, so this is silence


class PowerEmbedding(nn.Module):
    """Make one token of each channel from the log power behind learned temporal filters.

    The class of a window is often in how strong a rhythm is, whatever its phase. A linear map of
    samples, which the plain inverted embedding is, has no way to say so. Here each channel passes
    the same bank of filters; their outputs are squared, averaged over segments of the window and
    logged, as in ShallowFBCSPNet [1]_. A linear layer makes the token from the mean of the
    segments: where in a window a rhythm is strong is chance, and once logged, one segment with a
    blink does not outweigh all others.

    Parameters
    ----------
    n_times : int
        Length of a window.
    d_model : int
        Width of a token.
    n_filters : int, default=16
        Filters of the bank, which all channels share.
    n_segments : int, default=8
        Parts of a window whose log power is averaged; at most ``n_times``.
    filter_size : int, default=33
        Length of a filter in time points; odd.

    Notes
    -----
    Ours, not the paper's: its embedding is linear. On EEGMAT, over five folds of subjects, windows
    of 2 s score .73 in the place of .57, and trials .78 in the place of .62, with all else as in
    the default (balanced accuracy, means of five seeds; chance is .50).

    References
    ----------
    .. [1] Schirrmeister et al., "Deep learning with convolutional neural networks for EEG decoding
       and visualization", Human Brain Mapping 38(11):5391-5420, 2017.

    Examples
    --------
    >>> import torch
    >>> PowerEmbedding(n_times=128, d_model=8)(torch.randn(3, 4, 128)).shape
    torch.Size([3, 4, 8])
    """

    def __init__(
        self,
        n_times: int,
        d_model: int,
        n_filters: int = 16,
        n_segments: int = 8,
        filter_size: int = 33,
    ) -> None:
        super().__init__()
        if filter_size % 2 == 0:
            raise ValueError(f"filter_size must be odd, got {filter_size}.")
        self.n_segments = min(n_segments, n_times)
        self.bank = nn.Conv1d(1, n_filters, filter_size, padding=filter_size // 2, bias=False)
        self.norm = WeightedBatchNorm1d(n_filters)
        self.linear = nn.Linear(n_filters, d_model)

    def forward(self, x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Make tokens.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows of about unit variance.
        weight : Tensor of shape (batch,), default=None
            Weights of the windows in what training learns of the filters' strength.

        Returns
        -------
        tokens : Tensor of shape (batch, n_chans, d_model)
            One token a channel.
        """
        series = x.reshape(-1, 1, x.shape[2])  # (B * C, 1, T)
        if weight is not None:
            weight = weight.repeat_interleave(x.shape[1])  # (B * C,)
        filtered = self.norm(self.bank(series), weight)  # (B * C, n_filters, T)
        power = F.adaptive_avg_pool1d(filtered.square(), self.n_segments)  # (B * C, filters, parts)
        log_power = power.clamp_min(FLOOR).log().mean(2)  # (B * C, n_filters)
        return self.linear(log_power.reshape(*x.shape[:2], -1))  # (B, C, d_model)
