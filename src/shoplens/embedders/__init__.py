"""Photos -> vectors."""

from shoplens.embedders.classifier import ProductClassifier
from shoplens.embedders.embedder import Embedder, embedded
from shoplens.embedders.look import TrainedLook
from shoplens.embedders.onnx import OnnxEmbedder
from shoplens.embedders.tuned import TunedEmbedder

__all__ = ["Embedder", "OnnxEmbedder", "ProductClassifier", "TrainedLook", "TunedEmbedder", "embedded"]
