"""Any of braindecode's networks, or another, trained and judged in the same way as MS-iMamba."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any, Literal

import torch

from .._types import Seed
from ._base import NetClassifier
from ._docs import with_shared_docs

INSTALL = (
    "BraindecodeClassifier needs braindecode: pip install 'skmamba[braindecode]'. It could not be "
    "imported here ({error})."
)
TORCHAUDIO = (
    " torchaudio is built for CUDA and torch is not: install both from one index, or remove "
    "torchaudio's file lib/_torchaudio.abi3.so, which braindecode does not need."
)
SHORT = 128  # time points: what windows too short for a network are repeated to
# What a network raises when a window is too short for its layers, or a parameter is missing.
_BUILD_ERRORS = (ValueError, TypeError, RuntimeError, AssertionError, IndexError, ZeroDivisionError)


@with_shared_docs
class BraindecodeClassifier(NetClassifier):
    """Classify trials with a network of braindecode, by its name, or with one of your own.

    The drop-in comparison: same bags, same trainer, same vote as :class:`MSiMambaClassifier`,
    another network. Of the training's parameters, two have other defaults here: ``lr=1e-3`` and
    ``max_epochs=20`` in the place of 2e-3 and 12, which were chosen for MS-iMamba alone.

    Parameters
    ----------
    model : str or type, default="EEGNet"
        Name of a class of ``braindecode.models``; or any class of torch modules whose constructor
        takes n_chans, n_outputs and n_times, such as those of ``skmamba.rivals``, and whose
        ``forward`` gives logits ``(batch, n_outputs)``.
    module_params : dict, default=None
        Parameters of that class beyond n_chans, n_outputs, n_times and sfreq, such as
        ``chs_info`` for networks that want to know where electrodes are.
    sfreq : float, default=None
        Sampling rate in hertz, for networks whose layers are stated in seconds or hertz.
    {training_parameters}

    Attributes
    ----------
    {fitted_attributes}

    See Also
    --------
    MSiMambaClassifier : The same glue around MS-iMamba.
    WindowVotingClassifier : The same bags for any other scikit-learn classifier.

    Notes
    -----
    Nothing but the network is braindecode's: its ``EEGClassifier`` takes no string labels, does
    not answer by trial and cannot pickle a fitted EEGNet.

    Windows of less than 128 time points that a network's layers cannot take are repeated end to end
    up to 128, and a warning says so.

    A class is pickled as Python pickles classes, by where it is: what is to be loaded elsewhere,
    or fitted by other processes, lives in a module that can be imported there.

    Examples
    --------
    >>> from skmamba import BraindecodeClassifier, simulate_trials
    >>> trials = simulate_trials(n_subjects=2, n_trials=6)
    >>> clf = BraindecodeClassifier("ShallowFBCSPNet", max_epochs=2, random_state=0)
    >>> clf.fit(trials.X, trials.y).predict(trials.X).shape
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
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        scaling: Literal["robust", "standard", "window"] | None = "robust",
        voting: Literal["soft", "hard"] = "soft",
        n_chans: int | None = None,
        warm_start: bool = False,
        device: str = "auto",
        n_threads: int | None = 1,
        dtype: Literal["float32", "float64"] = "float32",
        callbacks: Sequence[Any] | None = None,
        net_params: dict[str, Any] | None = None,
        random_state: Seed = None,
        verbose: bool | int | None = None,
    ) -> None:
        super().__init__(
            lr=lr,
            weight_decay=weight_decay,
            max_epochs=max_epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            patience=patience,
            class_weight=class_weight,
            scaling=scaling,
            voting=voting,
            n_chans=n_chans,
            warm_start=warm_start,
            device=device,
            n_threads=n_threads,
            dtype=dtype,
            callbacks=callbacks,
            net_params=net_params,
            random_state=random_state,
            verbose=verbose,
        )
        self.model = model
        self.module_params = module_params
        self.sfreq = sfreq

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # What two numbers a row teach in twenty epochs is up to the network: EEGNet learns little.
        tags.classifier_tags.poor_score = True
        return tags

    def _module_name(self):
        return self.model

    def _module_params(self):
        params = dict(self.module_params or {})
        if self.sfreq is not None:
            params["sfreq"] = self.sfreq
        return params

    def _module_class(self, name):
        if inspect.isclass(name) and issubclass(name, torch.nn.Module):
            return name
        if not isinstance(name, str):
            raise ValueError(
                f"model must be the name of a network or a class of torch modules, got {name!r}."
            )
        models = _braindecode_models()
        if name not in models:
            near = get_close_matches(name, models, n=3, cutoff=0.4)
            hint = f" Nearest: {', '.join(near)}." if near else ""
            raise ValueError(f"braindecode has no model {name!r}.{hint}")
        return models[name]

    def _build_net(self, architecture, *args, **kwargs):
        """Build the net; where windows are too short for it, build it for repeated ones."""
        self._module_class(architecture["name"])  # an unknown name is no matter of short windows
        build = partial(super()._build_net, architecture, *args, **kwargs)
        with _quiet():
            try:
                return build()
            except _BUILD_ERRORS as error:
                too_short = error
            n_repeated = SHORT - architecture["params"]["n_times"]
            try:
                net = build(n_repeated=n_repeated) if n_repeated > 0 else None
            except _BUILD_ERRORS:
                net = None
        if net is None:
            raise ValueError(self._no_classifier(too_short)) from too_short
        warnings.warn(
            f"{self._spelled()} takes no windows of {self.n_times_} time points: each is repeated "
            f"end to end, up to {SHORT}.",
            stacklevel=2,
        )
        return net

    @torch.no_grad()
    def _prepare_module(self, net, dataset):
        """Try the network on two windows: some of braindecode's do not classify windows."""
        inputs, _ = dataset[[0, 0]]
        net.module_.eval()
        try:
            logits = net.infer(inputs)
        except _BUILD_ERRORS as error:
            raise ValueError(self._no_classifier(error)) from error
        shape = getattr(logits, "shape", type(logits).__name__)
        if shape != (2, len(self.classes_)):
            raise ValueError(self._no_classifier(f"2 windows gave {shape}"))

    def _spelled(self):
        return getattr(self.model, "__name__", self.model)

    def _no_classifier(self, reason):
        return (
            f"{self._spelled()} does not classify windows of {self.n_chans_} channels x "
            f"{self.n_times_} time points into {len(self.classes_)} classes: "
            f"{str(reason).rstrip('. ')}. Longer "
            "windows, sfreq= or module_params= may help."
        )


@contextlib.contextmanager
def _quiet():
    """Mute deprecations inside braindecode and what it imports: nothing our users can mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _braindecode_models():
    """Name to class, for all of braindecode's networks; imported here because it takes seconds."""
    try:
        with _quiet():
            from braindecode import models
    except (ImportError, OSError) as error:
        remedy = TORCHAUDIO if "torchaudio" in str(error) or isinstance(error, OSError) else ""
        raise ImportError(INSTALL.format(error=error) + remedy) from error
    return {
        name: cls
        for name, cls in vars(models).items()
        if inspect.isclass(cls) and issubclass(cls, torch.nn.Module)
    }
