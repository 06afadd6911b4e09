import math

import pytest
import torch

from skmamba.modules import MSiMamba, MSiMambaEnsemble

SIZE = {"n_chans": 2, "n_outputs": 3, "n_times": 16}
SMALL = {"d_model": 4, "d_hidden": 2, "n_kernels": 1, "drop_prob": 0.0}


def make_ensemble(n_members=3):
    torch.manual_seed(0)
    return MSiMambaEnsemble(**SIZE, n_members=n_members, **SMALL).double()


def make_windows():
    return torch.randn(4, 2, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_the_answer_is_the_mean_of_the_members_probabilities():
    net, x = make_ensemble().eval(), make_windows()
    logits = net(x)
    for row in range(4):
        expected = [0.0, 0.0, 0.0]
        for member in net.members:
            exps = [math.exp(value) for value in member(x)[row].tolist()]
            expected = [sum_ + e / sum(exps) / 3 for sum_, e in zip(expected, exps, strict=True)]
        assert logits[row].exp().tolist() == pytest.approx(expected)
        assert logits[row].softmax(-1).tolist() == pytest.approx(expected)


def test_a_member_that_is_certain_leaves_no_infinities():
    net = make_ensemble().eval()
    for member in net.members:
        member.head.bias.data = torch.tensor([0.0, 2e3, 0.0], dtype=torch.float64)
    assert net(make_windows()).isfinite().all()


def test_members_start_apart():
    first, second, third = (member.embed.linear.weight for member in make_ensemble().members)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)


def test_while_training_each_member_answers_for_itself():
    net, x = make_ensemble().train(), make_windows()
    logits = net(x)
    assert logits.shape == (4, 3, 3)
    for place, member in enumerate(net.members):
        torch.testing.assert_close(logits[:, place], member(x))


def test_weights_of_windows_reach_the_members():
    x, weight = make_windows(), torch.tensor([2.0, 1, 0, 1], dtype=torch.float64)
    repeated = torch.cat([x[:1], x[:1], x[1:2], x[3:]])
    weighted = make_ensemble().train()(x, weight)[[0, 0, 1, 3]]
    torch.testing.assert_close(weighted, make_ensemble().train()(repeated))


def test_its_size_is_that_of_its_members():
    one = sum(p.numel() for p in MSiMamba(**SIZE, **SMALL).parameters())
    assert sum(p.numel() for p in make_ensemble(5).parameters()) == 5 * one


def test_no_members_are_refused():
    with pytest.raises(ValueError, match="n_members must be at least 1, got 0"):
        MSiMambaEnsemble(**SIZE, n_members=0)
