"""Lets ``python -m skmamba`` do what the command ``skmamba`` does."""

from .cli import main

if __name__ == "__main__":
    main()
