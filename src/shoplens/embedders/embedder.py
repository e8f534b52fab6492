"""The protocol of whatever turns photos into vectors, and the checks that are ours rather than the plug-in's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from shoplens.errors import ModelError
from shoplens.types import Embeddings, Pixels, Vectors

NO_DIRECTION = "no-direction"
"""Code of the error for a vector that is zero or not finite, which may be the photo's fault."""


class Embedder(Protocol):
    """A plug-in writes ``embed``; length, order and finiteness are checked by :func:`embed_photos`.

    Attributes:
        model: names the weights and the preprocessing; vectors of two models never meet.
        dimensions: length of a vector.
        features: how many features for the filters follow a vector; 0 lets the filters work on the vector itself.
        further: how many numbers follow those, which only a trained look works on.
        shortest: the smallest shorter side, in pixels, at which a photo loses nothing for this model.
    """

    model: str
    dimensions: int
    features: int
    further: int
    shortest: int

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        """float32 (number of photos, dimensions + features + further): vectors of any length but zero, and beside them
        what the same pass gives the filters and a trained look. May be called from several threads."""


def embed_photos(embedder: Embedder, ids: Sequence[str], photos: Sequence[Pixels]) -> Embeddings:
    """Unit vectors of the photos, in their order, and their features (the vectors, where there are no others) with what
    follows these.

    Raises:
        ModelError: when the embedder's answer has another shape, or is not finite, or is zero.
    """
    if not photos:
        return Embeddings((), np.zeros((0, embedder.dimensions), np.float32), embedder.model)
    answered = np.asarray(embedder.embed(photos), np.float32)
    expected = (len(photos), embedder.dimensions + embedder.features + embedder.further)
    if answered.shape != expected:
        raise ModelError(
            f"{embedder.model} answered {answered.shape}, not {expected}.", "Correct `dimensions` in its card."
        )
    vectors, features = answered[:, : embedder.dimensions], answered[:, embedder.dimensions :]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ModelError(
            f"{embedder.model} answered a vector that is zero or not finite.",
            "Check the scale and offset of the pixels in its card.",
            code=NO_DIRECTION,
        )
    vectors = vectors / lengths
    if not embedder.features:
        features = np.concatenate([vectors, features], axis=1)
    return Embeddings(tuple(ids), vectors, embedder.model, features)
