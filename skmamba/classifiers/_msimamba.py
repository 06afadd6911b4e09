"""MS-iMamba as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch

from .._types import Seed
from .._validation import check_int
from ..models import MSiMamba, MSiMambaEnsemble
from ..modules import (
    MultiScaleTemporalBlock,
    resolve_backend,
    window_amplitudes,
)
from ._base import NetClassifier
from ._docs import with_shared_docs
from ._net import load_batches


@with_shared_docs
class MSiMambaClassifier(NetClassifier):
    """Classify trials of raw EEG with MS-iMamba.

    Takes bags of windows as :class:`~skmamba.SlidingWindows` cuts them, trains on every window
    with its trial's label and answers once a trial, by vote. Windows or series without bags are
    taken as trials of one window.

    Parameters
    ----------
    d_model : int, default=64
        Width of a token.
    n_layers : int, default=1
        Number of iMamba blocks.
    top_k : int, default=2
        Number of frequencies at which a window is folded.
    n_kernels : int, default=3
        Kernels of the inception, of side 1, 3, 5, ...
    d_hidden : int, default=16
        Maps inside the multi-scale block.
    drop_prob : float, default=0.3
        Dropout.
    embedding : {"power", "inverted", "temporal"}, default="power"
        One token a channel: a linear map of its log power behind learned filters, see
        :class:`~skmamba.modules.PowerEmbedding`, or of its samples, as in the paper; or one token
        a time point (ablation).
    n_members : int, default=3
        Networks that are trained side by side, from different starts, and whose probabilities are
        averaged; 1 is the bare network, and a third of the work.
    backend : {"auto", "torch", "mamba_ssm"}, default="auto"
        What runs the selective scan. Both give the same; ``"auto"`` takes mamba-ssm's CUDA
        kernel where there is one.
    module_params : dict, default=None
        Further parameters of :class:`~skmamba.models.MSiMamba`, such as
        ``{"mixer": "attention"}``: sizes of Mamba, period selection and ablation switches.
    {training_parameters}

    Attributes
    ----------
    {fitted_attributes}
    backend_ : {"torch", "mamba_ssm"}
        What ran the scan.

    See Also
    --------
    skmamba.models.MSiMamba : The network, with its references and departures.
    BraindecodeClassifier : The same trainer for any of braindecode's networks.

    Notes
    -----
    Window length, splits, optimizer, widths, depth and k are not stated in what this was written
    from: every default is ours. Two defaults depart from what the paper does say. Its embedding is
    linear, which is ``embedding="inverted"``: :class:`~skmamba.modules.PowerEmbedding` tells why
    ours is not, and what that gains. And it is one network, which is ``n_members=1``: see
    :class:`~skmamba.models.MSiMambaEnsemble`.

    References
    ----------
    .. [1] Zhou, Huang, Peng and Yin, "MS-iMamba", arXiv 2409.07589.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows, simulate_trials
    >>> trials = simulate_trials(n_subjects=4, n_trials=6)
    >>> pipe = make_pipeline(SlidingWindows(128), MSiMambaClassifier(random_state=0))
    >>> pipe.fit(trials.X, trials.y).predict_proba(trials.X).shape
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
        n_members: int = 3,
        backend: Literal["auto", "torch", "mamba_ssm"] = "auto",
        module_params: dict[str, Any] | None = None,
        lr: float = 2e-3,
        weight_decay: float = 1e-2,
        max_epochs: int = 12,
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
        self.d_model = d_model
        self.n_layers = n_layers
        self.top_k = top_k
        self.n_kernels = n_kernels
        self.d_hidden = d_hidden
        self.drop_prob = drop_prob
        self.embedding = embedding
        self.n_members = n_members
        self.backend = backend
        self.module_params = module_params

    def _check_params(self):
        super()._check_params()
        check_int("n_members", self.n_members)

    def _module_name(self):
        return "MSiMamba" if self.n_members == 1 else "MSiMambaEnsemble"

    def _module_class(self, name):
        return MSiMamba if name == "MSiMamba" else MSiMambaEnsemble

    def _module_params(self):
        names = "d_model n_layers top_k n_kernels d_hidden drop_prob embedding backend"
        params = {name: getattr(self, name) for name in names.split()}
        if self.n_members != 1:
            params["n_members"] = self.n_members
        return {**params, **(self.module_params or {})}

    def _backend_on(self, device):
        return resolve_backend(self.backend, device)

    @torch.no_grad()
    def _prepare_module(self, net, dataset):
        blocks = [
            block
            for block in net.module_.modules()
            if isinstance(block, MultiScaleTemporalBlock) and block.period_selection == "fixed"
        ]
        if not blocks:
            return
        total: Any
        weights: Any
        total = weights = 0.0
        for inputs, _ in load_batches(dataset, net.get_params()["iterator_valid__batch_size"]):
            weight = inputs["weight"].to(torch.float64)
            total = total + weight @ window_amplitudes(inputs["x"]).to(torch.float64)
            weights += weight.sum()
        for block in blocks:
            block.set_frequencies(total / weights)
