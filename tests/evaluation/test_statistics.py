import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skmamba.evaluation import compare
from skmamba.evaluation._statistics import (
    adjust_holm,
    compare_signed_ranks,
    sign_flip_p,
)
from skmamba.plots import ScoresDisplay


def make_results(**scores):
    """One row a subject and estimator, told as lists of scores."""
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
def results():
    return make_results(
        net=[0.8, 0.7, 0.9, 0.6, 0.7, 0.8],
        lda=[0.7, 0.7, 0.6, 0.5, 0.6, 0.9],
        tree=[0.6, 0.5, 0.6, 0.5, 0.5, 0.6],
        majority=[0.5] * 6,
        stratified=[0.4, 0.5, 0.6, 0.5, 0.6, 0.4],
    )


def table_of(results, **options):
    return compare(results, "accuracy", **options).set_index("estimator")


# Chance


@pytest.mark.parametrize("random_state", range(3))
def test_guessing_on_films_held_out_one_by_one_is_not_better_than_chance(random_state):
    rng = np.random.default_rng(random_state)
    guess, stratified = rng.binomial(12, 0.5, size=(2, 15)) / 12
    results = make_results(guess=guess, majority=[0.0] * 15, stratified=stratified)
    table = table_of(results)
    assert (table["chance"] == stratified.mean()).all()
    assert table["p_chance"]["guess"] == sign_flip_p((guess - stratified).round(12))
    assert np.isnan(table["p_chance"]["stratified"])
    assert table["p_chance"]["majority"] == 1


def test_chance_of_f1_is_guessing():
    scores = {"guess": [0.45, 0.5, 0.4], "majority": [0.33] * 3, "stratified": [0.3, 0.5, 0.6]}
    results = make_results(**scores)
    assert (table_of(results)["chance"] == 0.33).all()
    results = results.rename(columns={"accuracy": "f1"})
    chance = compare(results, "f1")["chance"]
    assert chance.to_numpy() == pytest.approx([np.mean(scores["stratified"])] * 3)
    assert ScoresDisplay.from_results(results, "f1").chance == pytest.approx(chance[0])


@pytest.mark.parametrize("stratified", [[0.4, 0.6, 0.5, 0.6], [0.6, 0.7, 0.6, 0.7]])
def test_picture_and_table_agree_on_chance(stratified):
    results = make_results(net=[0.7] * 4, majority=[0.5] * 4, stratified=stratified)
    drawn = ScoresDisplay.from_results(results, "accuracy").chance
    assert drawn == compare(results, "accuracy")["chance"][0]


# The table


def test_the_table_by_hand(results):
    table = table_of(results)
    assert list(table.index) == ["net", "lda", "tree", "majority", "stratified"]
    assert list(table["kind"]) == ["model"] * 3 + ["baseline"] * 2
    assert (table["n_subjects"] == 6).all()
    assert table["mean"].to_numpy() == pytest.approx([0.75, 4 / 6, 0.55, 0.5, 0.5])
    assert (table["chance"] == 0.5).all()
    # net beats the majority in all six: one pattern of signs out of 64
    assert table.loc["net", "p_chance"] == 1 / 64
    # lda ties in one and wins five: that one may flip, 2 patterns
    assert table.loc["lda", "p_chance"] == 2 / 64
    assert table.loc["lda", "difference"] == pytest.approx(-0.5 / 6)
    # differences -.1 0 -.3 -.1 -.1 +.1: ranks of the five 2.5 2.5 2.5 2.5 5, one 2.5 for lda
    assert table.loc["lda", "effect_size"] == pytest.approx((2.5 - 12.5) / 15)
    assert table.loc["tree", "effect_size"] == -1
    assert table.loc["tree", "p"] == 2 / 64


def test_columns_have_the_types_they_are_named_for(results):
    table = compare(results, "accuracy")
    first, last = "estimator kind n_subjects mean low high", "difference effect_size p p_holm"
    assert list(table.columns) == [*first.split(), "chance", "p_chance", *last.split()]
    assert table["n_subjects"].dtype.kind == "i"
    assert all(table[name].dtype == float for name in table.columns[3:])


def test_the_reference_is_not_compared_with_itself(results):
    for reference in ("net", "tree", "majority"):
        table = table_of(results, reference=reference)
        alone = table[["difference", "effect_size", "p", "p_holm"]].isna().all(axis=1)
        assert list(table.index[alone]) == [reference]


def test_a_difference_is_estimator_minus_reference(results):
    forth, back = table_of(results), table_of(results, reference="lda")
    for column, sign in (("difference", -1), ("effect_size", -1), ("p", 1)):
        assert back.loc["net", column] == pytest.approx(sign * forth.loc["lda", column])


def test_the_family_of_holm_is_the_models(results):
    table = table_of(results)
    assert table["p_holm"].notna().tolist() == [False, True, True, False, False]
    assert table.loc[["majority", "stratified"], "p"].notna().all()
    assert table.loc["tree", "p_holm"] == 2 * table.loc["tree", "p"]
    models = results[results["kind"] == "model"]
    assert table_of(models)["p_holm"].equals(table.loc[["net", "lda", "tree"], "p_holm"])


def test_without_a_majority_there_is_no_chance(results):
    table = table_of(results[results["estimator"] != "majority"])
    assert table[["chance", "p_chance"]].isna().all(axis=None)
    named = results.assign(kind="model")  # a model that somebody calls majority
    assert table_of(named)["chance"].isna().all()


# Which rows count


def test_rows_of_a_subject_are_averaged_first(results):
    rng = np.random.default_rng(0)
    shift = rng.normal(scale=0.1, size=len(results))
    parts = [
        results.assign(fold=results["fold"] * 2 + side, accuracy=results["accuracy"] + sign * shift)
        for side, sign in enumerate((1, -1))
    ]
    pd.testing.assert_frame_equal(table_of(pd.concat(parts)), table_of(results))


def test_copies_and_order_of_rows_change_nothing(results):
    expected = table_of(results, reference="net")
    copied = pd.concat([results, results.iloc[::3]])
    pd.testing.assert_frame_equal(table_of(copied), expected)
    shuffled = copied.sample(frac=1, random_state=1)
    table = table_of(shuffled, reference="net")
    pd.testing.assert_frame_equal(table.loc[expected.index], expected, check_exact=False)


def test_input_stays_as_it_was(results):
    before = results.copy()
    compare(results, "accuracy")
    pd.testing.assert_frame_equal(results, before)


def test_a_subject_without_a_score_is_left_out_and_not_zero(results):
    results.loc[(results["estimator"] == "lda") & (results["subject"] == 15), "accuracy"] = np.nan
    table = table_of(results)
    assert table["n_subjects"].to_dict() == {
        "net": 6,
        "lda": 5,
        "tree": 6,
        "majority": 6,
        "stratified": 6,
    }
    assert table.loc["lda", "mean"] == pytest.approx(0.62)
    assert table.loc["lda", "difference"] == pytest.approx(-0.6 / 5)  # pairs: subjects of both
    assert table.loc["lda", "p_chance"] == 2 / 32  # one of five ties


def test_an_estimator_that_always_failed_has_no_numbers(results):
    results.loc[results["estimator"] == "lda", "accuracy"] = np.nan
    table = table_of(results)
    assert table.loc["lda", "n_subjects"] == 0
    assert table.loc["lda"].drop(["kind", "n_subjects", "chance"]).isna().all()
    assert table.loc["tree", "p_holm"] == table.loc["tree", "p"]  # a family of one


@pytest.mark.parametrize(("error", "n_subjects", "mean"), [("", 2, 0.75), ("broke", 1, 0.6)])
def test_a_failed_fold_takes_its_subject_along_an_undefined_one_does_not(error, n_subjects, mean):
    results = make_results(net=[0.5, 0.7, 0.9, np.nan]).assign(subject=[1, 1, 2, 2])
    results["error"] = ["", "", "", error]
    table = table_of(results)
    assert table.loc["net", "n_subjects"] == n_subjects
    assert table.loc["net", "mean"] == pytest.approx(mean)


def test_a_table_of_scores_by_subject_needs_no_folds(results):
    by_subject = results[["dataset", "protocol", "estimator", "kind", "subject", "accuracy"]]
    pd.testing.assert_frame_equal(table_of(by_subject), table_of(results))


# Random numbers


def test_same_seed_same_interval_and_another_seed_another():
    results = make_results(net=np.random.default_rng(0).random(8), lda=np.linspace(0.2, 0.9, 8))
    first, again = table_of(results, random_state=3), table_of(results, random_state=3)
    pd.testing.assert_frame_equal(first, again)
    other = table_of(results, random_state=4)
    assert first.loc["net", "low"] != other.loc["net", "low"]
    assert first["p"].equals(other["p"])


def test_the_global_generator_is_left_alone(results):
    np.random.seed(0)
    state = np.random.get_state()
    compare(results, "accuracy", random_state=None)
    np.testing.assert_equal(np.random.get_state(), state)


def test_other_estimators_do_not_move_an_interval(results):
    alone = table_of(results[results["estimator"] == "lda"])
    assert alone.loc["lda", ["low", "high"]].equals(table_of(results).loc["lda", ["low", "high"]])


def test_more_confidence_is_a_wider_interval(results):
    narrow, wide = table_of(results, confidence=0.5), table_of(results, confidence=0.99)
    assert wide.loc["net", "low"] < narrow.loc["net", "low"]
    assert wide.loc["net", "high"] > narrow.loc["net", "high"]


# Chance


@pytest.mark.parametrize("n_values", [1, 2, 5, 10])
def test_signs_are_flipped_in_every_way(n_values):
    values = np.random.default_rng(n_values).integers(-3, 6, size=n_values) / 12
    patterns = itertools.product([-1, 1], repeat=n_values)
    sums = np.array([np.dot(signs, values * 12) for signs in patterns]).round()
    assert sign_flip_p(values) == np.mean(sums >= (values * 12).sum().round())


def test_sign_flips_agree_with_scipy():
    values = np.random.default_rng(0).normal(0.3, 1, size=12)
    expected = stats.permutation_test(
        (values, np.zeros(12)),
        lambda a, b, axis: (a - b).mean(axis),
        permutation_type="samples",
        alternative="greater",
        vectorized=True,
        n_resamples=2**12,
    )
    assert sign_flip_p(values) == pytest.approx(expected.pvalue)


def test_forty_subjects_are_counted_exactly():
    assert sign_flip_p(np.ones(40)) == 2.0**-40
    coin = stats.binomtest(24, 40, alternative="greater")  # equal sizes: a test of signs
    assert sign_flip_p(np.repeat([0.1, -0.1], [24, 16])) == pytest.approx(coin.pvalue)


def test_beyond_forty_p_is_drawn_and_never_zero():
    assert sign_flip_p(np.ones(60), seed=0) == 1 / 10_000
    values = np.repeat([0.1, -0.1], [40, 25])
    coin = stats.binomtest(40, 65, alternative="greater")
    assert sign_flip_p(values, seed=0) == pytest.approx(coin.pvalue, abs=0.007)
    assert sign_flip_p(values, seed=0) == sign_flip_p(values, seed=0)


def test_without_an_effect_five_in_a_hundred_are_significant():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(2000, 8))
    share = np.mean([sign_flip_p(values) <= 0.05 for values in draws])
    assert share == pytest.approx(12 / 256, abs=0.015)  # the largest share below .05: 12 patterns


def test_chance_is_that_of_the_same_subjects():
    # Paired, the net is always .1 better; unpaired it would drown in the spread of majorities.
    majority = np.linspace(0.3, 0.9, 6)
    table = table_of(make_results(net=majority + 0.1, majority=majority))
    assert table.loc["net", "p_chance"] == 1 / 64
    assert np.isnan(table.loc["majority", "p_chance"])
    assert table.loc["net", "chance"] == pytest.approx(0.6)


# Signed ranks


@pytest.mark.parametrize("n_values", [3, 9, 20, 35, 45])
def test_signed_ranks_without_ties_agree_with_scipy(n_values):
    values = np.random.default_rng(n_values).normal(0.3, 1, size=n_values)
    expected = stats.wilcoxon(values, method="exact").pvalue
    assert compare_signed_ranks(values)[1] == pytest.approx(expected)


@pytest.mark.parametrize("n_values", [4, 8, 12])
def test_signed_ranks_with_ties_agree_with_all_permutations(n_values):
    values = np.random.default_rng(n_values).integers(-3, 5, size=n_values) / 12
    moved = values[values != 0]
    expected = stats.wilcoxon(moved, method=stats.PermutationMethod(n_resamples=2**n_values))
    assert compare_signed_ranks(values)[1] == pytest.approx(expected.pvalue)


def test_differences_that_only_floats_tell_apart_are_ties():
    net, lda = [0.8, 0.6, 0.3, 0.7], [0.7, 0.5, 0.4, 0.7]  # .1 three ways, and nothing
    table = table_of(make_results(lda=lda, net=net))
    assert table.loc["net", "effect_size"] == pytest.approx((4 - 2) / 6)
    assert table.loc["net", "p"] == 1


def test_twins_do_not_differ():
    table = table_of(make_results(net=[0.8, 0.7, 0.9], twin=[0.8, 0.7, 0.9]))
    row = table.loc["twin", ["difference", "effect_size", "p", "p_holm"]]
    assert row.tolist() == [0, 0, 1, 1]


def test_five_subjects_are_never_significant_two_sided():
    assert compare_signed_ranks(np.ones(5))[1] == 2 / 32
    assert compare_signed_ranks(np.ones(6))[1] == 2 / 64


# Holm


def test_holm_by_the_textbook():
    # Four hypotheses: .005 x 4, .01 x 3, .03 x 2, and .04 may not be below its forerunner
    assert adjust_holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_lies_between_nothing_and_bonferroni():
    p = np.random.default_rng(0).random(7)
    adjusted = adjust_holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, 7 * p) + 1e-12).all()
    assert adjusted.argmin() == p.argmin()


def test_holm_of_one_is_itself_and_nan_is_not_counted():
    assert adjust_holm([0.03]) == [0.03]
    assert adjust_holm([0.03, np.nan, 0.02]) == pytest.approx([0.04, np.nan, 0.04], nan_ok=True)
    assert len(adjust_holm([])) == 0


# Errors


def test_a_wrong_score_is_told_the_nearest(results):
    with pytest.raises(ValueError, match=r"accuracy, got 'acuracy': did you mean 'accuracy'\?"):
        compare(results, "acuracy")
    with pytest.raises(ValueError, match=r"columns accuracy, got 'n_test'"):
        compare(results, "n_test")
    with pytest.raises(ValueError, match="got 'balanced_accuracy'"):
        compare(results)


def test_an_unknown_reference_is_told_the_estimators(results):
    with pytest.raises(ValueError, match=r"one of the estimators net, lda.* got 'svm'"):
        compare(results, "accuracy", reference="svm")


def test_rows_of_several_subjects_are_sent_to_the_predictions(results):
    results["subject"] = results["subject"].astype(object)
    results.loc[3, "subject"] = None
    with pytest.raises(ValueError, match=r"compare\(score_by_subject\(predictions\)\)"):
        compare(results, "accuracy")


@pytest.mark.parametrize(
    ("column", "what"), [("dataset", "2 data sets, toy, other"), ("protocol", "2 protocols")]
)
def test_several_data_sets_or_protocols_are_one_too_many(results, column, what):
    both = pd.concat([results, results.assign(**{column: "other"})])
    with pytest.raises(ValueError, match=rf"{what}.*one at a time"):
        compare(both, "accuracy")


def test_a_table_without_its_columns_is_told_which(results):
    with pytest.raises(ValueError, match="missing: kind, subject"):
        compare(results.drop(columns=["kind", "subject"]), "accuracy")
    with pytest.raises(ValueError, match="no rows"):
        compare(results.iloc[:0], "accuracy")


def test_a_name_is_of_one_kind(results):
    results.loc[0, "kind"] = "baseline"
    with pytest.raises(ValueError, match="'net' is both a model and a baseline"):
        compare(results, "accuracy")


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_is_a_share(results, confidence):
    with pytest.raises(ValueError, match=f"confidence must lie between 0 and 1, got {confidence}"):
        compare(results, "accuracy", confidence=confidence)
