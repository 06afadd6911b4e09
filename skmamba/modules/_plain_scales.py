"""The multi-scale block at fixed frequencies, in operations that any runtime has."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from ._multiscale import MultiScaleTemporalBlock


class PlainScales(nn.Module):
    """Compute what a fitted block of fixed frequencies computes, as a graph can be written.

    No transform, no choice and no shape depends on values: the few amplitudes are products with
    sines and cosines, and every frequency is a fold of its own. Slower than
    :class:`MultiScaleTemporalBlock`, which it is made from, and without a hand-written backward.

    Parameters
    ----------
    block : MultiScaleTemporalBlock
        With ``period_selection="fixed"``, and with its frequencies set.

    Examples
    --------
    >>> import torch
    >>> from skmamba.modules import MultiScaleTemporalBlock, window_amplitudes
    >>> block = MultiScaleTemporalBlock(4, 128, d_hidden=8, period_selection="fixed")
    >>> windows = torch.randn(3, 4, 128)
    >>> block.set_frequencies(window_amplitudes(windows).mean(0))
    >>> torch.allclose(PlainScales(block)(windows), block(windows), atol=1e-5)
    True
    """

    cosines: torch.Tensor
    sines: torch.Tensor
    widen_kernel: torch.Tensor
    widen_bias: torch.Tensor
    narrow_kernel: torch.Tensor
    narrow_bias: torch.Tensor

    def __init__(self, block: MultiScaleTemporalBlock) -> None:
        super().__init__()
        self.n_times = block.n_times
        self.frequencies = block.frequencies.tolist() if block.top_k else []
        for name in ("widen", "narrow"):
            kernel, bias = getattr(block, name).merged()
            self.register_buffer(f"{name}_kernel", kernel.detach().clone())
            self.register_buffer(f"{name}_bias", bias.detach().clone())
        turns = torch.outer(torch.arange(self.n_times), torch.tensor(self.frequencies).long())
        angles = (turns % self.n_times).double() * (2 * math.pi / self.n_times)  # (T, k)
        for name, waves in (("cosines", angles.cos()), ("sines", angles.sin())):
            self.register_buffer(name, waves.to(kernel))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add to each window its multi-scale view.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows.

        Returns
        -------
        y : Tensor of shape (batch, n_chans, n_times)
            Windows with the weighted scales added.
        """
        if not self.frequencies:
            return x
        y, weights = x, self._weights(x)
        for i, frequency in enumerate(self.frequencies):
            y = y + weights[:, i, None, None] * self._fold(x, -(-self.n_times // frequency))
        return y

    def _weights(self, x):  # (B, C, T) -> (B, k)
        power = (x @ self.cosines).square() + (x @ self.sines).square()
        chosen = power.sqrt().mean(1)
        tiny = torch.finfo(chosen.dtype).tiny  # as in MultiScaleTemporalBlock.scales
        return (chosen / chosen.mean(1, keepdim=True).clamp_min(tiny)).softmax(1)

    def _fold(self, x, period):  # (B, C, T) in and out
        n_rows = -(-self.n_times // period)
        grids = F.pad(x, (0, n_rows * period - self.n_times))
        grids = grids.unflatten(2, (n_rows, period))  # (B, C, rows, period)
        hidden = F.gelu(F.conv2d(grids, self.widen_kernel, self.widen_bias, padding="same"))
        grids = F.conv2d(hidden, self.narrow_kernel, self.narrow_bias, padding="same")
        return grids.flatten(2)[..., : self.n_times]
