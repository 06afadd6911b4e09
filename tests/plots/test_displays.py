"""What all displays have in common."""

import sys
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skmamba.plots import (
    ChannelImportanceDisplay,
    ConfusionDisplay,
    ElectrodeFailureDisplay,
    FrequencyDisplay,
    LeakageDisplay,
    ScoresDisplay,
    TrainingCurveDisplay,
)

# Function, fixture with its argument, options, and a column that the argument must have.
CASES = {
    "scores": (ScoresDisplay.from_results, "results", {"score": "accuracy"}, "kind"),
    "confusion": (ConfusionDisplay.from_results, "predictions", {"estimator": "net"}, "y_pred"),
    "bars": (ChannelImportanceDisplay.from_importance, "importance", {}, "fold"),
    "map": (ChannelImportanceDisplay.from_importance, "importance", {"kind": "topomap"}, "fold"),
    "failure": (ElectrodeFailureDisplay.from_curve, "curve", {}, "n_failed"),
    "frequency": (FrequencyDisplay.from_profile, "profile", {}, "frequency"),
    "leakage": (LeakageDisplay.from_gap, "gap", {}, "inflation"),
    "training": (TrainingCurveDisplay.from_estimator, "network", {}, None),
}


@pytest.fixture(params=CASES)
def draw(request):
    """Function of axes that creates a display."""
    create, fixture, options, _ = CASES[request.param]
    return partial(create, request.getfixturevalue(fixture), **options)


def test_display_is_drawn_on_the_given_axes_only(draw):
    figure, (left, right) = plt.subplots(1, 2)
    before = plt.get_fignums()
    display = draw(ax=right)
    assert (display.ax_, display.figure_) == (right, figure)
    assert right.has_data()
    assert not left.has_data()
    assert plt.get_fignums() == before


def test_display_without_axes_creates_one_figure(draw):
    before = plt.get_fignums()  # of tests run earlier
    display = draw()
    assert plt.get_fignums() == [*before, display.figure_.number]


def test_missing_matplotlib_is_an_error_with_the_extra_to_install(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"Display requires .*pip install 'skmamba\[plot\]'"):
        draw()


@pytest.mark.parametrize(
    "display",
    [
        ChannelImportanceDisplay(["Fp1", "Cz"], np.array([0.1, 0.2])),
        ConfusionDisplay(np.eye(2, dtype=int), ["a", "b"]),
        ElectrodeFailureDisplay(pd.DataFrame({"n_failed": [0, 1], "score": [0.9, 0.5]})),
        FrequencyDisplay(np.array([1.0, 2.0]), np.array([[0.5, 1.0]]), ["rest"]),
        TrainingCurveDisplay([1, 2], [0.7, 0.6]),
    ],
    ids=lambda display: type(display).__name__,
)
def test_constructor_draws_nothing_and_plot_returns_the_display(display):
    assert not hasattr(display, "ax_")
    assert display.plot() is display


@pytest.mark.parametrize("case", [name for name, (*_, column) in CASES.items() if column])
def test_missing_columns_and_rows_are_errors_before_a_figure_is_created(case, request):
    create, fixture, options, column = CASES[case]
    frame = request.getfixturevalue(fixture)
    with pytest.raises(ValueError, match=f"missing: {column}"):
        create(frame.drop(columns=column), **options)
    with pytest.raises(ValueError, match="must have at least one row"):
        create(frame.iloc[:0], **options)
    assert not plt.get_fignums()
