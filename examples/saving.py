"""
Keeping a model, and passing it on
==================================

A fitted pipeline becomes a folder of numbers and text that can be opened without trust: no pickle,
and nothing in it is run. The model knows what data it is for, and refuses others. For those who
have no Python there is ONNX.
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
# A model
# -------
# Rest and mental arithmetic, four frontal electrodes, four people held out. Few passes and one
# network, to be quick. ``period_selection="fixed"`` folds all windows at the same periods, which is
# what an ONNX graph can hold; leave it out if you need no ONNX.

trials = load_eegmat()
people = trials.metadata["subject"].unique()[:N_SUBJECTS]
known, new = trials.select(subject=people[:-4]), trials.select(subject=people[-4:])
pipe = make_pipeline(
    ChannelPicker("frontal4", ch_names=trials.ch_names),
    SlidingWindows(window_size=2, sfreq=trials.sfreq),
    MSiMambaClassifier(
        n_members=1,
        max_epochs=MAX_EPOCHS,
        random_state=0,
        module_params={"period_selection": "fixed"},
    ),
)
pipe.fit(known.X, known.y)
accuracy = pipe.score(new.X, new.y)

# %%
# Into a folder
# -------------
# Weights go into a file of safetensors, everything else into a card, and a page for people shows
# the card. ``trials`` give it their name, size, rate, channels and digest, and not one of their
# values.

temporary = TemporaryDirectory()
folder = save_model(
    pipe,
    Path(temporary.name) / "arithmetic",
    trials=known,
    protocol="four people held out, once",
    scores={"accuracy of trials": round(accuracy, 3)},
    notes="An example; few people, few passes.",
)
for file in sorted(folder.iterdir()):
    print(f"{file.name:22}{file.stat().st_size:8} bytes")
print((folder / "README.md").read_text())

# %%
# And back
# --------
# The loaded model gives the same probabilities to the bit, and still knows how it was trained.

model = load_model(folder)
print(model)
print("the same:", np.array_equal(model.predict_proba(new), pipe.predict_proba(new.X)))

TrainingCurveDisplay.from_estimator(model.estimator)
plt.show()

# %%
# What it refuses
# ---------------
# A network answers whatever it is given. Trials of another rate or with channels in another order
# would get answers too, wrong ones, and nobody would notice. A saved model does.

swapped = list(trials.ch_names[::-1])
for other in (
    replace(new, sfreq=250),
    replace(new, X=new.X[:, ::-1], ch_names=swapped),
):
    try:
        model.predict(other)
    except ValueError as error:
        print(error)

# %%
# Files that were damaged, or changed in a hurry, are noticed as well. Digests cannot tell who made
# a model: whoever changes a card with care can renew them.

card = json.loads((folder / "card.json").read_text())
card["training"]["scores"] = {"accuracy of trials": 0.99}
(folder / "card.json").write_text(json.dumps(card))
try:
    load_model(folder)
except ValueError as error:
    print(str(error).replace(temporary.name, "..."))

# %%
# Without Python
# --------------
# The ONNX graph takes windows in microvolt, as they come from the amplifier, and gives the
# probabilities of each; scaling is inside. The vote over a trial's windows is left to you: their
# mean. This needs ``pip install "skmamba[onnx]"``.

import onnxruntime  # noqa: E402

file = to_onnx(pipe, Path(temporary.name) / "arithmetic.onnx", trials=known)
session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
print(session.get_modelmeta().custom_metadata_map)

windows = pipe[:-1].transform(new.X[:1])[0]  # of one trial: (n_windows, n_channels, n_times)
(probabilities,) = session.run(None, {"windows": np.ascontiguousarray(windows)})
difference = np.abs(probabilities.mean(axis=0) - pipe.predict_proba(new.X[:1])[0]).max()
print(f"largest difference of a probability below 1e-5: {difference < 1e-5}")

# %%
# To others
# ---------
# The Hugging Face Hub takes the same three files. They are private unless you say otherwise:
# weights can tell something of the people they were learned from::
#
#     push_to_hub(pipe, "me/arithmetic", trials=known)
#     model = pull_from_hub("me/arithmetic", revision="a commit, which stays as it is")
#
# :doc:`/saving` has the rest.

temporary.cleanup()
