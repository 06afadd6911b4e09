"""Classifiers of trials."""

from .braindecode import BraindecodeClassifier
from .msimamba import MSiMambaClassifier
from .voting import WindowVotingClassifier

__all__ = ["BraindecodeClassifier", "MSiMambaClassifier", "WindowVotingClassifier"]
