"""The command ``skmamba``."""

import sys
from pathlib import Path
from types import SimpleNamespace

import click

from .. import __version__
from . import _options

FILES = ("results.csv", "predictions.csv", "leakage.csv", "report.html", "table.tex")


class Commands(click.Group):
    """Group of commands that suggests similar commands and reports errors in one line."""

    def resolve_command(self, ctx, args):
        """Return the command; the error names the most similar one."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(_options.describe_unknown("command", args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx):
        """Run the command, and turn errors into messages and exit codes."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            is_cached = ctx.invoked_subcommand == "evaluate"
            hint = " Run the same command again to resume from the cached folds."
            click.echo(f"\nInterrupted.{hint if is_cached else ''}", err=True)
            ctx.exit(130)
        except (OSError, ImportError, ValueError) as error:
            if ctx.params["traceback"]:
                raise
            raise _convert_error(error) from error


def _convert_error(error):
    """Return the error as one line; the exit code is 2 for invalid options, 1 for other errors."""
    from ..datasets import DataFormatError

    message = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        message = f"{error.filename}: {error.strerror}"  # without the number of the error
    is_invalid = isinstance(error, FileNotFoundError | FileExistsError | NotADirectoryError)
    is_invalid |= isinstance(error, ValueError) and not isinstance(error, DataFormatError)
    return (click.UsageError if is_invalid else click.ClickException)(message)


@click.group(
    cls=Commands,
    context_settings={"show_default": True},
    epilog="\b\nExamples:\n"
    "  skmamba evaluate --data eegmat --out runs/eegmat\n"
    "  skmamba leakage --data simulation --protocol random-windows\n"
    "  skmamba COMMAND --help",
)
@click.version_option(__version__, prog_name="skmamba")
@click.option("--traceback", is_flag=True, help="Show the traceback of an error.")
def main(traceback):
    """Evaluate EEG classifiers without data leakage."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # for characters that a terminal cannot show
            stream.reconfigure(errors="replace")


@main.command(
    "evaluate",
    epilog="\b\nExamples:\n"
    "  skmamba evaluate --data simulation --epochs 5 --out runs/try\n"
    "  skmamba evaluate --data eegmat --models ms-imamba,EEGNet --jobs -1 --out runs/eegmat\n"
    "  skmamba evaluate --data deap --path DEAP --target arousal \\\n"
    "      --protocol within-subject --window 1 --jobs -1 --out runs/deap-within\n"
    "  skmamba evaluate --data seed --path SEED --protocol first-trials --out runs/seed\n"
    "  skmamba evaluate --data raws --path recordings --events rest,task --seconds 4 \\\n"
    "      --out runs/own",
    params=[
        *_options.DATA,
        *_options.PROTOCOL,
        _options.option(
            *("models", _options.parse_words, "LIST", "Names of `skmamba models`, or all."),
            default="MS-iMamba,band-power-LDA",
        ),
        *_options.MODEL,
        _options.option(
            *("baselines", _options.parse_baselines, "LIST"),
            "majority, stratified, permutation (fits the first model again), or none.",
            default="majority,stratified",
        ),
        click.Option(["--windows"], is_flag=True, help="Also score single windows."),
        _options.make_score_option(_options.SCORES),
        _options.SEEDS,
        _options.JOBS,
    ],
)
@click.option("--out", required=True, metavar="FOLDER", help="Folder for the results.")
@click.pass_context
def run_evaluation(ctx, **params):
    """Score models and baselines under a protocol.

    Writes results.csv, predictions.csv, leakage.csv, report.html, table.tex and evaluation.json
    to the folder OUT, and caches finished folds in OUT/folds: the same command resumes from
    there. Such files of an earlier evaluation are replaced, others are an error. The exit code is
    1 if folds failed.
    """
    options = SimpleNamespace(**params)
    cv = _options.make_splitter(options)
    out = Path(options.out)
    run = out / "evaluation.json"
    files = [run, *(out / name for name in FILES)]
    _options.check_replaceable(files, run)
    _options.check_writable(out)
    trials, models = _options.load_data(options, options.models)

    from ..evaluation import EvaluationResults, evaluate, leakage_report
    from . import _output

    trials = _options.cut_windows(trials, options)
    cache_dir = out / "folds"
    n_before = len(list(cache_dir.glob("*.json")))
    if n_before:
        _output.say(f"Using cached folds in {cache_dir}.")
    with _output.print_warnings():
        results = EvaluationResults.concatenate(
            evaluate(
                models,
                trials,
                cv,
                baselines=[name for name in options.baselines if name != "none"],
                windows=options.windows,
                n_jobs=options.jobs,
                cache_dir=cache_dir,
                random_state=seed,
            )
            for seed in options.seed
        )
    n_fits, n_failed = len(results.scores), (results.scores["error"] != "").sum()
    n_run = len(list(cache_dir.glob("*.json"))) - n_before
    n_cached = n_fits - n_run - n_failed
    _output.say(f"{n_fits} fits: {n_cached} cached, {n_run} run, {n_failed} failed.")
    predictions = _output.name_labels(results.predictions, trials.label_names)
    results = EvaluationResults(results.scores, predictions)
    leakage = leakage_report(cv, _options.pick(trials, options))
    _options.check_replaceable(files, run)  # again: fits may have taken hours
    versions = ", ".join(sorted(set(results.scores["versions"])))
    _output.write_run(run, ctx, trials, versions)
    for file in files[1:]:  # removes files of an earlier evaluation
        file.unlink(missing_ok=True)
    with _output.print_warnings():
        _output.write_results(out, results, leakage, options.score)
    _output.say(f"Results are in {out}.")
    if n_failed:
        ctx.exit(1)


@main.command(
    "leakage",
    epilog="\b\nExamples:\n"
    "  skmamba leakage --data deap --path DEAP --protocol within-subject\n"
    "  skmamba leakage --data simulation --protocol random-windows --window 1\n"
    "  skmamba leakage --data eegmat --gap --model band-power-lda --out runs/gap",
    params=[
        *_options.DATA,
        *_options.PROTOCOL,
        click.Option(["--gap"], is_flag=True, help="Measure the effect of the split on a score."),
        click.Option(["--model"], help="Model of --gap.  [default: band-power-LDA]"),
        *_options.MODEL,
        _options.SEED,
        _options.JOBS,
    ],
)
@click.option("--out", metavar="FOLDER", help="Folder for leakage.csv, gap.csv and gap.png.")
@click.pass_context
def check_leakage(ctx, **params):
    """Report what training and test data share under a protocol.

    Also reports whether duration, amplitude or order of the trials predict the labels. No model
    of EEG is fitted unless --gap is given: then one model is scored on random windows, new trials,
    new stimuli and new subjects, with true and with permuted labels.
    """
    options = SimpleNamespace(**params)
    cv = _options.make_splitter(options)
    for name in ("model", "epochs"):
        if getattr(options, name) is not None and not options.gap:
            raise click.UsageError(f"--{name} requires --gap.")
    options.model = options.model or "band-power-LDA"
    if options.model.lower() == "all":
        raise click.UsageError("--gap requires one model, got --model all.")
    if options.gap and options.adaptation:
        raise click.UsageError("--gap cannot be used with --adaptation.")
    out = None if options.out is None else Path(options.out)
    if out is not None:
        files = [out / name for name in ("leakage.json", "leakage.csv", "gap.csv", "gap.png")]
        _options.check_replaceable(files, files[0])
    trials, models = _options.load_data(options, [options.model] if options.gap else [])

    from .._io import write_table
    from ..evaluation import leakage_gap, leakage_report
    from . import _output

    report = leakage_report(cv, _options.cut_windows(_options.pick(trials, options), options))
    _output.print_leakage(report)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for file in files[2:]:  # of an earlier command
            file.unlink(missing_ok=True)
        _output.write_run(out / "leakage.json", ctx, trials)
        write_table(out / "leakage.csv", report)
    for model in models.values():
        gap = leakage_gap(
            model,
            trials,
            window_size=options.window,
            stride=options.stride,
            n_splits=options.folds or 5,
            n_jobs=options.jobs,
            random_state=options.seed,
        )
        _output.report_gap(gap, out)
    if out is not None:
        _output.say(f"Results are in {out}.")


@main.command(
    "report",
    epilog="\b\nExamples:\n"
    "  skmamba report runs/eegmat\n"
    "  skmamba report runs/deap-within runs/deap-cross --out deap.html\n"
    "  skmamba report results.csv --score roc-auc --out auc.html\n"
    "  skmamba report ratings --score ccc",
    params=[_options.make_score_option((*_options.SCORES, *_options.RATING_SCORES))],
)
@click.argument("results", nargs=-1, required=True, metavar="FOLDER_OR_CSV...")
@click.option("--out", metavar="FILE", help="HTML file; the LaTeX table is written beside it.")
def make_report(results, out, score):
    """Write the HTML report and the LaTeX table from results.csv.

    The files predictions.csv and leakage.csv in the same folder are used too. Several results
    are joined, such as those of several models, seeds or protocols. Without --out, report.html
    and table.tex in the folder are replaced, if skmamba has written them.
    """
    if out is None and len(results) > 1:
        raise click.UsageError("Several results require --out.")
    paths = [Path(path) / "results.csv" if Path(path).is_dir() else Path(path) for path in results]
    page = paths[0].parent / "report.html" if out is None else Path(out)
    latex = page.with_name("table.tex") if out is None else page.with_suffix(".tex")
    if page == latex:
        raise click.UsageError(f"--out must be an HTML file, got {out}.")
    for path in (page, latex):
        _options.check_replaceable([path], path)

    from . import _output

    evaluation, leakage = _output.read_results(paths)
    with _output.print_warnings():
        _output.write_reports(evaluation, leakage, score, page, latex)
    _output.say(f"Written: {page}, {latex}.")


@main.command(
    "fit",
    epilog="\b\nExamples:\n"
    "  skmamba fit --data eegmat --out models/eegmat\n"
    "  skmamba fit --data raws --path recordings --events rest,task --seconds 4 \\\n"
    "      --model EEGNet --out models/own",
    params=[
        *_options.DATA,
        click.Option(["--model"], default="MS-iMamba", help="MS-iMamba, or one of braindecode."),
        *_options.MODEL,
        _options.SEED,
        _options.JOBS,
    ],
)
@click.option("--out", required=True, metavar="FOLDER", help="New folder for the model.")
def fit_model(**params):
    """Fit one model on all trials, and save it.

    skmamba.load_model reads the folder OUT. skmamba evaluate estimates its score.
    """
    options = SimpleNamespace(**params)
    out = Path(options.out)
    if out.exists():
        raise click.UsageError(f"--out must be a new folder, got {out}.")
    _options.check_can_be_saved(options.model)
    _options.check_writable(out)
    trials, models = _options.load_data(options, [options.model], random_state=options.seed)
    (model,) = models.values()

    from ..persistence import save_model
    from . import _output

    with _output.print_warnings():
        model.fit(trials, trials.y)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_model(model, out, trials=trials)
    _output.say(f"The model is in {out}.")


@main.command("models", epilog="\b\nExample:\n  skmamba models")
def print_models():
    """List the names of models.

    The names of other classes of braindecode.models can be used too.
    """
    from ..pipelines import list_models

    click.echo("\n".join(list_models()))
