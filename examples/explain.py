"""
Inspection of a trained model
=============================

This example shows the frequencies that the multi-scale block selects, the importance of channels,
the effect of electrode failure, and the attribution of the output to the input. The data are
simulated with a known effect, a rhythm of 10 Hz in F3, so that each result can be verified.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from skmamba import MSiMambaClassifier, SlidingWindows
from skmamba.datasets import simulate_trials
from skmamba.inspection import (
    channel_importance,
    electrode_failure,
    frequency_profile,
    input_attribution,
)
from skmamba.plots import ChannelImportanceDisplay, ElectrodeFailureDisplay, FrequencyDisplay

N_TRIALS = 16  # of each of eight subjects
MAX_EPOCHS = 8

# %%
# Model
# -----
# All channels have an alpha rhythm of about 10 Hz. In class 1 it is stronger in F3. Six subjects
# are used for training and two for inspection, since a network may memorise its training subjects.

options = {"n_subjects": 8, "n_trials": N_TRIALS}
trials = simulate_trials(effect=1.5, **options)
X = simulate_trials(effect=0, random_state=1, **options).X
X[:, 2] = trials.X[:, 2]  # F3
trials = replace(trials, X=X, label_names={0: "weak", 1: "strong"})

pipe = make_pipeline(
    SlidingWindows(window_size=2.0),
    MSiMambaClassifier(max_epochs=MAX_EPOCHS, random_state=0),
)
train, test = trials.select("subject < 6"), trials.select("subject >= 6")
pipe.fit(train, train.y)
print(f"accuracy {pipe.score(test, test.y):.2f} on test subjects, chance level 0.50")

# %%
# Frequencies of the multi-scale block
# ------------------------------------
# MS-iMamba reshapes each window to 2-D at the periods of its strongest frequencies. Frequencies
# around 10 Hz are selected more often in the class with more alpha power. A selected frequency is
# not necessarily relevant: low frequencies are strong in any EEG, and are selected in both classes.

profile = frequency_profile(pipe, test)
FrequencyDisplay.from_profile(profile, label_names=trials.label_names)
plt.show()

# %%
# The frequencies are selected by the mean amplitude over channels. The amplitudes of single
# channels show which channel contains the rhythm.

amplitude = profile[profile["frequency"].between(9, 11)].pivot_table(
    index="channel", columns="label", values="amplitude"
)
print(amplitude.rename(columns=trials.label_names).round(2))

# %%
# Importance of channels
# ----------------------
# In each cross-validation fold, a clone is trained, and one channel is permuted between test
# trials. The importance is the decrease of the score. The function accepts any classifier.

importance = channel_importance(
    pipe, trials, groups=trials.metadata["subject"], cv=GroupKFold(4), random_state=0
)
by_channel = importance.groupby("channel")["importance"].mean()
print(by_channel.round(2).to_string())
print(f"most important: {by_channel.idxmax()}")

ChannelImportanceDisplay.from_importance(importance)
plt.show()

# %%
# Electrode failure
# -----------------
# Channels are set to zero, in all combinations. The score drops to the chance level if F3 fails and
# does not change otherwise, so the mean decreases linearly with the number of failed electrodes.
# With redundant channels, the curve would be above this line.

curve = electrode_failure(pipe, test, random_state=0)
ElectrodeFailureDisplay.from_curve(curve)
plt.show()

alone = curve[curve["n_failed"] == 1].set_index("channels")["score"]
print(alone.round(2).to_string())

# %%
# Attribution
# -----------
# Integrated gradients are computed from windows of other trials to the window of interest, and
# summed by channel. They require captum: ``pip install "skmamba[captum]"``. Attributions describe
# the network, not the data, and are meaningful only for networks that score above the chance level.

attribution = input_attribution(pipe, test, random_state=0).table
print(attribution.round(3).to_string(index=False))

# %%
# :doc:`/user_guide/inspection` compares the four methods.
