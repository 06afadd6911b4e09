"""Hand-made results, and a parser of the HTML report."""

import base64
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from skmamba.evaluation import EvaluationResults
from skmamba.report import write_report


@pytest.fixture
def net():
    """Scores of six subjects: mean 0.75, all above 0.5, so that p = 1 / 2**6."""
    return [0.8, 0.7, 0.9, 0.6, 0.7, 0.8]


@pytest.fixture
def make_scores():
    """Return one row per estimator and subject, with the columns of evaluate."""

    def make(**scores):
        table = pd.DataFrame(
            [(name, *row) for name, values in scores.items() for row in enumerate(values)],
            columns=["estimator", "fold", "accuracy"],
        )
        is_baseline = table["estimator"].isin(["majority", "permuted labels"])
        return table.assign(
            **{"dataset": "toy", "protocol": "cross_subject", "adaptation": "", "error": ""},
            **{"n_train": 50, "n_test": 10, "fit_seconds": 1.25, "predict_seconds": 0.5},
            **{"random_state": 0, "seed": 7},
            kind=np.where(is_baseline, "baseline", "model"),
            subject=table["fold"] + 1,
            held_out=[f"subject {fold + 1}" for fold in table["fold"]],
            balanced_accuracy=table["accuracy"],
            versions="skmamba 0.1.0, numpy 2.4.0",
        )

    return make


@pytest.fixture
def scores(make_scores, net):
    return make_scores(net=net, lda=[0.7, 0.7, 0.6, 0.5, 0.6, 0.6], majority=[0.5] * 6)


@pytest.fixture
def predictions(scores):
    """Ten predictions per row of the scores, as many correct as its accuracy says."""
    rows = scores.loc[scores.index.repeat(10)].reset_index(drop=True)
    trial = rows.index % 10
    is_correct = trial < 10 * rows["accuracy"]
    columns = ["dataset", "protocol", "estimator", "kind", "adaptation", "fold", "subject"]
    return rows[columns].assign(
        trial=10 * rows["subject"] + trial,
        y_true=trial % 2,
        y_pred=np.where(is_correct, trial % 2, 1 - trial % 2),
    )


@pytest.fixture
def pooled(scores, predictions):
    """Results whose folds test several subjects."""
    return EvaluationResults(scores.assign(subject=None), predictions)


@pytest.fixture
def report_table():
    """A table of leakage_report."""
    return pd.DataFrame(
        {
            "kind": ["trial", "stimulus", "subject"],
            "shared": pd.array([True, None, False], dtype="boolean"),
            "n_folds_shared": pd.array([5, None, 0], dtype="Int64"),
            "n_folds": 5,
            "test_share": [0.95, np.nan, 0.0],
            "example": ["fold 0: trial 3", "", ""],
            "verdict": ["leak", "unknown: metadata has no column 'stimulus'", "not shared"],
        }
    )


@pytest.fixture
def gap():
    """A table of leakage_gap."""
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
    """Text, tables, links and tags of a page, with ordinary spaces."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.tables, self.text, self.links = [], [], "", []
        self.in_cell = False
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        assert not any(name.startswith("on") for name, _ in attrs)
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "srcset", "data")]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag):
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data):
        data = data.replace("\N{NO-BREAK SPACE}", " ")
        self.text += data
        if self.in_cell:
            self.tables[-1][-1][-1] += data

    def files(self, media_type):
        """Return the content of each data URL of a type."""
        urls = [link for link in self.links if link.startswith(f"data:{media_type};")]
        return [base64.b64decode(url.partition(",")[2]).decode() for url in urls]

    def rows(self, *head):
        """Return the first table with these columns as a dict of rows by their first cell."""
        table = next(table for table in self.tables if set(head) <= set(table[0]))
        return {row[0]: dict(zip(table[0], row, strict=True)) for row in table[1:]}


@pytest.fixture
def write(tmp_path):
    """Write a report and parse it."""

    def write(results, **options):
        return Page(write_report(results, tmp_path / "report.html", **options))

    return write
