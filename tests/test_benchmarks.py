"""Tests of the speed benchmarks: the reference that they compare with, and a quick run."""

from pathlib import Path

import pytest
import torch

from skmamba.models import MSiMamba

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("options", [{}, {"spatial_whitening": True}, {"embedding": "inverted"}])
def test_outputs_and_gradients_equal_those_of_the_reference(monkeypatch, options):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from reference import ReferenceMSiMamba

    torch.manual_seed(0)
    params = {"d_model": 8, "top_k": 3, "n_kernels": 3, "d_hidden": 4, **options}
    ours = MSiMamba(4, 2, 96, drop_prob=0.0, **params).double()
    if options.get("spatial_whitening"):
        ours.set_correlation(torch.corrcoef(torch.randn(4, 20, dtype=torch.float64)))
    plain = ReferenceMSiMamba(4, 2, 96, periods="window", **params).double()
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(6, 4, 96, dtype=torch.float64)
    torch.testing.assert_close(ours(x), plain(x))
    for net in (ours, plain):
        net(x).logsumexp(1).sum().backward()
    for our, their in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(our.grad, their.grad)


def test_a_quick_run_of_the_gpu_benchmark_prints_rates_a_profile_and_folds(monkeypatch, capsys):
    pytest.importorskip("braindecode", reason="needs the extra 'braindecode'")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu

    monkeypatch.setattr(torch, "set_num_threads", lambda n_threads: None)
    gpu.main(["--device", "cpu", "--quick"])
    rates, profile = capsys.readouterr().out.split("A training step of MS-iMamba, 8 windows:")
    rows = [line.split("|")[1:-1] for line in rates.splitlines() if line.startswith("| 8 x 4")]
    assert [row[2].strip() for row in rows] == list(gpu.NETWORKS)
    assert all(float(rate) > 0 for row in rows for rate in row[3:])
    profile, folds = profile.split("Leave-one-subject-out")
    assert "aten::" in profile
    assert [line.split("|")[1].strip() for line in folds.splitlines()[4:]] == list(gpu.PRECISIONS)
