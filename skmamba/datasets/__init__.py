"""Loaders of data sets, simulated trials, and writers of synthetic files.

``CHANNELS`` holds the EEG channels of each data set in the order of the files.
"""

from . import deap, dreamer, seed
from ._fakes import write_fake_deap, write_fake_dreamer, write_fake_seed, write_fake_seed_iv
from ._io import DataFormatError
from .csv import read_raw_csv
from .deap import load_deap
from .dreamer import load_dreamer
from .eegmat import load_eegmat
from .seed import load_seed, load_seed_iv
from .sequence_learning import load_sequence_learning
from .simulated import simulate_trials
from .ssvep_exo import load_ssvep_exo

CHANNELS = {
    "deap": tuple(deap.CH_NAMES),
    "dreamer": tuple(dreamer.CH_NAMES),
    "seed": tuple(seed.CH_NAMES),
    "seed-iv": tuple(seed.CH_NAMES),
}

__all__ = [
    "DataFormatError",
    "load_deap",
    "load_dreamer",
    "load_eegmat",
    "load_seed",
    "load_seed_iv",
    "load_sequence_learning",
    "load_ssvep_exo",
    "read_raw_csv",
    "simulate_trials",
    "write_fake_deap",
    "write_fake_dreamer",
    "write_fake_seed",
    "write_fake_seed_iv",
]
