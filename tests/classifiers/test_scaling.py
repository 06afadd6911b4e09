import numpy as np
import pytest

from skmamba.classifiers._scaling import CLIP, fit_scaling, scale_windows

# two trials x one window x two channels x three points
BAGS = np.array([[[[0.0, 1.0, 2.0], [5.0, 5.0, 5.0]]], [[[3.0, 4.0, 100.0], [5.0, 5.0, 5.0]]]])


def test_robust_statistics_of_a_hand_computed_case():
    center, scale = fit_scaling("robust", BAGS, [0, 1], None)
    # of 0 1 2 3 4 100 the lower median is 2; of the distances 2 1 0 1 2 98 it is 1
    assert center.tolist() == [2, 5]
    assert scale.tolist() == [1.4826, 1]  # a channel that never changes is not divided by 0


def test_standard_statistics_are_mean_and_deviation():
    center, scale = fit_scaling("standard", BAGS, [0, 1], None)
    series = np.array([0, 1, 2, 3, 4, 100])
    assert center == pytest.approx([series.mean(), 5])
    assert scale == pytest.approx([series.std(), 1])


@pytest.mark.parametrize("scaling", ["robust", "standard"])
def test_a_weight_of_two_counts_as_the_trial_twice(scaling):
    bags = np.random.default_rng(0).normal(size=(4, 3, 2, 10))
    weighted = fit_scaling(scaling, bags, np.arange(4), np.array([2.0, 1.0, 3.0, 1.0]))
    repeated = fit_scaling(scaling, bags.repeat([2, 1, 3, 1], axis=0), np.arange(7), None)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-12)


def test_robust_scaling_clips_artefacts():
    scaled = scale_windows(BAGS[:, 0], "robust", np.array([2.0, 5.0]), np.array([1.0, 1.0]))
    assert scaled[1, 0].tolist() == [1, 2, CLIP]


def test_window_scaling_uses_each_window_by_itself():
    x = np.random.default_rng(0).normal(3, 7, size=(5, 2, 50))
    scaled = scale_windows(x, "window", np.zeros(2), np.ones(2))
    assert scaled.mean(-1) == pytest.approx(np.zeros((5, 2)), abs=1e-12)
    assert scaled.std(-1) == pytest.approx(np.ones((5, 2)))
    flat = scale_windows(np.full((1, 1, 4), 3.0), "window", np.zeros(1), np.ones(1))
    assert flat.tolist() == [[[0, 0, 0, 0]]]


def test_no_scaling_takes_windows_as_they_come():
    assert scale_windows(BAGS[:, 0], None, np.zeros(2), np.ones(2)) is not None
    assert np.array_equal(scale_windows(BAGS[:, 0], None, np.zeros(2), np.ones(2)), BAGS[:, 0])


def test_single_precision_stays_single():
    x = BAGS[:, 0].astype("float32")
    assert scale_windows(x, "robust", np.zeros(2), np.ones(2)).dtype == np.float32


def test_statistics_know_only_the_trials_they_learn_from():
    center, scale = fit_scaling("standard", BAGS, [0], None)
    assert center == pytest.approx([1, 5])
    assert scale[0] == pytest.approx(np.sqrt(2 / 3))
