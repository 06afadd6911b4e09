"""
Your own recordings, from files to a score
==========================================

Six people close and open their eyes on command. Their recordings lie in a folder, one file a
person, with the commands as annotations. The files are invented here, so that the example runs
anywhere: put your own in their place, and keep everything from ``clean`` on.
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
# Somebody's recordings
# ---------------------
# Invented, with what real ones bring: drifts, hum of the mains, a channel that is no EEG.


def record(file, seed, sfreq=250.0, n_commands=20, seconds=6):
    """Invent one recording: slow drifts, mains hum, and an alpha rhythm behind closed eyes."""
    rng = np.random.default_rng(seed)
    n_times = int((n_commands + 1) * seconds * sfreq)
    time = np.arange(n_times) / sfreq
    volt = 2e-6 * rng.normal(size=(len(EEG) + 1, n_times)).cumsum(axis=1)
    volt += 2e-5 * np.sin(2 * np.pi * 50 * time) + 1e-5 * rng.normal(size=volt.shape)
    commands = rng.permutation(np.arange(n_commands) % 2)  # 1: eyes closed
    strength = rng.lognormal(0.9 * np.append(commands, 0), 0.5)  # of alpha, command by command
    alpha = np.sin(2 * np.pi * rng.uniform(9, 11) * time)
    volt[-3:-1] += 6e-6 * alpha * np.repeat(strength, int(seconds * sfreq))  # O1 and O2
    info = mne.create_info([*EEG, "EOG"], sfreq, ["eeg"] * len(EEG) + ["eog"])
    raw = mne.io.RawArray(volt, info, verbose="ERROR")
    names = np.array(["eyes open", "eyes closed"])[commands]
    raw.set_annotations(mne.Annotations(seconds * np.arange(n_commands), 0, names))
    raw.save(file, verbose="ERROR")


# %%
# From here on they are yours
# ---------------------------
# Filters and references need the continuous signal, so they come before trials are cut.


def clean(file):
    """Do to the continuous signal what cannot be done to trials; all of it is MNE's."""
    raw = mne.io.read_raw(file, preload=True, verbose="ERROR")
    raw.notch_filter(50, verbose="ERROR")
    raw.filter(1, 40, verbose="ERROR")
    raw.set_eeg_reference("average", verbose="ERROR")
    return raw.resample(128, verbose="ERROR")


def log_alpha_power(windows):
    """Log power from 8 to 13 Hz in each channel of windows of 128 points at 128 Hz."""
    power = np.abs(np.fft.rfft(windows * np.hanning(windows.shape[-1]))) ** 2
    return np.log(power[..., 8:13].mean(axis=-1))


# %%
# From files to a score
# ---------------------
# Trials are cut around the commands, people become groups, and each is tested by a model that has
# never met them. Any classifier of the package can take the place of this linear one.


def main():
    """Write recordings, read them back, and score people the model has never met."""
    with TemporaryDirectory() as folder:
        for number in range(6):
            record(Path(folder) / f"person{number}_raw.fif", seed=number)

        files = sorted(Path(folder).glob("*_raw.fif"))
        trials = Trials.from_raws(
            map(clean, files),  # one at a time: memory holds one recording
            tmin=0.5,  # eyes need a moment to follow a command
            tmax=5.5,
            event_id=["eyes open", "eyes closed"],
            metadata={"subject": [file.name.removesuffix("_raw.fif") for file in files]},
            name="eyes",
        )
    print(trials)

    model = make_pipeline(
        SlidingWindows(window_size=1, sfreq=trials.sfreq),
        WindowVotingClassifier(
            make_pipeline(FunctionTransformer(log_alpha_power), LinearDiscriminantAnalysis())
        ),
    )
    scores = cross_val_score(
        model, trials.X, trials.y, groups=trials.metadata["subject"], cv=GroupKFold(6)
    )
    majority = np.unique(trials.y, return_counts=True)[1].max() / len(trials)
    print(f"accuracy {scores.mean():.2f} (people {scores.min():.2f} to {scores.max():.2f})")
    print(f"majority {majority:.2f}")


if __name__ == "__main__":
    main()
