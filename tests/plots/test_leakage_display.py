import matplotlib
import pandas as pd
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from skmamba.plots import LeakageDisplay


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def gap():
    return pd.DataFrame(
        {
            "split": ["random windows", "trials", "subjects"] * 2,
            "labels": ["true"] * 3 + ["permuted"] * 3,
            "mean": [0.95, 0.638, 0.64, 0.93, 0.47, 0.51],
            "std": [0.01, 0.05, 0.08, 0.01, 0.06, 0.05],
            "inflation": [31.0, -0.2, 0.0, 42.0, -4.0, 0.0],
        }
    )


def texts_of(display):
    return [text.get_text() for text in display.ax_.texts]


def test_means_are_where_the_gap_has_them(gap):
    display = LeakageDisplay.from_gap(gap)
    true, permuted = display.ax_.containers
    assert list(true[0].get_xdata()) == [0.95, 0.638, 0.64]
    assert list(permuted[0].get_xdata()) == [0.93, 0.47, 0.51]
    assert display.gap is gap


def test_loosest_split_is_on_top(gap):
    ax = LeakageDisplay.from_gap(gap).ax_
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["random windows", "trials", "subjects"]
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_points_over_the_last_split_are_told(gap):
    texts = texts_of(LeakageDisplay.from_gap(gap))
    assert texts == ["over subjects:", "+31 points", "+0 points", "chance"]
    without = gap[gap["split"] != "subjects"]
    assert texts_of(LeakageDisplay.from_gap(without))[0] == "over trials:"


def test_chance_is_the_strictest_split_with_permuted_labels(gap):
    assert list(LeakageDisplay.from_gap(gap).chance_line_.get_xdata()) == [0.51, 0.51]


def test_without_permuted_labels_there_is_no_line(gap):
    display = LeakageDisplay.from_gap(gap[gap["labels"] == "true"])
    assert display.chance_line_ is None
    assert "chance" not in texts_of(display)
    loose = gap.drop(index=5)  # permuted labels were not scored by subject
    assert LeakageDisplay.from_gap(loose).chance_line_ is None


def test_one_fold_has_no_spread_and_is_drawn(gap):
    display = LeakageDisplay.from_gap(gap.assign(std=float("nan")))
    assert len(display.ax_.containers) == 2


def test_the_axis_names_the_score(gap):
    assert LeakageDisplay.from_gap(gap).ax_.get_xlabel().startswith("score of windows")
    gap.attrs["score"] = "balanced_accuracy"  # as leakage_gap notes it
    assert LeakageDisplay.from_gap(gap).ax_.get_xlabel().startswith("balanced accuracy of windows")
    assert LeakageDisplay.from_gap(gap, score="f1").ax_.get_xlabel().startswith("F1 of windows")


def test_a_split_without_inflation_is_drawn_too(gap):
    gap.loc[0, "inflation"] = float("nan")
    LeakageDisplay.from_gap(gap)


def test_it_draws_where_it_is_told_and_opens_nothing(gap):
    figure, ax = plt.subplots()
    display = LeakageDisplay.from_gap(gap, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert len(plt.get_fignums()) == 1


def test_constructing_draws_nothing(gap):
    display = LeakageDisplay(gap)
    assert not plt.get_fignums()
    assert display.plot() is display


def test_another_table_is_told_what_it_lacks(gap):
    with pytest.raises(ValueError, match="but has no labels, inflation"):
        LeakageDisplay.from_gap(gap.drop(columns=["labels", "inflation"]))
    with pytest.raises(ValueError, match="no rows of true labels"):
        LeakageDisplay.from_gap(gap[gap["labels"] == "permuted"])
