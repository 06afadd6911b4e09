"""EuclideanAlignment: one mean covariance for everybody, and no secret look at new people."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.linalg import inv, sqrtm
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneGroupOut,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import SlidingWindows, WindowVotingClassifier
from skmamba.datasets import simulate_trials
from skmamba.preprocessing import BandPower, EuclideanAlignment

ALL_MODES = ["source-only", "unlabelled", "calibration"]


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def halves(trials):
    """People 0 and 1 to fit on, people 2 and 3 to transform."""
    return trials.select(subject=[0, 1]), trials.select(subject=[2, 3])


def mix_people(n_subjects=6, n_trials=20, n_channels=4, n_times=400, seed=0):
    """Trials whose class is in the variance of two sources, mixed in everybody's own way."""
    rng = np.random.default_rng(seed)
    y = np.tile(np.arange(n_trials) % 2, n_subjects)
    scale = np.ones((len(y), n_channels, 1))
    scale[:, 0, 0], scale[:, 1, 0] = np.sqrt(0.7 + 0.6 * y), np.sqrt(1.3 - 0.6 * y)
    sources = scale * rng.normal(size=(len(y), n_channels, n_times))
    subject = np.repeat(np.arange(n_subjects), n_trials)
    square = rng.normal(size=(n_subjects, n_channels, n_channels))
    mixing = square @ square.swapaxes(1, 2) + 0.2 * np.eye(n_channels)
    return mixing[subject] @ sources, y, pd.DataFrame({"subject": subject})


def covariances(X):
    """Upper triangles of the covariance of each trial."""
    rows, columns = np.triu_indices(X.shape[1])
    return np.stack([np.cov(x)[rows, columns] for x in X])


def make_pipe(step):
    windowwise = make_pipeline(BandPower(sfreq=128), LinearDiscriminantAnalysis())
    return make_pipeline(
        step, SlidingWindows(window_size_samples=128), WindowVotingClassifier(windowwise)
    )


# What alignment does


def test_two_trials_by_hand():
    X = np.array([[[2.0, -2.0], [0.0, 0.0]], [[0.0, 0.0], [4.0, -4.0]]])  # variances 4 / 2, 16 / 2
    step = EuclideanAlignment().fit(X, groups=["a", "a"])
    assert step.references_.tolist() == [[[2.0, 0.0], [0.0, 8.0]]]
    aligned = step.transform(X, groups=["a", "a"])
    root = np.sqrt(2)
    np.testing.assert_allclose(aligned, [[[root, -root], [0, 0]], [[0, 0], [root, -root]]])


@pytest.mark.parametrize("mode", ALL_MODES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_covariance_of_every_training_subject_becomes_the_identity(trials, mode, dtype):
    X = trials.X.astype(dtype)
    aligned = EuclideanAlignment(mode).fit_transform(X, groups=trials.metadata)
    assert aligned.dtype == dtype
    for subject in range(4):
        own = aligned[trials.metadata["subject"] == subject]
        mean = np.mean([np.cov(x, ddof=0) for x in own], axis=0)
        np.testing.assert_allclose(mean, np.eye(4), atol=1e-5 if dtype == "float32" else 1e-10)


def test_alignment_is_the_inverse_root_of_the_mean_covariance_from_the_left(halves):
    old, new = halves
    step = EuclideanAlignment("unlabelled").fit(old.X, groups=old.metadata)
    aligned = step.transform(new.X.astype(float), groups=new.metadata)
    for subject in (2, 3):
        own = new.X[new.metadata["subject"] == subject].astype(float)
        whitener = inv(sqrtm(np.mean([np.cov(x, ddof=0) for x in own], axis=0)))
        expected = np.stack([whitener @ x for x in own])
        np.testing.assert_allclose(aligned[new.metadata["subject"] == subject], expected)


def test_offsets_of_the_amplifier_do_not_make_the_reference(trials):
    step = EuclideanAlignment().fit(trials.X, groups=trials.metadata)
    lifted = trials.X.astype(float) + 4000
    shifted = EuclideanAlignment().fit(lifted, groups=trials.metadata)
    np.testing.assert_allclose(shifted.references_, step.references_, rtol=1e-5)


def test_the_length_of_trials_does_not_change_the_scale(trials):
    step = EuclideanAlignment().fit(trials.X, groups=trials.metadata)
    whole = step.transform(trials.X, groups=trials.metadata)
    half = step.transform(trials.X[..., :128], groups=trials.metadata)
    np.testing.assert_allclose(half, whole[..., :128])
    doubled = EuclideanAlignment().fit(np.tile(trials.X, 2), groups=trials.metadata)
    np.testing.assert_allclose(doubled.references_, step.references_, rtol=1e-6)


def test_rows_of_people_may_be_mixed(trials):
    order = np.random.default_rng(0).permutation(len(trials))
    X, metadata = trials.X[order], trials.metadata.iloc[order]
    straight = EuclideanAlignment().fit_transform(trials.X, groups=trials.metadata)
    np.testing.assert_allclose(
        EuclideanAlignment().fit_transform(X, groups=metadata), straight[order], rtol=1e-5
    )


@pytest.mark.parametrize("form", [pd.Series, np.array, list])
def test_one_column_will_do_as_groups(trials, form):
    words = [f"s{subject}" for subject in trials.metadata["subject"]]
    aligned = EuclideanAlignment().fit_transform(trials.X, groups=form(words))
    np.testing.assert_array_equal(
        aligned, EuclideanAlignment().fit_transform(trials.X, groups=trials.metadata)
    )


def test_two_dimensions_are_trials_of_one_channel(trials):
    X = trials.X[:, 0].astype(float)
    aligned = EuclideanAlignment().fit_transform(X, groups=trials.metadata)
    assert aligned.shape == X.shape
    own = aligned[trials.metadata["subject"] == 1]
    assert own.var(axis=1).mean() == pytest.approx(1)


def test_epochs_are_aligned_in_microvolt(make_epochs):
    epochs = make_epochs(n_trials=4)
    step = EuclideanAlignment().fit(epochs, groups=[0, 0, 1, 1])
    array = epochs.get_data(units="uV")
    np.testing.assert_allclose(
        step.transform(epochs, groups=[0, 0, 1, 1]), step.transform(array, groups=[0, 0, 1, 1])
    )


# Channels without life of their own


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("flaw", ["constant", "copy", "average", "short", "silence"])
def test_directions_without_variance_stay_finite_and_small(trials, flaw, dtype):
    X = trials.X.astype(dtype)
    if flaw == "constant":
        X[:, 2] = 7
    elif flaw == "copy":
        X[:, 2] = X[:, 0]
    elif flaw == "average":
        X -= X.mean(axis=1, keepdims=True)
    elif flaw == "short":
        X = X[:, :, :2]
    else:
        X[:] = 0
    aligned = EuclideanAlignment().fit_transform(X, groups=trials.metadata)
    assert np.isfinite(aligned).all()
    assert aligned.dtype == dtype
    centred = aligned - aligned.mean(axis=-1, keepdims=True)
    assert np.abs(centred).max() < 100  # white noise of unit variance has a few


def test_a_channel_that_was_silent_in_training_gains_no_more_than_a_thousand(trials):
    silent = trials.X.astype(float)
    silent[:, 2] = 0
    step = EuclideanAlignment().fit(silent, groups=trials.metadata)
    largest = np.linalg.eigvalsh(step.reference_)[-1]
    aligned = step.transform(trials.X.astype(float), groups=["new"] * len(trials))
    gain = np.abs(aligned[:, 2]).max() / np.abs(trials.X[:, 2]).max()
    assert gain == pytest.approx(1000 / np.sqrt(largest), rel=1e-6)


# What is known of new people


def test_source_only_gives_new_people_the_mean_of_the_training_references(halves):
    old, new = halves
    step = EuclideanAlignment().fit(old.X, groups=old.metadata)
    per_subject = [
        np.mean([np.cov(x.astype(float), ddof=0) for x in old.X[old.metadata["subject"] == s]], 0)
        for s in (0, 1)
    ]
    whitener = inv(sqrtm(np.mean(per_subject, axis=0)))
    aligned = step.transform(new.X.astype(float), groups=new.metadata)
    np.testing.assert_allclose(aligned, whitener @ new.X.astype(float))


@pytest.mark.parametrize(
    ("mode", "looks"), [("source-only", False), ("unlabelled", True), ("calibration", True)]
)
def test_only_transductive_modes_look_at_other_test_rows(halves, mode, looks):
    old, new = halves
    step = EuclideanAlignment(mode, n_calibration=3).fit(old.X, groups=old.metadata)
    before = step.transform(new.X, groups=new.metadata)
    changed = new.X.copy()
    changed[:3] *= 10  # the first trials of subject 2
    after = step.transform(changed, groups=new.metadata)
    assert np.array_equal(before[5], after[5]) is not looks  # a later trial of subject 2
    np.testing.assert_array_equal(before[6:], after[6:])  # subject 3 is another person
    assert bool(step.transductive) is looks


def test_source_only_answers_row_by_row(halves):
    old, new = halves
    step = EuclideanAlignment().fit(old.X, groups=old.metadata)
    together = step.transform(new.X, groups=new.metadata)
    for row in range(len(new)):
        alone = step.transform(new.X[[row]], groups=new.metadata.iloc[[row]])
        np.testing.assert_array_equal(alone[0], together[row])


def test_calibration_uses_the_first_trials_and_no_others(halves):
    old, new = halves
    step = EuclideanAlignment("calibration", n_calibration=3).fit(old.X, groups=old.metadata)
    aligned = step.transform(new.X, groups=new.metadata)
    first = aligned[:3].astype(float)
    np.testing.assert_allclose(
        np.mean([np.cov(x, ddof=0) for x in first], axis=0), np.eye(4), atol=1e-5
    )
    changed = new.X.copy()
    changed[3:6] *= 10
    after = step.transform(changed, groups=new.metadata)
    np.testing.assert_array_equal(after[:3], aligned[:3])


def test_calibration_follows_the_trial_column_when_rows_are_mixed(halves):
    old, new = halves
    step = EuclideanAlignment("calibration", n_calibration=2).fit(old.X, groups=old.metadata)
    straight = step.transform(new.X, groups=new.metadata)
    backwards = step.transform(new.X[::-1], groups=new.metadata.iloc[::-1])
    np.testing.assert_allclose(backwards[::-1], straight, rtol=1e-5)
    by_row = step.transform(new.X[::-1], groups=new.metadata["subject"].iloc[::-1])
    assert not np.allclose(by_row[::-1], straight)


def test_calibration_counts_trials_where_rows_are_windows(halves):
    old, new = halves
    windows = new.as_windows(window_size_samples=64)
    step = EuclideanAlignment("calibration", n_calibration=2).fit(old.X, groups=old.metadata)
    aligned = step.transform(windows.X.astype(float), groups=windows.metadata)
    mean = np.mean([np.cov(x, ddof=0) for x in aligned[:8]], axis=0)  # 2 trials of 4 windows
    np.testing.assert_allclose(mean, np.eye(4), atol=1e-10)


@pytest.mark.parametrize("mode", ["source-only", "calibration"])
def test_people_seen_in_fit_keep_the_reference_of_their_training_trials(trials, mode):
    is_test = trials.metadata["trial"].to_numpy() % 2 == 1
    train, test = trials.select(~is_test), trials.select(is_test)
    step = EuclideanAlignment(mode).fit(train.X, groups=train.metadata)
    changed = test.X.copy()
    changed[1:] = 0
    before = step.transform(test.X, groups=test.metadata)[0]
    np.testing.assert_array_equal(step.transform(changed, groups=test.metadata)[0], before)
    whitener = inv(sqrtm(step.references_[0]))
    np.testing.assert_allclose(before, whitener @ test.X[0].astype(float), rtol=1e-4, atol=1e-5)


def test_unlabelled_people_get_a_new_reference_also_if_fit_saw_them(trials):
    step = EuclideanAlignment("unlabelled").fit(trials.X, groups=trials.metadata)
    later = step.transform(3 * trials.X.astype(float), groups=trials.metadata)
    own = later[trials.metadata["subject"] == 1]
    np.testing.assert_allclose(
        np.mean([np.cov(x, ddof=0) for x in own], axis=0), np.eye(4), atol=1e-10
    )


@pytest.mark.parametrize(
    ("step", "label"),
    [
        (EuclideanAlignment(), ""),
        (EuclideanAlignment("unlabelled"), "unlabelled"),
        (EuclideanAlignment("calibration"), "calibration=5"),
        (EuclideanAlignment("calibration", n_calibration=3), "calibration=3"),
    ],
)
def test_steps_say_what_of_the_test_people_they_use(step, label):
    assert step.transductive == label


def test_labels_are_not_looked_at(halves):
    old, _ = halves
    step = EuclideanAlignment("unlabelled")
    with_labels = step.fit(old.X, old.y, groups=old.metadata).references_
    np.testing.assert_array_equal(
        step.fit(old.X, old.y[::-1], groups=old.metadata).references_, with_labels
    )


# Groups that are not there


def test_fit_without_groups_takes_one_person_and_says_so(trials):
    step = EuclideanAlignment()
    with pytest.warns(UserWarning, match=r"no groups in fit and takes all 24 trials .*one person"):
        step.fit(trials.X)
    assert step.subjects_ == [None]
    one = EuclideanAlignment().fit(trials.X, groups=["me"] * 24)
    np.testing.assert_array_equal(one.references_, step.references_)


@pytest.mark.parametrize(
    "way", ["enable_metadata_routing=True", r"groups=metadata", r"params=\{'groups'", "evaluate"]
)
def test_the_warning_tells_how_to_pass_groups(trials, way):
    with pytest.warns(UserWarning, match=way):
        make_pipe(EuclideanAlignment()).fit(trials.X, trials.y)


def test_transform_without_groups_is_one_new_person(halves):
    old, new = halves
    one = new.select(subject=2)
    step = EuclideanAlignment("unlabelled").fit(old.X, groups=old.metadata)
    with pytest.warns(UserWarning, match=r"no groups in transform .* 6 trials .* one new person"):
        aligned = step.transform(one.X)
    np.testing.assert_array_equal(aligned, step.transform(one.X, groups=one.metadata))


def test_source_only_needs_no_groups_for_new_people(halves):
    old, new = halves
    step = EuclideanAlignment().fit(old.X, groups=old.metadata)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aligned = step.transform(new.X)
    np.testing.assert_array_equal(aligned, step.transform(new.X, groups=new.metadata))


def test_one_user_without_groups_keeps_the_own_reference(trials):
    me = trials.select(subject=0)
    step = EuclideanAlignment("calibration")
    with pytest.warns(UserWarning, match="no groups in fit"):
        step.fit(me.X[:3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aligned = step.transform(me.X[3:4])  # one trial is enough: there is nothing to calibrate
    whitener = inv(sqrtm(step.references_[0]))
    np.testing.assert_allclose(aligned[0], whitener @ me.X[3], rtol=1e-4, atol=1e-5)


# What is refused


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"mode": "online"}, "mode must be one of 'source-only', 'unlabelled', 'calibration', got"),
        ({"n_calibration": 0}, "n_calibration must be a whole number of at least 1, got 0"),
        ({"n_calibration": 2.0}, r"n_calibration must be a whole number .* got 2\.0"),
        ({"n_calibration": True}, "n_calibration must be a whole number .* got True"),
    ],
)
def test_fit_says_which_parameter_cannot_be(trials, params, match):
    with pytest.raises(ValueError, match=match):
        EuclideanAlignment(**params).fit(trials.X, groups=trials.metadata)


@pytest.mark.parametrize(
    ("groups", "match"),
    [
        ([0] * 5, "one row of groups a sample: there are 24 samples and 5 rows"),
        (pd.DataFrame({"session": [0] * 24}), "with 'subject', got only session"),
        (pd.DataFrame({"subject": [None] * 24}), "'subject' of every sample, but some are missing"),
    ],
)
def test_groups_that_do_not_fit_are_refused(trials, groups, match):
    with pytest.raises(ValueError, match=match):
        EuclideanAlignment().fit(trials.X, groups=groups)


def test_too_few_trials_to_calibrate_on_are_an_error(halves):
    old, new = halves
    step = EuclideanAlignment("calibration", n_calibration=7).fit(old.X, groups=old.metadata)
    with pytest.raises(ValueError, match=r"Subject 2 has 6 trials in X, and .* n_calibration=7"):
        step.transform(new.X, groups=new.metadata)


def test_another_number_of_channels_is_told_in_channels(trials):
    step = EuclideanAlignment().fit(trials.X, groups=trials.metadata)
    with pytest.raises(ValueError, match="X has 3 channels, but EuclideanAlignment was fitted on"):
        step.transform(trials.X[:, :3], groups=trials.metadata)


def test_windows_are_cut_later():
    with pytest.raises(ValueError, match="takes X of at most 3 dimensions, got 4"):
        EuclideanAlignment().fit(np.zeros((2, 2, 2, 4)), groups=[0, 1])


def test_fit_comes_before_transform(trials):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        EuclideanAlignment().transform(trials.X)


def test_a_failed_fit_leaves_the_step_as_it_was(trials):
    step = EuclideanAlignment().fit(trials.X, groups=trials.metadata)
    before = vars(step).copy()
    with pytest.raises(ValueError, match="one row of groups a sample"):
        step.fit(trials.X[:, :2], groups=[0])
    assert vars(step) == before


# Pipelines and cross-validation


def test_a_pipeline_hands_groups_on(trials, routing):
    pipe = make_pipe(EuclideanAlignment())
    pipe.fit(trials.X, trials.y, groups=trials.metadata)
    assert pipe[0].subjects_ == [0, 1, 2, 3]
    by_hand = EuclideanAlignment().fit(trials.X, groups=trials.metadata)
    expected = pipe[1:].predict_proba(by_hand.transform(trials.X, groups=trials.metadata))
    proba = pipe.predict_proba(trials.X, groups=trials.metadata)
    np.testing.assert_allclose(proba, expected)
    assert pipe.score(trials.X, trials.y, groups=trials.metadata) > 0.8
    again = pickle.loads(pickle.dumps(pipe))
    np.testing.assert_array_equal(again.predict_proba(trials.X, groups=trials.metadata), proba)


def test_cross_validation_hands_the_subjects_of_each_fold_on(trials, routing):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = cross_validate(
            make_pipe(EuclideanAlignment()),
            trials.X,
            trials.y,
            cv=LeaveOneGroupOut(),
            params={"groups": trials.metadata["subject"]},
            return_estimator=True,
            error_score="raise",
        )
    assert [pipe[0].subjects_ for pipe in done["estimator"]] == [
        [1, 2, 3],
        [0, 2, 3],
        [0, 1, 3],
        [0, 1, 2],
    ]


def test_unlabelled_people_of_one_fold_are_kept_apart_by_the_default_score(trials, routing):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cross_val_score(
            make_pipe(EuclideanAlignment("unlabelled")),
            trials.X,
            trials.y,
            cv=GroupKFold(2),
            params={"groups": trials.metadata["subject"]},
            error_score="raise",
        )


def test_scorers_by_name_pass_no_groups_and_the_step_notices(trials, routing):
    with pytest.warns(UserWarning, match="no groups in transform"):
        cross_val_score(
            make_pipe(EuclideanAlignment("unlabelled")),
            trials.X,
            trials.y,
            cv=GroupKFold(2),
            scoring="balanced_accuracy",
            params={"groups": trials.metadata["subject"]},
            error_score="raise",
        )


def test_the_mode_is_an_axis_of_a_grid_search(routing):
    trials = simulate_trials(n_subjects=4, n_trials=6, n_times=256, subject_spread=1.0)
    search = GridSearchCV(
        make_pipe(EuclideanAlignment()),
        {"euclideanalignment__mode": ["source-only", "unlabelled"]},
        cv=GroupKFold(2),
        error_score="raise",
    )
    search.fit(trials.X, trials.y, groups=trials.metadata["subject"])
    assert search.best_estimator_[0].subjects_ == [0, 1, 2, 3]
    answers = search.best_estimator_.predict(trials.X, groups=trials.metadata)
    assert (answers == trials.y).mean() > 0.8


def test_clones_keep_the_parameters():
    params = {"mode": "calibration", "n_calibration": 3}
    assert clone(EuclideanAlignment(**params)).get_params() == params


def test_a_pipeline_set_to_pandas_lets_the_step_be(trials):
    step = EuclideanAlignment().set_output(transform="pandas")
    assert isinstance(step.fit_transform(trials.X, groups=trials.metadata), np.ndarray)


# Why anybody would


def test_alignment_repairs_what_mixing_breaks_across_people(routing):
    X, y, metadata = mix_people()
    linear = [FunctionTransformer(covariances), LogisticRegression(max_iter=2000)]

    def score(*steps):
        return cross_val_score(
            make_pipeline(*steps, *linear),
            X,
            y,
            cv=LeaveOneGroupOut(),
            params={"groups": metadata["subject"]},
            error_score="raise",
        ).mean()

    with sklearn.config_context(enable_metadata_routing=False):
        mixed = cross_val_score(
            make_pipeline(*linear), X, y, cv=LeaveOneGroupOut(), groups=metadata["subject"]
        ).mean()
    assert mixed < 0.75
    assert score(EuclideanAlignment("unlabelled")) > 0.95
    assert score(EuclideanAlignment("calibration", n_calibration=6)) > 0.9


def test_the_first_trials_are_counted_once_where_sessions_count_anew():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 2, 50)) * np.linspace(1, 4, 12)[:, None, None]
    metadata = pd.DataFrame(
        {
            "subject": np.repeat([1, 2], 6),
            "session": np.tile(np.repeat([2, 1], 3), 2),
            "trial": np.tile(np.arange(3), 4),
        }
    )
    step = EuclideanAlignment("calibration", n_calibration=2).fit(X[:6], groups=metadata[:6])
    aligned = step.transform(X[6:], groups=metadata[6:])
    first = [np.cov(x, ddof=0) for x in aligned[3:5]]  # of session 1
    np.testing.assert_allclose(np.mean(first, axis=0), np.eye(2), atol=1e-12)
