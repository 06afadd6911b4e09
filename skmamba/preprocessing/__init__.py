"""Steps of a pipeline, from trials to windows of chosen channels."""

from ._alignment import EuclideanAlignment
from ._band_power import BandPower
from ._channel_selector import SequentialChannelSelector
from ._channels import ChannelPicker
from ._windows import SlidingWindows

__all__ = [
    "BandPower",
    "ChannelPicker",
    "EuclideanAlignment",
    "SequentialChannelSelector",
    "SlidingWindows",
]
