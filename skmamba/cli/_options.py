"""Options of the commands: types, declarations, and the objects that they select."""

import math
import re
import warnings
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import click

FILES = {
    "deap": "data_preprocessed_python (s01.dat ...) or data_preprocessed_matlab (s01.mat ...)",
    "dreamer": "DREAMER.mat",
    "seed": "Preprocessed_EEG (1_20131027.mat ... label.mat)",
    "seed-iv": "eeg_raw_data (1/1_20160518.mat ... 3/15_20150527.mat)",
}
OWN = ("raws", "bids")
RECORDINGS = (".fif", ".edf", ".bdf", ".vhdr", ".set")
DATA_SETS = ("eegmat", "simulation", *FILES, *OWN)
RATED = ("deap", "dreamer")
# Data sets of an option, and those that require it.
USES = {
    "path": (*FILES, *OWN),
    **dict.fromkeys(("target", "threshold", "ties"), RATED),
    "subjects": ("eegmat", "simulation", *FILES),
    "seconds": ("dreamer", "seed", "seed-iv", *OWN),
    **dict.fromkeys(("events", "tmin", "reference"), OWN),
    "task": ("bids",),
}
REQUIRES = {
    "path": FILES | {"raws": "a folder with recordings", "bids": "a BIDS folder"},
    "seconds": dict.fromkeys(OWN, "the length of a trial"),
    "task": {"bids": "a task, as in the file names"},
}
ADAPTATIONS = ("reference", "causal", "unlabelled")
HAVE_REFERENCE = ("eegmat", *RATED, *OWN)
PROTOCOLS = (
    *("within-subject", "cross-subject", "cross-session", "cross-stimulus", "first-trials"),
    "random-windows",
)
SCORES = ("accuracy", "balanced-accuracy", "kappa", "f1", "roc-auc")
RATING_SCORES = ("r2", "neg-mean-absolute-error", "ccc")


class Number(click.ParamType):
    """A finite number above a bound, or one of the given words."""

    name = "number"

    def __init__(self, *words, above=-math.inf):
        self.words, self.above = words, above

    def convert(self, value, param, ctx):
        """Return the number or the word."""
        word = str(value).replace("-", "_")
        if word in self.words:
            return word
        number = click.FLOAT.convert(value, param, ctx)
        if not self.above < number < math.inf:  # false for NaN
            bound = f" above {self.above}" if self.above == 0 else ""
            self.fail(f"must be a finite number{bound}, got {value}.", param, ctx)
        return number


SECONDS = Number(above=0)


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


def parse_numbers(text):
    """Return the integers in a comma-separated list of integers and ranges."""
    numbers: list[int] = []
    for word in parse_words(text) or [""]:
        ends = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", word)
        first, last = (int(ends[1]), int(ends[2] or ends[1])) if ends else (0, -1)
        if not first <= last < first + 10_000:
            raise click.BadParameter(
                "must be a list of numbers below 10**9 and ranges of up to 10000, such as 1,2,5 or "
                f"1-8, got {text!r}."
            )
        numbers += range(first, last + 1)
    return list(dict.fromkeys(numbers))


def describe_unknown(name, value, choices):
    similar = get_close_matches(value.lower().replace("_", "-"), choices, n=1)
    hint = f" Did you mean {similar[0]!r}?" if similar else ""
    return f"No such {name} {value!r}.{hint} Choices: {', '.join(choices)}."


def option(name, kind, metavar, text, **attributes):
    """Return an option of a command."""
    return click.Option([f"--{name}"], type=kind, metavar=metavar, help=text, **attributes)


DATA = (
    option(
        *("data", OneOf("data set", DATA_SETS), "NAME"),
        f"{', '.join(DATA_SETS)}. The first two require no files, the last two are your own "
        "recordings, cut around their events.",
        required=True,
    ),
    option("path", str, "PATH", "Folder or file of the data set."),
    option(
        *("target", OneOf("target", ("valence", "arousal", "dominance", "liking")), "RATING"),
        "deap, dreamer: rating to use as label.  [default: valence]",
    ),
    option(
        *("threshold", Number("subject_median"), "NUMBER"),
        "deap, dreamer: a rating above it is high; or subject-median.  [default: 5 or 3]",
    ),
    option(
        *("ties", OneOf("class of ties", ("high", "low", "drop")), "CLASS"),
        "deap, dreamer: a rating equal to it is high, low, or drop.  [default: high]",
    ),
    option(
        *("seconds", SECONDS, "SECONDS"),
        "Length of a trial; dreamer, seed, seed-iv: the last seconds of a film.  "
        "[default: 60, 180, 40]",
    ),
    option(
        *("events", parse_words, "LIST"),
        "raws, bids: names of the events that are the classes.  [default: all]",
    ),
    option(
        *("tmin", Number(), "SECONDS"),
        "raws, bids: start of a trial, from its event.  [default: 0]",
    ),
    option(
        *("reference", str, "NAME"),
        "raws, bids: annotation of unlabelled EEG before the trials, for --adaptation reference.",
    ),
    option("task", str, "NAME", "bids: task, as in the file names."),
    option(
        "subjects",
        parse_numbers,
        "LIST",
        f"{', '.join(USES['subjects'])}: such as 1-3,5.  [default: all]",
    ),
    option("name", str, "NAME", "Name of the data in the results.  [default: that of the loader]"),
)
PROTOCOL = (
    option(
        *("protocol", OneOf("protocol", PROTOCOLS), "NAME", f"{', '.join(PROTOCOLS)}."),
        default="cross-subject",
    ),
    option(
        *("folds", click.IntRange(min=2), None),
        "Number of folds.  [default: one per subject or stimulus; 5 for within-subject and "
        "random-windows]",
    ),
    option(
        *("first", click.IntRange(min=1), None),
        "first-trials: number of training trials per session.  [default: 9]",
    ),
)
MODEL = (
    option(
        *("picks", parse_words, "LIST"),
        "Channels: names, regions or presets, such as Fp1,Fp2 or frontal, or all.  "
        "[default: those of the loader; eegmat: frontal4]",
    ),
    option("window", SECONDS, "SECONDS", "Length of a window.", default=2.0),
    option("stride", SECONDS, "SECONDS", "Step between windows.  [default: --window]"),
    option(
        *("adaptation", OneOf("adaptation", ADAPTATIONS), "MODE"),
        f"Unlabelled EEG of test subjects that models use: {', '.join(ADAPTATIONS)}.  "
        "[default: none]",
    ),
    option("epochs", click.IntRange(min=1), None, "Training epochs of networks."),
)


def make_score_option(names):
    """Return the option for the score that compares models."""
    text = f"Score to compare models by: {', '.join(names)}."
    return option(*("score", OneOf("score", names), "NAME"), text, default="balanced-accuracy")


SEED = option("seed", click.IntRange(min=0), None, "Random state.", default=0)
SEEDS = option(
    "seed",
    parse_numbers,
    "LIST",
    "Random state; with several, such as 0-4, scores are means.",
    default="0",
)
JOBS = option(
    "jobs",
    int,
    None,
    "Number of processes that read files and fit models; -1 uses all cores.",
    default=1,
)


def make_splitter(options):
    """Validate the options of the protocol; return the splitter."""
    protocol = options.protocol
    if protocol in ("cross-session", "first-trials") and options.folds is not None:
        raise click.UsageError(f"--folds cannot be used with {protocol}.")
    if protocol != "first-trials" and options.first is not None:
        raise click.UsageError(f"--first requires first-trials, got {protocol}.")

    from .. import evaluation

    if protocol == "first-trials":
        return evaluation.FirstTrialsSplit(options.first or 9)
    if protocol == "random-windows":
        seed = options.seed[0] if isinstance(options.seed, list) else options.seed
        return evaluation.RandomWindowsKFold(options.folds or 5, random_state=seed)
    splitter = getattr(evaluation, f"{protocol.title().replace('-', '')}Split")
    return splitter() if options.folds is None else splitter(options.folds)


def check_replaceable(paths, *runs):
    """Raise a UsageError if a file exists, unless one of the ``runs`` has the mark of skmamba."""
    from .._format import MARK

    is_own = any(run.is_file() and MARK.encode() in run.read_bytes() for run in runs)
    for path in paths:
        if path.exists() and not is_own:
            raise click.UsageError(
                f"{path} exists and was not written by skmamba, or by another of its commands: "
                "move it, or choose another --out."
            )


def check_writable(folder):
    """Raise an OSError unless files can be written to the folder, which is not made."""
    paths = (folder.absolute(), *folder.absolute().parents)
    try:
        with TemporaryDirectory(dir=next(path for path in paths if path.exists())):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


def check_can_be_saved(name):
    """Raise a UsageError unless a name is of one model that can be saved."""
    from ..datasets import simulate_trials
    from ..pipelines import make_models

    models = [model[-1] for model in make_models(name, simulate_trials(1, 2)).values()]
    is_named = isinstance(getattr(models[0], "model", None), str)
    if len(models) > 1 or not (is_named or name.lower() == "ms-imamba"):
        raise click.UsageError(
            f"--model must be MS-iMamba or one network of braindecode, got {name}."
        )


def load_data(options, names, **params):
    """Print and return the trials, and return the models of these names."""
    _check_data(options)
    from ._output import print_warnings, say

    with print_warnings():
        if options.data in OWN:
            trials = _load_own(options)
        elif options.data in FILES:
            trials = _load_files(options, names)
        else:
            trials = _load_built_in(options)
    trials = trials.derive(name=options.name or trials.name)
    models = _make_models(options, names, trials, **params) if names else {}
    say(repr(trials))
    if options.data in OWN:
        say(f"Subjects: {', '.join(map(str, trials.metadata['subject'].unique()))}.")
    for model in list(models.values())[:1]:  # all have the same steps before the classifier
        model[:-1].fit_transform(trials[:1])  # reports unknown channels and long windows
        say(f"Channels: {', '.join(model[0].ch_names_)}.")
    return trials, models


def _check_data(options):
    """Raise a UsageError unless the options of the data suit the data set."""
    data = options.data
    if options.jobs == 0:
        raise click.UsageError("--jobs must be -1 or a positive number, got 0.")
    for name, data_sets in USES.items():
        is_given = getattr(options, name) is not None
        if is_given and data not in data_sets:
            raise click.UsageError(f"--{name} requires {' or '.join(data_sets)}, got {data}.")
        required = REQUIRES.get(name, {}).get(data)
        if required and not is_given:
            raise click.UsageError(f"--data {data} requires --{name}: {required}.")

    if options.adaptation == "reference":
        if data not in HAVE_REFERENCE:
            raise click.UsageError(
                f"--adaptation reference requires {', '.join(HAVE_REFERENCE)}, got {data}."
            )
        if data in OWN and options.reference is None:
            raise click.UsageError("--adaptation reference requires --reference.")
    elif options.reference is not None:
        raise click.UsageError("--reference requires --adaptation reference.")


def _load_files(options, names):
    import numpy as np

    from .. import datasets

    given = {name: getattr(options, name) for name in ("target", "threshold", "ties", "seconds")}
    params = {name: value for name, value in given.items() if value is not None}
    if names:  # reports unknown models and channels before it reads files
        channels = SimpleNamespace(ch_names=datasets.CHANNELS[options.data], sfreq=1.0)
        picker = next(iter(_make_models(options, names, channels).values()))[0]
        if options.picks is not None:
            params["picks"] = picker.fit(np.zeros((1, len(channels.ch_names), 1))).ch_names_
    if options.adaptation == "reference":
        params["baseline"] = "reference"
    if options.data != "dreamer":
        params["n_jobs"] = options.jobs
    load = getattr(datasets, f"load_{options.data.replace('-', '_')}")
    return load(options.path, subjects=options.subjects, **params)


def _load_own(options):
    """Return trials of recordings; the subject is the part of a file name before the first _."""
    from .._raws import find_further_parts
    from ..trials import Trials

    path, tmin = Path(options.path), options.tmin or 0.0
    params = {"tmin": tmin, "tmax": tmin + options.seconds, "event_id": options.events}
    params |= {"reference": options.reference}
    if options.data == "bids":
        trials = Trials.from_bids(path, task=options.task, name=_to_text(path.name), **params)
    else:
        if not path.exists():
            raise FileNotFoundError(f"--path must be an existing folder, got {path}.")
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        files = [
            file
            for file in files
            if file.suffix.lower() in RECORDINGS
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
        further = find_further_parts(files)
        files = [file for file in files if file not in further]
        if not files:
            raise FileNotFoundError(
                f"--path must contain {REQUIRES['path']['raws']} ({', '.join(RECORDINGS)}), got "
                f"{path}: read files of other formats with MNE and Trials.from_raws."
            )
        metadata = {"subject": [_to_text(file.stem).split("_")[0] for file in files]}
        _warn_of_folders(metadata["subject"], files)
        trials = Trials.from_raws(files, metadata=metadata, name=_to_text(path.name), **params)
    choices = {"events": options.events or "all", "tmin": tmin, "seconds": options.seconds}
    choices |= {} if options.reference is None else {"reference": options.reference}
    return replace(trials, loader_params=choices)


def _warn_of_folders(subjects, files):
    """Warn if all subjects have files in the same folders, of which each may be a subject."""
    folders: dict[str, set[str]] = {}
    for subject, file in zip(subjects, files, strict=True):
        folders.setdefault(subject, set()).add(_to_text(file.parent.name))
    first = next(iter(folders.values()))
    if len(first) > 1 and all(own == first for own in folders.values()):
        warnings.warn(
            f"Files in the folders {', '.join(sorted(first))} count as recordings of the subjects "
            f"{', '.join(folders)}, because the subject is the part of a file name before the "
            "first _. If each folder is a subject, rename the files, as in s01_rest_raw.fif.",
            stacklevel=2,
        )


def _to_text(name):
    """Return the name of a file that may not be UTF-8 as text that can be written."""
    return name.encode("utf-8", "backslashreplace").decode()


def _load_built_in(options):
    from .. import datasets

    if options.data == "eegmat":
        trials = datasets.load_eegmat(reference=options.adaptation == "reference")
    else:
        trials = datasets.simulate_trials(8, 16)
    if options.subjects is None:
        return trials
    available = sorted(set(trials.metadata["subject"]))
    if not set(options.subjects) <= set(available):
        raise ValueError(
            f"--subjects must be among {', '.join(map(str, available))}, got "
            f"{', '.join(map(str, options.subjects))}."
        )
    return trials.select(subject=options.subjects)


def pick(trials, options):
    """Return the trials with the channels of the models."""
    (model,) = _make_models(options, "band-power-LDA", trials).values()
    return trials.pick(model[0].fit(trials[:1]).picks_)


def _make_models(options, names, trials, **params):
    from ..pipelines import make_models

    picks = "frontal4" if options.picks is None and options.data == "eegmat" else options.picks
    return make_models(
        names,
        trials,
        picks=None if picks == ["all"] else picks,
        window_size=options.window,
        stride=options.stride,
        adaptation=options.adaptation,
        max_epochs=options.epochs,
        **params,
    )


def cut_windows(trials, options):
    """Return windows as rows if the protocol splits windows, else the trials."""
    if options.protocol == "random-windows":
        return trials.as_windows(options.window, options.stride)
    return trials
