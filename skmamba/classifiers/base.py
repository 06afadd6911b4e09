"""Base classes of estimators of trials: bags of windows, votes, training of networks."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping
from skorch.helper import predefined_split
from skorch.history import History
from skorch.utils import noop

from .._braindecode import read_windows
from .._metadata import TRIAL_COLUMNS, encode, get_columns, make_table
from .._mne import as_array, check_recording, count_dims, is_braindecode
from .._scaling import MAX_SPREAD_RATIO, SCALINGS, fit_scaling, measure_spread, scale_windows
from .._selection import Selection
from .._types import Epochs, Groups, Seed
from .._validation import (
    check_bool,
    check_finite,
    check_fraction,
    check_int,
    check_is_given,
    check_is_no_single_trial,
    check_labels,
    check_number,
    check_option,
    draw_seed,
    restore_on_error,
)
from ..trials import Trials
from ._adaptation import AdaptedNet, SubjectDataset, read_subjects
from ._skorch import (
    ARRAY_DTYPES,
    PREDICT_BATCH,
    AverageWeights,
    ClassifierNet,
    EpochBar,
    NoOptimizer,
    RegressorNet,
    WindowDataset,
    WindowNet,
    ignore_deprecations,
    load_batches,
    resolve_device,
    seeded,
    torch_threads,
)

LOSSES = {"mse": torch.nn.MSELoss, "mae": torch.nn.L1Loss, "huber": torch.nn.HuberLoss}
OPTIMIZERS: dict[object, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
# Parameters of skorch's net that fit sets, and others that it sets, unlike optimizer__betas.
NO_NET_PARAMS = {
    *("dataset", "device", "max_epochs", "module", "predict_nonlinearity", "train_split"),
    *("verbose", "warm_start"),
}
OWN_NET_PARAMS = {
    *("lr", "batch_size", "optimizer", "optimizer__lr", "optimizer__weight_decay"),
    "criterion__reduction",
    *("iterator_train", "iterator_train__batch_size", "iterator_valid"),
    *(
        f"iterator_{part}__{name}"
        for part in ("train", "valid")
        for name in ("batch_sampler", "drop_last", "generator", "sampler", "seed", "shuffle")
    ),
}
FUSED_DEVICES = ("cpu", "cuda")  # where these optimizers update all weights in one call


class BaseTrialEstimator(BaseEstimator):
    """Base of estimators of bags of windows that return one prediction per trial."""

    n_chans_: int
    n_times_: int
    n_features_in_: int
    spread_: float

    _votings: tuple[str, ...]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _check_target(self, target, need_two):
        """Raise ValueError if the encoded y of the training trials cannot be learnt."""


class BaseTrialClassifier(ClassifierMixin, BaseTrialEstimator):
    """Base of classifiers of trials."""

    classes_: NDArray[Any]

    _votings = ("soft", "hard")

    def _predict_labels(self, *data):
        """Return the most probable classes, also of a subclass with its own ``predict_proba``."""
        proba = self.predict_proba(*data)  # first, since it checks that the classifier is fitted
        return self.classes_[proba.argmax(1)]

    def _check_y(self, y):
        """Validate labels and return them as a vector."""
        return check_labels(y, self)

    def _check_target(self, target, need_two):
        if need_two and len(np.unique(target)) < 2:
            (only,) = self.classes_[target[:1]].tolist()
            raise ValueError(
                f"{type(self).__name__} requires at least 2 classes in y, got 1 class: {only!r}."
            )


class BaseTrialRegressor(RegressorMixin, BaseTrialEstimator):
    """Base of regressors of trials."""

    _votings = ("mean", "median")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _check_y(self, y):
        """Validate the numbers to predict and return them in float64."""
        check_is_given(y, self)
        y = np.asarray(y)
        if y.dtype.kind in "cmM":  # astype would drop imaginary parts, and count nanoseconds
            raise ValueError(f"y must contain real numbers, got {y.dtype}.")
        try:
            y = y.astype(float)
        except (TypeError, ValueError) as error:
            raise ValueError(f"y must contain numbers: {error}.") from error
        return check_array(y, ensure_2d=False, input_name="y")


def resolve_dataset(X, y=None):
    """Return windows of braindecode as Trials, with their targets if y is None; else X and y."""
    if not is_braindecode(X):
        return X, y
    trials = Trials(**read_windows(X))
    return trials, trials.y if y is None else y


def check_bags(estimator, X, *, n_chans=None, reset):
    """Validate X; return a Selection of windows ``(n_trials, n_windows, n_chans, n_times)``.

    X is neither copied nor converted. With ``reset``, the size of windows is set on the estimator,
    otherwise it is compared. ``n_chans`` is the number of channels in a row of a 2-D X.
    """
    check_recording(estimator, X, reset=reset)
    X = X.data if isinstance(X, Trials) else as_array(X)
    ndim = count_dims(X)
    if ndim > 4:
        raise ValueError(
            "X must have 2 dimensions (n_trials, n_times), 3 (n_trials, n_chans, n_times) or 4 "
            f"(n_trials, n_windows, n_chans, n_times), got {ndim}."
        )
    if ndim < 3:
        if not reset:
            check_is_no_single_trial(X, estimator.n_features_in_)
        X = validate_data(estimator, X, reset=reset)
        n_chans = n_chans or 1
        if X.shape[1] % n_chans:
            raise ValueError(f"n_chans must divide the {X.shape[1]} columns of X, got {n_chans}.")
        X = X.reshape(len(X), n_chans, -1)
    else:
        X = check_finite(X)
    bags = (X if isinstance(X, Selection) else Selection(X)).as_bags()
    if 0 in bags.shape:
        raise ValueError(f"X must not be empty, got bags of windows of shape {bags.shape}.")
    n_chans, n_times = bags.shape[2:]
    if reset:
        estimator.n_chans_, estimator.n_times_ = n_chans, n_times
        if ndim > 2:
            estimator.n_features_in_ = n_chans
        estimator.spread_ = measure_spread(bags)
        return bags
    if (n_chans, n_times) != (estimator.n_chans_, estimator.n_times_):
        raise ValueError(
            f"X has windows of {n_chans} channels x {n_times} samples, but "
            f"{type(estimator).__name__} was fitted on {estimator.n_chans_} channels x "
            f"{estimator.n_times_} samples."
        )
    check_spread(estimator, bags)
    return bags


def check_spread(estimator, bags, name="X"):
    """Warn if windows have another order of magnitude than the training data."""
    spread = measure_spread(bags)
    fitted = getattr(estimator, "spread_", 0.0)  # 0: windows of one sample
    if fitted and not fitted / MAX_SPREAD_RATIO <= spread <= fitted * MAX_SPREAD_RATIO:
        warnings.warn(
            f"{name} has a standard deviation of about {spread:.0e}, the training data had "
            f"{fitted:.0e}: {name} must be in the same unit, such as microvolts (MNE has volts).",
            stacklevel=5,
        )


def _identify_trials(X):
    """Return the trial of each row if rows of Trials are windows of longer trials, else None."""
    if not isinstance(X, Trials) or "trial" not in X.metadata:
        return None
    names = [name for name in TRIAL_COLUMNS if name in X.metadata]
    codes = encode(*(X.metadata[name] for name in names))[0]
    return codes if len(np.unique(codes)) < len(codes) else None


def _check_weight(sample_weight, bags):
    """Return the weights of trials, None without them, and the indices of weighted trials."""
    if sample_weight is None:
        return None, np.arange(len(bags))
    weight = _check_sample_weight(sample_weight, bags, dtype=float, ensure_non_negative=True)
    trials = np.flatnonzero(weight)
    if not len(trials):
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight, trials


def vote(outputs, voting):
    """Aggregate predictions ``(n_trials, n_windows, ...)`` to one per trial.

    For ``"soft"`` and ``"hard"``, these are probabilities ``(n_trials, n_windows, n_classes)``.
    """
    if not np.isfinite(outputs).all():
        trial = np.argwhere(~np.isfinite(outputs))[0][0]
        what = "Predictions" if voting in BaseTrialRegressor._votings else "Predicted probabilities"
        raise ValueError(f"{what} must be finite, got NaN for trial {trial}.")
    if voting in ("soft", "mean"):
        return outputs.mean(1)
    if voting == "median":
        return np.median(outputs, axis=1)
    winners = outputs.argmax(-1)[..., None] == np.arange(outputs.shape[-1])
    return winners.mean(1, dtype=outputs.dtype)


def _can_partial_fit(estimator):
    if estimator.early_stopping:
        raise AttributeError("partial_fit requires early_stopping=False.")
    return True


class BaseNet(BaseTrialEstimator):
    """Base of estimators that train a network on windows.

    An estimator has the parameters below in its ``__init__`` and defines two methods for its
    network: ``_module_spec(X, fresh)`` returns its name and its validated parameters, except the
    size of inputs and outputs; ``_module_class(name)`` returns its class. BaseNetClassifier and
    BaseNetRegressor define the targets of the network (``_encode``, ``_predict_labels``,
    ``_n_outputs``) and its loss (``_net_options``).
    """

    lr: float
    weight_decay: float
    max_epochs: int | str
    batch_size: int | None
    optimizer: Literal["adamw", "adam", "sgd"] | type[torch.optim.Optimizer]
    early_stopping: bool
    validation_fraction: float
    patience: int
    scaling: Literal["robust", "standard", "window"] | None
    voting: str
    n_chans: int | None
    warm_start: bool
    device: str
    n_threads: int | None
    dtype: Literal["float32", "float64", "bfloat16"]
    average_weights: bool
    net_params: dict[str, Any] | None
    random_state: Seed
    verbose: bool | int | None
    module_params: dict[str, Any] | None

    adaptation: Literal["reference", "causal", "unlabelled"] | None = None

    net_: WindowNet
    history_: list[dict[str, Any]]
    n_iter_: int
    scaling_: str | None
    center_: NDArray[Any]
    scale_: NDArray[Any]
    offset_scale_: NDArray[Any]

    # With metadata routing, an optional groups of fit would otherwise break grouped
    # cross-validation until it is requested or refused.
    __metadata_request__fit = {"groups": False}
    __metadata_request__predict = {"groups": False}
    __metadata_request__score = {"groups": False}

    _net_class: type[WindowNet]
    _splitter: type[ShuffleSplit] = ShuffleSplit

    def _set_init_params(self, params):
        """Set the parameters of ``__init__``, given its ``locals()``."""
        for name, value in params.items():
            if name != "self":
                setattr(self, name, value)

    def _scale_target(self, target, train, weight, fresh):
        """Return the encoded y as targets of the network; set statistics of training if fresh."""
        return target

    def _weigh_loss(self, y, weight):
        """Return the weights of trials in the loss; None if all are equal."""
        return weight

    def fit(
        self,
        X: Trials | ArrayLike | Epochs,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: Groups | None = None,
    ) -> Self:
        """Train on every window with the label of its trial.

        Parameters
        ----------
        X : Trials, ndarray, mne.Epochs or data set of braindecode
            Bags of windows ``(n_trials, n_windows, n_chans, n_times)``, windows
            ``(n_trials, n_chans, n_times)``, or series of one channel ``(n_trials, n_times)``. A
            ``WindowsDataset``, or ``BaseConcatDataset`` of them, has windows.
        y : array-like of shape (n_trials,) or (n_trials, n_targets)
            Labels of any type, of shape (n_trials,); for a regressor, numbers of one or several
            targets. None for the targets of a data set of braindecode.
        sample_weight : array-like of shape (n_trials,), default=None
            Weights of trials, in the loss relative to the mean of their batch, so that they do not
            change the loss of one window; trials of weight zero are left out.
        groups : DataFrame or array-like of shape (n_trials,), default=None
            Metadata with a column ``subject``, or group labels: early stopping then holds out
            whole groups, and adaptation treats each group as one subject. Without groups, early
            stopping holds out trials, and all rows of Trials that are windows of one trial.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid, or the loss, a weight or a prediction is no longer
            finite. The estimator is then left unchanged.
        RuntimeError
            If ``backend="mamba_ssm"`` cannot be used.
        """
        fresh = not (self.warm_start and hasattr(self, "net_"))
        with restore_on_error(self):
            return self._fit(X, y, sample_weight, groups, fresh=fresh)

    def fine_tune(
        self,
        X: Trials | ArrayLike | Epochs,
        y: ArrayLike,
        *,
        parts: Literal["head", "all"] = "head",
        max_epochs: int = 20,
        lr: float | None = None,
    ) -> Self:
        """Return a copy that is trained further, see :func:`~skmamba.fine_tune`.

        Parameters
        ----------
        X, y
            As in :meth:`fit`, without new labels.
        parts, max_epochs, lr
            As in :func:`~skmamba.fine_tune`.

        Returns
        -------
        tuned : object
            Fitted copy.
        """
        check_is_fitted(self, "net_")
        check_option("parts", parts, ("head", "all"))
        check_int("max_epochs", max_epochs)
        if parts == "head" and lr is not None:
            raise ValueError(f"lr has no effect with parts='head', got {lr!r}.")
        tuned = copy.deepcopy(self)
        tuned.set_params(lr=self.lr / 10 if lr is None else lr, early_stopping=False)
        tuned._fit(X, y, None, None, fresh=False, epochs=max_epochs, parts=parts)
        return tuned.set_params(lr=self.lr, early_stopping=self.early_stopping)

    def predict(self, X: Trials | ArrayLike | Epochs, groups: Groups | None = None) -> NDArray[Any]:
        """Predict the most probable class, or for a regressor the ratings, of each trial.

        Parameters
        ----------
        X : Trials, ndarray or mne.Epochs
            As in :meth:`fit`, with windows of the same size; the number of windows may differ.
        groups : DataFrame or array-like of shape (n_trials,), default=None
            Metadata with a column ``subject``, or that column, for adaptation; None uses the
            metadata of Trials.

        Returns
        -------
        y : ndarray of shape (n_trials,) or (n_trials, n_targets)
            Labels; for a regressor ratings, in the shape and unit of y of ``fit``.

        Raises
        ------
        ValueError
            If X is invalid, or lacks the references or subjects that ``adaptation`` requires.
        """
        return self._predict_labels(X, groups)

    def score(
        self,
        X: Trials | ArrayLike | Epochs,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: Groups | None = None,
    ) -> float:
        """Return the accuracy, or for a regressor the coefficient of determination, R^2.

        Parameters
        ----------
        X, y, sample_weight, groups
            As in :meth:`fit`; groups as in :meth:`predict`.

        Returns
        -------
        score : float
            Weighted fraction of correct predictions; for a regressor, R^2, the mean over targets.
        """
        X, y = resolve_dataset(X, y)
        return self._metric(y, self.predict(X, groups), sample_weight=sample_weight)

    def _fit(self, X, y, sample_weight, groups, *, fresh, epochs=None, classes=None, parts="all"):
        """Train for some epochs, by default a whole training with averaged weights."""
        X, y = resolve_dataset(X, y)
        self._check_params()
        if not fresh and hasattr(self, "subject_statistics_"):
            raise ValueError(
                f"{type(self).__name__} cannot be trained further, since it is calibrated for one "
                "subject: train the original, then calibrate it."
            )
        for name in ("subject_statistics_", "subject_gain_"):  # of a copy for one subject
            self.__dict__.pop(name, None)
        device = resolve_device(self.device)
        bags = check_bags(self, X, n_chans=self.n_chans, reset=fresh)
        name, module_params = self._module_spec(X, fresh)
        y = self._check_y(y)
        groups = make_table(groups, len(bags), "groups") if isinstance(groups, Mapping) else groups
        check_consistent_length(bags, y, groups)
        target = self._encode(y, classes, fresh)
        weight, trials = _check_weight(sample_weight, bags)
        self._check_target(target[trials], fresh and classes is None)

        seed = draw_seed(self.random_state)
        if not fresh:  # else every call would use the same order of batches
            seed = (seed + self.n_iter_) % 2**31
        train, valid = trials, None
        if self.early_stopping:
            held_together = _identify_trials(X) if groups is None else groups
            train, valid = self._hold_out(trials, target, held_together, seed)
        n_epochs = epochs or self._count_epochs(len(train) * bags.shape[1])
        if fresh:
            self.scaling_ = self.scaling
            statistics = fit_scaling(self.scaling, bags, train, weight)
            self.center_, self.scale_, self.offset_scale_ = statistics
        subjects = self._read_subjects(X, groups, len(bags))
        make_dataset = partial(
            self._make_dataset,
            bags,
            ARRAY_DTYPES[self.dtype],
            y=self._scale_target(target, train, weight, fresh),
            weight=self._weigh_loss(y, weight),
            subjects=subjects,
        )
        size = {"n_chans": self.n_chans_, "n_outputs": self._n_outputs, "n_times": self.n_times_}
        architecture = {"name": name, "params": {**size, **module_params}, "dtype": self.dtype}
        architecture["whitens_windows"] = self.adaptation == "reference"
        with torch_threads(self.n_threads), seeded(seed, device):
            options = {"early_stopping": valid is not None, "average": epochs is None}
            net = self._build_net(architecture, device, seed, **options)
            dataset = make_dataset(trials=train)
            if fresh:
                with net.describe_errors():
                    net.fit_whitening(dataset)
                    net.fit_periods(dataset)
                    net.check_outputs(dataset)
            else:
                net.resume(self.net_)
            if valid is not None:
                net.train_split = predefined_split(make_dataset(trials=valid))
            if parts == "head":
                net.fit_head(dataset, n_epochs)
            else:
                net.train_epochs(dataset, n_epochs)
            net.check_convergence(dataset)
            net.train_split = None  # the fitted model does not hold its validation data
        self.net_ = net
        self.history_ = [
            {key: value for key, value in epoch.items() if key != "batches"}
            for epoch in net.history
        ]
        self.n_iter_ = len(self.history_)
        return self

    def _predict_trials(self, X, groups):
        """Return the aggregated output of the network for each trial."""
        check_is_fitted(self, "net_")
        check_option("voting", self.voting, self._votings)
        self._check_adaptation()
        X, _ = resolve_dataset(X)
        bags = check_bags(self, X, n_chans=self.n_chans, reset=False)
        subjects = self._read_subjects(X, groups, len(bags))
        with torch_threads(self.n_threads):
            if subjects is None:
                dataset = self._make_dataset(bags, self.net_.numpy_dtype)
                outputs = self.net_.predict_proba(dataset)
            else:
                outputs = AdaptedNet(self.net_, self._scale).predict(bags, subjects)
        return vote(outputs.reshape(*bags.shape[:2], -1), self.voting)

    def _read_subjects(self, X, groups, n_trials):
        """Return the Subjects of X, None without adaptation; warn of another unit of references."""
        subjects = read_subjects(self, X, groups, n_trials)
        if subjects is not None and subjects.reference is not None:
            check_spread(self, subjects.reference, "reference")
        return subjects

    def _check_adaptation(self):
        """Raise ValueError if features are standardised or windows whitened, unlike in fit."""
        fitted, given = self.net_.architecture, self.adaptation
        whitens = fitted.get("whitens_windows", given == "reference")  # unknown in older files
        required = ("reference",) if whitens else ("causal", "unlabelled")
        required = required if fitted["params"].get("standardize", False) else (None,)
        if given not in required:
            raise ValueError(
                f"adaptation must be {' or '.join(map(repr, required))}, as in fit, got {given!r}: "
                "fit again."
            )

    def _check_params(self):
        check_int("patience", self.patience)
        for name in ("batch_size", "n_threads", "n_chans"):
            if getattr(self, name) is not None:
                check_int(name, getattr(self, name))
        check_number("lr", self.lr)
        check_number("weight_decay", self.weight_decay, zero=True)
        self._check_net_params()
        check_fraction("validation_fraction", self.validation_fraction)
        for name in ("early_stopping", "average_weights", "warm_start"):
            check_bool(name, getattr(self, name))
        if self.scaling is not None:
            check_option("scaling", self.scaling, SCALINGS)
        if not callable(self.optimizer):
            check_option("optimizer", self.optimizer, OPTIMIZERS)
        check_option("dtype", self.dtype, ARRAY_DTYPES)
        check_option("voting", self.voting, self._votings)

    def _count_epochs(self, n_windows):
        """Return the number of passes over the training windows."""
        check_int("max_epochs", self.max_epochs)
        return self.max_epochs

    def _check_net_params(self):
        for name in ("net_params", "module_params"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, Mapping):
                raise ValueError(f"{name} must be a dict or None, got {value!r}.")
        known = set(inspect.signature(NeuralNet).parameters) - NO_NET_PARAMS
        for name in self.net_params or {}:
            is_text = isinstance(name, str)
            if not is_text or name in OWN_NET_PARAMS or name.partition("__")[0] not in known:
                raise ValueError(
                    "net_params must contain parameters of skorch.NeuralNet that fit does not set, "
                    f"such as 'optimizer__betas', got {name!r}. The network and its training are "
                    f"set by other parameters of {type(self).__name__}."
                )
        criterion = (self.net_params or {}).get("criterion")
        if criterion is torch.nn.NLLLoss or isinstance(criterion, torch.nn.NLLLoss):
            raise ValueError(
                "net_params['criterion'] must be a loss of logits, such as CrossEntropyLoss, got "
                "NLLLoss, a loss of log probabilities."
            )
        callbacks = (self.net_params or {}).get("callbacks") or []
        if not isinstance(callbacks, (list, tuple)):
            raise ValueError(f"net_params['callbacks'] must be a list, got {callbacks!r}.")
        for callback in callbacks:
            instance = callback[-1] if isinstance(callback, tuple) and callback else callback
            if not hasattr(instance, "on_train_begin"):
                raise ValueError(
                    "net_params['callbacks'] must contain callbacks of skorch, or pairs of a name "
                    f"and a callback, got {callback!r}."
                )

    def _merge_module_params(self, params, cls):
        """Add ``module_params`` to the parameters that this class sets for a network."""
        further = dict(self.module_params or {})
        accepted = inspect.signature(cls).parameters
        reserved = {"n_chans", "n_outputs", "n_times", *params}
        open_ended = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
        for name in further:
            if name in reserved:
                raise ValueError(
                    f"module_params must not contain {name!r}, which {type(self).__name__} sets."
                )
            if name not in accepted and not open_ended:
                names = ", ".join(sorted(set(accepted) - reserved))
                raise ValueError(
                    f"module_params must contain parameters of {cls.__name__} ({names}), got "
                    f"{name!r}."
                )
        return {**params, **further}

    def _hold_out(self, trials, target, groups, seed):
        """Split trials, or whole groups of them, into training and validation."""
        options = {"n_splits": 20, "test_size": self.validation_fraction, "random_state": seed}
        if groups is None:
            of = f"{len(trials)} trials"
            splits = self._splitter(**options).split(trials, target[trials])
        else:
            groups = encode(*get_columns(groups, "subject", estimator=self))[0]
            of = f"{len(np.unique(groups[trials]))} groups"
            splits = GroupShuffleSplit(**options).split(trials, groups=groups[trials])
        try:
            for train, valid in splits:
                train, valid = trials[train], trials[valid]
                missing = np.setdiff1d(target[trials], target[train])
                if not len(missing) or not is_classifier(self):
                    return train, valid
        except ValueError as error:
            raise ValueError(
                f"early_stopping cannot hold out validation_fraction={self.validation_fraction!r} "
                f"of {of}: {error}"
            ) from error
        raise ValueError(
            "early_stopping requires all classes in the training groups, got "
            f"{self.classes_[missing].tolist()} only in groups that are held out for validation. "
            "Pass groups that contain several classes, or a smaller validation_fraction."
        )

    def _make_dataset(self, bags, dtype, subjects=None, **options):
        if subjects is None:
            return WindowDataset(bags, self._scale, dtype, **options)
        return SubjectDataset(bags, self._scale, dtype, subjects=subjects, **options)

    def _scale(self, windows):
        statistics = self.center_, self.scale_, self.offset_scale_
        return scale_windows(windows, self.scaling_, *statistics)

    def _build_net(
        self, architecture, device, seed, *, early_stopping=False, average=False, is_loaded=False
    ):
        """Return a skorch net with new weights; one that is loaded has no optimizer."""
        module, own = self._module_class(architecture["name"]), self.net_params or {}
        params = {
            **self._net_options(),
            "criterion__reduction": "none",
            "optimizer": OPTIMIZERS.get(self.optimizer, self.optimizer),
            "device": device,
            "dtype": architecture["dtype"],
            "train_split": None,
            "iterator_train": load_batches,
            "iterator_train__seed": seed,
            "iterator_train__shuffle": self.batch_size is not None,
            # Windows share one expanded copy of the references; pinning would copy it for each.
            "iterator_train__pin_memory": (
                torch.device(device).type == "cuda" and self.adaptation != "reference"
            ),
            "iterator_valid": load_batches,
            "iterator_valid__batch_size": PREDICT_BATCH,
            "callbacks": self._make_callbacks(early_stopping, average),
            "verbose": int(self.verbose == 2),
            "lr": self.lr,
            "optimizer__weight_decay": self.weight_decay,
            **({"optimizer__fused": True} if self._can_fuse(device) else {}),
            "batch_size": -1 if self.batch_size is None else int(self.batch_size),
            **{f"module__{key}": value for key, value in architecture["params"].items()},
            **{key: value for key, value in own.items() if key != "callbacks"},
        }
        if self.verbose != 2:
            params["callbacks__print_log"] = None
        if is_loaded:
            params = {key: params[key] for key in params if not key.startswith("optimizer__")}
            params["optimizer"] = NoOptimizer
        net = self._net_class(module, **params)
        net.architecture = architecture
        try:
            with ignore_deprecations():
                net.initialize()
        except TypeError as error:
            raise ValueError(
                "net_params, weight_decay and lr must be parameters of the optimizer, the loss and "
                f"the callbacks: {error}."
            ) from error
        return net

    def _can_fuse(self, device):
        if {"optimizer__foreach", "optimizer__differentiable"} & set(self.net_params or {}):
            return False  # torch does not allow these with fused
        return isinstance(self.optimizer, str) and torch.device(device).type in FUSED_DEVICES

    def _make_callbacks(self, early_stopping, average):
        callbacks = copy.deepcopy(list((self.net_params or {}).get("callbacks") or []))
        if early_stopping:
            sink = print if self.verbose == 2 else noop
            stop = EarlyStopping(patience=self.patience, load_best=True, sink=sink)
            callbacks.append(("early_stopping", stop))
        elif average and self.average_weights:
            callbacks.append(("average_weights", AverageWeights()))
        if self.verbose != 2:
            callbacks.append(("epoch_bar", EpochBar(self.verbose)))
        return callbacks

    def __getstate__(self):
        """Return the state with weights as arrays and without the state of the optimizer."""
        state = super().__getstate__().copy()
        net = state.pop("net_", None)
        if net is not None:
            weights = {
                key: value.detach().cpu().numpy() for key, value in net.module_.state_dict().items()
            }
            state["_saved_net"] = {"architecture": net.architecture, "weights": weights}
        return state

    def __setstate__(self, state):
        """Build the network again and load its weights."""
        state = state.copy()
        saved = state.pop("_saved_net", None)
        super().__setstate__(state)
        if saved is None:
            return
        device = "cpu"
        try:
            device = resolve_device(self.device)
        except ValueError as error:
            message = (
                f"Loaded on the CPU, where training requires set_params(device='auto'): {error}"
            )
            warnings.warn(message, stacklevel=2)
        with seeded(0, device):
            net = self._build_net(saved["architecture"], device, 0, is_loaded=True)
        net.module_.load_state_dict(
            {key: torch.from_numpy(np.array(value)) for key, value in saved["weights"].items()}
        )
        net.history_ = History(dict(epoch, batches=[]) for epoch in self.history_)
        self.net_ = net


class BaseNetClassifier(BaseNet, BaseTrialClassifier):
    """Base of classifiers that train a network on windows."""

    class_weight: Mapping[Any, float] | Literal["balanced"] | None

    __metadata_request__predict_proba = {"groups": False}

    _metric = staticmethod(accuracy_score)
    _net_class = ClassifierNet
    _splitter = StratifiedShuffleSplit

    @available_if(_can_partial_fit)
    def partial_fit(
        self,
        X: Trials | ArrayLike | Epochs,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one more epoch, with the scaling of the first call.

        Parameters
        ----------
        X, y
            As in :meth:`fit`.
        classes : array-like of shape (n_classes,), default=None
            Labels of all calls; required in the first call only, if its y lacks some of them.
        sample_weight : array-like of shape (n_trials,), default=None
            As in :meth:`fit`.

        Returns
        -------
        self : object
            The classifier.
        """
        fresh = not hasattr(self, "net_")
        with restore_on_error(self):
            return self._fit(X, y, sample_weight, None, fresh=fresh, epochs=1, classes=classes)

    def predict_proba(
        self, X: Trials | ArrayLike | Epochs, groups: Groups | None = None
    ) -> NDArray[Any]:
        """Predict the probability of each class for each trial.

        Parameters
        ----------
        X, groups
            As in :meth:`predict`, which raises the same errors.

        Returns
        -------
        proba : ndarray of shape (n_trials, n_classes)
            Vote of the trial's windows, in the order of ``classes_``.
        """
        return self._predict_trials(X, groups)

    @property
    def _n_outputs(self):
        return len(self.classes_)

    def _net_options(self):
        return {
            "criterion": torch.nn.CrossEntropyLoss,
            "predict_nonlinearity": partial(torch.softmax, dim=-1),  # for any criterion of logits
            "classes": list(range(len(self.classes_))),
        }

    def _encode(self, y, classes, fresh):
        """Return labels as class indices; set the classes if fresh."""
        if fresh:
            self.classes_ = np.unique(y if classes is None else self._check_y(classes))
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes must be {self.classes_.tolist()}, as in the first call, got {classes!r}."
            )
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y must contain only the classes {self.classes_.tolist()}, got {unknown.tolist()}."
            )
        return np.searchsorted(self.classes_, y)

    def _weigh_loss(self, y, weight):
        class_weight = self.class_weight
        if class_weight is None:
            return weight
        if isinstance(class_weight, Mapping):
            class_weight = dict(class_weight)
            for label, value in class_weight.items():
                check_number(f"class_weight of {label!r}", value, zero=True)
        elif not isinstance(class_weight, str) or class_weight != "balanced":
            raise ValueError(
                f"class_weight must be a dict, 'balanced' or None, got {class_weight!r}."
            )
        weight = np.ones(len(y)) if weight is None else weight
        used = weight > 0
        # A call of partial_fit may lack classes: those that it has are balanced.
        classes = np.unique(y[used]) if class_weight == "balanced" else self.classes_
        options = {"classes": classes, "y": y[used], "sample_weight": weight[used]}
        of_class = compute_class_weight(class_weight, **options)
        if not of_class.any():
            raise ValueError(f"class_weight must weigh a class of y, got {class_weight!r}.")
        of_class = dict(zip(classes.tolist(), of_class, strict=True))
        return weight * [of_class.get(label, 0.0) for label in y.tolist()]


class BaseNetRegressor(BaseNet, BaseTrialRegressor):
    """Base of regressors that train a network on windows."""

    loss: Literal["mse", "mae", "huber"]

    y_mean_: NDArray[Any]
    y_scale_: NDArray[Any]

    _metric = staticmethod(r2_score)
    _net_class = RegressorNet

    @available_if(_can_partial_fit)
    def partial_fit(
        self, X: Trials | ArrayLike | Epochs, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one more epoch, with the scaling of X and y of the first call.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.

        Returns
        -------
        self : object
            The regressor.
        """
        fresh = not hasattr(self, "net_")
        with restore_on_error(self):
            return self._fit(X, y, sample_weight, None, fresh=fresh, epochs=1)

    def _predict_labels(self, X, groups):
        outputs = self._predict_trials(X, groups)  # first, since it checks whether it is fitted
        return outputs.reshape(len(outputs), *self.y_mean_.shape) * self.y_scale_ + self.y_mean_

    @property
    def _n_outputs(self):
        return self.y_mean_.size

    def _check_params(self):
        super()._check_params()
        check_option("loss", self.loss, LOSSES)

    def _net_options(self):
        return {"criterion": LOSSES[self.loss]}

    def _encode(self, y, classes, fresh):
        if not fresh and y.shape[1:] != self.y_mean_.shape:
            raise ValueError(
                f"y must have the {self.y_mean_.size} targets of the first fit, shape "
                f"{('n_trials', *self.y_mean_.shape)}, got {y.shape}."
            )
        return y

    def _scale_target(self, target, train, weight, fresh):
        if fresh:
            columns = target[train].reshape(len(train), -1)
            weight = None if weight is None else weight[train]
            scaler = StandardScaler().fit(columns, sample_weight=weight)
            shape = target.shape[1:]
            self.y_mean_, self.y_scale_ = scaler.mean_.reshape(shape), scaler.scale_.reshape(shape)
        scaled = (target - self.y_mean_) / self.y_scale_
        return scaled.reshape(len(target), -1).astype(ARRAY_DTYPES[self.dtype])
