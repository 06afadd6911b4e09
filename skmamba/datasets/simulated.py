"""Simulated EEG whose classes differ in a known signal."""

from typing import Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from .._types import Seed
from .._validation import check_int, check_number, check_option, make_random_state
from ..trials import Trials

CH_NAMES = "Fp1 Fp2 F3 F4 F7 F8 T7 T8 C3 C4 P7 P8 P3 P4 O1 O2 Fz Cz Pz".split()
NOISE_RMS = 10.0  # microvolts
ALPHA_AMPLITUDE = 10.0  # microvolts
OFFSET = 5.0  # microvolts
# The slow waves are so sparse and short that a filter of 0.25 s rarely covers two of them.
WAVE_RATE = 1.8  # per second
WAVE_FREQUENCY = 4.0  # hertz
WAVE_WIDTH = 0.05  # standard deviation of the envelope, in seconds
WAVE_AMPLITUDE = 75.0  # microvolts
RESPONSE_LATENCY, RESPONSE_WIDTH = 0.3, 0.1  # seconds, after each whole second of a trial
RESPONSE = 20.0  # peak, in microvolts
DRIFT = 20.0  # microvolts, at the end of a trial
SOURCE_SPREAD = 1.0  # radians on a circle of sources, as by volume conduction
SENSOR_NOISE = 1.0  # microvolts, in the channels
Signal: TypeAlias = Literal[
    "strength", "source", "agreement", "synchrony", "slow rhythm", "evoked response", "drift"
]


def simulate_trials(
    n_subjects: int = 4,
    n_trials: int = 10,
    n_channels: int = 4,
    n_times: int = 512,
    sfreq: float = 128.0,
    *,
    n_classes: int = 2,
    signal: Signal = "strength",
    effect: float = 1.0,
    subject_spread: float = 0.3,
    random_state: Seed = 0,
) -> Trials:
    """Simulate EEG: 1/f noise and a rhythm that depends on the class.

    ``signal="strength"`` changes the power of single channels. Others require a model that
    combines channels, or samples half a second apart, or one that uses the sign of the signal (see
    the user guide).

    Parameters
    ----------
    n_subjects : int, default=4
        Number of subjects.
    n_trials : int, default=10
        Number of trials of each subject; classes are as balanced as this number allows.
    n_channels, n_times : int, default=4, 512
        Size of a trial.
    sfreq : float, default=128
        Sampling rate in hertz.
    n_classes : int, default=2
        Number of classes, labelled 0, 1, ...
    signal : {"strength", "source", "agreement", "synchrony", "slow rhythm", "evoked response", \
            "drift"}, default="strength"
        Difference between the classes.

        - strength: amplitude of the alpha rhythm, which is the same in all channels.
        - source: amplitude of alpha in the first of ``n_channels`` sources on a circle, of which
          each channel is a weighted sum.
        - agreement: difference between the levels of alpha in the first two channels, modulo
          ``n_classes``.
        - synchrony: phase lag between alpha in the first two channels.
        - slow rhythm: phase lag between successive slow waves, about 1.8 per second.
        - evoked response: sign and amplitude of two peaks, 0.2 and 0.4 s after each whole second.
        - drift: slope of a line over the trial.
    effect : float, default=1.0
        Size of the difference; 0 is no difference. Strength, source, agreement: log ratio of alpha
        amplitudes between classes or levels. Synchrony, slow rhythm: difference between classes
        in the log amplitude ratio of sum to difference, of two channels or successive waves.
        Evoked response, drift: difference between classes, in units of 20 microvolts, of the peak
        or of the end of the line.
    subject_spread : float, default=0.3
        Standard deviation between subjects of the log amplitude, of the alpha frequency (in units
        of 2 Hz) or log rate of waves (units of 0.2), and of channel offsets (units of 5
        microvolts).
    random_state : int, RandomState instance or None, default=0
        Seed; None draws fresh entropy.

    Returns
    -------
    trials : Trials
        ``X`` of shape (n_subjects * n_trials, n_channels, n_times), float32, in microvolts.

    Raises
    ------
    ValueError
        If a parameter is out of range, or ``signal`` requires more channels.

    Examples
    --------
    >>> from skmamba.datasets import simulate_trials
    >>> simulate_trials(n_subjects=3, n_trials=4)
    <Trials of simulation: 12 trials x 4 channels x 512 time points (4 s at 128 Hz), \
3 subjects; 6 of class 0, 6 of class 1 (majority 50 %)>
    """
    check_option("signal", signal, get_args(Signal))
    sizes = {"n_subjects": n_subjects, "n_trials": n_trials, "n_channels": n_channels}
    for name, value in (sizes | {"n_times": n_times, "n_classes": n_classes}).items():
        check_int(name, value)
    check_number("sfreq", sfreq)
    check_number("subject_spread", subject_spread, zero=True)
    check_number("effect", effect, negative=True)
    if signal in ("agreement", "synchrony") and n_channels < 2:
        raise ValueError(f"n_channels must be at least 2 for signal={signal!r}, got {n_channels}.")
    rng = make_random_state(random_state)
    y = np.stack([rng.permutation(np.arange(n_trials) % n_classes) for _ in range(n_subjects)])
    # log amplitude and rate of each subject
    traits = rng.normal(scale=subject_spread, size=(2, n_subjects, 1, 1))
    offsets = OFFSET * rng.normal(scale=subject_spread, size=(n_subjects, 1, n_channels, 1))
    middle = (n_classes - 1) / 2
    lag = 2 * np.arctan(np.exp(-effect * (y - middle)))
    if signal == "slow rhythm":
        rhythm = _make_slow_waves(rng, traits, lag[..., None], n_times, sfreq)
    elif signal in ("evoked response", "drift"):
        line = DRIFT * np.linspace(-1, 1, n_times)
        shape = line if signal == "drift" else _make_responses(n_times, sfreq)
        rhythm = np.exp(traits[0, ..., None]) * effect * (y - middle)[..., None, None] * shape
    else:
        level, phase = _draw_alpha(rng, signal, y, n_classes, lag, n_channels)
        rhythm = _make_alpha(traits, effect * (level - middle), phase, n_times, sfreq)

    X = _make_pink_noise(rng, (n_subjects, n_trials, n_channels, n_times)) + rhythm
    if signal == "source":
        X = _mix_sources(n_channels) @ X + rng.normal(scale=SENSOR_NOISE, size=X.shape)
    X += offsets
    subject = np.repeat(np.arange(n_subjects), n_trials)
    return Trials(
        X=X.reshape(-1, n_channels, n_times).astype("float32"),
        y=y.ravel(),
        metadata=pd.DataFrame(
            {"subject": subject, "session": 0, "trial": np.arange(n_subjects * n_trials)}
        ),
        sfreq=sfreq,
        ch_names=[CH_NAMES[i] if i < len(CH_NAMES) else f"EEG{i}" for i in range(n_channels)],
        name="simulation",
    )


def _draw_alpha(rng, signal, y, n_classes, lag, n_channels):
    """Draw level and phase of alpha, (n_subjects, n_trials, n_channels) or 1 for all channels."""
    shape = (*y.shape, 1 if signal == "strength" else n_channels)
    phase = rng.uniform(0, 2 * np.pi, size=shape)
    level = np.full(shape, (n_classes - 1) / 2)
    if signal in ("strength", "source"):
        level[..., 0] = y
    elif signal == "synchrony":
        phase[..., 1] = phase[..., 0] + lag
    else:
        level = rng.randint(n_classes, size=shape)
        level[..., 1] = (level[..., 0] + y) % n_classes
    return level, phase


def _mix_sources(n_channels):
    """Return the weights of the sources in each channel, (n_channels, n_channels)."""
    angle = 2 * np.pi * np.arange(n_channels) / n_channels
    distance = np.angle(np.exp(1j * np.subtract.outer(angle, angle)))  # -pi to pi
    weights = np.exp(-np.square(distance / SOURCE_SPREAD))
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)


def _make_alpha(traits, log_amplitude, phase, n_times, sfreq):
    """Return sines of shape (n_subjects, n_trials, n_channels, n_times)."""
    amplitude = ALPHA_AMPLITUDE * np.exp(traits[0] + log_amplitude)
    angle = 2 * np.pi * (10 + 2 * traits[1, ..., None]) * np.arange(n_times) / sfreq
    return amplitude[..., None] * np.sin(angle + phase[..., None])


def _make_slow_waves(rng, traits, lag, n_times, sfreq):
    """Return waves with alternating lag of shape (n_subjects, n_trials, 1, n_times)."""
    shape = (*lag.shape[:2], 1)
    # A single rate would give each class its own spectral lines, visible in band power.
    rate = WAVE_RATE * np.exp(0.2 * traits[1]) * rng.uniform(0.8, 1.2, size=shape)
    cycle = rate * np.arange(n_times) / sfreq + rng.uniform(0, 2, size=shape)
    number = np.round(cycle)
    time = (cycle - number) / rate  # seconds from the middle of the wave
    phase = rng.uniform(0, 2 * np.pi, size=shape) + lag * (number % 2)
    envelope = np.exp(-np.square(time / WAVE_WIDTH) / 2)
    waves = envelope * np.sin(2 * np.pi * WAVE_FREQUENCY * time + phase)
    return (WAVE_AMPLITUDE * np.exp(traits[0]) * waves)[:, :, None]


def _make_responses(n_times, sfreq):
    """Return a positive and a negative peak after each whole second, of shape (n_times,)."""
    time = (np.arange(n_times) / sfreq % 1 - RESPONSE_LATENCY) / RESPONSE_WIDTH
    return -RESPONSE * time * np.exp((1 - np.square(time)) / 2)


def _make_pink_noise(rng, shape):
    """Return noise with power proportional to 1/f and an RMS of NOISE_RMS."""
    spectrum = np.fft.rfft(rng.normal(size=shape))
    spectrum[..., 1:] /= np.sqrt(np.arange(1, spectrum.shape[-1]))
    spectrum[..., 0] = 0
    noise = np.fft.irfft(spectrum, n=shape[-1])
    rms = np.sqrt(np.square(noise).mean(-1, keepdims=True))
    return NOISE_RMS * noise / np.maximum(rms, np.finfo(float).tiny)
