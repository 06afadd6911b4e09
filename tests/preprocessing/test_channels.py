"""Tests of ChannelPicker."""

import numpy as np
import pytest

from skmamba import ChannelPicker

NAMES = ("Fp1", "Fp2", "F3", "F4", "T7", "T8", "O1", "O2")
CAP = (
    "Fp1 Fpz Fp2 AF3 AF4 AF7 AF8 F7 F3 Fz F4 F8 FT7 FT8 FC5 FCz FC6 T7 C3 Cz C4 T8 TP9 TP10 "
    "CP1 CP2 P7 P3 Pz P4 P8 POz PO3 O1 Oz O2 Iz A1 EOG"
).split()


def make_trials(n_channels, n_trials=2, n_times=3):
    """Return trials with values 100 trial + channel."""
    trial, channel = np.ogrid[:n_trials, :n_channels]
    return np.repeat((100.0 * trial + channel)[..., None], n_times, axis=2)


def pick(picks, ch_names=NAMES):
    """Return the indices of the selected channels, read from the output."""
    X = make_trials(len(ch_names))
    return ChannelPicker(picks, ch_names=ch_names).fit_transform(X)[0, :, 0].tolist()


def test_two_channels_by_hand():
    X = np.array([[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]])
    picker = ChannelPicker(["C", "A"], ch_names=["A", "B", "C"])
    assert picker.fit_transform(X).tolist() == [[[5, 6], [1, 2]], [[11, 12], [7, 8]]]
    assert picker.picks_.tolist() == [2, 0]
    assert picker.ch_names_ == ["C", "A"]
    assert picker.n_features_in_ == 3


@pytest.mark.parametrize(
    ("picks", "expected"),
    [
        (None, [0, 1, 2, 3, 4, 5, 6, 7]),
        ("F3", [2]),
        (["O2", "Fp1"], [7, 0]),
        (("O2", "Fp1"), [7, 0]),
        (np.array(["O2", "Fp1"]), [7, 0]),
        (3, [3]),
        (-8, [0]),
        ([5, 0, -2], [5, 0, 6]),
        (np.array([5, 0]), [5, 0]),
        (slice(1, 4), [1, 2, 3]),
        (slice(None, None, -3), [7, 4, 1]),
        (["O1", 0, "F3"], [6, 0, 2]),
        (["frontal", "O1"], [0, 1, 2, 3, 6]),
        (["O1", "occipital"], [6, 7]),
        ("frontal4", [0, 1, 2, 3]),
        (["F3", "f3", 2, -6], [2]),
        ("FP1", [0]),
        (" fp1 ", [0]),
    ],
    ids=repr,
)
def test_picks_select_channels_once_in_order(picks, expected):
    assert pick(picks) == expected


@pytest.mark.parametrize(
    ("old", "new"), [("T3", "T7"), ("T4", "T8"), ("T5", "P7"), ("T6", "P8"), ("t3", "T7")]
)
def test_old_and_current_names_are_the_same_electrode(old, new):
    assert pick(new, ["Cz", old]) == [1]
    assert pick(old, ["Cz", new]) == [1]


def test_names_of_edf_files_are_those_of_the_electrodes():
    edf = ["EEG Fp1-REF", "EEG T3", "Cz..", "EEG Fp1-F7", "EOG F8-REF", "EEG O2-LE"]
    assert pick(["fp1", "T7", "Cz", "Fp1-F7"], edf) == [0, 1, 2, 3]
    assert pick("EEG Fp1-REF", ["F3", "Fp1"]) == [1]
    assert pick("frontal", edf) == [0]
    for name in ("F8", "O2"):  # another type, another reference
        with pytest.raises(ValueError, match=f"got '{name}'"):
            pick(name, edf)


@pytest.mark.parametrize("ch_names", [("T3", "T7"), ("T7", "T3")])
def test_exact_names_take_precedence(ch_names):
    assert pick("T7", ch_names) == [ch_names.index("T7")]
    assert pick("T3", ch_names) == [ch_names.index("T3")]
    assert pick("t3", ch_names) == [ch_names.index("T3")]
    assert pick("central", ["C3", "Central", "C4"]) == [1]


def test_selected_names_are_spelled_as_in_ch_names():
    picker = ChannelPicker(["fp1", "T7"], ch_names=["T3", "FP1"]).fit(make_trials(2))
    assert picker.ch_names_ == ["FP1", "T3"]


def test_indices_require_no_names():
    picker = ChannelPicker([2, 0]).fit(make_trials(3))
    assert picker.ch_names_ is None
    assert picker.transform(make_trials(3))[0, :, 0].tolist() == [2, 0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("frontal", "Fp1 Fpz Fp2 AF3 AF4 AF7 AF8 F7 F3 Fz F4 F8"),
        ("Frontal", "Fp1 Fpz Fp2 AF3 AF4 AF7 AF8 F7 F3 Fz F4 F8"),
        ("temporal", "FT7 FT8 T7 T8 TP9 TP10"),
        ("central", "FC5 FCz FC6 C3 Cz C4 CP1 CP2"),
        ("parietal", "P7 P3 Pz P4 P8"),
        ("occipital", "POz PO3 O1 Oz O2"),
        ("frontal4", "Fp1 Fp2 F3 F4"),
        ("prefrontal4", "Fp1 Fp2 AF3 AF4"),
        ("muse", "TP9 AF7 AF8 TP10"),
        ("emotiv", "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4"),
    ],
)
def test_regions_and_presets_by_hand(name, expected):
    assert [CAP[int(i)] for i in pick(name, CAP)] == expected.split()


def test_old_names_belong_to_the_region_of_their_electrode():
    old = ["T3", "T4", "T5", "T6", "Cz"]
    assert pick("temporal", old) == [0, 1]
    assert pick("parietal", old) == [2, 3]


def test_windows_are_accepted():
    windows = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    picker = ChannelPicker([3, 1]).fit(windows)
    assert picker.n_features_in_ == 4
    np.testing.assert_array_equal(picker.transform(windows), windows[:, :, [3, 1]])


def test_the_output_is_a_copy():
    X = make_trials(3)
    ChannelPicker([0]).fit_transform(X)[:] = -1
    np.testing.assert_array_equal(X, make_trials(3))


# Errors


@pytest.mark.parametrize(
    ("picks", "match"),
    [
        ("Fp3", r"picks must be channels of X \(Fp1, Fp2, .*O2\).* got 'Fp3'\. Similar: .*Fp1"),
        (["F3", "01"], "got '01'. Similar: .*O1"),
        ("frontl4", "got 'frontl4'. Similar: frontal4"),
        ("xyz", r"got 'xyz'\.$"),
        ("muse", "got 'TP9'"),
        ("central", "X must have a central channel, got Fp1, Fp2"),
        (8, "picks must be channels of X, which has 8, got 8"),
        (1.5, "picks must be names or indices, got 1.5"),
        ([0, -9], "picks must be channels of X, which has 8, got -9"),
        ([1.0], r"picks must be names or indices, got 1\.0"),
        ([True, False], "picks must be names or indices, got True"),
        ([], r"picks must select at least one of 8 channels, got \[\]"),
        (slice(8, None), r"picks must select at least one of 8 channels, got slice\(8, None, None"),
    ],
    ids=repr,
)
def test_invalid_picks_are_named_and_fit_changes_nothing(picks, match):
    picker = ChannelPicker().fit(make_trials(2)).set_params(picks=picks, ch_names=NAMES)
    before = vars(picker).copy()
    with pytest.raises(ValueError, match=match):
        picker.fit(make_trials(len(NAMES)))
    assert vars(picker) == before


@pytest.mark.parametrize(
    ("ch_names", "X", "match"),
    [
        (None, make_trials(3), r"picks='Fp1' is a name and requires ch_names"),
        (NAMES[:2], make_trials(3), "one name for each of the 3 channels of X, got 2 names"),
        (NAMES[:4], make_trials(3), "one name for each of the 3 channels of X, got 4 names"),
        (NAMES, np.zeros((1, 1, 1, 1, 1)), "at most 4 dimensions for ChannelPicker, got 5"),
        (NAMES[:3], make_trials(3)[0], r"picks='Fp1' requires X of shape .* got 2 dimensions"),
        (NAMES[:3], np.full((2, 3, 4), np.nan), "contains NaN"),
    ],
)
def test_fit_rejects_data_that_do_not_match(ch_names, X, match):
    with pytest.raises(ValueError, match=match):
        ChannelPicker("Fp1", ch_names=ch_names).fit(X)


@pytest.mark.parametrize("n_channels", [2, 4])
def test_the_number_of_channels_is_that_of_fit(n_channels):
    picker = ChannelPicker([0]).fit(make_trials(3))
    match = f"X has {n_channels} channels, but ChannelPicker was fitted on 3"
    with pytest.raises(ValueError, match=match):
        picker.transform(make_trials(n_channels))


# mne.Epochs


@pytest.mark.parametrize("as_list", [False, True])
def test_epochs_have_names(make_epochs, as_list):
    epochs = make_epochs(n_trials=2, ch_names=["Fp1", "O1", "O2"], other=["EOG"])
    X = [epochs[0], epochs[1]] if as_list else epochs
    picker = ChannelPicker("occipital", ch_names=["ignored"]).fit(X)
    assert picker.ch_names_ == ["O1", "O2"]
    assert picker.transform(X)[:, :, 0].round().tolist() == [[1000, 2000], [11000, 12000]]


def test_a_picker_fitted_on_an_array_accepts_epochs_with_the_same_names(make_epochs):
    picker = ChannelPicker("O1", ch_names=["Fp1", "O1"]).fit(make_trials(2))
    epochs = make_epochs(n_trials=2, ch_names=["Fp1", "O1"])
    assert picker.transform(epochs)[:, :, 0].round().tolist() == [[1000], [11000]]


def test_selected_channels_of_epochs_must_be_in_the_order_of_fit(make_epochs):
    picker = ChannelPicker("O1").fit(make_epochs(ch_names=["O1", "Fp1", "Fp2"]))
    epochs = make_epochs(n_trials=1, ch_names=["O1", "Fp2", "Fp1"])
    assert picker.transform(epochs)[:, :, 3].round().tolist() == [[3]]
    match = "must have the channels O1 at the positions seen in fit, got Fp1.*reorder_channels"
    with pytest.raises(ValueError, match=match):
        picker.transform(make_epochs(ch_names=["Fp1", "O1", "Fp2"]))
