import json
import os

import pytest

from skmamba.evaluation._store import FoldStore

RECORD = {"y_pred": [0, 1, 1], "proba": [[0.1, 0.9], [1 / 3, 2 / 3], [5e-324, 1.0]], "error": ""}


@pytest.fixture
def store(tmp_path):
    return FoldStore(tmp_path / "new" / "results")


def test_a_record_comes_back_as_it_was(store):
    store.write("a" * 64, RECORD)
    assert store.read("a" * 64) == {"key": "a" * 64, **RECORD}


def test_what_was_never_written_is_none_and_makes_no_folder(store):
    assert store.read("a" * 64) is None
    assert not store.folder.exists()


def test_a_record_that_is_there_stays(store):
    store.write("a" * 64, RECORD)
    store.write("a" * 64, {"error": "", "y_pred": []})
    assert store.read("a" * 64)["y_pred"] == RECORD["y_pred"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "null",
        lambda text: "[1, 2]",
        lambda text: text.replace("a" * 64, "b" * 64),
    ],
)
def test_a_damaged_record_is_told_and_written_anew(store, damage):
    store.write("a" * 64, RECORD)
    path = store.path("a" * 64)
    path.write_text(damage(path.read_text()))
    with pytest.warns(UserWarning, match="cannot be used, so its fold is run again"):
        assert store.read("a" * 64) is None
    with pytest.warns(UserWarning, match="cannot be used"):
        store.write("a" * 64, RECORD)
    assert store.read("a" * 64)["proba"] == RECORD["proba"]


def test_a_record_that_fails_to_be_written_leaves_nothing(store):
    with pytest.raises(TypeError, match="not JSON serializable"):
        store.write("a" * 64, {"y_pred": {1, 2}})
    assert list(store.folder.iterdir()) == []


def test_a_file_appears_whole(store, monkeypatch):
    seen = []
    replace = os.replace

    def look_then_replace(draft, path):
        seen.append((path.exists(), json.loads(draft.read_text())["y_pred"]))
        replace(draft, path)

    monkeypatch.setattr("skmamba.evaluation._store.os.replace", look_then_replace)
    store.write("a" * 64, RECORD)
    assert seen == [(False, RECORD["y_pred"])]


def test_a_folder_that_cannot_be_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"store must be a folder: .*file"):
        FoldStore(tmp_path / "file").check()
    monkeypatch.setattr("skmamba.evaluation._store.os.access", lambda *_: False)
    with pytest.raises(ValueError, match="store must be a folder that can be written to"):
        FoldStore(tmp_path).check()
