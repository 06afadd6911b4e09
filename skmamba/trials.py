"""Trials: what every loader returns and every pipeline starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ._epochs import as_array, epochs_ch_names
from ._windows import cut_windows, whole_points


@dataclass(frozen=True, repr=False, eq=False)
class Trials:
    """Labelled stretches of EEG: one stimulus, one label, one row.

    Parameters
    ----------
    X : ndarray of shape (n_trials, n_channels, n_times)
        EEG in microvolt.
    y : ndarray of shape (n_trials,)
        Labels.
    metadata : DataFrame of n_trials rows
        Who and when: ``subject``, ``session``, ``trial`` (a number of its own for every trial
        of a data set) and what else the data set knows, such as ``stimulus``. Its columns are
        the ``groups`` of splitters.
    sfreq : float
        Sampling rate in hertz.
    ch_names : sequence of str
        Channel names, in the order of ``X``.
    label_names : dict, default={}
        What the values of ``y`` stand for.
    name : str, default=""
        Name of the data set.
    choices : dict, default={}
        What was decided when the data were read and could have been decided otherwise, such as
        which rating is the label and from what value on it is high.

    Raises
    ------
    ValueError
        If the parts do not fit each other.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> Trials(
    ...     X=np.zeros((4, 2, 256), dtype="float32"),
    ...     y=np.array([0, 1, 0, 1]),
    ...     metadata=pd.DataFrame({"subject": [1, 1, 2, 2], "trial": range(4)}),
    ...     sfreq=128,
    ...     ch_names=["Fp1", "Fp2"],
    ...     label_names={0: "rest", 1: "task"},
    ... )
    <Trials: 4 trials x 2 channels x 256 time points (2 s at 128 Hz), 2 subjects; \
2 rest, 2 task (majority 50 %)>
    """

    X: np.ndarray
    y: np.ndarray
    metadata: pd.DataFrame
    sfreq: float
    ch_names: Sequence[str]
    label_names: dict = field(default_factory=dict)
    name: str = ""
    choices: dict = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "X", np.asarray(self.X))
        object.__setattr__(self, "y", np.asarray(self.y))
        if self.X.ndim != 3:
            raise ValueError(
                f"X must have shape (n_trials, n_channels, n_times), got {self.X.ndim} dimensions."
            )
        n_trials, n_channels, _ = self.X.shape
        for argument, length in (("y", len(self.y)), ("metadata", len(self.metadata))):
            if length != n_trials:
                raise ValueError(
                    f"{argument} must have one entry a trial: X has {n_trials} trials, "
                    f"{argument} has {length}."
                )
        if len(self.ch_names) != n_channels:
            raise ValueError(
                f"ch_names must name each channel: X has {n_channels} channels, "
                f"got {len(self.ch_names)} names."
            )
        if not self.sfreq > 0:
            raise ValueError(f"sfreq must be positive, in hertz, got {self.sfreq!r}.")
        object.__setattr__(self, "ch_names", tuple(str(name) for name in self.ch_names))
        object.__setattr__(self, "metadata", self.metadata.reset_index(drop=True))

    def __len__(self):
        return len(self.y)

    def __repr__(self):
        n_trials, n_channels, n_times = self.X.shape
        labels, counts = np.unique(self.y, return_counts=True)
        balance = ", ".join(
            f"{n} {self.label_names.get(label, f'of class {label}')}"
            for label, n in zip(labels.tolist(), counts.tolist(), strict=True)
        )
        subjects = ""
        if "subject" in self.metadata:
            n_subjects = self.metadata["subject"].nunique()
            subjects = f", {n_subjects} subject{'s' if n_subjects != 1 else ''}"
        if n_trials:
            balance += f" (majority {100 * counts.max() / n_trials:.0f} %)"
        choices = ", ".join(f"{name} {value}" for name, value in self.choices.items())
        return (
            f"<Trials{f' of {self.name}' if self.name else ''}: {n_trials} trials x "
            f"{n_channels} channels x {n_times} time points "
            f"({n_times / self.sfreq:g} s at {self.sfreq:g} Hz){subjects}; {balance}"
            f"{f'; {choices}' if choices else ''}>"
        )

    def select(self, where=None, /, **columns):
        """Keep some of the trials.

        Parameters
        ----------
        where : str, bool mask or indices, default=None
            A condition on the metadata, as in :meth:`pandas.DataFrame.query`, or which rows.
        **columns : value or list of values
            What columns of the metadata must be, or be among.

        Returns
        -------
        trials : Trials
            The chosen trials, in the order they had, or in that of the indices.

        Raises
        ------
        ValueError
            If there is no such column, or nothing is left.

        Examples
        --------
        >>> from skmamba.datasets import simulate_trials
        >>> trials = simulate_trials(n_subjects=4, n_trials=6)
        >>> len(trials.select(subject=[0, 1])), len(trials.select("subject != 3"))
        (12, 18)
        >>> len(trials.select(trials.y == 1, subject=0))
        3
        """
        rows = np.arange(len(self))
        if isinstance(where, str):
            rows = rows[self._holds(where)]
        elif where is not None:
            rows = rows[list(where)]  # a list: an empty array would be one of floats
        for column, wanted in columns.items():
            if column not in self.metadata:
                raise ValueError(
                    f"metadata has no column {column!r}, only {', '.join(self.metadata)}."
                )
            wanted = [wanted] if np.isscalar(wanted) or wanted is None else list(wanted)
            rows = rows[self.metadata[column].iloc[rows].isin(wanted)]
        if not len(rows):
            raise ValueError(f"No trial is left after select({where!r}, {columns}).")
        return replace(self, X=self.X[rows], y=self.y[rows], metadata=self.metadata.iloc[rows])

    def _holds(self, condition):
        """For which trials a condition on the metadata holds."""
        try:
            holds = np.asarray(self.metadata.eval(condition))
        except Exception as error:  # pandas raises whatever the condition leads to
            holds, reason = None, f": {error}"
        else:
            reason = ", its values are not true or false"
        if holds is None or holds.dtype != bool or holds.shape != (len(self),):
            raise ValueError(
                f"select({condition!r}) is no condition on the columns "
                f"{', '.join(self.metadata)}{reason}."
            )
        return holds

    @staticmethod
    def concatenate(parts):
        """Put trials of several sources under each other.

        Subjects and trials keep their numbers: give people of different sources different ones
        first, or a splitter takes them for one person.

        Parameters
        ----------
        parts : sequence of Trials
            Same channels in the same order, same rate, same length.

        Returns
        -------
        trials : Trials
            All of them; columns that a part lacks are missing values there.

        Raises
        ------
        ValueError
            If there is nothing to concatenate, or the parts do not fit.

        Examples
        --------
        >>> from skmamba.datasets import simulate_trials
        >>> trials = simulate_trials(n_subjects=4, n_trials=5)
        >>> len(Trials.concatenate([trials.select(subject=3), trials.select(subject=0)]))
        10
        """
        parts = list(parts)
        if not parts:
            raise ValueError("concatenate needs at least one Trials, got none.")
        first = parts[0]
        for part in parts[1:]:
            for what, mine, theirs in (
                ("ch_names", first.ch_names, part.ch_names),
                ("sfreq", first.sfreq, part.sfreq),
                ("n_times", first.X.shape[2], part.X.shape[2]),
                ("label_names", first.label_names, part.label_names),
                ("choices", first.choices, part.choices),
            ):
                if mine != theirs:
                    raise ValueError(f"Trials differ in {what}: {mine} and {theirs}.")
        return replace(
            first,
            X=np.concatenate([part.X for part in parts]),
            y=np.concatenate([part.y for part in parts]),
            metadata=pd.concat([part.metadata for part in parts], ignore_index=True),
            name=" + ".join(dict.fromkeys(part.name for part in parts if part.name)),
        )

    @classmethod
    def from_epochs(cls, epochs, y=None, metadata=None, *, name=""):
        """Take the EEG channels of ``mne.Epochs``.

        Parameters
        ----------
        epochs : mne.Epochs
            One epoch is one trial.
        y : array-like of shape (n_trials,), default=None
            Labels; without them, the event codes, named by ``epochs.event_id``.
        metadata : DataFrame, default=None
            Without it ``epochs.metadata``, else nothing but the trial's number.
        name : str, default=""
            Name of the data set.

        Returns
        -------
        trials : Trials
            ``X`` is float32, in microvolt.

        Examples
        --------
        >>> import mne, numpy as np
        >>> info = mne.create_info(["Fp1", "Fp2"], 128, "eeg")
        >>> events = [[0, 0, 1], [300, 0, 2]]
        >>> epochs = mne.EpochsArray(np.zeros((2, 2, 256)), info, events,
        ...                          event_id={"left": 1, "right": 2}, verbose=False)
        >>> Trials.from_epochs(epochs).label_names
        {1: 'left', 2: 'right'}
        """
        X = as_array(epochs).astype("float32")  # first: reading may drop epochs, with their events
        label_names = {}
        if y is None:
            y = epochs.events[:, 2]
            label_names = {code: label for label, code in epochs.event_id.items()}
        if metadata is None:
            metadata = epochs.metadata
        metadata = pd.DataFrame(index=range(len(y))) if metadata is None else metadata.copy()
        if "trial" not in metadata:
            metadata["trial"] = np.arange(len(y))
        return cls(
            X=X,
            y=y,
            metadata=metadata,
            sfreq=epochs.info["sfreq"],
            ch_names=epochs_ch_names(epochs),
            label_names=label_names,
            name=name,
        )

    def as_windows(self, size, stride=None):
        """Make every window a row of its own, for protocols that are stated in windows.

        Windows of one trial are near copies of each other: split them by
        ``metadata["trial"]`` or a coarser column, or the score measures memory. Inside a
        pipeline use :class:`~skmamba.preprocessing.SlidingWindows`, which keeps them together.

        Parameters
        ----------
        size : int
            Length of a window in time points.
        stride : int, default=size
            Distance between two window starts, in time points.

        Returns
        -------
        windows : Trials
            One row a window, trial by trial; the metadata gain ``window`` (its number in the
            trial) and ``start`` (its first time point), and ``trial`` if there was none.

        Raises
        ------
        ValueError
            If a trial is shorter than a window.

        Examples
        --------
        >>> from skmamba.datasets import simulate_trials
        >>> trials = simulate_trials(n_subjects=4, n_trials=5, n_channels=4, n_times=256)
        >>> windows = trials.as_windows(size=128, stride=64)
        >>> windows.X.shape
        (60, 4, 128)
        >>> windows.metadata[["trial", "window", "start"]].iloc[2].tolist()
        [0, 2, 128]
        """
        size = whole_points("size", size)
        stride = size if stride is None else whole_points("stride", stride)
        bags = cut_windows(self.X, size, stride)
        n_windows = bags.shape[1]
        metadata = self.metadata.copy()
        if "trial" not in metadata:
            metadata["trial"] = np.arange(len(self))
        metadata = metadata.loc[np.repeat(metadata.index, n_windows)]
        metadata["window"] = np.tile(np.arange(n_windows), len(self))
        metadata["start"] = metadata["window"] * stride
        return replace(
            self,
            X=bags.reshape(-1, *bags.shape[2:]),
            y=np.repeat(self.y, n_windows),
            metadata=metadata,
        )
