import numpy as np
import pytest
from scipy import stats

from skmamba._results import bootstrap_interval


def test_equal_scores_have_an_interval_without_width():
    assert bootstrap_interval(np.array([0.1 + 0.2, 0.3, 0.3]), 0.95, 0) == pytest.approx((0.3, 0.3))


def test_one_score_has_no_interval():
    assert np.isnan(bootstrap_interval(np.array([0.7]), 0.95, 0)).all()


@pytest.mark.parametrize("n_subjects", [2, 3, 5, 8])
def test_an_interval_holds_the_mean_and_stays_among_the_scores(n_subjects):
    rng = np.random.default_rng(n_subjects)
    for _ in range(30):
        scores = rng.integers(0, 6, n_subjects) / 5
        low, high = bootstrap_interval(scores, 0.95, 0)
        assert scores.min() - 1e-9 <= low <= scores.mean() + 1e-9
        assert scores.mean() - 1e-9 <= high <= scores.max() + 1e-9


def test_many_subjects_give_the_textbook_interval():
    scores = np.random.default_rng(0).normal(0.6, 0.1, size=400)
    expected = stats.t.interval(0.95, 399, scores.mean(), stats.sem(scores))
    assert bootstrap_interval(scores, 0.95, 0) == pytest.approx(expected, abs=5e-4)


def test_the_interval_covers_what_it_should():
    rng = np.random.default_rng(0)
    n_times, covered = 300, 0
    for _ in range(n_times):
        low, high = bootstrap_interval(rng.binomial(12, rng.beta(9, 1, size=15)) / 12, 0.95, 0)
        covered += low <= 0.9 <= high
    # 0.95 +- 3 standard deviations is 0.91 to 0.99; scores this skewed cost a little
    assert 0.9 <= covered / n_times <= 0.99
