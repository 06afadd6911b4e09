"""Trials: EEG, labels and metadata, as returned by the loaders."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partialmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ._bids import find_recordings, read_recording
from ._braindecode import read_windows
from ._ch_names import check_ch_names
from ._copies import warn_of_copies
from ._metadata import (
    check_identifiers,
    check_texts,
    make_table,
    number_trials,
    unify_ids,
    warn_of_repeats,
)
from ._mne import as_array, get_ch_names, is_epochs, list_bads, locate_epochs
from ._raws import cut_recordings, join_cuts, join_names
from ._scaling import is_plausible, measure_spread
from ._selection import SelectedArray, Selection, is_index, join_selections, resolve_rows
from ._types import Epochs, Raw, StrPath
from ._validation import as_labels, check_equal_shapes, check_number, check_option
from ._windows import cut_windows, resolve_window

__all__ = ["Trials"]

# Trials have these attributes and operators of arrays, so that functions of arrays accept them.
OF_ARRAYS = tuple(
    "T all any argmax argmin argsort astype clip copy cumsum flatten max mean min prod ravel "
    "repeat reshape round size squeeze std sum swapaxes take transpose var".split()
)
OPERATORS = tuple(
    "abs add eq floordiv ge gt le lt matmul mod mul ne neg pow radd rmul rpow rsub rtruediv sub "
    "truediv".split()
)


@dataclass(frozen=True, repr=False, eq=False)
class Trials:
    """Labelled EEG trials: one stimulus, one label or rating, one row.

    Trials are an array-like of shape (n_trials, n_channels, n_times): pass them as ``X`` to
    pipelines, searches and cross-validation of scikit-learn. ``trials[rows]`` selects rows without
    a copy; steps such as :class:`~skmamba.ChannelPicker` read names and sampling rate from them.

    Parameters
    ----------
    X : ndarray of shape (n_trials, n_channels, n_times)
        EEG in microvolts; an array or a memory map. It is read when needed: ``trials[rows].X`` is
        a copy of the rows.
    y : ndarray of shape (n_trials,) or (n_trials, n_targets)
        Labels (text or numbers), or ratings of one or several targets. Missing ones become NaN:
        select the others before an evaluation, as in ``trials[~pd.isna(trials.y)]``.
    metadata : DataFrame of n_trials rows, or dict
        Columns, or values that all trials share: ``subject``, ``session``, ``trial`` (a number,
        unique in the data set), ``stimulus`` ... Splitters read them as ``groups``.
    sfreq : float
        Sampling rate in hertz.
    ch_names : sequence of str
        Channel names, in the order of ``X``.
    label_names : dict, default={}
        Names of all values of ``y``; dropped with a warning if ``y`` has other values, such as
        those of a new target.
    name : str, default=""
        Name of the data set.
    loader_params : dict, default={}
        Choices made by the loader, such as the threshold of a rating.
    reference : ndarray of shape (n_trials, n_channels, n_reference_times), default=None
        Unlabelled EEG of the subject of each trial, recorded before the trial: a minute of rest,
        or a baseline.

    Raises
    ------
    ValueError
        If shapes do not match, ``X`` is not of real numbers, ``y`` is not of text or numbers,
        ``sfreq`` is not positive, or channel names are not text or not distinct.

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
    label_names: dict[Any, str] = field(default_factory=dict)
    name: str = ""
    loader_params: dict[str, Any] = field(default_factory=dict)
    reference: np.ndarray | None = None

    def __post_init__(self) -> None:
        self._set_arrays()
        n_trials, n_channels, _ = self.shape
        metadata = make_table(self.metadata, n_trials).reset_index(drop=True)
        for argument, length in (("y", len(self.y)), ("metadata", len(metadata))):
            if length != n_trials:
                raise ValueError(
                    f"{argument} must have one entry per trial: X has {n_trials} trials, "
                    f"{argument} has {length}."
                )
        ch_names = check_ch_names([] if self.ch_names is None else self.ch_names, n_channels)
        object.__setattr__(self, "ch_names", tuple(ch_names))
        # As np.load and scipy.io.loadmat return it; 2 * np.uint8(250) would overflow.
        if isinstance(self.sfreq, np.ndarray | np.generic) and not np.ndim(self.sfreq):
            object.__setattr__(self, "sfreq", self.sfreq.item())
        check_number("sfreq", self.sfreq)
        check_texts(metadata)
        object.__setattr__(self, "metadata", unify_ids(metadata))
        for argument in ("label_names", "loader_params"):
            if not isinstance(vars(self)[argument], Mapping):
                raise ValueError(f"{argument} must be a dict, got {vars(self)[argument]!r}.")
            object.__setattr__(self, argument, dict(vars(self)[argument]))
        labels = set(self.y[~pd.isna(self.y)].tolist()) if self.label_names else set()
        unnamed = sorted(map(str, labels - self.label_names.keys()))
        if unnamed:
            warnings.warn(
                f"label_names must name all values of y, got {self.label_names} for y with "
                f"{', '.join(unnamed)}, and are dropped: pass label_names with y.",
                stacklevel=3,
            )
            object.__setattr__(self, "label_names", {})

    def _set_arrays(self) -> None:
        """Validate ``X``, ``y`` and ``reference``, and set them as selections and an array."""
        X, reference = vars(self)["_X"], vars(self)["_reference"]
        if is_epochs(X):  # as an array, it has all channels in volts
            raise ValueError("X must be an array, got mne.Epochs: use Trials.from_epochs.")
        check_equal_shapes(X)
        X = X if isinstance(X, Selection) else np.asanyarray(X)  # a memory map remains one
        if X.ndim != 3:
            raise ValueError(
                f"X must have shape (n_trials, n_channels, n_times), got {X.ndim} dimensions."
            )
        object.__setattr__(self, "X", _as_selection("X", X))
        object.__setattr__(self, "y", as_labels(self.y).copy())
        if reference is not None:
            object.__setattr__(self, "reference", _validate_reference(reference, X.shape))

    @property
    def data(self) -> Selection:
        """``X`` without reading it, for steps."""
        return vars(self)["_X"]

    @property
    def reference_data(self) -> Selection | None:
        """``reference`` without reading it, for steps."""
        return vars(self)["_reference"]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ``X``."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions of ``X``."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """Data type of ``X``."""
        return self.data.array.dtype

    def __len__(self) -> int:
        return len(self.y)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.X, dtype=dtype, copy=copy)

    def __getitem__(self, key: Any) -> Any:
        """Select rows without a copy; any other index returns an array, as that of ``X``."""
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]  # as scikit-learn indexes rows
        if is_index(key):
            return self.data.take([key]).gather()[0]
        if not isinstance(key, tuple | slice) and np.ndim(key) == 2 and np.array(key).dtype == bool:
            raise IndexError(
                "A mask of trials must have one entry per trial, got shape "
                f"{np.shape(key)}: for several targets use ~pd.isna(trials.y).any(axis=1)."
            )
        if isinstance(key, tuple) or not (isinstance(key, slice) or np.ndim(key) == 1):
            return self.X[key]
        rows = resolve_rows(key, len(self))
        return self.derive(
            X=self.data.take(rows),
            y=self.y[rows],
            metadata=self.metadata.iloc[rows].reset_index(drop=True),
            reference=_take(self.reference_data, rows),
        )

    if not TYPE_CHECKING:  # type checkers know the attributes of Trials only

        def __getattr__(self, name):
            if name in OF_ARRAYS:
                return getattr(self.X, name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __sizeof__(self) -> int:
        return self.data.array.nbytes  # Dask sends large objects to each worker once

    def pick(self, picks: NDArray[np.intp]) -> Self:
        """Return a selection of channels without a copy.

        Parameters
        ----------
        picks : int array of shape (n_picked,), or bool array of shape (n_channels,)
            Indices, or a mask, of the channels.

        Returns
        -------
        trials : Trials
            The channels of ``X`` and of ``reference``, in the order of ``picks``.
        """
        picks = np.asarray(picks)
        if picks.dtype.kind not in "iub":
            raise ValueError(
                f"picks must be indices or a mask, got {picks.tolist()!r}: for names, use "
                "ChannelPicker([...]).fit_transform(trials)."
            )
        picks = np.arange(len(self.ch_names))[picks]
        if picks.ndim != 1 or not len(picks):
            raise ValueError(f"picks must select channels, got an array of shape {picks.shape}.")
        return self.derive(
            X=self.data.pick(picks),
            reference=None if self.reference_data is None else self.reference_data.pick(picks),
            ch_names=tuple(self.ch_names[i] for i in picks),
        )

    def derive(self, **changes: Any) -> Self:
        """Return a copy with other attributes, for steps of a pipeline.

        Parameters
        ----------
        **changes : object
            Attributes, which are not validated. ``X`` may have four dimensions, of windows.

        Returns
        -------
        trials : Trials
            The copy, which shares ``X`` and ``reference`` unless they are changed.
        """
        derived = copy.copy(self)
        own = {"y": self.y.copy(), "metadata": self.metadata.copy(deep=False)}
        own |= {"label_names": {**self.label_names}, "loader_params": {**self.loader_params}}
        for name, value in {**own, **changes}.items():
            object.__setattr__(derived, name, value)
        return derived

    def __repr__(self) -> str:
        name = f" of {self.name}" if self.name else ""
        size, subjects, labels = self._describe()
        choices = ", ".join(f"{key} {value}" for key, value in self.loader_params.items())
        parts = [", ".join(filter(None, [size, subjects])), labels, choices]
        return f"<Trials{name}: {'; '.join(filter(None, parts))}>"

    def _repr_html_(self) -> str:
        size, subjects, labels = self._describe()
        kind = "ratings" if self._has_ratings() else "classes"
        rows = {"size": size, "subjects": subjects, kind: labels}
        rows |= {"channels": ", ".join(self.ch_names)} | self.loader_params
        with pd.option_context("display.max_colwidth", None):
            return pd.Series(rows, dtype=object).to_frame(self.name or "Trials").to_html()

    def _describe(self):
        """Return the shape, the number of subjects and a summary of the labels, as text."""
        n_trials, n_channels, n_times = self.shape[0], *self.shape[-2:]
        labels = self._describe_ratings() if self._has_ratings() else self._count_classes()
        n_subjects = self.metadata["subject"].nunique() if "subject" in self.metadata else 0
        subjects = f"{n_subjects} subject{'s' if n_subjects != 1 else ''}" if n_subjects else ""
        size = (
            f"{n_trials} trials x {n_channels} channels x {n_times} time points "
            f"({n_times / self.sfreq:g} s at {self.sfreq:g} Hz)"
        )
        return size, subjects, labels

    def _has_ratings(self):
        """Return whether y has several targets, or numbers with decimals."""
        y = self.y[~pd.isna(self.y)]
        return self.y.ndim > 1 or bool(y.dtype.kind == "f" and (y != y.round()).any())

    def _describe_ratings(self):
        """Return the range and mean of each target, as text."""
        if not len(self):
            return ""
        columns = pd.DataFrame(self.y.astype(float))
        missing = {name: f", {n} missing" if n else "" for name, n in columns.isna().sum().items()}
        ranges = (
            f"{y.min():g} to {y.max():g} (mean {y.mean():.3g}{missing[name]})"
            for name, y in columns.items()
        )
        return f"ratings {', '.join(ranges)}"

    def _count_classes(self):
        """Return the count of each class, as text."""
        counted = pd.Series(self.y).value_counts(sort=False)
        try:
            counted = counted.sort_index()
        except TypeError:  # text and numbers
            counted = counted.sort_index(key=lambda labels: labels.map(str))
        labels, counts = counted.index, counted.to_numpy()
        classes = [
            f"{n} {self.label_names.get(label, f'of class {label}')}"
            for label, n in zip(labels.tolist(), counts.tolist(), strict=True)
        ]
        n_missing = pd.isna(self.y).sum()
        classes += [f"{n_missing} without label"] if n_missing else []
        majority = f" (majority {100 * counts.max() / counts.sum():.0f} %)" if len(counts) else ""
        return ", ".join(classes) + majority

    def select(self, where: str | Iterable[int] | None = None, /, **columns: Any) -> Self:
        """Return a selection of the trials.

        Parameters
        ----------
        where : str, bool mask or indices, default=None
            A condition on the metadata, as in :meth:`pandas.DataFrame.query`, or the rows.
        **columns : value or list of values
            Required values of columns of the metadata.

        Returns
        -------
        trials : Trials
            The selected trials, in their order or in that of the indices.

        Raises
        ------
        ValueError
            If there is no such column, or no trial is left.

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
            rows = rows[self._evaluate_condition(where)]
        elif where is not None:
            try:
                rows = resolve_rows(list(where), len(self))
            except (IndexError, TypeError, ValueError) as error:
                raise ValueError(
                    f"where must be a condition, a mask of {len(self)} rows, or their indices, got "
                    f"{where!r}: {str(error).rstrip('.')}."
                ) from error
        for column, values in columns.items():
            if column not in self.metadata:
                raise ValueError(
                    f"metadata has no column {column!r}, only {', '.join(map(str, self.metadata))}."
                )
            is_one = isinstance(values, str | bytes) or not np.iterable(values)
            values = [values] if is_one else list(values)
            own = self.metadata[column].iloc[rows]
            rows = rows[own.isin(values)]
            if len(own) and not len(rows):
                known = own.unique().tolist()
                known = ", ".join([*map(repr, known[:10]), *["..."] * (len(known) > 10)])
                raise ValueError(
                    f"No trial is left after select({where!r}, {columns}): {column} has {known}."
                )
        if not len(rows):
            raise ValueError(f"No trial is left after select({where!r}, {columns}).")
        return self[rows]

    def _evaluate_condition(self, condition):
        """Return a mask of the trials whose metadata fulfil a condition."""
        try:
            mask = self.metadata.eval(condition, level=2)  # @name is of the caller
            if getattr(mask, "dtype", None) == "boolean":  # with missing values
                mask = mask.fillna(False).astype(bool)
            mask = np.asarray(mask)
            if mask.dtype != bool or mask.shape != (len(self),):
                raise ValueError("its values are not true or false")
        except Exception as error:  # pandas raises any error of the evaluated condition
            raise ValueError(
                f"select({condition!r}) is not a condition on the columns "
                f"{', '.join(map(str, self.metadata))}: {error}."
            ) from error
        return mask

    @staticmethod
    def concatenate(parts: Iterable[Trials]) -> Trials:
        """Concatenate trials of several sources.

        Different trials must have different identifiers. :meth:`from_raws` numbers them from 0 in
        each call: pass all recordings to one call, or give each part a ``session`` or ``run``.

        Parameters
        ----------
        parts : iterable of Trials
            At least one, with the same channels in the same order, sampling rate and length.

        Returns
        -------
        trials : Trials
            All trials; columns that are missing in a part have missing values there.

        Raises
        ------
        ValueError
            If the parts differ in channels, sampling rate, lengths, number of targets, type of
            labels, ``label_names`` or ``loader_params``, or if different identifiers, such as "01"
            and 1, are equal as numbers.

        Warns
        -----
        UserWarning
            If trials of different parts have the same subject, session, run and number.

        Examples
        --------
        >>> from skmamba.datasets import simulate_trials
        >>> trials = simulate_trials(n_subjects=4, n_trials=5)
        >>> len(Trials.concatenate([trials.select(subject=3), trials.select(subject=0)]))
        10
        """
        parts = list(parts)
        if not parts:
            raise ValueError("parts must hold at least one Trials, got none.")
        for part in parts:
            if not isinstance(part, Trials):
                raise ValueError(f"parts must be Trials, got {type(part).__name__}.")
        first = parts[0]
        for part in parts[1:]:
            for what, given in _list_shared(part).items():
                expected = _list_shared(first)[what]
                if expected != given:
                    hint = " Crop them to one length first." if what == "n_times" else ""
                    raise ValueError(
                        f"parts must have the same {what}, got {expected} and {given}.{hint}"
                    )
        metadata = pd.concat([part.metadata for part in parts], ignore_index=True)
        check_identifiers(metadata)
        warn_of_repeats(metadata, np.repeat(range(len(parts)), [len(part) for part in parts]))
        references = [part.reference_data for part in parts]
        return replace(
            first,
            X=np.concatenate([part.X for part in parts]),
            y=np.concatenate([part.y for part in parts]),
            reference=None if first.reference_data is None else join_selections(references),
            metadata=metadata,
            name=" + ".join(dict.fromkeys(part.name for part in parts if part.name)),
        )

    @classmethod
    def from_epochs(
        cls,
        epochs: Epochs,
        y: Collection[Any] | None = None,
        metadata: pd.DataFrame | Mapping[str, Any] | None = None,
        *,
        bads: Literal["drop", "keep"] = "drop",
        name: str = "",
    ) -> Self:
        """Make trials of the EEG channels of ``mne.Epochs``.

        Parameters
        ----------
        epochs : mne.Epochs
            One epoch is one trial.
        y : array-like of shape (n_trials,), default=None
            Labels; None uses the event codes, named by ``epochs.event_id``.
        metadata : DataFrame or dict, default=None
            As in :class:`Trials`; None uses ``epochs.metadata`` or, if there are none, the number
            of each trial.
        bads, name
            As in :meth:`from_raws`.

        Returns
        -------
        trials : Trials
            ``X`` is float32, in microvolts. ``metadata`` gains ``trial`` if missing and, unless one
            of them is given or the events only number the epochs, ``recording`` (0) and ``onset``
            (first sample of the epoch, in seconds on the time axis of the events), by which
            overlapping epochs are found.

        Warns
        -----
        UserWarning
            If channels marked as bad are dropped, or the standard deviation is implausible for EEG
            in microvolts.

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
        check_option("bads", bads, ("drop", "keep"))
        if not hasattr(epochs, "event_id"):
            raise ValueError(f"epochs must be mne.Epochs, got {type(epochs).__name__}.")
        if bads == "drop" and list_bads(epochs):
            _warn_of_bads(f"The epochs: {list_bads(epochs)}")
            epochs = epochs.copy().drop_channels(list_bads(epochs))
        X = as_array(epochs).astype("float32")  # first, because reading may drop epochs
        _warn_of_unit(X)
        label_names = {}
        if y is None:
            y = epochs.events[:, 2]
            label_names = join_names(epochs.event_id)
        metadata = epochs.metadata if metadata is None else metadata
        table = make_table({} if metadata is None else metadata, len(X))
        if not {"recording", "onset"} & {*table}:
            table = table.assign(**locate_epochs(epochs))
        return cls(
            X=X,
            y=y,  # type: ignore[arg-type]  # converted in __post_init__
            metadata=number_trials(table),
            sfreq=epochs.info["sfreq"],
            ch_names=get_ch_names(epochs),
            label_names=label_names,
            name=name,
        )

    @classmethod
    def from_raws(
        cls,
        raws: Iterable[Raw | StrPath],
        tmin: float,
        tmax: float,
        *,
        events: Iterable[ArrayLike] | None = None,
        event_id: dict[str, Any] | Sequence[str] | Sequence[int] | None = None,
        y: Collection[Any] | None = None,
        metadata: pd.DataFrame | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        reference: tuple[float, float] | str | Raw | Path | Sequence[Raw | StrPath] | None = None,
        bads: Literal["drop", "keep"] = "drop",
        name: str = "",
    ) -> Self:
        """Cut recordings into trials around their events.

        Filter, resample and re-reference the recordings with MNE before. MNE cuts the trials,
        without baseline correction or rejection by amplitude. It applies the projectors of each
        recording, such as an average reference. Recordings from a generator are read one at a
        time: memory holds one recording and, when they are joined, the trials twice.

        Parameters
        ----------
        raws : iterable of mne.io.Raw or of paths
            Recordings, or files that :func:`mne.io.read_raw` opens (EDF, BDF, FIF, BrainVision,
            EEGLAB ...). They are not changed. All must have the same sampling rate and the same
            EEG channels, which are put in the order of the first recording.
        tmin, tmax : float
            Start and end of a trial in seconds from its event. The end point is excluded: 2 s at
            128 Hz are 256 time points (257 in MNE).
        events : iterable of int arrays of shape (n_events, 3), default=None
            One array per recording, as returned by :func:`mne.find_events`. None uses the
            annotations, except those whose names start with BAD or EDGE, in any case.
        event_id : dict or list, default=None
            Selected events and their labels; None selects all. For annotations, a list of names,
            which become classes 0, 1, ... (None: in alphabetical order), or a dict from name to
            label. As in MNE, ``"film"`` selects ``"film/1"`` too, unless that is selected itself.
            For ``events``, a list of codes or a dict from name to code; labels are the codes.
        y : array-like of shape (n_events,), default=None
            Labels of the selected events of all recordings, dropped events included; None uses
            those of ``event_id``.
        metadata : DataFrame, dict of columns or list of dicts, default=None
            One row per recording (``subject``, ``session``, age, ...) or one per selected event;
            if there are as many recordings as events, rows are of recordings.
        reference : tuple, str, mne.io.Raw, Path or list of recordings, default=None
            Source of ``reference``, the unlabelled EEG of the subject before the trials. It must
            have the channels and the sampling rate of the trials.

            - ``(tmin, tmax)``: seconds from the event of each trial, such as ``(-3, 0)``. Trials
              whose reference leaves the recording, or overlaps an annotation that starts with BAD,
              are dropped.
            - A name: the whole span of the first annotation of this name in each recording, which
              its trials share. Names match as in ``event_id``. With ``event_id=None``, annotations
              of this name are not trials.
            - Recordings of rest, one for each of ``raws``, or a single Raw or Path for all; a
              file name as str must be in a list.

            Annotations and recordings are cut to the first samples, as many as the shortest has,
            and include parts marked as BAD.
        bads : {"drop", "keep"}, default="drop"
            Whether channels marked as bad (``raw.info["bads"]``) are dropped, with a warning.
            If they differ between recordings, repair them with ``raw.interpolate_bads()``.
        name : str, default=""
            Name of the data set.

        Returns
        -------
        trials : Trials
            ``X`` is float32, in microvolts, of EEG channels. ``metadata`` gains the missing columns
            among ``recording`` (a number), ``trial``, ``onset`` (first sample of the trial, in
            seconds from the start of its recording), ``reference_onset`` (likewise, unless the
            reference is another recording) and, if the files name it, ``subject``.

        Raises
        ------
        ValueError
            If recordings differ, a selected event or the annotation for the reference does not
            exist, two events share a sample, a name is a prefix of another (``"film"`` and
            ``"film/1"``) with ``event_id=None``, or no trial is left.

        Warns
        -----
        UserWarning
            If channels marked as bad are dropped, or events too near the edges of their recording,
            if a recording has none of the selected events, or if trials are identical; if only some
            recordings are re-referenced with MNE, if they differ in standard deviation by a factor
            of more than 100, or if it is implausible for EEG in microvolts. Trials that overlap an
            annotation that starts with BAD, or are separated from their event by ``BAD boundary``,
            are dropped without a warning.

        Examples
        --------
        >>> import mne, numpy as np
        >>> info = mne.create_info(["Fp1", "Fp2"], 128, "eeg")
        >>> raws = [mne.io.RawArray(np.zeros((2, 1280)), info, verbose=False) for _ in range(2)]
        >>> for raw in raws:
        ...     _ = raw.set_annotations(mne.Annotations([1, 5], [0, 0], ["rest", "task"]))
        >>> Trials.from_raws(raws, tmin=0, tmax=2, metadata={"subject": [1, 2]})
        <Trials: 4 trials x 2 channels x 256 time points (2 s at 128 Hz), 2 subjects; \
2 rest, 2 task (majority 50 %)>
        """
        if event_id is not None and not isinstance(event_id, dict):
            in_order = sorted if isinstance(event_id, (set, frozenset)) else list
            event_id = [event_id] if np.isscalar(event_id) else in_order(event_id)
        check_option("bads", bads, ("drop", "keep"))
        cuts = cut_recordings(
            raws, tmin, tmax, events, event_id, exclude_bads=bads == "drop", reference=reference
        )
        and_reference = " and its reference" if isinstance(reference, tuple) else ""
        for cut in cuts:
            if cut.channels.bads:
                _warn_of_bads(f"{cut.channels.source}: {cut.channels.bads}")
            if cut.at_edge.any():
                warnings.warn(
                    f"{cut.channels.source}: {cut.at_edge.sum()} of {len(cut.events)} events are "
                    f"too near its edges for a trial from {tmin:g} to {tmax:g} s{and_reference}, "
                    "and are dropped.",
                    stacklevel=2,
                )
        joined = join_cuts(cuts, y, event_id, metadata, are_codes=events is not None)
        _warn_of_unit(joined["X"])
        return warn_of_copies(cls(**joined, name=name))

    @classmethod
    def from_bids(
        cls,
        root: StrPath,
        *,
        task: str,
        tmin: float,
        tmax: float,
        event_id: dict[str, Any] | Sequence[str] | None = None,
        subjects: str | Sequence[str] | None = None,
        sessions: str | Sequence[str] | None = None,
        runs: str | Sequence[str] | None = None,
        reference: tuple[float, float] | str | None = None,
        prepare: Callable[[Any], Any] | None = None,
        bads: Literal["drop", "keep"] = "drop",
        name: str = "",
    ) -> Self:
        """Cut the recordings of a BIDS data set into trials around their events.

        Requires the extra ``bids``. Events are those of the ``events.tsv`` files, named by
        ``trial_type``.

        Parameters
        ----------
        root : str or Path
            Folder of the data set.
        task : str
            Label of the task, the part after ``task-`` in the file names.
        tmin, tmax
            As in :meth:`from_raws`.
        event_id : dict or list, default=None
            Names of the selected events, or a dict from name to label, as in :meth:`from_raws`;
            None selects all. Where a ``trial_type`` has several values in a file, mne-bids names
            its events ``trial_type/value``: both names are accepted.
        subjects, sessions, runs : str or list of str, default=None
            Labels as in the file names, such as ``"01"``; None selects all.
        reference : tuple or str, default=None
            Seconds from the event of each trial, or the name of an event with a duration, as in
            :meth:`from_raws`.
        prepare : callable, default=None
            Function that accepts each ``mne.io.Raw`` and returns the one to cut, such as a filter.
        bads, name
            As in :meth:`from_raws`; ``channels.tsv`` names bad channels.

        Returns
        -------
        trials : Trials
            As from :meth:`from_raws`. Metadata have ``subject``, ``session``, ``run``,
            ``acquisition`` and ``processing``, where file names have them, and the columns of
            ``participants.tsv``; those with a name that this package uses are renamed, as
            ``participant_onset``.

        Raises
        ------
        FileNotFoundError
            If the folder does not exist.
        ValueError
            If no recording matches the selection, two files are of one recording, or MNE-BIDS
            cannot read one, and as :meth:`from_raws`.

        Warns
        -----
        UserWarning
            If recordings of one run differ only in ``acquisition`` or ``processing``, or events
            are outside their recording, and as :meth:`from_raws`.
        """
        selection = {"task": task, "subjects": subjects, "sessions": sessions, "runs": runs}
        paths, metadata = find_recordings(root, selection)
        raws = map(read_recording, paths)
        if prepare is not None:
            raws = (prepare(raw.load_data(verbose="ERROR")) for raw in raws)
        return cls.from_raws(
            raws,
            tmin,
            tmax,
            event_id=event_id,
            metadata=metadata,
            reference=reference,
            bads=bads,
            name=name,
        )

    @classmethod
    def from_braindecode(
        cls, dataset: Any, *, unit: Literal["V", "uV"] = "V", name: str = ""
    ) -> Self:
        """Make trials of the windows of a data set of braindecode.

        Each window is one row. Windows of one trial share its number in ``trial``, by which
        splitters keep them together.

        Parameters
        ----------
        dataset : WindowsDataset or BaseConcatDataset
            Windows with one target each, as from
            ``braindecode.preprocessing.create_windows_from_events``.
        unit : {"V", "uV"}, default="V"
            Unit of the windows. MNE's is volts; ``"uV"`` if a preprocessor multiplied the
            recordings by 1e6, or standardised them.
        name : str, default=""
            Name of the data set.

        Returns
        -------
        trials : Trials
            ``X`` is float32, in microvolts, of EEG channels; ``y`` are the targets; ``sfreq`` and
            ``ch_names`` are those of the recordings, which must agree. The metadata are
            ``recording`` (a number), ``trial``, ``window`` (its number in the trial), ``onset`` (of
            the window, in seconds, unless windows were resampled or cropped), and the description
            of each recording.

        Raises
        ------
        ValueError
            If the data set has no windows, its recordings differ, or the unit is implausible.

        Examples
        --------
        A ``BaseConcatDataset`` of MOABB's data, cut into windows:

        >>> Trials.from_braindecode(windows_dataset)  # doctest: +SKIP
        """
        check_option("unit", unit, ("V", "uV"))
        return cls(**read_windows(dataset, unit), name=name)

    def as_windows(
        self,
        window_size: float = 2.0,
        stride: float | None = None,
        *,
        window_size_samples: int | None = None,
        stride_samples: int | None = None,
    ) -> Self:
        """Return one row per window, for use outside the pipeline.

        Splitters must keep windows of one trial together, by ``groups=windows.metadata["trial"]``
        or coarser. :class:`~skmamba.SlidingWindows` keeps them in one sample.

        Parameters
        ----------
        window_size, stride, window_size_samples, stride_samples
            As in :class:`~skmamba.SlidingWindows`.

        Returns
        -------
        windows : Trials of n_trials * n_windows rows
            Trial by trial. The metadata gain ``window`` (its number in the trial), ``start`` (its
            first sample), and ``trial`` where it was missing.

        Raises
        ------
        ValueError
            If a length is shorter than one sample, trials are shorter than one window, or the
            metadata have only one of the columns ``window`` and ``start``.

        Examples
        --------
        >>> from skmamba.datasets import simulate_trials
        >>> trials = simulate_trials(n_subjects=4, n_trials=5, n_channels=4, n_times=256)
        >>> trials.as_windows(1.0, stride=0.5).X.shape
        (60, 4, 128)
        """
        size, stride_samples = resolve_window(
            window_size, stride, window_size_samples, stride_samples, self.sfreq
        )
        bags = cut_windows(self.X, size, stride_samples)
        n_windows = bags.shape[1]
        window = np.tile(np.arange(n_windows), len(self))
        rows = np.repeat(np.arange(len(self)), n_windows)
        metadata = number_trials(self.metadata).iloc[rows]
        start = window * stride_samples
        if "window" in metadata and "start" in metadata:  # windows of windows, by their trial
            start = start + metadata["start"].to_numpy()  # may be floats
            window = window + n_windows * metadata["window"].to_numpy()
        elif taken := {"window", "start"} & {*metadata}:
            raise ValueError(
                f"metadata must not have a column {taken.pop()!r}, which as_windows adds: rename "
                "it."
            )
        reference: Any = _take(self.reference_data, rows)
        return replace(
            self,
            X=bags.reshape(-1, *bags.shape[2:]),
            y=np.repeat(self.y, n_windows, axis=0),
            metadata=metadata.assign(window=window, start=start),
            reference=reference,
        )


for _name in ("X", "reference"):  # read when needed; in the class, they would be defaults
    setattr(Trials, _name, SelectedArray(_name))


def _operate(trials, name, *others):
    return getattr(trials.X, name)(*others)


for _name in OPERATORS:
    setattr(Trials, f"__{_name}__", partialmethod(_operate, f"__{_name}__"))


def _validate_reference(reference, shape):
    """Return the reference of trials as a Selection."""
    if not isinstance(reference, Selection):
        reference = np.asanyarray(reference)
    n_trials, n_channels, _ = shape
    if reference.ndim != 3 or reference.shape[:2] != (n_trials, n_channels):
        raise ValueError(
            f"reference must have shape (n_trials, n_channels, n_reference_times), with "
            f"{n_trials} trials and {n_channels} channels as X, got {reference.shape}."
        )
    if not reference.shape[2]:
        raise ValueError("reference must have at least one sample, got none.")
    return _as_selection("reference", reference)


def _as_selection(name, array):
    """Return an array of EEG, which is not read and must have real numbers, as a Selection."""
    if isinstance(array, Selection):
        return array
    if array.dtype.kind not in "fiu" or isinstance(array, np.ma.MaskedArray):
        what = "a masked array" if isinstance(array, np.ma.MaskedArray) else array.dtype
        raise ValueError(f"{name} must be an array of real numbers, got {what}.")
    return Selection(array)


def _list_shared(trials):
    """Return the properties that trials must share to be concatenated."""
    reference = trials.reference_data
    return {
        "ch_names": trials.ch_names,
        "sfreq": trials.sfreq,
        "n_times": trials.shape[2],
        "length of reference": None if reference is None else reference.shape[2],
        "number of targets": trials.y.shape[1:],
        "type of labels": "text" if trials.y.dtype.kind in "UO" else "numbers",
        "label_names": trials.label_names,
        "loader_params": trials.loader_params,
    }


def _take(selection, rows):
    """Return rows of a selection, which may be empty, or None."""
    return None if selection is None else selection.take(rows)


def _warn_of_unit(X):
    """Warn if X is not plausible as EEG in microvolts."""
    spread = measure_spread(Selection(X).as_bags())
    if not is_plausible(spread):
        warnings.warn(
            f"X has a standard deviation of {spread:.2g} microvolts, which is implausible for EEG: "
            "MNE requires volts. Scale the recordings or epochs with apply_function.",
            stacklevel=3,
        )


def _warn_of_bads(channels):
    warnings.warn(
        f"{channels} are marked as bad, and dropped; bads='keep' keeps them.", stacklevel=3
    )
