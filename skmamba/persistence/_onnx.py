"""Fitted networks as ONNX graphs: raw windows in, probabilities out, no Python needed."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import nn

from .._types import StrPath
from .._validation import check_int
from ..classifiers._scaling import CLIP
from ..modules import Mamba, MultiScaleTemporalBlock, PlainScales
from ..preprocessing import ChannelPicker, SlidingWindows
from ..trials import Trials
from ._card import describe_input
from ._folder import written_file
from ._plain import simplify
from ._steps import list_steps

INSTALL = (
    "to_onnx needs onnx, onnxscript and onnxruntime: pip install 'skmamba[onnx]'. They could not "
    "be imported here ({error})."
)
TOLERANCE = 1e-5  # of a probability: the graph's sums run in another order


def to_onnx(
    estimator: BaseEstimator,
    path: StrPath,
    *,
    trials: Trials | None = None,
    opset: int = 18,
    overwrite: bool = False,
) -> Path:
    """Write a fitted network as an ONNX graph, scaling and softmax included.

    The graph takes windows as they come from the amplifier, in the unit of the training data, and
    gives the probabilities of each window. The answer for a trial is the vote of its windows, which
    is left to who runs the graph.

    Parameters
    ----------
    estimator : Pipeline or classifier
        A fitted :class:`~skmamba.MSiMambaClassifier` with ``period_selection="fixed"`` (or
        ``use_mstb=False``), or a :class:`~skmamba.BraindecodeClassifier`, alone or behind
        :class:`~skmamba.ChannelPicker` and :class:`~skmamba.SlidingWindows`: the graph begins
        where these have chosen channels and cut windows.
    path : str or Path
        File to write.
    trials : Trials, default=None
        What the model was trained on, for the sampling rate and the names of channels.
    opset : int, default=18
        Version of ONNX's operators; 18 or more.
    overwrite : bool, default=False
        Whether to replace a file that is there.

    Returns
    -------
    path : Path
        The file. Its input ``windows`` is float32 of shape (n_windows, n_chans, n_times), for any
        number of windows; its output ``probabilities`` float32 of shape (n_windows, n_classes).
        Its metadata hold ``classes``, ``ch_names``, ``sfreq``, ``n_chans``, ``n_times`` and
        ``voting``, each in JSON.

    Raises
    ------
    TypeError
        If a step is none of ours.
    ValueError
        If each window chooses its own periods, a step before the classifier changes values,
        ``opset`` is too low, or the network has a part that ONNX has no word for.
    FileExistsError
        If something is in the way.
    RuntimeError
        If the graph gives other probabilities than the network, by more than 1e-5.
    ImportError
        If onnx, onnxscript or onnxruntime is missing.

    See Also
    --------
    save_model : The whole pipeline, for Python.

    Notes
    -----
    Before the file is put in place, onnxruntime runs it on random windows, and its probabilities
    are compared with those of the network.

    With ``period_selection="window"`` each window is folded at periods of its own: shapes would
    depend on values, which a graph cannot have. A network in double precision becomes one in
    single precision.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skmamba import MSiMambaClassifier, simulate_trials
    >>> from skmamba.saving import to_onnx
    >>> trials = simulate_trials(n_subjects=2, n_trials=6, n_times=64)
    >>> clf = MSiMambaClassifier(mixer="none", use_mstb=False, max_epochs=1, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     path = to_onnx(clf.fit(trials.X, trials.y), Path(folder) / "model.onnx", trials=trials)
    ...     print(path.name)
    model.onnx
    """
    path = Path(path)
    steps = list_steps(estimator)
    classifier = steps[-1][1]
    _check_exportable(steps, opset)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already: choose another path, or overwrite=True.")
    onnx = _import_onnx()
    network = RawWindows(classifier)
    model = _export(network, opset)
    onnx.helper.set_model_props(model, _metadata(steps, trials))
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    _compare(content, classifier)
    with written_file(path) as beside:
        beside.write_bytes(content)
    return path


class RawWindows(nn.Module):
    """Scaling, network and softmax of a fitted classifier, in plain operations of single precision.

    Parameters
    ----------
    classifier : classifier
        A fitted one.
    """

    def __init__(self, classifier):
        super().__init__()
        self.scaling = classifier.scaling_
        for name in ("center", "scale"):
            values = getattr(classifier, f"{name}_").astype("float32")[:, None]
            self.register_buffer(name, torch.from_numpy(values))
        size = classifier.n_times_
        n_repeated = getattr(classifier.net_, "n_repeated", 0)
        self.register_buffer("times", torch.arange(size + n_repeated) % size)
        self.n_chans, self.n_times, self.repeats = classifier.n_chans_, size, n_repeated > 0
        self.network = copy.deepcopy(classifier.net_.module_).float().cpu()
        for part in list(self.network.modules()):
            if isinstance(part, Mamba):
                part.backend = "torch"
            for name, child in part.named_children():
                if isinstance(child, MultiScaleTemporalBlock):
                    setattr(part, name, PlainScales(child))
        self.eval()

    def forward(self, x):  # (B, C, T) -> (B, n_classes)
        x = self._scale(x)
        if self.repeats:
            x = x[..., self.times]
        return self.network(x).softmax(1)

    def _scale(self, x):
        if self.scaling is None:
            return x
        if self.scaling == "window":
            x = x - x.mean(-1, keepdim=True)
            scale = x.square().mean(-1, keepdim=True).sqrt()
            return x / torch.where(scale > 0, scale, 1.0)
        x = (x - self.center) / self.scale
        return x.clamp(-CLIP, CLIP) if self.scaling == "robust" else x


def _check_exportable(steps, opset):
    for name, step in steps[:-1]:
        if not isinstance(step, (ChannelPicker, SlidingWindows)):
            raise ValueError(
                f"Step {name!r}, a {type(step).__name__}, changes values, and the graph begins "
                "behind it. Only ChannelPicker and SlidingWindows may stand before the classifier."
            )
    parts = steps[-1][1].net_.module_.modules()
    blocks = [part for part in parts if isinstance(part, MultiScaleTemporalBlock)]
    if any(block.period_selection != "fixed" for block in blocks):
        raise ValueError(
            "period_selection='window' folds each window at periods of its own, which no graph "
            "can: fit the classifier again with period_selection='fixed'."
        )
    check_int("opset", opset, minimum=18)


def _export(network, opset):
    """Trace the graph; what the exporter says of its own insides is nothing our users can mend."""
    example = torch.zeros(2, network.n_chans, network.n_times)
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings(), torch.no_grad(), contextlib.ExitStack() as stack:
        warnings.simplefilter("ignore")
        stack.callback(logger.setLevel, level)
        logger.setLevel(logging.ERROR)
        try:
            program = torch.onnx.export(
                network,
                (example,),
                input_names=["windows"],
                output_names=["probabilities"],
                opset_version=opset,
                dynamic_shapes=({0: torch.export.Dim("n_windows")},),
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise ValueError(
                f"{type(network.network).__name__} has a part that does not go into a graph: "
                f"{str(error).splitlines()[0]}"
            ) from error
    model = program.model_proto  # type: ignore[union-attr]
    (windows,) = model.graph.input
    if not windows.type.tensor_type.shape.dim[0].dim_param:
        raise ValueError(
            f"{type(network.network).__name__} goes into a graph for one number of windows only."
        )
    for part in [model, model.graph, *model.graph.node, *model.graph.value_info]:
        part.ClearField("doc_string")
        part.ClearField("metadata_props")  # where on this machine each line of code is
    return model


def _metadata(steps, trials):
    estimators = [step for _, step in steps]
    known, classifier = describe_input(estimators, trials), estimators[-1]
    names = known["ch_names"]
    for step in estimators:
        if isinstance(step, ChannelPicker):
            names = step.ch_names_ if names is None else [names[i] for i in step.picks_]
    facts = {
        "classes": simplify(classifier.classes_, "classes_"),
        "ch_names": names,
        "sfreq": known["sfreq"],
        "n_chans": classifier.n_chans_,
        "n_times": classifier.n_times_,
        "voting": classifier.voting,
    }
    return {key: json.dumps(value) for key, value in facts.items()}


def _compare(content, classifier):
    """Run graph and network on windows such as they were trained on."""
    import onnxruntime

    rng = np.random.default_rng(0)
    noise = rng.standard_normal((5, classifier.n_chans_, classifier.n_times_))
    windows = classifier.center_[:, None] + classifier.scale_[:, None] * noise
    windows = windows.astype("float32")
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    expected = copy.copy(classifier).set_params(voting="soft").predict_proba(windows)
    for part in (slice(5), slice(1)):  # any number of windows
        (found,) = session.run(None, {"windows": windows[part]})
        distance = np.abs(found - expected[part]).max()
        if not distance <= TOLERANCE:
            raise RuntimeError(
                f"The graph differs from the network by {distance:.2g} in a probability, where "
                f"{TOLERANCE:g} is allowed. Nothing was written."
            )


def _import_onnx():
    try:
        import onnx
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(INSTALL.format(error=error)) from error
    return onnx
