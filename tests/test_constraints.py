"""Pinned versions of constraints.txt."""

import sys
import tomllib
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import skmamba

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
OLDEST_PYTHON = PROJECT["requires-python"].removeprefix(">=") + ".0"
PINS = {
    canonicalize_name(name): version
    for name, version in (
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text("utf8").splitlines()
        if line and not line.startswith("#")
    )
}


def test_pinned_versions_support_the_oldest_python():
    pinned = [
        package
        for package in distributions()
        if PINS.get(canonicalize_name(package.name)) == package.version.split("+")[0]
    ]
    if Path(sys.prefix).parent != ROOT:
        pytest.skip("needs the environment that make creates from constraints.txt")
    assert len(pinned) > 50
    for package in pinned:
        python = package.metadata.get("Requires-Python", "")
        assert OLDEST_PYTHON in SpecifierSet(python), f"{package.name} requires Python {python}"


def test_the_version_to_cite_is_that_of_the_package():
    citation = (ROOT / "CITATION.cff").read_text("utf8")
    assert f"\nversion: {skmamba.__version__}\n" in citation


def test_every_requirement_is_pinned_to_an_allowed_version():
    extras = chain.from_iterable(PROJECT["optional-dependencies"].values())
    for requirement in map(Requirement, [*PROJECT["dependencies"], *extras]):
        if requirement.name not in ("skmamba", "mamba-ssm"):  # requires CUDA
            assert PINS[canonicalize_name(requirement.name)] in requirement.specifier, requirement
