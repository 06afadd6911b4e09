"""Pipelines from trials to predictions, by the name of their model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Literal

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ._extras import require_extra
from ._format import capitalize
from ._types import HasChannels, Seed
from ._validation import ADAPTATIONS, check_option
from .preprocessing import BandPower, ChannelPicker, SlidingWindows, SubjectWhitening

__all__ = ["list_models", "make_models"]

# Listed here, since the import of braindecode takes seconds and may fail.
BRAINDECODE = ("EEGNet", "ShallowFBCSPNet", "Deep4Net", "TSception", "EEGConformer", "ATCNet")
# Networks for time series: classes of skmamba.models, whose names start with a capital letter.
TIME_SERIES = ("DLinear", "TimesNet", "iTransformer", "NonstationaryTransformer", "Informer")
NAMES = ("MS-iMamba", "band-power-LDA", "tangent-space-LR", *BRAINDECODE, *TIME_SERIES, "TCN")
# Similarity from which a class name is a misspelled one; EEGITNet and EEGNet have 0.86.
CUTOFF = 0.88


def list_models() -> list[str]:
    """List the models that :func:`make_models` builds by name.

    Returns
    -------
    names : list of str
        MS-iMamba, two linear models, networks of braindecode, then networks for time series.
        Other classes of ``braindecode.models`` can be built by their names as well.

    Examples
    --------
    >>> list_models()[:3]
    ['MS-iMamba', 'band-power-LDA', 'tangent-space-LR']
    """
    return list(NAMES)


def make_models(
    names: str | Sequence[str],
    trials: HasChannels,
    *,
    picks: str | int | slice | Sequence[str | int] | None = None,
    window_size: float = 2.0,
    stride: float | None = None,
    adaptation: Literal["reference", "causal", "unlabelled"] | None = None,
    random_state: Seed = None,
    max_epochs: int | None = None,
) -> dict[str, Pipeline]:
    """Build pipelines from trials to predictions that differ in their classifier only.

    A pipeline picks channels, cuts windows, and ends in a classifier that trains on windows and
    predicts each trial by their vote.

    Parameters
    ----------
    names : str or sequence of str
        Names of :func:`list_models`, of any case, ``"all"`` for all of them, or names of other
        classes of ``braindecode.models``.
    trials : Trials
        Trials whose ``sfreq`` and ``ch_names`` the pipelines use.
    picks : str, int, slice or list of str and int, default=None
        Channels, as the ``picks`` of :class:`~skmamba.ChannelPicker`, such as ``"frontal4"``; None
        keeps all.
    window_size, stride : float, default=2.0, None
        As in :class:`~skmamba.SlidingWindows`, in seconds.
    adaptation : {"reference", "causal", "unlabelled"} or None, default=None
        Unlabelled EEG of a test subject that the models use: MS-iMamba by its parameter
        ``adaptation``, the others by :class:`~skmamba.preprocessing.SubjectWhitening`. Pass
        Trials, for ``"reference"`` with a reference: for arrays without groups MS-iMamba raises an
        error, and the others treat all trials as those of one subject, with a warning.
    random_state : int, RandomState instance or None, default=None
        Seed of the networks.
    max_epochs : int, default=None
        Number of passes of the networks over the training data; None keeps their defaults.

    Returns
    -------
    models : dict of str to Pipeline
        Pipelines by name, spelled as in :func:`list_models` or in braindecode.

    Raises
    ------
    ValueError
        If a name or the adaptation is unknown.
    ImportError
        If ``"tangent-space-LR"`` is requested and pyRiemann cannot be imported, or a name that is
        not in :func:`list_models` and braindecode cannot.

    Notes
    -----
    MS-iMamba is :class:`~skmamba.MSiMambaClassifier`, the linear models are described in the user
    guide, all others are networks in :class:`~skmamba.BraindecodeClassifier`.

    Examples
    --------
    >>> from skmamba.datasets import simulate_trials
    >>> trials = simulate_trials(n_subjects=2, n_trials=6)
    >>> models = make_models(["band-power-LDA", "eegnet"], trials, window_size=1.0)
    >>> list(models)
    ['band-power-LDA', 'EEGNet']
    >>> models["band-power-LDA"].fit(trials, trials.y).predict(trials).shape
    (12,)
    """
    if not (hasattr(trials, "ch_names") and hasattr(trials, "sfreq")):
        raise ValueError(f"trials must be Trials, got {type(trials).__name__}.")
    has_order = not isinstance(names, (set, frozenset))  # the first is a reference
    if not has_order or not isinstance(names, Iterable):
        raise ValueError(f"names must be a name or a list of names, got {names!r}.")
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        raise ValueError(f"names must contain at least one of {', '.join(NAMES)}, got [].")
    if adaptation is not None:
        check_option("adaptation", adaptation, ADAPTATIONS)
    options = {"random_state": random_state}
    if max_epochs is not None:
        options["max_epochs"] = max_epochs
    models = {
        name: make_pipeline(
            ChannelPicker(picks, ch_names=trials.ch_names),
            SlidingWindows(window_size, stride, sfreq=trials.sfreq),
            _make_classifier(name, trials.sfreq, options),
        )
        for given in names
        for name in _match_names(given)
    }
    if adaptation is not None:
        for name, model in models.items():
            if name == "MS-iMamba":
                model[-1].set_params(adaptation=adaptation)
            else:
                whitening = SubjectWhitening(adaptation, sfreq=trials.sfreq)
                model.steps.insert(1, ("subjectwhitening", whitening))
    return models


def _make_classifier(name, sfreq, options):
    from . import models  # the import of torch is not needed to list names
    from .classifiers import BraindecodeClassifier, MSiMambaClassifier, WindowVotingClassifier

    if name == "MS-iMamba":
        return MSiMambaClassifier(**options)
    if name == "band-power-LDA":
        return WindowVotingClassifier(
            make_pipeline(BandPower(sfreq), StandardScaler(), LinearDiscriminantAnalysis())
        )
    if name == "tangent-space-LR":
        with require_extra("riemann", name):
            from pyriemann.estimation import Covariances
            from pyriemann.tangentspace import TangentSpace

        features = Covariances("oas"), TangentSpace(), StandardScaler()
        return WindowVotingClassifier(make_pipeline(*features, LogisticRegression(max_iter=1000)))
    model = "BDTCN" if name == "TCN" else name
    if name in TIME_SERIES:
        model = getattr(models, capitalize(name))
    return BraindecodeClassifier(model, sfreq=sfreq, **options)


def _match_names(name):
    """Return the models of one name; an unknown class name may be one of braindecode's."""
    by_word = {known.lower(): known for known in NAMES}
    word = str(name).lower()
    if word == "all":
        return NAMES
    if word in by_word:
        return (by_word[word],)
    may_be_a_class = str(name).isidentifier() and str(name)[0].isupper()
    near = get_close_matches(word, by_word, n=3, cutoff=CUTOFF if may_be_a_class else 0.4)
    if may_be_a_class and not near:
        from .classifiers.braindecode import load_braindecode_models

        if name in load_braindecode_models():
            return (name,)
    hint = f" Did you mean {', '.join(by_word[key] for key in near)}?" if near else ""
    raise ValueError(
        f"names must be among {', '.join(NAMES)} or classes of braindecode.models, got {name!r}."
        f"{hint}"
    )
