import matplotlib.pyplot as plt
import numpy as np
import pytest

from skmamba.plots import ChannelImportanceDisplay

draw = ChannelImportanceDisplay.from_importance


def test_bars_are_means_over_folds_with_the_largest_at_the_top(importance):
    display = draw(importance)
    assert display.channels == ["CZ", "Fp1", "o1"]
    assert [bar.get_width() for bar in display.bars_] == pytest.approx([0.3, 0.05, -0.2])
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["CZ", "Fp1", "o1"]
    bottom, top = display.ax_.get_ylim()
    assert bottom > top
    assert display.std[0] == pytest.approx(np.std([0.4, 0.2], ddof=1))
    assert display.im_ is None


def test_labels_name_the_score_and_the_method(importance):
    display = draw(importance)
    assert display.ax_.get_xlabel().startswith("decrease in balanced accuracy\n")
    assert display.ax_.get_title(loc="left") == "channel permuted between trials"
    importance.attrs = {}
    assert draw(importance).ax_.get_title(loc="left") == ""


def test_topomap_has_a_color_scale_symmetric_around_zero(importance):
    display = draw(importance, kind="topomap")
    assert display.im_.get_clim() == pytest.approx((-0.3, 0.3))
    assert display.bars_ is None
    assert {"CZ", "Fp1", "o1"} <= {text.get_text() for text in display.ax_.texts}
    assert draw(importance.assign(importance=0.0), kind="topomap").im_.get_clim() == (-1.0, 1.0)


def test_topomap_has_frontal_channels_at_the_top(importance):
    image = draw(importance.assign(importance=[1.0, 0.0, -1.0] * 2), kind="topomap").im_
    rows = np.ma.masked_invalid(image.get_array()).mean(axis=1)
    assert image.origin == "lower"
    assert rows[-15:].mean() > 0.2
    assert rows[:15].mean() < -0.2


def test_topomap_requires_two_channels_of_known_position(importance):
    two = importance[importance["channel"] != "o1"]
    assert draw(two, kind="topomap").im_ is not None
    plt.close("all")
    with pytest.raises(ValueError, match="EEG 7"):
        draw(importance.replace({"channel": {"CZ": "EEG 7"}}), kind="topomap")
    numbers = importance.replace({"channel": {"Fp1": 0, "CZ": 1, "o1": 2}})
    with pytest.raises(ValueError, match="1, 0, 2"):
        draw(numbers, kind="topomap")
    with pytest.raises(ValueError, match="two channels"):
        draw(two[two["channel"] == "CZ"], kind="topomap")
    assert not plt.get_fignums()
    assert len(draw(numbers).bars_) == 3


def test_one_fold_has_no_standard_deviation(importance):
    assert draw(importance.query("fold == 0")).std.tolist() == [0, 0, 0]


def test_invalid_kind_and_empty_table_are_errors(importance):
    with pytest.raises(ValueError, match=r"kind.* must be one of 'bar', 'topomap', got 'pie'"):
        draw(importance, kind="pie")
    with pytest.raises(ValueError, match=r"importance.* must have at least one row"):
        draw(importance.iloc[:0])
