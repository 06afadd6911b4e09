"""Answers while the recording goes on."""

from __future__ import annotations

import copy
from numbers import Real
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._windows import to_samples
from .preprocessing import SlidingWindows

__all__ = ["StreamDecoder"]

CLOSE = 1e-4  # of the largest value: above the rounding of float32, below the edges of a filter


class StreamPredictions(NamedTuple):
    """What a chunk of samples completed, one row a decision."""

    stop: np.ndarray  # of shape (n_decisions,)
    seconds: np.ndarray | None
    proba: np.ndarray  # of shape (n_decisions, n_classes)
    label: np.ndarray  # of shape (n_decisions,)


class StreamDecoder:
    """Answer from a stream of samples, once every stride, with a fitted pipeline.

    Samples come in chunks of any length, as an amplifier delivers them. As soon as a window is
    full, and from then on after every stride, the pipeline is asked about the last window. What it
    answers does not depend on how the samples were cut into chunks.

    Parameters
    ----------
    estimator : Pipeline or classifier
        A fitted classifier of windows such as :class:`~skmamba.MSiMambaClassifier`, or a pipeline
        that ends in one. Its windows are those of the stream.
    stride : float, default=None
        Seconds between two predictions; None is the window length.
    stride_samples : int, default=None
        The same in samples. Takes precedence over ``stride``.
    smoothing : float, default=None
        Half-life of the exponential smoothing of probabilities, in seconds. None returns the
        probabilities of each window.
    sfreq : float, default=None
        Sampling rate in hertz. None takes that of the :class:`~skmamba.SlidingWindows` in the
        pipeline.
    dtype : {"float32", "float64"}, default="float32"
        Of the samples as the pipeline gets them: that of the data it was fitted on. ``Trials``
        hold float32.

    Attributes
    ----------
    window_size_samples_, stride_samples_ : int
        Window length and stride in samples.
    sfreq_ : float or None
        Sampling rate in hertz, if it is known.
    n_channels : int
        Number of channels of the stream.
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the probabilities.

    Raises
    ------
    ValueError
        If a parameter does not fit, or ``estimator`` knows no windows, or a step of it makes
        something else of a window than of a whole trial.
    sklearn.exceptions.NotFittedError
        If ``estimator`` is not fitted.

    See Also
    --------
    SlidingWindows : The same windows of recordings that are complete.

    Notes
    -----
    Decision ``n`` is over the samples from ``n * stride`` up to ``n * stride + size``. Without
    smoothing it has bit for bit the probabilities of ``estimator.predict_proba`` for a trial that
    is this one window. In a longer trial the network gets windows by the batch, and its sums round
    otherwise: by up to 2e-7 in 468 windows of EEGMAT, of which a third were the same to the last
    bit.

    With smoothing, decision ``n`` is the mean of all decisions ``p_0 ... p_n`` so far, where a
    decision's weight halves with every half-life::

        s_n = sum_i a ** (n - i) * p_i / sum_i a ** (n - i),    a = 2 ** (-stride / smoothing)

    The rule is ours; dividing by the sum of the weights keeps the first decisions from counting
    for more than their share, and rows add up to one.

    Two delays are there before any computer gets slow. A window of ``size`` points has nothing but
    the new state only ``size`` points after a change, and its middle is half as old. Smoothing
    adds ``a / (1 - a)`` strides of mean age. :attr:`delay` is the sum of both ages: 2 s windows,
    decisions every 0.5 s and a half-life of 2 s have 1 + 2.64 s. The time to compute a decision
    comes on top and has to be less than the stride: it was 4 to 7 ms (4 channels of 19, 256 time
    points, the default network, one thread of a busy 2-core machine).

    A stream loses samples. NaN and infinity are refused, with the channel's name, and nothing of
    the chunk is taken: fill the gap, or go on behind it with :meth:`reset`, so that no window
    reaches across.

    Memory is that of one window, however long the stream.

    Steps before the network have to make of a window what they make of the same stretch of a
    trial, as :class:`~skmamba.ChannelPicker` does. This is tried on noise at the start: filters,
    scaling by a trial's own statistics and alignment by the test subject's trials are refused.
    No groups reach the steps, so that whoever streams counts as a new person.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows, simulate_trials
    >>> trials = simulate_trials(n_subjects=3, n_trials=4)
    >>> pipe = make_pipeline(
    ...     ChannelPicker("frontal", ch_names=trials.ch_names),
    ...     SlidingWindows(128),
    ...     MSiMambaClassifier(max_epochs=1, random_state=0),
    ... )
    >>> decoder = StreamDecoder(
    ...     pipe.fit(trials.X, trials.y), stride=0.5, smoothing=1.0, sfreq=trials.sfreq
    ... )
    >>> decoder
    <StreamDecoder: 4 channels, windows of 128 samples, stride 64; delay 1.71 s>
    >>> stream = trials.X[0]
    >>> decoder.push(stream[:, :100]).proba.shape
    (0, 2)
    >>> decisions = decoder.push(stream[:, 100:300])
    >>> decisions.stop.tolist(), decisions.seconds.tolist(), decisions.proba.shape
    ([128, 192, 256], [1.0, 1.5, 2.0], (3, 2))
    """

    classes_: NDArray[Any]
    size: int
    n_channels: int
    _state: _State

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        stride: float | None = None,
        stride_samples: int | None = None,
        smoothing: float | None = None,
        sfreq: float | None = None,
        dtype: Literal["float32", "float64"] = "float32",
    ) -> None:
        check_is_fitted(estimator)
        if sfreq is not None:
            _check_positive("sfreq", sfreq)
        if smoothing is not None:
            _check_positive("smoothing", smoothing)
        if dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be float32 or float64, got {dtype!r}.")
        self.estimator = getattr(estimator, "best_estimator_", estimator)
        self.sfreq = sfreq
        self.stride = stride
        self.stride_samples = stride_samples
        self.smoothing = smoothing
        self.dtype = dtype
        *steps, model = _leaves(self.estimator)
        self.window_size_samples_, self.n_channels = _read_sizes(steps, model)
        self.classes_ = self.estimator.classes_
        self.sfreq_ = _find_sfreq(steps, sfreq)
        self.stride_samples_ = self.window_size_samples_
        if stride is not None or stride_samples is not None:
            self.stride_samples_ = to_samples("stride", stride, stride_samples, self.sfreq_)
        _check_steps(steps, self.n_channels, self.window_size_samples_, dtype)
        self._warm_up()
        self._keep = 0.0
        if smoothing is not None:
            if self.sfreq_ is None:
                raise ValueError(
                    f"smoothing={smoothing!r} is in seconds and requires sfreq, got sfreq=None."
                )
            self._keep = 2 ** (-self.stride_samples_ / (smoothing * self.sfreq_))
        self._names = getattr(steps[0], "ch_names", None) if steps else None
        self.reset()

    @property
    def delay(self) -> float:
        """Mean age of the samples behind a decision: seconds, or time points without ``sfreq``."""
        smoothing = self.stride_samples_ * self._keep / (1 - self._keep)
        return (self.window_size_samples_ / 2 + smoothing) / (self.sfreq_ or 1)

    @property
    def sample(self) -> int:
        """Time index of the next sample, counted from the start of the stream."""
        return self._state.sample

    def push(self, samples: ArrayLike) -> StreamPredictions:
        """Take in samples, and decide at the end of every stride that they complete.

        Parameters
        ----------
        samples : array-like of shape (n_channels, n_new)
            What came since the last call, in the unit of the data that the estimator was fitted
            on; any number of time points, 0 included.

        Returns
        -------
        decisions : Decisions
            A named tuple of ``stop``, ndarray of shape (n_decisions,): time index of the first
            sample after the window; ``seconds``, the same in seconds, or None without ``sfreq``;
            ``proba``, ndarray of shape (n_decisions, n_classes); and ``label``, ndarray of shape
            (n_decisions,), the most probable class. Often there are no decisions, sometimes many.

        Raises
        ------
        ValueError
            If ``samples`` has another number of channels, or holds NaN or infinity. The decoder is
            then as it was before.
        """
        samples = self._check_samples(samples)
        state = copy.deepcopy(self._state)  # kept only if every window gets its answer
        stops, proba = [], []
        while samples.shape[1]:
            n_taken = min(samples.shape[1], state.next_stop - state.sample)
            state.shift_in(samples[:, :n_taken])
            samples = samples[:, n_taken:]
            if state.sample == state.next_stop:
                # One window at a time: in a batch its probabilities would be rounded otherwise.
                (answer,) = self.estimator.predict_proba(state.window[None])
                stops.append(state.sample)
                proba.append(self._smooth(state, answer))
                state.next_stop += self.stride_samples_
        self._state = state
        return self._report(stops, proba)

    def reset(self, sample: int = 0) -> None:
        """Forget all samples and decisions: after a gap, or for the next recording.

        Parameters
        ----------
        sample : int, default=0
            Time index of the sample that comes next.
        """
        window = np.zeros((self.n_channels, self.window_size_samples_), self.dtype)
        self._state = _State(window, int(sample), self.window_size_samples_)

    def __repr__(self):
        unit = "samples" if self.sfreq_ is None else "s"
        return (
            f"<StreamDecoder: {self.n_channels} channels, windows of {self.window_size_samples_} "
            f"samples, stride {self.stride_samples_}; delay {self.delay:.3g} {unit}>"
        )

    def _warm_up(self):
        """Ask once about noise: errors come now, and so do the costs of a first call."""
        noise = _noise((1, self.n_channels, self.window_size_samples_), self.dtype)
        try:
            self._empty = self.estimator.predict_proba(noise)[:0]
        except (AttributeError, ValueError) as error:
            raise ValueError(
                f"estimator gives no probabilities for a window of {self.n_channels} channels x "
                f"{self.window_size_samples_} samples: {error}"
            ) from error

    def _check_samples(self, samples):
        samples = np.asarray(samples)
        if samples.ndim != 2 or samples.shape[0] != self.n_channels:
            swapped = samples.ndim == 2 and samples.shape[1] == self.n_channels
            raise ValueError(
                f"samples must be of shape (n_channels, n_new), with the {self.n_channels} "
                f"channels that the estimator was fitted on, got {samples.shape}."
                + (" Pass samples.T." if swapped else "")
            )
        if samples.dtype.kind not in "iuf":
            raise ValueError(f"samples must be real numbers, got {samples.dtype}.")
        with np.errstate(over="ignore"):
            samples = samples.astype(self.dtype, copy=False)
        missing = ~np.isfinite(samples)
        if missing.any():
            first = self._state.sample + missing.any(0).argmax()
            raise ValueError(
                f"samples hold NaN or infinity in {self._name(missing.any(1))}, first at time "
                f"index {first}, and none of them was taken in. Fill the gap, or go on behind it "
                "with reset(sample=...)."
            )
        return samples

    def _name(self, which):
        channels = np.flatnonzero(which)
        if self._names is None or len(self._names) != self.n_channels:
            return "channel " + ", ".join(map(str, channels))
        return "channel " + ", ".join(str(self._names[channel]) for channel in channels)

    def _smooth(self, state, answer):
        if self.smoothing is None:
            return answer
        state.total = self._keep * state.total + answer.astype(float)
        state.weight = self._keep * state.weight + 1
        return state.total / state.weight

    def _report(self, stops, proba):
        proba = np.stack(proba) if proba else self._empty
        stops = np.array(stops, dtype=np.int64)
        seconds = None if self.sfreq_ is None else stops / self.sfreq_
        return StreamPredictions(stops, seconds, proba, self.classes_[proba.argmax(1)])


class _State:
    """What a decoder remembers: one window, and where it stands."""

    def __init__(self, window, sample, size):
        self.window = window
        self.sample = sample  # time index of the next one
        self.next_stop = sample + size
        self.total = 0.0  # of the answers so far, each with its weight
        self.weight = 0.0

    def shift_in(self, samples):
        """Let the oldest samples go and put new ones behind the others."""
        self.sample += samples.shape[1]
        samples = samples[:, -self.window.shape[1] :]
        n_old = self.window.shape[1] - samples.shape[1]
        self.window[:, :n_old] = self.window[:, samples.shape[1] :]
        self.window[:, n_old:] = samples


def _leaves(estimator):
    """List the steps of a pipeline, also those of pipelines in it; the classifier is the last."""
    if not isinstance(estimator, Pipeline):
        return [estimator]
    steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
    return [leaf for step in steps for leaf in _leaves(step)]


def _read_sizes(steps, model):
    """Time points of a window and channels of the stream, as fitted."""
    sizes = [step.window_size_samples_ for step in steps if isinstance(step, SlidingWindows)]
    size = sizes[0] if sizes else getattr(model, "n_times_", None)
    channels = getattr(model, "n_chans_", None)
    if steps:
        channels = getattr(steps[0], "n_features_in_", channels)
    if size is None or channels is None:
        raise ValueError(
            f"estimator must know the size of its windows, and {type(model).__name__} does not. "
            f"Fit WindowVotingClassifier({type(model).__name__}(...)) in its place."
        )
    return size, channels


def _check_steps(steps, n_channels, size, dtype):
    """Refuse steps that make something else of a window than of the trial it is part of."""
    strides = [step.stride_samples_ for step in steps if isinstance(step, SlidingWindows)]
    starts = [0, *strides[:1]]
    whole = _noise((2, n_channels, size + starts[-1]), dtype)
    places = [(row, number) for row in (0, 1) for number in range(len(starts))]
    alone = [whole[[row], :, starts[number] :][..., :size] for row, number in places]
    for step in steps:
        _check_not_transductive(step)
        whole, alone = step.transform(whole), [step.transform(part) for part in alone]
        for (row, number), part in zip(places, alone, strict=True):
            there = whole[row]
            if whole.ndim == 3:
                there = there[:, starts[number] :][:, :size]
            elif whole.ndim == 4:
                there = there[[number]]
            if not _is_close(part[0], there):
                raise ValueError(
                    f"{type(step).__name__} makes something else of a window than of the trial "
                    "that it is part of, so the stream would not be what the classifier was "
                    "fitted on. Do without the step, or fit on trials that are single windows."
                )


def _noise(shape, dtype):
    """As strong as EEG in microvolt, and the same every time."""
    return (10 * np.random.default_rng(0).standard_normal(shape)).astype(dtype)


def _find_sfreq(steps, sfreq):
    """Return the sampling rate, given or that of the windows; raise if they differ."""
    for step in steps:
        fitted = step.sfreq if isinstance(step, SlidingWindows) else None
        if sfreq is not None and fitted is not None and not np.isclose(sfreq, fitted):
            raise ValueError(
                f"sfreq must be {fitted:g} Hz, the rate at which the estimator's windows were cut, "
                f"got {sfreq:g}. Resample the stream first."
            )
        sfreq = fitted if sfreq is None else sfreq
    return sfreq


def _check_not_transductive(step):
    kind = getattr(step, "transductive", "")
    if kind:
        raise ValueError(
            f"{type(step).__name__} needs other trials of the person it transforms ({kind}), and a "
            "stream has none. Use mode='source-only'."
        )


def _is_close(x, y):
    return x.shape == y.shape and np.allclose(x, y, rtol=0, atol=CLOSE * np.abs(y).max())


def _check_positive(name: str, value: float) -> None:
    if not (isinstance(value, Real) and 0 < value < np.inf):
        raise ValueError(f"{name} must be a positive number, got {value!r}.")
