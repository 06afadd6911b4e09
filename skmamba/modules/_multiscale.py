"""The multi-scale temporal block (MSTB): a series folded at its own strongest rhythms."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from ._folds import sum_of_folds
from ._inception import InceptionConv2d

PERIOD_SELECTIONS = ("window", "fixed")


class MultiScaleTemporalBlock(nn.Module):
    """Fold each window at its strongest periods, convolve the folds, add them up by amplitude.

    The paper's MSTB: FFT, top-k frequencies, patches, "MSP" convolution, weighted sum. For each
    of the ``top_k`` strongest frequencies ``f`` (cycles a window) the series is cut into rows of
    one period, ``ceil(n_times / f)``, so that a convolution sees neighbours in time and
    neighbours one period away; an inception of square kernels widens ``n_chans`` to ``d_hidden``
    maps and, after a GELU, brings them back. The unfolded series are summed with weights from
    the softmax of their amplitudes, and the window itself is added.

    Parameters
    ----------
    n_chans, n_times : int
        Size of a window.
    top_k : int, default=2
        Number of frequencies; windows too short to have as many use all they have.
    n_kernels : int, default=3
        Kernels of the inception, see :class:`InceptionConv2d`.
    d_hidden : int, default=16
        Maps between the two convolutions.
    period_selection : {"window", "fixed"}, default="window"
        Whether each window uses its own frequencies, or all use those that
        :meth:`set_frequencies` chose.

    Attributes
    ----------
    frequencies : Tensor of shape (top_k,)
        Only with ``period_selection="fixed"``: the chosen frequencies, in cycles a window.

    Notes
    -----
    Departures, and choices where the paper is silent:

    - Frequencies are never averaged over a batch, as TimesNet does: a window's class would
      depend on which windows happen to be predicted with it.
    - Amplitudes are divided by the mean of the chosen ones before the softmax. On raw amplitudes
      one scale takes all the weight (above 0.999 in 69 % of two-second windows of EEGMAT's
      frontal channels) and the others never learn.
    - Amplitudes are averaged over channels before the strongest are chosen, so that all channels
      of a window share their periods. The constant part (0 Hz) is never chosen.

    References
    ----------
    .. [1] Zhou, Huang, Peng and Yin, arXiv 2409.07589 (MSTB).
    .. [2] Wu et al., "TimesNet", arXiv 2210.02186, equations 1 to 6.

    Examples
    --------
    >>> import torch
    >>> block = MultiScaleTemporalBlock(n_chans=4, n_times=128, d_hidden=8)
    >>> block(torch.randn(2, 4, 128)).shape
    torch.Size([2, 4, 128])
    """

    frequencies: torch.Tensor

    def __init__(
        self,
        n_chans: int,
        n_times: int,
        *,
        top_k: int = 2,
        n_kernels: int = 3,
        d_hidden: int = 16,
        period_selection: Literal["window", "fixed"] = "window",
    ) -> None:
        super().__init__()
        if period_selection not in PERIOD_SELECTIONS:
            raise ValueError(
                f"period_selection must be one of {', '.join(PERIOD_SELECTIONS)}, "
                f"got {period_selection!r}."
            )
        self.n_times, self.period_selection = n_times, period_selection
        self.top_k = min(top_k, n_times // 2)
        self.widen = InceptionConv2d(n_chans, d_hidden, n_kernels)
        self.narrow = InceptionConv2d(d_hidden, n_chans, n_kernels)
        if period_selection == "fixed":
            self.register_buffer("frequencies", torch.zeros(self.top_k, dtype=torch.long))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add to each window its own multi-scale view.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows.

        Returns
        -------
        y : Tensor of shape (batch, n_chans, n_times)
            Windows with the weighted scales added.
        """
        if self.top_k == 0:  # a single time point has no rhythm
            return x
        frequencies, weights = self.scales(x)  # 2 x (B, k)
        periods = -(-self.n_times // frequencies)  # rounded up, so that no cycle is cut
        # Neighbouring frequencies can share a period: one fold then carries both weights.
        distinct, column = periods.unique(return_inverse=True)  # column: (B, k)
        shares = weights.new_zeros(len(x), len(distinct)).scatter_add(1, column, weights)
        which, windows = shares.t().nonzero(as_tuple=True)  # 2 x (n_folds,), by period
        folds = sum_of_folds(
            x.transpose(1, 2),  # (B, T, C)
            windows,
            distinct[which],
            shares[windows, which],
            self.widen.merged(),
            self.narrow.merged(),
        )
        return x + folds.transpose(1, 2)  # (B, C, T)

    def scales(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the frequencies a window is folded at, and the weight of each.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows.

        Returns
        -------
        frequencies : Tensor of shape (batch, top_k)
            Cycles a window, strongest first, or in the fixed order.
        weights : Tensor of shape (batch, top_k)
            Share of each frequency; rows add up to one.
        """
        amplitudes = window_amplitudes(x)  # (B, n_times // 2)
        if self.period_selection == "fixed":
            if not self.frequencies.any():
                raise RuntimeError(
                    "period_selection='fixed' has no frequencies yet: call "
                    "set_frequencies(window_amplitudes(windows).mean(0)) first."
                )
            frequencies = self.frequencies.expand(len(x), -1)  # (B, k)
        else:
            frequencies = amplitudes.topk(self.top_k).indices + 1  # (B, k)
        chosen = amplitudes.gather(1, frequencies - 1)  # (B, k)
        tiny = torch.finfo(chosen.dtype).tiny  # a silent window: equal weights, no 0 / 0
        relative = chosen / chosen.mean(1, keepdim=True).clamp_min(tiny)
        return frequencies, relative.softmax(1)

    @torch.no_grad()
    def set_frequencies(self, amplitudes: torch.Tensor) -> None:
        """Fix the frequencies to the strongest of the mean training window.

        Parameters
        ----------
        amplitudes : Tensor of shape (n_times // 2,)
            Mean of :func:`window_amplitudes` over the training windows.
        """
        self.frequencies.copy_(amplitudes.topk(self.top_k).indices + 1)


def window_amplitudes(x: torch.Tensor) -> torch.Tensor:
    """Amplitude of each frequency but 0 Hz, averaged over channels.

    Parameters
    ----------
    x : Tensor of shape (batch, n_chans, n_times)
        Windows.

    Returns
    -------
    amplitudes : Tensor of shape (batch, n_times // 2)
        Column ``i`` belongs to ``i + 1`` cycles a window.
    """
    return torch.fft.rfft(x, dim=-1).abs().mean(1)[:, 1:]
