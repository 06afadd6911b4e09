"""Batch normalisation that knows the weights of windows."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class WeightedBatchNorm1d(nn.BatchNorm1d):
    """Normalise maps by statistics in which a series of weight two counts as two series.

    Without it, weights would reach the loss only, and a weight of two would train another network
    than the same trial given twice. With no weights, or equal ones, it is
    :class:`torch.nn.BatchNorm1d`.

    Examples
    --------
    >>> import torch
    >>> norm = WeightedBatchNorm1d(2)
    >>> norm(torch.randn(3, 2, 50), weight=torch.tensor([1.0, 2.0, 1.0])).shape
    torch.Size([3, 2, 50])
    """

    def forward(self, x, weight=None):
        """Normalise.

        Parameters
        ----------
        x : Tensor of shape (n_series, n_maps, n_times)
            Maps.
        weight : Tensor of shape (n_series,), default=None
            Weights; used in training only.

        Returns
        -------
        y : Tensor of shape (n_series, n_maps, n_times)
            Maps, each with the mean and the deviation that were learned.
        """
        if not self.training or weight is None or (weight == weight[0]).all():
            return super().forward(x)
        share = weight / (weight.sum() * x.shape[2])  # (n_series,)
        mean = torch.einsum("nft,n->f", x, share)
        centered = x - mean[:, None]
        var = torch.einsum("nft,n->f", centered.square(), share)
        self._remember(mean.detach(), var.detach(), weight.sum() * x.shape[2])
        scale = self.weight * (var + self.eps).rsqrt()  # (n_maps,)
        return centered * scale[:, None] + self.bias[:, None]

    @torch.no_grad()
    def _remember(
        self: Any, mean: torch.Tensor, var: torch.Tensor, count: torch.Tensor
    ) -> None:  # Any: torch's own may have no running mean
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        unbiased = var * count / (count - 1).clamp_min(1)  # what torch remembers
        self.running_var.lerp_(unbiased, self.momentum)
