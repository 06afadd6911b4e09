import matplotlib
import pandas as pd
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from skmamba.plots import FrequencyDisplay


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def profile():
    rows = [
        (label, channel, frequency, share, share / 2, amplitude)
        for label, shares in {0: (0.9, 0.2), 1: (0.8, 1.0)}.items()
        for frequency, share in zip((2.0, 10.0), shares, strict=True)
        for channel, amplitude in {"Fp1": 1.0 + label, "Cz": 3.0 + label}.items()
    ]
    columns = ["label", "channel", "frequency", "share", "weight", "amplitude"]
    return pd.DataFrame(rows, columns=columns)


def test_there_is_a_line_for_each_class(profile):
    display = FrequencyDisplay.from_profile(profile)
    assert [line.get_label() for line in display.lines_] == ["0", "1"]
    assert display.lines_[0].get_xdata().tolist() == [2.0, 10.0]
    assert display.lines_[0].get_ydata().tolist() == pytest.approx([0.9, 0.2])
    assert display.lines_[1].get_ydata().tolist() == pytest.approx([0.8, 1.0])
    assert display.ax_.get_ylabel() == "share of windows"
    assert display.ax_.get_ylim()[0] == 0


def test_weights_and_amplitudes_can_be_drawn(profile):
    weights = FrequencyDisplay.from_profile(profile, value="weight")
    assert weights.lines_[1].get_ydata().tolist() == pytest.approx([0.4, 0.5])
    amplitudes = FrequencyDisplay.from_profile(profile, value="amplitude")
    assert amplitudes.lines_[1].get_ydata().tolist() == [3.0, 3.0]
    of_one = FrequencyDisplay.from_profile(profile, value="amplitude", channel="Cz")
    assert of_one.lines_[1].get_ydata().tolist() == [4.0, 4.0]
    assert of_one.ax_.get_ylabel() == "mean amplitude, in scaled units"


def test_classes_get_their_names(profile):
    display = FrequencyDisplay.from_profile(profile, label_names={1: "task"})
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["0", "task"]


def test_it_draws_where_it_is_told(profile):
    _, ax = plt.subplots()
    assert FrequencyDisplay.from_profile(profile, ax=ax).ax_ is ax
    assert len(plt.get_fignums()) == 1


def test_constructing_draws_nothing():
    display = FrequencyDisplay([1.0, 2.0], [[0.5, 1.0]], ["rest"])
    assert not plt.get_fignums()
    assert display.plot() is display


def test_what_does_not_fit_is_told_and_opens_nothing(profile):
    with pytest.raises(ValueError, match="value must be one of 'share', 'weight', 'amplitude'"):
        FrequencyDisplay.from_profile(profile, value="power")
    with pytest.raises(ValueError, match="frequency_profile returns, but has no frequency"):
        FrequencyDisplay.from_profile(profile.drop(columns="frequency"))
    with pytest.raises(ValueError, match="channel must be one of Fp1, Cz, got 'Oz'"):
        FrequencyDisplay.from_profile(profile, channel="Oz")
    assert not plt.get_fignums()
