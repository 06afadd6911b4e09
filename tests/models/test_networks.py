"""Properties of all networks: sizes, gradients, determinism, independence of the batch."""

import pickle

import pytest
import torch

from skmamba import models

WIDTHS = {"d_model": 8, "d_hidden": 12, "n_layers": 2}
OPTIONS = {
    "DLinear": {"kernel_size": 5},
    "TimesNet": {**WIDTHS, "n_kernels": 2},
    "ITransformer": {**WIDTHS, "n_heads": 2},
    "NonstationaryTransformer": {**WIDTHS, "n_heads": 2, "d_factors": 6},
    "Informer": {**WIDTHS, "n_heads": 2, "factor": 2},
    "MSiMamba": {"d_model": 8, "d_hidden": 4, "n_kernels": 2},
    "MSiMambaEnsemble": {"d_model": 8, "d_hidden": 4, "n_kernels": 2, "n_members": 2},
}
BASELINES = [name for name in OPTIONS if not name.startswith("MSiMamba")]


def build(name, n_chans=4, n_outputs=3, n_times=64, seed=0, **options):
    torch.manual_seed(seed)
    return getattr(models, name)(n_chans, n_outputs, n_times, **{**OPTIONS[name], **options})


def test_every_network_is_tested_here():
    assert OPTIONS.keys() == set(models.__all__)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize(("n_chans", "n_times"), [(1, 64), (3, 65), (4, 31), (5, 2), (2, 1)])
def test_windows_of_any_size_are_classified(name, n_chans, n_times):
    logits = build(name, n_chans, 3, n_times)(torch.randn(5, n_chans, n_times))
    assert logits.shape == (5, 3)
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", BASELINES)
def test_every_parameter_has_a_gradient(name):
    net = build(name, **({} if name == "DLinear" else {"drop_prob": 0.0}))
    logits = net(torch.randn(8, 4, 64))
    torch.nn.functional.cross_entropy(logits, torch.arange(8) % 3).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(
    ("name", "n_calls"),
    [
        ("TimesNet", 2),
        ("ITransformer", 8),
        ("NonstationaryTransformer", 8),
        ("Informer", 8),
        ("MSiMamba", 3),
        ("MSiMambaEnsemble", 6),
    ],
)
def test_dropout_follows_the_embedding_and_each_part_of_a_layer_and_precedes_the_head(
    name, n_calls
):
    net, seen = build(name, drop_prob=0.5), []
    for part in net.modules():
        if isinstance(part, torch.nn.Dropout):
            assert part.p == 0.5
            part.register_forward_hook(lambda part, inputs, output: seen.append(output))
    net(torch.randn(32, 4, 64))
    assert len(seen) == n_calls
    for output in (seen[0], seen[-1]):
        assert (output == 0).float().mean() == pytest.approx(0.5, abs=0.1)


def test_dropout_applies_to_the_positional_encoding_too():
    tokens = build("TimesNet", drop_prob=0.5).embed(torch.randn(8, 4, 64))
    assert (tokens == 0).float().mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("name", OPTIONS)
def test_predictions_are_independent_of_batch_composition(name):
    net = build(name).double().eval()
    x = torch.randn(11, 4, 64, dtype=torch.float64) * torch.arange(1, 12)[:, None, None]
    together = net(x)
    for window, logits in zip(x, together, strict=True):
        torch.testing.assert_close(net(window[None])[0], logits)


@pytest.mark.parametrize("name", OPTIONS)
def test_predictions_are_deterministic_and_survive_pickling(name):
    net = build(name).eval()
    x = torch.randn(6, 4, 64)
    before = torch.get_rng_state()
    first = net(x)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(net(x), first)
    assert torch.equal(pickle.loads(pickle.dumps(net))(x), first)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_state_dict_determines_the_predictions(name):
    net, other = build(name).eval(), build(name, seed=1).eval()
    x = torch.randn(6, 4, 64)
    assert not torch.allclose(other(x), net(x))
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(x), net(x))


@pytest.mark.parametrize("name", OPTIONS)
def test_constant_windows_have_finite_gradients(name):
    net = build(name)
    net(torch.zeros(2, 4, 64)).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize(("size", "value"), [("n_outputs", 0), ("n_times", "64"), ("n_chans", 2.5)])
def test_sizes_must_be_positive_integers(name, size, value):
    sizes = {"n_chans": 4, "n_outputs": 2, "n_times": 64, size: value}
    with pytest.raises(
        ValueError, match=rf"{size} must be an integer of at least 1, got {value!r}"
    ):
        getattr(models, name)(**sizes)


@pytest.mark.parametrize("name", OPTIONS)
def test_windows_of_the_wrong_shape_raise(name):
    with pytest.raises(ValueError, match=r"must have shape \(batch, 4, 64\), got \(2, 64, 4\)"):
        build(name)(torch.zeros(2, 64, 4))


@pytest.mark.parametrize("name", ["ITransformer", "NonstationaryTransformer", "Informer"])
def test_n_heads_must_divide_d_model(name):
    with pytest.raises(ValueError, match="n_heads must divide d_model=8, got n_heads=3"):
        build(name, n_heads=3)


@pytest.mark.parametrize("name", BASELINES)
def test_nonlinear_networks_learn_a_frequency_of_random_phase(name):
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(96) % 2
    phase = 2 * torch.pi * torch.rand(96, 1, 1, generator=generator)
    times = torch.arange(64) / 64
    x = torch.sin(2 * torch.pi * (3 + 4 * y[:, None, None]) * times + phase).repeat(1, 2, 1)
    x = x + 0.3 * torch.randn(x.shape, generator=generator)
    net = build(name, 2, 2)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x[:64]), y[:64]).backward()
        optimizer.step()
    accuracy = (net.eval()(x[64:]).argmax(1) == y[64:]).double().mean()
    assert (accuracy > 0.8) == (name != "DLinear")
