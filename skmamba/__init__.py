"""scikit-learn estimators for EEG with MS-iMamba.

Names are imported on first use, so that ``import skmamba`` loads no torch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import (
        adaptation as adaptation,
        classifiers as classifiers,
        datasets as datasets,
        evaluation as evaluation,
        inspection as inspection,
        models as models,
        modules as modules,
        persistence as persistence,
        pipelines as pipelines,
        plots as plots,
        preprocessing as preprocessing,
        report as report,
        streaming as streaming,
        trials as trials,
    )
    from .adaptation import calibrate, fine_tune
    from .classifiers import (
        BraindecodeClassifier,
        MSiMambaClassifier,
        MSiMambaRegressor,
        WindowVotingClassifier,
    )
    from .datasets import load_deap, load_dreamer, load_eegmat, load_seed
    from .evaluation import compare, evaluate, leakage_report
    from .persistence import load_model, save_model
    from .pipelines import make_models
    from .preprocessing import ChannelPicker, SlidingWindows
    from .streaming import StreamDecoder
    from .trials import Trials

__version__ = "0.2.0"

_NAMES = {  # by the module that defines them
    "adaptation": ["calibrate", "fine_tune"],
    "classifiers": [
        "BraindecodeClassifier",
        "MSiMambaClassifier",
        "MSiMambaRegressor",
        "WindowVotingClassifier",
    ],
    "datasets": ["load_deap", "load_dreamer", "load_eegmat", "load_seed"],
    "evaluation": ["compare", "evaluate", "leakage_report"],
    "inspection": [],
    "models": [],
    "modules": [],
    "persistence": ["load_model", "save_model"],
    "pipelines": ["make_models"],
    "plots": [],
    "preprocessing": ["ChannelPicker", "SlidingWindows"],
    "report": [],
    "streaming": ["StreamDecoder"],
    "trials": ["Trials"],
}
_DEFINED_IN = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "BraindecodeClassifier",
    "ChannelPicker",
    "MSiMambaClassifier",
    "MSiMambaRegressor",
    "SlidingWindows",
    "StreamDecoder",
    "Trials",
    "WindowVotingClassifier",
    "calibrate",
    "compare",
    "evaluate",
    "fine_tune",
    "leakage_report",
    "load_deap",
    "load_dreamer",
    "load_eegmat",
    "load_model",
    "load_seed",
    "make_models",
    "save_model",
]


if not TYPE_CHECKING:  # else a type checker would accept any name

    def __getattr__(name):
        if name in _NAMES:
            return importlib.import_module(f".{name}", __name__)
        if name in _DEFINED_IN:
            return getattr(importlib.import_module(f".{_DEFINED_IN[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_NAMES, "__version__"])
