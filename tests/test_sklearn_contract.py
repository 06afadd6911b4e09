"""scikit-learn's own check suite, over every public estimator and step.

Run with ``SCIPY_ARRAY_API=1``, or the array API check is skipped.
"""

import os

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_classifiers_train, parametrize_with_checks

from skmamba import (
    BraindecodeClassifier,
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    WindowVotingClassifier,
)
from skmamba.preprocessing import BandPower, EuclideanAlignment, SequentialChannelSelector

# The checks know no groups, and a person fitted without them is told of.
pytestmark = pytest.mark.filterwarnings("ignore:EuclideanAlignment got no groups:UserWarning")

# Full batches in float64 without dropout: nothing is left to chance, so every check holds to the
# letter, that of sample weights (rtol 1e-7) included.
EXACT = {"batch_size": None, "dtype": "float64", "max_epochs": 60, "lr": 1e-2}
SMALL = {"d_model": 16, "d_hidden": 4, "n_kernels": 2, "drop_prob": 0.0}

STRICT = [
    ChannelPicker(),
    SequentialChannelSelector(1, LogisticRegression(max_iter=1000), cv=2),
    SequentialChannelSelector(1, LogisticRegression(max_iter=1000), cv=2, direction="backward"),
    SlidingWindows(window_size_samples=1),
    EuclideanAlignment(),
    EuclideanAlignment("calibration", n_calibration=1),
    BandPower(sfreq=2, bands={"all": (0, 2)}),
    WindowVotingClassifier(LogisticRegression()),
    WindowVotingClassifier(LogisticRegression(), voting="hard"),
    MSiMambaClassifier(**SMALL, **EXACT),
    MSiMambaClassifier(
        scaling="standard", module_params={"period_selection": "fixed"}, **SMALL, **EXACT
    ),
    # of braindecode's networks one without batch normalisation, whose statistics know no weights
    BraindecodeClassifier(
        "MEDFormer",
        {"embed_dim": 16, "num_layers": 1, "num_heads": 2, "drop_prob": 0.0},
        sfreq=128,
        **EXACT,
    ),
]
DEFAULTS = [MSiMambaClassifier(), BraindecodeClassifier()]
TRANSDUCTIVE = [EuclideanAlignment("unlabelled")]


def expected_failures(estimator):
    reason = (
        "minibatches are drawn from other rows when rows are repeated than when they are weighted: "
        "equal in expectation only"
    )
    return {"check_sample_weight_equivalence_on_dense_data": reason}


@parametrize_with_checks(STRICT)
def test_strict_instances_pass_every_check(estimator, check):
    check(estimator)


@parametrize_with_checks(DEFAULTS, expected_failed_checks=expected_failures)
def test_default_instances_pass_every_check_but_that_of_repeated_rows(estimator, check):
    check(estimator)


def looks_at_all_rows(estimator):
    reason = "a person's reference is the mean over all rows of X, as the mode says"
    return {"check_methods_subset_invariance": reason}


@parametrize_with_checks(TRANSDUCTIVE, expected_failed_checks=looks_at_all_rows)
def test_transductive_instances_pass_every_check_but_that_of_subsets(estimator, check):
    check(estimator)


class ScoredBraindecode(BraindecodeClassifier):
    """Without the tag that spares networks such as EEGNet the checks' score on two numbers."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = False
        return tags


def test_a_network_fit_for_series_so_short_reaches_the_checks_score():
    strict = STRICT[-1]
    check_classifiers_train("ScoredBraindecode", ScoredBraindecode(**strict.get_params()))


def test_the_array_api_check_was_not_skipped():
    assert os.environ.get("SCIPY_ARRAY_API") == "1"


def test_every_public_estimator_is_checked():
    import skmamba

    checked = {type(estimator).__name__ for estimator in STRICT}
    public = {name for name in skmamba.__all__ if hasattr(getattr(skmamba, name), "get_params")}
    assert checked == public


@pytest.mark.parametrize(
    "estimator", STRICT + DEFAULTS + TRANSDUCTIVE, ids=lambda e: type(e).__name__
)
def test_tags_promise_three_dimensions_beside_two(estimator):
    tags = estimator.__sklearn_tags__().input_tags
    assert tags.three_d_array
    assert tags.two_d_array  # with False, scikit-learn would silently run one check
