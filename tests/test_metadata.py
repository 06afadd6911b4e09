"""Columns of metadata that come as groups."""

import numpy as np
import pandas as pd
import pytest

from skmamba._metadata import get_columns


class Asker:
    pass


def read(groups, *columns, n_samples=None):
    return get_columns(groups, *columns, asker=Asker(), n_samples=n_samples)


METADATA = pd.DataFrame({"subject": ["b", "a", "b"], "session": [1, 2, 1]}, index=[7, 7, 3])


def test_columns_come_in_the_order_asked_for():
    session, subject = read(METADATA, "session", "subject")
    np.testing.assert_array_equal(session, [1, 2, 1])
    np.testing.assert_array_equal(subject, ["b", "a", "b"])


def test_a_dict_of_columns_is_metadata():
    (session,) = read({"session": [1, 2], "subject": [0, 0]}, "session")
    np.testing.assert_array_equal(session, [1, 2])


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, pd.Index])
def test_one_column_may_come_alone(kind):
    (subject,) = read(kind(["b", "a", "b"]), "subject")
    np.testing.assert_array_equal(subject, ["b", "a", "b"])


def test_one_of_two_columns_is_not_enough():
    with pytest.raises(ValueError, match="a DataFrame with 'subject' and 'session', got Series"):
        read(METADATA["subject"], "subject", "session")


def test_two_dimensions_are_no_column():
    with pytest.raises(ValueError, match=r"got ndarray of shape \(3, 1\)"):
        read(np.zeros((3, 1)), "subject")


def test_no_groups_name_who_asks_and_for_what():
    with pytest.raises(ValueError, match="Asker needs groups=metadata with 'subject' and 'trial'"):
        read(None, "subject", "trial")


def test_a_missing_column_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="with 'trial', got only subject, session"):
        read(METADATA, "trial")
    with pytest.raises(ValueError, match="got only no column"):
        read(pd.DataFrame(index=range(3)), "trial")


@pytest.mark.parametrize("groups", [METADATA, METADATA["subject"]])
def test_lengths_are_compared(groups):
    assert len(read(groups, "subject", n_samples=3)[0]) == 3
    with pytest.raises(ValueError, match="there are 4 samples and 3 rows"):
        read(groups, "subject", n_samples=4)


@pytest.mark.parametrize("hole", [None, np.nan, pd.NA])
@pytest.mark.parametrize("alone", [False, True])
def test_a_missing_entry_is_an_error(hole, alone):
    groups = pd.Series([1, hole, 2], dtype=object)
    with pytest.raises(ValueError, match="Asker needs 'subject' of every sample"):
        read(groups if alone else groups.to_frame("subject"), "subject")


def test_holes_in_other_columns_do_no_harm():
    (session,) = read(METADATA.assign(subject=None), "session")
    np.testing.assert_array_equal(session, [1, 2, 1])
