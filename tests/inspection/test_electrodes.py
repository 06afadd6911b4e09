from dataclasses import replace

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import NotFittedError

from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows, load_eegmat
from skmamba.datasets import simulate_trials
from skmamba.inspection import electrode_failure


class Vote(ClassifierMixin, BaseEstimator):
    """Answers 1 if any channel is above zero in the mean, and keeps what it saw."""

    def fit(self, X, y):
        self.classes_, self.seen_ = np.array([0, 1]), []
        return self

    def predict(self, X):
        self.seen_.append(X.copy())
        return (X.mean(-1) > 0).any(-1).astype(int)


@pytest.fixture
def data():
    y = np.tile([0, 1], 10)
    rng = np.random.default_rng(0)
    return np.where(y, 1.0, -1.0)[:, None, None] + 0.1 * rng.normal(size=(20, 4, 8)), y


def test_scores_are_those_of_trials_with_channels_set_to_zero(data):
    X, y = data
    model = Vote().fit(X, y)
    curve = electrode_failure(model, X, y, ch_names=list("abcd"))
    assert curve.groupby("n_failed").size().tolist() == [1, 4, 6, 4, 1]
    assert curve["score"].tolist() == [1.0] * 15 + [0.5]
    for names, seen in zip(curve["channels"], model.seen_, strict=True):
        failed = ["abcd".index(name) for name in names.split(", ") if name]
        assert (seen[:, failed] == 0).all()
        working = [i for i in range(4) if i not in failed]
        assert np.array_equal(seen[:, working], X[:, working])


def test_noise_has_the_mean_and_deviation_of_the_channel(data):
    X, y = np.repeat(data[0], 50, axis=2) + 10 * np.arange(4)[:, None], data[1]
    model = Vote().fit(X, y)
    curve = electrode_failure(model, X, y, failure="noise", max_failed=2, random_state=0)
    for names, seen in zip(curve["channels"], model.seen_, strict=True):
        failed = [int(name) for name in names.split(", ") if name]
        working = [i for i in range(4) if i not in failed]
        assert np.array_equal(seen[:, working], X[:, working])
        for channel in failed:
            noise = seen[:, channel]
            assert noise.mean() == pytest.approx(X[:, channel].mean(), abs=0.06)
            assert noise.std() == pytest.approx(X[:, channel].std(), abs=0.06)
            assert abs(noise[y == 1].mean() - noise[y == 0].mean()) < 0.1


def test_subsets_differ_and_are_as_many_as_asked(data):
    X, y = np.repeat(data[0], 5, axis=1), data[1]
    curve = electrode_failure(Vote().fit(X, y), X, y, n_subsets=7, random_state=0)
    sizes = curve.groupby("n_failed").size()
    assert sizes.tolist() == [1] + [7] * 19 + [1]
    assert not curve["channels"].duplicated().any()
    lengths = curve["channels"].str.split(", ").str.len().where(curve["n_failed"] > 0, 0)
    assert (lengths == curve["n_failed"]).all()


def test_the_planted_channel_is_the_one_to_lose():
    silent = simulate_trials(n_subjects=4, n_trials=14, n_times=256, effect=0)
    loud = simulate_trials(n_subjects=4, n_trials=14, n_times=256, effect=2)
    X = silent.X.copy()
    X[:, 2] = loud.X[:, 2]
    trials = replace(loud, X=X)
    train, test = trials.select("subject < 3"), trials.select(subject=3)
    clf = MSiMambaClassifier(d_model=8, d_hidden=2, max_epochs=12, lr=5e-3, random_state=0)
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), clf).fit(train.X, train.y)
    before = pipe.predict_proba(test.X)
    for failure in ("flat", "noise"):
        curve = electrode_failure(pipe, test, failure=failure, random_state=0)
        scores = curve.set_index("channels")["score"]
        assert scores[""] > 0.9
        assert scores[["Fp1", "Fp2", "F4"]].min() > scores["F3"] + 0.2
        assert scores["Fp1, Fp2, F3, F4"] == pytest.approx(0.5, abs=0.15)
    np.testing.assert_array_equal(pipe.predict_proba(test.X), before)


def test_only_picked_channels_fail(data):
    X, y = data
    pipe = make_pipeline(ChannelPicker(["d", "b"], ch_names=list("abcd")), Vote()).fit(X, y)
    curve = electrode_failure(pipe, X, y)
    assert curve["channels"].tolist() == ["", "d", "b", "d, b"]
    assert curve["score"].tolist() == [1, 1, 1, 0.5]


def test_without_names_channels_are_indices(data):
    X, y = data
    curve = electrode_failure(Vote().fit(X, y), X, y, max_failed=1)
    assert curve["channels"].tolist() == ["", "0", "1", "2", "3"]
    assert curve.attrs == {"failure": "flat", "score": "balanced_accuracy"}


def test_the_same_seed_fails_the_same_electrodes(data):
    X, y = data
    model = Vote().fit(X, y)
    options = {"n_subsets": 2, "failure": "noise"}
    first = electrode_failure(model, X, y, random_state=1, **options)
    assert electrode_failure(model, X, y, random_state=1, **options).equals(first)
    with parallel_config(backend="threading", n_jobs=2):
        assert electrode_failure(model, X, y, random_state=1, **options).equals(first)
    drawn = {
        tuple(electrode_failure(model, X, y, random_state=seed, **options)["channels"])
        for seed in range(5)
    }
    assert len(drawn) > 1


def test_data_and_global_random_state_are_left_alone(data):
    X, y = data
    copy, state = X.copy(), str(np.random.get_state())
    electrode_failure(Vote().fit(X, y), X, y, failure="noise")
    assert np.array_equal(X, copy)
    assert str(np.random.get_state()) == state


def test_arguments_that_do_not_fit_are_told(data):
    X, y = data
    model = Vote().fit(X, y)
    with pytest.raises(ValueError, match="failure must be one of 'flat', 'noise', got 'nan'"):
        electrode_failure(model, X, y, failure="nan")
    with pytest.raises(ValueError, match="max_failed=5, but the estimator uses 4 channels"):
        electrode_failure(model, X, y, max_failed=5)
    with pytest.raises(ValueError, match=r"n_subsets must be a whole number .* got 2\.5"):
        electrode_failure(model, X, y, n_subsets=2.5)
    with pytest.raises(ValueError, match="y must be given"):
        electrode_failure(model, X)
    with pytest.raises(NotFittedError):
        electrode_failure(Vote(), X, y)


def test_it_runs_on_real_recordings():
    trials = load_eegmat().select("subject < 2")
    picker = ChannelPicker("frontal4", ch_names=trials.ch_names)
    clf = MSiMambaClassifier(d_model=4, d_hidden=2, max_epochs=1, random_state=0)
    pipe = make_pipeline(picker, SlidingWindows(window_size_samples=256), clf).fit(
        trials.X, trials.y
    )
    curve = electrode_failure(pipe, trials)
    assert len(curve) == 2**4
    assert curve["score"].between(0, 1).all()
