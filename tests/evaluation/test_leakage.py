"""Leakage: what folds share, counted another way; and what it does to scores that mean nothing."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student_t
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, ShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skmamba import (
    MSiMambaClassifier,
    SlidingWindows,
    Trials,
    WindowVotingClassifier,
    leakage_report,
    load_eegmat,
)
from skmamba.datasets import simulate_trials
from skmamba.evaluation import RandomWindowsKFold, WithinSubjectSplit, leakage_gap
from skmamba.preprocessing import BandPower

KINDS = ["identical data", "window overlap", "trial", "stimulus", "session", "subject"]
DATA = Path(__file__).parents[1] / "data"


def make_trials(metadata, y=None, *, n_times=8, seed=0):
    """Noise with these metadata."""
    metadata = pd.DataFrame(metadata)
    X = np.random.default_rng(seed).normal(size=(len(metadata), 1, n_times))
    y = np.arange(len(metadata)) % 2 if y is None else y
    return Trials(X, y, metadata, sfreq=128, ch_names=["Cz"])


def make_study(n_subjects=3, n_sessions=2, n_trials=12):
    """Everybody sees the same films in every session, as in SEED."""
    subject, session, stimulus = np.indices((n_subjects, n_sessions, n_trials)).reshape(3, -1)
    trial = np.arange(len(subject))
    columns = {"subject": subject, "session": session, "trial": trial, "stimulus": stimulus}
    return make_trials(columns, stimulus % 2)


def report_on(cv, trials, **params):
    return leakage_report(cv, trials, **params).set_index("kind")


# The report


def test_two_subjects_by_hand():
    trials = make_trials(
        {
            "subject": ["ann", "ann", "ann", "bob"],
            "session": [1, 1, 2, 1],
            "trial": [0, 1, 2, 3],
            "stimulus": ["sea", "war", "sea", "war"],
        }
    )
    folds = [([0, 1], [2, 3]), ([3], [1, 2])]
    report = leakage_report(folds, trials).drop(columns="n_folds")
    new = "shared: scores say nothing about new"
    assert report.values.tolist() == [
        ["identical data", False, 0, 0.0, "", "kept apart"],
        ["window overlap", False, 0, 0.0, "", "kept apart"],
        ["trial", False, 0, 0.0, "", "kept apart"],
        ["stimulus", True, 2, 0.75, "fold 0: stimulus sea", f"{new} stimuli"],
        ["session", False, 0, 0.0, "", "kept apart"],
        ["subject", True, 1, 0.25, "fold 0: subject ann", f"{new} subjects"],
    ]


def test_overlap_of_windows_by_hand():
    windows = make_trials({"trial": [7, 8]}).as_windows(
        window_size_samples=4, stride_samples=2
    )  # at 0, 2, 4 of each
    # Of trial 7, the window at 0 trains: that at 2 shares points 2 and 3, that at 4 none.
    report = report_on([([0, 3], [1, 2])], windows)
    assert report.loc["window overlap", "test_share"] == 0.5
    assert report.loc["window overlap", "example"] == "fold 0: trial 7, windows at 2 and 0"
    assert report.loc["trial", "test_share"] == 1
    assert report.loc[["window overlap", "trial"], "verdict"].tolist() == ["leak", "leak"]


def test_windows_of_two_trials_never_overlap():
    windows = make_trials({"trial": range(5)}).as_windows(window_size_samples=4, stride_samples=1)
    report = report_on(GroupKFold(5), windows, groups="trial")
    assert report.loc[["window overlap", "trial"], "verdict"].tolist() == ["kept apart"] * 2


@pytest.mark.parametrize(
    ("protocol", "shared", "by_design"),
    [
        ("within_subject", {"stimulus", "session", "subject"}, {"session", "subject"}),
        ("cross_subject", {"stimulus"}, set()),
        ("cross_session", {"stimulus", "subject"}, {"subject"}),
        ("cross_stimulus", {"session", "subject"}, {"session", "subject"}),
        ("first-trials", {"session", "subject"}, {"session", "subject"}),
    ],
)
def test_protocols_share_what_they_say_and_nothing_else(protocol, shared, by_design):
    report = report_on(protocol, make_study())
    assert set(report.index[report["shared"]]) == shared
    assert set(report.index[report["verdict"] == "by design"]) == by_design
    assert not (report["verdict"] == "leak").any()
    assert (report["n_folds_shared"] == np.where(report["shared"], report["n_folds"], 0)).all()


def test_random_windows_share_everything_and_mean_none_of_it():
    windows = make_study().as_windows(window_size_samples=4, stride_samples=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the report does not warn of what it reports
        report = report_on("random_windows", windows)
        inside = report_on(WithinSubjectSplit(RandomWindowsKFold(random_state=0)), windows)
    assert report["shared"].tolist() == [False, True, True, True, True, True]
    assert report["verdict"].tolist()[1:3] == ["leak", "leak"]
    assert report["verdict"].str.startswith("shared: ")[3:].all()
    assert inside["verdict"].tolist()[1:3] == ["leak", "leak"]
    assert inside["verdict"].str.startswith("shared: ")["subject"]  # no within-subject score


@pytest.mark.parametrize("seed", range(10))
def test_any_folds_are_counted_as_a_loop_over_rows_counts_them(seed):
    rng = np.random.default_rng(seed)
    n_rows, size = 40, 4
    subject = rng.integers(3, size=n_rows)
    metadata = pd.DataFrame(
        {
            "subject": subject,
            "session": rng.integers(2, size=n_rows),
            "trial": 10 * subject + rng.integers(3, size=n_rows),
            "stimulus": rng.choice(list("abcdef"), n_rows),
            "window": 0,
            "start": rng.integers(-20, 20, size=n_rows),
        }
    )
    metadata["session"] = metadata["trial"] % 2  # a trial is of one session
    trials = make_trials(metadata, n_times=size)
    trials.X[rng.integers(n_rows, size=8)] = trials.X[0]
    folds = list(ShuffleSplit(4, train_size=0.2, test_size=0.3, random_state=seed).split(trials.X))

    def meet(kind, a, b):
        one, other = metadata.iloc[a], metadata.iloc[b]
        if kind == "identical data":
            return np.array_equal(trials.X[a], trials.X[b])
        if kind == "window overlap":
            points = [set(range(row["start"], row["start"] + size)) for row in (one, other)]
            return one["trial"] == other["trial"] and bool(points[0] & points[1])
        columns = ["subject", "session"] if kind == "session" else [kind]
        return all(one[column] == other[column] for column in columns)

    report = report_on(folds, trials)
    for kind in KINDS:
        shares = [
            np.mean([any(meet(kind, a, b) for b in train_idx) for a in test_idx])
            for train_idx, test_idx in folds
        ]
        assert report.loc[kind, "test_share"] == pytest.approx(np.mean(shares))
        assert report.loc[kind, "n_folds_shared"] == np.count_nonzero(shares)
        assert report.loc[kind, "n_folds"] == 4
        assert report.loc[kind, "shared"] == any(shares)


def test_a_data_set_put_under_itself_is_found_by_its_data():
    once = make_study()
    ids = once.metadata.assign(subject=once.metadata["subject"] + 3, trial=once.metadata.trial + 72)
    twice = Trials.concatenate([once, replace(once, metadata=ids)])
    report = report_on("cross_subject", twice)
    told = [True, 6, 6, 1.0, "fold 0: rows 0 and 72", "leak"]
    assert report.loc["identical data"].tolist() == told
    assert report.loc["trial", "verdict"] == "kept apart"


def test_a_row_on_both_sides_is_identical_to_itself():
    report = report_on([([0, 1, 2], [2, 3])], make_study())
    assert report.loc["identical data", "example"] == "fold 0: rows 2 and 2"
    assert report.loc["identical data", "test_share"] == 0.5


def test_what_the_metadata_do_not_know_is_unknown():
    report = report_on(KFold(2), make_trials({"age": [30, 31, 32, 33]}))
    assert report["verdict"].tolist() == [
        "kept apart",
        "unknown: metadata has no column 'trial'",
        "unknown: metadata has no column 'trial'",
        "unknown: metadata has no column 'stimulus'",
        "unknown: metadata has no column 'subject'",
        "unknown: metadata has no column 'subject'",
    ]
    assert report["shared"].isna().tolist() == [False] + 5 * [True]
    assert report["n_folds_shared"].isna().tolist() == [False] + 5 * [True]
    assert report["test_share"].isna().tolist() == [False] + 5 * [True]


def test_a_session_is_a_session_of_somebody():
    report = report_on(KFold(2), make_trials({"session": [1, 1, 1, 1]}))
    assert report.loc["session", "verdict"] == "unknown: metadata has no column 'subject'"


def test_windows_without_starts_may_overlap_for_all_one_knows():
    windows = make_study().as_windows(window_size_samples=4)
    windows = replace(windows, metadata=windows.metadata.drop(columns="start"))
    report = report_on("random_windows", windows)
    assert report.loc["window overlap", "verdict"] == "unknown: metadata has no column 'start'"


def test_missing_entries_are_shared_with_nobody():
    trials = make_trials({"trial": range(4), "stimulus": ["sea", None, None, "war"]})
    report = report_on([([0, 1], [2, 3])], trials)
    assert report.loc["stimulus", "verdict"] == "unknown: stimulus is missing in 2 rows"
    report = report_on([([0, 1], [0, 2])], trials)
    assert report.loc["stimulus", "test_share"] == 0.5
    assert report.loc["stimulus", "verdict"] == "shared: scores say nothing about new stimuli"


def test_windows_with_missing_starts_are_unknown():
    windows = make_trials({"trial": [0, 1]}).as_windows(window_size_samples=4)
    windows.metadata["start"] = [0, np.nan, 0, np.nan]
    report = report_on([([0, 2], [1, 3])], windows)
    assert report.loc["window overlap", "verdict"] == "unknown: start is missing in 2 rows"


def test_windows_of_unknown_trials_overlap_with_none():
    windows = make_trials({"trial": [0, 1]}).as_windows(window_size_samples=4)
    windows.metadata["trial"] = [0, 0, np.nan, np.nan]
    report = report_on([([0, 2], [1, 3]), ([2], [2])], windows)
    assert report.loc["window overlap", "verdict"] == "unknown: trial is missing in 2 rows"
    assert report.loc["trial", "verdict"] == "leak"


def test_silence_is_no_copy_of_silence():
    trials = make_study()
    trials = replace(trials, X=trials.X.copy())
    trials.X[:, :, -4:] = 0  # padded to one length
    report = report_on("cross_subject", trials.as_windows(window_size_samples=4))
    assert report["verdict"]["identical data"] == "kept apart"
    trials.X[:, 0, -4:] = np.arange(4)  # all the same, and no silence
    report = report_on("cross_subject", trials.as_windows(window_size_samples=4))
    assert report["verdict"]["identical data"] == "leak"


def test_trials_that_everybody_counts_from_zero_are_not_the_same():
    trials = make_study(n_sessions=1)
    trials.metadata["trial"] = trials.metadata["stimulus"]
    report = report_on("cross_subject", trials)
    assert report.loc["trial", "verdict"] == "kept apart"
    report = report_on([([0, 1], [1])], trials)
    assert report.loc["trial", "example"] == "fold 0: subject 0, session 0, trial 1"


def test_folds_may_be_masks_or_come_from_a_generator():
    trials = make_study()
    folds = list(KFold(4).split(trials.X))
    masks = [tuple(np.isin(np.arange(len(trials)), part) for part in fold) for fold in folds]
    expected = leakage_report(KFold(4), trials)
    for cv in (folds, iter(folds), masks, [tuple(map(list, fold)) for fold in folds]):
        pd.testing.assert_frame_equal(leakage_report(cv, trials), expected)


def test_an_empty_training_set_shares_nothing():
    report = report_on(
        [([], [0, 1]), ([0, 1], [])],
        make_study().as_windows(window_size_samples=4, stride_samples=2),
    )
    assert not report["shared"].any()


@pytest.mark.parametrize("cv", [GroupKFold(3), LeaveOneGroupOut()])
def test_group_splitters_take_a_column_by_name_or_any_array(cv):
    trials = make_study()
    named = leakage_report(cv, trials, groups="subject")
    given = leakage_report(cv, trials, groups=trials.metadata["subject"].to_numpy())
    pd.testing.assert_frame_equal(named, given)
    assert named.set_index("kind")["verdict"]["subject"] == "kept apart"


def test_errors_say_what_would_do():
    trials = make_study()
    with pytest.raises(ValueError, match=r"GroupKFold needs groups, got None: .* groups='subject'"):
        leakage_report(GroupKFold(3), trials)
    with pytest.raises(ValueError, match=r"groups='film' is no column .* subject, session, trial"):
        leakage_report(GroupKFold(3), trials, groups="film")
    with pytest.raises(ValueError, match="cv gave no folds"):
        leakage_report([], trials)
    with pytest.raises(ValueError, match="cross_subject"):
        leakage_report("cross_subjects", trials)
    with pytest.raises(ValueError, match="cv"):
        leakage_report(5, trials)
    with pytest.raises(ValueError, match="cv"):
        leakage_report(None, trials)


# Planted: trials differ, and labels have nothing to do with it

nearest = make_pipeline(FunctionTransformer(np.mean, kw_args={"axis": -1}), KNeighborsClassifier(5))


def plant(seed, n_subjects=8, n_trials=10, n_times=512, drift=10.0):
    """An offset for each subject and trial and a slow drift, in noise; a coin for each label."""
    rng = np.random.default_rng(seed)
    n = n_subjects * n_trials
    subject, stimulus = np.indices((n_subjects, n_trials)).reshape(2, -1)
    X = rng.normal(scale=7, size=(n, 4, n_times))
    X += rng.normal(scale=5, size=(n_subjects, 4, 1))[subject]
    X += rng.normal(scale=10, size=(n, 4, 1))
    X += rng.normal(scale=drift, size=(n, 4, 1)) * np.linspace(-0.5, 0.5, n_times)
    metadata = {"subject": subject, "session": 0, "trial": np.arange(n), "stimulus": stimulus}
    y = rng.integers(2, size=n)
    return Trials(X, y, pd.DataFrame(metadata), sfreq=128, ch_names=["Fp1", "Fp2", "F3", "F4"])


@pytest.fixture(scope="module")
def planted_gaps():
    gaps = [
        leakage_gap(nearest, plant(seed), window_size_samples=32, random_state=seed, verbose=False)
        for seed in range(5)
    ]
    return pd.concat(gaps).groupby(["labels", "split"])


@pytest.mark.parametrize("labels", ["true", "permuted"])
def test_random_windows_score_high_on_labels_that_mean_nothing(planted_gaps, labels):
    assert planted_gaps["mean"].mean()[labels, "random windows"] > 0.9


# A split that keeps trials together tosses one coin a trial at worst: 5 seeds of 80 trials have a
# standard deviation of 0.5 / sqrt(400) = 0.025. Chance goes beyond 3.3 of them in 1 of 1000 cases.
CHANCE_BOUND = 3.3 * 0.5 / np.sqrt(5 * 80)


@pytest.mark.parametrize("split", ["trials", "stimuli", "subjects"])
def test_labels_that_mean_nothing_score_chance_without_the_leak(planted_gaps, split):
    means = planted_gaps["mean"].mean()
    assert abs(means["true", split] - 0.5) < CHANCE_BOUND
    assert means["permuted", split] - 0.5 < CHANCE_BOUND


def test_permuted_labels_score_chance_by_subject_and_never_less(planted_gaps):
    assert abs(planted_gaps["mean"].mean()["permuted", "subjects"] - 0.5) < CHANCE_BOUND


def test_the_report_names_the_cause():
    windows = plant(0).as_windows(window_size_samples=32, stride_samples=16)
    report = report_on("random_windows", windows)
    assert report.index[report["verdict"] == "leak"].tolist() == ["window overlap", "trial"]
    assert report["test_share"][["window overlap", "trial"]].min() > 0.9
    for cv in (WithinSubjectSplit(2), "cross_subject", "cross_stimulus"):
        assert not (leakage_report(cv, windows)["verdict"] == "leak").any()


def test_without_a_leak_random_windows_gain_nothing():
    """Noise alone: no offset, so that no trial can be recognised."""
    trials = plant(0, n_times=2048)
    noise = np.random.default_rng(0).normal(size=trials.X.shape)
    gap = leakage_gap(nearest, replace(trials, X=noise), window_size_samples=32, verbose=False)
    # 5120 windows, each tested once: a standard deviation of 0.5 / sqrt(5120) = 0.007.
    random_windows = gap.query("split == 'random windows'")["mean"]
    assert (abs(random_windows - 0.5) < 3.3 * 0.007).all()


def test_what_the_labels_mean_survives_every_split_and_no_permutation():
    trials = simulate_trials(n_subjects=8, n_trials=10, effect=2.0)
    model = make_pipeline(BandPower(trials.sfreq), LinearDiscriminantAnalysis())
    gap = leakage_gap(model, trials, window_size_samples=256, verbose=False)
    assert gap.query("labels == 'true'")["mean"].min() > 0.9
    assert gap.query("labels == 'true'")["inflation"].abs().max() < 5
    by_subject = gap.query("labels == 'permuted' and split == 'subjects'")["mean"].item()
    assert abs(by_subject - 0.5) < 3.3 * 0.5 / np.sqrt(80)


# The gap


class Witness(ClassifierMixin, BaseEstimator):
    """Keeps what it was trained on."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.X_, self.y_, self.classes_ = X, y, np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def hear(trials, **params):
    """What a scorer sees, fold by fold: the fitted witness, test windows and labels."""
    heard = []

    def score(witness, X, y):
        heard.append((witness, X, y))
        return 0.0

    gap = leakage_gap(Witness(), trials, score=score, verbose=False, **params)
    assert gap["n_folds"].sum() == len(heard)
    keys = [(row.split, row.labels) for row in gap.itertuples() for _ in range(row.n_folds)]
    return list(zip(keys, heard, strict=True))


@pytest.fixture(scope="module")
def heard():
    """Trials that hold their own row number, so that windows tell whose they are."""
    study = make_study(n_subjects=6, n_sessions=1)
    rows = np.arange(len(study), dtype=float)
    study = replace(study, X=np.broadcast_to(rows[:, None, None], study.X.shape))
    return study, hear(study, size=4, stride=2)


def rows_of(X):
    return X[:, 0, 0].astype(int)


@pytest.mark.parametrize(
    ("split", "column"), [("trials", "trial"), ("stimuli", "stimulus"), ("subjects", "subject")]
)
def test_splits_keep_together_what_they_are_named_for(heard, split, column):
    study, folds = heard
    ids = study.metadata[column].to_numpy()
    n_folds = 0
    for (name, _), (witness, X, _) in folds:
        if name == split:
            n_folds += 1
            assert set(ids[rows_of(witness.X_)]).isdisjoint(ids[rows_of(X)])
    assert n_folds == 10


def test_every_window_is_tested_once_with_every_split(heard):
    study, folds = heard
    for key in {key for key, _ in folds}:
        tested = np.concatenate([rows_of(X) for name, (_, X, _) in folds if name == key])
        assert np.bincount(tested).tolist() == [3] * len(study)  # windows at 0, 2 and 4


def test_all_windows_of_a_trial_share_one_label_also_permuted(heard):
    study, folds = heard
    label = {"true": {}, "permuted": {}}
    for (_, name), (witness, X, y) in folds:
        for row, value in zip(rows_of(np.concatenate([witness.X_, X])), [*witness.y_, *y]):  # noqa: B905
            assert label[name].setdefault(row, value) == value
    assert [label["true"][row] for row in range(len(study))] == study.y.tolist()
    permuted = [label["permuted"][row] for row in range(len(study))]
    assert sorted(permuted) == sorted(study.y)
    assert permuted != study.y.tolist()


def test_permuted_labels_leave_each_subject_its_classes(heard):
    study, folds = heard
    permuted = np.full(len(study), -1)
    for (_, name), (_, X, y) in folds:
        if name == "permuted":
            permuted[rows_of(X)] = y
    for subject in range(6):
        own = study.metadata["subject"] == subject
        assert sorted(permuted[own]) == sorted(study.y[own])


def test_where_each_subject_has_one_label_it_is_permuted_among_all():
    study = make_study(n_subjects=6, n_sessions=1)
    study = replace(study, y=study.metadata["subject"].to_numpy() % 2)
    labels = [(name, y) for (split, name), (_, _, y) in hear(study, size=8) if split == "trials"]
    true, permuted = (
        np.concatenate([y for name, y in labels if name == wanted])
        for wanted in ("true", "permuted")
    )
    assert sorted(true) == sorted(permuted)
    assert true.tolist() != permuted.tolist()


def test_what_the_estimator_leaves_open_is_seeded_and_nothing_else(heard):
    _, folds = heard
    (own,) = {witness.random_state for _, (witness, _, _) in folds}
    assert isinstance(own, int)
    assert hear(heard[0], size=4, random_state=1)[0][1][0].random_state != own
    model = make_pipeline(
        FunctionTransformer(np.mean, kw_args={"axis": -1}),
        RandomForestClassifier(n_estimators=2, random_state=7),
    )
    chosen = []
    leakage_gap(
        model,
        heard[0],
        window_size_samples=4,
        score=lambda fitted, X, y: chosen.append(fitted[-1].random_state) or 0.0,
        verbose=False,
    )
    assert set(chosen) == {7}


def test_the_columns_and_rows_are_those_promised():
    gap = leakage_gap(nearest, plant(0), window_size_samples=128, verbose=False)
    assert list(gap) == "split labels mean std n_folds inflation n_train n_test".split()
    splits = ["random windows", "trials", "stimuli", "subjects"]
    assert gap["split"].tolist() == splits + splits
    assert gap["labels"].tolist() == ["true"] * 4 + ["permuted"] * 4
    for _, rows in gap.groupby("labels"):
        expected = 100 * (rows["mean"] - rows["mean"].iloc[-1])
        np.testing.assert_allclose(rows["inflation"], expected)
        assert (rows["n_train"] + rows["n_test"] == 320).all()


def test_same_seed_same_numbers_however_many_jobs():
    state = np.random.get_state()
    first = leakage_gap(nearest, plant(0), window_size_samples=128, verbose=False)
    again = leakage_gap(nearest, plant(0), window_size_samples=128, verbose=False, n_jobs=2)
    other = leakage_gap(nearest, plant(0), window_size_samples=128, verbose=False, random_state=1)
    pd.testing.assert_frame_equal(first, again)
    assert not first["mean"].equals(other["mean"])
    np.testing.assert_equal(np.random.get_state(), state)


def test_a_pipeline_that_cuts_windows_itself_gets_them_too():
    cuts = make_pipeline(SlidingWindows(window_size_samples=128), WindowVotingClassifier(nearest))
    pd.testing.assert_frame_equal(
        leakage_gap(cuts, plant(0), window_size_samples=128, verbose=False),
        leakage_gap(nearest, plant(0), window_size_samples=128, verbose=False),
    )


def test_any_scorer_will_do(capsys):
    loss = leakage_gap(
        nearest, plant(0), window_size_samples=128, score="neg_brier_score", verbose=False
    )
    assert loss["mean"].between(-1, 0).all()
    leakage_gap(nearest, plant(0), window_size_samples=128, score=lambda fitted, X, y: 0.25)
    assert capsys.readouterr().out.startswith("score: random windows 0.25, trials 0.25")
    with pytest.raises(ValueError, match="goodness"):
        leakage_gap(nearest, plant(0), window_size_samples=128, score="goodness", verbose=False)


def test_folds_are_as_many_as_there_are_subjects_at_most():
    gap = leakage_gap(nearest, plant(0, n_subjects=3), window_size_samples=128, verbose=False)
    assert gap["n_folds"].tolist() == [5, 5, 5, 3] * 2


def test_words_tell_the_numbers(capsys):
    gap = leakage_gap(nearest, plant(0), window_size_samples=32)
    told = capsys.readouterr().out
    points = round(gap["inflation"][0])
    assert f"balanced_accuracy: random windows {gap['mean'][0]:.2f}, trials" in told
    assert f"{points} points between random windows and subjects come from the split" in told
    assert f"permuted by trial: random windows {gap['mean'][4]:.2f}, trials" in told
    assert "Not scored" not in told
    leakage_gap(nearest, plant(0), window_size_samples=32, verbose=False)
    assert capsys.readouterr() == ("", "")


def test_words_do_not_tell_of_a_leak_where_random_windows_score_no_more(capsys):
    leakage_gap(DummyClassifier(), plant(0), window_size_samples=32)
    told = capsys.readouterr().out
    assert "Here random windows score no more than subjects." in told
    assert "no sign that trials are recognised" in told
    assert "come from the split" not in told and "read from the trials" not in told


def test_splits_that_the_metadata_do_not_give_are_left_out_and_named(capsys):
    trials = plant(0)
    trials = replace(trials, metadata=trials.metadata.drop(columns=["subject", "stimulus"]))
    gap = leakage_gap(nearest, trials, window_size_samples=128)
    assert gap["split"].tolist() == ["random windows", "trials"] * 2
    assert gap["inflation"][1] == gap["inflation"][3] == 0
    assert "Not scored: stimuli, subjects." in capsys.readouterr().out


def test_people_that_are_not_all_known_are_no_split():
    trials = plant(0)
    subject = trials.metadata["subject"].where(trials.metadata["subject"] > 0)
    trials = replace(trials, metadata=trials.metadata.assign(subject=subject))
    gap = leakage_gap(nearest, trials, window_size_samples=128, verbose=False)
    assert set(gap["split"]) == {"random windows", "trials", "stimuli"}


def test_one_subject_is_no_split_by_subject():
    gap = leakage_gap(
        nearest, plant(0).select(subject=0), window_size_samples=64, n_splits=2, verbose=False
    )
    assert "subjects" not in set(gap["split"])


def test_a_stimulus_that_is_the_only_one_of_its_class_is_no_split(capsys):
    trials = plant(0)
    trials = replace(trials, metadata=trials.metadata.assign(stimulus=trials.y))
    gap = leakage_gap(nearest, trials, window_size_samples=128)
    assert "stimuli" not in set(gap.query("labels == 'true'")["split"])
    assert "Not scored: stimuli." in capsys.readouterr().out


def test_windows_as_rows_are_refused():
    with pytest.raises(ValueError, match="one row a trial, got 320 rows of 80 trials"):
        leakage_gap(nearest, plant(0).as_windows(window_size_samples=128), window_size_samples=128)


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_a_class_of_one_trial_cannot_be_split():
    trials = plant(0, n_subjects=2)
    trials = replace(trials, y=(np.arange(20) == 3).astype(int))
    with pytest.raises(ValueError, match=r"needs trials in two folds, got \{0: 19, 1: 1\}"):
        leakage_gap(nearest, trials, window_size_samples=128)


# Real EEG with nothing to find: the first against the last minute of the same rest


def load_control():
    """EEGMAT's first minute of rest as class 0 and its last as class 1, four channels."""
    with np.load(DATA / "eegmat_control.npz") as data:
        ch_names = data["ch_names"].tolist()
        first = data["X"] * np.float32(0.1)
        subject = data["subject"].astype(int)
    last = load_eegmat().select("segment == 2")
    assert last.metadata["subject"].tolist() == subject.tolist()
    picked = last.X[:, [last.ch_names.index(name) for name in ch_names]]
    trial = np.arange(40)
    return Trials(
        np.concatenate([first, picked]),
        trial // 20,
        pd.DataFrame({"subject": np.tile(subject, 2), "session": 0, "trial": trial}),
        sfreq=last.sfreq,
        ch_names=ch_names,
    )


def score_subjects(model, trials):
    """Balanced accuracy over the windows of each subject, by models that never met them."""
    subject = trials.metadata["subject"].to_numpy()
    scores = []
    for train_idx, test_idx in GroupKFold(5).split(trials.X, groups=subject):
        model.fit(trials.X[train_idx], trials.y[train_idx])
        for person in np.unique(subject[test_idx]):
            windows = trials.select(subject=person).as_windows(window_size_samples=256)
            scores.append(balanced_accuracy_score(windows.y, model.predict(windows.X)))
    assert len(scores) == 20
    return np.array(scores)


def is_at_chance(scores):
    """Whether the mean over subjects may be 0.5: 1 in 1000 such means is told that it is not.

    The subject is the unit: whoever has never been met may be answered consistently, so the
    windows of a subject are one draw, and a binomial bound for 1180 windows would be too narrow.
    """
    n = len(scores)
    bound = student_t.ppf(0.9995, n - 1) * scores.std(ddof=1) / np.sqrt(n)
    assert bound < 0.15  # or being inside would say little
    return abs(scores.mean() - 0.5) < bound


def make_band_power():
    features = make_pipeline(BandPower(128), StandardScaler(), LinearDiscriminantAnalysis())
    return make_pipeline(SlidingWindows(window_size_samples=256), WindowVotingClassifier(features))


def test_the_control_is_two_different_minutes():
    control = load_control()
    assert control.X.shape == (40, 4, 7680)
    report = report_on("cross_subject", control)
    assert (
        report["shared"][["identical data", "trial", "session", "subject"]].tolist() == [False] * 4
    )
    assert 3 < control.X[:20].std() / control.X[20:].std() * 4 < 5  # the same unit


def test_band_power_tells_no_rest_from_rest_but_rest_from_arithmetic():
    assert is_at_chance(score_subjects(make_band_power(), load_control()))
    task = load_eegmat()
    task = replace(task, X=task.X[:, :4], ch_names=task.ch_names[:4])
    assert task.ch_names == ("Fp1", "Fp2", "F3", "F4")
    assert not is_at_chance(score_subjects(make_band_power(), task))


@pytest.mark.slow
def test_ms_imamba_tells_no_rest_from_rest():
    model = make_pipeline(
        SlidingWindows(window_size_samples=256), MSiMambaClassifier(n_members=1, random_state=0)
    )
    assert is_at_chance(score_subjects(model, load_control()))


def test_random_windows_tell_rest_from_rest():
    """Real trials are recognised as planted ones are, whatever their labels are."""
    model = make_pipeline(BandPower(128), StandardScaler(), SVC())
    gap = leakage_gap(
        model, load_control(), window_size_samples=256, stride_samples=128, verbose=False
    )
    means = gap.set_index(["labels", "split"])["mean"]
    for labels in ("true", "permuted"):
        assert means[labels, "random windows"] > 0.6
        assert abs(means[labels, "subjects"] - 0.5) < 0.08  # the bound on subjects above
