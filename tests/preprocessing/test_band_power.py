"""BandPower: log power of rhythms, the same numbers as the plain formula."""

import pickle

import numpy as np
import pytest
from scipy.signal import periodogram
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmamba import SlidingWindows, WindowVotingClassifier
from skmamba.datasets import simulate_trials
from skmamba.preprocessing import BandPower, _band_power

ALPHA = {"alpha": (8, 13)}


def waves(*hertz, amplitude=10.0, sfreq=128, n_times=256):
    """One window; channel i is a sine of the i-th frequency, in microvolt."""
    time = np.arange(n_times) / sfreq
    return amplitude * np.sin(2 * np.pi * np.array(hertz)[:, None] * time)[None]


# Numbers


def test_a_sine_of_four_points_by_hand():
    # sfreq 4: frequencies 0, 1, 2 Hz. rfft of (0, 3, 0, -3) is (0, -6i, 0): power 0, 36, 0.
    step = BandPower(sfreq=4, bands={"one": (1, 2), "both": (1, 3)})
    features = step.fit_transform([[[0.0, 3.0, 0.0, -3.0]]])
    np.testing.assert_allclose(features, np.log([[36.0, 18.0]]))


def test_each_sine_is_in_its_own_band():
    hertz = (2, 6, 10, 20, 40)
    features = BandPower(sfreq=128).fit_transform(waves(*hertz)).reshape(5, 5)
    assert features.argmax(axis=0).tolist() == [0, 1, 2, 3, 4]  # bands of each channel
    assert (np.diag(features) > np.sort(features, axis=0)[-2] + 20).all()


@pytest.mark.parametrize(("hertz", "band"), [(4, 1), (8, 2), (13, 3), (30, 4)])
def test_the_lower_limit_belongs_to_a_band_and_the_upper_to_the_next(hertz, band):
    assert BandPower(sfreq=128).fit_transform(waves(hertz)).argmax() == band


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_are_those_of_the_plain_formula(trials, dtype):
    X = trials.X.astype(dtype)
    power = np.abs(np.fft.rfft(X - X.mean(-1, keepdims=True))) ** 2
    hertz = np.fft.rfftfreq(256, 1 / 128)
    limits = [(1, 4), (4, 8), (8, 13), (13, 30), (30, 45)]
    bands = [power[..., (low <= hertz) & (hertz < high)].mean(-1) for low, high in limits]
    features = BandPower(sfreq=trials.sfreq).fit_transform(X)
    assert features.dtype == dtype
    rtol = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(features, np.log(np.concatenate(bands, axis=-1)), rtol=rtol)


def test_a_constant_of_the_window_length_makes_it_the_power_density(trials):
    X = trials.X.astype(float)
    hertz, density = periodogram(X, fs=128)  # 2 |rfft|**2 / (sfreq n), in microvolt**2 / hertz
    mean = density[..., (hertz >= 8) & (hertz < 13)].mean(-1)
    features = BandPower(sfreq=128, bands=ALPHA).fit_transform(X)
    np.testing.assert_allclose(features - np.log(128 * 256 / 2), np.log(mean))


def test_an_offset_changes_nothing(trials):
    X = trials.X.astype(float)
    step = BandPower(sfreq=128, bands={"low": (0, 4), **ALPHA}).fit(X)
    np.testing.assert_allclose(step.transform(X + 1000), step.transform(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("level", [0, 0.1, -4000])
def test_silence_has_features(dtype, level):
    features = BandPower(sfreq=128).fit_transform(np.full((2, 3, 256), level, dtype))
    assert np.isfinite(features).all()
    assert (features < -1).all()


def test_faint_eeg_in_volt_is_not_taken_for_silence(trials):
    microvolt = BandPower(sfreq=128).fit_transform(trials.X)
    volt = BandPower(sfreq=128).fit_transform(trials.X * np.float32(1e-9))  # of 10 nanovolt
    np.testing.assert_allclose(volt, microvolt - np.log(1e18), rtol=1e-4)


def test_many_windows_are_as_few_at_a_time(trials, monkeypatch):
    whole = BandPower(sfreq=128).fit_transform(trials.X)
    monkeypatch.setattr(_band_power, "ROWS_AT_ONCE", 7)
    np.testing.assert_array_equal(BandPower(sfreq=128).fit_transform(trials.X), whole)


@pytest.mark.parametrize("n_times", [128, 200, 1001])
def test_windows_of_another_length_have_as_many_features(trials, n_times):
    step = BandPower(sfreq=128).fit(trials.X)
    X = np.random.default_rng(0).normal(size=(3, 4, n_times))
    assert step.transform(X).shape == (3, 20)


def test_two_dimensions_are_windows_of_one_channel(trials):
    step = BandPower(sfreq=128)
    table = step.fit_transform(trials.X[:, 0])
    np.testing.assert_array_equal(table, step.fit_transform(trials.X[:, :1]))


def test_epochs_bring_values_in_microvolt_and_names(make_epochs):
    epochs = make_epochs(n_trials=2, ch_names=["Fp1", "O1"], n_times=128, other=["EOG"])
    step = BandPower(sfreq=128, bands=ALPHA).fit(epochs)
    assert step.get_feature_names_out().tolist() == ["Fp1_alpha", "O1_alpha"]
    expected = step.transform(epochs.get_data(picks="eeg", units="uV"))
    np.testing.assert_allclose(step.transform(epochs), expected)


# Names and data frames


def test_names_stand_at_the_features_they_name():
    X = waves(10, 20)
    step = BandPower(sfreq=128, bands={"alpha": (8, 13), "beta": (13, 30)}, ch_names=["Fp1", "O2"])
    features = step.fit_transform(X)[0]
    named = dict(zip(step.get_feature_names_out(), features, strict=True))
    assert list(named) == ["Fp1_alpha", "O2_alpha", "Fp1_beta", "O2_beta"]
    assert min(named["Fp1_alpha"], named["O2_beta"]) > max(named["O2_alpha"], named["Fp1_beta"])


def test_channels_without_names_are_numbered(trials):
    step = BandPower(sfreq=128, bands=ALPHA).fit(trials.X[:, :2])
    assert step.get_feature_names_out().tolist() == ["channel0_alpha", "channel1_alpha"]


def test_a_pipeline_set_to_pandas_gives_named_columns(trials):
    step = BandPower(sfreq=128, bands=ALPHA, ch_names=trials.ch_names)
    frame = make_pipeline(step, StandardScaler()).set_output(transform="pandas")
    frame = frame.fit_transform(trials.X)
    assert list(frame.columns) == ["Fp1_alpha", "Fp2_alpha", "F3_alpha", "F4_alpha"]


# What is refused


@pytest.mark.parametrize(
    ("params", "match"),
    [
        (
            {"sfreq": 128},  # 32 points: 0, 4, 8, ... Hz
            r"Band 'delta', 1 to 4 Hz, holds no frequency of a window of 32 time points at "
            r"sfreq=128, which has one every 4 Hz up to 64 Hz",
        ),
        ({"sfreq": 50, "bands": {"gamma": (30, 45)}}, "Band 'gamma', 30 to 45 Hz, holds no .*50"),
        ({"sfreq": 0}, "sfreq must be positive, in hertz, got 0"),
        ({"sfreq": None}, "sfreq must be positive, in hertz, got None"),
        ({"sfreq": 8, "bands": {}}, r"bands must be a dict .* got \{\}"),
        ({"sfreq": 8, "bands": [(1, 4)]}, r"bands must be a dict .* got \[\(1, 4\)\]"),
        ({"sfreq": 8, "bands": {"a": (4, 1)}}, r"Band 'a' must be .* low < high, got \(4, 1\)"),
        ({"sfreq": 8, "bands": {"a": 4}}, r"Band 'a' must be \(low, high\) .* got 4"),
        ({"sfreq": 8, "bands": {"a": ("1", 2)}}, r"Band 'a' must be .* got \('1', 2\)"),
        (
            {"sfreq": 8, "bands": {"a": (0, 2)}, "ch_names": ["Fp1"]},
            "ch_names must name each channel: X has 2 channels, got 1 names",
        ),
    ],
)
def test_fit_says_which_argument_cannot_be(params, match):
    with pytest.raises(ValueError, match=match):
        BandPower(**params).fit(np.ones((2, 2, 32)))


def test_transform_refuses_windows_too_short_for_a_band(trials):
    step = BandPower(sfreq=128).fit(trials.X)
    with pytest.raises(ValueError, match=r"Band 'delta'.* 32 time points"):
        step.transform(trials.X[..., :32])


def test_bags_are_sent_to_the_classifier_that_votes(trials):
    bags = SlidingWindows(window_size_samples=128).fit_transform(trials.X)
    with pytest.raises(ValueError, match="got bags of windows, of 4: put it inside of WindowVot"):
        BandPower(sfreq=128).fit(bags)


def test_another_number_of_channels_is_told_in_channels(trials):
    step = BandPower(sfreq=128).fit(trials.X)
    with pytest.raises(ValueError, match="X has 3 channels, but BandPower was fitted on 4"):
        step.transform(trials.X[:, :3])


def test_fit_comes_before_transform_and_names(trials):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        BandPower(sfreq=128).transform(trials.X)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        BandPower(sfreq=128).get_feature_names_out()


def test_a_failed_fit_leaves_the_step_as_it_was(trials):
    step = BandPower(sfreq=128).fit(trials.X)
    before = vars(step).copy()
    with pytest.raises(ValueError, match="Band 'delta'"):
        step.fit(trials.X[:, :2, :32])
    assert vars(step) == before


# In a pipeline


def test_the_planted_rhythm_is_found_in_new_people():
    trials = simulate_trials(n_subjects=6, n_trials=10, n_times=512, effect=1.5)
    linear = make_pipeline(BandPower(trials.sfreq), StandardScaler(), LinearDiscriminantAnalysis())
    pipe = make_pipeline(SlidingWindows(window_size_samples=256), WindowVotingClassifier(linear))
    subjects = trials.metadata["subject"]
    scores = cross_val_score(pipe, trials.X, trials.y, groups=subjects, cv=GroupKFold(3))
    assert scores.mean() > 0.85
    blind = clone(pipe)
    blind[-1].estimator.steps[0] = ("mean", FunctionTransformer(lambda X: X.mean(-1)))
    assert (
        cross_val_score(blind, trials.X, trials.y, groups=subjects, cv=GroupKFold(3)).mean() < 0.7
    )


def test_clones_and_pickles_keep_what_they_should(trials):
    params = {"sfreq": 128, "bands": ALPHA, "ch_names": trials.ch_names}
    step = clone(BandPower(**params))
    assert step.get_params() == params
    again = pickle.loads(pickle.dumps(step.fit(trials.X)))
    np.testing.assert_array_equal(again.transform(trials.X), step.transform(trials.X))
