import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import f1_score
from sklearn.model_selection import KFold, LeaveOneOut, StratifiedKFold

from skmamba import compare, evaluate
from skmamba.datasets import simulate_trials
from skmamba.evaluation import (
    CrossStimulusSplit,
    CrossSubjectSplit,
    EvaluationResults,
    WithinSubjectSplit,
    score_by_subject,
)
from skmamba.evaluation.statistics import adjust_holm, sign_flip_p, signed_rank_test
from skmamba.plots import ScoresDisplay
from skmamba.report import to_latex, write_report


def make_scores(**scores):
    """Return a table with one row per subject and estimator from lists of scores."""
    rows = [
        {
            "dataset": "toy",
            "protocol": "cross_subject",
            "estimator": name,
            "kind": "baseline" if name in ("majority", "stratified") else "model",
            "fold": fold,
            "subject": 10 + fold,
            "accuracy": value,
            "n_test": 12,
            "error": "",
        }
        for name, values in scores.items()
        for fold, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def scores():
    return make_scores(
        net=[0.8, 0.7, 0.9, 0.6, 0.7, 0.8],
        lda=[0.7, 0.7, 0.6, 0.5, 0.6, 0.9],
        tree=[0.6, 0.5, 0.6, 0.5, 0.5, 0.6],
        majority=[0.5] * 6,
        stratified=[0.4, 0.5, 0.6, 0.5, 0.6, 0.4],
    )


def compare_named(scores, **options):
    options = {"random_state": 0, **options}
    return compare(scores, "accuracy", **options).set_index("estimator")


# The table


def test_a_hand_computed_table(scores):
    table = compare_named(scores)
    assert list(table.index) == ["net", "lda", "tree", "majority", "stratified"]
    assert list(table["kind"]) == ["model"] * 3 + ["baseline"] * 2
    assert (table["n_subjects"] == 6).all()
    assert table["mean"].to_numpy() == pytest.approx([0.75, 4 / 6, 0.55, 0.5, 0.5])
    assert (table["chance"] == 0.5).all()
    # net is above the majority in all six: one pattern of signs out of 64
    assert table.loc["net", "p_chance"] == 1 / 64
    # lda ties in one and is above in five: the sign of the tie is free, 2 patterns
    assert table.loc["lda", "p_chance"] == 2 / 64
    assert table.loc["lda", "difference"] == pytest.approx(-0.5 / 6)
    # differences -.1 0 -.3 -.1 -.1 +.1: ranks of the five 2.5 2.5 2.5 2.5 5, one 2.5 for lda
    assert table.loc["lda", "effect_size"] == pytest.approx((2.5 - 12.5) / 15)
    assert table.loc["tree", "effect_size"] == -1
    assert table.loc["tree", "p"] == 2 / 64


def test_columns_and_types_of_the_table(scores):
    table = compare(scores, "accuracy")
    first, last = (
        "estimator kind n_subjects mean low high std_seeds",
        "difference effect_size p p_holm",
    )
    assert list(table.columns) == [*first.split(), "chance", "p_chance", *last.split()]
    assert table["n_subjects"].dtype.kind == "i"
    assert all(table[name].dtype == float for name in table.columns[3:])


@pytest.mark.parametrize("missing", ["", None])
def test_scores_with_and_without_adaptation_have_rows_of_their_own(scores, missing):
    plain = scores.assign(adaptation=missing)
    other = scores[scores["estimator"] == "lda"].assign(adaptation="reference")
    other["accuracy"] += 0.1
    table = compare_named(pd.concat([plain, other]))
    assert list(table.index) == [*compare_named(scores).index, "lda (reference)"]
    means = table["mean"]
    assert means["lda (reference)"] == pytest.approx(means["lda"] + 0.1)
    assert means["lda"] == pytest.approx(compare_named(scores).loc["lda", "mean"])
    assert table["adaptation"].to_dict() == dict.fromkeys(means.index, "") | {
        "lda (reference)": "reference"
    }


def test_the_first_of_several_adaptations_keeps_the_name(scores):
    first, second = (scores.assign(adaptation=name) for name in ("unlabelled", "causal"))
    table = compare_named(pd.concat([first, second[second["estimator"] == "lda"]]))
    assert table.loc[["lda", "lda (causal)"], "adaptation"].tolist() == ["unlabelled", "causal"]


def test_a_printed_table_states_in_words_what_is_used_of_the_test_subjects(scores):
    lines = str(compare(scores.assign(adaptation=""), "accuracy")).splitlines()
    assert not any("test subjects" in line for line in lines)
    uses = {"net": "unlabelled, 2 labelled trials per class", "lda": "causal", "tree": "causal"}
    text = str(compare(scores.assign(adaptation=scores["estimator"].map(uses)), "accuracy"))
    assert max(map(len, text.splitlines())) <= 80
    assert " ".join(text.split()).endswith(
        "Used of the test subjects: net: all test trials, without labels and the first 2 trials of "
        "each class of each subject, with labels; lda and tree: trials of each subject up to the "
        "predicted one, without labels."
    )


def test_a_printed_table_has_the_main_columns_in_80_characters():
    values = np.random.default_rng(0).random((2, 7))
    scores = make_scores(**{"tangent-space-LR": values[0], "majority": values[1]})
    table = compare(scores, "accuracy")
    head, first, *_, last = str(table).splitlines()
    assert head.split() == "estimator mean low high chance p_chance difference p_holm".split()
    assert f"{table.loc[0, 'mean']:.3f}" in first
    assert "effect_size" in last
    assert max(map(len, str(table).splitlines())) <= 80
    assert table.loc[0, "mean"] == values[0].mean()  # in full
    assert "effect_size" in str(table[["estimator", "effect_size"]])


def test_a_printed_table_has_the_numbers_of_subjects_if_they_differ(scores):
    assert "Scores of" not in str(compare(scores, "accuracy"))
    scores.loc[[0, 1, 6], "accuracy"] = np.nan
    assert str(compare(scores, "accuracy")).endswith("\n\nScores of 6 subjects (net: 4, lda: 5).")


@pytest.mark.parametrize("reference", ["net", "tree", "majority"])
def test_the_reference_is_not_compared_with_itself(scores, reference):
    table = compare_named(scores, reference=reference)
    is_missing = table[["difference", "effect_size", "p", "p_holm"]].isna().all(axis=1)
    assert list(table.index[is_missing]) == [reference]


def test_a_difference_is_estimator_minus_reference(scores):
    table, swapped = compare_named(scores), compare_named(scores, reference="lda")
    for column, sign in (("difference", -1), ("effect_size", -1), ("p", 1)):
        assert swapped.loc["net", column] == pytest.approx(sign * table.loc["lda", column])


def test_the_family_of_holm_is_the_models(scores):
    table = compare_named(scores)
    assert table["p_holm"].notna().tolist() == [False, True, True, False, False]
    assert table.loc[["majority", "stratified"], "p"].notna().all()
    assert table.loc["tree", "p_holm"] == 2 * table.loc["tree", "p"]
    models = scores[scores["kind"] == "model"]
    assert compare_named(models)["p_holm"].equals(table.loc[["net", "lda", "tree"], "p_holm"])


# Which rows count


def run(cv, **options):
    trials = simulate_trials(n_subjects=6, n_trials=8, n_times=64)
    models = {"uniform": DummyClassifier(strategy="uniform"), "prior": DummyClassifier()}
    options = {"baselines": ["majority"], "random_state": 0, "verbose": False, **options}
    return evaluate(models, trials, cv, **options)


@pytest.mark.parametrize("score", ["balanced_accuracy", "f1", "matthews_corrcoef"])
def test_folds_of_several_subjects_are_scored_by_subject(score):
    results = run(CrossSubjectSplit(3), scoring=score)
    expected = compare(score_by_subject(results, score), score, random_state=0)
    pd.testing.assert_frame_equal(compare(results, score, random_state=0), expected)
    assert (expected["n_subjects"] == 6).all()
    display = ScoresDisplay.from_results(results, score, random_state=0)
    assert display.unit == "subject"
    np.testing.assert_array_equal(display.summary["mean"], expected["mean"])


def test_folds_of_one_subject_are_averaged_like_a_table_of_scores():
    results = run(WithinSubjectSplit(KFold(2)))
    expected = compare(results.scores, random_state=0)
    pd.testing.assert_frame_equal(compare(results, random_state=0), expected)


def test_a_score_without_a_scorer_of_its_name_needs_folds_of_one_subject():
    scoring = {"share": "accuracy", "accuracy": "accuracy"}
    results = run(CrossSubjectSplit(3), windows=True, scoring=scoring)
    with pytest.raises(ValueError, match="got 'share_windows': scores of windows require folds of"):
        compare(results, "share_windows")
    with pytest.raises(ValueError, match=r"got 'share': pass score_by_subject\(results, scoring\)"):
        compare(results, "share")
    expected = compare(results, "accuracy", random_state=0)
    table = compare(score_by_subject(results, scoring), "share", random_state=0)
    np.testing.assert_array_equal(table["mean"], expected["mean"])


def test_without_predictions_folds_of_several_subjects_are_an_error():
    scores = run(CrossSubjectSplit(3)).scores
    for given in (scores, EvaluationResults(scores, pd.DataFrame())):
        with pytest.raises(ValueError, match="got folds of several or of unknown subjects: pass"):
            compare(given, "accuracy")


def test_missing_subjects_are_an_error_that_names_the_column():
    trials = simulate_trials(n_subjects=2, n_trials=8, n_times=64)
    trials = replace(trials, metadata=trials.metadata.drop(columns="subject"))
    options = {"baselines": [], "verbose": False}
    results = evaluate({"prior": DummyClassifier()}, trials, StratifiedKFold(4), **options)
    with pytest.raises(ValueError, match=r"subject of every trial.*metadata have a column 'sub"):
        compare(results)


def test_subjects_of_a_failed_fold_have_no_score(fails_without, numbered_trials):
    models = {"partly": fails_without(0), "never": fails_without(9)}
    with pytest.warns(FitFailedWarning):
        results = evaluate(models, numbered_trials, CrossSubjectSplit(2), verbose=False)
    table = compare(results).set_index("estimator")
    expected = {"partly": 2, "never": 0, "majority": 4, "stratified": 4}
    assert table["n_subjects"].to_dict() == expected
    named = results.scores.assign(dataset=np.nan), results.predictions.assign(dataset=np.nan)
    table = compare(EvaluationResults(*named)).set_index("estimator")  # read from CSV files
    assert table["n_subjects"].to_dict() == expected


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_subjects_of_a_failed_fold_have_no_score_beside_other_parts(fails_without, numbered_trials):
    cv, parts = KFold(3, shuffle=True, random_state=0), []
    (without, _), *_ = cv.split(np.arange(12))  # the first fold lacks four trials in training
    for subjects in ([0, 1], [2, 3]):
        trials = numbered_trials.select(subject=subjects)
        X = trials.X.copy()
        X[:, 0, 0] = np.isin(np.arange(12), without)
        models = {"partly": fails_without(0), "dummy": DummyClassifier()}
        options = {"random_state": 0, "verbose": False, "baselines": None}
        parts.append(evaluate(models, replace(trials, X=X), cv, **options))
    for results in (parts[0], EvaluationResults.concatenate(parts)):
        table = compare(results).set_index("estimator")
        assert table.loc["partly", "n_subjects"] == 0
        assert table.loc["dummy", "n_subjects"] == results.predictions["subject"].nunique()


def test_rows_of_a_subject_are_averaged(scores):
    shift = np.random.default_rng(0).normal(scale=0.1, size=len(scores))
    parts = [
        scores.assign(fold=scores["fold"] * 2 + side, accuracy=scores["accuracy"] + sign * shift)
        for side, sign in enumerate((1, -1))
    ]
    pd.testing.assert_frame_equal(compare_named(pd.concat(parts)), compare_named(scores))


def test_copies_and_order_of_rows_do_not_count_and_the_input_is_unchanged(scores):
    scores["seed"] = 7
    before, expected = scores.copy(), compare_named(scores)
    copied = pd.concat([scores, scores.iloc[::3]])
    pd.testing.assert_frame_equal(compare_named(copied), expected)
    table = compare_named(copied.sample(frac=1, random_state=1), reference="net")
    pd.testing.assert_frame_equal(table.loc[expected.index], expected, check_exact=False)
    pd.testing.assert_frame_equal(scores, before)


def test_a_copy_of_one_fold_does_not_weigh_it_twice():
    scores = make_scores(net=[0.5, 0.7, 0.8]).assign(subject=[1, 1, 2], seed=7)
    table = compare_named(pd.concat([scores, scores.iloc[:1]]))
    assert table.loc["net", "mean"] == pytest.approx((0.6 + 0.8) / 2)


@pytest.mark.parametrize("columns", [{}, {"seed": [1] * 2 + [2] * 2 + [3] * 2}])
def test_equal_scores_of_two_seeds_count_twice(columns):
    scores = make_scores(net=[0.5, 0.7, 0.5, 0.7, 0.8, 0.7])  # three seeds of two folds
    scores[["fold", "subject"]] = [[0, 1], [1, 2]] * 3
    table = compare_named(scores.assign(**columns))
    assert table.loc["net", "mean"] == pytest.approx((0.6 + 0.7) / 2)


def test_a_subject_without_a_score_is_left_out(scores):
    scores.loc[(scores["estimator"] == "lda") & (scores["subject"] == 15), "accuracy"] = np.nan
    table = compare_named(scores)
    assert table["n_subjects"].tolist() == [6, 5, 6, 6, 6]
    assert table.loc["lda", "mean"] == pytest.approx(0.62)
    assert table.loc["lda", "difference"] == pytest.approx(-0.6 / 5)  # of subjects of both
    assert table.loc["lda", "p_chance"] == 2 / 32  # one of five ties


def test_an_estimator_without_scores_has_no_numbers(scores):
    scores.loc[scores["estimator"] == "lda", "accuracy"] = np.nan
    table = compare_named(scores)
    assert table.loc["lda", "n_subjects"] == 0
    assert table.loc["lda"].drop(["kind", "n_subjects", "chance"]).isna().all()
    assert table.loc["tree", "p_holm"] == table.loc["tree", "p"]  # a family of one


@pytest.mark.parametrize(("error", "n_subjects", "mean"), [("", 2, 0.75), ("broke", 1, 0.6)])
def test_a_failed_fold_excludes_its_subject_but_an_undefined_score_does_not(
    error, n_subjects, mean
):
    scores = make_scores(net=[0.5, 0.7, 0.9, np.nan]).assign(subject=[1, 1, 2, 2])
    table = compare_named(scores.assign(error=["", "", "", error]))
    assert table.loc["net", "n_subjects"] == n_subjects
    assert table.loc["net", "mean"] == pytest.approx(mean)


def test_std_seeds_is_of_the_subjects_of_the_mean():
    scores = make_scores(net=[0.5, 0.7, 0.9, 0.8]).assign(subject=[1, 2, 1, 2])
    scores = scores.assign(random_state=[0, 0, 1, 1], error="")
    std_seeds = compare_named(scores).loc["net", "std_seeds"]
    assert std_seeds == pytest.approx(np.std([0.6, 0.85], ddof=1))
    failed = scores.iloc[[0]].assign(accuracy=np.nan, error="broke")  # another fold of subject 1
    table = compare_named(pd.concat([scores, failed]))
    assert table.loc["net", "std_seeds"] == pytest.approx(np.std([0.7, 0.8], ddof=1))


def test_a_table_of_scores_needs_no_folds(scores):
    by_subject = scores[["dataset", "protocol", "estimator", "kind", "subject", "accuracy"]]
    pd.testing.assert_frame_equal(compare_named(by_subject), compare_named(scores))


# Random state


def test_only_the_interval_depends_on_the_random_state():
    scores = make_scores(net=np.random.default_rng(0).random(8), lda=np.linspace(0.2, 0.9, 8))
    first, again = compare_named(scores, random_state=3), compare_named(scores, random_state=3)
    pd.testing.assert_frame_equal(first, again)
    for random_state in (4, None):
        other = compare_named(scores, random_state=random_state)
        assert (first[["low", "high"]] != other[["low", "high"]]).any(axis=None)
        columns = [column for column in first if column not in ("low", "high")]
        pd.testing.assert_frame_equal(first[columns], other[columns])


def test_the_global_random_state_is_unchanged(scores):
    state = np.random.get_state()
    compare(scores, "accuracy")
    np.testing.assert_equal(np.random.get_state(), state)


def test_an_interval_does_not_depend_on_the_names_of_subjects():
    scores = make_scores(net=np.random.default_rng(0).random(9))
    renamed = scores.assign(subject=scores["subject"].sample(frac=1, random_state=0).to_numpy())
    pd.testing.assert_frame_equal(compare_named(renamed), compare_named(scores))


def test_an_interval_does_not_depend_on_other_estimators(scores):
    alone = compare_named(scores[scores["estimator"] == "lda"]).loc["lda", ["low", "high"]]
    assert alone.equals(compare_named(scores).loc["lda", ["low", "high"]])


def test_a_higher_confidence_gives_a_wider_interval(scores):
    narrow, wide = compare_named(scores, confidence=0.5), compare_named(scores, confidence=0.99)
    assert wide.loc["net", "low"] < narrow.loc["net", "low"]
    assert wide.loc["net", "high"] > narrow.loc["net", "high"]


# Chance level


@pytest.mark.parametrize("random_state", range(3))
def test_guessing_is_not_above_the_chance_level_if_the_majority_is_always_wrong(random_state):
    rng = np.random.default_rng(random_state)
    guess, stratified = rng.binomial(12, 0.5, size=(2, 15)) / 12
    table = compare_named(make_scores(guess=guess, majority=[0.0] * 15, stratified=stratified))
    assert (table["chance"] == stratified.mean()).all()
    assert table["p_chance"]["guess"] == sign_flip_p((guess - stratified).round(12))
    assert np.isnan(table["p_chance"]["stratified"])
    assert table["p_chance"]["majority"] == 1


@pytest.mark.parametrize("baselines", ["auto", "majority"])
def test_the_chance_level_is_at_least_the_score_of_guessing(baselines):
    trials = simulate_trials(8, 10, n_times=64)
    stimuli = np.tile(np.arange(10), 8)
    metadata = trials.metadata.assign(trial=stimuli, stimulus=stimuli)
    trials = replace(trials, y=stimuli // 5, metadata=metadata)
    models = {"guess": DummyClassifier(strategy="uniform")}
    options = {"baselines": baselines, "random_state": 0, "verbose": False}
    results = evaluate(models, trials, CrossStimulusSplit(), **options)
    for score, chance in {"balanced_accuracy": 0.5, "accuracy": 0.5, "kappa": 0}.items():
        table = compare(results, score, random_state=0).set_index("estimator")
        assert table.loc["majority", "mean"] < chance  # the class of the test trials is rarer
        assert (table["chance"] == chance).all()
        by_subject = score_by_subject(results, score)
        again = compare(by_subject, score, random_state=0).set_index("estimator")
        pd.testing.assert_frame_equal(again, table)
        guess = by_subject.query("estimator == 'guess'")[score]
        expected = sign_flip_p((guess - chance).to_numpy().round(12))
        assert table.loc["guess", "p_chance"] == expected
        assert ScoresDisplay.from_results(results, score).chance_level == chance
        rows = [row.split(" & ") for row in to_latex(results, score=score).splitlines()]
        levels = [row[2] for row in rows if row[0] in table.index]
        assert levels == [f"{chance:.2f}"] * len(table)


def test_the_chance_level_of_f1_is_stratified():
    guess, stratified = [0.45, 0.5, 0.4], [0.3, 0.5, 0.6]
    scores = make_scores(guess=guess, majority=[0.33] * 3, stratified=stratified)
    assert (compare_named(scores)["chance"] == 0.33).all()
    chance = compare(scores.rename(columns={"accuracy": "f1"}), "f1")["chance"]
    assert chance.to_numpy() == pytest.approx([np.mean(stratified)] * 3)


def test_the_chance_level_of_f1_with_known_classes_is_the_highest_expected_score():
    trials = simulate_trials(n_subjects=8, n_trials=20, n_times=8)
    trials = replace(trials, y=(np.arange(160) % 20 % 4 == 0).astype(int))
    models = {"mode": DummyClassifier(strategy="most_frequent")}
    results = evaluate(models, trials, scoring=["f1"], random_state=0, verbose=False)
    table = compare(results, "f1").set_index("estimator")
    assert (table["chance"] == 0.5).all()
    rng = np.random.default_rng(0)
    guess = rng.random((500, 20)) < rng.random((500, 1))  # of any frequency
    scores = [f1_score(trials.y[:20], own, average="macro", zero_division=0) for own in guess]
    assert np.mean(scores) + 2 * stats.sem(scores) < 0.5
    assert table.loc["stratified", "mean"] != 0.5


def test_the_chance_level_of_micro_f1_is_that_of_accuracy():
    trials = simulate_trials(6, 10)
    trials = replace(trials, y=np.tile([0] * 8 + [1] * 2, 6))
    models = {"always 0": DummyClassifier(strategy="most_frequent")}
    scoring = ["accuracy", "f1_micro"]
    results = evaluate(models, trials, scoring=scoring, random_state=0, verbose=False)
    for score in scoring:
        table = compare(results, score)
        assert table.loc[0, "chance"] == table.loc[0, "mean"]
        assert table.loc[0, "p_chance"] == 1
    balanced = simulate_trials(6, 10)
    guess = {"guess": DummyClassifier(strategy="uniform")}
    results = evaluate(guess, balanced, scoring=["f1_weighted"], random_state=0, verbose=False)
    table = compare(results, "f1_weighted").set_index("estimator")
    assert (table["chance"] == table["mean"]["stratified"]).all()
    assert table["mean"]["majority"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(("n_errors", "chance"), [(2.4, "majority"), (2.7, "stratified")])
def test_stratified_is_the_chance_level_if_its_interval_lies_above_the_majority(n_errors, chance):
    stratified = np.array([-0.1, -0.06, -0.02, 0.02, 0.06, 0.1])  # t of 0.975 is 2.57
    stratified += 0.5 + n_errors * stats.sem(stratified)
    table = compare_named(make_scores(majority=[0.5] * 6, stratified=stratified))
    assert table.loc[chance, "chance"] == table.loc[chance, "mean"]


def test_the_chance_level_of_f1_is_stratified_for_one_subject_too():
    scores = make_scores(net=[0.6], majority=[0.33], stratified=[0.5])
    scores = scores.rename(columns={"accuracy": "f1"})
    for left_out in ("", "majority"):
        table = compare(scores[scores["estimator"] != left_out], "f1")
        assert (table["chance"] == 0.5).all()
    # The majority scores lower than random predictions
    assert compare(scores[scores["estimator"] != "stratified"], "f1")["chance"].isna().all()


@pytest.mark.parametrize("stratified", [[0.4, 0.6, 0.5, 0.6], [0.6, 0.7, 0.6, 0.7]])
def test_plot_and_table_have_the_same_chance_level(stratified):
    scores = make_scores(net=[0.7] * 4, majority=[0.5] * 4, stratified=stratified)
    drawn = ScoresDisplay.from_results(scores, "accuracy").chance_level
    assert drawn == compare(scores, "accuracy")["chance"][0]


def test_the_chance_level_depends_on_neither_seed_nor_confidence():
    rng = np.random.default_rng(6)
    stratified = rng.binomial(12, 0.5, 10) / 12 + 0.07
    net = rng.binomial(12, 0.7, 10) / 12
    scores = make_scores(net=net, majority=[0.5] * 10, stratified=stratified)
    options = [(seed, level) for seed in range(6) for level in (0.5, 0.95)]
    tables = [compare_named(scores, random_state=seed, confidence=level) for seed, level in options]
    assert len({(*table.loc["net", ["chance", "p_chance"]],) for table in tables}) == 1


@pytest.mark.parametrize("score", ["neg_log_loss", "neg_brier_score_windows"])
def test_scores_of_probabilities_have_no_chance_level(scores, score):
    table = compare(scores.rename(columns={"accuracy": score}), score)
    assert table[["chance", "p_chance"]].isna().all(axis=None)


def test_without_a_majority_there_is_no_chance_level(scores):
    table = compare_named(scores[scores["estimator"] != "majority"])
    assert table[["chance", "p_chance"]].isna().all(axis=None)
    assert compare_named(scores.assign(kind="model"))["chance"].isna().all()


def test_the_chance_level_is_compared_within_subjects():
    # The net is .1 above in each subject; unpaired, the spread of subjects would hide it.
    majority = np.linspace(0.3, 0.9, 6)
    table = compare_named(make_scores(net=majority + 0.1, majority=majority))
    assert table.loc["net", "p_chance"] == 1 / 64
    assert np.isnan(table.loc["majority", "p_chance"])
    assert table.loc["net", "chance"] == pytest.approx(0.6)


# Sign flips


@pytest.mark.parametrize("n_values", [1, 2, 5, 10])
def test_sign_flips_equal_a_count_of_all_patterns(n_values):
    rng = np.random.default_rng(n_values)
    patterns = np.array([*itertools.product([-1, 1], repeat=n_values)])
    for values in (rng.integers(-3, 6, size=n_values) / 12, rng.normal(0.3, 1, size=n_values)):
        assert sign_flip_p(values) == np.mean(patterns @ values >= values.sum() - 1e-9)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
def test_sign_flips_are_independent_of_the_unit(scale):
    values = np.random.default_rng(0).uniform(0.5, 1.5, 12) * scale
    assert sign_flip_p(values) == 2.0**-12
    assert sign_flip_p(-values) == 1
    assert sign_flip_p(np.array([0.1, 0.2, -0.3]) * scale) == 5 / 8  # the sum is zero


def test_sign_flips_are_exact_for_forty_subjects():
    assert sign_flip_p(np.ones(40)) == 2.0**-40
    sign_test = stats.binomtest(24, 40, alternative="greater")  # differences of one size
    assert sign_flip_p(np.repeat([0.1, -0.1], [24, 16])) == pytest.approx(sign_test.pvalue)


def test_sign_flips_of_more_subjects_are_sampled_and_never_zero():
    assert sign_flip_p(np.ones(60), seed=0) == 1 / 10_000
    values = np.repeat([0.1, -0.1], [40, 25])
    sign_test = stats.binomtest(40, 65, alternative="greater")
    assert sign_flip_p(values, seed=0) == pytest.approx(sign_test.pvalue, abs=0.007)
    assert sign_flip_p(values, seed=0) == sign_flip_p(values, seed=0)


def test_without_an_effect_five_percent_of_sign_flip_tests_are_significant():
    draws = np.random.default_rng(0).normal(size=(2000, 8))
    share = np.mean([sign_flip_p(values) <= 0.05 for values in draws])
    assert share == pytest.approx(12 / 256, abs=0.015)  # the largest p below .05 is 12 / 256


# Signed ranks


@pytest.mark.parametrize("n_values", [3, 9, 20, 35, 45])
def test_signed_ranks_without_ties_equal_those_of_scipy(n_values):
    values = np.random.default_rng(n_values).normal(0.3, 1, size=n_values)
    expected = stats.wilcoxon(values, method="exact").pvalue
    assert signed_rank_test(values)[1] == pytest.approx(expected)


@pytest.mark.parametrize("n_values", [4, 8, 12])
def test_signed_ranks_with_ties_equal_all_permutations_of_scipy(n_values):
    values = np.random.default_rng(n_values).integers(-3, 5, size=n_values) / 12
    method = stats.PermutationMethod(n_resamples=2**n_values)
    expected = stats.wilcoxon(values[values != 0], method=method)
    assert signed_rank_test(values)[1] == pytest.approx(expected.pvalue)


def test_differences_that_are_equal_up_to_rounding_are_ties():
    net, lda = [0.8, 0.6, 0.3, 0.7], [0.7, 0.5, 0.4, 0.7]  # .1 three times, and zero
    table = compare_named(make_scores(lda=lda, net=net))
    assert table.loc["net", "effect_size"] == pytest.approx((4 - 2) / 6)
    assert table.loc["net", "p"] == 1


def test_equal_scores_do_not_differ():
    table = compare_named(make_scores(net=[0.8, 0.7, 0.9], copy=[0.8, 0.7, 0.9]))
    row = table.loc["copy", ["difference", "effect_size", "p", "p_holm"]]
    assert row.tolist() == [0, 0, 1, 1]


# Holm


def test_holm_of_a_hand_computed_case():
    # .005 x 4, .01 x 3, .03 x 2, and .04 may not be below its predecessor
    assert adjust_holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_lies_between_the_p_values_and_bonferroni():
    p = np.random.default_rng(0).random(7)
    adjusted = adjust_holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, 7 * p) + 1e-12).all()
    assert adjusted.argmin() == p.argmin()


def test_holm_does_not_count_nan():
    assert adjust_holm([0.03]) == [0.03]
    assert adjust_holm([0.03, np.nan, 0.02]) == pytest.approx([0.04, np.nan, 0.04], nan_ok=True)
    assert len(adjust_holm([])) == 0


# Errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score": "acuracy"}, r"accuracy, got 'acuracy': did you mean 'accuracy'\?"),
        ({"score": "n_test"}, r"columns accuracy, got 'n_test'"),
        ({"score": "balanced_accuracy"}, "got 'balanced_accuracy'"),
        ({"reference": "svm"}, r"one of the estimators net, lda.* got 'svm'"),
        *(
            ({"confidence": c}, f"must be a number above 0 and below 1, got {c}")
            for c in (0, 1, 95)
        ),
    ],
)
def test_invalid_arguments_raise(scores, options, message):
    with pytest.raises(ValueError, match=message):
        compare(scores, **{"score": "accuracy", **options})


def test_folds_that_lack_classes_are_scored_by_subject(tmp_path):
    trials = simulate_trials(n_subjects=3, n_trials=10)
    trials = replace(trials, y=np.arange(30) % 5 // 4)  # four trials of class 0 for one of class 1
    models = {"constant": DummyClassifier(strategy="most_frequent")}
    cv = WithinSubjectSplit(LeaveOneOut())
    results = evaluate(models, trials, cv, windows=True, verbose=False)
    assert results.scores["balanced_accuracy"].mean() > 0.5  # the accuracy
    table = compare(results).set_index("estimator")
    assert table.loc["constant", ["mean", "chance"]].tolist() == [0.5, 0.5]
    assert "0.50" in to_latex(results)
    write_report(results, tmp_path / "report.html")
    assert "Balanced accuracy over windows" in (tmp_path / "report.html").read_text("utf-8")


def test_labels_of_subjects_are_warned_of():
    trials = simulate_trials(n_subjects=4, n_trials=4)
    trials = replace(trials, y=np.repeat([0, 0, 0, 1], 4))
    models = {"constant": DummyClassifier(strategy="most_frequent")}
    results = evaluate(models, trials, verbose=False)
    with pytest.warns(UserWarning, match="4 of 4 subjects have trials of one class") as caught:
        compare(results)
    assert caught[0].filename == __file__


def test_estimators_on_other_folds_are_warned_of():
    trials = simulate_trials(n_subjects=6, n_trials=4)
    parts = [
        evaluate({str(cv): DummyClassifier()}, trials, cv, scoring="accuracy", verbose=False)
        for cv in (CrossSubjectSplit(), CrossSubjectSplit(3))
    ]
    both = EvaluationResults.concatenate(parts)
    match = r"evaluated on 6 folds \(CrossSubjectSplit\(n_splits=3\): 3\), so their training sets"
    with pytest.warns(UserWarning, match=match) as caught:
        compare(both, "accuracy")
    assert caught[0].filename == __file__


@pytest.mark.parametrize("score", ["kappa", "f1", "roc_auc"])
def test_subjects_without_a_score_are_warned_of(score):
    trials = simulate_trials(n_subjects=4, n_trials=4)
    trials = replace(trials, y=np.where(np.arange(16) < 4, 0, trials.y))
    models = {"constant": DummyClassifier(strategy="most_frequent")}
    results = evaluate(models, trials, verbose=False)
    match = f"1 of 4 subjects have trials of one class, .* {score} is undefined: they are left out"
    with pytest.warns(UserWarning, match=match):
        table = compare(results, score)
    assert (table["n_subjects"] == 3).all()
    compare(results, "accuracy")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda scores: scores.drop(columns=["kind", "subject"]), "missing: kind, subject"),
        (lambda scores: scores.iloc[:0], "at least one row"),
        (lambda scores: scores.to_dict(), "EvaluationResults or a DataFrame, got dict"),
        (
            lambda scores: scores.assign(kind=["baseline", *scores["kind"][1:]]),
            "'net' is both a model and a baseline",
        ),
        (
            lambda scores: pd.concat([scores, scores.assign(dataset="other")]),
            "2 data sets, toy, other.*select one",
        ),
        (
            lambda scores: pd.concat([scores, scores.assign(protocol="other")]),
            "2 protocols.*select one",
        ),
    ],
)
def test_unsuitable_results_raise(scores, change, message):
    with pytest.raises(ValueError, match=message):
        compare(change(scores), "accuracy")
