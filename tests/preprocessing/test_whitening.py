"""Tests of SubjectWhitening."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.signal import firwin2, freqz, lfilter, welch

from skmamba import Trials
from skmamba._selection import Selection
from skmamba.preprocessing import SubjectWhitening

MODES = ["reference", "causal", "unlabelled"]
SFREQ = 128.0


def simulate_subjects(n_subjects=3, n_trials=4, n_times=512, n_reference_times=1024):
    """Return Trials of noise with a spectrum per subject and channel, and a shared reference."""
    rng = np.random.default_rng(0)
    X, reference = [], []
    for _ in range(n_subjects):
        poles, gain = rng.uniform(0.3, 0.95, size=2), rng.uniform(1, 20, size=(2, 1))
        noise = rng.normal(size=(2, n_trials * n_times + n_reference_times))
        eeg = gain * np.stack([lfilter([1], [1, -p], x) for p, x in zip(poles, noise, strict=True)])
        reference.append(eeg[:, :n_reference_times])
        X.extend(np.split(eeg[:, n_reference_times:], n_trials, axis=1))
    subject = np.repeat(np.arange(n_subjects), n_trials)
    return Trials(
        X=np.stack(X),
        y=np.arange(len(X)) % 2,
        metadata=pd.DataFrame({"subject": subject, "trial": np.arange(len(X))}),
        sfreq=SFREQ,
        ch_names=["Fp1", "Fp2"],
        reference=np.stack(reference)[subject],
    )


def replace_trials(trials, rows):
    """Return Trials with other signals in the rows of X and of the reference."""
    X, reference = trials.X.copy(), trials.reference.copy()
    X[rows], reference[rows] = 5 * X[rows][..., ::-1], 7 * reference[rows][..., ::-1]
    return replace(trials, X=X, reference=reference)


def whiten(trials, mode="reference", **params):
    return SubjectWhitening(mode, **params).fit_transform(trials)


def whiten_by(reference, X, **params):
    """Whiten arrays by EEG of shape (n_channels, n_times)."""
    step = SubjectWhitening(sfreq=SFREQ, **params).fit(X)
    return step.for_subject(reference).transform(X)


@pytest.fixture(scope="module")
def subjects():
    return simulate_subjects()


# Filters


def test_filters_are_those_of_scipy_for_the_smoothed_spectrum(subjects):
    recording = subjects.reference[0]
    step = SubjectWhitening(sfreq=SFREQ, l_freq=2, h_freq=40, floor=0.05).fit(subjects.X)
    filters = step.for_subject(recording).whitener_
    assert filters.shape == (2, 129)
    freqs, density = welch(recording, SFREQ, nperseg=256)
    band = (freqs >= 2) & (freqs <= 40)
    for own, taps in zip(density, filters, strict=True):
        padded = np.r_[own[0], own, own[-1]]
        smooth = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
        gain = np.where(band, np.maximum(smooth, 0.05 * smooth[band].max()) ** -0.5, 0)
        expected = firwin2(129, freqs, gain, fs=SFREQ)
        expected -= np.hamming(129) * expected.sum() / np.hamming(129).sum()
        response = freqz(expected, worN=freqs, fs=SFREQ)[1]
        expected /= np.sqrt(0.5 * np.sum(np.abs(response) ** 2 * own))
        np.testing.assert_allclose(taps, expected, atol=1e-9 * np.abs(expected).max())


def test_the_reference_becomes_white_in_the_pass_band_with_unit_variance():
    trials = simulate_subjects(n_subjects=2, n_trials=1, n_reference_times=60 * 128)
    white = whiten(trials).reference
    np.testing.assert_allclose(white.var(axis=-1), 1, atol=0.05)
    freqs, density = welch(white, SFREQ, nperseg=256)
    inside = density[..., (freqs >= 4) & (freqs <= 42)]
    assert 0.75 / 44 < inside.min() < inside.max() < 1.35 / 44
    assert density[..., freqs > 49].max() < 0.01 / 44
    assert density[..., 0].max() < 0.05 / 44


def test_the_output_is_the_causal_filter_advanced_by_its_delay(subjects):
    x = subjects.X[:1]
    step = SubjectWhitening(sfreq=SFREQ, filter_size=0.5).fit(x).for_subject(subjects.reference[0])
    assert step.delay_ == 32
    for out, taps, own in zip(step.transform(x)[0], step.whitener_, x[0], strict=True):
        np.testing.assert_allclose(out[32:-32], lfilter(taps, 1, own)[64:], atol=1e-10)


def test_a_part_with_a_margin_of_the_delay_gives_the_same_part_of_the_output(subjects):
    step = SubjectWhitening(sfreq=SFREQ).fit(subjects.X).for_subject(subjects.reference[0])
    delay, whole = step.delay_, step.transform(subjects.X[:1])
    part = step.transform(subjects.X[:1, :, 200 - delay : 300 + delay])[..., delay:-delay]
    np.testing.assert_allclose(part, whole[..., 200:300], atol=1e-10)


def test_amplitude_and_offset_of_a_subject_do_not_change_the_output(subjects):
    expected = whiten(subjects).X
    scale, offset = np.array([[3.0], [0.1]]), np.array([[4000.0], [-9.0]])
    reference = scale * subjects.reference + offset
    changed = replace(subjects, X=scale * subjects.X + offset, reference=reference)
    np.testing.assert_allclose(whiten(changed).X, expected, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [0.0, 7.1, "rounding errors of a filter"])
def test_a_channel_that_is_constant_in_the_reference_becomes_zero(subjects, dtype, value):
    recording = subjects.reference[0].astype(dtype)  # a copy
    errors = np.random.default_rng(0).normal(scale=1e-13, size=recording.shape[-1])
    recording[1] = errors if isinstance(value, str) else value
    out = whiten_by(recording, subjects.X.astype(dtype))
    assert out.dtype == dtype
    assert np.isfinite(out).all()
    assert not out[:, 1].any()
    np.testing.assert_allclose(out[0, 0], whiten(subjects).X[0, 0], atol=1e-4)


@pytest.mark.parametrize("mode", ["causal", "unlabelled"])
def test_constant_trials_become_zero(mode):
    step = SubjectWhitening(mode, sfreq=SFREQ)
    assert not step.fit_transform(np.full((3, 2, 300), 0.1), groups=[0, 0, 0]).any()


@pytest.mark.parametrize("n_times", [2, 50, 255])
def test_a_reference_shorter_than_a_segment_is_one_segment(subjects, n_times):
    out = whiten_by(subjects.reference[0, :, :n_times], subjects.X)
    assert np.isfinite(out).all()
    assert out.any()


def test_trials_may_be_shorter_than_the_filter(subjects):
    out = whiten_by(subjects.reference[0], subjects.X[..., :20])
    assert out.shape == (12, 2, 20)
    assert np.isfinite(out).all()


def test_the_delay_is_half_of_the_filter_rounded_to_samples(subjects):
    step = SubjectWhitening(filter_size=0.5, sfreq=127).fit(subjects.X)
    assert step.delay_ == 32
    assert step.for_subject(subjects.reference[0]).whitener_.shape == (2, 65)


def test_the_pass_band_ends_at_half_of_the_sampling_rate(subjects):
    X = subjects.X[..., ::4]  # 32 Hz
    out = SubjectWhitening("unlabelled", sfreq=32).fit_transform(X, groups=subjects.metadata)
    freqs, density = welch(out.mean(axis=1), 32, nperseg=64)
    assert density[:, freqs > 14].mean() > 0.3 * density[:, (freqs > 4) & (freqs < 14)].mean()


# Modes


def test_with_a_reference_each_trial_depends_on_itself_and_its_reference_only(subjects):
    expected = whiten(subjects)
    order = np.random.default_rng(0).permutation(len(subjects))
    np.testing.assert_array_equal(whiten(subjects[order]).X, expected.X[order])
    np.testing.assert_array_equal(whiten(subjects[4:5]).X, expected.X[4:5])
    changed = whiten(replace_trials(subjects, np.arange(12) != 5))
    np.testing.assert_array_equal(changed.X[5], expected.X[5])
    np.testing.assert_array_equal(changed.reference[5], expected.reference[5])
    assert not np.allclose(changed.X[4], expected.X[4])


def test_with_a_reference_no_other_metadata_are_required(subjects):
    anonymous = subjects.derive(metadata=subjects.metadata[[]])
    np.testing.assert_array_equal(whiten(anonymous).X, whiten(subjects).X)


def test_causal_filters_are_of_the_trials_up_to_and_including_the_present_one(subjects):
    out = whiten(subjects, "causal").X
    for row, seen in ((4, slice(4, 5)), (6, slice(4, 7))):  # subject 1 has the rows 4 to 7
        own = subjects.X[seen]
        step = SubjectWhitening("unlabelled", sfreq=SFREQ).fit(own)
        expected = step.transform(own, groups=[1] * len(own))[-1]
        np.testing.assert_allclose(out[row], expected, atol=1e-9)


def test_causal_outputs_do_not_depend_on_later_trials_or_other_subjects(subjects):
    out = whiten(subjects, "causal").X
    changed = whiten(replace_trials(subjects, [0, 1, 2, 3, 6, 7, 8]), "causal").X
    np.testing.assert_array_equal(changed[4:6], out[4:6])
    np.testing.assert_array_equal(whiten(subjects[4:6], "causal").X, out[4:6])
    assert not np.allclose(changed[7], out[7])


@pytest.mark.parametrize("as_trials", [True, False])
def test_causal_order_is_by_session_run_and_trial(subjects, as_trials):
    own = subjects.select(subject=1)
    metadata = own.metadata.assign(session=[1, 0, 1, 0], trial=[2, 0, 1, 5])
    metadata["run"] = ["2", "10", "2", "2"]
    in_order = [3, 1, 2, 0]
    expected = whiten(own[in_order].derive(metadata=own.metadata), "causal").X
    if as_trials:
        out = whiten(own.derive(metadata=metadata), "causal").X
    else:
        step = SubjectWhitening("causal", sfreq=SFREQ)
        out = step.fit_transform(own.X, groups=metadata)
    np.testing.assert_array_equal(out[in_order], expected)


def test_the_windows_of_one_trial_get_one_causal_filter(subjects):
    windows = subjects.select(subject=0).as_windows(2.0)
    out = whiten(windows, "causal").X
    step = SubjectWhitening("unlabelled", sfreq=SFREQ).fit(windows.X)
    first = step.transform(windows.X[:2], groups=[0, 0])
    np.testing.assert_allclose(out[:2], first, atol=1e-10)


def test_unlabelled_filters_are_of_all_trials_of_the_subject(subjects):
    out = whiten(subjects, "unlabelled").X
    for subject in range(3):
        own = out[subjects.metadata["subject"] == subject]
        np.testing.assert_allclose(own.var(axis=-1).mean(axis=0), 1, atol=0.1)
    changed = whiten(replace_trials(subjects, [7]), "unlabelled").X
    np.testing.assert_array_equal(changed[:4], out[:4])
    assert not np.allclose(changed[4], out[4])


@pytest.mark.parametrize("mode", MODES)
def test_subjects_in_fit_and_new_subjects_follow_the_same_rule(subjects, mode):
    own = subjects.select(subject=1)
    seen = SubjectWhitening(mode).fit(own).transform(own)
    new = SubjectWhitening(mode).fit(subjects.select(subject=[0, 2])).transform(own)
    np.testing.assert_array_equal(seen.X, new.X)


@pytest.mark.parametrize("mode", MODES)
def test_adaptation_is_the_mode(mode):
    assert SubjectWhitening(mode).adaptation == mode


# Trials and arrays


@pytest.mark.parametrize("mode", MODES)
def test_trials_keep_their_attributes_and_share_a_reference_that_has_its_own_filter(subjects, mode):
    rows = subjects.metadata["subject"].to_numpy()
    shared = subjects.derive(reference=Selection(subjects.reference[::4], rows))
    out = whiten(shared, mode)
    assert isinstance(out, Trials)
    assert (out.sfreq, out.ch_names) == (SFREQ, ("Fp1", "Fp2"))
    pd.testing.assert_frame_equal(out.metadata, shared.metadata)
    np.testing.assert_array_equal(out.y, shared.y)
    assert out.reference_data.array.shape == (3, 2, 1024)
    np.testing.assert_array_equal(out.X, whiten(subjects, mode).X)
    for row in (0, 11):
        expected = whiten_by(subjects.reference[row], subjects.reference[row][None])[0]
        np.testing.assert_allclose(out.reference[row], expected, atol=1e-10)


@pytest.mark.parametrize("mode", ["causal", "unlabelled"])
def test_trials_without_a_reference_stay_without(subjects, mode):
    assert whiten(subjects.derive(reference=None), mode).reference is None


@pytest.mark.parametrize("mode", ["causal", "unlabelled"])
@pytest.mark.parametrize("form", [dict, pd.DataFrame, lambda table: table["subject"].to_numpy()])
def test_arrays_with_groups_give_the_same_as_trials(subjects, mode, form):
    step = SubjectWhitening(mode, sfreq=SFREQ)
    out = step.fit_transform(subjects.X, groups=form(subjects.metadata))
    np.testing.assert_array_equal(out, whiten(subjects, mode).X)


def test_groups_precede_the_subjects_of_trials_but_not_their_order(subjects):
    trials = subjects[::-1]
    out = SubjectWhitening("causal").fit(trials).transform(trials, groups=[0] * 12)
    one = subjects.derive(metadata=subjects.metadata.assign(subject=0))
    np.testing.assert_array_equal(out.X, whiten(one, "causal").X[::-1])


def test_epochs_have_their_own_sampling_rate(make_epochs):
    epochs = make_epochs(sfreq=64.0, n_times=128)
    step = SubjectWhitening("unlabelled").fit(epochs)
    assert step.sfreq_ == 64
    expected = step.transform(epochs.get_data(units="uV"), groups=[0] * 4)
    np.testing.assert_array_equal(step.transform(epochs, groups=[0] * 4), expected)


def test_arrays_without_groups_are_of_one_subject_with_a_warning(subjects):
    step = SubjectWhitening("unlabelled", sfreq=SFREQ).fit(subjects.X)
    with pytest.warns(UserWarning, match=r"got no groups in transform .* 12 trials .* one subject"):
        out = step.transform(subjects.X)
    np.testing.assert_array_equal(out, step.transform(subjects.X, groups=[0] * 12))


def test_a_copy_for_a_subject_whitens_arrays_and_trials_by_the_reference(subjects):
    own = subjects.select(subject=2)
    step = SubjectWhitening().fit(subjects.select(subject=[0, 1]))
    copy = step.for_subject(own.reference[0])
    expected = step.transform(own)
    with warnings.catch_warnings(action="error"):
        np.testing.assert_array_equal(copy.transform(own.X), expected.X)
        np.testing.assert_array_equal(copy.transform(own.derive(reference=None)).X, expected.X)
    np.testing.assert_array_equal(copy.transform(own).reference, expected.reference)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(copy)).transform(own.X), expected.X)
    assert not hasattr(step, "whitener_")


def test_a_copy_for_a_subject_declares_the_reference_and_fit_forgets_the_subject(subjects):
    step = SubjectWhitening("unlabelled", sfreq=SFREQ).fit(subjects.X)
    copy = step.for_subject(subjects.reference[0])
    assert (step.adaptation, copy.adaptation) == ("unlabelled", "reference")
    with pytest.raises(ValueError, match="requires Trials with a reference"):
        copy.fit(subjects.X).transform(subjects.X)


# Errors


def test_trials_without_a_reference_are_an_error_that_names_it(subjects):
    match = r"mode='reference'\) requires Trials with a reference.*before each trial.*load_eegmat"
    without = subjects.derive(reference=None)
    with pytest.raises(ValueError, match=match):
        SubjectWhitening().fit(without)
    with pytest.raises(ValueError, match=match):
        SubjectWhitening().fit(subjects).transform(without)


def test_arrays_require_a_copy_for_their_subject(subjects):
    step = SubjectWhitening(sfreq=SFREQ).fit(subjects.X)
    with pytest.raises(ValueError, match=r"got an array or Epochs: .*for_subject\(reference\)"):
        step.transform(subjects.X, groups=subjects.metadata)


@pytest.mark.parametrize("mode", MODES)
def test_nan_in_a_reference_is_an_error_that_names_the_trial(subjects, mode):
    reference = subjects.reference.copy()
    reference[7, 1, 30] = np.nan
    with pytest.raises(ValueError, match=r"reference must not contain NaN .* that of trial 7"):
        whiten(replace(subjects, reference=reference), mode)


@pytest.mark.parametrize(
    ("reference", "match"),
    [
        (np.ones((3, 50)), r"reference must have shape \(2, n_reference_times\), got \(3, 50\)"),
        (np.ones((1, 2, 50)), r"reference must have shape .* got \(1, 2, 50\)"),
        (np.ones((2, 50)), "reference must not be constant in all channels, got 50 equal samples"),
        (np.full((2, 50), np.nan), "Input reference contains NaN"),
    ],
)
def test_the_reference_of_a_copy_is_validated(subjects, reference, match):
    with pytest.raises(ValueError, match=match):
        SubjectWhitening().fit(subjects).for_subject(reference)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"mode": "rest"}, "mode must be one of 'reference', 'causal', 'unlabelled', got 'rest'"),
        ({"l_freq": 50}, r"l_freq must be less than h_freq .*got l_freq=50 and h_freq=45\.0"),
        ({"l_freq": 64, "h_freq": 99}, r"half of the sampling rate \(64 Hz\)"),
        ({"l_freq": 1.1, "h_freq": 1.2}, "segment_size must be longer for the pass band"),
        ({"filter_size": 0}, "filter_size must be a positive number, got 0"),
        ({"segment_size": "2 s"}, "segment_size must be a positive number, got '2 s'"),
        ({"floor": 0.0}, r"floor must be a positive number, got 0\.0"),
        ({"smoothing": -1}, "smoothing must be a non-negative number, got -1"),
        ({"sfreq": None}, "sfreq must be a positive number, got None"),
    ],
)
def test_parameters_are_validated_and_a_failed_fit_changes_nothing(subjects, params, match):
    step = SubjectWhitening(**{"mode": "causal", "sfreq": SFREQ} | params)
    before = vars(step).copy()
    with pytest.raises(ValueError, match=match):
        step.fit(subjects.X)
    assert vars(step) == before


def test_sampling_rates_must_agree(subjects):
    with pytest.raises(ValueError, match="sfreq must be 128 Hz"):
        SubjectWhitening(sfreq=250).fit(subjects)
    step = SubjectWhitening("causal", sfreq=250).fit(subjects.X)
    with pytest.raises(ValueError, match=r"X must be at 250 Hz, .* got 128 Hz: resample it"):
        step.transform(subjects)
