"""MATLAB files: values equal to SciPy's, and errors for damaged and hostile files."""

import importlib.util
import io
import os
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from scipy.io import loadmat, savemat

from skmamba.datasets import DataFormatError, dreamer, load_dreamer, load_seed, seed
from skmamba.datasets._matlab import list_mat, read_mat

spec = importlib.util.spec_from_file_location(
    "fuzz_mat", Path(__file__).parents[2] / "benchmarks/fuzz_mat.py"
)
fuzz_mat = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz_mat)

MEGABYTE = 1 << 20
HOSTILE = sorted(fuzz_mat.make_hostile_files("a"))
# valid files of another content, which only the loaders reject
VALID = {"text for numbers", "a cell of nothing"}
MATLABS_FILES = Path(scipy.io.__file__).parent / "matlab/tests/data"


def make_cell(*parts):
    return np.fromiter(parts, dtype=object)[None]


def read_all(path, names=None, **options):
    return read_mat(path, names, wanted=lambda where: True, **options)


@pytest.fixture(params=[False, True], ids=["stored", "compressed"])
def save(request, tmp_path):
    """Write variables and return the path."""

    def write(name="a.mat", **variables):
        savemat(tmp_path / name, variables, do_compression=request.param)
        return tmp_path / name

    return write


def is_same(ours, theirs):
    """Whether a value is what SciPy reads from the same bytes."""
    if isinstance(ours, str):
        return ours == "".join(theirs.ravel())
    if theirs.dtype.names:
        fields = theirs.dtype.names
        rows = [ours] if isinstance(ours, dict) else ours
        theirs = theirs.ravel(order="F")
        return len(rows) == len(theirs) and all(
            list(row) == list(fields) and all(is_same(row[f], their[f]) for f in fields)
            for row, their in zip(rows, theirs, strict=True)
        )
    if theirs.dtype == object:
        theirs = theirs.ravel(order="F")
        return len(ours) == len(theirs) and all(map(is_same, ours, theirs))
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
        [np.eye(2), "text", [np.ones((1, 3)), 2.0]],
        {"a": np.eye(2), "b": {"c": ["x", {"d": 1.0}]}},
        np.array([(1.0, "x"), (2.0, "y")], dtype=[("n", object), ("t", object)]),
    ],
    ids=str,
)
def test_values_are_those_of_scipy(save, value):
    def convert(part):
        if isinstance(part, list):
            return make_cell(*map(convert, part))
        return {k: convert(v) for k, v in part.items()} if isinstance(part, dict) else part

    path = save(value=convert(value), other=1.0)
    assert is_same(read_all(path, ["value"])["value"], loadmat(path)["value"])


@pytest.mark.skipif(not MATLABS_FILES.is_dir(), reason="SciPy is installed without its test files")
def test_files_written_by_matlab_are_read_as_by_scipy_or_are_errors():
    unsupported = "_4 mat4 complex sparse object func hdf5 teststruct_ stringarray empty_struct"
    n_read = 0
    for path in sorted(MATLABS_FILES.glob("test*.mat")):
        try:
            found = read_all(path)
        except DataFormatError:
            assert any(word in path.name for word in unsupported.split()), path.name
            continue
        theirs = loadmat(path)
        for name, value in found.items():
            assert is_same(value, theirs[name]), (path.name, name)
        n_read += 1
    assert n_read > 30


def test_files_of_the_other_byte_order_are_read(tmp_path):
    data = b"MATLAB".ljust(124) + b"\x01\x00MI"
    part = struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIii", 5, 8, 1, 2)
    part += struct.pack(">HH4s", 1, 1, b"a") + struct.pack(">IIdd", 9, 16, 1.5, -2.5)
    path = tmp_path / "a.mat"
    path.write_bytes(data + struct.pack(">II", 14, len(part)) + part)
    assert read_mat(path)["a"].tolist() == [[1.5, -2.5]] == loadmat(path)["a"].tolist()


def test_names_are_listed_in_file_order_without_reading_values(save, peak_below):
    path = save(b=np.zeros((1000, 1000)), a10="x", a2=make_cell(1.0))
    with peak_below(MEGABYTE):
        assert list_mat(path) == ["b", "a10", "a2"]


def test_what_matlab_stores_without_a_name_is_no_variable(tmp_path):
    path = tmp_path / "a.mat"
    parts = [fuzz_mat.numbers((1, 3), name) for name in ("a", "", "b", "")]
    path.write_bytes(fuzz_mat.header() + b"".join(parts))
    assert list_mat(path) == list(read_mat(path)) == ["a", "b"]


def test_only_the_named_variables_are_read(save):
    path = save(a=1.0, b=2.0, c=3.0)
    assert list(read_mat(path, ["c", "a"])) == ["a", "c"]
    assert list(read_mat(path)) == ["a", "b", "c"]
    with pytest.raises(DataFormatError, match=r"a variable 'd', got the variables a, b, c"):
        read_mat(path, ["a", "d"])


def test_each_array_is_converted_before_the_next_is_read(save, peak_below):
    path = save(**{f"eeg{i}": np.full((62, 20_000), i) for i in range(6)})  # 10 MB each
    with peak_below(25 * MEGABYTE):
        found = read_mat(path, convert=lambda where, array: array[:2].astype("float32"))
    assert [array[1, -1] for array in found.values()] == list(range(6))


def test_convert_receives_the_position_of_each_array(save):
    path = save(d={"subjects": make_cell({"age": 3.0}, {"age": 4.0})})
    calls = []
    read_all(path, convert=lambda where, array: calls.append((where, array.item())))
    assert calls == [(("d", "subjects", 0, "age"), 3.0), (("d", "subjects", 1, "age"), 4.0)]


def test_unwanted_parts_are_skipped(save, peak_below):
    path = save(d={"a": np.zeros((1000, 1000)), "b": 1.0, "c": make_cell(2.0, 3.0)})
    with peak_below(4 * MEGABYTE):
        found = read_mat(path, wanted=lambda where: where[1:] not in {("a",), ("c", 0)})["d"]
    assert found["a"] is None
    assert found["b"].item() == 1
    assert found["c"][0] is None
    assert found["c"][1].item() == 3


def test_missing_files_and_folders_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.mat"):
        read_mat(tmp_path / "a.mat")
    with pytest.raises(DataFormatError, match="a MATLAB file, got a folder"):
        read_mat(tmp_path)


# Hostile files


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in VALID])
def test_the_reader_rejects_hostile_files_in_bounded_memory(tmp_path, peak_below, name):
    path = tmp_path / "a.mat"
    path.write_bytes(fuzz_mat.make_hostile_files("a")[name])
    options = {"wanted": lambda where: "ECG" not in where, "max_bytes": 1 << 27}
    with peak_below(20 * MEGABYTE), pytest.raises(DataFormatError, match=re.escape(str(path))):
        read_mat(path, ["a"], **options)


@pytest.mark.parametrize("name", HOSTILE)
def test_dreamer_rejects_hostile_files_in_bounded_memory(tmp_path, monkeypatch, peak_below, name):
    monkeypatch.setattr(dreamer, "MAX_BYTES", 1 << 27)
    path = tmp_path / "DREAMER.mat"
    path.write_bytes(fuzz_mat.make_hostile_files("DREAMER")[name])
    with peak_below(50 * MEGABYTE), pytest.raises(DataFormatError, match=r"DREAMER\.mat"):
        load_dreamer(path)


@pytest.mark.parametrize("name", HOSTILE)
def test_seed_rejects_hostile_files_in_bounded_memory(tmp_path, monkeypatch, peak_below, name):
    monkeypatch.setattr(seed, "MAX_BYTES", 1 << 26)
    path = tmp_path / "1_20131027.mat"
    data = fuzz_mat.make_hostile_files("djc_eeg1")[name]
    # with the other films present, the hostile variable is read
    others = b"".join(fuzz_mat.numbers((62, 2), f"djc_eeg{i}") for i in range(2, 16))
    for content in (data, data[:128] + others + data[128:]):
        path.write_bytes(content)
        with peak_below(50 * MEGABYTE), pytest.raises(DataFormatError, match=re.escape(str(path))):
            load_seed(tmp_path, seconds=None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("version 7.3", r"version 7\.3 \(HDF5\)"),
        ("text", "got another kind of file"),
        ("a length of nearly 4 GiB", "ends 4294967295 bytes early"),
        ("huge lengths", r"data for its shape \(2147483647, 2147483647\), got 96 bytes"),
        ("a negative length", r"none negative, got \(-4, -3\)"),
        ("text of many empty rows", r"one row of text for its shape, got '' of shape \(2147483647"),
        ("complex numbers", "a of real numbers, got complex ones"),
        ("bytes after the data", "a as long as it declares, got 8 more bytes"),
        ("an object in a cell", r"a\{1\} of numbers, text, cells or structs, got MATLAB class 3"),
        ("cells in cells", "at most 16 levels"),
        ("a cell of many", "got 2147483647 declared"),
        ("the variable twice", "each once, got 'a' as well"),
        ("a wrong checksum", "incorrect data check"),
        ("a bomb", "at most 134217728 bytes, got 4294967168 declared"),
        ("a bomb in what is not wanted", "at most 134217728 bytes decompressed"),
    ],
)
def test_the_error_names_the_defect(tmp_path, name, message):
    path = tmp_path / "a.mat"
    path.write_bytes(fuzz_mat.make_hostile_files("a")[name])
    with pytest.raises(DataFormatError, match=message):
        read_mat(path, ["a"], wanted=lambda where: "ECG" not in where, max_bytes=1 << 27)


@pytest.mark.parametrize("name", ["dreamer", "seed", "seed-iv"])
def test_randomly_damaged_files_are_errors_or_read_completely(name):
    counts, slowest = fuzz_mat.fuzz(name, n=150, seed=1)
    assert sum(counts.values()) == 150
    assert counts["rejected"] > 75
    assert slowest < 10


def test_a_file_truncated_anywhere_is_an_error(save):
    path = save(a=np.arange(40.0), b={"c": make_cell("x", np.eye(3))})
    data, names = path.read_bytes(), list_mat(path)
    n_open = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else None
    for end in range(0, len(data), 7):
        path.write_bytes(data[:end])
        with pytest.raises(DataFormatError, match=r"a\.mat"):
            read_all(path, names)
    if n_open:  # files are closed
        assert len(os.listdir("/proc/self/fd")) == n_open


def test_a_flipped_bit_of_a_compressed_file_is_detected(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"a": np.arange(40.0)}, do_compression=True)
    data = path.read_bytes()
    for i in range(136, len(data)):
        damaged = bytearray(data)
        damaged[i] ^= 1 << i % 8
        path.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(read_mat(path, ["a"])["a"], [np.arange(40.0)])
        except DataFormatError:
            continue


def test_an_exception_of_the_caller_is_not_attributed_to_the_file(save):
    def convert(where, array):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        read_mat(save(a=1.0), convert=convert)


def test_the_builders_of_hostile_files_write_valid_files(tmp_path):
    numbers = fuzz_mat.numbers((4, 3), "a")
    packed = fuzz_mat.compress(numbers)
    assert zlib.decompress(packed[8:]) == numbers
    for part in (numbers, packed, fuzz_mat.structure("a", ["b"], fuzz_mat.numbers((1, 1)))):
        data = fuzz_mat.header() + part
        path = tmp_path / "a.mat"
        path.write_bytes(data)
        assert is_same(read_all(path)["a"], loadmat(io.BytesIO(data))["a"])
