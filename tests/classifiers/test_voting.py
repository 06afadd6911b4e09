import re
import warnings

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifierCV
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from skmamba import SlidingWindows, WindowVotingClassifier
from skmamba.classifiers import WindowVotingRegressor
from skmamba.datasets import simulate_trials


def log_power(windows):
    return np.log(windows.var(axis=-1))


LDA = make_pipeline(FunctionTransformer(log_power), LinearDiscriminantAnalysis())
SVC = make_pipeline(FunctionTransformer(log_power), LinearSVC())


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=4, n_trials=10, effect=2.0)


@pytest.fixture(scope="module")
def bags(trials):
    return SlidingWindows(window_size_samples=128).fit_transform(trials.X)


def test_soft_vote_is_the_mean_of_the_estimators_probabilities(bags, trials):
    voting = WindowVotingClassifier(LDA).fit(bags, trials.y)
    windows = bags.reshape(-1, *bags.shape[2:])
    estimator = clone(LDA).fit(windows, trials.y.repeat(4))
    expected = estimator.predict_proba(windows).reshape(40, 4, 2).mean(1)
    assert voting.predict_proba(bags) == pytest.approx(expected)
    assert voting.score(bags, trials.y) > 0.8


def test_hard_vote_does_not_require_probabilities(bags, trials):
    voting = WindowVotingClassifier(SVC, voting="hard").fit(bags, trials.y)
    counts = voting.predict_proba(bags) * 4
    assert np.array_equal(counts, counts.round())
    assert voting.score(bags, trials.y) > 0.8


def test_soft_vote_without_probabilities_is_an_error(bags, trials):
    voting = WindowVotingClassifier(SVC).fit(bags, trials.y)
    with pytest.raises(AttributeError, match="requires an estimator with predict_proba, got Pipe"):
        voting.predict(bags)


@pytest.mark.parametrize("value", ["Soft", "", None, ["soft"]])
def test_an_unknown_voting_is_an_error_in_predict(bags, trials, value):
    voting = WindowVotingClassifier(LDA).fit(bags, trials.y).set_params(voting=value)
    message = re.escape(f"voting must be one of 'soft', 'hard', got {value!r}.")
    with pytest.raises(ValueError, match=message):
        voting.predict(bags)
    with pytest.raises(ValueError, match=message):  # before X is read
        voting.fit(np.full_like(bags, np.nan), trials.y)


class Inverted(WindowVotingClassifier):
    def predict_proba(self, X):
        return super().predict_proba(X)[:, ::-1]


def test_predictions_are_by_the_probabilities_of_a_subclass(bags, trials):
    expected = WindowVotingClassifier(LDA).fit(bags, trials.y).predict(bags)
    assert (Inverted(LDA).fit(bags, trials.y).predict(bags) != expected).all()


def test_rows_of_features_reach_the_estimator_unchanged():
    X = np.random.default_rng(0).normal(size=(30, 5))
    y = (X[:, 2] > 0).astype(int)
    voting = WindowVotingClassifier(LogisticRegression()).fit(X, y)
    assert np.array_equal(voting.predict_proba(X), LogisticRegression().fit(X, y).predict_proba(X))


def test_a_weight_of_two_equals_the_trial_twice():
    X = np.random.default_rng(0).normal(size=(20, 3))
    y = np.arange(20) % 2
    weight = np.r_[2, np.ones(19)]
    weighted = WindowVotingClassifier(LogisticRegression()).fit(X, y, sample_weight=weight)
    repeated = LogisticRegression().fit(np.r_[X[:1], X], np.r_[y[:1], y])
    assert weighted.predict_proba(X) == pytest.approx(repeated.predict_proba(X), abs=1e-4)


def test_weights_for_an_estimator_without_weights_are_an_error(trials):
    for estimator in (KNeighborsClassifier(), make_pipeline(LogisticRegression())):
        voting = WindowVotingClassifier(estimator)
        with pytest.raises(TypeError, match="requires an estimator whose fit accepts"):
            voting.fit(trials.X[:, 0], trials.y, sample_weight=np.ones(40))
    logistic = LogisticRegression()
    with config_context(enable_metadata_routing=True):
        logistic.set_fit_request(sample_weight=True)
        voting = WindowVotingClassifier(make_pipeline(logistic))
        voting.fit(trials.X[:, 0], trials.y, sample_weight=np.ones(40))
    search = GridSearchCV(LogisticRegression(), {"C": [1.0, 10.0]}, cv=2)  # takes them by name
    WindowVotingClassifier(search).fit(trials.X[:, 0], trials.y, sample_weight=np.ones(40))


def test_estimators_of_another_kind_are_an_error(trials):
    with pytest.raises(ValueError, match=r"estimator must be a classifier, got Ridge\(\)"):
        WindowVotingClassifier(Ridge()).fit(trials.X, trials.y)
    with pytest.raises(ValueError, match=r"estimator must be a regressor, got LogisticRegression"):
        WindowVotingRegressor(LogisticRegression()).fit(trials.X, trials.y)
    for other in (None, LogisticRegression):
        with pytest.raises(ValueError, match=r"must be a classifier, got (None|<class)"):
            WindowVotingClassifier(other).fit(trials.X, trials.y)


def test_cross_validation_inside_the_vote_warns_that_it_splits_trials(bags, trials):
    inner = make_pipeline(FunctionTransformer(log_power), RidgeClassifierCV(cv=2))
    with pytest.warns(UserWarning, match=r"ridgeclassifiercv__cv=2\) places windows of one tri"):
        WindowVotingClassifier(inner, voting="hard").fit(bags, trials.y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        WindowVotingClassifier(inner, voting="hard").fit(trials.X, trials.y)  # trials of one window
        grid = {"estimator__lineardiscriminantanalysis__tol": [1e-4, 1e-3]}
        GridSearchCV(WindowVotingClassifier(LDA), grid, cv=2).fit(bags, trials.y)


def test_a_failed_fit_leaves_the_estimator_unchanged(bags, trials):
    voting = WindowVotingClassifier(LDA).fit(bags, trials.y)
    before = vars(voting).copy()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        voting.fit(bags[:, :, :2], trials.y[:-1])
    assert vars(voting).keys() == before.keys()
    assert all(vars(voting)[key] is before[key] for key in before)


def test_windows_of_another_size_are_an_error_in_predict(bags, trials):
    voting = WindowVotingClassifier(LDA).fit(bags, trials.y)
    with pytest.raises(ValueError, match="windows of 3 channels x 128 samples, but"):
        voting.predict(bags[:, :, :3])


def test_data_of_another_unit_are_reported(bags, trials):
    voting = WindowVotingClassifier(LDA).fit(bags, trials.y)
    with pytest.warns(UserWarning, match="unit, such as microvolts"):
        voting.predict(bags / 1e6)


def test_one_class_is_an_error_that_names_y(bags):
    voting = WindowVotingClassifier(KNeighborsClassifier())
    with pytest.raises(ValueError, match="at least 2 classes in y, got 1 class: 'a'"):
        voting.fit(bags[:, 0, 0], ["a"] * 40)


def test_probabilities_of_windows_that_are_not_finite_are_an_error(bags, trials):
    class Nan(LogisticRegression):
        def predict_proba(self, X):
            return np.full((len(X), 2), np.nan)

    voting = WindowVotingClassifier(Nan()).fit(bags[:, 0, 0], trials.y)
    with pytest.raises(ValueError, match="probabilities must be finite, got NaN for trial 0"):
        voting.predict(bags[:, 0, 0])
