"""Which implementation runs the selective scan: ours in PyTorch, or mamba-ssm's CUDA kernel."""

from __future__ import annotations

import functools
from typing import Literal

import torch

BACKENDS = ("auto", "torch", "mamba_ssm")


def resolve_backend(
    backend: Literal["auto", "torch", "mamba_ssm"], device: torch.device | str
) -> Literal["torch", "mamba_ssm"]:
    """Name the implementation that ``backend`` means for tensors on ``device``.

    Parameters
    ----------
    backend : {"auto", "torch", "mamba_ssm"}
        ``"auto"`` is ``"mamba_ssm"`` where its kernel imports and the device is CUDA, and
        ``"torch"`` elsewhere: both compute the same.
    device : torch.device or str
        Where the tensors live.

    Returns
    -------
    backend : {"torch", "mamba_ssm"}
        The implementation that runs.

    Raises
    ------
    ValueError
        If the name is unknown.
    RuntimeError
        If ``"mamba_ssm"`` is asked for where it cannot run.

    Examples
    --------
    >>> resolve_backend("auto", "cpu")
    'torch'
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}.")
    if backend == "torch":
        return "torch"
    on_cuda = str(device).startswith("cuda")
    if backend == "auto":
        return "mamba_ssm" if on_cuda and import_failure() is None else "torch"
    reasons = [] if on_cuda else [f"its kernel needs a CUDA device, got device {str(device)!r}"]
    if import_failure() is not None:
        reasons.append(f"it does not import ({import_failure()})")
    if reasons:
        raise RuntimeError(
            f"backend='mamba_ssm' cannot run here: {'; '.join(reasons)}. "
            "backend='torch' computes the same on any device."
        )
    return "mamba_ssm"


@functools.cache
def import_failure():
    """Why mamba-ssm's kernel does not import, or None when it does."""
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:  # a wheel for another CUDA: OSError
        return str(error)
    return None


def mamba_ssm_scan(u, delta, A, B, C, D):
    """Run :func:`selective_scan` on mamba-ssm's kernel, which wants channels before length."""
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    u, delta, B, C = (t.transpose(1, 2).contiguous() for t in (u, delta, B, C))
    return selective_scan_fn(u, delta, A, B, C, D.float()).transpose(1, 2)
