"""The door for captum: which inputs a network's answer comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from .._types import Epochs, Seed
from .._validation import check_int, check_option, draw_seed
from ..trials import Trials
from ._ask import (
    count_windows,
    names_at_classifier,
    read_trials,
    take_apart,
    transform,
)

METHODS = ("integrated_gradients", "input_x_gradient", "saliency")
BASELINES = ("trials", "zero")
BATCH = 128  # windows at a time, each step of the path counting as one
INSTALL = (
    "attribute_input needs captum, which cannot be imported ({error}): "
    "pip install 'skmamba[captum]'."
)


@overload
def input_attribution(
    estimator: BaseEstimator,
    X: Trials | Epochs | ArrayLike,
    y: ArrayLike | None = ...,
    *,
    target: object = ...,
    method: Literal["integrated_gradients", "input_x_gradient", "saliency"] = ...,
    baseline: Literal["trials", "zero"] = ...,
    n_references: int = ...,
    n_steps: int = ...,
    ch_names: Sequence[str] | None = ...,
    random_state: Seed = ...,
    return_array: Literal[False] = ...,
) -> pd.DataFrame: ...


@overload
def input_attribution(
    estimator: BaseEstimator,
    X: Trials | Epochs | ArrayLike,
    y: ArrayLike | None = ...,
    *,
    target: object = ...,
    method: Literal["integrated_gradients", "input_x_gradient", "saliency"] = ...,
    baseline: Literal["trials", "zero"] = ...,
    n_references: int = ...,
    n_steps: int = ...,
    ch_names: Sequence[str] | None = ...,
    random_state: Seed = ...,
    return_array: Literal[True],
) -> tuple[pd.DataFrame, NDArray[Any]]: ...


def input_attribution(
    estimator: BaseEstimator,
    X: Trials | Epochs | ArrayLike,
    y: ArrayLike | None = None,
    *,
    target: object = None,
    method: Literal[
        "integrated_gradients", "input_x_gradient", "saliency"
    ] = "integrated_gradients",
    baseline: Literal["trials", "zero"] = "trials",
    n_references: int = 4,
    n_steps: int = 32,
    ch_names: Sequence[str] | None = None,
    random_state: Seed = None,
    return_array: bool = False,
) -> pd.DataFrame | tuple[pd.DataFrame, NDArray[Any]]:
    """Attribute a network's answers to channels, and to time points inside the windows.

    Needs captum, ``pip install "skmamba[captum]"``.

    Parameters
    ----------
    estimator : MSiMambaClassifier, BraindecodeClassifier or Pipeline
        A fitted network, or a pipeline that ends in one; of a fitted search, its best.
    X : Trials, mne.Epochs or ndarray
        Trials as the estimator takes them.
    y : array-like of shape (n_trials,), default=None
        Labels to average by. Without them those of Trials count, else the predicted classes.
    target : label, default=None
        Class whose logit is attributed (of an ensemble, the logarithm of its probability); by
        default, for each trial, the class predicted.
    method : {"integrated_gradients", "input_x_gradient", "saliency"}, \
default="integrated_gradients"
        Gradients along a straight path to the window from a reference, times what differs; the
        gradient at the window, times the window; or the gradient's size.
    baseline : {"trials", "zero"}, default="trials"
        What integrated gradients start from: windows of other trials of X, drawn at random, or
        zeros, the centre of scaled channels.
    n_references : int, default=4
        Windows of other trials that each window is compared with; attributions are their mean.
    n_steps : int, default=32
        Points on each path.
    ch_names : sequence of str, default=None
        Names of the channels; Trials and Epochs bring theirs. Without names, channels are called
        by their index in X.
    random_state : int, RandomState instance or None, default=None
        Seed of the references; None takes fresh entropy.
    return_array : bool, default=False
        Whether to return the attributions themselves too.

    Returns
    -------
    attribution : DataFrame
        One row for each class and channel:

        - ``label``, ``channel``;
        - ``contribution``: what the channel adds to the logit, mean over the windows of the class.
          With integrated gradients, all channels together add what a window's logit has above that
          of its references;
        - ``size``: mean of what its time points add or take, whatever the sign;
        - ``share``: of the channel in the sizes of all;
        - ``n_windows``: windows of the class.
    array : ndarray of shape (n_trials, n_windows, n_chans, n_times)
        Only with ``return_array=True``: the attribution of each point, with its sign; trials that
        are not cut have one window.

    Raises
    ------
    ImportError
        If captum is not installed.
    TypeError
        If the classifier is no network.
    ValueError
        If an argument does not fit, or a single trial is to be compared with others.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    channel_importance : What channels are worth on held-out trials, for any classifier.

    Notes
    -----
    Attributions tell what the network does, not what is true, and say nothing of how well it
    does: ask them of a network that scores above chance, on trials that it was not trained on.

    Windows are as in ``predict``: chosen channels, cut and scaled.

    The default baseline is ours. Zeros are the usual one, and the only one that needs no other
    trials. But MS-iMamba's default tokens are logarithms of power: the way from silence to any
    signal is so much longer than from one trial to another that it drowns what tells classes
    apart. With alpha in one of four channels telling the class, networks without a mistake, and
    three seeds, the channel contributed most in all six of seed and class with other trials as
    baseline, and in three with zeros, those of the class that has more alpha.

    With integrated gradients, the sum over a window misses the difference of logits by some tenths
    at the default number of steps, since the path between two windows is not smooth: frequencies of
    the multi-scale block change on the way.

    Networks stay in evaluation mode and gradients of their weights are not touched.

    References
    ----------
    .. [1] Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017.
    .. [2] Erion et al., "Improving performance of deep learning models with axiomatic attribution
       priors and expected gradients", Nature Machine Intelligence 3, 2021: other samples as
       baseline.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows, simulate_trials
    >>> from skmamba.inspection import attribute_input
    >>> trials = simulate_trials(n_subjects=4, n_trials=2, n_times=256)
    >>> clf = MSiMambaClassifier(d_model=8, d_hidden=4, max_epochs=1, random_state=0)
    >>> pipe = make_pipeline(SlidingWindows(128), clf).fit(trials.X, trials.y)
    >>> attribution, array = attribute_input(
    ...     pipe, trials, method="input_x_gradient", return_array=True
    ... )
    >>> array.shape
    (8, 2, 4, 128)
    """
    check_option("method", method, METHODS)
    check_option("baseline", baseline, BASELINES)
    check_int("n_references", n_references)
    check_int("n_steps", n_steps)
    asked = read_trials(X, y, ch_names=ch_names)
    steps, classifier = take_apart(estimator)
    net = getattr(classifier, "net_", None)
    if net is None:
        raise TypeError(
            f"{type(classifier).__name__} is no network that gradients could go through: give "
            "MSiMambaClassifier, BraindecodeClassifier, or a pipeline that ends in one."
        )
    attribute = _load_method(method, n_steps)
    names = names_at_classifier(steps, asked.ch_names, classifier.n_chans_)
    windows = transform(steps, asked.X)
    references = [None]
    if method == "integrated_gradients" and baseline == "trials":
        shape = len(asked.X), count_windows(windows)
        references = _draw_references(*shape, n_references, random_state)
    x, proba = _watch_inputs(classifier, net, windows)
    index = _index_of(target, classifier.classes_, proba).repeat(count_windows(windows))
    flat = _attribute_batches(attribute, net, x, index, references)
    flat = _add_repeats(flat, classifier.n_times_)
    array = flat.reshape(len(proba), -1, *flat.shape[1:])
    y = classifier.classes_[proba.argmax(1)] if asked.y is None else asked.y
    attribution = _tabulate(array, y, names)
    return (attribution, array) if return_array else attribution


def _load_method(method, n_steps):
    """Make a function of module, windows, references and classes out of captum's."""
    try:
        from captum import attr
    except ImportError as error:
        raise ImportError(INSTALL.format(error=error)) from error
    if method == "integrated_gradients":

        def attribute(module, x, reference, index):
            return attr.IntegratedGradients(module).attribute(
                x, reference, target=index, n_steps=n_steps, internal_batch_size=BATCH
            )

        return attribute
    way = attr.Saliency if method == "saliency" else attr.InputXGradient
    return lambda module, x, reference, index: way(module).attribute(x, target=index)


def _draw_references(n_trials, n_windows, n_references, random_state):
    """Draw for each window, several times, the number of a window of another trial."""
    if n_trials < 2:
        raise ValueError(
            "baseline='trials' compares each trial with others, but X has 1: give several, or "
            "baseline='zero'."
        )
    rng = np.random.default_rng(draw_seed(random_state))
    trial = np.repeat(np.arange(n_trials), n_windows)
    shape = n_references, len(trial)
    other = (trial + rng.integers(1, n_trials, shape)) % n_trials
    return other * n_windows + rng.integers(n_windows, size=shape)


def _watch_inputs(classifier, net, windows):
    """Predict, and keep windows as they reach the network: chosen, cut, scaled."""
    batches = []

    def keep(module, inputs):
        batches.append(inputs[0].detach().cpu())

    with net.module_.register_forward_pre_hook(keep):
        proba = classifier.predict_proba(windows)
    x = np.concatenate([batch.numpy() for batch in batches])
    return batches[0].new_tensor(x), proba


def _index_of(target, classes, proba):
    """Give the number of the class to attribute, for each trial."""
    if target is None:
        return proba.argmax(1)
    (found,) = np.nonzero(classes == target)
    if not len(found):
        raise ValueError(f"target must be one of {classes.tolist()}, got {target!r}.")
    return np.full(len(proba), found[0])


def _attribute_batches(attribute, net, x, index, references):
    """Attributions of all windows, (n_windows_in_all, n_chans, n_times): means over references."""
    net.module_.eval()
    parts = []
    for start in range(0, len(x), BATCH):
        rows = slice(start, start + BATCH)
        windows = x[rows].to(net.device).requires_grad_()
        which = windows.new_tensor(index[rows]).long()
        total: Any = 0.0
        for reference in references:
            start_from = None if reference is None else x[reference[rows]].to(net.device)
            total = total + attribute(net.module_, windows, start_from, which).detach()
        parts.append((total / len(references)).cpu().numpy())
    return np.concatenate(parts)


def _add_repeats(flat, n_times):
    """Add up attributions of a time point that the network was given several times."""
    starts = np.arange(0, flat.shape[-1], n_times)
    whole = np.pad(flat, [(0, 0), (0, 0), (0, len(starts) * n_times - flat.shape[-1])])
    return whole.reshape(*flat.shape[:2], len(starts), n_times).sum(2)


def _tabulate(array, y, names):
    labels, label_of_trial, n_trials = np.unique(y, return_inverse=True, return_counts=True)

    def by_class(values):  # (n_trials, n_chans) to (n_labels, n_chans)
        return np.stack([values[label_of_trial == i].mean(0) for i in range(len(labels))])

    contribution = by_class(array.sum(3, dtype=float).mean(1))
    size = by_class(np.abs(array).mean((1, 3), dtype=float))
    total = size.sum(1, keepdims=True)
    share = np.divide(size, total, out=np.full_like(size, np.nan), where=total > 0)
    return pd.DataFrame(
        {
            "label": np.repeat(labels, len(names)),
            "channel": np.array(names * len(labels), dtype=object),
            "contribution": contribution.ravel(),
            "size": size.ravel(),
            "share": share.ravel(),
            "n_windows": np.repeat(n_trials * array.shape[1], len(names)),
        }
    )
