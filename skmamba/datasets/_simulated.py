"""Invented EEG with a known truth."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from .._types import Seed
from .._validation import check_option, make_random_state
from ..trials import Trials

CH_NAMES = "Fp1 Fp2 F3 F4 F7 F8 T7 T8 C3 C4 P7 P8 P3 P4 O1 O2 Fz Cz Pz".split()
NOISE_RMS = 10.0  # microvolt
ALPHA_AMPLITUDE = 10.0  # microvolt
OFFSET = 5.0  # microvolt
# So few and so short that a filter of a quarter of a second hardly reaches two of them.
WAVES = 1.8  # a second
WAVE_FREQUENCY = 4.0  # hertz
WAVE_WIDTH = 0.05  # standard deviation of its envelope, in seconds
WAVE_AMPLITUDE = 75.0  # microvolt

TRUTHS = ("strength", "agreement", "synchrony", "slow rhythm")


def simulate_trials(
    n_subjects: int = 4,
    n_trials: int = 10,
    n_channels: int = 4,
    n_times: int = 512,
    sfreq: float = 128.0,
    *,
    n_classes: int = 2,
    signal: Literal["strength", "agreement", "synchrony", "slow rhythm"] = "strength",
    effect: float = 1.0,
    subject_spread: float = 0.3,
    random_state: Seed = 0,
) -> Trials:
    """Invent EEG: 1/f noise and a rhythm in which a known truth tells the class.

    The truths ask different things of a model. The first is for everyday use; each of the others
    is hidden from whoever looks at channels one by one, or at a quarter of a second at a time.

    Parameters
    ----------
    n_subjects : int, default=4
        Number of people.
    n_trials : int, default=10
        Trials of each; classes as even as this number allows.
    n_channels, n_times : int, default=4, 512
        Size of a trial.
    sfreq : float, default=128
        Sampling rate in hertz.
    n_classes : int, default=2
        Number of classes, 0, 1, ...
    signal : {"strength", "agreement", "synchrony", "slow rhythm"}, default="strength"
        What tells the class.

        - strength: how strong the alpha rhythm is, the same one in all channels.
        - agreement: whether alpha is as strong in the second channel as in the first; with
          more classes, by how many levels it is stronger, counted round. Every channel's level
          is drawn anew for each trial, so a channel alone tells nothing.
        - synchrony: how far alpha of the second channel is out of phase with that of the first.
          Its strength tells nothing.
        - slow rhythm: how far slow waves, 1.8 a second in all channels, are by turns out of
          phase. When they are alike the rhythm has the rate of the waves; when every second one
          is upside down, half of it. A single wave tells nothing.
    effect : float, default=1.0
        How much of the truth is planted: the log ratio of alpha amplitudes between one class and
        the next (strength), or between one level and the next (agreement); for synchrony and
        slow rhythm, by how much the log ratio of the amplitude of sum to difference, of the two
        channels or of neighbouring waves, grows from one class to the next. With 0 there is
        nothing to find.
    subject_spread : float, default=0.3
        How much people differ: the standard deviation of their log amplitude, of their alpha
        frequency around 10 Hz (in 2 Hz) or the log of their rate of waves (in 0.2), and of each
        channel's constant offset (in 5 microvolt).
    random_state : int, RandomState instance or None, default=0
        Seed of everything above; None takes fresh entropy.

    Returns
    -------
    trials : Trials
        ``X`` of shape (n_subjects * n_trials, n_channels, n_times), float32, in microvolt.

    Raises
    ------
    ValueError
        If there is no such signal, or it needs two channels and there is one.

    Notes
    -----
    Channels, or neighbouring waves, that differ in phase by
    ``2 * arctan(exp(-effect * (y - (n_classes - 1) / 2)))`` have the wanted ratio of sum to
    difference, and each alone is the same in all classes. With two classes and an effect of 3
    the lags are 155 and 25 degrees. The rate of waves also differs by up to 20 % from one trial to
    another.

    Examples
    --------
    >>> simulate_trials(n_subjects=3, n_trials=4)
    <Trials of simulation: 12 trials x 4 channels x 512 time points (4 s at 128 Hz), \
3 subjects; 6 of class 0, 6 of class 1 (majority 50 %)>
    """
    check_option("signal", signal, TRUTHS)
    if signal in ("agreement", "synchrony") and n_channels < 2:
        raise ValueError(f"signal={signal!r} needs n_channels of at least 2, got {n_channels}.")
    rng = make_random_state(random_state)
    y = np.stack([rng.permutation(np.arange(n_trials) % n_classes) for _ in range(n_subjects)])
    people = rng.normal(scale=subject_spread, size=(2, n_subjects, 1, 1))
    offsets = OFFSET * rng.normal(scale=subject_spread, size=(n_subjects, 1, n_channels, 1))
    middle = (n_classes - 1) / 2
    lag = 2 * np.arctan(np.exp(-effect * (y - middle)))
    if signal == "slow rhythm":
        signal = _slow_waves(rng, people, lag[..., None], n_times, sfreq)
    else:
        level, phase = _draw_alpha(rng, signal, y, n_classes, lag, n_channels)
        signal = _alpha(people, effect * (level - middle), phase, n_times, sfreq)

    X = _pink_noise(rng, (n_subjects, n_trials, n_channels, n_times)) + signal + offsets
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
    if signal == "strength":
        return y[..., None], phase
    if signal == "synchrony":
        phase[..., 1] = phase[..., 0] + lag
        return np.full(shape, (n_classes - 1) / 2), phase
    level = rng.randint(n_classes, size=shape)
    level[..., 1] = (level[..., 0] + y) % n_classes
    return level, phase


def _alpha(people, strength, phase, n_times, sfreq):
    """Sines of each person's frequency and strength, (n_subjects, n_trials, channels, n_times)."""
    amplitude = ALPHA_AMPLITUDE * np.exp(people[0] + strength)
    angle = 2 * np.pi * (10 + 2 * people[1, ..., None]) * np.arange(n_times) / sfreq
    return amplitude[..., None] * np.sin(angle + phase[..., None])


def _slow_waves(rng, people, lag, n_times, sfreq):
    """Waves that lag by turns, (n_subjects, n_trials, 1, n_times): the same in all channels."""
    shape = (*lag.shape[:2], 1)
    # At one rate, each class would have its lines in the spectrum, and band power would tell.
    rate = WAVES * np.exp(0.2 * people[1]) * rng.uniform(0.8, 1.2, size=shape)
    cycle = rate * np.arange(n_times) / sfreq + rng.uniform(0, 2, size=shape)
    number = np.round(cycle)
    since = (cycle - number) / rate  # seconds from the middle of a wave
    phase = rng.uniform(0, 2 * np.pi, size=shape) + lag * (number % 2)
    envelope = np.exp(-np.square(since / WAVE_WIDTH) / 2)
    waves = envelope * np.sin(2 * np.pi * WAVE_FREQUENCY * since + phase)
    return (WAVE_AMPLITUDE * np.exp(people[0]) * waves)[:, :, None]


def _pink_noise(rng, shape):
    """Noise whose power falls as 1/f, with an RMS of NOISE_RMS."""
    spectrum = np.fft.rfft(rng.normal(size=shape))
    spectrum[..., 1:] /= np.sqrt(np.arange(1, spectrum.shape[-1]))
    spectrum[..., 0] = 0
    noise = np.fft.irfft(spectrum, n=shape[-1])
    rms = np.sqrt(np.square(noise).mean(-1, keepdims=True))
    return NOISE_RMS * noise / np.maximum(rms, np.finfo(float).tiny)
