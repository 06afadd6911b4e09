"""What commands end in: a comparison, a gap, the run itself."""

import json
import re

import numpy as np
import pandas as pd

from skmamba import compare, evaluate, make_models
from skmamba.cli._files import read_table
from skmamba.cli._outcome import name_labels
from skmamba.datasets import simulate_trials
from skmamba.evaluation import score_by_subject

FAST = "evaluate --data simulation --models band-power-lda --subjects 0-2"


def flat(text):
    """Text without line breaks, which depend on the length of folders."""
    return re.sub(r"\s+", " ", text)


def test_scores_are_those_of_the_functions(run):
    out, _ = run
    trials = simulate_trials(n_subjects=8, n_trials=16).select(subject=[0, 1, 2])
    models = make_models(["ms-imamba", "band-power-lda"], trials, window_size=1.0, max_epochs=1)
    expected = evaluate(models, trials, verbose=False).scores
    written = pd.read_csv(out / "results.csv")
    assert written["estimator"].tolist() == expected["estimator"].tolist()
    for score in ("accuracy", "balanced_accuracy", "kappa", "f1", "roc_auc"):
        np.testing.assert_array_equal(written[score], expected[score])


def test_people_who_share_a_fold_are_compared_each_by_themselves(call, tmp_path):
    result = call(FAST + " --folds 2 --baselines majority", tmp_path)
    assert result.exit_code == 0, result.output
    table = compare(score_by_subject(read_table(tmp_path / "predictions.csv")))
    assert table["n_subjects"].tolist() == [3, 3]
    assert f"3  {table['mean'][0]:.2f}" in result.output
    assert pd.read_csv(tmp_path / "results.csv")["subject"].isna().any()


def test_what_was_asked_for_is_written_with_defaults_and_versions(run):
    said = json.loads((run[0] / "evaluation.json").read_text("utf8"))
    assert said["arguments"]["seed"] == 0
    assert said["arguments"]["protocol"] == "cross-subject"
    assert said["arguments"]["models"] == ["ms-imamba", "band-power-lda"]
    assert "--window 1.0" in said["command"]
    assert "scikit-learn" in said["versions"]


def test_the_gap_is_measured_said_and_written(call, tmp_path):
    result = call("leakage --data simulation --subjects 0-2 --window 1 --folds 2 --gap", tmp_path)
    assert result.exit_code == 0, result.output
    gap = pd.read_csv(tmp_path / "gap.csv")
    assert gap["split"].tolist() == ["random windows", "trials", "subjects"] * 2
    assert "These labels mean nothing" in flat(result.output)
    assert (tmp_path / "gap.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gap.csv", "gap.png", "leakage.csv"]
    assert max(len(line) for line in result.output.splitlines() if "/" not in line) < 80


def test_labels_get_their_names_if_all_have_one():
    predictions = pd.DataFrame({"y_true": [0, 1], "y_pred": [1, 1], "proba_0": [0.2, 0.1]})
    named = name_labels(predictions, {0: "rest", 1: "task"})
    assert named["y_true"].tolist() == ["rest", "task"]
    assert named["y_pred"].tolist() == ["task", "task"]
    assert named["proba_rest"].tolist() == [0.2, 0.1]
    for names in ({}, {0: "rest"}, {0: "same", 1: "same"}):
        assert name_labels(predictions, names) is predictions
    assert name_labels(pd.DataFrame(), {0: "rest"}).empty
