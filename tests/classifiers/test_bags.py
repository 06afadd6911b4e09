import numpy as np
import pytest
from sklearn.base import BaseEstimator

from skmamba.classifiers._bags import check_bags, vote


class Fitted(BaseEstimator):
    pass


@pytest.mark.parametrize(
    ("shape", "bags"),
    [
        ((5, 6, 4, 32), (5, 6, 4, 32)),
        ((5, 4, 32), (5, 1, 4, 32)),
        ((5, 32), (5, 1, 1, 32)),
    ],
)
def test_every_dimension_becomes_bags(shape, bags):
    assert check_bags(Fitted(), np.zeros(shape), reset=True).shape == bags


def test_n_chans_folds_flat_rows_back():
    X = np.arange(2 * 3 * 4.0).reshape(2, 3, 4)
    bags = check_bags(Fitted(), X.reshape(2, -1), n_chans=3, reset=True)
    assert np.array_equal(bags[:, 0], X)


def test_n_chans_must_divide_the_columns():
    with pytest.raises(ValueError, match="n_chans=3 does not divide the 32 columns of X"):
        check_bags(Fitted(), np.zeros((2, 32)), n_chans=3, reset=True)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_views_stay_views_in_any_dtype(dtype):
    X = np.zeros((2, 4, 64), dtype=dtype)
    view = np.lib.stride_tricks.sliding_window_view(X, 32, axis=-1)[:, :, ::16].swapaxes(1, 2)
    assert np.shares_memory(check_bags(Fitted(), view, reset=True), X)


def test_five_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"or 4 \(n_trials, n_windows, n_chans.*\), got 5"):
        check_bags(Fitted(), np.zeros((2, 2, 2, 2, 2)), reset=True)


def test_windows_of_no_length_are_refused():
    with pytest.raises(ValueError, match="holds no data: 1 windows x 4 channels x 0 time points"):
        check_bags(Fitted(), np.zeros((2, 4, 0)), reset=True)


PROBA = np.array([[[0.9, 0.1], [0.4, 0.6], [0.3, 0.7]]])


def test_soft_vote_is_the_mean_of_probabilities():
    assert vote(PROBA, "soft") == pytest.approx(np.array([[1.6 / 3, 1.4 / 3]]))


def test_hard_vote_is_the_share_of_windows_won():
    assert vote(PROBA, "hard") == pytest.approx(np.array([[1 / 3, 2 / 3]]))
