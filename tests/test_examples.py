"""What newcomers run first: the quickstart and the README."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold

from skmamba import load_deap, simulate_trials, write_fake_deap

ROOT = Path(__file__).parents[1]


def load_example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"examples/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def quickstart():
    return load_example("quickstart")


def test_band_power_finds_the_band_of_a_rhythm(quickstart):
    time = np.arange(256) / 128
    alpha = np.sin(2 * np.pi * 10 * time)[None, None]
    noise = 1e-3 * np.random.default_rng(0).normal(size=(1, 1, 256))
    features = quickstart.log_band_power(alpha + noise, sfreq=128)
    assert list(quickstart.BANDS)[features.argmax()] == "alpha"


def test_quickstart_scores_every_model_on_every_subject_once(quickstart, tmp_path):
    trials = simulate_trials(n_subjects=4, n_trials=4, n_times=512, effect=2.0)
    models = quickstart.make_models(trials)
    for name in ("MS-iMamba", "EEGNet (braindecode)"):
        models[name][-1].set_params(max_epochs=1)
    results = quickstart.evaluate(models, trials, GroupKFold(2))
    assert all(sorted(rows) == [0, 1, 2, 3] for _, rows in results.groupby("model")["subject"])
    table = quickstart.summarise(results)
    assert list(table.index) == [
        "MS-iMamba",
        "EEGNet (braindecode)",
        "band power + LDA",
        "majority (chance)",
    ]
    lda = results[results["model"] == "band power + LDA"]
    assert lda["trials"].mean() > 0.8  # the planted difference is one of band power
    chance = results[results["model"] == "majority (chance)"]
    assert chance[["trials", "windows"]].eq(0.5).all(axis=None)

    quickstart.draw(results, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_summary_is_mean_and_spread_over_subjects(quickstart):
    results = pd.DataFrame(
        {
            "model": ["a", "a"],
            "subject": [0, 1],
            "trials": [0.5, 1.0],
            "windows": [0.6, 0.8],
            "fit seconds": [1.0, 2.0],
        }
    )
    row = quickstart.summarise(results).loc["a"]
    assert row["balanced accuracy, trials"] == "0.75 ± 0.35"
    assert row["balanced accuracy, windows"] == "0.70 ± 0.14"
    assert row["fit seconds"] == 1.5


def test_own_recordings_go_from_files_to_a_score_above_the_majority(capsys):
    load_example("own_recordings").main()
    printed = capsys.readouterr().out
    assert "120 trials x 6 channels x 640 time points (5 s at 128 Hz), 6 subjects" in printed
    accuracy, majority = (
        float(re.search(rf"{word} (\d\.\d\d)", printed)[1]) for word in ("accuracy", "majority")
    )
    assert majority == 0.5
    assert 0.65 < accuracy < 1  # the planted difference is hard enough to miss some


def test_every_python_block_of_the_readme_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf8"), re.DOTALL)
    assert len(blocks) >= 4
    # the same lines on less data: invented, and with the channels of EEGMAT
    small = "simulate_trials(n_subjects=4, n_trials=4, n_channels=19)"
    source = "\n".join(blocks).replace("load_eegmat()", small)
    source = source.replace(", load_eegmat\n", ", simulate_trials\n").replace(", n_jobs=-1", "")
    exec(compile(source, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "of trials right; chance is 0.50" in printed
    assert "10 calm, 10 fear" in printed
    assert "log power" in printed


def test_deap_loso_scores_every_subject_once(tmp_path):
    write_fake_deap(tmp_path, n_subjects=3, n_trials=8, n_times=384 + 512)
    results = load_example("deap_loso").score(load_deap(tmp_path), max_epochs=1)
    assert all(len(result["test_accuracy"]) == 3 for result in results.values())
    assert (results["majority"]["test_balanced_accuracy"] == 0.5).all()
