"""What the page says came out."""

import re

import numpy as np

from skmamba import compare

NBSP = "\N{NO-BREAK SPACE}"


def test_the_finding_is_in_plain_words(write, results):
    text = write(results).text.replace(NBSP, " ")
    low, high = compare(results).loc[0, ["low", "high"]]
    assert (
        f"net: balanced accuracy 0.75 over 6 subjects (95 % interval {low:.2f} to {high:.2f}); "
        "chance 0.50, p = 0.016. No difference from lda could be shown (p = 0.062)."
    ) in text


def test_the_finding_says_which_models_did_better_or_worse(write, make_results):
    middle = np.linspace(0.6, 0.7, 10)
    results = make_results(
        mid=middle, good=middle + 0.2, bad=middle - 0.2, best=middle + 0.3, majority=[0.5] * 10
    )
    text = write(results).text.replace(NBSP, " ")
    assert re.search(r"good \(p = 0\.\d+\) and best \(p = 0\.\d+\) scored higher\.", text)
    assert re.search(r"bad scored lower \(p = 0\.\d+\)\.", text)
    assert "No difference" not in text


def test_ranks_and_mean_that_disagree_are_not_called_higher_or_lower(write, make_results):
    lower_but_for_two = [0.6 - step / 1000 for step in range(1, 19)] + [1.0, 1.0]
    page = write(make_results(net=[0.6] * 20, lda=lower_but_for_two, majority=[0.5] * 20))
    table = compare(make_results(net=[0.6] * 20, lda=lower_but_for_two), "accuracy")
    assert table["p_holm"][1] < 0.05 and table["difference"][1] > 0 > table["effect_size"][1]
    assert "lda scored differently" in page.text
    assert "scored higher" not in page.text and "scored lower" not in page.text


def test_a_score_no_better_than_chance_is_called_so(write, make_results):
    results = make_results(net=[0.6, 0.4, 0.5, 0.6, 0.4, 0.5], majority=[0.5] * 6)
    assert "That it is better than chance could not be shown." in write(results).text


def test_an_interval_with_chance_in_it_is_pointed_out(write, make_results, net):
    unsure = make_results(net=[1.0] * 10 + [0.5] * 7 + [0.0] * 3, majority=[0.5] * 20)
    told = compare(unsure).iloc[0]
    assert told["low"] < 0.5  # two-sided
    assert told["p_chance"] < 0.05  # one-sided
    assert "The interval includes chance." in write(unsure).text
    sure = make_results(net=net, majority=[0.5] * 6)
    assert "The interval includes chance." not in write(sure).text


def test_without_a_majority_chance_is_not_invented(write, make_results, net):
    page = write(make_results(net=net))
    assert "Whether this is better than chance was not tested." in page.text
    assert page.rows("Estimator", "Chance")["net"]["Chance"] == "–"  # noqa: RUF001


def test_a_model_that_learns_from_shuffled_labels_is_pointed_out(write, make_results, net):
    options = {"net": net, "majority": [0.5] * 6}
    warning = "Trained on shuffled labels it still reached"
    assert f"{warning} 0.75" in write(make_results(**options, **{"permuted labels": net})).text
    level = [0.6, 0.4, 0.5, 0.6, 0.4, 0.5]
    assert warning not in write(make_results(**options, **{"permuted labels": level})).text


def test_scores_of_random_windows_are_called_no_estimate(write, results):
    page = write(results.assign(protocol="random_windows"))
    assert "no estimate for new trials, sessions or people" in page.text
    assert "50 windows a fold" in page.text
