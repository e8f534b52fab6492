"""Photos -> vectors."""

from shoplens.embedders.embedder import Embedder, embedded
from shoplens.embedders.onnx import OnnxEmbedder

__all__ = ["Embedder", "OnnxEmbedder", "embedded"]
