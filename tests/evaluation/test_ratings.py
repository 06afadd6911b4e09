"""Evaluation of regressors, and the concordance correlation coefficient."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import make_scorer, mean_absolute_error, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmamba import MSiMambaRegressor, SlidingWindows, compare, evaluate
from skmamba.classifiers import WindowVotingRegressor
from skmamba.datasets import simulate_trials
from skmamba.evaluation import (
    CrossSubjectSplit,
    WithinSubjectSplit,
    concordance_correlation,
    score_by_subject,
)
from skmamba.report import to_latex, write_report

SCORES = ["r2", "neg_mean_absolute_error", "ccc"]


def log_variance(X):
    return np.log(np.asarray(X).var(axis=-1))


def linear():
    return make_pipeline(FunctionTransformer(log_variance), StandardScaler(), Ridge())


@pytest.fixture(scope="module")
def trials():
    """Four subjects of ten trials whose rating sets the amplitude of all channels."""
    rng = np.random.default_rng(0)
    trials = simulate_trials(n_subjects=4, n_trials=10, n_times=256, effect=0)
    ratings = rng.uniform(1, 9, size=len(trials))
    X = trials.X * np.exp(0.1 * (ratings - 5))[:, None, None]
    return replace(trials, X=X.astype("float32"), y=ratings, label_names={})


def run(estimators, trials, cv="cross_subject", **options):
    return evaluate(estimators, trials, cv, **{"verbose": False, "random_state": 0, **options})


@pytest.fixture(scope="module")
def results(trials):
    return run({"ridge": linear()}, trials)


@pytest.mark.parametrize("inner", [LeaveOneOut(), KFold(4)])
def test_ratings_of_folds_within_subjects_are_scored_by_subject(inner, trials):
    results = run({"ridge": linear()}, trials, WithinSubjectSplit(inner))
    expected = score_by_subject(results, "ccc").query("estimator == 'ridge'")["ccc"].mean()
    assert expected > 0.5
    assert compare(results, "ccc").set_index("estimator").loc["ridge", "mean"] == expected


# Concordance correlation


@pytest.mark.parametrize(
    ("y_true", "y_pred", "expected"),
    [
        # means 2 and 3, variances 2/3 and 8/3, covariance 4/3: (8/3) / (2/3 + 8/3 + 1)
        ([1, 2, 3], [1, 3, 5], 8 / 13),
        ([1, 2, 3], [3, 2, 1], -1),
        ([1, 2, 3], [2, 2, 2], 0),
        ([4, 4], [4, 4], np.nan),
        ([4], [3], np.nan),
        # the mean of 8/13 and -1
        ([[1, 1], [2, 2], [3, 3]], [[1, 3], [3, 2], [5, 1]], -5 / 26),
    ],
)
def test_concordance_correlation_is_that_computed_by_hand(y_true, y_pred, expected):
    assert concordance_correlation(y_true, y_pred) == pytest.approx(expected, nan_ok=True)


def test_concordance_correlation_is_that_of_moments_of_any_size():
    rng = np.random.default_rng(0)
    for n_trials in (2, 5, 50):
        x, y = rng.normal(size=(2, n_trials)) * [[1], [3]] + [[5], [4]]
        (s_x, s_xy), (_, s_y) = np.cov(x, y, bias=True)
        expected = 2 * s_xy / (s_x + s_y + (np.mean(x) - np.mean(y)) ** 2)
        assert concordance_correlation(x, y) == pytest.approx(expected)
        assert concordance_correlation(y, x) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("y_pred", "message"),
    [
        ([1.0, np.nan], "Input y_pred contains NaN"),
        ([1.0], "inconsistent numbers of samples"),
        ([[1.0], [2.0]], r"y_pred must have the shape of y_true, \(2,\), got \(2, 1\)"),
    ],
)
def test_invalid_ratings_are_an_error(y_pred, message):
    with pytest.raises(ValueError, match=message):
        concordance_correlation([1.0, 2.0], y_pred)


def test_concordance_correlation_is_a_scorer_of_scikit_learn(trials):
    scorer = make_scorer(concordance_correlation)
    X, reg = log_variance(trials.X), Ridge().fit(log_variance(trials.X), trials.y)
    assert scorer(reg, X, trials.y) == concordance_correlation(trials.y, reg.predict(X))


# evaluate


def test_scores_are_those_of_scikit_learn_by_subject(results, trials):
    groups = trials.metadata["subject"]
    y_pred = cross_val_predict(linear(), trials.X, trials.y, groups=groups, cv=LeaveOneGroupOut())
    rows = results.scores[results.scores["estimator"] == "ridge"].set_index("subject")
    for subject in range(4):
        own = (groups == subject).to_numpy()
        pair = trials.y[own], y_pred[own]
        error = mean_absolute_error(*pair)
        expected = [r2_score(*pair), -error, concordance_correlation(*pair)]
        assert rows.loc[subject, SCORES].tolist() == pytest.approx(expected)
    predictions = results.predictions[results.predictions["estimator"] == "ridge"]
    assert predictions["y_true"].tolist() == trials.y.tolist()
    assert predictions["y_pred"].to_numpy() == pytest.approx(y_pred)
    assert not [column for column in predictions if column.startswith("proba")]


def test_the_baseline_is_the_mean_of_the_training_ratings(results, trials):
    subject = trials.metadata["subject"]
    rows = results.predictions[results.predictions["estimator"] == "mean"]
    expected = [trials.y[subject != number].mean() for number in subject]
    assert rows["y_pred"].tolist() == pytest.approx(expected)
    scores = results.scores[results.scores["estimator"] == "mean"]
    assert (scores["kind"] == "baseline").all()
    assert scores["ccc"].tolist() == pytest.approx([0] * 4)


def test_compare_takes_the_chance_level_from_the_mean(results):
    table = compare(results, "ccc", random_state=0).set_index("estimator")
    ccc = results.scores[results.scores["estimator"] == "ridge"]["ccc"]
    assert table.loc["ridge", "mean"] == pytest.approx(ccc.mean())
    assert table.loc["ridge", "chance"] == pytest.approx(0)
    assert (ccc > 0).all()
    assert table.loc["ridge", "p_chance"] == 1 / 2**4  # higher in all four subjects
    errors = compare(results, "neg_mean_absolute_error", random_state=0).set_index("estimator")
    assert errors.loc["mean", "mean"] == errors.loc["ridge", "chance"]
    assert errors.loc["ridge", "mean"] > errors.loc["mean", "mean"]
    assert (errors["high"] <= 0).all()


@pytest.mark.parametrize("dtype", [float, int])
def test_ratings_and_predictions_of_whole_numbers_are_no_classes(trials, dtype):
    class Rounded(Ridge):
        def predict(self, X):
            return super().predict(X).round().astype(dtype)

    rounded = make_pipeline(FunctionTransformer(log_variance), StandardScaler(), Rounded())
    whole = replace(trials, y=trials.y.round().astype(int))
    results = run({"rounded": rounded}, whole, CrossSubjectSplit(2), baselines=None)
    assert results.scores[SCORES].notna().all(axis=None)
    assert set(SCORES) < set(score_by_subject(results))
    assert compare(results, "ccc", random_state=0)["n_subjects"].tolist() == [4]


def test_folds_of_several_subjects_are_scored_by_subject(trials):
    results = run({"ridge": linear()}, trials, CrossSubjectSplit(2))
    by_subject = score_by_subject(results)
    assert by_subject["subject"].tolist() == [0, 1, 2, 3] * 2
    for row in by_subject.itertuples():
        own = results.predictions.query(
            f"estimator == {row.estimator!r} and subject == {row.subject}"
        )
        assert row.r2 == pytest.approx(r2_score(own["y_true"], own["y_pred"]))
    for score in SCORES:
        assert compare(results, score).loc[0, "n_subjects"] == 4


def test_finished_folds_are_cached_and_the_same(results, trials, tmp_path):
    first = run({"ridge": linear()}, trials, cache_dir=tmp_path)
    again = run({"ridge": linear()}, trials, cache_dir=tmp_path, error_score="raise")
    for one, other in ((first, again), (results, first)):
        pd.testing.assert_frame_equal(one.predictions, other.predictions)
        pd.testing.assert_frame_equal(one.scores[SCORES], other.scores[SCORES])


def test_searches_windows_permutation_and_networks(trials):
    windowed = make_pipeline(
        SlidingWindows(window_size_samples=64), WindowVotingRegressor(linear(), voting="median")
    )
    net = MSiMambaRegressor(d_model=8, d_hidden=2, n_kernels=1, max_epochs=1)
    models = {
        "windows": windowed,
        "search": GridSearchCV(linear(), {"ridge__alpha": [0.1, 10]}, cv=2),
        "net": make_pipeline(SlidingWindows(window_size_samples=64), net),
    }
    options = {"baselines": ["mean", "permutation"], "windows": True, "scoring": "ccc"}
    results = run(models, trials, error_score="raise", **options)
    means = results.scores.groupby("estimator", sort=False)[["ccc", "ccc_windows"]].mean()
    assert means.index.tolist() == ["windows", "search", "net", "mean", "permuted labels"]
    assert means.notna().all(axis=None)
    assert means.loc["windows", "ccc"] > means.loc["permuted labels", "ccc"]
    assert means.loc["windows", "ccc_windows"] != means.loc["windows", "ccc"]


def test_ratings_are_evaluated_within_subjects_by_unstratified_folds(trials):
    results = run({"ridge": linear()}, trials, WithinSubjectSplit(KFold(5)))
    assert compare(results, "ccc").loc[0, "n_subjects"] == 4


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"baselines": "majority"}, "baselines must be among mean, permutation, got 'majority"),
        ({"y": np.ones((40, 2))}, {}, r"trials.y must have one target, .*got \(40, 2\)"),
        ({"y": np.full(40, np.inf)}, {}, "trials.y must be finite numbers for regressors"),
        (
            {"y": np.full(40, np.nan)},
            {},
            r"rating of every trial, got 40 missing: .*isna\(trials\.y",
        ),
        ({"y": np.array(["low", "high"] * 20)}, {}, "trials.y must be finite numbers"),
    ],
)
def test_invalid_arguments_are_an_error(trials, change, options, message):
    with pytest.raises(ValueError, match=message):
        run({"ridge": linear()}, replace(trials, **change), **options)


def test_classifiers_and_regressors_are_not_mixed(trials):
    clf = make_pipeline(FunctionTransformer(log_variance), LogisticRegression())
    with pytest.raises(ValueError, match="all classifiers or all regressors, got both"):
        run({"ridge": linear(), "logistic": clf}, trials)
    with pytest.raises(ValueError, match="estimators must not have names of baselines"):
        run({"mean": linear()}, trials)


# Reports


def test_reports_have_scores_and_no_confusion_matrix(results, tmp_path):
    page = write_report(results, tmp_path / "report.html", score="ccc").read_text("utf8")
    assert "CCC is the concordance correlation coefficient" in page
    assert "Confusion" not in page
    assert "CCC" in to_latex(results, score="ccc")
