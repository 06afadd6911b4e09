from dataclasses import replace

import mne
import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows, load_eegmat
from skmamba.datasets import simulate_trials
from skmamba.evaluation import CrossSubjectSplit
from skmamba.inspection import channel_importance


def log_power(X):
    return np.log(X.var(axis=-1).reshape(len(X), -1) + 1e-9)


def linear():
    return make_pipeline(FunctionTransformer(log_power), LogisticRegression())


class Threshold(ClassifierMixin, BaseEstimator):
    """Answers whether the mean of one channel is above zero, and learns nothing."""

    def __init__(self, channel=0):
        self.channel = channel

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, X):
        return (X[..., self.channel, :].reshape(len(X), -1).mean(1) > 0).astype(int)


@pytest.fixture(scope="module")
def planted():
    """Alpha tells the class in F3 alone."""
    silent = simulate_trials(n_subjects=4, n_trials=10, n_times=256, effect=0)
    loud = simulate_trials(n_subjects=4, n_trials=10, n_times=256, effect=2)
    X = silent.X.copy()
    X[:, 2] = loud.X[:, 2]
    return replace(loud, X=X)


def best(importance):
    return importance.groupby("channel")["importance"].mean().idxmax()


@pytest.mark.parametrize("method", ["permutation", "drop"])
def test_the_planted_channel_comes_out_on_top(planted, method):
    importance = channel_importance(linear(), planted, method=method, random_state=0)
    assert best(importance) == "F3"
    means = importance.groupby("channel")["importance"].mean()
    assert means["F3"] > 0.3
    assert means.drop("F3").abs().max() < 0.1


def test_a_network_in_a_pipeline_finds_it_too(planted):
    clf = MSiMambaClassifier(d_model=8, d_hidden=2, max_epochs=8, lr=5e-3, random_state=0)
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), clf)
    importance = channel_importance(pipe, planted, cv=2, n_repeats=3, random_state=0)
    assert best(importance) == "F3"
    assert not hasattr(clf, "net_")


def test_there_is_one_row_for_each_channel_and_fold(planted):
    importance = channel_importance(linear(), planted, cv=3, n_repeats=2, random_state=0)
    assert importance["channel"].tolist() == ["Fp1", "Fp2", "F3", "F4"] * 3
    assert importance["fold"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert importance.groupby("fold")["n_test"].first().sum() == 40
    assert importance.attrs == {"method": "permutation", "score": "balanced_accuracy"}


def test_a_channel_is_exchanged_whole_and_in_the_test_trials_only():
    y = np.tile([0, 1], 6)
    X = np.where(y, 1.0, -1.0)[:, None, None] * np.arange(1, 13)[:, None, None] * np.ones((1, 2, 5))
    asked = []

    class Spy(Threshold):
        def fit(self, X, y):
            self.train_ = X
            return super().fit(X, y)

        def predict(self, X):
            asked.append(X.copy())
            return super().predict(X)

    train, test = np.arange(6), np.arange(6, 12)
    channel_importance(Spy(), X, y, cv=[(train, test)], n_repeats=5, random_state=0)
    assert np.array_equal(asked[0], X[test])
    assert len(asked) == 1 + 2 * 5
    for number, seen in enumerate(asked[1:]):
        channel = number // 5
        assert np.array_equal(seen[:, 1 - channel], X[test][:, 1 - channel])
        courses = seen[:, channel]
        assert np.array_equal(courses[np.argsort(courses[:, 0])], np.sort(X[test][:, 0], axis=0))
    assert any(not np.array_equal(seen, X[test]) for seen in asked[1:])


def test_importance_is_the_fall_of_the_score():
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 200)
    X = rng.normal(size=(400, 3, 4))
    X[:, 1] = np.where(y, 1.0, -1.0)[:, None]
    importance = channel_importance(Threshold(1), X, y, cv=2, random_state=0)
    means = importance.groupby("channel")["importance"].mean()
    assert (importance["score"] == 1).all()
    assert means[0] == means[2] == 0
    assert means[1] == pytest.approx(0.5, abs=0.05)  # what is left is guessing
    stds = importance.groupby("channel")["std"].mean()
    assert stds[0] == 0
    assert 0 < stds[1] < 0.1


def test_dropping_is_training_on_the_others(planted):
    cv = StratifiedKFold(3)
    importance = channel_importance(linear(), planted, cv=cv, method="drop", scoring="accuracy")
    for fold, (train, test) in enumerate(cv.split(planted.X, planted.y)):
        model = linear().fit(planted.X[train], planted.y[train])
        full = model.score(planted.X[test], planted.y[test])
        for channel, name in enumerate(planted.ch_names):
            X = np.delete(planted.X, channel, axis=1)
            score = linear().fit(X[train], planted.y[train]).score(X[test], planted.y[test])
            row = importance[(importance.fold == fold) & (importance.channel == name)].iloc[0]
            assert row["importance"] == pytest.approx(full - score)
            assert row["score"] == full
    assert importance["std"].isna().all()


@pytest.mark.parametrize("picks", [["F4", "F3", "Fp2"], [3, 2, 1], slice(3, 0, -1)])
def test_dropping_goes_through_the_picker(planted, picks):
    pipe = make_pipeline(ChannelPicker(picks, ch_names=planted.ch_names), *linear())
    importance = channel_importance(pipe, planted, method="drop", cv=3)
    assert importance["channel"].unique().tolist() == ["F4", "F3", "Fp2"]
    expected = channel_importance(linear(), planted.X[:, [3, 2, 1]], planted.y, method="drop", cv=3)
    np.testing.assert_allclose(importance["importance"], expected["importance"], atol=1e-12)


def test_dropping_works_where_the_picker_stands_after_the_windows(planted):
    picker = ChannelPicker(["F3", "F4"], ch_names=planted.ch_names)
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), picker, *linear())
    importance = channel_importance(pipe, planted, method="drop", cv=3)
    assert best(importance) == "F3"
    unheard = importance.query("channel in ('Fp1', 'Fp2')")["importance"]
    assert len(unheard) == 6
    assert (unheard == 0).all()


def test_only_picked_channels_have_rows(planted):
    pipe = make_pipeline(ChannelPicker(["F3", "Fp1"], ch_names=planted.ch_names), *linear())
    importance = channel_importance(pipe, planted, cv=3, random_state=0)
    assert importance["channel"].unique().tolist() == ["F3", "Fp1"]
    assert best(importance) == "F3"


def test_a_picker_gets_the_names_of_the_trials_and_gives_its_own(planted):
    bare = make_pipeline(ChannelPicker(["F3", "Fp1"]), *linear())
    named = make_pipeline(ChannelPicker(["F3", "Fp1"], ch_names=planted.ch_names), *linear())
    options = {"cv": 3, "random_state": 0}
    expected = channel_importance(named, planted, **options)
    assert channel_importance(bare, planted, **options).equals(expected)
    assert channel_importance(named, planted.X, planted.y, **options).equals(expected)
    assert bare[0].ch_names is None


def test_epochs_are_taken_as_their_channels(planted):
    info = mne.create_info(list(planted.ch_names), planted.sfreq, "eeg")
    epochs = mne.EpochsArray(1e-6 * planted.X.astype(float), info, verbose=False)
    importance = channel_importance(linear(), epochs, planted.y, cv=3, random_state=0)
    expected = channel_importance(linear(), planted, cv=3, random_state=0)
    assert importance["channel"].tolist() == expected["channel"].tolist()
    np.testing.assert_allclose(importance["importance"], expected["importance"])


def test_bags_of_windows_are_exchanged_by_trial(planted):
    bags = planted.as_windows(window_size_samples=128).X.reshape(40, 2, 4, 128)
    importance = channel_importance(
        linear(), bags, planted.y, ch_names=planted.ch_names, cv=3, random_state=0
    )
    assert best(importance) == "F3"


def test_groups_reach_the_splitter(planted):
    subject = planted.metadata["subject"].to_numpy()
    importance = channel_importance(
        linear(), planted, groups=subject, cv=LeaveOneGroupOut(), n_repeats=2, random_state=0
    )
    by_metadata = channel_importance(
        linear(), planted, groups=planted.metadata, cv=CrossSubjectSplit(), n_repeats=2,
        random_state=0,
    )  # fmt: skip
    assert importance["fold"].nunique() == 4
    assert importance.equals(by_metadata)


def test_the_same_seed_gives_the_same_however_many_jobs(planted):
    options = {"cv": 2, "n_repeats": 2}
    first = channel_importance(linear(), planted, random_state=3, **options)
    with parallel_config(backend="threading", n_jobs=2):
        assert channel_importance(linear(), planted, random_state=3, **options).equals(first)
    assert not channel_importance(linear(), planted, random_state=4, **options).equals(first)


def test_the_global_random_state_and_the_data_are_left_alone(planted):
    before, X = str(np.random.get_state()), planted.X.copy()
    channel_importance(linear(), planted, cv=2, n_repeats=1)
    assert str(np.random.get_state()) == before
    assert np.array_equal(planted.X, X)


def test_a_search_is_cloned_like_any_estimator(planted):
    pipe = make_pipeline(ChannelPicker(None), *linear())
    search = GridSearchCV(pipe, {"logisticregression__C": [0.1, 1.0]}, cv=2)
    assert best(channel_importance(search, planted, method="drop", cv=2)) == "F3"


def test_scorers_of_any_kind_are_named(planted):
    def share_right(estimator, X, y):
        return (estimator.predict(X) == y).mean()

    by_function = channel_importance(
        linear(), planted, scoring=share_right, cv=2, n_repeats=1, random_state=0
    )
    by_name = channel_importance(
        linear(), planted, scoring="accuracy", cv=2, n_repeats=1, random_state=0
    )
    assert by_function.attrs["score"] == "share_right"
    np.testing.assert_allclose(by_function["importance"], by_name["importance"])


def test_what_cannot_be_done_is_told_before_any_fit(planted):
    class Never(Threshold):
        def fit(self, X, y):
            raise AssertionError("it was fitted")

    X, y = planted.X, planted.y
    with pytest.raises(ValueError, match="method must be one of 'permutation', 'drop', got 'shap'"):
        channel_importance(Never(), X, y, method="shap")
    with pytest.raises(ValueError, match="n_repeats must be a whole number of at least 1, got 0"):
        channel_importance(Never(), X, y, n_repeats=0)
    with pytest.raises(ValueError, match="y must be given, unless X is Trials"):
        channel_importance(Never(), X)
    with pytest.raises(ValueError, match="X must have an axis of channels"):
        channel_importance(Never(), X[:, 0], y)
    with pytest.raises(ValueError, match="X has 4 channels, got 2 names"):
        channel_importance(Never(), X, y, ch_names=["Fp1", "Fp2"])
    with pytest.raises(ValueError, match="'drop' needs two channels or more"):
        channel_importance(Never(), X[:, :1], y, method="drop")
    with pytest.raises(ValueError, match="Fold 1 tests 1 trial, and there is none to exchange"):
        cv = [([0, 1, 2], [3, 4]), ([0, 1, 2], [3])]
        channel_importance(Never(), X, y, cv=cv)
    pickers = make_pipeline(ChannelPicker([0, 1, 2]), ChannelPicker([0, 1]), Never())
    with pytest.raises(ValueError, match="several: channelpicker-1, channelpicker-2"):
        channel_importance(pickers, X, y, method="drop")
    wrong = make_pipeline(ChannelPicker(None, ch_names=["F3", "F4", "Fp1", "Fp2"]), Never())
    with pytest.raises(ValueError, match="ChannelPicker takes them for F3, F4, Fp1, Fp2"):
        channel_importance(wrong, planted)


def test_a_single_test_trial_can_still_be_dropped(planted):
    cv = [(np.arange(1, 40), [0])]
    importance = channel_importance(linear(), planted, cv=cv, method="drop", scoring="accuracy")
    assert (importance["n_test"] == 1).all()


def test_it_runs_on_real_recordings():
    trials = load_eegmat().select("subject < 6")
    pipe = make_pipeline(ChannelPicker("frontal4", ch_names=trials.ch_names), *linear())
    importance = channel_importance(pipe, trials, cv=2, n_repeats=2, random_state=0)
    assert importance["channel"].unique().tolist() == ["Fp1", "Fp2", "F3", "F4"]
    assert importance["importance"].between(-1, 1).all()
