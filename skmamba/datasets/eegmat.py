"""Loader of EEGMAT, which is part of the package."""

from hashlib import sha256
from importlib.resources import files
from io import BytesIO

import numpy as np
import pandas as pd

from .._ch_names import CURRENT_NAMES
from .._selection import Selection
from .._validation import check_bool
from ..trials import Trials
from ._io import DataFormatError

MICROVOLTS_PER_COUNT = 0.1
CHECKSUMS = {
    "eegmat.npz": "a104af0c7866fa517cc30b7d217044f4d9d3cf88c84bc3b0dc0be0ae3dfee1b1",
    "eegmat_rest.npz": "dbec8d2eed61a622f1e6f3219c7f0c41e98682244bd0b127a908fee61b782ccf",
}


def load_eegmat(reference: bool = False) -> Trials:
    """Load EEGMAT: EEG of 20 subjects at rest and during mental arithmetic.

    Each subject has two trials of one minute: the last minute of rest before the task, and serial
    subtraction of two numbers. Each is a single recording, so that only cross-subject scores
    are evidence of an effect of the task (see the user guide). The data are part of the package
    (licence: ODC-By 1.0).

    Parameters
    ----------
    reference : bool, default=False
        Whether to return the first minute of rest of each subject as the reference of its two
        trials. It is bundled for Fp1, Fp2, F3 and F4, the only channels of ``X`` then. The trials
        at rest are the last minute of the same recording.

    Returns
    -------
    trials : Trials
        ``X`` of shape (40, 19, 7680), or (40, 4, 7680) like ``reference``, float32, in
        microvolts, 128 Hz. Labels: rest (0), arithmetic (1). Metadata: ``subject`` (number in the
        published data set), ``session`` (0), ``trial`` and ``segment`` (suffix of the published
        file: 2 rest, 3 arithmetic).

    Raises
    ------
    DataFormatError
        If a data file of the package was modified.

    References
    ----------
    .. [1] Zyma et al., "Electroencephalograms during Mental Arithmetic Task Performance",
       Data 2019, 4(1):14, doi 10.3390/data4010014. Files: PhysioNet, doi 10.13026/C2JQ1P.
    .. [2] Goldberger et al., "PhysioBank, PhysioToolkit, and PhysioNet", Circulation 2000,
       101(23):e215-e220.

    Examples
    --------
    >>> from skmamba.datasets import load_eegmat
    >>> load_eegmat()
    <Trials of EEGMAT: 40 trials x 19 channels x 7680 time points (60 s at 128 Hz), 20 subjects; \
20 rest, 20 arithmetic (majority 50 %)>
    """
    check_bool("reference", reference)
    data, shared = _read("eegmat.npz"), None
    picked = ch_names = data["ch_names"].tolist()
    if reference:
        rest = _read("eegmat_rest.npz")
        picked, subjects = rest["ch_names"].tolist(), rest["subject"].tolist()
        rows = np.array([subjects.index(subject) for subject in data["subject"]])
        shared = Selection(rest["X"], rows)
    return Trials(
        X=data["X"].take([ch_names.index(name) for name in picked], axis=1),
        y=data["y"].astype(int),
        metadata=pd.DataFrame(
            {
                "subject": data["subject"].astype(int),
                "session": 0,
                "trial": np.arange(len(data["y"])),
                "segment": data["segment"].astype(int),
            }
        ),
        sfreq=float(data["sfreq"]),
        ch_names=[CURRENT_NAMES.get(name, name) for name in picked],
        label_names={0: "rest", 1: "arithmetic"},
        name="EEGMAT",
        reference=shared,  # type: ignore[arg-type]
    )


def _read(name):
    """Return the arrays of a file of the package, ``X`` in microvolts."""
    path = files("skmamba.datasets") / "data" / name
    content = path.read_bytes()
    if sha256(content).hexdigest() != CHECKSUMS[name]:
        raise DataFormatError(str(path), "the file of the package", "another: install it again")
    with np.load(BytesIO(content)) as data:
        arrays = dict(data)
    return arrays | {"X": arrays["X"] * np.float32(MICROVOLTS_PER_COUNT)}
