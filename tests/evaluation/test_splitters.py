"""Protocols: nobody and nothing held out is on both sides."""

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
    RepeatedStratifiedKFold,
    StratifiedKFold,
    cross_validate,
)

from skmamba.datasets import simulate_trials
from skmamba.evaluation._splitters import (
    PROTOCOLS,
    CrossSessionSplit,
    CrossStimulusSplit,
    CrossSubjectSplit,
    FirstTrialsSplit,
    LeakageWarning,
    RandomWindowsKFold,
    WithinSubjectSplit,
    check_splitter,
)

HONEST = [
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
TESTS_ALL_ONCE = [cv for cv in HONEST if not isinstance(cv, FirstTrialsSplit)]
TABLES = [(seed, windows) for seed in range(4) for windows in (False, True)]


def only(kind):
    return pytest.mark.parametrize("cv", [cv for cv in HONEST if isinstance(cv, kind)], ids=repr)


every_honest = pytest.mark.parametrize("cv", HONEST, ids=repr)
every_table = pytest.mark.parametrize(("seed", "windows"), TABLES)


def make_table(seed, windows=False):
    """Metadata of an uneven experiment in no order, and labels."""
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


def folds_of(cv, metadata, y=None):
    return list(cv.split(np.zeros(len(metadata)), y, metadata))


def sides(cv, seed, windows):
    """Metadata of training and test, fold by fold."""
    metadata, y = make_table(seed, windows)
    for train, test in folds_of(cv, metadata, y):
        yield metadata.iloc[train], metadata.iloc[test]


def silent_folds(cv, metadata, y):
    with warnings.catch_warnings(action="ignore", category=LeakageWarning):
        return folds_of(cv, metadata, y)


# What each protocol holds out


@only(CrossSubjectSplit)
@every_table
def test_no_subject_is_on_both_sides(cv, seed, windows):
    for train, test in sides(cv, seed, windows):
        assert set(train["subject"]).isdisjoint(test["subject"])


@only(CrossStimulusSplit)
@every_table
def test_no_stimulus_is_on_both_sides(cv, seed, windows):
    for train, test in sides(cv, seed, windows):
        assert set(train["stimulus"]).isdisjoint(test["stimulus"])


@only((CrossSubjectSplit, CrossStimulusSplit))
@every_table
def test_whoever_is_not_held_out_is_trained_on(cv, seed, windows):
    metadata, y = make_table(seed, windows)
    for train, test in folds_of(cv, metadata, y):
        assert len(train) + len(test) == len(metadata)


@only((WithinSubjectSplit, CrossSessionSplit))
@every_table
def test_both_sides_are_all_that_there_is_of_one_subject(cv, seed, windows):
    metadata, y = make_table(seed, windows)
    for train, test in folds_of(cv, metadata, y):
        (subject,) = set(metadata["subject"].iloc[[*train, *test]])
        assert len(train) + len(test) == (metadata["subject"] == subject).sum()


@pytest.mark.parametrize("cv", [CrossSessionSplit(), WithinSubjectSplit(CrossSessionSplit())])
@every_table
def test_the_test_is_one_session_and_training_the_others(cv, seed, windows):
    for train, test in sides(cv, seed, windows):
        (session,) = set(test["session"])
        assert session not in set(train["session"])


@only(FirstTrialsSplit)
@every_table
def test_training_is_the_first_trials_of_the_same_session(cv, seed, windows):
    for train, test in sides(cv, seed, windows):
        assert len(pd.concat([train, test])[["subject", "session"]].drop_duplicates()) == 1
        assert train["trial"].nunique() == cv.n_train
        assert train["trial"].max() < test["trial"].min()


def test_new_stimuli_within_a_subject_are_new_to_the_subject():
    for cv in (
        WithinSubjectSplit(GroupKFold(3), inner_groups="stimulus"),
        WithinSubjectSplit(CrossStimulusSplit(2)),
    ):
        for train, test in sides(cv, seed=1, windows=True):
            assert set(train["stimulus"]).isdisjoint(test["stimulus"])


# What all of them promise


@every_honest
@every_table
def test_windows_of_one_trial_stay_together(cv, seed, windows):
    for train, test in sides(cv, seed, windows):
        assert set(train["trial"]).isdisjoint(test["trial"])


@pytest.mark.parametrize("cv", TESTS_ALL_ONCE, ids=repr)
@every_table
def test_every_row_is_tested_once(cv, seed, windows):
    metadata, y = make_table(seed, windows)
    tested = np.concatenate([test for _, test in folds_of(cv, metadata, y)])
    assert sorted(tested) == list(range(len(metadata)))


@only(FirstTrialsSplit)
@every_table
def test_later_trials_are_tested_once_and_first_ones_never(cv, seed, windows):
    metadata, y = make_table(seed, windows)
    rank = metadata.groupby(["subject", "session"])["trial"].rank("dense").to_numpy()
    tested = np.concatenate([test for _, test in folds_of(cv, metadata, y)])
    assert sorted(tested) == np.flatnonzero(rank > cv.n_train).tolist()


@every_honest
@every_table
def test_there_are_as_many_folds_as_told_each_with_two_sides(cv, seed, windows):
    metadata, y = make_table(seed, windows)
    folds = folds_of(cv, metadata, y)
    assert cv.get_n_splits(np.zeros(len(y)), y, metadata) == len(folds)
    assert cv.get_n_splits(groups=metadata) == len(folds)
    for train, test in folds:
        assert len(train)
        assert len(test)
        assert np.all(np.diff(train) > 0)
        assert np.all(np.diff(test) > 0)


@pytest.mark.parametrize(
    ("cv", "columns"),
    [
        (WithinSubjectSplit(2), ["subject"]),
        (CrossSubjectSplit(), ["subject"]),
        (CrossSessionSplit(), ["subject", "session"]),
        (CrossStimulusSplit(), ["stimulus"]),
        (FirstTrialsSplit(), ["subject", "session"]),
    ],
    ids=repr,
)
def test_there_is_a_fold_for_each_of_the_held_out(cv, columns):
    metadata, _ = make_table(seed=2)
    n_groups = len(metadata[columns].drop_duplicates())
    n_inner = 2 if isinstance(cv, WithinSubjectSplit) else 1
    assert cv.get_n_splits(groups=metadata) == n_groups * n_inner


@pytest.mark.parametrize(
    "cv", [cv for cv in HONEST if not isinstance(cv, WithinSubjectSplit)], ids=repr
)
def test_the_order_of_rows_and_their_labels_do_not_matter(cv):
    metadata, _ = make_table(seed=3)
    again = metadata.sample(frac=1, random_state=9)
    folds = [set(metadata["trial"].iloc[test]) for _, test in folds_of(cv, metadata)]
    assert folds == [set(again["trial"].iloc[test]) for _, test in folds_of(cv, again)]


def test_the_order_of_rows_does_not_matter_within_subjects():
    metadata, y = make_table(seed=3)
    order = np.random.default_rng(0).permutation(len(y))
    again = metadata.iloc[order]
    folds = [set(metadata["trial"].iloc[test]) for _, test in folds_of(HONEST[0], metadata, y)]
    shuffled = folds_of(HONEST[0], again, y[order])
    assert folds == [set(again["trial"].iloc[test]) for _, test in shuffled]


@pytest.mark.parametrize("cv", [CrossSubjectSplit(), CrossStimulusSplit(), CrossSessionSplit()])
@pytest.mark.parametrize("seed", [0, 1])
def test_folds_come_in_sorted_order(cv, seed):
    columns = {"cross_subject": ["subject"], "cross_stimulus": ["stimulus"]}
    columns = columns.get(cv.protocol, ["subject", "session"])
    held_out = [tuple(test[columns].iloc[0]) for _, test in sides(cv, seed, windows=False)]
    assert held_out == sorted(held_out)


@pytest.mark.parametrize(
    "as_groups",
    [list, np.array, pd.Series, lambda subject: subject.astype("category")],
    ids=["list", "array", "series", "category"],
)
def test_one_column_will_do(as_groups):
    metadata, y = make_table(seed=1)
    groups = as_groups(metadata["subject"])
    for cv in (CrossSubjectSplit(), CrossSubjectSplit(2)):
        for got, expected in zip(folds_of(cv, groups), folds_of(cv, metadata), strict=True):
            np.testing.assert_array_equal(got[1], expected[1])
    assert len(folds_of(WithinSubjectSplit(2), groups, y)) == 2 * metadata["subject"].nunique()


@pytest.mark.parametrize("cv", HONEST, ids=repr)
def test_metadata_may_be_a_dict_of_columns(cv):
    metadata, y = make_table(seed=1, windows=True)
    columns = {name: metadata[name].to_numpy() for name in metadata}
    for got, expected in zip(cv.split(y, y, columns), cv.split(y, y, metadata), strict=True):
        np.testing.assert_array_equal(got[1], expected[1])


def test_ids_of_several_types_are_told_apart():
    (_, first), (_, second) = CrossSubjectSplit().split(None, groups=["a", 3, 3, "a"])
    np.testing.assert_array_equal(first, [1, 2])
    np.testing.assert_array_equal(second, [0, 3])


def test_x_is_not_looked_at():
    metadata, y = make_table(seed=0)
    for cv in HONEST:
        for got, expected in zip(
            cv.split(None, y, metadata), folds_of(cv, metadata, y), strict=True
        ):
            np.testing.assert_array_equal(got[0], expected[0])
            np.testing.assert_array_equal(got[1], expected[1])


# Within subjects


def test_default_folds_are_stretches_of_time_class_by_class():
    metadata = pd.DataFrame({"subject": 1, "trial": range(20)})
    y = np.tile([0, 1], 10)
    tests = [test.tolist() for _, test in folds_of(WithinSubjectSplit(), metadata, y)]
    assert tests == [[4 * fold + i for i in range(4)] for fold in range(5)]


def test_time_is_that_of_session_and_trial_and_not_of_rows():
    metadata = pd.DataFrame(
        {"subject": 1, "session": [2, 2, 1, 1, 2, 1, 2, 1], "trial": [6, 4, 1, 0, 7, 3, 5, 2]}
    )
    y = metadata["trial"] % 2
    (_, first), (_, second) = folds_of(WithinSubjectSplit(2), metadata, y)
    assert set(metadata["trial"].iloc[first]) == {0, 1, 2, 3}
    assert set(metadata["trial"].iloc[second]) == {4, 5, 6, 7}


def test_trials_whose_numbers_start_anew_each_session_are_different_trials():
    metadata = pd.DataFrame({"subject": 1, "session": [0] * 4 + [1] * 4, "trial": [0, 1, 2, 3] * 2})
    y = [0, 1, 0, 1, 0, 1, 0, 1]
    (_, first), (_, second) = folds_of(WithinSubjectSplit(2), metadata, y)
    np.testing.assert_array_equal(first, [0, 1, 2, 3])
    np.testing.assert_array_equal(second, [4, 5, 6, 7])


@every_table
def test_every_fold_has_its_share_of_each_class(seed, windows):
    metadata, y = make_table(seed, windows)
    trials = pd.Series(y, index=metadata["trial"]).groupby(level=0).first()
    n_folds = 5
    for _, test in folds_of(WithinSubjectSplit(n_folds), metadata, y):
        subject = metadata["subject"].iloc[test[0]]
        own = trials[metadata.loc[metadata["subject"] == subject, "trial"].unique()]
        in_test = trials[metadata["trial"].iloc[test].unique()]
        for label in (0, 1):
            assert abs((in_test == label).sum() - (own == label).sum() / n_folds) < 1


def test_a_number_is_that_many_stratified_folds():
    metadata, y = make_table(seed=2)
    for got, expected in zip(
        folds_of(WithinSubjectSplit(3), metadata, y),
        folds_of(WithinSubjectSplit(StratifiedKFold(3)), metadata, y),
        strict=True,
    ):
        np.testing.assert_array_equal(got[1], expected[1])


def test_an_inner_splitter_may_test_trials_more_than_once():
    metadata, y = make_table(seed=0)
    cv = WithinSubjectSplit(RepeatedStratifiedKFold(n_splits=2, n_repeats=3, random_state=0))
    folds = folds_of(cv, metadata, y)
    tested = np.bincount(np.concatenate([test for _, test in folds]))
    np.testing.assert_array_equal(tested, 3)
    assert len(folds) == cv.get_n_splits(groups=metadata) == 6 * metadata["subject"].nunique()


def test_random_windows_within_subjects_split_windows_and_warn():
    metadata, y = make_table(seed=0, windows=True)
    with pytest.warns(LeakageWarning):
        folds = folds_of(WithinSubjectSplit(RandomWindowsKFold(3, random_state=0)), metadata, y)
    shared = [
        not set(metadata["trial"].iloc[train]).isdisjoint(metadata["trial"].iloc[test])
        for train, test in folds
    ]
    assert all(shared)


def test_subjects_with_too_few_trials_of_a_class_are_named():
    metadata = pd.DataFrame({"subject": ["a"] * 10 + ["b"] * 8 + ["c"] * 6, "trial": range(24)})
    y = np.array([0, 1] * 5 + [0] * 3 + [1] * 5 + [1] * 6)
    with pytest.raises(
        ValueError,
        match=r"5 stratified folds .* Too few: subject b \(3 of class 0\); "
        r"subject c \(all 6 of class 1\)\. Use fewer folds",
    ):
        folds_of(WithinSubjectSplit(), metadata, y)


def test_windows_do_not_count_as_trials():
    metadata, y = make_windows(n_trials=6, n_windows=10)
    with pytest.raises(ValueError, match=r"Too few: subject 0 \(3 of class 0\)"):
        folds_of(WithinSubjectSplit(4), metadata, y)
    assert len(folds_of(WithinSubjectSplit(3), metadata, y)) == 3


def test_an_inner_error_names_the_subject():
    metadata = pd.DataFrame({"subject": [1, 1, 1, 2, 2, 2], "session": [0, 1, 1, 0, 0, 0]})
    with pytest.raises(ValueError, match="cannot split subject 2: CrossSessionSplit needs"):
        folds_of(WithinSubjectSplit(CrossSessionSplit()), metadata)
    with pytest.raises(ValueError, match=r"cannot split subject 1: .*continuous"):
        folds_of(WithinSubjectSplit(2), metadata, np.linspace(0.1, 0.9, 6))


def test_scikit_learns_splitters_by_group_need_a_column():
    metadata, y = make_table(seed=0)
    with pytest.raises(ValueError, match=r"GroupKFold inside WithinSubjectSplit .*inner_groups="):
        folds_of(WithinSubjectSplit(GroupKFold(2)), metadata, y)
    with pytest.raises(ValueError, match="WithinSubjectSplit needs groups=metadata with 'film'"):
        folds_of(WithinSubjectSplit(GroupKFold(2), inner_groups="film"), metadata, y)


@pytest.mark.parametrize("inner", [None, 3, KFold(3)])
def test_inner_groups_without_effect_are_an_error(inner):
    with pytest.raises(ValueError, match="inner_groups='stimulus' has no effect"):
        WithinSubjectSplit(inner, inner_groups="stimulus")


def test_splitters_that_scikit_learn_does_not_know_may_be_inside():
    class Halves:
        def split(self, X, y=None, groups=None):
            yield np.flatnonzero(groups == "first"), np.flatnonzero(groups == "last")

        def get_n_splits(self, X=None, y=None, groups=None):
            return 1

    metadata = pd.DataFrame({"subject": [1, 1, 2, 2], "half": ["first", "last", "last", "first"]})
    cv = WithinSubjectSplit(Halves(), inner_groups="half")
    assert [test.tolist() for _, test in folds_of(cv, metadata)] == [[1], [2]]


@pytest.mark.parametrize("inner", ["stratified", StratifiedKFold, [([0], [1])], 2.5])
def test_what_cannot_split_is_no_inner_splitter(inner):
    with pytest.raises(ValueError, match="inner must be a splitter"):
        WithinSubjectSplit(inner)


@pytest.mark.parametrize("inner", [1, 0, True])
def test_inner_needs_two_folds(inner):
    with pytest.raises(ValueError, match="inner must be a whole number of at least 2, got"):
        WithinSubjectSplit(inner)


# Random windows


def test_random_windows_within_subjects_do_not_go_by_the_name_of_within_subject():
    assert WithinSubjectSplit(RandomWindowsKFold()).protocol == "random_windows"
    assert WithinSubjectSplit(5).protocol == WithinSubjectSplit.protocol == "within_subject"


def test_random_windows_are_stratified_and_tested_once():
    metadata, y = make_windows()
    folds = silent_folds(RandomWindowsKFold(4, random_state=0), metadata, y)
    assert len(folds) == RandomWindowsKFold(4).get_n_splits()
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(y)))
    for train, test in folds:
        assert set(train).isdisjoint(test)
        np.testing.assert_array_equal(np.bincount(y[test]), [9, 9])


def test_random_windows_warn_once_with_the_share_that_leaks():
    metadata = pd.DataFrame({"trial": [*range(8), *range(8, 16), *range(8, 16)]})
    y = metadata["trial"] % 2
    with pytest.warns(LeakageWarning) as caught:
        folds = folds_of(RandomWindowsKFold(3, random_state=0), metadata, y)
    assert len(caught) == 1
    trial = metadata["trial"]
    shared = np.concatenate([trial[test].isin(trial[train]) for train, test in folds])
    assert 0 < shared.mean() < 1
    assert f"In 3 of 3 folds of RandomWindowsKFold, and for {100 * shared.mean():.0f} %" in str(
        caught[0].message
    )
    assert caught[0].filename == __file__
    assert "CrossSubjectSplit()" in str(caught[0].message)


def test_the_warning_can_be_an_error():
    metadata, y = make_windows()
    with (
        warnings.catch_warnings(action="error", category=LeakageWarning),
        pytest.raises(LeakageWarning, match="In 5 of 5 folds"),
    ):
        folds_of(RandomWindowsKFold(), metadata, y)


def test_trials_as_rows_are_no_random_windows():
    metadata, y = make_table(seed=0)
    with pytest.raises(ValueError, match=r"no trial is there twice.*Trials\.as_windows"):
        folds_of(RandomWindowsKFold(), metadata, y)


def test_trials_numbered_anew_for_each_subject_are_no_windows():
    metadata = pd.DataFrame({"subject": [0, 0, 1, 1], "session": 0, "trial": [0, 1, 0, 1]})
    with pytest.raises(ValueError, match="no trial is there twice"):
        folds_of(RandomWindowsKFold(2), metadata, [0, 1, 0, 1])


def test_an_array_of_trials_will_do_for_random_windows():
    metadata, y = make_windows()
    cv = RandomWindowsKFold(3, random_state=0)
    for groups in (metadata["trial"], metadata["trial"].tolist()):
        for got, expected in zip(
            silent_folds(cv, groups, y), silent_folds(cv, metadata, y), strict=True
        ):
            np.testing.assert_array_equal(got[1], expected[1])


# Seeds


SEEDED = [
    lambda seed: RandomWindowsKFold(3, random_state=seed),
    lambda seed: CrossSubjectSplit(2, shuffle=True, random_state=seed),
    lambda seed: CrossStimulusSplit(3, shuffle=True, random_state=seed),
]


@pytest.mark.parametrize("make", SEEDED)
def test_same_seed_same_folds(make):
    metadata, y = make_table(seed=2, windows=True)

    def tests(seed):
        folds = silent_folds(make(seed), metadata, y)
        return [test.tolist() for _, test in folds]

    assert tests(0) == tests(0) == tests(np.random.RandomState(0))
    assert len({str(tests(seed)) for seed in range(10)}) > 1
    assert len({str(tests(None)) for _ in range(20)}) > 1


@pytest.mark.parametrize("cv", [*HONEST, *(make(None) for make in SEEDED)], ids=repr)
def test_the_global_random_state_is_left_alone(cv):
    metadata, y = make_table(seed=0, windows=True)
    np.random.seed(7)
    expected = np.random.random(3)
    np.random.seed(7)
    silent_folds(cv, metadata, y)
    np.testing.assert_array_equal(np.random.random(3), expected)


# Errors


@pytest.mark.parametrize("cv", [*HONEST, RandomWindowsKFold()], ids=repr)
def test_no_groups_is_an_error(cv):
    with pytest.raises(ValueError, match=r"needs groups=metadata with .* but groups is None"):
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
def test_a_missing_column_and_a_missing_id_are_named(cv, column):
    metadata, y = make_table(seed=1, windows=True)
    name = type(cv).__name__
    with pytest.raises(ValueError, match=f"{name} needs groups=metadata with .*'{column}'.*only"):
        folds_of(cv, metadata.drop(columns=column), y)
    holes = metadata.assign(**{column: metadata[column].where(np.arange(len(y)) != 5)})
    with pytest.raises(ValueError, match=f"{name} needs '{column}' of every sample"):
        folds_of(cv, holes, y)


def test_a_missing_trial_is_an_error_within_subjects_too():
    metadata = pd.DataFrame({"subject": 1, "trial": [0, 1, None, 3]})
    with pytest.raises(ValueError, match="WithinSubjectSplit needs 'trial' of every sample"):
        folds_of(WithinSubjectSplit(2), metadata, [0, 1, 0, 1])


def test_a_data_set_without_sessions_is_no_error_within_subjects():
    metadata = pd.DataFrame({"subject": 1, "session": None, "trial": range(4)})
    assert len(folds_of(WithinSubjectSplit(2), metadata, [0, 1, 0, 1])) == 2


@pytest.mark.parametrize("cv", [*HONEST, RandomWindowsKFold()], ids=repr)
def test_a_table_of_another_length_is_an_error(cv):
    metadata, y = make_table(seed=0, windows=True)
    with pytest.raises(ValueError, match=f"one row of groups a sample: there are {len(y) - 1} "):
        next(cv.split(np.zeros(len(y) - 1), y[1:], metadata))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        next(cv.split(np.zeros(len(y)), y[1:], metadata))


@pytest.mark.parametrize("cv", [CrossSubjectSplit(), WithinSubjectSplit(), CrossStimulusSplit()])
def test_a_column_of_another_name_does_not_pass(cv):
    metadata, y = make_table(seed=0)
    with pytest.raises(ValueError, match=r"needs '.*', but groups is the column 'trial'\. Pass"):
        folds_of(cv, metadata["trial"], y)


@pytest.mark.parametrize("cv", [CrossSubjectSplit(), WithinSubjectSplit(2), FirstTrialsSplit()])
def test_no_samples_is_an_error(cv):
    metadata, y = make_table(seed=0)
    with pytest.raises(ValueError, match="needs samples to split"):
        folds_of(cv, metadata.iloc[:0], y[:0])


def test_too_few_to_hold_out_are_counted_and_named():
    two = pd.DataFrame({"subject": [4, 4, 9], "stimulus": ["a", "a", "a"]})
    with pytest.raises(
        ValueError, match=r"CrossSubjectSplit\(n_splits=3\) needs at least 3 .*got 2 \(4, 9\)"
    ):
        folds_of(CrossSubjectSplit(3), two)
    for give_up in (folds_of, lambda cv, metadata: cv.get_n_splits(groups=metadata)):
        with pytest.raises(
            ValueError, match=r"CrossStimulusSplit\(\) needs at least 2 .*got 1 \(a\)"
        ):
            give_up(CrossStimulusSplit(), two)


def test_subjects_with_one_session_are_named():
    metadata = pd.DataFrame({"subject": [1, 1, 2, 3, 3, 4], "session": [0, 1, 0, 2, 2, 5]})
    with pytest.raises(ValueError, match=r"only one of subjects 2, 3, 4\. Leave out"):
        folds_of(CrossSessionSplit(), metadata)
    with pytest.raises(ValueError, match=r"only one of subject 2\. Leave out"):
        folds_of(CrossSessionSplit(), metadata.iloc[:3])
    many = pd.DataFrame({"subject": range(15), "session": 0})
    with pytest.raises(ValueError, match="8, 9, 5 more"):
        folds_of(CrossSessionSplit(), many)


def test_sessions_with_too_few_trials_are_named():
    metadata = pd.DataFrame({"subject": 7, "session": [1] * 4 + [2] * 3, "trial": range(7)})
    assert len(folds_of(FirstTrialsSplit(2), metadata)) == 2
    with pytest.raises(
        ValueError, match=r"needs more than 3 .*Too few: subject 7, session 2 \(has 3\)\."
    ):
        folds_of(FirstTrialsSplit(3), metadata)


def test_windows_do_not_make_a_session_longer():
    metadata = pd.DataFrame({"subject": 7, "session": 1, "trial": np.repeat([0, 1, 2], 10)})
    with pytest.raises(ValueError, match=r"session 1 \(has 3\)"):
        folds_of(FirstTrialsSplit(3), metadata)


def test_trials_without_an_order_have_no_first_ones():
    metadata = pd.DataFrame({"subject": 0, "session": 0, "trial": [f"t{i}" for i in range(12)]})
    with pytest.raises(ValueError, match="must be numbers or dates, got 't0'"):
        folds_of(FirstTrialsSplit(), metadata)


@pytest.mark.parametrize("kind", ["float", "object", "Int64", "datetime64[ns]"])
def test_trials_are_ordered_as_numbers(kind):
    numbers = pd.Series([10, 9, 100, 2]).astype(kind)
    metadata = pd.DataFrame({"subject": 0, "session": 0, "trial": numbers})
    ((train, test),) = folds_of(FirstTrialsSplit(2), metadata)
    np.testing.assert_array_equal(train, [1, 3])
    np.testing.assert_array_equal(test, [0, 2])


@pytest.mark.parametrize("cv", [WithinSubjectSplit(), RandomWindowsKFold()])
def test_stratifying_needs_labels(cv):
    metadata, _ = make_windows()
    with pytest.raises(ValueError, match="stratifies and needs y"):
        folds_of(cv, metadata)


@pytest.mark.parametrize("make", [CrossSubjectSplit, CrossStimulusSplit, RandomWindowsKFold])
@pytest.mark.parametrize("n_splits", [1, 0, 2.0, "5", True])
def test_the_number_of_folds_is_checked(make, n_splits):
    with pytest.raises(ValueError, match="n_splits must be a whole number of at least 2, got"):
        make(n_splits)


@pytest.mark.parametrize("n_train", [0, 9.0, None])
def test_the_number_of_first_trials_is_checked(n_train):
    with pytest.raises(ValueError, match="n_train must be a whole number of at least 1, got"):
        FirstTrialsSplit(n_train)


def test_parameters_without_effect_are_errors():
    with pytest.raises(ValueError, match="shuffle=True without n_splits has no effect"):
        CrossSubjectSplit(shuffle=True)
    with pytest.raises(ValueError, match="random_state has no effect without shuffle=True"):
        CrossStimulusSplit(3, random_state=0)


# In scikit-learn


class Spy(ClassifierMixin, BaseEstimator):
    """Learns nothing, and tells whom it was trained and tested on: the first column of X."""

    seen = []

    def __init__(self, size=1):
        self.size = size

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.trained_on_ = set(X[:, 0])
        return self

    def predict(self, X):
        Spy.seen.append((self.trained_on_, set(X[:, 0])))
        return np.full(len(X), self.classes_[0])


@pytest.fixture
def spied():
    Spy.seen.clear()
    return Spy.seen


@pytest.mark.parametrize("cv", [*HONEST, RandomWindowsKFold(random_state=0)], ids=repr)
@pytest.mark.filterwarnings("ignore::skmamba.LeakageWarning")
@pytest.mark.parametrize("routing", [False, True])
def test_cross_validate_and_a_search_take_the_metadata(cv, routing):
    metadata, y = make_table(seed=1, windows=True)
    X = np.zeros((len(y), 1))
    n_folds = cv.get_n_splits(X, y, metadata)
    with sklearn.config_context(enable_metadata_routing=routing):
        how = {"params": {"groups": metadata}} if routing else {"groups": metadata}
        scores = cross_validate(DummyClassifier(), X, y, cv=cv, **how, error_score="raise")
        search = GridSearchCV(DummyClassifier(), {"strategy": ["prior"]}, cv=cv)
        search.fit(X, y, groups=metadata)
    assert len(scores["test_score"]) == n_folds
    assert search.n_splits_ == n_folds


@pytest.mark.parametrize("inner", [CrossSubjectSplit(2), CrossSubjectSplit()], ids=repr)
def test_no_subject_is_on_both_sides_of_any_fold_of_a_nested_search(inner, spied):
    metadata, y = make_table(seed=0)
    X = metadata[["subject"]].to_numpy(float)
    n_subjects = metadata["subject"].nunique()
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(Spy(), {"size": [1, 2]}, cv=inner)
        cross_validate(
            search,
            X,
            y,
            cv=CrossSubjectSplit(),
            params={"groups": metadata},
            error_score="raise",
        )
    n_inner = inner.n_splits or n_subjects - 1
    assert len(spied) == n_subjects * (2 * n_inner + 1)
    everybody = set(X[:, 0])
    for trained, tested in spied:
        assert trained.isdisjoint(tested)
    for fold in range(n_subjects):
        (*inside, outside) = spied[fold * (2 * n_inner + 1) :][: 2 * n_inner + 1]
        (held_out,) = outside[1]
        assert outside[0] == everybody - {held_out}
        for trained, tested in inside:
            assert trained | tested == everybody - {held_out}


def test_a_search_may_stay_within_subjects_of_training(spied):
    metadata, y = make_table(seed=0)
    X = metadata[["subject"]].to_numpy(float)
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(Spy(), {"size": [1]}, cv=WithinSubjectSplit(2))
        cross_validate(search, X, y, cv=CrossSubjectSplit(3), params={"groups": metadata})
    assert any(trained == tested for trained, tested in spied)
    assert all(len(trained) == 1 or trained.isdisjoint(tested) for trained, tested in spied)


def test_trials_of_this_package_are_split(trials):
    scores = cross_validate(
        DummyClassifier(), trials.X, trials.y, cv=CrossSubjectSplit(), groups=trials.metadata
    )
    assert len(scores["test_score"]) == 4


def test_groups_need_not_be_requested():
    for cv in (*HONEST, RandomWindowsKFold()):
        assert cv.get_metadata_routing().split.requests == {"groups": True}


@pytest.mark.parametrize("cv", [*HONEST, RandomWindowsKFold(7, random_state=3)], ids=repr)
@pytest.mark.parametrize(
    "duplicate",
    [
        lambda cv: pickle.loads(pickle.dumps(cv)),
        copy.copy,
        copy.deepcopy,
        lambda cv: clone(cv, safe=False),
    ],
    ids=["pickle", "copy", "deepcopy", "clone"],
)
def test_copies_split_alike(cv, duplicate):
    metadata, y = make_table(seed=1, windows=True)
    twin = duplicate(cv)
    assert twin is not cv
    assert repr(twin) == repr(cv)
    for got, expected in zip(
        silent_folds(twin, metadata, y), silent_folds(cv, metadata, y), strict=True
    ):
        np.testing.assert_array_equal(got[1], expected[1])


@pytest.mark.parametrize("cv", [*HONEST, RandomWindowsKFold(7, random_state=3)], ids=repr)
def test_repr_can_be_typed(cv):
    assert repr(eval(repr(cv))) == repr(cv)


def test_repr_shows_what_is_not_default():
    assert repr(CrossSubjectSplit()) == "CrossSubjectSplit()"
    assert repr(FirstTrialsSplit(6)) == "FirstTrialsSplit(n_train=6)"
    assert (
        repr(CrossStimulusSplit(3, shuffle=True, random_state=0))
        == "CrossStimulusSplit(n_splits=3, shuffle=True, random_state=0)"
    )
    assert (
        repr(WithinSubjectSplit(CrossSessionSplit()))
        == "WithinSubjectSplit(inner=CrossSessionSplit())"
    )


# Names


def test_every_protocol_goes_by_its_name():
    assert set(PROTOCOLS) == {
        "within_subject",
        "cross_subject",
        "cross_session",
        "cross_stimulus",
        "first_trials",
        "random_windows",
    }
    for name, kind in PROTOCOLS.items():
        assert kind.protocol == name
        for spelling in (name, name.replace("_", "-"), name.upper(), name.replace("_", " ")):
            assert type(check_splitter(spelling)) is kind


@pytest.mark.parametrize("cv", [CrossSubjectSplit(3), KFold(3)], ids=repr)
def test_a_splitter_stays_itself(cv):
    assert check_splitter(cv) is cv


@pytest.mark.parametrize(
    ("cv", "match"),
    [
        ("cross_subjet", r"cv='cross_subjet' is no protocol\. Did you mean 'cross_subject'\?"),
        ("within", r"Did you mean 'within_subject'\?"),
        ("xyz", r"cv='xyz' is no protocol\. There are within_subject, cross_subject, "),
        (5, r"cv=5 says nothing of who is held out: use CrossSubjectSplit\(5\)"),
        (np.int64(1), r"use CrossSubjectSplit\(2\)"),
        (None, "cv must be the name of a protocol .* got None"),
        (CrossSubjectSplit, r"Did you mean CrossSubjectSplit\(\)\?"),
        ([([0], [1])], "or a splitter, got"),
    ],
)
def test_what_is_no_protocol_is_told_what_is(cv, match):
    with pytest.raises(ValueError, match=match):
        check_splitter(cv)


def test_windows_of_trials_are_split_by_their_metadata():
    windows = simulate_trials(n_subjects=3, n_trials=4).as_windows(window_size_samples=128)
    for cv in (CrossSubjectSplit(), WithinSubjectSplit(2), FirstTrialsSplit(2)):
        for train, test in cv.split(windows.X, windows.y, windows.metadata):
            trial = windows.metadata["trial"]
            assert set(trial.iloc[train]).isdisjoint(trial.iloc[test])
