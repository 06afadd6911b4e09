import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from skmamba.evaluation import compare
from skmamba.plots import ScoresDisplay


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def results():
    scores = {
        "net": [0.8, 0.7, 0.9, 0.6, 0.7],
        "lda": [0.7, 0.7, 0.6, 0.5, 0.6],
        "majority": [0.5, 0.5, 0.4, 0.5, 0.5],
    }
    return pd.DataFrame(
        {
            "dataset": "toy",
            "protocol": "cross_subject",
            "estimator": name,
            "kind": "baseline" if name == "majority" else "model",
            "fold": fold,
            "subject": fold + 10,
            "accuracy": value,
            "error": "",
        }
        for name, values in scores.items()
        for fold, value in enumerate(values)
    )


def draw(results, **options):
    return ScoresDisplay.from_results(results, "accuracy", **options)


def test_a_dot_is_a_subject(results):
    display = draw(results)
    for name, dots in display.dots_.items():
        drawn = np.sort(dots.get_offsets().data[:, 0])
        assert drawn == pytest.approx(
            np.sort(results.loc[results["estimator"] == name, "accuracy"])
        )
    assert display.unit == "subject"
    assert "one subject" in display.ax_.get_xlabel()
    assert display.ax_.get_title(loc="left") == "toy, cross-subject, 5 subjects"


def test_mean_and_interval_are_those_of_compare(results):
    results.loc[3, ["accuracy", "error"]] = [np.nan, "broke"]
    results = pd.concat([results, results.iloc[:4].assign(fold=9)])
    table = compare(results, "accuracy", confidence=0.9, random_state=5)
    display = draw(results, confidence=0.9, random_state=5)
    columns = ["estimator", "kind", "mean", "low", "high"]
    pd.testing.assert_frame_equal(display.summary[columns], table[columns])
    assert display.chance == table["chance"].iloc[0]


def test_the_line_of_chance_is_where_the_majority_is(results):
    display = draw(results)
    assert display.chance_line_.get_xdata() == pytest.approx([0.48, 0.48])
    assert display.chance_line_.get_linestyle() == "--"
    assert "chance" in [text.get_text() for text in display.ax_.texts]


def test_without_a_majority_there_is_no_line(results):
    display = draw(results[results["kind"] == "model"])
    assert display.chance is None
    assert display.chance_line_ is None
    assert "chance" not in [text.get_text() for text in display.ax_.texts]


def test_rows_keep_their_order_from_the_top(results):
    ax = draw(results).ax_
    assert [label.get_text() for label in ax.get_yticklabels()] == ["net", "lda", "majority"]
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_baselines_are_grey_and_models_are_not(results):
    dots = draw(results).dots_
    colours = {name: tuple(points.get_facecolor()[0][:3]) for name, points in dots.items()}
    assert colours["net"] == colours["lda"]
    assert len(set(colours["majority"])) == 1 < len(set(colours["net"]))


def test_equal_scores_lie_beside_each_other(results):
    results["accuracy"] = 0.7
    for dots in draw(results).dots_.values():
        heights = dots.get_offsets()[:, 1]
        assert len(np.unique(heights.round(6))) == 5
        assert np.ptp(heights) < 0.6  # inside the row


def test_the_same_results_give_the_same_picture(results):
    first, second = draw(results), draw(results.sample(frac=1, random_state=0))
    for name, dots in first.dots_.items():
        assert np.array_equal(dots.get_offsets(), second.dots_[name].get_offsets())


def test_folds_of_several_subjects_are_dots_without_interval(results):
    display = draw(results.assign(subject=None))
    assert display.unit == "fold"
    assert display.summary[["low", "high"]].isna().all(axis=None)
    assert display.ax_.get_xlabel() == "accuracy (dot: one fold; diamond: mean)"
    assert display.ax_.get_title(loc="left").endswith("5 folds")


def test_missing_scores_are_no_dots(results):
    results.loc[0, "accuracy"] = np.nan
    assert len(draw(results).dots_["net"].get_offsets()) == 4
    results.loc[results["estimator"] == "net", "accuracy"] = np.nan
    assert len(draw(results).dots_["net"].get_offsets()) == 0


def test_it_draws_where_it_is_told_and_opens_nothing(results):
    figure, (left, right) = plt.subplots(1, 2)
    display = draw(results, ax=right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not left.has_data()
    assert len(plt.get_fignums()) == 1


def test_values_can_be_left_out(results):
    display = draw(results[results["kind"] == "model"])
    assert len(display.ax_.texts) == 2
    assert not display.plot(show_values=False).ax_.texts


def test_constructing_draws_nothing(results):
    drawn = draw(results)
    plt.close("all")
    display = ScoresDisplay(drawn.scores, drawn.summary)
    assert not plt.get_fignums()
    assert not hasattr(display, "ax_")
    assert display.plot() is display


def test_long_names_are_wrapped(results):
    results["estimator"] = results["estimator"].replace("net", "a network of a very long name")
    labels = [label.get_text() for label in draw(results).ax_.get_yticklabels()]
    assert labels[0] == "a network of a very long\nname"


def test_a_wrong_score_is_told_the_nearest(results):
    with pytest.raises(ValueError, match=r"got 'acuracy': did you mean 'accuracy'\?"):
        ScoresDisplay.from_results(results, "acuracy")


@pytest.mark.parametrize("column", ["dataset", "protocol"])
def test_one_picture_is_of_one_question(results, column):
    both = pd.concat([results, results.assign(**{column: "other"})])
    with pytest.raises(ValueError, match=r"take one at a time"):
        draw(both)


def test_a_table_without_its_columns_is_told_which(results):
    with pytest.raises(ValueError, match="missing: kind"):
        draw(results.drop(columns="kind"))
    with pytest.raises(ValueError, match="no rows"):
        draw(results.iloc[:0])


def test_matplotlib_is_not_loaded_by_the_import():
    code = "import sys, skmamba.plots; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_error_says_what_to_install(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"ScoresDisplay.*pip install 'skmamba\[plot\]'"):
        draw(results)


def test_long_names_are_cut_in_the_middle_and_stay_apart():
    names = [f"{'a very long step + ' * 8}classifier {number}" for number in range(3)]
    results = pd.DataFrame(
        {"estimator": names, "kind": "model", "subject": 1, "accuracy": [0.5, 0.6, 0.7]}
    )
    labels = ScoresDisplay.from_results(results, "accuracy").ax_.get_yticklabels()
    texts = [label.get_text() for label in labels]
    assert len(set(texts)) == 3
    assert all(text.count("\n") < 3 and "…" in text for text in texts)
