"""The networks: tensors in, tensors out."""

from ._backends import resolve_backend
from ._inception import InceptionConv2d
from ._mamba import Mamba
from ._multiscale import MultiScaleTemporalBlock, window_amplitudes
from ._plain_scales import PlainScales
from ._power_embedding import PowerEmbedding
from ._selective_scan import selective_scan

__all__ = [
    "InceptionConv2d",
    "Mamba",
    "MultiScaleTemporalBlock",
    "PlainScales",
    "PowerEmbedding",
    "resolve_backend",
    "selective_scan",
    "window_amplitudes",
]
