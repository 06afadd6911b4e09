import copy
import os
import pickle
import signal
import sys
import threading
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, LRScheduler

from skmamba import MSiMambaClassifier, MSiMambaRegressor, SlidingWindows, fine_tune
from skmamba.classifiers import msimamba
from skmamba.datasets import simulate_trials
from skmamba.models import MSiMamba

TINY = {"d_model": 8, "d_hidden": 4, "n_kernels": 2, "max_epochs": 3, "random_state": 0}
FAST = {"module_params": {"use_mstb": False, "mixer": "none"}}  # for many epochs


def make_clf(**params):
    return MSiMambaClassifier(**{**TINY, **params})


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=4, n_trials=8, n_times=256)


@pytest.fixture(scope="module")
def bags(trials):
    return SlidingWindows(window_size_samples=64, stride_samples=32).fit_transform(trials.X)


@pytest.fixture(scope="module")
def fitted(bags, trials):
    return make_clf().fit(bags, trials.y)


def scale(bags, clf):
    return ((bags - clf.center_[:, None]) / clf.scale_[:, None]).clip(-8, 8)


# Precision


@pytest.mark.parametrize(
    "params",
    [
        {"n_members": 2},
        {"module_params": {"mixer": "attention"}},
        {"module_params": {"spatial_whitening": True}},
    ],
)
def test_mixed_precision_predicts_nearly_the_same(params, bags, trials):
    params = {**params, "drop_prob": 0.0}
    single, mixed = (
        make_clf(dtype=dtype, **params).fit(bags, trials.y) for dtype in ("float32", "bfloat16")
    )
    proba, expected = mixed.predict_proba(bags), single.predict_proba(bags)
    assert proba.dtype == np.float32
    assert 0 < np.abs(proba - expected).max() < 0.05
    assert {weights.dtype for weights in mixed.net_.module_.parameters()} == {torch.float32}
    loaded = pickle.loads(pickle.dumps(mixed))
    assert np.array_equal(loaded.predict_proba(bags), proba)


def test_mixed_precision_multiplies_in_bfloat16_and_keeps_windows_in_float32(bags, trials):
    clf, types = make_clf(dtype="bfloat16", max_epochs=1).fit(bags, trials.y), {}

    def record(module, inputs, output):
        types[type(module).__name__] = output.dtype

    for module in clf.net_.module_.modules():
        module.register_forward_hook(record)
    clf.predict_proba(bags)
    assert types["Linear"] == torch.bfloat16
    assert types["MultiScaleTemporalBlock"] == torch.float32


# Predictions


def test_probabilities_of_a_trial_are_the_mean_over_its_windows(fitted, bags):
    proba = fitted.predict_proba(bags)
    assert proba.dtype == np.float32
    assert proba.sum(1) == pytest.approx(np.ones(32))
    windows = fitted.predict_proba(bags.reshape(-1, *bags.shape[2:]))
    assert proba == pytest.approx(windows.reshape(32, 7, 2).mean(1), abs=1e-6)
    assert np.array_equal(fitted.predict(bags), proba.argmax(1))
    assert fitted.backend_ == "torch"


def test_hard_voting_counts_windows(fitted, bags):
    fractions = clone(fitted).set_params(voting="hard").fit(bags, fitted.predict(bags))
    counts = fractions.predict_proba(bags) * 7
    assert counts == pytest.approx(counts.round(), abs=1e-5)


def test_a_tie_of_windows_is_won_by_the_first_class(fitted, bags):
    own = fitted.predict_proba(bags.reshape(-1, 1, *bags.shape[2:])).argmax(1)
    windows = bags.reshape(-1, *bags.shape[2:])
    pair = windows[[int(np.flatnonzero(own == label)[0]) for label in (1, 0)]]
    hard = copy.copy(fitted).set_params(voting="hard")
    assert hard.predict_proba(pair[None]).tolist() == [[0.5, 0.5]]
    assert hard.predict(pair[None]).tolist() == [0]


def test_score_is_the_weighted_accuracy(fitted, bags, trials):
    y = trials.y.copy()
    y[:8] = 1 - fitted.predict(bags[:8])
    is_correct = fitted.predict(bags) == y
    weight = np.r_[np.full(8, 3.0), np.ones(24)]
    assert fitted.score(bags, y) == is_correct.mean()
    expected = (weight * is_correct).sum() / weight.sum()
    assert fitted.score(bags, y, sample_weight=weight) == pytest.approx(expected)


def test_a_class_difference_is_found_in_new_subjects():
    trials = simulate_trials(n_subjects=8, n_trials=12, n_times=384, effect=1.5)
    bags = SlidingWindows(window_size_samples=128).fit_transform(trials.X)
    new = trials.metadata["subject"].to_numpy() >= 6
    clf = MSiMambaClassifier(random_state=0).fit(bags[~new], trials.y[~new])
    assert clf.score(bags[new], trials.y[new]) > 0.8


def test_predictions_are_independent_of_batch_composition():
    # 512 samples: batch-dependent periods do not change predictions of shorter windows
    trials = simulate_trials(n_subjects=2, n_trials=12, n_times=512)
    clf = make_clf(max_epochs=2).fit(trials.X, trials.y)
    alone = np.concatenate([clf.predict_proba(x[None]) for x in trials.X])
    np.testing.assert_allclose(clf.predict_proba(trials.X), alone, rtol=1e-5, atol=1e-6)


def test_members_predict_the_mean_of_their_probabilities(bags, trials):
    clf = make_clf(n_members=3).fit(bags, trials.y)
    windows = torch.from_numpy(scale(bags[0], clf)).float()
    network = clf.net_.module_.eval()
    with torch.no_grad():
        members = [m(windows).double().softmax(-1).mean(0) for m in network.members]
    assert not torch.allclose(members[0], members[1], atol=1e-4)
    np.testing.assert_allclose(clf.predict_proba(bags[:1])[0], sum(members) / 3, atol=1e-6)


def test_one_member_is_the_network_alone(bags, trials):
    assert type(make_clf(n_members=1).fit(bags, trials.y).net_.module_) is MSiMamba


def test_labels_of_any_type_are_sorted(bags, trials):
    for dtype in ("str", object, np.dtypes.StringDType()):
        clf = make_clf().fit(bags, np.array(["task", "rest"], dtype)[trials.y])
        assert clf.classes_.tolist() == ["rest", "task"]
        assert set(clf.predict(bags)) <= {"rest", "task"}
    assert make_clf().fit(bags, -trials.y).classes_.tolist() == [-1, 0]


def test_flat_rows_with_n_chans_equal_windows(trials):
    flat = trials.X.reshape(len(trials), -1)
    from_rows = make_clf(n_chans=4).fit(flat, trials.y).predict_proba(flat)
    windows = make_clf().fit(trials.X, trials.y).predict_proba(trials.X)
    assert np.array_equal(from_rows, windows)


# Random states


@pytest.mark.parametrize("random_state", [0, None])
def test_global_random_states_are_restored(bags, trials, random_state):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    clf = make_clf(random_state=random_state).fit(bags, trials.y)
    clf.predict(bags)
    pickle.loads(pickle.dumps(clf))
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_equal(np.random.get_state(), numpy_state)


def test_equal_seeds_give_bitwise_equal_models(fitted, bags, trials):
    torch.manual_seed(123)
    again = clone(fitted).fit(bags, trials.y)
    assert np.array_equal(again.predict_proba(bags), fitted.predict_proba(bags))
    other = clone(fitted).set_params(random_state=1).fit(bags, trials.y)
    assert not np.array_equal(other.predict_proba(bags), fitted.predict_proba(bags))


def test_no_random_state_gives_a_new_model_each_time(bags, trials):
    probas = []
    for _ in range(2):
        np.random.seed(0)
        probas.append(make_clf(random_state=None).fit(bags, trials.y).predict_proba(bags))
    assert not np.array_equal(*probas)


# Copies


def test_pickles_and_copies_predict_the_same(fitted, bags):
    expected = fitted.predict_proba(bags)
    for copied in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert np.array_equal(copied.predict_proba(bags), expected)
        assert copied.history_ == fitted.history_
        assert copied.n_iter_ == 3
    assert not hasattr(clone(fitted), "classes_")


def test_a_model_loaded_under_another_default_precision_predicts_the_same(fitted, bags):
    pickled = pickle.dumps(fitted)
    torch.set_default_dtype(torch.float64)
    try:
        loaded = pickle.loads(pickled)
    finally:
        torch.set_default_dtype(torch.float32)
    assert np.array_equal(loaded.predict_proba(bags), fitted.predict_proba(bags))


def test_predictions_are_independent_of_the_memory_order_of_x(bags):
    X = bags[:, 0]
    for params in ({}, {"scaling": "window"}):
        clf = make_clf(max_epochs=1, **params).fit(X, np.arange(len(X)) % 2)
        by_time = np.ascontiguousarray(X.swapaxes(1, 2)).swapaxes(1, 2)
        assert np.array_equal(clf.predict_proba(by_time), clf.predict_proba(X))


def test_a_pickle_contains_the_fitted_architecture_and_weights_as_arrays(bags, trials):
    clf = make_clf().fit(bags, trials.y)
    expected = clf.predict_proba(bags)
    clf.set_params(d_model=16)  # for the next fit
    state = clf.__getstate__()
    assert "net_" not in state
    assert all(type(value) is np.ndarray for value in state["_saved_net"]["weights"].values())
    assert np.array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(bags), expected)


# Warm start and partial_fit


def test_warm_start_starts_from_the_fitted_weights(bags, trials):
    clf = make_clf(warm_start=True).fit(bags, trials.y)
    before = copy.deepcopy(dict(clf.net_.module_.named_parameters()))
    module = clf.net_.module_
    clf.set_params(max_epochs=1, lr=1e-9, weight_decay=0.0).fit(bags, trials.y)
    assert clf.n_iter_ == len(clf.history_) == clf.history_[-1]["epoch"] == 4
    assert clf.net_.lr == 1e-9
    assert clf.net_.module_ is not module
    torch.testing.assert_close(dict(clf.net_.module_.named_parameters()), before)


def test_warm_start_uses_changed_training_parameters(bags, trials, capsys):
    clf = make_clf(warm_start=True).fit(bags, trials.y)
    clf.set_params(optimizer="sgd", verbose=2, early_stopping=True, patience=2, max_epochs=60)
    clf.set_params(lr=1e-12)  # the validation loss is constant
    clf.fit(bags, trials.y)
    assert isinstance(clf.net_.optimizer_, torch.optim.SGD)
    assert "train_loss" in capsys.readouterr().out
    assert clf.n_iter_ < 3 + 60


def test_warm_start_keeps_the_state_of_the_optimizer(bags, trials):
    clf = make_clf(warm_start=True, batch_size=256).fit(bags, trials.y)
    clf.set_params(lr=1e-4).fit(bags, trials.y)
    states = clf.net_.optimizer_.state.values()
    assert {int(state["step"]) for state in states} == {6}  # two fits of three epochs, one batch
    assert {group["lr"] for group in clf.net_.optimizer_.param_groups} == {1e-4}


@pytest.mark.parametrize(
    "net_params",
    [
        {"optimizer__amsgrad": True},
        {"optimizer__param_groups": [("final_layer.*", {"betas": (0.5, 0.9)})]},
    ],
)
def test_warm_start_accepts_other_terms_and_groups_of_the_optimizer(net_params, bags, trials):
    clf = make_clf(warm_start=True).fit(bags, trials.y)
    clf.set_params(net_params=net_params).fit(bags, trials.y)
    assert len(clf.history_) == 6
    assert clf.predict_proba(bags).shape == (len(trials), 2)


def test_warm_start_resumes_a_schedule_that_sets_options_of_the_optimizer(bags, trials):
    options = {"max_lr": 0.01, "total_steps": 100, "step_every": "batch"}
    schedule = ("schedule", LRScheduler(torch.optim.lr_scheduler.OneCycleLR, **options))
    clf = make_clf(warm_start=True, net_params={"callbacks": [schedule]}).fit(bags, trials.y)
    assert len(clf.fit(bags, trials.y).history_) == 6


@pytest.mark.parametrize("params", [{}, {"optimizer": "sgd"}])
def test_learning_rate_schedules_go_on_in_loaded_and_changed_estimators(params, bags, trials):
    schedule = ("schedule", LRScheduler("StepLR", step_size=1, gamma=0.5))
    clf = make_clf(warm_start=True, net_params={"callbacks": [schedule]}).fit(bags, trials.y)
    loaded = pickle.loads(pickle.dumps(clf)).set_params(**params).fit(bags, trials.y)
    assert len(loaded.net_.history) == 2 * len(clf.net_.history)
    assert fine_tune(clf, bags, trials.y, parts="all", max_epochs=1).net_.history


def test_a_schedule_of_a_later_fit_starts_from_its_own_learning_rate(bags, trials):
    schedule = ("schedule", LRScheduler("LambdaLR", lr_lambda=constant))
    clf = make_clf(lr=1e-2, warm_start=True, net_params={"callbacks": [schedule]})
    clf.fit(bags, trials.y).set_params(lr=1e-4).fit(bags, trials.y)
    assert clf.net_.history[-1]["event_lr"] == 1e-4


def constant(epoch):
    return 1.0


def test_callbacks_with_a_state_of_their_own_are_copied(bags, trials):
    class Count(Callback):
        def __init__(self, start):
            self.count = start  # under another name, so that scikit-learn's clone fails

        def on_epoch_end(self, net, **kwargs):
            self.count += 1

    count = Count(5)
    clf = make_clf(net_params={"callbacks": [("count", count)]}).fit(bags, trials.y)
    assert dict(clf.net_.callbacks_)["count"].count == 5 + clf.n_iter_
    assert count.count == 5


def test_warm_start_requires_the_same_network(bags, trials):
    clf = make_clf(warm_start=True).fit(bags, trials.y)
    with pytest.raises(ValueError, match="require the network of the earlier fit"):
        clf.set_params(d_model=16).fit(bags, trials.y)


def test_a_diverging_warm_start_leaves_the_fitted_weights(bags, trials):
    clf = make_clf(warm_start=True).fit(bags, trials.y)
    expected = clf.predict_proba(bags)
    with pytest.raises(ValueError, match=r"train_loss is .* in epoch"):
        clf.set_params(optimizer="sgd", lr=1e30).fit(bags, trials.y)
    assert np.array_equal(clf.predict_proba(bags), expected)
    assert clf.n_iter_ == len(clf.net_.history) == 3


class RememberOrder(Callback):
    """Record the order of the windows."""

    seen = []

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        type(self).seen.append(batch[0]["x"][:, 0, 0].tolist())


def test_partial_fit_trains_one_epoch_with_a_new_order_of_windows(bags, trials):
    RememberOrder.seen = []
    clf = make_clf(net_params={"callbacks": [RememberOrder()]}, batch_size=256)
    for _ in range(3):
        clf.partial_fit(bags, trials.y)
    assert clf.n_iter_ == 3
    first, second, third = RememberOrder.seen
    assert first != second != third != first
    assert sorted(first) == sorted(second) == sorted(third)


def test_partial_fit_takes_all_classes_in_its_first_call(bags, trials):
    first = trials.y == 0
    clf = make_clf().partial_fit(bags[first], trials.y[first], classes=[0, 1])
    assert clf.partial_fit(bags, trials.y).classes_.tolist() == [0, 1]
    assert clf.partial_fit(bags, trials.y, classes=[1, 0]).n_iter_ == 3
    with pytest.raises(ValueError, match=r"only the classes \[0, 1\], got \[2\]"):
        clf.partial_fit(bags, trials.y + 1)
    with pytest.raises(ValueError, match=r"classes must be \[0, 1\], as in the first call, got \["):
        clf.partial_fit(bags, trials.y, classes=[0, 1, 2])


def test_partial_fit_is_absent_with_early_stopping():
    assert not hasattr(MSiMambaClassifier(early_stopping=True), "partial_fit")
    assert hasattr(MSiMambaClassifier(), "partial_fit")


# Early stopping and weights


class RememberTrials(Callback):
    """Record the trials of training and validation."""

    seen = []

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        type(self).seen.append((set(dataset_train.trials), set(dataset_valid.trials)))


def hold_out(X, y, groups=None, sample_weight=None, **params):
    """Return the trials of training and of validation."""
    RememberTrials.seen = []
    callbacks = {"callbacks": [("trials", RememberTrials())]}
    clf = make_clf(**{"max_epochs": 1, "early_stopping": True, **params}, net_params=callbacks)
    clf.fit(X, y, groups=groups, sample_weight=sample_weight)
    return RememberTrials.seen[0]


@pytest.mark.parametrize("form", ["metadata", "dict", "ids", "text and numbers"])
def test_early_stopping_holds_out_whole_groups(bags, trials, form):
    subjects = trials.metadata["subject"].to_numpy()
    mixed = np.where(subjects == subjects[0], "pilot", subjects.astype(object))
    groups = {"metadata": trials.metadata, "dict": {"subject": subjects}, "ids": subjects}
    groups = groups.get(form, mixed)
    train, valid = hold_out(bags, trials.y, groups, validation_fraction=0.25)
    assert set(subjects[list(train)]) & set(subjects[list(valid)]) == set()
    assert len(set(subjects[list(valid)])) == 1
    assert train | valid == set(range(32))


def test_random_state_and_fraction_determine_the_trials_that_are_held_out(bags, trials):
    first, again, other = (
        hold_out(bags, trials.y, validation_fraction=0.5, random_state=seed) for seed in (0, 0, 1)
    )
    assert first == again != other
    assert len(first[1]) == len(other[1]) == 16


def test_trials_without_groups_are_held_out_in_the_proportions_of_the_classes(bags, trials):
    rare = np.flatnonzero((trials.y == 0) | (np.arange(32) % 8 < 4))
    own = trials[rare]
    for seed in range(3):
        params = {"validation_fraction": 0.25, "random_state": seed}
        train, valid = hold_out(own, own.y, **params)
        assert own.y[list(valid)].mean() == pytest.approx(own.y.mean(), abs=1 / len(valid))
        assert (train, valid) == hold_out(own.X, own.y, **params)


def test_windows_of_trials_of_several_subjects_are_held_out_by_trial():
    first = simulate_trials(n_subjects=8, n_trials=2, n_times=128)
    rows = first.as_windows(0.5)
    rows = rows.derive(metadata=rows.metadata.assign(trial=rows.metadata["trial"] % 2))
    train, valid = hold_out(rows, rows.y, validation_fraction=0.1)
    trials = rows.metadata[["subject", "trial"]].apply(tuple, axis=1)
    assert len(train) + len(valid) == 32
    assert len(set(trials.iloc[list(valid)])) == 2 and len(valid) == 4
    assert not set(trials.iloc[list(train)]) & set(trials.iloc[list(valid)])


def test_groups_replace_the_trials_of_windows(trials):
    rows = trials.as_windows(0.5)
    subjects = rows.metadata["subject"].to_numpy()
    for X, groups in ((trials, trials.metadata["subject"]), (rows, subjects)):
        train, valid = hold_out(X, X.y, groups, validation_fraction=0.25)
        assert len(valid) == len(X) / 4
        own = np.asarray(groups)
        assert not set(own[list(train)]) & set(own[list(valid)])


def test_groups_are_held_out_of_the_trials_that_have_weight(bags, trials):
    subjects = trials.metadata["subject"].to_numpy()
    weight = np.where(np.arange(32) < 5, 0.0, 1.0)
    train, valid = hold_out(bags, trials.y, subjects, weight, validation_fraction=0.25)
    assert train | valid == set(np.flatnonzero(weight))
    assert not set(subjects[list(train)]) & set(subjects[list(valid)])


def test_trials_held_out_for_early_stopping_have_no_part_in_the_scaling(bags, trials):
    RememberTrials.seen = []
    clf = make_clf(
        max_epochs=1,
        early_stopping=True,
        validation_fraction=0.25,
        net_params={"callbacks": [("trials", RememberTrials())]},
    )
    clf.fit(bags, trials.y, groups=trials.metadata)
    rows = sorted(RememberTrials.seen[0][0])
    assert rows != list(range(24))
    alone = make_clf(max_epochs=1).fit(bags[rows], trials.y[rows])
    for name in ("center_", "scale_", "offset_scale_"):
        np.testing.assert_array_equal(getattr(clf, name), getattr(alone, name))


class RememberWeights(Callback):
    """Record the state of the network after each training step."""

    seen = []

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            state = {
                k: v.clone() for k, v in net.module_.state_dict().items() if v.is_floating_point()
            }
            type(self).seen.append(state)


def fit_remembered(bags, y, method="fit", **params):
    """Return the states after each of 4 steps an epoch, and the fitted state."""
    RememberWeights.seen = []
    clf = make_clf(batch_size=56, net_params={"callbacks": [RememberWeights()]}, **params)
    state = getattr(clf, method)(bags, y).net_.module_.state_dict()
    return RememberWeights.seen, {name: state[name] for name in RememberWeights.seen[0]}


@pytest.mark.parametrize(("max_epochs", "n_averaged"), [(1, 2), (2, 4), (3, 6)])
def test_fitted_weights_are_the_mean_over_the_second_half_of_the_training(
    bags, trials, max_epochs, n_averaged
):
    seen, fitted = fit_remembered(bags, trials.y, average_weights=True, max_epochs=max_epochs)
    assert len(seen) == 4 * max_epochs
    for name, weights in fitted.items():
        mean = sum(state[name].double() for state in seen[-n_averaged:]) / n_averaged
        torch.testing.assert_close(weights.double(), mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("method", "params"),
    [("fit", {"average_weights": False}), ("partial_fit", {"average_weights": True})],
)
def test_other_fitted_weights_are_those_after_the_last_step(bags, trials, method, params):
    seen, fitted = fit_remembered(bags, trials.y, method, **params)
    assert all(torch.equal(weights, seen[-1][name]) for name, weights in fitted.items())


def test_weights_are_averaged_as_on_cuda(bags, trials, monkeypatch):
    # There, torch by default updates several tensors at once, which fails for integers.
    name = "_get_foreach_kernels_supported_devices"
    for params in ({}, {"module_params": {"period_selection": "fixed"}}):
        expected = make_clf(**params).fit(bags, trials.y).predict_proba(bags)
        with monkeypatch.context() as patch:
            patch.setattr(torch.optim.swa_utils, name, lambda: ["cpu", "cuda"], raising=False)
            proba = make_clf(**params).fit(bags, trials.y).predict_proba(bags)
        assert np.array_equal(proba, expected)


no_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")


@pytest.mark.parametrize("device", ["mps", pytest.param("cuda", marks=no_cuda), "cuda:99", "gpu"])
def test_a_device_that_is_not_available_is_an_error_but_its_pickles_load(
    bags, trials, fitted, device
):
    with pytest.raises(ValueError, match=f"device must be 'auto' or an avail.*, got '{device}': "):
        make_clf(device=device).fit(bags, trials.y)
    moved = pickle.dumps(copy.deepcopy(fitted).set_params(device=device))
    with pytest.warns(UserWarning, match=f"Loaded on the CPU, .* device must be .* got '{device}'"):
        loaded = pickle.loads(moved)
    assert np.array_equal(loaded.predict_proba(bags), fitted.predict_proba(bags))


def test_early_stopping_restores_weights_of_one_step_instead_of_their_mean(bags, trials):
    seen, fitted = fit_remembered(bags, trials.y, average_weights=True, early_stopping=True)
    assert any(
        all(torch.equal(weights, state[name]) for name, weights in fitted.items()) for state in seen
    )


def test_fine_tuning_takes_the_weights_after_its_last_step(bags, trials):
    RememberWeights.seen = []
    clf = make_clf(net_params={"callbacks": [RememberWeights()]}).fit(bags, trials.y)
    state = clf.fine_tune(bags, trials.y, parts="all", max_epochs=2).net_.module_.state_dict()
    last = RememberWeights.seen[-1]
    assert all(torch.equal(state[name], weights) for name, weights in last.items())


def test_early_stopping_requires_all_classes_in_the_training_groups(bags, trials):
    clf = make_clf(early_stopping=True, validation_fraction=0.5)
    for y in (trials.y, np.arange(len(trials)) % 4):
        with pytest.raises(ValueError, match=r"all classes in the training groups, got \["):
            clf.fit(bags, y, groups=y)


def test_too_few_trials_or_groups_for_early_stopping_are_named(bags):
    clf = make_clf(early_stopping=True)
    with pytest.raises(ValueError, match=r"cannot hold out validation_fraction=0.2 of 4 trials: "):
        clf.fit(bags[:4], [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"cannot hold out validation_fraction=0.2 of 1 groups: "):
        clf.fit(bags[:4], [0, 1, 0, 1], groups=[7] * 4)


def test_early_stopping_holds_out_groups_that_leave_all_classes_in_training(bags):
    groups = np.repeat(np.arange(8), 4)
    y = np.repeat([0, 1, 2, 2], 8)  # two groups of class 0, two of class 1
    for seed in range(5):
        clf = make_clf(early_stopping=True, validation_fraction=0.4, max_epochs=1)
        clf.set_params(random_state=seed).fit(bags, y, groups=groups)


@pytest.mark.parametrize(
    ("batch_size", "auto_steps", "n_epochs"),
    [(56, 2000, 12), (None, 2000, 12), (56, 48, 12), (56, 47, 11), (56, 9, 2), (56, 3, 1)],
)
def test_auto_epochs_are_twelve_or_as_many_as_make_two_thousand_steps(
    monkeypatch, bags, trials, batch_size, auto_steps, n_epochs
):
    assert msimamba.AUTO_STEPS == 2000
    monkeypatch.setattr(msimamba, "AUTO_STEPS", auto_steps)
    clf = make_clf(batch_size=batch_size, max_epochs="auto", **FAST)  # 4 steps an epoch
    assert clf.fit(bags, trials.y).n_iter_ == n_epochs
    assert clf.max_epochs == MSiMambaClassifier().max_epochs == "auto"


def test_a_number_of_epochs_may_exceed_that_of_auto(bags, trials):
    assert make_clf(max_epochs=13, **FAST).fit(bags, trials.y).n_iter_ == 13


def test_auto_epochs_count_the_windows_that_are_trained_on(monkeypatch, bags, trials):
    monkeypatch.setattr(msimamba, "AUTO_STEPS", 16)
    clf = make_clf(batch_size=28, max_epochs="auto", **FAST)  # 4 trials a step
    weight = np.repeat([0.0, 1.0], 16)
    assert clone(clf).fit(bags, trials.y).n_iter_ == 2
    assert clone(clf).fit(bags, trials.y, sample_weight=weight).n_iter_ == 4
    held = clone(clf).set_params(early_stopping=True, validation_fraction=0.5)
    assert held.fit(bags, trials.y).n_iter_ == 4


def test_early_stopping_restores_the_best_epoch(bags, trials):
    noise = np.random.default_rng(0).permutation(trials.y)
    clf = make_clf(max_epochs=60, early_stopping=True, patience=3, lr=1e-2).fit(bags, noise)
    losses = [epoch["valid_loss"] for epoch in clf.history_]
    assert clf.n_iter_ < 60
    assert int(np.argmin(losses)) == clf.n_iter_ - 1 - 3
    assert clf.net_.train_split is None


def test_the_validation_loss_is_the_weighted_mean_over_all_batches(trials):
    windows = SlidingWindows(window_size_samples=64, stride_samples=8).fit_transform(trials.X)
    weight = np.where(trials.y == 0, 1e-3, 1.0)
    RememberTrials.seen = []
    params = {"early_stopping": True, "validation_fraction": 0.25, "max_epochs": 1}
    clf = make_clf(**params, net_params={"callbacks": [("trials", RememberTrials())]})
    clf.fit(windows, trials.y, sample_weight=weight)
    valid = sorted(RememberTrials.seen[0][1])
    assert len(valid) * 25 > 128  # windows in a batch
    proba = clf.predict_proba(windows[valid].reshape(-1, *windows.shape[2:]))
    y, weight = (values[valid].repeat(25) for values in (trials.y, weight))
    expected = np.average(-np.log(proba[np.arange(len(y)), y]), weights=weight)
    assert clf.history_[0]["valid_loss"] == pytest.approx(expected, rel=1e-4)
    sizes = clf.net_.history[0, "batches", :, "valid_batch_size"]
    assert [size for size in sizes if size] == [128, len(y) - 128]  # of windows


def test_trials_of_weight_zero_are_left_out(bags, trials):
    weight = np.r_[np.ones(20), np.zeros(12)]
    weighted = make_clf().fit(bags, trials.y, sample_weight=weight)
    left_out = make_clf().fit(bags[:20], trials.y[:20])
    assert np.array_equal(weighted.predict_proba(bags), left_out.predict_proba(bags))


def test_balanced_class_weight_raises_the_probability_of_the_rare_class(bags, trials):
    rare = np.flatnonzero((trials.y == 0) | (np.arange(32) % 4 == 0))
    y = trials.y[rare[::-1]]  # with other trials: only the frequencies of the classes are learned
    plain = make_clf(max_epochs=20).fit(bags[rare], y)
    balanced = clone(plain).set_params(class_weight="balanced").fit(bags[rare], y)
    assert (balanced.predict_proba(bags) - plain.predict_proba(bags))[:, 1].mean() > 0.05


def test_a_class_of_weight_zero_is_never_predicted(bags, trials):
    clf = make_clf(class_weight={0: 0.0, 1: 1.0}, batch_size=2)  # some batches lack class 1
    assert set(clf.fit(bags[:8], trials.y[:8]).predict(bags)) == {1}


def test_balanced_class_weights_are_those_of_the_classes_that_have_weight(bags, trials):
    used = (trials.y == 0) | (np.arange(32) < 12)  # the classes of all trials are balanced
    clf = make_clf(class_weight="balanced")
    weighted = clone(clf).fit(bags, trials.y, sample_weight=used.astype(float))
    left_out = clone(clf).fit(bags[used], trials.y[used])
    assert np.array_equal(weighted.predict_proba(bags), left_out.predict_proba(bags))


def test_balanced_class_weights_count_the_weights_of_trials(bags, trials):
    weight = np.where(trials.y == 0, 3, 1)
    options = {"batch_size": None, "drop_prob": 0.0, "dtype": "float64"}
    clf = make_clf(class_weight="balanced", **options)
    weighted = clone(clf).fit(bags, trials.y, sample_weight=weight)
    repeated = clone(clf).fit(bags.repeat(weight, 0), trials.y.repeat(weight))
    proba = weighted.predict_proba(bags)
    np.testing.assert_allclose(proba, repeated.predict_proba(bags), atol=1e-9)


@pytest.mark.parametrize("dtype", [">i4", "float16"])
def test_class_weights_accept_labels_of_any_type(bags, trials, dtype):
    clf = make_clf(class_weight={0: 1.0, 1: 2.0}, max_epochs=1)
    expected = clone(clf).fit(bags, trials.y).predict_proba(bags)
    assert np.array_equal(clf.fit(bags, trials.y.astype(dtype)).predict_proba(bags), expected)


def test_one_weight_of_all_trials_changes_nothing(bags, trials):
    proba = make_clf(max_epochs=1).fit(bags, trials.y, sample_weight=2.0).predict_proba(bags)
    assert np.array_equal(proba, make_clf(max_epochs=1).fit(bags, trials.y).predict_proba(bags))


def test_weights_of_classes_and_of_trials_are_multiplied(bags, trials):
    weight = np.tile([0.5, 1.0, 2.0, 4.0], 8)
    clf = make_clf(scaling="window")  # other scalings have weights of trials, not of classes
    both = clone(clf).set_params(class_weight={0: 1.0, 1: 2.0})
    both.fit(bags, trials.y, sample_weight=weight)
    clf.fit(bags, trials.y, sample_weight=weight * (1 + trials.y))
    assert np.array_equal(both.predict_proba(bags), clf.predict_proba(bags))


@pytest.mark.parametrize("class_weight", [{0: 2.0}, "balanced"])
def test_further_training_may_lack_a_weighted_class(bags, trials, class_weight):
    clf = make_clf(class_weight=class_weight).partial_fit(bags, trials.y)
    assert set(fine_tune(clf, bags[trials.y == 1], np.ones(16)).predict(bags)) <= {0, 1}
    clf.partial_fit(bags[trials.y == 1], np.ones(16))
    with pytest.raises(ValueError, match=r"classes, \[0, 1\], are not in class_weight"):
        make_clf(class_weight={2: 1.0}).fit(bags, trials.y)


def test_a_fit_does_not_depend_on_the_default_type_of_torch(fitted, bags, trials):
    torch.set_default_dtype(torch.float64)
    try:
        clf = make_clf().fit(bags, trials.y)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert np.array_equal(clf.predict_proba(bags), fitted.predict_proba(bags))


class LoadInThread(Callback):
    """Load a pickle in a thread, which waits for the end of the training."""

    def __init__(self, content):
        self.content = content

    def on_train_begin(self, net, **kwargs):
        type(self).thread = threading.Thread(target=pickle.loads, args=(self.content,))
        self.thread.start()
        self.thread.join(0.2)


def test_threads_leave_the_default_type_of_torch_unchanged(fitted, bags, trials):
    callbacks = {"callbacks": [LoadInThread(pickle.dumps(fitted))]}
    torch.set_default_dtype(torch.float64)
    try:
        make_clf(net_params=callbacks, max_epochs=1, n_threads=None).fit(bags, trials.y)
        LoadInThread.thread.join()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


# Parameters of the network and of skorch


def test_fixed_periods_are_those_of_the_training_windows(bags, trials):
    clf = make_clf(module_params={"period_selection": "fixed"}).fit(bags, trials.y)
    amplitude = np.abs(np.fft.rfft(scale(bags, clf))).mean((0, 1, 2))[1:]
    expected = np.argsort(amplitude)[::-1][:2] + 1
    assert clf.net_.module_.mstb.frequencies.tolist() == expected.tolist()
    again = pickle.loads(pickle.dumps(clf))
    assert np.array_equal(again.predict_proba(bags), clf.predict_proba(bags))


def test_weights_of_trials_count_in_fixed_periods():
    time = np.arange(64) / 64
    X = np.sin(2 * np.pi * np.array([[6], [15]]) * time)[[0, 1] * 8, None]
    X[1::2] *= 0.8
    clf = make_clf(module_params={"period_selection": "fixed"}, top_k=1, max_epochs=1)
    for weight, frequency in ((None, 6), ([1.0, 2.0] * 8, 15)):
        own = clone(clf).fit(X, [0, 1] * 8, sample_weight=weight)
        assert own.net_.module_.mstb.frequencies.tolist() == [frequency]


def test_fixed_periods_are_those_of_whitened_windows():
    rng, time = np.random.default_rng(0), np.arange(64) / 64
    first, second, weak = (np.sin(2 * np.pi * frequency * time) for frequency in (6, 9, 15))
    shared = 3 * first + 2 * second  # by both channels
    X = rng.normal(size=(16, 2, 64)) * 0.01 + shared + np.stack([weak, -weak])
    for whitened, frequency in ((False, 6), (True, 15)):
        params = {"period_selection": "fixed", "spatial_whitening": whitened}
        clf = make_clf(module_params=params, top_k=1, max_epochs=1).fit(X, [0, 1] * 8)
        assert clf.net_.module_.mstb.frequencies.tolist() == [frequency]


def test_the_whitening_is_that_of_the_training_windows(bags, trials):
    clf = make_clf(module_params={"spatial_whitening": True}).fit(bags, trials.y)
    windows = scale(bags, clf).reshape(-1, *bags.shape[2:])
    windows = windows - windows.mean(2, keepdims=True)
    windows /= windows.std((1, 2), keepdims=True)
    correlation = np.corrcoef(windows.swapaxes(0, 1).reshape(bags.shape[2], -1))
    values, vectors = np.linalg.eigh(0.95 * correlation + 0.05 * np.eye(len(correlation)))
    expected = vectors * values**-0.5 @ vectors.T
    expected /= np.sqrt(np.diag(expected @ correlation @ expected.T))[:, None]
    whitener = clf.net_.module_.whitener.numpy()
    np.testing.assert_allclose(whitener, expected, atol=1e-4)
    clf.partial_fit(bags[:4] ** 2, trials.y[:4])
    assert np.array_equal(clf.net_.module_.whitener.numpy(), whitener)


def test_weights_of_trials_count_in_the_whitening(bags, trials):
    params = {"module_params": {"spatial_whitening": True}, "max_epochs": 1}
    weight = np.arange(len(bags)) % 3
    weighted = make_clf(**params).fit(bags, trials.y, sample_weight=weight)
    repeated = make_clf(**params).fit(bags.repeat(weight, 0), trials.y.repeat(weight))
    np.testing.assert_allclose(
        weighted.net_.module_.whitener, repeated.net_.module_.whitener, atol=1e-5
    )


def test_constant_channels_are_whitened(bags, trials):
    bags = bags.copy()
    bags[:, :, 1] = 3.0
    clf = make_clf(module_params={"spatial_whitening": True}).fit(bags, trials.y)
    whitener = clf.net_.module_.whitener.numpy()
    np.testing.assert_allclose(whitener[1], np.arange(len(whitener)) == 1, atol=1e-6)
    np.testing.assert_allclose(whitener[:, 1], np.arange(len(whitener)) == 1, atol=1e-6)


def test_flat_windows_do_not_change_the_whitening(bags, trials):
    rng, params = np.random.default_rng(0), {"module_params": {"spatial_whitening": True}}
    bags = bags[..., :49].astype(float)  # sums of 64 equal values would be exact
    flat = np.broadcast_to(rng.normal(size=bags[..., :1].shape), bags.shape)
    both, y = np.concatenate([bags, flat]), np.tile(trials.y, 2)
    clf = make_clf(**params, scaling=None, max_epochs=1, dtype="float64")
    own = [clone(clf).fit(X, y[: len(X)]).net_.module_.whitener for X in (bags, both)]
    np.testing.assert_allclose(own[1], own[0], atol=1e-9)


@pytest.mark.parametrize(
    ("n_chans", "params", "expected"),
    [
        (8, {}, False),
        (9, {}, True),
        (9, {"n_members": 2}, True),
        (9, {"module_params": {"spatial_whitening": False}}, False),
        (9, {"embedding": "inverted"}, False),
        (9, {"adaptation": "causal"}, False),
    ],
    ids=repr,
)
def test_more_than_eight_channels_are_whitened_by_default(n_chans, params, expected):
    X = np.random.default_rng(0).normal(size=(8, n_chans, 64))
    clf = make_clf(max_epochs=1, **params).fit(X, [0, 1] * 4, groups=[0] * 8)
    networks = [own for own in clf.net_.module_.modules() if isinstance(own, MSiMamba)]
    assert {own.whitener is not None for own in networks} == {expected}


def test_training_goes_on_with_the_whitening_of_the_fitted_network(monkeypatch):
    X, y = np.random.default_rng(0).normal(size=(8, 9, 64)), [0, 1] * 4
    with monkeypatch.context() as patch:  # as fitted by a version without whitening by default
        patch.setattr(msimamba, "MAX_UNWHITENED", 100)
        clf = make_clf(max_epochs=1).fit(X, y)
    assert clf.partial_fit(X, y).net_.module_.whitener is None
    assert clf.fine_tune(X, y).net_.module_.whitener is None
    assert clf.fit(X, y).partial_fit(X, y).net_.module_.whitener is not None


def test_callbacks_and_net_params_reach_skorch(bags, trials):
    schedule = LRScheduler("StepLR", step_size=1, gamma=0.5)
    net_params = {"callbacks": [("schedule", schedule)], "optimizer__betas": (0.5, 0.9)}
    clf = make_clf(net_params=net_params, lr=1e-3).fit(bags, trials.y)
    group = clf.net_.optimizer_.param_groups[0]
    assert group["betas"] == (0.5, 0.9)
    assert group["lr"] == pytest.approx(1e-3 * 0.5**3)
    assert len(clf.net_.history) == 3


@pytest.mark.parametrize(
    ("cls", "scoring"),
    [(MSiMambaClassifier, "neg_log_loss"), (MSiMambaRegressor, "neg_mean_squared_error")],
)
def test_scores_of_training_batches_are_of_the_mean_over_members(cls, scoring, bags, trials):
    score = EpochScoring(scoring, on_train=True, name="score")
    params = TINY | {"n_members": 3, "batch_size": None, "net_params": {"callbacks": [score]}}
    history = cls(**params).fit(bags, trials.y).history_
    assert len(history) == 3
    for epoch in history:  # the loss of a mean is below the mean loss of the members
        assert 0.8 * epoch["train_loss"] < -epoch["score"] < epoch["train_loss"]


def test_verbose_shows_a_bar_or_lines(bags, trials, capsys, monkeypatch):
    clf = make_clf(verbose=True).fit(bags, trials.y)
    captured = capsys.readouterr()
    assert "0/3" in captured.err
    assert "train_loss" in captured.err
    clf.partial_fit(bags, trials.y)
    assert "0/1" in capsys.readouterr().err
    make_clf(verbose=2).fit(bags, trials.y)
    assert "train_loss" in capsys.readouterr().out
    make_clf().fit(bags, trials.y)
    assert "".join(capsys.readouterr()) == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    make_clf().fit(bags, trials.y)
    assert "0/3" in capsys.readouterr().err


# Errors


def set_nan(X):
    X = X.copy()
    X[3, 1, 2, 5] = np.nan
    return X


@pytest.mark.parametrize(
    ("change", "params", "message"),
    [
        (lambda X, y: (set_nan(X), y), {}, "contains NaN or infinity, first in trial 3, channel 2"),
        (lambda X, y: (X, [None, *y[1:]]), {}, "y contains NaN, None or infinity"),
        (lambda X, y: (X, [np.nan, *"a" * (len(y) - 1)]), {}, "y contains NaN, None or infinity"),
        (lambda X, y: (X, np.zeros(32)), {}, r"at least 2 classes in y, got 1 class: 0\.0\.$"),
        (lambda X, y: (X[:-1], y), {}, "inconsistent numbers of samples"),
        (lambda X, y: (X[None], y), {}, "got 5"),
        (lambda X, y: (X, None), {}, "requires y to be passed, but the target y is None"),
        (lambda X, y: (X, y + 0.5), {}, "Unknown label type: continuous"),
        (None, {"module_params": {"backend": "mamba_ssm"}, "device": "cpu"}, "backend='mamba_ssm'"),
        (None, {"lr": 0.0}, "lr must be a positive number, got 0.0"),
        (None, {"lr": np.inf}, "lr must be a positive number, got inf"),
        (None, {"lr": True}, "lr must be a positive number, got True"),
        (
            None,
            {"lr": 1e20, "max_epochs": 1, "batch_size": None},
            "predictions are not finite after the last epoch",
        ),
        (
            None,
            {"net_params": {"d_model": 8}},
            "such as 'optimizer__betas', got 'd_model'. .* other parameters of MSiMambaClassifier",
        ),
        (None, {"net_params": {"train_split": 5}}, "that fit does not set, .* got 'train_split'"),
        (None, {"net_params": {"max_epochs": 1}}, "that fit does not set, .* got 'max_epochs'"),
        (None, {"net_params": {"lr": 0.1}}, "that fit does not set, .* got 'lr'"),
        (None, {"net_params": {"optimizer__lr": 0.1}}, "does not set, .* got 'optimizer__lr'"),
        (
            None,
            {"net_params": {"criterion__reduction": "mean"}},
            "does not set, .* got 'criterion__reduction'",
        ),
        (
            None,
            {"net_params": {"iterator_train__drop_last": True}},
            "does not set, .* got 'iterator_train__drop_last'",
        ),
        (None, {"net_params": {"callbacks": "disable"}}, r"\['callbacks'\] must be a list, got 'd"),
        (None, {"net_params": {"callbacks": [3]}}, "must contain callbacks of skorch, .* got 3"),
        (None, {"net_params": {"criterion": torch.nn.NLLLoss}}, "must be a loss of logits"),
        (None, {"optimizer": torch.optim.LBFGS}, "the callbacks: LBFGS.* got an unexpected keyw"),
        (None, {"weight_decay": np.inf}, "weight_decay must be a non-negative number, got inf"),
        (None, {"weight_decay": np.nan}, "weight_decay must be a non-negative number, got nan"),
        (None, {"weight_decay": -1.0}, "weight_decay must be a non-negative number, got -1.0"),
        (None, {"max_epochs": "all"}, "must be 'auto' or an integer of at least 1, got 'all'"),
        (None, {"max_epochs": 0}, "max_epochs must be an integer of at least 1, got 0"),
        (None, {"n_members": 0}, "n_members must be an integer of at least 1"),
        (None, {"n_members": None}, "n_members must be an integer of at least 1, got None"),
        (None, {"batch_size": 2.5}, "batch_size must be an integer"),
        (None, {"n_layers": -1}, "n_layers must be an integer of at least 1, got -1"),
        (None, {"drop_prob": 1}, "drop_prob must be a number of at least 0 and below 1, got 1"),
        (None, {"early_stopping": "no"}, "early_stopping must be True or False, got 'no'"),
        (None, {"class_weight": {0: np.nan, 1: 1}}, "class_weight of 0 must be .* got nan"),
        (None, {"class_weight": {0: 1, 1: -0.1}}, "class_weight of 1 must be .* got -0.1"),
        (None, {"class_weight": {0: 0, 1: 0}}, "class_weight must weigh a class of y"),
        (None, {"class_weight": "even"}, "class_weight must be a dict, 'balanced' or None, got"),
        (None, {"module_params": "power"}, "module_params must be a dict or None, got 'power'"),
        (None, {"random_state": -1}, "random_state must be an integer from 0 .* got -1"),
        (
            None,
            {"net_params": {"predict_nonlinearity": None}},
            "that fit does not set, .* got 'predict_nonlinearity'",
        ),
        (None, {"optimizer": "adan"}, "optimizer must be one of 'adam', 'adamw', 'sgd', got 'adan"),
        (None, {"scaling": "minmax"}, "scaling must be one of 'robust', 'standard', 'window'"),
        (None, {"voting": "max"}, "voting must be one of 'soft', 'hard', got 'max'"),
        (None, {"dtype": "float16"}, "dtype must be one of 'float32', 'float64'"),
        (None, {"validation_fraction": 1.0}, "fraction must be a number above 0 and below 1"),
        (None, {"module_params": {"mixer": "lstm"}}, "mixer must be one of"),
        (
            None,
            {"module_params": {"d_model": 8}},
            "module_params must not contain 'd_model', which MSiMambaClassifier sets",
        ),
        (
            None,
            {"module_params": {"width": 8}},
            r"must contain parameters of MSiMamba \(activation, backend, .*\), got 'width'",
        ),
        (None, {"lr": 1e30, "optimizer": "sgd"}, "train_loss is .* in epoch"),
    ],
)
@pytest.mark.parametrize("fitted_before", [False, True])
def test_a_failed_fit_leaves_the_estimator_unchanged(
    bags, trials, fitted, fitted_before, change, params, message
):
    clf = copy.deepcopy(fitted) if fitted_before else make_clf()
    clf.set_params(**params)
    before = vars(clf).copy()
    data = (bags, trials.y) if change is None else change(bags, trials.y)
    with pytest.raises((ValueError, RuntimeError), match=message):
        clf.fit(*data)
    assert vars(clf).keys() == before.keys()
    assert all(vars(clf)[key] is before[key] for key in before)
    if fitted_before and "voting" not in params:
        assert np.array_equal(clf.predict_proba(bags), fitted.predict_proba(bags))


def test_a_failed_fit_restores_threads_and_random_states(bags, trials):
    class Fail(Callback):
        def on_epoch_end(self, net, **kwargs):
            np.random.rand()
            raise OSError("disk full")

    before, states = torch.get_num_threads(), (torch.get_rng_state(), np.random.get_state())
    torch.set_num_threads(2)
    try:
        with pytest.raises(OSError, match="disk full"):
            make_clf(net_params={"callbacks": [Fail()]}).fit(bags, trials.y)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert torch.equal(torch.get_rng_state(), states[0])
    np.testing.assert_equal(np.random.get_state(), states[1])


def test_weights_that_are_not_finite_after_the_last_step_are_an_error(bags, trials):
    class Ruin(Callback):
        def on_train_end(self, net, **kwargs):
            with torch.no_grad():
                next(net.module_.parameters()).fill_(torch.nan)

    with pytest.raises(ValueError, match="diverged: weights are not finite after the last epoch"):
        make_clf(net_params={"callbacks": [Ruin()]}, average_weights=False).fit(bags, trials.y)


def test_probabilities_that_are_not_finite_are_an_error(bags, fitted):
    clf = copy.deepcopy(fitted)
    with torch.no_grad():
        next(clf.net_.module_.parameters()).fill_(torch.nan)
    with pytest.raises(ValueError, match="must be finite, got NaN for trial 0"):
        clf.predict(bags)


def test_data_of_another_unit_are_reported(bags, fitted, trials):
    for factor in (1e-6, 0, 1e6):
        with pytest.warns(UserWarning, match=r"deviation of about .* unit, such as microvolts"):
            fitted.predict(factor * bags)
    ordinary = bags.copy()
    ordinary[:, :, :3] = 0  # most electrodes are flat
    ordinary[0] *= 1e4
    pickled = pickle.loads(pickle.dumps(fitted))
    assert pickled.spread_ == np.median(bags.std(axis=-1, dtype=float))
    for factor in (1 / 110, 110):
        with pytest.warns(UserWarning, match="must be in the same unit"):
            pickled.predict(factor * bags)
    with warnings.catch_warnings(action="error"):
        pickled.predict(ordinary)
        pickled.predict(90 * bags)
        pickled.predict(bags / 90)
        del pickled.spread_  # as in models of earlier versions
        pickled.predict(1e6 * bags)


class Stop(Callback):
    """Interrupt the third call of a method, by a signal as Ctrl-C does, or to end the training."""

    def __init__(self, method, by_signal=False):
        self.by_signal, self.n_calls = by_signal, 0
        setattr(self, method, self.stop)

    def stop(self, net, **kwargs):
        self.n_calls += 1
        if self.n_calls == 3 and self.by_signal:
            os.kill(os.getpid(), signal.SIGINT)
        elif self.n_calls == 3:
            raise KeyboardInterrupt


class Inverted(MSiMambaClassifier):
    def predict_proba(self, X, groups=None):
        return super().predict_proba(X, groups)[:, ::-1]


def test_predictions_are_by_the_probabilities_of_a_subclass(bags, trials):
    clf = Inverted(**make_clf().get_params()).fit(bags, trials.y)
    proba = clf.predict_proba(bags)
    np.testing.assert_array_equal(clf.predict(bags), clf.classes_[proba.argmax(1)])
    assert (clf.predict(bags) != make_clf().fit(bags, trials.y).predict(bags)).all()


@pytest.fixture
def sigint():
    """Python's handler, also in the background of a shell, which ignores the signal there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
@pytest.mark.parametrize("method", ["on_batch_end", "on_epoch_end"])
def test_an_interrupt_during_a_callback_is_no_end_of_the_training(bags, trials, method, sigint):
    clf = make_clf(batch_size=16)
    clf.set_params(net_params={"callbacks": [Stop(method, by_signal=True)]})
    with pytest.raises(KeyboardInterrupt):
        clf.fit(bags, trials.y)
    assert not hasattr(clf, "classes_")
    assert signal.getsignal(signal.SIGINT) is sigint


@pytest.mark.parametrize(
    ("method", "n_iter"), [("on_batch_end", 0), ("on_epoch_end", 3), ("on_train_end", 9)]
)
def test_a_callback_may_end_the_training_also_within_an_epoch(bags, trials, method, n_iter):
    stop = Stop(method)
    stop.n_calls = 2 * (method == "on_train_end")  # called once
    clf = make_clf(max_epochs=9, batch_size=16, net_params={"callbacks": [stop]})
    assert clf.fit(bags, trials.y).n_iter_ == n_iter
    assert clf.predict(bags).shape == (32,)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_signal_handler_of_the_user_may_let_a_callback_end_the_training(bags, trials, sigint):
    seen = []
    signal.signal(signal.SIGINT, lambda *args: seen.append(args))
    callbacks = [Stop("on_batch_end", by_signal=True), Stop("on_epoch_end")]
    clf = make_clf(max_epochs=9, batch_size=16, net_params={"callbacks": callbacks})
    assert clf.fit(bags, trials.y).n_iter_ == 3
    assert len(seen) == 1


def test_a_callback_must_not_end_the_training_before_it_begins(bags, trials):
    stop = Stop("on_train_begin")
    stop.n_calls = 2
    with pytest.raises(ValueError, match="must not stop the training before the first epoch"):
        make_clf(net_params={"callbacks": [stop]}).fit(bags, trials.y)


def test_a_callback_that_loads_the_best_weights_replaces_their_average(bags, trials):
    best = EarlyStopping(monitor="train_loss", patience=9, load_best=True)
    params = {"lr": 0.02, "net_params": {"callbacks": [best]}}
    one, other = (make_clf(average_weights=average, **params) for average in (True, False))
    proba = one.fit(bags, trials.y).predict_proba(bags)
    np.testing.assert_array_equal(proba, other.fit(bags, trials.y).predict_proba(bags))
    best.load_best = False
    named = {"callbacks": [("best", best)], "callbacks__best__load_best": True}
    one.set_params(net_params=named).fit(bags, trials.y)
    np.testing.assert_array_equal(proba, one.predict_proba(bags))


def test_predictions_of_a_network_with_another_loss_of_logits_are_probabilities(bags, trials):
    class FocalLoss(torch.nn.Module):
        def __init__(self, reduction):
            super().__init__()

        def forward(self, logits, target):
            loss = torch.nn.functional.cross_entropy(logits, target, reduction="none")
            return (1 - torch.exp(-loss)) ** 2 * loss

    clf = make_clf(net_params={"criterion": FocalLoss}).fit(bags, trials.y)
    proba = clf.predict_proba(bags)
    assert (proba > 0).all()
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("weight", [2.0**-170, 2.0**127, 2.0**1000])  # without rounding
def test_weights_beyond_the_range_of_float32_count_by_their_ratio(bags, trials, weight):
    ratios = np.where(trials.y, 2.0, 1.0)
    expected = make_clf().fit(bags, trials.y, sample_weight=ratios).predict_proba(bags)
    proba = make_clf().fit(bags, trials.y, sample_weight=weight * ratios).predict_proba(bags)
    np.testing.assert_array_equal(proba, expected)


def test_an_interrupt_leaves_the_estimator_unfitted(bags, trials, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    clf = make_clf()
    monkeypatch.setattr(MSiMamba, "forward", interrupt)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(bags, trials.y)
    assert not hasattr(clf, "classes_")


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (np.s_[:, :, :3], "windows of 3 channels x 64 samples, but .* on 4 channels x 64"),
        (np.s_[..., :60], "windows of 4 channels x 60 samples, but .* on 4 channels x 64"),
        (np.s_[0, 0], r"n_times\), got \(4, 64\): pass X\[None\] for a single"),
    ],
)
def test_windows_of_another_shape_are_an_error_in_predict(fitted, bags, cut, message):
    with pytest.raises(ValueError, match=message):
        fitted.predict(bags[cut])


def test_predict_before_fit_is_an_error(bags):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        MSiMambaClassifier().predict(bags)


@pytest.mark.parametrize(
    ("params", "is_fused"),
    [
        ({}, True),
        ({"optimizer": torch.optim.AdamW}, None),
        ({"net_params": {"optimizer__foreach": True}}, None),
    ],
)
def test_optimizers_named_by_a_string_update_all_weights_in_one_call(params, is_fused):
    X, y = np.random.default_rng(0).normal(size=(4, 2, 32)), [0, 1, 0, 1]
    clf = MSiMambaClassifier(max_epochs=1, **params).fit(X, y)
    assert clf.net_.optimizer_.defaults["fused"] is is_fused
