"""Fast paths of the modules, see README.md in this folder."""

import torch

from .scan import fused_scan
from .views import sum_of_views

__all__ = ["can_use_kernels", "fused_scan", "is_tracing", "sum_of_views"]


def is_tracing():
    """Return whether torch is compiling, exporting or tracing a graph."""
    tracing = torch.jit.is_tracing()
    return tracing or torch.compiler.is_compiling() or torch.onnx.is_in_onnx_export()


def can_use_kernels(x):
    """Return whether the fast paths run for ``x``: on the CPU, outside tracing."""
    return x.device.type == "cpu" and not is_tracing()
