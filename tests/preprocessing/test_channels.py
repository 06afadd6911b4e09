"""ChannelPicker: the channels asked for, in the order asked for, or a clear no."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skmamba import ChannelPicker

NAMES = ("Fp1", "Fp2", "F3", "F4", "T7", "T8", "O1", "O2")
CAP = (
    "Fp1 Fpz Fp2 AF3 AF4 AF7 AF8 F7 F3 Fz F4 F8 FT7 FT8 FC5 FCz FC6 T7 C3 Cz C4 T8 TP9 TP10 "
    "CP1 CP2 P7 P3 Pz P4 P8 POz PO3 O1 Oz O2 Iz A1 EOG"
).split()


def trials_of(n_channels, n_trials=2, n_times=3):
    """Trials that hold 100 trial + channel at every time point."""
    trial, channel = np.ogrid[:n_trials, :n_channels]
    return np.repeat((100.0 * trial + channel)[..., None], n_times, axis=2)


def picked(picks, ch_names=NAMES):
    """Indices that a picker keeps, read from the data and not from the picker."""
    X = trials_of(len(ch_names))
    return ChannelPicker(picks, ch_names=ch_names).fit_transform(X)[0, :, 0].tolist()


# What is kept


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
        (-1, [7]),
        (-8, [0]),
        ([5, 0, -2], [5, 0, 6]),
        (np.array([5, 0]), [5, 0]),
        (slice(1, 4), [1, 2, 3]),
        (slice(None, None, -3), [7, 4, 1]),
        (["O1", 0, "F3"], [6, 0, 2]),
        (["frontal", "O1"], [0, 1, 2, 3, 6]),
        (["O1", "occipital"], [6, 7]),
        ("frontal4", [0, 1, 2, 3]),
    ],
    ids=repr,
)
def test_picks_keep_these_channels_in_this_order(picks, expected):
    assert picked(picks) == expected


@pytest.mark.parametrize("picks", [["F3", "F3"], ["F3", 2, -6], ["F3", "f3"]])
def test_a_channel_is_kept_once(picks):
    assert picked(picks) == [2]


@pytest.mark.parametrize("pick", ["FP1", "fp1", " Fp1 "])
def test_names_may_differ_in_case_and_blanks(pick):
    assert picked(pick) == [0]


@pytest.mark.parametrize(
    ("old", "new"), [("T3", "T7"), ("T4", "T8"), ("T5", "P7"), ("T6", "P8"), ("t3", "T7")]
)
def test_old_and_present_names_mean_the_same_electrode(old, new):
    assert picked(new, ["Cz", old]) == [1]
    assert picked(old, ["Cz", new]) == [1]


@pytest.mark.parametrize("ch_names", [("T3", "T7"), ("T7", "T3")])
def test_the_exact_name_comes_before_its_other_spelling(ch_names):
    assert picked("T7", ch_names) == [ch_names.index("T7")]
    assert picked("T3", ch_names) == [ch_names.index("T3")]


def test_kept_names_are_spelled_as_x_has_them():
    picker = ChannelPicker(["fp1", "T7"], ch_names=["T3", "FP1"]).fit(trials_of(2))
    assert picker.ch_names_ == ["FP1", "T3"]


def test_without_names_indices_will_do():
    picker = ChannelPicker([2, 0]).fit(trials_of(3))
    assert picker.ch_names_ is None
    assert picker.transform(trials_of(3))[0, :, 0].tolist() == [2, 0]


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("frontal", "Fp1 Fpz Fp2 AF3 AF4 AF7 AF8 F7 F3 Fz F4 F8"),
        ("temporal", "FT7 FT8 T7 T8 TP9 TP10"),
        ("central", "FC5 FCz FC6 C3 Cz C4 CP1 CP2"),
        ("parietal", "P7 P3 Pz P4 P8"),
        ("occipital", "POz PO3 O1 Oz O2"),
        ("Frontal", "Fp1 Fpz Fp2 AF3 AF4 AF7 AF8 F7 F3 Fz F4 F8"),
    ],
)
def test_regions_by_hand(region, expected):
    assert [CAP[int(i)] for i in picked(region, CAP)] == expected.split()


def test_old_names_are_in_the_region_of_their_electrode():
    old = ["T3", "T4", "T5", "T6", "Cz"]
    assert picked("temporal", old) == [0, 1]
    assert picked("parietal", old) == [2, 3]


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("frontal4", "Fp1 Fp2 F3 F4"),
        ("prefrontal4", "Fp1 Fp2 AF3 AF4"),
        ("muse", "TP9 AF7 AF8 TP10"),
        ("emotiv", "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4"),
    ],
)
def test_presets_by_hand(preset, expected):
    assert [CAP[int(i)] for i in picked(preset, CAP)] == expected.split()


def test_a_channel_comes_before_a_region_of_its_name():
    assert picked("central", ["C3", "Central", "C4"]) == [1]


def test_windows_keep_their_axis():
    bags = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    picker = ChannelPicker([3, 1]).fit(bags)
    assert picker.n_features_in_ == 4
    np.testing.assert_array_equal(picker.transform(bags), bags[:, :, [3, 1]])


def test_x_is_left_as_it_was():
    X = trials_of(3)
    ChannelPicker([0]).fit_transform(X)[:] = -1
    np.testing.assert_array_equal(X, trials_of(3))


# What is refused


@pytest.mark.parametrize(
    ("picks", "match"),
    [
        ("Fp3", r"No channel, region or preset 'Fp3' among Fp1, Fp2, .*O2\. Nearest: .*Fp1"),
        (["F3", "01"], "preset '01' among .* Nearest: .*O1"),
        ("frontl4", "preset 'frontl4' among .* Nearest: frontal4"),
        ("xyz", r"No channel, region or preset 'xyz' among .*O2\.$"),
        ("muse", "No channel, region or preset 'TP9' among"),
        ("central", "No channel is central among Fp1, Fp2"),
        (8, "picks holds channel 8, but X has 8 channels"),
        ([0, -9], "picks holds channel -9, but X has 8 channels"),
        ([1.0], r"picks must hold names or indices, got 1\.0"),
        ([True, False], "picks must hold names or indices, got True"),
        ([], r"picks=\[\] chooses none of 8 channels"),
        (slice(8, None), r"picks=slice\(8, None, None\) chooses none of 8 channels"),
    ],
    ids=repr,
)
def test_picker_names_what_is_not_there(picks, match):
    with pytest.raises(ValueError, match=match):
        picked(picks)


def test_names_need_names():
    with pytest.raises(ValueError, match=r"picks='F3' is a name, .* pass ch_names"):
        ChannelPicker(["F3"]).fit(trials_of(3))


@pytest.mark.parametrize("ch_names", [NAMES[:2], NAMES[:4]])
def test_there_is_a_name_for_each_channel(ch_names):
    match = f"ch_names must name each channel: X has 3 channels, got {len(ch_names)} names"
    with pytest.raises(ValueError, match=match):
        ChannelPicker("Fp1", ch_names=ch_names).fit(trials_of(3))


@pytest.mark.parametrize("n_channels", [2, 4])
def test_another_number_of_channels_is_told_in_channels(n_channels):
    picker = ChannelPicker([0]).fit(trials_of(3))
    match = f"X has {n_channels} channels, but ChannelPicker was fitted on 3"
    with pytest.raises(ValueError, match=match):
        picker.transform(trials_of(n_channels))


def test_five_dimensions_are_too_many():
    with pytest.raises(ValueError, match="at most 4 dimensions, got 5"):
        ChannelPicker([0]).fit(np.zeros((1, 1, 1, 1, 1)))


def test_missing_values_are_refused():
    with pytest.raises(ValueError, match="contains NaN"):
        ChannelPicker([0]).fit(np.full((2, 3, 4), np.nan))


def test_fit_comes_before_transform():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        ChannelPicker([0]).transform(trials_of(3))


# Epochs


def test_epochs_bring_their_own_names(make_epochs):
    epochs = make_epochs(n_trials=2, ch_names=["Fp1", "O1", "O2"], other=["EOG"])
    picker = ChannelPicker("occipital", ch_names=["ignored"]).fit(epochs)
    assert picker.ch_names_ == ["O1", "O2"]
    assert picker.transform(epochs)[:, :, 0].round().tolist() == [[1000, 2000], [11000, 12000]]


def test_epochs_listed_by_indexing_are_epochs(make_epochs):
    epochs = make_epochs(n_trials=3, ch_names=["Fp1", "O1"])
    picker = ChannelPicker("O1").fit([epochs[0], epochs[1]])
    assert picker.transform([epochs[2]])[:, :, 0].round().tolist() == [[21000]]


def test_a_picker_fitted_on_an_array_takes_epochs_with_the_same_names(make_epochs):
    epochs = make_epochs(n_trials=2, ch_names=["Fp1", "O1"])
    picker = ChannelPicker("O1", ch_names=["Fp1", "O1"]).fit(trials_of(2))
    assert picker.transform(epochs)[:, :, 0].round().tolist() == [[1000], [11000]]


def test_epochs_in_another_order_are_refused(make_epochs):
    picker = ChannelPicker("O1").fit(make_epochs(ch_names=["Fp1", "O1"]))
    match = "Epochs have Fp1 where ChannelPicker was fitted to pick O1. Use .*reorder_channels"
    with pytest.raises(ValueError, match=match):
        picker.transform(make_epochs(ch_names=["O1", "Fp1"]))


def test_other_order_among_channels_not_picked_is_fine(make_epochs):
    picker = ChannelPicker("O1").fit(make_epochs(ch_names=["O1", "Fp1", "Fp2"]))
    epochs = make_epochs(n_trials=1, ch_names=["O1", "Fp2", "Fp1"])
    assert picker.transform(epochs)[:, :, 3].round().tolist() == [[3]]


# scikit-learn


def test_parameters_stay_as_they_came():
    picks, ch_names = ["T3"], ["T7", "O1"]
    picker = ChannelPicker(picks, ch_names=ch_names).fit(trials_of(2))
    assert picker.picks is picks
    assert picker.ch_names is ch_names
    assert clone(picker).fit(trials_of(2)).picks_.tolist() == [0]


def test_a_pipeline_set_to_pandas_lets_the_picker_be():
    pipe = make_pipeline(ChannelPicker([1])).set_output(transform="pandas")
    assert pipe.fit_transform(trials_of(2)).tolist() == [[[1] * 3], [[101] * 3]]


def test_a_failed_fit_leaves_the_picker_as_it_was():
    picker = ChannelPicker(["Fp1"], ch_names=["Fp1", "Fp2"]).fit(np.zeros((2, 2, 8)))
    picker.set_params(picks=["Fp9"], ch_names=["Fp1", "Fp2", "F3"])
    before = vars(picker).copy()
    with pytest.raises(ValueError, match="No channel, region or preset 'Fp9'"):
        picker.fit(np.zeros((2, 3, 8)))
    assert vars(picker) == before
