import pytest
import torch

from skmamba.modules import selective_scan


def loop_scan(u, delta, A, B, C, D):
    """The recurrence as it is written, one number at a time."""
    batch, length, channels = u.shape
    y = torch.zeros_like(u)
    for b in range(batch):
        for d in range(channels):
            h = torch.zeros(A.shape[1], dtype=u.dtype)
            for t in range(length):
                step = delta[b, t, d]
                h = torch.exp(step * A[d]) * h + step * B[b, t] * u[b, t, d]
                y[b, t, d] = C[b, t] @ h + D[d] * u[b, t, d]
    return y


def random_inputs(batch=2, length=5, channels=3, n_state=4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    u, delta = normal(batch, length, channels), normal(batch, length, channels).exp()
    A, D = -normal(channels, n_state).exp(), normal(channels)
    return u, delta, A, normal(batch, length, n_state), normal(batch, length, n_state), D


def test_hand_computed_case():
    # h1 = 0.5 * 2 * 3 = 3, y1 = 4 * 3; h2 = exp(-ln 2) * 3 + 1 * 1 * 1 = 2.5, y2 = 1 * 2.5
    column = torch.tensor
    y = selective_scan(
        u=column([[[3.0], [1.0]]]),
        delta=column([[[0.5], [1.0]]]),
        A=-torch.log(column([[2.0]])),
        B=column([[[2.0], [1.0]]]),
        C=column([[[4.0], [1.0]]]),
    )
    assert y.flatten().tolist() == pytest.approx([12.0, 2.5])


@pytest.mark.parametrize("length", [1, 2, 14])
def test_scan_equals_the_loop_in_float64(length):
    inputs = random_inputs(length=length)
    torch.testing.assert_close(selective_scan(*inputs), loop_scan(*inputs))


@pytest.mark.parametrize("length", [1, 5])
def test_gradients_are_exact_in_float64(length):
    inputs = tuple(t.requires_grad_() for t in random_inputs(length=length))
    assert torch.autograd.gradcheck(selective_scan, inputs)


def test_gradients_equal_those_of_the_loop():
    inputs = [t.requires_grad_() for t in random_inputs()]
    weights = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1)).double()
    ours = torch.autograd.grad((selective_scan(*inputs) * weights).sum(), inputs)
    theirs = torch.autograd.grad((loop_scan(*inputs) * weights).sum(), inputs)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their)


def test_a_second_derivative_is_refused_and_not_wrong():
    inputs = [t.requires_grad_() for t in random_inputs()]
    with pytest.raises(RuntimeError, match="no second derivative: take gradients without create_"):
        torch.autograd.grad(selective_scan(*inputs).sum(), inputs, create_graph=True)


def test_later_tokens_do_not_reach_earlier_outputs():
    u, *others = random_inputs()
    changed = u.clone()
    changed[:, 3:] += 1
    before, after = selective_scan(u, *others), selective_scan(changed, *others)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.equal(before[:, 3:], after[:, 3:])


def test_strong_decay_over_many_steps_does_not_overflow():
    u, delta, A, B, C, D = random_inputs(length=200, dtype=torch.float32)
    y = selective_scan(u, 100 * delta, A, B, C, D)
    assert y.isfinite().all()


def test_backward_keeps_no_states_between_passes():
    saved = []
    inputs = [t.requires_grad_() for t in random_inputs(length=8, n_state=16)]
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        selective_scan(*inputs)
    assert max(t.numel() for t in saved) <= max(t.numel() for t in inputs)


def test_autocast_leaves_the_state_in_single_precision():
    inputs = random_inputs(dtype=torch.float32)
    expected = selective_scan(*inputs)
    leaves = [t.requires_grad_() for t in inputs]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = selective_scan(*leaves)
        y.sum().backward()
    torch.testing.assert_close(y, expected)
    assert all(t.grad.dtype == torch.float32 for t in leaves)
