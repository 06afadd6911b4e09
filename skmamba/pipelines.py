"""Models by name: whole pipelines, from trials to answers."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ._types import Channelled, Seed
from .preprocessing import BandPower, ChannelPicker, SlidingWindows

__all__ = ["list_models", "make_models"]

OURS = ("MS-iMamba", "band-power-LDA", "tangent-space-LR")
# The best known ones by heart: asking braindecode takes seconds, and it may not be there.
BRAINDECODE = ("EEGNet", "ShallowFBCSPNet", "Deep4Net", "TSception", "EEGConformer", "ATCNet")
# Names to classes of skmamba.models, and to the one that braindecode has.
RIVALS = {
    "DLinear": "DLinear",
    "TimesNet": "TimesNet",
    "iTransformer": "ITransformer",
    "NonstationaryTransformer": "NonstationaryTransformer",
    "Informer": "Informer",
}
TCN = {"TCN": "BDTCN"}
PYRIEMANN = (
    "tangent-space-LR needs pyRiemann: pip install 'skmamba[riemann]'. It could not be imported "
    "here ({error})."
)
ALL = "all"
TYPO = 0.88  # likeness of two names; EEGITNet, which is no EEGNet misspelled, has 0.86


def list_models() -> list[str]:
    """Name the models that :func:`make_models` builds.

    Returns
    -------
    names : list of str
        Ours and two linear models, braindecode's best known networks, then the networks for time
        series that MS-iMamba was compared with. Any other class of ``braindecode.models`` can be
        built by its name as well.

    Examples
    --------
    >>> list_models()[:3]
    ['MS-iMamba', 'band-power-LDA', 'tangent-space-LR']
    """
    return [*OURS, *BRAINDECODE, *RIVALS, *TCN]


def make_models(
    names: str | Sequence[str],
    trials: Channelled,
    *,
    picks: str | int | slice | Sequence[str | int] | None = "frontal4",
    window_size: float = 2.0,
    stride: float | None = None,
    random_state: Seed = None,
    max_epochs: int | None = None,
) -> dict[str, Pipeline]:
    """Build pipelines from trials to answers that differ in their last step only.

    Channels are chosen, windows cut, and a classifier trains on windows and votes by trial: a
    fair start for a comparison.

    Parameters
    ----------
    names : str or sequence of str
        Which models: those of :func:`list_models`, in small or capital letters, or ``"all"`` of
        them, or the name of any other class of ``braindecode.models``.
    trials : Trials
        Whose ``sfreq`` and ``ch_names`` the models are made for.
    picks : str, int, slice or list of str and int, default="frontal4"
        Channels, as the ``picks`` of :class:`~skmamba.ChannelPicker`; None keeps all.
    window_size : float, default=2.0
        Window length in seconds.
    stride : float, default=None
        Distance between two window starts in seconds; None is the window length.
    random_state : int, RandomState instance or None, default=None
        Seed of the networks.
    max_epochs : int, default=None
        Passes of the networks over the training data; None leaves their default.

    Returns
    -------
    models : dict of str to Pipeline
        One pipeline a name, in the order and with the spelling of :func:`list_models` or of
        braindecode.

    Raises
    ------
    ValueError
        If no model can have such a name. Whether braindecode has a network is asked when it is
        fitted.
    ImportError
        If ``"tangent-space-LR"`` is wanted and pyRiemann cannot be imported.

    Notes
    -----
    Each model has its defaults:

    - ``"MS-iMamba"`` is :class:`~skmamba.MSiMambaClassifier`.
    - ``"band-power-LDA"`` is a linear discriminant on the standardised
      :class:`~skmamba.BandPower` of windows.
    - ``"tangent-space-LR"`` is logistic regression on the standardised tangent space of the
      windows' covariances, with all frequencies in one: the usual Riemannian pipeline of EEG
      benchmarks. Covariances are shrunk (OAS), the metric is affine-invariant.
    - EEGNet to ATCNet and all that are not listed are a :class:`~skmamba.BraindecodeClassifier`.
      Deep4Net and ATCNet were made for longer windows (441 and 616 time points): braindecode
      shrinks their layers for shorter ones, and warns that it does.
    - DLinear to Informer are the networks of ``skmamba.models``, in the same classifier.
    - ``"TCN"`` is braindecode's BDTCN: Bai's residual blocks of causal convolutions, each answer
      made of 57 time points. Bai takes the last answer, BDTCN the mean of those that the window
      is long enough for.

    Examples
    --------
    >>> from skmamba import simulate_trials
    >>> trials = simulate_trials(n_subjects=2, n_trials=6)
    >>> models = make_models(["band-power-LDA", "eegnet"], trials, window_size=1.0)
    >>> list(models)
    ['band-power-LDA', 'EEGNet']
    >>> models["band-power-LDA"].fit(trials.X, trials.y).predict(trials.X).shape
    (12,)
    """
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        raise ValueError(f"names must hold at least one model of {', '.join(list_models())}.")
    options = {"random_state": random_state}
    if max_epochs is not None:
        options["max_epochs"] = max_epochs
    return {
        name: make_pipeline(
            ChannelPicker(picks, ch_names=trials.ch_names),
            SlidingWindows(window_size, stride, sfreq=trials.sfreq),
            _make_classifier(name, trials.sfreq, options),
        )
        for written in names
        for name in _spell(written)
    }


def _make_classifier(name, sfreq, options):
    # Here, because they bring torch, which listing names can do without.
    from . import models
    from .classifiers import BraindecodeClassifier, MSiMambaClassifier, WindowVotingClassifier

    if name == "MS-iMamba":
        return MSiMambaClassifier(**options)
    if name == "band-power-LDA":
        return WindowVotingClassifier(
            make_pipeline(BandPower(sfreq), StandardScaler(), LinearDiscriminantAnalysis())
        )
    if name == "tangent-space-LR":
        return WindowVotingClassifier(
            make_pipeline(*_tangent_space(), StandardScaler(), LogisticRegression(max_iter=1000))
        )
    model = getattr(models, RIVALS[name]) if name in RIVALS else TCN.get(name, name)
    return BraindecodeClassifier(model, sfreq=sfreq, **options)


def _tangent_space():
    """Make the steps from windows to covariances, and to their tangent space at the mean."""
    try:
        from pyriemann.estimation import Covariances
        from pyriemann.tangentspace import TangentSpace
    except ImportError as error:
        raise ImportError(PYRIEMANN.format(error=error)) from error
    return Covariances("oas"), TangentSpace()


def _spell(name):
    """Names that one name stands for, as they are spelled; an unknown may be braindecode's."""
    known = {word.lower(): word for word in list_models()}
    word = str(name).lower()
    if word == ALL:
        return list_models()
    if word in known:
        return [known[word]]
    may_be_a_class = str(name).isidentifier() and str(name)[0].isupper()
    near = get_close_matches(word, known, n=3, cutoff=TYPO if may_be_a_class else 0.4)
    if may_be_a_class and not near:
        return [name]
    hint = f" Nearest: {', '.join(known[key] for key in near)}." if near else ""
    raise ValueError(
        f"No model {name!r}.{hint} skmamba.list_models() gives {', '.join(known.values())}; other "
        "networks of braindecode go by the names of their classes, such as 'EEGITNet'."
    )
