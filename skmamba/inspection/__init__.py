"""What a model listens to: frequencies, channels, time points."""

from ._attribution import input_attribution
from ._electrodes import electrode_failure
from ._frequency import frequency_profile
from ._importance import channel_importance

__all__ = ["channel_importance", "electrode_failure", "frequency_profile", "input_attribution"]
