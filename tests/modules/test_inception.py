import pytest
import torch
import torch.nn.functional as F

from skmamba.modules import InceptionConv2d


def mean_of_convolutions(block, x):
    """What the block means: each kernel by itself, then the mean."""
    outputs = [
        F.conv2d(x, kernel.weight, kernel.bias, padding=reach)
        for reach, kernel in enumerate(block.kernels)
    ]
    return torch.stack(outputs).mean(0)


@pytest.mark.parametrize("rows_columns", [(1, 1), (1, 9), (2, 30), (7, 7), (12, 3)])
def test_merged_kernel_equals_the_mean_of_convolutions(rows_columns):
    torch.manual_seed(0)
    block = InceptionConv2d(3, 5, n_kernels=4).double()
    for kernel in block.kernels:
        torch.nn.init.normal_(kernel.bias)
    x = torch.randn(2, 3, *rows_columns, dtype=torch.float64, requires_grad=True)
    parameters = [x, *block.parameters()]
    ours, theirs = block(x), mean_of_convolutions(block, x)
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn_like(ours)
    for our, their in zip(
        torch.autograd.grad((ours * weights).sum(), parameters),
        torch.autograd.grad((theirs * weights).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(our, their)


def test_kernels_have_the_sides_1_3_5():
    block = InceptionConv2d(2, 3, n_kernels=3)
    assert [tuple(kernel.weight.shape) for kernel in block.kernels] == [
        (3, 2, 1, 1),
        (3, 2, 3, 3),
        (3, 2, 5, 5),
    ]
