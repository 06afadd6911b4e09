"""Tests of the cross-validation splitters."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    cross_validate,
)

from skmamba.evaluation import (
    CrossSessionSplit,
    CrossStimulusSplit,
    CrossSubjectSplit,
    FirstTrialsSplit,
    LeakageWarning,
    PriorShiftSplit,
    RandomWindowsKFold,
    WithinSubjectSplit,
)
from skmamba.evaluation.splitters import PROTOCOLS, check_splitter

SAFE = [
    WithinSubjectSplit(),
    WithinSubjectSplit(3),
    WithinSubjectSplit(KFold(4, shuffle=True, random_state=0)),
    WithinSubjectSplit(GroupKFold(3), inner_groups="stimulus"),
    WithinSubjectSplit(LeaveOneGroupOut(), inner_groups="session"),
    WithinSubjectSplit(CrossSessionSplit()),
    WithinSubjectSplit(CrossStimulusSplit(2)),
    CrossSubjectSplit(),
    CrossSubjectSplit(3),
    CrossSubjectSplit(2, shuffle=True, random_state=1),
    CrossSessionSplit(),
    CrossStimulusSplit(),
    CrossStimulusSplit(4),
    CrossStimulusSplit(3, shuffle=True, random_state=1),
    FirstTrialsSplit(),
    FirstTrialsSplit(4),
]
SHRINKING = [  # some trials are not tested
    CrossSubjectSplit(calibration_trials=2),
    CrossSubjectSplit(2, calibration_trials=1, max_calibration_trials=3),
    PriorShiftSplit(CrossSubjectSplit(), 0.8),
]
ALL = [*SAFE, *SHRINKING, RandomWindowsKFold(7, random_state=3)]


def only(kind):
    return pytest.mark.parametrize("cv", [cv for cv in SAFE if isinstance(cv, kind)], ids=repr)


every_safe = pytest.mark.parametrize("cv", SAFE, ids=repr)
every = pytest.mark.parametrize("cv", ALL, ids=repr)
every_table = pytest.mark.parametrize(("seed", "windows"), [(0, False), (1, True), (2, True)])


def make_table(seed, windows=False):
    """Return shuffled metadata of an unbalanced experiment, and labels."""
    rng = np.random.default_rng(seed)
    rows = []
    for subject in rng.permutation(20)[: rng.integers(3, 7)]:
        for session in rng.permutation(5)[: rng.integers(2, 4)]:
            n_trials = rng.integers(10, 15)
            stimulus = rng.permutation(15)[:n_trials]
            label = rng.permutation(np.arange(n_trials) % 2)
            rows += [(subject, session, *pair) for pair in zip(stimulus, label, strict=True)]
    table = pd.DataFrame(rows, columns=["subject", "session", "stimulus", "label"])
    table.insert(2, "trial", np.arange(len(table)))
    if seed % 2:
        for column in ("subject", "session", "stimulus"):
            table[column] = [f"{column[:2]}-{value}" for value in table[column]]
    if windows:
        table = table.loc[table.index.repeat(rng.integers(1, 4, size=len(table)))]
    table = table.sample(frac=1, random_state=seed)
    return table.drop(columns="label"), table["label"].to_numpy()


def make_windows(n_trials=12, n_windows=6):
    metadata = pd.DataFrame({"subject": 0, "trial": np.repeat(np.arange(n_trials), n_windows)})
    return metadata, np.repeat(np.arange(n_trials) % 2, n_windows)


def split(cv, metadata, y=None):
    with warnings.catch_warnings(action="ignore", category=LeakageWarning):
        return list(cv.split(np.zeros(len(metadata)), y, metadata))


def split_metadata(cv, seed, windows):
    """Yield the metadata of training and test set of each fold."""
    metadata, y = make_table(seed, windows)
    for train, test in split(cv, metadata, y):
        yield metadata.iloc[train], metadata.iloc[test]


def assert_same_folds(got, expected):
    for fold, expected_fold in zip(got, expected, strict=True):
        np.testing.assert_array_equal(fold[0], expected_fold[0])
        np.testing.assert_array_equal(fold[1], expected_fold[1])


# Held-out data of each protocol


@only((CrossSubjectSplit, CrossStimulusSplit))
@every_table
def test_groups_are_in_one_set_and_all_other_rows_are_training_data(cv, seed, windows):
    column = cv.protocol.removeprefix("cross_")
    for train, test in split_metadata(cv, seed, windows):
        assert set(train[column]).isdisjoint(test[column])
        assert len(train) + len(test) == len(make_table(seed, windows)[0])


@only((WithinSubjectSplit, CrossSessionSplit))
@every_table
def test_training_and_test_set_are_all_rows_of_one_subject(cv, seed, windows):
    metadata, y = make_table(seed, windows)
    for train, test in split(cv, metadata, y):
        (subject,) = set(metadata["subject"].iloc[[*train, *test]])
        assert len(train) + len(test) == (metadata["subject"] == subject).sum()


@only(FirstTrialsSplit)
@every_table
def test_the_training_set_is_the_first_trials_of_the_session(cv, seed, windows):
    metadata, y = make_table(seed, windows)
    rank = metadata.groupby(["subject", "session"])["trial"].rank("dense").to_numpy()
    folds = split(cv, metadata, y)
    for train, test in folds:
        both = metadata.iloc[[*train, *test]]
        assert len(both[["subject", "session"]].drop_duplicates()) == 1
        assert set(rank[train]) == set(range(1, cv.n_train + 1))
    tested = np.concatenate([test for _, test in folds])
    assert sorted(tested) == np.flatnonzero(rank > cv.n_train).tolist()


@pytest.mark.parametrize(
    "cv",
    [
        WithinSubjectSplit(GroupKFold(3), inner_groups="stimulus"),
        WithinSubjectSplit(CrossStimulusSplit(2)),
    ],
)
def test_stimuli_can_be_held_out_within_a_subject(cv):
    for train, test in split_metadata(cv, seed=1, windows=True):
        assert set(train["stimulus"]).isdisjoint(test["stimulus"])


# Properties of all splitters


@every_safe
@every_table
def test_windows_of_one_trial_stay_in_one_set(cv, seed, windows):
    for train, test in split_metadata(cv, seed, windows):
        assert set(train["trial"]).isdisjoint(test["trial"])


@pytest.mark.parametrize(
    "cv", [cv for cv in [*SAFE, ALL[-1]] if not isinstance(cv, FirstTrialsSplit)], ids=repr
)
@pytest.mark.parametrize("seed", range(3))
def test_every_row_is_tested_once(cv, seed):
    metadata, y = make_table(seed, windows=True)
    tested = np.concatenate([test for _, test in split(cv, metadata, y)])
    assert sorted(tested) == list(range(len(metadata)))


@every_safe
@every_table
def test_folds_are_counted_and_have_two_ascending_sets(cv, seed, windows):
    metadata, y = make_table(seed, windows)
    folds = split(cv, metadata, y)
    assert cv.get_n_splits(np.zeros(len(y)), y, metadata) == len(folds)
    assert cv.get_n_splits(groups=metadata) == len(folds)
    for rows in (rows for fold in folds for rows in fold):
        assert len(rows)
        assert np.all(np.diff(rows) > 0)


@pytest.mark.parametrize("cv", [cv for cv in SAFE if getattr(cv, "inner", None) is None], ids=repr)
def test_folds_are_independent_of_the_order_of_rows(cv):
    metadata, y = make_table(seed=3)
    order = np.random.default_rng(0).permutation(len(y))
    shuffled = metadata.iloc[order]
    trials = [set(metadata["trial"].iloc[test]) for _, test in split(cv, metadata, y)]
    expected = [set(shuffled["trial"].iloc[test]) for _, test in split(cv, shuffled, y[order])]
    assert trials == expected


@pytest.mark.parametrize(
    ("cv", "columns"),
    [
        (CrossSubjectSplit(), ["subject"]),
        (CrossStimulusSplit(), ["stimulus"]),
        (CrossSessionSplit(), ["subject", "session"]),
        (WithinSubjectSplit(CrossSessionSplit()), ["subject", "session"]),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_folds_are_the_groups_in_sorted_order(cv, columns, seed):
    metadata, _ = make_table(seed)
    groups = metadata[columns].apply(tuple, axis=1)
    held_out = [set(groups.loc[test.index]) for _, test in split_metadata(cv, seed, False)]
    assert held_out == [{group} for group in sorted(set(groups))]


@pytest.mark.parametrize(
    "as_groups",
    [list, np.array, pd.Series, lambda subject: subject.astype("category")],
    ids=["list", "array", "series", "category"],
)
def test_groups_may_be_one_column(as_groups):
    metadata, y = make_table(seed=1)
    groups = as_groups(metadata["subject"])
    for cv in (CrossSubjectSplit(), CrossSubjectSplit(2)):
        assert_same_folds(split(cv, groups), split(cv, metadata))
    assert len(split(WithinSubjectSplit(2), groups, y)) == 2 * metadata["subject"].nunique()
    metadata, y = make_windows()
    cv = RandomWindowsKFold(3, random_state=0)
    assert_same_folds(split(cv, as_groups(metadata["trial"]), y), split(cv, metadata, y))


@every
def test_x_may_be_none_and_groups_may_be_a_dict_of_columns(cv):
    metadata, y = make_table(seed=1, windows=True)
    columns = {name: metadata[name].to_numpy() for name in metadata}
    with warnings.catch_warnings(action="ignore", category=LeakageWarning):
        assert_same_folds(cv.split(None, y, columns), split(cv, metadata, y))


def test_groups_may_have_values_of_several_types():
    folds = CrossSubjectSplit().split(None, groups=["a", 3, "3", "a"])
    assert [test.tolist() for _, test in folds] == [[1, 2], [0, 3]]
    metadata = pd.DataFrame({"subject": [1, "1"] * 4, "session": 0, "trial": [0, "0", 1, "1"] * 2})
    for cv in (WithinSubjectSplit(KFold(2)), FirstTrialsSplit(1)):
        assert split(cv, metadata)[-1][1].tolist() == [2, 3, 6, 7]


# Within subjects


def test_default_folds_are_consecutive_trials_of_each_class():
    metadata = pd.DataFrame({"subject": 1, "trial": range(20)})
    y = np.tile([0, 1], 10)
    tests = [test.tolist() for _, test in split(WithinSubjectSplit(), metadata, y)]
    assert tests == [[4 * fold + i for i in range(4)] for fold in range(5)]


def test_trials_are_ordered_by_session_and_trial():
    session, trial = [2, 2, 1, 1, 2, 1, 2, 1], [6, 4, 1, 0, 7, 3, 5, 2]
    metadata = pd.DataFrame({"subject": 1, "session": session, "trial": trial})
    (_, first), (_, second) = split(WithinSubjectSplit(2), metadata, metadata["trial"] % 2)
    assert set(metadata["trial"].iloc[first]) == {0, 1, 2, 3}
    assert set(metadata["trial"].iloc[second]) == {4, 5, 6, 7}


@pytest.mark.parametrize("column", ["session", "run"])
def test_trial_numbers_may_restart_with_each_session_or_run(column):
    metadata = pd.DataFrame({"subject": 1, column: [0] * 4 + [1] * 4, "trial": [0, 1, 2, 3] * 2})
    folds = split(WithinSubjectSplit(2), metadata, [0, 1, 0, 1, 1, 0, 1, 0])
    assert [test.tolist() for _, test in folds] == [[0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize(
    ("cv", "columns", "match"),
    [
        (WithinSubjectSplit(2), {"y": [*"abba"]}, "label, got a and b"),
        (WithinSubjectSplit(KFold(2)), {"y": [*"abba"]}, "label, got a and b"),
        (RandomWindowsKFold(2), {"y": [*"abba"]}, "label, got a and b"),
        (FirstTrialsSplit(1), {"y": [*"abba"]}, "label, got a and b"),
        (CrossStimulusSplit(2), {"stimulus": [5, 6, 7, 6]}, "stimulus, got 5"),
        (WithinSubjectSplit(CrossStimulusSplit(2)), {"stimulus": [5, 6, 7, 6]}, "stimulus, got 5"),
        (WithinSubjectSplit(GroupKFold(2), inner_groups="film"), {"film": [5, 6, 7, 6]}, "film, g"),
        (WithinSubjectSplit(2), {"recording": [1, 2, 3, 2]}, "recording, got 1 and 3"),
    ],
)
def test_rows_of_one_trial_that_contradict_each_other_raise(cv, columns, match):
    columns = {"y": [0, 1, 0, 1], "subject": 3, "session": 4, "trial": [0, 1, 0, 1], **columns}
    metadata = pd.DataFrame(columns).loc[np.repeat(range(4), 2)]
    y = metadata.pop("y").to_numpy()
    match = rf"same {match}.* in subject 3, session 4, trial 0\. .* column 'session' or 'run'"
    with pytest.raises(ValueError, match=match):
        split(cv, metadata, y)
    assert split(cv, metadata.assign(run=np.repeat([0, 1], 4)), y)


def test_an_inner_splitter_may_test_trials_several_times():
    metadata, y = make_table(seed=0)
    cv = WithinSubjectSplit(RepeatedStratifiedKFold(n_splits=2, n_repeats=3, random_state=0))
    folds = split(cv, metadata, y)
    np.testing.assert_array_equal(np.bincount(np.concatenate([test for _, test in folds])), 3)
    assert len(folds) == cv.get_n_splits(groups=metadata) == 6 * metadata["subject"].nunique()


def test_random_windows_within_subjects_split_windows_and_warn():
    metadata, y = make_table(seed=0, windows=True)
    cv = WithinSubjectSplit(RandomWindowsKFold(3, random_state=0))
    with pytest.warns(LeakageWarning):
        list(cv.split(None, y, metadata))
    for train, test in split(cv, metadata, y):
        trial = metadata["trial"]
        assert not set(trial.iloc[train]).isdisjoint(trial.iloc[test])
    assert cv.protocol == "random_windows"
    assert WithinSubjectSplit(5).protocol == WithinSubjectSplit.protocol == "within_subject"


def test_subjects_with_too_few_trials_of_a_class_are_named():
    metadata = pd.DataFrame({"subject": ["a"] * 10 + ["b"] * 8 + ["c"] * 6, "trial": range(24)})
    y = np.array([0, 1] * 5 + [0] * 3 + [1] * 5 + [1] * 6)
    match = (
        r"Too few: subject b \(3 of class 0\); subject c \(all 6 .*, such as WithinSubjectSplit\(3"
    )
    with pytest.raises(ValueError, match=match):
        split(WithinSubjectSplit(), metadata, y)
    y[10:13] = [0, 1, 1]
    with pytest.raises(ValueError, match=r"subject b \(1 of class 0\).*\. Exclude these subjects"):
        split(WithinSubjectSplit(), metadata, y)


def test_windows_do_not_count_as_trials_of_a_class():
    metadata, y = make_windows(n_trials=6, n_windows=10)
    with pytest.raises(ValueError, match=r"Too few: subject 0 \(3 of class 0\)"):
        split(WithinSubjectSplit(4), metadata, y)
    assert len(split(WithinSubjectSplit(3), metadata, y)) == 3


def test_errors_of_the_inner_splitter_name_the_subject():
    metadata = pd.DataFrame({"subject": [1, 1, 1, 2, 2, 2], "session": [0, 1, 1, 0, 0, 0]})
    with pytest.raises(ValueError, match="cannot split subject 2: CrossSessionSplit requires"):
        split(WithinSubjectSplit(CrossSessionSplit()), metadata)


def test_an_inner_splitter_receives_the_trials_of_one_subject_and_may_return_masks():
    metadata = pd.DataFrame({"subject": [1, 1, 1, 2, 2, 2], "trial": range(6)})
    inner = PredefinedSplit([0, 1, 0, 0, 0, 1])  # of all trials
    with pytest.raises(ValueError, match=r"cannot split subject 1: .* indices or masks of 3 rows"):
        split(WithinSubjectSplit(inner), metadata)

    class LastTrial:
        def split(self, X, y=None, groups=None):
            is_last = np.arange(len(X)) == len(X) - 1
            yield ~is_last, is_last

    folds = split(WithinSubjectSplit(LastTrial()), metadata)
    assert [(*train, *test) for train, test in folds] == [(0, 1, 2), (3, 4, 5)]


def test_group_splitters_of_scikit_learn_require_inner_groups():
    metadata, y = make_table(seed=0)
    with pytest.raises(ValueError, match=r"GroupKFold inside WithinSubjectSplit .*inner_groups="):
        split(WithinSubjectSplit(GroupKFold(2)), metadata, y)
    with pytest.raises(ValueError, match="WithinSubjectSplit requires groups=metadata with 'film'"):
        split(WithinSubjectSplit(GroupKFold(2), inner_groups="film"), metadata, y)


def test_inner_splitters_may_be_custom_classes():
    class Halves:
        def split(self, X, y=None, groups=None):
            yield np.flatnonzero(groups == "first"), np.flatnonzero(groups == "last")

    metadata = pd.DataFrame({"subject": [1, 1, 2, 2], "half": ["first", "last", "last", "first"]})
    cv = WithinSubjectSplit(Halves(), inner_groups="half")
    assert [test.tolist() for _, test in split(cv, metadata)] == [[1], [2]]


# Random windows


def test_random_windows_are_stratified():
    metadata, y = make_windows()
    folds = split(RandomWindowsKFold(4, random_state=0), metadata, y)
    assert len(folds) == RandomWindowsKFold(4).get_n_splits()
    for train, test in folds:
        assert set(train).isdisjoint(test)
        np.testing.assert_array_equal(np.bincount(y[test]), [9, 9])


def test_random_windows_warn_once_per_split_with_the_share_of_test_windows():
    metadata = pd.DataFrame({"trial": [*range(8), *range(8, 16), *range(8, 16)]})
    y = metadata["trial"] % 2
    with pytest.warns(LeakageWarning) as caught:
        folds = list(RandomWindowsKFold(3, random_state=0).split(None, y, metadata))
    (warning,) = caught
    trial = metadata["trial"]
    shared = np.concatenate([trial[test].isin(trial[train]) for train, test in folds])
    assert 0 < shared.mean() < 1
    assert f"in 3 of 3 folds, and for {100 * shared.mean():.0f} % of" in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize(
    ("metadata", "y"),
    [
        make_table(seed=0),
        (pd.DataFrame({"subject": [0, 0, 1, 1], "session": 0, "trial": [0, 1] * 2}), [0, 1] * 2),
    ],
)
def test_random_windows_require_windows_as_rows(metadata, y):
    with pytest.raises(ValueError, match=r"windows as rows, got one row per trial.*as_windows"):
        split(RandomWindowsKFold(2), metadata, y)


# Random state


SEEDED = [
    lambda seed: RandomWindowsKFold(3, random_state=seed),
    lambda seed: CrossSubjectSplit(2, shuffle=True, random_state=seed),
    lambda seed: CrossStimulusSplit(3, shuffle=True, random_state=seed),
]


@pytest.mark.parametrize("make", SEEDED)
def test_folds_depend_on_the_random_state_only(make):
    metadata, y = make_table(seed=2, windows=True)

    def get_tests(seed):
        return [test.tolist() for _, test in split(make(seed), metadata, y)]

    assert get_tests(0) == get_tests(0) == get_tests(np.random.RandomState(0))
    assert len({str(get_tests(seed)) for seed in range(10)}) > 1
    assert len({str(get_tests(None)) for _ in range(20)}) > 1


@pytest.mark.parametrize("cv", [*SAFE, *(make(None) for make in SEEDED)], ids=repr)
def test_the_global_random_state_is_unchanged(cv):
    metadata, y = make_table(seed=0, windows=True)
    before = np.random.get_state()
    split(cv, metadata, y)
    np.testing.assert_equal(np.random.get_state(), before)


# Errors


@every
def test_groups_are_required(cv):
    with pytest.raises(ValueError, match=r"requires groups=metadata with .* got None"):
        next(cv.split(np.zeros(4), [0, 1, 0, 1]))


@pytest.mark.parametrize(
    ("cv", "column"),
    [
        (WithinSubjectSplit(), "subject"),
        (CrossSubjectSplit(2), "subject"),
        (CrossSessionSplit(), "session"),
        (CrossStimulusSplit(), "stimulus"),
        (FirstTrialsSplit(), "trial"),
        (RandomWindowsKFold(), "trial"),
    ],
    ids=repr,
)
def test_missing_columns_and_missing_values_are_named(cv, column):
    metadata, y = make_table(seed=1, windows=True)
    name = type(cv).__name__
    with pytest.raises(ValueError, match=f"{name} requires groups=metadata with .*'{column}'"):
        split(cv, metadata.drop(columns=column), y)
    incomplete = metadata.assign(**{column: metadata[column].where(np.arange(len(y)) != 5)})
    with pytest.raises(ValueError, match=f"{name} requires '{column}' of every sample"):
        split(cv, incomplete, y)


def test_within_subjects_trial_must_be_complete_and_session_need_not():
    metadata = pd.DataFrame({"subject": 1, "trial": [0, 1, None, 3]})
    with pytest.raises(ValueError, match="WithinSubjectSplit requires 'trial' of every sample"):
        split(WithinSubjectSplit(2), metadata, [0, 1, 0, 1])
    metadata = pd.DataFrame({"subject": 1, "session": None, "trial": range(4)})
    assert len(split(WithinSubjectSplit(2), metadata, [0, 1, 0, 1])) == 2


@every
def test_lengths_must_match(cv):
    metadata, y = make_table(seed=0, windows=True)
    with pytest.raises(ValueError, match="requires one row of groups per sample"):
        next(cv.split(np.zeros(len(y) - 1), y[1:], metadata))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        next(cv.split(np.zeros(len(y)), y[1:], metadata))


@pytest.mark.parametrize(
    ("cv", "groups", "match"),
    [
        (CrossSessionSplit(), pd.Series([1] * 4), "with 'subject' and 'session', got Series"),
        (CrossSubjectSplit(), np.zeros((4, 1)), r"with 'subject', got ndarray of shape \(4, 1\)"),
        (CrossSubjectSplit(), pd.DataFrame(index=range(4)), "'subject', got only no column"),
        (CrossSubjectSplit(), [1, None, 2, 2], "requires 'subject' of every sample"),
        (CrossSubjectSplit(), [1, pd.NA, 2, 2], "requires 'subject' of every sample"),
    ],
)
def test_other_groups_than_the_required_columns_raise(cv, groups, match):
    with pytest.raises(ValueError, match=match):
        split(cv, groups)


@pytest.mark.parametrize("cv", [CrossSubjectSplit(), WithinSubjectSplit(), CrossStimulusSplit()])
def test_a_column_of_a_different_name_is_rejected(cv):
    metadata, y = make_table(seed=0)
    with pytest.raises(ValueError, match=r"requires '.*', but groups is the column 'trial'"):
        split(cv, metadata["trial"], y)


@pytest.mark.parametrize("cv", [CrossSubjectSplit(), WithinSubjectSplit(2), FirstTrialsSplit()])
def test_samples_are_required(cv):
    metadata, y = make_table(seed=0)
    with pytest.raises(ValueError, match="requires at least 1 sample"):
        split(cv, metadata.iloc[:0], y[:0])


def test_too_few_groups_are_counted_and_named():
    metadata = pd.DataFrame({"subject": [4, 4, 9], "stimulus": ["a", "a", "a"]})
    match = r"CrossSubjectSplit\(n_splits=3\) requires at least 3 .*got 2 \(4, 9\)"
    with pytest.raises(ValueError, match=match):
        split(CrossSubjectSplit(3), metadata)
    match = r"CrossStimulusSplit\(\) requires at least 2 .*got 1 \(a\)"
    for method in (split, lambda cv, metadata: cv.get_n_splits(groups=metadata)):
        with pytest.raises(ValueError, match=match):
            method(CrossStimulusSplit(), metadata)


@pytest.mark.parametrize(
    ("subject", "session", "match"),
    [
        ([1, 1, 2, 3, 3, 4], [0, 1, 0, 2, 2, 5], r"got 1 of subjects 2, 3, 4\."),
        ([1, 1, 2], [0, 1, 0], r"got 1 of subject 2\."),
        (range(15), 0, "8, 9, 5 more"),
    ],
)
def test_subjects_with_one_session_are_named(subject, session, match):
    with pytest.raises(ValueError, match=match):
        split(CrossSessionSplit(), pd.DataFrame({"subject": subject, "session": session}))


def test_sessions_with_too_few_trials_are_named():
    metadata = pd.DataFrame({"subject": 7, "session": [1] * 4 + [2] * 3, "trial": range(7)})
    assert len(split(FirstTrialsSplit(2), metadata)) == 2
    match = r"requires more than 3 .*Too few: subject 7, session 2 \(has 3\)\."
    with pytest.raises(ValueError, match=match):
        split(FirstTrialsSplit(3), metadata)
    windows = pd.DataFrame({"subject": 7, "session": 1, "trial": np.repeat([0, 1, 2], 10)})
    with pytest.raises(ValueError, match=r"session 1 \(has 3\)"):
        split(FirstTrialsSplit(3), windows)


def test_first_trials_require_trials_in_order():
    metadata = pd.DataFrame({"subject": 0, "session": 0, "trial": [f"t{i}" for i in range(12)]})
    with pytest.raises(ValueError, match="must be numbers or dates, got 't0'"):
        split(FirstTrialsSplit(), metadata)


@pytest.mark.parametrize("dtype", ["float", "object", "Int64", "datetime64[ns]"])
def test_first_trials_are_ordered_as_numbers(dtype):
    trial = pd.Series([10, 9, 100, 2]).astype(dtype)
    metadata = pd.DataFrame({"subject": 0, "session": 0, "trial": trial})
    ((train, test),) = split(FirstTrialsSplit(2), metadata)
    np.testing.assert_array_equal(train, [1, 3])
    np.testing.assert_array_equal(test, [0, 2])


def test_first_trials_are_ordered_by_run_where_trial_numbers_restart():
    metadata = pd.DataFrame({"subject": 0, "session": 0, "run": [2, 2, 1, 1], "trial": [0, 1] * 2})
    ((train, test),) = split(FirstTrialsSplit(3), metadata)
    assert (train.tolist(), test.tolist()) == ([0, 2, 3], [1])
    ((train, test),) = split(FirstTrialsSplit(3), metadata.assign(run=["r10", "r10", "r9", "r9"]))
    assert (train.tolist(), test.tolist()) == ([0, 2, 3], [1])
    with pytest.raises(ValueError, match="'run' must be numbers or dates, got 'b'"):
        split(FirstTrialsSplit(3), metadata.assign(run=list("bbaa")))
    ((train, _),) = split(FirstTrialsSplit(2), metadata.assign(trial=range(4), run=list("bbaa")))
    assert train.tolist() == [0, 1]


def test_runs_may_have_other_names_in_each_session():
    run = ["am 2", "am 2", "am 1", "am 1", "pm 1", "pm 1", "pm 2", "pm 2"]
    session = np.repeat([1, 2], 4)
    metadata = pd.DataFrame({"subject": 0, "session": session, "run": run, "trial": [0, 1] * 4})
    tests = [test.tolist() for _, test in split(FirstTrialsSplit(3), metadata)]
    assert tests == [[1], [7]]


@pytest.mark.parametrize("cv", [WithinSubjectSplit(), RandomWindowsKFold()])
def test_stratified_splits_require_labels(cv):
    metadata, y = make_windows()
    with pytest.raises(ValueError, match=r"stratifies and requires y of classes, got continuous"):
        split(cv, metadata, y + 0.5)
    with pytest.raises(ValueError, match=r"stratifies and requires y, got None\."):
        split(cv, metadata)
    with pytest.raises(ValueError, match="requires y, got 36 missing labels"):
        split(cv, metadata, np.where(y, 1, np.nan))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: CrossSubjectSplit(1), "n_splits must be an integer of at least 2, got 1"),
        (lambda: RandomWindowsKFold(2.0), "n_splits must be an integer of at least 2, got 2.0"),
        (lambda: WithinSubjectSplit(StratifiedKFold), "inner must be a splitter"),
        (lambda: WithinSubjectSplit([([0], [1])]), "inner must be a splitter"),
        (lambda: WithinSubjectSplit(True), "inner must be an integer of at least 2, got True"),
        (lambda: CrossSubjectSplit(calibration_trials=-1), "calibration_trials must be an integer"),
        (
            lambda: CrossSubjectSplit(calibration_trials=3, max_calibration_trials=2),
            "max_calibration_trials must be an integer of at least 3, got 2",
        ),
        (lambda: PriorShiftSplit(KFold()), r"cv must be a splitter of this package, got KFold"),
        (
            lambda: PriorShiftSplit(CrossSubjectSplit(), 0),
            "share must be a number above 0 and at most 1, got 0",
        ),
        (lambda: FirstTrialsSplit(0), "n_train must be an integer of at least 1, got 0"),
        (lambda: CrossSubjectSplit(shuffle=True), "shuffle=True without n_splits has no effect"),
        (lambda: CrossStimulusSplit(3, random_state=0), "random_state has no effect without"),
        (lambda: WithinSubjectSplit(inner_groups="stimulus"), "inner_groups='stimulus' has no"),
        (lambda: WithinSubjectSplit(3, inner_groups="stimulus"), "inner_groups='stimulus' has no"),
        (lambda: WithinSubjectSplit(KFold(3), inner_groups="stimulus"), "inner_groups='stimulus'"),
    ],
)
def test_parameters_are_validated(make, match):
    with pytest.raises(ValueError, match=match):
        make()


# Calibration trials


def test_first_trials_of_each_class_of_the_test_subject_join_the_training_set():
    metadata = pd.DataFrame({"subject": [1] * 6 + [2] * 5, "trial": [5, 4, 3, 2, 1, 0, *range(5)]})
    y = np.array([*"abbaab", *"aabba"])
    cv = CrossSubjectSplit(calibration_trials=1)
    (train, test), (other_train, other_test) = split(cv, metadata, y)
    assert (train.tolist(), test.tolist()) == ([4, 5, *range(6, 11)], [0, 1, 2, 3])
    assert (other_train.tolist(), other_test.tolist()) == ([*range(6), 6, 8], [7, 9, 10])


@pytest.mark.parametrize("params", [{}, {"n_splits": 2}], ids=str)
@every_table
def test_test_trials_are_the_same_for_every_number_of_calibration_trials(params, seed, windows):
    metadata, y = make_table(seed, windows)
    params = {**params, "max_calibration_trials": 3}
    folds = [
        split(CrossSubjectSplit(calibration_trials=k, **params), metadata, y) for k in range(4)
    ]
    for strict, *calibrated in zip(*folds, strict=True):
        subjects = set(metadata["subject"].iloc[strict[1]])
        assert subjects.isdisjoint(metadata["subject"].iloc[strict[0]])
        for k, (train, test) in enumerate(calibrated, 1):
            np.testing.assert_array_equal(test, strict[1])
            added = np.setdiff1d(train, strict[0])
            trials = metadata.assign(label=y).iloc[added].drop_duplicates("trial")
            assert set(trials.groupby(["subject", "label"]).size()) == {k}
            assert set(metadata["subject"].iloc[added]) == subjects
            assert set(metadata["trial"].iloc[train]).isdisjoint(metadata["trial"].iloc[test])


@every_table
def test_calibration_trials_are_earlier_than_all_test_trials_of_their_class(seed, windows):
    metadata, y = make_table(seed, windows)
    table = metadata.assign(label=y)
    for train, test in split(CrossSubjectSplit(calibration_trials=2), metadata, y):
        tested = table.iloc[test]
        own = table.iloc[train].merge(tested[["subject", "label"]].drop_duplicates())
        for label in (0, 1):
            first, later = (
                part[part["label"] == label].sort_values(["session", "trial"])
                for part in (own, tested)
            )
            last_of_first = tuple(first[["session", "trial"]].iloc[-1])
            assert last_of_first < tuple(later[["session", "trial"]].iloc[0])


def test_calibration_trials_are_the_first_rows_without_trial_numbers():
    subjects, y = np.repeat([1, 2], 4), np.array([0, 0, 1, 1, 1, 1, 0, 0])
    train, test = next(CrossSubjectSplit(calibration_trials=1).split(y, y, subjects))
    assert (train.tolist(), test.tolist()) == ([0, 2, 4, 5, 6, 7], [1, 3])


def test_subjects_with_too_few_trials_for_calibration_are_named():
    metadata = pd.DataFrame({"subject": ["s1", 2], "session": 1}).loc[[0] * 5 + [1] * 5]
    y = [0, 1, 0, 1, 0, 0, 0, 0, 1, 0]
    cv = CrossSubjectSplit(calibration_trials=1, max_calibration_trials=2)
    match = (
        r"more than 2 trials of each class of each subject. Too few: subject 2 \(has 1 of class 1"
    )
    with pytest.raises(ValueError, match=match):
        split(cv, metadata, y)
    match = r"subject 2 \(has 0 of class 1\)\.$"
    with pytest.raises(ValueError, match=match):
        split(CrossSubjectSplit(calibration_trials=1), metadata, [0, 1, 0, 1, 0, *[0] * 5])


def test_windows_are_not_counted_as_calibration_trials():
    metadata, y = make_windows(n_trials=4)
    metadata = pd.concat([metadata, metadata.assign(subject=1, trial=metadata["trial"] + 4)])
    with pytest.raises(ValueError, match=r"subject 0 \(has 2 of class 0\)"):
        split(CrossSubjectSplit(calibration_trials=2), metadata, np.tile(y, 2))


def test_calibration_requires_labels_and_trials_in_order():
    metadata, y = make_table(seed=0)
    cv = CrossSubjectSplit(calibration_trials=1)
    with pytest.raises(ValueError, match="requires the class of each trial, got missing values"):
        split(cv, metadata, np.where(np.arange(len(y)) == 3, np.nan, y))
    with pytest.raises(ValueError, match=r"CrossSubjectSplit\(calibration_trials=1\) requires y"):
        split(cv, metadata)
    with pytest.raises(ValueError, match="requires 'trial' of every sample, got missing values"):
        split(cv, metadata.assign(trial=metadata["trial"].where(metadata["trial"] > 0)), y)
    with pytest.raises(ValueError, match="CrossSubjectSplit takes the order of 'trial' as the"):
        split(cv, metadata.assign(trial=metadata["trial"].astype(str)), y)


@pytest.mark.parametrize("form", ["{}", "run-{}", "{}train"])
def test_calibration_trials_are_of_the_first_runs_although_these_are_text(form):
    runs = [form.format(run) for run in range(1, 13) for _ in (0, 1)]
    metadata = pd.DataFrame({"subject": [0] * 24 + [1] * 24, "run": runs * 2, "trial": range(48)})
    cv = CrossSubjectSplit(calibration_trials=3)
    (train, _), _ = split(cv, metadata, [0, 1] * 24)
    assert train.tolist() == [*range(6), *range(24, 48)]
    with pytest.raises(ValueError, match="'session' must be numbers or dates, got 'pre'"):
        split(cv, metadata.assign(session=["pre", "post"] * 24), [0, 1] * 24)


@pytest.mark.parametrize(
    ("n_trials", "expected"),
    [(0, ""), (1, "1 labelled trial per class"), (3, "3 labelled trials per class")],
)
def test_calibration_is_stated(n_trials, expected):
    cv = CrossSubjectSplit(calibration_trials=n_trials, max_calibration_trials=5)
    assert cv.adaptation == expected
    assert PriorShiftSplit(cv).adaptation == expected


# Prior shift


@pytest.mark.parametrize("inner", [CrossSubjectSplit(), CrossSubjectSplit(2)], ids=repr)
@pytest.mark.parametrize("share", [0.7, 0.9, 1.0])
@every_table
def test_one_class_prevails_in_each_test_subject(inner, share, seed, windows):
    metadata, y = make_table(seed, windows)
    cv = PriorShiftSplit(inner, share)
    prevailing = {}
    for fold, unchanged in zip(split(cv, metadata, y), split(inner, metadata, y), strict=True):
        np.testing.assert_array_equal(fold[0], unchanged[0])
        assert set(fold[1]) <= set(unchanged[1])
        trials = metadata.iloc[fold[1]].assign(label=y[fold[1]]).drop_duplicates()
        dropped = np.setdiff1d(unchanged[1], fold[1])
        assert not set(trials["trial"]) & set(metadata["trial"].iloc[dropped])  # whole trials
        counts = trials.groupby("subject")["label"].value_counts().unstack(fill_value=0)
        shares = counts.div(counts.sum(axis=1), axis=0)
        assert (shares.max(axis=1) >= share).all()
        # With one more trial of another class, the share would be too low
        assert (counts.max(axis=1) / (counts.sum(axis=1) + 1) < share).all()
        prevailing |= counts.idxmax(axis=1).to_dict()
    assert [prevailing[name] for name in sorted(prevailing)] == [
        i % 2 for i in range(len(prevailing))
    ]


def test_a_prior_shift_drops_the_last_trials_of_other_classes_in_time():
    metadata = pd.DataFrame({"subject": 0, "trial": [5, 4, 3, 2, 1, 0]})
    y = np.array([1, 0, 1, 0, 1, 0])
    metadata = pd.concat([metadata, metadata.assign(subject=1)], ignore_index=True)
    cv = PriorShiftSplit(CrossSubjectSplit(), share=0.75)
    (_, test), *_ = split(cv, metadata, np.tile(y, 2))
    assert metadata["trial"][test].tolist() == [4, 2, 1, 0]  # of class 1, the first


def test_a_prior_shift_requires_the_prevailing_class_of_each_subject():
    metadata, y = pd.DataFrame({"subject": np.repeat(["a", "b"], 4)}), np.tile([1, 1, 0, 1], 2)
    y[:4] = 1
    with pytest.raises(ValueError, match=r"requires trials of class 0 of subject a, got none"):
        list(PriorShiftSplit(CrossSubjectSplit()).split(np.zeros(8), y, metadata))
    labels = pd.Series(np.tile([1, 0], 4), index=range(8, 16))
    assert len(list(PriorShiftSplit(CrossSubjectSplit()).split(labels, labels, metadata))) == 2


def test_a_seed_of_the_inner_splitter_gives_each_subject_its_own_folds():
    metadata = pd.DataFrame({"subject": np.repeat([0, 1, 2], 20), "trial": np.tile(range(20), 3)})
    y = np.arange(60) % 2
    cv = WithinSubjectSplit(StratifiedKFold(5, shuffle=True, random_state=0))
    tests = [test for _, test in cv.split(np.zeros(60), y, metadata)]
    by_subject = [{tuple(test % 20) for test in tests[i : i + 5]} for i in (0, 5, 10)]
    assert len(set(map(frozenset, by_subject))) == 3
    again = [test for _, test in cv.split(np.zeros(60), y, metadata)]
    assert all(map(np.array_equal, tests, again))
    shuffled = np.random.default_rng(0).permutation(60)
    in_rows = cv.split(np.zeros(60), y[shuffled], metadata.iloc[shuffled])
    assert [set(shuffled[test]) for _, test in in_rows] == [set(test) for test in tests]
    alone = cv.split(np.zeros(20), y[:20], metadata[20:40])
    assert {tuple(test) for _, test in alone} == by_subject[1]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("run", [np.nan, 1, 1, 1], "requires 'run' of every sample, got missing values"),
        ("session", ["b", None, "b", "b"], "requires 'session' of every sample"),
        ("trial", [0, 1, np.nan, 3], "requires 'trial' of every sample"),
        ("session", ["20/01/2024"] * 2 + ["03/02/2024"] * 2, "'session' must be numbers or dates"),
        ("session", ["on 20.1.2024"] * 2 + ["on 3.2.2024"] * 2, "must be numbers or dates"),
    ],
)
def test_calibration_trials_require_an_order_in_time(column, values, message):
    metadata = pd.DataFrame({"subject": np.repeat([0, 1], 4), "trial": np.tile(range(4), 2)})
    metadata = metadata.assign(**{column: values * 2})
    cv = CrossSubjectSplit(calibration_trials=1)
    with pytest.raises(ValueError, match=message):
        list(cv.split(np.zeros(8), np.arange(8) % 2, metadata))


# scikit-learn


class Spy(ClassifierMixin, BaseEstimator):
    """Record the training and test subjects, the first column of X."""

    calls = []

    def __init__(self, size=1):
        self.size = size

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.train_ = set(X[:, 0])
        return self

    def predict(self, X):
        Spy.calls.append((self.train_, set(X[:, 0])))
        return np.full(len(X), self.classes_[0])


@pytest.fixture
def calls():
    Spy.calls.clear()
    return Spy.calls


@every
@pytest.mark.filterwarnings("ignore::skmamba.evaluation.LeakageWarning")
@pytest.mark.parametrize("routing", [False, True])
def test_cross_validate_and_grid_search_accept_the_metadata(cv, routing):
    metadata, y = make_table(seed=1, windows=True)
    X = np.zeros((len(y), 1))
    n_folds = cv.get_n_splits(X, y, metadata)
    with sklearn.config_context(enable_metadata_routing=routing):
        groups = {"params": {"groups": metadata}} if routing else {"groups": metadata}
        scores = cross_validate(DummyClassifier(), X, y, cv=cv, **groups, error_score="raise")
        search = GridSearchCV(DummyClassifier(), {"strategy": ["prior"]}, cv=cv)
        search.fit(X, y, groups=metadata)
    assert len(scores["test_score"]) == n_folds
    assert search.n_splits_ == n_folds


@pytest.mark.parametrize("inner", [CrossSubjectSplit(2), CrossSubjectSplit()], ids=repr)
def test_subjects_are_held_out_in_both_loops_of_a_nested_search(inner, calls):
    metadata, y = make_table(seed=0)
    X = metadata[["subject"]].to_numpy(float)
    n_subjects = metadata["subject"].nunique()
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(Spy(), {"size": [1, 2]}, cv=inner)
        params = {"groups": metadata}
        cross_validate(search, X, y, cv=CrossSubjectSplit(), params=params, error_score="raise")
    n_calls = 2 * (inner.n_splits or n_subjects - 1) + 1
    assert len(calls) == n_subjects * n_calls
    subjects = set(X[:, 0])
    for fold in range(n_subjects):
        (*inner_calls, (train, test)) = calls[fold * n_calls :][:n_calls]
        assert len(test) == 1
        assert train == subjects - test
        for inner_train, inner_test in inner_calls:
            assert inner_train.isdisjoint(inner_test)
            assert inner_train | inner_test == train


@every
@pytest.mark.parametrize(
    "duplicate",
    [
        lambda cv: pickle.loads(pickle.dumps(cv)),
        copy.deepcopy,
        lambda cv: clone(cv, safe=False),
        lambda cv: eval(repr(cv)),
    ],
    ids=["pickle", "deepcopy", "clone", "repr"],
)
def test_copies_give_the_same_folds(cv, duplicate):
    metadata, y = make_table(seed=1, windows=True)
    twin = duplicate(cv)
    assert repr(twin) == repr(cv)
    assert_same_folds(split(twin, metadata, y), split(cv, metadata, y))


def test_repr_shows_parameters_that_are_not_default():
    assert repr(CrossSubjectSplit()) == "CrossSubjectSplit()"
    cv = WithinSubjectSplit(FirstTrialsSplit(6))
    assert repr(cv) == "WithinSubjectSplit(inner=FirstTrialsSplit(n_train=6))"


@pytest.mark.parametrize(("name", "kind"), PROTOCOLS.items())
def test_protocols_are_found_by_name_and_splitters_returned_unchanged(name, kind):
    assert kind.protocol == name
    cv = kind()
    assert check_splitter(cv) is cv
    for spelling in (name, name.replace("_", "-"), name.upper(), name.replace("_", " ")):
        assert type(check_splitter(spelling)) is kind


@pytest.mark.parametrize(
    ("cv", "match"),
    [
        ("cross_subjet", r"cv must be one of .* got 'cross_subjet'\. Did you mean 'cross_subject'"),
        ("within", r"Did you mean 'within_subject'\?"),
        ("xyz", r"cv must be one of within_subject, cross_subject, .* got 'xyz'\.$"),
        (5, r"cv must be a protocol, got 5.*Use CrossSubjectSplit\(5\)"),
        (np.int64(1), r"Use CrossSubjectSplit\(2\)"),
        (None, "cv must be the name of a protocol .* got None"),
        (CrossSubjectSplit, r"Did you mean CrossSubjectSplit\(\)\?"),
        ([([0], [1])], "or a splitter, got"),
    ],
)
def test_invalid_protocols_are_rejected(cv, match):
    with pytest.raises(ValueError, match=match):
        check_splitter(cv)
