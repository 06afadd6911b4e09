"""Tests of the HTML report, and of the validation that it shares with the LaTeX table."""

import io
import os
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from skmamba import compare, evaluate, make_models
from skmamba.datasets import simulate_trials
from skmamba.evaluation import CrossSubjectSplit, EvaluationResults
from skmamba.report import to_latex, write_report

MISSING, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
COMPARISON = ("Estimator", "Chance level")


@pytest.fixture
def pictures():
    """Request pictures, which take most of the time; other tests have pages without them."""


@pytest.fixture(autouse=True)
def without_matplotlib(request, monkeypatch):
    if "pictures" not in request.fixturenames:
        monkeypatch.setitem(sys.modules, "matplotlib", None)


def test_the_comparison_has_the_numbers_of_compare_in_any_order_of_rows(write, scores):
    page = write(scores.sort_values("estimator", ascending=False, kind="stable"))
    rows = page.rows(*COMPARISON)
    table = compare(scores, random_state=0).set_index("estimator")
    assert list(rows) == list(table.index) == ["net", "lda", "majority"]
    for name, row in rows.items():
        expected = table.loc[name]
        assert row["Balanced accuracy"] == f"{expected['mean']:.2f}"
        assert row["95 % interval"] == f"{expected['low']:.2f} to {expected['high']:.2f}"
        assert row["Chance level"] == "0.50"
    assert rows["net"]["p against chance level"] == "0.016"
    assert rows["majority"]["p against chance level"] == MISSING
    assert rows["lda"]["Difference"] == f"{MINUS}0.13"
    assert rows["lda"]["Effect size"] == f"{MINUS}1.00"
    assert rows["lda"]["p (Holm)"] == "0.062"


def test_every_subject_has_a_row(write, scores, net):
    rows = write(scores).rows("Subject", "net")
    assert [rows[str(subject)]["net"] for subject in range(1, 7)] == [f"{x:.2f}" for x in net]
    assert rows["mean"]["lda"] == "0.62"
    page = write(scores.assign(subject=scores["subject"].replace({1: "p", 2: "q"})))
    assert list(page.rows("Subject", "net")) == ["3", "4", "5", "6", "p", "q", "mean"]


def test_confusion_matrices_count_trials_by_class(write, scores, predictions):
    results = EvaluationResults(scores, predictions)
    rows = write(results, label_names={0: "rest", 1: "task"}).rows("rest", "task")
    own = predictions[predictions["estimator"] == "net"]
    for label, name in enumerate(("rest", "task")):
        counts = np.bincount(own.loc[own["y_true"] == label, "y_pred"], minlength=2)
        assert [int(rows[name][column].split()[0]) for column in ("rest", "task")] == list(counts)


def test_a_class_that_is_only_predicted_has_a_column(write, scores, predictions):
    is_first = predictions.index == 0
    predictions["y_pred"] = predictions["y_pred"].mask(is_first, 2)
    names = {0: "rest", 1: "task", 2: "other"}
    rows = write(EvaluationResults(scores, predictions), label_names=names).rows("rest", "other")
    cells = {name: rows[name]["other"].split() for name in names.values()}
    assert (cells["rest"][0], cells["task"][0]) == ("1", "0")


def test_confusion_matrices_are_those_of_each_data_set(write, scores, predictions):
    other = EvaluationResults(
        scores.assign(dataset="other"),
        predictions.assign(dataset="other", y_pred=1 - predictions["y_pred"]),
    )
    names = {0: "rest", 1: "task"}
    page = write([EvaluationResults(scores, predictions), other], label_names=names)
    tables = [table for table in page.tables if set(names.values()) <= set(table[0])]
    counts = [[int(cell.split()[0]) for row in table[1:] for cell in row[1:3]] for table in tables]
    toy, others = counts[: len(counts) // 2], counts[len(counts) // 2 :]
    assert len(toy) == 2 and all(sum(count) == 60 for count in counts)
    for (a, b, c, d), count in zip(toy, others, strict=True):
        assert count == [b, a, d, c]


def test_a_subject_that_is_tested_twice_counts_once_in_the_mean_of_every_score(write, scores):
    again = scores[scores["fold"] == 0].assign(seed=8)
    again["accuracy"] = again["balanced_accuracy"] = again["accuracy"] - 0.6
    rows = write(pd.concat([scores, again])).rows("Estimator", "Accuracy")
    means = {name: row["Accuracy"] for name, row in rows.items()}
    assert means == {"net": "0.70", "lda": "0.57", "majority": "0.45"}
    assert [row["Balanced accuracy"] for row in rows.values()] == list(means.values())


def test_design_and_times_are_those_of_the_folds(write, scores):
    page = write(scores)
    assert "10 trials per fold, 60 in total" in page.text
    assert "toy, 6 subjects" in page.text
    assert "toy, 6 subjects" in write(scores[:-1]).text
    assert "skmamba 0.1.0, numpy 2.4.0" in page.text
    row = page.rows("Estimator", "Folds")["net"]
    assert list(row.values()) == ["net", "6", "1.25", "0.50", "10.50"]


def test_how_data_were_read_is_shown_for_the_models(report, scores):
    rule = "target valence; threshold 5"
    assert rule not in report(scores)
    scores = scores.assign(data=np.where(scores["kind"] == "model", rule, "baseline"))
    text = report(scores)
    assert text.count(rule) == 1 and f"net: {rule}" not in text
    scores.loc[scores["estimator"] == "lda", "data"] = "target arousal"
    text = report(scores)
    assert f"net: {rule}" in text and "lda: target arousal" in text


def test_every_protocol_is_a_part_of_the_page(pictures, write, scores, predictions):
    within = scores.assign(protocol="within_subject", balanced_accuracy=0.9)
    page = write([EvaluationResults(scores, predictions), within])
    assert page.text.count("over 6 subjects") == 2
    assert "toy, cross-subject, and toy, within subject" in page.text
    assert page.tags.count("figure") == 2
    assert page.text.count("Confusion matrices") == 1  # one part has predictions
    assert page.source == write((EvaluationResults(scores, predictions), within)).source


def test_failed_folds_are_listed_and_left_out(write, scores):
    scores.loc[[1, 3], "error"] = "ValueError: Input X contains NaN."
    scores.loc[[1, 3], ["accuracy", "balanced_accuracy"]] = np.nan
    page = write(scores)
    assert "net, 2 of 6 folds: subject 2, subject 4" in page.text
    assert page.text.count("ValueError: Input X contains NaN.") == 1
    row = page.rows(*COMPARISON)["net"]
    assert (row["Subjects"], row["Balanced accuracy"]) == ("4", "0.80")  # of 0.8, 0.9, 0.7, 0.8
    assert page.rows("Estimator", "Accuracy")["net"]["Accuracy"] == "0.80"
    assert page.rows("Subject", "net")["mean"]["net"] == "0.80"


def test_an_undefined_score_is_not_a_failure(write, scores):
    scores.loc[0, "balanced_accuracy"] = np.nan
    text = write(scores).text
    assert "net: 1 of 6 folds" in text and "Some folds failed" not in text


def test_a_subject_with_a_failed_fold_is_left_out_of_every_table(write, scores, net):
    twice = pd.concat([scores, scores.assign(fold=scores["fold"] + 6)], ignore_index=True)
    twice.loc[0, ["error", "accuracy", "balanced_accuracy"]] = ["Error: no", np.nan, np.nan]
    page = write(twice)
    mean = f"{np.mean(net[1:]):.2f}"
    assert page.rows(*COMPARISON)["net"]["Balanced accuracy"] == mean
    assert page.rows("Estimator", "Accuracy")["net"]["Balanced accuracy"] == mean
    assert page.rows("Subject", "net")["1"]["net"] == MISSING


def test_a_subject_whose_trials_were_lost_in_a_failed_fold_has_no_score(write, pooled):
    predictions = pooled.predictions
    lost = (predictions["estimator"] == "net") & predictions["trial"].isin([10, 11, 12])
    page = write(EvaluationResults(pooled.scores, predictions[~lost]))
    assert "scores_by_subject.csv" in page.text
    assert page.rows("Subject", "net")["1"]["net"] == MISSING
    assert page.rows(*COMPARISON)["net"]["Subjects"] == "5"


@pytest.mark.parametrize("is_pooled", [False, True])
def test_a_model_of_which_every_fold_failed_has_a_row(write, scores, predictions, is_pooled):
    failed = scores["estimator"] == "lda"
    scores.loc[failed, ["accuracy", "balanced_accuracy"]] = np.nan
    scores.loc[failed, "error"] = "RuntimeError: no"
    if is_pooled:
        scores = scores.assign(subject=None)
    page = write(EvaluationResults(scores, predictions[predictions["estimator"] != "lda"]))
    assert page.rows(*COMPARISON)["lda"]["Balanced accuracy"] == MISSING
    assert "The difference from lda was not tested." in page.text


def test_the_first_model_is_compared_with_chance_level_and_the_others(write, scores):
    low, high = compare(scores, random_state=0).loc[0, ["low", "high"]]
    assert (
        f"net: balanced accuracy 0.75 over 6 subjects (95 % interval {low:.2f} to {high:.2f}); "
        "chance level 0.50, p = 0.016. No significant difference from lda (p = 0.062)."
    ) in write(scores).text


def test_models_that_score_higher_or_lower_are_named(write, make_scores):
    middle = np.linspace(0.6, 0.7, 10)
    scores = {"mid": middle, "good": middle + 0.2, "bad": middle - 0.2, "best": middle + 0.3}
    text = write(make_scores(**scores, majority=[0.5] * 10)).text
    assert re.search(r"good \(p = 0\.\d+\) and best \(p = 0\.\d+\) scored higher\.", text)
    assert re.search(r"bad \(p = 0\.\d+\) scored lower\.", text)


def test_ranks_and_mean_that_disagree_are_neither_higher_nor_lower(write, make_scores):
    lda = [0.6 - step / 1000 for step in range(1, 19)] + [1.0, 1.0]
    scores = make_scores(net=[0.6] * 20, lda=lda, majority=[0.5] * 20)
    row = compare(scores, random_state=0).iloc[1]
    assert row["p_holm"] < 0.05 and row["difference"] > 0 > row["effect_size"]
    assert re.search(r"lda \(p = 0\.\d+\) scored differently", write(scores).text)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.6, 0.4, 0.5, 0.6, 0.4, 0.5], "not significantly above chance level"),
        ([1.0] * 10 + [0.5] * 7 + [0.0] * 3, "The interval includes the chance level."),
        (None, "not tested against chance level"),
    ],
)
def test_scores_near_chance_level_are_reported_as_such(
    write, scores, make_scores, values, expected
):
    others = {"majority": [0.5] * len(values)} if values else {}
    assert expected in write(make_scores(net=values or [0.7] * 6, **others)).text
    assert expected not in write(scores).text


def test_a_model_above_chance_level_on_permuted_labels_is_reported(write, make_scores, net):
    options = {"net": net, "majority": [0.5] * 6}
    warning = "Trained on permuted labels, the first model reaches 0.75"
    assert warning in write(make_scores(**options, **{"permuted labels": net})).text
    level = [0.6, 0.4, 0.5, 0.6, 0.4, 0.5]
    assert "check for" not in write(make_scores(**options, **{"permuted labels": level})).text


def test_rows_that_are_windows_are_not_called_trials(write, scores, predictions):
    windows = predictions.assign(window=0)
    text = write(EvaluationResults(scores, windows)).text
    assert "50 windows per fold" in text and "number of windows and percentage" in text
    assert "50 trials per fold" in write(EvaluationResults(scores, predictions)).text
    within = scores.assign(protocol="within_subject")
    parts = [(scores, windows), (within, predictions.assign(protocol="within_subject"))]
    text = write([EvaluationResults(*part) for part in parts]).text
    assert "50 windows per fold" in text and "50 trials per fold" in text


def test_scores_of_random_windows_are_no_estimate(write, scores):
    text = write(scores.assign(protocol="random_windows")).text
    assert "no estimate for new trials, sessions or subjects" in text
    assert "random windows (leaky)" in text and "50 windows per fold" in text


def test_adapted_estimators_have_a_footnote_in_every_table(write, scores, predictions):
    assert "†" not in write(scores).source
    scores.loc[scores["estimator"] == "lda", "adaptation"] = "calibration=3"
    page = write(EvaluationResults(scores, predictions))
    assert "lda" not in [cell for table in page.tables for row in table for cell in row]
    assert "lda †" in page.rows(*COMPARISON)
    assert "(lda: the first 3 trials of each subject, without labels)" in page.text
    assert len(re.findall(r"\blda\b(?! †)", page.text)) == 1  # in the footnote
    scores.loc[scores["estimator"] == "lda", "adaptation"] = "braces {0} {x} {"
    assert "braces {0} {x} {" in write(EvaluationResults(scores, predictions)).text


def test_an_adapted_baseline_is_defined_under_its_name(write, make_scores, net):
    scores = make_scores(net=net, **{"permuted labels": [0.5] * 6}).assign(adaptation="unlabelled")
    text = write(scores).text
    assert "“permuted labels”the first model, trained on permuted labels" in text.replace("\n", "")


def test_a_report_separates_scores_with_and_without_adaptation(write, scores):
    adapted = scores[scores["estimator"] == "net"].assign(adaptation="reference", accuracy=0.9)
    page = write([scores, adapted], score="accuracy")
    rows = page.rows(*COMPARISON[:1], "Accuracy")
    assert rows["net"]["Accuracy"] == "0.75"
    assert rows["net (reference) †"]["Accuracy"] == "0.90"
    assert "(net (reference): unlabelled EEG of each subject recorded before the" in page.text


def test_labelled_trials_of_the_test_subjects_leave_the_chance_level(write, scores):
    page = write(scores.assign(adaptation="1 labelled trial per class"))
    assert page.rows(*COMPARISON)["net †"]["Chance level"] == "0.50"
    stated = "(net, lda and majority: the first trial of each class of each subject, with labels)"
    assert stated in page.text


def test_labelled_trials_of_the_test_subjects_are_stated_to_be_in_the_training_data(write, scores):
    strict = "No trial of a test subject is in the training data."
    assert strict in write(scores.assign(adaptation="unlabelled")).text
    scores["adaptation"] = scores["estimator"].map(
        {"net": "reference, 2 labelled trials per class"}
    )
    text = write(scores).text
    assert strict not in text
    assert (
        "No trial of a test subject is in the training data except for calibration (net: the first "
        "2 trials of each class of each subject, with labels)."
    ) in text
    assert (
        "for calibration (net: a few labeled <trials>)."
        in write(
            scores.assign(
                adaptation=scores["adaptation"].mask(scores.index < 6, "a few labeled <trials>")
            )
        ).text
    )


def test_references_in_test_trials_are_reported(write, scores, report_table):
    late = report_table.iloc[[0]].assign(kind="reference")
    assert "References of trials leak (95 % of the test rows)" in write(scores, leakage=late).text
    text = write(scores, leakage=pd.concat([report_table, late])).text
    assert "Training and test data share trial (95 % of the test rows). References of" in text


def test_leaks_are_reported(write, scores, report_table):
    page = write(scores, leakage=report_table)
    assert "Training and test data share trial (95 % of the test rows)." in page.text
    assert "Unknown: stimulus." in page.text
    row = page.rows("Kind", "Verdict")["Trial"]
    assert (row["Folds"], row["Test rows, %"], row["Verdict"]) == ("5 of 5", "95", "leak")
    assert "No leakage found." in write(scores, leakage=report_table.iloc[2:]).text
    assert "Data leakage was not checked" in write(scores).text


def test_predicted_labels_are_reported_and_are_no_leak(write, scores, report_table):
    verdict = "predicted: balanced accuracy 0.74 (chance level 0.50)"
    kinds = ["label from duration", "label from order", "label from amplitude"]
    rows = pd.DataFrame({"kind": kinds, "verdict": [verdict, verdict, "not predicted"]})
    rows = rows.assign(n_folds=5, n_folds_shared=None, test_share=np.nan, example="p = 0.001")
    page = write(scores, leakage=pd.concat([report_table.iloc[2:], rows]))
    text = (
        "No leakage found. Labels are predicted without the time course of the EEG from duration "
        "with balanced accuracy 0.74 (chance level 0.50) and from order with balanced accuracy "
        "0.74 (chance level 0.50)."
    )
    assert f'<div class="box" role="note"><p>{text}</p></div>' in page.source
    row = page.rows("Kind", "Verdict")["Label from duration"]
    assert (row["Verdict"], row["Folds"], row["Example"]) == (verdict, "\N{EN DASH}", "p = 0.001")


def test_the_effect_of_the_split_is_reported(write, scores, gap):
    page = write(scores, leakage=gap)
    assert "0.95 when split by random windows and 0.64 when split by subjects" in page.text
    assert "it scores 0.93 and 0.51" in page.text
    row = page.rows("Split by", "Score")["Random windows"]
    assert (row["Score"], row["Inflation, points"]) == ("0.95", "+31")
    assert row["Score, labels permuted"] == "0.93"
    page = write(scores, leakage=gap.drop(index=3))
    assert "it scores 0.93:" in page.text
    rows = page.rows("Split by", "Score")
    assert [row["Score, labels permuted"] for row in rows.values()] == ["0.93", MISSING]


def test_several_leakage_tables_can_be_passed(write, scores, report_table, gap):
    named = {"Before": report_table, "After": gap, "Never": None}
    for leakage in ([gap, report_table], (report_table, gap), named):
        page = write(scores, leakage=leakage)
        assert page.rows("Kind", "Verdict") and page.rows("Split by", "Score")
    assert "Before" in page.text and "After" in page.text and "Never" not in page.text


def test_other_leakage_tables_are_an_error(write, scores):
    with pytest.raises(ValueError, match=r"leakage_report or leakage_gap.*columns \['x'\]"):
        write(scores, leakage=pd.DataFrame({"x": [1]}))
    with pytest.raises(ValueError, match=r"leakage_report or leakage_gap.*got str"):
        write(scores, leakage=["leaky"])


def test_the_page_loads_no_external_resource(
    pictures, write, scores, predictions, report_table, gap
):
    page = write(EvaluationResults(scores, predictions), leakage=[report_table, gap])
    assert page.links
    assert all(link.startswith("data:") for link in page.links)
    assert {"script", "link", "iframe", "object", "base", "form"}.isdisjoint(page.tags)
    assert "@import" not in page.source and "url(" not in page.source
    assert "default-src 'none'" in page.source
    figures = page.files("image/svg+xml")
    assert len(figures) == 2
    for svg in figures:
        assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)"', svg))
        assert "<script" not in svg


def test_names_are_escaped(pictures, write, predictions, make_scores, net):
    name = r'<script>alert("&amp;")</script> $ {_ $\frac{$'
    scores = make_scores(**{name: net, "majority": [0.5] * 6})
    scores = scores.assign(dataset=name, held_out=name, versions=name)
    scores.loc[1, ["error", "balanced_accuracy"]] = [name, np.nan]
    predictions = predictions.query("estimator != 'lda'").replace({"estimator": {"net": name}})
    predictions = predictions.assign(dataset=name, y_true=name, y_pred=name)
    page = write(EvaluationResults(scores, predictions), title=f"{name} title")
    assert "&lt;script&gt;" in page.source and f"{name} title" in page.text
    assert "<script" not in page.source
    assert page.text.count(name) > 10
    assert name in page.rows(*COMPARISON)


def test_control_characters_do_not_break_figures(pictures, write, make_scores, net):
    name = "".join(map(chr, (*range(32), *range(127, 160), 0xFFFE)))
    page = write(make_scores(**{f"a{name}": net, f"b{name}": net, "majority": [0.5] * 6}))
    (svg,) = page.files("image/svg+xml")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert r"\x01" in svg


def test_without_matplotlib_the_page_has_every_table(write, scores):
    page = write(scores)
    assert "img" not in page.tags
    assert "net" in page.rows(*COMPARISON)


def test_the_page_contains_the_scores_as_csv(write, scores):
    page = write(scores)
    (content,) = page.files("text/csv")
    again = pd.read_csv(io.StringIO(content), dtype={"error": str})
    pd.testing.assert_frame_equal(compare(again, random_state=0), compare(scores, random_state=0))
    assert write(pd.read_csv(io.StringIO(content))).source == page.source


def test_the_scores_of_all_parts_are_in_one_file(write, scores, pooled):
    parts = [scores.assign(protocol="one subject"), pooled]
    content = write(parts).files("text/csv")[-1]
    again = pd.read_csv(io.StringIO(content), dtype={"error": str})
    by_protocol = again.groupby("protocol")
    assert set(by_protocol.groups) == {"one subject", *pooled.scores["protocol"]}
    for part in by_protocol.groups:
        own = by_protocol.get_group(part)
        pd.testing.assert_series_equal(compare(own)["mean"], compare(scores)["mean"])


@pytest.mark.parametrize("is_pooled", [False, True])
def test_the_code_of_the_page_prints_the_numbers_of_any_names(
    write, pooled, is_pooled, tmp_path, monkeypatch, capsys
):
    names = {"estimator": {"net": "None", "lda": "null"}, "subject": {1: "NA", 2: "01"}}
    scores, predictions = pooled.scores.replace(names), pooled.predictions.replace(names)
    if not is_pooled:
        scores["subject"] = (scores["fold"] + 1).replace(names["subject"])
    results = EvaluationResults(scores, predictions)
    page = write(results)
    downloads = re.findall(r'href="(data:text/csv[^"]*)" download="([^"]*)"', page.source)
    for content, (_, name) in zip(page.files("text/csv"), downloads, strict=True):
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    exec(re.search("<pre><code>(.*?)</code>", page.source, re.DOTALL)[1], {})
    assert capsys.readouterr().out == f"{compare(results, random_state=0)}\n"


def test_a_report_is_reproducible_and_leaves_the_results_unchanged(
    pictures, write, scores, predictions
):
    scores.loc[0, "adaptation"] = "unlabelled"
    results = EvaluationResults(scores.copy(), predictions.copy())
    assert write(results).source == write(results).source
    pd.testing.assert_frame_equal(results.scores, scores)
    pd.testing.assert_frame_equal(results.predictions, predictions)


def test_an_existing_file_is_replaced_only_by_a_complete_one(scores, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def fail(*paths):
        raise OSError("disk full")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk full"):
        patch.setattr(os, "replace", fail)
        write_report(scores, path)
    assert path.read_text() == "old"
    assert write_report(scores, str(path)) == path
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(tmp_path.iterdir()) == [path]
    longest = tmp_path / f"{'x' * 250}.html"  # the longest name of common file systems
    assert write_report(scores, longest).stat().st_size > 0


def test_the_folder_must_exist(scores, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"in an existing folder, got .*missing"):
        write_report(scores, tmp_path / "missing" / "report.html")
    with pytest.raises(ValueError, match="path must be a file"):
        write_report(scores, tmp_path)


@pytest.fixture(params=["html", "latex"])
def report(request, tmp_path):
    """Function of results that returns the text of a report."""
    if request.param == "latex":
        return to_latex
    return lambda results: write_report(results, tmp_path / "r.html").read_text("utf8")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda scores: scores.iloc[:0], "at least one row"),
        (lambda scores: [], "at least one row"),
        (lambda scores: {"scores": scores}, "got dict"),
        (lambda scores: scores.drop(columns=["kind", "subject"]), "missing: kind, subject"),
        (lambda scores: scores[scores["kind"] == "baseline"], "got baselines only"),
        (lambda scores: scores.assign(balanced_accuracy=np.nan), "every fold failed"),
        (lambda scores: scores.assign(subject=None), "or predictions to score each subject"),
        (lambda scores: scores.drop(columns="balanced_accuracy"), r"columns accuracy, got 'bal"),
    ],
)
def test_invalid_results_are_an_error(report, scores, change, match):
    with pytest.raises(ValueError, match=match):
        report(change(scores))


def test_a_score_that_needs_folds_of_one_subject_is_named():
    trials = simulate_trials(4, 6)
    models = make_models("band-power-LDA", trials, window_size=1.0)
    results = evaluate(models, trials, CrossSubjectSplit(2), windows=True, verbose=False)
    with pytest.raises(ValueError, match="got 'accuracy_windows': scores of windows require folds"):
        to_latex(results, score="accuracy_windows")


def test_missing_subjects_are_named(report, pooled):
    results = EvaluationResults(pooled.scores, pooled.predictions.assign(subject=None))
    with pytest.raises(ValueError, match=r"subject of every trial.*metadata have a column 'sub"):
        report(results)


def test_folds_of_several_seeds_are_listed_once(write):
    trials, parts = simulate_trials(3, 4), []
    models = make_models("band-power-LDA", trials, window_size=1.0)
    for seed in (0, 1):
        parts.append(evaluate(models, trials, random_state=seed, verbose=False))
    text = write(EvaluationResults.concatenate(parts)).text
    assert "4 trials per fold, 12 in total" in text
