from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from skmamba import SlidingWindows, compare, evaluate, make_models
from skmamba._results import compute_interval
from skmamba.datasets import simulate_trials
from skmamba.evaluation import CrossSubjectSplit, EvaluationResults, score_by_subject
from skmamba.report import to_latex


def test_equal_scores_have_an_interval_without_width():
    assert compute_interval(np.array([0.1 + 0.2, 0.3, 0.3]), 0.95, 0) == pytest.approx((0.3, 0.3))


def test_one_score_has_no_interval():
    assert np.isnan(compute_interval(np.array([0.7]), 0.95, 0)).all()


@pytest.mark.parametrize("n_subjects", [2, 3, 5, 7])
def test_few_subjects_give_the_interval_of_student(n_subjects):
    scores = np.random.default_rng(n_subjects).normal(size=n_subjects)
    expected = stats.t.interval(0.9, n_subjects - 1, scores.mean(), stats.sem(scores))
    assert compute_interval(scores, 0.9, 0) == pytest.approx(expected)


@pytest.mark.parametrize("n_subjects", [8, 12])
def test_an_interval_holds_the_mean_and_stays_among_the_scores(n_subjects):
    rng = np.random.default_rng(n_subjects)
    for _ in range(30):
        scores = rng.integers(0, 6, n_subjects) / 5
        low, high = compute_interval(scores, 0.95, 0)
        assert scores.min() - 1e-9 <= low <= scores.mean() + 1e-9
        assert scores.mean() - 1e-9 <= high <= scores.max() + 1e-9


@pytest.mark.parametrize(
    ("score", "values", "expected"),
    [
        ("accuracy", [1.0, 0.2, 0.9], (0, 1)),
        ("roc_auc_windows", [1.0, 0.2, 0.9], (0, 1)),
        ("kappa", [1.0, -0.9, 0.5], (-1, 1)),
        ("accuracy", [100.0, 20.0, 90.0], None),  # in percent
        ("matthews_corrcoef", [1.0, -0.9, 0.5], None),
    ],
)
def test_an_interval_stays_in_the_range_of_a_known_score(score, values, expected):
    scores = pd.DataFrame({"estimator": "net", "kind": "model", "subject": range(3)})
    table = compare(scores.assign(**{score: values}), score)
    unlimited = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert table.loc[0, ["low", "high"]].tolist() == pytest.approx(expected or unlimited)


@pytest.mark.parametrize("n_subjects", [9, 12])
def test_the_bootstrap_of_few_symmetric_scores_is_as_wide_as_the_interval_of_student(n_subjects):
    scores = stats.norm.ppf((np.arange(n_subjects) + 0.5) / n_subjects)
    low, high = stats.t.interval(0.95, n_subjects - 1, scores.mean(), stats.sem(scores))
    own_low, own_high = compute_interval(scores, 0.95, 0)
    assert own_high - own_low == pytest.approx(high - low, rel=0.03)


def test_many_subjects_give_the_textbook_interval():
    scores = np.random.default_rng(0).normal(0.6, 0.1, size=400)
    expected = stats.t.interval(0.95, 399, scores.mean(), stats.sem(scores))
    assert compute_interval(scores, 0.95, 0) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize(
    ("n_subjects", "beta", "lowest"),
    [(3, (6, 4), 0.91), (5, (6, 4), 0.91), (3, (9, 1), 0.85), (5, (9, 1), 0.83), (15, (9, 1), 0.9)],
)
def test_the_interval_covers_what_it_should(n_subjects, beta, lowest):
    rng = np.random.default_rng(0)
    n_times, covered, mean = 300, 0, beta[0] / 10
    for _ in range(n_times):
        scores = rng.binomial(12, rng.beta(*beta, size=n_subjects)) / 12
        low, high = compute_interval(scores, 0.95, 0)
        covered += low <= mean <= high
    # 0.95 +- 3 standard deviations is 0.91 to 0.99; scores near 1 cost up to 0.1
    assert lowest <= covered / n_times <= 0.99


# Results of several evaluations


def evaluate_lda(trials, cv="cross_subject", **options):
    options = {"random_state": 0, "verbose": False, **options}
    return evaluate(make_models("band-power-LDA", trials, window_size=1.0), trials, cv, **options)


def test_evaluations_of_different_data_are_not_averaged():
    trials = simulate_trials(3, 6)
    parts = [evaluate_lda(trials, baselines=None), evaluate_lda(trials.pick([0]))]
    with pytest.raises(ValueError, match=r"'band-power-LDA' was evaluated on '.*' and on '.*'"):
        EvaluationResults.concatenate(parts)
    scores = pd.concat([part.scores for part in parts])
    for function in (compare, to_latex):
        with pytest.raises(ValueError, match="one version of the data for each model"):
            function(scores)
    named = replace(trials.pick([0]), name="one channel")
    joined = EvaluationResults.concatenate([parts[0], evaluate_lda(named)])
    assert set(joined.scores["dataset"]) == {"simulation", "one channel"}
    models = {"one channel": make_models("band-power-LDA", trials.pick([0]))["band-power-LDA"]}
    renamed = evaluate(models, trials.pick([0]), random_state=0, verbose=False)
    table = compare(EvaluationResults.concatenate([evaluate_lda(trials), renamed]))
    assert table["estimator"].tolist()[-1] == "one channel" and (table["n_subjects"] == 3).all()
    adapted = parts[0].scores.assign(adaptation="reference", data="another baseline")
    assert len(compare(pd.concat([parts[0].scores, adapted]))) == 2


def test_models_with_other_labels_of_a_trial_are_not_compared():
    trials = simulate_trials(3, 6)
    y = np.where(np.arange(18) == 8, 1 - trials.y, trials.y)
    other = evaluate({"dummy": DummyClassifier()}, replace(trials, y=y), verbose=False)
    with pytest.raises(ValueError, match=r"trial 8 of subject 1 is 0 for .* and 1 for 'dummy'"):
        EvaluationResults.concatenate([evaluate_lda(trials, baselines=None), other])


def test_models_of_windows_with_another_stride_are_not_averaged():
    trials = simulate_trials(3, 6)
    parts = []
    for stride in (64, 128):
        windows = SlidingWindows(window_size_samples=128, stride_samples=stride)
        models = {"net": make_pipeline(windows, DummyClassifier())}
        parts.append(evaluate(models, trials, random_state=0, verbose=False))
    with pytest.raises(ValueError, match=r"stride_samples 64' and on '.*stride_samples 128'"):
        EvaluationResults.concatenate(parts)


@pytest.mark.parametrize(
    "rename",
    [
        lambda subject: [str(one + 1) for one in subject],
        lambda subject: [f"{one + 8:02d}" for one in subject],  # 08, ..., 12
        lambda subject: pd.Timestamp("2026-01-01") + pd.to_timedelta(subject, "D"),
        lambda subject: subject / 2,
    ],
    ids=["numbers as text", "leading zeros", "dates", "floats"],
)
def test_saved_and_new_results_have_the_same_subjects(rename, tmp_path):
    trials = simulate_trials(5, 6, effect=0.5, random_state=0)
    subject = rename(trials.metadata["subject"])
    trials = replace(trials, metadata=trials.metadata.assign(subject=subject))
    parts = [evaluate_lda(trials, random_state=seed) for seed in (0, 1)]
    other = evaluate_lda(trials.select(subject=trials.metadata["subject"].unique()[2:]))
    own = other.predictions["estimator"].str.startswith("band")
    other = EvaluationResults(
        other.scores.query("kind == 'model'").assign(estimator="other"),
        other.predictions[own].assign(estimator="other"),
    )
    parts.append(other)
    expected = compare(EvaluationResults.concatenate(parts), random_state=0)
    assert expected["n_subjects"].tolist() == [5, 5, 5, 3] and expected["p"].iloc[-1] > 0
    for number, part in enumerate(parts):
        part.to_csv(tmp_path / str(number))
    read = [EvaluationResults.from_csv(tmp_path / str(number)) for number in range(3)]
    for mixed in ([read[0], *parts[1:]], [*parts[:2], read[2]], read):
        table = compare(EvaluationResults.concatenate(mixed), random_state=0)
        pd.testing.assert_frame_equal(table, expected)


def test_subjects_of_different_data_sets_keep_their_types():
    trials = simulate_trials(3, 6)
    subject = [f"{one:02d}" for one in trials.metadata["subject"]]
    texts = replace(trials, name="text", metadata=trials.metadata.assign(subject=subject))
    parts = [evaluate_lda(one, baselines=None) for one in (trials, texts)]
    scores = EvaluationResults.concatenate(parts).scores.groupby("dataset")["subject"].unique()
    assert scores["simulation"].tolist() == [0, 1, 2]
    assert scores["text"].tolist() == ["00", "01", "02"]


@pytest.mark.parametrize("n_splits", [None, 3])
@pytest.mark.parametrize("convert", [float, bool, str])
def test_saved_and_new_results_have_the_same_labels(convert, n_splits, tmp_path):
    trials = simulate_trials(4, 6, effect=0.5, random_state=0)
    trials = replace(trials, y=np.array([convert(label) for label in trials.y]))
    parts = [
        evaluate_lda(trials, CrossSubjectSplit(n_splits), random_state=seed) for seed in (0, 1)
    ]
    parts[0].to_csv(tmp_path)
    saved = EvaluationResults.from_csv(tmp_path)
    to_latex(saved)  # with three folds for four subjects, some subjects of folds are missing
    expected = compare(EvaluationResults.concatenate(parts), random_state=0)
    table = compare(EvaluationResults.concatenate([saved, parts[1]]), random_state=0)
    pd.testing.assert_frame_equal(table, expected)


def test_repeated_seeds_of_dates_are_found(tmp_path):
    trials = simulate_trials(6, 6)
    days = pd.to_timedelta(trials.metadata["subject"], "D")
    metadata = trials.metadata.assign(subject=pd.Timestamp("2026-01-01") + days)
    trials = replace(trials, metadata=metadata)
    evaluate_lda(trials, CrossSubjectSplit(2)).to_csv(tmp_path)
    parts = [EvaluationResults.from_csv(tmp_path), evaluate_lda(trials, CrossSubjectSplit(3))]
    with pytest.raises(ValueError, match="different seeds, but 'band-power-LDA' was evaluated twi"):
        EvaluationResults.concatenate(parts)


def test_labels_of_one_data_set_are_of_one_type():
    trials = simulate_trials(3, 6)
    named = replace(trials, y=np.array(["rest", "task"])[trials.y])
    with pytest.raises(ValueError, match=r"all text or all numbers, got 'rest', 'task', 0, 1\."):
        EvaluationResults.concatenate([evaluate_lda(trials), evaluate_lda(named)])


def test_repeated_splits_need_seeds_of_their_own():
    trials = simulate_trials(6, 6)
    splits = [CrossSubjectSplit(3, shuffle=True, random_state=seed) for seed in range(3)]
    with pytest.raises(ValueError, match="different seeds, but 'band-power-LDA' was evaluated twi"):
        EvaluationResults.concatenate([evaluate_lda(trials, cv) for cv in splits])
    parts = [evaluate_lda(trials, cv, random_state=seed) for seed, cv in enumerate(splits)]
    table = score_by_subject(EvaluationResults.concatenate([*parts, parts[0]]), "accuracy")
    keys = ["estimator", "random_state", "subject"]
    each = pd.concat([score_by_subject(part, "accuracy") for part in parts]).set_index(keys)
    pd.testing.assert_frame_equal(table.set_index(keys).sort_index(), each.sort_index())
    halves = [trials.select(subject=[0, 1, 2]), trials.select(subject=[3, 4, 5])]
    joined = EvaluationResults.concatenate([evaluate_lda(half) for half in halves])
    assert compare(joined).loc[0, "n_subjects"] == 6


@pytest.mark.parametrize(
    ("subjects", "n_left"),
    [
        (([0, 1, 2, 3, 4, 5],) * 2, 4),
        (([0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]), 10),
    ],
    ids=["runs", "halves"],
)
def test_subjects_of_which_a_whole_run_failed_have_no_score(subjects, n_left):
    trials, parts = simulate_trials(12, 6), []
    for seed, own in enumerate(subjects):
        own = trials.select(subject=own)
        results = evaluate_lda(own, CrossSubjectSplit(3), random_state=seed)
        if seed == 1:  # the second fold failed
            is_lost = results.scores["fold"].eq(1) & results.scores["kind"].eq("model")
            scores = results.scores.assign(error=np.where(is_lost, "ValueError", ""))
            lost = results.predictions["fold"].eq(1) & results.predictions["kind"].eq("model")
            results = EvaluationResults(scores, results.predictions[~lost])
        parts.append(results)
    table = compare(EvaluationResults.concatenate(parts)).set_index("estimator")
    assert table["std_seeds"].isna().all() == (subjects[0] != subjects[1])
    assert table["n_subjects"]["band-power-LDA"] == n_left
    assert table["n_subjects"]["majority"] == n_left + 2


@pytest.mark.parametrize("subjects", [["01", "1", "NA"], [3, 2, 10]])
def test_results_are_read_as_they_were_written(tmp_path, subjects):
    trials = simulate_trials(3, 4)
    trials.metadata["subject"] = trials.metadata["subject"].map(dict(enumerate(subjects)))
    results = evaluate_lda(trials, baselines="majority")
    results.to_csv(tmp_path / "new" / "folder")
    for path in (tmp_path / "new" / "folder", tmp_path / "new" / "folder" / "results.csv"):
        read = EvaluationResults.from_csv(path)
        for name in ("scores", "predictions"):
            pd.testing.assert_frame_equal(
                getattr(read, name), getattr(results, name), check_dtype=False
            )
    EvaluationResults(results.scores, pd.DataFrame()).to_csv(tmp_path / "new" / "folder")
    assert EvaluationResults.from_csv(tmp_path / "new" / "folder").predictions.empty
    with pytest.raises(FileNotFoundError, match=r"results\.csv"):
        EvaluationResults.from_csv(tmp_path)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "has_proba"),
    [
        ([4.5, 5.0, 2.25], [4.0, 4.0, 4.0], False),  # ratings
        ([4, 5, 2], [4.0, 4.25, 4.0], False),
        (["1", "2", "rest"], ["1", "2", "1"], True),  # of which one is never predicted
        ([0, 1, 2], [0, 0, 0], True),
    ],
)
def test_labels_and_their_predictions_are_read_with_one_type(tmp_path, y_true, y_pred, has_proba):
    columns = {"estimator": "net", "kind": "model", "subject": 1, "n_test": 3}
    predictions = pd.DataFrame(columns | {"y_true": y_true, "y_pred": y_pred})
    if has_proba:
        predictions[f"proba_{y_true[0]}"] = 0.5
    EvaluationResults(pd.DataFrame(columns, [0]), predictions).to_csv(tmp_path)
    read = EvaluationResults.from_csv(tmp_path).predictions
    pd.testing.assert_frame_equal(read, predictions, check_dtype=False)
    assert read["y_true"].dtype == read["y_pred"].dtype


@pytest.mark.parametrize("labels", [[9.0, 10.0], ["9", "10"]])
def test_areas_under_the_curve_do_not_depend_on_the_type_of_labels_in_a_file(tmp_path, labels):
    trials = simulate_trials(4, 12, effect=0.8)
    trials = replace(trials, y=np.array(labels)[trials.y], label_names={})
    model = make_pipeline(FunctionTransformer(lambda X: np.log(X.var(axis=-1))), LinearSVC())
    results = evaluate({"svc": model}, trials, CrossSubjectSplit(2), random_state=0, verbose=False)
    results.to_csv(tmp_path)
    read = score_by_subject(EvaluationResults.from_csv(tmp_path), "roc_auc")["roc_auc"]
    assert (read[:4] == 1).all()
    np.testing.assert_allclose(read, score_by_subject(results, "roc_auc")["roc_auc"])


def test_labels_of_several_data_sets_keep_their_types():
    trials, parts = simulate_trials(4, 8), []
    model = make_pipeline(FunctionTransformer(lambda X: np.log(X.var(axis=-1))), GaussianNB())
    for dtype in (int, float, bool):
        named = replace(trials, y=trials.y.astype(dtype), name=dtype.__name__, label_names={})
        parts.append(evaluate({"nb": model}, named, CrossSubjectSplit(2), verbose=False))
    table = score_by_subject(EvaluationResults.concatenate(parts), "roc_auc")
    assert table.query("kind == 'model'").groupby("dataset")["roc_auc"].mean().nunique() == 1
    assert table["roc_auc"].notna().all()


def test_other_tables_are_not_read_as_results(tmp_path):
    results = evaluate_lda(simulate_trials(2, 4), baselines=None)
    results.to_csv(tmp_path)
    with pytest.raises(ValueError, match=r"predictions\.csv must be .*, missing columns: n_test"):
        EvaluationResults.from_csv(tmp_path / "predictions.csv")
    results.scores.to_csv(tmp_path / "predictions.csv", index=False)
    with pytest.raises(ValueError, match=r"predictions\.csv must be .*, missing columns: y_true"):
        EvaluationResults.from_csv(tmp_path)


def test_a_baseline_that_was_evaluated_twice_with_one_seed_is_counted_once():
    trials, options = simulate_trials(4, 6), {"baselines": "stratified", "verbose": False}
    parts = [
        evaluate({name: DummyClassifier()}, trials, random_state=seed, **options)
        for name, seed in (("a", 0), ("b", 0), ("a", 1))
    ]
    table = compare(EvaluationResults.concatenate(parts)).set_index("estimator")
    means = [compare(part).set_index("estimator").loc["stratified", "mean"] for part in parts]
    assert means[0] == means[1] != means[2]
    assert table.loc["stratified", "mean"] == pytest.approx((means[0] + means[2]) / 2)


@pytest.mark.parametrize(("name", "seed"), [("b", 0), ("a", 2)])
def test_a_failed_fold_excludes_its_subjects_also_beside_more_seeds_of_others(name, seed):
    trials, parts = simulate_trials(4, 6), []
    for each, random_state in (("a", 0), ("a", 1), (name, seed)):
        options = {"baselines": None, "random_state": random_state, "verbose": False}
        parts.append(evaluate({each: DummyClassifier()}, trials, CrossSubjectSplit(2), **options))
    scores, predictions = parts[2].scores, parts[2].predictions
    scores = scores.assign(error=np.where(scores["fold"].eq(1), "ValueError", ""))
    parts[2] = EvaluationResults(scores, predictions[predictions["fold"].eq(0)])
    table = compare(EvaluationResults.concatenate(parts)).set_index("estimator")
    assert table.loc[name, "n_subjects"] == 2


def test_interrupted_writing_leaves_no_predictions_of_earlier_results(tmp_path):
    results = evaluate_lda(simulate_trials(3, 4), baselines="majority")
    results.to_csv(tmp_path)
    (tmp_path / "results.csv").unlink()
    (tmp_path / "results.csv").mkdir()
    with pytest.raises(OSError, match=r"results\.csv"):
        results.to_csv(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]


def test_predictions_of_windows_have_their_numbers():
    windows = simulate_trials(3, 4).as_windows(1.0)
    predictions = evaluate_lda(windows, baselines=None).predictions
    expected = windows.metadata[["trial", "window"]].reset_index(drop=True)
    own = predictions[["trial", "window"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, expected, check_dtype=False)
