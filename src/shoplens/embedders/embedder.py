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
    """A plug-in writes ``embed``; length, order and finiteness are checked by :func:`embedded`.

    Attributes:
        model: names the weights and the preprocessing; vectors of two models never meet.
        dimensions: length of a vector.
        shortest: the smallest shorter side, in pixels, at which a photo loses nothing for this model.
    """

    model: str
    dimensions: int
    shortest: int

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        """float32 (number of photos, dimensions), of any length but zero. May be called from several threads."""


def embedded(embedder: Embedder, ids: Sequence[str], photos: Sequence[Pixels]) -> Embeddings:
    """Unit vectors of the photos, in their order.

    Raises:
        ModelError: when the embedder's answer has another shape, or is not finite, or is zero.
    """
    if not photos:
        return Embeddings((), np.zeros((0, embedder.dimensions), np.float32), embedder.model)
    vectors = np.asarray(embedder.embed(photos), np.float32)
    expected = (len(photos), embedder.dimensions)
    if vectors.shape != expected:
        raise ModelError(
            f"{embedder.model} answered {vectors.shape}, not {expected}.", "Correct `dimensions` in its card."
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ModelError(
            f"{embedder.model} answered a vector that is zero or not finite.",
            "Check the scale and offset of the pixels in its card.",
            code=NO_DIRECTION,
        )
    return Embeddings(tuple(ids), vectors / lengths, embedder.model)
