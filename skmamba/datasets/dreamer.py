"""Loader of DREAMER."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from .._copies import warn_of_copies
from .._progress import progress_bar
from .._types import StrPath
from .._validation import check_option
from ..trials import Trials
from . import _io
from ._io import DataFormatError
from ._matlab import describe, read_mat

FILE = "DREAMER.mat"
SOURCE = "https://doi.org/10.5281/zenodo.546113"
SFREQ = 128
N_SUBJECTS = 23
CH_NAMES = "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split()
THRESHOLD = 3.0  # the middle of the scale
FOUR = ("AF3", "AF4", "F3", "F4")
EMOTIONS = (
    "calmness surprise amusement fear excitement disgust happiness anger sadness "
    "disgust calmness amusement happiness anger fear excitement sadness surprise"
).split()
DreamerRating: TypeAlias = Literal["valence", "arousal", "dominance"]
SCORES = {"valence": "ScoreValence", "arousal": "ScoreArousal", "dominance": "ScoreDominance"}
FIELDS = ("Data", "EEG_SamplingRate", "EEG_Electrodes", "noOfSubjects", "noOfVideoSequences")
SUBJECT_FIELDS = ("Age", "Gender", "EEG", *SCORES.values())
NUMBER = (int, float)  # an array of one number is read as one
WHOLE_BASELINES = ("keep", "reference")
WANTED = {*FIELDS, *SUBJECT_FIELDS, "stimuli", "baseline"}
MAX_ARRAY_BYTES = 1 << 26  # the longest film has 393 s, 5.6 MB
MAX_BYTES = 3 << 30  # the whole variable has about 2 GB


def load_dreamer(
    path: StrPath,
    target: DreamerRating | Sequence[DreamerRating] = "valence",
    *,
    subjects: int | Iterable[int] | None = None,
    picks: Literal["four", "all"] | list[str] | tuple[str, ...] = "four",
    threshold: float | Literal["subject_median"] = THRESHOLD,
    ties: Literal["high", "low", "drop"] = "high",
    baseline: Literal["drop", "subtract", "keep", "reference"] = "drop",
    seconds: float | None = 60,
    crop: Literal["last", "first"] = "last",
    verbose: bool | None = None,
) -> Trials:
    """Load DREAMER: 23 subjects watch and rate 18 films of 65 to 393 s.

    The file is available from the authors on request: https://doi.org/10.5281/zenodo.546113.
    Its content, choices and pitfalls are described in the user guide.

    Parameters
    ----------
    path : path-like
        ``DREAMER.mat`` or its folder.
    target : {"valence", "arousal", "dominance"} or list of them, default="valence"
        Rating, an integer from 1 to 5, that becomes the label, low or high. With a list, such as
        ``["valence", "arousal"]``, ``y`` has the ratings themselves, shape (n_trials, n_targets),
        for regressors.
    subjects : int or list of int, default=None
        Numbers from 1 to 23; None loads all in the file.
    picks : "four", "all" or list of str, default="four"
        ``"four"``: AF3, AF4, F3 and F4. ``"all"``: the 14 channels in the order of the file.
    threshold : float or "subject_median", default=3.0
        As in :func:`load_deap`.
    ties : {"high", "low", "drop"}, default="high"
        As in :func:`load_deap`.
    baseline : {"drop", "subtract", "keep", "reference"}, default="drop"
        Use of the 61 s of a neutral film before each film: ``"drop"`` excludes them,
        ``"subtract"`` subtracts their mean from each channel, ``"keep"`` puts them before the
        film, in the same trial, ``"reference"`` returns them as ``reference`` of the trial.
    seconds : float, default=60
        Duration of each film to return, in seconds; None returns the length of the shortest.
    crop : {"last", "first"}, default="last"
        Which end of the film to return.
    verbose : bool, default=None
        Whether to show a progress bar; None shows it if stderr is a terminal.

    Returns
    -------
    trials : Trials
        ``X`` of shape (n_trials, n_channels, n_times), float32, in the unit of the file, with an
        offset near 4000, 128 Hz. Metadata: ``subject``, ``session`` (1), ``trial`` (independent of
        the selection), ``stimulus`` (1 to 18, the same film for all subjects), ``emotion`` (which
        the film was chosen to elicit), the three ratings, ``age`` and ``gender``.

    Raises
    ------
    FileNotFoundError, DataFormatError, ValueError
        As in :func:`load_deap`: nothing is loaded.

    References
    ----------
    .. [1] Katsigiannis and Ramzan, "DREAMER: A Database for Emotion Recognition Through EEG and
       ECG Signals From Wireless Low-cost Off-the-Shelf Devices", IEEE Journal of Biomedical and
       Health Informatics 2018, 22(1):98-107, doi 10.1109/JBHI.2017.2688239.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skmamba.datasets import load_dreamer, write_fake_dreamer
    >>> with TemporaryDirectory() as folder:
    ...     path = write_fake_dreamer(folder, n_subjects=2, seconds=2, baseline_seconds=1)
    ...     load_dreamer(path, "arousal", seconds=2).X.shape
    (36, 4, 256)
    """
    rule = _io.check_rule(target, threshold, ties, THRESHOLD, SCORES)
    check_option("baseline", baseline, _io.BASELINES)
    check_option("crop", crop, _io.CROPS)
    subjects = _io.check_numbers("subjects", subjects, N_SUBJECTS)
    picks = _io.pick_indices(picks, CH_NAMES, FOUR)
    n_times = _io.count_times(seconds, SFREQ)
    path = Path(path) / FILE if Path(path).is_dir() else Path(path)
    if not path.exists():
        _io.fail_missing(f"be {FILE} or its folder", path, SOURCE)

    content, lengths = _read(path, subjects, picks, baseline, n_times, crop, verbose)
    read = _check_content(path, content, subjects, baseline)
    shortest, film = min(lengths)
    _io.check_length(seconds, n_times or 0, shortest, film, SFREQ)
    n_times = n_times or shortest
    data, n_films = content["Data"], int(content["noOfVideoSequences"])
    films = [(s, i) for s in read for i in range(n_films)]
    metadata = pd.DataFrame([_make_row(data[s - 1], s, i) for s, i in films])
    y, keep, label_names = _io.make_labels(metadata, rule, THRESHOLD)
    kept = [(data[s - 1]["EEG"], i) for (s, i), is_kept in zip(films, keep, strict=True) if is_kept]
    has_reference = baseline == "reference"
    joined = (_join(eeg, i, baseline, n_times, crop) for eeg, i in kept)
    shape = _join(*kept[0], baseline, n_times, crop).shape
    trials = Trials(
        X=np.fromiter(joined, np.dtype(("f4", shape)), len(kept)),  # one film at a time
        y=y[keep],
        metadata=metadata[keep],
        sfreq=SFREQ,
        ch_names=[CH_NAMES[i] for i in picks],
        label_names=label_names,
        name=_io.name_with_target("DREAMER", target),
        loader_params=rule | {"baseline": baseline, "seconds": seconds, "crop": crop},
        reference=np.stack([eeg["baseline"][i] for eeg, i in kept]) if has_reference else None,
    )
    return warn_of_copies(trials)


def _join(eeg, i, baseline, n_times, crop):
    """Return film ``i`` in the requested length, with its baseline where requested."""
    film = _io.crop_film(eeg["stimuli"][i], n_times, crop)
    if baseline == "subtract":
        return film - eeg["baseline"][i]
    if baseline == "keep":
        return np.concatenate([eeg["baseline"][i], film], axis=1)
    return film


def _make_row(subject, number, i):
    """Return the metadata of film ``i``."""
    return {
        "subject": number,
        "session": 1,
        "trial": (number - 1) * len(EMOTIONS) + i,
        "stimulus": i + 1,
        "emotion": EMOTIONS[i],
        **{name: int(np.ravel(subject[field])[i]) for name, field in SCORES.items()},
        "age": subject["Age"],
        "gender": subject["Gender"],
    }


def _read(path, subjects, picks, baseline, n_times, crop, verbose):
    """Return the variable and the lengths of films; each recording is cropped once it is read."""
    lengths: list[tuple[int, str]] = []

    def is_wanted(where):
        fields = {step for step in where[1:] if isinstance(step, str)}
        numbers = [step for step in where if isinstance(step, int)]
        if not fields <= WANTED or max(numbers, default=0) >= N_SUBJECTS:
            return False
        if where[1] == "Data" and len(where) == 3:
            is_selected = subjects is None or numbers[0] + 1 in subjects
            bar.update(is_selected)
            return is_selected
        return "baseline" not in fields or baseline != "drop"

    def convert(where, array):
        match where[1:]:
            case ("Data", int(subject), "EEG", "stimuli" | "baseline" as which, int(film)):
                name = f"film {film + 1} of subject {subject + 1}"
            case _ if array.size > len(EMOTIONS):
                raise DataFormatError(path, describe(where), f"numbers of shape {array.shape}")
            case _:
                return array.item() if array.size == 1 else array
        is_film = which == "stimuli"
        name = name if is_film else f"the baseline of {name}"
        _io.check_shape(path, name, array, (None, len(CH_NAMES)))
        if not len(array):
            raise DataFormatError(path, f"{name} with time points", "none")
        recording = array.T[picks]
        if is_film:
            lengths.append((len(array), name))
            recording = _io.crop_film(recording, min(n_times or len(array), len(array)), crop)
        recording = _io.as_float32(path, name, recording)
        if is_film or baseline in WHOLE_BASELINES:
            return recording
        return recording.mean(axis=1, dtype=float, keepdims=True).astype("float32")

    n_subjects = None if subjects is None else len(subjects)
    with progress_bar(total=n_subjects, unit="subject", verbose=verbose) as bar:
        limits = {"max_array_bytes": MAX_ARRAY_BYTES, "max_bytes": MAX_BYTES}
        variables = read_mat(path, ["DREAMER"], convert=convert, wanted=is_wanted, **limits)
    return variables["DREAMER"], lengths


def _check_content(path, content, subjects, baseline):
    """Validate all that is not a recording; return the numbers of the subjects read."""

    def require(condition, expected, got):
        if not condition:
            raise DataFormatError(path, expected, _shorten(got))

    def require_struct(name, value, fields):
        is_struct = isinstance(value, dict) and set(fields) <= set(value)
        require(is_struct, f"{name} as a struct of {', '.join(fields)}", value)

    require_struct("DREAMER", content, FIELDS)
    data, sfreq, electrodes, n_subjects, n_films = (content[field] for field in FIELDS)
    is_rate = isinstance(sfreq, NUMBER) and sfreq == SFREQ
    require(is_rate, f"an EEG_SamplingRate of {SFREQ}", sfreq)
    require(electrodes == CH_NAMES, f"the EEG_Electrodes {' '.join(CH_NAMES)}", electrodes)
    for name, value, maximum in (
        ("noOfSubjects", n_subjects, N_SUBJECTS),
        ("noOfVideoSequences", n_films, len(EMOTIONS)),
    ):
        in_range = isinstance(value, NUMBER) and value in range(1, maximum + 1)
        require(in_range, f"{name} from 1 to {maximum}", value)
    n_subjects, n_films = int(n_subjects), int(n_films)
    is_cell = isinstance(data, list) and len(data) == n_subjects
    require(is_cell, f"Data of {n_subjects} subjects, as in noOfSubjects", data)
    read = sorted(subjects or range(1, n_subjects + 1))
    if read[-1] > n_subjects:
        raise ValueError(f"subjects must be from 1 to {n_subjects} for {path}, got {read[-1]}.")
    for number in read:
        require_struct(f"subject {number}", data[number - 1], SUBJECT_FIELDS)
        _check_subject(require, f"subject {number}", data[number - 1], n_films, baseline)
    if baseline in WHOLE_BASELINES:
        lengths = {part.shape[1] for s in read for part in data[s - 1]["EEG"]["baseline"]}
        got = f"{min(lengths)} to {max(lengths)} time points"
        require(len(lengths) == 1, "baselines of one length", got)
    return read


def _check_subject(require, name, subject, n_films, baseline):
    eeg = subject["EEG"] if isinstance(subject["EEG"], dict) else {}
    for which in ("stimuli",) if baseline == "drop" else ("stimuli", "baseline"):
        films: Any = eeg.get(which)
        is_cell = isinstance(films, list) and len(films) == n_films
        expected = f"{which} of {name} with {n_films} recordings, as in noOfVideoSequences"
        require(is_cell, expected, films)
        for i, film in enumerate(films):
            require(isinstance(film, np.ndarray), f"film {i + 1} of {name} as numbers", film)
    for rating, field in SCORES.items():
        scores = subject[field]
        is_list = isinstance(scores, (*NUMBER, np.ndarray))
        is_list = is_list and np.atleast_2d(scores).shape in {(n_films, 1), (1, n_films)}
        require(is_list, f"{field} of {name} with {n_films} numbers", scores)
        for i, score in enumerate(np.ravel(scores)):
            expected = f"{rating} of film {i + 1} of {name} as an integer from 1 to 5"
            require(score in range(1, 6), expected, f"{score:g}")
    for field in ("Age", "Gender"):
        require(isinstance(subject[field], (*NUMBER, str)), f"{field} of {name}", subject[field])


def _shorten(value):
    """Describe a value in at most 200 characters."""
    if isinstance(value, dict):
        value = f"a struct of {', '.join(value)}"
    elif isinstance(value, list) and not all(isinstance(part, str) for part in value):
        value = f"a cell of {len(value)}"
    return " ".join(str(value).split())[:200]
