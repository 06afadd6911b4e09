"""Scores quoted in the README, in the pages and in docstrings are those of the page of results."""

import re
from pathlib import Path

import pytest

from skmamba.modules import MSiMambaEnsemble, PowerEmbedding

ROOT = Path(__file__).parents[1]
README_NAMES = {
    "**MS-iMamba**": "MS-iMamba",
    "band power + LDA": "band-power-LDA",
    "tangent space + logistic regression (pyRiemann)": "tangent-space-LR",
}
MODEL_NAMES = {"the default": "MS-iMamba"}


def read_rows(text):
    """Rows of the tables in a text, by their first cell."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {first: rest for first, *rest in cells}


def read_scores(section):
    """Trials and windows of each model in a section of the page of results, 0.50 as .50."""
    page = (ROOT / "docs/results.md").read_text("utf8")
    rows = read_rows(page.split(f"<!-- {section} -->")[1].split(f"<!-- end of {section} -->")[0])
    trials, windows = (rows["model"].index(name) for name in ("trials", "windows"))
    return {
        model: [re.sub(r"\b0\.", ".", row[column]) for column in (trials, windows)]
        for model, row in rows.items()
        if model not in ("model", "---")
    }


def first_number(cell):
    return cell.split()[0]


def test_the_readme_quotes_the_headline():
    text = (ROOT / "README.md").read_text("utf8").split("## What to expect")[1].split("##")[0]
    quoted = read_rows(text)
    del quoted[""], quoted["majority (chance)"]
    names = {row: README_NAMES.get(row, row.removesuffix(" (braindecode)")) for row in quoted}
    assert {names[row]: cells for row, cells in quoted.items()} == read_scores("headline")


def test_the_page_of_the_network_quotes_the_ablations():
    text = (ROOT / "docs/model.md").read_text("utf8").split("| Network |")[1].split("\n\n")[0]
    scores = read_scores("ablations")
    quoted = read_rows(text)
    assert len(quoted) == 7
    for row, (windows, trials) in quoted.items():
        wanted = MODEL_NAMES.get(row, row.replace('"', "'"))
        named = next(name for name in scores if name in wanted)
        assert [trials, windows] == [first_number(cell) for cell in scores[named]], row


@pytest.mark.parametrize(
    ("module", "other"),
    [(PowerEmbedding, "embedding='inverted'"), (MSiMambaEnsemble, "n_members=1")],
)
def test_a_docstring_quotes_the_ablations(module, other):
    quoted = re.findall(r"(?<=[ ~])\.\d\d\b", module.__doc__.split("Notes")[1])
    scores = read_scores("ablations")
    (trials, windows), (trials_without, windows_without) = (
        [first_number(cell) for cell in scores[model]] for model in ("MS-iMamba", other)
    )
    expected = {windows, trials, windows_without, trials_without, ".50"}
    assert set(quoted) == expected
