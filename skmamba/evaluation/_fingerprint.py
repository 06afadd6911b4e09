"""Telling whether anything that a result depends on has changed."""

import hashlib
import inspect
import sys
import sysconfig
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType

import numpy as np
import pandas as pd

PACKAGE = Path(__file__).parents[1]
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented))
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
    return ", ".join([*numbers, f"Python {sys.version.split()[0]}"])


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
        if isinstance(thing, PLAIN):
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
        if isinstance(thing, np.ndarray) and thing.dtype != object:
            return "array", thing.dtype.str, str(thing.shape), _bytes_of(thing)
        if isinstance(thing, np.ndarray):
            return "objects", str(thing.shape), thing.ravel().tolist()
        if isinstance(thing, np.generic):
            return "number", thing.dtype.str, thing.tobytes()
        if isinstance(thing, pd.DataFrame):
            columns = [thing.iloc[:, i].to_numpy() for i in range(thing.shape[1])]
            return "table", list(map(str, thing.columns)), columns
        if isinstance(thing, (list, tuple)):
            return type(thing).__name__, *map(self.read, thing)
        if isinstance(thing, dict):
            pairs = sorted(self.read(key) + self.read(value) for key, value in thing.items())
            return type(thing).__name__, *pairs
        if isinstance(thing, (set, frozenset)):
            return "set", *sorted(map(self.read, thing))
        if isinstance(thing, ModuleType):
            return "module", thing.__name__, _version(thing.__name__.split(".")[0])
        if isinstance(thing, partial):
            return "partial", thing.func, thing.args, thing.keywords
        if isinstance(thing, MethodType):
            return "method", thing.__func__, thing.__self__
        if isinstance(thing, FunctionType):
            return self._parts_of_function(thing)
        if isinstance(thing, type):
            return self._parts_of_class(thing)
        if isinstance(thing, BuiltinFunctionType | np.ufunc):
            return "builtin", str(getattr(thing, "__module__", None)), thing.__name__
        if hasattr(thing, "get_params"):
            requests = repr(getattr(thing, "_metadata_request", None))
            return "estimator", type(thing), thing.get_params(deep=False), requests
        return "object", type(thing), *self._parts_of_object(thing)

    def _parts_of_function(self, function):
        name = f"{function.__module__}.{function.__qualname__}"
        if (origin := _origin(function)) is not None:
            return "function", name, origin
        cells = [_contents(cell) for cell in function.__closure__ or ()]
        called = {
            name: function.__globals__[name]
            for name in sorted(_names_in(function.__code__))
            if name in function.__globals__
        }
        defaults = function.__defaults__, function.__kwdefaults__
        return (
            "function",
            function.__qualname__,
            function.__code__.co_code,
            *map(self.read, (_constants(function.__code__), defaults, cells, called)),
        )

    def _parts_of_class(self, cls):
        name = f"{cls.__module__}.{cls.__qualname__}"
        if (origin := _origin(cls)) is not None:
            return "class", name, origin
        own = {
            name: value
            for name, value in vars(cls).items()
            if not name.startswith(("__", "_abc_")) or isinstance(value, FunctionType)
        }
        return "class", cls.__qualname__, list(cls.__bases__), own

    def _parts_of_object(self, thing):
        if isinstance(thing, (property, classmethod, staticmethod)):
            return [getattr(thing, name, None) for name in ("fget", "fset", "__func__")]
        if hasattr(thing, "__wrapped__"):  # such as a cached function
            return [thing.__wrapped__]
        try:
            reduced = thing.__reduce_ex__(4)
        except Exception as error:  # whatever an object's own way of being pickled raises
            raise ValueError(
                f"store= needs to tell whether an estimator has changed, and {thing!r} cannot be "
                f"compared: {error}"
            ) from error
        if isinstance(reduced, str):
            return [reduced]
        return [list(part) if hasattr(part, "__next__") else part for part in reduced]


def _bytes_of(array):
    """Contents of an array, without a copy if they lie in a row."""
    return memoryview(np.ascontiguousarray(array)).cast("B") if array.size else b""


def _origin(thing):
    """Where code comes from if it is not one's own: package and version."""
    top = (thing.__module__ or "").split(".")[0]
    if top == "skmamba":
        return code_of_skmamba()
    if top in sys.stdlib_module_names and top != "__main__":
        return f"Python {sys.version.split()[0]}"
    try:
        file = inspect.getfile(sys.modules[thing.__module__])
    except (KeyError, TypeError):  # a built-in module, or made in a notebook
        return None
    installed = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}
    if installed.isdisjoint(Path(file).parents):
        return None
    return f"{top} {_version(top)}"


@cache
def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return str(getattr(sys.modules.get(package), "__version__", "of unknown version"))


def _constants(code):
    """Constants of a piece of code, with the code of functions inside it."""
    return [
        (constant.co_code, _constants(constant)) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    ] + list(code.co_names)


def _names_in(code):
    """Names that a piece of code, or functions inside it, may look up."""
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*map(_names_in, inner))


def _contents(cell):
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None
