"""Scores of several seeds and their table."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from measure import describe_machine, save_svg
from scipy import stats
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from skmamba import compare, evaluate
from skmamba.evaluation import score_by_subject

SCORE = "balanced_accuracy"
WINDOWS = f"{SCORE}_windows"
ALPHA = 0.05
DECIMALS = 9  # equal scores may differ in the order of summation
KEYS = ["dataset", "estimator", "kind", "random_state", "subject", "n_test", "n_classes"]
COLUMNS = {  # of a file of scores
    "fold": [*KEYS, "fold", "n_train", WINDOWS, "auc", "fit_seconds", "machine"],
    "subject": [*KEYS, SCORE],
}


class ScoreFile:
    """A CSV file with the scores of a section, by fold and by subject.

    A section has one or more tables, which are numbered. In each, the scores of estimators that
    are not evaluated again are kept.
    """

    def __init__(self, path):
        self.path, self.n_tables = path, 0

    def update(self, by_fold, by_subject):
        """Replace the scores of some estimators in the next table; return all of this table."""
        new = {"fold": by_fold, "subject": by_subject}
        new = [own[COLUMNS[unit]].assign(unit=unit) for unit, own in new.items()]
        table = pd.concat(new).assign(table=self.n_tables)
        if self.path.exists():
            old = pd.read_csv(self.path)
            is_new = old["table"].eq(self.n_tables) & old["estimator"].isin(table["estimator"])
            table = pd.concat([old[~is_new], table])
        seeds = table.groupby(["table", "estimator"])["random_state"].unique().map(tuple)
        if seeds.groupby("table").nunique().max() > 1:
            raise ValueError(f"{self.path} must have the same seeds for all models of a table.")
        table = table.sort_values("table", kind="stable").convert_dtypes()
        temporary = self.path.with_suffix(".tmp")
        table.to_csv(temporary, index=False)
        temporary.replace(self.path)
        table = pd.read_csv(self.path).query(f"table == {self.n_tables}")
        self.n_tables += 1
        return [own[COLUMNS[unit]] for unit, own in table.groupby("unit")]


def split_fewer_subjects(cv, trials, n_subjects, seed):
    """Return the folds of a splitter with fewer training subjects, drawn at random in each fold.

    With one seed, smaller sets of subjects are subsets of larger ones.
    """
    rng, folds = np.random.default_rng(seed), []
    subject = trials.metadata["subject"].to_numpy()
    for train_idx, test_idx in cv.split(trials.X, trials.y, trials.metadata):
        selected = rng.permutation(np.unique(subject[train_idx]))[:n_subjects]
        folds.append((train_idx[np.isin(subject[train_idx], selected)], test_idx))
    return folds


def evaluate_seeds(models, trials, splitters, **options):
    """Return scores by fold and by subject, with seeds 0, 1, ... for one splitter each."""
    by_fold, by_subject = [], []
    for random_state, cv in enumerate(splitters):
        results = evaluate(
            models,
            trials,
            cv,
            scoring=SCORE,
            baselines="majority",
            windows=True,
            random_state=random_state,
            error_score="raise",  # a mean over successful folds would be biased
            **options,
        )
        auc = compute_auc(results.predictions)
        own = results.scores.assign(machine=describe_machine())
        by_fold.append(own.assign(auc=own["estimator"].map(auc)))
        by_subject.append(score_by_subject(results, SCORE))
    return pd.concat(by_fold), pd.concat(by_subject)


def compute_auc(predictions):
    """Return the ROC AUC of all tested trials of each estimator, one class against the others."""
    columns = [name for name in predictions if name.startswith("proba_")]

    def compute(own):
        proba, y = own[columns].to_numpy(), own["y_true"]
        proba = proba[:, 1] if len(columns) == 2 else proba
        return roc_auc_score(y, proba, multi_class="ovr")

    return {name: compute(own) for name, own in predictions.groupby("estimator")}


def tabulate(by_fold, by_subject, models, trials):
    """Return a DataFrame of strings with scores, chance levels, tests and cost of each model."""
    of_trials = compare(by_subject, SCORE, random_state=0).set_index("estimator")
    of_windows = compare_windows(by_fold).set_index("estimator")
    columns = {
        "trials": format_scores(of_trials),
        "chance": of_trials["chance"].map(format_score),
        "seeds": format_range(by_subject, SCORE),
        "windows": format_scores(of_windows),
        "chance ": of_windows["chance"].map(format_score),
        "seeds ": format_range(by_fold, WINDOWS),
        "AUC": by_fold.groupby("estimator")["auc"].mean().map(format_score),
        "p chance": of_trials["p_chance"].map(format_p),
        "difference": of_trials["difference"].map("{:+.2f}".format).replace("+nan", "-"),
        "p Holm": of_trials["p_holm"].map(format_p),
        "parameters": pd.Series({name: count_parameters(models[name], trials) for name in models}),
        "windows/s": windows_per_second(by_fold, models, trials).map("{:.0f}".format),
    }
    return pd.DataFrame(columns).loc[list(models)].rename_axis("model").reset_index()


def compare_windows(by_fold):
    """Compare scores of windows, with an interval only if a fold tests one subject."""
    table = compare(by_fold.assign(subject=by_fold["fold"]), WINDOWS, random_state=0)
    if by_fold["subject"].isna().any():  # the mean is that of subjects: folds are of one size
        table[["low", "high"]] = np.nan
    return table


def format_score(score):
    return f"{round(score, DECIMALS):.2f}"


def format_scores(table):
    """Return mean and interval of each row, or the mean if there is no interval."""
    scores = table[["mean", "low", "high"]].map(format_score)
    with_interval = scores["mean"] + " (" + scores["low"] + " to " + scores["high"] + ")"
    return scores["mean"].where(table["low"].isna(), with_interval)


def format_range(scores, score):
    """Return the smallest and the largest mean of a seed."""
    by_seed = scores.groupby(["estimator", "random_state"])[score].mean().unstack()
    return by_seed.min(axis=1).map(format_score) + " to " + by_seed.max(axis=1).map(format_score)


def format_p(p):
    return "-" if np.isnan(p) else f"{p:.3f}" if p >= 0.0005 else "< 0.001"


def is_network(model):
    return hasattr(model[-1], "max_epochs")


def count_parameters(model, trials):
    """Return the number of trained weights of a network, fitted to one subject for one epoch."""
    if not is_network(model):
        return "-"
    model = clone(model)
    model[-1].set_params(max_epochs=1)
    one = trials.select(subject=trials.metadata["subject"].iloc[0])
    net = model.fit(one, one.y)[-1].net_
    return str(sum(weights.numel() for weights in net.module_.parameters()))


def windows_per_second(by_fold, models, trials):
    """Return the windows trained on per second, times the number of epochs, of the fastest fit."""
    per_trial = {name: m[:-1].fit_transform(trials[:1]).shape[1] for name, m in models.items()}

    def count(fold):
        model = models[fold["estimator"]]
        n_windows = fold["n_train"] * per_trial[fold["estimator"]]
        return n_windows * (model[-1]._count_epochs(n_windows) if is_network(model) else 1)

    by_fold = by_fold[by_fold["estimator"].isin(models)]
    rate = by_fold.apply(count, axis=1) / by_fold["fit_seconds"]
    return rate.groupby(by_fold["estimator"]).max()[list(models)]


def summarize(by_subject):
    """Return a sentence on models that are not below the first, and on non-significant ones."""
    table = compare(by_subject, SCORE, random_state=0).set_index("estimator")
    table = table.query("kind == 'model'")
    first, others = table.index[0], table.iloc[1:]
    not_below = others.index[others["mean"] >= table["mean"].iloc[0]]
    not_significant = others.index[others["p_holm"] >= ALPHA]
    return (
        f"Not below {first}, by trials: {', '.join(not_below) or 'none'}. Paired differences to "
        f"{first} that are not significant (p Holm {ALPHA} or more): "
        f"{', '.join(not_significant) or 'none'}."
    )


def rank_models(scores):
    """Return mean ranks over data sets, 1 for the best, and a sentence with two tests.

    ``scores`` is a DataFrame with a row per model and a column per data set. The tests are those of
    Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006.
    """
    ranks = scores.round(DECIMALS).rank(ascending=False)
    n_models, n_sets = scores.shape
    p = stats.friedmanchisquare(*ranks.to_numpy()).pvalue
    quantile = stats.studentized_range.ppf(1 - ALPHA, n_models, np.inf) / np.sqrt(2)
    distance = quantile * np.sqrt(n_models * (n_models + 1) / (6 * n_sets))
    sentence = (
        f"{n_models} models on {n_sets} data sets: Friedman's test has p = {format_p(p)}; mean "
        f"ranks that differ by less than {distance:.1f} are not significantly different (Nemenyi, "
        f"{ALPHA})."
    )
    return ranks.mean(axis=1).sort_values(), distance, sentence


def draw_ranks(mean_ranks, distance, path):
    """Draw mean ranks, and bars over groups of models that are not significantly different."""
    n_models = len(mean_ranks)
    figure, ax = plt.subplots(figsize=(7, 0.3 * n_models + 1))
    ax.plot(mean_ranks, range(n_models), "o")
    ax.set_yticks(range(n_models), mean_ranks.index)
    end, groups = -1, 0
    for first, rank in enumerate(mean_ranks):
        last = np.flatnonzero(mean_ranks <= rank + distance)[-1]
        if last > max(end, first):
            end, groups = last, groups + 1
            x = mean_ranks.iloc[[first, last]]
            ax.plot(x, [n_models - 0.6 + 0.4 * groups] * 2, lw=3, color="gray")
    ax.set(xlabel="mean rank", ylim=(n_models + 0.4 * groups, -0.5))
    figure.tight_layout()
    save_svg(figure, path)
