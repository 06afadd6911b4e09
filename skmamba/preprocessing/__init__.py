"""Transformers of trials: channels, alignment, windows and band power."""

from .alignment import EuclideanAlignment
from .band_power import BandPower
from .channel_selection import SequentialChannelSelector
from .channels import ChannelPicker
from .windows import SlidingWindows

__all__ = [
    "BandPower",
    "ChannelPicker",
    "EuclideanAlignment",
    "SequentialChannelSelector",
    "SlidingWindows",
]
