"""Conversion of fitted estimators to JSON values and named arrays, and back."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from sklearn.base import RegressorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .. import preprocessing
from ..classifiers import (
    BraindecodeClassifier,
    BraindecodeRegressor,
    MSiMambaClassifier,
    MSiMambaRegressor,
)
from ._limits import ERRORS, MAX_LABEL_BYTES, check_requests, limit_network

NETWORKS = (BraindecodeClassifier, BraindecodeRegressor, MSiMambaClassifier, MSiMambaRegressor)
TRANSFORMERS = tuple(getattr(preprocessing, name) for name in preprocessing.__all__)
# Loading instantiates these classes only.
CLASSES = {cls.__name__: cls for cls in (*TRANSFORMERS, *NETWORKS)}
# State of a step that is neither a parameter nor a fitted attribute with a trailing underscore.
PRIVATE_STATE = {"_saved_net", "_sklearn_output_config"}
PIPELINE_OPTIONS = ("transform_input", "verbose")  # without memory, a folder of one machine
ROUTED_METHODS = ("fit", "partial_fit", "transform", "predict", "predict_proba", "score")
# Types that JSON lacks, as an object of one entry: tag, type, conversion to and from JSON types.
TAGGED: Any = (
    ("$tuple", tuple, list, tuple),
    ("$slice", slice, lambda s: [s.start, s.stop, s.step], lambda items: slice(*items)),
    ("$table", pd.DataFrame, lambda t: {name: t[name].to_numpy() for name in t}, pd.DataFrame),
)


def get_steps(estimator):
    """Return the (name, estimator) pairs of a fitted pipeline or network that can be saved."""
    if hasattr(estimator, "card"):
        raise TypeError("estimator must not be a SavedModel: pass its attribute 'estimator'.")
    name = "regressor" if isinstance(estimator, RegressorMixin) else "classifier"
    steps = estimator.steps if type(estimator) is Pipeline else [(name, estimator)]
    for name, step in steps:
        allowed = NETWORKS if step is steps[-1][1] else TRANSFORMERS
        if type(step) not in allowed:
            raise TypeError(
                f"Step {name!r} must be an instance of {', '.join(c.__name__ for c in allowed)}, "
                f"got {step!r}. Use joblib or skops for others; of a search, save best_estimator_."
            )
        check_is_fitted(step)
    return steps


def serialize_estimator(estimator):
    """Return the JSON values ``pipeline`` and ``steps`` of an estimator, and its arrays by name."""
    arrays: dict[str, Any] = {}
    options = None
    steps = [_serialize_step(name, step, arrays) for name, step in get_steps(estimator)]
    if type(estimator) is Pipeline:
        options = {name: getattr(estimator, name) for name in PIPELINE_OPTIONS}
        options = encode(options, "pipeline", arrays)
    return {"pipeline": options, "steps": steps}, arrays


def deserialize_estimator(card, arrays):
    """Return the fitted estimator of a card; raise ValueError if arrays are missing or unused."""
    arrays = dict(arrays)
    check_requests(card["steps"])
    steps = [(step["name"], _deserialize_step(step, arrays)) for step in card["steps"]]
    options = decode(card["pipeline"], arrays)
    if arrays:
        raise ValueError(f"no step uses the arrays {sorted(arrays)}")
    if options is None:
        return steps[0][1]
    return Pipeline(steps, **{name: options[name] for name in PIPELINE_OPTIONS})


def encode(value, name, arrays):
    """Return a value as JSON types; add its numeric arrays to ``arrays`` by their path in it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [encode(item, f"{name}[{i}]", arrays) for i, item in enumerate(value)]
    if isinstance(value, dict):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {str(key): encode(value[key], f"{name}.{key}", arrays) for key in value}
        return {"$dict": encode(list(map(list, value.items())), name, arrays)}
    if isinstance(value, np.ndarray):
        return _encode_array(value, name, arrays)
    for tag, cls, to_json_types, _ in TAGGED:
        if isinstance(value, cls):
            return {tag: encode(to_json_types(value), name, arrays)}
    raise TypeError(
        f"{name} must consist of numbers, strings, lists, tuples, dicts, arrays and DataFrames to "
        f"be saved, got {value!r} of type {type(value).__name__}."
    )


def decode(encoded, arrays):
    """Return the value that :func:`encode` converted; remove its arrays from ``arrays``."""
    if isinstance(encoded, list):
        return [decode(item, arrays) for item in encoded]
    if not isinstance(encoded, dict):
        return encoded
    tags = [key for key in encoded if key.startswith("$")]
    if not tags:
        return {key: decode(value, arrays) for key, value in encoded.items()}
    if len(encoded) > 1 or tags[0] not in _DECODERS:
        raise ValueError(f"unknown type {tags[0]!r}")
    return _DECODERS[tags[0]](encoded[tags[0]], arrays)


def to_plain_json(value, name):
    """Return notes as JSON without tags: tuples as lists, keys as strings, NaN as null."""
    if isinstance(value, pd.DataFrame):
        has_names = not isinstance(value.index, pd.RangeIndex)  # such as those of the models
        value = (value.reset_index() if has_names else value).to_dict("records")
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): to_plain_json(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain_json(item, f"{name}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return encode(value, name, {})


def _serialize_step(name, step, arrays):
    params = step.get_params(deep=False)
    state = step.__getstate__()
    fitted = {key: state[key] for key in sorted(state.keys() - params.keys())}
    requests = {}
    if fitted.pop("_metadata_request", None) is not None:
        routing = step.get_metadata_routing()
        requests = {method: getattr(routing, method).requests for method in ROUTED_METHODS}
    for key in fitted:
        if not _is_fitted_attribute(key):
            raise TypeError(
                f"{name}.{key} must be a parameter or end in an underscore to be saved: delete it."
            )
    return {
        "name": name,
        "class": type(step).__name__,
        "params": encode(params, name, arrays),
        "fitted": encode(fitted, name, arrays),
        "requests": {method: dict(names) for method, names in requests.items() if names},
    }


def _deserialize_step(serialized, arrays):
    name, cls = serialized["name"], CLASSES.get(serialized["class"])
    if cls is None:
        raise ValueError(
            f"the class of step {name!r} must be one of {', '.join(CLASSES)}, got "
            f"{serialized['class']!r}"
        )
    params, fitted = (decode(serialized[key], arrays) for key in ("params", "fitted"))
    unknown = [key for key in fitted if not _is_fitted_attribute(key)]
    if unknown:
        raise ValueError(f"attributes of step {name!r} must end in an underscore, got {unknown}")
    try:
        step = cls(**params)
        state = {**step.get_params(deep=False), **fitted}
        with limit_network(step, fitted) if "_saved_net" in fitted else contextlib.nullcontext():
            step.__setstate__(state)
        check_is_fitted(step)
        with sklearn.config_context(enable_metadata_routing=True):
            for method, requests in serialized["requests"].items():
                getattr(step, f"set_{method}_request")(**requests)
    except ERRORS as error:
        raise ValueError(f"step {name!r} cannot be built: {error}") from error
    return step


def _is_fitted_attribute(name):
    """Return whether a name may be restored; methods have no trailing underscore."""
    return name in PRIVATE_STATE or (name.endswith("_") and not name.startswith("_"))


def _encode_array(array, name, arrays):
    """Move a numeric array to ``arrays``; return strings and objects as JSON."""
    if array.dtype.kind in "UO":
        values = encode(array.ravel().tolist(), name, arrays)
        return {"$labels": [array.dtype.str, list(array.shape), values]}
    if array.dtype.kind not in "bfiu" or array.dtype.itemsize > 8:
        raise TypeError(f"{name} must be text, or numbers of at most 64 bits, got {array.dtype}.")
    if name in arrays:
        raise ValueError(f"{name} must be the name of one array, got two: rename a step.")
    arrays[name] = np.asarray(array, order="C")
    return {"$array": name}


def _decode_labels(content, arrays):
    dtype, shape, values = content
    dtype = np.dtype(str(dtype))
    if dtype.kind not in "UO" or dtype.itemsize * len(values) > MAX_LABEL_BYTES:
        raise ValueError(f"labels must be strings or objects, got {len(values)} of {dtype}")
    return np.fromiter(decode(values, arrays), dtype).reshape(shape)


_DECODERS: Any = {
    "$float": lambda text, arrays: {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[text],
    "$dict": lambda items, arrays: dict(decode(items, arrays)),
    "$array": lambda name, arrays: arrays.pop(name),
    "$labels": _decode_labels,
    **{
        tag: lambda items, arrays, restore=restore: restore(decode(items, arrays))
        for tag, _, _, restore in TAGGED
    },
}
