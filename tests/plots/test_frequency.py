import numpy as np
import pytest

from skmamba.plots import FrequencyDisplay

draw = FrequencyDisplay.from_profile


def get_values(display, label):
    """Return the drawn values of a class, without the gaps of its line."""
    values = display.lines_[label].get_ydata()
    return values[~np.isnan(values)].tolist()


def test_each_class_has_a_line(profile):
    display = draw(profile)
    assert [line.get_label() for line in display.lines_] == ["0", "1"]
    assert get_values(display, 0) == pytest.approx([0.9, 0.2])
    assert get_values(display, 1) == pytest.approx([0.8, 1.0])
    assert display.ax_.get_ylabel() == "share of windows"
    assert display.ax_.get_ylim()[0] == 0


@pytest.mark.parametrize(
    ("frequencies", "resolution", "drawn"),
    [
        ((2.0, 10.0), None, [2, np.nan, 10]),
        ((5.0, 10.0), None, [5, 10]),
        ((5.0, 10.0), 2.5, [5, np.nan, 10]),  # nothing is known of 7.5 Hz
    ],
)
def test_bins_without_data_are_not_joined(profile, frequencies, resolution, drawn):
    renamed = profile.replace({"frequency": dict(zip((2.0, 10.0), frequencies, strict=True))})
    renamed.attrs["resolution"] = resolution
    for line in draw(renamed).lines_:
        np.testing.assert_array_equal(line.get_xdata(), drawn)
        np.testing.assert_array_equal(np.isnan(line.get_ydata()), np.isnan(drawn))


def test_weights_and_amplitudes_can_be_drawn(profile):
    assert get_values(draw(profile, value="weight"), 1) == pytest.approx([0.4, 0.5])
    assert get_values(draw(profile, value="amplitude"), 1) == [3.0, 3.0]
    one = draw(profile, value="amplitude", channel="Cz")
    assert get_values(one, 1) == [4.0, 4.0]
    assert one.ax_.get_ylabel() == "mean amplitude (scaled units)"


def test_legend_shows_the_names_of_the_classes(profile):
    legend = draw(profile, label_names={1: "task"}).ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["0", "task"]


def test_invalid_value_and_channel_are_errors(profile):
    with pytest.raises(ValueError, match=r"value.* must be one of 'share', 'weight', 'amplitude'"):
        draw(profile, value="power")
    with pytest.raises(ValueError, match=r"channel.* must be one of Fp1, Cz, got 'Oz'"):
        draw(profile, channel="Oz")
