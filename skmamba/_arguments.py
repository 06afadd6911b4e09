"""What every room asks of its arguments: a whole number, one of a few words, a seed."""

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


def draw_seed(random_state):
    """Draw a seed; None takes fresh entropy, where scikit-learn would ask numpy's global state."""
    if random_state is None:
        return secrets.randbits(31)
    return int(check_random_state(random_state).randint(2**31 - 1))
