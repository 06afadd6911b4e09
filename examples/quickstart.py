"""
MS-iMamba on real EEG, across subjects
======================================

The data are EEGMAT: 20 subjects at rest and during mental arithmetic. The models use four frontal
channels and windows of two seconds. They are trained on 16 subjects and tested on the other four. A
trial is one sample, so windows of one trial are never in both sets. ``--folds 20`` is
leave-one-subject-out.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path

from skmamba import compare, evaluate, load_eegmat, make_models
from skmamba.evaluation import CrossSubjectSplit, score_by_subject
from skmamba.plots import ScoresDisplay

# %%
# Evaluation
# ----------
# Trials and single windows are scored. Two baselines are evaluated as well: the majority class, and
# classes drawn at random.


def run(trials, models, n_folds):
    """Return a table of mean scores, and the scores of each subject."""
    results = evaluate(
        models, trials, CrossSubjectSplit(n_folds), windows=True, random_state=0, n_jobs=-1
    )
    by_fold = results.scores.groupby("estimator")
    table = compare(results, random_state=0).set_index("estimator")
    table = table[["mean", "low", "high", "chance", "p_chance"]]
    table.insert(3, "windows", by_fold["balanced_accuracy_windows"].mean())
    table["fit seconds"] = by_fold["fit_seconds"].mean()
    return table, score_by_subject(results)


# %%
# Results
# -------
# Each dot of the figure is a subject. Differences between subjects are larger than between models.


def main():
    """Run the comparison, print the table and save the figure."""
    parser = ArgumentParser(description="MS-iMamba and baselines across subjects.")
    parser.add_argument("--folds", type=int, default=5, help="20 is leave-one-subject-out")
    parser.add_argument("--seed", type=int, default=0, help="random state of the networks")
    options = parser.parse_args()
    trials = load_eegmat()
    print(trials)
    models = make_models(
        ["MS-iMamba", "EEGNet", "band-power-LDA"],
        trials,
        picks="frontal4",
        random_state=options.seed,
    )
    table, scores = run(trials, models, options.folds)
    print(f"\nBalanced accuracy of trials, {options.folds} folds over subjects: mean over subjects")
    print("with its 95 % interval, mean of windows, p-value against the chance level.\n")
    print(table.round(3).to_string())
    figure = Path(sys.argv[0]).with_suffix(".png")
    ScoresDisplay.from_results(scores, random_state=0).figure_.savefig(figure, dpi=150)
    print(f"\nFigure: {figure}")


if __name__ == "__main__":
    main()
