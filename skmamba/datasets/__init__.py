"""Sources of trials."""

from ._eegmat import load_eegmat
from ._files import DataFormatError
from ._simulated import simulate_trials

__all__ = ["DataFormatError", "load_eegmat", "simulate_trials"]
