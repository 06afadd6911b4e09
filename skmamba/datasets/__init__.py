"""Sources of trials."""

from ._deap import load_deap, write_fake_deap
from ._dreamer import load_dreamer, write_fake_dreamer
from ._eegmat import load_eegmat
from ._files import DataFormatError
from ._seed import load_seed, load_seed_iv, write_fake_seed, write_fake_seed_iv
from ._simulated import simulate_trials

__all__ = [
    "DataFormatError",
    "load_deap",
    "load_dreamer",
    "load_eegmat",
    "load_seed",
    "load_seed_iv",
    "simulate_trials",
    "write_fake_deap",
    "write_fake_dreamer",
    "write_fake_seed",
    "write_fake_seed_iv",
]
