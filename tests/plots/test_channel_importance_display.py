import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from skmamba.plots import ChannelImportanceDisplay


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def importance():
    frame = pd.DataFrame(
        {
            "channel": ["Fp1", "CZ", "o1"] * 2,  # however they are spelled
            "fold": [0] * 3 + [1] * 3,
            "importance": [0.0, 0.4, -0.1, 0.1, 0.2, -0.3],
        }
    )
    frame.attrs = {"method": "permutation", "score": "balanced_accuracy"}
    return frame


def test_bars_are_means_over_folds_with_the_largest_on_top(importance):
    display = ChannelImportanceDisplay.from_importance(importance)
    assert display.channels == ["CZ", "Fp1", "o1"]
    assert [bar.get_width() for bar in display.bars_] == pytest.approx([0.3, 0.05, -0.2])
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["CZ", "Fp1", "o1"]
    bottom, top = display.ax_.get_ylim()
    assert bottom > top
    assert display.spread[0] == pytest.approx(np.std([0.4, 0.2], ddof=1))
    assert display.im_ is None


def test_the_axis_names_the_score_and_the_title_the_method(importance):
    display = ChannelImportanceDisplay.from_importance(importance)
    assert display.ax_.get_xlabel().startswith("loss of balanced accuracy\n")
    assert display.ax_.get_title(loc="left") == "channel permuted between trials"
    importance.attrs["method"] = "drop"
    display = ChannelImportanceDisplay.from_importance(importance)
    assert display.ax_.get_title(loc="left") == "trained without the channel"
    importance.attrs = {}
    assert ChannelImportanceDisplay.from_importance(importance).ax_.get_title(loc="left") == ""


def test_a_map_has_its_colours_symmetric_around_zero(importance):
    display = ChannelImportanceDisplay.from_importance(importance, kind="topomap")
    assert display.im_.get_clim() == pytest.approx((-0.3, 0.3))
    assert display.bars_ is None
    texts = {text.get_text() for text in display.ax_.texts}
    assert {"CZ", "Fp1", "o1"} <= texts


def test_a_map_puts_the_front_at_the_top(importance):
    front = importance.assign(importance=[1.0, 0.0, -1.0] * 2)
    image = ChannelImportanceDisplay.from_importance(front, kind="topomap").im_
    values = np.ma.masked_invalid(image.get_array())
    rows = values.mean(axis=1)  # from the back of the head: origin="lower"
    assert image.origin == "lower"
    assert rows[-15:].mean() > 0.2
    assert rows[:15].mean() < -0.2


def test_names_without_a_place_have_no_map_and_open_nothing(importance):
    unknown = importance.replace({"channel": {"CZ": "EEG 7"}})
    with pytest.raises(ValueError, match=r"has\s+none for EEG 7\. Draw bars instead"):
        ChannelImportanceDisplay.from_importance(unknown, kind="topomap")
    numbers = importance.replace({"channel": {"Fp1": 0, "CZ": 1, "o1": 2}})
    with pytest.raises(ValueError, match="none for 1, 0, 2"):
        ChannelImportanceDisplay.from_importance(numbers, kind="topomap")
    one = importance[importance["channel"] == "CZ"]
    with pytest.raises(ValueError, match="needs two channels or more"):
        ChannelImportanceDisplay.from_importance(one, kind="topomap")
    assert not plt.get_fignums()
    assert len(ChannelImportanceDisplay.from_importance(numbers).bars_) == 3


@pytest.mark.parametrize("n_channels", [2, 3])
def test_few_channels_have_a_map_too(importance, n_channels):
    few = importance[importance["channel"].isin(["Fp1", "CZ", "o1"][:n_channels])]
    assert ChannelImportanceDisplay.from_importance(few, kind="topomap").im_ is not None


def test_nothing_matters_is_drawn_too(importance):
    nothing = importance.assign(importance=0.0)
    display = ChannelImportanceDisplay.from_importance(nothing, kind="topomap")
    assert display.im_.get_clim() == (-1.0, 1.0)


def test_one_fold_has_no_spread(importance):
    display = ChannelImportanceDisplay.from_importance(importance.query("fold == 0"))
    assert display.spread.tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", ["bar", "topomap"])
def test_it_draws_where_it_is_told(importance, kind):
    figure, ax = plt.subplots()
    display = ChannelImportanceDisplay.from_importance(importance, kind=kind, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert len(plt.get_fignums()) == 1


def test_constructing_draws_nothing():
    display = ChannelImportanceDisplay(["Fp1", "Cz"], np.array([0.1, 0.2]))
    assert not plt.get_fignums()
    assert display.plot() is display
    assert display.ax_.get_xlabel() == "loss of score"


def test_what_does_not_fit_is_told(importance):
    with pytest.raises(ValueError, match="channel_importance returns, but has no fold"):
        ChannelImportanceDisplay.from_importance(importance.drop(columns="fold"))
    with pytest.raises(ValueError, match="kind must be 'bar' or 'topomap', got 'pie'"):
        ChannelImportanceDisplay.from_importance(importance, kind="pie")
    with pytest.raises(ValueError, match="importance has no rows to draw"):
        ChannelImportanceDisplay.from_importance(importance.iloc[:0])
    assert not plt.get_fignums()
