"""Order of the examples in the gallery."""

ORDER = (
    "quickstart.py",
    "own_recordings.py",
    "grid_search.py",
    "compare_and_leak.py",
    "explain.py",
    "persistence.py",
    "streaming.py",
    "deap_loso.py",
    "loso_on_dask.py",
    "ablations.py",
)


def get_position(filename):
    """Return the position of an example; one that is not listed is last."""
    return ORDER.index(filename) if filename in ORDER else len(ORDER)
