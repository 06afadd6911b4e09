"""Transformers of trials: channels, alignment, whitening, windows and band power."""

from .alignment import EuclideanAlignment
from .band_power import BandPower
from .channel_selection import SequentialChannelSelector
from .channels import ChannelPicker
from .whitening import SubjectWhitening
from .windows import SlidingWindows

__all__ = [
    "BandPower",
    "ChannelPicker",
    "EuclideanAlignment",
    "SequentialChannelSelector",
    "SlidingWindows",
    "SubjectWhitening",
]
