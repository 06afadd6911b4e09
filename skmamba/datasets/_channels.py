"""Picking channels while a file is read."""

from difflib import get_close_matches


def pick_channels(channels, available, four):
    """Find the wanted channels.

    Parameters
    ----------
    channels : "four", "all" or list of str
        Which channels: the data set's default four, all, or names in the order wanted,
        whatever their case.
    available : sequence of str
        Names of the data set's channels.
    four : sequence of str
        The default four.

    Returns
    -------
    picks : list of int
        Indices into ``available``.

    Raises
    ------
    ValueError
        If a name is unknown or comes twice, or there is none.
    """
    if isinstance(channels, str):
        if channels not in ("four", "all"):
            raise ValueError(
                f"channels must be 'four', 'all' or a list of names, got {channels!r}."
            )
        channels = four if channels == "four" else available
    index = {name.casefold(): i for i, name in enumerate(available)}
    picks = []
    for name in channels:
        i = index.get(str(name).casefold())
        if i is None:
            near = get_close_matches(str(name).casefold(), index, n=1)
            hint = f" Did you mean {available[index[near[0]]]!r}?" if near else ""
            raise ValueError(f"channels: there is no {name!r} among {', '.join(available)}.{hint}")
        picks.append(i)
    if not picks or len(set(picks)) < len(picks):
        raise ValueError(f"channels must name each wanted channel once, got {list(channels)!r}.")
    return picks
