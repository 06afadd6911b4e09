"""Trials: construction, selection, use as an array, concatenation, and reading with MNE."""

import gc
import re
import warnings
import weakref
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier

from skmamba import (
    MSiMambaClassifier,
    SlidingWindows,
    Trials,
    WindowVotingClassifier,
    evaluate,
    leakage_report,
)
from skmamba.datasets import simulate_trials
from skmamba.preprocessing import BandPower, EuclideanAlignment, SubjectWhitening


def make_trials(n_trials=4, n_channels=2, n_times=5, **parts):
    """Return trials with values 100 * trial + 10 * channel + time point."""
    trial, channel, time = np.ogrid[:n_trials, :n_channels, :n_times]
    fields = {
        "X": 100.0 * trial + 10 * channel + time,
        "y": np.arange(n_trials) % 2,
        "metadata": pd.DataFrame({"subject": np.arange(n_trials) // 2, "trial": range(n_trials)}),
        "sfreq": 10.0,
        "ch_names": ["Fp1", "Fp2", "O1", "O2"][:n_channels],
    }
    return Trials(**(fields | parts))


def get_rows(trials):
    """Return the rows of make_trials, read from the EEG."""
    return (trials.X[:, 0, 0] / 100).tolist()


# Construction


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        ({"X": np.zeros((4, 5))}, r"X must have shape \(n_trials.*got 2 dimensions"),
        ({"X": np.zeros((4, 1, 2, 5))}, "got 4 dimensions"),
        (
            {"X": [np.zeros((2, n)) for n in (5, 5, 7, 5)]},
            r"equal shape, got \(2, 5\), \(2, 7\)\. Crop them .*x\[:, -n_times:\]",
        ),
        ({"y": [0, 1, 0]}, "y must have one entry per trial: X has 4 trials, y has 3"),
        ({"metadata": pd.DataFrame({"subject": range(5)})}, "4 trials, metadata has 5"),
        ({"label_names": ["a", "b"]}, r"label_names must be a dict, got \['a', 'b'\]"),
        ({"loader_params": None}, "loader_params must be a dict, got None"),
        ({"metadata": "abcd"}, "metadata must be a DataFrame or a dict of columns, got str: Data"),
        ({"metadata": [1, 1, 2, 2]}, "metadata must be .*, got list: columns without names"),
        (
            {"metadata": {"subject": ["1", "01", "2", "2"]}},
            "one text for each subject, got '01', '1'\\.",
        ),
        (
            {"metadata": {"session": ["S1", "s01", "S2", "S2 "]}},
            "one text for each session, got 'S1', 's01', 'S2', 'S2 '\\.",
        ),
        (
            {"metadata": pd.DataFrame(np.ones((4, 2)), columns=["subject", "subject"])},
            "metadata must have different columns, got 'subject' twice",
        ),
        ({"ch_names": ["Fp1"]}, "each of the 2 channels of X, got 1 names"),
        ({"ch_names": "ab"}, r"ch_names must be a list of names \(str\), got 'ab'"),
        ({"ch_names": {"a", "b"}}, r"ch_names must be a list of names \(str\), got {"),
        ({"ch_names": [1, 2]}, r"ch_names must be a list of names \(str\), got \[1, 2\]"),
        ({"ch_names": ["a", "a"]}, "ch_names must name each channel once, got 'a' twice"),
        ({"sfreq": 0}, "sfreq must be a positive number, got 0"),
        ({"sfreq": "128"}, "sfreq must be a positive number, got '128'"),
        ({"sfreq": True}, "sfreq must be a positive number, got True"),
        ({"y": 5}, "y must have one entry per trial, got 5"),
        ({"y": np.ma.array([0, 1, 0, 1], mask=[1, 0, 0, 0])}, "y must not be a masked array: pass"),
        ({"y": [[1], [1, 2], 1, 1]}, "y must have one label or row of ratings per trial: setting"),
        (
            {"y": np.array([b"a"] * 4)},
            r"y must be text or numbers of shape .*got \|S1 of shape",
        ),
        ({"y": [["a", "b"]] * 4}, r"or numbers of shape \(n_trials, n_targets\), got <U1 of shape"),
        ({"y": [pd.Timestamp("2026-01-01")] * 4}, r"y must be text .*got object of shape \(4,\)"),
        ({"y": np.ones((4, 1, 1))}, r"y must be text .*got float64 of shape \(4, 1, 1\)"),
        ({"X": np.ma.zeros((4, 2, 9))}, "X must be an array of real numbers, got a masked array"),
        ({"X": np.ones((4, 2, 9), complex)}, "X must be an array of real numbers, got complex128"),
        ({"reference": np.full((4, 2, 9), "1")}, "reference must be an array of real numbers, got"),
        ({"sfreq": np.nan}, "sfreq must be a positive number, got nan"),
        ({"reference": np.ones((3, 2, 9))}, r"with 4 trials and 2 channels as X, got \(3, 2, 9\)"),
        ({"reference": np.ones((4, 3, 9))}, r"with 4 trials and 2 channels as X, got \(4, 3, 9\)"),
        ({"reference": np.ones((4, 18))}, r"reference must have shape \(n_trials, .*, got \(4, 18"),
        ({"reference": np.ones((4, 2, 0))}, "reference must have at least one sample, got none"),
    ],
)
def test_mismatched_parts_raise(parts, match):
    with pytest.raises(ValueError, match=match):
        make_trials(**parts)


def test_metadata_index_is_reset_and_the_input_is_unchanged():
    metadata = pd.DataFrame({"subject": [7, 7, 8, 8]}, index=[3, 2, 1, 0])
    trials = make_trials(metadata=metadata)
    assert trials.metadata.index.tolist() == [0, 1, 2, 3]
    assert trials.metadata["subject"].tolist() == [7, 7, 8, 8]
    trials.metadata["new"] = 0
    assert metadata.index.tolist() == [3, 2, 1, 0]
    assert list(metadata) == ["subject"]


def test_scalar_metadata_are_those_of_all_trials():
    trials = make_trials(metadata={"subject": 7, "group": None})
    assert trials.metadata["subject"].tolist() == [7] * 4
    assert trials.metadata["group"].isna().all()


def test_X_is_not_copied():
    X = np.zeros((4, 2, 5))
    assert make_trials(X=X).X is X


def test_repr_counts_trials_of_each_class():
    label_names, loader_params = {0: "rest", 1: "task"}, {"target": "valence", "threshold": 5}
    trials = make_trials(y=[1, 1, 0, 1], label_names=label_names, name="Toy")
    shape = "4 trials x 2 channels x 5 time points (0.5 s at 10 Hz)"
    expected = f"<Trials of Toy: {shape}, 2 subjects; 1 rest, 3 task (majority 75 %)>"
    assert repr(trials) == expected
    metadata = pd.DataFrame(index=range(4))
    plain = make_trials(y=list("abab"), metadata=metadata, loader_params=loader_params)
    expected = f"<Trials: {shape}; 2 of class a, 2 of class b (majority 50 %); target valence, "
    assert repr(plain) == f"{expected}threshold 5>"


def test_notebooks_show_escaped_facts_in_full():
    names, params = {0: "<b>rest</b>", 1: "task"}, {"target": "valence", "size": 3}
    html = make_trials(label_names=names, loader_params=params, name="<i>")._repr_html_()
    assert "2 &lt;b&gt;rest&lt;/b&gt;, 2 task (majority 50 %)" in html
    assert "Fp1, Fp2" in html and "2 subjects" in html and "valence" in html and "&lt;i&gt;" in html
    assert "<b>" not in html and "<i>" not in html and "..." not in html


def test_names_of_labels_are_not_kept_for_another_target():
    trials = make_trials(y=[0, 1, 1, 0], label_names={0: "low", 1: "high"})
    with pytest.warns(UserWarning, match="must name all values of y, .* with 2, 3, and are dropp"):
        quadrants = replace(trials, y=[0, 1, 2, 3])
    assert quadrants.label_names == {}
    assert "; 1 of class 0, 1 of class 1, 1 of class 2, 1 of class 3 (" in repr(quadrants)
    named = replace(trials, y=list("abab"), label_names={"a": "left", "b": "right"})
    assert "2 left, 2 right" in repr(named)


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
        ((np.array([4, 0]),), {}, [4, 0]),
        (([-1],), {}, [5]),
        ((np.array([True, False, False, True, False, False]),), {}, [0, 3]),
        ((pd.Series([True, False, False, True, False, False]),), {}, [0, 3]),
        (("trial % 2 == 1",), {"subject": [0, 2]}, [1, 5]),
        (([5, 3, 1],), {"subject": [0, 2]}, [5, 1]),
    ],
)
def test_select_returns_the_matching_rows(args, columns, expected):
    names = {"label_names": {0: "a", 1: "b"}, "loader_params": {"ties": "high"}}
    chosen = make_trials(n_trials=6, **names).select(*args, **columns)
    assert {name: getattr(chosen, name) for name in names} == names
    assert get_rows(chosen) == expected
    assert chosen.metadata["trial"].tolist() == expected
    assert chosen.metadata.index.tolist() == list(range(len(expected)))
    assert chosen.y.tolist() == [row % 2 for row in expected]


@pytest.mark.parametrize(
    ("where", "columns", "match"),
    [
        (None, {"age": 1}, "no column 'age', only subject, trial"),
        (
            None,
            {"subject": 9},
            r"No trial is left after select\(None, \{'subject': 9\}\): subject has 0, 1",
        ),
        ("subject > 9", {}, r"No trial is left after select\('subject > 9', \{\}\)"),
        ([], {}, "No trial is left"),
        ([False] * 4, {}, "No trial is left"),
        ([0], {"subject": 1}, "No trial is left"),
        ([True, False], {}, "A mask must have one entry per trial"),
        ([[0, 1], [2, 3]], {}, "where must be .*: Rows must be one list of indices, got 2 dimen"),
        ([0, 9], {}, "where must be a condition, .* out of bounds"),
        ("subject", {}, "not a condition on the columns subject, trial: its values are not true"),
        ("trial = 3", {}, "is not a condition on the columns subject, trial: "),
        ("stimulus == 1", {}, "is not a condition on the columns subject, trial: "),
    ],
)
def test_invalid_selections_raise(where, columns, match):
    with pytest.raises(ValueError, match=match):
        make_trials().select(where, **columns)


def test_channels_are_picked_in_any_order_and_of_picked_ones():
    trials = make_trials(n_channels=4)
    for picks in ([3, 1, 0, 2], [2, 0]):
        picked = trials.pick(picks)
        assert np.array_equal(picked.X, trials.X[:, picks])
        assert np.array_equal(picked[[2, 0]].X, trials.X[[2, 0]][:, picks])
        assert list(picked.ch_names) == [trials.ch_names[i] for i in picks]
        assert np.array_equal(picked.pick([1]).X, trials.X[:, picks[1:2]])
        windows = SlidingWindows(window_size_samples=2).fit_transform(picked)
        assert np.array_equal(np.asarray(windows)[:, 0], trials.X[:, picks, :2])
    with pytest.raises(
        ValueError, match=r"picks must be indices or a mask, got \['F3'\]: for names"
    ):
        trials.pick(["F3"])


# Rows and other indices

ROWS = {
    "slice": slice(2, 5),
    "reversed slice": slice(None, None, -1),
    "indices": np.array([7, 2, 3]),
    "list": [7, 2, 3],
    "repeated": [1, 1, 0],
    "negative": [-1, 0],
    "mask": np.arange(24) % 3 == 0,
    "list of bool": [True] + [False] * 23,
    "nothing": [],
}


@pytest.fixture(scope="module")
def referenced():
    """Trials with a reference."""
    trials = simulate_trials(n_subjects=4, n_trials=6, n_times=256)
    return replace(trials, reference=np.random.default_rng(0).normal(size=(24, 4, 128)))


@pytest.fixture(scope="module", params=["all", "selection"])
def rows_of(request, referenced):
    """Trials, and a selection of them in another order that has as many."""
    return referenced if request.param == "all" else referenced[np.arange(24)[::-1]]


@pytest.mark.parametrize("key", ROWS.values(), ids=ROWS)
def test_rows_are_those_of_an_array_without_a_copy(key, rows_of, referenced):
    for chosen in (rows_of[key], rows_of[key, ...]):  # scikit-learn indexes with an Ellipsis
        np.testing.assert_array_equal(chosen.X, rows_of.X[key])
        np.testing.assert_array_equal(chosen.reference, rows_of.reference[key])
        np.testing.assert_array_equal(chosen.y, rows_of.y[key])
        assert (
            chosen.metadata["trial"].tolist() == rows_of.metadata["trial"].to_numpy()[key].tolist()
        )
        assert chosen.metadata.index.tolist() == list(range(len(chosen)))
        assert chosen.data.array is referenced.data.array
        assert chosen.reference_data.array is referenced.reference_data.array


@pytest.mark.parametrize(
    "key",
    [
        3,
        -1,
        np.int64(3),
        np.array(3),
        np.array([[0, 1], [5, 5]]),
        (2, 1),
        (slice(0, 2), 0),
        ([0, 2], [1, 1], slice(3)),
        (2, ...),
        ...,
        None,
    ],
    ids=str,
)
def test_other_indices_return_an_array_as_those_of_x(key, rows_of):
    value = rows_of[key]
    assert type(value) is np.ndarray
    np.testing.assert_array_equal(value, rows_of.X[key])


@pytest.mark.parametrize(
    ("key", "match"),
    [
        (24, "index 24 is out of bounds"),
        ([0, -25], "index -25 is out of bounds"),
        ([True] * 23, r"A mask must have one entry per trial \(24\), got \(23,\)"),
        ("subject", "only integers, slices"),
        ([0.5], "must be of integer"),
    ],
)
def test_invalid_indices_raise(key, match, rows_of):
    with pytest.raises(IndexError, match=match):
        rows_of[key]


def test_a_condition_may_name_a_variable_of_the_caller():
    condition = 1  # noqa: F841
    assert get_rows(make_trials().select("trial > @condition")) == [2, 3]


def test_select_makes_no_copy(referenced):
    chosen = referenced.select("subject != 1", trial=range(3, 20))
    assert chosen.data.array is referenced.data.array
    rows = referenced.metadata.query("subject != 1 and 3 <= trial < 20").index
    np.testing.assert_array_equal(chosen.X, referenced.X[rows])


# Operations of arrays


def test_trials_have_the_shape_and_type_of_x(rows_of):
    assert (len(rows_of), rows_of.shape, rows_of.ndim) == (24, (24, 4, 256), 3)
    assert rows_of.dtype == rows_of.X.dtype == np.float32


@pytest.mark.parametrize(
    "function",
    [
        np.asarray,
        np.abs,
        np.fft.rfft,
        list,
        lambda X: np.asarray(X, dtype="float64"),
        lambda X: np.concatenate([X, X]),
        lambda X: X - np.mean(X, axis=-1, keepdims=True),
        lambda X: np.ones((24, 1, 1)) / X,
        lambda X: X.reshape(len(X), -1).astype(int),
        lambda X: X.transpose(0, 2, 1).std(axis=1),
        lambda X: X @ np.ones((256, 2)),
        lambda X: -abs(X),
        lambda X: (2 * X + X / 3 - 1) ** 2,
        lambda X: X < X[0, 0, 0],
        lambda X: X <= X[0, 0, 0],
        lambda X: X > X[0, 0, 0],
        lambda X: X >= X[0, 0, 0],
        lambda X: np.where(X == X[0, 0, 0], 100.0, X),
        lambda X: (X != X[0, 0, 0]).mean(-1),
    ],
)
def test_functions_and_operators_of_arrays_give_arrays(function, rows_of):
    np.testing.assert_array_equal(function(rows_of), function(rows_of.X))


def test_other_attributes_of_arrays_do_not_exist(referenced):
    with pytest.raises(AttributeError, match="'Trials' object has no attribute 'sort'"):
        referenced.sort()  # in place


# concatenate


def test_ratings_of_several_targets_stay_with_their_rows():
    ratings = np.array([[1.5, 9], [2, 8], [3, 7], [4, 6]])
    trials = make_trials(y=ratings)
    assert trials[[3, 0]].y.tolist() == [[4, 6], [1.5, 9]]
    assert trials.select(subject=1).y.tolist() == [[3, 7], [4, 6]]
    assert Trials.concatenate([trials[2:], trials[:1]]).y.tolist() == [[3, 7], [4, 6], [1.5, 9]]
    windows = trials.as_windows(window_size_samples=2)
    assert windows.y.tolist() == np.repeat(ratings, 2, axis=0).tolist()
    assert "2 subjects; ratings 1.5 to 4 (mean 2.62), 6 to 9 (mean 7.5)>" in repr(trials)
    assert "ratings" in trials._repr_html_()


def test_repr_shows_the_range_of_ratings_with_decimals():
    assert "; ratings 1 to 2.5 (mean 1.75)>" in repr(make_trials(y=[1.0, 2.5, 1.5, 2.0]))
    assert "1 of class 1.0" in repr(make_trials(y=[1.0, 2.0, 3.0, 4.0]))
    assert "0 trials" in repr(make_trials(y=np.ones((4, 2)))[:0])


@pytest.mark.parametrize(
    ("y", "text"),
    [
        ([0, np.nan, 1, 1], "; 1 calm, 2 tense, 1 without label (majority 67 %)>"),
        ([0, None, 1, 1], "; 1 calm, 2 tense, 1 without label (majority 67 %)>"),
        (["a", None, "b", pd.NA], "; 1 of class a, 1 of class b, 2 without label (majority"),
        ([1.5, np.nan, 2, None], "; ratings 1.5 to 2 (mean 1.75, 2 missing)>"),
        ([[1, 2], [None, 3]] * 2, "; ratings 1 to 1 (mean 1, 2 missing), 2 to 3 (mean 2.5)>"),
        ([None] * 4, "; 4 without label>"),
    ],
)
def test_missing_labels_remain_missing(y, text):
    trials = make_trials(y=y, label_names={0: "calm", 1: "tense"} if y[0] == 0 else {})
    assert text in repr(trials)
    assert pd.isna(trials.y).tolist() == pd.isna(np.array(y, dtype=object)).tolist()
    assert (trials.y == trials.y).tolist() == (~pd.isna(trials.y)).tolist()
    with pytest.raises(ValueError, match=r"of every trial, got \d missing: select the others"):
        evaluate({"clf": DummyClassifier()}, trials)


def test_text_of_any_type_labels_trials():
    for y in (np.array(list("abab"), dtype=np.dtypes.StringDType()), pd.Categorical(list("abab"))):
        assert "; 2 of class a, 2 of class b" in repr(make_trials(y=y))
        assert make_trials(y=y).y.tolist() == list("abab")


def test_concatenate_keeps_the_order_of_the_parts():
    trials = make_trials(n_trials=6)
    joined = Trials.concatenate([trials.select([4, 5]), trials.select([0]), trials.select([2])])
    assert get_rows(joined) == [4, 5, 0, 2]
    assert joined.y.tolist() == [0, 1, 0, 0]
    assert joined.metadata["trial"].tolist() == [4, 5, 0, 2]
    assert joined.metadata.index.tolist() == [0, 1, 2, 3]
    assert joined.X.dtype == trials.X.dtype


def test_concatenate_fills_columns_that_a_part_lacks_with_missing_values():
    films = pd.DataFrame({"subject": 9, "stimulus": ["a", "b", "c", "d"]})
    joined = Trials.concatenate([make_trials(), make_trials(metadata=films)])
    assert joined.metadata["stimulus"].isna().tolist() == [True] * 4 + [False] * 4
    assert joined.metadata["stimulus"].tolist()[4:] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("names", "expected"), [(["A", "B", "A"], "A + B"), (["A", "A"], "A"), (["", "B"], "B")]
)
def test_concatenate_joins_names(names, expected):
    assert Trials.concatenate(make_trials(name=name) for name in names).name == expected


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        ({"ch_names": ["Fp2", "Fp1"]}, r"same ch_names, got \('Fp1', 'Fp2'\) and \('Fp2', 'Fp1'"),
        ({"sfreq": 20.0}, r"same sfreq, got 10\.0 and 20\.0"),
        ({"n_times": 6}, "same n_times, got 5 and 6"),
        ({"label_names": {0: "a", 1: "b"}}, r"same label_names, got \{\} and \{0: 'a', 1: 'b'\}"),
        ({"loader_params": {"ties": "low"}}, r"same loader_params, got \{\} and \{'ties'"),
        ({"y": np.ones((4, 2))}, r"same number of targets, got \(\) and \(2,\)"),
        ({"y": list("abab")}, "same type of labels, got numbers and text"),
    ],
)
def test_concatenate_of_different_parts_raises(parts, match):
    with pytest.raises(ValueError, match=match):
        Trials.concatenate([make_trials(), make_trials(), make_trials(**parts)])


def test_concatenated_trials_need_references_of_one_length(referenced):
    joined = Trials.concatenate([referenced[:4], referenced[4:]])
    np.testing.assert_array_equal(joined.reference, referenced.reference)
    for other in (None, np.zeros((24, 4, 64))):
        with pytest.raises(ValueError, match="parts must have the same length of reference"):
            Trials.concatenate([referenced, replace(referenced, reference=other)])


def test_a_reference_that_trials_share_is_copied_once(referenced):
    rows = np.repeat([0, 3], 12)
    shared = replace(referenced, reference=referenced.reference_data.take(rows))
    joined = Trials.concatenate([shared[4:], shared[:4]])
    assert len(joined.reference_data.array) == 3  # rows 0 and 3, and row 0 of the second part
    expected = referenced.reference[[*rows[4:], *rows[:4]]]
    np.testing.assert_array_equal(joined.reference, expected)


def test_a_selection_of_no_trials_has_a_reference_of_none(referenced):
    empty = referenced[:0]
    assert empty.pick(np.array([2])).reference.shape == (0, 1, referenced.reference.shape[2])
    assert len(Trials.concatenate([empty, referenced]).reference) == len(referenced)


def test_trials_of_different_parts_with_the_same_numbers_are_a_warning():
    raws = [make_raw(number, annotations=MARKS) for number in range(2)]
    parts = [Trials.from_raws([raw], 0, 1, metadata={"subject": 1}) for raw in raws]
    match = r"4 trials of different parts .* such as subject 1, trial 0, .*assign\(session=i\)"
    with pytest.warns(UserWarning, match=match):
        Trials.concatenate(parts)
    tables = [part.metadata.assign(session=i) for i, part in enumerate(parts)]
    sessions = [replace(part, metadata=m) for part, m in zip(parts, tables, strict=True)]
    with pytest.warns(UserWarning, match=r"assign\(run=i\)"):
        Trials.concatenate([sessions[0], sessions[0]])
    windows, folds = sessions[0].as_windows(0.5), [([0, 1], [2, 3])]
    with warnings.catch_warnings(action="error"):
        report = leakage_report(folds, Trials.concatenate(sessions))
        partly = leakage_report(folds, Trials.concatenate([parts[0], sessions[1]]))
        Trials.concatenate([sessions[0][1:], sessions[0][:1]])
        Trials.concatenate([windows[1:], windows[:1]])
    assert report["verdict"].tolist()[:3] == ["not shared"] * 3
    assert partly["verdict"][2] == "unknown: subject or session or trial is missing in 2 rows"


def test_identifiers_that_concatenate_would_make_equal_raise():
    parts = [make_trials(metadata={"subject": name}) for name in (1, 1.0, "1", "02")]
    assert Trials.concatenate(parts).metadata["subject"].unique().tolist() == [1, 2]
    parts.append(make_trials(metadata={"subject": "01"}))
    with pytest.raises(ValueError, match=r"'subject' must be text or numbers.*'01', '02'"):
        Trials.concatenate(parts)


# from_epochs


def test_from_epochs_reads_eeg_in_microvolts_and_names_the_codes(make_epochs):
    events = {"codes": [5, 2, 5], "event_id": {"left": 2, "right": 5}}
    epochs = make_epochs(3, ["Fp1", "O1"], sfreq=256.0, n_times=4, other=["EOG"], **events)
    trials = Trials.from_epochs(epochs, name="Toy")
    assert trials.X.dtype == np.float32
    np.testing.assert_allclose(trials.X[:, 1, 2], [1002, 11002, 21002])
    assert trials.y.tolist() == [5, 2, 5]
    assert trials.label_names == {2: "left", 5: "right"}
    assert (trials.sfreq, trials.ch_names, trials.name) == (256.0, ("Fp1", "O1"), "Toy")
    assert trials.metadata["trial"].tolist() == [0, 1, 2]


def test_epochs_are_no_array_of_trials(make_epochs):
    with pytest.raises(ValueError, match=r"X must be an array, got mne\.Epochs: use Trials\.from"):
        make_trials(X=make_epochs(4))


def test_from_epochs_prefers_explicit_labels_and_metadata(make_epochs):
    epochs = make_epochs(n_trials=2, metadata=pd.DataFrame({"subject": [1, 2]}))
    numbered = Trials.from_epochs(epochs).metadata
    times = {"recording": [0, 0], "onset": [0, 0.5]}
    assert numbered.to_dict("list") == {"subject": [1, 2], **times, "trial": [0, 1]}
    given = pd.DataFrame({"subject": [8, 9], "trial": [30, 31], "onset": [4, 5]})
    trials = Trials.from_epochs(epochs, y=["calm", "fear"], metadata=given)
    assert trials.y.tolist() == ["calm", "fear"]
    assert trials.label_names == {}
    assert trials.metadata.equals(given)


def test_overlapping_epochs_are_found_after_decimation_and_resampling():
    mne = pytest.importorskip("mne")
    noise = 1e-5 * np.random.default_rng(0).normal(size=(1, 4000))
    raw = mne.io.RawArray(noise, mne.create_info(["Fp1"], 200.0, "eeg"), verbose=False)
    events = mne.make_fixed_length_events(raw, duration=1)
    epochs = mne.Epochs(raw, events, tmin=-0.5, tmax=1, decim=2, preload=True, verbose=False)
    trials = Trials.from_epochs(epochs.resample(50))
    assert trials.metadata["onset"].tolist() == np.arange(0.5, 18).tolist()
    for train, test, verdict in (([0, 3], [1], "leak"), ([0], [2], "not shared")):
        report = leakage_report([(train, test)], trials).set_index("kind")
        assert report.loc["window overlap", "verdict"] == verdict


@pytest.mark.parametrize("rows", [slice(None), [0, 2, 3]])
def test_events_that_number_epochs_are_no_times(rows):
    mne = pytest.importorskip("mne")
    info = mne.create_info(["Fp1"], 100.0, "eeg")
    epochs = mne.EpochsArray(np.zeros((4, 1, 50)), info, verbose=False)[rows]
    assert list(Trials.from_epochs(epochs).metadata) == ["trial"]


def test_from_epochs_keeps_labels_aligned_when_reading_drops_an_epoch():
    mne = pytest.importorskip("mne")
    volt = np.zeros((1, 400))
    volt[0, [110, 210, 310]] = 1, 2e-5, 3e-5  # 1 V: the second epoch is rejected
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


# from_raws


def volts(n_channels, n_times, number=0):
    """Return 100 000 * number + 10 000 * channel + time point, in microvolts, as volts."""
    channel, time = np.ogrid[:n_channels, :n_times]
    return 1e-6 * (100_000.0 * number + 10_000 * channel + time)


def make_raw(
    number=0,
    ch_names=("Fp1", "Fp2"),
    *,
    sfreq=10.0,
    n_times=200,
    types="eeg",
    annotations=(),
    his_id=None,
):
    """Return a recording; annotations are (seconds, name) or (seconds, name, duration)."""
    mne = pytest.importorskip("mne")
    info = mne.create_info(list(ch_names), sfreq, types)
    if his_id is not None:
        info["subject_info"] = {"his_id": his_id}
    raw = mne.io.RawArray(volts(len(ch_names), n_times, number), info, verbose=False)
    if annotations:
        rows = ((*annotation, 0)[:3] for annotation in annotations)
        onsets, names, durations = zip(*rows, strict=True)
        raw.set_annotations(mne.Annotations(onsets, durations, names))
    return raw


def cut_by_hand(raw, start, stop):
    """Return the microvolts of samples of a recording."""
    return raw.get_data(picks=["Fp1", "Fp2"], units="uV")[:, start:stop]


MARKS = ((5, "rest"), (10, "task"))


def test_from_raws_cuts_recordings_at_their_annotations():
    raws = [make_raw(annotations=MARKS), make_raw(1, annotations=[(3, "task"), (8.5, "rest")])]
    trials = Trials.from_raws(raws, tmin=-0.5, tmax=1.5, name="Ours")
    expected = [
        1e6 * raws[recording].get_data()[:, start : start + 20]
        for recording, start in ((0, 45), (0, 95), (1, 25), (1, 80))
    ]
    assert trials.X.dtype == np.float32
    np.testing.assert_allclose(trials.X, expected, rtol=1e-6)
    assert trials.y.tolist() == [0, 1, 1, 0]
    assert trials.label_names == {0: "rest", 1: "task"}
    assert (trials.sfreq, trials.ch_names, trials.name) == (10.0, ("Fp1", "Fp2"), "Ours")
    assert trials.metadata.to_dict("list") == {
        "recording": [0, 0, 1, 1],
        "onset": [4.5, 9.5, 2.5, 8.0],
        "trial": [0, 1, 2, 3],
    }


@pytest.mark.parametrize(
    ("sfreq", "tmin", "tmax", "n_times"),
    [
        (128.0, 0, 2, 256),
        (100.0, -0.2, 0.8, 100),
        (10.0, 0.05, 1.05, 10),
        (250.0, 0, 0.3, 75),
        (100.0, 0.003, 1.006, 100),
    ],
)
def test_the_end_point_is_excluded(sfreq, tmin, tmax, n_times):
    raw = make_raw(sfreq=sfreq, n_times=2000, annotations=[(1, "a"), (3, "b")])
    trials = Trials.from_raws([raw], tmin, tmax)
    assert trials.X.shape == (2, 2, n_times)
    assert trials.X[0, 0, 0] == sfreq + round(tmin * sfreq)


def test_a_trial_may_end_with_the_recording():
    raw = make_raw(n_times=30, annotations=[(0, "a"), (1, "b")])
    with warnings.catch_warnings(action="error"):
        trials = Trials.from_raws([raw], 0, 2)
    assert trials.X[:, 0, [0, -1]].tolist() == [[0, 19], [10, 29]]


def test_annotation_names_determine_labels_although_codes_differ_between_recordings():
    raws = [
        make_raw(0, annotations=[(1, "calm"), (3, "fear"), (5, "joy")]),
        make_raw(1, annotations=[(1, "fear"), (3, "joy")]),  # code 1 is "calm" above, "fear" here
        make_raw(2, annotations=[(1, "joy")]),
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
def test_event_id_selects_and_labels_annotations(event_id, y, label_names):
    raw = make_raw(annotations=[(1, "calm"), (3, "fear"), (5, "joy")])
    trials = Trials.from_raws([raw], 0, 1, event_id=event_id)
    assert trials.y.tolist() == y
    assert trials.label_names == label_names


def test_a_prefix_selects_longer_names_unless_they_are_selected_themselves():
    annotations = [(1, "film/1"), (3, "film/2"), (5, "film"), (7, "filming"), (9, "film/2/b")]
    raw = make_raw(annotations=annotations)
    trials = Trials.from_raws([raw], 0, 1, event_id=["film", "film/2"])
    assert trials.metadata["onset"].tolist() == [1, 3, 5, 9]
    assert trials.y.tolist() == [0, 1, 0, 1]
    assert trials.label_names == {0: "film", 1: "film/2"}


EVENTS = np.array([[50, 0, 7], [30, 0, 2], [10, 0, 7], [70, 0, -9]])


@pytest.mark.parametrize(
    ("event_id", "y", "label_names"),
    [
        (None, [7, 2, 7, -9, -9], {}),
        ([7, 2], [7, 2, 7], {}),
        (-9, [-9, -9], {}),
        (np.array([-9, 2]), [2, -9, -9], {}),
        ({"left": 2, "right": 7}, [7, 2, 7], {2: "left", 7: "right"}),
    ],
    ids=["all", "codes", "one code", "array", "names"],
)
def test_event_codes_are_labels(event_id, y, label_names):
    raws = [make_raw(0, annotations=MARKS), make_raw(1)]
    trials = Trials.from_raws(raws, 0, 1, events=[EVENTS, EVENTS[3:]], event_id=event_id)
    assert trials.y.tolist() == y
    assert trials.label_names == label_names
    starts = 100_000 * trials.metadata["recording"] + 10 * trials.metadata["onset"]
    assert trials.X[:, 0, 0].tolist() == starts.tolist()


def test_onsets_are_relative_to_the_start_of_a_cropped_recording():
    raw = make_raw(annotations=MARKS).crop(tmin=4)
    trials = Trials.from_raws([raw], 0, 1)
    assert trials.metadata["onset"].tolist() == [1.0, 6.0]
    assert trials.X[:, 0, 0].tolist() == [50, 100]


def test_recordings_without_events_are_accepted():
    trials = Trials.from_raws([make_raw(0), make_raw(1, annotations=MARKS)], 0, 1)
    assert trials.metadata["recording"].tolist() == [1, 1]
    none = Trials.from_raws([make_raw(0), make_raw(1)], 0, 1, events=[[], EVENTS])
    assert none.metadata["recording"].tolist() == [1] * 4


@pytest.mark.filterwarnings("ignore:Recording 0:UserWarning")
@pytest.mark.parametrize(("bads", "ch_names"), [("drop", ("Fp1",)), ("keep", ("Fp1", "Fp2"))])
def test_only_eeg_channels_are_kept_and_bad_ones_on_request(bads, ch_names):
    types = {"EOG": "eog", "Fp1": "eeg", "STI": "stim", "Fp2": "eeg", "ECG": "ecg"}
    raw = make_raw(ch_names=types, types=list(types.values()), annotations=MARKS)
    raw.info["bads"] = ["Fp2"]
    trials = Trials.from_raws([raw], 0, 1, bads=bads)
    assert trials.ch_names == ch_names
    assert trials.X[0, :, 0].tolist() == [10_050, 30_050][: len(ch_names)]


def test_dropped_channels_are_named(make_epochs):
    raws = [make_raw(number, annotations=MARKS) for number in range(2)]
    for raw in raws:
        raw.info["bads"] = ["Fp2"]
    with pytest.warns(UserWarning, match=r"Recording 1: \['Fp2'\] are marked as bad, and dropped"):
        assert Trials.from_raws(raws, 0, 1).ch_names == ("Fp1",)
    raws[1].info["bads"] = []
    with pytest.raises(ValueError, match=r"adds \['Fp2'\].*\(\['Fp2'\]\), raw\.interpolate_bads"):
        Trials.from_raws(raws, 0, 1)
    raws[1].info["bads"] = ["Fp1", "Fp2"]
    with pytest.raises(ValueError, match=r"must have EEG channels that are not marked as bad"):
        Trials.from_raws(raws[1:], 0, 1)
    epochs = make_epochs(ch_names=["Fp1", "Fp2"], other=["EOG"], bads=["Fp2", "EOG"])
    with pytest.warns(UserWarning, match=r"epochs: \['Fp2'\] are marked as bad"):
        assert Trials.from_epochs(epochs).ch_names == ("Fp1",)
    assert Trials.from_epochs(epochs, bads="keep").ch_names == ("Fp1", "Fp2")


def test_channels_are_ordered_as_in_the_first_recording():
    raws = [
        make_raw(0, ["Fp1", "Fp2", "O1"], annotations=MARKS),
        make_raw(1, ["O1", "Fp1", "Fp2"], annotations=MARKS),
    ]
    trials = Trials.from_raws(raws, 0, 1)
    assert trials.ch_names == ("Fp1", "Fp2", "O1")
    assert trials.X[::2, :, 0].tolist() == [[50, 10_050, 20_050], [110_050, 120_050, 100_050]]


@pytest.mark.parametrize(
    ("other", "match"),
    [
        ({"sfreq": 20.0}, "one sampling rate, got 20 Hz in Recording 1 and 10 Hz in Recording 0"),
        ({"ch_names": ["Fp1", "O2"]}, r"Recording 1 lacks \['Fp2'\] and adds \['O2'\].*raw\.pick"),
        ({"ch_names": ["Fp1"]}, r"lacks \['Fp2'\] and adds \[\]"),
        ({"types": ["eeg", "eog"]}, r"lacks \['Fp2'\] and adds \[\]"),
        ({"types": "misc"}, r"Recording 1 must have EEG channels.*, got only \['misc'\]\. .*set_c"),
        ({"annotations": [(5, "a"), (5, "b")]}, r"1: events \['a', 'b'\] share sample 50.*event_i"),
    ],
    ids=["sfreq", "names", "fewer", "type", "no EEG", "shared sample"],
)
def test_mismatched_recordings_raise(other, match):
    raws = [make_raw(annotations=MARKS), make_raw(**({"annotations": MARKS} | other))]
    with pytest.raises(ValueError, match=match):
        Trials.from_raws(raws, 0, 1)


def test_recordings_without_selected_events_are_named():
    raws = [make_raw(annotations=MARKS), make_raw(annotations=[(5, "Rest"), (8, "Task")])]
    match = r"1 of 2 recordings have no selected event.* is Recording 1, .* \['Rest', 'Task'\]"
    with pytest.warns(UserWarning, match=match):
        assert len(Trials.from_raws(raws, 0, 1, event_id=["rest", "task"])) == 2


def test_sampling_rates_may_differ_by_rounding():
    raws = [make_raw(annotations=MARKS), make_raw(sfreq=10.000001, annotations=MARKS)]
    assert len(Trials.from_raws(raws, 0, 1)) == 4


@pytest.mark.parametrize(
    ("raws", "arguments", "match"),
    [
        ([], {}, "at least one recording, got none"),
        ("rest.fif", {}, r"sequence of recordings, got one: pass \[raw\]"),
        ({"one": "rest.fif"}, {}, r"sequence of recordings, got a dict"),
        ([(5, "a")], {"tmax": None}, "tmax must be a finite number, got None"),
        ([(5, "a")], {"tmin": -np.inf}, "tmin must be a finite number, got -inf"),
        ([(5, "a")], {"event_id": {"a": [0]}}, r"one hashable label .* got {'a': \[0\]}"),
        (
            [(5, "film"), (6, "film/1")],
            {},
            r"event_id must be given if a name is a prefix of another, got \['film', 'film/1'\]",
        ),
        ([np.zeros((2, 50))], {}, "got ndarray at index 0.*Trials.from_epochs"),
        ([(5, "a")], {"tmax": 0}, r"tmax must be later than tmin, got tmin=0 and tmax=0"),
        ([(5, "a")], {"event_id": ["a", "b"]}, r"event_id must name .*, \['a'\], got \['b'\]"),
        ([(5, "a")], {"event_id": {"b": 0}}, r"got \['b'\]"),
        ([(5, "a")], {"event_id": []}, r"No trial is left: of 0 selected .* have \['a'\]"),
        ([(5, "a")], {"events": []}, "one array per recording, got only 0"),
        ([(5, "a")], {"events": [EVENTS] * 2}, "1 recordings and 2 arrays"),
        ([(5, "a")], {"events": [EVENTS[:, :2]]}, r"Recording 0: events must be .* \(4, 2\)"),
        ([(5, "a")], {"events": [EVENTS / 2]}, "Recording 0: events must be .* float64"),
        ([(5, "a")], {"events": [EVENTS], "event_id": {"x": 3}}, r"\[-9, 2, 7\], got \[3\]"),
        ([(5, "a")], {"y": 1}, "y must have one entry per trial, got 1"),
        ([(5, "a")], {"y": [0, 1]}, r"one label per selected event \(1\).* got 2"),
        ([(5, "a")], {"metadata": {"subject": [1, 2]}}, r"one per selected event \(1\), got 2"),
        ([(19.5, "a"), (5, "a"), (5, "BAD", 3)], {}, "of 2 .*1 are too near .* 1 overlap BAD"),
    ],
)
def test_from_raws_with_invalid_arguments_raises(raws, arguments, match):
    if isinstance(raws, list) and raws and isinstance(raws[0], tuple):
        raws = [make_raw(annotations=raws)]
    with pytest.raises(ValueError, match=match), warnings.catch_warnings(action="ignore"):
        Trials.from_raws(raws, **({"tmin": 0, "tmax": 1} | arguments))


@pytest.mark.parametrize("name", ["a.edf", "a.txt", "a_raw.fif"])
def test_files_that_mne_cannot_read_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"abc")
    match = rf"raws must hold recordings that .* can read, got .*{re.escape(name)}: \w"
    with pytest.raises(ValueError, match=match), warnings.catch_warnings(action="ignore"):
        Trials.from_raws([tmp_path / name], 0, 1)


def test_events_at_the_edges_are_dropped_with_a_warning():
    marks = [(0.3, "task"), (2, "rest"), (19.5, "task"), (19.8, "rest")]
    raws = [make_raw(annotations=MARKS), make_raw(1, annotations=marks)]
    match = r"Recording 1: 3 of 4 events are too near its edges for a trial from -0\.5 to 1 s"
    with pytest.warns(UserWarning, match=match) as caught:
        trials = Trials.from_raws(raws, -0.5, 1, y=list("abcdef"))
    assert len(caught) == 1
    assert trials.y.tolist() == ["a", "b", "d"]
    assert trials.metadata["onset"].tolist() == [4.5, 9.5, 1.5]
    assert trials.metadata["trial"].tolist() == [0, 1, 2]
    assert trials.label_names == {}


def test_trials_that_overlap_BAD_annotations_are_dropped_and_BAD_is_not_an_event():
    raw = make_raw(annotations=[(2, "a"), (6, "b"), (6.8, "BAD_jump", 0.5), (8, "a"), (9, "EDGE")])
    trials = Trials.from_raws([raw], 0, 1)
    assert trials.metadata["onset"].tolist() == [2, 8]
    assert trials.label_names == {0: "a", 1: "b"}


@pytest.mark.parametrize(
    ("tmin", "tmax", "onsets"),
    [
        (0, 1, [10, 18.9, 20, 22]),  # the third spans the boundary at 20
        (0.5, 1.5, [10.5, 20.5, 22.5]),  # the second spans it, the third is after it
        (-2.5, -0.5, [7.5, 16.4, 17.1]),  # the fourth is before it, the last spans it
    ],
)
def test_trials_are_not_separated_from_their_event_by_joined_recordings(tmin, tmax, onsets):
    mne = pytest.importorskip("mne")
    first = make_raw(annotations=[(10, "a"), (18.9, "b"), (19.6, "c")])
    raw = mne.concatenate_raws([first, make_raw(1, annotations=[(0, "d"), (2, "e")])])
    trials = Trials.from_raws([raw], tmin, tmax)
    assert trials.metadata["onset"].tolist() == pytest.approx(onsets)


@pytest.mark.parametrize(
    "metadata",
    [
        {"subject": ["ann", "bob"], "age": [30, 40]},
        [{"subject": "ann", "age": 30}, {"subject": "bob", "age": 40}],
        pd.DataFrame({"subject": ["ann", "bob"], "age": [30, 40]}, index=[7, 3]),
    ],
    ids=["dict", "list", "frame"],
)
def test_metadata_of_recordings_are_repeated_for_their_trials(metadata):
    raws = [make_raw(annotations=MARKS), make_raw(1, annotations=[(3, "rest"), *MARKS])]
    trials = Trials.from_raws(raws, 0, 1, metadata=metadata)
    assert trials.metadata["subject"].tolist() == ["ann"] * 2 + ["bob"] * 3
    assert trials.metadata["age"].tolist() == [30] * 2 + [40] * 3
    assert trials.metadata["recording"].tolist() == [0] * 2 + [1] * 3


def test_metadata_may_have_one_row_per_selected_event():
    raw = make_raw(annotations=[(1, "a"), (3, "a"), (3.1, "BAD", 1), (5, "b"), (7, "a")])
    films = pd.DataFrame({"film": [1, 2, 3], "trial": [10, 20, 30]})
    trials = Trials.from_raws([raw], 0, 1, event_id=["a"], metadata=films)
    assert trials.metadata["film"].tolist() == [1, 3]
    assert trials.metadata["trial"].tolist() == [10, 30]
    assert list(films) == ["film", "trial"]


def test_the_subject_of_the_file_is_used_unless_metadata_have_one():
    raws = [make_raw(annotations=MARKS, his_id="S07"), make_raw(1, annotations=MARKS)]
    from_file = Trials.from_raws(raws, 0, 1).metadata["subject"]
    assert from_file[:2].tolist() == ["S07"] * 2
    assert from_file[2:].isna().all()
    given = Trials.from_raws(raws, 0, 1, metadata={"subject": [1, 2]}).metadata["subject"]
    assert given.tolist() == [1, 1, 2, 2]
    scalar = Trials.from_raws(raws, 0, 1, metadata={"subject": 2}).metadata["subject"]
    assert scalar.tolist() == [2] * 4


def test_a_recording_of_two_sessions_is_a_warning():
    raws = [make_raw(number, annotations=MARKS) for number in (0, 1, 0)]
    metadata = {"subject": ["s1"] * 3, "session": [1, 1, 2]}
    with pytest.warns(
        UserWarning, match=r"4 trials have identical samples.* 0 and 4 of subject s1\."
    ):
        Trials.from_raws(raws, 0, 1, metadata=metadata)
    with pytest.warns(UserWarning, match=r"such as rows 0 and 4\. A split may place them in both"):
        Trials.from_raws(raws, 0, 1)


def test_from_raws_does_not_change_the_recordings(tmp_path):
    mne = pytest.importorskip("mne")
    loaded = make_raw(annotations=MARKS, ch_names=["O1", "EOG"], types=["eeg", "eog"])
    loaded.save(tmp_path / "one_raw.fif", verbose=False)
    lazy = mne.io.read_raw(tmp_path / "one_raw.fif", verbose=False)
    before = loaded.copy()
    Trials.from_raws([loaded, lazy], 0, 1).X[:] = 0
    assert loaded == before
    assert (loaded.ch_names, loaded.annotations) == (before.ch_names, before.annotations)
    assert not lazy.preload
    assert lazy.ch_names == ["O1", "EOG"]


@pytest.mark.parametrize("dtype", [object, "category"])
def test_numbers_in_text_are_the_same_subjects_as_numbers(dtype):
    trials = simulate_trials(3, 4)
    ids = [str(i) if k % 2 else i for k, i in enumerate(trials.metadata["subject"])]
    metadata = trials.metadata.assign(subject=pd.Series(ids, dtype=object).astype(dtype))
    assert replace(trials, metadata=metadata).metadata["subject"].nunique() == 3


def test_fif_files_give_the_same_trials_as_recordings_in_memory(tmp_path):
    raws = [make_raw(number, annotations=MARKS, his_id=f"S{number}") for number in (0, 1)]
    files = [tmp_path / f"{number}_raw.fif" for number in (0, 1)]
    for raw, file in zip(raws, files, strict=True):
        raw.save(file, verbose=False)
    from_files = Trials.from_raws([str(files[0]), files[1]], -0.5, 1)
    from_memory = Trials.from_raws(raws, -0.5, 1)
    np.testing.assert_allclose(from_files.X, from_memory.X, rtol=1e-5)
    assert from_files.y.tolist() == from_memory.y.tolist()
    pd.testing.assert_frame_equal(from_files.metadata, from_memory.metadata)
    assert from_files.metadata["subject"].tolist() == ["S0", "S0", "S1", "S1"]


def test_further_parts_of_a_split_file_are_an_error(tmp_path, monkeypatch):
    mne, file = pytest.importorskip("mne"), tmp_path / "s1_raw.fif"
    noise = 1e-5 * np.random.default_rng(0).normal(size=(2, 400_000))
    raw = mne.io.RawArray(noise, mne.create_info(2, 100.0, "eeg"), verbose=False)
    raw.set_annotations(mne.Annotations([5, 10], 0, ["rest", "task"]))
    raw.save(file, split_size="2MB", verbose=False)
    parts = sorted(tmp_path.iterdir())
    assert len(parts) > 1
    with pytest.raises(ValueError, match=r"leave out .*s1_raw-1\.fif"):
        Trials.from_raws(parts, 0, 1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"leave out s1_raw-1\.fif, s1_raw-2\.fif"):
        Trials.from_raws([part.name for part in parts], 0, 1)
    with pytest.raises(FileNotFoundError):  # other formats have no further parts
        Trials.from_raws(["x_split-01.edf", "x_split-02.edf"], 0, 1)
    assert len(Trials.from_raws([file], 0, 1)) == 2
    make_raw(ch_names=raw.ch_names, sfreq=100.0, n_times=1500, annotations=MARKS).save(
        tmp_path / "s1_raw-7.fif", verbose="ERROR"
    )  # not a part
    assert len(Trials.from_raws([file, tmp_path / "s1_raw-7.fif"], 0, 1)) == 4


@pytest.mark.parametrize(("his_id", "expected"), [(None, None), ("S01", ["S01"] * 2)])
def test_edf_files_are_read_and_named_in_messages(tmp_path, his_id, expected):
    pytest.importorskip("edfio")
    raw = make_raw(sfreq=100.0, n_times=300, his_id=his_id)
    raw.export(tmp_path / "ann.edf", physical_range=(-32767, 32767), verbose=False)  # 1 uV a step
    events = [[[50, 0, 1], [150, 0, 2], [250, 0, 1]]]
    with pytest.warns(UserWarning, match=r"Recording 0 \(ann\.edf\): 1 of 3 events"):
        trials = Trials.from_raws([tmp_path / "ann.edf"], 0, 1, events=events)
    windows = [cut_by_hand(raw, 50, 150), cut_by_hand(raw, 150, 250)]
    np.testing.assert_allclose(trials.X, windows, atol=1e-3)
    assert (trials.sfreq, trials.ch_names) == (100.0, ("Fp1", "Fp2"))
    subjects = trials.metadata.get("subject")  # X is an anonymous subject in EDF
    assert (None if subjects is None else subjects.tolist()) == expected


@pytest.mark.parametrize("reference", [None, (-3, 0), "eyes"])
def test_one_recording_of_a_generator_is_in_memory_at_a_time(reference):
    created, n_alive = [], []

    def read(number):
        gc.collect()
        n_alive.append(sum(raw() is not None for raw in created))
        raw = make_raw(number, annotations=[(1, "eyes", 2), *MARKS])
        created.append(weakref.ref(raw))
        return raw

    raws = (read(number) for number in range(4))
    trials = Trials.from_raws(raws, 0, 1, event_id=["rest", "task"], reference=reference)
    assert n_alive == [0, 0, 0, 0]
    assert trials.X[::2, 0, 0].tolist() == [50, 100_050, 200_050, 300_050]


# References of recordings


def test_the_reference_of_each_trial_is_a_window_relative_to_its_event():
    raws = [make_raw(annotations=MARKS), make_raw(1, annotations=[(3, "task"), (8.5, "rest")])]
    trials = Trials.from_raws(raws, 0, 1, reference=(-3, -0.5))
    starts = ((0, 20), (0, 70), (1, 0), (1, 55))
    expected = [cut_by_hand(raws[number], start, start + 25) for number, start in starts]
    assert trials.reference.dtype == np.float32
    np.testing.assert_allclose(trials.reference, expected, rtol=1e-6)
    assert trials.metadata["reference_onset"].tolist() == [2, 7, 0, 5.5]
    rounded = Trials.from_raws(raws[:1], 0, 1, reference=(-2.97, 0))
    assert rounded.metadata["reference_onset"].tolist() == [2, 7]
    assert rounded.reference[:, 0, 0].tolist() == [20, 70]
    without = Trials.from_raws(raws, 0, 1)
    np.testing.assert_array_equal(trials.X, without.X)
    assert without.reference is None
    assert "reference_onset" not in without.metadata


def test_references_stay_with_their_trials_if_recordings_have_different_numbers_of_these():
    marks = [(4, "a"), (8, "b"), (12, "a")], [(6, "b")], MARKS
    raws = [make_raw(number, annotations=own) for number, own in enumerate(marks)]
    trials = Trials.from_raws(raws, 0, 1, reference=(-3, -1))
    assert trials.metadata["recording"].tolist() == [0, 0, 0, 1, 2, 2]
    assert trials.reference[:, 0, 0].tolist() == (trials.X[:, 0, 0] - 30).tolist()


@pytest.mark.parametrize(
    ("tmin", "reference", "verdict"),
    [
        (2, (0, 1.5), "not shared"),  # after the event, before the trial
        (-1, (-3, -1), "not shared"),
        (-1, (-3, -0.5), "leak"),  # before the event, in the trial
        (0, (2, 4), "leak"),
    ],
)
def test_a_reference_is_a_leak_if_it_ends_after_its_trial_starts(tmin, reference, verdict):
    raws = [make_raw(annotations=MARKS), make_raw(1, annotations=MARKS)]
    metadata = {"subject": [0, 1]}
    trials = Trials.from_raws(raws, tmin, tmin + 3, metadata=metadata, reference=reference)
    row = leakage_report("cross_subject", trials).set_index("kind").loc["reference"]
    assert row["verdict"] == verdict


def test_trials_without_a_whole_reference_are_dropped():
    marks = [(2, "a"), (5, "b"), (9, "a"), (9.5, "BAD", 0.2), (11, "b"), (15, "a"), (19.5, "b")]
    raw = make_raw(annotations=marks)
    match = "2 of 6 events are too near its edges for a trial from 0 to 1 s and its reference"
    with pytest.warns(UserWarning, match=match):  # those at 2 s and 19.5 s
        trials = Trials.from_raws([raw], 0, 1, reference=(-3, 0), y=list("uvwxyz"))
    # BAD overlaps the trial at 9 s and the reference of the one at 11 s
    assert trials.y.tolist() == ["v", "y"]
    assert trials.metadata["onset"].tolist() == [5, 15]
    assert trials.metadata["reference_onset"].tolist() == [2, 12]
    assert trials.X[:, 0, 0].tolist() == [50, 150]
    assert trials.reference[:, 0, [0, -1]].tolist() == [[20, 49], [120, 149]]


def test_an_annotation_is_the_reference_of_all_trials_of_its_recording():
    raws = [
        make_raw(annotations=[(1, "rest/open", 2.5), *MARKS, (15, "rest", 1)]),
        make_raw(1, annotations=[(3, "task"), (7, "rest", 1.5), (9, "play")]),
    ]
    trials = Trials.from_raws(raws, 0, 1, event_id=["task", "play"], reference="rest")
    assert trials.metadata["recording"].tolist() == [0, 1, 1]
    first, second = raws[0].crop_by_annotations()[0], raws[1].crop_by_annotations()[1]
    expected = [cut_by_hand(raw, 0, 15) for raw in (first, second, second)]
    np.testing.assert_allclose(trials.reference, expected, rtol=1e-6)
    assert trials.reference_data.array.shape == (2, 2, 15)
    assert trials.metadata["reference_onset"].tolist() == [1, 7, 7]


def test_the_annotation_of_the_reference_is_a_trial_only_if_it_is_selected():
    marks = [(1, "rest", 2), (4, "rest/2", 2), (7, "task"), (9, "resting")]
    raw = make_raw(annotations=marks)
    trials = Trials.from_raws([raw], 0, 1, reference="rest")
    assert trials.metadata["onset"].tolist() == [7, 9]
    assert trials.label_names == {0: "resting", 1: "task"}
    trials = Trials.from_raws([raw], 0, 1, reference="rest/2")
    assert trials.metadata["onset"].tolist() == [1, 7, 9]
    assert trials.reference[0, 0, [0, -1]].tolist() == [40, 59]
    trials = Trials.from_raws([raw], 0, 1, event_id=["rest", "task"], reference="rest")
    assert trials.metadata["onset"].tolist() == [1, 4, 7]
    trials = Trials.from_raws([raw], 0, 1, events=[EVENTS], reference="rest")
    assert len(trials) == len(trials.reference) == 4


@pytest.mark.parametrize("meas_date", [None, 1_600_000_000])
def test_annotations_of_a_cropped_recording_are_read_at_their_place(meas_date):
    raw = make_raw(annotations=[(2, "eyes", 3.04), (7, "task"), (8, "eyes", 1)])
    raw.set_meas_date(meas_date).crop(tmin=1)
    trials = Trials.from_raws([raw], 0, 1, reference="eyes")
    assert trials.metadata[["onset", "reference_onset"]].values.tolist() == [[6, 1]]
    assert trials.reference[0, 0].tolist() == list(range(20, 50))
    raw = make_raw(annotations=[(7, "task"), (18, "eyes", 2)])
    assert Trials.from_raws([raw], 0, 1, reference="eyes").reference.shape == (1, 2, 20)


def test_recordings_of_rest_are_the_references_of_the_trials(tmp_path):
    raws = [make_raw(0, annotations=MARKS), make_raw(1, ["Fp2", "Fp1"], annotations=MARKS[:1])]
    rest = [
        make_raw(2, ["Fp2", "Fp1", "EOG"], types=["eeg", "eeg", "eog"], n_times=60),
        make_raw(3, n_times=50, annotations=[(1, "BAD", 1)]),
    ]
    files = [tmp_path / f"{number}_raw.fif" for number in range(2)]
    for raw, file in zip(rest, files, strict=True):
        raw.save(file, verbose=False)
    expected = [cut_by_hand(rest[number], 0, 50) for number in (0, 0, 1)]
    for given in (rest, [str(files[0]), files[1]], tuple(rest), iter(rest)):
        trials = Trials.from_raws(raws, 0, 1, reference=given)
        assert trials.reference.dtype == np.float32
        np.testing.assert_allclose(trials.reference, expected, rtol=1e-5)
        assert trials.reference_data.array.shape == (2, 2, 50)
        assert "reference_onset" not in trials.metadata
    for given in (rest[1], files[1]):
        trials = Trials.from_raws(raws, 0, 1, reference=given)
        np.testing.assert_allclose(trials.reference, expected[2:] * 3, rtol=1e-5)


@pytest.mark.parametrize("reference", [(-2, 0), "eyes"])
def test_references_have_the_channels_of_the_first_recording(reference):
    raws = [
        make_raw(0, ["Fp1", "EOG", "Fp2"], types=["eeg", "eog", "eeg"], annotations=MARKS),
        make_raw(1, ["Fp2", "Fp1"], annotations=MARKS),
    ]
    for raw in raws:
        raw.annotations.append(1, 2, "eyes")
    trials = Trials.from_raws(raws, 0, 1, event_id=["rest", "task"], reference=reference)
    start = {"eyes": 10, (-2, 0): 30}[reference]
    expected = [cut_by_hand(raw, start, start + 20) for raw in raws]
    np.testing.assert_allclose(trials.reference[::2], expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:Recording 0:UserWarning")
def test_channels_marked_as_bad_are_dropped_from_trials_and_reference_alike():
    raw, rest = make_raw(annotations=[(1, "eyes", 2), *MARKS]), make_raw(1)
    raw.info["bads"] = rest.info["bads"] = ["Fp1"]
    for reference in ((-2, 0), "eyes", [rest]):
        assert Trials.from_raws([raw], 0, 1, reference=reference).reference.shape[1] == 1
        kept = Trials.from_raws([raw], 0, 1, reference=reference, bads="keep")
        assert kept.reference.shape[1] == 2
    rest.info["bads"] = []
    with pytest.raises(ValueError, match=r"Reference 0 lacks \[\] and adds \['Fp1'\].*interpolate"):
        Trials.from_raws([raw], 0, 1, reference=[rest])


def test_projections_are_applied_to_trials_and_reference_alike():
    raw, rest = make_raw(annotations=[(1, "eyes", 2), *MARKS]), make_raw(1)
    for recording in (raw, rest):
        recording.set_eeg_reference("average", projection=True, verbose=False)
    for reference in ((-2, 0), "eyes", [rest]):
        trials = Trials.from_raws([raw], 0, 1, event_id=["task"], reference=reference)
        np.testing.assert_allclose(trials.X.sum(axis=1), 0, atol=0.01)
        np.testing.assert_allclose(trials.reference.sum(axis=1), 0, atol=0.01)
        assert np.abs(trials.reference).min() > 4000


@pytest.mark.parametrize("scale", [1e6, 1e-6])
def test_recordings_and_epochs_of_an_implausible_unit_are_a_warning(make_epochs, scale):
    raw, epochs = make_raw(annotations=MARKS), make_epochs()
    match = r"X has a standard deviation of .* microvolts, which is implausible.* requires volts"
    with pytest.warns(UserWarning, match=match):
        Trials.from_raws([raw.apply_function(lambda x: scale * x)], 0, 1)
    with pytest.warns(UserWarning, match=match):
        Trials.from_epochs(epochs.apply_function(lambda x: scale * x))


@pytest.mark.parametrize(("scale", "low", "high"), [(1e6, 0, 1), (1e-4, 1, 0), (99, None, None)])
def test_recordings_of_different_units_are_named(scale, low, high):
    raws = [make_raw(number, annotations=MARKS) for number in range(2)]
    raws[1].apply_function(lambda x: scale * x)
    with warnings.catch_warnings(record=True, action="always") as caught:
        Trials.from_raws(raws, 0, 1)
    found = [str(warning.message) for warning in caught if "in their unit" in str(warning.message)]
    expected = rf"is [^ ]+ microvolts in Recording {low} and [^ ]+ in Recording {high}\."
    assert len(found) == (low is not None) and all(re.search(expected, text) for text in found)


def test_a_reference_of_another_unit_is_named():
    raw, rest = make_raw(annotations=MARKS), make_raw(1)
    rest.apply_function(lambda x: 1e6 * x)
    with pytest.warns(UserWarning, match=r"in Recording 0 and 5\.8e\+07 in Reference 0\."):
        Trials.from_raws([raw], 0, 1, reference=[rest])


def test_flat_channels_and_recordings_have_any_unit():
    raws = [make_raw(number, annotations=MARKS) for number in range(2)]
    raws[0].apply_function(lambda x: 0 * x)
    raws[1].apply_function(lambda x: 0 * x + 9, picks=["Fp2"])
    with warnings.catch_warnings(action="error"):
        assert len(Trials.from_raws(raws, 0, 1)) == 4
        assert len(Trials.from_raws(raws[:1], 0, 1)) == 2


def test_recordings_of_different_references_are_a_warning():
    raws = [make_raw(number, annotations=MARKS) for number in range(3)]
    averaged = raws[1].copy().set_eeg_reference("average", verbose=False)
    projected = raws[1].copy().set_eeg_reference("average", projection=True, verbose=False)
    found = "set with MNE in Recording 1"
    match = rf"differ in their EEG reference: as recorded in Recording 0, {found}\."
    for other in (averaged, projected):
        with pytest.warns(UserWarning, match=match):
            Trials.from_raws([raws[0], other, raws[2]], 0, 1)
        with pytest.warns(UserWarning, match=found.replace("Recording 1", "Reference 0")):
            Trials.from_raws(raws[:1], 0, 1, reference=[other])
        with warnings.catch_warnings(action="error"):
            Trials.from_raws([averaged, other.copy()], 1, 2)


def test_recordings_without_trials_need_no_reference():
    raws = [make_raw(0, annotations=[(1, "x")]), make_raw(1, annotations=[(1, "eyes", 2), *MARKS])]
    trials = Trials.from_raws(raws, 0, 1, event_id=["task"], reference="eyes")
    assert trials.metadata["recording"].tolist() == [1]
    assert trials.reference[0, 0, 0] == 100_010


@pytest.mark.parametrize(
    ("reference", "match"),
    [
        ("eyes", r"Recording 1: reference must name .*, \['rest', 'task'\], got 'eyes'"),
        ("rest", "Recording 0: the annotation 'rest' for reference must have a duration"),
        ((0, -3), r"reference must be \(tmin, tmax\) .* tmin < tmax, got \(0, -3\)"),
        ((-np.inf, 0), r"tmin < tmax, got \(-inf, 0\)"),
        ((-3, -2, 0), r"tmin < tmax, got \(-3, -2, 0\)"),
        (-3, r"reference must be \(tmin, tmax\) in seconds, the name .* got -3"),
        ([], "reference must have one item per recording, got only 0"),
        ([{"n_times": 50}], "reference must have one item per recording, got only 1"),
        ([{"n_times": 50}] * 3, "there are 2 recordings and 3 items"),
        ([{"sfreq": 20.0}] * 2, "got 20 Hz in Reference 0 and 10 Hz in Recording 0"),
        ([{"ch_names": ["Fp1"], "types": "eeg"}] * 2, r"Reference 0 lacks \['Fp2'\]"),
        ([{"types": "misc"}] * 2, "Reference 0 must have EEG channels"),
        ([np.zeros((2, 50))] * 2, "reference must hold mne.io.Raw objects or paths, got ndarray"),
    ],
)
def test_invalid_references_raise(reference, match):
    raws = [make_raw(annotations=[(1, "eyes", 2), *MARKS]), make_raw(1, annotations=MARKS)]
    if isinstance(reference, list):
        reference = [make_raw(**part) if isinstance(part, dict) else part for part in reference]
    event_id = ["task"] if reference == "rest" else None
    with pytest.raises(ValueError, match=match):
        Trials.from_raws(raws, 0, 1, event_id=event_id, reference=reference)


# as_windows


def test_windows_as_rows_expected():
    trials = make_trials(n_trials=2, n_channels=2, n_times=5)
    windows = trials.as_windows(window_size_samples=2, stride_samples=1)
    assert windows.X.shape == (8, 2, 2)
    firsts = [0, 1, 2, 3, 100, 101, 102, 103]
    assert windows.X[:, 0].tolist() == [[first, first + 1] for first in firsts]
    assert windows.X[5].tolist() == [[101, 102], [111, 112]]
    assert windows.y.tolist() == [0] * 4 + [1] * 4
    assert windows.metadata.to_dict("list") == {
        "subject": [0] * 8,
        "trial": [0] * 4 + [1] * 4,
        "window": [0, 1, 2, 3] * 2,
        "start": [0, 1, 2, 3] * 2,
    }


@pytest.mark.parametrize(("size", "stride"), [(128, 64), (100, 30), (256, 1), (1, 17), (100, None)])
def test_as_windows_equals_SlidingWindows(trials, size, stride):
    rows = trials.as_windows(window_size_samples=size, stride_samples=stride)
    bags = SlidingWindows(window_size_samples=size, stride_samples=stride).fit_transform(trials.X)
    np.testing.assert_array_equal(rows.X.reshape(bags.shape), bags)
    np.testing.assert_array_equal(rows.y, trials.y.repeat(bags.shape[1]))
    starts = np.arange(bags.shape[1]) * (stride or size)
    np.testing.assert_array_equal(rows.metadata["start"], np.tile(starts, len(trials)))


def test_windows_have_trial_numbers_even_if_trials_have_none():
    trials = make_trials(metadata=pd.DataFrame({"subject": [1, 1, 2, 2]}))
    windows = trials.as_windows(window_size_samples=2)
    assert windows.metadata["trial"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert list(trials.metadata) == ["subject"]


def test_lengths_in_seconds_are_rounded_to_samples_and_samples_take_precedence():
    trials = make_trials(n_times=20)
    seconds = trials.as_windows(0.62, stride=0.38)
    samples = trials.as_windows(2.0, window_size_samples=6, stride_samples=4)
    assert seconds.X.shape == (16, 2, 6)
    np.testing.assert_array_equal(seconds.X, samples.X)


@pytest.mark.parametrize(
    "step",
    [
        SlidingWindows(1.0),
        BandPower(),
        EuclideanAlignment("unlabelled"),
        SubjectWhitening("unlabelled"),
        MSiMambaClassifier(max_epochs=1, d_hidden=2, random_state=0),
        WindowVotingClassifier(DummyClassifier()),
    ],
    ids=lambda step: type(step).__name__,
)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda trials: trials.pick([1, 0, 2, 3]), "channels Fp1, Fp2, F3, F4.*got Fp2, Fp1, F3"),
        (lambda trials: replace(trials, sfreq=256.0), "256 Hz|got 256"),
    ],
    ids=["channels", "rate"],
)
def test_a_step_refuses_trials_with_other_channels_or_another_rate(step, change, message):
    trials = simulate_trials(2, 4)
    step = clone(step).fit(trials, trials.y)
    use = getattr(step, "transform", getattr(step, "predict", None))
    use(replace(trials, ch_names=["FP1", "FP2", "f3", "f4"]))
    with pytest.raises(ValueError, match=message):
        use(change(trials))
    use(trials.X)  # an array has neither


def test_windows_of_windows_are_numbered_from_the_start_of_the_trial():
    trials = simulate_trials(2, 3, n_times=512)
    windows = trials.as_windows(2.0, stride=1.5).as_windows(1.0)
    assert windows.metadata["start"].tolist() == [0, 128, 192, 320] * 6
    assert windows.metadata["window"].tolist() == [0, 1, 2, 3] * 6
    for row, (trial, start) in enumerate(
        zip(np.repeat(range(6), 4), windows.metadata["start"], strict=True)
    ):
        assert np.array_equal(windows.X[row], trials.X[trial, :, start : start + 128])


@pytest.mark.parametrize("column", ["subject", "session", "run"])
@pytest.mark.parametrize("values", [[1, 1, 2, 2], [np.nan, np.nan, 2, 2]])
def test_windows_of_windows_are_numbered_in_trials_whose_numbers_restart(column, values):
    trials = make_trials(metadata=pd.DataFrame({column: values, "trial": [0, 1, 0, 1]}))
    windows = trials.as_windows(window_size_samples=4, stride_samples=1)
    windows = windows.as_windows(window_size_samples=2)
    assert windows.metadata["window"].tolist() == [0, 1, 2, 3] * 4


def test_windows_of_selected_windows_are_numbered_in_the_trial():
    windows = make_trials(n_times=8).as_windows(window_size_samples=4)
    metadata = windows.metadata.astype({"start": float, "window": float})  # as read from a file
    windows = replace(windows, metadata=metadata)
    again = windows[::-1].as_windows(window_size_samples=2).metadata.query("trial == 0")
    assert again["window"].tolist() == [2, 3, 0, 1]
    assert again["start"].tolist() == [4, 6, 0, 2]


def test_columns_of_windows_are_not_taken_for_others():
    metadata = pd.DataFrame({"trial": range(4), "start": [0.5, 2.5, 4.5, 6.5]})  # in seconds
    with pytest.raises(ValueError, match="metadata must not have a column 'start', which as_wi"):
        make_trials(metadata=metadata).as_windows(window_size_samples=2)


@pytest.mark.parametrize("sfreq", [np.uint8(250), np.float16(250)])
def test_sampling_rates_of_any_type_of_number_give_equal_windows(sfreq):
    trials = make_trials(n_times=1000, sfreq=sfreq)
    assert trials.sfreq == 250
    assert trials.as_windows(2).shape == (8, 2, 500)
    windows = SlidingWindows(2, sfreq=sfreq).fit(trials.X)
    assert windows.window_size_samples_ == 500


@pytest.mark.parametrize("dtype", ["i2", "u2", "u8"])
def test_events_of_any_type_of_integer_have_their_onsets(dtype):
    raw = make_raw(n_times=40_000, sfreq=100.0)
    events = np.array([[30_000, 0, 1], [31_000, 0, 2]], dtype)
    trials = Trials.from_raws([raw], 40, 42, events=[events])
    assert trials.metadata["onset"].tolist() == [340, 350]
    assert len(Trials.from_raws([raw], -0.5, 1, events=[events])) == 2


def test_changes_of_derived_trials_leave_the_original_unchanged():
    y, names = np.array([0, 1, 0, 1]), {0: "calm", 1: "tense"}
    trials = make_trials(y=y, label_names=names)
    for derived in (trials[[0, 1]], trials.pick([0]), replace(trials, name="copy")):
        derived.y[:] = 7
        derived.metadata["subject"] = 7
        derived.label_names[7] = "new"
        derived.loader_params["new"] = 7
    y[:], names[8] = 8, "new"
    assert trials.y.tolist() == [0, 1, 0, 1]
    assert trials.metadata["subject"].tolist() == [0, 0, 1, 1]
    assert trials.label_names == {0: "calm", 1: "tense"}
    assert trials.loader_params == {}


def test_a_mask_of_several_targets_is_not_one_of_trials():
    trials = make_trials(y=np.array([[1, 2], [np.nan, 3], [4, 5], [6, np.nan]]))
    with pytest.raises(IndexError, match=r"one entry per trial, got shape \(4, 2\): .*any\(axis=1"):
        trials[~pd.isna(trials.y)]
    assert get_rows(trials[~pd.isna(trials.y).any(axis=1)]) == [0, 2]


def test_channels_are_picked_by_a_mask_too():
    assert make_trials().pick([False, True]).ch_names == ("Fp2",)
    with pytest.raises(ValueError, match=r"picks must select channels, got an array of shape \(0,"):
        make_trials().pick(np.array([], int))


def test_metadata_of_several_series_are_taken_by_position():
    ages = pd.Series([4, 3, 2, 1])
    names = pd.Series(list("ABCD"), index=[3, 2, 1, 0])
    metadata = make_trials(metadata={"subject": names, "age": ages}).metadata
    assert metadata["subject"].tolist() == list("ABCD")
    assert metadata["age"].tolist() == [4, 3, 2, 1]


def test_a_condition_is_false_for_missing_values():
    metadata = pd.DataFrame({"age": pd.array([1, None, 3, 4], dtype="Int64")})
    assert get_rows(make_trials(metadata=metadata).select("age > 2")) == [2, 3]


def test_labels_of_another_byte_order_equal_those_of_this_machine():
    trials = make_trials(y=(np.arange(4) % 2).astype(">i8"))
    assert repr(trials) == repr(make_trials())


def test_subjects_may_be_dates():
    trials = simulate_trials(n_subjects=2, n_trials=3)
    dates = pd.to_datetime(["2020-01-01", "2020-01-02"]).as_unit("ns")
    dated = trials.metadata.assign(subject=dates[trials.metadata["subject"]])
    for step in (EuclideanAlignment(), SubjectWhitening("unlabelled")):
        expected = clone(step).fit_transform(trials).X
        np.testing.assert_array_equal(
            step.fit_transform(replace(trials, metadata=dated)).X, expected
        )


def test_a_date_is_one_value_of_a_column():
    trials = simulate_trials(2, 2)
    dates = pd.to_datetime(["2020-01-01", "2020-01-02"] * 2)
    dated = replace(trials, metadata=trials.metadata.assign(day=dates))
    assert len(dated.select(day=pd.Timestamp("2020-01-02"))) == 2


def test_two_names_of_one_code_are_one_label(make_epochs):
    epochs = make_epochs(codes=[1, 1, 2, 2], event_id={"a": 1, "b": 1, "c": 2})
    assert Trials.from_epochs(epochs).label_names == {1: "a or b", 2: "c"}
    events = [[[50, 0, 1], [100, 0, 2]]]
    options = {"events": events, "event_id": {"a": 1, "b": 1, "c": 2}}
    trials = Trials.from_raws([make_raw()], 0, 1, **options)
    assert trials.label_names == {1: "a or b", 2: "c"}


def test_decimal_numbers_and_letters_are_stimuli_of_their_own():
    stimuli = ["0.5 Hz", "0.05 Hz", "a", "A"]
    trials = make_trials(metadata={"stimulus": stimuli, "subject": ["1.5", "1.05", "10", "100"]})
    assert trials.metadata["stimulus"].tolist() == stimuli


def test_nothing_and_other_types_are_an_error():
    with pytest.raises(ValueError, match="parts must hold at least one Trials, got none"):
        Trials.concatenate([])
    with pytest.raises(ValueError, match=r"epochs must be mne\.Epochs, got ndarray"):
        Trials.from_epochs(np.zeros((2, 2, 10)))
    with pytest.raises(ValueError, match="parts must be Trials, got ndarray"):
        Trials.concatenate([simulate_trials(1, 2), np.zeros((2, 2, 10))])
