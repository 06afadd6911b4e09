import copy
import math

import pytest
import torch
import torch.nn.functional as F

from skmamba.modules import PowerEmbedding

WEIGHT = torch.tensor([1.0, 3.0, 2.0, 1.0], dtype=torch.float64)
ROWS = torch.arange(4).repeat_interleave(WEIGHT.long())


def make_embedding(n_averages=0, **options):
    torch.manual_seed(0)
    embedding = PowerEmbedding(n_times=64, d_model=6, n_averages=n_averages, **options)
    torch.nn.init.uniform_(embedding.level, 0.5, 2)
    return embedding.double().eval()


def make_windows(*shape):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


# Power


@pytest.mark.parametrize(("size", "hop", "n_segments"), [(16, 8, 9), (7, 3, 22)])
def test_log_power_equals_that_of_a_loop_of_circular_convolutions(size, hop, n_segments):
    embedding, x = make_embedding(n_filters=2, filter_size=size), make_windows(1, 1, 64)
    results = embedding.log_power(x)[0, 0].detach()
    padded = [0.0] * hop + x[0, 0].tolist() + [0.0] * hop
    for filter_, level, log_power in zip(
        embedding.bank.tolist(), embedding.level, results, strict=True
    ):
        logs = []
        for start in range(0, n_segments * hop, hop):
            segment = [
                padded[start + t] * math.sin(math.pi * (t + 0.5) / size) for t in range(size)
            ]
            filtered = [
                sum(filter_[k] * segment[t - k] for k in range(size))  # t - k < 0: from the end
                for t in range(size)
            ]
            logs.append(math.log(size * sum(value**2 for value in filtered) / float(level)))
        assert float(log_power) == pytest.approx(sum(logs) / n_segments)
    assert start + hop + size > len(padded)


def test_a_filter_measures_the_power_at_its_frequencies():
    embedding, time = make_embedding(n_filters=3, filter_size=32), torch.arange(64)
    waves = [torch.sin(2 * math.pi * cycles * time / 32 + 1).double() for cycles in (2, 6, 11)]
    with torch.no_grad():
        embedding.bank.copy_(torch.stack(waves)[:, :32])
    log_power = embedding.log_power(torch.stack(waves)[:, None])[:, 0]  # window, filter
    assert log_power.argmax(1).tolist() == [0, 1, 2]


def test_segments_weigh_all_samples_of_a_window_equally():
    levels = []
    for pulse in torch.eye(64, dtype=torch.float64):  # at each sample
        embedding = make_embedding(n_filters=1, filter_size=16).train()
        embedding.log_power(pulse[None, None])
        levels.append(float(embedding.level))  # mean power
    assert levels == pytest.approx([levels[0]] * 64)


def test_tokens_are_invariant_to_the_sign_and_the_direction_of_a_window():
    embedding, x = make_embedding(), make_windows(4, 2, 64)
    torch.testing.assert_close(embedding(x), embedding(-x))
    torch.testing.assert_close(embedding(x), embedding(x.flip(2)))


def test_doubling_the_amplitude_adds_a_constant():
    embedding, x = make_embedding(), make_windows(4, 2, 64)
    steps = embedding(2 * x) - embedding(x)
    torch.testing.assert_close(steps, steps[:1, :1].expand_as(steps))


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_single_precision_agrees_with_double_precision(offset):
    embedding, x = make_embedding(), make_windows(4, 3, 64) + offset
    exact = embedding.features(x)
    torch.testing.assert_close(
        embedding.float().features(x.float()).double(), exact, rtol=0, atol=1e-3
    )


def test_constant_windows_have_finite_tokens():
    embedding, x = make_embedding(), torch.zeros(1, 2, 64, dtype=torch.float64)
    assert embedding(x).isfinite().all()
    assert embedding.train()(x).isfinite().all()


def test_channels_share_the_filters():
    embedding, x = make_embedding(), make_windows(1, 3, 64)
    torch.testing.assert_close(embedding(x)[:, [2, 0, 1]], embedding(x[:, [2, 0, 1]]))


@pytest.mark.parametrize("training", [True, False])
def test_gradients_equal_finite_differences(training):
    embedding = make_embedding(n_filters=2, filter_size=9, n_averages=4).train(training)
    inputs = make_windows(2, 2, 64).requires_grad_(), embedding.bank
    assert torch.autograd.gradcheck(lambda x, _: embedding(x), inputs)


# Averaged samples


@pytest.mark.parametrize(
    ("n_averages", "scale", "mean_scale"), [(32, 0.3125, 0.1), (16, 0.625, 0.2), (2, 1, 1)]
)
def test_tokens_add_a_linear_map_of_averages_and_of_the_mean(n_averages, scale, mean_scale):
    embedding, power = make_embedding(n_averages=n_averages), make_embedding()
    own = {"linear.weight": embedding.linear.weight[:, :16], "scale": power.scale}
    power.load_state_dict(embedding.state_dict() | own)
    x = make_windows(4, 2, 64) + 1
    mean = x.mean(2, keepdim=True)  # (4, 2, 1)
    averages = (x - mean).unflatten(2, (n_averages, -1)).mean(3)  # (4, 2, n_averages)
    weight = embedding.linear.weight[:, 16:]
    expected = power(x) + torch.cat([scale * averages, mean_scale * mean], 2) @ weight.T
    torch.testing.assert_close(embedding(x), expected)


def test_weights_without_the_scales_that_they_were_trained_with_are_an_error():
    embedding = make_embedding(n_averages=32)
    state = embedding.state_dict()
    del state["scale"]
    with pytest.raises(RuntimeError, match=r'Missing key.*"scale"'):
        embedding.load_state_dict(state)


@pytest.mark.parametrize("n_times", [1, 5, 25, 250, 256, 449])
def test_averages_on_cuda_are_those_of_adaptive_pooling(n_times):
    embedding, x = PowerEmbedding(n_times, 8), torch.randn(2, 3, n_times)
    expected = F.adaptive_avg_pool1d(x, min(n_times, 32))
    torch.testing.assert_close(x @ embedding.pool, expected)


def test_an_offset_changes_the_mean_only():
    embedding, x = make_embedding(n_averages=16), make_windows(4, 2, 64)
    offset = 10 * make_windows(4, 2, 1)
    change = embedding.features(x + offset) - embedding.features(x)
    torch.testing.assert_close(change[..., :-1], torch.zeros_like(change[..., :-1]))
    torch.testing.assert_close(change[..., -1:], offset)


def test_tokens_depend_on_the_sign_of_a_window_by_the_averages_only():
    embedding, x = make_embedding(n_averages=16), make_windows(4, 2, 64)
    features, inverted = embedding.features(x), embedding.features(-x)
    torch.testing.assert_close(features[..., :16], inverted[..., :16])
    torch.testing.assert_close(features[..., 16:], -inverted[..., 16:])


# Mean power in training


def test_training_divides_by_the_mean_power_of_the_batch():
    embedding, x = make_embedding(filter_size=16).train(), make_windows(4, 3, 64)
    log_power = embedding.log_power(x)
    torch.testing.assert_close(embedding.log_power(10 * x), log_power)


def test_the_level_is_the_mean_over_the_first_batches_and_a_running_mean_after_ten():
    embedding, levels, expected = make_embedding(n_filters=2).train(), [], None
    for batch in make_windows(15, 4, 2, 64):
        embedding.log_power(batch)
        single = make_embedding(n_filters=2).train()
        single.log_power(batch)
        levels.append(single.level)
        mean = torch.stack(levels).mean(0)
        expected = mean if len(levels) <= 10 else 0.9 * expected + 0.1 * single.level
        torch.testing.assert_close(embedding.level, expected)


def test_weights_equal_repeated_windows():
    results = []
    for rows, weight in ((slice(None), WEIGHT), (ROWS, None)):
        embedding, x = make_embedding().train(), make_windows(4, 3, 64).requires_grad_()
        log_power = embedding.log_power(x[rows], weight)
        share = torch.ones(7, dtype=torch.float64) if weight is None else weight
        (share[:, None, None] * log_power.cos()).sum().backward()
        kept = log_power if weight is not None else log_power[[0, 1, 4, 6]]
        results.append((kept, x.grad, embedding.bank.grad, embedding.level))
    for weighted, repeated in zip(*results, strict=True):
        torch.testing.assert_close(weighted, repeated)


def test_equal_weights_equal_no_weights():
    x = make_windows(4, 3, 64)
    embedding, again = make_embedding().train(), make_embedding().train()
    weight = torch.full((4,), 0.3, dtype=torch.float64)
    torch.testing.assert_close(embedding(x, weight), again(x))
    torch.testing.assert_close(embedding.level, again.level)


def test_windows_that_all_have_a_weight_of_zero_count_equally():
    embedding = make_embedding().train()
    x, again = make_windows(4, 2, 64), copy.deepcopy(embedding)
    torch.testing.assert_close(embedding(x, torch.zeros(4, dtype=torch.float64)), again(x))
    torch.testing.assert_close(embedding.level, again.level)


def test_weights_are_ignored_in_evaluation_mode():
    embedding, x = make_embedding(), make_windows(4, 3, 64)
    assert embedding(x, WEIGHT).equal(embedding(x))


@pytest.mark.parametrize("weight", [None, WEIGHT.float()])
def test_autocast_keeps_the_level_in_single_precision(weight):
    torch.manual_seed(0)
    embedding, x = PowerEmbedding(64, 6), torch.randn(4, 3, 64)
    expected = copy.deepcopy(embedding).log_power(x, weight)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        log_power = embedding.log_power(x, weight)
    torch.testing.assert_close(log_power, expected, atol=0.05, rtol=0.05)  # checks the dtype
    assert embedding.level.dtype == torch.float32


# Sizes


@pytest.mark.parametrize(("n_times", "size"), [(256, 128), (65, 32), (4, 2), (2, 2), (1, 1)])
def test_filters_are_half_a_window_by_default(n_times, size):
    embedding = PowerEmbedding(n_times, d_model=4)
    assert embedding.bank.shape == (16, size)
    assert embedding(torch.randn(3, 2, n_times)).shape == (3, 2, 4)


def test_filters_are_at_most_as_long_as_a_window():
    assert PowerEmbedding(5, d_model=4, filter_size=9).bank.shape == (16, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter_size": 1}, "filter_size must be at least 2, got 1"),
        ({"n_averages": -1}, "n_averages must be at least 0, got -1"),
    ],
)
def test_invalid_sizes_raise(options, message):
    with pytest.raises(ValueError, match=message):
        PowerEmbedding(64, 8, **options)
