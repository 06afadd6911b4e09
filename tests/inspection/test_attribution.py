import sys

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline

from skmamba import BraindecodeClassifier, MSiMambaClassifier, SlidingWindows
from skmamba.inspection import input_attribution
from skmamba.preprocessing import SubjectWhitening

pytest.importorskip("captum")


class Linear(torch.nn.Module):
    """A linear network, whose attributions are weight times input."""

    def __init__(self, n_chans, n_outputs, n_times):
        super().__init__()
        self.linear = torch.nn.Linear(n_chans * n_times, n_outputs)

    def forward(self, x):
        return self.linear(x.flatten(1))


@pytest.fixture(scope="module")
def network(effect_in_f3):
    clf = MSiMambaClassifier(d_model=8, d_hidden=4, max_epochs=12, lr=5e-3, random_state=0)
    train = effect_in_f3.select("subject < 3")
    return make_pipeline(SlidingWindows(window_size_samples=128), clf).fit(train.X, train.y)


@pytest.fixture(scope="module")
def linear(effect_in_f3):
    clf = BraindecodeClassifier(Linear, max_epochs=2, scaling="standard", random_state=0)
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), clf)
    return pipe.fit(effect_in_f3.X, effect_in_f3.y)


def scale_windows(trials, clf):
    """Windows of 128 samples as the network receives them, (n_trials, 2, n_chans, 128)."""
    windows = trials.X.reshape(len(trials), -1, 2, 128).transpose(0, 2, 1, 3)
    return (windows - clf.center_[:, None]) / clf.scale_[:, None]


def get_weight(pipe, label):
    return pipe[-1].net_.module_.linear.weight.detach().numpy()[label].reshape(4, 128)


def attribute(*args, **options):
    return input_attribution(*args, **options).attributions


def test_channel_of_the_effect_contributes_most_to_every_class(effect_in_f3, network):
    test = effect_in_f3.select(subject=3)
    table = input_attribution(network, test, n_references=2, n_steps=16, random_state=0).table
    by_class = table.pivot(index="label", columns="channel", values="contribution")
    assert by_class.idxmax(axis=1).tolist() == ["F3", "F3"]


@pytest.mark.parametrize("method", ["integrated_gradients", "input_x_gradient"])
def test_linear_network_has_attributions_of_weight_times_input(effect_in_f3, linear, method):
    some = effect_in_f3.select(np.arange(6))
    result = input_attribution(linear, some, target=1, method=method, baseline="zero")
    expected = get_weight(linear, 1) * scale_windows(some, linear[-1])
    np.testing.assert_allclose(result.attributions, expected, atol=1e-5)
    of_class = expected[some.y == 1]
    row = result.table.query("label == 1 and channel == 'F3'").iloc[0]
    assert row["contribution"] == pytest.approx(of_class[:, :, 2].sum(-1).mean(), abs=1e-4)
    sizes = np.abs(of_class).mean((0, 1, 3))
    assert row["size"] == pytest.approx(sizes[2], rel=1e-4)
    assert row["share"] == pytest.approx(sizes[2] / sizes.sum(), rel=1e-4)
    assert row["n_windows"] == 2 * (some.y == 1).sum()
    np.testing.assert_allclose(result.table.groupby("label")["share"].sum(), 1)


def test_saliency_is_the_absolute_gradient(effect_in_f3, linear):
    values = attribute(linear, effect_in_f3.select([0, 1]), target=0, method="saliency")
    expected = np.broadcast_to(abs(get_weight(linear, 0)), (2, 2, 4, 128))
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_baselines_are_windows_of_other_trials(effect_in_f3, linear):
    pair = effect_in_f3.select([0, 1])
    values = attribute(linear, pair, target=1, n_references=1, random_state=0)
    weight, x = get_weight(linear, 1), scale_windows(pair, linear[-1])
    for trial in (0, 1):
        for window in (0, 1):
            possible = [weight * (x[trial, window] - x[1 - trial, other]) for other in (0, 1)]
            errors = [np.abs(values[trial, window] - value).max() for value in possible]
            assert min(errors) < 1e-4


def test_attributions_are_the_mean_over_references_from_all_windows(effect_in_f3, linear):
    pair = effect_in_f3.select([0, 1])
    options = {"n_references": 100, "n_steps": 1, "random_state": 0}  # exact if linear
    values = attribute(linear, pair, target=1, **options)
    weight, x = get_weight(linear, 1), scale_windows(pair, linear[-1])
    expected = weight * (x - x[::-1].mean(1, keepdims=True))
    tolerance = 0.2 * np.abs(weight * (x[::-1, :1] - x[::-1, 1:])) + 1e-4
    assert (np.abs(values - expected) < tolerance).all()


def test_integrated_gradients_sum_to_the_difference_of_logits(effect_in_f3):
    clf = MSiMambaClassifier(
        d_model=8,
        d_hidden=4,
        max_epochs=2,
        embedding="inverted",
        random_state=0,
        module_params={"use_mstb": False},
    ).fit(effect_in_f3.X, effect_in_f3.y)
    some = effect_in_f3.select(np.arange(8))
    values = attribute(clf, some, target=1, baseline="zero", n_steps=64)
    x = np.clip((some.X - clf.center_[:, None]) / clf.scale_[:, None], -8, 8)
    with torch.no_grad():
        x = torch.tensor(x, dtype=torch.float32)
        difference = (clf.net_.module_(x) - clf.net_.module_(0 * x))[:, 1].numpy()
    assert values.shape == (8, 1, 4, 256)
    np.testing.assert_allclose(values.sum((1, 2, 3)), difference, rtol=0.02, atol=1e-3)
    coarse = attribute(clf, some, target=1, baseline="zero", n_steps=1)
    assert np.abs(coarse.sum((1, 2, 3)) - difference).max() > 0.01


def test_attributions_are_independent_of_the_batch(effect_in_f3, linear):
    last = effect_in_f3.select(np.arange(48, 56))
    many = attribute(linear, effect_in_f3.select([*range(56)] * 2), method="input_x_gradient")
    few = attribute(linear, last, method="input_x_gradient")
    np.testing.assert_allclose(many[-8:], few, atol=1e-6)


def test_default_target_is_the_predicted_class(effect_in_f3, network):
    some, options = effect_in_f3.select(np.arange(6)), {"method": "input_x_gradient"}
    values = attribute(network, some, **options)
    predicted = network.predict(some.X)
    assert len(set(predicted)) == 2
    for label in (0, 1):
        of_label = attribute(network, some, target=label, **options)
        is_label = predicted == label
        np.testing.assert_allclose(values[is_label], of_label[is_label], atol=1e-6)
        assert not np.allclose(values[~is_label], of_label[~is_label])


def test_predicted_classes_replace_missing_labels(effect_in_f3, network):
    some, options = effect_in_f3.select(np.arange(6)), {"method": "saliency"}
    given = input_attribution(network, some, network.predict(some.X), **options).table
    missing = input_attribution(network, some.X, ch_names=some.ch_names, **options).table
    assert given.equals(missing)


def test_random_state_determines_the_result(effect_in_f3, network):
    some, options = effect_in_f3.select(np.arange(4)), {"n_steps": 2}
    first = attribute(network, some, random_state=1, **options)
    assert np.array_equal(attribute(network, some, random_state=1, **options), first)
    assert not np.array_equal(attribute(network, some, random_state=2, **options), first)


@pytest.mark.parametrize("baseline", ["trials", "zero"])
def test_network_gradients_and_random_states_are_unchanged(effect_in_f3, network, baseline):
    module = network[-1].net_.module_
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    state = {key: value.clone() for key, value in module.state_dict().items()}
    torch_state, numpy_state = torch.get_rng_state(), str(np.random.get_state())
    input_attribution(network, effect_in_f3.select(np.arange(4)), baseline=baseline, n_steps=2)
    assert all((parameter.grad == 1).all() for parameter in module.parameters())
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert all(torch.equal(state[key], value) for key, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert str(np.random.get_state()) == numpy_state
    assert not module._forward_pre_hooks
    assert not module.training
    for parameter in module.parameters():
        parameter.grad = None


def test_classifiers_that_use_other_windows_of_the_subject_are_errors(effect_in_f3):
    clf = MSiMambaClassifier(d_model=8, adaptation="causal", max_epochs=1)
    clf.fit(effect_in_f3, effect_in_f3.y)
    with pytest.raises(ValueError, match=r"must have adaptation=None, .* got adaptation='causal'"):
        input_attribution(clf, effect_in_f3)


def test_whitened_trials_with_a_reference_are_attributed(with_reference):
    clf = MSiMambaClassifier(d_model=8, max_epochs=1, random_state=0)
    pipe = make_pipeline(SubjectWhitening(), clf).fit(with_reference, with_reference.y)
    found = input_attribution(pipe, with_reference, method="saliency").attributions
    expected = input_attribution(clf, pipe[0].transform(with_reference), method="saliency")
    np.testing.assert_array_equal(found, expected.attributions)


@pytest.mark.parametrize("target", [7, [0, 1]])
def test_another_target_than_one_class_is_an_error(effect_in_f3, network, target):
    with pytest.raises(ValueError, match=r"target must be one of \[0, 1\], got"):
        input_attribution(network, effect_in_f3, target=target)


def test_missing_captum_is_an_error_with_the_extra_to_install(effect_in_f3, network, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    with pytest.raises(ImportError, match=r"pip install 'skmamba\[captum\]'"):
        input_attribution(network, effect_in_f3)
