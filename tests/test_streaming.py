"""Tests of StreamDecoder."""

import contextlib
import pickle
import re
import threading
import tracemalloc
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import (
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    WindowVotingClassifier,
    calibrate,
)
from skmamba._raws import make_raw
from skmamba._selection import Selection
from skmamba.datasets import simulate_trials
from skmamba.persistence import load_model, save_model
from skmamba.preprocessing import BandPower, EuclideanAlignment, SubjectWhitening
from skmamba.streaming import StreamDecoder

SIZE, STRIDE = 64, 24
TRIALS = simulate_trials(n_subjects=2, n_trials=4, n_channels=4, n_times=256)
STREAM = simulate_trials(n_subjects=1, n_trials=1, n_channels=4, n_times=700, random_state=7).X[0]
TINY = {"d_model": 8, "d_hidden": 2, "n_kernels": 1, "max_epochs": 1, "random_state": 0}
RAW = make_raw(STREAM * 1e-6, ["Fp1", "Fp2", "F3", "F4"], 128, [], [])
REFERENCE = simulate_trials(1, 1, 4, 400, random_state=8).X[0]
STARTS = range(0, STREAM.shape[1] - SIZE + 1, STRIDE)


@pytest.fixture(scope="module")
def pipe():
    """Three of four channels, overlapping windows and a tiny network."""
    picker = ChannelPicker(["F4", "Fp1", "F3"], ch_names=TRIALS.ch_names)
    windows = SlidingWindows(window_size_samples=SIZE, stride_samples=32, sfreq=128)
    pipe = make_pipeline(picker, windows, MSiMambaClassifier(**TINY))
    return pipe.fit(TRIALS.X, TRIALS.y)


def make_band_power():
    """A linear model of windows."""
    return WindowVotingClassifier(make_pipeline(BandPower(128), LinearDiscriminantAnalysis()))


class LastValue(ClassifierMixin, BaseEstimator):
    """The probability of "b" is the last sample of the first channel."""

    n_chans_, n_times_ = 2, 3
    classes_ = np.array(["a", "b"])

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, X):
        last = X[:, 0, -1].astype(float)
        return np.stack([1 - last, last], axis=1)


def make_ramp(n, first=0):
    """Two channels of a thousandth of the time index."""
    return np.tile(np.arange(first, first + n) / 1000, (2, 1))


def push_chunks(decoder, stream, lengths=()):
    """Push chunks of these lengths and then the rest; return window ends and probabilities."""
    decoder.reset()
    parts, start = [], 0
    for length in [*lengths, stream.shape[1]]:
        chunk = stream[:, start : start + length].copy()
        parts.append(decoder.push(chunk))
        chunk[:] = 1e6  # the array of a chunk may be reused
        start += length
    stops = np.concatenate([part.stop for part in parts])
    return stops, np.concatenate([part.proba for part in parts])


# Windows and probabilities


def test_predictions_of_a_ramp():
    decoder = StreamDecoder(LastValue(), stride_samples=2, dtype="float64")
    assert decoder.push(make_ramp(2)).stop.tolist() == []
    predictions = decoder.push(make_ramp(6, first=2))
    assert predictions.stop.tolist() == [3, 5, 7]  # windows 0-2, 2-4 and 4-6
    assert predictions.proba[:, 1].tolist() == [0.002, 0.004, 0.006]
    assert predictions.label.tolist() == ["a", "a", "a"]
    assert predictions.seconds is None
    assert decoder.sample == 8


def test_a_stride_longer_than_the_window_skips_samples():
    decoder = StreamDecoder(LastValue(), stride_samples=5, dtype="float64")
    assert decoder.push(make_ramp(20)).proba[:, 1].tolist() == [0.002, 0.007, 0.012, 0.017]


def test_seconds_are_the_end_of_each_window():
    decoder = StreamDecoder(LastValue(), stride=0.5, sfreq=4)
    assert decoder.stride_samples_ == 2
    assert decoder.push(make_ramp(6)).seconds.tolist() == [0.75, 1.25]


def test_predictions_are_bitwise_those_of_single_windows(pipe):
    stops, proba = push_chunks(StreamDecoder(pipe, stride_samples=STRIDE), STREAM)
    alone = [pipe.predict_proba(STREAM[None, :, start : start + SIZE])[0] for start in STARTS]
    assert stops.tolist() == [start + SIZE for start in STARTS]
    np.testing.assert_array_equal(proba, np.stack(alone), strict=True)
    assert len(np.unique(proba[:, 0])) > 10
    windows = SlidingWindows(window_size_samples=SIZE, stride_samples=STRIDE)
    batch = windows.fit_transform(STREAM[None])[0][:, [3, 0, 2]]
    np.testing.assert_allclose(proba, pipe[-1].predict_proba(batch), rtol=0, atol=2e-6)


@pytest.mark.parametrize("smoothing", [None, 0.4])
@pytest.mark.parametrize("lengths", [[1] * 700, [0, 63, 0, 1, 0, 600], [300, 7, 7], [65] * 10])
def test_predictions_are_bitwise_independent_of_chunks(pipe, lengths, smoothing):
    decoder = StreamDecoder(pipe, stride_samples=STRIDE, smoothing=smoothing)
    stops, proba = push_chunks(decoder, STREAM)
    stops_in_chunks, proba_in_chunks = push_chunks(decoder, STREAM, lengths)
    np.testing.assert_array_equal(stops_in_chunks, stops)
    np.testing.assert_array_equal(proba_in_chunks, proba, strict=True)


def test_a_classifier_without_a_pipeline_is_accepted():
    windows = SlidingWindows(window_size_samples=SIZE).fit_transform(TRIALS)
    network = MSiMambaClassifier(**TINY).fit(windows, TRIALS.y)
    decoder = StreamDecoder(network, stride_samples=STRIDE)
    assert (decoder.n_channels, decoder.window_size_samples_) == (4, SIZE)
    proba = decoder.push(STREAM[:, : SIZE + STRIDE]).proba
    second = network.predict_proba(STREAM[None, :, STRIDE : STRIDE + SIZE])
    np.testing.assert_array_equal(proba[1], second[0])
    with pytest.raises(ValueError, match="in channel Fp1, Fp2, F3, F4, first"):
        decoder.push(STREAM[:, :5] * np.nan)


def test_searches_and_nested_pipelines_are_accepted():
    inner = make_pipeline(ChannelPicker([0, 2]), SlidingWindows(window_size_samples=128))
    pipe = make_pipeline("passthrough", inner, make_band_power())
    search = GridSearchCV(pipe, {"pipeline": [inner]}, cv=2).fit(TRIALS.X, TRIALS.y)
    decoder = StreamDecoder(search, stride_samples=100)
    assert (decoder.n_channels, decoder.window_size_samples_) == (4, 128)
    expected = search.predict_proba(STREAM[None, :, 100:228])
    np.testing.assert_array_equal(decoder.push(STREAM[:, :228]).proba[1], expected[0])


def test_a_saved_model_is_accepted_with_its_rate_and_channels(tmp_path):
    pipe = make_pipeline(SlidingWindows(window_size_samples=SIZE), MSiMambaClassifier(**TINY))
    pipe.fit(TRIALS.X, TRIALS.y)
    saved = load_model(save_model(pipe, tmp_path / "model", trials=TRIALS))
    decoder = StreamDecoder(saved, stride=0.25)
    assert (decoder.sfreq_, decoder.stride_samples_) == (128, 32)
    expected = StreamDecoder(pipe, stride_samples=32).push(STREAM).proba
    np.testing.assert_array_equal(decoder.push(STREAM).proba, expected)
    with pytest.raises(ValueError, match="in channel Fp1, Fp2, F3, F4"):
        decoder.push(np.full((4, 1), np.nan))
    with pytest.raises(ValueError, match="sfreq must be 128 Hz"):
        StreamDecoder(saved, sfreq=250)


def test_a_stream_of_another_unit_is_reported_once(pipe, recwarn):
    decoder = StreamDecoder(pipe, stride_samples=STRIDE)
    decoder.push(STREAM)
    assert not recwarn
    for scale in (1e-6, 1e-5, 1e6):
        assert len(decoder.push(scale * STREAM).proba) > 1
    (warning,) = recwarn
    assert re.search("deviation of about .* such as microvolts", str(warning.message))
    StreamDecoder(pipe).push(STREAM / 1e6)  # another stream
    assert len(recwarn) == 2


def test_a_flat_channel_is_reported_once(pipe, recwarn):
    stream = np.tile(STREAM[:, : 4 * SIZE], 2)
    stream[1, : 4 * SIZE] = 3.0  # Fp2, which is not picked
    stream[2, SIZE : 3 * SIZE] = 5.0
    stream[2, 6 * SIZE :] = 0.0
    decoder = StreamDecoder(pipe)
    predictions = [decoder.push(stream[:, i : i + 50]).proba for i in range(0, 8 * SIZE, 50)]
    assert len(np.concatenate(predictions)) == 8
    decoder.reset()
    decoder.push(stream)
    (warning,) = recwarn
    assert f"Channel F3 is flat in the window before time index {2 * SIZE}." in str(warning.message)
    assert warning.filename == __file__


# Smoothing


def test_smoothing_is_an_exponentially_weighted_mean(pipe):
    raw = StreamDecoder(pipe, stride_samples=STRIDE).push(STREAM).proba.astype(float)
    smooth = StreamDecoder(pipe, stride_samples=STRIDE, smoothing=60 / 128).push(STREAM).proba
    expected = pd.DataFrame(raw).ewm(halflife=60 / STRIDE, adjust=True).mean()
    np.testing.assert_allclose(smooth, expected, rtol=1e-12)
    np.testing.assert_allclose(smooth.sum(1), 1, rtol=1e-6)
    assert np.abs(smooth - raw).max() > 1e-3


def test_the_delay_is_the_mean_age_of_samples_and_predictions():
    assert StreamDecoder(LastValue(), stride_samples=2).delay == 1.5
    decoder = StreamDecoder(LastValue(), stride=0.2, sfreq=10, smoothing=1, dtype="float64")
    # The mean of a ramp lags by the mean age of the predictions.
    predictions = decoder.push(make_ramp(901))
    lag = (predictions.stop[-1] - 1) / 1000 - predictions.proba[-1, 1]
    assert decoder.delay == pytest.approx((1.5 + 1000 * lag) / 10, rel=1e-6)


# Subjects with a reference


def fit_adapted(mode, *steps, **params):
    """Fit a pipeline for windows of a subject with a reference."""
    trials = replace(TRIALS, reference=np.repeat(REFERENCE[None], len(TRIALS), axis=0))
    windows = SlidingWindows(window_size_samples=SIZE)
    clf = MSiMambaClassifier(adaptation=mode, **{**TINY, **params})
    return make_pipeline(*steps, windows, clf).fit(trials, trials.y)


def predict_windows(pipe):
    """Return the probabilities of each window of the stream in the middle of a long trial."""
    trials = replace(TRIALS[:1], reference=None, X=STREAM[None])
    trials = trials.derive(reference=Selection(REFERENCE[None]))
    for step in pipe[:-2]:
        trials = step.transform(trials)
    windows = [trials.derive(X=Selection(trials.X[..., start : start + SIZE])) for start in STARTS]
    return np.concatenate([pipe[-1].predict_proba(window) for window in windows])


@pytest.mark.parametrize("n_members", [1, 2])
def test_a_stream_with_a_reference_is_bitwise_the_offline_prediction(n_members):
    pipe = fit_adapted("reference", n_members=n_members)
    decoder = StreamDecoder(pipe, reference=REFERENCE, stride_samples=STRIDE)
    stops, proba = push_chunks(decoder, STREAM, [10, 100, 55])
    assert stops.tolist() == [start + SIZE for start in STARTS]
    np.testing.assert_array_equal(proba, predict_windows(pipe), strict=True)
    calibrated = StreamDecoder(calibrate(pipe, REFERENCE), stride_samples=STRIDE)
    np.testing.assert_array_equal(calibrated.push(STREAM).proba, proba)
    other = StreamDecoder(pipe, reference=3 * REFERENCE, stride_samples=STRIDE).push(STREAM)
    assert (other.proba != proba).all()


@pytest.mark.parametrize("mode", [None, "reference"])
def test_a_whitened_stream_is_bitwise_the_offline_prediction_after_a_delay(mode):
    whitening = SubjectWhitening(filter_size=0.25)
    pipe = fit_adapted(mode, ChannelPicker(["F4", "Fp1"]), whitening)
    decoder = StreamDecoder(pipe, reference=REFERENCE, stride_samples=STRIDE)
    n_late = 16  # samples: half of the filter
    assert decoder.delay == pytest.approx((SIZE / 2 + n_late) / 128)
    expected = predict_windows(pipe)
    decoder.push(STREAM[:, : SIZE + n_late - 1])
    first = decoder.push(STREAM[:, SIZE + n_late - 1 : SIZE + n_late])
    assert first.stop.tolist() == [SIZE]  # that of the window, not of its prediction
    assert first.seconds.tolist() == [SIZE / 128]
    np.testing.assert_array_equal(first.proba, expected[:1])
    for lengths in ([], [1] * 200, [90, 3, 200]):
        stops, proba = push_chunks(decoder, STREAM, lengths)
        assert stops.tolist() == [start + SIZE for start in STARTS if start + SIZE + n_late <= 700]
        np.testing.assert_array_equal(proba, expected[: len(proba)], strict=True)


def test_a_stream_of_overlapping_filters_counts_both_delays():
    steps = SubjectWhitening(filter_size=0.25), SubjectWhitening(filter_size=0.125)
    pipe = fit_adapted(None, *steps)
    decoder = StreamDecoder(pipe, reference=REFERENCE, stride_samples=STRIDE)
    assert decoder.delay == pytest.approx((SIZE / 2 + 16 + 8) / 128)
    stops, proba = push_chunks(decoder, STREAM, [100, 7])
    assert stops.tolist() == [start + SIZE for start in STARTS if start + SIZE + 24 <= 700]
    np.testing.assert_allclose(proba, predict_windows(pipe)[: len(proba)], atol=1e-6)


@pytest.mark.parametrize("stride", [SIZE, STRIDE])
def test_a_causal_stream_uses_the_reference_and_each_window(stride):
    pipe = fit_adapted("causal", n_members=2)
    decoder = StreamDecoder(pipe, reference=REFERENCE, stride_samples=stride)
    proba = push_chunks(decoder, STREAM, [31, 200, 5])[1]
    windows = SlidingWindows(window_size_samples=SIZE, stride_samples=stride)
    ordered = windows.fit_transform(STREAM[None])[0][:, None]
    expected = calibrate(pipe, REFERENCE)[-1].predict_proba(ordered)
    np.testing.assert_array_equal(proba, expected, strict=True)
    alone = np.concatenate([calibrate(pipe, REFERENCE)[-1].predict_proba(w[None]) for w in ordered])
    assert np.array_equal(alone[0], proba[0])
    assert (alone[1:] != proba[1:]).all()


def test_a_causal_stream_of_another_unit_is_reported_once(recwarn):
    decoder = StreamDecoder(fit_adapted("causal"), reference=REFERENCE, stride_samples=STRIDE)
    assert len(decoder.push(STREAM / 1e6).proba) > 2
    messages = [str(warning.message).split(" has ")[0] for warning in recwarn]
    assert messages == ["X"]


# State


def test_no_window_spans_a_gap():
    decoder = StreamDecoder(LastValue(), stride=2, sfreq=2, smoothing=1, dtype="float64")
    decoder.push(make_ramp(4))
    decoder.reset(sample=100)
    assert decoder.push(make_ramp(2, first=100)).stop.tolist() == []
    predictions = decoder.push(make_ramp(1, first=102))
    assert predictions.stop.tolist() == [103]
    assert predictions.seconds.tolist() == [51.5]
    assert predictions.proba[0, 1] == pytest.approx(0.102)


def test_filters_of_a_stream_start_anew_after_a_gap():
    decoder = StreamDecoder(
        fit_adapted(None, SubjectWhitening(filter_size=0.25)),
        reference=REFERENCE,
        stride_samples=STRIDE,
    )
    before = decoder.push(STREAM[:, :150])
    decoder.reset(sample=1000)
    after = decoder.push(STREAM[:, :150])
    np.testing.assert_array_equal(after.stop, before.stop + 1000)
    np.testing.assert_array_equal(after.proba, before.proba)


def test_memory_does_not_grow_with_the_stream():
    decoder = StreamDecoder(LastValue(), stride_samples=2, smoothing=4, sfreq=1)
    chunk = make_ramp(50)
    for _ in range(50):
        decoder.push(chunk)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(400):
            decoder.push(chunk)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 3000  # bytes; the samples have 320 000


@pytest.fixture(scope="module")
def causal_pipe():
    return fit_adapted("causal", ChannelPicker(["F4", "Fp1", "F3"]))


@pytest.fixture(params=["strict", "causal"])
def decoder(request, pipe, causal_pipe):
    options = {"stride_samples": STRIDE, "smoothing": 0.5}
    if request.param == "strict":
        return StreamDecoder(pipe, **options)
    return StreamDecoder(causal_pipe, reference=REFERENCE, **options)


def test_a_pickled_decoder_continues(decoder):
    decoder.push(STREAM[:, :333])
    loaded = pickle.loads(pickle.dumps(decoder))
    np.testing.assert_array_equal(
        loaded.push(STREAM[:, 333:]).proba, decoder.push(STREAM[:, 333:]).proba
    )


@contextlib.contextmanager
def assert_unchanged(decoder):
    """Compare a stream that is interrupted by the block with one that is not."""
    expected = decoder.push(STREAM).proba
    decoder.reset()
    before = decoder.push(STREAM[:, :100]).proba
    yield
    assert decoder.sample == 100
    after = decoder.push(STREAM[:, 100:]).proba
    np.testing.assert_array_equal(np.concatenate([before, after]), expected)


def replace_samples(channel, time, value):
    chunk = STREAM[:, 100:300].copy()
    chunk[channel, time] = value
    return chunk


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (STREAM[:3, 100:300], r"shape \(4, n_new\).* 4 channels, got \(3, 200\)"),
        (STREAM[:, 100], r"shape \(4, n_new\).*got \(4,\)"),
        (STREAM[None, :, 100:300], r"got \(1, 4, 200\)"),
        (replace_samples(2, 150, np.nan), "in channel F3, first at time index 250"),
        (replace_samples([3, 1], 5, np.inf), "in channel Fp2, F4, first at time index 105"),
        (STREAM[:, 100:300].astype(float) * 1e300, "infinity in channel Fp1, Fp2, F3, F4"),
        (STREAM[:, 100:300].astype(complex), "must be real numbers, got complex128"),
        (STREAM[:, 100:300].astype(str), "must be real numbers"),
        (np.ma.masked_greater(STREAM, 1), "samples must not be a masked array"),
        ([[1, 2], [1], [1], [1]], r"samples must be an array of shape \(4, n_new\), got list"),
        (RAW, r'of shape \(4, n_new\), got RawArray: pass raw.get_data\(units="uV"\)'),
    ],
)
def test_invalid_samples_are_refused_and_change_nothing(decoder, samples, message):
    with assert_unchanged(decoder), pytest.raises(ValueError, match=message):
        decoder.push(samples)


def test_decoders_in_threads_leave_the_warning_filters_unchanged(pipe):
    def work(decoder):
        for _ in range(5):
            decoder.push(STREAM)

    filters, show = warnings.filters[:], warnings._showwarnmsg_impl
    threads = [threading.Thread(target=work, args=(StreamDecoder(pipe),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == filters
    assert warnings._showwarnmsg_impl is show


def test_an_error_of_the_network_changes_nothing(decoder, monkeypatch):
    predict_proba, calls = MSiMambaClassifier.predict_proba, []

    def fail_in_the_fourth_call(self, X, groups=None):
        calls.append(X)
        if len(calls) == 4:
            raise RuntimeError("accelerator lost")
        return predict_proba(self, X, groups)

    with assert_unchanged(decoder), monkeypatch.context() as patch:
        patch.setattr(MSiMambaClassifier, "predict_proba", fail_in_the_fourth_call)
        with pytest.raises(RuntimeError, match="accelerator"):
            decoder.push(STREAM[:, 100:])


# Estimators and parameters


def fit_with(*steps):
    """Fit a pipeline with these steps before the windows."""
    windows = SlidingWindows(window_size_samples=128)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "EuclideanAlignment got no groups")
        return make_pipeline(*steps, windows, make_band_power()).fit(TRIALS.X, TRIALS.y)


@pytest.mark.parametrize(
    "function",
    [
        lambda X: X / X.std(-1, keepdims=True),
        lambda X: X - np.roll(X, 1, axis=-1),
        lambda X: X[..., ::2],
    ],
    ids=["unit variance", "high-pass", "decimation"],
)
def test_steps_that_use_samples_outside_the_window_are_refused(function):
    pipe = fit_with(ChannelPicker(), FunctionTransformer(function))
    with pytest.raises(ValueError, match=r"Steps must transform .* FunctionTransformer does not"):
        StreamDecoder(pipe)


def test_steps_that_use_other_windows_of_the_trial_are_refused():
    center = FunctionTransformer(lambda bags: bags - bags.mean(1, keepdims=True))
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), center, make_band_power())
    with pytest.raises(ValueError, match=r"Steps must transform .* FunctionTransformer does not"):
        StreamDecoder(pipe.fit(TRIALS.X, TRIALS.y))


@pytest.mark.parametrize(
    ("mode", "adaptation"), [("unlabelled", "unlabelled"), ("calibration", "calibration=1")]
)
def test_steps_that_require_other_trials_of_the_subject_are_refused(mode, adaptation):
    message = (
        "must not require other trials of the subject, got EuclideanAlignment with adaptation "
        f"'{adaptation}': pass reference"
    )
    pipe = fit_with(EuclideanAlignment(mode, n_calibration=1))
    with pytest.raises(ValueError, match=message):
        StreamDecoder(pipe)
    assert len(StreamDecoder(pipe, reference=REFERENCE).push(STREAM).proba) == 5


@pytest.mark.parametrize("mode", ["reference", "causal", "unlabelled"])
def test_classifiers_that_require_a_reference_are_refused_without_one(mode):
    pipe = fit_adapted(mode)
    hint = "fit it with" if mode == "unlabelled" else "pass reference"
    with pytest.raises(ValueError, match=f"MSiMambaClassifier with adaptation '{mode}': {hint}"):
        StreamDecoder(pipe)
    with pytest.raises(ValueError, match="got SubjectWhitening with adaptation 'reference': pass"):
        StreamDecoder(fit_adapted(None, SubjectWhitening()))


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (REFERENCE[:3], r"reference must have shape \(4, n_reference_times\)"),
        (REFERENCE[:, :63], "at least 64 samples"),
        (REFERENCE * np.nan, "Input reference contains NaN"),
    ],
)
def test_an_invalid_reference_is_refused(reference, message):
    with pytest.raises(ValueError, match=message):
        StreamDecoder(fit_adapted("reference"), reference=reference)


def test_a_reference_for_an_estimator_that_uses_none_is_refused(pipe):
    with pytest.raises(ValueError, match="must have a part that uses references"):
        StreamDecoder(pipe, reference=REFERENCE)


def test_steps_that_transform_each_sample_alike_are_accepted():
    pipe = fit_with(FunctionTransformer(np.negative), EuclideanAlignment("source-only"))
    expected = pipe.predict_proba(STREAM[None, :, :128])
    np.testing.assert_array_equal(StreamDecoder(pipe).push(STREAM[:, :128]).proba, expected)


def test_estimators_without_windows_probabilities_or_fit_are_refused():
    class WithoutProbabilities(LastValue):
        predict_proba = property()

    with pytest.raises(ValueError, match=r"probabilities of windows of shape \(2, 3\)"):
        StreamDecoder(WithoutProbabilities())
    power = make_pipeline(BandPower(128), LinearDiscriminantAnalysis()).fit(TRIALS.X, TRIALS.y)
    with pytest.raises(ValueError, match=r"got Linear.* fit WindowVotingClassifier\(estimator\)"):
        StreamDecoder(power)
    assert StreamDecoder(WindowVotingClassifier(power).fit(TRIALS.X, TRIALS.y)).n_channels == 4
    with pytest.raises(NotFittedError):
        StreamDecoder(make_pipeline(SlidingWindows(), MSiMambaClassifier()))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"stride_samples": 0.5}, "stride_samples must be an integer of at least 1, got 0.5"),
        ({"stride": 0.5}, "stride=0.5 is in seconds and requires sfreq"),
        ({"stride": 0.1, "sfreq": 2}, "stride must be at least one sample long"),
        ({"smoothing": 2}, "smoothing=2 requires sfreq"),
        ({"smoothing": 0}, "smoothing must be a positive number, got 0"),
        ({"smoothing": "4"}, "smoothing must be a positive number, got '4'"),
        ({"sfreq": -1}, "sfreq must be a positive number, got -1"),
        ({"dtype": "int16"}, "dtype must be one of 'float32', 'float64', got 'int16'"),
    ],
)
def test_invalid_parameters_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        StreamDecoder(LastValue(), **params)


def test_a_stream_with_another_sampling_rate_is_refused(pipe):
    assert StreamDecoder(pipe, stride=0.5, sfreq=128.0).stride_samples_ == 64
    with pytest.raises(ValueError, match=r"sfreq must be 128 Hz, .*, got 250: resample"):
        StreamDecoder(pipe, stride=0.5, sfreq=250)


def test_the_rate_of_the_stream_is_that_of_the_fitted_steps():
    clf = MSiMambaClassifier(**TINY).fit(TRIALS, TRIALS.y)
    assert StreamDecoder(clf, stride=0.5).stride_samples_ == 64
    with pytest.raises(ValueError, match="sfreq must be 128 Hz, the sampling rate of the training"):
        StreamDecoder(clf, sfreq=250)


def test_adaptation_inside_a_vote_is_refused():
    pipe = make_pipeline(
        EuclideanAlignment("unlabelled"), BandPower(128), LinearDiscriminantAnalysis()
    )
    for inner in (pipe, GridSearchCV(pipe, {"bandpower__sfreq": [128]}, cv=2)):
        with pytest.warns(UserWarning, match="groups"):
            voting = WindowVotingClassifier(inner).fit(TRIALS.X, TRIALS.y)
        with pytest.raises(ValueError, match="trials of the subject, got EuclideanAlignment"):
            StreamDecoder(voting)
