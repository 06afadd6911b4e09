"""Export of fitted networks as ONNX graphs."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, is_classifier
from torch import nn

from .._extras import require_extra
from .._io import check_target, write_atomically
from .._scaling import CLIP, MAX_OFFSET
from .._types import StrPath
from .._validation import check_bool, check_int
from ..modules import Mamba
from ..preprocessing import ChannelPicker, SlidingWindows
from ..trials import Trials
from ._card import describe_input, describe_model
from ._serialize import get_steps

METADATA = ("classes", "label_names", "ch_names", "sfreq", "n_chans", "n_times", "voting")
TOLERANCE = 1e-5  # of a probability: the graph adds in another order


def to_onnx(
    estimator: BaseEstimator,
    path: StrPath,
    *,
    trials: Trials | None = None,
    opset: int = 18,
    overwrite: bool = False,
) -> Path:
    """Export a fitted network, with scaling and softmax, as an ONNX graph.

    The graph maps windows, in the unit of the training data, to the probabilities of each window,
    not of a trial.

    Parameters
    ----------
    estimator : Pipeline or classifier
        A fitted :class:`~skmamba.MSiMambaClassifier` or :class:`~skmamba.BraindecodeClassifier`,
        alone or after :class:`~skmamba.ChannelPicker` and :class:`~skmamba.SlidingWindows`, which
        are not part of the graph.
    path : str or Path
        File to write. Its parent folder must exist.
    trials : Trials, default=None
        Training data, for the sampling rate and names of channels and labels in the metadata.
    opset : int, default=18
        Version of the ONNX operators, at least 18.
    overwrite : bool, default=False
        Whether to replace an existing graph of this function. Other files are never replaced.

    Returns
    -------
    path : Path
        The file. Its input ``windows`` has shape (n_windows, n_chans, n_times), its output
        ``probabilities`` (n_windows, n_classes), both float32. The :doc:`user guide
        </user_guide/persistence>` describes its metadata.

    Raises
    ------
    TypeError
        If :func:`~skmamba.save_model` does not support a step.
    ValueError
        If the last step is a regressor or has an ``adaptation``, a step before it is neither a
        ``ChannelPicker`` nor ``SlidingWindows``, ``opset`` is below 18, or the network cannot be
        exported.
    FileExistsError, FileNotFoundError
        If the file exists, or with ``overwrite=True`` is not a graph of this function; or its
        parent folder does not exist.
    RuntimeError
        If the probabilities of the graph, for random windows, differ from those of the network in
        float32 by more than 1e-5. Nothing is written then.
    """
    check_bool("overwrite", overwrite)
    path = Path(path)
    *transformers, classifier = estimators = [step for _, step in get_steps(estimator)]
    for step in transformers:
        if not isinstance(step, (ChannelPicker, SlidingWindows)):
            raise ValueError(
                "Steps before the classifier must be ChannelPicker or SlidingWindows for ONNX, got "
                f"{step!r}."
            )
    if not is_classifier(classifier):
        raise ValueError(f"to_onnx requires a classifier, got {type(classifier).__name__}.")
    if classifier.adaptation is not None:
        raise ValueError(
            "to_onnx requires adaptation=None, since a graph has no reference of the subject, got "
            f"adaptation={classifier.adaptation!r}."
        )
    check_int("opset", opset, minimum=18)
    facts = describe_input(estimators, trials) | describe_model(estimators, trials)
    check_target(path, overwrite)
    with require_extra("onnx", "to_onnx"):
        import onnx
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    if path.exists() and not _is_graph(path):
        raise FileExistsError(
            f"{path} is not replaced, because it is not a graph of to_onnx. Choose another path."
        )
    example = torch.zeros(2, classifier.n_chans_, classifier.n_times_)
    model = _export(_ProbabilityNetwork(classifier), example, opset)
    onnx.helper.set_model_props(model, {name: json.dumps(facts[name]) for name in METADATA})
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    _check_probabilities(content, classifier)
    write_atomically(path, content, overwrite=overwrite)
    return path


class _ProbabilityNetwork(nn.Module):
    """Scaling, network and softmax of a fitted classifier in single precision."""

    center: torch.Tensor
    scale: torch.Tensor
    offset_scale: torch.Tensor

    def __init__(self, classifier):
        super().__init__()
        self.scaling = classifier.scaling_
        for name in ("center", "scale", "offset_scale"):
            values = torch.tensor(getattr(classifier, f"{name}_")[:, None])
            self.register_buffer(name, values.float())
        self.network = copy.deepcopy(classifier.net_.module_).float().cpu()
        for part in self.network.modules():
            if isinstance(part, Mamba):
                part.backend = "torch"
        self.eval()

    def forward(self, x):  # (B, C, T) -> (B, n_classes)
        if self.scaling == "window":  # all scalings as skmamba._scaling.scale_windows
            is_constant = x.amax(-1, keepdim=True) == x.amin(-1, keepdim=True)
            x = torch.where(is_constant, 0.0, x - x.mean(-1, keepdim=True))
            scale = x.square().mean(-1, keepdim=True).sqrt()
            x = x / torch.where(scale > 0, scale, 1.0)
        elif self.scaling is not None:
            x = (x - self.center) / self.scale
        if self.scaling == "robust":
            middle = (x.shape[-1] - 1) // 2
            offset = x.sort(-1).values[..., middle : middle + 1]
            bounded = offset * (self.scale / self.offset_scale)
            x = (x - (offset - bounded.clamp(-MAX_OFFSET, MAX_OFFSET))).clamp(-CLIP, CLIP)
        return self.network(x).softmax(1)


def _is_graph(path):
    """Return whether a file is an ONNX graph with the metadata that this module writes."""
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
    except Exception:  # errors of protobuf derive from Exception
        return False
    return {entry.key for entry in model.metadata_props} == set(METADATA)


def _export(network, example, opset):
    """Return the ONNX model of a network for any number of windows."""
    name = type(network.network).__name__
    logger = logging.getLogger("torch.onnx")
    silent = warnings.catch_warnings(action="ignore")
    with silent, torch.no_grad(), contextlib.ExitStack() as stack:
        stack.callback(logger.setLevel, logger.level)
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
            reason = str(error).splitlines()[0]
            raise ValueError(f"{name} has an operation without ONNX export: {reason}") from error
    model = program.model_proto  # type: ignore[union-attr]
    if not model.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        raise ValueError(f"{name} can be exported for a fixed number of windows only.")
    for part in [model, model.graph, *model.graph.node, *model.graph.value_info]:
        part.ClearField("doc_string")
        part.ClearField("metadata_props")  # contain paths of this machine
    return model


def _check_probabilities(content, classifier):
    """Raise RuntimeError unless graph and network agree for random windows."""
    import onnxruntime

    rng = np.random.default_rng(0)
    has_scale = classifier.scaling_ in ("robust", "standard")
    scale = classifier.scale_ if has_scale else np.full(classifier.n_chans_, classifier.spread_)
    offset_scale = classifier.offset_scale_ if classifier.scaling_ == "robust" else scale
    noise = scale[:, None] * rng.standard_normal((5, classifier.n_chans_, classifier.n_times_))
    offset = offset_scale[:, None] * rng.standard_t(1, (5, classifier.n_chans_, 1))
    windows = (classifier.center_[:, None] + noise + offset).astype("float32")
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    reference = copy.copy(classifier).set_params(voting="soft")  # has a net of its own
    if reference.net_.dtype == "bfloat16":  # the graph has the precision of the weights
        reference.net_.dtype = "float32"
    expected = reference.predict_proba(windows)
    for part in (slice(5), slice(1)):  # two numbers of windows
        (probabilities,) = session.run(None, {"windows": windows[part]})
        difference = np.abs(probabilities - expected[part]).max()
        if not difference <= TOLERANCE:
            raise RuntimeError(
                f"Probabilities of the graph must differ by at most {TOLERANCE:g} from those of "
                f"the network, got {difference:.2g}. Nothing was written."
            )
