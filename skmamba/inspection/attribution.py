"""Attribution of network outputs to the input, with captum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch, gen_batches

from .._extras import require_extra
from .._types import Epochs, Seed
from .._validation import check_int, check_option, draw_seed
from ..trials import Trials
from ._inputs import get_network_input, unpack_data

Method: TypeAlias = Literal["integrated_gradients", "input_x_gradient", "saliency"]
BATCH_SIZE = 128  # windows, or points on the paths of windows


def input_attribution(
    estimator: BaseEstimator,
    X: Trials | Epochs | ArrayLike,
    y: ArrayLike | None = None,
    *,
    target: object = None,
    method: Method = "integrated_gradients",
    baseline: Literal["trials", "zero"] = "trials",
    n_references: int = 4,
    n_steps: int = 32,
    ch_names: Sequence[str] | None = None,
    random_state: Seed = None,
) -> Bunch:
    """Attribute the logits of a network to channels, and to samples of its windows.

    Requires captum: ``pip install "skmamba[captum]"``.

    Parameters
    ----------
    estimator : MSiMambaClassifier, BraindecodeClassifier or Pipeline
        A fitted network, a fitted pipeline that ends in one, or a fitted search over either.
    X : Trials, mne.Epochs or ndarray
        Trials as in ``predict``, preferably held out.
    y : array-like of shape (n_trials,), default=None
        Labels to average by; None uses those of Trials, else the predicted classes.
    target : label, default=None
        Class whose logit is attributed (in an ensemble, the logarithm of its probability); None
        is the predicted class of each trial.
    method : {"integrated_gradients", "input_x_gradient", "saliency"}, \
default="integrated_gradients"
        Integral of the gradient from a baseline to the window, times their difference [1]_; the
        gradient times the window; or the absolute gradient.
    baseline : {"trials", "zero"}, default="trials"
        Baseline of integrated gradients: random windows of other trials in X [2]_, or zeros.
    n_references : int, default=4
        Number of windows of other trials to average over.
    n_steps : int, default=32
        Number of points on each path.
    ch_names : sequence of str, default=None
        Channel names; None uses those of X, else indices.
    random_state : int, RandomState instance or None, default=None
        Seed of the windows of other trials; None draws fresh entropy.

    Returns
    -------
    result : Bunch
        Dictionary-like object with the attributes:

        table : DataFrame
            One row per class and channel: ``label``, ``channel``; ``contribution``, the sum of the
            attributions of the channel's samples, mean over the windows of the class; ``size``,
            the mean of their absolute values; ``share``, the size divided by the sum over
            channels; ``n_windows``, the number of windows of the class.
        attributions : ndarray of shape (n_trials, n_windows, n_chans, n_times)
            Attribution of each sample; trials that are not cut have one window.

    Raises
    ------
    TypeError
        If the estimator does not end in a classifier of this package that is a network.
    ValueError
        If X, y or a parameter is invalid.
    ImportError
        If captum is not installed.

    See Also
    --------
    channel_importance : Decrease of a score without each channel, for any classifier.

    Notes
    -----
    The user guide describes the choice of the baseline and the error of integrated gradients.

    References
    ----------
    .. [1] Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017.
    .. [2] Erion et al., "Improving performance of deep learning models with axiomatic attribution
       priors and expected gradients", Nature Machine Intelligence 3, 2021.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows
    >>> from skmamba.datasets import simulate_trials
    >>> from skmamba.inspection import input_attribution
    >>> trials = simulate_trials(n_subjects=4, n_trials=2, n_times=256)
    >>> clf = MSiMambaClassifier(d_model=8, d_hidden=4, max_epochs=1, random_state=0)
    >>> pipe = make_pipeline(SlidingWindows(1.0), clf).fit(trials, trials.y)
    >>> input_attribution(pipe, trials, method="input_x_gradient").attributions.shape
    (8, 2, 4, 128)
    """
    check_option("method", method, get_args(Method))
    check_option("baseline", baseline, ("trials", "zero"))
    check_int("n_references", n_references)
    check_int("n_steps", n_steps)
    data = unpack_data(X, y, ch_names=ch_names)
    classifier, windows, n_windows, names = get_network_input(estimator, data)
    attribute = _load_method(method, n_steps)
    references = [None]
    if method == "integrated_gradients" and baseline == "trials":
        references = _draw_references(len(data.X), n_windows, n_references, random_state)
    x, proba = _record_input(classifier, windows)
    index = _get_target_index(target, classifier.classes_, proba).repeat(n_windows)
    flat = _attribute_batches(attribute, classifier.net_, x, index, references)
    attributions = flat.reshape(len(proba), n_windows, *flat.shape[1:])
    y = classifier.classes_[proba.argmax(1)] if data.y is None else data.y
    return Bunch(table=_make_table(attributions, y, names), attributions=attributions)


def _load_method(method, n_steps):
    """Return a function of module, windows, baselines and class indices."""
    with require_extra("captum", "input_attribution"):
        from captum import attr
    if method == "integrated_gradients":
        return lambda module, x, baselines, index: attr.IntegratedGradients(module).attribute(
            x, baselines, target=index, n_steps=n_steps, internal_batch_size=BATCH_SIZE
        )
    algorithm = attr.Saliency if method == "saliency" else attr.InputXGradient
    return lambda module, x, baselines, index: algorithm(module).attribute(x, target=index)


def _draw_references(n_trials, n_windows, n_references, random_state):
    """Return indices of windows of other trials, (n_references, n_trials * n_windows)."""
    if n_trials < 2:
        raise ValueError("`X` must have at least two trials for baseline='trials', got 1.")
    rng = np.random.default_rng(draw_seed(random_state))
    trial = np.repeat(np.arange(n_trials), n_windows)
    shape = n_references, len(trial)
    other = (trial + rng.integers(1, n_trials, shape)) % n_trials
    return other * n_windows + rng.integers(n_windows, size=shape)


def _record_input(classifier, windows):
    """Return the scaled windows as a tensor on the CPU, and the predicted probabilities."""
    batches = []

    def record(module, inputs):
        batches.append(inputs[0].detach().cpu())

    with classifier.net_.module_.register_forward_pre_hook(record):
        proba = classifier.predict_proba(windows)
    x = np.concatenate([batch.numpy() for batch in batches])
    return batches[0].new_tensor(x), proba


def _get_target_index(target, classes, proba):
    """Return the index of the class to attribute for each trial."""
    if target is None:
        return proba.argmax(1)
    found = np.flatnonzero(classes == target) if np.ndim(target) == 0 else np.empty(0, int)
    if not len(found):
        raise ValueError(f"target must be one of {classes.tolist()}, got {target!r}.")
    return np.full(len(proba), found[0])


def _attribute_batches(attribute, net, x, index, references):
    """Return attributions of all windows, mean over references."""
    net.module_.eval()
    parts = []
    for rows in gen_batches(len(x), BATCH_SIZE):
        windows = x[rows].to(net.device).requires_grad_()
        targets = windows.new_tensor(index[rows]).long()
        total: Any = 0.0
        for reference in references:
            baselines = None if reference is None else x[reference[rows]].to(net.device)
            total = total + attribute(net.module_, windows, baselines, targets).detach()
        parts.append((total / len(references)).cpu().numpy())
    return np.concatenate(parts)


def _make_table(attributions, y, names):
    labels, label_of_trial, n_trials = np.unique(y, return_inverse=True, return_counts=True)

    def average_by_class(values):  # (n_trials, n_chans) to (n_labels, n_chans)
        return np.stack([values[label_of_trial == i].mean(0) for i in range(len(labels))])

    contribution = average_by_class(attributions.sum(3, dtype=float).mean(1))
    size = average_by_class(np.abs(attributions).mean((1, 3), dtype=float))
    total = size.sum(1, keepdims=True)
    share = np.divide(size, total, out=np.full_like(size, np.nan), where=total > 0)
    return pd.DataFrame(
        {
            "label": np.repeat(labels, len(names)),
            "channel": np.array(names * len(labels), dtype=object),
            "contribution": contribution.ravel(),
            "size": size.ravel(),
            "share": share.ravel(),
            "n_windows": np.repeat(n_trials * attributions.shape[1], len(names)),
        }
    )
