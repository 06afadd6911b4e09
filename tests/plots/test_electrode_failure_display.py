import matplotlib
import pandas as pd
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from skmamba.plots import ElectrodeFailureDisplay


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def curve():
    frame = pd.DataFrame(
        {
            "n_failed": [0, 1, 1, 2],
            "channels": ["", "Fp1", "Fp2", "Fp1, Fp2"],
            "score": [0.9, 0.9, 0.6, 0.5],
        }
    )
    frame.attrs = {"failure": "flat", "score": "balanced_accuracy"}
    return frame


def test_the_line_goes_through_means_and_each_subset_has_a_dot(curve):
    display = ElectrodeFailureDisplay.from_curve(curve)
    assert display.line_.get_xdata().tolist() == [0, 1, 2]
    assert display.line_.get_ydata().tolist() == [0.9, 0.75, 0.5]
    assert display.dots_.get_offsets().tolist() == [[0, 0.9], [1, 0.9], [1, 0.6], [2, 0.5]]


def test_axes_name_score_and_failure(curve):
    display = ElectrodeFailureDisplay.from_curve(curve)
    assert display.ax_.get_xlabel() == "failed electrodes (flat)"
    assert display.ax_.get_ylabel() == "balanced accuracy"
    curve.attrs = {}
    display = ElectrodeFailureDisplay.from_curve(curve)
    assert display.ax_.get_xlabel() == "failed electrodes"
    assert display.ax_.get_ylabel() == "score"


def test_it_draws_where_it_is_told(curve):
    _, ax = plt.subplots()
    assert ElectrodeFailureDisplay.from_curve(curve, ax=ax).ax_ is ax
    assert len(plt.get_fignums()) == 1


def test_constructing_draws_nothing(curve):
    display = ElectrodeFailureDisplay(curve)
    assert not plt.get_fignums()
    assert display.plot() is display


def test_another_table_is_told_what_it_lacks(curve):
    with pytest.raises(ValueError, match="electrode_failure returns, but has no n_failed"):
        ElectrodeFailureDisplay.from_curve(curve.drop(columns="n_failed"))
    assert not plt.get_fignums()
