"""Invented EEG: the truth that was planted is there, and nothing else."""

import numpy as np
import pytest
from scipy.signal import periodogram
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmamba import simulate_trials


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


# Form


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


def test_channels_have_names_of_the_ten_twenty_system_as_far_as_they_go():
    names = simulate_trials(n_channels=21, n_times=8).ch_names
    assert names[:4] == ("Fp1", "Fp2", "F3", "F4")
    assert names[18:] == ("Pz", "EEG19", "EEG20")
    assert len(set(names)) == 21


@pytest.mark.parametrize(("n_trials", "n_classes"), [(10, 2), (9, 2), (10, 3), (12, 4), (2, 3)])
def test_classes_of_every_subject_are_as_even_as_can_be(n_trials, n_classes):
    trials = simulate_trials(5, n_trials, n_times=8, n_classes=n_classes)
    for subject in range(5):
        y = trials.y[trials.metadata["subject"] == subject]
        counts = np.bincount(y, minlength=n_classes)
        assert len(counts) == n_classes
        assert counts.sum() == n_trials
        assert np.ptp(counts) <= 1


def test_the_order_of_classes_tells_nothing():
    y = simulate_trials(n_subjects=50, n_trials=10, n_channels=1, n_times=2).y.reshape(50, 10)
    assert len(np.unique(y, axis=0)) > 40
    assert np.abs(y.mean(axis=0) - 0.5).max() < 0.25


@pytest.mark.parametrize("n_times", [1, 2, 3])
def test_trials_of_a_few_points_are_finite(n_times):
    assert np.isfinite(simulate_trials(n_times=n_times).X).all()


# Chance


def test_same_seed_same_data():
    first, second = simulate_trials(random_state=3), simulate_trials(random_state=3)
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.y, second.y)


def test_other_seed_other_data():
    first, second = simulate_trials(random_state=3), simulate_trials(random_state=4)
    assert not np.allclose(first.X, second.X)
    assert (first.y != second.y).any()


def test_a_random_state_goes_on():
    rng = np.random.RandomState(3)
    first, second = simulate_trials(random_state=rng), simulate_trials(random_state=rng)
    np.testing.assert_array_equal(first.X, simulate_trials(random_state=3).X)
    assert not np.allclose(first.X, second.X)


def test_numpys_global_state_is_left_alone():
    np.random.seed(5)
    expected = np.random.random(3)
    np.random.seed(5)
    X = simulate_trials().X
    np.testing.assert_array_equal(np.random.random(3), expected)
    np.testing.assert_array_equal(simulate_trials().X, X)


# Truth


def test_a_linear_model_on_alpha_power_finds_the_effect_across_subjects():
    assert alpha_score(simulate_trials(n_subjects=8, n_trials=20, effect=1)) > 0.85


@pytest.mark.parametrize("seed", [0, 1])
def test_without_an_effect_there_is_nothing_to_find(seed):
    score = alpha_score(simulate_trials(8, 20, effect=0, random_state=seed))
    assert abs(score - 0.5) < 0.12  # three standard errors of 160 coin flips


def test_a_stronger_effect_is_easier_to_find():
    scores = [alpha_score(simulate_trials(8, 20, effect=effect)) for effect in (0, 0.3, 0.6, 1.5)]
    assert scores == sorted(scores)


def test_effect_is_the_log_ratio_of_alpha_amplitudes():
    trials = simulate_trials(4, 30, n_times=1024, n_classes=3, effect=np.log(2), subject_spread=0)
    wave = np.exp(-2j * np.pi * 10 * np.arange(1024) / 128)
    amplitude = 2 * np.abs(trials.X.mean(axis=1) @ wave) / 1024  # 10 Hz, alike in all channels
    by_class = [amplitude[trials.y == label].mean() for label in range(3)]
    np.testing.assert_allclose(by_class, [5, 10, 20], rtol=0.05)


@pytest.mark.parametrize("sfreq", [64.0, 128.0, 250.0])
def test_the_rhythm_is_at_ten_hertz_at_any_rate(sfreq):
    trials = simulate_trials(n_times=int(4 * sfreq), sfreq=sfreq, effect=0, subject_spread=0)
    frequencies, density = periodogram(trials.X, sfreq)
    density[..., frequencies <= 4] = 0  # where the noise is strong
    assert frequencies[density.mean(axis=(0, 1)).argmax()] == 10


def test_noise_has_equal_power_in_every_octave():
    trials = simulate_trials(4, 20, n_times=1024, effect=0, subject_spread=0)
    low, high = band_power(trials, 2, 4).mean(), band_power(trials, 20, 40).mean()
    assert 0.85 < low / high < 1.2  # white noise: 0.1; 1/f squared: 10


def test_power_is_that_of_the_noise_and_the_rhythm_in_microvolt():
    trials = simulate_trials(4, 20, effect=0, subject_spread=0)
    # noise of RMS 10 and a sine of amplitude 10
    assert np.square(trials.X).mean() == pytest.approx(100 + 100 / 2, rel=0.03)


def test_a_subject_has_offsets_of_its_own_in_all_its_trials():
    trials = simulate_trials(3, 10, n_times=1280, subject_spread=0.3)
    means = trials.X.mean(axis=2).reshape(3, 10, 4)
    assert means.std(axis=1).max() < 0.1
    assert means.std(axis=0).min() > 0.3


def test_without_spread_subjects_are_alike():
    trials = simulate_trials(3, 10, n_times=1280, subject_spread=0)  # 100 whole alpha cycles
    assert np.abs(trials.X.mean(axis=2)).max() < 1e-3


@pytest.mark.parametrize("spread", [0.3, 0.6])
def test_spread_is_that_of_the_log_alpha_amplitude_of_subjects(spread):
    trials = simulate_trials(100, 4, effect=0, subject_spread=spread)
    power = band_power(trials, 5, 15).mean(axis=1).reshape(100, 4).mean(axis=1)
    noise = 100 * np.log(15 / 5) / np.log(64 / 0.25)  # the octaves of 1/f that lie in the band
    amplitude = np.sqrt(2 * np.clip(power - noise, 1, None))
    assert np.log(amplitude).std() == pytest.approx(spread, rel=0.25)
    assert np.exp(np.log(amplitude).mean()) == pytest.approx(10, rel=0.2)


def test_subjects_differ_in_alpha_frequency():
    trials = simulate_trials(6, 10, n_times=2560, subject_spread=0.3)
    frequencies, density = periodogram(trials.X, 128)
    near = (frequencies > 7) & (frequencies < 13)
    power = density[..., near].mean(axis=1).reshape(6, 10, -1)
    peaks = frequencies[near][power.argmax(axis=-1)]  # (subjects, trials)
    assert np.ptp(peaks, axis=1).max() <= 0.1
    assert np.ptp(peaks[:, 0]) > 0.3
