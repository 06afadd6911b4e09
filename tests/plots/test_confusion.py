import numpy as np
import pandas as pd
import pytest

from skmamba.evaluation import EvaluationResults
from skmamba.plots import ConfusionDisplay

draw = ConfusionDisplay.from_results


def test_counts_of_a_small_example(predictions):
    for results in (predictions, EvaluationResults(pd.DataFrame(), predictions)):
        assert draw(results, "net").confusion_matrix.tolist() == [[3, 1], [0, 1]]
        assert draw(results, "zeros").confusion_matrix.tolist() == [[4, 0], [1, 0]]


def test_results_without_predictions_are_an_error():
    with pytest.raises(ValueError, match="missing: y_true, y_pred"):
        draw(EvaluationResults(pd.DataFrame(), pd.DataFrame()), "net")


def test_cells_show_the_share_of_the_true_class_and_the_number(predictions):
    display = draw(predictions, "net")
    texts = [[cell.get_text() for cell in row] for row in display.text_]
    assert texts == [["75 %\n(3)", "25 %\n(1)"], ["0 %\n(0)", "100 %\n(1)"]]
    assert np.array_equal(display.im_.get_array(), [[0.75, 0.25], [0, 1]])
    display = draw(predictions, "net", normalize=None)
    assert [cell.get_text() for cell in display.text_.ravel()] == ["3", "1", "0", "1"]
    assert np.array_equal(display.im_.get_array(), [[3, 1], [0, 1]])
    with pytest.raises(ValueError, match=r"normalize.* must be 'true' or None, got 'all'"):
        draw(predictions, "net", normalize="all")


def test_rows_are_true_classes_and_columns_predicted_ones(predictions):
    ax = draw(predictions, "net").ax_
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("true class", "predicted class")
    assert ax.get_title(loc="left") == "net\ntoy, cross-subject, 5 trials"


def test_classes_are_labelled_with_their_names(predictions):
    words = predictions.replace({"y_true": {0: "no", 1: "yes"}, "y_pred": {0: "no", 1: "yes"}})
    assert draw(words, "net").display_labels == ["no", "yes"]
    display = draw(predictions, "net", label_names={0: "rest"})
    assert display.display_labels == ["rest", "1"]
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["rest", "1"]


def test_long_names_of_classes_do_not_overlap(predictions):
    names = {0: "serial subtraction of sevens", 1: "rest with eyes closed"}
    axes = draw(predictions, "net", label_names=names).ax_
    axes.figure.canvas.draw()
    first, second = (label.get_window_extent() for label in axes.get_xticklabels())
    assert first.x1 < second.x0


def test_class_that_is_only_predicted_has_a_row_of_zeros():
    display = draw(pd.DataFrame({"y_true": [0, 0], "y_pred": [0, 1]}))
    assert np.array_equal(display.im_.get_array(), [[0.5, 0.5], [0, 0]])


def test_estimator_is_required_only_if_there_are_several_models(predictions):
    one = predictions[predictions["estimator"] == "net"]
    kind = predictions["estimator"].replace({"net": "model", "zeros": "baseline"})
    assert draw(predictions.assign(kind=kind)).title.startswith("net\n")
    assert draw(one).confusion_matrix.sum() == 5
    for estimator in (None, "svm"):
        with pytest.raises(ValueError, match=f"one of net, zeros, got {estimator!r}"):
            draw(predictions, estimator)
    with pytest.raises(ValueError, match=r"estimator.* must be"):
        draw(predictions.drop(columns="estimator"), "net")


@pytest.mark.parametrize("column", ["dataset", "protocol"])
def test_predictions_of_several_parts_are_an_error(predictions, column):
    both = pd.concat([predictions, predictions.assign(**{column: "other"})])
    with pytest.raises(ValueError, match=f"one data set and one protocol, got 2 .*{column}"):
        ConfusionDisplay.from_results(both, "net")


def test_windows_are_not_called_trials(predictions):
    display = ConfusionDisplay.from_results(predictions.assign(window=0), "net")
    assert display.title.endswith(f"{(predictions['estimator'] == 'net').sum()} windows")
    of_others = predictions.assign(window=np.where(predictions["estimator"] == "net", np.nan, 0))
    assert ConfusionDisplay.from_results(of_others, "net").title.endswith(" trials")


def test_predictions_of_several_seeds_are_not_called_trials(predictions):
    seeds = pd.concat([predictions.assign(random_state=seed) for seed in (1, 2)])
    assert ConfusionDisplay.from_results(seeds, "net").title.endswith(", 10 predictions")
    folds = pd.concat([predictions.assign(fold=fold, random_state=0) for fold in (1, 2)])
    assert ConfusionDisplay.from_results(folds, "net").title.endswith(", 10 trials")


def test_missing_predictions_are_left_out_with_a_warning(predictions):
    predictions = predictions.reset_index(drop=True).astype({"y_pred": float})
    predictions.loc[0, "y_pred"] = np.nan
    with pytest.warns(UserWarning, match="1 of 5 predictions are missing"):
        display = draw(predictions, "net")
    assert display.confusion_matrix.sum() == 4
    assert display.display_labels == ["0", "1"]
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="must have predictions"):
        draw(predictions.assign(y_pred=np.nan), "net")


@pytest.mark.parametrize("y_true", [[1, 2, 3], [1.5, 2.0, 3.0]])
def test_ratings_are_an_error(y_true):
    ratings = pd.DataFrame({"estimator": "m", "y_true": y_true, "y_pred": [1.9, 2.9, 2.2]})
    with pytest.raises(ValueError, match="must be predictions of classes, got ratings"):
        draw(ratings)


def test_a_dollar_is_part_of_a_name(predictions):
    names = {0: "$\\frac{$", 1: "b"}
    results = predictions.assign(estimator=predictions["estimator"] + "$x_$")
    draw(results, "net$x_$", label_names=names).figure_.canvas.draw()
