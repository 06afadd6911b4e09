"""Conversion of mne.Epochs to arrays in microvolts."""

import sys

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import _safe_indexing

from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows
from skmamba._mne import as_array, get_ch_names, is_epochs


def test_volts_are_converted_to_a_copy_in_microvolts(make_epochs):
    epochs = make_epochs(n_trials=2, ch_names=["Fp1", "Fp2"], n_times=3)
    before = epochs.get_data().copy()
    X = as_array(epochs)
    expected = [[[0, 1, 2], [1000, 1001, 1002]], [[10000, 10001, 10002], [11000, 11001, 11002]]]
    np.testing.assert_allclose(X, expected, rtol=1e-12)
    X[:] = 0
    np.testing.assert_array_equal(epochs.get_data(), before)


def test_channels_other_than_eeg_are_dropped_and_bad_channels_are_kept(make_epochs):
    epochs = make_epochs(ch_names=["Fp1", "Fp2"], other=["EOG1", "EOG2"], bads=["Fp2"])
    assert epochs.get_data().shape[1] == 4
    np.testing.assert_allclose(as_array(epochs)[0, :, 0], [0, 1000], atol=1e-9)
    assert get_ch_names(epochs) == ["Fp1", "Fp2"]


def test_epochs_without_eeg_channels_raise(make_epochs):
    epochs = make_epochs(ch_names=["Fp1"], other=["EOG"]).pick(["EOG"], verbose=False)
    with pytest.raises(ValueError, match=r"EEG channels, got only \['eog'\].*set_channel_types"):
        as_array(epochs)


@pytest.mark.parametrize("rows", [[2, 0], np.array([2, 0])], ids=["list", "array"])
def test_the_list_made_by_sklearn_indexing_gives_the_indexed_trials(make_epochs, rows):
    epochs = make_epochs(n_trials=4)
    listed = _safe_indexing(epochs, rows)
    assert isinstance(listed, list)
    X = as_array(listed)
    assert X.shape == (2, 3, 64)
    np.testing.assert_allclose(X[:, 1, 5], [21005, 1005])
    assert get_ch_names(listed) == ["Fp1", "Fp2", "F3"]


def test_lists_and_tuples_of_epochs_are_concatenated(make_epochs):
    parts = (make_epochs(n_trials=2), make_epochs(n_trials=1))
    X = as_array(parts)
    np.testing.assert_allclose(X[:, 0, 0], [0, 10000, 0])
    np.testing.assert_array_equal(as_array(list(parts)), X)


@pytest.mark.parametrize(
    ("other", "match"),
    [
        ({"ch_names": ["Fp2", "Fp1"]}, r"\['Fp1', 'Fp2'\] at 128 Hz and \['Fp2', 'Fp1'\] at 128"),
        ({"ch_names": ["Fp1"]}, r"\['Fp1', 'Fp2'\] at 128 Hz and \['Fp1'\] at 128 Hz"),
        ({"ch_names": ["Fp1", "Fp2"], "sfreq": 256.0}, r"at 128 Hz and .* at 256 Hz"),
    ],
    ids=["other order", "fewer", "other sfreq"],
)
def test_lists_of_epochs_with_different_channels_or_sampling_rates_raise(make_epochs, other, match):
    first = make_epochs(n_trials=1, ch_names=["Fp1", "Fp2"])
    with pytest.raises(ValueError, match=match):
        as_array([first, make_epochs(n_trials=1, **other)])


def test_lists_of_epochs_may_differ_in_channels_other_than_eeg(make_epochs):
    X = as_array([make_epochs(n_trials=1, other=["EOG"]), make_epochs(n_trials=1)])
    np.testing.assert_allclose(X[0], X[1])


@pytest.mark.parametrize("X", [np.ones((2, 3)), [[1, 2], [3, 4]], [], None, "text"])
def test_other_input_is_returned_unchanged(make_epochs, X):
    assert "mne" in sys.modules
    assert not is_epochs(X)
    assert as_array(X) is X
    assert get_ch_names(X) is None


@pytest.mark.parametrize(
    "step", [ChannelPicker("Fp1"), SlidingWindows(1.0), MSiMambaClassifier(max_epochs=1)]
)
def test_recordings_and_averages_are_no_trials(trials, step):
    mne = pytest.importorskip("mne")
    info = mne.create_info(list(trials.ch_names), trials.sfreq, "eeg")
    pipe = make_pipeline(step).fit(trials, trials.y)
    raw = mne.io.RawArray(trials.X[0], info, verbose=False)
    for X in (raw, mne.EvokedArray(trials.X[0], info)):
        message = rf"X must be Trials, .*, got {type(X).__name__}\. .* Trials\.from_raws or mne\.Ep"
        for recorded in (X, [X]):
            with pytest.raises(ValueError, match=message):
                pipe.fit(recorded, [0, 1])
            with pytest.raises(ValueError, match=message):
                getattr(pipe, "predict" if hasattr(pipe, "predict") else "transform")(recorded)


def test_mne_is_not_imported_for_arrays(monkeypatch):
    monkeypatch.delitem(sys.modules, "mne", raising=False)
    assert not is_epochs(np.ones((2, 3, 4)))
    assert "mne" not in sys.modules


def test_epochs_and_arrays_give_the_same_cross_validation(make_epochs):
    y = np.array([0, 0, 0, 1, 1, 1] * 2)
    epochs = make_epochs(n_trials=12, ch_names=["Fp1", "Fp2"], other=["EOG"])
    rng = np.random.default_rng(0)
    volt = epochs.get_data(copy=False)
    volt += 1e-3 * rng.normal(size=volt.shape) * (1 + y[:, None, None])
    pipe = make_pipeline(
        ChannelPicker("Fp2", ch_names=["Fp1", "Fp2"]),
        SlidingWindows(window_size_samples=16),
        FunctionTransformer(lambda bags: bags.std(axis=(1, 3))),
        LinearDiscriminantAnalysis(),
    )
    cv = KFold(3, shuffle=True, random_state=0)
    microvolt = 1e6 * epochs.get_data()[:, 1:]
    expected = cross_val_predict(pipe, microvolt, y, cv=cv)
    assert (expected == y).mean() > 0.9
    np.testing.assert_array_equal(cross_val_predict(pipe, epochs, y, cv=cv), expected)
