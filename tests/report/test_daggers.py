"""The mark of what saw the test subjects."""

import re

NBSP = "\N{NO-BREAK SPACE}"


def test_what_saw_the_test_subjects_is_marked_wherever_it_is_named(write, results, predictions):
    results.loc[results["estimator"] == "lda", "transductive"] = "calibration=3"
    page = write(results, predictions=predictions)
    assert write(results.replace({"transductive": {"calibration=3": "unlabelled"}})).text.count(
        "all of them, without labels"
    )
    for table in page.tables:
        cells = [cell for row in table for cell in row]
        assert "lda" not in cells
    assert f"lda{NBSP}†" in page.rows("Estimator", "Chance")
    assert f"No difference from lda{NBSP}† could" in page.text
    assert "† Transductive" in page.text
    assert "(lda: the first 3 of each, without labels)" in page.text
    assert len(re.findall(rf"\blda\b(?!{NBSP}†)", page.text)) == 1  # the footnote itself


def test_no_footnote_without_a_mark(write, results):
    assert "†" not in write(results).source
