"""One table of results: every estimator on every fold, chance beside it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import check_cv
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed

from .._progress import progress_bar
from .._results import EvaluationResults
from .._types import Splitter, StrPath
from ..trials import Trials
from ._chance import check_seed
from ._fingerprint import fingerprint
from ._folds import FoldTask, run_fold, what_it_sees
from ._rows import describe_fold, score_record, tabulate_answers, tabulate_record
from ._scoring import DEFAULT_SCORING, Answers, check_scoring, score_answers
from ._splitters import ProtocolName, check_splitter
from ._store import FoldStore

BASELINES = {
    "majority": DummyClassifier(strategy="most_frequent"),
    "stratified": DummyClassifier(strategy="stratified"),
    "permutation": None,  # the first estimator, on permuted labels
}
PERMUTED = "permuted labels"


@dataclass(frozen=True)
class Entry:
    """An estimator or a baseline, as it stands in the table."""

    name: str
    estimator: BaseEstimator
    kind: str
    permute: bool = False


def evaluate(
    estimators: Mapping[str, BaseEstimator],
    trials: Trials,
    cv: ProtocolName | Splitter | Iterable[tuple[ArrayLike, ArrayLike]] = "cross_subject",
    *,
    scoring: str | Sequence[str] | Mapping[str, str | Callable[..., float]] = DEFAULT_SCORING,
    baselines: Sequence[str] = ("majority", "stratified", "permutation"),
    windows: bool = False,
    n_jobs: int | None = None,
    cache_dir: StrPath | None = None,
    random_state: int | None = None,
    error_score: float | Literal["raise"] = np.nan,
    verbose: bool | None = None,
) -> EvaluationResults:
    """Score estimators under a protocol, one row per estimator and fold, chance among them.

    Use it instead of a chain of :func:`~sklearn.model_selection.cross_validate` when the result
    goes into a paper: it keeps finished folds, survives being killed, tells failures apart from
    bad scores, and never shows a score without what guessing would have reached.

    Parameters
    ----------
    estimators : dict of str to estimator
        What is compared, by the name in the table. Pipelines, searches such as
        :class:`~sklearn.model_selection.GridSearchCV`, any classifier that takes ``trials.X``.
    trials : Trials
        Data, labels, and the metadata that protocols read.
    cv : str, splitter or iterable of (train, test), default="cross_subject"
        The protocol: ``"within_subject"``, ``"cross_subject"``, ``"cross_session"``,
        ``"cross_stimulus"``, ``"first_trials"``, ``"random_windows"``, or a splitter. Those of
        this package get the metadata as ``groups``; those of scikit-learn get the subjects.
    scoring : str, sequence of str or dict, default=("accuracy", "balanced_accuracy", "kappa", \
"f1", "roc_auc")
        Scores of a fold's test trials: those named, where kappa is Cohen's and F1 the mean over
        classes, or names of scikit-learn's scorers, or a dict from name to either or to a
        function ``(answers, rows, y)``. They are computed from kept answers: one more score
        costs no fit.
    baselines : sequence of str, default=("majority", "stratified", "permutation")
        What stands for chance: always the commonest class of the training trials; classes drawn
        as often as there; the first estimator trained on labels dealt out anew among each
        subject's training trials, at the price of one more fit a fold.
    windows : bool, default=False
        Whether single windows are scored too, in columns ``<score>_windows``, where the last
        step of a pipeline gets bags of windows.
    n_jobs : int, default=None
        Folds that run side by side; :func:`joblib.parallel_config` may give them to a cluster.
    cache_dir : str or Path, default=None
        Folder that keeps every fold as soon as it is finished. The same call goes on where it
        stopped, after whatever stopped it. Folds of another estimator, of other data, another
        protocol, seed or version, or of changed code are never taken.
    random_state : int or None, default=None
        Seed. Each fold has its own, which takes the place of every ``random_state`` that an
        estimator leaves at None. None takes fresh entropy, which no store can find again.
    error_score : "raise" or nan, default=nan
        Whether a fold that fails ends the evaluation, or is a row without scores that tells its
        error while the rest goes on. Failed folds are not kept, so the next call tries again.
    verbose : bool, default=None
        Whether to show a progress bar; None shows it if stderr is a terminal.

    Returns
    -------
    results : EvaluationResults
        ``results.scores`` is a DataFrame of ``n_estimators * n_folds`` rows: ``dataset``,
        ``protocol``, ``estimator``, ``kind`` ("model" or "baseline"), ``transductive`` (what of
        the test subjects' data the estimator uses; empty if it uses none), ``fold``, ``held_out``
        (what the training trials have nothing of), ``subject`` (if a fold tests one), ``n_train``
        and ``n_test`` trials, a column per score, ``fit_seconds``, ``predict_seconds``, ``seed``,
        ``error``, ``versions``. ``results.predictions`` is a DataFrame with one row per estimator
        and tested trial: ``dataset``, ``protocol``, ``estimator``, ``kind``, ``transductive``,
        ``fold``, ``trial``, ``subject``, ``y_true``, ``y_pred``, ``proba_<label>``, and
        ``decision`` if an estimator of two classes gives no probabilities.

    Raises
    ------
    ValueError
        If an argument does not fit, before anything is run.

    Warns
    -----
    FitFailedWarning
        If folds failed.
    UserWarning
        If a score failed, which is NaN then, or if a fold cannot be kept.

    See Also
    --------
    compare : Means, intervals and tests over subjects.
    leakage_report : What training and test trials share under a protocol.

    Notes
    -----
    An object within an estimator that uses the test subjects' data, as
    :class:`~skmamba.EuclideanAlignment` may, says so in an attribute ``transductive``; the
    column shows it. Parts that ask for ``groups`` get the metadata: a search, for an inner
    splitter such as ``CrossSubjectSplit(4)``, and alignment.

    Every fold runs on one thread, so that scores are the same bit for bit whatever ``n_jobs``.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows, simulate_trials
    >>> trials = simulate_trials(n_subjects=3, n_trials=8)
    >>> pipe = make_pipeline(SlidingWindows(256), MSiMambaClassifier(max_epochs=5))
    >>> results = evaluate({"MS-iMamba": pipe}, trials, progress=False)
    >>> results.scores[["estimator", "held_out", "n_train", "n_test"]].head(3)
       estimator   held_out  n_train  n_test
    0  MS-iMamba  subject 0       16       8
    1  MS-iMamba  subject 1       16       8
    2  MS-iMamba  subject 2       16       8
    >>> results.scores["estimator"].unique().tolist()
    ['MS-iMamba', 'majority', 'stratified', 'permuted labels']
    """
    entries = _check_estimators(estimators, baselines)
    scorers = check_scoring(scoring)
    seed = check_seed(random_state)
    if random_state is None and cache_dir is not None:
        raise ValueError(
            "random_state must be an int if cache_dir is given, got None: folds of a random seed "
            "cannot be found again."
        )
    if error_score != "raise" and not (isinstance(error_score, float) and np.isnan(error_score)):
        raise ValueError(f"error_score must be 'raise' or nan, got {error_score!r}.")
    if not isinstance(trials, Trials):
        raise ValueError(f"trials must be Trials, got {type(trials).__name__}.")
    check_classification_targets(trials.y)
    folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]]
    protocol, folds = _split(cv, trials, repeatable=cache_dir is not None)
    about_folds = [describe_fold(trials.metadata, *fold) for fold in folds]

    jobs = [
        (entry, number, _make_task(entry, number, *fold, seed, windows))
        for entry in entries
        for number, fold in enumerate(folds)
    ]
    tasks = [task for _, _, task in jobs]
    records = _run(tasks, trials, protocol, cache_dir, n_jobs, error_score, verbose)
    _warn_of_failures(records)

    rows, answers = [], []
    for (entry, number, task), record in zip(jobs, records, strict=True):
        about = {
            "dataset": trials.name,
            "protocol": protocol,
            "estimator": entry.name,
            "kind": entry.kind,
            "transductive": record.get("transductive", what_it_sees(entry.estimator)),
            "fold": number,
        }
        scores = score_record(record, scorers, trials.y, task)
        rows.append(tabulate_record(about, about_folds[number], record, scores, task.seed))
        if not record["error"]:
            answers.append(tabulate_answers(about, record, trials, task))
    predictions = pd.concat(answers, ignore_index=True) if answers else pd.DataFrame()
    return EvaluationResults(pd.DataFrame(rows), predictions)


def score_by_subject(
    results: EvaluationResults | pd.DataFrame,
    scoring: str | Sequence[str] | Mapping[str, str | Callable[..., float]] = DEFAULT_SCORING,
) -> pd.DataFrame:
    """Score every subject of an evaluation whose folds test several.

    Parameters
    ----------
    results : EvaluationResults or DataFrame
        Results of :func:`evaluate`, or their predictions.
    scoring : str, sequence of str or dict, default=("accuracy", "balanced_accuracy", "kappa", \
"f1", "roc_auc")
        As in :func:`evaluate`.

    Returns
    -------
    scores : DataFrame
        One row per estimator and subject: ``dataset``, ``protocol``, ``estimator``, ``kind``,
        ``transductive``, ``subject``, ``n_test`` trials, and a column a score. Trials of several
        folds are scored together.

    Raises
    ------
    ValueError
        If these are no predictions of known subjects.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skmamba import CrossSubjectSplit, simulate_trials
    >>> results = evaluate(
    ...     {"guess": DummyClassifier(strategy="uniform")},
    ...     simulate_trials(n_subjects=4, n_trials=8),
    ...     cv=CrossSubjectSplit(2),
    ...     baselines=["majority"],
    ...     progress=False,
    ... )
    >>> scores = score_by_subject(results, "accuracy")
    >>> scores.loc[scores["kind"] == "baseline", ["estimator", "subject", "n_test", "accuracy"]]
      estimator  subject  n_test  accuracy
    4  majority        0       8       0.5
    5  majority        1       8       0.5
    6  majority        2       8       0.5
    7  majority        3       8       0.5
    """
    predictions = getattr(results, "predictions", results)
    keys = ["dataset", "protocol", "estimator", "kind", "transductive", "subject"]
    missing = [column for column in [*keys, "y_true", "y_pred"] if column not in predictions]
    if missing:
        raise ValueError(
            "results must be the EvaluationResults of evaluate, got predictions without "
            f"{', '.join(missing)}."
        )
    if predictions["subject"].isna().any():
        raise ValueError("predictions must know the subject of every trial.")
    scorers = check_scoring(scoring)
    classes = np.unique(np.concatenate([predictions["y_true"], predictions["y_pred"]]))
    columns = [f"proba_{label}" for label in classes]
    rows = []
    for values, own in predictions.groupby(keys, sort=False, dropna=False):
        proba = own[columns].to_numpy() if set(columns) <= set(own) else None
        if proba is not None and np.isnan(proba).any():
            proba = None
        decision = own["decision"].to_numpy() if "decision" in own else None
        if decision is not None and np.isnan(decision).any():
            decision = None
        answers = Answers(classes, own["y_pred"].to_numpy(), proba, decision)
        scores = score_answers(scorers, answers, own["y_true"].to_numpy())
        rows.append({**dict(zip(keys, values, strict=True)), "n_test": len(own), **scores})
    order = list(dict.fromkeys(predictions["estimator"]))
    scores = pd.DataFrame(rows)
    place = scores["estimator"].map(order.index)
    return (
        scores.assign(place=place)
        .sort_values(["place", "subject"], kind="stable", ignore_index=True)
        .drop(columns="place")
    )


# What comes in


def _check_estimators(estimators, baselines):
    """Estimators and baselines, each with its name in the table."""
    if not isinstance(estimators, Mapping) or not estimators:
        raise ValueError(
            "estimators must be a dict from names to estimators, such as "
            f"{{'MS-iMamba': pipe}}, got {type(estimators).__name__}."
        )
    baselines = [baselines] if isinstance(baselines, str) else list(baselines)
    unknown = [name for name in baselines if name not in BASELINES]
    if unknown:
        raise ValueError(f"baselines must be among {', '.join(BASELINES)}, got {unknown[0]!r}.")
    taken = {*BASELINES, PERMUTED} & set(estimators)
    if taken:
        raise ValueError(f"estimators must not be called {taken.pop()!r}: a baseline is.")

    for name, each in estimators.items():
        if isinstance(each, type) or not hasattr(each, "get_params"):
            raise ValueError(f"estimators[{name!r}] must be an estimator, got {each!r}.")
    entries = [Entry(str(name), clone(each), "model") for name, each in estimators.items()]
    for name in baselines:
        if name == "permutation":
            entries.append(Entry(PERMUTED, entries[0].estimator, "baseline", permute=True))
        else:
            entries.append(Entry(name, BASELINES[name], "baseline"))
    return entries


def _split(cv, trials, *, repeatable):
    """Name of the protocol, and its folds as pairs of indices."""
    if not isinstance(cv, str) and not hasattr(cv, "split") and not isinstance(cv, Integral):
        cv, protocol = check_cv(cv), "given folds"
    else:
        cv = check_splitter(cv)
        protocol = getattr(cv, "protocol", type(cv).__name__)
    metadata = trials.metadata
    groups = metadata if hasattr(cv, "protocol") else metadata.get("subject")

    def split():
        rows = np.arange(len(trials))  # masks become indices
        found = cv.split(trials.X, trials.y, groups)
        return [
            tuple(rows[np.asarray(side)] if len(side) else rows[:0] for side in fold)
            for fold in found
        ]

    folds = split()
    if not folds:
        raise ValueError(f"cv={cv!r} gives no fold.")
    for number, (train_idx, test_idx) in enumerate(folds):
        if not len(train_idx) or not len(test_idx):
            raise ValueError(f"cv gives no training or no test trials in fold {number}.")
        if np.isin(test_idx, train_idx).any():
            raise ValueError(f"cv tests trials in fold {number} that it trains on.")
    if repeatable and fingerprint(folds) != fingerprint(split()):
        raise ValueError(
            f"store needs folds that are the same in every call: set random_state of {cv!r}."
        )
    return protocol, folds


def _make_task(entry, number, train_idx, test_idx, seed, windows):
    own = np.random.SeedSequence([seed, number]).generate_state(1)[0]
    return FoldTask(
        entry.estimator, train_idx, test_idx, int(own), permute=entry.permute, windows=windows
    )


# What happens


def _run(tasks, trials, protocol, cache_dir, n_jobs, error_score, verbose):
    """Run all tasks but those that are kept, and return records in their order."""
    store = None if cache_dir is None else FoldStore(cache_dir)
    if store is not None:
        store.check()
        data = fingerprint(trials.X, trials.y, trials.metadata)
        estimators = {id(task.estimator): task.estimator for task in tasks}
        read = {place: fingerprint(estimator) for place, estimator in estimators.items()}
        keys = [task.key(read[id(task.estimator)], data, protocol) for task in tasks]
        records = [store.read(key) for key in keys]
    else:
        keys, records = [None] * len(tasks), [None] * len(tasks)
    left = [place for place, record in enumerate(records) if record is None]

    # X is an argument of its own, and not part of trials: that is what joblib sends once, as a
    # file that processes share or as one scattered array on a cluster.
    X, y, metadata = np.asarray(trials.X), trials.y, trials.metadata

    def run(place):
        return delayed(_run_at)(
            place, tasks[place], keys[place], store, X, y, metadata, error_score
        )

    finished = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(map(run, left))
    with progress_bar(total=len(tasks), unit="fold", verbose=verbose) as bar:
        bar.update(len(tasks) - len(left))
        try:
            for place, record in finished:
                records[place] = record
                if cache_dir is not None and not record["error"]:
                    _keep(record, keys[place], store)  # a worker's disk may be another one
                bar.update()
        except BaseException as error:  # Ctrl-C as well
            if cache_dir is not None:
                error.add_note(f"Finished folds are in {store.folder}: the same call goes on.")
            raise
    return records


def _keep(record, key, store):
    """Keep a record; if the disk is full, there is still the table."""
    try:
        store.write(key, record)
    except OSError as error:
        warnings.warn(
            f"A finished fold cannot be kept and is in this table only: {error}", stacklevel=4
        )


def _run_at(place, *arguments):
    return place, run_fold(*arguments)


def _warn_of_failures(records):
    errors = [record["error"] for record in records if record["error"]]
    if errors:
        warnings.warn(
            f"{len(errors)} of {len(records)} fits failed, see the column 'error'. The first: "
            f"{errors[0]}",
            FitFailedWarning,
            stacklevel=3,
        )
