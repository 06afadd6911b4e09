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
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score

from skmamba import evaluate, fine_tune, load_eegmat, make_models
from skmamba.evaluation import CrossSubjectSplit, score_by_subject

SCORE = "balanced_accuracy"
SECONDS = 0, 5, 10, 20, 40, 60  # of the reference; 0 is no adaptation
N_LABELLED = 0, 1, 2, 4  # trials of each class
N_REFERENCE = 3  # first trials of a subject, which are not classified


def score(model, trials, cv, n_seeds, jobs):
    """Return the mean score over subjects of each seed."""
    options = {"scoring": SCORE, "baselines": None, "error_score": "raise", "n_jobs": jobs}
    return [
        score_by_subject(
            evaluate({"model": model}, trials, cv, random_state=seed, verbose=False, **options),
            SCORE,
        )[SCORE].mean()
        for seed in range(n_seeds)
    ]


def make_adapted(trials, use_reference):
    """Return MS-iMamba and band-power LDA, which use the reference of a subject if requested."""
    adaptation = "reference" if use_reference else None
    models = make_models(["MS-iMamba", "band-power-LDA"], trials, adaptation=adaptation)
    models["MS-iMamba"][-1].set_params(class_weight="balanced")
    return models


def score_lengths(trials, n_seeds, jobs):
    """Return the score for each length of the reference, the last seconds before the trials."""
    rows = []
    longest = trials.reference_data.shape[2] / trials.sfreq
    for seconds in (s for s in SECONDS if s <= longest):
        own = trials
        if seconds:
            n_samples = int(seconds * trials.sfreq)
            own = replace(trials, reference=trials.reference[..., -n_samples:])
        for name, model in make_adapted(own, use_reference=seconds > 0).items():
            for value in score(model, own, CrossSubjectSplit(5), n_seeds, jobs):
                rows.append({"data": trials.name, "model": name, "x": seconds, "score": value})
        print(pd.DataFrame(rows).tail(2 * n_seeds).to_string(header=False), flush=True)
    return pd.DataFrame(rows)


def score_labelled(trials, n_seeds, jobs):
    """Return the score for each number of labelled trials, tested on the same other trials."""
    trials = keep_subjects_with_labels(trials)
    rows = []
    for n_labelled in N_LABELLED:
        options = {"max_calibration_trials": max(N_LABELLED)}
        cv = CrossSubjectSplit(5, calibration_trials=n_labelled, **options)
        for name, model in make_adapted(trials, use_reference=False).items():
            for value in score(clone(model), trials, cv, n_seeds, jobs):
                rows.append({"data": trials.name, "model": name, "x": n_labelled, "score": value})
        print(pd.DataFrame(rows).tail(2 * n_seeds).to_string(header=False), flush=True)
    return pd.DataFrame(rows)


def fine_tune_fold(model, trials, seed, fold):
    """Return (number of labelled trials, score) of each test subject of a fold."""
    options = {"max_calibration_trials": max(N_LABELLED)}
    splits = {
        n_labelled: list(
            CrossSubjectSplit(5, calibration_trials=n_labelled, **options).split(
                trials.X, trials.y, trials.metadata
            )
        )[fold]
        for n_labelled in N_LABELLED
    }
    train, test = splits[0]
    model = clone(model)
    model[-1].set_params(random_state=seed)
    model.fit(trials[train], trials.y[train])
    subject, scores = trials.metadata["subject"].to_numpy(), []
    for one in np.unique(subject[test]):
        own = test[subject[test] == one]
        for n_labelled, (train, _) in splits.items():
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
    figure.savefig(path)


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
