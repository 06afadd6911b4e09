"""Classifiers and regressors of trials."""

from .braindecode import BraindecodeClassifier, BraindecodeRegressor
from .msimamba import MSiMambaClassifier, MSiMambaRegressor
from .voting import WindowVotingClassifier, WindowVotingRegressor

__all__ = [
    "BraindecodeClassifier",
    "BraindecodeRegressor",
    "MSiMambaClassifier",
    "MSiMambaRegressor",
    "WindowVotingClassifier",
    "WindowVotingRegressor",
]
