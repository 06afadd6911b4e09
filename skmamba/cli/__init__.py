"""The command ``skmamba``: evaluate, look for leaks and report without writing Python.

What is heavy is imported where it is used: asking for help must not wait for torch.
"""

from ._commands import main

__all__ = ["main"]
