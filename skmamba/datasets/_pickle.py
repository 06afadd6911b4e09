"""Reader of pickled dicts of numeric arrays that imports and calls nothing named in the file.

It is the standard library's unpickler written in Python, limited to the opcodes of such a dict and
to stand-ins for the five NumPy names in it. The bytes of an array stay a view of the mapped file.
"""

import math
import mmap
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ._io import DataFormatError

MAX_READS = 3000  # a DEAP file takes about 150; bounds nested and repeated objects
MAX_NAME = 64  # bytes of a dict key or module name; longer data stay a view of the file
NUMERIC = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"f4", "f8"}
OPCODES = (  # of the standard library; others are methods below
    "PROTO STOP MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG1 SHORT_BINSTRING "
    "SHORT_BINBYTES SHORT_BINUNICODE EMPTY_TUPLE TUPLE1 TUPLE2 TUPLE3 TUPLE SETITEM SETITEMS "
    "BINPUT MEMOIZE BINGET GLOBAL STACK_GLOBAL"
).split()
_Unpickler: Any = pickle._Unpickler  # written in Python
NDARRAY = object()  # stands for the class numpy.ndarray


def read_arrays(path, expected):
    """Return a pickled dict of arrays and tuples of int; ``expected`` describes it in the error."""
    path = Path(path)
    if path.is_dir():
        raise DataFormatError(path, expected, "a folder")
    with path.open("rb") as file:
        if not file.seek(0, 2):
            raise DataFormatError(path, expected, "an empty file")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        return _ArrayUnpickler(memoryview(mapped)).load()
    except _Refused as error:
        raise DataFormatError(path, expected, str(error)[:500]) from None
    except Exception as error:  # whatever the unpickler raises on damaged input
        got = f"a damaged pickle ({type(error).__name__}: {str(error)[:200]})"
        raise DataFormatError(path, expected, got) from None


class _Refused(Exception):
    """The file holds something other than a dict of numeric arrays."""


class _View:
    """A memoryview as the file of the unpickler: no short reads, and a bounded number of them."""

    def __init__(self, data):
        self.data, self.position, self.n_reads = data, 0, 0

    def read(self, n_bytes):
        self.n_reads += 1
        if self.n_reads > MAX_READS:
            raise _Refused(f"a pickle of more than {MAX_READS} parts")
        n_left = len(self.data) - self.position
        if not 0 <= n_bytes <= n_left:
            raise _Refused(f"{n_bytes} bytes declared at byte {self.position}, {n_left} left")
        part = self.data[self.position : self.position + n_bytes]
        self.position += n_bytes
        return part if n_bytes > MAX_NAME else bytes(part)

    def readline(self):
        line, newline, _ = bytes(self.data[self.position :][:MAX_NAME]).partition(b"\n")
        if not newline:
            raise _Refused(f"no name at byte {self.position}")
        self.position += len(line) + 1
        return line + newline


class _Opcodes(dict):
    def __missing__(self, opcode):
        raise _Refused(f"the pickle opcode {bytes([opcode])!r}, which no numeric array needs")


class _Items(dict):
    def __setitem__(self, key, value):
        if _as_text(key) in self:
            raise _Refused(f"{key!r} twice")
        super().__setitem__(_as_text(key), value)


class _DType:
    """Stands for ``numpy.dtype`` until its state gives the byte order."""

    value: Any = None

    def __init__(self, code, align, copy):
        self.code = _as_text(code)
        if self.code not in NUMERIC:
            raise _Refused(f"an array of type {self.code!r}")

    def set_state(self, state):
        if len(state) not in (8, 9) or any(part is not None for part in (*state[2:5], *state[8:])):
            raise _Refused("an array of compound type")
        order = _as_text(state[1])
        if order not in ("<", ">", "|") or (order == "|" and self.code[1] != "1"):
            raise _Refused(f"an array in byte order {order!r}")
        self.value = np.dtype(order + self.code)


class _Array:
    """Stands for ``numpy.ndarray`` until its state gives the content."""

    value: Any = None

    def set_state(self, state):
        kinds = tuple(type(part) for part in state)
        if kinds[:4] != (int, tuple, _DType, bool) or kinds[4:] not in ((bytes,), (memoryview,)):
            raise _Refused("an array without its shape, type, order and numbers")
        _, shape, dtype, column_major, data = state
        if dtype.value is None or not all(type(n) is int and n > 0 for n in shape):
            raise _Refused("an array of invalid shape or type")
        n_bytes = math.prod(shape) * dtype.value.itemsize
        if n_bytes != len(data):
            raise _Refused(f"an array of shape {shape}: {n_bytes} bytes, with {len(data)} present")
        flat = np.frombuffer(data, dtype.value)
        self.value = flat.reshape(shape, order="F" if column_major else "C")


def _as_text(value):
    if type(value) not in (bytes, str):
        raise _Refused(f"{type(value).__name__} in place of a name")
    return value.decode("latin1") if type(value) is bytes else value


def _get_content(key, value):
    if type(value) is tuple and all(type(n) is int for n in value):
        return value
    if type(value) is not _Array or value.value is None:
        raise _Refused(f"{key!r} that is not an array")
    return value.value


def _reconstruct(kind, shape, code):
    if kind is not NDARRAY:
        raise _Refused("an array of another class")
    return _Array()


KNOWN = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): NDARRAY,
    ("numpy", "dtype"): _DType,
}


class _ArrayUnpickler(_Unpickler):
    """The unpickler in Python: its memo is a dict, so that a large index takes no memory."""

    dispatch = _Opcodes(
        (op[0], _Unpickler.dispatch[op[0]]) for op in (getattr(pickle, name) for name in OPCODES)
    )

    def __init__(self, data):
        self.view = _View(data)
        super().__init__(self.view, encoding="bytes")
        self.n_encodable = len(data)  # bytes: the memo could give the same text many times

    def load(self):
        content = super().load()
        if self.stack or self.metastack or self.view.position < len(self.view.data):
            raise _Refused("a pickle with more than one object")
        if type(content) is not _Items:
            raise _Refused("a pickle of something other than a dict")
        return {key: _get_content(key, value) for key, value in content.items()}

    def find_class(self, module, name):
        known = KNOWN | {("_codecs", "encode"): self._encode}
        if (module, name) not in known:
            raise _Refused(f"a pickle that refers to {module!r}, {name!r}; it was not called")
        return known[module, name]

    def _encode(self, text, encoding):
        """Return the bytes that Python 3 writes as text in protocols 0 to 2."""
        self.n_encodable -= len(text)
        if self.n_encodable < 0 or type(text) is not str or encoding != "latin1":
            raise _Refused("bytes that are not Latin-1 text, or the same text again")
        return text.encode("latin1")

    def load_frame(self):
        n_bytes = int.from_bytes(self.read(8), "little")
        if n_bytes > len(self.view.data) - self.view.position:
            raise _Refused(f"a frame of {n_bytes} bytes, which ends after the file")

    def load_bytes(self):  # without copies or parts, which the base class could make
        self.append(self.view.read(int.from_bytes(self.read(4), "little")))

    def load_text(self):
        self.append(str(self.view.read(int.from_bytes(self.read(4), "little")), "utf8"))

    def load_empty_dict(self):
        self.append(_Items())

    def load_reduce(self):
        arguments = self.stack.pop()
        if type(arguments) is not tuple or not callable(self.stack[-1]):
            raise _Refused("a call that makes no numeric array")
        self.stack[-1] = self.stack[-1](*arguments)

    def load_build(self):
        state, target = self.stack.pop(), self.stack[-1]
        if type(state) is not tuple or getattr(target, "value", state) is not None:
            raise _Refused("a state that belongs to no array")
        target.set_state(state)

    dispatch[pickle.FRAME[0]] = load_frame
    dispatch[pickle.BINSTRING[0]] = dispatch[pickle.BINBYTES[0]] = load_bytes
    dispatch[pickle.BINUNICODE[0]] = load_text
    dispatch[pickle.EMPTY_DICT[0]] = load_empty_dict
    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
