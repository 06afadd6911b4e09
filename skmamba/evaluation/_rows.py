"""What a finished fold becomes: a row of scores, and a row for each answer."""

import numpy as np
import pandas as pd

from ._scoring import Answers, score_answers


def describe_fold(metadata, train_idx, test_idx):
    """Sizes of a fold, and what of its test trials the training trials have nothing of."""
    train, test = metadata.iloc[train_idx], metadata.iloc[test_idx]
    held_out = []
    subjects = test["subject"].unique() if "subject" in test else []
    strangers = "subject" in test and not test["subject"].isin(train["subject"]).any()
    if len(subjects) == 1:
        held_out.append(f"subject {subjects[0]}")
    elif strangers:
        held_out.append(f"{len(subjects)} subjects")
    for column, plural in (("session", "sessions"), ("stimulus", "stimuli")):
        if strangers or column not in test or test[column].isna().any():
            continue
        own = train
        if column == "session":  # sessions are numbered within a subject
            if len(subjects) != 1:
                continue
            own = train[train["subject"] == subjects[0]]
        values = test[column].unique()
        if not test[column].isin(own[column]).any():
            several = f"{len(values)} {plural}"
            held_out.append(f"{column} {values[0]}" if len(values) == 1 else several)
    if not held_out or (len(held_out) == 1 and len(subjects) == 1 and not strangers):
        held_out.append(f"{len(test)} trial{'s' if len(test) != 1 else ''}")
    return {
        "held_out": ", ".join(held_out),
        "subject": subjects[0] if len(subjects) == 1 else None,
        "n_train": len(train),
        "n_test": len(test),
    }


def score_record(record, scorers, y, task):
    """Scores of a record, by trials and, if asked for, by windows."""
    names = [*scorers, *(f"{name}_windows" for name in scorers if task.windows)]
    if record["error"]:
        return dict.fromkeys(names, np.nan)
    truth = y[task.test_idx]
    scores = score_answers(scorers, _as_answers(record, y), truth)
    if task.windows:
        of_windows = record["of_windows"]
        truth = np.repeat(truth, of_windows["n_windows"])
        by_window = score_answers(scorers, _as_answers(of_windows, y), truth)
        scores |= {f"{name}_windows": score for name, score in by_window.items()}
    return scores


def _as_answers(record, y):
    classes = np.unique(y)
    proba = None if record["proba"] is None else np.array(record["proba"])
    decision = None if record["decision"] is None else np.array(record["decision"])
    return Answers(classes, classes[np.array(record["y_pred"], int)], proba, decision)


def tabulate_answers(about, record, trials, task):
    answers = _as_answers(record, trials.y)
    metadata = trials.metadata.iloc[task.test_idx]
    table = pd.DataFrame(
        {
            **about,
            "trial": metadata["trial"].to_numpy() if "trial" in metadata else task.test_idx,
            "subject": metadata["subject"].to_numpy() if "subject" in metadata else None,
            "y_true": trials.y[task.test_idx],
            "y_pred": answers.y_pred,
        }
    )
    for column, label in enumerate(answers.classes_):
        proba = np.nan if answers.proba is None else answers.proba[:, column]
        table[f"proba_{label}"] = proba
    if answers.decision is not None:
        table["decision"] = answers.decision
    return table
