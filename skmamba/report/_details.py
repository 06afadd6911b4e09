"""What stands behind the means: all scores, every subject, every class."""

import numpy as np
import pandas as pd

from ._checks import score_columns
from ._names import score_words
from ._words import capital, number

FOLDED_FROM = 13  # rows from which on a table is folded away


def list_scores(scored):
    """Mean over subjects of each score of each estimator, as text."""
    columns = score_columns(scored)
    by_subject = scored.groupby(["estimator", "subject"], sort=False)[columns].mean()
    means = by_subject.groupby(level=0, sort=False).mean()
    return {
        "head": [capital(score_words(column)[0]) for column in means],
        "rows": [(name, [number(value) for value in row]) for name, row in means.iterrows()],
    }


def list_subjects(scored, score):
    """One row a subject, one column an estimator."""
    values = scored.pivot_table(
        index="subject", columns="estimator", values=score, sort=False, dropna=False
    )
    values = values[list(scored["estimator"].unique())]
    values = values.loc[pd.factorize(values.index, sort=True)[1]]  # numbers beside texts, too
    return {
        "head": list(values.columns),
        "rows": [(name, [number(value) for value in row]) for name, row in values.iterrows()],
        "mean": [number(value) for value in values.mean()],
        "folded": len(values) >= FOLDED_FROM,
    }


def count_confusions(predictions, models, label_names):
    """How often each class was answered with which, for each model."""
    if predictions is None:
        return []
    found = []
    for name in models:
        rows = predictions[predictions["estimator"] == name]
        labels = np.unique(np.concatenate([rows["y_true"], rows["y_pred"]])).tolist()
        names = [label_names.get(label, label) for label in labels]
        counts = pd.crosstab(rows["y_true"], rows["y_pred"])
        counts = counts.reindex(index=labels, columns=labels, fill_value=0).to_numpy()
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        found.append(
            {
                "estimator": name,
                "labels": names,
                "rows": [
                    (label, list(zip(n.tolist(), share.tolist(), strict=True)))
                    for label, n, share in zip(names, counts, shares, strict=True)
                ],
            }
        )
    return found
