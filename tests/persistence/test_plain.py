import json
import math

import numpy as np
import pandas as pd
import pytest

from skmamba.persistence._plain import pack, simplify, unpack


def there_and_back(thing):
    arrays = {}
    text = json.dumps(pack(thing, "thing", arrays), allow_nan=False)
    back = unpack(json.loads(text), arrays)
    assert not arrays
    return back


@pytest.mark.parametrize(
    "thing",
    [
        None,
        True,
        0.1 + 0.2,
        10**30,
        "Fpü",
        [1, [2.0, None]],
        (1, ("a", [])),
        slice(None, 4),
        {"b": 1, "a": 2},
        {0: 0.5, 1: 1.5},
        {(0, 1): "pair", None: "none"},
        {"$array": "no array"},
        -math.inf,
    ],
    ids=repr,
)
def test_plain_things_come_back_with_value_type_and_order(thing):
    back = there_and_back(thing)
    assert back == thing
    assert type(back) is type(thing)
    if isinstance(thing, dict):
        assert list(back) == list(thing)


def test_not_a_number_comes_back():
    assert math.isnan(there_and_back(math.nan))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3).T,
        np.array(3),
        np.zeros((0, 4), "float32"),
        np.array([True, False]),
        np.array(["rest", "task"]),
        np.array([["a"], ["b"]], dtype="<U7"),
        np.array(["rest", 1, None], dtype=object),
        np.arange(5)[::-2],
        np.arange(3, dtype=">i4"),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays_come_back_with_dtype_and_shape(array):
    back = there_and_back({"array": array})["array"]
    np.testing.assert_array_equal(back, array, strict=True)


def test_arrays_of_numbers_are_put_aside_under_their_place():
    arrays = {}
    packed = pack({"weights": [np.zeros(2), np.ones(2)]}, "net", arrays)
    assert packed == {"weights": [{"$array": "net.weights[0]"}, {"$array": "net.weights[1]"}]}
    assert arrays["net.weights[1]"].tolist() == [1, 1]


def test_tables_come_back():
    table = pd.DataFrame(
        {"channel": ["Fp1", None], "score": [0.5, np.nan], "chosen": [True, False]}
    )
    pd.testing.assert_frame_equal(there_and_back(table), table, check_dtype=False)


def test_numbers_of_numpy_become_pythons():
    back = there_and_back([np.int64(3), np.float32(0.5), np.bool_(True)])
    assert back == [3, 0.5, True]
    assert [type(number) for number in back] == [int, float, bool]


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        ({"a": [0, print]}, r"thing\.a\[1\] is .*builtin_function_or_method objects cannot be"),
        ({1: {2}}, r"thing\[1\] is \{2\}, and set objects cannot be saved"),
        (np.zeros(2, complex), "thing is an array of complex128, which cannot be saved"),
        (np.array([print]), r"thing\[0\] is .*cannot be saved"),
        (
            {"a.b": {"c": np.zeros(1)}, "a": {"b.c": np.ones(1)}},
            r"Two arrays are called thing\.a\.b\.c",
        ),
    ],
)
def test_what_cannot_be_said_is_named(thing, message):
    with pytest.raises((TypeError, ValueError), match=message):
        pack(thing, "thing", {})


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        ({"$pickle": "gASVCg=="}, r"unknown entry '\$pickle'"),
        ({"$tuple": [], "more": 1}, r"unknown entry '\$tuple'"),
        ({"$tuple": 3}, r"malformed entry '\$tuple'"),
        ({"$float": "1e400"}, r"malformed entry '\$float'"),
        ({"$array": "nowhere"}, r"malformed entry '\$array' \('nowhere'\)"),
        ({"$labels": ["<M8[ns]", [1], [0]]}, "labels of datetime64"),
        ({"$labels": ["<U1", [2], ["a"]]}, "cannot reshape"),
    ],
)
def test_signs_that_are_never_written_are_refused(packed, message):
    with pytest.raises(ValueError, match=message):
        unpack(packed, {})


def test_notes_for_people_become_simple():
    notes = {
        "folds": (np.float32(0.5), math.nan),
        0: np.arange(2),
        "table": pd.DataFrame({"subject": [1, 2], "accuracy": [0.5, 1.0]}),
    }
    assert simplify(notes, "scores") == {
        "folds": [0.5, None],
        "0": [0, 1],
        "table": [{"subject": 1, "accuracy": 0.5}, {"subject": 2, "accuracy": 1.0}],
    }


def test_a_note_that_cannot_be_said_is_named():
    with pytest.raises(TypeError, match=r"scores\.model\[0\] is .*, and object objects cannot be"):
        simplify({"model": [object()]}, "scores")
