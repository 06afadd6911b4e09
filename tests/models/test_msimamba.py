import math

import numpy as np
import pytest
import torch
from scipy.linalg import fractional_matrix_power

from skmamba.models import MSiMamba, MSiMambaEnsemble

SMALL = {"d_model": 8, "d_hidden": 4, "n_kernels": 2, "d_state": 4}
TINY = {"d_model": 4, "d_hidden": 2, "n_kernels": 1, "drop_prob": 0.0}
ABLATIONS = {
    "default": {},
    "no MSTB": {"use_mstb": False},
    "temporal embedding": {"embedding": "temporal"},
    "inverted embedding": {"embedding": "inverted"},
    "attention": {"mixer": "attention"},
    "no mixer": {"mixer": "none"},
    "one direction": {"bidirectional": False},
    "mean head": {"head": "mean"},
    "two layers": {"n_layers": 2},
    "wide Mamba": {"expand": 2, "d_conv": 4},
    "spatial whitening": {"spatial_whitening": True},
}


def make_ensemble(n_members=3):
    torch.manual_seed(0)
    return MSiMambaEnsemble(2, 3, 16, n_members=n_members, **TINY).double()


def make_windows():
    return torch.randn(4, 2, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("options", ABLATIONS.values(), ids=ABLATIONS)
def test_every_parameter_has_a_gradient(options):
    torch.manual_seed(0)
    net = MSiMamba(4, 3, 64, **{**SMALL, "drop_prob": 0.0, **options})
    logits = net(torch.randn(8, 4, 64))
    torch.nn.functional.cross_entropy(logits, torch.arange(8) % 3).backward()
    assert logits.shape == (8, 3)
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("n_chans", [1, 4])
@pytest.mark.parametrize("n_times", [1, 2, 3, 64, 65])
@pytest.mark.parametrize("embedding", ["inverted", "power", "temporal"])
def test_windows_of_any_size_are_classified(n_chans, n_times, embedding):
    net = MSiMamba(n_chans, 2, n_times, embedding=embedding, **SMALL)
    assert net(torch.randn(5, n_chans, n_times)).shape == (5, 2)


@pytest.mark.parametrize("standardize", [False, True])
def test_without_averages_offsets_of_channels_change_nothing(standardize):
    torch.manual_seed(0)
    net = MSiMamba(3, 2, 64, n_averages=0, standardize=standardize, **SMALL).double().eval()
    x, offset = torch.randn(5, 3, 64).double(), 10 * torch.randn(5, 3, 1).double()
    average = {"average": torch.full((5, 5), 0.1).double()} if standardize else {}
    torch.testing.assert_close(net(x + offset, **average), net(x, **average))


def test_one_direction_is_causal_over_channels():
    torch.manual_seed(0)
    net = MSiMamba(4, 2, 64, use_mstb=False, bidirectional=False, **SMALL).eval()
    tokens = net.embed(torch.randn(2, 4, 64))
    changed = tokens.clone()
    changed[:, 3] += 1
    mixer = net.blocks[0].mixer
    assert torch.equal(mixer(tokens)[:, :3], mixer(changed)[:, :3])
    assert not torch.allclose(mixer(tokens)[:, 3], mixer(changed)[:, 3])


def make_correlation(n_chans, rank):
    generator = torch.Generator().manual_seed(0)
    sources = torch.randn(rank, 1000, generator=generator).double()
    return torch.corrcoef(torch.randn(n_chans, rank, generator=generator).double() @ sources)


@pytest.mark.parametrize(
    "options",
    [{}, {"use_mstb": False}, {"embedding": "inverted"}, {"embedding": "temporal"}],
    ids=repr,
)
def test_the_whitened_window_is_processed_instead(options):
    torch.manual_seed(0)
    net = MSiMamba(5, 2, 64, spatial_whitening=True, **SMALL | options).double().eval()
    plain = MSiMamba(5, 2, 64, **SMALL | options).double().eval()
    net.set_correlation(make_correlation(5, 5))
    plain.load_state_dict({k: v for k, v in net.state_dict().items() if k != "whitener"})
    x = torch.randn(3, 5, 64).double()
    torch.testing.assert_close(net(x), plain(net.whitener @ x))


def test_features_of_the_whitened_window_are_standardised():
    torch.manual_seed(0)
    net = MSiMamba(5, 2, 64, spatial_whitening=True, standardize=True, **SMALL).double().eval()
    plain = MSiMamba(5, 2, 64, standardize=True, **SMALL).double().eval()
    net.set_correlation(make_correlation(5, 5))
    plain.load_state_dict({k: v for k, v in net.state_dict().items() if k != "whitener"})
    x = torch.randn(3, 5, 64).double()
    torch.testing.assert_close(net.features(x), plain.features(net.whitener @ x))


@pytest.mark.parametrize("rank", [1, 3, 5])
def test_the_whitening_is_the_inverse_root_of_shrunk_correlations(rank):
    correlation = make_correlation(5, rank)
    net = MSiMamba(5, 2, 64, spatial_whitening=True).double()
    net.set_correlation(correlation)
    shrunk = 0.95 * correlation.numpy() + 0.05 * np.eye(5)
    root = torch.from_numpy(fractional_matrix_power(shrunk, -0.5))
    variance = (root @ correlation @ root.T).diagonal()
    torch.testing.assert_close(net.whitener, root / variance[:, None].sqrt())


@pytest.mark.parametrize(
    ("correlation", "message"),
    [
        (torch.ones(1, 1), r"shape \(5, 5\) and ones on the diagonal, got shape \(1, 1\)"),
        (4 * torch.eye(5), r"ones on the diagonal, got shape \(5, 5\) and \[4.0, 4.0"),
        (torch.full((5, 5), torch.nan), r"ones on the diagonal, .* \[nan"),
    ],
)
def test_matrices_other_than_correlations_are_refused(correlation, message):
    net = MSiMamba(5, 2, 64, spatial_whitening=True)
    with pytest.raises(ValueError, match=message):
        net.set_correlation(correlation)
    assert torch.equal(net.whitener, torch.eye(5))
    with pytest.raises(ValueError, match="requires spatial_whitening=True, got False"):
        MSiMamba(5, 2, 64).set_correlation(torch.eye(5))


def test_phase_differences_between_channels_are_learned():
    # the class is whether two channels are in phase, which no single channel and no mean shows
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(2, (256,), generator=generator)
    phase = 2 * torch.pi * torch.rand(256, 1, generator=generator)
    wave = torch.sin(2 * torch.pi * 4 * torch.arange(32) / 32 + phase)
    x = torch.stack([wave, wave * (2 * y[:, None] - 1)], dim=1)
    torch.manual_seed(0)
    net = MSiMamba(2, 2, 32, d_model=16, d_hidden=4, n_kernels=2, drop_prob=0.0)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
    for _ in range(80):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x[:192]), y[:192]).backward()
        optimizer.step()
    accuracy = (net(x[192:]).argmax(1) == y[192:]).double().mean()
    assert accuracy > 0.95


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embedding": "patch"}, "must be one of 'power', 'inverted', 'temporal', got 'patch'"),
        ({"mixer": "lstm"}, "mixer must be one of 'mamba', 'attention', 'none', got 'lstm'"),
        ({"head": "cls"}, "head must be one of 'flatten', 'mean', got 'cls'"),
        ({"mixer": "attention", "n_heads": 3}, "n_heads must divide d_model=8, got n_heads=3"),
        ({"spatial_whitening": 1.5}, "spatial_whitening must be one of True, False, got 1.5"),
    ],
)
def test_invalid_options_raise(options, message):
    with pytest.raises(ValueError, match=message):
        MSiMamba(4, 2, 64, **SMALL, **options)


def test_training_under_autocast_has_finite_gradients():
    torch.manual_seed(0)
    net = MSiMamba(4, 2, 64, **SMALL)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = net(torch.randn(8, 4, 64)).float().logsumexp(1).sum()
    loss.backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


def test_probabilities_of_an_ensemble_are_the_mean_of_its_members():
    net, x = make_ensemble().eval(), make_windows()
    logits = net(x)
    for row in range(4):
        expected = [0.0, 0.0, 0.0]
        for member in net.members:
            exps = [math.exp(value) for value in member(x)[row].tolist()]
            expected = [sum_ + e / sum(exps) / 3 for sum_, e in zip(expected, exps, strict=True)]
        assert logits[row].exp().tolist() == pytest.approx(expected)
        assert logits[row].softmax(-1).tolist() == pytest.approx(expected)


def test_a_member_with_a_probability_of_one_leaves_logits_finite():
    net = make_ensemble().eval()
    for member in net.members:
        member.final_layer.bias.data = torch.tensor([0.0, 2e3, 0.0], dtype=torch.float64)
    assert net(make_windows()).isfinite().all()


def test_members_have_different_initial_weights():
    first, second, third = (member.embed.linear.weight for member in make_ensemble().members)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)


def test_in_training_an_ensemble_returns_the_logits_of_each_member():
    net, x = make_ensemble().train(), make_windows()
    logits = net(x)
    assert logits.shape == (4, 3, 3)
    for i, member in enumerate(net.members):
        torch.testing.assert_close(logits[:, i], member(x))


def test_weights_of_windows_equal_repeated_windows():
    x, weight = make_windows(), torch.tensor([2.0, 1, 0, 1], dtype=torch.float64)
    repeated = torch.cat([x[:1], x[:1], x[1:2], x[3:]])
    weighted = make_ensemble().train()(x, weight)[[0, 0, 1, 3]]
    torch.testing.assert_close(weighted, make_ensemble().train()(repeated))


def test_an_ensemble_without_members_raises():
    with pytest.raises(ValueError, match="n_members must be an integer of at least 1, got 0"):
        MSiMambaEnsemble(2, 3, 16, n_members=0)
