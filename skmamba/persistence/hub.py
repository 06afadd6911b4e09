"""Saved models on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sklearn.base import BaseEstimator

from .._extras import require_extra
from .._types import StrPath
from .model import FILES, SavedModel, load_model, save_model


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
    """Upload a model to the Hugging Face Hub.

    Parameters
    ----------
    model : str, Path, Pipeline or classifier
        Folder of a saved model, of which only the files of :func:`save_model` are uploaded, or a
        fitted estimator.
    repo_id : str
        Owner and name, such as ``"me/my-model"``. A missing repository is created.
    private : bool, default=True
        Whether a new repository is private.
    revision : str, default=None
        Branch; None is the main branch.
    message : str, default=None
        Commit message.
    token : str, default=None
        Access token; None uses that of ``hf auth login``.
    endpoint : str, default=None
        URL of another hub than huggingface.co.
    **card : object
        ``trials``, ``protocol``, ``scores`` and ``notes`` of :func:`save_model`, for an estimator.

    Returns
    -------
    url : str
        URL of the commit.

    Notes
    -----
    A model that :func:`load_model` cannot load is not uploaded. Weights can reveal information
    about the training subjects: check their consent before a model becomes public.
    """
    with require_extra("hub", "push_to_hub"):
        import huggingface_hub
    with TemporaryDirectory() as folder:
        if not isinstance(model, (str, Path)):
            model = save_model(model, Path(folder) / repo_id.split("/")[-1], **card)
        elif card:
            raise TypeError(f"{', '.join(card)} must not be passed with the path of a saved model.")
        load_model(model)  # raises if the model cannot be loaded
        api = huggingface_hub.HfApi(endpoint=endpoint, token=token)
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

    Only the files of :func:`save_model` are downloaded, and no code in them is executed.

    Parameters
    ----------
    repo_id : str
        Owner and name, such as ``"me/my-model"``.
    revision : str, default=None
        Branch, tag or commit; None is the main branch. Only a commit never changes.
    cache_dir : str or Path, default=None
        Download folder; None is the cache of huggingface_hub.
    token, endpoint : str, default=None
        As in :func:`push_to_hub`.

    Returns
    -------
    model : SavedModel
        As from :func:`load_model`.
    """
    with require_extra("hub", "pull_from_hub"):
        import huggingface_hub
    folder = huggingface_hub.snapshot_download(
        repo_id,
        revision=revision,
        token=token,
        cache_dir=None if cache_dir is None else Path(cache_dir),
        endpoint=endpoint,
        allow_patterns=list(FILES),
    )
    return load_model(folder)
