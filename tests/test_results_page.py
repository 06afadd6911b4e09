"""The page of results: every number beside chance and behind the command that makes it."""

import importlib.util
import re
import shlex
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import MSiMambaClassifier, load_eegmat, make_models
from skmamba.cli import main as skmamba
from skmamba.cli._data import check_data, make_splitter
from skmamba.datasets import simulate_trials
from skmamba.evaluation import CrossSubjectSplit, leakage_gap
from skmamba.modules import MSiMambaEnsemble, PowerEmbedding
from skmamba.pipelines import list_models

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/research/results.md"
INVERTED, SINGLE = "embedding='inverted'", "n_members=1"
WRITTEN = ["channels", "people", "leak", "control"]


def read_section(page, name):
    return page.read_text("utf8").split(f"<!-- {name} -->")[1].split(f"<!-- end of {name} -->")[0]


def read_table(section):
    lines = [line for line in section.splitlines() if line.startswith("|")]
    header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return header, rows


@pytest.fixture(scope="module")
def bench():
    """The modules of the command, which find each other as they do when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
        spec = importlib.util.spec_from_file_location("results", ROOT / "benchmarks/results.py")
        results = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(results)
        yield SimpleNamespace(results=results, scores=sys.modules["scores"])


@pytest.fixture(scope="module")
def run(bench, tmp_path_factory):
    """Run the command with a page and a store of this run."""
    folder = tmp_path_factory.mktemp("results")
    page = folder / "results.md"
    page.write_text(PAGE.read_text("utf8"), "utf8")

    def run(*sections):
        places = ["--store", str(folder / "store"), "--write", str(page)]
        bench.results.main(["--only", *sections, "--quick", "--jobs", "1", *places])
        return page

    run.store = folder / "store"
    return run


@pytest.fixture(scope="module")
def page(run):
    return run(*WRITTEN)


def test_the_page_has_a_place_for_every_section_and_no_other(bench):
    marks = re.findall(r"<!-- (.*?) -->", PAGE.read_text("utf8"))
    expected = [mark for name in bench.results.SECTIONS for mark in (name, f"end of {name}")]
    assert marks == expected


@pytest.mark.parametrize("name", WRITTEN)
def test_every_score_has_chance_beside_it(page, name):
    header, rows = read_table(read_section(page, name))
    assert rows
    assert {"trials", "random windows"} & set(header)
    for score, chance in {"trials": 1, "windows": 1, "random windows": 3}.items():
        if score in header and not (name == "leak" and score == "trials"):
            column = header.index(score) + chance
            assert header[column] == "chance"
            assert {row[column] for row in rows} == {"0.50"}
            assert all(0 <= float(row[header.index(score)].split()[0]) <= 1 for row in rows)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_table_stands_below_the_command_that_makes_it(page, name):
    first = read_section(page, name).strip().splitlines()[:3]
    assert first == ["```shell", f"python benchmarks/results.py --only {name} --quick", "```"]


def test_the_page_itself_is_of_no_quick_run(bench):
    for name in bench.results.SECTIONS:
        command = re.search(r"```shell\n(.*)\n```", read_section(PAGE, name))[1]
        assert re.fullmatch(rf"python benchmarks/results\.py --only {name}( --seeds \d+)?", command)


def test_only_what_stands_between_marks_is_replaced(page):
    def without(path, names):
        text = path.read_text("utf8")
        for name in names:
            text = text.replace(read_section(path, name), "")
        return text

    assert without(page, WRITTEN) == without(PAGE, WRITTEN)
    assert page.read_text("utf8") != PAGE.read_text("utf8")


def test_an_interrupted_run_fits_only_what_is_missing(run, page):
    before = {path: path.stat().st_mtime_ns for path in run.store.glob("*.json")}
    table = read_section(page, "people")
    lost, *kept = sorted(before)
    lost.unlink()
    run(*WRITTEN)
    assert set(run.store.glob("*.json")) == set(before)
    assert all(path.stat().st_mtime_ns == before[path] for path in kept)
    assert lost.stat().st_mtime_ns > before[lost]
    # all but the last column, the speed, of which one fit is new
    shown = [row[:-1] for row in read_table(table)[1]]
    assert [row[:-1] for row in read_table(read_section(page, "people"))[1]] == shown


def test_a_page_without_the_place_is_left_alone(bench, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- leak -->\nnumbers\n")
    with pytest.raises(ValueError, match=r"no place for leak: it needs .*<!-- end of leak -->"):
        bench.results.write_section(page, "leak", "text")
    assert page.read_text() == "<!-- leak -->\nnumbers\n"


def test_the_command_above_a_table_tells_what_was_asked(bench):
    results = bench.results
    assert results.command("leak", results.Bench(2, False, 1, "anywhere")).endswith(
        "--only leak --seeds 2"
    )


def test_every_headline_model_is_in_the_registry(bench):
    assert set(bench.results.BEST_KNOWN) <= set(list_models())


def test_fewer_people_train_and_the_same_are_tested(bench):
    trials = simulate_trials(n_subjects=10, n_trials=2)
    subject = trials.metadata["subject"].to_numpy()
    cv = CrossSubjectSplit(5)
    folds = {
        share: list(
            bench.scores.FewerSubjects(cv, share, 0).split(trials.X, trials.y, trials.metadata)
        )
        for share in (1, 0.5, 0.25)
    }
    whole = list(cv.split(trials.X, trials.y, trials.metadata))
    for (train, test), *sides in zip(whole, *folds.values(), strict=True):
        people = [set(subject[own]) for own, _ in sides]
        assert [len(own) for own in people] == [8, 4, 2]
        assert people[2] < people[1] < people[0]
        assert np.array_equal(sides[0][0], train)
        assert all(np.array_equal(own_test, test) for _, own_test in sides)
        assert all(len(own) == 2 * len(set(subject[own])) for own, _ in sides)  # whole people
    other = bench.scores.FewerSubjects(cv, 0.5, 1).split(trials.X, trials.y, trials.metadata)
    assert any(
        set(own) != set(train) for (own, _), (train, _) in zip(other, folds[0.5], strict=True)
    )


def test_the_planted_leak_is_memory_of_trials(bench):
    look = FunctionTransformer(lambda X: np.c_[X.mean(axis=-1), np.log(X.std(axis=-1))])
    nearest = make_pipeline(look, KNeighborsClassifier(1))
    gap = leakage_gap(nearest, bench.results.plant_leak(), window_size_samples=256, verbose=False)
    means = gap.set_index(["labels", "split"])["mean"]
    assert means["true", "random windows"] > 0.9
    # 80 coins have a standard deviation of 0.056
    assert abs(means["true", "subjects"] - 0.5) < 3 * 0.056


def test_the_control_is_the_same_people_at_rest_twice(bench):
    trials = bench.results.load_control()
    rest = load_eegmat().select("segment == 2")
    late = trials.X[trials.y == 1]
    assert np.array_equal(late[:, 0], rest.X[:, rest.ch_names.index("Fp1")])
    subjects = [trials.metadata["subject"][trials.y == label].tolist() for label in (0, 1)]
    assert subjects[0] == subjects[1] == rest.metadata["subject"].tolist()
    early = trials.X[trials.y == 0]
    assert not np.isclose(early, late).all(axis=-1).any()


def score_people(**people):
    """Scores as score_by_subject gives them, of one seed."""
    return pd.DataFrame(
        {
            "estimator": name,
            "kind": "baseline" if name == "majority" else "model",
            "subject": subject,
            "balanced_accuracy": score,
            "seed": 0,
        }
        for name, scores in people.items()
        for subject, score in enumerate(scores)
    )


def test_the_sentence_names_who_is_level_and_what_is_unsure(bench):
    scores = score_people(
        ours=[0.75] * 9, better=[0.8] * 9, other=[0.7] * 5 + [0.79] * 4, majority=[0.5] * 9
    )
    assert bench.scores.put_in_words(scores) == (
        "Not below ours, by trials: better. Paired differences to ours that are not significant "
        "(p Holm 0.05 or more): other."
    )


def test_speed_counts_every_pass_of_every_window(bench):
    trials = simulate_trials(n_subjects=2, n_trials=2, n_times=512)  # two windows a trial
    models = make_models(["MS-iMamba", "band-power-LDA"], trials, max_epochs=5)
    by_fold = pd.DataFrame(
        {
            "estimator": ["MS-iMamba"] * 3 + ["band-power-LDA", "majority"],
            "n_train": 100,
            "fit_seconds": [1.0, 2.0, 50.0, 4.0, 1e-9],
        }
    )
    speed = bench.scores.windows_per_second(by_fold, models, trials)
    assert speed.to_dict() == {"MS-iMamba": 100 * 2 * 5 / 2, "band-power-LDA": 100 * 2 / 4}


def test_parameters_are_those_of_the_network(bench):
    from braindecode.models import EEGNet

    trials = simulate_trials(n_subjects=2, n_trials=2)
    models = make_models(["EEGNet", "band-power-LDA"], trials, max_epochs=5)
    with warnings.catch_warnings(action="ignore"):  # of a default that is to be renamed
        net = EEGNet(n_chans=4, n_outputs=2, n_times=256, sfreq=128)
    assert bench.scores.count_parameters(models["EEGNet"], trials) == str(
        sum(weights.numel() for weights in net.parameters())
    )
    assert models["EEGNet"][-1].max_epochs == 5  # the model itself is as it was
    assert bench.scores.count_parameters(models["band-power-LDA"], trials) == "-"


def test_every_command_for_data_that_nobody_here_has_is_understood():
    text = PAGE.read_text("utf8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith("skmamba ")]
    asked = []
    for line in lines:
        words = shlex.split(line)[2:]
        context = skmamba.commands["evaluate"].make_context("evaluate", words)
        asked.append(SimpleNamespace(**context.params))
        check_data(asked[-1])
        assert make_splitter(asked[-1]).protocol == "cross_subject"
        assert set(asked[-1].models) <= set(list_models())
    assert [each.data for each in asked] == ["deap", "dreamer", "seed", "seed-iv"]


@pytest.fixture(scope="module")
def variants():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
        spec = importlib.util.spec_from_file_location("variants", ROOT / "benchmarks/variants.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


def test_a_setting_is_described_by_its_seeds_and_by_their_mean(variants):
    y = np.array([0, 1])
    right, wrong = np.array([[0.4, 0.4], [0.9, 0.2]]), np.array([[0.7, 0.4], [0.9, 0.9]])
    row = variants.describe({"top_k": 1}, [right, wrong], y)
    assert row["setting"] == '{"top_k": 1}'
    assert row["windows"] == "0.750"  # three of four, twice
    assert row["trials"] == "0.750"  # both; then one, for .7 and .4 are .55
    assert row["trials, seeds"] == "0.50 to 1.00"
    assert row["all seeds as one"] == "0.750 / 1.000"  # .55 is the one window on the wrong side


def test_settings_are_tried_on_people_not_trained_on(variants, trials, monkeypatch):
    seen = []

    class Spy(MSiMambaClassifier):
        def fit(self, X, y):
            seen.append(X)
            return super().fit(X, y)

        def predict_proba(self, X):
            assert not any((window == seen[-1]).all((2, 3)).any() for window in X)
            return super().predict_proba(X)

    (model,) = make_models("MS-iMamba", trials, picks=None, window_size=0.5).values()
    small = {"d_model": 4, "d_hidden": 2, "n_kernels": 1, "max_epochs": 1, "n_members": 1}
    model.set_params(**{model.steps[-1][0]: Spy(**small)})
    proba = variants.predict_windows(model, trials, 2, seed=0)
    assert len(seen) == 2
    assert np.isfinite(proba).all()


def read_scores(name):
    """Trials and windows of each model as texts quote them: .50, no 0.50."""
    header, rows = read_table(read_section(PAGE, name))
    columns = header.index("trials"), header.index("windows")
    return {row[0]: [re.sub(r"\b0\.", ".", row[column]) for column in columns] for row in rows}


def test_the_readme_quotes_the_headline():
    names = {
        "**MS-iMamba**": "MS-iMamba",
        "band power + LDA": "band-power-LDA",
        "tangent space + logistic regression (pyRiemann)": "tangent-space-LR",
    }
    text = (ROOT / "README.md").read_text("utf8").split("## What to expect")[1]
    _, (*rows, chance) = read_table(text.split("\n## ")[0])
    quoted = {names.get(name, name.removesuffix(" (braindecode)")): row for name, *row in rows}
    assert quoted == read_scores("headline")
    assert chance == ["majority (chance)", ".50", ".50"]


def test_the_page_of_the_network_quotes_the_ablations():
    text = (
        (ROOT / "docs/user_guide/model.md")
        .read_text("utf8")
        .split("| Network ")[1]
        .split("\n\n")[0]
    )
    _, rows = read_table("| Network " + text)
    scores = read_scores("ablations")
    assert len(rows) == 7
    for row, *quoted in rows:
        wanted = "MS-iMamba" if row == "the default" else row.replace('"', "'")
        trials, windows = scores[next(name for name in scores if name in wanted)]
        assert quoted == [windows.split()[0], trials.split()[0]], row


@pytest.mark.parametrize(
    ("place", "sentence", "other"),
    [
        (PowerEmbedding, "score {} in the place of {}, and trials {} in the place of {}", INVERTED),
        (MSiMambaEnsemble, "score {0} on windows and {2} on trials, one {1} and {3}", SINGLE),
        ("| Embedding |", "windows {} against {}, trials {} against {}", INVERTED),
        ("| Networks |", "windows {} against {}, trials {} against {}", SINGLE),
    ],
)
def test_a_departure_is_named_with_its_measured_gain(place, sentence, other):
    if isinstance(place, str):
        (told,) = re.findall(
            re.escape(place) + ".*", (ROOT / "docs/user_guide/model.md").read_text("utf8")
        )
    else:
        told = " ".join(place.__doc__.split())
    scores = read_scores("ablations")
    trials, windows = zip(scores["MS-iMamba"], scores[other], strict=True)
    assert sentence.format(*(cell.split()[0] for cell in windows + trials)) in told
