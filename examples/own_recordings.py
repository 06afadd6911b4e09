"""
Your own recordings
===================

This example goes from recordings in a folder to a cross-validated score. Six subjects open and
close their eyes on command, and the commands are annotations in the files. The files are simulated;
with your own files, start at ``preprocess``.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import mne
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import SlidingWindows, Trials, WindowVotingClassifier

EEG = ["Fp1", "Fp2", "C3", "C4", "O1", "O2"]

# %%
# Simulated recordings
# --------------------
# The recordings contain drifts, power-line noise and a channel that is not EEG.


def write_recording(file, seed, sfreq=250.0, n_commands=20, seconds=6):
    """Write a recording in which occipital alpha is stronger while the eyes are closed."""
    rng = np.random.default_rng(seed)
    n_times = int((n_commands + 1) * seconds * sfreq)
    time = np.arange(n_times) / sfreq
    volt = 2e-6 * rng.normal(size=(len(EEG) + 1, n_times)).cumsum(axis=1)
    volt += 2e-5 * np.sin(2 * np.pi * 50 * time) + 1e-5 * rng.normal(size=volt.shape)
    commands = rng.permutation(np.arange(n_commands) % 2)  # 1: eyes closed
    strength = rng.lognormal(0.9 * np.append(commands, 0), 0.5)  # of alpha, per command
    alpha = np.sin(2 * np.pi * rng.uniform(9, 11) * time)
    volt[-3:-1] += 6e-6 * alpha * np.repeat(strength, int(seconds * sfreq))  # O1 and O2
    info = mne.create_info([*EEG, "EOG"], sfreq, ["eeg"] * len(EEG) + ["eog"])
    raw = mne.io.RawArray(volt, info, verbose="ERROR")
    names = np.array(["eyes open", "eyes closed"])[commands]
    raw.set_annotations(mne.Annotations(seconds * np.arange(n_commands), 0, names))
    raw.save(file, verbose="ERROR")


# %%
# Preprocessing
# -------------
# Filtering, re-referencing and resampling require the continuous signal, so they precede the
# cutting of trials. They are functions of MNE.


def preprocess(file):
    """Read, filter, re-reference and resample a recording."""
    raw = mne.io.read_raw(file, preload=True, verbose="ERROR")
    raw.notch_filter(50, verbose="ERROR")
    raw.filter(1, 40, verbose="ERROR")
    raw.set_eeg_reference("average", verbose="ERROR")
    return raw.resample(128, verbose="ERROR")


def log_alpha_power(windows):
    """Return log power from 8 to 13 Hz of each channel of windows of 1 s at 128 Hz."""
    power = np.abs(np.fft.rfft(windows * np.hanning(windows.shape[-1]))) ** 2
    return np.log(power[..., 8:13].mean(axis=-1))


# %%
# Trials and score
# ----------------
# Trials are cut after the commands, and subjects are the groups of the cross-validation. Any
# classifier of the package can replace the linear one of this example.


def main():
    """Write recordings, read them as trials, and score a model across subjects."""
    with TemporaryDirectory() as folder:
        for number in range(6):
            write_recording(Path(folder) / f"subject{number}_raw.fif", seed=number)

        files = sorted(Path(folder).glob("*_raw.fif"))
        trials = Trials.from_raws(
            map(preprocess, files),  # read one at a time
            tmin=0.5,  # after the reaction time
            tmax=5.5,
            event_id=["eyes open", "eyes closed"],
            metadata={"subject": [file.name.removesuffix("_raw.fif") for file in files]},
            name="eyes",
        )
    print(trials)

    model = make_pipeline(
        SlidingWindows(window_size=1.0),
        WindowVotingClassifier(
            make_pipeline(FunctionTransformer(log_alpha_power), LinearDiscriminantAnalysis())
        ),
    )
    subjects = trials.metadata["subject"]
    scores = cross_val_score(model, trials, trials.y, groups=subjects, cv=GroupKFold(6))
    majority = np.unique(trials.y, return_counts=True)[1].max() / len(trials)
    print(f"accuracy {scores.mean():.2f} (subjects {scores.min():.2f} to {scores.max():.2f})")
    print(f"majority {majority:.2f}")


if __name__ == "__main__":
    main()
