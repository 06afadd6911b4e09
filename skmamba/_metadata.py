"""Validation of ``groups``: the metadata of samples, or one column of it."""

import numpy as np
import pandas as pd


def get_columns(groups, *columns, estimator, n_samples=None):
    """Return columns of the metadata passed as ``groups``, one array each.

    A one-dimensional ``groups`` stands for the column, if only one is required.

    Parameters
    ----------
    groups : DataFrame, dict of columns or array-like of shape (n_samples,)
        Metadata of the samples.
    *columns : str
        Required columns.
    estimator : object
        Splitter or estimator named in error messages.
    n_samples : int, default=None
        Required number of rows.

    Returns
    -------
    values : list of ndarray of shape (n_samples,)
        In the order of ``columns``.

    Raises
    ------
    ValueError
        If ``groups`` is None, a column or one of its values is missing, or the length differs.
    """
    name = type(estimator).__name__
    required = " and ".join(repr(column) for column in columns)
    if groups is None:
        raise ValueError(
            f"{name} requires groups=metadata with {required}, one row per sample, got None."
        )
    if isinstance(groups, dict):
        groups = pd.DataFrame(groups)
    if not isinstance(groups, pd.DataFrame):
        values = np.asarray(groups)
        if values.ndim != 1 or len(columns) > 1:
            raise ValueError(
                f"{name} requires groups=metadata, a DataFrame with {required}, got "
                f"{type(groups).__name__} of shape {values.shape}."
            )
        groups = pd.DataFrame({columns[0]: values})
    if any(column not in groups for column in columns):
        raise ValueError(
            f"{name} requires groups=metadata with {required}, got only "
            f"{', '.join(map(str, groups.columns)) or 'no column'}."
        )
    if n_samples is not None and len(groups) != n_samples:
        raise ValueError(
            f"{name} requires one row of groups per sample, got {len(groups)} rows for "
            f"{n_samples} samples."
        )
    for column in columns:
        if groups[column].isna().any():
            raise ValueError(f"{name} requires {column!r} of every sample, got missing values.")
    return [groups[column].to_numpy() for column in columns]
