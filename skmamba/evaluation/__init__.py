"""Results that can be trusted: protocols, leaks, evaluation that resumes, statistics."""

from .._results import EvaluationResults
from ._evaluate import evaluate, score_by_subject
from ._leakage import leakage_report
from ._leakage_gap import leakage_gap
from ._splitters import (
    CrossSessionSplit,
    CrossStimulusSplit,
    CrossSubjectSplit,
    FirstTrialsSplit,
    LeakageWarning,
    RandomWindowsKFold,
    WithinSubjectSplit,
)
from ._statistics import compare

__all__ = [
    "CrossSessionSplit",
    "CrossStimulusSplit",
    "CrossSubjectSplit",
    "EvaluationResults",
    "FirstTrialsSplit",
    "LeakageWarning",
    "RandomWindowsKFold",
    "WithinSubjectSplit",
    "compare",
    "evaluate",
    "leakage_gap",
    "leakage_report",
    "score_by_subject",
]
