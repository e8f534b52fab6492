"""The features of a photo: its embedding, and the input of the filters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shoplens.embedders import Embedder, FineTunedEmbedder, embed_photos
from shoplens.filters.photo_features.measurements import MEASURED_SIZE, measure_photo
from shoplens.filters.photo_features.pixels import SIDE
from shoplens.types import Features, Pixels, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFeatures:
    """The features of one photo.

    Attributes:
        vector: float32 (d,), length 1, the embedding.
        features: float32 (b + MEASURED_SIZE + c,): those of the network, those measured on the pixels, and those of the
            network that only a trained look uses.
    """

    vector: Vectors
    features: Features


def extract_features(embedder: Embedder, name: str, photo: Pixels) -> PhotoFeatures:
    """Run the network on a photo, and measure its pixels.

    Raises:
        ModelError: as :func:`~shoplens.embedders.embed_photos`.
    """
    embedded = embed_photos(embedder, [name], [photo])
    row = embedded.vectors[0] if embedded.features is None else embedded.features[0]
    width = backbone_width(embedder)
    features = np.concatenate([row[:width], measure_photo(photo).to_row(), row[width:]])
    rounded = features.astype(np.float16).astype(np.float32)  # as they are read from the cache
    return PhotoFeatures(embedded.vectors[0], rounded)


def backbone_width(embedder: Embedder) -> int:
    """Return how many of the network's features the filters use; they are the first of a photo's."""
    return embedder.features or embedder.dimensions


def feature_model(embedder: Embedder) -> str:
    """Return the id of what makes the features, with the side in pixels; features of different ids are never mixed."""
    further = f"+{embedder.extra_features}" if embedder.extra_features else ""
    trained = f"/{embedder.tail_id}" if isinstance(embedder, FineTunedEmbedder) else ""
    return f"{embedder.model}/{backbone_width(embedder)}+{MEASURED_SIZE}@{SIDE}{further}{trained}"


def feature_width(embedder: Embedder) -> int:
    """Return how many features a photo has."""
    return backbone_width(embedder) + MEASURED_SIZE + embedder.extra_features
