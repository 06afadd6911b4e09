"""Models by name: pipelines that differ in their last step only."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

from skmamba import (
    BraindecodeClassifier,
    MSiMambaClassifier,
    WindowVotingClassifier,
    list_models,
    make_models,
    simulate_trials,
)


@pytest.fixture(scope="module")
def trials():
    """Six channels, of which four are frontal; four seconds at 128 Hz."""
    return simulate_trials(n_subjects=2, n_trials=6, n_channels=6)


def test_the_list_starts_with_ours_and_holds_each_name_once():
    names = list_models()
    assert names[:2] == ["MS-iMamba", "band-power-LDA"]
    assert len(set(names)) == len(names)


def test_a_list_that_is_changed_does_not_change_the_next():
    list_models().clear()
    assert list_models()


def test_braindecode_has_all_of_the_listed_names():
    models = pytest.importorskip("braindecode.models")
    assert all(hasattr(models, name) for name in list_models()[2:])


def test_names_of_braindecode_are_not_taken_for_misspelled_ones_of_the_list(trials):
    models = pytest.importorskip("braindecode.models")
    names = [name for name in models.__all__ if name[0].isupper()]
    assert len(names) > 30
    assert list(make_models(names, trials)) == list(dict.fromkeys(names))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("MS-iMamba", MSiMambaClassifier),
        ("band-power-LDA", WindowVotingClassifier),
        ("EEGNet", BraindecodeClassifier),
    ],
)
def test_each_name_makes_its_classifier(trials, name, kind):
    models = make_models(name, trials)
    assert list(models) == [name]
    assert type(models[name][-1]) is kind


def test_models_differ_in_their_last_step_only(trials):
    models = make_models(list_models(), trials, channels=["Fp1", "F4"], size=1.0, stride=0.5)
    assert list(models) == list_models()
    for model in models.values():
        bags = model[:-1].fit_transform(trials.X)
        assert bags.shape == (12, 7, 2, 128)
        np.testing.assert_array_equal(bags[:, 1, 1], trials.X[:, 3, 64:192])


def test_defaults_are_four_frontal_channels_and_two_seconds(trials):
    (model,) = make_models("band-power-LDA", trials).values()
    picker, windows = model[0].fit(trials.X), model[1].fit(trials.X)
    assert picker.ch_names_ == ["Fp1", "Fp2", "F3", "F4"]
    assert (windows.size_, windows.stride_) == (256, 256)


def test_all_channels_stay_if_none_are_chosen(trials):
    (model,) = make_models("band-power-LDA", trials, channels=None).values()
    assert model[0].fit_transform(trials.X).shape == trials.X.shape


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("eegnet", "EEGNet"),
        ("EEGNET", "EEGNet"),
        ("ms-imamba", "MS-iMamba"),
        ("band-power-lda", "band-power-LDA"),
        ("shallowfbcspnet", "ShallowFBCSPNet"),
        ("SPARCNet", "SPARCNet"),
    ],
)
def test_names_come_back_as_they_are_spelled(trials, written, name):
    assert list(make_models(written, trials)) == [name]


def test_a_network_that_is_not_listed_goes_to_braindecode(trials):
    classifier = make_models("EEGITNet", trials)["EEGITNet"][-1]
    assert classifier.get_params()["model"] == "EEGITNet"


@pytest.mark.parametrize(
    ("name", "match"),
    [
        (
            "TSceptoin",
            r"No model 'TSceptoin'\. Nearest: TSception\. skmamba\.list_models\(\) gives",
        ),
        ("EEGNett", r"No model 'EEGNett'\. Nearest: EEGNet\."),
        ("ms_imamba", r"No model 'ms_imamba'\. Nearest: MS-iMamba\."),
        ("band-power", r"Nearest: band-power-LDA\."),
        ("xxx", r"No model 'xxx'\. skmamba\.list_models\(\) gives MS-iMamba, band-power-LDA, EEGN"),
        ("", r"No model ''\. "),
        (3, r"No model 3\. "),
    ],
)
def test_a_name_that_can_be_no_model_is_refused_with_the_nearest(trials, name, match):
    with pytest.raises(ValueError, match=match):
        make_models(["EEGNet", name], trials)


def test_no_name_at_all_is_refused(trials):
    with pytest.raises(ValueError, match="names must hold at least one model of MS-iMamba"):
        make_models([], trials)


def test_a_name_that_braindecode_does_not_have_is_told_in_fit(trials):
    pytest.importorskip("braindecode")
    model = make_models("Quux", trials)["Quux"]
    with pytest.raises(ValueError, match="braindecode has no model 'Quux'"):
        model.fit(trials.X, trials.y)


def test_networks_get_the_seed_the_epochs_and_the_rate(trials):
    models = make_models(list_models(), trials, random_state=7, max_epochs=3)
    for name in set(list_models()) - {"band-power-LDA"}:
        params = models[name][-1].get_params()
        assert (params["random_state"], params["max_epochs"]) == (7, 3)
    assert models["TSception"][-1].sfreq == trials.sfreq
    assert models["band-power-LDA"][-1].estimator[0].sfreq == trials.sfreq


def test_networks_keep_their_own_number_of_epochs_unless_told(trials):
    model = make_models("MS-iMamba", trials)["MS-iMamba"]
    assert model[-1].max_epochs == MSiMambaClassifier().max_epochs


@pytest.mark.filterwarnings("ignore:n_times .* is smaller than the minimum:UserWarning")
@pytest.mark.parametrize("name", list_models())
def test_models_are_cloned_fitted_and_pickled(trials, name):
    if name not in ("MS-iMamba", "band-power-LDA"):
        pytest.importorskip("braindecode")
    model = clone(make_models(name, trials, random_state=0, max_epochs=1)[name])
    proba = model.fit(trials.X, trials.y).predict_proba(trials.X)
    assert proba.shape == (12, 2)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(trials.X), proba)


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import skmamba; skmamba.list_models()", {"torch", "braindecode"}),
        (
            "from skmamba import make_models, simulate_trials\n"
            "make_models(['MS-iMamba', 'EEGNet', 'SPARCNet'], simulate_trials())",
            {"braindecode"},
        ),
    ],
)
def test_names_and_models_come_without_braindecode(statement, absent):
    code = f"import sys\n{statement}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "skmamba" in done.stdout.split()
    assert absent.isdisjoint(done.stdout.split())
