"""The page: in one file, whole, and nothing but text from others."""

import os
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GroupKFold

from skmamba import evaluate
from skmamba.evaluation import score_by_subject
from skmamba.report import to_latex, write_report


def test_the_page_loads_nothing_from_elsewhere(write, results, predictions, shared, gap):
    page = write(results, predictions=predictions, leakage=[shared, gap])
    assert page.links
    assert all(link.startswith("data:") for link in page.links)
    assert {"script", "link", "iframe", "object", "base", "form"}.isdisjoint(page.tags)
    assert "@import" not in page.styles
    assert "url(" not in page.styles
    assert "default-src 'none'" in page.source


def test_names_are_text_and_never_markup(write, predictions, make_results, net):
    evil = '<script>alert("&amp;")</script>'
    results = make_results(**{evil: net, "majority": [0.5] * 6})
    results = results.assign(dataset=evil, held_out=evil, versions=evil)
    results.loc[1, ["error", "balanced_accuracy"]] = [evil, np.nan]
    predictions = predictions.query("estimator != 'lda'").replace({"estimator": {"net": evil}})
    predictions = predictions.assign(dataset=evil, y_true=evil, y_pred=evil)
    page = write(results, predictions=predictions, title=f"{evil} title")
    assert "script" not in page.tags
    assert "<script" not in page.source
    assert page.text.count(evil) > 10
    assert evil in page.rows("Estimator", "Chance")


def test_every_protocol_gets_its_own_part(write, results, predictions):
    both = pd.concat([results, results.assign(protocol="within_subject", balanced_accuracy=0.9)])
    page = write(both, predictions=predictions)
    assert page.text.count("over 6 subjects") == 2
    assert "toy, cross-subject, and toy, within subject" in page.text
    assert "Nothing is said about new people." in page.text
    assert page.tags.count("figure") == 2
    assert page.text.count("Confusions") == 1  # the predictions are of one of them


def test_the_title_is_free(write, results):
    assert "<title>Table S1</title>" in write(results, title="Table S1").source


def test_the_same_results_give_the_same_page(write, results, predictions):
    options = {"predictions": predictions}
    assert write(results, **options).source == write(results, **options).source


def test_results_stay_as_they_are(write, results, predictions):
    before = results.copy(), predictions.copy()
    results.loc[0, "transductive"] = before[0].loc[0, "transductive"] = "unlabelled"
    write(results, predictions=predictions)
    pd.testing.assert_frame_equal(results, before[0])
    pd.testing.assert_frame_equal(predictions, before[1])


def test_what_evaluate_returns_is_what_is_reported(trials, write):
    models = {"guess": DummyClassifier(strategy="uniform"), "first": DummyClassifier()}
    evaluated = evaluate(models, trials, GroupKFold(2), verbose=False)
    results, predictions = evaluated.scores, evaluated.predictions
    page = write(results, predictions=predictions)
    assert {*models, "majority", "permuted labels"} <= set(page.rows("Estimator", "Chance"))
    assert "guess & " in to_latex(score_by_subject(predictions))


def test_the_template_comes_with_the_package():
    assert (files("skmamba.report") / "data" / "report.html.j2").is_file()


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
