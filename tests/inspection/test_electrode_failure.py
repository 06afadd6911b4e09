from dataclasses import replace

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline

from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows, WindowVotingClassifier
from skmamba.datasets import simulate_trials
from skmamba.inspection import electrode_failure
from skmamba.preprocessing import BandPower, SubjectWhitening


class AnyPositive(ClassifierMixin, BaseEstimator):
    """Predicts 1 if the mean of any channel is positive, and records its input."""

    def fit(self, X, y):
        self.classes_, self.recorded_ = np.array([0, 1]), []
        return self

    def predict(self, X):
        self.recorded_.append(X.copy())
        return (X.mean(-1) > 0).any(-1).astype(int)


@pytest.fixture
def data():
    y = np.tile([0, 1], 10)
    rng = np.random.default_rng(0)
    return np.where(y, 1.0, -1.0)[:, None, None] + 0.1 * rng.normal(size=(20, 4, 8)), y


def test_flat_channels_are_zero_and_all_others_are_unchanged(data):
    X, y = data
    model = AnyPositive().fit(X, y)
    before = X.copy()
    curve = electrode_failure(model, X, y, ch_names=list("abcd"))
    assert curve.groupby("n_failed").size().tolist() == [1, 4, 6, 4, 1]
    assert curve["score"].tolist() == [1.0] * 15 + [0.5]
    assert curve.attrs == {"failure": "flat", "score": "balanced_accuracy"}
    for names, recorded in zip(curve["channels"], model.recorded_, strict=True):
        failed = ["abcd".index(name) for name in names.split(", ") if name]
        assert (recorded[:, failed] == 0).all()
        working = [i for i in range(4) if i not in failed]
        assert np.array_equal(recorded[:, working], X[:, working])
    assert np.array_equal(X, before)


def test_names_are_those_given_or_of_the_fitted_picker():
    trials = simulate_trials(n_subjects=2, n_trials=8)
    model = make_pipeline(ChannelPicker(["F3", "Fp1"]), BandPower(sfreq=128), DummyClassifier())
    model.fit(trials, trials.y)
    curve = electrode_failure(model, trials.X, trials.y, max_failed=1)
    assert curve["channels"].tolist() == ["", "F3", "Fp1"]
    alone = make_pipeline(BandPower(), DummyClassifier()).fit(trials, trials.y)
    curve = electrode_failure(alone, trials, ch_names=["E1", "E2", "E3", "E4"], max_failed=1)
    assert curve["channels"].tolist() == ["", "E1", "E2", "E3", "E4"]


def test_noise_has_the_mean_and_standard_deviation_of_the_channel(data):
    X, y = np.repeat(data[0], 50, axis=2) + 10 * np.arange(4)[:, None], data[1]
    model = AnyPositive().fit(X, y)
    curve = electrode_failure(model, X, y, failure="noise", max_failed=2, random_state=0)
    for names, recorded in zip(curve["channels"], model.recorded_, strict=True):
        failed = [int(name) for name in names.split(", ") if name]
        working = [i for i in range(4) if i not in failed]
        assert np.array_equal(recorded[:, working], X[:, working])
        for channel in failed:
            noise = recorded[:, channel]
            assert noise.mean() == pytest.approx(X[:, channel].mean(), abs=0.06)
            assert noise.std() == pytest.approx(X[:, channel].std(), abs=0.06)
            assert abs(noise[y == 1].mean() - noise[y == 0].mean()) < 0.1


def test_noise_of_integers_is_not_rounded(data):
    X, y = np.repeat(np.sign(data[0]), 50, axis=2).astype("int8"), data[1]
    model = AnyPositive().fit(X, y)
    electrode_failure(model, X, y, failure="noise", max_failed=1, random_state=0)
    assert np.array_equal(model.recorded_[0], X)
    for channel, recorded in enumerate(model.recorded_[1:]):
        assert recorded[:, channel].std() == pytest.approx(X[:, channel].std(), abs=0.05)


def test_random_subsets_are_distinct_and_of_the_requested_number(data):
    X, y = np.repeat(data[0], 5, axis=1), data[1]
    curve = electrode_failure(AnyPositive().fit(X, y), X, y, n_subsets=7, random_state=0)
    assert curve.groupby("n_failed").size().tolist() == [1] + [7] * 19 + [1]
    assert not curve["channels"].duplicated().any()
    lengths = curve["channels"].str.split(", ").str.len().where(curve["n_failed"] > 0, 0)
    assert (lengths == curve["n_failed"]).all()


@pytest.mark.filterwarnings("error:X has a standard deviation")
def test_network_loses_its_score_without_the_channel_of_the_effect(effect_in_f3):
    train, test = effect_in_f3.select("subject < 3"), effect_in_f3.select(subject=3)
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


@pytest.mark.filterwarnings("ignore:X has a standard deviation")
@pytest.mark.parametrize("mode", ["reference", "causal", "unlabelled"])
def test_subject_and_reference_of_trials_are_kept(with_reference, mode):
    params = {"d_model": 8, "d_hidden": 2, "n_kernels": 1, "max_epochs": 1, "random_state": 0}
    clf = MSiMambaClassifier(adaptation=mode, **params)
    picker = ChannelPicker(["F3", "Fp1"])
    pipe = make_pipeline(picker, SubjectWhitening(), clf).fit(with_reference, with_reference.y)
    curve = electrode_failure(pipe, with_reference, scoring="neg_log_loss").set_index("channels")
    for name, failed in (("", []), ("F3", [2]), ("F3, Fp1", [0, 2])):
        X = with_reference.X.copy()
        X[:, failed] = 0
        changed = replace(with_reference, X=X)
        expected = -log_loss(changed.y, pipe.predict_proba(changed))
        assert curve.loc[name, "score"] == pytest.approx(expected, rel=1e-6)


def test_only_picked_channels_fail(data):
    X, y = data
    pipe = make_pipeline(ChannelPicker(["d", "b"], ch_names=list("abcd")), AnyPositive())
    curve = electrode_failure(pipe.fit(X, y), X, y)
    nested = make_pipeline(make_pipeline(pipe[0]), pipe[1]).fit(X, y)
    assert electrode_failure(nested, X, y).equals(curve)
    assert curve["channels"].tolist() == ["", "d", "b", "d, b"]
    assert curve["score"].tolist() == [1, 1, 1, 0.5]


def test_random_subsets_are_of_picked_channels(data):
    X, y = np.repeat(data[0], 3, axis=1), data[1]
    picks = [11, 2, 5, 7, 9]
    model = make_pipeline(ChannelPicker(picks), AnyPositive()).fit(X, y)
    curve = electrode_failure(model, X, y, n_subsets=3, random_state=0)
    assert {*", ".join(curve["channels"][1:-1]).split(", ")} == set(map(str, picks))
    assert curve.query("n_failed < 5")["score"].eq(1).all()
    assert curve["score"].iloc[-1] == 0.5


def test_random_state_determines_the_result(data):
    X, y = data
    model, state = AnyPositive().fit(X, y), str(np.random.get_state())

    def run(seed):
        return electrode_failure(model, X, y, n_subsets=2, failure="noise", random_state=seed)

    first = run(1)
    assert run(1).equals(first)
    with parallel_config(backend="threading", n_jobs=2):
        assert run(1).equals(first)
    assert len({tuple(run(seed)["channels"]) for seed in [*range(4), None]}) > 1
    assert str(np.random.get_state()) == state


def test_invalid_arguments_are_errors(data):
    X, y = data
    model = AnyPositive().fit(X, y)
    with pytest.raises(ValueError, match=r"failure.* must be one of 'flat', 'noise', got 'nan'"):
        electrode_failure(model, X, y, failure="nan")
    with pytest.raises(ValueError, match=r"max_failed.* must be at most 4, .* got 5"):
        electrode_failure(model, X, y, max_failed=5)
    with pytest.raises(ValueError, match=r"n_subsets.* must be an integer .* got 2\.5"):
        electrode_failure(model, X, y, n_subsets=2.5)
    with pytest.raises(ValueError, match=r"y.* must be given unless X is Trials"):
        electrode_failure(model, X)
    with pytest.raises(NotFittedError):
        electrode_failure(AnyPositive(), X, y)


def test_epochs_are_scored_as_trials():
    mne = pytest.importorskip("mne")
    trials = simulate_trials(3, 6, n_times=128)
    pipe = make_pipeline(SlidingWindows(0.5), WindowVotingClassifier(make_linear()))
    pipe.fit(trials, trials.y)
    expected = electrode_failure(pipe, trials, random_state=0)
    info = mne.create_info(list(trials.ch_names), trials.sfreq, "eeg")
    epochs = mne.EpochsArray(trials.X * 1e-6, info, verbose=False)
    table = electrode_failure(pipe, epochs, trials.y, random_state=0)
    assert table.equals(expected)
    with pytest.raises(ValueError, match="X must have the channels"):
        electrode_failure(pipe, epochs.copy().reorder_channels(trials.ch_names[::-1]), trials.y)


def make_linear():
    return make_pipeline(BandPower(128), LinearDiscriminantAnalysis())
