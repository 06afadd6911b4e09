"""Which rhythms the multi-scale block folds windows at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from .._types import Epochs
from ..trials import Trials
from ._ask import count_windows, names_at_classifier, read_trials, take_apart, transform


def frequency_profile(
    estimator: BaseEstimator,
    X: Trials | Epochs | ArrayLike,
    y: ArrayLike | None = None,
    *,
    sfreq: float | None = None,
    ch_names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Tell at which frequencies windows were folded, how often, and how strong channels were there.

    Each window of MS-iMamba is folded at the ``top_k`` strongest frequencies of its own. This
    counts them over the windows of each class.

    Parameters
    ----------
    estimator : MSiMambaClassifier or Pipeline
        A fitted classifier, or a pipeline that ends in one; of a fitted search, its best.
    X : Trials, mne.Epochs or ndarray
        Trials as the estimator takes them, best ones that it was not trained on.
    y : array-like of shape (n_trials,), default=None
        Labels to count by. Without them those of Trials count, else the predicted classes.
    sfreq : float, default=None
        Sampling rate in hertz of the windows that reach the classifier; needed if X is an array.
    ch_names : sequence of str, default=None
        Names of the channels; Trials and Epochs bring theirs. Without names, channels are called
        by their index in X.

    Returns
    -------
    profile : DataFrame
        One row for each class, each frequency that a window of any class was folded at, and each
        channel:

        - ``label``, ``channel``;
        - ``frequency``: in hertz;
        - ``period``: length of a row of the fold, in seconds;
        - ``share``: share of the windows of the class that chose the frequency, the same for all
          channels; over the frequencies it adds up to ``top_k``;
        - ``weight``: mean weight of the frequency over all windows of the class, zero in those
          that did not choose it, the same for all channels; over the frequencies it adds up to
          one;
        - ``amplitude``: of the sine of this frequency in the channel, mean over all windows of the
          class, in units of scaled windows;
        - ``n_windows``: windows of the class.

    Raises
    ------
    TypeError
        If the classifier has no multi-scale block: another network, or ``use_mstb=False``.
    ValueError
        If the sampling rate is not known, or labels or names do not fit.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    skmamba.plots.FrequencyDisplay : Draws the result.
    channel_importance : Which channels the score rests on.

    Notes
    -----
    Channels share their frequencies: the block chooses those whose amplitude is largest in the
    mean over channels. Which channel made it so is told by ``amplitude``, not by ``share``.

    Chosen does not mean needed: EEG is strongest at low frequencies, so they are chosen whatever
    the classes are. What differs between classes is of interest, and whether the score rests on it
    must be asked otherwise.

    A frequency is a whole number of cycles a window, so windows of two seconds tell frequencies
    apart by half a hertz; neighbouring high frequencies share a period, which is a whole number of
    time points. Amplitude is twice the Fourier coefficient over the number of time points (once,
    at half the sampling rate): a choice of ours, so that a sine of amplitude one counts one.

    With ``period_selection="fixed"`` every share is one.

    Windows are watched on their way through ``predict``, so they are scaled as there.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows, simulate_trials
    >>> from skmamba.inspection import frequency_profile
    >>> trials = simulate_trials(n_subjects=4, n_trials=6, n_times=256, subject_spread=0)
    >>> clf = MSiMambaClassifier(d_model=8, d_hidden=4, max_epochs=1, random_state=0)
    >>> pipe = make_pipeline(SlidingWindows(128), clf).fit(trials.X, trials.y)
    >>> profile = frequency_profile(pipe, trials)
    >>> by_class = profile.groupby(["label", "frequency"])["weight"].mean()
    >>> print(by_class[1].idxmax())  # simulated alpha of class 1, in hertz
    10.0
    """
    asked = read_trials(X, y, sfreq=sfreq, ch_names=ch_names)
    steps, classifier = take_apart(estimator)
    block = _find_block(classifier)
    if asked.sfreq is None:
        raise ValueError("sfreq must be given, in hertz, unless X is Trials or mne.Epochs.")
    if not asked.sfreq > 0:
        raise ValueError(f"sfreq must be positive, in hertz, got {asked.sfreq!r}.")
    names = names_at_classifier(steps, asked.ch_names, classifier.n_chans_)
    windows = transform(steps, asked.X)
    y = classifier.predict(windows) if asked.y is None else asked.y
    labels, label_of_trial = np.unique(y, return_inverse=True)
    label_of_window = np.repeat(label_of_trial, count_windows(windows))
    tally = _Tally(label_of_window, block, len(labels), len(names))
    with block.register_forward_pre_hook(tally):
        classifier.predict_proba(windows)
    return _tabulate(tally, labels, names, asked.sfreq)


def _find_block(classifier):
    """Find the multi-scale block that gets the windows."""
    name = type(classifier).__name__
    net = getattr(classifier, "net_", None)
    modules = [] if net is None else net.module_.modules()
    # Other networks have such blocks too, but inside, where channels are no longer channels.
    blocks = [module.mstb for module in modules if getattr(module, "mstb", None) is not None]
    if not blocks:
        why = " since use_mstb=False" if getattr(classifier, "use_mstb", True) is False else ""
        raise TypeError(
            f"{name} has no multi-scale block{why}, so it chooses no frequencies: give a fitted "
            "MSiMambaClassifier(use_mstb=True), or a pipeline that ends in one."
        )
    if blocks[0].top_k == 0:
        raise ValueError("Windows of one time point have no frequencies.")
    return blocks[0]  # members of an ensemble choose alike: the windows alone decide


class _Tally:
    """Counts by class what a block does with windows; they come in the order of the trials."""

    def __init__(self, label_of_window, block, n_labels, n_chans):
        self.label_of_window, self.n_times = label_of_window, block.n_times
        n_frequencies = block.n_times // 2
        self.chosen = np.zeros((n_labels, n_frequencies))
        self.weight = np.zeros((n_labels, n_frequencies))
        self.amplitude = np.zeros((n_labels, n_frequencies, n_chans))
        self.n_seen = 0

    def __call__(self, block, inputs):
        x = inputs[0]
        frequencies, weights = block.scales(x)  # 2 x (B, k)
        label = self.label_of_window[self.n_seen : self.n_seen + len(x)]
        self.n_seen += len(x)
        places = label[:, None], frequencies.cpu().numpy() - 1
        np.add.at(self.chosen, places, 1)
        np.add.at(self.weight, places, weights.cpu().numpy())
        np.add.at(self.amplitude, label, _amplitudes(x.cpu().numpy()).transpose(0, 2, 1))

    def means(self):
        """Share, weight and amplitude by class and frequency, and the windows of each class."""
        if self.n_seen != len(self.label_of_window):
            raise RuntimeError(
                f"The multi-scale block was seen at work on {self.n_seen} of "
                f"{len(self.label_of_window)} windows: compiled networks cannot be watched."
            )
        n = np.bincount(self.label_of_window, minlength=len(self.chosen))
        return self.chosen / n[:, None], self.weight / n[:, None], self.amplitude / n[:, None, None]


def _amplitudes(x):
    """Amplitude of the sine of each frequency but 0 Hz, (B, C, T) to (B, C, T // 2)."""
    n_times = x.shape[-1]
    amplitudes = 2 / n_times * np.abs(np.fft.rfft(x.astype(float)))[..., 1:]
    if n_times % 2 == 0:
        amplitudes[..., -1] /= 2  # half the sampling rate: one coefficient where others are a pair
    return amplitudes


def _tabulate(tally, labels, names, sfreq):
    share, weight, amplitude = tally.means()
    (chosen,) = np.nonzero(share.any(0))
    n_times, n_windows = tally.n_times, np.bincount(tally.label_of_window)
    cycles = chosen + 1  # a window
    shape = (len(labels), len(chosen), len(names))
    label, frequency, channel = np.indices(shape).reshape(3, -1)
    return pd.DataFrame(
        {
            "label": labels[label],
            "channel": np.array(names, dtype=object)[channel],
            "frequency": (cycles * sfreq / n_times)[frequency],
            "period": (-(-n_times // cycles) / sfreq)[frequency],
            "share": share[label, chosen[frequency]],
            "weight": weight[label, chosen[frequency]],
            "amplitude": amplitude[label, chosen[frequency], channel],
            "n_windows": n_windows[label],
        }
    )
