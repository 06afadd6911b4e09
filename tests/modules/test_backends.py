import pytest

from skmamba.modules import _backends, resolve_backend


def test_auto_is_torch_on_a_cpu():
    assert resolve_backend("auto", "cpu") == "torch"


def test_auto_takes_the_kernel_on_cuda_where_it_imports(monkeypatch):
    monkeypatch.setattr(_backends, "import_failure", lambda: None)
    assert resolve_backend("auto", "cuda:0") == "mamba_ssm"
    assert resolve_backend("auto", "cpu") == "torch"


def test_auto_is_torch_on_cuda_where_the_kernel_does_not_import(monkeypatch):
    monkeypatch.setattr(_backends, "import_failure", lambda: "no such module")
    assert resolve_backend("auto", "cuda") == "torch"


def test_asking_for_the_kernel_on_a_cpu_says_why_not(monkeypatch):
    monkeypatch.setattr(_backends, "import_failure", lambda: None)
    with pytest.raises(RuntimeError, match="needs a CUDA device, got device 'cpu'"):
        resolve_backend("mamba_ssm", "cpu")


def test_asking_for_a_kernel_that_does_not_import_says_why_not(monkeypatch):
    monkeypatch.setattr(_backends, "import_failure", lambda: "libcudart.so.12 not found")
    with pytest.raises(RuntimeError, match=r"does not import \(libcudart\.so\.12 not found\)"):
        resolve_backend("mamba_ssm", "cuda")


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="backend must be one of auto, torch, mamba_ssm"):
        resolve_backend("triton", "cpu")
