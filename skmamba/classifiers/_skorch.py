"""The skorch nets of the estimators: windows, batches, loss, seeding, threads, progress bar."""

import contextlib
import copy
import re
import signal
import threading
import warnings

import numpy as np
import torch
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.dataset import get_len
from torch.optim.swa_utils import AveragedModel, get_swa_avg_fn
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from .._parallel import PROCESS_LOCK
from .._progress import progress_bar
from .._validation import MAX_WORKERS, check_int
from ..models import MSiMamba
from ..modules import MultiScaleTemporalBlock, window_amplitudes

# Type of windows, weights and outputs for each dtype; bfloat16 is that of matrix products only.
ARRAY_DTYPES = {"float32": "float32", "float64": "float64", "bfloat16": "float32"}
PREDICT_BATCH = 128  # windows; larger batches are not faster and need more memory
# Weights of the last layer: final_layer in networks of this package and of braindecode, often head
# in others.
HEAD = re.compile(r"(_orig_mod\.)?(members\.\d+\.)?(head|final_layer)\.")
# Standard deviations of the prior on the change of an output: due to the weights, for features of
# unit variance, and due to the bias; see WindowNet.fit_head.
OUTPUT_SD, BIAS_SD = 1.5, 3.0
# Options of an optimizer without which its state has the same terms.
NO_TERMS = {"params", "lr", "initial_lr", "weight_decay", "fused", "foreach"}
# Raised by networks whose layers do not accept the windows, or that lack a parameter.
NETWORK_ERRORS = ValueError, TypeError, RuntimeError, AssertionError, IndexError, ZeroDivisionError


class WindowDataset(Dataset):
    """Windows of some trials, indexed a whole batch at a time.

    ``bags`` is the Selection of all trials, with their ``y`` and ``weight``, and ``trials`` the
    indices of those in this dataset, by default all. Windows are scaled and converted to ``dtype``.
    """

    def __init__(self, bags, scale, dtype, *, trials=None, y=None, weight=None):
        n_trials = len(bags)
        self.bags, self.scale, self.dtype = bags, scale, dtype
        self.trials = np.arange(n_trials) if trials is None else trials
        self.y = np.zeros(n_trials, dtype=np.int64) if y is None else y
        weight = np.ones(n_trials) if weight is None else weight
        # Only their ratios count: the largest is from 0.5 to 1, also in float32.
        self.weight = np.ldexp(weight, -np.frexp(weight.max())[1]).astype(dtype)

    def __len__(self):
        return len(self.trials) * self.bags.shape[1]

    def read(self, trial, window):
        """Return scaled windows."""
        return self.scale(self.bags.read(trial, window))

    def __getitem__(self, rows):
        trial, window = np.divmod(np.asarray(rows), self.bags.shape[1])
        trial = self.trials[trial]
        x = self.read(trial, window).astype(self.dtype, copy=False)
        inputs = {"x": torch.from_numpy(x), "weight": torch.from_numpy(self.weight[trial])}
        return inputs, torch.from_numpy(self.y[trial])


def load_batches(dataset, batch_size, *, shuffle=False, seed=0, **options):
    """Return a DataLoader of whole batches with a random generator of its own.

    By default, a DataLoader draws from torch's global generator at each iteration, which would
    change the caller's random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    if hasattr(dataset, "get_groups"):
        own = generator if shuffle else None
        batches = GroupBatches(dataset.get_groups(), batch_size, dataset.groups_per_batch, own)
        return DataLoader(dataset, sampler=batches, batch_size=None, generator=generator, **options)
    rows = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
    batches = BatchSampler(rows, batch_size, drop_last=False)
    return DataLoader(dataset, sampler=batches, batch_size=None, generator=generator, **options)


def sum_weights(weight):
    """Return the sum of the weights of a batch, which may have only classes of weight zero."""
    return weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)


class GroupBatches:
    """Batches of up to ``batch_size`` rows of about ``n_groups`` groups; a generator shuffles."""

    def __init__(self, groups, batch_size, n_groups, generator=None):
        self.batch_size, self.generator = batch_size, generator
        self.groups = [np.flatnonzero(groups == group) for group in np.unique(groups)]
        size = max(1, batch_size // n_groups)
        self.n_parts = [-(-len(rows) // size) for rows in self.groups]

    def __iter__(self):
        parts = []
        for rows, n_parts in zip(self.groups, self.n_parts, strict=True):
            parts += np.array_split(rows[self._permute(len(rows))], n_parts)
        batch = np.empty(0, dtype=int)
        for place in self._permute(len(parts)):
            if len(batch) + len(parts[place]) > self.batch_size:
                yield batch
                batch = np.empty(0, dtype=int)
            batch = np.concatenate([batch, parts[place]])
        yield batch

    def _permute(self, n):
        if self.generator is None:
            return np.arange(n)
        return torch.randperm(n, generator=self.generator).numpy()


class StoppedByCallback(Exception):
    """A callback ended the training; skorch's callbacks raise KeyboardInterrupt to do so."""


class WindowNet(NeuralNet):
    """Net for weighted windows."""

    is_interrupted = False

    def __init__(self, *args, dtype="float32", **kwargs):
        super().__init__(*args, **kwargs)
        self.dtype = dtype

    @property
    def numpy_dtype(self):
        """Type of windows, weights and outputs."""
        return ARRAY_DTYPES[self.dtype]

    def initialize_module(self):
        """Build the module in the precision of the windows."""
        with self.describe_errors():
            super().initialize_module()
        self.module_.to(getattr(torch, self.numpy_dtype))
        return self

    @contextlib.contextmanager
    def describe_errors(self):
        """Raise errors of the network as a ValueError that names the network and the windows."""
        try:
            with ignore_deprecations():
                yield
        except NETWORK_ERRORS as error:
            params = self.architecture["params"]
            raise ValueError(
                f"{self.module.__name__} cannot {self.task} windows of {params['n_chans']} "
                f"channels x {params['n_times']} samples with {params['n_outputs']} outputs: "
                f"{str(error).rstrip('. ')}. Use longer windows, or check sfreq and module_params."
            ) from error

    def run(self, function, *tensors):
        """Return the outputs of a function of the module, in the precision of the net."""
        tensors = [value.to(self.device, non_blocking=True) for value in tensors]
        is_mixed = self.dtype == "bfloat16"
        with torch.autocast(tensors[0].device.type, torch.bfloat16, enabled=is_mixed):
            outputs = function(*tensors)
        return outputs.float() if is_mixed else outputs

    def infer(self, x, **fit_params):
        """Compute outputs, with weights and averages for modules that accept them."""
        if not getattr(self.module_, "weighs_windows", False):
            return self.run(self.module_, x["x"])
        windows, weight = x["x"], x["weight"]
        if "reference" in x:  # the same for all windows
            reference = x["reference"][0]
            windows = torch.cat([windows, reference])
            weight = torch.cat([weight, weight.new_ones(len(reference))])
        further = [x["average"]] if "average" in x else []
        return self.run(self.module_, windows, weight, *further)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run an epoch as skorch does, but read losses at its end: reading waits for the GPU."""
        if iterator is None:
            return
        weights: list[float] = []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            self.history.record_batch(f"{prefix}_loss", step["loss"].detach())
            self.history.record_batch(f"{prefix}_batch_size", get_len(batch[0]))
            weights.append(sum_weights(batch[0]["weight"]).item())
            if step["y_pred"].ndim == 3:  # callbacks receive the mean over members
                step = {**step, "y_pred": self.average_members(step["y_pred"])}
            self.notify("on_batch_end", batch=batch, training=training, **step)
        batches = [own for own in self.history[-1]["batches"] if f"{prefix}_loss" in own]
        n_windows = sum(own[f"{prefix}_batch_size"] for own in batches)
        total = sum(weights)
        for own, weight in zip(batches, weights, strict=True):
            # skorch averages by the sizes of batches, but losses are weighted means
            share = (weight * n_windows) / (total * own[f"{prefix}_batch_size"])
            own[f"{prefix}_loss"] = own[f"{prefix}_loss"].item() * share
        self.history.record(f"{prefix}_batch_count", len(batches))

    def get_loss(self, y_pred, y_true, X, training=False):
        """Return the weighted mean of the windows' losses."""
        y_true = y_true.to(y_pred.device, non_blocking=True)
        if y_pred.ndim == 3:  # members of an ensemble, each with a loss of its own
            n_members = y_pred.shape[1]
            y_pred, y_true = y_pred.flatten(0, 1), y_true.repeat_interleave(n_members, 0)
            X = {**X, "weight": X["weight"].repeat_interleave(n_members)}
        loss = NeuralNet.get_loss(self, y_pred, y_true, X=X, training=training)
        loss = loss.flatten(1).mean(1) if loss.ndim > 1 else loss  # over targets
        weight = X["weight"].to(loss.device, non_blocking=True)
        return (weight * loss).sum() / sum_weights(weight)

    def notify(self, method_name, **callback_kwargs):
        """Call the callbacks, and raise StoppedByCallback for their KeyboardInterrupt."""
        try:
            super().notify(method_name, **callback_kwargs)
        except KeyboardInterrupt as error:
            if self.is_interrupted:
                raise
            raise StoppedByCallback from error

    @contextlib.contextmanager
    def note_interrupts(self):
        """Set ``is_interrupted`` at a user's interrupt (Ctrl-C), which raises KeyboardInterrupt."""
        before = signal.getsignal(signal.SIGINT)
        in_main = threading.current_thread() is threading.main_thread()
        if not in_main or not callable(before):
            yield
            return

        def note(*args):
            try:
                before(*args)
            except KeyboardInterrupt:
                self.is_interrupted = True
                raise

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @torch.no_grad()
    def fit_periods(self, dataset):
        """Set the fixed periods of multi-scale blocks from the mean amplitudes of the windows."""
        blocks = [
            block
            for block in self.module_.modules()
            if isinstance(block, MultiScaleTemporalBlock) and block.period_selection == "fixed"
        ]
        if not blocks:
            return
        total = weights = torch.zeros((), dtype=torch.float64)
        whitened = self._find_whitened()
        for inputs, _ in load_batches(dataset, PREDICT_BATCH):
            weight, x = inputs["weight"].to(torch.float64), inputs["x"]
            x = whitened[0].whitener.to(x.device) @ x if whitened else x  # the same in all members
            total = total + weight @ window_amplitudes(x).to(torch.float64)
            weights = weights + weight.sum()
        for block in blocks:
            block.set_frequencies(total / weights)

    @torch.no_grad()
    def fit_whitening(self, dataset):
        """Set the spatial whitening of networks from the mean correlation of the windows."""
        networks = self._find_whitened()
        if not networks:
            return
        total = torch.zeros((), dtype=torch.float64)
        for inputs, _ in load_batches(dataset, PREDICT_BATCH):
            x = inputs["x"].to(torch.float64)
            is_flat = (x == x[..., :1]).all(2, keepdim=True)  # their mean may be rounded
            x = (x - x.mean(2, keepdim=True)).masked_fill(is_flat, 0)  # (B, C, T)
            # relative to the mean variance of the window, so that artifacts do not dominate
            power = x.square().mean((1, 2))  # (B,)
            weight = inputs["weight"] / power.clamp_min(torch.finfo(x.dtype).tiny)
            total = total + torch.einsum("b,bct,bdt->cd", weight, x, x)
        std = total.diagonal().sqrt()
        correlation = total / std.outer(std).clamp_min(torch.finfo(total.dtype).tiny)
        correlation.fill_diagonal_(1)  # of constant channels, too
        for network in networks:
            network.set_correlation(correlation)

    def _find_whitened(self):
        return [
            module
            for module in self.module_.modules()
            if isinstance(module, MSiMamba) and module.whitener is not None
        ]

    @torch.no_grad()
    def check_outputs(self, dataset):
        """Raise ValueError unless two windows give the required number of outputs each."""
        inputs, _ = dataset[[0, 0]]
        self.module_.eval()
        outputs = self.infer(inputs)
        shape = getattr(outputs, "shape", type(outputs).__name__)
        expected = (2, self.architecture["params"]["n_outputs"])
        if shape != expected:
            raise ValueError(f"outputs of 2 windows must have shape {expected}, got {shape}")

    def resume(self, old):
        """Copy weights, history and optimizer state of an earlier net, but not its settings."""
        if not _are_equal(self.architecture, old.architecture):
            raise ValueError(
                "warm_start and partial_fit require the network of the earlier fit, "
                f"{old.architecture}, got {self.architecture}. Set warm_start=False for a new one."
            )
        self.module_.load_state_dict(old.module_.state_dict())
        self.history_ = copy.deepcopy(old.history)
        if _have_same_state(self.optimizer_, old.optimizer_):
            settings = [dict(group, params=None) for group in self.optimizer_.param_groups]
            self.optimizer_.load_state_dict(copy.deepcopy(old.optimizer_.state_dict()))
            for group, new in zip(self.optimizer_.param_groups, settings, strict=True):
                group.update(new, params=group["params"])
        for group in self.optimizer_.param_groups:  # of schedulers, which resume by it
            group["initial_lr"] = group["lr"]

    def fit_head(self, dataset, max_iter):
        """Fit the last layer to few windows, with the module in evaluation mode.

        Minimises the loss with a normal prior on the change of the weights and biases.
        """
        parameters = dict(self.module_.named_parameters())
        head = {name: weights for name, weights in parameters.items() if HEAD.match(name)}
        if not head:
            raise ValueError(
                "parts='head' requires a network with weights in head or final_layer, got "
                f"{type(self.module_).__name__}: use parts='all'."
            )
        others = [weights for name, weights in parameters.items() if name not in head]
        others = [weights for weights in others if weights.requires_grad]
        for weights in others:
            weights.requires_grad_(False)
        start = {name: weights.detach().clone() for name, weights in head.items()}
        inputs, y = dataset[np.arange(len(dataset))]
        parts = [inputs]  # with adaptation, features are standardised over all windows
        if "average" not in inputs:
            split = {name: values.split(PREDICT_BATCH) for name, values in inputs.items()}
            parts = [
                dict(zip(split, part, strict=True)) for part in zip(*split.values(), strict=True)
            ]
        optimizer = torch.optim.LBFGS(
            head.values(), max_iter=max_iter, line_search_fn="strong_wolfe"
        )

        def compute_loss():
            optimizer.zero_grad()
            outputs = torch.cat([self.infer(part) for part in parts])
            loss = self.get_loss(outputs, y, inputs)
            for name, weights in head.items():
                sd = BIAS_SD if weights.ndim == 1 else OUTPUT_SD / weights[0].numel() ** 0.5
                change = (weights - start[name]).square().sum() / (2 * sd**2)
                loss = loss + change / len(dataset.trials)
            loss.backward()
            return loss

        self.module_.eval()
        optimizer.step(compute_loss)
        for weights in others:
            weights.requires_grad_(True)

    def train_epochs(self, dataset, epochs):
        """Train; unlike skorch's ``partial_fit``, a user's interrupt is raised."""
        n_before, self.max_epochs = len(self.history), epochs
        with self.note_interrupts():
            try:
                self.notify("on_train_begin", X=dataset, y=None, epochs=epochs)
            except StoppedByCallback as error:
                raise ValueError(
                    "net_params['callbacks'] must not stop the training before the first epoch."
                ) from error
            with contextlib.suppress(StoppedByCallback):
                self.fit_loop(dataset, None, epochs=epochs)
            if len(self.history) and "train_loss" not in self.history[-1]:
                self.history.pop()  # an epoch that a callback has stopped
            with contextlib.suppress(StoppedByCallback):
                self.notify("on_train_end", X=dataset, y=None)
        for epoch in self.history[n_before:]:
            if not np.isfinite(epoch["train_loss"]):
                self._raise_diverged(
                    f"train_loss is {epoch['train_loss']} in epoch {epoch['epoch']}"
                )

    @torch.no_grad()
    def check_convergence(self, dataset):
        """Raise ValueError unless weights and predictions of a batch are finite."""
        if not all(weights.isfinite().all() for weights in self.module_.parameters()):
            self._raise_diverged("weights are not finite after the last epoch")
        self.module_.eval()
        inputs, _ = dataset[np.arange(min(len(dataset), PREDICT_BATCH))]
        if not self.activate(self.infer(inputs)).isfinite().all():
            self._raise_diverged("predictions are not finite after the last epoch")

    def activate(self, outputs):
        """Return the predictions of the outputs."""
        return outputs

    def _raise_diverged(self, reason):
        raise ValueError(
            f"Training diverged: {reason}. Lower lr (now {self.lr:g}), check the unit of X and of "
            "the reference, or set scaling='robust'."
        )


class ClassifierNet(WindowNet, NeuralNetClassifier):
    """Net of classifiers; skorch's scoring callbacks require a NeuralNetClassifier."""

    task = "classify"

    def activate(self, outputs):
        """Return the probabilities of logits."""
        return outputs.softmax(-1)

    def average_members(self, outputs):  # (B, M, outputs) -> (B, outputs)
        """Return the logarithm of the mean probability, as the module does in evaluation mode."""
        return outputs.softmax(-1).mean(1).log()


class RegressorNet(WindowNet, NeuralNetRegressor):
    """Net of regressors."""

    task = "predict ratings of"

    def average_members(self, outputs):  # (B, M, outputs) -> (B, outputs)
        """Return the mean outputs, as the module does in evaluation mode."""
        return outputs.mean(1)


class NoOptimizer:
    """Optimizer of loaded nets, which are not trained; further training builds a new net.

    In a new process, torch takes seconds for the first real optimizer.
    """

    def __init__(self, params, **options):
        self.param_groups = []


class AverageWeights(Callback):
    """Replace weights and buffers by their mean over the second half of the training."""

    def on_train_begin(self, net, X=None, epochs=None, **kwargs):
        """Compute the number of windows after which the mean begins, infinity for no mean."""
        self.mean_, self.n_windows_, self.start_ = None, 0, epochs * len(X) / 2
        if any(getattr(callback, "load_best", False) for _, callback in net.callbacks_):
            self.start_ = np.inf  # the weights of the best epoch are loaded instead

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        """Add the weights to the mean."""
        if not training:
            return
        self.n_windows_ += len(batch[1])
        if self.n_windows_ > self.start_:
            self.mean_ = self.mean_ or AveragedModel(
                net.module_,
                device=net.device,
                avg_fn=get_swa_avg_fn(),  # the default on CUDA cannot average integers
                use_buffers=True,
            )
            self.mean_.update_parameters(net.module_)

    def on_train_end(self, net, **kwargs):
        """Load the mean."""
        if self.mean_ is not None:
            net.module_.load_state_dict(self.mean_.module.state_dict())
        self.mean_ = None


class EpochBar(Callback):
    """Progress bar over epochs that shows the last losses."""

    def __init__(self, verbose=None):
        self.verbose = verbose

    def on_train_begin(self, net, epochs=None, **kwargs):
        """Show the bar."""
        self.bar_ = progress_bar(total=epochs, unit="epoch", verbose=self.verbose)
        self.bar_.leave = False

    def on_epoch_end(self, net, **kwargs):
        """Advance by one epoch."""
        last = net.history[-1]
        losses = {key: last[key] for key in ("train_loss", "valid_loss") if key in last}
        self.bar_.set_postfix(losses)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Clear the bar."""
        self.bar_.close()


def _have_same_state(optimizer, other):
    """Return whether optimizers keep the same state: of one class, with the same terms in use."""
    used = [
        [
            {name for name in each.defaults if name not in NO_TERMS and group.get(name)}
            for group in each.param_groups
        ]
        for each in (optimizer, other)
    ]
    return type(optimizer) is type(other) and used[0] == used[1]


def _are_equal(a, b):
    """Return whether two nested values are equal, such as infos of channels with NaN positions."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_are_equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_are_equal, a, b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b, equal_nan=True)
    return a == b


@contextlib.contextmanager
def ignore_deprecations():
    """Ignore deprecation warnings inside braindecode and its dependencies."""
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@contextlib.contextmanager
def seeded(seed, device):
    """Seed torch and NumPy for a block, then restore the caller's random states.

    Initial weights are drawn in the default type of torch, which is float32 in worker processes.
    """
    device = torch.device(device)
    cuda = range(torch.cuda.device_count()) if device.type == "cuda" else []
    with PROCESS_LOCK, torch.random.fork_rng(devices=cuda):
        numpy_state, dtype = np.random.get_state(), torch.get_default_dtype()
        try:
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)
            torch.set_default_dtype(torch.float32)
            yield
        finally:
            np.random.set_state(numpy_state)
            torch.set_default_dtype(dtype)


@contextlib.contextmanager
def torch_threads(n_threads):
    """Set torch's number of threads for a block; None changes nothing."""
    if n_threads is None:
        yield
        return
    check_int("n_threads", n_threads, maximum=MAX_WORKERS)
    with PROCESS_LOCK:
        before = torch.get_num_threads()
        torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def resolve_device(device):
    """Return the name of a device that is available; "auto" prefers CUDA to the CPU."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=torch.device(device))
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"device must be 'auto' or an available device of torch, got {device!r}: {reason}"
        ) from error
    return device
