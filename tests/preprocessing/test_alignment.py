"""Tests of EuclideanAlignment."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.linalg import inv, sqrtm
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmamba import SlidingWindows, Trials, WindowVotingClassifier
from skmamba._selection import Selection
from skmamba.preprocessing import BandPower, EuclideanAlignment, SubjectWhitening

MODES = ["source-only", "unlabelled", "calibration"]
NEW_MODES = ["reference", "causal"]
both_transformers = pytest.mark.parametrize(
    "step", [EuclideanAlignment(), SubjectWhitening("unlabelled", sfreq=128)]
)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def halves(trials):
    """Subjects 0 and 1 for fit, subjects 2 and 3 for transform, with their trials as reference."""
    trials = trials.derive(reference=Selection(trials.X))
    return trials.select(subject=[0, 1]), trials.select(subject=[2, 3])


@pytest.fixture
def referenced(trials):
    """Trials with a reference: the first half of the first trial of the subject, mixed."""
    reference = trials.X[np.repeat([0, 6, 12, 18], 6), ::-1, :128]
    return trials.derive(reference=Selection(reference))


def simulate_mixed_sources(n_subjects=6, n_trials=20, n_channels=4, n_times=400):
    """Return trials whose class is the variance of two sources, with a mixing per subject."""
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(n_trials) % 2, n_subjects)
    scale = np.ones((len(y), n_channels, 1))
    scale[:, 0, 0], scale[:, 1, 0] = np.sqrt(0.7 + 0.6 * y), np.sqrt(1.3 - 0.6 * y)
    sources = scale * rng.normal(size=(len(y), n_channels, n_times))
    subject = np.repeat(np.arange(n_subjects), n_trials)
    square = rng.normal(size=(n_subjects, n_channels, n_channels))
    mixing = square @ square.swapaxes(1, 2) + 0.2 * np.eye(n_channels)
    return mixing[subject] @ sources, y, subject


def get_covariances(X):
    """Return the upper triangle of the covariance of each trial."""
    rows, columns = np.triu_indices(X.shape[1])
    return np.stack([np.cov(x)[rows, columns] for x in X])


def mean_cov(X):
    return np.mean([np.cov(x.astype(float), ddof=0) for x in X], axis=0)


def whiten(X, reference):
    return inv(sqrtm(reference)) @ X.astype(float)


def make_pipe(step):
    linear = make_pipeline(BandPower(sfreq=128), LinearDiscriminantAnalysis())
    windows = SlidingWindows(window_size_samples=128)
    return make_pipeline(step, windows, WindowVotingClassifier(linear))


def cross_validate_pipe(step, trials, **options):
    """Cross-validate with routed subjects; a failed fit raises."""
    return cross_validate(
        make_pipe(step),
        trials.X,
        trials.y,
        params={"groups": trials.metadata["subject"]},
        error_score="raise",
        **options,
    )


# Covariance


def test_two_trials_by_hand():
    X = np.array([[[2.0, -2.0], [0.0, 0.0]], [[0.0, 0.0], [4.0, -4.0]]])  # variances 4 / 2, 16 / 2
    step = EuclideanAlignment().fit(X, groups=["a", "a"])
    assert step.references_.tolist() == [[[2.0, 0.0], [0.0, 8.0]]]
    aligned = step.transform(X, groups=["a", "a"])
    root = np.sqrt(2)
    np.testing.assert_allclose(aligned, [[[root, -root], [0, 0]], [[0, 0], [root, -root]]])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_covariance_of_training_subjects_is_the_identity(trials, mode, dtype):
    aligned = EuclideanAlignment(mode).fit_transform(trials.X.astype(dtype), groups=trials.metadata)
    assert aligned.dtype == dtype
    for subject in range(4):
        own = aligned[trials.metadata["subject"] == subject]
        atol = 1e-5 if dtype == "float32" else 1e-10
        np.testing.assert_allclose(mean_cov(own), np.eye(4), atol=atol)


def test_offsets_do_not_change_the_references(trials):
    step = EuclideanAlignment().fit(trials.X, groups=trials.metadata)
    shifted = EuclideanAlignment().fit(trials.X.astype(float) + 4000, groups=trials.metadata)
    np.testing.assert_allclose(shifted.references_, step.references_, rtol=1e-5)


def test_the_length_of_trials_does_not_change_the_scale(trials):
    step = EuclideanAlignment().fit(trials.X, groups=trials.metadata)
    whole = step.transform(trials.X, groups=trials.metadata)
    half = step.transform(trials.X[..., :128], groups=trials.metadata)
    np.testing.assert_allclose(half, whole[..., :128])
    doubled = EuclideanAlignment().fit(np.tile(trials.X, 2), groups=trials.metadata)
    np.testing.assert_allclose(doubled.references_, step.references_, rtol=1e-6)


@pytest.mark.parametrize("form", [pd.Series, np.array, list])
def test_rows_may_be_in_any_order_and_groups_one_column(trials, form):
    order = np.random.default_rng(0).permutation(len(trials))
    groups = form([f"s{subject}" for subject in trials.metadata["subject"].iloc[order]])
    aligned = EuclideanAlignment().fit_transform(trials.X[order], groups=groups)
    expected = EuclideanAlignment().fit_transform(trials.X, groups=trials.metadata)[order]
    np.testing.assert_allclose(aligned, expected, rtol=1e-5)


def test_two_dimensions_are_trials_of_one_channel(trials):
    X = trials.X[:, 0].astype(float)
    aligned = EuclideanAlignment().fit_transform(X, groups=trials.metadata)
    assert aligned.shape == X.shape
    own = aligned[trials.metadata["subject"] == 1]
    assert own.var(axis=1).mean() == pytest.approx(1)


def test_epochs_are_converted_to_microvolts(make_epochs):
    epochs, groups = make_epochs(n_trials=4), [0, 0, 1, 1]
    step = EuclideanAlignment().fit(epochs, groups=groups)
    expected = step.transform(epochs.get_data(units="uV"), groups=groups)
    np.testing.assert_allclose(step.transform(epochs, groups=groups), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("flaw", ["constant", "copy", "average", "short", "flat"])
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
        X[:] = 1 / 3  # whose mean is rounded
    aligned = EuclideanAlignment().fit_transform(X, groups=trials.metadata)
    assert np.abs(aligned).max() < 1000
    assert aligned.dtype == dtype
    assert np.abs(aligned - aligned.mean(axis=-1, keepdims=True)).max() < 100


def test_the_gain_of_a_direction_without_variance_is_limited_to_1000(trials):
    X = trials.X.astype(float)
    average = X - X.mean(axis=1, keepdims=True)
    step = EuclideanAlignment().fit(average, groups=trials.metadata)
    largest = np.linalg.eigvalsh(step.reference_)[-1]
    aligned = step.transform(X, groups=["new"] * len(trials)).mean(1)
    np.testing.assert_allclose(aligned, 1000 / np.sqrt(largest) * X.mean(1), rtol=1e-6)


def test_a_flat_channel_becomes_zero_and_the_others_are_whitened_without_it(trials):
    flat = trials.X.astype(float)
    flat[:, 2] = 7
    step = EuclideanAlignment().fit(flat, groups=trials.metadata)
    aligned = step.transform(trials.X.astype(float), groups=["new"] * len(trials))
    assert not aligned[:, 2].any()
    others = np.delete(flat, 2, axis=1)
    step = EuclideanAlignment().fit(others, groups=trials.metadata)
    expected = step.transform(np.delete(trials.X, 2, axis=1), groups=["new"] * len(trials))
    np.testing.assert_allclose(np.delete(aligned, 2, axis=1), expected, rtol=1e-4, atol=1e-5)


# Reference of new subjects


def test_new_subjects_get_the_reference_of_the_mode(halves):
    train, test = halves
    own = [test.metadata["subject"] == subject for subject in (2, 3)]
    source = np.mean([mean_cov(train.X[train.metadata["subject"] == s]) for s in (0, 1)], axis=0)
    for mode, references in {
        "source-only": [source, source],
        "unlabelled": [mean_cov(test.X[rows]) for rows in own],
        "calibration": [mean_cov(test.X[rows][:3]) for rows in own],
    }.items():
        step = EuclideanAlignment(mode, n_calibration=3).fit(train.X, groups=train.metadata)
        aligned = step.transform(test.X.astype(float), groups=test.metadata)
        for rows, reference in zip(own, references, strict=True):
            np.testing.assert_allclose(aligned[rows], whiten(test.X[rows], reference))


@pytest.mark.parametrize("mode", MODES)
def test_only_transductive_modes_use_test_trials_of_the_subject(halves, mode):
    train, test = halves
    step = EuclideanAlignment(mode, n_calibration=3).fit(train.X, groups=train.metadata)
    before = step.transform(test.X, groups=test.metadata)
    changed = test.X.copy()
    changed[:3] *= 10  # first trials of subject 2
    step.fit(train.X, groups=train.metadata)  # forgets calibration trials
    after = step.transform(changed, groups=test.metadata)
    assert np.array_equal(before[5], after[5]) is (mode == "source-only")  # last of subject 2
    np.testing.assert_array_equal(before[6:], after[6:])  # subject 3
    assert bool(step.adaptation) is (mode != "source-only")


def test_subjects_count_equally_for_a_new_subject_whatever_their_numbers_of_trials(halves):
    train, _ = halves
    step = EuclideanAlignment().fit(train.select("subject == 0 or trial > 9"))
    expected = (mean_cov(train.X[:6]) + mean_cov(train.X[10:])) / 2
    np.testing.assert_allclose(step.reference_, expected, rtol=1e-5)


def test_source_only_transforms_each_row_independently(halves):
    train, test = halves
    step = EuclideanAlignment().fit(train.X, groups=train.metadata)
    together = step.transform(test.X, groups=test.metadata)
    for row in range(len(test)):
        alone = step.transform(test.X[[row]], groups=test.metadata.iloc[[row]])
        np.testing.assert_array_equal(alone[0], together[row])


def test_calibration_uses_the_first_trials_by_number(halves):
    train, test = halves
    step = EuclideanAlignment("calibration", n_calibration=2).fit(train.X, groups=train.metadata)
    aligned = step.transform(test.X, groups=test.metadata)
    step.fit(train.X, groups=train.metadata)
    reverse = step.transform(test.X[::-1], groups=test.metadata.iloc[::-1])
    np.testing.assert_allclose(reverse[::-1], aligned, rtol=1e-5)
    step.fit(train.X, groups=train.metadata)
    by_row = step.transform(test.X[::-1], groups=test.metadata["subject"].iloc[::-1])
    assert not np.allclose(by_row[::-1], aligned)


def test_calibration_counts_trials_if_rows_are_windows(halves):
    train, test = halves
    windows = test.as_windows(window_size_samples=64)
    step = EuclideanAlignment("calibration", n_calibration=2).fit(train.X, groups=train.metadata)
    aligned = step.transform(windows.X.astype(float), groups=windows.metadata)
    np.testing.assert_allclose(mean_cov(aligned[:8]), np.eye(4), atol=1e-10)  # 2 of 4 windows


@pytest.mark.parametrize("mode", ["causal", "calibration"])
def test_trials_of_a_mode_in_time_must_have_an_order(halves, mode):
    train, test = halves
    step = EuclideanAlignment(mode, n_calibration=1).fit(train)
    metadata = test.metadata.assign(trial=list("bcdefa") * 2)
    with pytest.raises(ValueError, match="takes the order of 'trial' as the order in time"):
        step.transform(test.derive(metadata=metadata))


@pytest.mark.parametrize("column", ["session", "run"])
def test_calibration_trials_are_ordered_by_session_or_run_and_trial(column):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 2, 50)) * np.linspace(1, 4, 12)[:, None, None]
    part = np.tile(np.repeat([2, 1], 3), 2)
    groups = pd.DataFrame(
        {"subject": np.repeat([1, 2], 6), column: part, "trial": np.tile(np.arange(3), 4)}
    )
    step = EuclideanAlignment("calibration", n_calibration=2).fit(X[:6], groups=groups[:6])
    aligned = step.transform(X[6:], groups=groups[6:])
    np.testing.assert_allclose(mean_cov(aligned[3:5]), np.eye(2), atol=1e-12)  # of part 1


@pytest.mark.parametrize("mode", ["source-only", "calibration"])
def test_subjects_in_fit_keep_their_reference(trials, mode):
    is_test = trials.metadata["trial"].to_numpy() % 2 == 1
    train, test = trials.select(~is_test), trials.select(is_test)
    step = EuclideanAlignment(mode).fit(train.X, groups=train.metadata)
    changed = test.X.copy()
    changed[1:] = 0
    aligned = step.transform(changed, groups=test.metadata)[0]
    expected = whiten(test.X[0], step.references_[0])
    np.testing.assert_allclose(aligned, expected, rtol=1e-4, atol=1e-5)


def test_subjects_in_fit_may_be_numbers_or_text(trials):
    X, subjects = np.asarray(trials.X), np.repeat([1, 2, 3], len(trials))[: len(trials)]
    align = EuclideanAlignment().fit(X, groups=subjects)
    expected = align.transform(X, groups=subjects)
    np.testing.assert_array_equal(align.transform(X, groups=subjects.astype(str)), expected)


def test_unlabelled_computes_a_new_reference_of_subjects_in_fit(trials):
    step = EuclideanAlignment("unlabelled").fit(trials.X, groups=trials.metadata)
    later = step.transform(3 * trials.X.astype(float), groups=trials.metadata)
    own = later[trials.metadata["subject"] == 1]
    np.testing.assert_allclose(mean_cov(own), np.eye(4), atol=1e-10)


@pytest.mark.parametrize(
    ("params", "expected"),
    [((), ""), (("calibration", 3), "calibration=3")]
    + [((mode,), mode) for mode in ("reference", "causal", "unlabelled")],
)
def test_adaptation_names_the_eeg_of_test_subjects_that_is_used(params, expected):
    assert EuclideanAlignment(*params).adaptation == expected


def test_a_reference_whitens_its_trial_whatever_other_trials_are(referenced):
    out = EuclideanAlignment("reference").fit_transform(referenced)
    for row in (0, 9):
        expected = whiten(referenced.X[row], mean_cov(referenced.reference[[row]]))
        np.testing.assert_allclose(out.X[row], expected, atol=1e-4)
    np.testing.assert_allclose(mean_cov(out.reference[:1]), np.eye(4), atol=1e-5)
    X = -3 * referenced.X[::-1]
    X[4] = referenced.X[4]
    changed = referenced.derive(X=Selection(X), metadata=referenced.metadata[["trial"]])
    again = EuclideanAlignment("reference").fit(referenced[:6]).transform(changed)
    np.testing.assert_array_equal(again.X[4], out.X[4])


def test_causal_uses_the_trials_up_to_and_including_the_present_one(halves):
    train, test = halves
    step = EuclideanAlignment("causal").fit(train)
    out = step.transform(test).X
    for row, seen in ((6, [6]), (8, [6, 7, 8])):  # subject 3
        np.testing.assert_allclose(out[row], whiten(test.X[row], mean_cov(test.X[seen])), atol=1e-4)
    later = test.X.copy()
    later[9:] *= 5
    changed = test.derive(X=Selection(later))
    np.testing.assert_array_equal(step.transform(changed).X[6:9], out[6:9])
    reverse = step.transform(test.X[::-1], groups=test.metadata.iloc[::-1])
    np.testing.assert_array_equal(reverse[::-1], out)


# Trials


@pytest.mark.parametrize("mode", MODES + NEW_MODES)
def test_trials_give_trials_with_the_values_of_arrays_and_groups(halves, mode):
    train, test = halves
    out = EuclideanAlignment(mode, n_calibration=3).fit(train).transform(test)
    assert isinstance(out, Trials)
    pd.testing.assert_frame_equal(out.metadata, test.metadata)
    if mode != "reference":
        step = EuclideanAlignment(mode, n_calibration=3).fit(train.X, groups=train.metadata)
        np.testing.assert_array_equal(out.X, step.transform(test.X, groups=test.metadata))


@pytest.mark.parametrize("mode", MODES + NEW_MODES)
def test_references_are_whitened_and_stay_shared(referenced, mode):
    subject = referenced.metadata["subject"].to_numpy()
    base = referenced.reference[::6]
    shared = referenced.derive(reference=Selection(base, subject))
    train, test = shared.select(subject=[0, 1]), shared.select(subject=[2, 3])
    out = EuclideanAlignment(mode, n_calibration=3).fit(train).transform(test)
    assert out.reference_data.array.shape == (2, 4, 128)
    trained = np.mean([mean_cov(train.X[:6]), mean_cov(train.X[6:])], axis=0)
    expected = {"source-only": trained, "calibration": mean_cov(test.X[:3])}
    covariance = expected.get(mode, mean_cov(base[[2]]))
    np.testing.assert_allclose(out.reference[0], whiten(base[2], covariance), atol=1e-4)


# Calibration trials of earlier calls


def test_calibration_trials_of_the_first_call_are_kept_for_later_calls(halves):
    train, test = halves
    step = EuclideanAlignment("calibration", n_calibration=3).fit(train)
    whole = step.transform(test)
    for rows in ([5], [3, 4, 5], [5, 4, 3, 2, 1, 0], np.arange(12)):
        np.testing.assert_array_equal(step.transform(test[rows]).X, whole.X[rows])
    again = pickle.loads(pickle.dumps(step))
    np.testing.assert_array_equal(again.transform(test[[5]]).X, whole.X[[5]])
    as_text = test.metadata["subject"].astype(str)[[5]]
    np.testing.assert_array_equal(step.transform(test.X[[5]], groups=as_text), whole.X[[5]])


def test_too_few_calibration_trials_are_not_kept(halves):
    train, test = halves
    step = EuclideanAlignment("calibration", n_calibration=3).fit(train)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"n_calibration=3 trials .* got 2 of subject 2"):
            step.transform(test[[0, 1]])
    expected = EuclideanAlignment("calibration", n_calibration=3).fit(train).transform(test)
    np.testing.assert_array_equal(step.transform(test).X, expected.X)


@pytest.mark.parametrize("forget", [clone, lambda step: step], ids=["clone", "fit"])
def test_a_clone_or_a_new_fit_forgets_calibration_trials(halves, forget):
    train, test = halves
    step = EuclideanAlignment("calibration", n_calibration=3).fit(train)
    step.transform(test)
    again = forget(step).fit(train)
    with pytest.raises(ValueError, match="got 1 of subject 2"):
        again.transform(test[[5]])
    expected = EuclideanAlignment("calibration", n_calibration=3).fit(train).transform(test[3:6])
    np.testing.assert_array_equal(again.transform(test[3:6]).X, expected.X)


def test_folds_do_not_share_calibration_trials(trials, routing):
    step = EuclideanAlignment("calibration", n_calibration=3)
    scores = cross_validate_pipe(step, trials, cv=GroupKFold(2), return_estimator=True)
    kept = sorted(sorted(pipe[0].calibrations_) for pipe in scores["estimator"])
    assert kept == [[0, 2], [1, 3]]
    assert not hasattr(step, "calibrations_")


def test_calibration_trials_without_groups_are_not_kept(halves):
    train, test = halves
    step = EuclideanAlignment("calibration", n_calibration=3).fit(train)
    with pytest.warns(UserWarning, match="one new subject"):
        step.transform(test.X[:6])
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="got 1 of the new subject"):
        step.transform(test.X[:1])


# Without groups


def test_fit_without_groups_assumes_one_subject_and_explains_how_to_pass_them(trials):
    step = EuclideanAlignment()
    match = r"all 24 trials as trials of one subject.*_routing=True.*groups=metadata.*evaluate"
    with pytest.warns(UserWarning, match=match):
        step.fit(trials.X)
    assert step.subjects_ == [None]
    one = EuclideanAlignment().fit(trials.X, groups=["s1"] * 24)
    np.testing.assert_array_equal(one.references_, step.references_)


@pytest.mark.parametrize("mode", ["source-only", "unlabelled"])
def test_transform_without_groups_assumes_one_new_subject(halves, mode):
    train, test = halves
    test = test.select(subject=2)
    step = EuclideanAlignment(mode).fit(train.X, groups=train.metadata)
    with warnings.catch_warnings(record=True, action="always") as caught:
        aligned = step.transform(test.X)
    np.testing.assert_array_equal(aligned, step.transform(test.X, groups=test.metadata))
    assert ["no groups in transform" in str(warning.message) for warning in caught] == (
        [True] if mode == "unlabelled" else []
    )


def test_one_subject_without_groups_keeps_its_reference(trials):
    own = trials.select(subject=0)
    step = EuclideanAlignment("calibration")
    with pytest.warns(UserWarning, match="no groups in fit"):
        step.fit(own.X[:3])
    with warnings.catch_warnings(action="error"):
        aligned = step.transform(own.X[3:4])
    expected = whiten(own.X[3], step.references_[0])
    np.testing.assert_allclose(aligned[0], expected, rtol=1e-4, atol=1e-5)


# Errors


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"mode": "online"}, "mode must be one of 'source-only', .*, 'calibration', got 'online'"),
        ({"n_calibration": 0}, "n_calibration must be an integer of at least 1, got 0"),
        ({"n_calibration": 2.0}, r"n_calibration must be an integer .* got 2\.0"),
    ],
)
def test_parameters_are_validated(trials, params, match):
    with pytest.raises(ValueError, match=match):
        EuclideanAlignment(**params).fit(trials.X, groups=trials.metadata)


@pytest.mark.parametrize(
    ("groups", "match"),
    [
        ([0] * 5, "one row of groups per sample, got 5 rows for 24 samples"),
        (pd.DataFrame({"session": [0] * 24}), "with 'subject', got only session"),
        (pd.DataFrame({"subject": [None] * 24}), "requires 'subject' of every sample"),
    ],
)
def test_groups_are_validated_and_a_failed_fit_changes_nothing(trials, groups, match):
    step = EuclideanAlignment().fit(trials.X, groups=trials.metadata)
    before = vars(step).copy()
    with pytest.raises(ValueError, match=match):
        step.fit(trials.X[:, :2], groups=groups)
    assert vars(step) == before


@pytest.mark.parametrize(
    ("shape", "match"),
    [
        ((6, 4, 16), "n_calibration=7 trials of each subject .* got 6 of subject 's1'"),
        ((6, 3, 16), "X has 3 channels, but EuclideanAlignment was fitted on 4"),
        ((6, 2, 4, 16), "at most 3 dimensions for EuclideanAlignment, got 4"),
    ],
)
def test_transform_rejects_data_that_do_not_match(trials, shape, match):
    step = EuclideanAlignment("calibration", 7).fit(trials.X, groups=trials.metadata)
    with pytest.raises(ValueError, match=match):
        step.transform(np.ones(shape), groups=["s1"] * 6)


# Pipelines and cross-validation


@both_transformers
def test_pandas_output_is_ignored(trials, step):
    step = clone(step).set_output(transform="pandas")
    assert isinstance(step.fit_transform(trials.X, groups=trials.metadata), np.ndarray)


@both_transformers
def test_pipelines_route_groups(trials, routing, step):
    pipe = make_pipe(step).fit(trials.X, trials.y, groups=trials.metadata)
    whitened = clone(step).fit_transform(trials.X, groups=trials.metadata)
    proba = pipe.predict_proba(trials.X, groups=trials.metadata)
    np.testing.assert_allclose(proba, pipe[1:].predict_proba(whitened))
    assert pipe.score(trials.X, trials.y, groups=trials.metadata) > 0.8
    again = pickle.loads(pickle.dumps(pipe))
    np.testing.assert_array_equal(again.predict_proba(trials.X, groups=trials.metadata), proba)


@pytest.mark.parametrize("mode", ["source-only", "unlabelled"])
def test_cross_validation_routes_the_subjects_of_each_fold(trials, routing, mode):
    with warnings.catch_warnings(action="error"):
        scores = cross_validate_pipe(
            EuclideanAlignment(mode), trials, cv=GroupKFold(2), return_estimator=True
        )
    assert sorted(pipe[0].subjects_ for pipe in scores["estimator"]) == [[0, 2], [1, 3]]


def test_scorers_by_name_pass_no_groups_and_a_warning_is_emitted(trials, routing):
    with pytest.warns(UserWarning, match="no groups in transform"):
        cross_validate_pipe(
            EuclideanAlignment("unlabelled"), trials, cv=GroupKFold(2), scoring="balanced_accuracy"
        )


def test_alignment_compensates_for_the_mixing_of_new_subjects(routing):
    X, y, subject = simulate_mixed_sources()
    linear = [FunctionTransformer(get_covariances), LogisticRegression(max_iter=2000)]
    options = {"cv": LeaveOneGroupOut(), "params": {"groups": subject}, "error_score": "raise"}

    def score(*steps):
        return cross_val_score(make_pipeline(*steps, *linear), X, y, **options).mean()

    assert score(EuclideanAlignment("unlabelled")) > 0.95
    assert score(EuclideanAlignment("calibration", n_calibration=6)) > 0.9
    options["groups"] = options.pop("params")["groups"]
    with sklearn.config_context(enable_metadata_routing=False):
        assert score() < 0.75


def test_source_only_requires_matrices_of_fit(halves):
    fitted = EuclideanAlignment("reference").fit(halves[0]).set_params(mode="source-only")
    with pytest.raises(ValueError, match=r"mode must be .* in fit, got 'source-only': fit again"):
        fitted.transform(halves[1])
