"""Tests of the conversion of values to JSON and arrays."""

import json
import math

import numpy as np
import pytest

from skmamba.persistence._serialize import decode, encode


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0.1 + 0.2,
        10**30,
        -math.inf,
        "Fpü",
        [1, [2.0, None]],
        (1, ("a", [])),
        slice(None, 4),
        {"b": 1, "a": 2},
        {0: 0.5, (0, 1): "pair", None: "none"},
        {"$array": "not an array"},
        np.arange(6.0).reshape(2, 3).T,
        np.array(3),
        np.zeros((0, 4), "float32"),
        np.arange(5)[::-2],
        np.arange(3, dtype=">i4"),
        np.array([["a"], ["b"]], dtype="<U7"),
        np.array(["rest", 1, None], dtype=object),
    ],
    ids=repr,
)
def test_values_are_restored_with_type_dtype_and_order(value):
    arrays = {}
    encoded = json.dumps(encode({"key": value}, "name", arrays), allow_nan=False)
    decoded = decode(json.loads(encoded), arrays)["key"]
    np.testing.assert_equal(decoded, value, strict=isinstance(value, np.ndarray))
    assert type(decoded) is type(value)
    if isinstance(value, dict):
        assert list(decoded) == list(value)
    assert not arrays


def test_numpy_scalars_become_python_numbers():
    encoded = encode([np.int64(3), np.float32(0.5), np.bool_(True), np.float64("nan")], "x", {})
    assert encoded == [3, 0.5, True, {"$float": "nan"}]
    assert [type(number) for number in encoded[:3]] == [int, float, bool]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [0, print]}, r"name\.a\[1\] must .* of type builtin_function_or_method"),
        ({1: {2}}, r"name\[0\]\[1\] must .* got \{2\} of type set"),
        (np.zeros(2, complex), "name must be text, or numbers of at most 64 bits, got complex128"),
        (np.array([print]), r"name\[0\] must"),
        ({"a.b": np.zeros(1), "a": {"b": np.ones(1)}}, r"name\.a\.b must be the name of one"),
    ],
)
def test_other_values_are_refused(value, message):
    with pytest.raises((TypeError, ValueError), match=message):
        encode(value, "name", {})


@pytest.mark.parametrize(
    "encoded",
    [
        {"$pickle": "gASVCg=="},
        {"$tuple": [], "more": 1},
        {"$tuple": 3},
        {"$float": "1e400"},
        {"$array": "missing"},
        {"$labels": ["<M8[ns]", [1], [0]]},
        {"$labels": ["<U1", [2], ["a"]]},
        {"$labels": ["<U500000000", [1], ["a"]]},
    ],
    ids=repr,
)
def test_malformed_values_are_refused(encoded):
    with pytest.raises((KeyError, TypeError, ValueError)):
        decode(encoded, {})
