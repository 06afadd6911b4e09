"""Saved models on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sklearn.base import BaseEstimator

from .._types import StrPath
from ._folder import FILES
from ._model import SavedModel, load_model, save_model

INSTALL = (
    "The Hugging Face Hub needs huggingface_hub: pip install 'skmamba[hub]'. It could not be "
    "imported here ({error})."
)


def push_to_hub(
    model: StrPath | BaseEstimator,
    repo_id: str,
    *,
    private: bool = True,
    revision: str | None = None,
    message: str | None = None,
    token: str | None = None,
    endpoint: str | None = None,
    **card: Any,
) -> str:
    """Put a model on the Hugging Face Hub.

    Parameters
    ----------
    model : str, Path, Pipeline or classifier
        Folder of a saved model, or what :func:`save_model` takes.
    repo_id : str
        Owner and name, such as ``"me/my-model"``; made if it is not there.
    private : bool, default=True
        Whether a new repository is seen by its owner only; one that is there stays as it is.
    revision : str, default=None
        Branch; None is the main one.
    message : str, default=None
        What to call the change.
    token : str, default=None
        Who asks; None takes what ``hf auth login`` has stored.
    endpoint : str, default=None
        Address of another hub than huggingface.co.
    **card : object
        ``trials``, ``protocol``, ``scores`` and ``notes`` of :func:`save_model`, for a model that
        is not saved yet.

    Returns
    -------
    url : str
        Where the change is.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        As in :func:`save_model`, or, for a folder, :func:`load_model`: nothing was sent then.
    ImportError
        If huggingface_hub is missing.

    See Also
    --------
    pull_from_hub : The way back.

    Notes
    -----
    Weights can say something of the people they were learned from: ask what was consented to
    before a model is public. Of the folder, only the files that :func:`save_model` writes are
    sent.
    """
    hub = _import_hub()
    with TemporaryDirectory() as folder:
        if not isinstance(model, (str, Path)):
            model = save_model(model, Path(folder) / repo_id.split("/")[-1], **card)
        elif card:
            raise TypeError(
                f"{', '.join(card)} came for a model that is saved already: its card stays as it "
                "is."
            )
        load_model(model)  # what cannot be loaded is not sent
        api = hub.HfApi(endpoint=endpoint, token=token)
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=model,
            revision=revision,
            commit_message=message or "Save a model of skmamba",
            allow_patterns=list(FILES),
        )
    return str(commit.commit_url)


def pull_from_hub(
    repo_id: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: StrPath | None = None,
    endpoint: str | None = None,
) -> SavedModel:
    """Load a model from the Hugging Face Hub.

    Parameters
    ----------
    repo_id : str
        Owner and name, such as ``"me/my-model"``.
    revision : str, default=None
        Branch, tag or commit; None is the main branch. A commit is what stays the same.
    token : str, default=None
        Who asks; None takes what ``hf auth login`` has stored.
    cache_dir : str or Path, default=None
        Where files are kept; None is where huggingface_hub keeps all.
    endpoint : str, default=None
        Address of another hub than huggingface.co.

    Returns
    -------
    model : SavedModel
        As from :func:`load_model`.

    Raises
    ------
    FileNotFoundError, ValueError
        As in :func:`load_model`.
    ImportError
        If huggingface_hub is missing.

    See Also
    --------
    push_to_hub : The way there.

    Notes
    -----
    Of the repository, only the files that :func:`save_model` writes are fetched, and they are read
    without trust: see :func:`load_model`.
    """
    folder = _import_hub().snapshot_download(
        repo_id,
        revision=revision,
        token=token,
        cache_dir=cache_dir,
        endpoint=endpoint,
        allow_patterns=list(FILES),
    )
    return load_model(folder)


def _import_hub():
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError(INSTALL.format(error=error)) from error
    return huggingface_hub
