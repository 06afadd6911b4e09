"""Simulated trials with an effect in one channel."""

from dataclasses import replace

import pytest

from skmamba.datasets import simulate_trials


@pytest.fixture(scope="session")
def effect_in_f3():
    """Four subjects with 14 trials each; the alpha power of F3 alone differs between classes."""
    options = {"n_subjects": 4, "n_trials": 14, "n_times": 256}
    trials = simulate_trials(effect=2, **options)
    X = simulate_trials(effect=0, **options).X.copy()
    X[:, 2] = trials.X[:, 2]
    return replace(trials, X=X)
