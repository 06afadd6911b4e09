"""DEAP: what the loader makes of files in the set's own form."""

import os
import pickle
import pickletools
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.signal import welch

from skmamba import load_deap
from skmamba.datasets import DataFormatError, _deap, _deap_cache, write_fake_deap

# typed from the set's description, with the numbers it gives the channels
CHANNELS = """1 Fp1, 2 AF3, 3 F3, 4 F7, 5 FC5, 6 FC1, 7 C3, 8 T7, 9 CP5, 10 CP1, 11 P3, 12 P7,
13 PO3, 14 O1, 15 Oz, 16 Pz, 17 Fp2, 18 AF4, 19 Fz, 20 F4, 21 F8, 22 FC6, 23 FC2, 24 Cz, 25 C4,
26 T8, 27 CP6, 28 CP2, 29 P4, 30 P8, 31 PO4, 32 O2, 33 hEOG, 34 vEOG, 35 zEMG, 36 tEMG, 37 GSR,
38 Respiration, 39 Plethysmograph, 40 Temperature"""
NUMBERS = {entry.split()[1]: int(entry.split()[0]) for entry in CHANNELS.split(",")}
SMALL = {"n_trials": 6, "n_times": 384 + 64}


def write(folder, number, data, labels, matlab=False, **more):
    """Write a file with the given content by other means than the package's."""
    folder.mkdir(exist_ok=True)
    data, labels = np.asarray(data, float), np.asarray(labels, float)
    content = {"data": data, "labels": labels, "fake": (len(data), data.shape[-1])} | more
    path = folder / f"s{number:02}{'.mat' if matlab else '.dat'}"
    if matlab:
        savemat(path, content)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    return path


def rated(*valence, other=5.0):
    """Labels with the given valence."""
    return [[v, other, other, other] for v in valence]


def silence(n_trials, n_times=385):
    return np.zeros((n_trials, 40, n_times))


@pytest.fixture
def fake(tmp_path):
    write_fake_deap(tmp_path, n_subjects=3, **SMALL)
    return tmp_path


def original(folder, number):
    """What Python's own unpickler finds in a file."""
    with open(folder / f"s{number:02}.dat", "rb") as file:
        return pickle.load(file, encoding="latin1")


# What is loaded


def test_a_file_of_full_size_gives_forty_minutes(tmp_path):
    write_fake_deap(tmp_path, n_subjects=1)
    path = tmp_path / "s01.dat"
    assert 103_219_200 < path.stat().st_size < 103_219_200 + 2500
    trials = load_deap(tmp_path)
    assert trials.X.shape == (40, 4, 60 * 128)
    assert trials.X.dtype == np.float32
    assert trials.sfreq == 128
    assert trials.name == "DEAP"
    assert trials.metadata["stimulus"].tolist() == list(range(1, 41))
    assert load_deap(tmp_path, picks=["O2"], baseline="keep").X.shape == (40, 1, 63 * 128)
    truth = original(tmp_path, 1)
    assert set(truth) == {"data", "labels"}  # nothing marks a file of full size
    np.testing.assert_array_equal(trials.X[7, 1], truth["data"][7, 16, 384:].astype("float32"))


def test_rows_are_subjects_by_videos(fake):
    trials = load_deap(fake)
    rows = trials.metadata
    assert list(rows) == [
        *("subject", "session", "trial", "stimulus"),
        *("valence", "arousal", "dominance", "liking"),
    ]
    assert rows["subject"].tolist() == [1] * 6 + [2] * 6 + [3] * 6
    assert rows["stimulus"].tolist() == [1, 2, 3, 4, 5, 6] * 3
    assert rows["trial"].tolist() == [0, 1, 2, 3, 4, 5, 40, 41, 42, 43, 44, 45, *range(80, 86)]
    assert set(rows["session"]) == {1}
    truth = np.concatenate([original(fake, n)["labels"] for n in (1, 2, 3)])
    np.testing.assert_array_equal(rows[["valence", "arousal", "dominance", "liking"]], truth)


def test_numbers_do_not_depend_on_which_subjects_are_loaded(fake):
    all_trials = load_deap(fake)
    some = load_deap(fake, subjects=[3, 1])
    assert some.metadata["subject"].unique().tolist() == [3, 1]
    expected = all_trials.metadata.set_index("trial").loc[some.metadata["trial"]].reset_index()
    np.testing.assert_array_equal(some.metadata[list(expected)], expected)
    np.testing.assert_array_equal(some.X[:6], all_trials.X[12:])


def test_channels_are_named_in_the_order_of_the_file(tmp_path):
    numbers = np.broadcast_to(np.arange(1, 41)[:, None], (1, 40, 400))
    write(tmp_path, 1, numbers, rated(3))
    for channels in ("four", "all", list(NUMBERS), ["GSR", "oz", "FP2"]):
        trials = load_deap(tmp_path, picks=channels)
        names = {name.casefold(): n for name, n in NUMBERS.items()}
        assert trials.X[0, :, 0].tolist() == [names[n.casefold()] for n in trials.ch_names]
    assert load_deap(tmp_path).ch_names == ("Fp1", "Fp2", "AF3", "AF4")
    assert load_deap(tmp_path, picks="all").ch_names == tuple(NUMBERS)[:32]


def test_picking_while_reading_is_picking_afterwards(fake):
    every = load_deap(fake, picks=list(NUMBERS))
    few = load_deap(fake, picks=["Pz", "hEOG", "Fp1"])
    np.testing.assert_array_equal(few.X, every.X[:, [15, 32, 0]])


def test_two_processes_load_what_one_does(fake):
    one, two = load_deap(fake), load_deap(fake, n_jobs=2)
    np.testing.assert_array_equal(one.X, two.X)
    assert one.metadata.equals(two.metadata)


def test_matlab_files_give_the_same_trials(tmp_path):
    write_fake_deap(tmp_path / "a", **SMALL)
    write_fake_deap(tmp_path / "b", matlab=True, **SMALL)
    assert loadmat(tmp_path / "b/s01.mat")["data"].shape == (6, 40, 448)
    python, matlab = load_deap(tmp_path / "a"), load_deap(tmp_path / "b")
    np.testing.assert_array_equal(python.X, matlab.X)
    assert python.metadata.equals(matlab.metadata)


def test_dat_comes_before_mat(tmp_path):
    write(tmp_path, 1, silence(1), rated(2))
    write(tmp_path, 1, silence(2), rated(2, 3), matlab=True)
    assert len(load_deap(tmp_path)) == 1


@pytest.mark.parametrize("matlab", [False, True])
def test_the_folder_above_will_do(tmp_path, matlab):
    inner = "data_preprocessed_matlab" if matlab else "data_preprocessed_python"
    write_fake_deap(tmp_path / inner, matlab=matlab, **SMALL)
    np.testing.assert_array_equal(load_deap(tmp_path).X, load_deap(tmp_path / inner).X)


def test_numbers_of_other_bytes_and_orders_are_the_same_numbers(tmp_path):
    truth = np.random.default_rng(0).normal(size=(2, 40, 400)).astype("float32")
    for name, data in {
        "big": truth.astype(">f8"),
        "single": truth,
        "columns": np.asfortranarray(truth.astype(float)),
    }.items():
        content = {"data": data, "labels": np.full((2, 4), 3.0), "fake": (2, 400)}
        (tmp_path / name).mkdir()
        (tmp_path / name / "s01.dat").write_bytes(pickle.dumps(content, protocol=2))
        np.testing.assert_array_equal(
            load_deap(tmp_path / name, picks="all").X, truth[:, :32, 384:]
        )


def test_progress_is_shown_when_asked_for(fake, capsys):
    load_deap(fake)
    assert "subject" not in capsys.readouterr().err
    load_deap(fake, verbose=True)
    assert "3/3" in capsys.readouterr().err


# Labels


@pytest.mark.parametrize(
    ("threshold", "ties", "expected"),
    [
        (5.0, "high", [0, 1, 1, 0, 1, 1]),
        (5.0, "low", [0, 0, 1, 0, 0, 1]),
        (5, "drop", [0, 1, 0, 1]),
        (4.5, "high", [0, 1, 1, 1, 1, 1]),
        ("subject_median", "high", [0, 1, 1, 0, 1, 1]),
        ("subject_median", "low", [0, 0, 1, 0, 0, 1]),
        ("subject_median", "drop", [0, 1, 0, 1]),
    ],
)
def test_labels_by_hand(tmp_path, threshold, ties, expected):
    write(tmp_path, 1, silence(3), rated(1.5, 5, 9))
    write(tmp_path, 2, silence(3), rated(4.99, 5, 5.01))
    trials = load_deap(tmp_path, threshold=threshold, ties=ties)
    assert trials.y.tolist() == expected
    assert trials.label_names == {0: "low", 1: "high"}
    assert trials.choices == {
        "target": "valence",
        "threshold": threshold,
        "ties": ties,
        "baseline": "drop",
    }


def test_the_median_is_that_of_the_own_ratings(tmp_path):
    write(tmp_path, 1, silence(3), rated(1, 2, 3))
    write(tmp_path, 2, silence(4), rated(9, 8, 7, 6))
    trials = load_deap(tmp_path, threshold="subject_median", ties="low")
    assert trials.y.tolist() == [0, 0, 1, 1, 1, 0, 0]


def test_a_dropped_tie_goes_with_its_row(tmp_path):
    data = silence(4) + np.arange(4)[:, None, None]
    write(tmp_path, 1, data, rated(5, 2, 5, 7))
    write(tmp_path, 2, data + 10, rated(5, 5, 5, 4))
    trials = load_deap(tmp_path, ties="drop")
    assert trials.X[:, 0, 0].tolist() == [1, 3, 13]
    assert trials.y.tolist() == [0, 1, 0]
    assert trials.metadata["trial"].tolist() == [1, 3, 43]
    assert trials.metadata["valence"].tolist() == [2, 7, 4]


@pytest.mark.parametrize(
    ("target", "column"), [("valence", 0), ("arousal", 1), ("dominance", 2), ("liking", 3)]
)
def test_each_rating_can_be_the_label(tmp_path, target, column):
    labels = np.full((2, 4), 1.0)
    labels[1, column] = 9
    write(tmp_path, 1, silence(2), labels)
    trials = load_deap(tmp_path, target)
    assert trials.y.tolist() == [0, 1]
    assert trials.metadata[target].tolist() == [1, 9]


# The seconds before


def test_the_baseline_by_hand(tmp_path):
    data = silence(1, n_times=386)
    data[0, 0, :384] = np.arange(384)  # mean 191.5
    data[0, 0, 384:] = 200, 100
    write(tmp_path, 1, data, rated(3))
    assert load_deap(tmp_path, picks=["Fp1"]).X.tolist() == [[[200, 100]]]
    subtracted = load_deap(tmp_path, picks=["Fp1"], baseline="subtract")
    assert subtracted.X.tolist() == [[[8.5, -91.5]]]
    kept = load_deap(tmp_path, picks=["Fp1"], baseline="keep").X
    assert kept[0, 0].tolist() == [*range(384), 200, 100]
    assert subtracted.choices["baseline"] == "subtract"


# What is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "joy"}, r"target must be one of valence, .*, got 'joy'"),
        ({"baseline": "z"}, r"baseline must be one of drop, subtract, keep, got 'z'"),
        ({"ties": "both"}, r"ties must be one of high, low, drop, got 'both'"),
        ({"threshold": "mean"}, r"threshold must be a number or 'subject_median', got 'mean'"),
        ({"threshold": None}, r"threshold must be a number or 'subject_median', got None"),
        ({"threshold": float("nan")}, r"threshold must be a number .*, got nan"),
        ({"channels": ["Fp3"]}, r"there is no 'Fp3' among"),
        ({"subjects": [33]}, r"subjects must be a list of numbers from 1 to 32.*got \[33\]"),
        ({"subjects": [0]}, r"subjects must be .*got \[0\]"),
        ({"subjects": []}, r"subjects must be .*got \[\]"),
        ({"subjects": [1, 1]}, r"subjects must be .*each once, got \[1, 1\]"),
        ({"subjects": ["1"]}, r"subjects must be .*got \['1'\]"),
        ({"subjects": 3}, r"subjects must be a list .*got 3"),
    ],
)
def test_arguments_are_checked_before_anything_is_read(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_deap("nowhere", **arguments)


def test_a_missing_folder_or_file_is_named(fake, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No file of DEAP in .*nowhere: expected s01\.dat"):
        load_deap(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"No file of subject 7: expected .*s07\.dat"):
        load_deap(fake, subjects=[1, 7])


def nan_at(array, *place):
    array = np.array(array, float)
    array[place] = np.nan
    return array


BROKEN = {
    "a channel too few": ((np.zeros((2, 39, 400)), rated(2, 3)), {}, r"came shape \(2, 39, 400\)"),
    "axes swapped": ((np.zeros((40, 2, 400)), rated(2, 3)), {}, r"came shape"),
    "ratings for other trials": ((silence(2), rated(2, 3, 4)), {}, r"'labels' of shape \(2, 4\)"),
    "a rating too few": ((silence(1), [[2, 3, 4]]), {}, r"'labels' of shape \(1, 4\)"),
    "data and labels swapped": ((rated(2, 3), silence(2)), {"fake": (2, 385)}, r"came shape"),
    "small, and not said to be": ((silence(2), rated(2, 3)), {"fake": None}, r"\(40, 40, 8064\)"),
    "another size than said": ((silence(2), rated(2, 3)), {"fake": (2, 400)}, r"\(2, 40, 400\)"),
    "nothing but baseline": ((silence(1, 384), rated(2)), {}, r"the two numbers of a fake's size"),
    "a size of three": ((silence(1), rated(2)), {"fake": (1, 2, 3)}, r"two numbers of a fake's"),
    "NaN in data": ((nan_at(silence(2), 1, 16, 50), rated(2, 3)), {}, r"1 that are NaN"),
    "infinite data": ((silence(2) + np.inf, rated(2, 3)), {}, r"data' of Fp1, Fp2, AF3, AF4 of"),
    "data beyond float32": ((silence(2) + 1e300, rated(2, 3)), {}, r"NaN or infinite"),
    "NaN in ratings": ((silence(2), nan_at(rated(2, 3), 0, 3)), {}, r"'labels' of finite"),
    "a rating below 1": ((silence(2), rated(0.99, 3)), {}, r"ratings from 1 to 9, came 0\.99"),
    "a rating above 9": ((silence(2), rated(2, 9.01)), {}, r"ratings from 1 to 9, came 9\.01"),
    "data as a pair": ((silence(1), rated(2)), {"data": (1, 2)}, r"came tuple"),
    "ratings as a pair": ((silence(1), rated(2)), {"labels": (1, 2)}, r"came tuple"),
}


@pytest.mark.parametrize(
    ("name", "matlab"),
    [
        *((name, False) for name in BROKEN),
        *((name, True) for name in BROKEN if not name.endswith("as a pair")),  # arrays only
    ],
)
def test_a_file_that_is_not_of_the_form_is_named(tmp_path, name, matlab):
    arrays, more, message = BROKEN[name]
    path = write(tmp_path, 1, *arrays)
    content = original(tmp_path, 1) | more
    if content["fake"] is None:
        del content["fake"]
    path.unlink()
    if matlab:
        savemat(path.with_suffix(".mat"), content)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(DataFormatError, match=message) as error:
        load_deap(tmp_path)
    assert str(path.with_suffix(".mat" if matlab else ".dat")) in str(error.value)


@pytest.mark.parametrize("matlab", [False, True])
@pytest.mark.parametrize("missing", ["data", "labels"])
def test_a_missing_array_is_named(tmp_path, missing, matlab):
    content = {"data": silence(1), "labels": np.array(rated(2))}
    del content[missing]
    if matlab:
        savemat(tmp_path / "s01.mat", content)
    else:
        (tmp_path / "s01.dat").write_bytes(pickle.dumps(content, protocol=2))
    (there,) = content
    with pytest.raises(DataFormatError, match=rf"'data' and 'labels', came one of '{there}'"):
        load_deap(tmp_path)


@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("matlab", [False, True])
def test_a_file_cut_short_is_refused(tmp_path, tenth, matlab):
    write_fake_deap(tmp_path, n_subjects=1, matlab=matlab, **SMALL)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[: tenth * len(content) // 10])
    with pytest.raises(DataFormatError, match=path.name):
        load_deap(tmp_path)


def test_one_broken_file_among_sound_ones_ends_all(fake):
    (fake / "s02.dat").write_bytes(b"")
    with pytest.raises(DataFormatError, match=r"s02\.dat: .*, came an empty file"):
        load_deap(fake)
    with pytest.raises(DataFormatError, match=r"s02\.dat: .*, came an empty file"):
        load_deap(fake, n_jobs=2)
    assert len(load_deap(fake, subjects=[1, 3])) == 12


def test_subjects_of_different_lengths_do_not_mix(tmp_path):
    write(tmp_path, 1, silence(1, 400), rated(2))
    write(tmp_path, 2, silence(1, 401), rated(2))
    with pytest.raises(DataFormatError, match=r"s02\.dat: expected 16 time points .* came 17"):
        load_deap(tmp_path)


def test_a_bad_channel_does_not_matter_to_the_others(tmp_path):
    write(tmp_path, 1, nan_at(silence(2), 1, 36, 50), rated(2, 3))
    assert len(load_deap(tmp_path, picks="all")) == 2
    with pytest.raises(DataFormatError, match=r"'data' of GSR of finite numbers, came 1 that"):
        load_deap(tmp_path, picks=["GSR"], baseline="keep")


# The cache


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "made" / "cache"


@pytest.fixture
def closed_sources(monkeypatch):
    """Call it, and no source can be read any more."""

    def close():
        def fail(path, *_):
            raise AssertionError(f"{path} was read")

        monkeypatch.setattr(_deap, "read_arrays", fail)
        monkeypatch.setattr(_deap, "read_mat", fail)

    return close


@pytest.mark.parametrize("matlab", [False, True])
def test_a_cache_gives_the_same_without_the_source(tmp_path, cache, closed_sources, matlab):
    folder = tmp_path / "deap"
    write_fake_deap(folder, matlab=matlab, **SMALL)
    arguments = [
        {},
        {"channels": "all", "target": "liking"},
        {"channels": ["GSR", "Oz"], "baseline": "subtract"},
        {"baseline": "keep", "ties": "drop", "subjects": [2]},
    ]
    expected = [load_deap(folder, **more) for more in arguments]
    first = load_deap(folder, cache=cache)
    np.testing.assert_array_equal(first.X, expected[0].X)
    assert len(list(cache.iterdir())) == 2
    closed_sources()
    for more, truth in zip(arguments, expected, strict=True):
        cached = load_deap(folder, cache=cache, **more)
        np.testing.assert_array_equal(cached.X, truth.X)
        np.testing.assert_array_equal(cached.y, truth.y)
        assert cached.metadata.equals(truth.metadata)


def test_only_wanted_channels_are_read_from_the_cache(fake, cache, monkeypatch):
    load_deap(fake, cache=cache)
    read, fromfile = [], np.fromfile

    def spy(*args):
        part = fromfile(*args)
        read.append(part.nbytes)
        return part

    monkeypatch.setattr(np, "fromfile", spy)
    load_deap(fake, cache=cache, subjects=[1], picks=["Fp1", "Oz"])
    assert read == [6 * 4 * 8, 6 * 448 * 4, 6 * 448 * 4]


def test_a_changed_source_is_read_again(fake, cache):
    load_deap(fake, cache=cache)
    path = write(fake, 1, silence(6, 448), rated(2, 2, 2, 2, 2, 9))
    assert load_deap(fake, cache=cache, subjects=[1]).y.tolist() == [0, 0, 0, 0, 0, 1]
    path.write_bytes(b"no pickle")
    with pytest.raises(DataFormatError, match=r"s01\.dat"):
        load_deap(fake, cache=cache)


def test_a_source_changed_at_another_time_is_read_again(tmp_path, cache):
    path = write(tmp_path, 1, silence(1), rated(2))
    load_deap(tmp_path, cache=cache)
    before = path.stat()
    write(tmp_path, 1, silence(1), rated(8))
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))
    assert load_deap(tmp_path, cache=cache).y.tolist() == [1]


def test_two_sets_can_share_a_cache(tmp_path, cache):
    for folder, value in (("a", 1), ("b", 2)):
        write(tmp_path / folder, 1, silence(1) + value, rated(2))
    for _ in range(2):
        assert load_deap(tmp_path / "a", cache=cache).X[0, 0, 0] == 1
        assert load_deap(tmp_path / "b", cache=cache).X[0, 0, 0] == 2


@pytest.mark.parametrize("tenth", range(10))
def test_a_cache_cut_short_is_made_again(fake, cache, closed_sources, tenth):
    truth = load_deap(fake, picks="all", cache=cache)
    for path in cache.iterdir():
        content = path.read_bytes()
        path.write_bytes(content[: tenth * len(content) // 10])
    again = load_deap(fake, picks="all", cache=cache)
    np.testing.assert_array_equal(again.X, truth.X)
    closed_sources()
    np.testing.assert_array_equal(load_deap(fake, picks="all", cache=cache).X, truth.X)


def test_a_damaged_cache_is_made_again(fake, cache):
    truth = load_deap(fake, subjects=[1], picks="all", cache=cache)
    (path,) = cache.iterdir()
    sound, rng = path.read_bytes(), np.random.default_rng(0)
    for place in [*range(0, 40, 3), *rng.integers(0, len(sound), 20).tolist()]:
        damaged = bytearray(sound)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        again = load_deap(fake, subjects=[1], picks="all", cache=cache)
        np.testing.assert_array_equal(again.X, truth.X)
        assert again.metadata.equals(truth.metadata)
    for content in (b"", b"0", b"00000000 {}", b"\xff" * 5000):
        path.write_bytes(content)
        again = load_deap(fake, subjects=[1], picks="all", cache=cache)
        np.testing.assert_array_equal(again.X, truth.X)


@pytest.mark.parametrize("place", ["numbers", "disk", "name"])
def test_an_interrupted_write_leaves_nothing(fake, cache, monkeypatch, place):
    truth = load_deap(fake)
    written = []

    def interrupt(*args):
        written.append(args)
        if place != "numbers" or len(written) > 5:
            raise KeyboardInterrupt
        return original_write(*args)

    original_write = _deap_cache._write_part
    with monkeypatch.context() as patch:
        target, name = {
            "numbers": (_deap_cache, "_write_part"),
            "disk": (_deap_cache.os, "fsync"),
            "name": (_deap_cache.os, "replace"),
        }[place]
        patch.setattr(target, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            load_deap(fake, cache=cache)
    assert written
    assert not list(cache.iterdir())
    np.testing.assert_array_equal(load_deap(fake, cache=cache).X, truth.X)


def test_what_a_killed_process_left_does_not_load(fake, cache):
    truth = load_deap(fake, cache=cache)
    for path in list(cache.iterdir()):
        part = path.with_name(path.name + "abc.part")
        shutil.copy(path, part)
        content = bytearray(part.read_bytes())
        content[: _deap_cache.HEAD_BYTES] = bytes(_deap_cache.HEAD_BYTES)  # written last
        path.write_bytes(content)
    np.testing.assert_array_equal(load_deap(fake, cache=cache).X, truth.X)


def test_processes_can_fill_a_cache_together(fake, cache, closed_sources):
    truth = load_deap(fake, cache=cache, n_jobs=2)
    closed_sources()
    np.testing.assert_array_equal(load_deap(fake, cache=cache).X, truth.X)


# The invented files


def test_fakes_have_the_bytes_of_python_2(fake):
    opcodes = [op.name for op, _, _ in pickletools.genops((fake / "s01.dat").read_bytes())]
    assert opcodes.count("BINSTRING") == 2
    assert opcodes.count("SHORT_BINSTRING") == 6
    assert not {name for name in opcodes if "UNICODE" in name or "BYTES" in name}
    with open(fake / "s01.dat", "rb") as file, pytest.raises(UnicodeDecodeError):
        pickle.load(file)  # as with the real ones
    content = original(fake, 1)
    assert content["data"].shape == (6, 40, 448)
    assert content["data"].dtype == np.float64
    assert content["fake"] == (6, 448)


def test_same_seed_same_bytes(tmp_path):
    for folder, seed, n_subjects in (("a", 0, 2), ("b", 0, 3), ("c", 1, 2), ("d", None, 2)):
        write_fake_deap(tmp_path / folder, n_subjects=n_subjects, random_state=seed, **SMALL)
    files = {path: (tmp_path / path / "s02.dat").read_bytes() for path in "abcd"}
    assert files["a"] == files["b"]
    assert len(set(files.values())) == 3


def test_invented_ratings_are_those_of_a_scale_with_ties(tmp_path):
    write_fake_deap(tmp_path, n_subjects=4, n_trials=40, n_times=385)
    ratings = load_deap(tmp_path).metadata[["valence", "arousal", "dominance", "liking"]]
    assert ratings.min(axis=None) >= 1
    assert ratings.max(axis=None) <= 9
    assert (ratings == 5).sum().min() >= 20
    assert (ratings % 1 != 0).sum().min() > 100


def test_invented_alpha_grows_with_valence(tmp_path):
    write_fake_deap(tmp_path, n_subjects=1, n_trials=40, n_times=384 + 1024)
    trials = load_deap(tmp_path, picks=["Oz", "GSR"])
    hertz, density = welch(trials.X, 128, nperseg=256)
    alpha = np.log(density[..., (hertz >= 9) & (hertz <= 11)].sum(-1))
    valence = trials.metadata["valence"]
    assert np.corrcoef(alpha[:, 0], valence)[0, 1] > 0.5
    assert abs(np.corrcoef(alpha[:, 1], valence)[0, 1]) < 0.5
    assert 5 < trials.X[:, 0].std() < 50  # microvolt


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_subjects", 33), ("n_subjects", 0), ("n_trials", 41), ("n_times", 384), ("n_times", 8065)],
)
def test_fakes_are_no_larger_than_the_set(tmp_path, name, value):
    with pytest.raises(ValueError, match=rf"{name} must be a number from \d+ to \d+, got {value}"):
        write_fake_deap(tmp_path / "new", **{name: value})
    assert not Path(tmp_path / "new").exists()


def test_fakes_never_overwrite(fake):
    before = (fake / "s01.dat").read_bytes()
    with pytest.raises(FileExistsError, match=r"s01\.dat"):
        write_fake_deap(fake, random_state=1, **SMALL)
    assert (fake / "s01.dat").read_bytes() == before
