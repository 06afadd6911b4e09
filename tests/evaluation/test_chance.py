import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skmamba import MSiMambaClassifier
from skmamba.evaluation._chance import check_seed, fill_seeds, permute_labels


def deal(y, n_times=60, **columns):
    """Every way in which labels were dealt out."""
    metadata = pd.DataFrame(columns)
    y = np.asarray(y)
    return {
        tuple(permute_labels(y, metadata, np.random.default_rng(seed)).tolist())
        for seed in range(n_times)
    }


def test_windows_keep_sharing_the_label_of_their_trial():
    ids = np.repeat([7, 3, 9, 1], 5)
    dealt = deal(np.repeat(["a", "a", "b", "a"], 5), trial=ids)
    for labels in map(np.array, dealt):
        assert (labels == "b").sum() == 5
        assert all(len(set(labels[ids == trial])) == 1 for trial in set(ids))
    assert len(dealt) == 4  # the b may be any of the four


def test_subjects_keep_the_number_of_their_labels():
    dealt = deal([0, 1, 0, 1, 1, 1], subject=[1, 1, 1, 2, 2, 2], trial=range(6))
    assert {labels[3:] for labels in dealt} == {(1, 1, 1)}
    assert {labels[:3] for labels in dealt} == {(0, 1, 0), (1, 0, 0), (0, 0, 1)}


def test_subjects_of_one_label_each_deal_among_themselves():
    assert len(deal([0, 0, 1, 1], subject=[1, 1, 2, 2], trial=range(4))) == 6


def test_trials_whose_numbers_start_anew_with_each_subject_are_told_apart():
    dealt = deal([0, 1, 1, 0], subject=[1, 1, 2, 2], trial=[0, 1, 0, 1])
    assert dealt == {(0, 1, 1, 0), (1, 0, 1, 0), (0, 1, 0, 1), (1, 0, 0, 1)}


def test_without_metadata_rows_are_trials():
    metadata = pd.DataFrame(index=range(3))
    y = np.array([0, 0, 1])
    dealt = {tuple(permute_labels(y, metadata, np.random.default_rng(seed))) for seed in range(40)}
    assert len(dealt) == 3


def test_labels_that_came_stay_as_they_are():
    y = np.array([0, 1, 0, 1])
    permute_labels(y, pd.DataFrame({"trial": range(4)}), np.random.default_rng(0))
    assert y.tolist() == [0, 1, 0, 1]


def test_only_open_seeds_are_filled():
    pipe = make_pipeline(LogisticRegression(random_state=3), MSiMambaClassifier())
    filled = fill_seeds(pipe, 7)
    assert (filled[0].random_state, filled[1].random_state) == (3, 7)
    assert pipe[1].random_state is None


def test_fresh_seeds_differ_and_leave_the_global_generator_alone():
    state = np.random.get_state()
    assert check_seed(None) != check_seed(None)
    np.testing.assert_equal(np.random.get_state(), state)


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0", np.random.RandomState(0)])
def test_seeds_are_whole_numbers_from_0(seed):
    with pytest.raises(ValueError, match="random_state must be None or a number from 0"):
        check_seed(seed)
