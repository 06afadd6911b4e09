"""Fitted models as folders of numbers and text, which can be read without trust."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from .._ch_names import canonical_name
from .._mne import count_dims, get_ch_names, is_epochs
from .._types import Epochs, Groups, StrPath
from ..trials import Trials
from ._card import make_card, parse, render, write_readme
from ._folder import CARD, README, WEIGHTS, check_free, read_bytes, sha256, write_folder
from ._steps import list_steps, put_together, take_apart

INSTALL = (
    "Saving and loading models needs safetensors: pip install 'skmamba[saving]'. It could not be "
    "imported here ({error})."
)
LARGEST_CARD = 16 << 20  # bytes; a card of a thousand epochs has a quarter of one MiB


def save_model(
    estimator: BaseEstimator,
    path: StrPath,
    *,
    trials: Trials | None = None,
    protocol: str | Mapping[str, Any] | None = None,
    scores: Mapping[str, Any] | Sequence[Any] | float | pd.DataFrame | None = None,
    notes: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a fitted model into a folder that can be loaded without trust.

    The folder gets ``weights.safetensors``, with all arrays of all steps, ``card.json``, with
    everything else, and a ``README.md`` that shows the card to people. None of them is a pickle.

    Parameters
    ----------
    estimator : Pipeline or classifier
        A fitted :class:`~skmamba.MSiMambaClassifier` or
        :class:`~skmamba.BraindecodeClassifier` (its ``model`` given by name), alone or behind
        steps of ``skmamba.preprocessing``.
    path : str or Path
        Folder to write; the one above it must be there.
    trials : Trials, default=None
        What the model was trained on. The card then has its name, size and digest, never its
        values, and the model knows the sampling rate and the channels it expects.
    protocol : str or dict, default=None
        How the scores came about.
    scores : dict, list, number or DataFrame, default=None
        What was reached.
    notes : str, default=None
        What else to say.
    overwrite : bool, default=False
        Whether to replace a model that is there. A folder that holds anything else stays.

    Returns
    -------
    path : Path
        The folder.

    Raises
    ------
    TypeError
        If a step is none of ours, or a parameter is no plain thing, such as a callback, a class or
        a ``RandomState``, naming it.
    ValueError
        If steps and trials contradict each other.
    FileExistsError
        If something is in the way.
    ImportError
        If safetensors is missing.

    See Also
    --------
    load_model : The way back.
    to_onnx : For those who have no Python.

    Notes
    -----
    All is written to a folder beside, which is then renamed: whatever fails, ``path`` holds all of
    the new model, all of the old one, or nothing. The format is ours; arrays are in safetensors'
    [1]_. The same model gives the same bytes.

    Fitted steps come back as they were, but for the state of the optimizer, as in a pickle, and
    for a pipeline's ``memory``; numbers of numpy among the parameters become Python's.

    References
    ----------
    .. [1] https://github.com/huggingface/safetensors

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows, simulate_trials
    >>> from skmamba.saving import save_model
    >>> trials = simulate_trials(n_subjects=2, n_trials=6)
    >>> pipe = make_pipeline(SlidingWindows(128), MSiMambaClassifier(max_epochs=1, random_state=0))
    >>> with TemporaryDirectory() as folder:
    ...     path = save_model(pipe.fit(trials.X, trials.y), Path(folder) / "model", trials=trials)
    ...     print(*sorted(file.name for file in path.iterdir()))
    README.md card.json weights.safetensors
    """
    path = Path(path)
    home = path.resolve()
    if trials is not None and not isinstance(trials, Trials):
        raise TypeError(f"trials must be Trials, got {type(trials).__name__}.")
    steps = list_steps(estimator)
    check_free(home, overwrite)
    description, arrays = take_apart(estimator)
    weights = _safetensors().save(arrays)
    card = make_card(
        description, steps, weights, trials=trials, protocol=protocol, scores=scores, notes=notes
    )
    files = {WEIGHTS: weights, CARD: render(card), README: write_readme(home.name, card)}
    write_folder(home, files)
    return path


def load_model(path: StrPath) -> SavedModel:
    """Read a model that :func:`save_model` wrote.

    Parameters
    ----------
    path : str or Path
        The folder.

    Returns
    -------
    model : SavedModel
        Predicts what the model predicted, to the bit on the same machine and versions.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file was cut, changed, or is of another format, saying which.
    ImportError
        If safetensors is missing, or braindecode for a network of it.

    Notes
    -----
    Loading runs no code that the files bring: they are numbers and text, and the names of classes
    in them choose from a list. Digests tell damage and hasty changes; who changes a file with
    care can renew them, so they do not tell who made a model.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skmamba import MSiMambaClassifier, simulate_trials
    >>> from skmamba.saving import load_model, save_model
    >>> trials = simulate_trials(n_subjects=2, n_trials=6, n_times=128)
    >>> clf = MSiMambaClassifier(max_epochs=1, random_state=0).fit(trials.X, trials.y)
    >>> with TemporaryDirectory() as folder:
    ...     model = load_model(save_model(clf, Path(folder) / "model", trials=trials))
    >>> model
    <SavedModel: MSiMambaClassifier, Fp1 Fp2 F3 F4 at 128 Hz -> 0, 1>
    >>> bool((model.predict_proba(trials) == clf.predict_proba(trials.X)).all())
    True
    """
    folder = Path(path)
    with _named(folder / CARD):
        card = parse(read_bytes(folder, CARD, LARGEST_CARD))
    with _named(folder / WEIGHTS):
        arrays = _read_weights(folder, card["files"])
    with _named(folder):
        return SavedModel(put_together(card, arrays), card)


class SavedModel:
    """A loaded model, which knows what data it is for.

    It is what :func:`load_model` gives. Data of another sampling rate, or with other channels,
    would be answered as well, wrongly: here they are refused.

    Parameters
    ----------
    estimator : Pipeline or classifier
        The fitted estimator, as it was saved: for all that scikit-learn does with one.
    card : dict
        What ``card.json`` says.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    n_channels : int
        Channels that X must have.
    ch_names : list of str or None
        Their names, in order; None if nobody told.
    sfreq : float or None
        Sampling rate in hertz; None if nobody told.

    See Also
    --------
    load_model : Makes one.
    """

    classes_: NDArray[Any]
    n_channels: int

    def __init__(self, estimator: BaseEstimator, card: dict[str, Any]) -> None:
        self.estimator = estimator
        self.card = card
        self.classes_ = estimator.classes_
        self.n_channels = card["input"]["n_channels"]
        self.ch_names = card["input"]["ch_names"]
        self.sfreq = card["input"]["sfreq"]

    def __repr__(self):
        classifier = getattr(self.estimator, "steps", [(None, self.estimator)])[-1][1]
        channels = " ".join(self.ch_names or [f"{self.n_channels} channels"])
        rate = "" if self.sfreq is None else f" at {self.sfreq:g} Hz"
        classes = ", ".join(map(str, self.classes_))
        return f"<SavedModel: {type(classifier).__name__}, {channels}{rate} -> {classes}>"

    def predict(
        self,
        X: Trials | Epochs | ArrayLike,
        *,
        sfreq: float | None = None,
        ch_names: Sequence[str] | None = None,
        groups: Groups | None = None,
    ) -> NDArray[Any]:
        """Most probable class of each trial.

        Parameters
        ----------
        X : Trials, mne.Epochs or ndarray of shape (n_trials, n_channels, n_times)
            Trials; of an array only the number of channels is known.
        sfreq : float, default=None
            Sampling rate of X in hertz; Trials and Epochs bring their own.
        ch_names : sequence of str, default=None
            Names of the channels of X; Trials and Epochs bring their own.
        groups : DataFrame or array-like of shape (n_trials,), default=None
            Subjects, for a pipeline with :class:`~skmamba.EuclideanAlignment`. Those of Trials are
            not taken unless they are passed here: a subject of the same number as one in training
            would be taken for that person.

        Returns
        -------
        y : ndarray of shape (n_trials,)
            Labels.

        Raises
        ------
        ValueError
            If X has another sampling rate, number, set or order of channels than the model
            expects.
        """
        return self._ask("predict", X, sfreq, ch_names, groups)

    def predict_proba(
        self,
        X: Trials | Epochs | ArrayLike,
        *,
        sfreq: float | None = None,
        ch_names: Sequence[str] | None = None,
        groups: Groups | None = None,
    ) -> NDArray[Any]:
        """Probability of each class for each trial.

        Parameters
        ----------
        X, sfreq, ch_names, groups
            As in :meth:`predict`.

        Returns
        -------
        proba : ndarray of shape (n_trials, n_classes)
            In the order of ``classes_``.

        Raises
        ------
        ValueError
            As in :meth:`predict`.
        """
        return self._ask("predict_proba", X, sfreq, ch_names, groups)

    def _ask(self, method, X, sfreq, ch_names, groups):
        if isinstance(X, Trials):
            X, own_sfreq, own_names = X.X, X.sfreq, X.ch_names  # type: ignore[attr-defined]
        else:
            own_sfreq, own_names = _rate_of_epochs(X), get_ch_names(X)
        self._check_rate(own_sfreq if sfreq is None else sfreq)
        self._check_channels(X, own_names if ch_names is None else ch_names)
        if groups is None:
            return getattr(self.estimator, method)(X)
        with sklearn.config_context(enable_metadata_routing=True):
            return getattr(self.estimator, method)(X, groups=groups)

    def _check_rate(self, sfreq):
        if None in (sfreq, self.sfreq) or np.isclose(sfreq, self.sfreq, rtol=1e-6, atol=0):
            return
        raise ValueError(
            f"X has a sampling rate of {sfreq:g} Hz, but the model expects {self.sfreq:g} Hz: "
            "resample X."
        )

    def _check_channels(self, X, names):
        n_channels = None if names is None else len(names)
        if n_channels is None and count_dims(X) > 2:
            n_channels = np.shape(X)[-2]
        if n_channels not in (None, self.n_channels):
            expected = f": {', '.join(self.ch_names)}" if self.ch_names else ""
            raise ValueError(
                f"X has {n_channels} channels, but the model expects {self.n_channels}{expected}."
            )
        if None in (names, self.ch_names):
            return
        if list(map(canonical_name, names)) != list(map(canonical_name, self.ch_names)):
            same = sorted(map(canonical_name, names)) == sorted(map(canonical_name, self.ch_names))
            what = "its channels in another order" if same else "other channels"
            raise ValueError(
                f"X has {what}: {', '.join(names)}, but the model expects "
                f"{', '.join(self.ch_names)}."
            )


def _rate_of_epochs(X):
    if not is_epochs(X):
        return None
    return (X[0] if isinstance(X, (list, tuple)) else X).info["sfreq"]


def _read_weights(folder, files):
    """Arrays of a file that is, to the bit, the one that the card was written for."""
    told = files.get(WEIGHTS) if isinstance(files, dict) else None
    if not isinstance(told, dict) or not isinstance(told.get("bytes"), int):
        raise ValueError(f"{CARD} says nothing of it")
    content = read_bytes(folder, WEIGHTS, told["bytes"])
    if len(content) < told["bytes"]:
        raise ValueError(f"it is cut: it has {len(content)} bytes of {told['bytes']}")
    if sha256(content) != told.get("sha256"):
        raise ValueError("it was changed after it was saved: its sha256 is another one")
    try:
        return _safetensors().load(content)
    except Exception as error:  # SafetensorError is no ValueError
        raise ValueError(f"it is no safetensors file ({error})") from error


@contextlib.contextmanager
def _named(path):
    """Say of which file an error speaks."""
    try:
        yield
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path} cannot be loaded: {error}.") from error


def _safetensors():
    try:
        from safetensors import numpy as door
    except ImportError as error:
        raise ImportError(INSTALL.format(error=error)) from error
    return door
