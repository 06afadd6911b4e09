"""Choosing electrodes."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from .._ch_names import canonical_name
from .._mne import get_ch_names
from .._types import Epochs
from .._validation import restore_on_error
from ._input import TrialStep

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


class ChannelPicker(TrialStep):
    """Keep some channels, by name, index, region or preset.

    Parameters
    ----------
    picks : str, int, slice or list of str and int, default=None
        Which channels, in the order wanted. A str is the name of a channel, of a region or of a
        preset; None keeps all. Names may differ in case and may be of the old 10-20 system
        (T3, T4, T5, T6 are T7, T8, P7, P8).

        ===============  ==============================================================
        region           channels whose names start with
        ===============  ==============================================================
        ``"frontal"``    Fp, AF, F
        ``"temporal"``   FT, T, TP
        ``"central"``    FC, C, CP
        ``"parietal"``   P
        ``"occipital"``  PO, O
        ===============  ==============================================================

        =================  ============================================================
        preset             channels
        =================  ============================================================
        ``"frontal4"``     Fp1 Fp2 F3 F4 (in every 10-20 cap)
        ``"prefrontal4"``  Fp1 Fp2 AF3 AF4
        ``"muse"``         TP9 AF7 AF8 TP10
        ``"emotiv"``       AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4
        =================  ============================================================
    ch_names : sequence of str, default=None
        Names of the channels of X; mne.Epochs bring their own.

    Attributes
    ----------
    picks_ : ndarray of shape (n_picked,)
        Indices of the kept channels.
    ch_names_ : list of str or None
        Their names, as X has them; None if X came without names.
    n_features_in_ : int
        Number of channels seen in fit.

    See Also
    --------
    SlidingWindows : The next step: windows of the chosen channels.

    Examples
    --------
    >>> from skmamba.datasets import load_eegmat
    >>> trials = load_eegmat()
    >>> picker = ChannelPicker("temporal", ch_names=trials.ch_names)
    >>> picker.fit_transform(trials.X).shape
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

    def fit(self, X: ArrayLike | Epochs, y: object = None) -> Self:
        """Find the channels.

        Parameters
        ----------
        X : ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials; bags of windows ``(n_trials, n_windows, n_channels, size)`` will do.
        y : ignored
            Here because scikit-learn passes it.

        Returns
        -------
        self : ChannelPicker
            The fitted step.

        Raises
        ------
        ValueError
            If a channel is not there, naming the nearest ones that are; or if the number of
            names is not that of channels.
        """
        with restore_on_error(self):
            names = get_ch_names(X) or self.ch_names
            self._check_trials(X, reset=True, max_ndim=4)
            if names is not None and len(names) != self.n_features_in_:
                raise ValueError(
                    f"ch_names must name each channel: X has {self.n_features_in_} channels, "
                    f"got {len(names)} names."
                )
            self.picks_ = resolve_picks(self.picks, names, self.n_features_in_)
            self.ch_names_ = None if names is None else [names[i] for i in self.picks_]
        return self

    def transform(self, X: ArrayLike | Epochs) -> NDArray[Any]:
        """Keep the chosen channels.

        Parameters
        ----------
        X : ndarray of shape (n_trials, n_channels, n_times) or mne.Epochs
            Trials with the channels seen in fit.

        Returns
        -------
        X_picked : ndarray of shape (n_trials, n_picked, n_times)
            The chosen channels in the order of ``picks``.

        Raises
        ------
        ValueError
            If X has other channels than those seen in fit.
        """
        check_is_fitted(self)
        names = get_ch_names(X)
        X = self._check_trials(X, reset=False, max_ndim=4)
        if names is not None and self.ch_names_ is not None:
            found = [names[i] for i in self.picks_]
            if [canonical_name(name) for name in found] != [
                canonical_name(name) for name in self.ch_names_
            ]:
                raise ValueError(
                    f"Epochs have {', '.join(found)} where {type(self).__name__} was fitted to "
                    f"pick {', '.join(self.ch_names_)}. "
                    "Use epochs.reorder_channels to bring them into one order."
                )
        return X.take(self.picks_, axis=max(1, X.ndim - 2))


def resolve_picks(picks, ch_names, n_channels):
    """Turn picks into indices.

    Parameters
    ----------
    picks, ch_names
        As in :class:`ChannelPicker`.
    n_channels : int
        How many channels there are.

    Returns
    -------
    indices : ndarray of shape (n_picked,)
        Each channel once, in the order of ``picks``.
    """
    if picks is None:
        picks = slice(None)
    if isinstance(picks, slice):
        indices = list(range(n_channels)[picks])
    else:
        listed = [picks] if isinstance(picks, (str, Integral)) else list(picks)
        indices = [i for pick in listed for i in _resolve_one(pick, ch_names, n_channels)]
    if not indices:
        raise ValueError(f"picks={picks!r} chooses none of {n_channels} channels.")
    return np.array(list(dict.fromkeys(indices)))


def _resolve_one(pick, ch_names, n_channels):
    if isinstance(pick, Integral) and not isinstance(pick, (bool, np.bool_)):
        if not -n_channels <= pick < n_channels:
            raise ValueError(f"picks holds channel {pick}, but X has {n_channels} channels.")
        return [int(pick) % n_channels]
    if not isinstance(pick, str):
        raise ValueError(f"picks must hold names or indices, got {pick!r}.")
    if ch_names is None:
        raise ValueError(
            f"picks={pick!r} is a name, and the channels of X have none: pass ch_names."
        )
    if pick in list(ch_names):  # before other spellings: a montage may hold both T3 and T7
        return [list(ch_names).index(pick)]
    here = {canonical_name(name): i for i, name in enumerate(ch_names)}
    if canonical_name(pick) in here:
        return [here[canonical_name(pick)]]
    if pick.lower() in REGIONS:
        return _in_region(pick.lower(), ch_names)
    if pick.lower() in PRESETS:
        return [_resolve_one(name, ch_names, n_channels)[0] for name in PRESETS[pick.lower()]]
    words = [*ch_names, *REGIONS, *PRESETS]
    near = get_close_matches(
        canonical_name(pick), [word.lower() for word in words], n=3, cutoff=0.4
    )
    spelled = {word.lower(): word for word in words}
    hint = f" Nearest: {', '.join(spelled[word] for word in near)}." if near else ""
    raise ValueError(f"No channel, region or preset {pick!r} among {', '.join(ch_names)}.{hint}")


def _in_region(region, ch_names):
    """Find the channels whose letters before the number are those of a region."""
    prefixes = [prefix.lower() for prefix in REGIONS[region]]
    inside = [
        i
        for i, name in enumerate(ch_names)
        if canonical_name(name).rstrip("0123456789").removesuffix("z") in prefixes
    ]
    if not inside:
        raise ValueError(f"No channel is {region} among {', '.join(ch_names)}.")
    return inside
