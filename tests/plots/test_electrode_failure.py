import matplotlib.pyplot as plt

from skmamba.plots import ElectrodeFailureDisplay


def test_line_passes_through_the_means_and_each_subset_has_a_dot(curve):
    display = ElectrodeFailureDisplay.from_curve(curve)
    assert display.line_.get_xdata().tolist() == [0, 1, 2]
    assert display.line_.get_ydata().tolist() == [0.9, 0.75, 0.5]
    assert display.dots_.get_offsets().tolist() == [[0, 0.9], [1, 0.9], [1, 0.6], [2, 0.5]]


def test_axes_are_labelled_with_score_and_failure(curve):
    ax = ElectrodeFailureDisplay.from_curve(curve).ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("failed electrodes (flat)", "balanced accuracy")
    curve.attrs = {}
    ax = ElectrodeFailureDisplay.from_curve(curve).ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("failed electrodes", "score")


def test_ticks_of_given_axes_are_kept(curve):
    _, ax = plt.subplots()
    ax.set_xticks([0, 1])
    ElectrodeFailureDisplay.from_curve(curve, ax=ax)
    assert ax.get_xticks().tolist() == [0, 1]
