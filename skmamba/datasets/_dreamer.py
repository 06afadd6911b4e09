"""DREAMER: films watched with a consumer headset, and how they felt."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.io import savemat

from .._progress import progress_bar
from .._types import Seed, StrPath
from .._validation import check_option, make_random_state
from ..trials import Trials
from ._arguments import check_numbers
from ._channels import pick_channels
from ._files import DataFormatError, check_array, make_room
from ._mat import describe, read_mat
from ._ratings import binarise
from ._segments import as_float32, check_length, count_points, cut

FILE = "DREAMER.mat"
SFREQ = 128
N_SUBJECTS = 23
CH_NAMES = "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split()
FOUR = "AF3 AF4 F3 F4".split()
EMOTIONS = (
    "calmness surprise amusement fear excitement disgust happiness anger sadness "
    "disgust calmness amusement happiness anger fear excitement sadness surprise"
).split()
SCORES = {"valence": "ScoreValence", "arousal": "ScoreArousal", "dominance": "ScoreDominance"}
PARTS = {
    "Data",
    "Data/*",
    "Data/*/EEG",
    *(f"Data/*/EEG/{which}{part}" for which in ("baseline", "stimuli") for part in ("", "/*")),
    *(f"Data/*/{field}" for field in ("Age", "Gender", *SCORES.values())),
    "EEG_SamplingRate",
    "EEG_Electrodes",
    "EEG_Electrodes/*",
    "noOfSubjects",
    "noOfVideoSequences",
}
BASELINES = ("drop", "subtract", "keep")
MAX_ARRAY_BYTES = 1 << 26  # the longest film has 393 s, 5.6 MB
MAX_BYTES = 3 << 30  # the whole variable has some 2 GB


def load_dreamer(
    path: StrPath,
    target: Literal["valence", "arousal", "dominance"] = "valence",
    *,
    subjects: int | Iterable[int] | None = None,
    picks: Literal["four", "all"] | list[str] | tuple[str, ...] = "four",
    threshold: float | Literal["subject_median"] = 3.0,
    ties: Literal["high", "low", "drop"] = "high",
    baseline: Literal["drop", "subtract", "keep"] = "drop",
    seconds: float | None = 60,
    crop: Literal["last", "first"] = "last",
    verbose: bool | None = None,
) -> Trials:
    """Load DREAMER: 23 people, 18 film clips each, and how they rated them.

    Ask its authors for the files: https://doi.org/10.5281/zenodo.546113. All of it is one file,
    ``DREAMER.mat``; it is read film by film, and only what is wanted is kept.

    ==============  ==========================================================
    subjects        23 (14 male, 9 female)
    trials          414: each subject saw the same 18 clips, 65 to 393 s long
    channels        14, Emotiv EPOC
    sfreq           128 Hz
    labels          valence, arousal, dominance, each 1 to 5 in whole numbers
    baseline        61 s of a neutral film before each clip
    unit            that of the headset, with an offset near 4000 (see Notes)
    licence         for academic use, on request
    ==============  ==========================================================

    Parameters
    ----------
    path : path-like
        ``DREAMER.mat``, or the folder it lies in.
    target : {"valence", "arousal", "dominance"}, default="valence"
        Which rating is the label.
    subjects : int or list of int, default=None
        Numbers from 1 to 23; without them, all in the file.
    picks : "four", "all" or list of str, default="four"
        AF3, AF4, F3 and F4; all 14; or names in the order wanted.
    threshold : float or "subject_median", default=3.0
        Above it a rating is high (1), below it low (0); ``"subject_median"`` is the median of
        each subject's own ratings.
    ties : {"high", "low", "drop"}, default="high"
        What a rating equal to the threshold is. On five whole numbers this decides the classes.
    baseline : {"drop", "subtract", "keep"}, default="drop"
        What becomes of the recording before each clip: it is left out; its mean is subtracted,
        channel by channel, from the clip's recording; or the whole of it stands before the
        clip's, in one trial.
    seconds : float, default=60
        How much of each clip's recording to take; None takes as much as the shortest has.
    crop : {"last", "first"}, default="last"
        From which end.
    progress : bool, default=False
        Whether to draw a bar.

    Returns
    -------
    trials : Trials
        ``X`` is float32. Metadata: ``subject``, ``session`` (1), ``trial`` (the same number
        whatever is selected), ``stimulus`` (1 to 18, the same clips for all), ``emotion`` (what
        the clip was chosen to evoke), the three ratings, and ``age`` and ``gender`` as the file
        has them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataFormatError
        If the file is not what it should be; nothing is loaded then.
    ValueError
        If an argument is none of the above, or ``seconds`` more than the shortest clip has.

    Notes
    -----
    The default four channels, the length, the threshold and the rule for ties are our choices.
    The headset has neither Fp1 nor Fp2, so four frontal electrodes stand in for the Fp1, Fp2,
    AF3 and AF4 of other data sets. Libraries differ on ratings of 3: some call them low, some
    high.

    The values are those in the file. It does not name their unit; with their offset near 4000
    they look like the headset's own output, so remove each channel's mean (``baseline=
    "subtract"``, or a later step) before comparing with data in microvolt.

    References
    ----------
    .. [1] Katsigiannis and Ramzan, "DREAMER: A Database for Emotion Recognition Through EEG and
       ECG Signals From Wireless Low-cost Off-the-Shelf Devices", IEEE Journal of Biomedical and
       Health Informatics 2018, 22(1):98-107, doi 10.1109/JBHI.2017.2688239.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = write_fake_dreamer(folder, n_subjects=2, seconds=2, baseline_seconds=1)
    ...     load_dreamer(path, "arousal", seconds=2).X.shape
    (36, 4, 256)
    """
    check_option("target", target, SCORES)
    check_option("baseline", baseline, BASELINES)
    check_option("crop", crop, ("last", "first"))
    binarise(np.zeros(0), np.zeros(0), threshold, ties)
    subjects = check_numbers("subjects", subjects, N_SUBJECTS)
    picks = pick_channels(picks, CH_NAMES, FOUR)
    n_points = count_points(seconds, SFREQ)
    path = Path(path)
    if path.is_dir():
        path = path / FILE
    if not path.exists():
        raise FileNotFoundError(f"path must be {FILE} or its folder: there is no {path}.")

    reading = _Reading(path, subjects, picks, baseline, n_points, crop)
    content = reading.run(verbose)
    read = _check_content(path, content, subjects, baseline)
    check_length(seconds, n_points or 0, *min(reading.lengths), SFREQ)
    if n_points is None:
        n_points = min(reading.lengths)[0]
    people = content["Data"]
    n_films = int(_number(content["noOfVideoSequences"]))
    films = [(subject, i) for subject in read for i in range(n_films)]
    metadata = pd.DataFrame([_describe_trial(people[s - 1], s, i) for s, i in films])
    y, keep = binarise(metadata[target].to_numpy(), metadata["subject"].to_numpy(), threshold, ties)
    if not keep.any():
        raise ValueError(f"ties='drop' leaves no trial: each rating of {target} is {threshold}.")
    return Trials(
        X=np.stack(
            [
                _recording(people[subject - 1]["EEG"], i, baseline, n_points, crop)
                for (subject, i), kept in zip(films, keep, strict=True)
                if kept
            ]
        ),
        y=y[keep],
        metadata=metadata[keep],
        sfreq=SFREQ,
        ch_names=[CH_NAMES[i] for i in picks],
        label_names={0: "low", 1: "high"},
        name="DREAMER",
        loader_params={
            "target": target,
            "threshold": threshold,
            "ties": ties,
            "baseline": baseline,
            "seconds": seconds,
            "crop": crop,
        },
    )


def _recording(eeg, i, baseline, n_points, crop):
    """Take film ``i`` in the wanted length, with what is wanted of its baseline."""
    film = cut(eeg["stimuli"][i], n_points, crop)
    if baseline == "subtract":
        return film - eeg["baseline"][i]
    if baseline == "keep":
        return np.concatenate([eeg["baseline"][i], film], axis=1)
    return film


def _describe_trial(person, subject, i):
    """Make the row of metadata of film ``i``."""
    return {
        "subject": subject,
        "session": 1,
        "trial": (subject - 1) * len(EMOTIONS) + i,
        "stimulus": i + 1,
        "emotion": EMOTIONS[i],
        **{name: int(person[field].flat[i]) for name, field in SCORES.items()},
        "age": _plain(person["Age"]),
        "gender": _plain(person["Gender"]),
    }


class _Reading:
    """One pass through the file: what is kept, and each recording cut when it comes."""

    def __init__(self, path, subjects, picks, baseline, n_points, crop):
        self.path, self.subjects, self.picks = path, subjects, picks
        self.baseline, self.n_points, self.crop = baseline, n_points, crop
        self.lengths: list[tuple[int, str]] = []

    def run(self, verbose):
        total = None if self.subjects is None else len(self.subjects)
        with progress_bar(total=total, unit="subject", verbose=verbose) as self.bar:
            return read_mat(
                self.path,
                ["DREAMER"],
                convert=self.convert,
                wanted=self.wanted,
                max_array_bytes=MAX_ARRAY_BYTES,
                max_bytes=MAX_BYTES,
            )["DREAMER"]

    def wanted(self, where):
        numbers = [step for step in where if isinstance(step, int)]
        part = "/".join("*" if isinstance(step, int) else step for step in where[1:])
        if part not in PARTS or max(numbers, default=0) >= N_SUBJECTS:
            return False
        if "baseline" in where and self.baseline == "drop":
            return False
        if part == "Data/*":
            read = self.subjects is None or numbers[0] + 1 in self.subjects
            self.bar.update(read)
            return read
        return True

    def convert(self, where, array):
        match where[1:]:
            case ("Data", subject, "EEG", "stimuli", film):
                return self._film(f"film {film + 1} of subject {subject + 1}", array)
            case ("Data", subject, "EEG", "baseline", film):
                what = f"the baseline of film {film + 1} of subject {subject + 1}"
                return self._before(what, array)
        if array.size > len(EMOTIONS):
            raise DataFormatError(self.path, describe(where), f"numbers of shape {array.shape}")
        return array

    def _picked(self, what, array):
        check_array(self.path, what, array, (None, len(CH_NAMES)))
        if not len(array):
            raise DataFormatError(self.path, f"{what} with time points", "none")
        return array.T[self.picks]

    def _before(self, what, array):
        picked = as_float32(self.path, what, self._picked(what, array))
        if self.baseline == "subtract":
            return picked.mean(axis=1, dtype=float, keepdims=True).astype("float32")
        return picked

    def _film(self, what, array):
        picked = self._picked(what, array)
        self.lengths.append((len(array), what))
        n_points = self.n_points or len(array)
        if len(array) < n_points:  # the error comes when the shortest is known
            return np.zeros((len(self.picks), 0), dtype="float32")
        return as_float32(self.path, what, cut(picked, n_points, self.crop))


def _check_content(path, content, subjects, baseline):
    """Check what is not a recording, and say which subjects were read."""

    def fail(expected, came):
        raise DataFormatError(path, expected, came)

    fields = ("Data", "EEG_SamplingRate", "EEG_Electrodes", "noOfSubjects", "noOfVideoSequences")
    if not isinstance(content, dict) or not set(fields) <= set(content):
        came = ", ".join(content) if isinstance(content, dict) else type(content).__name__
        fail(f"DREAMER as a struct of {', '.join(fields)}", came)
    if _number(content["EEG_SamplingRate"]) != SFREQ:
        fail(f"an EEG_SamplingRate of {SFREQ}", _short(content["EEG_SamplingRate"]))
    electrodes = content["EEG_Electrodes"]
    if electrodes != CH_NAMES:
        fail(f"the EEG_Electrodes {' '.join(CH_NAMES)}", _short(electrodes))
    n_subjects, n_films = (_number(content[field]) for field in fields[3:])
    if n_subjects not in range(1, N_SUBJECTS + 1):
        fail(f"noOfSubjects of 1 to {N_SUBJECTS}", _short(content["noOfSubjects"]))
    if n_films not in range(1, len(EMOTIONS) + 1):
        fail(f"noOfVideoSequences of 1 to {len(EMOTIONS)}", _short(content["noOfVideoSequences"]))
    people = content["Data"]
    if not isinstance(people, list) or len(people) != n_subjects:
        fail(f"Data of {n_subjects:g} subjects, as noOfSubjects says", _short(people))
    if subjects is not None and subjects[-1] > n_subjects:
        raise ValueError(
            f"subjects: there is no {subjects[-1]} in {path}, which has 1 to {n_subjects:g}."
        )
    read = subjects or range(1, len(people) + 1)
    for subject in read:
        _check_person(fail, subject, people[subject - 1], int(n_films), baseline)
    if baseline == "keep":
        before = [part for subject in read for part in people[subject - 1]["EEG"]["baseline"]]
        if len({part.shape for part in before}) > 1:
            lengths = sorted({part.shape[1] for part in before})
            fail("baselines of one length", f"{lengths[0]} to {lengths[-1]} time points")
    return read


def _check_person(fail, subject, person, n_films, baseline):
    fields = ("Age", "Gender", "EEG", *SCORES.values())
    if not isinstance(person, dict) or not set(fields) <= set(person):
        fail(f"subject {subject} as a struct of {', '.join(fields)}", _short(person))
    eeg = person["EEG"] if isinstance(person["EEG"], dict) else {}
    for which in ("stimuli",) if baseline == "drop" else ("stimuli", "baseline"):
        recordings: Any = eeg.get(which)
        if not isinstance(recordings, list) or len(recordings) != n_films:
            fail(
                f"{which} of subject {subject} with {n_films} recordings, as noOfVideoSequences "
                "says",
                _short(recordings),
            )
        for i, recording in enumerate(recordings):
            if not isinstance(recording, np.ndarray):
                fail(f"film {i + 1} of subject {subject} as numbers", _short(recording))
    for name, field in SCORES.items():
        scores = person[field]
        whole = isinstance(scores, np.ndarray) and scores.shape in {(n_films, 1), (1, n_films)}
        if not whole:
            fail(f"{field} of subject {subject} with {n_films} numbers", _short(scores))
        bad = np.flatnonzero(~np.isin(scores, range(1, 6)))
        if len(bad):
            fail(
                f"{name} of film {bad[0] + 1} of subject {subject} in whole numbers from 1 to 5",
                f"{scores.ravel()[bad[0]]:g}",
            )
    for field in ("Age", "Gender"):
        if not isinstance(person[field], str) and _number(person[field]) is None:
            fail(f"{field} of subject {subject}", _short(person[field]))


def _number(value):
    """Take the number out of an array of one; None if it is no such thing."""
    return value.item() if isinstance(value, np.ndarray) and value.size == 1 else None


def _plain(value):
    """Text, or the number in an array of one."""
    return value if isinstance(value, str) else _number(value)


def _short(value):
    """Say what came, in few words."""
    if isinstance(value, list) and not all(isinstance(part, str) for part in value):
        return f"{len(value)} elements"
    if isinstance(value, dict):
        return f"a struct of {', '.join(value)}"[:200]
    return " ".join(str(value).split())[:200]


def write_fake_dreamer(
    path: StrPath,
    *,
    n_subjects: int = 2,
    n_films: int = 18,
    seconds: float = 62,
    baseline_seconds: float = 61,
    compress: bool = True,
    random_state: Seed = 0,
) -> Path:
    """Write noise in the layout of DREAMER, to try out what reads it.

    Parameters
    ----------
    path : path-like
        Folder for ``DREAMER.mat``; made if it is not there.
    n_subjects : int, default=2
        Number of people, up to 23.
    n_films : int, default=18
        Number of clips, up to 18.
    seconds : float, default=62
        Length of the shortest clips; others are one and two seconds longer.
    baseline_seconds : float, default=61
        Length of the recording before each.
    compress : bool, default=True
        Whether the file is compressed, as the true one is.
    random_state : int, RandomState instance or None, default=0
        Seed; None takes fresh entropy.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    ValueError
        If a number is out of its range.
    FileExistsError
        If one of the files is there already: none is overwritten, and none is written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_fake_dreamer(folder, n_subjects=1, seconds=1, baseline_seconds=1).name
    'DREAMER.mat'
    """
    if not 1 <= n_subjects <= N_SUBJECTS or not 1 <= n_films <= len(EMOTIONS):
        raise ValueError(
            f"n_subjects must be 1 to {N_SUBJECTS} and n_films 1 to {len(EMOTIONS)}, "
            f"got {n_subjects!r} and {n_films!r}."
        )
    path = Path(path) / FILE
    make_room([path])
    rng = make_random_state(random_state)

    def recordings(durations, sfreq, n_channels, offset):
        return _cells(
            [
                # whole steps of the headset's converter, which compress like its own
                offset + 0.5 * rng.randint(-60, 60, size=(round(s * sfreq), n_channels))
                for s in durations
            ]
        ).T

    def signals(sfreq, n_channels, offset):
        return {
            "baseline": recordings([baseline_seconds] * n_films, sfreq, n_channels, offset),
            "stimuli": recordings(
                [seconds + i % 3 for i in range(n_films)], sfreq, n_channels, offset
            ),
        }

    people = []
    for i in range(n_subjects):
        scores = rng.randint(1, 6, size=(len(SCORES), n_films, 1)).astype(float)
        people.append(
            {
                "Age": str(22 + i % 12),
                "Gender": "male" if i % 2 == 0 else "female",
                "EEG": signals(SFREQ, len(CH_NAMES), 4000.0),
                "ECG": signals(2 * SFREQ, 2, 2000.0),
                **dict(zip(SCORES.values(), scores, strict=True)),
            }
        )
    content = {
        "Data": _cells(people),
        "EEG_SamplingRate": float(SFREQ),
        "ECG_SamplingRate": 2.0 * SFREQ,
        "EEG_Electrodes": _cells(CH_NAMES),
        "noOfSubjects": float(n_subjects),
        "noOfVideoSequences": float(n_films),
        "Disclaimer": "Noise in the layout of DREAMER.",
        "Provider": "skmamba",
        "Version": "1.0.2",
        "Acknowledgement": "None: nobody was recorded.",
    }
    savemat(path, {"DREAMER": content}, do_compression=compress)
    return path


def _cells(parts):
    """Make a cell array of one row."""
    cells = np.empty((1, len(parts)), dtype=object)
    for i, part in enumerate(parts):
        cells[0, i] = part
    return cells
