"""Trials: labelled stretches of EEG, and what can be done with them."""

import gc
import pickle
import warnings
import weakref
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest

from skmamba import SlidingWindows, Trials


def count_trials(n_trials=4, n_channels=2, n_times=5, **parts):
    """Trials whose values tell where they are: 100 trial + 10 channel + time point."""
    trial, channel, time = np.ogrid[:n_trials, :n_channels, :n_times]
    fields = {
        "X": 100.0 * trial + 10 * channel + time,
        "y": np.arange(n_trials) % 2,
        "metadata": pd.DataFrame({"subject": np.arange(n_trials) // 2, "trial": range(n_trials)}),
        "sfreq": 10.0,
        "ch_names": ["Fp1", "Fp2", "O1", "O2"][:n_channels],
    }
    return Trials(**(fields | parts))


def rows_of(trials):
    """Which rows of count_trials these are, read from the EEG itself."""
    return (trials.X[:, 0, 0] / 100).tolist()


# The parts


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        ({"X": np.zeros((4, 5))}, r"X must have shape \(n_trials.*got 2 dimensions"),
        ({"X": np.zeros((4, 1, 2, 5))}, "got 4 dimensions"),
        ({"y": [0, 1, 0]}, "y must have one entry a trial: X has 4 trials, y has 3"),
        (
            {"metadata": pd.DataFrame({"subject": range(5)})},
            "metadata must have one entry a trial: X has 4 trials, metadata has 5",
        ),
        ({"ch_names": ["Fp1"]}, "ch_names must name each channel: X has 2 channels, got 1 names"),
        ({"sfreq": 0}, "sfreq must be positive, in hertz, got 0"),
        ({"sfreq": -128.0}, r"sfreq must be positive, in hertz, got -128\.0"),
        ({"sfreq": np.nan}, "sfreq must be positive, in hertz, got nan"),
    ],
)
def test_the_part_that_does_not_fit_is_named(parts, match):
    with pytest.raises(ValueError, match=match):
        count_trials(**parts)


def test_labels_become_an_array_and_names_a_tuple():
    trials = count_trials(y=["a", "b", "a", "b"], ch_names=np.array(["Fp1", "Fp2"]))
    assert isinstance(trials.y, np.ndarray)
    assert trials.y.tolist() == ["a", "b", "a", "b"]
    assert trials.ch_names == ("Fp1", "Fp2")
    assert all(type(name) is str for name in trials.ch_names)


def test_metadata_count_from_zero_and_the_callers_stay_as_they_were():
    metadata = pd.DataFrame({"subject": [7, 7, 8, 8]}, index=[3, 2, 1, 0])
    trials = count_trials(metadata=metadata)
    assert trials.metadata.index.tolist() == [0, 1, 2, 3]
    assert trials.metadata["subject"].tolist() == [7, 7, 8, 8]
    trials.metadata["new"] = 0
    assert metadata.index.tolist() == [3, 2, 1, 0]
    assert list(metadata) == ["subject"]


def test_the_eeg_is_not_copied():
    X = np.zeros((4, 2, 5))
    assert count_trials(X=X).X is X


def test_fields_cannot_be_replaced():
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'y'"):
        count_trials().y = np.zeros(4)


def test_length_is_the_number_of_trials():
    assert len(count_trials(n_trials=3)) == 3


def test_repr_counts_trials_of_each_class():
    trials = count_trials(y=[1, 1, 0, 1], label_names={0: "rest", 1: "task"}, name="Toy")
    assert repr(trials) == (
        "<Trials of Toy: 4 trials x 2 channels x 5 time points (0.5 s at 10 Hz), 2 subjects; "
        "1 rest, 3 task (majority 75 %)>"
    )


def test_repr_does_without_subjects_and_names():
    trials = count_trials(y=["a", "b", "a", "b"], metadata=pd.DataFrame(index=range(4)))
    assert repr(trials) == (
        "<Trials: 4 trials x 2 channels x 5 time points (0.5 s at 10 Hz); "
        "2 of class a, 2 of class b (majority 50 %)>"
    )


def test_trials_pickle():
    trials = count_trials(name="Toy", label_names={0: "rest"})
    again = pickle.loads(pickle.dumps(trials))
    np.testing.assert_array_equal(again.X, trials.X)
    np.testing.assert_array_equal(again.y, trials.y)
    pd.testing.assert_frame_equal(again.metadata, trials.metadata)
    assert (again.sfreq, again.ch_names, again.label_names, again.name) == (
        10.0,
        ("Fp1", "Fp2"),
        {0: "rest"},
        "Toy",
    )


# select


@pytest.mark.parametrize(
    ("args", "columns", "expected"),
    [
        ((), {}, [0, 1, 2, 3, 4, 5]),
        ((), {"subject": 1}, [2, 3]),
        ((), {"subject": [2, 0]}, [0, 1, 4, 5]),
        ((), {"trial": np.int64(3)}, [3]),
        ((), {"trial": range(2, 4)}, [2, 3]),
        ((), {"subject": [0, 1], "trial": [1, 2, 5]}, [1, 2]),
        (("subject != 1",), {}, [0, 1, 4, 5]),
        (("subject > 0 and trial < 4",), {}, [2, 3]),
        (([3, 0],), {}, [3, 0]),
        ((np.array([4, 0]),), {}, [4, 0]),
        (((4, 0),), {}, [4, 0]),
        (([-1],), {}, [5]),
        (([True, False, False, True, False, False],), {}, [0, 3]),
        ((np.array([True, False, False, True, False, False]),), {}, [0, 3]),
        ((pd.Series([True, False, False, True, False, False]),), {}, [0, 3]),
        (("trial % 2 == 1",), {"subject": [0, 2]}, [1, 5]),
        (([5, 3, 1],), {"subject": [0, 2]}, [5, 1]),
    ],
)
def test_select_keeps_these_rows(args, columns, expected):
    chosen = count_trials(n_trials=6).select(*args, **columns)
    assert rows_of(chosen) == expected
    assert chosen.metadata["trial"].tolist() == expected
    assert chosen.metadata.index.tolist() == list(range(len(expected)))
    assert chosen.y.tolist() == [row % 2 for row in expected]


def test_select_by_words_of_the_metadata():
    metadata = pd.DataFrame({"subject": ["ann", "ann", "bob", "bob"]})
    trials = count_trials(metadata=metadata)
    assert rows_of(trials.select(subject="bob")) == [2, 3]
    assert rows_of(trials.select("subject == 'ann'")) == [0, 1]


def test_select_leaves_everything_else():
    trials = count_trials(label_names={0: "rest"}, name="Toy")
    chosen = trials.select(subject=0)
    assert (chosen.sfreq, chosen.ch_names) == (trials.sfreq, trials.ch_names)
    assert (chosen.label_names, chosen.name) == (trials.label_names, trials.name)
    assert len(trials) == 4


def test_select_names_the_columns_there_are():
    with pytest.raises(ValueError, match="no column 'person', only subject, trial"):
        count_trials().select(person=1)


@pytest.mark.parametrize(
    ("args", "columns", "match"),
    [
        ((), {"subject": 9}, r"No trial is left after select\(None, \{'subject': 9\}\)"),
        (("subject > 9",), {}, r"No trial is left after select\('subject > 9', \{\}\)"),
        (([],), {}, "No trial is left"),
        (([False] * 4,), {}, "No trial is left"),
        (([0],), {"subject": 1}, "No trial is left"),
    ],
)
def test_select_refuses_to_leave_nothing(args, columns, match):
    with pytest.raises(ValueError, match=match):
        count_trials().select(*args, **columns)


def test_select_refuses_a_mask_of_another_length():
    with pytest.raises(IndexError, match="boolean index did not match"):
        count_trials().select([True, False])


# concatenate


def test_concatenate_puts_parts_under_each_other_in_order():
    trials = count_trials(n_trials=6)
    joined = Trials.concatenate([trials.select([4, 5]), trials.select([0]), trials.select([2])])
    assert rows_of(joined) == [4, 5, 0, 2]
    assert joined.y.tolist() == [0, 1, 0, 0]
    assert joined.metadata["trial"].tolist() == [4, 5, 0, 2]
    assert joined.metadata.index.tolist() == [0, 1, 2, 3]
    assert joined.X.dtype == trials.X.dtype


def test_concatenate_takes_a_generator():
    trials = count_trials(n_trials=6)
    parts = (trials.select(subject=subject) for subject in (2, 0))
    assert rows_of(Trials.concatenate(parts)) == [4, 5, 0, 1]


def test_concatenate_leaves_missing_what_a_part_does_not_know():
    films = pd.DataFrame({"subject": 9, "stimulus": ["a", "b", "c", "d"]})
    joined = Trials.concatenate([count_trials(), count_trials(metadata=films)])
    assert joined.metadata["stimulus"].isna().tolist() == [True] * 4 + [False] * 4
    assert joined.metadata["stimulus"].tolist()[4:] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("names", "expected"), [(["A", "B", "A"], "A + B"), (["A", "A"], "A"), (["", "B"], "B")]
)
def test_concatenate_joins_names(names, expected):
    assert Trials.concatenate(count_trials(name=name) for name in names).name == expected


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        ({"ch_names": ["Fp2", "Fp1"]}, r"differ in ch_names: \('Fp1', 'Fp2'\) and \('Fp2', 'Fp1'"),
        ({"sfreq": 20.0}, r"differ in sfreq: 10\.0 and 20\.0"),
        ({"n_times": 6}, "differ in n_times: 5 and 6"),
        ({"label_names": {0: "rest"}}, r"differ in label_names: \{\} and \{0: 'rest'\}"),
    ],
)
def test_concatenate_says_in_what_parts_differ(parts, match):
    with pytest.raises(ValueError, match=match):
        Trials.concatenate([count_trials(), count_trials(), count_trials(**parts)])


def test_concatenate_wants_at_least_one():
    with pytest.raises(ValueError, match="needs at least one Trials, got none"):
        Trials.concatenate([])


# from_epochs


def test_from_epochs_takes_eeg_in_microvolt_and_names_the_codes(make_epochs):
    epochs = make_epochs(
        n_trials=3,
        ch_names=["Fp1", "O1"],
        sfreq=256.0,
        n_times=4,
        other=["EOG"],
        codes=[5, 2, 5],
        event_id={"left": 2, "right": 5},
    )
    trials = Trials.from_epochs(epochs, name="Toy")
    assert trials.X.dtype == np.float32
    np.testing.assert_allclose(trials.X[:, 1, 2], [1002, 11002, 21002])
    assert trials.y.tolist() == [5, 2, 5]
    assert trials.label_names == {2: "left", 5: "right"}
    assert (trials.sfreq, trials.ch_names, trials.name) == (256.0, ("Fp1", "O1"), "Toy")
    assert trials.metadata.to_dict("list") == {"trial": [0, 1, 2]}


def test_from_epochs_prefers_the_labels_and_metadata_given(make_epochs):
    epochs = make_epochs(n_trials=2, metadata=pd.DataFrame({"subject": [1, 2]}))
    assert Trials.from_epochs(epochs).metadata.to_dict("list") == {
        "subject": [1, 2],
        "trial": [0, 1],
    }
    given = pd.DataFrame({"subject": [8, 9], "trial": [30, 31]})
    trials = Trials.from_epochs(epochs, y=["calm", "fear"], metadata=given)
    assert trials.y.tolist() == ["calm", "fear"]
    assert trials.label_names == {}
    assert trials.metadata.to_dict("list") == {"subject": [8, 9], "trial": [30, 31]}


def test_from_epochs_leaves_metadata_of_the_epochs_as_they_were(make_epochs):
    epochs = make_epochs(n_trials=2, metadata=pd.DataFrame({"subject": [1, 2]}))
    Trials.from_epochs(epochs)
    assert list(epochs.metadata) == ["subject"]


def test_from_epochs_keeps_labels_with_their_epochs_when_reading_drops_one():
    mne = pytest.importorskip("mne")
    volt = np.zeros((1, 400))
    volt[0, [110, 210, 310]] = 1, 2e-5, 3e-5  # a volt: the second epoch is an artefact
    raw = mne.io.RawArray(volt, mne.create_info(["Fp1"], 100.0, "eeg"), verbose=False)
    epochs = mne.Epochs(
        raw,
        events=[[0, 0, 1], [100, 0, 2], [200, 0, 3], [300, 0, 4]],
        tmin=0,
        tmax=0.5,
        baseline=None,
        reject={"eeg": 1e-3},
        metadata=pd.DataFrame({"subject": [1, 2, 3, 4]}),
        verbose=False,
    )
    trials = Trials.from_epochs(epochs)
    assert trials.y.tolist() == [1, 3, 4]
    assert trials.metadata["subject"].tolist() == [1, 3, 4]
    np.testing.assert_allclose(trials.X[:, 0, 10], [0, 20, 30])


def test_from_epochs_says_when_labels_are_too_few(make_epochs):
    with pytest.raises(ValueError, match="X has 4 trials, y has 3"):
        Trials.from_epochs(make_epochs(n_trials=4), y=[0, 1, 0])


# from_raws


def volts(n_channels, n_times, number=0):
    """Recording ``number``: 100 000 number + 10 000 channel + time point, in microvolt."""
    channel, time = np.ogrid[:n_channels, :n_times]
    return 1e-6 * (100_000.0 * number + 10_000 * channel + time)


def make_raw(
    number=0,
    ch_names=("Fp1", "Fp2"),
    *,
    sfreq=10.0,
    n_times=200,
    types="eeg",
    marks=(),
    his_id=None,
):
    """A recording with annotations, given as (seconds, name) or (seconds, name, duration)."""
    mne = pytest.importorskip("mne")
    info = mne.create_info(list(ch_names), sfreq, types)
    if his_id is not None:
        info["subject_info"] = {"his_id": his_id}
    raw = mne.io.RawArray(volts(len(ch_names), n_times, number), info, verbose=False)
    if marks:
        onsets, names, durations = zip(*((*mark, 0)[:3] for mark in marks), strict=True)
        raw.set_annotations(mne.Annotations(onsets, durations, names))
    return raw


def write_edf(path, microvolt, ch_names, sfreq, person="X"):
    """Write a plain EDF file, whole microvolts, in records of one second."""
    n_channels, n_times = microvolt.shape
    per_record = int(sfreq)

    def cells(width, values):
        return b"".join(str(value).ljust(width).encode("ascii") for value in values)

    same = [1] * n_channels
    header = cells(8, ["0"]) + cells(80, [person, "Startdate X X X X"])
    header += cells(8, ["01.01.20", "00.00.00", 256 * (n_channels + 1)]) + cells(44, [""])
    header += cells(8, [n_times // per_record, 1]) + cells(4, [n_channels])
    header += cells(16, ch_names) + cells(80, ["" for _ in same]) + cells(8, ["uV" for _ in same])
    for limit in (-32768, 32767, -32768, 32767):  # physical and digital: one step is 1 microvolt
        header += cells(8, [limit for _ in same])
    header += cells(80, ["" for _ in same]) + cells(8, [per_record for _ in same])
    header += cells(32, ["" for _ in same])
    records = microvolt.reshape(n_channels, -1, per_record).swapaxes(0, 1)
    path.write_bytes(header + records.astype("<i2").tobytes())


TWO_MARKS = ((5, "rest"), (10, "task"))


def test_from_raws_slices_recordings_at_their_annotations():
    raws = [make_raw(0, marks=TWO_MARKS), make_raw(1, marks=[(3, "task"), (8.5, "rest")])]
    trials = Trials.from_raws(raws, tmin=-0.5, tmax=1.5, name="Ours")
    by_hand = [
        1e6 * raws[recording].get_data()[:, start : start + 20]
        for recording, start in ((0, 45), (0, 95), (1, 25), (1, 80))
    ]
    assert trials.X.dtype == np.float32
    np.testing.assert_allclose(trials.X, by_hand, rtol=1e-6)
    assert trials.y.tolist() == [0, 1, 1, 0]
    assert trials.label_names == {0: "rest", 1: "task"}
    assert (trials.sfreq, trials.ch_names, trials.name) == (10.0, ("Fp1", "Fp2"), "Ours")
    assert trials.metadata.to_dict("list") == {
        "recording": [0, 0, 1, 1],
        "onset": [5.0, 10.0, 3.0, 8.5],
        "trial": [0, 1, 2, 3],
    }


@pytest.mark.parametrize(
    ("sfreq", "tmin", "tmax", "n_times"),
    [(128.0, 0, 2, 256), (100.0, -0.2, 0.8, 100), (10.0, 0.05, 1.05, 10), (250.0, 0, 0.3, 75)],
)
def test_the_end_point_is_no_part_of_a_trial(sfreq, tmin, tmax, n_times):
    raw = make_raw(sfreq=sfreq, n_times=2000, marks=[(1, "a"), (3, "b")])
    trials = Trials.from_raws([raw], tmin, tmax)
    assert trials.X.shape == (2, 2, n_times)
    assert trials.X[0, 0, 0] == sfreq + round(tmin * sfreq)


def test_a_trial_may_fill_the_recording_to_its_last_point():
    raw = make_raw(n_times=30, marks=[(0, "a"), (1, "b")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trials = Trials.from_raws([raw], 0, 2)
    assert trials.X[:, 0, [0, -1]].tolist() == [[0, 19], [10, 29]]


def test_names_are_labels_although_codes_differ_between_recordings():
    raws = [
        make_raw(0, marks=[(1, "calm"), (3, "fear"), (5, "joy")]),
        make_raw(1, marks=[(1, "fear"), (3, "joy")]),  # MNE's code 1 is "calm" above, "fear" here
        make_raw(2, marks=[(1, "joy")]),
    ]
    trials = Trials.from_raws(raws, 0, 1)
    names = [trials.label_names[label] for label in trials.y.tolist()]
    assert names == ["calm", "fear", "joy", "fear", "joy", "joy"]


@pytest.mark.parametrize(
    ("event_id", "y", "label_names"),
    [
        (["joy", "calm"], [1, 0], {0: "joy", 1: "calm"}),
        ("fear", [0], {0: "fear"}),
        ({"joy": 5, "fear": 3}, [3, 5], {5: "joy", 3: "fear"}),
        ({"calm": 0, "fear": 1, "joy": 0}, [0, 1, 0], {0: "calm or joy", 1: "fear"}),
        ({"fear": "negative", "joy": "positive"}, ["negative", "positive"], {}),
    ],
    ids=["list", "one name", "dict", "shared label", "words"],
)
def test_event_id_chooses_and_labels_annotations(event_id, y, label_names):
    raw = make_raw(marks=[(1, "calm"), (3, "fear"), (5, "joy")])
    trials = Trials.from_raws([raw], 0, 1, event_id=event_id)
    assert trials.y.tolist() == y
    assert trials.label_names == label_names


def test_a_name_stands_for_what_it_begins_unless_that_is_asked_for_itself():
    marks = [(1, "film/1"), (3, "film/2"), (5, "film"), (7, "filming"), (9, "film/2/b")]
    trials = Trials.from_raws([make_raw(marks=marks)], 0, 1, event_id=["film", "film/2"])
    assert trials.metadata["onset"].tolist() == [1, 3, 5, 9]
    assert trials.y.tolist() == [0, 1, 0, 1]
    assert trials.label_names == {0: "film", 1: "film/2"}


EVENTS = np.array([[10, 0, 7], [30, 0, 2], [50, 0, 7], [70, 0, 9]])


@pytest.mark.parametrize(
    ("event_id", "y", "label_names"),
    [
        (None, [7, 2, 7, 9, 9], {}),
        ([7, 2], [7, 2, 7], {}),
        (9, [9, 9], {}),
        (np.array([9, 2]), [2, 9, 9], {}),
        ({"left": 2, "right": 7}, [7, 2, 7], {2: "left", 7: "right"}),
    ],
    ids=["all", "codes", "one code", "array", "names"],
)
def test_event_arrays_are_one_a_recording_and_their_codes_are_labels(event_id, y, label_names):
    raws = [make_raw(0, marks=TWO_MARKS), make_raw(1)]
    trials = Trials.from_raws(raws, 0, 1, events=[EVENTS, EVENTS[3:]], event_id=event_id)
    assert trials.y.tolist() == y
    assert trials.label_names == label_names
    starts = 100_000 * trials.metadata["recording"] + 10 * trials.metadata["onset"]
    assert trials.X[:, 0, 0].tolist() == starts.tolist()


def test_trials_keep_the_order_of_their_events_and_any_code_will_do():
    events = [[[100, 0, 0], [20, 5, 3], [50, 0, -2]]]
    trials = Trials.from_raws([make_raw()], 0, 1, events=events)
    assert trials.X[:, 0, 0].tolist() == [100, 20, 50]
    assert trials.y.tolist() == [0, 3, -2]


def test_onsets_count_from_where_a_cropped_recording_starts():
    raw = make_raw(marks=TWO_MARKS).crop(tmin=4)
    trials = Trials.from_raws([raw], 0, 1)
    assert trials.metadata["onset"].tolist() == [1.0, 6.0]
    assert trials.X[:, 0, 0].tolist() == [50, 100]


def test_a_recording_without_events_gives_no_trials():
    trials = Trials.from_raws([make_raw(0), make_raw(1, marks=TWO_MARKS)], 0, 1)
    assert trials.metadata["recording"].tolist() == [1, 1]
    none = Trials.from_raws([make_raw(0), make_raw(1)], 0, 1, events=[[], EVENTS])
    assert none.metadata["recording"].tolist() == [1] * 4


def test_only_eeg_is_taken_and_bad_channels_are_kept():
    raw = make_raw(
        ch_names=["EOG", "Fp1", "STI", "Fp2", "ECG"],
        types=["eog", "eeg", "stim", "eeg", "ecg"],
        marks=TWO_MARKS,
    )
    raw.info["bads"] = ["Fp2"]
    trials = Trials.from_raws([raw], 0, 1)
    assert trials.ch_names == ("Fp1", "Fp2")
    assert trials.X[0, :, 0].tolist() == [10_050, 30_050]


def test_channels_are_put_in_the_order_of_the_first_recording():
    raws = [
        make_raw(0, ["Fp1", "Fp2", "O1"], marks=TWO_MARKS),
        make_raw(1, ["O1", "Fp1", "Fp2"], marks=TWO_MARKS),
    ]
    trials = Trials.from_raws(raws, 0, 1)
    assert trials.ch_names == ("Fp1", "Fp2", "O1")
    assert trials.X[::2, :, 0].tolist() == [[50, 10_050, 20_050], [110_050, 120_050, 100_050]]


@pytest.mark.parametrize(
    ("other", "match"),
    [
        ({"sfreq": 20.0}, r"Recording 1 has 20 Hz, Recording 0 10 Hz.*raw\.resample\(sfreq\)"),
        (
            {"ch_names": ["Fp1", "O2"]},
            r"Recording 1 differs from Recording 0 in its EEG channels: it lacks \['Fp2'\] and "
            r"adds \['O2'\].*raw\.pick.*raw\.rename_channels",
        ),
        ({"ch_names": ["Fp1"]}, r"lacks \['Fp2'\] and adds \[\]"),
        ({"types": ["eeg", "eog"]}, r"lacks \['Fp2'\] and adds \[\]"),
        ({"types": "misc"}, r"Recording 1 holds no EEG channel, only \['misc'\]\. .*raw\.set_ch"),
        (
            {"marks": [(5, "rest"), (5, "task")]},
            r"Recording 1: events \['rest', 'task'\] share sample 50.*event_id",
        ),
    ],
    ids=["rate", "names", "fewer", "type", "no EEG", "two at once"],
)
def test_the_recording_that_does_not_fit_is_named_and_why(other, match):
    raws = [make_raw(marks=TWO_MARKS), make_raw(**({"marks": TWO_MARKS} | other))]
    with pytest.raises(ValueError, match=match):
        Trials.from_raws(raws, 0, 1)


def test_rates_may_differ_by_what_files_round():
    raws = [make_raw(marks=TWO_MARKS), make_raw(sfreq=10.000001, marks=TWO_MARKS)]
    assert len(Trials.from_raws(raws, 0, 1)) == 4


@pytest.mark.parametrize(
    ("raws", "arguments", "match"),
    [
        ([], {}, "at least one recording, got none"),
        ("rest.fif", {}, r"sequence of recordings, got one: pass \[raw\]"),
        ([np.zeros((2, 50))], {}, "got ndarray as number 0.*Trials.from_epochs"),
        ([(5, "a")], {"tmax": 0}, r"tmax must be later than tmin, got tmin=0 and tmax=0"),
        ([(5, "a")], {"event_id": ["a", "b"]}, r"asks for \['b'\], which no .* are \['a'\]"),
        ([(5, "a")], {"event_id": {"b": 0}}, r"asks for \['b'\]"),
        ([(5, "a")], {"event_id": []}, r"No trial is left: of 0 chosen .* have \['a'\]"),
        ([(5, "a")], {"events": []}, "one array a recording, got only 0"),
        ([(5, "a")], {"events": [EVENTS] * 2}, "1 recordings and 2 arrays"),
        ([(5, "a")], {"events": [EVENTS[:, :2]]}, r"Recording 0: events must be .* \(4, 2\)"),
        ([(5, "a")], {"events": [EVENTS / 2]}, "Recording 0: events must be .* float64"),
        ([(5, "a")], {"events": [EVENTS], "event_id": {"x": 3}}, r"\[3\].*are \[2, 7, 9\]"),
        ([(5, "a")], {"y": [0, 1]}, "one label for each chosen event, of .* 1, .* got 2"),
        (
            [(5, "a")],
            {"metadata": {"subject": [1, 2]}},
            "one row a recording, of which there are 1, or one a chosen event, 1, got 2",
        ),
        ([(19.5, "a"), (5, "a"), (5, "BAD", 3)], {}, "of 2 .*1 are too near .* 1 overlap BAD"),
    ],
)
def test_from_raws_says_what_is_wrong(raws, arguments, match):
    if raws and isinstance(raws[0], tuple):
        raws = [make_raw(marks=raws)]
    with pytest.raises(ValueError, match=match), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        Trials.from_raws(raws, **({"tmin": 0, "tmax": 1} | arguments))


def test_a_recording_is_not_taken_for_a_sequence_of_them():
    with pytest.raises(ValueError, match=r"got one: pass \[raw\]"):
        Trials.from_raws(make_raw(marks=TWO_MARKS), 0, 1)


def test_events_at_the_edges_are_dropped_with_a_warning_that_names_the_recording():
    raws = [
        make_raw(0, marks=TWO_MARKS),
        make_raw(1, marks=[(0.3, "task"), (2, "rest"), (19.5, "task"), (19.8, "rest")]),
    ]
    match = r"Recording 1: 3 of 4 events are too near its edges for a trial from -0\.5 to 1 s"
    with pytest.warns(UserWarning, match=match) as caught:
        trials = Trials.from_raws(raws, -0.5, 1, y=list("abcdef"))
    assert len(caught) == 1
    assert trials.y.tolist() == ["a", "b", "d"]
    assert trials.metadata["onset"].tolist() == [5, 10, 2]
    assert trials.metadata["trial"].tolist() == [0, 1, 2]
    assert trials.label_names == {}


def test_trials_on_bad_stretches_are_left_out_and_bad_is_no_event():
    raw = make_raw(marks=[(2, "a"), (6, "b"), (6.8, "BAD_jump", 0.5), (8, "a"), (9, "EDGE")])
    trials = Trials.from_raws([raw], 0, 1)
    assert trials.metadata["onset"].tolist() == [2, 8]
    assert trials.label_names == {0: "a", 1: "b"}


@pytest.mark.parametrize(
    "metadata",
    [
        {"subject": ["ann", "bob"], "age": [30, 40]},
        [{"subject": "ann", "age": 30}, {"subject": "bob", "age": 40}],
        pd.DataFrame({"subject": ["ann", "bob"], "age": [30, 40]}, index=[7, 3]),
    ],
    ids=["dict", "list", "frame"],
)
def test_trials_share_the_row_of_their_recording(metadata):
    raws = [make_raw(marks=TWO_MARKS), make_raw(1, marks=[(3, "rest"), *TWO_MARKS])]
    trials = Trials.from_raws(raws, 0, 1, metadata=metadata)
    assert trials.metadata["subject"].tolist() == ["ann"] * 2 + ["bob"] * 3
    assert trials.metadata["age"].tolist() == [30] * 2 + [40] * 3
    assert trials.metadata["recording"].tolist() == [0] * 2 + [1] * 3


def test_one_value_in_the_metadata_is_for_all():
    raws = [make_raw(marks=TWO_MARKS), make_raw(1, marks=TWO_MARKS)]
    trials = Trials.from_raws(raws, 0, 1, metadata={"session": 2})
    assert trials.metadata["session"].tolist() == [2] * 4


def test_metadata_may_have_a_row_for_each_chosen_event():
    raw = make_raw(marks=[(1, "a"), (3, "a"), (3.1, "BAD", 1), (5, "b"), (7, "a")])
    films = pd.DataFrame({"film": [1, 2, 3], "trial": [10, 20, 30]})
    trials = Trials.from_raws([raw], 0, 1, event_id=["a"], metadata=films)
    assert trials.metadata["film"].tolist() == [1, 3]
    assert trials.metadata["trial"].tolist() == [10, 30]
    assert list(films) == ["film", "trial"]


def test_the_subject_is_who_the_file_says_unless_the_metadata_say_it():
    raws = [make_raw(marks=TWO_MARKS, his_id="S07"), make_raw(1, marks=TWO_MARKS)]
    told = Trials.from_raws(raws, 0, 1).metadata["subject"]
    assert told[:2].tolist() == ["S07"] * 2
    assert told[2:].isna().all()
    given = Trials.from_raws(raws, 0, 1, metadata={"subject": [1, 2]}).metadata["subject"]
    assert given.tolist() == [1, 1, 2, 2]


def test_recordings_stay_as_they_were(tmp_path):
    mne = pytest.importorskip("mne")
    loaded = make_raw(marks=TWO_MARKS, ch_names=["O1", "EOG"], types=["eeg", "eog"])
    loaded.save(tmp_path / "one_raw.fif", verbose=False)
    lazy = mne.io.read_raw(tmp_path / "one_raw.fif", verbose=False)
    before = loaded.copy()
    Trials.from_raws([loaded, lazy], 0, 1).X[:] = 0
    assert loaded == before
    assert (loaded.ch_names, loaded.annotations) == (before.ch_names, before.annotations)
    assert not lazy.preload
    assert lazy.ch_names == ["O1", "EOG"]


@pytest.mark.parametrize("as_path", [str, lambda path: path], ids=["str", "Path"])
def test_fif_files_give_what_their_recordings_give(tmp_path, as_path):
    raws = [make_raw(number, marks=TWO_MARKS, his_id=f"S{number}") for number in (0, 1)]
    files = [tmp_path / f"{number}_raw.fif" for number in (0, 1)]
    for raw, file in zip(raws, files, strict=True):
        raw.save(file, verbose=False)
    from_files = Trials.from_raws(map(as_path, files), -0.5, 1)
    from_memory = Trials.from_raws(raws, -0.5, 1)
    np.testing.assert_allclose(from_files.X, from_memory.X, rtol=1e-5)
    assert from_files.y.tolist() == from_memory.y.tolist()
    pd.testing.assert_frame_equal(from_files.metadata, from_memory.metadata)
    assert from_files.metadata["subject"].tolist() == ["S0", "S0", "S1", "S1"]


def test_edf_files_are_read_and_messages_name_them(tmp_path):
    microvolt = np.arange(600).reshape(2, 300) - 300
    write_edf(tmp_path / "ann.edf", microvolt, ["Fp1", "Fp2"], 100)
    events = [[[50, 0, 1], [150, 0, 2], [250, 0, 1]]]
    with pytest.warns(UserWarning, match=r"Recording 0 \(ann\.edf\): 1 of 3 events"):
        trials = Trials.from_raws([tmp_path / "ann.edf"], 0, 1, events=events)
    expected = [microvolt[:, 50:150], microvolt[:, 150:250]]
    np.testing.assert_allclose(trials.X, expected, atol=1e-3)
    assert (trials.sfreq, trials.ch_names) == (100.0, ("Fp1", "Fp2"))
    assert list(trials.metadata) == ["recording", "onset", "trial"]  # EDF's X is no name


def test_edf_files_name_their_subject(tmp_path):
    file = tmp_path / "ann.edf"
    write_edf(file, np.zeros((1, 300), int), ["Fp1"], 100, person="S01 F X X")
    trials = Trials.from_raws([file], 0, 1, events=[[[50, 0, 1]]])
    assert trials.metadata["subject"].tolist() == ["S01"]


def test_memory_holds_one_recording_of_a_generator_at_a_time():
    born, n_alive = [], []

    def read(number):
        gc.collect()
        n_alive.append(sum(raw() is not None for raw in born))
        raw = make_raw(number, marks=TWO_MARKS)
        born.append(weakref.ref(raw))
        return raw

    trials = Trials.from_raws((read(number) for number in range(4)), 0, 1)
    assert n_alive == [0, 0, 0, 0]
    assert trials.X[::2, 0, 0].tolist() == [50, 100_050, 200_050, 300_050]


def test_memory_holds_one_file_at_a_time(tmp_path, monkeypatch):
    mne = pytest.importorskip("mne")
    files = [tmp_path / f"{number}_raw.fif" for number in range(3)]
    for number, file in enumerate(files):
        make_raw(number, marks=TWO_MARKS).save(file, verbose=False)
    born, n_alive, read_raw = [], [], mne.io.read_raw

    def spy(*args, **kwargs):
        gc.collect()
        n_alive.append(sum(raw() is not None for raw in born))
        raw = read_raw(*args, **kwargs)
        born.append(weakref.ref(raw))
        return raw

    monkeypatch.setattr(mne.io, "read_raw", spy)
    Trials.from_raws(files, 0, 1)
    assert n_alive == [0, 0, 0]


# as_windows


def test_windows_as_rows_by_hand():
    windows = count_trials(n_trials=2, n_channels=2, n_times=5).as_windows(
        window_size_samples=2, stride_samples=1
    )
    assert windows.X.shape == (8, 2, 2)
    assert windows.X[:, 0].tolist() == [
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 4],
        [100, 101],
        [101, 102],
        [102, 103],
        [103, 104],
    ]
    assert windows.X[5].tolist() == [[101, 102], [111, 112]]
    assert windows.y.tolist() == [0] * 4 + [1] * 4
    assert windows.metadata.to_dict("list") == {
        "subject": [0] * 8,
        "trial": [0] * 4 + [1] * 4,
        "window": [0, 1, 2, 3] * 2,
        "start": [0, 1, 2, 3] * 2,
    }


def test_start_is_where_a_window_begins():
    trials = count_trials(n_times=20)
    windows = trials.as_windows(window_size_samples=6, stride_samples=4)
    assert windows.metadata["start"].tolist() == [0, 4, 8, 12] * 4
    for window, trial, start in zip(
        windows.X, windows.metadata["trial"], windows.metadata["start"], strict=True
    ):
        np.testing.assert_array_equal(window, trials.X[trial, :, start : start + 6])


def test_windows_do_not_overlap_unless_asked():
    windows = count_trials(n_trials=1, n_times=7).as_windows(window_size_samples=3)
    assert windows.metadata["start"].tolist() == [0, 3]
    assert windows.X[:, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(("size", "stride"), [(128, 64), (100, 30), (256, 1), (1, 17)])
def test_windows_as_rows_are_those_of_the_step(trials, size, stride):
    rows = trials.as_windows(window_size_samples=size, stride_samples=stride)
    bags = SlidingWindows(window_size_samples=size, stride_samples=stride).fit_transform(trials.X)
    np.testing.assert_array_equal(rows.X.reshape(bags.shape), bags)
    np.testing.assert_array_equal(
        rows.y.reshape(bags.shape[:2]), trials.y[:, None].repeat(bags.shape[1], 1)
    )


def test_windows_know_their_trial_even_if_the_trials_did_not():
    trials = count_trials(metadata=pd.DataFrame({"subject": [1, 1, 2, 2]}))
    windows = trials.as_windows(window_size_samples=2)
    assert windows.metadata["trial"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert list(trials.metadata) == ["subject"]


def test_windows_keep_the_trial_numbers_of_chosen_trials():
    windows = count_trials().select([3, 1]).as_windows(window_size_samples=4)
    assert windows.metadata["trial"].tolist() == [3, 1]


@pytest.mark.parametrize(
    ("args", "match"),
    [
        ((6,), "A trial of 5 time points is shorter than one window of size=6"),
        ((0,), "size must be at least one time point, got 0"),
        ((2, 0), "stride must be at least one time point, got 0"),
        ((0.5,), r"size must be a whole number of time points, got 0\.5"),
        ((2, 1.0), r"stride must be a whole number of time points, got 1\.0"),
        ((True,), "size must be a whole number of time points, got True"),
    ],
)
def test_windows_say_which_length_cannot_be(args, match):
    with pytest.raises(ValueError, match=match):
        count_trials().as_windows(*args)


@pytest.mark.parametrize("condition", ["subject", "trial + 1", "trial = 3", "stimulus == 1"])
def test_what_is_no_condition_on_the_metadata_is_told(trials, condition):
    with pytest.raises(ValueError, match=r"is no condition on the columns subject, session, trial"):
        trials.select(condition)


def test_repr_of_one_person_says_subject(trials):
    assert "1 subject;" in repr(trials.select(subject=0))


def test_repr_ends_with_what_was_chosen():
    trials = count_trials(y=[0, 1, 0, 1], choices={"target": "valence", "threshold": 5})
    assert repr(trials).endswith("(majority 50 %); target valence, threshold 5>")
    assert trials.select([0, 1]).choices == {"target": "valence", "threshold": 5}


def test_trials_that_were_read_differently_are_not_put_together():
    parts = [count_trials(choices={"ties": ties}) for ties in ("high", "low")]
    with pytest.raises(ValueError, match=r"Trials differ in choices: \{'ties': 'high'\} and"):
        Trials.concatenate(parts)
