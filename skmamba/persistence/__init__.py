"""Saving and loading of fitted models, ONNX export and the Hugging Face Hub."""

from .hub import pull_from_hub, push_to_hub
from .model import SavedModel, load_model, save_model
from .onnx import to_onnx

__all__ = ["SavedModel", "load_model", "pull_from_hub", "push_to_hub", "save_model", "to_onnx"]
