import itertools
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    make_scorer,
    precision_score,
    roc_auc_score,
)
from sklearn.model_selection import (
    BaseCrossValidator,
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import ExtraTreeClassifier
from threadpoolctl import threadpool_limits

from skmamba import (
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    Trials,
    WindowVotingClassifier,
    compare,
    evaluate,
)
from skmamba.datasets import simulate_trials
from skmamba.evaluation import (
    CrossSessionSplit,
    CrossStimulusSplit,
    CrossSubjectSplit,
    EvaluationResults,
    FirstTrialsSplit,
    LeakageWarning,
    RandomWindowsKFold,
    WithinSubjectSplit,
    _fit_and_score,
    score_by_subject,
)
from skmamba.preprocessing import EuclideanAlignment, SequentialChannelSelector

TIMES = ["fit_seconds", "predict_seconds"]
SCORES = ["accuracy", "balanced_accuracy", "kappa", "f1", "roc_auc"]


def log_variance(X):
    return np.log(X.var(axis=-1))


def linear():
    return make_pipeline(FunctionTransformer(log_variance), StandardScaler(), LogisticRegression())


def cross_validate_subjects(estimator, trials, scoring):
    """Return the scores of scikit-learn for each subject."""
    groups, cv = trials.metadata["subject"], LeaveOneGroupOut()
    return cross_validate(estimator, trials.X, trials.y, groups=groups, cv=cv, scoring=scoring)


def windowed():
    return make_pipeline(SlidingWindows(window_size_samples=128), WindowVotingClassifier(linear()))


def network():
    clf = MSiMambaClassifier(8, d_hidden=4, n_kernels=2, max_epochs=1)
    return make_pipeline(SlidingWindows(window_size_samples=128), clf)


def run(estimators, trials, cv="cross_subject", **options):
    options = {"baselines": ["majority"], "random_state": 0, "scoring": "accuracy", **options}
    return evaluate(estimators, trials, cv, verbose=options.pop("verbose", False), **options)


class UsesTestData(TransformerMixin, BaseEstimator):
    adaptation = "unlabelled"

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X - X.mean(0)


# Scores


def test_scores_have_a_row_per_estimator_and_fold_with_baselines(trials):
    results = evaluate({"linear": linear(), "windowed": windowed()}, trials, verbose=False)
    assert isinstance(results, EvaluationResults)
    scores = results.scores
    names = ["linear", "windowed", "majority", "stratified"]
    assert scores["estimator"].tolist() == [name for name in names for _ in range(4)]
    assert scores["fold"].tolist() == [0, 1, 2, 3] * 4
    assert scores["kind"].tolist() == ["model"] * 8 + ["baseline"] * 8
    assert scores.columns.tolist() == [
        *("dataset", "protocol", "estimator", "kind", "adaptation"),
        *("fold", "random_state", "held_out", "subject", "n_train", "n_test", "n_classes"),
        *(*SCORES, "fit_seconds", "predict_seconds", "seed", "data", "error", "versions"),
    ]
    assert set(scores["dataset"]) == {"simulation"}
    assert set(scores["protocol"]) == {"cross_subject"}
    assert set(scores["n_train"]) == {18}
    assert set(scores["n_test"]) == {6}
    assert scores["held_out"].tolist()[:4] == [f"subject {subject}" for subject in range(4)]
    assert (scores[TIMES] > 0).all(axis=None)
    assert scores["versions"].str.contains("skmamba .*scikit-learn .*torch .*numpy ").all()


def test_scores_name_what_was_chosen_when_data_were_read(trials):
    trials = replace(trials, loader_params={"target": "valence", "ties": "drop"})
    pipe = make_pipeline(
        ChannelPicker(["Fp1", "Fp2"], ch_names=trials.ch_names),
        SlidingWindows(0.5, sfreq=128),
        WindowVotingClassifier(DummyClassifier()),
    )
    scores = evaluate({"pipe": pipe}, trials, baselines=["majority"], verbose=False).scores
    read = "target valence; ties drop; channels Fp1 Fp2 F3 F4; trials of 2 s at 128 Hz"
    expected = [f"{read}; picks Fp1 Fp2; window_size 0.5", read]
    assert scores["data"].unique().tolist() == expected
    grid = [{"slidingwindows__window_size": [0.25]}, {"slidingwindows__stride": [0.25]}]
    scores = run({"search": GridSearchCV(pipe, grid, cv=2)}, trials, baselines=None).scores
    tuned = f"{read}; picks Fp1 Fp2; window_size tuned; stride tuned"
    assert scores["data"].unique().tolist() == [tuned]


def test_scores_equal_those_of_scikit_learn(trials):
    names = {name: name for name in SCORES if name not in ("kappa", "f1")} | {"f1": "f1_macro"}
    scores = run({"linear": linear()}, trials, scoring=None).scores[:4]
    expected = cross_validate_subjects(linear(), trials, names)
    for name in names:
        np.testing.assert_allclose(scores[name], expected[f"test_{name}"])


def test_kappa_of_a_hand_computed_case():
    # observed agreement 3/4, expected agreement 1/2: (3/4 - 1/2) / (1 - 1/2)
    trials = simulate_trials(n_subjects=2, n_trials=4)
    X = np.tile(np.array([0, 1, 1, 1] * 2)[:, None, None], (1, 4, 8)).astype(float)
    trials = Trials(X, np.array([0, 0, 1, 1] * 2), trials.metadata, 128, trials.ch_names)
    pipe = make_pipeline(FunctionTransformer(lambda X: X[:, 0, :1]), LogisticRegression(C=1e6))
    assert run({"model": pipe}, trials, scoring="kappa").scores["kappa"][0] == pytest.approx(0.5)


def test_a_simulated_difference_is_found_and_baselines_stay_at_the_chance_level():
    trials = simulate_trials(n_subjects=6, n_trials=20, effect=2.0)
    baselines = ["majority", "stratified", "permutation"]
    scores = run({"linear": linear()}, trials, baselines=baselines, scoring=None).scores
    means = scores.groupby("estimator")["balanced_accuracy"].mean()
    assert means["linear"] > 0.9
    assert means["majority"] == 0.5
    assert 0.3 < means["stratified"] < 0.7
    assert 0.2 < means["permuted labels"] < 0.8


@pytest.mark.parametrize(
    "classes",
    [
        np.array(["calm", "glad"]),
        np.array(["calm", "glad"], object),
        np.array([False, True]),
        np.array(["calm", "glad", "sad"]),
    ],
    ids=str,
)
def test_scores_do_not_depend_on_the_type_of_labels(classes):
    n_classes = len(classes)
    trials = simulate_trials(n_subjects=3, n_trials=12, n_classes=n_classes, effect=2.0)
    named = Trials(trials.X, classes[trials.y], trials.metadata, 128, trials.ch_names)
    scores, same = (run({"linear": linear()}, each, scoring=None) for each in (trials, named))
    pd.testing.assert_frame_equal(scores.scores[SCORES], same.scores[SCORES])
    assert same.scores[SCORES].notna().all(axis=None)
    assert {f"proba_{label}" for label in classes} <= set(same.predictions)
    assert set(same.predictions["y_pred"]) <= set(classes)
    accuracy = same.scores.query("kind == 'baseline'")["accuracy"]
    assert accuracy.to_numpy() == pytest.approx(1 / n_classes)


def test_scoring_accepts_scorer_names_and_functions(trials):
    def count(predictions, rows, y):
        return len(predictions.predict(rows))

    scores = run({"linear": linear()}, trials, scoring={"loss": "neg_log_loss", "n": count}).scores
    assert (scores["loss"] < 0).all()
    assert set(scores["n"]) == {6}


def test_losses_of_probabilities_are_scored_in_folds_of_one_class(trials):
    named = replace(trials[:6], y=np.array(["work", "rest"])[trials.y[:6]])
    scoring = ["neg_log_loss", "neg_brier_score"]
    net = network()[-1]  # its probabilities are of float32
    with warnings.catch_warnings(action="error"):  # their sums differ from 1 by rounding errors
        results = run({"net": net}, named, LeaveOneOut(), scoring=scoring, baselines=None)
    proba = results.predictions[["proba_rest", "proba_work"]].to_numpy(float)
    of_true = proba[range(6), (named.y == "work").astype(int)]
    expected = {"neg_log_loss": np.log(of_true), "neg_brier_score": -((1 - of_true) ** 2)}
    for name, values in expected.items():
        np.testing.assert_allclose(results.scores[name], values, rtol=1e-6)


def test_probabilities_that_do_not_sum_to_one_are_a_warning(trials):
    class Doubled(DummyClassifier):
        def predict_proba(self, X):
            return 2 * super().predict_proba(X)

    with pytest.warns(UserWarning, match="do not sum to one"):
        run({"m": Doubled(strategy="prior")}, trials, scoring="neg_log_loss", baselines=None)


def test_trials_with_missing_samples_are_named_if_fits_fail(trials):
    X = trials.X.copy()
    X[[7, 9], 2, 5] = np.nan
    invalid = replace(trials, X=X)
    match = (
        r"fits failed.* The first: ValueError: .*NaN.* NaN or infinity are in 2 of 24 trials, "
        r"first in subject 1, session 0, trial 7, channel F3\."
    )
    with pytest.warns(FitFailedWarning, match=match):
        run({"linear": linear()}, invalid, baselines=None)


def test_without_probabilities_and_decision_values_the_roc_auc_is_nan(
    fails_without, numbered_trials
):
    mixed = KFold(2, shuffle=True, random_state=0)
    results = run({"model": fails_without()}, numbered_trials, mixed, scoring=None)
    assert results.scores["roc_auc"][:2].isna().all()
    assert results.scores["accuracy"][:2].notna().all()
    assert results.predictions.query("kind == 'model'")["proba_0"].isna().all()


def test_decision_values_replace_probabilities_in_scores():
    trials = simulate_trials(n_subjects=4, n_trials=10, effect=0.3, n_times=128)
    pipe = make_pipeline(FunctionTransformer(log_variance), LinearSVC(random_state=0))
    results = run({"svm": pipe}, trials, scoring=["roc_auc", "average_precision"])
    expected = cross_validate_subjects(pipe, trials, ["roc_auc", "average_precision"])
    for name in ("roc_auc", "average_precision"):
        np.testing.assert_allclose(results.scores[name][:4], expected[f"test_{name}"])
    by_subject = score_by_subject(results.predictions.query("kind == 'model'"), "roc_auc")
    np.testing.assert_allclose(by_subject["roc_auc"], expected["test_roc_auc"])


def test_a_failed_score_is_nan_and_the_others_stay(trials):
    def bad(predictions, rows, y):
        raise ZeroDivisionError("by zero")

    with pytest.warns(UserWarning, match="bad is nan because it raised ZeroDivisionError: by zero"):
        scores = run({"g": linear()}, trials, scoring={"bad": bad, "accuracy": "accuracy"}).scores
    assert scores["bad"].isna().all()
    assert scores["accuracy"].notna().all()


@pytest.mark.parametrize(
    ("cv", "held_out"),
    [
        (CrossSubjectSplit(2), "2 subjects"),
        (WithinSubjectSplit(KFold(2, shuffle=True, random_state=1)), "subject 0, 4 trials"),
        (CrossSessionSplit(), "subject 0, session 0"),
        (FirstTrialsSplit(3), "subject 0, stimulus 3"),
        (CrossStimulusSplit(), "stimulus 0"),
        (CrossStimulusSplit(2), "2 stimuli"),
        (KFold(3), "11 trials"),
        ([(np.arange(1, 32), np.arange(1))], "subject 0, 1 trial"),
        (GroupKFold(4), "subject 3"),
        ([(np.arange(8), np.arange(8, 16))], "subject 1"),
    ],
    ids=str,
)
def test_held_out_names_what_training_lacks(cv, held_out):
    trials = simulate_trials(n_subjects=4, n_trials=8)
    trials.metadata["session"] = np.tile([0, 0, 0, 0, 1, 1, 1, 1], 4)
    trials.metadata["stimulus"] = np.tile([0, 1, 2, 3, 0, 1, 2, 3], 4)
    scores = run({"dummy": DummyClassifier()}, trials, cv, baselines=()).scores
    assert scores["held_out"][0] == held_out


def test_a_session_is_held_out_although_other_subjects_have_one_of_its_number(trials):
    trials = trials.derive(metadata=trials.metadata.assign(session=[1, 1, 1, 2, 2, 2] * 4))
    folds = [(np.arange(3, 24), np.arange(3))]
    assert run({"linear": linear()}, trials, folds).scores["held_out"][0] == "subject 0, session 1"


def test_the_subject_is_given_if_a_fold_tests_only_one(trials):
    dummy = {"dummy": DummyClassifier()}
    assert run(dummy, trials).scores["subject"].tolist() == [0, 1, 2, 3] * 2
    assert run(dummy, trials, CrossSubjectSplit(2)).scores["subject"].isna().all()


# Leakage

SHARED = "overlapping windows and windows of the same trial"


@pytest.mark.parametrize(
    ("cv", "shared"),
    [
        (KFold(3, shuffle=True, random_state=0), SHARED),
        (RandomWindowsKFold(3, random_state=0), SHARED),
        (WithinSubjectSplit(RandomWindowsKFold(2, random_state=0)), SHARED),
        ([(np.arange(8), np.arange(9, 15))], "windows of the same trial"),
    ],
    ids=str,
)
def test_a_protocol_that_leaks_is_warned_of_once(trials, tmp_path, cv, shared):
    windows = trials.as_windows(0.5, 0.3)
    with pytest.warns(LeakageWarning) as caught:
        run({"dummy": DummyClassifier()}, windows, cv, cache_dir=tmp_path)
    (warning,) = [each for each in caught if each.category is LeakageWarning]
    assert f"cv leaks: training and test sets share {shared} (fold 0: " in str(warning.message)
    assert "if trials overlap, WithinSubjectSplit(GroupKFold(3)" in str(warning.message)
    assert warning.filename == __file__


def test_equal_rows_of_training_and_test_are_warned_of(trials):
    trials.X[7] = trials.X[2]
    with pytest.warns(LeakageWarning, match="identical data .fold 0: rows 2 and 7.* one of the"):
        run({"dummy": DummyClassifier()}, trials)


class OwnSplitter(BaseCrossValidator):
    """A splitter that uses groups, but does not request them."""

    def get_n_splits(self, X=None, y=None, groups=None):
        return 2

    def _iter_test_indices(self, X=None, y=None, groups=None):
        return (test for _, test in GroupKFold(2).split(X, y, groups))


def test_subjects_are_passed_to_splitters_that_may_use_them(trials):
    with warnings.catch_warnings(action="error"):
        run({"dummy": DummyClassifier()}, trials, KFold(2))
        results = run({"dummy": DummyClassifier()}, trials, OwnSplitter())
    assert (results.predictions.groupby("subject")["fold"].nunique() == 1).all()


@pytest.mark.parametrize("cv", [CrossSubjectSplit(), WithinSubjectSplit(2), KFold(2)], ids=str)
@pytest.mark.parametrize("of_windows", [False, True])
def test_a_protocol_that_keeps_trials_together_is_not_warned_of(trials, cv, of_windows):
    with warnings.catch_warnings(action="error", category=LeakageWarning):
        run({"dummy": DummyClassifier()}, trials.as_windows(0.5) if of_windows else trials, cv)


# Predictions


def test_predictions_have_every_tested_trial_once_per_estimator(trials):
    results = evaluate({"linear": linear()}, trials, verbose=False)
    for _, own in results.predictions.groupby("estimator"):
        assert sorted(own["trial"]) == list(range(24))
        assert own["y_true"].tolist() == trials.y[own["trial"]].tolist()
    model = results.predictions.query("estimator == 'linear'")
    np.testing.assert_allclose(model[["proba_0", "proba_1"]].sum(axis=1), 1)
    for fold, own in model.groupby("fold"):
        score = balanced_accuracy_score(own["y_true"], own["y_pred"])
        assert score == results.scores["balanced_accuracy"][fold]


def test_trials_without_numbers_have_those_of_their_rows(trials):
    trials = trials.derive(metadata=trials.metadata[["subject"]])
    predictions = run({"linear": linear()}, trials, baselines=None).predictions
    assert predictions["trial"].tolist() == list(range(24))


def test_score_by_subject_separates_the_subjects_of_a_fold(trials):
    results = run({"linear": linear()}, trials, CrossSubjectSplit(2))
    scores = score_by_subject(results)
    assert scores["estimator"].tolist() == ["linear"] * 4 + ["majority"] * 4
    assert scores["subject"].tolist() == [0, 1, 2, 3] * 2
    own = results.predictions.query("estimator == 'linear' and subject == 2")
    expected = roc_auc_score(own["y_true"], own["proba_1"])
    assert scores.query("estimator == 'linear' and subject == 2")["roc_auc"].item() == expected
    pd.testing.assert_frame_equal(score_by_subject(results.predictions), scores)


def test_score_by_subject_pools_the_folds_of_a_subject(trials):
    results = run({"linear": linear()}, trials, WithinSubjectSplit(KFold(3)))
    scores = score_by_subject(results, "accuracy").query("estimator == 'linear'")
    assert scores["n_test"].tolist() == [6] * 4
    own = results.predictions.query("estimator == 'linear' and subject == 1")
    assert scores["accuracy"].to_numpy()[1] == (own["y_true"] == own["y_pred"]).mean()


def test_the_roc_auc_of_a_subject_without_a_class_is_nan_without_a_warning():
    trials = simulate_trials(n_subjects=4, n_trials=6, n_classes=3)
    trials = trials.select((trials.metadata["subject"] > 0) | (trials.y < 2))
    with warnings.catch_warnings(action="error"):
        results = run({"dummy": DummyClassifier()}, trials, baselines=None, scoring="roc_auc")
        pooled = run({"dummy": DummyClassifier()}, trials, CrossSubjectSplit(2), baselines=None)
        by_subject = score_by_subject(pooled, "roc_auc")
    for scores in (results.scores, by_subject):
        assert scores["roc_auc"].isna().tolist() == [True, False, False, False]


def test_score_by_subject_requires_predictions(trials):
    results = run({"linear": linear()}, trials)
    with pytest.raises(ValueError, match="missing: y_true, y_pred"):
        score_by_subject(results.scores)
    with pytest.raises(ValueError, match="must be EvaluationResults or a DataFrame, got list"):
        score_by_subject([])
    with pytest.raises(ValueError, match="must have the subject of every prediction"):
        score_by_subject(results.predictions.assign(subject=None))


def test_results_contain_the_random_state_that_repeats_them(trials):
    models = {"random": DummyClassifier(strategy="uniform")}
    results = run(models, trials, random_state=None)
    (random_state,) = set(results.scores["random_state"])
    assert set(results.predictions["random_state"]) == {random_state}
    again = run(models, trials, random_state=int(random_state))
    pd.testing.assert_frame_equal(again.predictions, results.predictions)


def test_concatenated_results_have_the_rows_of_all_parts(trials):
    parts = [run({"linear": linear()}, trials, random_state=seed) for seed in (0, 1)]
    both = EvaluationResults.concatenate(parts)
    assert repr(both) == "<EvaluationResults: 2 estimators, 4 folds, 96 predictions>"
    assert both.scores["seed"].tolist() == [s for part in parts for s in part.scores["seed"]]


def test_results_of_several_parts_have_the_scores_of_each(trials):
    cv = CrossSubjectSplit(2)
    parts = [run({name: linear()}, trials, cv, scoring=None) for name in ("linear", "other")]
    both = EvaluationResults.concatenate(parts)
    assert len(both.predictions) == 3 * 24  # the baseline of both is there once
    table = compare(both).set_index("estimator")
    assert table.loc["linear", "mean"] == compare(parts[0]).loc[0, "mean"]
    assert table["n_subjects"].tolist() == [4] * 3
    parts.append(run({"linear": linear()}, trials, cv, random_state=1, scoring=None))
    table = compare(EvaluationResults.concatenate(parts)).set_index("estimator")
    assert table["n_subjects"].tolist() == [4] * 3


@pytest.mark.parametrize("scoring", ["f1", "kappa", "roc_auc"])
def test_scores_of_several_seeds_are_computed_by_seed_and_averaged(trials, scoring):
    tree = {"tree": make_pipeline(FunctionTransformer(log_variance), ExtraTreeClassifier())}
    options = {"cv": CrossSubjectSplit(2), "scoring": scoring}
    parts = [run(tree, trials, random_state=seed, **options) for seed in (0, 1)]
    means = [compare(part, scoring).loc[0, "mean"] for part in parts]
    assert len(set(means)) > 1
    both = EvaluationResults.concatenate(parts)
    table = compare(both, scoring)
    assert table.loc[0, "mean"] == pytest.approx(np.mean(means))
    assert table["std_seeds"].tolist() == pytest.approx([np.std(means, ddof=1), 0])
    by_subject = score_by_subject(both, scoring)
    assert by_subject["n_test"].tolist() == [6] * 16
    assert by_subject["random_state"].tolist() == [0, 1] * 8
    pd.testing.assert_frame_equal(compare(by_subject, scoring), table)


def test_subjects_of_data_sets_with_other_labels_and_names_are_scored(trials):
    text = replace(trials, y=np.array(["a", "b"])[trials.y], name="text")
    subject = trials.metadata["subject"].astype(object).replace({0: "A", 2: "B"})
    text = text.derive(metadata=trials.metadata.assign(subject=subject))
    parts = [run({"linear": linear()}, data, CrossSubjectSplit(2)) for data in (trials, text)]
    expected = pd.concat([score_by_subject(part) for part in parts])
    scores = score_by_subject(EvaluationResults.concatenate(parts))
    for name, own in scores.groupby("dataset", sort=False):
        pd.testing.assert_frame_equal(
            own.reset_index(drop=True),
            expected[expected["dataset"] == name].reset_index(drop=True),
            check_dtype=False,
        )
    assert scores["roc_auc"].notna().all()
    assert scores.loc[scores["dataset"] == "text", "subject"].tolist() == [1, 3, "A", "B"] * 2


def test_a_scorer_must_not_have_the_name_of_another_one(trials):
    scorer = make_scorer(precision_score, average="macro")
    with pytest.raises(ValueError, match="use the name 'precision' for that score only"):
        run({"linear": linear()}, trials, scoring={"precision": scorer})
    scoring = {"accuracy": make_scorer(accuracy_score), "macro": scorer}
    assert run({"linear": linear()}, trials, scoring=scoring).scores["macro"].notna().all()


# Windows


def test_single_windows_are_scored_like_windows_as_trials():
    trials = simulate_trials(n_subjects=3, n_trials=8, n_times=256)
    scores = run({"windowed": windowed()}, trials, scoring="accuracy", windows=True).scores
    windows = trials.as_windows(window_size_samples=128)
    tested = windows.metadata["subject"].to_numpy() == 1
    model = linear().fit(windows.X[~tested], windows.y[~tested])
    expected = model.score(windows.X[tested], windows.y[tested])
    assert scores["accuracy_windows"][1] == pytest.approx(expected)


def test_without_a_window_step_the_scores_of_windows_are_those_of_trials(trials):
    scores = run({"linear": linear()}, trials, windows=True).scores
    np.testing.assert_array_equal(scores["accuracy"], scores["accuracy_windows"])


class KnowsLabels(ClassifierMixin, BaseEstimator):
    """Classifier that reads the labels of Trials."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return X.y


def test_single_windows_have_the_labels_and_metadata_of_their_trials(trials):
    pipe = make_pipeline(SlidingWindows(window_size_samples=64), KnowsLabels())
    scores = run({"knows": pipe}, trials, baselines=None, windows=True).scores
    assert (scores["accuracy_windows"] == 1).all()


def test_windows_of_a_search_are_those_of_its_best_pipeline(trials):
    name = "slidingwindows__window_size_samples"
    search = GridSearchCV(windowed(), {name: [64]}, cv=2)
    pipe = windowed().set_params(**{name: 64})
    options = {"windows": True, "scoring": ["accuracy", "roc_auc"]}
    scores = run({"search": search, "pipe": pipe}, trials, **options).scores
    columns = ["accuracy", "accuracy_windows", "roc_auc_windows"]
    np.testing.assert_array_equal(scores[columns][:4], scores[columns][4:8])


# Seeds and processes


def test_results_are_bitwise_equal_for_every_n_jobs():
    trials = simulate_trials(n_subjects=4, n_trials=20, n_channels=16, n_times=256)
    net = make_pipeline(ChannelPicker([0, 1]), network())
    flat = make_pipeline(
        FunctionTransformer(lambda X: X[:, :, ::16].reshape(len(X), -1).astype(float)),
        LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.5),  # threads change its digits
    )
    with threadpool_limits(2):
        first, *others = (run({"net": net, "lda": flat}, trials, n_jobs=n) for n in (1, 1, 2))
    for other in others:
        pd.testing.assert_frame_equal(
            first.scores.drop(columns=TIMES), other.scores.drop(columns=TIMES), check_exact=True
        )
        pd.testing.assert_frame_equal(first.predictions, other.predictions, check_exact=True)


def test_seeds_of_folds_are_reproducible_and_independent_of_the_estimator(trials):
    scores = run({"linear": linear()}, trials).scores
    expected = [int(np.random.SeedSequence([0, k]).generate_state(1)[0]) for k in range(4)]
    assert scores["seed"].tolist() == expected * 2
    for random_state in (1, None):
        other = run({"linear": linear()}, trials, random_state=random_state).scores
        assert set(expected).isdisjoint(other["seed"])


def test_seeds_of_folds_replace_only_a_random_state_of_none(trials):
    pipes = {
        name: make_pipeline(DummyClassifier(strategy="uniform", random_state=random_state))
        for name, random_state in (("none", None), ("fixed", 5))
    }
    predictions = run(pipes, trials).predictions
    distinct = {
        name: {tuple(fold["y_pred"]) for _, fold in own.groupby("fold")}
        for name, own in predictions.groupby("estimator")
    }
    assert len(distinct["fixed"]) == 1
    assert len(distinct["none"]) > 1


@pytest.mark.parametrize(
    ("grid", "cv"),
    [
        ({"guess__strategy": ["uniform", "stratified"]}, KFold(3, shuffle=True)),
        ({"guess__strategy": ["uniform", "stratified"]}, CrossSubjectSplit(3, shuffle=True)),
        ([{"guess": [DummyClassifier(strategy="uniform")]}], KFold(2)),
    ],
    ids=["splitter", "splitter of the package", "candidates"],
)
def test_searches_are_reproducible(trials, grid, cv):
    pipe = Pipeline([("guess", DummyClassifier(strategy="uniform"))])
    search, before = GridSearchCV(pipe, grid, cv=cv), np.random.get_state()
    first, again = (run({"search": search}, trials, baselines=()).predictions for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    np.testing.assert_equal(np.random.get_state(), before)
    assert getattr(cv, "random_state", None) is None


def test_the_global_random_state_and_the_given_estimators_are_unchanged(trials):
    before = np.random.get_state()
    pipe = network()
    evaluate({"net": pipe}, trials, verbose=False)
    np.testing.assert_equal(np.random.get_state(), before)
    assert pipe[-1].random_state is None
    assert not hasattr(pipe[-1], "net_")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_configuration_of_scikit_learn_applies_in_every_process(trials, n_jobs):
    class Requires(DummyClassifier):
        def fit(self, X, y, sample_weight=None):
            if not get_config()["assume_finite"]:
                raise RuntimeError("default configuration")
            return super().fit(X, y)

    with config_context(assume_finite=True):
        run({"model": Requires()}, trials, n_jobs=n_jobs, error_score="raise", baselines=())


@pytest.mark.parametrize("baselines", [None, "none", (), []])
def test_an_evaluation_may_have_no_baselines(trials, baselines):
    scores = run({"linear": linear()}, trials, baselines=baselines).scores
    assert scores["estimator"].unique().tolist() == ["linear"]


def test_only_training_labels_are_permuted(trials):
    results = evaluate({"linear": linear()}, trials, baselines=["permutation"], verbose=False)
    assert results.scores["estimator"].unique().tolist() == ["linear", "permuted labels"]
    own = results.predictions.query("estimator == 'permuted labels'")
    assert own["y_true"].tolist() == trials.y[own["trial"]].tolist()


# Groups and use of test data


@pytest.mark.parametrize("cv", [CrossSubjectSplit(3), GroupKFold(3), LeaveOneGroupOut()], ids=repr)
def test_a_search_over_subjects_receives_what_its_splitter_requires(trials, cv):
    grid = {"slidingwindows__window_size_samples": [64, 128]}
    search = GridSearchCV(windowed(), grid, cv=cv)
    step = make_pipeline(
        FunctionTransformer(log_variance), GridSearchCV(LogisticRegression(), {}, cv=cv)
    )
    selector = SequentialChannelSelector(1, linear(), cv=CrossSubjectSplit(2))
    outside = GridSearchCV(make_pipeline(selector, linear()), {}, cv=cv)
    models = {"search": search, "step": step, "around a step": outside}
    rows = np.arange(len(trials))
    folds = [(rows[6:], rows[:6])]  # three subjects in training
    scores = run(models, trials, folds, error_score="raise", baselines=None).scores
    assert scores["accuracy"].notna().all()


def test_use_of_test_data_is_marked_in_pipelines_meta_estimators_and_searches(trials):
    peeking = make_pipeline(UsesTestData(), linear())
    models = {
        "pipeline": peeking,
        "calibrated": CalibratedClassifierCV(peeking, cv=2),
        "search": GridSearchCV(peeking, {}, cv=2),
        "linear": linear(),
    }
    scores = run(models, trials).scores
    marked = scores.groupby("estimator", sort=False)["adaptation"].unique().explode()
    assert marked.tolist() == ["unlabelled"] * 3 + ["", ""]


@pytest.mark.parametrize(
    "inside",
    [
        lambda search: search,
        lambda search: Pipeline([("search", search)]),
        lambda search: VotingClassifier([("search", search)]),
        lambda search: CalibratedClassifierCV(search, cv=2),
    ],
    ids=["alone", "pipeline", "voting", "calibrated"],
)
def test_use_of_test_data_is_marked_if_a_search_selects_it(trials, inside):
    pipe = make_pipeline(EuclideanAlignment(), linear())
    grids = {
        mode: inside(GridSearchCV(pipe, {"euclideanalignment__mode": [mode]}, cv=2))
        for mode in ("source-only", "unlabelled")
    }
    options = {"error_score": "raise", "baselines": ()}
    scores = run(grids, trials, CrossSubjectSplit(2), **options).scores
    assert scores["adaptation"].tolist() == [""] * 2 + ["unlabelled"] * 2


def test_group_splitters_require_subjects(trials):
    without = trials.derive(metadata=trials.metadata[["trial"]])
    search = GridSearchCV(linear(), {}, cv=GroupKFold(2))
    message = r"GroupKFold requires groups=metadata with 'subject', got only trial"
    with pytest.raises(ValueError, match=message):
        run({"linear": linear()}, without, GroupKFold(2))
    with pytest.raises(ValueError, match=message):
        run({"search": search}, without, KFold(2), error_score="raise")
    subject = trials.metadata["subject"].astype(str).where(trials.metadata["trial"] > 0)
    with pytest.raises(ValueError, match="GroupKFold requires 'subject' of every sample"):
        run(
            {"linear": linear()},
            trials.derive(metadata=trials.metadata.assign(subject=subject)),
            GroupKFold(2),
        )


def test_scores_of_a_test_set_with_one_class_are_undefined(trials):
    one_class = trials.derive(y=trials.metadata["subject"].to_numpy() % 2)
    models = {"constant": DummyClassifier(strategy="constant", constant=0)}
    scores = run(models, one_class, scoring=["accuracy", "kappa", "f1", "roc_auc"]).scores
    scores = scores[scores["estimator"] == "constant"]
    assert set(scores["accuracy"]) == {0, 1}  # errors do not decide whether a score is defined
    assert scores[["kappa", "f1", "roc_auc"]].isna().all(axis=None)


def test_adaptation_of_an_estimator_is_that_of_all_its_folds(trials):
    class UsesTestDataOfOneSubject(UsesTestData):
        adaptation = None

        def fit(self, X, y=None):
            self.adaptation = "unlabelled" if len(X) == 19 else ""
            return self

    rows = np.arange(len(trials))
    folds = [(rows[5:], rows[:5]), (rows[:12], rows[12:])]
    search = GridSearchCV(make_pipeline(UsesTestDataOfOneSubject(), linear()), {}, cv=2)
    scores = run({"search": search}, trials, folds, baselines=()).scores
    assert scores["error"].tolist() == ["", ""]
    assert scores["adaptation"].tolist() == ["unlabelled"] * 2


def test_labelled_trials_of_the_test_subject_are_stated_in_every_row(trials):
    models = {"peeking": make_pipeline(UsesTestData(), linear()), "linear": linear()}
    results = run(models, trials, CrossSubjectSplit(calibration_trials=2))
    labelled = "2 labelled trials per class"
    expected = {"peeking": f"unlabelled, {labelled}", "linear": labelled, "majority": labelled}
    for table in (results.scores, results.predictions):
        assert table.groupby("estimator")["adaptation"].unique().explode().to_dict() == expected
    assert set(results.scores["protocol"]) == {"cross_subject"}
    assert results.scores["held_out"][0] == "subject 0, 2 trials"


def test_results_with_and_without_calibration_have_rows_of_their_own_in_compare(trials):
    splits = (CrossSubjectSplit(2, calibration_trials=k, max_calibration_trials=2) for k in (0, 2))
    parts = [run({"linear": linear()}, trials, cv, scoring=None) for cv in splits]
    table = compare(EvaluationResults.concatenate(parts)).set_index("estimator")
    names, suffix = ["linear", "majority"], " (2 labelled trials per class)"
    assert table.index.tolist() == [*names, *(f"{name}{suffix}" for name in names)]
    means = [mean for part in parts for mean in compare(part)["mean"]]
    assert table["mean"].tolist() == pytest.approx(means)
    assert table["n_subjects"].tolist() == [4] * 4


@pytest.mark.parametrize(("reference_onset", "leaks"), [(0.0, False), (9.0, True)])
def test_a_reference_recorded_after_test_trials_is_warned_of(trials, reference_onset, leaks):
    times = {"recording": trials.metadata["subject"], "onset": 10.0}
    metadata = trials.metadata.assign(**times, reference_onset=reference_onset)
    reference = np.random.default_rng(0).normal(size=(*trials.shape[:2], 256))
    trials = replace(trials, metadata=metadata, reference=reference)
    with warnings.catch_warnings(record=True, action="always") as caught:
        run({"dummy": DummyClassifier()}, trials)
    messages = [str(each.message) for each in caught if each.category is LeakageWarning]
    assert len(messages) == leaks
    assert all(
        "recorded after or in test trials (fold 0: reference of" in each for each in messages
    )


@pytest.mark.filterwarnings("error")  # alignment without groups warns
@pytest.mark.parametrize("searched", [False, True])
def test_alignment_receives_the_subjects_of_training_and_test_trials(trials, searched):
    pipe = make_pipeline(EuclideanAlignment("unlabelled"), *windowed())
    if searched:
        pipe = GridSearchCV(pipe, {}, cv=CrossSubjectSplit(2))
    options = {"windows": True, "error_score": "raise"}
    predictions = run({"aligned": pipe}, trials, CrossSubjectSplit(2), **options).predictions
    subject = trials.metadata["subject"].to_numpy()
    aligned = EuclideanAlignment("unlabelled").fit_transform(trials.X, groups=subject)
    for _, own in predictions.query("estimator == 'aligned'").groupby("fold"):
        tested = np.isin(np.arange(24), own["trial"])
        model = windowed().fit(aligned[~tested], trials.y[~tested])
        np.testing.assert_allclose(own["proba_1"], model.predict_proba(aligned[tested])[:, 1])


# Failures


def test_a_failed_fold_is_a_row_with_its_error(fails_without, numbered_trials):
    with pytest.warns(FitFailedWarning, match="1 of 8 fits failed.*RuntimeError: no memory left"):
        scores = run({"fails": fails_without(2)}, numbered_trials, scoring=None).scores
    assert scores["error"].tolist()[:4] == ["", "", "RuntimeError: no memory left", ""]
    assert scores.loc[2, ["accuracy", "roc_auc", "fit_seconds"]].isna().all()
    assert scores["accuracy"].drop(2).notna().all()
    assert scores.loc[2, "held_out"] == "subject 2"


def test_predictions_are_empty_if_all_folds_failed(fails_without, numbered_trials):
    with pytest.warns(FitFailedWarning, match="4 of 4 fits failed"):
        results = run({"fails": fails_without(9)}, numbered_trials, baselines=())
    assert results.scores["accuracy"].isna().all()
    assert results.predictions.empty


class PredictsNumbers(ClassifierMixin, LinearRegression):
    """Classifier whose predictions are no labels."""


def test_a_predicted_label_that_is_not_in_y_fails_the_fold(trials):
    model = make_pipeline(FunctionTransformer(log_variance), PredictsNumbers())
    with pytest.warns(FitFailedWarning, match=r"predict must return labels of \[0, 1\], got"):
        run({"numbers": model}, trials)


class Answers(DummyClassifier):
    """Classifier whose outputs are altered by a function."""

    def __init__(self, method, alter):
        super().__init__()
        self.method, self.alter = method, alter

    def predict(self, X):
        return self._alter("predict", super().predict(X))

    def predict_proba(self, X):
        return self._alter("predict_proba", super().predict_proba(X))

    def _alter(self, method, values):
        return self.alter(values) if method == self.method else values


class Decides(BaseEstimator, ClassifierMixin):
    """Classifier without probabilities whose decision values are given by a function."""

    def __init__(self, decide):
        self.decide = decide

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.repeat(self.classes_[0], len(X))

    def decision_function(self, X):
        return self.decide(len(X))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Answers("predict", lambda y: y[1:]), r"predict must have shape \(6,\), got \(5,\)"),
        (Answers("predict", lambda y: y[:, None]), r"predict must have shape \(6,\), got \(6, 1"),
        (Answers("predict_proba", lambda p: p[:, :1]), r"predict_proba .* \(6, 2\), got \(6, 1\)"),
        (Answers("predict_proba", lambda p: p[:1]), r"predict_proba .* \(6, 2\), got \(1, 2\)"),
        (Answers("predict_proba", lambda p: p * np.nan), "predict_proba must be finite, got nan"),
        (Answers("predict_proba", lambda p: p * [1, np.inf]), "predict_proba must be finite, got"),
        (Decides(lambda n: np.full(n, np.nan)), "decision_function must be finite, got nan"),
        (Decides(lambda n: np.zeros((n, 1))), r"decision_function .* \(6,\), got \(6, 1\)"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__class__.__name__,
)
@pytest.mark.parametrize("windows", [False, True])
def test_outputs_of_a_wrong_shape_or_that_are_not_finite_fail_the_fold(
    trials, tmp_path, model, message, windows
):
    with pytest.warns(FitFailedWarning, match="4 of 4 fits failed"):
        options = {"baselines": (), "windows": windows, "scoring": None}
        results = run({"m": model}, trials, cache_dir=tmp_path, **options)
    assert results.scores["error"].str.contains(message).all()
    assert results.scores[SCORES].isna().all(axis=None)
    assert list(tmp_path.iterdir()) == []


def test_probabilities_are_those_of_their_class_if_training_lacks_another():
    trials = simulate_trials(n_subjects=3, n_trials=6)
    y = np.where(trials.metadata["subject"] == 0, 0, [1, 2, 2] * 6)
    results = run({"prior": DummyClassifier()}, replace(trials, y=y), baselines=None)
    proba = results.predictions.query("subject == 0")[["proba_0", "proba_1", "proba_2"]]
    np.testing.assert_allclose(proba, [[0, 1 / 3, 2 / 3]] * 6)


class DecidesInReverse(Decides):
    """Classifier whose decision values are those of its first class in sorted order."""

    def fit(self, X, y):
        super().fit(X, y)
        self.classes_ = self.classes_[::-1]
        return self


def test_decision_values_of_classes_in_another_order_are_left_out(trials):
    results = run({"m": DecidesInReverse(np.arange)}, trials, baselines=None, scoring=None)
    assert results.scores["roc_auc"].isna().all()
    assert "decision" not in results.predictions


def test_decision_values_of_several_classes_that_are_not_finite_fail_the_fold():
    trials = simulate_trials(n_subjects=2, n_trials=6, n_classes=3)
    with pytest.warns(FitFailedWarning, match="decision_function must be finite, got nan"):
        run({"m": Decides(lambda n: np.full((n, 3), np.nan))}, trials, baselines=())


# Arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimators": LogisticRegression()}, "estimators must be a dict from one or more names"),
        ({"estimators": {}}, "estimators must be a dict from one or more names .* got {}"),
        ({"estimators": {"majority": DummyClassifier()}}, "names of baselines, got 'majority'"),
        (
            {"estimators": {"permuted labels": DummyClassifier()}},
            "names of baselines, got 'permuted labels'",
        ),
        ({"estimators": {"net": "EEGNet"}}, r"estimators\['net'\] must be an estimator, got 'EEGN"),
        ({"estimators": {"net": DummyClassifier}}, "must be an estimator, got <class"),
        (
            {"estimators": {1: DummyClassifier(), "1": DummyClassifier()}},
            "estimators must have different names as text, got 1, '1'",
        ),
        ({"cv": [([0, 1], [2, 3, 2])]}, "a row twice in one test set, got row 2"),
        ({"cv": [([0, 1], [2, 99])]}, "cv must have pairs of training and test, .* out of bounds"),
        ({"cv": [([0, 1], [1, 2])]}, "disjoint training and test trials, got .* in fold 0"),
        ({"cv": [([0, 1], [2]), ([0], [])]}, "test trials in every fold, got none in fold 1"),
        ({"trials": np.zeros((4, 2, 8))}, "trials must be Trials, got ndarray"),
        ({"cv": "loso"}, r"CrossSubjectSplit\(\), got 'loso'. Did you mean 'cross_subject'"),
        ({"cv": [1, 2]}, r"pairs of training and test indices, .*got \[1, 2\]"),
        ({"cv": []}, "must give at least one fold"),
        ({"scoring": "acuracy"}, "did you mean 'accuracy'"),
        ({"scoring": []}, "must be one or more names of scores"),
        *(
            ({"scoring": {name: "accuracy"}}, "other than columns of results such as 'fold'")
            for name in ("fold", "n_classes", "random_state")
        ),
        ({"scoring": 5}, "must be one or more names of scores, .* got 5"),
        ({"windows": "no"}, "windows must be True or False, got 'no'"),
        ({"baselines": ["best"]}, "among majority, stratified, permutation, got 'best'"),
        ({"baselines": ["none", "majority"]}, "permutation, got 'none'"),
        ({"baselines": 3}, "baselines must be a sequence of names or None, got 3"),
        ({"random_state": -1}, "random_state must be an integer of at least 0"),
        ({"random_state": None, "cache_dir": "here"}, "must be an int if cache_dir is given"),
        ({"error_score": 0}, "error_score must be 'raise' or nan"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_invalid_arguments_raise_before_any_fit(trials, counter, options, message):
    arguments = {"estimators": {"counter": counter}, "trials": trials, "verbose": False, **options}
    with pytest.raises(ValueError, match=message):
        evaluate(**arguments)
    assert counter.n_fits() == 0


def test_continuous_labels_and_mixed_types_are_rejected(trials):
    ratings = Trials(trials.X, trials.y + 0.5, trials.metadata, 128, trials.ch_names)
    with pytest.raises(ValueError, match=r"trials\.y must have .* whole numbers.* got 0\.5, 1\.5"):
        run({"dummy": DummyClassifier()}, ratings)
    for rest in (0, 1):  # either type is the first
        labels = ["rest" if label == rest else 0 for label in trials.y.tolist()]
        mixed = Trials(trials.X, labels, trials.metadata, 128, trials.ch_names)
        with pytest.raises(ValueError, match="must have labels of one type, text or numbers"):
            run({"dummy": DummyClassifier()}, mixed)


@pytest.mark.parametrize(
    ("y", "got"), [([1] * 24, "1"), (["rest"] * 24, "'rest'"), ([np.inf, 1.0] * 12, "1.0, inf")]
)
def test_classifiers_require_two_classes(trials, counter, y, got):
    with pytest.raises(ValueError, match=rf"trials\.y must .* at least two classes.*got {got}\."):
        run({"counter": counter}, replace(trials, y=np.array(y), label_names={}))
    assert counter.n_fits() == 0


def test_verbose_controls_the_progress_bar(trials, capsys):
    run({"dummy": DummyClassifier()}, trials)
    assert capsys.readouterr().err == ""
    run({"dummy": DummyClassifier()}, trials, verbose=True)
    assert "8/8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, ""), (100, "about 27 min"), (900, "about 4.0 h")]
)
def test_times_are_in_the_scores_and_the_progress_bar(trials, capsys, monkeypatch, seconds, text):
    # Both a fit and its predictions take this long: 8 folds of twice as many seconds.
    clock = itertools.count(step=seconds)
    monkeypatch.setattr(_fit_and_score, "perf_counter", lambda: next(clock))
    scores = run({"linear": linear()}, trials, verbose=True).scores
    assert (scores[TIMES] == seconds).all(axis=None)
    shown = capsys.readouterr().err
    assert ("about " in shown) is bool(text) and f"{text}" in shown


def test_the_first_fold_of_each_estimator_is_run_first(numbered_trials):
    fitted = []

    class Logs(DummyClassifier):
        def fit(self, X, y, sample_weight=None):
            (missing,) = {0, 1, 2, 3} - set(X[:, 0, 0])
            fitted.append((self.strategy, missing))
            return super().fit(X, y, sample_weight)

    models = {"a": Logs(strategy="prior"), "b": Logs(strategy="uniform")}
    run(models, numbered_trials, baselines=())
    rest = [(strategy, fold) for strategy in ("prior", "uniform") for fold in (1, 2, 3)]
    assert fitted == [("prior", 0), ("uniform", 0), *rest]
