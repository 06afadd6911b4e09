"""Invented EEG with a known truth."""

import numpy as np
import pandas as pd

from ..trials import Trials
from ._arguments import make_rng

CH_NAMES = "Fp1 Fp2 F3 F4 F7 F8 T7 T8 C3 C4 P7 P8 P3 P4 O1 O2 Fz Cz Pz".split()
NOISE_RMS = 10.0  # microvolt
ALPHA_AMPLITUDE = 10.0  # microvolt
OFFSET = 5.0  # microvolt


def simulate_trials(
    n_subjects=4,
    n_trials=10,
    n_channels=4,
    n_times=512,
    sfreq=128.0,
    *,
    n_classes=2,
    effect=1.0,
    subject_spread=0.3,
    random_state=0,
):
    """Invent EEG: 1/f noise and an alpha rhythm whose strength tells the class.

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
    effect : float, default=1.0
        The planted truth: the log ratio of alpha amplitudes between one class and the next.
        With 0 there is nothing to find.
    subject_spread : float, default=0.3
        How much people differ: the standard deviation of their log alpha amplitude, of their
        alpha frequency around 10 Hz (in 2 Hz), and of each channel's constant offset (in
        5 microvolt).
    random_state : int, RandomState instance or None, default=0
        Seed of everything above; None takes fresh entropy.

    Returns
    -------
    trials : Trials
        ``X`` of shape (n_subjects * n_trials, n_channels, n_times), float32, in microvolt.

    Examples
    --------
    >>> simulate_trials(n_subjects=3, n_trials=4)
    <Trials of simulation: 12 trials x 4 channels x 512 time points (4 s at 128 Hz), \
3 subjects; 6 of class 0, 6 of class 1 (majority 50 %)>
    """
    rng = make_rng(random_state)
    shape = (n_subjects, n_trials)
    y = np.stack([rng.permutation(np.arange(n_trials) % n_classes) for _ in range(n_subjects)])

    people = rng.normal(scale=subject_spread, size=(2, n_subjects, 1))
    offsets = OFFSET * rng.normal(scale=subject_spread, size=(n_subjects, 1, n_channels, 1))
    amplitude = ALPHA_AMPLITUDE * np.exp(people[0] + effect * (y - (n_classes - 1) / 2))
    frequency = 10 + 2 * people[1]
    phase = rng.uniform(0, 2 * np.pi, size=shape)
    angle = 2 * np.pi * frequency[..., None] * np.arange(n_times) / sfreq + phase[..., None]
    alpha = (amplitude[..., None] * np.sin(angle))[:, :, None]  # the same in all channels

    X = _pink_noise(rng, (*shape, n_channels, n_times)) + alpha + offsets
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


def _pink_noise(rng, shape):
    """Noise whose power falls as 1/f, with an RMS of NOISE_RMS."""
    spectrum = np.fft.rfft(rng.normal(size=shape))
    spectrum[..., 1:] /= np.sqrt(np.arange(1, spectrum.shape[-1]))
    spectrum[..., 0] = 0
    noise = np.fft.irfft(spectrum, n=shape[-1])
    rms = np.sqrt(np.square(noise).mean(-1, keepdims=True))
    return NOISE_RMS * noise / np.maximum(rms, np.finfo(float).tiny)
