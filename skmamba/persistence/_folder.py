"""Files written as a whole or not at all, and read only as they were written."""

import contextlib
import hashlib
import os
import secrets
import shutil

WEIGHTS, CARD, README = "weights.safetensors", "card.json", "README.md"
FILES = (WEIGHTS, CARD, README)


def sha256(content):
    """Digest of some bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def check_free(path, overwrite):
    """Complain if something is in the way that must not be lost.

    Parameters
    ----------
    path : Path
        Folder to be.
    overwrite : bool
        Whether a model may be replaced; nothing else is.

    Raises
    ------
    FileExistsError
        If there is something.
    FileNotFoundError
        If there is no folder to put it in.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent} to save {path.name} in.")
    if not path.exists():
        return
    if not overwrite:
        raise FileExistsError(f"{path} exists already: choose another path, or overwrite=True.")
    foreign = sorted(set(os.listdir(path)) - set(FILES)) if path.is_dir() else [path.name]
    if foreign:
        raise FileExistsError(
            f"{path} is not replaced: {', '.join(foreign[:5])} is no part of a saved model. "
            "Choose another path."
        )


def write_folder(path, files):
    """Write a folder beside, then put it in place; what was there goes last.

    Parameters
    ----------
    path : Path
        The folder.
    files : dict of str to bytes
        Names and contents of all its files.
    """
    with _beside(path) as new:
        new.mkdir()
        for name, content in files.items():
            (new / name).write_bytes(content)
        if path.exists():
            _exchange(path, new)
        else:
            new.rename(path)


@contextlib.contextmanager
def written_file(path):
    """Give a path beside to write a file to, and put the file in place after the block."""
    with _beside(path) as new:
        yield new
        new.replace(path)


def read_bytes(folder, name, most):
    """Read a file of at most so many bytes.

    Parameters
    ----------
    folder : Path
        Folder of a model.
    name : str
        Name of the file.
    most : int
        Bytes that it may have.

    Returns
    -------
    content : bytes
        All of it.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ValueError
        If it is larger.
    """
    path = folder / name
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} is no saved model: it has no {name}. A model is a folder with {WEIGHTS} "
            f"and {CARD}, as save_model writes it."
        )
    size = path.stat().st_size
    if size > most:
        raise ValueError(f"{path} has {size} bytes, where at most {most} are expected.")
    return path.read_bytes()


def _exchange(path, new):
    """Put a folder in the place of another, which goes once the new one is there."""
    old = _neighbour(path)
    path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old)


def _neighbour(path):
    return path.parent / f".{path.name}.{secrets.token_hex(4)}"


@contextlib.contextmanager
def _beside(path):
    """Name a hidden neighbour of a path, and remove what is left of it."""
    beside = _neighbour(path)
    try:
        yield beside
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)
