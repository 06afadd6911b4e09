"""Tests of the LaTeX table."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from skmamba import compare
from skmamba.evaluation import EvaluationResults, score_by_subject
from skmamba.report import to_latex

SPECIAL = r"a_b & 50 % {#1} $x$ ~^\ <y>"


def test_the_table_has_the_numbers_of_compare(scores):
    lines = to_latex(scores).splitlines()
    net, lda, _ = compare(scores, random_state=0)[["low", "high"]].to_numpy()
    assert rf"net & 0.75 [{net[0]:.2f}, {net[1]:.2f}] & 0.50 & 0.016 & -- & -- & -- \\" in lines
    assert (
        rf"lda & 0.62 [{lda[0]:.2f}, {lda[1]:.2f}] & 0.50 & 0.031 & $-$0.13 & $-$1.00 & 0.062 \\"
        in lines
    )
    row = next(line for line in lines if line.startswith("majority"))
    assert row.endswith(r"& $-$0.25 & $-$1.00 & -- \\")
    assert lines[lines.index(row) - 1] == r"\midrule"


def test_special_characters_are_escaped(scores):
    assert r"a\textbackslash{}x07" in to_latex(scores.replace({"estimator": {"net": "a\x07"}}))
    table = to_latex(scores.replace({"estimator": {"net": SPECIAL}}), label="tab:x")
    assert r"a\_b \& 50 \% \{\#1\} \$x\$ \textasciitilde{}\textasciicircum{}" in table
    assert r"\textbackslash{} $<$y$>$ & 0.75" in table
    bare = re.sub(r"\\[\\&%$#_{}]", "", table)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    rows = [line.removesuffix(r"\\") for line in table.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 4
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {6}
    for part in (r"\toprule", r"\bottomrule", r"\end{tabular}", r"\end{table}", r"\label{tab:x}"):
        assert table.count(part) == 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="requires pdflatex")
def test_the_table_compiles(scores, tmp_path):
    scores.loc[scores["estimator"] == "lda", "adaptation"] = "unlabelled"
    table = to_latex(scores.replace({"estimator": {"net": SPECIAL}}))
    (tmp_path / "x.tex").write_text(
        rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{table}\end{{document}}"
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "x.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def test_a_name_is_no_argument_of_the_row_above(scores):
    for name in ("[net]", "*net"):
        assert f"\n{{}}{name} & " in to_latex(scores.replace({"estimator": {"lda": name}}))


def test_adapted_estimators_have_a_footnote(scores):
    note = "uses other data of the test subjects is not recorded"
    assert note in to_latex(scores.drop(columns="adaptation"))
    assert note not in to_latex(scores) and "dagger" not in to_latex(scores)
    scores.loc[scores["estimator"] == "lda", "adaptation"] = "unlabelled"
    table = to_latex(scores)
    assert "\nlda~$\\dagger$ & 0.62" in table
    assert r"$\dagger$ Adaptation" in table


def test_caption_and_label_can_be_set(scores):
    assert r"\caption{Balanced accuracy: toy, cross-subject.}" in to_latex(scores)
    assert r"\label" not in to_latex(scores)
    assert r"\caption{See \cite{a_b}.}" in to_latex(scores, caption=r"See \cite{a_b}.")


def test_protocols_and_scores_have_names(scores):
    for protocol, name in {
        "within_subject": "within subject",
        "cross_stimulus": "cross-stimulus",
        "random_windows": "random windows (leaky)",
        "GroupKFold": "GroupKFold",
    }.items():
        assert f"toy, {name}." in to_latex(scores.assign(protocol=protocol))
    for score, name in {"kappa": "Cohen's kappa", "f1_windows": "Macro F1 over windows"}.items():
        table = to_latex(scores.rename(columns={"accuracy": score}), score=score)
        assert rf"& \shortstack{{{name}\\{{}}[95" in table


def test_every_protocol_is_a_part_of_the_table(scores):
    seed = scores.assign(random_state=1, accuracy=scores["accuracy"] - 0.1)
    table = to_latex([scores, scores.assign(protocol="within_subject"), seed], score="accuracy")
    assert table.count(r"\multicolumn{7}{l}{\emph{toy, ") == 2
    assert table.count("\nnet & ") == 2
    text = "toy, cross-subject: 6 subjects, 2 seeds. Standard deviation of the mean over seeds: net"
    assert table.count("over seeds") == table.count(f"{text} 0.071, lda 0.071.") == 1
    assert "toy, within subject: 6 subjects, 1 seed." in table


def test_a_note_has_the_numbers_of_subjects_and_seeds(scores):
    table = to_latex(scores)
    assert "{\\footnotesize 6 subjects, 1 seed.\\par}" in table and "left out" not in table
    scores.loc[[1, 3], ["accuracy", "balanced_accuracy"]] = np.nan
    scores.loc[1, "error"] = "ValueError: Input X contains NaN."
    seed = scores[scores["estimator"] != "lda"].assign(random_state=1)
    note = (
        "6 subjects (net: 4), 2 seeds (lda: 1). Subjects with a failed fold or without a score are "
        "left out of the mean and of differences."
    )
    assert note in to_latex([scores, seed])
    for unknown in (scores.drop(columns="random_state"), scores.assign(random_state=None)):
        assert "6 subjects (net: 4). Subjects with" in to_latex(unknown)


def test_notes_of_several_parts_are_written_once_and_name_each_first_model(scores):
    scores.loc[scores["estimator"] == "lda", "adaptation"] = "unlabelled"
    other = scores[scores["estimator"] != "net"].assign(protocol="within_subject")
    table = to_latex([scores, other])
    assert table.count("Adaptation: uses") == 1
    assert table.count("Differences are to net or lda~$\\dagger$, with") == 1


def test_pooled_folds_are_scored_by_subject(pooled):
    scores = pooled.scores
    scores.loc[scores["estimator"] == "net", "adaptation"] = "unlabelled"
    mean = compare(score_by_subject(pooled), random_state=0)["mean"][0]
    table = to_latex(EvaluationResults(scores, pooled.predictions))
    assert f"\nnet~$\\dagger$ & {mean:.2f} [" in table
    assert f"\nnet & {mean:.2f} [" in to_latex(score_by_subject(pooled))
