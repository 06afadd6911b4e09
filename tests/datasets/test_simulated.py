"""Simulated EEG contains the requested signal and no other difference between classes."""

import numpy as np
import pytest
from scipy.signal import periodogram
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmamba.datasets import simulate_trials

HIDDEN = ("agreement", "synchrony", "slow rhythm")  # not in single channels or waves
SIGNED = ("evoked response", "drift")  # not in the power


def band_power(trials, low, high):
    """Power of each channel between two frequencies, in microvolt squared."""
    frequencies, density = periodogram(trials.X, trials.sfreq, detrend=False)
    inside = (frequencies >= low) & (frequencies < high)
    return density[..., inside].sum(-1) * (frequencies[1] - frequencies[0])


def alpha_score(trials):
    """Accuracy across subjects of a linear model on log alpha power."""
    features = np.log(band_power(trials, 8, 12.5))
    model = make_pipeline(StandardScaler(), LogisticRegression())
    groups = trials.metadata["subject"]
    return cross_val_score(model, features, trials.y, groups=groups, cv=LeaveOneGroupOut()).mean()


def test_rows_are_subject_by_subject():
    trials = simulate_trials(n_subjects=3, n_trials=2, n_channels=5, n_times=64, sfreq=100)
    assert trials.X.shape == (6, 5, 64)
    assert trials.X.dtype == np.float32
    assert trials.sfreq == 100
    assert trials.metadata.to_dict("list") == {
        "subject": [0, 0, 1, 1, 2, 2],
        "session": [0] * 6,
        "trial": [0, 1, 2, 3, 4, 5],
    }


def test_the_first_nineteen_channels_have_names_of_the_10_20_system():
    names = simulate_trials(n_channels=21, n_times=8).ch_names
    assert names[:4] == ("Fp1", "Fp2", "F3", "F4")
    assert names[18:] == ("Pz", "EEG19", "EEG20")
    assert len(set(names)) == 21


@pytest.mark.parametrize(("n_trials", "n_classes"), [(10, 2), (9, 2), (10, 3), (12, 4), (2, 3)])
def test_classes_are_balanced_within_subjects(n_trials, n_classes):
    trials = simulate_trials(5, n_trials, n_times=8, n_classes=n_classes)
    for subject in range(5):
        y = trials.y[trials.metadata["subject"] == subject]
        counts = np.bincount(y, minlength=n_classes)
        assert len(counts) == n_classes
        assert counts.sum() == n_trials
        assert np.ptp(counts) <= 1


@pytest.mark.parametrize("signal", ["agreement", "synchrony"])
def test_signals_between_channels_require_two_channels(signal):
    with pytest.raises(ValueError, match=f"at least 2 for signal='{signal}', got 1"):
        simulate_trials(n_channels=1, signal=signal)
    with pytest.raises(ValueError, match=r"signal must be one of 'strength', .* got 'other'"):
        simulate_trials(signal="other")


def test_values_of_random_state_0_are_those_of_earlier_versions():
    trials = simulate_trials()
    np.testing.assert_allclose(trials.X[0, 0, :3], [17.977722, 14.801206, 15.040997], rtol=1e-6)
    assert trials.X[-1, -1, -1] == pytest.approx(2.9609683, rel=1e-6)
    np.testing.assert_array_equal(trials.X, simulate_trials(signal="strength").X)


@pytest.mark.parametrize("signal", ["strength", "source", *HIDDEN, *SIGNED])
@pytest.mark.usefixtures("unchanged_global_state")
def test_random_state_determines_the_trials_and_leaves_the_global_state(signal):
    options = {"n_subjects": 3, "n_trials": 20, "n_classes": 4, "signal": signal}
    first, second, other = (simulate_trials(**options, random_state=i) for i in (3, 3, 4))
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.y, second.y)
    assert not np.allclose(first.X, other.X)
    assert (first.y != other.y).any()


@pytest.mark.parametrize("signal", ["strength", "source", *HIDDEN, *SIGNED])
@pytest.mark.parametrize("n_times", [1, 2, 3])
def test_trials_of_few_samples_are_finite(signal, n_times):
    trials = simulate_trials(3, 5, 6, n_times, signal=signal, n_classes=4, sfreq=100)
    assert trials.X.shape == (15, 6, n_times)
    assert np.isfinite(trials.X).all()
    assert set(trials.y) == {0, 1, 2, 3}


def test_a_source_is_in_one_direction_of_correlated_channels():
    trials = simulate_trials(1, 400, 6, 256, signal="source", effect=2.0)
    of_class = [np.mean([np.cov(x) for x in trials.X[trials.y == label]], 0) for label in (0, 1)]
    assert np.corrcoef(np.concatenate(trials.X, axis=1))[0, 1] > 0.5
    values, vectors = np.linalg.eigh(of_class[1] - of_class[0])
    assert abs(values[:-1]).max() < 0.2 * values[-1]  # the classes differ in one direction
    assert abs(vectors[0, -1]) == abs(vectors[:, -1]).max()  # nearest to the first channel


def test_a_random_state_instance_advances():
    rng = np.random.RandomState(3)
    first, second = simulate_trials(random_state=rng), simulate_trials(random_state=rng)
    np.testing.assert_array_equal(first.X, simulate_trials(random_state=3).X)
    assert not np.allclose(first.X, second.X)


# Amplitudes


def test_alpha_power_predicts_the_class_across_subjects():
    assert alpha_score(simulate_trials(n_subjects=8, n_trials=20, effect=1)) > 0.85


@pytest.mark.parametrize("seed", [0, 1])
def test_without_an_effect_alpha_power_predicts_at_chance_level(seed):
    score = alpha_score(simulate_trials(8, 20, effect=0, random_state=seed))
    assert abs(score - 0.5) < 0.12  # three standard errors of 160 trials


def test_effect_is_the_log_ratio_of_alpha_amplitudes():
    trials = simulate_trials(4, 30, n_times=1024, n_classes=3, effect=np.log(2), subject_spread=0)
    wave = np.exp(-2j * np.pi * 10 * np.arange(1024) / 128)
    amplitude = 2 * np.abs(trials.X.mean(axis=1) @ wave) / 1024  # 10 Hz, alike in all channels
    by_class = [amplitude[trials.y == label].mean() for label in range(3)]
    np.testing.assert_allclose(by_class, [5, 10, 20], rtol=0.05)


def test_noise_has_equal_power_in_every_octave():
    trials = simulate_trials(4, 20, n_times=1024, effect=0, subject_spread=0)
    low, high = band_power(trials, 2, 4).mean(), band_power(trials, 20, 40).mean()
    assert 0.85 < low / high < 1.2  # white noise: 0.1; 1/f squared: 10


def test_power_is_that_of_the_noise_and_the_rhythm_in_microvolt():
    trials = simulate_trials(4, 20, effect=0, subject_spread=0)
    # noise of RMS 10 and a sine of amplitude 10
    assert np.square(trials.X).mean() == pytest.approx(100 + 100 / 2, rel=0.03)


def test_offsets_differ_between_subjects_and_not_between_trials():
    trials = simulate_trials(3, 10, n_times=1280, subject_spread=0.3)
    means = trials.X.mean(axis=2).reshape(3, 10, 4)
    assert means.std(axis=1).max() < 0.1
    assert means.std(axis=0).min() > 0.3


@pytest.mark.parametrize("spread", [0.3, 0.6])
def test_subject_spread_is_that_of_the_log_alpha_amplitude(spread):
    trials = simulate_trials(100, 4, effect=0, subject_spread=spread)
    power = band_power(trials, 5, 15).mean(axis=1).reshape(100, 4).mean(axis=1)
    noise = 100 * np.log(15 / 5) / np.log(64 / 0.25)  # the octaves of 1/f that lie in the band
    amplitude = np.sqrt(2 * np.clip(power - noise, 1, None))
    assert np.log(amplitude).std() == pytest.approx(spread, rel=0.25)
    assert np.exp(np.log(amplitude).mean()) == pytest.approx(10, rel=0.2)


def test_subject_spread_is_that_of_the_log_amplitude_of_slow_waves():
    trials = simulate_trials(60, 4, 1, signal="slow rhythm", effect=0, subject_spread=1.0)
    amplitude = np.abs(trials.X).reshape(60, -1).max(axis=1)
    is_above_noise = amplitude > 60
    assert is_above_noise.mean() > 0.5
    assert np.log(amplitude[is_above_noise]).std() > 0.4


# Signals between two channels or waves


def alpha_waves(trials):
    """Complex amplitude of each channel at 10 Hz, in microvolt."""
    n_times = trials.X.shape[-1]
    return trials.X @ np.exp(-2j * np.pi * 10 * np.arange(n_times) / trials.sfreq) * 2 / n_times


def repeats(trials, lags):
    """Correlation of each trial, its channels' mean, with itself so many time points later."""
    x = trials.X.mean(axis=1)
    x = x - x.mean(axis=1, keepdims=True)
    pairs = [(x[:, :-lag], x[:, lag:]) for lag in lags]
    return np.stack(
        [(a * b).sum(1) / np.sqrt(np.square(a).sum(1) * np.square(b).sum(1)) for a, b in pairs], 1
    )


def test_agreement_is_the_difference_of_levels_of_two_channels():
    trials = simulate_trials(
        4, 60, n_times=1024, n_classes=3, signal="agreement", effect=1.5, subject_spread=0
    )
    level = np.round(np.log(np.abs(alpha_waves(trials)) / 10) / 1.5).astype(int)
    assert set(level.ravel()) == {-1, 0, 1}
    np.testing.assert_array_equal((level[:, 1] - level[:, 0]) % 3, trials.y)


@pytest.mark.parametrize(("n_classes", "degrees"), [(2, [155.2, 24.8]), (3, [174.3, 90, 5.7])])
def test_synchrony_is_the_phase_lag_of_the_second_channel(n_classes, degrees):
    trials = simulate_trials(
        4, 30, n_times=1024, n_classes=n_classes, signal="synchrony", effect=3, subject_spread=0
    )
    waves = alpha_waves(trials)
    turn = waves[:, 1] * waves[:, 0].conj()
    for label, expected in enumerate(degrees):
        mean = np.degrees(np.angle(turn[trials.y == label].mean()))
        assert mean == pytest.approx(expected, abs=3)


def test_effect_is_the_difference_of_log_ratios_of_sum_to_difference():
    trials = simulate_trials(4, 30, 2, 1024, signal="synchrony", effect=1, subject_spread=0)
    first, second = alpha_waves(trials).T
    ratio = np.log(np.abs(first + second) / np.abs(first - second))
    by_class = [ratio[trials.y == label].mean() for label in (0, 1)]
    np.testing.assert_allclose(by_class, [-0.5, 0.5], atol=0.05)


def test_successive_slow_waves_are_alike_or_inverted():
    trials = simulate_trials(4, 20, n_times=1280, signal="slow rhythm", effect=8)
    wave = repeats(trials, range(40, 110))  # 0.3 to 0.85 s: from one wave to the next
    np.testing.assert_array_equal(wave.max(axis=1) > -wave.min(axis=1), trials.y)


@pytest.mark.parametrize("signal", HIDDEN)
def test_without_an_effect_classes_have_one_distribution(signal):
    trials = simulate_trials(8, 50, n_times=1024, signal=signal, effect=0, subject_spread=0)
    first, second = alpha_waves(trials)[:, :2].T
    statistic = {
        "agreement": np.abs(np.log(np.abs(first) / np.abs(second))),
        "synchrony": np.angle(second * first.conj()),
        "slow rhythm": repeats(trials, range(40, 110)).max(axis=1),
    }[signal]
    assert ks_2samp(statistic[trials.y == 0], statistic[trials.y == 1]).pvalue > 0.01


@pytest.mark.parametrize("signal", ["agreement", "synchrony"])
def test_alpha_of_a_single_channel_does_not_depend_on_the_class(signal):
    trials = simulate_trials(10, 60, n_times=256, signal=signal, effect=3)
    power = np.log(band_power(trials, 8, 12.5))
    for channel in power.T:
        assert ks_2samp(channel[trials.y == 0], channel[trials.y == 1]).pvalue > 0.01


@pytest.mark.parametrize("signal", HIDDEN)
def test_spectra_of_a_quarter_of_a_second_do_not_depend_on_the_class(signal):
    trials = simulate_trials(40, 60, n_times=256, signal=signal, effect=3)
    pieces = trials.X.reshape(len(trials.X), 4, 8, 32)  # 4 Hz apart
    _, density = periodogram(pieces, trials.sfreq, "hann", detrend=False)
    by_class = [density[trials.y == label].mean(axis=(0, 2)) for label in (0, 1)]
    np.testing.assert_allclose(by_class[0], by_class[1], rtol=0.1)


# Signals whose sign depends on the class


def average_classes(trials):
    """Mean of the trials of each class, in microvolt."""
    return np.stack([trials.X[trials.y == label].mean((0, 1)) for label in np.unique(trials.y)])


def test_evoked_responses_have_opposite_peaks_after_each_second():
    options = {"n_channels": 8, "n_times": 256, "effect": 2, "subject_spread": 0}
    trials = simulate_trials(10, 100, signal="evoked response", **options)
    first, second = average_classes(trials)
    np.testing.assert_allclose(first, -second, atol=2)
    peaks = second[[26, 51, 154, 179]]  # 0.2 and 0.4 s after 0 and 1 s, at 128 Hz
    np.testing.assert_allclose(peaks, [20, -20, 20, -20], atol=1.5)
    np.testing.assert_allclose(second[[0, 38, 100, 166]], 0, atol=1.5)


def test_drifts_are_lines_of_opposite_slope():
    options = {"n_channels": 8, "n_times": 256, "effect": 2, "subject_spread": 0}
    first, second = average_classes(simulate_trials(10, 100, signal="drift", **options))
    np.testing.assert_allclose(second, np.linspace(-20, 20, 256), atol=2)
    np.testing.assert_allclose(first, -second, atol=3)


@pytest.mark.parametrize("signal", SIGNED)
def test_power_does_not_depend_on_the_class_of_a_signed_signal(signal):
    trials = simulate_trials(20, 40, n_times=256, signal=signal)
    for low, high in ((0, 2), (2, 8), (8, 30)):
        power = np.log(band_power(trials, low, high)).mean(axis=1)
        assert ks_2samp(power[trials.y == 0], power[trials.y == 1]).pvalue > 0.01
