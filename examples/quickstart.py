"""
MS-iMamba on real EEG, across subjects
======================================

Twenty people at rest and doing mental arithmetic, four frontal electrodes, windows of two seconds.
Every model is trained on sixteen people and judged on the four it has never met; a trial is one
sample, so no window of a trial can stand on both sides. ``--folds 20`` leaves one subject out.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path

from skmamba import compare, evaluate, load_eegmat, make_models
from skmamba.evaluation import CrossSubjectSplit, score_by_subject
from skmamba.plots import ScoresDisplay

# %%
# What is measured
# ----------------
# Trials and single windows are both scored, and every model stands beside three kinds of chance:
# the commonest class, classes drawn by lot, and the first model trained on labels that mean
# nothing.


def run(trials, models, n_folds):
    """Score every model on every subject; a table of means, and the scores it is made of."""
    evaluated = evaluate(models, trials, cv=CrossSubjectSplit(n_folds), windows=True, n_jobs=-1)
    results, predictions = evaluated.scores, evaluated.predictions
    scores = score_by_subject(predictions)
    by_fold = results.groupby("estimator")
    table = compare(scores).set_index("estimator")[["mean", "low", "high", "chance", "p_chance"]]
    table.insert(3, "windows", by_fold["balanced_accuracy_windows"].mean())
    table["fit seconds"] = by_fold["fit_seconds"].mean()
    return table, scores


# %%
# What comes out
# --------------
# A table, and a picture in which every person is a dot. People differ more than models do.


def main():
    """Run the comparison, print its table and save its picture."""
    parser = ArgumentParser(description="MS-iMamba against its rivals, across subjects.")
    parser.add_argument("--folds", type=int, default=5, help="20 leaves one subject out")
    parser.add_argument("--seed", type=int, default=0, help="of the networks")
    options = parser.parse_args()
    trials = load_eegmat()
    print(trials)
    models = make_models(
        ["MS-iMamba", "EEGNet", "band-power-LDA"], trials, random_state=options.seed
    )
    table, scores = run(trials, models, options.folds)
    print(f"\n{options.folds} folds over subjects; balanced accuracy of trials, its mean over 20")
    print("subjects and 95 % interval, and of windows; p of being no better than chance:\n")
    print(table.round(3).to_string())
    picture = Path(sys.argv[0]).with_suffix(".png")
    ScoresDisplay.from_results(scores).figure_.savefig(picture, dpi=150)
    print(f"\nPicture: {picture.name}, beside this file")


if __name__ == "__main__":
    main()
