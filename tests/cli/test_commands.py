"""The four commands: what they write, what they say, and how they end."""

import json
import re
import shlex
import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner

from skmamba import evaluate, make_models
from skmamba.cli import main
from skmamba.datasets import simulate_trials
from skmamba.evaluation import LeakageWarning
from skmamba.pipelines import list_models
from skmamba.report import write_report

FILES = [
    *("evaluation.json", "folds", "leakage.csv", "predictions.csv", "report.html", "results.csv"),
    "table.tex",
]
FAST = "evaluate --data simulation --models band-power-lda --subjects 0-2"


def flat(text):
    """Text without line breaks, which depend on the length of folders."""
    return re.sub(r"\s+", " ", text)


def test_every_file_is_there_and_holds_something(run):
    out, _ = run
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert all(path.stat().st_size for path in out.rglob("*") if path.is_file())


def test_what_was_loaded_is_told(run):
    assert "<Trials of simulation: 48 trials x 4 channels" in flat(run[1])


def test_the_same_command_again_fits_nothing_and_writes_the_same(run):
    out, _ = run
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.rglob("*.*")}
    words = shlex.split(json.loads((out / "evaluation.json").read_text("utf8"))["command"])
    assert words[0] == "skmamba"
    again = CliRunner().invoke(main, words[1:], catch_exceptions=False)
    assert again.exit_code == 0
    assert "15 fits: 15 kept, 0 run, 0 failed." in again.output
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.rglob("*.*")}
    assert {path: content for path, (content, _) in after.items()} == {
        path: content for path, (content, _) in before.items()
    }
    folds = [path for path in after if path.parent.name == "folds"]
    assert len(folds) == 15
    assert all(after[path] == before[path] for path in folds)


def test_another_model_fits_what_is_new(call, tmp_path):
    call(FAST + " --baselines majority", tmp_path)
    more = call(FAST.replace("lda", "lda,EEGNet") + " --epochs 1 --baselines majority", tmp_path)
    assert "9 fits: 6 kept, 3 run, 0 failed." in more.output


def test_windows_can_be_scored_too(call, tmp_path):
    call(FAST + " --windows --baselines none", tmp_path)
    results = pd.read_csv(tmp_path / "results.csv")
    assert results["accuracy_windows"].notna().all()
    assert set(results["kind"]) == {"model"}


@pytest.mark.filterwarnings("always", category=LeakageWarning)
def test_random_windows_are_named_for_what_they_are(call, tmp_path):
    result = call(FAST + " --protocol random-windows --window 1 --folds 2", tmp_path)
    assert result.exit_code == 0
    assert result.stderr.count("training holds windows of the same trial") == 1
    assert "Warning: In 2 of 2 folds" in result.stderr
    results = pd.read_csv(tmp_path / "results.csv")
    assert set(results["protocol"]) == {"random_windows"}
    assert results["n_test"][:2].sum() == 3 * 16 * 4  # windows
    assert "random windows (leaky)" in (tmp_path / "report.html").read_text("utf8")


def test_failed_folds_are_told_and_the_rest_is_written(call, tmp_path):
    result = call(FAST.replace("lda", "lda,NoNetOfTheirs") + " --baselines majority", tmp_path)
    assert result.exit_code == 1
    assert "Warning: 3 of 9 fits failed" in result.stderr
    assert "9 fits: 0 kept, 6 run, 3 failed." in result.output
    assert "report.html" in {path.name for path in tmp_path.iterdir()}


def test_where_nothing_has_a_score_there_is_no_report_of_an_evaluation_before(call, tmp_path):
    call(FAST + " --baselines none", tmp_path)
    result = call(FAST.replace("band-power-lda", "NoNetOfTheirs") + " --baselines none", tmp_path)
    assert result.exit_code == 1
    assert "No model has a score" in result.stderr
    assert not {"report.html", "table.tex", "predictions.csv"} & {
        path.name for path in tmp_path.iterdir()
    }
    assert call(f"report '{tmp_path}'").exit_code == 2


def test_leaks_are_told_without_a_fit(call):
    result = call("leakage --data simulation --protocol random-windows --window 1")
    assert result.exit_code == 0
    assert re.search(r"^trial +5/5 +100 %  leak$", result.output, re.MULTILINE)
    assert re.search(r"^window overlap +0/5 +0 %  kept apart$", result.output, re.MULTILINE)
    assert "trial, for example fold 0: trial" in result.output
    assert max(map(len, result.output.splitlines())) < 80


def test_a_protocol_without_a_leak_has_none(call, deap):
    result = call(f"leakage --data deap --path '{deap}'")
    assert re.search(r"^trial +0/2 +0 %  kept apart$", result.output, re.MULTILINE)
    assert "2/2  100 %  shared: scores say nothing about new stimuli" in result.output


def test_a_report_from_the_file_is_that_from_the_frame(call, tmp_path):
    trials = simulate_trials(n_subjects=4, n_trials=6)
    models = make_models("band-power-lda", trials)
    evaluated = evaluate(models, trials, verbose=False)
    results, predictions = evaluated.scores, evaluated.predictions
    expected = write_report(results, tmp_path / "expected.html", predictions=predictions)
    results.to_csv(tmp_path / "results.csv", index=False)
    predictions.to_csv(tmp_path / "predictions.csv", index=False)
    result = call(f"report '{tmp_path / 'results.csv'}'")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "report.html").read_bytes() == expected.read_bytes()
    assert (tmp_path / "table.tex").read_text("utf8").count("band-power-LDA") >= 1


def test_a_folder_gives_the_same_report_again(call, run, tmp_path):
    out, _ = run
    before = {name: (out / name).read_bytes() for name in ("report.html", "table.tex")}
    assert call(f"report '{out}'").exit_code == 0
    assert {name: (out / name).read_bytes() for name in before} == before
    assert call(f"report '{out}' --score roc_auc", tmp_path / "auc.html").exit_code == 0
    assert "ROC AUC" in (tmp_path / "auc.tex").read_text("utf8")


def test_models_are_listed(call):
    assert call("models").output.split() == list_models()


def test_the_version_is_told(call):
    assert re.fullmatch(r"skmamba, version \d+\.\d+\S*\n", call("--version").output)


@pytest.mark.parametrize("command", ["", "evaluate", "leakage", "report", "models"])
def test_help_has_examples_that_the_command_understands(call, command):
    text = call(f"{command} --help").output
    _, _, examples = text.partition("Example")
    lines = examples.replace("\\\n", "").splitlines()
    found = [line.strip() for line in lines if line.strip().startswith("skmamba ")]
    assert found
    for example in found:
        words = shlex.split(example)[1:]
        if words[0] in main.commands:
            main.commands[words[0]].make_context(words[0], words[1:])


def test_help_waits_for_nothing_heavy():
    code = (
        "import sys\nfrom skmamba.cli import main\n"
        "try:\n    main(['evaluate', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'pandas', 'numpy', 'sklearn', 'mne', 'matplotlib', 'jinja2'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Examples:" in done.stdout
    assert "heavy: []" in done.stdout


def test_the_package_runs_as_a_module(tmp_path):
    words = [*shlex.split(FAST), "--baselines", "majority", "--jobs", "2", "--out", tmp_path]
    done = subprocess.run([sys.executable, "-m", "skmamba", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "6 fits: 0 kept, 6 run, 0 failed." in done.stdout
