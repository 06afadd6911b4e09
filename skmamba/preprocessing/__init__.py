"""Steps of a pipeline, from trials to windows of chosen channels."""

from ._channels import ChannelPicker
from ._windows import SlidingWindows

__all__ = ["ChannelPicker", "SlidingWindows"]
