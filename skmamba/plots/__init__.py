"""Pictures of results, by scikit-learn's Display convention."""

from ._confusion import ConfusionDisplay
from ._leakage import LeakageDisplay
from ._scores import ScoresDisplay
from ._training import TrainingCurveDisplay

__all__ = ["ConfusionDisplay", "LeakageDisplay", "ScoresDisplay", "TrainingCurveDisplay"]
