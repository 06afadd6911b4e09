"""What splitters and steps get as ``groups``: the metadata, or one column of it."""

import numpy as np
import pandas as pd


def get_columns(groups, *columns, asker, n_samples=None):
    """Return columns of the metadata that came as ``groups``, one array each.

    A one-dimensional ``groups`` stands for the column, if only one is asked for.

    Parameters
    ----------
    groups : DataFrame, dict of columns or array-like of shape (n_samples,)
        The metadata of the samples.
    *columns : str
        What is wanted of them.
    asker : object
        Whose error it is if they are not there.
    n_samples : int, default=None
        How long they must be.

    Returns
    -------
    values : list of ndarray of shape (n_samples,)
        In the order asked for.

    Raises
    ------
    ValueError
        If there are none, a column is missing, or an entry of it is.
    """
    name = type(asker).__name__
    wanted = " and ".join(repr(column) for column in columns)
    if groups is None:
        raise ValueError(
            f"{name} needs groups=metadata with {wanted}, one row a sample, but groups is None."
        )
    if isinstance(groups, dict):
        groups = pd.DataFrame(groups)
    if not isinstance(groups, pd.DataFrame):
        values = np.asarray(groups)
        if values.ndim != 1 or len(columns) > 1:
            raise ValueError(
                f"{name} needs groups=metadata, a DataFrame with {wanted}, got "
                f"{type(groups).__name__} of shape {values.shape}."
            )
        groups = pd.DataFrame({columns[0]: values})
    missing = [column for column in columns if column not in groups]
    if missing:
        raise ValueError(
            f"{name} needs groups=metadata with {wanted}, got only "
            f"{', '.join(map(str, groups.columns)) or 'no column'}."
        )
    if n_samples is not None and len(groups) != n_samples:
        raise ValueError(
            f"{name} needs one row of groups a sample: there are {n_samples} samples and "
            f"{len(groups)} rows."
        )
    for column in columns:
        if groups[column].isna().any():
            raise ValueError(f"{name} needs {column!r} of every sample, but some are missing.")
    return [groups[column].to_numpy() for column in columns]
