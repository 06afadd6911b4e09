"""The table for the manuscript."""

import re

import pandas as pd
import pytest

from skmamba import compare
from skmamba.evaluation import score_by_subject
from skmamba.report import to_latex


def test_the_latex_table_holds_the_numbers_of_compare(results):
    lines = to_latex(results).splitlines()
    first, lda, _ = compare(results)[["low", "high"]].to_numpy()
    assert rf"net & 0.75 [{first[0]:.2f}, {first[1]:.2f}] & 0.50 & 0.016 & -- & -- & -- \\" in lines
    assert (
        rf"lda & 0.62 [{lda[0]:.2f}, {lda[1]:.2f}] & 0.50 & 0.031 & $-$0.13 & $-$1.00 & 0.062 \\"
        in lines
    )
    row = next(line for line in lines if line.startswith("majority"))
    assert row.endswith(r"& $-$0.25 & $-$1.00 & -- \\")
    assert lines[lines.index(row) - 1] == r"\midrule"


def test_the_latex_table_is_well_formed(results):
    results = results.replace({"estimator": {"net": r"a_b & 50 % {#1} $x$ ~^\ <y>"}})
    table = to_latex(results, label="tab:x")
    assert r"a\_b \& 50 \% \{\#1\} \$x\$ \textasciitilde{}\textasciicircum{}" in table
    assert r"\textbackslash{} $<$y$>$ & 0.75" in table
    bare = re.sub(r"\\[\\&%$#_{}]", "", table)  # without what is escaped
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    rows = [line.removesuffix(r"\\") for line in table.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 4
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {6}
    assert r"\begin{tabular}{lrrrrrr}" in table
    for rule in (r"\toprule", r"\bottomrule", r"\end{tabular}", r"\end{table}", r"\label{tab:x}"):
        assert table.count(rule) == 1


@pytest.mark.parametrize("name", ["[net]", "*net"])
def test_a_name_is_never_an_argument_of_the_row_above(results, name):
    assert f"\n{{}}{name} & " in to_latex(results.replace({"estimator": {"lda": name}}))


def test_marks_and_their_note_are_in_the_latex_table(results):
    assert "dagger" not in to_latex(results)
    results.loc[results["estimator"] == "lda", "transductive"] = "unlabelled"
    table = to_latex(results)
    assert "\nlda~$\\dagger$ & 0.62" in table
    assert r"$\dagger$ Transductive" in table


def test_caption_and_label_are_the_writers_own(results):
    assert r"\caption{Balanced accuracy: toy, cross-subject.}" in to_latex(results)
    assert r"\label" not in to_latex(results)
    assert r"\caption{See \cite{a_b}.}" in to_latex(results, caption=r"See \cite{a_b}.")


def test_protocols_stand_under_each_other_in_one_latex_table(results):
    both = pd.concat([results, results.assign(protocol="within_subject")])
    table = to_latex(both)
    assert table.count(r"\multicolumn{7}{l}{\emph{toy, ") == 2
    assert table.count("\nnet & ") == 2


def test_latex_too_scores_folds_of_several_subjects_by_subject(results, predictions):
    several = results.assign(subject=None)
    several.loc[several["estimator"] == "net", "transductive"] = "unlabelled"
    with pytest.raises(ValueError, match="give predictions="):
        to_latex(several)
    mean = compare(score_by_subject(predictions))["mean"][0]
    assert f"\nnet~$\\dagger$ & {mean:.2f} [" in to_latex(several, predictions=predictions)


def test_latex_says_when_it_cannot_mark(results, predictions):
    note = "Which models used trials of the test subjects is not told."
    assert note in to_latex(
        score_by_subject(predictions).drop(columns="transductive", errors="ignore")
    )
    assert note not in to_latex(results)
