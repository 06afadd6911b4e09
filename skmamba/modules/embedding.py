"""The power embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

FLOOR = 1e-6  # smallest relative power before the logarithm
# Scales of the averages and of the mean, divided by the number of averages and at most 1, since a
# step of Adam changes tokens in proportion to the sum of scales. With a scale of 1 for each of 32
# averages, the network overfits. The mean is an offset in recordings without a high-pass filter.
AVERAGES_SCALE, MEAN_SCALE = 10.0, 3.2
MOMENTUM = 0.1  # of the running mean power after ten batches, as in batch normalisation


class PowerEmbedding(nn.Module):
    """Embed each channel as one token by its power after learned filters and averaged samples.

    A filter weighs the frequencies of a segment's power spectrum by its squared frequency
    response. The power is divided by its mean over the training windows, and its logarithm is
    averaged over the segments. A linear layer maps the results of all filters, averages of
    adjacent samples, and the mean of the channel to the token. All channels share one bank of
    filters. Only the mean depends on the offset of a channel in a window.

    Parameters
    ----------
    n_times : int
        Number of samples of a window.
    d_model : int
        Width of a token.
    n_filters : int, default=16
        Number of filters.
    filter_size : int, default=None
        Length of a filter and of a segment in samples, at least 2; at most ``n_times`` are used.
        None is half a window.
    n_averages : int, default=32
        Number of averages of adjacent samples; at most ``n_times`` are used. 0 uses the power only,
        without the mean.

    Attributes
    ----------
    bank : Parameter of shape (n_filters, filter_size)
        Filters.
    level : Tensor of shape (n_filters,)
        Running mean of the power after each filter in training.

    Notes
    -----
    Departure from the paper, whose embedding is a linear map of the samples, see the user guide.
    Log power after learned filters is the feature of ShallowFBCSPNet [1]_, which filters in time.
    Here, Welch's method estimates it, from segments that overlap by half and are tapered by half a
    sine.

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
        level: torch.Tensor
        n_updates: torch.Tensor
        scale: torch.Tensor
        n_equal: torch.Tensor
        taper: torch.Tensor
        pool: torch.Tensor

    def __init__(
        self,
        n_times: int,
        d_model: int,
        n_filters: int = 16,
        filter_size: int | None = None,
        n_averages: int = 32,
    ) -> None:
        super().__init__()
        if filter_size is None:
            filter_size = max(n_times // 2, 2)
        if filter_size < 2:
            raise ValueError(f"filter_size must be at least 2, got {filter_size}.")
        if n_averages < 0:
            raise ValueError(f"n_averages must be at least 0, got {n_averages}.")
        self.floor, self.momentum = FLOOR, MOMENTUM  # TorchScript reads no globals
        size = min(filter_size, n_times)
        self.hop = max(size // 2, 1)  # from a segment to the next
        bound = size**-0.5
        self.bank = nn.Parameter(torch.empty(n_filters, size).uniform_(-bound, bound))
        self.n_averages = min(n_averages, n_times)
        self.register_buffer("pool", _make_pool(n_times, self.n_averages), persistent=False)
        n_means = self.n_averages + 1 if n_averages else 0
        self.linear = nn.Linear(n_filters + n_means, d_model)
        self.register_buffer("level", torch.ones(n_filters))
        self.register_buffer("n_updates", torch.zeros(()))  # of the level
        # A real signal has equal power at f and -f; 0 Hz and the last frequency occur once.
        n_equal = 2 - (2 * torch.arange(size // 2 + 1) % size == 0).float()
        self.register_buffer("n_equal", n_equal, persistent=False)
        place = torch.arange(size, dtype=torch.float32)  # whatever torch's default is
        taper = torch.sin(torch.pi * (place + 0.5) / size)
        self.register_buffer("taper", taper, persistent=False)
        scale = torch.ones(self.linear.in_features)
        if n_averages:
            scale[n_filters:-1] = min(AVERAGES_SCALE / self.n_averages, 1)
            scale[-1] = min(MEAN_SCALE / self.n_averages, 1)
        self.register_buffer("scale", scale)  # of the features; persistent, as weights depend on it

    def forward(self, x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Compute the tokens.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows of about unit variance.
        weight : Tensor of shape (batch,), default=None
            Weights of the windows in the mean power; used in training only.

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
        """Compute the log power after each filter, the averages of adjacent samples, and the mean.

        Parameters
        ----------
        x, weight
            As in :meth:`forward`.

        Returns
        -------
        features : Tensor of shape (batch, n_chans, n_features)
            Input of :meth:`project`: ``n_filters`` powers, ``n_averages`` averages, from which the
            mean is subtracted, and the mean.
        """
        mean = x.mean(2, keepdim=True)  # (B, C, 1)
        x = x - mean
        log_power = self.log_power(x, weight)  # (B, C, n_filters)
        if not self.n_averages:
            return log_power
        if x.is_cuda:  # there, the gradient of adaptive pooling is not deterministic
            averages = x @ self.pool  # (B, C, n_averages)
        else:
            averages = F.adaptive_avg_pool1d(x, self.n_averages)  # (B, C, n_averages)
        return torch.cat([log_power, averages, mean], 2)  # (B, C, n_features)

    def log_power(self, x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Compute the log of the relative power after each filter, averaged over the segments.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows with a mean of zero; an offset would leak to other frequencies.
        weight
            As in :meth:`forward`.

        Returns
        -------
        log_power : Tensor of shape (batch, n_chans, n_filters)
            Log power.
        """
        padded = F.pad(x, [self.hop, self.hop])  # so that segments weigh all samples equally
        segments = padded.unfold(2, len(self.taper), self.hop) * self.taper  # (B, C, S, size)
        response = _power_spectrum(self.bank) * self.n_equal  # (n_filters, n_freqs)
        power = F.linear(_power_spectrum(segments), response)  # (B, C, S, n_filters)
        power = power.to(x.dtype)  # mixed precision ends here
        level = self._update_level(power, weight) if self.training else self.level
        relative = power / level.clamp_min(1e-20)  # (B, C, S, n_filters)
        return relative.clamp_min(self.floor).log().mean(2)  # (B, C, n_filters)

    def _update_level(self, power: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        """Return the mean power after each filter in the batch; update the running mean."""
        level = power.mean([1, 2])  # (B, n_filters)
        if weight is None:
            level = level.mean(0)  # (n_filters,)
        else:
            weight = torch.where(weight.any(), weight, 1.0)  # (B,); all may be zero
            level = ((weight / weight.sum())[:, None] * level).sum(0)  # (n_filters,)
        with torch.no_grad():
            self.n_updates += 1
            self.level.lerp_(level, (1 / self.n_updates).clamp_min(self.momentum))
        return level


def _make_pool(n_times: int, n_averages: int) -> torch.Tensor:
    """Return the matrix (n_times, n_averages) of adaptive average pooling."""
    time, place = torch.arange(n_times)[:, None], torch.arange(n_averages)
    stops = ((place + 1) * n_times + n_averages - 1) // max(n_averages, 1)  # rounded up
    inside = (time >= place * n_times // max(n_averages, 1)) & (time < stops)
    return inside / inside.sum(0)


def _power_spectrum(x: torch.Tensor) -> torch.Tensor:  # (..., n) -> (..., n // 2 + 1)
    return torch.fft.rfft(x).abs().square()
