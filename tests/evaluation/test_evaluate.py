import errno
import io
import os
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from tqdm import tqdm

from skmamba import MSiMambaClassifier, SlidingWindows, Trials, WindowVotingClassifier, evaluate
from skmamba.datasets import simulate_trials
from skmamba.evaluation import (
    CrossSessionSplit,
    CrossStimulusSplit,
    CrossSubjectSplit,
    FirstTrialsSplit,
    WithinSubjectSplit,
    score_by_subject,
)
from skmamba.evaluation._fingerprint import fingerprint
from skmamba.preprocessing import EuclideanAlignment

TIMES = ["fit_seconds", "predict_seconds"]


def log_variance(X):
    return np.log(X.var(axis=-1))


def linear():
    return make_pipeline(FunctionTransformer(log_variance), StandardScaler(), LogisticRegression())


def windowed():
    return make_pipeline(SlidingWindows(window_size_samples=128), WindowVotingClassifier(linear()))


def quick(estimators, trials, cv="cross_subject", **options):
    options = {"progress": False, "baselines": ["majority"], **options}
    return evaluate(estimators, trials, cv, **options).scores


class Fails(ClassifierMixin, BaseEstimator):
    """Fails where the training trials lack a subject, told by the first value of a trial."""

    def __init__(self, without=0):
        self.without = without

    def fit(self, X, y):
        if self.without not in X[:, 0, 0]:
            raise RuntimeError("no memory left")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


class Spy(DummyClassifier):
    """Notes fits in a file: a list would be a part of it that changes."""

    def __init__(self, log=None, *, strategy="prior"):
        self.log = log
        super().__init__(strategy=strategy)

    def fit(self, X, y, sample_weight=None):
        with open(self.log, "a") as file:
            file.write("x")
        return super().fit(X, y, sample_weight)

    def n_fits(self):
        return len(Path(self.log).read_text())


class Peeks(TransformerMixin, BaseEstimator):
    transductive = "unlabelled"

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X - X.mean(0)


def marked_trials(n_subjects=4, n_trials=6):
    """Trials whose first value is their subject."""
    trials = simulate_trials(n_subjects, n_trials, n_times=256)
    trials.X[:, 0, 0] = trials.metadata["subject"]
    return trials


# The table


def test_the_table_has_a_row_per_estimator_and_fold_and_chance_is_always_there(trials):
    results = evaluate({"linear": linear(), "windowed": windowed()}, trials, verbose=False).scores
    names = ["linear", "windowed", "majority", "stratified", "permuted labels"]
    assert results["estimator"].tolist() == [name for name in names for _ in range(4)]
    assert results["fold"].tolist() == [0, 1, 2, 3] * 5
    assert results["kind"].tolist() == ["model"] * 8 + ["baseline"] * 12
    assert results.columns.tolist() == [
        *("dataset", "protocol", "estimator", "kind", "transductive"),
        *("fold", "held_out", "subject", "n_train", "n_test"),
        *("accuracy", "balanced_accuracy", "kappa", "f1", "roc_auc"),
        *("fit_seconds", "predict_seconds", "seed", "error", "versions"),
    ]
    assert set(results["dataset"]) == {"simulation"}
    assert set(results["protocol"]) == {"cross_subject"}
    assert set(results["n_train"]) == {18}
    assert set(results["n_test"]) == {6}
    assert results["held_out"].tolist()[:4] == [f"subject {subject}" for subject in range(4)]
    assert (results[TIMES] > 0).all(axis=None)
    assert results["versions"].str.contains("skmamba .*scikit-learn .*torch .*numpy ").all()


def test_scores_are_those_of_scikit_learn(trials):
    names = {
        "accuracy": "accuracy",
        "balanced_accuracy": "balanced_accuracy",
        "f1": "f1_macro",
        "roc_auc": "roc_auc",
    }
    results = quick({"linear": linear()}, trials)
    expected = cross_validate(
        linear(),
        trials.X,
        trials.y,
        groups=trials.metadata["subject"],
        cv=LeaveOneGroupOut(),
        scoring=names,
    )
    model = results[results["kind"] == "model"]
    for name in names:
        np.testing.assert_allclose(model[name], expected[f"test_{name}"])


def test_kappa_is_that_of_a_case_by_hand():
    # observed agreement 3/4, by chance 1/2: (3/4 - 1/2) / (1 - 1/2)
    trials = simulate_trials(n_subjects=2, n_trials=4)
    y = np.array([0, 0, 1, 1] * 2)
    X = np.tile(np.array([0, 1, 1, 1] * 2)[:, None, None], (1, 4, 8)).astype(float)
    trials = Trials(X, y, trials.metadata, 128, trials.ch_names)
    says = make_pipeline(FunctionTransformer(lambda X: X[:, 0, :1]), LogisticRegression(C=1e6))
    results = quick({"says": says}, trials, scoring="kappa")
    assert results["kappa"][0] == pytest.approx(0.5)


def test_a_planted_difference_is_found_and_baselines_stay_at_chance():
    trials = simulate_trials(n_subjects=6, n_trials=20, effect=2.0)
    results = evaluate({"linear": linear()}, trials, verbose=False).scores
    means = results.groupby("estimator")["balanced_accuracy"].mean()
    assert means["linear"] > 0.9
    assert means["majority"] == 0.5
    assert 0.3 < means["stratified"] < 0.7
    assert 0.2 < means["permuted labels"] < 0.8


def test_scores_of_more_than_two_classes_and_names_as_labels():
    trials = simulate_trials(n_subjects=3, n_trials=12, n_classes=3, effect=2.0)
    names = np.array(["calm", "glad", "sad"])
    named = Trials(trials.X, names[trials.y], trials.metadata, 128, trials.ch_names)
    results = quick({"linear": linear()}, trials)
    same, predictions = quick({"linear": linear()}, named, return_predictions=True)
    scores = ["accuracy", "balanced_accuracy", "kappa", "f1", "roc_auc"]
    pd.testing.assert_frame_equal(results[scores], same[scores])
    assert results[scores].notna().all(axis=None)
    assert {"proba_calm", "proba_glad", "proba_sad"} <= set(predictions)
    assert set(predictions["y_pred"]) <= set(names)
    assert results.loc[results["kind"] == "baseline", "accuracy"].to_numpy() == pytest.approx(1 / 3)


def test_scores_that_a_fold_leaves_undefined_are_nan():
    trials = simulate_trials(n_subjects=3, n_trials=6)
    y = np.where(trials.metadata["subject"] == 0, 0, trials.y)
    one_class = Trials(trials.X, y, trials.metadata, 128, trials.ch_names)
    results = quick({"linear": linear()}, one_class)
    assert np.isnan(results["roc_auc"][0])
    assert not np.isnan(results["accuracy"][0])
    assert results["roc_auc"][1:3].notna().all()


def test_scorers_may_be_named_as_in_scikit_learn_or_be_functions(trials):
    def n_said(answers, rows, y):
        return len(answers.predict(rows))

    scoring = {"loss": "neg_log_loss", "n": n_said}
    results = quick({"linear": linear()}, trials, scoring=scoring)
    assert (results["loss"] < 0).all()
    assert set(results["n"]) == {6}


def test_classifiers_without_probabilities_have_no_area_under_the_curve():
    mixed = KFold(2, shuffle=True, random_state=0)
    results, predictions = quick(
        {"fails": Fails()}, marked_trials(), mixed, return_predictions=True
    )
    assert results["roc_auc"][:2].isna().all()
    assert results["accuracy"][:2].notna().all()
    assert predictions.query("kind == 'model'")["proba_0"].isna().all()


@pytest.mark.parametrize(
    "y",
    [np.array(["calm", "glad"]), np.array(["calm", "glad"], object), np.array([False, True])],
    ids=lambda y: str(y.dtype),
)
def test_two_classes_may_have_any_names(trials, y):
    named = Trials(trials.X, y[trials.y], trials.metadata, 128, trials.ch_names)
    same = quick({"linear": linear()}, trials)
    scores = ["accuracy", "balanced_accuracy", "kappa", "f1", "roc_auc"]
    pd.testing.assert_frame_equal(same[scores], quick({"linear": linear()}, named)[scores])


def test_decisions_stand_for_probabilities_in_the_area_under_the_curve():
    trials = simulate_trials(n_subjects=4, n_trials=10, effect=0.3, n_times=128)
    pipe = make_pipeline(FunctionTransformer(log_variance), LinearSVC(random_state=0))
    results, predictions = quick({"svm": pipe}, trials, return_predictions=True)
    expected = cross_validate(
        pipe,
        trials.X,
        trials.y,
        groups=trials.metadata["subject"],
        cv=LeaveOneGroupOut(),
        scoring=["roc_auc", "average_precision"],
    )
    np.testing.assert_allclose(results["roc_auc"][:4], expected["test_roc_auc"])
    by_subject = score_by_subject(predictions.query("kind == 'model'"), "roc_auc")
    np.testing.assert_allclose(by_subject["roc_auc"], expected["test_roc_auc"])
    other = quick({"svm": pipe}, trials, scoring="average_precision")["average_precision"][:4]
    np.testing.assert_allclose(other, expected["test_average_precision"])


def test_a_score_that_fails_is_nan_and_the_others_stay(trials):
    def bad(answers, rows, y):
        raise ZeroDivisionError("by nothing")

    with pytest.warns(UserWarning, match="bad is nan, since it failed: ZeroDivisionError: by noth"):
        results = quick({"g": linear()}, trials, scoring={"bad": bad, "accuracy": "accuracy"})
    assert results["bad"].isna().all()
    assert results["accuracy"].notna().all()


@pytest.mark.parametrize(
    ("cv", "held_out"),
    [
        (CrossSubjectSplit(2), "2 subjects"),
        (WithinSubjectSplit(KFold(2, shuffle=True, random_state=0)), "subject 0, 4 trials"),
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
def test_what_is_held_out_is_told(cv, held_out):
    trials = simulate_trials(n_subjects=4, n_trials=8)
    trials.metadata["session"] = np.tile([0, 0, 0, 0, 1, 1, 1, 1], 4)
    trials.metadata["stimulus"] = np.tile([0, 1, 2, 3, 0, 1, 2, 3], 4)
    results = quick({"guess": DummyClassifier()}, trials, cv, baselines=())
    assert results["held_out"][0] == held_out


def test_the_subject_is_told_if_a_fold_tests_one(trials):
    assert quick({"guess": DummyClassifier()}, trials)["subject"].tolist() == [0, 1, 2, 3] * 2
    several = quick({"guess": DummyClassifier()}, trials, CrossSubjectSplit(2))
    assert several["subject"].isna().all()


# Predictions


def test_predictions_tell_every_tested_trial_once_for_each_estimator(trials):
    evaluated = evaluate({"linear": linear()}, trials, verbose=False)
    results, predictions = evaluated.scores, evaluated.predictions
    for _, own in predictions.groupby("estimator"):
        assert sorted(own["trial"]) == list(range(24))
        assert own["y_true"].tolist() == trials.y[own["trial"]].tolist()
    model = predictions[predictions["estimator"] == "linear"]
    np.testing.assert_allclose(model[["proba_0", "proba_1"]].sum(axis=1), 1)
    for fold, own in model.groupby("fold"):
        score = balanced_accuracy_score(own["y_true"], own["y_pred"])
        assert score == results["balanced_accuracy"][fold]


def test_subjects_of_a_fold_are_scored_apart(trials):
    _, predictions = quick(
        {"linear": linear()}, trials, CrossSubjectSplit(2), return_predictions=True
    )
    scores = score_by_subject(predictions)
    assert scores["estimator"].tolist() == ["linear"] * 4 + ["majority"] * 4
    assert scores["subject"].tolist() == [0, 1, 2, 3] * 2
    own = predictions.query("estimator == 'linear' and subject == 2")
    expected = roc_auc_score(own["y_true"], own["proba_1"])
    assert scores.query("estimator == 'linear' and subject == 2")["roc_auc"].item() == expected


def test_folds_of_one_subject_are_scored_together(trials):
    _, predictions = quick(
        {"linear": linear()}, trials, WithinSubjectSplit(KFold(3)), return_predictions=True
    )
    scores = score_by_subject(predictions, "accuracy").query("estimator == 'linear'")
    assert scores["n_test"].tolist() == [6] * 4
    own = predictions.query("estimator == 'linear' and subject == 1")
    assert scores["accuracy"].to_numpy()[1] == (own["y_true"] == own["y_pred"]).mean()


def test_score_by_subject_wants_predictions(trials):
    with pytest.raises(ValueError, match=r"must be what evaluate\(.*y_true, y_pred is not there"):
        score_by_subject(quick({"linear": linear()}, trials))


# Windows


def test_windows_are_scored_beside_trials():
    trials = simulate_trials(n_subjects=3, n_trials=8, n_times=256)
    results = quick({"windowed": windowed()}, trials, scoring="accuracy", windows=True)
    train = trials.metadata["subject"].to_numpy() != 1
    windows = trials.as_windows(window_size_samples=128)
    tests = windows.metadata["subject"].to_numpy() == 1
    model = linear().fit(windows.X[~tests], windows.y[~tests])
    assert train.sum() == 16
    expected = model.score(windows.X[tests], windows.y[tests])
    assert results["accuracy_windows"][1] == pytest.approx(expected)


def test_windows_of_what_knows_none_are_its_trials(trials):
    results = quick({"linear": linear()}, trials, windows=True)
    np.testing.assert_array_equal(results["accuracy"], results["accuracy_windows"])


def test_windows_of_a_search_are_those_of_its_best_pipeline(trials):
    search = GridSearchCV(windowed(), {"slidingwindows__size": [64]}, cv=2)
    pipe = windowed().set_params(slidingwindows__size=64)
    results = quick({"search": search, "pipe": pipe}, trials, windows=True)
    columns = ["accuracy", "accuracy_windows", "roc_auc_windows"]
    np.testing.assert_array_equal(results[columns][:4], results[columns][4:8])


# Seeds


def test_the_same_call_gives_the_same_table_whatever_n_jobs(trials):
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), MSiMambaClassifier(max_epochs=2))
    tables = [
        evaluate({"net": pipe, "linear": linear()}, trials, n_jobs=n_jobs, verbose=False).scores
        for n_jobs in (1, 1, 2)
    ]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(
            tables[0].drop(columns=TIMES), table.drop(columns=TIMES), check_exact=True
        )


def test_folds_have_seeds_of_their_own_which_fill_open_ones_only(trials):
    open_seed = make_pipeline(
        FunctionTransformer(log_variance), DummyClassifier(strategy="uniform")
    )
    fixed = make_pipeline(
        FunctionTransformer(log_variance), DummyClassifier(strategy="uniform", random_state=5)
    )
    _, predictions = quick({"open": open_seed, "fixed": fixed}, trials, return_predictions=True)
    answers = {
        name: {tuple(fold["y_pred"]) for _, fold in own.groupby("fold")}
        for name, own in predictions.groupby("estimator")
    }
    assert len(answers["fixed"]) == 1
    assert len(answers["open"]) > 1


def test_another_random_state_gives_other_seeds(trials):
    first = quick({"linear": linear()}, trials)["seed"]
    assert first.nunique() == 4
    assert set(first).isdisjoint(quick({"linear": linear()}, trials, random_state=1)["seed"])
    assert set(first).isdisjoint(quick({"linear": linear()}, trials, random_state=None)["seed"])


def test_the_global_generator_and_the_estimators_stay_as_they_are(trials):
    before = np.random.get_state()
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), MSiMambaClassifier(max_epochs=1))
    evaluate({"net": pipe}, trials, verbose=False).scores
    np.testing.assert_equal(np.random.get_state(), before)
    assert pipe[-1].random_state is None
    assert not hasattr(pipe[-1], "net_")


# Permuted labels


def test_only_training_labels_are_permuted(trials):
    evaluated = evaluate({"linear": linear()}, trials, baselines=["permutation"], verbose=False)
    results, predictions = evaluated.scores, evaluated.predictions
    assert results["estimator"].unique().tolist() == ["linear", "permuted labels"]
    own = predictions[predictions["estimator"] == "permuted labels"]
    assert own["y_true"].tolist() == trials.y[own["trial"]].tolist()


# Groups and transduction


def test_a_search_with_a_protocol_inside_gets_the_metadata(trials):
    search = GridSearchCV(
        windowed(), {"slidingwindows__size": [64, 128]}, cv=CrossSubjectSplit(3), refit=True
    )
    results = quick({"search": search}, trials, error_score="raise")
    assert results["error"].eq("").all()
    assert results["accuracy"].notna().all()


def test_what_looks_at_test_data_is_marked(trials):
    peeking = make_pipeline(Peeks(), linear())
    results = quick({"peeks": peeking, "linear": linear()}, trials)
    assert results.groupby("estimator", sort=False)["transductive"].unique().explode().tolist() == [
        "unlabelled",
        "",
        "",
    ]


def test_it_is_marked_wherever_it_stands(trials):
    inside = CalibratedClassifierCV(make_pipeline(Peeks(), linear()), cv=2)
    search = GridSearchCV(make_pipeline(Peeks(), linear()), {}, cv=2)
    results = quick({"inside": inside, "search": search}, trials, baselines=["permutation"])
    assert results["transductive"].eq("unlabelled").all()


def test_it_is_marked_if_a_search_chooses_it(trials):
    pipe = make_pipeline(EuclideanAlignment(), linear())
    grids = {
        mode: GridSearchCV(pipe, {"euclideanalignment__mode": [mode]}, cv=CrossSubjectSplit(3))
        for mode in ("source-only", "unlabelled")
    }
    results = quick(grids, trials, error_score="raise", baselines=())
    assert results["transductive"].tolist() == [""] * 4 + ["unlabelled"] * 4


@pytest.mark.filterwarnings("error")  # alignment without groups warns
@pytest.mark.parametrize("searched", [False, True])
def test_alignment_knows_the_subjects_of_training_and_test_trials(trials, searched):
    windowed_pipe = make_pipeline(EuclideanAlignment("unlabelled"), *windowed())
    if searched:
        windowed_pipe = GridSearchCV(windowed_pipe, {}, cv=CrossSubjectSplit(2))
    _, together = quick(
        {"aligned": windowed_pipe},
        trials,
        CrossSubjectSplit(2),
        windows=True,
        error_score="raise",
        return_predictions=True,
    )
    subject = trials.metadata["subject"].to_numpy()
    aligned = EuclideanAlignment("unlabelled").fit_transform(trials.X, groups=subject)
    for _, own in together.query("estimator == 'aligned'").groupby("fold"):
        tested = np.isin(np.arange(24), own["trial"])
        model = windowed().fit(aligned[~tested], trials.y[~tested])
        np.testing.assert_allclose(own["proba_1"], model.predict_proba(aligned[tested])[:, 1])


# Failures


def test_a_fold_that_fails_is_a_row_and_the_rest_goes_on():
    with pytest.warns(FitFailedWarning, match="1 of 8 fits failed.*RuntimeError: no memory left"):
        results = quick({"fails": Fails(without=2)}, marked_trials())
    assert results["error"].tolist()[:4] == ["", "", "RuntimeError: no memory left", ""]
    assert results.loc[2, ["accuracy", "roc_auc", "fit_seconds"]].isna().all()
    assert results["accuracy"].drop(2).notna().all()
    assert results.loc[2, "held_out"] == "subject 2"


def test_a_fold_that_fails_may_end_it():
    with pytest.raises(RuntimeError, match="no memory left"):
        quick({"fails": Fails()}, marked_trials(), error_score="raise")


def test_all_may_fail():
    trials = marked_trials()
    with pytest.warns(FitFailedWarning, match="4 of 4 fits failed"):
        results, predictions = quick(
            {"fails": Fails(without=9)}, trials, baselines=(), return_predictions=True
        )
    assert results["accuracy"].isna().all()
    assert predictions.empty


def test_a_label_that_nobody_knows_is_an_error_of_the_fold(trials):
    with pytest.warns(
        FitFailedWarning, match=r"predict gave .*, which is none of the labels \[0, 1"
    ):
        quick({"r": make_pipeline(FunctionTransformer(log_variance), LinearRegression())}, trials)


# The store


@pytest.fixture
def spy(tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "fits"
    log.touch()
    return Spy(str(log))


def test_a_second_call_fits_nothing_and_gives_the_same_table(trials, tmp_path, spy):
    first = quick({"spy": spy}, trials, store=tmp_path, return_predictions=True)
    assert spy.n_fits() == 4
    second = quick({"spy": spy}, trials, store=tmp_path, return_predictions=True)
    assert spy.n_fits() == 4
    for one, other in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_table_is_the_same_with_and_without_a_store(trials, tmp_path):
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), MSiMambaClassifier(max_epochs=1))
    quick({"net": pipe}, trials, store=tmp_path)
    kept, free = (quick({"net": pipe}, trials, store=store) for store in (tmp_path, None))
    pd.testing.assert_frame_equal(
        kept.drop(columns=TIMES), free.drop(columns=TIMES), check_exact=True
    )


def test_another_score_or_name_or_estimator_beside_it_costs_no_fit(trials, tmp_path, spy):
    quick({"spy": spy}, trials, store=tmp_path)
    quick({"renamed": spy, "linear": linear()}, trials, store=tmp_path, scoring="f1")
    assert spy.n_fits() == 4


def test_a_fold_that_is_lost_alone_is_run_again(trials, tmp_path, spy):
    quick({"spy": spy}, trials, store=tmp_path, baselines=())
    lost = sorted(tmp_path.iterdir())[1]
    lost.unlink()
    quick({"spy": spy}, trials, store=tmp_path, baselines=())
    assert spy.n_fits() == 5
    assert lost.exists()


def changed(trials, what):
    X, y, metadata = trials.X.copy(), trials.y.copy(), trials.metadata.copy()
    if what == "a value":
        X[3, 2, 1] += 1e-3
    if what == "a label":
        y[5] = 1 - y[5]
    if what == "a stimulus":
        metadata["stimulus"] = 0
    return Trials(X, y, metadata, trials.sfreq, trials.ch_names, name=trials.name)


@pytest.mark.parametrize("what", ["a value", "a label", "a stimulus"])
def test_folds_of_other_data_are_never_taken(trials, tmp_path, spy, what):
    quick({"spy": spy}, trials, store=tmp_path)
    quick({"spy": spy}, changed(trials, what), store=tmp_path)
    assert spy.n_fits() == 8
    quick({"spy": spy}, changed(trials, "nothing"), store=tmp_path)
    assert spy.n_fits() == 8


@pytest.mark.parametrize(
    "options",
    [
        {"cv": LeaveOneGroupOut()},
        {"cv": CrossSubjectSplit(2)},
        {"random_state": 1},
        {"windows": True},
    ],
    ids=str,
)
def test_folds_of_another_protocol_or_seed_are_never_taken(trials, tmp_path, spy, options):
    quick({"spy": spy}, trials, store=tmp_path)
    quick({"spy": spy}, trials, store=tmp_path, **options)
    assert spy.n_fits() > 4


def test_folds_of_another_estimator_are_never_taken(trials, tmp_path, spy):
    quick({"spy": spy}, trials, store=tmp_path)
    quick({"spy": Spy(spy.log, strategy="stratified")}, trials, store=tmp_path)
    quick({"spy": make_pipeline(spy)}, trials, store=tmp_path)
    assert spy.n_fits() == 12


def test_failed_folds_are_tried_again(tmp_path):
    trials = marked_trials()
    for _ in range(2):
        with pytest.warns(FitFailedWarning, match="1 of 4"):
            quick({"fails": Fails()}, trials, store=tmp_path, baselines=())
    assert len(list(tmp_path.iterdir())) == 3


def test_an_evaluation_that_fails_tells_where_its_folds_are(tmp_path):
    with pytest.raises(RuntimeError) as caught:
        quick({"f": Fails(without=3)}, marked_trials(), store=tmp_path, error_score="raise")
    assert re.search("Finished folds are in .*: the same call goes on", caught.value.__notes__[0])
    assert len(list(tmp_path.iterdir())) == 3


def test_ctrl_c_tells_where_finished_folds_are(tmp_path):
    class Interrupted(Fails):
        def fit(self, X, y):
            if self.without not in X[:, 0, 0]:
                raise KeyboardInterrupt
            return super().fit(X, y)

    with pytest.raises(KeyboardInterrupt) as caught:
        quick({"i": Interrupted(without=3)}, marked_trials(), store=tmp_path)
    assert "Finished folds are in" in caught.value.__notes__[0]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_full_disk_costs_no_answers(trials, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("skmamba.evaluation._store.os.replace", full)
    with pytest.warns(UserWarning, match="cannot be kept and is in this table only: .*No space"):
        results = quick({"linear": linear()}, trials, store=tmp_path)
    assert results["accuracy"].notna().all()
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_a_file_is_told_before_anything_runs(trials, tmp_path, spy):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="store must be a folder"):
        quick({"spy": spy}, trials, store=tmp_path / "file")
    assert spy.n_fits() == 0


def test_an_estimator_is_read_once_and_not_for_each_fold(trials, tmp_path, monkeypatch):
    read = []

    def count(*things):
        read.extend(isinstance(thing, LogisticRegression) for thing in things)
        return fingerprint(*things)

    for place in ("_evaluate", "_folds"):
        monkeypatch.setattr(f"skmamba.evaluation.{place}.fingerprint", count)
    flat = {"flat": LogisticRegression()}
    with pytest.warns(FitFailedWarning):
        quick(flat, trials, store=tmp_path)
    assert sum(read) == 1


def test_a_store_needs_folds_that_come_again(trials, tmp_path):
    with pytest.raises(ValueError, match=r"set random_state of KFold\("):
        quick({"g": DummyClassifier()}, trials, KFold(2, shuffle=True), store=tmp_path)
    assert list(tmp_path.iterdir()) == []


# Arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimators": LogisticRegression()}, "estimators must be a dict from names"),
        ({"estimators": {}}, "estimators must be a dict from names"),
        ({"estimators": {"majority": DummyClassifier()}}, "must not be called 'majority'"),
        ({"estimators": {"net": "EEGNet"}}, r"estimators\['net'\] must be an estimator, got 'EEGN"),
        ({"estimators": {"net": DummyClassifier}}, "must be an estimator, got <class"),
        ({"cv": [([0, 1], [1, 2])]}, "cv tests trials in fold 0 that it trains on"),
        ({"cv": [([0, 1], [2]), ([0], [])]}, "no training or no test trials in fold 1"),
        ({"trials": np.zeros((4, 2, 8))}, "trials must be Trials, got ndarray"),
        ({"cv": "cross_subjekt"}, "cross_subject"),
        ({"cv": 5}, "CrossSubjectSplit"),
        ({"cv": []}, "gives no fold"),
        ({"scoring": "acuracy"}, "did you mean 'accuracy'"),
        ({"scoring": []}, "must name at least one score"),
        ({"baselines": ["luck"]}, "among majority, stratified, permutation, got 'luck'"),
        ({"random_state": -1}, "random_state must be None or a number from 0"),
        ({"random_state": None, "store": "here"}, "must be a number if store is given"),
        ({"error_score": 0}, "error_score must be 'raise' or nan"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_arguments_that_do_not_fit_are_told_before_anything_runs(trials, spy, options, message):
    arguments = {"estimators": {"spy": spy}, "trials": trials, "progress": False, **options}
    with pytest.raises(ValueError, match=message):
        evaluate(**arguments).scores
    assert spy.n_fits() == 0


def test_ratings_are_no_labels(trials):
    ratings = Trials(trials.X, trials.y + 0.5, trials.metadata, 128, trials.ch_names)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        quick({"guess": DummyClassifier()}, ratings)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_settings_of_scikit_learn_hold_in_every_process(trials, n_jobs):
    class Told(DummyClassifier):
        def fit(self, X, y, sample_weight=None):
            if not get_config()["assume_finite"]:
                raise RuntimeError("not told")
            return super().fit(X, y)

    with config_context(assume_finite=True):
        quick({"told": Told()}, trials, n_jobs=n_jobs, error_score="raise", baselines=())


def test_times_are_those_of_the_fit(trials):
    class Sleeps(DummyClassifier):
        def fit(self, X, y, sample_weight=None):
            time.sleep(0.05)
            return super().fit(X, y, sample_weight)

    results = quick({"sleeps": Sleeps()}, trials, baselines=())
    assert (results["fit_seconds"] >= 0.05).all()
    assert (results["predict_seconds"] < 0.05).all()


def test_a_bar_counts_folds_and_begins_with_those_that_are_kept(trials, tmp_path, monkeypatch):
    bars = []

    class Bar(tqdm):
        def __init__(self, **options):
            super().__init__(**{**options, "disable": False}, file=io.StringIO())
            bars.append((self, self.n))

    monkeypatch.setattr("skmamba.evaluation._evaluate.tqdm", Bar)
    for models in ({"guess": DummyClassifier()}, {"guess": DummyClassifier(), "more": linear()}):
        quick(models, trials, store=tmp_path)
    assert [(bar.total, begin, bar.n) for bar, begin in bars] == [(8, 0, 8), (12, 8, 12)]


def test_there_is_no_bar_without_progress(trials, capsys):
    evaluate({"guess": DummyClassifier()}, trials, verbose=False).scores
    assert capsys.readouterr().err == ""


def test_solvers_of_linear_algebra_give_the_same_whatever_n_jobs():
    trials = simulate_trials(n_subjects=4, n_trials=30, n_channels=16)
    flat = make_pipeline(
        FunctionTransformer(lambda X: X[:, :, ::16].reshape(len(X), -1)),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    )
    one, two = (
        quick({"lda": flat}, trials, n_jobs=n_jobs, return_predictions=True)[1] for n_jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)
