"""The command ``skmamba``; heavy packages are imported where they are used."""

from .main import main

__all__ = ["main"]
