"""DREAMER: trials equal to the content of the file, and errors for other content."""

from functools import reduce
from operator import getitem

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from skmamba.datasets import DataFormatError, load_dreamer, write_fake_dreamer

NAMES = "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split()
EMOTIONS = (
    "calmness surprise amusement fear excitement disgust happiness anger sadness "
    "disgust calmness amusement happiness anger fear excitement sadness surprise"
).split()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Three subjects, 18 films of 2, 3 and 4 s in turn, each after a baseline of 1 s."""
    return write_fake_dreamer(
        tmp_path_factory.mktemp("dreamer"), n_subjects=3, seconds=2, baseline_seconds=1
    )


@pytest.fixture(scope="module")
def content(path):
    """The content as read by SciPy."""
    return loadmat(path, squeeze_me=True, struct_as_record=False)["DREAMER"]


def cells(*parts):
    return np.fromiter(parts, dtype=object)[None]


def small(films=((1.0, 2.0),), scores=(1.0,), before=0.0):
    """Return the content of one subject; channel ``c`` of a film is 100 c + its values."""
    steps = 100.0 * np.arange(14)
    recordings = cells(*[np.add.outer(np.array(film), steps) for film in films]).T
    before = np.broadcast_to(before, len(films))
    baselines = cells(*[np.add.outer(np.full(3, value), steps) for value in before]).T
    signal = {"baseline": baselines, "stimuli": recordings}
    column = np.array(scores).reshape(-1, 1)
    subject = {"Age": "23", "Gender": "female", "EEG": signal, "ECG": signal}
    subject |= {f"Score{name}": column for name in ("Valence", "Arousal", "Dominance")}
    return {
        "Data": cells(subject),
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


def test_trials_are_those_read_by_scipy(path, content):
    trials = load_dreamer(path, picks="all", seconds=None)
    assert trials.X.shape == (54, 14, 256)
    assert trials.X.dtype == np.float32
    assert trials.sfreq == 128
    assert trials.name == "DREAMER valence"
    assert trials.ch_names == tuple(NAMES)
    for i, (subject, film) in enumerate(np.ndindex(3, 18)):
        theirs = content.Data[subject].EEG.stimuli[film][-256:].T
        np.testing.assert_array_equal(trials.X[i], theirs.astype("float32"))
    for name in ("valence", "arousal", "dominance"):
        target = load_dreamer(path, name, seconds=1)
        assert target.y.tolist() == (trials.metadata[name] >= 3).astype(int).tolist()
        theirs = [getattr(subject, f"Score{name.title()}") for subject in content.Data]
        assert trials.metadata[name].tolist() == np.concatenate(theirs).tolist()


def test_metadata_identify_subject_and_film(path):
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


def test_channels_are_the_default_four_or_in_the_requested_order(path):
    whole = load_dreamer(path, seconds=1, picks="all")
    four = load_dreamer(path, seconds=1)
    assert four.ch_names == ("AF3", "AF4", "F3", "F4")
    np.testing.assert_array_equal(four.X, whole.X[:, [0, 13, 2, 11]])
    some = load_dreamer(path, seconds=1, picks=["O2", "f7"])
    assert some.ch_names == ("O2", "F7")
    np.testing.assert_array_equal(some.X, whole.X[:, [7, 1]])


@pytest.mark.parametrize(
    ("scores", "threshold", "ties", "y", "kept"),
    [
        ([1, 2, 3, 4, 5], 3.0, "high", [0, 0, 1, 1, 1], [0, 1, 2, 3, 4]),
        ([1, 2, 3, 4, 5], 3.0, "drop", [0, 0, 1, 1], [0, 1, 3, 4]),
        ([1, 4, 4, 5, 5], "subject_median", "low", [0, 0, 0, 1, 1], [0, 1, 2, 3, 4]),
    ],
)
def test_labels_are_those_computed_by_hand(save, scores, threshold, ties, y, kept):
    path = save(small(films=[(0.0, 1.0)] * 5, scores=np.array(scores, float)))
    options = {} if threshold == 3 else {"threshold": threshold}  # the default
    trials = load_dreamer(path, seconds=None, ties=ties, **options)
    assert trials.y.tolist() == y
    assert trials.metadata["trial"].tolist() == kept
    assert trials.label_names == {0: "low", 1: "high"}
    rule = {"target": "valence", "threshold": threshold, "ties": ties, "baseline": "drop"}
    assert trials.loader_params == rule | {"seconds": None, "crop": "last"}


def test_a_list_of_targets_gives_their_ratings(path, content):
    trials = load_dreamer(path, ["valence", "dominance"], seconds=1)
    expected = [
        np.stack([subject.ScoreValence, subject.ScoreDominance], axis=1) for subject in content.Data
    ]
    assert np.array_equal(trials.y, np.concatenate(expected))
    assert trials.y.dtype == float
    with pytest.raises(ValueError, match="threshold and ties must have their defaults"):
        load_dreamer(path, ["valence"], threshold="subject_median")


def test_films_are_cropped_to_their_last_or_first_samples(save):
    path = save(small(films=[(1.0, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0)], scores=[1.0, 1.0]))
    options = {"picks": ["F7"], "seconds": 2 / 128}
    assert load_dreamer(path, **options).X.tolist() == [[[103, 104]], [[106, 107]]]
    first = load_dreamer(path, crop="first", **options)
    assert first.X.tolist() == [[[101, 102]], [[105, 106]]]
    last = load_dreamer(path, picks=["AF3"], seconds=None)
    assert last.X.tolist() == [[[2, 3, 4]], [[5, 6, 7]]]
    first = load_dreamer(path, picks=["AF3"], seconds=None, crop="first")
    assert first.X.tolist() == [[[1, 2, 3]], [[5, 6, 7]]]
    with pytest.raises(ValueError, match=r"got 1: film 2 of subject 1 lasts 0\.0234375 s"):
        load_dreamer(path, seconds=1)


def test_baseline_is_dropped_subtracted_or_kept(save):
    path = save(small(films=[(1.0, 2.0), (5.0, 6.0)], scores=[1.0, 1.0], before=[10.0, 20.0]))
    options = {"picks": ["F7"], "seconds": None}
    assert load_dreamer(path, **options).X.tolist() == [[[101, 102]], [[105, 106]]]
    subtracted = load_dreamer(path, baseline="subtract", **options)
    assert subtracted.X.tolist() == [[[-9, -8]], [[-15, -14]]]
    kept = load_dreamer(path, baseline="keep", **options)
    assert kept.X.tolist() == [[[110, 110, 110, 101, 102]], [[120, 120, 120, 105, 106]]]


def test_the_longest_film_of_393_s_is_read(save):
    path = save(small(films=[np.arange(393.0 * 128)]))
    assert load_dreamer(path, ["valence"], seconds=None).X.shape == (1, 4, 393 * 128)


@pytest.mark.parametrize("crop", ["first", "last"])
def test_baseline_as_reference_is_whole_and_excluded_from_the_cropped_film(path, content, crop):
    options = {"picks": ["O2", "F7"], "seconds": 1.5, "crop": crop, "subjects": [3, 1]}
    trials = load_dreamer(path, baseline="reference", **options)
    np.testing.assert_array_equal(trials.X, load_dreamer(path, **options).X)
    baselines = [content.Data[s].EEG.baseline[film].T[[7, 1]] for s in (0, 2) for film in range(18)]
    assert trials.reference.shape == (36, 2, 128)
    assert trials.reference.dtype == np.float32
    np.testing.assert_array_equal(trials.reference, np.array(baselines, "float32"))
    assert trials.loader_params["baseline"] == "reference"


def test_references_stay_with_their_films_if_ties_are_dropped(path, content):
    trials = load_dreamer(path, seconds=1, ties="drop", baseline="reference")
    assert len(trials) == len(trials.reference) < 54
    for trial, X, reference in zip(
        trials.metadata["trial"], trials.X, trials.reference, strict=True
    ):
        eeg, film = content.Data[trial // 18].EEG, trial % 18
        np.testing.assert_array_equal(X, eeg.stimuli[film][-128:].T[[0, 13, 2, 11]])
        np.testing.assert_array_equal(reference, eeg.baseline[film].T[[0, 13, 2, 11]])


def test_kept_baselines_must_have_one_length(save):
    content = small(films=[(1.0, 2.0), (5.0, 6.0)], scores=[1.0, 1.0])
    content["Data"][0, 0]["EEG"]["baseline"][1, 0] = np.zeros((2, 14))
    path = save(content)
    for baseline in ("keep", "reference"):
        with pytest.raises(DataFormatError, match="of one length, got 2 to 3 time points"):
            load_dreamer(path, seconds=None, baseline=baseline)
    assert len(load_dreamer(path, seconds=None, baseline="subtract")) == 2


def test_a_selection_has_the_rows_of_the_whole(path):
    whole = load_dreamer(path, seconds=1)
    for subjects, rows in ((2, slice(18, 36)), ([3, 1], [*range(18), *range(36, 54)])):
        some = load_dreamer(path, seconds=1, subjects=subjects)
        np.testing.assert_array_equal(some.X, whole.X[rows])
        assert some.metadata.equals(whole.metadata.iloc[rows].reset_index(drop=True))
    with pytest.raises(ValueError, match=r"subjects must be from 1 to 3 .*got 5"):
        load_dreamer(path, subjects=[1, 5])


def test_path_is_an_existing_file_or_its_folder(path, tmp_path):
    np.testing.assert_array_equal(
        load_dreamer(path.parent, seconds=1).X, load_dreamer(str(path), seconds=1).X
    )
    for missing in (tmp_path, tmp_path / "DREAMER.mat", tmp_path / "no"):
        with pytest.raises(
            FileNotFoundError, match=r"path must be DREAMER\.mat or its folder, .* https:"
        ):
            load_dreamer(missing)
    (tmp_path / "DREAMER.mat").mkdir()
    with pytest.raises(DataFormatError, match="got a folder"):
        load_dreamer(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "liking"}, "target must be one of 'valence'.*got 'liking'"),
        ({"baseline": "mean"}, "baseline must be one of 'drop'.*got 'mean'"),
        ({"crop": "middle"}, "crop must be one of 'last', 'first', got 'middle'"),
        ({"threshold": "median"}, "threshold must be"),
        ({"picks": ["Fp1"]}, "picks must be channels of .* got 'Fp1'"),
        ({"seconds": 0}, "seconds must be a positive number.*got 0"),
        ({"seconds": float("nan")}, "seconds must be a positive number.*got nan"),
        ({"seconds": float("inf")}, "seconds must be a positive number.*got inf"),
        ({"subjects": 0}, "subjects must be .* 1 to 23.*got 0"),
        ({"subjects": [1, 24]}, "subjects must be"),
        ({"subjects": 1.5}, "subjects must be"),
    ],
)
def test_arguments_are_validated_before_the_file_is_read(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_dreamer("nowhere", **arguments)


def put(where, value):
    """Return a function that sets one entry to a value, or to a function of the old one."""

    def change(content):
        inside = reduce(getitem, where[:-1], content)
        inside[where[-1]] = value(inside[where[-1]]) if callable(value) else value

    return change


def without(*where):
    return lambda content: reduce(getitem, where[:-1], content).pop(where[-1])


ONE = ("Data", (0, 0))
FILM = (*ONE, "EEG", "stimuli", (0, 0))
BEFORE = (*ONE, "EEG", "baseline", (0, 0))


def with_value(value):
    def change(film):
        film = film.copy()
        film[1, 0] = value
        return film

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(["EEG_SamplingRate"], 256.0), "EEG_SamplingRate of 128, got .*256"),
        (put(["EEG_Electrodes"], cells("F7", "AF3", *NAMES[2:])), "EEG_Electrodes AF3 F7"),
        (put(["EEG_Electrodes"], cells(*NAMES[:-1])), "EEG_Electrodes AF3 F7"),
        (put(["noOfSubjects"], 2.0), "Data of 2 subjects, as in noOfSubjects, got a cell of 1"),
        (put(["noOfSubjects"], 24.0), "noOfSubjects from 1 to 23"),
        (put(["noOfSubjects"], np.nan), "noOfSubjects from 1 to 23"),
        (put(["noOfVideoSequences"], 2.0), "stimuli of subject 1 with 2 recordings"),
        (put(["noOfVideoSequences"], 19.0), "noOfVideoSequences from 1 to 18"),
        (without("noOfSubjects"), "DREAMER as a struct of Data"),
        (put(["Data"], np.eye(3)), "Data of 1 subjects"),
        (put(["Data", (0, 0)], "text"), "subject 1 as a struct"),
        (without(*ONE, "EEG"), "subject 1 as a struct of Age, Gender, EEG"),
        (without(*ONE, "ScoreArousal"), "subject 1 as a struct"),
        (without(*ONE, "EEG", "stimuli"), "stimuli of subject 1 with 1 recordings"),
        (without(*ONE, "EEG", "baseline"), "baseline of subject 1 with 1 recordings"),
        (put([*ONE, "EEG"], np.eye(3)), "stimuli of subject 1"),
        (put(FILM, np.transpose), r"film 1 of subject 1 of shape \(any, 14\)"),
        (put(FILM, lambda film: film[:, :13]), r"got shape \(2, 13\)"),
        (put(FILM, lambda film: film[:0]), "with time points, got none"),
        (put(FILM, lambda film: film + 1j), r"stimuli\{1\} of real numbers, got complex ones"),
        (put(FILM, "text"), "film 1 of subject 1 as numbers, got text"),
        (put(FILM, cells(1.0)), "film 1 of subject 1 as numbers, got a cell of 1"),
        (put(FILM, with_value(np.nan)), "film 1 of subject 1 of finite numbers, got 1"),
        (put(FILM, with_value(1e300)), r"film 1 of subject 1 of numbers below 1e\+09"),
        (put(BEFORE, with_value(np.nan)), "baseline of film 1 of subject 1 of finite numbers"),
        (put(BEFORE, np.transpose), r"baseline of film 1 of subject 1 of shape \(any, 14\)"),
        (put([*ONE, "ScoreValence"], [[0.0]]), "valence of film 1 .*as an integer.*got 0"),
        (put([*ONE, "ScoreArousal"], [[6.0]]), "arousal of film 1 .*as an integer.*got 6"),
        (put([*ONE, "ScoreValence"], [[2.5]]), "valence of film 1 of subject 1 .*got 2.5"),
        (put([*ONE, "ScoreValence"], [[np.nan]]), "valence of film 1 of subject 1 .*got nan"),
        (put([*ONE, "ScoreValence"], [[1.0, 2.0]]), "ScoreValence of subject 1 with 1 numbers"),
        (put([*ONE, "ScoreValence"], np.ones((99, 1))), "got numbers of shape"),
        (put([*ONE, "Age"], cells("1")), "Age of subject 1"),
    ],
)
def test_other_content_is_an_error(save, change, message):
    content = small()
    change(content)
    path = save(content)
    with pytest.raises(DataFormatError, match=message) as caught:
        load_dreamer(path, seconds=None, baseline="subtract")
    assert str(path) in str(caught.value)


def test_only_picked_channels_must_be_finite(save):
    content = small()
    content["Data"][0, 0]["EEG"]["stimuli"][0, 0][0, 1] = np.nan  # F7
    assert load_dreamer(save(content), seconds=None, picks=["AF3"]).X.shape[1] == 1
    with pytest.raises(DataFormatError, match="picked channels of film 1 of subject 1 of finite"):
        load_dreamer(save(content), seconds=None, picks=["AF3", "F7"])


def test_unused_parts_are_not_validated(save):
    content = small(films=[(1.0, 2.0)], before=np.nan)
    content["Data"][0, 0]["ECG"] = "damaged"
    assert load_dreamer(save(content), seconds=None).X.shape == (1, 4, 2)


def test_a_variable_of_another_name_or_class_is_an_error(tmp_path):
    path = tmp_path / "DREAMER.mat"
    for variables, message in (
        ({"DREAMER": {"Data": {"EEG": {"Data": {"stimuli": {"Age": 1.0}}}}}}, "as a struct"),
        ({"dreamer": small()}, "a variable 'DREAMER', got the variables dreamer"),
        ({"DREAMER": np.eye(3)}, "DREAMER.*got numbers of shape|DREAMER as a struct"),
        ({"DREAMER": np.eye(30)}, "got numbers of shape"),
        ({"DREAMER": "text"}, "DREAMER as a struct of Data.*got text"),
        ({"DREAMER": cells(1.0)}, "DREAMER as a struct of Data.*got a cell of 1"),
    ):
        savemat(path, variables)
        with pytest.raises(DataFormatError, match=message):
            load_dreamer(path)


def test_memory_is_bounded_by_the_returned_trials(tmp_path, peak_below):
    path = write_fake_dreamer(tmp_path, n_subjects=2, seconds=20, baseline_seconds=5)  # 17 MB
    with peak_below(4 << 20):
        assert load_dreamer(path, seconds=10).X.shape == (36, 4, 1280)
    with peak_below(4 << 20):
        trials = load_dreamer(path, seconds=10, baseline="reference")
        assert trials.reference.shape == (36, 4, 640)
    with peak_below(10e6):  # the films, and X of 3.9 MB
        assert load_dreamer(path, picks="all", seconds=10, baseline="keep").X.nbytes > 3.8e6
