"""Recordings in CSV files, as written by the software of headbands and of OpenBCI boards."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Mapping, Sequence
from gzip import BadGzipFile
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from .._ch_names import check_ch_names
from .._raws import BOUNDARY, make_raw
from .._types import StrPath
from .._validation import check_number, check_option
from ._io import DataFormatError

VOLTS = {"uV": 1e-6, "mV": 1e-3, "V": 1.0}
DAMAGED = (
    pd.errors.ParserError,
    pd.errors.EmptyDataError,
    UnicodeDecodeError,
    EOFError,
    BadGzipFile,
    BadZipFile,
    zlib.error,
)
MAX_GAP = 0.05  # seconds; a packet of Muse holds 0.047
MAX_ERROR = 0.15  # of the length of a gap between packets, in seconds
MAX_DEVIATION = 0.01  # of the sampling rate by the time stamps
MAX_GAP_RATE = 0.5  # gaps between packets per second; more indicate another sampling rate
NEAR = 10  # seconds; longer than packets are delayed, too short for clocks to drift


def read_raw_csv(
    path: StrPath,
    sfreq: float,
    ch_names: Sequence[str] | Mapping[str, str] | Mapping[int, str],
    *,
    time: str | int | None = None,
    markers: str | int | None = None,
    gaps: Literal["raise", "annotate"] = "raise",
    unit: Literal["uV", "mV", "V"] = "uV",
    **read_params: Any,
) -> Any:
    r"""Read a recording from a CSV file with one row per sample.

    :meth:`skmamba.Trials.from_raws` cuts such recordings into trials.

    Parameters
    ----------
    path : str or Path
        File, or anything that :func:`pandas.read_csv` reads.
    sfreq : float
        Sampling rate in hertz.
    ch_names : list of str or dict
        Columns of the EEG channels, or a dict from column to channel name. Columns are numbers,
        from 0, if ``header=None`` is passed to pandas.
    time : str or int, default=None
        Column of time stamps, in seconds or as dates, to find gaps that are longer than the jitter
        of the stamps; None: no sample is missing.
    markers : str or int, default=None
        Column of event names, empty, 0 or False where there is no event. Events become annotations;
        equal names in adjacent rows are one event, and an event in a row without EEG belongs to
        the next sample.
    gaps : {"raise", "annotate"}, default="raise"
        ``"raise"``: gaps are an error; ``"annotate"``, which requires ``time``: the samples around
        a gap are joined, with the annotations ``BAD boundary`` and ``EDGE boundary``, as where MNE
        joins recordings. An event within a gap belongs to the sample before it.
    unit : {"uV", "mV", "V"}, default="uV"
        Unit of the channels.
    **read_params
        Passed to :func:`pandas.read_csv`, such as ``sep=";"`` or ``skiprows``. Unlike there,
        ``index_col`` is False by default: no column is an index.

    Returns
    -------
    raw : mne.io.RawArray
        Recording of EEG channels, in volts.

    Raises
    ------
    DataFormatError
        If a column is missing, rows are longer than the header, a sample is not a number, or time
        stamps have gaps, unless these are annotated, or do not fit ``sfreq``.
    ValueError
        If another parameter is invalid.

    Examples
    --------
    >>> from io import StringIO
    >>> file = StringIO("timestamps,TP9,AF7\n0.00,1,2\n0.01,3,4\n")
    >>> read_raw_csv(file, 100, ["TP9", "AF7"], time="timestamps").get_data(units="uV").tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    check_option("gaps", gaps, ("raise", "annotate"))
    if gaps == "annotate" and time is None:
        raise ValueError("gaps='annotate' requires time, got time=None.")
    check_option("unit", unit, tuple(VOLTS))
    check_number("sfreq", sfreq)
    sfreq = float(sfreq)
    new_names = list(ch_names.values()) if isinstance(ch_names, Mapping) else ch_names
    names = dict(zip(ch_names, check_ch_names(new_names), strict=True))
    if not names:
        raise ValueError(f"ch_names must name at least one channel, got {ch_names!r}.")
    table = _read_table(path, read_params).reset_index(drop=True)  # errors name positions
    missing = [c for c in (*names, time, markers) if c is not None and c not in table]
    if missing:
        raise DataFormatError(path, f"columns {missing}", f"only {list(table)}")
    marks = pd.Series(None, table.index) if markers is None else table[markers]
    marks = marks.convert_dtypes().astype(object)  # integers beside empty cells stay integers
    text = marks.astype(str).str.strip()
    marks = marks.mask(text.isin(["", "False"]) | pd.to_numeric(text, errors="coerce").eq(0))
    is_sample = ~(marks.notna() & table[list(names)].isna().all(axis=1)).to_numpy()
    samples = table[is_sample]
    if samples.empty:
        raise DataFormatError(path, "at least one sample", "none")
    X = _to_numbers(samples[list(names)], path)
    lost = np.zeros(0) if time is None else _measure_gaps(samples[time], sfreq, path)
    if gaps == "raise" and lost.any():
        got = f"about {round(lost.max() * sfreq)} lost samples ({lost.max():.2f} s) after row "
        got += f"{samples.index[lost.argmax()]}"
        raise DataFormatError(path, "no gap, or gaps='annotate'", got)
    starts = np.flatnonzero(lost) + 1  # of the parts after gaps
    place = np.cumsum(is_sample) - is_sample  # of the next sample
    is_after_gap = np.isin(place, starts)
    is_held = text.eq(text.shift()) & marks.shift().notna() & ~is_after_gap
    rows = np.flatnonzero(marks.notna() & ~is_held)
    onsets = (place - (is_after_gap & ~is_sample))[rows] / sfreq
    events = marks.iloc[rows].astype(str)
    raw = make_raw(VOLTS[unit] * X.T, list(names.values()), sfreq, onsets, events)
    for name in (BOUNDARY, "EDGE boundary"):
        raw.annotations.append(starts / sfreq, np.zeros(len(starts)), name)
    return raw


def _read_table(path, read_params):
    """Return the table of a file, in which each column has its own name.

    By default, pandas takes the first column for an index, and shifts the names, if rows have one
    cell more than the header; also if this cell is empty, because rows end with a separator.
    """
    options = {"index_col": False, **read_params}
    try:
        with warnings.catch_warnings():
            category = pd.errors.ParserWarning
            warnings.filterwarnings("error", "Length of header or names", category)
            if "usecols" in read_params and not {"index_col", "names"} & {*read_params}:
                start = path.tell() if hasattr(path, "seek") else None
                pd.read_csv(path, **{**options, "usecols": None, "nrows": 1})  # with it, no warning
                if start is not None:
                    path.seek(start)
            return pd.read_csv(path, **options)
    except pd.errors.ParserWarning as error:
        expected = "a name for each column; pass index_col=0 if only the first has none"
        raise DataFormatError(path, expected, "rows that are longer than the header") from error
    except DAMAGED as error:
        reason = str(error).strip()
        raise DataFormatError(path, "a table that pandas.read_csv can read", reason) from error


def _to_numbers(samples, path):
    """Return EEG as float64; raise an error that names the first cell that is not a number."""
    X = samples.apply(pd.to_numeric, errors="coerce").to_numpy(float)
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0]
        got = f"{str(samples.iat[row, column])!r} in column {samples.columns[column]!r}, "
        got += f"row {samples.index[row]}"
        raise DataFormatError(path, "a number in every sample", got)
    return X


def _to_seconds(times, path):
    """Return time stamps in seconds; raise an error that names the first row without one."""
    is_text = times.dtype.kind not in "mM"  # as with parse_dates
    seconds = pd.to_numeric(times, errors="coerce") if is_text else times
    if not is_text or seconds.isna().all():
        dates = pd.to_datetime(times, errors="coerce", format="mixed", utc=True)
        seconds = (dates - dates.min()).dt.total_seconds()
    if seconds.isna().any():
        row = seconds.index[seconds.isna()][0]
        raise DataFormatError(path, "a time stamp in every sample", f"none in row {row}")
    return seconds.to_numpy(float)


def _measure_gaps(times, sfreq, path):
    """Return the seconds that are lost after each sample but the last, zero where there is no gap.

    Time stamps of another rate or in another order are an error.
    """
    seconds = _to_seconds(times, path)
    if len(seconds) < 2:
        return np.zeros(0)
    steps = np.diff(seconds) * sfreq
    step = np.median(steps)
    if step > 1.5 and np.quantile(np.abs(steps / step - 1), 0.9) < 0.25:  # regular, no gap
        raise DataFormatError(path, f"time stamps at sfreq={sfreq:g} Hz", f"{sfreq / step:.4g} Hz")
    if np.diff(seconds).min() < -MAX_GAP:
        got = f"an earlier one in row {times.index[np.diff(seconds).argmin() + 1]}"
        raise DataFormatError(path, "time stamps in ascending order", got)
    # Packets arrive late, but in order: only a lost sample delays all that follow it.
    delays = pd.Series(seconds - np.arange(len(seconds)) / sfreq)
    near = int(np.ceil(NEAR * sfreq))
    latest = delays.rolling(near, min_periods=1).max().to_numpy()
    earliest = delays[::-1].rolling(near, min_periods=1).min()[::-1].to_numpy()
    lost = earliest[1:] - latest[:-1]
    # Regular, without packets: most steps are close to that of sfreq.
    is_regular = np.quantile(np.abs(steps - 1), 0.9) < 0.25
    jitter = max(0.5, 1 - steps.min()) / sfreq  # half a sample, or the largest step back
    lost[lost <= (jitter if is_regular else MAX_GAP)] = 0
    n_gaps, duration = np.count_nonzero(lost), seconds[-1] - seconds[0] - lost.sum()
    is_slower = not is_regular and n_gaps > max(MAX_GAP_RATE * len(seconds) / sfreq, 1)
    tolerance = MAX_DEVIATION * duration + MAX_ERROR * n_gaps * (not is_regular)
    if is_slower or not abs(duration - len(steps) / sfreq) < tolerance:
        duration = seconds[-1] - seconds[0]
        rate = len(steps) / duration if duration > 0 else np.nan
        raise DataFormatError(path, f"time stamps at sfreq={sfreq:g} Hz", f"{rate:.4g} Hz")
    return lost
