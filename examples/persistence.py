"""
Saving and loading a model
==========================

A fitted pipeline is saved as a folder of safetensors and JSON, without pickle, so loading it does
not execute code. The saved model contains the channels and the sampling rate of its data, and
raises an error for others. An ONNX graph runs without Python.
"""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skmamba import (
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    load_eegmat,
    load_model,
    save_model,
)
from skmamba.persistence import to_onnx
from skmamba.plots import TrainingCurveDisplay

N_SUBJECTS = 12  # of 20
MAX_EPOCHS = 8

# %%
# Model
# -----
# Rest and mental arithmetic, four frontal channels, few epochs. Four subjects are held out.

trials = load_eegmat()
subjects = trials.metadata["subject"].unique()[:N_SUBJECTS]
train, test = trials.select(subject=subjects[:-4]), trials.select(subject=subjects[-4:])
pipe = make_pipeline(
    ChannelPicker("frontal4"),
    SlidingWindows(window_size=2.0),
    MSiMambaClassifier(max_epochs=MAX_EPOCHS, random_state=0),
)
pipe.fit(train, train.y)
accuracy = pipe.score(test, test.y)

# %%
# Save
# ----
# Weights are written to a safetensors file, everything else to a JSON card. A README describes the
# model. From ``trials``, only name, size, sampling rate, channels and a checksum are stored.

temporary = TemporaryDirectory()
folder = save_model(
    pipe,
    Path(temporary.name) / "arithmetic",
    trials=train,
    protocol="four subjects held out",
    scores={"accuracy of trials": round(accuracy, 3)},
    notes="An example with few subjects and epochs.",
)
for file in sorted(folder.iterdir()):
    print(f"{file.name:22}{file.stat().st_size:8} bytes")
print((folder / "README.md").read_text())

# %%
# Load
# ----
# The probabilities of the loaded model are bitwise the same, and it has the training history.

model = load_model(folder)
print(model)
print("equal:", np.array_equal(model.predict_proba(test), pipe.predict_proba(test)))

TrainingCurveDisplay.from_estimator(model.estimator)
plt.show()

# %%
# Checks
# ------
# A network returns predictions for any input of the right shape. A saved model raises an error for
# trials with another sampling rate or with channels in another order.

swapped = list(trials.ch_names[::-1])
for other in (
    replace(test, sfreq=250),
    replace(test, X=test.X[:, ::-1], ch_names=swapped),
):
    try:
        model.predict(other)
    except ValueError as error:
        print(error)

# %%
# Checksums detect damaged or edited files. They do not prove who created a model.

card = json.loads((folder / "card.json").read_text())
card["training"]["scores"] = {"accuracy of trials": 0.99}
(folder / "card.json").write_text(json.dumps(card))
try:
    load_model(folder)
except ValueError as error:
    print(str(error).replace(temporary.name, "..."))

# %%
# ONNX
# ----
# The graph maps windows in microvolts to the probabilities of each window; scaling is included. The
# mean over the windows of a trial is the soft vote. Requires ``pip install "skmamba[onnx]"``.

import onnxruntime  # noqa: E402

file = to_onnx(pipe, Path(temporary.name) / "arithmetic.onnx", trials=train)
session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
print(session.get_modelmeta().custom_metadata_map)

windows = pipe[:-1].transform(test)[0]  # of one trial: (n_windows, n_channels, n_times)
(probabilities,) = session.run(None, {"windows": np.ascontiguousarray(windows)})
difference = np.abs(probabilities.mean(axis=0) - pipe.predict_proba(test)[0]).max()
print(f"largest difference of a probability below 1e-5: {difference < 1e-5}")

# %%
# Hugging Face Hub
# ----------------
# The Hub stores the same files, in private repositories by default::
#
#     push_to_hub(pipe, "me/arithmetic", trials=train)
#     model = pull_from_hub("me/arithmetic", revision="<commit>")
#
# See :doc:`/user_guide/persistence`.

temporary.cleanup()
