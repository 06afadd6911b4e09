"""Tests of the estimators and networks on a CUDA device."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from skmamba import MSiMambaClassifier, SlidingWindows
from skmamba.datasets import simulate_trials
from skmamba.models import MSiMamba

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
OPTIONS = {"d_model": 16, "drop_prob": 0.0, "max_epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def trials():
    trials = simulate_trials(n_subjects=4, n_trials=6)
    referenced = replace(trials, reference=trials.X[trials.metadata["subject"] * 6])
    return SlidingWindows(1.0).fit_transform(referenced)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"dtype": "bfloat16"},
        {"class_weight": {0: 1.0, 1: 2.0}},
        {"module_params": {"period_selection": "fixed"}},
        *({"adaptation": mode} for mode in ("reference", "causal", "unlabelled")),
    ],
    ids=repr,
)
def test_predictions_on_cuda_are_those_on_the_cpu(trials, params):
    on_cuda, on_cpu = (
        MSiMambaClassifier(device=device, **params, **OPTIONS).fit(trials, trials.y)
        for device in ("cuda", "cpu")
    )
    assert next(on_cuda.net_.module_.parameters()).is_cuda
    proba, expected = on_cuda.predict_proba(trials), on_cpu.predict_proba(trials)
    np.testing.assert_allclose(proba, expected, atol=0.05)
    is_clear = np.abs(expected[:, 0] - 0.5) > 0.05
    assert (proba.argmax(1) == expected.argmax(1))[is_clear].all()


def test_a_classifier_that_was_fitted_on_cuda_predicts_on_the_cpu(trials):
    clf = MSiMambaClassifier(device="cuda", **OPTIONS).fit(trials, trials.y)
    moved = pickle.loads(pickle.dumps(clf)).set_params(device="cpu")
    moved = pickle.loads(pickle.dumps(moved))
    assert not next(moved.net_.module_.parameters()).is_cuda
    np.testing.assert_allclose(
        moved.predict_proba(trials), clf.predict_proba(trials), rtol=1e-3, atol=1e-4
    )


def test_equal_seeds_give_equal_predictions_with_deterministic_algorithms(trials):
    torch.use_deterministic_algorithms(True)
    try:
        first, second = (
            MSiMambaClassifier(device="cuda", **OPTIONS).fit(trials, trials.y).predict_proba(trials)
            for _ in range(2)
        )
    finally:
        torch.use_deterministic_algorithms(False)
    assert np.array_equal(first, second)


@pytest.mark.parametrize("period_selection", ["window", "fixed"])
def test_a_training_step_does_not_wait_for_the_device(period_selection):
    net = MSiMamba(4, 2, 256, period_selection=period_selection).cuda()
    x, weight = torch.randn(64, 4, 256, device="cuda"), torch.rand(64, device="cuda")
    if period_selection == "fixed":
        net.mstb.set_frequencies(torch.rand(128, device="cuda"))
    net(x, weight).sum().backward()  # libraries may wait when they are loaded
    torch.cuda.set_sync_debug_mode("error")
    try:
        net(x, weight).sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
