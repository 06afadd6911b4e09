"""What the package promises: cross-validation, LOSO and grid search are plain scikit-learn."""

import pickle

import mne
import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneGroupOut,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline

from skmamba import BraindecodeClassifier, ChannelPicker, MSiMambaClassifier, SlidingWindows
from skmamba.datasets import simulate_trials

PICKS = ["Fp1", "F3", "F4"]


def make_clf(**params):
    tiny = {"d_model": 8, "d_hidden": 4, "n_kernels": 2, "max_epochs": 2, "random_state": 0}
    return MSiMambaClassifier(**{**tiny, **params})


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=4, n_trials=6, n_times=256)


@pytest.fixture(scope="module")
def groups(trials):
    return trials.metadata["subject"].to_numpy()


def as_epochs(trials):
    info = mne.create_info(list(trials.ch_names), trials.sfreq, "eeg")
    return mne.EpochsArray(trials.X * 1e-6, info, verbose=False)


@pytest.fixture(scope="module", params=["array", "epochs", "bags"])
def data(request, trials):
    """X in each form that it may have, and a pipeline that takes it."""
    if request.param == "bags":
        return SlidingWindows(window_size_samples=128, stride_samples=64).fit_transform(
            trials.X
        ), make_pipeline(make_clf())
    picker = ChannelPicker(PICKS, ch_names=trials.ch_names)
    pipe = make_pipeline(
        picker, SlidingWindows(window_size_samples=128, stride_samples=64), make_clf()
    )
    return (as_epochs(trials) if request.param == "epochs" else trials.X), pipe


def test_leave_one_subject_out_by_cross_val_score(data, trials, groups):
    X, pipe = data
    scores = cross_val_score(pipe, X, trials.y, groups=groups, cv=LeaveOneGroupOut())
    assert scores.shape == (4,)
    assert np.isfinite(scores).all()


def test_cross_validate_with_string_labels_and_several_scores(data, trials, groups):
    X, pipe = data
    words = np.array(["rest", "task"])[trials.y]
    scores = cross_validate(
        pipe, X, words, groups=groups, cv=GroupKFold(2), scoring=["balanced_accuracy", "roc_auc"]
    )
    assert np.isfinite(scores["test_balanced_accuracy"]).all()
    assert np.isfinite(scores["test_roc_auc"]).all()


def test_cross_val_predict_answers_once_a_trial(data, trials, groups):
    X, pipe = data
    proba = cross_val_predict(
        pipe, X, trials.y, groups=groups, cv=GroupKFold(2), method="predict_proba"
    )
    assert proba.shape == (24, 2)


def test_clone_and_pickle_of_a_fitted_pipeline(data, trials):
    X, pipe = data
    fitted = clone(pipe).fit(X, trials.y)
    expected = fitted.predict_proba(X)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), expected)
    assert np.array_equal(clone(fitted).fit(X, trials.y).predict_proba(X), expected)


def test_calibration_on_top(data, trials):
    X, pipe = data
    calibrated = CalibratedClassifierCV(pipe, cv=2, method="sigmoid").fit(X, trials.y)
    assert calibrated.predict_proba(X).sum(1) == pytest.approx(np.ones(24))


@pytest.mark.parametrize("form", ["array", "epochs"])
def test_grid_search_over_window_length_and_width_in_two_processes(form, trials, groups):
    X = as_epochs(trials) if form == "epochs" else trials.X
    pipe = make_pipeline(
        ChannelPicker(PICKS, ch_names=trials.ch_names),
        SlidingWindows(window_size_samples=128),
        make_clf(),
    )
    grid = {"slidingwindows__size": [64, 128], "msimambaclassifier__d_model": [4, 8]}
    search = GridSearchCV(pipe, grid, cv=GroupKFold(2), n_jobs=2, error_score="raise")
    search.fit(X, trials.y, groups=groups)
    assert len(search.cv_results_["params"]) == 4
    best = search.best_params_["slidingwindows__size"]
    assert search.best_estimator_[-1].n_times_ == best


def test_grid_search_over_bags_in_two_processes(trials, groups):
    bags = SlidingWindows(window_size_samples=128, stride_samples=64).fit_transform(trials.X)
    grid = {"d_model": [4, 8], "voting": ["soft", "hard"]}
    search = GridSearchCV(make_clf(), grid, cv=GroupKFold(2), n_jobs=2, error_score="raise")
    search.fit(bags, trials.y, groups=groups)
    assert search.best_estimator_.predict(bags).shape == (24,)


def test_nested_grouped_search_under_metadata_routing(data, trials, groups):
    X, pipe = data
    grid = {"msimambaclassifier__d_model": [4, 8]}
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(pipe, grid, cv=GroupKFold(2), error_score="raise")
        scores = cross_validate(
            search,
            X,
            trials.y,
            cv=LeaveOneGroupOut(),
            params={"groups": groups},
            error_score="raise",
        )
    assert scores["test_score"].shape == (4,)


def test_groups_reach_early_stopping_when_they_are_requested(trials, groups):
    with config_context(enable_metadata_routing=True):
        clf = make_clf(early_stopping=True).set_fit_request(groups=True)
        pipe = make_pipeline(SlidingWindows(window_size_samples=128), clf)
        scores = cross_val_score(
            pipe,
            trials.X,
            trials.y,
            cv=GroupKFold(2),
            params={"groups": groups},
            error_score="raise",
        )
    assert np.isfinite(scores).all()


def test_sample_weight_reaches_fit_and_score_when_requested(trials):
    with config_context(enable_metadata_routing=True):
        clf = make_clf().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scores = cross_val_score(
            clf, trials.X, trials.y, params={"sample_weight": np.ones(24)}, error_score="raise"
        )
    assert np.isfinite(scores).all()


@pytest.fixture
def two_torch_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("clf", [make_clf(), BraindecodeClassifier(max_epochs=2, random_state=0)])
def test_scores_are_the_same_to_the_bit_in_other_processes(clf, trials, groups, two_torch_threads):
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), clf)

    def probabilities(n_jobs):
        cv = GroupKFold(2).split(trials.X, trials.y, groups)
        return cross_val_predict(
            pipe, trials.X, trials.y, cv=list(cv), method="predict_proba", n_jobs=n_jobs
        )

    assert np.array_equal(probabilities(1), probabilities(2))
    assert torch.get_num_threads() == 2


def test_fits_of_threads_side_by_side_equal_fits_one_by_one(trials):
    def fit_predict(seed):
        return make_clf(random_state=seed).fit(trials.X, trials.y).predict_proba(trials.X)

    seeds = [0, 1, 0, 1]
    alone = [fit_predict(seed) for seed in seeds]
    together = Parallel(n_jobs=2, backend="threading")(delayed(fit_predict)(s) for s in seeds)
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_bagging_takes_flat_rows_with_n_chans(trials):
    flat = trials.X.reshape(len(trials), -1)
    bagging = BaggingClassifier(make_clf(n_chans=4), n_estimators=2, random_state=0)
    assert bagging.fit(flat, trials.y).predict(flat).shape == (24,)


def test_set_output_reaches_through_the_steps(trials):
    pipe = make_pipeline(ChannelPicker(), SlidingWindows(window_size_samples=128), make_clf())
    pipe.set_output(transform="pandas")
    assert pipe.fit(trials.X, trials.y).predict(trials.X).shape == (24,)


def test_windows_reach_the_network_without_a_copy_of_x(trials, monkeypatch):
    from skmamba.classifiers import _base

    seen = []
    dataset = _base.WindowDataset
    monkeypatch.setattr(
        _base,
        "WindowDataset",
        lambda bags, *args, **kw: seen.append(bags) or dataset(bags, *args, **kw),
    )
    X = trials.X.astype("float64")
    make_pipeline(SlidingWindows(window_size_samples=128, stride_samples=16), make_clf()).fit(
        X, trials.y
    ).predict(X)
    assert seen
    assert all(np.shares_memory(bags, X) for bags in seen)
