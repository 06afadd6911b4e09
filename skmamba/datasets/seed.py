"""Loaders of SEED and SEED-IV."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from .._copies import warn_of_copies
from .._types import StrPath
from .._validation import check_option
from ..trials import Trials
from . import _io
from ._io import DataFormatError
from ._matlab import list_mat, read_mat

SOURCE = "https://bcmi.sjtu.edu.cn/home/seed/"
SFREQ = 200
N_SUBJECTS, N_SESSIONS = 15, 3
CH_NAMES = (
    "Fp1 Fpz Fp2 AF3 AF4 F7 F5 F3 F1 Fz F2 F4 F6 F8 FT7 FC5 FC3 FC1 FCz FC2 FC4 FC6 FT8 "
    "T7 C5 C3 C1 Cz C2 C4 C6 T8 TP7 CP5 CP3 CP1 CPz CP2 CP4 CP6 TP8 "
    "P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO5 PO3 POz PO4 PO6 PO8 CB1 O1 Oz O2 CB2"
).split()
FOUR = ("Fp1", "Fp2", "AF3", "AF4")
MAX_ARRAY_BYTES = 1 << 26  # the longest film has 265 s, 26 MB
MAX_BYTES = 1 << 29  # a file has 340 MB of numbers
FILE_NAME = r"(?i)(\d{1,2})_(\d{8})\.mat"
LABELS = (1, 0, -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 0, 1, -1)
LABEL_NAMES = {-1: "negative", 0: "neutral", 1: "positive"}
DATES = np.reshape(  # of the sessions of each subject
    (
        "20131027 20131030 20131107 20140404 20140413 20140419 20140603 20140611 20140629 "
        "20140621 20140702 20140705 20140411 20140418 20140506 20130712 20131016 20131113 "
        "20131027 20131030 20131106 20140511 20140514 20140521 20140620 20140627 20140704 "
        "20131130 20131204 20131211 20140618 20140625 20140630 20131127 20131201 20131207 "
        "20140527 20140603 20140610 20140601 20140615 20140627 20130709 20131016 20131105"
    ).split(),
    (N_SUBJECTS, N_SESSIONS),
).tolist()
IV_LABELS = (
    (1, 2, 3, 0, 2, 0, 0, 1, 0, 1, 2, 1, 1, 1, 2, 3, 2, 2, 3, 3, 0, 3, 0, 3),
    (2, 1, 3, 0, 0, 2, 0, 2, 3, 3, 2, 3, 2, 0, 1, 1, 2, 1, 0, 3, 0, 1, 3, 1),
    (1, 2, 2, 1, 3, 3, 3, 1, 1, 2, 1, 0, 2, 3, 3, 0, 2, 3, 0, 0, 2, 0, 1, 0),
)
IV_LABEL_NAMES = {0: "neutral", 1: "sad", 2: "fear", 3: "happy"}


def load_seed(
    path: StrPath,
    *,
    subjects: int | Iterable[int] | None = None,
    sessions: int | Iterable[int] | None = None,
    picks: Literal["four", "all"] | list[str] | tuple[str, ...] = "four",
    seconds: float | None = 180,
    crop: Literal["last", "first"] = "last",
    n_jobs: int | None = 1,
    verbose: bool | None = None,
) -> Trials:
    """Load SEED: 15 subjects watch the same 15 films of 185 to 265 s in three sessions.

    The files are available from the authors on request: https://bcmi.sjtu.edu.cn/home/seed/.
    Files, choices and pitfalls are described in the user guide.

    Parameters
    ----------
    path : path-like
        ``Preprocessed_EEG`` (``1_20131027.mat`` to ``15_20131105.mat``) or its parent.
    subjects : int or list of int, default=None
        Numbers from 1 to 15; None loads all that are present.
    sessions : int or list of int, default=None
        Numbers from 1 to 3; None loads all that are present.
    picks : "four", "all" or list of str, default="four"
        ``"four"``: Fp1, Fp2, AF3 and AF4, as in the MS-iMamba paper. ``"all"``: the 62 channels in
        the order of the file.
    seconds : float, default=180
        Duration of each film to return, in seconds; None returns the length of the shortest.
    crop : {"last", "first"}, default="last"
        Which end of the film to return.
    n_jobs, verbose
        As in :func:`load_deap`.

    Returns
    -------
    trials : Trials
        ``X`` of shape (n_trials, n_channels, n_times), float32, in the unit of the files, assumed
        to be microvolts, 200 Hz. Labels: negative (-1), neutral (0), positive (1). Metadata:
        ``subject``, ``session`` (1 to 3, in the order of dates), ``date``, ``trial`` (independent
        of the selection) and ``stimulus`` (1 to 15, the same films in each session).

    Raises
    ------
    FileNotFoundError, DataFormatError, ValueError
        As in :func:`load_deap`: nothing is loaded.

    References
    ----------
    .. [1] Zheng and Lu, "Investigating Critical Frequency Bands and Channels for EEG-Based
       Emotion Recognition with Deep Neural Networks", IEEE Transactions on Autonomous Mental
       Development 2015, 7(3):162-175, doi 10.1109/TAMD.2015.2431497.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skmamba.datasets import load_seed, write_fake_seed
    >>> with TemporaryDirectory() as folder:
    ...     write_fake_seed(folder, n_subjects=1, n_sessions=1, seconds=1)
    ...     load_seed(folder, seconds=1)
    <Trials of SEED: 15 trials x 4 channels x 200 time points (1 s at 200 Hz), 1 subject; \
5 negative, 5 neutral, 5 positive (majority 33 %); seconds 1, crop last>
    """
    return _load("SEED", path, subjects, sessions, picks, seconds, crop, n_jobs, verbose)


def load_seed_iv(
    path: StrPath,
    *,
    subjects: int | Iterable[int] | None = None,
    sessions: int | Iterable[int] | None = None,
    picks: Literal["four", "all"] | list[str] | tuple[str, ...] = "four",
    seconds: float | None = 40,
    crop: Literal["last", "first"] = "last",
    n_jobs: int | None = 1,
    verbose: bool | None = None,
) -> Trials:
    """Load SEED-IV: 15 subjects watch 24 films in each of three sessions, 72 in total.

    The files are available from the authors on request: https://bcmi.sjtu.edu.cn/home/seed/.
    Files, choices and pitfalls are described in the user guide.

    Parameters
    ----------
    path : path-like
        ``eeg_raw_data``, which contains one folder per session, or its parent.
    subjects, sessions, crop, n_jobs, verbose
        As in :func:`load_seed`.
    picks : "four", "all" or list of str, default="four"
        ``"four"``: Fp1, Fp2, AF3 and AF4. ``"all"``: the 62 channels in the order of the file.
    seconds : float, default=40
        Duration of each film to return, in seconds; None returns the length of the shortest.

    Returns
    -------
    trials : Trials
        ``X`` as in :func:`load_seed`. Labels: neutral (0), sad (1), fear (2), happy (3). Metadata:
        ``subject``, ``session``, ``date``, ``trial`` (independent of the selection) and
        ``stimulus`` (1 to 72, 24 in each session).

    Raises
    ------
    FileNotFoundError, DataFormatError, ValueError
        As in :func:`~skmamba.load_deap`: nothing is loaded.

    References
    ----------
    .. [1] Zheng et al., "EmotionMeter: A Multimodal Framework for Recognizing Human Emotions",
       IEEE Transactions on Cybernetics 2019, 49(3):1110-1122, doi 10.1109/TCYB.2018.2797176.
    """
    return _load("SEED-IV", path, subjects, sessions, picks, seconds, crop, n_jobs, verbose)


def _find_by_date(folder):
    """Yield subject, session, date and path of each file; a session is the rank of its date."""
    files = _list_files(folder, "1_20131027.mat, 1_20131030.mat, ... of SEED")
    for subject, date, path in files:
        # the published dates identify the sessions of an incomplete data set
        order = DATES[subject - 1]
        present = sorted({other for number, other, _ in files if number == subject})
        if not set(present) <= set(order):
            if len(present) != N_SESSIONS:
                expected = f"{N_SESSIONS} files of subject {subject}, or files of the dates "
                got = ", ".join(path.name for number, _, path in files if number == subject)
                raise DataFormatError(folder, expected + ", ".join(order), got)
            order = present
        yield subject, order.index(date) + 1, date, path


def _find_by_folder(folder):
    """Yield subject, session, date and path of each file; a session is a folder."""
    sessions = [n for n in range(1, N_SESSIONS + 1) if (folder / str(n)).is_dir()]
    if not sessions:
        _io.fail_missing("contain the folders 1, 2 and 3 of SEED-IV", folder, SOURCE)
    for session in sessions:
        files = _list_files(folder / str(session), "1_20160518.mat, ... of SEED-IV")
        for subject, date, path in files:
            yield subject, session, date, path


def _list_files(folder, examples):
    """Return subject, date and path of each file of a folder, sorted."""
    matches = [(re.fullmatch(FILE_NAME, path.name), path) for path in _io.list_folder(folder)]
    files = sorted((int(match[1]), match[2], path) for match, path in matches if match)
    if not files:
        _io.fail_missing(f"contain {examples}", folder, SOURCE)
    for subject, _, path in files:
        if not 1 <= subject <= N_SUBJECTS:
            raise DataFormatError(folder, f"files of subjects 1 to {N_SUBJECTS}", path.name)
    return files


def _load(name, path, subjects, sessions, picks, seconds, crop, n_jobs, verbose):
    subjects = _io.check_numbers("subjects", subjects, N_SUBJECTS)
    sessions = _io.check_numbers("sessions", sessions, N_SESSIONS)
    picks = _io.pick_indices(picks, CH_NAMES, FOUR)
    n_times = _io.count_times(seconds, SFREQ)
    check_option("crop", crop, _io.CROPS)

    is_iv = name == "SEED-IV"
    labels = IV_LABELS if is_iv else [LABELS] * N_SESSIONS
    inner = Path(path) / ("eeg_raw_data" if is_iv else "Preprocessed_EEG")
    folder = inner if inner.is_dir() else Path(path)
    files = _select((_find_by_folder if is_iv else _find_by_date)(folder), subjects, sessions)
    if not is_iv and (folder / "label.mat").exists():
        _check_labels(folder / "label.mat")
    n_films = len(labels[0])
    calls = [(file, n_films, picks, seconds, crop) for file, _ in files.values()]
    read = _io.read_files(_read_films, calls, n_jobs=n_jobs, verbose=verbose, unit="file")
    shape = len(picks), n_times or min(film.shape[1] for films in read for film in films)
    cropped = (_io.crop_film(film, shape[1], crop) for film in _io.pop_all(read))
    trials = Trials(
        X=np.fromiter(cropped, np.dtype(("f4", shape)), len(files) * n_films),
        y=np.concatenate([labels[session - 1] for _, session in files]),
        metadata=_make_metadata(files, n_films, n_new=n_films if is_iv else 0),
        sfreq=SFREQ,
        ch_names=[CH_NAMES[i] for i in picks],
        label_names=IV_LABEL_NAMES if is_iv else LABEL_NAMES,
        name=name,
        loader_params={"seconds": seconds, "crop": crop},
    )
    return warn_of_copies(trials)


def _select(found, subjects, sessions):
    """Return path and date by subject and session, in their order, of the selected files."""
    files: dict[tuple[int, int], tuple[Path, str]] = {}
    for subject, session, date, path in found:
        if (subject, session) in files:
            expected = f"one file of subject {subject} and session"
            got = f"{files[subject, session][0].name} and {path.name}"
            raise DataFormatError(path.parent, expected, got)
        files[subject, session] = path, date
    selected: dict[tuple[int, int], tuple[Path, str]] = {}
    for subject in sorted(subjects or {subject for subject, _ in files}):
        present = [session for session in range(1, N_SESSIONS + 1) if (subject, session) in files]
        missing = [session for session in sessions or () if session not in present]
        if missing or not present:
            session = f", session {min(missing)}" if missing else ""
            folders = sorted({path.parent for path, _ in files.values()})
            folder = folders[0].parent if len(folders) > 1 else folders[0]
            raise FileNotFoundError(f"No file of subject {subject}{session} in {folder}.")
        selected |= {(subject, i): files[subject, i] for i in sorted(sessions or present)}
    return selected


def _check_labels(path):
    """Require the labels beside the files to be those published."""
    limits = {"max_array_bytes": 1 << 16, "max_bytes": 1 << 16}
    label = read_mat(path, ["label"], **limits)["label"]
    _io.check_array(path, "label", label, (1, len(LABELS)))
    if label.ravel().tolist() != list(LABELS):
        got = " ".join(f"{value:g}" for value in label.flat)
        raise DataFormatError(path, f"the published labels {' '.join(map(str, LABELS))}", got)


def _read_films(path, n_films, picks, seconds, crop):
    """Return the films of a file in the order of their numbers, each picked and cropped."""
    keys = _find_films(path, n_films)
    numbers = {key: number for number, key in keys.items()}
    n_times = _io.count_times(seconds, SFREQ)
    lengths = {}

    def convert(where, array):
        number = numbers[where[0]]
        name = f"film {number} ({where[0]})"
        _io.check_shape(path, name, array, (len(CH_NAMES), None))
        # a recording has one sample more than whole seconds, of which the first is dropped
        film = array[:, 1:] if array.shape[1] % SFREQ == 1 else array
        if not film.shape[1]:
            raise DataFormatError(path, f"{name} of at least two time points", "fewer")
        lengths[number] = film.shape[1]
        length = min(film.shape[1], n_times or film.shape[1])
        return _io.as_float32(path, name, _io.crop_film(film[picks], length, crop))

    limits = {"max_array_bytes": MAX_ARRAY_BYTES, "max_bytes": MAX_BYTES}
    values = read_mat(path, numbers, convert=convert, **limits)
    for number, key in keys.items():
        if number not in lengths:
            got = type(values[key]).__name__
            raise DataFormatError(path, f"film {number} ({key}) as numbers", got)
    shortest = min(lengths, key=lengths.get)  # type: ignore[arg-type]
    _io.check_length(seconds, n_times or 0, lengths[shortest], f"film {shortest} of {path}", SFREQ)
    return [values[keys[number]] for number in range(1, n_films + 1)]


def _find_films(path, n_films):
    """Return the names of the variables that hold the films, by the numbers of the films."""
    keys: dict[int, str] = {}
    for name in list_mat(path):
        match = re.fullmatch(r".+_eeg([0-9]{1,4})", name)
        if match is None:
            continue
        number = int(match[1])
        if number in keys:
            raise DataFormatError(path, f"one film {number}", f"{keys[number]} and {name}")
        keys[number] = name
    if sorted(keys) != list(range(1, n_films + 1)):
        missing = [number for number in range(1, n_films + 1) if number not in keys]
        hint = f" (missing: {missing[0]})" if missing else ""
        expected = f"films 1 to {n_films} as variables such as djc_eeg1{hint}"
        raise DataFormatError(path, expected, ", ".join(map(str, sorted(keys))) or "none")
    return keys


def _make_metadata(files, n_films, n_new):
    """Return the rows of all trials; ``n_new`` films of a session are not shown in the others."""
    subject, session = np.repeat(list(files), n_films, axis=0).T
    film = np.tile(np.arange(n_films), len(files))
    return pd.DataFrame(
        {
            "subject": subject,
            "session": session,
            "date": [date for _, date in files.values() for _ in range(n_films)],
            "trial": ((subject - 1) * N_SESSIONS + session - 1) * n_films + film,
            "stimulus": (session - 1) * n_new + film + 1,
        }
    )
