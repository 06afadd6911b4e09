"""EEGMAT: content and spectral properties of the recordings."""

import numpy as np
import pytest
from scipy.signal import welch

from skmamba import load_eegmat
from skmamba.datasets import DataFormatError, eegmat as module

SUBJECTS = [0, 1, 3, 5, 7, 9, 10, 12, 15, 17, 19, 21, 24, 25, 27, 29, 30, 32, 33, 35]


@pytest.fixture(scope="module")
def eegmat():
    return load_eegmat()


@pytest.fixture(scope="module")
def spectrum(eegmat):
    """Frequencies and the power density of each trial and channel."""
    return welch(eegmat.X, eegmat.sfreq, nperseg=512)


def test_trials_are_forty_minutes_of_nineteen_channels(eegmat):
    assert eegmat.X.shape == (40, 19, 60 * 128)
    assert eegmat.X.dtype == np.float32
    assert eegmat.sfreq == 128
    assert eegmat.name == "EEGMAT"


def test_each_subject_has_one_trial_of_each_class(eegmat):
    assert eegmat.label_names == {0: "rest", 1: "arithmetic"}
    assert list(eegmat.metadata) == ["subject", "session", "trial", "segment"]
    assert eegmat.metadata["subject"].tolist() == [s for s in SUBJECTS for _ in range(2)]
    assert eegmat.y.tolist() == [0, 1] * 20
    assert eegmat.metadata["segment"].tolist() == [2, 3] * 20
    assert eegmat.metadata["trial"].tolist() == list(range(40))
    assert set(eegmat.metadata["session"]) == {0}


def test_channels_have_the_current_10_20_names(eegmat):
    assert eegmat.ch_names == tuple(
        "Fp1 Fp2 F3 F4 F7 F8 T7 T8 C3 C4 P7 P8 P3 P4 O1 O2 Fz Cz Pz".split()
    )


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


def test_a_damaged_file_of_the_package_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/eegmat.npz").write_bytes(b"PK" * 1000)
    monkeypatch.setattr(module, "files", lambda package: tmp_path)
    with pytest.raises(DataFormatError, match=r"eegmat\.npz: expected the file of the package"):
        load_eegmat()
