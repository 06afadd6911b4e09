"""Tests of MSiMambaClassifier(adaptation=...) and of MSiMamba(standardize=True)."""

import copy
import pickle
import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict, cross_validate
from skorch.callbacks import Callback

from skmamba import MSiMambaClassifier, SlidingWindows, Trials
from skmamba.classifiers import _adaptation
from skmamba.datasets import simulate_trials
from skmamba.models import MSiMamba

MODES = ["reference", "causal", "unlabelled"]
SIZE = 32
TINY = {"d_model": 8, "d_hidden": 2, "n_kernels": 1, "max_epochs": 2}


def make_clf(mode, **params):
    return MSiMambaClassifier(adaptation=mode, **{**TINY, "random_state": 0, **params})


def add_reference(trials, n_times=100, seed=1):
    """Return trials with noise as the reference of each subject."""
    rng = np.random.default_rng(seed)
    subject, index = np.unique(trials.metadata["subject"], return_inverse=True)
    noise = rng.normal(size=(len(subject), trials.shape[1], n_times))
    noise *= rng.uniform(5, 20, size=(len(subject), 1, 1))
    return replace(trials, reference=noise[index].astype("float32"))


def cut(trials):
    return SlidingWindows(window_size_samples=SIZE).fit_transform(trials)


def make_trials():
    trials = simulate_trials(n_subjects=4, n_trials=6, n_channels=3, n_times=96, sfreq=64)
    return add_reference(trials)


TRAIN, TEST = (cut(make_trials().select(where)) for where in ("subject < 2", "subject >= 2"))


@pytest.fixture(scope="module", params=[1, 2], ids=["one member", "two members"])
def fitted(request):
    """One classifier for each mode."""
    return {mode: make_clf(mode, n_members=request.param).fit(TRAIN, TRAIN.y) for mode in MODES}


def change(trials, rows, name="X", factor=3.0):
    """Return Trials with other values of X, or of the reference, in some rows."""
    values = np.array(getattr(trials, name))
    values[rows] *= factor
    return trials.derive(**{name: type(trials.data)(values)})


def scale(clf, windows):
    return ((windows - clf.center_[:, None]) / clf.scale_[:, None]).clip(-8, 8)


def whiten(windows, reference):
    """Whiten windows by the mean spectrum of reference windows, with explicit cosines."""
    n_times = windows.shape[-1]
    cosines = np.cos(np.pi / n_times * np.outer(np.arange(n_times), np.arange(n_times) + 0.5))
    cosines /= np.linalg.norm(cosines, axis=1, keepdims=True)  # rows are orthonormal
    power = np.mean((reference @ cosines.T) ** 2, axis=0)
    power[:, 0] = power[:, 1]
    padded = np.pad(power, ((0, 0), (6, 6)), mode="edge")
    smooth = np.stack([padded[:, i : i + 13].mean(1) for i in range(n_times)], axis=1)
    smooth = np.maximum(smooth, 1e-4 * smooth.max(1, keepdims=True))
    return (windows @ cosines.T / np.sqrt(smooth)) @ cosines


def compute_features(clf, windows, reference=None):
    """Return the features of windows of one network, in float64."""
    scaled = scale(clf, windows)
    if reference is not None:
        scaled = whiten(scaled, scale(clf, reference))
    with torch.no_grad():
        return clf.net_.module_.eval().features(torch.from_numpy(scaled)).numpy()


def classify(clf, features, mean, spread):
    """Return the probabilities of one window."""
    tensors = [torch.from_numpy(part[None]) for part in (features, mean, spread)]
    with torch.no_grad():
        return clf.net_.module_.eval().classify(*tensors).softmax(-1).numpy()[0]


# Data that a prediction depends on


def test_with_a_reference_no_other_trial_changes_a_prediction(fitted):
    clf, rows = fitted["reference"], np.random.default_rng(0).permutation(len(TEST))
    proba = clf.predict_proba(TEST)
    assert np.array_equal(clf.predict_proba(TEST[rows]), proba[rows])
    assert np.array_equal(clf.predict_proba(TEST[[4]]), proba[[4]])
    others = change(change(TEST, rows[1:]), rows[1:], "reference")
    assert np.array_equal(clf.predict_proba(others)[rows[0]], proba[rows[0]])


def test_with_a_reference_predictions_depend_on_it(fitted):
    clf = fitted["reference"]
    proba, changed = (clf.predict_proba(X) for X in (TEST, change(TEST, [1], "reference")))
    assert np.abs(proba - changed).max(1).nonzero()[0].tolist() == [1]


def test_causal_predictions_are_independent_of_later_trials(fitted):
    clf = fitted["causal"]
    one = TEST.select(subject=2)
    proba = clf.predict_proba(one)
    assert np.array_equal(clf.predict_proba(one[:4]), proba[:4])
    changed = clf.predict_proba(change(one, slice(3, None)))
    assert np.array_equal(changed[:3], proba[:3])
    assert (changed[3:] != proba[3:]).any(1).all()
    assert (clf.predict_proba(change(one, 0)) != proba).any(1).all()
    assert np.array_equal(clf.predict_proba(TEST)[: len(one)], proba)  # and of other subjects


@pytest.mark.parametrize(
    "columns",
    [
        {"trial": [0, 2, 3, 5, 7, 9]},
        {"run": [0, 0, 1, 1, 2, 2], "trial": [5, 7, 0, 3, 1, 2]},
        {"trial": [3, 4, 0, 0, 2, 1], "run": [1, 1, 2, 0, 0, 1], "session": [0, 0, 0, 1, 1, 1]},
        {"trial": [0, 1, 2, 3, 4, 5], "run": ["1", "2", "2", "9", "10", "11"]},
        {"trial": [0, 0, 0, 1, 1, 1], "window": [0, 1, 2, 0, 1, 2]},
    ],
)
def test_the_causal_order_is_that_of_the_metadata_and_not_of_rows(fitted, columns):
    table = pd.DataFrame(columns).assign(subject=2)
    one = TEST.select(subject=2).derive(metadata=table)
    proba = fitted["causal"].predict_proba(one)
    rows = np.array([3, 5, 0, 1, 4, 2])
    assert np.array_equal(fitted["causal"].predict_proba(one[rows]), proba[rows])
    without_trial = one[rows].derive(metadata=table[["subject"]])
    assert not np.array_equal(fitted["causal"].predict_proba(without_trial), proba[rows])


def test_the_causal_order_of_text_is_that_of_its_numbers(fitted):
    one = TEST.select(subject=2)
    metadata = one.metadata.assign(run=["run 2"] * 3 + ["run 10"] * 3)
    proba = fitted["causal"].predict_proba(one.derive(metadata=metadata))
    assert np.array_equal(proba, fitted["causal"].predict_proba(one))


def test_causal_predictions_require_sessions_in_order(fitted):
    one = TEST.select(subject=2)
    metadata = one.metadata.assign(session=["pre"] * 3 + ["post"] * 3)
    with pytest.raises(ValueError, match="'session' must be numbers or dates, got 'pre'"):
        fitted["causal"].predict(one.derive(metadata=metadata))


@pytest.mark.parametrize(
    "columns",
    [{"trial": [np.nan, 1, 2, 3, 4, 5]}, {"trial": range(6), "run": [None, 1, 1, 1, 2, 2]}],
)
def test_causal_predictions_require_the_number_of_every_trial(fitted, columns):
    one = TEST.select(subject=2).derive(metadata=pd.DataFrame(columns).assign(subject=2))
    with pytest.raises(ValueError, match=r"requires '(trial|run)' of every sample, got missing"):
        fitted["causal"].predict(one)


def test_unlabelled_predictions_depend_on_all_trials_of_the_subject_alone(fitted):
    clf, rows = fitted["unlabelled"], np.random.default_rng(0).permutation(len(TEST))
    proba = clf.predict_proba(TEST)
    assert np.array_equal(clf.predict_proba(TEST[rows]), proba[rows])
    changed = clf.predict_proba(change(TEST, len(TEST) - 1))
    is_changed = (changed != proba).any(1)
    assert np.array_equal(is_changed, TEST.metadata["subject"] == 3)


@pytest.mark.parametrize("mode", MODES)
def test_adaptation_cannot_be_switched_on_or_off_after_fit(mode):
    clf = make_clf(None).fit(TRAIN, TRAIN.y).set_params(adaptation=mode)
    with pytest.raises(ValueError, match=f"adaptation must be None, as in fit, got '{mode}'"):
        clf.predict(TEST)
    clf = make_clf(mode).fit(TRAIN, TRAIN.y)
    others = {"reference": {None, "causal", "unlabelled"}}.get(mode, {None, "reference"})
    for other in others:
        with pytest.raises(ValueError, match=f"adaptation must be '.*, as in fit, got {other!r}"):
            clf.set_params(adaptation=other).predict(TEST)


# Subjects of arrays


@pytest.mark.parametrize("mode", ["causal", "unlabelled"])
@pytest.mark.parametrize("form", ["table", "column", "list"])
def test_arrays_with_groups_are_equal_to_trials(mode, form):
    def get_groups(trials):
        table = trials.metadata
        column = table["subject"]
        return {"table": table, "column": column, "list": column.tolist()}[form]

    rows = np.arange(len(TEST))[:: -1 if form == "table" else 1]  # a column has no order
    expected = make_clf(mode).fit(TRAIN, TRAIN.y).predict_proba(TEST[rows])
    clf = make_clf(mode).fit(TRAIN.X, TRAIN.y, groups=get_groups(TRAIN))
    test = TEST[rows]
    assert np.array_equal(clf.predict_proba(test.X, groups=get_groups(test)), expected)
    assert np.array_equal(clf.predict(test.X, groups=get_groups(test)), expected.argmax(1))
    accuracy = (expected.argmax(1) == test.y).mean()
    assert clf.score(test.X, test.y, groups=get_groups(test)) == accuracy


def test_trial_numbers_of_groups_precede_those_of_trials(fitted):
    one = TEST.select(subject=2)
    groups = one.metadata.assign(trial=one.metadata["trial"].to_numpy()[::-1])
    expected = fitted["causal"].predict_proba(one.derive(metadata=groups))
    assert np.array_equal(fitted["causal"].predict_proba(one, groups=groups), expected)
    assert not np.array_equal(fitted["causal"].predict_proba(one), expected)


def test_groups_replace_the_subjects_of_trials_but_not_their_order(fitted):
    rows = np.random.default_rng(1).permutation(len(TEST))
    names = np.array(["", "", "a", "b"])[TEST.metadata["subject"]]
    expected = fitted["causal"].predict_proba(TEST)
    assert np.array_equal(
        fitted["causal"].predict_proba(TEST[rows], groups=names[rows]), expected[rows]
    )
    joint = fitted["unlabelled"].predict_proba(TEST, groups=np.zeros(len(TEST)))
    one = TEST.derive(metadata=TEST.metadata.assign(subject=0))
    assert np.array_equal(joint, fitted["unlabelled"].predict_proba(one))


@pytest.mark.parametrize("mode", ["causal", "unlabelled"])
def test_cross_validation_routes_groups_to_fit_and_score(mode):
    trials = cut(make_trials())
    folds = list(LeaveOneGroupOut().split(trials, trials.y, trials.metadata["subject"]))
    clf = make_clf(mode, max_epochs=1)
    expected = cross_validate(clf, trials, trials.y, cv=folds, return_estimator=True)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = clone(clf).set_fit_request(groups=True).set_score_request(groups=True)
        params = {"groups": trials.metadata}
        options = {"cv": folds, "params": params, "return_estimator": True}
        scores = cross_validate(routed, trials.X, trials.y, **options)
    assert np.array_equal(scores["test_score"], expected["test_score"])
    for one, other in zip(scores["estimator"], expected["estimator"], strict=True):
        assert np.array_equal(one.predict_proba(trials), other.predict_proba(trials))


def test_predictions_are_equal_for_any_number_of_jobs():
    trials = cut(make_trials())
    options = {"cv": LeaveOneGroupOut(), "groups": trials.metadata["subject"]}
    clf = make_clf("reference", max_epochs=1)
    options["method"] = "predict_proba"
    one = cross_val_predict(clf, trials, trials.y, **options)
    with parallel_config(backend="threading", n_jobs=2):  # other tests start processes
        two = cross_val_predict(clf, trials, trials.y, **options)
    assert np.array_equal(one, two)


# Statistics


@pytest.fixture(scope="module")
def precise():
    """One classifier in float64 for each mode."""
    return {mode: make_clf(mode, dtype="float64").fit(TRAIN, TRAIN.y) for mode in MODES}


def measure(features):
    """Return mean and spread over windows, with the documented floors."""
    variance = features.var(axis=0, dtype=float)
    return features.mean(axis=0, dtype=float), np.sqrt(np.maximum(variance, 1e-6)) + 0.1


def test_reference_statistics_are_those_of_its_windows(precise):
    clf = precise["reference"]
    proba = clf.predict_proba(TEST)
    for trial in (0, 7):
        reference = TEST.reference[trial].astype(float)
        pieces = np.stack([reference[:, start : start + SIZE] for start in (0, 32, 64)])
        mean, spread = measure(compute_features(clf, pieces, pieces))
        features = compute_features(clf, TEST.X[trial].astype(float), pieces)
        expected = np.mean([classify(clf, x, mean, spread) for x in features], axis=0)
        np.testing.assert_allclose(proba[trial], expected, rtol=1e-5)


def test_unlabelled_statistics_are_those_of_all_windows_of_the_subject(precise):
    clf, one = precise["unlabelled"], TEST.select(subject=3)
    features = np.stack([compute_features(clf, x) for x in one.X.astype(float)])
    mean, spread = measure(features.reshape(-1, *features.shape[2:]))
    expected = [np.mean([classify(clf, x, mean, spread) for x in trial], 0) for trial in features]
    np.testing.assert_allclose(clf.predict_proba(one), expected, rtol=1e-5)


def test_causal_statistics_start_from_eight_windows_of_the_training_data(precise):
    clf, one = precise["causal"], TEST.select(subject=3)
    module = clf.net_.module_
    prior, prior_square = module.prior_mean.numpy(), module.prior_square.numpy()
    seen, expected = [], []
    for x in one.X.astype(float):
        proba = []
        for features in compute_features(clf, x):
            seen.append(features)
            count = 8 + len(seen)
            mean = (8 * prior + np.sum(seen, axis=0)) / count
            square = (8 * prior_square + np.sum(np.square(seen), axis=0)) / count
            spread = np.sqrt(np.maximum(square - mean**2, 1e-6)) + 0.1
            proba.append(classify(clf, features, mean, spread))
        expected.append(np.mean(proba, axis=0))
    np.testing.assert_allclose(clf.predict_proba(one), expected, rtol=1e-5)


def test_the_prior_of_causal_statistics_is_that_of_training_windows():
    clf = make_clf("causal", dtype="float64", max_epochs=40, lr=1e-6).fit(TRAIN, TRAIN.y)
    features = np.concatenate([compute_features(clf, x) for x in TRAIN.X.astype(float)])
    module = clf.net_.module_
    # A running mean of batches in training mode, which normalise by their own statistics.
    np.testing.assert_allclose(module.prior_mean, features.mean(0), atol=0.3)
    np.testing.assert_allclose(module.prior_square, (features**2).mean(0), rtol=0.3, atol=0.5)


def make_network(**options):
    torch.manual_seed(0)
    options = {"d_model": 4, "use_mstb": False, "mixer": "none", "drop_prob": 0.0, **options}
    return MSiMamba(2, 2, 24, standardize=True, **options).double()


def draw_input(n_windows=5, n_classified=3):
    """Return windows, and weights of which each row has a sum of 0.8."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n_windows, 2, 24, generator=generator, dtype=torch.float64)
    average = torch.rand(n_classified, n_windows, generator=generator, dtype=torch.float64)
    return x, 0.8 * average / average.sum(1, keepdim=True)


def test_forward_standardises_each_window_by_its_own_weights():
    network, (x, average) = make_network(use_mstb=True, mixer="mamba").eval(), draw_input()
    network.prior_mean.normal_()
    network.prior_square.uniform_(3, 4)
    with torch.no_grad():
        logits, features = network(x, None, average), network.features(x)
        for i, weights in enumerate(average.tolist()):
            mean, square = 0.2 * network.prior_mean, 0.2 * network.prior_square
            for weight, values in zip(weights, features, strict=True):
                mean, square = mean + weight * values, square + weight * values**2
            spread = (square - mean**2).clamp_min(1e-6).sqrt() + 0.1
            expected = network.classify(features[[i]], mean[None], spread[None])
            torch.testing.assert_close(logits[[i]], expected)
    assert logits.shape == (3, 2)


def test_the_prior_is_the_mean_of_ten_batches_and_then_moves_by_a_tenth_in_training_only():
    network, (x, average) = make_network(), draw_input()
    network.train()
    expected = None
    for count in range(1, 13):
        batch = count * x + 1
        network(batch, None, average)
        with torch.no_grad():
            features = copy.deepcopy(network).features(batch)
        rate = max(1 / count, 0.1)
        moments = torch.stack([features.mean(0), (features**2).mean(0)])
        expected = moments if count == 1 else expected + rate * (moments - expected)
    torch.testing.assert_close(torch.stack([network.prior_mean, network.prior_square]), expected)
    before = network.prior_mean.clone()
    network.eval()(x, None, average)
    assert torch.equal(network.prior_mean, before)


def test_gradients_flow_through_mean_and_spread():
    network, (x, average) = make_network().eval(), draw_input()

    def classify_given(reference):
        return network(torch.cat([x[:3], reference]), None, average)

    reference = x[3:].requires_grad_()
    assert torch.autograd.gradcheck(classify_given, reference)
    (gradient,) = torch.autograd.grad(classify_given(reference)[:, 0].sum(), reference)
    assert gradient.abs().amin() > 0


def test_standardize_requires_power_and_averages():
    with pytest.raises(ValueError, match=r"standardize requires embedding='power', got 'inverted'"):
        make_network(embedding="inverted")
    with pytest.raises(ValueError, match="average must be given with standardize=True, got None"):
        make_network()(draw_input()[0])


# Learning


def simulate_offsets(n_subjects, seed):
    """Noise whose amplitude depends on subject and channel, and slightly on the class."""
    rng = np.random.default_rng(seed)
    offset = np.exp(rng.normal(size=(n_subjects, 1, 3, 1)))
    y = np.tile([0, 1], (n_subjects, 5))
    X = rng.normal(size=(*y.shape, 3, 128)) * offset * np.exp(0.3 * (y[..., None, None] - 0.5))
    reference = np.repeat(rng.normal(size=(n_subjects, 1, 3, 256)) * offset, 10, axis=1)
    return Trials(
        X=X.reshape(-1, 3, 128).astype("float32"),
        y=y.ravel(),
        metadata={"subject": np.repeat(np.arange(n_subjects), 10), "trial": np.arange(y.size)},
        sfreq=64,
        ch_names=["Fp1", "Fp2", "F3"],
        reference=reference.reshape(-1, 3, 256).astype("float32"),
    )


@pytest.fixture(scope="module")
def score_offsets():
    """Score of a mode on new subjects that differ more than the classes do."""
    train, test = cut(simulate_offsets(10, seed=0)), cut(simulate_offsets(10, seed=1))
    params = {"max_epochs": 12, "d_model": 16, "lr": 5e-3}
    return cache(lambda mode: make_clf(mode, **params).fit(train, train.y).score(test, test.y))


@pytest.mark.parametrize("mode", MODES)
def test_a_class_difference_smaller_than_that_of_subjects_is_learned(mode, score_offsets):
    adapted, plain = score_offsets(mode), score_offsets(None)
    assert adapted > (0.75 if mode == "causal" else 0.85)
    assert adapted > plain + 0.2


class RememberBatches(Callback):
    """Remember codes of windows and references in each training batch, and their weights."""

    batches: list = []

    def on_train_begin(self, net, **kwargs):
        self.batches.clear()

    def on_batch_begin(self, net, batch, training, **kwargs):
        def decode(windows):
            return (windows.mean((1, 2)) / 1000).round().int().numpy()

        inputs = batch[0]
        used = [inputs["x"], *([inputs["reference"][0]] if "reference" in inputs else [])]
        code = np.concatenate([decode(windows) for windows in used])
        self.batches.append((decode(inputs["x"]), code, inputs["average"].numpy()))


def record_batches(mode, coded, batch_size, groups=None):
    net_params = {"callbacks": [RememberBatches()]}
    clf = make_clf(mode, batch_size=batch_size, scaling=None, net_params=net_params, max_epochs=1)
    clf.fit(coded, coded.y, groups=groups)
    return RememberBatches.batches


def add_code(trials, code):
    """Add a thousandfold code to each trial and its reference."""
    code = 1000 * np.asarray(code)[:, None, None]
    return replace(trials, X=trials.X + code, reference=trials.reference + code)


@pytest.fixture
def without_whitening(monkeypatch):
    """Keep the codes of windows."""
    monkeypatch.setattr(_adaptation, "whiten", lambda windows, gain: windows)


@pytest.mark.usefixtures("without_whitening")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("batch_size", [1, 4, 18, 40, None])
def test_windows_of_a_training_batch_are_standardised_by_their_own_subject(mode, batch_size):
    trials = make_trials()  # each trial has a reference of its own
    coded = cut(add_code(trials, trials.metadata["trial" if mode == "reference" else "subject"]))
    batches = record_batches(mode, coded, batch_size)
    counts = [len(own) for own, _, _ in batches]
    assert sum(counts) == 4 * 6 * 3  # each window once
    assert max(counts) <= (batch_size or 72)
    for own, code, average in batches:
        is_own = own[:, None] == code
        if mode == "reference":  # and not by other windows of trials
            is_own[:, : len(own)] = False
        assert (average[~is_own] == 0).all()
        n_used = (average > 0).sum(1)
        assert (n_used == is_own.sum(1)).all() or mode == "causal"
        expected = n_used / (n_used + 8) if mode == "causal" else 1
        np.testing.assert_allclose(average.sum(1), expected, rtol=1e-6)
    if batch_size is None:
        assert len(counts) == 1


@pytest.mark.usefixtures("without_whitening")
@pytest.mark.parametrize(("min_reference", "n_used"), [(1, 1), (2, 3), (4, 3)])
def test_batches_of_many_references_use_few_windows_of_each(monkeypatch, min_reference, n_used):
    monkeypatch.setattr(_adaptation, "MAX_REFERENCE", 2)
    monkeypatch.setattr(_adaptation, "MIN_REFERENCE", min_reference)
    trials = make_trials()  # a reference has three windows
    coded = cut(add_code(trials, trials.metadata["trial"]))
    for _, _, average in record_batches("reference", coded, 18):
        np.testing.assert_allclose(average.sum(1), 1, rtol=1e-6)
        assert ((average > 0).sum(1) == n_used).all()


@pytest.mark.usefixtures("without_whitening")
@pytest.mark.parametrize(("mode", "is_mixed"), [("unlabelled", True), ("causal", False)])
def test_a_training_batch_has_windows_of_about_four_subjects_or_of_one(mode, is_mixed):
    trials = make_trials()
    coded = cut(add_code(trials, trials.metadata["subject"]))
    n_subjects = [len(np.unique(own)) for own, _, _ in record_batches(mode, coded, 16)]
    assert (max(n_subjects) >= 3) if is_mixed else (max(n_subjects) == 1)


def test_a_causal_training_batch_uses_earlier_windows():
    coded = cut(add_code(make_trials(), np.arange(24)))[:6]  # code: trials of one subject
    ((trial, _, average),) = record_batches("causal", coded, None)
    assert ((average > 0) == np.tril(np.ones((18, 18)))).all()  # in the order of time
    assert trial.tolist() == np.repeat(np.arange(6), 3).tolist()


class RememberWindows(Callback):
    """Remember the windows and the references of the last training batch."""

    last: dict = {}

    def on_batch_begin(self, net, batch, training, **kwargs):
        self.last.update(batch[0])


def test_windows_and_references_are_whitened_by_the_reference_in_training():
    net_params = {"callbacks": [RememberWindows()]}
    options = {"batch_size": None, "dtype": "float64", "net_params": net_params}
    clf = make_clf("reference", **options).fit(TRAIN[:6], TRAIN.y[:6])  # of equal references
    reference = TRAIN.reference[0][:, :96].astype(float)
    pieces = scale(clf, np.stack(np.split(reference, 3, axis=1)))
    windows = scale(clf, np.concatenate(TRAIN.X[:6]).astype(float))
    used = RememberWindows.last
    np.testing.assert_allclose(used["x"].numpy(), whiten(windows, pieces), atol=1e-5)
    expected = np.tile(whiten(pieces, pieces), (6, 1, 1))
    np.testing.assert_allclose(used["reference"][0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("sd", [0, 1e-13])  # also with the rounding errors of a filter
def test_a_channel_that_is_constant_in_the_reference_is_left_out(sd):
    trials = make_trials()
    reference = np.array(trials.reference, dtype=float)
    level = 0 if sd else reference[0, 1, 0]
    reference[:, 1] = level + np.random.default_rng(0).normal(scale=sd, size=reference[:, 1].shape)
    flat = cut(replace(trials, reference=reference))
    clf = make_clf("reference").fit(flat, flat.y)
    changed = flat.derive(X=type(flat.data)(np.array(flat.X)))
    changed.X[:, :, 1] += np.random.default_rng(0).normal(size=changed.X[:, :, 1].shape)
    assert np.array_equal(clf.predict_proba(changed), clf.predict_proba(flat))


@pytest.mark.usefixtures("without_whitening")
def test_groups_give_the_batches_of_a_reference_without_subjects():
    trials = make_trials().select("subject < 2")
    trials = replace(trials, metadata=trials.metadata.drop(columns="subject"))
    coded = cut(add_code(trials, np.arange(12)))
    for groups, n_trials in ((None, 4), (np.zeros(12), 5)):
        batches = record_batches("reference", coded, 12, groups)
        numbers = [len(np.unique(trial)) for trial, _, _ in batches]
        assert (np.array(numbers) >= n_trials).all()
        assert (max(numbers) == 4) == (groups is None)  # windows of a trial stay together


# Parameters of the training


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "params",
    [
        {"dtype": "float64", "n_threads": None},
        {"dtype": "bfloat16"},
        {"batch_size": None, "class_weight": "balanced", "scaling": "standard"},
        {"n_members": 2, "voting": "hard", "scaling": "window"},
        {"early_stopping": True, "validation_fraction": 0.5, "scaling": None},
    ],
    ids=repr,
)
def test_pickles_and_equal_seeds_give_equal_predictions(mode, params):
    options = {"groups": TRAIN.metadata} if "early_stopping" in params else {}
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    clf, same = (make_clf(mode, **params).fit(TRAIN, TRAIN.y, **options) for _ in range(2))
    proba = clf.predict_proba(TEST)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-5)
    assert np.array_equal(same.predict_proba(TEST), proba)
    assert np.array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(TEST), proba)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])


@pytest.mark.parametrize("mode", MODES)
def test_trials_of_weight_zero_are_left_out(mode):
    weight = np.tile([1, 1, 0], len(TRAIN) // 3)
    kept = TRAIN[weight > 0]
    weighted = make_clf(mode).fit(TRAIN, TRAIN.y, sample_weight=weight)
    np.testing.assert_allclose(
        weighted.predict_proba(TEST),
        make_clf(mode).fit(kept, kept.y).predict_proba(TEST),
        atol=1e-6,
    )


@pytest.mark.parametrize("mode", MODES)
def test_partial_fit_and_warm_start_continue(mode):
    clf = make_clf(mode).partial_fit(TRAIN, TRAIN.y)
    one = make_clf(mode, max_epochs=1, warm_start=True).fit(TRAIN, TRAIN.y)
    assert np.array_equal(clf.predict_proba(TEST), one.predict_proba(TEST))
    before = one.predict_proba(TEST)
    assert one.fit(TRAIN, TRAIN.y).n_iter_ == 2
    assert np.array_equal(
        clf.partial_fit(TRAIN, TRAIN.y).predict_proba(TEST), one.predict_proba(TEST)
    )
    assert not np.array_equal(one.predict_proba(TEST), before)


# Copies for one subject


@pytest.mark.parametrize("mode", ["reference", "causal"])
def test_a_copy_for_a_subject_predicts_arrays(fitted, mode):
    clf, one = fitted[mode], TEST.select(subject=2)
    before = clf.predict_proba(TEST)
    copied = clf.for_subject(one.reference[0])
    assert not hasattr(clf, "subject_statistics_")
    assert np.array_equal(clf.predict_proba(TEST), before)
    proba = copied.predict_proba(one.X)
    assert np.array_equal(copied.predict_proba(one), proba)
    assert np.array_equal(pickle.loads(pickle.dumps(copied)).predict_proba(one.X), proba)
    if mode == "reference":
        assert np.array_equal(clf.predict_proba(one), proba)
    assert not hasattr(clone(copied), "subject_statistics_")


def test_the_reference_of_a_causal_copy_counts_as_earlier_windows(fitted):
    clf, one = fitted["causal"], TEST.select(subject=2)
    windows = np.concatenate(one.X[:2])  # (6, n_channels, SIZE)
    copied = clf.for_subject(np.concatenate(windows, axis=1))
    assert np.array_equal(copied.predict_proba(one.X[2:]), clf.predict_proba(one)[2:])
    further = clf.for_subject(np.concatenate(windows[:3], axis=1))
    further = further.for_subject(np.concatenate(windows[3:], axis=1))
    assert np.array_equal(further.predict_proba(one.X[2:]), clf.predict_proba(one)[2:])
    rows = [3, 1, 2, 0]  # the order of Trials is that of their metadata
    assert np.array_equal(
        copied.predict_proba(one[2:][rows]), copied.predict_proba(one.X[2:])[rows]
    )
    arrays = one[2:].X[rows], one[2:].metadata.iloc[rows]
    assert np.array_equal(
        copied.predict_proba(arrays[0], groups=arrays[1]), copied.predict_proba(one.X[2:])[rows]
    )
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        copied.predict_proba(one.X[2:], groups=["x"])


def test_a_new_fit_forgets_the_subject_and_further_training_is_an_error():
    copied = make_clf("reference").fit(TRAIN, TRAIN.y).for_subject(TEST.reference[0])
    with pytest.raises(ValueError, match="cannot be trained further, since it is calibrated"):
        copied.partial_fit(TRAIN, TRAIN.y)
    with pytest.raises(ValueError, match="cannot be trained further, since it is calibrated"):
        copied.set_params(warm_start=True).fit(TRAIN, TRAIN.y)
    copied.set_params(warm_start=False).fit(TRAIN, TRAIN.y)
    assert not hasattr(copied, "subject_statistics_")
    with pytest.raises(ValueError, match="requires Trials with a reference as X"):
        copied.predict(TEST.X)


def test_a_failed_fit_keeps_the_subject():
    copied = make_clf("reference").fit(TRAIN, TRAIN.y).for_subject(TEST.reference[0])
    proba = copied.predict_proba(TEST.X)
    with pytest.raises(ValueError, match="requires Trials with a reference"):
        copied.fit(TRAIN.X, TRAIN.y)
    assert np.array_equal(copied.predict_proba(TEST.X), proba)


@pytest.mark.parametrize("mode", ["reference", "causal"])
def test_a_reference_of_one_window_is_sufficient(fitted, mode):
    reference = TEST.reference[0]
    own = fitted[mode].for_subject(reference[:, :SIZE])
    longer = fitted[mode].for_subject(reference[:, : 2 * SIZE - 1])  # the rest is no window
    assert np.array_equal(own.predict_proba(TEST.X), longer.predict_proba(TEST.X))


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (TEST.reference[0, :2], r"reference must have shape \(3, n_reference_times\).*got \(2, 10"),
        (TEST.reference[0, :, :31], r"at least 32 samples, got \(3, 31\)"),
        (np.full((3, 50), np.nan), "Input reference contains NaN"),
        (TEST.reference[0, 0], r"n_reference_times\) .*, got \(100,\)"),
    ],
)
def test_an_invalid_reference_of_a_subject_is_an_error(fitted, reference, message):
    for mode in ("reference", "causal"):
        with pytest.raises(ValueError, match=message):
            fitted[mode].for_subject(reference)


def test_a_reference_of_another_unit_is_reported(fitted):
    message = "reference has a standard deviation of about .* volts"
    with pytest.warns(UserWarning, match=message):
        fitted["reference"].for_subject(TEST.reference[0] / 1e6)
    with pytest.warns(UserWarning, match=message):
        fitted["reference"].predict(change(TEST, np.s_[:], "reference", 1e-3))
    with pytest.warns(UserWarning, match=message):
        make_clf("reference").fit(change(TRAIN, np.s_[:], "reference", 1e-3), TRAIN.y)


@pytest.mark.parametrize(("factor", "is_weak"), [(0.05, True), (0.2, False)])
def test_a_channel_with_a_weak_signal_in_the_reference_is_reported(factor, is_weak):
    train = TRAIN.derive(X=type(TRAIN.data)(TRAIN.X * np.array([[1], [30], [1]])))
    clf = make_clf("reference").fit(train, TRAIN.y)
    reference = TEST.reference[0] * np.array([[1], [30 * factor], [1]])
    reference += np.linspace(-40, 40, 100)  # drift without a high-pass filter
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.for_subject(reference)
    assert len(caught) == is_weak
    if is_weak:
        assert "less than 0.1 of the amplitude" in str(caught[0].message)
        assert f"in channel {train.ch_names[1]}, relative" in str(caught[0].message)


@pytest.mark.parametrize("mode", [None, "unlabelled"])
def test_modes_without_a_reference_have_no_copy_for_a_subject(mode):
    clf = make_clf(mode, max_epochs=1).fit(TRAIN, TRAIN.y)
    message = rf"for_subject requires adaptation='reference' or 'causal', got {mode!r}"
    with pytest.raises(ValueError, match=message):
        clf.for_subject(TEST.reference[0])


# Errors


@pytest.mark.parametrize(
    ("mode", "X", "message"),
    [
        ("reference", TRAIN.derive(reference=None), "requires Trials with a reference as X"),
        ("reference", TRAIN.X, "requires Trials with a reference as X"),
        (
            "reference",
            cut(add_reference(make_trials().select("subject < 2"), n_times=31)),
            "reference must be at least one window long, 32 samples, got 31",
        ),
        (
            "reference",
            change(TRAIN, np.s_[2:, 1, 7], "reference", np.nan),
            "reference must not contain NaN .* in that of trial 2",
        ),
        ("causal", TRAIN.X, "adaptation='causal' requires the subject of each trial"),
        ("unlabelled", TRAIN.X, "adaptation='unlabelled' requires the subject of each trial"),
        (
            "unlabelled",
            TRAIN.derive(metadata=TRAIN.metadata[["trial"]]),
            "requires the subject of each trial: pass Trials as X with a column 'subject'",
        ),
        (
            "causal",
            TRAIN.derive(metadata=TRAIN.metadata.assign(subject=[None, *range(11)])),
            "requires 'subject' of every sample, got missing values",
        ),
    ],
)
def test_data_without_what_the_mode_requires_are_an_error(fitted, mode, X, message):
    with pytest.raises(ValueError, match=message):
        fitted[mode].predict_proba(X)
    clf = make_clf(mode)
    with pytest.raises(ValueError, match=message):
        clf.fit(X, TRAIN.y)
    assert vars(clf) == vars(make_clf(mode))


def test_groups_of_another_length_are_an_error(fitted):
    message = "one row of groups per sample, got 3 rows for 12 samples"
    with pytest.raises(ValueError, match=message):
        fitted["unlabelled"].predict(TEST, groups=TEST.metadata["subject"][:3])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"adaptation": "transductive"}, "adaptation must be one of 'reference', 'causal', 'unlab"),
        ({"embedding": "inverted"}, "standardize requires embedding='power', got 'inverted'"),
        ({"module_params": {"standardize": False}}, "must not contain 'standardize'"),
    ],
)
def test_invalid_parameters_are_errors(params, message):
    with pytest.raises(ValueError, match=message):
        make_clf("reference").set_params(**params).fit(TRAIN, TRAIN.y)
