"""Scores of predictions that are already computed."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    cohen_kappa_score,
    f1_score,
    get_scorer,
    get_scorer_names,
    log_loss,
    make_scorer,
    roc_auc_score,
)
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.metaestimators import available_if

DEFAULT_SCORING = ("accuracy", "balanced_accuracy", "kappa", "f1", "roc_auc")
RATING_SCORING = ("r2", "neg_mean_absolute_error", "ccc")
RESERVED = tuple(  # columns of results, which a score would replace
    "dataset protocol estimator kind adaptation fold held_out subject n_train n_test n_classes "
    "fit_seconds predict_seconds random_state seed data error versions".split()
)


@dataclass
class FixedPredictions(BaseEstimator):
    """Classifier, or regressor if classes_ is None, of given predictions; X are row indices."""

    classes_: np.ndarray | None
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor" if self.classes_ is None else "classifier"
        return tags


def concordance_correlation(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    r"""Compute Lin's concordance correlation coefficient (CCC).

    Unlike Pearson's correlation, it is lower if predictions have another mean or spread than the
    ratings.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_trials,) or (n_trials, n_targets)
        Ratings and their predictions.

    Returns
    -------
    ccc : float
        From -1 to 1, which is reached by equal values only; the mean over targets. 0 if one of the
        two is constant, NaN if both have the same constant or there is one trial.

    Raises
    ------
    ValueError
        If shapes differ, or values are missing or infinite.

    Notes
    -----
    With means, variances and the covariance of both, divided by n, the coefficient is

    .. math:: \frac{2 s_{xy}}{s_x^2 + s_y^2 + (m_x - m_y)^2},

    as defined in [1]_.

    References
    ----------
    .. [1] L. I. Lin, "A concordance correlation coefficient to evaluate reproducibility",
       Biometrics 45, 1989, doi:10.2307/2532051.

    Examples
    --------
    >>> from skmamba.evaluation import concordance_correlation
    >>> concordance_correlation([1, 2, 3, 4], [1, 2, 3, 4])
    1.0
    >>> concordance_correlation([1, 2, 3, 4], [2, 3, 4, 5])  # shifted
    0.714...
    """
    x, y = (
        check_array(values, ensure_2d=False, dtype=float, input_name=name)
        for name, values in (("y_true", y_true), ("y_pred", y_pred))
    )
    check_consistent_length(x, y)
    if x.shape != y.shape:
        raise ValueError(f"y_pred must have the shape of y_true, {x.shape}, got {y.shape}.")
    if len(x) < 2:
        return np.nan
    covariance = ((x - x.mean(0)) * (y - y.mean(0))).mean(0)
    total = x.var(0) + y.var(0) + (x.mean(0) - y.mean(0)) ** 2
    with np.errstate(invalid="ignore"):
        return float(np.mean(2 * covariance / total))


def _roc_auc(predictions, rows, y):
    """Area under the ROC curve, one class against the rest; NaN if y lacks a class."""
    classes = predictions.classes_
    if not np.array_equal(np.unique(y), classes):
        return np.nan
    if predictions.proba is not None:
        proba = predictions.predict_proba(rows)
        y_score = proba[:, 1] if len(classes) == 2 else proba
        return roc_auc_score(y, y_score, multi_class="ovr", labels=classes)
    if predictions.decision is not None:  # of two classes
        return roc_auc_score(y, predictions.decision_function(rows))
    return np.nan


def _kappa(y, y_pred):
    """Cohen's kappa; NaN if y has one class, where it is 0 / 0 or, with any error, 0."""
    return cohen_kappa_score(y, y_pred) if len(np.unique(y)) > 1 else np.nan


def _macro_f1(y, y_pred):
    """Macro F1; NaN if y has one class, where it is 1 or, with any error, at most 0.5."""
    is_defined = len(np.unique(y)) > 1
    return f1_score(y, y_pred, average="macro", zero_division=0) if is_defined else np.nan


def _make_probability_scorer(loss):
    """Return a scorer, the negative loss of probabilities, which also scores y of one class."""

    def score(predictions, rows, y):
        proba = predictions.predict_proba(rows)
        total = proba.sum(1, keepdims=True)  # of float32, with rounding errors
        proba = proba / np.where(np.isclose(total, 1, atol=1e-5), total, 1)
        return -loss(y, proba, labels=predictions.classes_)

    return score


SCORERS = {
    "accuracy": make_scorer(accuracy_score),
    "balanced_accuracy": make_scorer(balanced_accuracy_score),
    "kappa": make_scorer(_kappa),
    "f1": make_scorer(_macro_f1),
    "roc_auc": _roc_auc,
    "neg_log_loss": _make_probability_scorer(log_loss),
    "neg_brier_score": _make_probability_scorer(brier_score_loss),
    "ccc": make_scorer(concordance_correlation),
}


def check_scoring(scoring, ratings=False):
    """Return scorers by name, from names, a dict of names and functions, or None for defaults."""
    if scoring is None:
        scoring = RATING_SCORING if ratings else DEFAULT_SCORING
    if isinstance(scoring, str):
        scoring = [scoring]
    names = list(scoring) if isinstance(scoring, Iterable) else []
    if not names or not all(isinstance(name, str) for name in names) or {*names} & {*RESERVED}:
        raise ValueError(
            "scoring must be one or more names of scores, or a dict from names to scores, other "
            f"than columns of results such as 'fold', got {scoring!r}."
        )
    if not isinstance(scoring, Mapping):
        scoring = {str(name): name for name in names}
    scorers = {name: _find_scorer(scorer) for name, scorer in scoring.items()}
    for name, scorer in scorers.items():
        if name in [*SCORERS, *get_scorer_names()] and str(scorer) != str(_find_scorer(name)):
            raise ValueError(
                f"scoring must use the name {name!r} for that score only, got {scorer!r}."
            )
    return scorers


def _find_scorer(scorer):
    if callable(scorer):
        return scorer
    if scorer in SCORERS:
        return SCORERS[scorer]
    names = get_scorer_names()
    if scorer in names:
        return get_scorer(scorer)
    near = get_close_matches(str(scorer), [*SCORERS, *names], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise ValueError(
        f"scoring must name scores such as {', '.join(SCORERS)}, or scorers of scikit-learn, "
        f"got {scorer!r}{hint}"
    )


def score_predictions(scorers, predictions, y):
    """Return every score of the predictions, NaN where it is undefined or failed."""
    rows = np.arange(len(y))
    # A fold may lack a class; scores that are undefined then are NaN.
    with warnings.catch_warnings(action="ignore", category=UndefinedMetricWarning):
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        warnings.filterwarnings("ignore", "A single label was found")
        return {
            name: _score(name, scorer, predictions, rows, y) for name, scorer in scorers.items()
        }


def _score(name, scorer, predictions, rows, y):
    """Return one score, or NaN with a warning, so that a failed scorer does not lose the fits."""
    try:
        return float(scorer(predictions, rows, y))
    except Exception as error:  # a scorer is the user's code
        warnings.warn(
            f"{name} is nan because it raised {type(error).__name__}: {error}", stacklevel=4
        )
        return np.nan
