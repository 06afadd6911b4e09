import pytest

from skmamba.plots import FrequencyDisplay

draw = FrequencyDisplay.from_profile


def test_each_class_has_a_line(profile):
    display = draw(profile)
    assert [line.get_label() for line in display.lines_] == ["0", "1"]
    assert display.lines_[0].get_xdata().tolist() == [2.0, 10.0]
    assert display.lines_[0].get_ydata().tolist() == pytest.approx([0.9, 0.2])
    assert display.lines_[1].get_ydata().tolist() == pytest.approx([0.8, 1.0])
    assert display.ax_.get_ylabel() == "share of windows"
    assert display.ax_.get_ylim()[0] == 0


def test_weights_and_amplitudes_can_be_drawn(profile):
    assert draw(profile, value="weight").lines_[1].get_ydata() == pytest.approx([0.4, 0.5])
    assert draw(profile, value="amplitude").lines_[1].get_ydata().tolist() == [3.0, 3.0]
    one = draw(profile, value="amplitude", channel="Cz")
    assert one.lines_[1].get_ydata().tolist() == [4.0, 4.0]
    assert one.ax_.get_ylabel() == "mean amplitude (scaled units)"


def test_legend_shows_the_names_of_the_classes(profile):
    legend = draw(profile, label_names={1: "task"}).ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["0", "task"]


def test_invalid_value_and_channel_are_errors(profile):
    with pytest.raises(ValueError, match=r"value.* must be one of 'share', 'weight', 'amplitude'"):
        draw(profile, value="power")
    with pytest.raises(ValueError, match=r"channel.* must be one of Fp1, Cz, got 'Oz'"):
        draw(profile, channel="Oz")
