"""SEED and SEED-IV: trials equal to the content of the files, and errors for other content."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from skmamba.datasets import (
    DataFormatError,
    load_seed,
    load_seed_iv,
    write_fake_seed,
    write_fake_seed_iv,
)

LABELS = [1, 0, -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 0, 1, -1]
IV_LABELS = [
    [1, 2, 3, 0, 2, 0, 0, 1, 0, 1, 2, 1, 1, 1, 2, 3, 2, 2, 3, 3, 0, 3, 0, 3],
    [2, 1, 3, 0, 0, 2, 0, 2, 3, 3, 2, 3, 2, 0, 1, 1, 2, 1, 0, 3, 0, 1, 3, 1],
    [1, 2, 2, 1, 3, 3, 3, 1, 1, 2, 1, 0, 2, 3, 3, 0, 2, 3, 0, 0, 2, 0, 1, 0],
]
SHORT = 0.25  # seconds: 50 samples; the files have 51


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two subjects, three sessions."""
    folder = tmp_path_factory.mktemp("seed")
    write_fake_seed(folder, seconds=SHORT)
    return folder


@pytest.fixture(scope="module")
def iv_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seed_iv")
    write_fake_seed_iv(folder, seconds=SHORT)
    return folder


def films(n=15, who="djc", lengths=None):
    """Return films; film ``i`` (from 1) is 1000 i + 10 c + t in channel c at sample t (from 0)."""
    lengths = lengths or [4] * n
    steps = 10.0 * np.arange(62)[:, None]
    return {f"{who}_eeg{i + 1}": 1000.0 * (i + 1) + steps + np.arange(lengths[i]) for i in range(n)}


@pytest.fixture(params=[False, True], ids=["stored", "compressed"])
def save(request, tmp_path):
    """Write the films of a file and return the folder."""

    def write(content, name="1_20131027.mat"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        savemat(tmp_path / name, content, do_compression=request.param)
        return tmp_path

    return write


@pytest.fixture
def copy(folder, tmp_path):
    """A copy of the folder, for tests that change files."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_trials_are_those_read_by_scipy(folder):
    trials = load_seed(folder, picks="all", seconds=SHORT, n_jobs=2)
    assert trials.X.shape == (90, 62, 50)
    assert trials.X.dtype == np.float32
    assert (trials.sfreq, trials.name) == (200, "SEED")
    assert trials.loader_params == {"seconds": SHORT, "crop": "last"}
    i = 0
    dates = ["20131027", "20131030", "20131107", "20140404", "20140413", "20140419"]
    for file, date in enumerate(dates):
        who = ("djc", "jl")[file // 3]
        theirs = loadmat(folder / f"{file // 3 + 1}_{date}.mat")
        for film in range(1, 16):
            np.testing.assert_array_equal(trials.X[i], theirs[f"{who}_eeg{film}"][:, -50:])
            row = [file // 3 + 1, file % 3 + 1, date, i, film]
            assert trials.metadata.iloc[i].tolist() == row
            i += 1
    assert list(trials.metadata) == ["subject", "session", "date", "trial", "stimulus"]


def test_labels_are_those_published(folder):
    trials = load_seed(folder, seconds=SHORT)
    assert trials.y.tolist() == LABELS * 6
    assert trials.label_names == {-1: "negative", 0: "neutral", 1: "positive"}
    (folder / "label.mat").rename(folder / "away")
    try:
        assert load_seed(folder, seconds=SHORT).y.tolist() == LABELS * 6
    finally:
        (folder / "away").rename(folder / "label.mat")


def test_films_are_ordered_by_number_not_by_position_or_text(save):
    content = films()
    for order in (sorted(content), list(content)[::-1]):
        folder = save({key: content[key] for key in order})
        trials = load_seed(folder, seconds=0.01)
        assert (trials.X[:, 0, 0] // 1000).tolist() == [*range(1, 16)]
        assert trials.metadata["stimulus"].tolist() == [*range(1, 16)]


def test_films_are_cropped_to_their_last_or_first_samples(save):
    lengths = [4] * 14 + [3]
    folder = save(films(lengths=lengths))
    options = {"picks": ["AF3"], "seconds": 2 / 200}  # the fourth channel: 30 and more
    last = load_seed(folder, **options).X
    assert last[0].tolist() == [[1032, 1033]]
    assert last[14].tolist() == [[15031, 15032]]
    first = load_seed(folder, crop="first", **options).X
    assert first[14].tolist() == [[15030, 15031]]
    shortest = load_seed(folder, picks=["AF3"], seconds=None).X
    assert shortest[::14, 0].tolist() == [[1031, 1032, 1033], [15030, 15031, 15032]]
    message = r"got 0\.02: film 15 of .*1_20131027\.mat lasts 0\.015 s"
    with pytest.raises(ValueError, match=message):
        load_seed(folder, seconds=0.02)


def test_seconds_are_rounded_to_samples(save):
    folder = save(films(lengths=[29] * 15))
    assert load_seed(folder, seconds=0.145).X.shape[2] == 29  # 0.145 * 200 is 28.999...


def test_the_first_sample_is_dropped_if_one_exceeds_whole_seconds(save):
    folder = save(films(lengths=[201] * 15))
    trials = load_seed(folder, picks=["Fp1"], seconds=1, crop="first")
    assert trials.X[0, 0].tolist() == [*range(1001, 1201)]
    folder = save(films(lengths=[200] * 15))
    trials = load_seed(folder, picks=["Fp1"], seconds=1, crop="first")
    assert trials.X[0, 0].tolist() == [*range(1000, 1200)]


def test_channels_are_the_default_four_or_in_the_requested_order(save):
    folder = save(films())
    trials = load_seed(folder, seconds=0.005)
    assert trials.ch_names == ("Fp1", "Fp2", "AF3", "AF4")
    assert trials.X[0, :, 0].tolist() == [1003, 1023, 1033, 1043]
    trials = load_seed(folder, seconds=0.005, picks=["CB2", "fp1"])
    assert trials.ch_names == ("CB2", "Fp1")
    assert trials.X[0, :, 0].tolist() == [1613, 1003]


def test_channel_names_are_those_of_mne(folder):
    mne = pytest.importorskip("mne")
    names = load_seed(folder, picks="all", seconds=SHORT, subjects=1, sessions=1).ch_names
    known = mne.channels.make_standard_montage("standard_1005").ch_names
    assert [name for name in names if name not in known] == ["CB1", "CB2"]


def test_sessions_are_ordered_by_date_and_subjects_by_number(tmp_path, save):
    for i, name in enumerate(
        ["10_20131211", "10_20131130", "2_20140413", "10_20131204", "2_20140404", "2_20140419"]
    ):
        value = 100.0 * i
        save({key: value + 0 * film for key, film in films().items()}, f"{name}.mat")
    trials = load_seed(tmp_path, seconds=0.005)
    assert trials.X[::15, 0, 0].tolist() == [400, 200, 500, 100, 300, 0]
    assert trials.metadata["subject"].tolist()[::15] == [2, 2, 2, 10, 10, 10]
    assert trials.metadata["session"].tolist()[::15] == [1, 2, 3, 1, 2, 3]


def test_published_dates_identify_the_sessions_of_an_incomplete_data_set(copy):
    (copy / "1_20131027.mat").unlink()
    trials = load_seed(copy, subjects=1, seconds=SHORT)
    assert trials.metadata["session"].unique().tolist() == [2, 3]
    assert trials.metadata["trial"].tolist() == [*range(15, 45)]
    with pytest.raises(FileNotFoundError, match="No file of subject 1, session 1 in"):
        load_seed(copy, sessions=1, seconds=SHORT)


def test_other_dates_are_accepted_if_there_are_three(copy):
    (copy / "1_20131030.mat").rename(copy / "1_20150101.mat")
    dates = load_seed(copy, subjects=1, seconds=SHORT).metadata["date"].unique().tolist()
    assert dates == ["20131027", "20131107", "20150101"]
    (copy / "1_20131107.mat").unlink()
    with pytest.raises(DataFormatError, match="3 files of subject 1, or files of the dates"):
        load_seed(copy, seconds=SHORT)


def test_two_files_of_one_subject_and_date_are_an_error(copy):
    shutil.copy(copy / "1_20131030.mat", copy / "01_20131030.mat")
    with pytest.raises(DataFormatError, match=r"subject 1 and session, got 01_.* and 1_20131030"):
        load_seed(copy, seconds=SHORT)


@pytest.mark.parametrize(
    ("subjects", "sessions", "rows"),
    [
        (2, None, range(45, 90)),
        (None, 3, [*range(30, 45), *range(75, 90)]),
        ([2, 1], [1], [*range(15), *range(45, 60)]),
        (1, (3, 2), range(15, 45)),
    ],
)
def test_a_selection_has_the_rows_of_the_whole(folder, subjects, sessions, rows):
    whole = load_seed(folder, seconds=SHORT)
    some = load_seed(folder, subjects=subjects, sessions=sessions, seconds=SHORT)
    rows = list(rows)
    np.testing.assert_array_equal(some.X, whole.X[rows])
    assert some.y.tolist() == whole.y[rows].tolist()
    assert some.metadata.equals(whole.metadata.iloc[rows].reset_index(drop=True))


def test_the_parent_folder_is_accepted(folder, iv_folder, tmp_path):
    (tmp_path / "Preprocessed_EEG").symlink_to(folder)
    (tmp_path / "eeg_raw_data").symlink_to(iv_folder)
    assert len(load_seed(tmp_path, subjects=1, sessions=1, seconds=SHORT)) == 15
    assert len(load_seed_iv(str(tmp_path), subjects=1, sessions=1, seconds=SHORT)) == 24


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (np.array([LABELS[::-1]]), "published labels 1 0 -1 .*got -1 1 0"),
        (np.array([LABELS[:14]]), r"label of shape \(1, 15\), got shape \(1, 14\)"),
        ("labels", r"label of shape \(1, 15\) with real numbers, got str"),
        (np.array([[np.nan] * 15]), "label of finite numbers"),
        (np.zeros((1, 10_000)), "at most 65536 bytes"),
    ],
)
def test_other_labels_than_those_published_are_an_error(copy, label, message):
    savemat(copy / "label.mat", {"label": label})
    with pytest.raises(DataFormatError, match=message) as caught:
        load_seed(copy, seconds=SHORT)
    assert str(copy / "label.mat") in str(caught.value)


def renamed(old, new):
    return lambda content: content.update({new: content.pop(old)})


def changed(key, change):
    return lambda content: content.update({key: change(content[key])})


def with_value(value):
    def change(film):
        film = film.copy()
        film[0, 1] = value
        return film

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("djc_eeg7"), r"films 1 to 15 .*missing: 7.*got 1, 2, 3"),
        (lambda content: content.clear(), "films 1 to 15 .*got none"),
        (renamed("djc_eeg15", "djc_eeg0"), r"films 1 to 15 .*missing: 15.*got 0, 1"),
        (renamed("djc_eeg15", "djc_film15"), r"films 1 to 15 .*missing: 15"),
        (renamed("djc_eeg15", "jl_eeg14"), "one film 14, got djc_eeg14 and jl_eeg14"),
        (renamed("djc_eeg15", "djc_eeg01"), "one film 1, got djc_eeg1 and djc_eeg01"),
        (lambda content: content.update(x_eeg16=content["djc_eeg1"]), "got 1, .*, 16"),
        (changed("djc_eeg2", lambda film: film[:61]), r"film 2 .*\(62, any\), got shape \(61, 4"),
        (changed("djc_eeg2", np.transpose), r"film 2 .*\(62, any\), got shape \(4, 62\)"),
        (changed("djc_eeg2", lambda film: film[:, :1]), r"film 2 .*of at least two time points"),
        (changed("djc_eeg2", lambda film: film[..., None].repeat(2, 2)), r"got shape \(62, 4, 2"),
        (changed("djc_eeg2", lambda film: "text"), r"film 2 \(djc_eeg2\) as numbers, got str"),
        (changed("djc_eeg2", lambda film: [film, "a"]), r"\(djc_eeg2\) as numbers, got list"),
        (changed("djc_eeg2", lambda film: {"eeg": film}), r"as numbers, got dict"),
        (changed("djc_eeg2", lambda film: film * 1j), "djc_eeg2 of real numbers, got complex"),
        (changed("djc_eeg2", with_value(np.nan)), "film 2 .*of finite numbers, got 1 NaN"),
        (changed("djc_eeg2", with_value(1e300)), r"film 2 .*of numbers below 1e\+09, got 1e\+300"),
        (changed("djc_eeg2", with_value(-1e300)), r"film 2 .*of numbers below 1e\+09, got 1e\+300"),
    ],
)
def test_other_content_is_an_error(save, change, message):
    content = films()
    change(content)
    folder = save(content)
    with pytest.raises(DataFormatError, match=message) as caught:
        load_seed(folder, seconds=None)
    assert str(folder / "1_20131027.mat") in str(caught.value)


def test_only_picked_channels_must_be_finite(save):
    content = films()
    content["djc_eeg2"][40, 0] = np.nan
    folder = save(content)
    assert load_seed(folder, seconds=None).X.shape[:2] == (15, 4)
    with pytest.raises(DataFormatError, match=r"picked channels of film 2 .* got 1 NaN or infinit"):
        load_seed(folder, seconds=None, picks="all")


def test_names_of_files_may_be_in_upper_case(copy):
    expected = load_seed(copy, seconds=SHORT)
    (copy / "1_20131027.mat").rename(copy / "1_20131027.MAT")
    np.testing.assert_array_equal(load_seed(copy, seconds=SHORT).X, expected.X)


def test_old_names_of_electrodes_are_accepted(copy):
    trials = load_seed(copy, seconds=SHORT, picks=["T3", "T8"])
    assert trials.ch_names == ("T7", "T8")


def test_other_files_are_ignored(copy):
    (copy / "channel-order.xlsx").write_bytes(b"no spreadsheet")
    (copy / "1_20131027.mat.part").write_bytes(b"part")
    (copy / "notes_1_20131027.mat").write_bytes(b"notes")
    assert len(load_seed(copy, seconds=SHORT)) == 90


def test_films_are_cropped_one_after_another(tmp_path, peak_below):
    write_fake_seed(tmp_path, n_subjects=1, n_sessions=1, seconds=10, compress=False)
    assert (tmp_path / "1_20131027.mat").stat().st_size > 15 << 20
    with peak_below(5 << 20):
        assert load_seed(tmp_path, seconds=10).X.shape == (15, 4, 2000)


def test_one_damaged_file_is_an_error_for_all(copy):
    path = copy / "2_20140413.mat"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataFormatError, match=r"2_20140413\.mat.* 1 bytes early"):
        load_seed(copy, seconds=SHORT)
    assert len(load_seed(copy, subjects=1, seconds=SHORT)) == 45


@pytest.mark.parametrize("name", ["16_20131027.mat", "0_20131027.mat"])
def test_a_subject_number_out_of_range_is_an_error(copy, name):
    (copy / name).write_bytes(b"")
    with pytest.raises(DataFormatError, match=f"subjects 1 to 15, got {name}"):
        load_seed(copy)


@pytest.mark.parametrize("load", [load_seed, load_seed_iv])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop": "middle"}, "crop must be one of 'last', 'first', got 'middle'"),
        ({"picks": ["Fp3"]}, "picks must be channels of .*got 'Fp3'"),
        ({"picks": "two"}, "picks must be 'four', 'all' or a list of channels, got 'two'"),
        ({"seconds": -1}, "seconds must be a positive number.*got -1"),
        ({"subjects": 16}, "subjects must be .* 1 to 15, each once, got 16"),
        ({"subjects": [1, 1]}, "subjects must be"),
        ({"sessions": 0}, "sessions must be .* 1 to 3, each once, got 0"),
        ({"sessions": []}, "sessions must be"),
    ],
)
def test_arguments_are_validated_before_files_are_read(load, arguments, message):
    with pytest.raises(ValueError, match=message):
        load("nowhere", **arguments)


def test_missing_folders_and_files_are_named(folder, iv_folder, tmp_path):
    for load in (load_seed, load_seed_iv):
        message = r"path must contain .*no, which does not exist\. Request .* https://bcmi"
        with pytest.raises(FileNotFoundError, match=message):
            load(tmp_path / "no")
        with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path))):
            load(tmp_path)
    with pytest.raises(FileNotFoundError, match="No file of subject 3 in"):
        load_seed(folder, subjects=[1, 3], seconds=SHORT)
    with pytest.raises(FileNotFoundError, match="No file of subject 3, session 2 in"):
        load_seed_iv(iv_folder, subjects=3, sessions=2, seconds=SHORT)


def test_trials_of_seed_iv_are_those_read_by_scipy(iv_folder):
    trials = load_seed_iv(iv_folder, picks="all", seconds=SHORT)
    assert trials.X.shape == (144, 62, 50)
    assert (trials.sfreq, trials.name) == (200, "SEED-IV")
    assert trials.label_names == {0: "neutral", 1: "sad", 2: "fear", 3: "happy"}
    i = 0
    for subject, who in ((1, "cz"), (2, "s1")):
        for session in (1, 2, 3):
            theirs = loadmat(iv_folder / f"{session}/{subject}_20160{session + 4}18.mat")
            for film in range(1, 25):
                np.testing.assert_array_equal(trials.X[i], theirs[f"{who}_eeg{film}"][:, -50:])
                assert trials.y[i] == IV_LABELS[session - 1][film - 1]
                row = trials.metadata[["subject", "session", "trial", "stimulus"]].iloc[i]
                assert row.tolist() == [subject, session, i, (session - 1) * 24 + film]
                i += 1


def test_a_session_of_seed_iv_is_its_folder_not_its_date(save):
    save(films(24, "cz"), "1/1_20170101.mat")
    folder = save(films(24, "cz"), "3/1_20160101.mat")
    trials = load_seed_iv(folder, seconds=0.01)
    assert trials.metadata["session"].tolist() == [1] * 24 + [3] * 24
    assert trials.metadata["date"].tolist() == ["20170101"] * 24 + ["20160101"] * 24
    assert trials.y.tolist() == IV_LABELS[0] + IV_LABELS[2]


def test_two_files_of_one_subject_and_session_are_an_error(save):
    save(films(24, "cz"), "1/1_20170101.mat")
    folder = save(films(24, "cz"), "1/1_20160101.mat")
    twice = "one file of subject 1 and session, got 1_2016"
    with pytest.raises(DataFormatError, match=twice):
        load_seed_iv(folder)
    (folder / "1/1_20170101.mat").unlink()
    save(films(15), "1/1_20160101.mat")  # as of SEED
    with pytest.raises(DataFormatError, match=r"films 1 to 24 .*missing: 16"):
        load_seed_iv(folder)
