"""The Mamba block and its selective scan."""

from __future__ import annotations

import functools
import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from ._kernels import can_use_kernels, fused_scan, is_tracing

# Range of initial step sizes and their lower bound: mamba-ssm's defaults.
DT_MIN, DT_MAX, DT_FLOOR = 1e-3, 1e-1, 1e-4
# Up to this number of states, the scan by doubling is faster (on the CPU): it has fewer operations.
FEW_STATES = 1 << 15


class Mamba(nn.Module):
    """Mix the tokens of a sequence with a selective state-space model.

    Parameters have the names, shapes and initial distributions of ``mamba_ssm.Mamba``, so that
    weights can be exchanged.

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
        _check_backend(backend)
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
        """Draw softplus(bias) log-uniformly from [DT_MIN, DT_MAX]."""
        bound = self.dt_rank**-0.5
        nn.init.uniform_(self.dt_proj.weight, -bound, bound)
        spread = torch.rand_like(self.dt_proj.bias) * math.log(DT_MAX / DT_MIN)
        dt = (DT_MIN * spread.exp()).clamp_min(DT_FLOOR)
        self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # inverse of softplus

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mix tokens causally.

        Parameters
        ----------
        x : Tensor of shape (batch, length, d_model)
            Tokens.

        Returns
        -------
        y : Tensor of shape (batch, length, d_model)
            Mixed tokens; each depends on itself and the tokens before it.
        """
        u, z = self.in_proj(x).chunk(2, dim=-1)  # 2 x (B, L, d_inner)
        u = F.silu(self._causal_conv(u))
        delta, B, C = self.x_proj(u).split([self.dt_rank, self.d_state, self.d_state], dim=-1)
        delta = F.softplus(self.dt_proj(delta))  # (B, L, d_inner)
        A = -self.A_log.exp()  # (d_inner, d_state)
        if torch.jit.is_scripting():
            y = torch.addcmul(scan(u, delta, A, B, C), u, self.D)  # (B, L, d_inner)
        else:
            on_kernel = resolve_backend(self.backend, x.device) == "mamba_ssm"
            can_use = on_kernel and u.dtype != torch.float64 and not is_tracing()
            run = mamba_ssm_scan if can_use else selective_scan
            y = run(u, delta, A, B, C, self.D)  # (B, L, d_inner)
        return self.out_proj(y * F.silu(z))  # (B, L, d_model)

    def _causal_conv(self, u):
        """Convolve depthwise by shifted products, which is faster for a few tokens."""
        length, taps, bias = u.shape[1], self.conv1d.weight[:, 0], self.conv1d.bias
        assert bias is not None  # TorchScript types it as optional
        y = torch.addcmul(bias, u, taps[:, -1])  # (B, L, d_inner)
        for back in range(1, min(taps.shape[1], length)):
            shifted = F.pad(u[:, :-back], [0, 0, back, 0])
            y = torch.addcmul(y, shifted, taps[:, -1 - back])
        return y


def selective_scan(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    D: torch.Tensor | None = None,
) -> torch.Tensor:
    """Run a state-space model whose step, input and output maps depend on the input.

    ``h_t = exp(delta_t A) h_{t-1} + delta_t B_t u_t`` and ``y_t = C_t h_t + D u_t``, from
    ``h_0 = 0``: Algorithm 2 of [1]_.

    Parameters
    ----------
    u : Tensor of shape (batch, length, channels)
        Input series.
    delta : Tensor of shape (batch, length, channels)
        Step sizes, positive.
    A : Tensor of shape (channels, n_state)
        Decay rates, negative.
    B, C : Tensor of shape (batch, length, n_state)
        Input and output maps of each step.
    D : Tensor of shape (channels,), default=None
        Weight of the input in the output.

    Returns
    -------
    y : Tensor of shape (batch, length, channels)
        Output series, in the dtype of ``u``.

    Notes
    -----
    On the CPU, states are recomputed in the backward pass instead of stored, and there is no
    second derivative: ``create_graph=True`` raises a RuntimeError. While a graph is traced
    (``torch.compile``, ``torch.export``, ONNX), the scan is computed by doubling, so that the
    graph grows with the logarithm of the length.

    References
    ----------
    .. [1] Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
       arXiv 2312.00752.

    Examples
    --------
    With steps of 1, almost no decay and maps of 1, the scan is a cumulative sum.

    >>> import torch
    >>> one = torch.ones(1, 4, 1)
    >>> selective_scan(one, one, torch.tensor([[-1e-9]]), one, one).flatten().tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    if is_tracing() or (not torch.is_grad_enabled() and u.numel() * A.shape[1] <= FEW_STATES):
        run = scan_by_doubling
    else:
        run = fused_scan if can_use_kernels(u) else scan
    dtype = torch.promote_types(torch.promote_types(u.dtype, delta.dtype), A.dtype)
    # Autocast would run the products of the scan in half precision, which loses the state.
    device = u.device.type if u.device.type != "meta" else "cpu"  # meta has no autocast
    with torch.autocast(device, enabled=False):
        y = run(*(t.to(dtype) for t in (u, delta, A, B, C)))
        if D is not None:
            y = torch.addcmul(y, u.to(dtype), D.to(dtype))
    return y.to(u.dtype)


def scan(u, delta, A, B, C):
    """Run the scan without D, one step after the other."""
    decay = torch.exp(delta[..., None] * A)  # (batch, length, channels, n_state)
    drive = (delta * u)[..., None] * B[:, :, None]  # (batch, length, channels, n_state)
    h, outputs = torch.zeros_like(drive[:, 0]), []  # (batch, channels, n_state)
    for t in range(u.shape[1]):
        h = decay[:, t] * h + drive[:, t]  # (batch, channels, n_state)
        outputs.append((h * C[:, t, None]).sum(-1))
    return torch.stack(outputs, dim=1)  # (batch, length, channels)


def scan_by_doubling(u, delta, A, B, C):
    """Run the scan without D in ``ceil(log2(length))`` rounds (Hillis and Steele, 1986).

    After each round, a step includes twice as many steps before it.
    """
    decay = torch.exp(delta[..., None] * A)  # (batch, length, channels, n_state)
    h = (delta * u)[..., None] * B[:, :, None]  # (batch, length, channels, n_state)
    reach = 1
    while reach < u.shape[1]:
        earlier_h, earlier_decay = (
            F.pad(t[:, :-reach], (0, 0, 0, 0, reach, 0)) for t in (h, decay)
        )
        h, decay = h + decay * earlier_h, decay * earlier_decay
        reach *= 2
    return (h * C[:, :, None]).sum(-1)


def resolve_backend(
    backend: Literal["auto", "torch", "mamba_ssm"], device: torch.device | str
) -> Literal["torch", "mamba_ssm"]:
    """Return the implementation of the scan that ``backend`` selects on ``device``.

    Parameters
    ----------
    backend : {"auto", "torch", "mamba_ssm"}
        :func:`selective_scan`, or the CUDA kernel of mamba-ssm, which computes the same;
        ``"auto"`` is ``"mamba_ssm"`` if its kernel imports and the device is CUDA. The kernel
        supports neither float64 nor tracing: :func:`selective_scan` runs instead.
    device : torch.device or str
        Device of the tensors.

    Returns
    -------
    backend : {"torch", "mamba_ssm"}
        The implementation.

    Raises
    ------
    ValueError
        If the name is unknown.
    RuntimeError
        If ``backend="mamba_ssm"`` cannot run.

    Examples
    --------
    >>> resolve_backend("auto", "cpu")
    'torch'
    """
    _check_backend(backend)
    if backend == "torch":
        return "torch"
    on_cuda = str(device).startswith("cuda")
    if backend == "auto":
        return "mamba_ssm" if on_cuda and _import_failure() is None else "torch"
    reasons = [] if on_cuda else [f"its kernel needs a CUDA device, got device {str(device)!r}"]
    if _import_failure() is not None:
        reasons.append(f"it does not import ({_import_failure()})")
    if reasons:
        raise RuntimeError(
            f"backend='mamba_ssm' cannot run here: {'; '.join(reasons)}. "
            "backend='torch' computes the same on any device."
        )
    return "mamba_ssm"


def _check_backend(backend):
    if backend not in ("auto", "torch", "mamba_ssm"):
        raise ValueError(f"backend must be one of 'auto', 'torch', 'mamba_ssm', got {backend!r}.")


@functools.cache
def _import_failure():
    """Return the error of importing mamba-ssm's kernel as a string, or None."""
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:  # OSError: built for another CUDA
        return str(error)
    return None


def mamba_ssm_scan(u, delta, A, B, C, D):
    """Run :func:`selective_scan` on mamba-ssm's kernel, which has channels before length."""
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    dtype = u.dtype
    u, delta, B, C = (t.transpose(1, 2).contiguous().float() for t in (u, delta, B, C))
    return selective_scan_fn(u, delta, A.float(), B, C, D.float()).transpose(1, 2).to(dtype)
