"""Tests of docs/research/results.md, the command that writes it, and quotations of its scores."""

import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from skmamba import load_eegmat
from skmamba.cli import main as skmamba
from skmamba.datasets import simulate_trials
from skmamba.evaluation import CrossSubjectSplit, WithinSubjectSplit
from skmamba.pipelines import list_models

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/research/results.md"
DEFAULT = "MS-iMamba"
QUOTED_NAMES = {
    "band power + LDA": "band-power-LDA",
    "tangent space + logistic regression": "tangent-space-LR",
}


def read_section(page, name):
    return page.read_text("utf8").split(f"<!-- {name} -->")[1].split(f"<!-- end of {name} -->")[0]


def read_rows(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return [dict(zip(header, row, strict=True)) for row in rows]


def read_scores(name):
    """Return the scores of trials and of windows of each model, without leading zeros."""
    return {
        row["model"]: [re.sub(r"\b0\.", ".", row[column]) for column in ("trials", "windows")]
        for row in read_rows(read_section(PAGE, name))
    }


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import data_sets
        import results
        import scores

        yield SimpleNamespace(results=results, scores=scores, data_sets=data_sets)
    for name in ("results", "scores", "measure", "data_sets"):
        sys.modules.pop(name, None)


# The page


def test_the_page_has_the_sections_of_the_command_and_full_runs_only(bench):
    marks = re.findall(r"<!-- (.*?) -->", PAGE.read_text("utf8"))
    assert marks == [mark for name in bench.results.SECTIONS for mark in (name, f"end of {name}")]
    for name in bench.results.SECTIONS:
        command = re.search(r"```shell\n(.*)\n```", read_section(PAGE, name))[1]
        assert re.fullmatch(
            rf"python benchmarks/results\.py --only {name}( --seeds \d+)?( --data FOLDER)?", command
        )
    assert set(bench.results.HEADLINE) <= set(read_scores("models")) == set(list_models())


def test_commands_for_other_data_sets_are_valid():
    text = PAGE.read_text("utf8").replace("\\\n", " ")
    commands = [line for line in text.splitlines() if line.startswith("skmamba evaluate")]
    contexts = [
        skmamba.commands["evaluate"].make_context("evaluate", shlex.split(command)[2:])
        for command in commands
    ]
    assert [context.params["data"] for context in contexts] == [
        "deap",
        "dreamer",
        "seed",
        "seed-iv",
    ]


@pytest.mark.parametrize(
    ("section", "columns"),
    [("headline", slice(0, 2)), ("sequence_learning", slice(2, 3)), ("ssvep", slice(3, 4))],
)
def test_the_readme_quotes_the_results(section, columns):
    scores = {
        name: own[: columns.stop - columns.start] for name, own in read_scores(section).items()
    }
    quoted = re.findall(r"^\| *(.*?) *\|(.*)\|$", (ROOT / "README.md").read_text("utf8"), re.M)
    names = [re.sub(r"\*\*| \(.*?\)$", "", name) for name, _ in quoted]
    names = [QUOTED_NAMES.get(name, name) for name in names]
    found = {
        name: [cell.strip() for cell in cells.split("|")][columns]
        for name, (_, cells) in zip(names, quoted, strict=True)
        if name in scores
    }
    assert DEFAULT in found
    assert found == {name: scores[name] for name in found}


def test_the_page_of_the_network_quotes_the_ablations():
    text = (ROOT / "docs/user_guide/model.md").read_text("utf8")
    scores = read_scores("ablations")
    table = next(part for part in text.split("\n\n") if part.startswith("| Network | windows"))
    rows = read_rows(table)
    assert len(rows) >= 5
    for row in rows:
        code = re.findall(r"`(.*?)`", row["Network"])
        name = code[0].replace('"', "'") if code else DEFAULT
        trials, windows = (score.split()[0] for score in scores[name])
        assert [row["windows"], row["trials"]] == [windows, trials], row["Network"]


def test_the_page_of_a_new_subject_quotes_the_results():
    text = (ROOT / "docs/user_guide/new_subject.md").read_text("utf8")
    without, adapted = read_scores("headline"), read_scores("new_subject")
    table = next(part for part in text.split("\n\n") if part.startswith("| Model | without"))

    def quote(scores):
        return " / ".join(score.split()[0] for score in scores)

    rows = read_rows(table)
    assert len(rows) == 4
    for row in rows:
        name, is_network = QUOTED_NAMES.get(row["Model"], row["Model"]), row["Model"] == DEFAULT
        reference = f"{name}, reference" if is_network else f"{name}, whitened"
        assert row["without"] == quote(without[name])
        assert row["reference"] == quote(adapted[reference])
        if is_network:
            assert row["all test windows"] == quote(adapted[f"{name}, unlabelled"])
    readme = " ".join((ROOT / "README.md").read_text("utf8").split())
    numbers = r"MS-iMamba scores (\S+) on trials and (\S+) on windows, and (\w+) (\S+) and (\S+) \("
    found = re.search(numbers, readme).groups()
    assert " / ".join(found[:2]) == quote(adapted["MS-iMamba, reference"])
    assert " / ".join(found[3:]) == quote(adapted[f"{found[2]}, whitened"])


def test_the_page_of_the_network_quotes_the_gain_by_power():
    text = (ROOT / "docs/user_guide/model.md").read_text("utf8")
    scores = read_scores("ablations")
    (trials, windows), (trials_without, windows_without) = (
        [score.split()[0] for score in scores[name]] for name in (DEFAULT, "embedding='inverted'")
    )
    gains = rf"{windows}\D+?{windows_without}\D+?{trials}\D+?{trials_without}"
    assert re.search(gains.replace(".", r"\."), text)


# The command


def test_a_quick_run_writes_its_sections_and_resumes_from_the_cache(bench, tmp_path):
    page, cache = tmp_path / "results.md", tmp_path / "cache"
    page.write_text(PAGE.read_text("utf8"), "utf8")
    names = ["channels", "subjects", "leakage", "control"]
    options = ["--quick", "--jobs", "1", "--cache-dir", str(cache), "--write", str(page)]
    bench.results.main(["--only", *names, *options])
    for name in names:
        section = read_section(page, name)
        first = section.strip().splitlines()[1]
        assert first == f"python benchmarks/results.py --only {name} --quick"
        assert {row["chance"] for row in read_rows(section)} == {"0.50"}
    restored = page.read_text("utf8")
    for name in names:
        restored = restored.replace(read_section(page, name), read_section(PAGE, name))
    assert restored == PAGE.read_text("utf8")

    before = {path: path.stat().st_mtime_ns for path in cache.glob("*.json")}
    lost, *cached = sorted(before)
    lost.unlink()
    bench.results.main(["--only", "channels", "subjects", "control", *options])
    assert set(cache.glob("*.json")) == set(before)
    assert all(path.stat().st_mtime_ns == before[path] for path in cached)
    with pytest.raises(ValueError, match=r"must have the marks <!-- models --> and <!-- end of"):
        bench.results.write_section(tmp_path / "cache" / cached[0].name, "models", "text")


def test_scores_of_models_that_are_not_evaluated_again_are_read(bench, tmp_path, capsys):
    options = ["--quick", "--jobs", "1", "--cache-dir", str(tmp_path / "cache")]
    page, folder = tmp_path / "results.md", tmp_path / "scores"
    page.write_text(PAGE.read_text("utf8"), "utf8")
    options += ["--only", "channels", "--scores", str(folder), "--write", str(page)]
    bench.results.main(options)
    first, table = read_section(page, "channels"), pd.read_csv(folder / "channels.csv")
    models = ["MS-iMamba", "EEGNet", "band-power-LDA"]
    names = {f"{name} ({n} channels)" for n in (4, 19) for name in models}
    assert set(table["estimator"]) == {*names, "majority"}
    assert set(table["table"]) == {0}
    assert table["machine"].notna().sum() == table["balanced_accuracy_windows"].notna().sum() == 14

    is_eegnet = table["estimator"].eq("EEGNet (4 channels)") & table["unit"].eq("subject")
    table.loc[is_eegnet, "balanced_accuracy"] = 0.875  # a score that no network has
    table.to_csv(folder / "channels.csv", index=False)
    bench.results.main([*options, "--models", "MS-iMamba", "band-power"])
    second = read_section(page, "channels")
    (line,) = (line for line in second.splitlines() if line.startswith("| EEGNet (4"))
    assert "| 0.88 (0.88 to 0.88) | 0.50 | 0.88 to 0.88 |" in line
    assert {*second.splitlines()} - {*first.splitlines()} == {line}

    before = (folder / "channels.csv").read_bytes()
    with pytest.raises(ValueError, match=r"channels\.csv must have the same seeds for all models"):
        bench.results.main([*options, "--models", "MS-iMamba", "--seeds", "2"])
    assert (folder / "channels.csv").read_bytes() == before
    without = table[table["estimator"].ne("EEGNet (4 channels)")]
    without.to_csv(folder / "channels.csv", index=False)
    with pytest.raises(ValueError, match=r"--models must include EEGNet \(4 channels\): no scores"):
        bench.results.main([*options, "--models", "MS-iMamba"])
    with pytest.raises(SystemExit):
        bench.results.main(["--only", "channels", "--models", "MS-iMamba"])
    assert "--models requires --scores" in capsys.readouterr().err


def test_fewer_training_subjects_are_nested(bench):
    trials = simulate_trials(n_subjects=10, n_trials=2)
    subject = trials.metadata["subject"].to_numpy()
    cv = CrossSubjectSplit(5)
    whole = list(cv.split(trials.X, trials.y, trials.metadata))
    sizes = [bench.scores.split_fewer_subjects(cv, trials, number, 0) for number in (9, 4, 2)]
    for (train_idx, test_idx), *sides in zip(whole, *sizes, strict=True):
        selected = [set(subject[own]) for own, _ in sides]
        assert [len(own) for own in selected] == [8, 4, 2]
        assert selected[2] < selected[1] < selected[0] == set(subject[train_idx])
        assert all(np.array_equal(own_test, test_idx) for _, own_test in sides)


def test_four_subjects_are_scored_by_fold_and_alone(bench, tmp_path, capsys):
    options = ["--only", "four_subjects", "--quick", "--jobs", "1", "--cache-dir", str(tmp_path)]
    bench.results.main(options)
    rows = read_rows(capsys.readouterr().out)
    assert [row["model"] for row in rows] == ["MS-iMamba", *bench.results.WHITENED]
    for row in rows:
        lowest, highest, mean, single = (float(score) for score in list(row.values())[1:])
        assert lowest <= mean <= highest
        assert 0 <= single <= 1


def test_the_control_is_two_minutes_of_rest_of_the_same_subjects(bench):
    trials = bench.results.load_control()
    rest = load_eegmat().select("segment == 2")
    last = trials.X[trials.y == 1]
    np.testing.assert_array_equal(last[:, 0], rest.X[:, rest.ch_names.index("Fp1")])
    subjects = [trials.metadata["subject"][trials.y == label].tolist() for label in (0, 1)]
    assert subjects[0] == subjects[1] == rest.metadata["subject"].tolist()
    assert not np.isclose(trials.X[trials.y == 0], last).all(axis=-1).any()


# Data sets and ranks


def test_data_sets_that_are_not_there_are_skipped_by_name(bench, tmp_path, capsys):
    page = tmp_path / "results.md"  # absent: a section that is written would be an error
    options = ["--data", str(tmp_path), "--quick", "--write", str(page)]
    bench.results.main(["--only", *bench.results.NEED_DATA, *options])
    printed = capsys.readouterr().out
    for name in bench.results.NEED_DATA:
        assert f"{name}\nskipped: its files are not in --data, see benchmarks/data" in printed
    assert "python benchmarks" not in printed


def test_packed_files_are_read_in_microvolts(bench, tmp_path):
    rng = np.random.default_rng(0)
    offset = np.array([0, 2000, 4000, 5000, 7000, 9000])  # the third round is too short
    x = rng.integers(-500, 500, (4, 9000)).astype("int16")
    np.savez(
        tmp_path / "sequence_learning.npz",
        x=x,
        offset=offset,
        subject=[1, 1, 1, 2, 2],
        session=[0] * 5,
        round=[1, 2, 3, 1, 2],
        duration_level=[0, 3, 3, 2, 1],
        sfreq=220.0,
        ch_names=["TP9", "AF7", "AF8", "TP10"],
    )
    trials = bench.data_sets.DATA_SETS["Sequence-Learning"].load(tmp_path)
    assert trials.y.tolist() == [0, 1, 0]
    assert trials.metadata["subject"].tolist() == [1, 1, 2]
    end = 0.1 * x[:, 2000 - 1496 : 2000]
    np.testing.assert_allclose(trials.X[0], end - end.mean(1, keepdims=True), atol=1e-4)

    X = rng.integers(-50, 50, (4, 8, 100)).astype("int16")
    values = {"unit_uv": 4.8, "y": [1, 2, 3, 4], "subject": [1, 1, 2, 2], "sfreq": 256.0}
    np.savez(tmp_path / "ssvep_exo.npz", X=X, ch_names=[f"O{i}" for i in range(8)], **values)
    trials = bench.data_sets.DATA_SETS["SSVEP-exoskeleton"].load(tmp_path)
    np.testing.assert_allclose(trials.X, 4.8 * X, rtol=1e-6)
    assert trials.y.tolist() == [1, 2, 3, 4]


def test_the_trials_of_a_motor_task_are_those_of_its_runs(bench, tmp_path):
    mne, _ = pytest.importorskip("mne"), pytest.importorskip("edfio")
    for subject in (1, 2):
        (tmp_path / f"eegmmidb/S00{subject}").mkdir(parents=True)
        for run in (3, 4, 7):
            info = mne.create_info(["C3..", "C4.."], 160.0, "eeg")
            raw = mne.io.RawArray(np.random.default_rng(run).normal(0, 1e-5, (2, 2400)), info)
            raw.set_annotations(mne.Annotations([0, 2, 6, 9], 4, ["T0", "T2", "T1", "T0"]))
            raw.export(tmp_path / f"eegmmidb/S00{subject}/S00{subject}R0{run}.edf", verbose="ERROR")
    entry = bench.data_sets.MOTOR["fists, moved"]
    trials = entry.load(tmp_path)
    assert trials.X.shape == (8, 2, 640)
    assert trials.y.tolist() == [1, 0] * 4
    assert trials.metadata["subject"].tolist() == [1] * 4 + [2] * 4
    assert trials.metadata["run"].tolist() == [3, 3, 7, 7] * 2
    for train_idx, test_idx in entry.cv.split(trials.X, trials.y, trials.metadata):
        train, test = trials.metadata.iloc[train_idx], trials.metadata.iloc[test_idx]
        assert set(train["subject"]) == set(test["subject"])
        assert set(train["run"]).isdisjoint(test["run"])


def test_recordings_of_a_headband_are_split_within_subjects_and_read_once(bench, tmp_path):
    pytest.importorskip("mne")
    rng = np.random.default_rng(0)
    folder = tmp_path / "eeg-notebooks_v0.1/data/visual/SSVEP"
    places = [("1", "1", 0, 40), ("1", "1", 1, 40), ("1", "2", 1, 40), ("1", "2", 2, 40)]
    places += [("2", "1", 3, 80), ("2", "1", 4, 80)]  # fewer than three recordings
    places += [("3", "1", 5, 20), ("3", "1", 6, 20), ("3", "1", 7, 20)]  # fewer than 100 trials
    for subject, session, number, n_trials in places:  # number 1 is in two sessions
        path = folder / f"subject{subject}/session{session}/data_{number}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        X = rng.normal(0, 20, (n_trials * 768, 4))
        table = pd.DataFrame(X, columns=bench.data_sets.HEADBAND_CHANNELS)
        table.insert(0, "timestamps", np.arange(len(table)) / 256)
        table["Right AUX"], table["Marker0"] = 0.0, 0
        table.loc[::768, "Marker0"] = 1 + np.arange(n_trials) % 2
        table.to_csv(path, index=False)
    entry = bench.data_sets.HEADBAND["two flicker rates (SSVEP)"]
    trials = entry.load(tmp_path)
    assert trials.X.shape == (3 * 40, 4, 640)
    assert trials.y.tolist() == [0, 1] * 60
    assert trials.metadata["subject"].unique().tolist() == [1]
    for train_idx, test_idx in entry.cv.split(trials.X, trials.y, trials.metadata):
        train, test = trials.metadata.iloc[train_idx], trials.metadata.iloc[test_idx]
        assert set(train["recording"]).isdisjoint(test["recording"])


def test_trials_of_an_oddball_task_are_split_by_blocks(bench, tmp_path):
    pytest.importorskip("mne")
    data = np.random.default_rng(0).normal(0, 10, (8 * 2048, 17)).astype("float32")
    stim = np.zeros(len(data), "int16")
    for block in range(8):
        stim[2048 * block + 64 : 2048 * block + 1024 : 64] = [2, 1, 1] * 5
    (tmp_path / "bi2012").mkdir()
    np.savez(tmp_path / "bi2012/subject_01_session_01.npz", data=data, stim=stim)
    (entry,) = bench.data_sets.ODDBALL.values()
    trials = entry.load(tmp_path)
    assert trials.X.shape == (120, 17, 128)
    assert trials.y.tolist() == [2, 1, 1] * 40
    assert trials.metadata["block"].tolist() == np.repeat(np.arange(8), 15).tolist()
    for train_idx, test_idx in entry.cv.split(trials.X, trials.y, trials.metadata):
        train, test = trials.metadata.iloc[train_idx], trials.metadata.iloc[test_idx]
        assert set(train["block"]).isdisjoint(test["block"])


def test_the_last_row_of_tasks_is_their_mean(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(bench.results, "MODELS", ["band-power-LDA"])
    settings = bench.results.Settings(2, False, 1, str(tmp_path))
    entries = {
        effect: bench.data_sets.DataSet(
            lambda folder, effect=effect: simulate_trials(2, 20, n_times=256, effect=effect),
            WithinSubjectSplit(2),
            {"window_size": 2.0},
        )
        for effect in (0.0, 3.0)
    }
    none, large, mean = read_rows(bench.results.report_tasks(entries, settings))
    scores = [float(row["band-power-LDA"].split()[0]) for row in (none, large, mean)]
    assert (none["subjects"], none["trials"], mean["task"]) == ("2", "40", "mean")
    assert scores[0] < 0.7 < scores[1]
    assert scores[2] == pytest.approx(np.mean(scores[:2]), abs=0.011)


def test_the_first_trials_of_a_subject_become_its_reference(bench):
    trials = simulate_trials(n_subjects=3, n_trials=4, n_times=128)
    rest = bench.data_sets.use_first_as_reference(trials, 2)
    assert rest.metadata["trial"].tolist() == [2, 3, 6, 7, 10, 11]
    np.testing.assert_array_equal(rest.X, trials.X[[2, 3, 6, 7, 10, 11]])
    for row, first in enumerate([0, 0, 4, 4, 8, 8]):
        joined = np.concatenate([trials.X[first], trials.X[first + 1]], axis=1)
        np.testing.assert_array_equal(rest.reference[row], joined)


def test_all_models_weigh_classes_equally_where_classes_differ_in_size(bench):
    trials = simulate_trials(n_subjects=4, n_trials=6, n_times=128)
    entry = bench.data_sets.DATA_SETS["Sequence-Learning"]
    names = ["MS-iMamba", "EEGNet", "band-power-LDA", "tangent-space-LR"]
    network, eegnet, lda, tangent = entry.make_models(names, trials, window_size=1.0).values()
    assert network[-1].class_weight == eegnet[-1].class_weight == "balanced"
    assert lda[-1].estimator[-1].priors.tolist() == [0.5, 0.5]
    assert tangent[-1].estimator[-1].class_weight == "balanced"


def test_mean_ranks_and_their_critical_difference(bench, tmp_path):
    best_first = np.array([[0.9, 0.8, 0.7, 0.6]] * 14).T
    scores = pd.DataFrame(best_first, index=["a", "b", "c", "d"])
    scores.loc["b", 0] = 0.9  # a tie with a
    ranks, distance, sentence = bench.scores.rank_models(scores)
    np.testing.assert_allclose(ranks, [(13 + 1.5) / 14, (26 + 1.5) / 14, 3, 4])
    # Table 5 of Demsar: q = 2.569 for four classifiers
    assert distance == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), rel=1e-3)
    assert "4 models on 14 data sets: Friedman's test has p = < 0.001" in sentence
    for name in ("a.svg", "b.svg"):
        bench.scores.draw_ranks(ranks, distance, tmp_path / name)
    drawn = [path.read_text("utf8") for path in sorted(tmp_path.glob("*.svg"))]
    assert "<svg" in drawn[0]
    assert drawn[0] == drawn[1]


def test_areas_under_the_curve_are_of_all_tested_trials(bench):
    predictions = pd.DataFrame(
        {
            "estimator": ["a"] * 4 + ["b"] * 4,
            "y_true": [0, 1, 0, 1] * 2,
            "proba_0": [0.9, 0.6, 0.4, 0.1, *[0.5] * 4],
            "proba_1": [0.1, 0.4, 0.6, 0.9, *[0.5] * 4],
        }
    )
    assert bench.scores.compute_auc(predictions) == {"a": 0.75, "b": 0.5}
