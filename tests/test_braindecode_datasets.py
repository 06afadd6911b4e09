"""Data sets of braindecode, as Trials and as X."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC
from skorch.callbacks import Callback

from skmamba import (
    BraindecodeClassifier,
    ChannelPicker,
    MSiMambaClassifier,
    MSiMambaRegressor,
    Trials,
    WindowVotingClassifier,
    leakage_report,
)
from skmamba.classifiers import WindowVotingRegressor
from skmamba.evaluation import CrossSubjectSplit

pytest.importorskip("braindecode")
import mne
from braindecode.datasets import BaseConcatDataset, RawDataset
from braindecode.preprocessing import (
    Preprocessor,
    create_fixed_length_windows,
    create_windows_from_events,
    preprocess,
)


def to_power(X):
    return np.log(X.var(axis=-1))


def make_dataset(ch_names=("Fp1", "STI", "Fp2"), unit=1e-6, n_subjects=2):
    """Return recordings of 100 * subject + 10 * channel + time point microvolts and two events."""
    records = []
    for subject in range(n_subjects):
        types = ["stim" if name == "STI" else "eeg" for name in ch_names]
        info = mne.create_info(list(ch_names), 100, types)
        channel, time = np.ogrid[: len(ch_names), :800]
        raw = mne.io.RawArray(unit * (100.0 * subject + 10 * channel + time), info, verbose=False)
        raw.set_annotations(mne.Annotations([1, 4], [2, 2], ["rest", "task"]))
        records.append(RawDataset(raw, description={"subject": f"s{subject}", "age": 30}))
    return BaseConcatDataset(records)


def cut(dataset, **params):
    sizes = {"window_size_samples": 50, "window_stride_samples": 50}
    params = {**sizes, "preload": True, **params}
    return create_windows_from_events(dataset, verbose="ERROR", **params)


@pytest.mark.parametrize("preload", [False, True])
@pytest.mark.parametrize("use_mne_epochs", [False, True])
def test_windows_keep_their_trial_target_and_description(use_mne_epochs, preload):
    windows = cut(make_dataset(), use_mne_epochs=use_mne_epochs, preload=preload)
    trials = Trials.from_braindecode(windows, name="Toy")
    assert (trials.sfreq, trials.ch_names, trials.name) == (100, ("Fp1", "Fp2"), "Toy")
    metadata = trials.metadata
    assert metadata["trial"].tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    assert metadata["window"].tolist() == [0, 1, 2, 3] * 4
    assert metadata["onset"].tolist() == [1, 1.5, 2, 2.5, 4, 4.5, 5, 5.5] * 2
    assert metadata["subject"].tolist() == ["s0"] * 8 + ["s1"] * 8
    assert metadata["age"].tolist() == [30] * 16
    assert trials.y.tolist() == [0, 0, 0, 0, 1, 1, 1, 1] * 2
    np.testing.assert_allclose(trials.X[1, :, 0], [150, 170], rtol=1e-6)
    np.testing.assert_allclose(trials.X[-1, :, -1], [699, 719], rtol=1e-6)
    assert trials.X.dtype == np.float32


def test_one_recording_and_transformed_targets_are_accepted():
    windows = cut(make_dataset())
    assert len(Trials.from_braindecode(windows.datasets[0])) == 8
    windows.target_transform = lambda target: "ab"[target]
    assert Trials.from_braindecode(windows).y.tolist() == (["a"] * 4 + ["b"] * 4) * 2


def test_trials_are_kept_together_if_windows_were_dropped():
    windows = cut(make_dataset(n_subjects=1), use_mne_epochs=True)
    record = windows.datasets[0]
    kept = record.windows[[0, 1, 7]]  # the second trial begins with window 3
    trials = Trials.from_braindecode(type(record)(kept, record.description))
    assert trials.metadata["trial"].tolist() == [0, 0, 1]


@pytest.mark.parametrize(("kept", "trials"), [([0, 2, 4], [0, 0, 1]), ([0, 2, 3], [0, 0, 0])])
def test_trials_are_found_without_their_number_if_windows_were_dropped(kept, trials):
    record = cut(make_dataset(n_subjects=1), use_mne_epochs=True).datasets[0]
    kept = record.windows[kept]
    kept.metadata = kept.metadata.drop(columns="i_trial_in_dataset", errors="ignore")
    found = Trials.from_braindecode(type(record)(kept, record.description))
    assert found.metadata["trial"].tolist() == trials


def test_trials_that_lost_their_first_windows_and_have_no_number_are_an_error():
    record = cut(make_dataset(n_subjects=1), use_mne_epochs=True).datasets[0]
    kept = record.windows[[0, 1, 6]]  # windows 0 and 1 of a trial, window 2 of the next
    kept.metadata = kept.metadata.drop(columns="i_trial_in_dataset", errors="ignore")
    with pytest.raises(ValueError, match="dataset must have the column 'i_trial_in_dataset'"):
        Trials.from_braindecode(type(record)(kept, record.description))


def test_a_nearer_last_window_is_of_the_same_trial_if_windows_were_dropped():
    windows = create_fixed_length_windows(
        make_dataset(n_subjects=1),
        window_size_samples=150,
        window_stride_samples=150,
        on_last_window="overlap",
        use_mne_epochs=True,
        targets_from="metadata",
        preload=True,
    )
    record = windows.datasets[0]
    assert record.windows.metadata["i_start_in_trial"].tolist() == [0, 150, 300, 450, 600, 650]
    record = type(record)(record.windows[[1, 3, 4, 5]], {**record.description, "target": 1})
    assert Trials.from_braindecode(record).metadata["trial"].tolist() == [0] * 4


@pytest.mark.parametrize("step", [("resample", {"sfreq": 50}), ("crop", {"tmax": 0.24})])
def test_onsets_of_resampled_and_cropped_windows_are_unknown(step):
    windows = cut(make_dataset(n_subjects=1), use_mne_epochs=True)
    preprocess(windows, [Preprocessor(step[0], **step[1])])
    trials = Trials.from_braindecode(windows)
    assert trials.X.shape == (8, 2, 25)
    assert "onset" not in trials.metadata


def test_windows_of_several_lengths_or_with_lazy_metadata_raise():
    long, short = (cut(make_dataset(), window_size_samples=size) for size in (50, 40))
    with pytest.raises(ValueError, match=r"windows of one length, got \[40, 50\] samples"):
        Trials.from_braindecode(BaseConcatDataset([*long.datasets, *short.datasets]))
    params = {"window_size_samples": 50, "window_stride_samples": 50, "on_last_window": "drop"}
    lazy = create_fixed_length_windows(make_dataset(), lazy_metadata=True, **params)
    with pytest.raises(ValueError, match="cut it with lazy_metadata=False"):
        Trials.from_braindecode(lazy)


def test_recordings_without_windows_and_descriptions_leave_the_trial_numbers():
    windows = cut(make_dataset(), use_mne_epochs=True)
    first, second = windows.datasets
    empty = type(first)(first.windows[[]], first.description)
    second.set_description({"trial": 7, "window": 7})
    trials = Trials.from_braindecode(BaseConcatDataset([first, empty, second]))
    assert trials.metadata["trial"].tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    assert trials.metadata["window"].tolist() == [0, 1, 2, 3] * 4
    with pytest.raises(ValueError, match="dataset must have at least one window, got none"):
        Trials.from_braindecode(BaseConcatDataset([empty]))


SMALL = {"d_model": 8, "d_hidden": 4, "max_epochs": 2, "random_state": 0}
ESTIMATORS = [
    MSiMambaClassifier(**SMALL),
    MSiMambaRegressor(**SMALL),
    BraindecodeClassifier("ShallowFBCSPNet", max_epochs=1, random_state=0),
    WindowVotingClassifier(make_pipeline(FunctionTransformer(to_power), LinearSVC()), "hard"),
    WindowVotingRegressor(make_pipeline(FunctionTransformer(to_power), Ridge())),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda own: type(own).__name__)
@pytest.mark.parametrize("part", ["BaseConcatDataset", "WindowsDataset"])
def test_a_data_set_as_X_is_its_windows_and_targets(estimator, part):
    windows = cut(make_dataset(), window_size_samples=100, window_stride_samples=50, preload=False)
    windows = windows if part == "BaseConcatDataset" else windows.datasets[0]
    trials = Trials.from_braindecode(windows)
    X = 1e-6 * trials.X  # the windows are not converted
    fitted, expected = clone(estimator).fit(windows, None), clone(estimator).fit(X, trials.y)
    np.testing.assert_allclose(fitted.predict(windows), expected.predict(X), rtol=1e-5, atol=1e-6)
    assert fitted.score(windows, None) == pytest.approx(expected.score(X, trials.y), abs=1e-5)
    other = clone(estimator).fit(windows, 1 - trials.y)  # instead of the targets
    assert other.score(windows, trials.y) == pytest.approx(other.score(X, trials.y), abs=1e-5)


def test_adaptation_uses_the_subjects_of_a_data_set():
    windows = cut(make_dataset(n_subjects=4))
    clf = MSiMambaClassifier(adaptation="unlabelled", **SMALL).fit(windows, None)
    subject = Trials.from_braindecode(windows).metadata["subject"]
    X = np.stack([window[0] for window in windows])[:, [0, 2]]  # without the stimulus channel
    expected = clf.predict_proba(X, groups=subject)
    assert clf.predict_proba(windows) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("as_dataset", [False, True])
def test_early_stopping_holds_out_whole_trials_of_windows(as_dataset, monkeypatch):
    windows, held = cut(make_dataset(n_subjects=4)), []
    hold_out = MSiMambaClassifier._hold_out

    def record(*args):
        held.append(hold_out(*args))
        return held[-1]

    monkeypatch.setattr(MSiMambaClassifier, "_hold_out", record)
    trials = Trials.from_braindecode(windows)
    X = windows if as_dataset else trials
    MSiMambaClassifier(early_stopping=True, **SMALL).fit(X, trials.y)
    train, valid = (set(trials.metadata["trial"].iloc[rows]) for rows in held[0])
    assert train
    assert valid
    assert not train & valid


class RememberAverages(Callback):
    numbers: list = []

    def on_batch_begin(self, net, batch, **kwargs):
        self.numbers.append(int((batch[0]["average"] > 0).sum(1).max()))


def test_early_stopping_leaves_the_subjects_of_adaptation():
    trials = Trials.from_braindecode(cut(make_dataset(n_subjects=4)))
    params = SMALL | {"batch_size": None, "net_params": {"callbacks": [RememberAverages()]}}
    clf = MSiMambaClassifier(adaptation="unlabelled", early_stopping=True, **params)
    clf.fit(trials, trials.y)
    assert max(RememberAverages.numbers) == 8  # windows of a subject; of a trial there are 4


def test_classifiers_fit_the_trials_and_other_steps_name_the_conversion():
    windows = cut(make_dataset(), preload=False)
    trials = Trials.from_braindecode(windows)
    assert MSiMambaClassifier(**SMALL).fit(trials, trials.y).predict(trials).shape == (16,)
    for X in (windows, windows.datasets[0]):
        message = rf"X must be Trials, .* got {type(X).__name__}\. .* Trials\.from_braindecode"
        with pytest.raises(ValueError, match=message):
            ChannelPicker(["Fp1"]).fit(X, trials.y[: len(X)])
    with pytest.raises(ValueError, match="BaseConcatDataset of RawDataset"):
        MSiMambaClassifier(**SMALL).fit(make_dataset(), None)


def test_splitters_and_the_leakage_report_use_the_metadata():
    trials = Trials.from_braindecode(cut(make_dataset(n_subjects=4)))
    for cv, verdict in (
        (CrossSubjectSplit(2), "not shared"),
        (KFold(2, shuffle=True, random_state=0), "leak"),
    ):
        report = leakage_report(cv, trials).set_index("kind")
        assert report.loc["trial", "verdict"] == verdict


@pytest.mark.parametrize(("scale", "unit", "other"), [(1, "V", "uV"), (1e-6, "uV", "V")])
def test_an_implausible_unit_raises(scale, unit, other):
    windows = cut(make_dataset(unit=scale))
    with pytest.raises(
        ValueError, match=rf"unit='{unit}' gives .* microvolts: pass unit='{other}'"
    ):
        Trials.from_braindecode(windows, unit=unit)
    assert Trials.from_braindecode(windows, unit=other).X[0, 0, 0] == pytest.approx(100)


def test_a_unit_that_no_option_explains_raises():
    with pytest.raises(ValueError, match=r"of 1\.4e\+15 microvolts: EEG is required"):
        Trials.from_braindecode(cut(make_dataset(unit=1e8)))


def test_other_data_sets_raise():
    with pytest.raises(ValueError, match=r"BaseConcatDataset of RawDataset.*create_windows_from"):
        Trials.from_braindecode(make_dataset())
    mixed = BaseConcatDataset([make_dataset(), make_dataset(ch_names=("Fp1", "O1"))])
    with pytest.raises(ValueError, match=r"same channels .* \['Fp1', 'STI', 'Fp2'\] at 100 Hz"):
        Trials.from_braindecode(cut(mixed))
    slower = make_dataset()
    for record in slower.datasets:
        record.raw.resample(50)
    mixed = BaseConcatDataset([*cut(make_dataset()).datasets, *cut(slower).datasets])
    with pytest.raises(ValueError, match=r"sampling rate, got .* at 100 Hz and .* at 50 Hz"):
        Trials.from_braindecode(mixed)


def test_lists_in_a_description_are_values_of_each_window():
    first = cut(make_dataset()).datasets[0]
    first.set_description({"tags": ["a", "b"]})
    metadata = Trials.from_braindecode(first).metadata
    assert all(tags == ["a", "b"] for tags in metadata["tags"])
