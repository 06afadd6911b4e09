"""Trials: labelled stretches of EEG, and what can be done with them."""

import pickle
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


# as_windows


def test_windows_as_rows_by_hand():
    windows = count_trials(n_trials=2, n_channels=2, n_times=5).as_windows(size=2, stride=1)
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
    windows = trials.as_windows(size=6, stride=4)
    assert windows.metadata["start"].tolist() == [0, 4, 8, 12] * 4
    for window, trial, start in zip(
        windows.X, windows.metadata["trial"], windows.metadata["start"], strict=True
    ):
        np.testing.assert_array_equal(window, trials.X[trial, :, start : start + 6])


def test_windows_do_not_overlap_unless_asked():
    windows = count_trials(n_trials=1, n_times=7).as_windows(size=3)
    assert windows.metadata["start"].tolist() == [0, 3]
    assert windows.X[:, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(("size", "stride"), [(128, 64), (100, 30), (256, 1), (1, 17)])
def test_windows_as_rows_are_those_of_the_step(trials, size, stride):
    rows = trials.as_windows(size, stride)
    bags = SlidingWindows(size, stride).fit_transform(trials.X)
    np.testing.assert_array_equal(rows.X.reshape(bags.shape), bags)
    np.testing.assert_array_equal(
        rows.y.reshape(bags.shape[:2]), trials.y[:, None].repeat(bags.shape[1], 1)
    )


def test_windows_know_their_trial_even_if_the_trials_did_not():
    trials = count_trials(metadata=pd.DataFrame({"subject": [1, 1, 2, 2]}))
    windows = trials.as_windows(size=2)
    assert windows.metadata["trial"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert list(trials.metadata) == ["subject"]


def test_windows_keep_the_trial_numbers_of_chosen_trials():
    windows = count_trials().select([3, 1]).as_windows(size=4)
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
