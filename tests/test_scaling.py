import numpy as np
import pytest

from skmamba import _scaling
from skmamba._scaling import CLIP, MAX_OFFSET, fit_scaling, measure_spread, scale_windows
from skmamba._selection import Selection

# two trials x one window x two channels x three samples
BAGS = np.array([[[[0.0, 1.0, 2.0], [5.0, 5.0, 5.0]]], [[[3.0, 4.0, 100.0], [5.0, 5.0, 5.0]]]])
# one trial x four windows x one channel x three samples
OFFSETS = np.array([0.0, 100.0, 200.0, 300.0])[None, :, None, None] + [0.0, 1.0, 2.0]


def test_robust_statistics_of_a_hand_computed_case():
    center, *scales = fit_scaling("robust", Selection(BAGS), np.arange(2), None)
    # lower median of 0 1 2 3 4 100: 2; of the distances 2 1 0 1 2 98: 1
    assert center.tolist() == [2, 5]
    for scale in scales:
        assert scale.tolist() == [1.4826, 1]  # a constant channel is not divided by zero


def test_robust_scaling_of_offsets_of_a_hand_computed_case():
    statistics = fit_scaling("robust", Selection(OFFSETS), np.arange(1), None)
    # sixth of twelve values: 102; of their distances from it: 100; from the median of a window: 1
    assert np.ravel(statistics) == pytest.approx([102, 2 * 1.4826, 148.26])
    scaled = scale_windows(OFFSETS[0], "robust", *statistics)
    within = np.array([-1, 0, 1]) / (2 * 1.4826)
    expected = np.array([-101, -1, 99, 199])[:, None] / 148.26 + within
    np.testing.assert_allclose(scaled[:, 0], expected, rtol=1e-12)
    far = scale_windows(OFFSETS[0] + 1e6, "robust", *statistics)
    np.testing.assert_allclose(far[:, 0], [MAX_OFFSET + within] * 4, rtol=1e-6)


def test_constant_windows_have_the_robust_scale_of_their_offsets():
    flat = np.broadcast_to(OFFSETS[..., :1], OFFSETS.shape)
    # lower median of 0 100 200 300: 100; of their distances from it: 100
    _, *scales = fit_scaling("robust", Selection(flat), np.arange(1), None)
    assert np.ravel(scales) == pytest.approx([148.26, 148.26])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scaling", ["robust", "standard", "window"])
def test_constant_channels_are_zero_and_are_not_divided_by_rounding_errors(scaling, dtype):
    x = np.full((10, 1, 1, 100), 1 / 3, dtype)
    statistics = fit_scaling(
        scaling, Selection(x), np.arange(10), np.random.default_rng(0).random(10)
    )
    assert np.abs(scale_windows(x[:, 0], scaling, *statistics)).max() < 1e-9
    assert measure_spread(Selection(x)) == 0
    x[..., 50:] += 2
    assert np.abs(scale_windows(x[:, 0], scaling, *statistics)).max() <= 2


@pytest.mark.parametrize("scaling", ["robust", "standard"])
def test_statistics_of_large_data_are_those_of_windows_of_the_whole_recording(monkeypatch, scaling):
    monkeypatch.setattr(_scaling, "MAX_VALUES", 200)
    n_read = []

    class Recorded(Selection):
        def read(self, *args):
            n_read.append(super().read(*args).size)
            return super().read(*args)

    bags = np.random.default_rng(0).normal(size=(10, 8, 1, 10))
    bags += 100 * np.arange(10)[:, None, None, None]
    center, scale, _ = fit_scaling(scaling, Recorded(bags), np.arange(10), None)
    assert n_read == [200]
    assert 390 < center < 510
    assert scale == pytest.approx([bags.std()], rel=0.05) or scaling == "robust"


def test_integers_are_scaled_as_the_same_numbers_in_double_precision():
    x = np.random.default_rng(0).integers(10**7, 10**7 + 50, size=(5, 1, 20))
    for scaling in ("robust", "standard", "window"):
        statistics = fit_scaling(scaling, Selection(x[:, None]), np.arange(5), None)
        scaled = scale_windows(x, scaling, *statistics)
        assert np.array_equal(scaled, scale_windows(x.astype(float), scaling, *statistics))


def test_robust_scaling_keeps_moderate_offsets_and_artefacts():
    x = np.random.default_rng(0).normal(size=(5, 2, 50))
    x[:, 0] += np.arange(5)[:, None] - 2
    x[0, 1, :9] = 20  # fewer than half of the samples
    scaled = scale_windows(x, "robust", np.zeros(2), np.ones(2), np.ones(2))
    assert np.array_equal(scaled, x.clip(-CLIP, CLIP))


@pytest.mark.parametrize("trials", [[0, 1], [0]])
def test_standard_statistics_are_mean_and_deviation_of_the_given_trials(trials):
    center, scale, _ = fit_scaling("standard", Selection(BAGS), np.array(trials), None)
    series = BAGS[trials, :, 0]
    assert center == pytest.approx([series.mean(), 5])
    assert scale == pytest.approx([series.std(), 1])


@pytest.mark.parametrize("scaling", ["robust", "standard"])
def test_a_weight_of_two_equals_the_trial_twice(scaling):
    bags = np.random.default_rng(0).normal(size=(4, 3, 2, 10))
    weighted = fit_scaling(scaling, Selection(bags), np.arange(4), np.array([2.0, 1.0, 3.0, 1.0]))
    bags = Selection(bags.repeat([2, 1, 3, 1], axis=0))
    repeated = fit_scaling(scaling, bags, np.arange(7), None)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-12)


def test_robust_scaling_clips_artefacts():
    scaled = scale_windows(BAGS[:, 0], "robust", np.array([2.0, 5.0]), np.ones(2), np.ones(2))
    assert scaled[1, 0].tolist() == [1, 2, CLIP]


def test_window_scaling_uses_the_statistics_of_each_window():
    x = np.random.default_rng(0).normal(3, 7, size=(5, 2, 50))
    scaled = scale_windows(x, "window", np.zeros(2), np.ones(2), np.ones(2))
    assert scaled.mean(-1) == pytest.approx(np.zeros((5, 2)), abs=1e-12)
    assert scaled.std(-1) == pytest.approx(np.ones((5, 2)))
    constant = scale_windows(np.full((1, 1, 4), 3.0), "window", np.zeros(1), np.ones(1), np.ones(1))
    assert constant.tolist() == [[[0, 0, 0, 0]]]


def test_float32_windows_stay_float32_and_no_scaling_returns_them():
    x = BAGS[:, 0].astype("float32")
    assert scale_windows(x, "robust", np.zeros(2), np.ones(2), np.ones(2)).dtype == np.float32
    assert np.array_equal(scale_windows(x, None, np.zeros(2), np.ones(2), np.ones(2)), x)
