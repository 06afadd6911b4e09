"""Cross-validation, grid search and metadata routing of scikit-learn around our pipelines."""

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


def make_windows(stride=None):
    return SlidingWindows(1.0, stride, sfreq=128.0)


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=4, n_trials=6, n_times=256)


@pytest.fixture(scope="module")
def groups(trials):
    return trials.metadata["subject"].to_numpy()


@pytest.fixture(scope="module", params=["array", "epochs", "bags"])
def data(request, trials):
    """X as an array, mne.Epochs or bags of windows, and a pipeline that takes it."""
    windows = make_windows(stride=0.5)
    if request.param == "bags":
        return windows.fit_transform(trials.X), make_pipeline(make_clf())
    pipe = make_pipeline(ChannelPicker(PICKS, ch_names=trials.ch_names), windows, make_clf())
    if request.param == "array":
        return trials.X, pipe
    info = mne.create_info(list(trials.ch_names), trials.sfreq, "eeg")
    return mne.EpochsArray(trials.X * 1e-6, info, verbose=False), pipe


# Cross-validation


def test_each_left_out_subject_has_several_scores_also_with_string_labels(data, trials, groups):
    X, pipe = data
    words = np.array(["rest", "task"])[trials.y]
    options = {"cv": LeaveOneGroupOut(), "scoring": ["balanced_accuracy", "roc_auc"]}
    scores = cross_validate(pipe, X, words, groups=groups, **options)
    for name in ("test_balanced_accuracy", "test_roc_auc"):
        assert scores[name].shape == (4,)
        assert np.isfinite(scores[name]).all()


@pytest.mark.parametrize("method", ["predict_proba", "calibration"])
def test_cross_val_predict_and_calibration_give_one_row_per_trial(data, trials, groups, method):
    X, pipe = data
    if method == "calibration":
        proba = CalibratedClassifierCV(pipe, cv=2).fit(X, trials.y).predict_proba(X)
    else:
        proba = cross_val_predict(
            pipe, X, trials.y, groups=groups, cv=GroupKFold(2), method="predict_proba"
        )
    assert proba.sum(1) == pytest.approx(np.ones(24))


def test_clones_and_pickles_of_a_fitted_pipeline_predict_the_same(data, trials):
    X, pipe = data
    fitted = clone(pipe).fit(X, trials.y)
    expected = fitted.predict_proba(X)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), expected)
    assert np.array_equal(clone(fitted).fit(X, trials.y).predict_proba(X), expected)


# Search


def test_grid_search_over_window_size_and_width_in_two_processes(data, trials, groups):
    X, pipe = data
    grid = {"msimambaclassifier__d_model": [4, 8]}
    if "slidingwindows" in pipe.named_steps:
        grid["slidingwindows__window_size"] = [0.5, 1.0]
    search = GridSearchCV(pipe, grid, cv=GroupKFold(2), n_jobs=2, error_score="raise")
    search.fit(X, trials.y, groups=groups)
    assert len(search.cv_results_["params"]) == 2 ** len(grid)
    best = search.best_params_.get("slidingwindows__window_size", 1.0)
    assert search.best_estimator_[-1].n_times_ == 128 * best


def test_nested_search_passes_groups_by_metadata_routing(data, trials, groups):
    X, pipe = data
    grid = {"msimambaclassifier__d_model": [4, 8]}
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(pipe, grid, cv=GroupKFold(2), error_score="raise")
        scores = cross_val_score(
            search,
            X,
            trials.y,
            cv=LeaveOneGroupOut(),
            params={"groups": groups},
            error_score="raise",
        )
    assert scores.shape == (4,)


@pytest.mark.parametrize("metadata", ["groups", "sample_weight"])
def test_requested_metadata_reaches_fit(trials, groups, metadata):
    clf, params = make_clf(early_stopping=True), {"groups": groups}
    with config_context(enable_metadata_routing=True):
        clf.set_fit_request(**{metadata: True})
        if metadata == "sample_weight":
            clf.set_score_request(sample_weight=True)
            params["sample_weight"] = np.ones(24)
        scores = cross_val_score(
            make_pipeline(make_windows(), clf),
            trials.X,
            trials.y,
            cv=GroupKFold(2),
            params=params,
            error_score="raise",
        )
    assert np.isfinite(scores).all()


# Processes and threads


@pytest.fixture
def two_torch_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("clf", [make_clf(), BraindecodeClassifier(max_epochs=2, random_state=0)])
def test_predictions_are_bitwise_equal_in_other_processes(clf, trials, groups, two_torch_threads):
    pipe = make_pipeline(make_windows(), clf)
    options = {"groups": groups, "cv": GroupKFold(2), "method": "predict_proba"}
    one, two = (cross_val_predict(pipe, trials.X, trials.y, n_jobs=n, **options) for n in (1, 2))
    assert np.array_equal(one, two)
    assert torch.get_num_threads() == 2


def test_fits_in_parallel_threads_equal_serial_fits(trials):
    def fit_predict(seed):
        return make_clf(random_state=seed).fit(trials.X, trials.y).predict_proba(trials.X)

    seeds = [0, 1, 0, 1]
    serial = [fit_predict(seed) for seed in seeds]
    parallel = Parallel(n_jobs=2, backend="threading")(delayed(fit_predict)(s) for s in seeds)
    assert all(np.array_equal(a, b) for a, b in zip(serial, parallel, strict=True))


# Two axes, output and memory


def test_bagging_takes_flat_rows_with_n_chans(trials):
    flat = trials.X.reshape(len(trials), -1)
    bagging = BaggingClassifier(make_clf(n_chans=4), n_estimators=2, random_state=0)
    assert bagging.fit(flat, trials.y).predict(flat).shape == (24,)


def test_set_output_leaves_bags_as_arrays(trials):
    pipe = make_pipeline(ChannelPicker(), make_windows(), make_clf())
    pipe.set_output(transform="pandas")
    assert pipe.fit(trials.X, trials.y).predict(trials.X).shape == (24,)


def test_windows_reach_the_network_without_a_copy_of_x(trials, monkeypatch):
    from skmamba.classifiers import base

    seen = []
    dataset = base.WindowDataset
    monkeypatch.setattr(
        base,
        "WindowDataset",
        lambda bags, *args, **kw: seen.append(bags) or dataset(bags, *args, **kw),
    )
    X = trials.X.astype("float64")
    make_pipeline(make_windows(stride=0.125), make_clf()).fit(X, trials.y).predict(X)
    assert seen
    assert all(np.shares_memory(bags.array, X) for bags in seen)
