import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from skmamba.plots import ConfusionDisplay


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def predictions():
    """Of four of class 0, the net gets three; of one of class 1, one. The other is always 0."""
    rows = pd.DataFrame({"y_true": [0, 0, 0, 0, 1], "y_pred": [0, 0, 0, 1, 1]})
    rows = rows.assign(dataset="toy", protocol="cross_subject")
    return pd.concat([rows.assign(estimator="net"), rows.assign(estimator="other", y_pred=0)])


def test_counts_by_hand(predictions):
    display = ConfusionDisplay.from_predictions(predictions, "net")
    assert display.confusion_matrix.tolist() == [[3, 1], [0, 1]]
    other = ConfusionDisplay.from_predictions(predictions, "other")
    assert other.confusion_matrix.tolist() == [[4, 0], [1, 0]]


def test_cells_tell_share_of_the_true_class_and_number(predictions):
    display = ConfusionDisplay.from_predictions(predictions, "net")
    texts = [[cell.get_text() for cell in row] for row in display.text_]
    assert texts == [["75 %\n(3)", "25 %\n(1)"], ["0 %\n(0)", "100 %\n(1)"]]
    assert np.array_equal(display.im_.get_array(), [[0.75, 0.25], [0, 1]])


def test_cells_without_normalisation_tell_the_number(predictions):
    display = ConfusionDisplay.from_predictions(predictions, "net", normalize=None)
    assert [cell.get_text() for cell in display.text_.ravel()] == ["3", "1", "0", "1"]
    assert np.array_equal(display.im_.get_array(), [[3, 1], [0, 1]])


def test_rows_are_true_and_columns_predicted(predictions):
    ax = ConfusionDisplay.from_predictions(predictions, "net").ax_
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("true", "predicted")
    assert ax.get_title(loc="left") == "net\ntoy, cross-subject, 5 trials"


def test_classes_have_their_names(predictions):
    display = ConfusionDisplay.from_predictions(predictions, "net", label_names={0: "rest"})
    assert display.labels == ["rest", "1"]
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["rest", "1"]


def test_labels_may_be_words(predictions):
    words = predictions.replace({"y_true": {0: "no", 1: "yes"}, "y_pred": {0: "no", 1: "yes"}})
    display = ConfusionDisplay.from_predictions(words, "net")
    assert display.labels == ["no", "yes"]
    assert display.confusion_matrix.tolist() == [[3, 1], [0, 1]]


def test_a_class_that_is_only_predicted_has_a_row_of_zeros():
    predictions = pd.DataFrame({"y_true": [0, 0], "y_pred": [0, 1]})
    display = ConfusionDisplay.from_predictions(predictions)
    assert np.array_equal(display.im_.get_array(), [[0.5, 0.5], [0, 0]])


def test_a_single_estimator_needs_no_name(predictions):
    one = predictions[predictions["estimator"] == "net"]
    assert ConfusionDisplay.from_predictions(one).confusion_matrix.sum() == 5


def test_of_several_one_must_be_named(predictions):
    with pytest.raises(ValueError, match="of 2 estimators: give estimator, one of net, other"):
        ConfusionDisplay.from_predictions(predictions)
    with pytest.raises(ValueError, match="one of net, other, got 'svm'"):
        ConfusionDisplay.from_predictions(predictions, "svm")


def test_missing_predictions_are_counted_and_told(predictions):
    predictions = predictions.reset_index(drop=True).astype({"y_pred": float})
    predictions.loc[0, "y_pred"] = np.nan
    with pytest.warns(UserWarning, match="1 of 5 predictions are missing"):
        display = ConfusionDisplay.from_predictions(predictions, "net")
    assert display.confusion_matrix.sum() == 4
    assert display.labels == ["0", "1"]
    nothing = predictions.assign(y_pred=np.nan)
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="no predictions to draw"):
        ConfusionDisplay.from_predictions(nothing, "net")


def test_it_draws_where_it_is_told_and_opens_nothing(predictions):
    figure, ax = plt.subplots()
    display = ConfusionDisplay.from_predictions(predictions, "net", ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert len(plt.get_fignums()) == 1


def test_constructing_draws_nothing():
    display = ConfusionDisplay(np.eye(2, dtype=int), ["a", "b"])
    assert not plt.get_fignums()
    assert display.plot() is display


def test_wrong_arguments_are_told(predictions):
    with pytest.raises(ValueError, match="normalize must be 'true' or None, got 'all'"):
        ConfusionDisplay.from_predictions(predictions, "net", normalize="all")
    with pytest.raises(ValueError, match="missing: y_pred"):
        ConfusionDisplay.from_predictions(predictions.drop(columns="y_pred"), "net")
    with pytest.raises(ValueError, match="no column 'estimator' to find 'net'"):
        ConfusionDisplay.from_predictions(predictions.drop(columns="estimator"), "net")
