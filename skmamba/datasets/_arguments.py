"""Arguments that loaders share."""

import numbers


def check_numbers(name, wanted, n_published):
    """Sort the numbers of the subjects or sessions wanted, and check that there are such.

    Parameters
    ----------
    name : str
        The argument.
    wanted : int, list of int or None
        What came.
    n_published : int
        The data set has 1 to this.

    Returns
    -------
    wanted : list of int or None
        None if all are wanted.

    Raises
    ------
    ValueError
        If a number is unknown or comes twice, or there is none.
    """
    if wanted is None:
        return None
    one = isinstance(wanted, numbers.Number | str)
    given: list[int] = [wanted] if one else list(wanted)
    known = all(
        isinstance(number, numbers.Integral)
        and not isinstance(number, bool)
        and 1 <= number <= n_published
        for number in given
    )
    if not known or not given or len(set(given)) < len(given):
        raise ValueError(
            f"{name} must be one or several of the numbers 1 to {n_published}, each once, "
            f"got {wanted!r}."
        )
    return sorted(int(number) for number in given)
