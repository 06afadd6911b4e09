"""Adaptation of fitted estimators to a new subject, by a reference or a few labelled trials."""

from __future__ import annotations

import copy
import warnings
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._scaling import find_flat
from ._steps import list_steps
from ._validation import check_reference
from .preprocessing import SlidingWindows
from .trials import Trials

__all__ = ["calibrate", "fine_tune"]

Estimator = TypeVar("Estimator")


def calibrate(estimator: Estimator, reference: ArrayLike) -> Estimator:
    """Return a copy of a fitted estimator for one subject, given a reference of the subject.

    The copy accepts arrays and streams of this subject, and requires neither labels nor other
    trials of the subject.

    Parameters
    ----------
    estimator : Pipeline, classifier, regressor, search or SavedModel
        Fitted, with a part that uses references: :class:`~skmamba.MSiMambaClassifier` with
        ``adaptation="reference"`` or ``"causal"``,
        :class:`~skmamba.preprocessing.SubjectWhitening` or
        :class:`~skmamba.preprocessing.EuclideanAlignment`.
    reference : array-like of shape (n_channels, n_reference_times)
        Unlabelled EEG of the subject, such as a minute of rest, with channels, unit and sampling
        rate as the trials in ``fit``.

    Returns
    -------
    calibrated : Pipeline, classifier, regressor or SavedModel
        Fitted copy; of a search, its best estimator.

    Raises
    ------
    ValueError
        If the estimator is not fitted or has no part that uses references, or the reference has
        other channels, is too short, is constant in all channels, or has NaN.

    Warns
    -----
    UserWarning
        If the reference is flat in a channel, or has another unit than the training data.

    See Also
    --------
    fine_tune : Adaptation by labelled trials.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows, calibrate
    >>> from skmamba.datasets import load_eegmat
    >>> trials = load_eegmat(reference=True)
    >>> clf = MSiMambaClassifier(adaptation="reference", max_epochs=1)
    >>> train, new = trials.select(subject=[7, 9]), trials.select(subject=5)
    >>> pipe = make_pipeline(SlidingWindows(2.0), clf).fit(train, train.y)
    >>> calibrate(pipe, new.reference[0]).predict_proba(new.X).shape
    (2, 2)
    """
    fitted: Any = getattr(estimator, "best_estimator_", estimator)
    if hasattr(fitted, "card"):  # a SavedModel
        return _replace(fitted, estimator=calibrate(fitted.estimator, reference))
    check_is_fitted(fitted)
    reference = check_reference(reference)
    parts = list_steps(fitted)
    if not any(map(_uses_reference, parts)):
        raise ValueError(
            "estimator must have a part that uses references, such as "
            "MSiMambaClassifier(adaptation='reference') or SubjectWhitening(), got "
            f"{', '.join(type(part).__name__ for part in parts)} without one."
        )
    calibrated = _calibrate_part(fitted, reference, [])
    picks = np.arange(len(reference))[getattr(parts[0], "picks_", slice(None))]
    flat = picks[find_flat(reference[picks])]
    if len(flat):
        names = getattr(parts[0], "ch_names_in_", None) or range(len(reference))
        warnings.warn(
            f"reference is flat in channel {', '.join(str(names[i]) for i in flat)}: check the "
            "electrode, since predictions depend on the reference.",
            stacklevel=2,
        )
    return calibrated


def fine_tune(
    estimator: Estimator,
    X: Trials | ArrayLike,
    y: ArrayLike,
    *,
    parts: Literal["head", "all"] = "head",
    max_epochs: int = 20,
    lr: float | None = None,
) -> Estimator:
    """Return a copy of a fitted estimator, trained further on a few trials of a new subject.

    Parameters
    ----------
    estimator : Pipeline, classifier, regressor, search or SavedModel
        Fitted, with :class:`~skmamba.MSiMambaClassifier`, :class:`~skmamba.BraindecodeClassifier`
        or the regressor of either as last step. The other steps are not changed.
    X : Trials or array-like of shape (n_trials, n_channels, n_times)
        Trials, as in ``fit``.
    y : array-like of shape (n_trials,) or (n_trials, n_targets)
        Labels, among those in ``fit``; for a regressor, ratings of the same targets.
    parts : {"head", "all"}, default="head"
        Weights that are trained. ``"head"``: the last layer, by logistic regression on its input
        (for ratings, linear regression with the loss of the regressor), with a normal prior centred
        on the fitted weights, so that few trials change them little (ours).
        ``"all"``: all weights, as in ``fit`` at a small learning rate.
    max_epochs : int, default=20
        Number of passes over the windows; for ``"head"``, of iterations of L-BFGS.
    lr : float, default=None
        Learning rate of ``"all"``; None is a tenth of that in ``fit``.

    Returns
    -------
    tuned : Pipeline, classifier, regressor or SavedModel
        Fitted copy; of a search, its best estimator.

    Raises
    ------
    ValueError
        If labels are unknown, or the last step is not such a classifier.

    See Also
    --------
    calibrate : Adaptation by unlabelled EEG.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows, fine_tune
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=8)
    >>> train, new = trials.select("subject > 0"), trials.select(subject=0)
    >>> clf = MSiMambaClassifier(max_epochs=2, random_state=0)
    >>> pipe = make_pipeline(SlidingWindows(1.0), clf).fit(train, train.y)
    >>> fine_tune(pipe, new[:4], new.y[:4]).predict(new[4:]).shape
    (4,)
    """
    options: dict[str, Any] = {"parts": parts, "max_epochs": max_epochs, "lr": lr}
    fitted: Any = getattr(estimator, "best_estimator_", estimator)
    if hasattr(fitted, "card"):  # a SavedModel
        X = fitted._prepare(X)
        return _replace(fitted, estimator=fine_tune(fitted.estimator, X, y, **options))
    check_is_fitted(fitted)
    if isinstance(fitted, Pipeline):
        *steps, (name, last) = fitted.steps
        X = copy.deepcopy(fitted[:-1]).transform(X) if steps else X  # may store calibrations
        return _replace(fitted, steps=[*steps, (name, fine_tune(last, X, y, **options))])
    if not hasattr(fitted, "fine_tune"):
        raise ValueError(
            "estimator must end in MSiMambaClassifier or BraindecodeClassifier, got "
            f"{type(fitted).__name__}."
        )
    return fitted.fine_tune(X, y, **options)


def _calibrate_part(part, reference, before):
    """Return a calibrated copy of a part; add a transformer to ``before``, the preceding ones.

    SlidingWindows is left out: references are not cut into windows here.
    """
    part = getattr(part, "best_estimator_", part)
    if isinstance(part, Pipeline):
        steps = [(name, _calibrate_part(step, reference, before)) for name, step in part.steps]
        return _replace(part, steps=steps)
    if _uses_reference(part):
        for step in before:
            reference = step.transform(reference[None])[0]
        part = part.for_subject(reference)
    if hasattr(part, "transform") and not isinstance(part, SlidingWindows):
        before.append(part)
    return part


def _uses_reference(part):
    """Return whether a part uses the reference of a subject."""
    return hasattr(part, "for_subject") and part.adaptation is not None


def _replace(fitted, **attributes):
    """Return a copy of a fitted pipeline or SavedModel with other attributes."""
    changed = copy.copy(fitted)
    vars(changed).update(attributes)
    return changed
