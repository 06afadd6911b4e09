"""Hashes of data, estimators and the code they run, which are the keys of cached folds."""

import dis
import functools
import pickle
import sys
import sysconfig
import types
import weakref
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

import joblib
import numpy as np
from joblib.hashing import Hasher, NumpyHasher

# A result may depend on these, as far as they are installed.
PACKAGES = ("skmamba", "scikit-learn", "skorch", "torch", "numpy", "scipy", "braindecode")
PYTHON = f"Python {sys.version.split()[0]}"
STANDARD_LIBRARY = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
ROOT = Path(__file__).parents[1]
find_packages = functools.cache(packages_distributions)
# Attributes that are hashed in place of objects that pickle rejects; none for caches.
PARTS = {
    types.CodeType: (
        *("co_code", "co_exceptiontable", "co_consts", "co_names", "co_varnames", "co_flags"),
        *("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_freevars"),
    ),
    types.FunctionType: ("__code__", "__defaults__", "__kwdefaults__", "__closure__", "__dict__"),
    types.CellType: ("cell_contents",),
    types.MethodType: ("__func__", "__self__"),
    types.BuiltinFunctionType: ("__name__", "__self__"),
    property: ("fget", "fset", "fdel"),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    functools.cached_property: ("func",),
    functools._lru_cache_wrapper: ("__wrapped__",),
    joblib.Memory: (),
    weakref.WeakKeyDictionary: (),
}
# Attributes of a class that do not change what it computes.
IGNORED = {"__module__", "__dict__", "__weakref__", "__doc__", "_abc_impl", "__firstlineno__"}
IGNORED |= {"__static_attributes__", "__annotations_cache__"}


@functools.cache
def describe_versions():
    """Return the versions of Python and of the packages that a result may depend on."""
    versions = []
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            versions.append(f"{name} {version(name)}")
    return ", ".join([*versions, PYTHON])


@functools.cache
def hash_package():
    """Return the hash of this package's source, which may change without a new version."""
    paths = sorted(ROOT.rglob("*.py"))
    return compute_hash([(path.relative_to(ROOT).as_posix(), path.read_bytes()) for path in paths])


def compute_hash(*values):
    """Return a hash of values and of the code they use; it is the same in every process."""
    try:
        return _Hasher().hash(values)
    except Exception as error:  # pickle calls methods of arbitrary classes
        raise ValueError(f"cache_dir requires estimators that can be hashed: {error}") from error


class _Hasher(NumpyHasher):
    """Hasher of joblib that describes functions, classes and modules by their code.

    Those of an installed package are described by their name and its version; those of the user
    by the loaded code and, recursively, the values that the code refers to.
    """

    def __init__(self):
        super().__init__("sha256", coerce_mmap=True)
        self.described = {}  # id to number and object: a function may refer to itself

    def save(self, obj):
        torch = sys.modules.get("torch")
        if isinstance(obj, types.FunctionType | type | types.ModuleType):
            if id(obj) in self.described:
                obj = "described", self.described[id(obj)][0]
            else:
                self.described[id(obj)] = len(self.described), obj
                obj = _describe(obj)
        elif type(obj) in PARTS:
            obj = type(obj).__name__, *(getattr(obj, name) for name in PARTS[type(obj)])
        elif isinstance(obj, types.MappingProxyType):
            obj = "mapping", dict(obj)
        elif obj is np.random.mtrand._rand:  # in every distribution of scipy.stats
            obj = ("global random state",)
        elif torch is not None and isinstance(obj, torch.Tensor):
            values = obj.detach().cpu()  # bfloat16 is unknown to NumPy
            values = values.double() if values.is_floating_point() else values
            obj = type(obj), str(obj.dtype), obj.requires_grad, values.numpy()
        super().save(obj)

    def save_global(self, obj, name=None, *args):
        """Save an object that is pickled by name, such as a ufunc of NumPy."""
        module = pickle.whichmodule(obj, name)  # type: ignore[attr-defined]
        if find_version(module) is None:
            raise ValueError(f"{obj!r} has no code that can be compared")
        self.save((module, name, find_version(module)))

    def save_set(self, items):
        self.save(("set", sorted(map(compute_hash, items))))

    dispatch = NumpyHasher.dispatch | {set: save_set, frozenset: save_set}

    def memoize(self, obj):
        # Whether equal constants of code are one object depends on how it was compiled.
        if not isinstance(obj, tuple):
            super().memoize(obj)

    def _batch_setitems(self, items, *args):
        # joblib sorts items; the order may matter, as in an OrderedDict.
        super(Hasher, self)._batch_setitems(items, *args)  # type: ignore[misc]


def _describe(obj):
    """Return what determines the behaviour of a function, class or module."""
    name = obj.__name__ if isinstance(obj, types.ModuleType) else obj.__qualname__
    module = name if isinstance(obj, types.ModuleType) else obj.__module__
    origin = find_version(module)
    if origin is not None and "<" not in name:
        return type(obj).__name__, module, name, origin
    if isinstance(obj, types.ModuleType):
        raise ValueError(f"{obj!r} is used as a value, and its code cannot be compared")
    if isinstance(obj, type):
        attributes = {name: value for name, value in vars(obj).items() if name not in IGNORED}
        if not attributes.get("__annotations__", True):  # reading them adds an empty dict
            del attributes["__annotations__"]
        return "class", name, origin, type(obj), obj.__bases__, attributes
    parts = [getattr(obj, part) for part in PARTS[types.FunctionType]]
    return "function", name, origin, *parts, _find_values(obj) if origin is None else ()


def _find_values(function):
    """Return the globals, and the attributes of the user's modules, that a function may use."""
    codes = [function.__code__]
    for code in codes:  # grows in the loop
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    imported = [module for code in codes for module in _import(code, function.__globals__)]
    imported = {module.__name__: module for module in imported}
    names = {name for code in codes for name in code.co_names}.union(imported)
    scopes, values = [function.__globals__ | imported], []
    for scope in scopes:  # grows in the loop
        for name in sorted(names.intersection(scope)):
            value = scope[name]
            if not isinstance(value, types.ModuleType) or find_version(value.__name__) is not None:
                values.append((name, value))
            elif not any(vars(value) is known for known in scopes):
                scopes.append(vars(value))
    return values


def _import(code, scope):
    """Import the modules that code imports when it runs."""
    steps = [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]
    for level, names, step in zip(steps, steps[1:], steps[2:], strict=False):
        if step.opname == "IMPORT_NAME":
            with suppress(ImportError):
                yield __import__(step.argval, scope, None, names.argval, level.argval)


@functools.cache
def find_version(module):
    """Return the version of the package that has a module, None for a module of the user."""
    top = str(module).partition(".")[0]
    files = [getattr(sys.modules.get(name), "__file__", None) for name in (module, top)]
    folders = set(Path(next(filter(None, files), "")).parents)
    if top in (ROOT.name, "__main__"):
        return hash_package() if top == ROOT.name else None
    if any(folder.name in ("site-packages", "dist-packages") for folder in folders):
        packages = sorted(set(find_packages().get(top, ())))
        return ", ".join(f"{name} {version(name)}" for name in packages) or None
    is_standard = STANDARD_LIBRARY & folders if any(files) else top in sys.stdlib_module_names
    return PYTHON if is_standard else None
