"""Validation of groups passed as metadata."""

import numpy as np
import pandas as pd
import pytest

from skmamba._metadata import encode, get_columns


class Splitter:
    pass


def read(groups, *columns, n_samples=None):
    return get_columns(groups, *columns, estimator=Splitter(), n_samples=n_samples)


METADATA = pd.DataFrame({"subject": ["b", "a", "b"], "session": [1, 2, 1]}, index=[7, 7, 3])


def test_columns_are_returned_in_the_requested_order():
    session, subject = read(METADATA, "session", "subject")
    np.testing.assert_array_equal(session, [1, 2, 1])
    np.testing.assert_array_equal(subject, ["b", "a", "b"])


def test_a_dict_of_columns_is_accepted():
    (session,) = read({"session": [1, 2], "subject": [0, 0]}, "session")
    np.testing.assert_array_equal(session, [1, 2])


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, pd.Index])
def test_a_single_column_may_be_passed_as_array(kind):
    (subject,) = read(kind(["b", "a", "b"]), "subject")
    np.testing.assert_array_equal(subject, ["b", "a", "b"])


@pytest.mark.parametrize("alone", [False, True])
def test_text_that_is_a_number_equals_the_number_in_a_column_of_both(alone):
    values = pd.Series([1, "1", 1.0, np.int64(1), "02", 2, "a", "nan"], dtype=object)
    (subject,) = read(values if alone else values.to_frame("subject"), "subject")
    assert subject.tolist() == [1, 1, 1, 1, 2, 2, "a", "nan"]
    (subject,) = read(["1", "01", "1.0"], "subject")
    assert subject.tolist() == ["1", "01", "1.0"]


@pytest.mark.parametrize(
    ("groups", "columns", "match"),
    [
        (METADATA["subject"], "subject session", "Frame with 'subject' and 'session', got Series"),
        (np.zeros((3, 1)), "subject", r"got ndarray of shape \(3, 1\)"),
        (None, "subject trial", "Splitter requires groups=metadata with 'subject' and 'trial'"),
        (METADATA, "trial", "with 'trial', got only subject, session"),
        (pd.DataFrame(index=range(3)), "trial", "got only no column"),
    ],
    ids=["one column", "two dimensions", "None", "missing column", "no column"],
)
def test_groups_without_the_required_columns_raise(groups, columns, match):
    with pytest.raises(ValueError, match=match):
        read(groups, *columns.split())


@pytest.mark.parametrize("groups", [METADATA, METADATA["subject"]])
def test_a_wrong_number_of_rows_raises(groups):
    assert len(read(groups, "subject", n_samples=3)[0]) == 3
    with pytest.raises(ValueError, match="got 3 rows for 4 samples"):
        read(groups, "subject", n_samples=4)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("alone", [False, True])
def test_missing_values_raise(missing, alone):
    groups = pd.Series([1, missing, 2], dtype=object)
    with pytest.raises(ValueError, match="Splitter requires 'subject' of every sample"):
        read(groups if alone else groups.to_frame("subject"), "subject")


@pytest.mark.parametrize(
    ("values", "ranks"),
    [
        (["2", "10", "1"], [1, 2, 0]),
        (["2", "10", None], [0, 1, 2]),
        (["b2", "b10", "a11"], [1, 2, 0]),
        (["1b", "a", "10"], [0, 2, 1]),
    ],
)
def test_numbers_in_text_are_ordered_as_numbers(values, ranks):
    assert encode(pd.Series(values, dtype=object), natural=True)[0].tolist() == ranks


def test_missing_values_in_other_columns_are_ignored():
    (session,) = read(METADATA.assign(subject=None), "session")
    np.testing.assert_array_equal(session, [1, 2, 1])
