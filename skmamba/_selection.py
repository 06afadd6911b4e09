"""Rows and channels of an array that are read when they are needed."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from ._windows import cut_windows


class Selection:
    """Rows and channels of an array ``(n_rows, [n_windows,] n_channels, n_times)``, without a copy.

    ``rows`` and ``picks`` are int arrays, or None for all. Rows may repeat.
    """

    def __init__(self, array, rows=None, picks=None):
        self.array = array
        self.rows = np.arange(len(array)) if rows is None else rows
        self.picks = np.arange(array.shape[-2]) if picks is None else picks

    @property
    def shape(self):
        """Shape of the selected array."""
        return (len(self.rows), *self.array.shape[1:-2], len(self.picks), self.array.shape[-1])

    @property
    def ndim(self):
        """Number of dimensions of the selected array."""
        return self.array.ndim

    def __len__(self):
        return len(self.rows)

    def take(self, rows):
        """Return a selection of the rows."""
        return Selection(self.array, self.rows[rows], self.picks)

    def pick(self, picks):
        """Return a selection of the channels."""
        return Selection(self.array, self.rows, self.picks[picks])

    def cut(self, size, stride):
        """Return the windows of trials, ``(n_trials, n_windows, n_channels, size)``."""
        return Selection(cut_windows(self.array, size, stride), self.rows, self.picks)

    def as_bags(self):
        """Return trials as bags of one window; bags of windows as they are."""
        if self.array.ndim == 4:
            return self
        return Selection(self.array[:, None], self.rows, self.picks)

    def read(self, rows, windows, chan=None):
        """Return a copy of one window of each row, ``(n, n_channels, n_times)``, or of a channel.

        The array must have four dimensions.
        """
        rows = self.rows[rows]
        if chan is not None:
            return self.array[rows, windows, self.picks[chan]]
        if self._has_all_channels():
            copied = self.array[rows, windows]
        else:
            copied = self.array[rows[:, None], windows[:, None], self.picks]
        return np.ascontiguousarray(copied)  # rounding depends on the order in memory

    def gather(self):
        """Return the selected array: the array itself, if all of it is selected."""
        array, n_rows = self.array, len(self.array)
        if len(self.rows) == n_rows and (self.rows == np.arange(n_rows)).all():
            return array if self._has_all_channels() else array.take(self.picks, axis=-2)
        if self._has_all_channels():
            return array[self.rows]
        return array[np.ix_(self.rows, *map(np.arange, array.shape[1:-2]), self.picks)]

    def _has_all_channels(self):
        n_channels = self.array.shape[-2]
        return len(self.picks) == n_channels and (self.picks == np.arange(n_channels)).all()


def join_selections(selections):
    """Return a selection of all rows; a row that is selected several times is copied once."""
    used = [np.unique(selection.rows, return_inverse=True) for selection in selections]
    parts = [
        Selection(selection.array, rows, selection.picks).gather()
        for selection, (rows, _) in zip(selections, used, strict=True)
    ]
    starts = np.cumsum([0, *map(len, parts)])
    rows = [start + inverse for start, (_, inverse) in zip(starts, used, strict=False)]
    return Selection(np.concatenate(parts), np.concatenate(rows))


class SelectedArray:
    """Attribute that holds a :class:`Selection` and returns its array."""

    def __init__(self, name):
        self.name = f"_{name}"

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        held = vars(instance)[self.name]
        return held.gather() if isinstance(held, Selection) else held

    def __set__(self, instance, value):
        vars(instance)[self.name] = value


def resolve_rows(key, n_rows):
    """Return the row indices of a mask, a slice, or a list or array of indices."""
    if isinstance(key, slice):
        return np.arange(n_rows)[key]
    key = np.asarray(key)
    if key.ndim != 1:
        raise IndexError(f"Rows must be one list of indices, got {key.ndim} dimensions.")
    if key.dtype != bool:
        return np.arange(n_rows)[key.astype(int) if not key.size else key]
    if key.shape != (n_rows,):
        raise IndexError(f"A mask must have one entry per trial ({n_rows}), got {key.shape}.")
    return np.flatnonzero(key)


def is_index(key):
    """Return whether an index selects a single row."""
    return isinstance(key, Integral) and not isinstance(key, bool)
