import pytest
import torch
import torch.nn.functional as F

from skmamba.modules import Mamba


def plain_mamba(block, x):
    """Mamba as mamba-ssm's reference path computes it: a real convolution, a loop of the state."""
    batch, length, _ = x.shape
    d_inner = block.D.numel()
    u, z = (x @ block.in_proj.weight.T).split(d_inner, dim=-1)
    u = F.silu(block.conv1d(u.transpose(1, 2))[..., :length]).transpose(1, 2)
    projected = u @ block.x_proj.weight.T
    step, B, C = projected.split([block.dt_rank, block.d_state, block.d_state], dim=-1)
    delta = F.softplus(step @ block.dt_proj.weight.T + block.dt_proj.bias)
    A = -torch.exp(block.A_log)
    h = torch.zeros(batch, d_inner, block.d_state, dtype=x.dtype)
    outputs = []
    for t in range(length):
        h = torch.exp(delta[:, t, :, None] * A) * h
        h = h + (delta[:, t] * u[:, t])[..., None] * B[:, t, None]
        outputs.append((h * C[:, t, None]).sum(-1) + block.D * u[:, t])
    y = torch.stack(outputs, dim=1) * F.silu(z)
    return y @ block.out_proj.weight.T


@pytest.mark.parametrize("length", [1, 2, 4, 9])
def test_block_equals_the_plain_computation(length):
    torch.manual_seed(0)
    block = Mamba(d_model=6, d_state=5, d_conv=4, expand=2).double()
    x = torch.randn(3, length, 6, dtype=torch.float64)
    ours, theirs = block(x), plain_mamba(block, x)
    torch.testing.assert_close(ours, theirs)
    parameters = list(block.parameters())
    for our, their in zip(
        torch.autograd.grad(ours.square().sum(), parameters),
        torch.autograd.grad(theirs.square().sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(our, their)


def test_parameters_have_the_names_and_shapes_of_mamba_ssm():
    # mamba_ssm.Mamba(d_model=64, d_state=16, d_conv=4, expand=2), version 2.2
    shapes = {name: tuple(p.shape) for name, p in Mamba(d_model=64).named_parameters()}
    assert shapes == {
        "A_log": (128, 16),
        "D": (128,),
        "in_proj.weight": (256, 64),
        "conv1d.weight": (128, 1, 4),
        "conv1d.bias": (128,),
        "x_proj.weight": (36, 128),
        "dt_proj.weight": (128, 4),
        "dt_proj.bias": (128,),
        "out_proj.weight": (64, 128),
    }


def test_initial_step_sizes_lie_in_the_stated_range():
    steps = F.softplus(Mamba(d_model=64).dt_proj.bias)
    assert steps.min() >= 1e-3 * 0.999
    assert steps.max() <= 1e-1 * 1.001
    assert steps.max() / steps.min() > 10


def test_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="backend must be one of auto, torch, mamba_ssm, got 'cu"):
        Mamba(8, backend="cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_kernel_equals_the_torch_path():
    pytest.importorskip("mamba_ssm", reason="mamba-ssm is not installed", exc_type=ImportError)
    torch.manual_seed(0)
    block = Mamba(d_model=32, backend="mamba_ssm").cuda()
    x = torch.randn(4, 8, 32, device="cuda")
    on_kernel = block(x)
    block.backend = "torch"
    torch.testing.assert_close(on_kernel, block(x), rtol=1e-4, atol=1e-4)
