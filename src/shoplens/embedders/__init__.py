"""Computes vectors of photos."""

from shoplens.embedders.classifier import ProductClassifier
from shoplens.embedders.embedder import Embedder, embed_photos
from shoplens.embedders.look import EmbeddingHead
from shoplens.embedders.onnx import Embedders, OnnxEmbedder
from shoplens.embedders.shipped import network_file
from shoplens.embedders.tuned import FineTunedEmbedder

__all__ = [
    "Embedder",
    "Embedders",
    "EmbeddingHead",
    "FineTunedEmbedder",
    "OnnxEmbedder",
    "ProductClassifier",
    "embed_photos",
    "network_file",
]
