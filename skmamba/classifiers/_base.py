"""The scikit-learn side of every network: flat parameters, a skorch net held in ``net_``."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit
from sklearn.utils import check_consistent_length
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted
from skorch.callbacks import EarlyStopping
from skorch.helper import predefined_split
from skorch.history import History

from .._metadata import get_columns
from .._types import Epochs, Groups, Seed
from .._validation import check_int, draw_seed, restore_on_error
from ._bags import TrialClassifier, check_bags, check_voting, vote
from ._net import EpochBar, WindowDataset, WindowNet, load_batches, seeded, torch_threads
from ._scaling import SCALINGS, fit_scaling, scale_windows
from ._validation import check_labels

OPTIMIZERS: dict[object, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
PREDICT_BATCH = 128  # windows; more gains no speed and takes memory


def _can_partial_fit(estimator):
    if estimator.early_stopping:
        raise AttributeError("partial_fit is one pass over the data: set early_stopping=False.")
    return True


class NetClassifier(TrialClassifier):
    """Base of the classifiers that train a network on windows and answer by trial.

    Subclasses say which network: :meth:`_module_name`, :meth:`_module_params` and
    :meth:`_module_class`.
    """

    classes_: NDArray[Any]
    net_: WindowNet
    history_: list[dict[str, Any]]
    n_iter_: int
    n_chans_: int
    n_times_: int
    n_features_in_: int
    center_: NDArray[Any]
    scale_: NDArray[Any]
    backend_: Literal["torch", "mamba_ssm"]

    # Under metadata routing a fit that merely can take groups would make every grouped
    # cross-validation fail until they are requested or refused.
    __metadata_request__fit = {"groups": False}

    def __init__(
        self,
        *,
        lr: float,
        weight_decay: float,
        max_epochs: int,
        batch_size: int | None,
        optimizer: Literal["adamw", "adam", "sgd"] | type[torch.optim.Optimizer],
        early_stopping: bool,
        validation_fraction: float,
        patience: int,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None,
        scaling: Literal["robust", "standard", "window"] | None,
        voting: Literal["soft", "hard"],
        n_chans: int | None,
        warm_start: bool,
        device: str,
        n_threads: int | None,
        dtype: Literal["float32", "float64"],
        callbacks: Sequence[Any] | None,
        net_params: dict[str, Any] | None,
        random_state: Seed,
        verbose: bool | int | None,
    ) -> None:
        self.lr = lr
        self.weight_decay = weight_decay
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.class_weight = class_weight
        self.scaling = scaling
        self.voting = voting
        self.n_chans = n_chans
        self.warm_start = warm_start
        self.device = device
        self.n_threads = n_threads
        self.dtype = dtype
        self.callbacks = callbacks
        self.net_params = net_params
        self.random_state = random_state
        self.verbose = verbose

    # ---- what a subclass says

    def _module_name(self):
        """Name of the network, all that is needed to find its class again."""
        raise NotImplementedError

    def _module_params(self):
        """Parameters of the network beyond n_chans, n_times and n_outputs."""
        raise NotImplementedError

    def _module_class(self, name):
        """Class of the network with this name."""
        raise NotImplementedError

    def _prepare_module(self, net, dataset):
        """Let the module learn from the training windows what gradients do not teach."""

    def _backend_on(self, device):
        """Name what runs the network; complain if it cannot run there."""
        return "torch"

    # ---- fit

    def fit(
        self,
        X: ArrayLike | Epochs,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: Groups | None = None,
    ) -> Self:
        """Train on every window with the label of its trial.

        Parameters
        ----------
        X : ndarray or mne.Epochs
            Bags of windows ``(n_trials, n_windows, n_chans, n_times)``, windows
            ``(n_trials, n_chans, n_times)``, or series of one channel ``(n_trials, n_times)``.
        y : array-like of shape (n_trials,)
            Labels of any kind.
        sample_weight : array-like of shape (n_trials,), default=None
            Weights of trials; those of weight zero are left out.
        groups : DataFrame or array-like of shape (n_trials,), default=None
            Metadata with a column ``subject``, or any ids: early stopping then holds out whole
            subjects, or all trials of an id.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If data or parameters do not fit, or the loss is no longer finite. The estimator is
            then as it was before.
        """
        fresh = not (self.warm_start and hasattr(self, "net_"))
        with restore_on_error(self):
            return self._fit(X, y, sample_weight, groups, fresh=fresh, epochs=self.max_epochs)

    @available_if(_can_partial_fit)
    def partial_fit(
        self,
        X: ArrayLike | Epochs,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch more.

        Scaling is learned from the first call, and stays.

        Parameters
        ----------
        X, y
            As in :meth:`fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call only.
        sample_weight : array-like of shape (n_trials,), default=None
            As in :meth:`fit`.

        Returns
        -------
        self : object
            The classifier.
        """
        with restore_on_error(self):
            return self._fit(
                X,
                y,
                sample_weight,
                None,
                fresh=not hasattr(self, "net_"),
                epochs=1,
                classes=classes,
            )

    def _fit(self, X, y, sample_weight, groups, *, fresh, epochs, classes=None):
        self._check_params()
        device = resolve_device(self.device)
        backend = self._backend_on(device)
        bags = check_bags(self, X, n_chans=self.n_chans, reset=fresh)
        y = check_labels(self, y)
        check_consistent_length(bags, y, sample_weight, groups)
        y_index = self._encode(y, classes, fresh)
        weight, loss_weight = self._weigh(bags, y, sample_weight)
        trials = np.arange(len(y)) if weight is None else np.flatnonzero(weight)
        self._check_classes_left(y_index[trials], fresh and classes is None)

        seed = draw_seed(self.random_state)
        if not fresh:  # or every call would go through the same batches in the same order
            seed = (seed + self.n_iter_) % 2**31
        train, valid = trials, None
        if self.early_stopping:
            train, valid = self._hold_out(trials, y_index, groups, seed)
        if fresh:
            self.scaling_ = self.scaling
            self.center_, self.scale_ = fit_scaling(self.scaling, bags, train, weight)

        net: WindowNet

        def windows_of(which):
            return self._dataset(bags, net.numpy_dtype, trials=which, y=y_index, weight=loss_weight)

        with torch_threads(self.n_threads), seeded(seed, device):
            net = self._build_net(
                self._architecture(), device, seed, early_stopping=valid is not None
            )
            if fresh:
                self._prepare_module(net, windows_of(train))
            else:
                self._go_on_from(self.net_, net)
            if valid is not None:
                net.train_split = predefined_split(windows_of(valid))
            net.train_epochs(windows_of(train), epochs)
            net.train_split = None  # or the fitted model would carry its validation data
        self.net_ = net
        self.backend_ = backend
        self.history_ = [
            {key: value for key, value in epoch.items() if key != "batches"}
            for epoch in net.history
        ]
        self.n_iter_ = len(self.history_)
        return self

    # ---- predict

    def predict_proba(self, X: ArrayLike | Epochs) -> NDArray[Any]:
        """Probability of each class for each trial.

        Parameters
        ----------
        X : ndarray or mne.Epochs
            As in :meth:`fit`, with windows of the same size; the number of windows may differ.

        Returns
        -------
        proba : ndarray of shape (n_trials, n_classes)
            The vote of a trial's windows, in the order of ``classes_``.
        """
        check_is_fitted(self, "net_")
        check_voting(self.voting)
        bags = check_bags(self, X, n_chans=self.n_chans, reset=False)
        with torch_threads(self.n_threads):
            proba = self.net_.predict_proba(self._dataset(bags, self.net_.numpy_dtype))
        return vote(proba.reshape(*bags.shape[:2], -1), self.voting)

    # ---- parts of fit

    def _check_params(self):
        for name in ("max_epochs", "patience"):
            check_int(name, getattr(self, name))
        for name in ("batch_size", "n_threads"):
            if getattr(self, name) is not None:
                check_int(name, getattr(self, name))
        if not (isinstance(self.lr, Real) and self.lr > 0):
            raise ValueError(f"lr must be a positive number, got {self.lr!r}.")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction must lie between 0 and 1, got {self.validation_fraction!r}."
            )
        if self.scaling not in SCALINGS:
            raise ValueError(
                f"scaling must be one of {', '.join(map(str, SCALINGS))}, got {self.scaling!r}."
            )
        if isinstance(self.optimizer, str) and self.optimizer not in OPTIMIZERS:
            raise ValueError(
                f"optimizer must be one of {', '.join(OPTIMIZERS)} or a torch.optim class, "
                f"got {self.optimizer!r}."
            )
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be float32 or float64, got {self.dtype!r}.")
        check_voting(self.voting)

    def _encode(self, y, classes, fresh):
        """Turn labels into class indices; learn the classes when fresh."""
        if fresh:
            self.classes_ = np.unique(y if classes is None else classes)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y holds the classes {unknown.tolist()}, which are not among "
                f"{self.classes_.tolist()}."
            )
        return np.searchsorted(self.classes_, y)

    def _weigh(self, bags, y, sample_weight):
        """Weights of trials as samples, and in the loss; None for all alike."""
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, bags, dtype=float, ensure_non_negative=True
            )
        if self.class_weight is None:
            return weight, weight
        by_class = compute_sample_weight(self.class_weight, y)
        return weight, by_class if weight is None else by_class * weight

    def _check_classes_left(self, y_index, need_two):
        if not len(y_index):
            raise ValueError("Sample weights must contain at least one non-zero number.")
        if need_two and len(np.unique(y_index)) < 2:
            (only,) = self.classes_[y_index[:1]].tolist()
            raise ValueError(
                f"{type(self).__name__} needs trials of at least 2 classes, got 1 class: {only!r}."
            )

    def _hold_out(self, trials, y_index, groups, seed):
        """Split trials, or whole groups of them, into training and validation."""
        options = {"n_splits": 1, "test_size": self.validation_fraction, "random_state": seed}
        if groups is None:
            split = StratifiedShuffleSplit(**options).split(trials, y_index[trials])
        else:
            (groups,) = get_columns(groups, "subject", asker=self)
            split = GroupShuffleSplit(**options).split(trials, groups=groups[trials])
        train, valid = next(split)
        train, valid = trials[train], trials[valid]
        if len(np.unique(y_index[train])) < 2:
            raise ValueError(
                "early_stopping left one class for training: the groups held out have all of "
                "another one. Pass groups that hold several classes, or none."
            )
        return train, valid

    def _dataset(self, bags, dtype, **which):
        scale = partial(
            scale_windows, scaling=self.scaling_, center=self.center_, scale=self.scale_
        )
        return WindowDataset(bags, scale, dtype, **which)

    def _architecture(self):
        """All that is needed to build the network again, whatever happens to the parameters."""
        params = {
            "n_chans": self.n_chans_,
            "n_outputs": len(self.classes_),
            "n_times": self.n_times_,
            **self._module_params(),
        }
        return {"name": self._module_name(), "params": params, "dtype": self.dtype}

    def _build_net(self, architecture, device, seed, *, early_stopping=False, n_repeated=0):
        """Build a skorch net with new weights, for windows repeated for so many time points."""
        callbacks = [_fresh_callback(callback) for callback in self.callbacks or []]
        if early_stopping:
            stop = EarlyStopping(
                patience=self.patience, load_best=True, sink=print if self.verbose == 2 else _mute
            )
            callbacks.append(("early_stopping", stop))
        if self.verbose != 2:
            callbacks.append(("epoch_bar", EpochBar(self.verbose)))
        params = {
            "criterion": torch.nn.CrossEntropyLoss,
            "criterion__reduction": "none",
            "optimizer": OPTIMIZERS.get(self.optimizer, self.optimizer),
            "classes": list(range(len(self.classes_))),
            "device": device,
            "numpy_dtype": architecture["dtype"],
            "n_repeated": n_repeated,
            "train_split": None,
            "iterator_train": load_batches,
            "iterator_train__seed": seed,
            "iterator_train__shuffle": self.batch_size is not None,
            "iterator_valid": load_batches,
            "iterator_valid__batch_size": PREDICT_BATCH,
            "callbacks": callbacks,
            "verbose": int(self.verbose == 2),
            "lr": self.lr,
            "max_epochs": self.max_epochs,
            "optimizer__weight_decay": self.weight_decay,
            "batch_size": -1 if self.batch_size is None else self.batch_size,
            **{f"module__{key}": value for key, value in architecture["params"].items()},
            "module__n_times": architecture["params"]["n_times"] + n_repeated,
            **(self.net_params or {}),
        }
        if self.verbose != 2:
            params["callbacks__print_log"] = None
        net = WindowNet(self._module_class(architecture["name"]), **params)
        net.initialize()
        net.architecture = architecture
        return net

    def _go_on_from(self, old, net):
        """Take over what an earlier net has learned; how to train on is the new net's matter."""
        if net.architecture != old.architecture:
            raise ValueError(
                "warm_start goes on with the same network, but it was "
                f"{old.architecture} and is now {net.architecture}. Set warm_start=False."
            )
        net.module_.load_state_dict(old.module_.state_dict())
        net.history_ = copy.deepcopy(old.history)
        if type(net.optimizer_) is type(old.optimizer_):
            settings = [dict(group, params=None) for group in net.optimizer_.param_groups]
            net.optimizer_.load_state_dict(copy.deepcopy(old.optimizer_.state_dict()))
            for group, new in zip(net.optimizer_.param_groups, settings, strict=True):
                group.update(new, params=group["params"])

    # ---- saving

    def __getstate__(self):
        """Keep weights as plain arrays: small, and loadable without trusting torch's pickles.

        The optimizer's own state is left behind: a warm start after loading begins it anew.
        """
        state = super().__getstate__().copy()
        net = state.pop("net_", None)
        if net is not None:
            weights = {
                key: value.detach().cpu().numpy() for key, value in net.module_.state_dict().items()
            }
            state["_saved_net"] = {"architecture": net.architecture, "weights": weights}
        return state

    def __setstate__(self, state):
        """Build the net again and give it its weights."""
        state = state.copy()
        saved = state.pop("_saved_net", None)
        super().__setstate__(state)
        if saved is None:
            return
        device = "cpu"
        try:
            device = resolve_device(self.device)
        except ValueError as error:
            warnings.warn(f"Loaded on the CPU: {error}", stacklevel=2)
        with seeded(0, device):
            net = self._build_net(saved["architecture"], device, seed=0)
        net.module_.load_state_dict(
            {key: torch.from_numpy(np.array(value)) for key, value in saved["weights"].items()}
        )
        net.history_ = History()
        net.history_.extend(dict(epoch, batches=[]) for epoch in self.history_)
        self.net_ = net


def resolve_device(device):
    """Name the device that ``device`` means on this machine."""
    has_cuda = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if has_cuda else "cpu"
    if str(device).startswith("cuda") and not has_cuda:
        raise ValueError(f"device={device!r}, but torch finds no CUDA device. Use 'auto' or 'cpu'.")
    return device


def _fresh_callback(callback):
    if isinstance(callback, tuple):
        name, callback = callback
        return name, clone(callback, safe=False)
    return clone(callback, safe=False)


def _mute(message):
    """Take a line and print nothing."""
