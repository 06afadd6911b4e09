"""TimesNet."""

from __future__ import annotations

from torch import nn

from ..modules import MultiScaleTemporalBlock
from ._base import EncoderClassifier, SeriesEmbedding, build_head


class TimesNet(EncoderClassifier):
    """Classify windows by two-dimensional convolutions at their strongest periods.

    Samples are embedded and pass TimesBlocks with a LayerNorm after each. A TimesBlock is the
    :class:`~skmamba.modules.MultiScaleTemporalBlock` on ``d_model`` maps instead of the channels.

    Parameters
    ----------
    n_chans, n_outputs, n_times, sfreq
        See :class:`MSiMamba`.
    d_model : int, default=16
        Width of the embedding of a sample.
    n_layers : int, default=2
        Number of TimesBlocks.
    top_k, n_kernels, d_hidden : int, default=3, 3, 32
        See :class:`~skmamba.modules.MultiScaleTemporalBlock`.
    drop_prob : float, default=0.1
        Dropout probability after the embedding and before the head.

    Notes
    -----
    Departures from [1]_ are those of the block: each window has its own periods, where the
    authors' code uses those of the mean over the batch; and amplitudes are divided by their mean
    before the softmax. A period is rounded up, as in equation 2; the authors' code rounds down.

    One LayerNorm for all blocks, the head on all samples, and the widths, depth and ``top_k`` are
    those of Time-Series-Library's classification; ``n_kernels`` is ours.

    References
    ----------
    .. [1] Wu et al., "TimesNet: Temporal 2D-Variation Modeling for General Time Series Analysis",
       arXiv 2210.02186.
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
        super().__init__(locals())
        self.embed = SeriesEmbedding(n_chans, n_times, d_model, drop_prob)
        self.blocks = nn.ModuleList(
            MultiScaleTemporalBlock(
                d_model, n_times, top_k=top_k, n_kernels=n_kernels, d_hidden=d_hidden
            )
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(d_model)
        self.final_layer = build_head(n_times * d_model, n_outputs, drop_prob)

    def _encode(self, x):
        tokens = self.embed(x)  # (B, T, d_model)
        for block in self.blocks:
            tokens = self.norm(block(tokens.transpose(1, 2)).transpose(1, 2))
        return tokens
