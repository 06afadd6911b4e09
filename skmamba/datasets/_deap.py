"""DEAP: emotions while watching music videos, from the files its owners give out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from scipy.io import savemat

from .._types import Seed, StrPath
from .._validation import make_random_state
from ..trials import Trials
from ._channels import pick_channels
from ._deap_cache import pick_cached
from ._files import DataFormatError, check_array, make_room, read_each
from ._mat import read_mat
from ._ratings import binarise
from ._safe_pickle import read_arrays
from ._simulated import _pink_noise

N_SUBJECTS, N_STIMULI, N_CHANNELS, N_TIMES = 32, 40, 40, 8064
SFREQ = 128
N_BASELINE = 3 * SFREQ
RATINGS = ("valence", "arousal", "dominance", "liking")
BASELINES = ("drop", "subtract", "keep")
EEG = (
    "Fp1 AF3 F3 F7 FC5 FC1 C3 T7 CP5 CP1 P3 P7 PO3 O1 Oz Pz "
    "Fp2 AF4 Fz F4 F8 FC6 FC2 Cz C4 T8 CP6 CP2 P4 P8 PO4 O2"
).split()
PERIPHERAL = "hEOG vEOG zEMG tEMG GSR Respiration Plethysmograph Temperature".split()
CHANNELS = EEG + PERIPHERAL
FOUR = ("Fp1", "Fp2", "AF3", "AF4")
FILES = {".dat": "data_preprocessed_python", ".mat": "data_preprocessed_matlab"}
EXPECTED = "a dict of the arrays 'data' and 'labels'"
ALPHA_AMPLITUDE = 5.0  # microvolt, of the invented files


def load_deap(
    path: StrPath,
    target: Literal["valence", "arousal", "dominance", "liking"] = "valence",
    *,
    subjects: Iterable[int] | None = None,
    picks: Literal["four", "all"] | list[str] | tuple[str, ...] = "four",
    threshold: float | Literal["subject_median"] = 5.0,
    ties: Literal["high", "low", "drop"] = "high",
    baseline: Literal["drop", "subtract", "keep"] = "drop",
    n_jobs: int | None = 1,
    verbose: bool | None = None,
    cache: StrPath | None = None,
) -> Trials:
    """Load DEAP, in which 32 people watched 40 music videos and rated how they felt.

    The files are given out by the set's owners, on request and against a signed agreement. Of
    their downloads this reads ``data_preprocessed_python`` and ``data_preprocessed_matlab``::

        data_preprocessed_python/   or   data_preprocessed_matlab/
            s01.dat                          s01.mat
            ...                              ...
            s32.dat                          s32.mat

    ==============  =================================================================
    subjects        32
    trials          40 a subject, one minute each: the same 40 videos for everyone
    channels        32 EEG (10-20 positions, in the order of the file), 8 peripheral
    sfreq           128 Hz (recorded at 512 Hz)
    preprocessing   by the owners: EOG removed, 4 to 45 Hz, common average reference
    ratings         valence, arousal, dominance, liking: continuous, 1 to 9
    labels          0 ``low``, 1 ``high``, from one of the ratings
    licence         agreement with the owners, for research; not to be passed on
    where           https://www.eecs.qmul.ac.uk/mmv/datasets/deap/
    ==============  =================================================================

    Parameters
    ----------
    path : path-like
        Folder with the files, or the one above it. If both kinds are there, ``.dat`` is read.
    target : {"valence", "arousal", "dominance", "liking"}, default="valence"
        The rating that becomes the label.
    subjects : list of int, default=None
        Numbers of the wanted subjects, 1 to 32, in the order wanted; without it, all whose
        files are there.
    picks : "four", "all" or list of str, default="four"
        ``"four"`` are Fp1, Fp2, AF3 and AF4, those of the MS-iMamba paper [2]_; ``"all"`` are
        the 32 of EEG in the order of the file; a list may also name the peripheral hEOG, vEOG,
        zEMG, tEMG, GSR, Respiration, Plethysmograph and Temperature.
    threshold : float or "subject_median", default=5.0
        Above it a rating is high; ``"subject_median"`` is the median of each subject's ratings.
    ties : {"high", "low", "drop"}, default="high"
        What a rating equal to the threshold is; ``"drop"`` leaves the trial out.
    baseline : {"drop", "subtract", "keep"}, default="drop"
        What becomes of the 3 s before each video: they go; they go and each channel's mean over
        them is subtracted; or they stay at the beginning of the trial.
    n_jobs : int or None, default=1
        Number of processes that read.
    verbose : bool, default=None
        Whether to show a progress bar; None shows it if stderr is a terminal.
    cache : path-like, default=None
        Folder for compact copies. The first load writes all channels of each subject to it,
        half as large as the source; later loads read the wanted channels from there and the
        source not at all, until its place, size or time of change is another.

    Returns
    -------
    trials : Trials
        ``X`` of shape (n_trials, n_channels, 7680), or 8064 with the baseline kept, float32, in
        microvolt for EEG and EOG; the other peripheral channels have their own units. Metadata:
        ``subject`` (1 to 32), ``session`` (always 1), ``trial`` (a number of its own for every
        trial of the set, whichever of it is loaded), ``stimulus`` (1 to 40, the same video for
        all subjects), and the four ratings as given.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it lacks the file of a wanted subject.
    ValueError
        If an argument is not one of the above; no file has been read then.
    DataFormatError
        If a file is not what it should be; nothing is loaded then.

    See Also
    --------
    write_fake_deap : Invented files of the same form, to try this on.

    Notes
    -----
    Defaults that are ours: the four channels, 5.0 as the threshold, ties as high, and the
    baseline dropped. Other libraries decide otherwise (5.0 as low; 4.5 as the threshold; the
    median of each subject) and then have other labels, so these choices are kept in
    ``trials.choices``.

    Trials are in the order of the videos, not in that of the experiment. Leaving one subject
    out has ``metadata["subject"]`` as its groups; leaving one video out has ``"stimulus"``.

    The ``.dat`` files are pickles, which could make Python run anything. Here they are not
    unpickled: a reader that knows nothing but dicts of numeric arrays goes through them, and
    refuses a file with anything else in it.

    Every subject must have 40 trials of 40 channels and 8064 time points. Smaller ones are
    taken only from a file that says it is fake, as those of :func:`write_fake_deap` do.
    NaN and infinite values are looked for in the wanted channels. A flipped bit among the
    numbers cannot be noticed: the files carry no checksum.

    References
    ----------
    .. [1] Koelstra et al., "DEAP: A Database for Emotion Analysis Using Physiological
       Signals", IEEE Transactions on Affective Computing 2012, 3(1):18-31,
       doi 10.1109/T-AFFC.2011.15.
    .. [2] Zhou, Huang, Peng and Yin, "MS-iMamba", arXiv 2409.07589.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_fake_deap(folder, n_subjects=2, n_trials=6, n_times=384 + 256)
    ...     load_deap(folder, "arousal", threshold="subject_median", ties="drop")
    <Trials of DEAP: 12 trials x 4 channels x 256 time points (2 s at 128 Hz), 2 subjects; \
6 low, 6 high (majority 50 %); target arousal, threshold subject_median, ties drop, baseline drop>
    """
    if target not in RATINGS:
        raise ValueError(f"target must be one of {', '.join(RATINGS)}, got {target!r}.")
    if baseline not in BASELINES:
        raise ValueError(f"baseline must be one of {', '.join(BASELINES)}, got {baseline!r}.")
    binarise(np.empty(0), np.empty(0), threshold, ties)  # complains before any file is read
    picks = pick_channels(picks, EEG if isinstance(picks, str) else CHANNELS, FOUR)
    sources = _find_subjects(path, _check_subjects(subjects))

    read = partial(_read_subject, picks=picks, baseline=baseline, cache=cache)
    calls = [(source,) for source in sources.values()]
    parts = read_each(read, calls, n_jobs=n_jobs, verbose=verbose, unit="subject")

    eeg, ratings = map(list, zip(*parts, strict=True))
    del parts
    for source, trials in zip(sources.values(), eeg, strict=True):
        if trials.shape[2] != eeg[0].shape[2]:
            expected = f"{eeg[0].shape[2]} time points as in the first file"
            raise DataFormatError(source, expected, str(trials.shape[2]))

    subject = np.repeat(list(sources), [len(trials) for trials in eeg])
    stimulus = np.concatenate([np.arange(len(trials)) + 1 for trials in eeg])
    ratings = np.concatenate(ratings)
    y, keep = binarise(ratings[:, RATINGS.index(target)], subject, threshold, ties)
    metadata = pd.DataFrame(
        {
            "subject": subject,
            "session": 1,
            "trial": (subject - 1) * N_STIMULI + stimulus - 1,
            "stimulus": stimulus,
        }
        | dict(zip(RATINGS, ratings.T, strict=True))
    )
    return Trials(
        X=_stack(eeg, keep),
        y=y[keep],
        metadata=metadata[keep],
        sfreq=SFREQ,
        ch_names=[CHANNELS[i] for i in picks],
        label_names={0: "low", 1: "high"},
        name="DEAP",
        loader_params={
            "target": target,
            "threshold": threshold,
            "ties": ties,
            "baseline": baseline,
        },
    )


def _check_subjects(subjects):
    """Complain about what cannot be a list of subjects."""
    if subjects is None:
        return None
    wanted: list[int] = list(subjects) if np.iterable(subjects) else []
    numbers = [n for n in wanted if isinstance(n, Integral) and 1 <= n <= N_SUBJECTS]
    if not wanted or len(set(numbers)) < len(wanted):
        raise ValueError(
            f"subjects must be a list of numbers from 1 to {N_SUBJECTS}, each once, "
            f"got {subjects!r}."
        )
    return [int(n) for n in wanted]


def _find_subjects(path, wanted):
    """Find the file of each wanted subject, by number."""
    path = Path(path)
    for suffix, inner in FILES.items():
        for folder in (path, path / inner):
            there = {i: folder / f"s{i:02}{suffix}" for i in range(1, N_SUBJECTS + 1)}
            if not any(file.exists() for file in there.values()):
                continue
            for number in wanted or ():
                if not there[number].exists():
                    raise FileNotFoundError(
                        f"No file of subject {number}: expected {there[number]}."
                    )
            return {i: there[i] for i in wanted or there if there[i].exists()}
    raise FileNotFoundError(
        f"No file of DEAP in {path}: expected s01.dat to s32.dat, or s01.mat to s32.mat."
    )


def _read_subject(path, picks, baseline, cache):
    """Wanted channels of one subject's trials, and the ratings."""
    if cache is None:
        data, ratings = _read_file(path)
        X = _pick(data, picks)
    else:
        X, ratings = pick_cached(path, cache, picks, _read_file, _pick)
    names = ", ".join(CHANNELS[i] for i in picks)
    check_array(path, f"'data' of {names}", X, (None, None, None))
    if baseline == "subtract":
        X -= X[..., :N_BASELINE].mean(-1, keepdims=True, dtype=float).astype(X.dtype)
    return (X if baseline == "keep" else X[..., N_BASELINE:]), ratings


def _pick(data, picks):
    """Take channels as float32; what is too large for it becomes infinite."""
    with np.errstate(over="ignore"):
        return np.stack([data[:, i].astype(np.float32) for i in picks], axis=1)


def _read_file(path):
    """Give data of all channels, still in the file where that can be, and ratings."""
    if path.suffix == ".dat":
        content = read_arrays(path, EXPECTED)
    else:
        content = read_mat(path)
    data, ratings = (content.get(name) for name in ("data", "labels"))
    if data is None or ratings is None:
        keys = ", ".join(map(repr, list(content)[:5])) or "nothing"
        raise DataFormatError(path, EXPECTED, f"one of {keys}")
    n_trials, n_times = _expected_size(path, content.get("fake"))
    expected = f"'data' of shape ({n_trials}, {N_CHANNELS}, {n_times}) with real numbers"
    if not isinstance(data, np.ndarray) or data.dtype.kind not in "fiu":
        raise DataFormatError(path, expected, str(getattr(data, "dtype", type(data).__name__)))
    if data.shape != (n_trials, N_CHANNELS, n_times):
        raise DataFormatError(path, expected, f"shape {data.shape}")
    check_array(path, "'labels'", ratings, (n_trials, len(RATINGS)))
    outside = ratings[(ratings < 1) | (ratings > 9)]
    if outside.size:
        raise DataFormatError(path, "ratings from 1 to 9", f"{outside[0]:g}")
    return data, ratings.astype(float)


def _expected_size(path, mark):
    """Trials and time points: those of the set, or those that a fake says it has."""
    if mark is None:
        return N_STIMULI, N_TIMES
    mark = np.ravel(mark) if isinstance(mark, tuple | np.ndarray) else np.empty(0)
    if mark.shape != (2,) or not 1 <= mark[0] <= N_STIMULI or not N_BASELINE < mark[1] <= N_TIMES:
        raise DataFormatError(path, "the two numbers of a fake's size", "others")
    return int(mark[0]), int(mark[1])


def _stack(parts, keep):
    """Kept trials of all subjects under each other; each part is let go once it is copied."""
    X = np.empty((keep.sum(), *parts[0].shape[1:]), parts[0].dtype)
    row = start = 0
    while parts:
        part = parts.pop(0)
        kept = keep[start : start + len(part)]
        X[row : row + kept.sum()] = part[kept]
        row, start = row + kept.sum(), start + len(part)
    return X


def write_fake_deap(
    path: StrPath,
    *,
    n_subjects: int = 2,
    n_trials: int = 40,
    n_times: int = 8064,
    matlab: bool = False,
    random_state: Seed = 0,
) -> None:
    """Write invented files in the form of DEAP's, to try things before one has the real ones.

    All 40 channels hold 1/f noise; those of EEG share an alpha rhythm that grows a little with
    valence. Ratings are spread evenly from 1 to 9, and some are exactly 5.

    Parameters
    ----------
    path : path-like
        Folder for them; it is made if it is not there.
    n_subjects : int, default=2
        Number of files, at most 32.
    n_trials : int, default=40
        Trials of each, at most 40.
    n_times : int, default=8064
        Time points of a trial, at most 8064, of which the first 384 are the baseline.
    matlab : bool, default=False
        Whether to write ``s01.mat`` and so on; without it ``s01.dat``, byte for byte as
        Python 2 pickled arrays.
    random_state : int, RandomState instance or None, default=0
        Seed; None takes fresh entropy.

    Raises
    ------
    ValueError
        If a number is out of its range.
    FileExistsError
        If one of the files is there already: none is overwritten, and none is written.

    See Also
    --------
    load_deap : Read them.

    Notes
    -----
    A real file has 103 MB. Files with fewer trials or time points say so in a third entry,
    ``"fake"``, without which :func:`load_deap` would refuse them.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_fake_deap(folder, n_subjects=3, n_trials=4, n_times=384 + 128)
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['s01.dat', 's02.dat', 's03.dat']
    """
    for name, value, low, high in (
        ("n_subjects", n_subjects, 1, N_SUBJECTS),
        ("n_trials", n_trials, 1, N_STIMULI),
        ("n_times", n_times, N_BASELINE + 1, N_TIMES),
    ):
        if not isinstance(value, Integral) or not low <= value <= high:
            raise ValueError(f"{name} must be a number from {low} to {high}, got {value!r}.")
    rng = make_random_state(random_state)
    suffix = ".mat" if matlab else ".dat"
    files = [Path(path) / f"s{i:02}{suffix}" for i in range(1, n_subjects + 1)]
    make_room(files)
    for path in files:
        data, ratings = _invent_subject(rng, n_trials, n_times)
        content = {"labels": ratings, "data": data}
        if (n_trials, n_times) != (N_STIMULI, N_TIMES):
            content["fake"] = (n_trials, n_times)
        with open(path, "xb") as file:
            if matlab:
                savemat(file, content)
            else:
                file.writelines(_Python2Pickle().dump(content))


def _invent_subject(rng, n_trials, n_times):
    ratings = np.round(rng.uniform(1, 9, size=(n_trials, len(RATINGS))), 2)
    for column in ratings.T:
        column[rng.choice(n_trials, size=n_trials // 8, replace=False)] = 5
    time = np.arange(n_times) / SFREQ
    data = np.empty((n_trials, N_CHANNELS, n_times))
    for trial, valence in zip(data, ratings[:, 0], strict=True):
        amplitude = ALPHA_AMPLITUDE * np.exp((valence - 5) / 8)
        trial[:] = _pink_noise(rng, trial.shape)
        trial[: len(EEG)] += amplitude * np.sin(2 * np.pi * (10 * time + rng.uniform()))
    return data, ratings


class _Python2Pickle:
    """What ``cPickle.dump(..., protocol=2)`` of Python 2 writes of a dict of arrays.

    Python 3 cannot: it writes text and bytes with opcodes of their own.
    """

    def __init__(self):
        self.memo = {}

    def dump(self, content):
        yield b"\x80\x02}" + self.put() + b"("
        for key, value in content.items():
            yield self.text(key.encode()) + self.put()
            yield from self.array(value) if isinstance(value, np.ndarray) else self.pair(value)
        yield b"u."

    def put(self, name=None):
        index = len(self.memo) + 1
        self.memo[name or index] = index
        return b"q%c" % index

    def once(self, name, written):
        """Write a thing at its first use and recall it at every other."""
        return b"h%c" % self.memo[name] if name in self.memo else written + self.put(name)

    @staticmethod
    def text(text):
        return b"U%c" % len(text) + text

    @staticmethod
    def number(n):
        return b"K%c" % n if n < 256 else b"M" + n.to_bytes(2, "little")

    def pair(self, numbers):
        yield b"".join(map(self.number, numbers)) + b"\x86" + self.put()

    def array(self, array):
        yield self.once("_reconstruct", b"cnumpy.core.multiarray\n_reconstruct\n")
        yield self.once("ndarray", b"cnumpy\nndarray\n")
        yield b"K\x00\x85" + self.put() + self.once("b", self.text(b"b"))
        yield b"\x87" + self.put() + b"R" + self.put() + b"(K\x01"
        dimensions = b"".join(map(self.number, array.shape))
        yield (b"\x86" if array.ndim == 2 else b"\x87").join([dimensions, self.put()])
        if "f8" in self.memo:
            yield b"h%c" % self.memo["f8"]
        else:
            yield self.once("dtype", b"cnumpy\ndtype\n") + self.text(b"f8") + self.put()
            yield b"K\x00K\x01\x87" + self.put() + b"R" + self.put("f8")
            yield b"(K\x03" + self.text(b"<") + self.put() + b"NNN" + 2 * b"J\xff\xff\xff\xff"
            yield b"K\x00t" + self.put() + b"b"
        yield b"\x89T" + array.nbytes.to_bytes(4, "little") + array.astype("<f8").tobytes()
        yield self.put() + b"t" + self.put() + b"b"
