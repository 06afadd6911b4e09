"""The commands, from what is asked to what is said and written."""

from pathlib import Path
from types import SimpleNamespace

import click

from ._arguments import BASELINES, DATA, MODEL, PROTOCOL, RUN, SCORE, Listed, OneOf, with_options
from ._data import check_data, cut_windows, load_data, make_splitter
from ._files import as_csv, count_kept, read_parts, write
from ._group import Commands
from ._outcome import describe_run, measure_gap, name_labels, report_scores
from ._tables import leakage_text, plain_warnings, say, say_written

WRITTEN = (
    *("results.csv", "predictions.csv", "leakage.csv", "evaluation.json"),
    *("report.html", "table.tex"),
)


@click.group(
    cls=Commands,
    epilog="\b\nExamples:\n"
    "  skmamba evaluate --data eegmat --out runs/eegmat\n"
    "  skmamba leakage --data simulation --protocol random-windows\n"
    "  skmamba COMMAND --help",
)
@click.version_option(package_name="skmamba", prog_name="skmamba")
@click.option("--traceback", is_flag=True, help="Before a command: show where an error came from.")
def main(traceback):
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
@with_options(
    *DATA,
    *PROTOCOL,
    click.option(
        "--models",
        type=Listed(),
        default="MS-iMamba,band-power-LDA",
        show_default=True,
        help="Names, as `skmamba models` lists them; all.",
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
    check_data(asked)
    cv = make_splitter(asked)
    out = Path(asked.out)
    out.mkdir(parents=True, exist_ok=True)
    trials, models = load_data(asked, asked.models)

    from ..evaluation import evaluate, leakage_report

    kept = count_kept(out)
    if kept:
        say(f"{out / 'folds'} holds finished fits; those of this evaluation are not run again.")
    with plain_warnings():
        evaluated = evaluate(
            models,
            trials,
            cv,
            baselines=[name for name in asked.baselines if name != "none"],
            windows=asked.windows,
            n_jobs=asked.jobs,
            cache_dir=out / "folds",
            random_state=asked.seed,
        )
        results, predictions = evaluated.scores, evaluated.predictions
    failed = (results["error"] != "").sum()
    ran = count_kept(out) - kept
    say(f"{len(results)} fits: {len(results) - ran - failed} kept, {ran} run, {failed} failed.")

    predictions = name_labels(predictions, trials.label_names)
    leakage = leakage_report(cv, trials)
    for name in WRITTEN:  # none of an evaluation before may stay beside the new ones
        (out / name).unlink(missing_ok=True)
    write(out / "results.csv", as_csv(results))
    if not predictions.empty:
        write(out / "predictions.csv", as_csv(predictions))
    write(out / "leakage.csv", as_csv(leakage))
    write(out / "evaluation.json", describe_run(ctx, trials, results))
    scores = results.loc[results["kind"] == "model", asked.score.replace("-", "_")]
    if scores.isna().all():
        say("No model has a score, so there is no report.", err=True)
    else:
        page, table = out / "report.html", out / "table.tex"
        report_scores(results, predictions, leakage, asked.score, page, table)
    say_written(out, *WRITTEN)
    if failed:
        ctx.exit(1)


@main.command(
    "leakage",
    epilog="\b\nExamples:\n"
    "  skmamba leakage --data deap --path DEAP --protocol within-subject\n"
    "  skmamba leakage --data simulation --protocol random-windows --window 1\n"
    "  skmamba leakage --data eegmat --gap --model band-power-lda --out runs/gap",
)
@with_options(
    *DATA,
    *PROTOCOL,
    click.option("--gap", is_flag=True, help="Fit a model: what does splitting windows add?"),
    click.option(
        "--model", default="band-power-LDA", show_default=True, help="What --gap is measured with."
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
    check_data(asked)
    if asked.gap and asked.model.lower() == "all":
        raise click.UsageError("--gap fits one model: give --model a name of `skmamba models`.")
    cv = make_splitter(asked)
    trials, models = load_data(asked, [asked.model] if asked.gap else [], cut=not asked.gap)

    from ..evaluation import leakage_report

    rows = cut_windows(trials, asked) if asked.gap else trials
    report = leakage_report(cv, rows)
    click.echo(leakage_text(report))
    out = None if asked.out is None else Path(asked.out)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write(out / "leakage.csv", as_csv(report))
    if asked.gap:
        (model,) = models.values()
        measure_gap(model, trials, asked, out)
    if out is not None:
        say_written(out, "leakage.csv", *(("gap.csv", "gap.png") if asked.gap else ()))


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

    What lies beside it, predictions.csv and leakage.csv, is read too. Several results become the
    parts of one page. Without --out, report.html and table.tex of the one folder are replaced.
    """
    if out is None and len(results) > 1:
        raise click.UsageError("Several results need --out, the page that they all go to.")
    tables = [Path(path) / "results.csv" if Path(path).is_dir() else Path(path) for path in results]
    frames, predictions, leakage = read_parts(tables)
    page = tables[0].parent / "report.html" if out is None else Path(out)
    table = page.with_name("table.tex") if out is None else page.with_suffix(".tex")
    report_scores(frames, predictions, leakage, score, page, table)
    say(f"Written: {page}, {table}.")


@main.command("models", epilog="\b\nExample:\n  skmamba models")
def name_models():
    """List the names that --models takes; all stands for every one of them.

    Any other class of braindecode.models can be given by its name as well.
    """
    from ..pipelines import list_models

    click.echo("\n".join(list_models()))
