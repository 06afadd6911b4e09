"""Writers of synthetic files in the formats of the data sets, for tests and demonstrations."""

from pathlib import Path

import numpy as np
from scipy.io import savemat

from .._types import Seed, StrPath
from .._validation import check_int, make_random_state
from . import deap, dreamer, seed
from .simulated import _make_pink_noise

ALPHA_AMPLITUDE = 5.0  # microvolts, of DEAP
SEED_SECONDS = (235, 233, 206, 238, 185, 195, 237, 216, 265, 237, 235, 233, 235, 238, 206)
SEED_INITIALS = "djc jl jj lqj ly mhw phl sxy wk ww wsf wyw xyl ys zjy".split()
SEED_IV_SECONDS = 4 * np.array(
    [
        "42 23 49 32 22 40 38 52 36 42 12 27 54 42 64 35 17 44 35 12 28 28 43 34".split(),
        "55 25 34 36 53 27 34 46 34 20 60 12 36 27 44 15 46 49 45 10 37 44 24 19".split(),
        "42 32 23 45 48 26 64 23 26 16 51 41 39 19 28 44 14 17 45 22 39 38 41 39".split(),
    ],
    dtype=int,
)


def write_fake_deap(
    path: StrPath,
    *,
    n_subjects: int = 2,
    n_trials: int = 40,
    n_times: int = 8064,
    matlab: bool = False,
    random_state: Seed = 0,
) -> None:
    """Write synthetic files in the format of DEAP.

    All 40 channels contain 1/f noise; the EEG channels share an alpha rhythm whose amplitude grows
    with valence. Ratings are uniform from 1 to 9, and some are exactly 5. A file of full size has
    103 MB; a smaller one declares its size in a third entry, ``"fake"``.

    Parameters
    ----------
    path : path-like
        Folder for the files; it is created.
    n_subjects : int, default=2
        Number of files, at most 32.
    n_trials : int, default=40
        Number of trials of each, at most 40.
    n_times : int, default=8064
        Samples of a trial, at most 8064, of which the first 384 are the baseline.
    matlab : bool, default=False
        Whether to write ``s01.mat``, ...; the default is ``s01.dat``, ... with the bytes of
        Python 2's pickle.
    random_state : int, RandomState instance or None, default=0
        Seed; None draws fresh entropy.
    """
    check_int("n_subjects", n_subjects, 1, deap.N_SUBJECTS)
    check_int("n_trials", n_trials, 1, deap.N_STIMULI)
    check_int("n_times", n_times, deap.N_BASELINE + 1, deap.N_TIMES)
    rng = make_random_state(random_state)
    suffix = ".mat" if matlab else ".dat"
    files = [Path(path) / f"s{i:02}{suffix}" for i in range(1, n_subjects + 1)]
    _make_folders(files)
    fake = (n_trials, n_times) if (n_trials, n_times) != (deap.N_STIMULI, deap.N_TIMES) else None
    for file in files:
        data, ratings = _simulate_deap(rng, n_trials, n_times)
        if matlab:
            savemat(file, {"labels": ratings, "data": data} | ({"fake": fake} if fake else {}))
        else:
            with open(file, "xb") as stream:
                stream.writelines(_pickle_as_python2(ratings, data, fake))


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
    """Write noise in the format of DREAMER.

    Parameters
    ----------
    path : path-like
        Folder for ``DREAMER.mat``; it is created.
    n_subjects : int, default=2
        Number of subjects, at most 23.
    n_films : int, default=18
        Number of films, at most 18.
    seconds : float, default=62
        Duration of the shortest films; others are one and two seconds longer.
    baseline_seconds : float, default=61
        Duration of the baseline before each film.
    compress : bool, default=True
        Whether the file is compressed, like the original.
    random_state : int, RandomState instance or None, default=0
        Seed; None draws fresh entropy.

    Returns
    -------
    path : Path
        The file.
    """
    check_int("n_subjects", n_subjects, 1, dreamer.N_SUBJECTS)
    check_int("n_films", n_films, 1, len(dreamer.EMOTIONS))
    path = Path(path) / dreamer.FILE
    _make_folders([path])
    rng = make_random_state(random_state)
    durations = {
        "baseline": [baseline_seconds] * n_films,
        "stimuli": [seconds + i % 3 for i in range(n_films)],
    }

    def record(sfreq, n_channels, offset):
        return {
            which: _make_cell(
                # multiples of the resolution of the headset, which compress as its recordings do
                offset + 0.5 * rng.randint(-60, 60, size=(round(s * sfreq), n_channels))
                for s in durations[which]
            ).T
            for which in durations
        }

    subjects = []
    for i in range(n_subjects):
        scores = rng.randint(1, 6, size=(len(dreamer.SCORES), n_films, 1)).astype(float)
        subjects.append(
            {
                "Age": str(22 + i % 12),
                "Gender": "male" if i % 2 == 0 else "female",
                "EEG": record(dreamer.SFREQ, len(dreamer.CH_NAMES), 4000.0),
                "ECG": record(2 * dreamer.SFREQ, 2, 2000.0),
                **dict(zip(dreamer.SCORES.values(), scores, strict=True)),
            }
        )
    content = {
        "Data": _make_cell(subjects),
        "EEG_SamplingRate": float(dreamer.SFREQ),
        "ECG_SamplingRate": 2.0 * dreamer.SFREQ,
        "EEG_Electrodes": _make_cell(dreamer.CH_NAMES),
        "noOfSubjects": float(n_subjects),
        "noOfVideoSequences": float(n_films),
        "Disclaimer": "Noise in the format of DREAMER.",
        **dict.fromkeys(("Provider", "Version", "Acknowledgement"), "None: synthetic data."),
    }
    savemat(path, {"DREAMER": content}, do_compression=compress)
    return path


def write_fake_seed(
    path: StrPath,
    *,
    n_subjects: int = 2,
    n_sessions: int = 3,
    seconds: float | None = None,
    compress: bool = True,
    random_state: Seed = 0,
) -> None:
    """Write noise in the format of SEED.

    Parameters
    ----------
    path : path-like
        Folder for the files; it is created.
    n_subjects : int, default=2
        Number of subjects, at most 15.
    n_sessions : int, default=3
        Number of sessions of each subject, at most 3.
    seconds : float, default=None
        Duration of the shortest films; others are one and two seconds longer. None uses the
        published durations, 337 MB a file before compression.
    compress, random_state
        As in :func:`write_fake_dreamer`.
    """
    check_int("n_subjects", n_subjects, 1, seed.N_SUBJECTS)
    check_int("n_sessions", n_sessions, 1, seed.N_SESSIONS)
    folder, rng = Path(path), make_random_state(random_state)
    label, readme = folder / "label.mat", folder / "readme.txt"
    files = {
        folder / f"{subject + 1}_{seed.DATES[subject][session]}.mat": SEED_INITIALS[subject]
        for subject in range(n_subjects)
        for session in range(n_sessions)
    }
    _make_folders([*files, label, readme])
    for file, initials in files.items():
        _write_films(file, initials, SEED_SECONDS, seconds, compress, rng)
    savemat(label, {"label": np.array([seed.LABELS], dtype="int16")})
    readme.write_text("Noise in the format of SEED.\n")


def write_fake_seed_iv(
    path: StrPath,
    *,
    n_subjects: int = 2,
    n_sessions: int = 3,
    seconds: float | None = None,
    compress: bool = True,
    random_state: Seed = 0,
) -> None:
    """Write noise in the format of SEED-IV, with arbitrary dates.

    Parameters
    ----------
    path : path-like
        Folder for the folders of the sessions; it is created.
    n_subjects, n_sessions, seconds, compress, random_state
        As in :func:`write_fake_seed`.
    """
    check_int("n_subjects", n_subjects, 1, seed.N_SUBJECTS)
    check_int("n_sessions", n_sessions, 1, seed.N_SESSIONS)
    folder, rng = Path(path), make_random_state(random_state)
    files = {
        folder / f"{session + 1}/{subject + 1}_20160{session + 5}18.mat": (subject, session)
        for session in range(n_sessions)
        for subject in range(n_subjects)
    }
    _make_folders(files)
    for file, (subject, session) in files.items():
        initials = "cz" if subject == 0 else f"s{subject}"
        _write_films(file, initials, SEED_IV_SECONDS[session], seconds, compress, rng)


def _make_folders(files):
    """Create the folders of files, none of which may exist: they could be originals."""
    for file in files:
        if file.exists():
            raise FileExistsError(f"{file} exists; synthetic files never overwrite a file.")
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)


def _make_cell(parts):
    """Return a cell array of one row."""
    return np.fromiter(parts, dtype=object)[None]


def _write_films(path, initials, published, seconds, compress, rng):
    """Write films as variables sorted as text, like the originals: 1, 10, 11, ..., 2."""
    n_films, n_channels = len(published), len(seed.CH_NAMES)
    durations = published if seconds is None else [seconds + i % 3 for i in range(n_films)]
    films = {
        f"{initials}_eeg{i + 1}": 0.5
        * rng.randint(-60, 60, size=(n_channels, round(s * seed.SFREQ) + 1))
        for i, s in enumerate(durations)
    }
    savemat(path, {name: films[name] for name in sorted(films)}, do_compression=compress)


def _simulate_deap(rng, n_trials, n_times):
    """Return data and ratings of one subject."""
    ratings = np.round(rng.uniform(1, 9, size=(n_trials, len(deap.RATINGS))), 2)
    for column in ratings.T:
        column[rng.choice(n_trials, size=n_trials // 8, replace=False)] = 5
    time = np.arange(n_times) / deap.SFREQ
    data = np.empty((n_trials, deap.N_CHANNELS, n_times))
    for trial, valence in zip(data, ratings[:, 0], strict=True):
        amplitude = ALPHA_AMPLITUDE * np.exp((valence - 5) / 8)
        trial[:] = _make_pink_noise(rng, trial.shape)
        alpha = amplitude * np.sin(2 * np.pi * (10 * time + rng.uniform()))
        trial[: len(deap.CH_NAMES)] += alpha
    return data, ratings


def _pickle_as_python2(ratings, data, fake):
    """Yield the pickle of Python 2 in protocol 2; Python 3 writes other opcodes."""

    def numbers(values, memo):
        parts = [b"K%c" % n if n < 256 else b"M" + n.to_bytes(2, "little") for n in values]
        return b"".join(parts) + bytes([0x84 + len(parts)]) + b"q%c" % memo

    def content(array):
        return b"\x89T" + array.nbytes.to_bytes(4, "little") + array.astype("<f8").tobytes()

    yield b"\x80\x02}q\x01(U\x06labelsq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03"
    yield b"cnumpy\nndarray\nq\x04K\x00\x85q\x05U\x01bq\x06\x87q\x07Rq\x08(K\x01"
    yield numbers(ratings.shape, 9)
    yield b"cnumpy\ndtype\nq\x0aU\x02f8q\x0bK\x00K\x01\x87q\x0cRq\x0d(K\x03U\x01<q\x0eNNN"
    yield 2 * b"J\xff\xff\xff\xff" + b"K\x00tq\x0fb"
    yield content(ratings) + b"q\x10tq\x11b"
    yield b"U\x04dataq\x12h\x03h\x04K\x00\x85q\x13h\x06\x87q\x14Rq\x15(K\x01"
    yield numbers(data.shape, 0x16) + b"h\x0d"
    yield content(data) + b"q\x17tq\x18b"
    if fake:
        yield b"U\x04fakeq\x19" + numbers(fake, 0x1A)
    yield b"u."
