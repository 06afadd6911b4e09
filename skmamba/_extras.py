"""Errors for missing optional dependencies."""

import contextlib


@contextlib.contextmanager
def require_extra(extra, caller):
    """Name the extra to install in the error of an import that fails in the block."""
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f"{caller} requires the extra {extra!r}: pip install 'skmamba[{extra}]'. An import "
            f"failed: {error}."
        ) from error
