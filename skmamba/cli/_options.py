"""Options of the commands: types, declarations, and the objects that they select."""

import re
from difflib import get_close_matches
from types import SimpleNamespace

import click

FILES = {
    "deap": "data_preprocessed_python (s01.dat ...) or data_preprocessed_matlab (s01.mat ...)",
    "dreamer": "DREAMER.mat",
    "seed": "Preprocessed_EEG (1_20131027.mat ... label.mat)",
    "seed-iv": "eeg_raw_data (1/1_20160518.mat ... 3/15_20150527.mat)",
}
DATA_SETS = ("eegmat", "simulation", *FILES)
RATED = ("deap", "dreamer")
PROTOCOLS = (
    *("within-subject", "cross-subject", "cross-session", "cross-stimulus", "first-trials"),
    "random-windows",
)
SCORES = ("accuracy", "balanced-accuracy", "kappa", "f1", "roc-auc")
SECONDS = click.FloatRange(min=0, min_open=True)


class OneOf(click.Choice):
    """One of several words, in any case, with hyphens or underscores."""

    def __init__(self, name, choices):
        super().__init__(choices)
        self.name = name

    def convert(self, value, param, ctx):
        """Return the word as listed; the error names the most similar one."""
        word = value.strip().lower().replace("_", "-")
        if word not in self.choices:
            self.fail(describe_unknown(self.name, value, self.choices), param, ctx)
        return word


def parse_words(text):
    return list(filter(None, map(str.strip, text.split(","))))


def parse_baselines(text):
    baseline = OneOf("baseline", ("majority", "stratified", "permutation", "none"))
    return [baseline.convert(word, None, None) for word in parse_words(text)]


def parse_subjects(text):
    """Return the integers in a comma-separated list of integers and ranges."""
    numbers: list[int] = []
    for word in parse_words(text):
        ends = re.fullmatch(r"(\d+)(?:-(\d+))?", word)
        if not ends or int(ends[2] or ends[1]) < int(ends[1]):
            raise click.BadParameter(f"must be a list such as 1,2,5 or 1-8, got {text!r}.")
        numbers += range(int(ends[1]), int(ends[2] or ends[1]) + 1)
    return list(dict.fromkeys(numbers))


def describe_unknown(name, value, choices):
    similar = get_close_matches(value.lower().replace("_", "-"), choices, n=1)
    hint = f" Did you mean {similar[0]!r}?" if similar else ""
    return f"No such {name} {value!r}.{hint} Choices: {', '.join(choices)}."


DATA = (
    click.Option(
        ["--data"],
        type=OneOf("data set", DATA_SETS),
        required=True,
        metavar="NAME",
        help=f"{', '.join(DATA_SETS)}. The first two require no files.",
    ),
    click.Option(["--path"], metavar="PATH", help="Folder with the files of the data set."),
    click.Option(
        ["--target"],
        type=OneOf("target", ("valence", "arousal", "dominance", "liking")),
        metavar="RATING",
        help="deap, dreamer: rating to use as label.  [default: valence]",
    ),
    click.Option(
        ["--subjects"], type=parse_subjects, metavar="LIST", help="Such as 1-3,5.  [default: all]"
    ),
    click.Option(
        ["--protocol"],
        type=OneOf("protocol", PROTOCOLS),
        default="cross-subject",
        metavar="NAME",
        help=f"{', '.join(PROTOCOLS)}.",
    ),
    click.Option(
        ["--folds"],
        type=click.IntRange(min=2),
        help="Number of folds.  [default: one per subject or stimulus; 5 for within-subject and "
        "random-windows]",
    ),
    click.Option(
        ["--first"],
        type=click.IntRange(min=1),
        help="first-trials: number of training trials per session.  [default: 9]",
    ),
)
MODEL = (
    click.Option(
        ["--picks"],
        type=parse_words,
        default="frontal4",
        metavar="LIST",
        help="Channels: names, regions or presets, such as Fp1,Fp2 or frontal, or all.",
    ),
    click.Option(
        ["--window"], type=SECONDS, default=2.0, metavar="SECONDS", help="Length of a window."
    ),
    click.Option(
        ["--stride"],
        type=SECONDS,
        metavar="SECONDS",
        help="Step between windows.  [default: --window]",
    ),
    click.Option(["--epochs"], type=click.IntRange(min=1), help="Training epochs of networks."),
)
SCORE = click.Option(
    ["--score"],
    type=OneOf("score", SCORES),
    default="balanced-accuracy",
    metavar="NAME",
    help=f"Score to compare models by: {', '.join(SCORES)}.",
)
RUN = (
    click.Option(["--seed"], type=click.IntRange(min=0), default=0, help="Random state."),
    click.Option(["--jobs"], default=1, help="Number of parallel fits; -1 uses all cores."),
)


def make_splitter(options):
    """Validate the options of data set and protocol; return the splitter."""
    data, protocol = options.data, options.protocol
    if data in FILES and options.path is None:
        raise click.UsageError(f"--data {data} requires --path of {FILES[data]}.")
    if data not in FILES and options.path is not None:
        raise click.UsageError(f"--data {data} does not use --path.")
    if data not in RATED and options.target is not None:
        raise click.UsageError(f"--target requires {' or '.join(RATED)}, got {data}.")
    if protocol in ("cross-session", "first-trials") and options.folds is not None:
        raise click.UsageError(f"--folds cannot be used with {protocol}.")
    if protocol != "first-trials" and options.first is not None:
        raise click.UsageError(f"--first requires first-trials, got {protocol}.")

    from .. import evaluation

    if protocol == "first-trials":
        return evaluation.FirstTrialsSplit(options.first or 9)
    if protocol == "random-windows":
        return evaluation.RandomWindowsKFold(options.folds or 5, random_state=options.seed)
    splitter = getattr(evaluation, f"{protocol.title().replace('-', '')}Split")
    return splitter() if options.folds is None else splitter(options.folds)


def load_data(options, names):
    """Return the trials and the models of these names."""
    trials = _load_files(options, names) if options.data in FILES else _load_built_in(options)
    models = _make_models(options, names, trials) if names else {}
    for model in list(models.values())[:1]:  # all have the same steps before the classifier
        model[:-1].fit_transform(trials.X[:1])  # reports unknown channels and long windows
    return trials, models


def _load_files(options, names):
    import numpy as np

    from .. import datasets

    params = {"subjects": options.subjects}
    if names:  # reports unknown models and channels before it reads files
        channels = SimpleNamespace(ch_names=datasets.CHANNELS[options.data], sfreq=1.0)
        picker = next(iter(_make_models(options, names, channels).values()))[0]
        params["picks"] = picker.fit(np.zeros((1, len(channels.ch_names), 1))).ch_names_
    if options.data in RATED:
        params["target"] = options.target or "valence"
    if options.data != "dreamer":
        params["n_jobs"] = options.jobs
    load = getattr(datasets, f"load_{options.data.replace('-', '_')}")
    return load(options.path, **params)


def _load_built_in(options):
    from .. import datasets

    is_eegmat = options.data == "eegmat"
    trials = datasets.load_eegmat() if is_eegmat else datasets.simulate_trials(8, 16)
    if options.subjects is None:
        return trials
    available = sorted(set(trials.metadata["subject"]))
    if not set(options.subjects) <= set(available):
        raise ValueError(
            f"--subjects must be among {', '.join(map(str, available))}, got "
            f"{', '.join(map(str, options.subjects))}."
        )
    return trials.select(subject=options.subjects)


def _make_models(options, names, trials):
    from ..pipelines import make_models

    return make_models(
        names,
        trials,
        picks=None if options.picks == ["all"] else options.picks,
        window_size=options.window,
        stride=options.stride,
        max_epochs=options.epochs,
    )


def cut_windows(trials, options):
    """Return windows as rows if the protocol splits windows, else the trials."""
    if options.protocol == "random-windows":
        return trials.as_windows(options.window, options.stride)
    return trials
