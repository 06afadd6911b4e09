"""Tests of SlidingWindows."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import SlidingWindows


def make_ramp(n_trials=2, n_channels=2, n_times=5):
    """Return trials with values 100 trial + 10 channel + sample."""
    trial, channel, sample = np.ogrid[:n_trials, :n_channels, :n_times]
    return 100 * trial + 10 * channel + sample


def in_samples(window_size, stride=None):
    return SlidingWindows(window_size_samples=window_size, stride_samples=stride)


def test_windows_of_two_trials_by_hand():
    step = in_samples(3, 2).fit(make_ramp())
    assert step.transform(make_ramp()).tolist() == [
        [[[0, 1, 2], [10, 11, 12]], [[2, 3, 4], [12, 13, 14]]],
        [[[100, 101, 102], [110, 111, 112]], [[102, 103, 104], [112, 113, 114]]],
    ]
    assert (step.window_size_samples_, step.stride_samples_, step.n_features_in_) == (3, 2, 2)
    assert step.starts_.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("size", "stride"),
    [(64, 32), (100, 30), (3, 1), (10, 50), (256, 9), (1, None), (64, None), (100, None)],
)
def test_every_window_is_the_trial_from_its_start(trials, size, stride):
    step = in_samples(size, stride).fit(trials.X)
    windows = step.transform(trials.X)
    for start, window in zip(step.starts_, windows.swapaxes(0, 1), strict=True):
        np.testing.assert_array_equal(window, trials.X[:, :, start : start + size])
    stride = stride or size  # windows do not overlap by default
    assert step.stride_samples_ == stride
    np.testing.assert_array_equal(step.starts_, range(0, 256 - size + 1, stride))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_windows_are_a_read_only_view(dtype):
    X = np.zeros((2, 3, 100), dtype)
    X.flags.writeable = False
    windows = in_samples(50, 1).fit_transform(X)
    assert np.shares_memory(windows, X)
    assert windows.dtype == dtype
    with pytest.raises(ValueError, match="read-only"):
        windows[0, 0, 0, 0] = 1


def test_two_dimensions_are_trials_of_one_channel():
    X = make_ramp()[:, 0]
    windows = in_samples(2).fit_transform(X)
    assert windows.tolist() == [[[[0, 1]], [[2, 3]]], [[[100, 101]], [[102, 103]]]]
    assert np.shares_memory(windows, X)


@pytest.mark.parametrize(("n_times", "n_windows"), [(3, 1), (5, 2), (9, 4)])
def test_transform_accepts_trials_of_any_length(n_times, n_windows):
    step = in_samples(3, 2).fit(make_ramp(n_times=5))
    assert step.transform(make_ramp(n_times=n_times)).shape == (2, n_windows, 2, 3)


# Seconds


@pytest.mark.parametrize(
    ("window_size", "stride", "sfreq", "samples"),
    [
        (1, None, 128, (128, 128)),
        (0.5, 0.25, 128.0, (64, 32)),
        (0.3, 0.1, 128, (38, 13)),  # 38.4 and 12.8
        (0.1, None, 160.3, (16, 16)),
        (np.float32(0.5), np.int64(1), 10, (5, 10)),
    ],
)
def test_seconds_are_rounded_to_samples(window_size, stride, sfreq, samples):
    step = SlidingWindows(window_size, stride, sfreq=sfreq).fit(np.zeros((1, 1, 512)))
    assert (step.window_size_samples_, step.stride_samples_) == samples
    assert step.transform(np.zeros((1, 1, 512))).shape[-1] == samples[0]


def test_samples_take_precedence_over_seconds():
    step = SlidingWindows(0.5, 0.25, window_size_samples=3, stride_samples=1, sfreq=4)
    step.fit(make_ramp())
    assert (step.window_size_samples_, step.stride_samples_) == (3, 1)


@pytest.mark.parametrize("sfreq", [None, 64])
@pytest.mark.parametrize("as_list", [False, True])
def test_epochs_have_a_sampling_rate(make_epochs, sfreq, as_list):
    epochs = make_epochs(n_trials=2, sfreq=64.0)
    X = [epochs[0], epochs[1]] if as_list else epochs
    step = SlidingWindows(0.5, sfreq=sfreq).fit(X)
    assert (step.window_size_samples_, step.sfreq_, step.sfreq) == (32, 64, sfreq)


def test_the_sampling_rate_of_x_is_that_of_the_parameter_and_of_fit(make_epochs):
    step = SlidingWindows(0.5).fit(make_epochs(n_trials=2, sfreq=64.0))
    with pytest.raises(ValueError, match=r"must be at 64 Hz, .* was fitted, got 32"):
        step.transform(make_epochs(n_trials=2, sfreq=32.0))
    with pytest.raises(ValueError, match=r"must be 64 Hz, the sampling rate of X, got 8\."):
        SlidingWindows(0.5, sfreq=8).fit(make_epochs(n_trials=2, sfreq=64.0))


# Errors


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"window_size_samples": 6}, "window_size must be at most .* 5 samples, got 6 samples"),
        ({"window_size": 1, "sfreq": 128}, "window_size must .* 5 samples, got 128 samples"),
        ({}, "window_size=2.0 is in seconds and requires sfreq, got sfreq=None"),
        ({"window_size_samples": 2, "stride": 0.5}, "stride=0.5 is in seconds and requires sfreq"),
        ({"window_size_samples": 0}, "window_size_samples must be an integer of at least 1, got 0"),
        ({"window_size_samples": 2.0}, r"window_size_samples must be an integer .* got 2\.0"),
        ({"window_size_samples": True}, "window_size_samples must be an integer .* got True"),
        (
            {"window_size_samples": 2, "stride_samples": -1},
            "stride_samples must be an integer of at least 1, got -1",
        ),
        ({"window_size": 0.001, "sfreq": 128}, r"window_size must be .* got 0\.001 seconds"),
        ({"window_size": np.inf, "sfreq": 10}, "window_size must be a positive number, got inf"),
        ({"window_size": 1, "sfreq": 0}, "sfreq must be a positive number, got 0"),
        ({"window_size": 0.2, "stride": 0, "sfreq": 10}, "stride must be a positive number, got 0"),
        ({"window_size": "1 s", "sfreq": 10}, "window_size must be a positive number, got '1 s'"),
    ],
)
def test_invalid_lengths_are_rejected_and_fit_changes_nothing(params, match):
    step = in_samples(3).fit(make_ramp(n_channels=3))
    step.set_params(**{"window_size_samples": None} | params)
    before = vars(step).copy()
    with pytest.raises(ValueError, match=match):
        step.fit(make_ramp(n_times=5))
    assert vars(step) == before


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (make_ramp(n_times=4), "window_size must be at most .* 4 samples, got 5 samples"),
        (make_ramp(n_channels=3), "X has 3 channels, but SlidingWindows was fitted on 2"),
        (np.zeros((2, 2, 2, 5)), "at most 3 dimensions for SlidingWindows, got 4"),
        (np.full((2, 2, 5), np.nan), "contains NaN"),
    ],
)
def test_transform_rejects_data_that_do_not_match(X, match):
    step = in_samples(5).fit(make_ramp())
    with pytest.raises(ValueError, match=match):
        step.transform(X)


# mne.Epochs and scikit-learn


def test_epochs_are_converted_to_microvolts(make_epochs):
    epochs = make_epochs(n_trials=2, ch_names=["Fp1", "O1"], n_times=5, other=["EOG"])
    step = in_samples(2).fit(epochs)
    expected = [[10000, 10001], [11000, 11001]], [[10002, 10003], [11002, 11003]]
    np.testing.assert_allclose(step.transform(epochs)[1], expected)
    np.testing.assert_allclose(step.transform([epochs[1]])[0], expected)
    assert step.n_features_in_ == 2


def test_window_length_can_be_searched(trials):
    pipe = make_pipeline(
        SlidingWindows(0.5, sfreq=trials.sfreq),
        FunctionTransformer(lambda windows: np.log(windows.var(axis=-1).mean(axis=1))),
        LogisticRegression(),
    )
    search = GridSearchCV(pipe, {"slidingwindows__window_size": [2 / 128, 1.0]}, cv=GroupKFold(4))
    search.fit(trials.X, trials.y, groups=trials.metadata["subject"])
    assert search.best_params_ == {"slidingwindows__window_size": 1.0}  # 2 samples have no alpha
    assert search.best_score_ > 0.8
