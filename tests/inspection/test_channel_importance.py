from dataclasses import replace

import mne
import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows
from skmamba.evaluation import CrossSubjectSplit
from skmamba.inspection import channel_importance
from skmamba.preprocessing import SubjectWhitening


def log_power(X):
    return np.log(X.var(axis=-1).reshape(len(X), -1) + 1e-9)


def linear(*steps):
    return make_pipeline(*steps, FunctionTransformer(log_power), LogisticRegression())


class Threshold(ClassifierMixin, BaseEstimator):
    """Predicts whether the mean of one channel is positive, without training."""

    def __init__(self, channel=0):
        self.channel = channel

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, X):
        return (X[..., self.channel, :].reshape(len(X), -1).mean(1) > 0).astype(int)


def mean_by_channel(importance):
    return importance.groupby("channel")["importance"].mean()


@pytest.mark.parametrize("method", ["permutation", "drop"])
def test_channel_of_the_effect_is_the_only_important_one(effect_in_f3, method):
    importance = channel_importance(linear(), effect_in_f3, method=method, random_state=0)
    means = mean_by_channel(importance)
    assert means["F3"] > 0.3
    assert means.drop("F3").abs().max() < 0.1


def test_network_in_a_pipeline_is_cloned(effect_in_f3):
    clf = MSiMambaClassifier(d_model=8, d_hidden=2, max_epochs=8, lr=5e-3, random_state=0)
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), clf)
    importance = channel_importance(pipe, effect_in_f3, cv=2, n_repeats=3, random_state=0)
    assert mean_by_channel(importance).idxmax() == "F3"
    assert not hasattr(clf, "net_")


@pytest.mark.parametrize("method", ["permutation", "drop"])
def test_subject_and_reference_of_trials_are_kept(with_reference, method):
    params = {"d_model": 8, "d_hidden": 2, "n_kernels": 1, "max_epochs": 1, "random_state": 0}
    clf = MSiMambaClassifier(adaptation="reference", **params)
    pipe = make_pipeline(ChannelPicker(["F3", "Fp1"]), SubjectWhitening(), clf)
    options = {"groups": with_reference.metadata, "cv": LeaveOneGroupOut(), "random_state": 0}
    options |= {"n_repeats": 2, "scoring": "neg_log_loss"}
    importance = channel_importance(pipe, with_reference, method=method, **options)
    assert mean_by_channel(importance).index.tolist() == ["F3", "Fp1"]
    if method == "drop":  # the channel is removed from the reference, too
        train, test = (with_reference.select(f"subject {sign} 0") for sign in (">", "=="))
        pipe.set_params(channelpicker__picks=["Fp1"]).fit(train, train.y)
        without = -log_loss(test.y, pipe.predict_proba(test))
        first = importance.iloc[0]
        assert (first["channel"], first["fold"]) == ("F3", 0)
        assert first["score"] - first["importance"] == pytest.approx(without)


def test_each_channel_and_fold_has_a_row(effect_in_f3):
    importance = channel_importance(linear(), effect_in_f3, cv=3, n_repeats=2, random_state=0)
    assert importance["channel"].tolist() == ["Fp1", "Fp2", "F3", "F4"] * 3
    assert importance["fold"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert importance.groupby("fold")["n_test"].first().sum() == 56
    assert importance.attrs == {"method": "permutation", "score": "balanced_accuracy"}


def test_folds_may_be_masks(effect_in_f3):
    train = np.arange(len(effect_in_f3)) < 20
    rows = np.flatnonzero(train), np.flatnonzero(~train)
    options = {"n_repeats": 2, "random_state": 0}
    masks, expected = (
        channel_importance(linear(), effect_in_f3, cv=[fold], **options)
        for fold in ((train, ~train), rows)
    )
    pd.testing.assert_frame_equal(masks, expected)
    one = np.arange(len(train)) == 0
    with pytest.raises(ValueError, match=r"at least two test trials per fold .* got 1 in fold 0"):
        channel_importance(linear(), effect_in_f3, cv=[(~one, one)])


def test_channel_is_permuted_in_whole_test_trials_only():
    y = np.tile([0, 1], 6)
    X = np.where(y, 1.0, -1.0)[:, None, None] * np.arange(1, 13)[:, None, None] * np.ones((1, 2, 5))
    recorded = []

    class Recorder(Threshold):
        def predict(self, X):
            recorded.append(X.copy())
            return super().predict(X)

    train, test = np.arange(6), np.arange(6, 12)
    channel_importance(Recorder(), X, y, cv=[(train, test)], n_repeats=5, random_state=0)
    assert np.array_equal(recorded[0], X[test])
    assert len(recorded) == 1 + 2 * 5
    for number, permuted in enumerate(recorded[1:]):
        channel = number // 5
        assert np.array_equal(permuted[:, 1 - channel], X[test][:, 1 - channel])
        signals = permuted[:, channel]
        assert np.array_equal(signals[np.argsort(signals[:, 0])], np.sort(X[test][:, 0], axis=0))
    assert any(not np.array_equal(permuted, X[test]) for permuted in recorded[1:])


def test_importance_is_the_decrease_of_the_score():
    y = np.tile([0, 1], 200)
    X = np.random.default_rng(0).normal(size=(400, 3, 4))
    X[:, 1] = np.where(y, 1.0, -1.0)[:, None]
    importance = channel_importance(Threshold(1), X, y, cv=2, random_state=0)
    means, stds = mean_by_channel(importance), importance.groupby("channel")["std"].mean()
    assert (importance["score"] == 1).all()
    assert means[0] == means[2] == stds[0] == 0
    assert means[1] == pytest.approx(0.5, abs=0.05)  # to the chance level
    assert 0 < stds[1] < 0.1


def test_dropped_channel_is_absent_in_training_and_test(effect_in_f3):
    trials, cv = effect_in_f3, StratifiedKFold(3)
    importance = channel_importance(linear(), trials, cv=cv, method="drop", scoring="accuracy")
    for fold, (train, test) in enumerate(cv.split(trials.X, trials.y)):
        full = linear().fit(trials.X[train], trials.y[train]).score(trials.X[test], trials.y[test])
        for channel, name in enumerate(trials.ch_names):
            X = np.delete(trials.X, channel, axis=1)
            score = linear().fit(X[train], trials.y[train]).score(X[test], trials.y[test])
            row = importance[(importance.fold == fold) & (importance.channel == name)].iloc[0]
            assert row["importance"] == pytest.approx(full - score)
            assert row["score"] == full
    assert importance["std"].isna().all()


@pytest.mark.parametrize("picks", [["F4", "F3", "Fp2"], [3, 2, 1], slice(3, 0, -1)])
def test_dropped_channel_is_removed_from_the_picks(effect_in_f3, picks):
    pipe = linear(ChannelPicker(picks, ch_names=effect_in_f3.ch_names))
    importance = channel_importance(pipe, effect_in_f3, method="drop", cv=2)
    assert importance["channel"].unique().tolist() == ["F4", "F3", "Fp2"]
    X = effect_in_f3.X[:, [3, 2, 1]]
    options = {"groups": effect_in_f3.metadata, "method": "drop", "cv": 2}
    expected = channel_importance(linear(), X, effect_in_f3.y, **options)
    np.testing.assert_allclose(importance["importance"], expected["importance"], atol=1e-12)


def test_channels_can_be_dropped_before_a_picker_of_windows(effect_in_f3):
    picker = ChannelPicker(["F3", "F4"], ch_names=effect_in_f3.ch_names)
    pipe = linear(SlidingWindows(window_size_samples=128), picker)
    importance = channel_importance(pipe, effect_in_f3, method="drop", cv=3)
    assert mean_by_channel(importance).idxmax() == "F3"
    unused = importance.query("channel in ('Fp1', 'Fp2')")["importance"]
    assert unused.tolist() == [0] * 6


def test_only_picked_channels_have_rows_whoever_provides_their_names(effect_in_f3):
    without = linear(ChannelPicker(["F3", "Fp1"]))
    with_names = linear(ChannelPicker(["F3", "Fp1"], ch_names=effect_in_f3.ch_names))
    options = {"groups": effect_in_f3.metadata, "cv": 3, "random_state": 0}
    expected = channel_importance(with_names, effect_in_f3, **options)
    assert expected["channel"].unique().tolist() == ["F3", "Fp1"]
    assert channel_importance(without, effect_in_f3, **options).equals(expected)
    array = channel_importance(with_names, effect_in_f3.X, effect_in_f3.y, **options)
    assert array.equals(expected)
    assert without[0].ch_names is None


def test_epochs_provide_the_channels(effect_in_f3):
    info = mne.create_info(list(effect_in_f3.ch_names), effect_in_f3.sfreq, "eeg")
    epochs = mne.EpochsArray(1e-6 * effect_in_f3.X.astype(float), info, verbose=False)
    options = {"groups": effect_in_f3.metadata, "cv": 3, "random_state": 0}
    importance = channel_importance(linear(), epochs, effect_in_f3.y, **options)
    expected = channel_importance(linear(), effect_in_f3, **options)
    assert importance["channel"].tolist() == expected["channel"].tolist()
    np.testing.assert_allclose(importance["importance"], expected["importance"])


def test_an_empty_list_of_names_does_not_stand_for_those_of_trials(effect_in_f3):
    with pytest.raises(ValueError, match="each of the 4 channels of X, got 0 names"):
        channel_importance(NeverFitted(), effect_in_f3, ch_names=[])


def test_groups_are_passed_to_the_splitter(effect_in_f3):
    subject = effect_in_f3.metadata["subject"].to_numpy()
    options = {"n_repeats": 2, "random_state": 0}
    importance = channel_importance(
        Threshold(), effect_in_f3, groups=subject, cv=LeaveOneGroupOut(), **options
    )
    by_metadata = channel_importance(
        Threshold(), effect_in_f3, groups=effect_in_f3.metadata, cv=CrossSubjectSplit(), **options
    )
    assert importance["fold"].nunique() == 4
    assert importance.equals(by_metadata)
    metadata = effect_in_f3.metadata.astype({"subject": object})
    metadata.loc[::2, "subject"] = metadata.loc[::2, "subject"].astype(str)
    # By default, folds are of groups, and groups those of Trials.
    for groups in (None, subject, metadata, metadata["subject"]):
        by_default = channel_importance(Threshold(), effect_in_f3, groups=groups, **options)
        assert by_default["fold"].nunique() == 4
        assert sorted(by_default["score"].unique()) == sorted(importance["score"].unique())
    of_two = channel_importance(Threshold(), effect_in_f3, groups=metadata, cv=2, **options)
    assert of_two["fold"].nunique() == 2
    of_column = channel_importance(
        Threshold(), effect_in_f3, groups=effect_in_f3.metadata, cv=LeaveOneGroupOut(), **options
    )
    assert of_column.equals(importance)
    unknown = replace(effect_in_f3, metadata=metadata.assign(subject=None))
    folds = list(LeaveOneGroupOut().split(subject, groups=subject))
    assert channel_importance(Threshold(), unknown, cv=folds, **options).equals(importance)


def test_groups_must_contain_the_subjects(effect_in_f3):
    metadata = effect_in_f3.metadata.drop(columns="subject")
    with pytest.raises(ValueError, match="channel_importance requires groups=metadata with 'subj"):
        channel_importance(linear(), effect_in_f3, groups=metadata)


def test_random_state_determines_the_result_for_any_number_of_jobs(effect_in_f3):
    state, X = str(np.random.get_state()), effect_in_f3.X.copy()

    def run(seed):
        return channel_importance(linear(), effect_in_f3, cv=2, n_repeats=3, random_state=seed)

    first = run(3)
    with parallel_config(backend="threading", n_jobs=2):
        assert run(3).equals(first)
    assert not run(4).equals(first)
    assert not run(None).equals(first)
    assert str(np.random.get_state()) == state
    assert np.array_equal(effect_in_f3.X, X)


def test_searches_are_accepted(effect_in_f3):
    search = GridSearchCV(linear(ChannelPicker(None)), {"logisticregression__C": [1.0]}, cv=2)
    importance = channel_importance(search, effect_in_f3, method="drop", cv=2)
    assert mean_by_channel(importance).idxmax() == "F3"


def test_scorer_may_be_a_function(effect_in_f3):
    def share_correct(estimator, X, y):
        return (estimator.predict(X) == y).mean()

    options = {"cv": 2, "n_repeats": 1, "random_state": 0}
    by_function = channel_importance(linear(), effect_in_f3, scoring=share_correct, **options)
    by_name = channel_importance(linear(), effect_in_f3, scoring="accuracy", **options)
    assert by_function.attrs["score"] == "share_correct"
    np.testing.assert_allclose(by_function["importance"], by_name["importance"])


def test_single_test_trials_can_be_used_with_drop_only(effect_in_f3):
    options = {"cv": [(np.arange(1, 40), [0])], "scoring": "accuracy"}
    importance = channel_importance(linear(), effect_in_f3, method="drop", **options)
    assert (importance["n_test"] == 1).all()
    with pytest.raises(ValueError, match=r"at least two test trials per fold .* got 1 in fold 0"):
        channel_importance(linear(), effect_in_f3, **options)


class NeverFitted(Threshold):
    def fit(self, X, y):
        raise AssertionError("fit was called")


def test_invalid_arguments_are_errors_before_any_fit(effect_in_f3):
    X, y = effect_in_f3.X, effect_in_f3.y
    with pytest.raises(ValueError, match=r"method.* must be one of 'permutation', 'drop', got 'x'"):
        channel_importance(NeverFitted(), X, y, method="x")
    with pytest.raises(ValueError, match=r"n_repeats.* must be an integer of at least 1, got 0"):
        channel_importance(NeverFitted(), X, y, n_repeats=0)
    with pytest.raises(ValueError, match=r"y.* must be given unless X is Trials"):
        channel_importance(NeverFitted(), X)
    with pytest.raises(ValueError, match="cv must give at least one fold, got none"):
        channel_importance(NeverFitted(), X, y, cv=[])
    with pytest.raises(ValueError, match=r"X.* must have shape"):
        channel_importance(NeverFitted(), X[:, 0], y)
    with pytest.raises(ValueError, match="each of the 4 channels of X, got 2 names"):
        channel_importance(NeverFitted(), X, y, ch_names=["Fp1", "Fp2"])
    with pytest.raises(ValueError, match="'drop' requires at least two channels, got 1"):
        channel_importance(NeverFitted(), X[:, :1], y, method="drop")
    pickers = make_pipeline(ChannelPicker([0, 1, 2]), ChannelPicker([0, 1]), NeverFitted())
    with pytest.raises(ValueError, match=r"at most one step .* got channelpicker-1, channelpicker"):
        channel_importance(pickers, X, y, method="drop")
    names = ["F3", "F4", "Fp1", "Fp2"]
    with pytest.raises(ValueError, match=r"ch_names.* of ChannelPicker .* got F3, F4, Fp1, Fp2"):
        channel_importance(
            make_pipeline(ChannelPicker(None, ch_names=names), NeverFitted()), effect_in_f3
        )


def test_one_permutation_has_no_deviation(effect_in_f3):
    importance = channel_importance(linear(), effect_in_f3, cv=2, n_repeats=1, random_state=0)
    assert (importance["std"] == 0).all()
