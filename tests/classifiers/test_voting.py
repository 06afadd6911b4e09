import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from skmamba import SlidingWindows, WindowVotingClassifier
from skmamba.datasets import simulate_trials


def log_power(windows):
    return np.log(windows.var(axis=-1))


POWER = make_pipeline(FunctionTransformer(log_power), LinearDiscriminantAnalysis())


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=4, n_trials=10, effect=2.0)


@pytest.fixture(scope="module")
def bags(trials):
    return SlidingWindows(window_size_samples=128).fit_transform(trials.X)


def test_soft_vote_is_the_mean_of_the_estimators_windows(bags, trials):
    voting = WindowVotingClassifier(POWER).fit(bags, trials.y)
    windows = bags.reshape(-1, *bags.shape[2:])
    by_hand = make_pipeline(FunctionTransformer(log_power), LinearDiscriminantAnalysis())
    by_hand.fit(windows, trials.y.repeat(4))
    expected = by_hand.predict_proba(windows).reshape(40, 4, 2).mean(1)
    assert voting.predict_proba(bags) == pytest.approx(expected)
    assert voting.score(bags, trials.y) > 0.8


def test_hard_vote_needs_no_probabilities(bags, trials):
    svc = make_pipeline(FunctionTransformer(log_power), LinearSVC())
    voting = WindowVotingClassifier(svc, voting="hard").fit(bags, trials.y)
    shares = voting.predict_proba(bags) * 4
    assert np.array_equal(shares, shares.round())
    assert voting.score(bags, trials.y) > 0.8


def test_soft_vote_without_probabilities_is_told(bags, trials):
    svc = make_pipeline(FunctionTransformer(log_power), LinearSVC())
    voting = WindowVotingClassifier(svc).fit(bags, trials.y)
    with pytest.raises(AttributeError, match="has no predict_proba: use voting='hard'"):
        voting.predict(bags)


def test_features_pass_as_they_are():
    X = np.random.default_rng(0).normal(size=(30, 5))
    y = (X[:, 2] > 0).astype(int)
    voting = WindowVotingClassifier(LogisticRegression()).fit(X, y)
    assert np.array_equal(voting.predict_proba(X), LogisticRegression().fit(X, y).predict_proba(X))


def test_a_weight_of_two_counts_as_the_trial_twice():
    X = np.random.default_rng(0).normal(size=(20, 3))
    y = np.arange(20) % 2
    weight = np.r_[2, np.ones(19)]
    weighted = WindowVotingClassifier(LogisticRegression()).fit(X, y, sample_weight=weight)
    repeated = LogisticRegression().fit(np.r_[X[:1], X], np.r_[y[:1], y])
    assert weighted.predict_proba(X) == pytest.approx(repeated.predict_proba(X), abs=1e-4)


def test_weights_for_an_estimator_without_are_told(trials):
    voting = WindowVotingClassifier(KNeighborsClassifier())
    with pytest.raises(ValueError, match="fit of KNeighborsClassifier takes none"):
        voting.fit(trials.X[:, 0], trials.y, sample_weight=np.ones(40))


def test_a_failed_fit_leaves_the_estimator_as_it_was(bags, trials):
    voting = WindowVotingClassifier(POWER).fit(bags, trials.y)
    before = vars(voting).copy()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        voting.fit(bags[:, :, :2], trials.y[:-1])
    assert vars(voting).keys() == before.keys()
    assert all(vars(voting)[key] is before[key] for key in before)


def test_other_channels_at_predict_are_told(bags, trials):
    voting = WindowVotingClassifier(POWER).fit(bags, trials.y)
    with pytest.raises(ValueError, match="windows of 3 channels x 128 time points, but"):
        voting.predict(bags[:, :, :3])
