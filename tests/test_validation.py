"""What every room asks of its arguments."""

import re

import numpy as np
import pytest

from skmamba._validation import check_int, check_option, draw_seed, make_random_state


@pytest.mark.parametrize("value", [1, np.int64(7)])
def test_whole_numbers_that_are_large_enough_pass(value):
    check_int("top_k", value)


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3", None])
def test_what_is_no_whole_number_or_too_small_is_told(value):
    message = re.escape(f"top_k must be a whole number of at least 1, got {value!r}.")
    with pytest.raises(ValueError, match=message):
        check_int("top_k", value)


def test_the_least_can_be_another():
    check_int("n_splits", 2, minimum=2)
    with pytest.raises(ValueError, match="n_splits must be a whole number of at least 2, got 1"):
        check_int("n_splits", 1, minimum=2)


def test_one_of_the_words_passes():
    check_option("voting", "soft", ("soft", "hard"))


@pytest.mark.parametrize("value", ["Soft", "", None, ["soft"]])
def test_another_word_is_told_the_words_that_would_do(value):
    message = re.escape(f"voting must be one of 'soft', 'hard', got {value!r}.")
    with pytest.raises(ValueError, match=message):
        check_option("voting", value, ("soft", "hard"))


def test_the_same_number_gives_the_same_luck():
    assert draw_seed(3) == draw_seed(3)
    assert make_random_state(3).randint(1000) == make_random_state(3).randint(1000)


def test_a_generator_moves_on():
    rng = np.random.RandomState(3)
    assert make_random_state(rng) is rng
    assert draw_seed(rng) != draw_seed(rng)


def test_none_is_new_each_time_and_leaves_the_global_generator_alone():
    before = np.random.get_state()
    assert draw_seed(None) != draw_seed(None)
    assert make_random_state(None).randint(2**31 - 1) != make_random_state(None).randint(2**31 - 1)
    np.testing.assert_equal(np.random.get_state(), before)
