import pickle
import sys
from dataclasses import replace

import braindecode.models
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.covariance import OAS
from sklearn.pipeline import make_pipeline
from torch.nn import Module

from skmamba import BraindecodeClassifier, MSiMambaClassifier, WindowVotingClassifier, make_models
from skmamba.datasets import load_deap, simulate_trials, write_fake_deap
from skmamba.pipelines import list_models
from skmamba.preprocessing import SubjectWhitening

LINEAR = ["band-power-LDA", "tangent-space-LR"]
# networks for time series, in skmamba.models but for TCN
TIME_SERIES = ["DLinear", "TimesNet", "iTransformer", "NonstationaryTransformer", "Informer", "TCN"]


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=2, n_trials=6, n_channels=6)


# Names


def test_the_list_has_msimamba_linear_models_braindecode_and_time_series():
    names = list_models()
    assert names[:3] == ["MS-iMamba", *LINEAR]
    assert all(hasattr(braindecode.models, name) for name in names[3:-6])
    assert names[-6:] == TIME_SERIES
    assert len(set(names)) == len(names)
    list_models().clear()
    assert list_models() == names


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("eegnet", "EEGNet"),
        ("EEGNET", "EEGNet"),
        ("ms-imamba", "MS-iMamba"),
        ("band-power-lda", "band-power-LDA"),
        ("itransformer", "iTransformer"),
        ("tcn", "TCN"),
        ("EEGITNet", "EEGITNet"),
    ],
)
def test_names_are_matched_in_any_case(trials, given, name):
    assert list(make_models(given, trials)) == [name]


def test_no_network_of_braindecode_is_taken_for_a_misspelled_name(trials):
    classes = {name: getattr(braindecode.models, name) for name in braindecode.models.__all__}
    names = [
        name for name, cls in classes.items() if isinstance(cls, type) and issubclass(cls, Module)
    ]
    assert len(names) > 30
    assert list(make_models(names, trials)) == names


@pytest.mark.parametrize("names", ["all", ["all"], "ALL", ["EEGNet", "all"], ["all", "EEGITNet"]])
def test_all_stands_for_the_list(trials, names):
    extra = {"EEGITNet"} & set(names)
    assert sorted(make_models(names, trials)) == sorted({*list_models(), *extra})


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("TSceptoin", r"names must be among MS-iMamba, .*got 'TSceptoin'\. Did you mean TSception"),
        ("EEGNett", r"got 'EEGNett'\. Did you mean EEGNet\?"),
        ("ms_imamba", r"Did you mean MS-iMamba\?"),
        ("band-power", r"Did you mean band-power-LDA"),
        ("alll", r"got 'alll'\."),
        ("ITransfomer", r"Did you mean iTransformer\?"),
        ("xxx", r"got 'xxx'\.$"),
        ("Quux", r"or classes of braindecode\.models, got 'Quux'\.$"),
        ("", r"got ''\."),
        (3, r"got 3\."),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest(trials, name, match):
    with pytest.raises(ValueError, match=match):
        make_models(["EEGNet", name], trials)


def test_no_name_is_an_error(trials):
    with pytest.raises(ValueError, match="names must contain at least one of MS-iMamba"):
        make_models([], trials)


# Pipelines


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("MS-iMamba", MSiMambaClassifier),
        ("band-power-LDA", WindowVotingClassifier),
        ("tangent-space-LR", WindowVotingClassifier),
        ("EEGNet", BraindecodeClassifier),
        ("iTransformer", BraindecodeClassifier),
    ],
)
def test_each_name_has_its_classifier(trials, name, cls):
    assert type(make_models(name, trials)[name][-1]) is cls


def test_models_differ_in_their_classifier_only(trials):
    models = make_models(list_models(), trials, picks=["Fp1", "F4"], window_size=1.0, stride=0.5)
    assert list(models) == list_models()
    for model in models.values():
        bags = model[:-1].fit_transform(trials.X)
        assert bags.shape == (12, 7, 2, 128)
        np.testing.assert_array_equal(bags[:, 1, 1], trials.X[:, 3, 64:192])


def test_defaults_are_all_channels_and_two_seconds(trials):
    (model,) = make_models("band-power-LDA", trials).values()
    picker, windows = model[0].fit(trials.X), model[1].fit(trials.X)
    assert picker.ch_names_ == list(trials.ch_names)
    assert (windows.window_size_samples_, windows.stride_samples_) == (256, 256)
    (model,) = make_models("band-power-LDA", trials, picks="frontal4").values()
    assert model[0].fit(trials.X).ch_names_ == ["Fp1", "Fp2", "F3", "F4"]


def test_the_channels_that_a_loader_picks_are_used(tmp_path):
    write_fake_deap(tmp_path, n_subjects=2, n_trials=4, n_times=384 + 256)
    trials = load_deap(tmp_path)  # has no F3 and F4
    (model,) = make_models("band-power-LDA", trials).values()
    assert model.fit(trials.X, trials.y)[0].ch_names_ == ["Fp1", "Fp2", "AF3", "AF4"]


def test_networks_for_time_series_are_trained_as_eegnet_is(trials):
    models = [model[-1] for model in make_models(TIME_SERIES, trials).values()]
    *classes, tcn = (model.model for model in models)
    assert [cls.__name__.lower() for cls in classes] == [name.lower() for name in TIME_SERIES[:-1]]
    assert {cls.__module__.split(".")[1] for cls in classes} == {"models"}
    assert tcn == "BDTCN"
    eegnet = make_models("EEGNet", trials)["EEGNet"][-1].get_params()
    assert all({**model.get_params(), "model": "EEGNet"} == eegnet for model in models)


def test_networks_get_the_seed_the_epochs_and_the_sampling_rate(trials):
    models = make_models(list_models(), trials, random_state=7, max_epochs=3)
    for name in set(list_models()) - set(LINEAR):
        params = models[name][-1].get_params()
        assert (params["random_state"], params["max_epochs"]) == (7, 3)
        assert params.get("sfreq", trials.sfreq) == trials.sfreq
    assert models["band-power-LDA"][-1].estimator[0].sfreq == trials.sfreq
    default = make_models("MS-iMamba", trials)["MS-iMamba"][-1]
    assert default.max_epochs == MSiMambaClassifier().max_epochs


def test_the_tangent_space_is_that_of_the_windows_shrunk_covariances(trials):
    options = {"picks": "frontal4", "window_size": 1.0}
    model = make_models("tangent-space-LR", trials, **options)["tangent-space-LR"]
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
    np.testing.assert_allclose(logs.mean(0), 0, atol=1e-5)  # the reference is the mean
    upper = np.triu_indices(4)
    expected = logs[:, *upper] * np.where(upper[0] == upper[1], 1, np.sqrt(2))
    np.testing.assert_allclose(tangent.transform(shrunk), expected, atol=1e-8)


@pytest.mark.filterwarnings("ignore:n_times .* is smaller than the minimum:UserWarning")
@pytest.mark.parametrize("name", list_models())
def test_models_can_be_cloned_fitted_and_pickled(trials, name):
    model = clone(make_models(name, trials, random_state=0, max_epochs=1)[name])
    proba = model.fit(trials.X, trials.y).predict_proba(trials.X)
    assert proba.shape == (12, 2)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(trials.X), proba)


# Optional dependencies


def test_missing_pyriemann_is_an_error_with_the_remedy(monkeypatch, trials):
    for name in [name for name in sys.modules if name.split(".")[0] == "pyriemann"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyriemann", None)
    match = r"tangent-space-LR requires the extra 'riemann': pip .*\[riemann\]"
    with pytest.raises(ImportError, match=match):
        make_models("tangent-space-LR", trials)


# Adaptation


@pytest.mark.parametrize("adaptation", ["reference", "causal", "unlabelled"])
def test_models_adapt_in_the_network_or_behind_a_whitening(trials, adaptation):
    referenced = replace(trials, reference=trials.X)
    names = ["MS-iMamba", "band-power-LDA", "ShallowFBCSPNet"]
    options = {"window_size": 1.0, "max_epochs": 1, "random_state": 0}
    models = make_models(names, referenced, adaptation=adaptation, **options)
    assert models["MS-iMamba"][-1].adaptation == adaptation
    for name in names[1:]:
        plain = make_models(name, referenced, **options)[name]
        whitening = SubjectWhitening(adaptation)
        expected = make_pipeline(plain[0], whitening, *plain[1:]).fit(referenced, trials.y)
        fitted = models[name].fit(referenced, trials.y)
        assert np.array_equal(fitted.predict(referenced), expected.predict(referenced))
    proba = models["MS-iMamba"].fit(referenced, trials.y).predict_proba(referenced)
    assert proba.shape == (12, 2)


def test_a_whitening_of_arrays_has_the_sampling_rate_of_the_trials(trials):
    options = {"window_size": 1.0, "adaptation": "unlabelled"}
    model = make_models("band-power-LDA", trials, **options)["band-power-LDA"]
    assert model[1].sfreq == trials.sfreq
    with pytest.warns(UserWarning, match="treats all 12 trials as trials of one subject"):
        predicted = model.fit(trials.X, trials.y).predict(trials.X)
    assert predicted.shape == trials.y.shape


def test_an_unknown_adaptation_raises(trials):
    with pytest.raises(ValueError, match=r"adaptation must be one of .* got 'rest'"):
        make_models("EEGNet", trials, adaptation="rest")
