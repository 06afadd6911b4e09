"""ChannelSelector: the channels that tell, found on training trials and on whole people."""

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneGroupOut,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows, evaluate
from skmamba.datasets import simulate_trials
from skmamba.evaluation import CrossSubjectSplit
from skmamba.preprocessing import SequentialChannelSelector

NAMES = ["Fp1", "Fp2", "F3", "F4"]


class Constant(ClassifierMixin, BaseEstimator):
    """A classifier that learns nothing."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def numbered(n_channels=4, n_trials=12):
    """Trials that hold the number of the channel, and labels in turn."""
    X = np.broadcast_to(np.arange(float(n_channels))[:, None], (n_trials, n_channels, 5))
    return X, np.arange(n_trials) % 2


def selector_of(scores, k, **options):
    """A selector for which each set of channels, as digits, has the score of a table, or 0."""

    def read_score(estimator, X, y):
        return scores.get("".join(str(int(number)) for number in X[0, :, 0]), 0.0)

    return SequentialChannelSelector(k, Constant(), scoring=read_score, cv=2, **options)


def tried(selector):
    """The path as (n_channels, channel, score), and which of its rows were chosen."""
    rows = selector.scores_[["n_channels", "channel", "score"]].itertuples(index=False, name=None)
    return list(rows), np.flatnonzero(selector.scores_["chosen"]).tolist()


def log_variance(X):
    return np.log(X.var(axis=-1))


def quick():
    """Log variance of each channel, and a line through it."""
    return make_pipeline(FunctionTransformer(log_variance), LinearDiscriminantAnalysis())


def planted(strengths, n_trials=120, random_state=0):
    """White noise that in class 1 is stronger by these log ratios, channel by channel."""
    rng = np.random.default_rng(random_state)
    y = np.arange(n_trials) % 2
    gain = np.exp(np.outer(y, strengths))[..., None]
    return gain * rng.standard_normal((n_trials, len(strengths), 64)), y


# The path, by hand


def test_forward_adds_the_best_channel_to_those_that_are_there():
    scores = {"0": 0.6, "2": 0.7, "12": 0.71, "23": 0.9, "02": 0.8}
    selector = selector_of(scores, 2, ch_names=NAMES).fit(*numbered())
    rows, chosen = tried(selector)
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


def test_backward_takes_away_the_channel_that_is_missed_least():
    scores = {"0123": 0.9, "123": 0.5, "023": 0.6, "013": 0.95, "012": 0.7, "03": 0.9, "01": 0.3}
    selector = selector_of(scores, 2, direction="backward").fit(*numbered())
    rows, chosen = tried(selector)
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


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_of_ties_the_earlier_channels_stay(direction):
    selector = selector_of({}, 2, direction=direction).fit(*numbered())
    assert selector.channels_ == [0, 1]


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_rounding_breaks_no_tie(direction):
    scores = {"0": 0.5, "1": 0.5 + 1e-15, "12": 0.5 + 1e-15, "01": 0.5}
    selector = selector_of(scores, 1, direction=direction).fit(*numbered(3))
    assert selector.channels_ == [0]


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_all_channels_may_be_kept(direction):
    selector = selector_of({"0123": 0.75}, 4, direction=direction).fit(*numbered())
    assert selector.support_.all()
    assert selector.scores_.iloc[-1][["n_channels", "score", "chosen"]].tolist() == [4, 0.75, True]


def test_scores_are_those_of_scikit_learn_on_the_same_folds():
    X, y = planted([0.0, 0.3, 0.1])
    selector = SequentialChannelSelector(2, quick(), cv=3, scoring="roc_auc").fit(X, y)
    expected = cross_val_score(quick(), X[:, [1, 2]], y, cv=3, scoring="roc_auc")
    row = selector.scores_.query("n_channels == 2 and channel == 2").iloc[0]
    assert row["score"] == expected.mean()
    assert row["std"] == expected.std()


# What is found


def test_planted_channels_are_chosen_first():
    X, y = planted([0, 0, 0.12, 0, 0.2, 0])
    selector = SequentialChannelSelector(2, quick()).fit(X, y)
    first, second = selector.scores_.query("chosen")["channel"]
    assert (first, second) == (4, 2)
    np.testing.assert_array_equal(selector.transform(X), X[:, [2, 4]])


def test_a_second_copy_of_the_best_channel_is_not_taken():
    X, y = planted([0.15, 0.12, 0])
    X = X[:, [0, 0, 1, 2]]
    assert SequentialChannelSelector(2, quick()).fit(X, y).channels_ == [0, 2]


def test_the_default_finds_a_rhythm_of_the_same_power():
    trials = simulate_trials(n_subjects=3, n_trials=20, n_channels=5, effect=0.0)
    X = trials.X.copy()
    hertz = np.where(trials.y == 1, 20, 6)[:, None]  # another band, and nothing else
    time = np.arange(X.shape[-1]) / trials.sfreq
    X[:, 3] += 10 * np.sin(2 * np.pi * hertz * time)
    selector = SequentialChannelSelector(1, sfreq=trials.sfreq, ch_names=trials.ch_names).fit(
        X, trials.y
    )
    assert selector.channels_ == [trials.ch_names[3]]
    assert selector.scores_["score"].max() > 0.95


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_same_data_give_the_same_path(n_jobs):
    X, y = planted([0.1, 0.2, 0.1])
    once = SequentialChannelSelector(2, quick(), cv=3).fit(X, y).scores_
    with joblib.parallel_config("threading"):
        again = SequentialChannelSelector(2, quick(), cv=3, n_jobs=n_jobs).fit(X, y).scores_
    assert once.equals(again)


def test_a_network_on_windows_can_be_what_judges():
    trials = simulate_trials(n_subjects=2, n_trials=6, n_channels=2, n_times=128)
    network = MSiMambaClassifier(d_model=8, d_hidden=2, max_epochs=1, random_state=0)
    selector = SequentialChannelSelector(
        1, make_pipeline(SlidingWindows(window_size_samples=64), network), cv=2
    )
    assert selector.fit(trials.X, trials.y).transform(trials.X).shape == (12, 1, 128)
    bags = SlidingWindows(window_size_samples=64).fit_transform(trials.X)
    same = SequentialChannelSelector(1, network, cv=2).fit(bags, trials.y)
    assert same.scores_.equals(selector.scores_)
    assert same.transform(bags).shape == (12, 2, 1, 64)


# Inner folds


class Spy(Constant):
    """Writes down which people, the first sample of all channels, it meets together."""

    met = []

    def fit(self, X, y):
        Spy.met.append([set(X[:, 0, 0])])
        return super().fit(X, y)

    def predict(self, X):
        Spy.met[-1].append(set(X[:, 0, 0]))
        return super().predict(X)


def people(n_subjects=6, n_trials=4):
    """Trials that hold the number of the subject."""
    subject = np.repeat(np.arange(float(n_subjects)), n_trials)
    return np.tile(subject[:, None, None], (1, 3, 5)), np.arange(len(subject)) % 2, subject


def spied(X, y, groups, **options):
    """Who was trained on and who was tested, fit after fit."""
    Spy.met = []
    SequentialChannelSelector(1, Spy(), **options).fit(X, y, groups=groups)
    assert {len(fit) for fit in Spy.met} == {2}
    return Spy.met


@pytest.mark.parametrize("as_metadata", [True, False])
def test_no_subject_is_on_both_sides_of_an_inner_fold(as_metadata):
    X, y, subject = people()
    met = spied(X, y, {"subject": subject, "trial": y} if as_metadata else subject)
    assert len(met) == 3 * 5
    assert all(train.isdisjoint(test) for train, test in met)
    assert set.union(*(test for _, test in met)) == set(subject)


def test_without_groups_people_are_on_both_sides():
    X, y, _ = people()
    assert any(train & test for train, test in spied(X, y, None))


def test_there_are_no_more_folds_than_subjects():
    X, y, subject = people(n_subjects=3)
    assert len(spied(X, y, subject)) == 3 * 3


def test_trials_of_a_single_subject_are_split_themselves():
    X, y, subject = people(n_subjects=1, n_trials=10)
    assert len(spied(X, y, subject)) == 3 * 5


@pytest.mark.parametrize("cv", [LeaveOneGroupOut(), GroupKFold(6), CrossSubjectSplit()])
def test_splitters_get_the_groups_they_know(cv):
    X, y, subject = people()
    met = spied(X, y, {"subject": subject, "trial": y}, cv=cv)
    assert all(train.isdisjoint(test) for train, test in met)
    assert sorted(map(len, (test for _, test in met))) == [1] * 18


def test_classes_are_in_proportion_in_every_inner_fold():
    X, _, _ = people(n_subjects=20, n_trials=1)
    y = np.repeat([0, 1], [15, 5])
    shares = []

    def note_share(estimator, X, y):
        shares.append(y.mean())
        return 0.0

    SequentialChannelSelector(1, Constant(), scoring=note_share).fit(X, y)
    assert set(shares) == {0.25}


# In a pipeline


def test_groups_reach_it_through_a_pipeline_and_a_cross_validation():
    X, y, subject = people()
    pipe = make_pipeline(SequentialChannelSelector(1, Spy(), cv=3), Constant())
    with sklearn.config_context(enable_metadata_routing=True):
        for fit in (
            lambda: pipe.fit(X, y, groups=subject),
            lambda: cross_val_score(pipe, X, y, cv=GroupKFold(2), params={"groups": subject}),
        ):
            Spy.met = []
            fit()
            assert Spy.met
            assert all(train.isdisjoint(test) for train, test in Spy.met)


def test_evaluate_passes_groups_and_keeps_test_people_away():
    trials = simulate_trials(n_subjects=6, n_trials=4, n_channels=3, n_times=5)
    trials.X[:] = trials.metadata["subject"].to_numpy()[:, None, None]
    pipe = make_pipeline(SequentialChannelSelector(1, Spy(), cv=5), Constant())
    Spy.met = []
    evaluate({"spy": pipe}, trials, cv=CrossSubjectSplit(2), baselines=[]).scores
    assert len(Spy.met) == 2 * 3 * 3  # outer folds, channels, and 3 subjects to train on
    for train, test in Spy.met:
        assert train.isdisjoint(test)
        assert len(train | test) == 3


def test_k_can_be_searched_behind_other_steps():
    X, y = planted([0, 0.12, 0.12, 0.12])
    pipe = make_pipeline(ChannelPicker(), SequentialChannelSelector(1, quick(), cv=3), quick())
    search = GridSearchCV(pipe, {"channelselector__k": [1, 3]}, cv=3).fit(X, y)
    assert search.best_params_ == {"channelselector__k": 3}
    assert search.best_estimator_[1].channels_ == [1, 2, 3]


# Epochs


def test_epochs_bring_names_and_are_compared_by_them(make_epochs):
    epochs = make_epochs(n_trials=12, ch_names=("Fp1", "Fp2", "F3"), other=("EOG",))
    y = np.arange(12) % 2
    selector = SequentialChannelSelector(2, Constant(), cv=2).fit(epochs, y)
    assert selector.channels_ == ["Fp1", "Fp2"]
    assert selector.transform(epochs).shape == (12, 2, 64)
    with pytest.raises(ValueError, match="ChannelSelector was fitted to pick Fp1, Fp2"):
        selector.transform(epochs.copy().reorder_channels(["F3", "Fp2", "Fp1"]))


# What does not fit


def nothing_comes_out(estimator, X, y):
    return np.nan


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 5}, r"k=5 channels are to be kept, but X has 4\."),
        ({"k": 0}, "k must be a whole number of at least 1, got 0"),
        ({"k": True}, "k must be a whole number of at least 1, got True"),
        ({"k": 1.0}, r"k must be a whole number of at least 1, got 1\.0"),
        ({"direction": "up"}, "direction must be one of 'forward', 'backward', got 'up'"),
        ({"ch_names": ["Fp1"]}, "X has 4 channels, got 1 names"),
        ({"estimator": None}, "sfreq must be given, in hertz, for the default estimator"),
        ({"scoring": nothing_comes_out}, "scoring gave NaN in some inner folds"),
    ],
)
def test_parameters_that_do_not_fit_are_told_and_leave_no_trace(options, message):
    X, y = numbered()
    selector = SequentialChannelSelector(**{"k": 2, "estimator": Constant(), "cv": 2, **options})
    before = vars(selector).copy()
    with pytest.raises(ValueError, match=message):
        selector.fit(X, y)
    assert vars(selector) == before


@pytest.mark.parametrize(
    ("y", "groups", "message"),
    [
        (None, None, "requires y to be passed"),
        (np.ones(12), None, r"y must hold at least 2 classes, got 1 class: 1\.0"),
        (np.arange(11) % 2, None, "inconsistent numbers of samples"),
        (np.arange(12) / 7, None, "Unknown label type"),
        (np.arange(12) % 2, [1, 2], "there are 12 samples and 2 rows"),
        (np.arange(12) % 2, {"person": np.ones(12)}, "needs groups=metadata with 'subject'"),
    ],
)
def test_labels_and_groups_that_do_not_fit_are_told(y, groups, message):
    selector = selector_of({}, 2)
    with pytest.raises(ValueError, match=message):
        selector.fit(numbered()[0], y, groups=groups)
    assert not hasattr(selector, "n_features_in_")


def test_other_channels_than_in_fit_are_refused():
    selector = selector_of({}, 2).fit(*numbered())
    with pytest.raises(ValueError, match="X has 3 channels, but ChannelSelector was fitted on 4"):
        selector.transform(numbered(3)[0])
