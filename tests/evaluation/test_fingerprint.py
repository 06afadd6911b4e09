import functools
import subprocess
import sys
import threading
import types

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
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


@pytest.mark.parametrize(
    "thing",
    [
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
        make_pipeline(SlidingWindows(64), MSiMambaClassifier()),
        make_pipeline(SlidingWindows(65), MSiMambaClassifier()),
        GridSearchCV(LogisticRegression(), {"C": [1, 2]}),
        GridSearchCV(LogisticRegression(), {"C": [1, 3]}),
        FunctionTransformer(np.log),
        FunctionTransformer(np.exp),
        functools.partial(np.sum, axis=1),
        functools.partial(np.sum, axis=2),
        len,
        np,
    ],
    ids=repr,
)
def test_everything_has_a_fingerprint_of_its_own(thing):
    others = getattr(test_everything_has_a_fingerprint_of_its_own, "seen", {})
    test_everything_has_a_fingerprint_of_its_own.seen = others
    digest = fingerprint(thing)
    assert digest == fingerprint(thing)
    assert others.setdefault(digest, repr(thing)) == repr(thing)


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
