"""Rows with identical samples."""

import warnings

import numpy as np
import pandas as pd


def encode_samples(X):
    """Return a code per row, equal for identical rows; -1 for copies without a signal."""
    codes = pd.factorize(np.array([hash(row.tobytes()) for row in X]))[0]
    for row in np.flatnonzero(pd.Series(codes).duplicated(keep=False)):
        if not np.ptp(np.nan_to_num(X[row]), axis=-1).any():
            codes[row] = -1
    return codes


def warn_of_copies(trials):
    """Warn if trials have identical samples; return the trials."""
    codes = pd.Series(encode_samples(trials.X))
    copies = codes[(codes >= 0) & codes.duplicated(keep=False)]
    if len(copies):
        first, second = copies.index[copies == copies.iloc[0]][:2]
        owner = ""
        if "subject" in trials.metadata:
            names = dict.fromkeys(trials.metadata["subject"].iloc[[first, second]])
            owner = f" of subject{'s' * (len(names) > 1)} {' and '.join(map(str, names))}"
        warnings.warn(
            f"{len(copies)} trials have identical samples, such as rows {first} and {second}"
            f"{owner}. A split may place them in both training and test sets: keep one of each.",
            stacklevel=3,
        )
    return trials
