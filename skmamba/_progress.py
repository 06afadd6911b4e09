"""Progress bars."""

from tqdm import tqdm


def progress_bar(iterable=None, *, total, unit, verbose):
    """Return a progress bar; ``verbose=None`` shows it if stderr is a terminal."""
    disable = None if verbose is None else not verbose
    return tqdm(iterable, total=total, unit=unit, disable=disable)
