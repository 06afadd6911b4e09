"""What the page says of leaks."""

import pandas as pd
import pytest

from skmamba.plots import LeakageDisplay

NBSP = "\N{NO-BREAK SPACE}"


def test_unlooked_at_leakage_is_said(write, results):
    assert "share was not checked" in write(results).text


def test_leaks_are_pointed_out(write, results, shared):
    page = write(results, leakage=shared)
    text = page.text.replace(NBSP, " ")
    assert "share what must be kept apart: trial (95 % of the test rows)" in text
    assert "Not known for: stimulus." in text
    row = page.rows("Shared", "Verdict")["Trial"]
    assert (row["Folds"], row["Test rows, %"], row["Verdict"]) == ("5 of 5", "95", "leak")
    assert "Nothing was found" in write(results, leakage=shared.iloc[2:]).text


def test_the_gap_is_told_in_points(write, results, gap):
    page = write(results, leakage=gap)
    assert "scores 0.95 when split by random windows, and 0.64 when split by subjects" in page.text
    assert "it scores 0.93 and 0.51" in page.text
    row = page.rows("Split by", "Score")["Random windows"]
    assert (row["Score"], row["Inflation, points"]) == ("0.95", "+31")
    assert row["Score, labels permuted"] == "0.93"


def test_a_gap_without_permuted_labels_at_the_last_split_ends_its_sentence(write, results, gap):
    is_last = (gap["labels"] == "permuted") & (gap["split"] == "subjects")
    assert is_last.any()
    page = write(results, leakage=gap[~is_last])
    assert "which then mean nothing, it scores" in page.text and "and \N{EN DASH}." not in page.text


def test_the_picture_of_a_gap_names_its_score(monkeypatch, write, results, gap):
    named = []
    draw = LeakageDisplay.from_gap.__func__

    def record(cls, *args, **options):
        named.append(draw(cls, *args, **options).ax_.get_xlabel().split(" of ")[0])

    monkeypatch.setattr(LeakageDisplay, "from_gap", classmethod(record))
    gap.attrs["score"] = "accuracy"
    write(results, leakage=gap)
    gap.attrs.clear()
    write(results, leakage=gap)
    assert named == ["accuracy", "score"]


@pytest.mark.parametrize("how", ["list", "tuple", "dict", "half"])
def test_report_and_gap_may_come_together(write, results, shared, gap, how):
    leakage = {
        "list": [gap, shared],
        "tuple": (shared, gap),
        "dict": {"Before": shared, "After": gap},
        "half": {"Before": shared, "After": None},
    }[how]
    page = write(results, leakage=leakage)
    assert page.table("Shared", "Verdict")
    assert any("Split by" in table[0] for table in page.tables) == (how != "half")
    assert ("Before" in page.text) == (how in ("dict", "half"))


def test_other_things_are_no_leakage(write, results):
    with pytest.raises(ValueError, match=r"leakage_report or leakage_gap.*columns \['x'\]"):
        write(results, leakage=pd.DataFrame({"x": [1]}))
    with pytest.raises(ValueError, match=r"leakage_report or leakage_gap.*got str"):
        write(results, leakage=["leaky"])
