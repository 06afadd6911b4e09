"""DREAMER is read as its file has it, or not at all."""

import importlib.util
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from skmamba.datasets import DataFormatError, _dreamer, load_dreamer, write_fake_dreamer

spec = importlib.util.spec_from_file_location(
    "fuzz_mat", Path(__file__).parents[2] / "benchmarks/fuzz_mat.py"
)
fuzz_mat = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz_mat)

NAMES = "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split()
EMOTIONS = (
    "calmness surprise amusement fear excitement disgust happiness anger sadness "
    "disgust calmness amusement happiness anger fear excitement sadness surprise"
).split()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Three people, 18 films of 2, 3 and 4 s in turn, each after 1 s."""
    return write_fake_dreamer(
        tmp_path_factory.mktemp("dreamer"), n_subjects=3, seconds=2, baseline_seconds=1
    )


@pytest.fixture(scope="module")
def content(path):
    """What scipy reads."""
    return loadmat(path, squeeze_me=True, struct_as_record=False)["DREAMER"]


def cells(*parts):
    array = np.empty((1, len(parts)), dtype=object)
    for i, part in enumerate(parts):
        array[0, i] = part
    return array


def small(films=((1.0, 2.0),), scores=(1.0,), before=0.0):
    """One person; film ``i`` of two time points, in channel ``c`` 100 c + these values."""
    steps = 100.0 * np.arange(14)
    recordings = cells(*[np.add.outer(np.array(film), steps) for film in films]).T
    baselines = cells(*[np.add.outer(np.full(3, before), steps) for _ in films]).T
    signal = {"baseline": baselines, "stimuli": recordings}
    column = np.array(scores).reshape(-1, 1)
    person = {
        "Age": "23",
        "Gender": "female",
        "EEG": signal,
        "ECG": signal,
        "ScoreValence": column,
        "ScoreArousal": column,
        "ScoreDominance": column,
    }
    return {
        "Data": cells(person),
        "EEG_SamplingRate": 128.0,
        "ECG_SamplingRate": 256.0,
        "EEG_Electrodes": cells(*NAMES),
        "noOfSubjects": 1.0,
        "noOfVideoSequences": float(len(films)),
    }


@pytest.fixture(params=[False, True], ids=["stored", "compressed"])
def save(request, tmp_path):
    def write(content):
        path = tmp_path / "DREAMER.mat"
        savemat(path, {"DREAMER": content}, do_compression=request.param)
        return path

    return write


def test_trials_are_those_scipy_reads(path, content):
    trials = load_dreamer(path, picks="all", seconds=None)
    assert trials.X.shape == (54, 14, 256)
    assert trials.X.dtype == np.float32
    assert trials.sfreq == 128
    assert trials.name == "DREAMER"
    assert trials.ch_names == tuple(NAMES)
    for i, (subject, film) in enumerate(np.ndindex(3, 18)):
        theirs = content.Data[subject].EEG.stimuli[film][-256:].T
        np.testing.assert_array_equal(trials.X[i], theirs.astype("float32"))
    for name in ("valence", "arousal", "dominance"):
        theirs = [getattr(person, f"Score{name.title()}") for person in content.Data]
        assert trials.metadata[name].tolist() == np.concatenate(theirs).tolist()


def test_metadata_say_who_and_which_film(path):
    metadata = load_dreamer(path, seconds=1).metadata
    assert list(metadata) == (
        "subject session trial stimulus emotion valence arousal dominance age gender".split()
    )
    assert metadata["subject"].tolist() == [s for s in (1, 2, 3) for _ in range(18)]
    assert metadata["stimulus"].tolist() == [*range(1, 19)] * 3
    assert metadata["emotion"].tolist() == EMOTIONS * 3
    assert metadata["trial"].tolist() == list(range(54))
    assert set(metadata["session"]) == {1}
    assert metadata["age"].iloc[[0, 18, 36]].tolist() == ["22", "23", "24"]
    assert metadata["gender"].iloc[[0, 18]].tolist() == ["male", "female"]


def test_default_channels_are_the_four_in_front(path):
    four = load_dreamer(path, seconds=1)
    whole = load_dreamer(path, seconds=1, picks="all")
    assert four.ch_names == ("AF3", "AF4", "F3", "F4")
    np.testing.assert_array_equal(four.X, whole.X[:, [0, 13, 2, 11]])


def test_channels_come_in_the_order_asked_for(path):
    whole = load_dreamer(path, seconds=1, picks="all")
    some = load_dreamer(path, seconds=1, picks=["O2", "f7"])
    assert some.ch_names == ("O2", "F7")
    np.testing.assert_array_equal(some.X, whole.X[:, [7, 1]])


@pytest.mark.parametrize(
    ("ties", "y", "kept"),
    [
        ("high", [0, 0, 1, 1, 1], [0, 1, 2, 3, 4]),
        ("low", [0, 0, 0, 1, 1], [0, 1, 2, 3, 4]),
        ("drop", [0, 0, 1, 1], [0, 1, 3, 4]),
    ],
)
def test_a_rating_of_three_is_what_the_rule_says(save, ties, y, kept):
    path = save(small(films=[(0.0, 1.0)] * 5, scores=[1.0, 2.0, 3.0, 4.0, 5.0]))
    trials = load_dreamer(path, seconds=None, ties=ties)
    assert trials.y.tolist() == y
    assert trials.metadata["trial"].tolist() == kept
    assert trials.label_names == {0: "low", 1: "high"}
    assert trials.loader_params == {
        "target": "valence",
        "threshold": 3.0,
        "ties": ties,
        "baseline": "drop",
        "seconds": None,
        "crop": "last",
    }


def test_threshold_may_be_another_number_or_each_subjects_median(save):
    path = save(small(films=[(0.0, 1.0)] * 5, scores=[1.0, 4.0, 4.0, 5.0, 5.0]))
    assert load_dreamer(path, seconds=None, threshold=4.5).y.tolist() == [0, 0, 0, 1, 1]
    median = load_dreamer(path, seconds=None, threshold="subject_median", ties="low")
    assert median.y.tolist() == [0, 0, 0, 1, 1]


def test_the_target_chooses_the_rating(path):
    for target in ("valence", "arousal", "dominance"):
        trials = load_dreamer(path, target, seconds=1)
        assert trials.y.tolist() == (trials.metadata[target] >= 3).astype(int).tolist()


def test_all_ties_dropped_leave_nothing(save):
    with pytest.raises(ValueError, match="each rating of valence is 3"):
        load_dreamer(save(small(scores=[3.0])), seconds=None, ties="drop")


def test_seconds_are_taken_from_the_end_or_the_start(save):
    path = save(small(films=[(1.0, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0)], scores=[1.0, 1.0]))
    options = {"picks": ["F7"], "seconds": 2 / 128}
    assert load_dreamer(path, **options).X.tolist() == [[[103, 104]], [[106, 107]]]
    first = load_dreamer(path, crop="first", **options)
    assert first.X.tolist() == [[[101, 102]], [[105, 106]]]


def test_without_seconds_the_shortest_film_decides(save):
    path = save(small(films=[(1.0, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0)], scores=[1.0, 1.0]))
    last = load_dreamer(path, picks=["AF3"], seconds=None)
    assert last.X.tolist() == [[[2, 3, 4]], [[5, 6, 7]]]
    first = load_dreamer(path, picks=["AF3"], seconds=None, crop="first")
    assert first.X.tolist() == [[[1, 2, 3]], [[5, 6, 7]]]


def test_a_film_that_is_too_short_is_named(path):
    with pytest.raises(ValueError, match=r"seconds=3 is longer.* film 1 of subject 1 lasts 2 s"):
        load_dreamer(path, seconds=3)


def test_baseline_is_dropped_subtracted_or_kept(save):
    path = save(small(films=[(1.0, 2.0), (5.0, 6.0)], scores=[1.0, 1.0], before=10.0))
    options = {"picks": ["F7"], "seconds": None}
    assert load_dreamer(path, **options).X.tolist() == [[[101, 102]], [[105, 106]]]
    subtracted = load_dreamer(path, baseline="subtract", **options)
    assert subtracted.X.tolist() == [[[-9, -8]], [[-5, -4]]]
    kept = load_dreamer(path, baseline="keep", **options)
    assert kept.X.tolist() == [[[110, 110, 110, 101, 102]], [[110, 110, 110, 105, 106]]]


def test_a_baseline_of_another_length_cannot_be_kept(save):
    content = small(films=[(1.0, 2.0), (5.0, 6.0)], scores=[1.0, 1.0])
    content["Data"][0, 0]["EEG"]["baseline"][1, 0] = np.zeros((2, 14))
    path = save(content)
    with pytest.raises(DataFormatError, match="baselines of one length, came 2 to 3 time points"):
        load_dreamer(path, seconds=None, baseline="keep")
    assert len(load_dreamer(path, seconds=None, baseline="subtract")) == 2


def test_selected_subjects_are_the_same_rows_as_in_all(path):
    whole = load_dreamer(path, seconds=1)
    for subjects, rows in ((2, slice(18, 36)), ([3, 1], [*range(18), *range(36, 54)])):
        some = load_dreamer(path, seconds=1, subjects=subjects)
        np.testing.assert_array_equal(some.X, whole.X[rows])
        assert some.metadata.equals(whole.metadata.iloc[rows].reset_index(drop=True))
    with pytest.raises(ValueError, match=r"there is no 5 .*which has 1 to 3"):
        load_dreamer(path, subjects=[1, 5])


def test_file_and_folder_lead_to_the_same(path):
    np.testing.assert_array_equal(
        load_dreamer(path.parent, seconds=1).X, load_dreamer(str(path), seconds=1).X
    )


def test_a_missing_file_is_named(tmp_path):
    for path in (tmp_path, tmp_path / "DREAMER.mat", tmp_path / "no"):
        with pytest.raises(FileNotFoundError, match=r"DREAMER\.mat"):
            load_dreamer(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "liking"}, "target must be one of 'valence'.*got 'liking'"),
        ({"baseline": "mean"}, "baseline must be one of 'drop'.*got 'mean'"),
        ({"crop": "middle"}, "crop must be one of 'last', 'first', got 'middle'"),
        ({"ties": "up"}, "ties must be one of"),
        ({"threshold": "median"}, "threshold must be"),
        ({"picks": ["Fp1"]}, "there is no 'Fp1'"),
        ({"seconds": 0}, "seconds must be a positive number.*got 0"),
        ({"seconds": "60"}, "seconds must be a positive number.*got '60'"),
        ({"seconds": float("nan")}, "seconds must be a positive number.*got nan"),
        ({"seconds": float("inf")}, "seconds must be a positive number.*got inf"),
        ({"subjects": 0}, "subjects must be .* 1 to 23.*got 0"),
        ({"subjects": [1, 24]}, "subjects must be"),
        ({"subjects": []}, "subjects must be"),
        ({"subjects": [2, 2]}, "subjects must be"),
        ({"subjects": "s01"}, "subjects must be"),
        ({"subjects": 1.5}, "subjects must be"),
    ],
)
def test_arguments_are_checked_before_anything_is_read(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_dreamer("nowhere", **arguments)


def person(content):
    return content["Data"][0, 0]


def put(where, value):
    """A change: set one entry of the content to the value, or to what it makes of the old."""

    def change(content):
        *way, last = where
        inside = content
        for step in way:
            inside = inside[step]
        inside[last] = value(inside[last]) if callable(value) else value

    return change


def without(*where):
    def change(content):
        inside = content
        for step in where[:-1]:
            inside = inside[step]
        del inside[where[-1]]

    return change


ONE = ("Data", (0, 0))
FILM = (*ONE, "EEG", "stimuli", (0, 0))
BEFORE = (*ONE, "EEG", "baseline", (0, 0))


def spoilt(value):
    def spoil(film):
        film = film.copy()
        film[1, 0] = value
        return film

    return spoil


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(["EEG_SamplingRate"], 256.0), "EEG_SamplingRate of 128, came .*256"),
        (put(["EEG_SamplingRate"], "128"), "EEG_SamplingRate of 128"),
        (put(["EEG_Electrodes"], cells(*NAMES[::-1])), "EEG_Electrodes AF3 F7"),
        (put(["EEG_Electrodes"], cells("F7", "AF3", *NAMES[2:])), "EEG_Electrodes AF3 F7"),
        (put(["EEG_Electrodes"], cells(*NAMES[:-1])), "EEG_Electrodes AF3 F7"),
        (put(["EEG_Electrodes"], cells(*NAMES, "Fp1")), "EEG_Electrodes AF3 F7"),
        (put(["noOfSubjects"], 2.0), "Data of 2 subjects, as noOfSubjects says, came 1"),
        (put(["noOfSubjects"], 24.0), "noOfSubjects of 1 to 23"),
        (put(["noOfSubjects"], np.nan), "noOfSubjects of 1 to 23"),
        (put(["noOfVideoSequences"], 2.0), "stimuli of subject 1 with 2 recordings"),
        (put(["noOfVideoSequences"], 0.0), "noOfVideoSequences of 1 to 18"),
        (put(["noOfVideoSequences"], 19.0), "noOfVideoSequences of 1 to 18"),
        (without("noOfSubjects"), "DREAMER as a struct of Data"),
        (without("Data"), "DREAMER as a struct of Data"),
        (put(["Data"], np.eye(3)), "Data of 1 subjects"),
        (put(["Data"], "people"), "Data of 1 subjects"),
        (put(["Data", (0, 0)], "somebody"), "subject 1 as a struct"),
        (without(*ONE, "EEG"), "subject 1 as a struct of Age, Gender, EEG"),
        (without(*ONE, "ScoreArousal"), "subject 1 as a struct"),
        (without(*ONE, "EEG", "stimuli"), "stimuli of subject 1 with 1 recordings"),
        (without(*ONE, "EEG", "baseline"), "baseline of subject 1 with 1 recordings"),
        (put([*ONE, "EEG"], np.eye(3)), "stimuli of subject 1"),
        (put(FILM, np.transpose), r"film 1 of subject 1 of shape \(any, 14\)"),
        (put(FILM, lambda film: film[:, :13]), r"came shape \(2, 13\)"),
        (put(FILM, lambda film: film[:0]), "with time points, came none"),
        (put(FILM, lambda film: film + 1j), r"stimuli\{1\} of real numbers, came complex ones"),
        (put(FILM, "text"), "film 1 of subject 1 as numbers, came text"),
        (put(FILM, cells(1.0)), "film 1 of subject 1 as numbers, came 1 elements"),
        (put(FILM, spoilt(np.nan)), "film 1 of subject 1 of finite numbers, came 1"),
        (put(FILM, spoilt(-np.inf)), "film 1 of subject 1 of finite numbers, came 1"),
        (put(FILM, spoilt(1e300)), r"film 1 of subject 1 of numbers below 1e\+09"),
        (put(BEFORE, spoilt(np.nan)), "baseline of film 1 of subject 1 of finite numbers"),
        (put(BEFORE, np.transpose), r"baseline of film 1 of subject 1 of shape \(any, 14\)"),
        (put([*ONE, "ScoreValence"], [[0.0]]), "valence of film 1 of subject 1 in whole.*came 0"),
        (put([*ONE, "ScoreArousal"], [[6.0]]), "arousal of film 1 of subject 1 in whole.*came 6"),
        (put([*ONE, "ScoreValence"], [[2.5]]), "valence of film 1 of subject 1 .*came 2.5"),
        (put([*ONE, "ScoreValence"], [[np.nan]]), "valence of film 1 of subject 1 .*came nan"),
        (put([*ONE, "ScoreValence"], [[1.0, 2.0]]), "ScoreValence of subject 1 with 1 numbers"),
        (put([*ONE, "ScoreValence"], "high"), "ScoreValence of subject 1 with 1 numbers"),
        (put([*ONE, "ScoreValence"], np.ones((99, 1))), "came numbers of shape"),
        (put([*ONE, "Age"], cells("1")), "Age of subject 1"),
    ],
)
def test_a_file_with_other_content_is_refused(save, change, message):
    content = small()
    change(content)
    path = save(content)
    with pytest.raises(DataFormatError, match=message) as caught:
        load_dreamer(path, seconds=None, baseline="subtract")
    assert str(path) in str(caught.value)


def test_what_is_left_out_need_not_be_whole(save):
    content = small(films=[(1.0, 2.0)], before=np.nan)
    person(content)["ECG"] = "broken"
    assert load_dreamer(save(content), seconds=None).X.shape == (1, 4, 2)


def test_a_variable_of_another_name_or_kind_is_refused(tmp_path):
    path = tmp_path / "DREAMER.mat"
    for variables, message in (
        ({"dreamer": small()}, "a variable 'DREAMER', came the variables dreamer"),
        ({"DREAMER": np.eye(3)}, "DREAMER.*came numbers of shape|DREAMER as a struct"),
        ({"DREAMER": np.eye(30)}, "came numbers of shape"),
        ({"DREAMER": "text"}, "DREAMER as a struct of Data.*came str"),
        ({"DREAMER": cells(1.0)}, "DREAMER as a struct of Data.*came list"),
    ):
        savemat(path, variables)
        with pytest.raises(DataFormatError, match=message):
            load_dreamer(path)


@pytest.mark.parametrize("what", sorted(fuzz_mat.hostile_files("DREAMER")))
def test_no_hostile_file_is_read(tmp_path, monkeypatch, what):
    monkeypatch.setattr(_dreamer, "MAX_BYTES", 1 << 28)  # a tenth of the time
    path = tmp_path / "DREAMER.mat"
    path.write_bytes(fuzz_mat.hostile_files("DREAMER")[what])
    tracemalloc.start()
    with pytest.raises(DataFormatError, match=r"DREAMER\.mat"):
        load_dreamer(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 << 20


def test_a_file_cut_at_any_tenth_is_refused(save):
    path = save(small())
    data = path.read_bytes()
    for i in range(10):
        path.write_bytes(data[: len(data) * i // 10])
        with pytest.raises(DataFormatError, match=r"DREAMER\.mat"):
            load_dreamer(path, seconds=None)


def test_a_folder_of_the_files_name_is_refused(tmp_path):
    (tmp_path / "DREAMER.mat").mkdir()
    with pytest.raises(DataFormatError, match="came a folder"):
        load_dreamer(tmp_path)


def test_spoilt_files_are_refused_or_read_in_full():
    counts, slowest = fuzz_mat.fuzz("dreamer", n=150, seed=1)
    assert sum(counts.values()) == 150
    assert counts["refused"] > 75
    assert slowest < 5


def test_only_what_is_wanted_is_kept_in_memory(tmp_path):
    path = write_fake_dreamer(tmp_path, n_subjects=2, seconds=20, baseline_seconds=5)  # 17 MB
    tracemalloc.start()
    trials = load_dreamer(path, seconds=10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert trials.X.shape == (36, 4, 1280)
    assert peak < 4 << 20


def test_a_bar_is_drawn_only_if_asked_for(path, capsys):
    load_dreamer(path, seconds=1)
    assert capsys.readouterr().err == ""
    load_dreamer(path, seconds=1, verbose=True)
    assert "3subject" in capsys.readouterr().err


def test_the_fake_has_the_layout_of_the_true_file(path):
    file = loadmat(path)["DREAMER"]
    assert file.shape == (1, 1)
    assert file.dtype.names == (
        "Data",
        "EEG_SamplingRate",
        "ECG_SamplingRate",
        "EEG_Electrodes",
        "noOfSubjects",
        "noOfVideoSequences",
        "Disclaimer",
        "Provider",
        "Version",
        "Acknowledgement",
    )
    assert file[0, 0]["Data"].shape == (1, 3)
    one = file[0, 0]["Data"][0, 0]
    assert one.dtype.names == (
        "Age",
        "Gender",
        "EEG",
        "ECG",
        "ScoreValence",
        "ScoreArousal",
        "ScoreDominance",
    )
    assert one["EEG"][0, 0]["stimuli"][0, 0].shape == (18, 1)
    assert one["EEG"][0, 0]["stimuli"][0, 0][1, 0].shape == (3 * 128, 14)
    assert one["EEG"][0, 0]["baseline"][0, 0][1, 0].shape == (128, 14)
    assert one["ECG"][0, 0]["stimuli"][0, 0][1, 0].shape == (3 * 256, 2)
    assert one["ScoreDominance"][0, 0].shape == (18, 1)
    assert file[0, 0]["EEG_Electrodes"].shape == (1, 14)


def test_the_same_seed_writes_the_same_file(tmp_path):
    def X(seed, folder):
        options = {"n_subjects": 1, "seconds": 1, "baseline_seconds": 1, "random_state": seed}
        return load_dreamer(write_fake_dreamer(tmp_path / folder, **options), seconds=1).X

    np.testing.assert_array_equal(X(3, "a"), X(3, "b"))
    assert not np.array_equal(X(3, "c"), X(4, "d"))


def test_a_fake_larger_than_the_true_set_is_refused(tmp_path):
    with pytest.raises(ValueError, match="n_subjects must be 1 to 23"):
        write_fake_dreamer(tmp_path, n_subjects=24)


def test_a_fake_never_overwrites_a_file(tmp_path):
    (tmp_path / "DREAMER.mat").write_bytes(b"real")
    with pytest.raises(FileExistsError, match=r"DREAMER\.mat is there already; .* nothing"):
        write_fake_dreamer(tmp_path, n_subjects=1, seconds=1)
    assert (tmp_path / "DREAMER.mat").read_bytes() == b"real"


def test_a_fresh_fake_leaves_the_global_generator_alone(tmp_path):
    before = np.random.get_state()
    write_fake_dreamer(tmp_path, n_subjects=1, seconds=1, baseline_seconds=1, random_state=None)
    after = np.random.get_state()
    assert after[2] == before[2]
    np.testing.assert_array_equal(after[1], before[1])
