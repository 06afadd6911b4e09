"""Tables that are read back."""

import numpy as np
import pandas as pd
import pytest

from skmamba.cli._files import read_table

FAST = "evaluate --data simulation --models band-power-lda --subjects 0-2"


def test_a_table_comes_back_as_it_was(tmp_path):
    table = pd.DataFrame(
        {
            "estimator": ["NA", "2"],
            "subject": ["01", "02"],
            "trial": [7, -8],
            "y_true": ["True", "nan"],
            "transductive": ["", "unlabelled"],
            "error": ["", ""],
            "accuracy": [0.1 + 0.2, np.nan],
        }
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    pd.testing.assert_frame_equal(read_table(tmp_path / "table.csv"), table, check_dtype=False)
    table.assign(subject=None).to_csv(tmp_path / "table.csv", index=False)
    assert read_table(tmp_path / "table.csv")["subject"].isna().all()


def test_several_results_become_one_page(call, run, tmp_path):
    call(FAST + " --protocol within-subject --folds 2 --baselines majority", tmp_path / "within")
    both = call(f"report '{run[0]}' '{tmp_path / 'within'}'", tmp_path / "both.html")
    assert both.exit_code == 0, both.output
    page = (tmp_path / "both.html").read_text("utf8")
    assert "What training and test share: simulation, within_subject" in page
    assert "What training and test share: simulation, cross_subject" in page
    twice = call(f"report '{run[0]}' '{run[0]}'", tmp_path / "twice.html")
    assert twice.exit_code == 2
    assert "are both of simulation, cross_subject: report them apart" in twice.stderr
    nowhere = call(f"report '{run[0]}' '{tmp_path / 'within'}'")
    assert nowhere.exit_code == 2
    assert "need --out" in nowhere.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [("", "no table that skmamba wrote"), ("x,y\n1,2\n", "must have the columns that evaluate")],
)
def test_what_is_no_result_is_refused(call, tmp_path, content, told):
    (tmp_path / "results.csv").write_text(content)
    result = call(f"report '{tmp_path}'")
    assert result.exit_code == 2
    assert told in result.stderr
