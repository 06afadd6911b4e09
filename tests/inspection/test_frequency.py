import mne
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import NotFittedError

from skmamba import (
    BraindecodeClassifier,
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    WindowVotingClassifier,
    load_eegmat,
)
from skmamba.datasets import simulate_trials
from skmamba.inspection import frequency_profile
from skmamba.models import TimesNet


def tiny(**params):
    return MSiMambaClassifier(
        **{"d_model": 4, "d_hidden": 2, "max_epochs": 1, "random_state": 0, **params}
    )


@pytest.fixture(scope="module")
def alpha():
    return simulate_trials(n_subjects=4, n_trials=6, n_times=256, effect=1, subject_spread=0)


@pytest.fixture(scope="module")
def pipe(alpha):
    return make_pipeline(SlidingWindows(window_size_samples=128, stride_samples=64), tiny()).fit(
        alpha.X, alpha.y
    )


def blocks_of(pipe):
    modules = pipe[-1].net_.module_.modules()
    return [module for module in modules if type(module).__name__ == "MultiScaleTemporalBlock"]


def profile_by_hand(X, y, clf, size, stride, sfreq):
    """Rows by (label, channel, frequency), with numpy alone."""
    starts = range(0, X.shape[2] - size + 1, stride)
    found = {}
    for label in np.unique(y):
        windows = [x[:, s : s + size] for x in X[y == label] for s in starts]
        for x in windows:
            x = np.clip((x - clf.center_[:, None]) / clf.scale_[:, None], -8, 8)
            spectrum = abs(np.fft.rfft(x, axis=1))[:, 1:]
            best = np.argsort(-spectrum.mean(0))[: clf.top_k]
            chosen = spectrum.mean(0)[best]
            weights = np.exp(chosen / chosen.mean())
            for f in range(size // 2):
                for channel in range(len(x)):
                    row = found.setdefault((label, channel, (f + 1) * sfreq / size), np.zeros(3))
                    row[0] += (f in best) / len(windows)
                    if f in best:
                        row[1] += (weights / weights.sum())[list(best).index(f)] / len(windows)
                    row[2] += spectrum[channel, f] / (size / 2) / len(windows)
    return found


def test_the_table_is_what_numpy_finds_by_hand(alpha, pipe):
    profile = frequency_profile(pipe, alpha)
    expected = profile_by_hand(alpha.X, alpha.y, pipe[-1], 128, 64, 128.0)
    for row in profile.itertuples():
        key = row.label, alpha.ch_names.index(row.channel), row.frequency
        np.testing.assert_allclose(
            [row.share, row.weight, row.amplitude], expected[key], rtol=1e-4, atol=1e-6
        )
    somewhere = {key[2] for key, values in expected.items() if values[0]}
    assert set(profile["frequency"]) == somewhere
    assert len(profile) == 2 * 4 * len(somewhere)


def test_the_planted_rhythm_comes_out_on_top(alpha, pipe):
    profile = frequency_profile(pipe, alpha)
    weight = profile.groupby(["label", "frequency"])["weight"].mean()
    assert weight[1].idxmax() == 10.0
    assert weight[1, 10.0] > weight[0, 10.0]
    assert profile.query("label == 1 and frequency == 10.0")["share"].eq(1).all()


def test_the_channel_that_carries_the_rhythm_is_the_strongest_there(alpha):
    X = simulate_trials(n_subjects=4, n_trials=6, n_times=256, effect=0).X.copy()
    X[:, 2] = alpha.X[:, 2]
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), tiny()).fit(X, alpha.y)
    profile = frequency_profile(pipe, X, alpha.y, sfreq=128, ch_names=alpha.ch_names)
    there = profile.query("frequency == 10.0").pivot(
        index="channel", columns="label", values="amplitude"
    )
    assert (there[1] - there[0]).idxmax() == "F3"


def test_shares_add_up_to_top_k_and_weights_to_one(alpha, pipe):
    profile = frequency_profile(pipe, alpha)
    sums = profile.groupby(["label", "channel"])[["share", "weight"]].sum()
    np.testing.assert_allclose(sums["share"], pipe[-1].top_k)
    np.testing.assert_allclose(sums["weight"], 1, rtol=1e-5)
    assert set(profile["n_windows"]) == {12 * 3}


def test_a_period_is_the_length_of_a_fold_in_seconds(alpha, pipe):
    profile = frequency_profile(pipe, alpha).drop_duplicates("frequency")
    for row in profile.itertuples():
        assert row.period == np.ceil(128 / row.frequency) / 128


@pytest.mark.parametrize("size", [16, 15])
def test_a_sine_of_amplitude_one_counts_one(size):
    cycles = size // 2  # at even sizes, half the sampling rate
    sine = np.cos(2 * np.pi * cycles * np.arange(size) / size)
    X = np.stack([sine, 2 * sine])[None].repeat(4, 0)
    clf = tiny(scaling=None, top_k=1).fit(X, [0, 1, 0, 1])
    profile = frequency_profile(clf, X, [0, 1, 0, 1], sfreq=size)
    assert profile["frequency"].unique().tolist() == [cycles]
    np.testing.assert_allclose(profile["amplitude"], [1, 2, 1, 2], rtol=1e-5)


def test_fixed_periods_are_chosen_by_every_window(alpha):
    pipe = make_pipeline(
        SlidingWindows(window_size_samples=128), tiny(period_selection="fixed", top_k=2)
    )
    profile = frequency_profile(pipe.fit(alpha.X, alpha.y), alpha)
    assert (profile["share"] == 1).all()
    fixed = [block.frequencies.tolist() for block in blocks_of(pipe)]
    assert all(set(profile["frequency"]) == set(frequencies) for frequencies in fixed)


def test_without_labels_predicted_classes_are_counted(alpha, pipe):
    profile = frequency_profile(pipe, alpha.X, sfreq=alpha.sfreq, ch_names=alpha.ch_names)
    same = frequency_profile(pipe, alpha, pipe.predict(alpha.X))
    assert profile.equals(same)


def test_the_order_of_trials_does_not_matter(alpha, pipe):
    order = np.random.default_rng(0).permutation(len(alpha))
    profile = frequency_profile(pipe, alpha.select(order))
    expected = frequency_profile(pipe, alpha)
    np.testing.assert_allclose(profile["weight"], expected["weight"], rtol=1e-5)
    np.testing.assert_allclose(profile["amplitude"], expected["amplitude"], rtol=1e-5)


def test_names_follow_the_picked_channels(alpha):
    picker = ChannelPicker(["F4", "Fp2"], ch_names=alpha.ch_names)
    pipe = make_pipeline(picker, SlidingWindows(window_size_samples=128), tiny()).fit(
        alpha.X, alpha.y
    )
    told = frequency_profile(pipe, alpha)
    assert told["channel"].unique().tolist() == ["F4", "Fp2"]
    untold = frequency_profile(pipe, alpha.X, alpha.y, sfreq=128)
    assert told.equals(untold)
    of_two = frequency_profile(pipe, alpha.X, alpha.y, sfreq=128, ch_names=["a", "b"])
    assert of_two["channel"].unique().tolist() == ["a", "b"]


def test_without_names_channels_are_indices(alpha):
    pipe = make_pipeline(ChannelPicker([3, 1]), SlidingWindows(window_size_samples=128), tiny())
    profile = frequency_profile(pipe.fit(alpha.X, alpha.y), alpha.X, alpha.y, sfreq=128)
    assert profile["channel"].unique().tolist() == [3, 1]
    clf = tiny().fit(alpha.X, alpha.y)
    profile = frequency_profile(clf, alpha.X, alpha.y, sfreq=128)
    assert profile["channel"].unique().tolist() == [0, 1, 2, 3]


def test_epochs_bring_rate_and_names(alpha):
    info = mne.create_info(list(alpha.ch_names), alpha.sfreq, "eeg")
    epochs = mne.EpochsArray(1e-6 * alpha.X.astype(float), info, verbose=False)
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), tiny()).fit(epochs, alpha.y)
    profile = frequency_profile(pipe, epochs, alpha.y)
    expected = frequency_profile(pipe, alpha)
    assert profile["channel"].tolist() == expected["channel"].tolist()
    np.testing.assert_allclose(profile["weight"], expected["weight"], rtol=1e-4)


def test_the_best_of_a_search_is_looked_into(alpha):
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), tiny())
    search = GridSearchCV(pipe, {"slidingwindows__size": [128]}, cv=2).fit(alpha.X, alpha.y)
    assert frequency_profile(search, alpha).equals(frequency_profile(search.best_estimator_, alpha))


def test_the_network_is_left_without_a_watcher(alpha, pipe):
    before = pipe.predict_proba(alpha.X)
    frequency_profile(pipe, alpha)
    assert not any(block._forward_pre_hooks for block in blocks_of(pipe))
    with pytest.raises(ValueError, match="NaN"):
        frequency_profile(pipe, np.full_like(alpha.X, np.nan), alpha.y, sfreq=128)
    assert not any(block._forward_pre_hooks for block in blocks_of(pipe))
    np.testing.assert_array_equal(pipe.predict_proba(alpha.X), before)


def test_silent_windows_make_a_table_without_gaps(alpha, pipe):
    profile = frequency_profile(pipe, np.zeros_like(alpha.X), alpha.y, sfreq=128)
    assert profile.notna().all(axis=None)


def test_classifiers_without_the_block_are_refused(alpha):
    no_block = tiny(use_mstb=False).fit(alpha.X, alpha.y)
    with pytest.raises(TypeError, match="no multi-scale block since use_mstb=False"):
        frequency_profile(no_block, alpha)
    log_power = FunctionTransformer(lambda X: np.log(X.var(-1)))
    voting = WindowVotingClassifier(make_pipeline(log_power, LogisticRegression()))
    with pytest.raises(TypeError, match="WindowVotingClassifier has no multi-scale block, so"):
        frequency_profile(voting.fit(alpha.X, alpha.y), alpha)


def test_blocks_inside_another_network_are_not_taken_for_this_one(alpha):
    rival = BraindecodeClassifier(TimesNet, max_epochs=1, random_state=0)
    with pytest.raises(TypeError, match="BraindecodeClassifier has no multi-scale block"):
        frequency_profile(rival.fit(alpha.X, alpha.y), alpha)


def test_what_is_missing_is_told(alpha, pipe):
    with pytest.raises(ValueError, match="sfreq must be given, in hertz"):
        frequency_profile(pipe, alpha.X, alpha.y)
    with pytest.raises(ValueError, match="sfreq must be positive"):
        frequency_profile(pipe, alpha.X, alpha.y, sfreq=-1)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        frequency_profile(pipe, alpha, alpha.y[:-1])
    with pytest.raises(ValueError, match="y must label every trial, but 1 are missing"):
        frequency_profile(pipe, alpha, np.where(np.arange(24) == 3, np.nan, alpha.y))
    with pytest.raises(ValueError, match="4 channels reach the classifier, but there are 3 names"):
        frequency_profile(pipe, alpha.X, alpha.y, sfreq=128, ch_names=["a", "b", "c"])
    with pytest.raises(ValueError, match="X holds no trials"):
        frequency_profile(pipe, alpha.X[:0], sfreq=128)
    with pytest.raises(NotFittedError):
        frequency_profile(tiny(), alpha)


def test_it_runs_on_real_recordings():
    trials = load_eegmat().select(subject=[0, 1])
    picker = ChannelPicker("frontal4", ch_names=trials.ch_names)
    pipe = make_pipeline(picker, SlidingWindows(window_size_samples=256), tiny()).fit(
        trials.X, trials.y
    )
    profile = frequency_profile(pipe, trials)
    assert profile["channel"].unique().tolist() == ["Fp1", "Fp2", "F3", "F4"]
    assert profile["frequency"].between(0.4, trials.sfreq / 2).all()
    np.testing.assert_allclose(profile.groupby(["label", "channel"])["share"].sum(), pipe[-1].top_k)
