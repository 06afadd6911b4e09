"""MS-iMamba from Zhou et al. (2024), as one file for ``braindecode.models``."""

# License: BSD-3
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from braindecode.models.base import EEGModuleMixin
from torch import nn


class MSiMamba(EEGModuleMixin, nn.Module):
    r"""MS-iMamba from Zhou et al. (2024) [msimamba]_, with tokens of power.

    :bdg-success:`Convolution` :bdg-secondary:`Recurrent`

    .. figure:: ../_static/model/msimamba.svg
       :align: center
       :alt: Architecture of MS-iMamba

    A network for raw EEG of few channels, in three parts:

    1. **Multi-scale temporal block**: for each of the ``top_k`` strongest frequencies of a
       window, the window is reshaped to rows of one period, convolved in two dimensions, and
       reshaped back. The results are summed with weights from the amplitudes [timesnet]_ and
       added to the window.
    2. **Tokens**: each channel becomes one token, by its log power behind learned filters, as in
       ShallowFBCSPNet [shallow]_, by averages of adjacent samples, and by the mean.
    3. **iMamba**: a selective state-space model [mamba]_ in both directions across the tokens,
       and a feed-forward net. A linear layer classifies all tokens.

    Parameters
    ----------
    d_model : int, optional
        Width of a token, by default 64.
    n_layers : int, optional
        Number of iMamba blocks, by default 1.
    top_k : int, optional
        Number of frequencies of the multi-scale block, by default 2.
    n_kernels : int, optional
        Number of square kernels of an inception, of sizes 1, 3, 5, ..., by default 3.
    d_hidden : int, optional
        Number of maps between the two convolutions, by default 16.
    n_filters : int, optional
        Number of filters of the tokens, by default 16.
    n_averages : int, optional
        Number of averages of adjacent samples, by default 32.
    d_state, d_conv, expand : int, optional
        Size of the state, length of the convolution and inner width of Mamba, by default 4, 2
        and 1.
    activation : type[nn.Module], optional
        Class of the activations, by default ``nn.GELU``.
    drop_prob : float, optional
        Dropout probability, by default 0.3.

    Notes
    -----
    Windows must have about unit variance. The publication states no widths, depth and ``top_k``,
    and embeds each channel by a linear map of its samples: these defaults and the tokens are
    those of the package skmamba, whose weights this network loads. Other than the TimesBlock, the
    multi-scale block selects the frequencies of each window, not of the batch.

    References
    ----------
    .. [msimamba] Zhou, Huang, Peng and Yin (2024). MS-iMamba. arXiv:2409.07589.
    .. [timesnet] Wu et al. (2023). TimesNet: Temporal 2D-Variation Modeling for General Time
       Series Analysis. ICLR.
    .. [shallow] Schirrmeister et al. (2017). Deep learning with convolutional neural networks for
       EEG decoding and visualization. Human Brain Mapping 38(11), 5391-5420.
    .. [mamba] Gu and Dao (2023). Mamba: Linear-Time Sequence Modeling with Selective State
       Spaces. arXiv:2312.00752.
    """

    def __init__(
        self,
        # braindecode parameters
        n_chans=None,
        n_outputs=None,
        n_times=None,
        input_window_seconds=None,
        sfreq=None,
        chs_info=None,
        # model parameters
        d_model: int = 64,
        n_layers: int = 1,
        top_k: int = 2,
        n_kernels: int = 3,
        d_hidden: int = 16,
        n_filters: int = 16,
        n_averages: int = 32,
        d_state: int = 4,
        d_conv: int = 2,
        expand: int = 1,
        activation: type[nn.Module] = nn.GELU,
        drop_prob: float = 0.3,
    ):
        super().__init__(
            n_outputs=n_outputs,
            n_chans=n_chans,
            chs_info=chs_info,
            n_times=n_times,
            input_window_seconds=input_window_seconds,
            sfreq=sfreq,
        )
        del n_outputs, n_chans, chs_info, n_times, input_window_seconds, sfreq
        self.mstb = _MultiScaleBlock(
            self.n_chans, self.n_times, top_k, n_kernels, d_hidden, activation
        )
        self.embed = _PowerEmbedding(self.n_times, d_model, n_filters, n_averages)
        self.drop = nn.Dropout(drop_prob)
        mamba = {"d_state": d_state, "d_conv": d_conv, "expand": expand}
        self.blocks = nn.Sequential(
            *(_MixerBlock(d_model, activation, drop_prob, **mamba) for _ in range(n_layers))
        )
        self.final_layer = nn.Linear(d_model * self.n_chans, self.n_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits of windows.

        Parameters
        ----------
        x : torch.Tensor
            Windows of shape ``(batch, n_chans, n_times)``.

        Returns
        -------
        torch.Tensor
            Logits of shape ``(batch, n_outputs)``.
        """
        mean = x.mean(2, keepdim=True)  # the block pads with zeros
        tokens = self.embed(self.mstb(x - mean) + mean)  # (batch, n_chans, d_model)
        tokens = self.blocks(self.drop(tokens))  # (batch, n_chans, d_model)
        return self.final_layer(self.drop(tokens.flatten(1)))  # (batch, n_outputs)

    def reset_head(self, n_outputs):
        """Replace the last layer by a new one.

        Parameters
        ----------
        n_outputs : int
            Number of outputs.
        """
        self._n_outputs = n_outputs
        self.final_layer = nn.Linear(self.final_layer.in_features, n_outputs)


class _MultiScaleBlock(nn.Module):
    """Convolve each window along and across its strongest periods, and add the result."""

    def __init__(self, n_chans, n_times, top_k, n_kernels, d_hidden, activation):
        super().__init__()
        self.n_times, self.top_k, self.gap = n_times, min(top_k, n_times // 2), n_kernels - 1
        self.widen = _Inception(n_chans, d_hidden, n_kernels)
        self.narrow = _Inception(d_hidden, n_chans, n_kernels)
        self.activation = activation()
        # Points of the longest line of rows, each of one period and a gap.
        self.length = max(-(-n_times // p) * (p + self.gap) for p in range(2, n_times + 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        amplitudes = torch.fft.rfft(x, dim=-1).abs().mean(1)[:, 1:]  # (batch, n_times // 2)
        chosen, index = amplitudes.topk(self.top_k)  # 2 x (batch, top_k)
        weight = (chosen / chosen.mean(1, keepdim=True).clamp_min(1e-30)).softmax(1)
        y = x
        for i in range(self.top_k):
            period = (self.n_times + index[:, i]) // (index[:, i] + 1)  # rounded up
            y = y + weight[:, i, None, None] * self.convolve(x, period[:, None, None])
        return y  # (batch, n_chans, n_times)

    def convolve(self, x: torch.Tensor, period: torch.Tensor) -> torch.Tensor:
        # The rows of a window stand one after the other on a line, with zeros after each.
        time = torch.arange(self.n_times, device=x.device)
        point = torch.arange(self.length, device=x.device)
        step = period + self.gap  # (batch, 1, 1), from a row to the next
        place = (time // period * step + time % period).expand(x.shape)
        inside = (point % step < period) & (point // step * period < self.n_times)
        line = x.new_zeros(x.shape[0], x.shape[1], self.length).scatter(2, place, x)
        hidden = self.activation(self.widen(line, step)) * inside  # (batch, d_hidden, length)
        return self.narrow(hidden, step).gather(2, place)  # (batch, n_chans, n_times)


class _Inception(nn.Module):
    """Mean of convolutions with square kernels of side 1, 3, 5, ..., of rows on a line."""

    def __init__(self, in_channels, out_channels, n_kernels):
        super().__init__()
        self.reach = n_kernels - 1
        self.kernels = nn.ModuleList(
            nn.Conv2d(in_channels, out_channels, 2 * reach + 1, padding=reach)
            for reach in range(n_kernels)
        )
        for kernel in self.kernels:
            nn.init.kaiming_normal_(kernel.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(kernel.bias)

    def forward(self, line: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        length, reach = line.shape[2], self.reach
        weight = torch.zeros(1, device=line.device)
        bias = torch.zeros(1, device=line.device)
        for i, kernel in enumerate(self.kernels):
            pad = reach - i
            weight = weight + F.pad(kernel.weight, [pad, pad, pad, pad])
            own = kernel.bias
            if own is not None:  # always; TorchScript takes it for optional
                bias = bias + own
        rows = torch.arange(-reach, reach + 1, device=line.device)[:, None]  # (side, 1)
        source = torch.arange(length, device=line.device) + rows * step  # (batch, side, length)
        source = source.clamp(-1, length).flatten(1)[:, None] + 1  # zeros at both ends
        source = source.expand(-1, line.shape[1], -1)
        stacked = F.pad(line, [1, 1]).gather(2, source).unflatten(2, [2 * reach + 1, length])
        count = reach + 1
        return F.conv2d(stacked, weight / count, bias / count, padding=[0, reach]).squeeze(2)


class _PowerEmbedding(nn.Module):
    """One token per channel: log power behind learned filters, averages of samples, the mean."""

    def __init__(self, n_times, d_model, n_filters, n_averages):
        super().__init__()
        size = max(n_times // 2, 1)
        self.hop, self.n_averages = max(size // 2, 1), min(n_averages, n_times)
        bound = size**-0.5
        self.bank = nn.Parameter(torch.empty(n_filters, size).uniform_(-bound, bound))
        self.linear = nn.Linear(n_filters + self.n_averages + 1, d_model)
        # Adam moves few weights as fast as many; the mean may be an offset.
        scale = torch.ones(self.linear.in_features)
        scale[n_filters:-1] = min(10 / max(self.n_averages, 1), 1)
        scale[-1] = min(3.2 / max(self.n_averages, 1), 1)
        self.register_buffer("scale", scale)
        self.register_buffer("level", torch.ones(n_filters))  # mean power in training
        self.register_buffer("n_updates", torch.zeros(()))
        taper = torch.sin(math.pi * (torch.arange(size) + 0.5) / size)
        self.register_buffer("taper", taper, persistent=False)
        # A real signal has two equal frequencies, f and -f, but for 0 Hz and the last one.
        n_equal = 2 - (2 * torch.arange(size // 2 + 1) % size == 0).float()
        self.register_buffer("n_equal", n_equal, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean(2, keepdim=True)
        x = x - mean
        segments = F.pad(x, [self.hop, self.hop]).unfold(2, len(self.taper), self.hop)
        spectrum = torch.fft.rfft(segments * self.taper).abs().square()
        response = torch.fft.rfft(self.bank).abs().square() * self.n_equal
        power = F.linear(spectrum, response)  # (batch, n_chans, n_segments, n_filters)
        level = self.level
        if self.training:
            level = power.mean([0, 1, 2])
            with torch.no_grad():
                self.n_updates += 1
                self.level.lerp_(level, (1 / self.n_updates).clamp_min(0.1))
        log_power = (power / level.clamp_min(1e-20)).clamp_min(1e-6).log().mean(2)
        averages = F.adaptive_avg_pool1d(x, self.n_averages)
        features = torch.cat([log_power, averages, mean], 2)
        return self.linear(features * self.scale)  # (batch, n_chans, d_model)


class _MixerBlock(nn.Module):
    """Mamba in both directions and a feed-forward net, each with a residual and a LayerNorm."""

    def __init__(self, d_model, activation, drop_prob, **mamba):
        super().__init__()
        self.mixer = nn.ModuleDict(
            {"ahead": _Mamba(d_model, **mamba), "back": _Mamba(d_model, **mamba)}
        )
        self.norm_mixer = nn.LayerNorm(d_model)
        self.feed_forward = nn.Sequential(
            nn.Linear(d_model, 2 * d_model),
            activation(),
            nn.Linear(2 * d_model, d_model),
            nn.Dropout(drop_prob),
        )
        self.norm_feed_forward = nn.LayerNorm(d_model)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        mixed = self.mixer["ahead"](tokens) + self.mixer["back"](tokens.flip(1)).flip(1)
        tokens = self.norm_mixer(tokens + mixed)
        return self.norm_feed_forward(tokens + self.feed_forward(tokens))


class _Mamba(nn.Module):
    """Selective state-space model, with the parameters of ``mamba_ssm.Mamba``."""

    def __init__(self, d_model, d_state, d_conv, expand):
        super().__init__()
        self.d_state, self.dt_rank, d_inner = d_state, math.ceil(d_model / 16), expand * d_model
        self.in_proj = nn.Linear(d_model, 2 * d_inner, bias=False)
        self.conv1d = nn.Conv1d(d_inner, d_inner, d_conv, groups=d_inner, padding=d_conv - 1)
        self.x_proj = nn.Linear(d_inner, self.dt_rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(self.dt_rank, d_inner)
        self.A_log = nn.Parameter(torch.arange(1.0, d_state + 1).log().repeat(d_inner, 1))
        self.D = nn.Parameter(torch.ones(d_inner))
        self.out_proj = nn.Linear(d_inner, d_model, bias=False)
        nn.init.uniform_(self.dt_proj.weight, -(self.dt_rank**-0.5), self.dt_rank**-0.5)
        with torch.no_grad():  # step sizes between 0.001 and 0.1
            dt = 1e-3 * (torch.rand(d_inner) * math.log(100)).exp()
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        u, z = self.in_proj(tokens).chunk(2, dim=-1)  # 2 x (batch, length, d_inner)
        u = self.conv1d(u.transpose(1, 2))[:, :, : tokens.shape[1]].transpose(1, 2)
        u = F.silu(u)
        dt, b, c = self.x_proj(u).split([self.dt_rank, self.d_state, self.d_state], dim=-1)
        dt = F.softplus(self.dt_proj(dt))[..., None]  # (batch, length, d_inner, 1)
        decay = torch.exp(dt * -self.A_log.exp())  # (batch, length, d_inner, d_state)
        drive = dt * u[..., None] * b[:, :, None]
        h = torch.zeros_like(drive[:, 0])
        outputs = []
        for t in range(u.shape[1]):
            h = decay[:, t] * h + drive[:, t]  # (batch, d_inner, d_state)
            outputs.append((h * c[:, t, None]).sum(-1))
        y = torch.stack(outputs, dim=1) + u * self.D  # (batch, length, d_inner)
        return self.out_proj(y * F.silu(z))
