"""What is seen of a photo: its embedding, and beside it the features that every filter works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shoplens.embedders import Embedder, embedded
from shoplens.filters.measured import MEASURED, measured
from shoplens.filters.pixels import SIDE
from shoplens.types import Features, Pixels, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """One photo as the network and the pixels show it.

    Attributes:
        vector: float32 (d,), length 1.
        features: float32 (b + MEASURED,): those of the network, then those measured.
    """

    vector: Vectors
    features: Features


def sight(embedder: Embedder, name: str, photo: Pixels) -> Sight:
    """One pass of the network, and one look at the pixels.

    Raises:
        ModelError: as :func:`~shoplens.embedders.embedded`.
    """
    found = embedded(embedder, [name], [photo])
    backbone = found.vectors[0] if found.features is None else found.features[0]
    features = np.concatenate([backbone, measured(photo).as_row()])
    return Sight(found.vectors[0], features.astype(np.float16).astype(np.float32))  # as they are when kept on disk


def backbone_width(embedder: Embedder) -> int:
    """How many of the features are the network's."""
    return embedder.features or embedder.dimensions


def feature_model(embedder: Embedder) -> str:
    """Names what made the features, and at how many pixels per side: rows of two makers never meet."""
    return f"{embedder.model}/{backbone_width(embedder)}+{MEASURED}@{SIDE}"
