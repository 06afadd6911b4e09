import base64
import io
import os
import re
import sys
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GroupKFold

from skmamba import LeakageDisplay, compare, evaluate, score_by_subject, to_latex, write_report

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NET = [0.8, 0.7, 0.9, 0.6, 0.7, 0.8]  # mean 0.75; all above 0.5: p = 1 / 2**6
LDA = [0.7, 0.7, 0.6, 0.5, 0.6, 0.6]


def make_results(**scores):
    """One row a subject and estimator, in the columns of evaluate; baselines by their names."""
    rows = [
        {
            "dataset": "toy",
            "protocol": "cross_subject",
            "estimator": name,
            "kind": "baseline" if name in ("majority", "permuted labels") else "model",
            "fold": fold,
            "held_out": f"subject {subject}",
            "subject": subject,
            "n_train": 50,
            "n_test": 10,
            "transductive": "",
            "accuracy": value,
            "balanced_accuracy": value,
            "fit_seconds": 1.25,
            "predict_seconds": 0.5,
            "seed": 7,
            "error": "",
            "versions": "skmamba 0.1.0, numpy 2.4.0",
        }
        for name, values in scores.items()
        for fold, (subject, value) in enumerate(zip(range(1, 99), values, strict=False))
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def results():
    return make_results(net=NET, lda=LDA, majority=[0.5] * 6)


@pytest.fixture
def predictions(results):
    """Ten answers a row of the results, as many right as its accuracy says."""
    rows = [
        {
            **{key: row[key] for key in ("dataset", "protocol", "estimator", "kind", "fold")},
            "transductive": row["transductive"],
            "trial": 10 * row["subject"] + trial,
            "subject": row["subject"],
            "y_true": trial % 2,
            "y_pred": trial % 2 if trial < 10 * row["accuracy"] else 1 - trial % 2,
        }
        for row in results.to_dict("records")
        for trial in range(10)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def shared():
    return pd.DataFrame(
        {
            "kind": ["trial", "stimulus", "subject"],
            "shared": pd.array([True, None, False], dtype="boolean"),
            "n_folds_shared": pd.array([5, None, 0], dtype="Int64"),
            "n_folds": 5,
            "test_share": [0.95, np.nan, 0.0],
            "example": ["fold 0: trial 3", "", ""],
            "verdict": ["leak", "unknown: metadata has no column 'stimulus'", "kept apart"],
        }
    )


@pytest.fixture
def gap():
    return pd.DataFrame(
        {
            "split": ["random windows", "subjects"] * 2,
            "labels": ["true"] * 2 + ["permuted"] * 2,
            "mean": [0.95, 0.64, 0.93, 0.51],
            "std": [0.01, 0.08, 0.02, 0.06],
            "n_folds": 5,
            "inflation": [31.0, 0.0, 42.0, 0.0],
            "n_train": 800.0,
            "n_test": 200.0,
        }
    )


class Page(HTMLParser):
    """What a reader of the page sees, and what a browser would do with it."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.tables, self.text, self.links, self.styles = [], [], "", [], ""
        self._in = None
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = " ".join(self.text.split(" ")).strip()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        attrs = dict(attrs)
        self.links += [attrs[name] for name in ("src", "href", "srcset", "data") if name in attrs]
        self.styles += attrs.get("style") or ""
        assert not any(name.startswith("on") for name in attrs)
        if tag == "style":
            self._in = "style"
        elif tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._in = "cell"

    def handle_endtag(self, tag):
        if tag in ("style", "td", "th"):
            self._in = None

    def handle_data(self, data):
        if self._in == "style":
            self.styles += data
            return
        self.text += data
        if self._in == "cell":
            self.tables[-1][-1][-1] += data

    def table(self, *head):
        """The first table whose head holds these words, as lists of text."""
        return next(table for table in self.tables if set(head) <= set(table[0]))

    def rows(self, *head):
        """Rows of a table by their first entry."""
        table = self.table(*head)
        return {row[0]: dict(zip(table[0], row, strict=True)) for row in table[1:]}


@pytest.fixture
def write(tmp_path):
    """Write a report and read it."""

    def write(results, **options):
        return Page(write_report(results, tmp_path / "report.html", **options))

    return write


# The page


def test_the_page_loads_nothing_from_elsewhere(write, results, predictions, shared, gap):
    page = write(results, predictions=predictions, leakage=[shared, gap])
    assert page.links
    assert all(link.startswith("data:") for link in page.links)
    assert {"script", "link", "iframe", "object", "base", "form"}.isdisjoint(page.tags)
    assert "@import" not in page.styles
    assert "url(" not in page.styles
    assert "default-src 'none'" in page.source


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


def test_the_finding_is_in_plain_words(write, results):
    text = write(results).text.replace(NBSP, " ")
    low, high = compare(results).loc[0, ["low", "high"]]
    assert (
        f"net: balanced accuracy 0.75 over 6 subjects (95 % interval {low:.2f} to {high:.2f}); "
        "chance 0.50, p = 0.016. No difference from lda could be shown (p = 0.062)."
    ) in text


def test_the_finding_says_which_models_did_better_or_worse(write):
    middle = np.linspace(0.6, 0.7, 10)
    results = make_results(
        mid=middle, good=middle + 0.2, bad=middle - 0.2, best=middle + 0.3, majority=[0.5] * 10
    )
    text = write(results).text.replace(NBSP, " ")
    assert re.search(r"good \(p = 0\.\d+\) and best \(p = 0\.\d+\) scored higher\.", text)
    assert re.search(r"bad scored lower \(p = 0\.\d+\)\.", text)
    assert "No difference" not in text


def test_a_score_no_better_than_chance_is_called_so(write):
    results = make_results(net=[0.6, 0.4, 0.5, 0.6, 0.4, 0.5], majority=[0.5] * 6)
    assert "That it is better than chance could not be shown." in write(results).text


def test_an_interval_with_chance_in_it_is_pointed_out(write):
    unsure = make_results(net=[1.0] * 10 + [0.5] * 7 + [0.0] * 3, majority=[0.5] * 20)
    told = compare(unsure).iloc[0]
    assert told["low"] < 0.5  # two-sided
    assert told["p_chance"] < 0.05  # one-sided
    assert "The interval includes chance." in write(unsure).text
    sure = make_results(net=NET, majority=[0.5] * 6)
    assert "The interval includes chance." not in write(sure).text


def test_without_a_majority_chance_is_not_invented(write):
    page = write(make_results(net=NET))
    assert "Whether this is better than chance was not tested." in page.text
    assert page.rows("Estimator", "Chance")["net"]["Chance"] == "–"  # noqa: RUF001


def test_a_model_that_learns_from_shuffled_labels_is_pointed_out(write):
    options = {"net": NET, "majority": [0.5] * 6}
    warning = "Trained on shuffled labels it still reached"
    assert f"{warning} 0.75" in write(make_results(**options, **{"permuted labels": NET})).text
    level = [0.6, 0.4, 0.5, 0.6, 0.4, 0.5]
    assert warning not in write(make_results(**options, **{"permuted labels": level})).text


def test_a_baseline_in_the_first_rows_is_not_what_models_are_compared_with(write, results):
    page = write(results.sort_values("estimator", ascending=False, kind="stable"))
    other = write(results.sort_values("kind", kind="stable"))
    assert "net: balanced accuracy 0.75" in page.text and "Difference is to net" in page.text
    assert "net: balanced accuracy 0.75" in other.text and "Difference is to net" in other.text


def test_ranks_and_mean_that_disagree_are_not_called_higher_or_lower(write):
    lower_but_for_two = [0.6 - step / 1000 for step in range(1, 19)] + [1.0, 1.0]
    page = write(make_results(net=[0.6] * 20, lda=lower_but_for_two, majority=[0.5] * 20))
    table = compare(make_results(net=[0.6] * 20, lda=lower_but_for_two), "accuracy")
    assert table["p_holm"][1] < 0.05 and table["difference"][1] > 0 > table["effect_size"][1]
    assert "lda scored differently" in page.text
    assert "scored higher" not in page.text and "scored lower" not in page.text


def test_subjects_may_be_numbers_beside_texts(write, results):
    page = write(results.assign(subject=results["subject"].replace({1: "p", 2: "q"})))
    firsts = [row[0] for table in page.tables for row in table]
    assert {"3", "4", "5", "6", "p", "q"} <= set(firsts)


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


def test_a_gap_without_permuted_labels_at_the_last_split_ends_its_sentence(write, results, gap):
    is_last = (gap["labels"] == "permuted") & (gap["split"] == "subjects")
    assert is_last.any()
    page = write(results, leakage=gap[~is_last])
    assert "which then mean nothing, it scores" in page.text and "and \N{EN DASH}." not in page.text


def test_windows_are_not_called_trials(write, results, predictions):
    random = {"protocol": "random_windows"}
    page = write(results.assign(**random), predictions=predictions.assign(**random))
    assert "columns the answers: windows" in page.text
    assert "the share of windows answered rightly" in page.text


def test_scores_of_random_windows_are_called_no_estimate(write, results):
    page = write(results.assign(protocol="random_windows"))
    assert "no estimate for new trials, sessions or people" in page.text
    assert "50 windows a fold" in page.text


def test_names_are_text_and_never_markup(write, predictions):
    evil = '<script>alert("&amp;")</script>'
    results = make_results(**{evil: NET, "majority": [0.5] * 6})
    results = results.assign(dataset=evil, held_out=evil, versions=evil)
    results.loc[1, ["error", "balanced_accuracy"]] = [evil, np.nan]
    predictions = predictions.query("estimator != 'lda'").replace({"estimator": {"net": evil}})
    predictions = predictions.assign(dataset=evil, y_true=evil, y_pred=evil)
    page = write(results, predictions=predictions, title=f"{evil} title")
    assert "script" not in page.tags
    assert "<script" not in page.source
    assert page.text.count(evil) > 10
    assert evil in page.rows("Estimator", "Chance")


def test_dollars_in_a_name_are_no_formula(write):
    name = "cost $ {_ $"
    assert name in write(make_results(**{name: NET})).rows("Estimator", "Chance")


def test_failed_folds_are_shown_and_left_out(write, results):
    results.loc[[1, 3], "error"] = "ValueError: Input X contains NaN."
    results.loc[[1, 3], ["accuracy", "balanced_accuracy"]] = np.nan
    page = write(results)
    assert "net, 2 of 6 folds: subject 2, subject 4" in page.text
    assert page.text.count("ValueError: Input X contains NaN.") == 1
    row = page.rows("Estimator", "Chance")["net"]
    assert row["Subjects"] == "4"
    assert row["Balanced accuracy"] == "0.80"  # of 0.8, 0.9, 0.7, 0.8
    assert page.rows("Estimator", "Accuracy")["net"]["Accuracy"] == "0.80"
    assert page.rows("Subject", "net")["mean"]["net"] == "0.80"


def test_a_subject_with_a_failed_fold_is_left_out_of_every_table(write, results):
    twice = pd.concat([results, results.assign(fold=results["fold"] + 6)], ignore_index=True)
    twice.loc[0, ["error", "accuracy", "balanced_accuracy"]] = ["Error: no", np.nan, np.nan]
    page = write(twice)
    left = f"{np.mean(NET[1:]):.2f}"
    assert page.rows("Estimator", "Chance")["net"]["Balanced accuracy"] == left
    assert page.rows("Estimator", "Accuracy")["net"]["Balanced accuracy"] == left
    assert page.rows("Subject", "net")["1"]["net"] == "–"  # noqa: RUF001


def test_an_undefined_score_is_told_apart_from_a_failure(write, results):
    results.loc[0, "balanced_accuracy"] = np.nan
    page = write(results)
    assert "net: 1 of 6 folds" in page.text
    assert "Some folds failed" not in page.text


def test_a_model_of_which_every_fold_failed_stays_in_the_table(write, results, predictions):
    failed = results["estimator"] == "lda"
    results.loc[failed, ["accuracy", "balanced_accuracy"]] = np.nan
    results.loc[failed, "error"] = "RuntimeError: no"
    several = results.assign(subject=None)
    predictions = predictions[predictions["estimator"] != "lda"]
    for frame in (results, several):
        page = write(frame, predictions=predictions)
        assert page.rows("Estimator", "Chance")["lda"]["Balanced accuracy"] == "–"  # noqa: RUF001
        assert "The difference from lda was not tested." in page.text


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


def test_every_subject_has_a_row(write, results):
    rows = write(results).rows("Subject", "net")
    assert [rows[str(subject)]["net"] for subject in range(1, 7)] == [
        f"{value:.2f}" for value in NET
    ]
    assert rows["mean"]["lda"] == "0.62"


def test_long_tables_start_folded(write, results):
    assert write(results).tags.count("details") == 1  # the folds
    more = [results.assign(subject=results["subject"] + 6 * n) for n in range(3)]
    assert write(pd.concat(more)).tags.count("details") == 2


def test_confusions_are_counted_by_class(write, results, predictions):
    page = write(results, predictions=predictions)
    own = predictions[predictions["estimator"] == "net"]
    expected = [
        [int(((own["y_true"] == true) & (own["y_pred"] == answer)).sum()) for answer in (0, 1)]
        for true in (0, 1)
    ]
    matrix = next(table for table in page.tables if table[0] == ["", "0", "1"])
    counts = [[int(cell.split()[0]) for cell in row[1:]] for row in matrix[1:]]
    assert np.sum(counts) == 60
    assert counts == expected


def test_classes_go_by_their_names(write, results, predictions):
    page = write(results, predictions=predictions, label_names={0: "rest", 1: "task"})
    assert [row[0] for row in page.table("rest", "task")] == ["", "rest", "task"]


def test_folds_of_several_subjects_are_scored_subject_by_subject(write, results, predictions):
    results = results.assign(subject=None)
    with pytest.raises(ValueError, match=r"test several subjects.*give predictions="):
        write(results)
    page = write(results, predictions=predictions)
    expected = compare(score_by_subject(predictions)).set_index("estimator")["mean"]
    rows = page.rows("Estimator", "Chance")
    for name in ("net", "lda", "majority"):
        assert rows[name]["Balanced accuracy"] == f"{expected[name]:.2f}"
    assert "scores_by_subject.csv" in page.text


def test_a_subject_that_lost_trials_to_a_failed_fold_has_no_score(write, results, predictions):
    lost = (predictions["estimator"] == "net") & predictions["trial"].isin([10, 11, 12])
    page = write(results.assign(subject=None), predictions=predictions[~lost])
    assert page.rows("Subject", "net")["1"]["net"] == "–"  # noqa: RUF001
    assert page.rows("Estimator", "Chance")["net"]["Subjects"] == "5"


def test_every_protocol_gets_its_own_part(write, results, predictions):
    both = pd.concat([results, results.assign(protocol="within_subject", balanced_accuracy=0.9)])
    page = write(both, predictions=predictions)
    assert page.text.count("over 6 subjects") == 2
    assert "toy, cross-subject, and toy, within subject" in page.text
    assert "Nothing is said about new people." in page.text
    assert page.tags.count("figure") == 2
    assert page.text.count("Confusions") == 1  # the predictions are of one of them


def test_unknown_protocols_keep_their_name(write, results):
    assert "GroupKFold" in write(results.assign(protocol="GroupKFold")).text


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


def test_the_design_is_told(write, results):
    text = write(results).text
    assert "The people tested are new to the model" in text
    assert "50 trials a fold" in text
    assert "10 trials a fold, 60 in all" in text
    assert "skmamba 0.1.0, numpy 2.4.0" in text


def test_seconds_are_told(write, results):
    row = write(results).rows("Estimator", "Fit, s a fold")["net"]
    assert (row["Folds"], row["Fit, s a fold"], row["All folds, s"]) == ("6", "1.25", "10.50")


def test_the_page_carries_the_results_in_full(write, results, tmp_path):
    page = write(results)
    (address,) = (link for link in page.links if link.startswith("data:text/csv"))
    content = base64.b64decode(address.partition(",")[2]).decode()
    again = pd.read_csv(io.StringIO(content), dtype={"error": str})
    pd.testing.assert_frame_equal(compare(again), compare(results))
    assert write(pd.read_csv(io.StringIO(content))).source == page.source


def test_the_same_results_give_the_same_page(write, results, predictions):
    options = {"predictions": predictions}
    assert write(results, **options).source == write(results, **options).source


def test_results_stay_as_they_are(write, results, predictions):
    before = results.copy(), predictions.copy()
    results.loc[0, "transductive"] = before[0].loc[0, "transductive"] = "unlabelled"
    write(results, predictions=predictions)
    pd.testing.assert_frame_equal(results, before[0])
    pd.testing.assert_frame_equal(predictions, before[1])


def test_the_title_is_free(write, results):
    assert "<title>Table S1</title>" in write(results, title="Table S1").source


def test_without_matplotlib_the_numbers_are_still_there(write, results, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = write(results)
    assert "img" not in page.tags
    assert "No picture" in page.text
    assert "net" in page.rows("Estimator", "Chance")


def test_the_template_comes_with_the_package():
    assert (files("skmamba") / "data" / "report.html.j2").is_file()


# The file


def test_a_failure_while_writing_leaves_the_old_page(results, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def fail(*paths):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_report(results, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_page_replaces_the_one_before(results, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    assert write_report(results, str(path)) == path
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(tmp_path.iterdir()) == [path]


def test_the_folder_must_be_there(results, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing"):
        write_report(results, tmp_path / "missing" / "report.html")
    with pytest.raises(ValueError, match="path must be a file"):
        write_report(results, tmp_path)


# Both


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


def test_what_evaluate_returns_is_what_is_reported(trials, tmp_path):
    models = {"guess": DummyClassifier(strategy="uniform"), "first": DummyClassifier()}
    results, predictions = evaluate(
        models, trials, GroupKFold(2), progress=False, return_predictions=True
    )
    page = Page(write_report(results, tmp_path / "r.html", predictions=predictions))
    assert {*models, "majority", "permuted labels"} <= set(page.rows("Estimator", "Chance"))
    assert "guess & " in to_latex(score_by_subject(predictions))


# LaTeX


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
