"""What MS-iMamba reaches on the EEG that is here, beside chance and its rivals.

Run ``make results``; ``--write docs/research/results.md`` puts each section into that page as soon as it is
done. Finished fits are kept in ``--store``: after an interruption the same command goes on.
"""

import runpy
from argparse import ArgumentParser
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from measure import describe_machine
from scores import WINDOWS, FewerSubjects, evaluate_seeds, put_in_words, tabulate
from sklearn.dummy import DummyClassifier
from speed import to_markdown

from skmamba import ChannelPicker, Trials, load_eegmat, make_models
from skmamba.datasets import simulate_trials
from skmamba.evaluation import CrossSubjectSplit, leakage_gap
from skmamba.pipelines import list_models

ROOT = Path(__file__).parents[1]
EXAMPLE = runpy.run_path(str(ROOT / "examples/ablations.py"))  # the rows of one are those of both
BEST_KNOWN = [
    *("MS-iMamba", "EEGNet", "ShallowFBCSPNet", "TSception", "EEGConformer"),
    *("band-power-LDA", "tangent-space-LR"),
]
TWO = ["MS-iMamba", "EEGNet"]
SHARES = {"all": 1, "half": 1 / 2, "quarter": 1 / 4}
AT_CHANCE = 0.45, 0.55


@dataclass(frozen=True)
class Bench:
    """How much is run, on how many cores, and where finished fits are kept.

    Quick means four people, ten seconds of a trial, two folds, one seed, one pass: to see that
    everything is in place, not to learn anything.
    """

    n_seeds: int | None  # None: each section has its own number
    is_quick: bool
    n_jobs: int
    store: str

    @property
    def passes(self):
        return {"max_epochs": 1 if self.is_quick else None}

    @property
    def n_folds(self):
        return 2 if self.is_quick else 5

    def seeds(self, usual=3):
        return range(self.n_seeds or (1 if self.is_quick else usual))

    def shorten(self, trials):
        if not self.is_quick:
            return trials
        trials = trials.select(subject=trials.metadata["subject"].unique()[:4])
        return replace(trials, X=trials.X[..., : int(10 * trials.sfreq)])

    def evaluate(self, models, trials, splitters):
        return evaluate_seeds(models, trials, splitters, n_jobs=self.n_jobs, store=self.store)

    def compare(self, models, trials, splitters=None):
        """Table and sentence; by default of three seeds, on five folds over people."""
        splitters = splitters or [CrossSubjectSplit(self.n_folds) for _ in self.seeds()]
        return self.tell(*self.evaluate(models, trials, splitters), models, trials)

    def tell(self, by_fold, by_subject, models, trials):
        text = (
            f"{by_subject['subject'].nunique()} people in {by_fold['fold'].nunique()} folds, seeds "
            f"{', '.join(map(str, by_fold['seed'].unique()))}. {describe_machine()}; fits at a "
            f"time: {self.n_jobs}.\n\n{to_markdown(tabulate(by_fold, by_subject, models, trials))}"
        )
        return text + (f"\n\n{put_in_words(by_subject)}" if len(models) > 1 else "")


# Sections, each by the name that --only takes


def headline(bench):
    trials = bench.shorten(load_eegmat())
    models = make_models(BEST_KNOWN, trials, **bench.passes)
    return bench.compare(models, trials, [CrossSubjectSplit() for _ in bench.seeds(5)])


def rivals(bench):
    trials = bench.shorten(load_eegmat())
    return bench.compare(make_models(list_models(), trials, **bench.passes), trials)


def ablations(bench):
    trials = bench.shorten(load_eegmat())
    return bench.compare(EXAMPLE["make_ablations"](trials, **bench.passes), trials)


def channels(bench):
    trials = bench.shorten(load_eegmat())
    models = {
        f"{name} ({n_channels} channels)": model
        for n_channels, picks in ((4, "frontal4"), (19, None))
        for name, model in make_models(
            [*TWO, "band-power-LDA"], trials, picks=picks, **bench.passes
        ).items()
    }
    return bench.compare(models, trials)


def people(bench):
    trials = bench.shorten(load_eegmat())
    cv, models, parts = CrossSubjectSplit(bench.n_folds), {}, []
    for label, share in SHARES.items():
        named = make_models(TWO, trials, **bench.passes)
        named = {f"{name} ({label})": model for name, model in named.items()}
        splitters = [FewerSubjects(cv, share, seed) for seed in bench.seeds()]
        parts.append(bench.evaluate(named, trials, splitters))
        models |= named
    by_fold, by_subject = map(pd.concat, zip(*parts, strict=True))
    return bench.tell(by_fold, by_subject, models, trials)


def leak(bench):
    rows = [
        row
        for trials in (load_eegmat(), plant_leak())
        for row in strict_and_leaky(bench.shorten(trials), bench)
    ]
    sentence = " ".join(
        f"{row['data']}: labels that mean nothing score {row['random windows']} by random windows, "
        f"{row['subjects']} by subject."
        for row in rows
        if row["labels"] == "permuted"
    )
    seeds = ", ".join(map(str, bench.seeds()))
    return f"{bench.n_folds} folds, seeds {seeds}.\n\n{to_markdown(rows)}\n\n{sentence}"


def control(bench):
    trials = bench.shorten(load_control())
    models = make_models("MS-iMamba", trials, **bench.passes)
    scores = bench.evaluate(models, trials, [CrossSubjectSplit() for _ in bench.seeds(5)])
    mean = scores[0].loc[scores[0]["kind"] == "model", WINDOWS].mean()
    low, high = AT_CHANCE
    verdict = "between" if low <= mean <= high else "NOT between"
    sentence = f"Windows score {mean:.3f}, {verdict} {low} and {high}."
    return f"{bench.tell(*scores, models, trials)}\n\n{sentence}"


SECTIONS = {
    section.__name__: section
    for section in (headline, rivals, ablations, channels, people, leak, control)
}


# What sections are made of


def strict_and_leaky(trials, bench):
    """Rows for true and for permuted labels: one score a split, and chance."""
    (model,) = make_models("MS-iMamba", trials, **bench.passes).values()
    options = {"size": int(2 * trials.sfreq), "n_splits": bench.n_folds, "n_jobs": bench.n_jobs}
    gaps = pd.concat(
        leakage_gap(model, trials, **options, random_state=seed, verbose=False)
        for seed in bench.seeds()
    )
    chance = leakage_gap(DummyClassifier(), trials, **options, verbose=False)["mean"].mean()
    for labels, own in gaps.groupby("labels", sort=False):
        means = own.groupby("split", sort=False)["mean"].mean()
        yield {
            "data": trials.name,
            "labels": labels,
            **means.map("{:.2f}".format),
            "chance": f"{chance:.2f}",
            "the split adds": f"{means['random windows'] - means['subjects']:+.2f}",
        }


def plant_leak():
    """Trials with gains and offsets of their own, and nothing that tells the classes."""
    trials = simulate_trials(n_subjects=8, n_times=2560, effect=0)
    rng, shape = np.random.default_rng(0), (len(trials), len(trials.ch_names), 1)
    X = trials.X * rng.lognormal(sigma=0.5, size=shape) + rng.normal(scale=30, size=shape)
    return replace(trials, X=X.astype(np.float32), name="planted leak")


def load_control():
    """EEGMAT's first minute of rest as class 0 and its last as class 1."""
    with np.load(ROOT / "tests/data/eegmat_control.npz") as data:
        ch_names = data["ch_names"].tolist()
        first, subject = data["X"] * np.float32(0.1), data["subject"].astype(int)
    last = load_eegmat().select("segment == 2")
    last = last.select(subject=subject)
    picked = ChannelPicker(ch_names, ch_names=last.ch_names).fit_transform(last.X)
    metadata = {"subject": np.tile(subject, 2), "session": 0, "trial": np.arange(2 * len(subject))}
    return Trials(
        np.concatenate([first, picked]),
        np.repeat([0, 1], len(subject)),
        pd.DataFrame(metadata),
        sfreq=last.sfreq,
        ch_names=ch_names,
        name="first against last minute of rest",
    )


# The page


def command(name, bench):
    """Return what makes this section again."""
    seeds = "" if bench.n_seeds is None else f" --seeds {bench.n_seeds}"
    return f"python benchmarks/results.py --only {name}{seeds}{' --quick' * bench.is_quick}"


def write_section(path, name, text):
    """Replace what stands between the section's marks, and nothing else."""
    marks = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = path.read_text(encoding="utf-8").partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not end:
        raise ValueError(f"{path} has no place for {name}: it needs {' and '.join(marks)}.")
    page = f"{before}{marks[0]}\n\n{text}\n\n{marks[1]}{after}"
    path.write_text(page, encoding="utf-8")


def main(argv=None):
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=", ".join(SECTIONS)
    )
    parser.add_argument("--seeds", type=int, help="instead of five, or three")
    parser.add_argument("--quick", action="store_true", help="four people and one pass, as a trial")
    parser.add_argument("--jobs", type=int, default=2, help="fits that run side by side")
    parser.add_argument("--store", default="results/eegmat", help="keeps finished fits")
    parser.add_argument("--write", type=Path, help="page whose sections are replaced")
    options = parser.parse_args(argv)
    bench = Bench(options.seeds, options.quick, options.jobs, options.store)
    for name in options.only or SECTIONS:
        start = perf_counter()
        print(f"\n{name}", flush=True)
        text = f"```shell\n{command(name, bench)}\n```\n\n{SECTIONS[name](bench)}"
        print(f"\n{text}\n\n{(perf_counter() - start) / 60:.1f} minutes", flush=True)
        if options.write:
            write_section(options.write, name, text)


if __name__ == "__main__":
    main()
