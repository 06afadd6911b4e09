"""TimesNet: series folded at their strongest periods, layer by layer."""

from __future__ import annotations

from torch import nn

from ..modules import MultiScaleTemporalBlock
from ._embedding import SeriesEmbedding
from ._rival import Rival, build_head


class TimesNet(Rival):
    """Classify windows by convolutions over their folds at the strongest periods.

    Time points are embedded, then pass TimesBlocks with a LayerNorm after each. A TimesBlock is
    the :class:`~skmamba.modules.MultiScaleTemporalBlock` of MS-iMamba, which took it from here,
    on ``d_model`` maps instead of the channels.

    Parameters
    ----------
    n_chans, n_outputs, n_times : int
        Channels, classes and time points of a window.
    sfreq : float, default=None
        Sampling rate in hertz. The network works in time points; kept for its users.
    d_model : int, default=16
        Width of a time point.
    n_layers : int, default=2
        TimesBlocks.
    top_k : int, default=3
        Periods of a block.
    n_kernels : int, default=3
        Kernels of an inception, see :class:`~skmamba.modules.InceptionConv2d`.
    d_hidden : int, default=32
        Maps between the two inceptions of a block.
    drop_prob : float, default=0.1
        Dropout after the embedding and before the head.

    Notes
    -----
    Two departures, the block's own:

    - Periods are those of each window. The authors' code chooses them by the mean of the batch,
      so that a window's class depends on which windows are predicted with it.
    - Amplitudes are divided by their mean before the softmax that weighs the folds. On raw ones
      a single period takes all the weight and the others never learn.

    A period is rounded up, as in equation 2 of [1]_; the authors' code rounds down. One LayerNorm
    serves all blocks and the head reads every time point, as in the Time-Series-Library; widths,
    depth and ``top_k`` are among those of its classification scripts, ``n_kernels`` is ours.

    References
    ----------
    .. [1] Wu et al., "TimesNet: Temporal 2D-Variation Modeling for General Time Series Analysis",
       arXiv 2210.02186.

    Examples
    --------
    >>> import torch
    >>> TimesNet(n_chans=4, n_outputs=2, n_times=128)(torch.randn(3, 4, 128)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        n_chans: int,
        n_outputs: int,
        n_times: int,
        sfreq: float | None = None,
        *,
        d_model: int = 16,
        n_layers: int = 2,
        top_k: int = 3,
        n_kernels: int = 3,
        d_hidden: int = 32,
        drop_prob: float = 0.1,
    ) -> None:
        super().__init__(n_chans, n_outputs, n_times, sfreq)
        self.embed = SeriesEmbedding(n_chans, n_times, d_model, drop_prob)
        self.blocks = nn.ModuleList(
            MultiScaleTemporalBlock(
                d_model, n_times, top_k=top_k, n_kernels=n_kernels, d_hidden=d_hidden
            )
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(d_model)
        self.head = build_head(n_times * d_model, n_outputs, drop_prob)

    def _encode(self, x):
        tokens = self.embed(x)  # (B, T, d_model)
        for block in self.blocks:
            tokens = self.norm(block(tokens.transpose(1, 2)).transpose(1, 2))
        return tokens
