"""Picking channels while a file is read."""

from difflib import get_close_matches


def pick_channels(picks, available, four):
    """Find the wanted channels.

    Parameters
    ----------
    picks : "four", "all" or list of str
        The data set's default four, all, or names in the order wanted,
        whatever their case.
    available : sequence of str
        Names of the data set's channels.
    four : sequence of str
        The default four.

    Returns
    -------
    indices : list of int
        Indices into ``available``.

    Raises
    ------
    ValueError
        If a name is unknown or comes twice, or there is none.
    """
    if isinstance(picks, str):
        if picks not in ("four", "all"):
            raise ValueError(f"picks must be 'four', 'all' or a list of names, got {picks!r}.")
        picks = four if picks == "four" else available
    index = {name.casefold(): i for i, name in enumerate(available)}
    indices = []
    for name in picks:
        i = index.get(str(name).casefold())
        if i is None:
            near = get_close_matches(str(name).casefold(), index, n=1)
            hint = f" Did you mean {available[index[near[0]]]!r}?" if near else ""
            raise ValueError(f"picks: there is no {name!r} among {', '.join(available)}.{hint}")
        indices.append(i)
    if not indices or len(set(indices)) < len(indices):
        raise ValueError(f"picks must name each wanted channel once, got {list(picks)!r}.")
    return indices
