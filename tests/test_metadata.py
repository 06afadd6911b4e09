"""Validation of groups passed as metadata."""

import numpy as np
import pandas as pd
import pytest

from skmamba._metadata import encode, get_columns


@pytest.mark.parametrize("alone", [False, True])
def test_text_that_is_a_number_equals_the_number_in_a_column_of_both(alone):
    values = pd.Series([1, "1", 1.0, np.int64(1), "02", 2, "a", "nan"], dtype=object)
    groups = values if alone else values.to_frame("subject")
    (subject,) = get_columns(groups, "subject", estimator=None)
    assert subject.tolist() == [1, 1, 1, 1, 2, 2, "a", "nan"]
    (subject,) = get_columns(["1", "01", "1.0"], "subject", estimator=None)
    assert subject.tolist() == ["1", "01", "1.0"]


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
