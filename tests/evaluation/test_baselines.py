"""Tests of seeds and permuted labels."""

import numpy as np
import pandas as pd
import pytest

from skmamba.evaluation._baselines import check_seed, permute_labels


def permute_often(y, **columns):
    """Return the set of all permutations that 60 seeds give."""
    metadata = pd.DataFrame(columns, index=range(len(y)))
    return {
        tuple(permute_labels(np.asarray(y), metadata, np.random.default_rng(seed)).tolist())
        for seed in range(60)
    }


def test_windows_of_a_trial_keep_a_common_label():
    trial = np.repeat([7, 3, 9, 1], 5)
    permuted = permute_often(np.repeat(["a", "a", "b", "a"], 5), trial=trial)
    for labels in map(np.array, permuted):
        assert (labels == "b").sum() == 5
        assert all(len(set(labels[trial == number])) == 1 for number in set(trial))
    assert len(permuted) == 4


@pytest.mark.parametrize(
    ("y", "columns", "expected"),
    [
        ("011", {"subject": [1, 1, 1], "trial": range(3)}, "011 101 110"),
        ("0111", {"subject": [1, 1, 2, 2], "trial": range(4)}, "0111 1011"),  # within subjects
        ("0110", {"subject": [1, 1, 2, 2], "trial": [0, 1] * 2}, "0110 1010 0101 1001"),
        ("0110", {"subject": [1, "1", 2, "2"], "trial": range(4)}, "0110 1010 0101 1001"),
        ("0110", {"run": [1, 1, 2, 2], "trial": [0, 1] * 2}, "0011 0101 0110 1001 1010 1100"),
        ("0011", {"subject": [1, 1, 2, 2]}, "0011 0101 0110 1001 1010 1100"),  # one label each
        ("001", {}, "001 010 100"),
    ],
)
def test_labels_are_permuted_within_subjects_of_several_labels(y, columns, expected):
    assert {"".join(labels) for labels in permute_often(list(y), **columns)} == {*expected.split()}


def test_rows_of_one_trial_with_different_labels_raise():
    with pytest.raises(ValueError, match=r"same label, got 0 and 1 in run 2, trial 5\."):
        permute_often([0, 1, 0], trial=5, run=[1, 2, 2][::-1])


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0", np.random.RandomState(0)])
def test_seeds_are_non_negative_integers(seed):
    with pytest.raises(ValueError, match="random_state must be an integer of at least 0"):
        check_seed(seed)
