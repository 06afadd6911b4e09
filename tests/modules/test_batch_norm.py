import torch

from skmamba.modules._batch_norm import WeightedBatchNorm1d


def make_norm():
    torch.manual_seed(0)
    norm = WeightedBatchNorm1d(3).double()
    torch.nn.init.uniform_(norm.weight)
    torch.nn.init.uniform_(norm.bias)
    return norm, torch.randn(4, 3, 10, dtype=torch.float64)


def test_a_series_of_weight_two_counts_as_two_series():
    weight = torch.tensor([1.0, 3.0, 2.0, 1.0], dtype=torch.float64)
    norm, x = make_norm()
    weighted = norm(x, weight)
    again, _ = make_norm()
    repeated = again(x.repeat_interleave(weight.long(), 0))
    torch.testing.assert_close(weighted, repeated[[0, 1, 4, 6]])
    assert norm.state_dict().keys() == again.state_dict().keys()
    for name, value in norm.state_dict().items():
        torch.testing.assert_close(value, again.state_dict()[name])


def test_gradients_are_those_of_repeated_series():
    weight = torch.tensor([1.0, 3.0, 2.0, 1.0], dtype=torch.float64)
    rows = torch.arange(4).repeat_interleave(weight.long())
    gradients = []
    for take, loss_weight in ((slice(None), weight), (rows, torch.ones(7, dtype=torch.float64))):
        norm, x = make_norm()
        x.requires_grad_()
        y = norm(x[take], loss_weight)
        (loss_weight[:, None, None] * y.cos()).sum().backward()
        gradients.append((x.grad, norm.weight.grad, norm.bias.grad))
    for weighted, repeated in zip(*gradients, strict=True):
        torch.testing.assert_close(weighted, repeated)


def test_equal_weights_are_no_weights():
    norm, x = make_norm()
    again, _ = make_norm()
    assert norm(x, torch.full((4,), 0.3)).equal(again(x))
    assert norm.running_var.equal(again.running_var)


def test_weights_do_not_matter_after_training():
    norm, x = make_norm()
    norm(x)
    norm.eval()
    assert norm(x, torch.tensor([1.0, 5.0, 1.0, 1.0])).equal(norm(x))
