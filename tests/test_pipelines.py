"""Models by name: pipelines that differ in their last step only."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.covariance import OAS

from skmamba import (
    BraindecodeClassifier,
    MSiMambaClassifier,
    WindowVotingClassifier,
    make_models,
)
from skmamba.datasets import simulate_trials
from skmamba.pipelines import list_models

LINEAR = ["band-power-LDA", "tangent-space-LR"]
RIVALS = ["DLinear", "TimesNet", "iTransformer", "NonstationaryTransformer", "Informer"]
SERIES = [*RIVALS, "TCN"]
NEEDS = {
    "tangent-space-LR": "pyriemann",
    **dict.fromkeys(["MS-iMamba", "band-power-LDA", *RIVALS], "torch"),
}


@pytest.fixture(scope="module")
def trials():
    """Six channels, of which four are frontal; four seconds at 128 Hz."""
    return simulate_trials(n_subjects=2, n_trials=6, n_channels=6)


def test_the_list_starts_with_ours_and_holds_each_name_once():
    names = list_models()
    assert names[:3] == ["MS-iMamba", *LINEAR]
    assert names[-6:] == SERIES
    assert len(set(names)) == len(names)


def test_a_list_that_is_changed_does_not_change_the_next():
    list_models().clear()
    assert list_models()


def test_braindecode_has_all_of_the_listed_names():
    models = pytest.importorskip("braindecode.models")
    assert all(hasattr(models, name) for name in list_models()[3:-6])


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
        ("tangent-space-LR", WindowVotingClassifier),
        ("EEGNet", BraindecodeClassifier),
        ("iTransformer", BraindecodeClassifier),
    ],
)
def test_each_name_makes_its_classifier(trials, name, kind):
    models = make_models(name, trials)
    assert list(models) == [name]
    assert type(models[name][-1]) is kind


def test_models_differ_in_their_last_step_only(trials):
    models = make_models(list_models(), trials, picks=["Fp1", "F4"], window_size=1.0, stride=0.5)
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
    (model,) = make_models("band-power-LDA", trials, picks=None).values()
    assert model[0].fit_transform(trials.X).shape == trials.X.shape


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("eegnet", "EEGNet"),
        ("EEGNET", "EEGNet"),
        ("ms-imamba", "MS-iMamba"),
        ("band-power-lda", "band-power-LDA"),
        ("shallowfbcspnet", "ShallowFBCSPNet"),
        ("itransformer", "iTransformer"),
        ("tcn", "TCN"),
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
        ("band-power", r"Nearest: band-power-LDA"),
        ("alll", r"No model 'alll'\."),
        ("ITransfomer", r"Nearest: iTransformer\."),
        ("xxx", r"No model 'xxx'\. skmamba\.list_models\(\) gives MS-iMamba, band-power-LDA, tang"),
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


@pytest.mark.parametrize("names", ["all", ["all"], "ALL", ["EEGNet", "all"]])
def test_all_are_those_of_the_list(trials, names):
    models = make_models(names, trials)
    assert sorted(models) == sorted(list_models())


def test_all_and_one_more_are_one_more(trials):
    assert list(make_models(["all", "EEGITNet"], trials)) == [*list_models(), "EEGITNet"]


def test_networks_for_time_series_are_those_of_rivals_and_a_tcn_of_braindecode(trials):
    *models, tcn = (model[-1].model for model in make_models(SERIES, trials).values())
    assert {model.__name__ for model in models} == set(models.__all__)
    assert [model.__name__.lower() for model in models] == [name.lower() for name in RIVALS]
    assert tcn == "BDTCN"


def test_networks_train_alike(trials):
    models = make_models(["EEGNet", *SERIES], trials)
    eegnet, *others = (model[-1].get_params() for model in models.values())
    for params in others:
        assert {**params, "model": "EEGNet"} == eegnet


def test_the_tangent_space_is_that_of_each_windows_shrunk_covariance(trials):
    pytest.importorskip("pyriemann")
    model = make_models("tangent-space-LR", trials, window_size=1.0)["tangent-space-LR"]
    model.fit(trials.X, trials.y)
    covariances, tangent, _, _ = (step for _, step in model[-1].estimator_.steps)
    windows = model[:-1].transform(trials.X).reshape(-1, 4, 128).astype(float)
    shrunk = np.array([OAS().fit(window.T).covariance_ for window in windows])
    np.testing.assert_allclose(covariances.transform(windows), shrunk, rtol=1e-6)

    def map_spectrum(matrix, function):
        values, vectors = np.linalg.eigh(matrix)
        return vectors * function(values) @ vectors.T

    whiten = map_spectrum(tangent.reference_, lambda values: values**-0.5)
    logs = np.array([map_spectrum(whiten @ matrix @ whiten, np.log) for matrix in shrunk])
    np.testing.assert_allclose(logs.mean(0), 0, atol=1e-5)  # the reference is the mean of all
    upper = np.triu_indices(4)
    expected = logs[:, *upper] * np.where(upper[0] == upper[1], 1, np.sqrt(2))
    np.testing.assert_allclose(tangent.transform(shrunk), expected, atol=1e-8)


def test_missing_pyriemann_is_told_with_the_remedy(monkeypatch, trials):
    for name in [name for name in sys.modules if name.split(".")[0] == "pyriemann"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyriemann", None)
    with pytest.raises(ImportError, match=r"tangent-space-LR needs pyRiemann: pip .*\[riemann\]"):
        make_models("tangent-space-LR", trials)


def test_networks_get_the_seed_the_epochs_and_the_rate(trials):
    models = make_models(list_models(), trials, random_state=7, max_epochs=3)
    for name in set(list_models()) - set(LINEAR):
        params = models[name][-1].get_params()
        assert (params["random_state"], params["max_epochs"]) == (7, 3)
    for name in ("TSception", *SERIES):
        assert models[name][-1].sfreq == trials.sfreq
    assert models["band-power-LDA"][-1].estimator[0].sfreq == trials.sfreq


def test_networks_keep_their_own_number_of_epochs_unless_told(trials):
    model = make_models("MS-iMamba", trials)["MS-iMamba"]
    assert model[-1].max_epochs == MSiMambaClassifier().max_epochs


@pytest.mark.filterwarnings("ignore:n_times .* is smaller than the minimum:UserWarning")
@pytest.mark.parametrize("name", list_models())
def test_models_are_cloned_fitted_and_pickled(trials, name):
    pytest.importorskip(NEEDS.get(name, "braindecode"))
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
            "make_models(['MS-iMamba', 'EEGNet', 'SPARCNet', 'TCN'], simulate_trials())",
            {"braindecode", "pyriemann"},
        ),
        (
            "from skmamba import make_models, simulate_trials\n"
            "trials = simulate_trials(n_subjects=2, n_trials=4, n_times=256)\n"
            "model = make_models('DLinear', trials, max_epochs=1)['DLinear']\n"
            "model.fit(trials.X, trials.y).predict(trials.X)",
            {"braindecode", "pyriemann"},
        ),
    ],
)
def test_names_and_models_come_without_braindecode(statement, absent):
    code = f"import sys\n{statement}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "skmamba" in done.stdout.split()
    assert absent.isdisjoint(done.stdout.split())
