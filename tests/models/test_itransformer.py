import pytest
import torch

from skmamba.models import ITransformer

SMALL = {"d_model": 6, "n_heads": 2, "d_hidden": 10, "n_layers": 2}


@pytest.mark.parametrize(("n_chans", "n_times"), [(4, 20), (1, 9)])
def test_logits_equal_the_equations_in_a_loop(published, n_chans, n_times):
    net, x = published.build(ITransformer, n_chans, n_times, **SMALL)
    for window, logits in zip(x, net(x), strict=True):
        tokens = published.linear(window, net.embed[0])
        for layer in net.layers:
            tokens = published.encoder_layer(
                tokens,
                weight=layer.self_attn.in_proj_weight,
                bias=layer.self_attn.in_proj_bias,
                n_heads=2,
                attend=published.attention,
                out=layer.self_attn.out_proj,
                norms=(layer.norm1, layer.norm2),
                feed_forward=(layer.linear1, layer.linear2),
            )
        tokens = published.layer_norm(tokens, net.norm)
        torch.testing.assert_close(published.head(tokens, net), logits)


def test_encoding_is_equivariant_to_the_order_of_channels(published):
    net, x = published.build(ITransformer, 5, 16, **SMALL)
    order = [3, 0, 4, 2, 1]
    torch.testing.assert_close(net._encode(x[:, order]), net._encode(x)[:, order])
    assert not torch.allclose(net(x[:, order]), net(x))  # the head is not


def test_layers_have_different_initial_weights():
    torch.manual_seed(0)
    first, second = ITransformer(2, 2, 16, **SMALL).layers
    assert not torch.equal(first.linear1.weight, second.linear1.weight)
