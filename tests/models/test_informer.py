import math

import pytest
import torch
import torch.nn.functional as F

from skmamba.models import Informer
from skmamba.models.informer import Distil, ProbSparseAttention

SMALL = {"d_model": 6, "n_heads": 2, "d_hidden": 10, "n_layers": 2, "factor": 1}


def prob_sparse(attention, queries, keys, values, sampled, n_chosen):
    """Algorithm 1 for one head."""
    ratings = []
    for query, places in zip(queries, sampled, strict=True):
        scores = [(query @ keys[place]).item() for place in places]
        ratings.append(max(scores) - sum(scores) / len(scores))
    ranking = sorted(range(len(queries)), key=lambda place: -ratings[place])
    mixed = [sum(values) / len(values)] * len(queries)
    for place in ranking[:n_chosen]:
        mixed[place] = attention(queries[place : place + 1], keys, values)[0]
    return torch.stack(mixed)


def heads_of(n_tokens, batch=3, n_heads=2, size=4):
    torch.manual_seed(0)
    return torch.randn(3, batch, n_heads, n_tokens, size, dtype=torch.float64)


@pytest.mark.parametrize(("n_tokens", "factor"), [(1, 5), (9, 5), (40, 10)])
def test_attention_with_all_queries_is_full_attention(n_tokens, factor):
    attend = ProbSparseAttention(n_tokens, factor)
    queries, keys, values = heads_of(n_tokens)
    assert attend.n_chosen == n_tokens
    torch.testing.assert_close(
        attend(queries, keys, values), F.scaled_dot_product_attention(queries, keys, values)
    )


@pytest.mark.parametrize("batch", [1, 4, 9])
def test_attention_with_fewer_queries_equals_algorithm_1_in_a_loop(published, batch):
    attend = ProbSparseAttention(30, 1).eval()
    queries, keys, values = heads_of(30, batch)
    mixed = attend(queries, keys, values)
    for window in range(batch):
        for head in range(2):
            which = window, head
            expected = prob_sparse(
                published.attention,
                *(queries[which], keys[which], values[which]),
                attend.sampled_keys.tolist(),
                4,
            )
            torch.testing.assert_close(mixed[which], expected)


def test_the_query_with_the_highest_rating_attends_and_others_take_the_mean():
    attend = ProbSparseAttention(8, 1).eval()
    attend.n_chosen = 1
    attend.sampled_keys = torch.arange(8).repeat(8, 1)
    queries, keys = torch.zeros(1, 1, 8, 2), torch.zeros(1, 1, 8, 2)
    keys[..., 5, 0] = 1
    queries[..., 2, 0] = 1000
    values = torch.arange(16.0).reshape(1, 1, 8, 2)
    expected = torch.tensor([7.0, 8.0]).repeat(8, 1)
    expected[2] = torch.tensor([10.0, 11.0])  # the value of key 5
    torch.testing.assert_close(attend(queries, keys, values)[0, 0], expected)


@pytest.mark.parametrize(("n_tokens", "factor", "n"), [(256, 5, 30), (128, 5, 25), (100, 1, 5)])
def test_numbers_of_queries_and_keys_are_those_of_the_paper(n_tokens, factor, n):
    attend = ProbSparseAttention(n_tokens, factor)
    assert n == factor * math.ceil(math.log(n_tokens))
    assert attend.sampled_keys.shape == (n_tokens, n)
    assert attend._choose(*heads_of(n_tokens)[:2]).shape == (3, 2, n)
    assert set(attend.sampled_keys.unique().tolist()) == set(range(n_tokens))


def test_training_samples_keys_from_torchs_generator():
    attend = ProbSparseAttention(64, 1)
    heads = heads_of(64)
    torch.manual_seed(1)
    first, second = attend(*heads), attend(*heads)
    torch.manual_seed(1)
    assert torch.equal(attend(*heads), first)
    assert not torch.allclose(second, first)


def test_evaluation_uses_one_sample_of_keys():
    torch.manual_seed(0)
    net = Informer(2, 3, 64, **SMALL, drop_prob=0.0).double()
    x = torch.randn(4, 2, 64, dtype=torch.float64)
    trained = [net(x) for _ in range(2)]
    evaluated = [net.eval()(x) for _ in range(2)]
    assert not torch.equal(*trained)
    assert torch.equal(*evaluated)


def test_halving_equals_convolution_elu_and_max_pooling_in_a_loop(published):
    torch.manual_seed(0)
    distil = Distil(3).double()
    tokens = torch.randn(2, 7, 3, dtype=torch.float64)
    for window, halved in zip(tokens, distil(tokens), strict=True):
        maps = published.circular_convolution(window.T, distil.conv)
        maps = torch.where(maps > 0, maps, torch.exp(maps) - 1)
        expected = [maps[:, max(0, place - 1) : place + 2].amax(1) for place in (0, 2, 4, 6)]
        torch.testing.assert_close(halved, torch.stack(expected))


def test_logits_equal_the_equations_in_a_loop(published):
    net, x = published.build(Informer, 2, 21, **SMALL)
    first, distil, second = net.layers

    def layer_of(layer, tokens):
        sampled, n = layer.attend.sampled_keys.tolist(), layer.attend.n_chosen
        assert n < len(tokens)
        return published.our_layer(
            layer, tokens, lambda q, k, v: prob_sparse(published.attention, q, k, v, sampled, n)
        )

    for window, logits in zip(x, net(x), strict=True):
        tokens = layer_of(first, published.embedding(window, net.embed, 6))
        tokens = layer_of(second, distil(tokens[None])[0])  # 21 -> 11, see the test above
        tokens = published.layer_norm(tokens, net.norm)
        torch.testing.assert_close(published.head(tokens, net), logits)


@pytest.mark.parametrize(("n_layers", "n_left"), [(1, 33), (2, 17), (3, 9)])
def test_parameter_count_is_that_of_the_equations(n_layers, n_left):
    C, T, n, d, hidden = 4, 33, 3, 6, 10
    layer = 4 * (d * d + d) + (d * hidden + hidden) + (hidden * d + d) + 4 * d
    distil = 3 * d * d + d
    total = 3 * C * d + n_layers * layer + (n_layers - 1) * distil + 2 * d + (n_left * d * n + n)
    net = Informer(C, n, T, **{**SMALL, "n_layers": n_layers})
    assert sum(p.numel() for p in net.parameters()) == total
