"""Results that have something to tell, or an error that says what they lack."""

import pandas as pd

# What evaluate writes beside the scores.
FACTS = [
    *("dataset", "protocol", "estimator", "kind", "fold", "held_out", "subject", "n_train"),
    *("n_test", "transductive", "fit_seconds", "predict_seconds", "seed", "error", "versions"),
]


def check_results(results, score, columns):
    """Results with something to compare, as they were before they went through a file."""
    _check_columns(results, columns)
    _check_scores(results, score)
    texts = ["dataset", "protocol", "transductive", "error", "versions", "held_out"]
    # Whoever sorted the rows: models are compared with a model, and the first one is it.
    results = results.sort_values("kind", key=lambda kinds: kinds != "model", kind="stable")
    return results.assign(
        **{text: filled(results[text]) if text in results else "" for text in texts},
        estimator=results["estimator"].astype(str),
    ).reset_index(drop=True)


def _check_columns(results, columns):
    if not isinstance(results, pd.DataFrame):
        hint = (
            ": unpack it, results, predictions = evaluate(...)"
            if isinstance(results, tuple)
            else ""
        )
        raise ValueError(
            "results must be the DataFrame that evaluate returns, got "
            f"{type(results).__name__}{hint}."
        )
    missing = [column for column in columns if column not in results]
    if missing:
        raise ValueError(
            f"results must have the columns that evaluate writes, but {', '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} missing."
        )
    if results.empty:
        raise ValueError("results are empty: there is nothing to report.")


def _check_scores(results, score):
    scores = score_columns(results)
    if score not in scores:
        raise ValueError(
            f"score must be a score in results, {', '.join(scores) or 'which have none'}; "
            f"got {score!r}."
        )
    if not (results["kind"] == "model").any():
        raise ValueError("results must hold a model: there are only baselines in it.")
    if results.loc[results["kind"] == "model", score].isna().all():
        raise ValueError(
            f"results have no {score} of any model: every fold failed, or has it undefined."
        )


def filled(texts):
    """Empty texts for missing ones, which is what a CSV file makes of them."""
    return texts.astype(object).where(texts.notna(), "")


def score_columns(results):
    """Names of the columns that hold scores."""
    numbers = results.select_dtypes("number").columns
    return [column for column in numbers if column not in FACTS]
