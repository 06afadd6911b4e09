"""Tests of calibrate and fine_tune."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from scipy.optimize import approx_fprime
from scipy.special import log_softmax
from scipy.stats import binom
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline

from skmamba import (
    BraindecodeClassifier,
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    StreamDecoder,
    WindowVotingClassifier,
    calibrate,
    fine_tune,
)
from skmamba.datasets import simulate_trials
from skmamba.models import DLinear
from skmamba.persistence import SavedModel, load_model, save_model
from skmamba.preprocessing import BandPower, EuclideanAlignment, SubjectWhitening

SIZE = 64
TINY = {"d_model": 8, "d_hidden": 2, "n_kernels": 1, "max_epochs": 1}
NAMES = ["F3", "Fp1", "F4"]


def make_clf(adaptation=None, **params):
    return MSiMambaClassifier(adaptation=adaptation, **{**TINY, "random_state": 0, **params})


def make_pipe(*steps, adaptation=None):
    return make_pipeline(*steps, SlidingWindows(window_size_samples=SIZE), make_clf(adaptation))


def simulate_with_reference(n_times=160):
    trials = simulate_trials(n_subjects=3, n_trials=4, n_channels=4, n_times=128)
    rng = np.random.default_rng(0)
    noise = 10 * rng.normal(size=(3, 4, n_times)).astype("float32")
    return replace(trials, reference=noise[trials.metadata["subject"]])


TRIALS = simulate_with_reference()
TRAIN, NEW = TRIALS.select("subject < 2"), TRIALS.select(subject=2)
REFERENCE = NEW.reference[0]


def predict_alone(estimator, X):
    """Predict one trial at a time, since rounding depends on the size of a batch."""
    return np.concatenate([estimator.predict_proba(X[[row]]) for row in range(len(X))])


# calibrate


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_pipe(adaptation="reference"),
        lambda: make_pipe(ChannelPicker(NAMES), SubjectWhitening()),
        lambda: make_pipe(ChannelPicker(NAMES), EuclideanAlignment("reference")),
        lambda: make_pipe(
            ChannelPicker(NAMES),
            SubjectWhitening(),
            EuclideanAlignment("reference"),
            adaptation="reference",
        ),
        lambda: make_pipe("passthrough", make_pipeline(ChannelPicker(NAMES), SubjectWhitening())),
        lambda: make_pipeline(
            make_pipeline(SubjectWhitening(), SlidingWindows(window_size_samples=SIZE)),
            ChannelPicker([2, 0]),  # of windows
            make_pipeline(make_clf("reference")),
        ),
    ],
    ids=["classifier", "whitening", "alignment", "all", "nested", "picker of windows"],
)
def test_a_calibrated_copy_predicts_arrays_as_trials_with_the_reference(make):
    pipe = make().fit(TRAIN, TRAIN.y)
    expected = predict_alone(pipe, NEW)
    calibrated = calibrate(pipe, REFERENCE)
    assert np.array_equal(predict_alone(calibrated, NEW.X), expected)
    with pytest.raises(ValueError, match="requires Trials with a reference"):
        pipe.predict(NEW.X)
    assert np.array_equal(predict_alone(pipe, NEW), expected)  # it is unchanged
    other = calibrate(calibrated, TRAIN.reference[0])
    assert not np.array_equal(predict_alone(other, NEW.X), expected)
    assert np.array_equal(predict_alone(calibrated, NEW.X), expected)


@pytest.mark.parametrize("mode", ["source-only", "causal", "unlabelled", "calibration"])
def test_a_reference_replaces_other_data_of_the_subject_in_an_alignment(mode):
    pipe = make_pipe(EuclideanAlignment(mode)).fit(TRAIN, TRAIN.y)
    centered = REFERENCE - REFERENCE.mean(1, keepdims=True, dtype=float)
    values, vectors = np.linalg.eigh(centered @ centered.T / centered.shape[1])
    aligned = vectors @ np.diag(values**-0.5) @ vectors.T @ NEW.X
    expected = pipe[1:].predict_proba(aligned.astype("float32"))
    proba = calibrate(pipe, REFERENCE).predict_proba(NEW.X)
    np.testing.assert_allclose(proba, expected, atol=1e-5)


def test_a_flat_channel_of_the_reference_is_reported():
    reference = REFERENCE.copy()
    reference[TRAIN.ch_names.index("F3")] = 5.0
    reference[TRAIN.ch_names.index("Fp2")] = 5.0  # which is not picked
    pipe = make_pipe(ChannelPicker(NAMES), SubjectWhitening()).fit(TRAIN, TRAIN.y)
    with pytest.warns(UserWarning, match="reference is flat in channel F3: check") as caught:
        calibrate(pipe, reference)
    assert caught[0].filename == __file__


def test_classifiers_searches_and_saved_models_can_be_calibrated(tmp_path):
    windows = SlidingWindows(window_size_samples=SIZE).fit_transform(TRAIN)
    clf = make_clf("reference").fit(windows, TRAIN.y)
    new = SlidingWindows(window_size_samples=SIZE).fit_transform(NEW)
    expected = clf.predict_proba(new)
    assert np.array_equal(calibrate(clf, REFERENCE).predict_proba(new.X), expected)

    pipe = make_pipe(SubjectWhitening(), adaptation="reference")
    grid = {"slidingwindows__window_size_samples": [SIZE]}
    search = GridSearchCV(pipe, grid, cv=GroupKFold(2))
    search.fit(TRAIN, TRAIN.y, groups=TRAIN.metadata["subject"])
    expected = search.predict_proba(NEW)
    calibrated = calibrate(search, REFERENCE)
    assert np.array_equal(calibrated.predict_proba(NEW.X), expected)

    pytest.importorskip("safetensors")
    path = save_model(search.best_estimator_, tmp_path / "model", trials=TRAIN)
    saved = load_model(path)
    copied = calibrate(saved, REFERENCE)
    assert isinstance(copied, SavedModel)
    assert np.array_equal(copied.predict_proba(NEW.X), expected)
    assert np.array_equal(saved.predict_proba(NEW), expected)
    with pytest.raises(ValueError, match="requires Trials with a reference"):
        saved.predict(NEW.X)
    path = save_model(calibrated, tmp_path / "calibrated")
    assert np.array_equal(load_model(path).predict_proba(NEW.X), expected)


def test_a_pipeline_that_ends_in_a_search_can_be_calibrated_and_streamed():
    search = GridSearchCV(make_clf("reference"), {"drop_prob": [0.3]}, cv=2)
    pipe = make_pipeline(SlidingWindows(window_size_samples=SIZE), search).fit(TRAIN, TRAIN.y)
    calibrated = calibrate(pipe, REFERENCE)
    assert np.array_equal(predict_alone(calibrated, NEW.X), predict_alone(pipe, NEW))
    decoder = StreamDecoder(pipe, reference=REFERENCE)
    expected = calibrated.predict_proba(NEW.X[:1, :, :SIZE])
    assert np.array_equal(decoder.push(NEW.X[0, :, :SIZE]).proba, expected)


def test_a_causal_copy_starts_from_the_reference():
    pipe = make_pipe(adaptation="causal").fit(TRAIN, TRAIN.y)
    calibrated = calibrate(pipe, NEW.X[0])  # a trial, as the reference of the next ones
    assert np.array_equal(calibrated.predict_proba(NEW.X[1:]), pipe.predict_proba(NEW)[1:])


def test_a_whitening_alone_accepts_a_reference_shorter_than_a_window():
    pipe = make_pipe(SubjectWhitening()).fit(TRAIN, TRAIN.y)
    short = REFERENCE[:, : SIZE - 1]
    trials = replace(NEW, reference=np.repeat(short[None], len(NEW), axis=0))
    assert np.array_equal(predict_alone(calibrate(pipe, short), NEW.X), predict_alone(pipe, trials))


@pytest.mark.parametrize(
    ("estimator", "reference", "message"),
    [
        (make_pipe(), REFERENCE, "have a part that uses references, .* got SlidingWindows, MS"),
        (make_pipe(adaptation="reference"), REFERENCE[:3], r"reference must have shape \(4, n_ref"),
        (make_pipe(SubjectWhitening()), REFERENCE[:3], r"reference must have shape \(4, n_ref"),
        (make_pipe(ChannelPicker(), SubjectWhitening()), REFERENCE[:3], "X has 3 channels, but Ch"),
        (make_pipe(adaptation="causal"), REFERENCE[:, :63], r"at least 64 samples, got \(4, 63\)"),
        (make_pipe(adaptation="reference"), REFERENCE * np.nan, "Input reference contains NaN"),
        (make_pipe(adaptation="reference"), NEW.reference, r"n_reference_times\), got \(4, 4, 160"),
        (make_pipe(adaptation="causal"), REFERENCE.astype(str), "reference must be real numbers, "),
        (
            make_pipe(adaptation="causal"),
            [[1, 2], [1]],
            "must be an array of shape .* got list",
        ),
        (make_pipe(adaptation="reference"), 0 * REFERENCE, "must not be constant in all ch"),
        (make_pipe(EuclideanAlignment("reference")), REFERENCE[:, :1], "got 1 equal samples"),
        (make_pipe(adaptation="unlabelled"), REFERENCE, "for_subject requires adaptation='ref"),
    ],
)
def test_what_cannot_be_calibrated_is_an_error(estimator, reference, message):
    estimator.fit(TRAIN, TRAIN.y)
    with pytest.raises(ValueError, match=message):
        calibrate(estimator, reference)


def test_estimators_that_are_not_fitted_are_errors():
    with pytest.raises(NotFittedError):
        calibrate(make_pipe(adaptation="reference"), REFERENCE)
    with pytest.raises(NotFittedError):
        fine_tune(make_pipe(), NEW, NEW.y)


# fine_tune


def simulate_shift(shift, seed, effect=0.25, n_subjects=6, n_trials=40):
    """Noise whose class changes the amplitude of two channels; the last subject is shifted.

    ``shift`` is "reversed", where the classes change places, "offset", where the channels have
    other amplitudes, or None.
    """
    rng = np.random.default_rng(seed)
    y = np.tile([0, 1], (n_subjects, n_trials // 2))
    log_amplitude = effect * (2 * y - 1)[..., None] * [1, -1]
    if shift == "reversed":
        log_amplitude[-1] *= -1
    if shift == "offset":
        log_amplitude[-1] += [0.5, -0.5]
    X = rng.normal(size=(*y.shape, 2, 128)) * np.exp(log_amplitude[..., None])
    return X.astype("float32"), y


@cache
def fit_shifted(make, shift, seed=0, **options):
    """Return a pipeline fitted without the last subject, and the data of this subject."""
    X, y = simulate_shift(shift, seed, **options)
    pipe = make_pipeline(SlidingWindows(window_size_samples=SIZE), make(seed))
    return pipe.fit(np.concatenate(X[:-1]), np.concatenate(y[:-1])), X[-1], y[-1]


def make_learner(seed):
    simple = {"use_mstb": False, "mixer": "none"}
    params = {"max_epochs": 8, "lr": 5e-3, "drop_prob": 0.1, "module_params": simple}
    return make_clf(**params, random_state=seed)


def make_braindecode(seed):
    sizes = {"filter_time_length": 9, "pool_time_length": 16, "pool_time_stride": 8}
    return BraindecodeClassifier("ShallowFBCSPNet", sizes, max_epochs=8, random_state=seed)


@pytest.mark.parametrize(
    ("shift", "parts"), [("offset", "head"), ("offset", "all"), ("reversed", "all")]
)
@pytest.mark.parametrize("make", [make_learner, make_braindecode])
def test_fine_tuning_improves_predictions_of_a_shifted_subject(make, shift, parts):
    lr = {"head": None, "all": 0.01}[parts]  # of the few windows, each epoch is one step
    before, after = [], []
    for seed in range(8):
        pipe, X, y = fit_shifted(make, shift, seed)
        proba = pipe.predict_proba(X)
        tuned = fine_tune(pipe, X[:20], y[:20], parts=parts, lr=lr)
        before.append(pipe.score(X[20:], y[20:]))
        after.append(tuned.score(X[20:], y[20:]))
        assert np.array_equal(pipe.predict_proba(X), proba)  # the original is unchanged
        assert tuned[0] is pipe[0]
        assert tuned[-1].n_iter_ == pipe[-1].n_iter_ + {"head": 0, "all": 20}[parts]
    assert np.mean(after) >= max(0.8, np.mean(before) + 0.2)


@pytest.mark.parametrize("parts", ["head", "all"])
def test_fine_tuning_does_not_harm_a_subject_without_a_shift(parts):
    n_seeds, n_tested = 6, 60
    n_before = n_after = 0
    for seed in range(n_seeds):
        options = {"effect": 0.06, "n_trials": n_tested + 20}
        pipe, X, y = fit_shifted(make_learner, None, seed, **options)
        tuned = fine_tune(pipe, X[:20], y[:20], parts=parts)
        n_before += (pipe.predict(X[20:]) == y[20:]).sum()
        n_after += (tuned.predict(X[20:]) == y[20:]).sum()
    n = n_seeds * n_tested
    assert 0.7 < n_before / n < 0.95  # neither perfect nor at chance
    # Without harm, the number of correct predictions is smaller in 1 % of all tests only.
    assert n_after >= binom.ppf(0.01, n, n_before / n)


def get_state(clf):
    return {name: value.clone() for name, value in clf.net_.module_.state_dict().items()}


def find_changed(clf, before):
    """Return the names of the weights and running statistics that differ."""
    return {name for name, value in get_state(clf).items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize(
    ("clf", "heads"),
    [
        (make_clf(), {"final_layer.weight", "final_layer.bias"}),
        (
            make_clf(n_members=2),
            {f"members.{i}.final_layer.{kind}" for i in (0, 1) for kind in ("weight", "bias")},
        ),
        (make_clf("reference"), {"final_layer.weight", "final_layer.bias"}),
        (make_clf("causal"), {"final_layer.weight", "final_layer.bias"}),
        (
            BraindecodeClassifier("ShallowFBCSPNet", max_epochs=1, random_state=0),
            {"final_layer.conv_classifier.weight", "final_layer.conv_classifier.bias"},
        ),
        (
            BraindecodeClassifier(DLinear, max_epochs=1),
            {"final_layer.1.weight", "final_layer.1.bias"},
        ),
    ],
    ids=["one", "two members", "reference", "causal", "braindecode", "DLinear"],
)
def test_the_head_alone_is_trained(clf, heads):
    clf.fit(TRAIN, TRAIN.y)
    before = get_state(clf)
    head, everything = (fine_tune(clf, NEW, NEW.y, parts=p, max_epochs=2) for p in ("head", "all"))
    assert find_changed(head, before) == heads
    changed = find_changed(everything, before)
    assert changed > heads or changed == before.keys()
    assert all(weights.requires_grad for weights in head.net_.module_.parameters())
    assert not find_changed(clf, before)


def test_the_head_is_fitted_by_logistic_regression_with_a_normal_prior():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((50, 3, 4 * SIZE)), rng.integers(0, 2, 50)  # 200 windows
    clf = MSiMambaClassifier(max_epochs=1, random_state=0).fit(X[..., :SIZE], y)
    windows = SlidingWindows(window_size_samples=SIZE).fit_transform(X)
    tuned = fine_tune(clf, windows, y, max_epochs=200)

    layer, features = clf.net_.module_.final_layer, []
    hook = layer.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0].double()))
    clf.predict(windows)
    hook.remove()
    inputs = torch.cat(features).numpy()
    start = torch.cat([layer.weight, layer.bias[:, None]], 1).detach().double().numpy()
    sd = np.append(np.full(inputs.shape[1], 1.5 / inputs.shape[1] ** 0.5), 3.0)

    def compute_loss(change):
        change = change.reshape(start.shape)
        weights = start + change
        logits = inputs @ weights[:, :-1].T + weights[:, -1]
        loss = -log_softmax(logits, axis=1)[np.arange(200), np.repeat(y, 4)].mean()
        return loss + ((change / sd) ** 2).sum() / 2 / len(y)

    tuned_layer = tuned.net_.module_.final_layer
    found = torch.cat([tuned_layer.weight, tuned_layer.bias[:, None]], 1).detach().numpy() - start
    assert compute_loss(found.ravel()) < compute_loss(np.zeros(start.size)) - 0.01
    gradient = approx_fprime(found.ravel(), compute_loss, 1e-6)
    assert np.abs(gradient).max() < 1e-3  # at the minimum


def test_a_tuned_copy_can_be_calibrated_trained_and_streamed():
    pipe = make_pipe(SubjectWhitening(), adaptation="reference").fit(TRAIN, TRAIN.y)
    tuned = fine_tune(pipe, NEW[:2], NEW.y[:2], max_epochs=2)
    calibrated = calibrate(tuned, REFERENCE)
    expected = predict_alone(tuned, NEW)
    assert np.array_equal(predict_alone(calibrated, NEW.X), expected)
    assert not np.array_equal(expected, predict_alone(pipe, NEW))
    decoder = StreamDecoder(calibrated)
    assert decoder.push(NEW.X[0]).proba.shape == (1, 2)
    clf = tuned[-1].set_params(warm_start=True)
    before = get_state(clf)
    clf.fit(tuned[:-1].transform(TRAIN), TRAIN.y)
    assert len(find_changed(clf, before)) > 2  # all layers are trained again


def test_searches_nested_pipelines_and_saved_models_can_be_tuned(tmp_path):
    pipe = make_pipeline(ChannelPicker(NAMES), make_pipe()).fit(TRAIN, TRAIN.y)
    expected = fine_tune(pipe, NEW, NEW.y).predict_proba(NEW)
    search = GridSearchCV(pipe, {"pipeline__slidingwindows__window_size_samples": [SIZE]}, cv=2)
    search.fit(TRAIN, TRAIN.y)
    assert np.array_equal(fine_tune(search, NEW, NEW.y).predict_proba(NEW), expected)
    pytest.importorskip("safetensors")
    flat = make_pipe(ChannelPicker(NAMES)).fit(TRAIN, TRAIN.y)
    saved = load_model(save_model(flat, tmp_path / "model", trials=TRAIN))
    tuned = fine_tune(saved, NEW, NEW.y)
    assert np.array_equal(tuned.predict_proba(NEW), expected)
    assert np.array_equal(saved.predict_proba(NEW), flat.predict_proba(NEW))


class WithoutHead(torch.nn.Module):
    """A linear layer with another name."""

    def __init__(self, n_chans, n_outputs, n_times):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(n_chans * n_times, n_outputs)
        )
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.scale * self.layers(x)


@pytest.mark.parametrize(
    ("estimator", "labels", "options", "message"),
    [
        (make_clf(), [0, 1, 2, 0], {}, r"y must contain only the classes \[0, 1\], got \[2\]"),
        (make_clf(), [0, 1], {}, r"inconsistent numbers of samples: \[4, 2\]"),
        (make_clf(), None, {}, "requires y to be passed"),
        (make_clf(), NEW.y, {"parts": "body"}, "parts must be one of 'head', 'all', got 'body'"),
        (make_clf(), NEW.y, {"max_epochs": 0}, "max_epochs must be an integer of at least 1"),
        (make_clf(), NEW.y, {"parts": "all", "lr": -1}, "lr must be a positive number, got -1"),
        (make_clf(), NEW.y, {"lr": 0.1}, "lr has no effect with parts='head', got 0.1"),
        (
            BraindecodeClassifier(WithoutHead, max_epochs=1),
            NEW.y,
            {},
            "parts='head' requires a network with weights in head or final_layer, got WithoutHead",
        ),
        (
            WindowVotingClassifier(make_pipeline(BandPower(128.0), LogisticRegression())),
            NEW.y,
            {},
            "must end in MSiMambaClassifier or BraindecodeClassifier, got WindowVotingClassifier",
        ),
    ],
)
def test_what_cannot_be_tuned_is_an_error(estimator, labels, options, message):
    estimator.fit(TRAIN.X, TRAIN.y)
    before = estimator.predict_proba(NEW.X)
    with pytest.raises(ValueError, match=message):
        fine_tune(estimator, NEW.X, labels, **options)
    assert np.array_equal(estimator.predict_proba(NEW.X), before)


def test_a_network_without_a_named_head_can_be_tuned_as_a_whole():
    clf = BraindecodeClassifier(WithoutHead, max_epochs=1).fit(TRAIN.X, TRAIN.y)
    tuned = fine_tune(clf, NEW.X, NEW.y, parts="all")
    assert not np.array_equal(tuned.predict_proba(NEW.X), clf.predict_proba(NEW.X))


@pytest.mark.parametrize("parts", ["head", "all"])
def test_early_stopping_and_learning_rates_of_the_original_are_kept(parts):
    params = {"early_stopping": True, "validation_fraction": 0.3, "lr": 1e-2}
    clf = make_clf(**params, max_epochs=2).fit(TRAIN.X, TRAIN.y)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    tuned = fine_tune(clf, NEW.X, NEW.y, parts=parts, max_epochs=3)
    assert tuned.get_params() == clf.get_params()
    assert tuned.net_.lr == 1e-3
    assert parts == "head" or "valid_loss" not in tuned.history_[-1]
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])


def test_a_calibrated_estimator_is_not_tuned():
    pipe = make_pipe(adaptation="reference").fit(TRAIN, TRAIN.y)
    with pytest.raises(ValueError, match="is calibrated for one subject: train the original"):
        fine_tune(calibrate(pipe, REFERENCE), NEW, NEW.y)
    assert calibrate(fine_tune(pipe, NEW, NEW.y), REFERENCE).predict(NEW.X).shape == NEW.y.shape


def test_tuning_a_loaded_model_treats_subjects_as_new_and_checks_channels(tmp_path):
    pipe = make_pipe(EuclideanAlignment("source-only")).fit(TRAIN, TRAIN.y)
    model = load_model(save_model(pipe, tmp_path / "model", trials=TRAIN))
    known, other = (NEW.derive(metadata=NEW.metadata.assign(subject=name)) for name in (0, "a"))
    proba = [fine_tune(model, new, NEW.y).predict_proba(NEW) for new in (known, other)]
    assert np.array_equal(*proba)
    with pytest.raises(ValueError, match="must have the 4 channels Fp1, Fp2, F3, F4 in this order"):
        fine_tune(model, NEW.pick([3, 2, 1, 0]), NEW.y)


@pytest.mark.parametrize("further", [TRAIN, TRAIN.X], ids=["Trials", "array"])
@pytest.mark.parametrize("first", [TRAIN, TRAIN.X], ids=["Trials", "array"])
def test_networks_with_a_sampling_rate_are_tuned_on_trials_and_arrays(first, further):
    clf = BraindecodeClassifier("EEGNet", max_epochs=1, random_state=0).fit(first, TRAIN.y)
    assert fine_tune(clf, further, TRAIN.y).net_.architecture == clf.net_.architecture


def test_fine_tuning_leaves_calibrations_of_the_estimator_unchanged():
    trials = simulate_trials(n_subjects=3, n_trials=6, n_times=128)
    train, new = trials.select("subject > 0"), trials.select(subject=0)
    steps = EuclideanAlignment("calibration", 2), SlidingWindows(0.5)
    clf = MSiMambaClassifier(d_model=8, d_hidden=2, max_epochs=1, random_state=0)
    pipe = make_pipeline(*steps, clf).fit(train, train.y)
    fine_tune(pipe, new, new.y)
    assert pipe[0].calibrations_ == {}
