"""
Comparison of models, and the effect of data leakage
====================================================

MS-iMamba, a network of braindecode and a linear model are compared on the same channels, windows
and held-out subjects. Then MS-iMamba is scored with windows that are split at random, as in many
published protocols: the score is higher although the model is the same.
"""

import matplotlib.pyplot as plt

from skmamba import compare, evaluate, load_eegmat, make_models
from skmamba.evaluation import CrossSubjectSplit, leakage_gap
from skmamba.plots import LeakageDisplay, ScoresDisplay

N_SUBJECTS = 12  # of 20
N_FOLDS = 3
MAX_EPOCHS = 8

# %%
# Comparison
# ----------
# Rest and mental arithmetic, four frontal channels, windows of two seconds. Twelve subjects
# and few epochs keep the example short; the quickstart uses the defaults.

trials = load_eegmat()
trials = trials.select(subject=trials.metadata["subject"].unique()[:N_SUBJECTS])
models = make_models(
    ["MS-iMamba", "ShallowFBCSPNet", "band-power-LDA"],
    trials,
    picks="frontal4",
    max_epochs=MAX_EPOCHS,
    random_state=0,
)

results = evaluate(
    models, trials, CrossSubjectSplit(N_FOLDS), baselines=["majority"], random_state=0
)
columns = ["estimator", "n_subjects", "mean", "low", "high", "chance", "p_holm"]
print(compare(results, random_state=0)[columns].round(2).to_string(index=False))

# %%
# Each dot is a subject. The intervals are wide: twelve subjects with two trials each are too few to
# rank models, and differences with a large p-value after Holm's correction are not significant.

ScoresDisplay.from_results(results, random_state=0)
plt.show()

# %%
# Leakage
# -------
# Now windows are the samples, and are split in three ways: at random, by trial and by subject. Each
# split is scored with the true labels, and with labels that are permuted among the trials of each
# subject. Without leakage, permuted labels score at chance level (0.50).

gap = leakage_gap(models["MS-iMamba"], trials, window_size=2.0, n_splits=2, random_state=0)
print(gap.drop(columns=["n_train", "n_test"]).round(2).to_string(index=False))

# %%
# With random windows, the network scores above the chance level even on permuted labels, because it
# was trained on other windows of the test trials. By trial, permuted labels can score *below* the
# chance level: each subject has one trial per class, so the training set contains the other trial
# of the test subject, and a model that recognises the subject predicts the wrong class.

LeakageDisplay.from_gap(gap)
plt.show()

# %%
# :doc:`/user_guide/trials` explains the effect; :doc:`/user_guide/leakage` shows how to check a
# split.
