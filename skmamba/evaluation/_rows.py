"""What a finished fold becomes: a row of scores, and a row for each answer."""

import numpy as np
import pandas as pd

from ._scoring import Answers, score_answers


def describe_fold(metadata, train_idx, test_idx):
    """Sizes of a fold, the subject if it tests one, and what is held out."""
    train, test = metadata.iloc[train_idx], metadata.iloc[test_idx]
    subjects = test["subject"].unique() if "subject" in test else []
    return {
        "held_out": _name_held_out(train, test, subjects),
        "subject": subjects[0] if len(subjects) == 1 else None,
        "n_train": len(train),
        "n_test": len(test),
    }


def _name_held_out(train, test, subjects):
    """Name what of the test trials the training trials have nothing of."""
    one = len(subjects) == 1
    whose = [f"subject {subjects[0]}"] if one else []
    if len(subjects) and not test["subject"].isin(train["subject"]).any():
        return whose[0] if one else f"{len(subjects)} subjects"
    held_out = []
    if one:  # sessions are numbered within a subject
        own = train[train["subject"] == subjects[0]]
        held_out += _absent_from(own, test, "session", "sessions")
    held_out += _absent_from(train, test, "stimulus", "stimuli")
    n_trials = f"{len(test)} trial{'s' if len(test) != 1 else ''}"
    return ", ".join([*whose, *(held_out or [n_trials])])


def _absent_from(train, test, column, plural):
    """Name the values of a column, if training has none of them."""
    if column not in test or test[column].isna().any() or test[column].isin(train[column]).any():
        return []
    values = test[column].unique()
    return [f"{column} {values[0]}" if len(values) == 1 else f"{len(values)} {plural}"]


def tabulate_record(about, about_fold, record, scores, seed):
    """Put together the row of a fold, finished or failed."""
    return {
        **about,
        **about_fold,
        **scores,
        "fit_seconds": record.get("fit_seconds", np.nan),
        "predict_seconds": record.get("predict_seconds", np.nan),
        "seed": seed,
        "error": record["error"],
        "versions": record["versions"],
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
    """Put together a row for each tested trial."""
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
