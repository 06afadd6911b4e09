"""Tests of push_to_hub and pull_from_hub, with huggingface_hub and a local server."""

import base64
import hashlib
import json
import sys
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
FILES = ["README.md", "card.json", "weights.safetensors"]
TINY = {"d_model": 8, "d_hidden": 4, "max_epochs": 1, "random_state": 0}


class Hub(BaseHTTPRequestHandler):
    """The part of the protocol of the hub that one model requires."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, body))
        self.server.tokens.append(self.headers["Authorization"])
        if self.path.endswith("/create"):
            status = 409 if self.server.files else 200  # the repository exists
            self.respond({"url": f"{self.server.url}/me/model"}, status)
        elif "/preupload/" in self.path:
            files = [{"path": file["path"]} for file in json.loads(body)["files"]]
            common = {"uploadMode": "regular", "shouldIgnore": False}
            self.respond({"files": [{**file, **common} for file in files]})
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.server.files[line["value"]["path"]] = content
            url = f"{self.server.url}/me/model/commit/{COMMIT}"
            self.respond({"commitUrl": url, "commitOid": COMMIT, "success": True})
        else:
            self.respond({})

    def do_GET(self):
        self.server.requests.append((self.path, b""))
        self.server.tokens.append(self.headers["Authorization"])
        files = self.server.files
        if "/resolve/" in self.path:
            content = files[self.path.rpartition("/")[2]]
            self.respond(
                content, ETag=f'"{hashlib.sha1(content).hexdigest()}"', **{"X-Repo-Commit": COMMIT}
            )
        elif "/tree/" in self.path:
            entries = [{"path": name, "size": len(files[name])} for name in files]
            self.respond([{**entry, "type": "file", "oid": COMMIT} for entry in entries])
        else:
            siblings = [{"rfilename": name} for name in files]
            self.respond({"id": "me/model", "sha": COMMIT, "siblings": siblings})

    do_HEAD = do_GET

    def respond(self, content, status=200, **headers):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(content)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *args):
        """Log nothing."""


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.files, server.requests, server.tokens = {}, [], []
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


def options(hub):
    return {"endpoint": hub.url, "token": "hf_token"}


def test_a_model_is_uploaded_and_loaded_from_the_hub(hub, clf, trials, tmp_path):
    url = push_to_hub(clf, "me/model", trials=trials, notes="hello", **options(hub))
    assert url == f"{hub.url}/me/model/commit/{COMMIT}"
    assert sorted(hub.files) == FILES
    model = pull_from_hub("me/model", cache_dir=tmp_path, **options(hub))
    assert np.array_equal(model.predict_proba(trials), clf.predict_proba(trials.X))
    assert model.card["training"]["notes"] == "hello"


def test_a_model_in_an_existing_repository_is_replaced(hub, clf):
    push_to_hub(clf, "me/model", notes="first", **options(hub))
    push_to_hub(clf, "me/model", notes="second", **options(hub))
    assert json.loads(hub.files["card.json"])["training"]["notes"] == "second"


def test_every_request_has_the_token(hub, clf, tmp_path):
    push_to_hub(clf, "me/model", **options(hub))
    pull_from_hub("me/model", cache_dir=tmp_path, **options(hub))
    assert set(hub.tokens) == {"Bearer hf_token"}


@pytest.mark.parametrize("options_private", [{}, {"private": False}])
def test_a_new_repository_is_private_by_default(options_private, hub, clf):
    push_to_hub(clf, "me/model", **options_private, **options(hub))
    (created,) = (json.loads(body) for path, body in hub.requests if path.endswith("/create"))
    is_private = "private" in created.values() or created.get("private", False)
    assert is_private == (not options_private)


def test_only_files_of_the_model_are_uploaded_and_downloaded(hub, clf, tmp_path):
    folder = save_model(clf, tmp_path / "model")
    (folder / "recordings.npy").write_bytes(b"EEG")
    push_to_hub(folder, "me/model", **options(hub))
    assert sorted(hub.files) == FILES
    hub.files.update({"model.pkl": b"a pickle", "code/run.py": b"print()"})
    cache = tmp_path / "cache"
    pull_from_hub("me/model", cache_dir=cache, **options(hub))
    assert sorted(file.name for file in cache.rglob("*") if file.is_symlink()) == FILES
    assert not any("model.pkl" in path or "run.py" in path for path, _ in hub.requests)


def test_revision_and_commit_message_are_sent(hub, clf, tmp_path):
    push_to_hub(clf, "me/model", revision="trial", message="First model", **options(hub))
    (commit,) = (body for path, body in hub.requests if path.endswith("/commit/trial"))
    assert json.loads(commit.splitlines()[0])["value"]["summary"] == "First model"
    pull_from_hub("me/model", revision="v1", cache_dir=tmp_path, **options(hub))
    assert any(path.endswith("/revision/v1") for path, _ in hub.requests)


def test_a_model_changed_on_the_hub_is_refused(hub, clf, tmp_path):
    push_to_hub(clf, "me/model", **options(hub))
    content = bytearray(hub.files["weights.safetensors"])
    content[-1] ^= 1
    hub.files["weights.safetensors"] = bytes(content)
    with pytest.raises(ValueError, match=r"weights\.safetensors cannot be loaded: checksum"):
        pull_from_hub("me/model", cache_dir=tmp_path, **options(hub))


def test_models_that_cannot_be_loaded_or_described_are_not_uploaded(hub, clf, trials, tmp_path):
    folder = save_model(clf, tmp_path / "model")
    with pytest.raises(TypeError, match="trials, notes must not be passed with the path"):
        push_to_hub(folder, "me/model", trials=trials, notes="", **options(hub))
    (folder / "card.json").write_text("{}")
    with pytest.raises(ValueError, match=r"card\.json cannot be loaded"):
        push_to_hub(folder, "me/model", **options(hub))
    with pytest.raises(TypeError, match="'classifier' must be an instance of"):
        push_to_hub(MSiMambaClassifier, "me/model", **options(hub))
    assert not hub.requests


def test_a_missing_package_is_named_with_its_extra(clf, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for call in (lambda: push_to_hub(clf, "me/model"), lambda: pull_from_hub("me/model")):
        with pytest.raises(ImportError, match=r"pip install 'skmamba\[hub\]'"):
            call()
