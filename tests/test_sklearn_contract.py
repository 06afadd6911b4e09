"""scikit-learn's estimator checks for every public estimator."""

import os

import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import parametrize_with_checks

import skmamba
from skmamba import (
    BraindecodeClassifier,
    ChannelPicker,
    MSiMambaClassifier,
    MSiMambaRegressor,
    SlidingWindows,
    WindowVotingClassifier,
)
from skmamba.classifiers import BraindecodeRegressor, WindowVotingRegressor
from skmamba.preprocessing import (
    BandPower,
    EuclideanAlignment,
    SequentialChannelSelector,
    SubjectWhitening,
)

# The checks pass no groups.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{name} got no groups:UserWarning")
    for name in ("EuclideanAlignment", "SubjectWhitening")
]

# Full batches in float64 without dropout are deterministic up to rounding: every check passes, that
# of sample weights (rtol 1e-7) included.
EXACT = {"batch_size": None, "dtype": "float64", "max_epochs": 15, "lr": 2e-2}
SMALL = {"d_model": 16, "d_hidden": 4, "n_kernels": 2, "drop_prob": 0.0}
MEDFORMER = {"embed_dim": 16, "num_layers": 1, "num_heads": 2, "drop_prob": 0.0}


class ScoredBraindecodeClassifier(BraindecodeClassifier):
    """BraindecodeClassifier without the tag ``poor_score``, which skips the check of the score."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = False
        return tags


class ScoredBraindecodeRegressor(BraindecodeRegressor):
    """BraindecodeRegressor without the tag ``poor_score``."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = False
        return tags


STRICT = [
    ChannelPicker(),
    SequentialChannelSelector(1, GaussianNB(), cv=2),
    SequentialChannelSelector(1, GaussianNB(), cv=2, direction="backward"),
    SlidingWindows(window_size_samples=1),
    EuclideanAlignment(),
    EuclideanAlignment("calibration", n_calibration=1),
    BandPower(sfreq=2, bands={"all": (0, 2)}),
    WindowVotingClassifier(LogisticRegression()),
    WindowVotingClassifier(LogisticRegression(), voting="hard"),
    MSiMambaClassifier(n_members=2, **SMALL, **EXACT),
    WindowVotingRegressor(Ridge()),
    WindowVotingRegressor(Ridge(), voting="median"),
    MSiMambaRegressor(
        scaling="standard",
        loss="huber",
        module_params={"period_selection": "fixed", "spatial_whitening": True},
        **SMALL,
        **EXACT,
    ),
    # without batch normalisation, whose statistics ignore sample weights; at lr=2e-2, rounding
    # errors of 1e-16 grow to 1e-7 in 30 epochs
    ScoredBraindecodeRegressor("MEDFormer", MEDFORMER, sfreq=128, **{**EXACT, "lr": 1e-2}),
    ScoredBraindecodeClassifier("MEDFormer", MEDFORMER, sfreq=128, **EXACT),
]

MINIBATCHES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "minibatches of repeated rows and of weighted rows differ, and are equal in expectation"
    )
}
ALL_ROWS = {
    "check_methods_subset_invariance": "a row is whitened by other rows of X, as documented"
}
EARLIER_ROWS = ALL_ROWS | {
    "check_methods_sample_order_invariance": "a row is whitened by earlier rows, as documented"
}
# EEGNet requires 27 samples, and these checks fit series of 1 to 10 samples.
SHORT_SERIES = """
    check_array_api_input check_class_weight_classifiers check_classifier_data_not_an_array
    check_classifiers_classes check_classifiers_train check_dict_unchanged
    check_dont_overwrite_parameters check_dtype_object check_estimators_dtypes
    check_estimators_fit_returns_self check_estimators_nan_inf check_estimators_overwrite_params
    check_estimators_partial_fit_n_features check_estimators_pickle
    check_f_contiguous_array_estimator check_fit2d_1feature check_fit2d_predict1d
    check_fit_check_is_fitted check_fit_idempotent check_fit_score_takes_y
    check_methods_sample_order_invariance check_methods_subset_invariance check_n_features_in
    check_n_features_in_after_fitting check_pipeline_consistency
    check_positive_only_tag_during_fit check_readonly_memmap_input
    check_sample_weight_equivalence_on_dense_data check_sample_weights_list
    check_sample_weights_not_an_array check_sample_weights_not_overwritten
    check_sample_weights_pandas_series check_sample_weights_shape check_supervised_y_2d
    check_regressor_data_not_an_array check_regressor_multioutput check_regressors_int
    check_regressors_no_decision_function check_regressors_train
"""
TOO_SHORT = "EEGNet requires at least 27 samples"
EXPECTED_FAILURES = [
    (MSiMambaClassifier(d_hidden=4, n_kernels=2), MINIBATCHES),
    (
        MSiMambaRegressor(d_hidden=4, n_kernels=2, max_epochs=10, lr=1e-2, dtype="float64"),
        MINIBATCHES,
    ),
    (EuclideanAlignment("unlabelled"), ALL_ROWS),
    (EuclideanAlignment("causal"), EARLIER_ROWS),
    (SubjectWhitening("unlabelled", sfreq=2, l_freq=0), ALL_ROWS),
    (SubjectWhitening("causal", sfreq=2, l_freq=0), EARLIER_ROWS),
    (BraindecodeClassifier(), dict.fromkeys(SHORT_SERIES.split(), TOO_SHORT)),
    (
        BraindecodeRegressor(),
        dict.fromkeys([*SHORT_SERIES.split(), "check_fit2d_1sample"], TOO_SHORT),
    ),
]


# Predictions of these checks must be good, or equal up to rounding after many epochs.
LEARNING = """
    check_class_weight_classifiers check_classifiers_classes check_classifiers_train
    check_regressors_train check_sample_weight_equivalence_on_dense_data
""".split()


def run(check, estimator):
    if check.func.__name__ not in LEARNING and hasattr(estimator, "max_epochs"):
        estimator = clone(estimator).set_params(max_epochs=2)
    check(estimator)


@parametrize_with_checks(STRICT)
def test_strict_instances_pass_every_check(estimator, check):
    run(check, estimator)


def get_kind(estimator):
    return type(estimator), getattr(estimator, "mode", None)


def get_expected_failures(estimator):
    kind = get_kind(estimator)
    return next(checks for other, checks in EXPECTED_FAILURES if get_kind(other) == kind)


@parametrize_with_checks([estimator for estimator, _ in EXPECTED_FAILURES])
def test_other_instances_fail_the_expected_checks_only(estimator, check):
    if check.func.__name__ not in get_expected_failures(estimator):
        run(check, estimator)
        return
    # Unlike xfail, this does not format the traceback, which takes longer than the check.
    with pytest.raises((AssertionError, ValueError)):
        run(check, estimator)


def test_the_array_api_check_is_not_skipped():
    assert os.environ.get("SCIPY_ARRAY_API") == "1"


def test_every_public_estimator_is_checked():
    modules = skmamba, skmamba.classifiers, skmamba.preprocessing
    public = {getattr(module, name) for module in modules for name in module.__all__}
    checked = {type(e) for e in STRICT} | {type(e) for e, _ in EXPECTED_FAILURES}
    assert {thing for thing in public if hasattr(thing, "get_params")} <= checked


@pytest.mark.parametrize(
    "estimator", STRICT + [e for e, _ in EXPECTED_FAILURES], ids=lambda e: type(e).__name__
)
def test_tags_allow_two_and_three_dimensions(estimator):
    tags = estimator.__sklearn_tags__().input_tags
    assert tags.three_d_array
    assert tags.two_d_array  # if False, scikit-learn runs one check only
