"""Code blocks of the documentation pages, and the output that follows them."""

import re
import shlex
from pathlib import Path

import mne
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn import config_context

from skmamba.cli import main

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"^```shell\n([^`]*)^```\n\n```text\n(.*?)^```", re.DOTALL | re.MULTILINE)
SCORE = re.compile(r"[+-]?\d+\.\d+")
PAGES = {
    page.relative_to(DOCS).as_posix(): blocks
    for page in sorted(DOCS.rglob("*.md"))
    if "_build" not in page.parts and (blocks := BLOCK.findall(page.read_text("utf8")))
}


def test_pages_show_outputs():
    assert sum(bool(output) for blocks in PAGES.values() for _, output in blocks) > 50


@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page_prints_what_the_page_shows(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # pages may write files
    names = {}
    with config_context():  # pages may enable metadata routing
        for block, output in PAGES[page]:
            capsys.readouterr()
            exec(compile(block, page, "exec"), names)
            if output:
                assert_shown(capsys.readouterr().out, output)


SHELL_BLOCKS = SHELL.findall((DOCS / "user_guide/command_line.md").read_text("utf8"))


@pytest.mark.parametrize(("block", "output"), SHELL_BLOCKS, ids=["evaluate", "leakage"])
def test_last_command_of_a_shell_block_prints_what_the_page_shows(
    block, output, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)  # results are written there
    program, *arguments = shlex.split(block.replace("\\\n", " ").splitlines()[-1])
    assert program == "skmamba"
    with mne.use_log_level("ERROR"):  # under pytest, MNE also prints warnings
        printed = CliRunner().invoke(main, arguments, catch_exceptions=False).stdout
    assert_shown(printed, output)


def assert_shown(printed, shown):
    """Compare texts: words and integers are equal, scores differ by rounding on another CPU."""
    scores = [[float(value) for value in SCORE.findall(text)] for text in (printed, shown)]
    np.testing.assert_allclose(*scores, atol=0.1)
    words = [SCORE.sub("", text).split() for text in (printed, shown)]
    assert words[0] == words[1]
