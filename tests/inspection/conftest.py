"""Simulated trials with an effect in one channel."""

from dataclasses import replace

import numpy as np
import pytest

from skmamba.datasets import simulate_trials


@pytest.fixture(scope="session")
def with_reference(effect_in_f3):
    """Two trials of each subject and class, with noise as the reference of the subject."""
    number = effect_in_f3.metadata.groupby(["subject", effect_in_f3.y]).cumcount()
    trials = effect_in_f3.select(number < 2)
    noise = 10 * np.random.default_rng(0).normal(size=(4, 4, 256)).astype("float32")
    return replace(trials, reference=noise[trials.metadata["subject"]])


@pytest.fixture(scope="session")
def effect_in_f3():
    """Four subjects with 14 trials each; the alpha power of F3 alone differs between classes."""
    options = {"n_subjects": 4, "n_trials": 14, "n_times": 256}
    trials = simulate_trials(effect=2, **options)
    X = simulate_trials(effect=0, **options).X.copy()
    X[:, 2] = trials.X[:, 2]
    return replace(trials, X=X)
