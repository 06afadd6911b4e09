"""EEGMAT: content and spectral properties of the recordings."""

import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import welch

from skmamba import load_eegmat
from skmamba.datasets import DataFormatError, eegmat as module

DATA = Path(module.__file__).parent / "data"
SUBJECTS = [0, 1, 3, 5, 7, 9, 10, 12, 15, 17, 19, 21, 24, 25, 27, 29, 30, 32, 33, 35]


@pytest.fixture(scope="module")
def eegmat():
    return load_eegmat()


@pytest.fixture(scope="module")
def spectrum(eegmat):
    """Frequencies and the power density of each trial and channel."""
    return welch(eegmat.X, eegmat.sfreq, nperseg=512)


def test_trials_are_forty_minutes_of_the_nineteen_channels_by_their_current_names(eegmat):
    assert eegmat.X.shape == (40, 19, 60 * 128)
    assert eegmat.X.dtype == np.float32
    assert eegmat.sfreq == 128
    assert eegmat.name == "EEGMAT"
    names = "Fp1 Fp2 F3 F4 F7 F8 T7 T8 C3 C4 P7 P8 P3 P4 O1 O2 Fz Cz Pz"
    assert eegmat.ch_names == tuple(names.split())


def test_each_subject_has_one_trial_of_each_class(eegmat):
    assert eegmat.label_names == {0: "rest", 1: "arithmetic"}
    assert list(eegmat.metadata) == ["subject", "session", "trial", "segment"]
    assert eegmat.metadata["subject"].tolist() == [s for s in SUBJECTS for _ in range(2)]
    assert eegmat.y.tolist() == [0, 1] * 20
    assert eegmat.metadata["segment"].tolist() == [2, 3] * 20
    assert eegmat.metadata["trial"].tolist() == list(range(40))
    assert set(eegmat.metadata["session"]) == {0}


def test_values_are_those_published_in_microvolts(eegmat):
    np.testing.assert_allclose(eegmat.X[0, 0, :4], [0.4, -1.4, 1.8, 3.0], rtol=1e-6)
    np.testing.assert_allclose(eegmat.X[-1, -1, -3:], [-0.7, 5.9, 5.0], rtol=1e-6)
    assert len(np.unique(eegmat.X[:, 0, :50], axis=0)) == 40
    deviations = eegmat.X.std(axis=2)
    assert deviations.min() > 1
    assert deviations.max() < 50
    assert np.isfinite(eegmat.X).all()


def test_there_is_little_power_above_the_pass_band(spectrum):
    frequencies, density = spectrum
    above = density[..., frequencies > 50].sum(-1) / density.sum(-1)
    assert above.max() < 0.02


def test_posterior_channels_have_an_alpha_peak_at_rest(eegmat, spectrum):
    frequencies, density = spectrum
    back = [eegmat.ch_names.index(name) for name in ("O1", "O2", "P3", "P4", "Pz")]
    near = (frequencies >= 6) & (frequencies <= 20)
    rest = density[eegmat.y == 0][:, back][..., near].mean(axis=1)
    peaks = frequencies[near][rest.argmax(axis=-1)]
    assert 8 <= np.median(peaks) <= 12
    assert ((peaks >= 8) & (peaks <= 13)).sum() >= 15


def test_changes_in_place_do_not_affect_the_next_load(eegmat):
    changed = load_eegmat()
    changed.X[:] = 0
    changed.metadata["subject"] = 0
    again = load_eegmat()
    np.testing.assert_array_equal(again.X, eegmat.X)
    assert again.metadata["subject"].nunique() == 20


@pytest.mark.parametrize("name", ["eegmat.npz", "eegmat_rest.npz"])
def test_a_damaged_file_of_the_package_is_an_error(tmp_path, monkeypatch, name):
    shutil.copytree(DATA, tmp_path / "data")
    (tmp_path / "data" / name).write_bytes(b"PK" * 1000)
    monkeypatch.setattr(module, "files", lambda package: tmp_path)
    with pytest.raises(DataFormatError, match=rf"{name}: expected the file of the package"):
        load_eegmat(reference=True)


# The reference


def test_the_reference_is_the_first_minute_of_rest_of_the_subject_of_each_trial(eegmat):
    trials = load_eegmat(reference=True)
    assert trials.ch_names == ("Fp1", "Fp2", "F3", "F4")
    np.testing.assert_array_equal(trials.X, eegmat.X[:, :4])
    assert trials.metadata.equals(eegmat.metadata)
    assert trials.reference.shape == (40, 4, 7680)
    assert trials.reference.dtype == np.float32
    with np.load(DATA / "eegmat_rest.npz") as rest:
        for subject, reference in zip(trials.metadata["subject"], trials.reference, strict=True):
            (counts,) = rest["X"][rest["subject"] == subject]
            np.testing.assert_allclose(reference, 0.1 * counts, rtol=1e-6)
    assert trials.reference_data.array.shape == (20, 4, 7680)  # both trials of a subject share one
    assert len(np.unique(trials.reference[::2, 0, :50], axis=0)) == 20
    assert eegmat.reference is None


def test_references_are_matched_by_subject_number_and_channel_name(tmp_path, monkeypatch):
    expected = load_eegmat(reference=True)
    shutil.copytree(DATA, tmp_path / "data")
    with np.load(DATA / "eegmat_rest.npz") as data:
        rest = dict(data)
    backwards = {"X": rest["X"][::-1, ::-1], "subject": rest["subject"][::-1]}
    path = tmp_path / "data/eegmat_rest.npz"
    np.savez(path, **(rest | backwards | {"ch_names": rest["ch_names"][::-1]}))
    monkeypatch.setattr(module, "files", lambda package: tmp_path)
    monkeypatch.setitem(module.CHECKSUMS, path.name, sha256(path.read_bytes()).hexdigest())
    trials = load_eegmat(reference=True)
    assert trials.ch_names == ("F4", "F3", "Fp2", "Fp1")
    np.testing.assert_array_equal(trials.reference, expected.reference[:, ::-1])
    np.testing.assert_array_equal(trials.X, expected.X[:, ::-1])
