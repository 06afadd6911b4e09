"""Prediction on a stream of samples with a fitted pipeline."""

from __future__ import annotations

import copy
import warnings
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ._mne import get_fitted_sfreq
from ._parallel import PROCESS_LOCK
from ._scaling import find_flat
from ._steps import list_steps
from ._validation import as_numbers, check_int, check_number, check_option
from ._windows import to_samples
from .adaptation import calibrate
from .preprocessing import SlidingWindows

__all__ = ["StreamDecoder", "StreamPredictions"]

TOLERANCE = 1e-4  # of the largest value: above rounding of float32, below filter edge effects


class StreamPredictions(NamedTuple):
    """Predictions for the windows that a call of :meth:`StreamDecoder.push` completed.

    Parameters
    ----------
    stop : ndarray of shape (n_predictions,)
        Time index of the first sample after each window.
    seconds : ndarray of shape (n_predictions,) or None
        The same in seconds, if the sampling rate is known.
    proba : ndarray of shape (n_predictions, n_classes)
        Class probabilities.
    label : ndarray of shape (n_predictions,)
        Most probable class.
    """

    stop: np.ndarray
    seconds: np.ndarray | None
    proba: np.ndarray
    label: np.ndarray


class StreamDecoder:
    """Predict once per stride from a stream of samples, with a fitted pipeline.

    Samples are passed in chunks of any length. The first prediction is made when one window is
    complete, the next ones after every stride; before smoothing, each is bitwise equal to
    ``estimator.predict_proba`` of its window alone. Steps that filter, such as
    :class:`~skmamba.preprocessing.SubjectWhitening`, add their delay. See the
    :doc:`user guide </user_guide/streaming>`.

    Parameters
    ----------
    estimator : Pipeline, classifier or SavedModel
        A fitted classifier of windows such as :class:`~skmamba.MSiMambaClassifier`, a pipeline
        or search that ends in one, or the result of :func:`~skmamba.load_model`. It is not
        copied: do not fit it again while the decoder is in use.
    reference : array-like of shape (n_channels, n_reference_times), default=None
        Unlabelled EEG of the subject, recorded before the stream, with which the estimator is
        calibrated (:func:`~skmamba.calibrate`). Required if it uses references and is not yet
        calibrated. ``MSiMambaClassifier(adaptation="causal")`` then also uses each window.
    stride : float, default=None
        Time between two predictions in seconds. None is the window length.
    stride_samples : int, default=None
        The same in samples. Takes precedence over ``stride``.
    smoothing : float, default=None
        Half-life of the exponential smoothing of probabilities, in seconds.
    sfreq : float, default=None
        Sampling rate of the stream in hertz. None uses that of the saved model or of the fitted
        steps.
    dtype : {"float32", "float64"}, default="float32"
        Data type of the samples passed to the pipeline, as in the training data.

    Attributes
    ----------
    window_size_samples_, stride_samples_ : int
        Window length and stride in samples.
    sfreq_ : float or None
        Sampling rate in hertz, if known.
    n_channels : int
        Number of channels of the stream.
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the probabilities.

    Raises
    ------
    ValueError
        If the estimator is a regressor or requires a reference, or a parameter is invalid.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows, StreamDecoder
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=3, n_trials=4)
    >>> windows = SlidingWindows(1.0)
    >>> pipe = make_pipeline(windows, MSiMambaClassifier(max_epochs=1, random_state=0))
    >>> decoder = StreamDecoder(pipe.fit(trials, trials.y), stride=0.5, smoothing=1.0)
    >>> decoder
    <StreamDecoder: 4 channels, windows of 128 samples, stride 64; delay 1.71 s>
    >>> decoder.push(trials.X[0, :, :100]).proba.shape
    (0, 2)
    >>> predictions = decoder.push(trials.X[0, :, 100:300])
    >>> predictions.stop.tolist(), predictions.seconds.tolist(), predictions.proba.shape
    ([128, 192, 256], [1.0, 1.5, 2.0], (3, 2))
    """

    classes_: NDArray[Any]
    _state: SimpleNamespace  # the last samples, classifier, and weighted sum of predictions

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        reference: ArrayLike | None = None,
        stride: float | None = None,
        stride_samples: int | None = None,
        smoothing: float | None = None,
        sfreq: float | None = None,
        dtype: Literal["float32", "float64"] = "float32",
    ) -> None:
        saved = estimator if hasattr(estimator, "card") else None  # a SavedModel
        estimator = getattr(saved, "estimator", estimator)
        check_is_fitted(estimator)
        for name, value in (("sfreq", sfreq), ("smoothing", smoothing)):
            if value is not None:
                check_number(name, value)
        check_option("dtype", dtype, ("float32", "float64"))
        self.estimator = getattr(estimator, "best_estimator_", estimator)
        if reference is not None:
            self.estimator = calibrate(self.estimator, reference)
        if not hasattr(self.estimator, "classes_"):
            raise ValueError(
                f"estimator must be a classifier, got {type(self.estimator).__name__}."
            )
        self.stride, self.stride_samples, self.sfreq = stride, stride_samples, sfreq
        self.smoothing, self.dtype = smoothing, dtype
        self.classes_ = self.estimator.classes_
        *steps, classifier = list_steps(self.estimator)
        windows = [step for step in steps if isinstance(step, SlidingWindows)]
        self.sfreq_ = _resolve_sfreq([saved, *steps, classifier], sfreq)
        self.window_size_samples_, self.n_channels = _get_shape(steps, windows, classifier)
        self.stride_samples_ = self.window_size_samples_
        if stride is not None or stride_samples is not None:
            self.stride_samples_ = to_samples("stride", stride, stride_samples, self.sfreq_)
        self._decay = 0.0
        if smoothing is not None:
            if self.sfreq_ is None:
                raise ValueError(f"smoothing={smoothing!r} requires sfreq, got sfreq=None.")
            self._decay = 2 ** (-self.stride_samples_ / (smoothing * self.sfreq_))
        first = [*steps, classifier][0]
        names = [getattr(saved, "ch_names", None), getattr(first, "ch_names_in_", None)]
        self._channels = next((n for n in names if n is not None), range(self.n_channels))
        self._picks = np.arange(self.n_channels)[getattr(first, "picks_", slice(None))]
        inner = getattr(classifier, "estimator_", None)  # of a WindowVotingClassifier
        _check_adaptation([*steps, classifier, *([] if inner is None else list_steps(inner))])
        _check_steps(steps, windows, self.window_size_samples_, self._make_noise)
        n_filters = max((i + 1 for i, s in enumerate(steps) if hasattr(s, "delay_")), default=0)
        self._filters, self._steps = steps[:n_filters], steps[n_filters:]
        self._classifier = classifier
        self._delay = sum(getattr(step, "delay_", 0) for step in steps)
        noise = self._make_noise(1, self.window_size_samples_)
        try:
            # Noise has another spread than the training data.
            with PROCESS_LOCK, warnings.catch_warnings(action="ignore"):
                self._no_proba = self.estimator.predict_proba(noise)[:0]
        except (AttributeError, ValueError) as error:
            raise ValueError(
                f"estimator must predict probabilities of windows of shape {noise.shape[1:]}: "
                f"{error}"
            ) from error
        self._flat: set[int] = set()  # channels of which a warning was given
        self._warned: set[tuple[type[Warning], str, int]] = set()
        self.reset()

    @property
    def delay(self) -> float:
        """Mean age of the samples used by a prediction, in seconds (in samples without sfreq)."""
        smoothing = self.stride_samples_ * self._decay / (1 - self._decay)
        return (self.window_size_samples_ / 2 + self._delay + smoothing) / (self.sfreq_ or 1)

    @property
    def sample(self) -> int:
        """Time index of the next sample, counted from the start of the stream."""
        return self._state.sample

    def push(self, samples: ArrayLike) -> StreamPredictions:
        """Add samples and return the predictions for all windows that they complete.

        If this raises an error, the decoder is unchanged.

        Parameters
        ----------
        samples : array-like of shape (n_channels, n_new)
            Samples since the last call, in the unit of the training data; finite.

        Returns
        -------
        predictions : StreamPredictions
            One row per completed window.

        Raises
        ------
        ValueError
            If the samples have another shape or are not finite.
        """
        samples = self._validate_samples(samples)
        state = copy.copy(self._state)  # replaces the old one only if all predictions succeed
        stops, proba = [], []
        while samples.shape[1]:
            n_new = min(samples.shape[1], state.next_stop - state.sample)
            new, samples = samples[:, :n_new], samples[:, n_new:]
            n_kept = state.buffer.shape[1]
            state.buffer = np.concatenate([state.buffer, new], axis=1)[:, -n_kept:]
            state.sample += n_new
            if state.sample == state.next_stop:
                self._warn_of_flat(state)
                # One window at a time: the rounding of a batch depends on its size.
                window_proba = self._predict_window(state)
                stops.append(state.sample - self._delay)
                if self.smoothing is not None:
                    state.total = self._decay * state.total + window_proba.astype(float)
                    state.weight = self._decay * state.weight + 1
                    window_proba = state.total / state.weight
                proba.append(window_proba)
                state.next_stop += self.stride_samples_
        self._state = state
        stop, proba = np.array(stops, dtype=np.int64), np.array(proba or self._no_proba)
        seconds = None if self.sfreq_ is None else stop / self.sfreq_
        return StreamPredictions(stop, seconds, proba, self.classes_[proba.argmax(1)])

    def _warn_of_flat(self, state):
        """Warn once of each channel that is flat in a window."""
        window = state.buffer[self._picks, -self.window_size_samples_ :]
        new = sorted({*self._picks[find_flat(window)].tolist()} - self._flat)
        if new:
            warnings.warn(
                f"Channel {', '.join(str(self._channels[i]) for i in new)} is flat in the window "
                f"before time index {state.sample}. Unless it is so in the training data, an "
                "electrode may have failed, and predictions are unreliable.",
                stacklevel=3,
            )
            self._flat.update(new)

    def _predict_window(self, state):
        """Predict the last window; a warning that each window would repeat is given once."""
        size, delay = self.window_size_samples_, self._delay
        n_before = min(delay, state.sample - delay - size - state.start)  # none before the start
        with PROCESS_LOCK, warnings.catch_warnings(record=True, action="always") as caught:
            X = state.buffer[None, :, -(n_before + size + delay) :]
            for step in self._filters:
                X = step.transform(X)
            X = X[..., n_before : n_before + size]
            for step in self._steps:
                X = step.transform(X)
            (proba,) = state.classifier.predict_proba(X)
        if getattr(state.classifier, "adaptation", None) == "causal":
            # without the warnings of predict_proba
            with PROCESS_LOCK, warnings.catch_warnings(action="ignore"):
                state.classifier = state.classifier.for_subject(X.reshape(X.shape[-2:]))
        for warning in caught:
            origin = warning.category, warning.filename, warning.lineno
            if origin not in self._warned:
                warnings.warn(warning.message, stacklevel=3)
                self._warned.add(origin)
        return proba

    def reset(self, sample: int = 0) -> None:
        """Discard all samples and predictions, after a gap or before the next recording.

        Parameters
        ----------
        sample : int, default=0
            Time index of the next sample.
        """
        check_int("sample", sample, minimum=0, maximum=2**62)
        start, n_samples = int(sample), self.window_size_samples_ + self._delay
        self._state = SimpleNamespace(
            buffer=np.zeros((self.n_channels, n_samples + self._delay), self.dtype),
            classifier=self._classifier,
            start=start,
            sample=start,
            next_stop=start + n_samples,
            total=0.0,
            weight=0.0,
        )

    def __repr__(self):
        unit = "samples" if self.sfreq_ is None else "s"
        return (
            f"<StreamDecoder: {self.n_channels} channels, windows of {self.window_size_samples_} "
            f"samples, stride {self.stride_samples_}; delay {self.delay:.3g} {unit}>"
        )

    def _make_noise(self, n_trials, n_times):
        """Return reproducible noise with the amplitude of EEG in microvolts."""
        rng = np.random.default_rng(0)
        noise = 10 * rng.standard_normal((n_trials, self.n_channels, n_times))
        return noise.astype(self.dtype)

    def _validate_samples(self, samples):
        samples = as_numbers(samples, "samples", f"({self.n_channels}, n_new)")
        if samples.ndim != 2 or samples.shape[0] != self.n_channels:
            raise ValueError(
                f"samples must have shape ({self.n_channels}, n_new), as the estimator was fitted "
                f"on {self.n_channels} channels, got {samples.shape}."
            )
        with np.errstate(over="ignore"):
            samples = samples.astype(self.dtype, copy=False)
        invalid = ~np.isfinite(samples)
        if invalid.any():
            channels = [str(self._channels[i]) for i in np.flatnonzero(invalid.any(1))]
            raise ValueError(
                f"samples must be finite, got NaN or infinity in channel {', '.join(channels)}, "
                f"first at time index {self.sample + invalid.any(0).argmax()}. No sample was "
                "added: fill the gap, or continue after it with reset(sample=...)."
            )
        return samples


def _get_shape(steps, windows, classifier):
    """Return the window length and the number of channels of the stream, as fitted."""
    size = windows[0].window_size_samples_ if windows else getattr(classifier, "n_times_", None)
    n_channels = getattr(classifier, "n_chans_", None)
    if steps:
        n_channels = getattr(steps[0], "n_features_in_", n_channels)
    if size is None or n_channels is None:
        raise ValueError(
            f"estimator must have a window length, got {type(classifier).__name__} without one: "
            "fit WindowVotingClassifier(estimator) on windows, with all steps that compute "
            "features inside it."
        )
    return size, n_channels


def _resolve_sfreq(sources, sfreq):
    """Return the sampling rate of the stream; raise ValueError if those of sources differ."""
    for source in sources:
        fitted = get_fitted_sfreq(source)
        if sfreq is not None and fitted is not None and not np.isclose(sfreq, fitted):
            raise ValueError(
                f"sfreq must be {fitted:g} Hz, the sampling rate of the training data, got "
                f"{sfreq:g}: resample the stream."
            )
        sfreq = fitted if sfreq is None else sfreq
    return sfreq


def _check_adaptation(steps):
    """Raise ValueError if a step uses the test subject and is not calibrated for one."""
    for step in steps:
        adaptation = getattr(step, "adaptation", None)
        if adaptation and not (hasattr(step, "whitener_") or hasattr(step, "subject_statistics_")):
            hint = "pass reference, EEG of the subject at rest"
            if adaptation == "unlabelled" and hasattr(step, "predict"):
                hint = "fit it with adaptation='reference' or 'causal'"
            raise ValueError(
                "estimator must not require other trials of the subject, got "
                f"{type(step).__name__} with adaptation {adaptation!r}: {hint}."
            )


def _check_steps(steps, windows, size, make_noise):
    """Raise ValueError unless steps transform windows and parts of trials of noise equally."""
    starts = [0, windows[0].stride_samples_] if windows else [0]
    trials = make_noise(2, size + starts[-1])
    places = [(trial, number) for trial in (0, 1) for number in range(len(starts))]
    parts = [trials[[trial], :, starts[n] : starts[n] + size] for trial, n in places]
    for step in steps:
        trials, parts = step.transform(trials), [step.transform(part) for part in parts]
        if hasattr(step, "delay_"):  # the decoder passes the samples around a window, too
            parts = [trials[[trial], :, starts[n] : starts[n] + size] for trial, n in places]
        for (trial, n), part in zip(places, parts, strict=True):
            expected = trials[trial]
            if trials.ndim == 3:
                expected = expected[:, starts[n] : starts[n] + size]
            elif trials.ndim == 4:
                expected = expected[[n]]
            atol = TOLERANCE * np.abs(expected).max()
            if part[0].shape != expected.shape or not np.allclose(part[0], expected, 0, atol):
                raise ValueError(
                    "Steps must transform a window and the same part of a longer trial equally, "
                    f"which {type(step).__name__} does not: fit on trials of one window."
                )
