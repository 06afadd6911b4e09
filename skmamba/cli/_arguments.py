"""How arguments are read: their types, and the options that commands share."""

import re
from difflib import get_close_matches

import click

BUILT_IN = ("eegmat", "simulation")
LAYOUTS = {
    "deap": "the folder data_preprocessed_python (s01.dat ... s32.dat) or "
    "data_preprocessed_matlab (s01.mat ... s32.mat), or the one above it",
    "dreamer": "the file DREAMER.mat, or the folder it lies in",
    "seed": "the folder Preprocessed_EEG (1_20131027.mat ... label.mat), or the one above it",
    "seed-iv": "the folder eeg_raw_data (1/1_20160518.mat ... 3/15_20150527.mat), or the one "
    "above it",
}
RATED = ("deap", "dreamer")
PROTOCOLS = (
    "within-subject",
    "cross-subject",
    "cross-session",
    "cross-stimulus",
    "first-trials",
    "random-windows",
)
BASELINES = ("majority", "stratified", "permutation", "none")
SCORES = ("accuracy", "balanced-accuracy", "kappa", "f1", "roc-auc")


# Types


class OneOf(click.ParamType):
    """One of several words, in small or capital letters, with a hyphen or an underscore."""

    def __init__(self, name, choices):
        self.name = name
        self.choices = choices

    def convert(self, value, param, ctx):
        """Spell the word as we do, or tell the nearest."""
        word = value.strip().lower().replace("_", "-")
        if word in self.choices:
            return word
        self.fail(no_such(self.name, value, word, self.choices), param, ctx)

    def shell_complete(self, ctx, param, incomplete):
        """Words that begin so."""
        found = [word for word in self.choices if word.startswith(incomplete)]
        return [click.shell_completion.CompletionItem(word) for word in found]


class Listed(click.ParamType):
    """Several entries with commas between them, each of one type."""

    def __init__(self, entry=click.STRING):
        self.entry = entry
        self.name = "list"

    def convert(self, value, param, ctx):
        """Read each entry."""
        entries = [entry.strip() for entry in value.split(",")]
        return [self.entry.convert(entry, param, ctx) for entry in entries if entry]


class Subjects(click.ParamType):
    """Numbers and ranges of numbers with commas between them."""

    name = "list"

    def convert(self, value, param, ctx):
        """Give every number, once."""
        numbers: list[int] = []
        for part in value.split(","):
            ends = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
            if not ends:
                self.fail(f"{value!r} is no list such as 1,2,5 or 1-8.", param, ctx)
            first, last = int(ends[1]), int(ends[2] or ends[1])
            if last < first:
                self.fail(f"{part.strip()!r} counts backwards: write {last}-{first}.", param, ctx)
            numbers += range(first, last + 1)
        return list(dict.fromkeys(numbers))


def no_such(what, value, word, choices):
    near = get_close_matches(word, choices, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"No such {what} {value!r}.{hint} There are {', '.join(choices)}."


# Options


def with_options(*options):
    """Add options to a command, to be shown in this order."""

    def add(command):
        for option in reversed(options):
            command = option(command)
        return command

    return add


DATA = (
    click.option(
        "--data",
        type=OneOf("data set", (*BUILT_IN, *LAYOUTS)),
        required=True,
        metavar="NAME",
        help=f"{', '.join([*BUILT_IN, *LAYOUTS])}. The first two come with skmamba.",
    ),
    click.option("--path", metavar="FOLDER", help="Where the files of the data set are."),
    click.option(
        "--target",
        type=OneOf("target", ("valence", "arousal", "dominance", "liking")),
        metavar="RATING",
        help="deap, dreamer: the rating that becomes the label.  [default: valence]",
    ),
    click.option("--subjects", type=Subjects(), help="Whom to load, such as 1,2,5 or 1-8; all."),
)
PROTOCOL = (
    click.option(
        "--protocol",
        type=OneOf("protocol", PROTOCOLS),
        default="cross-subject",
        show_default=True,
        metavar="NAME",
        help=f"What is held out: {', '.join(PROTOCOLS)}.",
    ),
    click.option(
        "--folds",
        type=click.IntRange(min=2),
        help="k-fold, instead of one fold for each subject or stimulus; within-subject and "
        "random-windows have 5.",
    ),
    click.option(
        "--first",
        type=click.IntRange(min=1),
        help="first-trials: how many of a session to train on.  [default: 9]",
    ),
)
MODEL = (
    click.option(
        "--channels",
        type=Listed(),
        default="frontal4",
        show_default=True,
        help="Names, regions or presets, such as Fp1,Fp2 or frontal; all.",
    ),
    click.option(
        "--window",
        type=click.FloatRange(min=0, min_open=True),
        default=2.0,
        show_default=True,
        metavar="SECONDS",
        help="Length of a window.",
    ),
    click.option(
        "--stride",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="From one window to the next.  [default: as --window]",
    ),
    click.option(
        "--epochs",
        type=click.IntRange(min=1),
        help="Passes of the networks over the training data.",
    ),
)
SCORE = click.option(
    "--score",
    type=OneOf("score", SCORES),
    default="balanced-accuracy",
    show_default=True,
    metavar="NAME",
    help=f"What is compared: {', '.join(SCORES)}.",
)
RUN = (
    click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all chance."
    ),
    click.option(
        "--jobs", type=int, default=1, show_default=True, help="Fits at once; -1 for every core."
    ),
)
