"""Electrode names of the old and the current 10-20 system."""

CURRENT_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
_LOWER = {old.lower(): new.lower() for old, new in CURRENT_NAMES.items()}


def canonical_name(name):
    """Return a channel name in lower case, with T3, T4, T5 and T6 as T7, T8, P7 and P8."""
    name = str(name).strip().lower()
    return _LOWER.get(name, name)


def are_same_channels(names, others):
    """Return whether channels have the same names in the same order."""
    return [*map(canonical_name, names)] == [*map(canonical_name, others)]


def check_ch_names(ch_names, n_channels):
    """Raise ValueError unless ``ch_names`` is None or has one name per channel."""
    if ch_names is not None and len(ch_names) != n_channels:
        raise ValueError(
            f"ch_names must have one name for each of the {n_channels} channels of X, got "
            f"{len(ch_names)} names."
        )
