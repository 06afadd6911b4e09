"""What holds for every rival: sizes, gradients, and answers of one window at a time."""

import pickle

import pytest
import torch

from skmamba.models import DLinear, Informer, ITransformer, NonstationaryTransformer, TimesNet

WIDTHS = {"d_model": 8, "d_hidden": 12, "n_layers": 2}
RIVALS = {
    DLinear: {"kernel_size": 5},
    TimesNet: {**WIDTHS, "n_kernels": 2},
    ITransformer: {**WIDTHS, "n_heads": 2},
    NonstationaryTransformer: {**WIDTHS, "n_heads": 2, "d_factors": 6},
    Informer: {**WIDTHS, "n_heads": 2, "factor": 2},
}
every_rival = pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.__name__)


def build(rival, n_chans, n_outputs, n_times, **options):
    torch.manual_seed(0)
    return rival(n_chans, n_outputs, n_times, **{**RIVALS[rival], **options})


def test_every_rival_of_the_room_is_tested_here():
    assert {rival.__name__ for rival in RIVALS} == set(models.__all__)


@every_rival
@pytest.mark.parametrize(("n_chans", "n_times"), [(1, 64), (3, 65), (4, 31), (5, 2), (2, 1)])
def test_any_size_of_window_gives_logits(rival, n_chans, n_times):
    net = build(rival, n_chans, 3, n_times)
    logits = net(torch.randn(5, n_chans, n_times))
    assert logits.shape == (5, 3)
    assert logits.isfinite().all()


@every_rival
def test_every_weight_gets_a_gradient(rival):
    options = {} if rival is DLinear else {"drop_prob": 0.0}
    net = build(rival, 4, 3, 64, **options)
    logits = net(torch.randn(8, 4, 64))
    torch.nn.functional.cross_entropy(logits, torch.arange(8) % 3).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@every_rival
def test_an_answer_does_not_depend_on_the_other_windows_of_its_batch(rival):
    net = build(rival, 4, 3, 64).double().eval()
    x = torch.randn(11, 4, 64, dtype=torch.float64) * torch.arange(1, 12)[:, None, None]
    together = net(x)
    for window, logits in zip(x, together, strict=True):
        torch.testing.assert_close(net(window[None])[0], logits)


@every_rival
def test_a_network_that_is_not_training_repeats_itself(rival):
    net = build(rival, 4, 3, 64).eval()
    x = torch.randn(6, 4, 64)
    before = torch.get_rng_state()
    first = net(x)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(net(x), first)
    assert torch.equal(pickle.loads(pickle.dumps(net))(x), first)


@every_rival
def test_weights_carry_over_to_a_network_built_with_another_seed(rival):
    net = build(rival, 4, 3, 64).eval()
    torch.manual_seed(1)
    other = rival(4, 3, 64, **RIVALS[rival]).eval()
    x = torch.randn(6, 4, 64)
    assert not torch.allclose(other(x), net(x))
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(x), net(x))


@every_rival
def test_a_silent_window_gets_a_finite_answer_and_gradient(rival):
    net = build(rival, 4, 3, 64)
    net(torch.zeros(2, 4, 64)).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


@every_rival
def test_a_window_of_another_size_is_refused(rival):
    with pytest.raises(ValueError, match=r"must have shape \(batch, 4, 64\), got \(2, 64, 4\)"):
        build(rival, 4, 3, 64)(torch.zeros(2, 64, 4))


@pytest.mark.parametrize("rival", [ITransformer, NonstationaryTransformer, Informer])
def test_heads_that_do_not_divide_the_width_are_refused(rival):
    with pytest.raises(ValueError, match="n_heads must divide d_model=8, got n_heads=3"):
        build(rival, 4, 3, 64, n_heads=3)


@every_rival
def test_a_rhythm_is_told_from_another_by_a_network_that_bends(rival):
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(96) % 2
    phase = 2 * torch.pi * torch.rand(96, 1, 1, generator=generator)
    times = torch.arange(64) / 64
    x = torch.sin(2 * torch.pi * (3 + 4 * y[:, None, None]) * times + phase).repeat(1, 2, 1)
    x = x + 0.3 * torch.randn(x.shape, generator=generator)
    net = build(rival, 2, 2, 64)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x[:64]), y[:64]).backward()
        optimizer.step()
    accuracy = (net.eval()(x[64:]).argmax(1) == y[64:]).double().mean()
    assert (accuracy > 0.8) == (rival is not DLinear)  # a phase is random: no linear map knows
