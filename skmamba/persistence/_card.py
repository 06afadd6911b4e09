"""Model card: input, network, training data, parameters and versions of a saved model."""

import hashlib
import json
from importlib.metadata import version
from typing import Any

import numpy as np

from .. import __version__
from .._mne import get_fitted_sfreq
from .._validation import check_int, check_number
from ..preprocessing import BandPower, ChannelPicker, SlidingWindows
from ..trials import Trials
from ._serialize import to_plain_json

FORMAT, FORMAT_VERSION = "skmamba model", 2
PACKAGES = ("torch", "numpy", "scikit-learn")
README_TEMPLATE = """---
library_name: skmamba
tags: [skmamba, eeg, time-series]
---

# {name}

Load this folder with `skmamba.load_model`. From its `card.json`:

```json
{summary}
```
"""


def make_card(serialized, estimators, files, trials, notes):
    """Return the card of a fitted model, with checksums of the other files and of itself."""
    card = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "input": describe_input(estimators, trials),
        "model": describe_model(estimators, trials),
        "training": {
            "data": None if trials is None else _describe_trials(trials),
            **{name: to_plain_json(value, name) for name, value in notes.items()},
        },
        **serialized,
        "versions": {"skmamba": __version__, **{name: version(name) for name in PACKAGES}},
        "files": {
            name: {"bytes": len(content), "sha256": compute_checksum(content)}
            for name, content in files.items()
        },
    }
    return {**card, "sha256": compute_card_checksum(card)}


def compute_checksum(content):
    """Return the SHA-256 of bytes as a hexadecimal string."""
    return hashlib.sha256(content).hexdigest()


def compute_card_checksum(card):
    """Return the SHA-256 of a card without its checksum."""
    return compute_checksum(to_bytes({key: card[key] for key in card if key != "sha256"}))


def to_bytes(card):
    """Return a card as JSON; entries stay in order, which may be the order of features."""
    return f"{json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()


def is_card(path):
    """Return whether a file starts like a card, of any version and even if it is damaged."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return f'"format": "{FORMAT}"'.encode() in file.read(100)


def parse_card(content):
    """Return the card in a file's content; raise ValueError if it is damaged or unsupported."""
    try:
        card = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"invalid JSON ({error})") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise ValueError(f"format must be {FORMAT!r}")
    if card.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"format_version must be {FORMAT_VERSION}, got {card.get('format_version')!r}: the "
            "model was saved by another version of skmamba, so fit and save it again"
        )
    if card.get("sha256") != compute_card_checksum(card):
        raise ValueError("checksum mismatch: the file was changed after it was saved")
    n_channels, names, sfreq = (card["input"][key] for key in ("n_channels", "ch_names", "sfreq"))
    check_int("n_channels", n_channels)
    if names is not None and not (
        len(names) == n_channels and all(isinstance(name, str) for name in names)
    ):
        raise ValueError(f"ch_names must be {n_channels} strings")
    if sfreq is not None:
        check_number("sfreq", sfreq)
    return card


def describe_input(estimators, trials=None):
    """Return number and names of the channels and sampling rate of X; None where unknown."""
    if trials is not None and not isinstance(trials, Trials):
        raise TypeError(f"trials must be Trials, got {type(trials).__name__}.")
    n_channels, ch_names = _get_input_channels(estimators)
    ch_names = None if ch_names is None else list(map(str, ch_names))
    if trials is not None:
        names = list(trials.ch_names)
        if len(names) != n_channels or ch_names not in (None, names):
            expected = ", ".join(ch_names or [f"{n_channels} channels"])
            raise ValueError(
                f"trials must have the channels that the model was fitted on ({expected}), got "
                f"{', '.join(names)}."
            )
        ch_names = names
    rates: Any = {get_fitted_sfreq(source) for source in (*estimators, trials)} - {None}
    if len(rates) > 1:
        rates = " and ".join(f"{rate:g} Hz" for rate in sorted(rates))
        raise ValueError(f"sfreq must be the same for all steps and trials, got {rates}.")
    sfreq = float(rates.pop()) if rates else None
    return {"n_channels": n_channels, "ch_names": ch_names, "sfreq": sfreq}


def describe_model(estimators, trials=None):
    """Return the properties of a network and of the windows that it receives."""
    classifier, stride = estimators[-1], None
    ch_names = describe_input(estimators, trials)["ch_names"]
    for step in estimators:
        if isinstance(step, ChannelPicker):
            ch_names = [ch_names[i] for i in step.picks_] if ch_names else step.ch_names_
        if isinstance(step, SlidingWindows):
            stride = step.stride_samples_
    return {
        "network": classifier.net_.architecture["name"],
        "n_weights": sum(w.numel() for w in classifier.net_.module_.parameters()),
        "classes": to_plain_json(getattr(classifier, "classes_", None), "classes_"),
        "label_names": to_plain_json(getattr(trials, "label_names", {}), "label_names"),
        "ch_names": to_plain_json(ch_names, "ch_names_"),
        "n_chans": classifier.n_chans_,
        "n_times": classifier.n_times_,
        "stride": stride,
        "scaling": classifier.scaling_,
        "voting": classifier.voting,
    }


def make_readme(name, card):
    """Return README.md of a saved model, in the format of the Hugging Face Hub."""
    summary = {key: card[key] for key in ("input", "model", "training")}
    summary = json.dumps(summary, indent=2, ensure_ascii=False)
    return README_TEMPLATE.format(name=name, summary=summary).encode()


def _get_input_channels(estimators):
    """Return number and names of the input channels, from the first step that has them."""
    for step in estimators:
        if isinstance(step, ChannelPicker):
            return step.n_features_in_, step.ch_names_in_
        if isinstance(step, BandPower):
            names = step.ch_names
            return len(step.ch_names_), step.ch_names_in_ if names is None else names
    return estimators[-1].n_chans_, getattr(estimators[0], "ch_names_in_", None)


def _describe_trials(trials):
    checksum = hashlib.sha256(f"{trials.dtype.str} {trials.shape}".encode())
    for row in range(len(trials)):  # one trial at a time, so that X is not copied
        checksum.update(np.ascontiguousarray(trials[[row]].X).data)
    checksum.update(json.dumps(trials.y.tolist(), default=str).encode())
    subjects = trials.metadata["subject"].nunique() if "subject" in trials.metadata else None
    return {
        "name": trials.name,
        "n_trials": len(trials),
        "n_subjects": subjects,
        "n_times": trials.shape[2],
        "loader_params": to_plain_json(trials.loader_params, "loader_params"),
        "sha256": checksum.hexdigest(),
    }
