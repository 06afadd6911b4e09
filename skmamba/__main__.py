"""Entry point of ``python -m skmamba``."""

from .cli import main

if __name__ == "__main__":
    main()
