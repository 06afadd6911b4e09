"""DEAP: files in the published format, labels, errors and the cache."""

import os
import pickle
import shutil
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from scipy.io import savemat

from skmamba.datasets import DataFormatError, deap, load_deap, write_fake_deap

# from the description of the data set, with the numbers of the channels
CHANNELS = """1 Fp1, 2 AF3, 3 F3, 4 F7, 5 FC5, 6 FC1, 7 C3, 8 T7, 9 CP5, 10 CP1, 11 P3, 12 P7,
13 PO3, 14 O1, 15 Oz, 16 Pz, 17 Fp2, 18 AF4, 19 Fz, 20 F4, 21 F8, 22 FC6, 23 FC2, 24 Cz, 25 C4,
26 T8, 27 CP6, 28 CP2, 29 P4, 30 P8, 31 PO4, 32 O2, 33 hEOG, 34 vEOG, 35 zEMG, 36 tEMG, 37 GSR,
38 Respiration, 39 Plethysmograph, 40 Temperature"""
NUMBERS = {entry.split()[1]: int(entry.split()[0]) for entry in CHANNELS.split(",")}
SMALL = {"n_trials": 6, "n_times": 384 + 64}


def write(folder, number, data, labels, /, matlab=False, **more):
    """Write a file with the given content, without the package."""
    folder.mkdir(exist_ok=True)
    data, labels = np.asarray(data, float), np.asarray(labels, float)
    content = {"data": data, "labels": labels, "fake": (len(data), data.shape[-1])} | more
    content = {key: value for key, value in content.items() if value is not None}
    path = folder / f"s{number:02}{'.mat' if matlab else '.dat'}"
    if matlab:
        savemat(path, content)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    return path


def rated(*valence, other=5.0):
    """Return labels with the given valence."""
    return [[v, other, other, other] for v in valence]


def zeros(n_trials, n_times=385):
    return np.zeros((n_trials, 40, n_times))


@pytest.fixture
def folder(tmp_path):
    """Three subjects with six trials each."""
    write_fake_deap(tmp_path, n_subjects=3, **SMALL)
    return tmp_path


def unpickle(folder, number):
    with open(folder / f"s{number:02}.dat", "rb") as file:
        return pickle.load(file, encoding="latin1")


def test_a_file_is_not_the_folder(folder):
    match = r"path must contain s01\.dat to .*s01\.dat, which is a file"
    with pytest.raises(FileNotFoundError, match=match):
        load_deap(folder / "s01.dat")


# Trials


def test_a_file_of_full_size_gives_forty_trials_of_one_minute(tmp_path):
    write_fake_deap(tmp_path, n_subjects=1)
    assert 103_219_200 < (tmp_path / "s01.dat").stat().st_size < 103_219_200 + 2500
    trials = load_deap(tmp_path)
    assert trials.X.shape == (40, 4, 60 * 128)
    assert trials.X.dtype == np.float32
    assert (trials.sfreq, trials.name) == (128, "DEAP valence")
    assert trials.metadata["stimulus"].tolist() == list(range(1, 41))
    assert load_deap(tmp_path, picks=["O2"], baseline="keep").X.shape == (40, 1, 63 * 128)
    content = unpickle(tmp_path, 1)
    assert set(content) == {"data", "labels"}
    np.testing.assert_array_equal(trials.X[7, 1], content["data"][7, 16, 384:].astype("float32"))


def test_rows_are_subjects_by_videos(folder):
    rows = load_deap(folder).metadata
    ratings = ["valence", "arousal", "dominance", "liking"]
    assert list(rows) == ["subject", "session", "trial", "stimulus", *ratings]
    assert rows["subject"].tolist() == [1] * 6 + [2] * 6 + [3] * 6
    assert rows["stimulus"].tolist() == [1, 2, 3, 4, 5, 6] * 3
    assert rows["trial"].tolist() == [0, 1, 2, 3, 4, 5, 40, 41, 42, 43, 44, 45, *range(80, 86)]
    assert set(rows["session"]) == {1}
    expected = np.concatenate([unpickle(folder, n)["labels"] for n in (1, 2, 3)])
    np.testing.assert_array_equal(rows[ratings], expected)
    for target in ratings:
        assert load_deap(folder, target).y.tolist() == (rows[target] >= 5).astype(int).tolist()


def test_a_selection_has_the_rows_of_the_whole(folder):
    whole, some = load_deap(folder), load_deap(folder, subjects=[3, 1])
    assert some.metadata["subject"].unique().tolist() == [3, 1]
    expected = whole.metadata.set_index("trial").loc[some.metadata["trial"]].reset_index()
    np.testing.assert_array_equal(some.metadata[list(expected)], expected)
    np.testing.assert_array_equal(some.X[:6], whole.X[12:])
    np.testing.assert_array_equal(load_deap(folder, subjects=3).X, whole.X[12:])


def test_channels_are_named_in_the_order_of_the_file(tmp_path):
    write(tmp_path, 1, np.broadcast_to(np.arange(1, 41)[:, None], (1, 40, 400)), rated(3))
    for picks in ("four", "all", list(NUMBERS), ["GSR", "oz", "FP2"]):
        trials = load_deap(tmp_path, picks=picks)
        names = {name.casefold(): n for name, n in NUMBERS.items()}
        assert trials.X[0, :, 0].tolist() == [names[n.casefold()] for n in trials.ch_names]
    assert load_deap(tmp_path).ch_names == ("Fp1", "Fp2", "AF3", "AF4")
    assert load_deap(tmp_path, picks="all").ch_names == tuple(NUMBERS)[:32]


def test_names_of_files_may_be_in_upper_case_and_broken_links_are_an_error(tmp_path):
    write_fake_deap(tmp_path, **SMALL)
    expected = load_deap(tmp_path)
    (tmp_path / "s02.dat").rename(tmp_path / "S02.DAT")
    np.testing.assert_array_equal(load_deap(tmp_path).X, expected.X)
    (tmp_path / "S02.DAT").unlink()
    (tmp_path / "s02.dat").symlink_to(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=r"s02\.dat"):
        load_deap(tmp_path)


def test_matlab_files_give_the_same_trials(tmp_path):
    write_fake_deap(tmp_path / "a", **SMALL)
    write_fake_deap(tmp_path / "b", matlab=True, **SMALL)
    python, matlab = load_deap(tmp_path / "a"), load_deap(tmp_path / "b")
    np.testing.assert_array_equal(python.X, matlab.X)
    assert python.metadata.equals(matlab.metadata)
    write(tmp_path / "b", 1, zeros(1), rated(2))
    assert len(load_deap(tmp_path / "b")) == 1  # .dat files take precedence


@pytest.mark.parametrize("matlab", [False, True])
def test_the_parent_folder_is_accepted(tmp_path, matlab):
    inner = "data_preprocessed_matlab" if matlab else "data_preprocessed_python"
    write_fake_deap(tmp_path / inner, matlab=matlab, **SMALL)
    np.testing.assert_array_equal(load_deap(tmp_path).X, load_deap(tmp_path / inner).X)


def test_progress_is_shown_on_request(folder, capsys):
    load_deap(folder)
    assert "subject" not in capsys.readouterr().err
    load_deap(folder, verbose=True)
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
def test_labels_are_those_computed_by_hand(tmp_path, threshold, ties, expected):
    data = zeros(3) + np.arange(3)[:, None, None]
    write(tmp_path, 1, data, rated(1.5, 5, 9))
    write(tmp_path, 2, data + 40, rated(4.99, 5, 5.01))
    trials = load_deap(tmp_path, threshold=threshold, ties=ties)
    assert trials.y.tolist() == expected
    assert trials.label_names == {0: "low", 1: "high"}
    rule = {"target": "valence", "threshold": threshold, "ties": ties, "baseline": "drop"}
    assert trials.loader_params == rule
    rows = [0, 2, 40, 42] if ties == "drop" else [0, 1, 2, 40, 41, 42]
    assert trials.X[:, 0, 0].tolist() == trials.metadata["trial"].tolist() == rows


def test_a_list_of_targets_gives_their_ratings(tmp_path):
    write(tmp_path, 1, zeros(2), [[1, 2.5, 3, 4], [5, 6, 7, 8]])
    write(tmp_path, 2, zeros(1), [[9, 8.25, 7, 6]])
    trials = load_deap(tmp_path, ["arousal", "valence"])
    assert trials.y.tolist() == [[2.5, 1], [6, 5], [8.25, 9]]
    assert trials.label_names == {}
    assert trials.loader_params == {"target": ["arousal", "valence"], "baseline": "drop"}
    assert load_deap(tmp_path, ["liking"]).y.tolist() == [[4], [8], [6]]


def test_the_median_is_computed_within_subjects(tmp_path):
    write(tmp_path, 1, zeros(3), rated(1, 2, 3))
    write(tmp_path, 2, zeros(4), rated(9, 8, 7, 6))
    trials = load_deap(tmp_path, threshold="subject_median", ties="low")
    assert trials.y.tolist() == [0, 0, 1, 1, 1, 0, 0]


def test_a_threshold_that_leaves_one_class_is_an_error(tmp_path):
    write(tmp_path, 1, zeros(4), rated(2, 3, 7, 7.5))
    for threshold, ties, got in [
        (7.5, "low", "4 ratings of valence from 2 to 7.5 give 4 low and 0"),
        (1, "high", ".* from 2 to 7.5 give 0 low and 4 high"),
        (2, "drop", ".* from 2 to 7.5 give 0 low and 3 high"),
    ]:
        message = f"must leave .*both classes, got {threshold} with ties='{ties}': {got}"
        with pytest.raises(ValueError, match=f"threshold {message}"):
            load_deap(tmp_path, threshold=threshold, ties=ties)
    with pytest.raises(ValueError, match="excludes every trial: all ratings of liking are tied"):
        load_deap(tmp_path, "liking", ties="drop")
    assert load_deap(tmp_path, "liking").y.tolist() == [1, 1, 1, 1]  # the default threshold


def test_the_baseline_is_dropped_subtracted_or_kept(tmp_path):
    data = zeros(1, n_times=386)
    data[0, 0, :384] = np.arange(384)  # mean 191.5
    data[0, 0, 384:] = 200, 100
    write(tmp_path, 1, data, rated(3))
    assert load_deap(tmp_path, picks=["Fp1"]).X.tolist() == [[[200, 100]]]
    subtracted = load_deap(tmp_path, picks=["Fp1"], baseline="subtract")
    assert subtracted.X.tolist() == [[[8.5, -91.5]]]
    kept = load_deap(tmp_path, picks=["Fp1"], baseline="keep").X
    assert kept[0, 0].tolist() == [*range(384), 200, 100]
    split = load_deap(tmp_path, picks=["Fp1"], baseline="reference")
    assert split.X.tolist() == [[[200, 100]]]
    assert split.reference.tolist() == [[[*range(384)]]]
    assert split.loader_params["baseline"] == "reference"


def test_references_stay_with_their_trials_if_ties_are_dropped(tmp_path):
    data = zeros(3) + np.arange(3)[:, None, None]
    data[..., :384] += 0.5
    write(tmp_path, 1, data, rated(1.5, 5, 9))
    write(tmp_path, 2, data + 40, rated(5, 2, 5.01))
    trials = load_deap(tmp_path, ties="drop", baseline="reference")
    assert trials.metadata["trial"].tolist() == trials.X[:, 0, 0].tolist() == [0, 2, 41, 42]
    assert trials.reference.shape == (4, 4, 384)
    assert trials.reference[:, 3, -1].tolist() == [0.5, 2.5, 41.5, 42.5]


def test_the_reference_takes_no_memory_beside_the_trials(tmp_path, peak_below):
    write_fake_deap(tmp_path, n_subjects=4, n_trials=20, n_times=4 * 384)  # 10 MB a file
    with peak_below(5 << 20):
        assert load_deap(tmp_path, baseline="reference").reference.shape == (80, 4, 384)


# Errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "joy"}, r"target must be one of 'valence', .*, got 'joy'"),
        ({"target": ["valence", "anger"]}, r"target must be one of .*, got 'anger'"),
        ({"picks": 3}, "picks must be 'four', 'all' or a list of channels, got 3"),
        ({"target": None}, "target must be a name or a list of names, got None"),
        ({"target": []}, r"target must name at least one rating, each once, got \[\]"),
        ({"target": ["liking"] * 2}, r"target must name at least one rating, each once"),
        ({"target": ["liking"], "threshold": 4}, r"threshold and ties must have .* got 4 and"),
        ({"target": ["liking"], "ties": "drop"}, r"their defaults .* got 5\.0 and 'drop'"),
        ({"baseline": "z"}, r"baseline must be one of 'drop', .*'reference', got 'z'"),
        ({"ties": "both"}, r"ties must be one of 'high', 'low', 'drop', got 'both'"),
        ({"threshold": "mean"}, r"threshold must be a number or 'subject_median', got 'mean'"),
        ({"threshold": None}, r"threshold must be a number or 'subject_median', got None"),
        ({"threshold": float("nan")}, r"threshold must be a number .*, got nan"),
        ({"picks": None}, r"picks must be 'four', 'all' or a list of channels, got None"),
        ({"picks": ["Fp3"]}, r"picks must be channels of .*got 'Fp3'"),
        ({"picks": ["Fp1x"]}, r"got 'Fp1x'\. Did you mean 'Fp1'\?"),
        ({"picks": ["Oz", "oz"]}, r"picks must name at least one channel, each once"),
        ({"picks": []}, r"picks must name at least one channel"),
        ({"subjects": [33]}, r"subjects must be .*the numbers 1 to 32, each once, got \[33\]"),
        ({"subjects": [0]}, r"subjects must be .*got \[0\]"),
        ({"subjects": []}, r"subjects must be .*got \[\]"),
        ({"subjects": [1, 1]}, r"subjects must be .*each once, got \[1, 1\]"),
        ({"subjects": ["1"]}, r"subjects must be .*got \['1'\]"),
        ({"subjects": True}, r"subjects must be .*got True"),
    ],
)
def test_arguments_are_validated_before_files_are_read(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_deap("nowhere", **arguments)


def test_a_missing_folder_or_file_is_named(folder, tmp_path):
    message = (
        r"must contain s01\.dat to s32\.dat .*nowhere, which does not exist.* https://www\.eecs"
    )
    with pytest.raises(FileNotFoundError, match=message):
        load_deap(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"s32\.mat of DEAP, got .*empty, which has none of them\. Request"
    ):
        load_deap(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match=r"No file of subject 7: .*s07\.dat"):
        load_deap(folder, subjects=[1, 7])


def with_nan(array, *place):
    array = np.array(array, float)
    array[place] = np.nan
    return array


INVALID = {
    "a missing channel": ((np.zeros((2, 39, 400)), rated(2, 3)), {}, r"got shape \(2, 39, 400\)"),
    "axes swapped": ((np.zeros((40, 2, 400)), rated(2, 3)), {}, r"got shape"),
    "ratings of other trials": ((zeros(2), rated(2, 3, 4)), {}, r"'labels' of shape \(2, 4\)"),
    "a missing rating": ((zeros(1), [[2, 3, 4]]), {}, r"'labels' of shape \(1, 4\)"),
    "data and labels swapped": ((rated(2, 3), zeros(2)), {"fake": (2, 385)}, r"got shape"),
    "a small file without its size": ((zeros(2), rated(2, 3)), {"fake": None}, r"\(40, 40, 8064"),
    "a wrong size": ((zeros(2), rated(2, 3)), {"fake": (2, 400)}, r"\(2, 40, 400\)"),
    "only a baseline": ((zeros(1, 384), rated(2)), {}, r"two numbers of a synthetic file's size"),
    "a size of three": ((zeros(1), rated(2)), {"fake": (1, 2, 3)}, r"the two numbers"),
    "NaN in data": ((with_nan(zeros(2), 1, 16, 50), rated(2, 3)), {}, r"got 1 NaN or infinite"),
    "infinite data": ((zeros(2) + np.inf, rated(2, 3)), {}, r"data' of Fp1, Fp2, AF3, AF4 of"),
    "data beyond float32": ((zeros(2) + 1e300, rated(2, 3)), {}, r"NaN or infinite"),
    "NaN in ratings": ((zeros(2), with_nan(rated(2, 3), 0, 3)), {}, r"'labels' of finite"),
    "a rating below 1": ((zeros(2), rated(0.99, 3)), {}, r"ratings from 1 to 9, got 0\.99"),
    "a rating above 9": ((zeros(2), rated(2, 9.01)), {}, r"ratings from 1 to 9, got 9\.01"),
    "no data": ((zeros(1), rated(2)), {"data": None}, r"'data' and 'labels', got one of 'labels'"),
    "no labels": ((zeros(1), rated(2)), {"labels": None}, r"'labels', got one of 'data'"),
    "data as a tuple": ((zeros(1), rated(2)), {"data": (1, 2)}, r"got tuple"),
    "labels as a tuple": ((zeros(1), rated(2)), {"labels": (1, 2)}, r"got tuple"),
}


@pytest.mark.parametrize(
    ("name", "matlab"),
    [
        *((name, False) for name in INVALID),
        *((name, True) for name in INVALID if not name.endswith("tuple")),  # of Python only
    ],
)
def test_files_of_another_format_are_named(tmp_path, name, matlab):
    arrays, more, message = INVALID[name]
    path = write(tmp_path, 1, *arrays, matlab=matlab, **more)
    with pytest.raises(DataFormatError, match=message) as error:
        load_deap(tmp_path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("matlab", [False, True])
def test_a_truncated_file_is_an_error(tmp_path, matlab):
    write_fake_deap(tmp_path, n_subjects=1, matlab=matlab, **SMALL)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for tenth in range(10):
        path.write_bytes(content[: tenth * len(content) // 10])
        with pytest.raises(DataFormatError, match=path.name):
            load_deap(tmp_path)


def test_one_damaged_file_is_an_error_for_all(folder):
    (folder / "s02.dat").write_bytes(b"")
    with pytest.raises(DataFormatError, match=r"s02\.dat: .*, got an empty file"):
        load_deap(folder, n_jobs=2)
    assert len(load_deap(folder, subjects=[1, 3])) == 12


def test_subjects_of_different_lengths_are_an_error(tmp_path):
    write(tmp_path, 1, zeros(1, 400), rated(2))
    write(tmp_path, 2, zeros(1, 401), rated(2))
    with pytest.raises(DataFormatError, match=r"s02\.dat: expected 16 time points .* got 17"):
        load_deap(tmp_path)


def test_only_picked_channels_must_be_finite(tmp_path):
    write(tmp_path, 1, with_nan(zeros(2), 1, 36, 50), rated(2, 3))
    assert len(load_deap(tmp_path, picks="all")) == 2
    with pytest.raises(DataFormatError, match=r"'data' of GSR of finite numbers, got 1 NaN"):
        load_deap(tmp_path, picks=["GSR"], baseline="keep")


# The cache


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "new" / "cache"


@pytest.fixture
def forbid_sources(monkeypatch):
    """Return a function after whose call no source can be read."""

    def forbid():
        def fail(path, *_):
            raise AssertionError(f"{path} was read")

        monkeypatch.setattr(deap, "read_arrays", fail)
        monkeypatch.setattr(deap, "read_mat", fail)

    return forbid


@pytest.mark.parametrize("matlab", [False, True])
def test_a_cache_gives_the_same_trials_without_the_source(tmp_path, cache, forbid_sources, matlab):
    folder = tmp_path / "deap"
    write_fake_deap(folder, matlab=matlab, **SMALL)
    arguments = [
        {},
        {"picks": "all", "target": "liking"},
        {"picks": ["GSR", "Oz"], "baseline": "subtract"},
        {"baseline": "keep", "ties": "drop", "subjects": [2]},
        {"baseline": "reference"},
    ]
    expected = [load_deap(folder, **more) for more in arguments]
    np.testing.assert_array_equal(load_deap(folder, cache=cache).X, expected[0].X)
    assert len(list(cache.iterdir())) == 2
    forbid_sources()
    for more, trials in zip(arguments, expected, strict=True):
        cached = load_deap(folder, cache=cache, **more)
        np.testing.assert_array_equal(cached.X, trials.X)
        np.testing.assert_array_equal(cached.y, trials.y)
        np.testing.assert_array_equal(cached.reference, trials.reference)
        assert cached.metadata.equals(trials.metadata)


def test_a_changed_source_is_read_again(folder, cache):
    load_deap(folder, cache=cache)
    path = write(folder, 1, zeros(6, 448), rated(2, 2, 2, 2, 2, 9))
    assert load_deap(folder, cache=cache, subjects=[1]).y.tolist() == [0, 0, 0, 0, 0, 1]
    before = path.stat()
    write(folder, 1, zeros(6, 448), rated(9, 2, 2, 2, 2, 2))
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))
    assert load_deap(folder, cache=cache, subjects=[1]).y.tolist() == [1, 0, 0, 0, 0, 0]


def test_folders_can_share_a_cache(tmp_path, cache):
    for folder, value in (("a", 1), ("b", 2)):
        write(tmp_path / folder, 1, zeros(1) + value, rated(2))
    for _ in range(2):
        assert load_deap(tmp_path / "a", cache=cache).X[0, 0, 0] == 1
        assert load_deap(tmp_path / "b", cache=cache).X[0, 0, 0] == 2


def test_a_truncated_or_damaged_cache_is_written_again(folder, cache, forbid_sources):
    options = {"subjects": [1], "picks": "all", "cache": cache}
    expected = load_deap(folder, **options)
    (path,) = cache.iterdir()
    valid, rng = path.read_bytes(), np.random.default_rng(0)
    contents = [valid[: tenth * len(valid) // 10] for tenth in range(10)]
    contents += [b"0", b"PK", b"\xff" * 5000, pickle.dumps({})]
    for place in [*range(0, 40, 3), *rng.integers(0, len(valid), 20), *range(-200, 0, 9)]:
        damaged = bytearray(valid)
        damaged[place] ^= 1 << int(rng.integers(8))
        contents.append(bytes(damaged))
    for content in contents:
        path.write_bytes(content)
        again = load_deap(folder, **options)
        np.testing.assert_array_equal(again.X, expected.X)
        assert again.metadata.equals(expected.metadata)
    forbid_sources()
    np.testing.assert_array_equal(load_deap(folder, **options).X, expected.X)


def test_a_cache_that_decompresses_to_more_than_its_size_is_not_read(folder, cache, peak_below):
    load_deap(folder, subjects=[1], cache=cache)
    (path,) = cache.iterdir()
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("source", bytes(1 << 27))
    with peak_below(1 << 25):
        load_deap(folder, subjects=[1], cache=cache)


@pytest.mark.parametrize("function", ["os.replace", "np.savez"])
def test_an_interrupted_write_leaves_no_file(folder, cache, monkeypatch, function):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"skmamba.datasets._cache.{function}", interrupt)
        with pytest.raises(KeyboardInterrupt):
            load_deap(folder, cache=cache)
    assert not list(cache.iterdir())
    np.testing.assert_array_equal(load_deap(folder, cache=cache).X, load_deap(folder).X)


def test_processes_load_what_one_does_and_can_write_a_cache_together(folder, cache, forbid_sources):
    expected = load_deap(folder, baseline="reference")
    trials = load_deap(folder, cache=cache, n_jobs=2, baseline="reference")
    np.testing.assert_array_equal(trials.X, expected.X)
    np.testing.assert_array_equal(trials.reference, expected.reference)
    assert trials.metadata.equals(expected.metadata)
    shutil.copy(next(cache.iterdir()), cache / ".left-over.tmp")
    forbid_sources()
    np.testing.assert_array_equal(load_deap(folder, cache=cache).X, expected.X)


def test_a_file_of_two_subjects_is_a_warning(tmp_path):
    write_fake_deap(tmp_path, n_subjects=2, **SMALL)
    load_deap(tmp_path)
    shutil.copy(tmp_path / "s01.dat", tmp_path / "s02.dat")
    with pytest.warns(UserWarning, match=r"12 trials have identical .* subjects 1 and 2\."):
        load_deap(tmp_path)
