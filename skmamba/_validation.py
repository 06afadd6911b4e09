"""Argument validation, random-state helpers and rollback of a failed fit."""

import contextlib
import math
import secrets
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import check_array, check_random_state, column_or_1d, gen_batches
from sklearn.utils.multiclass import check_classification_targets

ADAPTATIONS = ("reference", "causal", "unlabelled")  # unlabelled EEG of a test subject
BATCH_SIZE = 8  # trials that are read at once
MAX_WORKERS = 512  # threads or processes; many more can crash Python


def as_labels(y):
    """Return labels, or ratings, as an array in which missing ones are NaN."""
    if isinstance(y, np.ma.MaskedArray):
        raise ValueError("y must not be a masked array: pass NaN or None for missing labels.")
    try:
        labels = np.asarray(y)
        if labels.dtype.kind in "iuf":  # pandas requires the byte order of the machine
            labels = labels.astype(labels.dtype.newbyteorder("="), copy=False)
        if labels.dtype.kind == "U" and not hasattr(y, "dtype"):  # NumPy makes None and NaN text
            entries = np.asarray(y, dtype=object)
            labels = labels if all(isinstance(entry, str) for entry in entries.flat) else entries
        has_text = labels.dtype.kind == "U"
        if labels.dtype.kind in "OT" and labels.ndim:  # T: StringDType
            labels = labels.astype(object)
            labels[pd.isna(labels)] = np.nan
            has_text = any(isinstance(entry, str) for entry in labels.flat)
            labels = labels if has_text else np.array(labels.tolist())
    except ValueError as error:
        raise ValueError(f"y must have one label or row of ratings per trial: {error}") from error
    if not labels.ndim:
        raise ValueError(f"y must have one entry per trial, got {labels.tolist()!r}.")
    kinds = "UO" if has_text and labels.ndim == 1 else "biuf"
    if labels.ndim > 2 or 0 in labels.shape[1:] or labels.dtype.kind not in kinds:
        raise ValueError(
            "y must be text or numbers of shape (n_trials,), or numbers of shape (n_trials, "
            f"n_targets), got {labels.dtype} of shape {labels.shape}."
        )
    return labels


def check_int(name, value, minimum=1, maximum=math.inf):
    """Raise ValueError unless the value is an integer from the minimum to the maximum."""
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or not minimum <= value <= maximum:
        limit = "" if maximum == math.inf else f" and at most {maximum}"
        raise ValueError(f"{name} must be an integer of at least {minimum}{limit}, got {value!r}.")


def check_number(name, value, *, zero=False, negative=False):
    """Raise ValueError unless the value is a finite number above 0, or 0 or negative if allowed."""
    is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not (value > 0 or negative or (value == 0 and zero)):
        kind = "finite" if negative else "non-negative" if zero else "positive"
        raise ValueError(f"{name} must be a {kind} number, got {value!r}.")


def check_fraction(name, value, *, zero=False, one=False):
    """Raise ValueError unless the value is a number above 0 and below 1, or these if allowed."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not (0 < value < 1 or (value == 0 and zero) or (value == 1 and one)):
        lower, upper = "of at least" if zero else "above", "at most" if one else "below"
        raise ValueError(f"{name} must be a number {lower} 0 and {upper} 1, got {value!r}.")


def check_bool(name, value):
    """Raise ValueError unless the value is True or False; "False" would be true."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {value!r}.")


def check_option(name, value, options):
    """Raise ValueError unless the value is one of the given strings."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}.")


def check_is_given(y, estimator):
    """Raise ValueError if y is None, in the words of scikit-learn's estimator checks."""
    if y is None:
        name = type(estimator).__name__
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")


def check_labels(y, estimator):
    """Validate labels and return them as a vector."""
    check_is_given(y, estimator)
    is_missing = pd.isna(np.asarray(y, dtype=object))  # first: an array of text has "nan"
    y = column_or_1d(y, warn=True)
    y = y.astype(object) if y.dtype.kind == "T" else y  # NumPy's StringDType
    if is_missing.any() or (y.dtype.kind == "f" and not np.isfinite(y).all()):
        raise ValueError("Input y contains NaN, None or infinity.")
    try:
        check_classification_targets(y)
    except TypeError as error:  # text and numbers are not ordered
        raise ValueError(f"y must have labels of one type, text or numbers: {error}.") from error
    return y


def check_trial_labels(y, *, ratings=False):
    """Raise ValueError unless y has a label, or a rating of one target, of every trial.

    Labels must be of two or more classes.
    """
    n_missing = pd.isna(y).sum()
    if n_missing:
        raise ValueError(
            f"trials.y must have a label or rating of every trial, got {n_missing} missing: select "
            f"the others, as in trials[~pd.isna(trials.y){'.any(axis=1)' if y.ndim > 1 else ''}]."
        )
    if y.ndim != 1:
        raise ValueError(
            f"trials.y must have one target, shape (n_trials,), got {y.shape}: select one, as in "
            "dataclasses.replace(trials, y=trials.y[:, 0])."
        )
    if not ratings:
        _check_classes(y)
    elif y.dtype.kind not in "biuf" or not np.isfinite(y).all():
        raise ValueError("trials.y must be finite numbers for regressors, got others.")


def _check_classes(y):
    """Raise ValueError unless y has labels of two or more classes."""
    if y.dtype == object and not all(isinstance(label, str) for label in y):
        raise ValueError("trials.y must have labels of one type, text or numbers, got both.")
    values = np.unique(y).tolist()
    is_label = [not isinstance(value, float) or value.is_integer() for value in values]
    if len(values) < 2 or not all(is_label):
        shown = [*map(repr, values[:5]), *["..."] * (len(values) > 5)]
        raise ValueError(
            "trials.y must have labels, text or whole numbers, of at least two classes for "
            f"classifiers, got {', '.join(shown) or 'none'}."
        )


def check_finite(X):
    """Validate X of three or more dimensions, a Selection in parts; errors locate the first NaN."""
    try:
        if hasattr(X, "as_bags"):
            for rows in gen_batches(max(len(X), 1), BATCH_SIZE):
                check_array(X.take(rows).gather(), allow_nd=True, input_name="X")
            return X
        return check_array(X, allow_nd=True, input_name="X")
    except ValueError as error:
        if "NaN" not in str(error) and "infinity" not in str(error):
            raise ValueError(f"X is invalid: {error}") from error
        for trial, values in enumerate(X.gather() if hasattr(X, "as_bags") else X):
            invalid = np.argwhere(~np.isfinite(np.asarray(values, dtype=float)))
            if len(invalid):
                raise ValueError(
                    "Input X contains NaN or infinity, first in "
                    f"trial {trial}, channel {invalid[0][-2]}."
                ) from error
        raise


def as_numbers(values, name, shape):
    """Return EEG as an array of real numbers; ``shape`` is the required one, for the error."""
    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(f"{name} must not be a masked array, whose mask would be ignored.")
    try:
        array = np.asarray(values)
    except ValueError as error:  # lists of different lengths, mne.io.Raw
        hint = ': pass raw.get_data(units="uV")' if hasattr(values, "get_data") else ""
        raise ValueError(
            f"{name} must be an array of shape {shape}, got {type(values).__name__}{hint}."
        ) from error
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be real numbers, got {array.dtype}.")
    return array


def check_equal_shapes(X):
    """Raise ValueError if a list of trials has trials of different shapes."""
    if isinstance(X, (list, tuple)) and len({np.shape(x) for x in X if hasattr(x, "shape")}) > 1:
        shapes = ", ".join(map(str, dict.fromkeys(map(np.shape, X))))
        raise ValueError(
            f"X must have trials of equal shape, got {shapes}. Crop them to one length first, "
            "such as [x[:, -n_times:] for x in X]."
        )


def check_reference(reference, n_channels=None, n_times=1, *, constant=False):
    """Validate the reference of one subject, which may be constant if allowed; return an array."""
    reference = as_numbers(reference, "reference", f"({n_channels or 'n_channels'}, n_times)")
    shape = reference.shape
    if len(shape) != 2 or shape[0] != (n_channels or shape[0]) or shape[1] < n_times:
        length = f" and at least {n_times} samples" if n_times > 1 else ""
        raise ValueError(
            f"reference must have shape ({n_channels or 'n_channels'}, n_reference_times){length}, "
            f"got {shape}."
        )
    reference = check_array(reference, dtype=None, input_name="reference")
    if not constant and not np.ptp(reference, axis=1).any():
        raise ValueError(
            f"reference must not be constant in all channels, got {shape[1]} equal samples."
        )
    return reference


def check_is_no_single_trial(X, n_channels):
    """Raise ValueError if a 2-D X is one trial of that many channels."""
    shape: tuple = getattr(X, "shape", ())
    if len(shape) == 2 and shape[0] == n_channels != shape[1]:
        raise ValueError(
            f"X must have shape (n_trials, n_channels, n_times), got {shape}: pass X[None] for a "
            "single trial."
        )


def make_random_state(random_state):
    """Return a RandomState; None draws fresh entropy and leaves NumPy's global state untouched."""
    try:
        return check_random_state(secrets.randbits(32) if random_state is None else random_state)
    except ValueError as error:
        raise ValueError(
            "random_state must be an integer from 0 to 2**32 - 1, a RandomState or None, got "
            f"{random_state!r}."
        ) from error


def draw_seed(random_state):
    """Return an integer seed drawn from ``random_state``."""
    return int(make_random_state(random_state).randint(2**31 - 1))


@contextlib.contextmanager
def restore_on_error(estimator):
    """Restore the attributes of an estimator if the block raises."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
