"""Behind the means."""

import numpy as np
import pandas as pd


def test_every_subject_has_a_row(write, results, net):
    rows = write(results).rows("Subject", "net")
    assert [rows[str(subject)]["net"] for subject in range(1, 7)] == [
        f"{value:.2f}" for value in net
    ]
    assert rows["mean"]["lda"] == "0.62"


def test_subjects_may_be_numbers_beside_texts(write, results):
    page = write(results.assign(subject=results["subject"].replace({1: "p", 2: "q"})))
    firsts = [row[0] for table in page.tables for row in table]
    assert {"3", "4", "5", "6", "p", "q"} <= set(firsts)


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
