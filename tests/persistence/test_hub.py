"""A hub of our own on this machine, to which the real client talks."""

import base64
import builtins
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from skmamba import MSiMambaClassifier
from skmamba.datasets import simulate_trials
from skmamba.persistence import pull_from_hub, push_to_hub, save_model

pytest.importorskip("huggingface_hub")
pytest.importorskip("safetensors")

COMMIT = 40 * "a"
TINY = {"d_model": 8, "d_hidden": 4, "max_epochs": 1, "random_state": 0, "n_members": 1}


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's protocol as one model needs."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, body))
        if self.path.endswith("/create"):
            self.answer({"url": f"{self.server.url}/me/model"})
        elif "/preupload/" in self.path:
            files = [{"path": file["path"]} for file in json.loads(body)["files"]]
            common = {"uploadMode": "regular", "shouldIgnore": False}
            self.answer({"files": [{**file, **common} for file in files]})
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.server.files[line["value"]["path"]] = content
            url = f"{self.server.url}/me/model/commit/{COMMIT}"
            self.answer({"commitUrl": url, "commitOid": COMMIT, "success": True})
        else:
            self.answer({})

    def do_GET(self):
        self.server.asked.append((self.path, b""))
        files = self.server.files
        if "/resolve/" in self.path:
            content = files[self.path.rpartition("/")[2]]
            self.answer(content, ETag=f'"{digest(content)}"', **{"X-Repo-Commit": COMMIT})
        elif "/tree/" in self.path:
            self.answer(
                [
                    {"type": "file", "path": name, "size": len(files[name]), "oid": digest(name)}
                    for name in files
                ]
            )
        else:
            siblings = [{"rfilename": name} for name in files]
            self.answer({"id": "me/model", "sha": COMMIT, "siblings": siblings})

    do_HEAD = do_GET

    def answer(self, content, **headers):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(200)
        for name, value in {**headers, "Content-Length": len(content)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *args):
        """Say nothing."""


def digest(content):
    return hashlib.sha1(content if isinstance(content, bytes) else content.encode()).hexdigest()


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.files, server.asked = {}, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def trials():
    return simulate_trials(n_subjects=2, n_trials=4, n_channels=2, n_times=64)


@pytest.fixture(scope="module")
def clf(trials):
    return MSiMambaClassifier(**TINY).fit(trials.X, trials.y)


def where(hub):
    return {"endpoint": hub.url, "token": "hf_nobody"}


def test_a_model_comes_back_from_the_hub(hub, clf, trials, tmp_path):
    url = push_to_hub(clf, "me/model", trials=trials, notes="hello", **where(hub))
    assert url == f"{hub.url}/me/model/commit/{COMMIT}"
    assert sorted(hub.files) == ["README.md", "card.json", "weights.safetensors"]
    model = pull_from_hub("me/model", cache_dir=tmp_path, **where(hub))
    assert np.array_equal(model.predict_proba(trials), clf.predict_proba(trials.X))
    assert model.card["training"]["notes"] == "hello"


@pytest.mark.parametrize("private", [True, False])
def test_a_new_repository_is_private_unless_told(private, hub, clf):
    more = {} if private else {"private": False}
    push_to_hub(clf, "me/model", **more, **where(hub))
    (created,) = (json.loads(body) for path, body in hub.asked if path.endswith("/create"))
    assert ("private" in created.values() or created.get("private", False)) == private


def test_of_a_folder_only_our_files_are_sent(hub, clf, tmp_path):
    folder = save_model(clf, tmp_path / "model")
    (folder / "recordings.npy").write_bytes(b"of patients")
    push_to_hub(folder, "me/model", **where(hub))
    assert sorted(hub.files) == ["README.md", "card.json", "weights.safetensors"]


def test_only_our_files_are_fetched(hub, clf, tmp_path):
    push_to_hub(clf, "me/model", **where(hub))
    hub.files.update({"model.pkl": b"a pickle", "code/run.py": b"print()"})
    pull_from_hub("me/model", cache_dir=tmp_path, **where(hub))
    fetched = {file.name for file in tmp_path.rglob("*") if file.is_symlink()}
    assert fetched == {"README.md", "card.json", "weights.safetensors"}
    assert not any("model.pkl" in path or "run.py" in path for path, _ in hub.asked)


def test_the_wanted_revision_is_asked_for(hub, clf, tmp_path):
    push_to_hub(clf, "me/model", revision="trial", message="A try", **where(hub))
    (commit,) = (body for path, body in hub.asked if path.endswith("/commit/trial"))
    assert json.loads(commit.splitlines()[0])["value"]["summary"] == "A try"
    pull_from_hub("me/model", revision="v1", cache_dir=tmp_path, **where(hub))
    assert any(path.endswith("/revision/v1") for path, _ in hub.asked)


def test_a_model_that_was_changed_on_the_way_is_refused(hub, clf, tmp_path):
    push_to_hub(clf, "me/model", **where(hub))
    content = bytearray(hub.files["weights.safetensors"])
    content[-1] ^= 1
    hub.files["weights.safetensors"] = bytes(content)
    with pytest.raises(ValueError, match=r"weights\.safetensors cannot be loaded: it was changed"):
        pull_from_hub("me/model", cache_dir=tmp_path, **where(hub))


def test_what_cannot_be_loaded_is_not_sent(hub, clf, tmp_path):
    folder = save_model(clf, tmp_path / "model")
    (folder / "card.json").write_text("{}")
    with pytest.raises(ValueError, match=r"card\.json cannot be loaded"):
        push_to_hub(folder, "me/model", **where(hub))
    with pytest.raises(TypeError, match=r"The last step must be one of .* a type"):
        push_to_hub(MSiMambaClassifier, "me/model", **where(hub))
    assert not hub.asked


def test_the_card_of_a_saved_model_stays_as_it_is(hub, clf, trials, tmp_path):
    folder = save_model(clf, tmp_path / "model")
    with pytest.raises(TypeError, match="trials, notes came for a model that is saved already"):
        push_to_hub(folder, "me/model", trials=trials, notes="", **where(hub))
    assert not hub.asked


def test_the_hub_says_what_to_install(clf, monkeypatch):
    import_any = builtins.__import__

    def no_hub(name, *args, **kwargs):
        if name == "huggingface_hub":
            raise ImportError("No module named 'huggingface_hub'")
        return import_any(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_hub)
    for ask in (lambda: push_to_hub(clf, "me/model"), lambda: pull_from_hub("me/model")):
        with pytest.raises(ImportError, match=r"pip install 'skmamba\[hub\]'"):
            ask()
