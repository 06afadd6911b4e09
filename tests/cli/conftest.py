"""The command, called in this process, and what it made once for all tests."""

import shlex

import pytest
from click.testing import CliRunner

from skmamba.cli import main
from skmamba.datasets import write_fake_deap


@pytest.fixture(scope="session")
def call():
    """Run the command; what is unexpected is raised here."""

    def call(arguments, out=None):
        words = shlex.split(arguments) + ([] if out is None else ["--out", str(out)])
        return CliRunner().invoke(main, words, catch_exceptions=False)

    return call


@pytest.fixture(scope="session")
def run(call, tmp_path_factory):
    """One evaluation of two models: its folder, and what it printed."""
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
