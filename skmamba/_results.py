"""Results of an evaluation, and means and intervals of their scores."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import get_scorer_names

from ._format import describe_counts
from ._io import LABELS, read_table, write_table
from ._metadata import check_identifiers, encode, unify_types
from ._scoring import (
    DEFAULT_SCORING,
    RATING_SCORING,
    RESERVED,
    SCORERS,
    FixedPredictions,
    check_scoring,
    score_predictions,
)
from ._types import StrPath

# Parameters of pipeline steps that select a part of the data.
SELECTION = ("picks", "window_size", "window_size_samples", "stride", "stride_samples")
MACRO_F1 = ("f1", "f1_macro")  # constant predictions score lower than random ones
PROBABILITY_SCORES = ("neg_log_loss", "neg_brier_score", "d2_log_loss_score", "d2_brier_score")
N_RESAMPLES = 9999
MIN_BOOTSTRAP = 8  # with fewer subjects, Student's t interval has higher coverage
RANGES = dict.fromkeys(DEFAULT_SCORING, (0.0, 1.0)) | {
    **{"kappa": (-1.0, 1.0), "ccc": (-1.0, 1.0)},
    **{"r2": (-np.inf, 1.0), "neg_mean_absolute_error": (-np.inf, 0.0)},
}
DECIMALS = 12  # differences such as 0.8 - 0.7 and 0.6 - 0.5 are ties in spite of rounding errors


@dataclass(frozen=True)
class EvaluationResults:
    """Scores and predictions of an evaluation.

    Parameters
    ----------
    scores : DataFrame
        One row per estimator and fold.
    predictions : DataFrame
        One row per estimator and tested trial; empty if unavailable.

    See Also
    --------
    skmamba.evaluate : Returns the results and describes the columns.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skmamba import evaluate
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=3, n_trials=4)
    >>> results = evaluate({"dummy": DummyClassifier()}, trials, baselines=[], verbose=False)
    >>> results
    <EvaluationResults: 1 estimator, 3 folds, 12 predictions>
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame

    @staticmethod
    def concatenate(parts: Iterable[EvaluationResults]) -> EvaluationResults:
        """Concatenate results, such as those of several seeds or protocols.

        Parameters
        ----------
        parts : iterable of EvaluationResults
            At least one.

        Returns
        -------
        results : EvaluationResults
            All rows, in the order of the parts. An estimator with several values of ``adaptation``
            under one protocol gets a name for each, such as "net" and "net (reference)".

        Raises
        ------
        ValueError
            If there are no parts, a model was evaluated on different data of one data set, such as
            other channels, an estimator has different results of a trial with the same seed,
            estimators have different labels of a trial, or parts have subjects such as "01" and 1,
            or text and numbers as labels.
        """
        parts = list(parts) if isinstance(parts, Iterable) else [parts]
        if not parts or not all(isinstance(part, EvaluationResults) for part in parts):
            raise ValueError(f"parts must be one or more EvaluationResults, got {parts!r}.")
        tables = [part.scores for part in parts] + [part.predictions for part in parts]
        tables = _unify_types(tables)
        scores = pd.concat(tables[: len(parts)], ignore_index=True)
        tables = list(_drop_copies(tables[len(parts) :]))
        predictions = _concatenate_predictions(tables)
        scores, predictions = separate_adaptations(scores, predictions)
        check_is_one_version(scores)
        _check_seeds(tables)
        _check_labels(predictions)
        return EvaluationResults(scores, predictions)

    def to_csv(self, folder: StrPath) -> None:
        """Write ``results.csv`` (the scores) and ``predictions.csv`` to a folder.

        Parameters
        ----------
        folder : str or Path
            Folder, which is created if it does not exist. Existing files of these names are
            replaced; without predictions, ``predictions.csv`` is removed.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        predictions = folder / "predictions.csv"
        predictions.unlink(missing_ok=True)  # first: never beside the scores of other results
        write_table(folder / "results.csv", self.scores)
        if not self.predictions.empty:
            write_table(predictions, self.predictions)

    @staticmethod
    def from_csv(path: StrPath) -> EvaluationResults:
        """Read results that :meth:`to_csv` or ``skmamba evaluate`` wrote.

        Unlike :func:`pandas.read_csv`, it reads subjects and labels such as "01" and "NA" as text.
        Subjects, and labels, that are all integers are read as integers. Predictions without
        columns ``proba_<label>`` are ratings.

        Parameters
        ----------
        path : str or Path
            The folder, or the file of scores; ``predictions.csv`` beside it is optional.

        Returns
        -------
        results : EvaluationResults
            The results.

        Raises
        ------
        FileNotFoundError
            If there is no file of scores.
        ValueError
            If a file is no such table.

        Examples
        --------
        >>> import tempfile
        >>> from sklearn.dummy import DummyClassifier
        >>> from skmamba import evaluate
        >>> from skmamba.datasets import simulate_trials
        >>> results = evaluate({"dummy": DummyClassifier()}, simulate_trials(2, 4), verbose=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     results.to_csv(folder)
        ...     EvaluationResults.from_csv(folder)
        <EvaluationResults: 3 estimators, 2 folds, 24 predictions>
        """
        path = Path(path)
        path = path / "results.csv" if path.is_dir() else path
        beside = path.with_name("predictions.csv")
        scores = read_table(path, ["estimator", "kind", "subject", "n_test"])
        if not beside.exists():
            return EvaluationResults(scores, pd.DataFrame())
        return EvaluationResults(scores, read_table(beside, ["estimator", "y_true", "y_pred"]))

    def __repr__(self) -> str:
        n_estimators = self.scores["estimator"].nunique()
        n_folds = self.scores["fold"].nunique() if "fold" in self.scores else 0
        return (
            f"<EvaluationResults: {n_estimators} estimator{'s' if n_estimators != 1 else ''}, "
            f"{n_folds} folds, {len(self.predictions)} predictions>"
        )

    def _repr_html_(self) -> str:
        return self.scores.to_html()


def _unify_types(tables):
    """Return tables whose identifiers and labels have one type per data set, as CSV has text."""
    for name in ("subject", "trial"):
        tables = _unify_columns(tables, [name], _unify_ids)
    return _unify_columns(tables, LABELS, _unify_labels)


def _unify_columns(tables, names, unify):
    """Return tables in which mixed values of these columns, over all tables, are unified."""
    tables = list(tables)
    places = [(i, name) for i, table in enumerate(tables) for name in names if name in table]
    if not places:
        return tables
    values = [tables[i][name].astype(object) for i, name in places]
    values = pd.concat(values, ignore_index=True)
    dataset = [tables[i].reindex(columns=["dataset"])["dataset"] for i, _ in places]
    dataset = pd.concat(dataset, ignore_index=True)
    mixed = [
        own
        for _, own in values.groupby(dataset, dropna=False)
        if pd.api.types.infer_dtype(own) in ("mixed", "mixed-integer")
    ]
    for own in mixed:
        values[own.index] = unify(_restore_values(own))
    for i, name in places if mixed else ():
        own, values = values.iloc[: len(tables[i])], values.iloc[len(tables[i]) :]
        tables[i] = tables[i].assign(**{name: own.infer_objects().array})
    return tables


def _restore_values(values):
    """Return values in which texts that CSV has of others, such as "1.0" of 1.0, are these."""
    by_text = {str(value): value for value in values.unique() if not isinstance(value, str)}
    return values.map(lambda value: by_text.get(value, value))


def _unify_ids(ids):
    """Return identifiers with numbers, or dates, in place of texts if others are of this type."""
    if ids.map(type).isin([pd.Timestamp]).any():
        dates = pd.to_datetime(ids, format="mixed", errors="coerce").astype(object)
        return dates.where(dates.notna(), ids)
    check_identifiers(ids.to_frame())
    return unify_types(ids)


def _unify_labels(labels):
    """Raise ValueError if labels are text and numbers."""
    found = labels.unique()
    if len({isinstance(label, str) for label in found}) > 1:
        raise ValueError(
            "parts must have labels of one data set that are all text or all numbers, got "
            f"{', '.join(sorted(map(repr, found))[:5])}. skmamba evaluate writes the names of "
            "labels: evaluate Trials whose y are these names. Different data need different names."
        )
    return labels


def _concatenate_predictions(tables):
    """Concatenate tables; labels keep their types, so that 1 beside 0.5 does not become 1.0."""
    if len({table["y_true"].dtype for table in tables if "y_true" in table}) > 1:
        types = dict.fromkeys(LABELS, object)
        tables = [table if table.empty else table.astype(types) for table in tables]
    return pd.concat(tables, ignore_index=True)


def _drop_copies(tables):
    """Yield tables of predictions without folds that an earlier one has, such as of baselines."""
    seen: set[int] = set()
    for table in tables:
        if not {"fold", "seed"} <= {*table}:
            yield table
            continue
        own = table[[name for name in table if name != "decision"]]  # present if any model has one
        rows = pd.util.hash_pandas_object(own.astype(str), index=False)
        keys = table.columns.intersection(["dataset", "protocol", "estimator", "fold", "seed"])
        folds = rows.groupby([table[key] for key in keys], dropna=False)
        folds = folds.transform(lambda own: hash(tuple(own)))
        yield table[~folds.isin(seen)]
        seen.update(folds)


def _check_seeds(tables):
    """Raise ValueError if an estimator has tested a trial in two tables with one random state."""
    keys = ["dataset", "protocol", "estimator", "adaptation", "random_state", "subject", "trial"]
    tables = [table[keys].drop_duplicates() for table in tables if {*keys} <= {*table}]
    if not tables:
        return
    table = pd.concat(tables)
    repeated = table[table["subject"].notna() & table.duplicated()]
    if len(repeated):
        raise ValueError(
            f"parts must have different seeds, but {repeated['estimator'].iloc[0]!r} was evaluated "
            "twice with the same seed on one trial, with different predictions, such as of other "
            "folds: pass a different random_state to each call of evaluate, or name the trials "
            "differently if their data differ."
        )


def _check_labels(predictions):
    """Raise ValueError if a trial has another label for another estimator of the protocol."""
    keys = ["dataset", "protocol", "subject", "trial", "window"]
    keys = [key for key in keys if key in predictions]
    if "trial" not in keys:
        return
    labels = predictions[[*keys, "estimator", "y_true"]].drop_duplicates()
    # A number may be that of several trials, such as of sessions.
    labels = labels.drop_duplicates([*keys, "estimator"], keep=False)
    labels = labels.drop_duplicates([*keys, "y_true"])
    differ = labels[labels.duplicated(keys, keep=False)]
    if len(differ):
        _, pair = next(iter(differ.groupby(keys, dropna=False)))
        first, second = pair.to_dict("records")[:2]
        raise ValueError(
            f"parts must have one label of each trial, but trial {first['trial']} of subject "
            f"{first['subject']} is {first['y_true']!r} for {first['estimator']!r} and "
            f"{second['y_true']!r} for {second['estimator']!r}: evaluate both on the same trials, "
            "or name the trials differently, as in replace(trials, name='DEAP, threshold 6') or "
            "with --name."
        )


def describe_data(trials, estimator):
    """Describe how trials were read, and which channels and windows an estimator uses."""
    params = estimator.get_params().items()
    chosen = {name.rpartition("__")[2]: value for name, value in params if value is not None}
    for grid in chosen.get("param_grid"), chosen.get("param_distributions"):
        for part in [grid] if isinstance(grid, Mapping) else grid or []:  # of a search
            chosen |= {name.rpartition("__")[2]: "tuned" for name in part}
    seconds = trials.shape[2] / trials.sfreq
    facts = [
        *trials.loader_params.items(),
        ("channels", trials.ch_names),
        ("trials of", f"{seconds:g} s at {trials.sfreq:g} Hz"),
        *((name, chosen[name]) for name in SELECTION if name in chosen),
    ]
    lists = (list, tuple)
    return "; ".join(
        f"{name} {' '.join(map(str, value)) if isinstance(value, lists) else value}"
        for name, value in facts
    )


def score_by_subject(
    results: EvaluationResults | pd.DataFrame,
    scoring: str | Sequence[str] | Mapping[str, str | Callable[..., float]] | None = None,
) -> pd.DataFrame:
    """Score each test subject of an evaluation, regardless of the folds.

    Parameters
    ----------
    results : EvaluationResults or DataFrame
        Results of :func:`skmamba.evaluate`, or their predictions. Floats in ``y_pred`` are ratings
        if there are no columns ``proba_<label>``.
    scoring : str, sequence of str or dict, default=None
        As in :func:`skmamba.evaluate`.

    Returns
    -------
    scores : DataFrame
        One row per estimator, random state and subject: ``dataset``, ``protocol``, ``estimator``,
        ``kind``, ``adaptation``, ``random_state`` (if the predictions have it), ``subject``,
        ``n_classes`` (NaN for ratings), ``n_test`` trials, and one column per score. The trials of
        all folds that test a subject are scored together.

    Raises
    ------
    ValueError
        If predictions or their subjects are missing, or a score is unknown.

    See Also
    --------
    skmamba.compare : Scores by subject where folds test several subjects.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skmamba import evaluate
    >>> from skmamba.datasets import simulate_trials
    >>> from skmamba.evaluation import CrossSubjectSplit
    >>> trials, cv = simulate_trials(n_subjects=4, n_trials=8), CrossSubjectSplit(2)
    >>> results = evaluate({"prior": DummyClassifier()}, trials, cv, baselines=[], verbose=False)
    >>> score_by_subject(results, "accuracy")[["estimator", "subject", "n_test", "accuracy"]]
      estimator  subject  n_test  accuracy
    0     prior        0       8       0.5
    1     prior        1       8       0.5
    2     prior        2       8       0.5
    3     prior        3       8       0.5
    """
    predictions = get_table(results, "predictions")
    keys = ["dataset", "protocol", "estimator", "kind", "adaptation", "subject"]
    check_table("results", predictions, [*keys, "y_true", "y_pred"], "evaluate")
    if predictions["subject"].isna().any():
        raise ValueError("results must have the subject of every prediction, got missing values.")
    ratings = has_ratings(predictions)
    scorers = check_scoring(scoring, ratings)
    keys = [*keys[:-1], *predictions.columns.intersection(["random_state"]), "subject"]
    rows = []
    for _, part in predictions.groupby(keys[:2], sort=False, dropna=False):
        part = part.infer_objects()  # labels may be numbers in one data set and text in another
        classes = None if ratings else np.unique(part[["y_true", "y_pred"]])
        n_classes = np.nan if ratings else part["y_true"].nunique()
        for values, own in part.groupby(keys, sort=False, dropna=False):
            scores = score_predictions(scorers, _fix(own, classes), own["y_true"].to_numpy())
            sizes = {"n_classes": n_classes, "n_test": len(own)}
            rows.append({**dict(zip(keys, values, strict=True)), **sizes, **scores})
    order = list(dict.fromkeys(predictions["estimator"]))
    table = pd.DataFrame(rows)
    table = table.sort_values("subject", key=lambda subject: encode(subject)[0], kind="stable")
    return table.sort_values(
        "estimator", key=lambda names: names.map(order.index), kind="stable", ignore_index=True
    )


def has_ratings(predictions):
    """Return whether predictions are those of regressors: floats, without probabilities."""
    is_classes = any(str(column).startswith("proba_") for column in predictions)
    return not is_classes and predictions["y_pred"].dtype.kind == "f"


def _fix(predictions, classes):
    """Return an estimator with the predictions of a table; classes are None for ratings."""
    proba = decision = None
    if classes is not None:
        columns = [f"proba_{label}" for label in classes]
        proba = _get_complete(predictions, columns)
        decision = _get_complete(predictions, "decision")
        # Values are large for the last class in the order of columns. As text, 10 precedes 9.
        if decision is not None and [*filter(columns.__contains__, predictions)] != columns:
            decision = -decision
    return FixedPredictions(classes, predictions["y_pred"].to_numpy(), proba, decision)


def _get_complete(table, columns):
    """Return one or several columns as an array, None if one is absent or has missing values."""
    values = table.get(columns)
    return None if values is None or values.isna().any(axis=None) else values.to_numpy()


def get_table(results, name):
    """Return the table of that name of EvaluationResults; a DataFrame is returned as it is."""
    table = getattr(results, name, results)
    if not isinstance(table, pd.DataFrame):
        raise ValueError(
            f"results must be EvaluationResults or a DataFrame, got {type(results).__name__}."
        )
    return table


def check_table(name, table, columns, function):
    """Raise ValueError unless a table has rows and the columns that a function returns."""
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"`{name}` must be a table that {function} returns, got {table!r}.")
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(
            f"`{name}` must have the columns {', '.join(columns)} that {function} returns; "
            f"missing: {', '.join(missing)}."
        )
    if table.empty:
        raise ValueError(f"`{name}` must have at least one row, got none.")


def separate_adaptations(scores, *tables):
    """Return tables in which an estimator has one name per value of ``adaptation``.

    Rows without adaptation keep the name; if there are none, those of the first value do.
    """
    keys = [key for key in ("dataset", "protocol") if key in scores] + ["estimator"]
    if not {"adaptation", "estimator"} <= set(scores):
        return scores, *tables
    names: dict[tuple, str] = {}
    scores = _fill_adaptation(scores)
    rows = scores[[*keys, "adaptation"]].drop_duplicates()
    for key, own in rows.groupby(keys, sort=False)["adaptation"]:
        others = sorted(own, key=bool)[1:]
        names |= {(*key, adaptation): f"{key[-1]} ({adaptation})" for adaptation in others}

    def rename(table):
        if not names or table.empty:
            return table
        rows = _fill_adaptation(table)[[*keys, "adaptation"]].itertuples(index=False, name=None)
        return table.assign(estimator=[names.get(row, row[-2]) for row in rows])

    return rename(scores), *map(rename, tables)


def _fill_adaptation(table):
    """Return a table without missing values of ``adaptation``, as read from a CSV file."""
    known = table["adaptation"].notna()
    filled = table["adaptation"].astype(object).where(known, "")
    return table if known.all() else table.assign(adaptation=filled)


def get_scores(results, score, *, with_defaults=False):
    """Return a checked DataFrame of scores, with one subject per row if the results allow it.

    If folds test several subjects, or lack classes of their subject, each subject is scored from
    the predictions, by the other default scores too if ``with_defaults``. The score is NaN if the
    estimator lacks some of these because a fold failed. Rows of folds are returned if ``results``
    is a DataFrame, or if there is no scorer of that name (single windows, functions).
    """
    if isinstance(results, pd.DataFrame):
        _check_results(results, score)
        _warn_of_folds(results)
        return separate_adaptations(results)[0]
    scores, predictions = get_table(results, "scores"), get_table(results, "predictions")
    _check_results(scores, score)
    _warn_of_folds(scores)
    scores, predictions = separate_adaptations(scores, predictions)
    for key in {"dataset", "protocol"} & {*scores} & {*predictions}:  # of one part
        predictions = predictions[predictions[key].isin(scores[key])]
    if not predictions.empty and not has_ratings(predictions):
        _warn_of_single_classes(predictions, score)
    if (
        predictions.empty
        or predictions["subject"].isna().any()
        or (scores["subject"].notna().all() and not _has_partial_folds(predictions))
        or score not in [*SCORERS, *get_scorer_names()]
    ):
        return scores
    defaults = RATING_SCORING if has_ratings(predictions) else DEFAULT_SCORING
    scoring = defaults if with_defaults and score in defaults else [score]
    by_subject = score_by_subject(predictions, scoring)
    keys = ["dataset", "protocol", "estimator", "kind", "random_state"]
    keys = [key for key in keys if key in scores and key in by_subject]
    # An estimator of which every fold failed has no predictions.
    grid = scores[[*keys, *scores.columns.intersection(["adaptation"])]].drop_duplicates()
    grid = grid.merge(by_subject[["subject"]].drop_duplicates(), "cross")
    by_subject = by_subject.drop(columns=grid.columns.intersection(["adaptation"]))
    by_subject = grid.merge(by_subject, "left", [*keys, "subject"]).fillna({"n_test": 0})
    is_incomplete = _find_incomplete(by_subject, scores, predictions, keys)
    of_all_seeds = [by_subject["estimator"], by_subject["subject"]]
    is_incomplete = is_incomplete.groupby(of_all_seeds).transform("any")
    by_subject = by_subject.assign(
        **{name: by_subject[name].mask(is_incomplete) for name in scoring}
    )
    if scores["subject"].isna().any():
        return by_subject
    # There are no predictions of single windows: their scores remain means over folds.
    of_windows = [name for name in list_scores(scores) if name.endswith("_windows")]
    means = scores.groupby([*keys, "subject"], dropna=False)[of_windows].mean().reset_index()
    return by_subject.merge(means, "left", [*keys, "subject"])


def _has_partial_folds(predictions):
    """Return whether folds lack classes of their subject, or have a part of its ratings."""
    if "fold" not in predictions:
        return False
    keys = ["estimator", *predictions.columns.intersection(["random_state"]), "subject", "fold"]
    if has_ratings(predictions):  # R2 and CCC are biased where there are few ratings
        return bool(predictions[keys].drop_duplicates().duplicated(keys[:-1]).any())
    labels = predictions.groupby(keys, dropna=False)["y_true"]
    n_classes = labels.nunique().reset_index(name="n")
    most = predictions.groupby("subject")["y_true"].nunique()
    return bool((n_classes["n"] < n_classes["subject"].map(most)).any())


def _warn_of_folds(scores):
    """Warn if estimators have different numbers of folds, so that training sets differ in size."""
    if "fold" not in scores:
        return
    n_folds = scores.groupby("estimator", sort=False)["fold"].nunique()
    if n_folds.nunique() > 1:
        warnings.warn(
            f"Estimators were evaluated on {describe_counts(n_folds, 'fold')}, so their training "
            "sets differ in size: compare estimators on the folds of one splitter.",
            stacklevel=4,
        )


def _warn_of_single_classes(predictions, score):
    """Warn if subjects have one class, of which the score is undefined or the accuracy."""
    effects = {
        "balanced_accuracy": "balanced accuracy is the accuracy, and the mean over subjects "
        "depends on the number of subjects of each class",
        **dict.fromkeys(("kappa", "f1", "roc_auc"), f"{score} is undefined: they are left out"),
    }
    n_classes = predictions.groupby("subject")["y_true"].nunique()
    n_single = (n_classes == 1).sum()
    if n_single and score in effects:
        warnings.warn(
            f"{n_single} of {len(n_classes)} subjects have trials of one class, so that their "
            f"{effects[score]}. For labels of subjects, such as a diagnosis, compute the score of "
            "results.predictions with scikit-learn.",
            stacklevel=4,
        )


def _find_incomplete(by_subject, scores, predictions, keys):
    """Return a mask of the rows that lack predictions of the subject because a fold failed."""
    run = [key for key in keys if key == "random_state"]
    expected = by_subject.groupby([*run, "subject"], dropna=False)["n_test"].transform("max")
    fits = [*run, "fold", "seed"]
    if not {*fits} <= {*scores} & {*predictions} or "n_test" not in scores:
        return by_subject["n_test"] < expected
    if run:  # subjects of folds without any prediction are known from other seeds only
        is_tested = scores.set_index(fits).index.isin(predictions.set_index(fits).index)
        is_lost = by_subject["random_state"].isin(scores.loc[~is_tested, "random_state"])
        expected = expected.mask(is_lost, by_subject.groupby("subject")["n_test"].transform("max"))
    # Fewer trials without a failed fold are due to another splitter.
    folds = scores.drop_duplicates([*keys, "fold", "seed"]).groupby(keys, dropna=False)
    table = folds["n_test"].sum().to_frame("expected")
    table["n_tested"] = predictions.groupby(keys, dropna=False).size()
    if "error" in scores:
        failed = scores["error"].fillna("").ne("")
        table["failed"] = failed.groupby([scores[key] for key in keys], dropna=False).any()
    table = by_subject[keys].merge(table.reset_index(), "left", keys)
    is_failed = (table["n_tested"] < table["expected"]) | table.get("failed", False)
    return is_failed & (by_subject["n_test"] < expected)


def _check_results(results, score):
    """Raise ValueError unless a table has that score, of one data set under one protocol."""
    check_table(
        "results", results, ["estimator", "kind", "subject"], "evaluate or score_by_subject"
    )
    scores = list_scores(results)
    if score not in scores:
        near = get_close_matches(str(score), scores, 1)
        raise ValueError(
            f"score must be one of the columns {', '.join(scores) or '(there are none)'}, "
            f"got {score!r}{f': did you mean {near[0]!r}?' if near else '.'}"
        )
    check_is_one_part(results)
    check_is_one_version(results)
    mixed = results.groupby("estimator")["kind"].nunique()
    if (mixed > 1).any():
        raise ValueError(
            f"results must have one kind per estimator, but {mixed.idxmax()!r} is both a model "
            "and a baseline."
        )


def check_is_one_part(results):
    """Raise ValueError if a table is of several data sets or protocols."""
    for column, what in (("dataset", "data sets"), ("protocol", "protocols")):
        values = list(results[column].unique()) if column in results else []
        if len(values) > 1:
            raise ValueError(
                f"results must be of one data set and one protocol, got {len(values)} {what}, "
                f"{', '.join(map(str, values))}: select one, as in "
                f"results.scores[results.scores[{column!r}] == {values[0]!r}]."
            )


def check_is_one_version(scores):
    """Raise ValueError if rows of one model are of different data, so are not repetitions."""
    if "data" not in scores:
        return
    keys = [key for key in ("estimator", "dataset", "protocol", "adaptation") if key in scores]
    is_known = scores["kind"].eq("model") & scores["data"].notna() & scores["data"].ne("")
    rows = scores.loc[is_known, [*keys, "data"]].drop_duplicates()
    for key, texts in rows.groupby(keys, sort=False, dropna=False)["data"]:
        if len(texts) > 1:
            raise ValueError(
                f"results must have one version of the data for each model, but {key[0]!r} was "
                f"evaluated on {' and on '.join(map(repr, texts))}: name the models or the trials "
                "differently, as in replace(trials, name='DEAP, 14 channels') or with --name."
            )


def list_scores(table):
    """Return the names of the columns that hold scores."""
    return [name for name in table.select_dtypes("number") if name not in RESERVED]


def summarize(results, unit, score, confidence, seed):
    """Return mean scores by unit, a summary by estimator, and the chance level of each unit.

    The name of the chance level is that of the baseline; None if it is the score of guessing.
    """
    by_unit = average_by(results, unit, score)
    rows = {}
    for name, kind in results.groupby("estimator", sort=False)["kind"].first().items():
        values = by_unit[name].dropna().to_numpy()
        mean = values.mean() if len(values) else np.nan
        limits = compute_interval(values, confidence, seed)
        lowest, highest = RANGES.get(score.removesuffix("_windows"), (-np.inf, np.inf))
        if not ((values < lowest) | (values > highest)).any():  # unless in percent
            limits = np.clip(limits, lowest, highest)
        rows[name] = [kind, mean, *limits]
    columns = ["kind", "mean", "low", "high"]
    summary = pd.DataFrame.from_dict(rows, "index", columns=columns).rename_axis("estimator")
    baseline = _find_chance_level(by_unit, summary, score)
    if baseline is None:
        return by_unit, summary, None
    chance = by_unit[baseline]
    guessing = _compute_guessing_score(score.removesuffix("_windows"), results)
    is_one_draw = np.isfinite(guessing) and score.removesuffix("_windows") in MACRO_F1
    if is_one_draw or chance.mean() < guessing:  # that depends on the labels of the test trials
        chance = pd.Series(guessing, by_unit.index)
    return by_unit, summary, chance


def average_by(results, unit, score):
    """Return mean scores, a row per unit and a column per estimator; NaN where a fold failed."""
    order = list(dict.fromkeys(results["estimator"]))
    keys = [unit, "estimator"]
    if {"fold", "seed"} <= set(results):  # then rows of equal folds are copies
        fold = ["fold", "seed", "held_out", "n_train", "n_test", "error", score]
        results = results.drop_duplicates([*keys, *results.columns.intersection(fold)])
    means = results.groupby(keys)[score].mean()
    if "error" in results:
        failed = results[score].isna() & results["error"].notna() & results["error"].ne("")
        failed = failed.groupby([results[key] for key in keys]).any()
        means = means.mask(failed)
    return means.unstack("estimator")[order]


def _find_chance_level(by_unit, summary, score):
    """Return "mean", "majority", "stratified" if that is higher or for macro F1, or None.

    Scores of probabilities have none: baselines predict 0 and 1, unlike an uninformed model.
    """
    baselines = summary.index[summary["kind"] == "baseline"]
    score = score.removesuffix("_windows")
    if score in PROBABILITY_SCORES:
        return None
    if "mean" in baselines:
        return "mean"
    if score in MACRO_F1:
        return "stratified" if "stratified" in baselines else None
    if not {"majority", "stratified"} <= set(baselines):
        return "majority" if "majority" in baselines else None
    stratified = by_unit["stratified"].dropna()
    if len(stratified) < 2:
        return "majority"
    margin = stats.t.ppf(0.975, len(stratified) - 1) * stats.sem(stratified)
    is_beaten = stratified.mean() - margin > by_unit["majority"].mean()
    if score == "f1_weighted":  # between macro F1 and accuracy
        is_beaten = stratified.mean() > by_unit["majority"].mean()
    return "stratified" if is_beaten else "majority"


def _compute_guessing_score(score, results):
    """Return the highest expected score of random classes; NaN if unknown.

    For macro F1, that is of classes with the frequencies of the test trials.
    """
    by_class = ("accuracy", "balanced_accuracy", "f1_micro", *MACRO_F1)
    if score in by_class and "n_classes" in results:
        return 1 / results["n_classes"].max()
    return {"kappa": 0.0, "matthews_corrcoef": 0.0, "roc_auc": 0.5}.get(score, np.nan)


def compute_interval(scores, confidence, seed):
    """Return Student's t interval of the mean, or an expanded BCa interval (Hesterberg, 2015)."""
    n_scores = len(scores)
    if n_scores < 2:
        return np.nan, np.nan
    if np.ptp(scores) < 10.0**-DECIMALS:  # BCa is undefined without variance
        return scores.mean(), scores.mean()
    if n_scores < MIN_BOOTSTRAP:
        return stats.t.interval(confidence, n_scores - 1, scores.mean(), stats.sem(scores))
    student = stats.t.ppf((1 + confidence) / 2, n_scores - 1)
    tails = 2 * stats.norm.sf(student * np.sqrt(n_scores / (n_scores - 1)))
    interval = stats.bootstrap(
        (np.sort(scores),),  # the same interval in any order of subjects
        np.mean,
        n_resamples=N_RESAMPLES,
        vectorized=True,
        confidence_level=1 - max(tails, 1 / N_RESAMPLES),  # tails of a resample or more
        method="BCa",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def check_has_subjects(results, scores, score):
    """Raise ValueError if ``scores``, which get_scores returned of results, lack a subject."""
    if scores["subject"].notna().all():
        return
    predictions = None if isinstance(results, pd.DataFrame) else results.predictions
    if predictions is None or predictions.empty:
        raise ValueError(
            "results must have one subject per row, or predictions to score each subject, got "
            "folds of several or of unknown subjects: pass the EvaluationResults of evaluate."
        )
    if predictions["subject"].isna().any():
        raise ValueError(
            "results must have the subject of every trial, got missing values: pass trials to "
            "evaluate whose metadata have a column 'subject'."
        )
    if score.endswith("_windows"):
        raise ValueError(
            f"score must be of trials if folds test several subjects, got {score!r}: scores of "
            "windows require folds of one subject, such as those of CrossSubjectSplit()."
        )
    raise ValueError(
        "score must name a scorer of scikit-learn or a default score, to score each subject, "
        f"because folds test several, got {score!r}: pass score_by_subject(results, scoring), or "
        "use folds of one subject."
    )
