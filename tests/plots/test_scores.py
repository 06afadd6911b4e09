import numpy as np
import pandas as pd
import pytest

from skmamba.evaluation import EvaluationResults, compare
from skmamba.plots import ScoresDisplay


def draw(results, **options):
    return ScoresDisplay.from_results(results, "accuracy", **options)


def test_each_subject_has_a_dot(results):
    display = draw(results)
    for name, dots in display.dots_.items():
        expected = np.sort(results.loc[results["estimator"] == name, "accuracy"])
        assert np.sort(dots.get_offsets().data[:, 0]) == pytest.approx(expected)
    assert display.unit == "subject"
    assert "one subject" in display.ax_.get_xlabel()
    assert display.ax_.get_title(loc="left") == "toy, cross-subject, 5 subjects"


def test_results_of_an_evaluation_are_accepted_as_they_are(results):
    display = draw(EvaluationResults(results, pd.DataFrame()), random_state=0)
    expected = draw(results, random_state=0)
    pd.testing.assert_frame_equal(display.scores, expected.scores)
    pd.testing.assert_frame_equal(display.summary, expected.summary)


def test_mean_and_interval_are_those_of_compare(results):
    results.loc[3, ["accuracy", "error"]] = [np.nan, "failed"]
    results = pd.concat([results, results.iloc[:4].assign(fold=9)])
    table = compare(results, "accuracy", confidence=0.9, random_state=5)
    display = draw(results, confidence=0.9, random_state=5)
    columns = ["estimator", "kind", "mean", "low", "high"]
    pd.testing.assert_frame_equal(display.summary[columns], table[columns])
    assert display.chance_level == table["chance"].iloc[0]


def test_chance_level_is_the_mean_of_the_majority_baseline(results):
    display = draw(results)
    assert display.chance_line_.get_xdata() == pytest.approx([0.48, 0.48])
    assert "chance level" in [text.get_text() for text in display.ax_.texts]
    display = draw(results[results["kind"] == "model"])
    assert display.chance_level is None
    assert display.chance_line_ is None
    assert "chance level" not in [text.get_text() for text in display.ax_.texts]


def test_rows_are_in_the_order_of_the_results_from_the_top(results):
    ax = draw(results).ax_
    assert [label.get_text() for label in ax.get_yticklabels()] == ["net", "lda", "majority"]
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_baselines_are_grey_and_models_are_not(results):
    dots = draw(results).dots_
    colors = {name: tuple(points.get_facecolor()[0][:3]) for name, points in dots.items()}
    assert colors["net"] == colors["lda"]
    assert len(set(colors["majority"])) == 1 < len(set(colors["net"]))


def test_dots_of_equal_scores_do_not_overlap(results):
    results["accuracy"] = 0.7
    for dots in draw(results).dots_.values():
        heights = dots.get_offsets()[:, 1]
        assert len(np.unique(heights.round(6))) == 5
        assert np.ptp(heights) < 0.6  # within the row


def test_folds_of_several_subjects_are_dots_without_interval(results):
    display = draw(results.assign(subject=None))
    assert display.unit == "fold"
    assert display.summary[["low", "high"]].isna().all(axis=None)
    assert display.ax_.get_xlabel() == "accuracy (dot: one fold; diamond: mean)"
    assert display.ax_.get_title(loc="left").endswith("5 folds")


def test_missing_scores_have_no_dots(results):
    results.loc[0, "accuracy"] = np.nan
    assert len(draw(results).dots_["net"].get_offsets()) == 4
    results["accuracy"] = np.nan
    assert len(draw(results).dots_["net"].get_offsets()) == 0


def test_values_beside_the_rows_are_optional(results):
    display = draw(results[results["kind"] == "model"])
    assert len(display.ax_.texts) == 2
    assert not display.plot(show_values=False).ax_.texts


def test_long_names_are_wrapped_and_shortened_in_the_middle(results):
    names = [f"{'a very long step + ' * 8}classifier {number}" for number in range(3)]
    results["estimator"] = results["estimator"].map(
        dict(zip(["net", "lda", "majority"], names, strict=True))
    )
    texts = [label.get_text() for label in draw(results).ax_.get_yticklabels()]
    assert len(set(texts)) == 3
    assert all(text.count("\n") in (1, 2) and "…" in text for text in texts)


def test_invalid_results_are_errors(results):
    with pytest.raises(ValueError, match=r"got 'acuracy': did you mean 'accuracy'\?"):
        ScoresDisplay.from_results(results, "acuracy")
    for column in ("dataset", "protocol"):
        with pytest.raises(ValueError, match="of one data set and one protocol"):
            draw(pd.concat([results, results.assign(**{column: "other"})]))
