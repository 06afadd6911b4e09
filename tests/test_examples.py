"""Examples with smaller settings. The README is run by test_wheel.py."""

import ast
import importlib.util
import re
import runpy
from functools import partial
from pathlib import Path

import pytest

import skmamba
from skmamba import MSiMambaClassifier, make_models
from skmamba.datasets import simulate_trials, write_fake_deap

ROOT = Path(__file__).parents[1]
SMALL = {"module_params": {"use_mstb": False, "mixer": "none"}}


def load_example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"examples/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_example(name, **constants):
    """Run an example script with smaller constants, and return its namespace."""
    source = (ROOT / f"examples/{name}.py").read_text("utf8")
    for constant, value in constants.items():
        source, n = re.subn(rf"^{constant} = \d+", f"{constant} = {value}", source, flags=re.M)
        assert n == 1, constant
    names = {"__name__": "__main__"}
    exec(compile(source, f"examples/{name}.py", "exec"), names)
    return names


@pytest.fixture
def agg(monkeypatch):
    """Draw without a display."""
    plt = pytest.importorskip("matplotlib.pyplot", reason="needs the extra 'plot'")
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.switch_backend("agg")
    yield
    plt.close("all")


@pytest.fixture
def replace_network(monkeypatch):
    """Return a function that changes the default network of examples to a faster one."""

    def replace(package=skmamba, **params):
        changed = partial(MSiMambaClassifier, **params)
        monkeypatch.setattr(package, "MSiMambaClassifier", changed)

    return replace


def test_every_example_has_a_title_and_a_position_in_the_gallery():
    order = runpy.run_path(str(ROOT / "docs/_ext/gallery_order.py"))["ORDER"]
    files = list((ROOT / "examples").glob("*.py"))
    assert {file.name for file in files} == set(order)
    for file in files:
        title, line = ast.get_docstring(ast.parse(file.read_text("utf8"))).splitlines()[:2]
        assert len(title) == len(line)
        assert set(line) == {"="}


def test_quickstart_scores_every_model_on_every_subject(monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # instead of starting worker processes
    quickstart = load_example("quickstart")
    trials = simulate_trials(n_subjects=4, n_trials=8, n_times=512, effect=2.0)
    models = make_models(["MS-iMamba", "band-power-LDA"], trials, max_epochs=1)
    table, scores = quickstart.run(trials, models, n_folds=2)
    assert (
        scores.groupby("estimator")["subject"].apply(sorted).map(list).tolist()
        == [[0, 1, 2, 3]] * 4
    )
    # the simulated effect is in band power
    assert table.loc["band-power-LDA", "mean"] > 0.9
    assert table.loc["band-power-LDA", "p_chance"] == 1 / 16
    assert table["chance"].eq(0.5).all()
    assert table.loc["majority", "windows"] == 0.5


def test_own_recordings_scores_above_the_majority(capsys):
    load_example("own_recordings").main()
    printed = capsys.readouterr().out
    assert "120 trials x 6 channels x 640 time points (5 s at 128 Hz), 6 subjects" in printed
    accuracy, majority = (
        float(re.search(rf"{word} (\d\.\d\d)", printed)[1]) for word in ("accuracy", "majority")
    )
    assert majority == 0.5
    assert 0.65 < accuracy < 1  # the simulated effect is not separable


def test_deap_loso_scores_every_subject(tmp_path, capsys, monkeypatch):
    write_fake_deap(tmp_path / "DEAP", n_subjects=3, n_trials=8, n_times=384 + 512)
    arguments = ["deap_loso.py", str(tmp_path / "DEAP"), "--epochs", "1", "--jobs", "1"]
    monkeypatch.setattr("sys.argv", [*arguments, "--cache-dir", str(tmp_path / "cache")])
    load_example("deap_loso").main()
    printed = capsys.readouterr().out
    assert "valence" in printed
    balanced = printed.partition("balanced_accuracy, leave-one-subject-out")[2]
    assert re.search(r"majority +baseline +3 +0.5", balanced)


def test_loso_on_dask_scores_subjects_on_workers(tmp_path, capsys, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="needs the extra 'dask'")
    cluster = partial(distributed.LocalCluster, processes=False)  # test_resume.py has processes
    monkeypatch.setattr(distributed, "LocalCluster", cluster)
    arguments = ["loso_on_dask.py", "--subjects", "2", "--epochs", "1"]
    monkeypatch.setattr("sys.argv", [*arguments, "--cache-dir", str(tmp_path)])
    load_example("loso_on_dask").main()
    assert re.search(r"majority +baseline +2 +0.5", capsys.readouterr().out)
    assert len(list(tmp_path.iterdir())) == 2 * 4


def test_grid_search_finds_the_simulated_channels_and_window_length(capsys, replace_network):
    replace_network(**SMALL)
    names = run_example("grid_search", N_SUBJECTS=8, N_TRIALS=20, MAX_EPOCHS=8)
    assert names["best"]["channelpicker__picks"] == ["F3", "F4"]
    assert names["best"]["slidingwindows__window_size"] > 0.5
    assert set(names["test"].metadata["subject"]).isdisjoint(names["train"].metadata["subject"])
    assert "held-out subjects, chance level 0.50" in capsys.readouterr().out


def test_random_windows_score_above_held_out_subjects_also_on_permuted_labels(agg, replace_network):
    replace_network(skmamba.classifiers, **SMALL)  # of make_models
    pytest.importorskip("braindecode", reason="needs the extra 'braindecode'")
    names = run_example("compare_and_leak", N_SUBJECTS=4, N_FOLDS=2, MAX_EPOCHS=10)
    scores = names["results"].scores
    assert set(scores["estimator"]) == {*names["models"], "majority"}
    assert names["results"].predictions.groupby("estimator")["subject"].nunique().eq(4).all()
    score = names["gap"].set_index(["labels", "split"])["mean"]
    assert score["true", "random windows"] > score["true", "subjects"] + 0.1
    assert score["permuted", "random windows"] > 0.55


def test_all_methods_of_inspection_find_the_simulated_channel(agg, replace_network):
    replace_network(top_k=1, n_kernels=1, d_hidden=4, module_params={"mixer": "none"})
    pytest.importorskip("captum", reason="needs the extra 'captum'")
    names = run_example("explain", N_TRIALS=8, MAX_EPOCHS=8)
    amplitude, attribution = names["amplitude"], names["attribution"]
    assert (amplitude[1] - amplitude[0]).idxmax() == "F3"
    assert names["by_channel"].idxmax() == "F3"
    assert names["alone"].idxmin() == "F3"
    largest = attribution.groupby("label")["share"].idxmax()
    assert attribution.loc[largest, "channel"].eq("F3").all()


def test_persistence_gives_equal_predictions_and_refuses_other_data(agg, capsys, replace_network):
    for extra in ("safetensors", "onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(extra, reason="needs the extras 'persistence' and 'onnx'")
    replace_network(**SMALL)  # test_onnx.py exports the default network, which takes longer
    names = run_example("persistence", N_SUBJECTS=6, MAX_EPOCHS=1)
    printed = capsys.readouterr().out
    assert "equal: True" in printed
    assert "a sampling rate of 128 Hz, got 250 Hz" in printed
    assert "in this order, got" in printed
    assert "checksum mismatch" in printed
    assert "below 1e-5: True" in printed
    assert not names["folder"].exists()


def test_streaming_predicts_every_half_second(capsys, replace_network):
    replace_network(**SMALL)
    run_example("streaming", MAX_EPOCHS=1)
    printed = capsys.readouterr().out
    assert "237 predictions" in printed
    assert "70 s of arithmetic" in printed


def test_ablations_are_named_after_the_changed_parameter(trials):
    ablations = load_example("ablations")
    models = ablations.make_ablations(trials, max_epochs=1)
    settings = [model[-1].get_params() for model in models.values()]
    assert all(own not in settings[:place] for place, own in enumerate(settings))
    for name, own in list(zip(models, settings, strict=True))[1:]:
        changed = {key: own[key] for key in own if own[key] != settings[0][key]}
        changed |= changed.pop("module_params", {})
        assert name == ", ".join(f"{key}={value!r}" for key, value in changed.items())


def test_ablations_print_the_chance_level_beside_every_change(tmp_path, capsys, monkeypatch):
    ablations = load_example("ablations")
    changes = [{"use_mstb": False}, {"mixer": "none"}]
    monkeypatch.setattr(ablations, "CHANGES", changes)
    arguments = "ablations.py --subjects 4 --folds 2 --seeds 2 --epochs 1 --jobs 1 --cache-dir"
    monkeypatch.setattr("sys.argv", [*arguments.split(), str(tmp_path)])
    ablations.main()
    printed = capsys.readouterr().out
    row = r" +[01]\.\d+" * 4 + r" +0\.50* "  # mean, low, high, std_seeds, chance
    for name in ("MS-iMamba", "use_mstb=False", "mixer='none'"):
        assert re.search(re.escape(name) + row, printed)
    assert "differences are significant after Holm's correction" in printed
    assert len(list(tmp_path.iterdir())) == 2 * 2 * 4
