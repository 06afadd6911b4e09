"""What signatures promise: a type for everything public, the docstring's words, and no more."""

import ast
import inspect
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin, get_overloads, get_type_hints

import pytest
from matplotlib.axes import Axes
from numpydoc.docscrape import NumpyDocString
from sklearn.pipeline import make_pipeline

from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows, evaluate
from skmamba.datasets import simulate_trials
from skmamba.evaluation._splitters import PROTOCOLS, ProtocolName
from skmamba.inspection import input_attribution

HOUSE = runpy.run_path(str(Path(__file__).with_name("test_architecture.py")))
PUBLIC = HOUSE["PUBLIC"]
WORD = re.compile(r'"([^"]+)"')


def function_of(thing):
    """What is called: of a class its constructor, None if it has none of its own."""
    if isinstance(thing, property):
        return thing.fget
    if not inspect.isclass(thing):
        return thing
    constructor = thing.__init__
    return constructor if inspect.isfunction(constructor) else None


def types_of(thing):
    """Types by parameter, and of what is returned; matplotlib is known to type checkers only."""
    function = inspect.unwrap(function_of(thing))
    return get_type_hints(function, localns={"Axes": Axes})


def words_of(kind):
    """All words that a type takes, wherever in it they stand."""
    if get_origin(kind) is Literal:
        return {word for word in get_args(kind) if isinstance(word, str)}
    return set().union(*(words_of(part) for part in get_args(kind)))


def documented_types(thing):
    """Type lines by parameter; the first that is returned goes by the name of return."""
    doc = NumpyDocString(inspect.cleandoc(thing.__doc__ or ""))
    kinds = {name: kind for name, (kind, _) in HOUSE["documented_parameters"](thing).items()}
    return kinds | {"return": "".join(returned.type for returned in doc["Returns"])}


CALLABLE = [name for name, thing in PUBLIC.items() if function_of(thing)]


# Signatures


@pytest.mark.parametrize("name", CALLABLE)
def test_every_parameter_and_what_is_returned_have_a_type(name):
    function = function_of(PUBLIC[name])
    expected = {*inspect.signature(function).parameters, "return"} - {"self", "cls"}
    missing = expected - set(types_of(PUBLIC[name]))
    assert not missing, f"{name} does not say the type of {', '.join(sorted(missing))}"


@pytest.mark.parametrize("name", CALLABLE)
def test_words_of_a_type_are_those_of_the_docstring(name):
    documented = documented_types(PUBLIC[name])
    for parameter, kind in types_of(PUBLIC[name]).items():
        if documented.get(parameter) and not words_of(ProtocolName) & words_of(kind):
            assert words_of(kind) == set(WORD.findall(documented[parameter])), parameter


def test_names_of_protocols_are_those_of_the_splitters():
    assert words_of(ProtocolName) == set(PROTOCOLS)


@pytest.mark.parametrize("name", CALLABLE)
def test_none_is_a_type_where_it_is_the_default(name):
    types = types_of(PUBLIC[name])
    for parameter in inspect.signature(function_of(PUBLIC[name])).parameters.values():
        if parameter.default is None:
            assert types[parameter.name] is object or type(None) in get_args(types[parameter.name])


@pytest.mark.parametrize("function", [evaluate, input_attribution], ids=lambda f: f.__name__)
def test_overloads_have_the_parameters_of_what_they_stand_for(function):
    own = inspect.signature(function).parameters
    for overload in get_overloads(function):
        theirs = inspect.signature(overload).parameters
        assert list(theirs) == list(own)
        for name in list(own)[:-1]:  # the last one is what they differ in
            assert theirs[name].annotation == own[name].annotation
            assert (theirs[name].default is ...) == (own[name].default is not inspect._empty)


# What mypy makes of it in a program of somebody else

PROGRAM = """
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline

import skmamba
from skmamba import (
    BandPower, BraindecodeClassifier, ChannelPicker, CrossSubjectSplit, EuclideanAlignment,
    MSiMambaClassifier, ScoresDisplay, SlidingWindows, StreamDecoder, Trials,
    WindowVotingClassifier, attribute_input, compare, evaluate, leakage_report, load_eegmat,
    load_model, make_models, save_model, simulate_trials, write_report,
)
from skmamba.modules import MSiMamba

from skmamba import EuclideanAlignement  # wrong: attr-defined
from skmamba.modules import MSIMamba  # wrong: attr-defined
skmamba.load_eegmta()  # wrong: attr-defined
skmamba.modules.PowerEmbedding(n_times=128, d_model=8)

trials = load_eegmat()
assert_type(trials.select("subject < 3", session=[0, 1]), Trials)
assert_type(trials.select(trials.y == 1).as_windows(256, stride=128), Trials)
assert_type(Trials.concatenate([trials, simulate_trials(truth="slow rhythm")]), Trials)
load_eegmat(path="eegmat")  # wrong: call-arg
simulate_trials(truth="strenght")  # wrong: arg-type
trials.as_windows("2 s")  # wrong: arg-type
trials.sfrq  # wrong: attr-defined

picker = ChannelPicker(["Fp1", 3], ch_names=trials.ch_names)
assert_type(picker.fit(trials.X), ChannelPicker)
assert_type(picker.transform(trials.X.tolist()), NDArray[Any])
EuclideanAlignment("calibration").fit(trials.X, groups=trials.metadata)
BandPower(128, {"alpha": (8, 13)}).set_output(transform="pandas")
ChannelPicker(pick="Fp1")  # wrong: call-arg
SlidingWindows("2 s")  # wrong: arg-type
SlidingWindows(256).fit(trials)  # wrong: arg-type
EuclideanAlignment("unlabeled")  # wrong: arg-type

clf = MSiMambaClassifier(embedding="inverted", class_weight="balanced", scaling=None)
assert_type(clf.fit(trials.X, trials.y, groups=trials.metadata["subject"]), MSiMambaClassifier)
assert_type(clf.predict_proba(trials.X), NDArray[Any])
assert_type(clf.n_iter_, int)
WindowVotingClassifier(clf, voting="hard").fit(trials.X, ["rest", "task"] * 20)
BraindecodeClassifier(MSiMamba, class_weight={0: 1, 1: 2.5}, random_state=0)
MSiMambaClassifier(embedding="invertd")  # wrong: arg-type
MSiMambaClassifier(learning_rate=0.1)  # wrong: call-arg
MSiMambaClassifier(d_model=64.5)  # wrong: arg-type
clf.fit(trials.X, trials.y, group=trials.metadata)  # wrong: call-arg
clf.fit(trials.X)  # wrong: call-arg

pipe = make_pipeline(picker, SlidingWindows(256, 128), clf)
assert_type(evaluate({"net": pipe}, trials, progress=False), pd.DataFrame)
results, predictions = evaluate({"net": pipe}, trials, "cross_subject", return_predictions=True)
evaluate({"net": pipe}, trials, CrossSubjectSplit(4), scoring=["f1"], store=Path("folds"))
evaluate({"net": pipe}, trials, [(np.arange(20), np.arange(20, 40))])
leakage_report("cross_session", trials, groups="subject")
compare(results, "accuracy", reference="net").to_csv("table.csv")
ScoresDisplay.from_results(results).figure_.savefig("scores.png")
assert_type(write_report(results, "report.html", predictions=predictions), Path)
evaluate({"net": pipe}, trials, "cross_subjects")  # wrong: arg-type
evaluate({"net": pipe}, trials, n_job=2)  # wrong: call-overload
compare(results, score=3)  # wrong: arg-type
leakage_report("loso", trials)  # wrong: arg-type

assert_type(skmamba.list_models(), list[str])
make_models("all", trials, channels=["Fp1", "Fp2"], max_epochs=2)
attribution, array = attribute_input(pipe, trials, return_array=True)
make_models("all", trials.X)  # wrong: arg-type
attribute_input(pipe, trials, method="gradient")  # wrong: call-overload

path = save_model(pipe, "model", trials=trials, scores={"accuracy": 0.7})
assert_type(load_model(path).predict(trials), NDArray[Any])
save_model(pipe, 3)  # wrong: arg-type

decoder = StreamDecoder(pipe, stride=0.5, smoothing=1.0, sfreq=trials.sfreq)
assert_type(decoder.delay, float)
assert_type(decoder.push(np.zeros((4, 10))).stop.ndim, int)
StreamDecoder(pipe, 0.5)  # wrong: call-arg
decoder.push(sample=np.zeros((4, 10)))  # wrong: call-arg
"""


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """What mypy says of the program, by its strictest rules: pairs of a line and a code."""
    pytest.importorskip("mypy")
    folder = tmp_path_factory.mktemp("program")
    (folder / "program.py").write_text(PROGRAM, encoding="utf-8")
    options = ["--config-file=", "--strict", "--ignore-missing-imports", "--cache-dir=cache"]
    # In a process of its own: what mypy leaves in memory takes longer to clear than it runs.
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "program.py"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    found = re.findall(r"^program\.py:(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    return {(PROGRAM.splitlines()[int(number) - 1], code) for number, code in found}


def test_mypy_finds_nothing_in_lines_that_are_right(findings):
    assert not {finding for finding in findings if "# wrong: " not in finding[0]}


@pytest.mark.parametrize(
    ("line", "code"), re.findall(r"^(.*# wrong: ([a-z-]+))$", PROGRAM, re.MULTILINE)
)
def test_mypy_finds_what_is_wrong(line, code, findings):
    assert (line, code) in findings


# What a notebook shows


@pytest.fixture(scope="module")
def pipe():
    trials = simulate_trials(n_subjects=2, n_trials=4, n_times=128)
    picker = ChannelPicker(["Fp1", "F3"], ch_names=trials.ch_names)
    clf = MSiMambaClassifier(d_model=8, d_hidden=4, n_members=1, max_epochs=1, random_state=0)
    return make_pipeline(picker, SlidingWindows(window_size_samples=64), clf).fit(
        trials.X, trials.y
    )


def test_an_estimator_is_written_with_what_was_changed_only(pipe):
    call = ast.parse(repr(pipe[-1]), mode="eval").body
    told = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert told == {
        "d_hidden": 4,
        "d_model": 8,
        "max_epochs": 1,
        "n_members": 1,
        "random_state": 0,
    }
    assert repr(pipe[1]) == "SlidingWindows(size=64)"


def test_a_diagram_shows_steps_and_that_they_are_fitted(pipe):
    page = pipe._repr_html_()
    for name in ("ChannelPicker", "SlidingWindows", "MSiMambaClassifier"):
        assert f"<div>{name}</div>" in page
    assert "<span>Fitted</span>" in page
    assert "<span>Not fitted</span>" not in page


def test_a_diagram_leads_to_no_page_that_is_not_there(pipe):
    for step in pipe:
        assert "href=" not in step._repr_html_()
