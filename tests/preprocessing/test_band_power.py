"""Tests of BandPower."""

import numpy as np
import pytest
from scipy.signal import periodogram
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmamba import SlidingWindows, WindowVotingClassifier
from skmamba.datasets import simulate_trials
from skmamba.preprocessing import BandPower

ALPHA = {"alpha": (8, 13)}


def make_sines(*frequencies, sfreq=128, n_times=256):
    """Return one window with a sine per channel, in microvolts."""
    time = np.arange(n_times) / sfreq
    return 10 * np.sin(2 * np.pi * np.array(frequencies)[:, None] * time)[None]


def test_a_sine_of_four_samples_by_hand():
    # sfreq 4: frequencies 0, 1, 2 Hz. rfft of (0, 3, 0, -3) is (0, -6i, 0): power 0, 36, 0.
    step = BandPower(sfreq=4, bands={"one": (1, 2), "both": (1, 3)})
    features = step.fit_transform([[[0.0, 3.0, 0.0, -3.0]]])
    np.testing.assert_allclose(features, np.log([[36.0, 18.0]]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_features_equal_the_periodogram_of_scipy(trials, dtype):
    features = BandPower(sfreq=trials.sfreq).fit_transform(trials.X.astype(dtype))
    assert features.dtype == dtype
    frequencies, density = periodogram(trials.X.astype(float), fs=128)  # 2 |rfft|**2 / (sfreq n)
    limits = [(1, 4), (4, 8), (8, 13), (13, 30), (30, 45)]  # each is one of the frequencies
    masks = [(low <= frequencies) & (frequencies < high) for low, high in limits]
    expected = np.log(np.concatenate([density[..., mask].mean(-1) for mask in masks], axis=-1))
    rtol = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(features, expected + np.log(128 * 256 / 2), rtol=rtol)


def test_a_frequency_at_the_limit_of_two_bands_belongs_to_the_upper_one():
    # Bin 15 of 3.75 s is 4 Hz; 15 * (1 / 3.75) is less in floating point.
    X = make_sines(4, sfreq=300, n_times=1125)
    features = BandPower(sfreq=300, bands={"below": (1, 4), "above": (4, 8)}).fit_transform(X)
    assert features[0, 1] - features[0, 0] > 20


def test_offsets_have_no_effect(trials):
    X = trials.X.astype(float)
    step = BandPower(sfreq=128, bands={"low": (0, 4), **ALPHA}).fit(X)
    np.testing.assert_allclose(step.transform(X + 1000), step.transform(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("level", [0, 0.1, -4000])
def test_constant_signals_have_finite_features(dtype, level):
    features = BandPower(sfreq=128).fit_transform(np.full((2, 3, 256), level, dtype))
    assert np.isfinite(features).all()
    assert (features < -1).all()


def test_weak_signals_in_volts_are_above_the_floor(trials):
    microvolts = BandPower(sfreq=128).fit_transform(trials.X)
    volts = BandPower(sfreq=128).fit_transform(trials.X * np.float32(1e-9))  # 10 nanovolts
    np.testing.assert_allclose(volts, microvolts - np.log(1e18), rtol=1e-4)


def test_features_are_independent_of_the_batch():
    X = np.random.default_rng(0).normal(size=(1100, 2, 128))
    features = BandPower(sfreq=128).fit_transform(X)
    for rows in ([0], [511, 512], [1099]):
        np.testing.assert_array_equal(BandPower(sfreq=128).fit_transform(X[rows]), features[rows])


@pytest.mark.parametrize("n_times", [128, 200, 1001])
def test_transform_accepts_windows_of_any_length(trials, n_times):
    step = BandPower(sfreq=128).fit(trials.X)
    X = np.random.default_rng(0).normal(size=(3, 4, n_times))
    assert step.transform(X).shape == (3, 20)


def test_two_dimensions_are_windows_of_one_channel(trials):
    step = BandPower(sfreq=128)
    features = step.fit_transform(trials.X[:, 0])
    np.testing.assert_array_equal(features, step.fit_transform(trials.X[:, :1]))


def test_epochs_have_names_and_are_converted_to_microvolts(make_epochs):
    epochs = make_epochs(n_trials=2, ch_names=["Fp1", "O1"], n_times=128, other=["EOG"])
    step = BandPower(sfreq=128, bands=ALPHA).fit(epochs)
    assert step.get_feature_names_out().tolist() == ["Fp1_alpha", "O1_alpha"]
    expected = step.transform(epochs.get_data(picks="eeg", units="uV"))
    np.testing.assert_allclose(step.transform(epochs), expected)


# Names and data frames


def test_feature_names_match_the_features():
    step = BandPower(sfreq=128, bands={"alpha": (8, 13), "beta": (13, 30)}, ch_names=["Fp1", "O2"])
    features = step.fit_transform(make_sines(10, 20))[0]
    named = dict(zip(step.get_feature_names_out(), features, strict=True))
    assert list(named) == ["Fp1_alpha", "O2_alpha", "Fp1_beta", "O2_beta"]
    assert min(named["Fp1_alpha"], named["O2_beta"]) > max(named["O2_alpha"], named["Fp1_beta"])


def test_channels_without_names_are_numbered(trials):
    step = BandPower(sfreq=128, bands=ALPHA).fit(trials.X[:, :2])
    assert step.get_feature_names_out().tolist() == ["channel0_alpha", "channel1_alpha"]


def test_pandas_output_has_named_columns(trials):
    step = BandPower(sfreq=128, bands=ALPHA, ch_names=trials.ch_names)
    pipe = make_pipeline(step, StandardScaler()).set_output(transform="pandas")
    frame = pipe.fit_transform(trials.X)
    assert list(frame.columns) == ["Fp1_alpha", "Fp2_alpha", "F3_alpha", "F4_alpha"]


# Errors


@pytest.mark.parametrize(
    ("params", "match"),
    [
        (
            {"sfreq": 128},  # 32 samples: 0, 4, 8, ... Hz
            r"Band 'delta', 1 to 4 Hz, contains no frequency of a window of 32 samples at "
            r"sfreq=128, with frequencies every 4 Hz up to 64 Hz",
        ),
        ({"sfreq": 50, "bands": {"gamma": (30, 45)}}, "Band 'gamma', 30 to 45 Hz, contains no"),
        ({"sfreq": 0}, "sfreq must be a positive number, got 0"),
        ({"sfreq": None}, "sfreq must be a positive number, got None"),
        ({"sfreq": 8, "bands": {}}, r"bands must be a dict .* got \{\}"),
        ({"sfreq": 8, "bands": [(1, 4)]}, r"bands must be a dict .* got \[\(1, 4\)\]"),
        ({"sfreq": 8, "bands": {"a": (4, 1)}}, r"Band 'a' must be .* low < high, got \(4, 1\)"),
        ({"sfreq": 8, "bands": {"a": 4}}, r"Band 'a' must be \(low, high\) .* got 4"),
        ({"sfreq": 8, "bands": {"a": ("1", 2)}}, r"Band 'a' must be .* got \('1', 2\)"),
        (
            {"sfreq": 8, "bands": {"a": (0, 2)}, "ch_names": ["Fp1"]},
            "ch_names must have one name for each of the 2 channels of X, got 1 names",
        ),
    ],
)
def test_parameters_are_validated_and_a_failed_fit_changes_nothing(params, match):
    step = BandPower(sfreq=128, bands=ALPHA).fit(np.ones((2, 3, 32)))
    step.set_params(**{"bands": None} | params)
    before = vars(step).copy()
    with pytest.raises(ValueError, match=match):
        step.fit(np.ones((2, 2, 32)))
    assert vars(step) == before


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (np.zeros((2, 4, 32)), r"Band 'delta'.* 32 samples"),
        (np.zeros((2, 3, 256)), "X has 3 channels, but BandPower was fitted on 4"),
        (np.zeros((2, 2, 4, 128)), r"at most 3 dimensions for BandPower, got 4. Use WindowVoting"),
    ],
)
def test_transform_rejects_data_that_do_not_match(trials, X, match):
    step = BandPower(sfreq=128).fit(trials.X)
    with pytest.raises(ValueError, match=match):
        step.transform(X)


def test_trials_must_have_the_rate_of_the_array_in_fit(trials):
    step = BandPower(sfreq=128).fit(trials.X)
    with pytest.raises(ValueError, match=r"X must be at 128 Hz, .* got 256 Hz: resample it"):
        step.transform(trials.derive(sfreq=256.0))


# Pipelines


def test_a_simulated_rhythm_is_found_in_new_subjects():
    trials = simulate_trials(n_subjects=6, n_trials=10, n_times=512, effect=1.5)
    means = FunctionTransformer(lambda X: X.mean(-1))
    scores = []
    for features in (BandPower(trials.sfreq), means):
        linear = make_pipeline(features, StandardScaler(), LinearDiscriminantAnalysis())
        pipe = make_pipeline(
            SlidingWindows(2.0, sfreq=trials.sfreq), WindowVotingClassifier(linear)
        )
        groups = trials.metadata["subject"]
        scores.append(
            cross_val_score(pipe, trials.X, trials.y, groups=groups, cv=GroupKFold(3)).mean()
        )
    assert scores[0] > 0.85
    assert scores[1] < 0.7
