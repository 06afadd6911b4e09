"""
What does a model listen to?
============================

Four questions to a fitted model: at which rhythms did it fold its windows, which channels does its
score rest on, what is left when electrodes fail, and where in its input does an answer come from.
The truth is planted, so that each answer can be checked: a 10 Hz rhythm, in F3 alone.
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

N_TRIALS = 16  # of each of eight people
MAX_EPOCHS = 8

# %%
# A model, and a truth to find
# ----------------------------
# Everybody has an alpha rhythm in all channels, at about 10 Hz. In class 1 it is stronger, but only
# in F3. Six people train the model and two are kept for questions: what a model makes of people it
# knows by heart says little. It has one network in the place of three, to be quick.

options = {"n_subjects": 8, "n_trials": N_TRIALS}
trials = simulate_trials(effect=1.5, **options)
X = simulate_trials(effect=0, random_state=1, **options).X
X[:, 2] = trials.X[:, 2]  # F3
trials = replace(trials, X=X, label_names={0: "weak", 1: "strong"})

pipe = make_pipeline(
    SlidingWindows(window_size=2, sfreq=trials.sfreq),
    MSiMambaClassifier(n_members=1, max_epochs=MAX_EPOCHS, random_state=0),
)
train, test = trials.select("subject < 6"), trials.select("subject >= 6")
pipe.fit(train.X, train.y)
print(f"{pipe.score(test.X, test.y):.2f} of the trials of new people; chance is 0.50")

# %%
# At which rhythms were windows folded?
# -------------------------------------
# MS-iMamba folds each window at its own strongest frequencies. Those around 10 Hz are chosen more
# often in the class that has more alpha. Chosen does not mean needed: the lowest frequencies are
# strong in any EEG, and are chosen in both classes.

profile = frequency_profile(pipe, test)
FrequencyDisplay.from_profile(profile, label_names=trials.label_names)
plt.show()

# %%
# The frequencies are those of all channels together. Which channel made them so is told by the
# amplitudes.

amplitude = profile[profile["frequency"].between(9, 11)].pivot_table(
    index="channel", columns="label", values="amplitude"
)
print(amplitude.rename(columns=trials.label_names).round(2))

# %%
# Which channels does the score rest on?
# --------------------------------------
# In each fold a clone is trained, and then one channel is exchanged between test trials: what the
# score loses, it had from there. This works for any classifier, and takes its numbers from held-out
# people.

importance = channel_importance(
    pipe, trials, groups=trials.metadata["subject"], cv=GroupKFold(4), random_state=0
)
by_channel = importance.groupby("channel")["importance"].mean()
print(by_channel.round(2).to_string())
print(f"most important: {by_channel.idxmax()}")

ChannelImportanceDisplay.from_importance(importance)
plt.show()

# %%
# What is left when electrodes fail?
# ----------------------------------
# One electrode after the other goes flat, in all combinations. Without F3 there is nothing left to
# tell the classes by, and with F3 nothing is missing: so dots lie at the top and at chance, and the
# mean falls in a straight line. A montage in which channels can stand in for each other would bend
# it upwards.

curve = electrode_failure(pipe, test, random_state=0)
ElectrodeFailureDisplay.from_curve(curve)
plt.show()

alone = curve[curve["n_failed"] == 1].set_index("channels")["score"]
print(alone.round(2).to_string())

# %%
# Where in the input does an answer come from?
# --------------------------------------------
# Integrated gradients go from windows of other trials to the window in question and add up what
# each channel gave on the way. This needs captum: ``pip install "skmamba[captum]"``. It tells what
# the network does, not what is true, so it is a question for networks that score above chance.

attribution = input_attribution(pipe, test, random_state=0)
print(attribution.round(3).to_string(index=False))

# %%
# All four agree, as they should where the truth is this simple. Where they do not, they were asked
# different things: :doc:`/inspection` says which is which.
