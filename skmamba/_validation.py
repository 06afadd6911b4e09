"""Argument validation, random-state helpers and rollback of a failed fit."""

import contextlib
import math
import secrets
from numbers import Integral

from sklearn.utils import check_random_state

MAX_WORKERS = 512  # threads or processes; many more end the process


def check_int(name, value, minimum=1, maximum=math.inf):
    """Raise ValueError unless the value is an integer from the minimum to the maximum."""
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or not minimum <= value <= maximum:
        limit = "" if maximum == math.inf else f" and at most {maximum}"
        raise ValueError(f"{name} must be an integer of at least {minimum}{limit}, got {value!r}.")


def check_option(name, value, options):
    """Raise ValueError unless the value is one of the given strings."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}.")


def make_random_state(random_state):
    """Return a RandomState; None draws fresh entropy and leaves NumPy's global state untouched."""
    return check_random_state(secrets.randbits(32) if random_state is None else random_state)


def draw_seed(random_state):
    """Return an integer seed drawn from ``random_state``."""
    return int(make_random_state(random_state).randint(2**31 - 1))


@contextlib.contextmanager
def restore_on_error(estimator):
    """Restore the attributes of an estimator if the block raises."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
