"""Tests of leakage_report and leakage_gap."""

import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, t as student_t
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, ShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skmamba import (
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    Trials,
    WindowVotingClassifier,
    leakage_report,
    load_eegmat,
)
from skmamba._selection import Selection
from skmamba.datasets import simulate_trials
from skmamba.evaluation import (
    CrossStimulusSplit,
    CrossSubjectSplit,
    PriorShiftSplit,
    RandomWindowsKFold,
    WithinSubjectSplit,
    evaluate,
    leakage_gap,
)
from skmamba.preprocessing import BandPower, EuclideanAlignment

LABEL_KINDS = ["label from duration", "label from amplitude", "label from order"]
KINDS = ["identical data", "window overlap", "trial", "stimulus", "session", "subject"]


def make_trials(metadata, y=None, *, n_times=8):
    """Return noise with the given metadata."""
    metadata = pd.DataFrame(metadata)
    X = np.random.default_rng(0).normal(size=(len(metadata), 1, n_times))
    y = np.arange(len(metadata)) % 2 if y is None else y
    return Trials(X, y, metadata, sfreq=128, ch_names=["Cz"])


def make_study(n_subjects=3, n_sessions=2, n_trials=12):
    """Return trials in which all subjects see the same stimuli in every session, as in SEED."""
    subject, session, stimulus = np.indices((n_subjects, n_sessions, n_trials)).reshape(3, -1)
    trial = np.arange(len(subject))
    columns = {"subject": subject, "session": session, "trial": trial, "stimulus": stimulus}
    times = {"recording": subject * n_sessions + session, "onset": stimulus}  # one per second
    return make_trials({**columns, **times}, stimulus % 2)


def cut(trials, size, stride=None):
    return trials.as_windows(window_size_samples=size, stride_samples=stride)


def report_on(cv, trials, **params):
    return leakage_report(cv, trials, **params).set_index("kind")


# Report


def test_report_of_two_subjects_by_hand():
    columns = {"subject": ["s1", "s1", "s1", "s2"], "session": [1, 1, 2, 1], "trial": range(4)}
    trials = make_trials({**columns, "stimulus": ["a", "b", "a", "b"]})
    folds = [([0, 1], [2, 3]), ([3], [1, 2])]
    report = leakage_report(folds, trials).drop(columns="n_folds").iloc[:6]
    new = "shared: no estimate for new"
    assert report.values.tolist() == [
        ["identical data", False, 0, 0.0, "", "not shared"],
        ["window overlap", False, 0, 0.0, "", "not shared"],
        ["trial", False, 0, 0.0, "", "not shared"],
        ["stimulus", True, 2, 0.75, "fold 0: stimulus a", f"{new} stimuli"],
        ["session", False, 0, 0.0, "", "not shared"],
        ["subject", True, 1, 0.25, "fold 0: subject s1", f"{new} subjects"],
    ]


def test_window_overlap_by_hand():
    windows = cut(make_trials({"trial": [7, 8]}), 4, 2)  # starts 0, 2, 4 of each trial
    # The training window of trial 7 starts at 0: samples 2 and 3 are in the window from 2.
    report = report_on([([0, 3], [1, 2])], windows)
    assert report.loc["window overlap", "test_share"] == 0.5
    assert report.loc["window overlap", "example"] == "fold 0: trial 7, windows at 2 and 0"
    assert report.loc["trial", "test_share"] == 1
    assert report.loc[["window overlap", "trial"], "verdict"].tolist() == ["leak", "leak"]


def test_windows_of_rows_with_their_own_onset_by_hand():
    columns = {"trial": [0, 0, 1, 1], "recording": 0, "onset": [0, 2, 3.5, 5.5]}
    rows = make_trials(columns, [0, 0, 1, 1], n_times=256)  # 2 s
    assert report_on([([0, 1], [2, 3])], rows).loc["window overlap", "test_share"] == 0.5
    windows = cut(rows, 128)  # the last one of trial 0 starts at 3 s, the first of trial 1 at 3.5 s
    assert report_on([([3], [4])], windows).loc["window overlap", "verdict"] == "leak"
    report = report_on([([0, 1, 2], [4]), ([0], [3])], windows)
    assert report.loc["window overlap", "verdict"] == "not shared"
    in_trial = make_trials({"trial": [0] * 3, "onset": [0.0, 1.0, 1.5]}, [0] * 3, n_times=128)
    verdict = report_on([([0], [1])], in_trial).loc["window overlap", "verdict"]
    assert verdict == "unknown: metadata has no column 'recording'"  # other trials may overlap
    assert report_on([([1], [2])], in_trial).loc["window overlap", "verdict"] == "leak"


def test_overlap_of_trials_of_one_recording_by_hand():
    columns = {"trial": range(5), "recording": [0, 0, 0, 1, 0], "onset": [0, 2, 4, 2, 6.003]}
    trials = make_trials(columns, n_times=512)  # 4 s
    report = report_on([([0], [1, 2, 3]), ([2], [4])], trials)
    assert report.loc["window overlap", "test_share"] == pytest.approx((1 / 3 + 1) / 2)
    assert report.loc["window overlap", "example"] == "fold 0: recording 0, from 2 s and 0 s"
    assert report.loc["window overlap", "verdict"] == "leak"
    windows = cut(trials, 256)  # rows 1 and 2: the second half of trial 0, the first of trial 1
    assert report_on([([1], [2])], windows).loc["window overlap", "verdict"] == "leak"
    report = report_on([([0], [2]), ([1], [4, 6]), ([8], [3])], windows)
    assert report.loc["window overlap", "verdict"] == "not shared"


def test_a_start_in_the_recording_is_not_added_to_the_onset():
    onset = np.arange(6) * 1.2
    columns = {"trial": range(6), "recording": 0, "onset": onset}
    trials = make_trials(columns, n_times=256)  # 2 s: each overlaps with the next
    windows = cut(trials, 128)
    for rows in (trials, windows):
        start = np.round(rows.metadata["onset"] * 128) + rows.metadata.get("start", 0)
        absolute = rows.derive(metadata=rows.metadata.assign(start=start))
        folds = [(np.arange(len(rows)) < len(rows) // 2, np.arange(len(rows)) >= len(rows) // 2)]
        assert report_on(folds, absolute).loc["window overlap", "verdict"] == "leak"
        shares = report_on(folds, rows)["test_share"]
        pd.testing.assert_series_equal(report_on(folds, absolute)["test_share"], shares)


@pytest.mark.parametrize(
    ("columns", "cut_windows", "reason"),
    [
        ({}, False, "metadata has no column 'recording'"),
        ({}, True, "metadata has no column 'recording'"),
        ({"recording": 0}, True, "metadata has no column 'onset'"),
        ({"recording": 0, "onset": [0, 9, None, 18]}, False, "onset is missing in 1 rows"),
        ({"recording": 0, "onset": [*"abcd"]}, False, "onset is missing in 4 rows"),
        ({"recording": [0, None, None, 0], "onset": range(4)}, False, "subject or recording is"),
    ],
)
def test_overlap_of_trials_is_unknown_without_their_times(columns, cut_windows, reason):
    trials = make_trials({"subject": [1, 1, 2, 2], "trial": range(4), **columns})
    trials = cut(trials, 8) if cut_windows else trials
    verdict = report_on([([0], [1])], trials).loc["window overlap", "verdict"]
    assert verdict.startswith(f"unknown: {reason}")
    # Data of different subjects or sessions have no samples in common
    verdict = report_on("cross_subject", trials).loc["window overlap", "verdict"]
    assert verdict == "not shared"


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
def test_protocols_share_what_they_document(protocol, shared, by_design):
    report = report_on(protocol, make_study()).loc[KINDS]
    assert set(report.index[report["shared"]]) == shared
    assert set(report.index[report["verdict"] == "by design"]) == by_design
    assert not (report["verdict"] == "leak").any()
    assert (report["n_folds_shared"] == np.where(report["shared"], report["n_folds"], 0)).all()


@pytest.mark.parametrize("cv", ["random_windows", WithinSubjectSplit(RandomWindowsKFold())])
def test_random_windows_share_trials_and_nothing_by_design(cv):
    with warnings.catch_warnings(action="error"):  # the report emits no LeakageWarning
        report = report_on(cv, cut(make_study(), 4, 2)).loc[KINDS]
    assert report["shared"].tolist() == [False, True, True, True, True, True]
    assert report["verdict"].tolist()[1:3] == ["leak", "leak"]
    assert report["verdict"].str.startswith("shared: ")[3:].all()


def make_referenced(metadata, *, n_times=128, n_reference_times=256):
    """Return trials of 1 s with references of 2 s."""
    trials = make_trials(metadata, n_times=n_times)
    reference = np.random.default_rng(1).normal(size=(len(trials), 1, n_reference_times))
    return replace(trials, reference=reference)


def test_references_are_reported_only_if_there_are_any():
    assert "reference" not in report_on("within_subject", make_study()).index
    trials = make_referenced(make_study().metadata)
    row = report_on("within_subject", trials).loc["reference"]
    assert row["verdict"] == "unknown: metadata has no column 'reference_onset'"


@pytest.mark.parametrize(
    ("reference_onset", "shares"),
    [
        ([0, 3, 7], [0, 0, 0]),  # each ends when its trial starts, or earlier
        ([0, 4, 7], [0, 0.5, 0]),  # the second ends 1 s after the start of its trial
        ([0, 9, 20], [0, 0.5, 1]),  # recorded later than the trial
        ([0, 3, 4.5], [0, 0, 0]),  # the third is inside of the second, which is not tested with it
        ([0, 1.5, 7], [0, 0.5, 0]),  # the second is inside of the first
    ],
)
def test_references_in_test_trials_by_hand(reference_onset, shares):
    times = {"onset": [2, 5, 9], "reference_onset": reference_onset}
    trials = make_referenced({"subject": 1, "trial": range(3), "recording": 0, **times})
    folds = [([2], [0]), ([2], [0, 1]), ([0], [2])]
    for fold, share in zip(folds, shares, strict=True):
        row = report_on([fold], trials).loc["reference"]
        assert row["test_share"] == share
        assert row["verdict"] == ("leak" if share else "not shared")
        expected = f"fold 0: reference of trial {fold[1][-1]}" if share else ""
        assert row["example"] == expected


@pytest.mark.parametrize("seed", range(5))
def test_references_equal_a_loop_over_pairs_of_test_rows(seed):
    rng = np.random.default_rng(seed)
    n_rows = 30
    metadata = pd.DataFrame({"subject": rng.integers(2, size=n_rows), "trial": range(n_rows)})
    metadata["recording"] = metadata["subject"]
    metadata["onset"] = rng.uniform(1e4, 1e4 + 100, n_rows).round(1)
    metadata["reference_onset"] = (metadata["onset"] - rng.uniform(1, 20, n_rows)).round(1)
    trials = make_referenced(metadata)
    folds = list(ShuffleSplit(4, test_size=0.4, random_state=seed).split(trials.X))

    def is_leak(row, test_idx):
        own, others = metadata.loc[row], metadata.loc[test_idx]
        others = others[others["recording"] == own["recording"]]
        begin, end = own["reference_onset"], own["reference_onset"] + 2
        is_in_trial = (others["onset"] < end - 0.01) & (others["onset"] + 1 > begin + 0.01)
        return is_in_trial.any() or end > own["onset"] + 0.01

    expected = np.mean([np.mean([is_leak(row, test) for row in test]) for _, test in folds])
    assert report_on(folds, trials).loc["reference", "test_share"] == pytest.approx(expected)


def test_samples_of_a_reference_in_a_test_trial_are_found_without_times():
    trials = make_referenced({"subject": [1, 1, 2, 2], "trial": range(4)})
    reference = trials.reference.astype("float32")
    reference[0, 0, 50:90] = trials.X[1, 0, 10:50]
    reference[2] = 0  # flat
    trials.X[3] = 0
    trials = replace(trials, reference=reference)
    report = partial(report_on, trials=trials)
    row = report([([2, 3], [0, 1])]).loc["reference"]
    assert (row["test_share"], row["verdict"]) == (0.5, "leak")
    assert row["example"] == "fold 0: reference of trial 0"
    for fold in (([1, 2, 3], [0]), ([0, 1], [2, 3])):
        assert report([fold]).loc["reference", "verdict"].startswith("unknown")


def test_a_reference_that_trials_share_is_that_of_each():
    base = np.random.default_rng(2).normal(size=(2, 1, 256))
    trials = make_referenced({"subject": [1, 1, 2, 2], "trial": range(4)})
    trials.X[2, 0, :64] = base[1, 0, 100:164]
    trials = replace(trials, reference=Selection(base, np.array([0, 0, 1, 1])))
    row = report_on("cross_subject", trials).loc["reference"]
    assert (row["n_folds_shared"], row["test_share"]) == (1, 0.5)  # both trials of subject 2


def test_subjects_and_sessions_are_shared_by_design_for_calibration():
    cv = CrossSubjectSplit(calibration_trials=2)
    report = report_on(cv, make_study())
    stated = "by design: 2 labelled trials per class"
    assert report.loc[["session", "subject"], "verdict"].tolist() == [stated, stated]
    assert (
        report.loc[["identical data", "window overlap", "trial"], "shared"].tolist() == [False] * 3
    )
    assert not (report["verdict"] == "leak").any()
    strict = report_on(CrossSubjectSplit(max_calibration_trials=2), make_study())
    assert strict.loc["subject", "verdict"] == "not shared"


def test_a_prior_shift_keeps_what_the_protocol_shares_by_design():
    cv = PriorShiftSplit(CrossStimulusSplit(2))
    assert report_on(cv, make_study()).loc["subject", "verdict"] == "by design"


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_shares_equal_a_loop_over_pairs_of_rows(seed, recorded):
    rng = np.random.default_rng(seed)
    n_rows, size = 40, 4
    trial = rng.integers(9, size=n_rows)  # three of each subject
    metadata = pd.DataFrame(
        {
            "subject": trial % 3,
            "trial": trial,
            "stimulus": rng.choice(list("abcdef"), 9)[trial],
            "start": rng.integers(-20, 20, size=n_rows),
            "session": trial // 3 % 2,
        }
    )
    if recorded:  # recordings are numbered within a session
        metadata["recording"] = rng.integers(2, size=9)[trial]
        metadata["onset"] = rng.uniform(1e6, 1e6 + 0.3, size=9).round(3)[trial]
    trials = make_trials(metadata, trial, n_times=size)
    trials.X[rng.integers(n_rows, size=8)] = trials.X[0]
    folds = list(ShuffleSplit(4, train_size=0.2, test_size=0.3, random_state=seed).split(trials.X))

    def is_shared(kind, a, b):
        one, other = metadata.iloc[a], metadata.iloc[b]
        if kind == "identical data":
            return np.array_equal(trials.X[a], trials.X[b])
        if kind == "window overlap":
            same = ["subject", "session", "recording"] if recorded else ["trial"]
            onsets = [row["start"] + 128 * row.get("onset", 0) for row in (one, other)]
            is_close = abs(onsets[0] - onsets[1]) < size - 0.5  # at least half a sample
            return is_close and all(one[column] == other[column] for column in same)
        columns = ["subject", "session"] if kind == "session" else [kind]
        return all(one[column] == other[column] for column in columns)

    report = report_on(folds, trials)
    for kind in KINDS:
        shares = [
            np.mean([any(is_shared(kind, a, b) for b in train_idx) for a in test_idx])
            for train_idx, test_idx in folds
        ]
        assert report.loc[kind, "test_share"] == pytest.approx(np.mean(shares))
        assert report.loc[kind, "n_folds_shared"] == np.count_nonzero(shares)
        assert report.loc[kind, "n_folds"] == 4
        assert report.loc[kind, "shared"] == any(shares)


def test_a_copy_of_the_data_under_new_ids_is_found():
    study = make_study()
    shift = {"subject": 3, "session": 0, "trial": 72, "stimulus": 0, "recording": 6, "onset": 0}
    ids = study.metadata + shift
    report = report_on("cross_subject", Trials.concatenate([study, replace(study, metadata=ids)]))
    expected = [True, 6, 6, 1.0, "fold 0: rows 0 and 72", "leak"]
    assert report.loc["identical data"].tolist() == expected
    assert report.loc["trial", "verdict"] == "not shared"


@pytest.mark.parametrize("padding", [0, np.nan])
def test_flat_signals_are_not_copies(padding):
    trials = make_study()
    trials.X[:, :, -4:] = padding
    report = report_on("cross_subject", cut(trials, 4))
    assert report.loc["identical data", "verdict"] == "not shared"
    trials.X[:, 0, -4:] = np.arange(4)
    report = report_on("cross_subject", cut(trials, 4))
    assert report.loc["identical data", "verdict"] == "leak"


def test_flat_signals_with_an_offset_are_not_copies():
    trials = make_study()
    trials.X[:, :, -4:] = 4000 + np.arange(trials.shape[1])[:, None]
    report = report_on("cross_subject", cut(trials, 4))
    assert report.loc["identical data", "verdict"] == "not shared"


def test_missing_columns_make_kinds_unknown():
    report = report_on(KFold(2), make_trials({"age": [30, 31, 32, 33]}))
    missing = ["trial", "trial", "stimulus", "subject", "subject", "trial", "trial", "trial"]
    unknown = [f"unknown: metadata has no column {column!r}" for column in missing]
    assert report["verdict"].tolist() == ["not shared", *unknown]
    for column in ("shared", "n_folds_shared", "test_share"):
        assert report[column].isna().tolist() == [False] + 8 * [True]


def test_missing_values_are_not_shared():
    trials = make_trials({"trial": range(4), "stimulus": ["a", None, None, "b"]})
    report = report_on([([0, 1], [2, 3])], trials)
    assert report.loc["stimulus", "verdict"] == "unknown: stimulus is missing in 2 rows"
    report = report_on([([0, 1], [0, 2])], trials)
    assert report.loc["stimulus", "test_share"] == 0.5
    assert report.loc["stimulus", "verdict"] == "shared: no estimate for new stimuli"


@pytest.mark.parametrize(
    ("column", "values", "verdict"),
    [
        ("start", None, "unknown: metadata has no column 'start'"),
        ("start", [0, np.nan, 0, np.nan], "unknown: start is missing in 2 rows"),
        ("trial", [0, 0, np.nan, np.nan], "unknown: trial is missing in 2 rows"),
    ],
)
def test_window_overlap_is_unknown_without_start_or_trial(column, values, verdict):
    windows = cut(make_trials({"trial": [0, 1]}), 4)
    if values is None:
        windows = replace(windows, metadata=windows.metadata.drop(columns=column))
    else:
        windows.metadata[column] = values
    report = report_on([([0, 2], [1, 3]), ([2], [2])], windows)
    assert report.loc["trial", "verdict"] == "leak"
    assert report_on([([0, 2], [1, 3])], windows).loc["window overlap", "verdict"] == verdict


def test_trial_numbers_may_restart_with_each_subject():
    trials = make_study(n_sessions=1)
    trials.metadata["trial"] = trials.metadata["stimulus"]
    assert report_on("cross_subject", trials).loc["trial", "verdict"] == "not shared"
    report = report_on([([0, 1], [1])], trials)
    assert report.loc["trial", "example"] == "fold 0: subject 0, session 0, trial 1"


@pytest.mark.parametrize("column", ["session", "run"])
def test_subjects_may_have_no_session_or_run(column):
    columns = {"subject": [0, 0, 1, 1], "trial": [0, 1, 0, 1], column: [None, None, "b", "b"]}
    rows = cut(make_trials({**columns, "recording": 0, "onset": [0, 8, 0, 8]}), 4, 2)
    report = report_on([([0, 3, 6, 9], [1, 4, 7, 10])], rows)
    assert report.loc[["window overlap", "trial"], "test_share"].tolist() == [1, 1]
    example = report.loc["trial", "example"]
    assert example == "fold 0: subject 0, trial 0"
    report = report_on([(range(6), range(6, 12))], rows)
    assert report.loc[["window overlap", "trial"], "verdict"].tolist() == ["not shared"] * 2
    assert report.loc["session", "verdict"].startswith("unknown")


@pytest.mark.parametrize("convert", [pd.to_timedelta, pd.to_datetime])
def test_onsets_and_durations_may_be_times(convert):
    onset = convert([0, 2, 4, 6], unit="s")
    columns = {"recording": 0, "trial": range(4), "onset": onset}
    columns["duration"] = pd.to_timedelta([2, 3, 2, 3], unit="s")
    trials = make_trials(columns, n_times=300)  # 2.3 s
    report = report_on([([0], [1, 2, 3])], trials)
    assert report.loc["window overlap", "test_share"] == pytest.approx(1 / 3)
    assert "missing" not in report.loc["label from duration", "verdict"]
    report = report_on([([0], [2])], replace(trials, metadata=trials.metadata.astype(object)))
    assert report.loc["window overlap", "verdict"] == "not shared"


def test_ids_of_several_types_are_compared_by_value():
    ids = pd.Series([1, "1", 1.0, np.int64(2)], dtype=object)
    trials = make_trials({"subject": ids, "session": ids, "stimulus": ids, "trial": range(4)})
    report = report_on([([0], [1, 2, 3])], trials)
    assert report.loc[["stimulus", "session", "subject"], "test_share"].tolist() == [2 / 3] * 3
    assert trials.metadata["subject"].tolist() == [1, 1, 1, 2]  # in results of evaluate as well


@pytest.mark.parametrize(
    "run", [partial(leakage_report, "cross_subject"), lambda each: gap_of(each)]
)
def test_rows_of_one_trial_that_contradict_each_other_raise(run):
    trials = make_study(n_subjects=2, n_sessions=2)
    metadata = trials.metadata.assign(trial=trials.metadata["trial"] % 6)
    trials = replace(trials, metadata=metadata)
    with pytest.raises(ValueError, match="same stimulus, got 0 and 6 in subject 0, sess"):
        run(trials)
    trials = replace(trials, metadata=metadata.drop(columns="stimulus"), y=np.arange(48) // 6)
    with pytest.raises(ValueError, match=r"same label, got 0 and 1 .*trial 0\..* 'run'"):
        run(trials)
    runs = metadata.assign(run=metadata["stimulus"] // 6)
    assert len(leakage_report("cross_subject", replace(trials, metadata=runs)))


def test_folds_may_be_indices_masks_or_an_iterator():
    trials = make_study()
    folds = list(KFold(4).split(trials.X))
    masks = [tuple(np.isin(np.arange(len(trials)), part) for part in fold) for fold in folds]
    expected = leakage_report(KFold(4), trials)
    for cv in (folds, iter(folds), masks, [tuple(map(list, fold)) for fold in folds]):
        pd.testing.assert_frame_equal(leakage_report(cv, trials), expected)
    with pytest.raises(ValueError, match=r"at least one fold, got none .* can be used once"):
        leakage_report(iter([]), trials)


def test_empty_sets_share_nothing():
    report = report_on([([], [0, 1]), ([0, 1], [])], cut(make_study(), 4, 2))
    assert not report["shared"].any()


@pytest.mark.parametrize("cv", [GroupKFold(3), LeaveOneGroupOut()])
def test_groups_may_be_a_column_name_or_an_array(cv):
    trials = make_study()
    by_name = leakage_report(cv, trials, groups="subject")
    by_array = leakage_report(cv, trials, groups=trials.metadata["subject"].to_numpy())
    pd.testing.assert_frame_equal(by_name, by_array)
    for groups in (None, trials.metadata):
        pd.testing.assert_frame_equal(by_name, leakage_report(cv, trials, groups=groups))
    assert by_name.set_index("kind").loc["subject", "verdict"] == "not shared"


@pytest.mark.parametrize(
    ("cv", "groups", "match"),
    [
        (GroupKFold(3), "film", r"groups must be a column .* subject, session.* got 'film'"),
        ([], None, "cv must give at least one fold"),
        (5, None, "cv must be a protocol, got 5"),
    ],
)
def test_invalid_splitters_and_groups_are_rejected(cv, groups, match):
    with pytest.raises(ValueError, match=match):
        leakage_report(cv, make_study(), groups=groups)


def test_splitters_receive_trials_without_a_copy_of_the_eeg():
    class Recorder(GroupKFold):
        def split(self, X, y=None, groups=None):
            received.append(X)
            return super().split(X, y, groups)

    received, trials = [], make_study()[1:]
    leakage_report(Recorder(3), trials, groups="subject")
    assert all(X is trials for X in received)
    assert received


# Labels that duration, amplitude or order predict. Each of these has two values, low and high, so
# that a tree can learn no rule but a threshold between them.


def plant(quantity, n_following=17, *, n_subjects=20, seed=0):
    """Return a trial of class 0 and of class 1 of each subject, in random order of rows.

    In the first subjects, the quantity is high for class 1, in the others for class 0.
    """
    rng = np.random.default_rng(seed)
    subject, place = np.indices((n_subjects, 2)).reshape(2, -1)
    y = (place + rng.integers(2, size=n_subjects)[subject]) % 2
    follows = subject < n_following
    if quantity == "order":
        y = np.where(follows, place, 1 - place)
    is_high = np.where(follows, y == 1, y == 0)
    is_long = is_high if quantity == "duration" else rng.random(len(y)) < 0.5
    is_large = is_high if quantity == "amplitude" else rng.random(len(y)) < 0.5
    columns = {"subject": subject, "trial": np.arange(len(y)), "duration": 4 + 4.0 * is_long}
    trials = make_trials(columns, y)
    wave = np.tile([1.0, 0.5, -1.0, -0.5], 2)  # of equal spread in both halves
    trials = replace(trials, X=np.where(is_large, 9, 3)[:, None, None] * wave[None, None])
    return trials.select(rng.permutation(len(y)))


def apply_threshold(quantity, trials):
    """Return the class predicted by hand."""
    values = {
        "duration": trials.metadata["duration"] > 6,
        "amplitude": trials.X[:, 0].max(axis=-1) > 6,
        "order": trials.metadata["trial"] % 2 == 1,
    }
    return np.asarray(values[quantity]).astype(int)


def read_p(row):
    return float(row["example"].split("p = ")[1])


@pytest.mark.parametrize("quantity", ["duration", "amplitude", "order", None])
def test_the_quantity_that_labels_follow_is_found_and_no_other(quantity):
    trials = plant(quantity)
    report = report_on("cross_subject", trials)
    expected = dict.fromkeys(LABEL_KINDS, "not predicted")
    if quantity is not None:
        score = balanced_accuracy_score(trials.y, apply_threshold(quantity, trials))
        assert score == 0.85  # 17 of 20 subjects
        text = f"balanced accuracy {score:.2f} (chance level 0.50)"
        expected[f"label from {quantity}"] = f"predicted: {text}"
        assert report.loc[f"label from {quantity}", "example"].startswith(f"{text}, p = 0.00")
    assert report.loc[LABEL_KINDS, "verdict"].to_dict() == expected
    assert report.loc[LABEL_KINDS, ["shared", "n_folds_shared", "test_share"]].isna().all(axis=None)
    assert (report["n_folds"] == 20).all()


@pytest.mark.parametrize("quantity", ["duration", "amplitude", "order"])
@pytest.mark.parametrize("n_following", [14, 17])
def test_p_is_that_of_the_sign_test_if_subjects_have_two_trials(quantity, n_following):
    # A permutation exchanges the two labels of a subject, or does not: each of the 20 subjects is
    # predicted right with probability 1/2.
    row = report_on("cross_subject", plant(quantity, n_following)).loc[f"label from {quantity}"]
    expected = binom.sf(n_following - 1, 20, 0.5)  # 0.058 and 0.0013
    error = 3.3 * np.sqrt(expected * (1 - expected) / 999) + 2 / 1000  # also of (1 + k) / 1000
    assert abs(read_p(row) - expected) < error
    assert row["verdict"].startswith("predicted") == (n_following == 17)


def test_p_of_a_constant_quantity_is_one():
    trials = plant(None)
    trials = replace(trials, metadata=trials.metadata.assign(duration=6.0))
    row = report_on("cross_subject", trials).loc["label from duration"]
    assert row["example"] == "balanced accuracy 0.50 (chance level 0.50), p = 1.000"


@pytest.mark.parametrize(
    ("y", "subject", "score"),
    [
        # Classes 1 and 2 have one duration: one of them is never predicted.
        (np.tile([0, 0, 0, 0, 1, 2], 10), np.arange(60) // 6, "0.67 (chance level 0.3"),
        # Subjects with one class: labels are permuted among all subjects.
        (np.arange(40) // 4 % 2, np.arange(40) // 4, "1.00 (chance level 0.50)"),
    ],
)
def test_unequal_classes_and_subjects_of_one_class_have_their_balanced_accuracy(y, subject, score):
    columns = {"subject": subject, "trial": range(len(y)), "duration": 4.0 + (y > 0)}
    row = report_on("cross_subject", make_trials(columns, y)).loc["label from duration"]
    assert row["verdict"].startswith(f"predicted: balanced accuracy {score}")


def test_the_chance_level_is_that_of_labels_permuted_within_subjects():
    # A quantity of the subject predicts its more frequent class, as it does after permutations.
    y = np.concatenate([[0, 0, 0, 0, 1] * 4, [1, 1, 1, 1, 0] * 4])
    subject = np.arange(40) // 20
    trials = make_trials({"subject": subject, "trial": range(40), "duration": 4.0 + subject}, y)
    even, odd = np.arange(0, 40, 2), np.arange(1, 40, 2)
    row = report_on([(even, odd), (odd, even)], trials).loc["label from duration"]
    assert row["example"].startswith("balanced accuracy 0.80 (chance level 0.80), p = 1")
    assert row["verdict"] == "not predicted"


def test_order_is_a_share_of_the_trials_of_a_subject():
    sizes = [4, 8, 16, 32] * 2
    y = np.concatenate([np.repeat([0, 1], size // 2) for size in sizes])
    trials = make_trials({"subject": np.repeat(range(8), sizes), "trial": range(len(y))}, y)
    row = report_on("cross_subject", trials).loc["label from order"]
    assert row["verdict"] == "predicted: balanced accuracy 1.00 (chance level 0.50)"


@pytest.mark.parametrize("column", ["session", "run"])
def test_the_order_of_sessions_and_runs_predicts_their_labels(column):
    subject, part, trial = np.indices((10, 2, 4)).reshape(3, -1)
    names = np.array(["run-9", "run-10"], object)[part]
    columns = {"subject": subject, column: names, "trial": trial}
    row = report_on("cross_subject", make_trials(columns, part)).loc["label from order"]
    assert row["verdict"] == "predicted: balanced accuracy 1.00 (chance level 0.50)"
    shuffled = np.concatenate([np.random.default_rng(i).permutation(8) % 2 for i in range(10)])
    row = report_on("cross_subject", make_trials(columns, shuffled)).loc["label from order"]
    assert row["verdict"] == "not predicted"


def test_a_quantity_that_predicts_a_rare_class_is_found():
    # Most long trials are of class 0, because most trials are.
    y, is_long = np.tile([1] + [0] * 9, 12), np.tile([1] * 4 + [0] * 6, 12)
    columns = {"subject": np.arange(120) // 10, "trial": range(120), "duration": 4.0 + is_long}
    row = report_on("cross_subject", make_trials(columns, y)).loc["label from duration"]
    assert row["verdict"] == "predicted: balanced accuracy 0.83 (chance level 0.50)"


@pytest.mark.parametrize("quantity", ["duration", "amplitude", "order", None])
def test_windows_give_the_result_of_their_trials(quantity):
    trials = plant(quantity)
    by_trial = report_on("cross_subject", trials).loc[LABEL_KINDS]
    windows = cut(trials, 4).select(np.random.default_rng(0).permutation(80))
    pd.testing.assert_frame_equal(report_on("cross_subject", windows).loc[LABEL_KINDS], by_trial)


def test_labels_of_whole_subjects_are_permuted_among_subjects():
    subject, n_alarms = np.repeat(np.arange(16), 8), 0
    metadata = pd.DataFrame({"subject": subject, "trial": np.tile(range(8), 16)})
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y = rng.permutation(np.arange(16) % 2)[subject]
        of_subject = rng.lognormal(0, 0.5, 16)[subject]
        X = rng.normal(size=(128, 2, 32)) * of_subject[:, None, None]
        trials = Trials(X, y, metadata.assign(duration=of_subject), 128, ["C3", "C4"])
        report = leakage_report(CrossSubjectSplit(4), trials).set_index("kind")
        n_alarms += report.loc[LABEL_KINDS, "verdict"].str.startswith("predicted").sum()
    assert n_alarms <= 4  # of 60
    timed = replace(trials, metadata=metadata.assign(duration=1 + y + rng.normal(size=128) / 10))
    report = leakage_report(CrossSubjectSplit(4), timed).set_index("kind")
    assert report.loc["label from duration", "verdict"].startswith("predicted: balanced accuracy 1")


def test_trials_of_both_sets_do_not_predict_their_own_label():
    windows = cut(plant("duration"), 4)
    first = np.flatnonzero(windows.metadata["window"] == 0)
    second = np.flatnonzero(windows.metadata["window"] == 1)
    verdicts = report_on([(first, second)], windows).loc[LABEL_KINDS, "verdict"]
    assert (verdicts == "unknown: no fold trains on other trials of two classes").all()
    # Ten subjects that are only in the training set
    test = second[windows.metadata["subject"].iloc[second] >= 10]
    verdict = report_on([(first, test)], windows).loc["label from duration", "verdict"]
    assert verdict == "not predicted" or verdict.startswith("predicted: balanced accuracy 0.70")


def test_the_first_of_several_predictions_of_a_trial_counts():
    trials = plant("duration")
    folds = list(GroupKFold(5).split(trials.X, groups=trials.metadata["subject"]))
    once, repeated = (report_on(cv, trials).loc[LABEL_KINDS] for cv in (folds, folds + folds))
    assert once["example"].tolist() == repeated["example"].tolist()


def test_order_is_that_of_onsets_if_all_are_known():
    trials = plant("order")
    onset = 10.0 * trials.metadata["trial"]
    shuffled = trials.metadata.assign(trial=np.random.default_rng(0).permutation(40), recording=0)
    verdicts = [
        report_on("cross_subject", replace(trials, metadata=metadata))["verdict"][LABEL_KINDS[2]]
        for metadata in (
            shuffled.assign(onset=onset),
            shuffled.assign(onset=onset.where(onset > 0)),
            shuffled,
        )
    ]
    assert verdicts[0].startswith("predicted: balanced accuracy 0.85")
    assert verdicts[1:] == ["not predicted"] * 2


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        (np.linspace(1, 9, 40), "y has ratings, not classes"),
        (np.zeros(40), "y has one class"),
        (np.where(np.arange(40) < 3, np.nan, 1.0), "y is missing in 3 rows"),
        (np.full(40, None), "y is missing in 40 rows"),
        (np.zeros((40, 2)), "y has several columns"),
    ],
)
def test_labels_that_are_not_classes_are_unknown(y, reason):
    report = report_on(GroupKFold(5), replace(plant("duration"), y=y), groups="subject")
    assert report.loc[LABEL_KINDS, "verdict"].tolist() == [f"unknown: {reason}"] * 3


@pytest.mark.parametrize(
    ("column", "value", "kind", "reason"),
    [
        ("duration", "long", "duration", "duration is missing in 40 rows"),
        ("duration", np.nan, "duration", "duration is missing in 40 rows"),
        ("trial", [f"trial {i}" for i in range(40)], "order", "trial is missing in 40 rows"),
    ],
)
def test_quantities_without_numbers_are_unknown(column, value, kind, reason):
    trials = plant(None)
    trials = replace(trials, metadata=trials.metadata.assign(**{column: value}))
    verdicts = report_on("cross_subject", trials).loc[LABEL_KINDS, "verdict"]
    unknown = verdicts[verdicts.str.startswith("unknown")]
    assert unknown.to_dict() == {f"label from {kind}": f"unknown: {reason}"}


def test_tests_of_one_class_are_unknown():
    trials = plant("duration")
    folds = [(np.arange(40), np.flatnonzero(trials.y == 1)[:5])]
    verdicts = report_on(folds, trials).loc[LABEL_KINDS, "verdict"]
    assert (verdicts == "unknown: the tested trials have one class").all()


@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_flat_missing_and_infinite_samples_are_allowed(value):
    trials = plant("amplitude")
    trials.X[0] = value
    with warnings.catch_warnings(action="error"):
        verdict = report_on("cross_subject", trials).loc["label from amplitude", "verdict"]
    assert verdict.startswith("predicted")


def test_predicted_labels_are_no_leak():
    planted = plant("duration")
    trials = make_trials(planted.metadata, planted.y)  # noise
    with warnings.catch_warnings(action="error"):
        evaluate({"constant": DummyClassifier()}, trials, "cross_subject", baselines=[])
    verdicts = report_on("cross_subject", trials)["verdict"]
    assert verdicts["label from duration"].startswith("predicted")
    assert not (verdicts == "leak").any()


# Simulated trials with random offsets, and labels that are independent of the data

nearest = make_pipeline(FunctionTransformer(np.mean, kw_args={"axis": -1}), KNeighborsClassifier(5))


def simulate_offsets(seed, n_subjects=8, n_trials=10, n_times=512):
    """Return noise with an offset per subject, an offset and a drift per trial, random labels."""
    rng = np.random.default_rng(seed)
    n = n_subjects * n_trials
    subject, stimulus = np.indices((n_subjects, n_trials)).reshape(2, -1)
    X = rng.normal(scale=7, size=(n, 4, n_times))
    X += rng.normal(scale=5, size=(n_subjects, 4, 1))[subject]
    X += rng.normal(scale=10, size=(n, 4, 1))
    X += rng.normal(scale=10, size=(n, 4, 1)) * np.linspace(-0.5, 0.5, n_times)
    metadata = {"subject": subject, "session": 0, "trial": np.arange(n), "stimulus": stimulus}
    y = rng.integers(2, size=n)
    return Trials(X, y, pd.DataFrame(metadata), sfreq=128, ch_names=["Fp1", "Fp2", "F3", "F4"])


def gap_of(trials, estimator=nearest, **params):
    defaults = {"window_size": 1.0, "random_state": 0, "verbose": False}
    return leakage_gap(estimator, trials, **{**defaults, **params})


@pytest.fixture(scope="module")
def mean_scores():
    gaps = [gap_of(simulate_offsets(i), window_size=0.25, random_state=i) for i in range(5)]
    return pd.concat(gaps).groupby(["labels", "split"])["mean"].mean()


# Of splits that keep trials together, the trial is the unit: 5 seeds of 80 trials have a standard
# deviation of 0.5 / sqrt(400) = 0.025, which is exceeded 3.3 times in 1 of 1000 cases.
CHANCE_BOUND = 3.3 * 0.5 / np.sqrt(5 * 80)


def test_random_windows_score_high_on_random_labels(mean_scores):
    assert mean_scores["true", "random windows"] > 0.9
    assert mean_scores["permuted", "random windows"] > 0.9


@pytest.mark.parametrize("split", ["trials", "stimuli", "subjects"])
def test_other_splits_score_the_chance_level_on_random_labels(mean_scores, split):
    assert abs(mean_scores["true", split] - 0.5) < CHANCE_BOUND
    assert mean_scores["permuted", split] - 0.5 < CHANCE_BOUND
    assert abs(mean_scores["permuted", "subjects"] - 0.5) < CHANCE_BOUND


def test_without_offsets_random_windows_score_the_chance_level():
    trials = simulate_offsets(0, n_times=2048)
    noise = np.random.default_rng(0).normal(size=trials.X.shape)
    gap = gap_of(replace(trials, X=noise), window_size=0.25)
    # 5120 windows, each tested once: a standard deviation of 0.5 / sqrt(5120) = 0.007
    scores = gap.query("split == 'random windows'")["mean"]
    assert (abs(scores - 0.5) < 3.3 * 0.007).all()


def test_a_signal_of_the_class_is_found_by_every_split():
    trials = simulate_trials(n_subjects=8, n_trials=10, effect=2.0)
    model = make_pipeline(BandPower(trials.sfreq), LinearDiscriminantAnalysis())
    gap = gap_of(trials, model, window_size=2.0)
    true = gap.query("labels == 'true'")
    assert true["mean"].min() > 0.9
    assert true["inflation"].abs().max() < 5
    by_subject = gap.query("labels == 'permuted' and split == 'subjects'")["mean"].item()
    assert abs(by_subject - 0.5) < 3.3 * 0.5 / np.sqrt(80)


# Gap


class Recorder(ClassifierMixin, BaseEstimator):
    """Store the training data."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.X_, self.y_, self.classes_ = X, y, np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def record(trials, **params):
    """Return ((split, labels), (fitted estimator, test windows, test labels)) of each fold."""
    calls = []

    def scorer(estimator, X, y):
        calls.append((estimator, X, y))
        return 0.0

    gap = gap_of(trials, Recorder(), window_size_samples=4, scoring=scorer, **params)
    keys = [(row.split, row.labels) for row in gap.itertuples() for _ in range(row.n_folds)]
    return list(zip(keys, calls, strict=True))


@pytest.fixture(scope="module")
def recorded():
    """Return trials whose values are their row number, and the folds of their windows."""
    study = make_study(n_subjects=6, n_sessions=1)
    rows = np.arange(len(study), dtype=float)
    study = replace(study, X=np.broadcast_to(rows[:, None, None], study.X.shape))
    return study, record(study, stride_samples=2)


def rows_of(X):
    return X[:, 0, 0].astype(int)


@pytest.mark.parametrize(
    ("split", "column"), [("trials", "trial"), ("stimuli", "stimulus"), ("subjects", "subject")]
)
def test_splits_keep_groups_together(recorded, split, column):
    study, folds = recorded
    ids = study.metadata[column].to_numpy()
    own = [fold for (name, _), fold in folds if name == split]
    assert len(own) == 10
    for estimator, X, _ in own:
        assert set(ids[rows_of(estimator.X_)]).isdisjoint(ids[rows_of(X)])


def test_every_window_is_tested_once_by_every_split(recorded):
    study, folds = recorded
    for key in {key for key, _ in folds}:
        tested = np.concatenate([rows_of(X) for name, (_, X, _) in folds if name == key])
        assert np.bincount(tested).tolist() == [3] * len(study)  # windows at 0, 2 and 4


def test_windows_of_a_trial_share_a_label_that_is_permuted_within_subjects(recorded):
    study, folds = recorded
    labels = {"true": {}, "permuted": {}}
    for (_, name), (estimator, X, y) in folds:
        rows = rows_of(np.concatenate([estimator.X_, X]))
        for row, label in zip(rows, [*estimator.y_, *y], strict=True):
            assert labels[name].setdefault(row, label) == label
    true, permuted = (np.array([labels[name][row] for row in range(len(study))]) for name in labels)
    np.testing.assert_array_equal(true, study.y)
    assert not np.array_equal(permuted, true)
    for subject in range(6):
        own = study.metadata["subject"] == subject
        assert sorted(permuted[own]) == sorted(true[own])


def test_random_states_that_are_none_are_set(recorded):
    study, folds = recorded
    (seed,) = {estimator.random_state for _, (estimator, _, _) in folds}
    assert isinstance(seed, int)
    assert record(study, random_state=1)[0][1][0].random_state != seed


def test_columns_and_rows_are_as_documented(capfd):
    gap = gap_of(simulate_offsets(0))
    assert capfd.readouterr() == ("", "")
    assert list(gap) == "split labels mean std n_folds inflation n_train n_test".split()
    assert gap["split"].tolist() == ["random windows", "trials", "stimuli", "subjects"] * 2
    assert gap["labels"].tolist() == ["true"] * 4 + ["permuted"] * 4
    assert gap.attrs["score"] == "balanced_accuracy"
    for _, rows in gap.groupby("labels"):
        expected = 100 * (rows["mean"] - rows["mean"].iloc[-1])
        np.testing.assert_allclose(rows["inflation"], expected)
        assert (rows["n_train"] + rows["n_test"] == 320).all()


def test_results_depend_on_the_seed_and_not_on_n_jobs():
    state = np.random.get_state()
    first = gap_of(simulate_offsets(0))
    pd.testing.assert_frame_equal(first, gap_of(simulate_offsets(0), n_jobs=2))
    assert not first["mean"].equals(gap_of(simulate_offsets(0), random_state=1)["mean"])
    np.testing.assert_equal(np.random.get_state(), state)


def test_the_estimator_may_cut_windows_itself():
    pipe = make_pipeline(SlidingWindows(window_size_samples=128), WindowVotingClassifier(nearest))
    cut_before, cut_inside = (gap_of(simulate_offsets(0), model) for model in (nearest, pipe))
    pd.testing.assert_frame_equal(cut_inside, cut_before)


def test_pipelines_receive_names_sampling_rate_and_subjects_of_windows():
    steps = ChannelPicker(["F3", "Fp1"]), SlidingWindows(1.0), WindowVotingClassifier(nearest)
    trials = simulate_offsets(0, n_subjects=4)
    expected = gap_of(trials.pick([2, 0]))
    pd.testing.assert_frame_equal(gap_of(trials, make_pipeline(*steps)), expected)
    with warnings.catch_warnings(action="error"):  # that there are no subjects
        gap_of(trials, make_pipeline(EuclideanAlignment(), nearest))


def test_scoring_is_a_scorer_of_scikit_learn_or_a_callable():
    loss = gap_of(simulate_offsets(0), scoring="neg_brier_score")
    assert loss["mean"].between(-1, 0).all()
    gap = gap_of(simulate_offsets(0), scoring=lambda estimator, X, y: 0.25)
    assert gap["mean"].tolist() == [0.25] * 8
    assert gap.attrs["score"] == "score"
    with pytest.raises(ValueError, match="goodness"):
        gap_of(simulate_offsets(0), scoring="goodness")


def test_there_are_at_most_as_many_folds_as_subjects():
    gap = gap_of(simulate_offsets(0, n_subjects=3))
    assert gap["n_folds"].tolist() == [5, 5, 5, 3] * 2


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (lambda table, y: table.drop(columns=["subject", "stimulus"]), {"stimuli", "subjects"}),
        (lambda table, y: table.assign(subject=0), {"subjects"}),
        (lambda table, y: table.replace({"subject": {0: np.nan}}), {"subjects"}),
        (lambda table, y: table.assign(stimulus=y), {"stimuli"}),  # a class per stimulus
    ],
)
def test_splits_that_metadata_do_not_allow_are_left_out(change, missing):
    trials = simulate_offsets(0)
    trials = replace(trials, metadata=change(trials.metadata, trials.y))
    true = gap_of(trials).query("labels == 'true'")
    assert {"random windows", "trials", "stimuli", "subjects"} - set(true["split"]) == missing
    assert true["inflation"].iloc[-1] == 0


def test_a_split_whose_training_sets_lack_one_of_three_classes_is_left_out():
    trials = simulate_offsets(0)
    trials = replace(trials, y=np.where(trials.metadata["subject"] == 0, 2, trials.y))
    true = gap_of(trials).query("labels == 'true'")
    assert true["split"].tolist() == ["random windows", "trials", "stimuli"]


def test_rows_must_be_trials():
    with pytest.raises(ValueError, match="one row per trial, got 320 rows of 80 trials"):
        gap_of(cut(simulate_offsets(0), 128))


@pytest.mark.parametrize(
    ("y", "got"), [(np.zeros(80), r"0\.0\."), (np.arange(80) / 8, r"0\.0, 0\.125, .*\.\.\.")]
)
def test_the_gap_is_of_classifiers_of_two_classes(y, got):
    trials = simulate_offsets(0)
    with pytest.raises(ValueError, match=rf"trials\.y must .* at least two classes.*got {got}"):
        gap_of(replace(trials, y=y))
    with pytest.raises(ValueError, match=r"estimator must be a classifier, got Ridge\(\)"):
        gap_of(trials, Ridge())


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_every_class_requires_trials_in_two_folds():
    trials = simulate_offsets(0, n_subjects=2)
    trials = replace(trials, y=(np.arange(20) == 3).astype(int))
    with pytest.raises(ValueError, match=r"in at least two folds, got \{0: 19, 1: 1\}"):
        gap_of(trials)


# Control on EEG without an effect: the first and the last minute of the same rest recording


def load_control():
    """Return EEGMAT's first minute of rest as class 0 and its last as class 1, four channels."""
    last = load_eegmat(reference=True).select("segment == 2")
    trial = np.arange(40)
    subject = np.tile(last.metadata["subject"], 2)
    metadata = pd.DataFrame({"subject": subject, "session": 0, "trial": trial})
    X = np.concatenate([last.reference, last.X])
    return Trials(X, trial // 20, metadata, sfreq=last.sfreq, ch_names=last.ch_names)


def score_by_new_subject(model, trials, n_folds=5):
    """Return the balanced accuracy over the windows of each subject, cross-subject."""
    subjects = trials.metadata["subject"].to_numpy()
    scores = []
    for train_idx, test_idx in GroupKFold(n_folds).split(trials.X, groups=subjects):
        model.fit(trials.X[train_idx], trials.y[train_idx])
        for subject in np.unique(subjects[test_idx]):
            windows = cut(trials.select(subject=subject), 256)
            scores.append(balanced_accuracy_score(windows.y, model.predict(windows.X)))
    assert len(scores) == 20
    return np.array(scores)


def is_at_chance_level(scores):
    """Return whether the mean may be 0.5 (t test over subjects, p > 0.001)."""
    n = len(scores)
    bound = student_t.ppf(0.9995, n - 1) * scores.std(ddof=1) / np.sqrt(n)
    assert bound < 0.15  # otherwise the test has no power
    return abs(scores.mean() - 0.5) < bound


def test_band_power_separates_rest_from_arithmetic_but_not_from_rest():
    features = make_pipeline(BandPower(128), StandardScaler(), LinearDiscriminantAnalysis())
    model = make_pipeline(SlidingWindows(window_size_samples=256), WindowVotingClassifier(features))
    control = load_control()
    assert 3 < control.X[:20].std() / control.X[20:].std() * 4 < 5  # the same unit
    shared = report_on("cross_subject", control)["shared"]
    assert not shared[["identical data", "trial", "session", "subject"]].any()
    assert is_at_chance_level(score_by_new_subject(model, control))
    task = load_eegmat()
    task = replace(task, X=task.X[:, :4], ch_names=task.ch_names[:4])  # Fp1, Fp2, F3, F4
    assert not is_at_chance_level(score_by_new_subject(model, task))


@pytest.mark.slow
def test_ms_imamba_does_not_separate_rest_from_rest():
    network = MSiMambaClassifier(16, d_hidden=8, n_kernels=2, max_epochs=6, random_state=0)
    model = make_pipeline(SlidingWindows(window_size_samples=256), network)
    assert is_at_chance_level(score_by_new_subject(model, load_control(), n_folds=2))


def test_random_windows_separate_rest_from_rest():
    model = make_pipeline(BandPower(128), StandardScaler(), SVC())
    gap = gap_of(load_control(), model, window_size=2.0, stride=1.0)
    means = gap.set_index(["labels", "split"])["mean"]
    for labels in ("true", "permuted"):
        assert means[labels, "random windows"] > 0.6
        assert abs(means[labels, "subjects"] - 0.5) < 0.08
