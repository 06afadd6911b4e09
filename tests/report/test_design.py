"""What was done, fold by fold."""

import numpy as np


def test_the_design_is_told(write, results):
    text = write(results).text
    assert "The people tested are new to the model" in text
    assert "50 trials a fold" in text
    assert "10 trials a fold, 60 in all" in text
    assert "skmamba 0.1.0, numpy 2.4.0" in text


def test_seconds_are_told(write, results):
    row = write(results).rows("Estimator", "Fit, s a fold")["net"]
    assert (row["Folds"], row["Fit, s a fold"], row["All folds, s"]) == ("6", "1.25", "10.50")


def test_failed_folds_are_shown_and_left_out(write, results):
    results.loc[[1, 3], "error"] = "ValueError: Input X contains NaN."
    results.loc[[1, 3], ["accuracy", "balanced_accuracy"]] = np.nan
    page = write(results)
    assert "net, 2 of 6 folds: subject 2, subject 4" in page.text
    assert page.text.count("ValueError: Input X contains NaN.") == 1
    row = page.rows("Estimator", "Chance")["net"]
    assert row["Subjects"] == "4"
    assert row["Balanced accuracy"] == "0.80"  # of 0.8, 0.9, 0.7, 0.8
    assert page.rows("Estimator", "Accuracy")["net"]["Accuracy"] == "0.80"
    assert page.rows("Subject", "net")["mean"]["net"] == "0.80"


def test_an_undefined_score_is_told_apart_from_a_failure(write, results):
    results.loc[0, "balanced_accuracy"] = np.nan
    page = write(results)
    assert "net: 1 of 6 folds" in page.text
    assert "Some folds failed" not in page.text
