"""Loader of DEAP."""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from .._copies import warn_of_copies
from .._types import StrPath
from .._validation import check_option
from ..trials import Trials
from . import _io
from ._cache import read_cached
from ._io import DataFormatError
from ._matlab import read_mat
from ._pickle import read_arrays

N_SUBJECTS, N_STIMULI, N_CHANNELS, N_TIMES = 32, 40, 40, 8064
SFREQ = 128
N_BASELINE = 3 * SFREQ
DeapRating: TypeAlias = Literal["valence", "arousal", "dominance", "liking"]
RATINGS = get_args(DeapRating)
CH_NAMES = (
    "Fp1 AF3 F3 F7 FC5 FC1 C3 T7 CP5 CP1 P3 P7 PO3 O1 Oz Pz "
    "Fp2 AF4 Fz F4 F8 FC6 FC2 Cz C4 T8 CP6 CP2 P4 P8 PO4 O2"
).split()
PERIPHERAL = "hEOG vEOG zEMG tEMG GSR Respiration Plethysmograph Temperature".split()
THRESHOLD = 5.0  # the middle of the scale
FOUR = ("Fp1", "Fp2", "AF3", "AF4")
FOLDERS = {".dat": "data_preprocessed_python", ".mat": "data_preprocessed_matlab"}
SOURCE = "https://www.eecs.qmul.ac.uk/mmv/datasets/deap/"
EXPECTED = "a dict of the arrays 'data' and 'labels'"


def load_deap(
    path: StrPath,
    target: DeapRating | Sequence[DeapRating] = "valence",
    *,
    subjects: int | Iterable[int] | None = None,
    picks: Literal["four", "all"] | list[str] | tuple[str, ...] = "four",
    threshold: float | Literal["subject_median"] = THRESHOLD,
    ties: Literal["high", "low", "drop"] = "high",
    baseline: Literal["drop", "subtract", "keep", "reference"] = "drop",
    n_jobs: int | None = 1,
    verbose: bool | None = None,
    cache: StrPath | None = None,
) -> Trials:
    """Load DEAP: 32 subjects watch and rate 40 music videos of one minute.

    The files are available on request: https://www.eecs.qmul.ac.uk/mmv/datasets/deap/. Files,
    choices and pitfalls are described in the user guide.

    Parameters
    ----------
    path : path-like
        Folder of ``s01.dat`` to ``s32.dat`` or ``s01.mat`` to ``s32.mat``, or its parent; ``.dat``
        files take precedence.
    target : {"valence", "arousal", "dominance", "liking"} or list of them, default="valence"
        Rating that becomes the label, low or high. With a list, such as ``["valence", "arousal"]``,
        ``y`` has the ratings themselves, shape (n_trials, n_targets), for regressors.
    subjects : int or list of int, default=None
        Numbers from 1 to 32, in the requested order; None loads all that are present.
    picks : "four", "all" or list of str, default="four"
        ``"four"``: Fp1, Fp2, AF3 and AF4, as in the MS-iMamba paper. ``"all"``: the 32 EEG
        channels in the order of the file. A list may also contain the peripheral channels hEOG,
        vEOG, zEMG, tEMG, GSR, Respiration, Plethysmograph and Temperature.
    threshold : float or "subject_median", default=5.0
        A rating above it is high; ``"subject_median"`` is the median of each subject's ratings.
        It applies to a single target, like ``ties``.
    ties : {"high", "low", "drop"}, default="high"
        Class of a rating equal to the threshold; ``"drop"`` excludes the trial.
    baseline : {"drop", "subtract", "keep", "reference"}, default="drop"
        Use of the 3 s before each video: ``"drop"`` excludes them, ``"subtract"`` also subtracts
        their mean from each channel, ``"keep"`` leaves them at the beginning of the trial,
        ``"reference"`` returns them as ``reference`` of the trial.
    n_jobs : int or None, default=1
        Number of processes that read files.
    verbose : bool, default=None
        Whether to show a progress bar; None shows it if stderr is a terminal.
    cache : path-like, default=None
        Folder for compact copies of the files, half their size, from which later loads read the
        picked channels. A file with another path, size or modification time is read again.

    Returns
    -------
    trials : Trials
        ``X`` of shape (n_trials, n_channels, 7680), or 8064 with ``baseline="keep"``, float32, in
        microvolts for EEG and EOG. Metadata: ``subject``, ``session`` (1), ``trial`` (independent
        of the selection), ``stimulus`` (1 to 40, the same video for all subjects) and the
        four ratings.

    Raises
    ------
    FileNotFoundError
        If the path, or a file of a subject, does not exist.
    DataFormatError
        If a file does not have the format of the data set; nothing is loaded.
    ValueError
        If a parameter is invalid.

    References
    ----------
    .. [1] Koelstra et al., "DEAP: A Database for Emotion Analysis Using Physiological
       Signals", IEEE Transactions on Affective Computing 2012, 3(1):18-31,
       doi 10.1109/T-AFFC.2011.15.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skmamba.datasets import load_deap, write_fake_deap
    >>> with TemporaryDirectory() as folder:
    ...     write_fake_deap(folder, n_subjects=2, n_trials=6, n_times=384 + 256)
    ...     load_deap(folder, "arousal", threshold="subject_median", ties="drop")
    <Trials of DEAP arousal: 12 trials x 4 channels x 256 time points (2 s at 128 Hz), 2 subjects; \
6 low, 6 high (majority 50 %); target arousal, threshold subject_median, ties drop, baseline drop>
    """
    rule = _io.check_rule(target, threshold, ties, THRESHOLD, RATINGS)
    check_option("baseline", baseline, _io.BASELINES)
    channels = CH_NAMES if isinstance(picks, str) else CH_NAMES + PERIPHERAL
    picks = _io.pick_indices(picks, channels, FOUR)
    files = _find_files(Path(path), _io.check_numbers("subjects", subjects, N_SUBJECTS))

    read = partial(_read_subject, picks=picks, baseline=baseline, cache=cache)
    calls = [(file,) for file in files.values()]
    parts = _io.read_files(read, calls, n_jobs=n_jobs, verbose=verbose, unit="subject")
    recordings, ratings = map(list, zip(*parts, strict=True))
    del parts  # pop_all frees each recording after its copy
    n_times = recordings[0].shape[2]
    for file, recording in zip(files.values(), recordings, strict=True):
        if recording.shape[2] != n_times:
            expected = f"{n_times} time points as in the first file"
            raise DataFormatError(file, expected, str(recording.shape[2]))

    metadata = _make_metadata(list(files), ratings)
    y, keep, label_names = _io.make_labels(metadata, rule, THRESHOLD)
    dtype = np.dtype((recordings[0].dtype, recordings[0].shape[1:]))
    kept = compress(_io.pop_all(recordings), keep)
    X, reference = np.fromiter(kept, dtype, np.count_nonzero(keep)), None
    if baseline == "reference":
        X, reference = X[..., N_BASELINE:], X[..., :N_BASELINE]
    trials = Trials(
        X=X,
        y=y[keep],
        metadata=metadata[keep],
        sfreq=SFREQ,
        ch_names=[channels[i] for i in picks],
        label_names=label_names,
        name=_io.name_with_target("DEAP", target),
        loader_params=rule | {"baseline": baseline},
        reference=reference,
    )
    return warn_of_copies(trials)


def _find_files(path, subjects):
    """Return the file of each selected subject by number."""
    for suffix, inner in FOLDERS.items():
        for folder in (path, path / inner):
            entries = {file.name.lower(): file for file in _io.list_folder(folder)}
            names = {i: f"s{i:02}{suffix}" for i in range(1, N_SUBJECTS + 1)}
            files = {i: entries.get(name, folder / name) for i, name in names.items()}
            present = [i for i in files if names[i] in entries]
            missing = [i for i in subjects or () if i not in present]
            if present and missing:
                raise FileNotFoundError(f"No file of subject {missing[0]}: {files[missing[0]]}.")
            if present:
                return {i: files[i] for i in subjects or present}
    return _io.fail_missing(
        "contain s01.dat to s32.dat or s01.mat to s32.mat of DEAP", path, SOURCE
    )


def _read_subject(path, picks, baseline, cache):
    """Return picked channels of one subject's trials, and the ratings."""
    if cache is None:
        data, ratings = _read_file(path)
        X = _pick(data, picks)
    else:
        X, ratings = read_cached(path, cache, picks, _read_file, _pick)
    names = ", ".join((CH_NAMES + PERIPHERAL)[i] for i in picks)
    _io.check_array(path, f"'data' of {names}", X, (None, None, None))
    if baseline == "subtract":
        X -= X[..., :N_BASELINE].mean(-1, keepdims=True, dtype=float).astype(X.dtype)
    return (X if baseline in ("keep", "reference") else X[..., N_BASELINE:]), ratings


def _pick(data, picks):
    """Return channels as float32; values too large for it become infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.stack([data[:, i].astype(np.float32) for i in picks], axis=1)


def _read_file(path):
    """Return data of all channels, for ``.dat`` a view of the file, and ratings."""
    content = read_arrays(path, EXPECTED) if path.suffix.lower() == ".dat" else read_mat(path)
    data, ratings = content.get("data"), content.get("labels")
    if data is None or ratings is None:
        keys = ", ".join(map(repr, list(content)[:5])) or "nothing"
        raise DataFormatError(path, EXPECTED, f"one of {keys}")
    n_trials, n_times = _get_size(path, content.get("fake"))
    _io.check_shape(path, "'data'", data, (n_trials, N_CHANNELS, n_times))
    _io.check_array(path, "'labels'", ratings, (n_trials, len(RATINGS)))
    outside = ratings[(ratings < 1) | (ratings > 9)]
    if outside.size:
        raise DataFormatError(path, "ratings from 1 to 9", f"{outside[0]:g}")
    return data, ratings.astype(float)


def _get_size(path, fake):
    """Return numbers of trials and samples: those of DEAP, or those a synthetic file declares."""
    if fake is None:
        return N_STIMULI, N_TIMES
    size = np.ravel(fake) if isinstance(fake, tuple | np.ndarray) else np.empty(0)
    if size.shape != (2,) or not 1 <= size[0] <= N_STIMULI or not N_BASELINE < size[1] <= N_TIMES:
        raise DataFormatError(path, "the two numbers of a synthetic file's size", "others")
    return int(size[0]), int(size[1])


def _make_metadata(subjects, ratings):
    """Return the rows of all trials, before any is dropped."""
    subject = np.repeat(subjects, [len(part) for part in ratings])
    stimulus = np.concatenate([np.arange(len(part)) + 1 for part in ratings])
    trial = (subject - 1) * N_STIMULI + stimulus - 1
    rows = {"subject": subject, "session": 1, "trial": trial, "stimulus": stimulus}
    return pd.DataFrame(rows | dict(zip(RATINGS, np.concatenate(ratings).T, strict=True)))
