"""From options to trials, a splitter and models."""

import re
from types import SimpleNamespace

import pandas as pd
import pytest

from skmamba.cli import main
from skmamba.cli._data import load_data
from skmamba.pipelines import list_models


def flat(text):
    """Text without line breaks, which depend on the length of folders."""
    return re.sub(r"\s+", " ", text)


def test_files_of_a_data_set_are_read_for_the_channels_asked_for(call, deap, tmp_path):
    result = call(
        f"evaluate --data deap --path '{deap}' --target arousal --channels frontal4 "
        "--protocol cross_stimulus --folds 2 --models band-power-lda",
        tmp_path / "out",
    )
    assert result.exit_code == 0, result.output
    assert "12 trials x 4 channels x 640 time points" in flat(result.output)
    assert "target arousal" in flat(result.output)
    results = pd.read_csv(tmp_path / "out/results.csv")
    assert set(results["protocol"]) == {"cross_stimulus"}
    assert set(results["held_out"]) == {"3 stimuli"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("evaluate --data deap", "needs --path: the folder data_preprocessed_python"),
        ("evaluate --data deap --path /not/there", "expected s01.dat to s32.dat"),
        ("evaluate --data deap --path /not/there --models EEGNett", "Nearest: EEGNet."),
        ("evaluate --data eegmat --path x", "comes with skmamba"),
        ("leakage --data eegmat --gap --model All", "--gap fits one model"),
        ("evaluate --data eegmat --target valence", "labels of its own"),
        ("evaluate --data simulation --subjects 3-1", "write 1-3"),
        ("evaluate --data simulation --subjects one", "no list such as 1,2,5 or 1-8"),
        ("evaluate --data simulation --subjects 7-9", "no subject 8, 9, only 0, 1"),
        ("evaluate --data simulation --protocol first-trials --folds 3", "sessions are folds"),
        ("evaluate --data simulation --first 3", "--first is for first-trials"),
        ("evaluate --data simulation --protocol cross-session", "at least 2 sessions"),
        ("evaluate --data simulation --window 9", "shorter than one window of size=1152"),
        ("report /not/there", "/not/there: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_ends_with_2(call, arguments, told, tmp_path):
    result = call(arguments, tmp_path / "out")
    assert result.exit_code == 2
    assert told in flat(result.stderr)
    assert "Traceback" not in result.output


def test_all_models_are_asked_for_by_one_word():
    words = ["--data", "eegmat", "--models", "all", "--out", "x"]
    asked = SimpleNamespace(**main.commands["evaluate"].make_context("evaluate", words).params)
    assert list(load_data(asked, asked.models)[1]) == list_models()
