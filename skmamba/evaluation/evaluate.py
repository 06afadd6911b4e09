"""Evaluation of estimators and baselines under a protocol."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import FitFailedWarning

from .._format import join_words
from .._metadata import TRIAL_COLUMNS
from .._parallel import delayed, run_parallel
from .._progress import progress_bar
from .._results import EvaluationResults, describe_data
from .._scoring import check_scoring
from .._types import Splitter, StrPath
from .._validation import check_bool, check_trial_labels
from ..trials import Trials
from ._baselines import check_seed
from ._cache import FoldCache
from ._fit_and_score import FoldTask, describe_fold, find_adaptation, make_failed_record
from ._hashing import compute_hash, describe_versions, hash_package
from .leakage import list_shared
from .splitters import LeakageWarning, ProtocolName, check_splitter, list_folds

BASELINES = {
    "majority": DummyClassifier(strategy="most_frequent"),
    "stratified": DummyClassifier(strategy="stratified"),
    "permutation": None,  # the first estimator, on permuted labels
}
RATING_BASELINES = {"mean": DummyRegressor(), "permutation": None}
PERMUTED = "permuted labels"
LEAKS = {"trial": "windows of the same trial", "window overlap": "overlapping windows"}


class Entry(NamedTuple):
    """An estimator or baseline of the results."""

    name: str
    estimator: BaseEstimator
    kind: str
    permute: bool = False


def evaluate(
    estimators: Mapping[str, BaseEstimator],
    trials: Trials,
    cv: ProtocolName | Splitter | Iterable[tuple[ArrayLike, ArrayLike]] = "cross_subject",
    *,
    scoring: str | Sequence[str] | Mapping[str, str | Callable[..., float]] | None = None,
    baselines: str | Sequence[str] | None = "auto",
    windows: bool = False,
    n_jobs: int | None = None,
    cache_dir: StrPath | None = None,
    random_state: int | None = None,
    error_score: float | Literal["raise"] = np.nan,
    verbose: bool | None = None,
) -> EvaluationResults:
    """Evaluate estimators and baselines on the folds of a protocol.

    Finished folds can be cached, so that an interrupted evaluation resumes. A failed fold is a row
    with its error. Each fold runs on one thread, so scores do not depend on ``n_jobs``.

    Parameters
    ----------
    estimators : dict of str to estimator
        Classifiers, or regressors, by their names in the results: pipelines, searches such as
        :class:`~sklearn.model_selection.GridSearchCV`, any classifier or regressor. They are
        fitted on Trials, which NumPy and scikit-learn convert to the array ``trials.X``.
    trials : Trials
        Data, labels of two or more classes (for regressors ratings of one target, numbers of shape
        (n_trials,)), and the metadata that protocols use.
    cv : str, splitter or iterable of (train, test), default="cross_subject"
        Protocol: ``"within_subject"``, ``"cross_subject"``, ``"cross_session"``,
        ``"cross_stimulus"``, ``"first_trials"``, ``"random_windows"``, or a splitter. Splitters of
        this package receive the metadata as ``groups``, those of scikit-learn the subjects.
    scoring : str, sequence of str or dict, default=None
        Scores of the test trials of a fold. None: accuracy, balanced_accuracy, kappa (Cohen's), f1
        (macro average) and roc_auc, of which the last three are NaN if the test trials are of one
        class; or for regressors r2, neg_mean_absolute_error and ccc (see
        :func:`~skmamba.evaluation.concordance_correlation`). Otherwise, names of these or of
        scikit-learn's scorers, or a dict from name to such a name or to a function
        ``(predictions, rows, y)``, which must not have the name of another score. Cached folds are
        scored without new fits.
    baselines : str, sequence of str or None, default="auto"
        ``"majority"`` predicts the most frequent training class, ``"stratified"`` draws classes
        by their training frequencies, for regressors ``"mean"`` predicts the mean of the training
        ratings; ``"auto"`` is all of these. ``"permutation"`` fits the first estimator on labels
        permuted among the training trials of each subject, which costs one more fit per fold.
        None or ``"none"`` adds no baseline.
    windows : bool, default=False
        Whether to score single windows too, in columns ``<score>_windows``. This applies to
        pipelines whose last step receives windows; for others they equal the scores of trials.
    n_jobs : int, default=None
        Number of folds run in parallel. :func:`joblib.parallel_config` selects the backend.
    cache_dir : str or Path, default=None
        Folder for finished folds. A fold is reused only if estimator, data, protocol, seed, code
        and versions are unchanged. Failed folds are not cached.
    random_state : int or None, default=None
        Seed, from which each fold derives its own. It replaces every ``random_state`` of an
        estimator that is None. Must be an int if ``cache_dir`` is given; otherwise, None draws
        one, which the results contain.
    error_score : "raise" or nan, default=nan
        Whether a failed fold raises its error, or gives a row with NaN scores.
    verbose : bool, default=None
        Whether to show a progress bar; None shows it if stderr is a terminal.

    Returns
    -------
    results : EvaluationResults
        ``results.scores`` is a DataFrame of ``n_estimators * n_folds`` rows: ``dataset``,
        ``protocol``, ``estimator``, ``kind`` ("model" or "baseline"), ``adaptation`` (what
        the estimator uses of the test subjects besides the trial to predict, see Notes), ``fold``,
        ``random_state``, ``held_out``, ``subject`` (if the fold tests only one), ``n_train`` and
        ``n_test`` trials, ``n_classes`` (NaN for ratings), one column per score, ``fit_seconds``,
        ``predict_seconds``, ``seed`` (of the fold), ``data`` (how the trials were read, and the
        channels and windows of the estimator), ``error``, ``versions``.
        ``results.predictions`` is a DataFrame with one row per estimator and tested trial:
        ``dataset``, ``protocol``, ``estimator``, ``kind``, ``adaptation``, ``fold``,
        ``random_state``, ``seed``, ``trial``, ``subject``, ``window`` (if the metadata have it),
        ``y_true``, ``y_pred`` and, of classifiers, ``proba_<label>``, and ``decision`` for a binary
        estimator without probabilities.

    Raises
    ------
    ValueError
        If an argument is invalid; raised before any fit.

    Warns
    -----
    FitFailedWarning
        If folds failed.
    LeakageWarning
        If training and test sets share data, windows of a trial, or overlapping windows, or if the
        reference of a test trial was recorded after or in a test trial.
    UserWarning
        If a score raised an error and is NaN, or if a fold cannot be cached.

    See Also
    --------
    compare : Means, intervals and tests over subjects.
    leakage_report : What training and test trials share under a protocol.

    Notes
    -----
    Parts of an estimator that request ``groups`` receive the metadata, such as a search with a
    splitter of this package.

    Estimators and splitters declare in an attribute ``adaptation`` what they use of the test
    subjects, such as "reference", "causal" or "unlabelled", see :doc:`/user_guide/protocols`; ""
    or None is nothing. Several are joined by ", ". An estimator has one value for all folds.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmamba import MSiMambaClassifier, SlidingWindows
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=3, n_trials=8)
    >>> pipe = make_pipeline(SlidingWindows(2.0), MSiMambaClassifier(max_epochs=5))
    >>> results = evaluate({"MS-iMamba": pipe}, trials, verbose=False)
    >>> results.scores[["estimator", "held_out", "n_train", "n_test"]].head(3)
       estimator   held_out  n_train  n_test
    0  MS-iMamba  subject 0       16       8
    1  MS-iMamba  subject 1       16       8
    2  MS-iMamba  subject 2       16       8
    """
    entries, ratings = _check_estimators(estimators, baselines)
    scorers = check_scoring(scoring, ratings)
    check_bool("windows", windows)
    seed = check_seed(random_state)
    if random_state is None and cache_dir is not None:
        raise ValueError("random_state must be an int if cache_dir is given, got None.")
    if error_score != "raise" and not (isinstance(error_score, float) and np.isnan(error_score)):
        raise ValueError(f"error_score must be 'raise' or nan, got {error_score!r}.")
    if not isinstance(trials, Trials):
        raise ValueError(f"trials must be Trials, got {type(trials).__name__}.")
    check_trial_labels(trials.y, ratings=ratings)
    with warnings.catch_warnings(action="ignore", category=LeakageWarning):  # given below, once
        protocol, folds = _split(cv, trials, reproducible=cache_dir is not None)
    of_splitter = getattr(cv, "adaptation", None)
    _warn_of_leakage(folds, trials)
    folds_described = [describe_fold(trials.metadata, *fold) for fold in folds]
    n_classes = np.nan if ratings else len(np.unique(trials.y))
    jobs, tasks = [], []
    for entry in entries:
        for number, (train_idx, test_idx) in enumerate(folds):
            own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
            options = {"permute": entry.permute, "windows": windows, "ratings": ratings}
            jobs.append((entry, number))
            tasks.append(FoldTask(entry.estimator, train_idx, test_idx, own, **options))
    records = _run(tasks, trials, protocol, cache_dir, n_jobs, error_score, verbose)
    _warn_of_failures(records, trials)
    adaptations = _collect_adaptations(jobs, records, of_splitter)

    rows, predictions = [], []
    for (entry, number), task, record in zip(jobs, tasks, records, strict=True):
        about = {
            "dataset": trials.name,
            "protocol": protocol,
            "estimator": entry.name,
            "kind": entry.kind,
            "adaptation": adaptations[entry.name],
            "fold": number,
            "random_state": seed,
        }
        rows.append(
            {
                **about,
                **folds_described[number],
                "n_classes": n_classes,
                **task.score(record, scorers, trials.y),
                "fit_seconds": record.get("fit_seconds", np.nan),
                "predict_seconds": record.get("predict_seconds", np.nan),
                "seed": task.seed,
                "data": describe_data(trials, entry.estimator),
                "error": record["error"],
                "versions": record["versions"],
            }
        )
        if not record["error"]:
            predictions.append(task.tabulate(about, record, trials))
    table = pd.concat(predictions, ignore_index=True) if predictions else pd.DataFrame()
    return EvaluationResults(pd.DataFrame(rows), table)


def _check_estimators(estimators, baselines):
    """Return entries of the estimators and baselines, and whether they predict ratings."""
    if not isinstance(estimators, Mapping) or not estimators:
        raise ValueError(
            "estimators must be a dict from one or more names to estimators, such as "
            f"{{'MS-iMamba': pipe}}, got {estimators!r}."
        )
    for name, each in estimators.items():
        if isinstance(each, type) or not hasattr(each, "get_params"):
            raise ValueError(f"estimators[{name!r}] must be an estimator, got {each!r}.")
    if len({*map(str, estimators)}) < len(estimators):
        raise ValueError(
            f"estimators must have different names as text, got {', '.join(map(repr, estimators))}."
        )
    kinds = {hasattr(e, "__sklearn_tags__") and is_regressor(e) for e in estimators.values()}
    if len(kinds) > 1:
        raise ValueError("estimators must be all classifiers or all regressors, got both.")
    ratings = kinds.pop()
    known = RATING_BASELINES if ratings else BASELINES
    baselines = _check_baselines(baselines, known)
    reserved = {*known, PERMUTED} & set(estimators)
    if reserved:
        raise ValueError(f"estimators must not have names of baselines, got {reserved.pop()!r}.")
    entries = [Entry(str(name), clone(each), "model") for name, each in estimators.items()]
    for name in baselines:
        if name == "permutation":
            entries.append(Entry(PERMUTED, entries[0].estimator, "baseline", permute=True))
        else:
            entries.append(Entry(name, known[name], "baseline"))
    return entries, ratings


def _check_baselines(baselines, known):
    """Return the names of the baselines; "auto" is all but "permutation"."""
    if baselines is not None and not isinstance(baselines, Iterable):
        raise ValueError(f"baselines must be a sequence of names or None, got {baselines!r}.")
    if isinstance(baselines, str):
        named = {"auto": [name for name in known if name != "permutation"], "none": []}
        baselines = named.get(baselines, [baselines])
    baselines = list(dict.fromkeys([] if baselines is None else map(str, baselines)))
    unknown = [name for name in baselines if name not in known]
    if unknown:
        raise ValueError(f"baselines must be among {', '.join(known)}, got {unknown[0]!r}.")
    return baselines


def _split(cv, trials, *, reproducible):
    """Return the name of the protocol, and its folds as pairs of index arrays."""
    if isinstance(cv, Iterable) and not isinstance(cv, str) and not hasattr(cv, "split"):
        cv, protocol = list(cv), "given folds"
        if not all(np.iterable(fold) and len(tuple(fold)) == 2 for fold in cv):
            raise ValueError(f"cv must have pairs of training and test indices, got {cv!r}.")
    else:
        cv = check_splitter(cv)
        protocol = getattr(cv, "protocol", type(cv).__name__)
    folds = list_folds(cv, trials)
    for number, (train_idx, test_idx) in enumerate(folds):
        if not len(train_idx) or not len(test_idx):
            raise ValueError(
                f"cv must give training and test trials in every fold, got none in fold {number}."
            )
        if np.isin(test_idx, train_idx).any():
            raise ValueError(
                f"cv must give disjoint training and test trials, got trials in both in fold "
                f"{number}."
            )
    if reproducible and compute_hash(folds) != compute_hash(list_folds(cv, trials)):
        raise ValueError(
            f"cv must give the same folds in every call if cache_dir is given: set random_state "
            f"of {cv!r}."
        )
    return protocol, folds


def _warn_of_leakage(folds, trials):
    report = pd.DataFrame(list_shared(folds, trials))
    leaks = report[report["verdict"] == "leak"].replace({"kind": LEAKS})
    is_reference = leaks["kind"] == "reference"
    leaks, late = leaks[~is_reference], leaks[is_reference]
    if len(leaks):
        is_copy = leaks["kind"] == "identical data"
        advice = "Remove one of the copies."
        if not is_copy.all():
            advice = (
                "For results use CrossSubjectSplit() or WithinSubjectSplit(); if trials overlap, "
                "WithinSubjectSplit(GroupKFold(3), inner_groups='recording')."
            )
        warnings.warn(
            f"cv leaks: training and test sets share {join_words(leaks['kind'].tolist())} "
            f"({leaks['example'].iloc[0]}), so scores include recognition of trials. {advice} "
            "See leakage_report.",
            LeakageWarning,
            stacklevel=3,
        )
    if len(late):
        warnings.warn(
            "References of trials were recorded after or in test trials "
            f"({late['example'].iloc[0]}), so that models may use later or test data. Record the "
            "reference before the trials. See leakage_report.",
            LeakageWarning,
            stacklevel=3,
        )


def _run(tasks, trials, protocol, cache_dir, n_jobs, error_score, verbose):
    """Run all tasks that are not cached, and return the records of all in their order."""
    cache, keys, records = None, [None] * len(tasks), [None] * len(tasks)
    if cache_dir is not None:
        cache = FoldCache(cache_dir, len(np.unique(trials.y)))
        keys = _compute_keys(tasks, trials, protocol)
        records = [
            cache.read(key, len(task.test_idx)) for key, task in zip(keys, tasks, strict=True)
        ]
    missing = [index for index, record in enumerate(records) if record is None]
    if cache is not None and missing:
        cache.check_writable()
    firsts = {_identify(tasks[index]): index for index in reversed(missing)}
    # The first fold of each estimator, to estimate the duration
    missing.sort(key=lambda index: index != firsts[_identify(tasks[index])])

    # Trials are an argument: joblib memory-maps their array once for all processes, and Dask
    # scatters them once to all workers.
    def run(index):
        return delayed(_run_at)(index, tasks[index], keys[index], cache, trials, error_score)

    with progress_bar(total=len(tasks), unit="fold", verbose=verbose) as bar:
        bar.update(len(tasks) - len(missing))
        try:
            for index, record in run_parallel(run, missing, n_jobs):
                records[index] = _finish(record, keys[index], cache, error_score)
                bar.update()
                if index in firsts.values() and all(records[first] for first in firsts.values()):
                    each = [records[firsts[_identify(tasks[index])]] for index in missing]
                    bar.set_description(_describe_duration(each, n_jobs))
        except BaseException as error:  # KeyboardInterrupt as well
            if cache is not None:
                error.add_note(
                    f"Finished folds are cached in {cache.folder}; the same call resumes."
                )
            raise
    return records


def _identify(task):
    return id(task.estimator), task.permute


def _describe_duration(records, n_jobs):
    """Return the expected duration of folds like these if it is over a minute, else nothing."""
    times = [record.get("fit_seconds", 0) + record.get("predict_seconds", 0) for record in records]
    minutes = sum(times) / min(effective_n_jobs(n_jobs), len(times)) / 60
    if minutes < 1:
        return ""
    return f"about {minutes:.0f} min" if minutes < 120 else f"about {minutes / 60:.1f} h"


def _run_at(index, task, *arguments):
    """Return the index of a task and its record."""
    return index, task.run(*arguments)


def _finish(record, key, cache, error_score):
    """Cache a record, or make one of the error of a killed worker."""
    if isinstance(record, Exception):
        if error_score == "raise":
            raise record
        return make_failed_record(record)
    if cache is not None and not record["error"]:
        try:
            cache.write(key, record)  # a worker may have a different disk
        except OSError as error:
            warnings.warn(f"A finished fold could not be cached: {error}", stacklevel=4)
    return record


def _collect_adaptations(jobs, records, of_splitter):
    """Return what each estimator uses of the test subjects in any of its folds."""
    words: dict[str, list[str]] = {}
    for (entry, _), record in zip(jobs, records, strict=True):
        own = record.get("adaptation", find_adaptation(entry.estimator))
        words.setdefault(entry.name, []).extend(own.split(", "))
    return {
        name: ", ".join(dict.fromkeys(filter(None, [*own, of_splitter])))
        for name, own in words.items()
    }


def _compute_keys(tasks, trials, protocol):
    """Return the cache key of each task; estimators and data are hashed once."""
    metadata = [
        (name, str(column.dtype), column.tolist()) for name, column in trials.metadata.items()
    ]
    recorded = trials.reference, trials.sfreq, trials.ch_names
    data = compute_hash(trials.X, trials.y, metadata, recorded)
    estimators = {id(task.estimator): task.estimator for task in tasks}
    hashes = {key: compute_hash(estimator) for key, estimator in estimators.items()}
    shared = data, protocol, describe_versions(), hash_package()
    return [
        compute_hash(replace(task, estimator=hashes[id(task.estimator)]), shared) for task in tasks
    ]


def _warn_of_failures(records, trials):
    errors = [record["error"] for record in records if record["error"]]
    if errors:
        warnings.warn(
            f"{len(errors)} of {len(records)} fits failed, see the column 'error'. The first: "
            f"{errors[0]}{_describe_invalid(trials)}",
            FitFailedWarning,
            stacklevel=3,
        )


def _describe_invalid(trials):
    """Return which trials have missing or infinite samples, in words; nothing if none has."""
    invalid = [row for row in range(len(trials)) if not np.isfinite(trials[row]).all()]
    if not invalid:
        return ""
    metadata = trials.metadata
    ids = [f"{key} {metadata[key].iloc[invalid[0]]}" for key in TRIAL_COLUMNS if key in metadata]
    place = np.isfinite(trials[invalid[0]]).all(axis=-1).argmin()
    return (
        f" NaN or infinity are in {len(invalid)} of {len(trials)} trials, first in "
        f"{', '.join(ids) or f'row {invalid[0]}'}, channel {trials.ch_names[place]}."
    )
