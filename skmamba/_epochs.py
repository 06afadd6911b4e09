"""The door for MNE: every step and estimator turns ``mne.Epochs`` into an array here."""

import sys

import numpy as np


def is_epochs(X):
    """Whether X is an ``mne.Epochs``, or a list of them.

    scikit-learn's indexing of Epochs makes a list of Epochs with one trial each.
    """
    if "mne" not in sys.modules:  # nobody holds Epochs who has not imported mne
        return False
    from mne import BaseEpochs

    first = X[0] if isinstance(X, (list, tuple)) and len(X) else X
    return isinstance(first, BaseEpochs)


def as_array(X):
    """Turn Epochs, or the list that indexing makes of them, into an array; pass anything else.

    Parameters
    ----------
    X : mne.Epochs, list of mne.Epochs, or anything
        Trials.

    Returns
    -------
    X : ndarray of shape (n_trials, n_channels, n_times)
        The EEG channels in microvolt, channels marked bad included, so that their number does
        not change with the recording; or what came, if it was no Epochs.

    Raises
    ------
    ValueError
        If there is no EEG channel, or the parts of a list differ in channels or rate.
    """
    if not is_epochs(X):
        return X
    if not isinstance(X, (list, tuple)):
        return X.get_data(picks=_eeg_picks(X), units="uV")
    names, sfreq = epochs_ch_names(X[0]), X[0].info["sfreq"]
    for part in X:
        if epochs_ch_names(part) != names or part.info["sfreq"] != sfreq:
            raise ValueError(
                "Epochs in one X must share channels and sampling rate, got "
                f"{names} at {sfreq:g} Hz and {epochs_ch_names(part)} at "
                f"{part.info['sfreq']:g} Hz. Use mne.concatenate_epochs to find out why."
            )
    return np.concatenate([as_array(part) for part in X])


def count_axes(X):
    """Dimensions of X, also where X is lists; what has none of its own is a table."""
    return np.ndim(X) if isinstance(X, (list, tuple)) else getattr(X, "ndim", 2)


def epochs_ch_names(X):
    """Names of the EEG channels of Epochs, or None if X is no Epochs."""
    if not is_epochs(X):
        return None
    epochs = X[0] if isinstance(X, (list, tuple)) else X
    return [epochs.ch_names[pick] for pick in _eeg_picks(epochs)]


def _eeg_picks(epochs):
    from mne import pick_types

    picks = pick_types(epochs.info, eeg=True, exclude=[])
    if not len(picks):
        raise ValueError(
            f"Epochs hold no EEG channel, only {sorted(set(epochs.get_channel_types()))}. "
            "Set the types with epochs.set_channel_types({name: 'eeg', ...})."
        )
    return picks
