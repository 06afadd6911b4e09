import pytest
import torch

from skmamba.modules import MSiMamba

SMALL = {"d_model": 8, "d_hidden": 4, "n_kernels": 2, "d_state": 4}
ABLATIONS = {
    "whole": {},
    "no MSTB": {"use_mstb": False},
    "normal embedding": {"embedding": "normal"},
    "inverted embedding": {"embedding": "inverted"},
    "attention": {"mixer": "attention"},
    "no mixer": {"mixer": "none"},
    "one direction": {"bidirectional": False},
    "mean head": {"head": "mean"},
    "two layers": {"n_layers": 2},
    "wide Mamba": {"expand": 2, "d_conv": 4},
}


@pytest.mark.parametrize("options", ABLATIONS.values(), ids=ABLATIONS)
def test_every_weight_gets_a_gradient(options):
    torch.manual_seed(0)
    net = MSiMamba(4, 3, 64, **{**SMALL, "drop_prob": 0.0, **options})
    logits = net(torch.randn(8, 4, 64))
    torch.nn.functional.cross_entropy(logits, torch.arange(8) % 3).backward()
    dead = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert logits.shape == (8, 3)
    assert dead == []


@pytest.mark.parametrize("n_chans", [1, 4])
@pytest.mark.parametrize("n_times", [1, 2, 3, 64, 65])
@pytest.mark.parametrize("embedding", ["inverted", "power", "normal"])
def test_any_size_of_window_gives_logits(n_chans, n_times, embedding):
    net = MSiMamba(n_chans, 2, n_times, embedding=embedding, **SMALL)
    assert net(torch.randn(5, n_chans, n_times)).shape == (5, 2)


def test_order_of_the_batch_does_not_matter():
    torch.manual_seed(0)
    net = MSiMamba(4, 2, 128, **SMALL).double().eval()
    x = torch.randn(10, 4, 128, dtype=torch.float64)
    order = torch.randperm(10)
    torch.testing.assert_close(net(x)[order], net(x[order]))


def test_order_of_the_channels_matters():
    torch.manual_seed(0)
    net = MSiMamba(4, 2, 128, head="mean", **SMALL).eval()
    x = torch.randn(3, 4, 128)
    assert not torch.allclose(net(x), net(x[:, [1, 0, 2, 3]]))


def test_one_direction_reads_channels_from_first_to_last():
    torch.manual_seed(0)
    net = MSiMamba(4, 2, 64, use_mstb=False, bidirectional=False, **SMALL).eval()
    tokens = net.embed(torch.randn(2, 4, 64))
    changed = tokens.clone()
    changed[:, 3] += 1
    mixer = net.blocks[0].mixer
    assert torch.equal(mixer(tokens)[:, :3], mixer(changed)[:, :3])


@pytest.mark.parametrize("embedding", ["power", "inverted"])
def test_parameter_count_is_that_of_the_equations(embedding):
    C, T, d, hidden, state, K, rank = 4, 64, 8, 4, 4, 2, 1
    taps = sum((2 * reach + 1) ** 2 for reach in range(K))
    mstb = 2 * C * hidden * taps + K * hidden + K * C
    mamba = d * 2 * d + (d * 2 + d) + d * (rank + 2 * state) + (rank * d + d) + d * state + d
    mamba += d * d
    feed_forward = (d * 2 * d + 2 * d) + (2 * d * d + d)
    tokens = {"power": 16 * 33 + 2 * 16 + (16 * d + d), "inverted": T * d + d}[embedding]
    total = mstb + tokens + 2 * mamba + feed_forward + 2 * 2 * d + (C * d * 2 + 2)
    net = MSiMamba(C, 2, T, embedding=embedding, **SMALL)
    assert sum(p.numel() for p in net.parameters()) == total


def test_learns_what_the_mean_of_a_channel_cannot_tell():
    # the class is whether two channels swing together: no channel alone, no average knows it
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


def test_a_window_of_another_size_is_refused():
    net = MSiMamba(4, 2, 64, **SMALL)
    with pytest.raises(ValueError, match=r"must have shape \(batch, 4, 64\), got \(1, 4, 65\)"):
        net(torch.zeros(1, 4, 65))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embedding": "patch"}, "embedding must be one of power, inverted, normal, got 'patch'"),
        ({"mixer": "lstm"}, "mixer must be one of mamba, attention, none, got 'lstm'"),
        ({"head": "cls"}, "head must be one of flatten, mean, got 'cls'"),
        ({"mixer": "attention", "n_heads": 3}, "n_heads must divide d_model=8, got n_heads=3"),
    ],
)
def test_unknown_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MSiMamba(4, 2, 64, **SMALL, **options)


def test_autocast_trains():
    torch.manual_seed(0)
    net = MSiMamba(4, 2, 64, **SMALL)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = net(torch.randn(8, 4, 64)).float().logsumexp(1).sum()
    loss.backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())
