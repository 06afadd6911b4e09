"""Evaluation of our pipelines by MOABB on its simulated data set, against scikit-learn's scores."""

import os
import pickle
import tempfile
import warnings
from itertools import product
from unittest import mock

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from skmamba import MSiMambaClassifier, SlidingWindows, WindowVotingClassifier
from skmamba.preprocessing import SubjectWhitening

pytest.importorskip("moabb", reason="needs moabb")

import mne
from moabb.datasets.fake import FakeDataset
from moabb.evaluations import (
    CrossSessionEvaluation,
    CrossSubjectEvaluation,
    WithinSessionEvaluation,
)
from moabb.evaluations.protocols import CrossSubjectMode
from moabb.paradigms import LeftRightImagery
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace

# MOABB 1.7 does not set the type of its saved scores
pytestmark = pytest.mark.filterwarnings("ignore:Creating a dataset without passing data or dtype")

SFREQ = 100
AMPLITUDE = 10e-6  # volt; the noise has 20e-6
SUBJECTS = ["1", "2", "3"]
SESSIONS = ["0", "1"]
SIDES = ["left_hand", "right_hand"]


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Folder for the settings, data and results of MOABB and MNE."""
    folder = tmp_path_factory.mktemp("moabb")
    settings = ["_MNE_FAKE_HOME_DIR", "MNE_DATA", "MOABB_RESULTS"]
    with mock.patch.dict(os.environ, dict.fromkeys(settings, str(folder))):
        yield folder


@pytest.fixture(scope="module")
def dataset(folder):
    """Three subjects, two sessions of 16 trials; a rhythm of 12 Hz in trials of the left hand."""

    # Not at the top of the module, which joblib's workers cannot import.
    class RhythmDataset(FakeDataset):
        def _get_single_subject_data(self, subject):
            sessions = super()._get_single_subject_data(subject)
            for runs in sessions.values():
                for raw in runs.values():
                    events = mne.find_events(raw, verbose="ERROR")
                    left = events[events[:, 2] == self.event_id["left_hand"], 0]
                    time = np.arange(3 * SFREQ)
                    rhythm = np.zeros(raw.n_times)
                    rhythm[left[:, None] + time] = np.sin(2 * np.pi * 12 * time / SFREQ)
                    raw.apply_function(lambda x, rhythm=rhythm: x + AMPLITUDE * rhythm, picks="eeg")
            return sessions

    with mock.patch.object(tempfile, "tempdir", str(folder)):  # FakeDataset creates a folder
        return RhythmDataset(
            event_list=SIDES,
            n_sessions=len(SESSIONS),
            n_runs=1,
            n_subjects=len(SUBJECTS),
            channels=("C3", "C4"),
            seed=0,
            sfreq=SFREQ,
            duration=60,
            n_events=16,
        )


@pytest.fixture(scope="module")
def paradigm():
    return LeftRightImagery(fmin=8, fmax=30, tmin=0, tmax=2)


@pytest.fixture(scope="module")
def arrays(dataset, paradigm):
    """X, y as names, and metadata, as MOABB passes them to pipelines."""
    return paradigm.get_data(dataset)


@pytest.fixture(scope="module")
def pipelines():
    sizes = {"d_hidden": 4, "n_kernels": 2, "batch_size": 16}
    network = MSiMambaClassifier(8, **sizes, max_epochs=5, lr=1e-2, random_state=0)
    tangent = make_pipeline(Covariances("oas"), TangentSpace(), LogisticRegression())
    return {
        "MS-iMamba": make_pipeline(SlidingWindows(1.0, sfreq=SFREQ), network),
        "tangent": make_pipeline(
            SlidingWindows(0.64, 0.32, sfreq=SFREQ), WindowVotingClassifier(tangent)
        ),
    }


@pytest.fixture
def run(dataset, paradigm, tmp_path):
    """Return a function that evaluates pipelines to scores by pipeline, subject and session."""

    def run(evaluation, pipelines, param_grid=None, **params):
        params = {"random_state": 0, "hdf5_path": str(tmp_path), "overwrite": True, **params}
        results = evaluation(paradigm, [dataset], **params).process(pipelines, param_grid)
        assert not results.isna().any(axis=None)
        scores = results.set_index(["pipeline", "subject", "session"])["score"]
        assert sorted(scores.index) == sorted(product(pipelines, SUBJECTS, SESSIONS))
        return scores

    return run


def score_with_sklearn(protocol, pipeline, arrays):
    """Score a pipeline by subject and session with scikit-learn."""
    X, y, metadata = arrays
    subject = metadata["subject"].astype(str).to_numpy()
    session = metadata["session"].astype(str).to_numpy()
    scores = {}
    for one, day in product(SUBJECTS, SESSIONS):
        test = (subject == one) & (session == day)
        if protocol == "within session":
            cv = StratifiedKFold(2, shuffle=True, random_state=0)
            folds = cross_val_score(pipeline, X[test], y[test], cv=cv, scoring="roc_auc")
            scores[one, day] = folds.mean()
            continue
        train = {
            "cross session": (subject == one) & (session != day),
            "cross subject": subject != one,
        }[protocol]
        fitted = clone(pipeline).fit(X[train], y[train])
        scores[one, day] = get_scorer("roc_auc")(fitted, X[test], y[test])
    return scores


@pytest.mark.parametrize(
    ("protocol", "evaluation", "params"),
    [
        ("within session", WithinSessionEvaluation, {"n_splits": 2}),
        ("cross session", CrossSessionEvaluation, {"return_epochs": True}),
        ("cross subject", CrossSubjectEvaluation, {"n_jobs": 2}),
    ],
)
def test_scores_are_those_of_scikit_learn(protocol, evaluation, params, run, pipelines, arrays):
    scores = run(evaluation, pipelines, **params)
    for name, pipeline in pipelines.items():
        expected = score_with_sklearn(protocol, pipeline, arrays)
        assert scores[name].to_dict() == pytest.approx(expected, abs=1e-6)  # saved as float32
        assert scores[name].mean() > 0.7


@pytest.mark.parametrize("name", ["MS-iMamba", "tangent"])
def test_a_model_fitted_on_arrays_predicts_epochs(name, pipelines, arrays, dataset, paradigm):
    X, y, _ = arrays
    epochs, *_ = paradigm.get_data(dataset, return_epochs=True)
    fitted = clone(pipelines[name]).fit(X, y)
    assert np.std(X) > 1e5 * np.std(epochs.get_data())  # microvolt and volt
    np.testing.assert_allclose(fitted.predict_proba(epochs), fitted.predict_proba(X), atol=1e-6)


@pytest.fixture
def load_models(tmp_path, monkeypatch):
    """Load the models of ``save_model=True``, in the order of subjects and folds."""
    # MOABB 1.7 sets this attribute on every fitted step before it pickles the model, and pickle
    # looks it up on the class of the step.
    monkeypatch.setattr(BaseEstimator, "_sklearn_is_fitted_true", lambda self: True, raising=False)
    return lambda: [pickle.loads(path.read_bytes()) for path in sorted(tmp_path.rglob("*.pkl"))]


def test_saved_models_contain_the_names_of_labels(run, pipelines, arrays, load_models):
    flags = {"return_epochs": True, "mne_labels": True, "save_model": True}
    scores = run(CrossSubjectEvaluation, {"MS-iMamba": pipelines["MS-iMamba"]}, **flags)
    models = load_models()
    assert [list(model.classes_) for model in models] == [SIDES] * len(SUBJECTS)

    X, y, metadata = arrays
    for (subject, session), test in metadata.groupby(["subject", "session"]).indices.items():
        score = get_scorer("roc_auc")(models[subject - 1], X[test], y[test])
        assert scores["MS-iMamba", str(subject), session] == pytest.approx(score, abs=1e-6)


def test_param_grid_searches_over_windows_and_network(run, pipelines, load_models):
    grid = {"slidingwindows__window_size": [0.5, 1.0], "msimambaclassifier__max_epochs": [2]}
    pipelines = {"MS-iMamba": pipelines["MS-iMamba"]}
    run(CrossSessionEvaluation, pipelines, {"MS-iMamba": grid}, save_model=True)
    models = load_models()
    assert len(models) == len(SUBJECTS) * len(SESSIONS)
    for model in models:
        assert len(model.cv_results_["params"]) == 2
        best = model.best_params_["slidingwindows__window_size"]
        assert model.best_estimator_["slidingwindows"].window_size_samples_ == best * SFREQ


@pytest.mark.parametrize("mode", [str(mode.value) for mode in CrossSubjectMode])
def test_pipelines_run_in_each_mode_of_the_transfer_evaluation(mode, dataset, paradigm, tmp_path):
    network = MSiMambaClassifier(8, d_hidden=4, n_kernels=2, max_epochs=2)
    options = {"random_state": 0, "hdf5_path": str(tmp_path), "overwrite": True, "cs_mode": mode}
    evaluation = CrossSubjectEvaluation(paradigm, [dataset], **options)
    with config_context(enable_metadata_routing=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SubjectWhitening got no groups in transform")
        whitening = SubjectWhitening("unlabelled", sfreq=SFREQ, l_freq=8, h_freq=30)
        # MOABB passes the subjects of the training trials; the trials to predict have one subject.
        whitening.set_fit_request(groups="subjects").set_transform_request(groups="subjects")
        pipeline = make_pipeline(whitening, SlidingWindows(1.0, sfreq=SFREQ), network)
        results = evaluation.process({"whitened": pipeline})
    assert sorted(results["subject"].unique()) == SUBJECTS
    assert np.isfinite(results["score"]).all()
