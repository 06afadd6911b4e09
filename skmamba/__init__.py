"""scikit-learn estimators for EEG with MS-iMamba.

Names are imported on first use, so that ``import skmamba`` loads no torch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import (
        classifiers as classifiers,
    )
    from . import (
        datasets as datasets,
    )
    from . import (
        evaluation as evaluation,
    )
    from . import (
        inspection as inspection,
    )
    from . import (
        models as models,
    )
    from . import (
        modules as modules,
    )
    from . import (
        persistence as persistence,
    )
    from . import (
        pipelines as pipelines,
    )
    from . import (
        plots as plots,
    )
    from . import (
        preprocessing as preprocessing,
    )
    from . import (
        report as report,
    )
    from . import (
        streaming as streaming,
    )
    from . import (
        trials as trials,
    )
    from .classifiers import BraindecodeClassifier, MSiMambaClassifier, WindowVotingClassifier
    from .datasets import load_deap, load_dreamer, load_eegmat, load_seed
    from .evaluation import compare, evaluate, leakage_report
    from .persistence import load_model, save_model
    from .pipelines import make_models
    from .preprocessing import ChannelPicker, SlidingWindows
    from .streaming import StreamDecoder
    from .trials import Trials

__version__ = "0.2.0"

_SUBPACKAGES = (
    "classifiers",
    "datasets",
    "evaluation",
    "inspection",
    "models",
    "modules",
    "persistence",
    "pipelines",
    "plots",
    "preprocessing",
    "report",
    "streaming",
    "trials",
)
_DEFINED_IN = {
    "BraindecodeClassifier": "classifiers",
    "ChannelPicker": "preprocessing",
    "MSiMambaClassifier": "classifiers",
    "SlidingWindows": "preprocessing",
    "StreamDecoder": "streaming",
    "Trials": "trials",
    "WindowVotingClassifier": "classifiers",
    "compare": "evaluation",
    "evaluate": "evaluation",
    "leakage_report": "evaluation",
    "load_deap": "datasets",
    "load_dreamer": "datasets",
    "load_eegmat": "datasets",
    "load_model": "persistence",
    "load_seed": "datasets",
    "make_models": "pipelines",
    "save_model": "persistence",
}

__all__ = [
    "BraindecodeClassifier",
    "ChannelPicker",
    "MSiMambaClassifier",
    "SlidingWindows",
    "StreamDecoder",
    "Trials",
    "WindowVotingClassifier",
    "compare",
    "evaluate",
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
        if name in _SUBPACKAGES:
            return importlib.import_module(f".{name}", __name__)
        if name in _DEFINED_IN:
            return getattr(importlib.import_module(f".{_DEFINED_IN[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_SUBPACKAGES, "__version__"])
