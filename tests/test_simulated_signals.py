"""Parts of MS-iMamba that simulated class differences require."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline

from skmamba import MSiMambaClassifier
from skmamba.datasets import simulate_trials
from skmamba.evaluation import CrossSubjectSplit
from skmamba.preprocessing import BandPower

pytestmark = pytest.mark.slow

EFFECTS = {
    **{"strength": 1.5, "agreement": 1.5, "synchrony": 3.0, "slow rhythm": 4.0},
    **{"evoked response": 0.35, "drift": 0.3},
}
# Module parameters without which a signal is not found. Power discards the phases of channels and
# the sign, but the multi-scale block can turn the sign of a drift to power; to compare channels,
# either block suffices.
ABLATIONS = {
    "agreement": {"use_mstb": False, "mixer": "none"},
    "synchrony": {"use_mstb": False},
    "evoked response": {"n_averages": 0},
    "drift": {"use_mstb": False, "n_averages": 0},
}
FOUND = 0.9
ENOUGH = 6  # epochs that find a signal; the default are 12
NOT_FOUND = 0.65  # six standard errors above the chance level for 400 trials


@cache
def simulate(signal):
    """30 subjects with 40 trials of one window of 2 s."""
    return simulate_trials(30, 40, n_times=256, signal=signal, effect=EFFECTS[signal])


def add_offsets(trials, n_sd):
    """Trials with a random offset of each channel, in standard deviations of the channel."""
    offset = n_sd * np.random.default_rng(0).normal(size=(*trials.X.shape[:2], 1))
    return replace(trials, X=trials.X + trials.X.std((0, 2))[:, None] * offset)


def split(trials):
    """Rows of 20 subjects for training and of 10 others for the test."""
    return next(CrossSubjectSplit(3).split(trials.X, trials.y, trials.metadata))


def score_new_subjects(model, trials, channels=slice(None)):
    """Balanced accuracy on 10 subjects of a model trained on 20 others."""
    X, (train_idx, test_idx) = trials.X[:, channels], split(trials)
    model.fit(X[train_idx], trials.y[train_idx])
    return balanced_accuracy_score(trials.y[test_idx], model.predict(X[test_idx]))


def make_msimamba(max_epochs="auto", **module_params):
    return MSiMambaClassifier(max_epochs=max_epochs, module_params=module_params, random_state=0)


def make_linear():
    return make_pipeline(BandPower(128.0), LinearDiscriminantAnalysis())


# Strength is tested in test_msimamba.py.
@pytest.mark.parametrize("signal", [name for name in EFFECTS if name != "strength"])
def test_msimamba_finds_each_signal_also_in_new_trials_with_offsets(signal):
    trials = simulate(signal)
    train_idx, test_idx = split(trials)
    model = make_msimamba(ENOUGH).fit(trials.X[train_idx], trials.y[train_idx])
    for tested in (trials, add_offsets(trials, 100)):
        predicted = model.predict(tested.X[test_idx])
        assert balanced_accuracy_score(trials.y[test_idx], predicted) > FOUND


@pytest.mark.parametrize("n_sd", [1, 1000])  # with 1000, recordings of amplifiers without filters
@pytest.mark.parametrize("signal", ["slow rhythm", "evoked response"])
def test_msimamba_finds_signals_in_training_trials_with_offsets(signal, n_sd):
    trials = add_offsets(simulate(signal), n_sd)
    assert score_new_subjects(make_msimamba(ENOUGH), trials) > FOUND


@pytest.mark.parametrize("signal", ABLATIONS)
def test_a_signal_is_not_found_without_its_part_of_the_network(signal):
    assert score_new_subjects(make_msimamba(**ABLATIONS[signal]), simulate(signal)) < NOT_FOUND


def test_the_mixer_suffices_to_compare_the_power_of_channels():
    model = make_msimamba(ENOUGH, use_mstb=False)
    assert score_new_subjects(model, simulate("agreement")) > FOUND


@pytest.mark.parametrize("signal", ["agreement", "synchrony"])
def test_one_of_two_channels_does_not_contain_the_signal(signal):
    assert score_new_subjects(make_msimamba(), simulate(signal), slice(1, 2)) < NOT_FOUND


@pytest.mark.parametrize("signal", ABLATIONS)
def test_band_power_does_not_contain_the_signal(signal):
    assert score_new_subjects(make_linear(), simulate(signal)) < NOT_FOUND


def test_spatial_whitening_separates_a_source_from_others():
    trials = simulate_trials(24, 20, 8, 256, signal="source", effect=1.0, random_state=2)
    plain, whitened = (
        score_new_subjects(make_msimamba(spatial_whitening=flag), trials) for flag in (False, True)
    )
    assert whitened > plain + 0.05


def test_band_power_contains_the_strength_of_a_rhythm():
    assert score_new_subjects(make_linear(), simulate("strength")) > FOUND
