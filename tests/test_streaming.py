"""StreamDecoder: the answers of offline windows, whatever the chunks, or a clear no."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows, WindowVotingClassifier
from skmamba.datasets import simulate_trials
from skmamba.preprocessing import BandPower, EuclideanAlignment
from skmamba.streaming import StreamDecoder

SIZE, STRIDE = 64, 24
TRIALS = simulate_trials(n_subjects=2, n_trials=4, n_channels=4, n_times=256)
STREAM = simulate_trials(n_subjects=1, n_trials=1, n_channels=4, n_times=700, random_state=7).X[0]
TINY = {"d_model": 8, "d_hidden": 2, "n_kernels": 1, "max_epochs": 1, "random_state": 0}
STARTS = range(0, STREAM.shape[1] - SIZE + 1, STRIDE)


@pytest.fixture(scope="module")
def pipe():
    """Three of four channels, overlapping windows, a tiny network."""
    picker = ChannelPicker(["F4", "Fp1", "F3"], ch_names=TRIALS.ch_names)
    network = MSiMambaClassifier(**TINY)
    return make_pipeline(
        picker, SlidingWindows(window_size_samples=SIZE, stride_samples=32), network
    ).fit(TRIALS.X, TRIALS.y)


def band_power(**options):
    """A linear model of windows: fast, and of another kind than a network."""
    lda = LinearDiscriminantAnalysis()
    return WindowVotingClassifier(make_pipeline(BandPower(128, **options), lda))


class LastValue(ClassifierMixin, BaseEstimator):
    """Gives the last sample of the first channel as the probability of "b"."""

    n_chans_, n_times_ = 2, 3
    classes_ = np.array(["a", "b"])
    fails_from = np.inf

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, X):
        last = X[:, 0, -1].astype(float)
        if last[0] >= self.fails_from:
            raise RuntimeError("the accelerator is gone")
        return np.stack([1 - last, last], axis=1)


def counting(n, first=0):
    """Two channels of which the first holds the time index, in thousandths."""
    return np.stack([np.arange(first, first + n) / 1000, np.zeros(n)])


def in_chunks(decoder, stream, lengths):
    """Probabilities of a stream that is pushed in chunks of these lengths, and then the rest."""
    decoder.reset()
    parts, start = [], 0
    for length in [*lengths, stream.shape[1]]:
        parts.append(decoder.push(stream[:, start : start + length]))
        start += length
    stops = np.concatenate([part.stop for part in parts])
    return stops, np.concatenate([part.proba for part in parts])


# When, and what


def test_decisions_by_hand():
    decoder = StreamDecoder(LastValue(), stride_samples=2, dtype="float64")
    assert decoder.push(counting(2)).stop.tolist() == []
    decisions = decoder.push(counting(6, first=2))
    assert decisions.stop.tolist() == [3, 5, 7]  # windows 0-2, 2-4 and 4-6
    assert decisions.proba[:, 1].tolist() == [0.002, 0.004, 0.006]
    assert decisions.label.tolist() == ["a", "a", "a"]
    assert decisions.seconds is None
    assert decoder.sample == 8


def test_a_stride_longer_than_the_window_leaves_samples_out():
    decoder = StreamDecoder(LastValue(), stride_samples=5, dtype="float64")
    assert decoder.push(counting(20)).proba[:, 1].tolist() == [0.002, 0.007, 0.012, 0.017]


def test_seconds_are_those_of_the_end_of_the_window():
    decoder = StreamDecoder(LastValue(), stride=0.5, sfreq=4)
    assert decoder.stride == 2
    assert decoder.push(counting(6)).seconds.tolist() == [0.75, 1.25]


def test_answers_are_bit_for_bit_those_of_single_windows(pipe):
    stops, proba = in_chunks(StreamDecoder(pipe, stride_samples=STRIDE), STREAM, [])
    alone = [pipe.predict_proba(STREAM[None, :, start : start + SIZE])[0] for start in STARTS]
    assert stops.tolist() == [start + SIZE for start in STARTS]
    np.testing.assert_array_equal(proba, np.stack(alone), strict=True)
    assert len(np.unique(proba[:, 0])) > 10


def test_answers_are_those_of_windows_in_a_batch_but_for_rounding(pipe):
    windows = SlidingWindows(window_size_samples=SIZE, stride_samples=STRIDE).fit_transform(
        STREAM[None]
    )[0]
    _, proba = in_chunks(StreamDecoder(pipe, stride_samples=STRIDE), STREAM, [])
    picked = windows[:, [3, 0, 2]]
    np.testing.assert_allclose(proba, pipe[-1].predict_proba(picked), rtol=0, atol=2e-6)


@pytest.mark.parametrize("smoothing", [None, 50])
@pytest.mark.parametrize("lengths", [[1] * 700, [0, 63, 0, 1, 0, 600], [300, 7, 7], [65] * 10])
def test_chunks_change_no_bit(pipe, lengths, smoothing):
    decoder = StreamDecoder(pipe, stride_samples=STRIDE, smoothing=smoothing)
    stops, proba = in_chunks(decoder, STREAM, [])
    stops_in_chunks, proba_in_chunks = in_chunks(decoder, STREAM, lengths)
    np.testing.assert_array_equal(stops_in_chunks, stops)
    np.testing.assert_array_equal(proba_in_chunks, proba, strict=True)


def test_a_chunk_may_be_written_over_afterwards(pipe):
    decoder = StreamDecoder(pipe, stride_samples=STRIDE)
    _, expected = in_chunks(decoder, STREAM, [])
    decoder.reset()
    chunk = np.empty((4, 50), "float32")
    parts = []
    for start in range(0, 700, 50):
        chunk[:] = STREAM[:, start : start + 50]
        parts.append(decoder.push(chunk).proba)
        chunk[:] = 1e6
    np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_a_classifier_without_a_pipeline_will_do():
    windows = SlidingWindows(window_size_samples=SIZE).fit_transform(TRIALS.X)
    network = MSiMambaClassifier(**TINY).fit(windows, TRIALS.y)
    decoder = StreamDecoder(network, stride_samples=STRIDE)
    assert (decoder.n_channels, decoder.size) == (4, SIZE)
    proba = decoder.push(STREAM[:, : SIZE + STRIDE]).proba
    second = network.predict_proba(STREAM[None, :, STRIDE : STRIDE + SIZE])
    np.testing.assert_array_equal(proba[1], second[0])


def test_the_best_pipeline_of_a_search_and_pipelines_in_pipelines_will_do():
    inner = make_pipeline(ChannelPicker([0, 2]), SlidingWindows(window_size_samples=128))
    pipe = make_pipeline("passthrough", inner, band_power())
    search = GridSearchCV(pipe, {"pipeline": [inner]}, cv=2)
    search.fit(TRIALS.X, TRIALS.y)
    decoder = StreamDecoder(search, stride_samples=100)
    assert (decoder.n_channels, decoder.size) == (4, 128)
    expected = search.predict_proba(STREAM[None, :, 100:228])
    np.testing.assert_array_equal(decoder.push(STREAM[:, :228]).proba[1], expected[0])


# Smoothing


def test_smoothing_is_a_mean_with_halving_weights(pipe):
    raw = StreamDecoder(pipe, stride_samples=STRIDE).push(STREAM).proba.astype(float)
    smooth = StreamDecoder(pipe, stride_samples=STRIDE, smoothing=60).push(STREAM).proba
    expected = pd.DataFrame(raw).ewm(halflife=60 / STRIDE, adjust=True).mean()
    np.testing.assert_allclose(smooth, expected, rtol=1e-12)
    np.testing.assert_allclose(smooth.sum(1), 1, rtol=1e-6)
    assert np.abs(smooth - raw).max() > 1e-3


def test_the_half_life_is_in_seconds_with_a_rate(pipe):
    seconds = StreamDecoder(pipe, stride=STRIDE / 128, smoothing=60 / 128, sfreq=128)
    points = StreamDecoder(pipe, stride_samples=STRIDE, smoothing=60)
    np.testing.assert_array_equal(seconds.push(STREAM).proba, points.push(STREAM).proba)
    assert seconds.delay == pytest.approx(points.delay / 128)


def test_the_delay_is_the_mean_age_of_what_a_decision_is_made_of():
    assert StreamDecoder(LastValue(), stride_samples=2).delay == 1.5
    decoder = StreamDecoder(LastValue(), stride_samples=2, smoothing=10, dtype="float64")
    # of a value that rises with time, the mean lags behind by the mean age of decisions
    decisions = decoder.push(counting(901))
    lag = (decisions.stop[-1] - 1) / 1000 - decisions.proba[-1, 1]
    assert decoder.delay == pytest.approx(1.5 + 1000 * lag, rel=1e-6)


# State


def test_reset_forgets_samples_and_decisions(pipe):
    decoder = StreamDecoder(pipe, stride_samples=STRIDE, smoothing=60)
    first = decoder.push(STREAM[:, :300]).proba
    decoder.reset()
    np.testing.assert_array_equal(decoder.push(STREAM[:, :300]).proba, first)


def test_after_a_gap_time_goes_on_and_no_window_reaches_across():
    decoder = StreamDecoder(LastValue(), stride=2, sfreq=2, smoothing=1, dtype="float64")
    decoder.push(counting(4))
    decoder.reset(sample=100)
    assert decoder.push(counting(2, first=100)).stop.tolist() == []
    decisions = decoder.push(counting(1, first=102))
    assert decisions.stop.tolist() == [103]
    assert decisions.seconds.tolist() == [51.5]
    assert decisions.proba[0, 1] == pytest.approx(0.102)


def test_memory_is_that_of_one_window():
    decoder = StreamDecoder(LastValue(), stride_samples=2, smoothing=4)
    chunk = counting(50)
    size = len(pickle.dumps(decoder))
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
    assert grown < 3000  # bytes; the samples pushed were 320 000
    assert len(pickle.dumps(decoder)) < size + 300


def test_a_decoder_goes_on_after_pickling(pipe):
    decoder = StreamDecoder(pipe, stride_samples=STRIDE, smoothing=60)
    decoder.push(STREAM[:, :333])
    loaded = pickle.loads(pickle.dumps(decoder))
    np.testing.assert_array_equal(
        loaded.push(STREAM[:, 333:]).proba, decoder.push(STREAM[:, 333:]).proba
    )


def good_and_then(bad_channel, bad_time, value):
    chunk = STREAM[:, 100:300].copy()
    chunk[bad_channel, bad_time] = value
    return chunk


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (STREAM[:3, 100:300], r"the 4 channels .*, got \(3, 200\)\.$"),
        (STREAM[:, 100:300].T, r"the 4 channels .*, got \(200, 4\)\. Pass samples\.T\."),
        (STREAM[:, 100], r"\(n_channels, n_new\).*got \(4,\)"),
        (STREAM[None, :, 100:300], r"got \(1, 4, 200\)"),
        (good_and_then(2, 150, np.nan), r"in channel F3, first at time index 250"),
        (good_and_then([3, 1], 5, np.inf), r"in channel Fp2, F4, first at time index 105"),
        (good_and_then(0, 0, 1.0).astype(float) * 1e300, "infinity in channel Fp1, Fp2, F3, F4"),
        (STREAM[:, 100:300].astype(complex), "must be real numbers, got complex128"),
        (STREAM[:, 100:300].astype(str), "must be real numbers"),
    ],
)
def test_bad_samples_are_refused_and_change_nothing(pipe, bad, message):
    decoder = StreamDecoder(pipe, stride_samples=STRIDE, smoothing=60)
    expected = decoder.push(STREAM).proba
    decoder.reset()
    before = decoder.push(STREAM[:, :100]).proba
    with pytest.raises(ValueError, match=message):
        decoder.push(bad)
    assert decoder.sample == 100
    after = decoder.push(STREAM[:, 100:]).proba
    np.testing.assert_array_equal(np.concatenate([before, after]), expected)


def test_channels_without_names_are_called_by_number():
    decoder = StreamDecoder(LastValue(), stride_samples=2)
    with pytest.raises(ValueError, match="in channel 1, first at time index 0"):
        decoder.push([[0.0], [np.nan]])


def test_a_network_that_fails_in_the_middle_of_a_chunk_changes_nothing():
    decoder = StreamDecoder(LastValue(), stride_samples=2, smoothing=4, dtype="float64")
    expected = decoder.push(counting(30)).proba
    decoder.reset()
    before = decoder.push(counting(10)).proba
    decoder.estimator.fails_from = 0.02
    with pytest.raises(RuntimeError, match="accelerator"):
        decoder.push(counting(20, first=10))
    decoder.estimator.fails_from = np.inf
    after = decoder.push(counting(20, first=10)).proba
    np.testing.assert_array_equal(np.concatenate([before, after]), expected)


# What can be streamed


def fit_with(*steps):
    """A pipeline with these steps before windows."""
    pipe = make_pipeline(*steps, SlidingWindows(window_size_samples=128), band_power())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "EuclideanAlignment got no groups")
        return pipe.fit(TRIALS.X, TRIALS.y)


def unit_variance(X):
    return X / X.std(-1, keepdims=True)


def smooth_in_time(X):
    return X - np.roll(X, 1, axis=-1)


def every_second_point(X):
    return X[..., ::2]


@pytest.mark.parametrize(
    "function", [unit_variance, smooth_in_time, every_second_point], ids=lambda f: f.__name__
)
def test_steps_that_look_beyond_the_window_are_refused(function):
    with pytest.raises(ValueError, match="FunctionTransformer makes something else of a window"):
        StreamDecoder(
            fit_with(ChannelPicker(), FunctionTransformer(function)), stride_samples=STRIDE
        )


def centre_bag(bags):
    return bags - bags.mean(1, keepdims=True)


def test_steps_that_look_at_the_other_windows_of_the_bag_are_refused():
    power = band_power(bands={"alpha": (8, 13)})
    pipe = make_pipeline(
        SlidingWindows(window_size_samples=64), FunctionTransformer(centre_bag), power
    )
    with pytest.raises(ValueError, match="FunctionTransformer makes something else of a window"):
        StreamDecoder(pipe.fit(TRIALS.X, TRIALS.y), stride_samples=STRIDE)


@pytest.mark.parametrize("mode", ["unlabelled", "calibration"])
def test_steps_that_need_the_other_trials_of_the_person_are_refused(mode):
    message = rf"EuclideanAlignment needs other trials .*\({mode}.*mode='source-only'"
    with pytest.raises(ValueError, match=message):
        StreamDecoder(fit_with(EuclideanAlignment(mode, n_calibration=1)), stride_samples=STRIDE)


def test_steps_that_treat_every_sample_alike_are_welcome():
    pipe = fit_with(FunctionTransformer(np.negative), EuclideanAlignment("source-only"))
    decoder = StreamDecoder(pipe, stride_samples=STRIDE)
    expected = pipe.predict_proba(STREAM[None, :, :128])
    np.testing.assert_array_equal(decoder.push(STREAM[:, :128]).proba, expected)


def test_an_estimator_that_knows_no_windows_is_told_what_would():
    power = make_pipeline(BandPower(128), LinearDiscriminantAnalysis()).fit(TRIALS.X, TRIALS.y)
    message = r"LinearDiscriminantAnalysis does not\. Fit WindowVotingClassifier\(Linear"
    with pytest.raises(ValueError, match=message):
        StreamDecoder(power, stride_samples=STRIDE)


def test_an_estimator_without_probabilities_is_refused():
    class Silent(LastValue):
        predict_proba = property()

    with pytest.raises(ValueError, match="no probabilities for a window of 2 channels x 3"):
        StreamDecoder(Silent(), stride_samples=2)


def test_an_estimator_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        StreamDecoder(
            make_pipeline(SlidingWindows(window_size_samples=64), MSiMambaClassifier()),
            stride_samples=STRIDE,
        )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"stride": 0}, "stride must be at least one time point, got 0"),
        ({"stride": 0.5}, "stride must be a whole number of time points, got 0.5"),
        ({"stride": 2, "smoothing": 0}, "smoothing must be a positive number, got 0"),
        ({"stride": 2, "smoothing": "4"}, "smoothing must be a positive number, got '4'"),
        ({"stride": 2, "sfreq": -1}, "sfreq must be a positive number, got -1"),
        ({"stride": 2, "dtype": "int16"}, "dtype must be float32 or float64, got 'int16'"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        StreamDecoder(LastValue(), **params)


def test_a_stream_of_another_rate_is_refused():
    pipe = make_pipeline(SlidingWindows(window_size=1.0, sfreq=128), band_power()).fit(
        TRIALS.X, TRIALS.y
    )
    assert StreamDecoder(pipe, stride=0.5, sfreq=128.0).size == 128
    with pytest.raises(ValueError, match=r"sfreq=250, but the windows .* cut at 128 Hz"):
        StreamDecoder(pipe, stride=0.5, sfreq=250)
