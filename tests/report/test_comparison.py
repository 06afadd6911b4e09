"""The table of models."""

import re

from skmamba import compare

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def test_the_table_holds_the_numbers_of_compare(write, results):
    rows = write(results).rows("Estimator", "Chance")
    table = compare(results).set_index("estimator")
    assert list(rows) == list(table.index) == ["net", "lda", "majority"]
    for name, row in rows.items():
        told = table.loc[name]
        assert row["Balanced accuracy"] == f"{told['mean']:.2f}"
        assert row[f"95{NBSP}% interval"] == f"{told['low']:.2f} to {told['high']:.2f}"
        assert row["Chance"] == "0.50"
    assert rows["net"][f"p{NBSP}against chance"] == "0.016"
    assert rows["majority"][f"p{NBSP}against chance"] == "–"  # noqa: RUF001
    assert rows["lda"]["Difference"] == f"{MINUS}0.13"
    assert rows["lda"]["Effect size"] == f"{MINUS}1.00"
    assert rows["lda"][f"p{NBSP}(Holm)"] == "0.062"


def test_what_the_others_are_compared_with_stands_out(write, results):
    rows = re.findall(r'<tr class="reference">\s*<th scope="row">(.*?)</th>', write(results).source)
    assert rows == ["net"]
