"""Protocols, leakage checks, evaluation and statistics."""

from .._results import EvaluationResults, score_by_subject
from .._scoring import concordance_correlation
from .evaluate import evaluate
from .leakage import leakage_gap, leakage_report
from .splitters import (
    CrossSessionSplit,
    CrossStimulusSplit,
    CrossSubjectSplit,
    FirstTrialsSplit,
    LeakageWarning,
    PriorShiftSplit,
    RandomWindowsKFold,
    WithinSubjectSplit,
)
from .statistics import compare

__all__ = [
    "CrossSessionSplit",
    "CrossStimulusSplit",
    "CrossSubjectSplit",
    "EvaluationResults",
    "FirstTrialsSplit",
    "LeakageWarning",
    "PriorShiftSplit",
    "RandomWindowsKFold",
    "WithinSubjectSplit",
    "compare",
    "concordance_correlation",
    "evaluate",
    "leakage_gap",
    "leakage_report",
    "score_by_subject",
]
