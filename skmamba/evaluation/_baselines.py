"""Seeds of estimators, and permuted labels for the chance level."""

import numpy as np
import pandas as pd
from sklearn.base import clone

from .._metadata import encode, encode_trials
from .._validation import check_int


def check_seed(random_state):
    """Return an integer seed; None draws fresh entropy without NumPy's global generator."""
    if random_state is None:
        return np.random.SeedSequence().entropy
    check_int("random_state", random_state, minimum=0)
    return int(random_state)


def fill_seeds(estimator, seed):
    """Return a clone with every ``random_state`` that is None set to the seed."""
    estimator = clone(estimator)
    missing = {
        name: seed
        for name, value in estimator.get_params(deep=True).items()
        if name.split("__")[-1] == "random_state" and value is None
    }
    return estimator.set_params(**missing)


def permute_labels(y, metadata, rng):
    """Permute labels among the trials of each subject; rows of one trial keep a common label.

    A subject that gets more trials of a class than before could be recognised by the model. Labels
    are permuted among all trials only if each subject has a single one.
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
