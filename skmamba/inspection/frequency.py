"""Frequencies that the multi-scale block selects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from .._types import Epochs
from ..trials import Trials
from ._inputs import get_network_input, unpack_data


def frequency_profile(
    estimator: BaseEstimator,
    X: Trials | Epochs | ArrayLike,
    y: ArrayLike | None = None,
    *,
    sfreq: float | None = None,
    ch_names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Count the frequencies that the multi-scale block selects in the windows of each class.

    Parameters
    ----------
    estimator : MSiMambaClassifier or Pipeline
        A fitted classifier, a fitted pipeline that ends in one, or a fitted search over either.
    X : Trials, mne.Epochs or ndarray
        Trials as in ``predict``, preferably held out.
    y : array-like of shape (n_trials,), default=None
        Labels; None uses those of Trials, else the predicted classes.
    sfreq : float, default=None
        Sampling rate in hertz of the windows that reach the classifier; required for arrays.
    ch_names : sequence of str, default=None
        Channel names; None uses those of X, else indices.

    Returns
    -------
    profile : DataFrame
        One row per class, frequency that any window selected, and channel:

        - ``label``, ``channel``;
        - ``frequency``: in hertz;
        - ``period``: in seconds, rounded up to a whole number of samples;
        - ``share``: share of the windows of the class that selected the frequency; equal for all
          channels, with a sum of ``top_k`` over frequencies;
        - ``weight``: mean weight over the windows of the class, zero where the frequency is not
          selected; equal for all channels, with a sum of one over frequencies;
        - ``amplitude``: amplitude of the sine of this frequency in the channel, mean over all
          windows of the class, in scaled units, after spatial whitening if the network has it;
        - ``n_windows``: number of windows of the class.

        ``profile.attrs["resolution"]`` is the distance between frequencies, in hertz: one cycle per
        window.

    Raises
    ------
    TypeError
        If the estimator does not end in an MSiMambaClassifier with ``use_mstb=True``.
    ValueError
        If X, y or a parameter is invalid.
    RuntimeError
        If the network is compiled.

    See Also
    --------
    skmamba.plots.FrequencyDisplay : Draw the table.
    channel_importance : Decrease of a score without each channel.

    Notes
    -----
    A selected frequency is not necessarily relevant for the score. With
    ``period_selection="fixed"``, every share is one.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows
    >>> from skmamba.datasets import simulate_trials
    >>> from skmamba.inspection import frequency_profile
    >>> trials = simulate_trials(n_subjects=4, n_trials=6, n_times=256, subject_spread=0)
    >>> clf = MSiMambaClassifier(d_model=8, d_hidden=4, max_epochs=1, random_state=0)
    >>> pipe = make_pipeline(SlidingWindows(1.0), clf).fit(trials, trials.y)
    >>> profile = frequency_profile(pipe, trials)
    >>> by_class = profile.groupby(["label", "frequency"])["weight"].mean()
    >>> print(by_class[1].idxmax())  # simulated alpha rhythm of class 1, in hertz
    10.0
    """
    data = unpack_data(X, y, sfreq=sfreq, ch_names=ch_names)
    if data.sfreq is None:
        raise ValueError(
            "sfreq must be positive, in hertz, and is required unless X is Trials or mne.Epochs, "
            "got None."
        )
    classifier, windows, n_windows, names = get_network_input(estimator, data)
    block = _get_block(classifier)
    y = classifier.predict(windows) if data.y is None else data.y
    labels, label_of_trial, n_trials = np.unique(y, return_inverse=True, return_counts=True)
    shape = len(labels), 2 + len(names), block.n_times // 2
    hook = _SumByClass(np.repeat(label_of_trial, n_windows), shape)
    with block.register_forward_pre_hook(hook):
        classifier.predict_proba(windows)
    if hook.n_seen != len(hook.label_of_window):
        raise RuntimeError(
            f"Forward hooks ran on {hook.n_seen} of {len(hook.label_of_window)} windows; they are "
            "not supported for compiled networks."
        )
    counts = n_trials * n_windows
    means = hook.total / counts[:, None, None]
    return _make_profile(means, counts, labels, names, block.n_times, data.sfreq)


def _get_block(classifier):
    """Return the multi-scale block whose input are the windows."""
    modules = classifier.net_.module_.modules()
    # Other networks contain such blocks too, but not as `mstb`, and not with channels as input.
    blocks = [module.mstb for module in modules if getattr(module, "mstb", None) is not None]
    if not blocks:
        raise TypeError(
            "estimator must end in MSiMambaClassifier with use_mstb=True, got "
            f"{type(classifier).__name__} without a multi-scale block."
        )
    if blocks[0].top_k == 0:
        raise ValueError("`X` must have windows of at least two samples, got one.")
    return blocks[0]  # the members of an ensemble select the same frequencies


class _SumByClass:
    """Forward pre-hook that sums share, weight and amplitudes over the windows of each class."""

    def __init__(self, label_of_window, shape):
        self.label_of_window, self.n_seen = label_of_window, 0
        self.total = np.zeros(shape)  # (n_labels, 2 + n_chans, n_times // 2)

    def __call__(self, block, inputs):
        x = inputs[0]
        frequencies, weights = (values.cpu().numpy() for values in block.scales(x))  # 2 x (B, k)
        label = self.label_of_window[self.n_seen : self.n_seen + len(x)]
        self.n_seen += len(x)
        values = np.zeros((len(x), *self.total.shape[1:]))
        np.put_along_axis(values[:, 0], frequencies - 1, 1, axis=1)
        np.put_along_axis(values[:, 1], frequencies - 1, weights, axis=1)
        values[:, 2:] = _compute_amplitudes(x.cpu().numpy())
        np.add.at(self.total, label, values)


def _compute_amplitudes(x):
    """Return the amplitude of the sine of each frequency but 0 Hz, (B, C, T) to (B, C, T // 2)."""
    n_times = x.shape[-1]
    amplitudes = 2 / n_times * np.abs(np.fft.rfft(x.astype(float)))[..., 1:]
    if n_times % 2 == 0:
        amplitudes[..., -1] /= 2  # the coefficient at half the sampling rate has no conjugate
    return amplitudes


def _make_profile(means, counts, labels, names, n_times, sfreq):
    """Return one row per class, selected frequency and channel."""
    (selected,) = np.nonzero(means[:, 0].any(0))
    shape = (len(labels), len(selected), len(names))
    label, frequency, channel = np.indices(shape).reshape(3, -1)
    index = selected[frequency]
    cycles = index + 1  # per window
    profile = pd.DataFrame(
        {
            "label": labels[label],
            "channel": np.array(names, dtype=object)[channel],
            "frequency": cycles * sfreq / n_times,
            "period": -(-n_times // cycles) / sfreq,
            "share": means[label, 0, index],
            "weight": means[label, 1, index],
            "amplitude": means[label, 2 + channel, index],
            "n_windows": counts[label],
        }
    )
    profile.attrs["resolution"] = sfreq / n_times
    return profile
