"""The inception convolution of the multi-scale block, merged into one kernel."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ._direct_conv import convolve, taps_inside


class InceptionConv2d(nn.Module):
    """Average ``n_kernels`` same-size convolutions with square kernels of side 1, 3, 5, ...

    A mean of convolutions is one convolution with the mean of the centred kernels, so one is
    run: the same result, about ``n_kernels`` times cheaper. Parameters stay apart, named as in
    TimesNet.

    Parameters
    ----------
    in_channels, out_channels : int
        Maps in and out.
    n_kernels : int, default=3
        How many kernels; the largest has side ``2 * n_kernels - 1``.

    References
    ----------
    .. [1] Wu et al., "TimesNet: Temporal 2D-Variation Modeling for General Time Series Analysis",
       arXiv 2210.02186, equation 5.

    Examples
    --------
    >>> import torch
    >>> InceptionConv2d(4, 8, n_kernels=3)(torch.zeros(2, 4, 5, 7)).shape
    torch.Size([2, 8, 5, 7])
    """

    kernels: Any  # a ModuleList of Conv2d

    def __init__(self, in_channels: int, out_channels: int, n_kernels: int = 3) -> None:
        super().__init__()
        self.kernels = nn.ModuleList(
            nn.Conv2d(in_channels, out_channels, 2 * reach + 1, padding=reach)
            for reach in range(n_kernels)
        )
        for kernel in self.kernels:
            nn.init.kaiming_normal_(kernel.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(kernel.bias)

    def merged(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the one kernel and bias that do what the mean of all does.

        Returns
        -------
        weight : Tensor of shape (out_channels, in_channels, side, side)
            Mean of the centred kernels.
        bias : Tensor of shape (out_channels,)
            Mean of the biases.
        """
        n_kernels = len(self.kernels)
        weight: Any = sum(
            F.pad(kernel.weight, [n_kernels - 1 - reach] * 4)
            for reach, kernel in enumerate(self.kernels)
        )
        bias = torch.stack([kernel.bias for kernel in self.kernels])
        return weight / n_kernels, bias.mean(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve maps, keeping their size.

        Parameters
        ----------
        x : Tensor of shape (batch, in_channels, rows, columns)
            Maps.

        Returns
        -------
        y : Tensor of shape (batch, out_channels, rows, columns)
            Convolved maps.
        """
        weight, bias = self.merged()
        return convolve(x, weight[taps_inside(weight.shape, x.shape[2:])], bias)
