"""Pictures of results, by scikit-learn's Display convention."""

from ._channel_importance import ChannelImportanceDisplay
from ._confusion import ConfusionDisplay
from ._electrode_failure import ElectrodeFailureDisplay
from ._frequency import FrequencyDisplay
from ._leakage import LeakageDisplay
from ._scores import ScoresDisplay
from ._training import TrainingCurveDisplay

__all__ = [
    "ChannelImportanceDisplay",
    "ConfusionDisplay",
    "ElectrodeFailureDisplay",
    "FrequencyDisplay",
    "LeakageDisplay",
    "ScoresDisplay",
    "TrainingCurveDisplay",
]
