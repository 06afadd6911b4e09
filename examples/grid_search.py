"""
Grid search over window length and channels
===========================================

Channels and windows are selected by steps of the pipeline, so a grid search can tune them. Each
setting is scored on subjects that are not in training. The data are simulated with a known effect
in two of four channels: a slow rhythm, for which short windows are not sufficient.
"""

from dataclasses import replace

import pandas as pd
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline

from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows
from skmamba.datasets import simulate_trials

N_SUBJECTS = 12
N_TRIALS = 20  # per subject
MAX_EPOCHS = 12

# %%
# Data with a known effect
# ------------------------
# Trials contain about two slow waves per second. In one class, all have the same sign; in the
# other, the sign alternates, so a window must contain several waves. F3 and F4 have the effect, Fp1
# and Fp2 do not.

options = {"n_subjects": N_SUBJECTS, "n_trials": N_TRIALS, "signal": "slow rhythm"}
trials = simulate_trials(effect=4, **options)
no_effect = simulate_trials(effect=0, random_state=1, **options)
X = trials.X.copy()
X[:, :2] = no_effect.X[:, :2]
trials = replace(trials, X=X)
print(trials)
print(trials.ch_names)

# %%
# Search
# ------
# A quarter of the subjects is held out before the search. With ``groups``, the trials of a subject
# are in one cross-validation fold of the search.

subject = trials.metadata["subject"]
n_train = 3 * N_SUBJECTS // 4
train, test = trials.select(subject < n_train), trials.select(subject >= n_train)

pipe = make_pipeline(
    ChannelPicker(),
    SlidingWindows(window_size=1.0),
    MSiMambaClassifier(max_epochs=MAX_EPOCHS, random_state=0),
)
grid = {
    "channelpicker__picks": [["Fp1", "Fp2"], ["F3", "F4"]],
    "slidingwindows__window_size": [0.5, 1.0, 2.0],
}
search = GridSearchCV(pipe, grid, cv=GroupKFold(2))
search.fit(train, train.y, groups=train.metadata["subject"])

# %%
# The table shows the mean accuracy of trials over folds; the chance level is 0.50.

scores = pd.DataFrame(search.cv_results_["params"]).assign(
    accuracy=search.cv_results_["mean_test_score"]
)
scores["channelpicker__picks"] = scores["channelpicker__picks"].map(" ".join)
print(scores.pivot(index="channelpicker__picks", columns="slidingwindows__window_size").round(2))

best = search.best_params_
print(f"\nbest: {' '.join(best['channelpicker__picks'])}, {best['slidingwindows__window_size']} s")

# %%
# Score on held-out subjects
# --------------------------
# The best of six scores is optimistically biased, because it was selected. The score on subjects
# that were not part of the search is unbiased. ``search`` was refitted on all training subjects.

accuracy = search.score(test, test.y)
print(f"accuracy {accuracy:.2f} of {N_SUBJECTS - n_train} held-out subjects, chance level 0.50")

# %%
# To test every subject once, pass ``search`` to ``cross_val_score``; :doc:`/user_guide/sklearn`
# shows how to pass ``groups`` to the inner splitter. To select among many channels, see
# :doc:`/user_guide/channels`.
