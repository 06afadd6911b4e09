"""Pictures and files inside the page."""

import base64
import io
import re
import sys

import pandas as pd

from skmamba import compare
from skmamba.report._embedded import draw_picture


def test_pictures_in_the_page_load_nothing_either(write, results, gap):
    pictures = [
        base64.b64decode(link.partition(",")[2]).decode()
        for link in write(results, leakage=gap).links
        if link.startswith("data:image/svg+xml")
    ]
    assert len(pictures) == 2
    for picture in pictures:
        assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)"', picture))
        assert "<script" not in picture


def test_dollars_in_a_name_are_no_formula(write, make_results, net):
    name = "cost $ {_ $"
    assert name in write(make_results(**{name: net})).rows("Estimator", "Chance")


def test_dollars_in_a_picture_are_no_formula():
    assert draw_picture(lambda ax: ax.set_title(r"$\frac{$"), size=(2, 2)).startswith("data:image")


def test_without_matplotlib_the_numbers_are_still_there(write, results, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = write(results)
    assert "img" not in page.tags
    assert "No picture" in page.text
    assert "net" in page.rows("Estimator", "Chance")


def test_the_page_carries_the_results_in_full(write, results, tmp_path):
    page = write(results)
    (address,) = (link for link in page.links if link.startswith("data:text/csv"))
    content = base64.b64decode(address.partition(",")[2]).decode()
    again = pd.read_csv(io.StringIO(content), dtype={"error": str})
    pd.testing.assert_frame_equal(compare(again), compare(results))
    assert write(pd.read_csv(io.StringIO(content))).source == page.source
