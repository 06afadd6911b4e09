"""What is refused, by the page and by the table."""

import numpy as np
import pytest

from skmamba.report import to_latex, write_report


@pytest.fixture(params=["page", "table"])
def report(request, tmp_path):
    """Either way to report."""
    if request.param == "table":
        return to_latex
    return lambda results, **options: write_report(results, tmp_path / "r.html", **options)


def test_nothing_is_no_result(report, results):
    with pytest.raises(ValueError, match="results are empty"):
        report(results.iloc[:0])


def test_missing_columns_are_named(report, results):
    with pytest.raises(ValueError, match="kind, subject are missing"):
        report(results.drop(columns=["kind", "subject"]))


def test_a_forgotten_unpacking_is_recognised(report, results, predictions):
    with pytest.raises(ValueError, match="got tuple: unpack it"):
        report((results, predictions))


def test_a_score_must_be_there(report, results):
    with pytest.raises(ValueError, match="accuracy, balanced_accuracy; got 'f1'"):
        report(results, score="f1")


def test_baselines_alone_are_no_comparison(report, results):
    with pytest.raises(ValueError, match="only baselines"):
        report(results[results["kind"] == "baseline"])


def test_failures_alone_are_no_comparison(report, results):
    with pytest.raises(ValueError, match="every fold failed"):
        report(results.assign(balanced_accuracy=np.nan))


def test_a_baseline_in_the_first_rows_is_not_what_models_are_compared_with(write, results):
    page = write(results.sort_values("estimator", ascending=False, kind="stable"))
    other = write(results.sort_values("kind", kind="stable"))
    assert "net: balanced accuracy 0.75" in page.text and "Difference is to net" in page.text
    assert "net: balanced accuracy 0.75" in other.text and "Difference is to net" in other.text
