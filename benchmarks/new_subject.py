"""Scores against the length of the reference and the number of labelled trials of a new subject.

Draws the figure of the user guide. EEGMAT is part of the package; ``data_sets.py`` describes the
folder of Sequence-Learning.

    python benchmarks/new_subject.py --sequence-learning FOLDER --write docs/_static/new_subject.svg
"""

import argparse
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from data_sets import load_sequences, use_first_as_reference
from joblib import Parallel, delayed
from measure import save_svg
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score

from skmamba import evaluate, fine_tune, load_eegmat, make_models
from skmamba.evaluation import CrossSubjectSplit, score_by_subject

SCORE = "balanced_accuracy"
SECONDS = 0, 5, 10, 20, 40, 60  # of the reference; 0 is no adaptation
N_LABELLED = 0, 1, 2, 4  # trials of each class
N_REFERENCE = 3  # first trials of a subject, which are not classified


def make_adapted(trials, use_reference):
    """Return MS-iMamba and band-power LDA, which use the reference of a subject if requested."""
    adaptation = "reference" if use_reference else None
    models = make_models(["MS-iMamba", "band-power-LDA"], trials, adaptation=adaptation)
    models["MS-iMamba"][-1].set_params(class_weight="balanced")
    return models


def score_models(models, trials, cv, x, n_seeds, jobs):
    """Return the mean score over subjects of each model and seed, as rows for the value ``x``."""
    options = {"scoring": SCORE, "baselines": None, "error_score": "raise", "n_jobs": jobs}
    scores = []
    for seed in range(n_seeds):
        results = evaluate(models, trials, cv, random_state=seed, verbose=False, **options)
        by_model = score_by_subject(results, SCORE).groupby("estimator", sort=False)
        scores.append(by_model[SCORE].mean())
    scores = pd.concat(scores).rename_axis("model").rename("score")
    print(scores.to_string(), flush=True)
    return scores.reset_index().assign(data=trials.name, x=x)


def split_labelled(n_labelled):
    """Return the splitter with that number of labelled trials of each class in training."""
    return CrossSubjectSplit(
        5, calibration_trials=n_labelled, max_calibration_trials=max(N_LABELLED)
    )


def score_lengths(trials, n_seeds, jobs):
    """Return the score for each length of the reference, the last seconds before the trials."""
    tables = []
    longest = trials.reference_data.shape[2] / trials.sfreq
    for seconds in (s for s in SECONDS if s <= longest):
        own = trials
        if seconds:
            n_samples = int(seconds * trials.sfreq)
            own = replace(trials, reference=trials.reference[..., -n_samples:])
        models = make_adapted(own, use_reference=seconds > 0)
        tables.append(score_models(models, own, CrossSubjectSplit(5), seconds, n_seeds, jobs))
    return pd.concat(tables)


def score_labelled(trials, n_seeds, jobs):
    """Return the score for each number of labelled trials, tested on the same other trials."""
    trials = keep_subjects_with_labels(trials)
    models = make_adapted(trials, use_reference=False)
    return pd.concat(
        score_models(models, trials, split_labelled(n_labelled), n_labelled, n_seeds, jobs)
        for n_labelled in N_LABELLED
    )


def fine_tune_fold(model, trials, seed, fold):
    """Return (number of labelled trials, score) of each test subject of a fold."""
    splits = {
        n_labelled: list(split_labelled(n_labelled).split(trials.X, trials.y, trials.metadata))
        for n_labelled in N_LABELLED
    }
    train, test = splits[0][fold]
    model = clone(model)
    model[-1].set_params(random_state=seed)
    model.fit(trials[train], trials.y[train])
    subject, scores = trials.metadata["subject"].to_numpy(), []
    for one in np.unique(subject[test]):
        own = test[subject[test] == one]
        for n_labelled, folds in splits.items():
            train, _ = folds[fold]
            labelled = train[subject[train] == one]
            tuned = fine_tune(model, trials[labelled], trials.y[labelled]) if n_labelled else model
            predicted = tuned.predict(trials[own])
            scores.append((n_labelled, balanced_accuracy_score(trials.y[own], predicted)))
    return scores


def score_fine_tuned(trials, n_seeds, jobs):
    """Return the score of fine_tune on labelled trials, tested on the trials of score_labelled."""
    trials = keep_subjects_with_labels(trials)
    model = make_adapted(trials, use_reference=False)["MS-iMamba"]
    rows = []
    for seed in range(n_seeds):
        folds = Parallel(jobs)(
            delayed(fine_tune_fold)(model, trials, seed, fold) for fold in range(5)
        )
        scores = pd.DataFrame([row for fold in folds for row in fold], columns=["x", "score"])
        rows.append(scores.groupby("x", as_index=False).mean())
    table = pd.concat(rows, ignore_index=True)
    return table.assign(data=trials.name, model="MS-iMamba, fine_tune")


def keep_subjects_with_labels(trials):
    """Return the subjects with more trials of each class than are labelled at most."""
    counts = pd.crosstab(trials.metadata["subject"], trials.y).min(axis=1)
    return trials.select(subject=counts.index[counts > max(N_LABELLED)])


def draw(panels, path):
    """Draw one panel per experiment: means over seeds, with a dot for each seed."""
    figure, axes = plt.subplots(1, len(panels), figsize=(4 * len(panels), 3.4), sharey=True)
    for ax, (label, table) in zip(axes, panels, strict=True):
        for name, own in table.groupby("model", sort=False):
            (line,) = ax.plot(own.groupby("x")["score"].mean(), label=name)
            ax.plot(own["x"], own["score"], ".", color=line.get_color())
        ax.axhline(0.5, color="gray", linestyle=":", label="chance level")
        ax.set(title=table["data"].iloc[0], xlabel=label)
    axes[0].set_ylabel("balanced accuracy of trials")
    for ax in axes[[0, -1]]:
        ax.legend()
    figure.tight_layout()
    save_svg(figure, path)


def main():
    """Measure the panels that the given data allow, print the tables, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequence-learning", type=Path, help="folder of that data set")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", type=Path, help="figure to write")
    options = parser.parse_args()
    settings = options.seeds, options.jobs
    seconds = "seconds of reference"
    panels = [(seconds, score_lengths(load_eegmat(reference=True), *settings))]
    if options.sequence_learning:
        trials = use_first_as_reference(load_sequences(options.sequence_learning), N_REFERENCE)
        panels.append((seconds, score_lengths(trials, *settings)))
        tables = score_labelled(trials, *settings), score_fine_tuned(trials, *settings)
        panels.append(("labelled trials per class", pd.concat(tables)))
    for label, table in panels:
        print(label, table.groupby(["data", "model", "x"])["score"].mean().round(3), sep="\n")
    if options.write:
        draw(panels, options.write)


if __name__ == "__main__":
    main()
