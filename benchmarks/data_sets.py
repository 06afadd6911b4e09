"""Data sets of the benchmarks and their protocols.

EEGMAT is part of the package. The other data sets are read from one folder. It contains the
published files of Sequence-Learning (https://github.com/MikeMpapa/EEG-Dataset--Sequence-Learning)
in ``EEG_DATA``, of SSVEP-exoskeleton (https://github.com/sylvchev/dataset-ssvep-exoskeleton) in
``ssvep-exo``, and of EEGMMIDB (https://physionet.org/content/eegmmidb/1.0.0/) in ``eegmmidb``, with
one folder for each subject; all must have the same sampling rate. ``eeg-notebooks_v0.1`` is a clone
of the recordings of a headband (https://github.com/NeuroTechX/eeg-notebooks_v0.1), and ``bi2012``
has ``subject_01_session_01.npz`` of https://doi.org/10.5281/zenodo.2649006 in NY format
(https://github.com/Marco-Congedo/Eegle.jl, ``data_examples/P300``).

One packed file may replace each of the first two data sets. ``sequence_learning.npz`` has ``x``
(4, n_samples) in 0.1 microvolt, ``offset``, ``subject``, ``session``, ``round``,
``duration_level``, ``sfreq`` and ``ch_names``. ``ssvep_exo.npz`` has ``X`` (n_trials, 8, n_times)
in ``unit_uv`` microvolts, ``y``, ``subject``, ``sfreq`` and ``ch_names``. The scores in the
documentation are from packed files of the subjects below. In that of SSVEP-exoskeleton, trials were
filtered one by one, and two recordings are missing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import mne
import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut

from skmamba import Trials, load_eegmat, make_models
from skmamba.datasets import (
    load_sequence_learning,
    load_ssvep_exo,
    read_raw_csv,
    simulate_trials,
)
from skmamba.evaluation import CrossSubjectSplit, WithinSubjectSplit

MODELS = ["MS-iMamba", "EEGNet", "ShallowFBCSPNet", "band-power-LDA", "tangent-space-LR"]
# Subjects of the scores in the documentation, on whom the default of MS-iMamba was chosen.
SEQUENCE_SUBJECTS = [
    *(1, 2, 4, 5, 6, 7, 9, 12, 13, 14, 15, 17, 20, 21, 25, 26, 27, 30, 31, 33, 34, 36, 38, 39),
    *(40, 41, 43, 45, 46, 47, 48, 49, 50, 52, 53, 54, 56, 57, 58, 60, 62, 63, 65, 66, 67, 69),
]
SSVEP_SUBJECTS = [2, 4, 5, 6, 7, 10, 11, 12]
MOTOR_RUNS = {  # of each subject of EEGMMIDB
    "fists, moved": (3, 7, 11),
    "fists, imagined": (4, 8, 12),
    "fists or feet, moved": (5, 9, 13),
    "fists or feet, imagined": (6, 10, 14),
}
HEADBAND_TASKS = {  # folder of each task of eeg-notebooks, start and end of its trials in seconds
    "faces or houses (N170)": ("visual/N170", 0, 0.8),
    "left or right visual field": ("visual/left-right", 0, 0.8),
    "visual oddball (P300)": ("visual/P300", 0, 0.8),
    "auditory oddball (P300)": ("auditory/P300", 0, 0.8),
    "go or no-go": ("visual/go_no_go", 0, 0.8),
    "two flicker rates (SSVEP)": ("visual/SSVEP", 0.5, 3),
    "two modulation rates (SSAEP)": ("auditory/SSAEP", 0.5, 3),
}
HEADBAND_CHANNELS = ["TP9", "AF7", "AF8", "TP10"]
MIN_RECORDINGS, MIN_TRIALS = 3, 100  # of a subject
ODDBALL_CHANNELS = "F7 F3 Fz F4 F8 T7 C3 Cz C4 T8 P7 P3 Pz P4 P8 O1 O2".split()
N_SOURCES = 16  # simulated sources and channels
LENGTH = 6.8  # seconds at the end of each round: the length of a whole round predicts success


def load_sequences(folder):
    """Load the end of each round, with low or high memory load as label."""
    file = folder / "sequence_learning.npz"
    if not file.exists():
        return load_sequence_learning(
            folder / "EEG_DATA", subjects=SEQUENCE_SUBJECTS, seconds=LENGTH
        )
    with np.load(file) as data:
        n_times = int(LENGTH * data["sfreq"])
        rows = pd.DataFrame({name: data[name] for name in ("subject", "session", "round")})
        rows["level"], rows["stop"] = data["duration_level"], data["offset"][1:]
        x, sfreq, ch_names = data["x"], float(data["sfreq"]), data["ch_names"].tolist()
    rows = rows[(np.diff(rows["stop"], prepend=0) >= n_times) & (rows["level"] != 2)]
    rows = rows.sort_values(["subject", "session", "round"], ignore_index=True)
    X = np.stack([x[:, stop - n_times : stop] for stop in rows["stop"]]) * np.float32(0.1)
    return Trials(
        X - X.mean(2, keepdims=True),
        (rows["level"] == 3).to_numpy().astype(int),
        rows[["subject", "session"]].assign(trial=np.arange(len(rows))),
        sfreq,
        ch_names,
        label_names={0: "low load", 1: "high load"},
        name="Sequence-Learning",
    )


def use_first_as_reference(trials, n_trials):
    """Return trials whose reference is the first trials of their subject, which are left out."""
    is_first = trials.metadata.groupby("subject").cumcount().to_numpy() < n_trials
    first, rest = trials[is_first], trials[~is_first]
    joined = {
        subject: np.concatenate(np.asarray(first.select(subject=subject).X), axis=1)
        for subject in first.metadata["subject"].unique()
    }
    return replace(rest, reference=np.stack([joined[name] for name in rest.metadata["subject"]]))


def load_ssvep(folder):
    """Load trials of rest and of three flicker rates."""
    file = folder / "ssvep_exo.npz"
    if not file.exists():
        return load_ssvep_exo(folder / "ssvep-exo", subjects=SSVEP_SUBJECTS)
    with np.load(file) as data:
        X = data["X"].astype(np.float32) * np.float32(data["unit_uv"])
        metadata = pd.DataFrame({"subject": data["subject"], "trial": np.arange(len(X))})
        sfreq, ch_names = float(data["sfreq"]), data["ch_names"].tolist()
        return Trials(X, data["y"].astype(int), metadata, sfreq, ch_names, name="SSVEP-exoskeleton")


def load_motor(runs, folder):
    """Load the first 4 s of the trials of three runs of each subject, filtered from 1 to 40 Hz."""
    files = sorted((folder / "eegmmidb").glob("S*/S*R*.edf"))
    files = [path for path in files if int(path.stem[5:]) in runs]
    raws = (
        mne.io.read_raw_edf(path, preload=True, verbose="ERROR").filter(1, 40, verbose="ERROR")
        for path in files
    )
    metadata = [{"subject": int(path.stem[1:4]), "run": int(path.stem[5:])} for path in files]
    return Trials.from_raws(raws, 0, 4, event_id=["T1", "T2"], metadata=metadata, name="EEGMMIDB")


def load_headband(task, tmin, tmax, folder):
    """Load trials of one task, filtered from 1 to 30 Hz, of subjects with enough of them."""
    files = (folder / "eeg-notebooks_v0.1/data" / task).glob("subject*/session*/*.csv")
    files = {path.name: path for path in sorted(files)}.values()  # one is in two sessions
    raws = (
        read_raw_csv(
            path,
            256,
            HEADBAND_CHANNELS,
            time="timestamps",
            markers=pd.read_csv(path, nrows=0).columns[-1],
        ).filter(1, 30, verbose="ERROR")
        for path in files
    )
    metadata = [{"subject": int(path.parts[-3].removeprefix("subject"))} for path in files]
    event_id = ["1", "2"]
    trials = Trials.from_raws(raws, tmin, tmax, event_id=event_id, metadata=metadata, name=task)
    of_subject = trials.metadata.groupby("subject")["recording"]
    is_enough = of_subject.transform("nunique").ge(MIN_RECORDINGS)
    return trials[(is_enough & of_subject.transform("size").ge(MIN_TRIALS)).to_numpy()]


def load_oddball(folder):
    """Load the trials of a visual oddball task in eight blocks, filtered from 1 to 24 Hz."""
    with np.load(folder / "bi2012/subject_01_session_01.npz") as file:
        data, stim = file["data"].T.astype(float), file["stim"]
    info = mne.create_info(ODDBALL_CHANNELS, 128.0, "eeg")
    raw = mne.io.RawArray(1e-6 * data, info, verbose="ERROR").filter(1, 24, verbose="ERROR")
    onsets = np.flatnonzero(stim)
    events = np.column_stack([onsets, np.zeros_like(onsets), stim[onsets]])
    block = np.cumsum(np.diff(onsets, prepend=onsets[0]) > 2 * raw.info["sfreq"])
    metadata = pd.DataFrame({"subject": 1, "block": block})
    return Trials.from_raws([raw], 0, 1, events=[events], metadata=metadata, name="bi2012")


def simulate(signal, effect, folder):
    """Simulate trials of one window whose classes differ in a known signal."""
    n_channels = N_SOURCES if signal == "source" else 4
    return simulate_trials(30, 40, n_channels, n_times=256, signal=signal, effect=effect)


@dataclass(frozen=True)
class DataSet:
    """A data set, how it is split into folds over subjects, and the models' parameters."""

    load: Callable[[Path | None], Trials]
    cv: CrossSubjectSplit | WithinSubjectSplit
    params: dict[str, Any] = field(default_factory=dict)  # of make_models
    balance: bool = True  # whether models weigh classes equally, where classes differ in size
    files: tuple[str, ...] = ()  # names of which the folder must have one

    def is_in(self, folder):
        if not self.files:
            return True
        return folder is not None and any((folder / name).exists() for name in self.files)

    def make_models(self, names, trials, **params):
        models = make_models(names, trials, **self.params | params)
        if self.balance:
            for model in models.values():
                weigh_classes(model, len(np.unique(trials.y)))
        return models


def weigh_classes(model, n_classes):
    """Make a model of :func:`skmamba.make_models` weigh classes equally."""
    if hasattr(model[-1], "class_weight"):
        model[-1].set_params(class_weight="balanced")
        return
    for _, step in model[-1].estimator.steps:
        if isinstance(step, LinearDiscriminantAnalysis):
            step.set_params(priors=np.full(n_classes, 1 / n_classes))
        elif hasattr(step, "class_weight"):
            step.set_params(class_weight="balanced")


DATA_SETS = {
    "EEGMAT": DataSet(
        lambda folder: load_eegmat(), CrossSubjectSplit(), {"picks": "frontal4"}, balance=False
    ),
    "Sequence-Learning": DataSet(
        load_sequences, CrossSubjectSplit(10), files=("sequence_learning.npz", "EEG_DATA")
    ),
    "SSVEP-exoskeleton": DataSet(
        load_ssvep, CrossSubjectSplit(), files=("ssvep_exo.npz", "ssvep-exo")
    ),
}
# Two classes of 45 trials in three runs; a model is trained on two of them, for each subject.
MOTOR = {
    task: DataSet(
        partial(load_motor, runs),
        WithinSubjectSplit(LeaveOneGroupOut(), inner_groups="run"),
        files=("eegmmidb",),
    )
    for task, runs in MOTOR_RUNS.items()
}
# Of each subject, a third of the recordings is tested.
HEADBAND = {
    name: DataSet(
        partial(load_headband, task, tmin, tmax),
        WithinSubjectSplit(GroupKFold(3), inner_groups="recording"),
        {"window_size": min(tmax - tmin, 2.0)},
        files=("eeg-notebooks_v0.1",),
    )
    for name, (task, tmin, tmax) in HEADBAND_TASKS.items()
}
ODDBALL = {
    "visual oddball (P300)": DataSet(
        load_oddball,
        WithinSubjectSplit(GroupKFold(4), inner_groups="block"),
        {"window_size": 1.0},
        files=("bi2012",),
    )
}
# Size of the difference between the classes of each simulated signal.
SIGNALS = {
    **{"strength": 1.5, "agreement": 1.5, "synchrony": 3.0, "slow rhythm": 4.0},
    **{"evoked response": 0.35, "drift": 0.3, "source": 1.5},
}
SIMULATIONS = {
    signal: DataSet(partial(simulate, signal, effect), CrossSubjectSplit(3), balance=False)
    for signal, effect in SIGNALS.items()
}
