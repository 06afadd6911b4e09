"""The card of a model: what it takes, what it answers, and where it comes from."""

import hashlib
import json
from importlib.metadata import version

import numpy as np

from ..preprocessing import BandPower, ChannelPicker, SlidingWindows
from ._folder import WEIGHTS, sha256
from ._plain import simplify

FORMAT, FORMAT_VERSION = "skmamba model", 1
PACKAGES = ("skmamba", "torch", "numpy", "scikit-learn")
ENTRIES = "format format_version input model training pipeline steps versions files sha256".split()


def make_card(description, steps, weights, *, trials, protocol, scores, notes):
    """Write down all that is known of a fitted model.

    Parameters
    ----------
    description : dict
        From :func:`~skmamba.saving._steps.take_apart`.
    steps : list of (str, estimator)
        The fitted steps.
    weights : bytes
        The file of arrays.
    trials : Trials or None
        What the model was trained on.
    protocol, scores, notes : object
        What the user wants to say.

    Returns
    -------
    card : dict
        In what JSON can say, with its own digest as the last entry.

    Raises
    ------
    ValueError
        If steps and trials contradict each other.
    """
    estimators = [step for _, step in steps]
    card = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "input": describe_input(estimators, trials),
        "model": _describe_model(estimators, description, trials),
        "training": {
            "data": None if trials is None else _describe_trials(trials),
            "protocol": simplify(protocol, "protocol"),
            "scores": simplify(scores, "scores"),
            "notes": simplify(notes, "notes"),
        },
        **description,
        "versions": {name: version(name) for name in PACKAGES},
        "files": {WEIGHTS: {"bytes": len(weights), "sha256": sha256(weights)}},
    }
    return {**card, "sha256": digest_of(card)}


def digest_of(card):
    """Digest of a card without its digest."""
    return sha256(render({key: card[key] for key in card if key != "sha256"}))


def render(card):
    """Write a card as people read it. Entries keep their order, which can be that of features."""
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def parse(content):
    """Read a card and make sure that it is as it was written.

    Parameters
    ----------
    content : bytes
        The file.

    Returns
    -------
    card : dict
        The card.

    Raises
    ------
    ValueError
        If it is none, one of another format, or one that was changed.
    """
    try:
        card = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON ({error})") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise ValueError(f"it is no card of a model: it does not say format {FORMAT!r}")
    if card.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"it has format_version {card.get('format_version')!r}, and this skmamba reads "
            f"{FORMAT_VERSION}: it was saved by another version"
        )
    if set(card) != set(ENTRIES):
        missing, unknown = sorted(set(ENTRIES) - set(card)), sorted(set(card) - set(ENTRIES))
        raise ValueError(f"it lacks the entries {missing} and has the unknown entries {unknown}")
    if card["sha256"] != digest_of(card):
        raise ValueError("it was changed after it was saved: its sha256 is another one")
    return card


def describe_input(estimators, trials=None):
    """Tell what a pipeline takes, as far as its steps and its training data do.

    Parameters
    ----------
    estimators : list of estimator
        The fitted steps.
    trials : Trials, default=None
        What they were fitted on.

    Returns
    -------
    known : dict
        ``n_channels``, and ``ch_names`` and ``sfreq``, each None if nobody told.

    Raises
    ------
    ValueError
        If they contradict each other.
    """
    n_channels, ch_names = _channels_of(estimators)
    if ch_names is not None:
        ch_names = [str(name) for name in ch_names]
    rates = {float(step.sfreq) for step in estimators if getattr(step, "sfreq", None) is not None}
    if trials is not None:
        if trials.X.shape[1] != n_channels:
            raise ValueError(
                f"trials have {trials.X.shape[1]} channels, and the model takes {n_channels}: they "
                "are not what it was trained on."
            )
        if ch_names is not None and list(trials.ch_names) != ch_names:
            raise ValueError(
                f"trials have the channels {', '.join(trials.ch_names)}, and the steps were told "
                f"{', '.join(ch_names)}."
            )
        ch_names = list(trials.ch_names)
        rates.add(float(trials.sfreq))
    if len(rates) > 1:
        rates = " and ".join(f"{rate:g} Hz" for rate in sorted(rates))
        raise ValueError(f"sfreq must be one for all steps and trials, got {rates}.")
    return {"n_channels": n_channels, "ch_names": ch_names, "sfreq": next(iter(rates), None)}


def digest_of_trials(trials):
    """Digest of X and y, by which to recognise training data."""
    digest = hashlib.sha256(f"{trials.X.dtype.str} {trials.X.shape}".encode())
    for x in trials.X:  # one trial at a time: never a second X in memory
        digest.update(np.ascontiguousarray(x))  # type: ignore[arg-type]
    digest.update(json.dumps(trials.y.tolist(), default=str).encode())
    return digest.hexdigest()


def write_readme(name, card):
    """Page of a model, as model hubs show it."""
    known, model, training = card["input"], card["model"], card["training"]
    rows = {
        "network": f"{model['network']}, {model['n_weights']} weights",
        "classes": ", ".join(map(str, model["classes"])),
        "channels": ", ".join(known["ch_names"] or [str(known["n_channels"])]),
        "sampling rate": "not told" if known["sfreq"] is None else f"{known['sfreq']:g} Hz",
        "window": f"{model['window']['n_times']} time points",
        "scaling": model["scaling"],
        "trained on": "not told" if training["data"] is None else training["data"]["name"],
        "protocol": training["protocol"],
        "scores": training["scores"],
        "notes": training["notes"],
    }
    table = [f"| {key} | {_cell(value)} |" for key, value in rows.items() if value is not None]
    return "\n".join(
        [
            "---\nlibrary_name: skmamba\ntags:\n- skmamba\n- eeg\n- time-series\n---",
            f"\n# {name}\n",
            "| | |\n|---|---|",
            *table,
            "\n```python\nfrom skmamba import load_model\n",
            f'model = load_model("{name}")',
            "model.predict(trials)\n```\n",
            "`card.json` holds all of it. Nothing in these files is code.\n",
        ]
    ).encode()


def _channels_of(estimators):
    """Find number and names of the channels that come in, by the first step that sees them."""
    for step in estimators:
        if isinstance(step, ChannelPicker):
            return step.n_features_in_, step.ch_names
        if isinstance(step, BandPower):
            return len(step.ch_names_), step.ch_names
    return estimators[-1].n_chans_, None


def _describe_model(estimators, description, trials):
    classifier = estimators[-1]
    architecture = description["steps"][-1]["fitted"]["_saved_net"]["architecture"]
    cuts = [step for step in estimators if isinstance(step, SlidingWindows)]
    picks = [step for step in estimators if isinstance(step, ChannelPicker)]
    weights = classifier.net_.module_.state_dict().values()
    return {
        "network": architecture["name"],
        "n_weights": sum(weight.numel() for weight in weights),
        "classes": simplify(classifier.classes_, "classes_"),
        "label_names": simplify({} if trials is None else trials.label_names, "label_names"),
        "channels": simplify(picks[-1].ch_names_, "ch_names_") if picks else None,
        "window": {
            "n_times": classifier.n_times_,
            "stride": cuts[-1].stride_samples_ if cuts else None,
        },
        "scaling": classifier.scaling_,
        "voting": classifier.voting,
    }


def _describe_trials(trials):
    subjects = trials.metadata["subject"].nunique() if "subject" in trials.metadata else None
    return {
        "name": trials.name,
        "n_trials": len(trials),
        "n_subjects": subjects,
        "n_times": trials.X.shape[2],
        "choices": simplify(trials.choices, "choices"),
        "sha256": digest_of_trials(trials),
    }


def _cell(value):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.replace("|", "\\|").split())
