"""Scores of several seeds, and the rows that a page shows of them."""

from math import ceil

import numpy as np
import pandas as pd
from sklearn.base import clone

from skmamba import compare, evaluate
from skmamba.evaluation import score_by_subject

SCORE = "balanced_accuracy"
WINDOWS = f"{SCORE}_windows"
ALPHA = 0.05


class FewerSubjects:
    """Folds of another splitter, with a share of the people in training.

    With one seed, fewer people are some of more.
    """

    protocol = "cross_subject"

    def __init__(self, cv, share, random_state):
        self.cv = cv
        self.share = share
        self.random_state = random_state

    def split(self, X, y=None, groups=None):
        rng = np.random.default_rng(self.random_state)
        for train_idx, test_idx in self.cv.split(X, y, groups):
            subject = groups["subject"].to_numpy()[train_idx]
            people = rng.permutation(np.unique(subject))
            kept = people[: ceil(self.share * len(people))]
            yield train_idx[np.isin(subject, kept)], test_idx


def evaluate_seeds(models, trials, splitters, **options):
    """Results by fold and scores by subject, with seeds 0, 1, ... for one splitter each."""
    parts = []
    for seed, cv in enumerate(splitters):
        evaluated = evaluate(
            models,
            trials,
            cv,
            scoring=SCORE,
            baselines="majority",
            windows=True,
            random_state=seed,
            error_score="raise",  # a mean over the folds that went well would flatter
            **options,
        )
        by_fold, predictions = evaluated.scores, evaluated.predictions
        by_subject = score_by_subject(predictions, SCORE)
        parts.append((by_fold.assign(seed=seed), by_subject.assign(seed=seed)))
    return tuple(map(pd.concat, zip(*parts, strict=True)))


def tabulate(by_fold, by_subject, models, trials):
    """Two scores a model, chance beside each, and what it takes to train it."""
    of_trials = compare(by_subject, SCORE).set_index("estimator")
    of_windows = compare_windows(by_fold).set_index("estimator")
    columns = {
        "trials": show_scores(of_trials),
        "chance": of_trials["chance"].map(show),
        "seeds": show_spread(by_subject, SCORE),
        "windows": show_scores(of_windows),
        "chance ": of_windows["chance"].map(show),
        "seeds ": show_spread(by_fold, WINDOWS),
        "p chance": of_trials["p_chance"].map(show_p),
        "difference": of_trials["difference"].map("{:+.2f}".format).replace("+nan", "-"),
        "p Holm": of_trials["p_holm"].map(show_p),
        "parameters": pd.Series({name: count_parameters(models[name], trials) for name in models}),
        "windows/s": windows_per_second(by_fold, models, trials).map("{:.0f}".format),
    }
    return pd.DataFrame(columns).loc[list(models)].rename_axis("model").reset_index()


def compare_windows(by_fold):
    """Compare scores of windows; they have an interval where a fold is a person."""
    table = compare(by_fold.assign(subject=by_fold["fold"]), WINDOWS)
    if by_fold["subject"].isna().any():  # the mean is still that of people: folds are of one size
        table[["low", "high"]] = np.nan
    return table


def show(score):
    return f"{round(score, 9):.2f}"  # sums in another order are the same score


def show_scores(table):
    return pd.Series(
        [
            f"{show(mean)} ({show(low)} to {show(high)})" if low == low else show(mean)
            for mean, low, high in zip(table["mean"], table["low"], table["high"], strict=True)
        ],
        table.index,
    )


def show_spread(scores, score):
    """Least and most of the means that seeds have."""
    by_seed = scores.groupby(["estimator", "seed"])[score].mean().unstack()
    return by_seed.min(axis=1).map(show) + " to " + by_seed.max(axis=1).map(show)


def show_p(p):
    return "-" if np.isnan(p) else f"{p:.3f}" if p >= 0.0005 else "< 0.001"


def count_parameters(model, trials):
    """Weights of a network as one pass over a person's trials makes it."""
    if not hasattr(model[-1], "max_epochs"):
        return "-"
    model = clone(model)
    model[-1].set_params(max_epochs=1)
    one = trials.select(subject=trials.metadata["subject"].iloc[0])
    net = model.fit(one.X, one.y)[-1].net_
    return str(sum(weights.numel() for weights in net.module_.parameters()))


def windows_per_second(by_fold, models, trials):
    """Windows that training sees in a second, each as often as there are passes; median fold."""
    seen = {
        name: model[:-1].fit_transform(trials.X[:1]).shape[1] * getattr(model[-1], "max_epochs", 1)
        for name, model in models.items()
    }
    rate = by_fold["n_train"] * by_fold["estimator"].map(seen) / by_fold["fit_seconds"]
    return rate.groupby(by_fold["estimator"]).median()[list(models)]


def put_in_words(by_subject):
    """Say which models are not below the first, and which differences may be chance."""
    table = compare(by_subject, SCORE).set_index("estimator").query("kind == 'model'")
    first, others = table.index[0], table.iloc[1:]
    level = others.index[others["mean"] >= table["mean"].iloc[0]]
    unsure = others.index[others["p_holm"] >= ALPHA]
    return (
        f"Not below {first}, by trials: {', '.join(level) or 'none'}. Paired differences to "
        f"{first} that are not significant (p Holm {ALPHA} or more): {', '.join(unsure) or 'none'}."
    )
