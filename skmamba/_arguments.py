"""What every room asks of its arguments: a whole number, one of a few words, a source of luck."""

import secrets
from numbers import Integral

from sklearn.utils import check_random_state


def check_whole(name, value, least=1):
    """Complain unless this is a whole number that is not too small."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}.")


def check_choice(name, value, allowed):
    """Complain unless this is one of a few words."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}.")


def make_rng(random_state):
    """Make a generator; None takes fresh entropy, not numpy's global state."""
    return check_random_state(secrets.randbits(32) if random_state is None else random_state)


def draw_seed(random_state):
    """Draw a seed for what wants a number; None takes fresh entropy."""
    return int(make_rng(random_state).randint(2**31 - 1))
