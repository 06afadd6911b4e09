import copy
import math

import pytest
import torch

from skmamba.modules import PowerEmbedding
from skmamba.modules._kernels import power
from skmamba.modules.embedding import WeightedBatchNorm1d

WEIGHT = torch.tensor([1.0, 3.0, 2.0, 1.0], dtype=torch.float64)
ROWS = torch.arange(4).repeat_interleave(WEIGHT.long())


def make_embedding(n_averages=0, **options):
    torch.manual_seed(0)
    embedding = PowerEmbedding(n_times=64, d_model=6, n_averages=n_averages, **options)
    return embedding.double().eval()


def make_pair(dtype, n_times=64, weight=None, training=True, offset=0.0, **options):
    """Return results, gradients and statistics of the fast and of the simple implementation."""
    torch.manual_seed(0)
    embedding = PowerEmbedding(n_times, d_model=6, **options).double().train(training)
    for values in (embedding.norm.weight, embedding.norm.running_var):
        torch.nn.init.uniform_(values, 0.5, 2)
    for values in (embedding.norm.bias, embedding.norm.running_mean):
        torch.nn.init.uniform_(values)
    x = torch.randn(4, 3, n_times, dtype=torch.float64) + offset
    change = torch.randn(4, 3, options.get("n_filters", 16), dtype=torch.float64)
    embedding, again = embedding.to(dtype), copy.deepcopy(embedding).to(dtype)
    results = []
    for run, own in ((embedding.log_power, embedding), (again.log_power_simple, again)):
        leaf = x.to(dtype, copy=True).requires_grad_()
        log_power = run(leaf, weight)
        log_power.backward(change.to(dtype))
        gradients = [leaf.grad, own.bank.weight.grad, own.norm.weight.grad, own.norm.bias.grad]
        results.append([log_power.detach(), *gradients, *own.norm.buffers()])
    return results


@pytest.mark.parametrize("weight", [None, WEIGHT.float()])
def test_autocast_of_the_simple_form_keeps_statistics_in_single_precision(weight):
    torch.manual_seed(0)
    embedding, x = PowerEmbedding(64, 6), torch.randn(4, 3, 64)
    expected = copy.deepcopy(embedding).log_power_simple(x, weight)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        log_power = embedding.log_power_simple(x, weight)
    torch.testing.assert_close(log_power, expected, atol=0.05, rtol=0.05)  # checks the dtype
    assert embedding.norm.running_var.dtype == torch.float32


def make_norm():
    torch.manual_seed(0)
    norm = WeightedBatchNorm1d(3).double()
    torch.nn.init.uniform_(norm.weight)
    torch.nn.init.uniform_(norm.bias)
    return norm, torch.randn(4, 3, 10, dtype=torch.float64)


def test_tokens_equal_those_of_a_loop():
    embedding = make_embedding(n_filters=3, n_segments=4, filter_size=5)
    embedding.norm.running_mean.uniform_(-1, 1)
    embedding.norm.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 3, 64, dtype=torch.float64)
    tokens = embedding(x)
    mean, var = embedding.norm.running_mean, embedding.norm.running_var
    for b in range(2):
        for c in range(3):
            features = []
            for f in range(3):
                taps = embedding.bank.weight[f, 0]
                filtered = [
                    sum(taps[k] * x[b, c, t + k - 2] for k in range(5) if 0 <= t + k - 2 < 64)
                    for t in range(64)
                ]
                scaled = [(v - mean[f]) / math.sqrt(var[f] + 1e-5) for v in filtered]
                parts = [scaled[16 * part : 16 * (part + 1)] for part in range(4)]
                logs = [torch.log(sum(v * v for v in part) / 16) for part in parts]
                features.append(sum(logs) / 4)
            expected = embedding.linear.weight @ torch.stack(features) + embedding.linear.bias
            torch.testing.assert_close(tokens[b, c], expected)


def test_tokens_are_invariant_to_the_sign_of_a_window():
    embedding = make_embedding()
    x = torch.randn(4, 2, 64, dtype=torch.float64)
    torch.testing.assert_close(embedding(x), embedding(-x))


def test_doubling_the_amplitude_adds_a_constant():
    embedding = make_embedding()
    x = torch.randn(4, 2, 64, dtype=torch.float64)
    steps = embedding(2 * x) - embedding(x)
    torch.testing.assert_close(steps, steps[:1, :1].expand_as(steps))


def test_tokens_are_invariant_to_the_order_of_segments():
    embedding = make_embedding(n_filters=3, n_segments=4, filter_size=1)
    x = torch.randn(2, 3, 4, 16, dtype=torch.float64)
    torch.testing.assert_close(embedding(x.flatten(2)), embedding(x[:, :, [2, 0, 3, 1]].flatten(2)))


def test_constant_windows_have_finite_tokens():
    tokens = make_embedding()(torch.zeros(1, 2, 64, dtype=torch.float64))
    assert tokens.isfinite().all()


def test_channels_share_the_filters():
    embedding = make_embedding()
    x = torch.randn(1, 3, 64, dtype=torch.float64)
    torch.testing.assert_close(embedding(x)[:, [2, 0, 1]], embedding(x[:, [2, 0, 1]]))


# Averaged samples


def test_tokens_add_a_linear_map_of_averaged_samples():
    embedding, power = make_embedding(n_averages=16), make_embedding()
    power.load_state_dict(
        embedding.state_dict() | {"linear.weight": embedding.linear.weight[:, :16]}
    )
    x = torch.randn(4, 2, 64, dtype=torch.float64)
    averages = x.unflatten(2, (16, 4)).mean(3)  # (4, 2, 16)
    expected = power(x) + 0.1 * averages @ embedding.linear.weight[:, 16:].T
    torch.testing.assert_close(embedding(x), expected)


def test_tokens_depend_on_the_sign_of_a_window_by_the_averages_only():
    embedding = make_embedding(n_averages=16)
    x = torch.randn(4, 2, 64, dtype=torch.float64)
    features, inverted = embedding.features(x), embedding.features(-x)
    torch.testing.assert_close(features[..., :16], inverted[..., :16])
    torch.testing.assert_close(features[..., 16:], -inverted[..., 16:])


@pytest.mark.parametrize(("n_times", "size"), [(256, 33), (440, 55), (64, 9), (4, 9), (1, 9)])
def test_filters_are_as_long_as_a_segment_by_default(n_times, size):
    assert PowerEmbedding(n_times, d_model=4).bank.kernel_size == (size,)


# Simple and fast implementation


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weights"])
@pytest.mark.parametrize(
    "n_times, n_segments", [(64, 8), (65, 8), (71, 8), (250, 7), (24, 3), (63, 8)]
)
def test_log_power_and_gradients_equal_those_of_the_simple_form(
    n_times, n_segments, weight, training
):
    options = {"n_filters": 3, "n_segments": n_segments, "filter_size": 5}
    fast, simple = make_pair(torch.float64, n_times, weight=weight, training=training, **options)
    for own, expected in zip(fast, simple, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-9, atol=1e-9)


def test_single_precision_equals_the_simple_form():
    for own, expected in zip(*make_pair(torch.float32, 256), strict=True):
        assert (own - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_an_offset_of_the_windows_loses_no_digits():
    (fast, *_), _ = make_pair(torch.float32, offset=1000.0)
    (exact, *_), _ = make_pair(torch.float64, offset=1000.0)
    torch.testing.assert_close(fast.double(), exact, rtol=0, atol=1e-3)


def test_gradients_equal_finite_differences():
    embedding = make_embedding(n_filters=2, n_segments=3, filter_size=5).train()
    x = torch.randn(2, 2, 25, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(embedding, (x,))


@pytest.mark.parametrize("chunk_bytes", [1, 5000])
def test_chunks_do_not_change_results(monkeypatch, chunk_bytes):
    expected, _ = make_pair(torch.float64)
    monkeypatch.setattr(power, "CHUNK_BYTES", chunk_bytes)
    torch.testing.assert_close(make_pair(torch.float64)[0], expected)


def test_filtered_series_are_not_saved_for_the_backward_pass():
    embedding, x = PowerEmbedding(256, 8), torch.randn(16, 4, 256, requires_grad=True)
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: sizes.append(t.numel()) or t, lambda t: t
    ):
        embedding(x)
    assert x.numel() <= max(sizes) < 2 * x.numel()  # 16 filtered series would be 16 times as large


def test_a_second_derivative_raises():
    embedding, x = make_embedding(), torch.randn(2, 2, 64, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(embedding(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        gradient.sum().backward()


def test_there_are_at_most_as_many_segments_as_samples():
    assert PowerEmbedding(n_times=3, d_model=4)(torch.randn(2, 1, 3)).shape == (2, 1, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter_size": 32}, "filter_size must be odd and positive, got 32"),
        ({"filter_size": -1}, "filter_size must be odd and positive, got -1"),
        ({"n_averages": -1}, "n_averages must be at least 0, got -1"),
    ],
)
def test_invalid_sizes_raise(options, message):
    with pytest.raises(ValueError, match=message):
        PowerEmbedding(64, 8, **options)


def test_batch_statistics_with_weights_equal_those_of_repeated_series():
    norm, x = make_norm()
    weighted = norm(x, WEIGHT)
    again, _ = make_norm()
    torch.testing.assert_close(weighted, again(x[ROWS])[[0, 1, 4, 6]])
    assert norm.state_dict().keys() == again.state_dict().keys()
    for name, value in norm.state_dict().items():
        torch.testing.assert_close(value, again.state_dict()[name])


def test_gradients_with_weights_equal_those_of_repeated_series():
    gradients = []
    for rows, weight in ((slice(None), WEIGHT), (ROWS, torch.ones(7, dtype=torch.float64))):
        norm, x = make_norm()
        x.requires_grad_()
        (weight[:, None, None] * norm(x[rows], weight).cos()).sum().backward()
        gradients.append((x.grad, norm.weight.grad, norm.bias.grad))
    for weighted, repeated in zip(*gradients, strict=True):
        torch.testing.assert_close(weighted, repeated)


def test_equal_weights_equal_no_weights():
    norm, x = make_norm()
    again, _ = make_norm()
    assert norm(x, torch.full((4,), 0.3)).equal(again(x))
    assert norm.running_var.equal(again.running_var)


def test_weights_are_ignored_in_evaluation_mode():
    norm, x = make_norm()
    norm(x)
    norm.eval()
    assert norm(x, WEIGHT).equal(norm(x))
