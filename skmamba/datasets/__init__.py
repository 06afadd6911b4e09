"""Sources of trials."""

from ._eegmat import load_eegmat
from ._simulated import simulate_trials

__all__ = ["load_eegmat", "simulate_trials"]
