"""The wheel: its content, and the README and the quickstart with what is installed from it."""

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
    """Build from a copy, so that the build leaves nothing in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SHIPPED:
        source, target = ROOT / name, folder / "source" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy(source, target)
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    run(*PIP, "wheel", *options, str(folder / "source"))
    (path,) = folder.glob("skmamba-*.whl")
    return path


def test_the_wheel_has_code_data_licences_and_type_marker(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "skmamba/py.typed" in names
    data = {"eegmat.npz", "eegmat_rest.npz", "eegmat.LICENSE.md"}
    assert data <= {name.removeprefix("skmamba/datasets/data/") for name in names}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "skmamba").rglob("*.py")}
    assert sources == {name for name in names if name.endswith(".py")}


def test_the_installed_wheel_runs_the_readme_and_the_quickstart(wheel, tmp_path):
    run(*PIP, "install", "--no-deps", "--target", str(tmp_path / "site"), str(wheel))
    (tmp_path / "empty").mkdir()
    printed = run(
        *(sys.executable, "-P", str(ROOT / "tests/run_readme.py"), "--small"),
        cwd=tmp_path / "empty",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site"), "LOKY_MAX_CPU_COUNT": "1"},
    )
    assert f"in {tmp_path / 'site' / 'skmamba'}" in printed
    assert "chance level 0.50" in printed
    assert "slidingwindows__window_size" in printed
    assert printed.count("band-power-LDA") == 2  # in the tables of the README and the quickstart
