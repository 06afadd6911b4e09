"""Pickles of numeric arrays, read without running anything that they hold.

``pickle.load`` imports and calls what the file says. This reader knows only the opcodes that a
dict of arrays needs, written by Python 2 or 3. It compares the names in the file with five that
it knows and calls none of them; it looks at numbers of bytes before it believes them; and it
gives up after more steps than such a dict could take. Arrays are views of the mapped file.
"""

import codecs
import math
import mmap
from pathlib import Path

import numpy as np

from ._files import DataFormatError

MAX_STEPS = 1000  # a file of DEAP takes some 60
MAX_NAME = 64  # bytes: keys, module names; whatever is longer stays a view of the file
MAX_DIMENSIONS = 4
PIECE = 1 << 20  # bytes

RECONSTRUCT, NDARRAY, DTYPE, ENCODE, MARK = (object() for _ in range(5))
KNOWN_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy", "ndarray"): NDARRAY,
    ("numpy", "dtype"): DTYPE,
    ("_codecs", "encode"): ENCODE,
}
NUMERIC = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"f4", "f8"}


class Refused(Exception):
    """What came instead of a dict of numeric arrays."""


class DType:
    """Stands for ``numpy.dtype`` until the file has said its byte order."""

    def __init__(self, code):
        self.code, self.value = code, None


class Array:
    """Stands for ``numpy.ndarray`` until the file has said its content."""

    value = None


class Utf8:
    """A long text, not decoded."""

    def __init__(self, view):
        self.view = view


def read_arrays(path, expected):
    """Read a pickled dict of numeric arrays.

    Parameters
    ----------
    path : path-like
        The file.
    expected : str
        What it should be, for the error.

    Returns
    -------
    content : dict of str to ndarray or tuple of int
        Read-only arrays.

    Raises
    ------
    DataFormatError
        If it is anything else, or holds anything else.
    """
    path = Path(path)
    if path.is_dir():
        raise DataFormatError(path, expected, "a folder")
    with path.open("rb") as file:
        if not file.seek(0, 2):
            raise DataFormatError(path, expected, "an empty file")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        return Machine(memoryview(mapped)).run()
    except Refused as refused:
        raise DataFormatError(path, expected, str(refused)) from None


class Machine:
    """The stack machine that a pickle is a program for, with a small part of its opcodes."""

    def __init__(self, view):
        self.view = view
        self.at = 0
        self.stack = []
        self.memo = {}
        self.may_decode = len(view)  # bytes: the same text could be decoded again and again

    def run(self):
        for _ in range(MAX_STEPS):
            start = self.at
            opcode = bytes(self.take(1))
            if opcode == b".":
                return self.result()
            step = STEPS.get(opcode)
            if step is None:
                raise Refused(f"pickle opcode {opcode!r} at byte {start}, which no array needs")
            step(self)
        raise Refused(f"a pickle of more than {MAX_STEPS} steps")

    def result(self):
        content = self.pop()
        if self.stack or self.at < len(self.view):
            raise Refused("a pickle with something left over at its end")
        if type(content) is not dict:
            raise Refused("a pickle of something other than a dict")
        return {key: self.finished(key, value) for key, value in content.items()}

    @staticmethod
    def finished(key, value):
        if type(value) is Array and value.value is not None:
            return value.value
        if type(value) is tuple and all(type(n) is int for n in value):
            return value
        raise Refused(f"{key!r} that is no array")

    # what the file holds

    def take(self, n):
        left = len(self.view) - self.at
        if n > left:
            raise Refused(f"a pickle cut short at byte {self.at}: {n} more announced, {left} left")
        self.at += n
        return self.view[self.at - n : self.at]

    def number(self, n, signed=False):
        return int.from_bytes(self.take(n), "little", signed=signed)

    def line(self):
        line, newline, _ = bytes(self.view[self.at : self.at + MAX_NAME]).partition(b"\n")
        if not newline:
            raise Refused(f"no name at byte {self.at}")
        self.at += len(line) + 1
        return line.decode("latin1")

    # the stack and the memo

    def push(self, value):
        self.stack.append(value)

    def pop(self):
        if not self.stack or self.stack[-1] is MARK:
            raise Refused(f"a pickle that takes more than it gave, at byte {self.at}")
        return self.stack.pop()

    def pop_many(self, n):
        return tuple([self.pop() for _ in range(n)][::-1])

    def pop_to_mark(self):
        values: list[object] = []
        while self.stack:
            value = self.stack.pop()
            if value is MARK:
                return tuple(values[::-1])
            values.append(value)
        raise Refused(f"a pickle without a mark, at byte {self.at}")

    def put(self, index):
        if index > MAX_STEPS:
            raise Refused(f"a pickle that stores more than it can hold: number {index}")
        top = self.pop()
        self.memo[index] = top
        self.push(top)

    def get(self, index):
        if index not in self.memo:
            raise Refused(f"a pickle that recalls what it never stored, at byte {self.at}")
        self.push(self.memo[index])

    # values

    def frame(self):
        left, announced = len(self.view) - self.at - 8, self.number(8)
        if announced > left:
            raise Refused(f"a frame of {announced} bytes with {left} left")

    def protocol(self):
        protocol = self.number(1)
        if protocol > 5:
            raise Refused(f"pickle protocol {protocol}")

    def flag(self):
        line = self.line()
        if line not in ("00", "01"):
            raise Refused(f"the number {line!r} as text")
        self.push(line == "01")

    def long(self):
        n = self.number(1)
        if n > 8:
            raise Refused(f"a number of {n} bytes")
        self.push(self.number(n, signed=True))

    def raw(self, width):
        view = self.take(self.number(width))
        self.push(bytes(view) if len(view) <= MAX_NAME else view)

    def text(self, width):
        view = self.take(self.number(width))
        if len(view) > MAX_NAME:
            return self.push(Utf8(view))
        try:
            self.push(str(view, "utf8"))
        except UnicodeDecodeError:
            raise Refused(f"text that is no UTF-8 before byte {self.at}") from None

    def set_items(self, items):
        target = self.pop()
        if type(target) is not dict or len(items) % 2:
            raise Refused(f"items that belong to no dict, at byte {self.at}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            key = as_name(key)
            if key in target:
                raise Refused(f"{key!r} twice")
            target[key] = value
        self.push(target)

    # names and calls, none of them made

    def name(self, module, name):
        known = KNOWN_NAMES.get((module, name))
        if known is None:
            raise Refused(f"a pickle that wants to call {module!r}, {name!r}; it was not called")
        self.push(known)

    def named_by_lines(self):
        self.name(self.line(), self.line())

    def named_by_stack(self):
        module, name = self.pop_many(2)
        self.name(as_name(module), as_name(name))

    def reduce(self):
        known, args = self.pop_many(2)
        if type(args) is tuple:
            if known is RECONSTRUCT and len(args) == 3 and args[0] is NDARRAY:
                return self.push(Array())
            if known is DTYPE and len(args) == 3 and as_name(args[0]) in NUMERIC:
                return self.push(DType(as_name(args[0])))
            if known is ENCODE and len(args) == 2 and as_name(args[1]) == "latin1":
                return self.push(self.encode(args[0]))
        if known is DTYPE and type(args) is tuple and args:
            raise Refused(f"an array of type {as_name(args[0])!r}")
        raise Refused(f"a pickle with a call that makes no numeric array, at byte {self.at}")

    def encode(self, text):
        """Give the bytes that Python 3 wrote as a text in protocols 0 to 2."""
        view = text.encode() if type(text) is str else getattr(text, "view", None)
        if view is None or len(view) > self.may_decode:
            raise Refused(f"bytes that are no text, or the same text again, at byte {self.at}")
        self.may_decode -= len(view)
        decode, encoded = codecs.getincrementaldecoder("utf8")().decode, bytearray()
        try:  # in pieces: a decoded text can be four times as long
            for start in range(0, len(view), PIECE):
                piece = view[start : start + PIECE]
                encoded += decode(piece, final=start + PIECE >= len(view)).encode("latin1")
        except UnicodeError:
            raise Refused(f"bytes that are no text, at byte {self.at}") from None
        if len(encoded) <= MAX_NAME:
            return bytes(encoded)
        return memoryview(encoded).toreadonly()

    def build(self):
        target, state = self.pop_many(2)
        if type(state) is tuple and getattr(target, "value", target) is None:
            if type(target) is DType:
                target.value = as_dtype(target.code, state)
                return self.push(target)
            if type(target) is Array:
                target.value = as_array(state)
                return self.push(target)
        raise Refused(f"a state that belongs to no array, at byte {self.at}")


def as_name(value):
    """Short text or bytes as text."""
    if type(value) is bytes:
        return value.decode("latin1")
    if type(value) is str:
        return value
    raise Refused("something else in the place of a name")


def as_dtype(code, state):
    """Type of numbers with the byte order of ``numpy.dtype.__setstate__``."""
    plain = len(state) in (8, 9) and type(state[0]) is int
    if not plain or any(entry is not None for entry in (*state[2:5], *state[8:])):
        raise Refused("an array of compound type")
    order = as_name(state[1])
    if order not in ("<", ">", "|") or (order == "|" and code[1] != "1"):
        raise Refused(f"an array in byte order {order!r}")
    return np.dtype(order + code)


def as_array(state):
    """Array with the content of ``numpy.ndarray.__setstate__``."""
    kinds = [type(entry) for entry in state]
    if kinds not in (
        [int, tuple, DType, bool, bytes],
        [int, tuple, DType, bool, memoryview],
    ):
        raise Refused("an array without its shape, type, order and numbers")
    _, shape, dtype, column_major, raw = state
    if (
        dtype.value is None
        or len(shape) > MAX_DIMENSIONS
        or any(type(n) is not int or n < 1 for n in shape)
    ):
        raise Refused("an array of impossible shape or type")
    n_bytes = math.prod(shape) * dtype.value.itemsize
    if n_bytes != len(raw):
        raise Refused(f"an array of shape {shape}: {n_bytes} bytes, with {len(raw)} in the file")
    return np.frombuffer(raw, dtype.value).reshape(shape, order="F" if column_major else "C")


STEPS = {
    b"\x80": Machine.protocol,
    b"\x95": Machine.frame,
    b"(": lambda self: self.push(MARK),
    b"N": lambda self: self.push(None),
    b"\x88": lambda self: self.push(True),
    b"\x89": lambda self: self.push(False),
    b"I": Machine.flag,
    b"K": lambda self: self.push(self.number(1)),
    b"M": lambda self: self.push(self.number(2)),
    b"J": lambda self: self.push(self.number(4, signed=True)),
    b"\x8a": Machine.long,
    b"U": lambda self: self.raw(1),
    b"T": lambda self: self.raw(4),
    b"C": lambda self: self.raw(1),
    b"B": lambda self: self.raw(4),
    b"\x8e": lambda self: self.raw(8),
    b"\x8c": lambda self: self.text(1),
    b"X": lambda self: self.text(4),
    b"\x8d": lambda self: self.text(8),
    b")": lambda self: self.push(()),
    b"\x85": lambda self: self.push(self.pop_many(1)),
    b"\x86": lambda self: self.push(self.pop_many(2)),
    b"\x87": lambda self: self.push(self.pop_many(3)),
    b"t": lambda self: self.push(self.pop_to_mark()),
    b"}": lambda self: self.push({}),
    b"s": lambda self: self.set_items(self.pop_many(2)),
    b"u": lambda self: self.set_items(self.pop_to_mark()),
    b"q": lambda self: self.put(self.number(1)),
    b"r": lambda self: self.put(self.number(4)),
    b"\x94": lambda self: self.put(len(self.memo)),
    b"h": lambda self: self.get(self.number(1)),
    b"j": lambda self: self.get(self.number(4)),
    b"c": Machine.named_by_lines,
    b"\x93": Machine.named_by_stack,
    b"R": Machine.reduce,
    b"b": Machine.build,
}
