"""Saving, loading and prediction with loaded models."""

from __future__ import annotations

import contextlib
import copy
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import get_routing_for_object

from .._ch_names import are_same_channels, check_ch_names
from .._extras import require_extra
from .._io import check_target, make_temporary_path, remove_stale, write_atomically
from .._mne import count_dims, get_ch_names, get_sfreq
from .._types import Epochs, Groups, StrPath
from .._validation import check_bool, check_number
from ..trials import Trials
from ._card import compute_checksum, is_card, make_card, make_readme, parse_card, to_bytes
from ._limits import ERRORS
from ._serialize import deserialize_estimator, get_steps, serialize_estimator

WEIGHTS, CARD, README = "weights.safetensors", "card.json", "README.md"
FILES = (WEIGHTS, CARD, README)
MAX_CARD_BYTES = 16 << 20  # the card of a model trained for 1000 epochs has 0.25 MiB


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
    """Save a fitted model to a folder without pickles.

    The folder contains ``weights.safetensors``, ``card.json`` and ``README.md``, see the
    :doc:`user guide </user_guide/persistence>`. If saving fails, a previous model is unchanged.

    Parameters
    ----------
    estimator : Pipeline, classifier or regressor
        A fitted :class:`~skmamba.MSiMambaClassifier` or :class:`~skmamba.BraindecodeClassifier`
        (its ``model`` given by name), or the regressor of either, alone or after steps of
        ``skmamba.preprocessing``.
    path : str or Path
        Folder to write. Its parent folder must exist.
    trials : Trials, default=None
        Training data. The card then contains their name, size and checksum, but no values, and
        the loaded model checks sampling rate and channels.
    protocol : str or dict, default=None
        How the scores were estimated.
    scores : dict, list, float or DataFrame, default=None
        Scores of the model.
    notes : str, default=None
        Further notes.
    overwrite : bool, default=False
        Whether to replace an existing model. A folder with other files is never replaced.

    Returns
    -------
    path : Path
        The folder.

    Raises
    ------
    TypeError
        If the class of a step is not supported, or a parameter is an object such as a callback, a
        class or a ``RandomState``.
    ValueError
        If steps and trials have different channels or sampling rates, or the saved model could not
        be loaded.
    FileExistsError, FileNotFoundError
        If the folder exists, or its parent does not.

    See Also
    --------
    load_model : Load the model; with an example.
    to_onnx : Export the network for other runtimes.

    Notes
    -----
    Saving the same model twice gives identical files. The state of the optimizer and the
    ``memory`` of the pipeline are not saved.
    """
    check_bool("overwrite", overwrite)
    path = Path(path)
    target = path.resolve()
    steps = [step for _, step in get_steps(estimator)]
    _check_target(target, overwrite)
    serialized, arrays = serialize_estimator(estimator)
    with require_extra("persistence", "save_model"):
        import safetensors.numpy
    weights = safetensors.numpy.save(arrays)
    notes_of_user = {"protocol": protocol, "scores": scores, "notes": notes}
    card = make_card(serialized, steps, {WEIGHTS: weights}, trials, notes_of_user)
    files = {WEIGHTS: weights, CARD: to_bytes(card), README: make_readme(target.name, card)}
    if len(files[CARD]) > MAX_CARD_BYTES:
        raise ValueError(
            f"The card must have at most {MAX_CARD_BYTES} bytes, got {len(files[CARD])}: shorten "
            "protocol, scores or notes."
        )
    _check_loads(files[CARD], arrays)
    _write_folder(target, files, overwrite)
    return path


def load_model(path: StrPath) -> SavedModel:
    """Load a model from a folder written by :func:`save_model`.

    Loading executes no code from the files: class names are looked up in a fixed list.

    Parameters
    ----------
    path : str or Path
        The folder, or its ``card.json``.

    Returns
    -------
    model : SavedModel
        Its predictions are bitwise equal to those before saving, on the same machine and versions,
        except that subjects of Trials are new: ``EuclideanAlignment`` neither uses the matrices of
        subjects in training, nor calibrations before saving, unless ``groups`` name the subjects.

    Raises
    ------
    FileNotFoundError
        If the folder or one of its files does not exist.
    ValueError
        If a file is damaged or of another format version. Checksums detect damage, but not
        deliberate changes with renewed checksums.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skmamba import MSiMambaClassifier, load_model, save_model
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=2, n_trials=6, n_times=128)
    >>> clf = MSiMambaClassifier(max_epochs=1, random_state=0).fit(trials, trials.y)
    >>> with TemporaryDirectory() as folder:
    ...     model = load_model(save_model(clf, Path(folder) / "model", trials=trials))
    >>> model
    <SavedModel: MSiMambaClassifier, Fp1 Fp2 F3 F4 at 128 Hz -> 0, 1>
    >>> bool((model.predict_proba(trials) == clf.predict_proba(trials)).all())
    True
    """
    folder = Path(path)
    folder = folder.parent if folder.name == CARD and folder.is_file() else folder
    with _name_file(folder / CARD):
        card = parse_card(_read_file(folder / CARD, MAX_CARD_BYTES))
    with _name_file(folder / WEIGHTS):
        arrays = _read_arrays(folder / WEIGHTS, card["files"][WEIGHTS])
    with _name_file(folder):
        return SavedModel(deserialize_estimator(card, arrays), card)


class SavedModel:
    """A loaded model, which raises ValueError for X of another sampling rate or other channels.

    Parameters
    ----------
    estimator : Pipeline, classifier or regressor
        The fitted estimator.
    card : dict
        Content of ``card.json``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or None
        Labels, sorted; None for a regressor.
    n_channels : int
        Number of channels of X.
    ch_names : list of str or None
        Channel names in order, if known.
    sfreq : float or None
        Sampling rate in hertz, if known.
    """

    classes_: NDArray[Any] | None
    n_channels: int

    def __init__(self, estimator: BaseEstimator, card: dict[str, Any]) -> None:
        self.estimator = estimator
        self.card = card
        self.classes_ = getattr(estimator, "classes_", None)
        self.n_channels = card["input"]["n_channels"]
        self.ch_names = card["input"]["ch_names"]
        self.sfreq = card["input"]["sfreq"]

    def __repr__(self):
        last = getattr(self.estimator, "steps", [(None, self.estimator)])[-1][1]
        channels = " ".join(self.ch_names or [f"{self.n_channels} channels"])
        rate = "" if self.sfreq is None else f" at {self.sfreq:g} Hz"
        targets = "ratings" if self.classes_ is None else ", ".join(map(str, self.classes_))
        return f"<SavedModel: {type(last).__name__}, {channels}{rate} -> {targets}>"

    def predict(
        self,
        X: Trials | Epochs | ArrayLike,
        *,
        sfreq: float | None = None,
        ch_names: Sequence[str] | None = None,
        groups: Groups | None = None,
    ) -> NDArray[Any]:
        """Predict the label of each trial, or its rating.

        Parameters
        ----------
        X : Trials, mne.Epochs or ndarray of shape (n_trials, n_channels, n_times)
            Trials.
        sfreq : float, default=None
            Sampling rate of X in hertz. None uses that of Trials or Epochs; an array has none.
        ch_names : sequence of str, default=None
            Channel names of X. None uses those of Trials or Epochs; an array has none.
        groups : DataFrame or array-like of shape (n_trials,), default=None
            Metadata or subjects, for a model that adapts to subjects. Subjects in the metadata of
            Trials are treated as new, even if training subjects have the same labels.

        Returns
        -------
        y : ndarray of shape (n_trials,) or (n_trials, n_targets)
            Labels, of shape (n_trials,), or ratings.
        """
        return self._call("predict", X, sfreq, ch_names, groups)

    def predict_proba(
        self,
        X: Trials | Epochs | ArrayLike,
        *,
        sfreq: float | None = None,
        ch_names: Sequence[str] | None = None,
        groups: Groups | None = None,
    ) -> NDArray[Any]:
        """Predict the class probabilities of each trial.

        Parameters
        ----------
        X, sfreq, ch_names, groups
            As in :meth:`predict`.

        Returns
        -------
        proba : ndarray of shape (n_trials, n_classes)
            Probabilities, in the order of ``classes_``.

        Raises
        ------
        ValueError
            If the model is a regressor.
        """
        if self.classes_ is None:
            raise ValueError(f"predict_proba requires a classifier, got {self}.")
        return self._call("predict_proba", X, sfreq, ch_names, groups)

    def _prepare(self, X, sfreq=None, ch_names=None):
        """Return X, whose subjects are new ones; raise ValueError for other channels or rates."""
        if sfreq is not None:
            check_number("sfreq", sfreq)
        rate = get_sfreq(X) if sfreq is None else sfreq
        if None not in (rate, self.sfreq) and not np.isclose(rate, self.sfreq, rtol=1e-6, atol=0):
            raise ValueError(
                f"X must have a sampling rate of {self.sfreq:g} Hz, got {rate:g} Hz: resample X."
            )
        self._check_channels(X, get_ch_names(X) if ch_names is None else check_ch_names(ch_names))
        if not isinstance(X, Trials) or "subject" not in X.metadata:
            return X
        subject = X.metadata["subject"]
        new = ("new " + subject.astype(str)).where(subject.notna())  # pandas 2 names missing values
        return X.derive(metadata=X.metadata.assign(subject=new))

    def _call(self, method, X, sfreq, ch_names, groups):
        X = self._prepare(X, sfreq, ch_names)
        options = {} if groups is None else {"groups": groups}
        try:
            with sklearn.config_context(enable_metadata_routing=groups is not None or None):
                estimator = self.estimator if groups is None else _request_groups(self.estimator)
                if groups is not None:
                    is_used = getattr(estimator, "adaptation", None) is not None
                    if hasattr(estimator, "steps"):
                        is_used = get_routing_for_object(estimator).consumes(method, options)
                    if not is_used:
                        raise ValueError(f"groups must be None, since no step of {self} uses them.")
                return getattr(estimator, method)(X, **options)
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError) as error:
            raise ValueError(f"{self} cannot predict X or has a damaged card: {error}.") from error

    def _check_channels(self, X, names):
        if names is None and count_dims(X) <= 2:
            return
        n_channels = np.shape(X)[-2] if names is None else len(names)
        if names is not None and self.ch_names is not None:
            if not are_same_channels(names, self.ch_names):
                raise ValueError(
                    f"X must have the {self.n_channels} channels {', '.join(self.ch_names)} in "
                    f"this order, got {', '.join(names)}."
                )
        elif n_channels != self.n_channels:
            raise ValueError(f"X must have {self.n_channels} channels, got {n_channels}.")


def _check_loads(card, arrays):
    """Raise ValueError unless the model that is to be written can be loaded."""
    try:
        deserialize_estimator(parse_card(card), dict(arrays))
    except ERRORS as error:
        raise ValueError(
            f"estimator must have the parameters of its fit, or it cannot be loaded: {error}."
        ) from error


def _request_groups(estimator):
    """Return a pipeline whose last step receives the groups of predict, if it uses them."""
    last = getattr(estimator, "steps", [(None, None)])[-1][1]
    if getattr(last, "adaptation", None) not in ("causal", "unlabelled"):
        return estimator
    requesting, pipeline = object.__new__(type(last)), copy.copy(estimator)
    requesting.__dict__ = dict(vars(last))  # copy.copy would copy the network, too
    for method in {"set_predict_request", "set_predict_proba_request"} & {*dir(requesting)}:
        getattr(requesting, method)(groups=True)
    pipeline.steps = [*estimator.steps[:-1], (estimator.steps[-1][0], requesting)]
    return pipeline


def _check_target(path, overwrite):
    """Raise an error unless the folder can be created, or is a model that can be replaced."""
    check_target(path, overwrite)
    if path.exists():
        _check_is_model(path, path)


def _check_is_model(folder, path):
    """Raise an error about ``path`` unless the folder has a card, and no files but a model's."""
    entries = list(folder.iterdir()) if folder.is_dir() else [folder]
    others = [file.name for file in entries if file.name not in FILES or not file.is_file()]
    if others or not is_card(folder / CARD):
        reason = f"{', '.join(sorted(others)[:5])} is not part of a saved model"
        reason = reason if others else f"it has no {CARD} of a saved model"
        raise FileExistsError(f"{path} is not replaced, because {reason}. Choose another path.")


def _write_folder(path, files, overwrite):
    """Write files to a temporary folder, then move it to the path; restore the path on errors."""
    temporary, previous = (make_temporary_path(path) for _ in range(2))
    try:
        temporary.mkdir()
        for name, content in files.items():
            write_atomically(temporary / name, content)
        _check_target(path, overwrite)  # again, since another process may have written it
        if path.exists():
            path.rename(previous)
        try:
            if previous.exists():
                _check_is_model(previous, path)
            temporary.rename(path)  # raises if a file or a folder with content exists
        except BaseException:
            if previous.exists():
                previous.rename(path)
            raise
        shutil.rmtree(previous, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    remove_stale(path)


def _read_file(path, max_bytes):
    """Return the content of a file of limited size."""
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} is not a saved model: {path.name} is missing.")
    n_bytes = path.stat().st_size
    if n_bytes > max_bytes:
        raise ValueError(f"expected at most {max_bytes} bytes, got {n_bytes}")
    return path.read_bytes()


def _read_arrays(path, expected):
    """Return the arrays of a file with the size and checksum given in the card."""
    with require_extra("persistence", "load_model"):
        import safetensors.numpy
    content = _read_file(path, expected["bytes"])
    if compute_checksum(content) != expected["sha256"]:
        raise ValueError("checksum mismatch: the file is truncated or was changed")
    try:
        return safetensors.numpy.load(content)
    except Exception as error:  # SafetensorError derives from Exception
        raise ValueError(f"invalid safetensors file ({error})") from error


@contextlib.contextmanager
def _name_file(path):
    """Raise errors as a ValueError that starts with the path."""
    try:
        yield
    except ERRORS as error:
        reason = str(error) or type(error).__name__
        reason = f"missing entry {error}" if isinstance(error, KeyError) else reason
        raise ValueError(f"{path} cannot be loaded: {reason}.") from error
