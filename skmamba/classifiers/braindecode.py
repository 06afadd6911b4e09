"""Estimators with networks of braindecode, of skmamba.models, and others."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Literal

import torch

from .._extras import require_extra
from .._mne import resolve_sfreq
from .._types import Seed
from ._docs import add_shared_docs
from ._skorch import ignore_deprecations
from .base import BaseNet, BaseNetClassifier, BaseNetRegressor

NETWORK_PARAMETERS = """
model : str or type, default="EEGNet"
    Name of a class of ``braindecode.models``, or any ``torch.nn.Module`` class whose constructor
    accepts n_chans, n_outputs and n_times, such as :class:`~skmamba.models.DLinear`, and whose
    ``forward`` returns logits, or for a regressor ratings, ``(batch, n_outputs)``.
module_params : dict, default=None
    Parameters of that class beyond n_chans, n_outputs, n_times and sfreq, such as
    ``chs_info`` for networks that use electrode positions.
sfreq : float, default=None
    Sampling rate in hertz, for networks with layers defined in seconds or hertz; None uses
    that of Trials or ``mne.Epochs``.
lr : float, default=1e-3
    Learning rate.
max_epochs : int, default=20
    Number of passes over the training windows.
average_weights : bool, default=False
    As in :class:`MSiMambaClassifier`.
"""


class BaseBraindecode(BaseNet):
    """Base of estimators with a network given by name or class."""

    model: str | type[torch.nn.Module]
    sfreq: float | None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        own = tags.classifier_tags or tags.regressor_tags
        own.poor_score = True  # EEGNet learns little from rows of two numbers
        return tags

    def _module_spec(self, X, fresh):
        cls = self._module_class(self.model)
        sfreq = resolve_sfreq(X, self.sfreq)
        fitted = {} if fresh else self.net_.architecture["params"]
        if not fresh and (sfreq is None or "sfreq" not in fitted):  # an array has no rate
            sfreq = fitted.get("sfreq")
        params = self._merge_module_params({"sfreq": sfreq}, cls)
        is_accepted = "sfreq" in inspect.signature(cls).parameters
        if sfreq is None or (self.sfreq is None and not is_accepted):
            del params["sfreq"]
        return self.model, params

    def _module_class(self, name):
        if inspect.isclass(name) and issubclass(name, torch.nn.Module):
            return name
        if not isinstance(name, str):
            raise ValueError(
                "model must be the name of a braindecode network or a subclass of torch.nn.Module, "
                f"got {name!r}."
            )
        models = load_braindecode_models()
        if name not in models:
            by_word = {known.lower(): known for known in models}
            near = get_close_matches(name.lower(), by_word, n=3, cutoff=0.4)
            hint = f" Did you mean {', '.join(by_word[word] for word in near)}?" if near else ""
            raise ValueError(f"model must be a network of braindecode, got {name!r}.{hint}")
        return models[name]


@add_shared_docs(network_parameters=NETWORK_PARAMETERS)
class BraindecodeClassifier(BaseBraindecode, BaseNetClassifier):
    """Classify trials with a network of braindecode, of :mod:`skmamba.models`, or your own.

    Windows, training and vote are those of :class:`MSiMambaClassifier`. Three defaults differ:
    ``lr``, ``max_epochs`` and ``average_weights``, whose values there were chosen for MS-iMamba.

    Parameters
    ----------
    {network_parameters}
    {training_parameters}

    Attributes
    ----------
    {fitted_attributes}

    See Also
    --------
    MSiMambaClassifier : The same training for MS-iMamba.
    WindowVotingClassifier : The same windows and vote for any scikit-learn classifier.

    Notes
    -----
    A class is pickled by reference: to load it elsewhere, or to fit it in other processes, define
    it in a module that can be imported there.

    Examples
    --------
    >>> from skmamba import BraindecodeClassifier
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=2, n_trials=6)
    >>> clf = BraindecodeClassifier("ShallowFBCSPNet", max_epochs=2, random_state=0)
    >>> clf.fit(trials, trials.y).predict(trials).shape
    (12,)
    """

    def __init__(
        self,
        model: str | type[torch.nn.Module] = "EEGNet",
        module_params: dict[str, Any] | None = None,
        *,
        sfreq: float | None = None,
        lr: float = 1e-3,
        weight_decay: float = 1e-2,
        max_epochs: int = 20,
        batch_size: int | None = 64,
        optimizer: Literal["adamw", "adam", "sgd"] | type[torch.optim.Optimizer] = "adamw",
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        patience: int = 5,
        average_weights: bool = False,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        scaling: Literal["robust", "standard", "window"] | None = "robust",
        voting: Literal["soft", "hard"] = "soft",
        n_chans: int | None = None,
        warm_start: bool = False,
        device: str = "auto",
        n_threads: int | None = 1,
        dtype: Literal["float32", "float64", "bfloat16"] = "float32",
        net_params: dict[str, Any] | None = None,
        random_state: Seed = None,
        verbose: bool | int | None = None,
    ) -> None:
        self._set_init_params(locals())


@add_shared_docs(network_parameters=NETWORK_PARAMETERS)
class BraindecodeRegressor(BaseBraindecode, BaseNetRegressor):
    """Predict ratings with a network of braindecode, of :mod:`skmamba.models`, or your own.

    Windows, targets, training and aggregation are those of :class:`MSiMambaRegressor`.

    Parameters
    ----------
    {network_parameters}
    {training_parameters}

    Attributes
    ----------
    {fitted_attributes}

    See Also
    --------
    MSiMambaRegressor : The same training for MS-iMamba.
    BraindecodeClassifier : The same networks for classes.
    WindowVotingRegressor : The same windows and aggregation for any scikit-learn regressor.

    Examples
    --------
    >>> from skmamba.classifiers import BraindecodeRegressor
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=2, n_trials=6)
    >>> reg = BraindecodeRegressor("ShallowFBCSPNet", max_epochs=2, random_state=0)
    >>> reg.fit(trials, 1.0 + 8 * trials.y).predict(trials).shape
    (12,)
    """

    def __init__(
        self,
        model: str | type[torch.nn.Module] = "EEGNet",
        module_params: dict[str, Any] | None = None,
        *,
        sfreq: float | None = None,
        lr: float = 1e-3,
        weight_decay: float = 1e-2,
        max_epochs: int = 20,
        batch_size: int | None = 64,
        optimizer: Literal["adamw", "adam", "sgd"] | type[torch.optim.Optimizer] = "adamw",
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        patience: int = 5,
        average_weights: bool = False,
        loss: Literal["mse", "mae", "huber"] = "mse",
        scaling: Literal["robust", "standard", "window"] | None = "robust",
        voting: Literal["mean", "median"] = "mean",
        n_chans: int | None = None,
        warm_start: bool = False,
        device: str = "auto",
        n_threads: int | None = 1,
        dtype: Literal["float32", "float64", "bfloat16"] = "float32",
        net_params: dict[str, Any] | None = None,
        random_state: Seed = None,
        verbose: bool | int | None = None,
    ) -> None:
        self._set_init_params(locals())


def load_braindecode_models():
    """Import braindecode, which takes seconds, and return its networks by name."""
    try:
        with require_extra("braindecode", "BraindecodeClassifier"), ignore_deprecations():
            from braindecode import models
    except OSError as error:
        raise ImportError(
            f"The import of braindecode failed: {error}. If torchaudio is built for CUDA and torch "
            "is not, install both from the same index, or remove torchaudio's file "
            "lib/_torchaudio.abi3.so, which braindecode does not need."
        ) from error
    return {
        name: cls
        for name, cls in vars(models).items()
        if inspect.isclass(cls) and issubclass(cls, torch.nn.Module)
    }
