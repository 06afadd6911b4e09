"""Docstrings and type annotations of everything public."""

import importlib
import inspect
import re
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from matplotlib.axes import Axes
from numpydoc.docscrape import NumpyDocString

import skmamba

SUBPACKAGES = list(skmamba._NAMES)


def find_public():
    """Return public functions and classes, and our methods and properties of them, by name."""
    modules = [importlib.import_module(f"skmamba.{name}") for name in SUBPACKAGES]
    found = {}
    for module in modules:
        for name in module.__all__:
            found[name] = thing = getattr(module, name)
            for attribute, member in inspect.getmembers(thing) if inspect.isclass(thing) else ():
                function = member.fget if isinstance(member, property) else member
                ours = (getattr(function, "__module__", None) or "").startswith("skmamba")
                if ours and not attribute.startswith("_") and callable(function):
                    found[f"{name}.{attribute}"] = member
    return found


PUBLIC = find_public()


def get_function(thing):
    """Return the function that is called; of a class its own constructor, or None."""
    if isinstance(thing, property):
        return thing.fget
    if not inspect.isclass(thing):
        return thing
    return thing.__init__ if inspect.isfunction(thing.__init__) else None


def get_documented(thing):
    """Return type and default of each documented parameter; several names may share a line."""
    parameters = {}
    for entry in NumpyDocString(inspect.cleandoc(thing.__doc__))["Parameters"]:
        names = [name.strip().lstrip("*") for name in entry.name.split(",")]
        kind, _, default = entry.type.partition("default=")
        defaults = default.split(", ") if len(names) > 1 else [default]
        defaults *= len(names) // len(defaults)
        for name, own in zip(names, defaults, strict=True):
            parameters[name] = kind.rstrip(", "), own
    return parameters


def get_options(annotation):
    """Return all strings of the Literals in an annotation."""
    if get_origin(annotation) is Literal:
        return {option for option in get_args(annotation) if isinstance(option, str)}
    return set().union(*(get_options(part) for part in get_args(annotation)))


CALLABLE = [name for name, thing in PUBLIC.items() if get_function(thing)]


def test_classes_functions_and_inherited_methods_are_found():
    names = "Trials.select load_eegmat SlidingWindows.set_output MSiMamba.forward "
    names += "MSiMambaClassifier.predict_proba selective_scan evaluate"
    assert set(names.split()) <= set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_docstrings_begin_with_a_summary_line(name):
    summary = inspect.cleandoc(PUBLIC[name].__doc__ or "").split("\n\n")[0]
    assert summary.endswith(".")
    assert "\n" not in summary


@pytest.mark.parametrize("name", CALLABLE)
def test_documented_parameters_and_defaults_are_those_of_the_signature(name):
    thing = PUBLIC[name]
    if isinstance(thing, property):
        return
    signature = dict(inspect.signature(thing).parameters)
    signature.pop("self", None)
    documented = get_documented(thing)
    assert sorted(documented) == sorted(signature)
    for parameter, (kind, default) in documented.items():
        value = signature[parameter].default
        if kind in ("", "ignored") or value is inspect.Parameter.empty:
            assert not default, parameter
        elif repr(value) == "<factory>":
            assert default == "{}"
        else:
            written = (repr(value), str(value))
            assert default in written or eval(default, {"torch": torch}) == value, parameter


@pytest.mark.parametrize("name", CALLABLE)
def test_annotations_are_complete_and_agree_with_the_docstring(name):
    function = get_function(PUBLIC[name])
    types = get_type_hints(inspect.unwrap(function), localns={"Axes": Axes})
    signature = inspect.signature(function).parameters
    missing = {*signature, "return"} - {"self", "cls"} - set(types)
    assert not missing
    documented = get_documented(PUBLIC[name])
    for parameter in signature.keys() - {"self", "cls"}:
        annotation = types[parameter]
        if signature[parameter].default is None:
            assert annotation is object or type(None) in get_args(annotation)
        described = set(re.findall(r'"([^"]+)"', documented.get(parameter, ("", ""))[0]))
        if described and parameter != "cv":  # the options of cv are listed in its text
            assert get_options(annotation) == described, parameter
