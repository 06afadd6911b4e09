"""Telling whether anything that a result depends on has changed."""

from __future__ import annotations

import copyreg
import dis
import functools
import hashlib
import importlib.util
import sys
import sysconfig
import weakref
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

import joblib
import numpy as np
import pandas as pd

PACKAGE = Path(__file__).parents[1]
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented))
CACHED = (type(cache(len)), joblib.memory.MemorizedFunc, joblib.memory.NotMemorizedFunc)
WEAK = (weakref.ref, weakref.WeakKeyDictionary, weakref.WeakValueDictionary, weakref.WeakSet)
# What a class has that says nothing of what it does.
IDLE = {"__module__", "__dict__", "__weakref__", "__doc__", "__firstlineno__", "_abc_impl"}
# What every result depends on, whichever estimator it is of.
ALWAYS = ("skmamba", "scikit-learn", "torch", "numpy", "scipy")


def fingerprint(*things):
    """Return a digest that is the same in every process and differs if anything does.

    Code counts as well: functions and classes of one's own by what they do and what they call,
    those of installed packages by the version of the package.

    Parameters
    ----------
    *things : object
        Estimators, arrays, tables, functions, and containers of them.

    Returns
    -------
    digest : str
        64 hexadecimal digits.

    Raises
    ------
    ValueError
        If something can be compared in no way, such as an open file.
    """
    return _Reader().read(things).hex()


@cache
def versions():
    """Versions of what every result depends on, in one line."""
    numbers = [f"{name} {_version(name)}" for name in ALWAYS]
    return ", ".join([*numbers, _python()])


@cache
def code_of_skmamba():
    """Digest of this package's own source: its version stands still while it is worked on."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class _Reader:
    """Reads things into digests; one that contains itself is read once."""

    def __init__(self):
        self.on_the_way = {}  # id to place, of things that are being read

    def read(self, thing):
        if id(thing) in self.on_the_way:
            return self._digest("again", self.on_the_way[id(thing)])
        if type(thing) in PLAIN:
            return self._digest(type(thing).__name__, repr(thing))
        self.on_the_way[id(thing)] = len(self.on_the_way)
        try:
            return self._digest(*self._parts(thing))
        finally:
            del self.on_the_way[id(thing)]

    def _digest(self, *parts):
        digest = hashlib.sha256()
        for part in parts:
            if isinstance(part, str):
                part = part.encode()
            elif not isinstance(part, (bytes, memoryview)):
                part = self.read(part)
            digest.update(len(part).to_bytes(8, "big") + b":")  # so that parts cannot run together
            digest.update(part)
        return digest.digest()

    def _parts(self, thing):
        """Take a thing apart into text, bytes, and other things."""
        if type(thing) in (np.ndarray, np.memmap):
            by_value = thing.dtype.hasobject
            values = thing.ravel().tolist() if by_value else _bytes_of(thing)
            return "array", str(thing.dtype), str(thing.shape), values
        if isinstance(thing, np.generic):
            return "number", str(thing.dtype), thing.tobytes()
        if isinstance(thing, pd.DataFrame):
            columns = [thing.iloc[:, place] for place in range(thing.shape[1])]
            return "table", list(thing.columns), thing.index, columns
        if isinstance(thing, pd.Series | pd.Index | pd.Categorical):
            return type(thing).__name__, *self._parts_of_column(thing)
        if type(thing) in (list, tuple):
            return type(thing).__name__, *map(self.read, thing)
        if type(thing) in (dict, MappingProxyType):
            pairs = sorted(self.read(key) + self.read(value) for key, value in thing.items())
            return type(thing).__name__, *pairs
        if type(thing) in (set, frozenset):
            return "set", *sorted(map(self.read, thing))
        if isinstance(thing, ModuleType):
            return self._parts_of_module(thing)
        if type(thing) is partial:
            return "partial", thing.func, thing.args, thing.keywords
        if isinstance(thing, MethodType):
            return "method", thing.__func__, thing.__self__
        if isinstance(thing, FunctionType):
            return self._parts_of_function(thing)
        if isinstance(thing, type):
            return self._parts_of_class(thing)
        if isinstance(thing, BuiltinFunctionType | MethodWrapperType):
            return "builtin", thing.__name__, thing.__self__
        if isinstance(thing, GetSetDescriptorType):
            return "builtin", thing.__qualname__
        if isinstance(thing, CACHED):
            return "cached", thing.func if hasattr(thing, "func") else thing.__wrapped__
        if isinstance(thing, WEAK):
            return ("weak",)  # it keeps nothing, so it is a cache
        if isinstance(thing, joblib.Memory):
            return ("memory",)  # where it is changes nothing
        if _is_tensor(thing):
            values = thing.detach().cpu()
            exact = values.double() if values.is_floating_point() else values  # bfloat16
            return "tensor", type(thing), str(thing.dtype), str(thing.requires_grad), exact.numpy()
        if thing is np.random.mtrand._rand:
            return ("numpy's global generator",)  # scipy's distributions hold it
        return "object", type(thing), *self._parts_of_object(thing)

    def _parts_of_column(self, column):
        if isinstance(column, pd.MultiIndex):
            return list(column.names), column.to_numpy()
        categories = None
        if isinstance(column.dtype, pd.CategoricalDtype):
            categories = column.dtype.categories, column.dtype.ordered
        name = getattr(column, "name", None)
        return str(column.dtype), name, categories, np.asarray(column)

    def _parts_of_module(self, module):
        if (origin := _origin(module.__name__)) is not None:
            return "module", module.__name__, origin
        return "module", _sources(module)

    def _parts_of_function(self, function):
        name = f"{function.__module__}.{function.__qualname__}"
        origin = _origin(function.__module__)
        if origin is not None and "<" not in name:
            return "function", name, origin
        # Functions that a function makes, and lambdas, are not told apart by their names.
        called: Any
        code, called = function.__code__, {}
        if origin is None:
            called = _names_looked_up(function), list(_imports_of(function))
        defaults = function.__defaults__, function.__kwdefaults__
        cells = [_contents(cell) for cell in function.__closure__ or ()]
        own = (_steps(code), defaults, cells, called, vars(function))
        return "function", function.__qualname__, str(origin), *map(self.read, own)

    def _parts_of_class(self, cls):
        name = f"{cls.__module__}.{cls.__qualname__}"
        if (origin := _origin(cls.__module__)) is not None:
            return "class", name, origin
        own = {name: value for name, value in vars(cls).items() if name not in IDLE}
        return "class", cls.__qualname__, type(cls), list(cls.__bases__), own

    def _parts_of_object(self, thing):
        if isinstance(thing, property | classmethod | staticmethod):
            return [getattr(thing, name, None) for name in ("fget", "fset", "__func__")]
        if isinstance(thing, functools.cached_property):
            return [thing.func]
        reduced: Any
        try:
            if isinstance(thing, np.ufunc) and thing.__name__.endswith("(vectorized)"):
                raise ValueError("np.frompyfunc hides its function; np.vectorize does not")
            if type(thing) in copyreg.dispatch_table:
                reduced = copyreg.dispatch_table[type(thing)](thing)
            else:
                reduced = thing.__reduce_ex__(4)
        except Exception as error:  # whatever an object's own way of being pickled raises
            raise ValueError(
                f"store= needs to tell whether an estimator has changed, and {thing!r} cannot be "
                f"compared: {error}"
            ) from error
        if isinstance(reduced, str):  # the name of what it is, where it is
            return [reduced, sys.modules.get(getattr(thing, "__module__", None))]  # type: ignore[arg-type]
        return [list(part) if hasattr(part, "__next__") else part for part in reduced]


def _bytes_of(array):
    """Contents of an array, without a copy if they lie in a row."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data if array.size else b""


def _is_tensor(thing):
    torch = sys.modules.get("torch")  # whoever has a tensor has imported it
    return torch is not None and isinstance(thing, torch.Tensor)


def _origin(module):
    """Where the code of a module comes from if it is not one's own: package and version."""
    if not isinstance(module, str):
        return None
    top = module.split(".")[0]
    if top == "skmamba":
        return code_of_skmamba()
    if top == "__main__" or module not in sys.modules:  # a script, a notebook
        return None
    file = getattr(sys.modules[module], "__file__", None)
    if file is None:
        return _python() if top in sys.stdlib_module_names else None
    folders = set(Path(file).parents)
    if any(folder.name in ("site-packages", "dist-packages") for folder in folders):
        return f"{top} {_version(top)}"
    standard = {Path(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib")}
    return None if standard.isdisjoint(folders) else _python()


def _python():
    return f"Python {sys.version.split()[0]}"


@cache
def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        known = packages_distributions().get(package, [])
        return ", ".join(f"{name} {version(name)}" for name in sorted(set(known))) or "unknown"


def _sources(module):
    """Texts of a module of one's own, and of those of one's own that it takes anything from."""
    found, new = {}, [module]
    while new:
        module = new.pop()
        file = getattr(module, "__file__", None)
        found[module.__name__] = Path(file).read_bytes() if file else b""
        for value in list(vars(module).values()):
            name = value if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            name = getattr(name, "__name__", name)
            if not isinstance(name, str) or name in found or name == "__main__":
                continue
            if name in sys.modules and _origin(name) is None:
                new.append(sys.modules[name])
    return found


def _steps(code):
    """Return what a piece of code does, with the code of functions inside it."""
    n_arguments = code.co_argcount + code.co_kwonlyargcount
    kinds = code.co_posonlyargcount, code.co_argcount, code.co_kwonlyargcount, code.co_flags
    constants = [_steps(each) if isinstance(each, CodeType) else each for each in code.co_consts]
    return (
        *(code.co_code, code.co_exceptiontable, kinds, list(code.co_names), constants),
        list(code.co_varnames[:n_arguments]),
    )


def _codes_in(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes_in(constant)


def _names_looked_up(function):
    """Values of the global names that a function may look up, also in modules of one's own."""
    names = {name for code in _codes_in(function.__code__) for name in code.co_names}
    found = {name: value for name, value in function.__globals__.items() if name in names}
    for module, value in list(found.items()):
        if isinstance(value, ModuleType) and _origin(value.__name__) is None:
            own = {f"{module}.{name}": vars(value)[name] for name in names & set(vars(value))}
            found |= own
    return found


def _imports_of(function):
    """Modules that a function imports when it is called."""
    package = function.__globals__.get("__package__") or ""
    for code in _codes_in(function.__code__):
        steps = [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]
        for level, _, step in zip(steps, steps[1:], steps[2:], strict=False):
            if step.opname == "IMPORT_NAME":
                try:
                    name = importlib.util.resolve_name("." * level.argval + step.argval, package)
                    yield importlib.import_module(name)
                except ImportError:
                    yield step.argval


def _contents(cell):
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None
