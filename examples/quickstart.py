"""
MS-iMamba on real EEG, across subjects
======================================

Twenty people at rest and doing mental arithmetic, four frontal electrodes, windows of two seconds.
Every model is trained on sixteen people and judged on the four it has never met; a trial is one
sample, so no window of a trial can stand on both sides. ``--folds 20`` leaves one subject out.
"""

from argparse import ArgumentParser
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from tqdm import tqdm

from skmamba import (
    BraindecodeClassifier,
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    WindowVotingClassifier,
    load_eegmat,
)

BANDS = {"delta": (1, 4), "theta": (4, 8), "alpha": (8, 13), "beta": (13, 30), "gamma": (30, 45)}


def log_band_power(windows, sfreq):
    """Log power of five bands in each channel: the features that deep nets have to beat."""
    power = np.abs(np.fft.rfft(windows - windows.mean(-1, keepdims=True))) ** 2
    hertz = np.fft.rfftfreq(windows.shape[-1], 1 / sfreq)
    bands = [power[..., (low <= hertz) & (hertz < high)].mean(-1) for low, high in BANDS.values()]
    return np.log(np.concatenate(bands, axis=-1))


def make_models(trials, seed=0):
    """Pipelines from trials to answers that differ in their last step only."""
    band_power = make_pipeline(
        FunctionTransformer(log_band_power, kw_args={"sfreq": trials.sfreq}),
        StandardScaler(),
        LinearDiscriminantAnalysis(),
    )
    classifiers = {
        "MS-iMamba": MSiMambaClassifier(random_state=seed),
        "EEGNet (braindecode)": BraindecodeClassifier("EEGNet", random_state=seed),
        "band power + LDA": WindowVotingClassifier(band_power),
        "majority (chance)": WindowVotingClassifier(DummyClassifier(strategy="most_frequent")),
    }
    return {
        name: make_pipeline(
            ChannelPicker("frontal4", ch_names=trials.ch_names),
            SlidingWindows(size=2, sfreq=trials.sfreq),
            classifier,
        )
        for name, classifier in classifiers.items()
    }


def fit_and_score(name, model, trials, train_idx, test_idx):
    """Fit one model on one fold; one row per held-out subject, scored over trials and windows."""
    model = clone(model)
    start = perf_counter()
    model.fit(trials.X[train_idx], trials.y[train_idx])
    seconds = perf_counter() - start
    bags = model[:-1].transform(trials.X[test_idx])
    n_windows = bags.shape[1]
    by_trial = model[-1].predict(bags)
    by_window = model[-1].predict(bags.reshape(-1, *bags.shape[2:])).reshape(-1, n_windows)
    truth, subjects = trials.y[test_idx], trials.metadata["subject"].to_numpy()[test_idx]
    rows = []
    for subject in np.unique(subjects):
        own = subjects == subject
        of_windows = np.repeat(truth[own], n_windows)
        rows.append(
            {
                "model": name,
                "subject": subject,
                "trials": balanced_accuracy_score(truth[own], by_trial[own]),
                "windows": balanced_accuracy_score(of_windows, by_window[own].ravel()),
                "fit seconds": seconds,
            }
        )
    return rows


def evaluate(models, trials, cv):
    """Fit every model on every fold, on all cores; one row per model and held-out subject."""
    folds = list(cv.split(trials.X, trials.y, groups=trials.metadata["subject"]))
    jobs = [
        delayed(fit_and_score)(name, model, trials, *fold)
        for (name, model), fold in product(models.items(), folds)
    ]
    finished = Parallel(n_jobs=-1, return_as="generator")(jobs)
    rows = [row for fold in tqdm(finished, total=len(jobs), unit="fit") for row in fold]
    return pd.DataFrame(rows)


def summarise(results):
    """Mean and spread over subjects, in the order of the models."""
    by_model = results.groupby("model", sort=False)
    spread = "{:.2f} ± {:.2f}".format
    return pd.DataFrame(
        {
            f"balanced accuracy, {level}": by_model[level].agg(lambda s: spread(s.mean(), s.std()))
            for level in ("trials", "windows")
        }
        | {"fit seconds": by_model["fit seconds"].mean().round(1)}
    )


def draw(results, path):
    """One dot a subject, a bar for the mean, a line for chance."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    rng = np.random.default_rng(0)
    for place, (_, rows) in enumerate(results.groupby("model", sort=False)):
        jitter = rng.uniform(-0.15, 0.15, len(rows))
        ax.plot(place + jitter, rows["windows"], "o", alpha=0.5, markersize=5, color=f"C{place}")
        ax.hlines(rows["windows"].mean(), place - 0.25, place + 0.25, color=f"C{place}", lw=3)
    ax.axhline(0.5, color="0.4", ls="--", lw=1)
    ax.text(ax.get_xlim()[1], 0.5, " chance", va="center", color="0.4")
    ax.set_xticks(range(results["model"].nunique()), results["model"].unique())
    ax.set_ylabel("balanced accuracy over windows")
    ax.set_title("Rest or arithmetic? Subjects the models have never met")
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main():
    """Run the comparison, print its table and save its picture."""
    parser = ArgumentParser(description="MS-iMamba against its rivals, across subjects.")
    parser.add_argument("--folds", type=int, default=5, help="20 leaves one subject out")
    parser.add_argument("--seed", type=int, default=0, help="of the networks")
    options = parser.parse_args()
    trials = load_eegmat()
    print(trials)
    models = make_models(trials, options.seed)
    results = evaluate(models, trials, GroupKFold(options.folds))
    print(f"\n{options.folds} folds over subjects; mean ± sd over subjects:\n")
    print(summarise(results).to_string())
    picture = Path(__file__).with_suffix(".png")
    draw(results, picture)
    print(f"\nPicture: {picture}")


if __name__ == "__main__":
    main()
