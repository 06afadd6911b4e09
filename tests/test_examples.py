"""The examples, on less data. The README is run by test_wheel.py."""

import ast
import importlib.util
import re
import runpy
from pathlib import Path

import pytest

from skmamba import make_models
from skmamba.datasets import simulate_trials, write_fake_deap

ROOT = Path(__file__).parents[1]


def load_example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"examples/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_example(name, **constants):
    """Run an example that is one long page, with smaller constants; give its names."""
    source = (ROOT / f"examples/{name}.py").read_text("utf8")
    for constant, value in constants.items():
        source, n = re.subn(rf"^{constant} = \d+", f"{constant} = {value}", source, flags=re.M)
        assert n == 1, constant
    names = {"__name__": "__main__"}
    exec(compile(source, f"examples/{name}.py", "exec"), names)
    return names


@pytest.fixture
def no_windows(monkeypatch):
    """Draw into memory: nobody closes windows here."""
    plt = pytest.importorskip("matplotlib.pyplot", reason="needs the extra 'plot'")
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.switch_backend("agg")
    yield
    plt.close("all")


def test_every_example_has_a_title_and_its_place_in_the_gallery():
    order = runpy.run_path(str(ROOT / "docs/_ext/gallery_order.py"))["ORDER"]
    files = list((ROOT / "examples").glob("*.py"))
    assert {file.name for file in files} == set(order)
    for file in files:
        title, line = ast.get_docstring(ast.parse(file.read_text("utf8"))).splitlines()[:2]
        assert len(title) == len(line)
        assert set(line) == {"="}


def test_quickstart_scores_every_model_on_every_subject_beside_chance():
    quickstart = load_example("quickstart")
    trials = simulate_trials(n_subjects=4, n_trials=8, n_times=512, effect=2.0)
    models = make_models(["MS-iMamba", "band-power-LDA"], trials, picks=None, max_epochs=1)
    table, scores = quickstart.run(trials, models, n_folds=2)
    assert (
        scores.groupby("estimator")["subject"].apply(sorted).map(list).tolist()
        == [[0, 1, 2, 3]] * 5
    )
    # the planted difference is one of band power
    assert table.loc["band-power-LDA", "mean"] > 0.9
    assert table.loc["band-power-LDA", "p_chance"] == 1 / 16
    assert table["chance"].eq(0.5).all()
    assert table.loc["majority", "windows"] == 0.5


def test_own_recordings_go_from_files_to_a_score_above_the_majority(capsys):
    load_example("own_recordings").main()
    printed = capsys.readouterr().out
    assert "120 trials x 6 channels x 640 time points (5 s at 128 Hz), 6 subjects" in printed
    accuracy, majority = (
        float(re.search(rf"{word} (\d\.\d\d)", printed)[1]) for word in ("accuracy", "majority")
    )
    assert majority == 0.5
    assert 0.65 < accuracy < 1  # the planted difference is hard enough to miss some


def test_deap_loso_scores_every_subject_once(tmp_path, capsys, monkeypatch):
    write_fake_deap(tmp_path / "DEAP", n_subjects=3, n_trials=8, n_times=384 + 512)
    arguments = ["deap_loso.py", str(tmp_path / "DEAP"), "--epochs", "1", "--jobs", "1"]
    monkeypatch.setattr("sys.argv", [*arguments, "--store", str(tmp_path / "store")])
    load_example("deap_loso").main()
    printed = capsys.readouterr().out
    assert "valence" in printed
    balanced = printed.partition("balanced_accuracy over 3 subjects")[2]
    assert re.search(r"majority +baseline +3 +0.5", balanced)


def test_loso_on_dask_scores_people_on_workers(tmp_path, capsys, monkeypatch):
    pytest.importorskip("distributed", reason="needs the extra 'dask'")
    arguments = ["loso_on_dask.py", "--subjects", "2", "--epochs", "1"]
    monkeypatch.setattr("sys.argv", [*arguments, "--store", str(tmp_path)])
    load_example("loso_on_dask").main()
    assert re.search(r"majority +baseline +2 +0.5", capsys.readouterr().out)
    assert len(list(tmp_path.iterdir())) == 2 * 5


def test_grid_search_finds_the_channels_and_the_length_that_were_planted(capsys):
    names = run_example("grid_search", N_SUBJECTS=8, N_TRIALS=12, MAX_EPOCHS=12)
    assert names["best"]["channelpicker__picks"] == ["F3", "F4"]
    assert names["best"]["slidingwindows__size"] > 0.5
    assert set(names["new"].metadata["subject"]).isdisjoint(names["known"].metadata["subject"])
    assert "people; chance is 0.50" in capsys.readouterr().out


def test_a_leak_scores_better_than_new_people_do_and_labels_of_no_meaning_show_it(no_windows):
    pytest.importorskip("braindecode", reason="needs the extra 'braindecode'")
    names = run_example("compare_and_leak", N_SUBJECTS=6, N_FOLDS=2, MAX_EPOCHS=6)
    assert set(names["scores"]["estimator"]) == {*names["models"], "majority"}
    assert names["scores"].groupby("estimator")["subject"].nunique().eq(6).all()
    score = names["gap"].set_index(["labels", "split"])["mean"]
    assert score["true", "random windows"] > score["true", "subjects"] + 0.1
    assert score["permuted", "random windows"] > 0.55


def test_all_questions_to_a_model_have_the_planted_channel_for_an_answer(no_windows):
    pytest.importorskip("captum", reason="needs the extra 'captum'")
    names = run_example("explain", N_TRIALS=8, MAX_EPOCHS=8)
    amplitude, attribution = names["amplitude"], names["attribution"]
    assert (amplitude[1] - amplitude[0]).idxmax() == "F3"
    assert names["by_channel"].idxmax() == "F3"
    assert names["alone"].idxmin() == "F3"
    largest = attribution.groupby("label")["share"].idxmax()
    assert attribution.loc[largest, "channel"].eq("F3").all()


def test_saving_gives_the_same_answers_and_refuses_what_is_not_the_models(no_windows, capsys):
    for extra in ("safetensors", "onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(extra, reason="needs the extras 'saving' and 'onnx'")
    names = run_example("saving", N_SUBJECTS=6, MAX_EPOCHS=1)
    printed = capsys.readouterr().out
    assert "the same: True" in printed
    assert "a sampling rate of 250 Hz, but the model expects 128 Hz" in printed
    assert "its channels in another order" in printed
    assert "it was changed after it was saved" in printed
    assert "below 1e-5: True" in printed
    assert not names["folder"].exists()


def test_streaming_decides_as_the_state_changes(capsys):
    load_example("streaming")
    printed = capsys.readouterr().out
    assert "237 decisions" in printed
    assert "70 s of arithmetic" in printed


def test_ablations_name_what_differs_from_the_default(trials):
    ablations = load_example("ablations")
    models = ablations.make_ablations(trials, max_epochs=1)
    settings = [model[-1].get_params() for model in models.values()]
    assert all(own not in settings[:place] for place, own in enumerate(settings))
    for name, own in list(zip(models, settings, strict=True))[1:]:
        changed = {key: own[key] for key in own if own[key] != settings[0][key]}
        if name == ablations.PAPER:
            assert changed.items() <= ablations.LITERAL.items()
        else:
            assert name == ", ".join(f"{key}={value!r}" for key, value in changed.items())


def test_ablations_print_chance_beside_every_change_and_say_which_is_worst(
    tmp_path, capsys, monkeypatch
):
    ablations = load_example("ablations")
    monkeypatch.setattr(ablations, "LITERAL", {"embedding": "inverted", "head": "mean"})
    monkeypatch.setattr(ablations, "CHANGES", [{"use_mstb": False}, {"mixer": "none"}])
    arguments = "ablations.py --subjects 4 --folds 2 --seeds 2 --epochs 1 --jobs 1 --store"
    monkeypatch.setattr("sys.argv", [*arguments.split(), str(tmp_path)])
    ablations.main()
    printed = capsys.readouterr().out
    row = r" +[01]\.\d+" * 3 + r" +0\.50* "  # mean, low, high, chance
    for name in ("MS-iMamba", ablations.PAPER, "use_mstb=False", "mixer='none'"):
        assert re.search(re.escape(name) + row, printed)
    assert re.search(
        r"read literally \d\.\d\d, chance 0\.50; worst is .* of 3 differences", printed
    )
    assert len(list(tmp_path.iterdir())) == 2 * 2 * 5
