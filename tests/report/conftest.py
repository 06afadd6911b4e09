"""Results made by hand, and the page as a reader sees it."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from skmamba.report import write_report


@pytest.fixture
def net():
    """Score of each subject under net: mean 0.75; all above 0.5, so that p = 1 / 2**6."""
    return [0.8, 0.7, 0.9, 0.6, 0.7, 0.8]


@pytest.fixture
def make_results():
    """One row a subject and estimator, in the columns of evaluate; baselines by their names."""

    def make(**scores):
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

    return make


@pytest.fixture
def results(make_results, net):
    return make_results(net=net, lda=[0.7, 0.7, 0.6, 0.5, 0.6, 0.6], majority=[0.5] * 6)


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
