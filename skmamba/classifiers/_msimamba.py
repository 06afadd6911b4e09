"""MS-iMamba as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch

from .._arguments import check_whole
from .._types import Seed
from ..modules import (
    MSiMamba,
    MSiMambaEnsemble,
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
    d_state : int, default=4
        State of each inner channel of Mamba.
    d_conv : int, default=2
        Length of Mamba's convolution over tokens.
    expand : int, default=1
        Inner width of Mamba as a multiple of ``d_model``.
    bidirectional : bool, default=True
        Whether a second Mamba reads the channels from last to first.
    drop_prob : float, default=0.3
        Dropout.
    period_selection : {"window", "fixed"}, default="window"
        Whether each window is folded at its own periods, or all at those of the mean training
        window.
    use_mstb : bool, default=True
        Whether windows pass the multi-scale block (ablation).
    embedding : {"power", "inverted", "normal"}, default="power"
        One token a channel: a linear map of its log power behind learned filters, see
        :class:`~skmamba.modules.PowerEmbedding`, or of its samples, as in the paper; or one token
        a time point (ablation).
    mixer : {"mamba", "attention", "none"}, default="mamba"
        What mixes the tokens (ablation).
    n_heads : int, default=4
        Heads of ``mixer="attention"``.
    head : {"flatten", "mean"}, default="flatten"
        Whether the last layer reads all tokens or their mean.
    n_members : int, default=3
        Networks that are trained side by side, from different starts, and whose probabilities are
        averaged; 1 is the bare network, and a third of the work.
    backend : {"auto", "torch", "mamba_ssm"}, default="auto"
        What runs the selective scan. Both give the same; ``"auto"`` takes mamba-ssm's CUDA
        kernel where there is one.
    {training_parameters}

    Attributes
    ----------
    {fitted_attributes}
    backend_ : {"torch", "mamba_ssm"}
        What ran the scan.

    See Also
    --------
    skmamba.modules.MSiMamba : The network, with its references and departures.
    BraindecodeClassifier : The same trainer for any of braindecode's networks.

    Notes
    -----
    Window length, splits, optimizer, widths, depth and k are not stated in what this was written
    from: every default is ours. Two defaults depart from what the paper does say. Its embedding is
    linear, which is ``embedding="inverted"``: :class:`~skmamba.modules.PowerEmbedding` tells why
    ours is not, and what that gains. And it is one network, which is ``n_members=1``: see
    :class:`~skmamba.modules.MSiMambaEnsemble`.

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
        d_state: int = 4,
        d_conv: int = 2,
        expand: int = 1,
        bidirectional: bool = True,
        drop_prob: float = 0.3,
        period_selection: Literal["window", "fixed"] = "window",
        use_mstb: bool = True,
        embedding: Literal["power", "inverted", "normal"] = "power",
        mixer: Literal["mamba", "attention", "none"] = "mamba",
        n_heads: int = 4,
        head: Literal["flatten", "mean"] = "flatten",
        n_members: int = 3,
        backend: Literal["auto", "torch", "mamba_ssm"] = "auto",
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
        verbose: int = 0,
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
        self.d_state = d_state
        self.d_conv = d_conv
        self.expand = expand
        self.bidirectional = bidirectional
        self.drop_prob = drop_prob
        self.period_selection = period_selection
        self.use_mstb = use_mstb
        self.embedding = embedding
        self.mixer = mixer
        self.n_heads = n_heads
        self.head = head
        self.n_members = n_members
        self.backend = backend

    def _check_params(self):
        super()._check_params()
        check_whole("n_members", self.n_members)

    def _module_name(self):
        return "MSiMamba" if self.n_members == 1 else "MSiMambaEnsemble"

    def _module_class(self, name):
        return MSiMamba if name == "MSiMamba" else MSiMambaEnsemble

    def _module_params(self):
        names = (
            "d_model n_layers top_k n_kernels d_hidden d_state d_conv expand bidirectional "
            "drop_prob period_selection use_mstb embedding mixer n_heads head backend"
        )
        params = {name: getattr(self, name) for name in names.split()}
        return params if self.n_members == 1 else {"n_members": self.n_members, **params}

    def _backend_on(self, device):
        return resolve_backend(self.backend, device)

    @torch.no_grad()
    def _prepare_module(self, net, dataset):
        if not self.use_mstb or self.period_selection != "fixed":
            return
        total: Any
        weights: Any
        total = weights = 0.0
        for inputs, _ in load_batches(dataset, net.get_params()["iterator_valid__batch_size"]):
            weight = inputs["weight"].to(torch.float64)
            total = total + weight @ window_amplitudes(inputs["x"]).to(torch.float64)
            weights += weight.sum()
        for block in net.module_.modules():
            if isinstance(block, MultiScaleTemporalBlock):
                block.set_frequencies(total / weights)
