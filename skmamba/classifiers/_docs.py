"""Docstring parts that all network classifiers share."""

from inspect import cleandoc, signature
from textwrap import indent

TRAINING_PARAMETERS = """
lr : float, default={lr}
    Learning rate.
weight_decay : float, default=1e-2
    Weight decay of the optimizer.
max_epochs : int, default={max_epochs}
    Passes over the training windows.
batch_size : int or None, default=64
    Windows a training step; None takes all at once, in their order.
optimizer : {"adamw", "adam", "sgd"} or torch.optim.Optimizer subclass, default="adamw"
    How weights are moved.
early_stopping : bool, default=False
    Whether to hold out trials (never single windows), stop when their loss has not fallen for
    ``patience`` epochs, and keep the weights of the best epoch. If ``groups`` are passed to
    ``fit``, whole groups are held out.
validation_fraction : float, default=0.2
    Share of trials, or of groups, held out by early stopping.
patience : int, default=5
    Epochs to wait for a lower validation loss.
class_weight : dict, "balanced" or None, default=None
    Weights of classes, as in scikit-learn.
scaling : {"robust", "standard", "window"} or None, default="robust"
    How channels come to unit scale. ``"robust"``: median and median absolute deviation of the
    training windows, clipped at 8 deviations; ``"standard"``: their mean and standard deviation;
    ``"window"``: mean and standard deviation of each window by itself; None: X is taken as it
    comes.
voting : {"soft", "hard"}, default="soft"
    How the windows of a trial become one answer: the mean of their probabilities, or the share
    of windows that a class wins.
n_chans : int, default=None
    For meta-estimators that know only two dimensions: rows of a 2-D X are this many channels
    one after the other. None: rows are one channel.
warm_start : bool, default=False
    Whether ``fit`` goes on from the weights and the scaling there are. All else, such as the
    learning rate, the optimizer or early stopping, is what parameters say at that time.
device : str, default="auto"
    ``"cpu"``, ``"cuda"`` ...; ``"auto"`` takes CUDA where there is one.
n_threads : int or None, default=1
    Threads of torch in fit and predict. With one the result is the same to the bit on any number
    of cores and for any ``n_jobs``, and cores are better used for folds side by side. None leaves
    what torch is set to.
dtype : {"float32", "float64"}, default="float32"
    Precision of the network.
callbacks : list, default=None
    skorch callbacks, cloned for every fit.
net_params : dict, default=None
    More parameters of the skorch net, such as ``{"optimizer__betas": (0.9, 0.95)}``.
random_state : int, RandomState instance or None, default=None
    Seed of weights, batches and dropout. The caller's global random state is never touched,
    also not by None, which takes fresh entropy.
verbose : bool, 2 or None, default=None
    Whether to show a progress bar over epochs; None shows it if stderr is a terminal. 2 prints a
    line per epoch.
"""

FITTED_ATTRIBUTES = """
classes_ : ndarray of shape (n_classes,)
    Labels, sorted.
net_ : skorch.NeuralNetClassifier
    The trained net; ``net_.module_`` is the torch module.
history_ : list of dict
    One entry an epoch: losses, seconds and what callbacks recorded.
n_iter_ : int
    Epochs trained.
n_chans_, n_times_ : int
    Size of a window.
n_features_in_ : int
    Channels of a 3-D or 4-D X, columns of a 2-D one.
scaling_ : str or None
    How the training windows were scaled.
center_, scale_ : ndarray of shape (n_chans,)
    What scaling learned, in the unit of X.
"""


def with_shared_docs(cls):
    """Fill the training parameters and fitted attributes into a class docstring."""
    training = TRAINING_PARAMETERS
    for name in ("lr", "max_epochs"):  # each class has its own
        default = signature(cls).parameters[name].default
        training = training.replace(f"{{{name}}}", repr(default))
    for mark, text in (
        ("{training_parameters}", training),
        ("{fitted_attributes}", FITTED_ATTRIBUTES),
    ):
        cls.__doc__ = cls.__doc__.replace(mark, indent(cleandoc(text), " " * 4).lstrip())
    return cls
