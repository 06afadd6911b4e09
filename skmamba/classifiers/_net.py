"""The skorch glue: how windows reach a network, are weighted, seeded and shown."""

import contextlib
import threading

import numpy as np
import torch
from skorch import NeuralNet, NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.utils import to_tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler
from tqdm import tqdm

# Random state and number of threads belong to the process: fits of threads side by side take turns.
_PROCESS_LOCK = threading.RLock()


class WindowDataset(Dataset):
    """The windows of some trials, gathered a whole batch at a time.

    Parameters
    ----------
    bags : ndarray of shape (n_trials, n_windows, n_chans, n_times)
        All trials; may be a view.
    scale : callable
        From windows ``(batch, n_chans, n_times)`` to scaled ones.
    dtype : {"float32", "float64"}
        Of the windows that the network gets.
    trials : ndarray of int, default=None
        Which trials belong to this set; None means all.
    y, weight : ndarray of shape (n_trials,), default=None
        Class index and weight of every trial in ``bags``.
    """

    def __init__(self, bags, scale, dtype, *, trials=None, y=None, weight=None):
        n_trials = len(bags)
        self.bags, self.scale, self.dtype = bags, scale, dtype
        self.trials = np.arange(n_trials) if trials is None else trials
        self.y = np.zeros(n_trials, dtype=np.int64) if y is None else y
        self.weight = np.ones(n_trials, dtype=dtype) if weight is None else weight.astype(dtype)

    def __len__(self):
        return len(self.trials) * self.bags.shape[1]

    def __getitem__(self, rows):
        trial, window = np.divmod(np.asarray(rows), self.bags.shape[1])
        trial = self.trials[trial]
        x = self.scale(self.bags[trial, window]).astype(self.dtype, copy=False)
        inputs = {"x": torch.from_numpy(x), "weight": torch.from_numpy(self.weight[trial])}
        return inputs, torch.from_numpy(self.y[trial])


def load_batches(dataset, batch_size, *, shuffle=False, seed=0, **options):
    """Make a DataLoader that asks for whole batches and draws from a generator of its own.

    A stock DataLoader draws from torch's global generator whenever it is iterated, in predict
    too: the caller's random numbers would depend on whether a model was asked.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
    batches = BatchSampler(rows, batch_size, drop_last=False)
    return DataLoader(dataset, sampler=batches, batch_size=None, generator=generator, **options)


class StoppedByCallback(Exception):
    """A callback has seen enough: skorch's callbacks say so by a KeyboardInterrupt."""


class WindowNet(NeuralNetClassifier):
    """A skorch net that takes weighted windows; all else is skorch's.

    It is a NeuralNetClassifier because skorch's scoring callbacks ask for one.
    """

    def __init__(self, *args, numpy_dtype="float32", n_repeated=0, **kwargs):
        super().__init__(*args, **kwargs)
        self.numpy_dtype = numpy_dtype
        self.n_repeated = n_repeated  # time points that each window is repeated for

    def initialize_module(self):
        """Build the module in the wanted precision."""
        super().initialize_module()
        self.module_.to(getattr(torch, self.numpy_dtype))
        return self

    def check_data(self, X, y):
        """Leave checks to the estimator, which has done them."""

    def infer(self, x, **fit_params):
        """Give the module its windows, and their weights if it can take them."""
        windows = to_tensor(x["x"], device=self.device)
        if self.n_repeated:
            n_times = windows.shape[-1]
            again = torch.arange(n_times + self.n_repeated, device=self.device) % n_times
            windows = windows[..., again]
        if getattr(self.module_, "weighs_windows", False):
            return self.module_(windows, to_tensor(x["weight"], device=self.device))
        return self.module_(windows)

    def get_loss(self, y_pred, y_true, X, training=False):
        """Average the losses of windows by weight."""
        if y_pred.ndim == 3:  # of members of an ensemble: each learns from its own loss
            n_members = y_pred.shape[1]
            y_pred, y_true = y_pred.flatten(0, 1), y_true.repeat_interleave(n_members)
            X = {**X, "weight": X["weight"].repeat_interleave(n_members)}
        loss = NeuralNet.get_loss(self, y_pred, y_true, X=X, training=training)
        weight = X["weight"].to(loss.device)
        tiny = torch.finfo(weight.dtype).tiny  # a batch of nothing but classes of weight zero
        return (weight * loss).sum() / weight.sum().clamp_min(tiny)

    def notify(self, method_name, **callback_kwargs):
        """Tell callbacks, and tell their wish to stop from the user's interrupt."""
        try:
            super().notify(method_name, **callback_kwargs)
        except KeyboardInterrupt as wish:
            raise StoppedByCallback from wish

    def train_epochs(self, dataset, epochs):
        """Train on; unlike in skorch's ``partial_fit``, an interrupt is not taken for the end."""
        n_before = len(self.history)
        self.notify("on_train_begin", X=dataset, y=None, epochs=epochs)
        with contextlib.suppress(StoppedByCallback):
            self.fit_loop(dataset, None, epochs=epochs)
        self.notify("on_train_end", X=dataset, y=None)
        self._check_losses(self.history[n_before:])

    def _check_losses(self, epochs):
        for epoch in epochs:
            if not np.isfinite(epoch["train_loss"]):
                raise ValueError(
                    f"Training diverged: train_loss is {epoch['train_loss']} in epoch "
                    f"{epoch['epoch']}. A lower lr (now {self.lr:g}) or scaling='robust' may help."
                )


class EpochBar(Callback):
    """A progress bar over epochs, with the last losses."""

    def __init__(self, verbose=None):
        self.verbose = verbose

    def on_train_begin(self, net, epochs=None, **kwargs):
        """Show the bar."""
        disable = None if self.verbose is None else not self.verbose
        self.bar_ = tqdm(total=epochs, unit="epoch", leave=False, disable=disable)

    def on_epoch_end(self, net, **kwargs):
        """Move on by one epoch."""
        last = net.history[-1]
        losses = {key: last[key] for key in ("train_loss", "valid_loss") if key in last}
        self.bar_.set_postfix(losses)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Clear the line."""
        self.bar_.close()


@contextlib.contextmanager
def seeded(seed, device):
    """Seed torch for a block and give back the caller's random state, torch's and numpy's."""
    device = torch.device(device)
    cuda = [device.index or 0] if device.type == "cuda" else []
    with _PROCESS_LOCK, torch.random.fork_rng(devices=cuda):
        numpy_state = np.random.get_state()
        try:
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)
            yield
        finally:
            np.random.set_state(numpy_state)


@contextlib.contextmanager
def torch_threads(n_threads):
    """Run a block on so many threads of torch, then go back; None changes nothing."""
    if n_threads is None:
        yield
        return
    with _PROCESS_LOCK:
        before = torch.get_num_threads()
        torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
