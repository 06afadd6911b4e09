"""What was trained and tested, fold by fold: on what, for how long, and what failed."""

from ._daggers import unmarked
from ._words import ends, number, span

BASELINES = {
    "majority": "always answers the most frequent class of its training trials",
    "stratified": "answers at random, each class as often as in training",
    "permuted labels": "the first model, trained on shuffled labels that leave nothing to learn",
}


def describe_design(rows, row_word):
    """Tell what was trained and tested, as pairs of a word and what there is to say."""
    first = _rows_of_first(rows)
    held_out = first["held_out"].unique().tolist()
    facts = {
        "Folds": f"{len(first)}; held out: {ends(held_out)}",
        "Trained on": f"{span(first['n_train'])} {row_word}s a fold",
        "Tested on": f"{span(first['n_test'])} {row_word}s a fold, {first['n_test'].sum()} in all",
    }
    seeds = rows["seed"].dropna().astype(int).unique().tolist()
    one_a_fold = f"{len(seeds)}, one a fold, told in results.csv"
    facts["Seeds"] = ", ".join(map(str, seeds)) if len(seeds) <= 5 else one_a_fold
    names = [unmarked(name) for name in rows["estimator"].unique()]
    facts |= {f"“{name}”": words for name, words in BASELINES.items() if name in names}
    return facts


def list_folds(rows):
    """Rows of the table of folds."""
    return _rows_of_first(rows)[["fold", "held_out", "n_train", "n_test"]].to_dict("records")


def describe_timing(rows):
    """Seconds of each estimator, as text."""
    times = rows.groupby("estimator", sort=False)[["fit_seconds", "predict_seconds"]]
    return [
        {
            "estimator": name,
            "n_folds": len(own),
            "fit": number(own["fit_seconds"].mean()),
            "predict": number(own["predict_seconds"].mean()),
            "total": number((own["fit_seconds"] + own["predict_seconds"]).sum()),
        }
        for name, own in times
    ]


def describe_failures(rows):
    """Folds that ended in an error, those with the same one together."""
    n_folds = rows.groupby("estimator")["fold"].size()
    failed = rows[rows["error"] != ""]
    return [
        {
            "estimator": name,
            "error": error,
            "where": ends(own["held_out"].tolist()),
            "count": f"{len(own)} of {n_folds[name]} folds",
        }
        for (name, error), own in failed.groupby(["estimator", "error"], sort=False)
    ]


def describe_undefined(rows, score):
    """Folds that went well and have no score all the same."""
    folds = rows.groupby("estimator", sort=False)
    undefined = rows[(rows["error"] == "") & rows[score].isna()]
    return [
        f"{name}: {len(own)} of {len(folds.get_group(name))} folds"
        for name, own in undefined.groupby("estimator", sort=False)
    ]


def _rows_of_first(rows):
    """Rows of one estimator: all had the same folds."""
    return rows[rows["estimator"] == rows["estimator"].iloc[0]]
