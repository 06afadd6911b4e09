"""One Mamba block, with mamba-ssm's parameter names and none of its requirements."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from ._backends import BACKENDS, mamba_ssm_scan, resolve_backend
from ._selective_scan import selective_scan

# Range of initial step sizes and their floor: mamba-ssm's defaults.
DT_MIN, DT_MAX, DT_FLOOR = 1e-3, 1e-1, 1e-4


class Mamba(nn.Module):
    """Mix the tokens of a sequence with a selective state-space model.

    Parameters have the names, shapes and initial distributions of ``mamba_ssm.Mamba``, so that
    weights load both ways. Runs wherever PyTorch runs.

    Parameters
    ----------
    d_model : int
        Width of a token.
    d_state : int, default=16
        Size of the state of each inner channel.
    d_conv : int, default=4
        Length of the causal convolution over tokens.
    expand : int, default=2
        Inner width as a multiple of ``d_model``.
    dt_rank : int or "auto", default="auto"
        Rank of the step-size projection; ``"auto"`` is ``ceil(d_model / 16)``.
    backend : {"auto", "torch", "mamba_ssm"}, default="auto"
        See :func:`resolve_backend`.

    References
    ----------
    .. [1] Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
       arXiv 2312.00752, Figure 3.

    Examples
    --------
    >>> import torch
    >>> Mamba(d_model=8)(torch.zeros(2, 4, 8)).shape
    torch.Size([2, 4, 8])
    """

    def __init__(
        self,
        d_model: int,
        d_state: int = 16,
        d_conv: int = 4,
        expand: int = 2,
        dt_rank: int | Literal["auto"] = "auto",
        backend: Literal["auto", "torch", "mamba_ssm"] = "auto",
    ) -> None:
        super().__init__()
        if backend not in BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}.")
        self.d_state, self.backend = d_state, backend
        self.dt_rank = math.ceil(d_model / 16) if dt_rank == "auto" else dt_rank
        d_inner = expand * d_model
        self.in_proj = nn.Linear(d_model, 2 * d_inner, bias=False)
        self.conv1d = nn.Conv1d(d_inner, d_inner, d_conv, groups=d_inner, padding=d_conv - 1)
        self.x_proj = nn.Linear(d_inner, self.dt_rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(self.dt_rank, d_inner)
        self.A_log = nn.Parameter(torch.arange(1.0, d_state + 1).log().repeat(d_inner, 1))
        self.D = nn.Parameter(torch.ones(d_inner))
        self.out_proj = nn.Linear(d_inner, d_model, bias=False)
        self._init_step_sizes()

    @torch.no_grad()
    def _init_step_sizes(self):
        """Spread softplus(bias) log-uniformly over [DT_MIN, DT_MAX]."""
        bound = self.dt_rank**-0.5
        nn.init.uniform_(self.dt_proj.weight, -bound, bound)
        spread = torch.rand_like(self.dt_proj.bias) * math.log(DT_MAX / DT_MIN)
        dt = (DT_MIN * spread.exp()).clamp_min(DT_FLOOR)
        self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # inverse of softplus

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mix tokens, the first ones never seeing the later ones.

        Parameters
        ----------
        x : Tensor of shape (batch, length, d_model)
            Tokens.

        Returns
        -------
        y : Tensor of shape (batch, length, d_model)
            Mixed tokens.
        """
        u, z = self.in_proj(x).chunk(2, dim=-1)  # 2 x (B, L, d_inner)
        u = F.silu(self._causal_conv(u))
        delta, B, C = self.x_proj(u).split([self.dt_rank, self.d_state, self.d_state], dim=-1)
        delta = F.softplus(self.dt_proj(delta))  # (B, L, d_inner)
        on_kernel = resolve_backend(self.backend, x.device) == "mamba_ssm"
        scan = mamba_ssm_scan if on_kernel else selective_scan
        y = scan(u, delta, -self.A_log.exp(), B, C, self.D)
        return self.out_proj(y * F.silu(z))  # (B, L, d_model)

    def _causal_conv(self, u):
        """Depthwise convolution as shifted products: a few tokens do not repay a real one."""
        length, taps = u.shape[1], self.conv1d.weight[:, 0]  # (d_inner, d_conv)
        y = torch.addcmul(self.conv1d.bias, u, taps[:, -1])  # type: ignore[arg-type]
        for back in range(1, min(taps.shape[1], length)):
            shifted = F.pad(u[:, :-back], (0, 0, back, 0))
            y = torch.addcmul(y, shifted, taps[:, -1 - back])
        return y
