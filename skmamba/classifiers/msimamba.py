"""MS-iMamba classifier and regressor."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import is_regressor
from sklearn.utils.validation import check_is_fitted

from .._scaling import find_flat
from .._selection import Selection
from .._types import Seed
from .._validation import ADAPTATIONS, check_fraction, check_int, check_option, check_reference
from ..models import MSiMamba, MSiMambaEnsemble
from ..modules import resolve_backend
from ._adaptation import AdaptedNet, Statistics
from ._docs import add_shared_docs
from ._skorch import resolve_device, torch_threads
from .base import BaseNet, BaseNetClassifier, BaseNetRegressor, check_spread

AUTO_EPOCHS, AUTO_STEPS = 12, 2000  # upper limits of max_epochs="auto"
MAX_UNWHITENED = 8  # number of channels above which spatial whitening is the default
WEAK = 0.1  # amplitude of a channel of a reference, relative to training, that is reported


NETWORK_PARAMETERS = """
d_model : int, default=64
    Width of a token.
n_layers : int, default=1
    Number of iMamba blocks.
top_k : int, default=2
    Number of frequencies that the multi-scale block selects.
n_kernels : int, default=3
    Number of square kernels in an inception block, of sizes 1, 3, 5, ...
d_hidden : int, default=16
    Number of feature maps in the multi-scale block.
drop_prob : float, default=0.3
    Dropout probability.
embedding : {"power", "inverted", "temporal"}, default="power"
    ``"power"``: one token per channel from its log power after learned filters and its
    averaged samples, see :class:`~skmamba.modules.PowerEmbedding`; ``"inverted"``: one token
    per channel from its samples, as in the paper; ``"temporal"``: one token per sample
    (ablation).
n_members : int, default=1
    Number of networks trained with different initial weights, whose predictions are
    averaged. Computing time is proportional to it.
adaptation : {"reference", "causal", "unlabelled"} or None, default=None
    Windows of the subject that adapt the network, in training and prediction: features of each
    window are standardised by their mean and spread over these windows. ``"reference"``: windows of
    the reference of the trial, see :class:`~skmamba.Trials`, by whose spectrum all windows are
    whitened first; ``"causal"``: windows up to the current one, in the order of session, run and
    trial; ``"unlabelled"``: all windows of the subject in X; None: no adaptation.
module_params : dict, default=None
    Further parameters of :class:`~skmamba.models.MSiMamba`, such as
    ``{"mixer": "attention"}``: sizes of Mamba, ``backend``, period selection and ablation
    switches. With more than 8 channels, ``embedding="power"`` and ``adaptation=None``,
    ``spatial_whitening`` is True unless it is set here.
lr : float, default=2e-3
    Learning rate.
max_epochs : int or "auto", default="auto"
    Number of passes over the training windows. ``"auto"`` is 12, or as many as
    make at most 2,000 training steps if that is less, but at least 1.
average_weights : bool, default=True
    Whether the fitted weights are the mean of those after each training step in the second half
    of :meth:`fit` (Izmailov et al., arXiv 1803.05407). Ignored with early stopping and with
    callbacks with ``load_best=True``, which restore the weights of one epoch.
"""

NETWORK_ATTRIBUTES = """
subject_statistics_ : tuple
    Number, mean and mean square of the features of the windows that :meth:`for_subject` used.
subject_gain_ : ndarray of shape (n_chans, n_times)
    Gains of the cosine components of a window, by which :meth:`for_subject` whitens windows with
    ``adaptation="reference"``.
backend_ : {"torch", "mamba_ssm"}
    Implementation of the scan on the device of the fitted network.
"""


class BaseMSiMamba(BaseNet):
    """Base of estimators with the network MS-iMamba."""

    d_model: int
    n_layers: int
    top_k: int
    n_kernels: int
    d_hidden: int
    drop_prob: float
    embedding: Literal["power", "inverted", "temporal"]
    n_members: int

    @property
    def backend_(self) -> Literal["torch", "mamba_ssm"]:
        """Implementation of the scan on the device of the fitted network."""
        backend = self.net_.architecture["params"].get("backend", "auto")
        return resolve_backend(backend, self.net_.device)

    def _module_spec(self, X, fresh):
        for name in ("d_model", "n_layers", "top_k", "n_kernels", "d_hidden", "n_members"):
            check_int(name, getattr(self, name))
        check_fraction("drop_prob", self.drop_prob, zero=True)
        backend = (self.module_params or {}).get("backend", "auto")
        resolve_backend(backend, resolve_device(self.device))  # raises if it cannot run
        names = "d_model n_layers top_k n_kernels d_hidden drop_prob embedding n_members"
        own = {name: getattr(self, name) for name in names.split()}
        if self.adaptation is not None:
            check_option("adaptation", self.adaptation, ADAPTATIONS)
            own["standardize"] = True
        params = self._merge_module_params(own, MSiMamba)
        if "spatial_whitening" not in params and self._whitens(fresh):
            params["spatial_whitening"] = True
        if self.n_members == 1:
            del params["n_members"]
            return "MSiMamba", params
        if is_regressor(self):
            params["average_outputs"] = True
        return "MSiMambaEnsemble", params

    def _whitens(self, fresh):
        """Return whether the network has spatial whitening by default, or had it in fit."""
        if not fresh:
            return self.net_.architecture["params"].get("spatial_whitening", False)
        is_default = self.embedding == "power" and self.adaptation is None
        return is_default and self.n_chans_ > MAX_UNWHITENED

    def _count_epochs(self, n_windows):
        if self.max_epochs == "auto":
            n_steps = 1 if self.batch_size is None else -(-n_windows // self.batch_size)
            return max(1, min(AUTO_EPOCHS, AUTO_STEPS // n_steps))
        if isinstance(self.max_epochs, str):
            raise ValueError(
                f"max_epochs must be 'auto' or an integer of at least 1, got {self.max_epochs!r}."
            )
        return super()._count_epochs(n_windows)

    def for_subject(self, reference: ArrayLike) -> Self:
        """Return a copy for one subject, whose features are standardised by the reference.

        Parameters
        ----------
        reference : array-like of shape (n_channels, n_reference_times)
            Unlabelled EEG of the subject, at least one window long, in the unit of X. In a pipeline
            use :func:`~skmamba.calibrate`, which applies the other steps to it.

        Returns
        -------
        copy : object
            Fitted copy that predicts arrays. With ``adaptation="causal"``, the statistics
            start with the reference, and a further call adds its reference.

        Raises
        ------
        ValueError
            If the adaptation is neither ``"reference"`` nor ``"causal"``, or the reference is
            shorter than a window, has other channels or has NaN.
        """
        check_is_fitted(self, "net_")
        if self.adaptation not in ("reference", "causal"):
            raise ValueError(
                f"for_subject requires adaptation='reference' or 'causal', got {self.adaptation!r}."
            )
        self._check_adaptation()
        # StreamDecoder adds windows, which may be constant; a warning follows.
        reference = check_reference(reference, self.n_chans_, self.n_times_, constant=True)
        net, fitted = AdaptedNet(self.net_, self._scale), {}
        bags = Selection(reference[None]).cut(self.n_times_, self.n_times_)
        check_spread(self, bags, "reference")
        self._warn_of_weak_channels(bags)
        with torch_threads(self.n_threads):
            if self.adaptation == "reference":
                statistics, fitted["subject_gain_"] = net.measure_reference(bags, 0)
            else:
                known = getattr(self, "subject_statistics_", None) or net.get_prior()
                statistics = Statistics(*known).add(net.compute_features(bags, 0))
        copied = object.__new__(type(self))  # copy.copy would copy the network, too
        copied.__dict__ = {**self.__dict__, "subject_statistics_": tuple(statistics), **fitted}
        return copied

    def _warn_of_weak_channels(self, bags):
        """Warn of channels whose amplitude is much smaller than in training, unlike the others."""
        if self.scaling_ not in ("robust", "standard"):
            return  # amplitudes in training are unknown
        windows = bags.gather()[0]  # (n_windows, C, T)
        amplitude = np.median(windows.std(-1, dtype=float), 0) / self.scale_  # (C,)
        is_weak = amplitude < WEAK * np.median(amplitude)
        weak = np.flatnonzero(is_weak & ~find_flat(windows))  # flat ones are left out
        if len(weak):
            names = getattr(self, "ch_names_in_", None) or range(self.n_chans_)
            warnings.warn(
                f"reference has less than {WEAK} of the amplitude of the training data in channel "
                f"{', '.join(str(names[i]) for i in weak)}, relative to other channels: check the "
                "electrode, since predictions depend on the amplitude in the reference.",
                stacklevel=3,
            )

    def _module_class(self, name):
        return MSiMamba if name == "MSiMamba" else MSiMambaEnsemble


@add_shared_docs(network_parameters=NETWORK_PARAMETERS, network_attributes=NETWORK_ATTRIBUTES)
class MSiMambaClassifier(BaseMSiMamba, BaseNetClassifier):
    """Classify trials of raw EEG with MS-iMamba.

    Trains on every window of bags of windows, see :class:`~skmamba.SlidingWindows`, with the label
    of its trial, and predicts each trial by the vote of its windows. A 3-D X has
    trials of one window.

    Parameters
    ----------
    {network_parameters}
    {training_parameters}

    Attributes
    ----------
    {fitted_attributes}
    {network_attributes}

    See Also
    --------
    skmamba.models.MSiMamba : The network, with its references and departures from the paper.
    MSiMambaRegressor : The same network for ratings.
    BraindecodeClassifier : The same training for networks of braindecode and others.

    Notes
    -----
    The paper does not state window length, optimizer, widths, depth or k: these defaults are
    choices of this package. The default embedding departs from the paper, which uses
    ``embedding="inverted"``, and so does the spatial whitening of more than 8 channels.

    References
    ----------
    .. [1] Zhou, Huang, Peng and Yin, "MS-iMamba", arXiv 2409.07589.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=6)
    >>> pipe = make_pipeline(SlidingWindows(1.0), MSiMambaClassifier(random_state=0))
    >>> pipe.fit(trials, trials.y).predict_proba(trials).shape
    (24, 2)
    """

    def __init__(
        self,
        d_model: int = 64,
        n_layers: int = 1,
        *,
        top_k: int = 2,
        n_kernels: int = 3,
        d_hidden: int = 16,
        drop_prob: float = 0.3,
        embedding: Literal["power", "inverted", "temporal"] = "power",
        n_members: int = 1,
        adaptation: Literal["reference", "causal", "unlabelled"] | None = None,
        module_params: dict[str, Any] | None = None,
        lr: float = 2e-3,
        weight_decay: float = 1e-2,
        max_epochs: int | Literal["auto"] = "auto",
        batch_size: int | None = 64,
        optimizer: Literal["adamw", "adam", "sgd"] | type[torch.optim.Optimizer] = "adamw",
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        patience: int = 5,
        average_weights: bool = True,
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


@add_shared_docs(network_parameters=NETWORK_PARAMETERS, network_attributes=NETWORK_ATTRIBUTES)
class MSiMambaRegressor(BaseMSiMamba, BaseNetRegressor):
    """Predict ratings of trials of raw EEG with MS-iMamba.

    Trains on every window of bags of windows, see :class:`~skmamba.SlidingWindows`, with the rating
    of its trial, and predicts each trial by the mean or the median over its windows. The network
    learns standardised ratings, of one or several targets; predictions are in the shape and unit of
    y.

    Parameters
    ----------
    {network_parameters}
    {training_parameters}

    Attributes
    ----------
    {fitted_attributes}
    {network_attributes}

    See Also
    --------
    MSiMambaClassifier : The same network for classes, with notes and references.
    skmamba.evaluation.concordance_correlation : Score of predicted ratings.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaRegressor, SlidingWindows
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=6)
    >>> ratings = 3.0 + 4 * trials.y + np.random.default_rng(0).normal(size=24)
    >>> pipe = make_pipeline(SlidingWindows(1.0), MSiMambaRegressor(random_state=0))
    >>> pipe.fit(trials, ratings).predict(trials).shape
    (24,)
    """

    def __init__(
        self,
        d_model: int = 64,
        n_layers: int = 1,
        *,
        top_k: int = 2,
        n_kernels: int = 3,
        d_hidden: int = 16,
        drop_prob: float = 0.3,
        embedding: Literal["power", "inverted", "temporal"] = "power",
        n_members: int = 1,
        adaptation: Literal["reference", "causal", "unlabelled"] | None = None,
        module_params: dict[str, Any] | None = None,
        lr: float = 2e-3,
        weight_decay: float = 1e-2,
        max_epochs: int | Literal["auto"] = "auto",
        batch_size: int | None = 64,
        optimizer: Literal["adamw", "adam", "sgd"] | type[torch.optim.Optimizer] = "adamw",
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        patience: int = 5,
        average_weights: bool = True,
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
