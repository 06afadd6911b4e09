import pickle

import matplotlib
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skmamba import MSiMambaClassifier, SlidingWindows
from skmamba.plots import TrainingCurveDisplay

TINY = {"d_model": 4, "n_layers": 1, "d_hidden": 2, "n_kernels": 2, "random_state": 0}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def fit(trials, **params):
    pipe = make_pipeline(
        SlidingWindows(window_size_samples=64), MSiMambaClassifier(**TINY, **params)
    )
    return pipe.fit(trials.X, trials.y)


def test_curves_are_the_history(trials):
    pipe = fit(trials, max_epochs=4, early_stopping=True)
    display = TrainingCurveDisplay.from_estimator(pipe)
    history = pipe[-1].history_
    for line, name in zip(display.lines_, ("train_loss", "valid_loss"), strict=True):
        assert line.get_ydata() == pytest.approx([epoch[name] for epoch in history])
        assert list(line.get_xdata()) == [1, 2, 3, 4]
    assert display.ax_.get_title(loc="left") == "MSiMambaClassifier"


def test_a_classifier_may_come_without_its_pipeline(trials):
    pipe = fit(trials, max_epochs=2)
    alone = TrainingCurveDisplay.from_estimator(pipe[-1])
    assert alone.train_loss == TrainingCurveDisplay.from_estimator(pipe).train_loss


def test_without_early_stopping_there_is_one_curve(trials):
    display = TrainingCurveDisplay.from_estimator(fit(trials, max_epochs=2))
    assert display.valid_loss is None
    assert display.kept_epoch is None
    assert len(display.lines_) == 1
    assert display.ax_.get_ylabel() == "training loss"


def test_the_epoch_kept_is_the_one_with_the_lowest_loss(trials):
    pipe = fit(trials, max_epochs=30, lr=0.1, patience=3, early_stopping=True)
    display = TrainingCurveDisplay.from_estimator(pipe)
    assert len(display.epochs) < 30  # it stopped
    kept = display.valid_loss[display.kept_epoch - 1]
    assert kept == pytest.approx(min(display.valid_loss), rel=1e-3)
    assert display.kept_epoch < display.epochs[-1]


def test_a_stored_classifier_is_drawn_too(trials):
    pipe = pickle.loads(pickle.dumps(fit(trials, max_epochs=3, early_stopping=True)))
    assert len(TrainingCurveDisplay.from_estimator(pipe).valid_loss) == 3


def test_it_draws_where_it_is_told_and_opens_nothing(trials):
    figure, ax = plt.subplots()
    display = TrainingCurveDisplay.from_estimator(fit(trials, max_epochs=1), ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert len(plt.get_fignums()) == 1


def test_constructing_draws_nothing():
    display = TrainingCurveDisplay([1, 2], [0.7, 0.6])
    assert not plt.get_fignums()
    assert display.plot() is display


def test_an_unfitted_classifier_is_told_apart_from_one_without_history(trials):
    for estimator in (MSiMambaClassifier(), make_pipeline(MSiMambaClassifier())):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            TrainingCurveDisplay.from_estimator(estimator)
    dummy = DummyClassifier().fit(trials.X, trials.y)
    with pytest.raises(TypeError, match="DummyClassifier has no history_ of losses"):
        TrainingCurveDisplay.from_estimator(dummy)
