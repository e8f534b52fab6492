"""The features of a photo: its embedding, and the input of the filters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shoplens.embedders import Embedder, FineTunedEmbedder, embed_photos
from shoplens.embedders.embedder import check_output, finds_objects
from shoplens.filters.photo_features.measurements import MEASURED_SIZE, measure_photo
from shoplens.filters.photo_features.pixels import SIDE
from shoplens.images.objects import FoundObject, cut_out, find_object
from shoplens.types import Embeddings, Features, Pixels, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFeatures:
    """The features of one photo.

    Attributes:
        vector: float32 (d,), length 1, the embedding.
        features: float32 (b + MEASURED_SIZE + o + c,): those of the network, those measured on the pixels, those of the
            network for the object alone, and those of the network that only a trained look uses.
        found: the object; None where none was found, or where the embedder finds none.
    """

    vector: Vectors
    features: Features
    found: FoundObject | None = None


def extract_features(embedder: Embedder, name: str, photo: Pixels) -> PhotoFeatures:
    """Run the network on a photo, and on the object in it, and measure its pixels.

    Where no object is found, the whole photo counts as the object.

    Raises:
        ModelError: as :func:`~shoplens.embedders.embed_photos`.
    """
    width, found, object_row = backbone_width(embedder), None, np.zeros(0, np.float32)
    if finds_objects(embedder):
        output, mask = embedder.embed_with_mask(photo)
        embedded, found = check_output(embedder, [name], output), find_object(mask)
        row = _network_row(embedded)
        object_row = row[:width] if found is None else embedder.backbone_features(cut_out(photo, found))[0]
    else:
        embedded = embed_photos(embedder, [name], [photo])
        row = _network_row(embedded)
    features = np.concatenate([row[:width], measure_photo(photo).to_row(), object_row, row[width:]])
    rounded = features.astype(np.float16).astype(np.float32)  # as they are read from the cache
    return PhotoFeatures(embedded.vectors[0], rounded, found)


def _network_row(embedded: Embeddings) -> Features:
    """Return the network's features of the only photo."""
    row: Features = embedded.vectors[0] if embedded.features is None else embedded.features[0]
    return row


def backbone_width(embedder: Embedder) -> int:
    """Return how many of the network's features the filters use; they are the first of a photo's."""
    return embedder.features or embedder.dimensions


def object_width(embedder: Embedder) -> int:
    """Return how many features a photo has of the object alone; they follow those measured on the pixels."""
    return sum(object_parts(embedder))


def object_parts(embedder: Embedder) -> tuple[int, ...]:
    """Return the lengths of the outputs of which these features consist; none where no objects are found."""
    return embedder.feature_sizes if finds_objects(embedder) else ()


def feature_model(embedder: Embedder) -> str:
    """Return the id of what makes the features, with the side in pixels; features of different ids are never mixed."""
    objects = f"+object{object_width(embedder)}" if finds_objects(embedder) else ""
    further = f"+{embedder.extra_features}" if embedder.extra_features else ""
    trained = f"/{embedder.tail_id}" if isinstance(embedder, FineTunedEmbedder) else ""
    return f"{embedder.model}/{backbone_width(embedder)}+{MEASURED_SIZE}@{SIDE}{objects}{further}{trained}"


def feature_width(embedder: Embedder) -> int:
    """Return how many features a photo has."""
    return backbone_width(embedder) + MEASURED_SIZE + object_width(embedder) + embedder.extra_features
