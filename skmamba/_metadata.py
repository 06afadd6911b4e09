"""Validation and columns of ``groups``: the metadata of samples, or one column of it."""

import contextlib
import re
import sys
import warnings
from collections.abc import Mapping
from numbers import Integral

import numpy as np
import pandas as pd
from pandas.api.types import is_object_dtype, is_scalar
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv
from sklearn.utils.metadata_routing import get_routing_for_object

TRIAL_COLUMNS = ("subject", "session", "run", "trial")  # identify a trial, as far as present
DATE_BY_DAY = r"\d{1,2}([./-])\d{1,2}\1\d{4}(?!\d)"  # or by month: not ordered as text
ID_COLUMNS = {*TRIAL_COLUMNS, "stimulus", "recording"}
LEADING_ZEROS = r"(?<![0-9.])0+(?=[0-9])"  # of whole numbers: 0.05 is not 0.5


def get_columns(groups, *columns, estimator, n_samples=None):
    """Return columns of the metadata passed as ``groups``, one array each.

    A one-dimensional ``groups`` is the column, if only one is required. Errors, which name
    the estimator, are raised if ``groups`` is None, a column or one of its values is missing, or
    the number of rows is not ``n_samples``.
    """
    name = getattr(estimator, "__name__", type(estimator).__name__)
    required = " and ".join(repr(column) for column in columns)
    if groups is None:
        raise ValueError(
            f"{name} requires groups=metadata with {required}, one row per sample, got None."
        )
    if isinstance(groups, dict):
        groups = make_table(groups, 1 if n_samples is None else n_samples, "groups")
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
            f"{', '.join(map(str, groups.columns)) or 'no columns'}."
        )
    if n_samples is not None and len(groups) != n_samples:
        raise ValueError(
            f"{name} requires one row of groups per sample, got {len(groups)} rows for "
            f"{n_samples} samples."
        )
    if groups.columns.has_duplicates:
        raise ValueError(f"{name} requires different columns of groups, got one twice.")
    for column in columns:
        if groups[column].isna().any():
            raise ValueError(f"{name} requires {column!r} of every sample, got missing values.")
    return [unify_types(groups[column]) for column in columns]


def make_table(metadata, n_rows, name="metadata"):
    """Return metadata as a DataFrame; a dict of scalars is repeated in ``n_rows`` rows."""
    if isinstance(metadata, Mapping) and all(map(is_scalar, metadata.values())):
        metadata = [metadata] * n_rows
    elif isinstance(metadata, Mapping):  # by position: pandas would align Series by their index
        metadata = {k: v.array if isinstance(v, pd.Series) else v for k, v in metadata.items()}
    try:
        table = pd.DataFrame(metadata)
        if isinstance(table.columns, pd.RangeIndex) and len(table.columns):
            raise TypeError("columns without names")
    except (TypeError, ValueError) as error:
        got = f"{type(metadata).__name__}: {str(error).rstrip('.!')}"
        raise ValueError(f"{name} must be a DataFrame or a dict of columns, got {got}.") from error
    if table.columns.has_duplicates:
        twice = table.columns[table.columns.duplicated()][0]
        raise ValueError(f"{name} must have different columns, got {twice!r} twice.")
    return table


def make_folds(cv, X, y, groups, *, estimator, classifier=True):
    """Return folds; an int splits by subject if there are several subjects, else by trial.

    Splitters of this package receive the metadata ``groups``, others its column ``subject``.
    """
    cv = 5 if cv is None else cv
    if groups is not None and not hasattr(cv, "protocol"):
        metadata = groups
        (groups,) = get_columns(groups, "subject", estimator=estimator, n_samples=len(X))
        if isinstance(cv, Integral):
            groups, first = encode(groups)
            if len(first) == 1 and isinstance(metadata, pd.DataFrame) and "trial" in metadata:
                trial, rows = encode_trials(metadata)
                if classifier and len(rows) < len(X):  # windows: at most one fold per trial
                    cv = max(min(cv, np.unique(y[rows], return_counts=True)[1].min()), 2)
                folds = check_cv(cv, y[rows], classifier=classifier).split(rows, y[rows])
                return [[np.flatnonzero(np.isin(trial, part)) for part in fold] for fold in folds]
            kind = StratifiedGroupKFold if classifier else GroupKFold
            cv, groups = (kind(min(cv, len(first))), groups) if len(first) > 1 else (cv, None)
    cv = check_cv(cv, y, classifier=classifier)
    folds = list(to_rows(cv.split(X, y, select_groups(cv, groups)), len(X)))
    if not folds:
        raise ValueError(f"cv must give at least one fold, got none: {cv!r}.")
    return folds


def requests_groups(splitter):
    """Return whether a splitter requests ``groups``; None if it has no metadata routing."""
    if not hasattr(splitter, "get_metadata_routing"):
        return None
    return bool(get_routing_for_object(splitter).split.requests.get("groups"))


def select_groups(cv, groups):
    """Return groups; None for a splitter of scikit-learn that would warn that it ignores them."""
    is_of_sklearn = type(cv).__module__.startswith("sklearn.")  # others may use them unannounced
    return None if is_of_sklearn and requests_groups(cv) is False else groups


def infer_groups(metadata, cv):
    """Return the metadata of Trials as groups if ``cv`` may use them, else None."""
    if hasattr(cv, "protocol"):
        return metadata
    if cv is None or isinstance(cv, Integral):  # by trial without subjects
        one = {} if "subject" in metadata else {"subject": 0}
        return metadata.assign(**one) if {"subject", "trial"} & {*metadata} else None
    return metadata if "subject" in metadata and hasattr(cv, "split") else None


def to_rows(folds, n_rows):
    """Yield folds of indices or masks as pairs of index arrays."""
    rows = np.arange(n_rows)
    for fold in folds:
        try:
            train, test = (rows[np.asarray(part)] if len(part) else rows[:0] for part in fold)
        except (IndexError, TypeError, ValueError) as error:
            raise ValueError(
                f"cv must have pairs of training and test, indices or masks of {n_rows} rows, got "
                f"{fold!r}: {error}."
            ) from error
        found, counts = np.unique(test, return_counts=True)
        if (counts > 1).any():
            raise ValueError(
                f"cv must not have a row twice in one test set, got row {found[counts.argmax()]}."
            )
        yield train, test


def number_trials(metadata):
    """Return metadata with the column ``trial``, the row number where it is missing."""
    return metadata if "trial" in metadata else metadata.assign(trial=np.arange(len(metadata)))


def check_texts(metadata):
    """Raise ValueError if texts of an identifier differ in spaces, case or leading zeros only.

    Stimuli may differ in case, as letters.
    """
    for name in ID_COLUMNS & {*metadata}:
        ids = sorted(i for i in metadata[name].unique() if isinstance(i, str))
        texts = pd.Series(ids, dtype=object)
        words = texts.str.strip() if name == "stimulus" else texts.str.strip().str.casefold()
        keys = words.str.replace(LEADING_ZEROS, "", regex=True)
        equal = texts[keys.duplicated(keep=False)].sort_values(key=lambda own: keys[own.index])
        if len(equal):
            raise ValueError(
                f"{name!r} must have one text for each {name}, got {', '.join(map(repr, equal))}."
            )


def unify_ids(metadata):
    """Return metadata whose identifiers have one type each, see :func:`unify_types`."""
    for name in ID_COLUMNS & {*metadata}:
        dtype = metadata[name].dtype
        if is_object_dtype(getattr(dtype, "categories", dtype)):  # may hold text and numbers
            metadata = metadata.assign(**{name: unify_types(metadata[name])})
    return metadata


def unify_types(ids):
    """Return ids as an array; if it holds text and numbers, text such as "1" becomes a number."""
    ids = np.array(ids)
    if ids.dtype.kind in "mM":  # tolist() would return integers of nanoseconds
        ids = pd.Series(ids).astype(object).to_numpy()
    is_text = np.array([isinstance(entry, str) for entry in ids]) if ids.dtype == object else False
    if np.any(is_text) and not (is_text | pd.isna(ids)).all():
        numbers = pd.to_numeric(pd.Series(ids[is_text]), errors="coerce")
        ids[is_text] = numbers.convert_dtypes().astype(object).where(numbers.notna(), ids[is_text])
    return ids


def _name_number(entry):
    """Return an identifier as text: "2" for 2, 2.0 and "2.0", as in CSV with missing values."""
    with contextlib.suppress(ValueError):
        if isinstance(entry, float) or (isinstance(entry, str) and repr(float(entry)) == entry):
            return f"{float(entry):g}" if float(entry) % 1 else str(int(float(entry)))
    return str(entry)


def check_identifiers(metadata):
    """Raise ValueError if different identifiers, such as "01" and 1, are equal as numbers."""
    for column in ID_COLUMNS & {*metadata}:
        ids = metadata[column].dropna().unique()
        names = {_name_number(i) for i in ids}
        if len(names) > len({*unify_types(ids)}):
            raise ValueError(
                f"{column!r} must be text or numbers in all parts, got both, some of which are "
                f"equal as numbers: {', '.join(sorted(map(repr, ids))[:5])}."
            )


def warn_of_repeats(metadata, part):
    """Warn if rows of different parts have the identifiers of one trial, or of one window."""
    ids = [name for name in (*TRIAL_COLUMNS, "window") if name in metadata]
    if "trial" not in ids:
        return
    n_parts = pd.Series(part).groupby(encode(*(metadata[name] for name in ids))[0])
    repeated = metadata[(n_parts.transform("nunique") > 1).to_numpy() & metadata["trial"].notna()]
    if len(repeated):
        example = ", ".join(f"{name} {repeated[name].iloc[0]}" for name in ids)
        new = "run" if "session" in ids else "session"
        warnings.warn(
            f"{len(repeated)} trials of different parts have the same identifiers, such as "
            f"{example}, and count as one trial: if they are different, give each part its own "
            "subject, session or run, as in [dataclasses.replace(part, "
            f"metadata=part.metadata.assign({new}=i)) for i, part in enumerate(parts)].",
            stacklevel=3,
        )


def encode(*columns, natural=False):
    """Return the rank of each row among the distinct rows, and the first row of each rank.

    With ``natural``, numbers in text count as numbers: "run-10" follows "run-2".
    """
    codes = np.zeros(len(columns[0]), dtype=int)
    for column in columns:
        own, entries = pd.factorize(unify_types(column), sort=True, use_na_sentinel=False)
        if natural and all(isinstance(entry, str) or pd.isna(entry) for entry in entries):
            order = sorted(range(len(entries)), key=lambda i: split_numbers(entries[i]))
            own = np.argsort(order)[own]
        codes = np.unique(codes * len(entries) + own, return_inverse=True)[1]
    return codes, np.unique(codes, return_index=True)[1]


def split_numbers(text):
    """Return a key for natural sorting: alternating text and numbers; missing values are last."""
    if not isinstance(text, str):
        return [chr(sys.maxunicode)]
    parts = re.split(r"([0-9]+)", text)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def _find_kind(text):
    """Return a key, equal for texts whose numbers give their order in time."""
    words = split_numbers(text)[::2]
    if isinstance(text, str) and re.search(DATE_BY_DAY, text):
        return text
    return "" if words[0] == "" else str(words)


def check_order(metadata, subjects, *, estimator):
    """Raise ValueError if columns do not give the order in time of a subject's trials.

    Columns must be numbers or dates; sessions and runs may also be text that starts with a number,
    or differs only in its numbers.
    """
    for name in TRIAL_COLUMNS[1:]:
        if name not in metadata:
            continue
        values = pd.Series(unify_types(metadata[name])).infer_objects()
        is_missing = values.isna()
        is_in_part = is_missing.groupby(subjects).transform("nunique") > 1
        if (is_missing & (is_in_part | (name == "trial"))).any():
            raise ValueError(
                f"{type(estimator).__name__} requires {name!r} of every sample, got missing values."
            )
        if values.dtype.kind in "iufM":
            continue
        kinds = values if name == "trial" else values.map(_find_kind)
        is_unordered = (kinds.groupby(subjects).transform("nunique") > 1) & ~is_missing
        if is_unordered.any():
            raise ValueError(
                f"{type(estimator).__name__} takes the order of {name!r} as the order in time, so "
                f"{name!r} must be numbers or dates, got {values[is_unordered].iloc[0]!r}."
            )


def encode_trials(metadata, y=None, *constant):
    """Return the rank of the trial of each row, and the first row of each trial.

    Rows of one trial must agree in ``y``, the stimulus, the recording and the columns ``constant``.
    """
    columns = [column for column in TRIAL_COLUMNS if column in metadata]
    codes, first = encode(*(metadata[column] for column in columns), natural=True)
    check_trials(codes, metadata, y, *constant)
    return codes, first


def check_trials(trial, metadata, y=None, *constant):
    """Raise ValueError if rows of one trial, with one code >= 0, have different labels or IDs."""
    shared = {name: metadata.get(name) for name in ("stimulus", "recording", *constant)}
    for name, column in {"label": y if np.ndim(y) == 1 else None, **shared}.items():
        if column is None:
            continue
        values = pd.Series(unify_types(column)).where(trial >= 0)
        differ = values.groupby(trial).transform("nunique") > 1
        if differ.any():
            row = differ.argmax()
            first, second = values[trial == trial[row]].dropna().unique()[:2]
            ids = [f"{key} {metadata[key].iloc[row]}" for key in TRIAL_COLUMNS if key in metadata]
            raise ValueError(
                f"Rows of one trial must have the same {name}, got {first} and {second} in "
                f"{', '.join(ids)}. If trial numbers restart, add a column 'session' or 'run' "
                "to the metadata, or make them unique."
            )


def read_numbers(metadata, column):
    """Return a column as floats, times in seconds, NaN where it has none or does not exist."""
    values = metadata.reindex(columns=[column])[column].infer_objects()
    if values.dtype.kind == "M":
        values = values - pd.Timestamp(0, tz=getattr(values.dt, "tz", None))
    if values.dtype.kind == "m":
        return values.dt.total_seconds().to_numpy(float)
    return pd.to_numeric(values.astype(object), errors="coerce").to_numpy(float)


def describe_missing(is_missing, metadata, columns):
    """Return why values of some rows are missing, or an empty text."""
    absent = [column for column in columns if column not in metadata]
    if not is_missing.any() or absent:
        return f"metadata has no column {absent[0]!r}" if is_missing.any() else ""
    return f"{' or '.join(columns)} is missing in {np.count_nonzero(is_missing)} rows"
