"""Loader of EEGMAT, which is part of the package."""

from hashlib import sha256
from importlib.resources import files
from io import BytesIO

import numpy as np
import pandas as pd

from .._ch_names import CURRENT_NAMES
from ..trials import Trials
from ._io import DataFormatError

MICROVOLTS_PER_COUNT = 0.1
CHECKSUM = "a104af0c7866fa517cc30b7d217044f4d9d3cf88c84bc3b0dc0be0ae3dfee1b1"


def load_eegmat() -> Trials:
    """Load EEGMAT: EEG of 20 subjects at rest and during mental arithmetic.

    Each subject has two trials of one minute: the last minute of rest before the task, and serial
    subtraction of two numbers. Each of them is a single recording, so that only scores across
    subjects are evidence for the task (see the user guide). The data are a part of the package
    (licence: ODC-By 1.0).

    Returns
    -------
    trials : Trials
        ``X`` of shape (40, 19, 7680), float32, in microvolts, 128 Hz. Labels: rest (0), arithmetic
        (1). Metadata: ``subject`` (number in the published data set), ``session`` (0), ``trial``
        and ``segment`` (suffix of the published file: 2 rest, 3 arithmetic).

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
    path = files("skmamba.datasets") / "data/eegmat.npz"
    content = path.read_bytes()
    if sha256(content).hexdigest() != CHECKSUM:
        raise DataFormatError(str(path), "the file of the package", "another: install it again")
    with np.load(BytesIO(content)) as data:
        return Trials(
            X=data["X"] * np.float32(MICROVOLTS_PER_COUNT),
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
            ch_names=[CURRENT_NAMES.get(name, name) for name in data["ch_names"].tolist()],
            label_names={0: "rest", 1: "arithmetic"},
            name="EEGMAT",
        )
