"""What is said in the terminal."""

import re

from skmamba import compare
from skmamba.cli._files import read_table


def test_the_table_shows_chance_beside_every_score(run):
    out, printed = run
    table = compare(read_table(out / "results.csv"))
    for row in table.itertuples():
        (line,) = re.findall(rf"^{row.estimator} .*$", printed, re.MULTILINE)
        assert line.removeprefix(row.estimator).split()[:2] == ["3", f"{row.mean:.2f}"]
        assert f" {row.chance:.2f} " in line


def test_all_that_is_printed_fits_a_terminal(run):
    _, printed = run
    lines = [line for line in printed.splitlines() if "/" not in line]  # a path may be long
    assert max(map(len, lines)) < 80
