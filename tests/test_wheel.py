"""The wheel holds all it needs: what is installed from it runs the README and the quickstart."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="builds the wheel")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
SHIPPED = ["skmamba", "README.md", "LICENSE", "pyproject.toml"]


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build from a copy, so that a build leaves nothing in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SHIPPED:
        source, target = ROOT / name, folder / "source" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    run(*PIP, "wheel", *options, str(folder / "source"))
    (path,) = folder.glob("skmamba-*.whl")
    return path


def test_the_wheel_holds_code_data_licences_and_the_mark_of_types(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "skmamba/py.typed" in names
    assert any(name.startswith("skmamba/datasets/data/eegmat") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "skmamba").rglob("*.py")}
    assert sources == {name for name in names if name.endswith(".py")}


def test_what_is_installed_runs_the_readme_and_the_quickstart(wheel, tmp_path):
    run(*PIP, "install", "--no-deps", "--target", str(tmp_path / "site"), str(wheel))
    (tmp_path / "elsewhere").mkdir()
    printed = run(
        *(sys.executable, "-P", str(ROOT / "tests/newcomer.py"), "--small"),
        cwd=tmp_path / "elsewhere",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
    )
    assert f"in {tmp_path / 'site' / 'skmamba'}" in printed
    assert "of trials right; chance is 0.50" in printed
    assert "10 calm, 10 fear" in printed
    assert printed.count("\nfear") + printed.count("\ncalm") == 7  # decisions on 5 s, every half
    assert printed.count("band-power-LDA") == 2  # of the README and of the quickstart
