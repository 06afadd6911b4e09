"""Fitted models as folders of plain numbers, as ONNX graphs, and on the Hugging Face Hub."""

from ._hub import pull_from_hub, push_to_hub
from ._model import SavedModel, load_model, save_model
from ._onnx import to_onnx

__all__ = ["SavedModel", "load_model", "pull_from_hub", "push_to_hub", "save_model", "to_onnx"]
