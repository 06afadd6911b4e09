"""Differences known to be there: the network finds them with the part that is meant to."""

from functools import cache

import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline

from skmamba import MSiMambaClassifier
from skmamba.datasets import simulate_trials
from skmamba.evaluation import CrossSubjectSplit
from skmamba.preprocessing import BandPower

pytestmark = pytest.mark.slow

EFFECTS = {"strength": 1.5, "agreement": 1.5, "synchrony": 3.0, "slow rhythm": 4.0}
# What a truth cannot be found without. Both parts bring channels together, so a comparison of
# channels' strengths fails only without either; phases, of channels or of waves, are gone once
# the embedding has taken power.
NEEDS = {
    "agreement": {"use_mstb": False, "mixer": "none"},
    "synchrony": {"use_mstb": False},
    "slow rhythm": {"use_mstb": False},
}

FOUND = 0.9
CHANCE = 0.65  # six standard errors of 400 coin flips above one half


@cache
def simulate(truth):
    """30 people, 40 trials each; one trial is one window of 2 s."""
    return simulate_trials(30, 40, n_times=256, signal=truth, effect=EFFECTS[truth])


def score_on_unseen_subjects(model, trials, channels=slice(None)):
    """Balanced accuracy on 10 people of a model trained on 20 others."""
    X = trials.X[:, channels]
    train_idx, test_idx = next(CrossSubjectSplit(3).split(X, trials.y, trials.metadata))
    model.fit(X[train_idx], trials.y[train_idx])
    return balanced_accuracy_score(trials.y[test_idx], model.predict(X[test_idx]))


def make_network(**switches):
    return MSiMambaClassifier(**switches, random_state=0)


@pytest.mark.parametrize("truth", EFFECTS)
def test_the_network_finds_each_truth_in_people_it_has_not_seen(truth):
    assert score_on_unseen_subjects(make_network(), simulate(truth)) > FOUND


@pytest.mark.parametrize("truth", NEEDS)
def test_without_the_part_it_needs_a_truth_is_not_found(truth):
    assert score_on_unseen_subjects(make_network(**NEEDS[truth]), simulate(truth)) < CHANCE


def test_mixing_channels_tokens_is_enough_to_compare_their_strengths():
    assert score_on_unseen_subjects(make_network(use_mstb=False), simulate("agreement")) > FOUND


@pytest.mark.parametrize("truth", ["agreement", "synchrony"])
def test_one_of_two_channels_tells_nothing(truth):
    assert score_on_unseen_subjects(make_network(), simulate(truth), slice(1, 2)) < CHANCE


@pytest.mark.parametrize("truth", NEEDS)
def test_band_power_tells_nothing(truth):
    linear = make_pipeline(BandPower(128.0), LinearDiscriminantAnalysis())
    assert score_on_unseen_subjects(linear, simulate(truth)) < CHANCE


def test_band_power_tells_strength():
    linear = make_pipeline(BandPower(128.0), LinearDiscriminantAnalysis())
    assert score_on_unseen_subjects(linear, simulate("strength")) > FOUND
