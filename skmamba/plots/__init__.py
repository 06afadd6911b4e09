"""Displays of results, in scikit-learn's Display convention."""

from .channel_importance import ChannelImportanceDisplay
from .confusion import ConfusionDisplay
from .electrode_failure import ElectrodeFailureDisplay
from .frequency import FrequencyDisplay
from .leakage import LeakageDisplay
from .scores import ScoresDisplay
from .training_curve import TrainingCurveDisplay

__all__ = [
    "ChannelImportanceDisplay",
    "ConfusionDisplay",
    "ElectrodeFailureDisplay",
    "FrequencyDisplay",
    "LeakageDisplay",
    "ScoresDisplay",
    "TrainingCurveDisplay",
]
