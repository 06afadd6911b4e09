import importlib.util
import sys
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F

from skmamba.modules import Mamba, mamba, resolve_backend, selective_scan
from skmamba.modules._kernels import fused_scan

SCANS = (fused_scan, mamba.scan, mamba.scan_by_doubling)


def loop_scan(u, delta, A, B, C, D):
    """The recurrence, one number at a time."""
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


def loop_mamba(block, x):
    """Mamba as in mamba-ssm's reference path, with a real convolution."""
    u, z = (x @ block.in_proj.weight.T).split(block.D.numel(), dim=-1)
    u = F.silu(block.conv1d(u.transpose(1, 2))[..., : x.shape[1]]).transpose(1, 2)
    step, B, C = (u @ block.x_proj.weight.T).split(
        [block.dt_rank, block.d_state, block.d_state], dim=-1
    )
    delta = F.softplus(step @ block.dt_proj.weight.T + block.dt_proj.bias)
    y = loop_scan(u, delta, -torch.exp(block.A_log), B, C, block.D)
    return (y * F.silu(z)) @ block.out_proj.weight.T


def make_inputs(batch=2, length=5, channels=3, n_state=4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    u, delta = draw(batch, length, channels), draw(batch, length, channels).exp()
    A, D = -draw(channels, n_state).exp(), draw(channels)
    return [u, delta, A, draw(batch, length, n_state), draw(batch, length, n_state), D]


def assert_same_gradients(ours, theirs, leaves):
    torch.testing.assert_close(ours, theirs)
    upstream = torch.randn_like(ours)
    for our, their in zip(
        torch.autograd.grad(ours, leaves, upstream, materialize_grads=True),
        torch.autograd.grad(theirs, leaves, upstream),
        strict=True,
    ):
        torch.testing.assert_close(our, their)


def test_scan_of_two_steps_by_hand():
    # h1 = 0.5 * 2 * 3 = 3, y1 = 4 * 3; h2 = exp(-ln 2) * 3 + 1 * 1 * 1 = 2.5, y2 = 1 * 2.5
    y = selective_scan(
        u=torch.tensor([[[3.0], [1.0]]]),
        delta=torch.tensor([[[0.5], [1.0]]]),
        A=-torch.log(torch.tensor([[2.0]])),
        B=torch.tensor([[[2.0], [1.0]]]),
        C=torch.tensor([[[4.0], [1.0]]]),
    )
    assert y.flatten().tolist() == pytest.approx([12.0, 2.5])


@pytest.mark.parametrize("length", [1, 2, 3, 8, 13])
@pytest.mark.parametrize("scan", SCANS, ids=lambda scan: scan.__name__)
def test_every_scan_equals_the_loop(monkeypatch, scan, length):
    monkeypatch.setattr(mamba, "fused_scan", scan)  # the one that selective_scan runs here
    inputs = [t.requires_grad_() for t in make_inputs(length=length)]
    assert_same_gradients(selective_scan(*inputs), loop_scan(*inputs), inputs)


@pytest.mark.parametrize("length", [1, 5])
def test_gradients_are_exact_in_float64(length):
    inputs = tuple(t.requires_grad_() for t in make_inputs(length=length))
    assert torch.autograd.gradcheck(selective_scan, inputs)


def test_a_second_derivative_raises():
    inputs = [t.requires_grad_() for t in make_inputs()]
    with pytest.raises(RuntimeError, match="no second derivative: take gradients without create_"):
        torch.autograd.grad(selective_scan(*inputs).sum(), inputs, create_graph=True)


def test_outputs_do_not_depend_on_later_inputs():
    u, *others = make_inputs()
    changed = u.clone()
    changed[:, 3:] += 1
    before, after = selective_scan(u, *others), selective_scan(changed, *others)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.equal(before[:, 3:], after[:, 3:])


@pytest.mark.parametrize("scan", SCANS, ids=lambda scan: scan.__name__)
def test_strong_decay_over_many_steps_is_finite(scan):
    u, delta, A, B, C, _ = make_inputs(length=200, dtype=torch.float32)
    assert scan(u, 100 * delta, A, B, C).isfinite().all()


def test_no_states_are_saved_for_the_backward_pass():
    saved = []
    inputs = [t.requires_grad_() for t in make_inputs(length=8, n_state=16)]
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        selective_scan(*inputs)
    assert max(t.numel() for t in saved) <= max(t.numel() for t in inputs)


def test_autocast_keeps_the_state_in_single_precision():
    inputs = make_inputs(dtype=torch.float32)
    expected = selective_scan(*inputs)
    leaves = [t.requires_grad_() for t in inputs]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = selective_scan(*leaves)
        y.sum().backward()
    torch.testing.assert_close(y, expected)
    assert all(t.grad.dtype == torch.float32 for t in leaves)


@pytest.mark.parametrize("length", [1, 2, 4, 9])
def test_block_equals_the_reference_computation(length):
    torch.manual_seed(0)
    block = Mamba(d_model=4, d_state=3, d_conv=4, expand=2).double()
    x = torch.randn(2, length, 4, dtype=torch.float64)
    assert_same_gradients(block(x), loop_mamba(block, x), list(block.parameters()))


def test_the_exported_block_computes_the_same():
    block = Mamba(d_model=4, d_state=3).double()
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    torch.testing.assert_close(torch.export.export(block, (x,)).module()(x), block(x))


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


@pytest.fixture
def reference_mamba(monkeypatch):
    """Class of mamba-ssm's own module with its own reference scan, from its files.

    Its packages import compiled extensions, so they are replaced by empty ones. The unpacked source
    archive of PyPI on PYTHONPATH is sufficient.
    """
    spec = importlib.util.find_spec("mamba_ssm")
    if spec is None:
        pytest.skip("mamba-ssm is not installed")
    (root,) = spec.submodule_search_locations
    for name in ("", ".modules", ".ops", ".ops.triton", ".utils"):
        package = ModuleType(f"mamba_ssm{name}")
        package.__path__ = [root + name.replace(".", "/")]
        monkeypatch.setitem(sys.modules, package.__name__, package)
    norm = ModuleType("mamba_ssm.ops.triton.layer_norm")
    norm._layer_norm_fwd = norm.RMSNorm = norm.layer_norm_fn = norm.rms_norm_fn = None
    for stub in (norm, ModuleType("selective_scan_cuda")):
        monkeypatch.setitem(sys.modules, stub.__name__, stub)
    module = importlib.import_module("mamba_ssm.modules.mamba_simple")
    scans = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    monkeypatch.setattr(module, "selective_scan_fn", scans.selective_scan_ref)
    yield module.Mamba
    for name in [name for name in sys.modules if name.startswith("mamba_ssm.")]:
        del sys.modules[name]


@pytest.mark.parametrize("params", [{}, {"d_state": 4, "d_conv": 2, "expand": 1}])
@pytest.mark.parametrize("length", [1, 4, 62])
def test_the_block_equals_that_of_mamba_ssm(reference_mamba, params, length):
    torch.manual_seed(0)
    theirs, ours = reference_mamba(32, use_fast_path=False, **params), Mamba(32, **params)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(3, length, 32)
    gradients = []
    for block in (ours, theirs):
        own = x.clone().requires_grad_()
        y = block(own)
        y.square().sum().backward()
        gradients.append([y, own.grad, *(p.grad for _, p in sorted(block.named_parameters()))])
    for value, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-5)
    theirs.load_state_dict(ours.state_dict())


def test_initial_step_sizes_are_within_their_range():
    steps = F.softplus(Mamba(d_model=64).dt_proj.bias)
    assert steps.min() >= 1e-3 * 0.999
    assert steps.max() <= 1e-1 * 1.001
    assert steps.max() / steps.min() > 10


def test_initial_step_sizes_are_log_uniform_and_their_weights_have_the_scale_of_the_rank():
    projection = Mamba(d_model=1024, dt_rank=16).dt_proj
    position = (F.softplus(projection.bias).log10() + 3) / 2  # from 1e-3 to 1e-1
    shares = torch.histc(position, 4, 0, 1) / len(position)
    torch.testing.assert_close(shares, torch.full((4,), 0.25), atol=0.08, rtol=0)
    assert 0.24 < projection.weight.abs().max() <= 0.25


@pytest.mark.parametrize(
    ("error", "device", "expected"),
    [(None, "cpu", "torch"), (None, "cuda:0", "mamba_ssm"), ("no such module", "cuda", "torch")],
)
def test_auto_is_mamba_ssm_on_cuda_if_its_kernel_imports(monkeypatch, error, device, expected):
    monkeypatch.setattr(mamba, "_import_failure", lambda: error)
    assert resolve_backend("auto", device) == expected


@pytest.mark.parametrize(
    ("error", "device", "message"),
    [
        (None, "cpu", "needs a CUDA device, got device 'cpu'"),
        ("libcudart.so.12 not found", "cuda", r"does not import \(libcudart\.so\.12 not found\)"),
    ],
)
def test_mamba_ssm_raises_where_it_cannot_run(monkeypatch, error, device, message):
    monkeypatch.setattr(mamba, "_import_failure", lambda: error)
    with pytest.raises(RuntimeError, match=message):
        resolve_backend("mamba_ssm", device)


@pytest.mark.parametrize(
    "use", [lambda b: resolve_backend(b, "cpu"), lambda b: Mamba(8, backend=b)]
)
def test_an_unknown_backend_raises(use):
    with pytest.raises(ValueError, match="backend must be one of 'auto', 'torch', 'mamba_ssm'"):
        use("triton")


def test_the_kernel_of_mamba_ssm_gets_one_precision_and_its_axes(monkeypatch):
    def scan_as_the_kernel(u, delta, A, B, C, D):
        assert {t.dtype for t in (u, delta, A, B, C, D)} == {torch.float32}  # as it requires
        u, delta, B, C = (t.transpose(1, 2) for t in (u, delta, B, C))
        return mamba.selective_scan(u, delta, A, B, C, D).transpose(1, 2)

    name = "mamba_ssm.ops.selective_scan_interface"
    for part in ("mamba_ssm", "mamba_ssm.ops", name):
        monkeypatch.setitem(sys.modules, part, ModuleType(part))
    sys.modules[name].selective_scan_fn = scan_as_the_kernel
    monkeypatch.setattr(mamba, "resolve_backend", lambda backend, device: backend)
    block, x = Mamba(d_model=16), torch.randn(2, 5, 16)
    for dtype, autocast in ((torch.float32, False), (torch.float32, True), (torch.float64, False)):
        block, x, y = block.to(dtype), x.to(dtype), []
        for block.backend in ("torch", "mamba_ssm"):
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                y.append(block(x))
        torch.testing.assert_close(*y)


def test_shapes_are_known_without_memory():
    with torch.device("meta"):
        assert Mamba(8)(torch.empty(2, 3, 8)).shape == (2, 3, 8)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("autocast", "tolerance"), [(False, 1e-4), (True, 2e-2)])
def test_the_cuda_kernel_equals_the_torch_path(autocast, tolerance):
    pytest.importorskip("mamba_ssm", reason="mamba-ssm is not installed", exc_type=ImportError)
    torch.manual_seed(0)
    block = Mamba(d_model=32, backend="mamba_ssm").cuda()
    x, y = torch.randn(4, 8, 32, device="cuda"), []
    for block.backend in ("mamba_ssm", "torch"):
        with torch.autocast("cuda", torch.bfloat16, enabled=autocast):
            y.append(block(x))
    torch.testing.assert_close(*y, rtol=tolerance, atol=tolerance)
