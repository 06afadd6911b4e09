"""
What each part of MS-iMamba is worth
====================================

The paper takes its network apart in Figures 2 to 4: without the multi-scale temporal block, without
the temporal-spatial fusion block, and with tokens of time points in the place of tokens of
channels. Here the same is done to our default network, on the bundled EEG of twenty people, with
chance beside each score; and the network is put together as the paper's words say, literally.
"""

from argparse import ArgumentParser

import pandas as pd
from sklearn.base import clone

from skmamba import compare, evaluate, load_eegmat, make_models
from skmamba.evaluation import CrossSubjectSplit, score_by_subject

SCORE = "balanced_accuracy"

PAPER = "the paper, literally"
# The paper as it is written; where it is silent, the default stays.
LITERAL = {
    "embedding": "inverted",  # one token a channel: a linear map of its samples
    "n_members": 1,  # one network
}

CHANGES = [
    {"use_mstb": False},  # no multi-scale block
    {"mixer": "none"},  # no iMamba in the fusion block: no channel knows of another
    {"mixer": "attention"},
    {"embedding": "inverted"},
    {"embedding": "normal"},  # one token a time point
    *({"top_k": top_k} for top_k in (1, 2, 3, 5)),  # at how many periods a window is folded
    *({"n_kernels": n_kernels} for n_kernels in (1, 3, 6)),  # scales of the inception
    {"bidirectional": False},
    {"n_members": 1},  # no ensemble
]


def make_ablations(trials, **options):
    """Build the default network and every change of it that makes another network."""
    (default,) = make_models("MS-iMamba", trials, **options).values()
    models = {"MS-iMamba": default}
    changes = {PAPER: LITERAL}
    changes |= {f"{key}={value!r}": {key: value} for each in CHANGES for key, value in each.items()}
    for name, change in changes.items():
        model = clone(default)
        model[-1].set_params(**change)
        if all(model[-1].get_params() != other[-1].get_params() for other in models.values()):
            models[name] = model
    return models


def run(trials, models, n_folds, n_seeds, **options):
    """Score every model on every subject; a row a model, and what it loses to the default."""
    parts = []
    for seed in range(n_seeds):
        evaluated = evaluate(
            models,
            trials,
            CrossSubjectSplit(n_folds),
            baselines="majority",
            windows=True,
            random_state=seed,
            **options,
        )
        results, predictions = evaluated.scores, evaluated.predictions
        parts.append((results, score_by_subject(predictions, SCORE).assign(seed=seed)))
    results, scores = map(pd.concat, zip(*parts, strict=True))
    table = compare(scores, SCORE).set_index("estimator").drop("majority")
    by_seed = scores.groupby(["estimator", "seed"])[SCORE].mean().unstack()
    table["least"], table["most"] = by_seed.min(axis=1), by_seed.max(axis=1)  # of the seeds
    table["windows"] = results.groupby("estimator")[f"{SCORE}_windows"].mean()
    columns = ["mean", "low", "high", "chance", "least", "most", "windows", "difference", "p_holm"]
    return table[columns]


def put_in_words(table):
    """Say in one sentence what the table shows."""
    default, changed = table["mean"].iloc[0], table.iloc[1:]
    worst, n_sure = changed["difference"].idxmin(), (changed["p_holm"] < 0.05).sum()
    return (
        f"The default scores {default:.2f}, the paper read literally "
        f"{table['mean'].get(PAPER, default):.2f}, chance {table['chance'].iloc[0]:.2f}; worst is "
        f"{worst} ({changed['difference'].min():+.2f}), and {n_sure} of {len(changed)} differences "
        "are significant after Holm's correction."
    )


def main():
    """Print the table and its sentence."""
    parser = ArgumentParser(description="What each part of MS-iMamba is worth.")
    parser.add_argument("--subjects", type=int, default=20, help="how many of the 20 people")
    parser.add_argument("--folds", type=int, default=5, help="over subjects")
    parser.add_argument("--seeds", type=int, default=3, help="evaluations, each with its own seed")
    parser.add_argument("--epochs", type=int, help="passes over the training data")
    parser.add_argument("--jobs", type=int, default=-1, help="folds that run side by side")
    parser.add_argument("--store", default="results/eegmat", help="keeps finished folds")
    options = parser.parse_args()
    trials = load_eegmat()
    trials = trials.select(subject=trials.metadata["subject"].unique()[: options.subjects])
    models = make_ablations(trials, max_epochs=options.epochs)
    table = run(
        trials, models, options.folds, options.seeds, n_jobs=options.jobs, store=options.store
    )
    print(f"{SCORE} of trials, {options.folds} folds over {options.subjects} subjects, mean over")
    print(f"subjects and {options.seeds} seeds; least and most are means of a seed:\n")
    print(table.round(3).to_string())
    print(f"\n{put_in_words(table)}")


if __name__ == "__main__":
    main()
