"""What is seen of a photo: its embedding, and beside it the features that every filter works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shoplens.embedders import Embedder, FineTunedEmbedder, embed_photos
from shoplens.filters.photo_features.measurements import MEASURED, measure
from shoplens.filters.photo_features.pixels import SIDE
from shoplens.types import Features, Pixels, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFeatures:
    """One photo as the network and the pixels show it.

    Attributes:
        vector: float32 (d,), length 1.
        features: float32 (b + MEASURED + c,): those of the network, those measured, and those of the network that only
            a trained look works on.
    """

    vector: Vectors
    features: Features


def sight(embedder: Embedder, name: str, photo: Pixels) -> PhotoFeatures:
    """One pass of the network, and one look at the pixels.

    Raises:
        ModelError: as :func:`~shoplens.embedders.embed_photos`.
    """
    found = embed_photos(embedder, [name], [photo])
    row = found.vectors[0] if found.features is None else found.features[0]
    width = backbone_width(embedder)
    features = np.concatenate([row[:width], measure(photo).as_row(), row[width:]])
    return PhotoFeatures(
        found.vectors[0], features.astype(np.float16).astype(np.float32)
    )  # as they are when kept on disk


def backbone_width(embedder: Embedder) -> int:
    """How many of the network's features the filters work on: the first of a photo's."""
    return embedder.features or embedder.dimensions


def feature_model(embedder: Embedder) -> str:
    """Names what made the features, and at how many pixels per side: rows of two makers never meet."""
    further = f"+{embedder.further}" if embedder.further else ""
    trained = f"/{embedder.tuned}" if isinstance(embedder, FineTunedEmbedder) else ""
    return f"{embedder.model}/{backbone_width(embedder)}+{MEASURED}@{SIDE}{further}{trained}"


def width_of(embedder: Embedder) -> int:
    """How many features a photo has."""
    return backbone_width(embedder) + MEASURED + embedder.further
