"""Arguments: a misspelled one is answered with the nearest."""

import re

import pytest

FAST = "evaluate --data simulation --models band-power-lda --subjects 0-2"


def flat(text):
    """Text without line breaks, which depend on the length of folders."""
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("evalaute", "No such command 'evalaute'. Did you mean 'evaluate'?"),
        ("evaluate --protocl x", "--protocol"),
        (f"{FAST} --protocol cross-subjekt", "'cross-subjekt'. Did you mean 'cross-subject'?"),
        ("evaluate --data eegmatt", "No such data set 'eegmatt'. Did you mean 'eegmat'?"),
        (f"{FAST} --baselines majorty", "'majorty'. Did you mean 'majority'?"),
        (f"{FAST} --score acuracy", "Did you mean 'accuracy'?"),
        (f"{FAST} --models EEGNett", "Nearest: EEGNet."),
        (f"{FAST} --channels Fp7", "Nearest: Fp2"),
        (f"{FAST} --target valense", "Did you mean 'valence'?"),
    ],
)
def test_a_typo_is_answered_with_the_nearest_word(call, arguments, told, tmp_path):
    result = call(arguments, tmp_path)
    assert result.exit_code == 2
    assert told in flat(result.stderr)
