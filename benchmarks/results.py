"""Scores of MS-iMamba and of the other models, as tables of docs/research/results.md.

Run ``make results``; ``--write docs/research/results.md`` replaces each section of that page as
soon as it is computed. Finished folds are cached in ``--cache-dir``, from which an interrupted
run resumes; ``--scores`` keeps the scores of each subject as CSV, so that ``--models`` can evaluate
some models again and read the scores of the others. Sections of data sets that are not in
``--data`` are skipped, see ``data_sets.py``.
"""

import runpy
from argparse import ArgumentParser
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from zlib import crc32

import numpy as np
import pandas as pd
from data_sets import (
    DATA_SETS,
    HEADBAND,
    MODELS,
    MOTOR,
    ODDBALL,
    SIMULATIONS,
    use_first_as_reference,
)
from measure import to_markdown
from scores import (
    SCORE,
    WINDOWS,
    ScoreFile,
    draw_ranks,
    evaluate_seeds,
    format_range,
    format_score,
    rank_models,
    split_fewer_subjects,
    summarize,
    tabulate,
)
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.dummy import DummyClassifier

from skmamba import Trials, load_eegmat, make_models
from skmamba.datasets import simulate_trials
from skmamba.evaluation import CrossSubjectSplit, PriorShiftSplit, leakage_gap
from skmamba.pipelines import list_models

ROOT = Path(__file__).parents[1]
EXAMPLE = runpy.run_path(str(ROOT / "examples/ablations.py"))  # defines the ablations
HEADLINE = [
    *("MS-iMamba", "EEGNet", "ShallowFBCSPNet", "TSception", "EEGConformer"),
    *("band-power-LDA", "tangent-space-LR"),
]
TWO = ["MS-iMamba", "EEGNet"]
WHITENED = ["band-power-LDA", "EEGNet", "ShallowFBCSPNet"]
N_REFERENCE = 3  # first trials of a subject of Sequence-Learning
SEQUENCES, SSVEP = DATA_SETS["Sequence-Learning"], DATA_SETS["SSVEP-exoskeleton"]
NEED_DATA = {  # by section, the data sets that it reads from --data
    "sequence_learning": [SEQUENCES],
    "ssvep": [SSVEP],
    "ranks": [SEQUENCES, SSVEP],
    "all_ranks": [SEQUENCES, SSVEP],
    "ssvep_channels": [SSVEP],
    "spatial_whitening": [SEQUENCES, SSVEP],
    "motor": [*MOTOR.values()],
    "oddball": [*ODDBALL.values()],
    "headband": [*HEADBAND.values()],
    "sequence_subjects": [SEQUENCES],
}
CHANCE_RANGE = 0.45, 0.55
CONTROL_REFERENCE = 20  # seconds, a third of the first minute of rest


@dataclass(frozen=True)
class Settings:
    """Number of seeds, parallel jobs, and the folder of cached folds.

    A quick run has four subjects, ten seconds of each trial, two folds, one seed and one epoch. It
    tests the command, not the models.
    """

    n_seeds: int | None  # None: the default of each section
    is_quick: bool
    n_jobs: int
    cache_dir: str
    data: Path | None = None
    figure: Path | None = None  # of the mean ranks
    models: tuple[str, ...] = ("",)  # starts of the names of evaluated models
    file: ScoreFile | None = None  # of the section, with the scores of all models

    @property
    def params(self):
        return {"picks": "frontal4", **self.epochs}

    @property
    def epochs(self):
        return {"max_epochs": 1 if self.is_quick else None}

    @property
    def n_folds(self):
        return 2 if self.is_quick else 5

    def seeds(self, default=3):
        return range(self.n_seeds or (1 if self.is_quick else default))

    def shorten(self, trials):
        if not self.is_quick:
            return trials
        trials = trials.select(subject=trials.metadata["subject"].unique()[:4])
        return replace(trials, X=trials.X[..., : int(10 * trials.sfreq)])

    def evaluate(self, models, trials, splitters):
        """Return scores by fold and by subject, of other than ``self.models`` from the file."""
        options = {"n_jobs": self.n_jobs, "cache_dir": self.cache_dir}
        own = {name: models[name] for name in models if name.startswith(self.models)}
        scores = evaluate_seeds(own, trials, splitters, **options)
        if self.file:
            scores = self.file.update(*scores)
        if missing := set(models) - set(scores[0]["estimator"]):
            raise ValueError(f"--models must include {', '.join(sorted(missing))}: no scores yet.")
        return scores

    def report(self, models, trials, splitters=None, tests=False):
        """Return the table; by default of three seeds and five folds over subjects."""
        splitters = splitters or [CrossSubjectSplit(self.n_folds) for _ in self.seeds()]
        return self.format(*self.evaluate(models, trials, splitters), models, trials, tests)

    def report_control(self, models, trials, n_seeds):
        """Return the table of a control, whose windows must score at chance level."""
        splitters = [CrossSubjectSplit() for _ in self.seeds(n_seeds)]
        scores = self.evaluate(models, trials, splitters)
        mean = scores[0].loc[scores[0]["kind"] == "model", WINDOWS].mean()
        low, high = CHANCE_RANGE
        verdict = "between" if low <= mean <= high else "NOT between"
        sentence = f"Windows score {mean:.3f}, {verdict} {low} and {high}."
        return f"{self.format(*scores, models, trials)}\n\n{sentence}"

    def format(self, by_fold, by_subject, models, trials, tests=False):
        """Return the table, with tests of paired differences from the first row on request."""
        table = tabulate(by_fold, by_subject, models, trials)
        if not tests:
            table = table.drop(columns=["difference", "p Holm"])
        text = (
            f"{by_subject['subject'].nunique()} subjects in {by_fold['fold'].nunique()} folds, "
            f"seeds {', '.join(map(str, by_fold['random_state'].unique()))}. "
            f"{'; '.join(by_fold['machine'].unique())}; parallel fits: {self.n_jobs}.\n\n"
            f"{to_markdown(table)}"
        )
        return text + (f"\n\n{summarize(by_subject)}" if tests else "")


# Sections, by the names that --only accepts


def headline(settings):
    return report_data_set(DATA_SETS["EEGMAT"], settings, HEADLINE)


def sequence_learning(settings):
    return report_data_set(SEQUENCES, settings)


def ssvep(settings):
    return report_data_set(SSVEP, settings)


def simulations(settings):
    scores = pd.DataFrame(
        {name: score_data_set(entry, settings) for name, entry in SIMULATIONS.items()}
    )
    table = scores.map("{:.2f}".format).rename_axis("model").reset_index()
    return to_markdown(table)


def ranks(settings):
    """Return the table of all data sets; draw the mean ranks."""
    table, mean_ranks, distance = report_ranks(DATA_SETS, settings)
    if settings.figure:
        draw_ranks(mean_ranks, distance, settings.figure)
    return table


def all_ranks(settings):
    """Return the table of all data sets and models, by default of one seed."""
    entries = {
        name: replace(entry, cv=CrossSubjectSplit(settings.n_folds))
        for name, entry in DATA_SETS.items()
    }
    settings = replace(settings, n_seeds=settings.n_seeds or 1)
    return report_ranks(entries, settings, list_models())[0]


def models(settings):
    trials = settings.shorten(load_eegmat())
    return settings.report(make_models(list_models(), trials, **settings.params), trials)


def ablations(settings):
    trials = settings.shorten(load_eegmat())
    models = EXAMPLE["make_ablations"](trials, **settings.params)
    return settings.report(models, trials, tests=True)


def channels(settings):
    return report_channels(DATA_SETS["EEGMAT"], settings, "frontal4")


def ssvep_channels(settings):
    return report_channels(SSVEP, settings, ["O1", "O2", "Oz", "POz"])


def spatial_whitening(settings):
    """Return scores of MS-iMamba with and without spatial whitening."""
    rows = []
    for entry, params in (
        (DATA_SETS["EEGMAT"], {}),
        (DATA_SETS["EEGMAT"], {"picks": None}),
        (SEQUENCES, {}),
        (SSVEP, {}),
        (SIMULATIONS["source"], {}),
    ):
        trials = settings.shorten(entry.load(settings.data))
        models = add_whitening(entry.make_models("MS-iMamba", trials, **params, **settings.epochs))
        splitters = [CrossSubjectSplit(settings.n_folds) for _ in settings.seeds()]
        by_fold, by_subject = settings.evaluate(models, trials, splitters)
        columns = {
            "trials": (by_subject, SCORE),
            "windows": (by_fold, WINDOWS),
            "AUC": (by_fold, "auc"),
        }
        for name, model in models.items():
            n_channels = model[:-1].fit_transform(trials[:1]).shape[2]
            row = {"data": trials.name, "channels": n_channels, "model": name}
            for column, (scores, unit) in columns.items():
                own = scores[scores["estimator"] == name]
                mean = format_score(own[unit].mean())
                row[column] = f"{mean} ({format_range(own, unit)[name]})"
            rows.append(row)
    seeds = ", ".join(map(str, settings.seeds()))
    return f"{settings.n_folds} folds, seeds {seeds}.\n\n{to_markdown(rows)}"


def motor(settings):
    """Return scores within subjects, with and without spatial whitening, for each motor task."""
    return report_tasks(MOTOR, settings, add_whitening)


def oddball(settings):
    """Return scores within a session of a visual oddball task, with and without whitening."""
    return report_tasks(ODDBALL, settings, add_whitening)


def headband(settings):
    """Return scores within subjects for each task with a headband."""
    return report_tasks(HEADBAND, settings)


def offsets(settings):
    """Return scores with a random offset of each channel of each trial."""
    trials = settings.shorten(load_eegmat())
    splitters = [CrossSubjectSplit(settings.n_folds) for _ in settings.seeds()]
    columns = {}
    for n_sd, part in ((1, "all"), (100, "all"), (100, "test")):
        models = make_models(MODELS, trials, **settings.params)
        for model in models.values():
            model.steps.insert(0, ("offsets", RandomOffsets(n_sd, in_training=part == "all")))
        by_fold, by_subject = settings.evaluate(models, trials, splitters)
        for unit, scores in ((SCORE, by_subject), (WINDOWS, by_fold)):
            means = scores.groupby("estimator")[unit].mean().map(format_score)
            name = "trials" if unit == SCORE else "windows"
            columns[f"{name}, {n_sd} in {part}"] = means + " (" + format_range(scores, unit) + ")"
    table = pd.DataFrame(columns).loc[list(models)].rename_axis("model").reset_index()
    seeds = ", ".join(map(str, settings.seeds()))
    return f"{settings.n_folds} folds, seeds {seeds}.\n\n{to_markdown(table)}"


def four_subjects(settings):
    """Return scores of windows of 4 s for sets of four test subjects, and for single subjects."""
    trials = settings.shorten(load_eegmat())
    options = {"window_size": 4.0, **settings.params, "picks": None}
    models = make_models(["MS-iMamba", *WHITENED], trials, **options)
    splitters = [CrossSubjectSplit(settings.n_folds) for _ in settings.seeds()]
    by_fold, _ = settings.evaluate(models, trials, splitters)
    keys = ["estimator", "random_state", "fold"]
    scores = by_fold.groupby(keys)[WINDOWS].mean().groupby("estimator")
    single, _ = settings.evaluate(models, trials, [CrossSubjectSplit()])
    table = pd.DataFrame(
        {
            "lowest": scores.min(),
            "highest": scores.max(),
            "mean": scores.mean(),
            "leave-one-subject-out": single.groupby("estimator")[WINDOWS].mean(),
        }
    )
    return to_markdown(table.loc[list(models)].map(format_score).rename_axis("model").reset_index())


def subjects(settings):
    trials = settings.shorten(load_eegmat())
    models = make_models(TWO, trials, **settings.params)
    return report_fewer_subjects(models, trials, settings, (16, 8, 4))


def sequence_subjects(settings):
    trials = SEQUENCES.load(settings.data)
    trials = settings.shorten(use_first_as_reference(trials, N_REFERENCE))
    names = [*TWO, "band-power-LDA"]
    models = SEQUENCES.make_models(names, trials, **settings.epochs)
    models["MS-iMamba, reference"] = clone(models["MS-iMamba"])
    models["MS-iMamba, reference"][-1].set_params(adaptation="reference")
    return report_fewer_subjects(models, trials, settings, (36, 24, 12, 6))


def leakage(settings):
    rows = [
        row
        for trials in (load_eegmat(), simulate_leak())
        for row in compare_splits(settings.shorten(trials), settings)
    ]
    sentence = " ".join(
        f"{row['data']}: permuted labels score {row['random windows']} with random windows, "
        f"{row['subjects']} by subject."
        for row in rows
        if row["labels"] == "permuted"
    )
    seeds = ", ".join(map(str, settings.seeds()))
    return f"{settings.n_folds} folds, seeds {seeds}.\n\n{to_markdown(rows)}\n\n{sentence}"


def control(settings):
    trials = settings.shorten(load_control())
    models = make_models("MS-iMamba", trials, **settings.params)
    return settings.report_control(models, trials, 5)


def new_subject(settings):
    trials = settings.shorten(load_eegmat(reference=True))
    params = settings.params | {"picks": None}
    models = make_adapted(trials, params, ["reference", "unlabelled"])
    whitened = make_models(WHITENED, trials, adaptation="reference", **params)
    models |= {f"{name}, whitened": model for name, model in whitened.items()}
    splitters = [CrossSubjectSplit() for _ in settings.seeds(5)]
    return settings.report(models, trials, splitters, tests=True)


def new_subject_control(settings):
    trials = settings.shorten(load_control(n_seconds=CONTROL_REFERENCE))
    models = make_adapted(trials, settings.params | {"picks": None}, ["reference"])
    return settings.report_control(models, trials, 3)


def label_shift(settings):
    trials = settings.shorten(load_eegmat(reference=True))
    models = {}
    for mode in (None, "reference", "causal", "unlabelled"):
        params = settings.params | {"picks": None, "adaptation": mode}
        (model,) = make_models("band-power-LDA", trials, **params).values()
        models[f"band-power-LDA, {'whitened, ' + mode if mode else 'no adaptation'}"] = model
    scores = {}
    for label, cv in {
        "both classes": CrossSubjectSplit(),
        "one class": PriorShiftSplit(CrossSubjectSplit()),
    }.items():
        by_fold, by_subject = settings.evaluate(models, trials, [cv])
        scores[f"trials, {label}"] = by_subject.groupby("estimator")[SCORE].mean()
        scores[f"windows, {label}"] = by_fold.groupby("estimator")[WINDOWS].mean()
    table = pd.DataFrame(scores).loc[list(models)].map("{:.2f}".format)
    return to_markdown(table.rename_axis("model").reset_index())


SECTIONS = {
    section.__name__: section
    for section in (
        *(headline, sequence_learning, ssvep, simulations, ranks),
        *(models, all_ranks, ablations, channels, ssvep_channels, spatial_whitening),
        *(motor, oddball, headband, offsets, four_subjects),
        *(subjects, sequence_subjects, leakage, control),
        *(new_subject, new_subject_control, label_shift),
    )
}


# Parts of sections


def add_whitening(models):
    """Return models with copies of MS-iMamba instead: without and with spatial whitening."""
    models = dict(models)
    plain = models.pop("MS-iMamba")
    whitened = clone(plain)
    plain[-1].set_params(module_params={"spatial_whitening": False})
    whitened[-1].set_params(module_params={"spatial_whitening": True})
    return {"no whitening": plain, "spatial whitening": whitened, **models}


def evaluate_data_set(entry, settings, names=MODELS):
    """Return models, trials and scores of a data set."""
    trials = settings.shorten(entry.load(settings.data))
    models = entry.make_models(names, trials, **settings.epochs)
    cv = CrossSubjectSplit(settings.n_folds) if settings.is_quick else entry.cv
    return models, trials, settings.evaluate(models, trials, [cv for _ in settings.seeds(5)])


def report_data_set(entry, settings, names=MODELS):
    """Return the table of a data set."""
    models, trials, scores = evaluate_data_set(entry, settings, names)
    return settings.format(*scores, models, trials, tests=True)


def score_data_set(entry, settings, names=MODELS):
    """Return the score of each model: the mean over subjects and seeds, by trials."""
    models, _, (_, by_subject) = evaluate_data_set(entry, settings, names)
    return by_subject.groupby("estimator")[SCORE].mean()[list(models)]


def report_tasks(entries, settings, change_models=dict):
    """Return a table of the scores of each model within subjects, by task, and their means."""
    rows, means = [], []
    for task, entry in entries.items():
        trials = settings.shorten(entry.load(settings.data))
        models = change_models(entry.make_models(MODELS, trials, **settings.epochs))
        splitters = [entry.cv for _ in settings.seeds(5)]
        _, by_subject = settings.evaluate(models, trials, splitters)
        n_subjects = by_subject["subject"].nunique()
        means.append(by_subject.groupby("estimator")[SCORE].mean()[list(models)])
        ranges = format_range(by_subject, SCORE)[list(models)]
        scores = means[-1].map(format_score) + " (" + ranges + ")"
        rows.append(
            {"task": task, "subjects": str(n_subjects), "trials": str(len(trials)), **scores}
        )
    if len(rows) > 1:
        rows.append({"task": "mean", **pd.DataFrame(means).mean().map(format_score)})
    seeds = ", ".join(map(str, settings.seeds(5)))
    return f"Seeds {seeds}.\n\n{to_markdown(pd.DataFrame(rows).fillna(''))}"


def report_ranks(entries, settings, names=MODELS):
    """Return table and sentence of some data sets, mean ranks, and their critical distance."""
    scores = pd.DataFrame(
        {name: score_data_set(entry, settings, names) for name, entry in entries.items()}
    )
    mean_ranks, distance, sentence = rank_models(scores)
    table = scores.assign(**{"mean rank": mean_ranks}).loc[mean_ranks.index].map("{:.2f}".format)
    text = f"{to_markdown(table.rename_axis('model').reset_index())}\n\n{sentence}"
    return text, mean_ranks, distance


def report_channels(entry, settings, four):
    """Return the table of four and of all channels of a data set."""
    trials = settings.shorten(entry.load(settings.data))
    models = {
        f"{name} ({n_channels} channels)": model
        for n_channels, picks in ((4, four), (len(trials.ch_names), None))
        for name, model in entry.make_models(
            [*TWO, "band-power-LDA"], trials, picks=picks, **settings.epochs
        ).items()
    }
    return settings.report(models, trials)


def report_fewer_subjects(models, trials, settings, numbers):
    """Return the table of models with each number of training subjects."""
    cv, named, parts = CrossSubjectSplit(settings.n_folds), {}, []
    for number in numbers:
        own = {f"{name} ({number} subjects)": model for name, model in models.items()}
        splitters = [split_fewer_subjects(cv, trials, number, seed) for seed in settings.seeds()]
        parts.append(settings.evaluate(own, trials, splitters))
        named |= own
    by_fold, by_subject = map(pd.concat, zip(*parts, strict=True))
    return settings.format(by_fold, by_subject, named, trials)


def compare_splits(trials, settings):
    """Yield a row for true and for permuted labels, with a score per split and chance levels."""
    (model,) = make_models("MS-iMamba", trials, **settings.params).values()
    options = {"window_size": 2.0, "n_splits": settings.n_folds, "n_jobs": settings.n_jobs}
    options |= {"verbose": False}
    gaps = pd.concat(
        leakage_gap(model, trials, **options, random_state=seed) for seed in settings.seeds()
    )
    chance = leakage_gap(DummyClassifier(), trials, **options, random_state=0)["mean"].mean()
    for labels, own in gaps.groupby("labels", sort=False):
        means = own.groupby("split", sort=False)["mean"].mean()
        yield {
            "data": trials.name,
            "labels": labels,
            **means.map("{:.2f}".format),
            "chance": f"{chance:.2f}",
            "the split adds": f"{means['random windows'] - means['subjects']:+.2f}",
        }


def simulate_leak():
    """Simulate trials with their own gains and offsets, and no difference of classes."""
    trials = simulate_trials(n_subjects=8, n_times=2560, effect=0)
    rng, shape = np.random.default_rng(0), (len(trials), len(trials.ch_names), 1)
    X = trials.X * rng.lognormal(sigma=0.5, size=shape) + rng.normal(scale=30, size=shape)
    return replace(trials, X=X.astype(np.float32), name="planted leak")


class RandomOffsets(TransformerMixin, BaseEstimator):
    """Add a random offset to each channel of each trial, in standard deviations of the channel."""

    def __init__(self, n_sd, in_training):
        self.n_sd = n_sd
        self.in_training = in_training

    def fit(self, X, y=None):
        self.std_ = np.std(X, axis=(0, 2))[:, None]
        return self

    def fit_transform(self, X, y=None):
        self.fit(X)
        return self.transform(X) if self.in_training else X

    def transform(self, X):
        # by content, so that a trial has the same offsets in each fold
        seeds = [crc32(np.ascontiguousarray(trial)) for trial in X]
        noise = [np.random.default_rng(seed).normal(size=(X.shape[1], 1)) for seed in seeds]
        return (X + self.n_sd * self.std_ * np.array(noise)).astype(X.dtype)


def make_adapted(trials, params, modes):
    """Return MS-iMamba with each of some modes of adaptation."""
    models = {}
    for mode in modes:
        (model,) = make_models("MS-iMamba", trials, adaptation=mode, **params).values()
        models[f"MS-iMamba, {mode}"] = model
    return models


def load_control(n_seconds=0):
    """Load the first minute of rest of EEGMAT as class 0 and the last as class 1.

    The first ``n_seconds`` of the first minute are the reference; no trial contains them.
    """
    last = load_eegmat(reference=True).select("segment == 2")
    metadata = pd.concat([last.metadata[["subject", "session"]]] * 2, ignore_index=True)
    rest, start = last.reference_data.gather(), int(n_seconds * last.sfreq)
    return Trials(
        np.concatenate([rest[..., start:], last.X[..., start:]]),
        np.repeat([0, 1], len(last)),
        metadata.assign(trial=range(len(metadata))),
        sfreq=last.sfreq,
        ch_names=last.ch_names,
        name="first against last minute of rest",
        reference=np.concatenate([rest[..., :start]] * 2) if start else None,
    )


# The page


def format_command(name, settings):
    seeds = "" if settings.n_seeds is None else f" --seeds {settings.n_seeds}"
    quick = " --quick" * settings.is_quick
    data = " --data FOLDER" * (name in NEED_DATA)
    return f"python benchmarks/results.py --only {name}{seeds}{quick}{data}"


def write_section(path, name, text):
    """Replace the text between the marks of a section."""
    marks = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = path.read_text(encoding="utf-8").partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not end:
        raise ValueError(f"{path} must have the marks {' and '.join(marks)}.")
    page = f"{before}{marks[0]}\n\n{text}\n\n{marks[1]}{after}"
    path.write_text(page, encoding="utf-8")


def main(argv=None):
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=", ".join(SECTIONS)
    )
    parser.add_argument("--seeds", type=int, help="number of seeds, by default three or five")
    parser.add_argument("--quick", action="store_true", help="four subjects and one epoch")
    parser.add_argument("--jobs", type=int, default=2, help="parallel fits")
    parser.add_argument("--cache-dir", default="results/folds", help="folder of cached folds")
    parser.add_argument("--data", type=Path, help="folder of further data sets")
    parser.add_argument("--figure", type=Path, help="figure of mean ranks to write")
    parser.add_argument("--write", type=Path, help="page whose sections are replaced")
    parser.add_argument("--scores", type=Path, help="folder of the scores of subjects, as CSV")
    parser.add_argument(
        "--models",
        nargs="+",
        default=[""],
        metavar="NAME",
        help="evaluate only models whose names start so; the other scores are read from --scores",
    )
    options = parser.parse_args(argv)
    if options.models != [""] and options.scores is None:
        parser.error("--models requires --scores")
    if options.scores:
        options.scores.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        options.seeds,
        options.quick,
        options.jobs,
        options.cache_dir,
        options.data,
        options.figure,
        tuple(options.models),
    )
    for name in options.only or SECTIONS:
        start = perf_counter()
        print(f"\n{name}", flush=True)
        if not all(entry.is_in(settings.data) for entry in NEED_DATA.get(name, [])):
            print("skipped: its files are not in --data, see benchmarks/data_sets.py")
            continue
        file = options.scores and ScoreFile(options.scores / f"{name}.csv")
        result = SECTIONS[name](replace(settings, file=file))
        text = f"```shell\n{format_command(name, settings)}\n```\n\n{result}"
        print(f"\n{text}\n\n{(perf_counter() - start) / 60:.1f} minutes", flush=True)
        if options.write:
            write_section(options.write, name, text)


if __name__ == "__main__":
    main()
