"""load_ssvep_exo, on files in the published layout."""

import mne
import numpy as np
import pytest

from skmamba import leakage_report
from skmamba.datasets import DataFormatError, load_ssvep_exo

CHANNELS = ["Oz", "O1", "O2", "PO3", "POz", "PO7", "PO8", "PO4"]
CODES = [2, 1, 4, 3]
DUPLICATE = "record-[2012.07.11-15.33.08]"
RECORDS = {
    2: ["record-[2012.07.19-17.36.23]", "record-[2012.07.19-17.41.14]"],
    3: ["record-[2012.07.11-15.25.23]", DUPLICATE],
    7: [DUPLICATE, "record-[2012.07.18-09.15.30]"],
    8: ["record-[2013.04.06-16.22.32]", "record-[2013.04.07-16.22.32]"],
}


def write_record(folder, name, *, sfreq=256, channels=CHANNELS, codes=CODES, seed=0):
    """Write a recording of 26 s with cues at 2, 8, 14 and 20 s, and return its EEG."""
    X = np.random.default_rng(seed).normal(0, 0.008, (len(channels), 26 * sfreq))
    raw = mne.io.RawArray(X, mne.create_info(channels, sfreq, "eeg"), verbose=False)
    folder.mkdir(exist_ok=True)
    raw.save(folder / f"{name}_raw.fif", verbose=False)
    events = np.array([[(2 + 6 * i) * sfreq, 0, code] for i, code in enumerate(codes)])
    mne.write_events(folder / f"{name}-eve.fif", events, verbose=False)
    return X


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset-ssvep-exoskeleton")
    (folder / "README.md").write_text("SSVEP")
    names = sorted({name for records in RECORDS.values() for name in records})
    for subject, records in RECORDS.items():
        for name in records:
            write_record(folder / f"subject{subject:02d}", name, seed=names.index(name))
    return folder


def test_trials_are_the_five_seconds_after_each_cue(tmp_path):
    X = write_record(tmp_path / "subject02", RECORDS[2][0])
    trials = load_ssvep_exo(tmp_path, l_freq=None, h_freq=None)
    assert trials.X.shape == (4, 8, 1280)
    assert trials.X.dtype == "float32"
    for row, start in enumerate((2, 8, 14, 20)):
        expected = 1e6 * X[:, 256 * start : 256 * (start + 5)]
        np.testing.assert_allclose(trials.X[row], expected, rtol=1e-4)
    assert trials.y.tolist() == CODES
    assert trials.label_names == {1: "rest", 2: "13 Hz", 3: "21 Hz", 4: "17 Hz"}
    assert (trials.sfreq, list(trials.ch_names)) == (256, CHANNELS)
    assert trials.metadata["onset"].tolist() == [2, 8, 14, 20]


def test_recordings_are_filtered_as_a_whole(tmp_path):
    X = write_record(tmp_path / "subject02", RECORDS[2][0])
    expected = mne.filter.filter_data(X, 256, 1, 45, verbose=False)[:, 512:1792]
    trials = load_ssvep_exo(tmp_path)
    np.testing.assert_allclose(trials.X[0], 1e6 * expected, rtol=1e-3, atol=1)
    assert trials.loader_params == {"records": "unique", "l_freq": 1.0, "h_freq": 45.0}


@pytest.mark.parametrize(("l_freq", "h_freq"), [(None, 45.0), (1.0, None)])
def test_the_band_may_have_one_limit(tmp_path, l_freq, h_freq):
    X = write_record(tmp_path / "subject02", RECORDS[2][0])
    expected = mne.filter.filter_data(X, 256, l_freq, h_freq, verbose=False)[:, 512:1792]
    trials = load_ssvep_exo(tmp_path, l_freq=l_freq, h_freq=h_freq)
    np.testing.assert_allclose(trials.X[0], 1e6 * expected, rtol=1e-3, atol=1)


def test_days_are_sessions_and_recordings_of_a_day_are_runs(folder):
    table = load_ssvep_exo(folder).metadata.drop_duplicates("record")
    assert table[["subject", "session", "run"]].to_numpy().tolist() == [
        *([2, 1, 1], [2, 1, 2], [3, 1, 1], [7, 1, 1], [8, 1, 1], [8, 2, 1]),
    ]


def test_the_recording_of_two_subjects_is_left_out_and_is_a_leak(folder):
    assert DUPLICATE not in set(load_ssvep_exo(folder).metadata["record"])
    message = "8 trials have identical samples, such as rows 12 and 16 of subjects 3 and 7. A split"
    with pytest.warns(UserWarning, match=message):
        trials = load_ssvep_exo(folder, records="all")
    assert (trials.metadata["record"] == DUPLICATE).sum() == 8
    verdicts = {
        name: leakage_report("cross_subject", own).set_index("kind")["verdict"]["identical data"]
        for name, own in (("unique", load_ssvep_exo(folder)), ("all", trials))
    }
    assert verdicts == {"unique": "not shared", "all": "leak"}


def test_published_records_are_without_those_that_the_authors_excluded(folder):
    published = load_ssvep_exo(folder, records="published")
    left_out = set(load_ssvep_exo(folder).metadata["record"]) - set(published.metadata["record"])
    assert left_out == {"record-[2013.04.06-16.22.32]"}


def test_subjects_are_selected_by_number(folder):
    subject = load_ssvep_exo(folder, subjects=[7, 2]).metadata["subject"]
    assert subject.tolist() == [2] * 8 + [7] * 4
    with pytest.raises(FileNotFoundError, match=r"must contain subjects \[4\], got .* without"):
        load_ssvep_exo(folder, subjects=[2, 4])
    with pytest.raises(ValueError, match="subjects must be one or more of the numbers 1 to 12"):
        load_ssvep_exo(folder, subjects=13)


@pytest.mark.parametrize(
    ("options", "has_events", "message"),
    [
        ({"sfreq": 128}, True, "expected 256 Hz, got 128 Hz"),
        ({"channels": CHANNELS[:2]}, True, "expected 8 EEG channels, got 2"),
        ({"channels": [*CHANNELS, "Cz"]}, True, "expected 8 EEG channels, got 9"),
        ({"codes": [1, 2, 3, 7]}, True, r"expected codes 1, 2, 3 and 4, got \[1, 2, 3, 7\]"),
        ({"codes": [1, 2, 3, 3]}, True, r"expected codes 1, 2, 3 and 4, got \[1, 2, 3\]"),
        ({"codes": [1, 2, 3, 4, 7]}, True, r"expected codes 1, 2, 3 and 4, got \[1, 2, 3, 4, 7\]"),
        ({}, False, "expected events of the recording, got no file"),
    ],
    ids=["rate", "few channels", "many channels", "codes", "few codes", "many codes", "no events"],
)
def test_other_files_are_an_error(tmp_path, options, has_events, message):
    write_record(tmp_path / "subject02", RECORDS[2][0], **options)
    if not has_events:
        (tmp_path / f"subject02/{RECORDS[2][0]}-eve.fif").unlink()
    with pytest.raises(DataFormatError, match=message):
        load_ssvep_exo(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not FIF", None], ids=["empty", "other", "half"])
@pytest.mark.parametrize("suffix", ["_raw", "-eve"])
def test_damaged_files_are_named(tmp_path, suffix, content):
    write_record(tmp_path / "subject02", RECORDS[2][0])
    (file,) = tmp_path.glob(f"*/*{suffix}.fif")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if content is None else content)
    with pytest.raises(DataFormatError, match=rf"{suffix}\.fif: expected a complete FIF file"):
        load_ssvep_exo(tmp_path)


def test_a_subject_of_whom_no_recording_is_left_is_an_error(tmp_path):
    write_record(tmp_path / "subject02", RECORDS[2][0])
    write_record(tmp_path / "subject03", "record-[2012.07.11-15.33.08]")
    with pytest.raises(ValueError, match="'unique' leaves out all recordings of subjects 3 in"):
        load_ssvep_exo(tmp_path, subjects=[2, 3])
    assert len(load_ssvep_exo(tmp_path, subjects=[2, 3], records="all")) > 0
    for file in (tmp_path / "subject02").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match="'unique' leaves out all recordings in"):
        load_ssvep_exo(tmp_path)


def test_a_folder_without_recordings_names_the_source(tmp_path):
    (tmp_path / "subject02").mkdir()
    with pytest.raises(FileNotFoundError, match=r"has none of them.*dataset-ssvep-exoskeleton"):
        load_ssvep_exo(tmp_path)
    with pytest.raises(ValueError, match="records must be one of 'unique', 'published', 'all'"):
        load_ssvep_exo(tmp_path, records="some")
