"""The mark of estimators that used trials of the people they were tested on."""

from ._words import listed

DAGGER = "†"
MARK = f"\N{NO-BREAK SPACE}{DAGGER}"
TRANSDUCTIVE = {
    "unlabelled": "all of them, without labels",
    "calibration": "the first {} of each, without labels",
}


def find_ways(rows):
    """Estimators that saw trials of the test subjects, and how each came by them."""
    seen = rows[rows["transductive"] != ""]
    by_name = seen.groupby("estimator", sort=False)["transductive"]
    return {name: " and ".join(texts.unique()) for name, texts in by_name}


def mark(rows, ways):
    """Put a dagger to the names of these estimators."""
    marked = {name: f"{name}{MARK}" for name in ways}
    return rows.assign(estimator=rows["estimator"].astype(str).replace(marked))


def unmarked(name):
    return name.removesuffix(MARK)


def describe_daggers(ways):
    """One footnote for all that bear the dagger, or none."""
    if not ways:
        return []
    by_way: dict[str, list[str]] = {}
    for name, way in ways.items():
        by_way.setdefault(way, []).append(name)
    how = "; ".join(f"{listed(names)}: {_way_words(way)}" for way, names in by_way.items())
    return [
        f"{DAGGER} Transductive: trials of the test subjects were used before they were "
        f"predicted ({how}). Such scores are not those of strict transfer to new subjects."
    ]


def _way_words(way):
    kind, _, number = way.partition("=")
    return TRANSDUCTIVE.get(kind, way).format(number).replace("first 1 of", "first of")
