"""Trials.from_bids."""

import json
import shutil
import sys

import numpy as np
import pytest

from skmamba import Trials

pytest.importorskip("mne_bids", reason="needs mne-bids")

PARTICIPANTS = "participant_id\tage\tgroup\nsub-02\t40\tn/a\nsub-01\t30\tcontrol\n"
HEADER = """Brain Vision Data Exchange Header File Version 1.0
[Common Infos]
Codepage=UTF-8
DataFile={stem}.eeg
MarkerFile={stem}.vmrk
DataFormat=BINARY
DataOrientation=MULTIPLEXED
NumberOfChannels=3
SamplingInterval=10000
[Binary Infos]
BinaryFormat=IEEE_FLOAT_32
[Channel Infos]
Ch1=Fp1,,1,µV
Ch2=Fp2,,1,µV
Ch3=EOG,,1,µV
"""
MARKERS = """Brain Vision Data Exchange Marker File, Version 1.0
[Common Infos]
Codepage=UTF-8
DataFile={stem}.eeg
[Marker Infos]
Mk1=New Segment,,1,1,0
"""
CHANNELS = "name\ttype\tunits\nFp1\tEEG\tuV\nFp2\tEEG\tuV\nEOG\tEOG\tuV\n"
N_TIMES = 500  # at 100 Hz


def write_recording(root, subject, session, task="film", run=None, events=()):
    """Write a BrainVision recording of 1000 * subject + 100 * channel + time / 10 microvolts."""
    folder = root / f"sub-{subject}" / (f"ses-{session}" if session else "") / "eeg"
    folder.mkdir(parents=True, exist_ok=True)
    parts = [f"sub-{subject}", session and f"ses-{session}", f"task-{task}", run and f"run-{run}"]
    stem = "_".join(filter(None, parts))
    channel, time = np.ogrid[:3, :N_TIMES]
    microvolt = 1000 * int(subject) + 100 * channel + time / 10
    (folder / f"{stem}_eeg.eeg").write_bytes(microvolt.T.astype("<f4").tobytes())
    (folder / f"{stem}_eeg.vhdr").write_text(HEADER.format(stem=f"{stem}_eeg"), "utf8")
    (folder / f"{stem}_eeg.vmrk").write_text(MARKERS.format(stem=f"{stem}_eeg"), "utf8")
    sidecar = {"TaskName": task, "SamplingFrequency": 100, "PowerLineFrequency": 50}
    sidecar |= {"EEGReference": "Cz", "SoftwareFilters": "n/a"}
    (folder / f"{stem}_eeg.json").write_text(json.dumps(sidecar))
    (folder / f"{stem}_channels.tsv").write_text(CHANNELS)
    rows = ["onset\tduration\ttrial_type", *(f"{onset}\t0\t{name}" for onset, name in events)]
    (folder / f"{stem}_events.tsv").write_text("\n".join(rows) + "\n")


@pytest.fixture
def root(tmp_path):
    """Two subjects; the second has two runs, and no event "calm" in the first run."""
    sidecar = {"Name": "Toy", "BIDSVersion": "1.9.0"}
    (tmp_path / "dataset_description.json").write_text(json.dumps(sidecar))
    (tmp_path / "participants.tsv").write_text(PARTICIPANTS)
    write_recording(tmp_path, "01", "a", run="1", events=[(1, "calm"), (3, "fear")])
    write_recording(tmp_path, "02", "a", run="1", events=[(2, "fear")])
    write_recording(tmp_path, "02", "a", run="2", events=[(1, "fear"), (2, "calm"), (3, "pause")])
    write_recording(tmp_path, "02", "b", task="rest", events=[(1, "closed")])
    return tmp_path


def test_from_bids_reads_the_trials_of_a_task(root):
    options = {"tmin": 0, "tmax": 0.5, "event_id": ["calm", "fear"], "name": "Toy"}
    trials = Trials.from_bids(root, task="film", **options)
    assert trials.X.shape == (5, 2, 50)
    assert (trials.sfreq, trials.ch_names, trials.name) == (100.0, ("Fp1", "Fp2"), "Toy")
    assert trials.label_names == {0: "calm", 1: "fear"}
    assert trials.y.tolist() == [0, 1, 1, 1, 0]
    starts = [1010, 1030, 2020, 2010, 2020]
    np.testing.assert_allclose(trials.X[:, 0, 0], starts, rtol=1e-6)
    np.testing.assert_allclose(trials.X[:, 1, -1], np.array(starts) + 104.9, rtol=1e-6)
    runs = trials.metadata["subject"] + trials.metadata["session"] + trials.metadata["run"]
    assert runs.tolist() == ["01a1", "01a1", "02a1", "02a2", "02a2"]
    assert trials.metadata["recording"].tolist() == [0, 0, 1, 2, 2]
    assert trials.metadata["onset"].tolist() == [1, 3, 2, 1, 2]


def test_participant_columns_are_joined_by_subject_with_or_without_prefix(root):
    metadata = Trials.from_bids(root, task="film", tmin=0, tmax=0.5).metadata
    assert metadata["age"].tolist() == [30, 30, 40, 40, 40, 40]
    assert (metadata["group"].isna() == (metadata["subject"] == "02")).all()
    (root / "participants.tsv").write_text("participant_id\tage\n01\t31\n02\t41\n")
    metadata = Trials.from_bids(root, task="film", tmin=0, tmax=0.5).metadata
    assert metadata["age"].tolist() == [31, 31, 41, 41, 41, 41]


def test_participants_tsv_is_optional(root):
    (root / "participants.tsv").unlink()
    metadata = Trials.from_bids(root, task="rest", tmin=0, tmax=0.5).metadata
    assert list(metadata) == ["subject", "session", "recording", "onset", "trial"]
    assert metadata["subject"].tolist() == ["02"]


@pytest.mark.parametrize(
    ("selection", "recordings"),
    [
        ({"subjects": "01"}, [("01", "1")]),
        ({"subjects": ["02", "01"]}, [("01", "1"), ("02", "1"), ("02", "2")]),
        ({"runs": "2"}, [("02", "2")]),
        ({"sessions": ["a"], "runs": ["1"]}, [("01", "1"), ("02", "1")]),
    ],
)
def test_subjects_sessions_and_runs_select_recordings(root, selection, recordings):
    metadata = Trials.from_bids(root, task="film", tmin=0, tmax=0.5, **selection).metadata
    assert [*metadata.groupby(["subject", "run"]).groups] == recordings


def test_prepare_is_applied_to_each_loaded_recording(root):
    seen = []

    def prepare(raw):
        assert raw.preload
        seen.append(raw.annotations.description.tolist())
        return raw.resample(50, verbose=False)

    trials = Trials.from_bids(root, task="film", tmin=0, tmax=0.5, prepare=prepare)
    assert (trials.sfreq, trials.X.shape) == (50.0, (6, 2, 25))
    assert seen == [["calm", "fear"], ["fear"], ["fear", "calm", "pause"]]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"task": "flim"}, r"task must be among \['film', 'rest'\], .* got \['flim'\]"),
        ({"subjects": ["01", "7"]}, r"subjects must be among \['01', '02'\], .* got \['7'\]"),
        ({"runs": "3"}, r"runs must be among \['1', '2'\], .* got \['3'\]"),
        ({"subjects": "01", "runs": "2"}, r"runs must be among \['1'\], .* got \['2'\]"),
        ({"sessions": "b"}, r"sessions must be among \['a'\], .* got \['b'\]"),
        ({"subjects": []}, "subjects must have at least one entry, got none"),
        ({"subjects": [1]}, r"subjects must be str as in file names, such as '01', got \[1\]"),
        ({"event_id": ["calm", "joy"]}, r"event_id must .*'pause'\], got \['joy'\]"),
    ],
)
def test_unknown_labels_raise(root, arguments, match):
    with pytest.raises(ValueError, match=match):
        Trials.from_bids(root, **({"task": "film", "tmin": 0, "tmax": 0.5} | arguments))


def test_a_missing_folder_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"root must be the folder of a BIDS .*nowhere"):
        Trials.from_bids(tmp_path / "nowhere", task="film", tmin=0, tmax=1)


def test_a_missing_package_is_named_with_its_extra(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "mne_bids", None)
    with pytest.raises(ImportError, match=r"from_bids requires .*pip install 'skmamba\[bids\]'"):
        Trials.from_bids(root, task="film", tmin=0, tmax=1)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (PARTICIPANTS + "sub-01\t31\tcontrol\n", r"one row per participant.* for \['01'\]"),
        ("age\tgroup\n30\tcontrol\n", r"column participant_id, got \['age', 'group'\]"),
        (PARTICIPANTS + "sub-03\t1\t2\t3\t4\n", "tab-separated values: .*line 4"),
        ("", "tab-separated values: No columns"),
        ("participant_id\tname\nsub-01\tZo\xeb\n".encode("latin1"), "values: .*utf-8"),
    ],
    ids=["duplicate", "no id", "ragged", "empty", "encoding"],
)
def test_a_malformed_table_of_participants_raises(root, content, match):
    content = content if isinstance(content, bytes) else content.encode()
    (root / "participants.tsv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"participants\.tsv must .*{match}"):
        Trials.from_bids(root, task="film", tmin=0, tmax=1)


@pytest.mark.parametrize("folder", ["derivatives/clean", "sourcedata"])
def test_copies_in_other_folders_are_not_read(root, folder):
    trials = Trials.from_bids(root, task="film", tmin=0, tmax=0.5)
    shutil.copytree(root / "sub-01", root / folder / "sub-01")
    assert len(Trials.from_bids(root, task="film", tmin=0, tmax=0.5)) == len(trials)


def test_runs_are_in_the_order_of_their_numbers(root):
    write_recording(root, "02", "a", run="10", events=[(1, "fear")])
    trials = Trials.from_bids(root, task="film", tmin=0, tmax=0.5, subjects="02")
    assert trials.metadata["run"].tolist() == ["1", "2", "2", "2", "10"]


def test_recordings_with_and_without_sessions_may_be_mixed(root):
    write_recording(root, "03", None, events=[(1, "calm")])
    metadata = Trials.from_bids(root, task="film", tmin=0, tmax=0.5).metadata
    assert metadata["session"].isna().tolist() == [False] * 6 + [True]
    with pytest.raises(ValueError, match=r"sessions must be among \['a'\], .* got \['z'\]"):
        Trials.from_bids(root, task="film", sessions="z", tmin=0, tmax=0.5)


def test_events_with_several_values_are_selected_by_name_or_by_value(root):
    events = root / "sub-01/ses-a/eeg/sub-01_ses-a_task-film_run-1_events.tsv"
    rows = ["onset\tduration\ttrial_type\tvalue", "1\t0\tfear\t7", "3\t0\tfear\t8"]
    events.write_text("\n".join(rows) + "\n")
    options = {"task": "film", "tmin": 0, "tmax": 0.5}
    by_name = Trials.from_bids(root, **options, event_id=["calm", "fear"])
    assert by_name.y.tolist() == [1, 1, 1, 1, 0]
    by_value = Trials.from_bids(root, **options, event_id=["fear/7", "fear/8"])
    assert by_value.metadata["onset"].tolist() == [1, 3]
    assert by_value.y.tolist() == [0, 1]


def test_the_reference_is_a_window_or_an_event_with_a_duration(root):
    for run, rest in (("1", "0.5	1	rest"), ("2", "0.2	0.6	rest")):
        events = root / f"sub-02/ses-a/eeg/sub-02_ses-a_task-film_run-{run}_events.tsv"
        events.write_text(events.read_text() + rest + "\n")
    options = {"task": "film", "subjects": "02", "tmin": 0, "tmax": 0.5}
    trials = Trials.from_bids(root, **options, reference="rest")
    assert trials.metadata["onset"].tolist() == [2, 1, 2, 3]
    assert trials.metadata["reference_onset"].tolist() == [0.5, 0.2, 0.2, 0.2]
    assert trials.reference.shape == (4, 2, 60)
    np.testing.assert_allclose(trials.reference[:, 0, 0], [2005, 2002, 2002, 2002], rtol=1e-6)
    trials = Trials.from_bids(root, **options, event_id=["fear"], reference=(-0.4, 0))
    assert trials.reference.shape == (2, 2, 40)
    np.testing.assert_allclose(trials.reference[:, 1, 0], [2116, 2106], rtol=1e-6)


def test_several_files_of_one_run_raise_or_warn(root):
    folder = root / "sub-01/ses-a/eeg"
    stem = "sub-01_ses-a_task-film_run-1"
    for file in folder.glob(f"{stem}_*"):  # the same run, once more
        new = stem.replace("_run-1", "_acq-clean_run-1")
        text = file.read_bytes().replace(stem.encode(), new.encode())
        (folder / file.name.replace(stem, new)).write_bytes(text)
    options = {"task": "film", "tmin": 0, "tmax": 0.5, "subjects": "01"}
    with pytest.warns(UserWarning, match=r"acq-clean.* of one run and may have the same EEG"):
        metadata = Trials.from_bids(root, **options).metadata
    assert metadata["acquisition"].isna().sum() == len(metadata) / 2 == 2
    (folder / f"{stem}_eeg.edf").touch()
    with pytest.raises(ValueError, match=rf"recording in one file, got {stem}_eeg.edf, {stem}_eeg"):
        Trials.from_bids(root, **options)


def test_events_outside_of_a_recording_are_named(root):
    write_recording(root, "01", "a", run="1", events=[(1, "calm"), (5000, "fear")])
    with pytest.warns(UserWarning, match=r"sub-01_ses-a_task-film_run-1_eeg.vhdr: Omitted 1"):
        assert len(Trials.from_bids(root, task="film", subjects="01", tmin=0, tmax=0.5)) == 1


def test_an_unreadable_recording_is_named(root):
    channels = root / "sub-01/ses-a/eeg/sub-01_ses-a_task-film_run-1_channels.tsv"
    channels.write_text(CHANNELS.replace("Fp1", "F3"))
    with pytest.raises(ValueError, match=r"sub-01.*_eeg.vhdr cannot be read: .*Trials.from_raws"):
        Trials.from_bids(root, task="film", tmin=0, tmax=0.5)


def test_a_table_without_events_is_named(root):
    events = root / "sub-01/ses-a/eeg/sub-01_ses-a_task-film_run-1_events.tsv"
    events.write_text("onset\tduration\n")
    with pytest.raises(ValueError, match=r"sub-01.*_eeg.vhdr cannot be read: .*Trials.from_raws"):
        Trials.from_bids(root, task="film", tmin=0, tmax=0.5)


def test_a_recording_without_a_table_of_events_is_named(root):
    (root / "sub-01/ses-a/eeg/sub-01_ses-a_task-film_run-1_events.tsv").unlink()
    with pytest.raises(ValueError, match=r"sub-01.*_eeg.vhdr must have events in an events.tsv"):
        Trials.from_bids(root, task="film", tmin=0, tmax=0.5)


def test_participant_columns_named_as_those_of_trials_are_renamed(root):
    table = "participant_id\tonset\ttrial\nsub-01\t52\t7\nsub-02\t61\t8\n"
    (root / "participants.tsv").write_text(table)
    metadata = Trials.from_bids(root, task="film", tmin=0, tmax=0.5).metadata
    assert metadata["onset"].tolist() == [1, 3, 2, 1, 2, 3]
    assert metadata["participant_onset"].tolist() == [52, 52, 61, 61, 61, 61]
    assert metadata["trial"].nunique() == 6
