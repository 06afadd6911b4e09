"""Limits on what a card may request; exceeding them is an error before memory is allocated."""

import contextlib
import threading
import warnings

import numpy as np
import torch
from sklearn.base import is_regressor
from torch.nn.modules import module as hooks

from .._validation import MAX_WORKERS, check_int

# Raised by values of a type or size that no saved model has.
ERRORS: tuple[type[Exception], ...] = (
    ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
MAX_LABEL_BYTES = 64 << 20
MAX_NUMBER = 10_000_000  # of a parameter of a network, such as n_times
MAX_WINDOW = 1 << 21  # numbers in a window: some networks compute one while they are built
# Of a network, relative to its saved weights: layers can replace parameters while they are built.
MAX_RATIO, MAX_EXTRA_PARTS, MAX_EXTRA_NUMBERS = 10, 1000, 1 << 24


def check_requests(steps):
    """Raise ValueError if labels or numbers of threads and processes are too large."""
    n_bytes = 0
    for key, value in _iterate(steps):
        if key == "$labels":
            n_bytes += np.dtype(str(value[0])).itemsize * max(1, len(value[2]))
        elif key in ("n_threads", "n_jobs") or key.endswith("num_workers"):
            if value is not None:
                check_int(key, value, minimum=-MAX_WORKERS, maximum=MAX_WORKERS)
        elif key == "callbacks" and value:
            raise ValueError("callbacks cannot be built: they must be empty")
    if n_bytes > MAX_LABEL_BYTES:
        raise ValueError(f"labels must have at most {MAX_LABEL_BYTES} bytes, got {n_bytes}")


@contextlib.contextmanager
def limit_network(step, fitted):
    """Raise ValueError if the network of a step, built in the block, exceeds its saved weights.

    It is first built without memory, on the device "meta". The limits also hold in the block,
    since some networks of braindecode compute with their weights and cannot be built on it.
    """
    weights, architecture = (fitted["_saved_net"][key] for key in ("weights", "architecture"))
    params = dict(architecture["params"])
    targets = fitted["y_mean_" if is_regressor(step) else "classes_"]
    expected = [fitted["n_chans_"], fitted["n_times_"], np.size(targets)]
    if [params[name] for name in ("n_chans", "n_times", "n_outputs")] != expected:
        raise ValueError(f"the network must have the sizes {expected} of the estimator")
    for key, value in (step.net_params or {}).items():
        if key.startswith("module__"):
            params[key.removeprefix("module__")] = value
    for key, value in _iterate({"params": params}):
        if isinstance(value, int) and abs(value) > MAX_NUMBER:
            raise ValueError(f"{key} must be at most {MAX_NUMBER}, got {value}")
    if params["n_chans"] * params["n_times"] > MAX_WINDOW:
        raise ValueError(
            f"windows must have at most {MAX_WINDOW} numbers, got {params['n_chans']} channels x "
            f"{params['n_times']} samples"
        )
    with _limit_parts(weights), torch.random.fork_rng(devices=[]), torch.device("meta"):
        with contextlib.suppress(RuntimeError), warnings.catch_warnings(action="ignore"):
            step._module_class(architecture["name"])(**params)
    with _limit_parts(weights):
        yield


@contextlib.contextmanager
def _limit_parts(weights):
    """Raise ValueError if this thread builds modules of more parts or numbers than allowed."""
    thread = threading.get_ident()
    n_parts = MAX_RATIO * len(weights) + MAX_EXTRA_PARTS
    n_numbers = MAX_RATIO * sum(weight.size for weight in weights.values()) + MAX_EXTRA_NUMBERS

    def count(module, name, part):
        nonlocal n_parts, n_numbers
        if threading.get_ident() == thread:
            n_parts -= 1
            if isinstance(part, torch.Tensor) and not torch.nn.parameter.is_lazy(part):
                n_numbers -= part.numel()
            if n_parts < 0 or n_numbers < 0:
                raise ValueError("the network has more weights than the file")

    handles = [
        hooks.register_module_parameter_registration_hook(count),
        hooks.register_module_buffer_registration_hook(count),
        hooks.register_module_module_registration_hook(count),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _iterate(values):
    """Yield key and value of all entries of nested dicts and lists."""
    items = values.items() if isinstance(values, dict) else (("", value) for value in values)
    for key, value in items:
        yield key, value
        if isinstance(value, (dict, list, tuple)):
            yield from _iterate(value)
