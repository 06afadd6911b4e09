import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback, LRScheduler

from skmamba import MSiMambaClassifier, SlidingWindows
from skmamba.classifiers._net import WindowNet
from skmamba.datasets import simulate_trials
from skmamba.modules import MSiMamba

TINY = {"d_model": 8, "d_hidden": 4, "n_kernels": 2, "max_epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=4, n_trials=8, n_times=256)


@pytest.fixture(scope="module")
def bags(trials):
    return SlidingWindows(window_size_samples=64, stride_samples=32).fit_transform(trials.X)


@pytest.fixture(scope="module")
def fitted(bags, trials):
    return MSiMambaClassifier(**TINY).fit(bags, trials.y)


def same_vars(a, b):
    """Whether two estimators hold the very same things."""
    return a.keys() == b.keys() and all(a[key] is b[key] for key in a)


def test_one_answer_a_trial(fitted, bags):
    proba = fitted.predict_proba(bags)
    assert proba.shape == (32, 2)
    assert proba.dtype == np.float32
    assert proba.sum(1) == pytest.approx(np.ones(32))
    assert fitted.predict(bags).shape == (32,)


def test_a_trial_is_the_mean_of_its_windows(fitted, bags):
    windows = fitted.predict_proba(bags.reshape(-1, *bags.shape[2:]))
    assert fitted.predict_proba(bags) == pytest.approx(windows.reshape(32, 7, 2).mean(1), abs=1e-6)


def test_hard_voting_counts_windows(fitted, bags):
    hard = clone(fitted).set_params(voting="hard").fit(bags, fitted.predict(bags))
    shares = hard.predict_proba(bags) * 7
    assert shares == pytest.approx(shares.round(), abs=1e-5)


def test_a_planted_difference_is_found_in_new_subjects():
    trials = simulate_trials(n_subjects=8, n_trials=12, n_times=384, effect=1.5)
    bags = SlidingWindows(window_size_samples=128).fit_transform(trials.X)
    new = trials.metadata["subject"].to_numpy() >= 6
    clf = MSiMambaClassifier(max_epochs=25, random_state=0).fit(bags[~new], trials.y[~new])
    assert clf.score(bags[new], trials.y[new]) > 0.8


def test_a_prediction_does_not_depend_on_its_batch_mates():
    # four channels of 1/f noise and alpha in 512 points: shorter ones hide the fault
    trials = simulate_trials(n_subjects=2, n_trials=12, n_times=512)
    clf = MSiMambaClassifier(**{**TINY, "max_epochs": 2}).fit(trials.X, trials.y)
    together = clf.predict_proba(trials.X)
    alone = np.concatenate([clf.predict_proba(x[None]) for x in trials.X])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("random_state", [0, None])
def test_the_callers_random_state_is_untouched(bags, trials, random_state):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    clf = MSiMambaClassifier(**{**TINY, "random_state": random_state}).fit(bags, trials.y)
    clf.predict(bags)
    pickle.loads(pickle.dumps(clf))
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_equal(np.random.get_state(), numpy_state)


def test_one_random_state_gives_one_model_to_the_bit(fitted, bags, trials):
    torch.manual_seed(123)
    again = clone(fitted).fit(bags, trials.y)
    assert np.array_equal(again.predict_proba(bags), fitted.predict_proba(bags))
    other = clone(fitted).set_params(random_state=1).fit(bags, trials.y)
    assert not np.array_equal(other.predict_proba(bags), fitted.predict_proba(bags))


def test_no_random_state_gives_another_model_each_time(bags, trials):
    np.random.seed(0)
    one = MSiMambaClassifier(**{**TINY, "random_state": None}).fit(bags, trials.y)
    np.random.seed(0)
    two = clone(one).fit(bags, trials.y)
    assert not np.array_equal(one.predict_proba(bags), two.predict_proba(bags))


def test_labels_of_any_kind_keep_their_order(bags, trials):
    words = np.array(["task", "rest"])[trials.y]
    clf = MSiMambaClassifier(**TINY).fit(bags, words)
    assert clf.classes_.tolist() == ["rest", "task"]
    assert set(clf.predict(bags)) <= {"rest", "task"}
    numbers = MSiMambaClassifier(**TINY).fit(bags, -trials.y)
    assert numbers.classes_.tolist() == [-1, 0]


def test_flat_rows_are_folded_back_by_n_chans(trials):
    flat = trials.X.reshape(len(trials), -1)
    folded = MSiMambaClassifier(n_chans=4, **TINY).fit(flat, trials.y)
    plain = MSiMambaClassifier(**TINY).fit(trials.X, trials.y)
    assert np.array_equal(folded.predict_proba(flat), plain.predict_proba(trials.X))


def test_pickle_copy_and_clone_keep_what_they_should(fitted, bags):
    expected = fitted.predict_proba(bags)
    for copied in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert np.array_equal(copied.predict_proba(bags), expected)
        assert copied.history_ == fitted.history_
        assert copied.n_iter_ == 3
    assert not hasattr(clone(fitted), "classes_")


def test_a_pickle_knows_the_network_it_was_fitted_with(bags, trials):
    clf = MSiMambaClassifier(**TINY).fit(bags, trials.y)
    expected = clf.predict_proba(bags)
    clf.set_params(d_model=16)  # for the next fit
    assert np.array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(bags), expected)


def test_a_pickle_holds_weights_as_plain_arrays(fitted):
    saved = fitted.__getstate__()["_saved_net"]
    assert all(isinstance(value, np.ndarray) for value in saved["weights"].values())
    assert "net_" not in fitted.__getstate__()


def test_warm_start_goes_on_from_the_weights_there_are(bags, trials):
    clf = MSiMambaClassifier(warm_start=True, **TINY).fit(bags, trials.y)
    head = clf.net_.module_.members[0].head
    before = head.weight.detach().clone()
    clf.set_params(max_epochs=1, lr=1e-9, weight_decay=0.0).fit(bags, trials.y)
    assert clf.n_iter_ == 4
    assert clf.net_.lr == 1e-9
    again = clf.net_.module_.members[0].head
    assert again is not head
    torch.testing.assert_close(again.weight, before)
    assert [len(clf.history_), clf.history_[-1]["epoch"]] == [4, 4]


def test_warm_start_takes_changed_training_parameters(bags, trials, capsys):
    clf = MSiMambaClassifier(warm_start=True, **TINY).fit(bags, trials.y)
    clf.set_params(optimizer="sgd", verbose=2, early_stopping=True, patience=2, max_epochs=60)
    clf.set_params(lr=1e-12)  # the validation loss stands still, so patience ends it
    clf.fit(bags, trials.y)
    assert isinstance(clf.net_.optimizer_, torch.optim.SGD)
    assert "train_loss" in capsys.readouterr().out
    assert clf.n_iter_ < 3 + 60


def test_warm_start_goes_on_with_the_state_of_its_optimizer(bags, trials):
    params = {**TINY, "batch_size": 256}
    clf = MSiMambaClassifier(warm_start=True, **params).fit(bags, trials.y)
    clf.set_params(lr=1e-4).fit(bags, trials.y)
    states = clf.net_.optimizer_.state.values()
    assert {int(state["step"]) for state in states} == {6}  # two fits of three epochs, one batch
    assert {group["lr"] for group in clf.net_.optimizer_.param_groups} == {1e-4}


def test_warm_start_refuses_another_network(bags, trials):
    clf = MSiMambaClassifier(warm_start=True, **TINY).fit(bags, trials.y)
    with pytest.raises(ValueError, match="warm_start goes on with the same network"):
        clf.set_params(d_model=16).fit(bags, trials.y)


def test_partial_fit_trains_one_epoch_a_call(bags, trials):
    clf = MSiMambaClassifier(**TINY)
    first = trials.y == 0
    clf.partial_fit(bags[first], trials.y[first], classes=[0, 1])
    clf.partial_fit(bags, trials.y)
    assert clf.n_iter_ == 2
    assert clf.classes_.tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"classes \[2\], which are not among \[0, 1\]"):
        clf.partial_fit(bags, trials.y + 1)


class RememberOrder(Callback):
    """Keep the order in which windows come."""

    seen = []

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        type(self).seen.append(batch[0]["x"][:, 0, 0].tolist())


def test_every_call_of_partial_fit_goes_through_the_windows_in_another_order(bags, trials):
    RememberOrder.seen = []
    clf = MSiMambaClassifier(callbacks=[RememberOrder()], **{**TINY, "batch_size": 256})
    for _ in range(2):
        clf.partial_fit(bags, trials.y)
    first, second = RememberOrder.seen
    assert first != second
    assert sorted(first) == sorted(second)


def test_partial_fit_is_hidden_under_early_stopping():
    clf = MSiMambaClassifier(early_stopping=True)
    assert not hasattr(clf, "partial_fit")
    assert hasattr(MSiMambaClassifier(), "partial_fit")


class RememberTrials(Callback):
    """Keep what training and validation sets hold."""

    seen = []

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        type(self).seen.append((set(dataset_train.trials), set(dataset_valid.trials)))


@pytest.mark.parametrize("form", ["metadata", "ids"])
def test_early_stopping_holds_out_whole_groups(bags, trials, form):
    subjects = trials.metadata["subject"].to_numpy()
    groups = trials.metadata if form == "metadata" else subjects
    RememberTrials.seen = []
    clf = MSiMambaClassifier(
        early_stopping=True, validation_fraction=0.25, callbacks=[RememberTrials()], **TINY
    )
    clf.fit(bags, trials.y, groups=groups)
    train, valid = RememberTrials.seen[0]
    assert set(subjects[list(train)]) & set(subjects[list(valid)]) == set()
    assert len(set(subjects[list(valid)])) == 1
    assert train | valid == set(range(32))


def test_early_stopping_stops_and_keeps_the_best_epoch(bags, trials):
    noise = np.random.default_rng(0).permutation(trials.y)
    clf = MSiMambaClassifier(**{**TINY, "max_epochs": 60}, early_stopping=True, patience=3, lr=1e-2)
    clf.fit(bags, noise)
    losses = [epoch["valid_loss"] for epoch in clf.history_]
    assert clf.n_iter_ < 60
    assert int(np.argmin(losses)) == clf.n_iter_ - 1 - 3
    assert clf.net_.train_split is None


def test_weight_zero_leaves_a_trial_out(bags, trials):
    weight = np.r_[np.ones(20), np.zeros(12)]
    weighted = MSiMambaClassifier(**TINY).fit(bags, trials.y, sample_weight=weight)
    left_out = MSiMambaClassifier(**TINY).fit(bags[:20], trials.y[:20])
    assert np.array_equal(weighted.predict_proba(bags), left_out.predict_proba(bags))


def test_balanced_class_weight_lifts_the_rare_class(bags, trials):
    rare = np.flatnonzero((trials.y == 0) | (np.arange(32) % 4 == 0))
    plain = MSiMambaClassifier(**TINY).fit(bags[rare], trials.y[rare])
    balanced = clone(plain).set_params(class_weight="balanced").fit(bags[rare], trials.y[rare])
    lift = balanced.predict_proba(bags)[:, 1] - plain.predict_proba(bags)[:, 1]
    assert lift.mean() > 0.05


def test_a_class_of_weight_zero_is_never_learned(bags, trials):
    clf = MSiMambaClassifier(class_weight={0: 0.0, 1: 1.0}, **{**TINY, "batch_size": 4})
    assert set(clf.fit(bags, trials.y).predict(bags)) == {1}


def test_fixed_periods_are_those_of_the_training_windows(bags, trials):
    clf = MSiMambaClassifier(top_k=2, module_params={"period_selection": "fixed"}, **TINY).fit(
        bags, trials.y
    )
    scaled = (bags - clf.center_[:, None]) / clf.scale_[:, None]
    amplitude = np.abs(np.fft.rfft(scaled.clip(-8, 8))).mean((0, 1, 2))[1:]
    expected = np.argsort(amplitude)[::-1][:2] + 1
    for member in clf.net_.module_.members:
        assert member.mstb.frequencies.tolist() == expected.tolist()
    again = pickle.loads(pickle.dumps(clf))
    assert np.array_equal(again.predict_proba(bags), clf.predict_proba(bags))


def test_members_answer_by_their_mean_probability(bags, trials):
    clf = MSiMambaClassifier(n_members=3, **TINY).fit(bags, trials.y)
    network = clf.net_.module_.eval()
    windows = torch.from_numpy(((bags[0] - clf.center_[:, None]) / clf.scale_[:, None]).clip(-8, 8))
    with torch.no_grad():
        of_members = [
            member(windows.float()).double().softmax(-1).mean(0) for member in network.members
        ]
    assert not torch.allclose(of_members[0], of_members[1], atol=1e-4)
    expected = sum(of_members) / 3
    np.testing.assert_allclose(clf.predict_proba(bags[:1])[0], expected, atol=1e-6)


def test_one_member_is_the_bare_network(bags, trials):
    clf = MSiMambaClassifier(n_members=1, **TINY).fit(bags, trials.y)
    assert type(clf.net_.module_) is MSiMamba


def test_skorch_stays_within_reach(bags, trials):
    clf = MSiMambaClassifier(
        callbacks=[("schedule", LRScheduler("StepLR", step_size=1, gamma=0.5))],
        net_params={"optimizer__betas": (0.5, 0.9)},
        lr=1e-3,
        **TINY,
    ).fit(bags, trials.y)
    group = clf.net_.optimizer_.param_groups[0]
    assert group["betas"] == (0.5, 0.9)
    assert group["lr"] == pytest.approx(1e-3 * 0.5**3)
    assert len(clf.net_.history) == 3


def test_verbose_shows_a_bar_or_lines(bags, trials, capsys):
    clf = MSiMambaClassifier(verbose=1, **TINY).fit(bags, trials.y)
    captured = capsys.readouterr()
    assert "0/3" in captured.err
    assert "train_loss" in captured.err
    clf.partial_fit(bags, trials.y)
    assert "0/1" in capsys.readouterr().err
    MSiMambaClassifier(verbose=2, **TINY).fit(bags, trials.y)
    assert "train_loss" in capsys.readouterr().out
    MSiMambaClassifier(**TINY).fit(bags, trials.y)
    assert "".join(capsys.readouterr()) == ""


def test_backend_is_told(fitted):
    assert fitted.backend_ == "torch"


def nan_in(X):
    X = X.copy()
    X[3, 1, 2, 5] = np.nan
    return X


@pytest.mark.parametrize(
    ("change", "params", "message"),
    [
        (lambda X, y: (nan_in(X), y), {}, "Input X contains NaN"),
        (lambda X, y: (X, np.zeros(32)), {}, r"trials of at least 2 classes, got 1 class: 0\.0\.$"),
        (lambda X, y: (X[:-1], y), {}, "inconsistent numbers of samples"),
        (lambda X, y: (X[None], y), {}, "got 5"),
        (lambda X, y: (X, None), {}, "requires y to be passed, but the target y is None"),
        (lambda X, y: (X, y + 0.5), {}, "Unknown label type: continuous"),
        (lambda X, y: (X, y), {"backend": "mamba_ssm", "device": "cpu"}, "needs a CUDA device"),
        (lambda X, y: (X, y), {"lr": 0.0}, "lr must be a positive number, got 0.0"),
        (lambda X, y: (X, y), {"max_epochs": 0}, "max_epochs must be a whole number of at least 1"),
        (lambda X, y: (X, y), {"n_members": 0}, "n_members must be a whole number of at least 1"),
        (lambda X, y: (X, y), {"batch_size": 2.5}, "batch_size must be a whole number"),
        (lambda X, y: (X, y), {"optimizer": "adan"}, "optimizer must be one of adam, adamw, sgd"),
        (lambda X, y: (X, y), {"scaling": "minmax"}, "scaling must be one of robust, standard"),
        (lambda X, y: (X, y), {"voting": "max"}, "voting must be one of soft, hard, got 'max'"),
        (lambda X, y: (X, y), {"dtype": "float16"}, "dtype must be float32 or float64"),
        (lambda X, y: (X, y), {"validation_fraction": 1.0}, "validation_fraction must lie between"),
        (lambda X, y: (X, y), {"mixer": "lstm"}, "mixer must be one of mamba, attention, none"),
        (lambda X, y: (X, y), {"lr": 1e30, "optimizer": "sgd"}, "train_loss is .* in epoch"),
    ],
)
@pytest.mark.parametrize("fitted_before", [False, True])
def test_bad_input_is_told_and_leaves_the_estimator_as_it_was(
    bags, trials, fitted_before, change, params, message
):
    clf = MSiMambaClassifier(**{**TINY, "max_epochs": 2})
    if fitted_before:
        clf.fit(bags, trials.y)
        expected = clf.predict_proba(bags)
    clf.set_params(**params)
    before = vars(clf).copy()
    errors = (ValueError, RuntimeError)
    with pytest.raises(errors, match=message):
        clf.fit(*change(bags, trials.y))
    assert same_vars(vars(clf), before)
    if fitted_before and "voting" not in params:
        assert np.array_equal(clf.predict_proba(bags), expected)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_told(bags, trials):
    with pytest.raises(ValueError, match="device='cuda', but torch finds no CUDA device"):
        MSiMambaClassifier(device="cuda", **TINY).fit(bags, trials.y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_pickle_from_a_gpu_loads_on_a_cpu(fitted, bags):
    state = fitted.__getstate__() | {"device": "cuda"}
    loaded = MSiMambaClassifier()
    with pytest.warns(UserWarning, match="Loaded on the CPU: device='cuda'"):
        loaded.__setstate__(state)
    assert np.array_equal(loaded.predict_proba(bags), fitted.predict_proba(bags))


def test_a_diverging_warm_start_keeps_the_good_weights(bags, trials):
    clf = MSiMambaClassifier(warm_start=True, **TINY).fit(bags, trials.y)
    expected = clf.predict_proba(bags)
    with pytest.raises(ValueError, match=r"train_loss is .* in epoch"):
        clf.set_params(optimizer="sgd", lr=1e30).fit(bags, trials.y)
    assert np.array_equal(clf.predict_proba(bags), expected)
    assert clf.n_iter_ == len(clf.net_.history) == 3


def test_an_interrupt_is_no_fitted_model(bags, trials, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    clf = MSiMambaClassifier(**TINY)
    monkeypatch.setattr(WindowNet, "get_loss", interrupt)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(bags, trials.y)
    assert not hasattr(clf, "classes_")


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (np.s_[:, :, :3], "windows of 3 channels x 64 time points, but .* on 4 channels x 64"),
        (np.s_[..., :60], "windows of 4 channels x 60 time points, but .* on 4 channels x 64"),
    ],
)
def test_other_windows_at_predict_are_told(fitted, bags, cut, message):
    with pytest.raises(ValueError, match=message):
        fitted.predict(bags[cut])


def test_predict_before_fit_is_told(bags):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        MSiMambaClassifier().predict(bags)
