import pytest
import torch

from skmamba.modules import MultiScaleTemporalBlock, PlainScales, window_amplitudes
from skmamba.modules._selective_scan import scan_by_doubling, selective_scan


def make_block(n_chans, n_times, **options):
    block = MultiScaleTemporalBlock(
        n_chans, n_times, d_hidden=4, period_selection="fixed", **options
    ).double()
    windows = torch.randn(5, n_chans, n_times, dtype=torch.float64)
    if n_times > 1:
        block.set_frequencies(window_amplitudes(windows).mean(0))
    return block, windows


@pytest.mark.parametrize("top_k", [1, 3, 9])
@pytest.mark.parametrize(("n_chans", "n_times"), [(1, 2), (2, 7), (3, 50), (4, 128), (2, 1)])
def test_plain_scales_compute_what_the_block_does(n_chans, n_times, top_k):
    block, windows = make_block(n_chans, n_times, top_k=top_k)
    with torch.no_grad():
        torch.testing.assert_close(PlainScales(block)(windows), block(windows))


def test_a_silent_window_weighs_all_scales_alike():
    block, windows = make_block(2, 64)
    silent = torch.zeros_like(windows)
    with torch.no_grad():
        torch.testing.assert_close(PlainScales(block)(silent), block(silent))


def test_frequencies_that_share_a_period_share_a_fold():
    block, windows = make_block(2, 20, top_k=3)
    block.frequencies.copy_(torch.tensor([8, 9, 3]))  # both 3 time points, and 7
    with torch.no_grad():
        torch.testing.assert_close(PlainScales(block)(windows), block(windows))


def test_the_block_stays_as_it_was():
    block, windows = make_block(2, 32)
    plain = PlainScales(block)
    before = plain(windows)
    with torch.no_grad():
        block.widen.kernels[0].weight.add_(1)
    torch.testing.assert_close(plain(windows), before)
    assert not list(plain.parameters())


@pytest.mark.parametrize("length", [1, 2, 3, 8, 13, 62])
def test_doubling_scans_as_step_by_step(length):
    u, delta = torch.randn(2, 3, length, 5, dtype=torch.float64)
    B, C = torch.randn(2, 3, length, 4, dtype=torch.float64)
    A = -torch.rand(5, 4, dtype=torch.float64)
    delta = delta.exp()
    torch.testing.assert_close(
        scan_by_doubling(u, delta, A, B, C), selective_scan(u, delta, A, B, C)
    )


def test_without_an_export_the_scan_goes_step_by_step(monkeypatch):
    from skmamba.modules import _selective_scan

    monkeypatch.setattr(_selective_scan, "scan_by_doubling", None)
    one = torch.ones(1, 4, 1)
    assert selective_scan(one, one, -one[0, :1], one, one).shape == (1, 4, 1)
