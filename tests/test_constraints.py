"""The reproducible set: it must install wherever skmamba says it runs."""

import tomllib
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

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


def test_what_is_pinned_runs_on_the_oldest_python():
    pinned = [
        package
        for package in distributions()
        if PINS.get(canonicalize_name(package.name)) == package.version.split("+")[0]
    ]
    assert len(pinned) > 50  # of those that are installed
    for package in pinned:
        python = package.metadata.get("Requires-Python", "")
        assert OLDEST_PYTHON in SpecifierSet(python), f"{package.name} needs Python {python}"


def test_all_that_is_asked_for_is_pinned_as_it_may_be():
    extras = chain.from_iterable(PROJECT["optional-dependencies"].values())
    for wanted in map(Requirement, [*PROJECT["dependencies"], *extras]):
        if wanted.name not in ("skmamba", "mamba-ssm"):  # itself; CUDA has a torch of its own
            assert PINS[canonicalize_name(wanted.name)] in wanted.specifier, wanted
