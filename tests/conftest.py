"""Fixtures shared by all tests."""

import gc
import os

# Required by scikit-learn's array API check, and read when SciPy is first imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# Read by CUDA and its libraries when they are first used; required for determinism.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
# Read by NumPy and torch when they are first imported. Arrays and networks in tests are tiny:
# synchronising threads takes longer than computing.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch

from skmamba.datasets import simulate_trials

torch.set_num_threads(1)


# While the tests are collected, packages create millions of objects that stay. Garbage collection
# would visit all of them again and again.
gc.disable()


def pytest_collection_finish(session):
    """Collect garbage again, except among the objects of imported packages."""
    gc.enable()
    gc.freeze()


def pytest_configure(config):
    """Hide CUDA devices, unless their tests are selected."""
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.fixture
def trials():
    """Four subjects with six trials each, of two classes that differ."""
    return simulate_trials(n_subjects=4, n_trials=6, n_channels=4, n_times=256)


@pytest.fixture
def make_epochs():
    """Factory of mne.Epochs with values 10000 * trial + 1000 * channel + time, in microvolts."""
    mne = pytest.importorskip("mne")

    def make(
        n_trials=4,
        ch_names=("Fp1", "Fp2", "F3"),
        sfreq=128.0,
        n_times=64,
        *,
        other=(),  # channels of type "eog", put before the EEG
        bads=(),
        codes=None,
        event_id=None,
        metadata=None,
    ):
        trial, channel, time = np.ogrid[:n_trials, : len(ch_names), :n_times]
        volt = 1e-6 * (10_000 * trial + 1_000 * channel + time)
        volt = np.concatenate([np.full((n_trials, len(other), n_times), 7.0), volt], axis=1)
        types = ["eog"] * len(other) + ["eeg"] * len(ch_names)
        info = mne.create_info([*other, *ch_names], sfreq, types)
        info["bads"] = list(bads)
        codes = np.ones(n_trials, int) if codes is None else np.asarray(codes)
        events = np.stack([np.arange(n_trials) * n_times, np.zeros(n_trials, int), codes], axis=1)
        return mne.EpochsArray(
            volt, info, events, event_id=event_id, metadata=metadata, verbose=False
        )

    return make
