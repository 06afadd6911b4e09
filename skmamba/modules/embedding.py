"""The power embedding and its batch normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from ._kernels import can_use_kernels, segment_moments

FLOOR = 1e-6  # smallest power before the logarithm; windows have a variance of about 1
AVERAGE_SCALE = 0.1  # of averaged samples; with 1 the network fits noise in them
MIN_FILTER = 8  # smallest length by default
MIN_SAMPLES = 8  # of a segment; shorter ones, and single windows, are faster in plain operations


class PowerEmbedding(nn.Module):
    """Embed each channel as one token by its power behind learned filters and averaged samples.

    All channels share one bank of filters. The filtered series are squared, averaged over
    segments of the window and transformed by the logarithm, as in ShallowFBCSPNet [1]_. A linear
    layer maps the mean over the segments, and averages of adjacent samples, to the token.

    Parameters
    ----------
    n_times : int
        Number of samples of a window.
    d_model : int
        Width of a token.
    n_filters : int, default=16
        Number of filters.
    n_segments : int, default=8
        Number of segments of a window; at most ``n_times`` are used.
    filter_size : int, default=None
        Length of a filter in samples; odd. None is about the length of a segment, at least 9.
    n_averages : int, default=32
        Number of averages of adjacent samples; at most ``n_times`` are used, 0 is power only.

    Notes
    -----
    Departure from the paper, whose embedding is a linear map of the samples: a linear map cannot
    represent the power of an oscillation of unknown phase, and power cannot represent the sign of
    an evoked or slow potential.

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

    if TYPE_CHECKING:  # TorchScript does not read these annotations
        scale: torch.Tensor

    def __init__(
        self,
        n_times: int,
        d_model: int,
        n_filters: int = 16,
        n_segments: int = 8,
        filter_size: int | None = None,
        n_averages: int = 32,
    ) -> None:
        super().__init__()
        self.n_segments, self.floor = min(n_segments, n_times), FLOOR
        if filter_size is None:
            filter_size = max(n_times // self.n_segments, MIN_FILTER) | 1
        if filter_size < 1 or filter_size % 2 == 0:
            raise ValueError(f"filter_size must be odd and positive, got {filter_size}.")
        if n_averages < 0:
            raise ValueError(f"n_averages must be at least 0, got {n_averages}.")
        self.bank = nn.Conv1d(1, n_filters, filter_size, padding=filter_size // 2, bias=False)
        self.norm = WeightedBatchNorm1d(n_filters)
        self.n_averages = min(n_averages, n_times)
        self.linear = nn.Linear(n_filters + self.n_averages, d_model)
        scale = torch.ones(self.linear.in_features)
        scale[n_filters:] = AVERAGE_SCALE
        self.register_buffer("scale", scale, persistent=False)

    def forward(self, x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Compute the tokens.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows of about unit variance.
        weight : Tensor of shape (batch,), default=None
            Weights of the windows in the batch statistics; used in training only.

        Returns
        -------
        tokens : Tensor of shape (batch, n_chans, d_model)
            One token per channel.
        """
        return self.project(self.features(x, weight))  # (B, C, d_model)

    def project(self, features: torch.Tensor) -> torch.Tensor:
        """Map features to tokens.

        Parameters
        ----------
        features : Tensor of shape (batch, n_chans, n_features)
            Result of :meth:`features`.

        Returns
        -------
        tokens : Tensor of shape (batch, n_chans, d_model)
            One token per channel.
        """
        return self.linear(features * self.scale)  # (B, C, d_model)

    def features(self, x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Compute the log power behind each filter, then the averages of adjacent samples.

        Parameters
        ----------
        x, weight
            As in :meth:`forward`.

        Returns
        -------
        features : Tensor of shape (batch, n_chans, n_filters + n_averages)
            Input of :meth:`project`.
        """
        log_power = self.log_power(x, weight)  # (B, C, n_filters)
        if not self.n_averages:
            return log_power
        averages = F.adaptive_avg_pool1d(x, self.n_averages)  # (B, C, n_averages)
        return torch.cat([log_power, averages], 2)  # (B, C, n_filters + n_averages)

    def log_power(self, x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Compute the log power behind each filter, averaged over the segments.

        Parameters
        ----------
        x, weight
            As in :meth:`forward`.

        Returns
        -------
        log_power : Tensor of shape (batch, n_chans, n_filters)
            Log power.
        """
        if not torch.jit.is_scripting():
            is_long = x.shape[2] >= MIN_SAMPLES * self.n_segments
            if can_use_kernels(x) and is_long and len(x) > 1:
                return self._log_power_fast(x, weight)
        return self.log_power_simple(x, weight)

    def _log_power_fast(self, x, weight):
        series = x.flatten(0, 1)  # (B * C, T)
        if weight is not None:
            weight = weight.repeat_interleave(x.shape[1])  # (B * C,)
        bank = self.bank.weight[:, 0]  # (n_filters, filter_size)
        by_segment, (mean, var) = segment_moments(series, bank, self.n_segments)
        scale, offset = self.norm.from_moments(mean, var, x.shape[2], weight)  # 2 x (n_filters,)
        mean, var = by_segment  # 2 x (B * C, S, n_filters)
        # Mean square of scale * filtered + offset.
        power = scale.square() * var + (scale * mean + offset).square()
        log_power = power.clamp_min(self.floor).log().mean(1)  # (B * C, n_filters)
        return log_power.unflatten(0, x.shape[:2])  # (B, C, n_filters)

    def log_power_simple(self, x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Compute ``log_power`` in plain operations, on any device.

        Parameters
        ----------
        x, weight
            As in :meth:`forward`.

        Returns
        -------
        log_power : Tensor of shape (batch, n_chans, n_filters)
            Log power.
        """
        series = x.reshape(-1, 1, x.shape[2])  # (B * C, 1, T)
        if weight is not None:
            weight = weight.repeat_interleave(x.shape[1])  # (B * C,)
        filtered = self.bank(series).to(x.dtype)  # (B * C, n_filters, T), mixed precision ends here
        filtered = self.norm(filtered, weight)  # (B * C, n_filters, T)
        power = F.adaptive_avg_pool1d(filtered.square(), self.n_segments)  # (B * C, n_filters, S)
        log_power = power.clamp_min(self.floor).log().mean(2)  # (B * C, n_filters)
        return log_power.reshape(x.shape[0], x.shape[1], -1)  # (B, C, n_filters)


class WeightedBatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation in which a series of weight 2 counts as two series.

    Weights in the loss alone would not make a weight of 2 equal to a repeated trial. Without
    weights, or with equal ones, it is :class:`torch.nn.BatchNorm1d`.
    """

    def forward(self, x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Normalise maps ``(n_series, n_maps, T)``, with weights of series in training."""
        if not torch.jit.is_scripting():
            if not self.training or _are_equal(weight):
                return super().forward(x)
            return self._forward_weighted(x, weight)
        statistics = self.running_mean, self.running_var
        return F.batch_norm(x, *statistics, self.weight, self.bias, self.training, eps=self.eps)

    def _forward_weighted(self, x, weight):
        mean, var = x.mean(2), x.var(2, correction=0)  # 2 x (n_series, n_maps)
        scale, offset = self.from_moments(mean, var, x.shape[2], weight)
        return x * scale[:, None] + offset[:, None]

    def from_moments(
        self: Any,
        mean: torch.Tensor,
        var: torch.Tensor,
        n_times: int,
        weight: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return factor and offset of each map, given mean and variance of each series of it.

        Parameters
        ----------
        mean, var : Tensor of shape (n_series, n_maps)
            Mean and variance over ``n_times`` samples.
        n_times : int
            Number of samples.
        weight : Tensor of shape (n_series,), default=None
            As in :meth:`forward`.

        Returns
        -------
        scale, offset : Tensor of shape (n_maps,)
            The normalised map is ``scale * map + offset``.
        """
        if not self.training:
            mean, var = self.running_mean, self.running_var
        else:
            if weight is None or _are_equal(weight):
                weight = torch.ones_like(mean[:, 0])
            share, means = (weight / weight.sum())[:, None], mean  # (n_series, 1)
            mean = (share * means).sum(0)  # (n_maps,)
            var = (share * (var + (means - mean).square())).sum(0)  # (n_maps,)
            self._update_running(mean.detach(), var.detach(), weight.sum() * n_times)
        scale = self.weight * (var + self.eps).rsqrt()  # (n_maps,)
        return scale, self.bias - scale * mean

    @torch.no_grad()
    def _update_running(
        self: Any, mean: torch.Tensor, var: torch.Tensor, count: torch.Tensor
    ) -> None:  # Any: torch's running statistics are optional
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        unbiased = var * count / (count - 1).clamp_min(1)  # as torch's running variance
        self.running_var.lerp_(unbiased, self.momentum)


def _are_equal(weight):
    """Return whether all weights are known to be equal, without waiting for a GPU."""
    return weight is None or (weight.is_cpu and bool((weight == weight[0]).all()))
