"""Fixtures of the tests of loaders."""

import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest


@pytest.fixture
def peak_below():
    """Return a context manager that limits the memory allocated at any time."""

    @contextmanager
    def limit(n_bytes):
        tracemalloc.start()
        try:
            yield
            assert tracemalloc.get_traced_memory()[1] < n_bytes
        finally:
            tracemalloc.stop()

    return limit


@pytest.fixture
def unchanged_global_state():
    """Require that the test leaves the global random state of NumPy as it was."""
    before = np.random.get_state()
    yield
    after = np.random.get_state()
    assert after[2] == before[2]
    np.testing.assert_array_equal(after[1], before[1])
