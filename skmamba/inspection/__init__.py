"""Inspection of models: frequencies, channels and attributions."""

from .attribution import input_attribution
from .channel_importance import channel_importance
from .electrode_failure import electrode_failure
from .frequency import frequency_profile

__all__ = ["channel_importance", "electrode_failure", "frequency_profile", "input_attribution"]
