"""One fold: fit one estimator on the training trials, answer for the test trials."""

from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from sklearn import config_context
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from threadpoolctl import threadpool_limits

from ._chance import fill_seeds, permute_labels
from ._fingerprint import fingerprint, versions


@dataclass(frozen=True)
class FoldTask:
    """All that one row of the results comes from, but the data."""

    estimator: object
    train_idx: np.ndarray = field(repr=False)
    test_idx: np.ndarray = field(repr=False)
    seed: int
    permute: bool = False
    windows: bool = False

    def key(self, *circumstances):
        """Return the fingerprint of the fold; circumstances are what many tasks share.

        The estimator is one of them, since to read it takes long.
        """
        parts = (self.train_idx, self.test_idx, self.seed, self.permute, self.windows)
        return fingerprint(*parts, *circumstances, versions())


def run_fold(task, key, store, X, y, metadata, error_score):
    """Fit, answer, and keep the answers; what another process has finished meanwhile is taken.

    Returns
    -------
    record : dict
        Plain numbers, texts and lists only, the same whether they were kept or not.
    """
    if store is not None and (record := store.read(key)) is not None:
        return record
    try:
        record = _fit_and_answer(task, X, y, metadata)
    except Exception as error:  # a fold of a long evaluation may fail in any way
        if error_score == "raise":
            raise
        return {"error": f"{type(error).__name__}: {error}", "versions": versions()}
    if store is not None:
        with suppress(OSError):  # the caller keeps it as well, and tells
            store.write(key, record)
    return record


def _fit_and_answer(task, X, y, metadata):
    """Answers of one fold, on one thread: the number of threads changes the last digits."""
    estimator = fill_seeds(task.estimator, task.seed)
    X_train, y_train = X[task.train_idx], y[task.train_idx]
    if task.permute:
        own = metadata.iloc[task.train_idx]
        y_train = permute_labels(y_train, own, np.random.default_rng(task.seed))
    with _groups_routed_to(estimator, "fit") as wanted, threadpool_limits(limits=1):
        groups = {"groups": metadata.iloc[task.train_idx]} if wanted else {}
        start = perf_counter()
        estimator.fit(X_train, y_train, **groups)
        fit_seconds = perf_counter() - start
    del X_train

    # A search hands nothing on to what it found, so that is asked itself.
    fitted = getattr(estimator, "best_estimator_", estimator)
    X_test, classes = X[task.test_idx], np.unique(y).tolist()
    with _groups_routed_to(fitted, "predict") as wanted, threadpool_limits(limits=1):
        groups = {"groups": metadata.iloc[task.test_idx]} if wanted else {}
        record = _answer(fitted, X_test, classes, groups)
        if task.windows:
            record["of_windows"] = _answer_by_window(fitted, X_test, classes, groups)
    return {
        **record,
        "transductive": what_it_sees(fitted),
        "fit_seconds": fit_seconds,
        "seed": task.seed,
        "error": "",
        "versions": versions(),
    }


def _answer(estimator, X, classes, params):
    """Predictions as places in ``classes``, and probabilities or decisions if there are any."""
    start = perf_counter()
    y_pred = np.asarray(estimator.predict(X, **params)).tolist()
    predict_seconds = perf_counter() - start
    unknown = [label for label in y_pred if label not in classes]
    if unknown:
        raise ValueError(f"predict gave {unknown[0]!r}, which is none of the labels {classes}.")
    proba = decision = None
    if hasattr(estimator, "predict_proba"):
        proba = np.zeros((len(X), len(classes)))
        columns = [classes.index(label) for label in np.asarray(estimator.classes_).tolist()]
        proba[:, columns] = estimator.predict_proba(X, **params)
        proba = proba.tolist()
    elif hasattr(estimator, "decision_function") and len(classes) == 2:
        if np.asarray(estimator.classes_).tolist() == classes:
            decision = np.asarray(estimator.decision_function(X, **params)).tolist()
    return {
        "y_pred": [classes.index(label) for label in y_pred],
        "proba": proba,
        "decision": decision,
        "predict_seconds": predict_seconds,
    }


def _answer_by_window(estimator, X, classes, params):
    """Answers for each window by itself, where the last step gets trials as bags of windows."""
    bags = estimator[:-1].transform(X, **params) if isinstance(estimator, Pipeline) else None
    if bags is None or np.ndim(bags) != 4:
        # It knows no windows: its answer for a trial counts once.
        return _answer(estimator, X, classes, params) | {"n_windows": 1}
    windows = bags.reshape(-1, 1, *bags.shape[2:])  # each a bag of its own
    return _answer(estimator[-1], windows, classes, {}) | {"n_windows": bags.shape[1]}


@contextmanager
def _groups_routed_to(estimator, method):
    """Tell whether a part of the estimator asks for groups, and see that it gets them."""
    with config_context(enable_metadata_routing=True):
        wanted = "groups" in get_routing_for_object(estimator).consumes(method, ["groups"])
    with config_context(enable_metadata_routing=True) if wanted else nullcontext():
        yield wanted


def what_it_sees(estimator):
    """Join what the parts of an estimator say that they use of the data it is tested on."""
    parts = [estimator, *estimator.get_params(deep=True).values()]
    said = (getattr(part, "transductive", "") for part in parts if not isinstance(part, type))
    return ", ".join(dict.fromkeys(word for word in said if isinstance(word, str) and word))
