"""What is written, at once or not at all, and read back as it was."""

import contextlib
import os
from uuid import uuid4

import click

TEXTS = ("dataset", "protocol", "estimator", "kind", "held_out", "transductive", "error")
TEXTS += ("versions", "example", "verdict")
LABELS = ("subject", "trial", "y_true", "y_pred")


def count_kept(out):
    return len(list((out / "folds").glob("*.json")))


def as_csv(frame):
    return frame.to_csv(index=False, lineterminator="\n")


def write(path, content):
    """Put a file there at once, or leave what is there."""
    content = content if isinstance(content, bytes) else content.encode()
    draft = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def read_parts(tables):
    """Results of several tables as one, and the predictions and leakage beside them or None."""
    import pandas as pd

    read = [_read_beside(table) for table in tables]
    told = [_name_parts(results) for results, _, _ in read]
    for place, (table, name) in enumerate(zip(tables, told, strict=True)):
        if name in told[:place]:
            other = tables[told.index(name)]
            raise click.UsageError(f"{other} and {table} are both of {name}: report them apart.")
    results = pd.concat([results for results, _, _ in read], ignore_index=True)
    answers = [predictions for _, predictions, _ in read if predictions is not None]
    predictions = pd.concat(answers, ignore_index=True) if answers else None
    leakage = {
        "" if len(read) == 1 else f"What training and test share: {name}": shared
        for name, (_, _, shared) in zip(told, read, strict=True)
        if shared is not None
    }
    return results, predictions, leakage or None


def _read_beside(path):
    """Results, and the predictions and leakage beside them or None, as they were written."""
    beside = [path.with_name(name) for name in ("predictions.csv", "leakage.csv")]
    return read_table(path), *(read_table(other) if other.exists() else None for other in beside)


def _name_parts(results):
    """Name data sets and protocols of results, in words."""
    if not {"dataset", "protocol"} <= set(results):
        return "nothing known"
    pairs = results[["dataset", "protocol"]].drop_duplicates()
    return "; ".join(pairs.agg(", ".join, axis=1))


def read_table(path):
    """Read a table back so that no empty text, name or label has become something else."""
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        reason = str(error).strip()
        raise ValueError(f"{path} is no table that skmamba wrote: {reason}") from error
    return table.assign(
        **{  # type: ignore[arg-type]
            name: _restore(table[name], is_label=name in LABELS)
            for name in table
            if name not in TEXTS
        }
    )


def _restore(texts, *, is_label):
    """Turn texts into the numbers they were; among labels '01' and '0.5' stay texts."""
    import pandas as pd

    known = texts[texts != ""]
    if known.empty:
        return pd.Series(float("nan"), texts.index)
    if known.str.fullmatch(r"0|-?[1-9]\d*").all():
        whole = known.map(int)
        return whole if len(known) == len(texts) else whole.astype("Int64").reindex(texts.index)
    if not is_label:
        with contextlib.suppress(ValueError):
            return known.map(float).reindex(texts.index)  # Python's float gives every digit back
    return texts.where(texts != "")
