"""Plain things as JSON, arrays put aside: nothing else goes in, so nothing else comes out."""

import math
from functools import partial

import numpy as np
import pandas as pd

# What JSON lacks is an object of one entry, whose name says what it is.
FLOAT, TUPLE, SLICE, DICT = "$float", "$tuple", "$slice", "$dict"
ARRAY, LABELS, TABLE = "$array", "$labels", "$table"


def pack(thing, where, arrays):
    """Turn a thing into what JSON can say.

    Parameters
    ----------
    thing : object
        Numbers, text, None, arrays, tables, slices, and lists, tuples and dicts of them.
    where : str
        What messages call it; arrays are stored under this name.
    arrays : dict of str to ndarray
        Gains the arrays of numbers.

    Returns
    -------
    packed : object
        What :func:`unpack` turns back. Numbers of numpy become Python's.

    Raises
    ------
    TypeError
        If there is no way to say it, naming what it is.
    """
    inside = partial(_pack_all, where=where, arrays=arrays)
    if isinstance(thing, np.generic):
        thing = thing.item()
    if isinstance(thing, float) and not math.isfinite(thing):
        return {FLOAT: repr(float(thing))}
    if thing is None or isinstance(thing, (bool, int, float, str)):
        return thing
    if isinstance(thing, list):
        return inside(thing)
    if isinstance(thing, tuple):
        return {TUPLE: inside(thing)}
    if isinstance(thing, slice):
        return {SLICE: inside([thing.start, thing.stop, thing.step])}
    if isinstance(thing, dict):
        return _pack_dict(thing, where, arrays)
    if isinstance(thing, np.ndarray):
        return _pack_array(thing, where, arrays)
    if isinstance(thing, pd.DataFrame):
        columns = {name: thing[name].to_numpy() for name in thing}
        return {TABLE: pack(columns, where, arrays)}
    raise TypeError(
        f"{where} is {thing!r}, and {type(thing).__name__} objects cannot be saved: numbers, text, "
        "lists, tuples, dicts, arrays and tables can."
    )


def unpack(packed, arrays):
    """Turn what :func:`pack` made back into the thing.

    Parameters
    ----------
    packed : object
        As it came out of JSON.
    arrays : dict of str to ndarray
        The arrays; loses those that are used.

    Returns
    -------
    thing : object
        The thing.

    Raises
    ------
    ValueError
        If there is a sign that :func:`pack` does not write, or an array is missing.
    """
    if isinstance(packed, list):
        return [unpack(item, arrays) for item in packed]
    if not isinstance(packed, dict):
        return packed
    signs = [key for key in packed if key.startswith("$")]
    if not signs:
        return {key: unpack(value, arrays) for key, value in packed.items()}
    if len(packed) > 1 or signs[0] not in _READERS:
        raise ValueError(f"unknown entry {signs[0]!r}")
    try:
        return _READERS[signs[0]](packed[signs[0]], arrays)
    except (TypeError, KeyError) as error:
        raise ValueError(f"malformed entry {signs[0]!r} ({error})") from error


def simplify(thing, where):
    """Turn notes for people into plain JSON, for good: tuples are lists, names are text.

    Parameters
    ----------
    thing : object
        As in :func:`pack`, or a DataFrame, which becomes a list of rows.
    where : str
        What messages call it.

    Returns
    -------
    simple : object
        What JSON says as it is; numbers that are none become None.

    Raises
    ------
    TypeError
        If there is no way to say it.
    """
    if isinstance(thing, pd.DataFrame):
        thing = thing.to_dict("records")
    if isinstance(thing, (np.ndarray, np.generic)):
        thing = thing.tolist()
    if isinstance(thing, dict):
        return {str(key): simplify(value, f"{where}.{key}") for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [simplify(item, f"{where}[{i}]") for i, item in enumerate(thing)]
    if isinstance(thing, float) and not math.isfinite(thing):
        return None
    return pack(thing, where, {})


def _pack_all(things, where, arrays):
    return [pack(item, f"{where}[{i}]", arrays) for i, item in enumerate(things)]


def _pack_dict(thing, where, arrays):
    """Make an object if names are text, else pairs; in their order, which can be of features."""
    if all(isinstance(key, str) and not key.startswith("$") for key in thing):
        return {str(key): pack(thing[key], f"{where}.{key}", arrays) for key in thing}
    pairs = [
        [pack(key, where, arrays), pack(value, f"{where}[{key!r}]", arrays)]
        for key, value in thing.items()
    ]
    return {DICT: pairs}


def _pack_array(array, where, arrays):
    if array.dtype.kind in "UO":
        values = _pack_all(array.ravel().tolist(), where, arrays)
        return {LABELS: [array.dtype.str, list(array.shape), values]}
    if array.dtype.kind not in "bfiu" or array.dtype.itemsize > 8:
        raise TypeError(f"{where} is an array of {array.dtype}, which cannot be saved.")
    if where in arrays:
        raise ValueError(f"Two arrays are called {where}: rename a step or a parameter.")
    arrays[where] = np.asarray(array, order="C")
    return {ARRAY: where}


def _read_labels(packed, arrays):
    dtype, shape, values = packed
    dtype = np.dtype(str(dtype))
    if dtype.kind not in "UO":
        raise ValueError(f"labels of {dtype}")
    labels = np.empty(len(values), dtype)
    labels[:] = unpack(values, arrays)
    return labels.reshape(shape)


_READERS = {
    FLOAT: lambda packed, arrays: {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[packed],
    TUPLE: lambda packed, arrays: tuple(unpack(list(packed), arrays)),
    SLICE: lambda packed, arrays: slice(*unpack(list(packed), arrays)),
    DICT: lambda packed, arrays: dict(unpack(list(packed), arrays)),
    ARRAY: lambda packed, arrays: arrays.pop(packed),
    LABELS: _read_labels,
    TABLE: lambda packed, arrays: pd.DataFrame(unpack(packed, arrays)),
}
