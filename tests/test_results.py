import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skmamba import compare
from skmamba._results import compute_interval


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
