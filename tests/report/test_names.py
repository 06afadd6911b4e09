"""What scores and protocols are called."""

from typing import get_args

import pytest

from skmamba.evaluation._splitters import ProtocolName
from skmamba.report._names import PROTOCOLS, score_words


def test_unknown_protocols_keep_their_name(write, results):
    assert "GroupKFold" in write(results.assign(protocol="GroupKFold")).text


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("kappa", "Cohen's kappa"),
        ("kappa_windows", "Cohen's kappa over windows"),
        ("hit_rate", "hit rate"),
    ],
)
def test_scores_have_names_in_words(score, expected):
    assert score_words(score)[0] == expected


def test_a_score_over_windows_means_what_it_means_over_trials():
    assert score_words("f1_windows")[1] == score_words("f1")[1] != ""
    assert score_words("hit_rate")[1] == ""


def test_every_protocol_of_evaluate_has_a_name():
    assert set(PROTOCOLS) == set(get_args(ProtocolName))
