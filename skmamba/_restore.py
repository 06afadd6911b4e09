"""The promise that a failed fit leaves no trace."""

import contextlib


@contextlib.contextmanager
def restored_on_error(estimator):
    """Leave an estimator as it was if a block fails."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
