"""Invented EEG: the truth that was planted is there, and nothing else."""

import numpy as np
import pytest
from scipy.signal import periodogram
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmamba.datasets import simulate_trials

HIDDEN = ("agreement", "synchrony", "slow rhythm")  # from whoever looks at one channel or wave


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


def test_an_unknown_truth_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"signal must be one of 'strength', .* got 'beauty'"):
        simulate_trials(signal="beauty")


@pytest.mark.parametrize("truth", ["agreement", "synchrony"])
def test_a_truth_about_two_channels_needs_them(truth):
    with pytest.raises(ValueError, match=f"signal='{truth}' needs n_channels of at least 2, got 1"):
        simulate_trials(n_channels=1, signal=truth)


@pytest.mark.parametrize("truth", HIDDEN)
def test_every_truth_takes_any_size_and_number_of_classes(truth):
    trials = simulate_trials(3, 5, n_channels=6, n_times=1, signal=truth, n_classes=4, sfreq=100)
    assert trials.X.shape == (15, 6, 1)
    assert np.isfinite(trials.X).all()
    assert set(trials.y) == {0, 1, 2, 3}


# Chance


def test_seed_0_gives_the_trials_it_always_gave():
    trials = simulate_trials()
    np.testing.assert_allclose(trials.X[0, 0, :3], [17.977722, 14.801206, 15.040997], rtol=1e-6)
    assert trials.X[-1, -1, -1] == pytest.approx(2.9609683, rel=1e-6)
    np.testing.assert_array_equal(trials.X, simulate_trials(signal="strength").X)


@pytest.mark.parametrize("truth", HIDDEN)
def test_same_seed_same_data_whatever_the_truth(truth):
    first, second = (simulate_trials(signal=truth, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.y, second.y)


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


# Truths that take two: channels, or waves


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


def test_agreement_is_of_the_levels_of_the_first_two_channels():
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


def test_effect_is_what_the_ratio_of_sum_to_difference_grows_by():
    trials = simulate_trials(4, 30, 2, 1024, signal="synchrony", effect=1, subject_spread=0)
    first, second = alpha_waves(trials).T
    ratio = np.log(np.abs(first + second) / np.abs(first - second))
    by_class = [ratio[trials.y == label].mean() for label in (0, 1)]
    np.testing.assert_allclose(by_class, [-0.5, 0.5], atol=0.05)


def test_channels_beyond_the_second_have_rhythms_of_their_own():
    for truth in ("agreement", "synchrony"):
        waves = alpha_waves(simulate_trials(8, 40, signal=truth, effect=3, subject_spread=0))
        turns = waves[:, 2:] * waves[:, :1].conj() / np.abs(waves[:, 2:] * waves[:, :1])
        assert np.abs(turns.mean(axis=0)).max() < 0.2  # 320 trials: chance is 0.06


def test_slow_waves_are_alike_or_every_second_one_is_upside_down():
    trials = simulate_trials(4, 20, n_times=1280, signal="slow rhythm", effect=8)
    wave = repeats(trials, range(40, 110))  # 0.3 to 0.85 s: from one wave to the next
    np.testing.assert_array_equal(wave.max(axis=1) > -wave.min(axis=1), trials.y)


def test_the_next_wave_but_one_is_alike_whatever_the_lag():
    trials = simulate_trials(2, 20, n_times=1280, signal="slow rhythm", effect=0, subject_spread=0)
    next_but_one = range(115, 181)  # two waves at 1.8 a second and up to 20 % more or less
    assert repeats(trials, next_but_one).max(axis=1).min() > 0.5


def test_the_rate_of_waves_differs_from_trial_to_trial():
    trials = simulate_trials(1, 80, n_times=1280, signal="slow rhythm", effect=8, subject_spread=0)
    alike = repeats(trials, range(50, 100))[trials.y == 1]
    rates = 128 / (50 + alike.argmax(axis=1))
    assert rates.mean() == pytest.approx(1.8, rel=0.05)
    assert 1.4 < rates.min() < 1.55
    assert 2.05 < rates.max() < 2.2


def test_waves_have_their_width_and_may_start_anywhere():
    trials = simulate_trials(10, 80, n_times=512, signal="slow rhythm", subject_spread=0)
    power = np.square(trials.X.mean(axis=1)).mean(axis=0)
    noise = 100 / 4  # of the mean of four channels
    one_wave = 75**2 / 2 * 0.05 * np.sqrt(np.pi)  # energy of a sine under a normal curve
    assert power.mean() == pytest.approx(1.8 * one_wave + noise, rel=0.05)
    assert power[:8].mean() == pytest.approx(power.mean(), rel=0.25)


def test_the_slow_rhythm_is_the_same_in_all_channels():
    trials = simulate_trials(2, 5, n_times=2560, signal="slow rhythm", subject_spread=0)
    common = trials.X.mean(axis=1)
    apart = trials.X - common[:, None]
    # three quarters of 10 microvolt of noise in each of four channels
    assert np.square(apart).mean() == pytest.approx(75, rel=0.05)
    assert common.std() > 15


@pytest.mark.parametrize("truth", HIDDEN)
def test_without_an_effect_classes_are_alike(truth):
    trials = simulate_trials(8, 50, n_times=1024, signal=truth, effect=0, subject_spread=0)
    first, second = alpha_waves(trials)[:, :2].T
    told = {
        "agreement": np.abs(np.log(np.abs(first) / np.abs(second))),
        "synchrony": np.angle(second * first.conj()),
        "slow rhythm": repeats(trials, range(40, 110)).max(axis=1),
    }[truth]
    assert ks_2samp(told[trials.y == 0], told[trials.y == 1]).pvalue > 0.01


@pytest.mark.parametrize("truth", ["agreement", "synchrony"])
def test_a_channel_alone_has_the_same_alpha_in_all_classes(truth):
    trials = simulate_trials(10, 60, n_times=256, signal=truth, effect=3)
    power = np.log(band_power(trials, 8, 12.5))
    for channel in power.T:
        assert ks_2samp(channel[trials.y == 0], channel[trials.y == 1]).pvalue > 0.01


@pytest.mark.parametrize("truth", HIDDEN)
def test_spectra_of_a_quarter_of_a_second_are_the_same_in_all_classes(truth):
    trials = simulate_trials(40, 60, n_times=256, signal=truth, effect=3)
    pieces = trials.X.reshape(len(trials.X), 4, 8, 32)  # 4 Hz apart
    _, density = periodogram(pieces, trials.sfreq, "hann", detrend=False)
    by_class = [density[trials.y == label].mean(axis=(0, 2)) for label in (0, 1)]
    np.testing.assert_allclose(by_class[0], by_class[1], rtol=0.1)


@pytest.mark.parametrize("truth", HIDDEN)
def test_a_linear_model_on_alpha_power_finds_no_hidden_truth(truth):
    assert abs(alpha_score(simulate_trials(8, 40, signal=truth, effect=3)) - 0.5) < 0.09
