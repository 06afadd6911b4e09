"""Tests of SequentialChannelSelector."""

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GridSearchCV, GroupKFold, LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows, evaluate
from skmamba.datasets import simulate_trials
from skmamba.evaluation import CrossSessionSplit, CrossSubjectSplit
from skmamba.preprocessing import SequentialChannelSelector

NAMES = ["Fp1", "Fp2", "F3", "F4"]
both_directions = pytest.mark.parametrize("direction", ["forward", "backward"])


class Constant(ClassifierMixin, BaseEstimator):
    """Predict the first class."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def make_numbered(n_channels=4, n_trials=12):
    """Return trials whose values are the channel number, and alternating labels."""
    X = np.broadcast_to(np.arange(float(n_channels))[:, None], (n_trials, n_channels, 5))
    return X, np.arange(n_trials) % 2


def make_selector(scores, n_channels_to_select, **options):
    """Return a selector with a given score for each set of channels, written as digits."""

    def scoring(estimator, X, y):
        return scores.get("".join(str(int(channel)) for channel in X[0, :, 0]), 0.0)

    return SequentialChannelSelector(
        n_channels_to_select, Constant(), scoring=scoring, cv=2, **options
    )


def get_path(selector):
    """Return (n_channels, channel, score) of each scored set, and the rows that were chosen."""
    rows = selector.scores_[["n_channels", "channel", "score"]].itertuples(index=False, name=None)
    return list(rows), np.flatnonzero(selector.scores_["chosen"]).tolist()


def make_log_variance_lda():
    log_variance = FunctionTransformer(lambda X: np.log(X.var(axis=-1)))
    return make_pipeline(log_variance, LinearDiscriminantAnalysis())


def simulate_variance(log_ratios, n_trials=120):
    """Return white noise that is stronger in class 1 by a log ratio per channel."""
    rng = np.random.default_rng(0)
    y = np.arange(n_trials) % 2
    gain = np.exp(np.outer(y, log_ratios))[..., None]
    return gain * rng.standard_normal((n_trials, len(log_ratios), 64)), y


# Search


def test_forward_search_by_hand():
    scores = {"0": 0.6, "2": 0.7, "12": 0.71, "23": 0.9, "02": 0.8}
    selector = make_selector(scores, 2, ch_names=NAMES).fit(*make_numbered())
    rows, chosen = get_path(selector)
    assert rows == [
        (1, "Fp1", 0.6),
        (1, "Fp2", 0.0),
        (1, "F3", 0.7),
        (1, "F4", 0.0),
        (2, "Fp1", 0.8),
        (2, "Fp2", 0.71),
        (2, "F4", 0.9),
    ]
    assert chosen == [2, 6]
    assert selector.channels_ == ["F3", "F4"]
    assert selector.support_.tolist() == [False, False, True, True]


def test_backward_search_by_hand():
    scores = {"0123": 0.9, "123": 0.5, "023": 0.6, "013": 0.95, "012": 0.7, "03": 0.9, "01": 0.3}
    selector = make_selector(scores, 2, direction="backward").fit(*make_numbered())
    rows, chosen = get_path(selector)
    assert rows == [
        (4, None, 0.9),
        (3, 0, 0.5),
        (3, 1, 0.6),
        (3, 2, 0.95),
        (3, 3, 0.7),
        (2, 0, 0.0),
        (2, 1, 0.9),
        (2, 3, 0.3),
    ]
    assert chosen == [0, 3, 6]
    assert selector.channels_ == [0, 3]


@both_directions
def test_earlier_channels_are_selected_among_equal_scores(direction):
    selector = make_selector({}, 2, direction=direction).fit(*make_numbered())
    assert selector.channels_ == [0, 1]
    scores = {"0": 0.5, "1": 0.5 + 1e-15, "12": 0.5 + 1e-15, "01": 0.5}  # equal up to rounding
    selector = make_selector(scores, 1, direction=direction).fit(*make_numbered(3))
    assert selector.channels_ == [0]


@both_directions
def test_all_channels_may_be_selected(direction):
    selector = make_selector({"0123": 0.75}, 4, direction=direction).fit(*make_numbered())
    assert selector.support_.all()
    assert selector.scores_.iloc[-1][["n_channels", "score", "chosen"]].tolist() == [4, 0.75, True]


def test_scores_equal_cross_val_score_on_the_same_folds():
    X, y = simulate_variance([0.0, 0.3, 0.1])
    estimator = make_log_variance_lda()
    selector = SequentialChannelSelector(2, estimator, cv=3, scoring="roc_auc").fit(X, y)
    expected = cross_val_score(estimator, X[:, [1, 2]], y, cv=3, scoring="roc_auc")
    row = selector.scores_.query("n_channels == 2 and channel == 2").iloc[0]
    assert row["score"] == expected.mean()
    assert row["std"] == expected.std()


def test_informative_channels_are_selected_first():
    X, y = simulate_variance([0, 0, 0.12, 0, 0.2, 0])
    selector = SequentialChannelSelector(2, make_log_variance_lda()).fit(X, y)
    assert selector.scores_.query("chosen")["channel"].tolist() == [4, 2]
    np.testing.assert_array_equal(selector.transform(X), X[:, [2, 4]])


def test_the_default_estimator_finds_a_band_of_equal_total_power():
    trials = simulate_trials(n_subjects=3, n_trials=20, n_channels=5, effect=0.0)
    X = trials.X.copy()
    frequency = np.where(trials.y == 1, 20, 6)[:, None]
    X[:, 3] += 10 * np.sin(2 * np.pi * frequency * np.arange(X.shape[-1]) / trials.sfreq)
    selector = SequentialChannelSelector(1, sfreq=trials.sfreq, ch_names=trials.ch_names)
    assert selector.fit(X, trials.y).channels_ == [trials.ch_names[3]]
    assert selector.scores_["score"].max() > 0.95


def test_the_path_is_independent_of_n_jobs():
    X, y = simulate_variance([0.1, 0.2, 0.1])
    selector = SequentialChannelSelector(2, make_log_variance_lda(), cv=3)
    path = selector.fit(X, y).scores_
    with joblib.parallel_config("threading"):
        assert selector.set_params(n_jobs=2).fit(X, y).scores_.equals(path)


def test_the_estimator_may_be_a_network_of_windows():
    trials = simulate_trials(n_subjects=2, n_trials=6, n_channels=2, n_times=128)
    network = MSiMambaClassifier(d_model=8, d_hidden=2, max_epochs=1, random_state=0)
    windows = SlidingWindows(window_size_samples=64)
    selector = SequentialChannelSelector(1, make_pipeline(windows, network), cv=2)
    assert selector.fit(trials.X, trials.y).transform(trials.X).shape == (12, 1, 128)
    X = windows.fit_transform(trials.X)
    same = SequentialChannelSelector(1, network, cv=2).fit(X, trials.y)
    assert same.scores_.equals(selector.scores_)
    assert same.transform(X).shape == (12, 2, 1, 64)


# Inner folds


class Spy(Constant):
    """Record the training and test subjects of each fit, the first sample of X."""

    calls = []

    def fit(self, X, y):
        Spy.calls.append([set(X[:, 0, 0])])
        return super().fit(X, y)

    def predict(self, X):
        Spy.calls[-1].append(set(X[:, 0, 0]))
        return super().predict(X)


def make_subjects(n_subjects=6, n_trials=4):
    """Return trials whose values are the subject number, labels, and subjects."""
    subject = np.repeat(np.arange(float(n_subjects)), n_trials)
    return np.tile(subject[:, None, None], (1, 3, 5)), np.arange(len(subject)) % 2, subject


def spy_on(X, y, groups, **options):
    """Return the training and test subjects of each fit."""
    Spy.calls = []
    SequentialChannelSelector(1, Spy(), **options).fit(X, y, groups=groups)
    return Spy.calls


@pytest.mark.parametrize("as_metadata", [True, False])
def test_subjects_are_held_out_in_inner_folds(as_metadata):
    X, y, subject = make_subjects()
    calls = spy_on(X, y, {"subject": subject, "trial": y} if as_metadata else subject)
    assert len(calls) == 3 * 5
    assert all(train.isdisjoint(test) for train, test in calls)
    assert set.union(*(test for _, test in calls)) == set(subject)
    assert any(train & test for train, test in spy_on(X, y, None))


@pytest.mark.parametrize(
    ("n_subjects", "n_trials", "n_folds"), [(3, 4, 3), (1, 10, 5)], ids=["subjects", "trials"]
)
def test_an_int_is_the_number_of_folds_over_subjects_or_over_trials(n_subjects, n_trials, n_folds):
    assert len(spy_on(*make_subjects(n_subjects, n_trials))) == 3 * n_folds


def test_none_are_five_folds_over_subjects():
    data = make_subjects(6, 4)
    assert spy_on(*data, cv=None) == spy_on(*data, cv=5)


def test_windows_of_a_trial_are_in_one_inner_fold():
    trial = np.random.default_rng(0).permutation(np.repeat(np.arange(8.0), 4))
    X = np.tile(trial[:, None, None], (1, 3, 5))
    calls = spy_on(X, trial % 2, pd.DataFrame({"subject": "a", "trial": trial}))
    assert calls and all(train.isdisjoint(test) for train, test in calls)


def test_trials_of_one_subject_are_split_in_their_order():
    trial = np.arange(12.0)
    X = np.tile(trial[:, None, None], (1, 3, 5))
    for groups in (None, pd.DataFrame({"subject": "a", "trial": trial})):
        tests = [test for _, test in spy_on(X, trial % 2, groups, cv=3)]
        assert tests[:3] == [{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9, 10, 11}]


def test_a_training_fold_of_one_class_is_an_error():
    X, _, subject = make_subjects(6, 4)
    with pytest.raises(ValueError, match="cv must give each training fold at least two classes"):
        SequentialChannelSelector(1, Constant(), cv=3).fit(X, subject == 0, groups=subject)


@pytest.mark.parametrize("cv", [LeaveOneGroupOut(), GroupKFold(6), CrossSubjectSplit()])
def test_splitters_get_subjects_or_metadata(cv):
    X, y, subject = make_subjects()
    calls = spy_on(X, y, {"subject": subject, "trial": y}, cv=cv)
    assert all(train.isdisjoint(test) for train, test in calls)
    assert [len(test) for _, test in calls] == [1] * 18


def test_trials_have_the_metadata_that_a_splitter_requires():
    trials = simulate_trials(2, 12, 2, 256)
    session = np.tile(np.repeat([1, 2], 6), 2)
    metadata = trials.metadata.assign(session=session)
    trials = trials.derive(y=np.arange(24) % 2, metadata=metadata)
    selector = SequentialChannelSelector(1, cv=CrossSessionSplit()).fit(trials, trials.y)
    expected = SequentialChannelSelector(1, cv=CrossSessionSplit(), sfreq=128)
    expected.fit(trials.X, trials.y, groups=trials.metadata)
    assert selector.scores_["score"].tolist() == expected.scores_["score"].tolist()


def test_inner_folds_are_stratified():
    X, _, _ = make_subjects(n_subjects=20, n_trials=1)
    y = np.repeat([0, 1], [15, 5])
    shares = []

    def scoring(estimator, X, y):
        shares.append(y.mean())
        return 0.0

    SequentialChannelSelector(1, Constant(), scoring=scoring).fit(X, y)
    assert set(shares) == {0.25}


# Pipelines


def test_windows_of_trials_without_subjects_are_split_by_trial():
    trials = simulate_trials(1, 12, 3, 256)
    windows = trials.as_windows(0.5)
    expected = SequentialChannelSelector(2, cv=2).fit(windows, windows.y)
    windows = windows.derive(metadata=windows.metadata.drop(columns="subject"))
    selector = SequentialChannelSelector(2, cv=2).fit(windows, windows.y)
    pd.testing.assert_frame_equal(selector.scores_, expected.scores_)


def test_pipelines_and_cross_validation_route_groups():
    X, y, subject = make_subjects()
    pipe = make_pipeline(SequentialChannelSelector(1, Spy(), cv=3), Constant())
    with sklearn.config_context(enable_metadata_routing=True):
        for fit in (
            lambda: pipe.fit(X, y, groups=subject),
            lambda: cross_val_score(pipe, X, y, cv=GroupKFold(2), params={"groups": subject}),
        ):
            Spy.calls = []
            fit()
            assert Spy.calls
            assert all(train.isdisjoint(test) for train, test in Spy.calls)


def test_evaluate_selects_on_training_subjects():
    trials = simulate_trials(n_subjects=6, n_trials=4, n_channels=3, n_times=5)
    trials.X[:] = trials.metadata["subject"].to_numpy()[:, None, None]
    pipe = make_pipeline(SequentialChannelSelector(1, Spy(), cv=5), Constant())
    Spy.calls = []
    evaluate({"spy": pipe}, trials, cv=CrossSubjectSplit(2), baselines=[], verbose=False)
    assert len(Spy.calls) == 2 * 3 * 3  # outer folds, channels, training subjects
    for train, test in Spy.calls:
        assert train.isdisjoint(test)
        assert len(train | test) == 3


def test_the_number_of_channels_can_be_searched():
    X, y = simulate_variance([0, 0.12, 0.12, 0.12])
    selector = SequentialChannelSelector(1, make_log_variance_lda(), cv=3)
    pipe = make_pipeline(ChannelPicker(), selector, make_log_variance_lda())
    name = "sequentialchannelselector__n_channels_to_select"
    search = GridSearchCV(pipe, {name: [1, 3]}, cv=3).fit(X, y)
    assert search.best_params_ == {name: 3}
    assert search.best_estimator_[1].channels_ == [1, 2, 3]


def test_epochs_have_names(make_epochs):
    epochs = make_epochs(n_trials=12, ch_names=("Fp1", "Fp2", "F3"), other=("EOG",))
    selector = SequentialChannelSelector(2, Constant(), cv=2).fit(epochs, np.arange(12) % 2)
    assert selector.channels_ == ["Fp1", "Fp2"]
    assert selector.transform(epochs).shape == (12, 2, 64)
    with pytest.raises(ValueError, match="channels Fp1, Fp2 at the positions seen in fit, got F3"):
        selector.transform(epochs.copy().reorder_channels(["F3", "Fp2", "Fp1"]))


# Errors


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_channels_to_select": 5}, r"must not exceed the number of channels of X, 4, got 5\."),
        ({"n_channels_to_select": 0}, "n_channels_to_select must be an integer of at least 1"),
        ({"n_channels_to_select": True}, "n_channels_to_select must be an integer .* got True"),
        ({"n_channels_to_select": 1.0}, r"n_channels_to_select must be an integer .* got 1\.0"),
        ({"direction": "up"}, "direction must be one of 'forward', 'backward', got 'up'"),
        ({"ch_names": ["Fp1"]}, "one name for each of the 4 channels of X, got 1 names"),
        ({"estimator": None}, "sfreq must be given, in hertz, if estimator is None"),
        ({"scoring": lambda *_: np.nan}, "scoring must be finite in all inner folds, got NaN"),
    ],
)
def test_invalid_parameters_are_rejected_and_fit_changes_nothing(options, match):
    params = {"n_channels_to_select": 2, "estimator": Constant(), "cv": 2, **options}
    selector = SequentialChannelSelector(**params)
    before = vars(selector).copy()
    with pytest.raises(ValueError, match=match):
        selector.fit(*make_numbered())
    assert vars(selector) == before


@pytest.mark.parametrize(
    ("y", "groups", "match"),
    [
        (None, None, "requires y to be passed"),
        ([None, *"a" * 11], None, "y contains NaN, None or infinity"),
        (np.ones(12), None, r"y must have at least 2 classes, got 1 class: 1\.0"),
        (np.arange(11) % 2, None, "inconsistent numbers of samples"),
        (np.arange(12) / 7, None, "Unknown label type"),
        (np.arange(12) % 2, [1, 2], "requires one row of groups per sample, got 2"),
        (np.arange(12) % 2, {"age": np.ones(12)}, "requires groups=metadata with 'subject'"),
    ],
)
def test_invalid_labels_and_groups_are_rejected(y, groups, match):
    selector = make_selector({}, 2)
    with pytest.raises(ValueError, match=match):
        selector.fit(make_numbered()[0], y, groups=groups)
    assert not hasattr(selector, "n_features_in_")
