"""Photos -> vectors."""

from shoplens.embedders.classifier import ProductClassifier
from shoplens.embedders.embedder import Embedder, embedded
from shoplens.embedders.look import TrainedLook
from shoplens.embedders.onnx import Embedders, OnnxEmbedder
from shoplens.embedders.tuned import TunedEmbedder

__all__ = ["Embedder", "Embedders", "OnnxEmbedder", "ProductClassifier", "TrainedLook", "TunedEmbedder", "embedded"]
