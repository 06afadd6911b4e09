"""Seeds, and labels that mean nothing."""

from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.base import clone


def check_seed(random_state):
    """Return a seed, a fresh one for None; numpy's global generator is left alone."""
    if random_state is None:
        return np.random.SeedSequence().entropy
    if isinstance(random_state, bool) or not isinstance(random_state, Integral) or random_state < 0:
        raise ValueError(f"random_state must be None or a number from 0, got {random_state!r}.")
    return int(random_state)


def fill_seeds(estimator, seed):
    """Clone an estimator and seed whatever it leaves open."""
    estimator = clone(estimator)
    open_seeds = {
        name: seed
        for name, value in estimator.get_params(deep=True).items()
        if name.split("__")[-1] == "random_state" and value is None
    }
    return estimator.set_params(**open_seeds)


def permute_labels(y, metadata, rng):
    """Deal labels out anew among the trials of each subject.

    Rows of one trial, as windows are, keep sharing one label. Were labels dealt out among
    subjects, one could have more of a label than before, and to recognise the subject would do.
    Only where each subject has one label, they are dealt out among all trials.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Labels.
    metadata : DataFrame of n_rows rows
        Trials by ``trial``, and by ``subject`` and ``session`` should its numbers start anew.
    rng : numpy.random.Generator
        Deals.

    Returns
    -------
    permuted : ndarray of shape (n_rows,)
        As many trials of each label as before.
    """
    trial = np.arange(len(y))
    if "trial" in metadata:
        known = [column for column in ("subject", "session", "trial") if column in metadata]
        trial = metadata.groupby(known, sort=False, dropna=False).ngroup().to_numpy()
    _, first = np.unique(trial, return_index=True)
    labels = y[first]
    subject = np.zeros(len(first), int)
    if "subject" in metadata:
        subject = pd.factorize(metadata["subject"].iloc[first], use_na_sentinel=False)[0]
    owned = [np.flatnonzero(subject == one) for one in np.unique(subject)]
    if all(len(np.unique(labels[own])) == 1 for own in owned):
        owned = [np.arange(len(first))]
    permuted = labels.copy()
    for own in owned:
        permuted[own] = rng.permutation(labels[own])
    return permuted[trial]
