"""From options to trials, a splitter and models."""

import sys
from types import SimpleNamespace

import click

from ._arguments import BUILT_IN, LAYOUTS, RATED
from ._tables import say


def check_data(asked):
    """Complain about options that do not fit the data set, before anything is loaded."""
    if asked.data in LAYOUTS and asked.path is None:
        raise click.UsageError(f"--data {asked.data} needs --path: {LAYOUTS[asked.data]}.")
    if asked.data in BUILT_IN and asked.path is not None:
        raise click.UsageError(f"--data {asked.data} comes with skmamba: leave --path out.")
    if asked.data not in RATED and asked.target is not None:
        raise click.UsageError(
            f"--target is for {' and '.join(RATED)}; {asked.data} has labels of its own."
        )


def make_splitter(asked):
    from .. import evaluation

    has_folds = asked.protocol not in ("cross-session", "first-trials")
    if asked.folds is not None and not has_folds:
        raise click.UsageError(f"--folds means nothing with {asked.protocol}: sessions are folds.")
    if asked.first is not None and asked.protocol != "first-trials":
        raise click.UsageError(f"--first is for first-trials, not for {asked.protocol}.")
    if asked.protocol == "random-windows":
        return evaluation.RandomWindowsKFold(asked.folds or 5, random_state=asked.seed)
    if asked.protocol == "first-trials":
        return evaluation.FirstTrialsSplit(asked.first or 9)
    if asked.protocol == "cross-session":
        return evaluation.CrossSessionSplit()
    splitters = {
        "within-subject": evaluation.WithinSubjectSplit,
        "cross-subject": evaluation.CrossSubjectSplit,
        "cross-stimulus": evaluation.CrossStimulusSplit,
    }
    return splitters[asked.protocol](asked.folds)


def load_data(asked, names, *, cut=True):
    """Trials, told to the user, and models that fit them; windows if the protocol splits those."""
    options = {"subjects": asked.subjects}
    if asked.data in LAYOUTS:
        if names:  # also finds misspelled models and channels before minutes of reading
            options["channels"] = _resolve_channels(asked, names)
        if asked.data in RATED:
            options["target"] = asked.target or "valence"
        if asked.data != "dreamer":
            options["n_jobs"] = asked.jobs
    trials = _read_data(asked, options)
    say(repr(trials))
    models = _make_models(asked, names, trials)
    for model in list(models.values())[:1]:  # the steps before the classifier are those of all
        model[:-1].fit_transform(trials.X[:1])
    return cut_windows(trials, asked) if cut else trials, models


def _read_data(asked, options):
    from .. import datasets

    if asked.data in LAYOUTS:
        load = getattr(datasets, f"load_{asked.data.replace('-', '_')}")
        return load(asked.path, progress=sys.stderr.isatty(), **options)
    if asked.data == "eegmat":
        trials = datasets.load_eegmat()
    else:
        trials = datasets.simulate_trials(n_subjects=8, n_trials=16)
    if asked.subjects is None:
        return trials
    there = set(trials.metadata["subject"])
    absent = [str(subject) for subject in asked.subjects if subject not in there]
    if absent:
        raise ValueError(
            f"--subjects: {asked.data} has no subject {', '.join(absent)}, only "
            f"{', '.join(map(str, sorted(there)))}."
        )
    return trials.select(subject=asked.subjects)


def _resolve_channels(asked, names):
    """Names of the channels to read: all of them would not fit into the memory of many."""
    import numpy as np

    from ..datasets import _deap, _dreamer, _seed

    there = {
        "deap": _deap.EEG,
        "dreamer": _dreamer.CH_NAMES,
        "seed": _seed.CH_NAMES,
        "seed-iv": _seed.CH_NAMES,
    }[asked.data]
    models = _make_models(asked, names, SimpleNamespace(ch_names=there, sfreq=1.0))
    picker = next(iter(models.values()))[0]
    return picker.fit(np.zeros((1, len(there), 1))).ch_names_


def _make_models(asked, names, trials):
    if not names:
        return {}
    from ..pipelines import make_models

    return make_models(
        names,
        trials,
        picks=None if asked.channels == ["all"] else asked.channels,
        window_size=asked.window,
        stride=asked.stride,
        max_epochs=asked.epochs,
    )


def cut_windows(trials, asked):
    """Windows as rows, if that is what the protocol splits."""
    if asked.protocol != "random-windows":
        return trials
    return trials.as_windows(*count_points(trials, asked))


def count_points(trials, asked):
    """Size and stride of windows in time points."""
    return tuple(
        None if seconds is None else round(seconds * trials.sfreq)
        for seconds in (asked.window, asked.stride)
    )
