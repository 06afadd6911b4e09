"""Classifiers of trials."""

from ._braindecode import BraindecodeClassifier
from ._msimamba import MSiMambaClassifier
from ._voting import WindowVotingClassifier

__all__ = ["BraindecodeClassifier", "MSiMambaClassifier", "WindowVotingClassifier"]
