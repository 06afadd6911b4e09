"""The order of the examples in the gallery: that of a reader, not of the alphabet."""

ORDER = (
    "quickstart.py",
    "own_recordings.py",
    "grid_search.py",
    "compare_and_leak.py",
    "explain.py",
    "saving.py",
    "streaming.py",
    "deap_loso.py",
    "loso_on_dask.py",
    "ablations.py",
)


def place(filename):
    """Place of an example; one that is not listed goes last."""
    return ORDER.index(filename) if filename in ORDER else len(ORDER)
