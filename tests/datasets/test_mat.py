"""MATLAB files are read as scipy reads them, and nothing broken or hostile gets through."""

import importlib.util
import io
import os
import struct
import tracemalloc
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from scipy.io import loadmat, savemat

from skmamba.datasets import DataFormatError
from skmamba.datasets._mat import list_mat, read_mat

spec = importlib.util.spec_from_file_location(
    "fuzz_mat", Path(__file__).parents[2] / "benchmarks/fuzz_mat.py"
)
fuzz_mat = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz_mat)

MEGABYTE = 1 << 20
# In DREAMER or SEED these would fail for other reasons; here they are what they are.
HARMLESS = {
    "text for numbers",
    "a cell of nothing",
    "a struct of none",
}
MATLABS_OWN = Path(scipy.io.__file__).parent / "matlab/tests/data"


@pytest.fixture(params=[False, True], ids=["stored", "compressed"])
def save(request, tmp_path):
    """Write variables, and give the path."""

    def write(name="a.mat", **variables):
        savemat(tmp_path / name, variables, do_compression=request.param)
        return tmp_path / name

    return write


@contextmanager
def peak_below(n_bytes):
    """Check that no more is allocated at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < n_bytes
    finally:
        tracemalloc.stop()


def cells(*parts):
    array = np.empty((1, len(parts)), dtype=object)
    for i, part in enumerate(parts):
        array[0, i] = part
    return array


def same(ours, theirs):
    """Whether a value is what scipy makes of the same bytes."""
    if isinstance(ours, dict) and not ours:  # a struct without fields, which scipy gives as None
        return theirs.tolist() == [[None]]
    if isinstance(ours, str | list) and theirs.dtype.kind == "U":
        return (ours if isinstance(ours, list) else [ours] if theirs.size else []) == list(theirs)
    if theirs.dtype.names:
        fields = theirs.dtype.names
        rows = [ours] if isinstance(ours, dict) else ours
        theirs = theirs.ravel(order="F")
        return len(rows) == len(theirs) and all(
            list(row) == list(fields) and all(same(row[f], their[f]) for f in fields)
            for row, their in zip(rows, theirs, strict=True)
        )
    if theirs.dtype == object:
        theirs = theirs.ravel(order="F")
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if not theirs.size and theirs.shape == (0, 0):
        return not np.size(ours)
    return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    "value",
    [
        np.arange(12.0).reshape(3, 4),
        np.arange(24, dtype="int16").reshape(2, 3, 4),
        np.array([[1.5]], dtype="float32"),
        np.arange(5, dtype="uint8"),
        np.array([[1, -2]], dtype="int64"),
        np.array([[True, False]]),
        np.zeros((0, 3)),
        "Fp1",
        "äöü €",
        np.array(["one", "two"]),
        cells(np.eye(2), "text", cells(np.ones((1, 3)))),
        {"a": np.eye(2), "b": {"c": cells("x", {"d": 1.0})}},
        np.array([(1.0, "x"), (2.0, "y")], dtype=[("n", object), ("t", object)]),
    ],
    ids=str,
)
def test_a_value_is_what_scipy_reads(save, value):
    path = save(value=value, other=1.0)
    assert same(read_mat(path, ["value"])["value"], loadmat(path)["value"])


def test_numbers_are_those_put_in(save):
    path = save(a=[[1.0, 2.0], [3.0, 4.0]], b={"name": "sea", "of": cells("x", [[5]])})
    found = read_mat(path)
    assert found["a"].tolist() == [[1, 2], [3, 4]]
    assert found["b"]["name"] == "sea"
    assert found["b"]["of"][0] == "x"
    assert found["b"]["of"][1].tolist() == [[5]]


@pytest.mark.skipif(not MATLABS_OWN.is_dir(), reason="this scipy came without its test files")
def test_files_of_matlab_itself_are_read_as_scipy_reads_them_or_refused():
    read = 0
    for path in sorted(MATLABS_OWN.glob("test*.mat")):
        try:
            found = read_mat(path)
        except DataFormatError:
            assert (
                "_4" in path.name
                or "mat4" in path.name
                or any(
                    word in path.name
                    for word in ("complex", "sparse", "object", "func", "hdf5", "teststruct_")
                )
            ), path.name
            continue
        theirs = loadmat(path)
        for name, value in found.items():
            assert same(value, theirs[name]), (path.name, name)
        read += 1
    assert read > 30


def test_files_of_the_other_byte_order_are_read(tmp_path):
    data = b"MATLAB".ljust(124) + b"\x01\x00MI"
    part = struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIii", 5, 8, 1, 2)
    part += struct.pack(">HH4s", 1, 1, b"a") + struct.pack(">IIdd", 9, 16, 1.5, -2.5)
    path = tmp_path / "a.mat"
    path.write_bytes(data + struct.pack(">II", 14, len(part)) + part)
    assert read_mat(path)["a"].tolist() == [[1.5, -2.5]] == loadmat(path)["a"].tolist()


def test_names_come_in_the_order_of_the_file_without_the_contents(save):
    path = save(b=np.zeros((1000, 1000)), a10="x", a2=cells(1.0))
    with peak_below(MEGABYTE):
        assert list_mat(path) == ["b", "a10", "a2"]


def test_only_the_wanted_variables_are_read(save):
    path = save(a=1.0, b=2.0, c=3.0)
    assert list(read_mat(path, ["c", "a"])) == ["a", "c"]
    assert list(read_mat(path)) == ["a", "b", "c"]
    with pytest.raises(DataFormatError, match=r"a variable 'd', came the variables a, b, c"):
        read_mat(path, ["a", "d"])


def test_each_array_is_converted_before_the_next_is_read(save):
    size = (62, 20_000)  # 10 MB
    path = save(**{f"eeg{i}": np.full(size, i) for i in range(6)})
    with peak_below(25 * MEGABYTE):
        found = read_mat(path, convert=lambda where, array: array[:2].astype("float32"))
    assert [array[1, -1] for array in found.values()] == list(range(6))


def test_convert_is_told_the_way_to_each_array(save):
    path = save(d={"people": cells({"age": 3.0}, {"age": 4.0})})
    ways = []
    read_mat(path, convert=lambda where, array: ways.append((where, array.item())))
    assert ways == [(("d", "people", 0, "age"), 3.0), (("d", "people", 1, "age"), 4.0)]


def test_what_is_not_wanted_is_passed_over(save):
    path = save(d={"a": np.zeros((1000, 1000)), "b": 1.0, "c": cells(2.0, 3.0)})
    with peak_below(4 * MEGABYTE):
        found = read_mat(path, wanted=lambda where: where[1:] not in {("a",), ("c", 0)})["d"]
    assert found["a"] is None
    assert found["b"].item() == 1
    assert found["c"][0] is None
    assert found["c"][1].item() == 3


def test_a_file_that_is_not_there_is_said_to_be(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.mat"):
        read_mat(tmp_path / "a.mat")


def test_a_folder_of_that_name_is_refused(tmp_path):
    with pytest.raises(DataFormatError, match="a MATLAB file, came a folder"):
        read_mat(tmp_path)


@pytest.mark.parametrize("what", sorted(set(fuzz_mat.hostile_files("a")) - HARMLESS))
def test_no_hostile_file_is_read(tmp_path, what):
    path = tmp_path / "a.mat"
    path.write_bytes(fuzz_mat.hostile_files("a")[what])
    with peak_below(20 * MEGABYTE), pytest.raises(DataFormatError) as caught:
        read_mat(path, ["a"], wanted=lambda where: "ECG" not in where, max_bytes=1 << 28)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("version 7.3", r"version 7\.3 \(HDF5\)"),
        ("text", "came another kind of file"),
        ("a length of nearly 4 GiB", "ends 4294967295 bytes early"),
        ("huge lengths", r"data for its shape \(2147483647, 2147483647\), came 96 bytes"),
        ("a negative length", r"none negative, came \(-4, -3\)"),
        ("complex numbers", "a of real numbers, came complex ones"),
        ("bytes after the data", "a as long as it says, came 8 bytes more"),
        ("an object", "came an object"),
        ("a sparse array", "came a sparse array"),
        ("a function", "came a function"),
        ("an opaque object", "came an opaque object"),
        ("an object in a cell", r"a\{1\} of numbers, text, cells or structs, came an object"),
        ("cells in cells", "at most 16 levels"),
        ("a cell of many", "came 2147483647 declared"),
        ("the variable twice", "two of the name 'a'"),
        ("a wrong checksum", "incorrect data check"),
        ("a bomb", "at most 134217728 bytes, came 4294967168 declared"),
        ("a bomb in what is not wanted", "at most 268435456 bytes inflated"),
        ("a thousand and more variables", "at most 1000 variables"),
    ],
)
def test_the_error_says_what_is_wrong(tmp_path, what, message):
    path = tmp_path / "a.mat"
    path.write_bytes(fuzz_mat.hostile_files("a")[what])
    with pytest.raises(DataFormatError, match=message):
        read_mat(path, ["a"], wanted=lambda where: "ECG" not in where, max_bytes=1 << 28)


def test_a_file_cut_anywhere_is_refused(save):
    path = save(a=np.arange(40.0), b={"c": cells("x", np.eye(3))})
    data = path.read_bytes()
    whole = read_mat(path)
    for end in range(0, len(data), 7):
        path.write_bytes(data[:end])
        with pytest.raises(DataFormatError, match=r"a\.mat"):
            read_mat(path, list(whole))


def test_any_flipped_bit_of_a_compressed_file_is_noticed(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"a": np.arange(40.0)}, do_compression=True)
    data = bytearray(path.read_bytes())
    for at in range(136, len(data)):
        spoilt = bytearray(data)
        spoilt[at] ^= 1 << at % 8
        path.write_bytes(spoilt)
        try:
            np.testing.assert_array_equal(read_mat(path, ["a"])["a"], [np.arange(40.0)])
        except DataFormatError:
            continue


def test_an_unnoticed_error_of_the_caller_is_not_blamed_on_the_file(save):
    def convert(where, array):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        read_mat(save(a=1.0), convert=convert)


def test_files_are_closed_even_if_broken(save):
    path = save(a=np.arange(40.0))
    path.write_bytes(path.read_bytes()[:-20])
    n_open = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    for _ in range(5):
        with pytest.raises(DataFormatError):
            read_mat(path)
    if n_open:
        assert len(os.listdir("/proc/self/fd")) == n_open


def test_hostile_files_differ_from_a_good_one_only_where_they_say(tmp_path):
    good = fuzz_mat.header() + fuzz_mat.numbers((4, 3), "a")
    packed = fuzz_mat.header() + fuzz_mat.compressed(fuzz_mat.numbers((4, 3), "a"))
    struct_of = fuzz_mat.struct_of("a", ["ECG"], fuzz_mat.numbers((1, 1)))
    for data in (good, packed, fuzz_mat.header() + struct_of):
        path = tmp_path / "a.mat"
        path.write_bytes(data)
        assert same(read_mat(path)["a"], loadmat(io.BytesIO(data))["a"])
    assert zlib.decompress(packed[136:]) == good[128:]
