"""How commands end that do not end well."""

import pytest

FAST = "evaluate --data simulation --models band-power-lda --subjects 0-2"


def test_who_stops_it_learns_that_the_same_command_goes_on(call, tmp_path, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("skmamba.evaluation.evaluate", stop)
    result = call(FAST, tmp_path)
    assert result.exit_code == 130
    assert "the same command goes on" in result.stderr


def test_a_broken_file_is_one_line_and_ends_with_1(call, deap):
    (deap / "s01.dat").write_text("broken")
    result = call(f"leakage --data deap --path '{deap}'")
    assert result.exit_code == 1
    assert "s01.dat: expected" in result.stderr


def test_the_place_of_an_error_can_be_seen(call, tmp_path):
    with pytest.raises(FileNotFoundError, match="not there"):
        call(f"--traceback report '{tmp_path / 'not there'}'")
