"""The command ``skmamba``: evaluate, look for leaks and report without writing Python.

What is heavy is imported where it is used: asking for help must not wait for torch.
"""

import contextlib
import io
import json
import os
import platform
import re
import shlex
import sys
import textwrap
import warnings
from difflib import get_close_matches
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import click

WIDTH = 79
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


# How arguments are read


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
        self.fail(_no_such(self.name, value, word, self.choices), param, ctx)

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
        numbers = []
        for part in value.split(","):
            ends = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
            if not ends:
                self.fail(f"{value!r} is no list such as 1,2,5 or 1-8.", param, ctx)
            first, last = int(ends[1]), int(ends[2] or ends[1])
            if last < first:
                self.fail(f"{part.strip()!r} counts backwards: write {last}-{first}.", param, ctx)
            numbers += range(first, last + 1)
        return list(dict.fromkeys(numbers))


class Refusal(click.ClickException):
    """What was asked for cannot be done."""

    exit_code = 2


class Commands(click.Group):
    """Commands that answer a typo with the nearest of them, and an error with one line."""

    def resolve_command(self, ctx, args):
        """Find the command, or tell the nearest."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(_no_such("command", args[0], args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx):
        """Run the command; tell what went wrong, and whose fault it was, without a traceback."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            resumes = ctx.invoked_subcommand == "evaluate"
            click.echo(
                "\nStopped. Finished folds are kept: the same command goes on where it stopped."
                if resumes
                else "\nStopped.",
                err=True,
            )
            ctx.exit(130)
        except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
            raise Refusal(str(error)) from error
        except (OSError, ImportError) as error:
            raise click.ClickException(str(error)) from error
        except ValueError as error:
            from .datasets import DataFormatError

            is_broken = isinstance(error, DataFormatError)
            raise (click.ClickException if is_broken else Refusal)(str(error)) from error


def _no_such(what, value, word, choices):
    near = get_close_matches(word, choices, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"No such {what} {value!r}.{hint} There are {', '.join(choices)}."


def _with(*options):
    """Add options to a command, to be shown in this order."""

    def add(command):
        for option in reversed(options):
            command = option(command)
        return command

    return add


# Options that commands share

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


# Commands


@click.group(
    cls=Commands,
    epilog="\b\nExamples:\n"
    "  skmamba evaluate --data eegmat --out runs/eegmat\n"
    "  skmamba leakage --data simulation --protocol random-windows\n"
    "  skmamba COMMAND --help",
)
@click.version_option(package_name="skmamba", prog_name="skmamba")
def main():
    """EEG classification with results that can be trusted."""


@main.command(
    "evaluate",
    epilog="\b\nExamples:\n"
    "  skmamba evaluate --data simulation --epochs 5 --out runs/try\n"
    "  skmamba evaluate --data eegmat --models ms-imamba,EEGNet --jobs -1 --out runs/eegmat\n"
    "  skmamba evaluate --data deap --path DEAP --target arousal \\\n"
    "      --protocol within-subject --window 1 --jobs -1 --out runs/deap-within\n"
    "  skmamba evaluate --data seed --path SEED --protocol first-trials --out runs/seed",
)
@_with(
    *DATA,
    *PROTOCOL,
    click.option(
        "--models",
        type=Listed(),
        default="ms-imamba,band-power-lda",
        show_default=True,
        help="Names, as `skmamba models` lists them.",
    ),
    *MODEL,
    click.option(
        "--baselines",
        type=Listed(OneOf("baseline", BASELINES)),
        default="majority,stratified,permutation",
        show_default=True,
        help="What stands for chance, or none.",
    ),
    click.option("--windows", is_flag=True, help="Score single windows too."),
    SCORE,
    *RUN,
    click.option("--out", required=True, metavar="FOLDER", help="Where everything is written."),
)
@click.pass_context
def run_evaluation(ctx, **options):
    """Score models under a protocol, with chance beside them.

    Writes results.csv, predictions.csv, leakage.csv, report.html, table.tex and evaluation.json
    to the folder OUT. Finished folds are kept in OUT/folds: the same command, called again, fits
    only what is missing. Ends with 1 if folds failed.
    """
    asked = SimpleNamespace(**options)
    _check_data(asked)
    cv = _make_splitter(asked)
    out = Path(asked.out)
    out.mkdir(parents=True, exist_ok=True)
    trials, models = _load(asked, asked.models)

    from .evaluation import evaluate, leakage_report

    kept = _count_kept(out)
    if kept:
        _say(f"{out / 'folds'} holds finished fits; those of this evaluation are not run again.")
    with _plain_warnings():
        results, predictions = evaluate(
            models,
            trials,
            cv,
            baselines=[name for name in asked.baselines if name != "none"],
            windows=asked.windows,
            n_jobs=asked.jobs,
            store=out / "folds",
            random_state=asked.seed,
            return_predictions=True,
        )
    failed = (results["error"] != "").sum()
    ran = _count_kept(out) - kept
    _say(f"{len(results)} fits: {len(results) - ran - failed} kept, {ran} run, {failed} failed.")

    leakage = leakage_report(cv, trials)
    _write(out / "results.csv", _as_csv(results))
    _write(out / "predictions.csv", _as_csv(predictions))
    _write(out / "leakage.csv", _as_csv(leakage))
    _write(out / "evaluation.json", _describe_run(ctx, trials, results))
    _report(results, predictions, leakage, asked.score, out / "report.html", out / "table.tex")
    _say_written(
        out,
        *("results.csv", "predictions.csv", "leakage.csv", "evaluation.json"),
        *("report.html", "table.tex"),
    )
    if failed:
        ctx.exit(1)


@main.command(
    "leakage",
    epilog="\b\nExamples:\n"
    "  skmamba leakage --data deap --path DEAP --protocol within-subject\n"
    "  skmamba leakage --data simulation --protocol random-windows --window 1\n"
    "  skmamba leakage --data eegmat --gap --model band-power-lda --out runs/gap",
)
@_with(
    *DATA,
    *PROTOCOL,
    click.option("--gap", is_flag=True, help="Fit a model: what does splitting windows add?"),
    click.option(
        "--model", default="band-power-lda", show_default=True, help="What --gap is measured with."
    ),
    *MODEL,
    *RUN,
    click.option("--out", metavar="FOLDER", help="Write leakage.csv, gap.csv and gap.png there."),
)
def look_for_leaks(**options):
    """Tell what training and test share under a protocol.

    Nothing is fitted, so it is quick: ask before the first evaluation.

    With --gap, one model is scored under splits that keep more and more apart: random windows,
    trials, stimuli, subjects; once with the true labels, once with labels that mean nothing.
    """
    asked = SimpleNamespace(**options)
    _check_data(asked)
    cv = _make_splitter(asked)
    trials, models = _load(asked, [asked.model] if asked.gap else [], cut=not asked.gap)

    from .evaluation import leakage_report

    rows = _cut(trials, asked) if asked.gap else trials
    report = leakage_report(cv, rows)
    click.echo(_leakage_text(report))
    out = None if asked.out is None else Path(asked.out)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        _write(out / "leakage.csv", _as_csv(report))
    if asked.gap:
        (model,) = models.values()
        _measure_gap(model, trials, asked, out)
    if out is not None:
        _say_written(out, "leakage.csv", *(("gap.csv", "gap.png") if asked.gap else ()))


@main.command(
    "report",
    epilog="\b\nExamples:\n"
    "  skmamba report runs/eegmat\n"
    "  skmamba report runs/deap-within runs/deap-cross --out deap.html\n"
    "  skmamba report results.csv --score roc-auc --out auc.html",
)
@click.argument("results", nargs=-1, required=True, metavar="FOLDER_OR_CSV...")
@click.option("--out", metavar="FILE", help="The page; the LaTeX table goes beside it, as .tex.")
@SCORE
def write_again(results, out, score):
    """Write report and LaTeX table anew from results.csv.

    What lies beside it, predictions.csv and leakage.csv, is read too. Several results become the parts of one page. Without --out, report.html and table.tex of the
    one folder are replaced.
    """
    if out is None and len(results) > 1:
        raise click.UsageError("Several results need --out, the page that they all go to.")
    tables = [Path(path) / "results.csv" if Path(path).is_dir() else Path(path) for path in results]
    read = [_read_all(table) for table in tables]

    import pandas as pd

    frames = pd.concat([results for results, _, _ in read], ignore_index=True)
    answers = [predictions for _, predictions, _ in read if predictions is not None]
    predictions = pd.concat(answers, ignore_index=True) if answers else None
    leakage = {
        "" if len(read) == 1 else f"What training and test share: {table.parent}": shared
        for table, (_, _, shared) in zip(tables, read, strict=True)
        if shared is not None
    }
    page = tables[0].parent / "report.html" if out is None else Path(out)
    table = page.with_name("table.tex") if out is None else page.with_suffix(".tex")
    if not _report(frames, predictions, leakage or None, score, page, table):
        raise click.ClickException("There was nothing to report.")
    _say(f"Written: {page}, {table}.")


@main.command("models", epilog="\b\nExample:\n  skmamba models")
def name_models():
    """List the names that --models takes.

    Any other class of braindecode.models can be given by its name as well.
    """
    from .registry import list_models

    click.echo("\n".join(list_models()))


# Data, protocol and models


def _check_data(asked):
    """Complain about options that do not fit the data set, before anything is loaded."""
    if asked.data in LAYOUTS and asked.path is None:
        raise click.UsageError(f"--data {asked.data} needs --path: {LAYOUTS[asked.data]}.")
    if asked.data in BUILT_IN and asked.path is not None:
        raise click.UsageError(f"--data {asked.data} comes with skmamba: leave --path out.")
    if asked.data not in RATED and asked.target is not None:
        raise click.UsageError(
            f"--target is for {' and '.join(RATED)}; {asked.data} has labels of its own."
        )


def _make_splitter(asked):
    from . import evaluation

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


def _load(asked, names, *, cut=True):
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
    click.echo(textwrap.fill(repr(trials), WIDTH, break_long_words=False))
    models = _make_models(asked, names, trials)
    for model in list(models.values())[:1]:  # the steps before the classifier are those of all
        model[:-1].fit_transform(trials.X[:1])
    return _cut(trials, asked) if cut else trials, models


def _read_data(asked, options):
    from . import datasets

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

    from .datasets import _deap, _dreamer, _seed

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
    from .registry import make_models

    return make_models(
        names,
        trials,
        channels=None if asked.channels == ["all"] else asked.channels,
        size=asked.window,
        stride=asked.stride,
        max_epochs=asked.epochs,
    )


def _cut(trials, asked):
    """Windows as rows, if that is what the protocol splits."""
    if asked.protocol != "random-windows":
        return trials
    return trials.as_windows(*_points(trials, asked))


def _points(trials, asked):
    """Size and stride of windows in time points."""
    return tuple(
        None if seconds is None else round(seconds * trials.sfreq)
        for seconds in (asked.window, asked.stride)
    )


def _measure_gap(model, trials, asked, out):
    """Fit, say and, if there is a folder, write what splitting by windows adds to a score."""
    from .evaluation import leakage_gap

    size, stride = _points(trials, asked)
    told = io.StringIO()
    with contextlib.redirect_stdout(told):  # to wrap it
        gap = leakage_gap(
            model,
            trials,
            size=size,
            stride=stride,
            n_splits=asked.folds or 5,
            n_jobs=asked.jobs,
            random_state=asked.seed,
        )
    click.echo()
    click.echo(gap.round({"mean": 3, "std": 3, "inflation": 1}).to_string(index=False))
    click.echo()
    for line in told.getvalue().splitlines():
        _say(line)
    if out is None:
        return
    _write(out / "gap.csv", _as_csv(gap))
    try:
        _write(out / "gap.png", _draw_gap(gap))
    except ImportError as error:
        _say(f"No gap.png: {error}", err=True)


def _draw_gap(gap):
    from matplotlib.figure import Figure

    from .plots import LeakageDisplay

    figure = Figure(figsize=(7.6, 3.2), layout="constrained")  # no pyplot: no window, no state
    LeakageDisplay.from_gap(gap, ax=figure.add_subplot())
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=150)
    return drawn.getvalue()


# What is said


def _say(text, *, err=False):
    click.echo(textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False), err=err)


def _say_written(folder, *names):
    there = [name for name in names if (folder / name).exists()]
    _say(f"Written to {folder}: {', '.join(there)}.")


@contextlib.contextmanager
def _plain_warnings():
    """Show what an evaluation warns of as a sentence, once, without the line of our code."""
    from sklearn.exceptions import FitFailedWarning

    from .evaluation import LeakageWarning

    said = set()

    def show(message, category, *place, **more):
        if not issubclass(category, LeakageWarning | FitFailedWarning):
            show_others(message, category, *place, **more)
        elif str(message) not in said:
            said.add(str(message))
            _say(f"Warning: {message}", err=True)

    with warnings.catch_warnings():
        for category in (LeakageWarning, FitFailedWarning):
            warnings.simplefilter("always", category)
        show_others, warnings.showwarning = warnings.showwarning, show
        yield


def _scores_text(table, score):
    """Give compare's table the width of a terminal."""
    reference = table["estimator"].iloc[0]
    columns = {
        "n": table["n_subjects"].map(str),
        "mean": table["mean"].map(_two),
        "95 % interval": [
            f"{_two(low)} - {_two(high)}" if low == low else "-"
            for low, high in zip(table["low"], table["high"], strict=True)
        ],
        "chance": table["chance"].map(_two),
        "p chance": table["p_chance"].map(_p),
        "diff.": table["difference"].map(lambda value: _two(value, sign="+")),
        "effect": table["effect_size"].map(lambda value: _two(value, sign="+")),
        "p Holm": table["p_holm"].map(_p),
    }
    shown = table[[]].assign(**columns).set_axis(table["estimator"]).rename_axis(None)
    told = textwrap.fill(
        f"{score.replace('_', ' ').capitalize()}, mean over n subjects; chance is the majority's; "
        f"diff. to {reference}, effect from -1 to 1, p corrected after Holm.",
        WIDTH,
    )
    return f"\n{shown.to_string()}\n\n{told}\n"


def _two(value, sign="-"):
    return "-" if value != value else f"{value:z{sign}.2f}"


def _p(value):
    if value != value:
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _leakage_text(report):
    """Give leakage_report's table the width of a terminal, and examples below it."""
    lines = [f"{'shared by both':15}{'folds':>7}{'tests':>7}  verdict"]
    for row in report.itertuples():
        folds = tests = "-"
        if row.test_share == row.test_share:
            folds, tests = f"{row.n_folds_shared}/{row.n_folds}", f"{100 * row.test_share:.0f} %"
        lines.append(f"{row.kind:15}{folds:>7}{tests:>7}  {row.verdict}")
    leaks = report[report["verdict"] == "leak"]
    lines += [f"{row.kind}, for example {row.example}" for row in leaks.itertuples()]
    return "\n".join(["", *lines])


# What is written and read


def _report(results, predictions, leakage, score, page, table):
    """Print the comparison and write it; where there is none, say why and return False."""
    import pandas as pd

    from .evaluation import compare
    from .report import _by_subject, to_latex, write_report

    score = score.replace("-", "_")
    keys = ["dataset", "protocol"]
    try:
        write_report(results, page, predictions=predictions, leakage=leakage, score=score)
        parts = []
        for names, part in results.groupby(keys, sort=False):
            own = predictions
            if predictions is not None:
                own = predictions[(predictions[keys] == list(names)).all(axis=1)]
            scored = _by_subject(part, own, score)
            click.echo(f"\n{', '.join(filter(None, names))}")
            click.echo(_scores_text(compare(scored, score), score))
            uses = part.drop_duplicates("estimator").set_index("estimator")["transductive"]
            parts.append(scored.assign(transductive=scored["estimator"].map(uses)))
        _write(table, to_latex(pd.concat(parts), score=score))
    except ValueError as error:
        _say(f"No report: {error}", err=True)
        return False
    return True


def _describe_run(ctx, trials, results):
    """All that it takes to do it again."""
    words = ["skmamba", "evaluate"]
    for option in ctx.command.params:
        value = ctx.params[option.name]
        if value is None or value is False:
            continue
        words.append(option.opts[0])
        if value is not True:
            words.append(",".join(map(str, value)) if isinstance(value, list) else str(value))
    said = {
        "command": shlex.join(words),
        "arguments": ctx.params,
        "trials": repr(trials),
        "versions": ", ".join(sorted(set(results["versions"]))),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def _count_kept(out):
    return len(list((out / "folds").glob("*.json")))


def _as_csv(frame):
    return frame.to_csv(index=False, lineterminator="\n")


def _write(path, content):
    """Put a file there at once, or leave what is there."""
    content = content if isinstance(content, bytes) else content.encode()
    draft = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


TEXTS = ("dataset", "protocol", "estimator", "kind", "held_out", "transductive", "error")
TEXTS += ("versions", "example", "verdict")
LABELS = ("subject", "trial", "y_true", "y_pred")


def _read_all(path):
    """Results, and the predictions and leakage beside them or None, as they were written."""
    beside = [path.with_name(name) for name in ("predictions.csv", "leakage.csv")]
    return _read(path), *(_read(other) if other.exists() else None for other in beside)


def _read(path):
    """Read a table back so that no empty text, name or label has become something else."""
    import pandas as pd

    try:
        table = pd.read_csv(
            path,
            converters=dict.fromkeys((*TEXTS, *LABELS), str),
            dtype={"shared": "boolean", "n_folds_shared": "Int64"},
            float_precision="round_trip",
        )
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no table that skmamba wrote: {error}") from error
    return table.assign(**{name: _restore(table[name]) for name in LABELS if name in table})


def _restore(texts):
    """Turn labels into the whole numbers they were, unless one was not: '01' stays a text."""
    import pandas as pd

    known = texts[texts != ""]
    if known.empty:
        return pd.Series(float("nan"), texts.index)
    is_whole = known.str.fullmatch(r"0|-?[1-9]\d*").all()
    return texts.where(texts != "").map(int if is_whole else str, na_action="ignore")
