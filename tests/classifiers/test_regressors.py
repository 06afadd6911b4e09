"""Tests of MSiMambaRegressor, BraindecodeRegressor and WindowVotingRegressor."""

import inspect
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import MSiMambaClassifier, MSiMambaRegressor, SlidingWindows, calibrate, fine_tune
from skmamba.classifiers import BraindecodeClassifier, BraindecodeRegressor, WindowVotingRegressor
from skmamba.datasets import simulate_trials
from skmamba.inspection import input_attribution
from skmamba.persistence import load_model, save_model, to_onnx
from skmamba.streaming import StreamDecoder

TINY = {"d_model": 8, "d_hidden": 4, "n_kernels": 2, "max_epochs": 2, "random_state": 0}
SIZE = 64
NETWORKS = [MSiMambaRegressor(**TINY), BraindecodeRegressor("EEGNet", max_epochs=2, random_state=0)]


def simulate_ratings(n_subjects=4, n_trials=8, n_times=256, seed=0):
    """Return trials whose rating, from 1 to 9, sets the amplitude of all channels, and ratings."""
    rng = np.random.default_rng(seed)
    trials = simulate_trials(n_subjects=n_subjects, n_trials=n_trials, n_times=n_times, effect=0)
    ratings = rng.uniform(1, 9, size=len(trials))
    X = trials.X * np.exp(0.25 * (ratings - 5))[:, None, None]
    return replace(trials, X=X.astype("float32"))[:], ratings


TRIALS, Y = simulate_ratings()
Y2 = np.stack([Y, 50 - 10 * Y], axis=1)  # two targets
BAGS = SlidingWindows(window_size_samples=SIZE).fit_transform(TRIALS)


def make_reg(**params):
    return MSiMambaRegressor(**{**TINY, **params})


def log_power(windows):
    return np.log(windows.var(axis=-1))


@pytest.fixture(scope="module")
def fitted():
    return make_reg().fit(BAGS, Y)


def scale(reg, windows, dtype="float32"):
    """Return the input of the network."""
    scaled = (np.asarray(windows) - reg.center_[:, None]) / reg.scale_[:, None]
    return torch.from_numpy(scaled.clip(-8, 8).astype(dtype))


def predict_standardised(reg, windows, *inputs):
    """Return the output of the network for windows, computed by torch alone."""
    with torch.no_grad():
        return reg.net_.module_.eval()(scale(reg, windows), *inputs).numpy()


# Parameters


@pytest.mark.parametrize(
    ("regressor", "classifier"),
    [(MSiMambaRegressor, MSiMambaClassifier), (BraindecodeRegressor, BraindecodeClassifier)],
)
def test_parameters_are_those_of_the_classifier_but_for_loss_and_class_weight(
    regressor, classifier
):
    own, others = (inspect.signature(cls).parameters for cls in (regressor, classifier))
    assert set(own) - set(others) == {"loss"}
    assert set(others) - set(own) == {"class_weight"}
    assert all(own[name].default == others[name].default for name in set(own) - {"loss", "voting"})


@pytest.mark.parametrize("reg", NETWORKS, ids=lambda reg: type(reg).__name__)
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": "l2"}, "loss must be one of 'mse', 'mae', 'huber', got 'l2'"),
        ({"voting": "soft"}, "voting must be one of 'mean', 'median', got 'soft'"),
    ],
)
def test_invalid_parameters_are_an_error(reg, params, message):
    with pytest.raises(ValueError, match=message):
        clone(reg).set_params(**params).fit(BAGS, Y)


@pytest.mark.parametrize("make", [make_reg, lambda: WindowVotingRegressor(Ridge())])
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.where(np.arange(32) == 3, np.nan, Y), "Input y contains NaN"),
        (np.where(np.arange(32) == 3, np.inf, Y), "Input y contains infinity"),
        (["low", "high"] * 16, "y must contain numbers"),
        (Y + 1j, "y must contain real numbers, got complex128"),
        (Y.astype("datetime64[s]"), r"y must contain real numbers, got datetime64\[s\]"),
        (None, "requires y to be passed, but the target y is None"),
        (Y[:-1], "inconsistent numbers of samples"),
    ],
)
def test_invalid_ratings_are_an_error(make, y, message):
    with pytest.raises(ValueError, match=message):
        make().fit(BAGS, y)


# Predictions


def test_a_prediction_is_the_mean_or_median_over_windows_in_the_unit_of_y(fitted):
    windows = np.asarray(BAGS).reshape(-1, *BAGS.shape[2:])
    outputs = predict_standardised(fitted, windows).reshape(32, 4)
    for voting, aggregate in (("mean", np.mean), ("median", np.median)):
        expected = aggregate(outputs, axis=1) * Y.std() + Y.mean()
        reg = pickle.loads(pickle.dumps(fitted)).set_params(voting=voting)
        assert reg.predict(BAGS) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("reg", NETWORKS, ids=lambda reg: type(reg).__name__)
def test_predictions_follow_the_unit_of_y(reg):
    predicted = clone(reg).fit(BAGS, Y).predict(BAGS)
    other = clone(reg).fit(BAGS, 100 * Y - 30).predict(BAGS)
    assert other == pytest.approx(100 * predicted - 30, abs=1e-3)


def test_a_constant_rating_is_predicted_within_a_unit():
    reg = make_reg().fit(BAGS, np.full(32, 7.0))
    assert reg.y_scale_ == 1
    assert reg.predict(BAGS) == pytest.approx(np.full(32, 7.0), abs=1)


def test_weighted_mean_and_deviation_standardise_the_ratings():
    weight = np.arange(32) % 3.0
    reg = make_reg(max_epochs=1).fit(BAGS, Y, sample_weight=weight)
    total = weight.sum()
    mean = sum(weight * Y) / total
    deviation = (sum(weight * (Y - mean) ** 2) / total) ** 0.5
    assert (reg.y_mean_, reg.y_scale_) == pytest.approx((mean, deviation))


def test_trials_of_weight_zero_have_no_influence():
    weight = (np.arange(32) < 20).astype(float)
    options = {"batch_size": None, "drop_prob": 0.0, "dtype": "float64"}
    changed = np.where(weight == 0, 1000.0, Y)
    first = make_reg(**options).fit(BAGS, changed, sample_weight=weight)
    other = make_reg(**options).fit(BAGS[:20], Y[:20])
    assert first.predict(BAGS) == pytest.approx(other.predict(BAGS), abs=1e-8)
    with pytest.raises(ValueError, match="at least one non-zero number"):
        make_reg().fit(BAGS, Y, sample_weight=np.zeros(32))


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("y", [Y, Y2], ids=["one target", "two targets"])
def test_the_loss_of_an_epoch_is_the_mean_over_standardised_targets(loss, n_members, y):
    # No dropout, a full batch and no step: the first loss is that of the initial weights.
    options = {"batch_size": None, "drop_prob": 0.0, "dtype": "float64", "lr": 1e-12}
    options |= {"max_epochs": 1, "average_weights": False, "embedding": "inverted"}
    reg = make_reg(loss=loss, n_members=n_members, **options).fit(BAGS[:, :1], y)
    module, x = reg.net_.module_.eval(), scale(reg, BAGS[:, 0], "float64")
    with torch.no_grad():
        outputs = [net(x).numpy() for net in getattr(module, "members", [module])]
    error = np.abs(np.array(outputs) - ((y - y.mean(0)) / y.std(0)).reshape(32, -1))
    huber = np.where(error < 1, 0.5 * error**2, error - 0.5)
    expected = {"mse": error**2, "mae": error, "huber": huber}[loss].mean()
    assert reg.history_[0]["train_loss"] == pytest.approx(expected, rel=1e-6)


def test_members_predict_the_mean_of_their_outputs():
    reg = make_reg(n_members=3).fit(BAGS, Y)
    windows = np.asarray(BAGS).reshape(-1, *BAGS.shape[2:])
    x = scale(reg, windows)
    with torch.no_grad():
        outputs = [member.eval()(x)[:, 0].numpy() for member in reg.net_.module_.members]
    assert np.ptp(outputs, axis=0).max() > 0.01
    expected = np.mean(outputs, axis=0).reshape(32, 4).mean(1) * Y.std() + Y.mean()
    assert reg.predict(BAGS) == pytest.approx(expected, abs=1e-4)


def test_ratings_of_new_subjects_are_predicted():
    trials, y = simulate_ratings(n_subjects=6, n_trials=16, seed=1)
    pipe = make_pipeline(
        SlidingWindows(window_size_samples=SIZE),
        MSiMambaRegressor(d_model=16, d_hidden=4, n_kernels=2, random_state=0),
    )
    subject = trials.metadata["subject"]
    assert cross_val_score(pipe, trials, y, groups=subject, cv=GroupKFold(2)).min() > 0.5


def test_score_is_r2_with_weights_and_groups(fitted):
    weight = np.arange(1.0, 33.0)
    expected = r2_score(Y, fitted.predict(BAGS), sample_weight=weight)
    assert fitted.score(BAGS, Y, sample_weight=weight) == expected


# Training


@pytest.mark.parametrize("reg", NETWORKS, ids=lambda reg: type(reg).__name__)
def test_early_stopping_holds_out_trials_or_groups_of_any_rating(reg):
    reg = clone(reg).set_params(early_stopping=True, validation_fraction=0.25, max_epochs=3)
    assert "valid_loss" in clone(reg).fit(BAGS, Y).history_[0]
    subject = TRIALS.metadata["subject"].to_numpy()
    reg.set_params(max_epochs=1)
    ratings = [Y + 100.0 * (subject == number) for number in range(4)]
    means = [clone(reg).fit(BAGS, y, groups=subject).y_mean_ for y in ratings]
    # one of four subjects is held out: its ratings have no influence on the mean
    assert sorted(mean > 20 for mean in means) == [False, True, True, True]


def test_partial_fit_trains_epoch_by_epoch_with_the_first_scaling():
    reg = make_reg().partial_fit(BAGS[:16], Y[:16])
    assert reg.n_iter_ == 1
    mean, before = reg.y_mean_, reg.predict(BAGS)
    reg.partial_fit(BAGS[16:], Y[16:] + 50)
    assert (reg.n_iter_, reg.y_mean_) == (2, mean)
    assert (reg.predict(BAGS) != before).all()
    with pytest.raises(AttributeError, match="no attribute 'partial_fit'"):
        make_reg(early_stopping=True).partial_fit(BAGS, Y)


def test_warm_start_goes_on_from_the_fitted_weights():
    reg = make_reg(warm_start=True).fit(BAGS, Y)
    first = reg.history_[-1]["train_loss"]
    reg.fit(BAGS, Y)
    assert reg.n_iter_ == 4
    assert reg.history_[-1]["train_loss"] < first


@pytest.mark.parametrize(("parts", "loss"), [("head", "mse"), ("all", "mae"), ("all", "huber")])
def test_fine_tuning_lowers_the_error_in_a_shifted_subject(parts, loss):
    reg = make_reg(loss=loss, max_epochs=3).fit(BAGS, Y)
    before = reg.predict(BAGS[24:])
    tuned = fine_tune(reg, BAGS[24:], Y[24:] + 2, parts=parts)
    error, error_before = (
        np.abs(p - Y[24:] - 2).mean() for p in (tuned.predict(BAGS[24:]), before)
    )
    assert error < error_before
    assert np.array_equal(reg.predict(BAGS[24:]), before)


def add_reference(trials):
    first = trials.metadata.groupby("subject")["trial"].transform("min")
    return replace(trials, reference=trials.X[first])


@pytest.mark.parametrize("adaptation", ["reference", "causal", "unlabelled"])
@pytest.mark.parametrize("n_members", [1, 2])
def test_adaptation_predicts_ratings_and_removes_the_gain_of_a_subject(adaptation, n_members):
    trials = add_reference(TRIALS)
    windows = SlidingWindows(window_size_samples=SIZE)
    reg = make_reg(adaptation=adaptation, n_members=n_members, max_epochs=5, drop_prob=0.0)
    pipe = make_pipeline(windows, reg).fit(trials, Y)
    predicted = pipe.predict(trials)
    assert predicted.shape == (32,)
    assert r2_score(Y, predicted) > 0
    louder = replace(trials, X=2 * trials.X, reference=2 * trials.reference)
    if adaptation != "causal":  # its statistics contain those of the training subjects
        assert pipe.predict(louder) == pytest.approx(predicted, abs=1.0)
    if adaptation == "reference":
        new = trials.select(subject=3)
        alone = calibrate(pipe, new.reference[0]).predict(new.X)
        assert alone == pytest.approx(pipe.predict(new), abs=1e-4)


def test_predictions_of_adaptation_are_the_outputs_of_the_network_in_the_unit_of_y():
    trials = add_reference(TRIALS)
    bags = SlidingWindows(window_size_samples=SIZE).fit_transform(trials)
    reg = make_reg(adaptation="unlabelled", embedding="power").fit(bags, Y)
    windows = np.asarray(bags[:8]).reshape(-1, *bags.shape[2:])  # of the first subject
    outputs = predict_standardised(reg, windows, None, torch.full((32, 32), 1 / 32))
    expected = outputs.reshape(8, 4).mean(1) * Y.std() + Y.mean()
    assert reg.predict(bags[:8]) == pytest.approx(expected, abs=1e-3)


# Several targets


@pytest.mark.parametrize(
    "reg", [*NETWORKS, make_reg(n_members=2)], ids=["net", "EEGNet", "members"]
)
@pytest.mark.parametrize("y", [Y2, Y2[:, :1]], ids=["two targets", "one column"])
def test_predictions_have_the_shape_and_units_of_several_targets(reg, y):
    predicted = clone(reg).fit(BAGS, y).predict(BAGS)
    assert predicted.shape == y.shape
    # units of the second target are opposite and ten times those of the first
    assert predicted.mean(0) == pytest.approx(y.mean(0), abs=0.5 * y.std(0).max())


def test_targets_are_standardised_one_by_one(fitted):
    reg = make_reg().fit(BAGS, Y2)
    assert reg.y_mean_ == pytest.approx(Y2.mean(0))
    assert reg.y_scale_ == pytest.approx(Y2.std(0))
    windows = np.asarray(BAGS).reshape(-1, *BAGS.shape[2:])
    outputs = predict_standardised(reg, windows).reshape(32, 4, 2)
    assert reg.predict(BAGS) == pytest.approx(outputs.mean(1) * Y2.std(0) + Y2.mean(0), abs=1e-3)
    assert reg.score(BAGS, Y2) == r2_score(Y2, reg.predict(BAGS))


def test_later_fits_require_the_same_targets():
    reg = make_reg().partial_fit(BAGS, Y2)
    message = r"y must have the 2 targets of the first fit, shape \('n_trials', 2\), got \(32,"
    for y in (Y, Y2[:, :1]):
        with pytest.raises(ValueError, match=message):
            reg.partial_fit(BAGS, y)
    assert fine_tune(reg, BAGS, Y2).predict(BAGS).shape == (32, 2)


def test_adaptation_early_stopping_and_weights_accept_several_targets(tmp_path):
    trials = add_reference(TRIALS)
    reg = make_reg(adaptation="reference", early_stopping=True, n_members=2)
    pipe = make_pipeline(SlidingWindows(window_size_samples=SIZE), reg)
    pipe.fit(trials, Y2, msimambaregressor__sample_weight=np.arange(32) % 3)
    model = load_model(save_model(pipe, tmp_path / "model"))
    assert model.predict(trials).shape == (32, 2)
    assert np.array_equal(model.predict(trials), pipe.predict(trials))


def test_windows_of_other_regressors_accept_several_targets():
    ridge = make_pipeline(FunctionTransformer(log_power), Ridge())
    both = WindowVotingRegressor(ridge, voting="median").fit(BAGS, Y2).predict(BAGS)
    for target in range(2):
        reg = WindowVotingRegressor(ridge, voting="median").fit(BAGS, Y2[:, target])
        assert both[:, target] == pytest.approx(reg.predict(BAGS), abs=1e-3)


# Persistence and other functions


@pytest.mark.parametrize("n_members", [1, 2])
def test_saved_regressors_predict_the_same(n_members, tmp_path):
    reg = make_reg(n_members=n_members, early_stopping=True)
    pipe = make_pipeline(SlidingWindows(window_size_samples=SIZE), reg).fit(TRIALS, Y)
    expected = pipe.predict(TRIALS)
    assert np.array_equal(pickle.loads(pickle.dumps(pipe)).predict(TRIALS), expected)
    model = load_model(save_model(pipe, tmp_path / "model", trials=TRIALS))
    assert repr(model) == "<SavedModel: MSiMambaRegressor, Fp1 Fp2 F3 F4 at 128 Hz -> ratings>"
    assert model.classes_ is None
    assert model.card["model"]["classes"] is None
    assert np.array_equal(model.predict(TRIALS), expected)
    with pytest.raises(ValueError, match="predict_proba requires a classifier, got <SavedModel"):
        model.predict_proba(TRIALS)


def test_a_saved_braindecode_regressor_predicts_the_same(tmp_path):
    reg = clone(NETWORKS[1]).fit(TRIALS, Y)
    loaded = load_model(save_model(reg, tmp_path / "model")).estimator
    assert type(loaded) is BraindecodeRegressor
    assert np.array_equal(loaded.predict(TRIALS), reg.predict(TRIALS))


def test_functions_of_classes_refuse_regressors(fitted, tmp_path):
    with pytest.raises(ValueError, match="to_onnx requires a classifier, got MSiMambaRegressor"):
        to_onnx(fitted, tmp_path / "graph.onnx")
    with pytest.raises(ValueError, match="estimator must be a classifier, got MSiMambaRegressor"):
        StreamDecoder(fitted, sfreq=128)
    with pytest.raises(TypeError, match=r"estimator must be MSiMambaClassifier.*Regressor"):
        input_attribution(fitted, BAGS)


def test_a_network_with_other_outputs_is_an_error():
    class Wide(torch.nn.Module):
        def __init__(self, n_chans, n_outputs, n_times):
            super().__init__()
            self.linear = torch.nn.Linear(n_chans, n_outputs + 1)

        def forward(self, x):
            return self.linear(x.mean(2))

    message = "Wide cannot predict ratings of windows of 4 channels x 64 samples with 1 outputs"
    with pytest.raises(ValueError, match=message):
        BraindecodeRegressor(Wide).fit(BAGS, Y)


# WindowVotingRegressor


@pytest.mark.parametrize(("voting", "aggregate"), [("mean", np.mean), ("median", np.median)])
def test_a_vote_is_the_mean_or_median_of_the_estimators_predictions(voting, aggregate):
    ridge = make_pipeline(FunctionTransformer(log_power), Ridge())
    reg = WindowVotingRegressor(ridge, voting=voting).fit(BAGS, Y)
    windows = np.asarray(BAGS).reshape(-1, *BAGS.shape[2:])
    expected = clone(ridge).fit(windows, Y.repeat(4)).predict(windows).reshape(32, 4)
    assert reg.predict(BAGS) == pytest.approx(aggregate(expected, axis=1))
    assert reg.score(BAGS, Y) > 0.5


def test_weights_of_trials_reach_their_windows():
    class PowerRidge(Ridge):
        def fit(self, X, y, sample_weight=None):
            return super().fit(log_power(X), y, sample_weight)

        def predict(self, X):
            return super().predict(log_power(X))

    bags, weight = np.asarray(BAGS, dtype=float), np.arange(32) % 3
    reg = WindowVotingRegressor(PowerRidge()).fit(bags, Y, sample_weight=weight)
    rows = np.repeat(np.arange(32), weight)
    repeated = WindowVotingRegressor(PowerRidge()).fit(bags[rows], Y[rows])
    assert reg.predict(bags) == pytest.approx(repeated.predict(bags))
