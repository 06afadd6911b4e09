"""MS-iMamba for EEG, as plain scikit-learn.

Names load on first use: ``import skmamba`` is instant and loads no torch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .classifiers import BraindecodeClassifier, MSiMambaClassifier, WindowVotingClassifier
    from .datasets import (
        DataFormatError,
        load_deap,
        load_dreamer,
        load_eegmat,
        load_seed,
        load_seed_iv,
        simulate_trials,
        write_fake_deap,
        write_fake_dreamer,
        write_fake_seed,
        write_fake_seed_iv,
    )
    from .preprocessing import ChannelPicker, SlidingWindows
    from .trials import Trials

__version__ = "0.1.0"

_HOMES = {
    "Trials": "trials",
    "DataFormatError": "datasets",
    "load_deap": "datasets",
    "load_dreamer": "datasets",
    "load_eegmat": "datasets",
    "load_seed": "datasets",
    "load_seed_iv": "datasets",
    "simulate_trials": "datasets",
    "write_fake_deap": "datasets",
    "write_fake_dreamer": "datasets",
    "write_fake_seed": "datasets",
    "write_fake_seed_iv": "datasets",
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
    "DataFormatError",
    "MSiMambaClassifier",
    "SlidingWindows",
    "Trials",
    "WindowVotingClassifier",
    "load_deap",
    "load_dreamer",
    "load_eegmat",
    "load_seed",
    "load_seed_iv",
    "simulate_trials",
    "write_fake_deap",
    "write_fake_dreamer",
    "write_fake_seed",
    "write_fake_seed_iv",
]


def __getattr__(name):
    if name in _ROOMS:
        return importlib.import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_ROOMS, "__version__"])
