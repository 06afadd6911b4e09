"""The house: who imports whom, what is public, and that docstrings tell the truth."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from numpydoc.docscrape import NumpyDocString

import skmamba

PACKAGE = Path(skmamba.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
# Who may import whom. Rooms beside each other do not; a new arrow is a decision.
ARROWS = {
    "_arguments": set(),
    "_bids": set(),
    "_epochs": set(),
    "_groups": set(),
    "_restore": set(),
    "_results": set(),
    "_types": set(),
    "_windows": set(),
    "trials": {"_bids", "_epochs", "_types", "_windows"},
    "datasets": {"_arguments", "_types", "trials"},
    "preprocessing": {"_arguments", "_epochs", "_groups", "_restore", "_types", "_windows"},
    "modules": set(),
    "rivals": {"modules"},
    "classifiers": {"_arguments", "modules", "_epochs", "_groups", "_restore", "_types"},
    "evaluation": {"_arguments", "trials", "_groups", "_results", "_types"},
    "inspection": {"_arguments", "_epochs", "_types", "trials"},
    "plots": {"_epochs", "_results"},
    "registry": {"_types", "classifiers", "preprocessing", "rivals"},
    "saving": {
        "_arguments",
        "_epochs",
        "_types",
        "classifiers",
        "modules",
        "preprocessing",
        "trials",
    },
    "streaming": {"preprocessing", "_windows"},
    "report": {"_types", "evaluation", "plots"},
    "cli": {"datasets", "evaluation", "plots", "registry", "report", "trials"},
    "__main__": {"cli"},
}
ROOMS = [
    "classifiers",
    "datasets",
    "evaluation",
    "inspection",
    "modules",
    "plots",
    "preprocessing",
    "registry",
    "report",
    "rivals",
    "saving",
    "streaming",
]
# Heavy packages that only one file, or folder, may name, at the moment it needs them.
ONE_DOOR = {
    "mne": "_epochs.py",
    "mne_bids": "_bids.py",
    "braindecode": "classifiers/_braindecode.py",
    "mamba_ssm": "modules/_backends.py",
    "pyriemann": "registry.py",
    "captum": "inspection/_attribution.py",
    "safetensors": "saving/_model.py",
    "onnx": "saving/_onnx.py",
    "onnxruntime": "saving/_onnx.py",
    "onnxscript": "saving/_onnx.py",
    "huggingface_hub": "saving/_hub.py",
    "click": "cli/",
}


def imported_names(source, package):
    """Absolute names of all that a source file of a package imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def imports_of(path):
    package = ".".join(["skmamba", *path.relative_to(PACKAGE).parts[:-1]])
    return imported_names(path.read_text(encoding="utf-8"), package)


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def public_objects():
    """Every public class and function, once, by its name."""
    found = {}
    for module in [skmamba, *(importlib.import_module(f"skmamba.{room}") for room in ROOMS)]:
        for name in module.__all__:
            found[getattr(module, name)] = name
    return {name: thing for thing, name in found.items()}


def public_callables():
    """Public functions, classes and our methods and properties of them, by dotted name."""
    for name, thing in public_objects().items():
        yield name, thing
        if inspect.isclass(thing):
            for attribute, member in inspect.getmembers(thing):
                function = member.fget if isinstance(member, property) else member
                ours = (getattr(function, "__module__", None) or "").startswith("skmamba")
                if ours and not attribute.startswith("_") and callable(function):
                    yield f"{name}.{attribute}", member


PUBLIC = dict(public_callables())


# The import map


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import torch.nn", {"torch.nn"}),
        ("from torch import nn", {"torch.nn"}),
        ("from .._epochs import as_array", {"skmamba._epochs.as_array"}),
        ("from .. import _epochs, trials", {"skmamba._epochs", "skmamba.trials"}),
        ("from ._base import x", {"skmamba.classifiers._base.x"}),
        ("from . import _base", {"skmamba.classifiers._base"}),
        ("from skmamba.datasets import x", {"skmamba.datasets.x"}),
        ("import skmamba.datasets as d", {"skmamba.datasets"}),
        ("def f():\n    from ..datasets import x", {"skmamba.datasets.x"}),
    ],
)
def test_the_map_sees_every_way_to_import(statement, expected):
    assert imported_names(statement, "skmamba.classifiers") == expected


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_map(path):
    room = room_of(path)
    if room == "__init__":
        return  # the front door leads to every room
    assert room in ARROWS, f"{room} is a new room: say in ARROWS what it may import"
    ours = {name.split(".")[1] for name in imports_of(path) if name.startswith("skmamba.")}
    new = ours - {room} - ARROWS[room]
    assert not new, f"{room} may not import {', '.join(new)}"


def test_every_room_of_the_map_is_there():
    assert {room_of(path) for path in SOURCES} == {*ARROWS, "__init__"}


def test_the_map_has_no_way_round():
    def reach(room):
        return ARROWS[room].union(*(reach(next_room) for next_room in ARROWS[room]))

    for room in ARROWS:
        assert room not in reach(room)


@pytest.mark.parametrize(("package", "door"), ONE_DOOR.items())
def test_heavy_packages_have_one_door(package, door):
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in SOURCES
        if any(name.split(".")[0] == package for name in imports_of(path))
    }
    if door.endswith("/"):
        users = {door if user.startswith(door) else user for user in users}
    assert users == {door}


def test_networks_know_nothing_but_torch():
    outside = {
        name.split(".")[0]
        for path in SOURCES
        if room_of(path) in ("modules", "rivals")
        for name in imports_of(path)
    }
    assert outside - set(sys.stdlib_module_names) == {"skmamba", "torch", "mamba_ssm"}


# Import time


def run_fresh(statement):
    """Seconds of a statement in a new process, and the packages loaded after it."""
    code = (
        "import json, sys, time\n"
        "start = time.perf_counter()\n"
        f"{statement}\n"
        "seconds = time.perf_counter() - start\n"
        "print(json.dumps([seconds, sorted({name.split('.')[0] for name in sys.modules})]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    seconds, packages = json.loads(done.stdout)
    return seconds, set(packages)


def test_import_is_instant():
    seconds = []
    while len(seconds) < 6 and min(seconds, default=1) >= 0.15:  # the machine may be busy
        seconds.append(run_fresh("import skmamba")[0])
    assert min(seconds) < 0.15


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import skmamba", "numpy pandas sklearn torch skorch mne matplotlib braindecode"),
        ("import skmamba; dir(skmamba)", "numpy pandas sklearn torch skorch mne matplotlib"),
        (
            "from skmamba import Trials, ChannelPicker, SlidingWindows, simulate_trials\n"
            "SlidingWindows(64).fit_transform(simulate_trials().X)",
            "torch skorch mne matplotlib braindecode",
        ),
        ("import skmamba; skmamba.modules", "pandas sklearn skorch mne braindecode"),
        ("import skmamba; skmamba.MSiMambaClassifier", "mne matplotlib braindecode"),
    ],
)
def test_nothing_is_loaded_before_it_is_needed(statement, absent):
    loaded = run_fresh(statement)[1]
    assert "skmamba" in loaded
    assert loaded.isdisjoint(absent.split())


# Public names


@pytest.mark.parametrize("name", skmamba.__all__)
def test_public_names_resolve_to_the_thing_of_that_name(name):
    thing = getattr(skmamba, name)
    assert thing.__name__ == name
    assert thing is getattr(importlib.import_module(f"skmamba.{skmamba._HOMES[name]}"), name)


@pytest.mark.parametrize("room", ROOMS)
def test_names_of_a_room_resolve_and_are_ours(room):
    module = importlib.import_module(f"skmamba.{room}")
    assert module.__all__
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name).__module__.split(".")[:2] == ["skmamba", room]


def test_the_lazy_map_holds_exactly_the_public_names():
    assert sorted(skmamba._HOMES) == sorted(skmamba.__all__)


def test_type_checkers_see_the_names_that_load_lazily():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block, lazy = (node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == skmamba._HOMES | dict.fromkeys(skmamba._ROOMS)
    assert ast.unparse(lazy.test) == "not TYPE_CHECKING"  # or every name would be one for them


def test_what_the_rooms_offer_is_at_the_front_door_but_for_networks():
    offered = {
        name for room in ROOMS for name in importlib.import_module(f"skmamba.{room}").__all__
    }
    inner = {*skmamba.modules.__all__, *skmamba.rivals.__all__}
    assert offered - inner == set(skmamba.__all__) - {"Trials"}


def test_dir_lists_names_and_rooms():
    assert {*skmamba.__all__, *ROOMS, "trials"} <= set(dir(skmamba))
    for name in dir(skmamba):
        getattr(skmamba, name)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'skmamba' has no attribute 'Mamba3'"):
        skmamba.Mamba3  # noqa: B018


# Docstrings


def documented_parameters(thing):
    """Name to type and default, as numpydoc reads them; several names may share a line."""
    parameters = {}
    for entry in NumpyDocString(inspect.cleandoc(thing.__doc__))["Parameters"]:
        names = [name.strip().lstrip("*") for name in entry.name.split(",")]
        kind, _, default = entry.type.partition("default=")
        defaults = default.split(", ") if len(names) > 1 else [default]  # one each, or for all
        defaults *= len(names) // len(defaults)
        for name, default in zip(names, defaults, strict=True):
            assert name not in parameters, f"{name} is documented twice"
            parameters[name] = kind.rstrip(", "), default
    return parameters


def signature_of(thing):
    """Parameters without self."""
    parameters = dict(inspect.signature(thing).parameters)
    parameters.pop("self", None)
    return parameters


def test_the_tests_below_see_classes_functions_and_inherited_methods():
    assert {
        "Trials",
        "Trials.select",
        "load_eegmat",
        "SlidingWindows.transform",
        "SlidingWindows.set_output",
        "MSiMamba.forward",
        "MSiMambaClassifier.fit",
        "MSiMambaClassifier.predict_proba",
        "selective_scan",
    } <= set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_says_what_it_does_in_a_line(name):
    thing = PUBLIC[name]
    assert thing.__doc__, f"{name} has no docstring"
    summary = inspect.cleandoc(thing.__doc__).split("\n\n")[0]
    assert "\n" not in summary
    assert summary.endswith(".")


@pytest.mark.parametrize("name", PUBLIC)
def test_documented_parameters_are_those_of_the_signature(name):
    thing = PUBLIC[name]
    if isinstance(thing, property):
        return
    assert sorted(documented_parameters(thing)) == sorted(signature_of(thing))


@pytest.mark.parametrize("name", PUBLIC)
def test_documented_defaults_are_those_of_the_signature(name):
    thing = PUBLIC[name]
    if isinstance(thing, property):
        return
    signature = signature_of(thing)
    for parameter, (kind, told) in documented_parameters(thing).items():
        default = signature[parameter].default
        if kind in ("", "ignored"):  # told elsewhere, or of no interest
            assert not told
        elif default is inspect.Parameter.empty:
            assert not told, f"{parameter} has no default"
        elif default is None and told in signature:
            continue  # None stands for the value of another parameter
        elif repr(default) == "<factory>":
            assert told == "{}"
        else:
            assert told, f"the default of {parameter} is not told"
            assert told == repr(default) or ast.literal_eval(told) == default


# Data in the wheel


@pytest.mark.parametrize(
    ("package", "resource"),
    [
        ("skmamba", "py.typed"),
        ("skmamba.datasets", "data/eegmat.npz"),
        ("skmamba.datasets", "data/eegmat.LICENSE.md"),
    ],
)
def test_resources_come_with_the_package(package, resource):
    assert (files(package) / resource).is_file()
