"""Synthetic files have the formats of the data sets."""

import pickle
import pickletools

import numpy as np
import pytest
from scipy.io import loadmat
from scipy.signal import welch

from skmamba.datasets import (
    load_deap,
    load_dreamer,
    load_seed,
    load_seed_iv,
    write_fake_deap,
    write_fake_dreamer,
    write_fake_seed,
    write_fake_seed_iv,
)

DEAP = {"n_trials": 6, "n_times": 384 + 64}
DREAMER = {"n_subjects": 3, "seconds": 2, "baseline_seconds": 1}
SEED = {"n_subjects": 2, "n_sessions": 2, "seconds": 0.25}
WRITERS = [
    (write_fake_deap, DEAP, load_deap, {}, "s02.dat"),
    (write_fake_dreamer, DREAMER, load_dreamer, {"seconds": 1}, "DREAMER.mat"),
    (write_fake_seed, SEED, load_seed, {"seconds": 0.25}, "2_20140404.mat"),
    (write_fake_seed, SEED, load_seed, {"seconds": 0.25}, "label.mat"),
    (write_fake_seed_iv, SEED, load_seed_iv, {"seconds": 0.25}, "2/1_20160618.mat"),
]


def test_deap_files_have_the_bytes_of_python_2(tmp_path):
    write_fake_deap(tmp_path, n_subjects=1, **DEAP)
    path = tmp_path / "s01.dat"
    opcodes = [op.name for op, _, _ in pickletools.genops(path.read_bytes())]
    assert opcodes.count("BINSTRING") == 2
    assert opcodes.count("SHORT_BINSTRING") == 6
    assert not {name for name in opcodes if "UNICODE" in name or "BYTES" in name}
    with pytest.raises(UnicodeDecodeError):  # as with the originals
        pickle.loads(path.read_bytes())
    content = pickle.loads(path.read_bytes(), encoding="latin1")
    assert content["data"].shape == (6, 40, 448)
    assert content["data"].dtype == np.float64
    assert content["fake"] == (6, 448)


def test_dreamer_has_the_structure_of_the_original(tmp_path):
    file = loadmat(write_fake_dreamer(tmp_path, **DREAMER))["DREAMER"]
    assert file.shape == (1, 1)
    assert file.dtype.names == tuple(
        "Data EEG_SamplingRate ECG_SamplingRate EEG_Electrodes noOfSubjects noOfVideoSequences "
        "Disclaimer Provider Version Acknowledgement".split()
    )
    assert file[0, 0]["Data"].shape == (1, 3)
    one = file[0, 0]["Data"][0, 0]
    assert one.dtype.names == tuple(
        "Age Gender EEG ECG ScoreValence ScoreArousal ScoreDominance".split()
    )
    assert one["EEG"][0, 0]["stimuli"][0, 0].shape == (18, 1)
    assert one["EEG"][0, 0]["stimuli"][0, 0][1, 0].shape == (3 * 128, 14)
    assert one["EEG"][0, 0]["baseline"][0, 0][1, 0].shape == (128, 14)
    assert one["ECG"][0, 0]["stimuli"][0, 0][1, 0].shape == (3 * 256, 2)
    assert one["ScoreDominance"][0, 0].shape == (18, 1)
    assert file[0, 0]["EEG_Electrodes"].shape == (1, 14)


def test_seed_has_the_layout_of_the_original(tmp_path):
    write_fake_seed(tmp_path / "seed", **SEED)
    write_fake_seed_iv(tmp_path / "iv", **SEED)
    names = {path.name for path in (tmp_path / "seed").iterdir()}
    assert {"label.mat", "readme.txt", "1_20131027.mat", "2_20140413.mat"} < names
    file = loadmat(tmp_path / "seed/2_20140404.mat")
    keys = [key for key in file if not key.startswith("__")]
    assert keys[:3] == ["jl_eeg1", "jl_eeg10", "jl_eeg11"]
    assert file["jl_eeg1"].shape == (62, 51)
    assert file["jl_eeg1"].dtype == float
    assert sorted(path.name for path in (tmp_path / "iv").iterdir()) == ["1", "2"]


@pytest.mark.parametrize(("write", "options", "load", "arguments", "_"), [*WRITERS[:3], WRITERS[4]])
@pytest.mark.usefixtures("unchanged_global_state")
def test_random_state_determines_the_files(tmp_path, write, options, load, arguments, _):
    X, options = {}, options | {"n_subjects": 1}
    options |= {"n_sessions": 1} if "n_sessions" in options else {}
    for name, random_state in {"a": 3, "b": 3, "c": 4, "d": None, "e": None}.items():
        write(tmp_path / name, random_state=random_state, **options)
        X[name] = load(tmp_path / name, **arguments).X
    np.testing.assert_array_equal(X["a"], X["b"])
    assert len({X[name].tobytes() for name in "acde"}) == 4


@pytest.mark.parametrize(("write", "options", "_load", "_arguments", "file"), WRITERS)
def test_an_existing_file_is_an_error_and_nothing_is_written(
    tmp_path, write, options, _load, _arguments, file
):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"original")
    with pytest.raises(FileExistsError, match=rf"{path.name} exists"):
        write(tmp_path, **options)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [path]
    assert path.read_bytes() == b"original"


@pytest.mark.parametrize(
    ("write", "name", "value"),
    [
        (write_fake_deap, "n_subjects", 33),
        (write_fake_deap, "n_subjects", 0),
        (write_fake_deap, "n_trials", 41),
        (write_fake_deap, "n_times", 384),
        (write_fake_deap, "n_times", 8065),
        (write_fake_dreamer, "n_subjects", 24),
        (write_fake_dreamer, "n_films", 19),
        (write_fake_seed, "n_sessions", 4),
        (write_fake_seed_iv, "n_subjects", 1.5),
    ],
)
def test_sizes_are_limited_to_those_of_the_data_set(tmp_path, write, name, value):
    with pytest.raises(
        ValueError, match=rf"{name} must be an integer of at least \d+ and at most \d+, got"
    ):
        write(tmp_path / "new", **{name: value})
    assert not (tmp_path / "new").exists()


def test_deap_ratings_have_the_range_and_ties_of_the_scale(tmp_path):
    write_fake_deap(tmp_path, n_subjects=4, n_trials=40, n_times=385)
    ratings = load_deap(tmp_path).metadata[["valence", "arousal", "dominance", "liking"]]
    assert ratings.min(axis=None) >= 1
    assert ratings.max(axis=None) <= 9
    assert (ratings == 5).sum().min() >= 20
    assert (ratings % 1 != 0).sum().min() > 100


def test_deap_alpha_amplitude_grows_with_valence_in_eeg_channels(tmp_path):
    write_fake_deap(tmp_path, n_subjects=1, n_trials=40, n_times=384 + 1024)
    trials = load_deap(tmp_path, picks=["Oz", "GSR"])
    frequencies, density = welch(trials.X, 128, nperseg=256)
    alpha = np.log(density[..., (frequencies >= 9) & (frequencies <= 11)].sum(-1))
    valence = trials.metadata["valence"]
    assert np.corrcoef(alpha[:, 0], valence)[0, 1] > 0.5
    assert abs(np.corrcoef(alpha[:, 1], valence)[0, 1]) < 0.5
    assert 5 < trials.X[:, 0].std() < 50  # microvolts
