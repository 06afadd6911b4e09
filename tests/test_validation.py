"""Argument validation and random-state helpers."""

import re

import numpy as np
import pytest

from skmamba._validation import check_int, check_option, draw_seed, make_random_state


def test_valid_values_are_accepted():
    check_int("top_k", 1)
    check_int("top_k", np.int64(7))
    check_int("n_splits", 2, minimum=2)
    check_option("voting", "soft", ("soft", "hard"))


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3", None])
def test_other_values_than_integers_of_at_least_the_minimum_raise(value):
    message = re.escape(f"top_k must be an integer of at least 1, got {value!r}.")
    with pytest.raises(ValueError, match=message):
        check_int("top_k", value)


def test_the_minimum_is_a_parameter():
    with pytest.raises(ValueError, match="n_splits must be an integer of at least 2, got 1"):
        check_int("n_splits", 1, minimum=2)


@pytest.mark.parametrize("value", ["Soft", "", None, ["soft"]])
def test_an_unknown_option_raises(value):
    message = re.escape(f"voting must be one of 'soft', 'hard', got {value!r}.")
    with pytest.raises(ValueError, match=message):
        check_option("voting", value, ("soft", "hard"))


def test_the_same_seed_gives_the_same_draws():
    assert draw_seed(3) == draw_seed(3)
    assert make_random_state(3).randint(1000) == make_random_state(3).randint(1000)


def test_a_RandomState_is_used_as_it_is():
    rng = np.random.RandomState(3)
    assert make_random_state(rng) is rng
    assert draw_seed(rng) != draw_seed(rng)


def test_None_draws_fresh_entropy_and_leaves_the_global_state_unchanged():
    before = np.random.get_state()
    assert draw_seed(None) != draw_seed(None)
    assert make_random_state(None).randint(2**31 - 1) != make_random_state(None).randint(2**31 - 1)
    np.testing.assert_equal(np.random.get_state(), before)
