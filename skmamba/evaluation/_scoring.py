"""Scores from answers: whatever scikit-learn can score, without fitting again."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    f1_score,
    get_scorer,
    get_scorer_names,
    make_scorer,
    roc_auc_score,
)
from sklearn.utils.metaestimators import available_if

DEFAULT_SCORING = ("accuracy", "balanced_accuracy", "kappa", "f1", "roc_auc")


@dataclass
class Answers(ClassifierMixin, BaseEstimator):
    """Stands for a fitted classifier before scorers; its X are places in the answers."""

    classes_: np.ndarray
    y_pred: np.ndarray
    proba: np.ndarray | None = None
    decision: np.ndarray | None = None

    def predict(self, rows):
        return self.y_pred[rows]

    @available_if(lambda self: self.proba is not None)
    def predict_proba(self, rows):
        return self.proba[rows]  # type: ignore[index]

    @available_if(lambda self: self.decision is not None)
    def decision_function(self, rows):
        return self.decision[rows]  # type: ignore[index]

    def __sklearn_is_fitted__(self):
        return True


def _roc_auc(answers, rows, y):
    """Area under the curve, one class against the rest; undefined where a class is missing."""
    if not np.array_equal(np.unique(y), answers.classes_):
        return np.nan
    if answers.proba is None:
        known = answers.decision is not None  # of two classes
        return roc_auc_score(y, answers.decision_function(rows)) if known else np.nan
    proba = answers.predict_proba(rows)
    if len(answers.classes_) == 2:
        return roc_auc_score(y, proba[:, 1])
    return roc_auc_score(y, proba, multi_class="ovr", labels=answers.classes_)


OWN_SCORES = {
    "accuracy": make_scorer(accuracy_score),
    "balanced_accuracy": make_scorer(balanced_accuracy_score),
    "kappa": make_scorer(cohen_kappa_score),
    "f1": make_scorer(f1_score, pos_label=None, average="macro", zero_division=0),
    "roc_auc": _roc_auc,
}


def check_scoring(scoring):
    """Scorers by name, from names of ours or of scikit-learn, or from functions."""
    if isinstance(scoring, str):
        scoring = [scoring]
    if not isinstance(scoring, Mapping):
        scoring = {name: name for name in scoring}
    if not scoring:
        raise ValueError("scoring must name at least one score, got none.")
    return {name: _find_scorer(scorer) for name, scorer in scoring.items()}


def _find_scorer(scorer):
    if callable(scorer):
        return scorer
    if scorer in OWN_SCORES:
        return OWN_SCORES[scorer]
    names = get_scorer_names()
    if scorer in names:
        return get_scorer(scorer)
    near = get_close_matches(str(scorer), [*OWN_SCORES, *names], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise ValueError(
        f"scoring must name scores such as {', '.join(OWN_SCORES)}, or scorers of scikit-learn, "
        f"got {scorer!r}{hint}"
    )


def score_answers(scorers, answers, y):
    """Every score of the answers, NaN where it is undefined."""
    rows = np.arange(len(y))
    with warnings.catch_warnings():
        # A fold may lack a class: the scores that it leaves undefined are NaN, which says enough.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        warnings.filterwarnings("ignore", "A single label was found")
        warnings.filterwarnings("ignore", "invalid value encountered")  # kappa of one class
        return {name: _score(name, scorer, answers, rows, y) for name, scorer in scorers.items()}


def _score(name, scorer, answers, rows, y):
    """One score; should it fail, hours of fits must not be lost with it."""
    try:
        return float(scorer(answers, rows, y))
    except Exception as error:  # scorers are anybody's
        warnings.warn(
            f"{name} is nan, since it failed: {type(error).__name__}: {error}", stacklevel=4
        )
        return np.nan
