"""scikit-learn and evaluate around our pipelines, with Trials, arrays, Epochs and windows as X."""

import pickle
import tracemalloc
from dataclasses import replace

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneGroupOut,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import (
    BraindecodeClassifier,
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    Trials,
    WindowVotingClassifier,
    evaluate,
)
from skmamba.datasets import simulate_trials
from skmamba.preprocessing import BandPower, SequentialChannelSelector

PICKS = ["F4", "Fp1", "F3"]  # columns 3, 0, 2


def make_clf(**params):
    tiny = {"d_model": 8, "d_hidden": 4, "n_kernels": 2, "max_epochs": 2, "random_state": 0}
    return MSiMambaClassifier(**{**tiny, **params})


def make_windows(stride=None):
    return SlidingWindows(1.0, stride, sfreq=128.0)


def make_pipe(clf=None, *, picks=PICKS, ch_names=None, sfreq=None):
    """Return a pipeline, by default one that has no names and no sampling rate."""
    picker, windows = ChannelPicker(picks, ch_names), SlidingWindows(1.0, 0.5, sfreq=sfreq)
    return make_pipeline(picker, windows, make_clf() if clf is None else clf)


def make_epochs_of(trials):
    """Return the trials as mne.Epochs."""
    info = mne.create_info(list(trials.ch_names), trials.sfreq, "eeg")
    return mne.EpochsArray(trials.X * 1e-6, info, verbose=False)


@pytest.fixture(scope="module")
def trials():
    own = simulate_trials(n_subjects=4, n_trials=6, n_times=256)
    return replace(own, reference=np.random.default_rng(0).normal(size=(24, 4, 128)))


@pytest.fixture(scope="module")
def groups(trials):
    return trials.metadata["subject"].to_numpy()


@pytest.fixture(scope="module")
def fitted(trials):
    return make_pipe().fit(trials, trials.y)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Trials of 32 channels in a memory map of 63 MB."""
    file = tmp_path_factory.mktemp("recording") / "X.npy"
    X = np.random.default_rng(0).standard_normal((20, 32, 24576), dtype=np.float32)
    np.save(file, X)
    names = [f"channel {i}" for i in range(32)]
    metadata = {"subject": np.repeat(range(4), 5)}
    return Trials(np.load(file, mmap_mode="r"), np.arange(20) % 2, metadata, 128.0, names)


@pytest.fixture(scope="module", params=["epochs", "bags"])
def data(request, trials):
    """X as mne.Epochs or bags of windows, and a pipeline that takes it."""
    if request.param == "bags":
        return make_windows(stride=0.5).fit_transform(trials.X), make_pipeline(make_clf())
    return make_epochs_of(trials), make_pipe(ch_names=trials.ch_names, sfreq=trials.sfreq)


# Trials as arrays with names and sampling rate


def predict(meta):
    """Return a function that fits a meta-estimator of a pipeline and returns probabilities."""
    return lambda pipe, X, y, groups: meta(pipe).fit(X, y).predict_proba(X)


def search(pipe, X, y, groups, n_jobs=None):
    grid = {"slidingwindows__window_size": [0.5, 1.0], "channelpicker__picks": ["F3", PICKS]}
    options = {"cv": GroupKFold(2), "scoring": "neg_log_loss", "error_score": "raise"}
    found = GridSearchCV(pipe, grid, n_jobs=n_jobs, **options).fit(X, y, groups=groups)
    return np.append(found.cv_results_["mean_test_score"], found.predict_proba(X))


def search_nested(pipe, X, y, groups):
    """Return the score of a routed grid search for each subject."""
    grid = {"msimambaclassifier__d_model": [4, 8]}
    if "slidingwindows" in pipe.named_steps:
        grid = {"slidingwindows__window_size": [0.5, 1.0]}
    options = {"cv": LeaveOneGroupOut(), "params": {"groups": groups}, "error_score": "raise"}
    with config_context(enable_metadata_routing=True):
        inner = GridSearchCV(pipe, grid, cv=GroupKFold(2), error_score="raise")
        return cross_val_score(inner, X, y, scoring="neg_log_loss", **options)


def score(function, result=None, **options):
    """Return a function that scores a pipeline in two folds over subjects."""

    def run(pipe, X, y, groups):
        fixed = {"groups": groups, "cv": GroupKFold(2), "scoring": "neg_log_loss"}
        return function(pipe, X, y, **fixed, **options)[result or slice(None)]

    return run


TASKS = {
    "cross_val_score": score(cross_val_score, error_score="raise"),
    "cross_val_predict": lambda pipe, X, y, groups: cross_val_predict(
        pipe, X, y, groups=groups, cv=GroupKFold(2), method="predict_proba"
    ),
    "GridSearchCV": search,
    "GridSearchCV in 2 processes": lambda *args: search(*args, n_jobs=2),
    "nested GridSearchCV with metadata routing": search_nested,
    "StackingClassifier": predict(lambda pipe: StackingClassifier([("a", pipe)], cv=2)),
    "VotingClassifier": predict(
        lambda pipe: VotingClassifier([("a", pipe), ("b", clone(pipe))], voting="soft")
    ),
    "CalibratedClassifierCV": predict(lambda pipe: CalibratedClassifierCV(pipe, cv=2)),
    "learning_curve": score(
        learning_curve,
        slice(1, None),
        train_sizes=[6, 12],
        shuffle=True,
        random_state=0,
        error_score="raise",
    ),
    "permutation_test_score": score(permutation_test_score, 1, n_permutations=2, random_state=0),
}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_results_are_bitwise_those_of_arrays_with_names_and_rate(task, trials, groups):
    plain = make_pipe(ch_names=trials.ch_names, sfreq=trials.sfreq)
    expected = task(plain, trials.X, trials.y, groups)
    np.testing.assert_array_equal(task(make_pipe(), trials, trials.y, groups), expected)
    assert np.isfinite(np.concatenate([np.ravel(part) for part in expected])).all()


def log_power(windows):
    return np.log(windows.var(axis=-1))


def band_power_lda(**params):
    return WindowVotingClassifier(
        make_pipeline(FunctionTransformer(log_power), LinearDiscriminantAnalysis()), **params
    )


@pytest.mark.parametrize(
    "clf",
    [
        band_power_lda(),
        band_power_lda(voting="hard"),
        BraindecodeClassifier("EEGNet", max_epochs=1, random_state=0),
    ],
    ids=["soft vote", "hard vote", "EEGNet"],
)
def test_other_classifiers_predict_trials_as_arrays(clf, trials):
    plain = make_pipe(clone(clf), ch_names=trials.ch_names, sfreq=trials.sfreq)
    expected = plain.fit(trials.X, trials.y).predict_proba(trials.X)
    pipe = make_pipe(clone(clf)).fit(trials, trials.y)
    np.testing.assert_array_equal(pipe.predict_proba(trials), expected)


def test_epochs_predict_as_trials(fitted, trials):
    epochs = make_epochs_of(trials)
    from_epochs = make_pipe(sfreq=128.0).fit(epochs, trials.y)  # picked Epochs are an array
    np.testing.assert_allclose(
        from_epochs.predict_proba(epochs), fitted.predict_proba(trials), atol=1e-4
    )


def flatten(X):
    return X.reshape(len(X), -1)


@pytest.mark.parametrize(
    "to_features", [flatten, lambda X: np.log(X.var(axis=-1)), lambda X: (X * 1e-6)[:, 0] ** 2]
)
def test_evaluate_accepts_any_estimator_of_arrays(to_features, trials, groups):
    features = FunctionTransformer(to_features)
    model = make_pipeline(features, LogisticRegression())
    results = evaluate({"model": model}, trials, GroupKFold(2), baselines=None, verbose=False)
    assert (results.scores["error"] == "").all()
    expected = cross_val_predict(model, trials.X, trials.y, groups=groups, cv=GroupKFold(2))
    predictions = results.predictions.set_index("trial")["y_pred"]
    assert predictions[trials.metadata["trial"]].tolist() == expected.tolist()


# Steps


def test_steps_hand_on_what_trials_hold(fitted, trials):
    windows = fitted[:-1].transform(trials)
    assert isinstance(windows, Trials)
    assert windows.shape == (24, 3, 3, 128)
    assert (windows.ch_names, windows.sfreq) == (tuple(PICKS), 128.0)
    np.testing.assert_array_equal(windows.y, trials.y)
    np.testing.assert_array_equal(windows.reference, trials.reference[:, [3, 0, 2]])
    pd.testing.assert_frame_equal(windows.metadata, trials.metadata)
    expected = [[trial[[3, 0, 2], s : s + 128] for s in (0, 64, 128)] for trial in trials.X]
    np.testing.assert_array_equal(windows.X, expected)


def test_windows_of_selected_rows_are_those_rows(fitted, trials):
    rows = [5, 1, 5]
    windows = fitted[:-1].transform(trials[rows])
    np.testing.assert_array_equal(windows.X, fitted[:-1].transform(trials).X[rows])
    assert windows.metadata["trial"].tolist() == trials.metadata["trial"].iloc[rows].tolist()


@pytest.mark.parametrize("clf", [make_clf(), band_power_lda()], ids=["network", "voting"])
def test_one_trial_is_predicted_as_among_others(clf, trials):
    pipe = make_pipe(clone(clf)).fit(trials, trials.y)
    alone = [pipe.predict_proba(trials[[row]])[0] for row in range(4)]
    np.testing.assert_allclose(alone, pipe.predict_proba(trials)[:4], atol=1e-6)


def test_band_power_and_channel_search_take_names_and_rate_from_trials(trials):
    given = {"sfreq": trials.sfreq, "ch_names": trials.ch_names}
    power = BandPower().fit(trials)
    np.testing.assert_array_equal(
        power.transform(trials), BandPower(**given).fit_transform(trials.X)
    )
    assert power.get_feature_names_out()[0] == "Fp1_delta"
    plain = SequentialChannelSelector(2, cv=2, **given)
    plain.fit(trials.X, trials.y, groups=trials.metadata)
    own = SequentialChannelSelector(2, cv=2).fit(trials, trials.y)
    pd.testing.assert_frame_equal(own.scores_, plain.scores_)
    assert own.transform(trials).ch_names == tuple(plain.channels_)


@pytest.mark.parametrize("step", [SlidingWindows(1.0), BandPower()])
def test_another_rate_than_that_of_fit_or_of_the_step_is_an_error(step, trials):
    step = clone(step).fit(replace(trials, sfreq=250.0))
    with pytest.raises(ValueError, match=r"X must be at 250 Hz, at which .* fitted, got 128 Hz"):
        step.transform(trials)
    with pytest.raises(ValueError, match=r"sfreq must be 128 Hz, the .* rate of X, got 250\."):
        step.set_params(sfreq=250.0).fit(trials)


@pytest.mark.parametrize("names", [("F4", "F3", "Fp2", "Fp1"), ("Fp1", "Fp2", "C3", "F4")])
def test_other_channels_than_those_of_fit_are_an_error(names, fitted, trials):
    match = f"channels F4, Fp1, F3 at the positions seen in fit, got {names[3]}, {names[0]}, "
    with pytest.raises(ValueError, match=match):
        fitted.predict(replace(trials, ch_names=names))


def test_names_and_rate_are_required_for_arrays(trials):
    with pytest.raises(ValueError, match="'F4' is a name and requires ch_names"):
        make_pipe().fit(trials.X, trials.y)
    with pytest.raises(ValueError, match="in seconds and requires sfreq, got sfreq=None"):
        make_pipe(picks=[0]).fit(trials.X, trials.y)


# Epochs and windows


def test_each_left_out_subject_has_several_scores_also_with_string_labels(data, trials, groups):
    X, pipe = data
    words = np.array(["rest", "task"])[trials.y]
    options = {"cv": LeaveOneGroupOut(), "scoring": ["balanced_accuracy", "roc_auc"]}
    scores = cross_validate(pipe, X, words, groups=groups, **options)
    for name in ("test_balanced_accuracy", "test_roc_auc"):
        assert scores[name].shape == (4,)
        assert np.isfinite(scores[name]).all()


@pytest.mark.parametrize("task", ["cross_val_predict", "CalibratedClassifierCV"])
def test_probabilities_have_one_row_per_trial(data, trials, groups, task):
    X, pipe = data
    proba = TASKS[task](pipe, X, trials.y, groups)
    assert proba.sum(1) == pytest.approx(np.ones(24))


def test_clones_and_pickles_of_a_fitted_pipeline_predict_the_same(data, trials):
    X, pipe = data
    fitted = clone(pipe).fit(X, trials.y)
    expected = fitted.predict_proba(X)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), expected)
    assert np.array_equal(clone(fitted).fit(X, trials.y).predict_proba(X), expected)


def test_a_pickled_selection_is_predicted_the_same(fitted, trials):
    chosen = trials[[4, 1, 1]]
    again = pickle.loads(pickle.dumps(chosen))
    pd.testing.assert_frame_equal(again.metadata, chosen.metadata)
    for name in ("X", "y", "sfreq", "ch_names", "label_names", "name", "reference"):
        np.testing.assert_equal(getattr(again, name), getattr(chosen, name))
    model = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(model.predict_proba(again), fitted.predict_proba(chosen))


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
    assert search_nested(pipe, X, trials.y, groups).shape == (4,)


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


def test_one_trial_is_read_alone(recording):
    selection = recording[::2]
    tracemalloc.start()
    trial = selection[3]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(trial, recording.X[6])
    assert peak < 3 * trial.nbytes


class KeepsX(ClassifierMixin, BaseEstimator):
    """Classifier of one class that keeps the X of its last call."""

    def fit(self, X, y):
        self.X_, self.classes_ = X, np.unique(y)
        return self

    def predict(self, X):
        self.X_tested_ = X
        return np.repeat(self.classes_[:1], len(X))


def test_folds_are_windows_of_the_memory_map(recording):
    pipe, subjects = make_pipe(KeepsX(), picks=[0, 31]), recording.metadata["subject"]
    options = {"cv": GroupKFold(2), "groups": subjects, "return_estimator": True}
    folds = cross_validate(pipe, recording, recording.y, error_score="raise", **options)
    for fold in folds["estimator"]:
        for X in (fold[-1].X_, fold[-1].X_tested_):
            assert X.shape == (10, 383, 2, 128)
            assert np.shares_memory(X.data.array, recording.data.array)
    assert isinstance(recording[[1, 2]].data.array, np.memmap)


def test_fit_and_predict_on_a_memory_map_take_little_memory(recording):
    windows = SlidingWindows(2.0, 8.0)
    pipe = make_pipeline(ChannelPicker([0, 5, 9, 31]), windows, make_clf(max_epochs=1))
    pipe.fit(recording[:2], recording.y[:2])  # imports
    tracemalloc.start()
    pipe.fit(recording[:15], recording.y[:15]).predict(recording[15:])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < recording.data.array.nbytes / 8


def test_tensors_are_arrays(fitted, trials):
    pipe = make_pipe(ch_names=trials.ch_names, sfreq=trials.sfreq)
    pipe.fit(torch.tensor(trials.X), trials.y)
    assert np.array_equal(pipe.predict_proba(torch.tensor(trials.X)), fitted.predict_proba(trials))


def test_empty_trials_are_an_error(fitted, trials):
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        fitted.predict(trials[:0])
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        clone(fitted).fit(trials[:0], trials.y[:0])


def test_integers_of_numpy_are_batch_sizes(trials, groups):
    grid = {"batch_size": np.array([16, 32])}
    search = GridSearchCV(make_clf(), grid, cv=GroupKFold(2), error_score="raise")
    assert search.fit(trials, trials.y, groups=groups).predict(trials).shape == (24,)


@pytest.mark.parametrize("step", [make_clf(), make_windows(), BandPower(sfreq=128)])
def test_names_of_features_are_those_of_the_last_fit(step, trials):
    rows = pd.DataFrame(trials.X[:, 0]).add_prefix("t")
    step = clone(step).fit(rows, trials.y)
    assert step.feature_names_in_[1] == "t1"
    step.fit(trials.X, trials.y)
    assert not hasattr(step, "feature_names_in_")
