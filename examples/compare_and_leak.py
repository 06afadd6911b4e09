"""
A fair comparison, and what a leak does
=======================================

MS-iMamba beside one of braindecode's networks and a linear model: same channels, same windows, same
vote, same people held out. Then the same network is scored the way many papers do it, with windows
shuffled, and it seems to get much better without learning anything.
"""

import matplotlib.pyplot as plt

from skmamba import compare, evaluate, load_eegmat, make_models
from skmamba.evaluation import CrossSubjectSplit, leakage_gap, score_by_subject
from skmamba.plots import LeakageDisplay, ScoresDisplay

N_SUBJECTS = 12  # of 20
N_FOLDS = 3
MAX_EPOCHS = 8

# %%
# Models of the same windows
# --------------------------
# Rest and mental arithmetic, four frontal electrodes, windows of two seconds. To be done in half a
# minute, this page has twelve people, few passes over the data, and one network in the place of an
# ensemble of three. The quickstart compares at full length.

trials = load_eegmat()
trials = trials.select(subject=trials.metadata["subject"].unique()[:N_SUBJECTS])
models = make_models(
    ["MS-iMamba", "ShallowFBCSPNet", "band-power-LDA"],
    trials,
    max_epochs=MAX_EPOCHS,
    random_state=0,
)
models["MS-iMamba"][-1].set_params(n_members=1)

evaluated = evaluate(
    models, trials, CrossSubjectSplit(N_FOLDS), baselines="majority", verbose=False
)
results, predictions = evaluated.scores, evaluated.predictions
scores = score_by_subject(predictions)
columns = ["estimator", "n_subjects", "mean", "low", "high", "chance", "p_holm"]
print(compare(scores)[columns].round(2).to_string(index=False))

# %%
# Every person is one dot, tested once. The intervals are wide: twelve people with two trials each
# rank no models, and a difference that Holm's correction leaves large is no difference.

ScoresDisplay.from_results(scores)
plt.show()

# %%
# The same network, by another split
# ----------------------------------
# Now windows are rows, and folds are drawn in three ways: windows at random, trials kept together,
# people kept together. Each is done twice: with the labels as they are, and with labels dealt out
# anew among the trials of each person. Those mean nothing, so an honest score of them is 0.50.

gap = leakage_gap(models["MS-iMamba"], trials, window_size_samples=256, n_splits=2)
print(gap.drop(columns=["n_train", "n_test"]).round(2).to_string(index=False))

# %%
# With windows at random the network does well, and better than chance even on labels that mean
# nothing: it has seen other windows of the same trials, and remembers. On new people it is back
# where it was. The trials in between can score *below* chance, which is a trap of its own: a
# person has one trial of each class, so when one is tested, training holds the other, and who
# recognises the person answers with the wrong class.

LeakageDisplay.from_gap(gap)
plt.show()

# %%
# :doc:`/trials` tells why this happens, and :doc:`/leakage` how to find out whether your own split
# does it.
