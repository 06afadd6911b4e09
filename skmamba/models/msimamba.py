"""MS-iMamba and its ensemble."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F
from torch import nn

from ..modules import Mamba, MultiScaleTemporalBlock, PowerEmbedding
from ._base import (
    SignalNetwork,
    check_activation,
    check_heads,
    check_option,
    check_probability,
    check_sizes,
    check_windows,
)

MOMENTUM = 0.1  # of running statistics after ten batches, as in batch normalisation
MIN_SPREAD = 0.1  # of features; that of log power of EEG windows is about 0.5
SHRINKAGE = 0.05  # of correlations of channels; limits the gain of sensor noise


class MSiMamba(SignalNetwork):
    """Classify EEG windows with a multi-scale temporal block and a Mamba over channels.

    The network of MS-iMamba [1]_: the multi-scale temporal block (MSTB), one token per channel,
    iMamba blocks that mix the tokens (the paper's TSFB), and a linear head. Parameters, methods
    and the last layer, ``final_layer``, are named as in braindecode.

    Parameters
    ----------
    n_chans, n_outputs, n_times : int, default=None
        Number of channels, of classes and of samples of a window. ``n_outputs`` is required.
    sfreq : float, default=None
        Sampling rate in hertz; not used by the network.
    chs_info : list of dict, default=None
        Channels, as in ``info["chs"]`` of MNE. Their number is ``n_chans``, which is required
        otherwise.
    input_window_seconds : float, default=None
        Length of a window in seconds. Two of ``n_times``, ``sfreq`` and ``input_window_seconds``
        determine the third; ``n_times`` alone is sufficient.
    d_model : int, default=64
        Width of a token.
    n_layers : int, default=1
        Number of iMamba blocks.
    top_k, n_kernels, d_hidden : int, default=2, 3, 16
        See :class:`~skmamba.modules.MultiScaleTemporalBlock`.
    period_selection : {"window", "fixed"}, default="window"
        See :class:`~skmamba.modules.MultiScaleTemporalBlock`.
    d_state, d_conv, expand : int, default=4, 2, 1
        See :class:`~skmamba.modules.Mamba`.
    bidirectional : bool, default=True
        Add a second Mamba that reads the tokens from last to first.
    activation : type of Module, default=torch.nn.GELU
        Class of the activations of the multi-scale block and of the feed-forward nets. With
        another than the default, the multi-scale block is slower on the CPU.
    drop_prob : float, default=0.3
        Dropout probability after the embedding, at the end of each block and before the head.
    use_mstb : bool, default=True
        Apply the multi-scale temporal block (ablation).
    embedding : {"power", "inverted", "temporal"}, default="power"
        One token per channel from its log power and averaged samples, see
        :class:`~skmamba.modules.PowerEmbedding`; one token per channel by a linear map of its
        samples, as in the paper; or one token per sample (ablation).
    filter_size, n_averages : int, default=None, 32
        See :class:`~skmamba.modules.PowerEmbedding`; used by ``embedding="power"``.
    spatial_whitening : bool, default=False
        Whiten windows spatially first (ours), see :meth:`set_correlation`. The default of the
        estimators depends on the number of channels.
    mixer : {"mamba", "attention", "none"}, default="mamba"
        Mixer of the tokens (ablation).
    n_heads : int, default=4
        Number of attention heads of ``mixer="attention"``; divides ``d_model``.
    head : {"flatten", "mean"}, default="flatten"
        Input of the linear head: all tokens, or their mean.
    standardize : bool, default=False
        Standardise the features of a window by the mean and spread of windows of its
        subject, see :meth:`forward`. Requires ``embedding="power"``.
    backend : {"auto", "torch", "mamba_ssm"}, default="auto"
        See :func:`~skmamba.modules.resolve_backend`.

    Notes
    -----
    The published description states no widths, depth, ``top_k``, regularisation or scan
    direction: these defaults are ours, and so is ``embedding="power"``. The order of residual and
    normalisation in a block follows S-Mamba [2]_. The multi-scale block, which pads windows with
    zeros, processes them without their means, so that it does not turn offsets into oscillations.
    After ``torch.jit.script``, ``forward`` accepts neither ``weight`` nor ``standardize=True``.

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

    if TYPE_CHECKING:  # TorchScript does not read these annotations
        mstb: MultiScaleTemporalBlock | None
        embed: Any  # a PowerEmbedding, or a linear layer
        prior_mean: torch.Tensor
        prior_square: torch.Tensor
        whitener: Any  # a Tensor of shape (n_chans, n_chans), or None

    weighs_windows = True  # forward accepts the weights of windows, for the mean power

    def __init__(
        self,
        n_chans: int | None = None,
        n_outputs: int | None = None,
        n_times: int | None = None,
        sfreq: float | None = None,
        *,
        chs_info: list[dict[str, Any]] | None = None,
        input_window_seconds: float | None = None,
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
        activation: type[nn.Module] = nn.GELU,
        drop_prob: float = 0.3,
        use_mstb: bool = True,
        embedding: Literal["power", "inverted", "temporal"] = "power",
        filter_size: int | None = None,
        n_averages: int = 32,
        spatial_whitening: bool = False,
        mixer: Literal["mamba", "attention", "none"] = "mamba",
        n_heads: int = 4,
        head: Literal["flatten", "mean"] = "flatten",
        standardize: bool = False,
        backend: Literal["auto", "torch", "mamba_ssm"] = "auto",
    ) -> None:
        super().__init__(locals())
        check_sizes(locals(), *"d_model n_layers top_k n_kernels d_hidden d_state d_conv".split())
        check_sizes(locals(), "expand", "n_heads")
        if filter_size is not None:
            check_sizes(locals(), "filter_size")
        check_sizes(locals(), "n_averages", minimum=0)
        check_probability("drop_prob", drop_prob)
        for name in ("use_mstb", "standardize", "bidirectional", "spatial_whitening"):
            check_option(name, locals()[name], (True, False))
        check_option("embedding", embedding, ("power", "inverted", "temporal"))
        check_option("mixer", mixer, ("mamba", "attention", "none"))
        check_option("head", head, ("flatten", "mean"))
        check_activation(activation)
        n_chans, n_times = self.n_chans, self.n_times
        self.embedding, self.head_input, self.standardize = embedding, head, standardize
        self.mstb = None
        if use_mstb:
            self.mstb = MultiScaleTemporalBlock(
                n_chans,
                n_times,
                top_k=top_k,
                n_kernels=n_kernels,
                d_hidden=d_hidden,
                period_selection=period_selection,
                activation=activation,
            )
        if embedding == "power":
            self.embed = PowerEmbedding(
                n_times, d_model, filter_size=filter_size, n_averages=n_averages
            )
        elif standardize:
            raise ValueError(f"standardize requires embedding='power', got {embedding!r}.")
        else:
            self.embed = nn.Linear(n_times if embedding == "inverted" else n_chans, d_model)
        self.register_buffer("whitener", torch.eye(n_chans) if spatial_whitening else None)
        self.drop = nn.Dropout(drop_prob)

        def build_mixer():
            if mixer == "mamba":
                options = {"d_state": d_state, "d_conv": d_conv, "expand": expand}
                return MambaMixer(d_model, bidirectional, **options, backend=backend)
            return AttentionMixer(d_model, n_heads) if mixer == "attention" else None

        self.blocks = nn.Sequential(
            *(MixerBlock(d_model, build_mixer(), activation, drop_prob) for _ in range(n_layers))
        )
        if standardize:  # mean and mean square of the features of training windows
            for name in ("prior_mean", "prior_square"):
                self.register_buffer(name, torch.zeros(n_chans, self.embed.linear.in_features))
        n_tokens = n_times if embedding == "temporal" else n_chans
        n_features = d_model * (n_tokens if head == "flatten" else 1)
        self.final_layer = nn.Linear(n_features, self.n_outputs)

    def forward(
        self,
        x: torch.Tensor,
        weight: torch.Tensor | None = None,
        average: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the logits of windows.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows, scaled to about unit variance.
        weight : Tensor of shape (batch,), default=None
            Weights of the windows in the mean power; used in training only.
        average : Tensor of shape (n_classified, batch), default=None
            Required with ``standardize``: the first ``n_classified`` windows are classified, and
            row i holds the weights of all windows in the mean and spread of window i. If a
            row sums to less than 1, the rest is the weight of the training windows.

        Returns
        -------
        logits : Tensor of shape (batch, n_outputs) or (n_classified, n_outputs)
            Logits; softmax is part of the loss.
        """
        if torch.jit.is_scripting():
            is_window = x.shape[1] == self.n_chans and x.shape[2] == self.n_times
            assert is_window, "x must have shape (batch, n_chans, n_times)"
            assert weight is None, "weight must be None in a script"
            assert not self.standardize, "standardize must be False in a script"
        else:
            check_windows(x, self.n_chans, self.n_times)
            if self.standardize:
                return self._forward_standardized(x, weight, average)
        if self.whitener is not None:  # inline: braindecode's tests script forward only
            if torch.jit.is_scripting():
                x = self.whitener @ x
            else:
                x = whiten(x, self.whitener)
        if self.mstb is not None:
            mean = x.mean(2, keepdim=True)  # (B, C, 1)
            x = self.mstb(x - mean) + mean  # (B, C, T)
        if self.embedding == "temporal":
            x = x.transpose(1, 2)  # (B, T, C)
        if torch.jit.is_scripting() or self.embedding != "power":
            tokens = self.embed(x)  # (B, tokens, d_model)
        else:
            tokens = self.embed(x, weight)  # (B, C, d_model)
        tokens = self.blocks(self.drop(tokens))  # (B, tokens, d_model)
        features = tokens.flatten(1) if self.head_input == "flatten" else tokens.mean(1)
        return self.final_layer(self.drop(features))  # (B, n_outputs)

    @torch.no_grad()
    def set_correlation(self, correlation: torch.Tensor) -> None:
        """Set the spatial whitening; until then, it is the identity.

        It is ``R ** -0.5``, with rows scaled to a variance of 1, where ``R`` is the correlation
        matrix, shrunk by 0.05 towards the identity. The classifier calls this method in fit.

        Parameters
        ----------
        correlation : Tensor of shape (n_chans, n_chans)
            Correlation matrix of the channels in the training windows.

        Raises
        ------
        ValueError
            If the network has no spatial whitening, or ``correlation`` has another shape or a
            diagonal other than ones.
        """
        if self.whitener is None:
            raise ValueError("set_correlation requires spatial_whitening=True, got False.")
        diagonal = correlation.diagonal()
        is_unit = torch.allclose(diagonal, torch.ones_like(diagonal), atol=1e-3)
        if correlation.shape != self.whitener.shape or not is_unit:
            raise ValueError(
                f"correlation must have shape {tuple(self.whitener.shape)} and ones on the "
                f"diagonal, got shape {tuple(correlation.shape)} and {diagonal.tolist()}."
            )
        identity = torch.eye(len(correlation)).to(correlation)
        values, vectors = torch.linalg.eigh(correlation.lerp(identity, SHRINKAGE))
        whitener = vectors / values.sqrt() @ vectors.T  # (C, C)
        variance = (whitener @ correlation * whitener).sum(1, keepdim=True)  # (C, 1)
        self.whitener.copy_(whitener / variance.sqrt())

    def _forward_standardized(self, x, weight, average):  # (B, C, T) -> (n_classified, n_outputs)
        if average is None:
            raise ValueError("average must be given with standardize=True, got None.")
        features = self.features(x, weight)  # (B, C, n_features)
        mean, spread = self._measure(features, average)  # (n_classified, C, n_features)
        return self.classify(features[: len(average)], mean, spread)

    def features(self, x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Compute the features that are standardised.

        Parameters
        ----------
        x, weight
            As in :meth:`forward`.

        Returns
        -------
        features : Tensor of shape (batch, n_chans, n_features)
            See :meth:`PowerEmbedding.features <skmamba.modules.PowerEmbedding.features>`.
        """
        if self.whitener is not None:
            x = whiten(x, self.whitener)
        if self.mstb is not None:
            mean = x.mean(2, keepdim=True)  # (B, C, 1)
            x = self.mstb(x - mean) + mean  # (B, C, T)
        return self.embed.features(x, weight)  # (B, C, n_features)

    def classify(
        self, features: torch.Tensor, mean: torch.Tensor, spread: torch.Tensor
    ) -> torch.Tensor:
        """Compute logits from features.

        Parameters
        ----------
        features, mean, spread : Tensor of shape (batch, n_chans, n_features)
            Features of the windows, and their mean and spread in the subject.

        Returns
        -------
        logits : Tensor of shape (batch, n_outputs)
            Logits.
        """
        tokens = self.embed.project((features - mean) / spread)  # (B, C, d_model)
        tokens = self.blocks(self.drop(tokens))  # (B, C, d_model)
        features = tokens.flatten(1) if self.head_input == "flatten" else tokens.mean(1)
        return self.final_layer(self.drop(features))  # (B, n_outputs)

    def _measure(self, features, average):
        """Return mean and spread for each row of ``average``; in training, update the prior."""
        square = features.square()
        if self.training:
            momentum = (1 / self.embed.n_updates).clamp_min(MOMENTUM)  # the first batch sets it
            self.prior_mean.lerp_(features.detach().mean(0), momentum)
            self.prior_square.lerp_(square.detach().mean(0), momentum)
        rest = (1 - average.sum(1))[:, None, None]  # (n_classified, 1, 1)
        with torch.autocast(features.device.type, enabled=False):  # a difference of large numbers
            mean = torch.einsum("ib,bcf->icf", average, features) + rest * self.prior_mean
            square = torch.einsum("ib,bcf->icf", average, square) + rest * self.prior_square
        return mean, compute_spread(mean, square)


def whiten(x, whitener):  # (B, C, T), (C, C) -> (B, C, T)
    """Return whitened windows; autocast would compute them, and so the periods, in bfloat16."""
    device = x.device.type if x.device.type != "meta" else "cpu"  # meta has no autocast
    with torch.autocast(device, enabled=False):
        return whitener @ x


def compute_spread(mean, square):
    """Return the standard deviation plus a floor, given means of values and of their squares."""
    return (square - mean.square()).clamp_min(1e-6).sqrt() + MIN_SPREAD


class MixerBlock(nn.Module):
    """Token mixer and feed-forward net, each with a residual and a LayerNorm after it."""

    if TYPE_CHECKING:
        norm_mixer: Any  # a LayerNorm, or None without a mixer

    def __init__(self, d_model, mixer, activation, drop_prob):
        super().__init__()
        self.mixer = mixer
        self.norm_mixer = nn.LayerNorm(d_model) if mixer is not None else None
        self.feed_forward = nn.Sequential(
            nn.Linear(d_model, 2 * d_model),
            activation(),
            nn.Linear(2 * d_model, d_model),
            nn.Dropout(drop_prob),
        )
        self.norm_feed_forward = nn.LayerNorm(d_model)

    def forward(self, tokens):  # (B, L, d_model) -> (B, L, d_model)
        """Mix the tokens and transform each of them."""
        if self.mixer is not None:
            tokens = self.norm_mixer(tokens + self.mixer(tokens))
        return self.norm_feed_forward(tokens + self.feed_forward(tokens))


class MambaMixer(nn.Module):
    """Mamba over the tokens, plus one over their reverse, since channels have no order."""

    def __init__(self, d_model, bidirectional, **options):
        super().__init__()
        self.ahead = Mamba(d_model, **options)
        self.back = Mamba(d_model, **options) if bidirectional else None

    def forward(self, tokens):  # (B, L, d_model) -> (B, L, d_model)
        """Mix the tokens."""
        mixed = self.ahead(tokens)
        return mixed if self.back is None else mixed + self.back(tokens.flip(1)).flip(1)


class AttentionMixer(nn.Module):
    """Self-attention over the tokens, as in iTransformer."""

    def __init__(self, d_model, n_heads):
        super().__init__()
        check_heads(d_model, n_heads)
        self.attention = nn.MultiheadAttention(d_model, n_heads, batch_first=True)

    def forward(self, tokens):  # (B, L, d_model) -> (B, L, d_model)
        """Mix the tokens."""
        return self.attention(tokens, tokens, tokens, need_weights=False)[0]


class MSiMambaEnsemble(nn.Module):
    """Average the probabilities of several :class:`MSiMamba` trained side by side.

    The members are trained on the same batches and differ in their initial weights and dropout.

    Parameters
    ----------
    n_chans, n_outputs, n_times, sfreq
        See :class:`MSiMamba`.
    n_members : int, default=3
        Number of networks. Computing time and memory are proportional to it.
    average_outputs : bool, default=False
        Average the outputs of the members, for regression, instead of their probabilities.
    **options
        Further parameters of :class:`MSiMamba`.

    Attributes
    ----------
    members : ModuleList of MSiMamba
        The networks.

    Notes
    -----
    Departure from the paper, which has one network; a deep ensemble as in [1]_.

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

    members: Any  # a ModuleList of MSiMamba

    weighs_windows = True  # as in its members

    def __init__(
        self,
        n_chans: int,
        n_outputs: int,
        n_times: int,
        sfreq: float | None = None,
        *,
        n_members: int = 3,
        average_outputs: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        check_sizes(locals(), "n_members")
        self.average_outputs = average_outputs
        self.members = nn.ModuleList(
            MSiMamba(n_chans, n_outputs, n_times, sfreq, **options) for _ in range(n_members)
        )

    def forward(
        self,
        x: torch.Tensor,
        weight: torch.Tensor | None = None,
        average: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the logits of windows.

        Parameters
        ----------
        x, weight, average
            As in :meth:`MSiMamba.forward`.

        Returns
        -------
        logits : Tensor of shape (batch, n_outputs) or (batch, n_members, n_outputs)
            Logarithm of the members' mean probability, or the mean of their outputs; in training,
            the outputs of each member, so that each has its own loss.
        """
        logits = [member(x, weight, average) for member in self.members]
        return self._average(torch.stack(logits, 1))  # (B, outputs) or (B, M, outputs)

    def features(self, x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Compute the features that are standardised, of each member.

        Parameters
        ----------
        x, weight
            As in :meth:`MSiMamba.forward`.

        Returns
        -------
        features : Tensor of shape (batch, n_members, n_chans, n_features)
            Features.
        """
        return torch.stack([member.features(x, weight) for member in self.members], 1)

    def classify(
        self, features: torch.Tensor, mean: torch.Tensor, spread: torch.Tensor
    ) -> torch.Tensor:
        """Compute logits from features.

        Parameters
        ----------
        features, mean, spread : Tensor of shape (batch, n_members, n_chans, n_features)
            As in :meth:`MSiMamba.classify`, of each member.

        Returns
        -------
        logits : Tensor of shape (batch, n_outputs) or (batch, n_members, n_outputs)
            As in :meth:`forward`.
        """
        parts = zip(self.members, features.unbind(1), mean.unbind(1), spread.unbind(1), strict=True)
        return self._average(torch.stack([member.classify(*part) for member, *part in parts], 1))

    def _average(self, logits):  # (B, M, outputs) -> (B, outputs), or the same in training
        if self.training:
            return logits
        if self.average_outputs:
            return logits.mean(1)  # (B, outputs)
        log_sum = F.log_softmax(logits, -1).logsumexp(1)  # (B, outputs)
        return log_sum - math.log(len(self.members))
