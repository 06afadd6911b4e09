"""DLinear."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from ._base import EncoderClassifier


class DLinear(EncoderClassifier):
    """Classify windows by linear maps of their trend and their remainder.

    Each channel is split into its moving average and the remainder. Each part is mapped by a
    linear layer over time, shared by the channels; a linear head classifies the sum.

    Parameters
    ----------
    n_chans, n_outputs, n_times, sfreq
        See :class:`MSiMamba`.
    kernel_size : int, default=25
        Length of the moving average in samples; odd.

    Notes
    -----
    The network is an affine map of the window. The ends of a series are repeated for the moving
    average, and ``kernel_size`` is that of [1]_; the head is that of Time-Series-Library.

    References
    ----------
    .. [1] Zeng et al., "Are Transformers Effective for Time Series Forecasting?", arXiv
       2205.13504.
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
        super().__init__(locals())
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {kernel_size!r}.")
        self.kernel_size = kernel_size
        self.trend = nn.Linear(n_times, n_times)
        self.seasonal = nn.Linear(n_times, n_times)
        self.final_layer = nn.Sequential(nn.Flatten(), nn.Linear(n_chans * n_times, n_outputs))

    def _encode(self, x):
        reach = self.kernel_size // 2
        padded = F.pad(x, (reach, reach), mode="replicate")
        trend = F.avg_pool1d(padded, self.kernel_size, stride=1)  # (B, C, T)
        return self.trend(trend) + self.seasonal(x - trend)  # (B, C, T)
