"""Matplotlib without windows, and tables as the functions that are drawn return them."""

from types import SimpleNamespace

import matplotlib
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def results():
    scores = {
        "net": [0.8, 0.7, 0.9, 0.6, 0.7],
        "lda": [0.7, 0.7, 0.6, 0.5, 0.6],
        "majority": [0.5, 0.5, 0.4, 0.5, 0.5],
    }
    return pd.DataFrame(
        {
            "dataset": "toy",
            "protocol": "cross_subject",
            "estimator": name,
            "kind": "baseline" if name == "majority" else "model",
            "fold": fold,
            "subject": fold + 10,
            "accuracy": value,
            "error": "",
        }
        for name, values in scores.items()
        for fold, value in enumerate(values)
    )


@pytest.fixture
def predictions():
    rows = pd.DataFrame({"y_true": [0, 0, 0, 0, 1], "y_pred": [0, 0, 0, 1, 1]})
    rows = rows.assign(dataset="toy", protocol="cross_subject")
    return pd.concat([rows.assign(estimator="net"), rows.assign(estimator="zeros", y_pred=0)])


@pytest.fixture
def importance():
    frame = pd.DataFrame(
        {
            "channel": ["Fp1", "CZ", "o1"] * 2,  # names in any case
            "fold": [0] * 3 + [1] * 3,
            "importance": [0.0, 0.4, -0.1, 0.1, 0.2, -0.3],
        }
    )
    frame.attrs = {"method": "permutation", "score": "balanced_accuracy"}
    return frame


@pytest.fixture
def curve():
    frame = pd.DataFrame(
        {
            "n_failed": [0, 1, 1, 2],
            "channels": ["", "Fp1", "Fp2", "Fp1, Fp2"],
            "score": [0.9, 0.9, 0.6, 0.5],
        }
    )
    frame.attrs = {"failure": "flat", "score": "balanced_accuracy"}
    return frame


@pytest.fixture
def profile():
    rows = [
        (label, channel, frequency, share, share / 2, amplitude)
        for label, shares in {0: (0.9, 0.2), 1: (0.8, 1.0)}.items()
        for frequency, share in zip((2.0, 10.0), shares, strict=True)
        for channel, amplitude in {"Fp1": 1.0 + label, "Cz": 3.0 + label}.items()
    ]
    columns = ["label", "channel", "frequency", "share", "weight", "amplitude"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def gap():
    return pd.DataFrame(
        {
            "split": ["random windows", "trials", "subjects"] * 2,
            "labels": ["true"] * 3 + ["permuted"] * 3,
            "mean": [0.95, 0.638, 0.64, 0.93, 0.47, 0.51],
            "std": [0.01, 0.05, 0.08, 0.01, 0.06, 0.05],
            "inflation": [31.0, -0.2, 0.0, 42.0, -4.0, 0.0],
        }
    )


@pytest.fixture
def network():
    """A fitted classifier with a training history."""
    clf = DummyClassifier().fit([[0]], [0])
    clf.history_, clf.net_ = [{"epoch": 1, "train_loss": 0.7}], SimpleNamespace()
    return clf
