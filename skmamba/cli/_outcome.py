"""What commands end in, said as well as written: a comparison, a gap, the run itself."""

import contextlib
import io
import json
import platform
import shlex

import click

from ._data import count_points
from ._files import as_csv, write
from ._tables import say, scores_text


def report_scores(results, predictions, leakage, score, page, table):
    """Print the comparison, and write it as a page and as a table."""
    import pandas as pd

    from ..evaluation import compare
    from ..report import to_latex, write_report
    from ..report._parts import scored_by_subject

    score = score.replace("-", "_")
    write_report(results, page, predictions=predictions, leakage=leakage, score=score)
    keys, parts = ["dataset", "protocol"], []
    for names, part in results.groupby(keys, sort=False):
        own = predictions
        if predictions is not None:
            own = predictions[(predictions[keys] == list(names)).all(axis=1)]
        # As the page does, so that the numbers are its own.
        scored = scored_by_subject(part, own, score)
        click.echo(f"\n{', '.join(filter(None, names))}")
        click.echo(scores_text(compare(scored, score), score))
        uses = part.drop_duplicates("estimator").set_index("estimator")["transductive"]
        parts.append(scored.assign(transductive=scored["estimator"].map(uses)))
    write(table, to_latex(pd.concat(parts), score=score))


def name_labels(predictions, label_names):
    """Let predictions say "rest" where they say 0, if every label has a name of its own."""
    labels = set(predictions.get("y_true", ())) | set(predictions.get("y_pred", ()))
    names = {label: label_names[label] for label in labels if label in label_names}
    if not labels or len(set(names.values())) < len(labels):
        return predictions
    columns = {f"proba_{label}": f"proba_{name}" for label, name in names.items()}
    answers = {side: predictions[side].map(names) for side in ("y_true", "y_pred")}
    return predictions.assign(**answers).rename(columns=columns)


def describe_run(ctx, trials, results):
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
        "arguments": {option.name: ctx.params[option.name] for option in ctx.command.params},
        "trials": repr(trials),
        "versions": ", ".join(sorted(set(results["versions"]))),
        "platform": platform.platform(),
    }
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def measure_gap(model, trials, asked, out):
    """Fit, say and, if there is a folder, write what splitting by windows adds to a score."""
    from ..evaluation import leakage_gap

    size, stride = count_points(trials, asked)
    told = io.StringIO()
    with contextlib.redirect_stdout(told):  # to wrap it
        gap = leakage_gap(
            model,
            trials,
            window_size_samples=size,
            stride_samples=stride,
            n_splits=asked.folds or 5,
            n_jobs=asked.jobs,
            random_state=asked.seed,
        )
    click.echo()
    click.echo(gap.round({"mean": 3, "std": 3, "inflation": 1}).to_string(index=False))
    click.echo()
    for line in told.getvalue().splitlines():
        say(line)
    if out is None:
        return
    write(out / "gap.csv", as_csv(gap))
    try:
        write(out / "gap.png", _draw_gap(gap))
    except ImportError as error:
        say(f"No gap.png: {error}", err=True)


def _draw_gap(gap):
    from matplotlib.figure import Figure

    from ..plots import LeakageDisplay

    figure = Figure(figsize=(7.6, 3.2), layout="constrained")  # no pyplot: no window, no state
    LeakageDisplay.from_gap(gap, ax=figure.add_subplot())
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=150)
    return drawn.getvalue()
