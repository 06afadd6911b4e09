"""Test of the browser page in examples/web, in headless Chromium."""

import functools
import json
import os
import re
import shutil
import subprocess
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows
from skmamba.datasets import simulate_trials
from skmamba.persistence import to_onnx

WEB = Path(__file__).parents[1] / "examples/web"
CHROMIUM, RUNTIME = shutil.which("chromium"), os.environ.get("SKMAMBA_ORT_WEB")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on PATH"),
    pytest.mark.skipif(
        RUNTIME is None, reason="needs SKMAMBA_ORT_WEB, the folder dist of onnxruntime-web"
    ),
]


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Folder of the page and of onnxruntime-web, and its address."""
    folder = tmp_path_factory.mktemp("site")
    for file in ("index.html", "decode.js"):
        shutil.copy(WEB / file, folder)
    (folder / "ort").symlink_to(Path(RUNTIME).resolve())
    handler = functools.partial(QuietHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


@pytest.fixture(scope="module")
def pipe(site):
    """Pipeline of two of four channels, exported to the site."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="needs the extra 'onnx'")
    simulated = simulate_trials(n_channels=4, n_times=256)
    trials = replace(simulated, label_names={0: "rest", 1: "task"})
    classifier = MSiMambaClassifier(d_model=8, max_epochs=2, random_state=0)
    pipe = make_pipeline(ChannelPicker(["F4", "Fp1"]), SlidingWindows(1.0), classifier)
    pipe.fit(trials, trials.y)
    to_onnx(pipe, site[0] / "model.onnx", trials=trials)
    return pipe


def open_page(url, profile, **query):
    """Return the text of the elements that have one, by their id, after the page has run."""
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--virtual-time-budget=60000", f"--user-data-dir={profile}"]
    command.append(f"{url}?{urlencode({'ort': 'ort', **query})}")
    page = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    return {
        name: re.search(rf'id="{name}"[^>]*>(.*?)</(?:p|ul|svg|output)>', page, re.DOTALL)[1]
        for name in ("status", "legend", "plot", "result")
    }


def test_the_page_shows_the_probabilities_of_the_classifier(site, pipe, tmp_path):
    folder, url = site
    samples = simulate_trials(n_subjects=1, n_trials=1, n_channels=4, n_times=900, random_state=1)
    columns = dict(zip(samples.ch_names, samples.X[0], strict=True))
    table = pd.DataFrame({"timestamps": np.arange(900) / 128, **columns})
    event = pd.DataFrame({"timestamps": [0.5]})  # a row of an event, without EEG
    table = pd.concat([table[:64], event, table[64:]])
    table.to_csv(folder / "samples.csv", index=False)
    page = open_page(url, tmp_path, model="model.onnx", samples="samples.csv")
    assert page["status"] == "F4, Fp1: 7.0 s at 128 Hz, windows of 1 s: 13."
    result = json.loads(page["result"])
    assert result["classes"] == ["rest", "task"]
    assert result["times"] == [1 + 0.5 * i for i in range(13)]
    windows = [samples.X[0, [3, 0], 64 * i : 64 * i + 128] for i in range(13)]  # F4, Fp1
    expected = pipe[-1].predict_proba(np.stack(windows))
    assert np.ptp(expected[:, 0]) > 0.01
    np.testing.assert_allclose(result["probabilities"], expected, rtol=0, atol=1e-4)
    assert re.findall(r"</span>(.*?)</li>", page["legend"]) == ["rest", "task", "chance level"]
    assert page["plot"].count("<polyline") == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("F4,Fp2\n1,2\n", "The samples must have the columns F4, Fp1; missing: Fp1."),
        ("F4,Fp1\n1,\n", 'The samples must be numbers, got "" in column Fp1.'),
        ("F4,Fp1\n1,2\n", "The samples must be at least 128 rows, got 1."),
    ],
)
@pytest.mark.usefixtures("pipe")
def test_the_page_states_what_is_wrong_with_a_file(site, tmp_path, text, message):
    folder, url = site
    (folder / "wrong.csv").write_text(text)
    page = open_page(url, tmp_path, model="model.onnx", samples="wrong.csv")
    assert page["status"] == message
    assert page["result"] == ""
