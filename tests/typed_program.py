"""Program whose mistakes mypy must find: in ``make lint``, a comment without one is an error."""

from typing import Any, assert_type

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline

import skmamba
from skmamba import (
    BraindecodeClassifier,
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    StreamDecoder,
    Trials,
    WindowVotingClassifier,
    compare,
    evaluate,
    leakage_report,
    load_eegmat,
    load_model,
    make_models,
    save_model,
)
from skmamba.datasets import simulate_trials
from skmamba.evaluation import CrossSubjectSplit, EvaluationResults
from skmamba.models import MSiMamba
from skmamba.preprocessing import EuclideanAlignment


def program() -> None:
    """Use the public API; each commented line has a mistake."""
    from skmamba import EuclideanAlignement  # type: ignore[attr-defined]

    print(EuclideanAlignement)
    skmamba.load_eegmta()  # type: ignore[attr-defined]

    trials = load_eegmat()
    assert_type(trials.select("subject < 3", session=[0, 1]), Trials)
    assert_type(trials.select(trials.y == 1).as_windows(2.0, stride=1.0), Trials)
    assert_type(Trials.concatenate([trials, simulate_trials(signal="slow rhythm")]), Trials)
    simulate_trials(signal="strenght")  # type: ignore[arg-type]
    trials.as_windows("2 s")  # type: ignore[arg-type]
    print(trials.sfrq)  # type: ignore[attr-defined]

    picker = ChannelPicker(["Fp1", 3], ch_names=trials.ch_names)
    assert_type(picker.fit(trials.X), ChannelPicker)
    assert_type(picker.transform(trials.X.tolist()), Trials | NDArray[Any])
    MSiMambaClassifier().fit(trials[[1, 2]], trials.y[:2]).predict(trials)
    EuclideanAlignment("calibration").fit(trials.X, groups=trials.metadata)
    ChannelPicker(pick="Fp1")  # type: ignore[call-arg]
    SlidingWindows("2 s")  # type: ignore[arg-type]

    clf = MSiMambaClassifier(embedding="inverted", class_weight="balanced", scaling=None)
    assert_type(clf.fit(trials.X, trials.y, groups=trials.metadata["subject"]), MSiMambaClassifier)
    assert_type(clf.predict_proba(trials.X), NDArray[Any])
    WindowVotingClassifier(clf, voting="hard").fit(trials.X, ["rest", "task"] * 20)
    BraindecodeClassifier(MSiMamba, class_weight={0: 1, 1: 2.5}, random_state=0)
    MSiMambaClassifier(embedding="invertd")  # type: ignore[arg-type]
    MSiMambaClassifier(learning_rate=0.1)  # type: ignore[call-arg]
    clf.fit(trials.X)  # type: ignore[call-arg]

    pipe = make_pipeline(picker, SlidingWindows(2.0, sfreq=trials.sfreq), clf)
    results = evaluate({"net": pipe}, trials, CrossSubjectSplit(4), scoring=["f1"], verbose=False)
    assert_type(results, EvaluationResults)
    assert_type(results.scores, pd.DataFrame)
    evaluate({"net": pipe}, trials, [(np.arange(20), np.arange(20, 40))])
    compare(results, "accuracy", reference="net").to_csv("table.csv")
    evaluate({"net": pipe}, trials, "cross_subjects")  # type: ignore[arg-type]
    evaluate({"net": pipe}, trials, n_job=2)  # type: ignore[call-arg]
    leakage_report("loso", trials)  # type: ignore[arg-type]
    make_models("all", trials.X)  # type: ignore[arg-type]

    assert_type(load_model(save_model(pipe, "model", trials=trials)).predict(trials), NDArray[Any])
    decoder = StreamDecoder(pipe, stride=0.5, smoothing=1.0, sfreq=trials.sfreq)
    assert_type(decoder.delay, float)
    StreamDecoder(pipe, 0.5)  # type: ignore[call-arg]
