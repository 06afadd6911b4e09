"""Parts of results, and subjects scored by themselves."""

import numpy as np
import pandas as pd
import pytest

from skmamba import compare
from skmamba.evaluation import score_by_subject


def test_windows_are_not_called_trials(write, results, predictions):
    random = {"protocol": "random_windows"}
    page = write(results.assign(**random), predictions=predictions.assign(**random))
    assert "columns the answers: windows" in page.text
    assert "the share of windows answered rightly" in page.text


def test_folds_of_several_subjects_are_scored_subject_by_subject(write, results, predictions):
    results = results.assign(subject=None)
    with pytest.raises(ValueError, match=r"test several subjects.*give predictions="):
        write(results)
    page = write(results, predictions=predictions)
    expected = compare(score_by_subject(predictions)).set_index("estimator")["mean"]
    rows = page.rows("Estimator", "Chance")
    for name in ("net", "lda", "majority"):
        assert rows[name]["Balanced accuracy"] == f"{expected[name]:.2f}"
    assert "scores_by_subject.csv" in page.text


def test_a_subject_with_a_failed_fold_is_left_out_of_every_table(write, results, net):
    twice = pd.concat([results, results.assign(fold=results["fold"] + 6)], ignore_index=True)
    twice.loc[0, ["error", "accuracy", "balanced_accuracy"]] = ["Error: no", np.nan, np.nan]
    page = write(twice)
    left = f"{np.mean(net[1:]):.2f}"
    assert page.rows("Estimator", "Chance")["net"]["Balanced accuracy"] == left
    assert page.rows("Estimator", "Accuracy")["net"]["Balanced accuracy"] == left
    assert page.rows("Subject", "net")["1"]["net"] == "–"  # noqa: RUF001


def test_a_subject_that_lost_trials_to_a_failed_fold_has_no_score(write, results, predictions):
    lost = (predictions["estimator"] == "net") & predictions["trial"].isin([10, 11, 12])
    page = write(results.assign(subject=None), predictions=predictions[~lost])
    assert page.rows("Subject", "net")["1"]["net"] == "–"  # noqa: RUF001
    assert page.rows("Estimator", "Chance")["net"]["Subjects"] == "5"


def test_a_model_of_which_every_fold_failed_stays_in_the_table(write, results, predictions):
    failed = results["estimator"] == "lda"
    results.loc[failed, ["accuracy", "balanced_accuracy"]] = np.nan
    results.loc[failed, "error"] = "RuntimeError: no"
    several = results.assign(subject=None)
    predictions = predictions[predictions["estimator"] != "lda"]
    for frame in (results, several):
        page = write(frame, predictions=predictions)
        assert page.rows("Estimator", "Chance")["lda"]["Balanced accuracy"] == "–"  # noqa: RUF001
        assert "The difference from lda was not tested." in page.text
