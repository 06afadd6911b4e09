"""Hostile pickles: errors that name the file, and nothing in them is executed."""

import gzip
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skmamba.datasets import DataFormatError, load_deap, write_fake_deap
from skmamba.datasets._pickle import read_arrays

HEAD = b"\x80\x02"
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
SHAPE = b"K\x02K\x03\x86"
MINUS_ONE = b"J\xff\xff\xff\xff"


def text(word):
    return b"U" + bytes([len(word)]) + word


def dtype(code=b"f8", order=b"<", rest=b"NNN"):
    made = b"cnumpy\ndtype\n" + text(code) + b"K\x00K\x01\x87R"
    return made + b"(K\x03" + text(order) + rest + 2 * MINUS_ONE + b"K\x00tb"


def array(shape=SHAPE, dtype=None, column_major=b"\x89", raw=None):
    """Return the opcodes of a (2, 3) array, with parts to replace."""
    raw = b"T" + struct.pack("<i", 48) + np.arange(6.0).tobytes() if raw is None else raw
    empty = RECONSTRUCT + b"cnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    return empty + b"(K\x01" + shape + (dtype or globals()["dtype"]()) + column_major + raw + b"tb"


def under_data(value):
    return HEAD + b"}" + text(b"data") + value + b"s."


def long4(n):
    return b"\x8b" + struct.pack("<I", n)


GOOD = under_data(array())
COMMAND = b"echo run > sentinel"  # in the folder of the test
SYSTEM = b"(" + text(COMMAND) + b"tR"
TEXT_COMMAND = b"S'" + COMMAND + b"'\n"
HOSTILE = {
    "GLOBAL os.system": HEAD + b"cos\nsystem\n" + SYSTEM + b".",
    "GLOBAL posix.system": HEAD + b"cposix\nsystem\n" + SYSTEM + b".",
    "GLOBAL builtins.exec": HEAD + b"cbuiltins\nexec\n" + text(b"open('sentinel','w')") + b"\x85R.",
    "GLOBAL as a value": under_data(b"cos\nsystem\n" + SYSTEM),
    "GLOBAL without a call": under_data(b"cos\nsystem\n"),
    "GLOBAL of numpy that reads files": under_data(b"cnumpy\nload\n" + text(b"x") + b"\x85R"),
    "GLOBAL with a dotted name": under_data(b"cnumpy\nndarray.tofile\n" + text(b"x") + b"\x85R"),
    "GLOBAL _codecs.lookup": under_data(b"c_codecs\nlookup\n" + text(b"x") + b"\x85R"),
    "GLOBAL without an end": HEAD + b"c" + b"o" * 100_000,
    "protocol 0": b"cos\nsystem\n(" + TEXT_COMMAND + b"tR.",
    "INST": b"(" + TEXT_COMMAND + b"ios\nsystem\n.",
    "OBJ": b"(cos\nsystem\n" + TEXT_COMMAND + b"o.",
    "NEWOBJ": HEAD + b"cos\nsystem\n" + text(COMMAND) + b"\x85\x81.",
    "NEWOBJ of an array": HEAD + b"cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85\x85\x81.",
    "NEWOBJ_EX": b"\x80\x04cos\nsystem\n" + text(COMMAND) + b"\x85}\x92.",
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93" + SYSTEM + b".",
    "STACK_GLOBAL of numbers": b"\x80\x04K\x01K\x02\x93.",
    "STACK_GLOBAL of nothing": b"\x80\x04\x93.",
    "EXT1": HEAD + b"\x82\x01.",
    "EXT2": HEAD + b"\x83\x01\x00.",
    "EXT4": HEAD + b"\x84\x01\x00\x00\x00.",
    "PERSID": HEAD + b"Pabc\n.",
    "BINPERSID": HEAD + text(b"a") + b"Q.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "REDUCE of text": HEAD + text(b"system") + SYSTEM + b".",
    "REDUCE of an array": under_data(array() + b")R"),
    "REDUCE of ndarray": HEAD + b"cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85\x85R.",
    "REDUCE without arguments": HEAD + RECONSTRUCT + b")R.",
    "REDUCE of _reconstruct for another class": under_data(
        RECONSTRUCT + b"cnumpy\ndtype\nK\x00\x85" + text(b"b") + b"\x87R"
    ),
    "encode to another code": under_data(b"c_codecs\nencode\nX\x01\x00\x00\x00a\x8c\x03zip\x86R"),
    "encode what is not Latin": under_data(
        b"c_codecs\nencode\nX\x50\x00\x00\x00" + b"\xe2\x82\xac" * 26 + b"aa\x8c\x06latin1\x86R"
    ),
    "encode the same text again and again": HEAD
    + (b"X" + struct.pack("<I", 10_000) + 10_000 * b"a" + b"q\x00c_codecs\nencode\nq\x01")
    + 200 * b"h\x01h\x00\x8c\x06latin1\x86R"
    + b".",
    "BUILD of a dict": HEAD + b"}}" + text(b"a") + b"K\x01sb.",
    "BUILD of a name": HEAD + b"cnumpy\nndarray\n}b.",
    "BUILD twice": under_data(array() + b"(K\x01" + SHAPE + dtype() + b"\x89" + text(b"") + b"tb"),
    "BUILD of a dtype by a dict": under_data(array(dtype=b"cnumpy\ndtype\n" + text(b"f8") + b"}b")),
    "BUILD that is missing": under_data(RECONSTRUCT + b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R"),
    "shape too large": under_data(array(b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86")),
    "shape that overflows": under_data(array(b"\x8a\x08" + b"\0" * 7 + b"\x40K\x04\x86")),
    "shape too small": under_data(array(b"K\x02K\x02\x86")),
    "shape below zero": under_data(array(b"J\xfe\xff\xff\xffJ\xfd\xff\xff\xff\x86")),
    "shape of nothing": under_data(array(b"K\x00K\x03\x86", raw=text(b""))),
    "shape of text": under_data(array(text(b"2") + text(b"3") + b"\x86")),
    "shape that is a number": under_data(array(b"K\x06")),
    "shape of many axes": under_data(array(b"(" + 500 * b"K\x01" + b"K\x06t")),
    "type object": under_data(array(dtype=dtype(b"O8", b"|"))),
    "type record": under_data(array(dtype=dtype(b"V8", b"|", b"N" + text(b"a") + b"\x85}"))),
    "type float of parts": under_data(array(dtype=dtype(rest=b"N" + text(b"a") + b"\x85}"))),
    "type complex": under_data(array(dtype=dtype(b"c16"))),
    "type half": under_data(array(dtype=dtype(b"f2"))),
    "type bool": under_data(array(dtype=dtype(b"b1", b"|"))),
    "type text": under_data(array(dtype=dtype(b"S8", b"|"))),
    "type date": under_data(array(dtype=dtype(b"M8"))),
    "type by a name": under_data(array(dtype=dtype(b"float64"))),
    "native byte order": under_data(array(dtype=dtype(order=b"="))),
    "array of text": under_data(array(raw=b"X" + struct.pack("<I", 48) + b"a" * 48)),
    "BINSTRING too long": under_data(array(raw=b"T\xff\xff\xff\x7f" + b"a" * 48)),
    "BINSTRING below zero": under_data(array(raw=b"T\xff\xff\xff\xff" + b"a" * 48)),
    "BINBYTES too long": HEAD + b"B\xff\xff\xff\xff.",
    "BINBYTES8 too long": HEAD + b"\x8e" + b"\xff" * 7 + b"\x7f.",
    "BINUNICODE8 too long": HEAD + b"\x8d" + b"\xff" * 8 + b".",
    "BYTEARRAY8": HEAD + b"\x96" + b"\xff" * 7 + b"\x7f.",
    "LONG4 too long": HEAD + long4(0x7FFFFFFF) + b".",
    "LONG4": HEAD + long4(1) + b"\x01.",
    "LONG1 of many bytes": under_data(array(b"\x8a\xff" + b"\x7f" * 255 + b"\x85")),
    "LONG as text": HEAD + b"L" + b"9" * 100_000 + b"L\n.",
    "INT as text": HEAD + b"I" + b"9" * 50 + b"\n.",
    "FRAME too long": b"\x80\x04\x95" + b"\xff" * 7 + b"\x3f}.",
    "unknown protocol": b"\x80\x09}.",
    "memo far away": under_data(array() + b"r\xff\xff\xff\xff"),
    "memo without a value": HEAD + b"h\x07.",
    "memo of a mark": HEAD + b"(q\x00.",
    "tuples in tuples": HEAD + b")" + 100_000 * b"\x85" + b".",
    "lists in lists": HEAD + b"]" + 100_000 * b"]a" + b".",
    "marks": HEAD + 100_000 * b"(" + b".",
    "tuples that double": HEAD + b"K\x01" + 900 * b"q\x00h\x00\x86" + b".",
    "a dict in itself": HEAD + b"}q\x00" + text(b"data") + b"h\x00s.",
    "a dict by an array": HEAD + b"}" + array() + b"K\x01s.",
    "a dict of an odd number": HEAD + b"}(" + text(b"data") + b"u.",
    "a key twice": HEAD + b"}" + 2 * (text(b"data") + array() + b"s") + b".",
    "a list": HEAD + b"].",
    "a float": HEAD + b"G" + bytes(8) + b".",
    "a number": HEAD + b"K\x01.",
    "a key that is not UTF-8": HEAD + b"}X\x01\x00\x00\x00\xffK\x01s.",
    "an empty stack": HEAD + b"R.",
    "no mark": HEAD + b"K\x01t.",
    "an object too many": HEAD + b"K\x01" + GOOD[2:],
    "bytes after the end": GOOD + b".",
    "no end": GOOD[:-1],
    "text file": b"subject,valence\n1,5\n",
    "zip": gzip.compress(GOOD),
    "zeros": bytes(10_000),
    "empty": b"",
}


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "s01.dat"


def test_the_valid_pickle_of_these_tests_is_read_as_by_pickle(path):
    path.write_bytes(GOOD)
    expected = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(pickle.loads(GOOD, encoding="latin1")["data"], expected)
    np.testing.assert_array_equal(read_arrays(path, "arrays")["data"], expected)


@pytest.mark.parametrize("name", ["GLOBAL os.system", "protocol 0", "INST", "OBJ", "STACK_GLOBAL"])
def test_pickle_would_execute_the_hostile_files(path, name):
    try:
        pickle.loads(HOSTILE[name], encoding="latin1")
    except TypeError:
        pass  # of OBJ and INST, after the call
    assert Path("sentinel").exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_errors_and_are_not_executed(path, name):
    path.write_bytes(HOSTILE[name])
    with pytest.raises(DataFormatError, match=r"s01\.dat: expected arrays, got"):
        read_arrays(path, "arrays")
    with pytest.raises(DataFormatError, match=r"s01\.dat: expected a dict of the arrays") as error:
        load_deap(path.parent)
    assert len(str(error.value)) < 1000 + len(str(path))
    assert os.listdir() == ["s01.dat"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("GLOBAL os.system", r"refers to 'os', 'system'; it was not called"),
        ("type object", r"an array of type 'O8'"),
        ("shape too small", r"shape \(2, 2\): 32 bytes, with 48 present"),
        ("BINSTRING too long", r"2147483647 bytes declared at byte \d+, 5\d left"),
        ("encode the same text again and again", r"or the same text again"),
        ("tuples in tuples", r"more than 3000 parts"),
        ("zip", r"the pickle opcode b'\\x1f', which no numeric array needs"),
        ("empty", r"got an empty file\."),
    ],
)
def test_the_error_names_the_defect(path, name, message):
    path.write_bytes(HOSTILE[name])
    with pytest.raises(DataFormatError, match=message):
        load_deap(path.parent)


def test_a_folder_with_the_name_of_a_file_is_an_error(path):
    path.mkdir()
    with pytest.raises(DataFormatError, match=r"s01\.dat: .* got a folder"):
        load_deap(path.parent)


@pytest.mark.parametrize("protocol", [1, 2, 3, 4])
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<i2", "u1"])
def test_arrays_pickled_by_python_3_are_read(path, protocol, order, dtype):
    content = {
        "data": np.arange(3 * 4 * 50).reshape((3, 4, 50), order=order).astype(dtype, order=order),
        "labels": np.array([[1, 2], [3, 4]], dtype, order=order),
    }
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    found = read_arrays(path, "arrays")
    for name, array in content.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_arrays_are_read_without_the_frames_of_the_base_class(path, monkeypatch):
    # which joins parts of large reads in newer versions of Python
    content = {"data": np.random.default_rng(0).normal(size=(30, 30))}
    original = pickle._Unframer.read

    def read(self, n):
        assert n < 256
        return original(self, n)

    monkeypatch.setattr(pickle._Unframer, "read", read)
    for protocol in (2, 3):
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        np.testing.assert_array_equal(read_arrays(path, "arrays")["data"], content["data"])


def test_the_bytes_of_an_array_are_not_copied(tmp_path, peak_below):
    write_fake_deap(tmp_path, n_subjects=1, n_times=512)  # 6.6 MB
    with peak_below(1 << 19):
        assert read_arrays(tmp_path / "s01.dat", "arrays")["data"].shape == (40, 40, 512)


MEASURE = """
import os, resource, time
from skmamba.datasets import DataFormatError, load_deap

def memory(key):  # in kB
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))

limit = memory("VmSize") * 1024 + 300 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before, slowest, rejected = memory("VmRSS"), 0, 0
for folder in sorted(os.listdir()):
    start = time.perf_counter()
    try:
        load_deap(folder)
    except DataFormatError:
        rejected += 1
    slowest = max(slowest, time.perf_counter() - start)
print(rejected, (memory("VmHWM") - before) // 1024, slowest)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the memory in /proc")
def test_hostile_files_take_little_memory_and_time(tmp_path, monkeypatch):
    for i, content in enumerate(HOSTILE.values()):
        folder = tmp_path / f"{i:03}"
        folder.mkdir()
        (folder / "s01.dat").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    rejected, peak_mb, slowest = map(float, done.stdout.split())
    assert rejected == len(HOSTILE)
    assert peak_mb < 100
    assert slowest < 10


def test_randomly_damaged_files_are_errors_or_of_the_right_form(tmp_path):
    write_fake_deap(tmp_path, n_subjects=1, n_trials=1, n_times=385)
    path, rng = tmp_path / "s01.dat", np.random.default_rng(0)
    valid, n_rejected = path.read_bytes(), 0
    # all bytes that are not numbers: arrays of 4 and of 40 x 385 numbers
    places = [i for i in range(len(valid)) if not 420 < i < len(valid) - 60]
    for _ in range(150):
        damaged = bytearray(valid)
        for place in rng.choice(places, size=rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            trials = load_deap(tmp_path)
        except DataFormatError as error:
            n_rejected += "s01.dat" in str(error)
        else:
            assert trials.X.shape == (1, 4, 1)
            assert np.isfinite(trials.X).all()
    assert n_rejected > 75
