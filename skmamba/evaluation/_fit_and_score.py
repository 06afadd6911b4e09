"""Fits, predictions and scores of one estimator on one cross-validation fold."""

from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import pandas as pd
from sklearn import config_context
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from threadpoolctl import threadpool_limits

from .._metadata import get_columns
from .._scoring import FixedPredictions, score_predictions
from .._selection import Selection
from ..trials import Trials
from ._baselines import fill_seeds, permute_labels
from ._cache import check_values
from ._hashing import describe_versions
from .splitters import is_splitter


@dataclass(frozen=True)
class FoldTask:
    """What determines predictions, besides the data: estimator, fold, seed and options."""

    estimator: object
    train_idx: np.ndarray = field(repr=False)
    test_idx: np.ndarray = field(repr=False)
    seed: int
    permute: bool = False
    windows: bool = False
    ratings: bool = False

    def run(self, key, cache, trials, error_score):
        """Return the record of a fold, a dict that JSON restores exactly."""
        # Another process may have cached it.
        if cache is not None and (record := cache.read(key, len(self.test_idx))) is not None:
            return record
        try:
            with threadpool_limits(limits=1):  # more threads change the last digits
                record = self._fit_and_predict(trials)
        except Exception as error:  # estimators run arbitrary code
            if error_score == "raise":
                raise
            return make_failed_record(error)
        if cache is not None:
            with suppress(OSError):  # the main process writes it too, and warns
                cache.write(key, record)
        return record

    def _fit_and_predict(self, trials):
        """Return the predictions of a fold."""
        estimator = fill_seeds(self.estimator, self.seed)
        X_train, X_test = trials[self.train_idx], trials[self.test_idx]
        y_train = X_train.y
        if self.permute:
            y_train = permute_labels(y_train, X_train.metadata, np.random.default_rng(self.seed))
        with _prepare_call(estimator, "fit", X_train.metadata) as params:
            start = perf_counter()
            estimator.fit(X_train, y_train, **params)
            fit_seconds = perf_counter() - start

        # A search does not route metadata to predict of its best estimator.
        fitted = getattr(estimator, "best_estimator_", estimator)
        classes = None if self.ratings else np.unique(trials.y).tolist()
        with _prepare_call(fitted, "predict", X_test.metadata) as params:
            record = _predict(fitted, X_test, classes, params)
            if self.windows:
                record["of_windows"] = _predict_windows(fitted, X_test, classes, params)
        return {
            **record,
            "adaptation": find_adaptation(fitted),
            "fit_seconds": fit_seconds,
            "seed": self.seed,
            "error": "",
            "versions": describe_versions(),
        }

    def score(self, record, scorers, y):
        """Return the scores of a record, of trials and, if predicted, of windows."""
        names = [*scorers, *(f"{name}_windows" for name in scorers if self.windows)]
        if record["error"]:
            return dict.fromkeys(names, np.nan)
        y_true = y[self.test_idx]
        scores = score_predictions(scorers, self._restore(record, y), y_true)
        if self.windows:
            windows = record["of_windows"]
            y_true = np.repeat(y_true, windows["n_windows"])
            by_window = score_predictions(scorers, self._restore(windows, y), y_true)
            scores |= {f"{name}_windows": score for name, score in by_window.items()}
        return scores

    def _restore(self, record, y):
        y_pred = np.array(record["y_pred"])
        proba, decision = (
            None if record[name] is None else np.array(record[name])
            for name in ("proba", "decision")
        )
        if self.ratings:
            return FixedPredictions(None, y_pred)
        classes = np.unique(y)
        return FixedPredictions(classes, classes[y_pred], proba, decision)

    def tabulate(self, about, record, trials):
        """Return a DataFrame with one row per tested trial."""
        predictions = self._restore(record, trials.y)
        metadata = trials.metadata.iloc[self.test_idx]
        table = pd.DataFrame(
            {
                **about,
                "seed": self.seed,
                "trial": metadata["trial"].to_numpy() if "trial" in metadata else self.test_idx,
                "subject": metadata["subject"].to_numpy() if "subject" in metadata else None,
                **({"window": metadata["window"].to_numpy()} if "window" in metadata else {}),
                "y_true": trials.y[self.test_idx],
                "y_pred": predictions.y_pred,
            }
        )
        if self.ratings:
            return table
        for column, label in enumerate(predictions.classes_):
            proba = np.nan if predictions.proba is None else predictions.proba[:, column]
            table[f"proba_{label}"] = proba
        if predictions.decision is not None:
            table["decision"] = predictions.decision
        return table


def make_failed_record(error):
    """Return the record of a failed fold, which has only its error."""
    text = " ".join(str(error).split())
    return {"error": f"{type(error).__name__}: {text}", "versions": describe_versions()}


def _predict(estimator, X, classes, params):
    """Return ratings or indices into ``classes``, and probabilities or decision values of these."""
    record: dict[str, object] = {"proba": None, "decision": None}
    start = perf_counter()
    y_pred = estimator.predict(X, **params)
    record["predict_seconds"] = perf_counter() - start
    y_pred = check_values("predict", y_pred, (len(X),))
    if classes is None:
        return record | {"y_pred": y_pred.astype(float).tolist()}
    y_pred = y_pred.tolist()
    unknown = [label for label in y_pred if label not in classes]
    if unknown:
        raise ValueError(f"predict must return labels of {classes}, got {unknown[0]!r}.")
    if hasattr(estimator, "predict_proba"):
        columns = [classes.index(label) for label in np.asarray(estimator.classes_).tolist()]
        own = np.asarray(estimator.predict_proba(X, **params), dtype=float)
        proba = np.zeros((len(X), len(classes)))
        proba[:, columns] = check_values("predict_proba", own, (len(X), len(columns)))
        record["proba"] = proba.tolist()
    elif hasattr(estimator, "decision_function"):
        values = np.asarray(estimator.decision_function(X, **params))
        is_binary = len(classes) == 2 and np.asarray(estimator.classes_).tolist() == classes
        shape = (len(X), *(() if is_binary else values.shape[1:]))
        values = check_values("decision_function", values, shape)
        record["decision"] = values.tolist() if is_binary else None
    return record | {"y_pred": [classes.index(label) for label in y_pred]}


def _predict_windows(estimator, X, classes, params):
    """Return predictions of single windows if the last step receives windows, else of trials."""
    bags = estimator[:-1].transform(X, **params) if isinstance(estimator, Pipeline) else X
    if np.ndim(bags) != 4 or bags is X:
        return _predict(estimator, X, classes, params) | {"n_windows": 1}
    windows = bags.reshape(-1, 1, *bags.shape[2:])  # (n_trials * n_windows, 1, C, T)
    if isinstance(bags, Trials):
        rows = np.repeat(np.arange(len(bags)), bags.shape[1])
        windows = bags[rows].derive(X=Selection(windows))
    return _predict(estimator[-1], windows, classes, {}) | {"n_windows": bags.shape[1]}


@contextmanager
def _prepare_call(estimator, method, metadata):
    """Yield the metadata as keyword ``groups`` if a part of the estimator requests it.

    The splitter of a search, or splitters in its steps, receive the column ``subject`` if none of
    them is of this package.
    """
    params = {"cv": None, **estimator.get_params()}
    inner = [value for name, value in params.items() if name.endswith("__cv")]
    splitters = [params["cv"]] if is_splitter(params["cv"]) else [*filter(is_splitter, inner)]
    is_foreign = bool(splitters) and not any(hasattr(cv, "protocol") for cv in splitters)
    with config_context(enable_metadata_routing=True):
        requested = "groups" in get_routing_for_object(estimator).consumes(method, ["groups"])
    groups = metadata
    if is_foreign and requested:
        (groups,) = get_columns(metadata, "subject", estimator=splitters[0])
    routing = config_context(enable_metadata_routing=True) if requested else nullcontext()
    with routing:
        yield {"groups": groups} if requested else {}


def find_adaptation(estimator):
    """Return the distinct attributes ``adaptation`` of the parts of an estimator, joined."""
    declared = (getattr(part, "adaptation", "") for part in _iter_parts(estimator, set()))
    return ", ".join(dict.fromkeys(word for word in declared if isinstance(word, str) and word))


def _iter_parts(value, seen):
    """Yield estimators in a value, and their parts, fitted or not; of a fitted search, the best."""
    if isinstance(value, list | tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _iter_parts(item, seen)
        return
    value = getattr(value, "best_estimator_", value)
    is_part = hasattr(value, "get_params") or hasattr(value, "estimator")
    if is_part and not isinstance(value, type) and id(value) not in seen:
        seen.add(id(value))
        yield value
        yield from _iter_parts(getattr(value, "__dict__", {}), seen)


def describe_fold(metadata, train_idx, test_idx):
    """Return the sizes of a fold, what is held out, and the subject if it tests only one."""
    train, test = metadata.iloc[train_idx], metadata.iloc[test_idx]
    subjects = test["subject"].unique() if "subject" in test else []
    return {
        "held_out": _name_held_out(train, test, subjects),
        "subject": subjects[0] if len(subjects) == 1 else None,
        "n_train": len(train),
        "n_test": len(test),
    }


def _name_held_out(train, test, subjects):
    """Name the subjects, sessions or stimuli of the test trials that are not in training."""
    is_one = len(subjects) == 1
    prefix = [f"subject {subjects[0]}"] if is_one else []
    if len(subjects) and not test["subject"].isin(train["subject"]).any():
        return prefix[0] if is_one else f"{len(subjects)} subjects"
    held_out = []
    if is_one:  # sessions are numbered within a subject
        own = train[train["subject"] == subjects[0]]
        held_out += _name_absent(own, test, "session", "sessions")
    held_out += _name_absent(train, test, "stimulus", "stimuli")
    n_trials = f"{len(test)} trial{'s' if len(test) != 1 else ''}"
    return ", ".join([*prefix, *(held_out or [n_trials])])


def _name_absent(train, test, column, plural):
    """Name the values of a column of the test trials if training has none of them."""
    if column not in test or test[column].isna().any() or test[column].isin(train[column]).any():
        return []
    values = test[column].unique()
    return [f"{column} {values[0]}" if len(values) == 1 else f"{len(values)} {plural}"]
