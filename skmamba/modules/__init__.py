"""Building blocks of the networks."""

from .embedding import PowerEmbedding
from .mamba import Mamba, resolve_backend, selective_scan
from .multiscale import InceptionConv2d, MultiScaleTemporalBlock, window_amplitudes

__all__ = [
    "InceptionConv2d",
    "Mamba",
    "MultiScaleTemporalBlock",
    "PowerEmbedding",
    "resolve_backend",
    "selective_scan",
    "window_amplitudes",
]
