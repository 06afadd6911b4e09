"""Shared parts of the docstrings of the estimators."""

import inspect

from sklearn.base import RegressorMixin

TRAINING_PARAMETERS = """
weight_decay : float, default=1e-2
    Weight decay of the optimizer.
batch_size : int or None, default=64
    Number of windows per training step; None uses one batch of all windows, in order.
optimizer : {"adamw", "adam", "sgd"} or torch.optim.Optimizer subclass, default="adamw"
    Optimizer.
early_stopping : bool, default=False
    Whether to hold out trials for validation, stop when their loss has not decreased for
    ``patience`` epochs, and restore the weights of the best epoch. If ``groups`` are passed to
    ``fit``, whole groups are held out.
validation_fraction : float, default=0.2
    Fraction of trials, or of groups, held out by early stopping.
patience : int, default=5
    Number of epochs without a lower validation loss after which early stopping stops.
{target_parameters}
scaling : {"robust", "standard", "window"} or None, default="robust"
    Scaling of channels. ``"robust"``: median and median absolute deviation of the training
    windows, clipped at 8 deviations; offsets of windows are bounded, and scaled separately if
    they exceed the EEG (ours, see the user guide). ``"standard"``: mean and standard deviation of
    the training windows; ``"window"``: those of each window; None: no scaling.
n_chans : int, default=None
    Number of channels that are concatenated in each row of a 2-D X; None means one.
warm_start : bool, default=False
    Whether ``fit`` starts from the fitted weights and scaling. Parameters of the training, such
    as the learning rate, may change between fits.
device : str, default="auto"
    Device of torch; ``"auto"`` is CUDA if available, else the CPU.
n_threads : int or None, default=1
    Number of torch threads in fit and predict. With one, results are bitwise equal on
    processors of one kind, for any number of cores and any ``n_jobs``. None keeps torch's setting.
dtype : {"float32", "float64", "bfloat16"}, default="float32"
    Precision of the network. ``"bfloat16"`` is mixed precision, for GPUs: weights and windows are
    float32, convolutions and matrix products bfloat16.
net_params : dict, default=None
    Further parameters of the skorch net, such as ``{"optimizer__betas": (0.9, 0.95)}`` or
    ``{"callbacks": [...]}``; callbacks are copied for every fit.
random_state : int, RandomState instance or None, default=None
    Seed of weights, batches and dropout. Global random states are restored after fit, and None
    does not depend on them.
verbose : bool, 2 or None, default=None
    Whether to show a progress bar over epochs; None shows it if stderr is a terminal. 2 prints a
    line per epoch.
"""

WINDOW_ATTRIBUTES = """
n_chans_, n_times_ : int
    Size of a window.
n_features_in_ : int
    Channels of a 3-D or 4-D X, columns of a 2-D X.
ch_names_in_, sfreq_in_ : list of str, float
    Channels and sampling rate of Trials or Epochs in fit; None for an array.
spread_ : float
    Median standard deviation of the training windows, in the unit of X. Prediction warns if that
    of X differs by a factor of more than 100.
"""

FITTED_ATTRIBUTES = """
{target_attributes}
net_ : skorch.NeuralNet
    The trained net; ``net_.module_`` is the torch module.
history_ : list of dict
    One entry per epoch: losses, seconds and records of callbacks.
n_iter_ : int
    Number of trained epochs.
{window_attributes}
scaling_ : str or None
    Scaling of the training windows.
center_, scale_, offset_scale_ : ndarray of shape (n_chans,)
    Statistics of the scaling, in the unit of X: center, scale of the signal and, with
    ``scaling="robust"``, scale of the offsets of windows.
"""

CLASSIFIER_PARAMETERS = """
class_weight : dict, "balanced" or None, default=None
    Weights of classes, as in scikit-learn; they are relative to the mean weight of each batch.
voting : {"soft", "hard"}, default="soft"
    Aggregation of a trial's windows: mean of their probabilities, or fraction of windows for
    which a class is the most probable one.
"""

CLASSIFIER_ATTRIBUTES = """
classes_ : ndarray of shape (n_classes,)
    Labels, sorted.
"""

REGRESSOR_PARAMETERS = """
loss : {"mse", "mae", "huber"}, default="mse"
    Loss of a window, with y standardised over the training trials: squared error, absolute error,
    or Huber loss, which is quadratic up to one standard deviation and linear beyond; the mean over
    targets.
voting : {"mean", "median"}, default="mean"
    Aggregation of the predictions of a trial's windows.
"""

REGRESSOR_ATTRIBUTES = """
y_mean_, y_scale_ : ndarray of shape () or (n_targets,)
    Weighted mean and standard deviation of y over the training trials.
"""


def add_shared_docs(**texts):
    """Return a decorator that inserts shared parts, and these texts, into a class docstring."""

    def insert(cls):
        of_regressor = issubclass(cls, RegressorMixin)
        parts = {
            **texts,
            "training_parameters": TRAINING_PARAMETERS,
            "fitted_attributes": FITTED_ATTRIBUTES,
            "target_parameters": REGRESSOR_PARAMETERS if of_regressor else CLASSIFIER_PARAMETERS,
            "target_attributes": REGRESSOR_ATTRIBUTES if of_regressor else CLASSIFIER_ATTRIBUTES,
            "window_attributes": WINDOW_ATTRIBUTES,
        }
        doc = inspect.cleandoc(cls.__doc__ or "")
        for name, text in parts.items():
            doc = doc.replace(f"{{{name}}}", text.strip())
        cls.__doc__ = doc
        return cls

    return insert
