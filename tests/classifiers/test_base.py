"""Bags of windows, votes, and the loss of the net."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator

from skmamba.classifiers._skorch import WindowNet
from skmamba.classifiers.base import check_bags, vote


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_views_stay_views_of_any_dtype(dtype):
    X = np.zeros((2, 4, 64), dtype=dtype)
    view = np.lib.stride_tricks.sliding_window_view(X, 32, axis=-1)[:, :, ::16].swapaxes(1, 2)
    assert np.shares_memory(check_bags(BaseEstimator(), view, reset=True).gather(), X)


@pytest.mark.parametrize(
    ("shape", "n_chans", "message"),
    [
        ((2, 32), 3, "n_chans must divide the 32 columns of X, got 3"),
        ((2, 2, 2, 2, 2), None, r"or 4 \(n_trials, n_windows, n_chans, n_times\), got 5"),
        ((2, 4, 0), None, r"X must not be empty, got bags of windows of shape \(2, 1, 4, 0\)"),
    ],
)
def test_x_of_a_wrong_shape_is_an_error(shape, n_chans, message):
    with pytest.raises(ValueError, match=message):
        check_bags(BaseEstimator(), np.zeros(shape), n_chans=n_chans, reset=True)


def test_soft_vote_is_the_mean_and_hard_vote_the_fraction_of_windows():
    proba = np.array([[[0.9, 0.1], [0.4, 0.6], [0.3, 0.7]]])
    assert vote(proba, "soft") == pytest.approx(np.array([[1.6 / 3, 1.4 / 3]]))
    assert vote(proba, "hard") == pytest.approx(np.array([[1 / 3, 2 / 3]]))
    proba[:, 0] = 0.5  # a window with a tie counts once, for the first class
    assert vote(proba, "hard") == pytest.approx(np.array([[1 / 3, 2 / 3]]))


def test_the_loss_of_members_is_the_mean_of_their_weighted_losses():
    logits = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    classes = torch.tensor([0, 3, 1, 1, 2])
    weight = torch.tensor([1.0, 0.5, 2.0, 0.0, 3.0], dtype=torch.float64)
    net = WindowNet(
        torch.nn.PReLU, criterion=torch.nn.CrossEntropyLoss, criterion__reduction="none"
    ).initialize()
    loss = net.get_loss(logits, classes, X={"weight": weight})
    losses = []
    for member in range(3):
        total = 0.0
        for window in range(5):
            scores = np.exp(logits[window, member].numpy())
            total -= weight[window].item() * np.log(scores[classes[window]] / scores.sum())
        losses.append(total / weight.sum().item())
    assert np.isclose(loss.item(), np.mean(losses), rtol=1e-12)
