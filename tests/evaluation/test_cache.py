"""Tests of evaluate(cache_dir=...): what is reused, what is not, and interrupted runs."""

import errno
import functools
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import threading
import types
from collections import OrderedDict, defaultdict
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock, call

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse, stats
from sklearn import config_context
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmamba import MSiMambaClassifier, SlidingWindows, evaluate
from skmamba.evaluation import CrossSubjectSplit, _cache, _hashing
from skmamba.evaluation._cache import FoldCache
from skmamba.evaluation._hashing import compute_hash

KEY = "a" * 64
TIMES = ["fit_seconds", "predict_seconds"]
PROBA = [[0.1, 0.9], [1 / 3, 2 / 3], [5e-324, 1.0]]
OTHER = {"other": DummyClassifier(strategy="uniform")}
RECORD = {"y_pred": [0, 1, 1], "proba": PROBA, "decision": None, "error": ""}


def run(estimators, trials, cv="cross_subject", **options):
    options = {"baselines": ["majority"], "random_state": 0, "scoring": "accuracy", **options}
    return evaluate(estimators, trials, cv, verbose=False, **options)


# What is reused


def test_a_second_call_fits_nothing_and_gives_the_same_results(trials, tmp_path, counter):
    first, second = (run({"counter": counter}, trials, cache_dir=tmp_path) for _ in range(2))
    assert counter.n_fits() == 4
    pd.testing.assert_frame_equal(first.scores, second.scores, check_exact=True)
    pd.testing.assert_frame_equal(first.predictions, second.predictions, check_exact=True)


def test_results_are_bitwise_equal_with_and_without_cache(trials, tmp_path):
    clf = MSiMambaClassifier(8, d_hidden=4, n_kernels=2, max_epochs=1)
    net = {"net": make_pipeline(SlidingWindows(window_size_samples=128), clf)}
    run(net, trials, cache_dir=tmp_path)
    cached, fitted = (run(net, trials, cache_dir=path) for path in (tmp_path, None))
    pd.testing.assert_frame_equal(
        cached.scores.drop(columns=TIMES), fitted.scores.drop(columns=TIMES), check_exact=True
    )
    pd.testing.assert_frame_equal(cached.predictions, fitted.predictions, check_exact=True)


def test_a_new_score_name_or_estimator_costs_no_fit_of_the_others(trials, tmp_path, counter):
    run({"counter": counter}, trials, cache_dir=tmp_path)
    run({"renamed": counter, **OTHER}, trials, cache_dir=tmp_path, scoring="f1")
    assert counter.n_fits() == 4


@pytest.mark.parametrize(
    "content",
    [
        *(None, "", "null", "[1, 2]", '{"key": "b"}', '{"key": "', "[" * 100_000),
        *({"key": "b"}, {"y_pred": [0, 1]}, {"y_pred": [1, 0, 0, 1, 0, 0]}, {"checksum": None}),
        *({"proba": [[0.5, 0.5]]}, {"proba": None}, {"of_windows": {}}, {"fit_seconds": "fast"}),
        *(slice(1), slice(100), slice(-1)),  # truncated
    ],
    ids=lambda content: str(content)[:20],
)
def test_a_missing_or_altered_fold_alone_is_run_again(trials, tmp_path, counter, content):
    options = {"cache_dir": tmp_path, "baselines": ()}
    first = run({"counter": counter}, trials, **options)
    path = sorted(tmp_path.iterdir())[1]
    written = path.read_text()
    if isinstance(content, dict):
        content = json.dumps(json.loads(written) | content)
    if isinstance(content, slice):
        content = written[content]
    path.unlink() if content is None else path.write_text(content)
    is_warned = pytest.warns(UserWarning, match=f"{path} .* its fold is run again")
    with nullcontext() if content is None else is_warned:
        second = run({"counter": counter}, trials, **options)
    assert counter.n_fits() == 5
    assert json.loads(path.read_text())["key"] == path.stem
    pd.testing.assert_frame_equal(first.predictions, second.predictions)


def test_a_fold_of_a_wrong_length_is_not_used_in_spite_of_its_checksum(tmp_path):
    cache = FoldCache(tmp_path, n_classes=2)
    cache.write(KEY, RECORD)
    assert cache.read(KEY, 3) == {"key": KEY, **RECORD}
    for other, n_test in ((cache, 4), (FoldCache(tmp_path, n_classes=3), 3)):
        with pytest.warns(UserWarning, match=f"{KEY}.json cannot be used.* must have shape"):
            assert other.read(KEY, n_test) is None


def test_windows_of_a_wrong_number_are_not_used_in_spite_of_their_checksum(tmp_path):
    windows = {"y_pred": [0] * 5, "proba": None, "decision": None, "n_windows": 2}
    cache = FoldCache(tmp_path, n_classes=2)
    cache.write(KEY, {**RECORD, "of_windows": windows})
    with pytest.warns(UserWarning, match=r"y_pred must have shape \(6,\), got \(5,\)"):
        assert cache.read(KEY, 3) is None


def test_a_file_of_another_fold_is_not_used(trials, tmp_path, counter):
    options = {"cache_dir": tmp_path, "baselines": None}
    expected = run({"counter": counter}, trials, **options).predictions
    first, second, *_ = sorted(tmp_path.iterdir())
    second.write_bytes(first.read_bytes())
    with pytest.warns(UserWarning, match=f"{second.name} cannot be used.* a different fold"):
        results = run({"counter": counter}, trials, **options)
    assert counter.n_fits() == 5
    pd.testing.assert_frame_equal(results.predictions, expected)


def nudge(X):
    return np.where(np.arange(X.size).reshape(X.shape) == 70, X + 1e-3, X)


@pytest.mark.parametrize(
    "change",
    [
        lambda trials: {"X": nudge(trials.X)},
        lambda trials: {"y": np.where(np.arange(24) == 5, 1 - trials.y, trials.y)},
        lambda trials: {"metadata": trials.metadata.assign(stimulus=0)},
        lambda trials: {"reference": nudge(trials.reference)},
        lambda trials: {"sfreq": 2 * trials.sfreq},
        lambda trials: {"ch_names": trials.ch_names[::-1]},
    ],
    ids=["value", "label", "stimulus", "reference", "sfreq", "ch_names"],
)
def test_folds_of_changed_data_are_not_reused(trials, tmp_path, counter, change):
    trials = replace(trials, reference=trials.X[..., :9])
    changed = replace(trials, **change(trials))
    for each, n_fits in ((trials, 4), (changed, 8), (trials, 8)):
        run({"counter": counter}, each, cache_dir=tmp_path)
        assert counter.n_fits() == n_fits


@pytest.mark.parametrize(
    "options",
    [
        {"cv": LeaveOneGroupOut()},
        {"cv": CrossSubjectSplit(2)},
        {"random_state": 1},
        {"windows": True},
    ],
    ids=str,
)
def test_folds_of_a_different_protocol_or_seed_are_not_reused(trials, tmp_path, counter, options):
    run({"counter": counter}, trials, cache_dir=tmp_path)
    run({"counter": counter}, trials, cache_dir=tmp_path, **options)
    assert counter.n_fits() > 4


def test_folds_of_a_different_estimator_are_not_reused(trials, tmp_path, counter):
    changed = clone(counter).set_params(strategy="stratified")
    for model in (counter, changed, make_pipeline(counter)):
        run({"counter": model}, trials, cache_dir=tmp_path)
    assert counter.n_fits() == 12


@pytest.mark.parametrize("name", ["describe_versions", "hash_package"])
def test_folds_of_different_versions_are_not_reused(trials, tmp_path, counter, monkeypatch, name):
    run({"counter": counter}, trials, cache_dir=tmp_path)
    module = sys.modules["skmamba.evaluation.evaluate"]
    monkeypatch.setattr(module, name, lambda: "changed")
    run({"counter": counter}, trials, cache_dir=tmp_path)
    assert counter.n_fits() == 8


def test_failed_folds_are_not_cached(tmp_path, fails_without, numbered_trials):
    for _ in range(2):
        with pytest.warns(FitFailedWarning, match="1 of 4"):
            run({"m": fails_without()}, numbered_trials, cache_dir=tmp_path, baselines=())
    assert len(list(tmp_path.iterdir())) == 3


# Errors and interruptions


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_evaluation_says_where_its_folds_are_cached(
    tmp_path, error, fails_without, numbered_trials
):
    class Fails(fails_without):
        def fit(self, X, y):
            if self.without not in X[:, 0, 0]:
                raise error
            return super().fit(X, y)

    with pytest.raises(error) as caught:
        run({"m": Fails(3)}, numbered_trials, cache_dir=tmp_path, error_score="raise")
    assert re.match("Finished folds are cached in .*; the same call", caught.value.__notes__[0])
    assert len(list(tmp_path.iterdir())) == 4  # with the first fold of the baseline


def test_a_full_disk_loses_no_results(trials, tmp_path, monkeypatch):
    def replace(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", replace)
    with pytest.warns(UserWarning, match="could not be cached: .*No space"):
        results = run(OTHER, trials, cache_dir=tmp_path)
    assert results.scores["accuracy"].notna().all()
    assert list(tmp_path.iterdir()) == []


def test_a_cache_dir_that_is_not_a_writable_folder_raises_before_any_fit(
    trials, tmp_path, counter, monkeypatch
):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"cache_dir must be a folder, got .*file"):
        run({"counter": counter}, trials, cache_dir=tmp_path / "file")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ValueError, match="cache_dir must be writable"):
        run({"counter": counter}, trials, cache_dir=tmp_path)
    assert counter.n_fits() == 0


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_read_only_cache_with_all_folds_serves(trials, tmp_path, counter, monkeypatch, n_jobs):
    def refuse(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    options = {"cache_dir": tmp_path, "n_jobs": n_jobs}
    first = run({"counter": counter}, trials, **options)
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(_cache, "write_atomically", refuse)
    second = run({"counter": counter}, trials, **options)
    pd.testing.assert_frame_equal(first.scores, second.scores)
    with pytest.raises(ValueError, match="cache_dir must be writable"):
        run({"counter": counter, **OTHER}, trials, **options)
    assert counter.n_fits() == 4


def test_a_cache_requires_reproducible_folds(trials, tmp_path):
    with pytest.raises(ValueError, match=r"set random_state of KFold\("):
        run({"m": DummyClassifier()}, trials, KFold(2, shuffle=True), cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_progress_bar_starts_at_the_number_of_cached_folds(trials, tmp_path, monkeypatch):
    progress_bar = MagicMock()
    run({"dummy": DummyClassifier()}, trials, cache_dir=tmp_path)
    monkeypatch.setattr(sys.modules["skmamba.evaluation.evaluate"], "progress_bar", progress_bar)
    run({"dummy": DummyClassifier(), **OTHER}, trials, cache_dir=tmp_path)
    assert progress_bar.call_args.kwargs["total"] == 12
    bar = progress_bar.return_value.__enter__.return_value
    assert bar.update.call_args_list == [call(8), *[call()] * 4]


def test_records_are_written_atomically_and_only_once(tmp_path, monkeypatch):
    cache, seen, replace = FoldCache(tmp_path / "new" / "cache", n_classes=2), [], os.replace

    def look_then_replace(temporary, path):
        seen.append((path.exists(), json.loads(temporary.read_text())["y_pred"]))
        replace(temporary, path)

    monkeypatch.setattr(os, "replace", look_then_replace)
    assert cache.read(KEY, 3) is None
    cache.write(KEY, RECORD)
    cache.write(KEY, RECORD | {"y_pred": [1, 1, 1]})
    assert seen == [(False, RECORD["y_pred"])]
    assert cache.read(KEY, 3) == {"key": KEY, **RECORD}
    assert [path.name for path in cache.folder.iterdir()] == [f"{KEY}.json"]


# Hashes of values

VALUES = [
    *(None, 1, 1.0, True, "1", b"1", [1], (1,), {1}, {"a": 1}, {"a": [1]}, np.int64(1)),
    *(np.array(1), np.array([1]), np.array([1.0]), np.array([[1]]), np.array(["1"])),
    *(np.where(np.arange(100) == place, np.nextafter(0, 1), 0.0) for place in (-1, 73)),
    *(np.array([1], object), np.array(["2020-01-01"], "datetime64[D]")),
    *(np.array([(1, 2)], [("a", int), ("b", int)]), np.array([(1, 2)], [("a", int), ("c", int)])),
    *(pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), pd.DataFrame({"a": [1.0]})),
    *(pd.DataFrame({"a": [1, 2]}, index=index) for index in ([1, 0], [0, 1])),
    *(pd.DataFrame({"a": pd.Categorical(["x", "y"], order)}) for order in (["x", "y"], ["y", "x"])),
    *(pd.Series([1, 2]), pd.Series([1, 3]), pd.Index([1, 2]), pd.Timestamp("2020-01-01", tz="UTC")),
    *(LogisticRegression(), LogisticRegression(C=2), KFold(3), KFold(4)),
    *(np.random.RandomState(0), np.random.RandomState(1)),
    *(MSiMambaClassifier(), MSiMambaClassifier(d_model=32)),
    *(make_pipeline(SlidingWindows(size), MSiMambaClassifier()) for size in (1.0, 2.0)),
    *(GridSearchCV(LogisticRegression(), {"C": grid}) for grid in ([1, 2], [1, 3])),
    *(FunctionTransformer(np.log), FunctionTransformer(np.exp)),
    *(functools.partial(np.sum, axis=1), functools.partial(np.sum, axis=2)),
    *(OrderedDict(a=1, b=2), OrderedDict(b=2, a=1), defaultdict(int), defaultdict(float)),
    *(re.compile("a"), re.compile("b"), sparse.csr_array(np.eye(2)), sparse.csr_array(np.ones(2))),
    *(stats.uniform(0, 1), stats.uniform(0, 2)),
    *(torch.zeros(3), torch.ones(3), torch.ones(3, dtype=torch.bfloat16)),
    *([1].count, [2].count, np.random.default_rng(0).normal, np.random.default_rng(1).normal),
    *(np.add.reduce, np.multiply.reduce, len, np),
]


def test_different_values_have_different_hashes_that_are_reproducible():
    hashes = [compute_hash(value) for value in VALUES]
    assert hashes == [compute_hash(value) for value in VALUES]
    assert len(set(hashes)) == len(VALUES)


def test_boundaries_between_values_count():
    assert compute_hash("ab", "c") != compute_hash("a", "bc")
    assert compute_hash([1, 2], [3]) != compute_hash([1], [2, 3])


def test_metadata_requests_count():
    with config_context(enable_metadata_routing=True):
        requesting = MSiMambaClassifier().set_fit_request(groups=True)
    assert compute_hash(requesting) != compute_hash(MSiMambaClassifier())


def test_weights_of_networks_and_fitted_estimators_count():
    def make_network(seed):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return torch.nn.Linear(3, 2)

    def freeze(x):
        return FrozenEstimator(LogisticRegression().fit([[0], [1], [x]], [0, 0, 1]))

    def use(model):
        return FunctionTransformer(lambda X: model.predict(X))

    for make in (make_network, freeze, lambda x: use(freeze(x))):
        assert compute_hash(make(2)) == compute_hash(make(2)) != compute_hash(make(5))


def test_the_global_random_state_does_not_count():
    distribution, state = stats.loguniform(0.1, 1), np.random.get_state()
    before = compute_hash(distribution)
    np.random.seed(5)
    after = compute_hash(distribution)
    np.random.set_state(state)
    assert before == after


def test_the_location_of_a_joblib_cache_does_not_count(tmp_path):
    pipes = [
        make_pipeline(StandardScaler(), memory=joblib.Memory(tmp_path / name, verbose=0))
        for name in ("one", "two")
    ]
    assert len(set(map(compute_hash, pipes))) == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (threading.Lock(), "cache_dir requires estimators that can be hashed: cannot pickle.*lock"),
        (np.frompyfunc(lambda x: x + 1, 1, 1), "ufunc.* has no code that can be compared"),
        (types.ModuleType("unknown"), "module 'unknown'.* code cannot be compared"),
    ],
)
def test_a_value_without_a_reproducible_hash_raises(value, message):
    with pytest.raises(ValueError, match=message):
        compute_hash(FunctionTransformer(kw_args={"value": value}))


def test_hashes_are_equal_in_every_process(monkeypatch):
    code = """
import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skmamba import MSiMambaClassifier
from skmamba.evaluation import _hashing
double = FunctionTransformer(lambda X: X in {"u", "v", "w"}, kw_args={"a": {"x", "y", "z"}})
model = SGDClassifier(random_state=np.random.RandomState(0))
class Model(MSiMambaClassifier):
    names = frozenset({"a", "b", "c"})
thing = _hashing.compute_hash(make_pipeline(double, MSiMambaClassifier(), model, Model))
"""
    alone = (
        f"from skmamba.evaluation import _hashing\n_hashing.hash_package = str{code}print(thing)"
    )
    variables = {"PYTHONHASHSEED": "1", "PATH": ""}
    found = subprocess.check_output([sys.executable, "-c", alone], env=variables, text=True)
    monkeypatch.setattr(_hashing, "hash_package", str)
    monkeypatch.setattr(_hashing, "find_version", _hashing.find_version.__wrapped__)  # no cache
    exec(code, script := {"__name__": "a_script"})
    assert found.strip() == script["thing"]  # strings have other hashes in this process


# Hashes of code


def define(source):
    """Return what a script of the user defines as ``thing``."""
    module = types.ModuleType("a_script")
    exec(source, module.__dict__)
    for value in vars(module).values():
        if isinstance(value, (type, types.FunctionType)):
            value.__module__ = module.__name__
    return module.thing


CODE = [
    ("def thing(x):\n    return x + {}", "1", "2"),
    ("def thing(x):\n    return x {} 1", "+", "-"),
    ("def thing(x, by={}):\n    return x + by", "1", "2"),
    ("def thing(x, {}=1):\n    return x", "a", "b"),
    ("def thing({}x):\n    return x", "", "*"),
    ("by = {}\ndef thing(x):\n    return x + by", "1", "2"),
    ("def inner(x):\n    return {}\ndef thing(x):\n    return inner(x)", "x", "-x"),
    ("def thing(x):\n    return thing(x - 1) if x else {}", "1", "2"),
    ("def outer(by):\n    return lambda x: x + by\nthing = outer({})", "1", "2"),
    ("def thing(x):\n    return [y + {} for y in x]", "1", "2"),
    ("def thing():\n    return thing.a\nthing.a = {}", "1", "2"),
    ("class thing:\n    def f(self):\n        return {}", "1", "2"),
    ("class thing:\n    a = {}", "1", "2"),
    ("class thing:\n    __hash__ = {}", "None", "object.__hash__"),
    ("class thing:\n    @property\n    def f(self):\n        return {}", "1", "2"),
    ("class base:\n    a = {}\nclass thing(base):\n    pass", "1", "2"),
    ("class meta(type):\n    a = {}\nclass thing(metaclass=meta):\n    pass", "1", "2"),
    ("class n(int):\n    def f(self):\n        return {}\nthing = n(1)", "1", "2"),
    ("class table(dict):\n    a = {}\nthing = table()", "1", "2"),
    ("import functools\n@functools.cache\ndef thing(x):\n    return {}", "1", "2"),
    (
        "from sklearn.base import BaseEstimator\nclass model(BaseEstimator):\n"
        "    def predict(self, X):\n        return {}\nthing = model()",
        *("1", "2"),
    ),
    (
        "import functools\n@functools.singledispatch\ndef thing(x):\n    return 0\n"
        "@thing.register\ndef _(x: int):\n    return {}",
        *("1", "2"),
    ),
    (
        "import functools\nclass thing:\n    @functools.cached_property\n"
        "    def f(self):\n        return {}",
        *("1", "2"),
    ),
    (
        "import functools\nclass call:\n    def __init__(self, f, by):\n        self.by = by\n"
        "        functools.update_wrapper(self, f)\nthing = call(len, {})",
        *("1", "2"),
    ),
]


@pytest.mark.parametrize(("source", "one", "two"), CODE)
def test_the_code_of_the_user_counts(source, one, two):
    first, same, other = (compute_hash(define(source.format(part))) for part in (one, one, two))
    assert first == same != other


def test_a_class_has_the_same_hash_after_its_annotations_were_read():
    class Plain:
        pass

    before = compute_hash(Plain)
    assert not Plain.__annotations__
    assert compute_hash(Plain) == before


def test_unrelated_code_of_a_script_does_not_count():
    lean = "def thing(x):\n    return x + 1"
    grown = f"import os\n\n\ndef plot():\n    return os.name\n\n\n{lean}\n\n\nother = 3"
    assert compute_hash(define(lean)) == compute_hash(define(grown))


@pytest.mark.parametrize("name", ["skorch", "braindecode", "torch"])
def test_versions_name_the_packages_that_train_networks(name):
    assert f"{name} {importlib.metadata.version(name)}" in _hashing.describe_versions()


def test_the_version_of_the_package_of_a_class_counts(monkeypatch):
    before = compute_hash(StandardScaler)
    monkeypatch.setattr(_hashing, "find_version", lambda module: "scikit-learn 99")
    assert compute_hash(StandardScaler) != before


def test_modules_beside_a_script_count_by_their_code(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "over.py").write_text("import mine\ndef f(x):\n    return mine.f(x)")
    script = tmp_path / "script.py"
    script.write_text(f"""
import mine, over, statistics, sys
from mine import f
sys.path.append({str(Path(_hashing.__file__).parent)!r})  # the package imports further ones
import _hashing

def import_module(x):
    import lazy
    return lazy.f(x)

def import_function(x):
    from lazy import f
    return f(x)

def import_submodule(x):
    from package import sub
    return sub.f(x)

_hashing.hash_package = str
things = [f, lambda x: mine.f(x), lambda x: over.f(x), statistics.f]
for thing in [*things, import_module, import_function, import_submodule]:
    print(_hashing.compute_hash(thing))
""")

    def hash_with(source, cwd):
        for name in ("mine", "statistics", "lazy", "package/sub"):
            (tmp_path / f"{name}.py").write_text(source)
        command = [sys.executable, "-B", script]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
        return done.stdout.split()

    source = "def f(x):\n    return x + {}"
    one, same = (hash_with(source.format(1), cwd) for cwd in (tmp_path, "/"))
    assert one == same
    assert set(one).isdisjoint(hash_with(source.format(22), tmp_path))


def test_values_set_in_a_module_of_the_user_count(monkeypatch):
    settings = types.ModuleType("settings")
    monkeypatch.setitem(sys.modules, "settings", settings)
    function = define("import settings\ndef thing():\n    return settings.a")
    hashes = set()
    for settings.a in (1, 2):
        hashes.add(compute_hash(function))
    assert len(hashes) == 2
