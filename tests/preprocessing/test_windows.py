"""SlidingWindows: a trial stays one row, and its windows are views of it."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import SlidingWindows


def count_points(n_trials=2, n_channels=2, n_times=5):
    """Trials whose values tell where they are: 100 trial + 10 channel + time point."""
    trial, channel, time = np.ogrid[:n_trials, :n_channels, :n_times]
    return 100 * trial + 10 * channel + time


# What comes out


def test_two_trials_by_hand():
    windows = SlidingWindows(window_size_samples=3, stride_samples=2).fit_transform(count_points())
    assert windows.tolist() == [
        [[[0, 1, 2], [10, 11, 12]], [[2, 3, 4], [12, 13, 14]]],
        [[[100, 101, 102], [110, 111, 112]], [[102, 103, 104], [112, 113, 114]]],
    ]


def test_what_fit_learns_by_hand():
    step = SlidingWindows(window_size_samples=3, stride_samples=2).fit(count_points(n_times=8))
    assert (step.size_, step.stride_, step.n_features_in_) == (3, 2, 2)
    assert step.starts_.tolist() == [0, 2, 4]


def test_windows_do_not_overlap_unless_asked():
    step = SlidingWindows(window_size_samples=2).fit(count_points(n_times=7))
    assert step.starts_.tolist() == [0, 2, 4]
    assert step.stride_ == 2


def test_a_rest_shorter_than_a_window_is_dropped():
    windows = SlidingWindows(window_size_samples=3).fit_transform(count_points(1, 1, 8))
    assert windows[0, :, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_window_may_be_as_long_as_the_trial():
    X = count_points()
    np.testing.assert_array_equal(
        SlidingWindows(window_size_samples=5).fit_transform(X), X[:, None]
    )


@pytest.mark.parametrize("size", [1, 2, 32, 64, 256])
def test_windows_put_together_give_the_trial_back(trials, size):
    windows = SlidingWindows(window_size_samples=size).fit_transform(trials.X)
    assert windows.shape == (24, 256 // size, 4, size)
    np.testing.assert_array_equal(np.concatenate(list(windows.swapaxes(0, 1)), axis=2), trials.X)


@pytest.mark.parametrize(("size", "stride"), [(64, 32), (100, 30), (3, 1), (10, 50), (256, 9)])
def test_every_window_is_the_trial_from_its_start(trials, size, stride):
    step = SlidingWindows(window_size_samples=size, stride_samples=stride).fit(trials.X)
    windows = step.transform(trials.X)
    assert len(step.starts_) == windows.shape[1]
    for start, window in zip(step.starts_, windows.swapaxes(0, 1), strict=True):
        np.testing.assert_array_equal(window, trials.X[:, :, start : start + size])
    assert step.starts_[0] == 0
    assert set(np.diff(step.starts_)) <= {stride}
    assert step.starts_[-1] + size <= 256 < step.starts_[-1] + stride + size


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_windows_are_a_view_that_cannot_be_written(dtype):
    X = np.zeros((2, 3, 100), dtype)
    windows = SlidingWindows(window_size_samples=50, stride_samples=1).fit_transform(X)
    assert np.shares_memory(windows, X)
    assert windows.dtype == dtype
    assert not windows.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        windows[0, 0, 0, 0] = 1
    X[1, 2, 99] = 7
    assert windows[1, -1, 2, -1] == 7


def test_read_only_trials_are_no_obstacle():
    X = count_points()
    X.flags.writeable = False
    assert np.shares_memory(SlidingWindows(window_size_samples=2).fit_transform(X), X)


def test_two_dimensions_are_trials_of_one_channel():
    X = count_points()[:, 0]
    windows = SlidingWindows(window_size_samples=2).fit_transform(X)
    assert windows.tolist() == [[[[0, 1]], [[2, 3]]], [[[100, 101]], [[102, 103]]]]
    assert np.shares_memory(windows, X)


@pytest.mark.parametrize(("n_times", "n_windows"), [(3, 1), (5, 2), (9, 4)])
def test_trials_of_another_length_have_another_number_of_windows(n_times, n_windows):
    step = SlidingWindows(window_size_samples=3, stride_samples=2).fit(count_points(n_times=5))
    X = count_points(n_times=n_times)
    assert step.transform(X).shape == (2, n_windows, 2, 3)


# Seconds


@pytest.mark.parametrize(
    ("size", "stride", "sfreq", "points"),
    [
        (1, None, 128, (128, 128)),
        (0.5, 0.25, 128.0, (64, 32)),
        (0.3, 0.1, 128, (38, 13)),  # 38.4 and 12.8
        (0.1, None, 160.3, (16, 16)),
        (np.float32(0.5), np.int64(1), 10, (5, 10)),
    ],
)
def test_seconds_are_rounded_to_whole_time_points(size, stride, sfreq, points):
    step = SlidingWindows(window_size=size, stride=stride, sfreq=sfreq).fit(np.zeros((1, 1, 512)))
    assert (step.size_, step.stride_) == points
    assert step.transform(np.zeros((1, 1, 512))).shape[-1] == points[0]


def test_seconds_and_time_points_cut_the_same(trials):
    seconds = SlidingWindows(window_size=0.5, stride=0.125, sfreq=trials.sfreq).fit_transform(
        trials.X
    )
    points = SlidingWindows(window_size_samples=64, stride_samples=16).fit_transform(trials.X)
    np.testing.assert_array_equal(seconds, points)


# What is refused


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"size": 6}, "A trial of 5 time points is shorter than one window of size=6"),
        ({"size": 1, "sfreq": 128}, "5 time points is shorter than one window of size=128"),
        ({"size": 0}, "size must be at least one time point, got 0 time points"),
        ({"size": -2}, "size must be at least one time point, got -2 time points"),
        ({"size": 2, "stride": 0}, "stride must be at least one time point, got 0"),
        ({"size": 2, "stride": -1}, "stride must be at least one time point, got -1"),
        ({"size": 2.0}, r"size must be a whole number of time points, got 2\.0\. Give sfreq"),
        ({"size": "2"}, "size must be a whole number of time points, got '2'"),
        ({"size": None}, "size must be a whole number of time points, got None"),
        ({"size": True}, "size must be a whole number of time points, got True"),
        ({"size": 2, "stride": 0.5}, r"stride must be a whole number .* got 0\.5"),
        (
            {"size": 0.001, "sfreq": 128},
            r"size must be at least .* got 0\.001 seconds at sfreq=128",
        ),
        ({"size": 1, "sfreq": 0}, "size must be at least one time point, got 1 seconds at sfreq=0"),
    ],
)
def test_fit_says_which_length_cannot_be(params, match):
    with pytest.raises(ValueError, match=match):
        SlidingWindows(**params).fit(count_points(n_times=5))


def test_transform_refuses_a_trial_shorter_than_a_window():
    step = SlidingWindows(window_size_samples=5).fit(count_points(n_times=5))
    with pytest.raises(ValueError, match=r"A trial of 4 time points is shorter .* size=5"):
        step.transform(count_points(n_times=4))


def test_another_number_of_channels_is_told_in_channels():
    step = SlidingWindows(window_size_samples=2).fit(count_points(n_channels=2))
    with pytest.raises(ValueError, match="X has 3 channels, but SlidingWindows was fitted on 2"):
        step.transform(count_points(n_channels=3))


def test_windows_are_not_cut_again():
    with pytest.raises(ValueError, match="SlidingWindows takes X of at most 3 dimensions, got 4"):
        SlidingWindows(window_size_samples=2).fit(np.zeros((2, 2, 2, 4)))


def test_missing_values_are_refused():
    with pytest.raises(ValueError, match="contains NaN"):
        SlidingWindows(window_size_samples=2).fit(np.full((2, 2, 4), np.nan))


def test_fit_comes_before_transform():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        SlidingWindows(window_size_samples=2).transform(count_points())


# Epochs and scikit-learn


def test_epochs_are_cut_in_microvolt(make_epochs):
    epochs = make_epochs(n_trials=2, ch_names=["Fp1", "O1"], n_times=5, other=["EOG"])
    step = SlidingWindows(window_size_samples=2).fit(epochs)
    expected = [[10000, 10001], [11000, 11001]], [[10002, 10003], [11002, 11003]]
    np.testing.assert_allclose(step.transform(epochs)[1], expected)
    np.testing.assert_allclose(step.transform([epochs[1]])[0], expected)
    assert step.n_features_in_ == 2


def test_parameters_stay_as_they_came():
    step = SlidingWindows(window_size=0.5, sfreq=4).fit(count_points())
    assert step.get_params() == {"size": 0.5, "stride": None, "sfreq": 4}


def test_a_pipeline_set_to_pandas_lets_the_step_be():
    pipe = make_pipeline(SlidingWindows(window_size_samples=5)).set_output(transform="pandas")
    assert pipe.fit_transform(count_points()).tolist() == count_points()[:, None].tolist()


def test_window_length_is_an_axis_of_a_grid_search(trials):
    pipe = make_pipeline(
        SlidingWindows(window_size_samples=64),
        FunctionTransformer(lambda bags: np.log(bags.var(axis=-1).mean(axis=1))),
        LogisticRegression(),
    )
    search = GridSearchCV(pipe, {"slidingwindows__size": [2, 128]}, cv=GroupKFold(4))
    search.fit(trials.X, trials.y, groups=trials.metadata["subject"])
    assert search.best_params_ == {"slidingwindows__size": 128}  # 2 points show no alpha wave
    assert search.best_score_ > 0.8


def test_a_failed_fit_leaves_the_step_as_it_was():
    step = SlidingWindows(window_size_samples=8).fit(np.zeros((2, 2, 16)))
    before = vars(step).copy()
    with pytest.raises(ValueError, match="shorter than one window of size=8"):
        step.fit(np.zeros((2, 3, 7)))
    assert vars(step) == before
