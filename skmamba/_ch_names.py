"""Electrode names of EDF files, and of the old and the current 10-20 system."""

import re
from collections.abc import Mapping

CURRENT_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
_LOWER = {old.lower(): new.lower() for old, new in CURRENT_NAMES.items()}
_EDF = re.compile(r"^eeg |-ref$|\.+$")  # "EEG Fp1-REF", "Fp1."


def canonical_name(name):
    """Return a channel name in lower case, with T3, T4, T5 and T6 as T7, T8, P7 and P8.

    In names of EDF files, the type "EEG" and the reference "REF" are removed.
    """
    name = _EDF.sub("", str(name).strip().lower())
    return _LOWER.get(name, name)


def are_same_channels(names, others):
    """Return whether channels have the same names in the same order."""
    return [*map(canonical_name, names)] == [*map(canonical_name, others)]


def check_ch_names(ch_names, n_channels=None):
    """Return ``ch_names`` as a list, or None; raise ValueError unless they name each channel once.

    What has no order, and text, of which each letter would be a name, are refused.
    """
    if ch_names is None:
        return None
    no_list = str, bytes, Mapping, set, frozenset
    is_list = hasattr(ch_names, "__len__") and not isinstance(ch_names, no_list)
    names = list(ch_names) if is_list else []
    if not is_list or not all(isinstance(name, str) for name in names):
        raise ValueError(f"ch_names must be a list of names (str), got {ch_names!r}.")
    if n_channels not in (None, len(names)):
        raise ValueError(
            f"ch_names must have one name for each of the {n_channels} channels of X, got "
            f"{len(names)} names."
        )
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"ch_names must name each channel once, got {twice[0]!r} twice.")
    return [str(name) for name in names]
