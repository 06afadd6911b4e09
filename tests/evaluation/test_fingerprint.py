import functools
import re
import subprocess
import sys
import threading
import types
from collections import OrderedDict, defaultdict

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse, stats
from sklearn import config_context
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmamba import MSiMambaClassifier, SlidingWindows
from skmamba.evaluation import _fingerprint
from skmamba.evaluation._fingerprint import fingerprint


def written_by_a_user(source, name="thing"):
    """What a script of a user's defines under a name."""
    module = types.ModuleType("a_script_of_mine")
    exec(source, module.__dict__)
    for value in vars(module).values():
        if isinstance(value, (type, types.FunctionType)):
            value.__module__ = module.__name__
    return getattr(module, name)


THINGS = [
    None,
    1,
    1.0,
    True,
    "1",
    b"1",
    [1],
    (1,),
    {1},
    {"a": 1},
    {"a": [1]},
    np.int64(1),
    np.array(1),
    np.array([1]),
    np.array([1.0]),
    np.array([[1]]),
    np.array(["1"]),
    np.array([1], object),
    pd.DataFrame({"a": [1]}),
    pd.DataFrame({"b": [1]}),
    pd.DataFrame({"a": [1.0]}),
    LogisticRegression(),
    LogisticRegression(C=2),
    KFold(3),
    KFold(4),
    np.random.RandomState(0),
    np.random.RandomState(1),
    MSiMambaClassifier(),
    MSiMambaClassifier(d_model=32),
    make_pipeline(SlidingWindows(window_size_samples=64), MSiMambaClassifier()),
    make_pipeline(SlidingWindows(window_size_samples=65), MSiMambaClassifier()),
    GridSearchCV(LogisticRegression(), {"C": [1, 2]}),
    GridSearchCV(LogisticRegression(), {"C": [1, 3]}),
    FunctionTransformer(np.log),
    FunctionTransformer(np.exp),
    functools.partial(np.sum, axis=1),
    functools.partial(np.sum, axis=2),
    OrderedDict(a=1, b=2),
    OrderedDict(b=2, a=1),
    defaultdict(int),
    defaultdict(float),
    re.compile("a"),
    re.compile("b"),
    pd.Series([1, 2]),
    pd.Series([1, 3]),
    pd.Index([1, 2]),
    pd.DataFrame({"a": [1, 2]}, index=[1, 0]),
    pd.DataFrame({"a": [1, 2]}, index=[0, 1]),
    pd.DataFrame({1: [1, 2]}),
    pd.DataFrame({"1": [1, 2]}),
    pd.DataFrame({"a": ["x", "y"]}),
    pd.DataFrame({"a": pd.Categorical(["x", "y"])}),
    pd.DataFrame({"a": pd.Categorical(["x", "y"], ["y", "x"])}),
    pd.Timestamp("2020-01-01", tz="UTC"),
    pd.date_range("2020-01-01", periods=2, tz="UTC"),
    np.array(["2020-01-01"], "datetime64[D]"),
    np.array([(1, 2)], [("a", int), ("b", int)]),
    np.array([(1, 2)], [("a", int), ("c", int)]),
    sparse.csr_array(np.eye(2)),
    sparse.csr_array(2 * np.eye(2)),
    stats.uniform(0, 1),
    stats.uniform(0, 2),
    torch.zeros(3),
    torch.ones(3),
    torch.ones(3, dtype=torch.bfloat16),
    [1].count,
    [2].count,
    np.random.default_rng(0).normal,
    np.random.default_rng(1).normal,
    np.add.reduce,
    np.multiply.reduce,
    len,
    np,
]


def test_everything_has_a_fingerprint_of_its_own():
    seen = {}
    for thing in THINGS:
        digest = fingerprint(thing)
        assert digest == fingerprint(thing), thing
        assert digest not in seen, (thing, seen[digest])
        seen[digest] = thing


def test_what_an_estimator_asks_for_counts():
    with config_context(enable_metadata_routing=True):
        asking = MSiMambaClassifier().set_fit_request(groups=True)
    assert fingerprint(asking) != fingerprint(MSiMambaClassifier())


def test_parts_do_not_run_together():
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint([1, 2], [3]) != fingerprint([1], [2, 3])


def test_order_counts_in_lists_and_not_in_dicts_and_sets():
    assert fingerprint([1, 2]) != fingerprint([2, 1])
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a", "b", "c"}) == fingerprint({"c", "b", "a"})


def test_layout_in_memory_does_not_count():
    X = np.arange(24.0).reshape(2, 3, 4)
    assert fingerprint(X) == fingerprint(np.asfortranarray(X)) == fingerprint(X[:, ::-1][:, ::-1])


def test_one_value_in_an_array_counts():
    X = np.zeros((10, 10))
    before = fingerprint(X)
    X[7, 3] = np.nextafter(0, 1)
    assert fingerprint(X) != before


def test_another_process_reads_the_same(tmp_path):
    code = (
        "import numpy as np\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import FunctionTransformer\n"
        "from skmamba import MSiMambaClassifier\n"
        "from skmamba.evaluation._fingerprint import fingerprint\n"
        "double = FunctionTransformer(lambda X: 2 * X, kw_args={'a': {'x', 'y', 'z'}})\n"
        "print(fingerprint(make_pipeline(double, MSiMambaClassifier()), np.arange(3)))\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def thing(x):\n    return x + 1", "def thing(x):\n    return x + 2"),
        ("def thing(x):\n    return x + 1", "def thing(x):\n    return x - 1"),
        ("def thing(x, by=1):\n    return x + by", "def thing(x, by=2):\n    return x + by"),
        ("by = 1\ndef thing(x):\n    return x + by", "by = 2\ndef thing(x):\n    return x + by"),
        (
            "def inner(x):\n    return x\ndef thing(x):\n    return inner(x)",
            "def inner(x):\n    return -x\ndef thing(x):\n    return inner(x)",
        ),
        (
            "def outer(by):\n    return lambda x: x + by\nthing = outer(1)",
            "def outer(by):\n    return lambda x: x + by\nthing = outer(2)",
        ),
        (
            "def thing(x):\n    return [y + 1 for y in x]",
            "def thing(x):\n    return [y + 2 for y in x]",
        ),
        (
            "class thing:\n    def f(self):\n        return 1",
            "class thing:\n    def f(self):\n        return 2",
        ),
        ("class thing:\n    a = 1", "class thing:\n    a = 2"),
        (
            "class base:\n    a = 1\nclass thing(base):\n    pass",
            "class base:\n    a = 2\nclass thing(base):\n    pass",
        ),
        ("def thing(*x):\n    return x", "def thing(x):\n    return x"),
        ("def thing(x, a=1):\n    return x", "def thing(x, b=1):\n    return x"),
        (
            "def thing():\n    return thing.a\nthing.a = 1",
            "def thing():\n    return thing.a\nthing.a = 2",
        ),
        ("class thing:\n    __hash__ = None", "class thing:\n    __hash__ = object.__hash__"),
        (
            "class meta(type):\n    a = 1\nclass thing(metaclass=meta):\n    pass",
            "class meta(type):\n    a = 2\nclass thing(metaclass=meta):\n    pass",
        ),
        (
            "import functools\n@functools.singledispatch\ndef thing(x):\n    return 0\n"
            "@thing.register\ndef _(x: int):\n    return 1",
            "import functools\n@functools.singledispatch\ndef thing(x):\n    return 0\n"
            "@thing.register\ndef _(x: int):\n    return 2",
        ),
        (
            "import functools\nclass thing:\n    @functools.cached_property\n"
            "    def f(self):\n        return 1",
            "import functools\nclass thing:\n    @functools.cached_property\n"
            "    def f(self):\n        return 2",
        ),
        (
            "import functools\nclass call:\n    def __init__(self, f, by):\n        self.by = by\n"
            "        functools.update_wrapper(self, f)\nthing = call(len, 1)",
            "import functools\nclass call:\n    def __init__(self, f, by):\n        self.by = by\n"
            "        functools.update_wrapper(self, f)\nthing = call(len, 2)",
        ),
        (
            "class number(int):\n    def f(self):\n        return 1\nthing = number(1)",
            "class number(int):\n    def f(self):\n        return 2\nthing = number(1)",
        ),
        (
            "class table(dict):\n    a = 1\nthing = table()",
            "class table(dict):\n    a = 2\nthing = table()",
        ),
        (
            "import functools\n@functools.cache\ndef thing(x):\n    return 1",
            "import functools\n@functools.cache\ndef thing(x):\n    return 2",
        ),
    ],
)
def test_code_of_ones_own_counts_by_what_it_does(one, other):
    assert fingerprint(written_by_a_user(one)) == fingerprint(written_by_a_user(one))
    assert fingerprint(written_by_a_user(one)) != fingerprint(written_by_a_user(other))


def test_what_else_a_script_holds_does_not_count():
    lean = "def thing(x):\n    return x + 1"
    grown = f"import os\n\n\ndef plot():\n    return os.name\n\n\n{lean}\n\n\nother = 3"
    assert fingerprint(written_by_a_user(lean)) == fingerprint(written_by_a_user(grown))


def test_an_estimator_of_ones_own_counts_by_its_code():
    source = (
        "from sklearn.base import BaseEstimator, ClassifierMixin\n"
        "class thing(ClassifierMixin, BaseEstimator):\n"
        "    def predict(self, X):\n"
        "        return {}\n"
    )
    one, same, other = (written_by_a_user(source.format(answer))() for answer in (1, 1, 2))
    assert fingerprint(one) == fingerprint(same) != fingerprint(other)


def test_functions_that_call_themselves_end():
    source = "def thing(x):\n    return thing(x - 1) if x else {}"
    one, other = (written_by_a_user(source.format(end)) for end in (1, 2))
    assert fingerprint(one) != fingerprint(other)


def test_a_list_that_holds_itself_ends():
    ring = [1]
    ring.append(ring)
    assert fingerprint(ring) == fingerprint(ring)


def test_versions_of_packages_count(monkeypatch):
    before = fingerprint(StandardScaler)
    monkeypatch.setattr(_fingerprint, "_version", lambda package: "99")
    assert fingerprint(StandardScaler) != before


def test_the_code_of_skmamba_counts(monkeypatch):
    before = fingerprint(MSiMambaClassifier())
    monkeypatch.setattr(_fingerprint, "code_of_skmamba", lambda: "edited")
    assert fingerprint(MSiMambaClassifier()) != before


def test_what_cannot_be_compared_is_told():
    with pytest.raises(ValueError, match=r"has changed, and <unlocked _thread\.lock"):
        fingerprint(FunctionTransformer(kw_args={"lock": threading.Lock()}))


def test_a_function_without_a_source_is_told():
    with pytest.raises(ValueError, match=r"np\.frompyfunc hides its function"):
        fingerprint(np.frompyfunc(lambda x: x + 1, 1, 1))


def test_tensors_and_networks_count_by_their_values():
    def network(seed):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return torch.nn.Linear(3, 2)

    assert fingerprint(network(0)) == fingerprint(network(0)) != fingerprint(network(1))


def test_what_a_model_has_learnt_counts_where_no_clone_forgets_it():
    def frozen(x):
        return FrozenEstimator(LogisticRegression().fit([[0], [1], [x]], [0, 0, 1]))

    def said_by(model):
        return FunctionTransformer(lambda X: model.predict(X))

    assert fingerprint(frozen(2)) == fingerprint(frozen(2)) != fingerprint(frozen(5))
    models = (frozen(x).estimator for x in (2, 5))
    assert len({fingerprint(said_by(model)) for model in models}) == 2


def test_drawing_from_a_distribution_changes_nothing():
    drawn = stats.loguniform(0.1, 1)
    before = fingerprint(drawn)
    state = np.random.get_state()
    drawn.rvs(3)
    np.random.set_state(state)
    np.random.seed(5)
    after = fingerprint(drawn)
    np.random.set_state(state)
    assert before == after


def test_where_a_cache_lies_does_not_count(tmp_path):
    pipes = [
        make_pipeline(StandardScaler(), memory=joblib.Memory(tmp_path / name, verbose=0))
        for name in ("one", "other")
    ]
    assert len(set(map(fingerprint, pipes))) == 1


USES = {
    "a module": "import beside\nthing = lambda x: beside.f(x)",
    "an import when called": "def thing(x):\n    from beside import f\n    return f(x)",
    "a module of a module": "import over\nthing = lambda x: over.f(x)",
    "a function": "from beside import f\nthing = f",
    "a module with the name of another": "import statistics\nthing = statistics.f",
}


@pytest.mark.parametrize("use", USES)
def test_modules_that_lie_beside_a_script_count_by_their_code(tmp_path, use):
    def digest_with(source, cwd):
        for name in ("beside", "statistics"):
            (tmp_path / f"{name}.py").write_text(source)
        (tmp_path / "over.py").write_text("import beside\ndef f(x):\n    return beside.f(x)")
        script = tmp_path / "script.py"
        script.write_text(
            f"{USES[use]}\nfrom skmamba.evaluation._fingerprint import fingerprint\n"
            "print(fingerprint(thing))"
        )
        return subprocess.run(
            [sys.executable, "-B", script], cwd=cwd, capture_output=True, text=True, check=True
        ).stdout

    source = "def f(x):\n    return x + {}"
    one, same = (digest_with(source.format(1), cwd) for cwd in (tmp_path, "/"))
    assert one == same != digest_with(source.format(22), tmp_path)


def test_what_a_script_sets_in_a_module_of_its_own_counts(monkeypatch):
    settings = types.ModuleType("settings_of_mine")
    monkeypatch.setitem(sys.modules, "settings_of_mine", settings)
    function = written_by_a_user(
        "import settings_of_mine\ndef thing():\n    return settings_of_mine.a"
    )
    digests = set()
    for settings.a in (1, 2):
        digests.add(fingerprint(function))
    assert len(digests) == 2
