"""The whole network: multi-scale block, inverted embedding, Mamba over channels, linear head."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn

from ..modules import Mamba, MultiScaleTemporalBlock, PowerEmbedding

EMBEDDINGS = ("power", "inverted", "temporal")
MIXERS = ("mamba", "attention", "none")
HEADS = ("flatten", "mean")


class MSiMamba(nn.Module):
    """Classify raw EEG windows with multi-scale folds and a Mamba across channels.

    The network of MS-iMamba: :class:`MultiScaleTemporalBlock` (MSTB), then the paper's TSFB (an
    inverted embedding, where one token is one channel's whole series, and iMamba blocks that mix
    the tokens), then a linear head. Constructor words are those of braindecode, so the class
    stands in for any of its models and the other way round.

    Parameters
    ----------
    n_chans, n_outputs, n_times : int
        Channels, classes and time points of a window.
    sfreq : float, default=None
        Sampling rate in hertz. The network works in time points; kept for its users.
    d_model : int, default=64
        Width of a token.
    n_layers : int, default=1
        Number of iMamba blocks.
    top_k, n_kernels, d_hidden, period_selection
        See :class:`MultiScaleTemporalBlock`.
    d_state, d_conv, expand
        See :class:`Mamba`.
    bidirectional : bool, default=True
        Whether a second Mamba reads the tokens from last to first.
    drop_prob : float, default=0.3
        Dropout after the embedding, at the end of each block and before the head.
    use_mstb : bool, default=True
        Whether windows pass the multi-scale block (ablation).
    embedding : {"power", "inverted", "temporal"}, default="power"
        One token a channel, made of its power, see :class:`PowerEmbedding`; one token a channel, a
        linear map of its samples, as in the paper; or one token a time point (ablation).
    mixer : {"mamba", "attention", "none"}, default="mamba"
        What mixes the tokens (ablations).
    n_heads : int, default=4
        Heads of ``mixer="attention"``; divides ``d_model``.
    head : {"flatten", "mean"}, default="flatten"
        Whether the linear head reads all tokens or their mean.
    backend : {"auto", "torch", "mamba_ssm"}, default="auto"
        See :class:`Mamba`.

    Notes
    -----
    Widths, depth, k, regularisation and the direction of the scan are not stated in what this
    network was written from: every default here is ours. The paper's embedding is "inverted"; why
    the default is not is told in :class:`PowerEmbedding`. The order of residual and normalisation
    in a block follows S-Mamba [2]_.

    References
    ----------
    .. [1] Zhou, Huang, Peng and Yin, "MS-iMamba", arXiv 2409.07589.
    .. [2] Wang et al., "Is Mamba effective for time series forecasting?", arXiv 2403.11144.

    Examples
    --------
    >>> import torch
    >>> net = MSiMamba(n_chans=4, n_outputs=2, n_times=128, d_hidden=8)
    >>> net(torch.randn(3, 4, 128)).shape
    torch.Size([3, 2])
    """

    mstb: MultiScaleTemporalBlock | None
    embed: nn.Module

    def __init__(
        self,
        n_chans: int,
        n_outputs: int,
        n_times: int,
        sfreq: float | None = None,
        *,
        d_model: int = 64,
        n_layers: int = 1,
        top_k: int = 2,
        n_kernels: int = 3,
        d_hidden: int = 16,
        period_selection: Literal["window", "fixed"] = "window",
        d_state: int = 4,
        d_conv: int = 2,
        expand: int = 1,
        bidirectional: bool = True,
        drop_prob: float = 0.3,
        use_mstb: bool = True,
        embedding: Literal["power", "inverted", "temporal"] = "power",
        mixer: Literal["mamba", "attention", "none"] = "mamba",
        n_heads: int = 4,
        head: Literal["flatten", "mean"] = "flatten",
        backend: Literal["auto", "torch", "mamba_ssm"] = "auto",
    ) -> None:
        super().__init__()
        _check_option("embedding", embedding, EMBEDDINGS)
        _check_option("mixer", mixer, MIXERS)
        _check_option("head", head, HEADS)
        self.n_chans, self.n_outputs, self.n_times, self.sfreq = n_chans, n_outputs, n_times, sfreq
        self.embedding, self.head_input = embedding, head
        if use_mstb:
            self.mstb = MultiScaleTemporalBlock(
                n_chans,
                n_times,
                top_k=top_k,
                n_kernels=n_kernels,
                d_hidden=d_hidden,
                period_selection=period_selection,
            )
        else:
            self.mstb = None
        n_tokens = n_times if embedding == "temporal" else n_chans
        if embedding == "power":
            self.embed = PowerEmbedding(n_times, d_model)
        else:
            self.embed = nn.Linear(n_times if embedding == "inverted" else n_chans, d_model)
        self.drop = nn.Dropout(drop_prob)

        mamba_options = {"d_state": d_state, "d_conv": d_conv, "expand": expand, "backend": backend}

        def build_mixer():
            if mixer == "mamba":
                return MambaMixer(d_model, bidirectional=bidirectional, **mamba_options)
            return AttentionMixer(d_model, n_heads) if mixer == "attention" else None

        self.blocks = nn.Sequential(
            *(MixerBlock(d_model, build_mixer(), drop_prob) for _ in range(n_layers))
        )
        self.head = nn.Linear(d_model * (n_tokens if head == "flatten" else 1), n_outputs)

    weighs_windows = True  # forward takes weights, as batch normalisation has to

    def forward(self, x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Compute the logits of windows.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows, scaled to about unit variance.
        weight : Tensor of shape (batch,), default=None
            Weights of the windows while training: see :class:`PowerEmbedding`.

        Returns
        -------
        logits : Tensor of shape (batch, n_outputs)
            Softmax is left to the loss.
        """
        if x.shape[1:] != (self.n_chans, self.n_times):
            raise ValueError(
                f"x must have shape (batch, {self.n_chans}, {self.n_times}), got {tuple(x.shape)}."
            )
        if self.mstb is not None:
            x = self.mstb(x)  # (B, C, T)
        tokens = x.transpose(1, 2) if self.embedding == "temporal" else x  # (B, tokens, size)
        if self.embedding == "power":
            tokens = self.embed(tokens, weight)  # (B, tokens, d_model)
        else:
            tokens = self.embed(tokens)  # (B, tokens, d_model)
        tokens = self.blocks(self.drop(tokens))  # (B, tokens, d_model)
        read = tokens.flatten(1) if self.head_input == "flatten" else tokens.mean(1)
        return self.head(self.drop(read))  # (B, n_outputs)


class MixerBlock(nn.Module):
    """Mix tokens, then pass each through a feed-forward net; residual and LayerNorm after both."""

    norm_mixer: Any  # a LayerNorm, if there is a mixer

    def __init__(self, d_model, mixer, drop_prob):
        super().__init__()
        self.mixer = mixer
        self.norm_mixer = nn.LayerNorm(d_model) if mixer is not None else None
        self.feed_forward = nn.Sequential(
            nn.Linear(d_model, 2 * d_model),
            nn.GELU(),
            nn.Linear(2 * d_model, d_model),
            nn.Dropout(drop_prob),
        )
        self.norm_feed_forward = nn.LayerNorm(d_model)

    def forward(self, tokens):  # (B, L, d_model) in and out
        if self.mixer is not None:
            tokens = self.norm_mixer(tokens + self.mixer(tokens))
        return self.norm_feed_forward(tokens + self.feed_forward(tokens))


class MambaMixer(nn.Module):
    """A Mamba over the tokens, and one over their reverse: channels have no first one."""

    def __init__(self, d_model, *, bidirectional, **options):
        super().__init__()
        self.ahead = Mamba(d_model, **options)
        self.back = Mamba(d_model, **options) if bidirectional else None

    def forward(self, tokens):  # (B, L, d_model) in and out
        mixed = self.ahead(tokens)
        return mixed if self.back is None else mixed + self.back(tokens.flip(1)).flip(1)


class AttentionMixer(nn.Module):
    """Self-attention over the tokens, as in iTransformer."""

    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"n_heads must divide d_model={d_model}, got n_heads={n_heads}.")
        self.attention = nn.MultiheadAttention(d_model, n_heads, batch_first=True)

    def forward(self, tokens):  # (B, L, d_model) in and out
        return self.attention(tokens, tokens, tokens, need_weights=False)[0]


def _check_option(name, value, allowed):
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}.")
