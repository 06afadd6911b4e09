"""DLinear: trend and rest of a series, a linear map each."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from ._rival import Rival


class DLinear(Rival):
    """Classify windows by linear maps of their trend and of the rest.

    Each channel is split into its moving average and what is left; a linear map over time, shared
    by the channels, is applied to each, the two are added, and a linear head reads the sum.

    Parameters
    ----------
    n_chans, n_outputs, n_times : int
        Channels, classes and time points of a window.
    sfreq : float, default=None
        Sampling rate in hertz. The network works in time points; kept for its users.
    kernel_size : int, default=25
        Time points of the moving average; odd.

    Raises
    ------
    ValueError
        If ``kernel_size`` is even.

    Notes
    -----
    Nothing in it bends: trained or not, it is one linear map of the window. The ends of a series
    are repeated for the moving average, and the default is that of [1]_. The head is that of the
    Time-Series-Library.

    References
    ----------
    .. [1] Zeng et al., "Are Transformers Effective for Time Series Forecasting?", arXiv
       2205.13504.

    Examples
    --------
    >>> import torch
    >>> DLinear(n_chans=4, n_outputs=2, n_times=128)(torch.randn(3, 4, 128)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        n_chans: int,
        n_outputs: int,
        n_times: int,
        sfreq: float | None = None,
        *,
        kernel_size: int = 25,
    ) -> None:
        super().__init__(n_chans, n_outputs, n_times, sfreq)
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {kernel_size!r}.")
        self.kernel_size = kernel_size
        self.trend = nn.Linear(n_times, n_times)
        self.seasonal = nn.Linear(n_times, n_times)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(n_chans * n_times, n_outputs))

    def _encode(self, x):
        trend = moving_average(x, self.kernel_size)  # (B, C, T)
        return self.trend(trend) + self.seasonal(x - trend)


def moving_average(x, size):
    """Mean of ``size`` neighbours; the ends of a series are repeated."""
    reach = size // 2
    return F.avg_pool1d(F.pad(x, (reach, reach), mode="replicate"), size, stride=1)
