"""Numbers and lists as words."""

import numpy as np
import pytest

from skmamba.report._words import capital, ends, listed, number, p_value, p_words, signed, span

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"


@pytest.mark.parametrize(
    ("value", "plain", "with_sign"),
    [
        (0.126, "0.13", "+0.13"),
        (-0.126, f"{MINUS}0.13", f"{MINUS}0.13"),
        (0.004, "0.00", "0.00"),
        (-0.004, "0.00", "0.00"),
        (np.nan, DASH, DASH),
    ],
)
def test_a_number_has_a_true_minus_and_zero_no_sign(value, plain, with_sign):
    assert number(value) == plain
    assert signed(value) == with_sign


def test_decimals_are_free():
    assert number(31.4, decimals=0) == "31"
    assert signed(31.4, decimals=0) == "+31"


@pytest.mark.parametrize(
    ("value", "cell", "words"),
    [
        (0.0156, "0.016", f"p{NBSP}={NBSP}0.016"),
        (0.001, "0.001", f"p{NBSP}={NBSP}0.001"),
        (0.0009, f"<{NBSP}0.001", f"p{NBSP}<{NBSP}0.001"),
    ],
)
def test_small_p_values_are_told_by_their_bound(value, cell, words):
    assert p_value(value) == cell
    assert p_words(value) == words


def test_no_p_value_is_a_dash():
    assert p_value(np.nan) == DASH


def test_names_are_listed_as_in_a_sentence():
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"], "or") == "a, b or c"


def test_equal_numbers_are_told_once():
    assert span(np.array([7, 7])) == "7"
    assert span(np.array([9, 7, 8])) == "7 to 9"


def test_of_many_both_ends_are_told():
    assert ends([1, 2, 3, 4, 5]) == "1, 2, 3, 4, 5"
    assert ends([1, 2, 3, 4, 5, 6]) == "1, 2, … 6 (6 in all)"


def test_only_the_first_letter_is_raised():
    assert capital("macro F1") == "Macro F1"
    assert capital("") == ""
