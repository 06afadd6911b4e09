import builtins
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import (
    BraindecodeClassifier,
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    WindowVotingClassifier,
    load_eegmat,
)
from skmamba.datasets import simulate_trials
from skmamba.inspection import input_attribution

pytest.importorskip("captum")


class Weighted(torch.nn.Module):
    """A linear network, whose attributions are known: weight times input."""

    def __init__(self, n_chans, n_outputs, n_times):
        super().__init__()
        self.linear = torch.nn.Linear(n_chans * n_times, n_outputs)

    def forward(self, x):
        return self.linear(x.flatten(1))


@pytest.fixture(scope="module")
def planted():
    silent = simulate_trials(n_subjects=4, n_trials=18, n_times=256, effect=0)
    loud = simulate_trials(n_subjects=4, n_trials=18, n_times=256, effect=2)
    X = silent.X.copy()
    X[:, 2] = loud.X[:, 2]
    return replace(loud, X=X)


@pytest.fixture(scope="module")
def network(planted):
    clf = MSiMambaClassifier(d_model=8, d_hidden=4, max_epochs=12, lr=5e-3, random_state=0)
    train = planted.select("subject < 3")
    return make_pipeline(SlidingWindows(window_size_samples=128), clf).fit(train.X, train.y)


@pytest.fixture(scope="module")
def linear(planted):
    clf = BraindecodeClassifier(Weighted, max_epochs=2, scaling="standard", random_state=0)
    return make_pipeline(SlidingWindows(window_size_samples=128), clf).fit(planted.X, planted.y)


def scaled_windows(trials, clf):
    """Windows of 128 points as the network gets them, (n_trials, 2, n_chans, 128)."""
    windows = trials.X.reshape(len(trials), -1, 2, 128).transpose(0, 2, 1, 3)
    return (windows - clf.center_[:, None]) / clf.scale_[:, None]


def test_the_planted_channel_contributes_most_in_every_class(planted, network):
    test = planted.select(subject=3)
    attribution = input_attribution(network, test, n_references=2, n_steps=16, random_state=0)
    table = attribution.pivot(index="label", columns="channel", values="contribution")
    assert table.idxmax(axis=1).tolist() == ["F3", "F3"]


@pytest.mark.parametrize("method", ["integrated_gradients", "input_x_gradient"])
def test_a_linear_network_gets_weight_times_input(planted, linear, method):
    some = planted.select(np.arange(6))
    attribution, array = input_attribution(
        linear, some, target=1, method=method, baseline="zero", return_array=True
    )
    clf = linear[-1]
    weight = clf.net_.module_.linear.weight.detach().numpy()[1].reshape(4, 128)
    expected = weight * scaled_windows(some, clf)
    np.testing.assert_allclose(array, expected, atol=1e-5)
    of_class = expected[some.y == 1]
    row = attribution.query("label == 1 and channel == 'F3'").iloc[0]
    assert row["contribution"] == pytest.approx(of_class[:, :, 2].sum(-1).mean(), abs=1e-4)
    sizes = np.abs(of_class).mean((0, 1, 3))
    assert row["size"] == pytest.approx(sizes[2], rel=1e-4)
    assert row["share"] == pytest.approx(sizes[2] / sizes.sum(), rel=1e-4)
    assert row["n_windows"] == 2 * (some.y == 1).sum()


def test_saliency_is_the_size_of_the_gradient(planted, linear):
    array = input_attribution(
        linear, planted.select([0, 1]), target=0, method="saliency", return_array=True
    )[1]
    weight = linear[-1].net_.module_.linear.weight.detach().numpy()[0].reshape(4, 128)
    np.testing.assert_allclose(array, np.broadcast_to(abs(weight), array.shape), rtol=1e-5)


def test_references_are_windows_of_other_trials(planted, linear):
    pair = planted.select([0, 1])
    array = input_attribution(
        linear, pair, target=1, n_references=1, random_state=0, return_array=True
    )[1]
    clf = linear[-1]
    weight = clf.net_.module_.linear.weight.detach().numpy()[1].reshape(4, 128)
    x = scaled_windows(pair, clf)
    for trial in (0, 1):
        for window in (0, 1):
            possible = [weight * (x[trial, window] - x[1 - trial, other]) for other in (0, 1)]
            errors = [np.abs(array[trial, window] - value).max() for value in possible]
            assert min(errors) < 1e-4


def test_attributions_add_up_to_the_difference_of_logits(planted):
    clf = MSiMambaClassifier(
        d_model=8,
        d_hidden=4,
        max_epochs=2,
        embedding="inverted",
        random_state=0,
        module_params={"use_mstb": False},
    ).fit(planted.X, planted.y)
    some = planted.select(np.arange(8))
    array = input_attribution(clf, some, target=1, baseline="zero", n_steps=64, return_array=True)[
        1
    ]
    x = np.clip((some.X - clf.center_[:, None]) / clf.scale_[:, None], -8, 8)
    with torch.no_grad():
        x = torch.tensor(x, dtype=torch.float32)
        difference = (clf.net_.module_(x) - clf.net_.module_(0 * x))[:, 1].numpy()
    assert array.shape == (8, 1, 4, 256)
    np.testing.assert_allclose(array.sum((1, 2, 3)), difference, rtol=0.02, atol=1e-3)


def test_the_array_has_the_shape_of_the_windows_and_shares_add_up(planted, network):
    some = planted.select(np.arange(5))
    attribution, array = input_attribution(
        network, some, n_steps=2, random_state=0, return_array=True
    )
    assert array.shape == (5, 2, 4, 128)
    np.testing.assert_allclose(attribution.groupby("label")["share"].sum(), 1)


def test_windows_beyond_one_batch_are_attributed_too(planted, linear):
    options = {"method": "input_x_gradient", "return_array": True}  # of the class predicted
    last = planted.select(np.arange(64, 72))
    assert len(set(linear.predict(last.X))) == 2
    array = input_attribution(linear, planted, **options)[1]
    np.testing.assert_allclose(array[64:], input_attribution(linear, last, **options)[1], atol=1e-6)


def test_the_predicted_class_is_the_default_target(planted, network):
    some = planted.select(np.arange(6))
    options = {"method": "input_x_gradient", "return_array": True}
    array = input_attribution(network, some, **options)[1]
    predicted = network.predict(some.X)
    assert len(set(predicted)) == 2
    for label in (0, 1):
        asked = input_attribution(network, some, target=label, **options)[1]
        np.testing.assert_allclose(array[predicted == label], asked[predicted == label], atol=1e-6)
        assert not np.allclose(array[predicted != label], asked[predicted != label])


def test_predicted_classes_stand_in_for_labels(planted, network):
    some = planted.select(np.arange(6))
    options = {"method": "saliency"}
    told = input_attribution(network, some, network.predict(some.X), **options)
    untold = input_attribution(network, some.X, ch_names=some.ch_names, **options)
    assert told.equals(untold)


def test_the_same_seed_draws_the_same_references(planted, network):
    some, options = planted.select(np.arange(4)), {"n_steps": 2}
    first = input_attribution(network, some, random_state=1, **options)
    assert input_attribution(network, some, random_state=1, **options).equals(first)
    assert not input_attribution(network, some, random_state=2, **options).equals(first)


@pytest.mark.parametrize("baseline", ["trials", "zero"])
def test_network_gradients_and_random_states_are_left_alone(planted, network, baseline):
    module = network[-1].net_.module_
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    state = {key: value.clone() for key, value in module.state_dict().items()}
    torch_state, numpy_state = torch.get_rng_state(), str(np.random.get_state())
    before = network.predict_proba(planted.X[:4])
    input_attribution(network, planted.select(np.arange(4)), baseline=baseline, n_steps=2)
    assert all((parameter.grad == 1).all() for parameter in module.parameters())
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert all(torch.equal(state[key], value) for key, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert str(np.random.get_state()) == numpy_state
    assert not module._forward_pre_hooks
    assert not module.training
    np.testing.assert_array_equal(network.predict_proba(planted.X[:4]), before)
    for parameter in module.parameters():
        parameter.grad = None


def test_names_follow_the_picked_channels(planted):
    clf = MSiMambaClassifier(d_model=4, d_hidden=2, max_epochs=1, random_state=0)
    pipe = make_pipeline(ChannelPicker(["F4", "Fp2"], ch_names=planted.ch_names), clf)
    pipe.fit(planted.X, planted.y)
    attribution = input_attribution(pipe, planted.select([0, 1]), method="saliency")
    assert attribution["channel"].unique().tolist() == ["F4", "Fp2"]


def test_points_given_several_times_add_up_to_one():
    from skmamba.inspection._attribution import _add_repeats

    flat = np.arange(10.0).reshape(1, 2, 5)
    assert _add_repeats(flat, 3).tolist() == [[[0 + 3, 1 + 4, 2], [5 + 8, 6 + 9, 7]]]
    assert np.array_equal(_add_repeats(flat, 5), flat)


def test_what_does_not_fit_is_told(planted, network):
    log_power = FunctionTransformer(lambda X: np.log(X.var(-1)))
    voting = WindowVotingClassifier(make_pipeline(log_power, LogisticRegression()))
    with pytest.raises(TypeError, match="WindowVotingClassifier is no network"):
        input_attribution(voting.fit(planted.X, planted.y), planted)
    with pytest.raises(ValueError, match=r"target must be one of \[0, 1\], got 2"):
        input_attribution(network, planted, target=2)
    with pytest.raises(ValueError, match=r"method must be one of .*, got 'shap'"):
        input_attribution(network, planted, method="shap")
    with pytest.raises(ValueError, match="baseline must be one of 'trials', 'zero', got 'mean'"):
        input_attribution(network, planted, baseline="mean")
    with pytest.raises(ValueError, match="n_steps must be a whole number"):
        input_attribution(network, planted, n_steps=0)
    with pytest.raises(ValueError, match="compares each trial with others, but X has 1"):
        input_attribution(network, planted.select([0]))


def test_without_captum_it_is_told_how_to_get_it(planted, network, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.split(".")[0] == "captum":
            raise ImportError("No module named 'captum'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"pip install 'skmamba\[captum\]'"):
        input_attribution(network, planted)


def test_it_runs_on_real_recordings():
    trials = load_eegmat().select(subject=[0, 1])
    picker = ChannelPicker("frontal4", ch_names=trials.ch_names)
    clf = MSiMambaClassifier(d_model=4, d_hidden=2, max_epochs=1, random_state=0)
    pipe = make_pipeline(
        picker, SlidingWindows(window_size_samples=256, stride_samples=1024), clf
    ).fit(trials.X, trials.y)
    attribution = input_attribution(pipe, trials, n_steps=4, n_references=1, random_state=0)
    assert attribution.notna().all(axis=None)
