"""Windows of braindecode's data sets."""

import numpy as np
import pandas as pd

from ._mne import pick_eeg
from ._scaling import is_plausible, measure_spread
from ._selection import Selection

MICROVOLTS = {"V": 1e6, "uV": 1.0}


def read_windows(dataset, unit=None):
    """Return the arguments of ``Trials`` for braindecode's windows, converted from ``unit``."""
    records = getattr(dataset, "datasets", [dataset])
    if not all(hasattr(record, "crop_inds") for record in records):
        raise ValueError(
            "dataset must be a WindowsDataset of braindecode or a BaseConcatDataset of them, got "
            f"{type(dataset).__name__} of {type(records[0]).__name__}. Cut recordings with "
            "braindecode.preprocessing.create_windows_from_events, or with Trials.from_raws."
        )
    insts = [record.windows if hasattr(record, "windows") else record.raw for record in records]
    sfreq, picks = insts[0].info["sfreq"], pick_eeg(insts[0], "dataset")
    for inst in insts:
        if inst.ch_names != insts[0].ch_names or inst.info["sfreq"] != sfreq:
            raise ValueError(
                "dataset must have recordings of the same channels and sampling rate, got "
                f"{insts[0].ch_names} at {sfreq:g} Hz and {inst.ch_names} at "
                f"{inst.info['sfreq']:g} Hz."
            )
    if not len(dataset):
        raise ValueError("dataset must have at least one window, got none.")
    if not all(isinstance(record.metadata, pd.DataFrame) for record in records):
        raise ValueError("dataset must have metadata in memory: cut it with lazy_metadata=False.")
    windows, targets = zip(*(dataset[row][:2] for row in range(len(dataset))), strict=True)
    if any(map(np.ndim, targets)):
        raise ValueError(
            "dataset must have one target per window, got several: use one target_name "
            "and targets_from='metadata'."
        )
    lengths = sorted({np.shape(window)[-1] for window in windows})
    if len(lengths) > 1:
        raise ValueError(
            f"dataset must have windows of one length, got {lengths} samples: cut it with one "
            "window_size_samples."
        )
    X = np.stack([np.asarray(window, dtype="float32")[picks] for window in windows])
    if unit is not None:
        X *= MICROVOLTS[unit]
        _check_unit(X, unit)
    return {
        "X": X,
        "y": np.array(targets),
        "metadata": _make_metadata(records, sfreq, lengths[0]),
        "sfreq": sfreq,
        "ch_names": [insts[0].ch_names[pick] for pick in picks],
    }


def _check_unit(X, unit):
    """Raise ValueError if windows are not plausible as EEG in this unit; suggest the other."""
    spread = measure_spread(Selection(X).as_bags())
    spreads = {other: spread * MICROVOLTS[other] / MICROVOLTS[unit] for other in MICROVOLTS}
    fitting = [other for other, value in spreads.items() if is_plausible(value)]
    if unit not in fitting:
        hint = f"pass unit={fitting[0]!r}" if fitting else "EEG is required"
        raise ValueError(
            f"unit={unit!r} gives windows with a standard deviation of {spread:.2g} microvolts: "
            f"{hint}."
        )


def _make_metadata(records, sfreq, n_times):
    """Return descriptions and onsets of windows, with one trial number per trial."""
    parts, n_trials = [], 0
    for number, record in enumerate(records):
        windowing = record.metadata.reset_index(drop=True)
        window = windowing["i_window_in_trial"]
        codes, distinct = pd.factorize(_find_trials(record, windowing))
        own = {"recording": number, "trial": n_trials + codes, "window": window}
        start, stop = windowing["i_start_in_trial"], windowing["i_stop_in_trial"]
        if (stop - start == n_times).all():  # unknown once windows were resampled or cropped
            own["onset"] = start / sfreq
        n_trials += len(distinct)
        description = {} if record.description is None else dict(record.description)
        description = {name: [value] * len(windowing) for name, value in description.items()}
        parts.append(pd.DataFrame({**description, **own}))
    return pd.concat(parts, ignore_index=True)


def _find_trials(record, windowing):
    """Return the trial of each window, which braindecode before 1.8 does not store."""
    if "i_trial_in_dataset" in windowing:
        return windowing["i_trial_in_dataset"]
    steps = windowing[["i_window_in_trial", "i_start_in_trial"]].diff()
    is_new = steps["i_window_in_trial"] <= 0
    strides = (steps["i_start_in_trial"] / steps["i_window_in_trial"])[~is_new].dropna()
    has_dropped = any(getattr(getattr(record, "windows", None), "drop_log", ()))
    # The last window of a recording may have a smaller stride; a larger one is of a new trial.
    if has_dropped and strides.max() > strides[:-1].min():
        raise ValueError(
            "dataset must have the column 'i_trial_in_dataset' in its metadata, or all windows of "
            "each trial, got neither: cut the windows with braindecode >= 1.8, or without reject."
        )
    return is_new.cumsum()
