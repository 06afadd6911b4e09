"""EEGMAT: rest against mental arithmetic, bundled with the package.

Source: PhysioNet ``eegmat`` 1.0.0, doi 10.13026/C2JQ1P, ODC-By 1.0; see
``data/eegmat.LICENSE.md`` beside the data for what was done to it and how to cite it.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pandas as pd

from .._ch_names import CURRENT_NAMES
from ..trials import Trials

MICROVOLT_PER_COUNT = 0.1
# The file has the names of the original 10-20 system; MNE, DEAP and SEED have the present ones.


def load_eegmat() -> Trials:
    """Load real EEG of 20 people at rest and doing mental arithmetic.

    Every person gives two trials of one minute: the last minute of rest before the task, and
    serial subtraction of two numbers. It needs no download.

    ==============  ==========================================================
    subjects        20 (of the 36 published)
    trials          40: one ``rest`` (0) and one ``arithmetic`` (1) a subject
    channels        19, 10-20 system, linked-ear reference
    sfreq           128 Hz (recorded at 500 Hz), 0.5 to 45 Hz, artefacts removed
    licence         ODC-By 1.0
    ==============  ==========================================================

    Returns
    -------
    trials : Trials
        ``X`` of shape (40, 19, 7680), float32, in microvolt. Metadata: ``subject`` (number in
        the published set), ``session``, ``trial`` and ``segment`` (2 rest, 3 arithmetic, the
        published file's suffix).

    Notes
    -----
    Each class of a subject is one recording. A score from splits within a subject therefore
    measures which recording a window is from, whatever the task: only scores across subjects
    are evidence.

    The old names T3, T4, T5, T6 are given as T7, T8, P7, P8.

    References
    ----------
    .. [1] Zyma et al., "Electroencephalograms during Mental Arithmetic Task Performance",
       Data 2019, 4(1):14, doi 10.3390/data4010014.
    .. [2] Goldberger et al., "PhysioBank, PhysioToolkit, and PhysioNet", Circulation 2000,
       101(23):e215-e220.

    Examples
    --------
    >>> load_eegmat()
    <Trials of EEGMAT: 40 trials x 19 channels x 7680 time points (60 s at 128 Hz), 20 subjects; \
20 rest, 20 arithmetic (majority 50 %)>
    """
    with (files("skmamba.datasets") / "data/eegmat.npz").open("rb") as file, np.load(file) as data:
        return Trials(
            X=data["X"] * np.float32(MICROVOLT_PER_COUNT),
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
