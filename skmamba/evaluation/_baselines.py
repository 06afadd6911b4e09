"""Seeds of estimators, and permuted labels for the chance level."""

import copy

import numpy as np
import pandas as pd
from sklearn.base import clone

from .._metadata import encode, encode_trials
from .._validation import check_int


def check_seed(random_state):
    """Return an integer seed; None draws fresh entropy without NumPy's global generator."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    check_int("random_state", random_state, minimum=0)
    return int(random_state)


def fill_seeds(estimator, seed):
    """Return a clone with the seed as every ``random_state`` of None, also inside searches."""
    estimator = clone(estimator)
    params = estimator.get_params(deep=True).items()
    seeded = {name: _fill(name.split("__")[-1], value, seed) for name, value in params}
    return estimator.set_params(
        **{name: seeded[name] for name, value in params if seeded[name] is not value}
    )


def _fill(name, value, seed):
    """Return the value of a parameter with seeds; the value itself if there is none to set."""
    if name == "random_state":
        return seed if value is None else value
    if hasattr(value, "get_n_splits") and not isinstance(value, type):
        parts = {key: _fill(key, part, seed) for key, part in vars(value).items()}
        if all(parts[key] is part for key, part in vars(value).items()):
            return value
        value = copy.copy(value)
        vars(value).update(parts)
    elif name in ("param_grid", "param_distributions"):
        return _fill_candidates(value, seed)
    return value


def _fill_candidates(value, seed):
    """Return the candidates of a search, in which estimators have seeds."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        return fill_seeds(value, seed)
    if isinstance(value, dict):
        return {name: _fill_candidates(part, seed) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_fill_candidates(part, seed) for part in value)
    return value


def permute_labels(y, metadata, rng):
    """Permute labels among the trials of each subject; rows of one trial keep a common label.

    This keeps the class frequencies of each subject, which a model that recognises subjects could
    learn. Labels are permuted among all trials only if each subject has a single one.
    """
    trial = np.arange(len(y))
    if "trial" in metadata:
        trial = pd.factorize(encode_trials(metadata, y)[0])[0]  # in order of appearance
    _, first = np.unique(trial, return_index=True)
    labels = y[first]
    subject = np.zeros(len(first), int)
    if "subject" in metadata:
        subject = pd.factorize(encode(metadata["subject"].iloc[first])[0])[0]
    permuted = labels.copy()
    for own in group_exchangeable(labels, subject):
        permuted[own] = rng.permutation(labels[own])
    return permuted[trial]


def group_exchangeable(labels, subject):
    """Return the indices of the trials among which labels are permuted, an array for each group."""
    by_subject = [np.flatnonzero(subject == code) for code in np.unique(subject)]
    if all(len(np.unique(labels[own])) == 1 for own in by_subject):
        return [np.arange(len(labels))]
    return by_subject
