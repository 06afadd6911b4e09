"""Variables of MATLAB files, read piece by piece and never on trust.

``scipy.io.loadmat`` would read the same files, but it allocates what a file declares, inflates
whatever it holds, and would need the whole of DREAMER, some 2 GB, for the 50 MB wanted. This reader
walks the elements of the file instead: each declared size is held against the bytes that are
there before anything is allocated, each array can be cut as soon as it is read, and unwanted
parts are passed over.

The format is "MAT-File Level 5" (MATLAB 5 to 7.2; MathWorks, "MAT-File Format"). Of its classes
only numbers, text, cells and structs are read: objects, functions and sparse arrays are refused.
"""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ._files import DataFormatError

HEADER_BYTES = 128
MATRIX, COMPRESSED = 14, 15
NUMBER_TYPES = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
TEXT_ENCODINGS = {
    1: ("latin-1", 1), 2: ("latin-1", 1), 4: ("utf-16", 2),
    16: ("utf-8", 1), 17: ("utf-16", 2), 18: ("utf-32", 4),
}  # fmt: skip
CELL, STRUCT, TEXT = 1, 2, 4
NUMBERS = range(6, 16)
REFUSED = {3: "an object", 5: "a sparse array", 16: "a function", 17: "an opaque object"}
COMPLEX_FLAG = 0x08

MAX_DEPTH = 16
MAX_PARTS = 50_000
MAX_VARIABLES = 1000
MAX_TEXT_BYTES = 1 << 20
CHUNK = 1 << 16


def read_mat(
    path, names=None, *, convert=None, wanted=None, max_array_bytes=1 << 27, max_bytes=1 << 30
):
    """Read variables of a MATLAB file of version 5, 6 or 7.

    Parameters
    ----------
    path : path-like
        The file.
    names : collection of str, default=None
        Variables wanted; without it, all.
    convert : callable, default=None
        ``convert(where, array)`` gets each array of numbers as soon as it is read, and what it
        returns takes the array's place. ``where`` is the way to it, such as
        ``("DREAMER", "Data", 0, "EEG", "stimuli", 17)``: fields by name, elements of cells and
        of struct arrays by number from 0.
    wanted : callable, default=None
        ``wanted(where)`` says of each part of a cell or struct whether to read it. What is not
        wanted is None.
    max_array_bytes : int, default=2**27
        No array of the file is longer, in bytes.
    max_bytes : int, default=2**30
        No more is inflated in all.

    Returns
    -------
    variables : dict
        Numbers are arrays of the shape and type the file has them in, text is a str (a list of
        str if it has many rows), a cell is a list in MATLAB's order (columns first), a struct
        is a dict, an array of structs a list of them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataFormatError
        If it is no such file, is broken, holds what is refused, or lacks a wanted variable.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from scipy.io import savemat
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.mat"
    ...     savemat(path, {"film": {"name": "sea", "eeg": np.eye(2)}, "rest": 1.0})
    ...     read_mat(path, ["film"])
    {'film': {'name': 'sea', 'eeg': array([[1., 0.],
           [0., 1.]])}}
    """
    with _Variables(path, convert, wanted, max_array_bytes, max_bytes) as variables:
        found = {
            name: variables.value(name, source, n_bytes)
            for name, source, n_bytes in variables
            if names is None or name in names
        }
        missing = [name for name in names or () if name not in found]
        if missing:
            there = ", ".join(variables.names) or "none"
            raise DataFormatError(path, f"a variable {missing[0]!r}", f"the variables {there}")
        return found


def list_mat(path, *, max_bytes=1 << 30):
    """Names of the variables of a MATLAB file, in its order; their contents are not read.

    Parameters
    ----------
    path : path-like
        The file.
    max_bytes : int, default=2**30
        No more is inflated.

    Returns
    -------
    names : list of str
        Names.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataFormatError
        If it is no such file or broken.
    """
    with _Variables(path, max_bytes=max_bytes) as variables:
        for _ in variables:
            pass
        return variables.names


def describe(where):
    """Write the way to a part of a variable as MATLAB does."""
    return where[0] + "".join(
        f"{{{step + 1}}}" if isinstance(step, int) else f".{step}" for step in where[1:]
    )


class _Variables:
    """An open file: iterate over its variables, and take the value of each wanted one."""

    def __init__(self, path, convert=None, wanted=None, max_array_bytes=0, max_bytes=1 << 30):
        self.path = Path(path)
        self.convert = convert or (lambda where, array: array)
        self.wanted = wanted or (lambda where: True)
        self.max_array_bytes, self.max_bytes = max_array_bytes, max_bytes
        self.names, self.n_parts = [], 0

    def __enter__(self):
        if self.path.is_dir():
            self.fail("a MATLAB file", "a folder")
        self.file = open(self.path, "rb")
        return self

    def __exit__(self, kind, error, traceback):
        self.file.close()
        broken = (
            zlib.error, struct.error, ValueError, MemoryError, RecursionError, OverflowError,
        )  # fmt: skip
        if isinstance(error, broken) and not isinstance(error, DataFormatError):
            came = f"one that is broken ({kind.__name__}: {error})"
            raise DataFormatError(self.path, "a whole MATLAB file", came) from error

    def fail(self, expected, came):
        raise DataFormatError(self.path, expected, came)

    def __iter__(self):
        size = self.file.seek(0, 2)
        self.file.seek(0)
        self.order = self._byte_order(self.file.read(HEADER_BYTES))
        budget = _Budget(self, self.max_bytes)
        start = HEADER_BYTES
        while start < size:
            if len(self.names) == MAX_VARIABLES:
                self.fail(f"at most {MAX_VARIABLES} variables", "more")
            self.file.seek(start)
            kind, n_bytes = self._raw_tag()
            source: Any = _Stored(self, n_bytes)
            start += 8 + n_bytes
            if start > size:
                self.fail("a whole MATLAB file", f"one that ends {start - size} bytes early")
            if kind == COMPRESSED:
                source = _Inflated(source, budget)
                kind, n_bytes = struct.unpack(self.order + "II", source.read(8))
            if kind != MATRIX:
                self.fail("variables", f"an element of type {kind}")
            if n_bytes < 8:
                self.fail("variables with a name", "an empty one")
            source.end = source.position + n_bytes
            source.head = _Head(self, source, source.end)
            name = source.head.name
            if not name:  # what functions and objects of the file would need
                continue
            if name in self.names:
                self.fail("variables of different names", f"two of the name {name!r}")
            self.names.append(name)
            yield name, source, n_bytes

    def _byte_order(self, header):
        if len(header) < HEADER_BYTES:
            self.fail("a MATLAB file (version 5 to 7)", f"one of {len(header)} bytes")
        order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
        version = struct.unpack((order or "<") + "H", header[124:126])[0]
        if header.startswith((b"\x89HDF", b"MATLAB 7.3")) or (order and version == 0x0200):
            self.fail(
                "a MATLAB file of version 5 to 7",
                "one of version 7.3 (HDF5); MATLAB's save(..., '-v7') writes the former",
            )
        if order is None or version != 0x0100:
            self.fail("a MATLAB file (version 5 to 7)", "another kind of file")
        return order

    def _raw_tag(self):
        tag = self.file.read(8)
        if len(tag) < 8:
            self.fail("a whole MATLAB file", "one that ends within an element")
        return struct.unpack(self.order + "II", tag)

    def value(self, name, source, n_bytes):
        """Value of the variable that the iteration is at."""
        value = self._matrix((name,), source, source.end, source.head)
        source.finish()
        return value

    def _matrix(self, where, source, end, head):
        """Read a matrix of any class; its head is read, and it goes to ``end``."""
        if head.kind in REFUSED:
            self.fail(f"{describe(where)} of numbers, text, cells or structs", REFUSED[head.kind])
        if len(where) > MAX_DEPTH:
            self.fail(f"at most {MAX_DEPTH} levels of cells and structs", "more")
        if head.kind == CELL:
            value = self._cell(where, source, end, head)
        elif head.kind == STRUCT:
            value = self._struct(where, source, end, head)
        elif head.kind == TEXT:
            value = self._text(where, source, end, head)
        elif head.kind in NUMBERS:
            value = self.convert(where, self._numbers(where, source, end, head))
        else:
            self.fail(f"{describe(where)} of a known class", f"class {head.kind}")
        if end - source.position >= 8:
            self.fail(
                f"{describe(where)} as long as it says",
                f"{end - source.position} bytes more",
            )
        source.skip(end - source.position)
        return value

    def _part(self, where, source, end):
        """Read an element of a cell or a field of a struct."""
        kind, n_bytes = struct.unpack(self.order + "II", source.read(8, end))
        if kind != MATRIX:
            self.fail(f"{describe(where)} as a matrix", f"an element of type {kind}")
        if n_bytes > end - source.position:
            self.fail(
                f"{describe(where)} of at most {end - source.position} bytes",
                f"{n_bytes} declared",
            )
        end = source.position + n_bytes
        if not self.wanted(where):
            source.skip(n_bytes)
            return None
        if n_bytes == 0:
            return self.convert(where, np.zeros((0, 0)))
        return self._matrix(where, source, end, _Head(self, source, end))

    def _count_parts(self, where, n_parts, n_bytes):
        self.n_parts += n_parts
        if n_parts > n_bytes // 8 or self.n_parts > MAX_PARTS:
            self.fail(
                f"{describe(where)} with as many elements as {n_bytes} bytes hold, "
                f"and at most {MAX_PARTS} in the file",
                f"{n_parts} declared",
            )

    def _cell(self, where, source, end, head):
        self._count_parts(where, head.size, end - source.position)
        return [self._part((*where, i), source, end) for i in range(head.size)]

    def _struct(self, where, source, end, head):
        width = struct.unpack(self.order + "i", _small(self, source, end, 4))[0]
        if not 0 < width <= 64:
            self.fail(f"{describe(where)} with field names of 1 to 64 letters", str(width))
        text = _small(self, source, end, MAX_TEXT_BYTES)
        fields = [
            text[i : i + width].split(b"\0")[0].decode("latin-1")
            for i in range(0, len(text), width)
        ]
        if len(set(fields)) < len(fields) or len(text) % width or not all(fields):
            self.fail(f"{describe(where)} with fields of different names", repr(fields)[:200])
        self._count_parts(where, head.size * len(fields), end - source.position)
        if head.size > MAX_PARTS:
            self.fail(f"{describe(where)} of at most {MAX_PARTS} structs", str(head.size))
        one = head.size == 1
        structs = [
            {
                field: self._part((*where, field) if one else (*where, i, field), source, end)
                for field in fields
            }
            for i in range(head.size)
        ]
        return structs[0] if one else structs

    def _data(self, where, source, end, head, widths, max_bytes):
        """Read the data of numbers or text, once their size is known to be true."""
        kind, n_bytes, small = _tag(self, source, end)
        if kind not in widths:
            self.fail(f"{describe(where)} stored as numbers or text", f"type {kind}")
        if head.is_complex:
            self.fail(f"{describe(where)} of real numbers", "complex ones")
        there = len(small) if small is not None else end - source.position
        if n_bytes > min(there, max_bytes):
            self.fail(
                f"{describe(where)} of at most {min(there, max_bytes)} bytes",
                f"{n_bytes} declared",
            )
        fits = n_bytes == head.size * widths[kind]
        if head.kind == TEXT and kind == 16:  # UTF-8: one to four bytes a letter
            fits = head.size <= n_bytes <= 4 * head.size
        if not fits:
            self.fail(f"{describe(where)} with data for its shape {head.shape}", f"{n_bytes} bytes")
        if small is not None:
            return kind, small[:n_bytes]
        data = source.read(n_bytes, end)
        source.skip(min(-n_bytes % 8, end - source.position))
        return kind, data

    def _numbers(self, where, source, end, head):
        widths = {kind: np.dtype(code).itemsize for kind, code in NUMBER_TYPES.items()}
        kind, data = self._data(where, source, end, head, widths, self.max_array_bytes)
        array = np.frombuffer(data, dtype=self.order + NUMBER_TYPES[kind])
        return array.reshape(head.shape, order="F")

    def _text(self, where, source, end, head):
        widths = {kind: width for kind, (_, width) in TEXT_ENCODINGS.items()}
        kind, data = self._data(where, source, end, head, widths, MAX_TEXT_BYTES)
        encoding, width = TEXT_ENCODINGS[kind]
        if width > 1:
            encoding += "-le" if self.order == "<" else "-be"
        text = bytes(data).decode(encoding)
        if len(text) != head.size or len(head.shape) != 2:
            self.fail(f"{describe(where)} with text for its shape {head.shape}", f"{text[:50]!r}")
        n_rows = head.shape[0]
        rows = [text[i::n_rows] for i in range(n_rows)]
        return rows if n_rows > 1 else "".join(rows)


class _Head:
    """What stands before the data of a matrix: class, flags, shape, name."""

    def __init__(self, reader, source, end):
        flags = _small(reader, source, end, 8)
        word, _ = struct.unpack(reader.order + "II", flags)
        self.kind, self.is_complex = word & 0xFF, bool(word >> 8 & COMPLEX_FLAG)
        self.name, self.shape, self.size = "", (), 0
        if self.kind == 17:  # opaque: no shape, and the name comes first
            self.name = bytes(_small(reader, source, end, 256)).decode("latin-1")
            return
        dims = _small(reader, source, end, 32)
        self.shape = struct.unpack(f"{reader.order}{len(dims) // 4}i", dims)
        if len(self.shape) < 2 or min(self.shape) < 0:
            reader.fail("two or more lengths of a matrix, none negative", str(self.shape))
        self.size = math.prod(self.shape)
        self.name = bytes(_small(reader, source, end, 256)).decode("latin-1")


def _tag(reader, source, end):
    """Type and length of an element, and its bytes where these are in the tag itself."""
    tag = source.read(8, end)
    kind, n_bytes = struct.unpack(reader.order + "II", tag)
    if kind >> 16:
        if kind >> 16 > 4:
            reader.fail("a small element of at most 4 bytes", str(kind >> 16))
        return kind & 0xFFFF, kind >> 16, tag[4:]
    return kind, n_bytes, None


def _small(reader, source, end, max_bytes):
    """Bytes of a short element."""
    _, n_bytes, data = _tag(reader, source, end)
    if data is not None:
        return data[:n_bytes]
    if n_bytes > max_bytes:
        reader.fail(f"an element of at most {max_bytes} bytes", f"{n_bytes} declared")
    data = source.read(n_bytes, end)
    source.skip(min(-n_bytes % 8, end - source.position))
    return data


class _Budget:
    """How much may still be inflated."""

    def __init__(self, reader, max_bytes):
        self.reader, self.max_bytes, self.left = reader, max_bytes, max_bytes

    def spend(self, n_bytes):
        self.left -= n_bytes
        if self.left < 0:
            self.reader.fail(f"at most {self.max_bytes} bytes inflated", "more")


class _Stored:
    """The bytes of an element as they lie in the file."""

    def __init__(self, reader, n_bytes):
        self.reader, self.n_bytes, self.position = reader, n_bytes, 0

    def read(self, n_bytes, end=None):
        if self.position + n_bytes > (self.n_bytes if end is None else end):
            self.reader.fail("an element as long as it says", "one that ends early")
        data = bytearray(n_bytes)
        if self.reader.file.readinto(data) < n_bytes:
            self.reader.fail("a whole MATLAB file", "one that ends within an element")
        self.position += n_bytes
        return data

    def skip(self, n_bytes):
        self.reader.file.seek(n_bytes, 1)
        self.position += n_bytes

    def finish(self):
        if self.n_bytes - self.position >= 8:
            self.reader.fail("nothing after a variable's end", "more bytes")


class _Inflated:
    """The same for a compressed element: read in order, never more at once than asked for."""

    def __init__(self, stored, budget):
        self.stored, self.reader, self.budget = stored, stored.reader, budget
        self.inflate, self.input, self.position = zlib.decompressobj(), b"", 0

    def _some(self, n_bytes):
        """At most so many bytes; none at the end."""
        while not self.inflate.eof:
            if not self.input:
                left = self.stored.n_bytes - self.stored.position
                self.input = self.stored.read(min(CHUNK, left))
            n_input = len(self.input)
            data = self.inflate.decompress(self.input, n_bytes)
            self.input = self.inflate.unconsumed_tail
            if data:
                self.budget.spend(len(data))
                self.position += len(data)
                return data
            if not n_input:
                self.reader.fail("a compressed element with its end", "one without")
        return b""

    def read(self, n_bytes, end=None):
        if end is not None and self.position + n_bytes > end:
            self.reader.fail("an element as long as it says", "one that ends early")
        data = bytearray()
        while len(data) < n_bytes:
            more = self._some(min(1 << 20, n_bytes - len(data)))
            if not more:
                self.reader.fail("a compressed element as long as it says", "one that ends early")
            data += more
        return data

    def skip(self, n_bytes):
        while n_bytes:
            more = self._some(min(1 << 20, n_bytes))
            if not more:
                self.reader.fail("a compressed element as long as it says", "one that ends early")
            n_bytes -= len(more)

    def finish(self):
        n_more = 0
        while n_more < 8 and (more := self._some(8)):  # at the end zlib compares its checksum
            n_more += len(more)
        if n_more >= 8:
            self.reader.fail("nothing after a variable's end", "more bytes")
