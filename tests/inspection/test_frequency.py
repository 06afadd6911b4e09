import mne
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import (
    BraindecodeClassifier,
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    WindowVotingClassifier,
)
from skmamba.datasets import simulate_trials
from skmamba.inspection import frequency_profile
from skmamba.models import TimesNet
from skmamba.modules import MultiScaleTemporalBlock


def tiny(**params):
    return MSiMambaClassifier(
        **{"d_model": 4, "d_hidden": 2, "max_epochs": 1, "random_state": 0, **params}
    )


def windowed(*steps, size=128, **params):
    return make_pipeline(*steps, SlidingWindows(window_size_samples=size), tiny(**params))


@pytest.fixture(scope="module")
def alpha():
    return simulate_trials(n_subjects=4, n_trials=6, n_times=256, effect=1, subject_spread=0)


@pytest.fixture(scope="module")
def pipe(alpha):
    windows = SlidingWindows(window_size_samples=128, stride_samples=64)
    return make_pipeline(windows, tiny()).fit(alpha.X, alpha.y)


@pytest.fixture(scope="module")
def profile(alpha, pipe):
    return frequency_profile(pipe, alpha)


def get_blocks(pipe):
    modules = pipe[-1].net_.module_.modules()
    return [module for module in modules if isinstance(module, MultiScaleTemporalBlock)]


def compute_profile(X, y, clf, size, stride, sfreq):
    """Share, weight and amplitude by label, channel and frequency, with NumPy only."""
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


def test_profile_is_that_of_a_loop_over_windows(alpha, pipe, profile):
    expected = compute_profile(alpha.X, alpha.y, pipe[-1], 128, 64, 128.0)
    for row in profile.itertuples():
        key = row.label, alpha.ch_names.index(row.channel), row.frequency
        np.testing.assert_allclose(
            [row.share, row.weight, row.amplitude], expected[key], rtol=1e-4, atol=1e-6
        )
    selected = {key[2] for key, values in expected.items() if values[0]}
    assert set(profile["frequency"]) == selected
    assert len(profile) == 2 * 4 * len(selected)
    assert set(profile["n_windows"]) == {12 * 3}
    assert profile.attrs["resolution"] == 1  # windows of one second


def test_period_is_a_whole_number_of_samples_rounded_up(profile):
    expected = np.ceil(128 / profile["frequency"]) / 128
    np.testing.assert_allclose(profile["period"], expected)


@pytest.mark.parametrize("size", [16, 15])
def test_sine_of_amplitude_one_has_amplitude_one(size):
    cycles = size // 2  # at even sizes, half the sampling rate
    sine = np.cos(2 * np.pi * cycles * np.arange(size) / size)
    X = np.stack([sine, 2 * sine])[None].repeat(4, 0)
    clf = tiny(scaling=None, top_k=1).fit(X, [0, 1, 0, 1])
    profile = frequency_profile(clf, X, [0, 1, 0, 1], sfreq=size)
    assert profile["frequency"].unique().tolist() == [cycles]
    np.testing.assert_allclose(profile["amplitude"], [1, 2, 1, 2], rtol=1e-5)
    faster = frequency_profile(clf, X, [0, 1, 0, 1], sfreq=2 * size)  # half a second
    assert faster["frequency"].unique().tolist() == [2 * cycles]
    assert faster.attrs["resolution"] == 2


def test_fixed_frequencies_are_selected_by_every_window(alpha):
    pipe = windowed(top_k=2, module_params={"period_selection": "fixed"})
    profile = frequency_profile(pipe.fit(alpha.X, alpha.y), alpha)
    assert (profile["share"] == 1).all()
    fixed = [block.frequencies.tolist() for block in get_blocks(pipe)]
    assert all(set(profile["frequency"]) == set(frequencies) for frequencies in fixed)


def test_predicted_classes_replace_missing_labels(alpha, pipe):
    profile = frequency_profile(pipe, alpha.X, sfreq=alpha.sfreq, ch_names=alpha.ch_names)
    assert profile.equals(frequency_profile(pipe, alpha, pipe.predict(alpha.X)))


def test_names_are_those_of_the_picked_channels(alpha):
    picker = ChannelPicker(["F4", "Fp2"], ch_names=alpha.ch_names)
    pipe = windowed(picker).fit(alpha.X, alpha.y)
    profile = frequency_profile(pipe, alpha)
    nested = make_pipeline(make_pipeline(picker), *pipe[1:]).fit(alpha.X, alpha.y)
    assert frequency_profile(nested, alpha).equals(profile)
    assert profile["channel"].unique().tolist() == ["F4", "Fp2"]
    assert profile.equals(frequency_profile(pipe, alpha.X, alpha.y, sfreq=128))
    named = frequency_profile(pipe, alpha.X, alpha.y, sfreq=128, ch_names=["a", "b"])
    assert named["channel"].unique().tolist() == ["a", "b"]


@pytest.mark.parametrize(("steps", "expected"), [([ChannelPicker([3, 1])], [3, 1]), ([], range(4))])
def test_channels_without_names_are_indices(alpha, steps, expected):
    pipe = windowed(*steps).fit(alpha.X, alpha.y)
    profile = frequency_profile(pipe, alpha.X, alpha.y, sfreq=128)
    assert profile["channel"].unique().tolist() == list(expected)


def test_epochs_provide_sampling_rate_and_names(alpha):
    info = mne.create_info(list(alpha.ch_names), alpha.sfreq, "eeg")
    epochs = mne.EpochsArray(1e-6 * alpha.X.astype(float), info, verbose=False)
    pipe = windowed().fit(epochs, alpha.y)
    profile = frequency_profile(pipe, epochs, alpha.y)
    expected = frequency_profile(pipe, alpha)
    assert profile["channel"].tolist() == expected["channel"].tolist()
    np.testing.assert_allclose(profile["weight"], expected["weight"], rtol=1e-4)


def test_fitted_search_is_replaced_by_its_best_estimator(alpha):
    grid = {"slidingwindows__window_size_samples": [128]}
    search = GridSearchCV(windowed(), grid, cv=2).fit(alpha.X, alpha.y)
    assert frequency_profile(search, alpha).equals(frequency_profile(search.best_estimator_, alpha))


def test_hooks_are_removed_from_the_network(alpha, pipe, profile):
    assert not any(block._forward_pre_hooks for block in get_blocks(pipe))
    with pytest.raises(ValueError, match="NaN"):
        frequency_profile(pipe, np.full_like(alpha.X, np.nan), alpha.y, sfreq=128)
    assert not any(block._forward_pre_hooks for block in get_blocks(pipe))


def test_windows_of_zeros_have_a_profile_without_missing_values(alpha, pipe):
    profile = frequency_profile(pipe, np.zeros_like(alpha.X), alpha.y, sfreq=128)
    assert profile.notna().all(axis=None)


@pytest.mark.parametrize(
    "clf",
    [
        tiny(module_params={"use_mstb": False}),
        BraindecodeClassifier(TimesNet, max_epochs=1, random_state=0),  # with blocks of its own
        WindowVotingClassifier(
            make_pipeline(FunctionTransformer(lambda X: X.var(-1)), LogisticRegression())
        ),
    ],
    ids=["no block", "other network", "no network"],
)
def test_classifiers_without_the_block_are_errors(alpha, clf):
    with pytest.raises(TypeError, match=rf"estimator.* must .*got {type(clf).__name__}"):
        frequency_profile(clf.fit(alpha.X, alpha.y), alpha)


def test_classifiers_that_use_other_windows_of_the_subject_are_errors(alpha):
    clf = tiny(adaptation="unlabelled").fit(alpha, alpha.y)
    with pytest.raises(ValueError, match=r"must have adaptation=None, .* adaptation='unlabelled'"):
        frequency_profile(clf, alpha)


def test_invalid_arguments_are_errors(alpha, pipe):
    for sfreq in (None, -1):
        with pytest.raises(ValueError, match=rf"sfreq.* must be .*positive.*got {sfreq}"):
            frequency_profile(pipe, alpha.X, alpha.y, sfreq=sfreq)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        frequency_profile(pipe, alpha, alpha.y[:-1])
    with pytest.raises(ValueError, match=r"y.* must label every trial, got 1 missing"):
        frequency_profile(pipe, alpha, np.where(np.arange(24) == 3, np.nan, alpha.y))
    with pytest.raises(ValueError, match=r"must name the 4 channels .* got 3 names"):
        frequency_profile(pipe, alpha.X, alpha.y, sfreq=128, ch_names=["a", "b", "c"])
    with pytest.raises(ValueError, match="at least one trial"):
        frequency_profile(pipe, alpha.X[:0], sfreq=128)
    with pytest.raises(NotFittedError):
        frequency_profile(tiny(), alpha)
