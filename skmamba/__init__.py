"""MS-iMamba for EEG, as plain scikit-learn.

Names load on first use: ``import skmamba`` is instant and loads no torch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import classifiers as classifiers
    from . import datasets as datasets
    from . import evaluation as evaluation
    from . import inspection as inspection
    from . import modules as modules
    from . import plots as plots
    from . import preprocessing as preprocessing
    from . import registry as registry
    from . import report as report
    from . import rivals as rivals
    from . import saving as saving
    from . import streaming as streaming
    from . import trials as trials
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
    from .evaluation import (
        CrossSessionSplit,
        CrossStimulusSplit,
        CrossSubjectSplit,
        FirstTrialsSplit,
        LeakageWarning,
        RandomWindowsKFold,
        WithinSubjectSplit,
        compare,
        evaluate,
        leakage_gap,
        leakage_report,
        score_by_subject,
    )
    from .inspection import (
        attribute_input,
        channel_importance,
        electrode_failure,
        frequency_profile,
    )
    from .plots import (
        ChannelImportanceDisplay,
        ConfusionDisplay,
        ElectrodeFailureDisplay,
        FrequencyDisplay,
        LeakageDisplay,
        ScoresDisplay,
        TrainingCurveDisplay,
    )
    from .preprocessing import (
        BandPower,
        ChannelPicker,
        ChannelSelector,
        EuclideanAlignment,
        SlidingWindows,
    )
    from .registry import list_models, make_models
    from .report import to_latex, write_report
    from .saving import (
        SavedModel,
        load_model,
        pull_from_hub,
        push_to_hub,
        save_model,
        to_onnx,
    )
    from .streaming import StreamDecoder
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
    "BandPower": "preprocessing",
    "ChannelPicker": "preprocessing",
    "ChannelSelector": "preprocessing",
    "EuclideanAlignment": "preprocessing",
    "SlidingWindows": "preprocessing",
    "BraindecodeClassifier": "classifiers",
    "MSiMambaClassifier": "classifiers",
    "WindowVotingClassifier": "classifiers",
    "CrossSessionSplit": "evaluation",
    "CrossStimulusSplit": "evaluation",
    "CrossSubjectSplit": "evaluation",
    "FirstTrialsSplit": "evaluation",
    "LeakageWarning": "evaluation",
    "RandomWindowsKFold": "evaluation",
    "WithinSubjectSplit": "evaluation",
    "compare": "evaluation",
    "evaluate": "evaluation",
    "leakage_gap": "evaluation",
    "leakage_report": "evaluation",
    "score_by_subject": "evaluation",
    "attribute_input": "inspection",
    "channel_importance": "inspection",
    "electrode_failure": "inspection",
    "frequency_profile": "inspection",
    "ChannelImportanceDisplay": "plots",
    "ConfusionDisplay": "plots",
    "ElectrodeFailureDisplay": "plots",
    "FrequencyDisplay": "plots",
    "LeakageDisplay": "plots",
    "ScoresDisplay": "plots",
    "TrainingCurveDisplay": "plots",
    "list_models": "registry",
    "make_models": "registry",
    "SavedModel": "saving",
    "load_model": "saving",
    "pull_from_hub": "saving",
    "push_to_hub": "saving",
    "save_model": "saving",
    "to_onnx": "saving",
    "StreamDecoder": "streaming",
    "to_latex": "report",
    "write_report": "report",
}
_ROOMS = (
    "classifiers",
    "datasets",
    "evaluation",
    "inspection",
    "modules",
    "plots",
    "preprocessing",
    "registry",
    "report",
    "rivals",
    "saving",
    "streaming",
    "trials",
)

__all__ = [
    "BandPower",
    "BraindecodeClassifier",
    "ChannelImportanceDisplay",
    "ChannelPicker",
    "ChannelSelector",
    "ConfusionDisplay",
    "CrossSessionSplit",
    "CrossStimulusSplit",
    "CrossSubjectSplit",
    "DataFormatError",
    "ElectrodeFailureDisplay",
    "EuclideanAlignment",
    "FirstTrialsSplit",
    "FrequencyDisplay",
    "LeakageDisplay",
    "LeakageWarning",
    "MSiMambaClassifier",
    "RandomWindowsKFold",
    "SavedModel",
    "ScoresDisplay",
    "SlidingWindows",
    "StreamDecoder",
    "TrainingCurveDisplay",
    "Trials",
    "WindowVotingClassifier",
    "WithinSubjectSplit",
    "attribute_input",
    "channel_importance",
    "compare",
    "electrode_failure",
    "evaluate",
    "frequency_profile",
    "leakage_gap",
    "leakage_report",
    "list_models",
    "load_deap",
    "load_dreamer",
    "load_eegmat",
    "load_model",
    "load_seed",
    "load_seed_iv",
    "make_models",
    "pull_from_hub",
    "push_to_hub",
    "save_model",
    "score_by_subject",
    "simulate_trials",
    "to_latex",
    "to_onnx",
    "write_fake_deap",
    "write_fake_dreamer",
    "write_fake_seed",
    "write_fake_seed_iv",
    "write_report",
]


if not TYPE_CHECKING:  # or a type checker would take any name for one of ours

    def __getattr__(name):
        if name in _ROOMS:
            return importlib.import_module(f".{name}", __name__)
        if name in _HOMES:
            return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_ROOMS, "__version__"])
