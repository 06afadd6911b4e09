import pytest
import torch

from skmamba.models import DLinear


def loop_moving_average(series, size):
    """Mean of ``size`` samples around each sample; the ends are repeated."""
    last, reach = len(series) - 1, size // 2
    means = []
    for time in range(len(series)):
        places = range(time - reach, time + reach + 1)
        means.append(sum(series[min(max(place, 0), last)].item() for place in places) / size)
    return torch.tensor(means, dtype=series.dtype)


@pytest.mark.parametrize(("n_times", "size"), [(12, 5), (9, 25), (1, 3), (7, 1)])
def test_logits_equal_the_equations_in_a_loop(n_times, size):
    torch.manual_seed(0)
    net = DLinear(2, 3, n_times, kernel_size=size).double()
    x = torch.randn(4, 2, n_times, dtype=torch.float64)
    for window, logits in zip(x, net(x), strict=True):
        mapped = []
        for series in window:
            trend = loop_moving_average(series, size)
            seasonal = net.seasonal.weight @ (series - trend) + net.seasonal.bias
            mapped.append(net.trend.weight @ trend + net.trend.bias + seasonal)
        head = net.final_layer[-1]
        torch.testing.assert_close(head.weight @ torch.cat(mapped) + head.bias, logits)


def test_the_default_moving_average_is_that_of_the_paper():
    assert DLinear(1, 2, 64).kernel_size == 25


def test_the_network_is_an_affine_map():
    torch.manual_seed(0)
    net = DLinear(2, 3, 40).double()
    a, b = torch.randn(2, 1, 2, 40, dtype=torch.float64)
    torch.testing.assert_close(net(3 * a - 2 * b), 3 * net(a) - 2 * net(b))  # 3 - 2: one bias


def test_an_even_kernel_size_raises():
    with pytest.raises(ValueError, match="kernel_size must be odd, got 4"):
        DLinear(1, 2, 64, kernel_size=4)
