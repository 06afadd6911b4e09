"""MS-iMamba as a plain composition: slow, simple, and independent of skmamba.

TimesNet's block with single kernels, and Mamba with its state in a Python loop. Only the names of
parameters are those of skmamba, so that weights load both ways.

``periods="batch"`` uses the same periods for all windows of a batch, as TimesNet does. It is the
fastest plain form, and the one that speed is compared with. ``periods="window"`` processes window
by window, as skmamba's results require, and is the form with which results are compared.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


class Inception(nn.Module):
    def __init__(self, in_channels, out_channels, n_kernels):
        super().__init__()
        self.kernels = nn.ModuleList(
            nn.Conv2d(in_channels, out_channels, 2 * i + 1, padding=i) for i in range(n_kernels)
        )

    def forward(self, x):
        return torch.stack([kernel(x) for kernel in self.kernels], dim=-1).mean(-1)


class MultiScaleBlock(nn.Module):
    def __init__(self, n_chans, top_k, n_kernels, d_hidden, periods):
        super().__init__()
        self.top_k, self.periods = top_k, periods
        self.widen = Inception(n_chans, d_hidden, n_kernels)
        self.narrow = Inception(d_hidden, n_chans, n_kernels)

    def forward(self, x):
        if self.periods == "window":
            return torch.cat([self.add_views(window[None]) for window in x])
        return self.add_views(x)

    def add_views(self, x):
        n_times = x.shape[-1]
        amplitudes = torch.fft.rfft(x).abs().mean(1)
        mean = amplitudes.mean(0)
        mean[0] = 0
        frequencies = mean.topk(self.top_k).indices
        chosen = amplitudes[:, frequencies]
        weights = F.softmax(chosen / chosen.mean(1, keepdim=True), dim=1)
        views = []
        for frequency in frequencies.tolist():
            period = math.ceil(n_times / frequency)
            n_rows = math.ceil(n_times / period)
            grid = F.pad(x, (0, n_rows * period - n_times))
            grid = grid.reshape(*x.shape[:2], n_rows, period)
            grid = self.narrow(F.gelu(self.widen(grid)))
            views.append(grid.reshape(*x.shape[:2], -1)[..., :n_times])
        return x + (torch.stack(views, -1) * weights[:, None, None]).sum(-1)


class PowerEmbedding(nn.Module):
    def __init__(self, n_times, d_model):
        super().__init__()
        self.size = n_times // 2
        self.bank = nn.Parameter(torch.randn(16, self.size))
        self.linear = nn.Linear(16 + 32 + 1, d_model)
        self.register_buffer("level", torch.ones(16))
        self.register_buffer("n_updates", torch.zeros(()))
        scale = torch.tensor([1.0] * 16 + [10 / 32] * 32 + [0.1])
        self.register_buffer("scale", scale)

    def forward(self, x):
        mean = x.mean(2, keepdim=True)
        x = x - mean
        padded = F.pad(x, (self.size // 2, self.size // 2))
        taper = torch.sin(math.pi * (torch.arange(self.size) + 0.5) / self.size)
        segments = padded.unfold(2, self.size, self.size // 2) * taper
        response = torch.fft.rfft(self.bank).abs() ** 2
        n_last = 1 - self.size % 2  # 0 Hz and, of an even size, the last frequency are single
        response = torch.cat([response[:, :1], 2 * response[:, 1:]], 1)
        response[:, response.shape[1] - n_last :] /= 2
        power = torch.fft.rfft(segments).abs() ** 2 @ response.T
        if self.training:
            level = power.mean((0, 1, 2))
            self.n_updates += 1
            rate = max(1 / self.n_updates.item(), 0.1)
            self.level = (1 - rate) * self.level + rate * level.detach()
        else:
            level = self.level
        log_power = (power / level).clamp_min(1e-6).log().mean(2)
        features = torch.cat([log_power, F.adaptive_avg_pool1d(x, 32), mean], 2)
        return self.linear(features * self.scale)


class PlainMamba(nn.Module):
    def __init__(self, d_model, d_state, d_conv, expand):
        super().__init__()
        d_inner, self.d_state, self.dt_rank = expand * d_model, d_state, math.ceil(d_model / 16)
        self.in_proj = nn.Linear(d_model, 2 * d_inner, bias=False)
        self.conv1d = nn.Conv1d(d_inner, d_inner, d_conv, groups=d_inner, padding=d_conv - 1)
        self.x_proj = nn.Linear(d_inner, self.dt_rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(self.dt_rank, d_inner)
        self.A_log = nn.Parameter(torch.zeros(d_inner, d_state))
        self.D = nn.Parameter(torch.ones(d_inner))
        self.out_proj = nn.Linear(d_inner, d_model, bias=False)

    def forward(self, x):
        length = x.shape[1]
        u, z = self.in_proj(x).chunk(2, dim=-1)
        u = F.silu(self.conv1d(u.transpose(1, 2))[..., :length].transpose(1, 2))
        delta, B, C = self.x_proj(u).split([self.dt_rank, self.d_state, self.d_state], dim=-1)
        delta = F.softplus(self.dt_proj(delta))
        decay = torch.exp(delta[..., None] * -torch.exp(self.A_log))
        drive = (delta * u)[..., None] * B[:, :, None]
        h, outputs = torch.zeros_like(drive[:, 0]), []
        for t in range(length):
            h = decay[:, t] * h + drive[:, t]
            outputs.append((h * C[:, t, None]).sum(-1))
        y = torch.stack(outputs, dim=1) + u * self.D
        return self.out_proj(y * F.silu(z))


class Bidirectional(nn.Module):
    def __init__(self, d_model, **options):
        super().__init__()
        self.ahead = PlainMamba(d_model, **options)
        self.back = PlainMamba(d_model, **options)

    def forward(self, x):
        return self.ahead(x) + self.back(x.flip(1)).flip(1)


class Block(nn.Module):
    def __init__(self, d_model, **options):
        super().__init__()
        self.mixer = Bidirectional(d_model, **options)
        self.norm_mixer = nn.LayerNorm(d_model)
        self.feed_forward = nn.Sequential(
            nn.Linear(d_model, 2 * d_model), nn.GELU(), nn.Linear(2 * d_model, d_model)
        )
        self.norm_feed_forward = nn.LayerNorm(d_model)

    def forward(self, x):
        x = self.norm_mixer(x + self.mixer(x))
        return self.norm_feed_forward(x + self.feed_forward(x))


class ReferenceMSiMamba(nn.Module):
    def __init__(
        self,
        n_chans,
        n_outputs,
        n_times,
        *,
        embedding="power",
        d_model=64,
        top_k=2,
        n_kernels=3,
        d_hidden=16,
        d_state=4,
        spatial_whitening=False,
        periods="batch",
    ):
        super().__init__()
        self.register_buffer("whitener", torch.eye(n_chans) if spatial_whitening else None)
        self.mstb = MultiScaleBlock(n_chans, top_k, n_kernels, d_hidden, periods)
        embeddings = {"power": PowerEmbedding, "inverted": nn.Linear}
        self.embed = embeddings[embedding](n_times, d_model)
        self.blocks = nn.Sequential(Block(d_model, d_state=d_state, d_conv=2, expand=1))
        self.final_layer = nn.Linear(n_chans * d_model, n_outputs)

    def forward(self, x):
        if self.whitener is not None:
            x = self.whitener @ x
        mean = x.mean(2, keepdim=True)
        tokens = self.embed(self.mstb(x - mean) + mean)
        return self.final_layer(self.blocks(tokens).flatten(1))
