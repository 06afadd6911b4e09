"""MS-iMamba for EEG, as plain scikit-learn.

Names load on first use: ``import skmamba`` is instant and loads no torch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .classifiers import BraindecodeClassifier, MSiMambaClassifier, WindowVotingClassifier
    from .datasets import load_eegmat, simulate_trials
    from .preprocessing import ChannelPicker, SlidingWindows
    from .trials import Trials

__version__ = "0.1.0"

_HOMES = {
    "Trials": "trials",
    "load_eegmat": "datasets",
    "simulate_trials": "datasets",
    "ChannelPicker": "preprocessing",
    "SlidingWindows": "preprocessing",
    "MSiMambaClassifier": "classifiers",
    "BraindecodeClassifier": "classifiers",
    "WindowVotingClassifier": "classifiers",
}
_ROOMS = ("classifiers", "datasets", "modules", "preprocessing", "trials")

__all__ = [
    "BraindecodeClassifier",
    "ChannelPicker",
    "MSiMambaClassifier",
    "SlidingWindows",
    "Trials",
    "WindowVotingClassifier",
    "load_eegmat",
    "simulate_trials",
]


def __getattr__(name):
    if name in _ROOMS:
        return importlib.import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_ROOMS, "__version__"])
