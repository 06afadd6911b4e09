from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier

from skmamba.datasets import simulate_trials


class FailsWithout(ClassifierMixin, BaseEstimator):
    """Fails if no training trial has the given first value."""

    def __init__(self, without=0):
        self.without = without

    def fit(self, X, y):
        if self.without not in X[:, 0, 0]:
            raise RuntimeError("no memory left")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


class CountsFits(DummyClassifier):
    """Counts its fits in a file."""

    def __init__(self, log=None, *, strategy="prior"):
        self.log = log
        super().__init__(strategy=strategy)

    def fit(self, X, y, sample_weight=None):
        with open(self.log, "a") as file:
            file.write("x")
        return super().fit(X, y, sample_weight)

    def n_fits(self):
        return len(Path(self.log).read_text())


@pytest.fixture
def fails_without():
    """Class of a classifier that fails on some folds of ``numbered_trials``."""
    return FailsWithout


@pytest.fixture
def numbered_trials():
    """Trials of four subjects whose first value is the number of their subject."""
    trials = simulate_trials(4, 6, n_times=256)
    trials.X[:, 0, 0] = trials.metadata["subject"]
    return trials


@pytest.fixture
def counter(tmp_path_factory):
    """Classifier that counts its fits."""
    log = tmp_path_factory.mktemp("log") / "fits"
    log.touch()
    return CountsFits(str(log))
