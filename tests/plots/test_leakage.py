import pandas as pd
import pytest

from skmamba.plots import LeakageDisplay

draw = LeakageDisplay.from_gap


def get_texts(display):
    return [text.get_text() for text in display.ax_.texts]


def test_points_are_the_means_of_the_table_with_the_least_strict_split_at_the_top(gap):
    display = draw(gap)
    true, permuted = display.ax_.containers
    assert list(true[0].get_xdata()) == [0.95, 0.638, 0.64]
    assert list(permuted[0].get_xdata()) == [0.93, 0.47, 0.51]
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["random windows", "trials", "subjects"]
    bottom, top = display.ax_.get_ylim()
    assert bottom > top


def test_inflation_is_relative_to_the_last_split(gap):
    assert get_texts(draw(gap)) == ["over subjects:", "+31 points", "+0 points"]
    assert get_texts(draw(gap[gap["split"] != "subjects"]))[0] == "over trials:"


def test_inflation_is_relative_to_a_split_with_true_labels(gap):
    stimuli = {"split": "stimuli", "labels": "permuted", "mean": 0.5, "std": 0.1, "inflation": 0.0}
    gap = pd.concat([gap[:5], pd.DataFrame([stimuli]), gap[5:]])
    display = draw(gap)
    assert get_texts(display) == ["over subjects:", "+31 points", "+0 points"]
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["random windows", "trials", "stimuli", "subjects"]
    display = draw(gap[(gap["labels"] == "permuted") | (gap["split"] != "subjects")])
    assert get_texts(display) == ["over trials:", "+31 points"]


def test_chance_level_is_drawn_only_if_it_is_given(gap):
    display = draw(gap)
    assert display.chance_line_ is None
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["true labels", "permuted labels"]
    display = draw(gap, chance_level=0.5)
    assert list(display.chance_line_.get_xdata()) == [0.5, 0.5]
    assert get_texts(display)[-1] == "chance level"


def test_missing_standard_deviation_and_inflation_are_allowed(gap):
    gap.loc[0, "inflation"] = float("nan")
    assert len(draw(gap.assign(std=float("nan"))).ax_.containers) == 2


def test_axis_is_labelled_with_the_score(gap):
    assert draw(gap).ax_.get_xlabel().startswith("score of windows")
    gap.attrs["score"] = "balanced_accuracy"
    assert draw(gap).ax_.get_xlabel().startswith("balanced accuracy of windows")
    assert draw(gap, score="f1").ax_.get_xlabel().startswith("F1 of windows")


def test_table_without_true_labels_is_an_error(gap):
    assert draw(gap[gap["labels"] == "true"]).ax_.has_data()
    with pytest.raises(ValueError, match="must have rows with true labels"):
        draw(gap[gap["labels"] == "permuted"])
