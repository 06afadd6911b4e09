"""Other ways to keep a fitted pipeline: pickle, joblib, skops."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skmamba import BraindecodeClassifier, ChannelPicker, MSiMambaClassifier, SlidingWindows
from skmamba.datasets import simulate_trials
from skmamba.preprocessing import EuclideanAlignment

TINY = {"d_model": 8, "d_hidden": 4, "max_epochs": 1, "random_state": 0}


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=2, n_trials=6, n_channels=4, n_times=128)


@pytest.fixture(scope="module", params=["one", "several", "float64", "fixed", "braindecode"])
def pipe(request, trials):
    if request.param == "braindecode":
        pytest.importorskip("braindecode")
        classifier = BraindecodeClassifier("ShallowFBCSPNet", max_epochs=1, random_state=0)
    else:
        options = {
            "one": {"n_members": 1},
            "several": {"n_members": 2},
            "float64": {"dtype": "float64"},
            "fixed": {"period_selection": "fixed"},
        }
        classifier = MSiMambaClassifier(**TINY, **options[request.param])
    picker = ChannelPicker(["Fp1", "F4"], ch_names=trials.ch_names)
    pipe = make_pipeline(
        picker, EuclideanAlignment(), SlidingWindows(window_size_samples=64), classifier
    )
    with pytest.warns(UserWarning, match="got no groups"):
        return pipe.fit(trials.X, np.array(["rest", "task"])[trials.y])


def through_joblib(pipe, folder):
    joblib.dump(pipe, folder / "pipe.joblib")
    return joblib.load(folder / "pipe.joblib")


def through_skops(pipe, folder):
    io = pytest.importorskip("skops.io")
    content = io.dumps(pipe)
    foreign = io.get_untrusted_types(data=content)
    assert foreign
    assert all(name.startswith("skmamba.") for name in foreign)
    return io.loads(content, trusted=foreign)


@pytest.mark.parametrize(
    "there_and_back",
    [lambda pipe, folder: pickle.loads(pickle.dumps(pipe)), through_joblib, through_skops],
    ids=["pickle", "joblib", "skops"],
)
def test_a_fitted_pipeline_answers_as_before_to_the_bit(there_and_back, pipe, trials, tmp_path):
    back = there_and_back(pipe, tmp_path)
    assert np.array_equal(back.predict_proba(trials.X), pipe.predict_proba(trials.X))
    assert np.array_equal(back.predict(trials.X), pipe.predict(trials.X))
    assert back[-1].history_ == pipe[-1].history_
