import math

import pytest
import torch

from skmamba.modules import PowerEmbedding


def make_embedding(**options):
    torch.manual_seed(0)
    return PowerEmbedding(n_times=64, d_model=6, **options).double().eval()


def test_tokens_are_those_of_a_loop():
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


def test_the_sign_of_a_window_does_not_matter():
    embedding = make_embedding()
    x = torch.randn(4, 2, 64, dtype=torch.float64)
    torch.testing.assert_close(embedding(x), embedding(-x))


def test_twice_the_amplitude_is_one_step_for_every_window():
    embedding = make_embedding()
    x = torch.randn(4, 2, 64, dtype=torch.float64)
    steps = embedding(2 * x) - embedding(x)
    torch.testing.assert_close(steps, steps[:1, :1].expand_as(steps))


def test_where_in_a_window_a_rhythm_is_strong_does_not_matter():
    embedding = make_embedding(n_filters=3, n_segments=4, filter_size=1)
    x = torch.randn(2, 3, 4, 16, dtype=torch.float64)
    torch.testing.assert_close(embedding(x.flatten(2)), embedding(x[:, :, [2, 0, 3, 1]].flatten(2)))


def test_silence_is_finite():
    tokens = make_embedding()(torch.zeros(1, 2, 64, dtype=torch.float64))
    assert tokens.isfinite().all()


def test_channels_share_the_bank():
    embedding = make_embedding()
    x = torch.randn(1, 3, 64, dtype=torch.float64)
    torch.testing.assert_close(embedding(x)[:, [2, 0, 1]], embedding(x[:, [2, 0, 1]]))


def test_segments_are_no_more_than_time_points():
    assert PowerEmbedding(n_times=3, d_model=4)(torch.randn(2, 1, 3)).shape == (2, 1, 4)


def test_a_filter_without_a_middle_is_refused():
    with pytest.raises(ValueError, match="filter_size must be odd, got 32"):
        PowerEmbedding(64, 8, filter_size=32)
