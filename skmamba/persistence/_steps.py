"""Fitted steps taken apart into plain things, and put together again."""

from __future__ import annotations

import inspect
from typing import Any

import sklearn
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..classifiers import BraindecodeClassifier, MSiMambaClassifier
from ..preprocessing import (
    BandPower,
    ChannelPicker,
    EuclideanAlignment,
    SequentialChannelSelector,
    SlidingWindows,
)
from ._plain import pack, unpack

TRANSFORMERS = (
    BandPower,
    ChannelPicker,
    SequentialChannelSelector,
    EuclideanAlignment,
    SlidingWindows,
)
CLASSIFIERS = (BraindecodeClassifier, MSiMambaClassifier)
# All that a card can bring to life.
CLASSES = {cls.__name__: cls for cls in (*TRANSFORMERS, *CLASSIFIERS)}
# What a step holds besides parameters and names that end in an underscore.
HIDDEN = {"_saved_net", "_sklearn_output_config"}
ROUTED = ("fit", "partial_fit", "transform", "predict", "predict_proba", "score")
# A pipeline's memory is a folder of one machine, and fit's matter.
PIPELINE_OPTIONS = ("transform_input", "verbose")


def list_steps(estimator):
    """Name the steps of an estimator that can be saved.

    Parameters
    ----------
    estimator : Pipeline or classifier
        What the user has.

    Returns
    -------
    steps : list of (str, estimator)
        Its steps; a classifier is one step of its own.

    Raises
    ------
    TypeError
        If a step is none of ours, or the last one is no classifier.
    NotFittedError
        If a step is not fitted.
    """
    steps = estimator.steps if type(estimator) is Pipeline else [("classifier", estimator)]
    for name, step in steps:
        is_last = step is steps[-1][1]
        allowed = CLASSIFIERS if is_last else TRANSFORMERS
        if type(step) not in allowed:
            what = "The last step" if is_last else "A step before the last one"
            raise TypeError(
                f"{what} must be one of {', '.join(cls.__name__ for cls in allowed)}, got "
                f"{name!r}, {_type_of(step)}. Other estimators are a matter of joblib or skops."
            )
        check_is_fitted(step)
    return steps


def take_apart(estimator):
    """Describe a fitted estimator in plain things.

    Parameters
    ----------
    estimator : Pipeline or classifier
        As in :func:`list_steps`.

    Returns
    -------
    description : dict
        With ``pipeline`` and ``steps``, in what JSON can say.
    arrays : dict of str to ndarray
        All arrays of all steps, by step and name.

    Raises
    ------
    TypeError
        If something cannot be said, naming it.
    """
    arrays: dict[str, Any]
    arrays, options = {}, None
    steps = [_describe(name, step, arrays) for name, step in list_steps(estimator)]
    if type(estimator) is Pipeline:
        options = {name: getattr(estimator, name, None) for name in PIPELINE_OPTIONS}
        options = pack(options, "pipeline", arrays)
    return {"pipeline": options, "steps": steps}, arrays


def put_together(description, arrays):
    """Build the estimator that :func:`take_apart` described.

    Parameters
    ----------
    description : dict
        With ``pipeline`` and ``steps``.
    arrays : dict of str to ndarray
        All of them; empty afterwards.

    Returns
    -------
    estimator : Pipeline or classifier
        The fitted estimator.

    Raises
    ------
    ValueError
        If something does not fit, is missing, or is left over.
    """
    steps = [(step["name"], _build(step, arrays)) for step in description["steps"]]
    options = description["pipeline"]
    if options is not None:
        options = unpack(options, arrays)
        _refuse_unknown(options, PIPELINE_OPTIONS, "the pipeline", "options")
    if arrays:
        raise ValueError(f"weights hold the arrays {sorted(arrays)}, which no step asks for")
    return steps[0][1] if options is None else Pipeline(steps, **options)


def _describe(name, step, arrays):
    params = step.get_params(deep=False)
    state = step.__getstate__()
    fitted = {key: state[key] for key in sorted(state) if key not in params}
    requests = None
    if fitted.pop("_metadata_request", None) is not None:
        requests = _requests_of(step)
    for key in fitted:
        if not _is_fitted_name(key):
            raise TypeError(
                f"{name}.{key} is neither a parameter nor fitted, and would be lost: delete it."
            )

    def packed(things):
        return {key: pack(things[key], f"{name}.{key}", arrays) for key in things}

    return {
        "name": name,
        "class": type(step).__name__,
        "params": packed(params),
        "fitted": packed(fitted),
        "requests": requests,
    }


def _build(described, arrays):
    name, cls = described["name"], CLASSES.get(described["class"])
    if cls is None:
        raise ValueError(
            f"step {name!r} is of class {described['class']!r}, and only {', '.join(CLASSES)} are "
            "loaded"
        )
    params, fitted = (unpack(described[part], arrays) for part in ("params", "fitted"))
    _refuse_unknown(params, inspect.signature(cls).parameters, f"step {name!r}", "parameters")
    known = [key for key in fitted if _is_fitted_name(key)]
    _refuse_unknown(fitted, known, f"step {name!r}", "attributes")
    try:
        step = cls(**params)
        step.__setstate__({**step.get_params(deep=False), **fitted})
        check_is_fitted(step)
        _request(step, described["requests"] or {})
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"step {name!r} cannot be built: {error}") from error
    return step


def _is_fitted_name(name):
    """Whether a fitted step may have it: no method ends in an underscore, so none is covered."""
    return name in HIDDEN or (name.endswith("_") and not name.startswith("_"))


def _refuse_unknown(named, known, whose, what):
    unknown = sorted(set(named) - set(known))
    if unknown:
        raise ValueError(f"{whose} has the unknown {what} {', '.join(unknown)}")


def _requests_of(step):
    """Tell what metadata the methods of a step ask for."""
    routing = step.get_metadata_routing()
    asked = {method: getattr(routing, method).requests for method in ROUTED}
    return {method: dict(requests) for method, requests in asked.items() if requests}


def _request(step, requests):
    with sklearn.config_context(enable_metadata_routing=True):
        for method, asked in requests.items():
            if method not in ROUTED:
                raise ValueError(f"unknown method {method!r}")
            getattr(step, f"set_{method}_request")(**asked)


def _type_of(step):
    return f"a {type(step).__name__}" if not isinstance(step, str) else repr(step)
