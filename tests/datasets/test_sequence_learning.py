"""load_sequence_learning, on files in the published layout."""

import numpy as np
import pytest

from skmamba.datasets import DataFormatError, load_sequence_learning

ROUNDS = {  # subject, session, round: duration in seconds, outcome
    (14, 1, 2): (9.0, "success"),
    (14, 1, 10): (15.0, "fail"),
    (2, 2, 1): (12.0, "fail"),
    (2, 1, 1): (14.0, "success"),
    (2, 1, 3): (5.0, "success"),
}
IN_ORDER = sorted(ROUNDS)


def write_round(folder, name, X):
    folder.mkdir(parents=True, exist_ok=True)
    text = np.array([[f"{value:.6f}" for value in row] for row in X.T]).astype("S13")
    np.savez(folder / name, raw=text, h=np.full((len(text) // 22, 4), b"1.0"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the folder and the EEG of each round."""
    folder = tmp_path_factory.mktemp("EEG-Dataset--Sequence-Learning")
    rng = np.random.default_rng(0)
    content = {}
    for i, (place, (seconds, outcome)) in enumerate(ROUNDS.items()):
        content[place] = rng.normal(850, 20, (4, round(seconds * 220)))
        for fold in (0, 1):
            part = folder / f"EEG_DATA/fold_{fold}" / ("train" if (i + fold) % 2 else "test")
            write_round(part / outcome, "{}_{}_{}.npz".format(*place), content[place])
    return folder, content


def test_trials_are_the_ends_of_rounds_without_their_offset(written):
    folder, content = written
    trials = load_sequence_learning(folder, "success", seconds=4)
    assert trials.X.shape == (5, 4, 880)
    assert trials.X.dtype == "float32"
    for x, place in zip(trials.X, IN_ORDER, strict=True):
        end = content[place][:, -880:]
        np.testing.assert_allclose(x, end - end.mean(1, keepdims=True), atol=1e-4)
    assert trials.y.tolist() == [1, 1, 0, 1, 0]
    assert trials.label_names == {0: "fail", 1: "success"}
    assert (trials.sfreq, list(trials.ch_names)) == (220, ["TP9", "AF7", "AF8", "TP10"])
    columns = trials.metadata[["subject", "session", "trial"]].to_numpy()
    assert columns.tolist() == [list(place) for place in IN_ORDER]
    assert trials.metadata["duration"].tolist() == [ROUNDS[place][0] for place in IN_ORDER]
    assert trials.loader_params == {"target": "success", "seconds": 4}


def test_memory_load_is_the_duration_without_the_middle(written):
    trials = load_sequence_learning(written[0])
    assert trials.metadata["duration"].tolist() == [14, 9, 15]  # 5 s are too short
    assert trials.y.tolist() == [1, 0, 1]
    assert trials.label_names == {0: "low load", 1: "high load"}
    assert load_sequence_learning(written[0], seconds=4).y.tolist() == [1, 0, 0, 1]


def test_limits_of_memory_load_are_between_and_a_round_may_be_as_long_as_a_trial(tmp_path):
    for number, seconds in enumerate([4.0, 11.2, 11.2 - 1 / 220, 13.6, 13.6 + 1 / 220]):
        X = np.random.default_rng(0).normal(size=(4, round(seconds * 220)))
        write_round(tmp_path / "fold_0/train/success", f"1_1_{number}.npz", X)
    trials = load_sequence_learning(tmp_path, seconds=4.0)
    assert trials.metadata["trial"].tolist() == [0, 2, 4]
    assert trials.y.tolist() == [0, 0, 1]


def test_path_is_the_repository_or_its_data(written):
    folder = written[0]
    for path in (folder / "EEG_DATA", folder / "EEG_DATA/fold_1"):
        np.testing.assert_array_equal(
            load_sequence_learning(path).X, load_sequence_learning(folder).X
        )


def test_subjects_are_selected_by_number(written):
    assert set(load_sequence_learning(written[0], subjects=2).metadata["subject"]) == {2}
    with pytest.raises(FileNotFoundError, match=r"must contain subjects \[3\], got .* without"):
        load_sequence_learning(written[0], subjects=[2, 3])
    with pytest.raises(ValueError, match="subjects must be one or more of the numbers 1 to 69"):
        load_sequence_learning(written[0], subjects=[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "duration"}, "target must be one of 'load', 'success', got 'duration'"),
        ({"seconds": None}, "seconds must be a positive number, got None"),
        ({"seconds": -1}, "seconds must be a positive number, got -1"),
        ({"seconds": 60}, "seconds must leave at least one round, got 60"),
    ],
)
def test_arguments_are_validated(written, arguments, message):
    with pytest.raises(ValueError, match=message):
        load_sequence_learning(written[0], **arguments)


NAME = "expected success/ or fail/, and a name SUBJECT_SESSION_ROUND.npz, got"
NUMBERS = "expected an array 'raw' of numbers as text"


@pytest.mark.parametrize(
    ("file", "raw", "message"),
    [
        ("success/2_1_4.npz", [b"1"] * 3, r"raw of shape \(any, 4\), got shape \(2000, 3\)"),
        ("maybe/2_1_4.npz", [b"1"] * 4, f"{NAME} maybe/2_1_4.npz"),
        ("fail/2_1.npz", [b"1"] * 4, f"{NAME} fail/2_1.npz"),
        ("fail/2_1_1.npz", [b"1"] * 4, "expected each round once, got another file of this round"),
        ("success/2_1_3.npz", None, NUMBERS),
        ("success/2_1_3.npz", [b"a"] * 4, f"{NUMBERS}, got could not convert"),
        (
            "success/2_1_3.npz",
            [b"nan"] * 4,
            "picked channels of raw of finite numbers, got 5984 NaN or infinite",
        ),
        ("success/2_1_3.npz", [{}] * 4, "Object arrays cannot be loaded"),
    ],
    ids=["shape", "outcome", "name", "twice", "zip", "text", "nan", "pickle"],
)
def test_other_files_are_an_error(tmp_path, file, raw, message):
    fold, rng = tmp_path / "EEG_DATA/fold_0", np.random.default_rng(0)
    write_round(fold / "train/success", "2_1_1.npz", rng.normal(size=(4, 3000)))
    write_round(fold / "test/success", "2_1_3.npz", rng.normal(size=(4, 3000)))
    path = fold / "test" / file
    path.parent.mkdir(exist_ok=True)
    if raw is None:
        path.write_bytes(b"PK")
    else:
        np.savez(path, raw=np.array([raw] * 2000))
    with pytest.raises(DataFormatError, match=message):
        load_sequence_learning(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY"], ids=["empty", "array"])
def test_damaged_files_are_named(tmp_path, content):
    folder = tmp_path / "EEG_DATA/fold_0/train/success"
    folder.mkdir(parents=True)
    (folder / "2_1_1.npz").write_bytes(content)
    with pytest.raises(DataFormatError, match=r"2_1_1\.npz: expected an array 'raw'"):
        load_sequence_learning(tmp_path)


def test_an_array_that_decompresses_to_more_than_a_round_is_not_read(tmp_path, peak_below):
    folder = tmp_path / "EEG_DATA/fold_0/train/success"
    folder.mkdir(parents=True)
    np.savez_compressed(folder / "2_1_1.npz", raw=np.zeros((300_000, 4)))
    with peak_below(1e6), pytest.raises(DataFormatError, match="got more than 8388608 bytes"):
        load_sequence_learning(tmp_path)


def test_hidden_files_are_ignored(tmp_path):
    folder = tmp_path / "EEG_DATA/fold_0/train/success"
    write_round(folder, "2_1_1.npz", np.random.default_rng(0).normal(size=(4, 3100)))
    (folder / "._2_1_1.npz").write_bytes(b"macOS")
    assert len(load_sequence_learning(tmp_path)) == 1


def test_rounds_between_low_and_high_load_alone_are_an_error(tmp_path):
    folder = tmp_path / "EEG_DATA/fold_0/train/success"
    write_round(folder, "2_1_1.npz", np.random.default_rng(0).normal(size=(4, 12 * 220)))
    with pytest.raises(ValueError, match=r"'load' leaves out rounds of 11\.2 to 13\.6 s"):
        load_sequence_learning(tmp_path)
    assert len(load_sequence_learning(tmp_path, target="success")) == 1


def test_a_folder_without_rounds_names_the_source(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"contain EEG_DATA .*EEG-Dataset--Sequence"):
        load_sequence_learning(tmp_path)
