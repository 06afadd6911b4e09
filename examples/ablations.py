"""
Ablations of MS-iMamba
======================

The paper removes parts of its network (Figures 2 to 4): the multi-scale temporal block, the
temporal-spatial fusion block, and tokens of channels. This example removes or changes parts of the
default network and evaluates it on the bundled EEG. ``embedding='inverted'`` is the network as the
paper describes it.
"""

from argparse import ArgumentParser

from sklearn.base import clone

from skmamba import compare, evaluate, load_eegmat, make_models
from skmamba.evaluation import CrossSubjectSplit, EvaluationResults

SCORE = "balanced_accuracy"

# Each change is of one parameter of the classifier, or of its network.
CHANGES = [
    {"embedding": "inverted"},
    {"embedding": "temporal"},
    {"use_mstb": False},
    {"mixer": "none"},
    {"mixer": "attention"},
    {"n_averages": 0},
    {"filter_size": 64},
    {"average_weights": False},
    {"n_members": 3},
    *({"top_k": top_k} for top_k in (1, 2, 3, 5)),
    *({"n_kernels": n_kernels} for n_kernels in (1, 3, 6)),
    {"bidirectional": False},
]


def set_params(classifier, params):
    """Set parameters of the classifier, or of its network if it has no such parameter."""
    own = {name: value for name, value in params.items() if name in classifier.get_params()}
    rest = {name: value for name, value in params.items() if name not in own}
    return classifier.set_params(**own, **({"module_params": rest} if rest else {}))


def make_ablations(trials, **options):
    """Return the default pipeline, and pipelines with one change that differ from it."""
    (default,) = make_models("MS-iMamba", trials, **options).values()
    models = {"MS-iMamba": default}
    changes = {f"{key}={value!r}": {key: value} for each in CHANGES for key, value in each.items()}
    for name, change in changes.items():
        model = clone(default)
        set_params(model[-1], change)
        if all(model[-1].get_params() != other[-1].get_params() for other in models.values()):
            models[name] = model
    return models


def run(trials, models, n_folds, n_seeds, **options):
    """Return a table with one row per model, compared with the default."""
    results = EvaluationResults.concatenate(
        evaluate(
            models,
            trials,
            CrossSubjectSplit(n_folds),
            baselines=["majority"],
            windows=True,
            random_state=seed,
            **options,
        )
        for seed in range(n_seeds)
    )
    table = compare(results, SCORE, random_state=0).set_index("estimator").drop("majority")
    table["windows"] = results.scores.groupby("estimator")[f"{SCORE}_windows"].mean()
    columns = ["mean", "low", "high", "std_seeds", "chance", "windows", "difference", "p_holm"]
    return table[columns]


def main():
    """Print the table."""
    parser = ArgumentParser(description="Ablations of MS-iMamba.")
    parser.add_argument("--subjects", type=int, default=20, help="number of subjects, at most 20")
    parser.add_argument("--folds", type=int, default=5, help="folds over subjects")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--epochs", type=int, help="training epochs")
    parser.add_argument("--jobs", type=int, default=-1, help="parallel folds")
    parser.add_argument("--cache-dir", default="results/folds", help="cached folds")
    options = parser.parse_args()
    trials = load_eegmat()
    trials = trials.select(subject=trials.metadata["subject"].unique()[: options.subjects])
    models = make_ablations(trials, picks="frontal4", max_epochs=options.epochs)
    table = run(
        trials,
        models,
        options.folds,
        options.seeds,
        n_jobs=options.jobs,
        cache_dir=options.cache_dir,
    )
    print(f"{SCORE} of trials, {options.folds} folds over {options.subjects} subjects: mean over")
    print(f"subjects and {options.seeds} seeds, standard deviation over seeds.\n")
    print(table.round(3).to_string())
    n_significant = (table["p_holm"].iloc[1:] < 0.05).sum()
    print(f"\n{n_significant} differences are significant after Holm's correction.")


if __name__ == "__main__":
    main()
