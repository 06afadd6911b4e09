"""Selection of channels by name, index, region or preset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from .._ch_names import are_same_channels, canonical_name, check_ch_names
from .._mne import get_ch_names
from .._types import Epochs
from ..trials import Trials
from ._base import BaseTrialTransformer

REGIONS = {
    "frontal": ("Fp", "AF", "F"),
    "temporal": ("FT", "T", "TP"),
    "central": ("FC", "C", "CP"),
    "parietal": ("P",),
    "occipital": ("PO", "O"),
}
PRESETS = {
    "frontal4": ("Fp1", "Fp2", "F3", "F4"),
    "prefrontal4": ("Fp1", "Fp2", "AF3", "AF4"),
    "muse": ("TP9", "AF7", "AF8", "TP10"),
    "emotiv": tuple("AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split()),
}


class ChannelPicker(BaseTrialTransformer):
    """Select channels by name, index, region or preset.

    Parameters
    ----------
    picks : str, int, slice or list of str and int, default=None
        Channels, in output order; None selects all. A str is a channel name, a region
        (``"frontal"``, ``"temporal"``, ``"central"``, ``"parietal"`` or ``"occipital"``) or a
        preset: ``"frontal4"`` (Fp1, Fp2, F3, F4), ``"prefrontal4"`` (Fp1, Fp2, AF3, AF4),
        ``"muse"`` (4 channels) or ``"emotiv"`` (14 channels). Names are not case-sensitive,
        T3, T4, T5, T6 of the old 10-20 system are T7, T8, P7, P8, and names such as "EEG Fp1-REF"
        of EDF files are Fp1.
    ch_names : sequence of str, default=None
        Channel names of X; Trials and ``mne.Epochs`` have their own.

    Attributes
    ----------
    ch_names_in_ : list of str or None
        Channel names of X seen in fit; None if X has no names.
    picks_ : ndarray of shape (n_picked,)
        Indices of the selected channels.
    ch_names_ : list of str or None
        Names of the selected channels as in X; None if X has no names.
    n_features_in_ : int
        Number of channels seen in fit; of samples, if X has two dimensions.
    sfreq_in_ : float
        Sampling rate of Trials or Epochs in fit; None for an array.

    Examples
    --------
    >>> from skmamba.datasets import load_eegmat
    >>> trials = load_eegmat()
    >>> picker = ChannelPicker("temporal")
    >>> picker.fit_transform(trials).shape
    (40, 2, 7680)
    >>> picker.ch_names_
    ['T7', 'T8']
    """

    def __init__(
        self,
        picks: str | int | slice | Sequence[str | int] | None = None,
        ch_names: Sequence[str] | None = None,
    ) -> None:
        self.picks = picks
        self.ch_names = ch_names

    def _fit(self, X):
        names = get_ch_names(X) or self.ch_names
        X = self._validate_trials(X, reset=True, max_ndim=4, lazy=True)
        if self.picks is not None and X.ndim < 3:
            raise ValueError(
                f"picks={self.picks!r} requires X of shape (n_trials, n_channels, n_times), got "
                f"{X.ndim} dimensions."
            )
        names = check_ch_names(names, self.n_features_in_)
        self._set_picks(_resolve_picks(self.picks, names, self.n_features_in_), names)

    def transform(self, X: Trials | ArrayLike | Epochs) -> Trials | NDArray[Any]:
        """Select the channels.

        Parameters
        ----------
        X : Trials, ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials with the channels seen in fit.

        Returns
        -------
        X_picked : Trials or ndarray of shape (n_trials, n_picked, n_times)
            The selected channels, in the order of ``picks_``; Trials, without a copy, if X is.
        """
        check_is_fitted(self)
        names = get_ch_names(X)
        X = self._validate_trials(X, reset=False, max_ndim=4, lazy=True, any_channels=True)
        if names is not None and self.ch_names_ is not None:
            picked = [names[i] for i in self.picks_]
            if not are_same_channels(picked, self.ch_names_):
                raise ValueError(
                    f"X must have the channels {', '.join(self.ch_names_)} at the positions "
                    f"seen in fit, got {', '.join(picked)}: "
                    "reorder them, for example with epochs.reorder_channels."
                )
        if isinstance(X, Trials):
            return X.pick(self.picks_)
        return X.take(self.picks_, axis=max(1, X.ndim - 2))

    def _set_picks(self, picks, names):
        self.picks_ = picks
        self.ch_names_in_ = None if names is None else list(names)
        self.ch_names_ = None if names is None else [names[i] for i in picks]


def _resolve_picks(picks, ch_names, n_channels):
    """Return the index of each picked channel once, in the order of ``picks``."""
    if picks is None:
        picks = slice(None)
    if isinstance(picks, slice):
        indices = list(range(n_channels)[picks])
    else:
        no_list = str, set, frozenset  # a set has no order
        is_one = isinstance(picks, no_list) or not isinstance(picks, Iterable)
        listed = [picks] if is_one or getattr(picks, "ndim", 1) == 0 else list(picks)
        indices = [i for pick in listed for i in _resolve_pick(pick, ch_names, n_channels)]
    if not indices:
        raise ValueError(f"picks must select at least one of {n_channels} channels, got {picks!r}.")
    return np.array(list(dict.fromkeys(indices)))


def _resolve_pick(pick, ch_names, n_channels):
    """Return the indices of one channel, region or preset."""
    if isinstance(pick, Integral) and not isinstance(pick, (bool, np.bool_)):
        if not -n_channels <= pick < n_channels:
            raise ValueError(f"picks must be channels of X, which has {n_channels}, got {pick}.")
        return [int(pick) % n_channels]
    if not isinstance(pick, str):
        raise ValueError(f"picks must be names or indices, got {pick!r}.")
    if ch_names is None:
        raise ValueError(f"picks={pick!r} is a name and requires ch_names, got ch_names=None.")
    for spell in (str, str.lower, canonical_name):  # a montage may have both T3 and T7
        names = list(map(spell, ch_names))
        if spell(pick) in names:
            return [names.index(spell(pick))]
    if pick.lower() in REGIONS:
        return _find_region(pick.lower(), ch_names)
    if pick.lower() in PRESETS:
        return [_resolve_pick(name, ch_names, n_channels)[0] for name in PRESETS[pick.lower()]]
    words = {word.lower(): word for word in [*ch_names, *REGIONS, *PRESETS]}
    near = get_close_matches(canonical_name(pick), words, n=3, cutoff=0.4)
    hint = f" Similar: {', '.join(words[word] for word in near)}." if near else ""
    raise ValueError(
        f"picks must be channels of X ({', '.join(ch_names)}), regions or presets, got "
        f"{pick!r}.{hint}"
    )


def _find_region(region, ch_names):
    """Return the channels whose name without number or z is a prefix of the region."""
    prefixes = [prefix.lower() for prefix in REGIONS[region]]
    indices = [
        i
        for i, name in enumerate(ch_names)
        if canonical_name(name).rstrip("0123456789").removesuffix("z") in prefixes
    ]
    if not indices:
        raise ValueError(f"X must have a {region} channel, got {', '.join(ch_names)}.")
    return indices
