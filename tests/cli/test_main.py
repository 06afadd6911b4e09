"""Tests of the command ``skmamba``."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import compare, evaluate, evaluation, load_model, make_models
from skmamba.cli import main
from skmamba.cli._output import name_labels
from skmamba.datasets import load_eegmat, simulate_trials, write_fake_deap
from skmamba.evaluation import EvaluationResults, score_by_subject
from skmamba.pipelines import list_models
from skmamba.report import write_report

FILES = [
    *("evaluation.json", "folds", "leakage.csv", "predictions.csv", "report.html", "results.csv"),
    "table.tex",
]
FAST = "evaluate --data simulation --models band-power-lda --subjects 0-2"


def call(arguments, out=None):
    """Run the command; unexpected errors are raised."""
    words = shlex.split(arguments) + ([] if out is None else ["--out", str(out)])
    return CliRunner().invoke(main, words, catch_exceptions=False)


def unwrap(text):
    """Join the lines of a text, whose breaks depend on the length of paths."""
    return re.sub(r"\s+", " ", text)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder and the output of an evaluation of two models."""
    out = tmp_path_factory.mktemp("runs") / "a folder"
    result = call(
        "evaluate --data simulation --models ms-imamba,band-power-lda --epochs 1 --window 1 "
        "--subjects 0-2",
        out,
    )
    assert result.exit_code == 0, result.output
    return out, result.output


@pytest.fixture
def deap(tmp_path):
    write_fake_deap(tmp_path / "DEAP", n_subjects=2, n_trials=6, n_times=1024)
    return tmp_path / "DEAP"


def test_evaluate_writes_every_file(run):
    out, printed = run
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert all(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert "<Trials of simulation: 48 trials x 4 channels" in unwrap(printed)


def test_scores_are_those_of_the_function(run):
    trials = simulate_trials(n_subjects=8, n_trials=16).select(subject=[0, 1, 2])
    models = make_models(["ms-imamba", "band-power-lda"], trials, window_size=1.0, max_epochs=1)
    options = {"baselines": ["majority", "stratified"], "random_state": 0, "verbose": False}
    expected = evaluate(models, trials, **options).scores
    written = pd.read_csv(run[0] / "results.csv")
    assert written["estimator"].tolist() == expected["estimator"].tolist()
    assert written["adaptation"].isna().all()
    for score in ("accuracy", "balanced_accuracy", "kappa", "f1", "roc_auc"):
        np.testing.assert_array_equal(written[score], expected[score])


def test_the_printed_comparison_has_the_numbers_of_compare(run):
    out, printed = run
    table = compare(pd.read_csv(out / "results.csv"), random_state=0)
    for row in table.itertuples():
        (line,) = re.findall(rf"^{row.estimator} .*$", printed, re.MULTILINE)
        interval = [f"{row.low:.2f}", "to", f"{row.high:.2f}"]
        words = line.removeprefix(row.estimator).split()
        assert words[:6] == ["3", f"{row.mean:.2f}", *interval, f"{row.chance:.2f}"]
    lines = [line for line in printed.splitlines() if "/" not in line]  # paths may be long
    assert max(map(len, lines)) < 80


def test_the_same_command_uses_the_cached_folds_and_writes_the_same_files(run):
    def read_all():
        return {path: path.read_bytes() for path in out.rglob("*.*")}

    out, _ = run
    before, times = read_all(), {path: path.stat().st_mtime_ns for path in out.rglob("folds/*")}
    saved = json.loads((out / "evaluation.json").read_text("utf8"))
    assert saved["arguments"]["seed"] == [0] and "scikit-learn" in saved["versions"]
    assert saved["command"].startswith("skmamba ")
    again = call(saved["command"].removeprefix("skmamba "))
    assert again.exit_code == 0
    assert "12 fits: 12 cached, 0 run, 0 failed." in again.output
    assert read_all() == before
    assert len(times) == 12
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_further_baselines_reuse_the_cached_folds(tmp_path):
    call(FAST + " --windows --baselines none", tmp_path)
    scores = pd.read_csv(tmp_path / "results.csv")
    assert scores["accuracy_windows"].notna().all()
    assert set(scores["kind"]) == {"model"}
    result = call(FAST + " --windows --baselines majority", tmp_path)
    assert "6 fits: 3 cached, 3 run, 0 failed." in result.output


def test_files_are_read_for_the_picked_channels(deap, tmp_path):
    result = call(
        f"evaluate --data deap --path '{deap}' --target arousal --threshold subject-median "
        "--ties drop --picks O2,Fp1 --protocol cross_stimulus --folds 2 --models band-power-lda",
        tmp_path / "out",
    )
    assert result.exit_code == 0, result.output
    assert "12 trials x 2 channels" in unwrap(result.output)
    assert "Channels: O2, Fp1." in result.output
    scores = pd.read_csv(tmp_path / "out/results.csv")
    rule = "target arousal; threshold subject_median; ties drop; baseline drop; channels O2 Fp1"
    assert scores["data"].str.startswith(rule).all()
    for name in ("report.html", "table.tex"):
        assert rule in (tmp_path / "out" / name).read_text("utf8").replace(r"\_", "_")
    assert set(scores["protocol"]) == {"cross_stimulus"}
    assert set(scores["held_out"]) == {"3 stimuli"}


def test_the_default_channels_of_a_data_set_are_printed(deap, tmp_path):
    arguments = f"evaluate --data deap --path '{deap}' --folds 2 --models band-power-lda"
    result = call(f"{arguments} --baselines none", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "Channels: Fp1, Fp2, AF3, AF4." in result.output


def write_recordings(folder, names):
    """Write recordings of a rest of 5 s and one event a second, alternately open and closed."""
    noise = np.random.default_rng(0).normal(size=(2, 1700)) * 1e-5
    for name in names:
        raw = mne.io.RawArray(noise, mne.create_info(["Fp1", "Fp2"], 100, "eeg"), verbose=False)
        labels = ["rest", *["open", "closed"] * 5]
        events = mne.Annotations([0, *np.arange(6, 16) + 0.5], [5] + [0] * 10, labels)
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".fif":
            raw.set_annotations(events).save(file, verbose=False)
        else:
            pytest.importorskip("edfio")
            raw.set_annotations(events).export(file, verbose=False)
            rows = [f"{own['onset']}\t{own['duration']}\t{own['description']}" for own in events]
            table = file.with_name(file.name.replace("_eeg.edf", "_events.tsv"))
            table.write_text("\n".join(["onset\tduration\ttrial_type", *rows]))


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (["s1_raw.fif", "s2/s2_a_raw.fif", "s2/s2_b_raw.fif"], "--data raws"),
        (["s1_eeg.edf", "s2_a_eeg.edf", "s2_b_eeg.edf"], "--data raws"),
        ([f"sub-{i}/eeg/sub-{i}_task-eyes_eeg.edf" for i in (1, 2)], "--data bids --task eyes"),
    ],
)
def test_own_recordings_are_cut_around_their_events(tmp_path, names, options):
    write_recordings(tmp_path / "own", names)
    (tmp_path / "own/dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    own = f"{options} --path '{tmp_path / 'own'}' --events open,closed --tmin 0.1 --seconds 0.5"
    arguments = f"evaluate {own} --window 0.5 --models band-power-lda --baselines none"
    result = call(arguments, tmp_path / "out")
    assert result.exit_code == 0, result.output
    n_trials = 10 * len(names)
    assert f"<Trials of own: {n_trials} trials x 2 channels x 50 time" in unwrap(result.output)
    assert f"2 subjects; {n_trials // 2} open, {n_trials // 2} closed" in unwrap(result.output)
    assert "Subjects: s1, s2." in result.output or "bids" in options
    assert "rename the files" not in result.stderr
    scores = pd.read_csv(tmp_path / "out/results.csv")
    assert scores["data"].str.contains("events open closed; tmin 0.1; seconds 0.5").all()
    again = json.loads((tmp_path / "out/evaluation.json").read_text("utf8"))["command"]
    assert call(again.removeprefix("skmamba ")).exit_code == 0


def test_folders_that_may_be_subjects_are_a_warning(tmp_path):
    write_recordings(tmp_path / "own", [f"s{i}/{j}_raw.fif" for i in (1, 2) for j in ("a", "b")])
    own = f"--data raws --path '{tmp_path / 'own'}' --events open,closed --seconds 0.5 --window 0.5"
    result = call(f"leakage {own}")
    warning = "Files in the folders s1, s2 count as recordings of the subjects a, b, because the"
    assert warning in unwrap(result.stderr)


@pytest.mark.parametrize("events", ["open", "open,open"])
def test_events_of_one_class_are_an_invalid_request(tmp_path, events):
    write_recordings(tmp_path / "own", ["s1_raw.fif", "s2_raw.fif"])
    own = f"--data raws --path '{tmp_path / 'own'}' --events {events} --seconds 0.5 --window 0.5"
    result = call(f"evaluate {own} --models band-power-lda", tmp_path / "out")
    assert result.exit_code == 2
    assert "at least two classes for classifiers, got 0." in unwrap(result.stderr)
    assert not (tmp_path / "out").exists()


def test_results_of_files_with_names_that_are_not_UTF8_are_written(tmp_path):
    write_recordings(tmp_path / "own", ["s1_raw.fif", "s2_raw.fif"])
    for number, name in ((1, b"M\xfcller_raw.fif"), (2, b"M\xe9ller_raw.fif")):
        file = os.path.join(os.fsencode(tmp_path / "own"), name)
        try:
            os.rename(tmp_path / f"own/s{number}_raw.fif", file)
        except (OSError, ValueError):
            pytest.skip("needs file names that are not UTF-8")
    arguments = f"evaluate --data raws --path '{tmp_path / 'own'}' --events open,closed"
    arguments += " --seconds 0.5 --window 0.5 --models band-power-lda --baselines none"
    result = call(arguments, tmp_path / "out")
    assert result.exit_code == 0, result.output
    held_out = pd.read_csv(tmp_path / "out/results.csv")["held_out"]
    assert set(held_out) == {rf"subject M\udc{byte}ller" for byte in ("fc", "e9")}


def test_hidden_files_and_further_parts_of_a_file_are_no_recordings(tmp_path):
    write_recordings(tmp_path / "own", ["s1_raw.fif", "s2_raw.fif"])
    short = mne.io.read_raw(tmp_path / "own/s1_raw.fif", verbose=False)
    long = mne.io.RawArray(np.tile(short.get_data(), 250), short.info, verbose=False)
    long.set_annotations(short.annotations)
    long.save(tmp_path / "own/s1_raw.fif", split_size="2MB", overwrite=True, verbose=False)
    assert (tmp_path / "own/s1_raw-1.fif").exists()
    for name in ("._s2_raw.fif", "._s1_raw.fif", "._s1_raw-1.fif", ".old/s3_raw.fif"):
        (tmp_path / "own" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "own" / name).write_bytes(b"x" * 100)
    arguments = f"--data raws --path '{tmp_path / 'own'}' --events open,closed --seconds 0.5"
    result = call(f"leakage {arguments} --window 0.5 --protocol within-subject")
    assert result.exit_code == 0, result.output
    assert "<Trials of own: 20 trials" in unwrap(result.output)
    assert "identical data  " in result.output and "leak\n" not in result.output


def test_a_model_that_cannot_be_saved_is_an_error_before_the_data_are_read(tmp_path):
    (tmp_path / "file").touch()
    for arguments, out, message in (
        ("--model DLinear", "model", "--model must be MS-iMamba or one network of braindecode"),
        ("--model all", "model", "--model must be MS-iMamba or one network of braindecode"),
        ("--epochs 1", "file/model", "file/model: Not a directory"),
    ):
        result = call(f"fit --data deap --path /not/there {arguments}", tmp_path / out)
        assert result.exit_code == 2
        assert re.search(message, unwrap(result.stderr)), result.stderr
    call("fit --data deap --path /not/there --model EEGNet", tmp_path / "a/b/model")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("data", ["eegmat", "deap", "raws"])
def test_models_use_the_reference_of_test_subjects_on_request(deap, tmp_path, data):
    write_recordings(tmp_path / "own", ["s1_raw.fif", "s2_raw.fif"])
    source = {
        "eegmat": "--subjects 5,7,9,10",
        "deap": f"--path '{deap}'",
        "raws": f"--path '{tmp_path / 'own'}' --events open,closed --seconds 0.5 --window 0.5",
    }[data]
    arguments = "--models ms-imamba,band-power-lda --epochs 1 --folds 2 --baselines none"
    request = "--adaptation reference" + " --reference rest" * (data == "raws")
    result = call(f"evaluate --data {data} {source} {arguments} {request}", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert pd.read_csv(tmp_path / "out/results.csv")["adaptation"].eq("reference").all()


def test_a_model_that_needs_a_reference_is_fitted_and_saved(tmp_path):
    arguments = "fit --data eegmat --subjects 5,7 --epochs 1 --adaptation reference"
    assert call(arguments, tmp_path / "net").exit_code == 0
    trials, loaded = load_eegmat(reference=True), load_model(tmp_path / "net")
    assert loaded.predict_proba(trials[:2]).shape == (2, 2)
    with pytest.raises(ValueError, match="requires Trials with a reference"):
        loaded.predict_proba(trials.X[:2])


def test_a_model_is_fitted_on_all_trials_and_saved(tmp_path):
    arguments = "fit --data simulation --subjects 0-2 --epochs 1 --window 1 --seed 3"
    result = call(arguments, tmp_path / "models/net")
    assert result.exit_code == 0, result.output
    trials = simulate_trials(n_subjects=8, n_trials=16).select(subject=[0, 1, 2])
    (model,) = make_models(
        "ms-imamba", trials, window_size=1.0, max_epochs=1, random_state=3
    ).values()
    expected = model.fit(trials.X, trials.y).predict_proba(trials.X)
    loaded = load_model(tmp_path / "models/net")
    np.testing.assert_array_equal(loaded.predict_proba(trials), expected)
    again = call(arguments, tmp_path / "models/net")
    assert again.exit_code == 2 and "must be a new folder" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (FAST, ["results.csv", "predictions.csv", "report.html", "evaluation.json"]),
        ("leakage --data simulation", ["leakage.csv", "leakage.json", "gap.png"]),
    ],
)
def test_files_of_others_are_not_replaced(tmp_path, names, arguments):
    for name in names:
        out = tmp_path / name.replace(".", "-")
        out.mkdir()
        (out / name).write_text("mine")
        result = call(arguments, out)
        assert result.exit_code == 2
        assert f"{name} exists and was not written by skmamba" in unwrap(result.stderr)
        assert [path.name for path in out.iterdir()] == [name]
        assert (out / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["report.html", "table.tex", "own.html", "own.tex"])
def test_a_report_does_not_replace_files_of_others(run, tmp_path, name):
    shutil.copy(run[0] / "results.csv", tmp_path)
    (tmp_path / name).write_text("mine")
    arguments = f"report '{tmp_path}'"
    result = call(arguments, tmp_path / "own.html") if "own" in name else call(arguments)
    assert result.exit_code == 2 and f"{name} exists" in unwrap(result.stderr)
    assert (tmp_path / name).read_text() == "mine"


def test_a_report_is_not_a_LaTeX_file(run, tmp_path):
    result = call(f"report '{run[0]}'", tmp_path / "table.tex")
    assert result.exit_code == 2 and "--out must be an HTML file, got" in unwrap(result.stderr)
    assert not (tmp_path / "table.tex").exists()


def test_random_windows_print_a_warning(tmp_path):
    result = call(FAST + " --protocol random-windows --window 1 --folds 2", tmp_path)
    assert result.exit_code == 0 and result.stderr.count("Warning: ") == 1
    assert "same trial" in unwrap(result.stderr)
    scores = pd.read_csv(tmp_path / "results.csv")
    assert set(scores["protocol"]) == {"random_windows"}
    assert scores["n_test"][:2].sum() == 3 * 16 * 4  # windows
    assert "random windows (leaky)" in (tmp_path / "report.html").read_text("utf8")


def test_subjects_of_pooled_folds_are_compared(tmp_path):
    result = call(FAST + " --folds 2 --baselines majority", tmp_path)
    assert result.exit_code == 0, result.output
    predictions = pd.read_csv(tmp_path / "predictions.csv", keep_default_na=False)
    table = compare(score_by_subject(predictions))
    assert table["n_subjects"].tolist() == [3, 3]
    assert f"3  {table['mean'][0]:.2f}" in result.output


def test_label_names_are_written_and_default_channels_are_printed(tmp_path):
    arguments = "evaluate --data eegmat --models band-power-lda --baselines none --folds 2"
    assert "Channels: Fp1, Fp2, F3, F4." in call(arguments, tmp_path).output
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert set(predictions["y_true"]) == {"rest", "arithmetic"}
    assert {"proba_rest", "proba_arithmetic"} <= set(predictions)
    for names in ({}, {"rest": "a"}, {"rest": "a", "arithmetic": "a"}):
        assert name_labels(predictions, names) is predictions


def test_failed_folds_are_reported_and_the_rest_is_written(tmp_path):
    result = call(
        FAST.replace("lda", "lda,SleepStagerBlanco2020") + " --baselines majority", tmp_path
    )
    assert result.exit_code == 1
    assert "Warning: 3 of 9 fits failed" in result.stderr
    assert "9 fits: 0 cached, 6 run, 3 failed." in result.output
    assert (tmp_path / "report.html").exists()


def test_without_any_score_there_is_no_report_of_an_earlier_evaluation(tmp_path):
    call(FAST + " --baselines none", tmp_path)
    result = call(
        FAST.replace("band-power-lda", "SleepStagerBlanco2020") + " --baselines none", tmp_path
    )
    assert result.exit_code == 1
    assert "no model has a score" in result.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert not {"report.html", "table.tex", "predictions.csv"} & names
    assert call(f"report '{tmp_path}'").exit_code == 2


def test_leakage_is_reported_without_a_fit():
    result = call("leakage --data simulation --protocol random-windows --window 1")
    assert result.exit_code == 0
    assert re.search(r"^trial +5/5 +100 %  leak$", result.output, re.MULTILINE)
    assert re.search(r"^window overlap +- +-  unknown: .*'recording'$", result.output, re.MULTILINE)
    assert "trial, for example fold 0: trial" in result.output
    assert re.search(r"^label from duration   unknown: .*'duration'$", result.output, re.MULTILINE)
    amplitude = (
        r"^label from amplitude  predicted: balanced accuracy 0\.9\d \(chance level 0\.50\)$"
    )
    assert re.search(amplitude, result.output, re.MULTILINE)
    assert result.output.endswith("label from order      not predicted\n")
    assert max(map(len, result.output.splitlines())) < 80


def test_the_effect_of_the_split_is_measured(tmp_path):
    result = call("leakage --data simulation --subjects 0-2 --window 1 --folds 2 --gap", tmp_path)
    assert result.exit_code == 0, result.output
    gap = pd.read_csv(tmp_path / "gap.csv")
    assert gap["split"].tolist() == ["random windows", "trials", "subjects"] * 2
    assert "The same model scores 1.00 when split by random windows" in unwrap(result.output)
    assert (tmp_path / "gap.png").read_bytes().startswith(b"\x89PNG")
    names = ["gap.csv", "gap.png", "leakage.csv", "leakage.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert call(f"leakage --data eegmat --out '{tmp_path}'").exit_code == 0  # its own folder
    assert sorted(path.name for path in tmp_path.iterdir()) == names[2:]


def test_a_leakage_report_does_not_replace_that_of_an_evaluation(run):
    before = (run[0] / "leakage.csv").read_bytes()
    result = call("leakage --data eegmat", run[0])
    assert result.exit_code == 2
    assert "leakage.csv exists and was not written by skmamba, or by another" in unwrap(
        result.stderr
    )
    assert (run[0] / "leakage.csv").read_bytes() == before


def test_the_leakage_report_is_of_the_channels_of_the_model(tmp_path, monkeypatch):
    report, reported = "leakage --data simulation --picks {}", []
    original = evaluation.leakage_report
    monkeypatch.setattr(
        evaluation, "leakage_report", lambda cv, X: reported.append(X.ch_names) or original(cv, X)
    )
    assert call(report.format("Fp1,F3")).exit_code == 0
    assert call(f"{FAST} --picks F4 --baselines none", tmp_path).exit_code == 0
    assert reported == [("Fp1", "F3"), ("F4",)]
    result = call(report.format("Fp9"))
    assert result.exit_code == 2 and "picks must be channels of X" in unwrap(result.stderr)


def test_a_report_of_a_folder_is_the_same_again(run, tmp_path):
    out, _ = run
    before = {name: (out / name).read_bytes() for name in ("report.html", "table.tex")}
    assert call(f"report '{out}'").exit_code == 0
    assert {name: (out / name).read_bytes() for name in before} == before
    assert call(f"report '{out}' --score roc_auc", tmp_path / "auc.html").exit_code == 0
    assert "ROC AUC" in (tmp_path / "auc.tex").read_text("utf8")


@pytest.mark.parametrize(
    "subjects", [["01", "02", "03", "0.5"], [10, 9, 8, 7], ["NA", "a", "b", "1"]]
)
def test_a_report_of_saved_results_is_that_of_the_results(tmp_path, subjects):
    trials = simulate_trials(n_subjects=4, n_trials=6)
    trials.metadata["subject"] = trials.metadata["subject"].map(dict(enumerate(subjects)))
    models = {"NA": make_models("band-power-lda", trials)["band-power-LDA"]}
    results = evaluate(models, trials, verbose=False, baselines=["majority"])
    results.predictions[["y_true", "y_pred"]] += 1
    names = {1: "nan", 2: "1"}
    named = results.predictions.replace({"y_true": names, "y_pred": names})
    results = EvaluationResults(results.scores, named)
    expected = write_report(results, tmp_path / "expected.html").read_bytes()
    results.scores.to_csv(tmp_path / "results.csv", index=False)
    results.predictions.to_csv(tmp_path / "predictions.csv", index=False)
    result = call(f"report '{tmp_path / 'results.csv'}'")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "report.html").read_bytes() == expected


def test_a_report_of_ratings_compares_models_by_a_score_of_ratings(tmp_path):
    trials = simulate_trials(n_subjects=4, n_trials=6)
    ratings = np.random.default_rng(0).uniform(1, 9, size=24)
    rated = trials.derive(y=ratings)
    models = {"ridge": make_pipeline(FunctionTransformer(lambda X: X.std(-1)), Ridge())}
    evaluate(models, rated, verbose=False).to_csv(tmp_path)
    result = call(f"report '{tmp_path}' --score ccc")
    assert result.exit_code == 0, result.output
    assert "CCC" in (tmp_path / "report.html").read_text("utf8")


def test_several_seeds_are_evaluated_together_or_joined_later(tmp_path):
    run = FAST + " --baselines stratified"
    both = call(f"{run} --seed 0-1", tmp_path / "both")
    assert both.exit_code == 0, both.output
    assert "12 fits: 0 cached, 12 run, 0 failed." in both.output
    spread = "Standard deviation of the mean over seeds: band-power-LDA 0.000."
    assert spread in unwrap(both.output)
    for seed in (0, 1):
        assert call(f"{run} --seed {seed}", tmp_path / str(seed)).exit_code == 0
    joined = call(f"report '{tmp_path / '0'}' '{tmp_path / '1'}'", tmp_path / "joined.html")
    assert joined.exit_code == 0, joined.output
    for name, other in (("joined.html", "report.html"), ("joined.tex", "table.tex")):
        written = (tmp_path / name).read_text("utf8")
        assert spread in written
        table = written[: written.index("Difference")]
        assert table == (tmp_path / "both" / other).read_text("utf8")[: len(table)]


def test_runs_on_other_windows_are_joined_under_names_of_their_own(run, tmp_path):
    for name, exit_code in (("simulation", 2), ("long windows", 0)):
        call(f"{FAST} --window 2 --name '{name}'", tmp_path / name)
        both = call(f"report '{run[0]}' '{tmp_path / name}'", tmp_path / "both.html")
        assert both.exit_code == exit_code, both.output
        assert ("or with --name." in unwrap(both.output)) == (exit_code == 2)
    page = (tmp_path / "both.html").read_text("utf8")
    assert "Shared by training and test data: long windows, cross_subject" in page


def test_several_results_become_parts_of_one_page(run, tmp_path):
    call(FAST + " --protocol within-subject --folds 2 --baselines majority", tmp_path / "within")
    arguments = f"report '{run[0]}' '{tmp_path / 'within'}'"
    both = call(arguments, tmp_path / "both.html")
    assert both.exit_code == 0, both.output
    page = (tmp_path / "both.html").read_text("utf8")
    assert "Shared by training and test data: simulation, within_subject" in page
    assert "Shared by training and test data: simulation, cross_subject" in page
    respelled = run[0] / ".." / run[0].name
    assert call(f"report '{run[0]}' '{respelled}'", tmp_path / "twice.html").exit_code == 0
    once = (run[0] / "report.html").read_bytes()
    assert (tmp_path / "twice.html").read_bytes() == once
    assert "require --out" in call(arguments).stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "must be a table written by skmamba"), ("x,y\n1,2\n", "missing columns: estimator")],
)
def test_other_tables_are_an_error(tmp_path, content, message):
    (tmp_path / "results.csv").write_text(content)
    result = call(f"report '{tmp_path}'")
    assert result.exit_code == 2
    assert message in unwrap(result.stderr)


def test_models_are_listed():
    assert call("models").output.split() == list_models()
    assert re.fullmatch(r"skmamba, version \d+\.\d+\S*\n", call("--version").output)


@pytest.mark.parametrize("command", ["", "evaluate", "leakage", "fit", "report", "models"])
def test_the_examples_of_the_help_are_valid(command):
    _, _, examples = call(f"{command} --help").output.partition("Example")
    lines = [line.strip() for line in examples.replace("\\\n", "").splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("skmamba ")]
    assert commands
    for name, *words in commands:
        if name in main.commands:
            main.commands[name].make_context(name, words)


def test_help_imports_no_heavy_package():
    code = (
        "import sys\nfrom skmamba.cli import main\n"
        "try:\n    main(['evaluate', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'pandas', 'numpy', 'sklearn', 'mne', 'matplotlib', 'jinja2'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Examples:" in done.stdout
    assert "heavy: []" in done.stdout


def test_the_package_runs_as_a_module():
    words = [sys.executable, "-m", "skmamba", "models"]
    assert "MS-iMamba" in subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("evalaute", "No such command 'evalaute'. Did you mean 'evaluate'?"),
        ("evaluate --protocl x", "--protocol"),
        (f"{FAST} --protocol cross-subjekt", "'cross-subjekt'. Did you mean 'cross-subject'?"),
        ("evaluate --data eegmatt", "No such data set 'eegmatt'. Did you mean 'eegmat'?"),
        (f"{FAST} --baselines majorty", "'majorty'. Did you mean 'majority'?"),
        (f"{FAST} --models EEGNett", "EEGNet"),
        (f"{FAST} --picks Fp7", "Fp2"),
        ("evaluate --data deap", "requires --path: data_preprocessed_python"),
        ("evaluate --data deap --path /not/there", "/not/there"),
        ("evaluate --data deap --path /not/there --models EEGNett", "EEGNet"),
        ("evaluate --data eegmat --path x", "--path requires deap"),
        ("leakage --data eegmat --gap --model All", "--gap requires one model"),
        ("leakage --data eegmat --model EEGNet", "--model requires --gap"),
        ("leakage --data eegmat --epochs 5", "--epochs requires --gap"),
        ("leakage --data eegmat --jobs 0", "--jobs must be -1 or a positive number, got 0"),
        ("leakage --data eegmat --gap --adaptation causal", "--gap cannot be used with --adapt"),
        ("evaluate --data eegmat --target valence", "--target requires deap or dreamer"),
        *(
            (f"evaluate --data simulation --subjects {given}", "list of numbers below 10**9")
            for given in ("3-1", "one", "1-999999999", "1-")
        ),
        *(
            (f"evaluate --data simulation {option} {value}", "must be a finite number")
            for option in ("--window", "--stride", "--seconds", "--threshold", "--tmin")
            for value in ("inf", "nan")
        ),
        ("evaluate --data eegmat --ties low", "--ties requires deap or dreamer, got eegmat"),
        ("evaluate --data deap --path x --seconds 3", "--seconds requires dreamer or seed"),
        ("evaluate --data deap --path x --threshold much", "much"),
        ("evaluate --data raws --path x", "--data raws requires --seconds: the length"),
        ("evaluate --data raws --path /not/there --seconds 2", "/not/there"),
        (
            f"evaluate --data raws --path '{Path(__file__).parent}' --seconds 2",
            "recordings (.fif, .edf",
        ),
        ("evaluate --data bids --path x --seconds 2", "--data bids requires --task"),
        ("evaluate --data bids --path /not/there --seconds 2 --task a", "/not/there"),
        ("evaluate --data seed --path x --adaptation reference", "requires eegmat, deap, dreamer"),
        (
            "evaluate --data raws --path x --seconds 2 --adaptation reference",
            "requires --reference",
        ),
        ("evaluate --data raws --path x --seconds 2 --reference rest", "requires --adaptation"),
        ("evaluate --data eegmat --adaptation rest", "No such adaptation 'rest'"),
        ("fit --data eegmat --model all", "must be MS-iMamba or one network of braindecode"),
        ("fit --data eegmat --model DLinear", "got DLinear"),
        ("evaluate --data simulation --subjects 7-9", "must be among 0, 1, 2"),
        ("evaluate --data simulation --protocol first-trials --folds 3", "--folds cannot be used"),
        ("evaluate --data simulation --first 3", "--first requires first-trials"),
        ("evaluate --data simulation --protocol cross-session", "session"),
        (f"{FAST} --folds 4", "at least 4 different values of 'subject'"),
        ("evaluate --data simulation --window 9", "1152"),
        ("report /not/there", "/not/there: No such file or directory"),
    ],
)
def test_an_invalid_request_is_one_line_and_exit_code_2(arguments, message, tmp_path):
    result = call(arguments, tmp_path / "out")
    assert result.exit_code == 2
    assert message in unwrap(result.stderr)
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_an_error_before_the_data_are_read(tmp_path):
    (tmp_path / "file").touch()
    result = call("evaluate --data deap --path /not/there", tmp_path / "file/out")
    assert result.exit_code == 2
    assert "/file" in result.stderr and "/not/there" not in result.stderr


def test_an_invalid_file_is_one_line_and_exit_code_1(deap):
    (deap / "s01.dat").write_text("broken")
    result = call(f"leakage --data deap --path '{deap}'")
    assert result.exit_code == 1 and "s01.dat" in result.stderr


def test_an_interrupted_evaluation_tells_how_to_resume(tmp_path, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("skmamba.evaluation.evaluate", stop)
    result = call(FAST, tmp_path)
    assert result.exit_code == 130
    assert "resume from the cached folds" in result.stderr


def test_the_traceback_of_an_error_can_be_shown(tmp_path):
    with pytest.raises(FileNotFoundError, match="not there"):
        call(f"--traceback report '{tmp_path / 'not there'}'")
