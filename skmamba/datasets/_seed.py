"""SEED and SEED-IV: films in the lab, recorded on several days."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from scipy.io import savemat

from .._types import Seed, StrPath
from .._validation import check_option, make_random_state
from ..trials import Trials
from ._arguments import check_numbers
from ._channels import pick_channels
from ._files import DataFormatError, check_array, find_files, make_room, read_each
from ._mat import list_mat, read_mat
from ._segments import as_float32, check_length, count_points, cut

SFREQ = 200
N_SUBJECTS = 15
N_SESSIONS = 3
CH_NAMES = (
    "Fp1 Fpz Fp2 AF3 AF4 F7 F5 F3 F1 Fz F2 F4 F6 F8 FT7 FC5 FC3 FC1 FCz FC2 FC4 FC6 FT8 "
    "T7 C5 C3 C1 Cz C2 C4 C6 T8 TP7 CP5 CP3 CP1 CPz CP2 CP4 CP6 TP8 "
    "P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO5 PO3 POz PO4 PO6 PO8 CB1 O1 Oz O2 CB2"
).split()
FOUR = "Fp1 Fp2 AF3 AF4".split()
MAX_ARRAY_BYTES = 1 << 26  # the longest film has 265 s, 26 MB
MAX_LABEL_BYTES = 1 << 16
FILE_NAME = r"(\d{1,2})_(\d{8})\.mat"

LABELS = (1, 0, -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 0, 1, -1)
LABEL_NAMES = {-1: "negative", 0: "neutral", 1: "positive"}
FILM_SECONDS = (235, 233, 206, 238, 185, 195, 237, 216, 265, 237, 235, 233, 235, 238, 206)
INITIALS = "djc jl jj lqj ly mhw phl sxy wk ww wsf wyw xyl ys zjy".split()
DATES = (
    ("20131027", "20131030", "20131107"),
    ("20140404", "20140413", "20140419"),
    ("20140603", "20140611", "20140629"),
    ("20140621", "20140702", "20140705"),
    ("20140411", "20140418", "20140506"),
    ("20130712", "20131016", "20131113"),
    ("20131027", "20131030", "20131106"),
    ("20140511", "20140514", "20140521"),
    ("20140620", "20140627", "20140704"),
    ("20131130", "20131204", "20131211"),
    ("20140618", "20140625", "20140630"),
    ("20131127", "20131201", "20131207"),
    ("20140527", "20140603", "20140610"),
    ("20140601", "20140615", "20140627"),
    ("20130709", "20131016", "20131105"),
)

IV_LABELS = (
    (1, 2, 3, 0, 2, 0, 0, 1, 0, 1, 2, 1, 1, 1, 2, 3, 2, 2, 3, 3, 0, 3, 0, 3),
    (2, 1, 3, 0, 0, 2, 0, 2, 3, 3, 2, 3, 2, 0, 1, 1, 2, 1, 0, 3, 0, 1, 3, 1),
    (1, 2, 2, 1, 3, 3, 3, 1, 1, 2, 1, 0, 2, 3, 3, 0, 2, 3, 0, 0, 2, 0, 1, 0),
)
IV_LABEL_NAMES = {0: "neutral", 1: "sad", 2: "fear", 3: "happy"}
# lengths of the films, in pieces of four seconds
IV_PIECES = [
    [int(n) for n in row.split()]
    for row in (
        "42 23 49 32 22 40 38 52 36 42 12 27 54 42 64 35 17 44 35 12 28 28 43 34",
        "55 25 34 36 53 27 34 46 34 20 60 12 36 27 44 15 46 49 45 10 37 44 24 19",
        "42 32 23 45 48 26 64 23 26 16 51 41 39 19 28 44 14 17 45 22 39 38 41 39",
    )
]


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
    """Load SEED: 15 people, each on three days with the same 15 film clips.

    Ask its authors for the files: https://bcmi.sjtu.edu.cn/home/seed/. The folder
    ``Preprocessed_EEG`` has one file a subject and day::

        Preprocessed_EEG/
            1_20131027.mat
            1_20131030.mat
            ...
            15_20131105.mat
            label.mat

    ==============  ==========================================================
    subjects        15 (7 male, 8 female)
    sessions        3 for each subject, on different days
    trials          675: the same 15 clips in each session, 185 to 265 s long
    channels        62, 10-20 system; CB1 and CB2 have no position in MNE
    sfreq           200 Hz (recorded at 1000 Hz), 0 to 75 Hz
    labels          negative (-1), neutral (0), positive (1): what a clip is meant to
                    evoke, five clips each
    baseline        none
    licence         for academic use, on request
    ==============  ==========================================================

    Parameters
    ----------
    path : path-like
        The folder ``Preprocessed_EEG``, or the one it lies in.
    subjects : int or list of int, default=None
        Numbers from 1 to 15; without them, all that are there.
    sessions : int or list of int, default=None
        Numbers from 1 to 3; without them, all that are there.
    picks : "four", "all" or list of str, default="four"
        Fp1, Fp2, AF3 and AF4; all 62; or names in the order wanted.
    seconds : float, default=180
        How much of each clip's recording to take; None takes as much as the shortest has.
    crop : {"last", "first"}, default="last"
        From which end.
    n_jobs : int, default=1
        How many files are read at the same time, as in joblib.
    progress : bool, default=False
        Whether to draw a bar.

    Returns
    -------
    trials : Trials
        ``X`` is float32, in the unit of the files. Metadata: ``subject``, ``session`` (1 to 3,
        in the order of dates), ``date``, ``trial`` (the same number whatever is selected) and
        ``stimulus`` (1 to 15).

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or the file of a wanted subject and session is not there.
    DataFormatError
        If a file is not what it should be; nothing is loaded then.
    ValueError
        If an argument is none of the above, or ``seconds`` more than the shortest clip has.

    Notes
    -----
    The same clips recur in each session: a score across sessions of a subject is also one on
    clips the model was trained with. Group by ``stimulus`` to leave clips out.

    The length is our choice; the four channels are those of [2]_. A recording has one time
    point more than whole seconds; its first is dropped, as others do. The files do not name
    their unit, which is held to be microvolt.

    References
    ----------
    .. [1] Zheng and Lu, "Investigating Critical Frequency Bands and Channels for EEG-Based
       Emotion Recognition with Deep Neural Networks", IEEE Transactions on Autonomous Mental
       Development 2015, 7(3):162-175, doi 10.1109/TAMD.2015.2431497.
    .. [2] Zhou, Huang, Peng and Yin, "MS-iMamba", arXiv 2409.07589.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_fake_seed(folder, n_subjects=1, n_sessions=1, seconds=1)
    ...     load_seed(folder, seconds=1)
    <Trials of SEED: 15 trials x 4 channels x 200 time points (1 s at 200 Hz), 1 subject; \
5 negative, 5 neutral, 5 positive (majority 33 %); seconds 1, crop last>
    """
    wanted = _Wanted(subjects, sessions, picks, seconds, crop)
    folder = _below(path, "Preprocessed_EEG")
    files = wanted.choose(_seed_files(folder))
    _check_labels(folder / "label.mat")
    labels = [LABELS] * N_SESSIONS
    return wanted.read(files, labels, n_jobs, verbose, "SEED", LABEL_NAMES, same_films=True)


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
    """Load SEED-IV: 15 people, each on three days with 24 film clips, 72 in all.

    Ask its authors for the files: https://bcmi.sjtu.edu.cn/home/seed/. The folder
    ``eeg_raw_data`` has a folder for each session and there one file a subject::

        eeg_raw_data/
            1/
                1_20160518.mat
                ...
            2/
            3/

    ==============  ==========================================================
    subjects        15 (7 male, 8 female)
    sessions        3 for each subject
    trials          1080: 24 clips in each session, other ones in each, 40 s
                    and longer
    channels        62, 10-20 system; CB1 and CB2 have no position in MNE
    sfreq           200 Hz (recorded at 1000 Hz)
    labels          neutral (0), sad (1), fear (2), happy (3): what a clip is meant to
                    evoke, six clips each in each session
    baseline        none
    licence         for academic use, on request
    ==============  ==========================================================

    Parameters
    ----------
    path : path-like
        The folder ``eeg_raw_data``, or the one it lies in.
    subjects : int or list of int, default=None
        Numbers from 1 to 15; without them, all that are there.
    sessions : int or list of int, default=None
        Numbers from 1 to 3; without them, all that are there.
    picks : "four", "all" or list of str, default="four"
        Fp1, Fp2, AF3 and AF4; all 62; or names in the order wanted.
    seconds : float, default=40
        How much of each clip's recording to take; None takes as much as the shortest has.
    crop : {"last", "first"}, default="last"
        From which end.
    n_jobs : int, default=1
        How many files are read at the same time, as in joblib.
    progress : bool, default=False
        Whether to draw a bar.

    Returns
    -------
    trials : Trials
        ``X`` is float32, in the unit of the files. Metadata: ``subject``, ``session``,
        ``date``, ``trial`` (the same number whatever is selected) and ``stimulus`` (1 to 24 in
        the first session, 25 to 48 in the second, 49 to 72 in the third).

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or the file of a wanted subject and session is not there.
    DataFormatError
        If a file is not what it should be; nothing is loaded then.
    ValueError
        If an argument is none of the above, or ``seconds`` more than the shortest clip has.

    Notes
    -----
    No clip recurs: a score across sessions is one on unseen clips, of a known subject. The
    files hold no labels; those published are given.

    The default length, that of the shortest clip, and the four channels, those we take from
    SEED too, are our choices. Where a recording has one time point more than whole seconds, its
    first is dropped. The files do not name their unit, which is held to be microvolt.

    References
    ----------
    .. [1] Zheng et al., "EmotionMeter: A Multimodal Framework for Recognizing Human Emotions",
       IEEE Transactions on Cybernetics 2019, 49(3):1110-1122, doi 10.1109/TCYB.2018.2797176.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_fake_seed_iv(folder, n_subjects=1, n_sessions=1, seconds=1)
    ...     load_seed_iv(folder, seconds=1).X.shape
    (24, 4, 200)
    """
    wanted = _Wanted(subjects, sessions, picks, seconds, crop)
    folder = _below(path, "eeg_raw_data")
    files = wanted.choose(_seed_iv_files(folder))
    return wanted.read(
        files, IV_LABELS, n_jobs, verbose, "SEED-IV", IV_LABEL_NAMES, same_films=False
    )


def _below(path, name):
    """Find the folder of that name in the one given, or else take that one."""
    path = Path(path)
    return path / name if (path / name).is_dir() else path


def _seed_files(folder):
    """Path and date of the file of each subject and session: sessions are ordered by date."""
    dates: dict[int, dict[str, Path]] = {}
    paths = find_files(folder, FILE_NAME, "1_20131027.mat, 1_20131030.mat, ...")
    for path in paths:
        subject, date = re.fullmatch(FILE_NAME, path.name).groups()  # type: ignore[union-attr]
        dates.setdefault(int(subject), {})[date] = path
    files: dict[tuple[int, int], tuple[Path, str]] = {}
    for subject, found in dates.items():
        if not 1 <= subject <= N_SUBJECTS:
            raise DataFormatError(
                folder, f"files of subjects 1 to {N_SUBJECTS}", next(iter(found.values())).name
            )
        # of an incomplete set, the published dates still say which session is which
        order = DATES[subject - 1]
        if not set(found) <= set(order):
            order = sorted(found)
            if len(found) != N_SESSIONS:
                raise DataFormatError(
                    folder,
                    f"{N_SESSIONS} files of subject {subject}, or files of the dates "
                    f"{', '.join(DATES[subject - 1])}",
                    ", ".join(path.name for path in found.values()),
                )
        for date, path in found.items():
            files[subject, order.index(date) + 1] = path, date
    return files


def _seed_iv_files(folder):
    """Path and date of the file of each subject and session: a folder is a session."""
    if not any((folder / str(session)).is_dir() for session in range(1, N_SESSIONS + 1)):
        raise FileNotFoundError(
            f"path must be the folder of the data set, with the folders 1, 2 and 3: {folder} "
            "is not one."
        )
    files: dict[tuple[int, int], tuple[Path, str]] = {}
    for session in range(1, N_SESSIONS + 1):
        inner = folder / str(session)
        if not inner.is_dir():
            continue
        for path in find_files(inner, FILE_NAME, "1_20160518.mat, ..."):
            subject, date = re.fullmatch(FILE_NAME, path.name).groups()  # type: ignore[union-attr]
            key = int(subject), session
            if not 1 <= key[0] <= N_SUBJECTS:
                raise DataFormatError(inner, f"files of subjects 1 to {N_SUBJECTS}", path.name)
            if key in files:
                came = f"{files[key][0].name} and {path.name}"
                raise DataFormatError(inner, f"one file of subject {subject}", came)
            files[key] = path, date
    return files


def _check_labels(path):
    """Check that the labels beside the files, if they are there, are those published."""
    if not path.exists():
        return
    label = read_mat(
        path, ["label"], wanted=_nothing, max_array_bytes=MAX_LABEL_BYTES, max_bytes=MAX_LABEL_BYTES
    )
    label = label["label"]
    check_array(path, "label", label, (1, len(LABELS)))
    if label.ravel().tolist() != list(LABELS):
        raise DataFormatError(
            path,
            f"the published labels {' '.join(map(str, LABELS))}",
            " ".join(f"{value:g}" for value in label.ravel()),
        )


def _nothing(where):
    """Nothing within cells and structs is wanted."""
    return False


class _Wanted:
    """What to read of either data set: checked before anything is read."""

    def __init__(self, subjects, sessions, picks, seconds, crop):
        self.subjects = check_numbers("subjects", subjects, N_SUBJECTS)
        self.sessions = check_numbers("sessions", sessions, N_SESSIONS)
        self.picks = pick_channels(picks, CH_NAMES, FOUR)
        self.n_points = count_points(seconds, SFREQ)
        check_option("crop", crop, ("last", "first"))
        self.seconds, self.crop = seconds, crop

    def choose(self, files):
        """Those of the files that are wanted."""
        subjects = self.subjects or sorted({subject for subject, _ in files})
        keys = [
            (subject, session)
            for subject in subjects
            for session in self.sessions or range(1, N_SESSIONS + 1)
        ]
        if self.sessions is None:  # of a wanted subject, at least one
            for subject in subjects:
                if not any((subject, session) in files for session in range(1, N_SESSIONS + 1)):
                    raise FileNotFoundError(_missing(subject, None, files))
            keys = [key for key in keys if key in files]
        for key in keys:
            if key not in files:
                raise FileNotFoundError(_missing(*key, files))
        return {key: files[key] for key in keys}

    def read(self, files, labels, n_jobs, verbose, name, label_names, *, same_films):
        """Read the files into one Trials."""
        n_films = len(labels[0])
        read = read_each(
            _read_films,
            [(path, n_films, self.picks, self.seconds, self.crop) for path, _ in files.values()],
            n_jobs=n_jobs,
            verbose=verbose,
            unit="file",
        )
        n_points = self.n_points
        if n_points is None:
            n_points = min(film.shape[1] for films in read for film in films)
        X = np.empty((len(files) * n_films, len(self.picks), n_points), dtype="float32")
        for part in X.reshape(len(files), n_films, *X.shape[1:]):
            for x, film in zip(part, read.pop(0), strict=True):  # let go once it is copied
                x[:] = cut(film, n_points, self.crop)
        rows = [
            {
                "subject": subject,
                "session": session,
                "date": date,
                "trial": ((subject - 1) * N_SESSIONS + session - 1) * n_films + i,
                "stimulus": i + 1 if same_films else (session - 1) * n_films + i + 1,
            }
            for (subject, session), (_, date) in files.items()
            for i in range(n_films)
        ]
        return Trials(
            X=X,
            y=np.concatenate([labels[session - 1] for _, session in files]),
            metadata=pd.DataFrame(rows),
            sfreq=SFREQ,
            ch_names=[CH_NAMES[i] for i in self.picks],
            label_names=label_names,
            name=name,
            loader_params={"seconds": self.seconds, "crop": self.crop},
        )


def _missing(subject, session, files):
    """Say which file is not there, and which are."""
    which = f"subject {subject}" + (f", session {session}" if session else "")
    there = sorted({path.parent for path, _ in files.values()})
    return f"No file of {which} in {there[0].parent if len(there) > 1 else there[0]}."


def _read_films(path, n_films, picks, seconds, crop):
    """Read the films of a file one after another, and cut each before the next."""
    keys = _film_keys(path, n_films)
    numbers = {key: number for number, key in keys.items()}
    n_points = count_points(seconds, SFREQ)
    lengths = {}

    def convert(where, array):
        number = numbers[where[0]]
        check_array(path, f"film {number} ({where[0]})", array, (len(CH_NAMES), None))
        film = array[:, 1:] if array.shape[1] % SFREQ == 1 else array
        if not film.shape[1]:
            raise DataFormatError(path, f"film {number} of at least two time points", "fewer")
        lengths[number] = film.shape[1]
        wanted = min(film.shape[1], n_points or film.shape[1])
        return as_float32(path, f"film {number} ({where[0]})", cut(film[picks], wanted, crop))

    values = read_mat(
        path, numbers, convert=convert, wanted=_nothing, max_array_bytes=MAX_ARRAY_BYTES
    )
    for number, key in keys.items():
        if number not in lengths:
            came = type(values[key]).__name__
            raise DataFormatError(path, f"film {number} ({key}) as numbers", came)
    shortest = min(lengths, key=lengths.get)  # type: ignore[arg-type]
    which = f"film {shortest} of {path}"
    check_length(seconds, n_points or 0, lengths[shortest], which, SFREQ)
    return [values[keys[number]] for number in range(1, n_films + 1)]


def _film_keys(path, n_films):
    """Names of the variables that hold the films, by the films' numbers."""
    keys: dict[int, str] = {}
    for name in list_mat(path):
        match = re.fullmatch(r".+_eeg([0-9]{1,4})", name)
        if not match:
            continue
        number = int(match[1])
        if number in keys:
            raise DataFormatError(path, f"one film {number}", f"{keys[number]} and {name}")
        keys[number] = name
    if sorted(keys) != list(range(1, n_films + 1)):
        missing = [number for number in range(1, n_films + 1) if number not in keys]
        came = ", ".join(str(number) for number in sorted(keys)) or "none"
        raise DataFormatError(
            path,
            f"films 1 to {n_films} as variables such as djc_eeg1"
            + (f" (missing: {missing[0]})" if missing else ""),
            came,
        )
    return keys


def write_fake_seed(
    path: StrPath,
    *,
    n_subjects: int = 2,
    n_sessions: int = 3,
    seconds: float | None = None,
    compress: bool = True,
    random_state: Seed = 0,
) -> None:
    """Write noise in the layout of SEED, to try out what reads it.

    Parameters
    ----------
    path : path-like
        Folder for the files; made if it is not there.
    n_subjects : int, default=2
        Number of people, up to 15.
    n_sessions : int, default=3
        Sessions of each, up to 3.
    seconds : float, default=None
        Length of the shortest clips; others are one and two seconds longer. None writes the
        lengths of the published clips, in all 337 MB a file before compression.
    compress : bool, default=True
        Whether the files are compressed, as the true ones are.
    random_state : int, RandomState instance or None, default=0
        Seed; None takes fresh entropy.

    Raises
    ------
    ValueError
        If a number is out of its range.
    FileExistsError
        If one of the files is there already: none is overwritten, and none is written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_fake_seed(folder, n_subjects=1, n_sessions=2, seconds=1)
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['1_20131027.mat', '1_20131030.mat', 'label.mat', 'readme.txt']
    """
    _check_size(n_subjects, n_sessions)
    folder, rng = Path(path), make_random_state(random_state)
    label, readme = folder / "label.mat", folder / "readme.txt"
    files = {
        folder / f"{subject + 1}_{DATES[subject][session]}.mat": INITIALS[subject]
        for subject in range(n_subjects)
        for session in range(n_sessions)
    }
    make_room([*files, label, readme])
    for file, who in files.items():
        _write_films(file, who, _durations(FILM_SECONDS, seconds), compress, rng)
    savemat(label, {"label": np.array([LABELS], dtype="int16")})
    readme.write_text("Noise in the layout of SEED.\n")


def write_fake_seed_iv(
    path: StrPath,
    *,
    n_subjects: int = 2,
    n_sessions: int = 3,
    seconds: float | None = None,
    compress: bool = True,
    random_state: Seed = 0,
) -> None:
    """Write noise in the layout of SEED-IV, to try out what reads it; its dates are invented.

    Parameters
    ----------
    path : path-like
        Folder for the folders of the sessions; made if it is not there.
    n_subjects : int, default=2
        Number of people, up to 15.
    n_sessions : int, default=3
        Sessions of each, up to 3.
    seconds : float, default=None
        Length of the shortest clips; others are one and two seconds longer. None writes the
        lengths of the published clips, in all some 340 MB a file before compression.
    compress : bool, default=True
        Whether the files are compressed, as the true ones are.
    random_state : int, RandomState instance or None, default=0
        Seed; None takes fresh entropy.

    Raises
    ------
    ValueError
        If a number is out of its range.
    FileExistsError
        If one of the files is there already: none is overwritten, and none is written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_fake_seed_iv(folder, n_subjects=1, n_sessions=2, seconds=1)
    ...     sorted(str(path.relative_to(folder)) for path in Path(folder).glob("*/*.mat"))
    ['1/1_20160518.mat', '2/1_20160618.mat']
    """
    _check_size(n_subjects, n_sessions)
    folder, rng = Path(path), make_random_state(random_state)
    files = {
        folder / f"{session + 1}/{subject + 1}_20160{session + 5}18.mat": (subject, session)
        for session in range(n_sessions)
        for subject in range(n_subjects)
    }
    make_room(files)
    for file, (subject, session) in files.items():
        durations = _durations([4 * n for n in IV_PIECES[session]], seconds)
        _write_films(file, "cz" if subject == 0 else f"s{subject}", durations, compress, rng)


def _check_size(n_subjects, n_sessions):
    if not 1 <= n_subjects <= N_SUBJECTS or not 1 <= n_sessions <= N_SESSIONS:
        raise ValueError(
            f"n_subjects must be 1 to {N_SUBJECTS} and n_sessions 1 to {N_SESSIONS}, "
            f"got {n_subjects!r} and {n_sessions!r}."
        )


def _durations(published, seconds):
    return published if seconds is None else [seconds + i % 3 for i in range(len(published))]


def _write_films(path, who, durations, compress, rng):
    """Write a file of films, in the order of their names as text: 1, 10, 11, ..., 2."""
    films = {
        f"{who}_eeg{i + 1}": 0.5 * rng.randint(-60, 60, size=(len(CH_NAMES), round(s * SFREQ) + 1))
        for i, s in enumerate(durations)
    }
    savemat(path, {name: films[name] for name in sorted(films)}, do_compression=compress)
