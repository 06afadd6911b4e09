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
    """Warn if trials of different subjects have identical samples; return the trials."""
    if "subject" not in trials.metadata:
        return trials
    table = pd.DataFrame(
        {"code": encode_samples(trials.X), "subject": trials.metadata["subject"].to_numpy()}
    )
    copies = table[(table["code"] >= 0) & table.duplicated("code", keep=False)]
    copies = copies[copies.groupby("code")["subject"].transform("nunique") > 1]
    if len(copies):
        example = copies[copies["code"] == copies["code"].iloc[0]].drop_duplicates("subject")
        (first, second), names = example.index[:2], example["subject"].tolist()
        warnings.warn(
            f"{len(copies)} trials of different subjects have identical samples, such as rows "
            f"{first} and {second} of subjects {names[0]} and {names[1]}. A split by subject has "
            "them in training and in test: leave out all but one of each.",
            stacklevel=3,
        )
    return trials
