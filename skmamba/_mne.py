"""Conversion of Trials and mne.Epochs to arrays, and topographic maps."""

import sys

import numpy as np

from ._ch_names import are_same_channels
from ._validation import check_equal_shapes, check_number


def is_epochs(X):
    """Return whether X is an ``mne.Epochs``, or a list of them, as scikit-learn indexes them.

    Other recordings of MNE, which have no trials, raise ValueError.
    """
    if "mne" not in sys.modules:  # X cannot be Epochs before mne is imported
        return False
    from mne import BaseEpochs, Evoked
    from mne.io import BaseRaw

    first = X[0] if isinstance(X, (list, tuple)) and len(X) else X
    if isinstance(first, BaseRaw | Evoked):
        raise ValueError(
            f"X must be Trials, mne.Epochs or an array, got {type(first).__name__}. Cut recordings "
            "into trials with Trials.from_raws or mne.Epochs."
        )
    return isinstance(first, BaseEpochs)


def is_trials(X):
    """Return whether X is Trials, or a selection of them."""
    return hasattr(X, "as_windows")


def is_braindecode(X):
    """Return whether X is a data set of braindecode, of windows or of recordings."""
    return any(base.__module__.startswith("braindecode.datasets") for base in type(X).__mro__)


def as_array(X):
    """Return the EEG of Trials, or of (a list of) Epochs in microvolts; other X unchanged.

    Channels marked as bad are included, so that the number of channels does not depend on the
    recording.
    """
    if is_trials(X):
        return X.X
    if is_braindecode(X):
        raise ValueError(
            f"X must be Trials, mne.Epochs or an array, got {type(X).__name__}. Convert windows of "
            "braindecode with Trials.from_braindecode; only classifiers and regressors accept them."
        )
    if not is_epochs(X):
        return X
    if not isinstance(X, (list, tuple)):
        return X.get_data(picks=pick_eeg(X), units="uV")
    names, sfreq = get_ch_names(X[0]), X[0].info["sfreq"]
    for part in X:
        if get_ch_names(part) != names or part.info["sfreq"] != sfreq:
            raise ValueError(
                "Epochs in one X must have the same channels and sampling rate, got "
                f"{names} at {sfreq:g} Hz and {get_ch_names(part)} at {part.info['sfreq']:g} Hz."
            )
    return np.concatenate([as_array(part) for part in X])


def locate_epochs(epochs):
    """Return recording and onset of epochs as columns; none if events only number the epochs."""
    samples = epochs.events[:, 0]
    if np.array_equal(np.diff(samples), np.diff(epochs.selection)):  # as EpochsArray does
        return {}
    # Other than info["sfreq"], this rate is that of the events after decimation and resampling.
    return {"recording": 0, "onset": samples / epochs._raw_sfreq + epochs.tmin}


def count_dims(X):
    """Return the number of dimensions of an array or nested list; a table without ndim has two."""
    check_equal_shapes(X)
    return np.ndim(X) if isinstance(X, (list, tuple)) else getattr(X, "ndim", 2)


def get_fitted_sfreq(source):
    """Return the sampling rate of a fitted step, a saved model or Trials, or None."""
    rates = (getattr(source, name, None) for name in ("sfreq_", "sfreq", "sfreq_in_"))
    return next((rate for rate in rates if rate is not None), None)


def get_sfreq(X):
    """Return the sampling rate of Trials or Epochs, or None."""
    if is_trials(X):
        return X.sfreq
    if not is_epochs(X):
        return None
    return (X[0] if isinstance(X, (list, tuple)) else X).info["sfreq"]


def resolve_sfreq(X, sfreq):
    """Return the sampling rate of X, or the given one; raise ValueError if both differ."""
    if sfreq is not None:
        check_number("sfreq", sfreq)
    own = get_sfreq(X)
    if own is None:
        return sfreq.item() if isinstance(sfreq, np.generic) else sfreq
    if sfreq is not None and not np.isclose(sfreq, own):
        raise ValueError(f"sfreq must be {own:g} Hz, the sampling rate of X, got {sfreq:g}.")
    return own


def get_ch_names(X):
    """Return the names of the EEG channels of Trials or Epochs, or None."""
    if is_trials(X):
        return list(X.ch_names)
    if not is_epochs(X):
        return None
    epochs = X[0] if isinstance(X, (list, tuple)) else X
    return [epochs.ch_names[pick] for pick in pick_eeg(epochs)]


def check_recording(estimator, X, *, reset, any_channels=False):
    """Raise ValueError if Trials or Epochs differ from those in fit in channels or sampling rate.

    With ``reset``, set channels and rate of X on the estimator: None for an array.
    """
    ch_names, sfreq = get_ch_names(X), get_sfreq(X)
    if reset:
        vars(estimator).pop("feature_names_in_", None)  # of an earlier fit, on a DataFrame
        estimator.ch_names_in_, estimator.sfreq_in_ = ch_names, sfreq
        return
    name = type(estimator).__name__
    fitted = getattr(estimator, "ch_names_in_", None)
    if ch_names and fitted and not any_channels and not are_same_channels(ch_names, fitted):
        raise ValueError(
            f"X must have the channels {', '.join(fitted)}, on which {name} was fitted, got "
            f"{', '.join(ch_names)}: reorder or rename them."
        )
    rate = get_fitted_sfreq(estimator)
    if sfreq and rate and not np.isclose(sfreq, rate):
        raise ValueError(
            f"X must be at {rate:g} Hz, at which {name} was fitted, got {sfreq:g} Hz: resample it."
        )


def pick_eeg(inst, name="X", *, exclude_bads=False):
    """Return the indices of the EEG channels of Epochs or Raw."""
    from mne import pick_types

    picks = pick_types(inst.info, eeg=True, exclude="bads" if exclude_bads else [])
    if not len(picks):
        good = " that are not marked as bad" if exclude_bads else ""
        raise ValueError(
            f"{name} must have EEG channels{good}, got only "
            f"{sorted(set(inst.get_channel_types()))}. "
            "Set the channel types with set_channel_types({name: 'eeg', ...})."
        )
    return picks


def list_bads(inst):
    """Return the names of the EEG channels of Epochs or Raw that are marked as bad."""
    return [name for pick in pick_eeg(inst) if (name := inst.ch_names[pick]) in inst.info["bads"]]


def make_channel_info(ch_names):
    """Return an mne.Info with the 10-05 positions of channels, whose names may be in any case."""
    from mne import create_info
    from mne.channels import get_builtin_montages, make_standard_montage

    # MNE 1.13 renamed the montage; the old name is removed in 1.14.
    new, old = "colin27_1005", "standard_1005"
    montage = make_standard_montage(new if new in get_builtin_montages() else old)
    known = {name.lower() for name in montage.ch_names}
    unknown = [str(name) for name in ch_names if str(name).lower() not in known]
    if unknown:
        raise ValueError(
            "channels must have a position in the 10-05 system for a topographic map, got "
            f"{', '.join(unknown)}. Draw bars instead, or leave out the "
            "rows of these channels."
        )
    if len(ch_names) < 2:
        raise ValueError("A topographic map requires at least two channels, got 1.")
    info = create_info(list(ch_names), 1.0, "eeg")
    info.set_montage(montage, match_case=False, verbose="ERROR")
    return info


def draw_topomap(values, info, ax, **options):
    """Draw one value per channel at the positions of :func:`make_channel_info`."""
    from mne.viz import plot_topomap

    return plot_topomap(values, info, axes=ax, show=False, **options)[0]
