import pickle

import pytest
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skmamba import MSiMambaClassifier, SlidingWindows
from skmamba.plots import TrainingCurveDisplay

TINY = {"d_model": 4, "n_layers": 1, "d_hidden": 2, "n_kernels": 2, "random_state": 0}
draw = TrainingCurveDisplay.from_estimator


def fit(trials, **params):
    clf = MSiMambaClassifier(**TINY, **params)
    return make_pipeline(SlidingWindows(window_size_samples=64), clf).fit(trials.X, trials.y)


def test_curves_are_the_training_history(trials):
    pipe = fit(trials, max_epochs=4, early_stopping=True)
    history = pipe[-1].history_
    for estimator in (pipe, pipe[-1], pickle.loads(pickle.dumps(pipe))):
        display = draw(estimator)
        for line, name in zip(display.lines_, ("train_loss", "valid_loss"), strict=True):
            assert line.get_ydata() == pytest.approx([epoch[name] for epoch in history])
            assert list(line.get_xdata()) == [1, 2, 3, 4]
        assert display.ax_.get_title(loc="left") == "MSiMambaClassifier"


def test_network_without_early_stopping_has_one_curve(trials):
    display = draw(fit(trials, max_epochs=2))
    assert display.valid_loss is None
    assert display.best_epoch is None
    assert len(display.lines_) == 1


def test_epochs_without_a_validation_loss_leave_one_curve(trials):
    pipe = fit(trials, max_epochs=2, early_stopping=True)
    pipe.set_params(msimambaclassifier__early_stopping=False, msimambaclassifier__warm_start=True)
    display = draw(pipe.fit(trials.X, trials.y))
    assert display.epochs == [1, 2, 3, 4]
    assert display.valid_loss is None and display.best_epoch is None


def test_restored_epoch_has_the_lowest_validation_loss(trials):
    display = draw(fit(trials, max_epochs=30, lr=0.1, patience=3, early_stopping=True))
    assert display.best_epoch < display.epochs[-1] < 30
    best = display.valid_loss[display.best_epoch - 1]
    assert best == pytest.approx(min(display.valid_loss), rel=1e-3)


def test_estimators_without_history_are_errors(trials):
    for estimator in (MSiMambaClassifier(), make_pipeline(MSiMambaClassifier())):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            draw(estimator)
    dummy = DummyClassifier().fit(trials.X, trials.y)
    with pytest.raises(TypeError, match="got DummyClassifier, which has no `history_`"):
        draw(dummy)
