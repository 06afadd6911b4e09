"""Reader of MATLAB files of version 5 to 7 (MathWorks, "MAT-File Format") with bounded memory.

``scipy.io.loadmat`` allocates the sizes that a file declares, reads a variable as a whole (1.9 GB
for DREAMER) and can crash on damaged files. This reader compares sizes with the bytes present,
converts each array once it is read, and skips unwanted parts. Objects and sparse arrays are errors.
"""

import math
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._io import DataFormatError

HEADER_BYTES = 128
MATRIX, COMPRESSED = 14, 15  # element types
NUMBER_TYPES = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
TEXT_TYPES = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
CELL, STRUCT, TEXT, NUMBERS = 1, 2, 4, range(6, 16)  # classes of a matrix
OPAQUE = 17  # an object without a shape
COMPLEX_FLAG = 0x0800

MAX_DEPTH = 16
MAX_PARTS = 50_000
MAX_VARIABLES = 1000
MAX_TEXT_BYTES = 1 << 20
INPUT_BYTES, OUTPUT_BYTES = 1 << 16, 1 << 20  # of one step


def read_mat(
    path, names=None, *, convert=None, wanted=None, max_array_bytes=1 << 27, max_bytes=1 << 30
):
    """Read the named variables, or all, as a dict.

    Numbers become arrays, text a str, a cell a list in column-major order, a struct a dict, an
    array of structs a list of dicts. ``convert(where, array)`` replaces each array of numbers.
    ``wanted(where)`` selects the parts of cells and structs; others, by default all, are None.
    ``where`` is a position such as ``("DREAMER", "Data", 0, "EEG", "stimuli", 17)``. An array may
    have ``max_array_bytes``, and the decompressed bytes of the file ``max_bytes``.
    """
    with _MatFile(path, convert, wanted, max_array_bytes, max_bytes) as file:
        found = {
            head.name: file.read_variable(stream, head)
            for stream, head in file
            if names is None or head.name in names
        }
        missing = [name for name in names or () if name not in found]
        if missing:
            file.fail(f"a variable {missing[0]!r}", f"the variables {', '.join(file.names)}")
        return found


def list_mat(path):
    """Return the names of the variables in the order of the file, without reading their values."""
    with _MatFile(path) as file:
        return [head.name for _, head in file]


def describe(where):
    """Format the position of a part of a variable as MATLAB does."""
    return where[0] + "".join(
        f"{{{step + 1}}}" if isinstance(step, int) else f".{step}" for step in where[1:]
    )


class _Head(NamedTuple):
    """Class, shape and name of a matrix, and the position of its end."""

    kind: int
    is_complex: bool
    shape: tuple[int, ...]
    size: int
    name: str
    end: int


class _Stream:
    """Bytes of one variable, decompressed in steps if the file compresses them."""

    def __init__(self, mat, n_bytes, compressed):
        self.mat, self.n_left, self.position = mat, n_bytes, 0
        self.inflate = zlib.decompressobj() if compressed else None

    def read(self, n_bytes, end):
        """Return ``n_bytes``, which must lie before ``end``."""
        if self.position + n_bytes > end:
            self.mat.fail("elements that end within their variable", "one that ends after it")
        data = bytearray()
        for part in self._read_parts(n_bytes):
            data += part
        return data

    def skip(self, n_bytes):
        for _ in self._read_parts(n_bytes):
            pass

    def _read_parts(self, n_bytes):
        self.position += n_bytes
        while n_bytes:
            part = self._read_some(n_bytes)
            if not part:
                self.mat.fail("a variable as long as it declares", "one that ends early")
            n_bytes -= len(part)
            yield part

    def check_end(self):
        """Require that no element follows; at the end, zlib compares its checksum."""
        if sum(map(len, iter(lambda: self._read_some(OUTPUT_BYTES), b""))) >= 8:
            self.mat.fail("nothing after a variable's end", "more bytes")

    def _read_some(self, n_bytes):
        """Return at most ``n_bytes``, and none only at the end."""
        n_bytes = min(n_bytes, OUTPUT_BYTES)
        if self.inflate is None:
            return self._read_file(n_bytes)
        while not self.inflate.eof:
            compressed = self.inflate.unconsumed_tail or self._read_file(INPUT_BYTES)
            data = self.inflate.decompress(compressed, n_bytes)
            self.mat.count_inflated(len(data))
            if data:
                return data
            if not compressed:
                self.mat.fail("a complete compressed variable", "one without its end")
        return b""

    def _read_file(self, n_bytes):
        data = self.mat.file.read(min(n_bytes, self.n_left))
        self.n_left -= len(data)
        return data


class _MatFile:
    """An open file: iterates over its variables and reads their values."""

    def __init__(self, path, convert=None, wanted=None, max_array_bytes=0, max_bytes=1 << 30):
        self.path = Path(path)
        self.convert = convert or (lambda where, array: array)
        self.wanted = wanted or (lambda where: False)
        self.max_array_bytes, self.max_bytes = max_array_bytes, max_bytes
        self.names, self.n_parts, self.n_inflated = [], 0, 0

    def __enter__(self):
        if self.path.is_dir():
            self.fail("a MATLAB file", "a folder")
        self.file = self.path.open("rb")
        return self

    def __exit__(self, kind, error, traceback):
        self.file.close()
        damaged = (zlib.error, struct.error, ValueError, MemoryError, RecursionError, OverflowError)
        if isinstance(error, damaged) and not isinstance(error, DataFormatError):
            got = f"a damaged one ({kind.__name__}: {error})"
            raise DataFormatError(self.path, "a complete MATLAB file", got) from error

    def fail(self, expected, got):
        raise DataFormatError(self.path, expected, got)

    def count_inflated(self, n_bytes):
        self.n_inflated += n_bytes
        if self.n_inflated > self.max_bytes:
            self.fail(f"at most {self.max_bytes} bytes decompressed", "more")

    def __iter__(self):
        """Yield stream and head of each variable."""
        size = self.path.stat().st_size
        self.order = self._read_byte_order(self.file.read(HEADER_BYTES))
        start = HEADER_BYTES
        while start < size:
            self.file.seek(start)
            kind, n_bytes = self._unpack("II", self.file.read(8))
            start += 8 + n_bytes
            if start > size:
                self.fail("a complete MATLAB file", f"one that ends {start - size} bytes early")
            stream = _Stream(self, n_bytes, kind == COMPRESSED)
            if kind == COMPRESSED:
                kind, n_bytes = self._unpack("II", stream.read(8, 8))
            if kind != MATRIX or n_bytes < 8:
                self.fail("variables", f"an element of type {kind} with {n_bytes} bytes")
            head = self._read_head(stream, stream.position + n_bytes)
            if not head.name:  # belongs to the functions and objects of the file
                continue
            if head.name in self.names or len(self.names) == MAX_VARIABLES:
                self.fail(f"at most {MAX_VARIABLES} variables, each once", f"{head.name!r} as well")
            self.names.append(head.name)
            yield stream, head

    def _unpack(self, code, data):
        return struct.unpack(self.order + code, data)

    def _read_byte_order(self, header):
        order = {b"IM": "<", b"MI": ">"}.get(header[126:])
        version = struct.unpack(order + "H", header[124:126])[0] if order else None
        if header.startswith((b"\x89HDF", b"MATLAB 7.3")) or version == 0x0200:
            got = "one of version 7.3 (HDF5); save(..., '-v7') in MATLAB writes version 7"
            self.fail("a MATLAB file of version 5 to 7", got)
        if version != 0x0100:
            self.fail("a MATLAB file of version 5 to 7", "another kind of file")
        return order

    def _read_element(self, what, stream, end, max_bytes):
        """Return type and data of an element, whose size is checked before it is read."""
        tag = stream.read(8, end)
        kind, n_bytes = self._unpack("II", tag)
        is_small = bool(kind >> 16)  # the data are in the tag
        if is_small:
            kind, n_bytes = kind & 0xFFFF, kind >> 16
        limit = min(max_bytes, 4 if is_small else end - stream.position)
        if n_bytes > limit:
            self.fail(f"{what} of at most {limit} bytes", f"{n_bytes} declared")
        if is_small:
            return kind, tag[4 : 4 + n_bytes]
        data = stream.read(n_bytes, end)
        stream.skip(min(-n_bytes % 8, end - stream.position))
        return kind, data

    def _read_head(self, stream, end):
        _, data = self._read_element("flags", stream, end, 8)
        flags, _ = self._unpack("II", data)
        kind, shape = flags & 0xFF, ()
        if kind != OPAQUE:
            _, data = self._read_element("dimensions", stream, end, 32)
            shape = self._unpack(f"{len(data) // 4}i", data)
            if len(shape) < 2 or min(shape) < 0:
                self.fail("a matrix of at least two dimensions, none negative", str(shape))
        _, name = self._read_element("a name", stream, end, 256)
        is_complex, name = bool(flags & COMPLEX_FLAG), name.decode("latin-1")
        return _Head(kind, is_complex, shape, math.prod(shape), name, end)

    def read_variable(self, stream, head):
        value = self._read_matrix((head.name,), stream, head)
        stream.check_end()
        return value

    def _read_matrix(self, where, stream, head):
        """Return the value of a matrix whose head is read."""
        readers = {CELL: self._read_cell, STRUCT: self._read_struct, TEXT: self._read_text}
        readers |= dict.fromkeys(NUMBERS, self._read_numbers)
        if head.kind not in readers:
            expected = f"{describe(where)} of numbers, text, cells or structs"
            self.fail(expected, f"MATLAB class {head.kind}")
        if len(where) > MAX_DEPTH:
            self.fail(f"at most {MAX_DEPTH} levels of cells and structs", "more")
        value = readers[head.kind](where, stream, head)
        n_left = head.end - stream.position
        if n_left >= 8:
            self.fail(f"{describe(where)} as long as it declares", f"{n_left} more bytes")
        stream.skip(n_left)
        return value

    def _read_part(self, where, stream, end):
        """Return an element of a cell or a field of a struct."""
        kind, n_bytes = self._unpack("II", stream.read(8, end))
        if kind != MATRIX or n_bytes > end - stream.position:
            expected = f"{describe(where)} as a matrix of at most {end - stream.position} bytes"
            self.fail(expected, f"type {kind} with {n_bytes} declared")
        if not self.wanted(where):
            return stream.skip(n_bytes)
        if n_bytes == 0:
            return self.convert(where, np.zeros((0, 0)))
        return self._read_matrix(where, stream, self._read_head(stream, stream.position + n_bytes))

    def _count_parts(self, where, n_parts, n_bytes):
        self.n_parts += n_parts
        if n_parts > n_bytes // 8 or self.n_parts > MAX_PARTS:
            expected = f"{describe(where)} of parts that fit into {n_bytes} bytes"
            self.fail(f"{expected}, and at most {MAX_PARTS} in the file", f"{n_parts} declared")

    def _read_cell(self, where, stream, head):
        self._count_parts(where, head.size, head.end - stream.position)
        return [self._read_part((*where, i), stream, head.end) for i in range(head.size)]

    def _read_struct(self, where, stream, head):
        _, data = self._read_element(describe(where), stream, head.end, 4)
        (width,) = self._unpack("i", data)
        _, names = self._read_element(describe(where), stream, head.end, MAX_TEXT_BYTES)
        starts = range(0, len(names), width) if 0 < width <= 64 else ()
        fields = [names[i : i + width].split(b"\0")[0].decode("latin-1") for i in starts]
        if not fields or len(set(fields)) < len(fields) or not all(fields):
            self.fail(f"{describe(where)} with different names of fields", repr(fields)[:200])
        self._count_parts(where, head.size * len(fields), head.end - stream.position)
        positions = [where] if head.size == 1 else [(*where, i) for i in range(head.size)]
        structs = [
            {field: self._read_part((*position, field), stream, head.end) for field in fields}
            for position in positions
        ]
        return structs[0] if head.size == 1 else structs

    def _read_numbers(self, where, stream, head):
        kind, data = self._read_element(describe(where), stream, head.end, self.max_array_bytes)
        if head.is_complex or kind not in NUMBER_TYPES:
            got = "complex ones" if head.is_complex else f"type {kind}"
            self.fail(f"{describe(where)} of real numbers", got)
        dtype = np.dtype(self.order + NUMBER_TYPES[kind])
        if len(data) != head.size * dtype.itemsize:
            expected = f"{describe(where)} with data for its shape {head.shape}"
            self.fail(expected, f"{len(data)} bytes")
        return self.convert(where, np.frombuffer(data, dtype).reshape(head.shape, order="F"))

    def _read_text(self, where, stream, head):
        kind, data = self._read_element(describe(where), stream, head.end, MAX_TEXT_BYTES)
        encoding = TEXT_TYPES.get(kind, "ascii")
        if encoding != "utf-8" and encoding.startswith("utf"):
            encoding += "-le" if self.order == "<" else "-be"
        text = data.decode(encoding)
        if head.shape not in ((1, len(text)), (0, 0)):
            got = f"{text[:50]!r} of shape {head.shape}"
            self.fail(f"{describe(where)} with one row of text for its shape", got)
        return text
