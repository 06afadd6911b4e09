"""Adaptation to a subject: whitening, statistics of features over windows, and predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.fft import dct, idct
from scipy.ndimage import uniform_filter1d
from sklearn.utils import check_consistent_length, gen_batches

from .._metadata import check_order, encode, get_columns, make_table
from .._scaling import find_flat
from .._selection import Selection
from ..models.msimamba import compute_spread
from ..trials import Trials
from ._skorch import PREDICT_BATCH, WindowDataset

PRIOR = 8  # weight of the training subjects in the statistics of "causal", in windows
# Statistics of "causal" need many windows of a subject in a batch, as later in a recording.
SUBJECTS_PER_BATCH = {"reference": 4, "causal": 1, "unlabelled": 4}
MAX_REFERENCE = 64  # windows of references in a training batch, unless it has many references
MIN_REFERENCE = 4  # windows of each reference, or all: the spread of one window is zero
SMOOTHING = 13  # cosine components in the moving average of a spectrum, 3 Hz of windows of 2 s
FLOOR = 1e-4  # smallest power of a component, relative to the largest of the channel


class Subjects(NamedTuple):
    """Subject, order and reference of each trial."""

    mode: str
    subject: np.ndarray  # (n_trials,), int; with "reference", only used to form batches
    order: np.ndarray  # (n_trials,), int: position in time among the trials of the subject
    reference: Selection | None = None  # (n_references, n_windows, n_chans, n_times)
    owner: np.ndarray | None = None  # (n_trials,), int: reference of each trial
    known: Statistics | None = None  # of the only subject, before its first trial
    gain: np.ndarray | None = None  # (n_chans, n_times): whitening of the only subject


def read_subjects(estimator, X, groups, n_trials):
    """Return the Subjects of X, None without adaptation; raise ValueError if X lacks them."""
    mode = estimator.adaptation
    if mode is None:
        return None
    own = X.metadata if isinstance(X, Trials) else None
    groups = make_table(groups, n_trials, "groups") if isinstance(groups, Mapping) else groups
    known = getattr(estimator, "subject_statistics_", None)
    if known is not None:
        check_consistent_length(range(n_trials), groups)
        one = np.zeros(n_trials, dtype=int)
        order = _get_order([groups, own], one, estimator)
        gain = getattr(estimator, "subject_gain_", None)
        return Subjects(mode, one, order, owner=one, known=Statistics(*known), gain=gain)
    has_subjects = groups is not None or (own is not None and "subject" in own)
    if mode != "reference" and not has_subjects:
        raise ValueError(
            f"adaptation={mode!r} requires the subject of each trial: pass Trials as X with a "
            "column 'subject', or groups, got neither."
        )
    if has_subjects:
        table = own if groups is None else groups
        (subject,) = get_columns(table, "subject", estimator=estimator, n_samples=n_trials)
        code = encode(subject)[0]
    else:
        code = np.zeros(n_trials, dtype=int)
    order = _get_order([groups, own], code, estimator)
    if mode != "reference":
        return Subjects(mode, code, order)
    reference, owner = _cut_reference(X, estimator.n_times_)
    return Subjects(mode, code if has_subjects else owner, order, reference=reference, owner=owner)


def _get_order(tables, subjects, estimator):
    """Return the position of each row in time, by the first table with trials, else its index."""
    order = np.arange(len(subjects))
    for table in tables:
        if isinstance(table, (dict, pd.DataFrame)) and "trial" in table:
            if estimator.adaptation == "causal":
                check_order(table, subjects, estimator=estimator)
            names = [name for name in ("session", "run", "trial", "window") if name in table]
            return encode(*(table[name] for name in names), order, natural=True)[0]
    return order


def _cut_reference(X, n_times):
    """Return the windows of the references of Trials, and the reference of each trial."""
    held = X.reference_data if isinstance(X, Trials) else None
    if held is None:
        raise ValueError(
            "adaptation='reference' requires Trials with a reference as X, such as "
            "load_eegmat(reference=True), or a classifier calibrated by for_subject(reference)."
        )
    if held.shape[2] < n_times:
        raise ValueError(
            f"reference must be at least one window long, {n_times} samples, got {held.shape[2]}."
        )
    rows, trials, owner = np.unique(held.rows, return_index=True, return_inverse=True)
    for trial in trials:
        if not np.isfinite(held.take([trial]).gather()).all():
            raise ValueError(
                f"reference must not contain NaN or infinity, found in that of trial {trial}."
            )
    return Selection(held.array, rows, held.picks).cut(n_times, n_times), owner


def measure_gain(windows):
    """Return the gain of each cosine component, (C, T), that whitens windows of one reference.

    The whitened spectrum is flat, with power 1. The gain is 0 for channels that are constant in
    each window, up to the rounding errors of a filter.
    """
    power = np.square(dct(windows.astype(float), norm="ortho")).mean(0)  # (C, T)
    power[:, 0] = power[:, min(1, power.shape[1] - 1)]  # offset: as the slowest component
    power = uniform_filter1d(power, SMOOTHING, mode="nearest")
    power = np.maximum(power, FLOOR * power.max(1, keepdims=True))
    is_flat = find_flat(windows)  # (C,)
    return np.where(is_flat, 0, np.where(is_flat, 1, power.T) ** -0.5).T


def whiten(windows, gain):
    """Return windows ``(n_windows, n_chans, n_times)`` with whitened spectra.

    The discrete cosine transform extends a window by its mirror image, so that filters neither
    delay the window nor read beyond it.
    """
    return idct(dct(windows.astype(float), norm="ortho") * gain, norm="ortho")


class SubjectDataset(WindowDataset):
    """Windows, the windows of their references, and the weights of both in the statistics."""

    def __init__(self, *args, subjects, **options):
        super().__init__(*args, **options)
        self.subjects, reference = subjects, subjects.reference
        self.groups_per_batch = SUBJECTS_PER_BATCH[subjects.mode]
        self.gain: np.ndarray | None = None
        if reference is not None:
            gains = [
                measure_gain(read_trial(reference, self.scale, row))
                for row in range(len(reference))
            ]
            self.gain = np.array(gains, dtype=self.dtype)  # (n_references, C, T)

    def read(self, trial, window):
        """Return scaled windows, whitened by their references."""
        windows = super().read(trial, window)
        if self.gain is None:
            return windows
        return whiten(windows, self.gain[self.subjects.owner[trial]])

    def get_groups(self):
        """Return the subject of each row, to form batches."""
        return np.repeat(self.subjects.subject[self.trials], self.bags.shape[1])

    def __getitem__(self, rows):
        trial, window = np.divmod(np.asarray(rows), self.bags.shape[1])
        inputs, y = super().__getitem__(rows)
        trial, subjects = self.trials[trial], self.subjects
        if self.gain is not None:
            owner, place = self._pick_reference(np.unique(subjects.owner[trial]), int(rows[0]))
            windows = whiten(self.scale(subjects.reference.read(owner, place)), self.gain[owner])
            windows = windows.astype(self.dtype, copy=False)
            # skorch requires one entry per window: an expanded tensor has one without a copy.
            inputs["reference"] = torch.from_numpy(windows).expand(len(trial), *windows.shape)
            own = subjects.owner[trial][:, None] == owner
            own = np.concatenate([np.zeros((len(trial), len(trial)), bool), own], axis=1)
        else:
            own = subjects.subject[trial][:, None] == subjects.subject[trial]  # (B, B)
        if subjects.mode == "causal":
            time = encode(subjects.order[trial], window)[0]
            own &= time[:, None] >= time
        prior = PRIOR if subjects.mode == "causal" else 0
        average = own / (own.sum(1, keepdims=True) + prior)
        inputs["average"] = torch.from_numpy(average.astype(self.dtype))  # (B, B + n_reference)
        return inputs, y

    def _pick_reference(self, owners, start):
        """Return the references and the indices of about MAX_REFERENCE windows or fewer."""
        n_windows = self.subjects.reference.shape[1]
        step = -(-n_windows * len(owners) // MAX_REFERENCE)
        step = min(step, max(n_windows // MIN_REFERENCE, 1))
        place = np.arange(start % step, n_windows, step)
        return np.repeat(owners, len(place)), np.tile(place, len(owners))


def read_trial(bags, scale, row, windows=None):
    """Return scaled windows of a row, by default all of them."""
    windows = np.arange(bags.shape[1]) if windows is None else windows
    return scale(bags.read(np.full_like(windows, row), windows))


class Statistics(NamedTuple):
    """Number of windows of a subject, and mean and mean square of their features."""

    n_windows: float
    mean: np.ndarray  # ([n_members,] n_tokens, n_features), float64
    square: np.ndarray

    def add(self, features):
        """Return the statistics with more windows, ``(n_windows, [n_members,] C, F)``."""
        return Statistics(*(part[-1] for part in self.accumulate(features)))

    def accumulate(self, features):
        """Return number, mean and mean square after each of the windows."""
        values = features.astype(float)
        n_windows = self.n_windows + np.arange(1, len(values) + 1)
        count = n_windows.reshape(-1, *[1] * (values.ndim - 1))
        mean = (self.n_windows * self.mean + np.cumsum(values, axis=0)) / count
        square = (self.n_windows * self.square + np.cumsum(values**2, axis=0)) / count
        return n_windows, mean, square


NOTHING = Statistics(0, np.zeros(()), np.zeros(()))


class AdaptedNet:
    """Predictions of a fitted net for windows of known subjects."""

    def __init__(self, net, scale):
        self.net, self.scale = net, scale
        net.module_.eval()

    @torch.no_grad()
    def compute_features(self, bags, row, gain=None):
        """Return the features of all windows of a row, ``(n_windows, [n_members,] C, F)``."""
        parts = []
        for rows in gen_batches(bags.shape[1], PREDICT_BATCH):
            x = read_trial(bags, self.scale, row, np.arange(rows.start, rows.stop))
            x = x if gain is None else whiten(x, gain)
            x = torch.from_numpy(x.astype(self.net.numpy_dtype, copy=False))
            parts.append(self.net.run(self.net.module_.features, x).cpu().numpy())
        return np.concatenate(parts)

    @torch.no_grad()
    def predict_trial(self, features, mean, square):
        """Return predictions of the windows of one trial, for a classifier probabilities."""
        mean, square = torch.from_numpy(mean), torch.from_numpy(square)
        values = torch.from_numpy(features)
        statistics = [mean, compute_spread(mean, square)]
        statistics = [part.to(values).expand_as(values) for part in statistics]
        outputs = self.net.run(self.net.module_.classify, values, *statistics)
        return self.net.activate(outputs).cpu().numpy()

    def predict(self, bags, subjects):
        """Return predictions ``(n_trials, n_windows, n_outputs)``.

        One trial at a time: rounding depends on the size of a batch, and a prediction must not
        depend on other trials.
        """
        outputs: list = [None] * len(bags)
        groups = subjects.owner if subjects.mode == "reference" else subjects.subject
        for group in np.unique(groups):
            rows = np.flatnonzero(groups == group)
            rows = rows[np.argsort(subjects.order[rows], kind="stable")]
            known, gain = subjects.known, subjects.gain
            if subjects.mode == "reference" and known is None:
                known, gain = self.measure_reference(subjects.reference, group)
            predicted = self._predict_subject(bags, rows, known, gain, subjects.mode)
            for row, own in zip(rows, predicted, strict=True):
                outputs[row] = own
        return np.stack(outputs)

    def _predict_subject(self, bags, rows, known, gain, mode):
        """Yield the predictions of the windows of each trial of a subject, in their order."""
        trials = (self.compute_features(bags, row, gain) for row in rows)
        if mode == "unlabelled":
            trials = list(trials)
            known = NOTHING.add(np.concatenate(trials))
        elif known is None:
            known = self.get_prior()
        for features in trials:
            if mode != "causal":
                yield self.predict_trial(features, known.mean, known.square)
                continue
            yield self.predict_trial(features, *known.accumulate(features)[1:])
            known = known.add(features)

    def measure_reference(self, bags, row):
        """Return the statistics of the whitened windows of a row, and their gain."""
        gain = measure_gain(read_trial(bags, self.scale, row)).astype(self.net.numpy_dtype)
        return NOTHING.add(self.compute_features(bags, row, gain)), gain

    def get_prior(self):
        """Return the statistics of the training windows, with the weight of PRIOR windows."""
        members = getattr(self.net.module_, "members", None)

        def get(name):
            if members is None:
                return getattr(self.net.module_, name).cpu().double().numpy()
            return np.stack([getattr(member, name).cpu().double().numpy() for member in members])

        return Statistics(PRIOR, get("prior_mean"), get("prior_square"))
