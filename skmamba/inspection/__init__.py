"""What a model listens to: frequencies, channels, time points."""

from ._attribution import attribute_input
from ._electrodes import electrode_failure
from ._frequency import frequency_profile
from ._importance import channel_importance

__all__ = ["attribute_input", "channel_importance", "electrode_failure", "frequency_profile"]
