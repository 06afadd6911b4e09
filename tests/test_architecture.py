"""Import rules, import time, and the lazily loaded public names."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest

import skmamba

PACKAGE = Path(skmamba.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
# Subpackages and public modules, and those that each may import besides the private top-level
# helpers. Subpackages on one level do not import each other.
MAY_IMPORT = {
    "adaptation": {"preprocessing", "trials"},
    "trials": set(),
    "datasets": {"trials"},
    "preprocessing": {"trials"},
    "modules": set(),
    "models": {"modules"},
    "classifiers": {"models", "modules", "trials"},
    "pipelines": {"classifiers", "models", "preprocessing"},
    "evaluation": {"trials"},
    "inspection": {"trials"},
    "plots": set(),
    "report": {"evaluation", "plots"},
    "persistence": {"classifiers", "modules", "preprocessing", "trials"},
    "streaming": {"adaptation", "preprocessing"},
    "cli": {"datasets", "evaluation", "persistence", "pipelines", "plots", "report", "trials"},
    "__main__": {"cli"},
}
SUBPACKAGES = sorted(MAY_IMPORT.keys() - {"cli", "__main__"})
# Optional and heavy packages, each imported in the named files only, when it is used.
IMPORTED_IN = {
    "braindecode": {"classifiers/braindecode.py"},
    "captum": {"inspection/attribution.py"},
    "click": {"cli/_options.py", "cli/_output.py", "cli/main.py"},
    "huggingface_hub": {"persistence/hub.py"},
    "mamba_ssm": {"modules/mamba.py"},
    "mne": {"_mne.py", "_raws.py"},
    "mne_bids": {"_bids.py"},
    "onnx": {"persistence/onnx.py"},
    "onnxruntime": {"persistence/onnx.py"},
    "onnxscript": {"persistence/onnx.py"},
    "pyriemann": {"pipelines.py"},
    "safetensors": {"persistence/model.py"},
}


@cache
def find_imports(path):
    """Return the absolute names imported anywhere in a file of the package."""
    package = ["skmamba", *path.relative_to(PACKAGE).parts[:-1]]
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parent = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*parent, *filter(None, [node.module])])
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def get_subpackage(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_rules(path):
    own = get_subpackage(path)
    if own == "__init__":
        return
    for name in find_imports(path):
        root, *parts = name.split(".")
        if root != "skmamba" or parts[:1] == [own]:
            continue
        if parts[0].startswith("_"):  # a shared helper of the top level
            assert own not in ("modules", "models"), f"networks may not import {name}"
            continue
        assert parts[0] in MAY_IMPORT.get(own, set()), f"{own} may not import {name}"
        assert not any(part.startswith("_") for part in parts), f"{name} is private"


def test_every_subpackage_has_a_rule_and_rules_have_no_cycle():
    public = {get_subpackage(path) for path in SOURCES}
    assert {name for name in public if not name.startswith("_")} == MAY_IMPORT.keys() - {"__main__"}

    def collect(name):
        return MAY_IMPORT[name].union(*(collect(other) for other in MAY_IMPORT[name]))

    assert not [name for name in MAY_IMPORT if name in collect(name)]


@pytest.mark.parametrize("package", IMPORTED_IN)
def test_optional_packages_are_imported_in_one_place(package):
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in SOURCES
        if any(name.split(".")[0] == package for name in find_imports(path))
    }
    assert users == IMPORTED_IN[package]


def test_networks_import_torch_only():
    imported = {
        name.split(".")[0]
        for path in SOURCES
        if get_subpackage(path) in ("modules", "models")
        for name in find_imports(path)
    }
    assert imported - set(sys.stdlib_module_names) == {"skmamba", "torch", "mamba_ssm"}


# Statements that are run one after another in a process, and packages that must be absent then.
LOADED = [
    (
        "import skmamba; dir(skmamba)",
        "numpy pandas sklearn torch skorch mne matplotlib braindecode",
    ),
    ("from skmamba.pipelines import list_models; list_models()", "torch braindecode"),
    (
        "from skmamba import Trials, ChannelPicker, SlidingWindows\n"
        "from skmamba.datasets import simulate_trials\n"
        "SlidingWindows(0.5, sfreq=128).fit_transform(simulate_trials().X)",
        "torch skorch mne matplotlib braindecode",
    ),
    ("import skmamba.plots", "matplotlib"),
    ("skmamba.MSiMambaClassifier", "mne matplotlib braindecode"),
    (
        "from skmamba import make_models\n"
        "trials = simulate_trials(n_subjects=2, n_trials=4, n_times=256)\n"
        "make_models(['EEGNet', 'TCN'], trials)\n"
        "model = make_models('DLinear', trials, max_epochs=1)['DLinear']\n"
        "model.fit(trials.X, trials.y).predict(trials.X)",
        "braindecode pyriemann",
    ),
]


@pytest.mark.parametrize(
    "steps",
    [LOADED, [("import skmamba; skmamba.modules", "pandas sklearn skorch mne braindecode")]],
    ids=["all", "modules"],
)
def test_packages_are_loaded_on_first_use(steps):
    show = "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    code = "\n".join(["import json, sys", *(f"{statement}\n{show}" for statement, _ in steps)])
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    for (_, absent), line in zip(steps, done.stdout.splitlines(), strict=True):
        loaded = set(json.loads(line))
        assert "skmamba" in loaded
        assert loaded.isdisjoint(absent.split())


def test_the_classifier_has_at_most_30_parameters():
    assert len(inspect.signature(skmamba.MSiMambaClassifier).parameters) <= 30


def test_public_names_are_few_and_load_lazily():
    assert len(skmamba.__all__) <= 20
    assert sorted(skmamba._DEFINED_IN) == sorted(skmamba.__all__)
    for name, module in skmamba._DEFINED_IN.items():
        assert getattr(skmamba, name) is getattr(importlib.import_module(f"skmamba.{module}"), name)
    assert {*skmamba.__all__, *SUBPACKAGES} <= set(dir(skmamba))


def test_type_checkers_see_the_lazily_loaded_names():
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    visible = {alias.name: node.module for node in block.body for alias in node.names}
    assert visible == skmamba._DEFINED_IN | dict.fromkeys(skmamba._NAMES)


@pytest.mark.parametrize("name", SUBPACKAGES)
def test_names_of_a_subpackage_are_defined_in_it_or_in_a_private_helper(name):
    module = importlib.import_module(f"skmamba.{name}")
    assert module.__all__
    for public in module.__all__:
        defined_in = getattr(module, public).__module__.split(".")[1]
        assert defined_in == name or defined_in.startswith("_")


def test_unknown_names_raise_AttributeError():
    with pytest.raises(AttributeError, match="module 'skmamba' has no attribute 'Mamba3'"):
        skmamba.Mamba3  # noqa: B018


@pytest.mark.parametrize("resource", ["py.typed", "datasets/data/eegmat.npz"])
def test_data_files_are_part_of_the_package(resource):
    assert (files("skmamba") / resource).is_file()
